/* The way of a packet: tg_engine_judge(). Its steps stand in judge() in the order in which they are taken; most packets
 * take a shorter one, judge_shortly(). */
#include "connection/machine.h"
#include "engine/inside.h"
#include "translate/rewrite.h"
#include "wire/inlined.h"

/* Those of TCP are SCTP's and DCCP's, too (RFC 6092 REC-40). */
static enum policy_timer machine_timer(const struct conn *conn)
{
    switch (machine_phase(conn)) {
    case MACHINE_ESTABLISHED: return POLICY_TCP_ESTABLISHED;
    case MACHINE_CLOSING: return POLICY_TCP_CLOSING;
    default: return POLICY_TCP_OPENING;
    }
}

static enum policy_timer timer_kind(const struct conn *conn)
{
    switch (conn->proto) {
    case TG_PROTO_TCP:
    case TG_PROTO_SCTP:
    case TG_PROTO_DCCP: return machine_timer(conn);
    case TG_PROTO_UDP:
    case TG_PROTO_UDPLITE: return conn->flags & CONN_ANSWERED ? POLICY_UDP_STREAM : POLICY_UDP_NEW;
    case TG_PROTO_ICMP:
    case TG_PROTO_ICMP6: return POLICY_ICMP;
    default: return POLICY_OTHER;
    }
}

uint32_t timer_of(const struct load *load, const struct conn *conn)
{
    enum policy_timer kind = timer_kind(conn);
    uint32_t ticks = load->ticks[kind];
    if (conn->proto == TG_PROTO_DCCP && kind != POLICY_TCP_ESTABLISHED)
        ticks *= 2; /* RFC 6092 REC-44: as long as its segments live, and they live longer */
    return ticks;
}

void lock_table(const struct passage *p)
{
    conn_lock_table(p->engine->table);
    mapping_set_time(p->engine->mappings, p->now >> CONN_TICK_SHIFT);
}

void passage_tell(const struct passage *p, enum tg_step step, bool fits, uint32_t statement, const char *why)
{
    if (p->step != NULL)
        p->step(p->context, &(struct tg_step_info){step, fits, statement, why, p->verdict});
}

void conclude(struct passage *p, enum tg_action action, enum tg_reason reason, enum tg_state state, uint32_t statement)
{
    p->verdict->action = action;
    p->verdict->reason = reason;
    p->verdict->state = state;
    p->verdict->statement = statement;
}

void release(void *context, struct conn *conn)
{
    struct tg_engine *engine = context;
    if (conn->mapping != CONN_NONE)
        mapping_release(engine->mappings, conn->mapping);
    /* counted by the newest load or by none: it cannot be followed by another before this packet is done */
    memory_leave(atomic_load(&engine->load), conn);
    room_leave(engine, conn);
    assist_leave(engine, conn);
}

void forget(struct passage *p, const struct tg_tuple *tuple,
            bool (*is_done)(const struct passage *, const struct conn *))
{
    enum conn_direction direction;
    lock_table(p);
    struct conn *conn = conn_find(p->engine->table, tuple, &direction);
    if (conn != NULL && is_done(p, conn)) {
        conn_remove(p->engine->table, conn, release, p->engine);
    } else if (conn != NULL) {
        conn_unlock(conn);
    }
    conn_unlock_table(p->engine->table);
}

static bool is_over(const struct passage *p, const struct conn *conn)
{
    return conn_is_over(conn, p->tick);
}

static bool is_waiting(const struct passage *p, const struct conn *conn)
{
    (void)p;
    return conn->flags & CONN_WAITS;
}

static bool is_of_older_load(const struct passage *p, const struct conn *conn)
{
    return !is_judged(p, conn);
}

/* Rewrite a packet of a known connection, or as much of it as this hook allows. */
static inline void translate(struct passage *p, const struct conn *conn, enum conn_direction direction)
{
    if (!(conn->flags & (CONN_SOURCE | CONN_DESTINATION)))
        return;
    struct tg_tuple *out = &p->verdict->to;
    *out = conn_tuple_out(conn, direction);
    p->verdict->translation = TG_TRANSLATE_WHOLE;
    if (p->arrival->half && (conn->flags & CONN_HALVES)) {
        struct tg_tuple half = *out;
        p->verdict->translation = TG_TRANSLATE_HALF;
        half.src = p->packet->outer.tuple.src;
        rewrite_packet(p->packet, &half);
    } else {
        rewrite_packet(p->packet, out);
    }
}

