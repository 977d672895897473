/* The Internet checksum against the plainest one there is: src/wire/checksum.c. */
#include <inttypes.h>

#include "unit.h"

#include "packets.h"
#include "wire/checksum.h"

/* Both forms of zero are the same number in one's complement. */
static uint16_t canonical(uint32_t sum)
{
    return sum == 0xffff ? 0 : (uint16_t)sum;
}

TEST(sums_of_every_length_and_alignment)
{
    uint64_t seed = 1;
    for (uint32_t len = 0; len <= 300; len++)
        for (uint32_t shift = 0; shift < 8; shift++) {
            uint8_t *block = malloc(len + shift);
            for (uint32_t i = 0; i < len + shift; i++)
                block[i] = (uint8_t)random32(&seed);
            uint16_t sum = checksum_sum(block + shift, len);
            uint32_t naive = naive_sum(block + shift, len, 0);
            if (sum != naive)
                fail_msg("length %u, alignment %u: %04x, not %04x", len, shift, sum, naive);
            free(block);
        }
}

TEST(sums_of_extreme_bytes)
{
    static const uint8_t fills[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
    static uint8_t block[65536];
    for (size_t i = 0; i < COUNT(fills); i++) {
        memset(block, fills[i], sizeof block);
        for (uint32_t len = 65536 - 40; len <= 65536; len++)
            if (checksum_sum(block, len) != naive_sum(block, len, 0))
                fail_msg("%u bytes of %02x: %04x, not %04x", len, fills[i], checksum_sum(block, len),
                         naive_sum(block, len, 0));
    }
    assert_int_equal(checksum_sum(block, 0), 0);
}

TEST(adding_carries_around)
{
    static const struct {
        uint16_t a, b, sum;
    } rows[] = {{0, 0, 0},           {0xffff, 0, 0xffff},     {0xffff, 1, 1}, {0xffff, 0xffff, 0xffff},
                {0x8000, 0x8000, 1}, {0x1234, 0x4321, 0x5555}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(checksum_add(rows[i].a, rows[i].b), rows[i].sum);
        assert_int_equal(checksum_add(rows[i].b, rows[i].a), rows[i].sum);
    }
}

TEST(folding_keeps_the_sum)
{
    static const uint64_t edges[] = {0, 1, 0xffff, 0x10000, 0xffff0001, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX - 1};
    uint64_t seed = 3;
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t n = (uint64_t)random32(&seed) << 32 | random32(&seed);
        n = i < COUNT(edges) ? edges[i] : n >> random32(&seed) % 64;
        uint16_t wanted = n == 0 ? 0 : (uint16_t)((n - 1) % 0xffff + 1); /* zero only of nothing but zeros */
        if (checksum_fold(n) != wanted)
            fail_msg("%" PRIx64 ": %04x, not %04x", n, checksum_fold(n), wanted);
    }
}

/* Headers whose words add up to more than 64 bits, right and wrong. */
TEST(headers_as_the_plainest_sum_has_them)
{
    uint64_t seed = 4;
    uint32_t right = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t ip[20];
        for (size_t at = 0; at < sizeof ip; at++)
            ip[at] = random32(&seed) % 4 == 0 ? (uint8_t)random32(&seed) : 0xff;
        put16(ip + 10, 0);
        put16(ip + 10, ~naive_sum(ip, sizeof ip, 0) & 0xffff);
        ip[random32(&seed) % 20] ^= (uint8_t)(random32(&seed) % 2);
        bool is_right = naive_sum(ip, sizeof ip, 0) == 0xffff;
        assert_int_equal(checksum_is_right_ip4(ip), is_right);
        right += is_right;
    }
    assert_in_range(right, 40000, 60000);
}

TEST(a_known_header)
{
    /* the IPv4 header that is commonly worked through by hand; its checksum is b861 */
    static const uint8_t header[] = {0x45, 0,    0,    0x73, 0, 0, 0x40, 0,    0x40, 0x11,
                                     0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0,    0xc7};
    assert_int_equal(checksum_sum(header, sizeof header), 0xffff);
}

/* RFC 1624 section 4 shows a case in which the older equations give -0. */
TEST(the_case_of_rfc_1624)
{
    assert_int_equal(checksum_update(0xdd2f, 0x5555, 0x3285), 0x0000);
}

