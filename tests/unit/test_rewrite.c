/* Rewriting in place: addresses, ports and identifiers, and every checksum that covers them (src/translate). */
#include "unit.h"

#include "corpus.h"
#include "translate/rewrite.h"
#include "wire/crc32c.h"

static struct tg_tuple tuple_of(const char *ends, uint8_t proto)
{
    struct ends e = read_ends(ends);
    return (struct tg_tuple){
        tg_addr_load(e.family, e.src), tg_addr_load(e.family, e.dst), e.sport, e.dport, e.family, proto};
}

/* Rewrite a copy that ends with its block of memory, of which the first `len` bytes are there. */
static void rewrite_decoded(struct bytes *b, uint32_t len, unsigned flags, const char *ends)
{
    struct tg_packet packet;
    assert_int_equal(decode_copy(b->at, len, b->len, flags, &packet), TG_DECODED);
    struct tg_tuple to = tuple_of(ends, packet.outer.tuple.proto), came = packet.outer.tuple;
    rewrite_packet(&packet, &to);
    assert_true(tg_tuple_equal(&came, &packet.outer.tuple)); /* as it came */
    memcpy(b->at, packet.data, len);
    free(packet.data);
}

static void rewrite(struct bytes *b, uint32_t len, const char *ends)
{
    rewrite_decoded(b, len, 0, ends);
}

static struct bytes packet_of(uint8_t proto, uint32_t payload)
{
    const char *const ends = "192.168.1.9:5000 > 198.51.100.1:80";
    switch (proto) {
    case TG_PROTO_TCP: return tcp(ends, ACK, 1, 2, payload);
    case TG_PROTO_DCCP: return dccp(ends, 2, 7, 0, payload);
    case TG_PROTO_ICMP: return ping("192.168.1.9 > 198.51.100.1", 5000);
    case TG_PROTO_ESP: return ip_packet("192.168.1.9 > 198.51.100.1", TG_PROTO_ESP, "0123456789", 10);
    default: return datagram(proto, ends, payload);
    }
}

/* What is to become of "192.168.1.9:5000 > 198.51.100.1:80", chosen so that sums change by nothing, by all, by the sign
 * of zero. */
static const char *const targets[] = {
    "203.0.113.1:5000 > 198.51.100.1:80",
    "203.0.113.1:61234 > 198.51.100.1:80",
    "192.168.1.9:5000 > 192.168.1.50:8080",
    "203.0.113.1:1 > 10.0.0.1:65535",
    "192.168.1.9:5000 > 198.51.100.1:80",
    "0.0.0.0:0 > 0.0.0.0:0",
    "255.255.255.255:65535 > 255.255.255.255:65535",
    "198.51.100.1:80 > 192.168.1.9:5000",
};

TEST(every_protocol_to_everywhere)
{
    static const uint8_t protos[] = {TG_PROTO_TCP,  TG_PROTO_UDP,  TG_PROTO_UDPLITE,
                                     TG_PROTO_SCTP, TG_PROTO_DCCP, TG_PROTO_ESP};
    for (size_t i = 0; i < COUNT(protos); i++)
        for (size_t t = 0; t < COUNT(targets); t++)
            for (uint32_t payload = 0; payload < 30; payload++) {
                struct bytes b = packet_of(protos[i], payload), before = b;
                char looks[160], row[80];
                snprintf(row, sizeof row, "%s, %u bytes, to %s", tg_proto_name(protos[i]), payload, targets[t]);
                rewrite(&b, b.len, targets[t]);
                ends_of(b.at, b.len, looks);
                CHECK(row, protos[i] == TG_PROTO_ESP || strcmp(looks, targets[t]) == 0);
                CHECK(row, are_checksums_right(b.at, b.len));
                CHECK(row, before.len <= 40 || memcmp(before.at + 40, b.at + 40, before.len - 40) == 0);
            }
}

/* All 2^16 ports make the checksum pass through all its values, zero and its double among them. */
TEST(a_sum_of_zero)
{
    static const uint8_t protos[] = {TG_PROTO_TCP, TG_PROTO_UDP, TG_PROTO_UDPLITE};
    for (size_t i = 0; i < COUNT(protos); i++)
        for (uint32_t port = 0; port < 65536; port++) {
            struct bytes b = packet_of(protos[i], 4);
            struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
            assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
            struct tg_tuple to = packet.outer.tuple;
            to.sport = (uint16_t)port;
            rewrite_packet(&packet, &to);
            CHECK("sum", are_checksums_right(b.at, b.len));
            if (protos[i] != TG_PROTO_TCP)
                CHECK("zero is written as its other form, RFC 768 and 3828", get16(b.at + 26) != 0);
        }
}