/* The load has changed since this connection was judged last: does what let it begin still stand? A refused one is
 * refused by what the new rules say of it. */
static bool is_refused_now(struct passage *p, struct conn *conn, enum conn_direction direction)
{
    enum tg_action action;
    uint32_t statement;
    bool is_blind = p->load->needs_mac && direction == CONN_REPLY; /* an answer does not show the beginner's address */
    if (is_judged(p, conn) || is_blind || is_still_allowed(p, conn, &action, &statement))
        return false;
    struct tg_tuple tuple = p->packet->outer.tuple;
    conn_unlock(conn);
    forget(p, &tuple, is_of_older_load);
    if (action == TG_ACCEPT)
        conclude(p, TG_DROP, TG_REASON_INVALID, TG_STATE_INVALID, TG_NO_STATEMENT); /* allowed, but not so translated */
    else
        conclude(p, action, statement == TG_NO_STATEMENT ? TG_REASON_DEFAULT : TG_REASON_RULE, TG_STATE_ESTABLISHED,
                 statement);
    return true;
}

/* A packet of a known connection that comes in elsewhere than its direction did before: another way into the same
 * network, or a lie about its source. */
static bool is_astray(const struct passage *p, const struct conn *conn, enum conn_direction direction)
{
    const struct tg_tuple *t = &p->packet->outer.tuple;
    return p->verdict->zone_in != conn->zone[direction] &&
           tg_network_is_spoofed(p->load->network, p->verdict->zone_in, t->family, t->src);
}

/* What a packet is to the connection that its tuple names. */
static enum tcp_judgement follow(struct passage *p, struct conn *conn, enum conn_direction direction)
{
    const struct tg_packet *packet = p->packet;
    if (conn->assisted != CONN_NONE && !assist_hear(p, conn, direction))
        return TCP_REFUSE;
    if (machine_follows(conn->proto))
        return machine_follow(conn, direction, packet);
    if (packet->kind == TG_TRANSPORT_QUERY && packet->icmp.is_answer != (direction == CONN_REPLY))
        return TCP_REFUSE; /* an identifier that is the number of a type makes a question look like an answer */
    return TCP_PASS;
}

/* Whether what goes this way gives a connection time. What a stranger sends, whom a mapping has let in, does not: it
 * would keep the mapping alive (RFC 7857 6). */
static bool is_refreshing(const struct conn *conn, enum conn_direction direction)
{
    bool is_stranger_s = (conn->flags & (CONN_ADMITTED | CONN_SOURCE)) == CONN_ADMITTED;
    return direction == CONN_REPLY || !is_stranger_s;
}

