/* posix_spawn() with two pipes. Both are served at once: a program that writes before it has read everything must not
 * hang us. Nothing of ours is inherited but the pipes: every descriptor of the process is close-on-exec, and the
 * signals that the main loop has blocked are given back. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live/command.h"

extern char **environ;

enum { READ = 0, WRITE = 1 };

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int spawn(const char *const *argv, int input, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -ENOMEM;
    }
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    /* The program does not write to its arguments; the function's type is older than const. */
    union {
        const char *const *constant;
        char *const *plain;
    } arguments = {.constant = argv};
    int error = posix_spawnp(pid, argv[0], &actions, &attributes, arguments.plain, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* Write all of `input` to one descriptor and read all of the other, both closed afterwards. */
static void converse(int *write_fd, const char *input, int *read_fd, FILE *output)
{
    size_t left = strlen(input);
    if (left == 0)
        close_end(write_fd);
    while (*read_fd >= 0) {
        struct pollfd fds[] = {{.fd = *read_fd, .events = POLLIN}, {.fd = *write_fd, .events = POLLOUT}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (*write_fd >= 0 && fds[1].revents != 0) {
            ssize_t n = write(*write_fd, input, left);
            if (n > 0) {
                input += n;
                left -= (size_t)n;
            }
            if (left == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
                close_end(write_fd);
        }
        if (fds[0].revents != 0) {
            char buffer[4096];
            ssize_t n = read(*read_fd, buffer, sizeof buffer);
            if (n > 0 && output != NULL)
                fwrite(buffer, 1, (size_t)n, output);
            else if (n == 0 || (n < 0 && errno != EINTR))
                close_end(read_fd);
        }
    }
    close_end(write_fd);
    close_end(read_fd);
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int command_run(const char *const *argv, const char *input, FILE *output)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    pid_t pid;
    int error = 0;
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || fcntl(in[WRITE], F_SETFL, O_NONBLOCK) < 0)
        error = -errno;
    if (error == 0)
        error = spawn(argv, in[READ], out[WRITE], &pid);
    close_end(&in[READ]);
    close_end(&out[WRITE]);
    if (error == 0) {
        converse(&in[WRITE], input == NULL ? "" : input, &out[READ], output);
        error = wait_for(pid);
    }
    close_end(&in[WRITE]);
    close_end(&out[READ]);
    return error;
}
