#include "analysis/course.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/source.h"
#include "policy/inside.h"

#define NO_RULE UINT32_MAX

struct course {
    struct landscape *land;
    struct diagram *diagram;
    const struct space *space;
    const struct tg_policy *policy;
    const struct tg_network *network;
    struct outcomes *outcomes;
    unsigned view;
    struct firewall firewall;
    struct sources sources;
    uint32_t rules;    /* the diagram of the rules, of chains */
    uint32_t *rule_of; /* by number of the forward: its own rule; or NO_RULE, of a map */
};

/* What a forward makes of the packets that it has taken. */
struct taken {
    struct course *course;
    const struct policy_forward *forward;
    uint32_t rule; /* its own */
    enum outcome_port how;
    uint16_t port;
};

/* From the chain of rules that fit a packet to its outcome. `t`: a forward has taken it, and its own rule has its place
 * among them; else NULL. */
static uint32_t cell_of(struct course *c, const struct taken *t, bool own_is_over, uint32_t chain, uint32_t source)
{
    const struct policy_rule *rules = c->policy->rules.items;
    struct outcome_result result = {.action = TG_ACCEPT, .source = source};
    bool is_end = chain == CHAIN_DEFAULT;
    uint32_t rule = is_end ? NO_RULE : c->firewall.chains[chain].rule;
    bool is_own = t != NULL && !own_is_over && t->rule < rule;
    uint32_t statement = OUTCOME_DEFAULT;
    if (is_own)
        rule = t->rule;
    if (is_own || !is_end) {
        statement = rules[rule].statement;
        result.action = rules[rule].action;
    } else {
        result.action = policy_default(c->policy);
    }
    if (statement != OUTCOME_DEFAULT)
        result.log = c->outcomes->logs[c->view][statement];
    if (result.action != TG_ACCEPT) {
        result.source = OUTCOME_SOURCE_KEPT;
    } else if (source == OUTCOME_SOURCE_IMPOSSIBLE) {
        result = (struct outcome_result){.action = TG_DROP};
        statement = OUTCOME_NO_WAY;
    } else if (t != NULL) {
        result.is_forwarded = true;
        result.host = (uint32_t)t->forward->host.lo;
        result.port_how = t->how;
        result.port = t->port;
    }
    if (statement == OUTCOME_DEFAULT || rule == NO_RULE || !firewall_is_sometimes(&rules[rule]))
        return outcome_always(c->outcomes, statement, &result);
    uint32_t rest = cell_of(c, t, own_is_over || is_own, is_own ? chain : c->firewall.chains[chain].rest, source);
    return outcome_when(c->outcomes, c->view, &rules[rule].when, statement, &result, rest);
}

/* What no forward has taken: source and chain to cell. */
static uint32_t plain_cell(void *context, uint32_t source, uint32_t chain)
{
    if (!diagram_is_leaf(source) || !diagram_is_leaf(chain))
        return DIAGRAM_DESCEND;
    return diagram_leaf(cell_of(context, NULL, true, diagram_number(chain), diagram_number(source)));
}

/* What one has taken: leaf 1 + source where it has, and chain to cell. */
static uint32_t taken_cell(void *context, uint32_t source, uint32_t chain)
{
    const struct taken *t = context;
    if (source == diagram_leaf(0))
        return source;
    if (!diagram_is_leaf(source) || !diagram_is_leaf(chain))
        return DIAGRAM_DESCEND;
    return diagram_leaf(cell_of(t->course, t, false, diagram_number(chain), diagram_number(source) - 1));
}

static uint32_t draw(struct course *c, const struct space_region *region, uint32_t number)
{
    return diagram_region(c->diagram, &region->region, diagram_leaf(number), diagram_leaf(0));
}

static uint32_t first(struct course *c, uint32_t a, uint32_t b)
{
    return diagram_apply(c->diagram, landscape_first, NULL, a, b);
}

static uint32_t within(struct course *c, uint32_t a, uint32_t b)
{
    return diagram_apply(c->diagram, landscape_within, NULL, a, b);
}

/* Whom a forward takes from. */

