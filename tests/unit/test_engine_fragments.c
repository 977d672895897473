/* Datagrams in fragments through the engine: whatever the order in which they come, what has passed is, put together
 * again, the datagram as it would have passed whole.
 */
#include "house.h"

static struct house open_camera_home(void)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_UDP, 5000, 1, "192.168.1.50", 6000, 1);
    add_rule(policy, TG_ACCEPT, WAN, LAN, TG_PROTO_UDP, 7000);
    add_rule(policy, TG_REJECT, WAN, ROUTER, TG_PROTO_UDP, 113);
    struct house h = open_house(policy, 64, 1);
    h.arrival.can_hold = true;
    return h;
}

/* A fragment of a packet of either family: bytes `offset` to `end` of what is behind its IP header, or all the rest. */
static struct bytes part(const struct bytes *whole, uint32_t id, uint32_t offset, uint32_t end)
{
    bool is_ipv4 = whole->at[0] >> 4 == 4;
    uint32_t length = whole->len - (is_ipv4 ? 20 : 40);
    bool more = end < length;
    end = more ? end : length;
    struct bytes b = *whole;
    if (is_ipv4)
        put16(b.at + 4, id);
    b = is_ipv4 ? fragment_of(b, offset, end - offset, more) : fragment6_of(b, offset, end - offset, more);
    if (!is_ipv4)
        put32(b.at + 44, id);
    return b;
}

/* Put back together, in a packet that has been put together so far, what a fragment carries. */
static void put_together(struct bytes *whole, const struct bytes *b)
{
    bool is_ipv4 = b->at[0] >> 4 == 4;
    uint32_t header = is_ipv4 ? 20 : 48, base = is_ipv4 ? 20 : 40;
    uint32_t offset = is_ipv4 ? get16(b->at + 6) % 0x2000 * 8u : get16(b->at + 42) & 0xfff8;
    if (offset == 0) {
        memcpy(whole->at, b->at, base);
        whole->at[is_ipv4 ? 9 : 6] = b->at[is_ipv4 ? 9 : 40];
    }
    memcpy(whole->at + base + offset, b->at + header, b->len - header);
    if (base + offset + b->len - header > whole->len)
        whole->len = base + offset + b->len - header;
}

/* What makes two packets the same but for lengths, numbers and the sum of the header. */
static bool is_same(const struct bytes *a, const struct bytes *b)
{
    uint32_t base = a->at[0] >> 4 == 4 ? 20 : 40, from = base == 20 ? 12 : 8;
    return a->len == b->len && memcmp(a->at + from, b->at + from, a->len - from) == 0 &&
           a->at[base == 20 ? 9 : 6] == b->at[base == 20 ? 9 : 6];
}

/* Send a packet in `count` fragments in the order of that number, keeping those that are to be held until the first has
 * passed. What has passed must be `wanted`, put together. */
static void send_in_order(struct house *h, uint8_t zone, const struct bytes *whole, uint32_t id, uint32_t count,
                          uint32_t order, const struct bytes *wanted)
{
    uint32_t base = whole->at[0] >> 4 == 4 ? 20 : 40, length = whole->len - base, size = length / count & ~7U;
    bool taken[5] = {false}, has_begun = false;
    struct bytes held[5], got = {.len = 0};
    uint32_t held_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t nth = order % (count - i), which = 0;
        order /= count - i;
        while (taken[which] || nth-- > 0)
            which++;
        taken[which] = true;
        struct bytes b = part(whole, id, which * size, which + 1 < count ? (which + 1) * size : length);
        judge(h, zone, &b);
        CHECK(h->text, h->verdict.hold == (which != 0 && !has_begun));
        if (h->verdict.hold) {
            held[held_count++] = b;
            continue;
        }
        CHECK(h->text, h->verdict.action == TG_ACCEPT);
        put_together(&got, &h->bytes);
        has_begun |= which == 0;
        for (uint32_t w = 0; which == 0 && w < held_count; w++) {
            judge(h, zone, &held[w]);
            CHECK(h->text, h->verdict.action == TG_ACCEPT && !h->verdict.hold);
            put_together(&got, &h->bytes);
        }
    }
    CHECK("put together", is_same(&got, wanted));
}

static uint32_t orders_of(uint32_t count)
{
    return count < 2 ? 1 : count * orders_of(count - 1);
}

