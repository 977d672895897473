#include "connection/spin.h"

#include <time.h>

void spin_wait(spin_t *lock)
{
    enum { PATIENCE = 100, PAUSE = 20 * 1000 /* nanoseconds */ };
    const struct timespec pause = {.tv_nsec = PAUSE};
    for (int tries = 1; !spin_try(lock); tries++)
        if (tries >= PATIENCE)
            nanosleep(&pause, NULL);
}
