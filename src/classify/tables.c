/* The form of few boxes: what there is to find is found out beforehand, and stands in tables.
 *
 * A table gives the class that the classes of two fields have together (classes.c); the next goes on from there, and
 * the last gives, instead of a class, the list of boxes. Gupta and McKeown call it recursive flow classification
 * (SIGCOMM 1999).
 *
 * Whether the last table fits is known as soon as there are so many classes of addresses: those of the other fields,
 * which are found first, are fewer, and what will not fit is given up early.
 */
#include <stdlib.h>
#include <string.h>

#include "classify/build.h"

static bool goes_on(const struct builder *b)
{
    return b->fits && !b->failed;
}

/* The kinds of a field of addresses: stretches between splits that lie in the same boxes are of one. */
static struct classes find_kinds(struct builder *b, unsigned field, size_t *kind_of)
{
    struct classes any = {builder_rows(b, b->row_words), 1, 0};
    if (b->failed)
        return any;
    memset(b->rows.items + any.rows, 0xff, b->row_words * sizeof *b->rows.items);
    return cross(b, classes_of(b, field), any, UINT16_MAX, kind_of);
}

/* => the classes of all fields but addresses */
static struct classes cross_rest(struct builder *b, struct tables *t)
{
    struct classes rest = classes_of(b, CLASSIFY_DPORT);
    for (unsigned field = CLASSIFY_SPORT; field < CLASSIFY_FIELDS; field++) {
        struct classes next = classes_of(b, field);
        t->turns[field - CLASSIFY_SPORT].values = next.count;
        if (next.count > 1 || field == CLASSIFY_PROTO || (field > CLASSIFY_PROTO && has_zones(b)))
            rest = cross(b, rest, next, UINT16_MAX, &t->turns[field - CLASSIFY_SPORT].at);
        rest.fields |= next.fields;
    }
    return rest;
}

static void add_word(struct builder *b, uint32_t word)
{
    uint32_t at = builder_words(b, 1);
    if (!b->failed)
        b->words.items[at] = word;
}

/* => the place of a list of the boxes in a row */
static uint32_t list_boxes(struct builder *b, uint32_t row)
{
    uint32_t begins = (uint32_t)b->words.count;
    for (uint32_t i = 0; i < b->count && !b->failed; i++)
        if (b->rows.items[row + i / 64] >> i % 64 & 1)
            add_word(b, b->boxes[i].id);
    add_word(b, CLASSIFY_NONE);
    return begins;
}

/* What answers stand for. */
static void make_lists(struct builder *b, struct classes answers, struct tables *t)
{
    uint32_t at = builder_words(b, 2 * (size_t)answers.count);
    t->lists = at + answers.count;
    for (uint32_t i = 0; i < answers.count && !b->failed; i++) {
        uint32_t list = list_boxes(b, answers.rows + i * b->row_words);
        if (b->failed)
            return;
        b->words.items[t->lists + i] = list;
        b->words.items[at + i] = b->words.items[list];
    }
}

void make_tables(struct builder *b, size_t limit, struct tables *t)
{
    struct classes sides = {0}, answers = {0};
    size_t kind_of[CLASSIFY_DST + 1];
    b->fits = b->count <= TABLE_BOXES;
    for (unsigned field = CLASSIFY_DPORT; field <= CLASSIFY_SPORT; field++)
        b->fits &= b->kinds[field] != NULL || b->split_counts[field] == 0;
    b->row_words = (b->count + 63) / 64;
    b->cells_most = limit / sizeof *b->cells.items;
    if (!b->fits)
        return;
    struct classes rest = cross_rest(b, t);
    struct classes src = find_kinds(b, CLASSIFY_SRC, &kind_of[CLASSIFY_SRC]);
    struct classes dst = find_kinds(b, CLASSIFY_DST, &kind_of[CLASSIFY_DST]);
    t->rests = rest.count;
    t->dsts = dst.count;
    if (goes_on(b))
        sides = cross(b, src, dst, b->cells_most / rest.count, &t->sides);
    if (goes_on(b))
        answers = cross(b, sides, rest, UINT16_MAX, &t->answers);
    if (goes_on(b))
        make_lists(b, answers, t);
    if (goes_on(b) && b->split_counts[CLASSIFY_SRC] + b->split_counts[CLASSIFY_DST] != 0)
        make_steps(b, limit, kind_of);
    b->rows.count = 0;
}
