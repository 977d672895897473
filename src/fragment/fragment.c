#include "fragment/fragment.h"

#include <stdlib.h>
#include <string.h>

#include "connection/hash.h"
#include "connection/spin.h"
#include "connection/table.h"

enum {
    SETS = 64,
    WAYS = 4,
    PIECES = 128,                /* of one datagram: 64 KiB over a link of 576 bytes are 119 */
    LIFETIME = CONN_SECONDS(30), /* as hosts wait for the rest: RFC 1122 3.3.2 says 60 to 120, none does */
    TCP_FLAGS_END = 16,          /* a fragment that begins before this could overwrite the flags */
};

/* Bytes of the datagram that have gone by, in one fragment. */
struct piece {
    uint16_t first, last;
};

struct datagram {
    struct tg_tuple key; /* ports 0 */
    uint32_t id;
    uint8_t zone;
    bool used;
    bool half;      /* noted by its looks between two hooks: only the first's verdict.to is of use */
    bool condemned; /* nothing of the first is of use */
    uint32_t since; /* tick of the first */
    uint32_t generation;
    struct fragment_first first;
    uint32_t seen, end;          /* bytes that have gone by, and that it has; 0: the last piece has not come */
    uint16_t count;              /* of … */
    struct piece pieces[PIECES]; /* in the order of the datagram */
};

struct fragment_table {
    struct hash_key hash;
    spin_t lock;
    struct datagram sets[SETS][WAYS];
};

