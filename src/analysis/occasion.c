#include "analysis/occasion.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/partition.h"
#include "policy/inside.h"

#define NONE UINT32_MAX

static bool begin_classes(struct classes *c, uint32_t points)
{
    c->points = points;
    c->classes = 1;
    c->of = calloc(points, sizeof *c->of);
    return c->of != NULL;
}

/* Part classes where one has points within `members` and others. */
static bool refine(struct classes *c, const uint8_t *members)
{
    uint32_t *to = malloc(2 * (size_t)c->classes * sizeof *to);
    if (to == NULL)
        return false;
    memset(to, 0xff, 2 * (size_t)c->classes * sizeof *to);
    c->classes = 0;
    for (uint32_t i = 0; i < c->points; i++) {
        uint32_t *number = &to[2 * c->of[i] + members[i]];
        if (*number == NONE)
            *number = c->classes++;
        c->of[i] = *number;
    }
    free(to);
    return true;
}

/* From points to the classes that they are of; each class is in `members` as a whole or not at all. */
static bool to_spans(const struct classes *c, const uint8_t *members, struct spans *spans)
{
    uint8_t *marked = calloc(c->classes, 1);
    for (uint32_t i = 0; marked != NULL && i < c->points; i++)
        marked[c->of[i]] = members[i];
    bool good = marked != NULL && spans_of(marked, 1, c->classes, spans);
    free(marked);
    return good;
}

static void mark_minutes(const struct minute_set *set, uint8_t *members)
{
    memset(members, 0, OCCASION_WEEK);
    for (size_t i = 0; i < set->count; i++)
        for (uint32_t minute = set->spans[i].first; minute <= set->spans[i].last && minute < OCCASION_WEEK; minute++)
            members[minute] = 1;
}

static int compare_macs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct policy_mac));
}

static void mark_macs(const struct occasions *o, const struct mac_set *set, uint8_t *members)
{
    size_t count = o->macs.points - 1;
    memset(members, 0, o->macs.points);
    for (size_t i = 0; i < set->count; i++) {
        const struct policy_mac *found = bsearch(&set->macs[i], o->listed, count, sizeof *o->listed, compare_macs);
        members[1 + (found - o->listed)] = 1;
    }
}

static bool list_macs(struct occasions *o, unsigned views)
{
    size_t room = 0, count = 0, kept = 0;
    for (unsigned view = 0; view < views; view++)
        for (size_t i = 0; i < o->views[view].policy->mac_sets.count; i++)
            room += o->views[view].policy->mac_sets.items[i].count;
    o->listed = calloc(room + 1, sizeof *o->listed);
    if (o->listed == NULL)
        return false;
    for (unsigned view = 0; view < views; view++)
        for (size_t i = 0; i < o->views[view].policy->mac_sets.count; i++) {
            const struct mac_set *set = &o->views[view].policy->mac_sets.items[i];
            memcpy(o->listed + count, set->macs, set->count * sizeof *set->macs);
            count += set->count;
        }
    qsort(o->listed, count, sizeof *o->listed, compare_macs);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare_macs(&o->listed[kept - 1], &o->listed[i]) != 0)
            o->listed[kept++] = o->listed[i];
    return begin_classes(&o->macs, (uint32_t)kept + 1);
}

/* Twice: to find the classes, then the spans that each list is of. */

static bool each_minutes(struct occasions *o, struct occasion_view *view, uint8_t *members, bool is_known)
{
    bool good = true;
    for (size_t i = 0; good && i < view->policy->minute_sets.count; i++) {
        mark_minutes(&view->policy->minute_sets.items[i], members);
        good = is_known ? to_spans(&o->minutes, members, &view->minutes[i]) : refine(&o->minutes, members);
    }
    return good;
}

static bool each_macs(struct occasions *o, struct occasion_view *view, uint8_t *members, bool is_known)
{
    bool good = true;
    for (size_t i = 0; good && i < view->policy->mac_sets.count; i++) {
        mark_macs(o, &view->policy->mac_sets.items[i], members);
        good = is_known ? to_spans(&o->macs, members, &view->macs[i]) : refine(&o->macs, members);
    }
    return good;
}

static bool find_classes(struct occasions *o, unsigned views)
{
    bool good = begin_classes(&o->minutes, OCCASION_WEEK) && list_macs(o, views);
    uint8_t *members = good ? malloc(OCCASION_WEEK + o->macs.points) : NULL;
    good = members != NULL;
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned view = 0; good && view < views; view++)
            good = each_minutes(o, &o->views[view], members, pass != 0) &&
                   each_macs(o, &o->views[view], members, pass != 0);
    free(members);
    return good;
}

/* Knocks. */

bool occasion_same_zone(const struct tg_policy *const *policies, uint8_t first, uint8_t second)
{
    if (first == TG_ZONE_NONE || second == TG_ZONE_NONE)
        return first == second;
    return strcmp(tg_policy_zone(policies[0], first)->name, tg_policy_zone(policies[1], second)->name) == 0;
}

bool occasion_same_where(const struct tg_policy *const *policies, struct policy_where first, struct policy_where second)
{
    if (first.set == POLICY_NONE || second.set == POLICY_NONE)
        return first.set == second.set;
    const struct address_set *a = &policies[0]->address_sets.items[first.set],
                             *b = &policies[1]->address_sets.items[second.set];
    return first.outside == second.outside && a->v4_count == b->v4_count && a->v6_count == b->v6_count &&
           memcmp(a->v4, b->v4, a->v4_count * sizeof *a->v4) == 0 &&
           memcmp(a->v6, b->v6, a->v6_count * sizeof *a->v6) == 0;
}

