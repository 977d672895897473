/* Sequence numbers behind text that was written anew: src/translate/sequence.c. The model is the plainest there is: the
 * sender's stream and the receiver's, byte by byte. */
#include "unit.h"

#include "packets.h"
#include "translate/sequence.h"

static struct payload_edit edit_of(uint32_t len, const char *text)
{
    struct payload_edit e = {.len = len, .new_len = (uint32_t)strlen(text)};
    memcpy(e.text, text, e.new_len);
    return e;
}

#define FIRST UINT32_C(0xfffffff0) /* of a stream: its numbers wrap within what follows */

static struct sequence_shift grown(uint32_t at, uint32_t len, const char *text)
{
    struct sequence_shift shift = {.total = 0};
    const struct payload_edit e = edit_of(len, text);
    sequence_note(&shift, at, &e);
    return shift;
}

TEST(numbers_around_one_change)
{
    /* ten bytes from FIRST + 20 on became four: what is behind is counted six less */
    const struct sequence_shift shorter = grown(FIRST + 20, 10, "abcd");
    static const struct {
        uint32_t sender, receiver, back;
    } rows[] = {
        {0, 0, 0},    {19, 19, 19}, {20, 20, 20}, {21, 24, 30},    {25, 24, 30},
        {29, 24, 30}, {30, 24, 30}, {31, 25, 31}, {999, 993, 999},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_EQUAL("there", sequence_there(&shorter, FIRST + rows[i].sender) - FIRST, rows[i].receiver);
        CHECK_EQUAL("back", sequence_back(&shorter, FIRST + rows[i].receiver) - FIRST, rows[i].back);
    }
    for (uint32_t part = 21; part < 24; part++) /* part of the new text is none of the old */
        assert_int_equal(sequence_back(&shorter, FIRST + part) - FIRST, 20);
}

TEST(numbers_without_a_change)
{
    const struct sequence_shift none = {.total = 0};
    assert_int_equal(sequence_there(&none, 7), 7);
    assert_int_equal(sequence_back(&none, 7), 7);
    assert_false(sequence_meets(&none, 0, UINT32_MAX / 4));
}

/* ---- a whole stream ---- */

enum { STREAM = 4000, LONGEST = 2 * STREAM };

struct model {
    struct sequence_shift shift;
    uint8_t sent[STREAM], received[LONGEST];
    uint32_t there[STREAM + 1]; /* of each sender's byte, how many the receiver has before it */
    bool is_changed[STREAM];    /* within a change, but for its first byte */
    uint32_t oldest;            /* the place of the first change that is remembered */
};

/* Change as many places as there are changes, or more, and note them. */
static void change_some(struct model *m, uint64_t *seed, uint32_t changes)
{
    uint32_t at = 0, to = 0, places[40], count = 0;
    for (uint32_t i = 0; i < STREAM; i++)
        m->sent[i] = (uint8_t)('a' + i % 26);
    while (at < STREAM) {
        uint32_t gap = random32(seed) % (2 * STREAM / changes), len = 1 + random32(seed) % 30;
        for (; gap > 0 && at < STREAM; gap--, at++) {
            m->there[at] = to;
            m->received[to++] = m->sent[at];
        }
        if (count == changes || at + len > STREAM)
            continue;
        struct payload_edit e = {.len = len, .new_len = random32(seed) % (PAYLOAD_TEXT + 1)};
        memset(e.text, 'A' + (int)(count % 26), e.new_len);
        places[count++] = at;
        sequence_note(&m->shift, FIRST + at, &e);
        memcpy(m->received + to, e.text, e.new_len);
        for (uint32_t i = 0; i < len; i++, at++) {
            m->there[at] = to + (i > 0 ? e.new_len : 0);
            m->is_changed[at] = i > 0;
        }
        to += e.new_len;
    }
    m->there[STREAM] = to;
    m->oldest = count > SEQUENCE_CHANGES ? places[count - SEQUENCE_CHANGES] : 0;
}

