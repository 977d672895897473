#include "analysis/difference.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/course.h"

enum { ROOM = 40000000 }; /* edges of a diagram: 320 MB, which two unrelated files of thousands of rules may want */

/* One family. */
struct part {
    struct space *space;
    struct diagram *diagram;
    struct landscape landscape;
    uint32_t node; /* leaf: 0, or 1 + the place of a pair in the order */
};

/* What is left of the parts' diagrams where pairs outside a span are taken out. */
struct cut {
    struct span pairs; /* places in the order */
    uint32_t nodes[2]; /* one a part */
};

enum { CUTS = 34 };

struct difference {
    struct outcomes outcomes;
    struct intern pairs;
    uint32_t *order; /* of the pairs, as told */
    struct part parts[2];
    /* Each cut within the one before, halving what is left down to the pair that was told last: the next one is near.
     */
    struct cut cuts[CUTS];
    size_t cut_count;
};

static uint32_t compare_cells(void *context, uint32_t a, uint32_t b)
{
    struct difference *d = context;
    if (a == b)
        return diagram_leaf(0);
    if (!diagram_is_leaf(a) || !diagram_is_leaf(b))
        return DIAGRAM_DESCEND;
    uint32_t before = diagram_number(a), after = diagram_number(b);
    if (before == OUTCOME_NOTHING || after == OUTCOME_NOTHING ||
        outcome_cell(&d->outcomes, before)->meaning == outcome_cell(&d->outcomes, after)->meaning)
        return diagram_leaf(0);
    return diagram_leaf(1 + intern_add(&d->pairs, &(struct difference_pair){before, after}));
}

static int compare_family(struct difference *d, struct part *part, uint8_t family)
{
    int error = space_new(family, d->outcomes.policies, 2, SIZE_MAX, family == TG_IPV4, &part->space);
    if (error != 0)
        return error;
    part->diagram = diagram_new(part->space->sizes, SPACE_FIELDS, ROOM);
    if (part->diagram == NULL)
        return -ENOMEM;
    landscape_begin(&part->landscape, part->diagram, part->space);
    if (part->landscape.failed)
        return -ENOMEM;
    uint32_t before = course_draw(&part->landscape, &d->outcomes, 0);
    uint32_t after = course_draw(&part->landscape, &d->outcomes, 1);
    if (!diagram_failed(part->diagram) && !part->landscape.failed && !outcomes_failed(&d->outcomes))
        part->node = diagram_apply(part->diagram, compare_cells, d, before, after);
    if (part->landscape.failed || outcomes_failed(&d->outcomes) || d->pairs.failed)
        return -ENOMEM;
    return diagram_failed(part->diagram) ? -E2BIG : 0;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_pairs(const void *a, const void *b, void *context)
{
    struct difference *d = context;
    const struct difference_pair *x = intern_at(&d->pairs, *(const uint32_t *)a);
    const struct difference_pair *y = intern_at(&d->pairs, *(const uint32_t *)b);
    int order = compare_numbers(outcome_cell(&d->outcomes, x->before)->statement,
                                outcome_cell(&d->outcomes, y->before)->statement);
    if (order == 0)
        order = compare_numbers(outcome_cell(&d->outcomes, x->after)->statement,
                                outcome_cell(&d->outcomes, y->after)->statement);
    return order != 0 ? order : compare_numbers(*(const uint32_t *)a, *(const uint32_t *)b);
}

bool difference_failed(const struct difference *d)
{
    return diagram_failed(d->parts[0].diagram) || diagram_failed(d->parts[1].diagram);
}

static uint32_t to_place(void *context, uint32_t leaf)
{
    const uint32_t *places = context;
    uint32_t number = diagram_number(leaf);
    return number == 0 ? leaf : diagram_leaf(1 + places[number - 1]);
}

/* From the numbers of pairs to their places in the order. */
static int put_in_order(struct difference *d)
{
    uint32_t *places = malloc((d->pairs.count + 1) * sizeof *places);
    if (places == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < d->pairs.count; i++)
        places[d->order[i]] = i;
    for (size_t i = 0; i < 2; i++) {
        d->parts[i].node = diagram_map(d->parts[i].diagram, to_place, places, d->parts[i].node);
        d->cuts[0].nodes[i] = d->parts[i].node;
    }
    d->cuts[0].pairs = (struct span){0, d->pairs.count - 1};
    d->cut_count = 1;
    free(places);
    return difference_failed(d) ? -E2BIG : 0;
}

int difference_new(const struct tg_policy *before, const struct tg_policy *after, struct difference **difference)
{
    struct difference *d = calloc(1, sizeof *d);
    if (d == NULL)
        return -ENOMEM;
    outcomes_begin(&d->outcomes, before, after);
    d->pairs = INTERN(struct difference_pair, sizeof(struct difference_pair));
    int error = compare_family(d, &d->parts[0], TG_IPV4);
    if (error == 0)
        error = compare_family(d, &d->parts[1], TG_IPV6);
    d->order = calloc(d->pairs.count + 1, sizeof *d->order);
    if (error == 0 && d->order == NULL)
        error = -ENOMEM;
    if (error != 0) {
        difference_free(d);
        return error;
    }
    for (uint32_t i = 0; i < d->pairs.count; i++)
        d->order[i] = i;
    qsort_r(d->order, d->pairs.count, sizeof *d->order, compare_pairs, d);
    error = put_in_order(d);
    if (error != 0) {
        difference_free(d);
        return error;
    }
    *difference = d;
    return 0;
}

void difference_free(struct difference *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < 2; i++) {
        landscape_end(&d->parts[i].landscape);
        diagram_free(d->parts[i].diagram);
        space_free(d->parts[i].space);
    }
    outcomes_end(&d->outcomes);
    intern_end(&d->pairs);
    free(d->order);
    free(d);
}

