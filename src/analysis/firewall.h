/* The rules of a policy as one decision diagram: for each packet, the rules that decide about it.
 *
 * The leaves are chains. A chain names, in the order of the file, the rules that may decide: a rule that always fits
 * ends it, one that fits only sometimes (limit, max) leaves the decision to the rest where it does not. A chain
 * that is not ended comes to the default.
 *
 * Rules that let through what a forward has taken are not in the diagram: what they fit is not told from other packets
 * by what a rule looks at.
 */
#ifndef ANALYSIS_FIREWALL_H
#define ANALYSIS_FIREWALL_H

#include "analysis/diagram.h"
#include "analysis/space.h"

#define CHAIN_DEFAULT 0 /* no rule: the default decides */
#define CHAIN_END     1 /* behind a rule that always fits */

struct chain {
    uint32_t rule; /* in the policy */
    uint32_t rest; /* a chain */
    uint32_t next; /* in its bucket */
    bool ended;
};

struct firewall {
    struct diagram *diagram;
    const struct space *space;
    unsigned view;
    bool always; /* rules that fit only sometimes, or that are vague, are left out: what is in the diagram is certain */
    struct chain *chains;
    uint32_t chain_count, chain_room;
    uint32_t *buckets;
    bool failed; /* memory ran out */
};

/* Whether a rule fits only within a rate or a number of live connections, which no space tells. */
bool firewall_is_sometimes(const struct policy_rule *rule);

/* Draw the rules of the policy that is number `view` of the space. Ask diagram_failed() and `failed` afterwards; call
 * firewall_end() in any case.
 * => the diagram; its leaves are numbers of chains */
uint32_t firewall_draw(struct firewall *firewall, struct diagram *diagram, const struct space *space, unsigned view,
                       bool always);
void firewall_end(struct firewall *firewall);

#endif
