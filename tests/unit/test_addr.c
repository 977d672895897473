/* Addresses, masks, networks: src/wire/addr.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

#include "tidegate/addr.h"

static struct tg_addr address(const char *text)
{
    uint8_t family;
    struct tg_addr addr;
    assert_int_equal(tg_addr_parse(text, &family, &addr), 0);
    return addr;
}

/* A mask bit by bit, from the left. */
static struct tg_addr naive_mask(uint8_t family, unsigned len)
{
    struct tg_addr mask = {0, 0};
    unsigned most = family == TG_IPV4 ? 32 : 128;
    for (unsigned i = 0; i < len; i++) {
        unsigned bit = most - 1 - i;
        if (bit >= 64)
            mask.hi |= UINT64_C(1) << (bit - 64);
        else
            mask.lo |= UINT64_C(1) << bit;
    }
    return mask;
}

TEST(masks_of_every_length)
{
    char row[32];
    for (int family = TG_IPV4; family <= TG_IPV6; family += 2)
        for (unsigned len = 0; len <= (family == TG_IPV4 ? 32 : 128); len++) {
            snprintf(row, sizeof row, "IPv%d /%u", family, len);
            struct tg_addr mask = tg_mask((uint8_t)family, (uint8_t)len), naive = naive_mask((uint8_t)family, len);
            CHECK_EQUAL(row, mask.hi, naive.hi);
            CHECK_EQUAL(row, mask.lo, naive.lo);
        }
}

