/* Captures: the zone is found by addresses, and packets that the router has already sent out are taken as they stand.
 */
#include "house.h"

static struct house open_camera_home(void)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    struct house h = open_house(policy, 64, 1);
    h.arrival.may_be_copy = true;
    return h;
}

/* Both sides are captured: every packet is seen twice, as it came in by one and as it went out by the other. */
TEST(two_sides)
{
    struct house h = open_camera_home();
    EXPECT(&h, WAN, tcp("198.51.100.9:41212 > 203.0.113.1:8080", SYN, 1000, 0, 0),
           "accept forward -> 198.51.100.9:41212 > 192.168.1.50:80");
    EXPECT(&h, LAN, h.bytes, "accept established as it stands");
    assert_int_equal(h.verdict.zone_in, ROUTER);
    assert_int_equal(h.verdict.zone_out, LAN);
    EXPECT(&h, LAN, tcp("192.168.1.50:80 > 198.51.100.9:41212", SYN | ACK, 5000, 1001, 0),
           "accept established -> 203.0.113.1:8080 > 198.51.100.9:41212");
    EXPECT(&h, WAN, h.bytes, "accept established as it stands");
    assert_int_equal(h.verdict.zone_out, WAN);
    EXPECT(&h, LAN, udp("192.168.1.9:5000 > 198.51.100.1:53", 9), "accept rule -> 203.0.113.1:5000 > 198.51.100.1:53");
    EXPECT(&h, WAN, h.bytes, "accept established as it stands");
    EXPECT(&h, WAN, udp("198.51.100.1:53 > 203.0.113.1:5000", 9),
           "accept established -> 198.51.100.1:53 > 192.168.1.9:5000");
    EXPECT(&h, LAN, h.bytes, "accept established as it stands");
    EXPECT(&h, LAN, ping("192.168.1.9 > 198.51.100.1", 8), "accept rule -> 203.0.113.1 > 198.51.100.1 id 8");
    EXPECT(&h, WAN, h.bytes, "accept established as it stands");
    EXPECT(&h, WAN, pong("198.51.100.1 > 203.0.113.1", 8), "accept established -> 198.51.100.1 > 192.168.1.9 id 8");
    EXPECT(&h, LAN, h.bytes, "accept established as it stands");
    /* a copy is counted with no statement */
    assert_int_equal(tg_engine_hits(h.engine, 2).packets, 2);
    assert_int_equal(tg_engine_hits(h.engine, 0).packets, 4);
    assert_int_equal(connections_of(&h), 3);
    close_house(&h);
}

/* What is not translated looks the same on both sides; only where it was seen tells a copy from another packet. */
TEST(two_sides_untranslated)
{
    struct house h = open_camera_home();
    EXPECT(&h, LAN, udp("[fd00:1::9]:5 > [2001:db8:9::1]:6", 4), "accept rule");
    EXPECT(&h, WAN, udp("[fd00:1::9]:5 > [2001:db8:9::1]:6", 4), "accept established as it stands");
    EXPECT(&h, WAN, udp("[2001:db8:9::1]:6 > [fd00:1::9]:5", 4), "accept established");
    EXPECT(&h, LAN, udp("[2001:db8:9::1]:6 > [fd00:1::9]:5", 4), "accept established as it stands");
    EXPECT(&h, LAN, udp("[fd00:1::9]:5 > [2001:db8:9::1]:6", 4), "accept established");
    close_house(&h);
}

TEST(two_sides_of_a_hairpin)
{
    struct house h = open_camera_home();
    EXPECT(&h, LAN, tcp("192.168.1.77:50000 > 203.0.113.1:8080", SYN, 1, 0, 0),
           "accept forward -> 192.168.1.1:50000 > 192.168.1.50:80");
    EXPECT(&h, LAN, h.bytes, "accept established as it stands");
    EXPECT(&h, LAN, tcp("192.168.1.50:80 > 192.168.1.1:50000", SYN | ACK, 100, 2, 0),
           "accept established -> 203.0.113.1:8080 > 192.168.1.77:50000");
    EXPECT(&h, LAN, h.bytes, "accept established as it stands");
    close_house(&h);
}

TEST(two_sides_of_an_error)
{
    struct house h = open_camera_home();
    EXPECT(&h, LAN, udp("192.168.1.9:5000 > 198.51.100.1:33434", 9),
           "accept rule -> 203.0.113.1:5000 > 198.51.100.1:33434");
    struct bytes about = h.bytes;
    EXPECT(&h, WAN, about, "accept established as it stands");
    EXPECT(&h, WAN, icmp_error("192.0.2.254 > 203.0.113.1", 11, 0, &about, 28),
           "accept related -> 192.0.2.254 > 192.168.1.9");
    EXPECT(&h, LAN, h.bytes, "accept related as it stands");
    close_house(&h);
}

