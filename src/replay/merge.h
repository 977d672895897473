/* Several captures as one, ordered by time, in constant memory: one packet of each is looked at.
 *
 * Packets of the same time come in the order of the captures. Within a capture the order of the file stays, even where
 * its times step back.
 */
#ifndef REPLAY_MERGE_H
#define REPLAY_MERGE_H

#include <stddef.h>

#include "replay/capture.h"

struct merge;

/* Begin reading from `count` captures, which stay the caller's.
 * => the merge, or NULL without memory */
struct merge *merge_new(struct capture *const *captures, size_t count);
void merge_free(struct merge *merge);

/* The next packet of all, and which capture it is of.
 * => the packet, valid until the next merge_next(); or NULL when all have ended */
const struct capture_packet *merge_next(struct merge *merge, size_t *which);

/* How a capture ended, once merge_next() has given none: anything but CAPTURE_PACKET. */
enum capture_result merge_result(const struct merge *merge, size_t which);

#endif
