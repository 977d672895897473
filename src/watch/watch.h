/* Who has been scanning (`detect`), and who has knocked (`knock`).
 *
 * Both are a memory of sources, in small fixed tables: made with the first load of a policy that wants them, passed on
 * while it is loaded again, gone with it. Where a table is full, the source that has been quiet longest in its
 * neighbourhood is forgotten, and one that is blocked or let in only for another such.
 *
 * A scan is told by ports that were refused: distinct ones, by protocol and number, of packets that could begin a
 * connection. Answers to connections that are over may look like that, but not to so many ports in so short a time.
 * Like every such measure it believes the source address: who can lie about that can have others blocked.
 *
 * A knock is told by its steps, in order. A step repeated, as an unanswered SYN is, changes nothing; any other packet
 * of the source that is refused begins the knock anew, so that going through all ports opens nothing.
 *
 * IPv6 sources in the zone of the default route are blocked by their first 64 bits; a knock is of one whole address.
 * Any number of workers may ask at once.
 */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

struct watch;

/* => what `policy` wants remembered, or NULL without memory */
struct watch *watch_new(const struct tg_policy *policy, const uint64_t secret[4]);
void watch_free(struct watch *watch);

/* Bytes that it takes. */
size_t watch_size(const struct tg_policy *policy);

/* Of a packet that begins something, `key` is as it came: its tuple and zone_in. Times are in nanoseconds. */

/* => the statement of the `detect` that has its source blocked, or TG_NO_STATEMENT */
uint32_t watch_blocked(struct watch *watch, const struct policy_key *key, uint64_t now);

/* It was refused.
 * => the statement of the `detect` that has its source blocked from now on, or TG_NO_STATEMENT */
uint32_t watch_refused(struct watch *watch, const struct policy_key *key, uint64_t now);

/* It may be a step of a knock. `is_own`: it is for an address of the router */
void watch_knock(struct watch *watch, const struct policy_key *key, bool is_own, bool is_refused, uint64_t now);

/* Whether its source has given the knock of that number, and is let in for it. */
bool watch_has_knocked(struct watch *watch, uint32_t knock, const struct policy_key *key, uint64_t now);

#endif
