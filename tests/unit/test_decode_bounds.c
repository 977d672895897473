/* Reading within bounds: no byte outside what is there is read, whatever the headers say.
 *
 * Each packet is decoded from a block of memory that ends with it, so that under AddressSanitizer or valgrind one byte
 * too far is fatal. What is looked at besides is that the description never points outside of what it describes.
 */
#include "unit.h"

#include "corpus.h"

static struct sample corpus[SAMPLES_MOST];
static size_t corpus_count;

static int make_corpus(void **state)
{
    (void)state;
    corpus_count = samples(corpus);
    return 0;
}

/* What holds of every description. */
static void check_description(const char *row, const struct tg_packet *p, enum tg_decoded decoded)
{
    CHECK(row, decoded == TG_DECODED || decoded == TG_MALFORMED);
    if (decoded == TG_MALFORMED)
        return;
    CHECK(row, p->outer.tuple.family == TG_IPV4 || p->outer.tuple.family == TG_IPV6);
    CHECK(row, p->outer.transport <= p->len);
    CHECK(row, p->outer.transport <= p->outer.end);
    CHECK(row, p->outer.end <= p->wire_len);
    CHECK(row, p->cut == (p->len < p->outer.end));
    uint32_t end = p->outer.end < p->len ? p->outer.end : p->len, header = 0;
    switch (p->kind) {
    case TG_TRANSPORT_TCP: header = 20; break;
    case TG_TRANSPORT_PORTS: header = p->outer.tuple.proto == TG_PROTO_SCTP ? 12 : 8; break;
    case TG_TRANSPORT_QUERY:
    case TG_TRANSPORT_ERROR: header = 8; break;
    default: break;
    }
    CHECK(row, p->outer.transport + header <= end);
    CHECK(row, p->kind != TG_TRANSPORT_LATER || p->fragment_offset != 0);
    CHECK(row, p->kind != TG_TRANSPORT_TCP || p->tcp.payload <= p->outer.end - p->outer.transport - 20);
    CHECK(row, !p->quoted || p->kind == TG_TRANSPORT_ERROR);
    if (!p->quoted)
        return;
    CHECK(row, p->quote.ip == p->outer.transport + 8);
    CHECK(row, p->quote.tuple.family == p->outer.tuple.family);
    CHECK(row, p->quote.transport > p->quote.ip);
    CHECK(row, p->quote.transport <= p->quote.end);
    CHECK(row, p->quote.transport <= end);
    if (tg_proto_has_ports(p->quote.tuple.proto))
        CHECK(row, p->quote.transport + 4u <= end && p->quote.transport + 4u <= p->quote.end);
}

static enum tg_decoded try(const char *row, const uint8_t *bytes, uint32_t len, uint32_t wire_len, unsigned flags)
{
    struct tg_packet packet;
    enum tg_decoded decoded = decode_copy(bytes, len, wire_len, flags, &packet);
    check_description(row, &packet, decoded);
    free(packet.data);
    return decoded;
}

/* The least of a packet that a capture may keep, so that its headers are there. */
static uint32_t least_of(const struct sample *s)
{
    uint8_t proto;
    uint32_t at = find_transport(s->bytes.at, s->bytes.len, &proto);
    switch (s->kind) {
    case TG_TRANSPORT_TCP: return at + 20; /* the options may be cut */
    case TG_TRANSPORT_PORTS: return at + (proto == TG_PROTO_SCTP ? 12 : 8);
    case TG_TRANSPORT_QUERY:
    case TG_TRANSPORT_ERROR: return at + 8;
    case TG_TRANSPORT_NOTICE: return proto == TG_PROTO_IGMP ? at : at + 8;
    default: return at;
    }
}

/* A capture cuts at any byte: nothing is held against the packet as long as its headers are there. */
TEST(cut_by_a_capture_at_every_byte)
{
    for (size_t i = 0; i < corpus_count; i++) {
        const struct sample *s = &corpus[i];
        for (uint32_t len = 0; len <= s->bytes.len; len++) {
            enum tg_decoded decoded = try(s->name, s->bytes.at, len, s->bytes.len, 0);
            if ((decoded == TG_DECODED) != (len >= least_of(s)))
                fail_msg("%s: cut to %u bytes: %d", s->name, len, decoded);
        }
    }
}

/* On the wire nothing is cut: a packet that claims more than came is a lie. */
TEST(shorter_on_the_wire_at_every_byte)
{
    for (size_t i = 0; i < corpus_count; i++) {
        const struct sample *s = &corpus[i];
        uint32_t end = s->bytes.at[0] >> 4 == 4 ? get16(s->bytes.at + 2) : 40u + get16(s->bytes.at + 4);
        for (uint32_t len = 0; len <= s->bytes.len; len++)
            if ((try(s->name, s->bytes.at, len, len, 0) == TG_DECODED) != (len >= end))
                fail_msg("%s: %u bytes on the wire", s->name, len);
    }
}

TEST(padding_behind_a_packet_is_no_part_of_it)
{
    for (size_t i = 0; i < corpus_count; i++)
        for (uint32_t n = 1; n <= 46; n += 5) {
            struct bytes b = with_padding(corpus[i].bytes, n);
            CHECK(corpus[i].name, try(corpus[i].name, b.at, b.len, b.len, 0) == TG_DECODED);
        }
}

/* Any one byte of the headers is anything. */
TEST(every_header_byte_with_every_value)
{
    for (size_t i = 0; i < corpus_count; i++) {
        struct bytes b = corpus[i].bytes;
        uint32_t most = b.len < 120 ? b.len : 120;
        for (uint32_t at = 0; at < most; at++) {
            uint8_t was = b.at[at];
            for (unsigned value = 0; value < 256; value++) {
                b.at[at] = (uint8_t)value;
                try(corpus[i].name, b.at, b.len, b.len, TG_DECODE_TRUST_CHECKSUM);
            }
            b.at[at] = was;
        }
    }
}

/* Several bytes at once, with the header's own sum right again, and cut somewhere. */
TEST(random_changes)
{
    uint64_t seed = 4;
    for (int round = 0; round < 60000; round++) {
        const struct sample *s = &corpus[random32(&seed) % corpus_count];
        struct bytes b = s->bytes;
        for (uint32_t n = 1 + random32(&seed) % 4; n > 0; n--) {
            uint32_t at = random32(&seed) % (random32(&seed) % 2 ? b.len : b.len < 80 ? b.len : 80);
            b.at[at] = random32(&seed) % 2 ? (uint8_t)random32(&seed) : (uint8_t)(b.at[at] ^ 1u << random32(&seed) % 8);
        }
        uint32_t header = (b.at[0] & 15) * 4u;
        if (b.at[0] >> 4 == 4 && header >= 20 && header <= b.len) {
            put16(b.at + 10, 0);
            put16(b.at + 10, ~naive_sum(b.at, header, 0) & 0xffff);
        }
        uint32_t len = random32(&seed) % 4 == 0 ? random32(&seed) % (b.len + 1) : b.len;
        try(s->name, b.at, len, b.len, random32(&seed) % 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_by_a_capture_at_every_byte),
        cmocka_unit_test(shorter_on_the_wire_at_every_byte),
        cmocka_unit_test(padding_behind_a_packet_is_no_part_of_it),
        cmocka_unit_test(every_header_byte_with_every_value),
        cmocka_unit_test(random_changes),
    };
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
