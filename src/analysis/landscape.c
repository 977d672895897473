#include "analysis/landscape.h"

#include <stdlib.h>
#include <string.h>

enum { NO = 0, YES = 1 };

uint32_t landscape_first(void *context, uint32_t a, uint32_t b)
{
    (void)context;
    if (a == diagram_leaf(0))
        return b;
    return diagram_is_leaf(a) || b == diagram_leaf(0) ? a : DIAGRAM_DESCEND;
}

uint32_t landscape_within(void *context, uint32_t a, uint32_t b)
{
    (void)context;
    if (a == diagram_leaf(0) || b == diagram_leaf(0))
        return diagram_leaf(0);
    return diagram_is_leaf(a) ? b : DIAGRAM_DESCEND;
}

/* b where a is 0, else 0. */
static uint32_t without(void *context, uint32_t a, uint32_t b)
{
    (void)context;
    if (a == diagram_leaf(0))
        return b;
    return diagram_is_leaf(a) || b == diagram_leaf(0) ? diagram_leaf(0) : DIAGRAM_DESCEND;
}

static uint32_t draw(struct landscape *l, const struct space_region *region, uint32_t number)
{
    return diagram_region(l->diagram, &region->region, diagram_leaf(number), diagram_leaf(0));
}

static uint32_t add(struct landscape *l, uint32_t node, const struct space_region *region, uint32_t number)
{
    return diagram_apply(l->diagram, landscape_first, NULL, node, draw(l, region, number));
}

/* Zones. */

static const struct tg_policy *policy_of(const struct landscape *l, unsigned view)
{
    return l->space->views[view].policy;
}

static bool has_zone(const struct landscape *l, unsigned view, uint32_t zone)
{
    return zone < TG_ZONE_FIRST || l->policy_zones[view][zone] != TG_ZONE_NONE;
}

bool landscape_is_common(const struct landscape *l, uint32_t zone)
{
    return has_zone(l, 0, zone) && has_zone(l, 1, zone);
}

bool landscape_is_unknown(const struct landscape *l, unsigned view, uint32_t zone)
{
    if (zone < TG_ZONE_FIRST || !has_zone(l, view, zone))
        return false;
    const struct tg_zone *z = tg_policy_zone(policy_of(l, view), l->policy_zones[view][zone]);
    for (size_t i = 0; i < z->address_count; i++)
        if (z->addresses[i].family == l->space->family)
            return false;
    return true;
}

/* Classes. */

static bool bound_classes(struct landscape *l, struct space_region *region, unsigned field, const bool *members)
{
    uint32_t size = l->space->sizes[field], count = 0;
    struct span *items = malloc((size / 2 + 1) * sizeof *items);
    l->failed |= items == NULL;
    for (uint32_t i = 0; i < size && items != NULL; i++) {
        if (members[i] && count > 0 && items[count - 1].last + 1 == i)
            items[count - 1].last = i;
        else if (members[i])
            items[count++] = (struct span){i, i};
    }
    if (count == 0) {
        free(items);
        return false;
    }
    region->region.in[field] = (struct spans){items, count};
    return true;
}

bool landscape_bound(struct landscape *l, struct space_region *region, unsigned field, landscape_class_fn *is,
                     const void *context)
{
    const struct partition *p = field == SPACE_SRC ? &l->space->src : &l->space->dst;
    bool *members = malloc(p->classes * sizeof *members);
    if (members == NULL) {
        l->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < p->classes; i++)
        members[i] = is(context, p->samples[i]);
    bool any = bound_classes(l, region, field, members);
    free(members);
    return any;
}

void landscape_unbound(struct space_region *region, unsigned field)
{
    free((void *)(uintptr_t)region->region.in[field].items);
    region->region.in[field] = (struct spans){NULL, 0};
}

/* Where destinations lead. */

static bool is_way(const struct landscape *l, unsigned view, const struct way *way, uint32_t out)
{
    if (way->out[view] == out)
        return true;
    if (way->is_known[view])
        return false;
    if (l->space->own_out != 0 && out >= l->space->own_out)
        return landscape_is_unknown(l, view, out - l->space->own_out);
    bool is_own = false; /* the router's, on some zone: without own_out that is all one */
    for (uint32_t zone = TG_ZONE_FIRST; out == TG_ZONE_ROUTER && zone < l->space->zone_count; zone++)
        is_own |= l->space->own_out == 0 && landscape_is_unknown(l, view, zone);
    return is_own || landscape_is_unknown(l, view, out);
}

