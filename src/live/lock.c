/* The lock is a name in the abstract space of unix sockets. Such names belong to a network namespace, and are gone with
 * the socket, so that nothing stale can be left. Who asks for the holder connects, and the kernel tells whose socket it
 * is. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "live/lock.h"

#define NAME "tidegate"

static socklen_t make_address(struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path + 1, NAME, strlen(NAME));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(NAME));
}

static pid_t find_holder(void)
{
    struct sockaddr_un address;
    socklen_t len = make_address(&address), size = sizeof(struct ucred);
    struct ucred holder = {.pid = 0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return 0;
    if (connect(fd, (struct sockaddr *)&address, len) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &holder, &size) < 0)
        holder.pid = 0;
    close(fd);
    return holder.pid;
}

int lock_take(int *fd, pid_t *holder)
{
    struct sockaddr_un address;
    socklen_t len = make_address(&address);
    *holder = 0;
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd >= 0 && bind(*fd, (struct sockaddr *)&address, len) == 0 && listen(*fd, SOMAXCONN) == 0)
        return 0;
    int error = -errno;
    if (error == -EADDRINUSE)
        *holder = find_holder();
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return error;
}

void lock_serve(int fd)
{
    int guest;
    while ((guest = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(guest);
}
