/* Translation besides forwards: translate, map and nat. */
#include "rules/compile.h"

#include <stdio.h>
#include <stdlib.h>

#include "rules/resolve.h"

/* Translate. */

static bool translate_side(struct compiler *compiler, const struct side *side, struct resolved_side *resolved)
{
    if (!resolve_side(compiler, side, resolved))
        return false;
    return (resolved->where.families & SETS_V4) ||
           compile_error(compiler, side->addresses.place,
                         "these addresses are all IPv6, and only IPv4 is translated; nothing rewrites an IPv6 address");
}

bool compile_translate(struct compiler *compiler, const struct statement *st)
{
    const struct translate_statement *translate = &st->translate;
    struct resolved_side from, to;
    bool good = translate_side(compiler, &translate->from, &from);
    good &= translate_side(compiler, &translate->to, &to);
    if (!good)
        return false;
    struct policy_translation translation = {
        .zone_in = from.zone,
        .zone_out = to.zone,
        .src = from.where.where,
        .dst = to.where.where,
        .itself = translate->itself,
        .first = translate->range.first,
        .last = translate->range.last,
    };
    if (!compile_statement(compiler, st, TG_STATEMENT_TRANSLATE, &translate->label, &translation.statement))
        return false;
    return policy_add_translation(compiler->policy, &translation) == 0 || compile_failed(compiler);
}

/* Map. */

/* => the IPv4 address of the host inside as a set, or NULL: complained of, or memory ran out */
static const struct address_set *map_host(struct compiler *compiler, const struct address_item *host)
{
    const struct address_set *set;
    if (!resolve_device(compiler, host, "a host: a map goes to one", &set))
        return NULL;
    struct tg_range v4 = set->ranges[0]; /* IPv4 first */
    if (v4.family == TG_IPV4)
        return sets_addresses(&compiler->sets, &v4, 1);
    compile_error(compiler, host->place,
                  "the host has only an IPv6 address, and only IPv4 is translated; nothing rewrites an IPv6 address");
    return NULL;
}

static bool enter_map(struct compiler *compiler, const struct statement *st, uint8_t zone, struct tg_addr inside)
{
    struct map *maps =
        arena_grow(compiler->arena, compiler->maps, compiler->map_count, &compiler->map_room, sizeof *maps);
    if (maps == NULL)
        return false;
    compiler->maps = maps;
    maps[compiler->map_count] = (struct map){
        .statement = st, .zone = zone, .outside = st->map.addr, .inside = inside, .order = compiler->map_count};
    compiler->map_count++;
    return true;
}

/* Its two halves: the way in, and the way out. */
static bool add_map(struct compiler *compiler, const struct statement *st, uint8_t zone, const struct address_set *host)
{
    const struct policy_where anywhere = {POLICY_NONE, false};
    uint32_t number;
    if (!compile_statement(compiler, st, TG_STATEMENT_MAP, &st->map.label, &number))
        return false;
    const struct policy_forward in = {
        .statement = number,
        .any_proto = true,
        .any_port = true,
        .zone = zone,
        .src = anywhere,
        .has_at = true,
        .at = st->map.addr,
        .host = host->ranges[0].first,
        .hairpin = true,
        .is_map = true,
    };
    const struct policy_translation out = {
        .statement = number,
        .zone_in = TG_ZONE_NONE,
        .zone_out = zone,
        .src = {host->number, false},
        .dst = anywhere,
        .is_map = true,
        .first = st->map.addr,
        .last = st->map.addr,
    };
    return (policy_add_forward(compiler->policy, &in) == 0 && policy_add_translation(compiler->policy, &out) == 0) ||
           compile_failed(compiler);
}

bool compile_map(struct compiler *compiler, const struct statement *st)
{
    const struct map_statement *map = &st->map;
    const struct name *zone = names_want(&compiler->names, &map->zone, NAME_ZONE, "a zone");
    const struct address_set *host = map_host(compiler, map->host);
    if (zone == NULL || zone->statement->broken || host == NULL)
        return false;
    return add_map(compiler, st, zone->zone, host) && enter_map(compiler, st, zone->zone, host->ranges[0].first);
}

static int compare_maps(const struct map *a, const struct map *b, struct tg_addr x, struct tg_addr y)
{
    if (a->zone != b->zone)
        return a->zone < b->zone ? -1 : 1;
    int order = tg_addr_compare(x, y);
    return order != 0 ? order : a->order < b->order ? -1 : a->order > b->order;
}

static int by_outside(const void *a, const void *b)
{
    const struct map *x = a, *y = b;
    return compare_maps(x, y, x->outside, y->outside);
}

static int by_inside(const void *a, const void *b)
{
    const struct map *x = a, *y = b;
    return compare_maps(x, y, x->inside, y->inside);
}

void compile_judge_maps(struct compiler *compiler)
{
    struct map *maps = compiler->maps;
    char where[COMPLAINT_WHERE];
    if (compiler->map_count < 2)
        return;
    qsort(maps, compiler->map_count, sizeof *maps, by_outside);
    for (size_t i = 1, first = 0; i < compiler->map_count; i++) {
        maps[i].refused = maps[i].zone == maps[first].zone && tg_addr_equal(maps[i].outside, maps[first].outside);
        if (maps[i].refused)
            compile_error(compiler, maps[i].statement->map.outside, "this address is already mapped at %s",
                          complaint_where(maps[first].statement->place, where));
        else
            first = i;
    }
    qsort(maps, compiler->map_count, sizeof *maps, by_inside);
    for (size_t i = 1, first = 0; i < compiler->map_count; i++) {
        if (maps[i].zone != maps[first].zone || !tg_addr_equal(maps[i].inside, maps[first].inside))
            first = i;
        else if (!maps[i].refused)
            compile_error(compiler, maps[i].statement->map.host->place,
                          "this host is already mapped at %s, and can leave by a zone with one address only",
                          complaint_where(maps[first].statement->place, where));
    }
}

/* Nat. */

/* Note that the behaviour of a protocol is said, and set it. */
static bool set_behaviour(struct compiler *compiler, const struct statement *st, bool udp, struct policy_nat_of *of)
{
    struct settings *settings = &compiler->settings;
    bool mapping = st->nat.what == NAT_MAPPING;
    const struct statement **said = mapping ? &settings->mapping[udp] : &settings->filtering[udp];
    char what[32];
    snprintf(what, sizeof what, "the %s of %s", mapping ? "mapping" : "filtering", udp ? "UDP" : "TCP");
    if (!compile_once(compiler, said, st, what))
        return false;
    *(mapping ? &of->mapping : &of->filtering) = st->nat.behaviour;
    return true;
}

bool compile_nat(struct compiler *compiler, const struct statement *st)
{
    struct policy_nat nat = *policy_nat(compiler->policy);
    if (st->nat.what == NAT_PORTS) {
        if (!compile_once(compiler, &compiler->settings.nat_ports, st, "'nat ports'"))
            return false;
        nat.ports = st->nat.ports;
    } else {
        if ((st->nat.tcp && !set_behaviour(compiler, st, false, &nat.tcp)) ||
            (st->nat.udp && !set_behaviour(compiler, st, true, &nat.udp)))
            return false;
    }
    policy_set_nat(compiler->policy, &nat);
    return true;
}
