/* Searching a classifier. */
#include "classify/lookup.h"

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

INLINED size_t search(const uint32_t *values, uint32_t wanted, unsigned bits)
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

/* A point, and what is the same for all blocks that it is looked for in. */
struct sought {
    const uint32_t *point;
    uint32_t dport, sport; /* places of the rows of its kinds */
};

INLINED struct sought seek(const struct classifier *c, const uint32_t *point)
{
    struct sought sought = {.point = point};
    if (c->dports != NULL)
        sought.dport = c->dport + port_kind(c->dports, point[CLASSIFY_DPORT]);
    if (c->sports != NULL)
        sought.sport = c->sport + port_kind(c->sports, point[CLASSIFY_SPORT]);
    return sought;
}

/* The boxes of a block that a point lies in, and behind them the one that stands for none of them. */
INLINED uint64_t block_fits(const struct classifier *c, const struct tree *tree, const uint32_t *block,
                            const struct sought *sought, unsigned bits)
{
    const size_t size = (size_t)1 << bits;
    const uint32_t *point = sought->point, *values = block + BLOCK_SEARCHES;
    const uint64_t *rows = c->rows + block[BLOCK_ROWS];
    uint64_t fits = rows[point[CLASSIFY_PROTO]];
    if (c->has_zones)
        fits &= rows[c->in + point[CLASSIFY_IN]] & rows[c->out + point[CLASSIFY_OUT]];
    if (c->dports != NULL)
        fits &= rows[sought->dport];
    if (c->sports != NULL)
        fits &= rows[sought->sport];
    rows += c->small;
    fits &= rows[search(values, point[CLASSIFY_SRC], bits) - size];
    fits &= rows[search(values + size, point[CLASSIFY_DST], bits)];
    if (c->dports == NULL) {
        fits &= rows[search(values + 2 * size, point[CLASSIFY_DPORT], bits) + size];
        values += size;
        rows += size;
    }
    if (tree->has_sport)
        fits &= rows[search(values + 2 * size, point[CLASSIFY_SPORT], bits) + size];
    return fits;
}

INLINED uint32_t descend(const struct classifier *c, const struct tree *tree, const uint32_t *point)
{
    uint32_t at = tree->root;
    for (unsigned i = tree->depth; i != 0; i--)
        at = c->words[at + 1 + node_child(c->words[at], point)];
    return at;
}

/* => the id of the first of a chain of blocks, or CLASSIFY_NONE; nothing need be searched for from `limit` on */
INLINED uint32_t search_chain(const struct classifier *c, const struct tree *tree, uint32_t at,
                              const struct sought *sought, uint32_t limit, unsigned bits)
{
    for (;;) {
        const uint32_t *block = c->words + at;
        uint32_t id = c->words[block[BLOCK_IDS] + lowest(block_fits(c, tree, block, sought, bits))];
        at = block[BLOCK_NEXT]; /* mostly none: so nothing waits here for what the block has given */
        if (at == 0 || id != CLASSIFY_NONE || c->words[at + BLOCK_FIRST] >= limit)
            return id;
    }
}

uint32_t classifier_first(const struct classifier *c, const uint32_t point[static CLASSIFY_FIELDS])
{
    if (c->cells != NULL)
        return tables_first(c, point);
    const struct sought sought = seek(c, point);
    uint32_t found = CLASSIFY_NONE;
    for (const struct tree *tree = c->trees; tree->first < found; tree++) {
        uint32_t at = descend(c, tree, point), id;
        switch (tree->bits) { /* so that each has its searches written out */
        case 4: id = search_chain(c, tree, at, &sought, found, 4); break;
        case 5: id = search_chain(c, tree, at, &sought, found, 5); break;
        default: id = search_chain(c, tree, at, &sought, found, 6); break;
        }
        found = id < found ? id : found;
    }
    return found;
}

static uint32_t lowest_id(const struct classifier *c, const struct classify_strand *strand)
{
    return c->words[c->words[strand->block + BLOCK_IDS] + lowest(strand->fits)];
}

/* Begin with a block; or with one of those behind it, if none of its boxes fits. */
static void begin_block(const struct classify_walk *walk, uint32_t tree, struct classify_strand *strand, uint32_t at)
{
    const struct classifier *c = walk->classifier;
    const struct sought sought = seek(c, walk->point);
    for (; (strand->block = at) != 0; at = c->words[at + BLOCK_NEXT]) {
        strand->fits = block_fits(c, &c->trees[tree], c->words + at, &sought, c->trees[tree].bits);
        if (lowest_id(c, strand) != CLASSIFY_NONE)
            return;
    }
}

void classifier_walk(const struct classifier *c, const uint32_t point[static CLASSIFY_FIELDS],
                     struct classify_walk *walk)
{
    *walk = (struct classify_walk){.classifier = c, .point = point};
    if (c->cells != NULL)
        walk->list = c->words + c->words[c->tables.lists + tables_list(c, point)];
    for (uint32_t i = 0; i < c->tree_count; i++)
        begin_block(walk, i, &walk->strands[i], descend(c, &c->trees[i], point));
}

uint32_t classify_next(struct classify_walk *walk)
{
    const struct classifier *c = walk->classifier;
    uint32_t found = CLASSIFY_NONE, tree = 0;
    if (walk->list != NULL)
        return *walk->list != CLASSIFY_NONE ? *walk->list++ : CLASSIFY_NONE;
    for (uint32_t i = 0; i < c->tree_count; i++) {
        uint32_t id = walk->strands[i].block != 0 ? lowest_id(c, &walk->strands[i]) : CLASSIFY_NONE;
        tree = id < found ? i : tree;
        found = id < found ? id : found;
    }
    if (found == CLASSIFY_NONE)
        return CLASSIFY_NONE;
    struct classify_strand *strand = &walk->strands[tree];
    strand->fits &= strand->fits - 1;
    if (lowest_id(c, strand) == CLASSIFY_NONE)
        begin_block(walk, tree, strand, c->words[strand->block + BLOCK_NEXT]);
    return found;
}

struct classify_shape classifier_shape(const struct classifier *classifier)
{
    return classifier->shape;
}
