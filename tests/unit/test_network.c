/* Whose addresses are the router's, what lies behind which zone, and which sources are honest: src/network. */
#include "unit.h"

#include "tidegate/network.h"

enum { NONE = TG_ZONE_NONE, ROUTER = TG_ZONE_ROUTER, WAN = TG_ZONE_FIRST, LAN, GUEST, VPN, BLANK };

static struct tg_prefix prefix(const char *text)
{
    struct tg_prefix p;
    assert_int_equal(tg_prefix_parse(text, &p), 0);
    return p;
}

struct where {
    uint8_t family;
    struct tg_addr addr;
};

static struct where where(const char *text)
{
    struct where w;
    assert_int_equal(tg_addr_parse(text, &w.family, &w.addr), 0);
    return w;
}

static void own(struct tg_network *network, uint8_t zone, const char *text)
{
    struct tg_prefix p = prefix(text);
    assert_int_equal(tg_network_add_address(network, zone, &p), 0);
}

static void route(struct tg_network *network, uint8_t zone, const char *text)
{
    struct tg_prefix p = prefix(text);
    assert_int_equal(tg_network_add_route(network, zone, &p), 0);
}

/* A house with a guest network, a tunnel of which only a route is known, a second network behind an inside router, and
 * a zone about which nothing is known. The order of adding is not that of lengths. */
static struct tg_network *house(void)
{
    struct tg_network *network = tg_network_new();
    assert_non_null(network);
    own(network, WAN, "203.0.113.2/24");
    own(network, LAN, "192.168.1.1/24");
    own(network, LAN, "192.168.7.1/31");
    own(network, GUEST, "192.168.2.129/25");
    own(network, WAN, "2001:db8:0:1::2/64");
    own(network, LAN, "fd00:1::1/64");
    own(network, WAN, "203.0.113.77/32");
    route(network, LAN, "10.0.0.0/8");
    route(network, VPN, "10.9.0.0/16");
    assert_int_equal(tg_network_add_default(network, WAN), 0);
    tg_network_seal(network);
    return network;
}

TEST(where_packets_leave_to_and_come_from)
{
    static const struct {
        const char *addr;
        uint8_t to, from;
    } rows[] = {
        {"203.0.113.2", ROUTER, ROUTER},
        {"203.0.113.77", ROUTER, ROUTER},
        {"203.0.113.3", WAN, WAN},
        {"203.0.113.255", ROUTER, WAN}, /* broadcast: to the router; from it, nobody's */
        {"203.0.113.0", ROUTER, WAN},   /* its old form, RFC 1812 4.2.3.1 */
        {"192.168.1.1", ROUTER, ROUTER},
        {"192.168.1.50", LAN, LAN},
        {"192.168.1.255", ROUTER, LAN},
        {"192.168.7.1", ROUTER, ROUTER},
        {"192.168.7.0", LAN, LAN}, /* a /31 has no broadcast address, RFC 3021 */
        {"192.168.2.128", ROUTER, GUEST},
        {"192.168.2.130", GUEST, GUEST},
        {"192.168.2.255", ROUTER, GUEST},
        {"192.168.2.127", WAN, WAN}, /* outside the guests' half */
        {"10.1.2.3", LAN, LAN},
        {"10.9.2.3", VPN, VPN}, /* the longest prefix, added later */
        {"10.0.0.0", LAN, LAN}, /* a route, no network of the router's own: no broadcast address */
        {"198.51.100.1", WAN, WAN},
        {"224.0.0.1", ROUTER, NONE},
        {"239.255.255.250", ROUTER, NONE},
        {"255.255.255.255", ROUTER, NONE},
        {"0.0.0.0", WAN, NONE},
        {"2001:db8:0:1::2", ROUTER, ROUTER},
        {"2001:db8:0:1::3", WAN, WAN},
        {"2001:db8:0:1:ffff:ffff:ffff:ffff", WAN, WAN}, /* IPv6 has no broadcast */
        {"fd00:1::1", ROUTER, ROUTER},
        {"fd00:1::50", LAN, LAN},
        {"fd00:2::50", WAN, WAN},
        {"fe80::1", ROUTER, NONE},
        {"ff02::1", ROUTER, NONE},
        {"ff0e::1", ROUTER, NONE},
        {"::", WAN, NONE},
    };
    struct tg_network *network = house();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct where w = where(rows[i].addr);
        CHECK_EQUAL(rows[i].addr, tg_network_zone_to(network, w.family, w.addr), rows[i].to);
        CHECK_EQUAL(rows[i].addr, tg_network_zone_from(network, w.family, w.addr), rows[i].from);
    }
    tg_network_free(network);
}

