/* Who may have how much of the room, so that nobody's greed is everybody's want. All of it is counted when a connection
 * is entered and when it goes; the packets of one that is established never come here.
 *
 * Shares. While more than half of the table is taken, whoever has begun an eighth of it already begins nothing more: an
 * infected device inside (RFC 6888 REQ-5), and a single address outside. Who is outside can speak from any address of
 * an IPv6 network, so its addresses count by their first 64 bits, as in meter.h. The router itself speaks for all, and
 * has no share. All that is outside together gets three quarters: what is inside finds a quarter that no flood from
 * there can take.
 *
 * Opening. TCP connections that have not been established, those refused with a reset among them, get a quarter of the
 * table, those begun outside and those begun inside a quarter each: so a flood of SYNs from outside costs nobody inside
 * a connection. Of a full quarter the oldest makes room. To refuse the new ones in its place would keep every honest
 * client out for four minutes after a flood of a second; this way each has as long to be established as the flood takes
 * to fill the quarter (at 4096 places and 20,000 SYNs a second 0.2 seconds), however long it lasts, and a SYN that was
 * pushed out is sent again. An address that has an eighth of its quarter, when more than half of it is taken, is
 * refused all the same: it pushes out nobody.
 *
 * Unproven. What is not TCP and begins outside may come from an address that is anybody's, until who began it has been
 * answered and has spoken again: one flood would fill the three quarters, and keep all others out. So once they are
 * full the oldest makes room of what is unproven, or of what is opening if there is more of that, as long as it is an
 * eighth of the table. That costs it little, since what let it in does so again; but nothing is unproven that a control
 * connection has announced, which is let in once.
 *
 * Ageing. From three quarters of the table on, connections that have not been answered (of TCP those opening) get less
 * time, in proportion to what is free, down to a 32nd of it: an answer that is not there after that is not coming. No
 * other connection ever ends before its time.
 *
 * A table of LEAST places or fewer is too small to share.
 */
#include "connection/tcp.h"
#include "engine/inside.h"

enum {
    LEAST = 64,   /* connections that no share or budget is below */
    SHARE = 8,    /* the part of a whole that one address gets, */
    OPENING = 4,  /* that opening connections get, */
    DOUBTFUL = 8, /* that what may be nobody's must be, for the oldest of it to make room, */
    RESERVED = 4, /* that is kept from all outside */
    AGED = CONN_PRESSURE_FULL / 32,
};

/* What an address has so many of: these differ in the lowest bit, so that one spot leads to both (tally_beside()). */
enum sort { SORT_ALL, SORT_OPENING };

static uint32_t part(uint32_t whole, uint32_t of)
{
    return whole / of > LEAST ? whole / of : LEAST;
}

/* The zones that lead out of the house. */
static bool is_outside(const struct passage *p, uint8_t zone, uint8_t family)
{
    const struct tg_zone *z = tg_policy_zone(p->load->policy, zone);
    return zone == TG_ZONE_NONE || (z != NULL && z->masquerade) ||
           tg_network_is_default(p->load->network, zone, family);
}

/* How that stands which the packet begins, as long as it has not been announced. */
static uint8_t standing_of(const struct passage *p)
{
    const struct tg_tuple *t = &p->packet->outer.tuple;
    uint8_t zone = p->verdict->zone_in;
    bool is_tcp = t->proto == TG_PROTO_TCP;
    uint8_t standing = is_tcp ? CONN_STANDS_OPENING : 0;
    if (zone == TG_ZONE_ROUTER)
        return standing;
    standing |= CONN_STANDS_COUNTED;
    if (!is_outside(p, zone, t->family))
        return standing;
    return standing | CONN_STANDS_OUTSIDE | (is_tcp ? 0 : CONN_STANDS_UNPROVEN);
}

static struct tally_key key_of(struct tg_addr addr, uint8_t family, uint8_t standing, enum sort sort)
{
    if (family == TG_IPV6 && (standing & CONN_STANDS_OUTSIDE))
        addr.lo = 0;
    return (struct tally_key){addr, {(uint32_t)sort, family}};
}

static struct tally_key key_of_conn(const struct conn *conn, enum sort sort)
{
    struct tg_tuple original = conn_tuple(conn, CONN_ORIGINAL);
    return key_of(original.src, original.family, conn->standing, sort);
}

static bool side_of(uint8_t standing)
{
    return standing & CONN_STANDS_OUTSIDE;
}

/* A connection is neither opening nor unproven any more. */
static void settle(struct tg_engine *engine, struct conn *conn)
{
    if (conn->standing & CONN_STANDS_OPENING) {
        struct tally_key opening = key_of_conn(conn, SORT_OPENING);
        tally_take(engine->hosts, &opening);
        engine->opening[side_of(conn->standing)]--;
    }
    if (conn->standing & CONN_STANDS_UNPROVEN)
        engine->unproven--;
    conn->standing &= CONN_STANDS_COUNTED | CONN_STANDS_OUTSIDE;
}

static bool is_established(const struct conn *conn)
{
    switch ((enum tcp_state)conn->state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_ORIGINAL:
    case TCP_FIN_REPLY:
    case TCP_CLOSING:
    case TCP_TIME_WAIT: return conn->flags & CONN_ANSWERED;
    default: return false;
    }
}

/* The oldest of those that stand so, and were begun on that side, goes; but one that has just been established, though
 * room_settle() has not been told yet, only counts as opening no more. */