/* A zone that a hairpin may start in; as the matcher has it. */
static bool is_inside(const struct course *c, uint8_t zone)
{
    const struct tg_zone *z = tg_policy_zone(c->policy, zone);
    return z != NULL && zone != TG_ZONE_ROUTER && !z->masquerade && !tg_network_is_default(c->network, zone, TG_IPV4);
}

/* Leaf 1 where the source is one that the forward takes from. */
static uint32_t draw_sources(struct course *c, const struct policy_forward *f)
{
    uint32_t node = diagram_leaf(0);
    uint8_t host_zone = tg_network_zone_to(c->network, TG_IPV4, f->host);
    for (uint32_t zone = 0; zone < c->space->zone_count; zone++) {
        struct space_region region = {.vague = false};
        uint8_t number = c->land->policy_zones[c->view][zone];
        bool is_hairpin = f->zone != TG_ZONE_NONE && f->zone != number;
        if (!landscape_is_common(c->land, zone) || zone == TG_ZONE_ROUTER ||
            (is_hairpin && (!f->hairpin || !is_inside(c, number))))
            continue;
        space_bound(&region, SPACE_IN, zone, zone);
        if (!is_hairpin || number != host_zone)
            space_bound_where(c->space, c->view, f->src, SPACE_SRC, &region);
        if (!space_is_empty(&region))
            node = first(c, node, draw(c, &region, 1));
    }
    return node;
}

struct own {
    const struct tg_network *network;
    uint8_t zone;
};

static bool is_own(const void *context, struct tg_addr addr)
{
    const struct own *own = context;
    return tg_network_is_own(own->network, own->zone, TG_IPV4, addr);
}

/* Leaf 1 where the destination is one that the forward takes. */
static uint32_t draw_destinations(struct course *c, const struct policy_forward *f)
{
    struct space_region region = {.vague = false};
    uint32_t node = diagram_leaf(0);
    if (f->has_at) {
        uint32_t at = partition_class(&c->space->dst, f->at);
        space_bound(&region, SPACE_DST, at, at);
        return draw(c, &region, 1);
    }
    struct own own = {c->network, f->zone};
    if (landscape_bound(c->land, &region, SPACE_DST, is_own, &own)) {
        node = draw(c, &region, 1);
        landscape_unbound(&region, SPACE_DST);
    }
    for (uint32_t zone = TG_ZONE_FIRST; zone < c->space->zone_count; zone++) {
        if (!landscape_is_unknown(c->land, c->view, zone) ||
            (f->zone != TG_ZONE_NONE && f->zone != c->land->policy_zones[c->view][zone]))
            continue;
        space_bound(&region, SPACE_OUT, c->space->own_out + zone, c->space->own_out + zone);
        node = first(c, node, draw(c, &region, 1));
    }
    return node;
}

/* Leaf 1 where it is asked for at all: protocol, port, and what else it asks for. */
static uint32_t draw_wanted(struct course *c, const struct policy_forward *f)
{
    struct space_region region = {.vague = false};
    space_bound_when(c->space, c->view, &f->when, &region);
    if (!f->any_proto)
        space_bound(&region, SPACE_KIND, (uint32_t)f->proto << 16, (uint32_t)f->proto << 16 | 0xffff);
    if (!f->any_port)
        space_bound(&region, SPACE_DPORT, f->ext.first, f->ext.last);
    return space_is_empty(&region) ? diagram_leaf(0) : draw(c, &region, 1);
}

/* What becomes of what it takes. */

static uint32_t one_more(void *context, uint32_t taken, uint32_t source)
{
    (void)context;
    if (taken == diagram_leaf(0))
        return taken;
    if (!diagram_is_leaf(taken) || !diagram_is_leaf(source))
        return DIAGRAM_DESCEND;
    return diagram_leaf(diagram_number(source) + 1);
}

/* The rules as a packet finds them that has come to the host: `sources` bounds what is looked at. */
static uint32_t rules_at_host(struct course *c, const struct policy_forward *f, uint32_t sources, uint8_t host_zone)
{
    uint32_t host = partition_class(&c->space->dst, f->host), out = c->space->views[c->view].zones[host_zone];
    struct space_region region = {.vague = false};
    space_bound(&region, SPACE_OUT, out, out);
    space_bound(&region, SPACE_DST, host, host);
    if (!f->any_proto)
        space_bound(&region, SPACE_KIND, (uint32_t)f->proto << 16, (uint32_t)f->proto << 16 | 0xffff);
    uint32_t node = within(c, within(c, sources, draw(c, &region, 1)), c->rules);
    return diagram_fix(c->diagram, diagram_fix(c->diagram, node, SPACE_OUT, out), SPACE_DST, host);
}

