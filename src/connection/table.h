/* The connection table: a fixed number of connections, found by the tuple of either direction, from several workers at
 * once.
 *
 * Slots. A connection lives in a slot of an array and is named by its index, never by its address. Slots that
 * have been used are taken before fresh ones, so that sweeping for what is over costs what was ever in use at one time
 * and not what there is room for.
 *
 * Index. Buckets of one cache line with ten entries each: a tag of the hash, and a reference to a slot and direction.
 * What finds no place in its own bucket goes to the next one that has, and each bucket passed over counts it, so that a
 * search stops at the first bucket that nothing has passed. An entry never moves while its connection lives.
 *
 * Synchronisation. Finding takes no lock but that of the connection found: tags and references are atomics; the tuple
 * is compared under the slot's lock, which conn_find() leaves held. Whatever adds or removes holds the table's lock
 * (conn_lock_table()). Lock order: table before slot. Nobody who holds a slot may ask for the table. Where there is but
 * one thread (conn_set_alone()) slots are held without a lock.
 *
 * Time is in ticks of 2^24 ns (about 17 ms), 32 bits of them, compared by difference; no timer is longer than 2^30
 * ticks.
 */
#ifndef CONNECTION_TABLE_H
#define CONNECTION_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection/hash.h"
#include "connection/spin.h"
#include "tidegate/packet.h"

#define CONN_TICK_SHIFT 24
/* Ticks in which at least `s` seconds pass: one more for the part of a tick cut off here, and one for the part of the
 * tick that has passed when the timer starts. */
#define CONN_SECONDS(s) ((uint32_t)(((uint64_t)(s)*UINT64_C(1000000000) >> CONN_TICK_SHIFT) + 2))

enum conn_direction { CONN_ORIGINAL, CONN_REPLY };

enum {
    CONN_ANSWERED = 0x01,    /* a packet of the reply direction has passed */
    CONN_DESTINATION = 0x02, /* the original direction's destination is translated */
    CONN_SOURCE = 0x04,      /* and its source */
    CONN_HALVES = 0x08,      /* source and destination address are translated: it can be found half translated, too */
    CONN_ADMITTED = 0x20,    /* begun by a stranger, or another inside, whom a mapping let in */
    CONN_METERED = 0x10,     /* counted among the living of its statement (meter.h) */
    CONN_ANNOUNCED = 0x40,   /* begun as a control connection announced (expectation.h) */
    CONN_WAITS = 0x80,       /* begun by an inside to another's mapping, whose inside has not spoken to it yet: none of
                                its packets passes */
};

/* How a connection stands with those who share out the room: no more than the table's user makes of it. */
enum {
    CONN_STANDS_COUNTED = 0x01,  /* it counts as one of its beginner's */
    CONN_STANDS_OUTSIDE = 0x02,  /* who is outside */
    CONN_STANDS_OPENING = 0x04,  /* TCP that has not been established */
    CONN_STANDS_UNPROVEN = 0x08, /* not TCP, begun outside: its beginner has still to show that he is there */
};

/* What one side of a TCP connection has said; see tcp.h. */
struct conn_side {
    uint32_t end;    /* the sequence number behind the last one sent */
    uint32_t limit;  /* the highest one that the other side's window lets it send */
    uint32_t acked;  /* the highest acknowledgement sent */
    uint32_t window; /* the largest window announced, scaled */
};

#define CONN_NONE UINT32_MAX

struct conn {
    spin_t lock;
    uint8_t family; /* 0: the slot is free */
    uint8_t proto;
    uint8_t state;     /* enum tcp_state */
    uint8_t flags;     /* CONN_… */
    uint8_t zone[2];   /* by which packets of each direction come in; they leave by the other's */
    uint8_t scale[2];  /* window scale of each side; see tcp.h */
    uint8_t standing;  /* CONN_STANDS_…; changed only with the table held too, so that either is enough to read */
    uint16_t ports[4]; /* original source and destination, reply source and destination */
    _Atomic uint32_t deadline; /* tick at which it ends unless something refreshes it */
    uint32_t generation;       /* of the load that judged it last */
    uint32_t statement;        /* that let it begin, in the policy of that load */
    uint32_t mapping;          /* of its source, or CONN_NONE; the next free slot while it is free */
    uint32_t assisted; /* of a connection that a helper reads, or that one announced (expectation.h); or CONN_NONE */
    union {
        uint32_t v4[4];       /* in the order of ports */
        struct tg_addr v6[2]; /* source and destination: IPv6 addresses are never translated */
    } addr;
    struct conn_side side[2];
};

struct conn_table;

/* The memory that a table for `room` connections takes, in bytes. */
size_t conn_table_size(uint32_t room);

/* => a table, or NULL without memory */
struct conn_table *conn_table_new(uint32_t room, const uint64_t secret[4]);
void conn_table_free(struct conn_table *table);

/* Only one thread will ever find or enter connections: theirs need no locks. The table's still does. Before the table
 * is used. */
void conn_set_alone(struct conn_table *table);

void conn_lock_table(struct conn_table *table);
bool conn_try_table(struct conn_table *table); /* => true if it was free and is now held */
void conn_unlock_table(struct conn_table *table);

