/* The rule that is found among boxes against the one that comparing all of them finds (src/policy/boxes.h). */
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "classbench.h"
#include "packets.h"
#include "policy/boxes.h"

enum { WAN = TG_ZONE_FIRST, LAN, GUEST, ZONES };

static uint64_t seed;

static uint32_t draw(uint32_t sides)
{
    return random32(&seed) % sides;
}

static void must(int error)
{
    assert_int_equal(error, 0);
}

/* ---- any policy ---- */

static struct tg_addr random_addr(uint8_t family)
{
    static const uint32_t v4[] = {0, 1, 0x0a000000, 0x0a0000ff, 0xc0a80100, 0xc0a80132, 0xc0a801ff, UINT32_MAX};
    static const uint64_t v6[] = {0, 1, 0x20010db800000000, 0x20010db800000001, 0xfd00000000000000, UINT64_MAX};
    if (family == TG_IPV4)
        return tg_ipv4(draw(4) == 0 ? random32(&seed) : v4[draw(COUNT(v4))] + draw(3) - 1);
    return (struct tg_addr){v6[draw(COUNT(v6))], draw(3) == 0 ? draw(5) : v6[draw(COUNT(v6))] - draw(2)};
}

static struct tg_range random_range(void)
{
    uint8_t family = draw(2) ? TG_IPV4 : TG_IPV6;
    struct tg_prefix prefix = {random_addr(family), family, (uint8_t)(draw(family == TG_IPV4 ? 33 : 129))};
    struct tg_range range = tg_prefix_range(&prefix);
    if (draw(3) == 0) {
        struct tg_addr a = random_addr(family), b = random_addr(family);
        bool is_up = tg_addr_compare(a, b) <= 0;
        range = (struct tg_range){is_up ? a : b, is_up ? b : a, family};
    }
    return range;
}

/* Nothing, a few ranges, or more of them than a box has room for. */
static uint32_t random_set(struct tg_policy *policy)
{
    struct tg_range ranges[60];
    uint32_t number, chosen = draw(8);
    size_t count = chosen == 0 ? 0 : chosen == 1 ? COUNT(ranges) : 1 + draw(6);
    for (size_t i = 0; i < count; i++) {
        ranges[i] = random_range();
        if (count == COUNT(ranges)) { /* small ones, apart */
            uint32_t addr = 0x0a000000 + (uint32_t)i * 3;
            ranges[i] = (struct tg_range){tg_ipv4(addr), tg_ipv4(addr + draw(2)), TG_IPV4};
            if (draw(2))
                ranges[i] = (struct tg_range){{0x20010db800000000, i * 3}, {0x20010db800000000, i * 3}, TG_IPV6};
        }
    }
    must(policy_add_addresses(policy, ranges, count, &number));
    return number;
}

static struct policy_where random_where(struct tg_policy *policy)
{
    if (draw(3) == 0)
        return (struct policy_where){POLICY_NONE, false};
    return (struct policy_where){random_set(policy), draw(4) == 0};
}

static uint16_t random_port(void)
{
    static const uint16_t ports[] = {0, 22, 53, 80, 443, 1024, UINT16_MAX};
    return (uint16_t)(draw(3) == 0 ? draw(200) : ports[draw(COUNT(ports))]);
}

static uint32_t random_ports(struct tg_policy *policy)
{
    struct policy_ports ports[40];
    uint32_t number, chosen = draw(12);
    size_t count = chosen == 0 ? 0 : chosen == 1 ? COUNT(ports) : 1 + draw(4);
    if (draw(2))
        return POLICY_NONE;
    for (size_t i = 0; i < count; i++) {
        uint16_t first = count == COUNT(ports) ? (uint16_t)(i * 5) : random_port();
        uint32_t last = first + (draw(2) ? 0 : draw(count == COUNT(ports) ? 4 : 60000));
        ports[i] = (struct policy_ports){first, (uint16_t)(last > UINT16_MAX ? UINT16_MAX : last)};
    }
    must(policy_add_ports(policy, ports, count, &number));
    return number;
}

