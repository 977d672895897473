/* The way of a packet through the engine: forwards, masquerading, hairpin, IPv6, and what the verdicts say. */
#include <errno.h>

#include "engine/counter.h"
#include "house.h"

TEST(before_the_first_load_all_is_dropped)
{
    struct tg_engine_config config = {.connections = 4, .workers = 1};
    struct tg_engine *engine = tg_engine_new(&config);
    struct bytes b = udp("192.168.1.9:1 > 192.0.2.1:2", 4);
    struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
    struct tg_arrival arrival = {.now = 1};
    struct tg_verdict verdict;
    struct tg_counters counters;
    tg_engine_judge(engine, 0, &packet, tg_packet_decode(&packet, 0), &arrival, &verdict);
    assert_int_equal(verdict.action, TG_DROP);
    assert_int_equal(verdict.statement, TG_NO_STATEMENT);
    tg_engine_counters(engine, &counters);
    assert_int_equal(counters.packets, 1);
    assert_int_equal(tg_engine_hits(engine, 0).packets, 0);
    tg_engine_free(engine);
    tg_engine_free(NULL);
}

TEST(configurations_that_cannot_be)
{
    static const struct {
        const char *name;
        struct tg_engine_config config;
        bool possible;
    } rows[] = {
        {"one worker", {.connections = 1, .workers = 1}, true},
        {"128 workers", {.connections = 1, .workers = 128}, true},
        {"none", {.connections = 1, .workers = 0}, false},
        {"129 workers", {.connections = 1, .workers = 129}, false},
        {"more connections than can be numbered", {.connections = UINT32_MAX, .workers = 1}, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        errno = 0;
        struct tg_engine *engine = tg_engine_new(&rows[i].config);
        CHECK_EQUAL(rows[i].name, engine != NULL, rows[i].possible);
        CHECK_EQUAL(rows[i].name, errno, rows[i].possible ? 0 : EINVAL);
        CHECK(rows[i].name, tg_engine_size(&rows[i].config) > 0);
        tg_engine_free(engine);
    }
    struct tg_engine *engine = tg_engine_new(&(struct tg_engine_config){.workers = 1});
    struct tg_population p;
    tg_engine_population(engine, &p);
    assert_int_equal(p.room, 16384);
    tg_engine_free(engine);
}

TEST(a_forward_and_its_reply)
{
    struct tg_policy *policy = home_policy();
    uint32_t forward = add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, tcp("198.51.100.9:41212 > 203.0.113.1:8080", SYN, 1000, 0, 0),
           "accept forward -> 198.51.100.9:41212 > 192.168.1.50:80");
    assert_int_equal(h.verdict.statement, forward);
    assert_int_equal(h.verdict.state, TG_STATE_NEW);
    assert_int_equal(h.verdict.zone_in, WAN);
    assert_int_equal(h.verdict.zone_out, LAN);
    EXPECT(&h, LAN, tcp("192.168.1.50:80 > 198.51.100.9:41212", SYN | ACK, 5000, 1001, 0),
           "accept established -> 203.0.113.1:8080 > 198.51.100.9:41212");
    assert_int_equal(h.verdict.statement, forward);
    assert_int_equal(h.verdict.zone_in, LAN);
    assert_int_equal(h.verdict.zone_out, WAN);
    EXPECT(&h, WAN, tcp("198.51.100.9:41212 > 203.0.113.1:8080", ACK, 1001, 5001, 100),
           "accept established -> 198.51.100.9:41212 > 192.168.1.50:80");
    EXPECT(&h, WAN, tcp("198.51.100.9:41213 > 203.0.113.1:80", SYN, 1, 0, 0), "drop default");
    EXPECT(&h, WAN, tcp("198.51.100.9:41212 > 192.168.1.50:80", SYN, 1, 0, 0), "drop default");
    EXPECT(&h, WAN, tcp("198.51.100.9:41214 > 203.0.113.1:8080", ACK, 77, 88, 0), "drop invalid");
    assert_int_equal(tg_engine_hits(h.engine, forward).packets, 3);
    assert_int_equal(tg_engine_hits(h.engine, forward).bytes, 40 + 40 + 140);
    close_house(&h);
}

