#include "analysis/intern.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash(const uint8_t *bytes, size_t len)
{
    uint32_t h = UINT32_C(2166136261);
    for (size_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * UINT32_C(16777619);
    return h ^ h >> 15;
}

const void *intern_at(const struct intern *t, uint32_t number)
{
    return t->items + number * t->size;
}

/* => the slot that holds the item's number, or the empty one where it belongs */
static uint32_t *slot_of(const struct intern *t, const void *item)
{
    uint32_t at = hash(item, t->key) & (t->slot_count - 1);
    while (t->slots[at] != 0 && memcmp(intern_at(t, t->slots[at] - 1), item, t->key) != 0)
        at = (at + 1) & (t->slot_count - 1);
    return &t->slots[at];
}

static bool grow(struct intern *t)
{
    uint32_t room = t->room == 0 ? 64 : t->room * 2;
    uint8_t *items = realloc(t->items, room * t->size);
    if (items == NULL)
        return false;
    t->items = items;
    t->room = room;
    uint32_t *slots = calloc(room * 2, sizeof *slots);
    if (slots == NULL)
        return false;
    free(t->slots);
    t->slots = slots;
    t->slot_count = room * 2;
    for (uint32_t i = 0; i < t->count; i++)
        *slot_of(t, intern_at(t, i)) = i + 1;
    return true;
}

uint32_t intern_add(struct intern *t, const void *item)
{
    if (t->failed || (t->count == t->room && !grow(t))) {
        t->failed = true;
        return 0;
    }
    uint32_t *slot = slot_of(t, item);
    if (*slot == 0) {
        memcpy(t->items + t->count * t->size, item, t->size);
        *slot = ++t->count;
    }
    return *slot - 1;
}

void intern_end(struct intern *t)
{
    free(t->items);
    free(t->slots);
}
