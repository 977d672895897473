/* Statements that can never fit (analysis/shadow.h), held against the matcher itself.
 *
 * Random rules draw every bound from a few values, so that a few thousand packets stand for all that the rules can tell
 * apart, and trying each of them says exactly which statements are ever reached.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analysis/shadow.h"
#include "policy/policy.h"

enum { ZONES = 4, RULES_MOST = 14, STATEMENTS = 64, ROUNDS = 40 };

/* Random numbers that are the same everywhere: each is drawn in a statement of its own, as the order of arguments, and
 * of what a struct begins with, is the compiler's. */
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

/* Values that rules are made of: the ranges between neighbouring bounds are what can be told apart. */
static const uint16_t port_bounds[] = {0, 80, 81, 1024};
static const uint8_t kinds[][3] = {
    {6, 0, 0},
    {17, 0, 0},
    {47, 0, 0},
    {1, 8, 0},
    {1, 3, 1},
    {1, 3, 4},
    {58, 128, 0},
    /* no rule is made of these: they stand for all the rest */
    {99, 0, 0},
    {132, 0, 0},
    {136, 0, 0},
    {1, 0, 0},
    {1, 8, 9},
    {1, 3, 9},
    {58, 0, 0},
    {58, 128, 9},
};
enum { KINDS_OF_RULES = 7 };

enum { BOUNDS = 4 };

static struct tg_addr bound(uint8_t family, size_t i)
{
    static const uint32_t v4[BOUNDS] = {0, 0x0a000000, 0x0a000080, 0xc0a80101};
    static const struct tg_addr v6[BOUNDS] = {{0, 0},
                                              {UINT64_C(0x20010db8) << 32, 0},
                                              {UINT64_C(0x20010db8) << 32, 77},
                                              {UINT64_C(0xfd00) << 48, 1}};
    return family == TG_IPV4 ? tg_ipv4(v4[i]) : v6[i];
}

static struct tg_range bounded(uint8_t family, size_t first, size_t last)
{
    struct tg_range range = {bound(family, first), tg_mask(family, family == TG_IPV4 ? 32 : 128), family};
    if (last + 1 < BOUNDS) {
        range.last = bound(family, last + 1);
        range.last.hi -= range.last.lo == 0;
        range.last.lo--;
        if (family == TG_IPV4)
            range.last = tg_ipv4((uint32_t)range.last.lo);
    }
    return range;
}

static struct policy_where random_where(struct tg_policy *policy)
{
    struct tg_range ranges[4];
    struct policy_where where = {POLICY_NONE, false};
    size_t count = 0;
    if (draw(2) == 0)
        return where;
    for (size_t i = draw(3) + 1; i > 0; i--) {
        uint32_t first = draw(BOUNDS), last = first + draw(BOUNDS - first);
        ranges[count++] = bounded(draw(3) == 0 ? TG_IPV6 : TG_IPV4, first, last);
    }
    where.outside = draw(4) == 0;
    assert_int_equal(policy_add_addresses(policy, ranges, count, &where.set), 0);
    return where;
}

static uint32_t random_ports(struct tg_policy *policy)
{
    uint32_t number, first = draw(4), last = first + draw(4 - first);
    struct policy_ports ports = {port_bounds[first], last == 3 ? 65535 : (uint16_t)(port_bounds[last + 1] - 1)};
    if (draw(2) == 0)
        return POLICY_NONE;
    assert_int_equal(policy_add_ports(policy, &ports, 1, &number), 0);
    return number;
}

/* Of the three times, senders and knocks; the third sender is in no list. */
static void random_when(struct tg_policy *policy, struct policy_when *when)
{
    static const struct policy_minutes minutes[] = {{0, 599}, {600, 1199}, {1200, 10079}};
    static const struct policy_mac macs[] = {{{0, 0, 0, 0, 0, 1}}, {{0, 0, 0, 0, 0, 2}}};
    uint32_t number, first = draw(3), kind = draw(4);
    if (kind <= 1) {
        assert_int_equal(policy_add_minutes(policy, minutes + first, 1 + draw(3 - first), &number), 0);
        when->during = number + 1;
    } else if (kind == 2) {
        first = draw(2);
        assert_int_equal(policy_add_macs(policy, macs + first, 1 + draw(2 - first), &number), 0);
        when->mac = number + 1;
    } else {
        if (policy_knock(policy, 1) == NULL) {
            struct policy_knock knock = {.name = policy_knock(policy, 0) == NULL ? "a" : "b",
                                         .src = {POLICY_NONE, false}};
            assert_int_equal(policy_add_knock(policy, &knock, &number), 0);
        }
        when->after = 1 + draw(policy_knock(policy, 1) == NULL ? 1 : 2);
    }
}

