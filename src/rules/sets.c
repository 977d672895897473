#include "rules/sets.h"

#include <stdlib.h>
#include <string.h>

struct sets_entry {
    struct sets_entry *chain;
    uint64_t hash;
    bool of_ports;
    union {
        struct address_set addresses;
        struct port_set ports;
    };
};

/* Ranges in order, and those that overlap or touch made one. */

static int compare_ranges(const void *a, const void *b)
{
    const struct tg_range *x = a, *y = b;
    if (x->family != y->family)
        return x->family < y->family ? -1 : 1;
    int by_first = tg_addr_compare(x->first, y->first);
    return by_first != 0 ? by_first : tg_addr_compare(x->last, y->last);
}

static struct tg_addr after(struct tg_addr addr)
{
    addr.lo++;
    addr.hi += addr.lo == 0;
    return addr;
}

static bool joins_range(const struct tg_range *a, const struct tg_range *b)
{
    if (a->family != b->family)
        return false;
    if (tg_addr_compare(b->first, a->last) <= 0)
        return true;
    return tg_addr_equal(b->first, after(a->last)) && !(b->first.hi == 0 && b->first.lo == 0);
}

static size_t merge_ranges(struct tg_range *ranges, size_t count)
{
    size_t n = count > 0;
    qsort(ranges, count, sizeof *ranges, compare_ranges);
    for (size_t i = 1; i < count; i++) {
        struct tg_range *last = &ranges[n - 1];
        if (!joins_range(last, &ranges[i]))
            ranges[n++] = ranges[i];
        else if (tg_addr_compare(ranges[i].last, last->last) > 0)
            last->last = ranges[i].last;
    }
    return n;
}

static int compare_ports(const void *a, const void *b)
{
    const struct policy_ports *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->last < y->last ? -1 : x->last > y->last;
}

static size_t merge_ports(struct policy_ports *ports, size_t count)
{
    size_t n = 1;
    qsort(ports, count, sizeof *ports, compare_ports);
    for (size_t i = 1; i < count; i++) {
        struct policy_ports *last = &ports[n - 1];
        if ((uint32_t)ports[i].first > (uint32_t)last->last + 1)
            ports[n++] = ports[i];
        else if (ports[i].last > last->last)
            last->last = ports[i].last;
    }
    return n;
}

/* The table in which sets are kept. */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t hash_ranges(const struct tg_range *ranges, size_t count)
{
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++) {
        hash = mix(mix(hash, ranges[i].first.hi ^ ranges[i].family), ranges[i].first.lo);
        hash = mix(mix(hash, ranges[i].last.hi), ranges[i].last.lo);
    }
    return hash;
}

static uint64_t hash_ports(const struct policy_ports *ports, size_t count)
{
    uint64_t hash = ~count;
    for (size_t i = 0; i < count; i++)
        hash = mix(hash, (uint64_t)ports[i].first << 16 | ports[i].last);
    return hash;
}

static bool grow(struct sets *sets)
{
    size_t room = sets->bucket_count > 0 ? sets->bucket_count * 4 : 64;
    struct sets_entry **buckets = arena_take(sets->arena, room * sizeof *buckets);
    if (buckets == NULL)
        return false;
    for (size_t i = 0; i < sets->bucket_count; i++) {
        for (struct sets_entry *entry = sets->buckets[i], *chain; entry != NULL; entry = chain) {
            chain = entry->chain;
            entry->chain = buckets[entry->hash % room];
            buckets[entry->hash % room] = entry;
        }
    }
    sets->buckets = buckets;
    sets->bucket_count = room;
    return true;
}