TEST(udp_without_a_checksum_stays_without)
{
    struct bytes b = packet_of(TG_PROTO_UDP, 11);
    put16(b.at + 26, 0);
    rewrite(&b, b.len, "203.0.113.1:61234 > 198.51.100.1:80");
    assert_int_equal(get16(b.at + 26), 0);
    assert_int_equal(get16(b.at + 20), 61234);
    assert_true(are_checksums_right(b.at, b.len));
}

/* What was broken on the way in is broken on the way out, by the same amount. */
TEST(a_wrong_checksum_stays_wrong)
{
    static const uint8_t protos[] = {TG_PROTO_TCP, TG_PROTO_UDP, TG_PROTO_UDPLITE};
    for (size_t i = 0; i < COUNT(protos); i++)
        for (uint32_t flaw = 1; flaw < 65535; flaw += 251) {
            struct bytes b = packet_of(protos[i], 11);
            uint8_t *field = transport(&b) + checksum_at(protos[i]);
            put16(field, get16(field) ^ flaw);
            if (get16(field) == 0)
                continue;
            uint32_t was = transport_sum(b.at, b.at + 20, protos[i], b.len - 20);
            struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
            assert_int_equal(tg_packet_decode(&packet, TG_DECODE_TRUST_CHECKSUM), TG_DECODED);
            struct tg_tuple to = tuple_of(targets[1], protos[i]);
            rewrite_packet(&packet, &to);
            CHECK_EQUAL("sum", transport_sum(b.at, b.at + 20, protos[i], b.len - 20), was);
        }
}

/* A capture that has cut the packet: what is there is rewritten, and the sum is still corrected. */
TEST(cut_packets)
{
    static const uint8_t protos[] = {TG_PROTO_TCP, TG_PROTO_UDP, TG_PROTO_UDPLITE, TG_PROTO_SCTP};
    for (size_t i = 0; i < COUNT(protos); i++) {
        struct bytes whole = packet_of(protos[i], 60);
        uint32_t least = 20 + (protos[i] == TG_PROTO_TCP ? 20 : protos[i] == TG_PROTO_SCTP ? 12 : 8);
        for (uint32_t len = least; len < whole.len; len++) {
            struct bytes b = whole;
            char looks[160];
            rewrite(&b, len, targets[1]);
            assert_string_equal(ends_of(b.at, b.len, looks), targets[1]);
            if (protos[i] != TG_PROTO_SCTP) /* a CRC cannot be told from a part */
                assert_true(are_checksums_right(b.at, b.len));
        }
    }
}

TEST(fragments)
{
    struct bytes whole = packet_of(TG_PROTO_UDP, 200);
    struct bytes first = fragment_of(whole, 0, 104, true), later = fragment_of(whole, 104, 104, false);
    struct bytes before = later;
    rewrite(&first, first.len, targets[1]);
    rewrite(&later, later.len, targets[1]);
    assert_memory_equal(before.at + 20, later.at + 20, 104); /* no ports there */
    assert_int_equal(naive_sum(first.at, 20, 0), 0xffff);
    assert_int_equal(naive_sum(later.at, 20, 0), 0xffff);
    struct bytes joined = first; /* what the receiver puts together has a right sum */
    memcpy(joined.at + 20 + 104, later.at + 20, 104);
    joined.len = 20 + 208;
    put16(joined.at + 6, 0);
    put16(joined.at + 2, joined.len);
    put16(joined.at + 10, 0);
    put16(joined.at + 10, ~naive_sum(joined.at, 20, 0) & 0xffff);
    assert_true(are_checksums_right(joined.at, joined.len));
}

TEST(ip_options_are_skipped)
{
    struct bytes b = with_ipv4_options(packet_of(TG_PROTO_TCP, 9));
    char looks[160];
    rewrite(&b, b.len, targets[3]);
    assert_string_equal(ends_of(b.at, b.len, looks), targets[3]);
    assert_true(are_checksums_right(b.at, b.len));
}

