/* Rule sets and traces as ClassBench has them (Taylor and Turner, 2007), read into memory: of five fields each.
 *
 * A rule set has a rule a line, `@SRC/LEN DST/LEN SPORT : SPORT DPORT : DPORT PROTO/MASK …`, the earlier ones first. A
 * trace has a packet a line, five numbers, and which rule is the first that fits it, from 0; -1 for none.
 */
#ifndef TESTS_CLASSBENCH_H
#define TESTS_CLASSBENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/policy.h"

#define CLASSBENCH "../shared/bench"

struct bench_rule {
    uint32_t src, src_last, dst, dst_last;
    uint16_t sport, sport_last, dport, dport_last;
    uint8_t proto;
    bool any_proto;
};

struct bench_packet {
    struct tg_tuple tuple;
    int32_t wanted;
};

static const char *const bench_sets[] = {"router_16",  "router_32",   "router_64", "router_128", "router_256",
                                         "router_512", "router_1024", "acl_1k",    "fw_1k",      "ipc_1k",
                                         "acl_10k",    "fw_10k",      "ipc_10k"};

static inline void *bench_grown(void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return items;
    void *moved = realloc(items, (count == 0 ? 1 : 2 * count) * size);
    if (moved == NULL)
        abort();
    return moved;
}

static inline FILE *bench_open(const char *folder, const char *set, const char *ending)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s.%s", folder, set, ending);
    return fopen(path, "r");
}

static inline uint32_t bench_prefix(const unsigned bytes[4], unsigned len, uint32_t *last)
{
    uint32_t mask = len == 0 ? 0 : UINT32_MAX << (32 - len);
    uint32_t first = ((uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]) & mask;
    *last = first | ~mask;
    return first;
}

/* => the rules, to be freed, and how many; NULL where there is no such set */
static inline struct bench_rule *bench_rules(const char *set, size_t *count)
{
    FILE *file = bench_open(CLASSBENCH "/rules", set, "rules");
    struct bench_rule *rules = NULL;
    char line[512];
    *count = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        unsigned s[4], s_len, d[4], d_len, sport[2], dport[2], proto, mask;
        if (sscanf(line, "@%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x", s, s + 1, s + 2, s + 3, &s_len, d,
                   d + 1, d + 2, d + 3, &d_len, sport, sport + 1, dport, dport + 1, &proto, &mask) != 16)
            continue;
        rules = bench_grown(rules, *count, sizeof *rules);
        struct bench_rule *rule = &rules[(*count)++];
        *rule = (struct bench_rule){.sport = (uint16_t)sport[0],
                                    .sport_last = (uint16_t)sport[1],
                                    .dport = (uint16_t)dport[0],
                                    .dport_last = (uint16_t)dport[1],
                                    .proto = (uint8_t)proto,
                                    .any_proto = mask == 0};
        rule->src = bench_prefix(s, s_len, &rule->src_last);
        rule->dst = bench_prefix(d, d_len, &rule->dst_last);
    }
    if (file != NULL)
        fclose(file);
    return rules;
}

static inline struct bench_packet *bench_trace(const char *set, size_t *count)
{
    FILE *file = bench_open(CLASSBENCH "/traces", set, "trace");
    struct bench_packet *packets = NULL;
    unsigned src, dst, sport, dport, proto;
    int wanted;
    *count = 0;
    while (file != NULL && fscanf(file, "%u %u %u %u %u %d", &src, &dst, &sport, &dport, &proto, &wanted) == 6) {
        packets = bench_grown(packets, *count, sizeof *packets);
        packets[(*count)++] = (struct bench_packet){{tg_ipv4(src), tg_ipv4(dst), (uint16_t)sport, (uint16_t)dport,
                                                     TG_IPV4, (uint8_t)proto},
                                                    wanted};
    }
    if (file != NULL)
        fclose(file);
    return packets;
}

/* The same rules as a policy, not yet sealed; each has a statement of its own. */
static inline struct tg_policy *bench_policy(const struct bench_rule *rules, size_t count)
{
    struct tg_policy *policy = policy_new();
    int error = policy == NULL ? -1 : 0;
    for (size_t i = 0; error == 0 && i < count; i++) {
        const struct bench_rule *r = &rules[i];
        struct policy_rule rule = {.action = TG_ACCEPT,
                                   .forward = POLICY_NONE,
                                   .any_proto = r->any_proto,
                                   .proto = r->proto,
                                   .any_type = true,
                                   .any_code = true,
                                   .src.set = POLICY_NONE,
                                   .dst.set = POLICY_NONE,
                                   .sport = POLICY_NONE,
                                   .dport = POLICY_NONE};
        struct tg_statement statement = {TG_STATEMENT_ALLOW, "bench", (uint32_t)i + 1, "a rule", NULL, NULL};
        error |= policy_add_statement(policy, &statement, &rule.statement);
        if (r->src != 0 || r->src_last != UINT32_MAX)
            error |=
                policy_add_ranges(policy, &(struct policy_v4_range){r->src, r->src_last}, 1, NULL, 0, &rule.src.set);
        if (r->dst != 0 || r->dst_last != UINT32_MAX)
            error |=
                policy_add_ranges(policy, &(struct policy_v4_range){r->dst, r->dst_last}, 1, NULL, 0, &rule.dst.set);
        if (r->sport != 0 || r->sport_last != UINT16_MAX)
            error |= policy_add_ports(policy, &(struct policy_ports){r->sport, r->sport_last}, 1, &rule.sport);
        if (r->dport != 0 || r->dport_last != UINT16_MAX)
            error |= policy_add_ports(policy, &(struct policy_ports){r->dport, r->dport_last}, 1, &rule.dport);
        error |= policy_add_rule(policy, &rule);
    }
    if (error != 0)
        abort();
    return policy;
}

static inline struct policy_key bench_key(const struct bench_packet *packet)
{
    return (struct policy_key){.tuple = &packet->tuple, .forward = POLICY_NONE};
}

/* A set and its trace. */
struct bench {
    struct bench_rule *rules;
    struct bench_packet *packets;
    size_t rule_count, packet_count;
};

static inline void bench_end(struct bench *bench)
{
    free(bench->rules);
    free(bench->packets);
}

/* => true; or false where there is no such set, which is told */
static inline bool bench_read(struct bench *bench, const char *set)
{
    bench->rules = bench_rules(set, &bench->rule_count);
    bench->packets = bench_trace(set, &bench->packet_count);
    if (bench->rules != NULL && bench->packets != NULL)
        return true;
    fprintf(stderr, "there is no %s in " CLASSBENCH "\n", set);
    bench_end(bench);
    return false;
}

#endif
