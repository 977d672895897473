/* The space of packets, small enough to draw diagrams over.
 *
 * Zones, protocols and ports are numbers as they are. Addresses are not: they are put into classes, so that addresses
 * which are in exactly the same sets, of all the sets that rules ask for, are one value. A set is then a few ranges of
 * classes, whether it was written as one prefix or as a million. Likewise the time at which a packet comes, the MAC
 * address that it comes from and the knocks that its source has given: rules which no packet can tell apart by them
 * leave one value of each. One space is of one family; it may be shared by two policies, whose zones are then one by
 * their names.
 */
#ifndef ANALYSIS_SPACE_H
#define ANALYSIS_SPACE_H

#include "analysis/diagram.h"
#include "analysis/occasion.h"
#include "analysis/partition.h"
#include "policy/policy.h"

enum {
    SPACE_IN,   /* the zone that it comes in by: a number of the space's, TG_ZONE_NONE and TG_ZONE_ROUTER as they are */
    SPACE_OUT,  /* the zone that it leaves by; see `own_out` */
    SPACE_KIND, /* protocol << 16 | ICMP type << 8 | ICMP code; what the last two are of others does not matter */
    SPACE_SRC,  /* a class of addresses */
    SPACE_DST,  /* likewise */
    SPACE_SPORT, /* of protocols without ports: any */
    SPACE_DPORT,
    SPACE_MINUTE, /* of these three see occasion.h */
    SPACE_MAC,
    SPACE_KNOCKS,
    SPACE_FIELDS
};
_Static_assert((int)SPACE_FIELDS == (int)DIAGRAM_FIELDS, "a diagram has the fields of a space");

#define SPACE_KINDS (UINT32_C(256) << 16)

/* A policy in a space. */
struct space_view {
    const struct tg_policy *policy;
    uint8_t zones[TG_ZONE_MAX];        /* the space's number of each zone of the policy */
    struct spans *src_sets, *dst_sets; /* of those that are asked for: at twice the number of the address set what is
                                          in it, at one more what is not */
    struct spans *port_sets;           /* by number of the port set */
    bool *is_vague;                    /* by number of the address set: too large to be looked into */
};

struct space {
    uint8_t family;
    unsigned view_count, zone_count;
    uint32_t own_out; /* SPACE_OUT of `own_out` + Z is an address that the router has on zone Z without the rules file
                         saying which; 0: there are no such values */
    uint32_t sizes[SPACE_FIELDS];
    struct partition src, dst;
    struct occasions occasions;
    struct space_view views[2];
};

/* Make the space of one policy, or of two. Address sets of more ranges than `set_most` are not looked into: rules that
 * ask for them get `vague` regions. `own_out`: with the values that the field of that name speaks of.
 * => 0 with the space; -ENOMEM; -E2BIG if rules ask for more knocks than can be looked at */
int space_new(uint8_t family, const struct tg_policy *const *policies, unsigned count, size_t set_most, bool own_out,
              struct space **space);
void space_free(struct space *space);

enum { SPACE_PORTED = 5 }; /* protocols that have ports */

/* A region, with room for spans that belong to no set. It points into itself: not to be copied. */
struct space_region {
    struct region region;
    struct span own[SPACE_FIELDS][SPACE_PORTED];
    bool vague; /* the rule fits only some of the region, which is not known */
};

/* The region that a rule fits, of a policy by its number in the space; of the rule of a forward, whose `forward` must
 * be POLICY_NONE here, everything but that it was taken.
 * => false: it fits nothing in this family */
bool space_rule(const struct space *space, unsigned view, const struct policy_rule *rule, struct space_region *region);

/* Bound a region in a field to a range, or in SPACE_SRC or SPACE_DST to a condition of a policy on addresses. */
void space_bound(struct space_region *region, unsigned field, uint32_t first, uint32_t last);
void space_bound_where(const struct space *space, unsigned view, struct policy_where where, unsigned field,
                       struct space_region *region);

/* The same for what a rule or a forward asks for besides what the packet looks like; its rate and its number of live
 * connections are no part of a space. */
void space_bound_when(const struct space *space, unsigned view, const struct policy_when *when,
                      struct space_region *region);

/* The same for a zone to leave by. An address of the router that the file does not give is the router's nevertheless.
 */
void space_bound_out(const struct space *space, uint32_t zone, struct space_region *region);

/* => true if no point is in the region */
bool space_is_empty(const struct space_region *region);

#endif
