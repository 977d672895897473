/* How long it takes to find the first rule that fits, as the engine asks for it: classify SET ROUNDS.
 *
 * Prints a line as the programs in ../shared/bench/peers do: engine, rules, how many, trace, how many, milliseconds to
 * build, bytes, bytes again, nanoseconds a packet (the median of the rounds, and the least), packets for which another
 * rule was found than the trace has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "classbench.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* A packet as small as may be, so that reading the trace is none of what is measured. */
struct small {
    uint32_t src, dst;
    uint16_t sport, dport;
    uint8_t proto;
};

static const struct policy_rule *find(const struct tg_policy *policy, const struct small *packet)
{
    struct tg_tuple tuple = {tg_ipv4(packet->src), tg_ipv4(packet->dst), packet->sport, packet->dport, TG_IPV4,
                             packet->proto};
    struct policy_key key = {.tuple = &tuple, .forward = POLICY_NONE};
    return policy_match(policy, &key, NULL, NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 3 || atoi(argv[2]) < 1) {
        fprintf(stderr, "classify SET ROUNDS\n");
        return 2;
    }
    size_t rounds = (size_t)atoi(argv[2]), rule_count, packet_count, wrong = 0, sum = 0;
    struct bench_rule *rules = bench_rules(argv[1], &rule_count);
    struct bench_packet *packets = bench_trace(argv[1], &packet_count);
    struct small *small = calloc(packet_count + 1, sizeof *small);
    double *took = calloc(rounds, sizeof *took);
    if (rules == NULL || packets == NULL || small == NULL || took == NULL) {
        fprintf(stderr, "classify: there is no %s in " CLASSBENCH "\n", argv[1]);
        return 1;
    }
    struct tg_policy *policy = bench_policy(rules, rule_count);
    size_t before = tg_policy_size(policy);
    double begun = now();
    if (policy_seal(policy) != 0)
        return 1;
    double built = (now() - begun) / 1e6;
    for (size_t i = 0; i < packet_count; i++) {
        const struct tg_tuple *t = &packets[i].tuple;
        small[i] = (struct small){(uint32_t)t->src.lo, (uint32_t)t->dst.lo, t->sport, t->dport, t->proto};
        const struct policy_rule *rule = find(policy, &small[i]);
        wrong += (rule == NULL ? -1 : (int32_t)rule->statement) != packets[i].wanted;
    }
    for (size_t n = 0; n < rounds; n++) {
        begun = now();
        for (size_t i = 0; i < packet_count; i++)
            sum += (size_t)find(policy, &small[i]);
        took[n] = (now() - begun) / (double)packet_count;
    }
    qsort(took, rounds, sizeof *took, compare);
    size_t bytes = tg_policy_size(policy) - before;
    printf("tidegate,%s,%zu,%s,%zu,%.3f,%zu,%zu,%.2f,%.2f,%zu\n", argv[1], rule_count, argv[1], packet_count, built,
           bytes, bytes, took[rounds / 2], took[0], wrong);
    if (sum == 1)
        puts(""); /* never; but the compiler cannot know */
    tg_policy_free(policy);
    free(rules);
    free(packets);
    free(small);
    free(took);
    return 0;
}
