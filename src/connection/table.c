#include "connection/table.h"

#include <stdlib.h>
#include <string.h>

#include "pages/pages.h"

enum {
    BUCKET_ENTRIES = 10,
    BUCKET_BYTES = 64,
    SWEEP_PERIOD = CONN_SECONDS(2), /* in which the whole table is looked through once */
};

/* References: a slot, and which of its tuples the entry is for. */
enum { REF_ORIGINAL, REF_REPLY, REF_HALF_ORIGINAL, REF_HALF_REPLY, REF_KINDS };

struct bucket {
    _Atomic uint32_t tags[BUCKET_ENTRIES / 2]; /* of 16 bits, two in a word, the even one in its lower half; 0: empty */
    _Atomic uint32_t passed;                   /* entries that wanted to be here and found no place */
    _Atomic uint32_t ref[BUCKET_ENTRIES];
};

_Static_assert(sizeof(struct bucket) == BUCKET_BYTES, "a bucket is one cache line");
_Static_assert(sizeof(struct conn) <= 104, "a connection has grown: think of 64 MB routers first");

struct conn_table {
    /* immutable */
    struct hash_key key;
    struct bucket *buckets;
    struct conn *slots;
    uint32_t bucket_count, room;
    conn_aged_fn *is_aged; /* or NULL */
    bool is_alone;         /* whoever holds a connection: nobody else asks for one */

    /* protected by lock */
    spin_t lock;
    uint32_t free;          /* the first slot of the free list, or CONN_NONE */
    uint32_t touched;       /* slots below this have been used */
    uint32_t halves;        /* connections with CONN_HALVES */
    uint32_t cursor;        /* of the sweep */
    uint32_t hand;          /* of conn_oldest() */
    uint64_t latest;        /* the tick of the last one, in full */
    _Atomic uint32_t swept; /* and as ticks are compared */
    _Atomic uint32_t count, peak;
};

/* Two entries a connection, 70 % full at most. */
static uint32_t buckets_for(uint32_t room)
{
    return (uint32_t)((uint64_t)room * 2 * 10 / 7 / BUCKET_ENTRIES + 1);
}

/* Those with halves have four entries: with a quarter of them the index is 87.5 % full. */
static uint32_t most_halves(uint32_t room)
{
    return room / 4 + 1;
}

size_t conn_table_size(uint32_t room)
{
    return sizeof(struct conn_table) + pages_size(room, sizeof(struct conn)) +
           pages_size(buckets_for(room), sizeof(struct bucket));
}

struct conn_table *conn_table_new(uint32_t room, const uint64_t secret[4])
{
    struct conn_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->bucket_count = buckets_for(room);
    table->room = room;
    table->buckets = pages_new(table->bucket_count, sizeof *table->buckets);
    table->slots = pages_new(room, sizeof *table->slots);
    if (table->buckets == NULL || table->slots == NULL) {
        conn_table_free(table);
        return NULL;
    }
    hash_key_init(&table->key, secret);
    table->free = CONN_NONE;
    return table;
}

void conn_table_free(struct conn_table *table)
{
    if (table == NULL)
        return;
    pages_free(table->buckets, table->bucket_count, sizeof *table->buckets);
    pages_free(table->slots, table->room, sizeof *table->slots);
    free(table);
}

static inline void hold(const struct conn_table *table, struct conn *conn)
{
    if (!table->is_alone)
        spin_take(&conn->lock);
}

/* Bring a slot near, which may lie across three lines of a cache. In line always: a call to what does nothing else is
 * left out by compilers, as one that does nothing. */
static inline __attribute__((always_inline)) void prefetch(const struct conn *slot)
{
    enum { LINE = 64 };
    _Static_assert(sizeof *slot > LINE && sizeof *slot <= 2 * LINE, "no line is missed");
    __builtin_prefetch(slot, 1);
    __builtin_prefetch((const char *)slot + LINE, 1);
    __builtin_prefetch((const char *)(slot + 1) - 1, 1);
}

void conn_set_alone(struct conn_table *table)
{
    table->is_alone = true;
}

void conn_lock_table(struct conn_table *table)
{
    spin_take(&table->lock);
}

bool conn_try_table(struct conn_table *table)
{
    return spin_try(&table->lock);
}

void conn_unlock_table(struct conn_table *table)
{
    spin_release(&table->lock);
}

