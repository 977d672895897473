/* What is said once for all: the default, timers, the table of connections, helpers. */
#include "rules/compile.h"

#include <stdio.h>

#include "rules/resolve.h"
#include "rules/words.h"

bool compile_once(struct compiler *compiler, const struct statement **said, const struct statement *st,
                  const char *what)
{
    char where[COMPLAINT_WHERE];
    if (*said != NULL)
        return compile_error(compiler, st->place, "%s is already said at %s", what,
                             complaint_where((*said)->place, where));
    *said = st;
    return true;
}

bool compile_default(struct compiler *compiler, const struct statement *st)
{
    if (!compile_once(compiler, &compiler->settings.fallback, st, "the default"))
        return false;
    policy_set_default(compiler->policy, st->fallback);
    return true;
}

/* What connections may count on, wherever they lead: who waits less ends some that are in use. */
static const struct floor {
    uint32_t seconds;
    const char *source;
} floors[POLICY_TIMERS] = {
    [POLICY_TCP_ESTABLISHED] = {7440, "RFC 5382 REQ-5"},
    [POLICY_TCP_TRANSITORY] = {240, "RFC 5382 REQ-5"},
    [POLICY_TCP_OPENING] = {240, "RFC 5382 REQ-5"},
    [POLICY_TCP_CLOSING] = {240, "RFC 5382 REQ-5"},
    [POLICY_UDP_NEW] = {120, "RFC 4787 REQ-5"},
    [POLICY_UDP_STREAM] = {120, "RFC 4787 REQ-5"},
    [POLICY_ICMP] = {60, "RFC 5508 REQ-2"},
};

bool compile_timeout(struct compiler *compiler, const struct statement *st)
{
    const struct timeout_statement *timeout = &st->timeout;
    const struct floor *floor = &floors[timeout->timer];
    char what[48], least[WORDS_DURATION], quote[COMPLAINT_QUOTE];
    snprintf(what, sizeof what, "this timer, '%s',", words_timers[timeout->timer]);
    if (!compile_once(compiler, &compiler->settings.timers[timeout->timer], st, what))
        return false;
    if (timeout->duration.seconds < floor->seconds)
        complain(compiler->complaints, TG_WARNING, timeout->duration.place,
                 "'%s' ends connections that may be in use: %s asks for at least %s",
                 complaint_quote(timeout->duration.place, quote), floor->source,
                 words_duration_text(floor->seconds, least));
    policy_set_timeout(compiler->policy, timeout->timer, timeout->duration.seconds);
    return true;
}

bool compile_connections(struct compiler *compiler, const struct statement *st)
{
    const struct connections_statement *connections = &st->connections;
    if (connections->pickup) {
        if (!compile_once(compiler, &compiler->settings.pickup, st, "'connections pickup'"))
            return false;
        policy_set_pickup(compiler->policy);
        return true;
    }
    if (!compile_once(compiler, &compiler->settings.room, st, "'connections max'"))
        return false;
    policy_set_connections(compiler->policy, connections->max);
    return true;
}

/* The lowest port that both read. */
static bool meet(const struct policy_helper *a, const struct policy_helper *b, uint16_t *port)
{
    uint16_t last = a->ports.last < b->ports.last ? a->ports.last : b->ports.last;
    *port = a->ports.first > b->ports.first ? a->ports.first : b->ports.first;
    return a->proto == b->proto && *port <= last;
}

/* What is spoken on a port is read by one helper, and the same one twice is one too many as well. */
static bool add_helper(struct compiler *compiler, const struct statement *st, const struct policy_helper *helper)
{
    char where[COMPLAINT_WHERE], proto[WORDS_PROTOCOL];
    uint16_t port;
    for (const struct helped *other = compiler->settings.helped; other != NULL; other = other->next) {
        if (meet(helper, &other->helper, &port))
            return compile_error(compiler, st->helper.ports.place, "%s port %u has a helper already, %s at %s",
                                 words_protocol_name(helper->proto, proto), port, words_helpers[other->helper.kind - 1],
                                 complaint_where(other->statement->place, where));
    }
    struct helped *helped = arena_take(compiler->arena, sizeof *helped);
    if (helped == NULL)
        return false;
    *helped = (struct helped){compiler->settings.helped, st, *helper};
    compiler->settings.helped = helped;
    return policy_add_helper(compiler->policy, helper) == 0 || compile_failed(compiler);
}

bool compile_helper(struct compiler *compiler, const struct statement *st)
{
    const struct port_set *ports;
    struct policy_helper helper = {.kind = st->helper.kind, .proto = st->helper.proto};
    if (!resolve_port_names(compiler, &st->helper.ports) ||
        !resolve_ports(compiler, &st->helper.ports, helper.proto, &ports))
        return false;
    for (size_t i = 0; i < ports->count; i++) {
        helper.ports = ports->ranges[i];
        if (!add_helper(compiler, st, &helper))
            return false;
    }
    return true;
}
