/* Putting new bytes in the place of a file, all at once or not at all.
 *
 * Life: replace_open(), then the file is read; replace_write() with what it is to hold; replace_close(). In between the
 * file is locked (flock) against another of the kind, and whoever else changes it in between is noticed: nothing is
 * written then.
 *
 * The new bytes go to a file beside the old one, which takes its place by rename() once they are on the disk: at every
 * moment, and after a power cut, there is the old file or the new one. It keeps mode and owner. A symbolic link stays
 * what it is, the file that it leads to is replaced. A run that is killed may leave ".NAME.tidegate-new" behind, which
 * the next one takes away. Other names of the same file (hard links) keep the old bytes; extended attributes are not
 * carried over.
 */
#ifndef CLI_REPLACE_H
#define CLI_REPLACE_H

#include <stddef.h>
#include <sys/stat.h>

struct replace {
    int lock;        /* the file, open */
    char *path;      /* without symbolic links */
    struct stat was; /* as it was opened */
};

/* Get hold of a file that is to be replaced. Waits while another has the lock.
 * => 0; or -errno: -ENOTSUP if it is no regular file, -EACCES or -EROFS if it may not be written. replace_close() is
 *    due only after 0 */
int replace_open(struct replace *replace, const char *path);

/* => 0; -EBUSY if the file was changed since replace_open(); or another -errno. The old file is there but after 0 */
int replace_write(const struct replace *replace, const char *bytes, size_t len);

void replace_close(struct replace *replace);

/* What an error of these functions means, in words. */
const char *replace_error(int error);

#endif