TEST(prefixes_hold_what_lies_between_their_ends)
{
    static const struct {
        const char *prefix, *first, *last, *before, *behind; /* the last two: NULL where there is nothing */
    } rows[] = {
        {"192.168.1.1/24", "192.168.1.0", "192.168.1.255", "192.168.0.255", "192.168.2.0"},
        {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
        {"203.0.113.7/32", "203.0.113.7", "203.0.113.7", "203.0.113.6", "203.0.113.8"},
        {"203.0.113.7", "203.0.113.7", "203.0.113.7", "203.0.113.6", "203.0.113.8"},
        {"203.0.113.6/31", "203.0.113.6", "203.0.113.7", "203.0.113.5", "203.0.113.8"},
        {"1.2.3.4/0", "0.0.0.0", "255.255.255.255", NULL, NULL},
        {"128.0.0.0/1", "128.0.0.0", "255.255.255.255", "127.255.255.255", NULL},
        {"2001:db8:1:1::1/64", "2001:db8:1:1::", "2001:db8:1:1:ffff:ffff:ffff:ffff", "2001:db8:1::ffff:0:0:0",
         "2001:db8:1:2::"},
        {"2001:db8::/63", "2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db8:0:2::"},
        {"2001:db8::8000:0:0:0/65", "2001:db8::8000:0:0:0", "2001:db8::ffff:ffff:ffff:ffff",
         "2001:db8::7fff:ffff:ffff:ffff", "2001:db8:0:1::"},
        {"fe80::1/128", "fe80::1", "fe80::1", "fe80::", "fe80::2"},
        {"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL},
        {"8000::/1", "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "7fff:ffff::", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_prefix prefix;
        CHECK(rows[i].prefix, tg_prefix_parse(rows[i].prefix, &prefix) == 0);
        struct tg_range range = tg_prefix_range(&prefix);
        CHECK(rows[i].prefix, range.family == prefix.family);
        CHECK(rows[i].prefix, tg_addr_equal(range.first, address(rows[i].first)));
        CHECK(rows[i].prefix, tg_addr_equal(range.last, address(rows[i].last)));
        CHECK(rows[i].prefix, tg_prefix_holds(&prefix, prefix.family, range.first));
        CHECK(rows[i].prefix, tg_prefix_holds(&prefix, prefix.family, range.last));
        CHECK(rows[i].prefix, tg_prefix_holds(&prefix, prefix.family, prefix.addr));
        CHECK(rows[i].prefix,
              rows[i].before == NULL || !tg_prefix_holds(&prefix, prefix.family, address(rows[i].before)));
        CHECK(rows[i].prefix,
              rows[i].behind == NULL || !tg_prefix_holds(&prefix, prefix.family, address(rows[i].behind)));
        /* the other family is never in it, whatever its bits */
        CHECK(rows[i].prefix, !tg_prefix_holds(&prefix, prefix.family ^ TG_IPV4 ^ TG_IPV6, prefix.addr));
    }
}

TEST(addresses_are_read_and_written)
{
    static const struct {
        const char *text, *written; /* written: NULL if it is no address, "" if as read */
        uint8_t family;
        uint64_t hi, lo;
    } rows[] = {
        {"0.0.0.0", "", TG_IPV4, 0, 0},
        {"255.255.255.255", "", TG_IPV4, 0, 0xffffffff},
        {"192.168.1.50", "", TG_IPV4, 0, 0xc0a80132},
        {"::", "", TG_IPV6, 0, 0},
        {"::1", "", TG_IPV6, 0, 1},
        {"2001:db8::1", "", TG_IPV6, UINT64_C(0x20010db800000000), 1},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", TG_IPV6, UINT64_C(0x20010db800000000), 1},
        {"2001:db8:0:1:1:1:1:1", "", TG_IPV6, UINT64_C(0x20010db800000001), UINT64_C(0x0001000100010001)},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", TG_IPV6, UINT64_C(0x20010db800000000),
         UINT64_C(0x0001000000000001)}, /* RFC 5952 4.2.3: the first of two equal runs */
        {"2001:0:0:1::1", "2001:0:0:1::1", TG_IPV6, UINT64_C(0x2001000000000001), 1},
        {"::ffff:192.0.2.1", "", TG_IPV6, 0, UINT64_C(0xffffc0000201)},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", TG_IPV6, UINT64_MAX, UINT64_MAX},
        {"", NULL, 0, 0, 0},
        {"1.2.3", NULL, 0, 0, 0},
        {"1.2.3.4.5", NULL, 0, 0, 0},
        {"1.2.3.256", NULL, 0, 0, 0},
        {"1.2.3.4 ", NULL, 0, 0, 0},
        {" 1.2.3.4", NULL, 0, 0, 0},
        {"1.2.3.4/24", NULL, 0, 0, 0},
        {"1.2.3.-4", NULL, 0, 0, 0},
        {"0x7f.0.0.1", NULL, 0, 0, 0},
        {"2130706433", NULL, 0, 0, 0},
        {":::", NULL, 0, 0, 0},
        {"1::2::3", NULL, 0, 0, 0},
        {"fe80::1%eth0", NULL, 0, 0, 0},
        {"[::1]", NULL, 0, 0, 0},
        {"12345::", NULL, 0, 0, 0},
        {"1:2:3:4:5:6:7:8:9", NULL, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t family = 0;
        struct tg_addr addr = {0, 0};
        char buf[TG_ADDR_TEXT];
        int error = tg_addr_parse(rows[i].text, &family, &addr);
        if (rows[i].written == NULL) {
            CHECK(rows[i].text, error == -EINVAL);
            continue;
        }
        CHECK(rows[i].text, error == 0);
        CHECK(rows[i].text, family == rows[i].family);
        CHECK_EQUAL(rows[i].text, addr.hi, rows[i].hi);
        CHECK_EQUAL(rows[i].text, addr.lo, rows[i].lo);
        const char *wanted = rows[i].written[0] == '\0' ? rows[i].text : rows[i].written;
        assert_string_equal(tg_addr_format(family, addr, buf), wanted);
    }
}

TEST(prefixes_are_read)
{
    static const struct {
        const char *text;
        int len; /* or -1: refused */
    } rows[] = {
        {"10.0.0.0/8", 8},
        {"10.0.0.0/0", 0},
        {"10.0.0.0/32", 32},
        {"10.0.0.0", 32},
        {"::/0", 0},
        {"::1", 128},
        {"fd00::/128", 128},
        {"10.0.0.0/33", -1},
        {"10.0.0.0/", -1},
        {"10.0.0.0/-1", -1},
        {"10.0.0.0/+8", -1},
        {"10.0.0.0/ 8", -1},
        {"10.0.0.0/8 ", -1},
        {"10.0.0.0/8/8", -1},
        {"10.0.0.0/1000000000000", -1},
        {"10.0.0.0/4294967304", -1},
        {"10.0.0/8", -1},
        {"/8", -1},
        {"", -1},
        {"fd00::/129", -1},
        {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8", -1},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", 128}, /* the longest there is */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_prefix prefix;
        int error = tg_prefix_parse(rows[i].text, &prefix);
        CHECK(rows[i].text, error == (rows[i].len < 0 ? -EINVAL : 0));
        if (error == 0)
            CHECK_EQUAL(rows[i].text, prefix.len, rows[i].len);
    }
}

TEST(kinds_of_addresses)
{
    static const struct {
        const char *text;
        bool group, unspecified, link_local;
    } rows[] = {
        {"0.0.0.0", false, true, false},
        {"0.0.0.1", false, false, false},
        {"223.255.255.255", false, false, false},
        {"224.0.0.0", true, false, false},
        {"239.255.255.255", true, false, false},
        {"240.0.0.0", false, false, false},
        {"255.255.255.254", false, false, false},
        {"255.255.255.255", true, false, false},
        {"169.254.1.1", false, false, false},
        {"::", false, true, false},
        {"::1", false, false, false},
        {"::224.0.0.1", false, false, false}, /* what would be a group in IPv4 */
        {"ff00::", true, false, false},
        {"ff02::1", true, false, false},
        {"feff::1", false, false, false},
        {"fe80::", false, false, true},
        {"fe80::1", false, false, true},
        {"febf:ffff::1", false, false, true},
        {"fe7f::1", false, false, false},
        {"fec0::1", false, false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t family;
        struct tg_addr addr;
        assert_int_equal(tg_addr_parse(rows[i].text, &family, &addr), 0);
        CHECK(rows[i].text, tg_addr_is_group(family, addr) == rows[i].group);
        CHECK(rows[i].text, tg_addr_is_unspecified(addr) == rows[i].unspecified);
        CHECK(rows[i].text, tg_addr_is_link_local(family, addr) == rows[i].link_local);
    }
}

TEST(comparing_is_numeric_over_all_bits)
{
    static const char *const ascending[] = {"::",        "::1",        "::ffff:ffff:ffff:ffff",
                                            "0:0:0:1::", "0:0:0:1::1", "1::",
                                            "ff::",      "8000::",     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};

    for (size_t i = 0; i < COUNT(ascending); i++)
        for (size_t j = 0; j < COUNT(ascending); j++) {
            int order = tg_addr_compare(address(ascending[i]), address(ascending[j]));
            CHECK(ascending[i], (order < 0) == (i < j) && (order > 0) == (i > j) && (order == 0) == (i == j));
        }
}

TEST(loading_and_storing_are_in_network_order)
{
    static const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    uint8_t out[17] = {0};

    assert_true(tg_addr_equal(tg_addr_load(TG_IPV4, v6 + 1), tg_ipv4(0x010db801))); /* at an odd address */
    struct tg_addr addr = tg_addr_load(TG_IPV6, v6);
    assert_true(addr.hi == UINT64_C(0x20010db801020304) && addr.lo == UINT64_C(0x05060708090a0b0c));
    tg_addr_store(TG_IPV6, addr, out + 1);
    assert_memory_equal(out + 1, v6, 16);
    memset(out, 0xee, sizeof out);
    tg_addr_store(TG_IPV4, tg_ipv4(0x01020304), out + 1);
    assert_memory_equal(out, "\xee\1\2\3\4\xee", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_of_every_length),
        cmocka_unit_test(prefixes_hold_what_lies_between_their_ends),
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(prefixes_are_read),
        cmocka_unit_test(kinds_of_addresses),
        cmocka_unit_test(comparing_is_numeric_over_all_bits),
        cmocka_unit_test(loading_and_storing_are_in_network_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