/* An address that is the router's own in one file may be so in the other, which gives none for that zone. */
static void find_own(struct landscape *l, unsigned view, struct way *way, struct tg_addr addr)
{
    uint8_t family = l->space->family;
    if (way->is_known[view] || way->out[!view] != TG_ZONE_ROUTER)
        return;
    for (uint32_t zone = TG_ZONE_FIRST; zone < l->space->zone_count; zone++)
        if (has_zone(l, !view, zone) && landscape_is_unknown(l, view, zone) &&
            tg_network_is_own(l->networks[!view], l->policy_zones[!view][zone], family, addr))
            way->out[view] = l->space->own_out != 0 ? l->space->own_out + zone : TG_ZONE_ROUTER;
}

static bool find_ways(struct landscape *l)
{
    const struct space *space = l->space;
    l->ways = calloc(space->dst.classes, sizeof *l->ways);
    if (l->ways == NULL)
        return false;
    for (uint32_t i = 0; i < space->dst.classes; i++) {
        struct way *way = &l->ways[i];
        struct tg_addr addr = space->dst.samples[i];
        for (unsigned view = 0; view < 2; view++) {
            uint8_t zone = tg_network_zone_to(l->networks[view], space->family, addr);
            way->out[view] = space->views[view].zones[zone];
            way->is_known[view] =
                zone == TG_ZONE_ROUTER || tg_network_is_behind(l->networks[view], zone, space->family, addr);
        }
        find_own(l, 0, way, addr);
        find_own(l, 1, way, addr);
        way->is_moved = !is_way(l, 1, way, way->out[0]);
    }
    return true;
}

static uint32_t out_zone(const struct landscape *l, uint32_t out)
{
    return l->space->own_out != 0 && out >= l->space->own_out ? out - l->space->own_out : out;
}

uint32_t landscape_zone_of(const struct landscape *l, uint32_t out)
{
    return l->space->own_out != 0 && out >= l->space->own_out ? TG_ZONE_ROUTER : out;
}

static bool is_led(const struct landscape *l, uint32_t out, uint32_t class)
{
    const struct way *way = &l->ways[class];
    if (tg_addr_is_unspecified(l->space->dst.samples[class]) || !is_way(l, 0, way, out) ||
        !landscape_is_common(l, out_zone(l, out)))
        return false;
    if (way->is_moved && way->out[0] == out)
        return landscape_is_common(l, out_zone(l, way->out[1]));
    return is_way(l, 1, way, out);
}

/* The router speaks from addresses of its own, or from such as no zone is known to have. */
static bool is_another_s(const struct landscape *l, struct tg_addr addr)
{
    uint8_t family = l->space->family;
    for (unsigned view = 0; view < 2; view++) {
        bool is_behind = false;
        for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy_of(l, view)); zone++)
            is_behind |= tg_network_is_behind(l->networks[view], zone, family, addr);
        if (!is_behind || tg_network_is_own(l->networks[view], TG_ZONE_NONE, family, addr))
            return false;
    }
    return true;
}

static bool is_sent(const struct landscape *l, uint32_t zone, uint32_t class)
{
    struct tg_addr addr = l->space->src.samples[class];
    if (tg_addr_is_unspecified(addr) || (zone == TG_ZONE_ROUTER && is_another_s(l, addr)))
        return false;
    for (unsigned view = 0; view < 2; view++)
        if (!tg_network_is_spoofed(l->networks[view], l->policy_zones[view][zone], l->space->family, addr))
            return landscape_is_common(l, zone);
    return false;
}

/* Asked of each class for each block that is told of, so it is written down once. */

bool landscape_leads(const struct landscape *l, uint32_t out, uint32_t class)
{
    return l->leads[(size_t)out * l->space->dst.classes + class];
}

bool landscape_sends(const struct landscape *l, uint32_t zone, uint32_t class)
{
    return l->sends[(size_t)zone * l->space->src.classes + class];
}

static bool note_ways(struct landscape *l)
{
    const struct space *space = l->space;
    size_t i = 0, j = 0;
    l->leads = calloc((size_t)space->sizes[SPACE_OUT] * space->dst.classes, sizeof *l->leads);
    l->sends = calloc((size_t)space->zone_count * space->src.classes, sizeof *l->sends);
    if (l->leads == NULL || l->sends == NULL)
        return false;
    for (uint32_t out = 0; out < space->sizes[SPACE_OUT]; out++)
        for (uint32_t class = 0; class < space->dst.classes; class ++)
            l->leads[i++] = is_led(l, out, class);
    for (uint32_t zone = 0; zone < space->zone_count; zone++)
        for (uint32_t class = 0; class < space->src.classes; class ++)
            l->sends[j++] = is_sent(l, zone, class);
    return true;
}

