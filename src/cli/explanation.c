#include "cli/explanation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keeping the steps. */

/* Reasons that say least of how near a statement was, and those with which it has nothing in common with the packet. */
static bool is_one_of(const char *why, const char *const *reasons)
{
    for (; why != NULL && *reasons != NULL; reasons++)
        if (strcmp(why, *reasons) == 0)
            return true;
    return false;
}

static bool is_far(const char *why)
{
    static const char *const reasons[] = {"another protocol", "another address family", NULL};
    return is_one_of(why, reasons);
}

bool explanation_is_foreign(const struct explanation_step *step)
{
    static const char *const reasons[] = {"it is for another address", "it comes from another zone",
                                          "it goes to another zone", "another address family", NULL};
    return !step->fits && is_one_of(step->why, reasons);
}

/* The rule of a forward that is for IPv6, where the packet is IPv4 and the forward itself is what counts. */
static bool is_pinhole_aside(const struct explanation *e, const struct explanation_step *step)
{
    const struct tg_statement *statement = tg_policy_statement(e->policy, step->statement);
    return step->step == TG_STEP_RULE && !step->fits && statement != NULL && statement->kind == TG_STATEMENT_FORWARD &&
           e->outcome.packet.outer.tuple.family == TG_IPV4;
}

void explanation_keep(void *context, const struct tg_step_info *info)
{
    struct explanation *e = context;
    struct explanation_step step = {
        info->step, info->fits, info->statement, info->why, info->verdict->zone_in, info->verdict->zone_out};
    struct explanation_step *last = e->count > 0 ? &e->steps[e->count - 1] : NULL;
    if (is_pinhole_aside(e, &step))
        return;
    if (last != NULL && step.statement != TG_NO_STATEMENT && last->step == step.step &&
        last->statement == step.statement) {
        if (step.fits || is_far(last->why))
            *last = step;
        return;
    }
    if (e->count == e->room) {
        size_t room = e->room == 0 ? 64 : 2 * e->room;
        struct explanation_step *steps = realloc(e->steps, room * sizeof *steps);
        if (steps == NULL) {
            e->failed = true;
            return;
        }
        e->steps = steps;
        e->room = room;
    }
    e->steps[e->count++] = step;
}

/* In words. */

const char *explanation_zone(const struct tg_policy *policy, uint8_t zone)
{
    const struct tg_zone *z = tg_policy_zone(policy, zone);
    return z == NULL ? "no zone" : z->name;
}

const struct tg_tuple *explanation_came_as(const struct explanation *e)
{
    return &e->outcome.packet.outer.tuple;
}

const struct tg_tuple *explanation_leaves_as(const struct explanation *e)
{
    return e->outcome.verdict.translation == TG_TRANSLATE_NONE ? explanation_came_as(e) : &e->outcome.verdict.to;
}

/* "203.0.113.1:8080" */
static const char *end_text(const struct tg_tuple *t, struct tg_addr addr, uint16_t port, char buf[static 64])
{
    char text[TG_ADDR_TEXT];
    tg_addr_format(t->family, addr, text);
    if (!tg_proto_has_ports(t->proto))
        snprintf(buf, 64, "%s", text);
    else
        snprintf(buf, 64, t->family == TG_IPV4 ? "%s:%u" : "[%s]:%u", text, port);
    return buf;
}

const char *explanation_tuple(const struct tg_tuple *t, char buf[static EXPLANATION_TUPLE])
{
    char src[64], dst[64];
    snprintf(buf, EXPLANATION_TUPLE, "%s > %s", end_text(t, t->src, t->sport, src), end_text(t, t->dst, t->dport, dst));
    return buf;
}

/* "home.rules:4  forward tcp port 8080 …" */
static const char *where(const struct tg_policy *policy, uint32_t number, char buf[static EXPLANATION_WORDS])
{
    const struct tg_statement *statement = tg_policy_statement(policy, number);
    if (statement == NULL)
        buf[0] = '\0';
    else
        snprintf(buf, EXPLANATION_WORDS, "%s:%u  %s", statement->file, statement->line, statement->text);
    return buf;
}

