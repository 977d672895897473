#include "connection/tcp.h"

#include "wire/inlined.h"

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

/* What becomes of the state. STAY: a SYN is tolerated, what else there is passes. OPEN: see open_state(). ANSWER: see
 * follow_repeated_answer(). LATE: what is in the window is tolerated. NEVER and BEGIN: refused, and begun anew. */
enum { STAY = TCP_STATES, OPEN, ANSWER, LATE, NEVER, BEGIN };

/* Resets are judged apart: see follow_reset(). */
static const uint8_t machine[TCP_STATES][2][EVENTS] = {
    /*                      SYN               SYN+ACK           FIN               ACK */
    [TCP_SYN_SENT] =
        {{TCP_SYN_SENT, /*     repeated, or begun anew by a host that restarted */
          NEVER, /*                                the beginner has nothing to acknowledge */
          NEVER, NEVER},
         {TCP_SYN_BOTH, /*     simultaneous open */
          TCP_SYN_RECEIVED, /*                     the ordinary answer */
          NEVER,
          STAY /*              a challenge from a host that believes in an older connection, RFC 9293 3.5.1 */}},
    [TCP_SYN_BOTH] = {{STAY, TCP_SYN_RECEIVED, NEVER, NEVER}, {STAY, TCP_SYN_RECEIVED, NEVER, NEVER}},
    [TCP_SYN_RECEIVED] =
        {{STAY, /*             repeated: its answer was lost */
          OPEN, /*                                 the second of a simultaneous open */
          OPEN, OPEN},
         {STAY, ANSWER, /*                         repeated, or the second of a simultaneous open */
          STAY, /*                                                   closed at once: a server that is full */
          STAY /*                                                                     data before the handshake's end */}},
    [TCP_ESTABLISHED] = {{STAY, STAY, OPEN, OPEN}, {STAY, STAY, OPEN, OPEN}},
    [TCP_FIN_ORIGINAL] = {{STAY, STAY, OPEN, OPEN}, {STAY, STAY, OPEN, OPEN}},
    [TCP_FIN_REPLY] = {{STAY, STAY, OPEN, OPEN}, {STAY, STAY, OPEN, OPEN}},
    [TCP_CLOSING] = {{STAY, STAY, OPEN, OPEN}, {STAY, STAY, OPEN, OPEN}},
    [TCP_TIME_WAIT] = {{BEGIN, STAY, STAY, STAY}, {BEGIN, STAY, STAY, STAY}},
    [TCP_RESET] =
        {{BEGIN, STAY, OPEN, OPEN /* it was not heard, or not believed */}, {BEGIN, STAY, OPEN, OPEN}},
    [TCP_REFUSED] = {{BEGIN, STAY, LATE, LATE /* to be answered with another reset */}, {BEGIN, STAY, LATE, LATE}},
    [TCP_PICKED_UP] = {{STAY, STAY, STAY, STAY}, {STAY, STAY, OPEN, OPEN}},
};

/* What a side has said once, in its byte of conn->scale. */
enum {
    SCALE_OFFERED = 0x80, /* its SYN had the option: windows are scaled only if both had */
    SCALE_UNKNOWN = 0x40, /* of both sides: the SYNs were not seen */
    PREVIOUS = 0x20,      /* nothing yet: what is known of it is of the connection before */
    CLOSED = 0x10,        /* its FIN has been seen */
    SCALE_SHIFT = 0x0f
};

/* What a connection is that both sides have joined. */
static uint8_t open_state(const struct conn *conn)
{
    static const uint8_t states[2][2] = {{TCP_ESTABLISHED, TCP_FIN_REPLY}, {TCP_FIN_ORIGINAL, TCP_CLOSING}};
    return states[(conn->scale[CONN_ORIGINAL] & CLOSED) != 0][(conn->scale[CONN_REPLY] & CLOSED) != 0];
}

enum { LARGEST_WINDOW = 1 << 30 }; /* RFC 7323 2.3 */

