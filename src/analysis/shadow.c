#include "analysis/shadow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/firewall.h"
#include "policy/inside.h"
#include "rules/complaint.h"

enum {
    ROOM = 4000000,  /* edges of a diagram: 32 MB */
    SET_MOST = 20000 /* ranges of a set that is looked into */
};

/* The rules of one family, drawn. */
struct view {
    struct space *space;
    struct diagram *diagram;
    struct firewall firewall;
    uint32_t root;
};

/* What is known of a statement. */
enum { FITS = 1, SPOKEN = 2 /* some packet would fit, were it not for the rules above */ };

struct work {
    const struct tg_policy *policy;
    struct tg_network *network;
    struct view views[2];
    uint8_t *known; /* of each statement */
    bool *is_above; /* likewise; while one is looked at */
    const struct view *at;
    uint32_t rule; /* that is being looked at */
    bool rule_fits;
};

static int open_view(struct work *w, struct view *v, uint8_t family)
{
    int error = space_new(family, &w->policy, 1, SET_MOST, false, &v->space);
    if (error != 0)
        return error;
    v->diagram = diagram_new(v->space->sizes, SPACE_FIELDS, ROOM);
    if (v->diagram == NULL)
        return -ENOMEM;
    v->root = firewall_draw(&v->firewall, v->diagram, v->space, 0, true);
    return v->firewall.failed ? -ENOMEM : diagram_failed(v->diagram) ? -E2BIG : 0;
}

static void close_view(struct view *v)
{
    firewall_end(&v->firewall);
    diagram_free(v->diagram);
    space_free(v->space);
}

/* What a forward's own rule fits: what the forward has taken, as the host will see it. Who may come by hairpin is
 * bounded by more than this says. */
static bool forward_region(const struct work *w, const struct space *space, const struct policy_forward *f,
                           bool hairpin, struct space_region *region)
{
    struct policy_rule rule = {
        .family = TG_IPV4,
        .any_proto = f->any_proto,
        .proto = f->proto,
        .any_type = true,
        .any_code = true,
        .zone_in = hairpin ? TG_ZONE_NONE : f->zone,
        .src = hairpin ? (struct policy_where){POLICY_NONE, false} : f->src,
        .dst = {POLICY_NONE, false},
        .when = f->when,
        .sport = POLICY_NONE,
        .dport = POLICY_NONE,
    };
    uint8_t zone = tg_network_zone_to(w->network, TG_IPV4, f->host);
    if (!space_rule(space, 0, &rule, region))
        return false;
    if (zone != TG_ZONE_NONE && (zone == TG_ZONE_ROUTER || tg_network_is_behind(w->network, zone, TG_IPV4, f->host)))
        space_bound(region, SPACE_OUT, zone, zone);
    uint32_t host = partition_class(&space->dst, f->host);
    space_bound(region, SPACE_DST, host, host);
    if (!f->any_port && tg_proto_has_ports(f->proto)) {
        uint32_t width = f->in.first == f->in.last ? 0 : (uint32_t)f->ext.last - f->ext.first;
        space_bound(region, SPACE_DPORT, f->in.first, f->in.first + width);
    }
    return true;
}

static uint32_t rule_of(const struct view *v, uint32_t leaf)
{
    uint32_t chain = diagram_number(leaf);
    return chain == CHAIN_DEFAULT ? UINT32_MAX : v->firewall.chains[chain].rule;
}

static void look(void *context, uint32_t leaf)
{
    struct work *w = context;
    uint32_t rule = rule_of(w->at, leaf);
    if (rule >= w->rule)
        w->rule_fits = true;
    else
        w->is_above[w->policy->rules.items[rule].statement] = true;
}

static void look_at_region(struct work *w, struct view *v, const struct space_region *region, uint8_t *known)
{
    *known |= SPOKEN;
    diagram_visit(v->diagram, v->root, &region->region, look, w);
}

/* A zone that a hairpin may start in, whatever the network turns out to be. */
static bool may_be_inside(const struct tg_policy *policy, uint8_t zone, const struct policy_forward *f)
{
    return zone != f->zone && !tg_policy_zone(policy, zone)->masquerade;
}

static void look_at_forward(struct work *w, struct view *v, const struct policy_forward *f, uint8_t *known)
{
    struct space_region region;
    if (v->space->family != TG_IPV4)
        return;
    if (forward_region(w, v->space, f, false, &region))
        look_at_region(w, v, &region, known);
    if (!f->hairpin || f->zone == TG_ZONE_NONE || !forward_region(w, v->space, f, true, &region))
        return;
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(w->policy); zone++) {
        if (!may_be_inside(w->policy, zone, f))
            continue;
        space_bound(&region, SPACE_IN, zone, zone);
        look_at_region(w, v, &region, known);
    }
}

