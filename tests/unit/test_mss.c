/* The segment size that a SYN offers: src/translate/mss.c, and which SYNs the engine lowers it in (RFC 9293 3.7.1, RFC
 * 6691). */
#include "house.h"

#include "translate/mss.h"

/* Lower the MSS in a packet that ends with its block of memory; what it is then comes back in *b. */
static bool clamp(struct bytes *b, uint32_t wire_len, uint16_t most)
{
    struct tg_packet packet;
    uint8_t *block = malloc(b->len);
    memcpy(block, b->at, b->len);
    packet = (struct tg_packet){.data = block, .len = b->len, .wire_len = wire_len};
    bool changed =
        tg_packet_decode(&packet, 0) == TG_DECODED && packet.kind == TG_TRANSPORT_TCP && mss_clamp(&packet, most);
    memcpy(b->at, block, b->len);
    free(block);
    return changed;
}

static const char *const families[] = {"192.168.1.9:1000 > 198.51.100.1:80", "[fd00:1::9]:1000 > [2001:db8:9::1]:80"};

TEST(options)
{
    static const struct {
        const char *name;
        uint8_t options[40], len;
        uint8_t wanted[40]; /* after lowering to 1400 */
    } rows[] = {
        {"none", {0}, 0, {0}},
        {"larger", {2, 4, 5, 180}, 4, {2, 4, 5, 120}},
        {"equal", {2, 4, 5, 120}, 4, {2, 4, 5, 120}},
        {"smaller is not raised", {2, 4, 2, 24}, 4, {2, 4, 2, 24}},
        {"by one", {2, 4, 5, 121}, 4, {2, 4, 5, 120}},
        {"the largest", {2, 4, 255, 255}, 4, {2, 4, 5, 120}},
        {"as hosts have it",
         {2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7},
         20,
         {2, 4, 5, 120, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7}},
        {"at an odd place", {1, 2, 4, 5, 180, 1, 1, 1}, 8, {1, 2, 4, 5, 120, 1, 1, 1}},
        {"at the end", {1, 1, 1, 1, 2, 4, 5, 180}, 8, {1, 1, 1, 1, 2, 4, 5, 120}},
        {"twice", {2, 4, 5, 180, 1, 2, 4, 5, 180, 0}, 10, {2, 4, 5, 120, 1, 2, 4, 5, 120, 0}},
        {"behind the end of the list", {0, 0, 0, 0, 2, 4, 5, 180}, 8, {0, 0, 0, 0, 2, 4, 5, 180}},
        {"of another length", {2, 3, 5, 180, 2, 5, 5, 180, 9, 0, 0, 0}, 12, {2, 3, 5, 180, 2, 5, 5, 180, 9, 0, 0, 0}},
        {"inside of another option", {30, 8, 2, 4, 5, 180, 0, 0}, 8, {30, 8, 2, 4, 5, 180, 0, 0}},
        {"behind an unknown one", {30, 4, 0, 0, 2, 4, 5, 180}, 8, {30, 4, 0, 0, 2, 4, 5, 120}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t f = 0; f < COUNT(families); f++)
            for (uint32_t payload = 0; payload < 4; payload++) {
                struct bytes b = tcp_with_options(families[f], SYN, 1, 0, payload, 9, rows[i].options, rows[i].len),
                             came = b;
                bool wanted = memcmp(rows[i].options, rows[i].wanted, rows[i].len) != 0;
                CHECK(rows[i].name, clamp(&b, b.len, 1400) == wanted);
                CHECK(rows[i].name, memcmp(transport(&b) + 20, rows[i].wanted, rows[i].len) == 0);
                CHECK(rows[i].name, are_checksums_right(b.at, b.len));
                CHECK(rows[i].name, wanted || memcmp(&b, &came, sizeof b) == 0);
            }
}

/* A packet that is cut could not be sent on changed. */
TEST(what_is_cut_stays)
{
    static const uint8_t option[] = {2, 4, 5, 180};
    for (size_t f = 0; f < COUNT(families); f++) {
        struct bytes whole = tcp_with_options(families[f], SYN, 1, 0, 500, 9, option, sizeof option);
        for (uint32_t len = whole.len - 500; len < whole.len; len += 99) {
            struct bytes b = whole;
            b.len = len;
            assert_false(clamp(&b, whole.len, 1400));
            assert_memory_equal(b.at, whole.at, len);
        }
        assert_true(clamp(&whole, whole.len, 1400));
    }
}

/* Any options, well formed or not, in a packet that ends anywhere, whatever was found in it before: only bytes of an
 * MSS change, the checksum stays right, nothing outside is touched (the sanitizers look). */
TEST(any_options)
{
    static const uint8_t likely[] = {0, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 8, 10, 40},
                         filler[40] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                       1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    uint64_t seed = 12;
    unsigned lowered = 0;
    for (int round = 0; round < 40000; round++) {
        uint32_t len = random32(&seed) % 11 * 4;
        struct bytes b = tcp_with_options(families[round % 2], SYN, 1, 0, random32(&seed) % 3, 9, filler, len);
        struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
        assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
        for (uint32_t i = 0; i < len; i++)
            transport(&b)[20 + i] =
                random32(&seed) % 4 ? likely[random32(&seed) % COUNT(likely)] : (uint8_t)random32(&seed);
        if (len != 0 && random32(&seed) % 2) { /* else there would be few to lower */
            uint8_t *option = transport(&b) + 20 + random32(&seed) % (len - 3);
            option[0] = 2;
            option[1] = 4;
        }
        seal(&b);
        packet.len = b.len - (random32(&seed) % 4 == 0 ? random32(&seed) % 40 : 0);
        packet.wire_len = packet.len; /* as if no more had come */
        packet.data = malloc(packet.len);
        memcpy(packet.data, b.at, packet.len);
        bool changed = mss_clamp(&packet, (uint16_t)(random32(&seed) % 2048));
        lowered += changed;
        assert_true(changed == (memcmp(b.at, packet.data, packet.len) != 0));
        memcpy(b.at, packet.data, packet.len);
        assert_true(are_checksums_right(b.at, b.len));
        free(packet.data);
    }
    assert_true(lowered > 1000);
}

/* ---- which ones ---- */

static const uint8_t mss_1460[] = {2, 4, 5, 180};

static struct bytes syn(const char *ends, unsigned flags)
{
    return tcp_with_options(ends, flags, 1, flags & ACK ? 2 : 0, 0, 9, mss_1460, sizeof mss_1460);
}

static uint16_t mss_of(struct bytes *b)
{
    return get16(transport(b) + 22);
}

/* wan clamps if asked to and carries `wan_mtu`; lan carries `lan_mtu` and guest 1300. */
static struct house open_narrow_home(bool clamps, uint32_t wan_mtu, uint32_t lan_mtu)
{
    struct tg_policy *policy = policy_new();
    struct tg_prefix prefix[2];
    must(tg_prefix_parse("203.0.113.1/24", &prefix[0]));
    must(tg_prefix_parse("2001:db8:0:1::2/64", &prefix[1]));
    must(policy_add_zone(policy, &(struct tg_zone){.name = "wan",
                                                   .masquerade = true,
                                                   .mss_clamp = clamps,
                                                   .addresses = prefix,
                                                   .address_count = 2}));
    add_zone(policy, "lan", false, "192.168.1.1/24", "fd00:1::1/64");
    add_zone(policy, "guest", false, "192.168.2.1/24", NULL);
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    add_rule(policy, TG_ACCEPT, NONE, NONE, 0, 0);
    struct house h = open_house(policy, 64, 1);
    struct tg_network *network = tg_network_new();
    for (uint8_t zone = WAN; zone <= GUEST; zone++) {
        const struct tg_zone *z = tg_policy_zone(policy, zone);
        for (size_t i = 0; i < z->address_count; i++)
            must(tg_network_add_address(network, zone, &z->addresses[i]));
    }
    must(tg_network_add_default(network, WAN));
    tg_network_set_mtu(network, WAN, wan_mtu);
    tg_network_set_mtu(network, LAN, lan_mtu);
    tg_network_set_mtu(network, GUEST, 1300);
    tg_network_seal(network);
    load(&h, policy, network);
    return h;
}

TEST(connections_that_cross)
{
    static const struct {
        const char *name, *ends;
        bool clamps;
        uint8_t zone;
        uint32_t wan, lan;
        uint16_t wanted;
    } rows[] = {
        {"out by it", "192.168.1.9:1000 > 198.51.100.1:80", true, LAN, 1492, 1500, 1452},
        {"in by it", "198.51.100.9:1000 > 203.0.113.1:8080", true, WAN, 1492, 1500, 1452},
        {"the other zone carries less", "192.168.1.9:1000 > 198.51.100.1:80", true, LAN, 1492, 1400, 1360},
        {"in, and the other zone carries less", "198.51.100.9:1000 > 203.0.113.1:8080", true, WAN, 1492, 1400, 1360},
        {"IPv6 out", "[fd00:1::9]:1000 > [2001:db8:9::1]:80", true, LAN, 1492, 1500, 1432},
        {"IPv6 in", "[2001:db8:9::1]:1000 > [fd00:1::9]:80", true, WAN, 1492, 1500, 1432},
        {"enough room", "192.168.1.9:1000 > 198.51.100.1:80", true, LAN, 1500, 1500, 1460},
        {"IPv6 has less", "[fd00:1::9]:1000 > [2001:db8:9::1]:80", true, LAN, 1500, 1500, 1440},
        {"not asked for", "192.168.1.9:1000 > 198.51.100.1:80", false, LAN, 1492, 1400, 1460},
        {"does not cross it", "192.168.2.9:1000 > 192.168.1.50:80", true, GUEST, 1492, 1400, 1460},
        {"the router's own", "203.0.113.1:1000 > 198.51.100.1:80", true, ROUTER, 1492, 1400, 1452},
        {"to the router", "198.51.100.1:1000 > 203.0.113.1:22", true, WAN, 1492, 1400, 1452},
        {"more than can be said", "192.168.1.9:1000 > 198.51.100.1:80", true, LAN, 9000000, 9000000, 1460},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_narrow_home(rows[i].clamps, rows[i].wan, rows[i].lan);
        struct bytes first = syn(rows[i].ends, SYN);
        judge(&h, rows[i].zone, &first);
        CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
        CHECK_EQUAL(rows[i].name, mss_of(&h.bytes), rows[i].wanted);
        CHECK(rows[i].name,
              h.verdict.rewritten == (rows[i].wanted != 1460 || h.verdict.translation != TG_TRANSLATE_NONE));
        judge(&h, rows[i].zone, &first); /* repeated */
        CHECK_EQUAL(rows[i].name, mss_of(&h.bytes), rows[i].wanted);
        close_house(&h);
    }
}

TEST(answers_and_what_is_no_syn)
{
    struct house h = open_narrow_home(true, 1492, 1500);
    struct bytes b = syn("192.168.1.9:1000 > 198.51.100.1:80", SYN);
    judge(&h, LAN, &b);
    EXPECT(&h, WAN, syn("198.51.100.1:80 > 203.0.113.1:1000", SYN | ACK),
           "accept established -> 198.51.100.1:80 > 192.168.1.9:1000");
    assert_int_equal(mss_of(&h.bytes), 1452);
    b = syn("[fd00:1::9]:1000 > [2001:db8:9::1]:80", SYN);
    judge(&h, LAN, &b);
    EXPECT(&h, WAN, syn("[2001:db8:9::1]:80 > [fd00:1::9]:1000", SYN | ACK), "accept established");
    assert_true(h.verdict.rewritten);
    assert_int_equal(mss_of(&h.bytes), 1432);
    EXPECT(&h, LAN, syn("[fd00:1::9]:1000 > [2001:db8:9::1]:80", ACK), "accept established");
    assert_false(h.verdict.rewritten);
    assert_int_equal(mss_of(&h.bytes), 1460);
    close_house(&h);
}

TEST(what_is_refused_stays)
{
    struct house h = open_narrow_home(true, 1492, 1500);
    struct tg_policy *policy = policy_new();
    struct tg_prefix prefix;
    must(tg_prefix_parse("203.0.113.1/24", &prefix));
    must(
        policy_add_zone(policy,
                        &(struct tg_zone){.name = "wan", .mss_clamp = true, .addresses = &prefix, .address_count = 1}));
    add_zone(policy, "lan", false, "192.168.1.1/24", NULL);
    reload(&h, policy);
    EXPECT(&h, LAN, syn("192.168.1.9:1000 > 203.0.113.9:80", SYN), "drop default");
    assert_false(h.verdict.rewritten);
    assert_int_equal(mss_of(&h.bytes), 1460);
    close_house(&h);
}

/* Where the source can only be rewritten at a later hook, the size is lowered at the first, and stays so. */
TEST(in_two_halves)
{
    struct house h = open_narrow_home(true, 1492, 1500);
    h.arrival.half = true;
    EXPECT(&h, LAN, syn("192.168.1.9:1000 > 203.0.113.1:8080", SYN),
           "accept forward -> 192.168.1.9:1000 > 192.168.1.50:80");
    assert_int_equal(mss_of(&h.bytes), 1460); /* it stays in the lan */
    EXPECT(&h, WAN, syn("198.51.100.9:1000 > 203.0.113.1:8080", SYN),
           "accept forward -> 198.51.100.9:1000 > 192.168.1.50:80");
    assert_int_equal(mss_of(&h.bytes), 1452);
    close_house(&h);
}

/* A packet in a capture that the router has sent out already. */
TEST(a_copy_stays)
{
    struct house h = open_narrow_home(true, 1492, 1500);
    h.arrival.may_be_copy = true;
    EXPECT(&h, LAN, syn("192.168.1.9:1000 > 198.51.100.1:80", SYN),
           "accept rule -> 203.0.113.1:1000 > 198.51.100.1:80");
    EXPECT(&h, WAN, syn("203.0.113.1:1000 > 198.51.100.1:80", SYN), "accept established as it stands");
    assert_int_equal(mss_of(&h.bytes), 1460);
    assert_false(h.verdict.rewritten);
    close_house(&h);
}

/* Fragments of a SYN that carries data: the first has the option, the others stay as they are. */
TEST(a_syn_in_fragments)
{
    struct house h = open_narrow_home(true, 1492, 1500);
    struct bytes whole =
        tcp_with_options("192.168.1.9:1000 > 198.51.100.1:80", SYN, 1, 0, 200, 9, mss_1460, sizeof mss_1460);
    EXPECT(&h, LAN, fragment_of(whole, 0, 104, true), "accept rule -> 203.0.113.1:1000 > 198.51.100.1:80");
    assert_int_equal(mss_of(&h.bytes), 1452);
    EXPECT(&h, LAN, fragment_of(whole, 104, 120, false), "accept rule -> 203.0.113.1 > 198.51.100.1");
    struct bytes six =
        tcp_with_options("[fd00:1::9]:1000 > [2001:db8:9::1]:80", SYN, 1, 0, 200, 9, mss_1460, sizeof mss_1460);
    EXPECT(&h, LAN, fragment6_of(six, 0, 104, true), "accept rule");
    assert_true(h.verdict.rewritten);
    assert_int_equal(mss_of(&h.bytes), 1432);
    EXPECT(&h, LAN, fragment6_of(six, 104, 120, false), "accept rule");
    assert_false(h.verdict.rewritten);
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options),
        cmocka_unit_test(what_is_cut_stays),
        cmocka_unit_test(any_options),
        cmocka_unit_test(connections_that_cross),
        cmocka_unit_test(answers_and_what_is_no_syn),
        cmocka_unit_test(what_is_refused_stays),
        cmocka_unit_test(in_two_halves),
        cmocka_unit_test(a_copy_stays),
        cmocka_unit_test(a_syn_in_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
