/* What RFC 5508, and RFC 4787 and 5382 besides, want of ICMP, through the engine; more of it is in test_engine_error.c.
 * CONFORMANCE.md names the tests by requirement. */
#include "house.h"

/* What others speak about: a packet that has left, and one that answers it. */
struct flow {
    const char *name;
    struct bytes out, back;
    double seconds; /* that it lives after its last packet */
};

enum { FLOWS = 5 };

static void make_flows(struct flow flows[FLOWS])
{
    const char *const lan = "192.168.1.9:5000 > 198.51.100.1:80", *const wan = "198.51.100.1:80 > 203.0.113.1:5000";
    const struct flow all[FLOWS] = {
        {"udp", udp(lan, 16), udp(wan, 16), 120},
        {"tcp", tcp(lan, SYN, 100, 0, 0), tcp(wan, SYN | ACK, 500, 101, 0), 240},
        {"ping", ping("192.168.1.9 > 198.51.100.1", 5000), pong("198.51.100.1 > 203.0.113.1", 5000), 60},
        {"sctp", datagram(TG_PROTO_SCTP, lan, 16), datagram(TG_PROTO_SCTP, wan, 16), 240},
        {"esp", ip_packet("192.168.1.9 > 198.51.100.1", TG_PROTO_ESP, "1234567890", 10),
         ip_packet("198.51.100.1 > 203.0.113.1", TG_PROTO_ESP, "1234567890", 10), 600},
    };
    memcpy(flows, all, sizeof all);
}

static void must_pass(struct house *h, const char *row, uint8_t zone, const struct bytes *b)
{
    judge(h, zone, b);
    if (h->verdict.action != TG_ACCEPT)
        fail_msg("%s: %s", row, h->text);
}

/* RFC 4787 REQ-12, RFC 5382 REQ-10, RFC 5508 REQ-6: no message of any type and code, by whomever, ends anything. */
TEST(no_icmp_ends_anything)
{
    static const char *const senders[] = {"198.51.100.1 > 203.0.113.1", "192.0.2.66 > 203.0.113.1"};
    struct flow flows[FLOWS];
    make_flows(flows);
    for (size_t i = 0; i < FLOWS; i++)
        for (size_t s = 0; s < COUNT(senders); s++) {
            struct house h = open_home();
            must_pass(&h, flows[i].name, LAN, &flows[i].out);
            struct bytes about = h.bytes;
            for (unsigned type = 0; type < 256; type++)
                for (unsigned code = 0; code < 20; code++) {
                    struct bytes error = icmp_error(senders[s], (uint8_t)type, (uint8_t)code, &about, 28);
                    judge(&h, WAN, &error);
                }
            must_pass(&h, flows[i].name, WAN, &flows[i].back);
            CHECK_EQUAL(flows[i].name, h.verdict.reason, TG_REASON_ESTABLISHED);
            close_house(&h);
        }
}

/* RFC 5508 REQ-6: nor keeps anything alive. */
TEST(no_icmp_error_keeps_anything_alive)
{
    struct flow flows[FLOWS];
    make_flows(flows);
    for (size_t i = 0; i < FLOWS; i++)
        for (int late = 0; late < 2; late++) {
            struct house h = open_home();
            must_pass(&h, flows[i].name, LAN, &flows[i].out);
            struct bytes about = h.bytes;
            for (int n = 0; n < 10; n++) {
                struct bytes error = icmp_error("192.0.2.66 > 203.0.113.1", 3, (uint8_t)n, &about, 28);
                must_pass(&h, flows[i].name, WAN, &error);
                wait_for(&h, flows[i].seconds / 10);
            }
            wait_for(&h, late ? 0.1 : 0);
            judge(&h, WAN, &flows[i].back);
            CHECK_EQUAL(flows[i].name, h.verdict.action, late ? TG_DROP : TG_ACCEPT);
            close_house(&h);
        }
}

