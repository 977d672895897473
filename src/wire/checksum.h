/* The Internet checksum (RFC 1071), and its incremental update (RFC 1624).
 *
 * A sum is kept as a host-order 32- or 64-bit number of 16-bit big-endian words, folded and complemented only at the
 * end.
 */
#ifndef WIRE_CHECKSUM_H
#define WIRE_CHECKSUM_H

#include <stdbool.h>
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

/* A number folded to 16 bits. The upper half of a number that its halves, exchanged, are added to is their sum, with
 * what the lower half carries. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    uint32_t half = (uint32_t)((sum + (sum >> 32 | sum << 32)) >> 32);
    return (uint16_t)((half + (half >> 16 | half << 16)) >> 16);
}

/* Whether the checksum of an IPv4 header without options is right: nearly every packet has one. Words are added as the
 * machine reads them (RFC 1071 section 2B), as all ones look the same in any order. */
static inline bool checksum_is_right_ip4(const uint8_t *ip)
{
    uint64_t first, second;
    uint32_t third;
    memcpy(&first, ip, sizeof first);
    memcpy(&second, ip + 8, sizeof second);
    memcpy(&third, ip + 16, sizeof third);
    uint64_t sum = first + second, rest = (uint64_t)third + (sum < second);
    sum += rest;
    return checksum_fold(sum + (sum < rest)) == 0xffff;
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
