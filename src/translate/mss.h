/* The MSS option of a SYN (RFC 9293 3.7.1): the largest segment that its sender wants to be sent.
 *
 * Where a link on the way carries less than those at the ends, and what should tell them so is lost (RFC 2923 2.1), a
 * router on the way lowers it. It is counted without options: MTU less the fixed headers, 40 or 60 bytes (RFC 6691).
 */
#ifndef TRANSLATE_MSS_H
#define TRANSLATE_MSS_H

#include <stdbool.h>
#include <stdint.h>

#include "tidegate/packet.h"

/* Lower the MSS that a decoded TCP packet offers to `most` bytes, wherever its options say it, and correct the checksum
 * by what changed (RFC 1624). Never raised, never put in where it is missing. A packet of which not all bytes are there
 * stays as it is: it could not be sent on changed. Options behind one that contradicts itself are left alone.
 * => true if bytes were changed */
bool mss_clamp(struct tg_packet *packet, uint16_t most);

#endif
