/* The answers to what is rejected, tg_reject_answer(), and to what found no room, tg_limit_answer(). */
#include "unit.h"

#include "corpus.h"
#include "tidegate/engine.h"

static struct tg_addr address(const char *text)
{
    uint8_t family;
    struct tg_addr addr;
    assert_int_equal(tg_addr_parse(text, &family, &addr), 0);
    return addr;
}

typedef size_t answer_fn(const struct tg_packet *packet, struct tg_addr own, uint8_t *out, size_t room);

/* The answer to a packet, written to a block of memory that ends with the room given for it. */
static struct bytes answer_by(answer_fn *answer, const struct bytes *b, const char *own, size_t room)
{
    struct bytes out = {0};
    struct tg_packet packet;
    uint8_t *block = malloc(room);
    assert_int_equal(decode_copy(b->at, b->len, b->len, 0, &packet), TG_DECODED);
    out.len = (uint32_t)answer(&packet, address(own), block, room);
    assert_true(out.len <= room);
    if (out.len != 0)
        memcpy(out.at, block, out.len);
    free(block);
    free(packet.data);
    return out;
}

static struct bytes answer_to(const struct bytes *b, const char *own, size_t room)
{
    return answer_by(tg_reject_answer, b, own, room);
}

/* RFC 9293 3.10.7.1 */
TEST(resets)
{
    static const struct {
        const char *name;
        unsigned flags;
        uint32_t seq, ack, payload;
        unsigned wanted;
        uint32_t wanted_seq, wanted_ack;
    } rows[] = {
        {"a SYN", SYN, 1000, 0, 0, RST | ACK, 0, 1001},
        {"a SYN with data", SYN, 1000, 0, 100, RST | ACK, 0, 1101},
        {"a SYN before zero", SYN, UINT32_MAX, 0, 0, RST | ACK, 0, 0},
        {"a SYN with ACK", SYN | ACK, 1000, 77, 0, RST, 77, 0},
        {"data", PSH | ACK, 1000, 77, 100, RST, 77, 0},
        {"an end", FIN | ACK, 1000, 77, 0, RST, 77, 0},
        {"an acknowledgement of 0", ACK, 1000, 0, 0, RST, 0, 0},
    };
    static const struct {
        const char *ends, *back;
    } families[] = {
        {"198.51.100.9:4000 > 203.0.113.1:22", "203.0.113.1:22 > 198.51.100.9:4000"},
        {"[2001:db8:9::9]:4000 > [2001:db8::1]:22", "[2001:db8::1]:22 > [2001:db8:9::9]:4000"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t f = 0; f < COUNT(families); f++) {
            struct bytes b = tcp(families[f].ends, rows[i].flags, rows[i].seq, rows[i].ack, rows[i].payload);
            struct bytes out = answer_to(&b, f == 0 ? "203.0.113.1" : "2001:db8::1", 1280);
            struct tg_packet packet;
            char looks[160];
            CHECK_EQUAL(rows[i].name, out.len, f == 0 ? 40 : 60);
            CHECK(rows[i].name, strcmp(ends_of(out.at, out.len, looks), families[f].back) == 0);
            CHECK(rows[i].name, are_checksums_right(out.at, out.len));
            CHECK(rows[i].name, decode_copy(out.at, out.len, out.len, 0, &packet) == TG_DECODED);
            free(packet.data);
            CHECK_EQUAL(rows[i].name, packet.tcp.flags, rows[i].wanted);
            CHECK_EQUAL(rows[i].name, packet.tcp.seq, rows[i].wanted_seq);
            CHECK_EQUAL(rows[i].name, packet.tcp.ack, rows[i].wanted_ack);
            CHECK_EQUAL(rows[i].name, packet.ttl, 64);
        }
}

/* RFC 1812 4.3.2.3 and RFC 4443 2.4 (c): as much of the packet as fits, and never more than any path can carry. */
TEST(errors)
{
    static const uint32_t sizes[] = {0, 1, 20, 500, 519, 520, 521, 1203, 1204, 1400, 1900};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int family = 4; family <= 6; family += 2) {
            struct bytes b = family == 4 ? udp("198.51.100.9:4000 > 203.0.113.1:161", sizes[i])
                                         : udp("[2001:db8:9::9]:4000 > [fd00:1::50]:161", sizes[i]);
            struct bytes out = answer_to(&b, family == 4 ? "203.0.113.1" : "2001:db8::1", 1280);
            uint32_t header = family == 4 ? 20 : 40, most = family == 4 ? 576 : 1280;
            uint32_t quoted = b.len < most - header - 8 ? b.len : most - header - 8;
            struct tg_packet packet;
            char looks[160], row[40];
            snprintf(row, sizeof row, "IPv%d, %u bytes", family, sizes[i]);
            CHECK_EQUAL(row, out.len, header + 8 + quoted);
            CHECK(row, memcmp(out.at + header + 8, b.at, quoted) == 0);
            CHECK(row, strcmp(ends_of(out.at, out.len, looks),
                              family == 4 ? "203.0.113.1 > 198.51.100.9" : "2001:db8::1 > 2001:db8:9::9") == 0);
            CHECK(row, are_checksums_right(out.at, out.len));
            CHECK(row, decode_copy(out.at, out.len, out.len, 0, &packet) == TG_DECODED);
            free(packet.data);
            CHECK(row, packet.kind == TG_TRANSPORT_ERROR && packet.quoted);
            CHECK_EQUAL(row, packet.icmp.type, family == 4 ? 3 : 1);
            CHECK_EQUAL(row, packet.icmp.code, family == 4 ? 13 : 1);
        }
}

