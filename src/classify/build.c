/* Building a classifier: tables or trees, and which boxes stand in which tree.
 *
 * Tables are taken wherever they fit. Of trees there are three ways, all boxes in one tree; those that are wide in both
 * addresses in a tree of their own; and those that are wide in one of them as well. Each is planned as far as the
 * memory allows that there is, and the one that should be searched fastest is taken. If it has become too large for all
 * that, less copying is allowed.
 */
#include <stdlib.h>
#include <string.h>

#include "classify/build.h"
#include "pages/pages.h"

/* Growing arrays. */

static void *grown(void *items, size_t *count, size_t *room, size_t more, size_t size)
{
    if (*count + more > *room) {
        size_t wanted = (*count + more) * 3 / 2;
        void *moved = wanted < CHILD_IS_PLAN ? realloc(items, wanted * size) : NULL; /* places are 31 bits */
        if (moved == NULL)
            return NULL;
        items = moved;
        *room = wanted;
    }
    memset((char *)items + *count * size, 0, more * size);
    *count += more;
    return items;
}

#define BUILDER_ADD(name, array)                                                                                       \
    uint32_t name(struct builder *b, size_t count)                                                                     \
    {                                                                                                                  \
        uint32_t at = (uint32_t)b->array.count;                                                                        \
        void *moved = grown(b->array.items, &b->array.count, &b->array.room, count, sizeof *b->array.items);           \
        b->failed |= moved == NULL;                                                                                    \
        if (moved == NULL)                                                                                             \
            return 0;                                                                                                  \
        b->array.items = moved;                                                                                        \
        return at;                                                                                                     \
    }

BUILDER_ADD(builder_words, words)
BUILDER_ADD(builder_rows, rows)
BUILDER_ADD(builder_cells, cells)

/* Making ready. */

