/* A lock of one byte, held for the time of one packet at most. Who waits long sleeps: its holder does not run, and may
 * have a lower priority. */
#ifndef CONNECTION_SPIN_H
#define CONNECTION_SPIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef _Atomic uint8_t spin_t;

static inline bool spin_try(spin_t *lock)
{
    return atomic_exchange_explicit(lock, 1, memory_order_acquire) == 0;
}

static inline void spin_take(spin_t *lock)
{
    enum { PATIENCE = 100, PAUSE = 20 * 1000 /* nanoseconds */ };
    const struct timespec pause = {.tv_nsec = PAUSE};
    for (int tries = 0; !spin_try(lock); tries++)
        if (tries >= PATIENCE)
            nanosleep(&pause, NULL);
}

static inline void spin_release(spin_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

#endif
