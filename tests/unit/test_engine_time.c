/* How long connections last, to the second; clocks that step; and what happens when there is no more room. */
#include "house.h"

/* RFC 4787 REQ-5, RFC 5382 REQ-5, RFC 5508 REQ-2. A timer never ends early; it ends at most a tenth of a second late.
 */
struct lifetime {
    const char *name;
    struct bytes out, back; /* what begins it, and what is let through as long as it lives */
    struct bytes steps[4];  /* what passes in between, by zone in turn: lan, wan, … starting with `first` */
    size_t step_count;
    uint8_t first;
    double seconds;
};

TEST(lifetimes)
{
    const char *const lan = "192.168.1.9:5 > 198.51.100.1:80", *const wan = "198.51.100.1:80 > 203.0.113.1:5";
    struct bytes syn = tcp(lan, SYN, 100, 0, 0), answer = tcp(wan, SYN | ACK, 500, 101, 0);
    struct bytes ack = tcp(lan, ACK, 101, 501, 0), ack_back = tcp(wan, ACK, 501, 101, 0);
    struct bytes init = sctp(lan, 0, 1, 0, 11, 16), init_ack = sctp(wan, 11, 2, 0, 22, 24);
    struct bytes echo = sctp(lan, 22, 10, 0, 0, 8), echoed = sctp(wan, 11, 11, 0, 0, 0);
    struct bytes shutdown = sctp(lan, 22, 7, 0, 0, 4), abort = sctp(wan, 11, 6, 0, 0, 0);
    struct bytes request = dccp(lan, 0, 100, 0, 0), response = dccp(wan, 1, 900, 100, 0);
    struct bytes dccp_ack = dccp(lan, 3, 101, 900, 0), dccp_data = dccp(wan, 4, 901, 101, 8);
    struct bytes dccp_reset = dccp(wan, 7, 902, 101, 0);
    struct bytes rst = tcp(wan, RST, 501, 0, 0), refusal = tcp(wan, RST | ACK, 0, 101, 0);
    const struct lifetime rows[] = {
        {"udp, unanswered", udp(lan, 4), udp(wan, 4), {{0}}, 0, LAN, 120},
        {"udp, repeated and unanswered", udp(lan, 4), udp(wan, 4), {udp(lan, 4)}, 1, LAN, 120},
        {"udp, answered", udp(lan, 4), udp(wan, 4), {udp(wan, 4)}, 1, WAN, 300},
        {"udplite, answered", datagram(136, lan, 4), datagram(136, wan, 4), {datagram(136, wan, 4)}, 1, WAN, 300},
        {"sctp, opening", init, init_ack, {{0}}, 0, LAN, 240},
        {"sctp, half open", init, abort, {init_ack, echo}, 2, WAN, 240},
        {"sctp, open", init, abort, {init_ack, echo, echoed}, 3, WAN, 7440},
        {"sctp, shut", init, abort, {init_ack, echo, echoed, shutdown}, 4, WAN, 240},
        {"sctp, aborted", init, init_ack, {init_ack, echo, abort}, 3, WAN, 240},
        {"dccp, opening", request, response, {{0}}, 0, LAN, 480},
        {"dccp, answered", request, response, {response}, 1, WAN, 480},
        {"dccp, open", request, dccp_data, {response, dccp_ack}, 2, WAN, 7440},
        {"dccp, closing", request, dccp_data, {response, dccp_ack, dccp_reset}, 3, WAN, 480},
        {"ping", ping("192.168.1.9 > 198.51.100.1", 5), pong("198.51.100.1 > 203.0.113.1", 5), {{0}}, 0, LAN, 60},
        {"ping, answered",
         ping("192.168.1.9 > 198.51.100.1", 5),
         pong("198.51.100.1 > 203.0.113.1", 5),
         {pong("198.51.100.1 > 203.0.113.1", 5)},
         1,
         WAN,
         60},
        {"esp",
         ip_packet("192.168.1.9 > 198.51.100.1", 50, "12345678", 8),
         ip_packet("198.51.100.1 > 203.0.113.1", 50, "12345678", 8),
         {{0}},
         0,
         LAN,
         600},
        {"tcp, opening", syn, answer, {{0}}, 0, LAN, 240},
        {"tcp, answered", syn, answer, {answer}, 1, WAN, 240},
        {"tcp, open", syn, ack_back, {answer, ack}, 2, WAN, 7440},
        {"tcp, after a reset", syn, rst, {answer, ack, rst}, 3, WAN, 240},
        {"tcp, a reset that was ignored", syn, ack_back, {answer, ack, rst, ack}, 4, WAN, 7440},
        {"tcp, refused", syn, refusal, {refusal}, 1, WAN, 240},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int late = 0; late < 2; late++)
            for (uint64_t phase = 0; phase < 20; phase += 3) { /* where in a tick of 16.8 ms it begins */
                struct house h = open_home();
                h.now += phase * MILLISECOND;
                judge(&h, LAN, &rows[i].out);
                CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
                uint8_t zone = rows[i].first;
                for (size_t s = 0; s < rows[i].step_count; s++) {
                    judge(&h, zone, &rows[i].steps[s]);
                    CHECK(rows[i].name, h.verdict.reason == TG_REASON_ESTABLISHED);
                    zone = zone == LAN ? WAN : LAN;
                }
                h.now += (uint64_t)rows[i].seconds * TG_SECOND + (late ? TG_SECOND / 10 : 0);
                judge(&h, WAN, &rows[i].back);
                CHECK_EQUAL(rows[i].name, h.verdict.action, late ? TG_DROP : TG_ACCEPT);
                close_house(&h);
            }
}

