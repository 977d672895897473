#include "connection/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection/hash.h"
#include "connection/ports.h"
#include "connection/table.h"
#include "meter/tally.h"
#include "pages/pages.h"

enum { WELL_KNOWN_END = 1024 };

/* An inside's share of the ports to choose from: this part of them, or so many if that is more. It counts when more
 * than half of them are taken. */
enum { SHARE = 8, SHARE_LEAST = 16 };

/* For how many remotes a mapping is: all, the ports of one address, or one port. */
enum level { LEVEL_ALL, LEVEL_ADDRESS, LEVEL_PORT, LEVELS };

struct mapping {
    struct mapping_key key; /* of a peer: that of its mapping, with the remote */
    uint16_t port;          /* outside */
    bool is_peer;
    bool is_joint;         /* no mapping, but a use of two: `next_inside` and `next_outside` are those */
    bool is_fresh;         /* no connection but the one that it was made for has used it */
    uint32_t uses;         /* 0: it rests, or the place is free */
    uint32_t next_inside;  /* in the chain of its inside key; of the free list while free */
    uint32_t next_outside; /* in the chain of its outside key; of a peer: its mapping, which it uses */
    /* while it rests */
    uint32_t since;          /* the tick when that began */
    uint32_t older, younger; /* those that rest longer, and shorter */
};

/* Two chained hashes over one array: by inside and remote, to find a mapping; by outside and remote, to see whether a
 * port is free. A mapping for all remotes must also not meet one for a single remote, which is in a chain that nobody
 * could guess: so those are counted by hash alone. That counts a few too many as met, and only while mappings of both
 * sorts live: after a load that changed the sort. */
struct mapping_table {
    struct hash_key hash;
    uint64_t random;
    struct mapping *mappings;
    uint32_t *inside, *outside;  /* first of each chain */
    uint32_t *crowd[LEVELS - 1]; /* by outside key of a level: mappings of higher levels */
    uint32_t chains, room;
    uint32_t free, touched;
    uint32_t oldest, youngest; /* of those that rest */
    uint64_t tick;             /* the latest */
    bool has_peers;
    struct port_map *maps; /* of the ports that mappings for all remotes have */
    struct tally *shares;  /* how many of those each inside has, by outside address and protocol */
};

enum { CHAIN_ARRAYS = 2 + LEVELS - 1 };

size_t mapping_table_size(uint32_t room)
{
    return sizeof(struct mapping_table) + pages_size(room, sizeof(struct mapping)) +
           CHAIN_ARRAYS * pages_size(room, sizeof(uint32_t)) + PORTS_MAPS * sizeof(struct port_map) + tally_size(room);
}

struct mapping_table *mapping_table_new(uint32_t room, const uint64_t secret[4])
{
    struct mapping_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->chains = table->room = room;
    table->mappings = pages_new(room, sizeof *table->mappings);
    table->inside = pages_new(room, sizeof *table->inside);
    table->outside = pages_new(room, sizeof *table->outside);
    for (int i = 0; i < LEVELS - 1; i++)
        table->crowd[i] = pages_new(room, sizeof *table->crowd[i]);
    table->maps = calloc(PORTS_MAPS, sizeof *table->maps);
    table->shares = tally_new(room, secret);
    if (table->mappings == NULL || table->inside == NULL || table->outside == NULL || table->crowd[0] == NULL ||
        table->crowd[1] == NULL || table->maps == NULL || table->shares == NULL) {
        mapping_table_free(table);
        return NULL;
    }
    for (uint32_t i = 0; i < room; i++)
        table->inside[i] = table->outside[i] = MAPPING_NONE;
    table->free = table->oldest = table->youngest = MAPPING_NONE;
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
    pages_free(table->mappings, table->room, sizeof *table->mappings);
    pages_free(table->inside, table->chains, sizeof *table->inside);
    pages_free(table->outside, table->chains, sizeof *table->outside);
    for (int i = 0; i < LEVELS - 1; i++)
        pages_free(table->crowd[i], table->chains, sizeof *table->crowd[i]);
    free(table->maps);
    tally_free(table->shares);
    free(table);
}

size_t mapping_peers_size(uint32_t room)
{
    return pages_size(2 * (size_t)room, sizeof(struct mapping)) - pages_size(room, sizeof(struct mapping));
}

