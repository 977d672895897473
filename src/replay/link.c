/* From a frame to its IP packet. Each link layer leads to an Ethernet type or a PPP protocol number, or to the packet
 * itself; tags and tunnels of the link (VLANs, a PPPoE session) are followed inward as long as there are any.
 */
#include "replay/link.h"

#include <string.h>

#include "tidegate/addr.h"
#include "wire/wire.h"

enum {
    MAC_LEN = 6,
    ETHERNET_HEADER = 14,
    ETHERNET_SOURCE = 6,
    ETHERNET_TYPE = 12,
    TYPE_IPV4 = 0x0800,
    TYPE_VLAN = 0x8100, /* IEEE 802.1Q */
    TYPE_IPV6 = 0x86dd,
    TYPE_PPPOE = 0x8864,        /* RFC 2516: a session */
    TYPE_SERVICE_VLAN = 0x88a8, /* IEEE 802.1ad, the outer of two tags */
    TYPE_OLD_QINQ = 0x9100,     /* the same before it was a standard */
    VLAN_TAG = 4,
    PPPOE_HEADER = 6,
    PPPOE_VERSION_TYPE = 0x11,
    PPP_IPV4 = 0x0021,
    PPP_IPV6 = 0x0057,
    SLL_HEADER = 16,
    SLL_ADDRESS_LEN = 4, /* of 2 bytes */
    SLL_ADDRESS = 6,
    SLL_TYPE = 14,
    SLL2_HEADER = 20,
    SLL2_ADDRESS_LEN = 11, /* of 1 byte */
    SLL2_ADDRESS = 12,
    SLL2_TYPE = 0,
    NULL_HEADER = 4,
};

struct frame {
    const uint8_t *bytes;
    uint32_t len, wire_len;
};

/* The packet's own length, if it says one: what follows it is padding, a trailer or a checksum of the link layer. */
static uint32_t claimed_length(const uint8_t *ip, uint32_t len)
{
    if (len >= IP4_HEADER && ip[0] >> 4 == 4 && wire_get16(ip + IP4_LENGTH) >= IP4_HEADER)
        return wire_get16(ip + IP4_LENGTH);
    if (len >= IP6_HEADER && ip[0] >> 4 == 6 && wire_get16(ip + IP6_LENGTH) > 0)
        return IP6_HEADER + wire_get16(ip + IP6_LENGTH);
    return UINT32_MAX;
}

/* The packet begins at `at`; `family` is what the link layer says of it, 0 for nothing. */
static bool found(const struct frame *frame, uint32_t at, uint8_t family, struct link_ip *ip)
{
    if (at > frame->len)
        return false;
    const uint8_t *packet = frame->bytes + at;
    uint32_t claimed = claimed_length(packet, frame->len - at);
    ip->offset = at;
    ip->len = frame->len - at;
    ip->wire_len = frame->wire_len - at;
    ip->other_family = family != 0 && ip->len > 0 && packet[0] >> 4 != family;
    if (claimed < ip->len)
        ip->len = claimed;
    if (claimed < ip->wire_len)
        ip->wire_len = claimed;
    return true;
}

/* `at` is behind any address and control bytes that may stand before a PPP protocol number. The number may have been
 * shortened to one byte, which is then odd (RFC 1661, 6.5). */
static bool find_in_ppp(const struct frame *frame, uint32_t at, struct link_ip *ip)
{
    if (frame->len < at + 2)
        return false;
    uint16_t protocol = frame->bytes[at] & 1 ? frame->bytes[at] : wire_get16(frame->bytes + at);
    at += frame->bytes[at] & 1 ? 1 : 2;
    switch (protocol) {
    case PPP_IPV4: return found(frame, at, TG_IPV4, ip);
    case PPP_IPV6: return found(frame, at, TG_IPV6, ip);
    default: return false;
    }
}

static bool find_in_ppp_hdlc(const struct frame *frame, uint32_t at, struct link_ip *ip)
{
    if (frame->len >= at + 2 && frame->bytes[at] == 0xff && frame->bytes[at + 1] == 0x03)
        at += 2;
    return find_in_ppp(frame, at, ip);
}

static bool find_in_pppoe(const struct frame *frame, uint32_t at, struct link_ip *ip)
{
    if (frame->len < at + PPPOE_HEADER || frame->bytes[at] != PPPOE_VERSION_TYPE || frame->bytes[at + 1] != 0)
        return false;
    ip->has_mac =
        false; /* that of the frame is the concentrator's, and a router's own PPP interface does not show it */
    return find_in_ppp(frame, at + PPPOE_HEADER, ip);
}