TEST(which_sources_are_honest)
{
    static const struct {
        uint8_t zone;
        const char *addr;
        bool spoofed;
    } rows[] = {
        {WAN, "198.51.100.1", false},
        {WAN, "203.0.113.3", false},
        {WAN, "203.0.113.2", true}, /* the router itself */
        {WAN, "192.168.1.1", true},
        {WAN, "192.168.1.50", true},
        {WAN, "10.1.2.3", true},
        {WAN, "10.9.2.3", true},
        {WAN, "fd00:1::50", true},
        {WAN, "fd00:2::50", false},
        {LAN, "192.168.1.50", false},
        {LAN, "192.168.7.0", false},
        {LAN, "10.1.2.3", false}, /* behind an inside router */
        {LAN, "10.9.2.3", true},  /* behind another zone by a longer prefix */
        {LAN, "192.168.2.130", true},
        {LAN, "198.51.100.1", true},
        {LAN, "203.0.113.3", true},
        {LAN, "192.168.1.1", true},
        {LAN, "fd00:1::50", false},
        {LAN, "2001:db8:99::1", true},
        {GUEST, "192.168.2.130", false},
        {GUEST, "192.168.2.127", true},
        {GUEST, "2001:db8:99::1", false}, /* nothing is known of this zone in this family */
        {VPN, "10.9.1.1", false},
        {VPN, "10.8.1.1", true},
        {VPN, "198.51.100.1", true},
        {BLANK, "172.16.0.1", false},
        {BLANK, "192.168.1.50", true}, /* known to be elsewhere */
        {BLANK, "192.168.1.1", true},
        {NONE, "172.16.0.1", false},
        {NONE, "192.168.1.50", true},
        {ROUTER, "192.168.1.1", false},
        {ROUTER, "198.51.100.1", false},
        {LAN, "0.0.0.0", false}, /* DHCP */
        {LAN, "::", false},      /* duplicate address detection */
        {WAN, "fe80::1", false},
        {LAN, "fe80::1", false},
        {LAN, "169.254.1.1", true}, /* link-local has no meaning of its own in IPv4 here */
    };
    struct tg_network *network = house();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct where w = where(rows[i].addr);
        if (tg_network_is_spoofed(network, rows[i].zone, w.family, w.addr) != rows[i].spoofed)
            fail_msg("%s from zone %u: %s", rows[i].addr, rows[i].zone, rows[i].spoofed ? "honest" : "spoofed");
    }
    tg_network_free(network);
}

TEST(whose_address_it_is)
{
    static const struct {
        uint8_t zone;
        const char *addr;
        bool own, behind;
    } rows[] = {
        {NONE, "203.0.113.2", true, false},   {WAN, "203.0.113.2", true, true},
        {LAN, "203.0.113.2", false, false},   {WAN, "203.0.113.9", false, true},
        {NONE, "192.168.1.1", true, false},   {LAN, "192.168.1.1", true, true},
        {LAN, "192.168.1.50", false, true},   {GUEST, "192.168.1.50", false, false},
        {LAN, "10.1.1.1", false, true},       {LAN, "10.9.1.1", false, true},
        {VPN, "10.9.1.1", false, true},       {WAN, "198.51.100.1", false, false}, /* not by its default route */
        {WAN, "2001:db8:0:1::2", true, true}, {LAN, "fd00:1::50", false, true},
        {BLANK, "172.16.0.1", false, false},
    };
    struct tg_network *network = house();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct where w = where(rows[i].addr);
        CHECK_EQUAL(rows[i].addr, tg_network_is_own(network, rows[i].zone, w.family, w.addr), rows[i].own);
        CHECK_EQUAL(rows[i].addr, tg_network_is_behind(network, rows[i].zone, w.family, w.addr), rows[i].behind);
    }
    /* the same bits in the other family are another address */
    assert_false(tg_network_is_own(network, NONE, TG_IPV6, where("192.168.1.1").addr));
    assert_false(tg_network_is_behind(network, LAN, TG_IPV6, where("192.168.1.50").addr));
    tg_network_free(network);
}

