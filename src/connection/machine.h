/* The machines that follow protocols which have states of their own: TCP (tcp.h), SCTP (sctp.h), DCCP (dccp.h). Of all
 * others any packet may begin a connection, and belongs to it.
 *
 * The contracts are those of tcp.h, with its words for what a packet is to a connection. For TCP, SCTP and DCCP.
 */
#ifndef CONNECTION_MACHINE_H
#define CONNECTION_MACHINE_H

#include <stdbool.h>

#include "connection/table.h"
#include "connection/tcp.h"
#include "tidegate/packet.h"

/* Where a connection is in its life. */
enum machine_phase { MACHINE_OPENING, MACHINE_ESTABLISHED, MACHINE_CLOSING };

/* Whether a protocol has a machine. */
static inline bool machine_follows(uint8_t proto)
{
    return proto == TG_PROTO_TCP || proto == TG_PROTO_SCTP || proto == TG_PROTO_DCCP;
}

/* Whether a packet may begin a connection; whether it may be one of a connection that was begun unseen. */
bool machine_is_opening(const struct tg_packet *packet);
bool machine_is_going_on(const struct tg_packet *packet);

/* The first packet of a new connection, for which one of the two is true. */
void machine_open(struct conn *conn, const struct tg_packet *packet);

/* Whether TCP_BEGIN is what machine_follow() would say; nothing changes. */
bool machine_begins_anew(const struct conn *conn, const struct tg_packet *packet);

/* A packet on a known connection, which the caller holds. */
enum tcp_judgement machine_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet);

enum machine_phase machine_phase(const struct conn *conn);

#endif