static void random_rule(struct tg_policy *policy, uint32_t statement)
{
    size_t kind = draw(KINDS_OF_RULES);
    bool is_icmp = kinds[kind][0] == TG_PROTO_ICMP || kinds[kind][0] == TG_PROTO_ICMP6;
    struct policy_rule rule = {
        .statement = statement,
        .forward = POLICY_NONE,
        .proto = kinds[kind][0],
        .type = kinds[kind][1],
        .code = kinds[kind][2],
    };
    rule.family = (uint8_t[]){0, 0, 0, TG_IPV4, TG_IPV6}[draw(5)];
    rule.any_proto = draw(2) == 0;
    rule.any_type = !is_icmp || draw(2) == 0;
    rule.any_code = draw(2) == 0;
    rule.zone_in = (uint8_t)draw(ZONES);
    rule.zone_out = (uint8_t)draw(ZONES);
    rule.src = random_where(policy);
    rule.dst = random_where(policy);
    rule.sport = random_ports(policy);
    rule.dport = random_ports(policy);
    if (draw(3) == 0)
        rule.zone_in = TG_ZONE_NONE;
    if (draw(3) != 0)
        rule.zone_out = TG_ZONE_NONE;
    if (draw(6) == 0)
        rule.when.max = 1;
    if (draw(3) == 0)
        random_when(policy, &rule.when);
    assert_int_equal(policy_add_rule(policy, &rule), 0);
}

static struct tg_policy *empty_policy(void)
{
    struct tg_policy *policy = policy_new();
    struct tg_prefix wan = {tg_ipv4(0xcb007101), TG_IPV4, 24}, lan = {tg_ipv4(0x0a000001), TG_IPV4, 24};
    assert_int_equal(
        policy_add_zone(policy,
                        &(struct tg_zone){.name = "wan", .addresses = &wan, .address_count = 1, .masquerade = true}),
        0);
    assert_int_equal(policy_add_zone(policy, &(struct tg_zone){.name = "lan", .addresses = &lan, .address_count = 1}),
                     0);
    return policy;
}

static uint32_t add_statement(struct tg_policy *policy, enum tg_statement_kind kind)
{
    uint32_t number;
    assert_int_equal(policy_add_statement(policy,
                                          &(struct tg_statement){.kind = kind, .file = "t", .line = 1, .text = "t"},
                                          &number),
                     0);
    return number;
}

static void random_forward(struct tg_policy *policy, uint32_t statement)
{
    uint16_t port = (uint16_t)(80 + draw(2));
    struct policy_forward forward = {.statement = statement};
    forward.any_proto = draw(6) == 0;
    forward.proto = draw(2) == 0 ? TG_PROTO_TCP : TG_PROTO_UDP;
    forward.ext = (struct policy_ports){port, (uint16_t)(port + draw(3))};
    forward.zone = draw(4) == 0 ? TG_ZONE_NONE : TG_ZONE_FIRST;
    forward.src = random_where(policy);
    forward.host = tg_ipv4(0x0a000080 + draw(2));
    forward.hairpin = draw(2) == 0;
    forward.in = draw(2) == 0 ? forward.ext : (struct policy_ports){80, 80};
    forward.any_port = forward.any_proto;
    if (draw(3) == 0)
        random_when(policy, &forward.when);
    assert_int_equal(policy_add_forward(policy, &forward), 0);
}

/* The tellings of shadow_find(). */
struct told {
    const struct tg_policy *policy;
    bool shadowed[STATEMENTS];
};

static void note(void *context, uint32_t statement, const uint32_t *above, size_t count)
{
    struct told *told = context;
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++)
        assert_true(above[i] < statement && (i == 0 || above[i - 1] < above[i]));
    assert_false(told->shadowed[statement]);
    told->shadowed[statement] = true;
}

/* Which statements the matcher ever comes to. */

static bool is_reached[STATEMENTS];

/* A rule that fits only within limits has been come to when it is asked whether it does. */
static bool admits(void *context, const struct policy_rule *rule, const struct policy_key *key)
{
    (void)context;
    (void)key;
    is_reached[rule->statement] = true;
    return false;
}

/* Bits of `context`: the knocks that have been given. */
static bool has_knocked(void *context, uint32_t knock, const struct policy_key *key)
{
    (void)key;
    return *(const unsigned *)context >> knock & 1;
}

/* Times, senders and knocks as rules are made of them (random_when()). */
static const uint16_t minute_values[] = {0, 600, 1200};
static const struct policy_mac mac_values[] = {{{0, 0, 0, 0, 0, 9}}, {{0, 0, 0, 0, 0, 1}}, {{0, 0, 0, 0, 0, 2}}};

typedef void try_fn(const struct tg_policy *policy, const struct policy_key *key, const void *context);

