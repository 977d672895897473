/* Fragments that wait for their first.
 *
 * The engine keeps no packets: of one that came before its first it says so (verdict.hold), and who shows it packets
 * keeps it. Here is written down which wait and since when. The packets themselves are the caller's, who knows each by
 * a ticket of his own.
 *
 * What waits is bounded in number and time, and so is what one source may have waiting: all of a datagram of 64 KiB
 * over Ethernet, but not everyone's places. What finds no place is judged without; a flood of fragments costs other
 * fragments their place at worst. Networks that change the order of packets do so within milliseconds.
 *
 * Where a packet takes its time from the verdict to the place where it is kept, the place is taken before it is judged
 * (waiting_add() without a ticket), so that no first is missed meanwhile: waiting_arrive() when it is there, or
 * waiting_cancel() when it need not wait. One that never arrives only has its place for as long as it may.
 *
 * Not for several threads at once.
 */
#ifndef FRAGMENT_WAITING_H
#define FRAGMENT_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tidegate/packet.h"

enum {
    WAITING_MOST = 256,
    WAITING_OF_SOURCE = 64,
};
#define WAITING_TIME UINT64_C(1000000000) /* nanoseconds */

struct waiting_place {
    struct tg_packet packet; /* `data` is not looked at */
    uint64_t since;
    uint64_t ticket; /* 0: it is still on its way, */
    bool is_called;  /* … and its first has been judged */
};

/* All zero: nothing waits. */
struct waiting {
    size_t count;
    uint32_t ids[WAITING_MOST]; /* those of `places`, close together: most questions are answered by them */
    struct waiting_place places[WAITING_MOST]; /* in the order in which they came */
};

/* Whether there is a place for a fragment like this. */
bool waiting_admits(const struct waiting *waiting, const struct tg_packet *packet);

/* Write a fragment down, from `now` on, with a ticket, or 0 if it is yet to come.
 * => true, or false if there is no place */
bool waiting_add(struct waiting *waiting, const struct tg_packet *packet, uint64_t now, uint64_t ticket);

/* One that has been written down without a ticket is there.
 * => true: it waits; false: its first has been judged meanwhile, or it has no place any more */
bool waiting_arrive(struct waiting *waiting, const struct tg_packet *packet, uint64_t ticket);

/* One that has been written down without a ticket need not wait. */
void waiting_cancel(struct waiting *waiting, const struct tg_packet *packet);

/* Its first has been judged: take out those of its datagram, one a call, in the order in which they came.
 * => true with *ticket; false if there are no more */
bool waiting_take(struct waiting *waiting, const struct tg_packet *first, uint64_t *ticket);

/* Take out the one that has waited longest, if it came at `before` or earlier (UINT64_MAX: whenever).
 * => true with *ticket; false if none has */
bool waiting_give_up(struct waiting *waiting, uint64_t before, uint64_t *ticket);

/* => when the one came that has waited longest, there or not; or UINT64_MAX if none waits */
uint64_t waiting_oldest(const struct waiting *waiting);

#endif
