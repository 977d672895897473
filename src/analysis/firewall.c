#include "analysis/firewall.h"

#include <stdlib.h>
#include <string.h>

#include "policy/inside.h"

enum { BUCKETS = 4096 };

#define NONE UINT32_MAX

bool firewall_is_sometimes(const struct policy_rule *rule)
{
    return rule->when.limit != 0 || rule->when.max != 0;
}

static uint32_t chain_of(struct firewall *f, uint32_t rule, uint32_t rest)
{
    uint32_t *bucket = &f->buckets[(rule * 31 + rest * UINT32_C(2654435761)) % BUCKETS];
    for (uint32_t i = *bucket; i != NONE; i = f->chains[i].next)
        if (f->chains[i].rule == rule && f->chains[i].rest == rest)
            return i;
    if (f->chain_count == f->chain_room) {
        uint32_t room = f->chain_room * 2;
        struct chain *chains = realloc(f->chains, room * sizeof *chains);
        if (chains == NULL) {
            f->failed = true;
            return CHAIN_DEFAULT;
        }
        f->chains = chains;
        f->chain_room = room;
    }
    f->chains[f->chain_count] = (struct chain){rule, rest, *bucket, rest == CHAIN_END || f->chains[rest].ended};
    *bucket = f->chain_count;
    return f->chain_count++;
}

static uint32_t append(struct firewall *f, uint32_t a, uint32_t b)
{
    if (a == CHAIN_DEFAULT)
        return b;
    if (f->chains[a].ended)
        return a;
    return chain_of(f, f->chains[a].rule, append(f, f->chains[a].rest, b));
}

/* The rules of `a` come first. */
static uint32_t follow(void *context, uint32_t a, uint32_t b)
{
    struct firewall *f = context;
    if (b == diagram_leaf(CHAIN_DEFAULT) || a == b)
        return a;
    if (!diagram_is_leaf(a))
        return DIAGRAM_DESCEND;
    uint32_t chain = diagram_number(a);
    if (chain == CHAIN_DEFAULT)
        return b;
    if (f->chains[chain].ended)
        return a;
    return diagram_is_leaf(b) ? diagram_leaf(append(f, chain, diagram_number(b))) : DIAGRAM_DESCEND;
}

static uint32_t draw_rule(struct firewall *f, uint32_t number)
{
    const struct policy_rule *rule = &f->space->views[f->view].policy->rules.items[number];
    struct space_region region;
    bool sometimes = firewall_is_sometimes(rule);
    if (rule->forward != POLICY_NONE || !space_rule(f->space, f->view, rule, &region) ||
        (f->always && (sometimes || region.vague)))
        return diagram_leaf(CHAIN_DEFAULT);
    uint32_t chain = chain_of(f, number, sometimes ? CHAIN_DEFAULT : CHAIN_END);
    return diagram_region(f->diagram, &region.region, diagram_leaf(chain), diagram_leaf(CHAIN_DEFAULT));
}

/* Halves first: diagrams of few rules are small, and the large ones are made few times. */
static uint32_t draw(struct firewall *f, uint32_t first, uint32_t count)
{
    if (count == 0)
        return diagram_leaf(CHAIN_DEFAULT);
    if (count == 1)
        return draw_rule(f, first);
    uint32_t a = draw(f, first, count / 2), b = draw(f, first + count / 2, count - count / 2);
    return diagram_apply(f->diagram, follow, f, a, b);
}

uint32_t firewall_draw(struct firewall *f, struct diagram *diagram, const struct space *space, unsigned view,
                       bool always)
{
    enum { FIRST_ROOM = 256 };
    *f = (struct firewall){.diagram = diagram, .space = space, .view = view, .always = always};
    f->chains = calloc(FIRST_ROOM, sizeof *f->chains);
    f->chain_room = FIRST_ROOM;
    f->chain_count = CHAIN_END + 1;
    f->buckets = malloc(BUCKETS * sizeof *f->buckets);
    if (f->chains == NULL || f->buckets == NULL) {
        f->failed = true;
        return diagram_leaf(CHAIN_DEFAULT);
    }
    f->chains[CHAIN_END].ended = true;
    memset(f->buckets, 0xff, BUCKETS * sizeof *f->buckets);
    return draw(f, 0, (uint32_t)space->views[view].policy->rules.count);
}

void firewall_end(struct firewall *f)
{
    free(f->chains);
    free(f->buckets);
}