/* Any change of any words, on messages with right checksums: after the update the whole sums to 0xffff again. */
TEST(updates_keep_a_right_checksum_right)
{
    static const uint16_t edges[] = {0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff};
    uint64_t seed = 2;
    for (int round = 0; round < 20000; round++) {
        uint8_t message[40];
        for (size_t i = 0; i < sizeof message; i++)
            message[i] = (uint8_t)random32(&seed);
        message[0] |= 1;      /* a message of nothing but zeros has no right checksum but 0xffff */
        if (round % 3 == 0) { /* make the sum of all else 0xffff, so that the field is 0 or 0xffff */
            put16(message + 2, 0);
            put16(message + 38, 0);
            put16(message + 2, 0xffff - naive_sum(message, sizeof message, 0));
        }
        put16(message + 38, 0);
        put16(message + 38, ~naive_sum(message, sizeof message, 0) & 0xffff);
        if (round % 6 == 0)
            put16(message + 38, get16(message + 38) == 0 ? 0xffff : get16(message + 38));
        assert_int_equal(naive_sum(message, sizeof message, 0), 0xffff);
        uint16_t before = 0, after = 0;
        for (uint32_t words = random32(&seed) % 5; words > 0; words--) {
            uint32_t at = 2 + random32(&seed) % 18 * 2;
            uint16_t value = random32(&seed) % 2 ? edges[random32(&seed) % COUNT(edges)] : (uint16_t)random32(&seed);
            before = checksum_add(before, get16(message + at));
            after = checksum_add(after, value);
            put16(message + at, value);
        }
        put16(message + 38, checksum_update(get16(message + 38), before, after));
        if (naive_sum(message, sizeof message, 0) != 0xffff)
            fail_msg("round %d: sums to %04x", round, naive_sum(message, sizeof message, 0));
    }
}

/* A wrong checksum stays wrong by the same amount: what was broken on the way in is seen as broken further on. */
TEST(updates_keep_a_wrong_checksum_wrong)
{
    uint64_t seed = 3;
    for (int round = 0; round < 20000; round++) {
        uint8_t message[20];
        for (size_t i = 0; i < sizeof message; i++)
            message[i] = (uint8_t)random32(&seed);
        uint16_t was = canonical(naive_sum(message, sizeof message, 0)), value = (uint16_t)random32(&seed);
        uint16_t old = get16(message + 4);
        put16(message + 4, value);
        put16(message + 18, checksum_update(get16(message + 18), old, value));
        assert_int_equal(canonical(naive_sum(message, sizeof message, 0)), was);
    }
}

TEST(pseudo_headers)
{
    static const struct {
        const char *ends;
        uint8_t proto;
    } rows[] = {
        {"192.168.1.50 > 198.51.100.9", TG_PROTO_TCP},
        {"255.255.255.255 > 255.255.255.255", TG_PROTO_UDP},
        {"0.0.0.0 > 0.0.0.0", TG_PROTO_UDPLITE},
        {"2001:db8::1 > ff02::2", TG_PROTO_ICMP6},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff > ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", TG_PROTO_UDP},
        {":: > ::", TG_PROTO_TCP},
        {"1:2:3:4:5:6:7:8 > 9:a:b:c:d:e:f:10", 255},
    };
    static const uint32_t lengths[] = {0, 8, 20, 1480, 0xffff, 0x10000, 0xfffff};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t j = 0; j < COUNT(lengths); j++) {
            struct bytes b = ip_packet(rows[i].ends, rows[i].proto, NULL, 0);
            struct ends e = read_ends(rows[i].ends);
            struct tg_tuple tuple = {
                tg_addr_load(e.family, e.src), tg_addr_load(e.family, e.dst), 1, 2, e.family, rows[i].proto};
            CHECK_EQUAL(rows[i].ends, canonical(checksum_pseudo(tuple.src, tuple.dst, tuple.proto, lengths[j])),
                        canonical(naive_pseudo(b.at, rows[i].proto, lengths[j])));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_every_length_and_alignment),
        cmocka_unit_test(sums_of_extreme_bytes),
        cmocka_unit_test(adding_carries_around),
        cmocka_unit_test(folding_keeps_the_sum),
        cmocka_unit_test(headers_as_the_plainest_sum_has_them),
        cmocka_unit_test(a_known_header),
        cmocka_unit_test(the_case_of_rfc_1624),
        cmocka_unit_test(updates_keep_a_right_checksum_right),
        cmocka_unit_test(updates_keep_a_wrong_checksum_wrong),
        cmocka_unit_test(pseudo_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
