/* A 64-bit counter written by one thread and read by any, without 64-bit atomics, which 32-bit MIPS lacks.
 *
 * Nearly always only the low half changes. When it wraps, `turn` is odd while both halves are being changed, and a
 * reader who saw it odd or changed reads again.
 */
#ifndef ENGINE_COUNTER_H
#define ENGINE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct counter {
    _Atomic uint32_t low, high, turn;
};

static inline void counter_add(struct counter *counter, uint32_t n)
{
    uint32_t low = atomic_load_explicit(&counter->low, memory_order_relaxed);
    if (low + n >= low) {
        atomic_store_explicit(&counter->low, low + n, memory_order_relaxed);
        return;
    }
    uint32_t turn = atomic_load_explicit(&counter->turn, memory_order_relaxed);
    uint32_t high = atomic_load_explicit(&counter->high, memory_order_relaxed);
    atomic_store(&counter->turn, turn + 1);
    atomic_store(&counter->low, low + n);
    atomic_store(&counter->high, high + 1);
    atomic_store(&counter->turn, turn + 2);
}

static inline uint64_t counter_read(const struct counter *counter)
{
    for (;;) {
        uint32_t turn = atomic_load(&counter->turn);
        uint32_t high = atomic_load(&counter->high), low = atomic_load(&counter->low);
        if ((turn & 1) == 0 && atomic_load(&counter->turn) == turn)
            return (uint64_t)high << 32 | low;
    }
}

#endif
