/* The rules of a policy as boxes in the space of headers, for src/classify to find the first that a packet lies in.
 *
 * Zones, protocol, addresses, ports and ICMP type of a rule become ranges. A rule has a box for each family that it can
 * fit, and none if it can fit nothing. What ranges cannot say, or only with too many of them, makes the box larger than
 * the rule: long sets, whose box reaches from their first to their last address, and the conditions of `when`. Such a
 * rule must be asked itself whether it fits; one that is all of its box need not be, and decides.
 *
 * IPv6 addresses are put as the rank that they have among all ends of ranges in the rules, spread over 32 bits: nothing
 * between two ends is told apart by any rule.
 *
 * The rule of a forward has no box, as it fits exactly what the forward has taken: boxes_of_forward() gives it.
 */
#ifndef POLICY_BOXES_H
#define POLICY_BOXES_H

#include "classify/classify.h"
#include "policy/policy.h"

struct boxes;

/* => NULL if memory does not suffice */
struct boxes *boxes_new(const struct tg_policy *policy);
void boxes_free(struct boxes *boxes);
size_t boxes_size(const struct boxes *boxes);

/* policy_match() of a sealed policy, for a packet that no forward has taken. */
const struct policy_rule *boxes_match(const struct tg_policy *policy, const struct policy_key *key);

/* The rules whose boxes a packet lies in, one after the other; behind one that is all of its box, and so decides, some
 * may be left out. */
struct boxes_walk {
    struct classify_walk walk;
    uint32_t point[CLASSIFY_FIELDS];
};

void boxes_walk(const struct boxes *boxes, const struct policy_key *key, struct boxes_walk *walk);
/* => the number of the next, or POLICY_NONE */
uint32_t boxes_next(struct boxes_walk *walk);

/* => the rules of a forward, by number and ascending, and how many (one, but for those of a map, which have none) */
const uint32_t *boxes_of_forward(const struct boxes *boxes, uint32_t forward, size_t *count);

#endif
