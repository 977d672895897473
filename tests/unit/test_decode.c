/* Reading headers: tg_packet_decode() says of every kind of packet what stands in it, and refuses what contradicts
 * itself. Reading within bounds is in test_decode_bounds.c. */
#include "unit.h"

#include "corpus.h"

static struct tg_tuple tuple_of(const char *ends, uint8_t proto)
{
    struct ends e = read_ends(ends);
    return (struct tg_tuple){
        tg_addr_load(e.family, e.src), tg_addr_load(e.family, e.dst), e.sport, e.dport, e.family, proto};
}

/* Decode a packet as it stands, and what it was on the wire. */
static enum tg_decoded decode(const struct bytes *b, struct tg_packet *packet)
{
    enum tg_decoded decoded = decode_copy(b->at, b->len, b->len, 0, packet);
    free(packet->data);
    return decoded;
}

static bool is_good(const struct bytes *b)
{
    struct tg_packet packet;
    return decode(b, &packet) == TG_DECODED;
}

static void check_tuple(const char *row, const char *ends, const struct tg_tuple *got)
{
    struct tg_tuple wanted = tuple_of(ends, got->proto);
    CHECK_EQUAL(row, got->sport, wanted.sport);
    CHECK_EQUAL(row, got->dport, wanted.dport);
    CHECK(row, tg_tuple_equal(got, &wanted));
}

TEST(every_kind_is_known)
{
    static struct sample s[SAMPLES_MOST];
    size_t count = samples(s);
    for (size_t i = 0; i < count; i++) {
        struct tg_packet packet;
        CHECK(s[i].name, decode(&s[i].bytes, &packet) == TG_DECODED);
        CHECK_EQUAL(s[i].name, packet.kind, s[i].kind);
        CHECK(s[i].name, !packet.cut);
        CHECK(s[i].name, packet.ttl == 64);
        CHECK(s[i].name, packet.outer.ip == 0);
        if (s[i].ends != NULL)
            check_tuple(s[i].name, s[i].ends, &packet.outer.tuple);
        CHECK(s[i].name, packet.quoted == (s[i].quote != NULL));
        if (s[i].quote != NULL)
            check_tuple(s[i].name, s[i].quote, &packet.quote.tuple);
    }
}

TEST(what_a_tcp_header_says)
{
    static const uint8_t options[] = {1, 3, 3, 9};
    struct bytes b = tcp_with_options("192.0.2.1:1 > 192.0.2.2:2", SYN | PSH, 0xfffffffe, 7, 5, 4321, options, 4);
    struct tg_packet packet;
    assert_int_equal(decode(&b, &packet), TG_DECODED);
    assert_int_equal(packet.tcp.seq, 0xfffffffe);
    assert_int_equal(packet.tcp.ack, 7);
    assert_int_equal(packet.tcp.payload, 5);
    assert_int_equal(packet.tcp.window, 4321);
    assert_int_equal(packet.tcp.flags, SYN | PSH);
    assert_true(packet.tcp.window_scaled);
    assert_int_equal(packet.tcp.scale, 9);
    assert_int_equal(packet.outer.transport, 20);
    assert_int_equal(packet.outer.end, b.len);
}

