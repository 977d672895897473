/* Which ports of an outside address are taken, a bit each: so that a free one is found by looking at words, not at
 * ports.
 *
 * A few pairs of address and protocol have such a map, those that have had mappings first; a router has one outside
 * address, or two. It is a filter and no more: a bit that is set is a port that is taken, but where no map is, or a bit
 * is missing, whoever searches must ask further. So maps are given out and taken back as it comes.
 */
#ifndef CONNECTION_PORTS_H
#define CONNECTION_PORTS_H

#include <stdint.h>

enum { PORTS = 65536, PORTS_WORD = 32, PORTS_MAPS = 8 };

struct port_map {
    uint32_t count; /* of bits that are set; 0: nobody's */
    uint32_t outside;
    uint8_t proto;
    uint32_t taken[PORTS / PORTS_WORD];
};

/* Of PORTS_MAPS maps, that of an outside address and protocol.
 * => it, or NULL: there is none */
struct port_map *ports_find(struct port_map *maps, uint32_t outside, uint8_t proto);

/* A port is taken, or free again. */
void ports_take(struct port_map *maps, uint32_t outside, uint8_t proto, uint16_t port);
void ports_free(struct port_map *maps, uint32_t outside, uint8_t proto, uint16_t port);

/* The ports of a word that are in [first, end). */
static inline uint32_t ports_within(uint32_t word, uint32_t first, uint32_t end)
{
    uint32_t base = word * PORTS_WORD, bits = UINT32_MAX;
    if (first > base)
        bits &= first - base < PORTS_WORD ? UINT32_MAX << (first - base) : 0;
    if (end < base + PORTS_WORD)
        bits &= end > base ? ~(UINT32_MAX << (end - base)) : 0;
    return bits;
}

#endif