int mapping_table_add_peers(struct mapping_table *table)
{
    if (table->has_peers)
        return 0;
    struct mapping *more = pages_new(2 * (size_t)table->room, sizeof *more);
    if (more == NULL)
        return -ENOMEM;
    memcpy(more, table->mappings, table->touched * sizeof *more);
    pages_free(table->mappings, table->room, sizeof *more);
    table->mappings = more;
    table->room *= 2;
    table->has_peers = true;
    return 0;
}

uint32_t mapping_random(struct mapping_table *table, uint32_t bound)
{
    return (uint32_t)((hash_mix(&table->random) >> 32) * bound >> 32);
}

uint32_t mapping_pair(const struct mapping_table *table, uint32_t inside, uint32_t bound)
{
    uint64_t sum = table->hash.k[9] + (table->hash.k[10] + inside) * table->hash.k[7];
    return (uint32_t)((sum >> 32) * bound >> 32);
}

/* ---- finding ---- */

static enum level level_of(const struct mapping_key *key)
{
    return key->remote == 0 ? LEVEL_ALL : key->remote_port == 0 ? LEVEL_ADDRESS : LEVEL_PORT;
}

static uint32_t chain_of(const struct mapping_table *table, uint32_t a, uint32_t b, uint16_t port,
                         const struct mapping_key *key, enum level level)
{
    uint64_t sum = table->hash.k[0] + hash_pair(&table->hash, 1, a, b);
    sum += hash_pair(&table->hash, 3, (uint32_t)port << 8 | key->proto, level >= LEVEL_ADDRESS ? key->remote : 0);
    sum += hash_pair(&table->hash, 5, level == LEVEL_PORT ? key->remote_port : 0, 0);
    return (uint32_t)((sum >> 32) * table->chains >> 32);
}

static uint32_t inside_chain(const struct mapping_table *table, const struct mapping_key *key)
{
    return chain_of(table, key->inside, key->outside, key->port, key, level_of(key));
}

static uint32_t outside_chain(const struct mapping_table *table, const struct mapping_key *key, uint16_t port,
                              enum level level)
{
    return chain_of(table, key->outside, 0, port, key, level);
}

static bool is_key(const struct mapping_key *a, const struct mapping_key *b)
{
    return a->inside == b->inside && a->outside == b->outside && a->port == b->port && a->proto == b->proto &&
           a->remote == b->remote && a->remote_port == b->remote_port;
}

static uint32_t find(const struct mapping_table *table, const struct mapping_key *key, bool is_peer)
{
    uint32_t i = table->inside[inside_chain(table, key)];
    while (i != MAPPING_NONE && !(table->mappings[i].is_peer == is_peer && is_key(&table->mappings[i].key, key)))
        i = table->mappings[i].next_inside;
    return i;
}

/* The mapping of a level that has an outside port, for the remote in `key` as far as the level tells remotes apart. */
static uint32_t find_outside(const struct mapping_table *table, const struct mapping_key *key, uint16_t port,
                             enum level level)
{
    uint32_t i = table->outside[outside_chain(table, key, port, level)];
    for (; i != MAPPING_NONE; i = table->mappings[i].next_outside) {
        const struct mapping *m = &table->mappings[i];
        if (m->port == port && m->key.outside == key->outside && m->key.proto == key->proto &&
            level_of(&m->key) == level && (level == LEVEL_ALL || m->key.remote == key->remote) &&
            (level != LEVEL_PORT || m->key.remote_port == key->remote_port))
            break;
    }
    return i;
}

static struct mapping_key peer_key(const struct mapping *mapping, uint32_t remote)
{
    struct mapping_key key = mapping->key;
    key.remote = remote;
    return key;
}

uint32_t mapping_find(struct mapping_table *table, uint32_t outside, uint16_t port, uint8_t proto, uint32_t remote,
                      bool only_peers, struct mapping_key *key)
{
    const struct mapping_key wanted = {.outside = outside, .proto = proto, .remote = remote};
    uint32_t i = find_outside(table, &wanted, port, LEVEL_ALL);
    if (i != MAPPING_NONE && table->mappings[i].uses == 0)
        i = MAPPING_NONE; /* who rests lets nobody in */
    if (i != MAPPING_NONE && only_peers) {
        struct mapping_key peer = peer_key(&table->mappings[i], remote);
        if (find(table, &peer, true) == MAPPING_NONE)
            i = MAPPING_NONE;
    }
    if (i == MAPPING_NONE)
        i = find_outside(table, &wanted, port, LEVEL_ADDRESS);
    if (i == MAPPING_NONE || table->mappings[i].uses == 0)
        return MAPPING_NONE;
    *key = table->mappings[i].key;
    return i;
}

