/* Packets from nothing: what the engine itself sends, and what is made up to ask it something. */
#ifndef PACKET_MAKE_H
#define PACKET_MAKE_H

#include <stddef.h>
#include <stdint.h>

#include "tidegate/packet.h"

enum { MAKE_ROOM = 128 }; /* enough for make_packet() */

/* The size of a plain IP header. */
uint32_t make_ip_size(uint8_t family);

/* Write a plain IP header for `length` bytes behind it: addresses and protocol of `tuple`, hop limit 64, never
 * fragmented (so that its identification means nothing: RFC 6864 section 4.1), checksum complete. */
void make_ip(uint8_t *out, const struct tg_tuple *tuple, uint32_t length);

/* Write the smallest packet of `tuple` that can begin a connection: a SYN, SCTP's INIT, DCCP's Request, an empty
 * datagram, an ICMP message of `type` and `code` (with the identifier that is the tuple's source port, or an empty
 * quote), or a bare header.
 * => its length */
size_t make_packet(uint8_t out[static MAKE_ROOM], const struct tg_tuple *tuple, uint8_t type, uint8_t code);

#endif