/* All of the space. */
static struct part whole_space(const struct builder *b)
{
    struct part part = {.first = {0}};
    for (unsigned field = 0; field < CLASSIFY_FIELDS; field++)
        part.last[field] = last_of(b, field);
    return part;
}

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* => the place of a value that is among the splits */
static uint32_t place_of(const struct builder *b, unsigned field, uint32_t value)
{
    uint32_t low = 0, high = b->split_counts[field];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (b->splits[field][middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where boxes begin or end in a field of numbers, each value once.
 * => false if memory does not suffice */
static bool split(struct builder *b, unsigned field)
{
    uint32_t ranges = 0, count = 0, kept = 0, last = classify_last((enum classify_field)field);
    for (uint32_t i = 0; i < b->count; i++)
        ranges += b->boxes[i].counts[field];
    uint32_t *splits = b->splits[field] = malloc((2 * (size_t)ranges + 1) * sizeof *splits);
    b->seen[field] = calloc(2 * (size_t)ranges + 1, sizeof **b->seen);
    if (splits == NULL || b->seen[field] == NULL)
        return false;
    for (uint32_t i = 0; i < b->count; i++)
        for (unsigned n = 0; n < b->boxes[i].counts[field]; n++) {
            const struct classify_range *range = &b->boxes[i].ranges[field][n];
            if (range->first != 0)
                splits[count++] = range->first;
            if (range->last != last)
                splits[count++] = range->last + 1;
        }
    qsort(splits, count, sizeof *splits, compare);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || splits[kept - 1] != splits[i])
            splits[kept++] = splits[i];
    b->split_counts[field] = kept;
    return true;
}

static void take_item(struct builder *b, uint32_t number, uint32_t *span_count)
{
    const struct classify_box *box = &b->boxes[number];
    struct item *item = &b->items[number];
    *item = (struct item){.spans = *span_count, .is_solid = box->is_final};
    for (unsigned field = 0; field < CLASSIFY_FIELDS; field++) {
        const struct classify_range *ranges = box->ranges[field];
        unsigned count = box->counts[field];
        item->hull.first[field] = ranges[0].first;
        item->hull.last[field] = ranges[count - 1].last;
        item->is_solid &= count == 1;
        if (field >= CLASSIFY_NUMBERS)
            continue;
        item->counts[field] = (uint8_t)count;
        for (unsigned n = 0; n < count; n++)
            b->spans[(*span_count)++] =
                (struct span){ranges[n].first, ranges[n].last, place_of(b, field, ranges[n].first),
                              ranges[n].last == UINT32_MAX ? 0 : place_of(b, field, ranges[n].last + 1)};
    }
}

/* => false if memory does not suffice */
static bool make_ready(struct builder *b, size_t limit)
{
    b->items = malloc((b->count + (size_t)1) * sizeof *b->items);
    b->spans = malloc((b->ranges + 1) * sizeof *b->spans);
    b->begins = malloc(sizeof *b->begins << NODE_BITS_MAX);
    b->ends = malloc(sizeof *b->ends << NODE_BITS_MAX);
    if (b->items == NULL || b->spans == NULL || b->begins == NULL || b->ends == NULL)
        return false;
    for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++)
        if (!split(b, field))
            return false;
    for (unsigned field = CLASSIFY_DPORT; field <= CLASSIFY_SPORT; field++)
        if (!make_kinds(b, field, limit / 8))
            return false;
    uint32_t span_count = 0;
    for (uint32_t i = 0; i < b->count; i++)
        take_item(b, i, &span_count);
    return true;
}

/* Ways. */

enum way { WAY_ONE, WAY_BOTH_WIDE, WAY_BY_WIDTH, WAYS };

/* Of one field of addresses: it reaches over more than one of 4096 parts of it. */
static bool is_wide(const struct item *item, unsigned field)
{
    return item->hull.last[field] - item->hull.first[field] >= (uint32_t)1 << 20;
}

static unsigned tree_of(const struct item *item, enum way way)
{
    bool src = is_wide(item, CLASSIFY_SRC), dst = is_wide(item, CLASSIFY_DST);
    if (way == WAY_ONE || !(src || dst))
        return 0;
    if (src && dst)
        return 1;
    return way == WAY_BY_WIDTH && dst ? 2 : 0;
}

/* Steps that a lookup in the tree at hand takes, times 16: such as were counted. */
static uint64_t expected(const struct builder *b)
{
    uint64_t searches = 0, blocks = 16;
    for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++)
        searches += is_searched(b, field) ? b->tree.bits * 4u : 0;
    if (b->outlook.boxes != 0)
        blocks = b->outlook.blocks * 16 / b->outlook.boxes;
    /* A second block costs more than the first: whether there is one is not foreseen by the processor. */
    return 16 * (12u * b->tree.depth + 30u) + blocks * (searches + 24) + (blocks - 16) * 60;
}

/* Replace numbers of plans, in the nodes that stand in words from `at` to `end`. */
static void link_blocks(struct builder *b, size_t at, size_t end)
{
    while (at < end) {
        size_t children = node_mask(b->words.items[at]) + (size_t)1;
        for (size_t i = at + 1; i <= at + children; i++)
            if (b->words.items[i] & CHILD_IS_PLAN)
                b->words.items[i] = b->plans.items[b->words.items[i] & ~CHILD_IS_PLAN].at;
        at += 1 + children;
    }
}

/* => what is expected of the tree */
static uint64_t build_tree(struct builder *b, const uint32_t *list, uint32_t count, uint64_t budget)
{
    struct part space = whole_space(b);
    size_t nodes = b->words.count, plans = b->plans.count;
    b->tree = (struct tree){.first = b->boxes[list[0]].id, .bits = BITS_MIN};
    b->outlook = (struct outlook){0};
    b->empty = plan_block(b, list, 0, &space);
    uint32_t root = plan_tree(b, list, count, &space, budget, 0);
    size_t end = b->words.count;
    lay_blocks(b, plans);
    if (b->failed)
        return 0;
    link_blocks(b, nodes, end);
    b->tree.root = root & CHILD_IS_PLAN ? b->plans.items[root & ~CHILD_IS_PLAN].at : root;
    return expected(b);
}

