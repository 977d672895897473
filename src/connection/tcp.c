#include "connection/tcp.h"

/* Sequence numbers compare by difference, RFC 9293 3.4. */
static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static bool is_after(uint32_t a, uint32_t b)
{
    return is_before(b, a);
}

static void advance(uint32_t *number, uint32_t to)
{
    if (is_after(to, *number))
        *number = to;
}

/* What a segment is, to the state machine. */
enum tcp_event { EVENT_SYN, EVENT_SYN_ACK, EVENT_FIN, EVENT_ACK, EVENTS };

static enum tcp_event event_of(uint8_t flags)
{
    if (flags & TG_TCP_SYN)
        return flags & TG_TCP_ACK ? EVENT_SYN_ACK : EVENT_SYN;
    return flags & TG_TCP_FIN ? EVENT_FIN : EVENT_ACK;
}

/* What becomes of the state. STAY: a SYN is tolerated, what else there is passes; ANSWER: see follow_repeated_answer();
 * REFUSED and BEGIN as the judgements. */
enum { STAY = TCP_STATES, ANSWER, REFUSED, BEGIN };

/* Resets are judged apart: see follow_reset(). */
static const uint8_t machine[TCP_STATES][2][EVENTS] = {
    /*                      SYN               SYN+ACK           FIN               ACK */
    [TCP_SYN_SENT] =
        {{TCP_SYN_SENT, /*     repeated, or begun anew by a host that restarted */
          REFUSED, /*                              the beginner has nothing to acknowledge */
          REFUSED, REFUSED},
         {TCP_SYN_BOTH, /*     simultaneous open */
          TCP_SYN_RECEIVED, /*                     the ordinary answer */
          REFUSED,
          STAY /*              a challenge from a host that believes in an older connection, RFC 9293 3.5.1 */}},
    [TCP_SYN_BOTH] = {{STAY, TCP_SYN_RECEIVED, REFUSED, REFUSED}, {STAY, TCP_SYN_RECEIVED, REFUSED, REFUSED}},
    [TCP_SYN_RECEIVED] =
        {{STAY, /*             repeated: its answer was lost */
          TCP_ESTABLISHED, /*                      the second of a simultaneous open */
          TCP_FIN_ORIGINAL, TCP_ESTABLISHED},
         {STAY, ANSWER, /*                         repeated, or the second of a simultaneous open */
          TCP_FIN_REPLY, /*                                          closed at once: a server that is full */
          STAY /*                                                                     data before the handshake's end */}},
    [TCP_ESTABLISHED] = {{STAY, STAY, TCP_FIN_ORIGINAL, TCP_ESTABLISHED}, {STAY, STAY, TCP_FIN_REPLY, TCP_ESTABLISHED}},
    [TCP_FIN_ORIGINAL] = {{STAY, STAY, TCP_FIN_ORIGINAL, TCP_FIN_ORIGINAL}, {STAY, STAY, TCP_CLOSING, TCP_FIN_ORIGINAL}},
    [TCP_FIN_REPLY] = {{STAY, STAY, TCP_CLOSING, TCP_FIN_REPLY}, {STAY, STAY, TCP_FIN_REPLY, TCP_FIN_REPLY}},
    [TCP_CLOSING] = {{STAY, STAY, TCP_CLOSING, TCP_CLOSING}, {STAY, STAY, TCP_CLOSING, TCP_CLOSING}},
    [TCP_TIME_WAIT] = {{BEGIN, STAY, TCP_TIME_WAIT, TCP_TIME_WAIT}, {BEGIN, STAY, TCP_TIME_WAIT, TCP_TIME_WAIT}},
    [TCP_RESET] = {{BEGIN, STAY, TCP_RESET, TCP_RESET}, {BEGIN, STAY, TCP_RESET, TCP_RESET}},
    [TCP_PICKED_UP] = {{STAY, STAY, TCP_FIN_ORIGINAL, TCP_PICKED_UP}, {STAY, STAY, TCP_FIN_REPLY, TCP_ESTABLISHED}},
};

/* The scale byte of a side: whether its SYN carried the option, and the shift. Windows are scaled only if both SYNs
 * did. SCALE_UNKNOWN, of both: the SYNs were not seen. */
enum { SCALE_OFFERED = 0x80, SCALE_UNKNOWN = 0x40, SCALE_SHIFT = 0x0f };

enum { LARGEST_WINDOW = 1 << 30 }; /* RFC 7323 2.3 */

static uint32_t window_of(const struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    if ((packet->tcp.flags & TG_TCP_SYN) || !(conn->scale[0] & conn->scale[1] & SCALE_OFFERED))
        return packet->tcp.window;
    return (uint32_t)packet->tcp.window << (conn->scale[direction] & SCALE_SHIFT);
}

