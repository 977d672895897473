/* Of struct conn_side, for each side: the tag that packets to it carry, and those that a handshake under way has named.
 * A tag is never zero: that is one not known. */
#include "connection/sctp.h"

#include "wire/wire.h"

#define IN_FORCE end   /* carried by some packet that passed */
#define BY_INIT  limit /* named by the last INIT */
#define BY_ACK   acked /* named by the last INIT ACK */

enum {
    INIT = 1 << SCTP_INIT,
    INIT_ACK = 1 << SCTP_INIT_ACK,
    HEARTBEAT = 1 << SCTP_HEARTBEAT,
    ERROR = 1 << SCTP_ERROR,
    ABORT = 1 << SCTP_ABORT,
    SHUTDOWN = 1 << SCTP_SHUTDOWN | 1 << SCTP_SHUTDOWN_ACK,
    COOKIE_ECHO = 1 << SCTP_COOKIE_ECHO,
    COMPLETE = 1 << SCTP_SHUTDOWN_COMPLETE,
};

bool sctp_is_opening(const struct tg_packet *packet)
{
    return (packet->sctp.chunks & INIT) || packet->sctp.chunks == HEARTBEAT;
}

bool sctp_is_going_on(const struct tg_packet *packet)
{
    return packet->sctp.chunks != 0 && !(packet->sctp.chunks & (INIT_ACK | ABORT | COMPLETE));
}

void sctp_open(struct conn *conn, const struct tg_packet *packet)
{
    conn->state = SCTP_OPENING;
    if (packet->sctp.chunks & INIT)
        conn->side[CONN_ORIGINAL].BY_INIT = packet->sctp.initiate;
    else
        conn->side[CONN_REPLY].IN_FORCE = packet->sctp.tag;
}

static bool is_named(const struct conn_side *side)
{
    return side->IN_FORCE != 0 || side->BY_INIT != 0 || side->BY_ACK != 0;
}

static bool is_tag(const struct conn_side *side, uint32_t tag)
{
    return tag != 0 && (tag == side->IN_FORCE || tag == side->BY_INIT || tag == side->BY_ACK);
}

bool sctp_begins_anew(const struct conn *conn, const struct tg_packet *packet)
{
    return conn->state == SCTP_CLOSED && (packet->sctp.chunks & INIT);
}

/* Anybody may have sent it. */
static enum tcp_judgement follow_init(struct conn *conn, enum conn_direction from, const struct tg_packet *packet)
{
    if (sctp_begins_anew(conn, packet))
        return TCP_BEGIN;
    conn->side[from].BY_INIT = packet->sctp.initiate;
    return conn->state == SCTP_OPENING && from == CONN_ORIGINAL ? TCP_PASS : TCP_TOLERATE;
}

static enum tcp_judgement follow_init_ack(struct conn *conn, enum conn_direction from, const struct tg_packet *packet)
{
    if (packet->sctp.tag != conn->side[!from].BY_INIT)
        return TCP_REFUSE;
    conn->side[from].BY_ACK = packet->sctp.initiate;
    return conn->state == SCTP_OPENING ? TCP_PASS : TCP_TOLERATE;
}

static enum tcp_judgement follow_end(struct conn *conn, enum conn_direction from, const struct tg_packet *packet)
{
    const struct conn_side *of = &conn->side[packet->sctp.is_reflected ? from : !from];
    if (!is_tag(of, packet->sctp.tag))
        return TCP_REFUSE;
    if (conn->state != SCTP_OPENING && packet->sctp.tag != of->IN_FORCE)
        return TCP_TOLERATE; /* it answers an INIT that anybody may have sent */
    conn->state = SCTP_CLOSED;
    return TCP_PASS;
}

/* The other side has the cookie: the tag that it was named with counts, too. */
static void establish(struct conn *conn)
{
    struct conn_side *other = &conn->side[CONN_REPLY];
    conn->state = SCTP_ESTABLISHED;
    if (other->IN_FORCE == 0)
        other->IN_FORCE = other->BY_ACK;
}

enum tcp_judgement sctp_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    uint16_t chunks = packet->sctp.chunks;
    struct conn_side *to = &conn->side[!direction];
    if (chunks & INIT)
        return follow_init(conn, direction, packet);
    if (chunks & INIT_ACK)
        return follow_init_ack(conn, direction, packet);
    if (chunks & (ABORT | COMPLETE))
        return follow_end(conn, direction, packet);
    if (!is_named(to) && direction == CONN_REPLY && conn->state == SCTP_OPENING)
        to->IN_FORCE = packet->sctp.tag; /* the other end of another pair of addresses */
    if (!is_tag(to, packet->sctp.tag))
        return TCP_REFUSE;
    if (chunks & COOKIE_ECHO)
        return TCP_PASS; /* it may still be refused */
    if (to->IN_FORCE != packet->sctp.tag)
        *to = (struct conn_side){.IN_FORCE = packet->sctp.tag};
    if ((chunks & SHUTDOWN) && conn->state != SCTP_CLOSED)
        conn->state = SCTP_SHUTTING;
    else if (conn->state == SCTP_OPENING && direction == CONN_REPLY && chunks != ERROR)
        establish(conn);
    return TCP_PASS;
}
