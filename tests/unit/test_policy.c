/* Sets, rules and forwards: what a policy says of a packet (src/policy). */
#include <errno.h>

#include "unit.h"

#include "packets.h"
#include "policy/policy.h"

enum { WAN = TG_ZONE_FIRST, LAN, GUEST, VPN };

/* ---- sets ---- */

static uint32_t random_near(uint64_t *seed)
{
    /* crowded at the ends and around a few middles, so that ranges touch and overlap */
    static const uint32_t middles[] = {0, 100, 0x7fffffff, 0x80000000, UINT32_MAX - 100, UINT32_MAX - 30};
    return middles[random32(seed) % COUNT(middles)] + random32(seed) % 64;
}

TEST(address_sets_against_a_plain_search)
{
    enum { RANGES = 40 };
    uint64_t seed = 6;
    for (int round = 0; round < 300; round++) {
        struct tg_policy *policy = policy_new();
        struct tg_range ranges[RANGES];
        size_t count = random32(&seed) % RANGES;
        for (size_t i = 0; i < count; i++) {
            uint32_t a = random_near(&seed), b = random_near(&seed);
            ranges[i] = (struct tg_range){tg_ipv4(a < b ? a : b), tg_ipv4(a < b ? b : a), TG_IPV4};
            if (random32(&seed) % 2) {
                /* IPv6, varied in the half that decides or in the other */
                ranges[i].family = TG_IPV6;
                if (random32(&seed) % 2) {
                    ranges[i].first = (struct tg_addr){ranges[i].first.lo, UINT64_MAX - 3};
                    ranges[i].last = (struct tg_addr){ranges[i].last.lo, UINT64_MAX};
                }
            }
        }
        uint32_t number;
        assert_int_equal(policy_add_addresses(policy, ranges, count, &number), 0);
        assert_int_equal(policy_seal(policy), 0);
        for (int n = 0; n < 200; n++) {
            uint8_t family = random32(&seed) % 2 ? TG_IPV4 : TG_IPV6;
            struct tg_addr addr = tg_ipv4(random_near(&seed));
            if (family == TG_IPV6 && random32(&seed) % 2)
                addr = (struct tg_addr){addr.lo, UINT64_MAX - random32(&seed) % 6};
            bool inside = false;
            for (size_t i = 0; i < count; i++)
                inside |= ranges[i].family == family && tg_addr_compare(addr, ranges[i].first) >= 0 &&
                          tg_addr_compare(addr, ranges[i].last) <= 0;
            assert_int_equal(policy_is_where(policy, (struct policy_where){number, false}, family, addr), inside);
            assert_int_equal(policy_is_where(policy, (struct policy_where){number, true}, family, addr), !inside);
        }
        tg_policy_free(policy);
    }
}

TEST(no_set_is_everywhere)
{
    struct tg_policy *policy = policy_new();
    uint32_t number;
    assert_int_equal(policy_add_addresses(policy, NULL, 0, &number), 0);
    assert_true(policy_is_where(policy, (struct policy_where){POLICY_NONE, false}, TG_IPV4, tg_ipv4(1)));
    assert_false(policy_is_where(policy, (struct policy_where){number, false}, TG_IPV4, tg_ipv4(1)));
    assert_true(policy_is_where(policy, (struct policy_where){number, true}, TG_IPV4, tg_ipv4(1)));
    tg_policy_free(policy);
}

/* ---- rules ---- */

static uint32_t add_statement(struct tg_policy *policy, enum tg_statement_kind kind)
{
    struct tg_statement s = {kind,          "test.rules", (uint32_t)tg_policy_statement_count(policy) + 1,
                             "a statement", NULL,         NULL};
    uint32_t number;
    assert_int_equal(policy_add_statement(policy, &s, &number), 0);
    return number;
}

static uint32_t add_set(struct tg_policy *policy, const char *const *prefixes)
{
    struct tg_range ranges[8];
    size_t n = 0;
    uint32_t number;
    for (; prefixes[n] != NULL; n++) {
        struct tg_prefix p;
        assert_int_equal(tg_prefix_parse(prefixes[n], &p), 0);
        ranges[n] = tg_prefix_range(&p);
    }
    assert_int_equal(policy_add_addresses(policy, ranges, n, &number), 0);
    return number;
}

