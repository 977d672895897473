/* The source that connections leave with: `translate`, `map`, `nat mapping`, `nat ports` (src/engine/source.c). */
#include "house.h"

/* ---- statements ---- */

static struct policy_where at(struct tg_policy *policy, const char *first, const char *last)
{
    struct policy_where where = {POLICY_NONE, false};
    struct tg_range range = {an_address(first), an_address(last), TG_IPV4};
    must(policy_add_addresses(policy, &range, 1, &where.set));
    return where;
}

/* translate from ZONE [ADDRESS] to ZONE as FIRST[-LAST], or as itself (first NULL). */
static void translate(struct tg_policy *policy, uint8_t from, const char *src, uint8_t to, const char *first,
                      const char *last)
{
    struct policy_translation t = {.statement = add_statement(policy, TG_STATEMENT_TRANSLATE),
                                   .zone_in = from,
                                   .zone_out = to,
                                   .src = {POLICY_NONE, false},
                                   .dst = {POLICY_NONE, false},
                                   .itself = first == NULL};
    if (src != NULL)
        t.src = at(policy, src, src);
    if (first != NULL) {
        t.first = an_address(first);
        t.last = an_address(last);
    }
    must(policy_add_translation(policy, &t));
}

/* map OUT on wan to IN */
static void map(struct tg_policy *policy, const char *out, const char *in)
{
    uint32_t statement = add_statement(policy, TG_STATEMENT_MAP);
    struct policy_forward f = {.statement = statement,
                               .any_proto = true,
                               .any_port = true,
                               .zone = WAN,
                               .src = {POLICY_NONE, false},
                               .has_at = true,
                               .at = an_address(out),
                               .host = an_address(in),
                               .hairpin = true,
                               .is_map = true};
    struct policy_translation t = {.statement = statement,
                                   .zone_out = WAN,
                                   .src = at(policy, in, in),
                                   .dst = {POLICY_NONE, false},
                                   .is_map = true,
                                   .first = an_address(out),
                                   .last = an_address(out)};
    must(policy_add_forward(policy, &f));
    must(policy_add_translation(policy, &t));
}

/* ---- translate ---- */