TEST(the_address_that_a_peer_sees)
{
    static const struct {
        uint8_t zone;
        const char *peer, *own; /* or NULL: there is none */
    } rows[] = {
        {WAN, "198.51.100.1", "203.0.113.2"},
        {WAN, "203.0.113.5", "203.0.113.2"},
        {LAN, "192.168.7.0", "192.168.7.1"},
        {LAN, "192.168.1.9", "192.168.1.1"},
        {LAN, "10.1.1.1", "192.168.1.1"},
        {GUEST, "192.168.2.200", "192.168.2.129"},
        {VPN, "10.9.1.1", NULL},
        {GUEST, "2001:db8:99::1", NULL},
        {WAN, "2001:db8:99::1", "2001:db8:0:1::2"},
        {BLANK, "1.2.3.4", NULL},
    };
    struct tg_network *network = house();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct where w = where(rows[i].peer);
        struct tg_addr got = {1, 1};
        bool found = tg_network_own_address(network, rows[i].zone, w.family, w.addr, &got);
        CHECK_EQUAL(rows[i].peer, found, rows[i].own != NULL);
        if (found)
            CHECK(rows[i].peer, tg_addr_equal(got, where(rows[i].own).addr));
    }
    tg_network_free(network);
}

TEST(default_routes)
{
    struct tg_network *network = tg_network_new();
    route(network, VPN, "::/0"); /* IPv6 by a tunnel, IPv4 by the line */
    assert_int_equal(tg_network_add_default(network, WAN), 0);
    assert_int_equal(tg_network_add_default(network, LAN), 0); /* comes too late for either */
    tg_network_seal(network);
    assert_true(tg_network_is_default(network, VPN, TG_IPV6));
    assert_false(tg_network_is_default(network, WAN, TG_IPV6));
    assert_true(tg_network_is_default(network, WAN, TG_IPV4));
    assert_false(tg_network_is_default(network, LAN, TG_IPV4));
    assert_int_equal(tg_network_zone_to(network, TG_IPV6, where("2001:db8::1").addr), VPN);
    assert_int_equal(tg_network_zone_to(network, TG_IPV4, where("192.0.2.1").addr), WAN);
    tg_network_free(network);
}

TEST(a_view_of_nothing)
{
    struct tg_network *network = tg_network_new();
    struct tg_addr addr = where("192.0.2.1").addr;
    uint8_t zone;
    tg_network_seal(network);
    assert_int_equal(tg_network_zone_to(network, TG_IPV4, addr), NONE);
    assert_int_equal(tg_network_zone_from(network, TG_IPV4, addr), NONE);
    assert_false(tg_network_is_spoofed(network, WAN, TG_IPV4, addr));
    assert_false(tg_network_is_default(network, WAN, TG_IPV4));
    assert_false(tg_network_own_address(network, WAN, TG_IPV4, addr, &addr));
    assert_null(tg_network_address(network, 0, &zone));
    tg_network_free(network);
    tg_network_free(NULL);
}

TEST(addresses_are_listed_in_the_order_of_adding)
{
    static const char *const added[] = {"203.0.113.2/24",     "192.168.1.1/24", "192.168.7.1/31", "192.168.2.129/25",
                                        "2001:db8:0:1::2/64", "fd00:1::1/64",   "203.0.113.77/32"};
    struct tg_network *network = house();
    uint8_t zone;
    for (size_t i = 0; i < COUNT(added); i++) {
        const struct tg_prefix *got = tg_network_address(network, i, &zone);
        struct tg_prefix wanted = prefix(added[i]);
        CHECK(added[i], got != NULL && tg_addr_equal(got->addr, wanted.addr) && got->len == wanted.len);
    }
    assert_null(tg_network_address(network, COUNT(added), &zone));
    tg_network_free(network);
}

