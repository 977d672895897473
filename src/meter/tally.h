/* How many each has of something, for more of them than there could be memory for.
 *
 * A count-min sketch (Cormode and Muthukrishnan, "An improved data stream summary", 2005): each key has one counter in
 * each of two rows, found by keyed hashes, and what it has is the smaller of the two. That is never less than the
 * truth, and more only where others fall on both of its counters: so the few who have much are known exactly, and a
 * crowd of which each has one is spread evenly. No place is searched for and none is ever lacking, and nobody who does
 * not know the secret can aim at another's counters.
 */
#ifndef METER_TALLY_H
#define METER_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "tidegate/addr.h"

struct tally;

/* Who, and what of: `sort` is the caller's. What one has of sorts that differ in the lowest bit of sort[0] alone is
 * found together: what is counted together should be so. */
struct tally_key {
    struct tg_addr addr;
    uint32_t sort[2];
};

size_t tally_size(uint32_t most);

/* => a tally for `most` things in all, or NULL without memory */
struct tally *tally_new(uint32_t most, const uint64_t secret[4]);
void tally_free(struct tally *tally);

/* One more; one fewer, of those that were added. The caller sees to it that one thread at a time does so. */
void tally_add(struct tally *tally, const struct tally_key *key);
void tally_take(struct tally *tally, const struct tally_key *key);

uint32_t tally_count(const struct tally *tally, const struct tally_key *key);

/* The same in two steps, for who asks of one key several times: where its counters are, which are brought near; good as
 * long as the tally is. */
enum { TALLY_ROWS = 2 };
struct tally_spot {
    uint32_t at[TALLY_ROWS];
};
struct tally_spot tally_expect(const struct tally *tally, const struct tally_key *key);
void tally_add_at(struct tally *tally, const struct tally_spot *spot);
uint32_t tally_count_at(const struct tally *tally, const struct tally_spot *spot);

/* The spot of the key that differs in the lowest bit of sort[0] alone. */
static inline struct tally_spot tally_beside(const struct tally_spot *spot)
{
    struct tally_spot beside;
    for (unsigned row = 0; row < TALLY_ROWS; row++)
        beside.at[row] = spot->at[row] ^ 1;
    return beside;
}

#endif