TEST(a_range_maps_in_order_and_many_to_one)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 37777, 2, "192.168.1.60", 7777, 2);
    add_forward(policy, TG_PROTO_TCP, 9000, 4, "192.168.1.61", 80, 1);
    add_forward(policy, TG_PROTO_UDP, 65000, 536, "192.168.1.62", 1, 536);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, tcp("198.51.100.5:1025 > 203.0.113.1:37778", SYN, 1, 0, 0),
           "accept forward -> 198.51.100.5:1025 > 192.168.1.60:7778");
    EXPECT(&h, WAN, tcp("198.51.100.5:1025 > 203.0.113.1:37777", SYN, 1, 0, 0),
           "accept forward -> 198.51.100.5:1025 > 192.168.1.60:7777");
    EXPECT(&h, WAN, udp("198.51.100.5:1025 > 203.0.113.1:65535", 3),
           "accept forward -> 198.51.100.5:1025 > 192.168.1.62:536");
    EXPECT(&h, WAN, tcp("198.51.100.5:1026 > 203.0.113.1:9003", SYN, 1, 0, 0),
           "accept forward -> 198.51.100.5:1026 > 192.168.1.61:80");
    close_house(&h);
}

/* Two outside ports lead to one inside port and a client uses both from one port: the second comes from another, so
 * that the answers can be told apart. */
TEST(many_to_one_from_one_source_port)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 9000, 4, "192.168.1.61", 80, 1);
    struct house h = open_house(policy, 64, 1);
    char text[120];
    EXPECT(&h, WAN, tcp("198.51.100.5:4000 > 203.0.113.1:9000", SYN, 100, 0, 0),
           "accept forward -> 198.51.100.5:4000 > 192.168.1.61:80");
    struct bytes second = tcp("198.51.100.5:4000 > 203.0.113.1:9001", SYN, 200, 0, 0);
    judge(&h, WAN, &second);
    uint16_t moved = left_from(&h);
    assert_true(moved != 4000 && moved >= 1024);
    snprintf(text, sizeof text, "accept forward -> 198.51.100.5:%u > 192.168.1.61:80", moved);
    assert_string_equal(h.text, text);
    snprintf(text, sizeof text, "192.168.1.61:80 > 198.51.100.5:%u", moved);
    EXPECT(&h, LAN, tcp(text, SYN | ACK, 7, 201, 0), "accept established -> 203.0.113.1:9001 > 198.51.100.5:4000");
    EXPECT(&h, LAN, tcp("192.168.1.61:80 > 198.51.100.5:4000", SYN | ACK, 8, 101, 0),
           "accept established -> 203.0.113.1:9000 > 198.51.100.5:4000");
    snprintf(text, sizeof text, "accept established -> 198.51.100.5:%u > 192.168.1.61:80", moved);
    EXPECT(&h, WAN, tcp("198.51.100.5:4000 > 203.0.113.1:9001", ACK, 201, 8, 0), text);
    close_house(&h);
}

