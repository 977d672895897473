/* Datagrams in fragments, reassembled in the mind only: each fragment goes on as it came, judged by the first.
 *
 * The first fragment has the ports and is judged like any packet; what became of it is noted here, and the others of
 * the datagram follow it: accepted and translated as it was, or refused. The bytes that have gone by are noted too: one
 * that overlaps with another condemns the whole datagram (RFC 5722, and for IPv4 just the same), a repeated one is
 * refused alone (RFC 8200 section 4.5), and so is one that TCP's flags could be overwritten with (RFC 3128).
 *
 * The table is small and fixed: a flood of fragments pushes out other fragments and nothing else. Room is made at the
 * cost of what is over, then of datagrams that were refused, then of the oldest. One lock, for fragments are rare and
 * looking is short.
 */
#ifndef FRAGMENT_FRAGMENT_H
#define FRAGMENT_FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "tidegate/packet.h"
#include "tidegate/verdict.h"

struct fragment_table;

size_t fragment_table_size(void);

/* => a table, or NULL without memory */
struct fragment_table *fragment_table_new(const uint64_t secret[4]);
void fragment_table_free(struct fragment_table *table);

/* A first fragment has been judged: `verdict` is what the others will get, as long as they are judged by the load of
 * the same `generation`. Times in ticks of the connection table. */
void fragment_note_first(struct fragment_table *table, const struct tg_packet *packet, const struct tg_verdict *verdict,
                         uint32_t generation, uint32_t tick);

enum fragment_place {
    FRAGMENT_FOLLOWS, /* belongs to a first that was judged: *verdict is that one's */
    FRAGMENT_UNKNOWN, /* no first has come by, or under other rules */
    FRAGMENT_REFUSED, /* overlaps, repeats, or is one of a datagram that did */
};

/* Place a fragment other than the first, of a packet that came in by the zone in verdict->zone_in. */
enum fragment_place fragment_place(struct fragment_table *table, const struct tg_packet *packet, uint32_t generation,
                                   uint32_t tick, struct tg_verdict *verdict);

#endif
