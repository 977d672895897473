/* Finding the IP packet in a frame: one row a way of carrying it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/link.h"

/* An IPv4 and an IPv6 header, as hexadecimal digits: 24 and 44 bytes with their payload. */
#define IP4                                                                                                            \
    "4500001800000000401100000a0000010a000002"                                                                         \
    "00000000"
#define IP6                                                                                                            \
    "6000000000043b40fd000000000000000000000000000001fd000000000000000000000000000002"                                 \
    "00000000"
#define MAC "020000000001020000000002"

static const struct {
    const char *name;
    uint16_t type;
    const char *frame;
    enum link_content content;
    uint32_t offset, len; /* of the packet */
    bool other_family;
} rows[] = {
    {"ethernet", LINK_ETHERNET, MAC "0800" IP4, LINK_IP, 14, 24, false},
    {"ethernet, IPv6", LINK_ETHERNET, MAC "86dd" IP6, LINK_IP, 14, 44, false},
    {"ethernet, padding behind", LINK_ETHERNET, MAC "0800" IP4 "000000000000", LINK_IP, 14, 24, false},
    {"ethernet, IPv6, padding behind", LINK_ETHERNET, MAC "86dd" IP6 "0000", LINK_IP, 14, 44, false},
    {"ethernet, IPv6 in an IPv4 frame", LINK_ETHERNET, MAC "0800" IP6, LINK_IP, 14, 44, true},
    {"ethernet, ARP", LINK_ETHERNET,
     MAC "0806"
         "0001080006040001",
     LINK_NOT_IP, 0, 0, false},
    {"ethernet, 802.3 length", LINK_ETHERNET, MAC "0018" IP4, LINK_NOT_IP, 0, 0, false},
    {"ethernet, cut in its header", LINK_ETHERNET, MAC "08", LINK_NOT_IP, 0, 0, false},
    {"ethernet, cut behind it", LINK_ETHERNET, MAC "0800", LINK_IP, 14, 0, false},
    {"VLAN", LINK_ETHERNET,
     MAC "8100"
         "0005"
         "0800" IP4,
     LINK_IP, 18, 24, false},
    {"VLAN, cut in its tag", LINK_ETHERNET,
     MAC "8100"
         "000508",
     LINK_NOT_IP, 0, 0, false},
    {"VLAN in service VLAN", LINK_ETHERNET,
     MAC "88a8"
         "0064"
         "8100"
         "0005"
         "86dd" IP6,
     LINK_IP, 22, 44, false},
    {"three tags", LINK_ETHERNET,
     MAC "9100"
         "0001"
         "88a8"
         "0064"
         "8100"
         "0005"
         "0800" IP4,
     LINK_IP, 26, 24, false},
    {"VLAN, ARP", LINK_ETHERNET,
     MAC "8100"
         "0005"
         "0806"
         "0001",
     LINK_NOT_IP, 0, 0, false},
    {"PPPoE session", LINK_ETHERNET,
     MAC "8864"
         "11000001001a"
         "0021" IP4,
     LINK_IP, 22, 24, false},
    {"PPPoE session, IPv6", LINK_ETHERNET,
     MAC "8864"
         "11000001002e"
         "0057" IP6,
     LINK_IP, 22, 44, false},
    {"PPPoE session in a VLAN", LINK_ETHERNET,
     MAC "8100"
         "0007"
         "8864"
         "11000001001a"
         "0021" IP4,
     LINK_IP, 26, 24, false},
    {"PPPoE session, LCP", LINK_ETHERNET,
     MAC "8864"
         "110000010006"
         "c0210101",
     LINK_NOT_IP, 0, 0, false},
    {"PPPoE discovery", LINK_ETHERNET,
     MAC "8863"
         "11090000001a"
         "0021" IP4,
     LINK_NOT_IP, 0, 0, false},
    {"PPPoE of another version", LINK_ETHERNET,
     MAC "8864"
         "21000001001a"
         "0021" IP4,
     LINK_NOT_IP, 0, 0, false},
    {"Linux cooked", LINK_LINUX_SLL,
     "0000"
     "0001"
     "0006"
     "0200000000010000"
     "0800" IP4,
     LINK_IP, 16, 24, false},
    {"Linux cooked, outgoing IPv6", LINK_LINUX_SLL,
     "0004"
     "0001"
     "0006"
     "0200000000010000"
     "86dd" IP6,
     LINK_IP, 16, 44, false},
    {"Linux cooked, VLAN", LINK_LINUX_SLL,
     "0000"
     "0001"
     "0006"
     "0200000000010000"
     "8100"
     "0005"
     "0800" IP4,
     LINK_IP, 20, 24, false},
    {"Linux cooked, cut", LINK_LINUX_SLL,
     "0000"
     "0001"
     "0006"
     "02000000000100",
     LINK_NOT_IP, 0, 0, false},
    {"Linux cooked v2", LINK_LINUX_SLL2,
     "0800"
     "0000"
     "00000003"
     "0001"
     "00"
     "06"
     "0200000000010000" IP4,
     LINK_IP, 20, 24, false},
    {"Linux cooked v2, ARP", LINK_LINUX_SLL2,
     "0806"
     "0000"
     "00000003"
     "0001"
     "00"
     "06"
     "0200000000010000"
     "0001",
     LINK_NOT_IP, 0, 0, false},
    {"raw", LINK_RAW, IP4, LINK_IP, 0, 24, false},
    {"raw, IPv6", LINK_RAW, IP6, LINK_IP, 0, 44, false},
    {"raw, as 12", LINK_RAW_12, IP4, LINK_IP, 0, 24, false},
    {"raw, as 14", LINK_RAW_14, IP4, LINK_IP, 0, 24, false},
    {"raw, nothing captured", LINK_RAW, "", LINK_IP, 0, 0, false},
    {"IPv4", LINK_IPV4, IP4, LINK_IP, 0, 24, false},
    {"IPv4, but it is not", LINK_IPV4, IP6, LINK_IP, 0, 44, true},
    {"IPv6", LINK_IPV6, IP6, LINK_IP, 0, 44, false},
    {"IPv6, but it is not", LINK_IPV6, IP4, LINK_IP, 0, 24, true},
    {"loopback, little-endian", LINK_NULL, "02000000" IP4, LINK_IP, 4, 24, false},
    {"loopback, big-endian", LINK_NULL, "00000002" IP4, LINK_IP, 4, 24, false},
    {"loopback, IPv6 of Darwin", LINK_NULL, "1e000000" IP6, LINK_IP, 4, 44, false},
    {"loopback, IPv6 of FreeBSD", LINK_NULL, "0000001c" IP6, LINK_IP, 4, 44, false},
    {"loopback, IPv6 of OpenBSD", LINK_LOOP, "00000018" IP6, LINK_IP, 4, 44, false},
    {"loopback, IPv6 of Linux", LINK_NULL, "0a000000" IP6, LINK_IP, 4, 44, false},
    {"loopback, another family", LINK_NULL, "07000000" IP4, LINK_NOT_IP, 0, 0, false},
    {"loopback, cut", LINK_NULL, "020000", LINK_NOT_IP, 0, 0, false},
    {"PPP", LINK_PPP, "0021" IP4, LINK_IP, 2, 24, false},
    {"PPP with address and control", LINK_PPP,
     "ff03"
     "0057" IP6,
     LINK_IP, 4, 44, false},
    {"PPP, short protocol number", LINK_PPP, "21" IP4, LINK_IP, 1, 24, false},
    {"PPP in HDLC framing", LINK_PPP_HDLC,
     "ff03"
     "0021" IP4,
     LINK_IP, 4, 24, false},
    {"PPP with direction", LINK_PPP_WITH_DIRECTION,
     "01"
     "ff03"
     "0021" IP4,
     LINK_IP, 5, 24, false},
    {"PPP, LCP", LINK_PPP,
     "ff03"
     "c021"
     "0101",
     LINK_NOT_IP, 0, 0, false},
    {"PPPoE without Ethernet", LINK_PPP_ETHER,
     "11000001001a"
     "0021" IP4,
     LINK_IP, 8, 24, false},
    {"a type that nobody knows", 147, IP4, LINK_UNKNOWN, 0, 0, false},
};

