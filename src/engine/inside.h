/* What the engine is made of: shared by the files of this folder alone.
 *
 *   engine.c  life, loading, counters
 *   judge.c   the way of a packet, and what belongs to a known connection
 *   begin.c   what begins a connection: forward and rule
 *   filter.c  strangers that a mapping lets in, and hairpins by one
 *   source.c  the source that it leaves with
 *   room.c    who may have how much of the room
 *   clamp.c   the segment size that TCP agrees on
 *   memory.c  limits, scanners and knocks
 *   pieces.c  fragments
 *   identify.c  identifications of what leaves as another's
 *   assist.c  helpers: control connections, their text and their sequence numbers
 *   announce.c what they announce, and which of it is believed (reading.h)
 *   error.c   ICMP errors, and finding the connection that they speak of
 *
 * Loads. What a packet is judged by is one struct load, reached by one pointer. A worker writes the number of the
 * newest load to `at` before it reads the pointer and zero when it is done, so tg_engine_load() knows when nobody can
 * hold an older one.
 */
#ifndef ENGINE_INSIDE_H
#define ENGINE_INSIDE_H

#include "connection/expectation.h"
#include "connection/mapping.h"
#include "connection/table.h"
#include "engine/counter.h"
#include "fragment/fragment.h"
#include "meter/meter.h"
#include "meter/tally.h"
#include "policy/policy.h"
#include "tidegate/engine.h"
#include "watch/watch.h"
#include "wire/wire.h"

struct hits {
    struct counter packets, bytes;
};

struct load {
    const struct tg_policy *policy;
    const struct tg_network *network;
    uint32_t generation;           /* from 1 */
    uint32_t ticks[POLICY_TIMERS]; /* of each timer */
    size_t statements, workers;
    bool has_helpers;
    bool needs_mac; /* some rule asks for the sender's hardware address */
    /* Passed on to the next load of the same policy. */
    struct hits *hits; /* of each worker in turn, a row each */
    size_t row;        /* `statements`, and so many more that no two workers write to one line of a cache */
    struct meter *meter;
    uint32_t metered_since; /* the generation for which `meter` was made */
    struct watch *watch;
};

struct worker {
    _Alignas(64) _Atomic uint32_t at; /* the generation that it judges by, 0 between packets */
    uint64_t now;                     /* never steps back */
    uint32_t swept;                   /* the latest tick that it knows the table to have been swept at */
    struct counter packets, bytes;
    struct counter verdicts[TG_ACTIONS][TG_REASONS];
};

enum { TOLD = 64 };
struct told {
    uint32_t tick;
    bool is_used;
};

enum { IDENTIFY_COUNTERS = 256 };

enum kind { KIND_TCP, KIND_UDP, KIND_ICMP, KIND_OTHER, KINDS };

struct tg_engine {
    /* immutable */
    struct conn_table *table;
    struct mapping_table *mappings; /* protected by the table's lock */
    struct fragment_table *fragments;
    struct expectation_table
        *expectations; /* from the first load with a helper on; protected as expectation.h has it */
    uint64_t secret[4];
    struct hash_key numbering;
    unsigned worker_count;
    struct worker *workers;

    _Atomic(struct load *) load;
    _Atomic uint32_t generation;
    _Atomic uint32_t numbers[IDENTIFY_COUNTERS]; /* identify.c */
    struct counter begun[KINDS];                 /* written under the table's lock */
    uint32_t emptied; /* the tick of the last search for room in a full table; under the table's lock */

    /* room.c; under the table's lock */
    struct tally *hosts; /* how many connections each has begun, and how many of them are opening */
    uint32_t opening[2]; /* TCP connections that have not been established, begun from inside and from outside */
    uint32_t unproven;   /* connections begun from outside, other than those, whose beginner has yet to show himself */
    uint32_t outside;    /* connections begun from outside */
    struct told told[TOLD]; /* who was told of late that there is no room, by a hash of the address */
};

/* One packet on its way. */
struct passage {
    struct tg_engine *engine;
    const struct load *load;
    struct worker *worker;
    struct hits *hits; /* its row of the load's */
    struct tg_packet *packet;
    const struct tg_arrival *arrival;
    struct tg_verdict *verdict;
    uint64_t now;
    uint32_t tick;
    tg_step_fn *step; /* or NULL */
    void *context;
    struct conn_clue clue; /* to its connection */
    uint32_t came_len;     /* bytes on the wire, as it came: it may leave longer */
    /* On the long way alone. */
    bool is_read;     /* a helper is to read what it carries */
    bool is_repeated; /* it carries text that was written anew before */
    bool is_edited;   /* bytes of it have been changed by a helper */
    bool is_assisted; /* a helper may change packets of its connection */
    /* Of what may begin something, from room_expect() on. */
    uint8_t standing;       /* CONN_STANDS_…, of a connection that nothing has announced */
    struct tally_spot host; /* where its sender is counted, in engine->hosts */
};

