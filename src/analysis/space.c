#include "analysis/space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/inside.h"

static void add_prefix(struct draft *e, struct tg_addr addr, uint8_t len)
{
    struct tg_range range = tg_prefix_range(&(struct tg_prefix){addr, e->family, len});
    draft_single(e, range.first, range.last);
}

static size_t set_size(const struct address_set *set, uint8_t family)
{
    return family == TG_IPV4 ? set->v4_count : set->v6_count;
}

static struct tg_range set_range(const struct address_set *set, uint8_t family, size_t i)
{
    if (family == TG_IPV4)
        return (struct tg_range){tg_ipv4(set->v4[i].first), tg_ipv4(set->v4[i].last), family};
    return (struct tg_range){set->v6[i].first, set->v6[i].last, family};
}

static void add_set(struct draft *e, const struct address_set *set)
{
    draft_next(e);
    for (size_t i = 0; i < set_size(set, e->family); i++) {
        struct tg_range range = set_range(set, e->family, i);
        draft_range(e, range.first, range.last);
    }
}

/* Addresses that mean something of themselves: unspecified, groups, link-local, and the stand-in that an unknown
 * address of the router gets when a packet is made up (probe.h). */
static void add_special(struct draft *e)
{
    draft_single(e, (struct tg_addr){0, 0}, (struct tg_addr){0, 0});
    if (e->family == TG_IPV4) {
        add_prefix(e, tg_ipv4(UINT32_C(0xe0000000)), 4);
        add_prefix(e, tg_ipv4(UINT32_MAX), 32);
        add_prefix(e, tg_ipv4(UINT32_C(0xc0000008)), 32);
    } else {
        add_prefix(e, (struct tg_addr){UINT64_C(0xff) << 56, 0}, 8);
        add_prefix(e, (struct tg_addr){UINT64_C(0xfe80) << 48, 0}, 10);
        add_prefix(e, (struct tg_addr){UINT64_C(0x0100) << 48, 8}, 128);
    }
}

/* The router's own addresses, the networks behind them, and the addresses that these broadcast to. */
static void add_networks(struct draft *e, const struct tg_policy *policy)
{
    for (size_t zone = 0; zone < policy->zones.count; zone++) {
        const struct tg_zone *z = &policy->zones.items[zone];
        for (size_t i = 0; i < z->address_count; i++) {
            if (z->addresses[i].family != e->family)
                continue;
            struct tg_range range = tg_prefix_range(&z->addresses[i]);
            draft_single(e, range.first, range.last);
            draft_single(e, range.first, range.first);
            draft_single(e, range.last, range.last);
            draft_single(e, z->addresses[i].addr, z->addresses[i].addr);
        }
    }
}

/* From sets to spans. */

/* `members` has a place for each class; it is clear, and is left so. */
static bool set_spans(const struct partition *p, const struct address_set *set, uint8_t family, unsigned used,
                      uint8_t *members, struct spans *spans)
{
    if (used == 0)
        return true;
    for (size_t i = 0; i < set_size(set, family); i++) {
        struct tg_range range = set_range(set, family, i);
        for (size_t j = partition_piece(p, range.first); j < p->count; j++) {
            if (tg_addr_compare(p->pieces[j].first, range.last) > 0)
                break;
            members[p->pieces[j].class] = 1;
        }
    }
    bool good = (!(used & 1) || spans_of(members, 1, p->classes, &spans[0])) &&
                (!(used & 2) || spans_of(members, 0, p->classes, &spans[1]));
    memset(members, 0, p->classes);
    return good;
}

static bool port_spans(const struct port_set *set, struct spans *spans)
{
    struct span *items = malloc((set->count + 1) * sizeof *items);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < set->count; i++)
        items[i] = (struct span){set->ranges[i].first, set->ranges[i].last};
    *spans = (struct spans){items, (uint32_t)set->count};
    return true;
}