bool judge_known(struct passage *p, struct conn *conn, enum conn_direction direction)
{
    const struct tg_tuple *tuple = &p->packet->outer.tuple;
    if (conn_is_over(conn, p->tick)) {
        conn_unlock(conn);
        forget(p, tuple, is_over);
        return false;
    }
    if (conn->flags & CONN_WAITS) { /* if whom it is for has spoken since, it passes now; else it waits anew */
        conn_unlock(conn);
        if (direction == CONN_ORIGINAL) {
            forget(p, tuple, is_waiting);
            return false;
        }
        conclude(p, TG_DROP, TG_REASON_INVALID, TG_STATE_INVALID, TG_NO_STATEMENT);
        return true;
    }
    if (filter_is_answer(p, conn, direction)) {
        conn_unlock(conn);
        conn = filter_settle(p, tuple, &direction);
        if (conn == NULL)
            return false;
    }
    p->verdict->zone_out = conn->zone[!direction];
    if (is_astray(p, conn, direction)) {
        conn_unlock(conn);
        conclude(p, TG_DROP, TG_REASON_SPOOFED, TG_STATE_INVALID, TG_NO_STATEMENT);
        return true;
    }
    if (is_refused_now(p, conn, direction))
        return true;
    bool refreshes = is_refreshing(conn, direction);
    enum policy_timer timer = refreshes ? POLICY_TIMERS : timer_kind(conn);
    enum tcp_judgement judgement = follow(p, conn, direction);
    switch (judgement) {
    case TCP_BEGIN: conn_unlock(conn); return false;
    case TCP_REFUSE:
        conn_unlock(conn);
        conclude(p, TG_DROP, TG_REASON_INVALID, TG_STATE_INVALID, TG_NO_STATEMENT);
        return true;
    case TCP_PASS:
        if (direction == CONN_REPLY)
            conn->flags |= CONN_ANSWERED;
        if (refreshes || timer_kind(conn) != timer)
            conn_refresh(conn, p->tick, timer_of(p->load, conn));
        break;
    case TCP_TOLERATE: break;
    }
    conclude(p, TG_ACCEPT, TG_REASON_ESTABLISHED, TG_STATE_ESTABLISHED, statement_of(p, conn));
    translate(p, conn, direction);
    if (conn->assisted != CONN_NONE)
        assist_pass(p, conn, direction, judgement == TCP_PASS);
    bool is_settled = room_is_settled(conn, direction);
    conn_unlock(conn);
    if (is_settled)
        room_settle(p, tuple);
    return true;
}

/* The zone that it came in by, where the driver left that to be found; and for a capture, whether it is the router's
 * own. */
static void find_zone(struct passage *p)
{
    const struct tg_tuple *t = &p->packet->outer.tuple;
    p->verdict->zone_in = p->arrival->zone_in;
    if (p->arrival->find_zone)
        p->verdict->zone_in = tg_network_zone_from(p->load->network, t->family, t->src);
    else if (p->arrival->may_be_copy && tg_network_is_own(p->load->network, TG_ZONE_NONE, t->family, t->src))
        p->verdict->zone_in = TG_ZONE_ROUTER;
    passage_tell(p, TG_STEP_ZONE, true, TG_NO_STATEMENT, NULL);
}

static void judge_tracked(struct passage *p)
{
    enum conn_direction direction;
    struct conn *conn = conn_find_by(p->engine->table, &p->packet->outer.tuple, &p->clue, &direction);
    passage_tell(p, TG_STEP_CONNECTION, conn != NULL, TG_NO_STATEMENT, NULL);
    if (conn == NULL || !judge_known(p, conn, direction))
        judge_new(p);
}

void judge_whole(struct passage *p)
{
    if (p->arrival->may_be_copy && is_copy(p))
        return;
    switch (p->packet->kind) {
    case TG_TRANSPORT_ERROR: judge_error(p); break;
    case TG_TRANSPORT_NOTICE: judge_new(p); break;
    default: judge_tracked(p); break;
    }
    if ((p->is_read || p->is_repeated) && p->verdict->action == TG_ACCEPT)
        assist_read(p);
}

/* => true if what the packet carries was changed */
APART bool judge(struct passage *p, enum tg_decoded decoded)
{
    p->is_read = p->is_repeated = p->is_edited = p->is_assisted = false;
    *p->verdict = (struct tg_verdict){.statement = TG_NO_STATEMENT, .zone_in = p->arrival->zone_in};
    if (p->load == NULL) {
        conclude(p, TG_DROP, TG_REASON_DEFAULT, TG_STATE_UNTRACKED, TG_NO_STATEMENT);
        return false;
    }
    if (p->packet->outer.tuple.family != 0)
        find_zone(p);
    if (decoded == TG_MALFORMED) {
        conclude(p, TG_DROP, TG_REASON_MALFORMED, TG_STATE_INVALID, TG_NO_STATEMENT);
        refuse_rest(p);
    } else if (p->packet->fragment) {
        judge_fragment(p);
    } else {
        judge_whole(p);
    }
    return (clamp_is_due(p) && clamp_mss(p)) || p->is_edited;
}

