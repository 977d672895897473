/* Packets in the order of the capture, though one may be decided on later than others behind it: a fragment that came
 * before its first waits for that, and then whatever follows waits behind it to be told.
 *
 * While nothing waits, packets do not come here. Memory is bounded: order_is_full() says when what waits must be
 * decided on as it is.
 */
#ifndef REPLAY_ORDER_H
#define REPLAY_ORDER_H

#include "fragment/waiting.h"
#include "replay/capture.h"
#include "tidegate/engine.h"

/* A packet of a capture, and what is said of it. */
struct order_item {
    uint64_t number;
    struct capture_packet frame;
    bool is_ip;
    struct tg_packet packet; /* if it is */
    struct tg_arrival arrival;
    struct tg_verdict verdict; /* verdict.hold: it waits */
};

struct order;

/* => the order, or NULL without memory */
struct order *order_new(void);
void order_free(struct order *order);

bool order_is_empty(const struct order *order);
bool order_is_full(const struct order *order);

/* Whether a packet may be put here that waits. */
bool order_admits(const struct order *order, const struct tg_packet *packet);

/* Put a copy of an item behind all others. With `keep_bytes` it has its packet's bytes, or its frame's if it is no IP;
 * those of one that waits are always kept. Without, it has none.
 * => false without memory */
bool order_put(struct order *order, const struct order_item *item, bool keep_bytes);

/* One that waits for `first`, which has been judged: to be judged again, now, without can_hold. In the order in which
 * they came.
 * => the item, which stays in its place; or NULL */
struct order_item *order_followed(struct order *order, const struct tg_packet *first);

/* One that has waited long enough at `now` (UINT64_MAX: however long), as above. */
struct order_item *order_over(struct order *order, uint64_t now);

/* => the foremost, taken out, if it does not wait: the caller frees it with free(); or NULL */
struct order_item *order_next(struct order *order);

#endif
