/* Rewriting what a packet carries, where the new text may be longer or shorter than the old. IPv4, TCP and UDP.
 *
 * The lengths of IP and UDP follow, and so does the description of the packet. Checksums are corrected by what changed
 * (RFC 1624): a right one stays right, a wrong one wrong, a UDP checksum of zero zero.
 */
#ifndef TRANSLATE_PAYLOAD_H
#define TRANSLATE_PAYLOAD_H

#include "tidegate/packet.h"

#define PAYLOAD_TEXT 24

/* The `len` bytes from `at` on, counted from the packet's first, become the `new_len` of `text`. */
struct payload_edit {
    uint32_t at, len, new_len;
    char text[PAYLOAD_TEXT];
};

/* Do all edits, which are in the order of their places and do not overlap, within the payload of a whole packet. What
 * stood behind the packet (padding) is cut off.
 * => true; or false, and nothing has changed: packet->room, or the longest packet there is, does not suffice */
bool payload_edit(struct tg_packet *packet, const struct payload_edit *edits, size_t count);

#endif