static const uint8_t protos[] = {TG_PROTO_TCP,
                                 TG_PROTO_TCP,
                                 TG_PROTO_UDP,
                                 TG_PROTO_UDP,
                                 TG_PROTO_ICMP,
                                 TG_PROTO_ICMP,
                                 TG_PROTO_ICMP6,
                                 TG_PROTO_SCTP,
                                 TG_PROTO_UDPLITE,
                                 TG_PROTO_GRE,
                                 0,
                                 33,
                                 253,
                                 255};

static struct policy_when random_when(void)
{
    struct policy_when when = {0};
    if (draw(4) != 0)
        return when;
    when.during = draw(3) == 0;
    when.mac = draw(3) == 0;
    when.after = draw(3) == 0;
    when.limit = draw(3) == 0;
    when.max = draw(3) == 0;
    return when;
}

static uint32_t add_statement(struct tg_policy *policy)
{
    struct tg_statement statement = {TG_STATEMENT_ALLOW, "t", 1, "t", NULL, NULL};
    uint32_t number;
    must(policy_add_statement(policy, &statement, &number));
    return number;
}

static void add_rule(struct tg_policy *policy)
{
    struct policy_rule rule = {.statement = add_statement(policy),
                               .action = TG_ACCEPT,
                               .forward = POLICY_NONE,
                               .family = draw(3)   ? 0
                                         : draw(2) ? TG_IPV4
                                                   : TG_IPV6,
                               .any_proto = draw(4) == 0,
                               .proto = protos[draw(COUNT(protos))],
                               .any_type = draw(3) != 0,
                               .any_code = draw(2) == 0,
                               .type = (uint8_t)draw(3),
                               .code = (uint8_t)draw(3),
                               .zone_in = (uint8_t)(draw(2) ? TG_ZONE_NONE : draw(ZONES)),
                               .zone_out = (uint8_t)(draw(2) ? TG_ZONE_NONE : draw(ZONES)),
                               .when = random_when()};
    rule.src = random_where(policy);
    rule.dst = random_where(policy);
    rule.sport = draw(4) == 0 ? random_ports(policy) : POLICY_NONE;
    rule.dport = random_ports(policy);
    must(policy_add_rule(policy, &rule));
}

static void add_forward(struct tg_policy *policy)
{
    struct policy_forward forward = {.statement = add_statement(policy),
                                     .any_proto = true,
                                     .any_port = true,
                                     .src = {POLICY_NONE, false},
                                     .when = random_when(),
                                     .is_map = draw(4) == 0};
    must(policy_add_forward(policy, &forward));
}

static struct tg_policy *random_policy(uint32_t rules)
{
    struct tg_policy *policy = policy_new();
    uint32_t number;
    must(policy_add_limit(policy, &(struct policy_limit){1, 1, 1, false}, &number));
    must(policy_add_minutes(policy, &(struct policy_minutes){100, 200}, 1, &number));
    must(policy_add_macs(policy, &(struct policy_mac){{1}}, 1, &number));
    must(policy_add_knock(policy, &(struct policy_knock){.name = "k", .count = 1}, &number));
    for (uint32_t i = 0; i < rules; i++)
        if (draw(12) == 0)
            add_forward(policy);
        else
            add_rule(policy);
    must(policy_seal(policy));
    return policy;
}

/* ---- asked both ways ---- */

/* What is asked of the memory, in order; it says no to some. */
struct asked {
    uint32_t answers, count;
    uint64_t sum;
};

static bool answer(struct asked *asked, uint64_t what)
{
    asked->sum = asked->sum * 31 + what;
    return asked->answers >> (asked->count++ % 32) & 1;
}

static bool has_knocked(void *context, uint32_t knock, const struct policy_key *key)
{
    (void)context;
    (void)knock;
    return key->tuple->sport % 2;
}

static bool admits(void *context, const struct policy_rule *rule, const struct policy_key *key)
{
    (void)key;
    return answer(context, rule->statement);
}

static void no_step(void *context, const struct tg_step_info *info)
{
    (void)context;
    (void)info;
}