const char *explanation_step_name(enum tg_step step)
{
    static const char *const names[] = {
        [TG_STEP_ZONE] = "zone",       [TG_STEP_SPOOF] = "source",   [TG_STEP_CONNECTION] = "connection",
        [TG_STEP_FORWARD] = "forward", [TG_STEP_ROUTE] = "route",    [TG_STEP_RULE] = "rule",
        [TG_STEP_DEFAULT] = "default", [TG_STEP_SOURCE] = "address",
    };
    return names[step];
}

const char *explanation_why_not(const struct explanation *e, const char *why)
{
    static const struct {
        const char *why, *more;
    } unsaid[] = {
        {"not at this time", "it fits at some times, and the packet has none: add 'at monday 10:00'"},
        {"another MAC address", "it asks for a MAC address, and none can be said here"},
        {"its source has not knocked", "its source would have to knock first"},
    };
    for (size_t i = e->probe.has_minute; i < sizeof unsaid / sizeof *unsaid; i++)
        if (strcmp(why, unsaid[i].why) == 0)
            return unsaid[i].more;
    return why;
}

/* A forward of this statement; there is one if the engine tells of it. */
static const struct policy_forward *forward_of(const struct tg_policy *policy, uint32_t statement)
{
    for (uint32_t i = 0; i < policy_forward_count(policy); i++)
        if (policy_forward(policy, i)->statement == statement)
            return policy_forward(policy, i);
    return NULL;
}

bool explanation_is_hairpin(const struct explanation *e, const struct explanation_step *step)
{
    const struct policy_forward *forward = forward_of(e->policy, step->statement);
    return forward != NULL && forward->zone != TG_ZONE_NONE && forward->zone != step->zone_in;
}

static void describe_statement(const struct explanation *e, const struct explanation_step *step,
                               char out[static 2 * EXPLANATION_WORDS])
{
    char buf[EXPLANATION_WORDS];
    const char *more = "";
    if (step->step == TG_STEP_FORWARD && step->fits && explanation_is_hairpin(e, step))
        more = "; a hairpin: from inside, by the outside address";
    snprintf(out, 2 * EXPLANATION_WORDS, "%s  %s%s%s", where(e->policy, step->statement, buf),
             step->fits ? "=> fits" : "-- no: ", step->fits ? "" : explanation_why_not(e, step->why), more);
}

/* Why the source is what it is: what the file says, the way back of a hairpin, masquerading. */
static void describe_source(const struct explanation *e, const struct explanation_step *step,
                            char out[static 2 * EXPLANATION_WORDS])
{
    const struct tg_tuple *came = explanation_came_as(e), *left = explanation_leaves_as(e);
    char buf[EXPLANATION_WORDS], before[64], after[64];
    end_text(came, came->src, came->sport, before);
    end_text(left, left->src, left->sport, after);
    if (step->statement != TG_NO_STATEMENT && !step->fits)
        snprintf(out, 2 * EXPLANATION_WORDS, "source %s kept by %s", before, where(e->policy, step->statement, buf));
    else if (step->statement != TG_NO_STATEMENT)
        snprintf(out, 2 * EXPLANATION_WORDS, "source %s becomes %s by %s", before, after,
                 where(e->policy, step->statement, buf));
    else if (!step->fits)
        snprintf(out, 2 * EXPLANATION_WORDS, "source %s kept", before);
    else if (step->zone_in == step->zone_out)
        snprintf(out, 2 * EXPLANATION_WORDS,
                 "source %s becomes %s, the router's address on %s, so that the answer comes back here", before, after,
                 explanation_zone(e->policy, step->zone_out));
    else if (tg_addr_equal(came->src, left->src))
        snprintf(out, 2 * EXPLANATION_WORDS, "source %s becomes %s: the port it has outside", before, after);
    else
        snprintf(out, 2 * EXPLANATION_WORDS, "source %s becomes %s, the router's address on %s (masquerade)", before,
                 after, explanation_zone(e->policy, step->zone_out));
}

