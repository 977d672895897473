/* What RFC 4787, 5382, 5508, 6888 and 7857 want of mapping and filtering, through the engine. CONFORMANCE.md names the
 * tests by requirement.
 *
 * Before every test of a mapping another inside takes the port: a translator that only keeps ports looks independent of
 * endpoints until two want the same one.
 */
#include "house.h"

/* A packet of any protocol that is translated by port or identifier. */
static struct bytes out(uint8_t proto, unsigned inside, uint16_t port, const char *remote, uint16_t remote_port)
{
    char ends[100];
    if (proto == TG_PROTO_ICMP) {
        snprintf(ends, sizeof ends, "192.168.1.%u > %s", inside, remote);
        return ping(ends, port);
    }
    snprintf(ends, sizeof ends, "192.168.1.%u:%u > %s:%u", inside, port, remote, remote_port);
    return proto == TG_PROTO_TCP ? tcp(ends, SYN, 1000, 0, 0) : datagram(proto, ends, 16);
}

/* One that comes in from outside, to begin something. */
static struct bytes in(uint8_t proto, const char *remote, uint16_t remote_port, uint16_t port)
{
    char ends[100];
    snprintf(ends, sizeof ends, "%s:%u > 203.0.113.1:%u", remote, remote_port, port);
    return proto == TG_PROTO_TCP ? tcp(ends, SYN, 9000, 0, 0) : datagram(proto, ends, 16);
}

/* Send one out.
 * => the outside port or identifier that it got */
static uint16_t send_out(struct house *h, const char *row, struct bytes packet)
{
    judge(h, LAN, &packet);
    if (h->verdict.action != TG_ACCEPT)
        fail_msg("%s: %s", row, h->text);
    return h->bytes.at[9] == TG_PROTO_ICMP ? get16(h->bytes.at + 24) : left_from(h);
}

static const struct {
    const char *name;
    uint8_t proto;
} protocols[] = {
    {"udp", TG_PROTO_UDP},         {"tcp", TG_PROTO_TCP},   {"icmp", TG_PROTO_ICMP},
    {"udplite", TG_PROTO_UDPLITE}, {"sctp", TG_PROTO_SCTP},
};

/* ---- mapping ---- */

/* RFC 4787 REQ-1, RFC 5382 REQ-1, RFC 5508 REQ-1a. */
TEST(one_outside_port_whoever_is_spoken_to)
{
    static const struct {
        const char *remote;
        uint16_t port;
    } peers[] = {{"198.51.100.1", 80}, {"198.51.100.1", 81}, {"198.51.100.2", 80}, {"192.0.2.99", 6000}};
    static const uint16_t ports[] = {7, 1023, 1024, 5000, 65535};
    for (size_t i = 0; i < COUNT(protocols); i++)
        for (size_t p = 0; p < COUNT(ports); p++) {
            struct house h = open_home();
            uint16_t decoy = send_out(&h, protocols[i].name, out(protocols[i].proto, 8, ports[p], "198.51.100.9", 9));
            CHECK_EQUAL(protocols[i].name, decoy, ports[p]);
            uint16_t first = 0;
            for (size_t n = 0; n < COUNT(peers); n++) {
                uint16_t got = send_out(&h, protocols[i].name,
                                        out(protocols[i].proto, 9, ports[p], peers[n].remote, peers[n].port));
                CHECK(protocols[i].name, got != ports[p]);
                first = n == 0 ? got : first;
                CHECK_EQUAL(protocols[i].name, got, first);
            }
            /* a packet to somebody new does not move the decoy either */
            CHECK_EQUAL(protocols[i].name,
                        send_out(&h, protocols[i].name, out(protocols[i].proto, 8, ports[p], "198.51.100.1", 80)),
                        ports[p]);
            close_house(&h);
        }
}

