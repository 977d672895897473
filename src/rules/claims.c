#include "rules/claims.h"

#include <stdlib.h>

bool claims_add(struct claims *claims, struct arena *arena, const struct claim *claim)
{
    struct claim *items = arena_grow(arena, claims->items, claims->count, &claims->room, sizeof *items);
    if (items == NULL)
        return false;
    claims->items = items;
    items[claims->count] = *claim;
    items[claims->count].order = claims->count;
    claims->count++;
    return true;
}

/* The ports that are looked at: all of them where a forward does not ask for any. */
static struct policy_ports ports_of(const struct policy_forward *forward)
{
    return forward->any_port ? (struct policy_ports){0, 65535} : forward->ext;
}

/* Whether there are packets that it leaves to others, by the time or by who sends them. */
static bool is_conditional(const struct claim *claim)
{
    const struct policy_when *when = &claim->forward.when;
    return when->during != 0 || when->mac != 0 || when->after != 0;
}

/* By ports first, so that claims that overlap stand near each other; then by all else that a claim says. */
static int compare_claims(const struct claim *x, const struct claim *y)
{
    const struct policy_forward *f = &x->forward, *g = &y->forward;
    struct policy_ports p = ports_of(f), q = ports_of(g);
    const uint64_t pairs[][2] = {
        {p.first, q.first},
        {p.last, q.last},
        {f->any_proto, g->any_proto},
        {f->proto, g->proto},
        {f->any_port, g->any_port},
        {f->zone, g->zone},
        {f->has_at, g->has_at},
        {f->at.lo, g->at.lo},
        {f->src.set, g->src.set},
        {f->src.outside, g->src.outside},
        {is_conditional(x), is_conditional(y)},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i][0] != pairs[i][1])
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct claim *x = *(const struct claim *const *)a, *y = *(const struct claim *const *)b;
    int order = compare_claims(x, y);
    return order != 0 ? order : x->order < y->order ? -1 : x->order > y->order;
}

/* Whether some IPv4 source is among those of both. Two inverted lists are taken to leave one. */
static bool sources_meet(const struct claim *a, const struct claim *b)
{
    if (a->src == NULL || b->src == NULL || (a->forward.src.outside && b->forward.src.outside))
        return true;
    if (a->forward.src.outside)
        return !sets_within(b->src, a->src, TG_IPV4);
    if (b->forward.src.outside)
        return !sets_within(a->src, b->src, TG_IPV4);
    return sets_meet(a->src, b->src, TG_IPV4);
}

/* Whether a connection exists that both take. Their ports are known to overlap, and neither or both are exposed hosts.
 */
static bool meet(const struct claim *a, const struct claim *b)
{
    const struct policy_forward *f = &a->forward, *g = &b->forward;
    if (!f->any_proto && f->proto != g->proto)
        return false;
    if (f->zone != TG_ZONE_NONE && g->zone != TG_ZONE_NONE && f->zone != g->zone)
        return false;
    if (f->has_at && g->has_at && !tg_addr_equal(f->at, g->at))
        return false;
    return sources_meet(a, b);
}

/* Whether the sources of `b` are all among those of `a`. */
static bool sources_within(const struct claim *a, const struct claim *b)
{
    if (a->src == NULL)
        return true;
    if (b->src == NULL)
        return false;
    if (!a->forward.src.outside && !b->forward.src.outside)
        return sets_within(b->src, a->src, TG_IPV4);
    if (a->forward.src.outside && b->forward.src.outside)
        return sets_within(a->src, b->src, TG_IPV4);
    return a->forward.src.outside && !sets_meet(a->src, b->src, TG_IPV4);
}

/* Whether `a` takes all that `b` claims. */
static bool covers(const struct claim *a, const struct claim *b)
{
    const struct policy_forward *f = &a->forward, *g = &b->forward;
    struct policy_ports p = ports_of(f), q = ports_of(g);
    return (f->any_proto || f->proto == g->proto) && p.first <= q.first && p.last >= q.last &&
           (f->zone == TG_ZONE_NONE || f->zone == g->zone) &&
           (!f->has_at || (g->has_at && tg_addr_equal(f->at, g->at))) && sources_within(a, b);
}