void explanation_describe(const struct explanation *e, const struct explanation_step *step,
                          char out[static 2 * EXPLANATION_WORDS])
{
    const char *said = "";
    switch (step->step) {
    case TG_STEP_ZONE:
        snprintf(out, 2 * EXPLANATION_WORDS, "comes in by %s", explanation_zone(e->policy, step->zone_in));
        return;
    case TG_STEP_ROUTE:
        snprintf(out, 2 * EXPLANATION_WORDS, step->zone_out == TG_ZONE_ROUTER ? "is for the %s itself" : "leaves by %s",
                 explanation_zone(e->policy, step->zone_out));
        return;
    case TG_STEP_FORWARD:
    case TG_STEP_RULE: describe_statement(e, step, out); return;
    case TG_STEP_SOURCE: describe_source(e, step, out); return;
    case TG_STEP_SPOOF: said = step->fits ? "may come from there" : "cannot come from there: spoofed"; break;
    case TG_STEP_CONNECTION: said = step->fits ? "known" : "none: it would begin one"; break;
    case TG_STEP_DEFAULT: said = "no statement fits"; break;
    }
    snprintf(out, 2 * EXPLANATION_WORDS, "%s", said);
}

size_t explanation_assumed(const struct explanation *e,
                           struct explanation_assumption assumed[static EXPLANATION_ASSUMPTIONS])
{
    const struct tg_tuple *t = explanation_came_as(e);
    char src[TG_ADDR_TEXT], dst[TG_ADDR_TEXT];
    size_t count = 0;
    struct explanation_assumption all[EXPLANATION_ASSUMPTIONS] = {
        {PROBE_ASSUMED_PROTO, "tcp, as no protocol is said"},
        {PROBE_ASSUMED_SRC, ""},
        {PROBE_ASSUMED_SPORT, ""},
        {PROBE_ASSUMED_DST, ""},
        {PROBE_ASSUMED_DPORT, ""},
        {PROBE_ASSUMED_OWN, ""},
    };
    tg_addr_format(t->family, t->src, src);
    tg_addr_format(t->family, t->dst, dst);
    snprintf(all[1].words, sizeof all[1].words, "source %s", src);
    snprintf(all[2].words, sizeof all[2].words, "source port %u", t->sport);
    snprintf(all[3].words, sizeof all[3].words, "destination %s", dst);
    snprintf(all[4].words, sizeof all[4].words, "destination port %u", t->dport);
    snprintf(all[5].words, sizeof all[5].words, "%s is the router's own address: the file gives zone %.32s none", dst,
             explanation_zone(e->policy, e->outcome.verdict.zone_in));
    for (size_t i = 0; i < EXPLANATION_ASSUMPTIONS; i++)
        if (e->outcome.assumed & all[i].bit)
            assumed[count++] = all[i];
    return count;
}

const char *explanation_refusal(const struct explanation *e)
{
    if (e->outcome.verdict.action == TG_DROP)
        return "none: its sender hears nothing";
    if (explanation_came_as(e)->proto == TG_PROTO_TCP)
        return "a TCP reset: its sender knows at once";
    return explanation_came_as(e)->family == TG_IPV4 ? "ICMP: administratively prohibited"
                                                     : "ICMPv6: administratively prohibited";
}

bool explanation_has_answer(const struct explanation *e)
{
    return e->outcome.verdict.action == TG_ACCEPT && e->outcome.verdict.state != TG_STATE_UNTRACKED;
}

/* Whether a translation made the source what it is, and not the way back of a hairpin in its place. */
static bool is_of(const struct policy_translation *t, struct tg_addr came, struct tg_addr left)
{
    if (t->itself)
        return tg_addr_equal(came, left);
    return tg_addr_compare(t->first, left) <= 0 && tg_addr_compare(left, t->last) <= 0;
}

void explanation_complete(struct explanation *e)
{
    const struct tg_verdict *v = &e->outcome.verdict;
    struct tg_tuple inside = *explanation_came_as(e);
    inside.dst = explanation_leaves_as(e)->dst;
    inside.dport = explanation_leaves_as(e)->dport;
    if (v->action != TG_ACCEPT || inside.family != TG_IPV4)
        return;
    const struct policy_translation *said = policy_find_translation(e->policy, &inside, v->zone_in, v->zone_out);
    struct explanation_step *last = e->count > 0 ? &e->steps[e->count - 1] : NULL;
    if (said == NULL || !is_of(said, inside.src, explanation_leaves_as(e)->src))
        return;
    if (last != NULL && last->step == TG_STEP_SOURCE) {
        if (last->statement == TG_NO_STATEMENT)
            last->statement = said->statement;
    } else {
        explanation_keep(e, &(struct tg_step_info){TG_STEP_SOURCE, false, said->statement, NULL, v});
    }
}