/* RFC 1812 4.3.2.5: the type of service that the packet had, with the precedence of internetwork control; the bits of
 * ECN (RFC 3168) are no part of it. */
TEST(types_of_service)
{
    for (unsigned tos = 0; tos < 256; tos++) {
        struct bytes b = udp("198.51.100.9:4000 > 203.0.113.1:161", 8);
        b.at[1] = (uint8_t)tos;
        seal(&b);
        struct bytes out = answer_to(&b, "203.0.113.1", 1280);
        CHECK_EQUAL("type of service", out.at[1], 0xc0 | (tos & 0x1c));
        CHECK("its sum", are_checksums_right(out.at, out.len));
    }
}

/* RFC 1122 3.2.2, RFC 4443 2.4 (e), RFC 9293 3.10.7.1 */
TEST(what_nothing_answers)
{
    struct bytes u = udp("198.51.100.9:1 > 203.0.113.1:2", 40), u6 = udp("[2001:db8:9::9]:1 > [2001:db8::1]:2", 40);
    const struct {
        const char *name;
        struct bytes bytes;
        const char *own;
    } rows[] = {
        {"a reset", tcp("198.51.100.9:1 > 203.0.113.1:2", RST, 1, 0, 0), "203.0.113.1"},
        {"a reset with ACK", tcp("198.51.100.9:1 > 203.0.113.1:2", RST | ACK, 1, 1, 0), "203.0.113.1"},
        {"an error", icmp_error("198.51.100.9 > 203.0.113.1", 3, 3, &u, 40), "203.0.113.1"},
        {"an error over ipv6", icmp_error("2001:db8:9::9 > 2001:db8::1", 1, 4, &u6, 60), "2001:db8::1"},
        {"a redirect over ipv6", icmp("2001:db8:9::9 > 2001:db8::1", 137, 0, 0, "0123456789abcdef", 16), "2001:db8::1"},
        {"to a group", udp("198.51.100.9:1 > 224.0.0.251:5353", 4), "203.0.113.1"},
        {"to everybody", udp("198.51.100.9:1 > 255.255.255.255:67", 4), "203.0.113.1"},
        {"to a group over ipv6", udp("[2001:db8:9::9]:1 > [ff02::fb]:5353", 4), "2001:db8::1"},
        {"a SYN to a group", tcp("198.51.100.9:1 > 224.0.0.1:2", SYN, 1, 0, 0), "203.0.113.1"},
        {"from a group", udp("224.0.0.1:1 > 203.0.113.1:2", 4), "203.0.113.1"},
        {"from nobody", udp("0.0.0.0:68 > 203.0.113.1:67", 4), "203.0.113.1"},
        {"from nobody over ipv6", udp("[::]:1 > [2001:db8::1]:2", 4), "2001:db8::1"},
        {"a SYN from nobody", tcp("0.0.0.0:1 > 203.0.113.1:2", SYN, 1, 0, 0), "203.0.113.1"},
        {"a later fragment", fragment_of(u, 16, 32, false), "203.0.113.1"},
        {"where the router has no address", u, "0.0.0.0"},
        {"where it has none over ipv6", u6, "::"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int limit = 0; limit < 2; limit++)
            CHECK_EQUAL(rows[i].name,
                        answer_by(limit ? tg_limit_answer : tg_reject_answer, &rows[i].bytes, rows[i].own, 1280).len,
                        0);
}

/* RFC 5508 REQ-8, RFC 6888 REQ-11: whatever it was that found no room, an error of one sort says so, and quotes it to
 * its ports and beyond. */
TEST(no_room)
{
    static const char *const ends[] = {"192.168.1.9:4000 > 198.51.100.1:80", "[fd00:1::9]:4000 > [2001:db8:9::1]:80"};
    static const char *const bare[] = {"192.168.1.9 > 198.51.100.1", "fd00:1::9 > 2001:db8:9::1"};
    static const char *const own[] = {"192.168.1.1", "fd00:1::1"};
    static const char *const back[] = {"192.168.1.1 > 192.168.1.9", "fd00:1::1 > fd00:1::9"};
    for (int f = 0; f < 2; f++) {
        const struct {
            const char *name;
            struct bytes bytes;
        } rows[] = {
            {"a SYN", tcp(ends[f], SYN, 1000, 0, 0)},
            {"a SYN with data", tcp(ends[f], SYN, 1000, 0, 1400)},
            {"a segment", tcp(ends[f], ACK, 1000, 77, 10)},
            {"a datagram", udp(ends[f], 40)},
            {"an empty datagram", udp(ends[f], 0)},
            {"a long datagram", udp(ends[f], 1900)},
            {"SCTP", datagram(TG_PROTO_SCTP, ends[f], 40)},
            {"a ping", ping(bare[f], 7)},
            {"GRE", ip_packet(bare[f], TG_PROTO_GRE, "12345678", 8)},
        };
        uint32_t header = f == 0 ? 20 : 40, most = f == 0 ? 576 : 1280;
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct bytes out = answer_by(tg_limit_answer, &rows[i].bytes, own[f], 1280);
            uint32_t whole = header + 8 + rows[i].bytes.len;
            char looks[160];
            CHECK_EQUAL(rows[i].name, out.len, whole < most ? whole : most);
            CHECK(rows[i].name, memcmp(out.at + header + 8, rows[i].bytes.at, out.len - header - 8) == 0);
            CHECK(rows[i].name, strcmp(ends_of(out.at, out.len, looks), back[f]) == 0);
            CHECK_EQUAL(rows[i].name, transport_sum(out.at, out.at + header, f == 0 ? 1 : 58, out.len - header),
                        0xffff);
            CHECK(rows[i].name, f == 1 || naive_sum(out.at, header, 0) == 0xffff);
            CHECK_EQUAL(rows[i].name, out.at[header], f == 0 ? 3 : 1);
            CHECK_EQUAL(rows[i].name, out.at[header + 1], f == 0 ? 13 : 1);
            CHECK_EQUAL(rows[i].name, get32(out.at + header + 4), 0);
        }
    }
}

