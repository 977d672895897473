/* A lock of one byte, held for the time of one packet at most. Waits by yielding when its holder does not run. */
#ifndef CONNECTION_SPIN_H
#define CONNECTION_SPIN_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint8_t spin_t;

static inline bool spin_try(spin_t *lock)
{
    return atomic_exchange_explicit(lock, 1, memory_order_acquire) == 0;
}

static inline void spin_take(spin_t *lock)
{
    enum { PATIENCE = 100 };
    for (int tries = 0; !spin_try(lock); tries++)
        if (tries >= PATIENCE)
            sched_yield();
}

static inline void spin_release(spin_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

#endif
