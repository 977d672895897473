/* Looking up in tables, for who asks for each packet: written out where it is used, as putting a point down, calling
 * and reading it back would take half as long again. Everybody else asks classifier_first().
 */
#ifndef CLASSIFY_LOOKUP_H
#define CLASSIFY_LOOKUP_H

#include "classify/inside.h"
#include "wire/inlined.h"

#if defined __OPTIMIZE_SIZE__
enum { CLASSIFY_INLINE = false }; /* nothing is written out twice */
#else
enum { CLASSIFY_INLINE = true };
#endif

/* Whether tables_first() can be asked, and should be. */
INLINED bool classifier_is_inline(const struct classifier *c)
{
    return CLASSIFY_INLINE && c->cells != NULL;
}

/* => the class that a further field makes of one */
INLINED size_t tables_turn(const struct classifier *c, unsigned field, size_t class, size_t value)
{
    const struct table_turn *turn = &c->tables.turns[field - CLASSIFY_SPORT];
    return c->cells[turn->at + class * turn->values + value];
}

/* => the number of the list of boxes that a point lies in, up to one that is final */
INLINED size_t tables_list(const struct classifier *c, const uint32_t *point)
{
    const struct tables *t = &c->tables;
    size_t rest = c->dports != NULL ? port_kind(c->dports, point[CLASSIFY_DPORT]) : 0;
    if (c->sports != NULL)
        rest = tables_turn(c, CLASSIFY_SPORT, rest, port_kind(c->sports, point[CLASSIFY_SPORT]));
    rest = tables_turn(c, CLASSIFY_PROTO, rest, point[CLASSIFY_PROTO]);
    if (c->has_zones) {
        rest = tables_turn(c, CLASSIFY_IN, rest, point[CLASSIFY_IN]);
        rest = tables_turn(c, CLASSIFY_OUT, rest, point[CLASSIFY_OUT]);
    }
    size_t side = 0;
    if (c->steps != NULL)
        side = address_kind(c->steps, CLASSIFY_SRC, point[CLASSIFY_SRC]) * t->dsts +
               address_kind(c->steps, CLASSIFY_DST, point[CLASSIFY_DST]);
    side = c->cells[t->sides + side];
    return c->cells[t->answers + side * t->rests + rest];
}

/* classifier_first() of one that is tables. */
INLINED uint32_t tables_first(const struct classifier *c, const uint32_t point[static CLASSIFY_FIELDS])
{
    return c->words[tables_list(c, point)];
}

#endif