bool occasion_same_knock(const struct tg_policy *const *policies, const struct policy_knock *first,
                         const struct policy_knock *second)
{
    bool same = first->count == second->count && first->seconds == second->seconds && first->open == second->open &&
                occasion_same_zone(policies, first->zone, second->zone) &&
                occasion_same_where(policies, first->src, second->src);
    for (size_t i = 0; same && i < first->count; i++)
        same = first->steps[i].proto == second->steps[i].proto && first->steps[i].port == second->steps[i].port;
    return same;
}

static bool is_asked_for(const struct tg_policy *policy, uint32_t knock)
{
    for (size_t i = 0; i < policy->rules.count; i++)
        if (policy->rules.items[i].when.after == knock + 1)
            return true;
    for (size_t i = 0; i < policy->forwards.count; i++)
        if (policy->forwards.items[i].when.after == knock + 1)
            return true;
    return false;
}

/* How near a knock of the second policy is to one of the first that has no other yet. */
enum nearness { NOT_NEAR, BY_NAME, BY_MEANING, BY_BOTH };

static enum nearness nearness(const struct tg_policy *const *policies, const struct occasion_knock *knock,
                              uint32_t number)
{
    if (knock->number[0] == POLICY_NONE || knock->number[1] != POLICY_NONE)
        return NOT_NEAR;
    const struct policy_knock *first = policy_knock(policies[0], knock->number[0]),
                              *second = policy_knock(policies[1], number);
    bool by_meaning = occasion_same_knock(policies, first, second), by_name = strcmp(first->name, second->name) == 0;
    return by_meaning && by_name ? BY_BOTH : by_meaning ? BY_MEANING : by_name ? BY_NAME : NOT_NEAR;
}

static bool has_number(const struct occasion_knock *knocks, unsigned count, uint32_t number)
{
    for (unsigned i = 0; i < count; i++)
        if (knocks[i].number[1] == number)
            return true;
    return false;
}

/* Pair those that are so near; the others of the second policy are still to come. */
static void pair(const struct tg_policy *const *policies, struct occasion_knock *knocks, unsigned count,
                 enum nearness wanted)
{
    for (uint32_t number = 0; number < policies[1]->knocks.count; number++)
        for (unsigned i = 0; i < count && is_asked_for(policies[1], number); i++)
            if (!has_number(knocks, count, number) && nearness(policies, &knocks[i], number) == wanted)
                knocks[i].number[1] = number;
}

int occasion_knocks(const struct tg_policy *const *policies, unsigned policy_count,
                    struct occasion_knock knocks[static OCCASION_KNOCKS])
{
    unsigned count = 0;
    for (unsigned view = 0; view < policy_count; view++) {
        for (enum nearness wanted = BY_BOTH; view == 1 && wanted != NOT_NEAR; wanted--)
            pair(policies, knocks, count, wanted);
        for (uint32_t number = 0; number < policies[view]->knocks.count; number++) {
            if (!is_asked_for(policies[view], number) || (view == 1 && has_number(knocks, count, number)))
                continue;
            if (count == OCCASION_KNOCKS)
                return -E2BIG;
            knocks[count] =
                (struct occasion_knock){policy_knock(policies[view], number)->name, {POLICY_NONE, POLICY_NONE}};
            knocks[count++].number[view] = number;
        }
    }
    return (int)count;
}

/* The values with a bit set. */
static bool spans_of_bit(unsigned bits, unsigned bit, struct spans *spans)
{
    uint32_t count = UINT32_C(1) << (bits - 1 - bit), width = UINT32_C(1) << bit;
    struct span *items = malloc(count * sizeof *items);
    for (uint32_t i = 0; items != NULL && i < count; i++)
        items[i] = (struct span){(2 * i + 1) * width, (2 * i + 2) * width - 1};
    *spans = (struct spans){items, count};
    return items != NULL;
}

static int find_knocks(struct occasions *o, const struct tg_policy *const *policies, unsigned views)
{
    int count = occasion_knocks(policies, views, o->knocks);
    if (count < 0)
        return count;
    o->knock_count = (unsigned)count;
    for (unsigned view = 0; view < views; view++)
        for (unsigned bit = 0; bit < o->knock_count; bit++) {
            uint32_t number = o->knocks[bit].number[view];
            if (number != POLICY_NONE && !spans_of_bit(o->knock_count, bit, &o->views[view].knocks[number]))
                return -ENOMEM;
        }
    return 0;
}

/* Life. */

int occasions_begin(struct occasions *o, const struct tg_policy *const *policies, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct occasion_view *view = &o->views[i];
        view->policy = policies[i];
        view->minutes = calloc(policies[i]->minute_sets.count + 1, sizeof *view->minutes);
        view->macs = calloc(policies[i]->mac_sets.count + 1, sizeof *view->macs);
        view->knocks = calloc(policies[i]->knocks.count + 1, sizeof *view->knocks);
        if (view->minutes == NULL || view->macs == NULL || view->knocks == NULL)
            return -ENOMEM;
    }
    return find_classes(o, count) ? find_knocks(o, policies, count) : -ENOMEM;
}

void occasions_end(struct occasions *o)
{
    for (unsigned i = 0; i < 2; i++) {
        struct occasion_view *view = &o->views[i];
        if (view->policy == NULL)
            continue;
        spans_free(view->minutes, view->policy->minute_sets.count);
        spans_free(view->macs, view->policy->mac_sets.count);
        spans_free(view->knocks, view->policy->knocks.count);
    }
    free(o->minutes.of);
    free(o->macs.of);
    free(o->listed);
}