uint32_t tcp_end_of(const struct tg_packet *packet)
{
    return packet->tcp.seq + packet->tcp.payload + !!(packet->tcp.flags & TG_TCP_SYN) +
           !!(packet->tcp.flags & TG_TCP_FIN);
}

bool tcp_is_opening(const struct tg_packet *packet)
{
    return (packet->tcp.flags & (TG_TCP_SYN | TG_TCP_ACK | TG_TCP_RST | TG_TCP_FIN)) == TG_TCP_SYN;
}

/* What a side's SYN says about it. `acked`: what it has acknowledged, or the other's first number if nothing yet. */
static void begin_side(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet, uint32_t acked)
{
    struct conn_side *side = &conn->side[direction];
    side->end = tcp_end_of(packet); /* with data, if it opens fast: RFC 7413 */
    side->window = packet->tcp.window == 0 ? 1 : packet->tcp.window;
    side->acked = acked;
    conn->scale[direction] = packet->tcp.window_scaled ? SCALE_OFFERED | packet->tcp.scale : 0;
}

void tcp_open(struct conn *conn, const struct tg_packet *packet)
{
    conn->state = TCP_SYN_SENT;
    begin_side(conn, CONN_ORIGINAL, packet, 0);
    conn->side[CONN_ORIGINAL].limit =
        packet->tcp.seq + 1; /* the SYN itself: what an answer must acknowledge at least */
    conn->side[CONN_REPLY] = (struct conn_side){0};
    conn->scale[CONN_REPLY] = 0;
}

bool tcp_is_going_on(const struct tg_packet *packet)
{
    return (packet->tcp.flags & (TG_TCP_SYN | TG_TCP_RST | TG_TCP_ACK)) == TG_TCP_ACK;
}

void tcp_pick_up(struct conn *conn, const struct tg_packet *packet)
{
    conn->state = packet->tcp.flags & TG_TCP_FIN ? TCP_FIN_ORIGINAL : TCP_PICKED_UP;
    conn->scale[CONN_ORIGINAL] = conn->scale[CONN_REPLY] = SCALE_UNKNOWN;
    /* of the other side is known what this one has had from it, and what it may have acknowledged */
    conn->side[CONN_ORIGINAL] = (struct conn_side){.end = tcp_end_of(packet), .acked = packet->tcp.ack};
    conn->side[CONN_REPLY] = (struct conn_side){.end = packet->tcp.ack, .acked = packet->tcp.seq};
}

/* The other side begins with this answer. */
static void take_answer(struct conn *conn, const struct tg_packet *packet)
{
    struct conn_side *asker = &conn->side[CONN_ORIGINAL], *answerer = &conn->side[CONN_REPLY];
    begin_side(conn, CONN_REPLY, packet, packet->tcp.flags & TG_TCP_ACK ? packet->tcp.ack : asker->limit - 1);
    answerer->limit = answerer->end + asker->window;
    asker->acked = packet->tcp.seq;
    if (packet->tcp.flags & TG_TCP_ACK)
        asker->limit = packet->tcp.ack + answerer->window;
}

/* The answer to a SYN must acknowledge it, all or part of the data that came with it, and nothing else. */
static bool is_answer(const struct conn_side *asker, const struct tg_packet *packet)
{
    return !is_before(packet->tcp.ack, asker->limit) && !is_after(packet->tcp.ack, asker->end);
}

/* The other side's first segment. */
static enum tcp_judgement follow_answer(struct conn *conn, uint8_t next, const struct tg_packet *packet)
{
    if (next == TCP_SYN_RECEIVED && !is_answer(&conn->side[CONN_ORIGINAL], packet))
        return TCP_REFUSE;
    take_answer(conn, packet);
    conn->state = next;
    return TCP_PASS;
}

/* The answer again, before the beginner has acknowledged it: repeated, because it was lost; or another one, from a host
 * that keeps no memory of the first (SYN cookies, RFC 4987 3.6): then the later counts, as it will for the beginner. In
 * a simultaneous open it tells the window. */
static enum tcp_judgement follow_repeated_answer(struct conn *conn, const struct tg_packet *packet)
{
    struct conn_side *asker = &conn->side[CONN_ORIGINAL], *answerer = &conn->side[CONN_REPLY];
    if (packet->tcp.ack != asker->end && packet->tcp.ack != answerer->acked)
        return TCP_TOLERATE;
    if (packet->tcp.seq == asker->acked || packet->tcp.seq + 1 == asker->acked)
        advance(&asker->limit, packet->tcp.ack + answerer->window);
    else
        take_answer(conn, packet);
    return TCP_PASS;
}

/* Before both sides have spoken there are no windows to check. */
static enum tcp_judgement follow_opening(struct conn *conn, enum conn_direction direction, uint8_t next,
                                         const struct tg_packet *packet)
{
    if (direction == CONN_ORIGINAL) {
        struct conn_side *asker = &conn->side[CONN_ORIGINAL], before = *asker;
        tcp_open(conn, packet);
        if (asker->limit == before.limit)
            advance(&asker->end, before.end); /* the same SYN, repeated without its data: RFC 7413 4.1.3 */
        return TCP_PASS;
    }
    if (next != STAY)
        return follow_answer(conn, next, packet);
    conn->side[CONN_REPLY].acked = packet->tcp.ack; /* the reset that answers a challenge will have this number */
    return TCP_TOLERATE;
}