TEST(window_scale_is_found_among_options)
{
    static const struct {
        const char *name;
        unsigned flags;
        uint8_t len, options[40];
        bool scaled;
        uint8_t scale;
    } rows[] = {
        {"none", SYN, 0, {0}, false, 0},
        {"alone", SYN, 4, {3, 3, 7, 0}, true, 7},
        {"of zero", SYN, 4, {3, 3, 0, 0}, true, 0},
        {"the most", SYN, 4, {3, 3, 14, 0}, true, 14},
        {"more than the most, RFC 7323 2.3", SYN, 4, {3, 3, 255, 0}, true, 14},
        {"on a SYN with ACK", SYN | ACK, 4, {3, 3, 7, 0}, true, 7},
        {"on no SYN it means nothing", ACK, 4, {3, 3, 7, 0}, false, 0},
        {"behind others", SYN, 20, {2, 4, 5, 180, 4, 2, 8, 10, 1, 1, 1, 1, 0, 0, 0, 0, 1, 3, 3, 8}, true, 8},
        {"behind the end of options", SYN, 4, {0, 3, 3, 7}, false, 0},
        {"cut off by the end of the header", SYN, 4, {1, 1, 3, 3}, false, 0},
        {"kind alone in the last byte", SYN, 4, {1, 1, 1, 3}, false, 0},
        {"of length 4", SYN, 4, {3, 4, 7, 7}, false, 0},
        {"of length 2", SYN, 4, {3, 2, 7, 0}, false, 0},
        {"behind an option of length 0", SYN, 8, {2, 0, 5, 180, 3, 3, 7, 0}, false, 0},
        {"behind an option of length 1: a host stops there", SYN, 8, {2, 1, 3, 3, 7, 0, 0, 0}, false, 0},
        {"behind an option that runs past the header", SYN, 8, {2, 200, 5, 180, 3, 3, 7, 0}, false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b =
            tcp_with_options("192.0.2.1:1 > 192.0.2.2:2", rows[i].flags, 1, 1, 0, 1, rows[i].options, rows[i].len);
        struct tg_packet packet;
        CHECK(rows[i].name, decode(&b, &packet) == TG_DECODED);
        CHECK(rows[i].name, packet.tcp.window_scaled == rows[i].scaled);
        CHECK_EQUAL(rows[i].name, packet.tcp.scale, rows[i].scale);
    }
}

/* RFC 9293 3.10.7: SYN, SYN+ACK, RST, RST+ACK, ACK, FIN+ACK, with URG on what may carry data; push and ECN with all. */
TEST(flags_that_go_together)
{
    static const uint8_t sound[] = {SYN,       SYN | URG, SYN | ACK,      RST, RST | ACK, ACK,
                                    ACK | URG, FIN | ACK, FIN | ACK | URG};
    for (unsigned flags = 0; flags < 256; flags++) {
        struct bytes b = tcp("192.0.2.1:1 > 192.0.2.2:2", flags, 1, 1, 0);
        bool is_sound = false;
        for (size_t i = 0; i < COUNT(sound); i++)
            is_sound |= (flags & (FIN | SYN | RST | ACK | URG)) == sound[i];
        if (is_good(&b) != is_sound)
            fail_msg("flags %02x", flags);
    }
}

/* ---- contradictions ---- */

struct change {
    const char *name;
    struct bytes bytes;
    uint32_t at, size, value; /* what is written where, before the checksums are made right again */
};

/* Each is good before its one change and refused after it, with the transport's sum trusted, so that it is not the sum
 * that is refused. */
static void check_refused(const struct change *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes b = rows[i].bytes;
        struct tg_packet packet;
        CHECK(rows[i].name, is_good(&b));
        if (rows[i].size == 1)
            b.at[rows[i].at] = (uint8_t)rows[i].value;
        else
            put16(b.at + rows[i].at, rows[i].value);
        seal_checksums(&b);
        enum tg_decoded decoded = decode_copy(b.at, b.len, b.len, TG_DECODE_TRUST_CHECKSUM, &packet);
        free(packet.data);
        CHECK(rows[i].name, decoded == TG_MALFORMED);
    }
}