/* As packets of `direction` look when all but their source address is translated. Its port tells apart those that one
 * device has, from one port, with two outside ports of one server. */
static struct tg_tuple half_tuple(const struct conn *conn, enum conn_direction direction)
{
    struct tg_tuple tuple = conn_tuple_out(conn, direction);
    tuple.src = conn_tuple(conn, direction).src;
    return tuple;
}

static struct tg_tuple tuple_of_kind(const struct conn *conn, unsigned kind)
{
    enum conn_direction direction = kind & 1 ? CONN_REPLY : CONN_ORIGINAL;
    return kind < REF_HALF_ORIGINAL ? conn_tuple(conn, direction) : half_tuple(conn, direction);
}

/* The comparison of conn_tuple() without making one: this is what every packet pays for. */
static inline bool is_tuple(const struct conn *conn, enum conn_direction direction, const struct tg_tuple *t)
{
    const uint16_t *ports = &conn->ports[direction * 2];
    if (conn->family != t->family || conn->proto != t->proto || ports[0] != t->sport || ports[1] != t->dport)
        return false;
    if (conn->family == TG_IPV4)
        return conn->addr.v4[direction * 2] == t->src.lo && conn->addr.v4[direction * 2 + 1] == t->dst.lo;
    return tg_addr_equal(conn->addr.v6[direction], t->src) && tg_addr_equal(conn->addr.v6[!direction], t->dst);
}

static bool is_kind(const struct conn *conn, unsigned kind, const struct tg_tuple *tuple)
{
    if (kind < REF_HALF_ORIGINAL)
        return is_tuple(conn, kind & 1, tuple);
    if (conn->family == 0 || !(conn->flags & CONN_HALVES))
        return false;
    struct tg_tuple half = half_tuple(conn, kind & 1);
    return tg_tuple_equal(&half, tuple);
}

static uint32_t home_of(const struct conn_table *table, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * table->bucket_count >> 32);
}

/* The bucket comes from the upper bits of the hash, the tag from the lower. */
static uint16_t tag_of(uint32_t hash)
{
    return (uint16_t)hash == 0 ? 1 : (uint16_t)hash;
}

static uint32_t next_bucket(const struct conn_table *table, uint32_t i)
{
    return i + 1 == table->bucket_count ? 0 : i + 1;
}

static uint16_t tag_at(const struct bucket *bucket, int i)
{
    return (uint16_t)(atomic_load_explicit(&bucket->tags[i / 2], memory_order_relaxed) >> i % 2 * 16);
}

/* The caller holds the table: nobody else writes. */
static void set_tag(struct bucket *bucket, int i, uint16_t tag)
{
    uint32_t word = atomic_load_explicit(&bucket->tags[i / 2], memory_order_relaxed);
    word = (word & ~(UINT32_C(0xffff) << i % 2 * 16)) | (uint32_t)tag << i % 2 * 16;
    atomic_store_explicit(&bucket->tags[i / 2], word, memory_order_release);
}

/* The halves of a word of tags that are a tag, given twice in `both`, at the highest bit of each: of what a half of
 * zero has 1 subtracted from, that bit is borrowed from. A borrow may also reach the other half, which is then compared
 * in vain. */
static inline uint32_t halves_with(const struct bucket *bucket, int word, uint32_t both)
{
    uint32_t x = atomic_load_explicit(&bucket->tags[word], memory_order_acquire) ^ both;
    return (x - UINT32_C(0x10001)) & ~x & UINT32_C(0x80008000);
}

/* The entries of a bucket with this tag, a bit each: that of entry i is bit i / 2, or, if i is odd, bit 16 + i / 2. */
static inline uint32_t entries_with(const struct bucket *bucket, uint16_t tag)
{
    uint32_t both = tag * UINT32_C(0x10001);
    _Static_assert(BUCKET_ENTRIES == 10, "each word is looked at");
    return halves_with(bucket, 0, both) >> 15 | halves_with(bucket, 1, both) >> 14 |
           halves_with(bucket, 2, both) >> 13 | halves_with(bucket, 3, both) >> 12 | halves_with(bucket, 4, both) >> 11;
}

/* The entry that the lowest of these bits is for. */
static inline int first_entry(uint32_t bits)
{
    int bit = __builtin_ctz(bits);
    return bit % 16 * 2 + bit / 16;
}

