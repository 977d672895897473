/* When there is no room, or no port: what stands behaves as ever, and who is inside is told (src/engine/room.c). */
#include "flows.h"

enum { ROOM = 1024 };

/* ---- mapping and filtering, however full ---- */

static uint16_t port_of(struct house *h, const char *row, uint8_t proto, const char *ends)
{
    struct bytes b = proto == TG_PROTO_TCP ? tcp(ends, SYN, 1000, 0, 0) : udp(ends, 4);
    CHECK(row, passes(h, LAN, &b));
    return left_from(h);
}

static bool is_let_in(struct house *h, uint8_t proto, const char *from, uint16_t port)
{
    char ends[100];
    snprintf(ends, sizeof ends, "%s > 203.0.113.1:%u", from, port);
    struct bytes b = proto == TG_PROTO_TCP ? tcp(ends, SYN | ACK, 9000, 1001, 0) : udp(ends, 4);
    return passes(h, WAN, &b);
}

/* RFC 4787 REQ-11 (a): at nothing, 90 and 100 hundredths. Only whether something new begins may depend on the room. */
TEST(behaviour_is_the_same_at_0_90_and_100_percent)
{
    enum { HUNDRED = 1000 };
    static const uint32_t fills[] = {0, HUNDRED * 9 / 10, HUNDRED};
    static const uint8_t protos[] = {TG_PROTO_UDP, TG_PROTO_TCP};
    for (size_t i = 0; i < COUNT(fills); i++)
        for (size_t j = 0; j < COUNT(protos); j++) {
            struct tg_policy *policy = home_policy();
            struct house h = open_house(policy, HUNDRED, 1);
            char row[40];
            snprintf(row, sizeof row, "%u of %u, protocol %u", fills[i], HUNDRED, protos[j]);
            port_of(&h, row, protos[j], "192.168.1.7:5001 > 198.51.100.9:9");
            uint16_t kept = port_of(&h, row, protos[j], "192.168.1.8:6000 > 198.51.100.1:80");
            uint16_t port = port_of(&h, row, protos[j], "192.168.1.9:5001 > 198.51.100.1:80");
            uint16_t low = port_of(&h, row, protos[j], "192.168.1.9:500 > 198.51.100.1:80");
            CHECK(row, kept == 6000 && port != 5001 && port % 2 == 1 && port >= 1024 && low == 500);
            for (uint32_t n = connections_of(&h); n < fills[i]; n++) {
                struct flow f = from_inside(TG_PROTO_UDP, n % 40, (uint16_t)(1 + n));
                CHECK(row, begins(&h, &f));
            }
            CHECK(row, fills[i] == 0 || connections_of(&h) == fills[i]);
            static const char *const others[] = {"192.168.1.9:5001 > 198.51.100.2:80",
                                                 "192.168.1.9:5001 > 198.51.100.1:81"};
            for (size_t k = 0; k < COUNT(others); k++) {
                struct bytes b = protos[j] == TG_PROTO_TCP ? tcp(others[k], SYN, 1000, 0, 0) : udp(others[k], 4);
                bool passed = passes(&h, LAN, &b);
                CHECK_EQUAL(row, passed, fills[i] < HUNDRED);
                CHECK(row, passed ? left_from(&h) == port : h.verdict.reason == TG_REASON_LIMIT);
            }
            struct bytes again = protos[j] == TG_PROTO_TCP ? tcp("192.168.1.9:5001 > 198.51.100.1:80", SYN, 1000, 0, 0)
                                                           : udp("192.168.1.9:5001 > 198.51.100.1:80", 4);
            CHECK(row, passes(&h, LAN, &again) && left_from(&h) == port);
            CHECK(row, is_let_in(&h, protos[j], "198.51.100.1:80", port));
            CHECK(row, is_let_in(&h, protos[j], "198.51.100.1:80", kept));
            CHECK(row, !is_let_in(&h, protos[j], "198.51.100.1:82", port));
            CHECK(row, !is_let_in(&h, protos[j], "198.51.100.66:80", port));
            CHECK(row, !is_let_in(&h, protos[j], "198.51.100.1:80", 5003));
            close_house(&h);
        }
}

/* ---- ports ---- */

static struct tg_policy *policy_of_ports(uint16_t first, uint16_t last)
{
    struct tg_policy *policy = policy_for_all();
    struct policy_nat nat = *policy_nat(policy);
    nat.ports = (struct policy_ports){first, last};
    policy_set_nat(policy, &nat);
    return policy;
}

static bool goes_out(struct house *h, uint32_t device, uint16_t port)
{
    char ends[100];
    snprintf(ends, sizeof ends, "192.168.1.%u:%u > 198.51.100.1:53", device, port);
    struct bytes b = udp(ends, 4);
    return passes(h, LAN, &b);
}

/* RFC 6888 REQ-4: who has an eighth of the ports gets no other while half are taken; others do. */
TEST(one_inside_has_its_share_of_the_ports)
{
    enum { PORTS_OF_IT = 400 };
    struct house h = open_house(policy_of_ports(2000, 2000 + PORTS_OF_IT - 1), 4096, 1);
    uint32_t count[2] = {0};
    assert_true(goes_out(&h, 11, 10000));
    uint16_t kept = left_from(&h);
    for (uint32_t device = 0; device < 2; device++)
        for (uint16_t port = 1; port <= PORTS_OF_IT; port++)
            count[device] += goes_out(&h, 10 + device, (uint16_t)(10000 + port));
    assert_int_equal(count[0], PORTS_OF_IT / 2);
    assert_int_equal(count[1], PORTS_OF_IT / 8 - 1);
    assert_int_equal(h.verdict.reason, TG_REASON_LIMIT);
    assert_true(goes_out(&h, 12, 10000));
    struct bytes other = udp("192.168.1.11:10000 > 198.51.100.2:53", 4); /* a port that it has serves it on */
    assert_true(passes(&h, LAN, &other));
    assert_int_equal(left_from(&h), kept);
    close_house(&h);
}