INLINED uint32_t window_of(const struct conn *conn, enum conn_direction direction, const struct tg_packet *packet,
                           uint8_t flags)
{
    if ((flags & TG_TCP_SYN) || !(conn->scale[0] & conn->scale[1] & SCALE_OFFERED))
        return packet->tcp.window;
    return (uint32_t)packet->tcp.window << (conn->scale[direction] & SCALE_SHIFT);
}

/* `flags`, here and below, are the packet's; where it is known that it is plain they need not be read from it. */
INLINED uint32_t end_of(const struct tg_packet *packet, uint8_t flags)
{
    return packet->tcp.seq + packet->tcp.payload + !!(flags & TG_TCP_SYN) + !!(flags & TG_TCP_FIN);
}

uint32_t tcp_end_of(const struct tg_packet *packet)
{
    return end_of(packet, packet->tcp.flags);
}

bool tcp_is_opening(const struct tg_packet *packet)
{
    return (packet->tcp.flags & (TG_TCP_SYN | TG_TCP_ACK | TG_TCP_RST | TG_TCP_FIN)) == TG_TCP_SYN;
}

/* What a side's SYN says about it. `acked`: what it has acknowledged, or would. */
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
    uint32_t least = packet->tcp.seq + 1; /* the SYN itself: what an answer must acknowledge at least */
    conn->state = TCP_SYN_SENT;
    begin_side(conn, CONN_ORIGINAL, packet, 0);
    conn->side[CONN_ORIGINAL].limit = least;
    conn->side[CONN_REPLY] = (struct conn_side){.acked = least};
    conn->scale[CONN_REPLY] = 0;
}

void tcp_open_again(struct conn *conn, const struct tg_packet *packet, const struct conn_side last[2])
{
    tcp_open(conn, packet);
    conn->side[CONN_REPLY].end = last[CONN_REPLY].end;
    conn->side[CONN_REPLY].acked = last[CONN_REPLY].acked;
    conn->scale[CONN_REPLY] = PREVIOUS;
}

/* What the sides of the connection before sent last, sent again. */
static bool is_last_word(const struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    const struct conn_side *other = &conn->side[CONN_REPLY];
    uint32_t end = tcp_end_of(packet), ack = packet->tcp.ack;
    if (conn->state != TCP_SYN_SENT || !(conn->scale[CONN_REPLY] & PREVIOUS))
        return false;
    return direction == CONN_REPLY ? end == other->end && ack == other->acked
                                   : end == other->acked && ack == other->end;
}

bool tcp_is_going_on(const struct tg_packet *packet)
{
    return (packet->tcp.flags & (TG_TCP_SYN | TG_TCP_RST | TG_TCP_ACK)) == TG_TCP_ACK;
}

void tcp_pick_up(struct conn *conn, const struct tg_packet *packet)
{
    conn->state = TCP_PICKED_UP;
    conn->scale[CONN_ORIGINAL] = conn->scale[CONN_REPLY] = SCALE_UNKNOWN;
    if (packet->tcp.flags & TG_TCP_FIN)
        conn->scale[CONN_ORIGINAL] |= CLOSED;
    /* of the other side is known what this one has had from it, and what it may have acknowledged */
    conn->side[CONN_ORIGINAL] = (struct conn_side){.end = tcp_end_of(packet), .acked = packet->tcp.ack};
    conn->side[CONN_REPLY] = (struct conn_side){.end = packet->tcp.ack, .acked = packet->tcp.seq};
}

/* The other side begins with this answer. */
static void take_answer(struct conn *conn, const struct tg_packet *packet)
{
    struct conn_side *asker = &conn->side[CONN_ORIGINAL], *answerer = &conn->side[CONN_REPLY];
    begin_side(conn, CONN_REPLY, packet, packet->tcp.flags & TG_TCP_ACK ? packet->tcp.ack : asker->limit);
    answerer->limit = answerer->end + asker->window;
    asker->acked = packet->tcp.seq + 1;
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
    if (packet->tcp.seq + 1 == asker->acked)
        advance(&asker->limit, packet->tcp.ack + answerer->window);
    else
        take_answer(conn, packet);
    return TCP_PASS;
}