/* A packet whole, then in two to five fragments in all orders. */
static void send_in_all_orders(struct house *h, uint8_t zone, struct bytes whole)
{
    uint32_t id = (uint32_t)whole.at[40] * 200 + whole.len;
    judge(h, zone, &whole);
    CHECK(h->text, h->verdict.action == TG_ACCEPT);
    const struct bytes wanted = h->bytes;
    for (uint32_t count = 2; count <= 5; count++)
        for (uint32_t order = 0; order < orders_of(count); order++)
            send_in_order(h, zone, &whole, id++, count, order, &wanted);
}

/* An echo request (type 8, or 128) or its answer, of some length. */
static struct bytes echo(const char *ends, uint8_t type)
{
    uint8_t body[500];
    fill_payload(body, sizeof body);
    return icmp(ends, type, 0, 8 << 16 | 1, body, sizeof body);
}

TEST(any_order_both_ways_both_families)
{
    struct house h = open_camera_home();
    /* forwarded, and back */
    send_in_all_orders(&h, WAN, udp("198.51.100.9:1234 > 203.0.113.1:5000", 1500));
    send_in_all_orders(&h, LAN, udp("192.168.1.50:6000 > 198.51.100.9:1234", 1201));
    /* masqueraded, and back */
    send_in_all_orders(&h, LAN, udp("192.168.1.9:900 > 198.51.100.1:80", 1999));
    send_in_all_orders(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:900", 40));
    send_in_all_orders(&h, LAN, echo("192.168.1.9 > 198.51.100.1", 8));
    send_in_all_orders(&h, WAN, echo("198.51.100.1 > 203.0.113.1", 0));
    send_in_all_orders(&h, LAN, datagram(TG_PROTO_UDPLITE, "192.168.1.9:900 > 198.51.100.1:80", 77));
    send_in_all_orders(&h, LAN,
                       ip_packet("192.168.1.9 > 198.51.100.1", TG_PROTO_GRE, udp("1.2.3.4:1 > 1.2.3.4:2", 90).at, 118));
    /* not translated */
    send_in_all_orders(&h, LAN, udp("[fd00:1::9]:5 > [2001:db8:9::1]:6", 1000));
    send_in_all_orders(&h, WAN, udp("[2001:db8:9::1]:6 > [fd00:1::9]:5", 333));
    send_in_all_orders(&h, LAN, echo("fd00:1::9 > 2001:db8:9::1", 128));
    close_house(&h);
}

/* A TCP segment moves the window once, however it comes. */
TEST(a_segment_in_fragments)
{
    struct house h = open_camera_home();
    EXPECT(&h, LAN, tcp("192.168.1.9:900 > 198.51.100.1:80", SYN, 100, 0, 0),
           "accept rule -> 203.0.113.1:900 > 198.51.100.1:80");
    EXPECT(&h, WAN, tcp("198.51.100.1:80 > 203.0.113.1:900", SYN | ACK, 500, 101, 0),
           "accept established -> 198.51.100.1:80 > 192.168.1.9:900");
    const struct bytes whole = tcp("192.168.1.9:900 > 198.51.100.1:80", ACK, 101, 501, 400);
    const struct bytes last = part(&whole, 1, 208, 420);
    EXPECT(&h, LAN, last, "hold drop fragment");
    EXPECT(&h, LAN, part(&whole, 1, 0, 208), "accept established -> 203.0.113.1:900 > 198.51.100.1:80");
    EXPECT(&h, LAN, last, "accept established -> 203.0.113.1 > 198.51.100.1");
    EXPECT(&h, WAN, tcp("198.51.100.1:80 > 203.0.113.1:900", ACK, 501, 501, 0),
           "accept established -> 198.51.100.1:80 > 192.168.1.9:900");
    close_house(&h);
}

/* A driver that keeps nothing, and one that has waited long enough. */
TEST(what_cannot_wait_is_refused)
{
    struct house h = open_camera_home();
    const struct bytes whole = udp("198.51.100.9:1234 > 203.0.113.1:5000", 1000);
    EXPECT(&h, WAN, part(&whole, 1, 504, 1008), "hold drop fragment");
    h.arrival.can_hold = false;
    EXPECT(&h, WAN, part(&whole, 1, 504, 1008), "drop fragment");
    EXPECT(&h, WAN, part(&whole, 1, 0, 504), "accept forward -> 198.51.100.9:1234 > 192.168.1.50:6000");
    EXPECT(&h, WAN, part(&whole, 1, 504, 1008), "accept forward -> 198.51.100.9 > 192.168.1.50");
    close_house(&h);
}

/* The others share the fate of a first that the rules refuse, and are logged with it. */
TEST(a_first_that_is_refused)
{
    struct house h = open_camera_home();
    const struct bytes dropped = udp("198.51.100.9:1234 > 203.0.113.1:5001", 1000),
                       rejected = udp("198.51.100.9:1234 > 203.0.113.1:113", 1000),
                       spoofed = udp("192.168.1.9:1234 > 203.0.113.1:5000", 1000);
    const struct bytes early = part(&dropped, 1, 504, 800);
    EXPECT(&h, WAN, early, "hold drop fragment");
    EXPECT(&h, WAN, part(&dropped, 1, 0, 504), "drop default");
    EXPECT(&h, WAN, early, "drop default");
    EXPECT(&h, WAN, part(&dropped, 1, 800, 1008), "drop default");
    EXPECT(&h, WAN, part(&rejected, 2, 0, 504), "reject rule");
    EXPECT(&h, WAN, part(&rejected, 2, 504, 1008), "reject rule");
    EXPECT(&h, WAN, part(&spoofed, 3, 0, 504), "drop spoofed");
    EXPECT(&h, WAN, part(&spoofed, 3, 504, 1008), "drop spoofed");
    assert_int_equal(connections_of(&h), 0);
    close_house(&h);
}

/* Whatever of a datagram still comes once two of its pieces have overlapped. */
TEST(overlaps)
{
    struct house h = open_camera_home();
    static const char *const texts[] = {"198.51.100.9:1234 > 203.0.113.1:5000", "[2001:db8:9::1]:6 > [fd00:1::9]:7000"};
    static const struct {
        const char *name;
        uint32_t offset, end;
    } rows[] = {
        {"the end of the first", 496, 504},
        {"the first, and more", 0, 512},
        {"part of the first", 0, 496},
        {"in the first", 8, 16},
        {"across", 496, 600},
        {"the front of a later one", 592, 616},
        {"in a later one", 608, 616},
        {"around a later one", 592, 712},
        {"the same, but the end", 600, 2000},
        {"from before to behind", 504, 800},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t family = 0; family < COUNT(texts); family++) {
            uint32_t id = (uint32_t)i + 1;
            const struct bytes whole = udp(texts[family], 1000),
                               other = udp(texts[family], rows[i].end > 1000 ? 692 : 1000);
            struct bytes b = part(&whole, id, 0, 504);
            judge(&h, WAN, &b);
            CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
            b = part(&whole, id, 600, 704);
            judge(&h, WAN, &b);
            CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
            b = part(&other, id, rows[i].offset, rows[i].end);
            CHECK(rows[i].name, strcmp(judge(&h, WAN, &b), "drop fragment") == 0);
            b = part(&whole, id, 504, 600);
            CHECK(rows[i].name, strcmp(judge(&h, WAN, &b), "drop fragment") == 0);
            b = part(&whole, id, 0, 504);
            CHECK(rows[i].name, strcmp(judge(&h, WAN, &b), "drop fragment") == 0);
        }
    close_house(&h);
}

/* A network may repeat any packet: it is refused alone, be it by the thousand, and the rest passes. */
TEST(repetitions)
{
    struct house h = open_camera_home();
    const struct bytes whole = udp("198.51.100.9:1234 > 203.0.113.1:5000", 1000);
    EXPECT(&h, WAN, part(&whole, 1, 0, 504), "accept forward -> 198.51.100.9:1234 > 192.168.1.50:6000");
    EXPECT(&h, WAN, part(&whole, 1, 600, 800), "accept forward -> 198.51.100.9 > 192.168.1.50");
    for (int i = 0; i < 3000; i++) {
        EXPECT(&h, WAN, part(&whole, 1, 0, 504), "drop fragment");
        EXPECT(&h, WAN, part(&whole, 1, 600, 800), "drop fragment");
    }
    EXPECT(&h, WAN, part(&whole, 1, 504, 600), "accept forward -> 198.51.100.9 > 192.168.1.50");
    EXPECT(&h, WAN, part(&whole, 1, 800, 1008), "accept forward -> 198.51.100.9 > 192.168.1.50");
    assert_int_equal(tg_engine_hits(h.engine, 2).packets, 4);
    close_house(&h);
}

/* RFC 1858, 3128, 7112: a first without the headers that it is judged by, and nothing of its datagram. */
TEST(tiny_firsts)
{
    struct house h = open_camera_home();
    static const uint8_t many_options[48] = {0};
    const struct bytes syn = tcp("192.168.1.9:900 > 198.51.100.1:80", SYN, 1, 0, 100),
                       u = udp("198.51.100.9:1234 > 203.0.113.1:5000", 1000),
                       options = with_extension(udp("[2001:db8:9::1]:6 > [fd00:1::9]:7000", 900), 60, many_options, 6),
                       gre = with_extension(ip_packet("2001:db8:9::1 > fd00:1::9", TG_PROTO_GRE, many_options, 48), 60,
                                            many_options, 2);
    static const struct {
        const char *name;
        uint32_t first;
    } rows[] = {{"flags in another fragment", 8}, {"the end of the header", 16}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = part(&syn, 10 + (uint32_t)i, 0, rows[i].first);
        CHECK(rows[i].name, strcmp(judge(&h, LAN, &b), "drop malformed") == 0);
        b = part(&syn, 10 + (uint32_t)i, 24, 64);
        CHECK(rows[i].name, strcmp(judge(&h, LAN, &b), "drop fragment") == 0);
    }
    /* flags overwritten: refused with a first or without, which then has nothing to follow it */
    EXPECT(&h, LAN, part(&syn, 20, 8, 64), "drop fragment");
    EXPECT(&h, LAN, part(&syn, 20, 0, 24), "drop fragment");
    EXPECT(&h, LAN, part(&syn, 21, 0, 24), "accept rule -> 203.0.113.1:900 > 198.51.100.1:80");
    EXPECT(&h, LAN, part(&syn, 21, 8, 64), "drop fragment");
    EXPECT(&h, LAN, part(&syn, 21, 24, 64), "drop fragment");
    /* waiting for it was in vain */
    const struct bytes early = part(&options, 30, 504, 956);
    EXPECT(&h, WAN, early, "hold drop fragment");
    EXPECT(&h, WAN, part(&options, 30, 0, 40), "drop malformed");
    EXPECT(&h, WAN, early, "drop fragment");
    EXPECT(&h, WAN, part(&options, 31, 0, 48), "drop malformed");
    EXPECT(&h, WAN, part(&options, 32, 0, 48 + 8), "accept rule");
    EXPECT(&h, WAN, part(&gre, 33, 0, 16), "drop malformed");
    /* the smallest that has all */
    EXPECT(&h, WAN, part(&u, 34, 0, 8), "accept forward -> 198.51.100.9:1234 > 192.168.1.50:6000");
    EXPECT(&h, WAN, part(&u, 34, 8, 1008), "accept forward -> 198.51.100.9 > 192.168.1.50");
    close_house(&h);
}

/* Extension headers on either side of the fragment header; of those behind it the later ones show the type alone. */
TEST(extension_headers)
{
    struct house h = open_camera_home();
    static const uint8_t padding[16] = {0, 1, 1, 12};
    const struct bytes plain = udp("[2001:db8:9::1]:6 > [fd00:1::9]:7000", 900),
                       behind = with_extension(plain, 60, padding, 2);
    const struct bytes early = part(&behind, 1, 496, 800);
    EXPECT(&h, WAN, early, "hold drop fragment");
    assert_int_equal(h.packet.outer.tuple.proto, 60);
    EXPECT(&h, WAN, part(&behind, 1, 0, 496), "accept rule");
    assert_true(tg_packet_same_datagram(&h.packet, &h.packet));
    EXPECT(&h, WAN, early, "accept rule");
    EXPECT(&h, WAN, part(&behind, 1, 480, 504), "drop fragment"); /* its bytes are counted from that header on */
    EXPECT(&h, WAN, part(&behind, 1, 800, 924), "drop fragment");

    EXPECT(&h, WAN, with_extension(part(&plain, 2, 496, 908), 60, padding, 2), "hold drop fragment");
    EXPECT(&h, WAN, with_extension(part(&plain, 2, 0, 496), 0, padding, 2), "accept established");
    EXPECT(&h, WAN, with_extension(part(&plain, 2, 496, 908), 60, padding, 2), "accept established");

    /* put together again it is whole: no byte is counted twice, or not at all */
    EXPECT(&h, WAN, part(&behind, 3, 0, 496), "accept established");
    EXPECT(&h, WAN, part(&behind, 3, 496, 924), "accept established");
    EXPECT(&h, WAN, part(&behind, 3, 496, 924), "hold drop fragment");
    close_house(&h);
}

TEST(too_long)
{
    struct house h = open_camera_home();
    struct bytes b = udp("198.51.100.9:1234 > 203.0.113.1:5000", 1000);
    b = fragment_of(b, 0, 1000, false);
    put16(b.at + 6, 65528 / 8);
    put16(b.at + 10, 0);
    put16(b.at + 10, ~naive_sum(b.at, 20, 0) & 0xffff);
    EXPECT(&h, WAN, b, "drop malformed");
    b = udp("[2001:db8:9::1]:6 > [fd00:1::9]:7000", 1000);
    b = fragment6_of(b, 0, 1000, false);
    put16(b.at + 42, 65528);
    EXPECT(&h, WAN, b, "drop malformed");
    close_house(&h);
}

/* An empty one could be repeated for ever and never fill a gap. */
TEST(empty)
{
    struct house h = open_camera_home();
    const struct bytes u = udp("198.51.100.9:1234 > 203.0.113.1:5000", 1000),
                       six = udp("[2001:db8:9::1]:6 > [fd00:1::9]:7000", 1000);
    EXPECT(&h, WAN, part(&u, 1, 504, 504), "drop malformed");
    EXPECT(&h, WAN, fragment_of(u, 1008, 0, false), "drop malformed");
    EXPECT(&h, WAN, part(&six, 1, 504, 504), "drop malformed");
    close_house(&h);
}

TEST(too_late)
{
    struct house h = open_camera_home();
    const struct bytes whole = udp("198.51.100.9:1234 > 203.0.113.1:5000", 1000);
    EXPECT(&h, WAN, part(&whole, 1, 0, 504), "accept forward -> 198.51.100.9:1234 > 192.168.1.50:6000");
    wait_for(&h, 29);
    EXPECT(&h, WAN, part(&whole, 1, 504, 800), "accept forward -> 198.51.100.9 > 192.168.1.50");
    wait_for(&h, 2);
    EXPECT(&h, WAN, part(&whole, 1, 800, 1008), "hold drop fragment");
    close_house(&h);
}

/* Where both addresses change in two steps, the second finds the datagram by its number. */
TEST(a_hairpin_in_two_steps)
{
    struct house h = open_camera_home();
    const struct bytes whole = udp("192.168.1.77:4000 > 203.0.113.1:5000", 1000),
                       answer = udp("192.168.1.50:6000 > 192.168.1.1:4000", 1000);
    static const struct {
        uint32_t offset, end;
        const char *half, *full;
    } rows[] = {
        {0, 504, "192.168.1.77:4000 > 192.168.1.50:6000", "192.168.1.1:4000 > 192.168.1.50:6000"},
        {800, 1008, "192.168.1.77 > 192.168.1.50", "192.168.1.1 > 192.168.1.50"},
        {504, 800, "192.168.1.77 > 192.168.1.50", "192.168.1.1 > 192.168.1.50"},
    };
    char looks[160];
    struct bytes got = {.len = 0};
    EXPECT(&h, LAN, whole, "accept forward -> 192.168.1.1:4000 > 192.168.1.50:6000");
    const struct bytes wanted = h.bytes;
    h.arrival.half = true;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = part(&whole, 1, rows[i].offset, rows[i].end);
        judge(&h, LAN, &b);
        assert_int_equal(h.verdict.translation, TG_TRANSLATE_HALF);
        assert_string_equal(ends_of(h.bytes.at, h.bytes.len, looks), rows[i].half);
        struct tg_packet packet = {.data = h.bytes.at, .len = h.bytes.len, .wire_len = h.bytes.len};
        assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
        assert_true(tg_engine_finish(h.engine, &packet));
        assert_string_equal(ends_of(h.bytes.at, h.bytes.len, looks), rows[i].full);
        assert_true(are_checksums_right(h.bytes.at, h.bytes.len));
        put_together(&got, &h.bytes);
    }
    assert_true(is_same(&got, &wanted));
    /* the way back */
    struct bytes b = part(&answer, 2, 0, 504);
    judge(&h, LAN, &b);
    assert_int_equal(h.verdict.translation, TG_TRANSLATE_HALF);
    assert_string_equal(ends_of(h.bytes.at, h.bytes.len, looks), "192.168.1.50:5000 > 192.168.1.77:4000");
    /* what is no half of anything */
    b = part(&whole, 3, 504, 800);
    struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
    assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
    assert_false(tg_engine_finish(h.engine, &packet));
    close_house(&h);
}