/* `at` is behind the Ethernet type. */
static bool find_by_type(const struct frame *frame, uint16_t type, uint32_t at, struct link_ip *ip)
{
    while (type == TYPE_VLAN || type == TYPE_SERVICE_VLAN || type == TYPE_OLD_QINQ) {
        if (frame->len < at + VLAN_TAG)
            return false;
        type = wire_get16(frame->bytes + at + 2);
        at += VLAN_TAG;
    }
    switch (type) {
    case TYPE_IPV4: return found(frame, at, TG_IPV4, ip);
    case TYPE_IPV6: return found(frame, at, TG_IPV6, ip);
    case TYPE_PPPOE: return find_in_pppoe(frame, at, ip);
    default: return false;
    }
}

/* Behind a header of `size` bytes, with the Ethernet type at `type_at`, and the sender's hardware address of
 * `address_len` bytes at `address_at`. */
static bool find_behind(const struct frame *frame, uint32_t size, uint32_t type_at, uint32_t address_at,
                        unsigned address_len, struct link_ip *ip)
{
    ip->has_mac = address_len == MAC_LEN;
    if (ip->has_mac)
        memcpy(ip->mac, frame->bytes + address_at, MAC_LEN);
    return find_by_type(frame, wire_get16(frame->bytes + type_at), size, ip);
}

static bool find_in_ethernet(const struct frame *frame, struct link_ip *ip)
{
    return frame->len >= ETHERNET_HEADER &&
           find_behind(frame, ETHERNET_HEADER, ETHERNET_TYPE, ETHERNET_SOURCE, MAC_LEN, ip);
}

/* Linux cooked: whatever the interface is, with the sender's address, as far as there is room for it. */
static bool find_in_sll(const struct frame *frame, struct link_ip *ip)
{
    return frame->len >= SLL_HEADER &&
           find_behind(frame, SLL_HEADER, SLL_TYPE, SLL_ADDRESS, wire_get16(frame->bytes + SLL_ADDRESS_LEN), ip);
}

static bool find_in_sll2(const struct frame *frame, struct link_ip *ip)
{
    return frame->len >= SLL2_HEADER &&
           find_behind(frame, SLL2_HEADER, SLL2_TYPE, SLL2_ADDRESS, frame->bytes[SLL2_ADDRESS_LEN], ip);
}

/* BSD loopback: the address family as a number of 32 bits, in the byte order and by the numbering of the machine that
 * captured. */
static bool find_in_loopback(const struct frame *frame, struct link_ip *ip)
{
    if (frame->len < NULL_HEADER)
        return false;
    uint32_t family = wire_get32(frame->bytes);
    if (family > 0xffff)
        family = family >> 24 | (family >> 8 & 0xff00);
    switch (family) {
    case 2: return found(frame, NULL_HEADER, TG_IPV4, ip);
    case 10: /* Linux */
    case 23: /* Windows */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* Darwin */ return found(frame, NULL_HEADER, TG_IPV6, ip);
    default: return false;
    }
}

enum link_content link_find_ip(uint16_t type, const uint8_t *bytes, uint32_t len, uint32_t wire_len, struct link_ip *ip)
{
    struct frame frame = {bytes, len, wire_len < len ? len : wire_len};
    bool is_ip;
    ip->has_mac = false;
    switch (type) {
    case LINK_ETHERNET: is_ip = find_in_ethernet(&frame, ip); break;
    case LINK_LINUX_SLL: is_ip = find_in_sll(&frame, ip); break;
    case LINK_LINUX_SLL2: is_ip = find_in_sll2(&frame, ip); break;
    case LINK_RAW:
    case LINK_RAW_12:
    case LINK_RAW_14: is_ip = found(&frame, 0, 0, ip); break;
    case LINK_IPV4: is_ip = found(&frame, 0, TG_IPV4, ip); break;
    case LINK_IPV6: is_ip = found(&frame, 0, TG_IPV6, ip); break;
    case LINK_NULL:
    case LINK_LOOP: is_ip = find_in_loopback(&frame, ip); break;
    case LINK_PPP:
    case LINK_PPP_HDLC: is_ip = find_in_ppp_hdlc(&frame, 0, ip); break;
    case LINK_PPP_WITH_DIRECTION: is_ip = find_in_ppp_hdlc(&frame, 1, ip); break;
    case LINK_PPP_ETHER: is_ip = find_in_pppoe(&frame, 0, ip); break;
    default: return LINK_UNKNOWN;
    }
    return is_ip ? LINK_IP : LINK_NOT_IP;
}
