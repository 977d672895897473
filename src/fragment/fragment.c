#include "fragment/fragment.h"

#include <stdbool.h>
#include <stdlib.h>

#include "connection/hash.h"
#include "connection/spin.h"
#include "connection/table.h"

enum {
    SETS = 64,
    WAYS = 4,
    SPANS = 32,                  /* pieces of one datagram that need not touch */
    LIFETIME = CONN_SECONDS(30), /* as hosts wait for the rest: RFC 1122 3.3.2 says 60 to 120, none does */
    TCP_FLAGS_END = 16,          /* a fragment that begins before this could overwrite the flags */
};

/* Bytes of the datagram that have gone by. */
struct span {
    uint16_t first, last;
};

struct datagram {
    struct tg_tuple key; /* ports 0 */
    uint32_t id;
    uint8_t zone;
    bool used, condemned;
    uint32_t since; /* tick of the first */
    struct tg_verdict verdict;
    uint32_t generation;      /* that the verdict is of: another load's has other statements */
    struct span spans[SPANS]; /* in the order of the datagram, not touching */
    size_t span_count;
};

struct fragment_table {
    struct hash_key hash;
    spin_t lock;
    struct datagram sets[SETS][WAYS];
};

size_t fragment_table_size(void)
{
    return sizeof(struct fragment_table);
}

struct fragment_table *fragment_table_new(const uint64_t secret[4])
{
    struct fragment_table *table = calloc(1, sizeof *table);
    if (table != NULL)
        hash_key_init(&table->hash, secret);
    return table;
}

void fragment_table_free(struct fragment_table *table)
{
    free(table);
}

static struct tg_tuple key_of(const struct tg_packet *packet)
{
    struct tg_tuple key = packet->outer.tuple;
    key.sport = key.dport = 0;
    return key;
}

static struct datagram *set_of(struct fragment_table *table, const struct tg_tuple *key, uint32_t id)
{
    struct tg_tuple mixed = *key;
    mixed.sport = (uint16_t)(id >> 16);
    mixed.dport = (uint16_t)id;
    return table->sets[hash_tuple(&table->hash, &mixed) % SETS];
}

static bool is_over(const struct datagram *d, uint32_t tick)
{
    return !d->used || (int32_t)(tick - d->since) >= LIFETIME; /* another worker's clock may be ahead of this one's */
}

static struct datagram *find(struct fragment_table *table, const struct tg_tuple *key, uint32_t id, uint8_t zone,
                             uint32_t tick)
{
    struct datagram *set = set_of(table, key, id);
    for (int i = 0; i < WAYS; i++)
        if (!is_over(&set[i], tick) && set[i].id == id && set[i].zone == zone && tg_tuple_equal(&set[i].key, key))
            return &set[i];
    return NULL;
}

/* How easily a datagram is given up for another. */
static uint64_t worth(const struct datagram *d, uint32_t tick)
{
    if (is_over(d, tick))
        return 0;
    uint64_t youth = LIFETIME - (tick - d->since);
    return d->condemned || d->verdict.action != TG_ACCEPT ? youth : youth + LIFETIME;
}

static struct datagram *make_room(struct fragment_table *table, const struct tg_tuple *key, uint32_t id, uint32_t tick)
{
    struct datagram *set = set_of(table, key, id), *least = set;
    for (int i = 1; i < WAYS; i++)
        if (worth(&set[i], tick) < worth(least, tick))
            least = &set[i];
    return least;
}

static struct span span_of(const struct tg_packet *packet)
{
    uint32_t length = packet->outer.end - packet->outer.transport;
    uint32_t last = packet->fragment_offset + (length == 0 ? 0 : length - 1);
    return (struct span){packet->fragment_offset, (uint16_t)last};
}

enum fit { FIT, FIT_REPEATED, FIT_OVERLAPS };

/* Note the bytes of a fragment. One that touches another on either side makes it longer. */
static enum fit add_span(struct datagram *d, struct span new)
{
    size_t at = 0;
    while (at < d->span_count && d->spans[at].last < new.first)
        at++;
    if (at < d->span_count && d->spans[at].first <= new.last)
        return d->spans[at].first <= new.first &&new.last <= d->spans[at].last ? FIT_REPEATED : FIT_OVERLAPS;
    bool joins_left = at > 0 && d->spans[at - 1].last + 1 == new.first;
    bool joins_right = at < d->span_count && new.last + 1 == d->spans[at].first;
    if (joins_left && joins_right) {
        d->spans[at - 1].last = d->spans[at].last;
        d->span_count--;
        for (size_t i = at; i < d->span_count; i++)
            d->spans[i] = d->spans[i + 1];
    } else if (joins_left) {
        d->spans[at - 1].last = new.last;
    } else if (joins_right) {
        d->spans[at].first = new.first;
    } else {
        if (d->span_count == SPANS)
            return FIT_OVERLAPS; /* in more pieces than anything honest */
        for (size_t i = d->span_count++; i > at; i--)
            d->spans[i] = d->spans[i - 1];
        d->spans[at] = new;
    }
    return FIT;
}

void fragment_note_first(struct fragment_table *table, const struct tg_packet *packet, const struct tg_verdict *verdict,
                         uint32_t generation, uint32_t tick)
{
    struct tg_tuple key = key_of(packet);
    spin_take(&table->lock);
    struct datagram *d = find(table, &key, packet->fragment_id, verdict->zone_in, tick);
    if (d != NULL) {
        d->condemned = true; /* another first for the same datagram */
    } else {
        d = make_room(table, &key, packet->fragment_id, tick);
        *d = (struct datagram){.key = key,
                               .id = packet->fragment_id,
                               .zone = verdict->zone_in,
                               .used = true,
                               .since = tick,
                               .verdict = *verdict,
                               .generation = generation};
        add_span(d, span_of(packet));
    }
    spin_release(&table->lock);
}

static enum fragment_place place(struct datagram *d, const struct tg_packet *packet)
{
    if (d->condemned)
        return FRAGMENT_REFUSED;
    switch (add_span(d, span_of(packet))) {
    case FIT: return FRAGMENT_FOLLOWS;
    case FIT_OVERLAPS: d->condemned = true; return FRAGMENT_REFUSED;
    default: return FRAGMENT_REFUSED;
    }
}

enum fragment_place fragment_place(struct fragment_table *table, const struct tg_packet *packet, uint32_t generation,
                                   uint32_t tick, struct tg_verdict *verdict)
{
    struct tg_tuple key = key_of(packet);
    if (key.proto == TG_PROTO_TCP && packet->fragment_offset < TCP_FLAGS_END)
        return FRAGMENT_REFUSED;
    spin_take(&table->lock);
    struct datagram *d = find(table, &key, packet->fragment_id, verdict->zone_in, tick);
    enum fragment_place where = d == NULL || d->generation != generation ? FRAGMENT_UNKNOWN : place(d, packet);
    if (where == FRAGMENT_FOLLOWS)
        *verdict = d->verdict;
    spin_release(&table->lock);
    return where;
}