static void try_rules(const struct tg_policy *policy, const struct policy_key *key, const void *context)
{
    (void)context;
    const struct policy_rule *rule = policy_match(policy, key, NULL, NULL, NULL);
    if (rule != NULL)
        is_reached[rule->statement] = true;
}

/* At all times, from all senders, and with all knocks that rules tell apart. */
static void try_occasions(const struct tg_policy *policy, struct policy_key key, try_fn *try, const void *context)
{
    struct policy_needs needs = policy_needs(policy);
    unsigned minutes = needs.during ? COUNT(minute_values) : 1, macs = needs.mac ? COUNT(mac_values) : 1;
    unsigned knocks = 1u << needs.knocks, given;
    const struct policy_memory memory = {&given, has_knocked, admits};
    key.memory = &memory;
    key.has_minute = key.has_mac = true;
    for (unsigned i = 0; i < minutes * macs * knocks; i++) {
        given = i % knocks;
        key.mac = mac_values[i / knocks % macs];
        key.minute = minute_values[i / knocks / macs];
        try(policy, &key, context);
    }
}

static void try_ports(const struct tg_policy *policy, struct policy_key key, struct tg_tuple tuple)
{
    size_t most = tg_proto_has_ports(tuple.proto) ? 4 : 1;
    key.tuple = &tuple;
    for (size_t i = 0; i < most; i++)
        for (size_t j = 0; j < most; j++) {
            tuple.sport = port_bounds[i];
            tuple.dport = port_bounds[j];
            try_occasions(policy, key, try_rules, NULL);
        }
}

static void try_all(const struct tg_policy *policy)
{
    for (uint8_t family = TG_IPV4; family <= TG_IPV6; family += 2)
        for (size_t kind = 0; kind < COUNT(kinds) * BOUNDS * BOUNDS; kind++)
            for (uint8_t zones = 0; zones < ZONES * ZONES; zones++) {
                const uint8_t *k = kinds[kind / (BOUNDS * BOUNDS)];
                struct policy_key key = {.type = k[1],
                                         .code = k[2],
                                         .zone_in = zones / ZONES,
                                         .zone_out = zones % ZONES,
                                         .forward = POLICY_NONE};
                struct tg_tuple tuple = {
                    bound(family, kind / BOUNDS % BOUNDS), bound(family, kind % BOUNDS), 0, 0, family, k[0]};
                try_ports(policy, key, tuple);
            }
}

TEST(random_rules)
{
    unsigned shadowed = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        char row[32];
        snprintf(row, sizeof row, "round %u", round);
        seed = round;
        struct tg_policy *policy = empty_policy();
        uint32_t statements = draw(RULES_MOST) + 1;
        for (uint32_t i = 0; i < statements; i++) {
            uint32_t statement = add_statement(policy, TG_STATEMENT_ALLOW);
            for (uint32_t rules = draw(6) == 0 ? 3 : 1; rules > 0; rules--)
                random_rule(policy, statement);
        }
        assert_int_equal(policy_seal(policy), 0);
        struct told told = {.policy = policy};
        memset(is_reached, 0, sizeof is_reached);
        CHECK_EQUAL(row, shadow_find(policy, note, &told), 0);
        try_all(policy);
        for (uint32_t i = 0; i < statements; i++) {
            CHECK(row, !(told.shadowed[i] && is_reached[i]));
            shadowed += told.shadowed[i];
        }
        tg_policy_free(policy);
    }
    assert_true(shadowed > ROUNDS / 4); /* or there was nothing to find */
}

/* Rules that fit some packet by themselves: then what is not told of is reached. */
TEST(random_rules_are_all_found)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        char row[32];
        seed = round + 1000;
        struct tg_policy *policy = empty_policy();
        uint32_t statements = draw(RULES_MOST) + 1;
        bool alone[STATEMENTS];
        snprintf(row, sizeof row, "round %u", round);
        for (uint32_t i = 0; i < statements; i++) {
            uint64_t before = seed;
            struct tg_policy *single = empty_policy();
            random_rule(single, add_statement(single, TG_STATEMENT_ALLOW));
            assert_int_equal(policy_seal(single), 0);
            memset(is_reached, 0, sizeof is_reached);
            try_all(single);
            alone[i] = is_reached[0];
            tg_policy_free(single);
            seed = before;
            random_rule(policy, add_statement(policy, TG_STATEMENT_ALLOW));
        }
        assert_int_equal(policy_seal(policy), 0);
        struct told told = {.policy = policy};
        memset(is_reached, 0, sizeof is_reached);
        CHECK_EQUAL(row, shadow_find(policy, note, &told), 0);
        try_all(policy);
        for (uint32_t i = 0; i < statements; i++)
            if (alone[i] && told.shadowed[i] == is_reached[i])
                fail_msg("%s: statement %u is%s reached, and told as %s", row, i, is_reached[i] ? "" : " not",
                         told.shadowed[i] ? "shadowed" : "reached");
        tg_policy_free(policy);
    }
}

