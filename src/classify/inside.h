/* The compiled form of a classifier, shared by what builds it and what searches it.
 *
 * All of it is in two arrays, `words` and `rows`, and everything is referred to by its place there.
 *
 *   node   words: HEADER with field, shift and mask; then a child for each value of the bits that it looks at
 *   block  words: BLOCK_… below, then the searches of its fields, CLASSIFY_SPORT last and only if the tree has it; then
 *          the ids of its boxes
 *          rows: one for each value of the small fields, then 2^bits for each search
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

enum { BLOCK_BOXES = 64, BITS_MIN = 4, BITS_MAX = 6, SPLITS_MAX = 1 << BITS_MAX };

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

struct tree {
    uint32_t root;
    uint32_t first; /* the lowest id in it */
    uint8_t depth;  /* steps to a block */
    uint8_t bits;
    bool has_sport; /* its boxes differ in it */
};

struct classifier {
    uint32_t *words;
    uint64_t *rows;
    uint32_t in, out, small; /* where rows of these fields begin in a block's, and where those behind do */
    bool has_zones;          /* boxes differ in `in` or `out` */
    uint32_t tree_count;
    struct tree trees[CLASSIFY_TREES]; /* by `first` */
    struct classify_shape shape;
};

#endif