/* RFC 4787 REQ-7. */
TEST(addresses_in_the_network_of_another_zone)
{
    static const struct {
        const char *name, *own;
        uint8_t zone, other;
    } rows[] = {
        {"numbered as the lan is", "192.168.1.77/24", WAN, LAN},
        {"a part of it", "192.168.1.200/30", WAN, LAN},
        {"all of it, and more", "192.168.77.1/16", WAN, NONE},
        {"the same, on a link without a number", "192.168.1.1/32", WAN, NONE},
        {"another of the lan's own", "192.168.1.77/24", LAN, NONE},
        {"of another family", "2001:db8::1/64", WAN, NONE},
        {"over ipv6", "fd00:1::77/64", WAN, LAN},
        {"next to it", "192.168.2.1/24", WAN, NONE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_network *network = tg_network_new();
        struct tg_prefix lan = prefix("192.168.1.1/24"), lan6 = prefix("fd00:1::1/64"), all = prefix("0.0.0.0/0"),
                         own = prefix(rows[i].own);
        assert_int_equal(tg_network_add_address(network, LAN, &lan), 0);
        assert_int_equal(tg_network_add_address(network, LAN, &lan6), 0);
        assert_int_equal(tg_network_add_address(network, rows[i].zone, &own), 0);
        assert_int_equal(tg_network_add_route(network, WAN, &all), 0);
        tg_network_seal(network);
        uint8_t other = NONE;
        bool clashes = tg_network_clashes(network, 2, &other);
        CHECK_EQUAL(rows[i].name, clashes, rows[i].other != NONE);
        CHECK_EQUAL(rows[i].name, other, rows[i].other);
        tg_network_free(network);
    }
}

/* Many routes in any order: the one found is the longest that holds the address, and of equals the first added. */
TEST(the_longest_prefix_against_a_plain_search)
{
    enum { ROUTES = 120, LOOKUPS = 20000 };
    static struct {
        struct tg_prefix prefix;
        uint8_t zone;
    } routes[ROUTES];
    uint64_t seed = 5;
    struct tg_network *network = tg_network_new();
    for (size_t i = 0; i < ROUTES; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint8_t len = (uint8_t)((seed >> 33) % 25);
        routes[i].prefix = (struct tg_prefix){tg_ipv4((uint32_t)(seed >> 40) << 8), TG_IPV4, len};
        routes[i].zone = (uint8_t)(WAN + i % 200);
        assert_int_equal(tg_network_add_route(network, routes[i].zone, &routes[i].prefix), 0);
    }
    tg_network_seal(network);
    for (size_t n = 0; n < LOOKUPS; n++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t addr = (uint32_t)(seed >> 32);
        int longest = -1;
        uint8_t wanted = NONE;
        for (size_t i = 0; i < ROUTES; i++) {
            uint32_t mask = routes[i].prefix.len == 0 ? 0 : ~UINT32_C(0) << (32 - routes[i].prefix.len);
            if (((addr ^ (uint32_t)routes[i].prefix.addr.lo) & mask) == 0 && (int)routes[i].prefix.len > longest) {
                longest = routes[i].prefix.len;
                wanted = routes[i].zone;
            }
        }
        if (addr >> 28 == 0xe)
            wanted = ROUTER;
        uint8_t got = tg_network_zone_to(network, TG_IPV4, tg_ipv4(addr));
        if (got != wanted)
            fail_msg("%08x goes to zone %u, not %u", addr, got, wanted);
    }
    tg_network_free(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_packets_leave_to_and_come_from),
        cmocka_unit_test(which_sources_are_honest),
        cmocka_unit_test(whose_address_it_is),
        cmocka_unit_test(the_address_that_a_peer_sees),
        cmocka_unit_test(default_routes),
        cmocka_unit_test(a_view_of_nothing),
        cmocka_unit_test(addresses_are_listed_in_the_order_of_adding),
        cmocka_unit_test(addresses_in_the_network_of_another_zone),
        cmocka_unit_test(the_longest_prefix_against_a_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
