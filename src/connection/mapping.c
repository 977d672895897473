#include "connection/mapping.h"

#include <stdlib.h>

#include "connection/hash.h"

enum { WELL_KNOWN_END = 1024, PORTS = 65536 };

struct mapping {
    struct mapping_key key;
    uint16_t port;        /* outside */
    uint32_t uses;        /* 0: free */
    uint32_t next_inside; /* in the chain of its inside key; of the free list while free */
    uint32_t next_outside;
};

/* Two chained hashes over one array: by inside, to find a mapping; by outside, to see whether a port is free. */
struct mapping_table {
    struct hash_key hash;
    uint64_t random;
    struct mapping *mappings;
    uint32_t *inside, *outside; /* first of each chain */
    uint32_t chains, room;
    uint32_t free, touched;
};

size_t mapping_table_size(uint32_t room)
{
    return sizeof(struct mapping_table) + room * (sizeof(struct mapping) + 2 * sizeof(uint32_t));
}

struct mapping_table *mapping_table_new(uint32_t room, const uint64_t secret[4])
{
    struct mapping_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->mappings = calloc(room, sizeof *table->mappings);
    table->inside = malloc(room * sizeof *table->inside);
    table->outside = malloc(room * sizeof *table->outside);
    if (table->mappings == NULL || table->inside == NULL || table->outside == NULL) {
        mapping_table_free(table);
        return NULL;
    }
    for (uint32_t i = 0; i < room; i++)
        table->inside[i] = table->outside[i] = MAPPING_NONE;
    table->chains = table->room = room;
    table->free = MAPPING_NONE;
    /* another stream of numbers than the connection table draws from the same secret */
    uint64_t other[4] = {~secret[0], ~secret[1], ~secret[2], ~secret[3]};
    hash_key_init(&table->hash, other);
    table->random = secret[0] ^ secret[1] ^ secret[2] ^ secret[3];
    return table;
}

void mapping_table_free(struct mapping_table *table)
{
    if (table == NULL)
        return;
    free(table->mappings);
    free(table->inside);
    free(table->outside);
    free(table);
}

uint32_t mapping_random(struct mapping_table *table, uint32_t bound)
{
    return (uint32_t)((hash_mix(&table->random) >> 32) * bound >> 32);
}

static uint32_t chain_of(const struct mapping_table *table, uint32_t a, uint32_t b, uint16_t port, uint8_t proto)
{
    uint64_t sum = table->hash.k[0] + hash_pair(&table->hash, 1, a, b) +
                   hash_pair(&table->hash, 3, (uint32_t)port << 8 | proto, 0);
    return (uint32_t)((sum >> 32) * table->chains >> 32);
}

static uint32_t *inside_chain(struct mapping_table *table, const struct mapping_key *key)
{
    return &table->inside[chain_of(table, key->inside, key->outside, key->port, key->proto)];
}

static uint32_t *outside_chain(struct mapping_table *table, const struct mapping_key *key, uint16_t port)
{
    return &table->outside[chain_of(table, key->outside, 0, port, key->proto)];
}

static uint32_t find(struct mapping_table *table, const struct mapping_key *key)
{
    uint32_t i = *inside_chain(table, key);
    for (; i != MAPPING_NONE; i = table->mappings[i].next_inside) {
        const struct mapping_key *k = &table->mappings[i].key;
        if (k->inside == key->inside && k->outside == key->outside && k->port == key->port && k->proto == key->proto)
            break;
    }
    return i;
}

static bool is_mapped(struct mapping_table *table, const struct mapping_key *key, uint16_t port)
{
    uint32_t i = *outside_chain(table, key, port);
    for (; i != MAPPING_NONE; i = table->mappings[i].next_outside) {
        const struct mapping *m = &table->mappings[i];
        if (m->port == port && m->key.outside == key->outside && m->key.proto == key->proto)
            return true;
    }
    return false;
}

struct choice {
    struct mapping_table *table;
    const struct mapping_key *key;
    mapping_taken_fn *taken;
    void *context;
};

static bool is_free(const struct choice *c, uint32_t port)
{
    return !is_mapped(c->table, c->key, (uint16_t)port) && !c->taken(c->context, (uint16_t)port);
}

/* Any free port of `count` ones from `first` on, each `step` from the last; started at random.
 * => the port, or PORTS if there is none */
static uint32_t search(const struct choice *c, uint32_t first, uint32_t count, uint32_t step)
{
    uint32_t start = mapping_random(c->table, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t port = first + (start + i) % count * step;
        if (port != 0 && is_free(c, port))
            return port;
    }
    return PORTS;
}

static uint32_t choose(const struct choice *c)
{
    uint32_t wanted = c->key->port;
    if (is_free(c, wanted))
        return wanted;
    uint32_t first = wanted < WELL_KNOWN_END ? 0 : WELL_KNOWN_END,
             end = wanted < WELL_KNOWN_END ? WELL_KNOWN_END : PORTS;
    uint32_t port = search(c, first + (wanted & 1), (end - first) / 2, 2);
    return port != PORTS ? port : search(c, first, end - first, 1);
}

static uint32_t take(struct mapping_table *table)
{
    uint32_t i = table->free;
    if (i != MAPPING_NONE)
        table->free = table->mappings[i].next_inside;
    else if (table->touched < table->room)
        i = table->touched++;
    return i;
}

uint32_t mapping_use(struct mapping_table *table, const struct mapping_key *key, mapping_taken_fn *taken, void *context,
                     uint16_t *port)
{
    uint32_t i = find(table, key);
    if (i != MAPPING_NONE) {
        table->mappings[i].uses++;
        *port = table->mappings[i].port;
        return i;
    }
    uint32_t chosen = choose(&(struct choice){table, key, taken, context});
    if (chosen == PORTS || (i = take(table)) == MAPPING_NONE)
        return MAPPING_NONE;
    uint32_t *inside = inside_chain(table, key), *outside = outside_chain(table, key, (uint16_t)chosen);
    table->mappings[i] = (struct mapping){*key, (uint16_t)chosen, 1, *inside, *outside};
    *inside = *outside = i;
    *port = (uint16_t)chosen;
    return i;
}

void mapping_release(struct mapping_table *table, uint32_t number)
{
    struct mapping *m = &table->mappings[number];
    if (--m->uses != 0)
        return;
    uint32_t *link = inside_chain(table, &m->key);
    while (*link != number)
        link = &table->mappings[*link].next_inside;
    *link = m->next_inside;
    link = outside_chain(table, &m->key, m->port);
    while (*link != number)
        link = &table->mappings[*link].next_outside;
    *link = m->next_outside;
    m->next_inside = table->free;
    table->free = number;
}