/* ---- choosing a port ---- */

struct search {
    const struct mapping_table *table;
    const struct mapping_key *key;
    const struct mapping_choice *choice;
    const struct port_map *map; /* of the outside address and protocol, or NULL */
};

static bool is_mapped(const struct search *s, uint16_t port)
{
    enum level own = level_of(s->key);
    for (enum level level = LEVEL_ALL; level <= own; level++)
        if (find_outside(s->table, s->key, port, level) != MAPPING_NONE)
            return true;
    return own < LEVEL_PORT && s->table->crowd[own][outside_chain(s->table, s->key, port, own)] != 0;
}

static uint32_t spoken_for(const struct mapping_choice *choice, uint32_t word)
{
    return choice->taken == NULL ? 0 : choice->taken(choice->context, word);
}

static bool is_spoken_for(const struct mapping_choice *choice, uint16_t port)
{
    return spoken_for(choice, port / PORTS_WORD) >> port % PORTS_WORD & 1;
}

static bool is_free(const struct search *s, uint32_t port)
{
    return !is_mapped(s, (uint16_t)port) && !is_spoken_for(s->choice, (uint16_t)port);
}

/* The ports of a word whose parity is that of `port`. */
static uint32_t alike(uint32_t port)
{
    return UINT32_C(0x55555555) << (port & 1);
}

/* The first free port in [first, end) of those that `wanted` has a bit for, in each word.
 * => the port, or PORTS if there is none */
static uint32_t first_free(const struct search *s, uint32_t first, uint32_t end, uint32_t wanted)
{
    for (uint32_t word = first / PORTS_WORD; word * PORTS_WORD < end; word++) {
        uint32_t bits = wanted & ports_within(word, first, end);
        if (s->map != NULL)
            bits &= ~s->map->taken[word];
        if (bits != 0)
            bits &= ~spoken_for(s->choice, word);
        for (uint32_t port = word * PORTS_WORD; bits != 0; bits >>= 1, port++)
            if ((bits & 1) && port != 0 && !is_mapped(s, (uint16_t)port))
                return port;
    }
    return PORTS;
}

/* The first free port behind a random place, and if there is none the first before it (RFC 6056 3.3.1). */
static uint32_t search(struct mapping_table *table, const struct search *s, uint32_t first, uint32_t end,
                       uint32_t wanted)
{
    uint32_t start = first + mapping_random(table, end - first), port = first_free(s, start, end, wanted);
    return port != PORTS ? port : first_free(s, first, start, wanted);
}

static uint32_t choose(struct mapping_table *table, const struct search *s)
{
    const struct mapping_choice *c = s->choice;
    uint32_t wanted = s->key->port, first = c->first, end = (uint32_t)c->last + 1;
    bool is_within = first <= wanted && wanted < end;
    if ((is_within || c->keep != MAPPING_KEEP_WITHIN) && is_free(s, wanted))
        return wanted;
    if (c->keep == MAPPING_KEEP_ALWAYS)
        return PORTS;
    if (wanted < WELL_KNOWN_END && first < WELL_KNOWN_END && end > WELL_KNOWN_END)
        end = WELL_KNOWN_END;
    else if (wanted >= WELL_KNOWN_END && first < WELL_KNOWN_END && end > WELL_KNOWN_END)
        first = WELL_KNOWN_END;
    uint32_t port = search(table, s, first, end, alike(wanted));
    return port != PORTS ? port : search(table, s, first, end, UINT32_MAX);
}

/* ---- making and ending ---- */

static struct tally_key share_key(const struct mapping_key *key)
{
    return (struct tally_key){.addr = tg_ipv4(key->inside), .sort = {key->outside, key->proto}};
}

/* Whether an inside has its share of the ports to choose from, where shares count. The router speaks for all, and who
 * has the outside address to himself shares with nobody. */
static bool has_share(const struct search *s)
{
    const struct mapping_key *key = s->key;
    if (s->map == NULL || level_of(key) != LEVEL_ALL || key->inside == key->outside || s->choice->is_sole)
        return false;
    uint32_t count = (uint32_t)s->choice->last - s->choice->first + 1;
    uint32_t share = count / SHARE > SHARE_LEAST ? count / SHARE : SHARE_LEAST;
    struct tally_key inside = share_key(key);
    return s->map->count > count / 2 && tally_count(s->table->shares, &inside) >= share;
}

