/* One firewall in a network namespace. */
#ifndef LIVE_LOCK_H
#define LIVE_LOCK_H

#include <sys/types.h>

/* Take the lock, which is free again when *fd is closed, in whatever way the process ends.
 * => 0 with *fd; -EADDRINUSE: another process has it, *holder (0: not known which); or another -errno */
int lock_take(int *fd, pid_t *holder);

/* Whoever asks for the holder waits in line on `fd`, which is then readable: let them go. */
void lock_serve(int fd);

#endif