TEST(ipv4_headers_that_contradict_themselves)
{
    struct bytes u = udp("192.0.2.1:1 > 192.0.2.2:2", 40), t = tcp("192.0.2.1:1 > 192.0.2.2:2", ACK, 1, 1, 40);
    struct bytes odd = udp("192.0.2.1:1 > 192.0.2.2:2", 41);
    const struct change rows[] = {
        {"version 5", u, 0, 1, 0x55},
        {"version 0", u, 0, 1, 0x05},
        {"total length above the packet", u, 2, 2, u.len + 1},
        {"total length far above the packet", u, 2, 2, 65535},
        {"total length 0", u, 2, 2, 0},
        {"total length below the header", u, 2, 2, 19},
        {"total length that leaves no transport", u, 2, 2, 20},
        {"total length that cuts the ports", u, 2, 2, 23},
        {"total length that cuts the udp header", u, 2, 2, 27},
        {"total length that cuts the udp data", u, 2, 2, u.len - 1},
        {"total length that cuts the tcp header", t, 2, 2, 39},
        {"an offset with the last byte behind 65535", u, 6, 2, 0x1fff},
        {"an offset with which the whole would be 65540 bytes long", u, 6, 2, (65540 - 20 - 48) / 8},
        {"a fragment that others follow, of no multiple of eight bytes", odd, 6, 2, 0x2000},
    };
    check_refused(rows, COUNT(rows));
    put16(u.at + 6, (65532 - 20 - 48) / 8); /* the longest that there can be in this step */
    seal_checksums(&u);
    assert_true(is_good(&u));

    /* header lengths: a checksum over what they claim must not be needed to see it */
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        struct bytes b = udp("192.0.2.1:1 > 192.0.2.2:2", 4);
        b.at[0] = (uint8_t)(0x40 | ihl);
        if (ihl >= 5 && ihl * 4u <= b.len) { /* make the sum right */
            put16(b.at + 10, 0);
            put16(b.at + 10, ~naive_sum(b.at, ihl * 4, 0) & 0xffff);
        }
        CHECK_EQUAL("header length", is_good(&b), ihl == 5);
    }
}

