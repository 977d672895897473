/* A lock of one byte, held for the time of one packet at most. Who waits long sleeps: its holder does not run, and may
 * have a lower priority. */
#ifndef CONNECTION_SPIN_H
#define CONNECTION_SPIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint8_t spin_t;

static inline bool spin_try(spin_t *lock)
{
    return atomic_exchange_explicit(lock, 1, memory_order_acquire) == 0;
}

/* Take a lock that another holds. */
void spin_wait(spin_t *lock);

static inline void spin_take(spin_t *lock)
{
    if (!spin_try(lock))
        spin_wait(lock);
}

static inline void spin_release(spin_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

#endif