/* => whether the rule fits some packet of the family; `is_above` is marked with what takes the others */
static bool rule_fits(struct work *w, struct view *v, uint32_t number, uint8_t *known)
{
    const struct policy_rule *rule = &w->policy->rules.items[number];
    struct space_region region;
    w->at = v;
    w->rule = number;
    w->rule_fits = false;
    if (rule->forward != POLICY_NONE)
        look_at_forward(w, v, &w->policy->forwards.items[rule->forward], known);
    else if (space_rule(v->space, 0, rule, &region))
        look_at_region(w, v, &region, known);
    return w->rule_fits;
}

/* Rules that the diagram has are all reached; that is most of them, and they need no looking at. */
static void mark_present(void *context, uint32_t leaf)
{
    struct work *w = context;
    uint32_t rule = rule_of(w->at, leaf);
    if (rule != UINT32_MAX)
        w->known[w->policy->rules.items[rule].statement] |= FITS | SPOKEN;
}

static void find_fitting(struct work *w)
{
    static const struct region everywhere;
    for (size_t i = 0; i < 2; i++) {
        w->at = &w->views[i];
        diagram_visit(w->views[i].diagram, w->views[i].root, &everywhere, mark_present, w);
    }
    for (uint32_t number = 0; number < w->policy->rules.count; number++) {
        uint8_t *known = &w->known[w->policy->rules.items[number].statement];
        for (size_t i = 0; i < 2 && !(*known & FITS); i++)
            if (rule_fits(w, &w->views[i], number, known))
                *known |= FITS;
    }
}

static int tell_shadowed(struct work *w, shadow_fn *tell, void *context)
{
    size_t statements = w->policy->statements.count;
    uint32_t *above = malloc((statements + 1) * sizeof *above);
    if (above == NULL)
        return -ENOMEM;
    for (uint32_t number = 0; number < w->policy->rules.count;) {
        uint32_t statement = w->policy->rules.items[number].statement;
        bool shadowed = w->known[statement] == SPOKEN;
        memset(w->is_above, 0, statements * sizeof *w->is_above);
        for (; number < w->policy->rules.count && w->policy->rules.items[number].statement == statement; number++)
            for (size_t i = 0; i < 2 && shadowed; i++)
                rule_fits(w, &w->views[i], number, &w->known[statement]);
        size_t count = 0;
        for (uint32_t i = 0; i < statement && shadowed; i++)
            if (w->is_above[i])
                above[count++] = i;
        if (shadowed && count > 0)
            tell(context, statement, above, count);
    }
    free(above);
    return 0;
}

int shadow_find(const struct tg_policy *policy, shadow_fn *tell, void *context)
{
    struct work w = {.policy = policy};
    w.network = tg_policy_network(policy, NULL, 0);
    w.known = calloc(policy->statements.count + 1, sizeof *w.known);
    w.is_above = calloc(policy->statements.count + 1, sizeof *w.is_above);
    int error = w.network == NULL || w.known == NULL || w.is_above == NULL ? -ENOMEM : 0;
    if (error == 0)
        error = open_view(&w, &w.views[0], TG_IPV4);
    if (error == 0)
        error = open_view(&w, &w.views[1], TG_IPV6);
    if (error == 0) {
        find_fitting(&w);
        error = tell_shadowed(&w, tell, context);
    }
    close_view(&w.views[0]);
    close_view(&w.views[1]);
    tg_network_free(w.network);
    free(w.known);
    free(w.is_above);
    return error;
}

/* Warnings. */

struct advice {
    const struct tg_policy *policy;
    struct tg_complaints *complaints;
};

enum { NAMED = 4, LIST_ROOM = 600 };

/* "a.rules:3, a.rules:5 and a.rules:9", or the first few and how many more. */
static void list_places(const struct tg_policy *policy, const uint32_t *above, size_t count, char buf[static LIST_ROOM])
{
    size_t named = count > NAMED ? NAMED - 1 : count, len = 0;
    for (size_t i = 0; i < named; i++) {
        const struct tg_statement *st = tg_policy_statement(policy, above[i]);
        size_t path = strlen(st->file), cut = path > 100 ? path - 100 : 0; /* a path's end tells more */
        const char *before = i == 0 ? "" : i + 1 == count ? " and " : ", ";
        len += (size_t)snprintf(buf + len, LIST_ROOM - len, "%s%s%s:%u", before, cut > 0 ? "..." : "", st->file + cut,
                                st->line);
    }
    if (named < count)
        snprintf(buf + len, LIST_ROOM - len, " and %zu more", count - named);
}

static void advise(void *context, uint32_t statement, const uint32_t *above, size_t count)
{
    const struct advice *a = context;
    const struct tg_statement *st = tg_policy_statement(a->policy, statement);
    char places[LIST_ROOM];
    list_places(a->policy, above, count, places);
    complain_of_line(a->complaints, TG_WARNING, st->file, st->line, st->text,
                     count == 1 ? "this can never fit: %s comes first and takes all of it"
                                : "this can never fit: %s come first and together take all of it",
                     places);
}

int shadow_advise(const struct tg_policy *policy, struct tg_complaints *complaints)
{
    return shadow_find(policy, advise, &(struct advice){policy, complaints});
}