TEST(a_fixed_source)
{
    struct tg_policy *policy = home_policy();
    translate(policy, LAN, "192.168.1.9", WAN, "203.0.113.5", "203.0.113.5");
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.5:5 > 198.51.100.1:80");
    struct bytes about = h.bytes;
    EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.5:5", 4), "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
    EXPECT(&h, WAN, icmp_error("192.0.2.1 > 203.0.113.5", 3, 1, &about, 28),
           "accept related -> 192.0.2.1 > 192.168.1.9");
    EXPECT(&h, WAN, udp("198.51.100.1:81 > 203.0.113.5:5", 4), "drop default");
    EXPECT(&h, LAN, udp("192.168.1.8:5 > 198.51.100.1:80", 4), /* others are masqueraded, and share no port with it */
           "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    EXPECT(&h, LAN, ping("192.168.1.9 > 198.51.100.1", 7), "accept rule -> 203.0.113.5 > 198.51.100.1 id 7");
    EXPECT(&h, LAN, ip_packet("192.168.1.9 > 198.51.100.1", TG_PROTO_ESP, "12345678", 8),
           "accept rule -> 203.0.113.5 > 198.51.100.1");
    struct bytes whole = udp("192.168.1.9:900 > 198.51.100.1:80", 100);
    EXPECT(&h, LAN, fragment_of(whole, 0, 48, true), "accept rule -> 203.0.113.5:900 > 198.51.100.1:80");
    EXPECT(&h, LAN, fragment_of(whole, 48, 60, false), "accept rule -> 203.0.113.5 > 198.51.100.1");
    close_house(&h);
}

TEST(two_that_share_a_source)
{
    struct tg_policy *policy = home_policy();
    translate(policy, LAN, NULL, WAN, "203.0.113.5", "203.0.113.5");
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.8:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.5:5 > 198.51.100.1:80");
    struct bytes b = udp("192.168.1.9:5 > 198.51.100.1:80", 4);
    judge(&h, LAN, &b);
    assert_int_equal(h.verdict.action, TG_ACCEPT);
    assert_int_not_equal(left_from(&h), 5);
    close_house(&h);
}

/* Exempt from masquerading; the first that fits decides. */
TEST(as_itself)
{
    struct tg_policy *policy = home_policy();
    translate(policy, LAN, "192.168.1.9", WAN, NULL, NULL);
    translate(policy, LAN, NULL, WAN, "203.0.113.5", "203.0.113.5");
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule");
    EXPECT(&h, WAN, udp("198.51.100.1:80 > 192.168.1.9:5", 4), "accept established");
    EXPECT(&h, LAN, udp("192.168.1.8:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.5:5 > 198.51.100.1:80");
    close_house(&h);
}

/* RFC 4787 REQ-2: one address of a range for all connections of a source, and all of them used. */
TEST(a_range_of_sources)
{
    struct tg_policy *policy = home_policy();
    translate(policy, LAN, NULL, WAN, "203.0.113.16", "203.0.113.19");
    struct house h = open_house(policy, 4096, 1);
    unsigned hits[4] = {0};
    for (unsigned host = 2; host < 250; host++) {
        uint8_t last = 0;
        for (unsigned n = 0; n < 4; n++) {
            char ends[80];
            snprintf(ends, sizeof ends, "192.168.1.%u:%u > 198.51.100.%u:80", host, 1000 + n, n + 1);
            struct bytes b = n % 2 ? udp(ends, 4) : tcp(ends, SYN, 1, 0, 0);
            judge(&h, LAN, &b);
            assert_int_equal(h.verdict.action, TG_ACCEPT);
            assert_true(h.bytes.at[15] >= 16 && h.bytes.at[15] <= 19);
            assert_true(n == 0 || h.bytes.at[15] == last);
            last = h.bytes.at[15];
        }
        hits[last - 16]++;
    }
    for (int i = 0; i < 4; i++)
        assert_true(hits[i] > 20);
    close_house(&h);
}

/* Where nothing crosses from zone to zone, or it ends at the router, nothing is translated; nor what the router itself
 * sends, unless that is said. */
TEST(what_is_not_translated)
{
    struct tg_policy *policy = home_policy();
    add_rule(policy, TG_ACCEPT, LAN, NONE, 0, 0);
    translate(policy, NONE, NULL, NONE, "203.0.113.5", "203.0.113.5");
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 192.168.1.1:53", 4), "accept rule");
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 192.168.1.10:53", 4), "accept rule");
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 239.1.2.3:53", 4), "accept rule");
    EXPECT(&h, LAN, udp("0.0.0.0:68 > 255.255.255.255:67", 4), "accept rule");
    EXPECT(&h, ROUTER, udp("203.0.113.1:5 > 198.51.100.1:53", 4), "accept rule");
    EXPECT(&h, LAN, udp("[fd00:1::9]:5 > [2001:db8:9::1]:53", 4), "accept rule");
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 192.168.2.9:53", 4), "accept rule -> 203.0.113.5:5 > 192.168.2.9:53");
    policy = home_policy();
    translate(policy, ROUTER, NULL, WAN, "203.0.113.5", "203.0.113.5");
    reload(&h, policy);
    EXPECT(&h, ROUTER, udp("203.0.113.1:6 > 198.51.100.1:53", 4), "accept rule -> 203.0.113.5:6 > 198.51.100.1:53");
    EXPECT(&h, LAN, udp("192.168.1.9:6 > 198.51.100.1:53", 4), "accept rule -> 203.0.113.1:6 > 198.51.100.1:53");
    close_house(&h);
}

/* The router's own connections and others that speak from its address have no port in common, masqueraded or not. */
TEST(the_router_s_own_ports)
{
    struct tg_policy *policy = new_policy(false);
    add_rule(policy, TG_ACCEPT, NONE, NONE, 0, 0);
    translate(policy, LAN, NULL, WAN, "203.0.113.1", "203.0.113.1");
    struct house h = open_house(policy, 64, 1);
    struct tg_network *network = tg_network_new();
    const struct tg_prefix wan = {an_address("203.0.113.1"), TG_IPV4, 24};
    must(tg_network_add_address(network, WAN, &wan));
    must(tg_network_add_default(network, WAN));
    tg_network_seal(network);
    load(&h, policy, network);
    EXPECT(&h, ROUTER, udp("203.0.113.1:5000 > 198.51.100.1:53", 4), "accept rule");
    struct bytes b = udp("192.168.1.9:5000 > 198.51.100.1:53", 4);
    judge(&h, LAN, &b);
    assert_int_equal(h.verdict.action, TG_ACCEPT);
    assert_int_not_equal(left_from(&h), 5000);
    close_house(&h);
}

/* ---- map ---- */

static struct tg_policy *mapped_home(void)
{
    struct tg_policy *policy = home_policy();
    map(policy, "203.0.113.10", "192.168.1.10");
    add_rule(policy, TG_ACCEPT, WAN, LAN, TG_PROTO_TCP, 80);
    add_rule(policy, TG_ACCEPT, NONE, LAN, TG_PROTO_ICMP, 0);
    return policy;
}

TEST(a_map_out)
{
    struct house h = open_house(mapped_home(), 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    EXPECT(&h, LAN, udp("192.168.1.10:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.10:5 > 198.51.100.1:80");
    EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.10:5", 4),
           "accept established -> 198.51.100.1:80 > 192.168.1.10:5");
    EXPECT(&h, LAN, ping("192.168.1.10 > 198.51.100.1", 7), "accept rule -> 203.0.113.10 > 198.51.100.1 id 7");
    EXPECT(&h, LAN, ip_packet("192.168.1.10 > 198.51.100.1", TG_PROTO_ESP, "12345678", 8),
           "accept rule -> 203.0.113.10 > 198.51.100.1");
    EXPECT(&h, LAN, udp("192.168.1.10:5 > 192.168.1.9:80", 4), "drop default");
    close_house(&h);
}

/* Rules decide, and see the inside address. */
TEST(a_map_in)
{
    struct house h = open_house(mapped_home(), 64, 1);
    EXPECT(&h, WAN, tcp("198.51.100.9:4000 > 203.0.113.10:80", SYN, 1, 0, 0),
           "accept rule -> 198.51.100.9:4000 > 192.168.1.10:80");
    assert_int_equal(h.verdict.zone_out, LAN);
    struct bytes about = h.bytes;
    EXPECT(&h, LAN, tcp("192.168.1.10:80 > 198.51.100.9:4000", SYN | ACK, 9, 2, 0),
           "accept established -> 203.0.113.10:80 > 198.51.100.9:4000");
    EXPECT(&h, LAN, icmp_error("192.168.1.10 > 198.51.100.9", 3, 3, &about, 28),
           "accept related -> 203.0.113.10 > 198.51.100.9");
    EXPECT(&h, WAN, tcp("198.51.100.9:4000 > 203.0.113.10:81", SYN, 1, 0, 0), "drop default");
    EXPECT(&h, WAN, udp("198.51.100.9:4000 > 203.0.113.10:80", 4), "drop default");
    EXPECT(&h, WAN, ping("198.51.100.9 > 203.0.113.10", 3), "accept rule -> 198.51.100.9 > 192.168.1.10 id 3");
    EXPECT(&h, WAN, tcp("198.51.100.9:4000 > 203.0.113.1:80", SYN, 1, 0, 0), "drop default");
    close_house(&h);
}

TEST(a_map_from_inside)
{
    struct tg_policy *policy = mapped_home();
    add_rule(policy, TG_ACCEPT, NONE, LAN, TG_PROTO_TCP, 80);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, tcp("192.168.1.77:4000 > 203.0.113.10:80", SYN, 1, 0, 0),
           "accept rule -> 192.168.1.1:4000 > 192.168.1.10:80");
    EXPECT(&h, LAN, tcp("192.168.1.10:80 > 192.168.1.1:4000", SYN | ACK, 9, 2, 0),
           "accept established -> 203.0.113.10:80 > 192.168.1.77:4000");
    EXPECT(&h, GUEST, tcp("192.168.2.77:4000 > 203.0.113.10:80", SYN, 1, 0, 0),
           "accept rule -> 192.168.2.77:4000 > 192.168.1.10:80");
    close_house(&h);
}

/* The port is kept, or it is refused: never another. */
TEST(a_port_of_a_map_that_is_taken)
{
    struct tg_policy *policy = home_policy();
    translate(policy, LAN, "192.168.1.9", WAN, "203.0.113.10", "203.0.113.10");
    map(policy, "203.0.113.10", "192.168.1.10");
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.10:5 > 198.51.100.1:80");
    EXPECT(&h, LAN, udp("192.168.1.10:5 > 198.51.100.2:80", 4), "drop limit");
    EXPECT(&h, LAN, udp("192.168.1.10:6 > 198.51.100.2:80", 4), "accept rule -> 203.0.113.10:6 > 198.51.100.2:80");
    close_house(&h);
}

/* A forward's port is nothing to a map: it has all of them. */
TEST(a_map_and_a_forward_of_the_same_port)
{
    struct tg_policy *policy = mapped_home();
    add_forward(policy, TG_PROTO_UDP, 5000, 1, "192.168.1.50", 5000, 1);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.10:5000 > 198.51.100.1:80", 4),
           "accept rule -> 203.0.113.10:5000 > 198.51.100.1:80");
    close_house(&h);
}

/* ---- living on under another load ---- */

TEST(translations_and_a_load)
{
    static const struct {
        const char *name;
        int now; /* 0: none, 1: the same, 2: a range that has it, 3: another address, 4: as itself, 5: a map to it */
        const char *wanted;
    } rows[] = {
        {"none any more", 0, "drop invalid"},
        {"the same", 1, "accept established -> 203.0.113.5:5 > 198.51.100.1:80"},
        {"one of a range", 2, "accept established -> 203.0.113.5:5 > 198.51.100.1:80"},
        {"another address", 3, "drop invalid"},
        {"as itself", 4, "drop invalid"},
        {"a map", 5, "accept established -> 203.0.113.5:5 > 198.51.100.1:80"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *policy = home_policy();
        translate(policy, LAN, NULL, WAN, "203.0.113.5", "203.0.113.5");
        struct house h = open_house(policy, 64, 1);
        EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.5:5 > 198.51.100.1:80");
        policy = home_policy();
        switch (rows[i].now) {
        case 1: translate(policy, LAN, NULL, WAN, "203.0.113.5", "203.0.113.5"); break;
        case 2: translate(policy, LAN, NULL, WAN, "203.0.113.2", "203.0.113.200"); break;
        case 3: translate(policy, LAN, NULL, WAN, "203.0.113.6", "203.0.113.6"); break;
        case 4: translate(policy, LAN, NULL, WAN, NULL, NULL); break;
        case 5: map(policy, "203.0.113.5", "192.168.1.9"); break;
        default: break;
        }
        reload(&h, policy);
        struct bytes b = udp("192.168.1.9:5 > 198.51.100.1:80", 4);
        if (strcmp(judge(&h, LAN, &b), rows[i].wanted) != 0)
            fail_msg("%s: %s", rows[i].name, h.text);
        close_house(&h);
    }
}

TEST(what_was_masqueraded_and_is_translated_now)
{
    struct house h = open_home();
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    struct tg_policy *policy = home_policy();
    translate(policy, LAN, NULL, WAN, "203.0.113.5", "203.0.113.5");
    reload(&h, policy);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "drop invalid");
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.5:5 > 198.51.100.1:80");
    close_house(&h);
}

TEST(a_map_and_a_load)
{
    struct house h = open_house(mapped_home(), 64, 1);
    EXPECT(&h, WAN, tcp("198.51.100.9:4000 > 203.0.113.10:80", SYN, 1, 0, 0),
           "accept rule -> 198.51.100.9:4000 > 192.168.1.10:80");
    EXPECT(&h, LAN, udp("192.168.1.10:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.10:5 > 198.51.100.1:80");
    reload(&h, mapped_home());
    EXPECT(&h, LAN, tcp("192.168.1.10:80 > 198.51.100.9:4000", SYN | ACK, 9, 2, 0),
           "accept established -> 203.0.113.10:80 > 198.51.100.9:4000");
    EXPECT(&h, LAN, udp("192.168.1.10:5 > 198.51.100.1:80", 4),
           "accept established -> 203.0.113.10:5 > 198.51.100.1:80");
    reload(&h, home_policy());
    EXPECT(&h, LAN, udp("192.168.1.10:5 > 198.51.100.1:80", 4), "drop invalid");
    EXPECT(&h, LAN, tcp("192.168.1.10:80 > 198.51.100.9:4000", ACK, 10, 2, 0), "drop default");
    close_house(&h);
}

/* ---- nat mapping, nat ports ---- */

/* Two insides with one port: each remote has its own mapping, so the second keeps its port where the first has not
 * spoken. */
TEST(mappings_that_depend_on_the_remote)
{
    static const struct {
        const char *name;
        enum policy_behaviour mapping;
        bool same, port, address; /* kept to the same end, to another port of it, to another address */
    } rows[] = {
        {"endpoint-independent", EI, false, false, false},
        {"address-dependent", AD, false, false, true},
        {"address-and-port-dependent", APD, false, true, true},
    };
    static const char *const remotes[] = {"198.51.100.1:80", "198.51.100.1:81", "198.51.100.2:80"};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int proto = 0; proto < 2; proto++) {
            struct house h = open_house(home_with_nat(rows[i].mapping, APD), 64, 1);
            const bool kept[] = {rows[i].same, rows[i].port, rows[i].address};
            char ends[80];
            struct bytes b = proto ? tcp("192.168.1.8:5000 > 198.51.100.1:80", SYN, 1, 0, 0)
                                   : udp("192.168.1.8:5000 > 198.51.100.1:80", 4);
            judge(&h, LAN, &b);
            CHECK_EQUAL(rows[i].name, left_from(&h), 5000);
            uint16_t first = 0;
            for (size_t r = 0; r < COUNT(remotes); r++) {
                snprintf(ends, sizeof ends, "192.168.1.9:5000 > %s", remotes[r]);
                b = proto ? tcp(ends, SYN, 1, 0, 0) : udp(ends, 4);
                judge(&h, LAN, &b);
                CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
                CHECK_EQUAL(rows[i].name, left_from(&h) == 5000, kept[r]);
                first = r == 0 ? left_from(&h) : first;
                CHECK(rows[i].name, rows[i].mapping != EI || left_from(&h) == first); /* REQ-1 */
            }
            close_house(&h);
        }
}

/* TCP and the rest are set each for itself (RFC 5382 REQ-3b). */
TEST(tcp_and_the_rest_apart)
{
    struct tg_policy *policy = home_policy();
    struct policy_nat nat = *policy_nat(policy);
    nat.tcp.mapping = APD;
    policy_set_nat(policy, &nat);
    struct house h = open_house(policy, 64, 1);
    for (int host = 8; host < 10; host++)
        for (int proto = 0; proto < 2; proto++) {
            char ends[80];
            snprintf(ends, sizeof ends, "192.168.1.%d:5000 > 198.51.100.%d:80", host, host);
            struct bytes b = proto ? tcp(ends, SYN, 1, 0, 0) : udp(ends, 4);
            judge(&h, LAN, &b);
            assert_int_equal(left_from(&h) == 5000, host == 8 || proto == 1);
        }
    close_house(&h);
}

TEST(ports_to_choose_from)
{
    struct tg_policy *policy = home_policy();
    struct policy_nat nat = *policy_nat(policy);
    nat.ports = (struct policy_ports){40000, 40003};
    policy_set_nat(policy, &nat);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, ROUTER, udp("203.0.113.1:123 > 198.51.100.1:123", 4), "accept rule"); /* its own port is its own */
    EXPECT(&h, LAN, udp("192.168.1.9:40001 > 198.51.100.1:80", 4),
           "accept rule -> 203.0.113.1:40001 > 198.51.100.1:80");
    for (unsigned port = 5; port < 8; port++) {
        char ends[80];
        snprintf(ends, sizeof ends, "192.168.1.9:%u > 198.51.100.1:80", port);
        struct bytes b = udp(ends, 4);
        judge(&h, LAN, &b);
        assert_int_equal(h.verdict.action, TG_ACCEPT);
        assert_true(left_from(&h) >= 40000 && left_from(&h) <= 40003 && left_from(&h) != 40001);
    }
    EXPECT(&h, LAN, udp("192.168.1.9:9 > 198.51.100.1:80", 4), "drop limit");
    close_house(&h);
}

