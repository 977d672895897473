/* Fragments that came before their first, while they wait for it: in a kernel queue of their own, which a thread of its
 * own looks after.
 *
 * A worker whose verdict on a fragment is to hold it moves the packet to that queue, with a mark that says so, and so
 * goes on answering in order. From there it comes back to a worker, with the mark still on it, when any worker has
 * judged its first, or when it has waited long enough (fragment/waiting.h), and is judged then for good. Nothing is
 * copied here but headers; the kernel keeps the packets, and drops them should this process end.
 *
 * On its way here a packet may cross its first: so its place is taken before it is judged.
 *
 * Life: held_open(), held_start(); workers ask and tell; then held_stop(), while workers still judge what comes back;
 * when they have ended, held_left() and held_close().
 */
#ifndef LIVE_HELD_H
#define LIVE_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "live/queue.h"
#include "tidegate/packet.h"

struct held;

struct held_config {
    uint16_t number; /* of its queue */
    uint16_t back;   /* the queue that packets go back to: one, so that their order stays */
    int failed;      /* an eventfd: written to if it cannot go on */
};

/* => 0, or as queue_open() */
int held_open(struct held **held, const struct held_config *config, uint16_t *number);
/* => 0, or -errno */
int held_start(struct held *held);

/* By workers: take a place for a fragment, at `time` of the monotonic clock, before it is judged.
 * => true: it may wait, and held_take() or held_forget() must follow; false: there is none */
bool held_expect(struct held *held, const struct tg_packet *packet, uint64_t time);

/* By workers: it need not wait. */
void held_forget(struct held *held, const struct tg_packet *packet);

/* By workers: let it wait. It comes back with `mark`. */
void held_take(const struct held *held, struct queue *queue, const struct queue_packet *packet, uint32_t mark);

/* By workers: the first of a datagram has been judged. */
void held_first(struct held *held, const struct tg_packet *first);

/* Nothing waits any more: all of it has gone back. */
void held_stop(struct held *held);

/* What came after that, from a worker that did not know yet: the kernel drops it.
 * => packets */
uint64_t held_left(struct held *held);

void held_losses(const struct held *held, struct queue_losses *losses);
void held_close(struct held *held);

#endif