static bool push_out(struct tg_engine *engine, uint8_t standing)
{
    struct conn *oldest = conn_oldest(engine->table, standing | CONN_STANDS_OUTSIDE, standing);
    if (oldest == NULL)
        return false;
    if (is_established(oldest)) {
        settle(engine, oldest);
        conn_unlock(oldest);
    } else {
        conn_remove(engine->table, oldest, release, engine);
    }
    return true;
}

static bool is_outside_full(const struct tg_engine *engine)
{
    uint32_t room = conn_room(engine->table);
    return room > LEAST && engine->outside >= room - room / RESERVED;
}

static bool makes_room_outside(struct tg_engine *engine)
{
    uint32_t opening = engine->opening[true], unproven = engine->unproven;
    uint32_t most = opening > unproven ? opening : unproven;
    uint8_t standing = opening > unproven ? CONN_STANDS_OPENING : CONN_STANDS_UNPROVEN;
    return most >= part(conn_room(engine->table), DOUBTFUL) && push_out(engine, standing | CONN_STANDS_OUTSIDE);
}

void room_expect(struct passage *p)
{
    const struct tg_tuple *t = &p->packet->outer.tuple;
    p->standing = standing_of(p);
    struct tally_key all = key_of(t->src, t->family, p->standing, SORT_ALL);
    p->host = tally_expect(p->engine->hosts, &all);
}

bool room_admits(struct passage *p)
{
    struct tg_engine *engine = p->engine;
    uint32_t room = conn_room(engine->table), taken = conn_count(engine->table), budget = part(room, OPENING);
    uint8_t standing = p->standing;
    bool is_counted = standing & CONN_STANDS_COUNTED, is_opening = standing & CONN_STANDS_OPENING;
    bool side = side_of(standing);
    const struct tally_spot opening = tally_beside(&p->host);
    if (is_counted && taken > room / 2 && tally_count_at(engine->hosts, &p->host) >= part(room, SHARE))
        return false;
    if (is_counted && is_opening && engine->opening[side] > budget / 2 &&
        tally_count_at(engine->hosts, &opening) >= part(budget, SHARE))
        return false;
    if (side && is_outside_full(engine) && !makes_room_outside(engine))
        return false;
    return !is_opening || engine->opening[side] < budget ||
           push_out(engine, standing & (CONN_STANDS_OPENING | CONN_STANDS_OUTSIDE));
}

void room_enter(struct passage *p, struct conn *conn)
{
    struct tg_engine *engine = p->engine;
    conn->standing = p->standing;
    if (conn->flags & CONN_ANNOUNCED)
        conn->standing &= (uint8_t)~CONN_STANDS_UNPROVEN;
    tally_add_at(engine->hosts, &p->host);
    engine->outside += side_of(conn->standing);
    if (conn->standing & CONN_STANDS_OPENING) {
        const struct tally_spot opening = tally_beside(&p->host);
        tally_add_at(engine->hosts, &opening);
        engine->opening[side_of(conn->standing)]++;
    }
    if (conn->standing & CONN_STANDS_UNPROVEN)
        engine->unproven++;
}

void room_leave(struct tg_engine *engine, struct conn *conn)
{
    struct tally_key all = key_of_conn(conn, SORT_ALL);
    settle(engine, conn);
    tally_take(engine->hosts, &all);
    engine->outside -= side_of(conn->standing);
    conn->standing = 0;
}

bool room_settles(const struct conn *conn, enum conn_direction direction)
{
    if (conn->standing & CONN_STANDS_OPENING)
        return is_established(conn);
    return direction == CONN_ORIGINAL && (conn->flags & CONN_ANSWERED);
}

void room_settle(struct passage *p, const struct tg_tuple *tuple)
{
    enum conn_direction direction;
    lock_table(p);
    struct conn *conn = conn_find(p->engine->table, tuple, &direction);
    if (conn != NULL) {
        if (room_is_settled(conn, direction)) /* it may be another by now */
            settle(p->engine, conn);
        conn_unlock(conn);
    }
    conn_unlock_table(p->engine->table);
}

static struct told *told_of(struct tg_engine *engine, struct tg_addr addr)
{
    uint64_t mixed = addr.hi ^ addr.lo;
    return &engine->told[mapping_pair(engine->mappings, (uint32_t)(mixed ^ mixed >> 32), TOLD)];
}

bool room_tells(struct passage *p)
{
    const struct tg_tuple *t = &p->packet->outer.tuple;
    uint8_t zone = p->verdict->zone_in;
    struct told *told = told_of(p->engine, t->src);
    /* another worker's clock may be a little ahead of this one's */
    bool is_of_late = told->is_used && p->tick - told->tick + CONN_SECONDS(1) < 2 * CONN_SECONDS(1);
    if (zone == TG_ZONE_ROUTER || is_outside(p, zone, t->family) || is_of_late)
        return false;
    *told = (struct told){p->tick, true};
    return true;
}

static bool is_answered(const struct conn *conn)
{
    return conn->proto == TG_PROTO_TCP ? !(conn->standing & CONN_STANDS_OPENING) : conn->flags & CONN_ANSWERED;
}

bool room_is_aged(void *context, const struct conn *conn, uint32_t tick)
{
    const struct tg_engine *engine = context;
    if (is_answered(conn))
        return false;
    /* of the newest load, as in release() */
    uint32_t timer = timer_of(atomic_load(&engine->load), conn);
    uint32_t left = atomic_load_explicit(&conn->deadline, memory_order_relaxed) - tick;
    uint32_t scale = CONN_PRESSURE_FULL - conn_pressure(engine->table);
    uint32_t lives = (uint32_t)((uint64_t)timer * (scale > AGED ? scale : AGED) / CONN_PRESSURE_FULL);
    return left <= timer - lives;
}