/* The side that asks has the identifier for its port. */
TEST(identifiers)
{
    static const uint8_t types[] = {8, 0, 13, 14, 15, 16, 17, 18};
    static const uint16_t ids[] = {0, 8, 13, 14, 1, 5000, 65535};
    for (size_t i = 0; i < COUNT(types); i++)
        for (size_t from = 0; from < COUNT(ids); from++)
            for (size_t to = 0; to < COUNT(ids); to++) {
                struct bytes b = query("192.168.1.9 > 198.51.100.1", types[i], ids[from]);
                struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
                assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
                struct tg_tuple want = packet.outer.tuple;
                want.src = tg_ipv4(0xcb007101);
                *(packet.icmp.is_answer ? &want.dport : &want.sport) = ids[to];
                rewrite_packet(&packet, &want);
                CHECK_EQUAL("identifier", get16(b.at + 24), ids[to]);
                CHECK_EQUAL("type", b.at[20], types[i]);
                CHECK("sum", are_checksums_right(b.at, b.len));
            }
}

/* RFC 9260 appendix A and RFC 3720 appendix B.4: CRC-32c of 32 zeros is aa36918a as it is sent. */
TEST(the_crc_of_sctp)
{
    uint8_t zeros[32] = {0};
    assert_int_equal(naive_crc32c(zeros, 32), 0x8a9136aa);
    assert_int_equal(crc32c_sctp(zeros, 32), 0x8a9136aa);
    crc32c_put(zeros, 0x8a9136aa);
    assert_memory_equal(zeros + 8, "\xaa\x36\x91\x8a", 4);
    assert_int_equal(crc32c_sctp(zeros, 32), 0x8a9136aa); /* it is none of what it sums */
    struct bytes b = datagram(TG_PROTO_SCTP, "192.168.1.9:1 > 198.51.100.1:0", 20);
    rewrite(&b, b.len, "192.168.1.9:7777 > 198.51.100.1:0");
    assert_true(are_checksums_right(b.at, b.len));
    /* addresses are not in it */
    struct bytes before = b;
    rewrite(&b, b.len, "203.0.113.1:7777 > 198.51.100.1:0");
    assert_memory_equal(before.at + 20, b.at + 20, b.len - 20);
    /* none is none */
    memset(b.at + 28, 0, 4);
    rewrite(&b, b.len, "203.0.113.1:7777 > 198.51.100.1:9");
    assert_int_equal(get32(b.at + 28), 0);
    /* one that is not here yet is not made up before it is asked for */
    memset(b.at + 28, 7, 4);
    rewrite_decoded(&b, b.len, TG_DECODE_TRUST_CHECKSUM, "203.0.113.1:7 > 198.51.100.1:0");
    assert_int_equal(get16(b.at + 20), 7);
    assert_int_equal(get32(b.at + 28), 0x07070707);
}

/* ---- errors ---- */

static void rewrite_quote(struct bytes *error, const char *ends, const char *quote, uint8_t proto)
{
    struct tg_packet packet;
    assert_int_equal(decode_copy(error->at, error->len, error->len, 0, &packet), TG_DECODED);
    assert_true(packet.quoted);
    struct tg_tuple outer = tuple_of(ends, TG_PROTO_ICMP), inner = tuple_of(quote, proto);
    if (proto == TG_PROTO_ICMP) { /* a question is quoted here */
        inner.sport = 4242;
        inner.dport = 8;
    }
    rewrite_error(&packet, outer.src, outer.dst, &inner);
    memcpy(error->at, packet.data, error->len);
    free(packet.data);
}