/* Count a mapping among those that lower levels must not meet, or no longer. */
static void count_crowd(struct mapping_table *table, const struct mapping *m, uint32_t change)
{
    enum level own = level_of(&m->key);
    for (enum level level = LEVEL_ALL; level < own; level++)
        table->crowd[level][outside_chain(table, &m->key, m->port, level)] += change;
}

static void link_inside(struct mapping_table *table, uint32_t number)
{
    uint32_t *first = &table->inside[inside_chain(table, &table->mappings[number].key)];
    table->mappings[number].next_inside = *first;
    *first = number;
}

static void unlink_inside(struct mapping_table *table, uint32_t number)
{
    uint32_t *link = &table->inside[inside_chain(table, &table->mappings[number].key)];
    while (*link != number)
        link = &table->mappings[*link].next_inside;
    *link = table->mappings[number].next_inside;
}

/* Its port is taken. */
static void link_outside(struct mapping_table *table, uint32_t number)
{
    struct mapping *m = &table->mappings[number];
    uint32_t *first = &table->outside[outside_chain(table, &m->key, m->port, level_of(&m->key))];
    m->next_outside = *first;
    *first = number;
    count_crowd(table, m, 1);
    if (level_of(&m->key) == LEVEL_ALL) {
        struct tally_key inside = share_key(&m->key);
        ports_take(table->maps, m->key.outside, m->key.proto, m->port);
        tally_add(table->shares, &inside);
    }
}

static void unlink_outside(struct mapping_table *table, uint32_t number)
{
    struct mapping *m = &table->mappings[number];
    uint32_t *link = &table->outside[outside_chain(table, &m->key, m->port, level_of(&m->key))];
    while (*link != number)
        link = &table->mappings[*link].next_outside;
    *link = m->next_outside;
    count_crowd(table, m, UINT32_MAX);
    if (level_of(&m->key) == LEVEL_ALL) {
        struct tally_key inside = share_key(&m->key);
        ports_free(table->maps, m->key.outside, m->key.proto, m->port);
        tally_take(table->shares, &inside);
    }
}

static void give_back(struct mapping_table *table, uint32_t number)
{
    table->mappings[number].next_inside = table->free;
    table->free = number;
}

/* A mapping that nobody uses and that does not rest. */
static void end(struct mapping_table *table, uint32_t number)
{
    unlink_inside(table, number);
    unlink_outside(table, number);
    give_back(table, number);
}

/* ---- resting ---- */

static uint32_t *younger_link(struct mapping_table *table, uint32_t older)
{
    return older == MAPPING_NONE ? &table->oldest : &table->mappings[older].younger;
}

static uint32_t *older_link(struct mapping_table *table, uint32_t younger)
{
    return younger == MAPPING_NONE ? &table->youngest : &table->mappings[younger].older;
}

static void rest(struct mapping_table *table, uint32_t number)
{
    struct mapping *m = &table->mappings[number];
    m->since = (uint32_t)table->tick;
    m->older = table->youngest;
    m->younger = MAPPING_NONE;
    *younger_link(table, m->older) = number;
    table->youngest = number;
}

static void wake(struct mapping_table *table, uint32_t number)
{
    const struct mapping *m = &table->mappings[number];
    *younger_link(table, m->older) = m->younger;
    *older_link(table, m->younger) = m->older;
}

static void end_oldest(struct mapping_table *table)
{
    uint32_t number = table->oldest;
    wake(table, number);
    end(table, number);
}

void mapping_set_time(struct mapping_table *table, uint64_t tick)
{
    if (tick > table->tick)
        table->tick = tick;
    while (table->oldest != MAPPING_NONE &&
           (uint32_t)table->tick - table->mappings[table->oldest].since >= CONN_SECONDS(MAPPING_REST))
        end_oldest(table);
}

static uint32_t take(struct mapping_table *table)
{
    if (table->free == MAPPING_NONE && table->touched == table->room && table->oldest != MAPPING_NONE)
        end_oldest(table);
    uint32_t i = table->free;
    if (i != MAPPING_NONE)
        table->free = table->mappings[i].next_inside;
    else if (table->touched < table->room)
        i = table->touched++;
    return i;
}

/* ---- using ---- */

