/* The leaves of a tree: chains of blocks. */
#include <stdlib.h>
#include <string.h>

#include "classify/build.h"

bool is_searched(const struct builder *b, unsigned field)
{
    return b->kinds[field] == NULL && (field != CLASSIFY_SPORT || b->tree.has_sport);
}

/* Where a span splits a part of its field: at its beginning and behind its end, unless that is not inside. */
static inline bool splits_at_first(const struct span *span, const struct part *part, unsigned field)
{
    return span->first > part->first[field] && span->first <= part->last[field];
}

static inline bool splits_behind_last(const struct span *span, const struct part *part, unsigned field)
{
    return span->last >= part->first[field] && span->last < part->last[field];
}

static inline bool is_new(struct builder *b, unsigned field, uint32_t place)
{
    bool is = b->seen[field][place] != b->epoch;
    b->seen[field][place] = b->epoch;
    return is;
}

static uint8_t bits_for(uint32_t splits)
{
    uint8_t bits = BITS_MIN;
    while (splits >= 1u << bits)
        bits++;
    return bits;
}

uint32_t block_takes(struct builder *b, const uint32_t *list, uint32_t count, const struct part *part, uint8_t *bits,
                     bool *has_sport)
{
    uint32_t splits[CLASSIFY_NUMBERS] = {0}, most = 0, taken;
    b->epoch++;
    *has_sport = false;
    for (taken = 0; taken < count && taken < BLOCK_BOXES; taken++) {
        const struct item *item = &b->items[list[taken]];
        const struct span *span = &b->spans[item->spans];
        uint32_t now = most;
        for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++) {
            if (b->kinds[field] != NULL)
                span += item->counts[field];
            for (unsigned i = b->kinds[field] != NULL ? 0 : item->counts[field]; i > 0; i--, span++) {
                splits[field] += splits_at_first(span, part, field) && is_new(b, field, span->from);
                splits[field] += splits_behind_last(span, part, field) && is_new(b, field, span->to);
            }
            now = splits[field] > now ? splits[field] : now;
        }
        if (now >= SPLITS_MAX)
            break;
        most = now;
        *has_sport |= splits[CLASSIFY_SPORT] != 0;
    }
    *bits = bits_for(most);
    return taken;
}

/* The same number grows both arrays, so that all of them are made in one place.
 * => false if memory does not suffice */
static bool has_room(struct builder *b, size_t lists)
{
    if (b->plans.count == b->plans.room) {
        size_t room = b->plans.room * 2 + 16;
        void *moved = realloc(b->plans.items, room * sizeof *b->plans.items);
        if (moved == NULL)
            return false;
        b->plans.items = moved;
        b->plans.room = room;
    }
    if (b->lists.count + lists > b->lists.room) {
        size_t room = (b->lists.count + lists) * 2;
        void *moved = realloc(b->lists.items, room * sizeof *b->lists.items);
        if (moved == NULL)
            return false;
        b->lists.items = moved;
        b->lists.room = room;
    }
    return true;
}

uint32_t plan_block(struct builder *b, const uint32_t *list, uint32_t count, const struct part *part)
{
    if (!has_room(b, count)) {
        b->failed = true;
        return 0;
    }
    struct plan *plan = &b->plans.items[b->plans.count];
    *plan = (struct plan){.part = *part, .list = (uint32_t)b->lists.count, .count = count};
    if (count != 0)
        memcpy(b->lists.items + b->lists.count, list, count * sizeof *list);
    b->lists.count += count;
    return (uint32_t)b->plans.count++;
}

uint32_t plan_leaf(struct builder *b, const uint32_t *list, uint32_t count, const struct part *part)
{
    uint32_t first = 0, last = 0, length = 0;
    if (count == 0)
        return CHILD_IS_PLAN | b->empty;
    for (uint32_t at = 0; at < count && !b->failed; length++) {
        uint8_t bits;
        bool has_sport;
        uint32_t taken = block_takes(b, list + at, count - at, part, &bits, &has_sport);
        uint32_t number = plan_block(b, list + at, taken, part);
        b->tree.bits = bits > b->tree.bits ? bits : b->tree.bits;
        b->tree.has_sport |= has_sport;
        if (length == 0)
            first = number;
        else
            b->plans.items[last].next = number;
        last = number;
        at += taken;
        b->outlook.boxes += taken;
        b->outlook.blocks += (uint64_t)taken * (length + 1);
    }
    b->work += count;
    b->longest = length > b->longest ? length : b->longest;
    return CHILD_IS_PLAN | first;
}

/* Laying out. */

/* They are few. */
static void sort(uint32_t *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t value = values[i], at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

/* The values of a field at which boxes of a block begin to fit or cease to, ascending.
 * => how many */
static uint32_t gather(struct builder *b, const struct plan *plan, unsigned field, uint32_t places[static SPLITS_MAX])
{
    const uint32_t *list = b->lists.items + plan->list;
    uint32_t count = 0;
    b->epoch++;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct item *item = &b->items[list[i]];
        const struct span *span = spans_of(b, item, field);
        for (unsigned n = item->counts[field]; n > 0; n--, span++) {
            if (splits_at_first(span, &plan->part, field) && is_new(b, field, span->from))
                places[count++] = span->from;
            if (splits_behind_last(span, &plan->part, field) && is_new(b, field, span->to))
                places[count++] = span->to;
        }
    }
    sort(places, count);
    return count;
}

/* A heap of ascending values, node `at` and all below it.
 * => the next value to be placed */
static uint32_t heap_up(uint32_t *heap, uint32_t size, uint32_t at, const uint32_t *values, uint32_t next)
{
    if (at >= size)
        return next;
    next = heap_up(heap, size, 2 * at, values, next);
    heap[at] = values[next++];
    return heap_up(heap, size, 2 * at + 1, values, next);
}