static uint32_t draw_ways(struct landscape *l)
{
    const struct space *space = l->space;
    uint32_t node = diagram_leaf(NO);
    bool *members = calloc(space->dst.classes, sizeof *members);
    l->failed |= members == NULL;
    for (uint32_t out = 0; out < space->sizes[SPACE_OUT] && members != NULL; out++) {
        struct space_region region = {.vague = false};
        for (uint32_t i = 0; i < space->dst.classes; i++)
            members[i] = landscape_leads(l, out, i);
        if (!bound_classes(l, &region, SPACE_DST, members))
            continue;
        space_bound(&region, SPACE_OUT, out, out);
        node = add(l, node, &region, YES);
        landscape_unbound(&region, SPACE_DST);
    }
    free(members);
    return node;
}

uint32_t landscape_move(struct landscape *l, uint32_t node)
{
    const struct space *space = l->space;
    uint32_t result = node;
    bool *done = calloc(space->dst.classes, sizeof *done), *members = calloc(space->dst.classes, sizeof *members);
    l->failed |= done == NULL || members == NULL;
    for (uint32_t i = 0; i < space->dst.classes && !l->failed; i++) {
        struct space_region region = {.vague = false};
        const struct way *way = &l->ways[i];
        if (!way->is_moved || done[i])
            continue;
        for (uint32_t j = 0; j < space->dst.classes; j++) {
            const struct way *other = &l->ways[j];
            members[j] = other->is_moved && other->out[0] == way->out[0] && other->out[1] == way->out[1];
            done[j] |= members[j];
        }
        if (!bound_classes(l, &region, SPACE_DST, members))
            continue;
        space_bound(&region, SPACE_OUT, way->out[0], way->out[0]);
        uint32_t there = diagram_fix(l->diagram, node, SPACE_OUT, way->out[1]);
        there = diagram_apply(l->diagram, landscape_within, NULL, draw(l, &region, YES), there);
        result = diagram_apply(l->diagram, landscape_first, NULL, there, result);
        landscape_unbound(&region, SPACE_DST);
    }
    free(done);
    free(members);
    return result;
}

/* Kinds of packets (packet.h, enum tg_transport). */

struct types {
    uint8_t first, last;
};

static uint32_t draw_types(struct landscape *l, uint32_t node, const struct types *types, size_t count)
{
    uint32_t proto = l->space->family == TG_IPV4 ? TG_PROTO_ICMP : TG_PROTO_ICMP6;
    for (size_t i = 0; i < count; i++) {
        struct space_region region = {.vague = false};
        space_bound(&region, SPACE_KIND, proto << 16 | (uint32_t)types[i].first << 8,
                    proto << 16 | (uint32_t)types[i].last << 8 | 0xff);
        node = add(l, node, &region, YES);
    }
    return node;
}

static uint32_t draw_proto(struct landscape *l, uint32_t node, uint32_t proto)
{
    struct space_region region = {.vague = false};
    space_bound(&region, SPACE_KIND, proto << 16, proto << 16 | 0xffff);
    return add(l, node, &region, YES);
}

static uint32_t draw_notices(struct landscape *l)
{
    static const struct types v4[] = {{1, 2}, {6, 7}, {9, 10}, {19, 255}}, v6[] = {{130, 255}};
    bool is_v4 = l->space->family == TG_IPV4;
    return draw_proto(l, draw_types(l, diagram_leaf(NO), is_v4 ? v4 : v6, is_v4 ? 4 : 1), TG_PROTO_IGMP);
}

/* Answers and errors, which belong to a connection or are refused; and of IPv6 the extension headers, which are no
 * protocols. */
static uint32_t draw_unasked(struct landscape *l)
{
    static const struct types v4[] = {{0, 0}, {3, 5}, {11, 12}, {14, 14}, {16, 16}, {18, 18}},
                              v6[] = {{0, 127}, {129, 129}};
    static const uint8_t extensions[] = {0, 43, 44, 60};
    if (l->space->family == TG_IPV4)
        return draw_types(l, diagram_leaf(NO), v4, 6);
    uint32_t node = draw_types(l, diagram_leaf(NO), v6, 2);
    for (size_t i = 0; i < sizeof extensions; i++)
        node = draw_proto(l, node, extensions[i]);
    return node;
}

static bool is_one_host(const void *context, struct tg_addr addr)
{
    const struct landscape *l = context;
    return !tg_addr_is_group(l->space->family, addr);
}