/* Find a connection by the tuple of a packet as it comes in.
 * => the connection, locked, and the direction of the packet; or NULL. Its time may be over: conn_is_over() */
struct conn *conn_find(struct conn_table *table, const struct tg_tuple *tuple, enum conn_direction *direction);

/* The same in three steps, for who has several to find: each begins to bring near what the next will look at. A clue is
 * good for this table at any time, and never wrong: what it leads to is compared. */
struct conn_clue {
    uint32_t hash, ref;
};
struct conn_clue conn_clue(const struct conn_table *table, const struct tg_tuple *tuple);
void conn_follow_clue(const struct conn_table *table, struct conn_clue *clue);
struct conn *conn_find_by(struct conn_table *table, const struct tg_tuple *tuple, const struct conn_clue *clue,
                          enum conn_direction *direction);

/* The same by what a packet looks like that is translated but for its source address (CONN_HALVES). */
struct conn *conn_find_half(struct conn_table *table, const struct tg_tuple *tuple, enum conn_direction *direction);

static inline void conn_unlock(struct conn *conn)
{
    spin_release(&conn->lock);
}

static inline bool conn_is_over(const struct conn *conn, uint32_t tick)
{
    uint32_t deadline = atomic_load_explicit(&conn->deadline, memory_order_relaxed);
    return (int32_t)(tick - deadline) >= 0;
}

static inline void conn_refresh(struct conn *conn, uint32_t tick, uint32_t ticks)
{
    atomic_store_explicit(&conn->deadline, tick + ticks, memory_order_relaxed);
}

/* The tuple of a packet of `direction` as it comes in. */
static inline struct tg_tuple conn_tuple(const struct conn *conn, enum conn_direction direction)
{
    const uint16_t *ports = &conn->ports[direction * 2];
    struct tg_tuple tuple = {.sport = ports[0], .dport = ports[1], .family = conn->family, .proto = conn->proto};
    if (conn->family == TG_IPV4) {
        tuple.src = tg_ipv4(conn->addr.v4[direction * 2]);
        tuple.dst = tg_ipv4(conn->addr.v4[direction * 2 + 1]);
    } else {
        tuple.src = conn->addr.v6[direction];
        tuple.dst = conn->addr.v6[!direction];
    }
    return tuple;
}

/* And as it leaves: what the other side would answer to. */
static inline struct tg_tuple conn_tuple_out(const struct conn *conn, enum conn_direction direction)
{
    struct tg_tuple answer = conn_tuple(conn, !direction);
    return tg_tuple_flip(&answer);
}

/* Enter a connection: packets of its beginner come as `original`, the answers to them come as `reply`. The flags are
 * found from the tuples. The caller holds the table and has made sure that neither tuple is there.
 * => the connection, locked, all else zero; or NULL if the table is full, or a quarter of it are CONN_HALVES already */
struct conn *conn_add(struct conn_table *table, const struct tg_tuple *original, const struct tg_tuple *reply);

/* Told of each connection that is taken out, just before it is: what it used elsewhere is free. */
typedef void conn_release_fn(void *context, struct conn *conn);

/* Take a connection out. The caller holds the table and the connection, and only the table afterwards. */
void conn_remove(struct conn_table *table, struct conn *conn, conn_release_fn *release, void *context);

/* Where room is short: whether a connection, which is held, may end though its time is not over. */
typedef bool conn_aged_fn(void *context, const struct conn *conn, uint32_t tick);

/* Have sweeps ask that of every connection while the table is more than three quarters full. `context` is the sweep's.
 * Before the table is used. */
void conn_set_ageing(struct conn_table *table, conn_aged_fn *is_aged);

/* How short room is: 0 up to three quarters full, CONN_PRESSURE_FULL where there is none left. */
#define CONN_PRESSURE_FULL 256
uint32_t conn_pressure(const struct conn_table *table);

/* Of the next few connections whose standing, as far as `mask` says, is `standing`, that which would be over first. As
 * what is taken out here makes room for what comes next, and the search goes on behind it, a flood pushes out the
 * oldest of its kind. Cheap if a good part of the table stands so. The caller holds the table.
 * => the connection, locked; or NULL if none was found near: the next search looks elsewhere */
struct conn *conn_oldest(struct conn_table *table, uint8_t mask, uint8_t standing);

/* Look through part of the table for connections that are over, in proportion to the time that passed since the last
 * sweep, and take them out. `tick` is not cut to 32 bits: a jump longer than any timer ends all, one back ends nothing.
 * The caller holds the table. */
void conn_sweep(struct conn_table *table, uint64_t tick, conn_release_fn *release, void *context);

/* Look through `most` of its places, or all if it has no more, from where the last sweep ended. */
void conn_sweep_some(struct conn_table *table, uint32_t most, uint32_t tick, conn_release_fn *release, void *context);

/* Whether conn_sweep() would have anything to look at. */
bool conn_sweep_is_due(const struct conn_table *table, uint32_t tick);

/* How many there are now, and were at most at one time. */
uint32_t conn_count(const struct conn_table *table);
uint32_t conn_peak(const struct conn_table *table);
uint32_t conn_room(const struct conn_table *table);

#endif
