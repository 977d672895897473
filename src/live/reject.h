/* Answering what is rejected, or has found no room: TCP resets and ICMP errors, sent by raw sockets with the mark that
 * lets them pass the hooks.
 *
 * Each worker has a sender of its own; what refuses connections of TCP comes from the one that looks after SYNs.
 * Answers are limited in number (RFC 1812 4.3.2.8, RFC 4443 2.4 f): whoever forges sources cannot make the router flood
 * someone else. What is over the limit is dropped in silence.
 */
#ifndef LIVE_REJECT_H
#define LIVE_REJECT_H

#include <stdint.h>

#include "tidegate/network.h"
#include "tidegate/packet.h"

enum {
    REJECT_ERRORS = 100,  /* ICMP errors a second, and as many at once */
    REJECT_RESETS = 1000, /* TCP resets a second */
};

/* Tokens that answers are paid with: they come steadily, up to a second's worth. */
struct reject_bucket {
    uint64_t since; /* up to when tokens have been counted, nanoseconds */
    uint32_t tokens;
};

struct reject {
    int fds[2]; /* IPv4, IPv6; -1 where the machine has no such thing */
    struct reject_bucket errors, resets;
    uint64_t sent, held_back; /* answers; and those that the limit or the system did not let out */
    uint64_t told;            /* answers to what found no room */
};

/* Where and when a packet came. */
struct reject_place {
    const struct tg_network *network;
    uint8_t zone;   /* of the interface */
    uint32_t indev; /* its index */
    uint64_t now;   /* of any clock, in nanoseconds */
};

/* => 0, or -errno: -EPERM without CAP_NET_RAW and CAP_NET_ADMIN */
int reject_open(struct reject *reject, uint32_t mark);
void reject_close(struct reject *reject);

/* Answer a packet that was rejected, where it is to be answered. */
void reject_send(struct reject *reject, const struct tg_packet *packet, const struct reject_place *place);

/* Tell the sender of a packet that there was no room or no port for it. */
void reject_tell_limit(struct reject *reject, const struct tg_packet *packet, const struct reject_place *place);

#endif
