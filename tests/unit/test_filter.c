/* Who may come in by a mapping: `nat filtering` (src/engine/filter.c); and connections that are picked up in the
 * middle: `connections pickup`. */
#include "house.h"

/* ---- nat filtering ---- */

#define SPOKEN   "198.51.100.1:80 > 203.0.113.1:5000"
#define SAME     "198.51.100.1:81 > 203.0.113.1:5000"
#define STRANGER "192.0.2.9:4000 > 203.0.113.1:5000"

static struct house open_spoken(struct tg_policy *policy)
{
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5000 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    return h;
}

/* RFC 4787 REQ-8: who was spoken to, another port of it, another address. Never freer than the mapping is. */
TEST(who_is_let_in)
{
    static const struct {
        const char *name;
        enum policy_behaviour mapping, filtering;
        bool same, stranger;
    } rows[] = {
        {"the default", EI, APD, false, false},
        {"by address", EI, AD, true, false},
        {"by nothing", EI, EI, true, true},
        {"mapped by address, by nothing", AD, EI, true, false},
        {"mapped by address, by address", AD, AD, true, false},
        {"mapped by port, by nothing", APD, EI, false, false},
        {"mapped by port, by address", APD, AD, false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_spoken(home_with_nat(rows[i].mapping, rows[i].filtering));
        EXPECT(&h, WAN, udp(SPOKEN, 4), "accept established -> 198.51.100.1:80 > 192.168.1.9:5000");
        EXPECT(&h, WAN, udp(SAME, 4),
               rows[i].same ? "accept related -> 198.51.100.1:81 > 192.168.1.9:5000" : "drop default");
        EXPECT(&h, WAN, udp(STRANGER, 4),
               rows[i].stranger ? "accept related -> 192.0.2.9:4000 > 192.168.1.9:5000" : "drop default");
        if (rows[i].stranger) {
            assert_int_equal(h.verdict.zone_out, LAN);
            EXPECT(&h, LAN, udp("192.168.1.9:5000 > 192.0.2.9:4000", 4),
                   "accept established -> 203.0.113.1:5000 > 192.0.2.9:4000");
            EXPECT(&h, WAN, udp(STRANGER, 4), "accept established -> 192.0.2.9:4000 > 192.168.1.9:5000");
        }
        close_house(&h);
    }
}

TEST(strangers_by_tcp)
{
    struct house h = open_house(home_with_nat(EI, EI), 64, 1);
    EXPECT(&h, WAN, tcp(STRANGER, SYN, 1, 0, 0), "drop default");
    EXPECT(&h, LAN, tcp("192.168.1.9:5000 > 198.51.100.1:80", SYN, 1, 0, 0),
           "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    EXPECT(&h, WAN, udp(STRANGER, 4), "drop default"); /* another protocol */
    EXPECT(&h, WAN, tcp(STRANGER, ACK, 1, 1, 0), "drop invalid");
    EXPECT(&h, WAN, tcp(STRANGER, SYN | ACK, 1, 1, 0), "drop invalid");
    EXPECT(&h, WAN, tcp(STRANGER, SYN, 1, 0, 0), "accept related -> 192.0.2.9:4000 > 192.168.1.9:5000");
    EXPECT(&h, LAN, tcp("192.168.1.9:5000 > 192.0.2.9:4000", SYN | ACK, 9, 2, 0),
           "accept established -> 203.0.113.1:5000 > 192.0.2.9:4000");
    EXPECT(&h, WAN, tcp(STRANGER, ACK, 2, 10, 0), "accept established -> 192.0.2.9:4000 > 192.168.1.9:5000");
    close_house(&h);
}

/* What comes before a mapping, and what one has nothing to do with. */
TEST(where_strangers_are_not_let_in)
{
    struct tg_policy *policy = new_policy(true);
    struct policy_forward all = {.statement = add_statement(policy, TG_STATEMENT_FORWARD),
                                 .any_proto = true,
                                 .any_port = true,
                                 .zone = WAN,
                                 .src = {POLICY_NONE, false},
                                 .host = an_address("192.168.1.99")};
    add_rule(policy, TG_DROP, WAN, LAN, TG_PROTO_UDP, 5003);
    must(policy_add_forward(policy, &all));
    add_forward(policy, TG_PROTO_UDP, 5001, 1, "192.168.1.50", 5001, 1);
    add_rule(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_UDP, 5002);
    add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
    add_rule(policy, TG_ACCEPT, ROUTER, NONE, 0, 0);
    set_nat(policy, EI, EI);
    struct house h = open_house(policy, 64, 1);
    for (unsigned port = 5000; port < 5004; port++) {
        char ends[80];
        snprintf(ends, sizeof ends, "192.168.1.9:%u > 198.51.100.1:80", port);
        struct bytes b = udp(ends, 4);
        judge(&h, LAN, &b);
        assert_int_equal(left_from(&h) == port, port != 5001);
    }
    EXPECT(&h, ROUTER, udp("203.0.113.1:6000 > 198.51.100.1:80", 4), "accept rule");
    EXPECT(&h, LAN, ping("192.168.1.9 > 198.51.100.1", 8), "accept rule -> 203.0.113.1 > 198.51.100.1 id 8");
    EXPECT(&h, WAN, udp("192.0.2.9:1 > 203.0.113.1:5000", 4), "accept related -> 192.0.2.9:1 > 192.168.1.9:5000");
    EXPECT(&h, WAN, udp("192.0.2.9:1 > 203.0.113.1:5001", 4), "accept forward -> 192.0.2.9:1 > 192.168.1.50:5001");
    EXPECT(&h, WAN, udp("192.0.2.9:1 > 203.0.113.1:5002", 4), "accept rule"); /* the router's */
    EXPECT(&h, WAN, udp("192.0.2.9:1 > 203.0.113.1:5003", 4), "drop rule");
    EXPECT(&h, WAN, udp("192.0.2.9:1 > 203.0.113.1:6000", 4), "accept forward -> 192.0.2.9:1 > 192.168.1.99:6000");
    EXPECT(&h, WAN, udp("192.0.2.9:1 > 203.0.113.1:5005", 4), "accept forward -> 192.0.2.9:1 > 192.168.1.99:5005");
    EXPECT(&h, WAN, ping("192.0.2.9 > 203.0.113.1", 8), "accept forward -> 192.0.2.9 > 192.168.1.99 id 8");
    EXPECT(&h, GUEST, udp("192.168.2.9:1 > 203.0.113.1:5000", 4), "drop default");
    close_house(&h);
}

#define IN     "192.0.2.9:4000 > 192.168.1.9:5000"
#define ANSWER "192.168.1.9:5000 > 192.0.2.9:4000"

static bool is_let_in(struct house *h, const char *ends)
{
    struct bytes b = udp(ends, 4);
    judge(h, WAN, &b);
    return h->verdict.action == TG_ACCEPT;
}

/* RFC 7857 6: strangers, however many, do not keep a mapping alive. */
TEST(strangers_give_it_no_time)
{
    struct house h = open_spoken(home_with_nat(EI, EI));
    for (unsigned second = 0; second < 120; second += 10) {
        char another[80];
        snprintf(another, sizeof another, "192.0.2.10:%u > 203.0.113.1:5000", 6000 + second);
        assert_true(is_let_in(&h, STRANGER));
        assert_true(is_let_in(&h, another));
        wait_for(&h, 10);
    }
    wait_for(&h, 1); /* two minutes after the inside has spoken last */
    for (unsigned second = 0; second < 300; second += 10) {
        assert_false(is_let_in(&h, "192.0.2.11:1 > 203.0.113.1:5000"));
        assert_false(is_let_in(&h, STRANGER));
        wait_for(&h, 10);
    }
    assert_int_equal(connections_of(&h), 0);
    close_house(&h);
}

/* What the inside answers does, as all that it sends; and what comes in behind that does not, again. */
TEST(answers_to_strangers_do)
{
    struct house h = open_spoken(home_with_nat(EI, EI));
    EXPECT(&h, WAN, udp(STRANGER, 4), "accept related -> " IN);
    for (int i = 0; i < 10; i++) {
        EXPECT(&h, LAN, udp(ANSWER, 4), "accept established -> 203.0.113.1:5000 > 192.0.2.9:4000");
        for (int n = 0; n < 5; n++) {
            wait_for(&h, 58);
            EXPECT(&h, WAN, udp(STRANGER, 4), "accept established -> " IN);
            assert_true(is_let_in(&h, "192.0.2.11:1 > 203.0.113.1:5000"));
        }
    }
    wait_for(&h, 11);
    assert_false(is_let_in(&h, STRANGER));
    assert_false(is_let_in(&h, "192.0.2.12:1 > 203.0.113.1:5000"));
    close_house(&h);
}

/* RFC 7857 6: neither a reset that answers them does, nor an error. */
TEST(refusals_give_it_no_time)
{
    struct house h = open_house(home_with_nat(EI, EI), 64, 1);
    EXPECT(&h, LAN, tcp("192.168.1.9:5000 > 198.51.100.1:80", SYN, 1, 0, 0),
           "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    for (unsigned second = 0; second < 240; second += 20) {
        char stranger[80], inside[80];
        snprintf(stranger, sizeof stranger, "192.0.2.9:%u > 203.0.113.1:5000", 4000 + second);
        snprintf(inside, sizeof inside, "192.168.1.9:5000 > 192.0.2.9:%u", 4000 + second);
        struct bytes syn = tcp(stranger, SYN, 1, 0, 0), reset = tcp(inside, RST | ACK, 0, 2, 0);
        judge(&h, WAN, &syn);
        CHECK_EQUAL(stranger, h.verdict.action, TG_ACCEPT);
        struct bytes error = icmp_error("192.168.1.9 > 192.0.2.9", 3, 3, &h.bytes, 40);
        judge(&h, LAN, &error);
        CHECK_EQUAL(stranger, h.verdict.action, TG_ACCEPT);
        judge(&h, LAN, &reset);
        CHECK_EQUAL(stranger, h.verdict.action, TG_ACCEPT);
        wait_for(&h, 20);
    }
    wait_for(&h, 1);
    EXPECT(&h, WAN, tcp("192.0.2.9:9 > 203.0.113.1:5000", SYN, 1, 0, 0), "drop default");
    close_house(&h);
}

/* What a stranger began is over with its mapping: what the inside sends him then begins anew, as the rules have it. */
TEST(an_answer_that_comes_too_late)
{
    struct tg_policy *policy = home_with_nat(EI, EI);
    policy_set_timeout(policy, POLICY_UDP_NEW, 30);
    struct house h = open_spoken(policy);
    wait_for(&h, 20);
    EXPECT(&h, WAN, udp(STRANGER, 4), "accept related -> " IN);
    wait_for(&h, 15);
    struct bytes another = udp("192.168.1.8:5000 > 198.51.100.1:80", 4);
    judge(&h, LAN, &another);
    assert_int_not_equal(left_from(&h), 5000); /* it rests */
    EXPECT(&h, LAN, udp(ANSWER, 4), "accept rule -> 203.0.113.1:5000 > 192.0.2.9:4000");
    EXPECT(&h, WAN, udp(STRANGER, 4), "accept established -> " IN);
    close_house(&h);
}

/* A TCP connection that a stranger has begun lives as long as any. */
TEST(a_stranger_s_connection_is_a_connection)
{
    struct house h = open_house(home_with_nat(EI, EI), 64, 1);
    EXPECT(&h, LAN, tcp("192.168.1.9:5000 > 198.51.100.1:80", SYN, 1, 0, 0),
           "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    EXPECT(&h, WAN, tcp(STRANGER, SYN, 1, 0, 0), "accept related -> " IN);
    EXPECT(&h, LAN, tcp(ANSWER, SYN | ACK, 9, 2, 0), "accept established -> 203.0.113.1:5000 > 192.0.2.9:4000");
    EXPECT(&h, WAN, tcp(STRANGER, ACK, 2, 10, 0), "accept established -> " IN);
    wait_for(&h, 7400);
    EXPECT(&h, WAN, tcp(STRANGER, ACK, 2, 10, 8), "accept established -> " IN);
    EXPECT(&h, LAN, tcp(ANSWER, ACK, 10, 10, 0), "accept established -> 203.0.113.1:5000 > 192.0.2.9:4000");
    wait_for(&h, 7400);
    EXPECT(&h, WAN, tcp("192.0.2.10:1 > 203.0.113.1:5000", SYN, 1, 0, 0),
           "accept related -> 192.0.2.10:1 > 192.168.1.9:5000");
    close_house(&h);
}

/* By address, only while the inside itself speaks to it. */
TEST(by_address_as_long_as_it_is_spoken_to)
{
    struct house h = open_spoken(home_with_nat(EI, AD));
    EXPECT(&h, WAN, udp(SAME, 4), "accept related -> 198.51.100.1:81 > 192.168.1.9:5000");
    for (int i = 0; i < 5; i++) {
        EXPECT(&h, LAN, udp("192.168.1.9:5000 > 198.51.100.1:81", 4),
               "accept established -> 203.0.113.1:5000 > 198.51.100.1:81");
        wait_for(&h, 100);
        EXPECT(&h, WAN, udp(SAME, 4), "accept established -> 198.51.100.1:81 > 192.168.1.9:5000");
    }
    EXPECT(&h, WAN, udp("198.51.100.1:82 > 203.0.113.1:5000", 4), "drop default");
    close_house(&h);
}

TEST(strangers_and_a_load)
{
    static const struct {
        const char *name;
        enum policy_behaviour filtering;
        bool shut;
        const char *wanted;
    } rows[] = {
        {"the same", EI, false, "accept established -> 192.0.2.9:4000 > 192.168.1.9:5000"},
        {"by address: it has begun", AD, false, "accept established -> 192.0.2.9:4000 > 192.168.1.9:5000"},
        {"strict", APD, false, "drop default"},
        {"a rule forbids it", EI, true, "drop rule"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_spoken(home_with_nat(EI, EI));
        EXPECT(&h, WAN, udp(STRANGER, 4), "accept related -> 192.0.2.9:4000 > 192.168.1.9:5000");
        struct tg_policy *policy = home_with_nat(EI, rows[i].filtering);
        if (rows[i].shut)
            add_rule(policy, TG_DROP, WAN, LAN, 0, 0);
        reload(&h, policy);
        struct bytes b = udp(STRANGER, 4);
        if (strcmp(judge(&h, WAN, &b), rows[i].wanted) != 0)
            fail_msg("%s: %s", rows[i].name, h.text);
        EXPECT(&h, WAN, udp(SPOKEN, 4), "accept established -> 198.51.100.1:80 > 192.168.1.9:5000");
        close_house(&h);
    }
}

/* Fragments of what a stranger sends, and the error about it. */
TEST(strangers_in_fragments)
{
    struct house h = open_spoken(home_with_nat(EI, EI));
    struct bytes whole = udp(STRANGER, 100);
    EXPECT(&h, WAN, fragment_of(whole, 0, 48, true), "accept related -> 192.0.2.9:4000 > 192.168.1.9:5000");
    EXPECT(&h, WAN, fragment_of(whole, 48, 60, false), "accept related -> 192.0.2.9 > 192.168.1.9");
    struct bytes about = udp("192.0.2.9:4000 > 192.168.1.9:5000", 4);
    EXPECT(&h, LAN, icmp_error("192.168.1.9 > 192.0.2.9", 3, 3, &about, 28),
           "accept related -> 203.0.113.1 > 192.0.2.9");
    close_house(&h);
}

/* ---- connections pickup ---- */

static struct tg_policy *picking_home(bool pickup)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    add_rule(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 22);
    if (pickup)
        policy_set_pickup(policy);
    return policy;
}

TEST(what_is_picked_up)
{
    static const struct {
        const char *name;
        uint8_t zone;
        const char *ends;
        unsigned flags;
        const char *wanted;
    } rows[] = {
        {"from inside", LAN, "192.168.1.9:5000 > 198.51.100.1:80", ACK,
         "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80"},
        {"with data", LAN, "192.168.1.9:5000 > 198.51.100.1:80", PSH | ACK,
         "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80"},
        {"its end", LAN, "192.168.1.9:5000 > 198.51.100.1:80", FIN | ACK,
         "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80"},
        {"the router's own", ROUTER, "203.0.113.1:5000 > 198.51.100.1:80", ACK, "accept rule"},
        {"to a forward", WAN, "198.51.100.9:4000 > 203.0.113.1:8080", ACK,
         "accept forward -> 198.51.100.9:4000 > 192.168.1.50:80"},
        {"to the router", WAN, "198.51.100.9:4000 > 203.0.113.1:22", ACK, "accept rule"},
        {"IPv6", LAN, "[fd00:1::9]:5000 > [2001:db8:9::1]:80", ACK, "accept rule"},
        {"not allowed", WAN, "198.51.100.9:4000 > 203.0.113.1:23", ACK, "drop default"},
        {"what may be an answer to somebody masqueraded", WAN, "198.51.100.1:80 > 203.0.113.1:5000", ACK,
         "drop default"},
        {"what a forward leads to: its outside port is not known", LAN, "192.168.1.50:80 > 198.51.100.9:4000", ACK,
         "drop invalid"},
        {"a reset", LAN, "192.168.1.9:5000 > 198.51.100.1:80", RST | ACK, "drop invalid"},
        {"an answer to a SYN", LAN, "192.168.1.9:5000 > 198.51.100.1:80", SYN | ACK, "drop invalid"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int pickup = 0; pickup < 2; pickup++) {
            struct house h = open_house(picking_home(pickup), 64, 1);
            struct bytes b = tcp(rows[i].ends, rows[i].flags, 1000, 5000, 0);
            judge(&h, rows[i].zone, &b);
            if (strcmp(h.text, pickup ? rows[i].wanted : "drop invalid") != 0)
                fail_msg("%s: %s", rows[i].name, h.text);
            CHECK_EQUAL(rows[i].name, connections_of(&h), h.verdict.action == TG_ACCEPT);
            close_house(&h);
        }
}

TEST(a_connection_that_was_picked_up)
{
    struct house h = open_house(picking_home(true), 64, 1);
    EXPECT(&h, WAN, tcp("198.51.100.9:4000 > 203.0.113.1:8080", ACK, 1000, 5000, 100),
           "accept forward -> 198.51.100.9:4000 > 192.168.1.50:80");
    EXPECT(&h, LAN, tcp("192.168.1.50:80 > 198.51.100.9:4000", ACK, 5000, 1100, 0),
           "accept established -> 203.0.113.1:8080 > 198.51.100.9:4000");
    EXPECT(&h, WAN, tcp("198.51.100.9:4000 > 203.0.113.1:8080", ACK, 90001000, 5000, 100), /* a large window */
           "accept established -> 198.51.100.9:4000 > 192.168.1.50:80");
    wait_for(&h, 7000);
    EXPECT(&h, LAN, tcp("192.168.1.50:80 > 198.51.100.9:4000", ACK, 5000, 1100, 0),
           "accept established -> 203.0.113.1:8080 > 198.51.100.9:4000");
    EXPECT(&h, WAN, tcp("198.51.100.8:4000 > 203.0.113.1:8080", ACK, 1, 1, 0), /* never answered: soon over */
           "accept forward -> 198.51.100.8:4000 > 192.168.1.50:80");
    wait_for(&h, 250);
    EXPECT(&h, GUEST, udp("192.168.2.9:1 > 192.168.1.9:1", 4), "drop default");
    wait_for(&h, 3);
    EXPECT(&h, GUEST, udp("192.168.2.9:1 > 192.168.1.9:1", 4), "drop default");
    assert_int_equal(connections_of(&h), 1);
    close_house(&h);
}

/* A port that is another's now: what goes on elsewhere would be somebody else. */
TEST(a_port_that_cannot_be_kept)
{
    struct house h = open_house(picking_home(true), 64, 1);
    EXPECT(&h, LAN, tcp("192.168.1.8:5000 > 198.51.100.2:80", SYN, 1, 0, 0),
           "accept rule -> 203.0.113.1:5000 > 198.51.100.2:80");
    EXPECT(&h, LAN, tcp("192.168.1.9:5000 > 198.51.100.1:80", ACK, 1000, 5000, 0), "drop invalid");
    EXPECT(&h, LAN, tcp("192.168.1.9:8080 > 198.51.100.1:80", ACK, 1000, 5000, 0), "drop invalid"); /* a forward's */
    EXPECT(&h, LAN, tcp("192.168.1.9:5001 > 198.51.100.1:80", ACK, 1000, 5000, 0),
           "accept rule -> 203.0.113.1:5001 > 198.51.100.1:80");
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_let_in),
        cmocka_unit_test(strangers_by_tcp),
        cmocka_unit_test(where_strangers_are_not_let_in),
        cmocka_unit_test(strangers_give_it_no_time),
        cmocka_unit_test(answers_to_strangers_do),
        cmocka_unit_test(refusals_give_it_no_time),
        cmocka_unit_test(an_answer_that_comes_too_late),
        cmocka_unit_test(a_stranger_s_connection_is_a_connection),
        cmocka_unit_test(by_address_as_long_as_it_is_spoken_to),
        cmocka_unit_test(strangers_and_a_load),
        cmocka_unit_test(strangers_in_fragments),
        cmocka_unit_test(what_is_picked_up),
        cmocka_unit_test(a_connection_that_was_picked_up),
        cmocka_unit_test(a_port_that_cannot_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
