#include "probe/expect.h"

#include <errno.h>
#include <stdio.h>

#include "policy/policy.h"
#include "probe/probe.h"
#include "rules/complaint.h"

#define SAID 320

/* The packet as it leaves. */
static const struct tg_tuple *leaves_as(const struct probe_outcome *outcome)
{
    return outcome->verdict.translation == TG_TRANSLATE_NONE ? &outcome->packet.outer.tuple : &outcome->verdict.to;
}

static const struct tg_statement *decided_by(const struct tg_policy *policy, const struct probe_outcome *outcome)
{
    return tg_policy_statement(policy, outcome->verdict.statement);
}

static bool is_forwarded(const struct tg_policy *policy, const struct probe_outcome *outcome)
{
    const struct tg_statement *statement = decided_by(policy, outcome);
    return outcome->verdict.action == TG_ACCEPT && statement != NULL && statement->kind == TG_STATEMENT_FORWARD;
}

/* Whether a forwarded packet goes where it was expected. */
static bool goes_there(const struct policy_expectation *wanted, const struct tg_tuple *left)
{
    bool v4 = left->family == TG_IPV4;
    if (v4 ? !wanted->has_v4 : !wanted->has_v6)
        return false;
    return tg_addr_equal(left->dst, v4 ? wanted->v4 : wanted->v6) && (!wanted->has_port || wanted->port == left->dport);
}

static bool holds(const struct tg_policy *policy, const struct policy_expectation *wanted,
                  const struct probe_outcome *outcome)
{
    switch (wanted->outcome) {
    case POLICY_ALLOWED: return outcome->verdict.action == TG_ACCEPT;
    case POLICY_DROPPED: return outcome->verdict.action == TG_DROP;
    case POLICY_REJECTED: return outcome->verdict.action == TG_REJECT;
    case POLICY_FORWARDED: return is_forwarded(policy, outcome) && goes_there(wanted, leaves_as(outcome));
    }
    return false;
}

/* What became of it: "dropped", "forwarded to 192.168.1.50 port 80". */
static void say_outcome(const struct tg_policy *policy, const struct probe_outcome *outcome, char out[static SAID])
{
    static const char *const words[] = {[TG_ACCEPT] = "allowed", [TG_DROP] = "dropped", [TG_REJECT] = "rejected"};
    const struct tg_tuple *left = leaves_as(outcome);
    char addr[TG_ADDR_TEXT], port[16] = "";
    if (!is_forwarded(policy, outcome)) {
        snprintf(out, SAID, "%s", words[outcome->verdict.action]);
        return;
    }
    if (tg_proto_has_ports(left->proto))
        snprintf(port, sizeof port, " port %u", left->dport);
    snprintf(out, SAID, "forwarded to %s%s", tg_addr_format(left->family, left->dst, addr), port);
}

/* What decided so: a statement, or what the engine found without one. */
static void say_cause(const struct tg_policy *policy, const struct probe_outcome *outcome, char out[static SAID])
{
    const struct tg_statement *statement = decided_by(policy, outcome);
    if (statement != NULL)
        snprintf(out, SAID, " by %s:%u", statement->file, statement->line);
    else if (outcome->verdict.reason == TG_REASON_DEFAULT)
        snprintf(out, SAID, " by the default, as no statement fits");
    else if (outcome->verdict.reason == TG_REASON_SPOOFED)
        snprintf(out, SAID, " as spoofed: its source cannot be where it comes from");
    else
        snprintf(out, SAID, " as %s", tg_reason_name(outcome->verdict.reason));
}

static void complain_of(const struct tg_policy *policy, const struct policy_expectation *wanted,
                        const struct probe_outcome *outcome, struct tg_complaints *complaints)
{
    char what[SAID], cause[SAID];
    say_outcome(policy, outcome, what);
    say_cause(policy, outcome, cause);
    complain_later(complaints, TG_ERROR, &wanted->place, "expected to be %s, and is %s%s", wanted->words, what, cause);
}

int probe_expect(const struct tg_policy *policy, struct tg_complaints *complaints, struct probe_expected *expected)
{
    const struct policy_expectation *wanted;
    *expected = (struct probe_expected){0};
    for (size_t i = 0; (wanted = policy_expectation(policy, i)) != NULL; i++) {
        struct probe_outcome outcome;
        int error = probe_judge(policy, &wanted->probe, NULL, NULL, &outcome);
        if (error != 0)
            return error; /* -ENOMEM: the compiler takes no packet of two families */
        if (holds(policy, wanted, &outcome)) {
            expected->held++;
            continue;
        }
        expected->failed++;
        complain_of(policy, wanted, &outcome, complaints);
    }
    return complaints_failed(complaints) ? -ENOMEM : 0;
}