/* The short way, which is that of nearly all packets: a segment that opens, closes and breaks nothing, of a TCP
 * connection that is established, or a datagram of UDP, and there is nothing else to be said about it. Of all the steps
 * of the long way those are left that do something then; tests give the same packets to both.
 */

static inline bool is_plain_packet(const struct passage *p, enum tg_decoded decoded)
{
    const struct tg_packet *packet = p->packet;
    const struct tg_arrival *arrival = p->arrival;
    bool is_plain = packet->kind == TG_TRANSPORT_TCP ? tcp_is_plain(packet) : packet->outer.tuple.proto == TG_PROTO_UDP;
    return decoded == TG_DECODED && is_plain && !packet->fragment && !arrival->find_zone && !arrival->may_be_copy &&
           p->load != NULL && p->step == NULL;
}

static inline bool is_plain_connection(const struct passage *p, const struct conn *conn, enum conn_direction direction)
{
    return (conn->state == TCP_ESTABLISHED || conn->proto == TG_PROTO_UDP) &&
           !(conn->flags & (CONN_ADMITTED | CONN_WAITS)) &&
           !(conn->standing & (CONN_STANDS_OPENING | CONN_STANDS_UNPROVEN)) && conn->assisted == CONN_NONE &&
           conn->zone[direction] == p->arrival->zone_in && is_judged(p, conn) && !conn_is_over(conn, p->tick);
}

static inline bool passes_shortly(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    return conn->proto == TG_PROTO_UDP || tcp_follow(conn, direction, packet) == TCP_PASS;
}

static inline enum policy_timer plain_timer(const struct conn *conn)
{
    if (conn->proto != TG_PROTO_UDP)
        return POLICY_TCP_ESTABLISHED;
    return conn->flags & CONN_ANSWERED ? POLICY_UDP_STREAM : POLICY_UDP_NEW;
}

/* => true if a verdict was given, that it passes; false if nothing was done */
static bool judge_shortly(struct passage *p, enum tg_decoded decoded)
{
    enum conn_direction direction;
    if (!is_plain_packet(p, decoded))
        return false;
    struct conn *conn = conn_find_by(p->engine->table, &p->packet->outer.tuple, &p->clue, &direction);
    if (conn == NULL)
        return false;
    if (!is_plain_connection(p, conn, direction) || !passes_shortly(conn, direction, p->packet)) {
        conn_unlock(conn); /* a segment that is refused leaves no trace in an established connection */
        return false;
    }
    if (direction == CONN_REPLY)
        conn->flags |= CONN_ANSWERED;
    conn_refresh(conn, p->tick, p->load->ticks[plain_timer(conn)]);
    *p->verdict = (struct tg_verdict){.action = TG_ACCEPT,
                                      .reason = TG_REASON_ESTABLISHED,
                                      .state = TG_STATE_ESTABLISHED,
                                      .zone_in = conn->zone[direction],
                                      .zone_out = conn->zone[!direction],
                                      .statement = statement_of(p, conn)};
    translate(p, conn, direction);
    conn_unlock(conn);
    return true;
}

/* What is over makes room. Whoever finds the table held leaves it to the next packet. */
static void sweep(struct passage *p, struct worker *w)
{
    struct conn_table *table = p->engine->table;
    bool is_due = conn_sweep_is_due(table, p->tick);
    if (is_due && !conn_try_table(table))
        return;
    w->swept = p->tick;
    if (!is_due)
        return;
    mapping_set_time(p->engine->mappings, p->now >> CONN_TICK_SHIFT);
    conn_sweep(table, p->now >> CONN_TICK_SHIFT, release, p->engine);
    conn_unlock_table(table);
}

static void count(const struct passage *p)
{
    struct worker *w = p->worker;
    const struct tg_verdict *v = p->verdict;
    if (v->hold)
        return;
    counter_add(&w->packets, 1);
    counter_add(&w->bytes, p->came_len);
    counter_add(&w->verdicts[v->action][v->reason], 1);
    if (v->statement != TG_NO_STATEMENT && !v->as_it_stands) { /* a copy has been counted as what it is a copy of */
        struct hits *hits = &p->hits[v->statement];
        counter_add(&hits->packets, 1);
        counter_add(&hits->bytes, p->came_len);
    }
}

