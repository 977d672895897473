/* Hairpins by a mapping (src/engine/filter.c): what an inside sends to the outside address and port of another's. RFC
 * 4787 REQ-9, RFC 5382 REQ-8, RFC 5508 REQ-7.
 *
 * In every test two others have taken the ports 5000 and 6000 before 192.168.1.8:5000 and 192.168.1.9:6000 have learnt
 * from somebody outside what they leave as: a translator that only keeps ports would find its way back by them.
 */
#include "house.h"

#define OUTSIDE "203.0.113.1"

struct peers {
    struct house h;
    uint8_t proto;
    uint16_t x, y; /* what 192.168.1.8:5000 and 192.168.1.9:6000 leave as */
    char to_y[80], to_x[80];
    char at_y[80], at_x[80]; /* as the other gets it */
};

static struct bytes packet(uint8_t proto, const char *ends)
{
    return proto == TG_PROTO_TCP ? tcp(ends, SYN, 1000, 0, 0) : datagram(proto, ends, 16);
}

static void send_out(struct peers *p, const char *from)
{
    char ends[80];
    snprintf(ends, sizeof ends, "%s > 198.51.100.1:3478", from);
    struct bytes b = packet(p->proto, ends);
    judge(&p->h, LAN, &b);
    if (p->h.verdict.action != TG_ACCEPT)
        fail_msg("%s: %s", ends, p->h.text);
}

static struct peers open_peers(struct tg_policy *policy, uint8_t proto)
{
    struct peers p = {.h = open_house(policy, 64, 1), .proto = proto};
    send_out(&p, "192.168.1.20:5000");
    send_out(&p, "192.168.1.21:6000");
    send_out(&p, "192.168.1.8:5000");
    p.x = left_from(&p.h);
    send_out(&p, "192.168.1.9:6000");
    p.y = left_from(&p.h);
    assert_true(p.x != 5000 && p.x != 6000 && p.y != 5000 && p.y != 6000);
    snprintf(p.to_y, sizeof p.to_y, "192.168.1.8:5000 > " OUTSIDE ":%u", p.y);
    snprintf(p.to_x, sizeof p.to_x, "192.168.1.9:6000 > " OUTSIDE ":%u", p.x);
    snprintf(p.at_y, sizeof p.at_y, OUTSIDE ":%u > 192.168.1.9:6000", p.x);
    snprintf(p.at_x, sizeof p.at_x, OUTSIDE ":%u > 192.168.1.8:5000", p.y);
    return p;
}

static void expect(struct peers *p, uint8_t zone, struct bytes b, const char *what, const char *arrives)
{
    char wanted[200];
    snprintf(wanted, sizeof wanted, arrives == NULL ? "%s" : "%s -> %s", what, arrives);
    judge(&p->h, zone, &b);
    if (strcmp(p->h.text, wanted) != 0)
        fail_msg("proto %u: %s, wanted %s", p->proto, p->h.text, wanted);
}

static const uint8_t protocols[] = {TG_PROTO_UDP, TG_PROTO_UDPLITE};

/* By the strictest filtering, which is the default: when both have spoken, and not before. */
TEST(two_that_speak_to_each_other)
{
    for (size_t i = 0; i < COUNT(protocols); i++) {
        struct peers p = open_peers(home_policy(), protocols[i]);
        for (int n = 0; n < 3; n++)
            expect(&p, LAN, packet(p.proto, p.to_y), "drop default", NULL);
        expect(&p, LAN, packet(p.proto, p.to_x), "accept rule", p.at_x);
        assert_int_equal(p.h.verdict.zone_out, LAN);
        for (int n = 0; n < 3; n++) {
            expect(&p, LAN, packet(p.proto, p.to_y), "accept established", p.at_y);
            expect(&p, LAN, packet(p.proto, p.to_x), "accept established", p.at_x);
        }
        close_house(&p.h);
    }
}