/* The wan side alone shows what masquerading has made of it: the router's own, as far as can be seen. */
TEST(one_side_alone)
{
    struct house h = open_camera_home();
    EXPECT(&h, WAN, udp("203.0.113.1:5000 > 198.51.100.1:53", 9), "accept rule");
    assert_int_equal(h.verdict.zone_in, ROUTER);
    EXPECT(&h, WAN, udp("198.51.100.1:53 > 203.0.113.1:5000", 9), "accept established");
    assert_int_equal(h.verdict.zone_out, ROUTER);
    /* two insides through one address: the router itself seems to have used the port, whatever it was mapped to */
    EXPECT(&h, WAN, tcp("203.0.113.1:5000 > 198.51.100.1:80", SYN, 1, 0, 0), "accept rule");
    EXPECT(&h, WAN, tcp("203.0.113.1:8080 > 198.51.100.1:80", SYN, 1, 0, 0), "accept rule"); /* a forward's, even */
    close_house(&h);
}

TEST(zones_are_found_by_source)
{
    struct house h = open_camera_home();
    h.arrival.find_zone = true;
    static const struct {
        const char *ends;
        uint8_t in, out;
        const char *wanted;
    } rows[] = {
        {"192.168.1.9:5000 > 198.51.100.1:53", LAN, WAN, "accept rule -> 203.0.113.1:5000 > 198.51.100.1:53"},
        {"203.0.113.1:5000 > 198.51.100.1:53", ROUTER, WAN, "accept established as it stands"},
        {"198.51.100.1:53 > 203.0.113.1:5000", WAN, LAN, "accept established -> 198.51.100.1:53 > 192.168.1.9:5000"},
        {"198.51.100.1:53 > 192.168.1.9:5000", ROUTER, LAN, "accept established as it stands"},
        {"198.51.100.9:53 > 203.0.113.1:5000", WAN, ROUTER, "drop default"},
        {"192.168.2.9:53 > 198.51.100.1:53", GUEST, WAN, "drop default"},
        {"203.0.113.1:123 > 198.51.100.1:123", ROUTER, WAN, "accept rule"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = udp(rows[i].ends, 9);
        CHECK(rows[i].ends, strcmp(judge(&h, NONE, &b), rows[i].wanted) == 0);
        CHECK_EQUAL(rows[i].ends, h.verdict.zone_in, rows[i].in);
        CHECK_EQUAL(rows[i].ends, h.verdict.zone_out, rows[i].out);
    }
    close_house(&h);
}

/* Live, nothing is a copy: what looks like one is a lie. */
TEST(live_there_are_no_copies)
{
    struct house h = open_camera_home();
    h.arrival.may_be_copy = false;
    EXPECT(&h, LAN, udp("192.168.1.9:5000 > 198.51.100.1:53", 9), "accept rule -> 203.0.113.1:5000 > 198.51.100.1:53");
    EXPECT(&h, WAN, h.bytes, "drop spoofed");
    EXPECT(&h, WAN, udp("203.0.113.1:1 > 198.51.100.1:53", 9), "drop spoofed");
    close_house(&h);
}

/* ---- what is spoofed ---- */

TEST(sources_that_cannot_be)
{
    struct tg_policy *policy = home_policy();
    add_rule(policy, TG_ACCEPT, NONE, NONE, 0, 0);
    struct house h = open_house(policy, 64, 1);
    static const struct {
        uint8_t zone;
        const char *ends;
        bool spoofed;
    } rows[] = {
        {LAN, "192.168.1.9:1 > 198.51.100.1:1", false},     {LAN, "192.168.2.9:1 > 198.51.100.1:1", true},
        {LAN, "10.1.1.1:1 > 198.51.100.1:1", true},         {LAN, "203.0.113.1:1 > 198.51.100.1:1", true},
        {LAN, "192.168.1.1:1 > 192.168.1.9:1", true},       {GUEST, "192.168.2.9:1 > 198.51.100.1:1", false},
        {WAN, "198.51.100.1:1 > 203.0.113.1:1", false},     {WAN, "192.168.1.9:1 > 203.0.113.1:1", true},
        {WAN, "203.0.113.9:1 > 203.0.113.1:1", false},      {WAN, "203.0.113.1:1 > 203.0.113.1:1", true},
        {LAN, "0.0.0.0:68 > 255.255.255.255:67", false},    {LAN, "[fd00:1::9]:1 > [2001:db8:9::9]:1", false},
        {LAN, "[fd00:2::9]:1 > [2001:db8:9::9]:1", true},   {LAN, "[fe80::9]:1 > [ff02::1]:1", false},
        {WAN, "[fd00:1::9]:1 > [2001:db8:0:1::2]:1", true}, {NONE, "192.168.1.9:1 > 198.51.100.1:1", true},
        {ROUTER, "203.0.113.1:1 > 198.51.100.1:1", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = udp(rows[i].ends, 9);
        judge(&h, rows[i].zone, &b);
        CHECK_EQUAL(rows[i].ends, h.verdict.reason == TG_REASON_SPOOFED, rows[i].spoofed);
    }
    close_house(&h);
}

/* A known connection is no cover: its packets must come from where they can. */
TEST(a_known_connection_from_elsewhere)
{
    struct house h = open_home();
    EXPECT(&h, LAN, udp("192.168.1.9:5000 > 198.51.100.1:53", 9), "accept rule -> 203.0.113.1:5000 > 198.51.100.1:53");
    EXPECT(&h, WAN, udp("192.168.1.9:5000 > 198.51.100.1:53", 9), "drop spoofed");
    EXPECT(&h, GUEST, udp("192.168.1.9:5000 > 198.51.100.1:53", 9), "drop spoofed");
    EXPECT(&h, LAN, udp("198.51.100.1:53 > 203.0.113.1:5000", 9), "drop spoofed");
    EXPECT(&h, WAN, udp("198.51.100.1:53 > 203.0.113.1:5000", 9),
           "accept established -> 198.51.100.1:53 > 192.168.1.9:5000");
    close_house(&h);
}

/* ---- forgers who see nothing of the traffic ---- */

/* Whoever knows addresses and ports but no sequence number neither ends a connection nor keeps it alive. */
TEST(the_off_path_series)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    struct house h = open_house(policy, 64, 1);
    const char *const in = "198.51.100.9:4000 > 203.0.113.1:8080", *const out = "192.168.1.50:80 > 198.51.100.9:4000";
    EXPECT(&h, WAN, tcp(in, SYN, 1000, 0, 0), "accept forward -> 198.51.100.9:4000 > 192.168.1.50:80");
    EXPECT(&h, LAN, tcp(out, SYN | ACK, 5000, 1001, 0), "accept established -> 203.0.113.1:8080 > 198.51.100.9:4000");
    EXPECT(&h, WAN, tcp(in, ACK, 1001, 5001, 0), "accept established -> 198.51.100.9:4000 > 192.168.1.50:80");
    struct bytes about = tcp("203.0.113.1:8080 > 198.51.100.9:4000", ACK, 99, 99, 0);
    static const unsigned kinds[] = {SYN, SYN | ACK, RST, RST | ACK, FIN | ACK, ACK, PSH | ACK};
    uint64_t seed = 11;
    for (int minute = 0; minute < 123; minute++) { /* for two hours and three minutes of forging */
        wait_for(&h, 60);
        for (size_t k = 0; k < COUNT(kinds); k++) {
            struct bytes forged = tcp(in, kinds[k], 0x40000000 + random32(&seed) % 0x40000000,
                                      0x40000000 + random32(&seed) % 0x40000000, kinds[k] & PSH ? 20 : 0);
            judge(&h, WAN, &forged);
        }
        struct bytes error = icmp_error("192.0.2.1 > 203.0.113.1", 3, (uint8_t)(minute % 16), &about, 28);
        judge(&h, WAN, &error);
    }
    EXPECT(&h, LAN, tcp(out, PSH | ACK, 5001, 1001, 10), "accept established -> 203.0.113.1:8080 > 198.51.100.9:4000");
    for (int minute = 0; minute < 124; minute++) {
        wait_for(&h, 60);
        struct bytes forged = tcp(in, kinds[minute % 2], 0x40000000, 0x40000000, 0);
        judge(&h, WAN, &forged);
    }
    wait_for(&h, 1);
    EXPECT(&h, LAN, tcp(out, PSH | ACK, 5011, 1001, 10), "drop invalid"); /* it has not been kept alive */
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_sides),
        cmocka_unit_test(two_sides_untranslated),
        cmocka_unit_test(two_sides_of_a_hairpin),
        cmocka_unit_test(two_sides_of_an_error),
        cmocka_unit_test(one_side_alone),
        cmocka_unit_test(zones_are_found_by_source),
        cmocka_unit_test(live_there_are_no_copies),
        cmocka_unit_test(sources_that_cannot_be),
        cmocka_unit_test(a_known_connection_from_elsewhere),
        cmocka_unit_test(the_off_path_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