/* Whether one that is there already, and rests, is what would now be chosen for its inside, or could be. */
static bool is_good(const struct mapping *m, const struct mapping_choice *choice)
{
    bool is_within = choice->first <= m->port && m->port <= choice->last;
    if (m->port != m->key.port)
        return choice->keep != MAPPING_KEEP_ALWAYS && is_within && !is_spoken_for(choice, m->port);
    return (is_within || choice->keep != MAPPING_KEEP_WITHIN) && !is_spoken_for(choice, m->port);
}

/* The mapping of a key that is there already, with one more use.
 * => MAPPING_NONE if there is none, or none any more */
static uint32_t use_again(struct mapping_table *table, const struct mapping_key *key,
                          const struct mapping_choice *choice)
{
    uint32_t i = find(table, key, false);
    if (i == MAPPING_NONE)
        return MAPPING_NONE;
    struct mapping *m = &table->mappings[i];
    if (m->uses == 0) {
        wake(table, i);
        if (!is_good(m, choice)) {
            end(table, i);
            return MAPPING_NONE;
        }
    }
    m->uses++;
    m->is_fresh = false;
    return i;
}

static uint32_t make(struct mapping_table *table, const struct mapping_key *key, const struct mapping_choice *choice)
{
    const struct search s = {table, key, choice, ports_find(table->maps, key->outside, key->proto)};
    uint32_t port = has_share(&s) ? PORTS : choose(table, &s), i;
    if (port == PORTS || (i = take(table)) == MAPPING_NONE)
        return MAPPING_NONE;
    table->mappings[i] = (struct mapping){.key = *key, .port = (uint16_t)port, .is_fresh = true, .uses = 1};
    link_inside(table, i);
    link_outside(table, i);
    return i;
}

uint32_t mapping_use(struct mapping_table *table, const struct mapping_key *key, const struct mapping_choice *choice,
                     uint16_t *port)
{
    uint32_t i = use_again(table, key, choice);
    if (i == MAPPING_NONE)
        i = make(table, key, choice);
    if (i == MAPPING_NONE)
        return MAPPING_NONE;
    if (choice->keep == MAPPING_KEEP_ALWAYS && table->mappings[i].port != key->port) { /* of others that live */
        table->mappings[i].uses--;
        return MAPPING_NONE;
    }
    *port = table->mappings[i].port;
    return i;
}

uint32_t mapping_note_peer(struct mapping_table *table, uint32_t number, uint32_t remote)
{
    struct mapping *m = &table->mappings[number];
    if (!table->has_peers || level_of(&m->key) != LEVEL_ALL)
        return number;
    struct mapping_key key = peer_key(m, remote);
    uint32_t peer = find(table, &key, true);
    if (peer != MAPPING_NONE) {
        table->mappings[peer].uses++;
        m->uses--; /* the peer uses it */
        return peer;
    }
    if ((peer = take(table)) == MAPPING_NONE)
        return number;
    table->mappings[peer] =
        (struct mapping){.key = key, .port = m->port, .is_peer = true, .uses = 1, .next_outside = number};
    link_inside(table, peer);
    return peer;
}

uint32_t mapping_join(struct mapping_table *table, uint32_t first, uint32_t second)
{
    uint32_t joint = take(table);
    if (joint != MAPPING_NONE)
        table->mappings[joint] =
            (struct mapping){.is_joint = true, .uses = 1, .next_inside = second, .next_outside = first};
    return joint;
}

void mapping_hold(struct mapping_table *table, uint32_t number)
{
    table->mappings[number].uses++;
}

/* => the mapping that nobody uses any more, or MAPPING_NONE if somebody does */
static uint32_t let_go(struct mapping_table *table, uint32_t number)
{
    struct mapping *m = &table->mappings[number];
    if (--m->uses != 0)
        return MAPPING_NONE;
    if (!m->is_peer && !m->is_joint)
        return number;
    uint32_t used = m->next_outside, other = m->is_joint ? m->next_inside : MAPPING_NONE;
    if (m->is_peer)
        unlink_inside(table, number);
    give_back(table, number);
    if (other != MAPPING_NONE)
        mapping_release(table, other);
    return let_go(table, used);
}

void mapping_release(struct mapping_table *table, uint32_t number)
{
    uint32_t unused = let_go(table, number);
    if (unused != MAPPING_NONE)
        rest(table, unused);
}

void mapping_cancel(struct mapping_table *table, uint32_t number)
{
    uint32_t unused = let_go(table, number);
    if (unused == MAPPING_NONE)
        return;
    if (table->mappings[unused].is_fresh)
        end(table, unused);
    else
        rest(table, unused);
}