/* RFC 4787 REQ-3, RFC 5382 REQ-7; REQ-3a and REQ-4 on the way: none is shared, all of one side of 1024 and parity. */
TEST(no_outside_port_is_shared)
{
    enum { INSIDES = 200 };
    for (size_t i = 0; i < COUNT(protocols); i++) {
        struct house h = open_house(home_policy(), 4 * INSIDES, 1);
        bool used[65536] = {false};
        for (unsigned inside = 10; inside < 10 + INSIDES; inside++) {
            char remote[32];
            snprintf(remote, sizeof remote, "198.51.100.%u", inside % 3 + 1);
            uint16_t got = send_out(&h, protocols[i].name, out(protocols[i].proto, inside, 5000, remote, 80));
            CHECK(protocols[i].name, !used[got] && got >= 1024 && got % 2 == 0);
            used[got] = true;
        }
        close_house(&h);
    }
}

/* RFC 4787 REQ-2, RFC 7857 5: of several outside addresses each inside has one, for all protocols. */
TEST(one_outside_address_for_each_inside)
{
    struct tg_policy *policy = home_policy();
    must(policy_add_translation(policy,
                                &(struct policy_translation){.statement = add_statement(policy, TG_STATEMENT_TRANSLATE),
                                                             .zone_in = LAN,
                                                             .zone_out = WAN,
                                                             .src = {POLICY_NONE, false},
                                                             .dst = {POLICY_NONE, false},
                                                             .first = an_address("203.0.113.16"),
                                                             .last = an_address("203.0.113.23")}));
    struct house h = open_house(policy, 2048, 1);
    bool used[256] = {false};
    unsigned addresses = 0;
    for (unsigned inside = 10; inside < 60; inside++) {
        uint8_t first = 0;
        for (unsigned n = 0; n < 4 * COUNT(protocols); n++) {
            char remote[32];
            snprintf(remote, sizeof remote, "198.51.100.%u", n + 1);
            send_out(&h, "paired",
                     out(protocols[n % COUNT(protocols)].proto, inside, (uint16_t)(5000 + n % 2), remote, 80));
            uint8_t last = h.bytes.at[15];
            first = n == 0 ? last : first;
            CHECK_EQUAL("paired", last, first);
            CHECK("in the range", last >= 16 && last <= 23);
        }
        addresses += !used[first];
        used[first] = true;
    }
    assert_true(addresses >= 4); /* and they are spread */
    close_house(&h);
}

/* RFC 6888 REQ-6: translation is switched off by destination. */
TEST(some_destinations_see_the_inside_itself)
{
    struct tg_policy *policy = home_policy();
    uint32_t vpn;
    must(policy_add_addresses(policy, &(struct tg_range){an_address("10.9.0.0"), an_address("10.9.0.255"), TG_IPV4}, 1,
                              &vpn));
    must(policy_add_translation(policy,
                                &(struct policy_translation){.statement = add_statement(policy, TG_STATEMENT_TRANSLATE),
                                                             .zone_in = LAN,
                                                             .zone_out = WAN,
                                                             .src = {POLICY_NONE, false},
                                                             .dst = {vpn, false},
                                                             .itself = true}));
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, out(TG_PROTO_UDP, 9, 5000, "10.9.0.7", 53), "accept rule");
    EXPECT(&h, WAN, udp("10.9.0.7:53 > 192.168.1.9:5000", 4), "accept established");
    EXPECT(&h, LAN, out(TG_PROTO_UDP, 9, 5000, "10.9.1.7", 53), "accept rule -> 203.0.113.1:5000 > 10.9.1.7:53");
    close_house(&h);
}

/* ---- filtering ---- */

/* Judge what somebody outside sends to the outside port of 192.168.1.9:5000. */
static bool is_let_in(struct house *h, const char *row, uint8_t proto, const char *remote, uint16_t remote_port,
                      uint16_t port)
{
    struct bytes b = in(proto, remote, remote_port, port);
    judge(h, WAN, &b);
    if (h->verdict.action != TG_ACCEPT)
        return false;
    char looks[160], wanted[160];
    snprintf(wanted, sizeof wanted, "%s:%u > 192.168.1.9:5000", remote, remote_port);
    ends_of(h->bytes.at, h->bytes.len, looks);
    CHECK(row, strcmp(looks, wanted) == 0);
    return true;
}