/* The frame's bytes, in memory of just their size, so that a sanitizer sees any read past them. */
static uint8_t *frame_of(const char *digits, uint32_t *len)
{
    *len = (uint32_t)strlen(digits) / 2;
    uint8_t *frame = malloc(*len ? *len : 1);
    for (uint32_t i = 0; i < *len; i++) {
        char pair[3] = {digits[2 * i], digits[2 * i + 1]};
        frame[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return frame;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct link_ip ip = {0};
        uint32_t len;
        uint8_t *frame = frame_of(rows[i].frame, &len);
        enum link_content content = link_find_ip(rows[i].type, frame, len, len, &ip);
        if (content != rows[i].content)
            fail_msg("%s: content %d", rows[i].name, content);
        if (content == LINK_IP && (ip.offset != rows[i].offset || ip.len != rows[i].len || ip.wire_len != rows[i].len ||
                                   ip.other_family != rows[i].other_family))
            fail_msg("%s: offset %u, length %u, wire length %u, other family %d", rows[i].name, ip.offset, ip.len,
                     ip.wire_len, ip.other_family);
        free(frame);
    }
}

/* A frame cut anywhere is read no further than it goes, and what is found lies within it. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t whole, len;
        uint8_t *frame = frame_of(rows[i].frame, &whole);
        for (len = 0; len <= whole; len++) {
            struct link_ip ip = {0};
            uint8_t *part = malloc(len ? len : 1);
            memcpy(part, frame, len);
            if (link_find_ip(rows[i].type, part, len, whole, &ip) == LINK_IP) {
                assert_true(ip.offset + ip.len <= len);
                assert_true(ip.offset + ip.wire_len <= whole);
            }
            free(part);
        }
        free(frame);
    }
}

/* What was cut off stays claimed: the packet was longer on the wire. */
static void test_wire_length(void **state)
{
    (void)state;
    struct link_ip ip;
    uint32_t len;
    uint8_t *frame = frame_of(MAC "0800"
                                  "4500058c00000000401100000a0000010a000002"
                                  "00000000",
                              &len);
    assert_int_equal(link_find_ip(LINK_ETHERNET, frame, len, 1434, &ip), LINK_IP);
    assert_int_equal(ip.len, 24);
    assert_int_equal(ip.wire_len, 1420); /* as its header says, without the checksum behind the frame */
    assert_int_equal(link_find_ip(LINK_ETHERNET, frame, len, 100, &ip), LINK_IP);
    assert_int_equal(ip.wire_len, 86); /* its header claims more than there was */
    free(frame);
}

/* Whose hardware address stands in a frame. The destination's, and what is in tunnels, is none of the sender's. */
static const struct {
    const char *name;
    uint16_t type;
    const char *frame;
    const char *sender; /* NULL: nobody knows */
} senders[] = {
    {"ethernet", LINK_ETHERNET, MAC "0800" IP4, "020000000002"},
    {"ethernet, IPv6", LINK_ETHERNET, MAC "86dd" IP6, "020000000002"},
    {"VLAN", LINK_ETHERNET, MAC "810000050800" IP4, "020000000002"},
    {"VLAN in service VLAN", LINK_ETHERNET, MAC "88a80064810000050800" IP4, "020000000002"},
    {"PPPoE session", LINK_ETHERNET, MAC "886411000001001a0021" IP4, NULL},
    {"PPPoE session in a VLAN", LINK_ETHERNET, MAC "81000007886411000001001a0021" IP4, NULL},
    {"Linux cooked", LINK_LINUX_SLL,
     "0000000100060200000000030000"
     "0800" IP4,
     "020000000003"},
    {"Linux cooked, outgoing", LINK_LINUX_SLL,
     "0004000100060200000000030000"
     "86dd" IP6,
     "020000000003"},
    {"Linux cooked, VLAN", LINK_LINUX_SLL,
     "0000000100060200000000030000"
     "810000050800" IP4,
     "020000000003"},
    {"Linux cooked, of an interface without addresses", LINK_LINUX_SLL,
     "0000020000000000000000000000"
     "0800" IP4,
     NULL},
    {"Linux cooked, longer address", LINK_LINUX_SLL,
     "0000002000140200000000030405"
     "0800" IP4,
     NULL},
    {"Linux cooked v2", LINK_LINUX_SLL2, "0800000000000003000100060200000000030000" IP4, "020000000003"},
    {"Linux cooked v2, PPP", LINK_LINUX_SLL2, "0800000000000003020000000000000000000000" IP4, NULL},
    {"raw", LINK_RAW, IP4, NULL},
    {"loopback", LINK_NULL, "02000000" IP4, NULL},
    {"PPP", LINK_PPP, "0021" IP4, NULL},
};

static void test_senders(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
        struct link_ip ip = {.has_mac = senders[i].sender == NULL}; /* of the frame before */
        char mac[13] = "";
        uint32_t len;
        uint8_t *frame = frame_of(senders[i].frame, &len);
        if (link_find_ip(senders[i].type, frame, len, len, &ip) != LINK_IP)
            fail_msg("%s: no packet", senders[i].name);
        for (size_t n = 0; n < sizeof ip.mac && ip.has_mac; n++)
            snprintf(mac + 2 * n, 3, "%02x", ip.mac[n]);
        if (strcmp(mac, senders[i].sender == NULL ? "" : senders[i].sender) != 0)
            fail_msg("%s: sender '%s'", senders[i].name, mac);
        free(frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_wire_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
