#include "import/ranges.h"

static uint8_t bit_of(uint8_t family)
{
    return family == TG_IPV4 ? FAMILY_V4 : FAMILY_V6;
}

/* The prefix that is exactly this range, if there is one. */
static bool is_prefix(const struct tg_range *range, uint8_t *len)
{
    for (unsigned n = 0; n <= (range->family == TG_IPV4 ? 32U : 128U); n++) {
        struct tg_prefix prefix = {.addr = range->first, .family = range->family, .len = (uint8_t)n};
        struct tg_range whole = tg_prefix_range(&prefix);
        if (tg_addr_equal(whole.first, range->first) && tg_addr_equal(whole.last, range->last)) {
            *len = (uint8_t)n;
            return true;
        }
    }
    return false;
}

void ranges_write_one(struct buffer *out, const struct tg_range *range)
{
    char first[TG_ADDR_TEXT], last[TG_ADDR_TEXT];
    uint8_t len = 0;
    tg_addr_format(range->family, range->first, first);
    if (tg_addr_equal(range->first, range->last))
        buffer_print(out, "%s", first);
    else if (is_prefix(range, &len))
        buffer_print(out, "%s/%u", first, len);
    else
        buffer_print(out, "%s-%s", first, tg_addr_format(range->family, range->last, last));
}

size_t ranges_write(struct buffer *out, const struct ranges *list, uint8_t families, bool inverted)
{
    size_t count = 0;
    for (; list != NULL; list = list->next) {
        if (list->address.invert != inverted || !(families & bit_of(list->address.range.family)))
            continue;
        buffer_print(out, "%s", count++ > 0 ? ", " : "");
        ranges_write_one(out, &list->address.range);
    }
    return count;
}

static struct tg_addr after(struct tg_addr addr)
{
    return (struct tg_addr){addr.hi + (addr.lo == UINT64_MAX), addr.lo + 1};
}

static struct tg_addr before(struct tg_addr addr)
{
    return (struct tg_addr){addr.hi - (addr.lo == 0), addr.lo - 1};
}

/* The inverted range that reaches into `from` and begins first, or NULL. */
static const struct tg_range *first_hole(const struct ranges *list, const struct tg_range *from)
{
    const struct tg_range *first = NULL;
    for (; list != NULL; list = list->next) {
        const struct tg_range *r = &list->address.range;
        if (list->address.invert && r->family == from->family && tg_addr_compare(r->last, from->first) >= 0 &&
            tg_addr_compare(r->first, from->last) <= 0 &&
            (first == NULL || tg_addr_compare(r->first, first->first) < 0))
            first = r;
    }
    return first;
}

/* Write what of `from` is in no inverted range. */
static size_t write_outside(struct buffer *out, const struct ranges *list, struct tg_range from, bool any)
{
    size_t count = 0;
    for (;;) {
        const struct tg_range *hole = first_hole(list, &from);
        struct tg_range piece = from;
        bool reaches = hole != NULL && tg_addr_compare(hole->first, from.first) <= 0;
        if (!reaches) {
            if (hole != NULL)
                piece.last = before(hole->first);
            buffer_print(out, "%s", any || count > 0 ? ", " : "");
            ranges_write_one(out, &piece);
            count++;
        }
        if (hole == NULL || tg_addr_compare(hole->last, from.last) >= 0)
            return count;
        from.first = after(hole->last);
    }
}

size_t ranges_write_rest(struct buffer *out, const struct ranges *list, uint8_t family, bool any)
{
    size_t count = 0;
    bool has = false;
    for (const struct ranges *r = list; r != NULL; r = r->next) {
        if (!r->address.invert && r->address.range.family == family) {
            count += write_outside(out, list, r->address.range, any || count > 0);
            has = true;
        }
    }
    if (has)
        return count;
    struct tg_prefix whole = {.family = family};
    return write_outside(out, list, tg_prefix_range(&whole), any);
}

uint8_t ranges_families(const struct ranges *list, bool inverted)
{
    uint8_t families = 0;
    for (; list != NULL; list = list->next) {
        if (list->address.invert == inverted)
            families |= bit_of(list->address.range.family);
    }
    return families;
}
