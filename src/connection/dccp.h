/* The DCCP machine (RFC 4340): what state a connection is in, and whether a packet may belong to it.
 *
 * Every packet has a sequence number of 48 bits, one higher than that of the one before it, lost ones counted. Who does
 * not see the traffic cannot guess it: a packet counts (opens, closes, gives time) only if its number is near the
 * highest that its side has sent, or what it acknowledges near that of the other. All others pass, for their receiver
 * to judge (7.5), and change nothing.
 */
#ifndef CONNECTION_DCCP_H
#define CONNECTION_DCCP_H

#include <stdbool.h>

#include "connection/table.h"
#include "connection/tcp.h"
#include "tidegate/packet.h"

enum dccp_state {
    DCCP_NONE,
    DCCP_OPENING,     /* a Request has passed */
    DCCP_ESTABLISHED, /* and been answered, and the answer acknowledged */
    DCCP_CLOSING,     /* a side has said that it closes */
    DCCP_CLOSED,      /* a Reset, which ends every connection, well or ill */
};

/* Whether a packet may begin a connection: a Request. */
bool dccp_is_opening(const struct tg_packet *packet);

/* Whether it may be one of a connection that was begun unseen. */
bool dccp_is_going_on(const struct tg_packet *packet);

/* The first packet of a new connection, for which one of the two is true. */
void dccp_open(struct conn *conn, const struct tg_packet *packet);

/* Whether TCP_BEGIN is what dccp_follow() would say; nothing changes. */
bool dccp_begins_anew(const struct conn *conn, const struct tg_packet *packet);

/* A packet on a known one, which the caller holds. Its state changes only with TCP_PASS. */
enum tcp_judgement dccp_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet);

#endif
