/* The compiled form of a classifier, shared by what builds it and what searches it.
 *
 * All of it is in arrays, `words`, `rows` and `cells`, and everything is referred to by its place there.
 *
 * Ports that no box tells apart are of one kind. Where there are few kinds, the kind of a port is looked up once, in
 * pages of 256 ports, and leads to a place in a table, or to a row in every block, without a search.
 *
 * As tables it has `cells`, and no rows. `sides` has a class for each two kinds of addresses, which are looked up as
 * those of ports are, in more steps. The other tables go on from the kind of the destination port, field by field
 * (`turns`); and `answers` has, for the classes that both come to, the number of a list of boxes. `words` begin with
 * the first id of each list; then, at `lists`, the place of each, where all of its ids stand, and behind them
 * CLASSIFY_NONE.
 *
 * As trees it has `words` and `rows`.
 *
 * - A node has in `words` a header, with field, shift and mask; then a child for each value of the bits it looks at.
 *
 * - A block has in `words` what is called BLOCK_… below; the searches of its fields, which are both addresses and such
 *   ports as have no kinds, those of CLASSIFY_SPORT only if the tree has them; the ids of its boxes; and behind these
 *   CLASSIFY_NONE. The bit behind those of its boxes is set in every row, so that there is always a lowest one. In
 *   `rows` it has one for each value of the small fields and each kind of ports, then 2^bits for each search.
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

/* The steps to the kind of an address: its upper bits lead to a page, and the next to a further one. Pages are shared
 * where they are alike; an address where nothing is told apart is led on as any other, so that no branch waits for it.
 * The roots of src and of dst stand first, then all pages. */
enum {
    STEP_BITS = 7,
    STEPS = 3,
    STEP_VALUES = 1 << STEP_BITS,
    ROOT_SHIFT = STEPS * STEP_BITS,
    ROOT_VALUES = 1 << (32 - ROOT_SHIFT)
};

/* => the kind of an address of a field */
static inline size_t address_kind(const uint16_t *steps, unsigned field, size_t address)
{
    const uint16_t *pages = steps + 2 * ROOT_VALUES;
    size_t at = steps[(size_t)field * ROOT_VALUES + (address >> ROOT_SHIFT)];
    at = pages[at * STEP_VALUES + (address >> 2 * STEP_BITS & (STEP_VALUES - 1))];
    at = pages[at * STEP_VALUES + (address >> STEP_BITS & (STEP_VALUES - 1))];
    return pages[at * STEP_VALUES + (address & (STEP_VALUES - 1))];
}

/* => the kind of a port. The pages stand behind the numbers of those that ports belong to by their upper byte */
static inline uint32_t port_kind(const uint8_t *kinds, size_t port)
{
    return kinds[PAGE + kinds[port >> 8] * (size_t)PAGE + (port & 0xff)];
}

/* A table that leads from a class to that which a further field makes of it, which has so many values. */
struct table_turn {
    size_t at, values;
};

struct tables {
    size_t sides, answers, lists;                              /* places */
    size_t dsts, rests;                                        /* how many kinds of dst; classes of all but addresses */
    struct table_turn turns[CLASSIFY_FIELDS - CLASSIFY_SPORT]; /* of the fields from there on */
};

struct tree {
    uint32_t root;
    uint32_t first; /* the lowest id in it */
    uint8_t depth;  /* steps to a block */
    uint8_t bits;
    bool has_sport; /* it is searched: its boxes differ in it, and it has no kinds */
};

struct classifier {
    uint32_t *words; /* pages.h, as are rows and cells */
    uint64_t *rows;
    uint16_t *cells; /* NULL: it is trees */
    size_t word_count, row_count, cell_count;
    struct tables tables;
    /* Where rows of these fields begin in a block's, and where those of searches do. */
    uint32_t in, out, dport, sport, small;
    bool has_zones;           /* boxes differ in `in` or `out` */
    uint16_t *steps;          /* to kinds of addresses; or NULL */
    uint8_t *dports, *sports; /* kinds; NULL where there are none, or more than a byte can tell */
    uint32_t tree_count;
    struct tree trees[CLASSIFY_TREES + 1]; /* by `first`, which is CLASSIFY_NONE behind the last */
    struct classify_shape shape;
};

#endif