/* RFC 4787 REQ-1 and REQ-3: one inside port is one outside port to whomever it speaks, and no two insides share one. */
TEST(masquerading_is_endpoint_independent)
{
    struct house h = open_home();
    char text[160];
    EXPECT(&h, LAN, udp("192.168.1.10:5000 > 198.51.100.1:3478", 20),
           "accept rule -> 203.0.113.1:5000 > 198.51.100.1:3478");
    struct bytes b = udp("192.168.1.11:5000 > 198.51.100.2:3478", 20);
    judge(&h, LAN, &b);
    uint16_t port = left_from(&h);
    assert_true(port != 5000 && port >= 1024 && port % 2 == 0); /* its range and parity, REQ-3a and REQ-4 */
    static const char *const peers[] = {"198.51.100.1:3478", "198.51.100.2:3479", "192.0.2.7:9"};
    for (size_t i = 0; i < COUNT(peers); i++) {
        char ends[80];
        snprintf(ends, sizeof ends, "192.168.1.11:5000 > %s", peers[i]);
        snprintf(text, sizeof text, "accept rule -> 203.0.113.1:%u > %s", port, peers[i]);
        EXPECT(&h, LAN, udp(ends, 20), text);
        snprintf(ends, sizeof ends, "192.168.1.10:5000 > %s", peers[i]);
        snprintf(text, sizeof text, "accept %s -> 203.0.113.1:5000 > %s", i == 0 ? "established" : "rule", peers[i]);
        EXPECT(&h, LAN, udp(ends, 20), text);
        snprintf(ends, sizeof ends, "%s > 203.0.113.1:%u", peers[i], port);
        snprintf(text, sizeof text, "accept established -> %s > 192.168.1.11:5000", peers[i]);
        EXPECT(&h, WAN, udp(ends, 20), text);
        snprintf(ends, sizeof ends, "%s > 203.0.113.1:5000", peers[i]);
        snprintf(text, sizeof text, "accept established -> %s > 192.168.1.10:5000", peers[i]);
        EXPECT(&h, WAN, udp(ends, 20), text);
    }
    EXPECT(&h, WAN, udp("198.51.100.9:3478 > 203.0.113.1:5000", 20), "drop default"); /* filtering is by endpoint */
    close_house(&h);
}

TEST(protocols_do_not_share_mappings)
{
    struct house h = open_home();
    EXPECT(&h, LAN, udp("192.168.1.10:5000 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    EXPECT(&h, LAN, tcp("192.168.1.11:5000 > 198.51.100.1:80", SYN, 1, 0, 0),
           "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    EXPECT(&h, LAN, datagram(TG_PROTO_SCTP, "192.168.1.12:5000 > 198.51.100.1:80", 16),
           "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    EXPECT(&h, LAN, datagram(TG_PROTO_UDPLITE, "192.168.1.13:5000 > 198.51.100.1:80", 16),
           "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    EXPECT(&h, LAN, ping("192.168.1.14 > 198.51.100.1", 5000), "accept rule -> 203.0.113.1 > 198.51.100.1 id 5000");
    close_house(&h);
}

TEST(forwarded_ports_are_not_given_away)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_UDP, 5000, 1, "192.168.1.50", 5000, 1);
    struct house h = open_house(policy, 64, 1);
    struct bytes b = udp("192.168.1.10:5000 > 198.51.100.1:80", 4);
    judge(&h, LAN, &b);
    assert_int_not_equal(left_from(&h), 5000);
    EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:5000", 4),
           "accept forward -> 198.51.100.1:80 > 192.168.1.50:5000");
    close_house(&h);
}

/* The router's own connections take ports of the same address. */
TEST(the_router_s_own_connections_share_the_ports)
{
    struct house h = open_home();
    char text[120];
    EXPECT(&h, ROUTER, udp("203.0.113.1:6000 > 198.51.100.1:53", 4), "accept rule");
    assert_int_equal(h.verdict.translation, TG_TRANSLATE_NONE);
    struct bytes inside = udp("192.168.1.10:6000 > 198.51.100.1:53", 4);
    judge(&h, LAN, &inside);
    uint16_t port = left_from(&h);
    assert_int_not_equal(port, 6000);
    EXPECT(&h, WAN, udp("198.51.100.1:53 > 203.0.113.1:6000", 4), "accept established");
    assert_int_equal(h.verdict.zone_out, ROUTER);
    snprintf(text, sizeof text, "198.51.100.1:53 > 203.0.113.1:%u", port);
    EXPECT(&h, WAN, udp(text, 4), "accept established -> 198.51.100.1:53 > 192.168.1.10:6000");
    /* and the other way around: the router comes second and is moved */
    EXPECT(&h, LAN, udp("192.168.1.10:7000 > 198.51.100.1:53", 4), "accept rule -> 203.0.113.1:7000 > 198.51.100.1:53");
    struct bytes own = udp("203.0.113.1:7000 > 198.51.100.1:53", 4);
    judge(&h, ROUTER, &own);
    port = left_from(&h);
    assert_int_not_equal(port, 7000);
    snprintf(text, sizeof text, "198.51.100.1:53 > 203.0.113.1:%u", port);
    EXPECT(&h, WAN, udp(text, 4), "accept established -> 198.51.100.1:53 > 203.0.113.1:7000");
    close_house(&h);
}

