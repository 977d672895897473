/* Rewriting what a packet carries: src/translate/payload.c. */
#include "unit.h"

#include "packets.h"
#include "translate/payload.h"

static const char *const ends = "192.168.1.9:1000 > 198.51.100.1:21";

/* A packet of TCP or UDP with a text. */
static struct bytes with_text(uint8_t proto, const char *text)
{
    uint32_t len = (uint32_t)strlen(text);
    struct bytes b = proto == TG_PROTO_TCP ? tcp(ends, ACK, 1, 1, len) : udp(ends, len);
    memcpy(b.at + b.len - len, text, len);
    seal(&b);
    return b;
}

/* Do edits on a packet that lies in a block of `room` bytes; what became of it is in *b and *packet.
 * => whether they were done */
static bool edit(struct bytes *b, uint32_t room, const struct payload_edit *edits, size_t count,
                 struct tg_packet *packet)
{
    uint8_t *block = malloc(room > b->len ? room : b->len);
    memcpy(block, b->at, b->len);
    *packet = (struct tg_packet){.data = block, .len = b->len, .wire_len = b->len, .room = room};
    assert_int_equal(tg_packet_decode(packet, TG_DECODE_TRUST_CHECKSUM), TG_DECODED);
    bool done = payload_edit(packet, edits, count);
    memcpy(b->at, block, packet->len);
    b->len = packet->len;
    free(block);
    return done;
}

static struct payload_edit edit_of(uint32_t at, const char *was, const char *is)
{
    struct payload_edit e = {.at = at, .len = (uint32_t)strlen(was), .new_len = (uint32_t)strlen(is)};
    memcpy(e.text, is, e.new_len);
    return e;
}

static const uint8_t protocols[] = {TG_PROTO_TCP, TG_PROTO_UDP};

static uint32_t header_of(uint8_t proto)
{
    return proto == TG_PROTO_TCP ? 40 : 28;
}

