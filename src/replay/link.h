/* Link layers: where in a captured frame the IP packet is.
 *
 * Link types are numbered as in capture files (https://www.tcpdump.org/linktypes.html). A frame's bytes are only read
 * where they are there, whatever its headers say.
 */
#ifndef REPLAY_LINK_H
#define REPLAY_LINK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_12 = 12, /* raw IP, as some systems number it in their files */
    LINK_RAW_14 = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPP_ETHER = 51,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_LINUX_SLL = 113,
    LINK_PPP_WITH_DIRECTION = 204,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_LINUX_SLL2 = 276,
};

struct link_ip {
    uint32_t offset;   /* of the IP header, in the frame */
    uint32_t len;      /* bytes of the IP packet that were captured; what follows it in the frame is left out */
    uint32_t wire_len; /* bytes that it had on the wire */
    bool other_family; /* its version is not the one that the link layer gives */
    bool has_mac;      /* the frame's sender is known by its hardware address, and has not sent it through PPPoE */
    uint8_t mac[6];
};

enum link_content {
    LINK_IP,
    LINK_NOT_IP,  /* or the link layer is cut off */
    LINK_UNKNOWN, /* frames of this type cannot be read */
};

/* Find the IP packet in a frame of which `len` bytes were captured, of `wire_len`.
 * => LINK_IP with *ip filled, else why not */
enum link_content link_find_ip(uint16_t type, const uint8_t *frame, uint32_t len, uint32_t wire_len,
                               struct link_ip *ip);

#endif
