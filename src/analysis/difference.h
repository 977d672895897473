/* What changes if one policy takes the place of another: every class of packets whose outcome differs, exactly.
 *
 * A difference is a pair of outcomes, of before and of after; where it holds is a number of blocks, each a region of a
 * space. Packets whose outcome is the same by another statement do not differ. Zones are the same if their names are;
 * what comes from or goes to a zone that only one policy has is not compared.
 */
#ifndef ANALYSIS_DIFFERENCE_H
#define ANALYSIS_DIFFERENCE_H

#include "analysis/landscape.h"
#include "analysis/outcome.h"

struct difference;

/* Both policies must stay for as long as the difference does.
 * => 0 with the difference; -ENOMEM; -E2BIG if it would take more memory than is good */
int difference_new(const struct tg_policy *before, const struct tg_policy *after, struct difference **difference);
void difference_free(struct difference *difference);

/* Pairs of outcomes, in the order of their statements. */
struct difference_pair {
    uint32_t before, after; /* cells of the outcomes */
};
size_t difference_count(const struct difference *difference);
struct difference_pair difference_pair(const struct difference *difference, size_t i);
const struct outcomes *difference_outcomes(const struct difference *difference);

/* => true if memory ran out while blocks were told: then some are missing */
bool difference_failed(const struct difference *difference);

/* A block: packets of one family. It is valid until the teller returns. */
struct difference_block {
    const struct landscape *landscape;
    const struct region *region;
};
typedef bool difference_block_fn(void *context, const struct difference_block *block);

/* Tell of blocks of the i-th pair, until `tell` says false.
 * => how many there are in all */
uint64_t difference_blocks(struct difference *difference, size_t i, difference_block_fn *tell, void *context);

/* Find a packet of the block and write it as `explain` takes it; the engine itself has judged it, and found the
 * outcomes of the pair.
 * => true; false: `out` holds a packet of the block that cannot be shown so, because the files leave open what it would
 *    be judged by (the addresses of a zone), or because a packet as `explain` takes it has no words for what it comes
 *    with (a MAC address, a knock before it) */
#define DIFFERENCE_EXAMPLE 224
bool difference_example(struct difference *difference, size_t i, const struct difference_block *block,
                        char out[static DIFFERENCE_EXAMPLE]);

#endif