TEST(two_that_speak_at_once_by_tcp)
{
    struct peers p = open_peers(home_policy(), TG_PROTO_TCP);
    expect(&p, LAN, tcp(p.to_y, SYN, 1000, 0, 0), "drop default", NULL); /* without a word */
    expect(&p, LAN, tcp(p.to_x, SYN, 5000, 0, 0), "accept rule", p.at_x);
    expect(&p, LAN, tcp(p.to_y, SYN | ACK, 1000, 5001, 0), "accept established", p.at_y);
    expect(&p, LAN, tcp(p.to_x, ACK, 5001, 1001, 0), "accept established", p.at_x);
    expect(&p, LAN, tcp(p.to_y, ACK, 1001, 5001, 100), "accept established", p.at_y);
    expect(&p, LAN, tcp(p.to_x, ACK, 5001, 9999, 0), "drop invalid", NULL); /* followed as any is */
    close_house(&p.h);

    p = open_peers(home_policy(), TG_PROTO_TCP); /* a SYN sent again crosses the other */
    expect(&p, LAN, tcp(p.to_y, SYN, 1000, 0, 0), "drop default", NULL);
    expect(&p, LAN, tcp(p.to_x, SYN, 5000, 0, 0), "accept rule", p.at_x);
    expect(&p, LAN, tcp(p.to_y, SYN, 1000, 0, 0), "accept established", p.at_y);
    expect(&p, LAN, tcp(p.to_x, SYN | ACK, 5000, 1001, 0), "accept established", p.at_x);
    expect(&p, LAN, tcp(p.to_y, SYN | ACK, 1000, 5001, 0), "accept established", p.at_y);
    expect(&p, LAN, tcp(p.to_y, ACK, 1001, 5001, 100), "accept established", p.at_y);
    close_house(&p.h);
}

/* A third has been spoken to by nobody; nor has another port of who has. */
TEST(who_has_not_been_spoken_to)
{
    struct peers p = open_peers(home_policy(), TG_PROTO_UDP);
    char third[80], other[80];
    snprintf(third, sizeof third, "192.168.1.20:5000 > " OUTSIDE ":%u", p.x);
    snprintf(other, sizeof other, "192.168.1.9:7000 > " OUTSIDE ":%u", p.x);
    expect(&p, LAN, udp(p.to_y, 4), "drop default", NULL);
    for (int n = 0; n < 3; n++) {
        expect(&p, LAN, udp(third, 4), "drop default", NULL);
        expect(&p, LAN, udp(other, 4), "drop default", NULL);
        expect(&p, WAN, udp("198.51.100.66:5000 > " OUTSIDE ":5000", 4), "drop default", NULL);
    }
    snprintf(other, sizeof other, "192.168.1.8:5000 > " OUTSIDE ":%u", p.x);
    expect(&p, LAN, udp(other, 4), "drop default", NULL); /* itself */
    expect(&p, LAN, udp(p.to_x, 4), "accept rule", p.at_x);
    close_house(&p.h);
}

/* What waits does so for as long as any that is not answered. */
TEST(what_waits_too_long)
{
    struct peers p = open_peers(home_policy(), TG_PROTO_UDP);
    expect(&p, LAN, udp(p.to_y, 4), "drop default", NULL);
    for (int n = 0; n < 4; n++) {
        wait_for(&p.h, 31);
        send_out(&p, "192.168.1.8:5000"); /* the mappings live on */
        send_out(&p, "192.168.1.9:6000");
    }
    expect(&p, LAN, udp(p.to_x, 4), "drop default", NULL);
    expect(&p, LAN, udp(p.to_y, 4), "accept rule", p.at_y);
    close_house(&p.h);
}

TEST(freer_filtering)
{
    struct peers p = open_peers(home_with_nat(EI, EI), TG_PROTO_UDP);
    expect(&p, LAN, udp(p.to_y, 4), "accept rule", p.at_y);
    expect(&p, LAN, udp(p.to_x, 4), "accept established", p.at_x);
    close_house(&p.h);

    p = open_peers(home_with_nat(EI, AD), TG_PROTO_UDP);
    expect(&p, LAN, udp(p.to_x, 4), "drop default", NULL);
    expect(&p, LAN, udp("192.168.1.8:5000 > " OUTSIDE ":6000", 4), "drop default", NULL); /* it now knows the address */
    expect(&p, LAN, udp(p.to_x, 4), "accept rule", p.at_x);
    expect(&p, LAN, udp(p.to_y, 4), "accept established", p.at_y);
    close_house(&p.h);
}

/* It may if it might go out, and if nothing refuses it where it comes back; that all may speak to the router is no
 * reason for the router to have it. */
