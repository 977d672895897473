#include "rules/sets.h"

#include <stdlib.h>
#include <string.h>

#include "policy/ranges.h"
#include "rules/tree.h"

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
    if (set->count != count || set->file != NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (compare_ranges(&set->ranges[i], &ranges[i]) != 0)
            return false;
    }
    return true;
}

/* The families of whose addresses the ranges hold more than half: of all of IPv4, and of those of IPv6 that are handed
 * out, 2000::/3 (RFC 4291 section 2.4), counted in networks of 64 bits. */
static uint8_t most_of(const struct address_set *set)
{
    const uint64_t first6 = UINT64_C(0x2000000000000000), last6 = UINT64_C(0x3fffffffffffffff);
    uint64_t v4 = 0, v6 = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct tg_range range = sets_range(set, i);
        uint64_t first = range.first.hi, last = range.last.hi;
        if (range.family == TG_IPV4) {
            v4 += range.last.lo - range.first.lo + 1;
            continue;
        }
        first = first < first6 ? first6 : first;
        last = last > last6 ? last6 : last;
        v6 += first <= last ? last - first + 1 : 0;
    }
    return (v4 > UINT64_C(1) << 31 ? SETS_V4 : 0) | (v6 > UINT64_C(1) << 60 ? SETS_V6 : 0);
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
        set.families = SETS_BOTH; /* nothing but empty files */
    set.most = most_of(&set);
    struct sets_entry *entry = enter(sets, hash, false);
    if (entry == NULL || policy_add_addresses(sets->policy, copy, count, &set.number) != 0) {
        sets->arena->failed = true;
        return NULL;
    }
    entry->addresses = set;
    sets->ranges += count;
    return &entry->addresses;
}

const struct address_set *sets_file(struct sets *sets, struct address_file *file)
{
    struct address_set *set = file->set == NULL ? arena_take(sets->arena, sizeof *set) : NULL;
    if (set == NULL)
        return file->set;
    file->v4_count = ranges_tidy_v4(file->v4, file->v4_count);
    file->v6_count = ranges_tidy_v6(file->v6, file->v6_count);
    set->file = file;
    set->count = file->v4_count + file->v6_count;
    set->families = (file->v4_count > 0 ? SETS_V4 : 0) | (file->v6_count > 0 ? SETS_V6 : 0);
    if (set->count == 0)
        set->families = SETS_BOTH; /* an empty file today: no family is ruled out by it */
    set->most = most_of(set);
    if (policy_add_ranges(sets->policy, file->v4, file->v4_count, file->v6, file->v6_count, &set->number) != 0) {
        sets->arena->failed = true;
        return NULL;
    }
    sets->ranges += set->count;
    file->set = set;
    return set;
}

struct tg_range sets_range(const struct address_set *set, size_t i)
{
    const struct address_file *file = set->file;
    if (file == NULL)
        return set->ranges[i];
    if (i < file->v4_count)
        return (struct tg_range){tg_ipv4(file->v4[i].first), tg_ipv4(file->v4[i].last), TG_IPV4};
    i -= file->v4_count;
    return (struct tg_range){file->v6[i].first, file->v6[i].last, TG_IPV6};
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

/* The range of `set` that ends first among those that end at or after `addr`.
 * => true if there is one, with *range */
static bool range_at(const struct address_set *set, uint8_t family, struct tg_addr addr, struct tg_range *range)
{
    size_t below = 0, above = set->count;
    while (below < above) {
        size_t middle = below + (above - below) / 2;
        *range = sets_range(set, middle);
        if (range->family < family || (range->family == family && tg_addr_compare(range->last, addr) < 0))
            below = middle + 1;
        else
            above = middle;
    }
    if (below == set->count)
        return false;
    *range = sets_range(set, below);
    return range->family == family;
}

bool sets_meet(const struct address_set *a, const struct address_set *b, uint8_t family)
{
    if (a->count > b->count) {
        const struct address_set *longer = a;
        a = b;
        b = longer;
    }
    for (size_t i = 0; i < a->count; i++) {
        struct tg_range range = sets_range(a, i), other;
        if (range.family == family && range_at(b, family, range.first, &other) &&
            tg_addr_compare(other.first, range.last) <= 0)
            return true;
    }
    return false;
}

bool sets_within(const struct address_set *a, const struct address_set *b, uint8_t family)
{
    for (size_t i = 0; i < a->count; i++) {
        struct tg_range range = sets_range(a, i), other;
        if (range.family != family)
            continue;
        if (!range_at(b, family, range.first, &other) || tg_addr_compare(other.first, range.first) > 0 ||
            tg_addr_compare(other.last, range.last) < 0)
            return false;
    }
    return true;
}