/* => the connection that a reference is to, locked, if the tuple is that one's */
static inline struct conn *take(struct conn_table *table, uint32_t ref, const struct tg_tuple *tuple)
{
    struct conn *conn = &table->slots[ref / REF_KINDS];
    hold(table, conn);
    if (is_kind(conn, ref % REF_KINDS, tuple))
        return conn;
    spin_release(&conn->lock);
    return NULL;
}

static enum conn_direction direction_of(uint32_t ref)
{
    return ref & 1 ? CONN_REPLY : CONN_ORIGINAL;
}

/* Search for a tuple among entries of two kinds, `first` and `first` + 1. */
static struct conn *find(struct conn_table *table, const struct tg_tuple *tuple, uint32_t hash, unsigned first,
                         enum conn_direction *direction)
{
    uint16_t tag = tag_of(hash);
    for (uint32_t at = home_of(table, hash), looked = 0; looked < table->bucket_count; looked++) {
        struct bucket *bucket = &table->buckets[at];
        for (uint32_t left = entries_with(bucket, tag); left != 0; left &= left - 1) {
            uint32_t ref = atomic_load_explicit(&bucket->ref[first_entry(left)], memory_order_relaxed);
            struct conn *conn = (ref % REF_KINDS & ~1u) == first ? take(table, ref, tuple) : NULL;
            if (conn != NULL) {
                *direction = direction_of(ref);
                return conn;
            }
        }
        if (atomic_load_explicit(&bucket->passed, memory_order_acquire) == 0)
            return NULL;
        at = next_bucket(table, at);
    }
    return NULL;
}

struct conn *conn_find(struct conn_table *table, const struct tg_tuple *tuple, enum conn_direction *direction)
{
    return find(table, tuple, hash_tuple(&table->key, tuple), REF_ORIGINAL, direction);
}

/* No reference is this one: there are fewer slots. */
enum { REF_NONE = -1 };

struct conn_clue conn_clue(const struct conn_table *table, const struct tg_tuple *tuple)
{
    struct conn_clue clue = {hash_tuple(&table->key, tuple), (uint32_t)REF_NONE};
    __builtin_prefetch(&table->buckets[home_of(table, clue.hash)]);
    return clue;
}

void conn_follow_clue(const struct conn_table *table, struct conn_clue *clue)
{
    const struct bucket *bucket = &table->buckets[home_of(table, clue->hash)];
    uint32_t found = entries_with(bucket, tag_of(clue->hash));
    if (found == 0)
        return;
    clue->ref = atomic_load_explicit(&bucket->ref[first_entry(found)], memory_order_relaxed);
    prefetch(&table->slots[clue->ref / REF_KINDS]);
}

struct conn *conn_find_by(struct conn_table *table, const struct tg_tuple *tuple, const struct conn_clue *clue,
                          enum conn_direction *direction)
{
    if (clue->ref != (uint32_t)REF_NONE && clue->ref % REF_KINDS < REF_HALF_ORIGINAL) {
        struct conn *conn = &table->slots[clue->ref / REF_KINDS];
        *direction = direction_of(clue->ref);
        hold(table, conn);
        if (is_tuple(conn, *direction, tuple))
            return conn;
        spin_release(&conn->lock);
    }
    return find(table, tuple, clue->hash, REF_ORIGINAL, direction);
}

struct conn *conn_find_half(struct conn_table *table, const struct tg_tuple *tuple, enum conn_direction *direction)
{
    return find(table, tuple, hash_tuple(&table->key, tuple), REF_HALF_ORIGINAL, direction);
}

static int empty_entry(struct bucket *bucket)
{
    for (int i = 0; i < BUCKET_ENTRIES; i++)
        if (tag_at(bucket, i) == 0)
            return i;
    return -1;
}

/* There is always a place: the index is larger than all connections need, as conn_add() lets in no more than
 * most_halves(). */