/* The outcome for ports `ext`, of which the first becomes `to`, the others likewise or one after the other. */
static uint32_t draw_mapped(struct course *c, struct taken *t, uint32_t taken, uint32_t rules, struct policy_ports ext,
                            uint16_t to, bool is_fixed)
{
    struct space_region region = {.vague = false};
    t->how = is_fixed ? OUTCOME_PORT_FIXED : OUTCOME_PORT_ADD;
    t->port = is_fixed ? to : (uint16_t)(to - ext.first);
    space_bound(&region, SPACE_DPORT, ext.first, ext.last);
    rules = is_fixed ? diagram_fix(c->diagram, rules, SPACE_DPORT, to)
                     : diagram_shift(c->diagram, rules, SPACE_DPORT, (struct span){ext.first, ext.last}, to);
    taken = within(c, draw(c, &region, 1), taken);
    return diagram_apply(c->diagram, taken_cell, t, taken, rules);
}

/* Many ports that become one: where another forward of either policy gets one of them there by adding, that is the
 * same, and must be written the same. */
static uint32_t draw_many_to_one(struct course *c, struct taken *t, uint32_t taken, uint32_t rules)
{
    const struct policy_forward *f = t->forward;
    uint32_t node = diagram_leaf(0);
    for (unsigned view = 0; view < 2; view++) {
        const struct tg_policy *policy = c->space->views[view].policy;
        for (size_t i = 0; i < policy->forwards.count; i++) {
            const struct policy_forward *other = &policy->forwards.items[i];
            uint16_t added = other->any_port ? 0 : (uint16_t)(other->in.first - other->ext.first);
            uint16_t port = (uint16_t)(f->in.first - added);
            bool is_many_to_one =
                !other->any_port && other->in.first == other->in.last && other->ext.first != other->ext.last;
            if (is_many_to_one || !tg_addr_equal(other->host, f->host) || port < f->ext.first || port > f->ext.last)
                continue;
            struct policy_ports one = {port, port};
            node = first(c, node, draw_mapped(c, t, taken, rules, one, f->in.first, false));
        }
    }
    return first(c, node, draw_mapped(c, t, taken, rules, f->ext, f->in.first, true));
}

static uint32_t draw_forward(struct course *c, uint32_t number)
{
    const struct policy_forward *f = &c->policy->forwards.items[number];
    uint8_t host_zone = tg_network_zone_to(c->network, TG_IPV4, f->host);
    struct taken t = {.course = c, .forward = f, .rule = c->rule_of[number]};
    uint32_t sources = draw_sources(c, f);
    uint32_t taken = within(c, within(c, sources, draw_destinations(c, f)), draw_wanted(c, f));
    taken = diagram_apply(c->diagram, one_more, NULL, taken, sources_draw_redirected(&c->sources, f->host, host_zone));
    uint32_t rules = rules_at_host(c, f, sources, host_zone);
    if (f->any_port) {
        t.how = OUTCOME_PORT_ADD;
        return diagram_apply(c->diagram, taken_cell, &t, taken, rules);
    }
    if (f->in.first == f->in.last && f->ext.first != f->ext.last)
        return draw_many_to_one(c, &t, taken, rules);
    return draw_mapped(c, &t, taken, rules, f->ext, f->in.first, false);
}

/* In which order forwards are asked, whatever their order in the file. */
enum turn { TURN_PORTS, TURN_MAPS, TURN_EXPOSED };

static enum turn turn_of(const struct policy_forward *f)
{
    return f->is_map ? TURN_MAPS : f->any_proto ? TURN_EXPOSED : TURN_PORTS;
}