/* What does have an answer: a ping, a protocol that nobody knows, a first fragment; a reset needs no own address. */
TEST(what_is_answered)
{
    struct bytes u = udp("198.51.100.9:1 > 203.0.113.1:2", 40);
    const struct {
        const char *name;
        struct bytes bytes;
        const char *own;
    } rows[] = {
        {"a ping", ping("198.51.100.9 > 203.0.113.1", 1), "203.0.113.1"},
        {"a ping over ipv6", ping("2001:db8:9::9 > 2001:db8::1", 1), "2001:db8::1"},
        {"gre", ip_packet("198.51.100.9 > 203.0.113.1", TG_PROTO_GRE, "1234", 4), "203.0.113.1"},
        {"a first fragment", fragment_of(u, 0, 24, true), "203.0.113.1"},
        {"a SYN where the router has no address", tcp("198.51.100.9:1 > 203.0.113.1:2", SYN, 1, 0, 0), "0.0.0.0"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes out = answer_to(&rows[i].bytes, rows[i].own, 1280);
        CHECK(rows[i].name, out.len != 0);
        CHECK(rows[i].name, are_checksums_right(out.at, out.len));
    }
}

/* A capture that has cut the packet, padding behind it: what is quoted is the packet, as far as it is there. */
TEST(what_is_quoted_of_a_cut_or_padded_packet)
{
    struct bytes b = udp("198.51.100.9:4000 > 203.0.113.1:161", 100);
    struct tg_packet packet;
    for (uint32_t len = 28; len <= b.len; len += 9) {
        uint8_t answer[1280];
        assert_int_equal(decode_copy(b.at, len, b.len, 0, &packet), TG_DECODED);
        assert_int_equal(tg_reject_answer(&packet, address("203.0.113.1"), answer, sizeof answer), 28 + len);
        free(packet.data);
    }
    struct bytes padded = with_padding(udp("198.51.100.9:4000 > 203.0.113.1:161", 1), 17);
    assert_int_equal(answer_to(&padded, "203.0.113.1", 1280).len, 28 + 29);
}

TEST(too_little_room)
{
    struct bytes u = udp("198.51.100.9:1 > 203.0.113.1:2", 40), t = tcp("198.51.100.9:1 > 203.0.113.1:2", SYN, 1, 0, 0);
    for (size_t room = 0; room <= 120; room++) {
        CHECK_EQUAL("an error", answer_to(&u, "203.0.113.1", room).len, room < 96 ? 0 : 96);
        CHECK_EQUAL("a reset", answer_to(&t, "203.0.113.1", room).len, room < 40 ? 0 : 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resets),
        cmocka_unit_test(errors),
        cmocka_unit_test(types_of_service),
        cmocka_unit_test(what_nothing_answers),
        cmocka_unit_test(no_room),
        cmocka_unit_test(what_is_answered),
        cmocka_unit_test(what_is_quoted_of_a_cut_or_padded_packet),
        cmocka_unit_test(too_little_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