/* Which datagram is meant. */
struct name {
    struct tg_tuple key;
    uint32_t id;
    uint8_t zone;
    bool half;
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

/* ---- datagrams ---- */

static struct name name_of(const struct tg_packet *packet, uint8_t zone)
{
    struct name name = {.key = packet->outer.tuple, .id = packet->fragment_id, .zone = zone};
    name.key.sport = name.key.dport = 0;
    if (name.key.family == TG_IPV6)
        name.key.proto = 0;
    return name;
}

/* By its looks between two hooks; the zone is not known at the second. */
static struct name half_name_of(const struct tg_packet *packet, const struct tg_addr *dst)
{
    struct name name = name_of(packet, 0);
    name.key.dst = *dst;
    name.half = true;
    return name;
}

static struct datagram *set_of(struct fragment_table *table, const struct name *name)
{
    struct tg_tuple mixed = name->key;
    mixed.sport = (uint16_t)(name->id >> 16);
    mixed.dport = (uint16_t)name->id;
    return table->sets[hash_tuple(&table->hash, &mixed) % SETS];
}

static bool is_named(const struct datagram *d, const struct name *name)
{
    return d->used && d->id == name->id && d->zone == name->zone && d->half == name->half &&
           tg_tuple_equal(&d->key, &name->key);
}

static struct datagram *find(struct fragment_table *table, const struct name *name)
{
    struct datagram *set = set_of(table, name);
    for (int i = 0; i < WAYS; i++)
        if (is_named(&set[i], name))
            return &set[i];
    return NULL;
}

static bool is_over(const struct datagram *d, uint32_t tick)
{
    return !d->used || (int32_t)(tick - d->since) >= LIFETIME; /* another worker's clock may be ahead of this one's */
}

/* What a datagram is worth against another of its age: refused ones nothing, those of known connections most. */
static uint64_t rank_of(const struct datagram *d)
{
    if (d->condemned || d->first.verdict.action != TG_ACCEPT)
        return 0;
    return d->first.verdict.reason == TG_REASON_ESTABLISHED ? 2 : 1;
}

/* How easily a datagram is given up for another. */
static uint64_t worth(const struct datagram *d, uint32_t tick)
{
    if (is_over(d, tick))
        return 0;
    int32_t age = (int32_t)(tick - d->since);
    return (uint64_t)(LIFETIME - (age < 0 ? 0 : age)) + rank_of(d) * LIFETIME;
}

/* Enter a datagram, in its own place if it has one, with no piece yet. `first` is NULL for one that is condemned. One
 * that is refused takes no other's place that is not: without it the rest of it waits in vain, and is refused too.
 * => the datagram, or NULL */
static struct datagram *enter(struct fragment_table *table, const struct name *name, const struct fragment_moment *at,
                              const struct fragment_first *first)
{
    struct datagram *d = find(table, name);
    bool is_refused = first == NULL || first->verdict.action != TG_ACCEPT;
    if (d == NULL) {
        struct datagram *set = set_of(table, name);
        d = set;
        for (int i = 1; i < WAYS; i++)
            if (worth(&set[i], at->tick) < worth(d, at->tick))
                d = &set[i];
        if (is_refused && !is_over(d, at->tick) && rank_of(d) != 0)
            return NULL;
    }
    memset(d, 0, offsetof(struct datagram, pieces));
    d->key = name->key;
    d->id = name->id;
    d->zone = name->zone;
    d->half = name->half;
    d->used = true;
    d->since = at->tick;
    d->generation = at->generation;
    if (first == NULL)
        d->condemned = true;
    else
        d->first = *first;
    return d;
}

/* ---- pieces ---- */

enum fit { FIT, FIT_REPEATED, FIT_OVERLAPS };

/* Note the bytes of a fragment. */
static enum fit add_piece(struct datagram *d, const struct tg_packet *packet)
{
    const struct piece new = {packet->fragment_offset,
                              (uint16_t)(packet->fragment_offset + packet->fragment_length - 1)};
    uint32_t end = (uint32_t) new.last + 1;
    bool is_end = !packet->more_fragments;
    size_t at = d->count; /* most come in order */
    while (at > 0 && d->pieces[at - 1].first > new.last)
        at--;
    if (at > 0 && d->pieces[at - 1].last >= new.first) {
        const struct piece *other = &d->pieces[at - 1];
        bool is_same = other->first == new.first && other->last == new.last &&is_end == (d->end == end);
        return is_same ? FIT_REPEATED : FIT_OVERLAPS;
    }
    if (d->count == PIECES || (d->end != 0 && (is_end || end > d->end)) || (is_end && at < d->count))
        return FIT_OVERLAPS;
    memmove(&d->pieces[at + 1], &d->pieces[at], (d->count - at) * sizeof new);
    d->pieces[at] = new;
    d->count++;
    d->seen += packet->fragment_length;
    if (is_end)
        d->end = end;
    return FIT;
}

/* A datagram of which nothing is missing is forgotten. */
static void forget_if_whole(struct datagram *d)
{
    if (d->seen == d->end)
        d->used = false;
}

/* ---- placing ---- */

static enum fragment_place place_first(struct datagram *d, const struct tg_packet *packet)
{
    if (!d->condemned && add_piece(d, packet) != FIT_REPEATED)
        d->condemned = true; /* its first piece has gone by: any other first overlaps */
    return FRAGMENT_REFUSED;
}

static enum fragment_place place_later(struct datagram *d, const struct tg_packet *packet, struct fragment_first *first)
{
    if (d->condemned)
        return FRAGMENT_REFUSED;
    switch (add_piece(d, packet)) {
    case FIT: break;
    case FIT_OVERLAPS: d->condemned = true; return FRAGMENT_REFUSED;
    default: return FRAGMENT_REFUSED;
    }
    *first = d->first;
    forget_if_whole(d);
    return FRAGMENT_FOLLOWS;
}

enum fragment_place fragment_place(struct fragment_table *table, const struct tg_packet *packet,
                                   const struct fragment_moment *at, struct fragment_first *first)
{
    const struct name name = name_of(packet, at->zone);
    bool is_first = packet->fragment_offset == 0;
    enum fragment_place place = is_first ? FRAGMENT_BEGINS : FRAGMENT_WAITS;
    if (!is_first && packet->outer.tuple.proto == TG_PROTO_TCP && packet->fragment_offset < TCP_FLAGS_END) {
        fragment_condemn(table, packet, at); /* whatever its first is: RFC 3128 */
        return FRAGMENT_REFUSED;
    }
    spin_take(&table->lock);
    struct datagram *d = find(table, &name);
    bool is_there = d != NULL && !is_over(d, at->tick);
    if (is_there && d->generation == at->generation)
        place = is_first ? place_first(d, packet) : place_later(d, packet, first);
    else if (is_there && !is_first)
        place = FRAGMENT_REFUSED;
    spin_release(&table->lock);
    return place;
}

void fragment_note_first(struct fragment_table *table, const struct tg_packet *packet, const struct fragment_moment *at,
                         const struct fragment_first *first)
{
    const struct name name = name_of(packet, at->zone);
    const struct tg_verdict *verdict = &first->verdict;
    bool is_half = verdict->translation != TG_TRANSLATE_NONE &&
                   !tg_addr_equal(verdict->to.src, packet->outer.tuple.src) &&
                   !tg_addr_equal(verdict->to.dst, packet->outer.tuple.dst);
    spin_take(&table->lock);
    struct datagram *d = enter(table, &name, at, first);
    if (d != NULL)
        (void)add_piece(d, packet); /* the first fits */
    if (is_half) {
        const struct name half = half_name_of(packet, &verdict->to.dst);
        (void)enter(table, &half, at, first);
    }
    spin_release(&table->lock);
}

void fragment_condemn(struct fragment_table *table, const struct tg_packet *packet, const struct fragment_moment *at)
{
    const struct name name = name_of(packet, at->zone);
    spin_take(&table->lock);
    (void)enter(table, &name, at, NULL);
    spin_release(&table->lock);
}

bool fragment_find_half(struct fragment_table *table, const struct tg_packet *packet, struct fragment_first *first)
{
    const struct name name = half_name_of(packet, &packet->outer.tuple.dst);
    spin_take(&table->lock);
    const struct datagram *d = find(table, &name);
    if (d != NULL)
        *first = d->first;
    spin_release(&table->lock);
    return d != NULL;
}
