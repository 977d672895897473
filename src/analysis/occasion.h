/* What rules ask for besides what a packet looks like: the minute of the week, the sender's MAC address, and the knocks
 * that its source has given.
 *
 * Minutes and MAC addresses are put into classes: those that are in exactly the same lists, of all that rules ask for,
 * are one value. The time is taken to be known, as it is on a router; a MAC address that no list has stands for an
 * unknown one too. Knocks are a set, of those that rules ask for; two policies mean the same knock if it is the same
 * but for its name, else if its name is the same.
 */
#ifndef ANALYSIS_OCCASION_H
#define ANALYSIS_OCCASION_H

#include "analysis/diagram.h"
#include "policy/policy.h"

enum {
    OCCASION_WEEK = 7 * 24 * 60,
    OCCASION_KNOCKS = 10, /* at most: there are as many values as there are sets of them */
};

/* Points in classes. */
struct classes {
    uint32_t points, classes;
    uint32_t *of; /* by point */
};

struct occasions {
    struct classes minutes; /* a point is a minute of the week */
    struct classes macs;    /* point 0 is any address that no list has, others are one more than their place in: */
    struct policy_mac *listed;
    unsigned knock_count;
    struct occasion_knock {
        const char *name;      /* as the first policy that has it calls it */
        uint32_t number[2];    /* in each policy, or POLICY_NONE */
    } knocks[OCCASION_KNOCKS]; /* bit i of a value is the i-th of them */
    /* Of each policy, by its own numbers: the values that a list or a knock holds for. */
    struct occasion_view {
        const struct tg_policy *policy;
        struct spans *minutes, *macs, *knocks;
    } views[2];
};

/* All zero before.
 * => 0; -ENOMEM; -E2BIG: too many knocks; occasions_end() is to be called in any case */
int occasions_begin(struct occasions *occasions, const struct tg_policy *const *policies, unsigned count);
void occasions_end(struct occasions *occasions);

/* The knocks that rules ask for, of one policy or of two.
 * => how many, or -E2BIG */
int occasion_knocks(const struct tg_policy *const *policies, unsigned policy_count,
                    struct occasion_knock knocks[static OCCASION_KNOCKS]);

/* Whether two policies say the same, the first being asked about the first of them. */
bool occasion_same_zone(const struct tg_policy *const *policies, uint8_t first, uint8_t second);
bool occasion_same_where(const struct tg_policy *const *policies, struct policy_where first,
                         struct policy_where second);
bool occasion_same_knock(const struct tg_policy *const *policies, const struct policy_knock *first,
                         const struct policy_knock *second);

#endif
