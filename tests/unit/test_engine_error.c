/* ICMP and ICMPv6 errors through the engine (RFC 5508 REQ-3 to REQ-7, RFC 5382 REQ-9 and REQ-10, RFC 4787 REQ-12), and
 * ICMP queries. */
#include "house.h"

static struct house open_camera_home(void)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_UDP, 5000, 1, "192.168.1.50", 6000, 1);
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    return open_house(policy, 64, 1);
}

static void check_quote(const struct house *h, const char *wanted)
{
    char looks[160];
    assert_string_equal(quoted_ends_of(h->bytes.at, h->bytes.len, looks), wanted);
}

/* The packet that left last, as a router further on has it to quote. */
static struct bytes left(const struct house *h)
{
    return h->bytes;
}

TEST(errors_about_what_went_out)
{
    struct house h = open_camera_home();
    EXPECT(&h, LAN, udp("192.168.1.77:40000 > 198.51.100.1:33434", 32),
           "accept rule -> 203.0.113.1:40000 > 198.51.100.1:33434");
    struct bytes about = left(&h);
    static const struct {
        const char *from;
        uint8_t type, code;
    } rows[] = {
        {"192.0.2.254", 11, 0}, /* a router on the way; REQ-12a: not filtered by its address */
        {"198.51.100.1", 3, 3}, {"192.0.2.254", 3, 4}, {"192.0.2.254", 3, 1}, {"192.0.2.254", 12, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (uint32_t quoted = 28; quoted <= about.len; quoted++) {
            char ends[80], wanted[120];
            snprintf(ends, sizeof ends, "%s > 203.0.113.1", rows[i].from);
            snprintf(wanted, sizeof wanted, "accept related -> %s > 192.168.1.77", rows[i].from);
            EXPECT(&h, WAN, icmp_error(ends, rows[i].type, rows[i].code, &about, quoted), wanted);
            check_quote(&h, "192.168.1.77:40000 > 198.51.100.1:33434");
            assert_int_equal(h.bytes.at[20], rows[i].type); /* type and code stay, REQ-4b */
            assert_int_equal(h.bytes.at[21], rows[i].code);
            assert_int_equal(h.verdict.zone_out, LAN);
        }
    EXPECT(&h, WAN, icmp_error("192.0.2.254 > 203.0.113.1", 11, 0, &about, 20), "drop invalid");
    close_house(&h);
}

TEST(errors_about_what_came_in)
{
    struct house h = open_camera_home();
    EXPECT(&h, WAN, udp("198.51.100.9:1234 > 203.0.113.1:5000", 30),
           "accept forward -> 198.51.100.9:1234 > 192.168.1.50:6000");
    struct bytes about = left(&h);
    EXPECT(&h, LAN, icmp_error("192.168.1.50 > 198.51.100.9", 3, 3, &about, 100),
           "accept related -> 203.0.113.1 > 198.51.100.9");
    check_quote(&h, "198.51.100.9:1234 > 203.0.113.1:5000");
    /* a router inside that would show its own address: hidden like the camera, REQ-5c */
    EXPECT(&h, LAN, icmp_error("192.168.1.254 > 198.51.100.9", 3, 1, &about, 28),
           "accept related -> 203.0.113.1 > 198.51.100.9");
    check_quote(&h, "198.51.100.9:1234 > 203.0.113.1:5000");
    EXPECT(&h, LAN, icmp_error("192.168.1.50 > 198.51.100.77", 3, 3, &about, 100), "drop invalid");
    EXPECT(&h, WAN, udp("198.51.100.9:1234 > 203.0.113.1:5000", 30), /* REQ-6: nothing has ended */
           "accept established -> 198.51.100.9:1234 > 192.168.1.50:6000");
    close_house(&h);
}

TEST(errors_about_answers)
{
    struct house h = open_camera_home();
    EXPECT(&h, WAN, tcp("198.51.100.9:1234 > 203.0.113.1:8080", SYN, 100, 0, 0),
           "accept forward -> 198.51.100.9:1234 > 192.168.1.50:80");
    EXPECT(&h, LAN, tcp("192.168.1.50:80 > 198.51.100.9:1234", SYN | ACK, 500, 101, 0),
           "accept established -> 203.0.113.1:8080 > 198.51.100.9:1234");
    struct bytes about = left(&h);
    EXPECT(&h, WAN, icmp_error("192.0.2.254 > 203.0.113.1", 3, 4, &about, 100),
           "accept related -> 192.0.2.254 > 192.168.1.50");
    check_quote(&h, "192.168.1.50:80 > 198.51.100.9:1234");
    close_house(&h);
}

/* With every protocol in the quote, whole and cut. */
TEST(quotes_of_every_protocol)
{
    static const struct {
        const char *name, *lan, *quoted;
        uint8_t proto;
    } rows[] = {
        {"tcp", "192.168.1.9:1000 > 198.51.100.1:80", "192.168.1.9:1000 > 198.51.100.1:80", TG_PROTO_TCP},
        {"udp", "192.168.1.9:1000 > 198.51.100.1:80", "192.168.1.9:1000 > 198.51.100.1:80", TG_PROTO_UDP},
        {"udplite", "192.168.1.9:1000 > 198.51.100.1:80", "192.168.1.9:1000 > 198.51.100.1:80", TG_PROTO_UDPLITE},
        {"sctp", "192.168.1.9:1000 > 198.51.100.1:80", "192.168.1.9:1000 > 198.51.100.1:80", TG_PROTO_SCTP},
        {"dccp", "192.168.1.9:1000 > 198.51.100.1:80", "192.168.1.9:1000 > 198.51.100.1:80", TG_PROTO_DCCP},
        {"ping", "192.168.1.9 > 198.51.100.1", "192.168.1.9 > 198.51.100.1 id 1000", TG_PROTO_ICMP},
        {"esp", "192.168.1.9 > 198.51.100.1", "192.168.1.9 > 198.51.100.1", TG_PROTO_ESP},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int clash = 0; clash < 2; clash++) { /* with the port kept, and with another */
            struct house h = open_camera_home();
            struct bytes b;
            if (rows[i].proto == TG_PROTO_TCP)
                b = tcp(rows[i].lan, SYN, 1, 0, 11);
            else if (rows[i].proto == TG_PROTO_DCCP)
                b = dccp(rows[i].lan, 0, 1, 0, 8);
            else if (rows[i].proto == TG_PROTO_ICMP)
                b = ping(rows[i].lan, 1000);
            else if (rows[i].proto == TG_PROTO_ESP)
                b = ip_packet(rows[i].lan, TG_PROTO_ESP, "0123456789", 10);
            else
                b = datagram(rows[i].proto, rows[i].lan, 11);
            if (clash && rows[i].proto != TG_PROTO_ESP) {
                struct bytes other = b;
                other.at[15] = 10; /* from 192.168.1.10 */
                seal(&other);
                judge(&h, LAN, &other);
                CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
            }
            judge(&h, LAN, &b);
            CHECK(rows[i].name, h.verdict.reason == TG_REASON_RULE);
            struct bytes about = left(&h);
            for (uint32_t quoted = 28; quoted <= about.len; quoted++) {
                struct bytes error = icmp_error("192.0.2.254 > 203.0.113.1", 11, 0, &about, quoted);
                char looks[160];
                judge(&h, WAN, &error);
                CHECK(rows[i].name, h.verdict.reason == TG_REASON_RELATED);
                quoted_ends_of(h.bytes.at, h.bytes.len, looks);
                if (strcmp(looks, rows[i].quoted) != 0)
                    fail_msg("%s, %u bytes quoted: quotes %s", rows[i].name, quoted, looks);
            }
            close_house(&h);
        }
}

/* RFC 4884: 128 bytes of quote, padded, then extensions; RFC 5508 REQ-3d: they are left alone. */
TEST(extensions_behind_a_quote)
{
    struct house h = open_camera_home();
    EXPECT(&h, LAN, udp("192.168.1.77:40000 > 198.51.100.1:33434", 32),
           "accept rule -> 203.0.113.1:40000 > 198.51.100.1:33434");
    struct bytes about = left(&h);
    struct bytes error = icmp_error("192.0.2.254 > 203.0.113.1", 11, 0, &about, 100);
    static const uint8_t extensions[] = {0x20, 0, 0, 0, 0, 8, 1, 1, 0, 1, 2, 3};
    error = with_padding(error, 128 - about.len);
    insert(&error, error.len, extensions, sizeof extensions);
    error.at[25] = 32;
    seal(&error);
    EXPECT(&h, WAN, error, "accept related -> 192.0.2.254 > 192.168.1.77");
    check_quote(&h, "192.168.1.77:40000 > 198.51.100.1:33434");
    assert_memory_equal(h.bytes.at + 28 + about.len, error.at + 28 + about.len, error.len - 28 - about.len);
    close_house(&h);
}

TEST(errors_that_are_refused)
{
    struct house h = open_camera_home();
    EXPECT(&h, LAN, udp("192.168.1.77:40000 > 198.51.100.1:53", 32),
           "accept rule -> 203.0.113.1:40000 > 198.51.100.1:53");
    EXPECT(&h, WAN, udp("198.51.100.9:1234 > 203.0.113.1:5000", 30),
           "accept forward -> 198.51.100.9:1234 > 192.168.1.50:6000");
    EXPECT(&h, LAN, udp("[fd00:1::9]:1 > [2001:db8:9::1]:2", 30), "accept rule");
    const struct {
        const char *name;
        uint8_t zone;
        struct bytes about;
        const char *ends, *wanted;
    } rows[] = {
        {"about nothing that is known", WAN, udp("203.0.113.1:40001 > 198.51.100.1:53", 32), "192.0.2.1 > 203.0.113.1",
         "drop invalid"},
        {"about the same to another", WAN, udp("203.0.113.1:40000 > 198.51.100.2:53", 32), "192.0.2.1 > 203.0.113.1",
         "drop invalid"},
        {"by another protocol", WAN, tcp("203.0.113.1:40000 > 198.51.100.1:53", ACK, 1, 1, 8),
         "192.0.2.1 > 203.0.113.1", "drop invalid"},
        {"about what is only known inside", WAN, udp("192.168.1.77:40000 > 198.51.100.1:53", 32),
         "192.0.2.1 > 192.168.1.77", "drop invalid"},
        {"to another than who sent what it quotes", WAN, udp("203.0.113.1:40000 > 198.51.100.1:53", 32),
         "192.0.2.1 > 203.0.113.9", "drop invalid"},
        {"past the router to the inside", WAN, udp("203.0.113.1:40000 > 198.51.100.1:53", 32),
         "192.0.2.1 > 192.168.1.77", "drop invalid"},
        {"from the wrong side", LAN, udp("203.0.113.1:40000 > 198.51.100.1:53", 32), "192.168.1.50 > 203.0.113.1",
         "drop invalid"},
        {"from a guest about the camera", GUEST, udp("198.51.100.9:1234 > 192.168.1.50:6000", 30),
         "192.168.2.9 > 198.51.100.9", "drop invalid"},
        {"with a source that cannot be there", LAN, udp("198.51.100.9:1234 > 192.168.1.50:6000", 30),
         "10.1.1.1 > 198.51.100.9", "drop spoofed"},
        {"from outside with an inside source", WAN, udp("203.0.113.1:40000 > 198.51.100.1:53", 32),
         "192.168.1.50 > 203.0.113.1", "drop spoofed"},
        {"from outside with the router's own source", WAN, udp("203.0.113.1:40000 > 198.51.100.1:53", 32),
         "203.0.113.1 > 203.0.113.1", "drop spoofed"},
        {"over ipv6 with a source that cannot be there", LAN, udp("[2001:db8:9::1]:2 > [fd00:1::9]:1", 30),
         "2001:db8:7::7 > 2001:db8:9::1", "drop spoofed"},
        {"over ipv6 to another", WAN, udp("[fd00:1::9]:1 > [2001:db8:9::1]:2", 30), "2001:db8:7::7 > fd00:1::8",
         "drop invalid"},
        {"over ipv6, a good one", WAN, udp("[fd00:1::9]:1 > [2001:db8:9::1]:2", 30), "2001:db8:7::7 > fd00:1::9",
         "accept related"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool is_ipv4 = rows[i].about.at[0] >> 4 == 4;
        struct bytes error = icmp_error(rows[i].ends, is_ipv4 ? 3 : 1, is_ipv4 ? 3 : 4, &rows[i].about, 200);
        if (strcmp(judge(&h, rows[i].zone, &error), rows[i].wanted) != 0)
            fail_msg("%s: %s", rows[i].name, h.text);
    }
    /* a redirect comes from the first router, never through one: RFC 1122 3.2.2.2 */
    EXPECT(&h, WAN, icmp_error("192.0.2.1 > 203.0.113.1", 5, 1, &rows[4].about, 28), "drop invalid");
    EXPECT(&h, LAN, icmp_error("192.168.1.50 > 198.51.100.9", 5, 1, &rows[7].about, 28), "drop invalid");
    struct bytes redirected = udp("192.168.1.77:40000 > 198.51.100.1:53", 32);
    EXPECT(&h, ROUTER, icmp_error("192.168.1.1 > 192.168.1.77", 5, 1, &redirected, 28), "accept related");
    struct bytes bad = icmp_error("192.0.2.1 > 203.0.113.1", 3, 3, &rows[3].about, 100);
    bad.at[22] ^= 1; /* REQ-3: its own checksum is wrong */
    EXPECT(&h, WAN, bad, "drop malformed");
    close_house(&h);
}

/* RFC 4787 REQ-12, RFC 5382 REQ-10, RFC 5508 REQ-6: an error neither ends nor refreshes what it is about. */
TEST(errors_change_nothing)
{
    struct house h = open_camera_home();
    struct bytes error[256];
    EXPECT(&h, LAN, tcp("192.168.1.9:1000 > 198.51.100.1:80", SYN, 1, 0, 0),
           "accept rule -> 203.0.113.1:1000 > 198.51.100.1:80");
    struct bytes about = left(&h);
    for (unsigned code = 0; code < 16; code++) {
        error[code] = icmp_error("192.0.2.1 > 203.0.113.1", 3, (uint8_t)code, &about, 28);
        EXPECT(&h, WAN, error[code], "accept related -> 192.0.2.1 > 192.168.1.9");
    }
    EXPECT(&h, WAN, tcp("198.51.100.1:80 > 203.0.113.1:1000", SYN | ACK, 9, 2, 0),
           "accept established -> 198.51.100.1:80 > 192.168.1.9:1000");
    for (int minute = 0; minute < 4; minute++) { /* a transitory connection has four minutes, errors or not */
        wait_for(&h, 59);
        EXPECT(&h, WAN, error[1], "accept related -> 192.0.2.1 > 192.168.1.9");
    }
    wait_for(&h, 5);
    EXPECT(&h, WAN, error[1], "drop invalid");
    close_house(&h);
}

/* The router's own errors are about packets as they are at that moment: translated, or not yet. */
TEST(the_router_s_own_errors)
{
    struct house h = open_camera_home();
    EXPECT(&h, LAN, udp("192.168.1.77:40000 > 198.51.100.1:53", 32),
           "accept rule -> 203.0.113.1:40000 > 198.51.100.1:53");
    struct bytes came = udp("192.168.1.77:40000 > 198.51.100.1:53", 32);
    EXPECT(&h, ROUTER, icmp_error("192.168.1.1 > 192.168.1.77", 11, 0, &came, 60), "accept related");
    assert_int_equal(h.verdict.zone_out, LAN);
    EXPECT(&h, WAN, udp("198.51.100.9:1234 > 203.0.113.1:5000", 30),
           "accept forward -> 198.51.100.9:1234 > 192.168.1.50:6000");
    struct bytes redirected = left(&h);
    EXPECT(&h, ROUTER, icmp_error("203.0.113.1 > 198.51.100.9", 3, 1, &redirected, 58),
           "accept related -> 203.0.113.1 > 198.51.100.9");
    check_quote(&h, "198.51.100.9:1234 > 203.0.113.1:5000");
    /* about what it refused and so does not know: by the rules */
    struct bytes refused = udp("198.51.100.9:1234 > 203.0.113.1:6666", 30);
    EXPECT(&h, ROUTER, icmp_error("203.0.113.1 > 198.51.100.9", 3, 3, &refused, 58), "accept rule");
    assert_int_equal(h.verdict.state, TG_STATE_UNTRACKED);
    assert_int_equal(h.verdict.statement, 1);
    close_house(&h);
    struct tg_policy *silent = new_policy(true);
    h = open_house(silent, 4, 1);
    EXPECT(&h, ROUTER, icmp_error("203.0.113.1 > 198.51.100.9", 3, 3, &refused, 58), "drop default");
    close_house(&h);
}

TEST(errors_through_a_hairpin)
{
    struct house h = open_camera_home();
    EXPECT(&h, LAN, udp("192.168.1.77:50000 > 203.0.113.1:5000", 30),
           "accept forward -> 192.168.1.1:50000 > 192.168.1.50:6000");
    struct bytes about = left(&h);
    EXPECT(&h, LAN, icmp_error("192.168.1.50 > 192.168.1.1", 3, 3, &about, 58),
           "accept related -> 203.0.113.1 > 192.168.1.77");
    check_quote(&h, "192.168.1.77:50000 > 203.0.113.1:5000"); /* REQ-7a */
    /* and in two halves */
    h.arrival.half = true;
    char looks[160];
    EXPECT(&h, LAN, icmp_error("192.168.1.50 > 192.168.1.1", 3, 3, &about, 58),
           "accept related -> 192.168.1.50 > 192.168.1.77");
    assert_int_equal(h.verdict.translation, TG_TRANSLATE_HALF);
    assert_int_equal(tg_packet_decode(&h.packet, 0), TG_DECODED);
    assert_true(tg_engine_finish(h.engine, &h.packet));
    assert_string_equal(ends_of(h.bytes.at, h.bytes.len, looks), "203.0.113.1 > 192.168.1.77");
    check_quote(&h, "192.168.1.77:50000 > 203.0.113.1:5000");
    assert_true(are_checksums_right(h.bytes.at, h.bytes.len));
    close_house(&h);
}

/* ---- queries ---- */

TEST(identifiers_are_kept_apart)
{
    static const uint16_t ids[] = {0, 8, 13, 14, 42, 1023, 65535};
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct house h = open_home();
        char wanted[100];
        snprintf(wanted, sizeof wanted, "accept rule -> 203.0.113.1 > 198.51.100.1 id %u", ids[i]);
        EXPECT(&h, LAN, ping("192.168.1.10 > 198.51.100.1", ids[i]), wanted);
        struct bytes second = ping("192.168.1.11 > 198.51.100.1", ids[i]);
        judge(&h, LAN, &second);
        assert_int_equal(h.verdict.reason, TG_REASON_RULE);
        uint16_t moved = get16(h.bytes.at + 24);
        assert_int_not_equal(moved, ids[i]);
        snprintf(wanted, sizeof wanted, "accept rule -> 203.0.113.1 > 198.51.100.2 id %u", moved);
        EXPECT(&h, LAN, ping("192.168.1.11 > 198.51.100.2", ids[i]), wanted); /* RFC 5508 REQ-1a */
        snprintf(wanted, sizeof wanted, "accept established -> 198.51.100.1 > 192.168.1.10 id %u", ids[i]);
        EXPECT(&h, WAN, pong("198.51.100.1 > 203.0.113.1", ids[i]), wanted);
        snprintf(wanted, sizeof wanted, "accept established -> 198.51.100.1 > 192.168.1.11 id %u", ids[i]);
        EXPECT(&h, WAN, pong("198.51.100.1 > 203.0.113.1", moved), wanted);
        EXPECT(&h, WAN, pong("198.51.100.9 > 203.0.113.1", ids[i]), "drop invalid");
        close_house(&h);
    }
}

/* A question has its identifier for a port and an answer the type: that they may be one number makes neither the other.
 */
TEST(a_question_is_no_answer)
{
    struct tg_policy *policy = home_policy();
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, ping("192.168.1.10 > 198.51.100.1", 8), "accept rule -> 203.0.113.1 > 198.51.100.1 id 8");
    EXPECT(&h, WAN, ping("198.51.100.1 > 203.0.113.1", 8), "drop invalid"); /* not a way in */
    EXPECT(&h, LAN, pong("192.168.1.10 > 198.51.100.1", 8), "drop invalid");
    EXPECT(&h, LAN, query("192.168.1.10 > 198.51.100.1", 13, 13), "accept rule -> 203.0.113.1 > 198.51.100.1 id 13");
    EXPECT(&h, WAN, query("198.51.100.1 > 203.0.113.1", 13, 13), "drop invalid");
    EXPECT(&h, WAN, query("198.51.100.1 > 203.0.113.1", 14, 13),
           "accept established -> 198.51.100.1 > 192.168.1.10 id 13");
    EXPECT(&h, WAN, pong("198.51.100.1 > 203.0.113.1", 8), "accept established -> 198.51.100.1 > 192.168.1.10 id 8");
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_about_what_went_out), cmocka_unit_test(errors_about_what_came_in),
        cmocka_unit_test(errors_about_answers),       cmocka_unit_test(quotes_of_every_protocol),
        cmocka_unit_test(extensions_behind_a_quote),  cmocka_unit_test(errors_that_are_refused),
        cmocka_unit_test(errors_change_nothing),      cmocka_unit_test(the_router_s_own_errors),
        cmocka_unit_test(errors_through_a_hairpin),   cmocka_unit_test(identifiers_are_kept_apart),
        cmocka_unit_test(a_question_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
