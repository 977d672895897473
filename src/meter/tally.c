#include "meter/tally.h"

#include <stdlib.h>

#include "connection/hash.h"
#include "pages/pages.h"

enum { LEAST_WIDTH = 1024 };

struct tally {
    struct hash_key keys[TALLY_ROWS];
    uint32_t width; /* a power of two */
    uint32_t *counters;
};

static uint32_t width_for(uint32_t most)
{
    uint32_t width = LEAST_WIDTH;
    while (width < most / 2)
        width *= 2;
    return width;
}

size_t tally_size(uint32_t most)
{
    return sizeof(struct tally) + pages_size((size_t)TALLY_ROWS * width_for(most), sizeof(uint32_t));
}

struct tally *tally_new(uint32_t most, const uint64_t secret[4])
{
    struct tally *tally = calloc(1, sizeof *tally);
    if (tally == NULL)
        return NULL;
    tally->width = width_for(most);
    tally->counters = pages_new((size_t)TALLY_ROWS * tally->width, sizeof *tally->counters);
    if (tally->counters == NULL) {
        tally_free(tally);
        return NULL;
    }
    for (uint64_t row = 0; row < TALLY_ROWS; row++) { /* numbers that no other table draws from the same secret */
        const uint64_t own[4] = {secret[1] + row, secret[2], secret[3], ~secret[0]};
        hash_key_init(&tally->keys[row], own);
    }
    return tally;
}

void tally_free(struct tally *tally)
{
    if (tally == NULL)
        return;
    pages_free(tally->counters, (size_t)TALLY_ROWS * tally->width, sizeof *tally->counters);
    free(tally);
}

/* Two sorts that differ in the lowest bit stand side by side: in one cache line. */
static inline uint32_t place_of(const struct tally *tally, unsigned row, const struct tally_key *key)
{
    const struct hash_key *hash = &tally->keys[row];
    uint64_t sum = hash->k[0] + hash_pair(hash, 1, key->sort[0] >> 1, key->sort[1]);
    sum += hash_pair(hash, 3, (uint32_t)key->addr.lo, (uint32_t)(key->addr.lo >> 32));
    sum += hash_pair(hash, 5, (uint32_t)key->addr.hi, (uint32_t)(key->addr.hi >> 32));
    return row * tally->width + (((uint32_t)(sum >> 32) & (tally->width - 1)) ^ (key->sort[0] & 1));
}

static struct tally_spot spot_of(const struct tally *tally, const struct tally_key *key)
{
    struct tally_spot spot;
    for (unsigned row = 0; row < TALLY_ROWS; row++)
        spot.at[row] = place_of(tally, row, key);
    return spot;
}

struct tally_spot tally_expect(const struct tally *tally, const struct tally_key *key)
{
    struct tally_spot spot = spot_of(tally, key);
    for (unsigned row = 0; row < TALLY_ROWS; row++)
        __builtin_prefetch(&tally->counters[spot.at[row]], 1);
    return spot;
}

void tally_add_at(struct tally *tally, const struct tally_spot *spot)
{
    for (unsigned row = 0; row < TALLY_ROWS; row++)
        tally->counters[spot->at[row]]++;
}

void tally_add(struct tally *tally, const struct tally_key *key)
{
    const struct tally_spot spot = spot_of(tally, key);
    tally_add_at(tally, &spot);
}

void tally_take(struct tally *tally, const struct tally_key *key)
{
    const struct tally_spot spot = spot_of(tally, key);
    for (unsigned row = 0; row < TALLY_ROWS; row++)
        tally->counters[spot.at[row]]--;
}

uint32_t tally_count_at(const struct tally *tally, const struct tally_spot *spot)
{
    uint32_t count = UINT32_MAX;
    for (unsigned row = 0; row < TALLY_ROWS; row++)
        count = tally->counters[spot->at[row]] < count ? tally->counters[spot->at[row]] : count;
    return count;
}

uint32_t tally_count(const struct tally *tally, const struct tally_key *key)
{
    const struct tally_spot spot = spot_of(tally, key);
    return tally_count_at(tally, &spot);
}