/* Any part of the stream, sent again, is what the receiver has at the number that it is sent with. */
TEST(what_is_sent_again_is_the_same_again)
{
    uint64_t seed = 1;
    for (int round = 0; round < 300; round++) {
        static struct model m;
        memset(&m, 0, sizeof m);
        change_some(&m, &seed, 1 + (uint32_t)round % 12);
        for (int cut = 0; cut < 50; cut++) {
            uint32_t len = 1 + random32(&seed) % 900, at = m.oldest + random32(&seed) % (STREAM - m.oldest);
            len = at + len > STREAM ? STREAM - at : len;
            char ends[] = "192.0.2.1:1 > 192.0.2.2:2";
            struct bytes b = tcp(ends, ACK, FIRST + at, 0, len);
            memcpy(b.at + 40, m.sent + at, len);
            seal(&b);
            struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len, .room = sizeof b.at};
            assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
            struct payload_edit edits[SEQUENCE_CHANGES];
            size_t count = sequence_repeat(&m.shift, FIRST + at, len, 40, edits);
            assert_true((count != 0) == sequence_meets(&m.shift, FIRST + at, len));
            assert_true(count == 0 || payload_edit(&packet, edits, count));
            const struct sequence_shift other = {.total = 0};
            (void)sequence_rewrite(&packet, &m.shift, &other);
            assert_true(are_checksums_right(packet.data, packet.len));
            uint32_t wanted = m.there[at + len] - m.there[at];
            assert_int_equal(get32(b.at + 24) - FIRST, m.there[at]);
            assert_int_equal(packet.len - 40, wanted);
            assert_memory_equal(b.at + 40, m.received + m.there[at], wanted);
        }
    }
}

/* What the receiver acknowledges is what it has of the sender's, and never more. */
TEST(what_is_acknowledged_has_been_received)
{
    uint64_t seed = 2;
    for (int round = 0; round < 300; round++) {
        static struct model m;
        memset(&m, 0, sizeof m);
        change_some(&m, &seed, 1 + (uint32_t)round % 12);
        for (uint32_t at = m.oldest; at <= STREAM; at++)
            if (at == STREAM || !m.is_changed[at]) {
                uint32_t back = sequence_back(&m.shift, FIRST + m.there[at]) - FIRST;
                /* several numbers of the sender's are one of the receiver's where a text became nothing */
                assert_true(back >= at && m.there[back] == m.there[at]);
            }
        for (uint32_t at = m.there[m.oldest]; at <= m.there[STREAM]; at++) {
            uint32_t back = sequence_back(&m.shift, FIRST + at) - FIRST;
            assert_true(back <= STREAM && m.there[back] <= at && (back == STREAM || !m.is_changed[back]));
        }
    }
}

TEST(room_is_made_of_what_is_acknowledged)
{
    struct sequence_shift shift = {.total = 0};
    const struct payload_edit e = edit_of(5, "ab");
    for (uint32_t i = 0; i < SEQUENCE_CHANGES; i++) {
        assert_true(sequence_has_room(&shift, 1, FIRST));
        sequence_note(&shift, FIRST + 100 * i, &e);
    }
    assert_true(sequence_has_room(&shift, 0, FIRST));
    assert_false(sequence_has_room(&shift, 1, FIRST));
    assert_false(sequence_has_room(&shift, 1, FIRST + 4));
    assert_true(sequence_has_room(&shift, 1, FIRST + 5));
    assert_false(sequence_has_room(&shift, 2, FIRST + 104));
    assert_true(sequence_has_room(&shift, 2, FIRST + 105));
    assert_true(sequence_has_room(&shift, SEQUENCE_CHANGES, FIRST + 10000));
    assert_false(sequence_has_room(&shift, SEQUENCE_CHANGES + 1, FIRST + 10000));
    sequence_note(&shift, FIRST + 10000, &e);
    assert_false(sequence_meets(&shift, FIRST, 50)); /* the oldest has gone */
    assert_true(sequence_meets(&shift, FIRST + 100, 50));
    assert_int_equal(sequence_there(&shift, FIRST + 50), FIRST + 50 - 3); /* and still counts */
    assert_int_equal(sequence_there(&shift, FIRST + 20000), FIRST + 20000 - 27);
}

/* Numbers come around: a change in the far past is not one to come. */
TEST(a_stream_of_many_gigabytes)
{
    struct sequence_shift shift = grown(FIRST, 5, "abcdefgh");
    uint32_t number = FIRST;
    for (int i = 0; i < 100; i++, number += 1 << 28) {
        sequence_advance(&shift, number);
        assert_int_equal(sequence_there(&shift, number + 5), number + 8);
        assert_int_equal(sequence_back(&shift, number + 8), number + 5);
    }
    sequence_advance(&shift, FIRST - 100); /* something old, sent again, forgets nothing */
    struct sequence_shift young = grown(FIRST, 5, "abcdefgh");
    sequence_advance(&young, FIRST - 100);
    assert_int_equal(sequence_there(&young, FIRST - 100), FIRST - 100);
}

/* ---- headers ---- */

