/* Blocks of packets in the words of the rules language, as far as it has words for them.
 *
 * What is not told apart is left out: a source that may be any which the zone can send, a protocol where all are meant
 * that begin connections.
 */
#ifndef ANALYSIS_DESCRIBE_H
#define ANALYSIS_DESCRIBE_H

#include "analysis/difference.h"

#define DESCRIBE_ROOM 768

#define DESCRIBE_ZONES (2 * TG_ZONE_MAX / 8 + 1)

/* Each as text, a list with commas; empty where nothing is to be said. */
struct description {
    bool family[2]; /* IPv4, IPv6 */
    char proto[DESCRIBE_ROOM];
    char in[DESCRIBE_ROOM], out[DESCRIBE_ROOM]; /* zones; "any" for all that both files have */
    char src[DESCRIBE_ROOM], dst[DESCRIBE_ROOM];
    char sport[DESCRIBE_ROOM], dport[DESCRIBE_ROOM];
    char during[DESCRIBE_ROOM], mac[DESCRIBE_ROOM];
    char after[DESCRIBE_ROOM], without[DESCRIBE_ROOM]; /* knocks that its source has given, and has not */
    /* What the texts are made of, as far as merging needs it. */
    uint8_t in_zones[DESCRIBE_ZONES], out_zones[DESCRIBE_ZONES]; /* bits, by zone of the space */
    bool is_unspecified;                                         /* the unspecified address is the only source */
};

void describe_block(const struct difference_block *block, struct description *description);

/* Join two descriptions where the words for both together are exact.
 * => true: `a` is of both now; false: they stay two */
bool describe_join(const struct landscape *landscape, struct description *a, const struct description *b);

#endif
