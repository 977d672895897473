/* Where a tree cuts.
 *
 * At each node every field is tried, and of it some of the bits from the highest on in which the boxes differ. The
 * boxes of a part are the fewer the more bits there are, but those that reach into several parts are copied into each.
 * What is weighed is how many boxes share a part with one, on average, against how many there are with all copies.
 *
 * Neighbouring values that have the same boxes are one part; so are all those where no box is but such as are there
 * everywhere. So a cut may be fine without costing more than a word a value.
 */
#include <stdlib.h>
#include <string.h>

#include "classify/build.h"

/* The logarithm to base 2, 256 for 1, nearly: the same everywhere, as floating point may not be. */
static uint32_t log256(uint64_t value)
{
    unsigned power = 0;
    while (value >> power > 1)
        power++;
    uint64_t fraction = power >= 8 ? value >> (power - 8) : value << (8 - power);
    return power * 256 + (uint32_t)(fraction & 255);
}

struct cut {
    uint8_t field, shift, bits; /* no bits: none */
    bool narrows;               /* its bits are the highest that vary in the part, so that a value is a range of it */
    uint32_t cost;
    uint64_t copies;
};

/* What a node has to divide. */
struct node {
    const uint32_t *list;
    uint32_t count;
    const struct part *part;
    uint64_t budget;
    unsigned depth;
};

static bool is_everywhere(const struct item *item, const struct part *part, unsigned field)
{
    return item->hull.first[field] <= part->first[field] && item->hull.last[field] >= part->last[field];
}

static uint32_t clip_first(const struct item *item, const struct part *part, unsigned field)
{
    return item->hull.first[field] > part->first[field] ? item->hull.first[field] : part->first[field];
}

static uint32_t clip_last(const struct item *item, const struct part *part, unsigned field)
{
    return item->hull.last[field] < part->last[field] ? item->hull.last[field] : part->last[field];
}

/* The boxes that do not take all of a field: how many, and the bits in which their ends differ. */
static uint32_t look_at(const struct builder *b, const struct node *n, unsigned field, uint32_t *differ)
{
    uint32_t some = 0, one = 0;
    *differ = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct item *item = &b->items[n->list[i]];
        if (is_everywhere(item, n->part, field))
            continue;
        uint32_t first = clip_first(item, n->part, field), last = clip_last(item, n->part, field);
        one = some++ == 0 ? first : one;
        *differ |= (first ^ one) | (last ^ one);
    }
    return some;
}

static unsigned bits_of(uint32_t value)
{
    unsigned bits = 0;
    while (bits < 32 && value >> bits != 0)
        bits++;
    return bits;
}

/* How many boxes begin and end at each value of the bits. */
static void count_ends(struct builder *b, const struct node *n, unsigned field, unsigned shift, uint32_t mask)
{
    memset(b->begins, 0, ((size_t)mask + 1) * sizeof *b->begins);
    memset(b->ends, 0, ((size_t)mask + 1) * sizeof *b->ends);
    for (uint32_t i = 0; i < n->count; i++) {
        const struct item *item = &b->items[n->list[i]];
        if (is_everywhere(item, n->part, field))
            continue;
        b->begins[clip_first(item, n->part, field) >> shift & mask]++;
        b->ends[clip_last(item, n->part, field) >> shift & mask]++;
    }
}

/* Parts of a cut, added up. */
struct sum {
    uint64_t boxes, squares, copies; /* copies: a small part counts as LEAF_LEAST */
};

static void sum_add(struct sum *sum, uint64_t boxes)
{
    sum->boxes += boxes;
    sum->squares += boxes * boxes;
    sum->copies += boxes > LEAF_LEAST ? boxes : LEAF_LEAST;
}

static struct sum sum_parts(const struct builder *b, uint32_t everywhere, uint32_t values)
{
    struct sum sum = {0};
    uint32_t inside = 0;
    bool has_gap = false, has_ended = false;
    for (uint32_t i = 0; i < values; i++) {
        bool is_other = has_ended || b->begins[i] != 0;
        inside += b->begins[i];
        if (inside == 0)
            has_gap = true;
        else if (is_other)
            sum_add(&sum, everywhere + inside);
        has_ended = b->ends[i] != 0;
        inside -= b->ends[i];
    }
    if (has_gap)
        sum_add(&sum, everywhere);
    return sum;
}

enum { ENOUGH = 8 }; /* boxes in a part: fewer are no better */