/* A classifier as it is made one way. */
struct attempt {
    struct tree trees[CLASSIFY_TREES];
    uint32_t tree_count;
    struct tables tables;
    uint32_t *words;
    uint64_t *rows;
    uint16_t *cells;
    size_t word_count, row_count, cell_count;
    uint32_t nodes, blocks, longest;
    uint64_t expected;
};

static size_t attempt_bytes(const struct builder *b, const struct attempt *a)
{
    return sizeof(struct classifier) + b->kind_bytes + a->word_count * sizeof *a->words +
           a->row_count * sizeof *a->rows + a->cell_count * sizeof *a->cells + b->step_bytes;
}

static void attempt_end(struct attempt *a)
{
    free(a->words);
    free(a->rows);
    free(a->cells);
    *a = (struct attempt){0};
}

static void take_arrays(struct builder *b, struct attempt *a)
{
    a->words = b->words.items;
    a->word_count = b->words.count;
    a->rows = b->rows.items;
    a->row_count = b->rows.count;
    a->cells = b->cells.items;
    a->cell_count = b->cells.count;
    memset(&b->words, 0, sizeof b->words);
    memset(&b->rows, 0, sizeof b->rows);
    memset(&b->cells, 0, sizeof b->cells);
}

static void add_tree(struct attempt *a, const struct tree *tree)
{
    uint32_t at = a->tree_count++;
    for (; at > 0 && a->trees[at - 1].first > tree->first; at--)
        a->trees[at] = a->trees[at - 1];
    a->trees[at] = *tree;
}

/* => false if memory does not suffice */
static bool attempt(struct builder *b, enum way way, uint64_t times, struct attempt *a)
{
    uint32_t *list = malloc((b->count + (size_t)1) * sizeof *list);
    *a = (struct attempt){0};
    b->failed = list == NULL;
    b->plans.count = b->lists.count = b->nodes = b->longest = 0;
    builder_words(b, 1); /* no block is at 0 */
    for (unsigned tree = 0; tree < WAYS && !b->failed; tree++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < b->count; i++)
            if (tree_of(&b->items[i], way) == tree)
                list[count++] = i;
        if (count == 0)
            continue;
        a->expected += build_tree(b, list, count, count * times + 64);
        add_tree(a, &b->tree);
    }
    free(list);
    take_arrays(b, a);
    a->nodes = b->nodes;
    a->blocks = (uint32_t)b->plans.count;
    a->longest = b->longest;
    return !b->failed;
}

static void drop_steps(struct builder *b)
{
    free(b->steps);
    b->steps = NULL;
    b->step_bytes = 0;
}

/* The best way, within so many bytes; of trees, if tables do not fit.
 * => false if memory does not suffice */
static bool choose(struct builder *b, size_t limit, enum form form, struct attempt *best)
{
    if (form != FORM_TREES) {
        make_tables(b, limit, &best->tables);
        take_arrays(b, best);
        if (b->failed || (b->fits && attempt_bytes(b, best) <= limit))
            return !b->failed;
        attempt_end(best);
        drop_steps(b);
    }
    for (uint64_t times = 8; best->words == NULL; times /= 2)
        for (enum way way = WAY_ONE; way < WAYS; way++) {
            struct attempt next;
            if (!attempt(b, way, times, &next)) {
                attempt_end(&next);
                return false;
            }
            bool is_small = attempt_bytes(b, &next) <= limit / 2 || times == 0;
            if (is_small && (best->words == NULL || next.expected < best->expected)) {
                attempt_end(best);
                *best = next;
            } else {
                attempt_end(&next);
            }
        }
    return true;
}

static void builder_end(struct builder *b)
{
    free(b->items);
    free(b->spans);
    free(b->begins);
    free(b->ends);
    drop_steps(b);
    free(b->plans.items);
    free(b->lists.items);
    for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++) {
        free(b->splits[field]);
        free(b->seen[field]);
        free(b->kinds[field]);
    }
}

