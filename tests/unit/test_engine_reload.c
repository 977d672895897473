/* Loading rules and networks while connections live: what is still allowed goes on unnoticed, what is not stops at its
 * next packet, with the verdict that the new rules have for it. */
#include "house.h"

static const char *const OUT = "192.168.1.9:5 > 198.51.100.1:80", *const BACK = "198.51.100.1:80 > 203.0.113.1:5";
static const char *const IN = "198.51.100.9:4000 > 203.0.113.1:8080", *const ANSWER =
                                                                          "192.168.1.50:80 > 198.51.100.9:4000";

/* A home with connections of every kind, and many statements, so that numbers of the old policy mean nothing in a
 * shorter new one. */
static struct house open_busy_home(void)
{
    struct tg_policy *policy = new_policy(true);
    for (int i = 0; i < 20; i++)
        add_rule(policy, TG_DROP, GUEST, WAN, TG_PROTO_TCP, (uint16_t)(1 + i));
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
    add_rule(policy, TG_ACCEPT, ROUTER, NONE, 0, 0);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp(OUT, 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    EXPECT(&h, WAN, udp(BACK, 4), "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
    EXPECT(&h, WAN, tcp(IN, SYN, 100, 0, 0), "accept forward -> 198.51.100.9:4000 > 192.168.1.50:80");
    EXPECT(&h, LAN, tcp(ANSWER, SYN | ACK, 500, 101, 0), "accept established -> 203.0.113.1:8080 > 198.51.100.9:4000");
    EXPECT(&h, WAN, tcp(IN, ACK, 101, 501, 0), "accept established -> 198.51.100.9:4000 > 192.168.1.50:80");
    EXPECT(&h, LAN, ping("192.168.1.9 > 198.51.100.1", 7), "accept rule -> 203.0.113.1 > 198.51.100.1 id 7");
    return h;
}

TEST(what_is_still_allowed_goes_on)
{
    struct house h = open_busy_home();
    for (int round = 0; round < 3; round++) {
        struct tg_policy *policy = new_policy(true);
        for (int i = 0; i < round; i++)
            add_rule(policy, TG_DROP, GUEST, WAN, 0, 0);
        uint32_t forward = add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
        uint32_t out = add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
        reload(&h, policy);
        EXPECT(&h, WAN, udp(BACK, 4), "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
        assert_int_equal(h.verdict.statement, out); /* by the new numbers */
        assert_int_equal(h.verdict.zone_in, WAN);
        assert_int_equal(h.verdict.zone_out, LAN);
        EXPECT(&h, LAN, tcp(ANSWER, ACK, 501, 101, 10), "accept established -> 203.0.113.1:8080 > 198.51.100.9:4000");
        assert_int_equal(h.verdict.statement, forward);
        assert_int_equal(h.verdict.zone_out, WAN);
        EXPECT(&h, WAN, pong("198.51.100.1 > 203.0.113.1", 7), "accept established -> 198.51.100.1 > 192.168.1.9 id 7");
        assert_int_equal(tg_engine_hits(h.engine, out).packets, 2); /* counted from the load on */
        assert_int_equal(tg_engine_hits(h.engine, forward).packets, 1);
        assert_int_equal(connections_of(&h), 3);
    }
    close_house(&h);
}

TEST(what_is_forbidden_stops_at_its_next_packet)
{
    static const struct {
        const char *name;
        enum tg_action action; /* of the new rule */
        bool by_default;
        const char *wanted;
    } rows[] = {
        {"dropped", TG_DROP, false, "drop rule"},
        {"rejected", TG_REJECT, false, "reject rule"},
        {"dropped by default", TG_DROP, true, "drop default"},
        {"rejected by default", TG_REJECT, true, "reject default"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int back = 0; back < 2; back++) {
            struct house h = open_busy_home();
            struct tg_policy *policy = new_policy(true);
            uint32_t statement = TG_NO_STATEMENT;
            if (rows[i].by_default)
                policy_set_default(policy, rows[i].action);
            else
                statement = add_rule(policy, rows[i].action, LAN, WAN, TG_PROTO_UDP, 80);
            add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
            reload(&h, policy);
            if (back)
                EXPECT(&h, WAN, udp(BACK, 4), rows[i].wanted);
            else
                EXPECT(&h, LAN, udp(OUT, 4), rows[i].wanted);
            CHECK_EQUAL(rows[i].name, h.verdict.statement, statement);
            CHECK_EQUAL(rows[i].name, connections_of(&h), 2); /* and is gone */
            EXPECT(&h, WAN, tcp(IN, ACK, 101, 501, 1), "accept established -> 198.51.100.9:4000 > 192.168.1.50:80");
            close_house(&h);
        }
}

TEST(a_forward_that_is_removed)
{
    struct house h = open_busy_home();
    struct tg_policy *policy = new_policy(true);
    add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
    uint32_t shut = add_rule(policy, TG_REJECT, WAN, ROUTER, TG_PROTO_TCP, 8080); /* what it is without the forward */
    reload(&h, policy);
    EXPECT(&h, WAN, tcp(IN, ACK, 101, 501, 1), "reject rule");
    assert_int_equal(h.verdict.statement, shut);
    EXPECT(&h, LAN, tcp(ANSWER, ACK, 501, 101, 1), "drop invalid");
    close_house(&h);
}

TEST(a_forward_that_leads_elsewhere)
{
    static const struct {
        const char *name, *host;
        uint16_t port;
    } rows[] = {{"to another host", "192.168.1.51", 80}, {"to another port", "192.168.1.50", 81}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_busy_home();
        struct tg_policy *policy = home_policy();
        add_forward(policy, TG_PROTO_TCP, 8080, 1, rows[i].host, rows[i].port, 1);
        reload(&h, policy);
        EXPECT(&h, WAN, tcp(IN, ACK, 101, 501, 1), "drop invalid");
        struct bytes again = tcp(IN, SYN, 900, 0, 0);
        judge(&h, WAN, &again);
        CHECK_EQUAL(rows[i].name, h.verdict.reason, TG_REASON_FORWARD);
        close_house(&h);
    }
}

TEST(a_forward_that_takes_what_was_the_router_s)
{
    struct tg_policy *policy = home_policy();
    add_rule(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 22);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, tcp("198.51.100.9:4000 > 203.0.113.1:22", SYN, 1, 0, 0), "accept rule");
    policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 22, 1, "192.168.1.50", 22, 1);
    reload(&h, policy);
    EXPECT(&h, ROUTER, tcp("203.0.113.1:22 > 198.51.100.9:4000", SYN | ACK, 5, 2, 0), "drop invalid");
    close_house(&h);
}

/* The address on the outside changes: translations to the old one end, at their next packet, either way. */
TEST(another_outside_address)
{
    struct house h = open_busy_home();
    struct tg_network *network = tg_network_new();
    static const struct {
        uint8_t zone;
        const char *address;
    } own[] = {{WAN, "198.18.0.7/24"}, {LAN, "192.168.1.1/24"}, {GUEST, "192.168.2.1/24"}};
    for (size_t i = 0; i < COUNT(own); i++) {
        struct tg_prefix prefix;
        must(tg_prefix_parse(own[i].address, &prefix));
        must(tg_network_add_address(network, own[i].zone, &prefix));
    }
    must(tg_network_add_default(network, WAN));
    tg_network_seal(network);
    load(&h, h.policy, network);
    EXPECT(&h, LAN, udp(OUT, 4), "drop invalid");
    EXPECT(&h, LAN, udp(OUT, 4), "accept rule -> 198.18.0.7:5 > 198.51.100.1:80"); /* begun anew */
    EXPECT(&h, WAN, tcp(IN, ACK, 101, 501, 1), "drop default");                    /* not the router's any more */
    EXPECT(&h, WAN, pong("198.51.100.1 > 203.0.113.1", 7), "drop invalid");
    close_house(&h);
}

/* Masquerading that is switched on: what went out untranslated may not go on so. */
TEST(masquerading_that_is_switched_on)
{
    struct tg_policy *policy = new_policy(false);
    struct house h = open_home();
    add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
    load(&h, policy, h.network);
    EXPECT(&h, LAN, udp(OUT, 4), "accept rule");
    reload(&h, home_policy());
    EXPECT(&h, LAN, udp(OUT, 4), "drop invalid");
    EXPECT(&h, LAN, udp(OUT, 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    close_house(&h);
}

/* A new network view alone: counters go on, connections too. */
TEST(the_same_policy_with_another_view)
{
    struct house h = open_busy_home();
    uint64_t hits = tg_engine_hits(h.engine, 21).packets;
    assert_int_equal(hits, 3);
    load(&h, h.policy, tg_policy_network(h.policy, NULL, 0));
    assert_int_equal(tg_engine_hits(h.engine, 21).packets, hits);
    EXPECT(&h, WAN, udp(BACK, 4), "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
    assert_int_equal(tg_engine_hits(h.engine, 21).packets, hits + 1);
    close_house(&h);
}

/* An ICMP error is a packet of the connection that it speaks of: under new rules it is judged by them like any other.
 */
TEST(an_error_is_judged_by_the_new_rules)
{
    for (int allowed = 0; allowed < 2; allowed++) {
        struct house h = open_busy_home();
        struct bytes about = udp("203.0.113.1:5 > 198.51.100.1:80", 4);
        struct tg_policy *policy = new_policy(true);
        uint32_t statement = add_rule(policy, allowed ? TG_ACCEPT : TG_DROP, LAN, WAN, 0, 0);
        reload(&h, policy);
        struct bytes error = icmp_error("198.51.100.7 > 203.0.113.1", 11, 0, &about, 28);
        if (allowed) {
            EXPECT(&h, WAN, error, "accept related -> 198.51.100.7 > 192.168.1.9");
            assert_int_equal(h.verdict.statement, statement);
            assert_int_equal(h.verdict.zone_out, LAN);
            assert_int_equal(tg_engine_hits(h.engine, statement).packets, 1);
        } else {
            EXPECT(&h, WAN, error, "drop invalid");
        }
        close_house(&h);
    }
}

/* What a capture shows twice is no packet of any statement; it must not name one of a policy that is gone. */
TEST(a_copy_after_a_load)
{
    struct house h = open_busy_home();
    struct tg_policy *policy = new_policy(true);
    add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
    reload(&h, policy);
    h.arrival.may_be_copy = true;
    EXPECT(&h, WAN, udp("203.0.113.1:5 > 198.51.100.1:80", 4), "accept established as it stands");
    close_house(&h);
}

/* The rest of a datagram in fragments whose first was judged by rules that are gone. */
TEST(fragments_across_a_load)
{
    struct house h = open_busy_home();
    struct bytes whole = udp("192.168.1.9:900 > 198.51.100.1:80", 100);
    EXPECT(&h, LAN, fragment_of(whole, 0, 48, true), "accept rule -> 203.0.113.1:900 > 198.51.100.1:80");
    EXPECT(&h, LAN, fragment_of(whole, 48, 24, true), "accept rule -> 203.0.113.1 > 198.51.100.1");
    struct tg_policy *policy = new_policy(true);
    add_rule(policy, TG_DROP, LAN, WAN, 0, 0);
    reload(&h, policy);
    EXPECT(&h, LAN, fragment_of(whole, 72, 36, false), "drop fragment");
    close_house(&h);
}

/* A load is refused or done, and judged by as a whole: rules and their default go together. */
TEST(generations_by_the_hundred)
{
    struct house h = open_busy_home();
    for (int i = 0; i < 300; i++) {
        struct tg_policy *policy = new_policy(true);
        for (int n = i % 7; n > 0; n--)
            add_rule(policy, TG_DROP, GUEST, NONE, 0, 0);
        add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
        reload(&h, policy);
        EXPECT(&h, i % 2 ? LAN : WAN, i % 2 ? udp(OUT, 4) : udp(BACK, 4),
               i % 2 ? "accept established -> 203.0.113.1:5 > 198.51.100.1:80"
                     : "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
        assert_int_equal(h.verdict.statement, i % 7);
    }
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_still_allowed_goes_on),
        cmocka_unit_test(what_is_forbidden_stops_at_its_next_packet),
        cmocka_unit_test(a_forward_that_is_removed),
        cmocka_unit_test(a_forward_that_leads_elsewhere),
        cmocka_unit_test(a_forward_that_takes_what_was_the_router_s),
        cmocka_unit_test(another_outside_address),
        cmocka_unit_test(masquerading_that_is_switched_on),
        cmocka_unit_test(the_same_policy_with_another_view),
        cmocka_unit_test(an_error_is_judged_by_the_new_rules),
        cmocka_unit_test(a_copy_after_a_load),
        cmocka_unit_test(fragments_across_a_load),
        cmocka_unit_test(generations_by_the_hundred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