/* One packet; the passage has engine, worker, load and steps. */
static void pass(struct passage *p, const struct tg_job *job)
{
    struct worker *w = p->worker;
    p->packet = job->packet;
    p->arrival = job->arrival;
    p->verdict = job->verdict;
    if (p->arrival->now > w->now)
        w->now = p->arrival->now;
    p->now = w->now;
    p->came_len = p->packet->wire_len;
    p->tick = (uint32_t)(w->now >> CONN_TICK_SHIFT);
    if (p->tick != w->swept)
        sweep(p, w);
    bool is_changed = !judge_shortly(p, job->decoded) && judge(p, job->decoded);
    if (p->verdict->translation == TG_TRANSLATE_WHOLE && identify_may_be_due(p->packet))
        identify_whole(p->engine, p->packet);
    p->verdict->rewritten = is_changed || p->verdict->translation != TG_TRANSLATE_NONE;
    count(p);
}

/* Take the load of the moment, and let it go. */
static void enter_load(struct passage *p, unsigned worker)
{
    p->worker = &p->engine->workers[worker];
    atomic_store(&p->worker->at, atomic_load(&p->engine->generation));
    p->load = atomic_load(&p->engine->load);
    if (p->load != NULL)
        p->hits = &p->load->hits[worker * p->load->row];
}

static void leave_load(struct passage *p)
{
    atomic_store_explicit(&p->worker->at, 0, memory_order_release);
}

void tg_engine_judge_all(struct tg_engine *engine, unsigned worker, const struct tg_job *jobs, size_t count)
{
    enum { AHEAD = 32 };
    struct passage p = {.engine = engine};
    struct conn_clue clues[AHEAD];
    enter_load(&p, worker);
    for (; count != 0;) {
        size_t n = count < AHEAD ? count : AHEAD;
        for (size_t i = 0; i < n; i++)
            clues[i] = conn_clue(engine->table, &jobs[i].packet->outer.tuple);
        for (size_t i = 0; i < n; i++)
            conn_follow_clue(engine->table, &clues[i]);
        for (size_t i = 0; i < n; i++) {
            p.clue = clues[i];
            pass(&p, &jobs[i]);
        }
        jobs += n;
        count -= n;
    }
    leave_load(&p);
}

void tg_engine_judge(struct tg_engine *engine, unsigned worker, struct tg_packet *packet, enum tg_decoded decoded,
                     const struct tg_arrival *arrival, struct tg_verdict *verdict)
{
    struct passage p = {.engine = engine};
    enter_load(&p, worker);
    p.clue = conn_clue(engine->table, &packet->outer.tuple);
    pass(&p, &(struct tg_job){packet, decoded, arrival, verdict});
    leave_load(&p);
}

void tg_engine_explain(struct tg_engine *engine, struct tg_packet *packet, enum tg_decoded decoded,
                       const struct tg_arrival *arrival, struct tg_verdict *verdict, tg_step_fn *step, void *context)
{
    struct passage p = {.engine = engine, .step = step, .context = context};
    enter_load(&p, 0);
    p.clue = conn_clue(engine->table, &packet->outer.tuple);
    pass(&p, &(struct tg_job){packet, decoded, arrival, verdict});
    leave_load(&p);
}

bool tg_engine_finish(struct tg_engine *engine, struct tg_packet *packet)
{
    enum conn_direction direction;
    if (packet->kind == TG_TRANSPORT_ERROR)
        return finish_error(engine, packet);
    if (packet->kind == TG_TRANSPORT_LATER)
        return finish_fragment(engine, packet);
    struct conn *conn = conn_find_half(engine->table, &packet->outer.tuple, &direction);
    if (conn == NULL)
        return false;
    struct tg_tuple to = conn_tuple_out(conn, direction);
    conn_unlock(conn);
    rewrite_packet(packet, &to);
    if (packet->fragment)
        return finish_fragment(engine, packet);
    identify_whole(engine, packet);
    return true;
}