/* A capture of both sides: what the router had sent out is known by its first. */
TEST(copies)
{
    struct house h = open_camera_home();
    h.arrival.may_be_copy = true;
    const struct bytes whole = udp("198.51.100.9:1234 > 203.0.113.1:5000", 1000),
                       leaves = udp("198.51.100.9:1234 > 192.168.1.50:6000", 1000);
    EXPECT(&h, WAN, part(&whole, 1, 0, 504), "accept forward -> 198.51.100.9:1234 > 192.168.1.50:6000");
    EXPECT(&h, LAN, part(&leaves, 1, 800, 1008), "hold drop fragment");
    EXPECT(&h, LAN, part(&leaves, 1, 0, 504), "accept established as it stands");
    EXPECT(&h, LAN, part(&leaves, 1, 800, 1008), "accept established as it stands");
    assert_int_equal(h.verdict.zone_in, ROUTER);
    EXPECT(&h, WAN, part(&whole, 1, 504, 800), "accept forward -> 198.51.100.9 > 192.168.1.50");
    EXPECT(&h, LAN, part(&leaves, 1, 504, 800), "accept established as it stands");
    EXPECT(&h, WAN, part(&whole, 1, 800, 1008), "accept forward -> 198.51.100.9 > 192.168.1.50");
    assert_int_equal(tg_engine_hits(h.engine, 2).packets, 3); /* copies are counted with no statement */
    close_house(&h);
}

