/* Which forward takes a packet: addresses, ports, who may, hairpin, the exposed host (src/policy/match.c).
 *
 * Where it is sent to is in test_engine.c.
 */
#include "unit.h"

#include "packets.h"
#include "policy/policy.h"

enum { WAN = TG_ZONE_FIRST, LAN, GUEST, WAN2, VPN };

struct house {
    struct tg_policy *policy;
    struct tg_network *network;
};

static void add_zone(struct house *h, const char *name, const char *address, bool masquerade)
{
    struct tg_prefix prefix;
    assert_int_equal(tg_prefix_parse(address, &prefix), 0);
    struct tg_zone zone = {.name = name, .masquerade = masquerade, .addresses = &prefix, .address_count = 1};
    assert_int_equal(policy_add_zone(h->policy, &zone), 0);
    assert_int_equal(tg_network_add_address(h->network, tg_policy_zone_count(h->policy) - 1, &prefix), 0);
}

/* Zones wan (default route), lan, guest, wan2 (a second line, masqueraded), vpn. */
static struct house build(void)
{
    struct house h = {policy_new(), tg_network_new()};
    add_zone(&h, "wan", "203.0.113.1/24", true);
    add_zone(&h, "lan", "192.168.1.1/24", false);
    add_zone(&h, "guest", "192.168.2.1/24", false);
    add_zone(&h, "wan2", "198.18.0.2/24", true);
    add_zone(&h, "vpn", "10.9.0.1/24", false);
    struct tg_prefix second;
    assert_int_equal(tg_prefix_parse("203.0.113.2/24", &second), 0);
    assert_int_equal(tg_network_add_address(h.network, WAN, &second), 0);
    assert_int_equal(tg_network_add_default(h.network, WAN), 0);
    tg_network_seal(h.network);
    return h;
}

static void tear_down(struct house *h)
{
    tg_policy_free(h->policy);
    tg_network_free(h->network);
}

static struct tg_addr address(const char *text)
{
    uint8_t family;
    struct tg_addr addr;
    assert_int_equal(tg_addr_parse(text, &family, &addr), 0);
    return addr;
}

static struct policy_forward forward(struct house *h, uint8_t proto, uint16_t first, uint16_t last)
{
    struct tg_statement s = {
        TG_STATEMENT_FORWARD, "test.rules", (uint32_t)tg_policy_statement_count(h->policy) + 1, "forward", NULL, NULL};
    uint32_t number;
    assert_int_equal(policy_add_statement(h->policy, &s, &number), 0);
    return (struct policy_forward){
        .statement = number,
        .proto = proto,
        .ext = {first, last},
        .in = {first, last},
        .zone = WAN,
        .src = {POLICY_NONE, false},
        .host = address("192.168.1.50"),
        .hairpin = true,
    };
}

static uint32_t add_set(struct house *h, const char *prefix)
{
    struct tg_prefix p;
    uint32_t number;
    assert_int_equal(tg_prefix_parse(prefix, &p), 0);
    struct tg_range range = tg_prefix_range(&p);
    assert_int_equal(policy_add_addresses(h->policy, &range, 1, &number), 0);
    return number;
}

/* The forward that takes a packet, with -1 for none. */
static int taker(const struct house *h, uint8_t zone, uint8_t proto, const char *ends, bool *hairpin)
{
    struct ends e = read_ends(ends);
    struct tg_tuple tuple = {
        tg_addr_load(e.family, e.src), tg_addr_load(e.family, e.dst), e.sport, e.dport, e.family, proto};
    struct policy_key key = {.tuple = &tuple, .kind = TG_TRANSPORT_PORTS, .zone_in = zone, .forward = POLICY_NONE};
    uint32_t number = policy_find_forward(h->policy, h->network, &key, hairpin, NULL, NULL, NULL);
    return number == POLICY_NONE ? -1 : (int)number;
}

struct row {
    const char *name;
    uint8_t zone, proto;
    const char *ends;
    int taker;
    bool hairpin;
};