/* The same SYN, repeated: without its data (RFC 7413 4.1.3), or without its options, by hosts that suspect them of
 * having it lost. Which of them is heard the answer tells: a window is scaled in it only if it was in the SYN. */
static void follow_repeated_syn(struct conn *conn, const struct tg_packet *packet)
{
    struct conn_side *asker = &conn->side[CONN_ORIGINAL];
    advance(&asker->end, tcp_end_of(packet));
    if (packet->tcp.window > asker->window)
        asker->window = packet->tcp.window;
    if (packet->tcp.window_scaled)
        conn->scale[CONN_ORIGINAL] = SCALE_OFFERED | packet->tcp.scale;
}

/* Before both sides have spoken there are no windows to check. */
static enum tcp_judgement follow_opening(struct conn *conn, enum conn_direction direction, uint8_t next,
                                         const struct tg_packet *packet)
{
    if (direction == CONN_ORIGINAL) {
        if (packet->tcp.seq + 1 == conn->side[CONN_ORIGINAL].limit)
            follow_repeated_syn(conn, packet);
        else
            tcp_open(conn, packet);
        return TCP_PASS;
    }
    if (next != STAY)
        return follow_answer(conn, next, packet);
    conn->side[CONN_REPLY].acked = packet->tcp.ack; /* the reset that answers a challenge will have this number */
    return TCP_TOLERATE;
}

static bool has_windows(const struct conn *conn)
{
    return !(conn->scale[CONN_ORIGINAL] & SCALE_UNKNOWN);
}

/* Whether there are numbers of both sides. */
static bool is_answered(const struct conn *conn)
{
    return !has_windows(conn) || conn->side[CONN_REPLY].window != 0;
}

/* RFC 5961 3.2: exactly what the receiver expects next. It is what the receiver has acknowledged last, or, if that
 * acknowledgement is still on its way, what the sender has sent: but not where no window was checked, as anybody may
 * have sent that, unless nobody else has been heard. To a SYN, a reset must acknowledge it (RFC 9293 3.10.7.3). */
static bool is_exact(const struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    const struct conn_side *sender = &conn->side[direction], *receiver = &conn->side[!direction];
    if (direction == CONN_REPLY && !is_answered(conn))
        return (packet->tcp.flags & TG_TCP_ACK) && is_answer(receiver, packet);
    if (packet->tcp.seq == receiver->acked)
        return true;
    return packet->tcp.seq == sender->end && (has_windows(conn) || conn->state == TCP_PICKED_UP);
}

/* One that is repeated, or sent by a host that has forgotten all to whatever comes to it, starts no timer anew (RFC
 * 7857 6). */
static enum tcp_judgement follow_reset(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    if (!is_exact(conn, direction, packet))
        return TCP_REFUSE;
    if (conn->state == TCP_RESET || conn->state == TCP_REFUSED)
        return TCP_TOLERATE;
    bool is_joined = conn->state >= TCP_ESTABLISHED && conn->state <= TCP_TIME_WAIT;
    conn->state = is_joined ? TCP_RESET : TCP_REFUSED;
    return TCP_PASS;
}

/* How far what comes late from a side may be behind the last that it sent: the other's largest window. */
static uint32_t lateness(const struct conn_side *other)
{
    enum { LEAST = 66000 }; /* van Rooij's: a full unscaled window */
    return other->window > LEAST ? other->window : LEAST;
}

INLINED bool is_in_window(const struct conn_side *sender, const struct conn_side *receiver,
                          const struct tg_packet *packet, uint8_t flags)
{
    uint32_t seq = packet->tcp.seq, ack = packet->tcp.ack;
    return !is_after(seq, sender->limit) && !is_before(end_of(packet, flags), sender->end - lateness(receiver)) &&
           !is_after(ack, receiver->end) && !is_before(ack, receiver->end - lateness(sender));
}

bool tcp_may_have_sent(const struct conn *conn, enum conn_direction direction, uint32_t seq)
{
    const struct conn_side *sender = &conn->side[direction];
    if (!has_windows(conn) || (direction == CONN_REPLY && !is_answered(conn)))
        return true;
    return !is_after(seq, sender->end) && !is_before(seq, sender->end - lateness(&conn->side[!direction]));
}