TEST(errors_with_quotes_of_every_length)
{
    static const struct {
        uint8_t proto;
        const char *quote, *looks;
    } rows[] = {
        {TG_PROTO_TCP, "192.168.1.9:61000 > 198.51.100.1:81", "192.168.1.9:61000 > 198.51.100.1:81"},
        {TG_PROTO_UDP, "192.168.1.9:61000 > 198.51.100.1:81", "192.168.1.9:61000 > 198.51.100.1:81"},
        {TG_PROTO_UDPLITE, "192.168.1.9:61000 > 198.51.100.1:81", "192.168.1.9:61000 > 198.51.100.1:81"},
        {TG_PROTO_SCTP, "192.168.1.9:61000 > 198.51.100.1:81", "192.168.1.9:61000 > 198.51.100.1:81"},
        {TG_PROTO_DCCP, "192.168.1.9:61000 > 198.51.100.1:81", "192.168.1.9:61000 > 198.51.100.1:81"},
        {TG_PROTO_ICMP, "192.168.1.9 > 198.51.100.1", "192.168.1.9 > 198.51.100.1 id 4242"},
        {TG_PROTO_ESP, "192.168.1.9 > 198.51.100.1", "192.168.1.9 > 198.51.100.1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int options = 0; options < 2; options++) {
            struct bytes about = packet_of(rows[i].proto, 25);
            rewrite(&about, about.len,
                    rows[i].proto == TG_PROTO_ICMP || rows[i].proto == TG_PROTO_ESP ? "203.0.113.1 > 192.0.2.1"
                                                                                    : "203.0.113.1:7 > 192.0.2.1:8");
            if (rows[i].proto == TG_PROTO_ICMP) {
                put16(about.at + 24, 7);
                seal_checksums(&about);
            }
            if (options)
                about = with_ipv4_options(about);
            uint32_t least = 28 + (options ? 8 : 0);
            for (uint32_t quoted = least; quoted <= about.len; quoted++) {
                struct bytes error = icmp_error("198.51.100.7 > 203.0.113.1", 11, 0, &about, quoted);
                char looks[160], row[60];
                snprintf(row, sizeof row, "%s, %u bytes", tg_proto_name(rows[i].proto), quoted);
                rewrite_quote(&error, "198.51.100.7 > 192.168.1.9", rows[i].quote, rows[i].proto);
                CHECK(row, are_checksums_right(error.at, error.len));
                ends_of(error.at, error.len, looks);
                CHECK(row, strcmp(looks, "198.51.100.7 > 192.168.1.9") == 0);
                quoted_ends_of(error.at, error.len, looks);
                CHECK(row, strcmp(looks, rows[i].looks) == 0);
            }
        }
}

/* A UDP packet without a checksum is quoted without one; a quoted sum that becomes zero is written as 0xffff. */
TEST(errors_about_udp)
{
    struct bytes none = packet_of(TG_PROTO_UDP, 25);
    put16(none.at + 26, 0);
    struct bytes error = icmp_error("198.51.100.7 > 192.168.1.9", 3, 3, &none, 100);
    rewrite_quote(&error, "198.51.100.7 > 203.0.113.1", targets[1], TG_PROTO_UDP);
    assert_int_equal(get16(error.at + 28 + 26), 0);
    assert_true(are_checksums_right(error.at, error.len));
    for (uint32_t port = 0; port < 65536; port += 3) {
        struct bytes about = packet_of(TG_PROTO_UDP, 4);
        struct tg_packet packet;
        error = icmp_error("198.51.100.7 > 192.168.1.9", 3, 3, &about, 100);
        packet = (struct tg_packet){.data = error.at, .len = error.len, .wire_len = error.len};
        assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
        struct tg_tuple inner = packet.quote.tuple;
        inner.sport = (uint16_t)port;
        rewrite_error(&packet, packet.outer.tuple.src, packet.outer.tuple.dst, &inner);
        CHECK("sum", get16(error.at + 28 + 26) != 0 && are_checksums_right(error.at, error.len));
    }
}

/* Some routers quote a header whose sum they have not mended after counting down its hops. It stays as wrong as it was,
 * and the error's own sum is right. */
TEST(errors_with_a_wrong_sum_in_the_quote)
{
    struct bytes about = packet_of(TG_PROTO_UDP, 25);
    about.at[8]--;
    struct bytes error = icmp_error("198.51.100.7 > 192.168.1.9", 11, 0, &about, 100);
    uint32_t was = naive_sum(error.at + 28, 20, 0);
    rewrite_quote(&error, "198.51.100.7 > 203.0.113.1", targets[1], TG_PROTO_UDP);
    assert_int_equal(naive_sum(error.at + 28, 20, 0), was);
    assert_int_equal(naive_sum(error.at + 20, error.len - 20, 0), 0xffff);
    assert_int_equal(naive_sum(error.at, 20, 0), 0xffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_protocol_to_everywhere),
        cmocka_unit_test(a_sum_of_zero),
        cmocka_unit_test(udp_without_a_checksum_stays_without),
        cmocka_unit_test(a_wrong_checksum_stays_wrong),
        cmocka_unit_test(cut_packets),
        cmocka_unit_test(fragments),
        cmocka_unit_test(ip_options_are_skipped),
        cmocka_unit_test(identifiers),
        cmocka_unit_test(the_crc_of_sctp),
        cmocka_unit_test(errors_with_quotes_of_every_length),
        cmocka_unit_test(errors_about_udp),
        cmocka_unit_test(errors_with_a_wrong_sum_in_the_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