TEST(what_masquerading_leaves_alone)
{
    struct tg_policy *policy = home_policy();
    add_rule(policy, TG_ACCEPT, LAN, GUEST, 0, 0);
    add_rule(policy, TG_ACCEPT, LAN, ROUTER, 0, 0);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 192.168.2.9:6", 4), "accept rule"); /* inside to inside */
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 192.168.1.1:53", 4), "accept rule");
    EXPECT(&h, LAN, udp("0.0.0.0:68 > 255.255.255.255:67", 4), "accept rule"); /* DHCP */
    EXPECT(&h, ROUTER, udp("203.0.113.1:68 > 224.0.0.1:67", 4), "accept rule");
    EXPECT(&h, LAN, udp("[fd00:1::9]:5 > [2001:db8:9::1]:6", 4), "accept rule"); /* IPv6 is never translated */
    EXPECT(&h, ROUTER, udp("192.168.1.1:5 > 198.51.100.1:6", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:6");
    close_house(&h);
}

TEST(without_an_address_nothing_leaves_untranslated)
{
    struct tg_policy *policy = policy_new();
    add_zone(policy, "wan", true, NULL, NULL); /* no lease yet */
    add_zone(policy, "lan", false, "192.168.1.1/24", NULL);
    add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:6", 4), "drop limit");
    EXPECT(&h, LAN, ip_packet("192.168.1.9 > 198.51.100.1", TG_PROTO_ESP, "12345678", 8), "drop limit");
    assert_int_equal(connections_of(&h), 0);
    close_house(&h);
}

/* ---- hairpin ---- */

static struct house open_hairpin(void)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    return open_house(policy, 64, 1);
}

TEST(hairpin_within_the_host_s_network)
{
    struct house h = open_hairpin();
    EXPECT(&h, LAN, tcp("192.168.1.77:50000 > 203.0.113.1:8080", SYN, 1, 0, 0),
           "accept forward -> 192.168.1.1:50000 > 192.168.1.50:80");
    assert_int_equal(h.verdict.zone_out, LAN);
    EXPECT(&h, LAN, tcp("192.168.1.50:80 > 192.168.1.1:50000", SYN | ACK, 100, 2, 0),
           "accept established -> 203.0.113.1:8080 > 192.168.1.77:50000");
    EXPECT(&h, LAN, tcp("192.168.1.77:50000 > 203.0.113.1:8080", ACK, 2, 101, 0),
           "accept established -> 192.168.1.1:50000 > 192.168.1.50:80");
    EXPECT(&h, LAN, tcp("192.168.1.50:81 > 203.0.113.1:8080", SYN, 1, 0, 0), /* the camera itself */
           "accept forward -> 192.168.1.1:81 > 192.168.1.50:80");
    close_house(&h);
}

TEST(hairpin_from_another_inside_network)
{
    struct house h = open_hairpin();
    EXPECT(&h, GUEST, tcp("192.168.2.77:50000 > 203.0.113.1:8080", SYN, 1, 0, 0),
           "accept forward -> 192.168.2.77:50000 > 192.168.1.50:80"); /* its answer comes by here anyway */
    EXPECT(&h, LAN, tcp("192.168.1.50:80 > 192.168.2.77:50000", SYN | ACK, 100, 2, 0),
           "accept established -> 203.0.113.1:8080 > 192.168.2.77:50000");
    close_house(&h);
}

/* Where the source can only be rewritten at a later hook. */
TEST(hairpin_in_two_halves)
{
    struct house h = open_hairpin();
    char looks[160];
    h.arrival.half = true;
    EXPECT(&h, LAN, tcp("192.168.1.77:50000 > 203.0.113.1:8080", SYN, 1, 0, 0),
           "accept forward -> 192.168.1.77:50000 > 192.168.1.50:80");
    for (int round = 0; round < 2; round++) {
        assert_int_equal(h.verdict.translation, TG_TRANSLATE_HALF);
        assert_string_equal(tuple_text(&h.verdict.to, looks), "192.168.1.1:50000 > 192.168.1.50:80");
        assert_int_equal(tg_packet_decode(&h.packet, 0), TG_DECODED);
        assert_true(tg_engine_finish(h.engine, &h.packet));
        assert_string_equal(ends_of(h.bytes.at, h.bytes.len, looks), "192.168.1.1:50000 > 192.168.1.50:80");
        assert_true(are_checksums_right(h.bytes.at, h.bytes.len));
        EXPECT(&h, LAN, tcp("192.168.1.77:50000 > 203.0.113.1:8080", SYN, 1, 0, 0), /* repeated */
               "accept established -> 192.168.1.77:50000 > 192.168.1.50:80");
    }
    EXPECT(&h, LAN, tcp("192.168.1.50:80 > 192.168.1.1:50000", SYN | ACK, 100, 2, 0),
           "accept established -> 192.168.1.50:8080 > 192.168.1.77:50000");
    assert_string_equal(tuple_text(&h.verdict.to, looks), "203.0.113.1:8080 > 192.168.1.77:50000");
    assert_int_equal(tg_packet_decode(&h.packet, 0), TG_DECODED);
    assert_true(tg_engine_finish(h.engine, &h.packet));
    assert_string_equal(ends_of(h.bytes.at, h.bytes.len, looks), "203.0.113.1:8080 > 192.168.1.77:50000");
    assert_true(are_checksums_right(h.bytes.at, h.bytes.len));
    /* what is no half of anything is not finished */
    struct bytes other = tcp("192.168.1.78:50000 > 192.168.1.50:80", SYN, 1, 0, 0);
    struct tg_packet packet = {.data = other.at, .len = other.len, .wire_len = other.len};
    assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
    assert_false(tg_engine_finish(h.engine, &packet));
    /* one side alone is translated in one go at any hook */
    EXPECT(&h, WAN, tcp("198.51.100.9:9 > 203.0.113.1:8080", SYN, 1, 0, 0),
           "accept forward -> 198.51.100.9:9 > 192.168.1.50:80");
    assert_int_equal(h.verdict.translation, TG_TRANSLATE_WHOLE);
    close_house(&h);
}

/* From one port, by two outside ports, to one server: each goes on as its own, both ways, whichever is looked for. */
TEST(two_hairpins_in_two_halves)
{
    static const struct {
        const char *came, *half, *whole;
    } rows[] = {
        {"192.168.1.77:4000 > 203.0.113.1:8080", "192.168.1.77:4000 > 192.168.1.50:80",
         "192.168.1.1:4000 > 192.168.1.50:80"},
        {"192.168.1.77:4000 > 203.0.113.1:8081", NULL, NULL}, /* by a port drawn at random */
    };
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_UDP, 8080, 2, "192.168.1.50", 80, 1);
    struct house h = open_house(policy, 64, 1);
    h.arrival.half = true;
    char looks[160], answers[COUNT(rows)][160];
    for (int round = 0; round < 4; round++) {
        size_t i = (size_t)round % 2;
        struct bytes b = udp(rows[i].came, 30);
        judge(&h, LAN, &b);
        assert_int_equal(h.verdict.translation, TG_TRANSLATE_HALF);
        if (rows[i].half != NULL)
            assert_string_equal(ends_of(h.bytes.at, h.bytes.len, looks), rows[i].half);
        struct tg_tuple to = h.verdict.to, back = tg_tuple_flip(&to);
        assert_int_equal(tg_packet_decode(&h.packet, 0), TG_DECODED);
        assert_true(tg_engine_finish(h.engine, &h.packet));
        assert_string_equal(ends_of(h.bytes.at, h.bytes.len, looks), tuple_text(&to, answers[i]));
        if (rows[i].whole != NULL)
            assert_string_equal(looks, rows[i].whole);
        tuple_text(&back, answers[i]);
    }
    assert_string_not_equal(answers[0], answers[1]);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = udp(answers[i], 30);
        judge(&h, LAN, &b);
        assert_int_equal(tg_packet_decode(&h.packet, 0), TG_DECODED);
        assert_true(tg_engine_finish(h.engine, &h.packet));
        assert_string_equal(ends_of(h.bytes.at, h.bytes.len, looks),
                            i == 0 ? "203.0.113.1:8080 > 192.168.1.77:4000" : "203.0.113.1:8081 > 192.168.1.77:4000");
    }
    close_house(&h);
}