/* What one side has closed, and the other knows of, lives as what is open does; from both ends on it has four minutes
 * from each packet on. */
TEST(how_long_a_closing_tcp_connection_lasts)
{
    static const struct {
        const char *name;
        unsigned steps; /* of the life below */
        double seconds;
    } rows[] = {{"one side has closed", 4, 240},
                {"and it is acknowledged", 5, 7440},
                {"both have", 6, 240},
                {"all is acknowledged", 7, 240}};
    const char *const lan = "192.168.1.9:5 > 198.51.100.1:80", *const wan = "198.51.100.1:80 > 203.0.113.1:5";
    const struct {
        uint8_t zone;
        struct bytes bytes;
    } life[] = {
        {LAN, tcp(lan, SYN, 100, 0, 0)},   {WAN, tcp(wan, SYN | ACK, 500, 101, 0)},
        {LAN, tcp(lan, ACK, 101, 501, 0)}, {LAN, tcp(lan, FIN | ACK, 101, 501, 0)},
        {WAN, tcp(wan, ACK, 501, 102, 0)}, {WAN, tcp(wan, FIN | ACK, 501, 102, 0)},
        {LAN, tcp(lan, ACK, 102, 502, 0)},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int late = 0; late < 2; late++) {
            struct house h = open_home();
            for (unsigned s = 0; s < rows[i].steps; s++) {
                judge(&h, life[s].zone, &life[s].bytes);
                CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
            }
            wait_for(&h, rows[i].seconds + (late ? 0.1 : 0));
            struct bytes ack = tcp(wan, ACK, 501, 102, 0);
            judge(&h, WAN, &ack);
            CHECK_EQUAL(rows[i].name, h.verdict.action, late ? TG_DROP : TG_ACCEPT);
            close_house(&h);
        }
}

/* RFC 7857 2.1: what is not said of one of them is what was said of both. */
TEST(opening_and_closing_have_timers_of_their_own)
{
    static const struct {
        const char *name;
        uint32_t both, opening, closing; /* as they are set; 0 if they are not */
        double opens, closes;
    } rows[] = {
        {"neither", 0, 0, 0, 240, 240},
        {"both", 300, 0, 0, 300, 300},
        {"opening", 0, 500, 0, 500, 240},
        {"closing", 0, 0, 500, 240, 500},
        {"each", 0, 400, 500, 400, 500},
        {"one of both", 300, 0, 500, 300, 500},
        {"each, and both", 300, 400, 500, 400, 500},
    };
    const char *const lan = "192.168.1.9:5 > 198.51.100.1:80", *const wan = "198.51.100.1:80 > 203.0.113.1:5";
    const struct bytes answer = tcp(wan, SYN | ACK, 500, 101, 0), again = tcp(wan, RST, 501, 0, 0);
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int late = 0; late < 2; late++)
            for (int closing = 0; closing < 2; closing++) {
                struct tg_policy *policy = home_policy();
                if (rows[i].both != 0)
                    policy_set_timeout(policy, POLICY_TCP_TRANSITORY, rows[i].both);
                if (rows[i].opening != 0)
                    policy_set_timeout(policy, POLICY_TCP_OPENING, rows[i].opening);
                if (rows[i].closing != 0)
                    policy_set_timeout(policy, POLICY_TCP_CLOSING, rows[i].closing);
                struct house h = open_house(policy, 64, 1);
                EXPECT(&h, LAN, tcp(lan, SYN, 100, 0, 0), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
                if (closing) {
                    EXPECT(&h, WAN, answer, "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
                    EXPECT(&h, LAN, tcp(lan, ACK, 101, 501, 0),
                           "accept established -> 203.0.113.1:5 > 198.51.100.1:80");
                    EXPECT(&h, WAN, again, "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
                }
                wait_for(&h, (closing ? rows[i].closes : rows[i].opens) + (late ? 0.1 : 0));
                judge(&h, WAN, closing ? &again : &answer);
                CHECK_EQUAL(rows[i].name, h.verdict.action, late ? TG_DROP : TG_ACCEPT);
                close_house(&h);
            }
}

TEST(every_packet_starts_the_timer_anew)
{
    struct house h = open_home();
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    for (int i = 0; i < 5; i++) {
        wait_for(&h, 119);
        EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4),
               "accept established -> 203.0.113.1:5 > 198.51.100.1:80");
    }
    for (int i = 0; i < 5; i++) {
        wait_for(&h, i == 0 ? 119 : 299);
        EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:5", 4),
               "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
    }
    close_house(&h);
}

