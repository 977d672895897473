#include "analysis/partition.h"

#include <stdlib.h>
#include <string.h>

/* Where the addresses of some set begin, or are over. */
struct draft_event {
    struct tg_addr at;
    uint64_t key[2];
};

/* Sets are told apart by keys of 128 bits, the sets that an address is in by the sum of theirs: two different sums that
 * are equal by chance are not to be expected before the sun is cold. */
static uint64_t scramble(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void add_event(struct draft *d, struct tg_addr at)
{
    if (d->count == d->room && !d->failed) {
        size_t room = d->room == 0 ? 256 : d->room * 2;
        struct draft_event *items = realloc(d->items, room * sizeof *items);
        d->failed = items == NULL;
        if (items != NULL) {
            d->items = items;
            d->room = room;
        }
    }
    if (!d->failed)
        d->items[d->count++] = (struct draft_event){at, {scramble(d->ids * 2), scramble(d->ids * 2 + 1)}};
}

static struct tg_addr last_of(uint8_t family)
{
    return tg_mask(family, family == TG_IPV4 ? 32 : 128);
}

void draft_range(struct draft *d, struct tg_addr first, struct tg_addr last)
{
    add_event(d, first);
    if (tg_addr_equal(last, last_of(d->family)))
        return;
    last.lo++;
    last.hi += last.lo == 0;
    add_event(d, last);
}

void draft_next(struct draft *d)
{
    d->ids++;
}

void draft_single(struct draft *d, struct tg_addr first, struct tg_addr last)
{
    draft_next(d);
    draft_range(d, first, last);
}

/* From events to a partition. */

static int compare_events(const void *a, const void *b)
{
    const struct draft_event *x = a, *y = b;
    return tg_addr_compare(x->at, y->at);
}

static int compare_keys(const void *a, const void *b)
{
    const struct draft_event *x = *(const struct draft_event *const *)a, *y = *(const struct draft_event *const *)b;
    int order = memcmp(x->key, y->key, sizeof x->key);
    return order != 0 ? order : tg_addr_compare(x->at, y->at);
}

/* One event for each piece, with the sum of the keys there. */
static void sum_events(struct draft *d)
{
    size_t kept = 0;
    qsort(d->items, d->count, sizeof *d->items, compare_events);
    for (size_t i = 1; i < d->count; i++) {
        struct draft_event next = d->items[i];
        if (!tg_addr_equal(next.at, d->items[kept].at)) {
            next.key[0] ^= d->items[kept].key[0];
            next.key[1] ^= d->items[kept].key[1];
            d->items[++kept] = next;
        } else {
            d->items[kept].key[0] ^= next.key[0];
            d->items[kept].key[1] ^= next.key[1];
        }
    }
    d->count = kept + 1;
}

/* Give each piece the number of the first one with the same sum, then number those anew without gaps. */
static bool number_classes(const struct draft *d, struct partition *p)
{
    const struct draft_event **sorted = malloc(d->count * sizeof *sorted);
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < d->count; i++)
        sorted[i] = &d->items[i];
    qsort(sorted, d->count, sizeof *sorted, compare_keys);
    size_t leader = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (i == 0 || memcmp(sorted[i]->key, sorted[i - 1]->key, sizeof sorted[i]->key) != 0)
            leader = (size_t)(sorted[i] - d->items);
        p->pieces[sorted[i] - d->items].class = (uint32_t)leader;
    }
    free(sorted);
    for (size_t i = 0; i < d->count; i++) {
        struct piece *piece = &p->pieces[i];
        if (piece->class == i) {
            p->samples[p->classes] = piece->first;
            piece->class = p->classes++;
        } else {
            piece->class = p->pieces[piece->class].class;
        }
    }
    return true;
}

bool partition_make(struct draft *d, struct partition *p)
{
    draft_single(d, (struct tg_addr){0, 0}, last_of(d->family));
    if (d->failed)
        return false;
    sum_events(d);
    p->count = d->count;
    p->pieces = malloc(d->count * sizeof *p->pieces);
    p->samples = malloc(d->count * sizeof *p->samples);
    if (p->pieces == NULL || p->samples == NULL)
        return false;
    for (size_t i = 0; i < d->count; i++) {
        struct tg_addr last = last_of(d->family);
        if (i + 1 < d->count) {
            last = d->items[i + 1].at;
            last.hi -= last.lo == 0;
            last.lo--;
        }
        p->pieces[i] = (struct piece){d->items[i].at, last, 0};
    }
    return number_classes(d, p);
}

size_t partition_piece(const struct partition *p, struct tg_addr addr)
{
    size_t low = 0, high = p->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tg_addr_compare(addr, p->pieces[middle].last) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t partition_class(const struct partition *p, struct tg_addr addr)
{
    return p->pieces[partition_piece(p, addr)].class;
}

bool spans_of(const uint8_t *members, uint8_t as, uint32_t size, struct spans *spans)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < size; i++)
        count += members[i] == as && (i == 0 || members[i - 1] != as);
    struct span *items = malloc((count + 1) * sizeof *items);
    if (items == NULL)
        return false;
    *spans = (struct spans){items, 0};
    for (uint32_t i = 0; i < size; i++) {
        if (members[i] == as && (i == 0 || members[i - 1] != as))
            items[spans->count++] = (struct span){i, i};
        else if (members[i] == as)
            items[spans->count - 1].last = i;
    }
    return true;
}

void draft_end(struct draft *d)
{
    free(d->items);
}

void partition_end(struct partition *p)
{
    free(p->pieces);
    free(p->samples);
}

void spans_free(struct spans *spans, size_t count)
{
    for (size_t i = 0; spans != NULL && i < count; i++)
        free((void *)(uintptr_t)spans[i].items);
    free(spans);
}