static void check(const struct house *h, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool hairpin = false;
        int got = taker(h, rows[i].zone, rows[i].proto, rows[i].ends, &hairpin);
        if (got != rows[i].taker)
            fail_msg("%s: taken by %d, not %d", rows[i].name, got, rows[i].taker);
        if (got >= 0)
            CHECK_EQUAL(rows[i].name, hairpin, rows[i].hairpin);
    }
}

enum { TCP = TG_PROTO_TCP, UDP = TG_PROTO_UDP };

TEST(addresses_protocols_and_ports)
{
    struct house h = build();
    struct policy_forward f[] = {
        forward(&h, TCP, 8080, 8080),    /* 0 */
        forward(&h, UDP, 8080, 8080),    /* 1 */
        forward(&h, TCP, 9000, 9003),    /* 2 */
        forward(&h, TCP, 8080, 8081),    /* 3: overlaps 0, which comes first */
        forward(&h, TCP, 7000, 7000),    /* 4: at one address */
        forward(&h, TCP, 6000, 6000),    /* 5: from any zone, by any address of the router */
        forward(&h, TG_PROTO_GRE, 0, 0), /* 6: a protocol without ports */
    };
    f[4].has_at = true;
    f[4].at = address("203.0.113.2");
    f[5].zone = TG_ZONE_NONE;
    f[6].any_port = true;
    for (size_t i = 0; i < COUNT(f); i++)
        assert_int_equal(policy_add_forward(h.policy, &f[i]), 0);
    static const struct row rows[] = {
        {"its port", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:8080", 0, false},
        {"by the other address", WAN, TCP, "192.0.2.9:1 > 203.0.113.2:8080", 0, false},
        {"by another zone's address", WAN, TCP, "192.0.2.9:1 > 192.168.1.1:8080", -1, false},
        {"not to the router", WAN, TCP, "192.0.2.9:1 > 203.0.113.9:8080", -1, false},
        {"the other protocol", WAN, UDP, "192.0.2.9:1 > 203.0.113.1:8080", 1, false},
        {"a third protocol", WAN, TG_PROTO_SCTP, "192.0.2.9:1 > 203.0.113.1:8080", -1, false},
        {"what the first leaves", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:8081", 3, false},
        {"before a range", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:8999", -1, false},
        {"first of a range", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:9000", 2, false},
        {"last of a range", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:9003", 2, false},
        {"behind a range", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:9004", -1, false},
        {"source ports do not matter", WAN, TCP, "192.0.2.9:8080 > 203.0.113.1:80", -1, false},
        {"at its address", WAN, TCP, "192.0.2.9:1 > 203.0.113.2:7000", 4, false},
        {"not at another", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:7000", -1, false},
        {"from any zone: wan", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:6000", 5, false},
        {"from any zone: vpn", VPN, TCP, "10.9.0.2:1 > 10.9.0.1:6000", 5, false},
        {"without ports", WAN, TG_PROTO_GRE, "192.0.2.9 > 203.0.113.1", 6, false},
    };
    check(&h, rows, COUNT(rows));
    tear_down(&h);
}

TEST(who_may)
{
    struct house h = build();
    struct policy_forward office = forward(&h, TCP, 8080, 8080), others = forward(&h, TCP, 8080, 8080);
    office.src = (struct policy_where){add_set(&h, "198.51.100.0/24"), false};
    others.src = (struct policy_where){add_set(&h, "192.0.2.0/24"), true};
    assert_int_equal(policy_add_forward(h.policy, &office), 0);
    assert_int_equal(policy_add_forward(h.policy, &others), 0);
    static const struct row rows[] = {
        {"the office", WAN, TCP, "198.51.100.7:1 > 203.0.113.1:8080", 0, false},
        {"anybody else", WAN, TCP, "198.51.101.7:1 > 203.0.113.1:8080", 1, false},
        {"but not those", WAN, TCP, "192.0.2.7:1 > 203.0.113.1:8080", -1, false},
    };
    check(&h, rows, COUNT(rows));
    tear_down(&h);
}

/* Devices inside reach a forward by the outside address too: those of the host's own network always, others inside as
 * far as the forward's sources allow. */
TEST(hairpin)
{
    struct house h = build();
    struct policy_forward f[] = {forward(&h, TCP, 8080, 8080), forward(&h, TCP, 8081, 8081),
                                 forward(&h, TCP, 8082, 8082), forward(&h, TCP, 8083, 8083)};
    f[1].hairpin = false;
    f[2].src = (struct policy_where){add_set(&h, "198.51.100.0/24"), false};
    f[3].has_at = true;
    f[3].at = address("203.0.113.2");
    for (size_t i = 0; i < COUNT(f); i++)
        assert_int_equal(policy_add_forward(h.policy, &f[i]), 0);
    static const struct row rows[] = {
        {"from the host's network", LAN, TCP, "192.168.1.77:1 > 203.0.113.1:8080", 0, true},
        {"from the host itself", LAN, TCP, "192.168.1.50:1 > 203.0.113.1:8080", 0, true},
        {"from another inside network", GUEST, TCP, "192.168.2.77:1 > 203.0.113.1:8080", 0, true},
        {"by the inside address it is no forward", LAN, TCP, "192.168.1.77:1 > 192.168.1.1:8080", -1, false},
        {"from outside it is none", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:8080", 0, false},
        {"from another line it is not for", WAN2, TCP, "192.0.2.9:1 > 203.0.113.1:8080", -1, false},
        {"from an interface without a zone", TG_ZONE_NONE, TCP, "192.0.2.9:1 > 203.0.113.1:8080", -1, false},
        {"switched off", LAN, TCP, "192.168.1.77:1 > 203.0.113.1:8081", -1, false},
        {"switched off, from outside", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:8081", 1, false},
        {"sources are for outside: the host's network", LAN, TCP, "192.168.1.77:1 > 203.0.113.1:8082", 2, true},
        {"sources hold for other networks inside", GUEST, TCP, "192.168.2.77:1 > 203.0.113.1:8082", -1, false},
        {"sources hold outside", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:8082", -1, false},
        {"at its address", LAN, TCP, "192.168.1.77:1 > 203.0.113.2:8083", 3, true},
        {"not at another", LAN, TCP, "192.168.1.77:1 > 203.0.113.1:8083", -1, false},
    };
    check(&h, rows, COUNT(rows));
    tear_down(&h);
}

static void add_rule_to_router(struct house *h, enum tg_action action, uint8_t proto, uint16_t port)
{
    struct tg_statement s = {
        TG_STATEMENT_ALLOW, "test.rules", (uint32_t)tg_policy_statement_count(h->policy) + 1, "allow", NULL, NULL};
    struct policy_ports ports = {port, port};
    struct policy_rule rule = {.action = action,
                               .forward = POLICY_NONE,
                               .proto = proto,
                               .any_type = true,
                               .any_code = true,
                               .zone_in = WAN,
                               .zone_out = TG_ZONE_ROUTER,
                               .src = {POLICY_NONE, false},
                               .dst = {POLICY_NONE, false},
                               .sport = POLICY_NONE,
                               .dport = POLICY_NONE};
    assert_int_equal(policy_add_statement(h->policy, &s, &rule.statement), 0);
    if (port != 0)
        assert_int_equal(policy_add_ports(h->policy, &ports, 1, &rule.dport), 0);
    assert_int_equal(policy_add_rule(h->policy, &rule), 0);
}

/* An exposed host gets what nothing else takes: no other forward, wherever it stands, and no rule about the router. */
TEST(exposed_host)
{
    struct house h = build();
    struct policy_forward all = forward(&h, 0, 0, 0), other = forward(&h, TCP, 8080, 8080),
                          second = forward(&h, 0, 0, 0);
    all.any_proto = all.any_port = true;
    second.any_proto = second.any_port = true;
    second.zone = WAN2;
    assert_int_equal(policy_add_forward(h.policy, &all), 0);
    assert_int_equal(policy_add_forward(h.policy, &other), 0);
    assert_int_equal(policy_add_forward(h.policy, &second), 0);
    add_rule_to_router(&h, TG_ACCEPT, TCP, 22);
    add_rule_to_router(&h, TG_DROP, TCP, 23);
    static const struct row rows[] = {
        {"a later forward comes first", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:8080", 1, false},
        {"all else", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:8081", 0, false},
        {"other protocols", WAN, UDP, "192.0.2.9:1 > 203.0.113.1:8080", 0, false},
        {"protocols without ports", WAN, TG_PROTO_ESP, "192.0.2.9 > 203.0.113.1", 0, false},
        {"what is allowed to the router", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:22", -1, false},
        {"what is forbidden to the router", WAN, TCP, "192.0.2.9:1 > 203.0.113.1:23", -1, false},
        {"the router's, but by udp", WAN, UDP, "192.0.2.9:1 > 203.0.113.1:22", 0, false},
        {"by hairpin", LAN, TCP, "192.168.1.77:1 > 203.0.113.1:9999", 0, true},
        {"on the other line", WAN2, TCP, "192.0.2.9:1 > 198.18.0.2:9999", 2, false},
    };
    check(&h, rows, COUNT(rows));
    tear_down(&h);
}

TEST(ports_that_masquerading_must_leave_alone)
{
    static const struct {
        const char *name;
        uint8_t zone, proto;
        uint16_t port;
        bool forwarded;
    } rows[] = {
        {"its port", WAN, TCP, 8080, true},      {"first", WAN, TCP, 9000, true},   {"last", WAN, TCP, 9003, true},
        {"before", WAN, TCP, 8999, false},       {"behind", WAN, TCP, 9004, false}, {"protocol", WAN, UDP, 8080, false},
        {"another zone", LAN, TCP, 8080, false}, {"any zone", LAN, UDP, 53, true},
    };
    struct house h = build();
    struct policy_forward f[] = {forward(&h, TCP, 8080, 8080), forward(&h, TCP, 9000, 9003), forward(&h, UDP, 53, 53)};
    f[2].zone = TG_ZONE_NONE;
    for (size_t i = 0; i < COUNT(f); i++)
        assert_int_equal(policy_add_forward(h.policy, &f[i]), 0);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_EQUAL(rows[i].name,
                    policy_forwarded_ports(h.policy, rows[i].zone, rows[i].proto, rows[i].port / 32) >>
                            rows[i].port % 32 &
                        1,
                    rows[i].forwarded);
    tear_down(&h);
}

/* The rule of a forward stands where the forward stood, and fits what that forward has taken and nothing else. */
TEST(the_rule_of_a_forward)
{
    struct house h = build();
    struct policy_forward f = forward(&h, TCP, 8080, 8080), g = forward(&h, TCP, 8081, 8081);
    assert_int_equal(policy_add_forward(h.policy, &f), 0);
    add_rule_to_router(&h, TG_ACCEPT, TCP, 0);
    assert_int_equal(policy_add_forward(h.policy, &g), 0);
    struct tg_tuple tuple = {address("192.0.2.9"), address("192.168.1.50"), 1, 80, TG_IPV4, TCP};
    struct policy_key key = {.tuple = &tuple, .zone_in = WAN, .zone_out = LAN};
    for (uint32_t taken = 0; taken < 2; taken++) {
        key.forward = taken;
        assert_int_equal(policy_match(h.policy, &key, NULL, NULL, NULL)->statement,
                         taken == 0 ? f.statement : g.statement);
    }
    key.forward = POLICY_NONE;
    assert_null(policy_match(h.policy, &key, NULL, NULL, NULL));
    assert_int_equal(policy_forward(h.policy, 1)->statement, g.statement);
    tear_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_protocols_and_ports),
        cmocka_unit_test(who_may),
        cmocka_unit_test(hairpin),
        cmocka_unit_test(exposed_host),
        cmocka_unit_test(ports_that_masquerading_must_leave_alone),
        cmocka_unit_test(the_rule_of_a_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
