/* Rewriting a packet's addresses and ports in place.
 *
 * Checksums are corrected by what changed (RFC 1624): a right one stays right, a wrong one wrong.
 * A UDP checksum of zero on IPv4 means none and stays so; one that would become zero becomes 0xffff (RFC 768, and RFC
 * 3828 for UDP-Lite). SCTP's CRC-32c cannot be corrected by a difference of a few bytes at less than its own cost and
 * is computed anew where all of the packet is there and its own was right.
 */
#ifndef TRANSLATE_REWRITE_H
#define TRANSLATE_REWRITE_H

#include "tidegate/packet.h"

/* Make the packet one of `to`: addresses, ports or identifier. IPv4. The header fields named by `to` that already are
 * so stay. A fragment other than the first has only addresses. `packet->outer.tuple` stays as it came. */
void rewrite_packet(struct tg_packet *packet, const struct tg_tuple *to);

/* Give an IPv4 packet another identification. */
void rewrite_identification(struct tg_packet *packet, uint16_t number);

/* Make an ICMP error that quotes a packet go from `src` to `dst` and its quoted packet one of `quote`, as far as it was
 * quoted (RFC 5508 REQ-4, REQ-5). */
void rewrite_error(struct tg_packet *packet, struct tg_addr src, struct tg_addr dst, const struct tg_tuple *quote);

#endif