/* What is over is found over, whether or not a sweep has come by; the same packet then begins anew. */
TEST(what_is_over_begins_anew)
{
    struct house h = open_home();
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    wait_for(&h, 121);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    assert_int_equal(connections_of(&h), 1);
    close_house(&h);
}

TEST(a_step_back_counts_as_none)
{
    struct house h = open_home();
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    for (unsigned i = 0; i < 40; i++) {
        h.now -= (UINT64_C(1) << i) * 1000;
        EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:5", 4),
               "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
    }
    h.now = 0;
    EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:5", 4), "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
    h.now = START + 299 * TG_SECOND; /* and time goes on from where it was */
    EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:5", 4), "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
    h.now = START + 600 * TG_SECOND;
    EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:5", 4), "drop default");
    close_house(&h);
}

/* Captures years apart: nothing of the first is known in the second, wherever 32 bits of ticks end. */
TEST(a_jump_of_years_ends_all)
{
    static const unsigned days[] = {1, 200, 208, 416, 417, 500, 620, 833, 834, 835, 1250, 1668, 3650, 36500};
    for (size_t i = 0; i < COUNT(days); i++) {
        struct house h = open_home();
        char row[32];
        snprintf(row, sizeof row, "%u days", days[i]);
        EXPECT(&h, LAN, tcp("192.168.1.9:5 > 198.51.100.1:80", SYN, 1, 0, 0),
               "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
        EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
        h.now += days[i] * UINT64_C(86400) * TG_SECOND;
        struct bytes answer = tcp("198.51.100.1:80 > 203.0.113.1:5", SYN | ACK, 1, 2, 0);
        judge(&h, WAN, &answer);
        CHECK(row, h.verdict.action == TG_DROP);
        EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:5", 4), "drop default");
        close_house(&h);
    }
}

/* Workers read their clocks apart, batches of packets more so: none takes from the table what lives by another's. */
TEST(workers_clocks_apart)
{
    struct house h = open_house(home_policy(), 64, 2);
    struct bytes out = udp("192.168.1.9:5 > 198.51.100.1:80", 4);
    for (unsigned i = 0; i < 2000; i++) {
        struct bytes b = out;
        struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
        struct tg_arrival arrival = {.zone_in = LAN};
        unsigned worker = i % 2;
        arrival.now = START + i * 10 * MILLISECOND - (worker == 1 ? 40 * MILLISECOND : 0);
        tg_engine_judge(h.engine, worker, &packet, tg_packet_decode(&packet, 0), &arrival, &h.verdict);
        assert_int_equal(h.verdict.reason, i == 0 ? TG_REASON_RULE : TG_REASON_ESTABLISHED);
    }
    assert_int_equal(connections_of(&h), 1);
    close_house(&h);
}

/* ---- room ---- */

static struct bytes nth(unsigned n, bool answer)
{
    char ends[80];
    if (answer)
        snprintf(ends, sizeof ends, "198.51.100.1:80 > 203.0.113.1:%u", 2000 + n);
    else
        snprintf(ends, sizeof ends, "192.168.1.9:%u > 198.51.100.1:80", 2000 + n);
    return udp(ends, 4);
}

TEST(a_full_table_refuses_and_harms_nobody)
{
    enum { ROOM = 20 };
    struct house h = open_house(home_policy(), ROOM, 1);
    for (unsigned n = 0; n < ROOM + 5; n++) {
        struct bytes b = nth(n, false);
        judge(&h, LAN, &b);
        CHECK_EQUAL("filling", h.verdict.reason, n < ROOM ? TG_REASON_RULE : TG_REASON_LIMIT);
        CHECK_EQUAL("filling", h.verdict.action, n < ROOM ? TG_ACCEPT : TG_DROP);
    }
    struct tg_population p;
    tg_engine_population(h.engine, &p);
    assert_int_equal(p.now, ROOM);
    assert_int_equal(p.peak, ROOM);
    assert_int_equal(p.room, ROOM);
    assert_int_equal(p.udp, ROOM);
    for (unsigned n = 0; n < ROOM; n++) { /* who is in goes on */
        struct bytes b = nth(n, true);
        judge(&h, WAN, &b);
        CHECK_EQUAL("full", h.verdict.reason, TG_REASON_ESTABLISHED);
    }
    /* half of it is over later, and that is room for as many, at once */
    wait_for(&h, 200);
    for (unsigned n = 0; n < ROOM / 2; n++) {
        struct bytes b = nth(n, true);
        judge(&h, WAN, &b);
    }
    wait_for(&h, 101);
    for (unsigned n = 100; n < 100 + ROOM; n++) {
        struct bytes b = nth(n, false);
        judge(&h, LAN, &b);
        CHECK_EQUAL("after a while", h.verdict.reason, n < 100 + ROOM / 2 ? TG_REASON_RULE : TG_REASON_LIMIT);
    }
    close_house(&h);
}

/* A refused connection holds no port: the mappings of those that found no room are given back. */
TEST(what_found_no_room_holds_no_port)
{
    struct house h = open_house(home_policy(), 2, 1);
    EXPECT(&h, LAN, udp("192.168.1.1:1 > 192.168.1.9:1", 4), "drop spoofed");
    EXPECT(&h, LAN, udp("192.168.1.10:1111 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:1111 > 198.51.100.1:80");
    EXPECT(&h, LAN, udp("192.168.1.10:2222 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:2222 > 198.51.100.1:80");
    for (int i = 0; i < 10; i++)
        EXPECT(&h, LAN, udp("192.168.1.11:3333 > 198.51.100.1:80", 4), "drop limit");
    wait_for(&h, 121);
    EXPECT(&h, LAN, udp("192.168.1.12:3333 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:3333 > 198.51.100.1:80");
    EXPECT(&h, LAN, udp("192.168.1.13:1111 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:1111 > 198.51.100.1:80");
    close_house(&h);
}

/* Two insides, one peer, a protocol without ports: the second cannot be told from the first, and is refused. */
TEST(what_cannot_be_told_apart_is_refused)
{
    struct house h = open_home();
    EXPECT(&h, LAN, ip_packet("192.168.1.10 > 198.51.100.1", TG_PROTO_ESP, "12345678", 8),
           "accept rule -> 203.0.113.1 > 198.51.100.1");
    EXPECT(&h, LAN, ip_packet("192.168.1.11 > 198.51.100.1", TG_PROTO_ESP, "12345678", 8), "drop limit");
    EXPECT(&h, LAN, ip_packet("192.168.1.11 > 198.51.100.2", TG_PROTO_ESP, "12345678", 8),
           "accept rule -> 203.0.113.1 > 198.51.100.2");
    EXPECT(&h, WAN, ip_packet("198.51.100.1 > 203.0.113.1", TG_PROTO_ESP, "12345678", 8),
           "accept established -> 198.51.100.1 > 192.168.1.10");
    close_house(&h);
}

/* Connections whose source and destination are translated may take a quarter of the table, and never all of it. */
TEST(hairpins_do_not_fill_the_table)
{
    enum { ROOM = 400 };
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_UDP, 8080, 1, "192.168.1.50", 80, 1);
    struct house h = open_house(policy, ROOM, 1);
    unsigned taken = 0;
    for (unsigned n = 0; n < ROOM; n++) {
        char ends[80];
        snprintf(ends, sizeof ends, "192.168.1.77:%u > 203.0.113.1:8080", 2000 + n);
        struct bytes b = udp(ends, 4);
        judge(&h, LAN, &b);
        taken += h.verdict.action == TG_ACCEPT;
        CHECK("hairpins", h.verdict.action == TG_ACCEPT || h.verdict.reason == TG_REASON_LIMIT);
    }
    assert_true(taken >= ROOM / 4 && taken < ROOM / 2);
    for (unsigned n = 0; n < ROOM - taken;
         n++) { /* of as many devices as it takes, that none has more than its share */
        char ends[80];
        snprintf(ends, sizeof ends, "192.168.1.%u:%u > 198.51.100.1:80", 100 + n % 50, 2000 + n);
        struct bytes b = udp(ends, 4);
        judge(&h, LAN, &b);
        CHECK_EQUAL("all others", h.verdict.action, TG_ACCEPT);
    }
    assert_int_equal(connections_of(&h), ROOM);
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetimes),
        cmocka_unit_test(how_long_a_closing_tcp_connection_lasts),
        cmocka_unit_test(opening_and_closing_have_timers_of_their_own),
        cmocka_unit_test(every_packet_starts_the_timer_anew),
        cmocka_unit_test(what_is_over_begins_anew),
        cmocka_unit_test(a_step_back_counts_as_none),
        cmocka_unit_test(a_jump_of_years_ends_all),
        cmocka_unit_test(workers_clocks_apart),
        cmocka_unit_test(a_full_table_refuses_and_harms_nobody),
        cmocka_unit_test(what_found_no_room_holds_no_port),
        cmocka_unit_test(what_cannot_be_told_apart_is_refused),
        cmocka_unit_test(hairpins_do_not_fill_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