/* ---- IPv6 ---- */

TEST(a_pinhole)
{
    struct tg_policy *policy = home_policy();
    struct tg_range host = {an_address("fd00:1::50"), an_address("fd00:1::50"), TG_IPV6};
    struct policy_rule rule = {.statement = add_statement(policy, TG_STATEMENT_FORWARD),
                               .action = TG_ACCEPT,
                               .forward = POLICY_NONE,
                               .family = TG_IPV6,
                               .proto = TG_PROTO_TCP,
                               .any_type = true,
                               .zone_in = WAN,
                               .src = {POLICY_NONE, false},
                               .sport = POLICY_NONE};
    must(policy_add_addresses(policy, &host, 1, &rule.dst.set));
    must(policy_add_ports(policy, &(struct policy_ports){443, 443}, 1, &rule.dport));
    must(policy_add_rule(policy, &rule));
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, tcp("[2001:db8:99::9]:50000 > [fd00:1::50]:443", SYN, 1, 0, 0), "accept forward");
    assert_int_equal(h.verdict.zone_out, LAN);
    EXPECT(&h, LAN, tcp("[fd00:1::50]:443 > [2001:db8:99::9]:50000", SYN | ACK, 9, 2, 0), "accept established");
    EXPECT(&h, WAN, tcp("[2001:db8:99::9]:50001 > [fd00:1::50]:80", SYN, 1, 0, 0), "drop default");
    EXPECT(&h, WAN, tcp("[2001:db8:99::9]:50002 > [fd00:1::51]:443", SYN, 1, 0, 0), "drop default");
    EXPECT(&h, LAN, ping("fd00:1::77 > 2001:db8:99::1", 1), "accept rule");
    EXPECT(&h, WAN, pong("2001:db8:99::1 > fd00:1::77", 1), "accept established");
    EXPECT(&h, WAN, pong("2001:db8:99::1 > fd00:1::77", 2), "drop invalid");
    close_house(&h);
}

