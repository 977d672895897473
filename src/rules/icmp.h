/* Types of ICMP and ICMPv6 by name.
 *
 * A type is written `icmp TYPE` or `icmp6 TYPE`, TYPE being
 *   - a name: `echo-request`, `unreachable`; all codes of it fit;
 *   - a name that also says the code: `port-unreachable`, `fragmentation-needed`;
 *   - a number: `3`; or a name or number with a code: `3/4`, `unreachable/4`.
 * Names are those of iptables and OpenWrt; nftables' names and the American spelling of `neighbour` are understood too.
 * Several types are a list: `icmp6 router-solicitation, neighbour-solicitation`. (RFC 792, 950, 1256, 4443, 4861, 2710,
 * 3810.)
 */
#ifndef RULES_ICMP_H
#define RULES_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "rules/near.h"

struct icmp_type {
    const char *name;
    uint8_t proto; /* TG_PROTO_ICMP or TG_PROTO_ICMP6 */
    uint8_t type;
    bool any_code;
    uint8_t code;
};

/* => the type of that name, or NULL */
const struct icmp_type *icmp_named(uint8_t proto, const char *name);

/* => the first name in the table that stands for exactly this, or NULL: of several names the one to be preferred */
const char *icmp_name_of(uint8_t proto, uint8_t type, bool any_code, uint8_t code);

void icmp_near(struct near *near, uint8_t proto);

#endif