static void weigh(const struct builder *b, const struct node *n, const struct cut *tried, const struct sum *sum,
                  struct cut *best)
{
    uint64_t copies = sum->copies + (1u << tried->bits) / 4;
    if (sum->boxes == 0 || copies > n->budget || sum->squares * 4 > sum->boxes * n->count * 3)
        return; /* too dear; or of no use, as a part has more than three quarters of all, on average */
    uint64_t shared = sum->squares * 16 / sum->boxes;
    shared = shared < ENOUGH * 16 ? ENOUGH * 16 : shared;
    uint32_t spread = log256(copies * 16 / n->count + 1);
    uint32_t cost = log256(shared) + (uint32_t)((uint64_t)spread * b->copying / 256);
    if (best->bits == 0 || cost < best->cost) {
        *best = *tried;
        best->cost = cost;
        best->copies = copies;
    }
}

static void try_field(struct builder *b, const struct node *n, unsigned field, struct cut *best)
{
    uint32_t differ, some = look_at(b, n, field, &differ);
    b->work += n->count;
    if (some == 0)
        return;
    uint32_t range = n->part->first[field] ^ n->part->last[field];
    unsigned top = field < CLASSIFY_NUMBERS ? bits_of(differ) : bits_of(range), most = 2;
    while (most < NODE_BITS_MAX && 1u << most < n->count)
        most++;
    if (top == 0)
        top = 1; /* all have the same ends: within a value or not */
    unsigned bits = top < most ? top : most;
    count_ends(b, n, field, top - bits, (1u << bits) - 1);
    b->work += n->count + (2u << bits);
    for (; bits > 0; bits--) {
        struct cut tried = {.field = (uint8_t)field,
                            .shift = (uint8_t)(top - bits),
                            .bits = (uint8_t)bits,
                            .narrows = bits_of(range) <= top};
        struct sum sum = sum_parts(b, n->count - some, 1u << bits);
        weigh(b, n, &tried, &sum, best);
        for (uint32_t i = 0; i < 1u << (bits - 1); i++) {
            b->begins[i] = b->begins[2 * i] + b->begins[2 * i + 1];
            b->ends[i] = b->ends[2 * i] + b->ends[2 * i + 1];
        }
    }
}

/* Dividing. */

/* A cut as it is made: the parts, by number, and the boxes of each. */
struct division {
    uint32_t *part_of;   /* of each value; 0 is the part where only those are that are everywhere */
    uint32_t *children;  /* of each value */
    uint32_t *from, *to; /* values of each part */
    uint32_t *at;        /* place in `lists` of each part's boxes; of those behind the last, too */
    uint32_t *lists;
    uint32_t parts;
};

static void number_parts(const struct builder *b, uint32_t values, struct division *d)
{
    uint32_t inside = 0;
    bool has_ended = false;
    d->parts = 1;
    d->from[0] = UINT32_MAX;
    for (uint32_t i = 0; i < values; i++) {
        bool is_other = has_ended || b->begins[i] != 0;
        inside += b->begins[i];
        if (inside != 0 && is_other)
            d->from[d->parts++] = i;
        uint32_t part = inside == 0 ? 0 : d->parts - 1;
        d->part_of[i] = part;
        if (part == 0 && d->from[0] == UINT32_MAX)
            d->from[0] = i;
        d->to[part] = i;
        has_ended = b->ends[i] != 0;
        inside -= b->ends[i];
    }
}

/* The parts that a box reaches into. */
static void reach(const struct node *n, const struct cut *cut, const struct division *d, const struct item *item,
                  uint32_t *first, uint32_t *last)
{
    uint32_t mask = (1u << cut->bits) - 1;
    *first = d->part_of[clip_first(item, n->part, cut->field) >> cut->shift & mask];
    *last = d->part_of[clip_last(item, n->part, cut->field) >> cut->shift & mask];
}

/* => false if memory does not suffice */
static bool list_boxes(const struct builder *b, const struct node *n, const struct cut *cut, struct division *d)
{
    uint32_t first, last, everywhere = 0;
    memset(d->at, 0, ((size_t)d->parts + 1) * sizeof *d->at);
    for (uint32_t i = 0; i < n->count; i++) {
        const struct item *item = &b->items[n->list[i]];
        if (is_everywhere(item, n->part, cut->field)) {
            everywhere++;
            continue;
        }
        reach(n, cut, d, item, &first, &last);
        for (uint32_t part = first; part <= last; part++)
            d->at[part]++;
    }
    uint32_t total = 0;
    for (uint32_t part = 0; part <= d->parts; part++) {
        uint32_t count = part < d->parts ? d->at[part] + everywhere : 0;
        d->at[part] = total;
        total += count;
    }
    d->lists = malloc((total + (size_t)1) * sizeof *d->lists);
    if (d->lists == NULL)
        return false;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct item *item = &b->items[n->list[i]];
        first = 0;
        last = d->parts - 1;
        if (!is_everywhere(item, n->part, cut->field))
            reach(n, cut, d, item, &first, &last);
        for (uint32_t part = first; part <= last; part++)
            d->lists[d->at[part]++] = n->list[i];
    }
    memmove(d->at + 1, d->at, d->parts * sizeof *d->at);
    d->at[0] = 0;
    return true;
}

