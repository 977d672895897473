/* Lists of addresses as firewall4 has them, some of them inverted, as one list of the rules language.
 *
 * firewall4 lets a packet by that is in one of the addresses that are not inverted (if there are any), and in none of
 * the inverted ones, family by family. A rules file has a list, or the inverse of a list. Where neither will do the
 * addresses are worked out.
 */
#ifndef IMPORT_RANGES_H
#define IMPORT_RANGES_H

#include "import/buffer.h"
#include "import/values.h"

struct ranges {
    struct ranges *next;
    struct value_address address;
};

/* Write one range: an address, a prefix or FIRST-LAST. */
void ranges_write_one(struct buffer *out, const struct tg_range *range);

/* Write those of `families` with `, ` between them: the inverted ones, or the others.
 * => how many */
size_t ranges_write(struct buffer *out, const struct ranges *list, uint8_t families, bool inverted);

/* Write what is left of the list in `family` when its inverted addresses are taken away; all addresses of the family
 * are what they are taken from if no other is there. `any` says whether something stands in `out` already.
 * => how many ranges */
size_t ranges_write_rest(struct buffer *out, const struct ranges *list, uint8_t family, bool any);

/* The families of the addresses in a list: of those that are inverted, or of the others. */
uint8_t ranges_families(const struct ranges *list, bool inverted);

#endif
