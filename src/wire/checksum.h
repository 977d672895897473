/* The Internet checksum (RFC 1071), and its incremental update (RFC 1624).
 *
 * A sum is kept as a host-order 32- or 64-bit number of 16-bit big-endian words, folded and complemented only at the
 * end.
 */
#ifndef WIRE_CHECKSUM_H
#define WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "tidegate/packet.h"
#include "wire/wire.h"

/* The sum of `len` bytes, an odd last one padded with zero.
 * => the sum, folded to 16 bits, not complemented */
uint16_t checksum_sum(const uint8_t *bytes, size_t len);

/* One's complement sum of two folded sums. */
static inline uint16_t checksum_add(uint16_t a, uint16_t b)
{
    uint32_t sum = (uint32_t)a + b;
    return (uint16_t)(sum + (sum >> 16));
}

/* The same of an IPv4 header without options: nearly every packet has one. */
static inline uint16_t checksum_ip4(const uint8_t *ip)
{
    uint64_t sum = 0;
    for (int i = 0; i < IP4_HEADER; i += 4)
        sum += wire_get32(ip + i);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return checksum_add((uint16_t)sum, (uint16_t)(sum >> 16));
}

/* The sum of the pseudo-header (RFC 768, 9293, 8200 8.1) for `length` bytes of transport header and data. */
uint16_t checksum_pseudo(struct tg_addr src, struct tg_addr dst, uint8_t proto, uint32_t length);

/* The checksum field's value after the words that it covers changed: RFC 1624 equation 3, HC' = ~(~HC + ~m + m'), where
 * m and m' are the sums of what changed before and after. */
static inline uint16_t checksum_update(uint16_t field, uint16_t before, uint16_t after)
{
    return (uint16_t)~checksum_add(checksum_add((uint16_t)~field, (uint16_t)~before), after);
}

#endif
