#include "analysis/source.h"

#include "policy/inside.h"

static uint32_t draw(const struct sources *s, const struct space_region *region, uint32_t number)
{
    return diagram_region(s->landscape->diagram, &region->region, diagram_leaf(number), diagram_leaf(0));
}

static uint32_t first(const struct sources *s, uint32_t a, uint32_t b)
{
    return diagram_apply(s->landscape->diagram, landscape_first, NULL, a, b);
}

static uint32_t routers(const struct sources *s, uint32_t zone)
{
    return outcome_source(s->outcomes, &(struct outcome_source){.how = OUTCOME_ROUTER, .zone = zone});
}

/* A condition on addresses, of the network as the policy sees it. */
struct who {
    const struct tg_network *network;
    uint8_t zone; /* the policy's number */
};

static bool is_others(const void *context, struct tg_addr addr)
{
    const struct who *who = context;
    return !tg_network_is_own(who->network, who->zone, TG_IPV4, addr);
}

static bool is_behind(const void *context, struct tg_addr addr)
{
    const struct who *who = context;
    return tg_network_is_behind(who->network, who->zone, TG_IPV4, addr);
}

/* Those from all zones but one; and but the router, which has rules of its own. */
static void bound_others(const struct landscape *land, uint32_t zone, struct space_region *region)
{
    uint32_t count = 0;
    struct span *spans = region->own[SPACE_IN];
    spans[count++] = (struct span){TG_ZONE_NONE, TG_ZONE_NONE};
    if (zone > TG_ZONE_FIRST)
        spans[count++] = (struct span){TG_ZONE_FIRST, zone - 1};
    if (zone + 1 < land->space->zone_count)
        spans[count++] = (struct span){zone + 1, land->space->zone_count - 1};
    region->region.in[SPACE_IN] = (struct spans){spans, count};
}

/* `translate` and `map`. */

struct seen {
    const struct tg_network *network;
    uint8_t zone; /* the policy's number */
    struct tg_addr own;
};

/* Whether somebody at `addr` sees the router as `own`. */
static bool is_seen(const void *context, struct tg_addr addr)
{
    const struct seen *seen = context;
    struct tg_addr own;
    return tg_network_own_address(seen->network, seen->zone, TG_IPV4, addr, &own) && tg_addr_equal(own, seen->own);
}

/* To translate to the very address that masquerading would take is the same thing. */
static uint32_t as_masqueraded(const struct sources *s, struct tg_addr addr, uint32_t node)
{
    struct landscape *land = s->landscape;
    for (uint32_t zone = TG_ZONE_FIRST; zone < land->space->zone_count; zone++) {
        struct seen seen = {land->networks[s->view], land->policy_zones[s->view][zone], addr};
        struct space_region region = {.vague = false};
        if (seen.zone == TG_ZONE_NONE || !landscape_bound(land, &region, SPACE_DST, is_seen, &seen))
            continue;
        space_bound(&region, SPACE_OUT, zone, zone);
        uint32_t same = draw(s, &region, 1 + routers(s, zone));
        node = first(s, diagram_apply(land->diagram, landscape_within, NULL, node, same), node);
        landscape_unbound(&region, SPACE_DST);
    }
    return node;
}

/* Whoever has that address already keeps it. */
static uint32_t keep_own(const struct sources *s, struct tg_addr addr, uint32_t node)
{
    struct space_region region = {.vague = false};
    uint32_t class = partition_class(&s->landscape->space->src, addr);
    space_bound(&region, SPACE_SRC, class, class);
    uint32_t kept = draw(s, &region, 1 + OUTCOME_SOURCE_KEPT);
    return first(s, diagram_apply(s->landscape->diagram, landscape_within, NULL, node, kept), node);
}

static uint32_t draw_translation(const struct sources *s, const struct policy_translation *t)
{
    const struct space *space = s->landscape->space;
    const uint8_t *zones = space->views[s->view].zones;
    struct space_region region = {.vague = false};
    struct outcome_source source = {.how = OUTCOME_KEPT};
    if (t->zone_in == TG_ZONE_NONE)
        bound_others(s->landscape, TG_ZONE_ROUTER, &region); /* the router speaks as itself */
    else
        space_bound(&region, SPACE_IN, zones[t->zone_in], zones[t->zone_in]);
    if (t->zone_out != TG_ZONE_NONE)
        space_bound_out(space, zones[t->zone_out], &region);
    space_bound_where(space, s->view, t->src, SPACE_SRC, &region);
    space_bound_where(space, s->view, t->dst, SPACE_DST, &region);
    if (space_is_empty(&region))
        return diagram_leaf(0);
    if (!t->itself)
        source = (struct outcome_source){.how = t->is_map ? OUTCOME_ONE_TO_ONE : OUTCOME_POOL,
                                         .first = (uint32_t)t->first.lo,
                                         .last = (uint32_t)t->last.lo};
    uint32_t node = draw(s, &region, 1 + outcome_source(s->outcomes, &source));
    if (t->itself || !tg_addr_equal(t->first, t->last))
        return node;
    return keep_own(s, t->first, t->is_map ? node : as_masqueraded(s, t->first, node));
}

/* The first that fits. */
static uint32_t draw_translations(const struct sources *s, size_t from, size_t count)
{
    const struct tg_policy *policy = s->landscape->space->views[s->view].policy;
    if (count == 0)
        return diagram_leaf(0);
    if (count == 1)
        return draw_translation(s, &policy->translations.items[from]);
    return first(s, draw_translations(s, from, count / 2), draw_translations(s, from + count / 2, count - count / 2));
}