/* RFC 4787 REQ-8, RFC 5382 REQ-3: who was spoken to from the same port, from another, and who was not; for UDP and TCP
 * each for itself (RFC 5382 REQ-3b, RFC 7857 5). */
TEST(who_may_come_in_by_a_mapping)
{
    static const struct {
        const char *name;
        enum policy_behaviour udp, tcp;
        bool udp_port, udp_stranger, tcp_port, tcp_stranger; /* another port of the same, another address */
    } rows[] = {
        {"as it is unless said", POLICY_ADDRESS_AND_PORT_DEPENDENT, POLICY_ADDRESS_AND_PORT_DEPENDENT, false, false,
         false, false},
        {"udp open", POLICY_ENDPOINT_INDEPENDENT, POLICY_ADDRESS_AND_PORT_DEPENDENT, true, true, false, false},
        {"tcp open", POLICY_ADDRESS_AND_PORT_DEPENDENT, POLICY_ENDPOINT_INDEPENDENT, false, false, true, true},
        {"both by address", POLICY_ADDRESS_DEPENDENT, POLICY_ADDRESS_DEPENDENT, true, false, true, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *policy = home_policy();
        struct policy_nat nat = *policy_nat(policy);
        if (i == 0) {
            CHECK_EQUAL(rows[i].name, nat.udp.filtering, rows[i].udp);
            CHECK_EQUAL(rows[i].name, nat.tcp.filtering, rows[i].tcp);
            CHECK_EQUAL(rows[i].name, nat.udp.mapping, POLICY_ENDPOINT_INDEPENDENT);
            CHECK_EQUAL(rows[i].name, nat.tcp.mapping, POLICY_ENDPOINT_INDEPENDENT);
        } else {
            nat.udp.filtering = rows[i].udp;
            nat.tcp.filtering = rows[i].tcp;
            policy_set_nat(policy, &nat);
        }
        struct house h = open_house(policy, 64, 1);
        for (int t = 0; t < 2; t++) {
            uint8_t proto = t ? TG_PROTO_TCP : TG_PROTO_UDP;
            bool port_too = t ? rows[i].tcp_port : rows[i].udp_port,
                 stranger = t ? rows[i].tcp_stranger : rows[i].udp_stranger;
            send_out(&h, rows[i].name, out(proto, 8, 5000, "198.51.100.9", 9)); /* the decoy */
            uint16_t port = send_out(&h, rows[i].name, out(proto, 9, 5000, "198.51.100.1", 80));
            CHECK(rows[i].name, port != 5000);
            CHECK(rows[i].name, is_let_in(&h, rows[i].name, proto, "198.51.100.1", 80, port));
            CHECK_EQUAL(rows[i].name, is_let_in(&h, rows[i].name, proto, "198.51.100.1", 81, port), port_too);
            CHECK_EQUAL(rows[i].name, is_let_in(&h, rows[i].name, proto, "192.0.2.66", 80, port), stranger);
            CHECK(rows[i].name, !is_let_in(&h, rows[i].name, proto, "192.0.2.66", 80, (uint16_t)(port + 2)));
        }
        close_house(&h);
    }
}

/* RFC 4787 REQ-11: mapping and filtering are the same in an empty table, a nearly full one, a full one, and after ports
 * have clashed. */
TEST(the_same_however_full_the_table_is)
{
    enum { ROOM = 100 };
    static const unsigned fills[] = {0, ROOM / 2, 9 * ROOM / 10, ROOM - 3};
    for (size_t i = 0; i < COUNT(fills); i++) {
        struct house h = open_house(home_policy(), ROOM, 1);
        char row[40];
        snprintf(row, sizeof row, "%u of %u", fills[i], ROOM);
        for (unsigned n = 0; n < fills[i]; n++)
            send_out(&h, row, out(TG_PROTO_UDP, 50 + n, 5000, "198.51.100.9", 9)); /* each clashes with all before */
        send_out(&h, row, out(TG_PROTO_UDP, 8, 5000, "198.51.100.9", 9));
        uint16_t port = send_out(&h, row, out(TG_PROTO_UDP, 9, 5000, "198.51.100.1", 80));
        CHECK(row, port != 5000);
        CHECK_EQUAL(row, send_out(&h, row, out(TG_PROTO_UDP, 9, 5000, "198.51.100.2", 80)), port);
        struct bytes more = out(TG_PROTO_UDP, 9, 5000, "198.51.100.3", 80);
        judge(&h, LAN, &more); /* where there is no room: refused, and never by another port */
        CHECK(row, h.verdict.action == TG_ACCEPT ? left_from(&h) == port : h.verdict.reason == TG_REASON_LIMIT);
        CHECK(row, is_let_in(&h, row, TG_PROTO_UDP, "198.51.100.1", 80, port));
        CHECK(row, is_let_in(&h, row, TG_PROTO_UDP, "198.51.100.2", 80, port));
        CHECK(row, !is_let_in(&h, row, TG_PROTO_UDP, "198.51.100.1", 81, port));
        CHECK(row, !is_let_in(&h, row, TG_PROTO_UDP, "192.0.2.66", 80, port));
        close_house(&h);
    }
}

/* RFC 5382 REQ-4: what comes in unasked is dropped without a word; an open from inside that crosses it goes on as if it
 * had not been. */
TEST(a_syn_unasked_and_the_one_that_crosses_it)
{
    struct house h = open_home();
    send_out(&h, "decoy", out(TG_PROTO_TCP, 8, 5000, "198.51.100.9", 9));
    for (int i = 0; i < 3; i++) {
        EXPECT(&h, WAN, tcp("198.51.100.1:80 > 203.0.113.1:6000", SYN, 9000, 0, 0), "drop default");
        wait_for(&h, 1);
    }
    EXPECT(&h, LAN, tcp("192.168.1.9:6000 > 198.51.100.1:80", SYN, 1000, 0, 0),
           "accept rule -> 203.0.113.1:6000 > 198.51.100.1:80");
    EXPECT(&h, WAN, tcp("198.51.100.1:80 > 203.0.113.1:6000", SYN, 9000, 0, 0),
           "accept established -> 198.51.100.1:80 > 192.168.1.9:6000");
    EXPECT(&h, LAN, tcp("192.168.1.9:6000 > 198.51.100.1:80", SYN | ACK, 1000, 9001, 0),
           "accept established -> 203.0.113.1:6000 > 198.51.100.1:80");
    close_house(&h);
}

/* ---- timers ---- */

/* RFC 4787 REQ-5b, RFC 5382 REQ-5a, RFC 5508 REQ-2a: each can be set. */
TEST(timers_can_be_set)
{
    const char *const lan = "192.168.1.9:5 > 198.51.100.1:80", *const wan = "198.51.100.1:80 > 203.0.113.1:5";
    struct bytes syn = tcp(lan, SYN, 100, 0, 0), answer = tcp(wan, SYN | ACK, 500, 101, 0),
                 ack = tcp(lan, ACK, 101, 501, 0);
    const struct {
        const char *name;
        enum policy_timer timer;
        struct bytes steps[3]; /* out, in, out */
        size_t count;
        struct bytes last; /* in */
    } rows[] = {
        {"udp, new", POLICY_UDP_NEW, {udp(lan, 4)}, 1, udp(wan, 4)},
        {"udp, answered", POLICY_UDP_STREAM, {udp(lan, 4), udp(wan, 4)}, 2, udp(wan, 4)},
        {"tcp, transitory", POLICY_TCP_TRANSITORY, {syn}, 1, answer},
        {"tcp, established", POLICY_TCP_ESTABLISHED, {syn, answer, ack}, 3, tcp(wan, ACK, 501, 101, 0)},
        {"icmp", POLICY_ICMP, {ping("192.168.1.9 > 198.51.100.1", 5)}, 1, pong("198.51.100.1 > 203.0.113.1", 5)},
        {"other",
         POLICY_OTHER,
         {ip_packet("192.168.1.9 > 198.51.100.1", 47, "12345678", 8)},
         1,
         ip_packet("198.51.100.1 > 203.0.113.1", 47, "12345678", 8)},
    };
    static const uint32_t seconds[] = {7, 1000, 20000};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t s = 0; s < COUNT(seconds); s++)
            for (int late = 0; late < 2; late++) {
                struct tg_policy *policy = home_policy();
                policy_set_timeout(policy, rows[i].timer, seconds[s]);
                struct house h = open_house(policy, 64, 1);
                for (size_t n = 0; n < rows[i].count; n++) {
                    judge(&h, n % 2 == 0 ? LAN : WAN, &rows[i].steps[n]);
                    CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
                }
                wait_for(&h, seconds[s] + 0.1 * late);
                judge(&h, WAN, &rows[i].last);
                CHECK_EQUAL(rows[i].name, h.verdict.action, late ? TG_DROP : TG_ACCEPT);
                close_house(&h);
            }
}

