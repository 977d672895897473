#include "rules/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16384

struct arena_block {
    struct arena_block *older;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

void *arena_take(struct arena *arena, size_t size)
{
    const size_t unit = alignof(max_align_t);
    if (arena->failed || size > SIZE_MAX / 2) {
        arena->failed = true;
        return NULL;
    }
    size = (size + unit - 1) / unit * unit;
    if (arena->blocks == NULL || size > arena->free) {
        size_t room = size > BLOCK ? size : BLOCK;
        struct arena_block *block = calloc(1, sizeof *block + room);
        if (block == NULL) {
            arena->failed = true;
            return NULL;
        }
        *block = (struct arena_block){.older = arena->blocks, .size = room};
        arena->blocks = block;
        arena->free = room;
    }
    void *taken = arena->blocks->bytes + (arena->blocks->size - arena->free);
    arena->free -= size;
    return taken;
}

char *arena_text(struct arena *arena, const char *bytes, size_t len)
{
    char *copy = arena_take(arena, len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

void *arena_grow(struct arena *arena, void *array, size_t used, size_t *room, size_t element)
{
    if (used < *room)
        return array;
    size_t more = *room > 0 ? *room * 2 : 8;
    void *grown = arena_take(arena, more * element);
    if (grown == NULL)
        return NULL;
    if (used > 0)
        memcpy(grown, array, used * element);
    *room = more;
    return grown;
}

void arena_clear(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *older = arena->blocks->older;
        free(arena->blocks);
        arena->blocks = older;
    }
    *arena = (struct arena){0};
}