/* For each claim, by its order: the first other statement's that is the same, and the first that overlaps. */
struct rivals {
    const struct claim *same, *overlaps;
};

static void find_same(const struct claim *const *sorted, size_t count, struct rivals *rivals)
{
    const struct claim *first = sorted[0];
    for (size_t i = 1; i < count; i++) {
        const struct claim *claim = sorted[i];
        if (compare_claims(first, claim) != 0)
            first = claim;
        else if (first->statement != claim->statement && !is_conditional(first))
            rivals[claim->order].same = first;
    }
}

static void note_overlap(const struct claim *earlier, const struct claim *later, struct rivals *rivals)
{
    const struct claim **known = &rivals[later->order].overlaps;
    if (earlier->statement == later->statement || is_conditional(earlier) ||
        (*known != NULL && (*known)->order < earlier->order))
        return;
    /* an exposed host, wherever it stands, gets what no other forward takes */
    if (earlier->forward.any_proto == later->forward.any_proto && meet(earlier, later))
        *known = earlier;
}

/* Thousands of forwards of one port, each from sources of its own, would take a minute to compare all with all: then
 * only the first pairs are looked at. It is warnings alone that may be missing. */
#define LOOKS_MOST 2000000

static void find_overlaps(const struct claim *const *sorted, size_t count, struct rivals *rivals)
{
    unsigned long looks = 0;
    for (size_t i = 0; i < count; i++) {
        const struct claim *a = sorted[i];
        uint16_t last = ports_of(&a->forward).last;
        for (size_t j = i + 1; j < count && looks < LOOKS_MOST; j++, looks++) {
            const struct claim *b = sorted[j];
            if (ports_of(&b->forward).first > last)
                break;
            if (a->order < b->order)
                note_overlap(a, b, rivals);
            else
                note_overlap(b, a, rivals);
        }
    }
}

static void say(struct tg_complaints *complaints, const struct claim *claim, const struct rivals *rivals)
{
    const struct statement *st = claim->statement;
    struct place place = st->forward.ext.items != NULL ? st->forward.ext.place : st->place;
    char where[COMPLAINT_WHERE];
    if (rivals->same != NULL)
        complain(complaints, TG_ERROR, place,
                 "this is forwarded already, at %s; nothing would be left for this forward",
                 complaint_where(rivals->same->statement->place, where));
    else if (covers(rivals->overlaps, claim))
        complain(complaints, TG_WARNING, place, "the forward at %s comes first and takes all of this",
                 complaint_where(rivals->overlaps->statement->place, where));
    else
        complain(complaints, TG_WARNING, place, "the forward at %s comes first and takes a part of this",
                 complaint_where(rivals->overlaps->statement->place, where));
}

bool claims_judge(const struct claims *claims, struct tg_complaints *complaints)
{
    if (claims->count == 0)
        return true;
    struct rivals *rivals = calloc(claims->count, sizeof *rivals);
    const struct claim **sorted = calloc(claims->count, sizeof *sorted);
    bool good = rivals != NULL && sorted != NULL;
    for (size_t i = 0; i < claims->count && good; i++)
        sorted[i] = &claims->items[i];
    if (good) {
        qsort(sorted, claims->count, sizeof *sorted, compare);
        find_same(sorted, claims->count, rivals);
        find_overlaps(sorted, claims->count, rivals);
    }
    const struct statement *said = NULL; /* one complaint a statement */
    for (size_t i = 0; i < claims->count && good; i++) {
        const struct claim *claim = &claims->items[i];
        if (claim->statement == said || (rivals[i].same == NULL && rivals[i].overlaps == NULL))
            continue;
        say(complaints, claim, &rivals[i]);
        said = claim->statement;
    }
    free(sorted);
    free(rivals);
    return good;
}