/* ---- what is not done ---- */

/* RFC 4787 REQ-10, RFC 5382 REQ-6: nothing that a payload says is looked at, mended or let in, unless it is asked for.
 */
TEST(no_payload_opens_anything)
{
    static const struct {
        const char *name, *payload;
        uint8_t proto;
        uint16_t port, announced;
    } rows[] = {
        {"ftp", "PORT 192,168,1,9,31,64\r\n", TG_PROTO_TCP, 21, 8000},
        {"irc", "PRIVMSG a :\001DCC SEND f 3232235785 8000\001\r\n", TG_PROTO_TCP, 6667, 8000},
        {"sip", "INVITE sip:a@b SIP/2.0\r\nContact: <sip:c@192.168.1.9:8000>\r\n\r\n", TG_PROTO_UDP, 5060, 8000},
        {"rtsp", "SETUP rtsp://h/ RTSP/1.0\r\nTransport: RTP/AVP;client_port=8000-8001\r\n\r\n", TG_PROTO_TCP, 554,
         8000},
        {"tftp", "\0\1file\0octet", TG_PROTO_UDP, 69, 5000},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_home();
        char lan[60], wan[60];
        uint32_t header = rows[i].proto == TG_PROTO_TCP ? 20 : 8,
                 len = rows[i].port == 69 ? 12 : (uint32_t)strlen(rows[i].payload);
        snprintf(lan, sizeof lan, "192.168.1.9:5000 > 198.51.100.1:%u", rows[i].port);
        snprintf(wan, sizeof wan, "198.51.100.1:%u > 203.0.113.1:5000", rows[i].port);
        if (rows[i].proto == TG_PROTO_TCP) {
            struct bytes syn = tcp(lan, SYN, 100, 0, 0), answer = tcp(wan, SYN | ACK, 500, 101, 0);
            judge(&h, LAN, &syn);
            judge(&h, WAN, &answer);
        }
        struct bytes b = rows[i].proto == TG_PROTO_TCP ? tcp(lan, ACK | PSH, 101, 501, len) : udp(lan, len);
        memcpy(b.at + 20 + header, rows[i].payload, len);
        seal(&b);
        judge(&h, LAN, &b);
        CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
        CHECK(rows[i].name, h.bytes.len == b.len && memcmp(h.bytes.at + 20 + header, b.at + 20 + header, len) == 0);
        for (int t = 0; t < 2; t++) { /* neither the announced port, nor another port of the server's */
            struct bytes data = in(t ? TG_PROTO_TCP : TG_PROTO_UDP, "198.51.100.1", 20, rows[i].announced);
            judge(&h, WAN, &data);
            CHECK_EQUAL(rows[i].name, h.verdict.action, TG_DROP);
        }
        close_house(&h);
    }
}

