/* Ports at which the router's own sockets can be spoken to: TCP ones that listen, and UDP ones that speak to nobody in
 * particular. Those with a peer are left out, since their packets come by the hooks like everyone's.
 *
 * By sock_diag, in the network namespace of the caller. Sockets that only the machine itself or only IPv6 can reach do
 * not count: no port is translated there.
 */
#ifndef LIVE_SOCKETS_H
#define LIVE_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "tidegate/network.h"

enum { SOCKETS_TCP, SOCKETS_UDP, SOCKETS_PROTOCOLS };

struct sockets {
    uint32_t ports[SOCKETS_PROTOCOLS][65536 / 32]; /* a bit each */
};

/* Ask the kernel.
 * => 0, or -errno: -ENOENT where the kernel cannot tell (it lacks inet_diag) */
int sockets_read(struct sockets *sockets);

/* Of UDP ports leave those that were there before, too: questions to name servers come from ports that are gone before
 * anything could come of knowing them. */
void sockets_keep_lasting(struct sockets *sockets, const struct sockets *before);

bool sockets_equal(const struct sockets *a, const struct sockets *b);

/* Tell them a network view that has not been sealed.
 * => 0, or -ENOMEM */
int sockets_tell(const struct sockets *sockets, struct tg_network *network);

#endif
