/* One packet of a control connection that is read: shared by assist.c, which finds the messages in it and writes them
 * anew, and announce.c, which judges what they announce.
 *
 * Throughout, the sender of a message is who speaks in the direction at hand. `in` is that direction's tuple as it
 * comes in, so its source is the sender's own address, and its destination the other side as the sender knows it.
 * `back` is that of the other direction, so its destination is the sender as the other side knows him, and its source
 * the other side's own address.
 */
#ifndef ENGINE_READING_H
#define ENGINE_READING_H

#include "engine/inside.h"
#include "translate/payload.h"

/* Over TCP there are no more new edits, and no more old ones, than changes are remembered, before one more message is
 * read; over UDP there is one message. */
enum { READING_EDITS = 2 * SEQUENCE_CHANGES + HELPER_ITEMS * HELPER_SPOTS + 1, READING_ADDED = 2 * HELPER_ITEMS };

struct reading {
    struct passage *p;
    struct conn *conn; /* held, with the table */
    struct assisted *assisted;
    enum conn_direction direction;
    struct tg_tuple in, back;
    struct payload_edit edits[READING_EDITS]; /* in the order of their places */
    size_t count;
    uint32_t added[READING_ADDED]; /* expectations that are new */
    size_t added_count;
};

/* An address and a port, as the other side is to be told them. */
struct end {
    struct tg_addr addr;
    uint16_t port;
};

/* announce.c: what a message announces; if it is believed, connections are expected from now on.
 * => true if it is, with the end that the other side is to be told */
bool announce(struct reading *r, const struct helper_item *item, struct end *end);

/* announce.c: the message is not passed on as it should be: what has been added since there were `count` is expected no
 * longer. */
void announce_withdraw(struct reading *r, size_t count);

#endif
