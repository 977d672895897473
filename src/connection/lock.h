/* A lock of one byte, held for the time of one packet at most. Waits by yielding when its holder does not run. */
#ifndef CONNECTION_LOCK_H
#define CONNECTION_LOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint8_t lock_t;

static inline bool lock_try(lock_t *lock)
{
    return atomic_exchange_explicit(lock, 1, memory_order_acquire) == 0;
}

static inline void lock_take(lock_t *lock)
{
    enum { PATIENCE = 100 };
    for (int tries = 0; !lock_try(lock); tries++)
        if (tries >= PATIENCE)
            sched_yield();
}

static inline void lock_release(lock_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

#endif