/* All of them, the first that takes a packet has it. */
static uint32_t draw_forwards(struct course *c, uint32_t from, uint32_t count, enum turn turn)
{
    if (count == 0)
        return diagram_leaf(OUTCOME_NOTHING);
    if (count == 1)
        return turn_of(&c->policy->forwards.items[from]) == turn ? draw_forward(c, from)
                                                                 : diagram_leaf(OUTCOME_NOTHING);
    uint32_t half = count / 2, a = draw_forwards(c, from, half, turn);
    return first(c, a, draw_forwards(c, from + half, count - half, turn));
}

/* Leaf 1 where a rule that speaks of the router itself keeps a packet from the exposed host. */
static uint32_t is_for_router(void *context, uint32_t leaf)
{
    const struct course *c = context;
    uint32_t chain = diagram_number(leaf);
    return diagram_leaf(chain != CHAIN_DEFAULT &&
                        c->policy->rules.items[c->firewall.chains[chain].rule].zone_out == TG_ZONE_ROUTER);
}

static uint32_t without(void *context, uint32_t a, uint32_t b)
{
    (void)context;
    if (a == diagram_leaf(0))
        return b;
    return diagram_is_leaf(a) ? diagram_leaf(0) : DIAGRAM_DESCEND;
}

/* What an exposed host gets: the rules about the router are asked as if everybody had knocked. */
static uint32_t draw_exposed(struct course *c)
{
    uint32_t exposed = draw_forwards(c, 0, (uint32_t)c->policy->forwards.count, TURN_EXPOSED);
    if (exposed == diagram_leaf(OUTCOME_NOTHING))
        return exposed;
    uint32_t router = diagram_fix(c->diagram, c->rules, SPACE_OUT, TG_ZONE_ROUTER);
    router = diagram_fix(c->diagram, router, SPACE_KNOCKS, c->space->sizes[SPACE_KNOCKS] - 1);
    router = diagram_map(c->diagram, is_for_router, c, router);
    return diagram_apply(c->diagram, without, NULL, router, exposed);
}

static uint32_t draw_all_forwards(struct course *c)
{
    uint32_t count = (uint32_t)c->policy->forwards.count;
    uint32_t node = first(c, draw_forwards(c, 0, count, TURN_PORTS), draw_forwards(c, 0, count, TURN_MAPS));
    node = first(c, node, draw_exposed(c));
    return diagram_apply(c->diagram, without, NULL, c->land->notices, node);
}

static uint32_t draw_spoofed(struct course *c)
{
    const struct outcome_result dropped = {.action = TG_DROP};
    uint32_t cell = outcome_always(c->outcomes, OUTCOME_SPOOFED, &dropped);
    return within(c, landscape_spoofed(c->land, c->view), diagram_leaf(cell));
}

uint32_t course_draw(struct landscape *land, struct outcomes *outcomes, unsigned view)
{
    struct course c = {.land = land,
                       .diagram = land->diagram,
                       .space = land->space,
                       .outcomes = outcomes,
                       .view = view,
                       .policy = land->space->views[view].policy,
                       .network = land->networks[view]};
    size_t forwards = c.policy->forwards.count;
    c.rule_of = malloc((forwards + 1) * sizeof *c.rule_of);
    c.rules = firewall_draw(&c.firewall, c.diagram, c.space, view, false);
    land->failed |= c.rule_of == NULL || c.firewall.failed;
    uint32_t node = diagram_leaf(OUTCOME_NOTHING);
    if (!land->failed) {
        memset(c.rule_of, 0xff, (forwards + 1) * sizeof *c.rule_of);
        for (uint32_t i = 0; i < c.policy->rules.count; i++)
            if (c.policy->rules.items[i].forward != POLICY_NONE)
                c.rule_of[c.policy->rules.items[i].forward] = i;
        sources_begin(&c.sources, land, outcomes, view);
        node = diagram_apply(c.diagram, plain_cell, &c, sources_draw(&c.sources), c.rules);
        if (c.space->family == TG_IPV4)
            node = first(&c, draw_all_forwards(&c), node);
        node = first(&c, draw_spoofed(&c), node);
        if (view == 1)
            node = landscape_move(land, node);
        node = within(&c, land->possible, node);
    }
    firewall_end(&c.firewall);
    free(c.rule_of);
    return node;
}