size_t difference_count(const struct difference *d)
{
    return d->pairs.count;
}

struct difference_pair difference_pair(const struct difference *d, size_t i)
{
    return *(const struct difference_pair *)intern_at(&d->pairs, d->order[i]);
}

const struct outcomes *difference_outcomes(const struct difference *d)
{
    return &d->outcomes;
}

struct telling {
    const struct landscape *landscape;
    difference_block_fn *tell;
    void *context;
    bool is_over;
};

static bool tell_way(void *context, const struct region *region)
{
    struct telling *t = context;
    t->is_over = !t->tell(t->context, &(struct difference_block){t->landscape, region});
    return !t->is_over;
}

/* What is left where only the i-th pair is. */
static const struct cut *cut_to(struct difference *d, uint32_t i)
{
    while (i < d->cuts[d->cut_count - 1].pairs.first || i > d->cuts[d->cut_count - 1].pairs.last)
        d->cut_count--;
    struct cut *cut = &d->cuts[d->cut_count - 1];
    for (; cut->pairs.first != cut->pairs.last; cut++, d->cut_count++) {
        struct span half = cut->pairs;
        uint32_t middle = half.first + (half.last - half.first) / 2;
        if (i <= middle)
            half.last = middle;
        else
            half.first = middle + 1;
        cut[1].pairs = half;
        for (size_t p = 0; p < 2; p++)
            cut[1].nodes[p] =
                diagram_only(d->parts[p].diagram, cut->nodes[p], (struct span){1 + half.first, 1 + half.last});
    }
    return cut;
}

uint64_t difference_blocks(struct difference *d, size_t i, difference_block_fn *tell, void *context)
{
    struct telling telling = {.tell = tell, .context = context};
    uint32_t leaf = diagram_leaf(1 + (uint32_t)i);
    const struct cut *cut = cut_to(d, (uint32_t)i);
    uint64_t count = 0;
    for (size_t p = 0; p < 2; p++) {
        count += diagram_count(d->parts[p].diagram, cut->nodes[p], leaf);
        telling.landscape = &d->parts[p].landscape;
        if (!telling.is_over)
            diagram_ways(d->parts[p].diagram, cut->nodes[p], leaf, tell_way, &telling);
    }
    return count;
}