TEST(ipv6_headers_that_contradict_themselves)
{
    static const uint8_t rh2[24] = {0, 2, 2, 0}, rh4[40] = {0, 4, 4, 0, 1}, rh9[8] = {0, 0, 9, 0};
    static const uint8_t whole[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    struct bytes u = udp("[2001:db8::1]:1 > [2001:db8::2]:2", 40);
    struct bytes dest = with_extension(u, 60, NULL, 1), two = with_extension(dest, 60, NULL, 1);
    struct bytes odd = with_extension(udp("[2001:db8::1]:1 > [2001:db8::2]:2", 41), 44, whole, 1);
    struct bytes atomic = with_extension(u, 44, whole, 1), mobile = with_extension(u, 43, rh2, 3),
                 segments = with_extension(u, 43, rh4, 5);
    const struct change rows[] = {
        {"version 7", u, 0, 1, 0x70},
        {"payload length above the packet", u, 4, 2, u.len - 40 + 1},
        {"payload length 0", u, 4, 2, 0},
        {"payload length that cuts the ports", u, 4, 2, 3},
        {"payload length that cuts the udp data", u, 4, 2, u.len - 40 - 1},
        {"payload length that ends in an extension header", dest, 4, 2, 7},
        {"an extension header longer than the packet", dest, 41, 1, 255},
        {"an extension header longer than what is left", dest, 41, 1, 6},
        {"a hop-by-hop header behind another", two, 40, 1, 0},
        {"a routing header of type 0 with hops left, RFC 5095", mobile, 42, 2, 1},
        {"and without, RFC 6092 REC-4", mobile, 42, 2, 0},
        {"one of type 2 with two hops left", mobile, 42, 2, 0x0202},
        {"one of type 4 with more left than it lists", segments, 43, 1, 3},
        {"one of type 4 that lists more than it holds", segments, 43, 2, 0x0102},
        {"a fragment behind 65535", atomic, 42, 2, 0xfff8},
        {"a fragment of no multiple of eight bytes", odd, 42, 2, 1},
    };
    check_refused(rows, COUNT(rows));
    struct bytes good[] = {mobile, segments, with_extension(u, 43, rh9, 1), with_extension(two, 0, NULL, 2),
                           with_extension(atomic, 60, NULL, 1)};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(is_good(&good[i]));
}

/* RFC 8200 8.1: a packet on its way has the checksum of where it goes in the end. What type 2 (RFC 6275 6.4) and type 4
 * (RFC 8754 2) say of that is known; what others do is not, and nothing is held against them. */
TEST(checksums_of_what_is_under_way)
{
    static const struct {
        const char *name;
        uint8_t type, left, last, units;
        bool is_final, is_checked;
    } rows[] = {
        {"type 2, under way", 2, 1, 0, 3, true, true}, {"type 2, there", 2, 0, 0, 3, false, true},
        {"type 4, under way", 4, 2, 1, 5, true, true}, {"type 4, its first hop left out", 4, 1, 0, 3, true, true},
        {"type 4, there", 4, 0, 1, 5, false, true},    {"type 3, under way", 3, 1, 0, 3, false, false},
        {"type 3, there", 3, 0, 0, 3, false, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
            uint8_t routing[40] = {0, 0, rows[i].type, rows[i].left, rows[i].last};
            const char *const ends = "[2001:db8::1]:1 > [2001:db8::2]:2";
            struct ends in_the_end = read_ends("2001:db8::1 > 2001:db8::99");
            struct bytes b = is_tcp ? tcp(ends, SYN, 1, 2, 3) : udp(ends, 20), here = b;
            memcpy(routing + 8, in_the_end.dst, 16);
            if (rows[i].is_final)
                memcpy(b.at + 24, in_the_end.dst, 16);
            add_extension(&b, 43, routing, rows[i].units); /* which makes the sum right */
            memcpy(b.at + 24, here.at + 24, 16);
            struct tg_packet packet;
            CHECK(rows[i].name, decode(&b, &packet) == TG_DECODED);
            CHECK(rows[i].name, tg_addr_equal(packet.outer.tuple.dst, tg_addr_load(TG_IPV6, here.at + 24)));
            uint8_t *sum = transport(&b) + (is_tcp ? 16 : 6);
            uint16_t right = get16(sum);
            put16(sum, right ^ 0x0100);
            CHECK_EQUAL(rows[i].name, is_good(&b), !rows[i].is_checked);
            packet = (struct tg_packet){.data = b.at, .len = b.len, .wire_len = b.len};
            assert_int_equal(tg_packet_decode(&packet, TG_DECODE_TRUST_CHECKSUM), TG_DECODED);
            tg_packet_fill_checksum(&packet);
            CHECK_EQUAL(rows[i].name, get16(sum), rows[i].is_checked ? right : right ^ 0x0100);
        }
}

TEST(as_many_as_eight_extension_headers)
{
    struct bytes b = udp("[2001:db8::1]:1 > [2001:db8::2]:2", 4);
    for (int i = 1; i <= 9; i++) {
        add_extension(&b, 60, NULL, 1);
        CHECK_EQUAL("extension headers", is_good(&b), i <= 8);
    }
}

/* RFC 8200 4.1: one fragment header at most. A second one would hide what the first says. */
TEST(a_second_fragment_header_is_refused)
{
    static const uint8_t whole[8] = {0}, first[8] = {0, 0, 0, 1, 0, 0, 0, 9};
    struct bytes u = udp("[2001:db8::1]:1 > [2001:db8::2]:2", 64);
    struct bytes twice = with_extension(with_extension(u, 44, whole, 1), 44, whole, 1);
    struct bytes hidden = with_extension(with_extension(u, 44, whole, 1), 44, first, 1);
    struct bytes apart = with_extension(with_extension(with_extension(u, 44, first, 1), 60, NULL, 1), 44, whole, 1);
    assert_false(is_good(&twice));
    assert_false(is_good(&hidden));
    assert_false(is_good(&apart));
}

TEST(transport_headers_that_contradict_themselves)
{
    static const uint8_t none[20] = {0};
    struct bytes t = tcp("192.0.2.1:1 > 192.0.2.2:2", ACK, 1, 1, 0), u = udp("192.0.2.1:1 > 192.0.2.2:2", 8);
    struct bytes options = tcp_with_options("192.0.2.1:1 > 192.0.2.2:2", SYN, 1, 0, 3, 1, none, 20);
    struct bytes l = datagram(TG_PROTO_UDPLITE, "192.0.2.1:1 > 192.0.2.2:2", 8);
    struct bytes u6 = udp("[2001:db8::1]:1 > [2001:db8::2]:2", 8);
    const struct change rows[] = {
        {"tcp header of 16 bytes", t, 32, 1, 0x40},
        {"tcp header of 0 bytes", t, 32, 1, 0},
        {"tcp header longer than the packet", t, 32, 1, 0x60},
        {"tcp header longer than what is left", options, 32, 1, 0xf0},
        {"udp length 0", u, 24, 2, 0},
        {"udp length 0 over ipv6", u6, 44, 2, 0},
        {"udp length below its header", u, 24, 2, 7},
        {"udp length above the packet", u, 24, 2, 17},
        {"udplite coverage below its header", l, 24, 2, 7},
        {"udplite coverage 1", l, 24, 2, 1},
        {"udplite coverage above the packet", l, 24, 2, 17},
    };
    check_refused(rows, COUNT(rows));
    static const struct {
        const char *name;
        uint8_t proto;
        uint32_t least;
    } least[] = {{"tcp", TG_PROTO_TCP, 20},   {"udp", TG_PROTO_UDP, 8},   {"udplite", TG_PROTO_UDPLITE, 8},
                 {"sctp", TG_PROTO_SCTP, 12}, {"icmp", TG_PROTO_ICMP, 8}, {"esp", TG_PROTO_ESP, 0}};
    for (size_t i = 0; i < COUNT(least); i++)
        for (uint32_t len = 0; len <= 24; len++) {
            uint8_t header[32] = {0};
            header[12] = 0x50;
            header[13] = ACK;
            put16(header + 4, least[i].proto == TG_PROTO_TCP || len < 8 ? 8 : len);
            if (least[i].proto == TG_PROTO_SCTP && len >= 16)
                put16(header + 14, len - 12); /* a chunk */
            if (least[i].proto == TG_PROTO_TCP && len > 20)
                continue;
            struct bytes b = ip_packet("192.0.2.1 > 192.0.2.2", least[i].proto, header, len);
            CHECK_EQUAL(least[i].name, is_good(&b), len >= least[i].least);
        }
}

/* UDP may be shorter than what IP carries; what is behind it is not summed. */
TEST(udp_shorter_than_ip)
{
    struct bytes b = udp("192.0.2.1:1 > 192.0.2.2:2", 8);
    b = with_padding(b, 4);
    put16(b.at + 2, b.len);
    seal_checksums(&b);
    assert_true(is_good(&b));
    b.at[b.len - 1] ^= 0xff;
    assert_true(is_good(&b));
    b.at[30] ^= 0xff;
    assert_false(is_good(&b));
}

TEST(udplite_sums_what_it_covers)
{
    struct bytes b = datagram(TG_PROTO_UDPLITE, "192.0.2.1:1 > 192.0.2.2:2", 20);
    put16(b.at + 24, 12);
    seal_checksums(&b);
    assert_true(is_good(&b));
    b.at[32] ^= 1; /* behind what is covered */
    assert_true(is_good(&b));
    b.at[31] ^= 1;
    assert_false(is_good(&b));
}

/* ---- checksums ---- */

TEST(a_wrong_checksum_is_seen)
{
    static struct sample s[SAMPLES_MOST];
    size_t count = samples(s);
    for (size_t i = 0; i < count; i++) {
        struct bytes b = s[i].bytes;
        struct tg_packet packet;
        uint8_t proto;
        uint32_t at = find_transport(b.at, b.len, &proto), field = checksum_at(proto);
        bool is_fragment =
            b.at[0] >> 4 == 4 ? (get16(b.at + 6) & 0x3fff) != 0 : b.at[6] == 44 && (get16(b.at + 42) & 0xfff9) != 0;
        if (b.at[0] >> 4 == 4) {
            b.at[11] ^= 1;
            CHECK(s[i].name, !is_good(&b));
            b.at[11] ^= 1;
        }
        if (field == 0 || get16(b.at + at + field) == 0)
            continue;
        b.at[at + field] ^= 0x10;
        CHECK(s[i].name, is_good(&b) == is_fragment); /* a part cannot be summed */
        CHECK(s[i].name,
              decode_copy(b.at, b.len, b.len, TG_DECODE_TRUST_CHECKSUM, &packet) == TG_DECODED); /* offloaded */
        free(packet.data);
    }
}

TEST(a_sum_that_is_trusted_is_the_transport_s_alone)
{
    struct bytes b = udp("192.0.2.1:1 > 192.0.2.2:2", 8);
    struct tg_packet packet;
    b.at[11] ^= 1;
    assert_int_equal(decode_copy(b.at, b.len, b.len, TG_DECODE_TRUST_CHECKSUM, &packet), TG_MALFORMED);
    free(packet.data);
}

/* RFC 3828 3.1: UDP-Lite has no packets without a checksum. */
TEST(udplite_without_a_checksum_is_refused)
{
    struct bytes b = datagram(TG_PROTO_UDPLITE, "192.0.2.1:1 > 192.0.2.2:2", 2);
    put16(b.at + 28, 0);
    seal_checksums(&b);
    put16(b.at + 28, get16(b.at + 26)); /* the sum of all else is 0xffff now: 0 and 0xffff both add up */
    put16(b.at + 26, 0xffff);
    assert_int_equal(naive_sum(b.at + 20, 10, naive_pseudo(b.at, TG_PROTO_UDPLITE, 10)), 0xffff);
    assert_true(is_good(&b));
    put16(b.at + 26, 0);
    assert_false(is_good(&b));
}

TEST(a_checksum_left_to_the_hardware_is_filled_in)
{
    static const struct {
        const char *ends;
        uint8_t proto;
    } rows[] = {
        {"192.0.2.1:1 > 192.0.2.2:2", TG_PROTO_TCP},
        {"192.0.2.1:1 > 192.0.2.2:2", TG_PROTO_UDP},
        {"[2001:db8::1]:1 > [2001:db8::2]:2", TG_PROTO_TCP},
        {"[2001:db8::1]:1 > [2001:db8::2]:2", TG_PROTO_UDP},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (uint32_t len = 0; len < 40; len++) {
            bool is_tcp = rows[i].proto == TG_PROTO_TCP;
            struct bytes b = is_tcp ? tcp(rows[i].ends, ACK, 1, 2, len) : udp(rows[i].ends, len);
            struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
            put16(transport(&b) + (is_tcp ? 16 : 6), 0xbeef);
            assert_int_equal(tg_packet_decode(&packet, TG_DECODE_TRUST_CHECKSUM), TG_DECODED);
            b.at[b.at[0] >> 4 == 4 ? 19 : 39] ^= 3; /* as translation would */
            if (b.at[0] >> 4 == 4)
                b.at[11] ^= 3;
            tg_packet_fill_checksum(&packet);
            uint8_t *header = transport(&b);
            uint32_t length = b.len - (uint32_t)(header - b.at);
            CHECK_EQUAL(rows[i].ends, transport_sum(b.at, header, rows[i].proto, length), 0xffff);
        }
    /* a sum of zero is written as its other form, which for UDP alone means something else */
    struct bytes zero = udp("192.0.2.1:1 > 192.0.2.2:2", 2);
    put16(zero.at + 28, 0);
    seal_checksums(&zero);
    put16(zero.at + 28, get16(zero.at + 26));
    struct tg_packet packet = {.data = zero.at, .len = zero.len, .wire_len = zero.len};
    assert_int_equal(tg_packet_decode(&packet, TG_DECODE_TRUST_CHECKSUM), TG_DECODED);
    tg_packet_fill_checksum(&packet);
    assert_int_equal(get16(zero.at + 26), 0xffff);
}

TEST(filling_in_leaves_alone_what_it_cannot_sum)
{
    struct bytes cut = udp("192.0.2.1:1 > 192.0.2.2:2", 40), part = fragment_of(cut, 0, 24, true),
                 other = datagram(TG_PROTO_SCTP, "192.0.2.1:1 > 192.0.2.2:2", 8);
    struct bytes *rows[] = {&cut, &part, &other};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes before = *rows[i];
        struct tg_packet packet = {.data = rows[i]->at, .len = rows[i]->len - (i == 0), .wire_len = rows[i]->len};
        assert_int_equal(tg_packet_decode(&packet, TG_DECODE_TRUST_CHECKSUM), TG_DECODED);
        tg_packet_fill_checksum(&packet);
        assert_memory_equal(rows[i], &before, sizeof before);
    }
}

/* ---- fragments ---- */

TEST(what_a_fragment_says)
{
    struct bytes u = udp("192.0.2.1:1 > 192.0.2.2:2", 1000), u6 = udp("[2001:db8::1]:1 > [2001:db8::2]:2", 1000);
    static const struct {
        const char *name;
        uint32_t offset, len;
        bool more, fragment;
    } rows[] = {
        {"whole", 0, 1008, false, false},
        {"first", 0, 504, true, true},
        {"middle", 504, 400, true, true},
        {"last", 904, 104, false, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int family = 4; family <= 6; family += 2) {
            struct bytes b = family == 4 ? fragment_of(u, rows[i].offset, rows[i].len, rows[i].more)
                                         : fragment6_of(u6, rows[i].offset, rows[i].len, rows[i].more);
            struct tg_packet packet;
            CHECK(rows[i].name, decode(&b, &packet) == TG_DECODED);
            CHECK(rows[i].name, packet.fragment == rows[i].fragment);
            CHECK(rows[i].name, packet.more_fragments == rows[i].more);
            CHECK_EQUAL(rows[i].name, packet.fragment_offset, rows[i].offset);
            CHECK_EQUAL(rows[i].name, packet.fragment_id, 0x1234);
            CHECK_EQUAL(rows[i].name, packet.kind, rows[i].offset == 0 ? TG_TRANSPORT_PORTS : TG_TRANSPORT_LATER);
            CHECK_EQUAL(rows[i].name, packet.outer.tuple.proto, TG_PROTO_UDP);
            CHECK_EQUAL(rows[i].name, packet.outer.tuple.sport, rows[i].offset == 0 ? 1 : 0);
        }
}

TEST(a_first_fragment_without_its_whole_transport_header_is_refused)
{
    struct bytes t = tcp("192.0.2.1:1 > 192.0.2.2:2", SYN, 1, 0, 100);
    for (uint32_t n = 8; n <= 40; n += 8) {
        struct bytes b = fragment_of(t, 0, n, true);
        CHECK_EQUAL("bytes of tcp", is_good(&b), n >= 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_known),
        cmocka_unit_test(what_a_tcp_header_says),
        cmocka_unit_test(window_scale_is_found_among_options),
        cmocka_unit_test(flags_that_go_together),
        cmocka_unit_test(ipv4_headers_that_contradict_themselves),
        cmocka_unit_test(ipv6_headers_that_contradict_themselves),
        cmocka_unit_test(checksums_of_what_is_under_way),
        cmocka_unit_test(as_many_as_eight_extension_headers),
        cmocka_unit_test(a_second_fragment_header_is_refused),
        cmocka_unit_test(transport_headers_that_contradict_themselves),
        cmocka_unit_test(udp_shorter_than_ip),
        cmocka_unit_test(udplite_sums_what_it_covers),
        cmocka_unit_test(a_wrong_checksum_is_seen),
        cmocka_unit_test(a_sum_that_is_trusted_is_the_transport_s_alone),
        cmocka_unit_test(udplite_without_a_checksum_is_refused),
        cmocka_unit_test(a_checksum_left_to_the_hardware_is_filled_in),
        cmocka_unit_test(filling_in_leaves_alone_what_it_cannot_sum),
        cmocka_unit_test(what_a_fragment_says),
        cmocka_unit_test(a_first_fragment_without_its_whole_transport_header_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
