/* Keyed hashing of tuples.
 *
 * Multilinear hashing with half the multiplications (Lemire and Kaser, "Strongly universal string hashing is fast",
 * 2012): with keys that nobody outside knows, two different tuples fall together with probability 2^-32, whatever they
 * are, so nobody can aim at one bucket. A few multiplications, no table, the same on every machine.
 */
#ifndef CONNECTION_HASH_H
#define CONNECTION_HASH_H

#include <stdint.h>

#include "tidegate/packet.h"

enum { HASH_KEYS = 11 };

struct hash_key {
    uint64_t k[HASH_KEYS];
};

/* One step of SplitMix64 (Steele, Lea, Flood 2014): a stream of well-mixed numbers from any start. */
static inline uint64_t hash_mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void hash_key_init(struct hash_key *key, const uint64_t secret[4]);

/* Two 32-bit words under two keys. */
static inline uint64_t hash_pair(const struct hash_key *key, int i, uint32_t a, uint32_t b)
{
    return (key->k[i] + a) * (key->k[i + 1] + b);
}

static inline uint32_t hash_tuple(const struct hash_key *key, const struct tg_tuple *t)
{
    uint64_t sum = key->k[0];
    sum += hash_pair(key, 1, (uint32_t)t->src.lo, (uint32_t)t->dst.lo);
    sum += hash_pair(key, 3, (uint32_t)t->sport << 16 | t->dport, (uint32_t)t->family << 8 | t->proto);
    if (t->family != TG_IPV4) {
        sum += hash_pair(key, 5, (uint32_t)(t->src.lo >> 32), (uint32_t)(t->dst.lo >> 32));
        sum += hash_pair(key, 7, (uint32_t)t->src.hi, (uint32_t)t->dst.hi);
        sum += hash_pair(key, 9, (uint32_t)(t->src.hi >> 32), (uint32_t)(t->dst.hi >> 32));
    }
    return (uint32_t)(sum >> 32);
}

#endif
