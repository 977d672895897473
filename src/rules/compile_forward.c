/* Forwards: for each protocol and range of ports one forward of the policy (IPv4), and for each protocol one rule that
 * lets connections to the host's own address through (IPv6). */
#include "rules/compile.h"

#include "rules/resolve.h"
#include "rules/words.h"
#include "tidegate/packet.h"

struct work {
    struct compiler *compiler;
    const struct statement *statement;
    const struct forward_statement *st;
    uint32_t number; /* of the statement in the policy */
    struct resolved_side from;
    const struct tg_addr *host4, *host6;        /* or NULL */
    const struct address_set *host, *host_set6; /* of both families, and of IPv6 alone */
    struct policy_when when;
};

/* Which host, and in which families. */

static bool resolve_host(struct work *work)
{
    struct compiler *compiler = work->compiler;
    const struct address_set *set;
    if (!resolve_device(compiler, work->st->host, "a host: a forward goes to one", &set))
        return false;
    work->host = set;
    for (size_t i = 0; i < set->count; i++) {
        const struct tg_range *range = &set->ranges[i];
        if (range->family == TG_IPV4) {
            work->host4 = &range->first;
            continue;
        }
        work->host6 = &range->first;
        struct tg_range alone = *range;
        work->host_set6 = sets_addresses(&compiler->sets, &alone, 1);
    }
    return !compiler->arena->failed;
}

/* The families that this forward is of, for a protocol; none of them is complained of. */
static bool forward_families(const struct work *work, uint8_t proto_families, uint8_t *families)
{
    uint8_t host = (work->host4 != NULL ? SETS_V4 : 0) | (work->host6 != NULL ? SETS_V6 : 0);
    uint8_t src = work->from.where.families;
    const char *one = host & SETS_V4 ? "IPv4" : "IPv6", *other = host & SETS_V4 ? "IPv6" : "IPv4";
    *families = host & src & proto_families;
    if ((host & src) == 0)
        return compile_error(work->compiler, work->st->from.addresses.place,
                             "the host has only an %s address, and these sources are all %s", one, other);
    if (*families == 0)
        return compile_error(work->compiler, work->st->protos.place,
                             "this is spoken over %s, and the host and the sources have no such addresses",
                             proto_families == SETS_V4 ? "IPv4" : "IPv6");
    if (work->st->at.len == 0)
        return true;
    *families &= SETS_V4;
    if (*families == 0)
        return compile_error(work->compiler, work->st->at,
                             "'at' is for IPv4, and this forward is of IPv6: connections go straight to the host");
    return true;
}

/* Which ports outside go to which inside. */

struct mapping {
    const struct port_set *ext; /* NULL: a protocol without ports, or all of them */
    const struct port_set *in;  /* NULL: the same */
};

static bool forward_ext(const struct work *work, const struct resolved_proto *proto, const struct port_set **ext)
{
    const struct forward_statement *st = work->st;
    char number[WORDS_PROTOCOL];
    *ext = proto->ports;
    if (st->ext.items != NULL)
        return resolve_ports(work->compiler, &st->ext, proto->proto, ext);
    if (proto->ports == NULL && tg_proto_has_ports(proto->proto))
        return compile_error(work->compiler, st->protos.place,
                             "which port of %s? write 'port' and its number behind it; 'forward any' forwards all",
                             words_protocol_name(proto->proto, number));
    return true;
}

static unsigned width(struct policy_ports ports)
{
    return (unsigned)ports.last - ports.first + 1;
}

static bool forward_in(const struct work *work, const struct resolved_proto *proto, struct mapping *map)
{
    const struct port_list *list = &work->st->in;
    char quote[COMPLAINT_QUOTE];
    if (list->items == NULL)
        return true;
    if (!resolve_ports(work->compiler, list, proto->proto, &map->in))
        return false;
    if (map->in->count > 1)
        return compile_error(work->compiler, list->place, "'%s' is several ports; the host has one port, or one range",
                             complaint_quote(list->place, quote));
    struct policy_ports in = map->in->ranges[0];
    if (in.first == in.last)
        return true;
    if (map->ext->count > 1 || (work->st->ext.items != NULL && work->st->ext.items->next != NULL))
        return compile_error(work->compiler, list->place,
                             "several ports go to one port, or to the same ones; not to a range");
    if (width(in) != width(map->ext->ranges[0]))
        return compile_error(work->compiler, list->place,
                             "%u ports outside cannot go to %u inside: a range goes to one of the same length, or to "
                             "one port",
                             width(map->ext->ranges[0]), width(in));
    return true;
}

static bool forward_ports(const struct work *work, const struct resolved_proto *proto, struct mapping *map)
{
    *map = (struct mapping){0};
    if (!forward_ext(work, proto, &map->ext) || !forward_in(work, proto, map))
        return false;
    if (map->ext != NULL && map->ext->ranges[0].first == 0)
        return compile_error(work->compiler, work->st->ext.items != NULL ? work->st->ext.place : work->st->protos.place,
                             "port 0 cannot be forwarded");
    if (map->in != NULL && map->in->ranges[0].first == 0)
        return compile_error(work->compiler, work->st->in.place, "nothing can be forwarded to port 0");
    return true;
}

/* What is added to the policy. */