/* RFC 5961 3.2: exactly what the receiver expects next. It is what the receiver has acknowledged last, or, if that
 * acknowledgement is still on its way, what the sender has sent. To a SYN, a reset must acknowledge it (RFC
 * 9293 3.10.7.3). */
static enum tcp_judgement follow_reset(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    const struct conn_side *sender = &conn->side[direction], *receiver = &conn->side[!direction];
    bool exact;
    if (direction == CONN_REPLY && (conn->state == TCP_SYN_SENT || conn->state == TCP_SYN_BOTH))
        exact = (packet->tcp.flags & TG_TCP_ACK) && is_answer(receiver, packet);
    else
        exact = packet->tcp.seq == sender->end || packet->tcp.seq == receiver->acked;
    if (!exact)
        return TCP_REFUSE;
    conn->state = TCP_RESET;
    return TCP_PASS;
}

static bool is_in_window(const struct conn_side *sender, const struct conn_side *receiver,
                         const struct tg_packet *packet)
{
    enum { LEAST = 66000 }; /* van Rooij's: what comes late may be old by a full unscaled window */
    uint32_t seq = packet->tcp.seq, ack = packet->tcp.ack;
    uint32_t old_data = receiver->window > LEAST ? receiver->window : LEAST;
    uint32_t old_ack = sender->window > LEAST ? sender->window : LEAST;
    return !is_after(seq, sender->limit) && !is_before(tcp_end_of(packet), sender->end - old_data) &&
           !is_after(ack, receiver->end) && !is_before(ack, receiver->end - old_ack);
}

/* What a good segment tells of both sides. */
static void learn(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    struct conn_side *sender = &conn->side[direction], *receiver = &conn->side[!direction];
    uint32_t window = window_of(conn, direction, packet), end = tcp_end_of(packet);
    if (window > sender->window)
        sender->window = window;
    advance(&sender->acked, packet->tcp.ack);
    advance(&receiver->limit, packet->tcp.ack + (window == 0 ? 1 : window)); /* a closed window is probed with a byte */
    uint32_t offered = is_after(sender->end, sender->limit) ? sender->end : sender->limit;
    if (is_after(end, offered) && receiver->window < LARGEST_WINDOW)
        receiver->window += end - offered; /* it is sent more than it was seen to offer */
    advance(&sender->end, end);
}

static bool is_all_acknowledged(const struct conn *conn)
{
    return conn->side[0].acked == conn->side[1].end && conn->side[1].acked == conn->side[0].end;
}

enum tcp_judgement tcp_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    if (packet->tcp.flags & TG_TCP_RST)
        return follow_reset(conn, direction, packet);
    enum tcp_event event = event_of(packet->tcp.flags);
    uint8_t next = machine[conn->state][direction][event];
    if (next == REFUSED)
        return TCP_REFUSE;
    if (next == BEGIN)
        return TCP_BEGIN;
    if (conn->state == TCP_SYN_SENT)
        return follow_opening(conn, direction, next, packet);
    if (next == ANSWER)
        return follow_repeated_answer(conn, packet);
    if ((packet->tcp.flags & TG_TCP_SYN) && next == STAY)
        return TCP_TOLERATE;
    bool has_windows = !(conn->scale[direction] & SCALE_UNKNOWN);
    if (has_windows && !is_in_window(&conn->side[direction], &conn->side[!direction], packet))
        return TCP_REFUSE;
    learn(conn, direction, packet);
    if (next != STAY)
        conn->state = next;
    if (conn->state == TCP_CLOSING && is_all_acknowledged(conn))
        conn->state = TCP_TIME_WAIT;
    return TCP_PASS;
}

void tcp_lengthen(struct conn *conn, enum conn_direction direction, uint32_t end)
{
    advance(&conn->side[direction].end, end);
}

const char *tcp_state_name(enum tcp_state state)
{
    static const char *const names[TCP_STATES] = {
        [TCP_NONE] = "none",
        [TCP_SYN_SENT] = "syn-sent",
        [TCP_SYN_BOTH] = "syn-both",
        [TCP_SYN_RECEIVED] = "syn-received",
        [TCP_ESTABLISHED] = "established",
        [TCP_FIN_ORIGINAL] = "fin-original",
        [TCP_FIN_REPLY] = "fin-reply",
        [TCP_CLOSING] = "closing",
        [TCP_TIME_WAIT] = "time-wait",
        [TCP_RESET] = "reset",
        [TCP_PICKED_UP] = "picked-up",
    };
    return names[state];
}