/* To an address that only a translation speaks from, too. */
TEST(strangers_to_a_translated_address)
{
    struct tg_policy *policy = home_with_nat(EI, EI);
    translate(policy, LAN, NULL, WAN, "203.0.113.5", "203.0.113.5");
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5000 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.5:5000 > 198.51.100.1:80");
    EXPECT(&h, WAN, udp("192.0.2.9:1 > 203.0.113.5:5000", 4), "accept related -> 192.0.2.9:1 > 192.168.1.9:5000");
    EXPECT(&h, WAN, udp("192.0.2.9:1 > 203.0.113.1:5000", 4), "drop default");
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fixed_source),
        cmocka_unit_test(two_that_share_a_source),
        cmocka_unit_test(as_itself),
        cmocka_unit_test(a_range_of_sources),
        cmocka_unit_test(what_is_not_translated),
        cmocka_unit_test(the_router_s_own_ports),
        cmocka_unit_test(a_map_out),
        cmocka_unit_test(a_map_in),
        cmocka_unit_test(a_map_from_inside),
        cmocka_unit_test(a_port_of_a_map_that_is_taken),
        cmocka_unit_test(a_map_and_a_forward_of_the_same_port),
        cmocka_unit_test(translations_and_a_load),
        cmocka_unit_test(what_was_masqueraded_and_is_translated_now),
        cmocka_unit_test(a_map_and_a_load),
        cmocka_unit_test(mappings_that_depend_on_the_remote),
        cmocka_unit_test(tcp_and_the_rest_apart),
        cmocka_unit_test(ports_to_choose_from),
        cmocka_unit_test(strangers_to_a_translated_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