/* RFC 5508 REQ-4, RFC 2979: an error about nothing that is known is dropped, whatever it says, from wherever. */
TEST(errors_about_nothing_are_dropped)
{
    static const uint8_t types[] = {3, 4, 5, 11, 12};
    struct flow flows[FLOWS];
    make_flows(flows);
    for (size_t i = 0; i < FLOWS; i++)
        for (size_t t = 0; t < COUNT(types); t++)
            for (uint8_t code = 0; code < 16; code++) {
                struct house h = open_home();
                struct bytes about = udp("203.0.113.1:5001 > 198.51.100.1:80", 8);
                must_pass(&h, flows[i].name, LAN, &flows[i].out);
                EXPECT(&h, WAN, icmp_error("198.51.100.1 > 203.0.113.1", types[t], code, &about, 28), "drop invalid");
                about = udp("198.51.100.1:80 > 192.168.1.9:5001", 8);
                EXPECT(&h, LAN, icmp_error("192.168.1.9 > 198.51.100.1", types[t], code, &about, 28), "drop invalid");
                close_house(&h);
            }
}

/* RFC 5508 REQ-3: the quote is looked at only as far as it must be. */
TEST(what_is_wrong_in_a_quote_and_does_not_matter)
{
    struct house h = open_home();
    EXPECT(&h, LAN, udp("192.168.1.8:5000 > 198.51.100.9:9", 16), "accept rule -> 203.0.113.1:5000 > 198.51.100.9:9");
    struct bytes out = udp("192.168.1.9:5000 > 198.51.100.1:80", 40);
    must_pass(&h, "udp", LAN, &out);
    struct bytes about = h.bytes, options = with_ipv4_options(about), sum = about, header = about, counted = about,
                 none = about;
    sum.at[26] ^= 0x55;    /* REQ-3c: the sum of its transport */
    header.at[10] ^= 0x55; /* REQ-3a, from which the engine departs: that of its header */
    counted.at[8] = 1;     /* as routers leave it that count hops down and do not mend it */
    put16(none.at + 26, 0);
    const struct {
        const char *name;
        const struct bytes *about;
        uint32_t quoted;
    } rows[] = {
        {"whole", &about, 100},
        {"as short as RFC 792 has it", &about, 28},
        {"with options, REQ-3b", &options, 100},
        {"with options, cut", &options, 36},
        {"a wrong transport checksum", &sum, 100},
        {"none", &none, 100},
        {"a wrong header checksum", &header, 100},
        {"hops counted down", &counted, 100},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes error = icmp_error("192.0.2.254 > 203.0.113.1", 11, 0, rows[i].about, rows[i].quoted);
        char looks[160];
        judge(&h, WAN, &error);
        if (strcmp(h.text, "accept related -> 192.0.2.254 > 192.168.1.9") != 0)
            fail_msg("%s: %s", rows[i].name, h.text);
        CHECK(rows[i].name,
              strcmp(quoted_ends_of(h.bytes.at, h.bytes.len, looks), "192.168.1.9:5000 > 198.51.100.1:80") == 0);
        CHECK(rows[i].name, naive_sum(h.bytes.at + 20, h.bytes.len - 20, 0) == 0xffff);
    }
    close_house(&h);
}

/* RFC 5508 REQ-1 and REQ-10b: questions of every kind have their answers, also when two insides ask with one
 * identifier.
 */
TEST(questions_of_every_kind)
{
    static const struct {
        uint8_t type, answer;
    } rows[] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_home();
        char wanted[100];
        EXPECT(&h, LAN, query("192.168.1.8 > 198.51.100.1", rows[i].type, 77),
               "accept rule -> 203.0.113.1 > 198.51.100.1 id 77");
        struct bytes second = query("192.168.1.9 > 198.51.100.1", rows[i].type, 77);
        must_pass(&h, "second", LAN, &second);
        uint16_t id = get16(h.bytes.at + 24);
        assert_int_not_equal(id, 77);
        EXPECT(&h, WAN, query("198.51.100.1 > 203.0.113.1", rows[i].answer, id),
               "accept established -> 198.51.100.1 > 192.168.1.9 id 77");
        EXPECT(&h, WAN, query("198.51.100.1 > 203.0.113.1", rows[i].answer, 77),
               "accept established -> 198.51.100.1 > 192.168.1.8 id 77");
        snprintf(wanted, sizeof wanted, "accept rule -> 203.0.113.1 > 198.51.100.2 id %u", id);
        EXPECT(&h, LAN, query("192.168.1.9 > 198.51.100.2", rows[i].type, 77), wanted);
        close_house(&h);
    }
}

