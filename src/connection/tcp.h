/* The TCP machine: what state a connection is in, and whether a segment may belong to it.
 *
 * Both directions are followed from outside, after van Rooij, "Real stateful TCP packet filtering in IP Filter" (2001):
 * a firewall between two hosts sees what they send and not what they receive, so for each side it keeps what can be
 * told from its own segments (struct conn_side), and a segment is good if
 *
 *   I    it does not begin beyond the window that the other side announced:         seq <= limit
 *   II   it does not end before what that window could still want repeated:         end >= own end - largest window
 *   III  it does not acknowledge what was never sent:                               ack <= other's end
 *   IV   nor what was acknowledged long ago:                                        ack >= other's end - largest window
 *
 * Lost, repeated and reordered segments satisfy all four. A reset must do more: it counts only with exactly the
 * sequence number that its receiver expects (RFC 5961 section 3), as far as that can be told from here. A SYN within a
 * synchronised connection passes and changes nothing, not even the time that the connection has left: the receiver
 * answers it with a challenge (RFC 5961 section 4).
 */
#ifndef CONNECTION_TCP_H
#define CONNECTION_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "connection/table.h"
#include "tidegate/packet.h"

enum tcp_state {
    TCP_NONE,         /* not a TCP connection, or no segment yet */
    TCP_SYN_SENT,     /* a SYN from the beginner */
    TCP_SYN_BOTH,     /* SYNs crossed: simultaneous open, RFC 9293 3.5 */
    TCP_SYN_RECEIVED, /* a SYN from each, one of them acknowledged */
    TCP_ESTABLISHED,
    TCP_FIN_ORIGINAL, /* the beginner has closed its half */
    TCP_FIN_REPLY,    /* the other side has */
    TCP_CLOSING,      /* both have; not all acknowledged */
    TCP_TIME_WAIT,    /* all is said and acknowledged */
    TCP_RESET,        /* a reset that counted has passed */
    TCP_PICKED_UP,    /* begun unseen; only the side that was heard first has been heard */
    TCP_STATES
};

enum tcp_judgement {
    TCP_PASS,     /* belongs to the connection */
    TCP_TOLERATE, /* passes for its receiver to judge, and is no sign of life: anybody may have sent it */
    TCP_REFUSE,   /* does not belong to it: outside the window, or impossible in this state */
    TCP_BEGIN,    /* a SYN on the ports of a connection that is over: a new one begins */
};

/* Whether a segment may begin a connection: a SYN without ACK. */
bool tcp_is_opening(const struct tg_packet *packet);

/* The first segment of a new connection, which tcp_is_opening(). */
void tcp_open(struct conn *conn, const struct tg_packet *packet);

/* Whether a segment may be one of a connection that was begun unseen: neither a SYN nor a reset. */
bool tcp_is_going_on(const struct tg_packet *packet);

/* The first segment, which tcp_is_going_on(), of a connection that is picked up in the middle. Its sender counts as the
 * beginner. The scale of windows was said in the SYNs and is not known, so none is checked, as long as the connection
 * lives (RFC 6092 REC-32); a reset must be exact as ever, by what has been seen since. Until the other side has been
 * heard it is TCP_PICKED_UP and no more than opening: anybody can send one segment. */
void tcp_pick_up(struct conn *conn, const struct tg_packet *packet);

/* A segment on a known connection, which the caller holds. Its state changes only with TCP_PASS. */
enum tcp_judgement tcp_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet);

/* The sequence number behind a segment. */
uint32_t tcp_end_of(const struct tg_packet *packet);

/* A segment that has passed was in a first fragment, and what came behind it makes it end at `end`. The caller holds
 * the connection. */
void tcp_lengthen(struct conn *conn, enum conn_direction direction, uint32_t end);

/* The word for a state ("established"), for people. */
const char *tcp_state_name(enum tcp_state state);

#endif