static void check_key(const char *row, const struct tg_policy *policy, struct policy_key key)
{
    struct asked found = {.answers = random32(&seed)}, compared = found;
    struct policy_memory memory = {&found, has_knocked, admits};
    bool has_memory = draw(8) != 0;
    key.memory = has_memory ? &memory : NULL;
    const struct policy_rule *rule = policy_match(policy, &key, NULL, NULL, NULL);
    memory.context = &compared;
    const struct policy_rule *wanted = policy_match(policy, &key, no_step, NULL, NULL);
    CHECK(row, rule == wanted);
    CHECK(row, found.count == compared.count && found.sum == compared.sum);
}

static void random_key(struct policy_key *key, struct tg_tuple *tuple, const struct tg_policy *policy)
{
    uint8_t family = draw(2) ? TG_IPV4 : TG_IPV6;
    *tuple = (struct tg_tuple){random_addr(family),        random_addr(family), random_port(), random_port(), family,
                               protos[draw(COUNT(protos))]};
    *key = (struct policy_key){.tuple = tuple,
                               .type = (uint8_t)draw(3),
                               .code = (uint8_t)draw(3),
                               .zone_in = (uint8_t)draw(ZONES + 1),
                               .zone_out = (uint8_t)draw(ZONES + 1),
                               .forward = POLICY_NONE,
                               .has_minute = draw(2),
                               .minute = (uint16_t)(draw(2) * 150),
                               .has_mac = draw(2),
                               .mac = {{(uint8_t)draw(2)}}};
    if (policy_forward_count(policy) != 0 && draw(3) == 0)
        key->forward = draw((uint32_t)policy_forward_count(policy));
}

TEST(random_policies)
{
    unsigned fits = 0;
    for (unsigned round = 0; round < 300; round++) {
        char row[32];
        snprintf(row, sizeof row, "round %u", round);
        seed = round + 1;
        struct tg_policy *policy = random_policy(draw(round % 30 == 0 ? 800 : 60));
        for (unsigned n = 0; n < 400; n++) {
            struct policy_key key;
            struct tg_tuple tuple;
            random_key(&key, &tuple, policy);
            check_key(row, policy, key);
            fits += policy_match(policy, &key, no_step, NULL, NULL) != NULL;
        }
        tg_policy_free(policy);
    }
    assert_in_range(fits, 1000, 300 * 400 - 1000);
}

/* All 256 protocols named, and one more zone than there are bits in most things. */
TEST(every_protocol_and_many_zones)
{
    struct tg_policy *policy = policy_new();
    for (unsigned i = 0; i < 256; i++) {
        struct policy_rule rule = {.statement = add_statement(policy),
                                   .action = TG_ACCEPT,
                                   .forward = POLICY_NONE,
                                   .proto = (uint8_t)(255 - i),
                                   .any_type = true,
                                   .zone_in = (uint8_t)(i % 3 == 0 ? TG_ZONE_NONE : 1 + i % 249),
                                   .zone_out = (uint8_t)(i % 5 == 0 ? TG_ZONE_NONE : 1 + i * 7 % 249),
                                   .src.set = POLICY_NONE,
                                   .dst.set = POLICY_NONE,
                                   .sport = POLICY_NONE,
                                   .dport = POLICY_NONE};
        must(policy_add_rule(policy, &rule));
    }
    must(policy_seal(policy));
    seed = 3;
    for (unsigned n = 0; n < 256 * 40; n++) {
        unsigned i = n % 256;
        struct tg_tuple tuple = {tg_ipv4(1), tg_ipv4(2), 1, 2, TG_IPV4, (uint8_t)(255 - i)};
        struct policy_key key = {.tuple = &tuple,
                                 .zone_in = (uint8_t)(draw(4) == 0 ? draw(250) : 1 + i % 249),
                                 .zone_out = (uint8_t)(draw(4) == 0 ? draw(250) : 1 + i * 7 % 249),
                                 .forward = POLICY_NONE};
        check_key("any", policy, key);
    }
    tg_policy_free(policy);
}

/* ---- what it costs ---- */

