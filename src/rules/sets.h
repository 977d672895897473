/* Address sets and port sets on their way into a policy: put in order, and each kept once.
 *
 * A thousand rules that speak of the same addresses share one set of the policy, whichever way they wrote them. Two
 * sets are the same exactly if their pointers are. Ranges in a set are sorted, do not overlap and do not touch.
 */
#ifndef RULES_SETS_H
#define RULES_SETS_H

#include "policy/policy.h"
#include "rules/arena.h"

#define SETS_V4   1 /* bits of the families that a set has addresses of */
#define SETS_V6   2
#define SETS_BOTH (SETS_V4 | SETS_V6)

struct address_set {
    const struct tg_range *ranges;   /* IPv4 first; NULL if they are packed: */
    const struct address_file *file; /* sorted as well, or NULL */
    size_t count;
    uint8_t families;
    uint8_t most;    /* families of whose addresses it holds more than half: SETS_… */
    uint32_t number; /* in the policy */
};

struct port_set {
    const struct policy_ports *ranges;
    size_t count;
    uint32_t number;
};

struct sets_entry;
struct address_file;

struct sets {
    struct arena *arena;
    struct tg_policy *policy;
    struct sets_entry **buckets;
    size_t bucket_count, count;
    size_t ranges; /* kept, in all sets together */
};

/* More ranges than this, over all sets of a file, are refused: lists of lists can ask for the product of their lengths.
 */
#define SETS_MOST 4000000

/* Put ranges in order (they are sorted in place) and find or make their set; of ports at least one range.
 * => the set, or NULL if memory ran out, in the arena too */
const struct address_set *sets_addresses(struct sets *sets, struct tg_range *ranges, size_t count);
const struct port_set *sets_ports(struct sets *sets, struct policy_ports *ranges, size_t count);

/* The set of a file's addresses, which are put in order where they are: one, however many sets of the rules have it.
 * => the set, or NULL if memory ran out, in the arena too */
const struct address_set *sets_file(struct sets *sets, struct address_file *file);

/* The i-th range of a set, however it is kept. */
struct tg_range sets_range(const struct address_set *set, size_t i);

/* => true if SETS_MOST would be passed by as many ranges more */
bool sets_full(const struct sets *sets, size_t more);

/* Whether two sets have an address of this family in common; and whether all addresses of `a` in this family are in
 * `b`. */
bool sets_meet(const struct address_set *a, const struct address_set *b, uint8_t family);
bool sets_within(const struct address_set *a, const struct address_set *b, uint8_t family);

#endif