static uint32_t add_ports(struct tg_policy *policy, const struct policy_ports *ports, size_t n)
{
    uint32_t number;
    assert_int_equal(policy_add_ports(policy, ports, n, &number), 0);
    return number;
}

static struct policy_rule rule_for_all(struct tg_policy *policy, enum tg_action action)
{
    static const enum tg_statement_kind kinds[] = {
        [TG_ACCEPT] = TG_STATEMENT_ALLOW, [TG_DROP] = TG_STATEMENT_DROP, [TG_REJECT] = TG_STATEMENT_REJECT};
    return (struct policy_rule){
        .statement = add_statement(policy, kinds[action]),
        .action = action,
        .forward = POLICY_NONE,
        .any_proto = true,
        .any_type = true,
        .any_code = true,
        .src = {POLICY_NONE, false},
        .dst = {POLICY_NONE, false},
        .sport = POLICY_NONE,
        .dport = POLICY_NONE,
    };
}

static struct tg_tuple tuple_of(const char *ends, uint8_t proto)
{
    struct ends e = read_ends(ends);
    return (struct tg_tuple){
        tg_addr_load(e.family, e.src), tg_addr_load(e.family, e.dst), e.sport, e.dport, e.family, proto};
}

/* One rule with all its conditions, and packets that miss it by one. */
TEST(every_condition_of_a_rule)
{
    static const char *const from[] = {"192.168.1.0/24", "fd00:1::/64", NULL}, *const to[] = {"198.51.100.0/24", NULL};
    static const struct policy_ports sports[] = {{1024, 65535}}, dports[] = {{8080, 8090}, {80, 80}, {443, 443}};
    struct tg_policy *policy = policy_new();
    struct policy_rule rule = rule_for_all(policy, TG_ACCEPT);
    rule.any_proto = false;
    rule.proto = TG_PROTO_TCP;
    rule.zone_in = LAN;
    rule.zone_out = WAN;
    rule.src = (struct policy_where){add_set(policy, from), false};
    rule.dst = (struct policy_where){add_set(policy, to), true};
    rule.sport = add_ports(policy, sports, 1);
    rule.dport = add_ports(policy, dports, 3);
    assert_int_equal(policy_add_rule(policy, &rule), 0);
    assert_int_equal(policy_seal(policy), 0);
    static const struct {
        const char *name, *ends;
        uint8_t proto, in, out;
        bool fits;
    } rows[] = {
        {"fits", "192.168.1.5:5000 > 192.0.2.1:80", TG_PROTO_TCP, LAN, WAN, true},
        {"another port of the list", "192.168.1.5:5000 > 192.0.2.1:443", TG_PROTO_TCP, LAN, WAN, true},
        {"first of a range", "192.168.1.5:5000 > 192.0.2.1:8080", TG_PROTO_TCP, LAN, WAN, true},
        {"last of a range", "192.168.1.5:5000 > 192.0.2.1:8090", TG_PROTO_TCP, LAN, WAN, true},
        {"before a range", "192.168.1.5:5000 > 192.0.2.1:8079", TG_PROTO_TCP, LAN, WAN, false},
        {"behind a range", "192.168.1.5:5000 > 192.0.2.1:8091", TG_PROTO_TCP, LAN, WAN, false},
        {"first source port", "192.168.1.5:1024 > 192.0.2.1:80", TG_PROTO_TCP, LAN, WAN, true},
        {"last source port", "192.168.1.5:65535 > 192.0.2.1:80", TG_PROTO_TCP, LAN, WAN, true},
        {"a low source port", "192.168.1.5:1023 > 192.0.2.1:80", TG_PROTO_TCP, LAN, WAN, false},
        {"ports the other way around", "192.168.1.5:80 > 192.0.2.1:5000", TG_PROTO_TCP, LAN, WAN, false},
        {"another protocol", "192.168.1.5:5000 > 192.0.2.1:80", TG_PROTO_UDP, LAN, WAN, false},
        {"from another zone", "192.168.1.5:5000 > 192.0.2.1:80", TG_PROTO_TCP, GUEST, WAN, false},
        {"from no zone", "192.168.1.5:5000 > 192.0.2.1:80", TG_PROTO_TCP, TG_ZONE_NONE, WAN, false},
        {"to another zone", "192.168.1.5:5000 > 192.0.2.1:80", TG_PROTO_TCP, LAN, GUEST, false},
        {"to no zone", "192.168.1.5:5000 > 192.0.2.1:80", TG_PROTO_TCP, LAN, TG_ZONE_NONE, false},
        {"another source", "192.168.2.5:5000 > 192.0.2.1:80", TG_PROTO_TCP, LAN, WAN, false},
        {"a destination in what was excepted", "192.168.1.5:5000 > 198.51.100.1:80", TG_PROTO_TCP, LAN, WAN, false},
        {"the other family", "[fd00:1::5]:5000 > [2001:db8::1]:80", TG_PROTO_TCP, LAN, WAN, true},
        {"the other family from elsewhere", "[fd00:2::5]:5000 > [2001:db8::1]:80", TG_PROTO_TCP, LAN, WAN, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_tuple tuple = tuple_of(rows[i].ends, rows[i].proto);
        struct policy_key key = {.tuple = &tuple,
                                 .zone_in = rows[i].in,
                                 .zone_out = rows[i].out,
                                 .forward = POLICY_NONE};
        CHECK_EQUAL(rows[i].name, policy_match(policy, &key, NULL, NULL, NULL) != NULL, rows[i].fits);
    }
    tg_policy_free(policy);
}

TEST(ports_are_asked_only_of_what_has_ports)
{
    static const struct policy_ports all[] = {{0, 65535}};
    static const struct {
        const char *name;
        uint8_t proto;
        bool fits;
    } rows[] = {{"tcp", TG_PROTO_TCP, true},    {"udp", TG_PROTO_UDP, true},         {"sctp", TG_PROTO_SCTP, true},
                {"icmp", TG_PROTO_ICMP, false}, {"udplite", TG_PROTO_UDPLITE, true}, {"esp", TG_PROTO_ESP, false}};
    struct tg_policy *policy = policy_new();
    struct policy_rule rule = rule_for_all(policy, TG_ACCEPT);
    rule.dport = add_ports(policy, all, 1);
    assert_int_equal(policy_add_rule(policy, &rule), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_tuple tuple = tuple_of("192.0.2.1:8 > 192.0.2.2:8", rows[i].proto);
        struct policy_key key = {.tuple = &tuple, .zone_in = LAN, .zone_out = WAN, .forward = POLICY_NONE};
        CHECK_EQUAL(rows[i].name, policy_match(policy, &key, NULL, NULL, NULL) != NULL, rows[i].fits);
    }
    tg_policy_free(policy);
}

TEST(icmp_types_and_codes)
{
    static const struct {
        const char *name;
        bool any_type, any_code;
        uint8_t type, code; /* of the rule */
        uint8_t got_type, got_code;
        bool fits;
    } rows[] = {
        {"any type", true, true, 0, 0, 8, 0, true},
        {"the type", false, true, 8, 0, 8, 0, true},
        {"the type, any code", false, true, 8, 0, 8, 7, true},
        {"another type", false, true, 8, 0, 13, 0, false},
        {"the code", false, false, 3, 4, 3, 4, true},
        {"another code", false, false, 3, 4, 3, 3, false},
        {"type 0 is a type", false, true, 0, 0, 8, 0, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *policy = policy_new();
        struct policy_rule rule = rule_for_all(policy, TG_ACCEPT);
        rule.any_proto = false;
        rule.proto = TG_PROTO_ICMP;
        rule.any_type = rows[i].any_type;
        rule.any_code = rows[i].any_code;
        rule.type = rows[i].type;
        rule.code = rows[i].code;
        assert_int_equal(policy_add_rule(policy, &rule), 0);
        struct tg_tuple tuple = tuple_of("192.0.2.1 > 192.0.2.2", TG_PROTO_ICMP);
        struct policy_key key = {.tuple = &tuple,
                                 .kind = TG_TRANSPORT_QUERY,
                                 .type = rows[i].got_type,
                                 .code = rows[i].got_code,
                                 .zone_in = LAN,
                                 .zone_out = WAN,
                                 .forward = POLICY_NONE};
        CHECK_EQUAL(rows[i].name, policy_match(policy, &key, NULL, NULL, NULL) != NULL, rows[i].fits);
        tg_policy_free(policy);
    }
}

TEST(port_sets_against_a_plain_search)
{
    uint64_t seed = 7;
    for (int round = 0; round < 60; round++) {
        struct policy_ports ports[12];
        size_t count = 1 + random32(&seed) % COUNT(ports);
        for (size_t i = 0; i < count; i++) {
            uint32_t a = random32(&seed) % 64, b = a + random32(&seed) % 10;
            if (random32(&seed) % 3 == 0) {
                a += 65535 - 73;
                b += 65535 - 73;
            }
            ports[i] = (struct policy_ports){(uint16_t)a, (uint16_t)b};
        }
        struct tg_policy *policy = policy_new();
        struct policy_rule rule = rule_for_all(policy, TG_ACCEPT);
        rule.dport = add_ports(policy, ports, count);
        assert_int_equal(policy_add_rule(policy, &rule), 0);
        for (uint32_t port = 0; port < 65536; port += port == 100 ? 65300 : 1) {
            bool inside = false;
            for (size_t i = 0; i < count; i++)
                inside |= ports[i].first <= port && port <= ports[i].last;
            struct tg_tuple tuple = tuple_of("192.0.2.1:1 > 192.0.2.2:1", TG_PROTO_TCP);
            tuple.dport = (uint16_t)port;
            struct policy_key key = {.tuple = &tuple, .zone_in = LAN, .zone_out = WAN, .forward = POLICY_NONE};
            if ((policy_match(policy, &key, NULL, NULL, NULL) != NULL) != inside)
                fail_msg("round %d: port %u is %s", round, port, inside ? "in the set" : "not in the set");
        }
        tg_policy_free(policy);
    }
}

struct steps {
    size_t count;
    struct tg_step_info info[16];
};

static void note(void *context, const struct tg_step_info *step)
{
    struct steps *steps = context;
    steps->info[steps->count++] = *step;
}

TEST(the_first_that_fits_decides_and_each_is_told)
{
    struct tg_policy *policy = policy_new();
    static const enum tg_action actions[] = {TG_DROP, TG_REJECT, TG_ACCEPT};
    for (size_t i = 0; i < COUNT(actions); i++) {
        struct policy_rule rule = rule_for_all(policy, actions[i]);
        if (i == 0)
            rule.zone_in = GUEST;
        assert_int_equal(policy_add_rule(policy, &rule), 0);
    }
    struct tg_tuple tuple = tuple_of("192.0.2.1:1 > 192.0.2.2:1", TG_PROTO_TCP);
    struct policy_key key = {.tuple = &tuple, .zone_in = LAN, .zone_out = WAN, .forward = POLICY_NONE};
    struct steps steps = {0};
    const struct policy_rule *rule = policy_match(policy, &key, note, &steps, NULL);
    assert_int_equal(rule->action, TG_REJECT);
    assert_int_equal(steps.count, 2);
    assert_false(steps.info[0].fits);
    assert_non_null(steps.info[0].why);
    assert_int_equal(steps.info[0].statement, 0);
    assert_true(steps.info[1].fits);
    assert_null(steps.info[1].why);
    assert_int_equal(steps.info[1].statement, 1);
    tg_policy_free(policy);

    policy = policy_new();
    steps.count = 0;
    assert_null(policy_match(policy, &key, note, &steps, NULL));
    assert_int_equal(steps.count, 1);
    assert_int_equal(steps.info[0].step, TG_STEP_DEFAULT);
    assert_int_equal(policy_default(policy), TG_DROP); /* as if it had been written */
    policy_set_default(policy, TG_REJECT);
    assert_int_equal(policy_default(policy), TG_REJECT);
    tg_policy_free(policy);
}

/* ---- what is asked of a policy ---- */

static void add_zone(struct tg_policy *policy, const char *name, const char *const *interfaces, const char *address,
                     bool masquerade)
{
    struct tg_zone zone = {.name = name, .interfaces = interfaces, .masquerade = masquerade};
    struct tg_prefix prefix;
    while (interfaces != NULL && interfaces[zone.interface_count] != NULL)
        zone.interface_count++;
    if (address != NULL) {
        assert_int_equal(tg_prefix_parse(address, &prefix), 0);
        zone.addresses = &prefix;
        zone.address_count = 1;
    }
    assert_int_equal(policy_add_zone(policy, &zone), 0);
}

TEST(zones_by_name_and_interface)
{
    static const char *const wan[] = {"eth0", "ppp*", NULL}, *const lan[] = {"br-lan", "ppp-lan", NULL},
                             *const vpn[] = {"*", NULL};
    static const struct {
        const char *interface;
        uint8_t zone;
    } rows[] = {
        {"eth0", WAN},   {"eth01", VPN}, {"ppp0", WAN}, {"ppp", WAN}, {"ppp-lan", LAN}, /* exact before a pattern */
        {"br-lan", LAN}, {"wg0", VPN},   {"", VPN},
    };
    struct tg_policy *policy = policy_new();
    add_zone(policy, "wan", wan, NULL, false);
    add_zone(policy, "lan", lan, "192.168.1.1/24", false);
    add_zone(policy, "guest", NULL, "192.168.2.1/24", false);
    add_zone(policy, "vpn", vpn, "10.0.0.1/24", false);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_EQUAL(rows[i].interface, tg_policy_zone_of_interface(policy, rows[i].interface), rows[i].zone);
    assert_int_equal(tg_policy_zone_count(policy), VPN + 1);
    assert_int_equal(tg_policy_zone_named(policy, "lan"), LAN);
    assert_int_equal(tg_policy_zone_named(policy, "router"), TG_ZONE_ROUTER);
    assert_int_equal(tg_policy_zone_named(policy, "la"), TG_ZONE_NONE);
    assert_null(tg_policy_zone(policy, TG_ZONE_NONE));
    assert_null(tg_policy_zone(policy, VPN + 1));
    assert_string_equal(tg_policy_zone(policy, TG_ZONE_ROUTER)->name, "router");
    assert_int_equal(tg_policy_default_zone(policy), WAN); /* the only one without an address */
    tg_policy_free(policy);
}

TEST(the_zone_of_the_default_route)
{
    static const struct {
        const char *name;
        const char *address[2];
        bool masquerade[2];
        uint8_t zone;
    } rows[] = {
        {"one has no address", {NULL, "192.168.1.1/24"}, {false, false}, WAN},
        {"one has none, the other masquerades", {NULL, "192.168.1.1/24"}, {false, true}, WAN},
        {"both have one, one masquerades", {"10.0.0.1/24", "192.168.1.1/24"}, {false, true}, LAN},
        {"both masquerade", {"10.0.0.1/24", "192.168.1.1/24"}, {true, true}, WAN},
        {"both have none", {NULL, NULL}, {false, false}, TG_ZONE_NONE},
        {"both have none, one masquerades", {NULL, NULL}, {false, true}, LAN},
        {"nothing points outward", {"10.0.0.1/24", "192.168.1.1/24"}, {false, false}, TG_ZONE_NONE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *policy = policy_new();
        add_zone(policy, "a", NULL, rows[i].address[0], rows[i].masquerade[0]);
        add_zone(policy, "b", NULL, rows[i].address[1], rows[i].masquerade[1]);
        CHECK_EQUAL(rows[i].name, tg_policy_default_zone(policy), rows[i].zone);
        tg_policy_free(policy);
    }
}

TEST(a_view_of_the_network_from_the_file_alone)
{
    struct tg_policy *policy = policy_new();
    add_zone(policy, "wan", NULL, "203.0.113.1/24", true);
    add_zone(policy, "lan", NULL, "192.168.1.1/24", false);
    struct tg_zone_address extra[2] = {{WAN, {.family = 0}}, {LAN, {.family = 0}}};
    assert_int_equal(tg_prefix_parse("198.51.100.7/24", &extra[0].prefix), 0);
    assert_int_equal(tg_prefix_parse("fd00::1/64", &extra[1].prefix), 0);
    struct tg_network *network = tg_policy_network(policy, extra, 2);
    struct tg_tuple t = tuple_of("203.0.113.1:1 > 198.51.100.7:1", TG_PROTO_TCP);
    struct tg_tuple lan = tuple_of("192.168.1.1:1 > 192.168.1.9:1", TG_PROTO_TCP);
    assert_false(tg_network_is_own(network, TG_ZONE_NONE, TG_IPV4, t.src)); /* put aside for the one given */
    assert_true(tg_network_is_own(network, WAN, TG_IPV4, t.dst));
    assert_true(tg_network_is_own(network, LAN, TG_IPV4, lan.src)); /* another family replaces nothing */
    assert_int_equal(tg_network_zone_to(network, TG_IPV4, lan.dst), LAN);
    assert_true(tg_network_is_default(network, WAN, TG_IPV4));
    tg_network_free(network);
    tg_policy_free(policy);
}

TEST(what_is_added_is_copied)
{
    struct tg_policy *policy = policy_new();
    char text[] = "allow from lan", label[] = "label", file[] = "a.rules", name[] = "cam";
    struct tg_statement s = {TG_STATEMENT_ALLOW, file, 7, text, label, NULL};
    struct tg_addr v4 = tg_ipv4(1), got;
    uint32_t number;
    assert_int_equal(policy_add_statement(policy, &s, &number), 0);
    assert_int_equal(policy_add_host(policy, name, &v4, NULL), 0);
    memset(text, 'x', sizeof text - 1);
    memset(label, 'x', sizeof label - 1);
    memset(file, 'x', sizeof file - 1);
    memset(name, 'x', sizeof name - 1);
    const struct tg_statement *copy = tg_policy_statement(policy, number);
    assert_string_equal(copy->text, "allow from lan");
    assert_string_equal(copy->label, "label");
    assert_string_equal(copy->file, "a.rules");
    assert_null(tg_policy_statement(policy, number + 1));
    assert_null(tg_policy_statement(policy, TG_NO_STATEMENT));
    assert_true(policy_host(policy, "cam", TG_IPV4, &got) && tg_addr_equal(got, v4));
    assert_false(policy_host(policy, "cam", TG_IPV6, &got));
    assert_false(policy_host(policy, "camera", TG_IPV4, &got));
    assert_true(tg_policy_size(policy) > 0);
    tg_policy_free(policy);
    tg_policy_free(NULL);
}

TEST(as_many_zones_as_there_are_numbers)
{
    struct tg_policy *policy = policy_new();
    struct tg_zone zone = {.name = "z"};
    for (int i = TG_ZONE_FIRST; i < TG_ZONE_MAX; i++)
        assert_int_equal(policy_add_zone(policy, &zone), 0);
    assert_int_equal(policy_add_zone(policy, &zone), -ENOSPC);
    assert_int_equal(tg_policy_zone_count(policy), TG_ZONE_MAX);
    tg_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_sets_against_a_plain_search),
        cmocka_unit_test(no_set_is_everywhere),
        cmocka_unit_test(every_condition_of_a_rule),
        cmocka_unit_test(ports_are_asked_only_of_what_has_ports),
        cmocka_unit_test(icmp_types_and_codes),
        cmocka_unit_test(port_sets_against_a_plain_search),
        cmocka_unit_test(the_first_that_fits_decides_and_each_is_told),
        cmocka_unit_test(zones_by_name_and_interface),
        cmocka_unit_test(the_zone_of_the_default_route),
        cmocka_unit_test(a_view_of_the_network_from_the_file_alone),
        cmocka_unit_test(what_is_added_is_copied),
        cmocka_unit_test(as_many_zones_as_there_are_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
