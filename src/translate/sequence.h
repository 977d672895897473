/* Sequence numbers of a TCP direction whose text was made longer or shorter on its way.
 *
 * What its sender counts, and what its receiver does, differ from then on by as much. Each change has a place in the
 * stream: what is older, and may be sent again, is counted as before it. The last change is remembered with both
 * differences; data that is older than the last two changes has long been acknowledged.
 */
#ifndef TRANSLATE_SEQUENCE_H
#define TRANSLATE_SEQUENCE_H

#include "tidegate/packet.h"

struct sequence_shift {
    uint32_t at;            /* where the last change begins, as the sender counts */
    uint32_t before, after; /* what the receiver counts more, up to there and from there on; modulo 2^32 */
    bool is_moved;          /* there was a change */
};

/* Note that the text from `at` on, as the sender counts, was made longer by `growth`. One that has been noted before,
 * or that is older than the last, changes nothing: the same text has been sent again, and made longer again. */
void sequence_note(struct sequence_shift *shift, uint32_t at, int32_t growth);

/* A sender's number as the receiver counts, and back. */
uint32_t sequence_there(const struct sequence_shift *shift, uint32_t number);
uint32_t sequence_back(const struct sequence_shift *shift, uint32_t number);

/* Rewrite the numbers in the bytes of a TCP segment: its own by `sent`, of its direction; what it acknowledges, with
 * SACK (RFC 2018) too, by `heard`, of the other. The checksum follows.
 * => true if bytes were changed */
bool sequence_rewrite(struct tg_packet *packet, const struct sequence_shift *sent, const struct sequence_shift *heard);

#endif
