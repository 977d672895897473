/* Detect and knock. */
#include "rules/compile.h"

#include "rules/resolve.h"

/* Who is watched or may knock: anybody but the router. `why` says why that makes no sense. */
static bool watch_side(struct compiler *compiler, const struct side *side, const char *why,
                       struct resolved_side *resolved)
{
    if (!resolve_side(compiler, side, resolved))
        return false;
    return resolved->zone != TG_ZONE_ROUTER || compile_error(compiler, side->place, "%s", why);
}

bool compile_detect(struct compiler *compiler, const struct statement *st)
{
    static const struct name_ref no_label = {0};
    const struct detect_statement *detect = &st->detect;
    struct resolved_side from;
    struct policy_detect scan = {.ports = (uint16_t)detect->ports,
                                 .seconds = detect->within.seconds,
                                 .block = detect->block.seconds};
    if (!watch_side(compiler, &detect->from, "a scan comes from elsewhere; the router does not watch itself", &from) ||
        !compile_statement(compiler, st, TG_STATEMENT_DETECT, &no_label, &scan.statement))
        return false;
    scan.zone = from.zone;
    scan.src = from.where.where;
    return policy_add_detect(compiler->policy, &scan) == 0 || compile_failed(compiler);
}

/* The port of a step. */
static bool knock_port(struct compiler *compiler, const struct knock_step *step, uint16_t *port)
{
    const struct port_item *item = step->port.items;
    struct policy_ports ports = item->ports;
    char quote[COMPLAINT_QUOTE];
    bool several = false;
    if (item->name != NULL) {
        const struct port_set *set;
        if (!resolve_port_names(compiler, &step->port) || !resolve_ports(compiler, &step->port, step->proto, &set))
            return false;
        ports = set->ranges[0];
        several = set->count > 1;
    }
    if (several || ports.first != ports.last)
        return compile_error(compiler, item->place, "'%s' is several ports; each step of a knock is one",
                             complaint_quote(item->place, quote));
    if (ports.first == 0)
        return compile_error(compiler, item->place, "nobody can knock at port 0");
    *port = ports.first;
    return true;
}

static bool knock_steps(struct compiler *compiler, const struct knock_step *steps, struct policy_knock *knock)
{
    char quote[COMPLAINT_QUOTE];
    bool good = true;
    for (const struct knock_step *step = steps; step != NULL; step = step->next) {
        struct policy_knock_step *made = &knock->steps[knock->count++], *before = made - 1;
        made->proto = step->proto;
        if (!knock_port(compiler, step, &made->port))
            good = false;
        else if (made != knock->steps && before->proto == made->proto && before->port == made->port)
            good = compile_error(compiler, step->place,
                                 "'%s' is the step before, too; a packet that is sent anew would be taken for this one",
                                 complaint_quote(step->place, quote));
    }
    return good;
}

static bool compile_knock(struct compiler *compiler, struct name *name)
{
    const struct knock_statement *st = &name->statement->knock;
    struct policy_knock knock = {.name = name->text, .seconds = st->within.seconds, .open = st->open.seconds};
    struct resolved_side from;
    bool good = watch_side(compiler, &st->from, "a knock comes from elsewhere; the router needs none", &from);
    good &= knock_steps(compiler, st->steps, &knock);
    if (!good)
        return false;
    knock.zone = from.zone;
    knock.src = from.where.where;
    return policy_add_knock(compiler->policy, &knock, &name->knock) == 0 || compile_failed(compiler);
}

bool compile_knocks(struct compiler *compiler)
{
    bool good = true;
    for (struct name *name = compiler->names.first; name != NULL; name = name->next) {
        if (name->kind == NAME_KNOCK && !name->statement->broken)
            good &= compile_knock(compiler, name);
    }
    return good;
}
