/* What forwards claim, and where two claim the same.
 *
 * A claim is one struct policy_forward: connections that come in by a zone, to an address of the router and a range of
 * ports, from some sources. The first forward that takes a connection has it. So two claims that are equal are a
 * mistake: the second can never take anything. Two that overlap are settled by the order of the file, which is worth a
 * warning, once for each forward; but not where the second is `forward any`, which is written to take what is left. A
 * forward with `during`, `mac` or `after` leaves to others what it does not take just now: no mistake, and no warning
 * to those behind it.
 */
#ifndef RULES_CLAIMS_H
#define RULES_CLAIMS_H

#include "rules/sets.h"
#include "rules/tree.h"

struct claim {
    const struct statement *statement;
    struct policy_forward forward;
    const struct address_set *src; /* NULL: any source */
    size_t order;
};

struct claims {
    struct claim *items;
    size_t count, room;
};

/* => false if memory ran out, in the arena too */
bool claims_add(struct claims *claims, struct arena *arena, const struct claim *claim);

/* Compare all claims, and complain.
 * => false if memory ran out */
bool claims_judge(const struct claims *claims, struct tg_complaints *complaints);

#endif
