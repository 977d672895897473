/* What the engine is made of: shared by the files of this folder alone.
 *
 *   engine.c  life, loading, counters
 *   judge.c   the way of a packet, and what belongs to a known connection
 *   begin.c   what begins a connection: forward and rule
 *   filter.c  strangers that a mapping lets in
 *   source.c  the source that it leaves with
 *   clamp.c   the segment size that TCP agrees on
 *   memory.c  limits, scanners and knocks
 *   error.c   ICMP errors, and finding the connection that they speak of
 *
 * Loads. What a packet is judged by is one struct load, reached by one pointer. A worker writes the number of the
 * newest load to `at` before it reads the pointer and zero when it is done, so tg_engine_load() knows when nobody can
 * hold an older one.
 */
#ifndef ENGINE_INSIDE_H
#define ENGINE_INSIDE_H

#include "connection/mapping.h"
#include "connection/table.h"
#include "engine/counter.h"
#include "fragment/fragment.h"
#include "meter/meter.h"
#include "policy/policy.h"
#include "tidegate/engine.h"
#include "watch/watch.h"

struct hits {
    struct counter packets, bytes;
};

struct load {
    const struct tg_policy *policy;
    const struct tg_network *network;
    uint32_t generation; /* from 1 */
    size_t statements;
    bool needs_mac; /* some rule asks for the sender's hardware address */
    /* Passed on to the next load of the same policy. */
    struct hits *hits; /* of each worker in turn, `statements` each */
    struct meter *meter;
    uint32_t metered_since; /* the generation for which `meter` was made */
    struct watch *watch;
};

struct worker {
    _Alignas(64) _Atomic uint32_t at; /* the generation that it judges by, 0 between packets */
    uint64_t now;                     /* never steps back */
    struct counter packets, bytes;
    struct counter verdicts[TG_ACTIONS][TG_REASONS];
};

enum kind { KIND_TCP, KIND_UDP, KIND_ICMP, KIND_OTHER, KINDS };

struct tg_engine {
    /* immutable */
    struct conn_table *table;
    struct mapping_table *mappings; /* protected by the table's lock */
    struct fragment_table *fragments;
    uint64_t secret[4];
    unsigned worker_count;
    struct worker *workers;

    _Atomic(struct load *) load;
    _Atomic uint32_t generation;
    struct counter begun[KINDS]; /* written under the table's lock */
    uint32_t emptied;            /* the tick of the last search for room in a full table; under the table's lock */
};

/* One packet on its way. */
struct passage {
    struct tg_engine *engine;
    const struct load *load;
    unsigned worker;
    struct tg_packet *packet;
    const struct tg_arrival *arrival;
    struct tg_verdict *verdict;
    uint64_t now;
    uint32_t tick;
    tg_step_fn *step; /* or NULL */
    void *context;
};

/* The ticks that a connection has from now on, as it stands. */
uint32_t timer_of(const struct passage *p, const struct conn *conn);

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

/* filter.c: whether a packet that begins something is for a mapping that lets its source in; or, where `conn` is one
 * that began so, whether it still could. `key` is the packet as it came. The caller holds `conn` or nothing.
 * => true with the inside address and port in d->inside */
bool filter_admits(const struct passage *p, const struct policy_key *key, const struct conn *conn, struct decision *d);

/* filter.c: the mapping that has admitted the packet; one more connection uses it. The caller holds the table.
 * => false if it is gone */
bool filter_hold(const struct passage *p, const struct decision *d, uint32_t *mapping);

/* filter.c: room for whom mappings speak to, where the policy wants that known.
 * => 0, or -ENOMEM */
int filter_prepare(struct tg_engine *engine, const struct tg_policy *policy);

/* clamp.c: lower the segment size that an accepted packet offers to what its zones carry.
 * => true if its bytes were changed */
bool clamp_mss(const struct passage *p);

/* begin.c: a packet that belongs to no connection. */
void judge_new(struct passage *p);

/* begin.c: whether what lets `conn` be is still so under the load at hand, with the same translation; if so it has been
 * marked as judged. The caller holds the connection.
 * => true; or false, with the decision as judge_new() would have it written to *action and *statement */
bool is_still_allowed(struct passage *p, struct conn *conn, enum tg_action *action, uint32_t *statement);

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
 * => true if a verdict was given; false if the connection is over or begun anew, and has been forgotten */
bool judge_known(struct passage *p, struct conn *conn, enum conn_direction direction);

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
