/* Datagrams in fragments, reassembled in the mind only: each fragment goes on as it came, judged by the first.
 *
 * The first fragment has the ports and is judged like any packet; what became of it is noted here, and the others of
 * the datagram follow it: accepted and translated as it was, or refused. One that comes before its first waits: no
 * bytes are kept here, so it is the driver that keeps it (verdict.hold), and shows it again.
 *
 * Which pieces of a datagram have gone by is noted, each by itself:
 *
 *   overlap     Pieces that overlap condemn the datagram: it and all that follows is refused (RFC 5722, RFC 8200 4.5;
 *               and for IPv4 just the same, where the receiver would choose, each system its own way, what it reads).
 *               So do pieces behind the end, a second end, and more than PIECES of them.
 *   repetition  A piece that has gone by already is refused alone, the first too: networks repeat packets. Whether its
 *               bytes are the same nobody knows here, and the receiver gets only those that came first.
 *   no first    A first that was refused as malformed condemns its datagram; one that the rules refuse takes the others
 *               with it.
 *   over        Once all of it has gone by a datagram is forgotten, since its number may soon be another's: in IPv4
 *               65536 datagrams later, which is seconds (RFC 4963). Else after LIFETIME.
 *
 * A datagram is named by its addresses, its number and, in IPv4, its protocol (RFC 791 3.2, RFC 8200 4.5), and by the
 * zone that it came in by. The protocol that a later fragment of IPv6 shows may be an extension header's, and is passed
 * over.
 *
 * The table is small and fixed: a flood of fragments pushes out other fragments and nothing else. Room is made at the
 * cost of what was refused, then of what began a connection, then of what belongs to one; and of the oldest among
 * equals. For what is refused, only at the cost of its like. One lock, for fragments are rare and looking is short.
 *
 * Half translated. Where both addresses change, in two steps (TG_TRANSLATE_HALF), later fragments come by a second time
 * with only their destination translated. fragment_note_first() notes the datagram by those looks too.
 */
#ifndef FRAGMENT_FRAGMENT_H
#define FRAGMENT_FRAGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tidegate/packet.h"
#include "tidegate/verdict.h"

struct fragment_table;

size_t fragment_table_size(void);

/* => a table, or NULL without memory */
struct fragment_table *fragment_table_new(const uint64_t secret[4]);
void fragment_table_free(struct fragment_table *table);

/* Where and when a fragment is looked at. */
struct fragment_moment {
    uint8_t zone;        /* that it came in by */
    uint32_t generation; /* of the load that judges it: what another one said is worth nothing */
    uint32_t tick;       /* of the connection table */
};

/* What is known of a first fragment that was judged. */
struct fragment_first {
    struct tg_verdict verdict;
    struct tg_tuple tuple; /* as it came */
    uint32_t tcp_end;      /* of TCP: the sequence number behind it … */
    uint16_t length;       /* … and this many bytes of the datagram */
    uint16_t number;       /* of IPv4 with another source: the identification that all of it leaves with */
};

enum fragment_place {
    FRAGMENT_BEGINS,  /* a first, of a datagram that is not known: judge it, then fragment_note_first() */
    FRAGMENT_FOLLOWS, /* belongs to a first that was judged: *first is that one */
    FRAGMENT_WAITS,   /* no first has come by */
    FRAGMENT_REFUSED, /* overlaps, repeats, or is of a datagram that is condemned or was judged by another load */
};

/* Place a fragment, and note its bytes. */
enum fragment_place fragment_place(struct fragment_table *table, const struct tg_packet *packet,
                                   const struct fragment_moment *at, struct fragment_first *first);

/* A first fragment has been judged: the others will get the same verdict. `packet` is as it was decoded. */
void fragment_note_first(struct fragment_table *table, const struct tg_packet *packet, const struct fragment_moment *at,
                         const struct fragment_first *first);

/* A first fragment was malformed: nothing of its datagram may pass. */
void fragment_condemn(struct fragment_table *table, const struct tg_packet *packet, const struct fragment_moment *at);

/* A fragment, half translated.
 * => true with what its first left as; false if the datagram has been forgotten */
bool fragment_find_half(struct fragment_table *table, const struct tg_packet *packet, struct fragment_first *first);

#endif
