#include "cli/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SUFFIX ".tidegate-new"

const char *replace_error(int error)
{
    switch (error) {
    case -EBUSY: return "it was changed by somebody else at the same time";
    case -ENOTSUP: return "it is no regular file, and cannot be changed in place";
    default: return strerror(-error);
    }
}

/* Open and lock what the path leads to.
 * => 0, also if it is another file by now; or -errno */
static int open_locked(struct replace *replace)
{
    if (stat(replace->path, &replace->was) != 0)
        return -errno;
    if (!S_ISREG(replace->was.st_mode)) /* opening it might wait, or do something */
        return -ENOTSUP;
    if (access(replace->path, W_OK) != 0)
        return -errno;
    replace->lock = open(replace->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (replace->lock < 0)
        return -errno;
    int result;
    do
        result = flock(replace->lock, LOCK_EX);
    while (result != 0 && errno == EINTR);
    if (result == 0 && fstat(replace->lock, &replace->was) == 0)
        return 0;
    int error = -errno;
    close(replace->lock);
    return error;
}

/* Whether the path still leads to the file as it was, unchanged. */
static bool is_same(const struct replace *replace)
{
    const struct stat *was = &replace->was;
    struct stat now;
    return stat(replace->path, &now) == 0 && now.st_dev == was->st_dev && now.st_ino == was->st_ino &&
           now.st_size == was->st_size && now.st_mtim.tv_sec == was->st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == was->st_mtim.tv_nsec;
}

int replace_open(struct replace *replace, const char *path)
{
    *replace = (struct replace){.lock = -1};
    replace->path = realpath(path, NULL);
    if (replace->path == NULL)
        return -errno;
    for (;;) {
        int error = open_locked(replace);
        if (error != 0) {
            free(replace->path);
            return error;
        }
        if (is_same(replace))
            return 0;
        close(replace->lock); /* it was replaced while this waited for the lock: the lock is on the old one */
    }
}

void replace_close(struct replace *replace)
{
    close(replace->lock);
    free(replace->path);
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Give the new file the owner and the mode of the old one. */
static int take_after(int fd, const struct stat *was)
{
    struct stat now;
    if (fstat(fd, &now) != 0)
        return -errno;
    bool same_owner = now.st_uid == was->st_uid && now.st_gid == was->st_gid;
    if (!same_owner && fchown(fd, was->st_uid, was->st_gid) != 0)
        return -errno;
    return fchmod(fd, was->st_mode & 07777) != 0 ? -errno : 0;
}

/* Have the folder know its new entry after a power cut too. That it cannot be asked for is no reason to complain: the
 * file has been replaced. */
static void sync_folder(char *path)
{
    *strrchr(path, '/') = '\0';
    int fd = open(*path != '\0' ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* Write to the file beside the old one, and put it in its place. */
static int write_beside(const struct replace *replace, int fd, const char *beside, const char *bytes, size_t len)
{
    int error = take_after(fd, &replace->was);
    if (error == 0)
        error = write_all(fd, bytes, len);
    if (error == 0 && fsync(fd) != 0)
        error = -errno;
    if (error == 0 && !is_same(replace))
        error = -EBUSY;
    if (error == 0 && rename(beside, replace->path) != 0)
        error = -errno;
    return error;
}

/* Begin the file beside the old one. Its name is always the same: the lock is held, so one that is there was left by a
 * run that was killed.
 * => its descriptor with its name in `beside`, or -errno */
static int begin_beside(const struct replace *replace, char *beside, size_t room)
{
    size_t folder = (size_t)(strrchr(replace->path, '/') - replace->path) + 1;
    snprintf(beside, room, "%.*s.%.230s" SUFFIX, (int)folder, replace->path, replace->path + folder);
    if (unlink(beside) != 0 && errno != ENOENT)
        return -errno;
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int replace_write(const struct replace *replace, const char *bytes, size_t len)
{
    size_t room = strlen(replace->path) + sizeof "." SUFFIX;
    char *beside = malloc(room);
    if (beside == NULL)
        return -ENOMEM;
    int fd = begin_beside(replace, beside, room), error = fd;
    if (fd >= 0) {
        error = write_beside(replace, fd, beside, bytes, len);
        close(fd);
        if (error != 0)
            unlink(beside);
        else
            sync_folder(beside);
    }
    free(beside);
    return error;
}
