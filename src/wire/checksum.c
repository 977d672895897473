#include "wire/checksum.h"

#include <string.h>

#include "wire/wire.h"

/* The sum does not depend on the byte order that words are added in (RFC 1071 section 2B): words are added as the
 * machine reads them, 32 bits at a time into independent 64-bit lanes that compilers turn into vector additions, and
 * the result is swapped once. A lane cannot overflow: 2^32 additions would be 16 GiB. */
uint16_t checksum_sum(const uint8_t *bytes, size_t len)
{
    uint64_t lane[4] = {0, 0, 0, 0};
    uint32_t word[4];
    while (len >= sizeof word) {
        memcpy(word, bytes, sizeof word);
        for (int i = 0; i < 4; i++)
            lane[i] += word[i];
        bytes += sizeof word;
        len -= sizeof word;
    }
    memset(word, 0, sizeof word);
    memcpy(word, bytes, len);
    uint16_t sum = checksum_fold((lane[0] + word[0]) + (lane[1] + word[1]));
    uint8_t folded[2];
    sum = checksum_add(sum, checksum_fold((lane[2] + word[2]) + (lane[3] + word[3])));
    memcpy(folded, &sum, sizeof folded);
    return wire_get16(folded);
}

uint16_t checksum_pseudo(struct tg_addr src, struct tg_addr dst, uint8_t proto, uint32_t length)
{
    uint64_t sum = (uint64_t)length + proto;
    sum += (src.lo & 0xffffffff) + (src.lo >> 32) + (dst.lo & 0xffffffff) + (dst.lo >> 32);
    sum += (src.hi & 0xffffffff) + (src.hi >> 32) + (dst.hi & 0xffffffff) + (dst.hi >> 32);
    return checksum_fold(sum);
}
