/* IPv4 identifications of what leaves with another source (src/engine/identify.c): RFC 6864, RFC 7857 9. */
#include "house.h"

static uint16_t number_of(const struct bytes *b)
{
    return get16(b->at + 4);
}

static struct bytes numbered(struct bytes b, uint16_t number, bool may_be_cut)
{
    put16(b.at + 4, number);
    if (!may_be_cut)
        b.at[6] |= 0x40;
    seal_checksums(&b);
    return b;
}

static struct bytes from_inside(unsigned inside, uint8_t proto, const char *remote)
{
    char ends[80];
    snprintf(ends, sizeof ends, "192.168.1.%u:5000 > %s:80", inside, remote);
    if (proto == TG_PROTO_ICMP) {
        snprintf(ends, sizeof ends, "192.168.1.%u > %s", inside, remote);
        return ping(ends, 5000);
    }
    return proto == TG_PROTO_TCP ? tcp(ends, SYN, 1, 0, 0) : datagram(proto, ends, 16);
}

/* => the identification that it left with */
static uint16_t send_out(struct house *h, struct bytes b)
{
    judge(h, LAN, &b);
    assert_int_equal(h->verdict.action, TG_ACCEPT);
    return number_of(&h->bytes);
}

/* Two that count alike leave by one address: what they may be cut into must not be taken for each other's. */
TEST(two_that_count_alike)
{
    static const uint8_t protos[] = {TG_PROTO_UDP, TG_PROTO_TCP, TG_PROTO_ICMP};
    struct house h = open_home();
    for (size_t i = 0; i < COUNT(protos); i++) {
        bool used[65536] = {false};
        for (unsigned n = 0; n < 30000; n++) {
            uint16_t number =
                send_out(&h, numbered(from_inside(8 + n % 2, protos[i], "198.51.100.1"), (uint16_t)(n / 2), true));
            CHECK("used once", !used[number]);
            used[number] = true;
            if (n % 100 == 0) /* others in between run other counters, or at most the same one faster */
                send_out(&h, numbered(from_inside(8, protos[i], "198.51.100.2"), 7, true));
        }
    }
    close_house(&h);
}

/* What one sees does not tell what another does. */
TEST(each_pair_of_addresses_begins_elsewhere)
{
    struct house h = open_house(home_policy(), 1024, 1);
    unsigned alike = 0;
    for (unsigned n = 1; n < 200; n++) {
        char a[32], b[32];
        snprintf(a, sizeof a, "198.51.100.%u", n);
        snprintf(b, sizeof b, "198.51.101.%u", n);
        uint16_t apart =
            (uint16_t)(send_out(&h, from_inside(8, TG_PROTO_UDP, a)) - send_out(&h, from_inside(8, TG_PROTO_UDP, b)));
        alike += apart < 16 || apart > 65520;
    }
    assert_true(alike < 5);
    close_house(&h);
}

/* RFC 6864 4.1: what is never cut keeps its own, as does what keeps its source. */
TEST(what_keeps_its_own)
{
    struct tg_policy *policy = home_policy();
    add_rule(policy, TG_ACCEPT, LAN, GUEST, 0, 0);
    add_forward(policy, TG_PROTO_UDP, 4000, 1, "192.168.1.50", 4000, 1);
    struct house h = open_house(policy, 64, 1);
    for (unsigned n = 0; n < 10; n++) {
        assert_int_equal(send_out(&h, numbered(from_inside(8, TG_PROTO_UDP, "198.51.100.1"), 77, false)), 77);
        assert_int_equal(send_out(&h, numbered(from_inside(8, TG_PROTO_UDP, "192.168.2.7"), 77, true)), 77);
        struct bytes in = numbered(udp("198.51.100.9:1 > 203.0.113.1:4000", 4), 77, true);
        judge(&h, WAN, &in);
        assert_int_equal(h.verdict.translation, TG_TRANSLATE_WHOLE);
        assert_int_equal(number_of(&h.bytes), 77);
    }
    /* the answer leaves with another source: one to one it needs none, but that is not known here */
    struct bytes out = numbered(udp("192.168.1.50:4000 > 198.51.100.9:1", 4), 77, true);
    judge(&h, LAN, &out);
    uint16_t number = number_of(&h.bytes);
    judge(&h, LAN, &out);
    assert_int_equal(number_of(&h.bytes), (uint16_t)(number + 1));
    close_house(&h);
}

/* All pieces of a datagram keep together, whatever the order, and two datagrams apart. */
TEST(pieces)
{
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}};
    struct house h = open_home();
    for (size_t i = 0; i < COUNT(orders); i++) {
        uint16_t numbers[2];
        struct bytes whole[2] = {numbered(udp("192.168.1.8:5000 > 198.51.100.1:80", 1000), 500, true),
                                 numbered(udp("192.168.1.9:5000 > 198.51.100.1:80", 1000), 500, true)};
        for (unsigned piece = 0; piece < 3; piece++)
            for (unsigned w = 0; w < 2; w++) {
                uint32_t at = orders[i][piece] * 400;
                struct bytes b = fragment_of(whole[w], at, at == 800 ? 208 : 400, at != 800);
                uint16_t number = send_out(&h, b);
                if (piece == 0)
                    numbers[w] = number;
                assert_int_equal(number, numbers[w]);
            }
        assert_int_not_equal(numbers[0], numbers[1]);
    }
    /* cut though it must not be, some hosts do that: it has to be told apart no less */
    struct bytes whole = numbered(udp("192.168.1.8:5000 > 198.51.100.1:80", 1000), 600, true);
    struct bytes first = fragment_of(whole, 0, 400, true), again = fragment_of(whole, 0, 400, true);
    first.at[6] |= 0x40;
    again.at[6] |= 0x40;
    put16(again.at + 4, 601);
    seal_checksums(&first);
    seal_checksums(&again);
    assert_int_not_equal(send_out(&h, first), send_out(&h, again));
    close_house(&h);
}

/* In two steps: the number changes with the source, at the second. */
TEST(in_two_steps)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_UDP, 4000, 1, "192.168.1.50", 4000, 1);
    struct house h = open_house(policy, 64, 1);
    h.arrival.half = true;
    struct bytes whole = numbered(udp("192.168.1.9:1 > 203.0.113.1:4000", 1000), 500, true);
    uint16_t last = 0;
    for (unsigned n = 0; n < 4; n++) {
        struct bytes b = n == 0   ? numbered(udp("192.168.1.9:1 > 203.0.113.1:4000", 4), 500, true)
                         : n == 1 ? fragment_of(whole, 0, 400, true)
                                  : fragment_of(whole, (n - 1) * 400, n == 2 ? 400 : 208, n == 2);
        assert_int_equal(send_out(&h, b), 500);
        assert_int_equal(h.verdict.translation, TG_TRANSLATE_HALF);
        assert_int_equal(tg_packet_decode(&h.packet, 0), TG_DECODED);
        assert_true(tg_engine_finish(h.engine, &h.packet));
        assert_true(are_checksums_right(h.bytes.at, h.bytes.len));
        assert_int_equal(h.bytes.at[15], 1); /* 192.168.1.1 */
        if (n == 1)
            assert_int_equal(number_of(&h.bytes), (uint16_t)(last + 1));
        if (n > 1)
            assert_int_equal(number_of(&h.bytes), last);
        last = number_of(&h.bytes);
    }
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_count_alike), cmocka_unit_test(each_pair_of_addresses_begins_elsewhere),
        cmocka_unit_test(what_keeps_its_own),   cmocka_unit_test(pieces),
        cmocka_unit_test(in_two_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