/* RFC 6888 REQ-8: for two minutes a port whose last connection has ended is nobody's but its own inside's. */
TEST(a_freed_port_rests)
{
    struct house h = open_room(ROOM);
    assert_true(goes_out(&h, 10, 6000));
    assert_int_equal(left_from(&h), 6000);
    pass_time(&h, 124);
    assert_int_equal(connections_of(&h), 0);
    assert_true(goes_out(&h, 11, 6000));
    assert_int_not_equal(left_from(&h), 6000);
    assert_true(goes_out(&h, 10, 6000));
    assert_int_equal(left_from(&h), 6000);
    pass_time(&h, 124);
    pass_time(&h, 121);
    assert_true(goes_out(&h, 12, 6000));
    assert_int_equal(left_from(&h), 6000);
    close_house(&h);
}

/* ---- being told ---- */

/* RFC 5508 REQ-8, RFC 6888 REQ-11: who is inside is told, at most once a second; who is outside never. */
TEST(who_is_inside_is_told_once_in_a_while)
{
    struct house h = open_house(policy_of_ports(2000, 2001), 4096, 1);
    assert_true(goes_out(&h, 10, 10000) && !h.verdict.answer);
    assert_true(goes_out(&h, 11, 10001) && !h.verdict.answer);
    for (int round = 0; round < 5; round++) {
        uint32_t told = 0;
        for (int i = 0; i < 90; i++) {
            assert_false(goes_out(&h, 12, (uint16_t)(3000 + i)));
            assert_true(h.verdict.action == TG_DROP && h.verdict.reason == TG_REASON_LIMIT);
            told += h.verdict.answer;
            assert_true(told > 0); /* the first at once */
            wait_for(&h, 0.01);
        }
        assert_int_equal(told, 1);
        wait_for(&h, 0.2);
    }
    assert_true(goes_out(&h, 10, 10000) && !h.verdict.answer);
    close_house(&h);
}

TEST(each_is_told_and_only_inside)
{
    struct house h = open_room(64);
    struct flow f;
    for (uint16_t n = 1; n <= 64; n++) {
        f = from_inside(TG_PROTO_UDP, 1, n);
        establish(&h, &f);
    }
    uint32_t told = 0;
    for (uint32_t device = 0; device < 20; device++) {
        told += !goes_out(&h, 100 + device, 1) && h.verdict.answer;
        f = from_inside(TG_PROTO_UDP, 100 + device, 1);
        expect_limit(&h, &f);
        told += h.verdict.answer;
        f = from_inside(TG_PROTO_TCP, 200 + device, 1);
        expect_limit(&h, &f);
        told += h.verdict.answer;
        f = from_outside(TG_PROTO_UDP, device, 1);
        expect_limit(&h, &f);
        assert_false(h.verdict.answer);
        f = from_outside(TG_PROTO_TCP, device, 1);
        expect_limit(&h, &f);
        assert_false(h.verdict.answer);
        f = from_router(TG_PROTO_UDP, (uint16_t)(1 + device));
        expect_limit(&h, &f);
        assert_false(h.verdict.answer);
    }
    assert_true(told > 30);                                                    /* a few share a place with another */
    struct bytes stray = tcp("192.168.1.9:5 > 198.51.100.1:80", ACK, 5, 5, 0); /* begins nothing */
    judge(&h, LAN, &stray);
    assert_false(h.verdict.answer);
    close_house(&h);
}

/* Of a datagram in fragments the first is told of, and no other. */
TEST(fragments_are_told_of_once)
{
    struct house h = open_room(1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:9", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:9");
    const struct bytes whole = udp("192.168.1.10:5 > 198.51.100.1:9", 1000);
    EXPECT(&h, LAN, fragment_of(whole, 0, 504, true), "drop limit");
    assert_true(h.verdict.answer);
    EXPECT(&h, LAN, fragment_of(whole, 504, 504, false), "drop limit");
    assert_false(h.verdict.answer);
    close_house(&h);
}

/* What is picked up and finds no port is no limit's doing, and does not take the next one's turn to be told. */
TEST(what_is_picked_up_is_not_told)
{
    struct tg_policy *policy = policy_of_ports(2000, 2000);
    policy_set_pickup(policy);
    struct house h = open_house(policy, 64, 1);
    assert_true(goes_out(&h, 10, 10000));
    EXPECT(&h, LAN, tcp("192.168.1.10:2000 > 198.51.100.1:80", SYN, 5, 0, 0),
           "accept rule -> 203.0.113.1:2000 > 198.51.100.1:80");
    EXPECT(&h, LAN, tcp("192.168.1.12:2000 > 198.51.100.1:80", ACK, 5, 5, 10), "drop invalid");
    assert_false(h.verdict.answer);
    assert_false(goes_out(&h, 12, 10000));
    assert_true(h.verdict.answer);
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaviour_is_the_same_at_0_90_and_100_percent),
        cmocka_unit_test(one_inside_has_its_share_of_the_ports),
        cmocka_unit_test(a_freed_port_rests),
        cmocka_unit_test(who_is_inside_is_told_once_in_a_while),
        cmocka_unit_test(each_is_told_and_only_inside),
        cmocka_unit_test(fragments_are_told_of_once),
        cmocka_unit_test(what_is_picked_up_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
