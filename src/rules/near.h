/* The name that was probably meant.
 *
 * Candidates are tried one after the other; the nearest by edits (a letter more, less, other, or two swapped) wins, the
 * earlier of two equally near ones. Nothing is near to a word of one letter, and not more than a third of a word's
 * letters may differ.
 */
#ifndef RULES_NEAR_H
#define RULES_NEAR_H

#include <stdbool.h>
#include <stddef.h>

#define NEAR_LONGEST 40 /* letters of a word that anything is near to */

struct near {
    const char *word; /* what was written: `len` bytes */
    size_t len;
    const char *best; /* so far, or NULL */
    unsigned distance;
};

struct near near_to(const char *word, size_t len);

/* Try one, or each up to a closing NULL. */
void near_try(struct near *near, const char *candidate);
void near_try_all(struct near *near, const char *const *candidates);

/* "; did you mean 'X'?", or nothing if no candidate was near. Written to `buf`.
 * => buf */
#define NEAR_HINT 96
const char *near_hint(const struct near *near, char buf[static NEAR_HINT]);

#endif