static struct sets_entry *enter(struct sets *sets, uint64_t hash, bool of_ports)
{
    struct sets_entry *entry = arena_take(sets->arena, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->hash = hash;
    entry->of_ports = of_ports;
    entry->chain = sets->buckets[hash % sets->bucket_count];
    sets->buckets[hash % sets->bucket_count] = entry;
    sets->count++;
    return entry;
}

static struct sets_entry *entries(struct sets *sets, uint64_t hash)
{
    if (sets->count >= sets->bucket_count && !grow(sets))
        return NULL;
    return sets->buckets[hash % sets->bucket_count];
}

static bool same_ranges(const struct address_set *set, const struct tg_range *ranges, size_t count)
{
    if (set->count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (compare_ranges(&set->ranges[i], &ranges[i]) != 0)
            return false;
    }
    return true;
}

const struct address_set *sets_addresses(struct sets *sets, struct tg_range *ranges, size_t count)
{
    count = merge_ranges(ranges, count);
    uint64_t hash = hash_ranges(ranges, count);
    for (struct sets_entry *entry = entries(sets, hash); entry != NULL; entry = entry->chain) {
        if (entry->hash == hash && !entry->of_ports && same_ranges(&entry->addresses, ranges, count))
            return &entry->addresses;
    }
    struct tg_range *copy = arena_take(sets->arena, count * sizeof *copy);
    if (copy == NULL)
        return NULL;
    if (count > 0)
        memcpy(copy, ranges, count * sizeof *copy);
    struct address_set set = {.ranges = copy, .count = count};
    for (size_t i = 0; i < count; i++)
        set.families |= copy[i].family == TG_IPV4 ? SETS_V4 : SETS_V6;
    if (count == 0)
        set.families = SETS_BOTH; /* an empty file today: no family is ruled out by it */
    struct sets_entry *entry = enter(sets, hash, false);
    if (entry == NULL || policy_add_addresses(sets->policy, copy, count, &set.number) != 0) {
        sets->arena->failed = true;
        return NULL;
    }
    entry->addresses = set;
    sets->ranges += count;
    return &entry->addresses;
}

const struct port_set *sets_ports(struct sets *sets, struct policy_ports *ranges, size_t count)
{
    count = merge_ports(ranges, count);
    uint64_t hash = hash_ports(ranges, count);
    for (struct sets_entry *entry = entries(sets, hash); entry != NULL; entry = entry->chain) {
        if (entry->hash == hash && entry->of_ports && entry->ports.count == count &&
            memcmp(entry->ports.ranges, ranges, count * sizeof *ranges) == 0)
            return &entry->ports;
    }
    struct policy_ports *copy = arena_take(sets->arena, count * sizeof *copy);
    if (copy == NULL)
        return NULL;
    memcpy(copy, ranges, count * sizeof *copy);
    struct port_set set = {.ranges = copy, .count = count};
    struct sets_entry *entry = enter(sets, hash, true);
    if (entry == NULL || policy_add_ports(sets->policy, copy, count, &set.number) != 0) {
        sets->arena->failed = true;
        return NULL;
    }
    entry->ports = set;
    sets->ranges += count;
    return &entry->ports;
}

bool sets_full(const struct sets *sets, size_t more)
{
    return sets->ranges + more > SETS_MOST;
}

/* The range of `set` that ends first among those that end at or after `addr`; NULL if none does. */
static const struct tg_range *range_at(const struct address_set *set, uint8_t family, struct tg_addr addr)
{
    size_t below = 0, above = set->count;
    while (below < above) {
        size_t middle = below + (above - below) / 2;
        const struct tg_range *range = &set->ranges[middle];
        if (range->family < family || (range->family == family && tg_addr_compare(range->last, addr) < 0))
            below = middle + 1;
        else
            above = middle;
    }
    return below < set->count && set->ranges[below].family == family ? &set->ranges[below] : NULL;
}

bool sets_meet(const struct address_set *a, const struct address_set *b, uint8_t family)
{
    if (a->count > b->count) {
        const struct address_set *longer = a;
        a = b;
        b = longer;
    }
    for (size_t i = 0; i < a->count; i++) {
        const struct tg_range *range = &a->ranges[i];
        const struct tg_range *other = range->family == family ? range_at(b, family, range->first) : NULL;
        if (other != NULL && tg_addr_compare(other->first, range->last) <= 0)
            return true;
    }
    return false;
}

bool sets_within(const struct address_set *a, const struct address_set *b, uint8_t family)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct tg_range *range = &a->ranges[i];
        if (range->family != family)
            continue;
        const struct tg_range *other = range_at(b, family, range->first);
        if (other == NULL || tg_addr_compare(other->first, range->first) > 0 ||
            tg_addr_compare(other->last, range->last) < 0)
            return false;
    }
    return true;
}
