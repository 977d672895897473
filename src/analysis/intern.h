/* Each different thing kept once, and known by a number: things are equal exactly if their numbers are.
 *
 * Items are plain structs of 32-bit members, without padding, all of one size; those of their bytes that are the key
 * tell them apart.
 */
#ifndef ANALYSIS_INTERN_H
#define ANALYSIS_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intern {
    uint8_t *items;
    size_t size, key; /* bytes of an item, and how many of them are its key */
    uint32_t count, room;
    uint32_t *slots; /* numbers plus one; 0 is empty */
    uint32_t slot_count;
    bool failed; /* memory ran out: numbers mean nothing any more */
};

#define INTERN(type, key_bytes)                                                                                        \
    (struct intern)                                                                                                    \
    {                                                                                                                  \
        .size = sizeof(type), .key = (key_bytes)                                                                       \
    }

/* => the item's number, from 0 in the order of adding; 0 after a failure */
uint32_t intern_add(struct intern *intern, const void *item);

/* => the item; it moves when another is added */
const void *intern_at(const struct intern *intern, uint32_t number);

void intern_end(struct intern *intern);

#endif