/* A segment within the connection, from a side that has seen the other's SYN and says so. */
INLINED bool is_good(const struct conn *conn, enum conn_direction direction, const struct tg_packet *packet,
                     uint8_t flags)
{
    const struct conn_side *sender = &conn->side[direction], *receiver = &conn->side[!direction];
    bool is_opening = conn->state == TCP_SYN_BOTH || conn->state == TCP_SYN_RECEIVED;
    if (!is_answered(conn) || (is_opening && is_before(packet->tcp.ack, sender->acked)))
        return false;
    return !has_windows(conn) || is_in_window(sender, receiver, packet, flags);
}

/* What a good segment tells of both sides. */
INLINED void learn(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet, uint8_t flags)
{
    struct conn_side *sender = &conn->side[direction], *receiver = &conn->side[!direction];
    uint32_t window = window_of(conn, direction, packet, flags), end = end_of(packet, flags), ack = packet->tcp.ack;
    if (flags & TG_TCP_FIN)
        conn->scale[direction] |= CLOSED;
    if (window > sender->window)
        sender->window = window;
    advance(&sender->acked, ack);
    advance(&receiver->limit, ack + (window == 0 ? 1 : window)); /* a closed window is probed with a byte */
    uint32_t offered = is_after(sender->end, sender->limit) ? sender->end : sender->limit;
    if (is_after(end, offered) && receiver->window < LARGEST_WINDOW)
        receiver->window += end - offered; /* it is sent more than it was seen to offer */
    advance(&sender->end, end);
}

/* Whether all that a side has sent has been acknowledged. */
static bool is_acknowledged(const struct conn *conn, enum conn_direction direction)
{
    return conn->side[!direction].acked == conn->side[direction].end;
}

bool tcp_is_half_closed(const struct conn *conn)
{
    return is_acknowledged(conn, conn->state == TCP_FIN_ORIGINAL ? CONN_ORIGINAL : CONN_REPLY);
}

bool tcp_begins_anew(const struct conn *conn, const struct tg_packet *packet)
{
    return tcp_is_opening(packet) && machine[conn->state][CONN_ORIGINAL][EVENT_SYN] == BEGIN;
}

APART enum tcp_judgement follow_any(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    if (packet->tcp.flags & TG_TCP_RST)
        return follow_reset(conn, direction, packet);
    uint8_t next = machine[conn->state][direction][event_of(packet->tcp.flags)];
    if (next == NEVER)
        return is_last_word(conn, direction, packet) ? TCP_TOLERATE : TCP_REFUSE;
    if (next == BEGIN)
        return TCP_BEGIN;
    if (conn->state == TCP_SYN_SENT)
        return follow_opening(conn, direction, next, packet);
    if (next == ANSWER)
        return follow_repeated_answer(conn, packet);
    if ((packet->tcp.flags & TG_TCP_SYN) && next == STAY)
        return TCP_TOLERATE;
    if (!is_good(conn, direction, packet, packet->tcp.flags))
        return TCP_REFUSE;
    if (next == LATE)
        return TCP_TOLERATE;
    learn(conn, direction, packet, packet->tcp.flags);
    if (next == OPEN)
        conn->state = open_state(conn);
    else if (next != STAY)
        conn->state = next;
    if (conn->state == TCP_CLOSING && is_acknowledged(conn, CONN_ORIGINAL) && is_acknowledged(conn, CONN_REPLY))
        conn->state = TCP_TIME_WAIT;
    return TCP_PASS;
}

enum tcp_judgement tcp_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    enum { FLAGS = 0 }; /* of those that are asked for below, a plain segment has none */
    if (conn->state != TCP_ESTABLISHED || !tcp_is_plain(packet))
        return follow_any(conn, direction, packet);
    if (!is_good(conn, direction, packet, FLAGS))
        return TCP_REFUSE;
    learn(conn, direction, packet, FLAGS);
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
        [TCP_REFUSED] = "refused",
        [TCP_PICKED_UP] = "picked-up",
    };
    return names[state];
}
