/* The text of one rules file, and places in it.
 *
 * Everything that is read keeps its place: a file, a first byte and a length. Lines and columns are worked out only
 * when somebody is told of them. A place also is the text itself, so that printing a file in canonical form and
 * changing it in place need nothing more.
 *
 * A text lives as long as the tree of statements that was made of it.
 */
#ifndef RULES_TEXT_H
#define RULES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/arena.h"

struct text;

struct place {
    const struct text *text; /* NULL: nowhere */
    uint32_t at, len;        /* bytes */
};

#define TEXT_LONGEST (UINT32_C(1) << 30) /* bytes in a file, so that a place holds any */

struct text {
    const char *path;  /* as the user named it; of an included file, joined to its includer's folder */
    const char *bytes; /* `len` of them, and a closing 0 */
    uint32_t len;
    const uint32_t *lines; /* where each line begins; NULL: looked for each time */
    uint32_t line_count;
    struct place included; /* the `include` that brought it; nowhere for the first file */
    unsigned depth;        /* how many files include one another down to this one; 0 for the first */
    unsigned number;       /* in the order of reading */
};

/* Make a text of `len` bytes, which are copied, as is `path`.
 * => the text, or NULL without memory */
struct text *text_new(struct arena *arena, const char *path, const char *bytes, size_t len);

/* The same of bytes that are not copied: they stay the caller's. For long files of which little is ever told.
 * => the text, or NULL without memory */
struct text *text_lend(struct arena *arena, const char *path, const char *bytes, size_t len);

/* => the line, from 1, that holds the byte at `at` */
uint32_t text_line(const struct text *text, uint32_t at);

/* => how many characters are in these bytes; a byte that belongs to none counts as one */
uint32_t text_characters(const char *bytes, size_t len);

/* One line without its end, as it stands in the file. */
struct place text_line_place(const struct text *text, uint32_t line);

/* From the beginning of the first to the end of the last, in one file. */
struct place text_span(struct place first, struct place last);

static inline const char *text_at(struct place place)
{
    return place.text->bytes + place.at;
}

/* => true if the place holds exactly this */
bool text_is(struct place place, const char *what);

/* The length of the character at `bytes`, by UTF-8 (RFC 3629: no overlong forms, no surrogates).
 * => 1 to 4 with the character; or 0 if these bytes are none */
unsigned text_character(const char *bytes, size_t len, uint32_t *character);

/* Whether a character is what it looks like: no control character, none that is invisible or turns the direction of
 * reading. A tab is, and so are the joiners (U+200C, U+200D) that some scripts are written with. */
bool text_is_plain(uint32_t character);

/* Copy a place with blanks, and the ends of continued lines, folded to one blank each; not within quotes.
 * => the copy, or NULL without memory */
const char *text_fold(struct arena *arena, struct place place);

/* => negative, zero or positive, as a comes before, at or after b for someone who reads the first file from its top and
 *    each included file where it is included */
int text_compare(struct place a, struct place b);

#endif
