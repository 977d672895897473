/* Changing the forwards of a rules file in place.
 *
 * A file is changed as bytes: a line is put in or taken out, and every other byte stays where it was, whatever blanks,
 * line ends and comments its owner likes. Where a line begins and ends is known from the tree.
 *
 * Life: edit_open() reads the file with what it includes; edit_add() and edit_remove() give the bytes of the file as it
 * would be; edit_close(). Nothing is written here, and nothing is checked but that the new line is one forward: the
 * caller loads the new bytes as if they were in the file (struct edit_overlay), and only then replaces the file. So a
 * file with errors can be opened too: taking out the forward that is wrong may be what mends it.
 */
#ifndef RULES_EDIT_H
#define RULES_EDIT_H

#include "rules/tree.h"
#include "tidegate/rules.h"

/* A forward, in the file itself or in one that it includes. */
struct edit_forward {
    const struct statement *statement; /* may be broken: only its places are sure then */
    const char *file;
    uint32_t line, last; /* the lines that it takes, from 1 */
    bool included;       /* from another file: cannot be changed from here */
};

struct edit {
    struct tree tree;
    struct edit_forward *forwards; /* in the order in which they are judged */
    size_t count, room;
};

/* Read a rules file, whatever errors it has. The complaints are those of reading; `edit` keeps none.
 * => 0; -EINVAL if the file cannot be read at all, which is then complained of; or -ENOMEM. edit_close() is due in any
 *    case */
int edit_open(struct edit *edit, const struct tg_source *source, const char *path, struct tg_complaints *complaints);
void edit_close(struct edit *edit);

/* The forwards that are meant by a label; by a line's number, of the file itself; by FILE:LINE; or, where none of these
 * fits, by the name or the address of the host.
 * => how many fit; the first `room` of them are in `found` */
size_t edit_find(const struct edit *edit, const char *what, const struct edit_forward **found, size_t room);

/* A file as it would be. */
struct edit_result {
    char *bytes; /* freed with free() */
    size_t len;
    size_t at;     /* the first byte of the new line, or the byte that now stands where the old line began */
    uint32_t line; /* of that byte */
};

/* Put a forward, as written by a person, behind the last one of the file itself; without any before `default` and the
 * comment that stands right above it; else at the end. The new line ends as its neighbours do.
 * => 0; -EINVAL: it is not exactly one forward on one line, which is complained of, the file being "forward"; or
 * -ENOMEM
 */
int edit_add(struct edit *edit, const char *statement, struct tg_complaints *complaints, struct edit_result *result);

/* Take out a forward of the file itself, with all lines that it takes and the comment behind it.
 * => 0, or -ENOMEM */
int edit_remove(const struct edit_forward *forward, struct edit_result *result);

/* A source of files that has its own bytes for one path, and all others from behind it. */
struct edit_overlay {
    const struct tg_source *behind;
    const char *path;
    const char *bytes;
    size_t len;
};
struct tg_source edit_overlay_source(struct edit_overlay *overlay);

#endif
