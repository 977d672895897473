/* Allow, drop and reject: one rule of the policy for each protocol, and of ICMP for each type. */
#include "rules/compile.h"

#include "rules/resolve.h"
#include "tidegate/packet.h"

/* A statement being compiled: what all its rules have in common. */
struct work {
    struct compiler *compiler;
    const struct statement *statement;
    const struct rule_statement *st;
    struct resolved_side from, to;
    struct policy_rule rule;
};

static uint8_t family_of(uint8_t families)
{
    return families == SETS_BOTH ? 0 : families == SETS_V4 ? TG_IPV4 : TG_IPV6;
}

static const char *family_name(uint8_t families)
{
    return families == SETS_V4 ? "IPv4" : "IPv6";
}

/* The families that a rule for a protocol can be of; none of them is complained of. */
static bool rule_families(const struct work *work, uint8_t proto_families, struct place proto, uint8_t *families)
{
    uint8_t src = work->from.where.families, dst = work->to.where.families;
    if ((src & dst) == 0)
        return compile_error(work->compiler, work->st->to.addresses.place,
                             "no packet goes from %s to %s: the two sides have no family in common", family_name(src),
                             family_name(dst));
    *families = src & dst & proto_families;
    if (*families == 0)
        return compile_error(work->compiler, proto, "this is spoken over %s, and the addresses are all %s",
                             family_name(proto_families), family_name(src & dst));
    return true;
}

/* Ports of one side, for the protocol that the rule is of; NULL if none are named. */
static bool rule_ports(const struct work *work, const struct port_list *list, uint8_t proto,
                       const struct port_set **ports)
{
    *ports = NULL;
    return list->items == NULL || resolve_ports(work->compiler, list, proto, ports);
}

/* `dport` is what the rule's own number of it stands for. */
static bool add_rule(const struct work *work, const struct policy_rule *rule, const struct port_set *dport)
{
    const struct exposure_rule exposed = {
        .statement = work->statement,
        .rule = *rule,
        .src = work->from.where.set,
        .dst = work->to.where.set,
        .ports = dport != NULL ? dport->ranges : NULL,
        .port_count = dport != NULL ? dport->count : 0,
    };
    if (policy_add_rule(work->compiler->policy, rule) != 0)
        return compile_failed(work->compiler);
    return exposure_add(&work->compiler->exposure, work->compiler->arena, &exposed);
}

static bool add_types(const struct work *work, struct policy_rule *rule)
{
    for (const struct type_item *type = work->st->types; type != NULL; type = type->next) {
        rule->any_type = false;
        rule->type = type->type;
        rule->any_code = type->any_code;
        rule->code = type->code;
        if (!add_rule(work, rule, NULL))
            return false;
    }
    return true;
}

static bool add_proto(const struct work *work, const struct resolved_proto *proto)
{
    struct policy_rule rule = work->rule;
    const struct port_set *sport, *dport;
    uint8_t families;
    rule.any_proto = false;
    rule.proto = proto->proto;
    if (!rule_families(work, resolve_families(proto->proto), work->st->protos.place, &families))
        return false;
    rule.family = family_of(families);
    if (!rule_ports(work, &work->st->from.ports, proto->proto, &sport) ||
        !rule_ports(work, &work->st->to.ports, proto->proto, &dport))
        return false;
    if (proto->ports != NULL)
        dport = proto->ports;
    rule.sport = sport != NULL ? sport->number : POLICY_NONE;
    rule.dport = dport != NULL ? dport->number : POLICY_NONE;
    return work->st->types != NULL ? add_types(work, &rule) : add_rule(work, &rule, dport);
}

static bool add_any_proto(const struct work *work)
{
    struct policy_rule rule = work->rule;
    uint8_t families;
    if (!rule_families(work, SETS_BOTH, work->st->protos.place, &families))
        return false;
    rule.family = family_of(families);
    return add_rule(work, &rule, NULL);
}

/* What makes no sense whatever the names mean. */
static bool check_ports(struct compiler *compiler, const struct rule_statement *st,
                        const struct resolved_protos *protos)
{
    const struct port_list *first = st->from.ports.items != NULL ? &st->from.ports : &st->to.ports;
    if (first->items != NULL && protos->count == 0)
        return compile_error(compiler, first->place,
                             "a port needs its protocol, at the beginning: 'tcp', 'udp' or 'tcp,udp'");
    if (st->to.ports.items != NULL && protos->service)
        return compile_error(compiler, st->to.ports.place, "the service before 'from' and 'to' has said the port");
    return true;
}

static bool fill_rule(struct work *work, const struct statement *st)
{
    static const enum tg_action actions[] = {
        [TG_STATEMENT_ALLOW] = TG_ACCEPT, [TG_STATEMENT_DROP] = TG_DROP, [TG_STATEMENT_REJECT] = TG_REJECT};
    work->rule = (struct policy_rule){
        .action = actions[work->st->action],
        .forward = POLICY_NONE,
        .any_proto = true,
        .any_type = true,
        .any_code = true,
        .zone_in = work->from.zone,
        .zone_out = work->to.zone,
        .src = work->from.where.where,
        .dst = work->to.where.where,
        .sport = POLICY_NONE,
        .dport = POLICY_NONE,
    };
    return compile_statement(work->compiler, st, work->st->action, &work->st->label, &work->rule.statement);
}

bool compile_rule(struct compiler *compiler, const struct statement *st)
{
    struct work work = {.compiler = compiler, .statement = st, .st = &st->rule};
    struct resolved_protos protos;
    bool good = resolve_protos(compiler, &st->rule.protos, &protos);
    good &= resolve_side(compiler, &st->rule.from, &work.from);
    good &= resolve_port_names(compiler, &st->rule.from.ports);
    good &= resolve_side(compiler, &st->rule.to, &work.to);
    good &= resolve_port_names(compiler, &st->rule.to.ports);
    if (!good || !check_ports(compiler, &st->rule, &protos) || !fill_rule(&work, st) ||
        !compile_options(compiler, &st->rule.options, work.from.zone, &work.rule.when))
        return false;

    if (st->rule.action == TG_STATEMENT_ALLOW && (work.from.zone == TG_ZONE_ROUTER || work.from.zone == TG_ZONE_NONE))
        compiler->from_router = true;
    if (protos.count == 0)
        return add_any_proto(&work);
    for (size_t i = 0; i < protos.count; i++) {
        if (!add_proto(&work, &protos.protos[i]))
            return false;
    }
    return true;
}