/* RFC 5508 REQ-11: what is neither question, answer nor error is never translated, so it stays on its side. */
TEST(what_is_neither_stays_on_its_side)
{
    struct house h = open_home();
    for (unsigned type = 1; type < 256; type++) {
        bool is_error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
        bool is_query = type == 8 || (type >= 13 && type <= 18);
        if (is_error || is_query)
            continue;
        EXPECT(&h, LAN, icmp("192.168.1.9 > 198.51.100.1", (uint8_t)type, 0, 7, "12345678", 8), "drop invalid");
        EXPECT(&h, WAN, icmp("198.51.100.1 > 203.0.113.1", (uint8_t)type, 0, 7, "12345678", 8), "drop default");
    }
    assert_int_equal(connections_of(&h), 0);
    close_house(&h);
}

/* ---- one to one ---- */

/* A `map` of 203.0.113.9 to 192.168.1.50, both ways. */
static void add_map(struct tg_policy *policy)
{
    const struct policy_where anywhere = {POLICY_NONE, false};
    uint32_t host, number = add_statement(policy, TG_STATEMENT_MAP);
    struct tg_addr inside = an_address("192.168.1.50"), outside = an_address("203.0.113.9");
    must(policy_add_addresses(policy, &(struct tg_range){inside, inside, TG_IPV4}, 1, &host));
    must(policy_add_forward(policy, &(struct policy_forward){.statement = number,
                                                             .any_proto = true,
                                                             .any_port = true,
                                                             .zone = WAN,
                                                             .src = anywhere,
                                                             .has_at = true,
                                                             .at = outside,
                                                             .host = inside,
                                                             .hairpin = true,
                                                             .is_map = true}));
    must(policy_add_translation(policy, &(struct policy_translation){.statement = number,
                                                                     .zone_out = WAN,
                                                                     .src = {host, false},
                                                                     .dst = anywhere,
                                                                     .is_map = true,
                                                                     .first = outside,
                                                                     .last = outside}));
}

/* RFC 5508 REQ-7: where addresses alone are translated, questions come back in by the outside address, and errors about
 * what came so are translated inside and out (REQ-7a). */
TEST(hairpins_of_a_map)
{
    struct tg_policy *policy = home_policy();
    char looks[160];
    add_map(policy);
    add_rule(policy, TG_ACCEPT, LAN, LAN, 0, 0);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, ping("192.168.1.77 > 203.0.113.9", 7), "accept rule -> 192.168.1.1 > 192.168.1.50 id 7");
    EXPECT(&h, LAN, pong("192.168.1.50 > 192.168.1.1", 7), "accept established -> 203.0.113.9 > 192.168.1.77 id 7");
    EXPECT(&h, LAN, udp("192.168.1.77:5000 > 203.0.113.9:80", 4), "accept rule -> 192.168.1.1:5000 > 192.168.1.50:80");
    struct bytes about = h.bytes;
    EXPECT(&h, LAN, icmp_error("192.168.1.50 > 192.168.1.1", 3, 3, &about, 28),
           "accept related -> 203.0.113.9 > 192.168.1.77");
    assert_string_equal(quoted_ends_of(h.bytes.at, h.bytes.len, looks), "192.168.1.77:5000 > 203.0.113.9:80");
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_icmp_ends_anything),
        cmocka_unit_test(no_icmp_error_keeps_anything_alive),
        cmocka_unit_test(errors_about_nothing_are_dropped),
        cmocka_unit_test(what_is_wrong_in_a_quote_and_does_not_matter),
        cmocka_unit_test(questions_of_every_kind),
        cmocka_unit_test(what_is_neither_stays_on_its_side),
        cmocka_unit_test(hairpins_of_a_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