/* Which sets are asked for, and on which side; with `not`, the bit above. */
enum { USED_SRC = 1, USED_DST = 4 };

static void mark(uint8_t *used, struct policy_where where, uint8_t how)
{
    if (where.set != POLICY_NONE)
        used[where.set] |= (uint8_t)(how << where.outside);
}

static void mark_used(const struct tg_policy *policy, uint8_t *used)
{
    for (size_t i = 0; i < policy->rules.count; i++) {
        if (policy->rules.items[i].forward != POLICY_NONE)
            continue;
        mark(used, policy->rules.items[i].src, USED_SRC);
        mark(used, policy->rules.items[i].dst, USED_DST);
    }
    for (size_t i = 0; i < policy->forwards.count; i++)
        mark(used, policy->forwards.items[i].src, USED_SRC);
    for (size_t i = 0; i < policy->translations.count; i++) {
        mark(used, policy->translations.items[i].src, USED_SRC);
        mark(used, policy->translations.items[i].dst, USED_DST);
    }
}

/* Everything of a policy that tells addresses apart. */
static void add_policy(struct draft *src, struct draft *dst, const struct space_view *view, const uint8_t *used)
{
    const struct tg_policy *policy = view->policy;
    for (size_t i = 0; i < policy->address_sets.count; i++) {
        if (view->is_vague[i])
            continue;
        if (used[i] & USED_SRC * 3)
            add_set(src, &policy->address_sets.items[i]);
        if (used[i] & USED_DST * 3)
            add_set(dst, &policy->address_sets.items[i]);
    }
    add_networks(src, policy);
    add_networks(dst, policy);
    for (size_t i = 0; i < policy->forwards.count && dst->family == TG_IPV4; i++) {
        const struct policy_forward *forward = &policy->forwards.items[i];
        draft_single(dst, forward->host, forward->host);
        if (forward->has_at)
            draft_single(dst, forward->at, forward->at);
    }
    for (size_t i = 0; i < policy->translations.count && src->family == TG_IPV4; i++) {
        const struct policy_translation *t = &policy->translations.items[i];
        if (!t->itself && tg_addr_equal(t->first, t->last))
            draft_single(src, t->first, t->first);
    }
}

static bool make_sets(struct space *space, struct space_view *view, const uint8_t *used)
{
    const struct tg_policy *policy = view->policy;
    uint32_t most = space->src.classes > space->dst.classes ? space->src.classes : space->dst.classes;
    uint8_t *members = calloc(most, 1);
    bool good = members != NULL;
    for (size_t i = 0; i < policy->address_sets.count && good; i++) {
        const struct address_set *set = &policy->address_sets.items[i];
        if (view->is_vague[i])
            continue;
        good = set_spans(&space->src, set, space->family, used[i] / USED_SRC & 3, members, &view->src_sets[2 * i]) &&
               set_spans(&space->dst, set, space->family, used[i] / USED_DST & 3, members, &view->dst_sets[2 * i]);
    }
    for (size_t i = 0; i < policy->port_sets.count && good; i++)
        good = port_spans(&policy->port_sets.items[i], &view->port_sets[i]);
    free(members);
    return good;
}

/* Life. */

static bool begin_view(struct space *space, struct space_view *view, const struct tg_policy *policy, size_t set_most)
{
    size_t sets = policy->address_sets.count;
    view->policy = policy;
    view->src_sets = calloc(2 * sets + 1, sizeof *view->src_sets);
    view->dst_sets = calloc(2 * sets + 1, sizeof *view->dst_sets);
    view->port_sets = calloc(policy->port_sets.count + 1, sizeof *view->port_sets);
    view->is_vague = calloc(sets + 1, sizeof *view->is_vague);
    if (view->src_sets == NULL || view->dst_sets == NULL || view->port_sets == NULL || view->is_vague == NULL)
        return false;
    for (size_t i = 0; i < sets; i++)
        view->is_vague[i] = set_size(&policy->address_sets.items[i], space->family) > set_most;

    view->zones[TG_ZONE_ROUTER] = TG_ZONE_ROUTER;
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy); zone++) {
        uint8_t first = view == &space->views[0]
                            ? TG_ZONE_NONE
                            : tg_policy_zone_named(space->views[0].policy, tg_policy_zone(policy, zone)->name);
        view->zones[zone] = first != TG_ZONE_NONE ? first : (uint8_t)space->zone_count++;
    }
    return true;
}

