/* Classes of values, and of what several fields have together.
 *
 * Of each field the values are of as many classes as boxes tell apart: those of one class are excluded by the same
 * boxes. Two fields together have a class for each set of boxes that some pair of theirs leaves, and so on.
 *
 * Behind a box that decides, and that all fields still to come leave in, none is come to. So those are left out at
 * once, and what differs in them alone is of one class: that is what keeps classes few.
 */
#include <stdlib.h>
#include <string.h>

#include "classify/build.h"

bool row_set_begin(struct builder *b, struct row_set *set, uint32_t words, size_t most)
{
    *set = (struct row_set){.rows = (uint32_t)b->rows.count, .words = words, .mask = 15};
    while (set->mask < 2 * most && set->mask < 2 * (size_t)UINT16_MAX)
        set->mask = set->mask * 2 + 1;
    set->slots = calloc(set->mask + 1, sizeof *set->slots);
    b->failed |= set->slots == NULL;
    return set->slots != NULL;
}

uint16_t row_set_add(struct builder *b, struct row_set *set, const uint64_t *row)
{
    size_t bytes = set->words * sizeof *row;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < set->words; i++) {
        hash = (hash ^ row[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    size_t slot = (size_t)hash & set->mask;
    for (; set->slots[slot] != 0; slot = (slot + 1) & set->mask)
        if (memcmp(b->rows.items + set->rows + (set->slots[slot] - 1) * (size_t)set->words, row, bytes) == 0)
            return (uint16_t)(set->slots[slot] - 1);
    b->fits &= set->count < UINT16_MAX;
    uint32_t at = b->fits ? builder_rows(b, set->words) : 0;
    if (!b->fits || b->failed)
        return 0;
    memcpy(b->rows.items + at, row, bytes);
    set->slots[slot] = ++set->count;
    return (uint16_t)(set->count - 1);
}

struct classes classes_of(struct builder *b, unsigned field)
{
    bool is_number = field < CLASSIFY_NUMBERS;
    uint32_t count = is_number ? b->split_counts[field] + 1 : b->values[field - CLASSIFY_NUMBERS];
    uint32_t at = builder_rows(b, (size_t)count * b->row_words);
    if (b->failed)
        return (struct classes){0};
    if (is_number)
        fill_kinds(b, NULL, b->count, field, b->rows.items + at, b->row_words);
    else
        fill_small(b, NULL, b->count, field, b->rows.items + at, b->row_words);
    b->work += (uint64_t)count * b->row_words + b->count;
    return (struct classes){at, count, 1u << field};
}

/* The boxes behind which none is come to, once so many fields have left them in. */
static void find_last(const struct builder *b, uint32_t fields, uint64_t last[static ROW_WORDS])
{
    memset(last, 0, ROW_WORDS * sizeof *last);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct classify_box *box = &b->boxes[i];
        bool is_last = box->is_final;
        for (unsigned field = 0; is_last && field < CLASSIFY_FIELDS; field++)
            is_last = fields >> field & 1 || (box->counts[field] == 1 && box->ranges[field][0].first == 0 &&
                                              box->ranges[field][0].last == last_of(b, field));
        last[i / 64] |= (uint64_t)is_last << i % 64;
    }
}

/* What two rows leave, up to the first of the boxes that are last. */
static void leave(const struct builder *b, const uint64_t *x, const uint64_t *y, const uint64_t *last, uint64_t *row)
{
    uint64_t ends = 0;
    for (uint32_t i = 0; i < b->row_words; i++) {
        row[i] = ends == 0 ? x[i] & y[i] : 0;
        if ((row[i] & last[i]) != 0) {
            ends = row[i] & last[i];
            row[i] &= ends ^ (ends - 1);
        }
    }
}

struct classes cross(struct builder *b, struct classes x, struct classes y, size_t most, size_t *table)
{
    size_t pairs = (size_t)x.count * y.count;
    struct row_set set;
    uint64_t work = b->work + (uint64_t)pairs * b->row_words;
    b->fits &= pairs <= b->cells_most && work <= CLASSIFY_WORK(b->ranges) / 2;
    if (!b->fits || b->failed || !row_set_begin(b, &set, b->row_words, pairs))
        return x;
    b->work = work;
    *table = builder_cells(b, pairs);
    uint64_t last[ROW_WORDS], row[ROW_WORDS];
    find_last(b, x.fields | y.fields, last);
    for (size_t i = 0; i < pairs && b->fits && !b->failed; i++) {
        const uint64_t *rows = b->rows.items; /* which moves as it grows */
        leave(b, rows + x.rows + i / y.count * b->row_words, rows + y.rows + i % y.count * b->row_words, last, row);
        b->cells.items[*table + i] = row_set_add(b, &set, row);
        b->fits &= set.count <= most;
    }
    free(set.slots);
    return (struct classes){set.rows, set.count, x.fields | y.fields};
}
