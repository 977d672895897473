/* UCI: the text form in which OpenWrt keeps its configuration.
 *
 *     config zone 'name'
 *         option input 'ACCEPT'
 *         list network 'lan'
 *
 * What is read here is what libuci reads: words with or without quotes, `'…'` as it stands, `"…"` and bare words with
 * `\` before a character that shall be taken as it is, `#` up to the end of the line, `;` in place of a newline, quotes
 * that go on over several lines. A second `option` of a name takes the place of the first, a `list` adds to it. Each
 * part keeps its line, for those who must be told of it.
 *
 * All of it lives in the arena that it was read into.
 */
#ifndef IMPORT_UCI_H
#define IMPORT_UCI_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/arena.h"

struct uci_value {
    struct uci_value *next;
    const char *text;
};

struct uci_option {
    struct uci_option *next;
    const char *name;
    unsigned line; /* of its first value */
    bool list;     /* written as `list` */
    struct uci_value *values, *last;
};

struct uci_section {
    struct uci_section *next;
    const char *type;
    const char *name; /* NULL: none was given */
    unsigned line;
    struct uci_option *options;
};

struct uci {
    struct uci_section *sections;
    unsigned error_line; /* after -EINVAL: where, and what is wrong there */
    const char *error;
};

/* Read all of a file.
 * => 0; -EINVAL with `error_line` and `error`; or -ENOMEM */
int uci_read(struct uci *uci, struct arena *arena, const char *text, size_t len);

/* => the option of that name, or NULL */
const struct uci_option *uci_option(const struct uci_section *section, const char *name);

/* => the value of an option, the first one of a list; or NULL */
const char *uci_text(const struct uci_section *section, const char *name);

#endif
