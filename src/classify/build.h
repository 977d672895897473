/* Building a classifier: what its files share.
 *
 *   build.c  the boxes made ready, which of them stand in which tree, and the choice among several ways
 *   cut.c    one tree: which bits its nodes look at
 *   block.c  its leaves: which boxes share a block, and the blocks laid out
 *
 * A tree is first planned, nodes in `words` as they will be, blocks in `plans`, and children that are blocks as numbers
 * of plans. How many bits its searches have is known only when the last block is planned; then blocks are laid out and
 * the numbers replaced.
 */
#ifndef CLASSIFY_BUILD_H
#define CLASSIFY_BUILD_H

#include "classify/inside.h"

/* A part of the space: in each field from first to last. */
struct part {
    uint32_t first[CLASSIFY_FIELDS], last[CLASSIFY_FIELDS];
};

/* A range of a field of numbers, and the places of its first value and of the one behind its last among the splits. */
struct span {
    uint32_t first, last, from, to;
};

struct item {
    struct part hull; /* from its first to its last range, in each field */
    uint32_t spans;   /* place of those of the first field; the others' follow */
    uint8_t counts[CLASSIFY_NUMBERS];
    bool is_solid; /* is_final, and it is all of its hull */
};

/* A growing array of some type. */
#define ARRAY(type)                                                                                                    \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        size_t count, room;                                                                                            \
    }

struct plan {
    struct part part;     /* where the block is come to: what is behind its bounds splits nothing */
    uint32_t list;        /* place in `lists` */
    uint32_t count, next; /* next: of the chain; 0 is none, as the plan numbered 0 is of no boxes */
    uint32_t at;          /* once it is laid out */
};

/* What a tree costs to search, in steps of a processor, roughly and on average. */
struct outlook {
    uint64_t boxes;  /* in leaves, copies counted */
    uint64_t blocks; /* searched, if each of them is looked for once */
};

struct builder {
    const struct classify_box *boxes;
    uint32_t count;
    uint16_t values[CLASSIFY_SMALL];
    struct item *items;
    struct span *spans;
    /* Of each field of numbers: where something begins or ends, ascending; and when a place was last seen. */
    uint32_t *splits[CLASSIFY_NUMBERS];
    uint32_t split_counts[CLASSIFY_NUMBERS];
    uint32_t *seen[CLASSIFY_NUMBERS];
    uint32_t epoch;
    uint8_t *kinds[CLASSIFY_NUMBERS]; /* of ports; or NULL */
    size_t kind_bytes;
    uint32_t *begins, *ends; /* for cut.c: by part */

    /* What is being built. */
    uint32_t copying; /* how gladly memory is spent on fewer steps: 256 is evenly */
    ARRAY(uint32_t) words;
    ARRAY(uint64_t) rows;
    ARRAY(struct plan) plans;
    ARRAY(uint32_t) lists;
    struct tree tree;
    uint32_t empty; /* the number of the tree's plan of no boxes */
    struct outlook outlook;
    uint32_t nodes, longest;
    uint64_t work;
    bool failed; /* for want of memory; checked at the end */
};

/* How many rows of a block fields have that are not searched, up to one of these: from the small ones to ports. */
static inline uint32_t rows_before(const struct builder *b, unsigned field)
{
    uint32_t rows = 0;
    for (unsigned f = CLASSIFY_NUMBERS; f < CLASSIFY_FIELDS && f != field; f++)
        rows += b->values[f - CLASSIFY_NUMBERS];
    if (field >= CLASSIFY_NUMBERS && field < CLASSIFY_FIELDS)
        return rows;
    for (unsigned f = CLASSIFY_DPORT; f < CLASSIFY_NUMBERS && f != field; f++)
        rows += b->kinds[f] != NULL ? b->split_counts[f] + 1 : 0;
    return rows;
}

#define CHILD_IS_PLAN 0x80000000u

/* => the place of `count` new zeroed words or rows, or 0 where memory does not suffice */
uint32_t builder_words(struct builder *b, size_t count);
uint32_t builder_rows(struct builder *b, size_t count);

/* block.c: whether a field of numbers is searched in the blocks of the tree at hand. */
bool is_searched(const struct builder *b, unsigned field);

/* block.c: how many boxes of a list, from its beginning, one block in a part takes; `*bits` what its searches need
 * then, and whether they differ in CLASSIFY_SPORT. */
uint32_t block_takes(struct builder *b, const uint32_t *list, uint32_t count, const struct part *part, uint8_t *bits,
                     bool *has_sport);

/* block.c: one block.
 * => the number of its plan */
uint32_t plan_block(struct builder *b, const uint32_t *list, uint32_t count, const struct part *part);

/* block.c: a leaf, of as many blocks as it takes.
 * => the child */
uint32_t plan_leaf(struct builder *b, const uint32_t *list, uint32_t count, const struct part *part);

/* block.c: lay out the blocks planned from the one numbered `first` on. */
void lay_blocks(struct builder *b, size_t first);

/* cut.c: a tree for a list of boxes in a part, which may come to `budget` boxes in its leaves, copies counted and a
 * leaf never less than LEAF_LEAST.
 * => the child */
uint32_t plan_tree(struct builder *b, const uint32_t *list, uint32_t count, const struct part *part, uint64_t budget,
                   unsigned depth);

enum { DEPTH_MAX = 3, LEAF_LEAST = 16 };

#endif