TEST(neighbour_discovery_is_judged_alone)
{
    struct tg_policy *policy = home_policy();
    add_rule(policy, TG_ACCEPT, LAN, ROUTER, TG_PROTO_ICMP6, 0);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, icmp("fe80::9 > ff02::1:ff00:1", 135, 0, 0, "0123456789abcdef", 16), "accept rule");
    assert_int_equal(h.verdict.state, TG_STATE_UNTRACKED);
    EXPECT(&h, WAN, icmp("fe80::9 > ff02::1", 134, 0, 0, "0123456789abcdef", 16), "drop default");
    assert_int_equal(connections_of(&h), 0);
    close_house(&h);
}

/* ---- telling why ---- */

struct steps {
    size_t count;
    struct tg_step_info info[24];
};

static void note(void *context, const struct tg_step_info *step)
{
    struct steps *steps = context;
    assert_true(steps->count < COUNT(steps->info));
    steps->info[steps->count++] = *step;
}

/* The steps of a forward through hairpin, in the order in which they are taken; and as the verdict of judging it. */
TEST(each_step_is_told)
{
    static const struct {
        enum tg_step step;
        bool fits;
        uint32_t statement;
    } wanted[] = {
        {TG_STEP_ZONE, true, TG_NO_STATEMENT},
        {TG_STEP_CONNECTION, false, TG_NO_STATEMENT},
        {TG_STEP_SPOOF, true, TG_NO_STATEMENT},
        {TG_STEP_FORWARD, false, 2},
        {TG_STEP_FORWARD, true, 3},
        {TG_STEP_ROUTE, true, TG_NO_STATEMENT},
        {TG_STEP_RULE, false, 0},
        {TG_STEP_RULE, false, 1},
        {TG_STEP_RULE, true, 3},
        {TG_STEP_SOURCE, true, TG_NO_STATEMENT},
    };
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    add_forward(policy, TG_PROTO_TCP, 8081, 1, "192.168.1.51", 80, 1);
    struct house h = open_house(policy, 64, 1);
    struct bytes b = tcp("192.168.1.77:50000 > 203.0.113.1:8081", SYN, 1, 0, 0);
    struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
    struct tg_arrival arrival = {.now = START, .zone_in = LAN};
    struct tg_verdict verdict;
    struct steps steps = {0};
    tg_engine_explain(h.engine, &packet, tg_packet_decode(&packet, 0), &arrival, &verdict, note, &steps);
    assert_int_equal(steps.count, COUNT(wanted));
    for (size_t i = 0; i < COUNT(wanted); i++) {
        assert_int_equal(steps.info[i].step, wanted[i].step);
        assert_int_equal(steps.info[i].fits, wanted[i].fits);
        assert_int_equal(steps.info[i].statement, wanted[i].statement);
        if (wanted[i].step == TG_STEP_RULE || wanted[i].step == TG_STEP_FORWARD)
            assert_int_equal(steps.info[i].why == NULL, wanted[i].fits);
    }
    assert_int_equal(verdict.reason, TG_REASON_FORWARD);
    assert_int_equal(verdict.statement, 3);
    close_house(&h);
}

