/* The compiled form of a classifier, shared by what builds it and what searches it.
 *
 * All of it is in two arrays, `words` and `rows`, and everything is referred to by its place there.
 *
 * - A node has in `words` a header, with field, shift and mask; then a child for each value of the bits it looks at.
 *
 * - A block has in `words` what is called BLOCK_… below; the searches of its fields, which are both addresses and such
 *   ports as have no kinds, those of CLASSIFY_SPORT only if the tree has them; the ids of its boxes; and behind these
 *   CLASSIFY_NONE. The bit behind those of its boxes is set in every row, so that there is always a lowest one. In
 *   `rows` it has one for each value of the small fields and each kind of ports, then 2^bits for each search.
 *
 * Ports that no box tells apart are of one kind. Where there are few kinds, the kind of a port is looked up once, in
 * pages of 256 ports, and leads to a row in every block without a search.
 *
 * A block begins as a node would that looks at no bits and is its own child: the way down a tree takes the same number
 * of steps everywhere, and waits at a block that was reached early.
 *
 * A search has 2^bits - 1 values in the order of a binary heap, from 1 on: value i is compared, then 2i or 2i + 1. What
 * it ends with, less 2^bits, is the number of values that are less than the one searched for. `bits` is one for all
 * searches of a tree.
 */
#ifndef CLASSIFY_INSIDE_H
#define CLASSIFY_INSIDE_H

#include "classify/classify.h"

enum { BLOCK_BOXES = 63, BITS_MIN = 4, BITS_MAX = 6, SPLITS_MAX = 1 << BITS_MAX };

enum { BLOCK_HEADER, BLOCK_SELF, BLOCK_NEXT, BLOCK_FIRST, BLOCK_ROWS, BLOCK_IDS, BLOCK_SEARCHES };

#define NODE_HEADER(field, shift, mask) ((uint32_t)(field) | (uint32_t)(shift) << 8 | (uint32_t)(mask) << 16)
#define NODE_BITS_MAX                   12

static inline uint32_t node_mask(uint32_t header)
{
    return header >> 16;
}

static inline uint32_t node_child(uint32_t header, const uint32_t *point)
{
    return (point[header & 0xff] >> (header >> 8 & 0xff)) & node_mask(header);
}

enum { KINDS_MAX = 128, PAGE = 256 };

/* => the kind of a port. The pages stand behind the numbers of those that ports belong to by their upper byte */
static inline uint32_t port_kind(const uint8_t *kinds, uint32_t port)
{
    return kinds[PAGE + kinds[port >> 8] * (size_t)PAGE + (port & 0xff)];
}

struct tree {
    uint32_t root;
    uint32_t first; /* the lowest id in it */
    uint8_t depth;  /* steps to a block */
    uint8_t bits;
    bool has_sport; /* it is searched: its boxes differ in it, and it has no kinds */
};

struct classifier {
    uint32_t *words; /* pages.h, as are rows */
    uint64_t *rows;
    size_t word_count, row_count;
    /* Where rows of these fields begin in a block's, and where those of searches do. */
    uint32_t in, out, dport, sport, small;
    bool has_zones;           /* boxes differ in `in` or `out` */
    uint8_t *dports, *sports; /* kinds; NULL where there are none, or more than a byte can tell */
    uint32_t tree_count;
    struct tree trees[CLASSIFY_TREES + 1]; /* by `first`, which is CLASSIFY_NONE behind the last */
    struct classify_shape shape;
};

#endif
