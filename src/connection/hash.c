#include "connection/hash.h"

void hash_key_init(struct hash_key *key, const uint64_t secret[4])
{
    uint64_t state[4] = {secret[0], secret[1], secret[2], secret[3]};
    for (int i = 0; i < HASH_KEYS; i++)
        key->k[i] = hash_mix(&state[0]) ^ hash_mix(&state[1]) ^ hash_mix(&state[2]) ^ hash_mix(&state[3]);
}