/* ---- fragments ---- */

static struct bytes numbered(struct bytes b, uint16_t id)
{
    put16(b.at + 4, id);
    put16(b.at + 10, 0);
    put16(b.at + 10, ~naive_sum(b.at, 20, 0) & 0xffff);
    return b;
}

/* RFC 4787 REQ-14: behind their first they may come in any order, and all leave translated. */
TEST(fragments_behind_their_first_in_any_order)
{
    static const uint32_t orders[][3] = {{1, 2, 3}, {3, 2, 1}, {2, 3, 1}, {3, 1, 2}};
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct house h = open_home();
        send_out(&h, "decoy", out(TG_PROTO_UDP, 8, 5000, "198.51.100.9", 9));
        struct bytes whole = udp("192.168.1.9:5000 > 198.51.100.1:80", 1500), first = fragment_of(whole, 0, 400, true);
        CHECK("first", send_out(&h, "first", first) != 5000);
        for (int n = 0; n < 3; n++) {
            uint32_t at = orders[i][n] * 400, len = whole.len - 20 - at < 400 ? whole.len - 20 - at : 400;
            EXPECT(&h, LAN, fragment_of(whole, at, len, orders[i][n] != 3),
                   "accept rule -> 203.0.113.1 > 198.51.100.1");
        }
        close_house(&h);
    }
}