TEST(acknowledgements_and_sack)
{
    /* 10 bytes from 1000 on have become 16 */
    const struct sequence_shift heard = grown(1000, 10, "0123456789abcdef"), sent = {.total = 0};
    static const struct {
        const char *name;
        uint8_t len;
        uint32_t before[3], after[3]; /* acknowledgement, and one block */
    } rows[] = {
        {"older", 12, {900, 950, 960}, {900, 950, 960}},
        {"up to it", 12, {1000, 1016, 1020}, {1000, 1010, 1014}},
        {"part of it", 12, {1007, 1020, 1030}, {1000, 1014, 1024}},
        {"all of it", 12, {1016, 1020, 1030}, {1010, 1014, 1024}},
        {"a block of part of it", 12, {990, 1003, 1030}, {990, 1010, 1024}},
        {"a block to part of it", 12, {980, 990, 1003}, {980, 990, 1000}},
        {"a block of all of it", 12, {980, 1000, 1016}, {980, 1000, 1010}},
        {"a block within it", 12, {980, 1003, 1005}, {980, 1010, 1000}}, /* nothing: it ends before it begins */
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (uint32_t pad = 0; pad < 4; pad++) {
            uint8_t options[16] = {1, 1, 1, 1};
            options[pad] = 5;
            options[pad + 1] = 10;
            put32(options + pad + 2, rows[i].before[1]);
            put32(options + pad + 6, rows[i].before[2]);
            struct bytes b =
                tcp_with_options("192.0.2.1:1 > 192.0.2.2:2", ACK, 5, rows[i].before[0], 3, 9, options, 16);
            struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
            assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
            bool is_changed = memcmp(rows[i].before, rows[i].after, sizeof rows[i].before) != 0;
            CHECK(rows[i].name, sequence_rewrite(&packet, &sent, &heard) == is_changed);
            CHECK_EQUAL(rows[i].name, get32(b.at + 28), rows[i].after[0]);
            CHECK_EQUAL(rows[i].name, get32(b.at + 40 + pad + 2), rows[i].after[1]);
            CHECK_EQUAL(rows[i].name, get32(b.at + 40 + pad + 6), rows[i].after[2]);
            CHECK_EQUAL(rows[i].name, get32(b.at + 24), 5);
            CHECK(rows[i].name, are_checksums_right(b.at, b.len));
        }
}

/* Options that contradict themselves, or are cut off, are read no further than they are there. */
TEST(no_further_than_the_header)
{
    const struct sequence_shift heard = grown(1000, 10, "0123456789abcdef"), sent = grown(1, 1, "xy");
    static const uint8_t options[][12] = {
        {5, 0, 0, 0},
        {5, 1, 0, 0},
        {5, 40, 0, 0, 4, 4},
        {1, 1, 1, 5},
        {5, 11, 0, 0, 4, 40, 0, 0, 4, 40, 1, 1},
        {8, 200},
        {0, 5, 10, 0, 0, 4, 40, 0, 0, 4, 40, 0},
    };
    for (size_t i = 0; i < COUNT(options); i++)
        for (uint32_t len = 40; len <= 52; len++) {
            struct bytes b = tcp_with_options("192.0.2.1:1 > 192.0.2.2:2", ACK, 5, 1016, 0, 9, options[i], 12);
            uint8_t *block = malloc(len);
            memcpy(block, b.at, len);
            struct tg_packet packet = {.data = block, .len = len, .wire_len = b.len};
            if (tg_packet_decode(&packet, TG_DECODE_TRUST_CHECKSUM) == TG_DECODED) {
                (void)sequence_rewrite(&packet, &sent, &heard);
                assert_int_equal(get32(block + 24), 6);
                assert_int_equal(get32(block + 28), 1010);
            }
            free(block);
        }
}

/* What an acknowledgement says only counts where there is one. */
TEST(a_reset_without_acknowledgement)
{
    const struct sequence_shift heard = grown(1000, 10, "0123456789abcdef"), sent = grown(1, 1, "xy");
    struct bytes b = tcp("192.0.2.1:1 > 192.0.2.2:2", RST, 5, 1016, 0);
    struct tg_packet packet = {.data = b.at, .len = b.len, .wire_len = b.len};
    assert_int_equal(tg_packet_decode(&packet, 0), TG_DECODED);
    assert_true(sequence_rewrite(&packet, &sent, &heard));
    assert_int_equal(get32(b.at + 24), 6);
    assert_int_equal(get32(b.at + 28), 1016);
    assert_true(are_checksums_right(b.at, b.len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_around_one_change),
        cmocka_unit_test(numbers_without_a_change),
        cmocka_unit_test(what_is_sent_again_is_the_same_again),
        cmocka_unit_test(what_is_acknowledged_has_been_received),
        cmocka_unit_test(room_is_made_of_what_is_acknowledged),
        cmocka_unit_test(a_stream_of_many_gigabytes),
        cmocka_unit_test(acknowledgements_and_sack),
        cmocka_unit_test(no_further_than_the_header),
        cmocka_unit_test(a_reset_without_acknowledgement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