static bool fill(struct space *space, const struct tg_policy *const *policies, size_t set_most)
{
    struct draft src = {.family = space->family}, dst = {.family = space->family};
    uint8_t *used[2] = {NULL, NULL};
    bool good = true;
    add_special(&src);
    add_special(&dst);
    for (unsigned i = 0; i < space->view_count && good; i++) {
        used[i] = calloc(policies[i]->address_sets.count + 1, 1);
        good = used[i] != NULL && begin_view(space, &space->views[i], policies[i], set_most);
        if (good) {
            mark_used(policies[i], used[i]);
            add_policy(&src, &dst, &space->views[i], used[i]);
        }
    }
    good = good && partition_make(&src, &space->src) && partition_make(&dst, &space->dst);
    for (unsigned i = 0; i < space->view_count && good; i++)
        good = make_sets(space, &space->views[i], used[i]);
    free(used[0]);
    free(used[1]);
    draft_end(&src);
    draft_end(&dst);
    return good;
}

int space_new(uint8_t family, const struct tg_policy *const *policies, unsigned count, size_t set_most, bool own_out,
              struct space **out)
{
    struct space *space = calloc(1, sizeof *space);
    if (space == NULL)
        return -ENOMEM;
    space->family = family;
    space->view_count = count;
    space->zone_count = TG_ZONE_FIRST;
    int error = occasions_begin(&space->occasions, policies, count);
    if (error == 0 && !fill(space, policies, set_most))
        error = -ENOMEM;
    if (error != 0) {
        space_free(space);
        return error;
    }
    space->own_out = own_out ? space->zone_count : 0;
    const uint32_t sizes[SPACE_FIELDS] = {
        [SPACE_IN] = space->zone_count,
        [SPACE_OUT] = own_out ? space->zone_count * 2 : space->zone_count,
        [SPACE_KIND] = SPACE_KINDS,
        [SPACE_SRC] = space->src.classes,
        [SPACE_DST] = space->dst.classes,
        [SPACE_SPORT] = 65536,
        [SPACE_DPORT] = 65536,
        [SPACE_MINUTE] = space->occasions.minutes.classes,
        [SPACE_MAC] = space->occasions.macs.classes,
        [SPACE_KNOCKS] = UINT32_C(1) << space->occasions.knock_count,
    };
    memcpy(space->sizes, sizes, sizeof sizes);
    *out = space;
    return 0;
}

void space_free(struct space *space)
{
    if (space == NULL)
        return;
    for (unsigned i = 0; i < space->view_count; i++) {
        struct space_view *view = &space->views[i];
        size_t sets = view->policy != NULL ? view->policy->address_sets.count : 0;
        spans_free(view->src_sets, 2 * sets);
        spans_free(view->dst_sets, 2 * sets);
        spans_free(view->port_sets, view->policy != NULL ? view->policy->port_sets.count : 0);
        free(view->is_vague);
    }
    occasions_end(&space->occasions);
    partition_end(&space->src);
    partition_end(&space->dst);
    free(space);
}

/* Regions. */

void space_bound(struct space_region *region, unsigned field, uint32_t first, uint32_t last)
{
    region->own[field][0] = (struct span){first, last};
    region->region.in[field] = (struct spans){region->own[field], 1};
}

