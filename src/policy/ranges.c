#include "policy/ranges.h"

#include <stdlib.h>

static int compare_v4(const void *a, const void *b)
{
    const struct policy_v4_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int compare_v6(const void *a, const void *b)
{
    const struct policy_v6_range *x = a, *y = b;
    return tg_addr_compare(x->first, y->first);
}

/* qsort() takes as much memory again, whether there is anything to sort or not. */
static void sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    const unsigned char *bytes = items;
    size_t i = 1;
    while (i < count && compare(bytes + (i - 1) * size, bytes + i * size) <= 0)
        i++;
    if (i < count)
        qsort(items, count, size, compare);
}

size_t ranges_tidy_v4(struct policy_v4_range *ranges, size_t count)
{
    size_t kept = count > 0;
    sort(ranges, count, sizeof *ranges, compare_v4);
    for (size_t i = 1; i < count; i++) {
        struct policy_v4_range *last = &ranges[kept - 1], next = ranges[i];
        if (last->last != UINT32_MAX && next.first > last->last + 1)
            ranges[kept++] = next;
        else if (next.last > last->last)
            last->last = next.last;
    }
    return kept;
}

/* Whether `next`, which does not begin before `last`, overlaps or touches it. */
static bool joins_v6(const struct policy_v6_range *last, const struct policy_v6_range *next)
{
    if (tg_addr_compare(next->first, last->last) <= 0)
        return true;
    struct tg_addr before = {next->first.hi - (next->first.lo == 0), next->first.lo - 1}; /* it is not the first one */
    return tg_addr_equal(before, last->last);
}

size_t ranges_tidy_v6(struct policy_v6_range *ranges, size_t count)
{
    size_t kept = count > 0;
    sort(ranges, count, sizeof *ranges, compare_v6);
    for (size_t i = 1; i < count; i++) {
        struct policy_v6_range *last = &ranges[kept - 1], next = ranges[i];
        if (!joins_v6(last, &next))
            ranges[kept++] = next;
        else if (tg_addr_compare(next.last, last->last) > 0)
            last->last = next.last;
    }
    return kept;
}