static void index_add(struct conn_table *table, const struct conn *conn, unsigned kind)
{
    struct tg_tuple tuple = tuple_of_kind(conn, kind);
    uint32_t hash = hash_tuple(&table->key, &tuple);
    uint32_t ref = (uint32_t)(conn - table->slots) * REF_KINDS + kind;
    for (uint32_t at = home_of(table, hash);; at = next_bucket(table, at)) {
        struct bucket *bucket = &table->buckets[at];
        int i = empty_entry(bucket);
        if (i >= 0) {
            atomic_store_explicit(&bucket->ref[i], ref, memory_order_relaxed);
            set_tag(bucket, i, tag_of(hash));
            return;
        }
        atomic_fetch_add_explicit(&bucket->passed, 1, memory_order_release);
    }
}

static void index_remove(struct conn_table *table, const struct conn *conn, unsigned kind)
{
    struct tg_tuple tuple = tuple_of_kind(conn, kind);
    uint32_t hash = hash_tuple(&table->key, &tuple);
    uint32_t ref = (uint32_t)(conn - table->slots) * REF_KINDS + kind;
    for (uint32_t at = home_of(table, hash);; at = next_bucket(table, at)) {
        struct bucket *bucket = &table->buckets[at];
        for (int i = 0; i < BUCKET_ENTRIES; i++) {
            if (atomic_load_explicit(&bucket->ref[i], memory_order_relaxed) == ref &&
                tag_at(bucket, i) == tag_of(hash)) {
                set_tag(bucket, i, 0);
                return;
            }
        }
        atomic_fetch_sub_explicit(&bucket->passed, 1, memory_order_release);
    }
}

static unsigned kinds_of(uint8_t flags)
{
    return flags & CONN_HALVES ? REF_KINDS : REF_HALF_ORIGINAL;
}

static struct conn *take_slot(struct conn_table *table)
{
    if (table->free != CONN_NONE) {
        struct conn *conn = &table->slots[table->free];
        table->free = conn->mapping;
        if (table->free != CONN_NONE)
            prefetch(&table->slots[table->free]); /* for the next one */
        return conn;
    }
    return table->touched == table->room ? NULL : &table->slots[table->touched++];
}

static uint8_t flags_of(const struct tg_tuple *original, const struct tg_tuple *reply)
{
    uint8_t flags = 0;
    bool is_dst_moved = !tg_addr_equal(original->dst, reply->src),
         is_src_moved = !tg_addr_equal(original->src, reply->dst);
    if (is_dst_moved || original->dport != reply->sport)
        flags |= CONN_DESTINATION;
    if (is_src_moved || original->sport != reply->dport)
        flags |= CONN_SOURCE;
    if (is_dst_moved && is_src_moved)
        flags |= CONN_HALVES;
    return flags;
}

static void fill(struct conn *conn, const struct tg_tuple *original, const struct tg_tuple *reply)
{
    conn->family = original->family;
    conn->proto = original->proto;
    conn->ports[0] = original->sport;
    conn->ports[1] = original->dport;
    conn->ports[2] = reply->sport;
    conn->ports[3] = reply->dport;
    if (original->family == TG_IPV4) {
        conn->addr.v4[0] = (uint32_t)original->src.lo;
        conn->addr.v4[1] = (uint32_t)original->dst.lo;
        conn->addr.v4[2] = (uint32_t)reply->src.lo;
        conn->addr.v4[3] = (uint32_t)reply->dst.lo;
    } else {
        conn->addr.v6[0] = original->src;
        conn->addr.v6[1] = original->dst;
    }
    conn->flags = flags_of(original, reply);
    conn->mapping = conn->assisted = CONN_NONE;
}

struct conn *conn_add(struct conn_table *table, const struct tg_tuple *original, const struct tg_tuple *reply)
{
    uint32_t count = atomic_load_explicit(&table->count, memory_order_relaxed);
    bool has_halves = flags_of(original, reply) & CONN_HALVES;
    if (has_halves && table->halves >= most_halves(table->room))
        return NULL;
    struct conn *conn = take_slot(table);
    if (conn == NULL)
        return NULL;
    table->halves += has_halves;
    hold(table, conn);
    fill(conn, original, reply);
    for (unsigned kind = 0; kind < kinds_of(conn->flags); kind++)
        index_add(table, conn, kind);
    atomic_store_explicit(&table->count, ++count, memory_order_relaxed);
    if (count > atomic_load_explicit(&table->peak, memory_order_relaxed))
        atomic_store_explicit(&table->peak, count, memory_order_relaxed);
    return conn;
}