/* As the engine decides: the forward first, then the rules about what it has made of the packet. */
static void try_forwarded(const struct tg_policy *policy, const struct policy_key *came, const void *context)
{
    const struct tg_network *network = context;
    struct policy_key key = *came;
    struct tg_tuple tuple = *came->tuple;
    bool hairpin;
    key.forward = policy_find_forward(policy, network, &key, &hairpin, NULL, NULL, NULL);
    if (key.forward != POLICY_NONE) {
        const struct policy_forward *f = policy_forward(policy, key.forward);
        tuple.dst = f->host;
        if (!f->any_port)
            tuple.dport =
                f->in.first == f->in.last ? f->in.first : (uint16_t)(f->in.first + tuple.dport - f->ext.first);
    }
    key.tuple = &tuple;
    key.zone_out = tg_network_zone_to(network, TG_IPV4, tuple.dst);
    try_rules(policy, &key, NULL);
}

TEST(random_forwards)
{
    unsigned shadowed = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        char row[32];
        snprintf(row, sizeof row, "round %u", round);
        seed = round + 5000;
        struct tg_policy *policy = empty_policy();
        uint32_t statements = draw(RULES_MOST) + 1;
        for (uint32_t i = 0; i < statements; i++) {
            if (draw(2) == 0)
                random_rule(policy, add_statement(policy, TG_STATEMENT_DROP));
            else
                random_forward(policy, add_statement(policy, TG_STATEMENT_FORWARD));
        }
        assert_int_equal(policy_seal(policy), 0);
        struct tg_network *network = tg_policy_network(policy, NULL, 0);
        struct told told = {.policy = policy};
        memset(is_reached, 0, sizeof is_reached);
        CHECK_EQUAL(row, shadow_find(policy, note, &told), 0);
        for (uint16_t dport = 79; dport < 85; dport++)
            for (uint32_t i = 0; i < 3 * 2 * 2 * BOUNDS * BOUNDS * 2; i++) {
                static const uint32_t own[] = {0xcb007101, 0x0a000001};
                struct tg_tuple tuple = {bound(TG_IPV4, i % BOUNDS),
                                         tg_ipv4(own[i / 192 % 2]),
                                         port_bounds[i / 4 % 4],
                                         dport,
                                         TG_IPV4,
                                         i / 16 % 2 == 0 ? TG_PROTO_TCP : TG_PROTO_UDP};
                const struct policy_key key = {.tuple = &tuple,
                                               .kind = TG_TRANSPORT_PORTS,
                                               .zone_in = (uint8_t[]){0, 2, 3}[i / 32 % 3],
                                               .forward = POLICY_NONE};
                try_occasions(policy, key, try_forwarded, network);
            }
        for (uint32_t i = 0; i < statements; i++) {
            CHECK(row, !(told.shadowed[i] && is_reached[i]));
            shadowed += told.shadowed[i] && tg_policy_statement(policy, i)->kind == TG_STATEMENT_FORWARD;
        }
        tg_network_free(network);
        tg_policy_free(policy);
    }
    assert_true(shadowed > 5);
}

/* As many knocks as can be looked at, and one more. */
TEST(many_knocks)
{
    for (uint32_t count = 10; count <= 11; count++) {
        struct tg_policy *policy = empty_policy();
        struct told told = {.policy = policy};
        for (uint32_t i = 0; i < count; i++) {
            char name[16];
            uint32_t number;
            struct policy_rule rule = {.statement = add_statement(policy, TG_STATEMENT_ALLOW),
                                       .forward = POLICY_NONE,
                                       .any_proto = true,
                                       .src = {POLICY_NONE, false},
                                       .dst = {POLICY_NONE, false},
                                       .when.after = i + 1,
                                       .sport = POLICY_NONE,
                                       .dport = POLICY_NONE};
            snprintf(name, sizeof name, "k%u", i);
            assert_int_equal(policy_add_knock(policy, &(struct policy_knock){.name = name, .src = {POLICY_NONE, false}},
                                              &number),
                             0);
            assert_int_equal(policy_add_rule(policy, &rule), 0);
        }
        assert_int_equal(shadow_find(policy, note, &told), count == 10 ? 0 : -E2BIG);
        assert_false(told.shadowed[9]);
        tg_policy_free(policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rules),
        cmocka_unit_test(random_rules_are_all_found),
        cmocka_unit_test(random_forwards),
        cmocka_unit_test(many_knocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