static uint32_t draw_unanswerable(struct landscape *l)
{
    uint32_t unspecified = partition_class(&l->space->src, (struct tg_addr){0, 0}), node = diagram_leaf(NO);
    struct space_region region = {.vague = false};
    space_bound(&region, SPACE_SRC, unspecified, unspecified);
    space_bound(&region, SPACE_KIND, TG_PROTO_TCP << 16, TG_PROTO_TCP << 16 | 0xffff);
    node = add(l, node, &region, YES);
    region.region.in[SPACE_KIND] = (struct spans){NULL, 0};
    if (landscape_bound(l, &region, SPACE_DST, is_one_host, l)) {
        node = add(l, node, &region, YES);
        landscape_unbound(&region, SPACE_DST);
    }
    unspecified = partition_class(&l->space->dst, (struct tg_addr){0, 0});
    region.region.in[SPACE_SRC] = (struct spans){NULL, 0};
    space_bound(&region, SPACE_DST, unspecified, unspecified);
    return add(l, node, &region, YES);
}

static uint32_t draw_uncommon_zones(struct landscape *l)
{
    uint32_t node = diagram_leaf(NO);
    for (uint32_t zone = TG_ZONE_FIRST; zone < l->space->zone_count; zone++) {
        struct space_region region = {.vague = false};
        space_bound(&region, SPACE_IN, zone, zone);
        if (!landscape_is_common(l, zone))
            node = add(l, node, &region, YES);
    }
    return node;
}

/* What the router would have to say in another's name. */
static bool is_not_sent(const void *context, struct tg_addr addr)
{
    return is_another_s(context, addr);
}

static uint32_t draw_unsent(struct landscape *l)
{
    struct space_region region = {.vague = false};
    uint32_t node = diagram_leaf(NO);
    space_bound(&region, SPACE_IN, TG_ZONE_ROUTER, TG_ZONE_ROUTER);
    if (landscape_bound(l, &region, SPACE_SRC, is_not_sent, l)) {
        node = draw(l, &region, YES);
        landscape_unbound(&region, SPACE_SRC);
    }
    return node;
}

/* Sources. */

struct who {
    const struct tg_network *network;
    uint8_t family, zone; /* the policy's number */
};

static bool is_spoofed(const void *context, struct tg_addr addr)
{
    const struct who *who = context;
    return tg_network_is_spoofed(who->network, who->zone, who->family, addr);
}

uint32_t landscape_spoofed(struct landscape *l, unsigned view)
{
    uint32_t node = diagram_leaf(NO);
    for (uint32_t zone = 0; zone < l->space->zone_count; zone++) {
        struct who who = {l->networks[view], l->space->family, l->policy_zones[view][zone]};
        struct space_region region = {.vague = false};
        if (!landscape_is_common(l, zone) || !landscape_bound(l, &region, SPACE_SRC, is_spoofed, &who))
            continue;
        space_bound(&region, SPACE_IN, zone, zone);
        node = add(l, node, &region, YES);
        landscape_unbound(&region, SPACE_SRC);
    }
    return node;
}

/* Life. */

void landscape_begin(struct landscape *l, struct diagram *diagram, const struct space *space)
{
    *l = (struct landscape){.diagram = diagram, .space = space};
    for (unsigned view = 0; view < 2; view++) {
        const struct tg_policy *policy = space->views[view].policy;
        l->networks[view] = tg_policy_network(policy, NULL, 0);
        l->failed |= l->networks[view] == NULL;
        for (uint8_t zone = TG_ZONE_ROUTER; zone < tg_policy_zone_count(policy); zone++)
            l->policy_zones[view][space->views[view].zones[zone]] = zone;
    }
    if (l->failed || !find_ways(l) || !note_ways(l)) {
        l->failed = true;
        return;
    }
    l->notices = draw_notices(l);
    l->possible = draw_ways(l);
    l->possible = diagram_apply(diagram, without, NULL, draw_unasked(l), l->possible);
    l->possible = diagram_apply(diagram, without, NULL, draw_unanswerable(l), l->possible);
    l->possible = diagram_apply(diagram, without, NULL, draw_uncommon_zones(l), l->possible);
    l->possible = diagram_apply(diagram, without, NULL, draw_unsent(l), l->possible);
}

void landscape_end(struct landscape *l)
{
    tg_network_free(l->networks[0]);
    tg_network_free(l->networks[1]);
    free(l->ways);
    free(l->leads);
    free(l->sends);
}