/* The rule that the policy makes of a forward, for its advice. */
static bool expose(const struct work *work, const struct policy_forward *forward)
{
    struct arena *arena = work->compiler->arena;
    struct policy_ports *in = arena_take(arena, sizeof *in);
    struct exposure_rule exposed = {
        .statement = work->statement,
        .rule = {.action = TG_ACCEPT,
                 .family = TG_IPV4,
                 .any_proto = forward->any_proto,
                 .proto = forward->proto,
                 .zone_in = forward->zone,
                 .src = forward->src,
                 .when = forward->when},
        .src = work->from.where.set,
        .dst = work->host,
        .ports = forward->any_port ? NULL : in,
        .port_count = !forward->any_port,
    };
    if (in == NULL)
        return false;
    *in = forward->in;
    return exposure_add(&work->compiler->exposure, arena, &exposed);
}

static bool add_forward(const struct work *work, struct policy_forward *forward)
{
    struct claim claim = {.statement = work->statement, .forward = *forward, .src = work->from.where.set};
    if (policy_add_forward(work->compiler->policy, forward) != 0)
        return compile_failed(work->compiler);
    return expose(work, forward) && claims_add(&work->compiler->claims, work->compiler->arena, &claim);
}

/* IPv4: destination translation, a range of ports each. */
static bool add_forwards(const struct work *work, const struct resolved_proto *proto, const struct mapping *map)
{
    struct policy_forward forward = {
        .statement = work->number,
        .any_proto = proto == NULL,
        .proto = proto != NULL ? proto->proto : 0,
        .any_port = map->ext == NULL,
        .zone = work->from.zone,
        .src = work->from.where.where,
        .has_at = work->st->at.len > 0,
        .at = work->st->at_addr,
        .host = *work->host4,
        .when = work->when,
        .hairpin = !work->st->no_hairpin,
    };
    if (map->ext == NULL)
        return add_forward(work, &forward);
    for (size_t i = 0; i < map->ext->count; i++) {
        forward.ext = map->ext->ranges[i];
        forward.in = map->in != NULL ? map->in->ranges[0] : forward.ext;
        if (!add_forward(work, &forward))
            return false;
    }
    return true;
}

/* IPv6: a pinhole. */
static bool add_pinhole(const struct work *work, const struct resolved_proto *proto, const struct mapping *map)
{
    const struct port_set *ports = map->in != NULL ? map->in : map->ext;
    struct policy_rule rule = {
        .statement = work->number,
        .action = TG_ACCEPT,
        .forward = POLICY_NONE,
        .family = TG_IPV6,
        .any_proto = proto == NULL,
        .proto = proto != NULL ? proto->proto : 0,
        .any_type = true,
        .any_code = true,
        .zone_in = work->from.zone,
        .zone_out = TG_ZONE_NONE,
        .src = work->from.where.where,
        .dst = {work->host_set6->number, false},
        .when = work->when,
        .sport = POLICY_NONE,
        .dport = ports != NULL ? ports->number : POLICY_NONE,
    };
    const struct exposure_rule exposed = {
        .statement = work->statement,
        .rule = rule,
        .src = work->from.where.set,
        .dst = work->host_set6,
        .ports = ports != NULL ? ports->ranges : NULL,
        .port_count = ports != NULL ? ports->count : 0,
    };
    if (policy_add_rule(work->compiler->policy, &rule) != 0)
        return compile_failed(work->compiler);
    return exposure_add(&work->compiler->exposure, work->compiler->arena, &exposed);
}

static bool add_proto(const struct work *work, const struct resolved_proto *proto)
{
    struct mapping map = {0};
    uint8_t families;
    if (!forward_families(work, proto != NULL ? resolve_families(proto->proto) : SETS_BOTH, &families) ||
        (proto != NULL && !forward_ports(work, proto, &map)))
        return false;
    if ((families & SETS_V4) && !add_forwards(work, proto, &map))
        return false;
    return !(families & SETS_V6) || add_pinhole(work, proto, &map);
}

/* What makes no sense whatever the names mean. */
static bool check(struct work *work, const struct resolved_protos *protos)
{
    const struct forward_statement *st = work->st;
    const struct port_list *ports = st->ext.items != NULL ? &st->ext : &st->in;
    if (st->any && ports->items != NULL)
        return compile_error(work->compiler, ports->place, "'forward any' is all ports; leave 'port' out");
    if (protos->service && st->ext.items != NULL)
        return compile_error(work->compiler, st->ext.place,
                             "the service has said the port already; for another port outside write 'tcp port ...'");
    if (work->from.zone == TG_ZONE_ROUTER)
        return compile_error(work->compiler, st->from.place,
                             "a forward takes what comes in; the router's own connections do not");
    return true;
}

bool compile_forward(struct compiler *compiler, const struct statement *st)
{
    struct work work = {.compiler = compiler, .statement = st, .st = &st->forward};
    struct resolved_protos protos;
    bool good = resolve_protos(compiler, &st->forward.protos, &protos);
    good &= resolve_port_names(compiler, &st->forward.ext);
    good &= resolve_side(compiler, &st->forward.from, &work.from);
    good &= resolve_host(&work);
    good &= resolve_port_names(compiler, &st->forward.in);
    if (!good || !check(&work, &protos) ||
        !compile_statement(compiler, st, TG_STATEMENT_FORWARD, &st->forward.label, &work.number) ||
        !compile_options(compiler, &st->forward.options, work.from.zone, &work.when))
        return false;
    if (st->forward.any)
        return add_proto(&work, NULL);
    for (size_t i = 0; i < protos.count; i++) {
        if (!add_proto(&work, &protos.protos[i]))
            return false;
    }
    return true;
}