/* The ticks that a connection has from now on, as it stands. */
uint32_t timer_of(const struct load *load, const struct conn *conn);

/* Take the table, at the packet's time. */
void lock_table(const struct passage *p);

void passage_tell(const struct passage *p, enum tg_step step, bool fits, uint32_t statement, const char *why);

/* The end of the way: write the verdict. */
void conclude(struct passage *p, enum tg_action action, enum tg_reason reason, enum tg_state state, uint32_t statement);

/* A connection goes: so do its mapping, and its place among the living of its statement. `context` is the engine. */
conn_release_fn release;

/* Take the connection of `tuple` out, if it still is the one that `is_done` is true for. The caller holds neither table
 * nor connection. */
void forget(struct passage *p, const struct tg_tuple *tuple,
            bool (*is_done)(const struct passage *, const struct conn *));

/* What has been decided about a new packet. */
struct decision {
    enum tg_action action;
    uint32_t statement; /* or TG_NO_STATEMENT: the default */
    bool is_forward;    /* decided by a forward statement */
    bool is_hairpin;
    bool is_redirected;     /* a forward has taken it: `inside` has another destination than the packet */
    bool is_admitted;       /* a mapping has, that is open to its source */
    uint8_t through;        /* a mapping of another inside has: the zone that it would leave by; else TG_ZONE_NONE */
    struct tg_tuple came;   /* and as it came */
    uint32_t announced;     /* the expectation that it fulfils, or EXPECTATION_NONE */
    struct tg_tuple inside; /* the packet as the device that gets it will see it, but for the source */
    uint8_t zone_in, zone_out;
};

/* source.c: whether a packet, of no connection that is known, is of one that was begun unseen: it can only go on as it
 * was. */
bool is_picked_up(const struct tg_packet *packet);

/* source.c: the address that a connection leaves with.
 * => false if it must be translated and there is no address to translate it to */
bool source_address(const struct passage *p, const struct decision *d, struct tg_addr *source);

/* source.c: whether a connection whose source is `source` now may go on with it. */
bool is_source_right(const struct passage *p, const struct decision *d, struct tg_addr source);

/* source.c: how the packet leaves; the caller holds the table.
 * => false if there is no port, or no address */
bool choose_source(struct passage *p, const struct decision *d, struct tg_tuple *out, uint32_t *mapping);

/* room.c: a packet may be about to begin something: find what room_admits() and room_enter() will ask, `standing` and
 * `host`, and bring near where this leads. */
void room_expect(struct passage *p);

/* room.c: whether there is room for what begins here, as far as shares and budgets go; an older connection may have had
 * to go for it. The caller holds the table. */
bool room_admits(struct passage *p);

/* room.c: a connection is entered, or goes. The caller holds the table and the connection. */
void room_enter(struct passage *p, struct conn *conn);
void room_leave(struct tg_engine *engine, struct conn *conn);

/* room.c: a connection, held, counts as opening or unproven, and is no more, with a packet of `direction` that has
 * passed. If so room_settle() is to be told, of whoever has that packet's tuple, when nothing is held any more. */
bool room_settles(const struct conn *conn, enum conn_direction direction);
static inline bool room_is_settled(const struct conn *conn, enum conn_direction direction)
{
    return (conn->standing & (CONN_STANDS_OPENING | CONN_STANDS_UNPROVEN)) && room_settles(conn, direction);
}
void room_settle(struct passage *p, const struct tg_tuple *tuple);

/* room.c: whether whoever began what found no room is to be told so: if he is inside, once in a while. The caller holds
 * the table. */
bool room_tells(struct passage *p);

/* room.c: which connections end before their time where room is short; the context is the engine. */
conn_aged_fn room_is_aged;

/* source.c: outside ports for `count` (1 or 2) inside ones, that of `key` and the one behind it, by which `remote` is
 * to come in by `zone`; of two the first is even and they stand together, too. The caller holds the table.
 * => true with the first in *port, and mappings that are in use once more */
