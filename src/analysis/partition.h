/* Addresses in classes: those that are in exactly the same sets, of all the sets that matter, are one class.
 *
 * A draft collects the sets, as ranges; a partition is made of it.
 */
#ifndef ANALYSIS_PARTITION_H
#define ANALYSIS_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/diagram.h"
#include "tidegate/addr.h"

/* All zero but for the family at first. */
struct draft {
    struct draft_event *items;
    size_t count, room;
    uint64_t ids; /* of sets, so far */
    uint8_t family;
    bool failed;
};

/* What is added from now on belongs to another set. */
void draft_next(struct draft *draft);

/* A range of the set at hand, which meets no other range of it. */
void draft_range(struct draft *draft, struct tg_addr first, struct tg_addr last);

/* A set of one range. */
void draft_single(struct draft *draft, struct tg_addr first, struct tg_addr last);

void draft_end(struct draft *draft);

/* All addresses of a family in pieces, each of one class. */
struct partition {
    struct piece {
        struct tg_addr first, last;
        uint32_t class;
    } * pieces; /* ascending, without gaps */
    size_t count;
    uint32_t classes;
    struct tg_addr *samples; /* one address of each class */
};

/* => false without memory; partition_end() is to be called in any case */
bool partition_make(struct draft *draft, struct partition *partition);
void partition_end(struct partition *partition);

/* The class of an address; the place of its piece. */
uint32_t partition_class(const struct partition *partition, struct tg_addr addr);
size_t partition_piece(const struct partition *partition, struct tg_addr addr);

/* The spans, on the heap, of those of `size` classes that are marked `as`.
 * => false without memory */
bool spans_of(const uint8_t *members, uint8_t as, uint32_t size, struct spans *spans);

/* Free a list of such spans, or NULL. */
void spans_free(struct spans *spans, size_t count);

#endif
