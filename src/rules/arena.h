/* Memory that is given back all at once: the tree of a rules file, and all that hangs on it.
 *
 * Whoever needs memory takes it without asking what becomes of it. When there is none the arena remembers, and gives
 * NULL from then on: the many small steps of the parser stop as they would at a mistake, and the one at the top asks
 * `arena.failed` to know which of the two it was.
 */
#ifndef RULES_ARENA_H
#define RULES_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the newest first */
    size_t free;                /* bytes left in it */
    bool failed;                /* memory ran out, once */
};

/* => `size` bytes, all zero, aligned for any type; or NULL */
void *arena_take(struct arena *arena, size_t size);

/* => a copy of `len` bytes with a closing 0; or NULL */
char *arena_text(struct arena *arena, const char *bytes, size_t len);

/* Make room for one element more in an array that grows by doubling; the old one stays in the arena.
 * => the array, or NULL */
void *arena_grow(struct arena *arena, void *array, size_t used, size_t *room, size_t element);

/* Give back everything. The arena is as new. */
void arena_clear(struct arena *arena);

#endif