bool map_announced(const struct passage *p, uint8_t zone, const struct mapping_key *key, uint32_t remote,
                   uint32_t count, uint16_t *port, uint32_t *mappings);

/* filter.c: whether a packet that begins something is for a mapping that lets its source in; or, where `conn` is one
 * that began so, whether it still could. `key` is the packet as it came. The caller holds `conn` or nothing.
 * => true with the inside address and port in d->inside */
bool filter_admits(const struct passage *p, const struct policy_key *key, const struct conn *conn, struct decision *d);

/* filter.c: whether the mapping that has admitted the packet is still there. The caller holds the table. */
bool filter_still_admits(const struct passage *p, const struct decision *d);

/* filter.c: whether a packet, of a connection that is held, is the inside's first answer to a stranger: from then on
 * the connection uses the mapping, which filter_settle() sees to. Nothing is held.
 * => the connection of the tuple, held; or NULL if there is none any more, as its mapping is gone */
static inline bool filter_is_answer(const struct passage *p, const struct conn *conn, enum conn_direction direction)
{
    bool is_reset = p->packet->kind == TG_TRANSPORT_TCP && (p->packet->tcp.flags & TG_TCP_RST);
    return (conn->flags & CONN_ADMITTED) && conn->mapping == CONN_NONE && direction == CONN_REPLY && !is_reset;
}
struct conn *filter_settle(struct passage *p, const struct tg_tuple *tuple, enum conn_direction *direction);

/* filter.c: whether a packet that begins something inside is for the outside port of another inside's mapping; or,
 * where `conn` is one that began so, whether it still could. `key` is the packet as it came. The caller holds `conn` or
 * nothing.
 * => true with d->through, d->came, and the other inside's address and port in d->inside */
bool filter_reflects(const struct passage *p, const struct policy_key *key, const struct conn *conn,
                     struct decision *d);

/* filter.c: such a packet as what leaves by the zone d->through. */
struct decision filter_leaving(const struct decision *d);

/* filter.c: whether it may come in again by the other's mapping, having left as `out`, with its own in *mapping. The
 * caller holds the table.
 * => true with a use of both in *mapping; what the other has sent before waits no longer */
bool filter_lets_back(struct passage *p, const struct decision *d, const struct tg_tuple *out, uint32_t *mapping);

/* filter.c: room for whom mappings speak to, where the policy wants that known.
 * => 0, or -ENOMEM */
int filter_prepare(struct tg_engine *engine, const struct tg_policy *policy);
bool filter_needs_peers(const struct tg_policy *policy);

/* clamp.c: lower the segment size that a packet offers, if that is due, to what its zones carry, or helpers leave of
 * it.
 * => true if its bytes were changed */
bool clamp_mss(const struct passage *p);
static inline bool clamp_is_due(const struct passage *p)
{
    const struct tg_packet *packet = p->packet;
    return packet->kind == TG_TRANSPORT_TCP && (packet->tcp.flags & TG_TCP_SYN) && p->verdict->action == TG_ACCEPT &&
           !p->verdict->as_it_stands;
}

/* begin.c: a packet that belongs to no connection. */
void judge_new(struct passage *p);

/* begin.c: whether what lets `conn` be is still so under the load at hand, with the same translation; if so it has been
 * marked as judged. The caller holds the connection.
 * => true; or false, with the decision as judge_new() would have it written to *action and *statement */
bool is_still_allowed(struct passage *p, struct conn *conn, enum tg_action *action, uint32_t *statement);

/* begin.c: the same question of a connection that is not asked for itself, and nothing is marked. */
bool would_allow(const struct passage *p, const struct conn *conn, struct decision *d);

/* assist.c: room for what helpers announce, where the policy has any.
 * => 0, or -ENOMEM */
int assist_prepare(struct tg_engine *engine, const struct tg_policy *policy);

/* assist.c: a connection, held with the table, has begun: if it is for a helper, that reads it. */
void assist_begin(struct passage *p, struct conn *conn);

/* assist.c: a packet of a connection that has its entry among the assisted, before it is judged: what it acknowledges
 * is put as its receiver counts, in its description alone.
 * => false if it is a part of text that was written anew, and cannot be so again: it cannot pass */
bool assist_hear(struct passage *p, const struct conn *conn, enum conn_direction direction);

/* assist.c: the same when it passes; `counts`: as TCP_PASS. Its bytes are put right. */
void assist_pass(struct passage *p, const struct conn *conn, enum conn_direction direction, bool counts);

