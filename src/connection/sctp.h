/* The SCTP machine (RFC 9260): what state an association is in, and whether a packet may belong to it.
 *
 * Each side names itself at the beginning, in its INIT or INIT ACK, by a verification tag, and every packet to it
 * carries that tag: who has not seen the handshake cannot guess it (RFC 9260 8.5). So what carries the right tag
 * belongs to the association, and numbers within it need not be followed. An ABORT or the last word of a shutdown may
 * carry its sender's own tag instead, if it says so, where he has forgotten the other (8.5.1).
 *
 * A side that has lost its memory begins anew with an INIT on the same ports (5.2). That passes and changes nothing,
 * since anybody may have sent it; the tags of the new handshake count from the packet on that carries them.
 *
 * An association can have more addresses than two. On another pair of them it begins here with a HEARTBEAT (5.4), whose
 * tag is that of the side that gets it; the other one is learnt from the first packet that comes back.
 */
#ifndef CONNECTION_SCTP_H
#define CONNECTION_SCTP_H

#include <stdbool.h>

#include "connection/table.h"
#include "connection/tcp.h"
#include "tidegate/packet.h"

enum sctp_state {
    SCTP_NONE,
    SCTP_OPENING,     /* an INIT has passed, or a HEARTBEAT, and no answer that completes it */
    SCTP_ESTABLISHED, /* cookies have been exchanged; or both sides of another pair of addresses heard */
    SCTP_SHUTTING,    /* a SHUTDOWN has passed */
    SCTP_CLOSED,      /* an ABORT that counted, or SHUTDOWN COMPLETE */
};

/* Whether a packet may begin an association: an INIT, or a HEARTBEAT on another pair of addresses. */
bool sctp_is_opening(const struct tg_packet *packet);

/* Whether it may be one of an association that was begun unseen. */
bool sctp_is_going_on(const struct tg_packet *packet);

/* The first packet of a new association, for which one of the two is true. */
void sctp_open(struct conn *conn, const struct tg_packet *packet);

/* Whether TCP_BEGIN is what sctp_follow() would say; nothing changes. */
bool sctp_begins_anew(const struct conn *conn, const struct tg_packet *packet);

/* A packet on a known one, which the caller holds. Its state changes only with TCP_PASS. */
enum tcp_judgement sctp_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet);

#endif
