/* Totals of a run. */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "report/summary.h"

/* The engine's counters, and what never came to it. */
static struct tg_counters counters_of(const struct summary *summary)
{
    struct tg_counters counters;
    tg_engine_counters(summary->engine, &counters);
    counters.packets += summary->non_ip_packets;
    counters.bytes += summary->non_ip_bytes;
    counters.verdicts[TG_ACCEPT][TG_REASON_NON_IP] += summary->non_ip_packets;
    return counters;
}

static uint64_t by_action(const struct tg_counters *counters, enum tg_action action)
{
    uint64_t sum = 0;
    for (int reason = 0; reason < TG_REASONS; reason++)
        sum += counters->verdicts[action][reason];
    return sum;
}

static uint64_t by_reason(const struct tg_counters *counters, enum tg_reason reason)
{
    uint64_t sum = 0;
    for (int action = 0; action < TG_ACTIONS; action++)
        sum += counters->verdicts[action][reason];
    return sum;
}

/* Whether a statement's hits are told: not of one that decides nothing, and therefore has none. */
static bool is_told(const struct summary *summary, uint32_t number)
{
    return tg_statement_decides(tg_policy_statement(summary->policy, number)->kind);
}

static void put_rules(FILE *out, const struct summary *summary)
{
    uint32_t count = (uint32_t)tg_policy_statement_count(summary->policy), hit = 0, idle = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tg_statement *statement = tg_policy_statement(summary->policy, i);
        struct tg_hits hits = tg_engine_hits(summary->engine, i);
        if (hits.packets == 0 || !is_told(summary, i))
            continue;
        if (hit++ == 0)
            fprintf(out, "by rule:\n%12s %14s\n", "packets", "bytes");
        fprintf(out, "%12" PRIu64 " %14" PRIu64 "  %s:%" PRIu32 ": %s\n", hits.packets, hits.bytes, statement->file,
                statement->line, statement->text);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct tg_statement *statement = tg_policy_statement(summary->policy, i);
        if (tg_engine_hits(summary->engine, i).packets != 0 || !is_told(summary, i))
            continue;
        if (idle++ == 0)
            fputs("nothing hit:\n", out);
        fprintf(out, "%27s  %s:%" PRIu32 ": %s\n", "", statement->file, statement->line, statement->text);
    }
}

void summary_text(FILE *out, const struct summary *summary)
{
    static const char *const done[TG_ACTIONS] = {
        [TG_ACCEPT] = "accepted", [TG_DROP] = "dropped", [TG_REJECT] = "rejected"};
    struct tg_counters counters = counters_of(summary);
    struct tg_population population;
    tg_engine_population(summary->engine, &population);
    fprintf(out, "\n%" PRIu64 " packets, %" PRIu64 " bytes:", counters.packets, counters.bytes);
    for (int action = 0; action < TG_ACTIONS; action++)
        fprintf(out, "%s %" PRIu64 " %s", action ? "," : "", by_action(&counters, (enum tg_action)action),
                done[action]);
    fputs("\nby reason:", out);
    const char *separator = " ";
    for (int reason = 0; reason < TG_REASONS; reason++) {
        uint64_t n = by_reason(&counters, (enum tg_reason)reason);
        if (n == 0)
            continue;
        fprintf(out, "%s%" PRIu64 " %s", separator, n, tg_reason_name((enum tg_reason)reason));
        separator = ", ";
    }
    fputs(counters.packets ? "\n" : " none\n", out);
    put_rules(out, summary);
    fprintf(out,
            "connections: %" PRIu64 " tcp, %" PRIu64 " udp, %" PRIu64 " icmp, %" PRIu64 " other; at most %" PRIu32
            " at once, room for %" PRIu32 "\n",
            population.tcp, population.udp, population.icmp, population.other, population.peak, population.room);
}

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_int64((int64_t)value));
}

static struct json_object *rules_json(const struct summary *summary)
{
    struct json_object *rules = json_object_new_array();
    uint32_t count = (uint32_t)tg_policy_statement_count(summary->policy);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_told(summary, i))
            continue;
        const struct tg_statement *statement = tg_policy_statement(summary->policy, i);
        struct tg_hits hits = tg_engine_hits(summary->engine, i);
        struct json_object *rule = json_object_new_object();
        json_object_object_add(rule, "file", json_object_new_string(statement->file));
        add_number(rule, "line", statement->line);
        add_number(rule, "hits", hits.packets);
        add_number(rule, "bytes", hits.bytes);
        json_object_array_add(rules, rule);
    }
    return rules;
}

char *summary_json(const struct summary *summary)
{
    struct tg_counters counters = counters_of(summary);
    struct tg_population population;
    struct json_object *line = json_object_new_object(), *totals = json_object_new_object();
    struct json_object *reasons = json_object_new_object(), *connections = json_object_new_object();
    add_number(totals, "packets", counters.packets);
    add_number(totals, "bytes", counters.bytes);
    for (int action = 0; action < TG_ACTIONS; action++)
        add_number(totals, tg_action_name((enum tg_action)action), by_action(&counters, (enum tg_action)action));
    for (int reason = 0; reason < TG_REASONS; reason++)
        add_number(reasons, tg_reason_name((enum tg_reason)reason), by_reason(&counters, (enum tg_reason)reason));
    tg_engine_population(summary->engine, &population);
    add_number(connections, "peak", population.peak);
    add_number(connections, "tcp", population.tcp);
    add_number(connections, "udp", population.udp);
    add_number(connections, "icmp", population.icmp);
    add_number(connections, "other", population.other);
    json_object_object_add(totals, "reasons", reasons);
    json_object_object_add(totals, "rules", rules_json(summary));
    json_object_object_add(totals, "connections", connections);
    json_object_object_add(line, "summary", totals);
    const char *text = json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    char *copy = text ? strdup(text) : NULL;
    json_object_put(line);
    return copy;
}
