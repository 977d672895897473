/* ICMP errors (RFC 5508 REQ-3 to REQ-6): found by the packet that they quote, translated inside and out, and changing
 * nothing about the connection that they speak of. And what a capture shows twice.
 *
 * An error travels in one direction of the connection, against the packet that it quotes. With d that direction, an
 * error on its way in quotes what left in the direction !d: the flip of the quoted tuple is the tuple of d. What its
 * receiver must see quoted is what it once sent: the tuple of !d as it came in.
 */
#include "connection/tcp.h"
#include "engine/inside.h"
#include "translate/rewrite.h"
#include "wire/wire.h"

/* An error is a packet of the connection that it speaks of: it passes as long as that does. What the new rules refuse
 * is left to the connection's own next packet to end. */
static bool is_alive(struct passage *p, struct conn *conn)
{
    enum tg_action action;
    uint32_t statement;
    return !conn_is_over(conn, p->tick) && !(conn->flags & CONN_WAITS) &&
           (is_judged(p, conn) || p->load->needs_mac || is_still_allowed(p, conn, &action, &statement));
}

static void pass_error(struct passage *p, const struct conn *conn, uint8_t zone_out)
{
    p->verdict->zone_out = zone_out;
    conclude(p, TG_ACCEPT, TG_REASON_RELATED, TG_STATE_RELATED, statement_of(p, conn));
}

static void refuse_error(struct passage *p)
{
    conclude(p, TG_DROP, TG_REASON_INVALID, TG_STATE_INVALID, TG_NO_STATEMENT);
}

/* Whether the number in a quoted TCP segment may be of one that was sent in that direction: who does not see the
 * traffic does not know (RFC 5927 4.1). The eight bytes of it that RFC 792 asks for at least end with that number.
 * Those of connections that a helper reads may have been changed on the way, and are not asked. */
static bool is_quote_right(const struct passage *p, const struct conn *conn, enum conn_direction sent)
{
    const struct tg_packet *packet = p->packet;
    uint32_t at = packet->quote.transport + TCP_SEQ;
    if (conn->proto != TG_PROTO_TCP || conn->assisted != CONN_NONE)
        return true;
    return packet->len >= at + 4 && tcp_may_have_sent(conn, sent, wire_get32(packet->data + at));
}

/* The router's own error about a packet that it has not translated: it quotes it as it came, and goes to who sent it.
 */
static bool judge_own_error(struct passage *p)
{
    enum conn_direction direction;
    const struct tg_tuple *quote = &p->packet->quote.tuple;
    if (p->verdict->zone_in != TG_ZONE_ROUTER || !tg_addr_equal(p->packet->outer.tuple.dst, quote->src))
        return false;
    struct conn *conn = conn_find(p->engine->table, quote, &direction);
    if (conn == NULL)
        return false;
    bool passes = is_alive(p, conn);
    if (passes)
        pass_error(p, conn, conn->zone[direction]);
    conn_unlock(conn);
    return passes;
}

/* Where an error of direction d leaves to, and with which source. One from a host on the way keeps that host's address
 * where the connection's own source in this direction is kept, and else is hidden as that is (RFC 5508 REQ-5c). */
static void translate_error(struct passage *p, const struct conn *conn, enum conn_direction direction)
{
    if (!(conn->flags & (CONN_SOURCE | CONN_DESTINATION)))
        return;
    struct tg_tuple in = conn_tuple(conn, direction), out = conn_tuple_out(conn, direction);
    struct tg_tuple quote = conn_tuple(conn, !direction), *to = &p->verdict->to;
    bool is_hidden = !tg_addr_equal(in.src, out.src);
    *to = p->packet->outer.tuple;
    to->src = is_hidden ? out.src : p->packet->outer.tuple.src;
    to->dst = out.dst;
    p->verdict->translation = TG_TRANSLATE_WHOLE;
    struct tg_addr source = to->src;
    if (p->arrival->half && (conn->flags & CONN_HALVES)) {
        p->verdict->translation = TG_TRANSLATE_HALF;
        source = p->packet->outer.tuple.src;
    }
    rewrite_error(p->packet, source, to->dst, &quote);
    if (conn->assisted != CONN_NONE)
        assist_restore(p, conn, !direction);
}

