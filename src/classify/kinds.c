/* Pages that lead to kinds.
 *
 * Kinds of ports are the stretches between the values at which boxes begin or end. What they are of addresses, tables.c
 * finds out.
 */
#include <stdlib.h>
#include <string.h>

#include "classify/build.h"

/* => the number of the page that all of the last one is like, or of that */
static uint8_t share_page(uint8_t *kinds, unsigned *pages)
{
    uint8_t *last = kinds + PAGE + *pages * (size_t)PAGE;
    for (unsigned i = 0; i < *pages; i++)
        if (memcmp(kinds + PAGE + i * (size_t)PAGE, last, PAGE) == 0)
            return (uint8_t)i;
    return (uint8_t)(*pages)++;
}

bool make_kinds(struct builder *b, unsigned field, size_t limit)
{
    uint32_t kind = 0, count = b->split_counts[field];
    unsigned pages = 0;
    if (count == 0 || count >= KINDS_MAX)
        return true;
    uint8_t *kinds = malloc((PAGE + 1) * (size_t)PAGE);
    if (kinds == NULL)
        return false;
    for (uint32_t port = 0; port <= UINT16_MAX; port++) {
        while (kind < count && b->splits[field][kind] <= port)
            kind++;
        kinds[PAGE + pages * (size_t)PAGE + port % PAGE] = (uint8_t)kind;
        if (port % PAGE == PAGE - 1)
            kinds[port / PAGE] = share_page(kinds, &pages);
    }
    size_t bytes = (pages + 1) * (size_t)PAGE;
    if (bytes <= limit) {
        b->kinds[field] = realloc(kinds, bytes);
        b->kind_bytes += bytes;
        return b->kinds[field] != NULL;
    }
    free(kinds);
    return true;
}

enum { STEP_WORDS = STEP_VALUES * sizeof(uint16_t) / sizeof(uint64_t) }; /* of a page, as a row */

/* The steps of a field of addresses in the making. */
struct steps {
    struct builder *b;
    struct row_set pages;
    unsigned field;
    const uint16_t *kind_of; /* of each stretch between splits */
};

/* What each of `count` values leads to, which stand for so many addresses from `from` on; `split` splits lie before. */
static void fill_steps(struct steps *s, uint32_t from, uint32_t split, unsigned shift, uint32_t count, uint16_t *steps)
{
    struct builder *b = s->b;
    const uint32_t *splits = b->splits[s->field], splits_end = b->split_counts[s->field];
    bool was_one = false;
    for (uint32_t i = 0; i < count && b->fits && !b->failed; i++, from += (uint32_t)1 << shift) {
        uint32_t before = split;
        while (split < splits_end && splits[split] <= from)
            split++;
        bool is_one = split == splits_end || (splits[split] - from) >> shift != 0;
        if (was_one && is_one && split == before) {
            steps[i] = steps[i - 1];
        } else if (shift == 0) {
            steps[i] = s->kind_of[split];
        } else {
            uint16_t page[STEP_VALUES];
            uint64_t row[STEP_WORDS];
            fill_steps(s, from, split, shift - STEP_BITS, STEP_VALUES, page);
            memcpy(row, page, sizeof page);
            steps[i] = row_set_add(b, &s->pages, row);
        }
        was_one = is_one;
    }
}

void make_steps(struct builder *b, size_t limit, const size_t kind_of[static CLASSIFY_DST + 1])
{
    struct steps s = {.b = b};
    uint16_t roots[2 * ROOT_VALUES];
    size_t most = 8 * ((size_t)b->split_counts[CLASSIFY_SRC] + b->split_counts[CLASSIFY_DST] + 2), bytes;
    if (!row_set_begin(b, &s.pages, STEP_WORDS, most))
        return;
    for (; s.field <= CLASSIFY_DST; s.field++) {
        s.kind_of = b->cells.items + kind_of[s.field];
        fill_steps(&s, 0, 0, ROOT_SHIFT, ROOT_VALUES, roots + s.field * (size_t)ROOT_VALUES);
    }
    free(s.pages.slots);
    bytes = sizeof roots + s.pages.count * STEP_VALUES * sizeof *roots;
    b->fits &= bytes <= limit;
    if (!b->fits || b->failed)
        return;
    b->steps = malloc(bytes);
    b->failed = b->steps == NULL;
    if (b->failed)
        return;
    memcpy(b->steps, roots, sizeof roots);
    memcpy(b->steps + 2 * ROOT_VALUES, b->rows.items + s.pages.rows, bytes - sizeof roots);
    b->step_bytes = bytes;
}