/* A set of many prefixes is not copied, and a rule beside it decides without it. */
TEST(a_long_set_costs_what_uses_it)
{
    enum { LONG = 200000 };
    struct tg_policy *policy = policy_new();
    struct policy_v4_range *ranges = calloc(LONG, sizeof *ranges);
    for (uint32_t i = 0; i < LONG; i++)
        ranges[i] = (struct policy_v4_range){0x01000000 + i * 8, 0x01000000 + i * 8 + 3};
    struct policy_rule rule = {.statement = add_statement(policy),
                               .action = TG_ACCEPT,
                               .forward = POLICY_NONE,
                               .any_proto = true,
                               .src.set = POLICY_NONE,
                               .dst.set = POLICY_NONE,
                               .sport = POLICY_NONE,
                               .dport = POLICY_NONE};
    must(policy_add_ranges(policy, ranges, LONG, NULL, 0, &rule.src.set));
    size_t before = tg_policy_size(policy);
    must(policy_add_rule(policy, &rule));
    must(policy_seal(policy));
    assert_true(tg_policy_size(policy) < before + 16384);
    seed = 4;
    for (unsigned n = 0; n < 2000; n++) {
        struct tg_tuple tuple = {tg_ipv4(0x00ffff00 + draw(LONG * 9)), tg_ipv4(1), 1, 2, TG_IPV4, TG_PROTO_UDP};
        check_key("any", policy, (struct policy_key){.tuple = &tuple, .forward = POLICY_NONE});
    }
    free(ranges);
    tg_policy_free(policy);
}

/* Far more than could stand there by hand: each refuses, so that each is asked, once. */
TEST(ten_thousand_rules_over_their_limit)
{
    enum { RULES = 10000 };
    struct tg_policy *policy = policy_new();
    uint32_t limit;
    must(policy_add_limit(policy, &(struct policy_limit){1, 1, 1, false}, &limit));
    for (unsigned i = 0; i < RULES; i++) {
        struct policy_rule rule = {.statement = add_statement(policy),
                                   .action = TG_ACCEPT,
                                   .forward = POLICY_NONE,
                                   .any_proto = true,
                                   .src.set = POLICY_NONE,
                                   .dst.set = POLICY_NONE,
                                   .sport = POLICY_NONE,
                                   .dport = POLICY_NONE,
                                   .when.limit = limit + 1};
        must(policy_add_rule(policy, &rule));
    }
    must(policy_seal(policy));
    struct asked asked = {0};
    struct policy_memory memory = {&asked, has_knocked, admits};
    struct tg_tuple tuple = {tg_ipv4(1), tg_ipv4(2), 1, 2, TG_IPV4, TG_PROTO_UDP};
    struct policy_key key = {.tuple = &tuple, .forward = POLICY_NONE, .memory = &memory};
    assert_null(policy_match(policy, &key, NULL, NULL, NULL));
    assert_int_equal(asked.count, RULES);
    tg_policy_free(policy);
}

/* ---- rule sets as others measure with them ---- */

TEST(every_trace_of_every_bench_set)
{
    for (size_t i = 0; i < COUNT(bench_sets); i++) {
        struct bench bench;
        if (!bench_read(&bench, bench_sets[i]))
            skip();
        struct tg_policy *policy = bench_policy(bench.rules, bench.rule_count);
        must(policy_seal(policy));
        for (size_t n = 0; n < bench.packet_count; n++) {
            struct policy_key key = bench_key(&bench.packets[n]);
            const struct policy_rule *rule = policy_match(policy, &key, NULL, NULL, NULL);
            CHECK_EQUAL(bench_sets[i], rule == NULL ? -1 : (int32_t)rule->statement, bench.packets[n].wanted);
        }
        tg_policy_free(policy);
        bench_end(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_policies),
        cmocka_unit_test(every_protocol_and_many_zones),
        cmocka_unit_test(a_long_set_costs_what_uses_it),
        cmocka_unit_test(ten_thousand_rules_over_their_limit),
        cmocka_unit_test(every_trace_of_every_bench_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
