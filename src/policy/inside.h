/* What a policy is made of: shared by the files of this folder, and by those of src/analysis, which see all of it at
 * once. */
#ifndef POLICY_INSIDE_H
#define POLICY_INSIDE_H

#include "policy/policy.h"

/* Sorted, disjoint, not touching; so a binary search finds the only range that may hold an address. */
struct address_set {
    struct policy_v4_range *v4;
    struct policy_v6_range *v6;
    size_t v4_count, v6_count;
    /* Of a large set: for each value of an address's upper 16 bits, the first range that does not end below it; and the
     * count behind the last. So a search begins among the few ranges that matter, not over all of the memory. */
    uint32_t *v4_index;
};

#define INDEX_FROM  4096 /* ranges: smaller sets fit a cache as they are */
#define INDEX_COUNT 65537

/* Sorted and disjoint as well. */
struct port_set {
    struct policy_ports *ranges;
    size_t count;
};

/* As they were written: they are few. */
struct minute_set {
    struct policy_minutes *spans;
    size_t count;
};

struct mac_set {
    struct policy_mac *macs;
    size_t count;
};

struct named_host {
    char *name;
    struct tg_addr v4, v6;
    bool has_v4, has_v6;
};

/* A growing array: `items` of some type, `count` of `room` in use. */
#define GROWING(type)                                                                                                  \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        size_t count, room;                                                                                            \
    }

struct tg_policy {
    GROWING(struct tg_zone) zones; /* from TG_ZONE_FIRST */
    GROWING(struct tg_statement) statements;
    GROWING(struct address_set) address_sets;
    GROWING(struct port_set) port_sets;
    GROWING(struct policy_limit) limits;
    GROWING(struct minute_set) minute_sets;
    GROWING(struct mac_set) mac_sets;
    GROWING(struct policy_rule) rules;
    GROWING(struct policy_forward) forwards;
    GROWING(struct named_host) hosts;
    GROWING(struct policy_expectation) expectations;
    GROWING(struct policy_translation) translations;
    GROWING(struct policy_detect) detects;
    GROWING(struct policy_knock) knocks;
    GROWING(struct policy_helper) helpers;
    struct boxes *boxes; /* of the rules, once it is sealed */
    struct doors *doors; /* of the forwards, likewise */
    struct policy_nat nat;
    uint32_t timeouts[POLICY_TIMERS];
    uint32_t connections; /* room; 0: not said */
    bool pickup;
    enum tg_action fallback;
};

/* match.c: policy_match() where rules must be compared. It stands apart so that finding one that need not be stays
 * short. */
const struct policy_rule *match_compared(const struct tg_policy *policy, const struct policy_key *key, tg_step_fn *step,
                                         void *context, const struct tg_verdict *verdict);

#endif
