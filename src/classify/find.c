/* Searching a classifier. */
#include "classify/inside.h"

/* The place of the lowest bit that is set. */
static inline unsigned lowest(uint64_t bits)
{
#if defined __GNUC__
    return (unsigned)__builtin_ctzll(bits);
#else
    unsigned place = 0;
    for (unsigned half = 32; half != 0; half /= 2)
        if ((bits & (((uint64_t)1 << half) - 1)) == 0) {
            bits >>= half;
            place += half;
        }
    return place;
#endif
}

/* Written out, as what a step compares with is known only after the step before: a loop's counting would come on top.
 */
#define STEP place = 2 * place + (values[place] < wanted)

static inline size_t search(const uint32_t *values, uint32_t wanted, unsigned bits)
{
    size_t place = 1;
    if (bits > 5)
        STEP;
    if (bits > 4)
        STEP;
    STEP;
    STEP;
    STEP;
    STEP;
    return place;
}

/* The boxes of a block that a point lies in. */
static inline uint64_t block_fits(const struct classifier *c, const struct tree *tree, const uint32_t *block,
                                  const uint32_t *point, unsigned bits)
{
    const size_t size = (size_t)1 << bits;
    const uint32_t *values = block + BLOCK_SEARCHES;
    const uint64_t *rows = c->rows + block[BLOCK_ROWS];
    uint64_t fits = rows[point[CLASSIFY_PROTO]];
    if (c->has_zones)
        fits &= rows[c->in + point[CLASSIFY_IN]] & rows[c->out + point[CLASSIFY_OUT]];
    rows += c->small;
    fits &= rows[search(values, point[CLASSIFY_SRC], bits) - size];
    fits &= rows[search(values + size, point[CLASSIFY_DST], bits)];
    fits &= rows[search(values + 2 * size, point[CLASSIFY_DPORT], bits) + size];
    if (tree->has_sport)
        fits &= rows[search(values + 3 * size, point[CLASSIFY_SPORT], bits) + 2 * size];
    return fits;
}

static uint32_t descend(const struct classifier *c, const struct tree *tree, const uint32_t *point)
{
    uint32_t at = tree->root;
    for (unsigned i = tree->depth; i != 0; i--)
        at = c->words[at + 1 + node_child(c->words[at], point)];
    return at;
}

/* => the id of the first of a chain of blocks, or CLASSIFY_NONE; nothing is searched for from `limit` on */
static inline uint32_t search_chain(const struct classifier *c, const struct tree *tree, uint32_t at,
                                    const uint32_t *point, uint32_t limit, unsigned bits)
{
    for (; at != 0 && c->words[at + BLOCK_FIRST] < limit; at = c->words[at + BLOCK_NEXT]) {
        const uint32_t *block = c->words + at;
        uint64_t fits = block_fits(c, tree, block, point, bits);
        if (fits != 0)
            return c->words[block[BLOCK_IDS] + lowest(fits)];
    }
    return CLASSIFY_NONE;
}

static inline uint32_t search_tree(const struct classifier *c, const struct tree *tree, const uint32_t *point,
                                   uint32_t limit)
{
    uint32_t at = descend(c, tree, point);
    switch (tree->bits) { /* so that each has its searches written out */
    case 4: return search_chain(c, tree, at, point, limit, 4);
    case 5: return search_chain(c, tree, at, point, limit, 5);
    default: return search_chain(c, tree, at, point, limit, 6);
    }
}

uint32_t classifier_first(const struct classifier *c, const uint32_t point[static CLASSIFY_FIELDS])
{
    uint32_t found = CLASSIFY_NONE;
    for (uint32_t i = 0; i < c->tree_count && c->trees[i].first < found; i++) {
        uint32_t id = search_tree(c, &c->trees[i], point, found);
        found = id < found ? id : found;
    }
    return found;
}

/* Go on to a block with boxes that fit, unless the one at hand has some left. */
static void settle(const struct classify_walk *walk, uint32_t tree, struct classify_strand *strand, uint32_t next)
{
    const struct classifier *c = walk->classifier;
    while (strand->fits == 0 && (strand->block = next) != 0) {
        const uint32_t *block = c->words + strand->block;
        strand->fits = block_fits(c, &c->trees[tree], block, walk->point, c->trees[tree].bits);
        next = block[BLOCK_NEXT];
    }
}

void classifier_walk(const struct classifier *c, const uint32_t point[static CLASSIFY_FIELDS],
                     struct classify_walk *walk)
{
    *walk = (struct classify_walk){.classifier = c, .point = point};
    for (uint32_t i = 0; i < c->tree_count; i++)
        settle(walk, i, &walk->strands[i], descend(c, &c->trees[i], point));
}

uint32_t classify_next(struct classify_walk *walk)
{
    const struct classifier *c = walk->classifier;
    uint32_t found = CLASSIFY_NONE, tree = 0;
    for (uint32_t i = 0; i < c->tree_count; i++) {
        const struct classify_strand *strand = &walk->strands[i];
        if (strand->block == 0)
            continue;
        uint32_t id = c->words[c->words[strand->block + BLOCK_IDS] + lowest(strand->fits)];
        if (id < found) {
            found = id;
            tree = i;
        }
    }
    if (found != CLASSIFY_NONE) {
        struct classify_strand *strand = &walk->strands[tree];
        strand->fits &= strand->fits - 1;
        settle(walk, tree, strand, c->words[strand->block + BLOCK_NEXT]);
    }
    return found;
}

struct classify_shape classifier_shape(const struct classifier *classifier)
{
    return classifier->shape;
}
