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
 * sequence number that its receiver expects (RFC 5961 section 3), as far as that can be told from here. Where its
 * receiver knows better and talk goes on, so does the connection (RFC 6146 3.5.2.2). A SYN within a synchronised
 * connection passes and changes nothing, not even the time that the connection has left: the receiver answers it with a
 * challenge (RFC 5961 section 4).
 *
 * A SYN on the ports of a connection that is over begins a new one, with whatever number: RFC 9293 3.6.1 and RFC 6191
 * have a host in TIME-WAIT ask for a greater number or a later timestamp, and it goes on doing so; but it forgets
 * before we do, often after one minute and not four, and takes any number then. So the new one begins here, and the
 * last words of the old pass beside it until it is answered (tcp_open_again()).
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
    TCP_RESET,        /* a reset that counted has passed, after both sides had spoken */
    TCP_REFUSED,      /* and before that */
    TCP_PICKED_UP,    /* begun unseen; only the side that was heard first has been heard */
    TCP_STATES
};

enum tcp_judgement {
    TCP_PASS,     /* belongs to the connection */
    TCP_TOLERATE, /* passes for its receiver to judge, and is no sign of life: anybody may have sent it, or an end is
                     repeated */
    TCP_REFUSE,   /* does not belong to it: outside the window, or impossible in this state */
    TCP_BEGIN,    /* a SYN on the ports of a connection that is over: a new one begins */
};

/* Whether a segment may begin a connection: a SYN without ACK. */
bool tcp_is_opening(const struct tg_packet *packet);

/* Whether a segment opens, closes and breaks nothing. An established connection stays what it is, passed or refused. */
static inline bool tcp_is_plain(const struct tg_packet *packet)
{
    return !(packet->tcp.flags & (TG_TCP_SYN | TG_TCP_FIN | TG_TCP_RST));
}

/* The first segment of a new connection, which tcp_is_opening(). */
void tcp_open(struct conn *conn, const struct tg_packet *packet);

/* Whether a segment may be one of a connection that was begun unseen: neither a SYN nor a reset. */
bool tcp_is_going_on(const struct tg_packet *packet);

/* The same on the ports of a connection that is over. `last` is what its sides had said, that of the new one's beginner
 * first: what they still repeat passes, and is no sign of life, until the new one is answered. */
void tcp_open_again(struct conn *conn, const struct tg_packet *packet, const struct conn_side last[2]);

/* The first segment, which tcp_is_going_on(), of a connection that is picked up in the middle. Its sender counts as the
 * beginner. The scale of windows was said in the SYNs and is not known, so none is checked, as long as the connection
 * lives (RFC 6092 REC-32); a reset must be exact as ever, by what its receiver has acknowledged: anybody can have sent
 * the rest. Until the other side has been heard it is TCP_PICKED_UP and no more than opening: anybody can send one
 * segment. */
void tcp_pick_up(struct conn *conn, const struct tg_packet *packet);

/* Whether TCP_BEGIN is what tcp_follow() would say; nothing changes. */
bool tcp_begins_anew(const struct conn *conn, const struct tg_packet *packet);

/* A segment on a known connection, which the caller holds. Its state changes only with TCP_PASS. */
enum tcp_judgement tcp_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet);

/* Whether a segment that an ICMP error quotes, with this sequence number, may have been sent in that direction of late.
 */
bool tcp_may_have_sent(const struct conn *conn, enum conn_direction direction, uint32_t seq);

/* Whether the end of one that one side has closed has been acknowledged. From then on the other may speak for as long
 * as it takes (RFC 6146 3.5.2); until then the end is sent again, and whoever is silent is gone. */
bool tcp_is_half_closed(const struct conn *conn);

/* The sequence number behind a segment. */
uint32_t tcp_end_of(const struct tg_packet *packet);

/* A segment that has passed was in a first fragment, and what came behind it makes it end at `end`. The caller holds
 * the connection. */
void tcp_lengthen(struct conn *conn, enum conn_direction direction, uint32_t end);

/* The word for a state ("established"), for people. */
const char *tcp_state_name(enum tcp_state state);

#endif