void conn_remove(struct conn_table *table, struct conn *conn, conn_release_fn *release, void *context)
{
    release(context, conn);
    for (unsigned kind = 0; kind < kinds_of(conn->flags); kind++)
        index_remove(table, conn, kind);
    table->halves -= !!(conn->flags & CONN_HALVES);
    /* all but the lock and the deadline, which others may look at */
    conn->family = conn->proto = conn->state = conn->flags = conn->standing = 0;
    memset(conn->zone, 0, sizeof conn->zone);
    memset(conn->scale, 0, sizeof conn->scale);
    memset(conn->side, 0, sizeof conn->side);
    conn->mapping = table->free;
    table->free = (uint32_t)(conn - table->slots);
    spin_release(&conn->lock);
    atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
}

bool conn_sweep_is_due(const struct conn_table *table, uint32_t tick)
{
    return tick != atomic_load_explicit(&table->swept, memory_order_relaxed);
}

void conn_set_ageing(struct conn_table *table, conn_aged_fn *is_aged)
{
    table->is_aged = is_aged;
}

uint32_t conn_pressure(const struct conn_table *table)
{
    uint32_t spare = table->room - conn_count(table), quarter = table->room / 4;
    if (spare >= quarter)
        return 0;
    return CONN_PRESSURE_FULL - (uint32_t)((uint64_t)spare * CONN_PRESSURE_FULL / quarter);
}

static void sweep(struct conn_table *table, uint64_t share, bool all, uint32_t tick, conn_release_fn *release,
                  void *context)
{
    for (; share > 0 && table->touched > 0; share--) {
        if (table->cursor >= table->touched)
            table->cursor = 0;
        struct conn *conn = &table->slots[table->cursor++];
        bool is_short = table->is_aged != NULL && conn_pressure(table) != 0;
        if (!all && !is_short && !conn_is_over(conn, tick))
            continue;
        hold(table, conn);
        bool ends =
            conn->family != 0 && (all || conn_is_over(conn, tick) || (is_short && table->is_aged(context, conn, tick)));
        if (ends)
            conn_remove(table, conn, release, context);
        else
            spin_release(&conn->lock);
    }
}

struct conn *conn_oldest(struct conn_table *table, uint8_t mask, uint8_t standing)
{
    enum { CANDIDATES = 4, LOOKED_AT = 256 };
    struct conn *oldest = NULL;
    uint32_t found = 0, first = 0;
    for (uint32_t looked = 0; looked < LOOKED_AT && looked < table->touched && found < CANDIDATES; looked++) {
        if (table->hand >= table->touched)
            table->hand = 0;
        struct conn *conn = &table->slots[table->hand++];
        if (conn->standing == 0 || (conn->standing & mask) != standing)
            continue;
        uint32_t deadline = atomic_load_explicit(&conn->deadline, memory_order_relaxed);
        if (oldest == NULL || (int32_t)(deadline - first) < 0) {
            oldest = conn;
            first = deadline;
        }
        found++;
    }
    if (oldest == NULL)
        return NULL;
    table->hand = (uint32_t)(oldest - table->slots) + 1;
    hold(table, oldest);
    return oldest;
}

void conn_sweep(struct conn_table *table, uint64_t tick, conn_release_fn *release, void *context)
{
    enum { LONGEST = 1 << 30 }; /* what no timer reaches: after such a jump all is over, whatever the difference says */
    if (tick <= table->latest)
        return; /* another worker's clock is ahead of this one's */
    uint64_t passed = tick - table->latest, share = table->touched;
    if (passed < SWEEP_PERIOD)
        share = share * passed / SWEEP_PERIOD + 1;
    table->latest = tick;
    atomic_store_explicit(&table->swept, (uint32_t)tick, memory_order_relaxed);
    sweep(table, share, passed >= LONGEST, (uint32_t)tick, release, context);
}

void conn_sweep_some(struct conn_table *table, uint32_t most, uint32_t tick, conn_release_fn *release, void *context)
{
    sweep(table, most < table->touched ? most : table->touched, false, tick, release, context);
}

uint32_t conn_count(const struct conn_table *table)
{
    return atomic_load_explicit(&table->count, memory_order_relaxed);
}

uint32_t conn_peak(const struct conn_table *table)
{
    return atomic_load_explicit(&table->peak, memory_order_relaxed);
}

uint32_t conn_room(const struct conn_table *table)
{
    return table->room;
}