/* RFC 4787 REQ-14a: whatever comes in fragments, unfragmented traffic and its connections do not notice. */
TEST(floods)
{
    struct house h = open_camera_home();
    const struct bytes stray = udp("198.51.100.66:1 > 203.0.113.1:5000", 1000),
                       refused = udp("198.51.100.66:1 > 203.0.113.1:5001", 1000);
    EXPECT(&h, LAN, udp("192.168.1.9:900 > 198.51.100.1:80", 10), "accept rule -> 203.0.113.1:900 > 198.51.100.1:80");
    for (uint32_t id = 0; id < 20000; id++) {
        EXPECT(&h, WAN, part(&stray, id, 504, 800), "hold drop fragment");
        EXPECT(&h, WAN, part(&refused, id, 0, 504), "drop default");
        if (id % 1000 == 0)
            EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:900", 10),
                   "accept established -> 198.51.100.1:80 > 192.168.1.9:900");
    }
    assert_int_equal(connections_of(&h), 1);
    /* nor does a datagram of that connection, in fragments */
    const struct bytes whole = udp("198.51.100.1:80 > 203.0.113.1:900", 1000);
    EXPECT(&h, WAN, part(&whole, 1, 0, 504), "accept established -> 198.51.100.1:80 > 192.168.1.9:900");
    for (uint32_t id = 20000; id < 40000; id++)
        EXPECT(&h, WAN, part(&refused, id, 0, 504), "drop default");
    EXPECT(&h, WAN, part(&whole, 1, 504, 1008), "accept established -> 198.51.100.1 > 192.168.1.9");
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_both_ways_both_families),
        cmocka_unit_test(a_segment_in_fragments),
        cmocka_unit_test(what_cannot_wait_is_refused),
        cmocka_unit_test(a_first_that_is_refused),
        cmocka_unit_test(overlaps),
        cmocka_unit_test(repetitions),
        cmocka_unit_test(tiny_firsts),
        cmocka_unit_test(extension_headers),
        cmocka_unit_test(too_long),
        cmocka_unit_test(empty),
        cmocka_unit_test(too_late),
        cmocka_unit_test(a_hairpin_in_two_steps),
        cmocka_unit_test(copies),
        cmocka_unit_test(floods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
