/* Which of many boxes, in order, a point lies in first.
 *
 * A rule says of each header field which values it fits: together that is a box in the space of all headers, and a
 * packet is a point there. The boxes are numbered in the order of the rules; the answer is always exactly that of going
 * through them one after the other, in the time of a few dozen steps instead of as many as there are boxes.
 *
 * How: few boxes by tables, where those stay small, as they do for what a router has. Many by trees of cuts over blocks
 * of bits.
 *
 * - Tables: values of a field that no box tells apart are of one kind. The kind of each address is looked up, and of
 *   each port; tables lead from the kinds of two fields to a class of both, on from there field by field, and to the
 *   answer at last, which has been found out beforehand. Nothing is compared, and no branch waits for the data.
 *
 * - A node of a tree looks at a few bits of one field and leads to a child, with the boxes that reach into its part
 *   of the space. All ways down a tree take the same number of steps, so that no branch waits for the data.
 *
 * - A block, at a leaf, is of up to 63 boxes, one bit each. For each field the value of the point leads to a row of
 *   bits: the boxes that it does not exclude. The rows of all fields and-ed, the lowest bit is the first box. Protocol
 *   and zones, and mostly ports, have a row for each value that any box tells apart; addresses are searched for among
 *   those where a box of the block begins or ends (63 at most). More boxes than a block takes follow in further ones.
 *
 * - Boxes that are narrow in the one address and any in the other would be copied into every part that a cut by the
 *   other makes. Where that costs too much, they stand in trees of their own, and the lowest of the answers counts; a
 *   tree whose first box comes behind what has been found already is not searched.
 *
 * Memory is bounded by the number of boxes and ranges, whatever they are (CLASSIFY_BYTES): tables that would be larger
 * are given up, cuts that would copy too much are not made. At worst that leaves one chain of blocks, which is searched
 * 63 boxes at a time. Building takes time in proportion to memory. The same boxes always give the same classifier.
 *
 * Life: classifier_new(); read-only from then on, by any number of threads; classifier_free(). A lookup allocates
 * nothing. No vector instructions, no unaligned access, no byte order.
 */
#ifndef CLASSIFY_CLASSIFY_H
#define CLASSIFY_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLASSIFY_NONE   UINT32_MAX
#define CLASSIFY_RANGES 16 /* of a box in one field, at most */

/* Four fields are numbers: two of 32 bits, two of 16. Three are small: their values are numbered from 0, and how many
 * there are is told to classifier_new(). */
enum classify_field {
    CLASSIFY_SRC,
    CLASSIFY_DST,
    CLASSIFY_DPORT,
    CLASSIFY_SPORT,
    CLASSIFY_NUMBERS,
    CLASSIFY_PROTO = CLASSIFY_NUMBERS,
    CLASSIFY_IN,
    CLASSIFY_OUT,
    CLASSIFY_FIELDS,
    CLASSIFY_SMALL = CLASSIFY_FIELDS - CLASSIFY_NUMBERS
};

#define CLASSIFY_VALUES 256 /* of a small field, at most */

struct classify_range {
    uint32_t first, last; /* both included */
};

struct classify_box {
    uint32_t id;   /* what a lookup gives: ascending from box to box, not CLASSIFY_NONE */
    bool is_final; /* who finds it never asks for a later one: what it covers need not be kept */
    /* Of each field one to CLASSIFY_RANGES ranges, ascending, with something between them; of a small field one. Any
     * value is one range, from 0 to the last value of the field. */
    uint8_t counts[CLASSIFY_FIELDS];
    const struct classify_range *ranges[CLASSIFY_FIELDS];
};

/* The last value of a field of numbers. */
static inline uint32_t classify_last(enum classify_field field)
{
    return field < CLASSIFY_DPORT ? UINT32_MAX : UINT16_MAX;
}

/* What the memory of a classifier stays below, whatever its boxes are: by how many ranges they have, of the fields of
 * numbers taken together, and how many values the small fields. Trees stay below a half of it; tables find in a third
 * of the time, and may have it all: most of it is the pages of addresses, of which even a few boxes need some. */
#define CLASSIFY_BYTES(ranges, values) ((size_t)48 * 1024 + (size_t)(ranges) * (256 + 2 * (size_t)(values)))

/* And what building it takes, in steps as classify_shape() counts them: several ways are tried, and tables before, for
 * no more than half of it. */
#define CLASSIFY_WORK(ranges) ((uint64_t)2000000 + (uint64_t)1536 * (ranges))

struct classifier;

/* Build a classifier; `values` is how many values each small field has. The boxes may go afterwards.
 * => NULL if memory does not suffice */
struct classifier *classifier_new(const struct classify_box *boxes, uint32_t count,
                                  const uint16_t values[static CLASSIFY_SMALL]);
void classifier_free(struct classifier *classifier);

/* => the id of the first box that the point lies in, or CLASSIFY_NONE */
uint32_t classifier_first(const struct classifier *classifier, const uint32_t point[static CLASSIFY_FIELDS]);

/* All boxes that a point lies in, one after the other. `point` must stay as long as it is asked. */
enum { CLASSIFY_TREES = 4 };

struct classify_walk {
    const struct classifier *classifier;
    const uint32_t *point;
    const uint32_t *list; /* of a classifier of tables: what is still to come */
    struct classify_strand {
        uint64_t fits;  /* boxes of `block` that are still to come */
        uint32_t block; /* 0: it is at its end */
    } strands[CLASSIFY_TREES];
};

void classifier_walk(const struct classifier *classifier, const uint32_t point[static CLASSIFY_FIELDS],
                     struct classify_walk *walk);
/* => the id of the next one, or CLASSIFY_NONE */
uint32_t classify_next(struct classify_walk *walk);

/* What it has become, for reports and tests. */
struct classify_shape {
    size_t bytes;
    uint32_t cells; /* of tables; of trees: none, and */
    uint32_t trees, nodes, blocks;
    uint32_t longest; /* the most blocks in a chain */
    uint64_t work;    /* boxes and values looked at while it was built: time, without a clock */
};
struct classify_shape classifier_shape(const struct classifier *classifier);

#endif