TEST(longer_and_shorter)
{
    static const struct {
        const char *was, *is;
        const char *from[3], *to[3]; /* what is replaced by what */
    } rows[] = {
        {"PORT 1,2,3,4,5,6\r\n", "PORT 203,0,113,1,5,6\r\n", {"1,2,3,4"}, {"203,0,113,1"}},
        {"PORT 203,0,113,1,5,6\r\n", "PORT 1,2,3,4,5,6\r\n", {"203,0,113,1"}, {"1,2,3,4"}},
        {"abcdef", "abcXYZ", {"def"}, {"XYZ"}},
        {"abcdef", "abc", {"def"}, {""}},
        {"abcdef", "", {"abcdef"}, {""}},
        {"abcdef", "12ef", {"ab", "cd"}, {"12", ""}},
        {"abcdef", "123456789f", {"ab", "cde"}, {"1234", "56789"}},
        {"abcdef", "1b123456789012345678901234f", {"a", "cde"}, {"1", "123456789012345678901234"}},
        {"a,b,c;", "A1,,C22;", {"a", "b", "c"}, {"A1", "", "C22"}},
        {"abcdefgh", "abcdefg-", {"h"}, {"-"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t p = 0; p < COUNT(protocols); p++) {
            struct payload_edit edits[3];
            size_t count = 0;
            struct tg_packet packet;
            struct bytes b = with_text(protocols[p], rows[i].was), wanted = with_text(protocols[p], rows[i].is);
            for (; count < 3 && rows[i].from[count] != NULL; count++)
                edits[count] = edit_of(header_of(protocols[p]) +
                                           (uint32_t)(strstr(rows[i].was, rows[i].from[count]) - rows[i].was),
                                       rows[i].from[count], rows[i].to[count]);
            CHECK(rows[i].was, edit(&b, 2048, edits, count, &packet));
            CHECK_EQUAL(rows[i].was, b.len, wanted.len);
            CHECK(rows[i].was, memcmp(b.at, wanted.at, b.len) == 0); /* lengths and checksums, too */
            CHECK(rows[i].was, packet.wire_len == b.len && packet.outer.end == b.len);
            CHECK(rows[i].was, protocols[p] == TG_PROTO_UDP || packet.tcp.payload == strlen(rows[i].is));
        }
}

/* Exactly as much as there is room for; not one byte more, and then not one byte is touched. */
TEST(no_further_than_there_is_room)
{
    for (size_t p = 0; p < COUNT(protocols); p++)
        for (int short_by = 0; short_by < 2; short_by++) {
            struct tg_packet packet;
            struct bytes b = with_text(protocols[p], "0123456789"), came = b;
            const struct payload_edit edits[] = {edit_of(header_of(protocols[p]), "01", "a"),
                                                 edit_of(header_of(protocols[p]) + 5, "5", "abcdef")};
            /* done from the last to the first, it is five bytes longer on the way and four at the end */
            bool done = edit(&b, came.len + 5 - (uint32_t)short_by, edits, 2, &packet);
            assert_int_equal(done, !short_by);
            assert_int_equal(b.len, came.len + (done ? 4 : 0));
            assert_true(done || memcmp(&b, &came, sizeof b) == 0);
            assert_true(are_checksums_right(b.at, b.len));
        }
}

TEST(room_that_is_not_said_is_what_there_is)
{
    struct tg_packet packet;
    struct bytes b = with_text(TG_PROTO_TCP, "abc"), c = b;
    const struct payload_edit same = edit_of(40, "abc", "xyz"), longer = edit_of(40, "abc", "wxyz");
    assert_true(edit(&b, 0, &same, 1, &packet));
    assert_memory_equal(b.at + 40, "xyz", 3);
    assert_false(edit(&c, 0, &longer, 1, &packet));
}

/* What stands behind a packet is none of it, and goes; it is room, too. */
TEST(padding_goes)
{
    struct tg_packet packet;
    struct bytes b = with_padding(with_text(TG_PROTO_UDP, "abc"), 4), wanted = with_text(TG_PROTO_UDP, "wxyz");
    const struct payload_edit longer = edit_of(28, "abc", "wxyz");
    assert_true(edit(&b, 0, &longer, 1, &packet));
    assert_int_equal(b.len, wanted.len);
    assert_memory_equal(b.at, wanted.at, b.len);
}

TEST(header_options_stay)
{
    struct tg_packet packet;
    struct bytes b = with_ipv4_options(with_text(TG_PROTO_TCP, "abc"));
    const struct payload_edit longer = edit_of(49, "b", "1234");
    const struct bytes wanted = with_ipv4_options(with_text(TG_PROTO_TCP, "a1234c"));
    assert_true(edit(&b, 2048, &longer, 1, &packet));
    assert_int_equal(b.len, wanted.len);
    assert_memory_equal(b.at, wanted.at, b.len);
}

/* A wrong checksum stays wrong by as much; none at all stays none. */
TEST(checksums_are_only_corrected)
{
    for (size_t p = 0; p < COUNT(protocols); p++) {
        struct tg_packet packet;
        struct bytes b = with_text(protocols[p], "abc"), wanted = with_text(protocols[p], "a1234c");
        const struct payload_edit longer = edit_of(header_of(protocols[p]) + 1, "b", "1234");
        uint32_t field = protocols[p] == TG_PROTO_TCP ? 36 : 26, wrong = 0x0100;
        put16(b.at + field, naive_sum((uint8_t[]){wrong >> 8, 0}, 2, get16(b.at + field)));
        put16(wanted.at + field, naive_sum((uint8_t[]){wrong >> 8, 0}, 2, get16(wanted.at + field)));
        assert_true(edit(&b, 2048, &longer, 1, &packet));
        assert_int_equal(get16(b.at + field), get16(wanted.at + field));
    }
    struct tg_packet packet;
    struct bytes none = with_text(TG_PROTO_UDP, "abc");
    const struct payload_edit longer = edit_of(29, "b", "1234");
    put16(none.at + 26, 0);
    assert_true(edit(&none, 2048, &longer, 1, &packet));
    assert_int_equal(get16(none.at + 26), 0);
    assert_true(are_checksums_right(none.at, none.len)); /* that of IP */
}

/* UDP's own length counts, where IP has more. */
TEST(what_udp_does_not_count_moves_along)
{
    struct tg_packet packet;
    struct bytes b = with_text(TG_PROTO_UDP, "abcTAIL");
    const struct payload_edit longer = edit_of(28, "abc", "12345");
    put16(b.at + 24, 11);
    seal_checksums(&b);
    assert_true(edit(&b, 2048, &longer, 1, &packet));
    assert_int_equal(b.len, 37);
    assert_int_equal(get16(b.at + 24), 13);
    assert_memory_equal(b.at + 28, "12345TAIL", 9);
    assert_true(are_checksums_right(b.at, b.len));
}

TEST(what_cannot_be_rewritten_is_left)
{
    struct tg_packet packet;
    const struct payload_edit same = edit_of(48, "abcd", "wxyz");
    struct bytes v6 = udp("[2001:db8::1]:5060 > [2001:db8::2]:5060", 8), came = v6;
    assert_false(edit(&v6, 2048, &same, 1, &packet));
    assert_memory_equal(v6.at, came.at, came.len);

    struct bytes fragment = fragment_of(tcp(ends, ACK, 1, 1, 80), 0, 64, true);
    came = fragment;
    assert_false(edit(&fragment, 2048, &same, 1, &packet));
    assert_memory_equal(fragment.at, came.at, came.len);

    struct bytes cut = tcp(ends, ACK, 1, 1, 80);
    came = cut;
    packet = (struct tg_packet){.data = cut.at, .len = cut.len - 1, .wire_len = cut.len, .room = sizeof cut.at};
    assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
    assert_false(payload_edit(&packet, &same, 1));
    assert_memory_equal(cut.at, came.at, came.len);
}

/* The longest packet that IPv4 has. */
TEST(no_longer_than_a_packet_can_be)
{
    static uint8_t block[70000];
    for (int too_long = 0; too_long < 2; too_long++) {
        uint32_t len = 65535 - 3 + (uint32_t)too_long;
        struct bytes head = tcp(ends, ACK, 1, 1, 0);
        struct tg_packet packet = {.data = block, .len = len, .wire_len = len, .room = sizeof block};
        const struct payload_edit longer = edit_of(40, "b", "1234");
        memset(block, 'b', sizeof block);
        memcpy(block, head.at, 40);
        put16(block + 2, len);
        put16(block + 10, 0);
        put16(block + 10, ~naive_sum(block, 20, 0) & 0xffff);
        assert_int_equal(tg_packet_decode(&packet, TG_DECODE_TRUST_CHECKSUM), TG_DECODED);
        assert_int_equal(payload_edit(&packet, &longer, 1), !too_long);
        assert_int_equal(packet.len, too_long ? len : 65535);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longer_and_shorter),
        cmocka_unit_test(no_further_than_there_is_room),
        cmocka_unit_test(room_that_is_not_said_is_what_there_is),
        cmocka_unit_test(padding_goes),
        cmocka_unit_test(header_options_stay),
        cmocka_unit_test(checksums_are_only_corrected),
        cmocka_unit_test(what_udp_does_not_count_moves_along),
        cmocka_unit_test(what_cannot_be_rewritten_is_left),
        cmocka_unit_test(no_longer_than_a_packet_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