/* assist.c: an ICMP error that quotes a packet of such a connection, which went in `direction`: its numbers are put as
 * its sender counts. The caller holds it. */
void assist_restore(struct passage *p, const struct conn *conn, enum conn_direction direction);

/* assist.c: read a packet for which is_read or is_repeated has been set, and that passes; nothing is held. */
void assist_read(struct passage *p);

/* assist.c: whether a packet that begins something has been announced, so that no rule need allow it.
 * => true with all of *d */
bool assist_expects(struct passage *p, struct decision *d);

/* assist.c: then, with the table held: whether it still is; with the source that it is to leave with, and if that is
 * its own, the mapping of the outside port that it came to, in use once more, or else MAPPING_NONE. And when its
 * connection has been entered. */
bool assist_hold(const struct passage *p, const struct decision *d, struct tg_addr *source, uint32_t *mapping);
void assist_join(const struct passage *p, const struct decision *d, struct conn *conn);

/* assist.c: whether an announced connection is to be let be still, by what lets its control connection be. */
bool assist_allows(struct passage *p, const struct conn *conn, uint32_t *statement);

/* assist.c: a connection goes; the table is held. */
void assist_leave(struct tg_engine *engine, struct conn *conn);

/* Whether the load at hand, or a newer one, has judged a connection. */
static inline bool is_judged(const struct passage *p, const struct conn *conn)
{
    return (int32_t)(conn->generation - p->load->generation) >= 0;
}

/* The statement that lets a connection be, in the policy of the load at hand; TG_NO_STATEMENT if another load judged it
 * last. */
static inline uint32_t statement_of(const struct passage *p, const struct conn *conn)
{
    return conn->generation == p->load->generation ? conn->statement : TG_NO_STATEMENT;
}

/* judge.c: a packet of a connection that the caller holds, and that is let go of here.
 * => true if a verdict was given; false if the connection is over, and has been forgotten, or the packet begins it
 * anew, if the rules allow that: then begin() forgets it */
bool judge_known(struct passage *p, struct conn *conn, enum conn_direction direction);

/* judge.c: a packet with its transport header: all of it, or a first fragment. */
void judge_whole(struct passage *p);

/* pieces.c: a fragment; and whatever else there is of the datagram of a packet that is malformed. */
void judge_fragment(struct passage *p);
void refuse_rest(struct passage *p);

/* pieces.c: the second half of a fragment's translation; of a first one its identification alone, behind the rest. */
bool finish_fragment(struct tg_engine *engine, struct tg_packet *packet);

/* identify.c: once, when the engine has its secret. */
void identify_start(struct tg_engine *engine);

/* identify.c: whether a packet has an identification that means anything. */
static inline bool identify_may_be_due(const struct tg_packet *packet)
{
    return packet->outer.tuple.family == TG_IPV4 &&
           (packet->fragment || !(wire_get16(packet->data + IP4_FRAGMENT) & IP4_DONT));
}

/* identify.c: whether a packet that leaves with the source `src` needs a new identification; one from `src` to `dst`.
 */
bool identify_is_due(const struct tg_packet *packet, struct tg_addr src);
uint16_t identify(struct tg_engine *engine, const struct tg_packet *packet, struct tg_addr src, struct tg_addr dst);

/* identify.c: give a packet one, whose source has been rewritten, if it needs one and is no fragment. */
void identify_whole(struct tg_engine *engine, struct tg_packet *packet);

/* error.c */
void judge_error(struct passage *p);
bool finish_error(struct tg_engine *engine, struct tg_packet *packet);

/* error.c: whether a capture shows a packet that the router had already sent out; if so the verdict has been given. */
bool is_copy(struct passage *p);

/* memory.c: what the policy may ask for a packet that begins something. Good as long as `p` is. */
struct policy_memory memory_of(struct passage *p);

/* memory.c: a connection, held, whose statement lets it be from now on, or no longer. */
void memory_enter(const struct load *load, struct conn *conn);
void memory_leave(const struct load *load, struct conn *conn);

/* memory.c: whether the source of a packet that begins something is blocked; then the verdict has been given. `came` is
 * the packet as it came. */
bool memory_refuses(struct passage *p, const struct policy_key *came);

/* memory.c: take note of what has been decided about it.
 * => true if that has its source blocked; then the verdict has been given */
bool memory_notes(struct passage *p, const struct policy_key *came, bool is_refused);

#endif