/* A redirect is for a host of its sender's own network (RFC 1122 3.2.2.2): none is to be passed on. */
static bool is_stray_redirect(const struct passage *p)
{
    return p->packet->outer.tuple.family == TG_IPV4 && p->packet->icmp.type == ICMP_REDIRECT &&
           p->verdict->zone_in != TG_ZONE_ROUTER;
}

void judge_error(struct passage *p)
{
    enum conn_direction direction;
    const struct tg_tuple *outer = &p->packet->outer.tuple;
    bool is_spoofed = tg_network_is_spoofed(p->load->network, p->verdict->zone_in, outer->family, outer->src);
    passage_tell(p, TG_STEP_SPOOF, !is_spoofed, TG_NO_STATEMENT, NULL);
    if (is_spoofed) {
        conclude(p, TG_DROP, TG_REASON_SPOOFED, TG_STATE_INVALID, TG_NO_STATEMENT);
        return;
    }
    if (!p->packet->quoted || is_stray_redirect(p)) {
        refuse_error(p);
        return;
    }
    struct tg_tuple about = tg_tuple_flip(&p->packet->quote.tuple);
    struct conn *conn = conn_find(p->engine->table, &about, &direction);
    passage_tell(p, TG_STEP_CONNECTION, conn != NULL, TG_NO_STATEMENT, NULL);
    if (conn == NULL) {
        if (p->verdict->zone_in != TG_ZONE_ROUTER)
            refuse_error(p);
        else if (!judge_own_error(p))
            judge_new(p);
        return;
    }
    bool is_from_there = p->verdict->zone_in == conn->zone[direction] || p->verdict->zone_in == TG_ZONE_ROUTER;
    if (!is_from_there || !tg_addr_equal(outer->dst, about.dst) || !is_quote_right(p, conn, !direction) ||
        !is_alive(p, conn)) {
        conn_unlock(conn);
        refuse_error(p);
        return;
    }
    pass_error(p, conn, conn->zone[!direction]);
    translate_error(p, conn, direction);
    conn_unlock(conn);
}

bool finish_error(struct tg_engine *engine, struct tg_packet *packet)
{
    enum conn_direction direction;
    if (!packet->quoted)
        return false;
    /* the quoted packet has been written as its sender, now the receiver, sent it */
    struct conn *conn = conn_find(engine->table, &packet->quote.tuple, &direction);
    if (conn == NULL)
        return false;
    struct tg_tuple out = conn_tuple_out(conn, !direction), quote = packet->quote.tuple;
    conn_unlock(conn);
    rewrite_error(packet, out.src, packet->outer.tuple.dst, &quote);
    return true;
}

/* Whether `conn`, found by what a packet of the direction `sent` looks like when it leaves, has sent this one out where
 * the capture was taken. A translated packet is told by its looks; one that is not, only by where it was seen. */
static bool is_sent(const struct passage *p, const struct conn *conn, enum conn_direction sent)
{
    struct tg_tuple in = conn_tuple(conn, sent), out = conn_tuple_out(conn, sent);
    uint8_t leaves = conn->zone[!sent];
    bool is_seen_there = !p->arrival->find_zone && p->arrival->zone_in == leaves;
    if (!tg_tuple_equal(&in, &out))
        return p->arrival->find_zone || is_seen_there;
    return is_seen_there && leaves != conn->zone[sent] && conn->zone[sent] != TG_ZONE_ROUTER;
}

bool is_copy(struct passage *p)
{
    enum conn_direction direction;
    struct tg_tuple back = tg_tuple_flip(&p->packet->outer.tuple);
    bool is_error = p->packet->kind == TG_TRANSPORT_ERROR;
    if (is_error && !p->packet->quoted)
        return false;
    struct conn *conn = conn_find(p->engine->table, is_error ? &p->packet->quote.tuple : &back, &direction);
    if (conn == NULL)
        return false;
    bool is = !conn_is_over(conn, p->tick) && is_sent(p, conn, !direction);
    if (is) {
        p->verdict->zone_in = TG_ZONE_ROUTER;
        p->verdict->zone_out = conn->zone[direction];
        p->verdict->as_it_stands = true;
        conclude(p, TG_ACCEPT, is_error ? TG_REASON_RELATED : TG_REASON_ESTABLISHED,
                 is_error ? TG_STATE_RELATED : TG_STATE_ESTABLISHED, statement_of(p, conn));
    }
    conn_unlock(conn);
    return is;
}