/* The rows of a field: each bit is turned where its box begins and behind its end, and then carried on from row to row.
 */
static void fill_rows(struct builder *b, const struct plan *plan, unsigned field, const uint32_t *places,
                      uint32_t count, uint64_t *rows, uint32_t size)
{
    const uint32_t *list = b->lists.items + plan->list;
    for (uint32_t i = 0; i < count; i++)
        b->seen[field][places[i]] = i + 1; /* epochs go on from here below */
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct item *item = &b->items[list[i]];
        const struct span *span = spans_of(b, item, field);
        for (unsigned n = item->counts[field]; n > 0; n--, span++) {
            if (span->last < plan->part.first[field] || span->first > plan->part.last[field])
                continue;
            bool begins = splits_at_first(span, &plan->part, field),
                 ends = splits_behind_last(span, &plan->part, field);
            rows[begins ? b->seen[field][span->from] : 0] ^= (uint64_t)1 << i;
            if (ends)
                rows[b->seen[field][span->to]] ^= (uint64_t)1 << i;
        }
    }
    rows[0] |= (uint64_t)1 << plan->count;
    for (uint32_t i = 1; i < size; i++)
        rows[i] ^= rows[i - 1];
    for (uint32_t i = 0; i < count; i++)
        b->seen[field][places[i]] = 0;
}

static void lay_search(struct builder *b, const struct plan *plan, unsigned field, uint32_t *values, uint64_t *rows)
{
    uint32_t size = 1u << b->tree.bits, places[SPLITS_MAX], below[SPLITS_MAX];
    uint32_t count = gather(b, plan, field, places);
    for (uint32_t i = 0; i + 1 < size; i++)
        below[i] = i < count ? b->splits[field][places[i]] - 1 : UINT32_MAX; /* `less` where the split is passed */
    heap_up(values, size, 1, below, 0);
    fill_rows(b, plan, field, places, count, rows, size);
}

/* Each bit is turned where its box begins and behind its end, and then carried on from row to row. */
void fill_kinds(const struct builder *b, const uint32_t *list, uint32_t count, unsigned field, uint64_t *rows,
                uint32_t words)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct item *item = &b->items[list != NULL ? list[i] : i];
        const struct span *span = spans_of(b, item, field);
        uint64_t bit = (uint64_t)1 << i % 64, *row = rows + i / 64;
        for (unsigned n = item->counts[field]; n > 0; n--, span++) {
            row[(span->first == 0 ? 0 : span->from + (size_t)1) * words] ^= bit;
            if (span->last != last_of(b, field))
                row[(span->to + (size_t)1) * words] ^= bit;
        }
    }
    for (size_t i = words; i < (b->split_counts[field] + (size_t)1) * words; i++)
        rows[i] ^= rows[i - words];
}

void fill_small(const struct builder *b, const uint32_t *list, uint32_t count, unsigned field, uint64_t *rows,
                uint32_t words)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct part *hull = &b->items[list != NULL ? list[i] : i].hull;
        for (uint32_t value = hull->first[field]; value <= hull->last[field]; value++)
            rows[i / 64 + (size_t)value * words] |= (uint64_t)1 << i % 64;
    }
}

static void lay_ids(struct builder *b, const struct plan *plan, uint32_t at)
{
    uint32_t *ids = b->words.items + at;
    for (uint32_t i = 0; i < plan->count; i++)
        ids[i] = b->boxes[b->lists.items[plan->list + i]].id;
    ids[plan->count] = CLASSIFY_NONE;
}

static void lay_block(struct builder *b, struct plan *plan)
{
    uint32_t size = 1u << b->tree.bits, fields = 0, small = rows_before(b, CLASSIFY_FIELDS);
    for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++)
        fields += is_searched(b, field);
    uint32_t at = builder_words(b, BLOCK_SEARCHES + (size_t)fields * size + plan->count + 1);
    uint32_t rows_at = builder_rows(b, small + (size_t)fields * size);
    if (b->failed)
        return;
    uint32_t *block = b->words.items + at, *values = block + BLOCK_SEARCHES;
    const uint32_t *list = b->lists.items + plan->list;
    uint64_t *rows = b->rows.items + rows_at, *next = rows + small;
    block[BLOCK_HEADER] = NODE_HEADER(0, 0, 0);
    block[BLOCK_SELF] = plan->at = at;
    block[BLOCK_ROWS] = rows_at;
    block[BLOCK_IDS] = at + BLOCK_SEARCHES + fields * size;
    lay_ids(b, plan, block[BLOCK_IDS]);
    block[BLOCK_FIRST] = b->words.items[block[BLOCK_IDS]];
    for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++) {
        if (b->kinds[field] != NULL) {
            fill_kinds(b, list, plan->count, field, rows + rows_before(b, field), 1);
        } else if (is_searched(b, field)) {
            lay_search(b, plan, field, values, next);
            values += size;
            next += size;
        }
    }
    for (unsigned field = CLASSIFY_NUMBERS; field < CLASSIFY_FIELDS; field++)
        fill_small(b, list, plan->count, field, rows + rows_before(b, field), 1);
    for (uint32_t i = 0; i < small; i++)
        rows[i] |= (uint64_t)1 << plan->count;
    b->work += plan->count;
}

void lay_blocks(struct builder *b, size_t first)
{
    for (size_t i = first; i < b->plans.count && !b->failed; i++)
        lay_block(b, &b->plans.items[i]);
    for (size_t i = first; i < b->plans.count && !b->failed; i++) {
        const struct plan *plan = &b->plans.items[i];
        if (plan->next != 0)
            b->words.items[plan->at + BLOCK_NEXT] = b->plans.items[plan->next].at;
    }
}