void space_bound_where(const struct space *space, unsigned number, struct policy_where where, unsigned field,
                       struct space_region *region)
{
    const struct space_view *view = &space->views[number];
    if (where.set == POLICY_NONE)
        return;
    if (view->is_vague[where.set]) {
        region->vague = true;
        return;
    }
    const struct spans *sets = field == SPACE_SRC ? view->src_sets : view->dst_sets;
    region->region.in[field] = sets[2 * where.set + where.outside];
}

bool space_is_empty(const struct space_region *region)
{
    for (unsigned field = 0; field < SPACE_FIELDS; field++)
        if (region->region.in[field].items != NULL && region->region.in[field].count == 0)
            return true;
    return false;
}

static void bound_kind(const struct policy_rule *rule, struct space_region *region)
{
    static const uint8_t with_ports[SPACE_PORTED] = {TG_PROTO_TCP, TG_PROTO_UDP, TG_PROTO_DCCP, TG_PROTO_SCTP,
                                                     TG_PROTO_UDPLITE}; /* in order */
    bool has_ports = rule->sport != POLICY_NONE || rule->dport != POLICY_NONE;
    if (!rule->any_proto) {
        uint32_t first = (uint32_t)rule->proto << 16, last = first | 0xffff;
        if (!rule->any_type) {
            first |= (uint32_t)rule->type << 8 | (rule->any_code ? 0 : rule->code);
            last = rule->any_code ? first | 0xff : first;
        }
        space_bound(region, SPACE_KIND, first, last);
        if (has_ports && !tg_proto_has_ports(rule->proto))
            region->region.in[SPACE_KIND].count = 0;
    } else if (has_ports) {
        for (unsigned i = 0; i < SPACE_PORTED; i++)
            region->own[SPACE_KIND][i] =
                (struct span){(uint32_t)with_ports[i] << 16, (uint32_t)with_ports[i] << 16 | 0xffff};
        region->region.in[SPACE_KIND] = (struct spans){region->own[SPACE_KIND], SPACE_PORTED};
    }
}

void space_bound_out(const struct space *space, uint32_t zone, struct space_region *region)
{
    space_bound(region, SPACE_OUT, zone, zone);
    if (zone != TG_ZONE_ROUTER || space->own_out == 0)
        return;
    region->own[SPACE_OUT][1] = (struct span){space->own_out, space->own_out * 2 - 1};
    region->region.in[SPACE_OUT].count = 2;
}

void space_bound_when(const struct space *space, unsigned number, const struct policy_when *when,
                      struct space_region *region)
{
    const struct occasion_view *view = &space->occasions.views[number];
    if (when->during != 0)
        region->region.in[SPACE_MINUTE] = view->minutes[when->during - 1];
    if (when->mac != 0)
        region->region.in[SPACE_MAC] = view->macs[when->mac - 1];
    if (when->after != 0)
        region->region.in[SPACE_KNOCKS] = view->knocks[when->after - 1];
}

bool space_rule(const struct space *space, unsigned number, const struct policy_rule *rule, struct space_region *region)
{
    const struct space_view *view = &space->views[number];
    memset(region, 0, sizeof *region);
    if (rule->family != 0 && rule->family != space->family)
        return false;
    if (rule->zone_in != TG_ZONE_NONE)
        space_bound(region, SPACE_IN, view->zones[rule->zone_in], view->zones[rule->zone_in]);
    if (rule->zone_out != TG_ZONE_NONE)
        space_bound_out(space, view->zones[rule->zone_out], region);
    bound_kind(rule, region);
    space_bound_where(space, number, rule->src, SPACE_SRC, region);
    space_bound_where(space, number, rule->dst, SPACE_DST, region);
    if (rule->sport != POLICY_NONE)
        region->region.in[SPACE_SPORT] = view->port_sets[rule->sport];
    if (rule->dport != POLICY_NONE)
        region->region.in[SPACE_DPORT] = view->port_sets[rule->dport];
    space_bound_when(space, number, &rule->when, region);
    return !space_is_empty(region);
}