/* Boxes behind one that covers all of a part and decides are never come to.
 * => how many are left */
static uint32_t shorten(const struct builder *b, const uint32_t *list, uint32_t count, const struct part *part)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct item *item = &b->items[list[i]];
        unsigned field = 0;
        while (item->is_solid && field < CLASSIFY_FIELDS && is_everywhere(item, part, field))
            field++;
        if (field == CLASSIFY_FIELDS)
            return i + 1;
    }
    return count;
}

/* The space of values `from` to `to` of a cut. */
static struct part part_of_cut(const struct node *n, const struct cut *cut, uint32_t from, uint32_t to)
{
    struct part part = *n->part;
    if (!cut->narrows)
        return part;
    uint32_t low = part.first[cut->field] >> cut->shift >> cut->bits; /* in two steps, as it may be all 32 bits */
    uint64_t base = (uint64_t)low << cut->shift << cut->bits;
    uint64_t first = base + ((uint64_t)from << cut->shift), last = base + (((uint64_t)to + 1) << cut->shift) - 1;
    part.first[cut->field] = first > part.first[cut->field] ? (uint32_t)first : part.first[cut->field];
    part.last[cut->field] = last < part.last[cut->field] ? (uint32_t)last : part.last[cut->field];
    return part;
}

/* => the child for a part of a cut */
static uint32_t plan_part(struct builder *b, const struct node *n, const struct cut *cut, const struct division *d,
                          uint32_t part)
{
    const uint32_t *list = d->lists + d->at[part];
    uint32_t count = d->at[part + 1] - d->at[part];
    struct part space = part_of_cut(n, cut, d->from[part], d->to[part]);
    uint64_t weight = count > LEAF_LEAST ? count : LEAF_LEAST;
    return plan_tree(b, list, count, &space, n->budget * weight / cut->copies, n->depth + 1);
}

static bool division_begin(struct division *d, uint32_t values)
{
    size_t size = (size_t)values + 2;
    uint32_t *all = malloc(5 * size * sizeof *all);
    *d = (struct division){all, all + size, all + 2 * size, all + 3 * size, all + 4 * size, NULL, 0};
    return all != NULL;
}

static void division_end(struct division *d)
{
    free(d->part_of);
    free(d->lists);
}

static uint32_t divide(struct builder *b, const struct node *n, const struct cut *cut)
{
    uint32_t values = 1u << cut->bits, node = builder_words(b, 1 + (size_t)values);
    struct division d;
    count_ends(b, n, cut->field, cut->shift, values - 1);
    if (!division_begin(&d, values)) {
        b->failed = true;
        return node;
    }
    number_parts(b, values, &d);
    if (!list_boxes(b, n, cut, &d))
        b->failed = true;
    for (uint32_t part = 0; part < d.parts && !b->failed; part++)
        if (d.from[part] != UINT32_MAX)
            d.children[part] = plan_part(b, n, cut, &d, part);
    if (!b->failed) {
        b->words.items[node] = NODE_HEADER(cut->field, cut->shift, values - 1);
        for (uint32_t i = 0; i < values; i++)
            b->words.items[node + 1 + i] = d.children[d.part_of[i]];
        b->nodes++;
        b->work += d.at[d.parts] + values;
    }
    division_end(&d);
    return node;
}

uint32_t plan_tree(struct builder *b, const uint32_t *list, uint32_t count, const struct part *part, uint64_t budget,
                   unsigned depth)
{
    uint8_t bits;
    bool has_sport;
    count = shorten(b, list, count, part);
    b->tree.depth = depth > b->tree.depth ? (uint8_t)depth : b->tree.depth;
    if (depth == DEPTH_MAX || block_takes(b, list, count, part, &bits, &has_sport) == count)
        return plan_leaf(b, list, count, part);
    struct node node = {list, count, part, budget, depth};
    struct cut cut = {.bits = 0};
    for (unsigned field = 0; field < CLASSIFY_FIELDS; field++)
        try_field(b, &node, field, &cut);
    if (cut.bits == 0)
        return plan_leaf(b, list, count, part);
    return divide(b, &node, &cut);
}
