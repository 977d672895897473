/* Sequence numbers of a TCP direction whose text is written anew on its way.
 *
 * Where a text was made longer or shorter, what its sender counts and what its receiver does differ from then on by as
 * much. Each change has a place in the stream: what is older, and may be sent again, is counted as before it. A change
 * is remembered with what was written, so that text which is sent again becomes the same again, however its sender cuts
 * it into segments: one that holds the beginning of a changed text brings all of what was written, one that holds the
 * rest nothing of it.
 *
 * SEQUENCE_CHANGES are remembered; older ones make room if their receiver has acknowledged them. Numbers are modulo
 * 2^32 and compare by difference (RFC 9293 3.4), so a change is forgotten too when the stream has gone on by 2^30.
 */
#ifndef TRANSLATE_SEQUENCE_H
#define TRANSLATE_SEQUENCE_H

#include "tidegate/packet.h"
#include "translate/payload.h"

#define SEQUENCE_CHANGES 8

struct sequence_change {
    uint32_t at;          /* its first byte, as the sender counts */
    uint32_t before;      /* what the receiver counts more up to there; modulo 2^32 */
    uint8_t len, new_len; /* bytes of what stood there, at least 1, and of `text`, which stands there now */
    char text[PAYLOAD_TEXT];
};

struct sequence_shift {
    uint32_t total; /* what the receiver counts more behind all changes */
    uint8_t count;
    struct sequence_change changes[SEQUENCE_CHANGES]; /* in the order of the stream */
};

/* Whether `count` more changes can be remembered, as the receiver has acknowledged all up to `acked`, as the sender
 * counts. */
bool sequence_has_room(const struct sequence_shift *shift, size_t count, uint32_t acked);

/* Remember one, for which there is room and which stands behind all others: the text of `edit` at the sender's number
 * `at`. */
void sequence_note(struct sequence_shift *shift, uint32_t at, const struct payload_edit *edit);

/* The stream has come to a number: what is too old is forgotten. */
void sequence_advance(struct sequence_shift *shift, uint32_t number);

/* Whether there is a changed text, or part of one, in the `len` bytes from `seq` on, as the sender counts. */
bool sequence_meets(const struct sequence_shift *shift, uint32_t seq, uint32_t len);

/* The edits that make such bytes, which begin at `start` of their packet, what they were made before.
 * => how many; `edits` has room for SEQUENCE_CHANGES */
size_t sequence_repeat(const struct sequence_shift *shift, uint32_t seq, uint32_t len, uint32_t start,
                       struct payload_edit *edits);

/* A sender's number as the receiver counts. Within a changed text it is taken to be the one behind it. */
uint32_t sequence_there(const struct sequence_shift *shift, uint32_t number);

/* What a receiver acknowledges, as the sender counts. Part of a changed text is none of it. */
uint32_t sequence_back(const struct sequence_shift *shift, uint32_t number);

/* Rewrite the numbers in the bytes of a TCP segment: its own by `sent`, of its direction; what it acknowledges, with
 * SACK (RFC 2018) too, by `heard`, of the other. The checksum follows.
 * => true if bytes were changed */
bool sequence_rewrite(struct tg_packet *packet, const struct sequence_shift *sent, const struct sequence_shift *heard);

/* Undo that in the segment that an ICMP error over IPv4 quotes, as far as it does: its sender looks whether it can be
 * about something that he has sent (RFC 5927 4.1). Its checksum follows, and that of the error. */
void sequence_restore_quote(struct tg_packet *error, const struct sequence_shift *sent,
                            const struct sequence_shift *heard);

#endif