/* REQ-14a: a flood of fragments, of which nothing ever becomes whole, costs what is in one piece nothing. */
TEST(a_flood_of_fragments_costs_others_nothing)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_UDP, 4000, 1, "192.168.1.50", 4000, 1);
    struct house h = open_house(policy, 64, 1);
    uint16_t port = send_out(&h, "talk", out(TG_PROTO_UDP, 9, 5000, "198.51.100.1", 80));
    struct bytes whole = udp("198.51.100.66:4000 > 203.0.113.1:4000", 600);
    struct bytes first = fragment_of(whole, 0, 304, true), later = fragment_of(whole, 304, 296, true);
    for (unsigned n = 0; n < 20000; n++) {
        struct bytes a = numbered(first, (uint16_t)n), b = numbered(later, (uint16_t)(n + 30000));
        judge(&h, WAN, &a);
        judge(&h, WAN, &b);
        if (n % 1000 == 0) {
            CHECK("answers", is_let_in(&h, "answers", TG_PROTO_UDP, "198.51.100.1", 80, port));
            send_out(&h, "goes on", out(TG_PROTO_UDP, 9, 5000, "198.51.100.1", 80));
        }
    }
    assert_int_equal(connections_of(&h), 2);
    EXPECT(&h, WAN, numbered(first, 7), "accept established -> 198.51.100.66:4000 > 192.168.1.50:4000");
    EXPECT(&h, WAN, numbered(later, 7), "accept established -> 198.51.100.66 > 192.168.1.50");
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_outside_port_whoever_is_spoken_to),
        cmocka_unit_test(no_outside_port_is_shared),
        cmocka_unit_test(one_outside_address_for_each_inside),
        cmocka_unit_test(some_destinations_see_the_inside_itself),
        cmocka_unit_test(who_may_come_in_by_a_mapping),
        cmocka_unit_test(the_same_however_full_the_table_is),
        cmocka_unit_test(a_syn_unasked_and_the_one_that_crosses_it),
        cmocka_unit_test(timers_can_be_set),
        cmocka_unit_test(no_payload_opens_anything),
        cmocka_unit_test(fragments_behind_their_first_in_any_order),
        cmocka_unit_test(a_flood_of_fragments_costs_others_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