TEST(what_rules_say_of_it)
{
    static const struct {
        const char *name;
        uint8_t from, to;
        enum tg_action action;
        const char *wanted;
    } rows[] = {
        {"not out", LAN, WAN, TG_REJECT, "reject rule"},
        {"not back", LAN, LAN, TG_DROP, "drop rule"},
        {"to the router, all", LAN, ROUTER, TG_ACCEPT, NULL},
        {"not to the router", LAN, ROUTER, TG_DROP, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct peers p = open_peers(home_with_nat(EI, EI), TG_PROTO_UDP);
        expect(&p, LAN, udp(p.to_y, 4), "accept rule", p.at_y);
        struct tg_policy *policy = new_policy(true);
        add_rule(policy, rows[i].action, rows[i].from, rows[i].to, 0, 0);
        add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
        set_nat(policy, EI, EI);
        reload(&p.h, policy);
        if (rows[i].wanted == NULL) {
            expect(&p, LAN, udp(p.to_x, 4), "accept established", p.at_x);
        } else {
            expect(&p, LAN, udp(p.to_y, 4), rows[i].wanted, NULL); /* what has begun stops, too */
            expect(&p, LAN, udp(p.to_x, 4), rows[i].wanted, NULL);
        }
        close_house(&p.h);
    }
}

TEST(from_another_network)
{
    struct tg_policy *policy = home_policy();
    add_rule(policy, TG_ACCEPT, GUEST, WAN, 0, 0);
    struct peers p = open_peers(policy, TG_PROTO_UDP);
    EXPECT(&p.h, GUEST, udp("192.168.2.7:7000 > 198.51.100.1:3478", 4),
           "accept rule -> 203.0.113.1:7000 > 198.51.100.1:3478");
    char to_x[80], at_x[80], at_y[80];
    snprintf(to_x, sizeof to_x, "192.168.2.7:7000 > " OUTSIDE ":%u", p.x);
    snprintf(at_x, sizeof at_x, OUTSIDE ":7000 > 192.168.1.8:5000");
    expect(&p, GUEST, udp(to_x, 4), "drop default", NULL);
    snprintf(at_y, sizeof at_y, OUTSIDE ":%u > 192.168.2.7:7000", p.x);
    expect(&p, LAN, udp("192.168.1.8:5000 > " OUTSIDE ":7000", 4), "accept rule", at_y);
    expect(&p, GUEST, udp(to_x, 4), "accept established", at_x);
    close_house(&p.h);
}

/* RFC 5508 REQ-7: an error about it gets to who sent it, as from the outside address, about what he sent. */
TEST(errors_about_it)
{
    struct peers p = open_peers(home_policy(), TG_PROTO_UDP);
    expect(&p, LAN, udp(p.to_y, 4), "drop default", NULL);
    struct bytes sent = udp(p.to_x, 40), lost;
    expect(&p, LAN, sent, "accept rule", p.at_x);
    lost = p.h.bytes;
    expect(&p, LAN, icmp_error("192.168.1.8 > " OUTSIDE, 3, 3, &lost, 60), "accept related", OUTSIDE " > 192.168.1.9");
    assert_memory_equal(p.h.bytes.at + 28 + 12, sent.at + 12, 60 - 12); /* but for the identification and its sum */
    expect(&p, LAN, udp(p.to_y, 4), "accept established", p.at_y);
    lost = p.h.bytes;
    expect(&p, LAN, icmp_error("192.168.1.9 > " OUTSIDE, 3, 3, &lost, 28), "accept related", OUTSIDE " > 192.168.1.8");
    expect(&p, WAN, icmp_error("198.51.100.7 > " OUTSIDE, 3, 3, &lost, 28), "drop invalid", NULL);
    close_house(&p.h);
}

/* An error about what waits is about nothing that has passed. */
TEST(errors_about_what_waits)
{
    struct peers p = open_peers(home_policy(), TG_PROTO_UDP);
    char ends[80];
    expect(&p, LAN, udp(p.to_y, 4), "drop default", NULL);
    snprintf(ends, sizeof ends, OUTSIDE ":%u > " OUTSIDE ":%u", p.x, p.y);
    struct bytes lost = udp(ends, 4);
    expect(&p, WAN, icmp_error("198.51.100.7 > " OUTSIDE, 3, 3, &lost, 28), "drop invalid", NULL);
    expect(&p, LAN, icmp_error("192.168.1.9 > " OUTSIDE, 3, 3, &lost, 28), "drop invalid", NULL);
    close_house(&p.h);
}

TEST(in_fragments)
{
    struct peers p = open_peers(home_policy(), TG_PROTO_UDP);
    expect(&p, LAN, udp(p.to_y, 4), "drop default", NULL);
    struct bytes whole = udp(p.to_x, 1000);
    expect(&p, LAN, fragment_of(whole, 0, 400, true), "accept rule", p.at_x);
    expect(&p, LAN, fragment_of(whole, 400, 608, false), "accept rule", OUTSIDE " > 192.168.1.8");
    close_house(&p.h);
}

/* Where the source address cannot be rewritten at once, it is at the later hook. */
TEST(in_two_steps)
{
    struct peers p = open_peers(home_policy(), TG_PROTO_UDP);
    char half_y[80], half_x[80];
    snprintf(half_y, sizeof half_y, "192.168.1.8:%u > 192.168.1.9:6000", p.x);
    snprintf(half_x, sizeof half_x, "192.168.1.9:%u > 192.168.1.8:5000", p.y);
    p.h.arrival.half = true;
    for (int n = 0; n < 3; n++) {
        expect(&p, LAN, udp(p.to_y, 4), n == 0 ? "drop default" : "accept established", n == 0 ? NULL : half_y);
        if (n != 0) {
            char looks[160];
            assert_int_equal(p.h.verdict.translation, TG_TRANSLATE_HALF);
            assert_int_equal(tg_packet_decode(&p.h.packet, 0), TG_DECODED);
            assert_true(tg_engine_finish(p.h.engine, &p.h.packet));
            assert_string_equal(ends_of(p.h.bytes.at, p.h.bytes.len, looks), p.at_y);
            assert_true(are_checksums_right(p.h.bytes.at, p.h.bytes.len));
        }
        expect(&p, LAN, udp(p.to_x, 4), n == 0 ? "accept rule" : "accept established", half_x);
    }
    close_house(&p.h);
}

/* Both mappings live as long as it does, and no longer. */
TEST(it_holds_both_mappings)
{
    struct peers p = open_peers(home_policy(), TG_PROTO_UDP);
    expect(&p, LAN, udp(p.to_y, 4), "drop default", NULL);
    expect(&p, LAN, udp(p.to_x, 4), "accept rule", p.at_x);
    for (int n = 0; n < 10; n++) {
        wait_for(&p.h, 100);
        expect(&p, LAN, udp(p.to_y, 4), "accept established", p.at_y);
    }
    assert_int_equal(connections_of(&p.h), 1);
    send_out(&p, "192.168.1.8:5000");
    assert_int_equal(left_from(&p.h), p.x);
    send_out(&p, "192.168.1.9:6000");
    assert_int_equal(left_from(&p.h), p.y);
    wait_for(&p.h, 700); /* and the rest of their ports */
    expect(&p, WAN, udp("198.51.100.66:5000 > " OUTSIDE ":5000", 4), "drop default", NULL);
    wait_for(&p.h, 200);
    assert_int_equal(connections_of(&p.h), 0);
    expect(&p, LAN, udp(p.to_y, 4), "drop default", NULL);
    assert_int_equal(connections_of(&p.h), 0); /* there is nobody to wait for */
    close_house(&p.h);
}

/* A forward of the same port comes first, as a mapping never takes it. */
TEST(a_forward_is_no_mapping)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_UDP, 5000, 1, "192.168.1.50", 80, 1);
    struct house h = open_house(policy, 64, 1);
    struct bytes b = udp("192.168.1.8:5000 > 198.51.100.1:3478", 4);
    judge(&h, LAN, &b);
    assert_int_not_equal(left_from(&h), 5000);
    EXPECT(&h, LAN, udp("192.168.1.9:6000 > 203.0.113.1:5000", 4),
           "accept forward -> 192.168.1.1:6000 > 192.168.1.50:80");
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_speak_to_each_other),
        cmocka_unit_test(two_that_speak_at_once_by_tcp),
        cmocka_unit_test(who_has_not_been_spoken_to),
        cmocka_unit_test(what_waits_too_long),
        cmocka_unit_test(freer_filtering),
        cmocka_unit_test(what_rules_say_of_it),
        cmocka_unit_test(from_another_network),
        cmocka_unit_test(errors_about_it),
        cmocka_unit_test(errors_about_what_waits),
        cmocka_unit_test(in_fragments),
        cmocka_unit_test(in_two_steps),
        cmocka_unit_test(it_holds_both_mappings),
        cmocka_unit_test(a_forward_is_no_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
