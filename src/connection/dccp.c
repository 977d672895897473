/* Of struct conn_side: `end` and `limit` are the lower 32 and the upper 16 bits of the highest number that a side has
 * sent, `window` is not zero if it has sent any. */
#include "connection/dccp.h"

#include "wire/wire.h"

enum { SHORT_BITS = 24, LONG_BITS = 48, NEAR_SHORT = 1 << 7, NEAR_LONG = 1 << 16 };

static uint64_t highest_of(const struct conn_side *side)
{
    return (uint64_t)side->limit << 32 | side->end;
}

static void set_highest(struct conn_side *side, uint64_t seq)
{
    side->end = (uint32_t)seq;
    side->limit = (uint32_t)(seq >> 32);
    side->window = 1;
}

/* How far a number is ahead of another, of so many bits. */
static int64_t ahead(uint64_t seq, uint64_t of, int bits)
{
    uint64_t range = UINT64_C(1) << bits, by = (seq - of) & (range - 1);
    return by < range / 2 ? (int64_t)by : (int64_t)by - (int64_t)range;
}

static bool is_near(const struct conn_side *side, uint64_t seq, int bits)
{
    int64_t by = ahead(seq, highest_of(side), bits), near = bits == SHORT_BITS ? NEAR_SHORT : NEAR_LONG;
    return side->window != 0 && by > -near && by < near;
}

bool dccp_is_opening(const struct tg_packet *packet)
{
    return packet->dccp.type == DCCP_REQUEST;
}

bool dccp_is_going_on(const struct tg_packet *packet)
{
    return packet->dccp.type == DCCP_DATA || packet->dccp.type == DCCP_ACK || packet->dccp.type == DCCP_DATA_ACK;
}

void dccp_open(struct conn *conn, const struct tg_packet *packet)
{
    conn->state = DCCP_OPENING;
    set_highest(&conn->side[CONN_ORIGINAL], packet->dccp.seq);
}

bool dccp_begins_anew(const struct conn *conn, const struct tg_packet *packet)
{
    return conn->state == DCCP_CLOSED && dccp_is_opening(packet);
}

/* The state that a packet which counts leads to. */
static enum dccp_state next_state(enum dccp_state state, enum conn_direction from, uint8_t type)
{
    if (state == DCCP_CLOSED || type == DCCP_RESET)
        return DCCP_CLOSED;
    if (type == DCCP_CLOSE || type == DCCP_CLOSE_REQUEST)
        return DCCP_CLOSING;
    if (state == DCCP_OPENING && from == CONN_ORIGINAL && (type == DCCP_ACK || type == DCCP_DATA_ACK))
        return DCCP_ESTABLISHED;
    return state;
}

static bool counts(const struct conn *conn, enum conn_direction from, const struct tg_packet *packet, int bits)
{
    return is_near(&conn->side[from], packet->dccp.seq, bits) ||
           (packet->dccp.has_ack && is_near(&conn->side[!from], packet->dccp.ack, bits));
}

enum tcp_judgement dccp_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    int bits = packet->dccp.is_short ? SHORT_BITS : LONG_BITS;
    struct conn_side *own = &conn->side[direction];
    if (dccp_begins_anew(conn, packet))
        return TCP_BEGIN;
    if (!counts(conn, direction, packet, bits))
        return TCP_TOLERATE;
    int64_t by = ahead(packet->dccp.seq, highest_of(own), bits);
    if (own->window == 0)
        set_highest(own, packet->dccp.seq);
    else if (by > 0)
        set_highest(own, (highest_of(own) + (uint64_t)by) & ((UINT64_C(1) << LONG_BITS) - 1));
    conn->state = (uint8_t)next_state((enum dccp_state)conn->state, direction, packet->dccp.type);
    return TCP_PASS;
}