/* Leaf 1 where a packet stays in the zone that it came from, is for the router, or goes nowhere. */
static uint32_t draw_staying(const struct sources *s)
{
    const struct space *space = s->landscape->space;
    struct space_region region = {.vague = false};
    space_bound_out(space, TG_ZONE_ROUTER, &region);
    uint32_t node = draw(s, &region, 1);
    space_bound(&region, SPACE_OUT, TG_ZONE_NONE, TG_ZONE_NONE);
    node = first(s, node, draw(s, &region, 1));
    for (uint32_t zone = TG_ZONE_FIRST; zone < space->zone_count; zone++) {
        space_bound(&region, SPACE_IN, zone, zone);
        space_bound(&region, SPACE_OUT, zone, zone);
        node = first(s, node, draw(s, &region, 1));
    }
    return node;
}

static uint32_t without(void *context, uint32_t a, uint32_t b)
{
    (void)context;
    if (a == diagram_leaf(0))
        return b;
    return diagram_is_leaf(a) || b == diagram_leaf(0) ? diagram_leaf(0) : DIAGRAM_DESCEND;
}

void sources_begin(struct sources *s, struct landscape *land, struct outcomes *outcomes, unsigned view)
{
    size_t count = land->space->views[view].policy->translations.count;
    *s = (struct sources){.landscape = land, .outcomes = outcomes, .view = view, .translations = diagram_leaf(0)};
    if (count == 0 || land->space->family != TG_IPV4)
        return;
    s->translations = draw_translations(s, 0, count);
    s->translations = diagram_apply(land->diagram, without, NULL, draw_staying(s), s->translations);
}

static uint32_t translated(void *context, uint32_t translation, uint32_t source)
{
    (void)context;
    if (translation == diagram_leaf(0))
        return source;
    return diagram_is_leaf(translation) ? diagram_leaf(diagram_number(translation) - 1) : DIAGRAM_DESCEND;
}

/* Masquerading. */

static uint32_t draw_masqueraded(const struct sources *s)
{
    struct landscape *land = s->landscape;
    uint32_t node = diagram_leaf(OUTCOME_SOURCE_KEPT);
    for (uint32_t zone = TG_ZONE_FIRST; zone < land->space->zone_count; zone++) {
        uint8_t number = land->policy_zones[s->view][zone];
        const struct tg_zone *z = tg_policy_zone(land->space->views[s->view].policy, number);
        struct who who = {land->networks[s->view], number};
        struct space_region region = {.vague = false};
        if (z == NULL || !z->masquerade)
            continue;
        space_bound(&region, SPACE_OUT, zone, zone);
        bound_others(land, zone, &region);
        node = first(s, node, draw(s, &region, routers(s, zone)));
        space_bound(&region, SPACE_IN, TG_ZONE_ROUTER, TG_ZONE_ROUTER);
        if (landscape_bound(land, &region, SPACE_SRC, is_others, &who)) {
            node = first(s, node, draw(s, &region, routers(s, zone)));
            landscape_unbound(&region, SPACE_SRC);
        }
    }
    return node;
}

/* What begins no connection cannot be translated. */
static uint32_t impossible(void *context, uint32_t notice, uint32_t source)
{
    (void)context;
    if (source == diagram_leaf(OUTCOME_SOURCE_KEPT) || notice == diagram_leaf(0))
        return source;
    return diagram_is_leaf(notice) && diagram_is_leaf(source) ? diagram_leaf(OUTCOME_SOURCE_IMPOSSIBLE)
                                                              : DIAGRAM_DESCEND;
}

uint32_t sources_draw(struct sources *s)
{
    struct diagram *diagram = s->landscape->diagram;
    if (s->landscape->space->family != TG_IPV4)
        return diagram_leaf(OUTCOME_SOURCE_KEPT);
    uint32_t node = diagram_apply(diagram, translated, NULL, s->translations, draw_masqueraded(s));
    return diagram_apply(diagram, impossible, NULL, s->landscape->notices, node);
}

/* Forwards. */

/* Who is in the host's own network, and whoever masquerading is for. */
static uint32_t draw_hairpin(const struct sources *s, uint8_t host_zone)
{
    struct landscape *land = s->landscape;
    const struct tg_zone *z = tg_policy_zone(land->space->views[s->view].policy, host_zone);
    uint32_t zone = land->space->views[s->view].zones[host_zone], node = diagram_leaf(OUTCOME_SOURCE_KEPT);
    struct who who = {land->networks[s->view], host_zone};
    struct space_region region = {.vague = false};
    if (host_zone < TG_ZONE_FIRST)
        return node;
    space_bound(&region, SPACE_IN, zone, zone);
    if (landscape_bound(land, &region, SPACE_SRC, is_behind, &who)) {
        node = draw(s, &region, routers(s, zone));
        landscape_unbound(&region, SPACE_SRC);
    }
    if (!z->masquerade)
        return node;
    bound_others(land, zone, &region);
    return first(s, node, draw(s, &region, routers(s, zone)));
}

uint32_t sources_draw_redirected(struct sources *s, struct tg_addr host, uint8_t zone)
{
    struct diagram *diagram = s->landscape->diagram;
    const struct space *space = s->landscape->space;
    uint32_t translations = diagram_fix(diagram, s->translations, SPACE_OUT, space->views[s->view].zones[zone]);
    translations = diagram_fix(diagram, translations, SPACE_DST, partition_class(&space->dst, host));
    return diagram_apply(diagram, translated, NULL, translations, draw_hairpin(s, zone));
}