/* 32-bit MIPS has no 64-bit atomics: a counter is made of halves. */
TEST(counters_pass_four_thousand_million)
{
    static struct counter c;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 50; i++) {
        uint32_t n = i % 3 == 0 ? UINT32_MAX : 0x70000000 + i;
        counter_add(&c, n);
        sum += n;
        assert_true(counter_read(&c) == sum);
    }
    assert_true(sum > (uint64_t)UINT32_MAX * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_load_all_is_dropped),
        cmocka_unit_test(configurations_that_cannot_be),
        cmocka_unit_test(a_forward_and_its_reply),
        cmocka_unit_test(a_range_maps_in_order_and_many_to_one),
        cmocka_unit_test(many_to_one_from_one_source_port),
        cmocka_unit_test(masquerading_is_endpoint_independent),
        cmocka_unit_test(protocols_do_not_share_mappings),
        cmocka_unit_test(forwarded_ports_are_not_given_away),
        cmocka_unit_test(the_router_s_own_connections_share_the_ports),
        cmocka_unit_test(what_masquerading_leaves_alone),
        cmocka_unit_test(without_an_address_nothing_leaves_untranslated),
        cmocka_unit_test(hairpin_within_the_host_s_network),
        cmocka_unit_test(hairpin_from_another_inside_network),
        cmocka_unit_test(hairpin_in_two_halves),
        cmocka_unit_test(two_hairpins_in_two_halves),
        cmocka_unit_test(a_pinhole),
        cmocka_unit_test(neighbour_discovery_is_judged_alone),
        cmocka_unit_test(each_step_is_told),
        cmocka_unit_test(counters_pass_four_thousand_million),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