/* => a copy, which stays; NULL of nothing, or if memory does not suffice */
static void *kept(const void *items, size_t count, size_t size)
{
    void *pages = count != 0 ? pages_new(count, size) : NULL;
    if (pages != NULL)
        memcpy(pages, items, count * size);
    return pages;
}

/* => false if memory does not suffice */
static bool finish(struct builder *b, const struct attempt *a, struct classifier *c)
{
    c->word_count = a->word_count;
    c->row_count = a->row_count;
    c->cell_count = a->cell_count;
    c->words = kept(a->words, a->word_count, sizeof *c->words);
    c->rows = kept(a->rows, a->row_count, sizeof *c->rows);
    c->cells = kept(a->cells, a->cell_count, sizeof *c->cells);
    if (c->words == NULL || (c->rows == NULL && c->cells == NULL))
        return false;
    c->tables = a->tables;
    c->steps = b->steps;
    b->steps = NULL;
    c->in = rows_before(b, CLASSIFY_IN);
    c->out = rows_before(b, CLASSIFY_OUT);
    c->dport = rows_before(b, CLASSIFY_DPORT);
    c->sport = rows_before(b, CLASSIFY_SPORT);
    c->small = rows_before(b, CLASSIFY_FIELDS);
    c->dports = b->kinds[CLASSIFY_DPORT];
    c->sports = b->kinds[CLASSIFY_SPORT];
    b->kinds[CLASSIFY_DPORT] = b->kinds[CLASSIFY_SPORT] = NULL;
    c->has_zones = has_zones(b);
    c->tree_count = a->tree_count;
    memcpy(c->trees, a->trees, a->tree_count * sizeof *a->trees);
    c->shape = (struct classify_shape){.bytes = attempt_bytes(b, a),
                                       .cells = (uint32_t)a->cell_count,
                                       .trees = a->tree_count,
                                       .nodes = a->nodes,
                                       .blocks = a->blocks,
                                       .longest = a->longest,
                                       .work = b->work};
    return true;
}

/* => one that holds nothing, or NULL */
static struct classifier *empty_classifier(void)
{
    struct classifier *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    for (unsigned i = 0; i <= CLASSIFY_TREES; i++)
        c->trees[i].first = CLASSIFY_NONE;
    c->shape.bytes = sizeof *c;
    return c;
}

struct classifier *classifier_build(const struct classify_box *boxes, uint32_t count,
                                    const uint16_t values[static CLASSIFY_SMALL], enum form form)
{
    struct classifier *c = empty_classifier();
    struct builder b = {.boxes = boxes, .count = count, .copying = 96};
    struct attempt best = {0};
    memcpy(b.values, values, sizeof b.values);
    for (uint32_t i = 0; i < count; i++)
        for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++)
            b.ranges += boxes[i].counts[field];
    size_t limit = CLASSIFY_BYTES(b.ranges, values[0] + values[1] + values[2]);
    bool is_good = c != NULL && (count == 0 || (make_ready(&b, limit) && choose(&b, limit, form, &best)));
    if (is_good && count != 0)
        is_good = finish(&b, &best, c);
    attempt_end(&best);
    builder_end(&b);
    if (is_good)
        return c;
    classifier_free(c);
    return NULL;
}

struct classifier *classifier_new(const struct classify_box *boxes, uint32_t count,
                                  const uint16_t values[static CLASSIFY_SMALL])
{
    return classifier_build(boxes, count, values, FORM_BEST);
}

void classifier_free(struct classifier *classifier)
{
    if (classifier == NULL)
        return;
    pages_free(classifier->words, classifier->word_count, sizeof *classifier->words);
    pages_free(classifier->rows, classifier->row_count, sizeof *classifier->rows);
    pages_free(classifier->cells, classifier->cell_count, sizeof *classifier->cells);
    free(classifier->dports);
    free(classifier->sports);
    free(classifier->steps);
    free(classifier);
}
