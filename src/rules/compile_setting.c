/* What is said once for all: the default, timers, the table of connections. */
#include "rules/compile.h"

#include <stdio.h>

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
