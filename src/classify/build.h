/* Building a classifier: what its files share.
 *
 *   build.c    the boxes made ready, the choice among several ways, and which boxes stand in which tree
 *   kinds.c    pages that lead to kinds of ports and of addresses
 *   classes.c  what several fields tell apart together
 *   tables.c   the form of few boxes, which needs no tree
 *   cut.c      one tree: which bits its nodes look at
 *   block.c    its leaves: which boxes share a block, and the blocks laid out
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
    size_t ranges; /* of all boxes, in fields of numbers */
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

    /* Of tables. */
    uint32_t row_words; /* for a bit of each */
    size_t cells_most;  /* of one table */
    uint16_t *steps;    /* to kinds of addresses; or NULL */
    size_t step_bytes;
    bool fits; /* what is being made keeps to its bounds; else it is given up */

    uint32_t *begins, *ends; /* for cut.c: by part */

    /* What is being built. */
    uint32_t copying; /* how gladly memory is spent on fewer steps: 256 is evenly */
    ARRAY(uint32_t) words;
    ARRAY(uint64_t) rows;
    ARRAY(uint16_t) cells;
    ARRAY(struct plan) plans;
    ARRAY(uint32_t) lists;
    struct tree tree;
    uint32_t empty; /* the number of the tree's plan of no boxes */
    struct outlook outlook;
    uint32_t nodes, longest;
    uint64_t work;
    bool failed; /* for want of memory; checked at the end */
};

static inline uint32_t last_of(const struct builder *b, unsigned field)
{
    return field < CLASSIFY_NUMBERS ? classify_last((enum classify_field)field)
                                    : b->values[field - CLASSIFY_NUMBERS] - 1u;
}

static inline bool has_zones(const struct builder *b)
{
    return b->values[CLASSIFY_IN - CLASSIFY_NUMBERS] > 1 || b->values[CLASSIFY_OUT - CLASSIFY_NUMBERS] > 1;
}

/* The ranges of a box in a field of numbers. */
static inline const struct span *spans_of(const struct builder *b, const struct item *item, unsigned field)
{
    const struct span *span = &b->spans[item->spans];
    for (unsigned f = 0; f < field; f++)
        span += item->counts[f];
    return span;
}

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

/* => the place of `count` new zeroed words, rows or cells, or 0 where memory does not suffice */
uint32_t builder_words(struct builder *b, size_t count);
uint32_t builder_rows(struct builder *b, size_t count);
uint32_t builder_cells(struct builder *b, size_t count);

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

/* block.c: rows of `words` words, one for each stretch between splits of a field of numbers, or each value of a small
 * one: a bit for each box of a list that it does not exclude, by its place there. NULL is the list of all boxes. The
 * rows were zero. */
void fill_kinds(const struct builder *b, const uint32_t *list, uint32_t count, unsigned field, uint64_t *rows,
                uint32_t words);
void fill_small(const struct builder *b, const uint32_t *list, uint32_t count, unsigned field, uint64_t *rows,
                uint32_t words);

/* classes.c: rows that differ, numbered as they come; in `rows`. The slots are to be freed. */
struct row_set {
    uint32_t rows, count, words; /* place of the first; how many; of how many words each */
    uint32_t *slots;             /* of a hash table, open addressing: numbers from 1 on */
    size_t mask;
};

/* => false if memory does not suffice; `most` is how many there may come */
bool row_set_begin(struct builder *b, struct row_set *set, uint32_t words, size_t most);
/* => the number of a row, which may be new; or anything, if it does not fit or memory does not suffice */
uint16_t row_set_add(struct builder *b, struct row_set *set, const uint64_t *row);

/* Classes of what some fields (a bit each) may have: of each a row, in `rows`, with a bit for each box that is left. */
struct classes {
    uint32_t rows, count, fields;
};

/* classes.c: those of one field. */
struct classes classes_of(struct builder *b, unsigned field);
/* classes.c: those of two groups of fields together, if they are no more than `most`; `*table` is the place in `cells`
 * of those of each pair. */
struct classes cross(struct builder *b, struct classes x, struct classes y, size_t most, size_t *table);

/* kinds.c: the kinds of a field of ports, if they are few and take no more than so many bytes.
 * => false if memory does not suffice */
bool make_kinds(struct builder *b, unsigned field, size_t limit);
/* kinds.c: the steps to kinds of addresses, of no more than so many bytes; `kind_of` are the places in `cells` of the
 * kinds of all stretches between splits. */
void make_steps(struct builder *b, size_t limit, const size_t kind_of[static CLASSIFY_DST + 1]);

/* tables.c: all but kinds of ports, none of it of more than `limit` bytes; in `words`, `cells` and `steps`. */
void make_tables(struct builder *b, size_t limit, struct tables *t);

/* cut.c: a tree for a list of boxes in a part, which may come to `budget` boxes in its leaves, copies counted and a
 * leaf never less than LEAF_LEAST.
 * => the child */
uint32_t plan_tree(struct builder *b, const uint32_t *list, uint32_t count, const struct part *part, uint64_t budget,
                   unsigned depth);

enum { DEPTH_MAX = 3, LEAF_LEAST = 16, TABLE_BOXES = 1024, ROW_WORDS = TABLE_BOXES / 64 };

/* build.c: classifier_new() of a form: tables where they fit, else trees; or trees always, for tests. */
enum form { FORM_BEST, FORM_TREES };
struct classifier *classifier_build(const struct classify_box *boxes, uint32_t count,
                                    const uint16_t values[static CLASSIFY_SMALL], enum form form);

#endif
