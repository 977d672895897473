/* How many a rule may let through: so many connections a second (`limit`), so many at a time (`max`).
 *
 * Two small fixed tables, keyed by statement and, where the rule says `per source`, by the source; as large as a policy
 * needs, made with the first load of it, passed on while it is loaded again, and gone with it.
 *
 * Rates follow the generic cell rate algorithm (ITU-T I.371): one time a key, at which the next would be due if they
 * came evenly; who comes earlier than `burst` intervals before it is over the rate. A source that is not in a full
 * table pushes out the one that has been quiet longest in its neighbourhood: forgetting a source is generous to it, and
 * to it alone.
 *
 * Whoever is outside can speak from any address of an IPv6 network, so the zone of the default route has its IPv6
 * sources told apart by their first 64 bits; others, and IPv4, by the whole address.
 *
 * Any number of workers may ask at once. As a connection is counted only when it is entered, several workers that begin
 * one at the same moment may pass `max` by as many.
 */
#ifndef METER_METER_H
#define METER_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"
#include "tidegate/addr.h"

struct meter;

/* Who begins a connection: the source as it came, and the zone by which. */
struct meter_source {
    struct tg_addr addr;
    uint8_t family;
    uint8_t zone;
};

/* => a meter for what `policy` needs, or NULL without memory. `connections`: how many there can be at a time */
struct meter *meter_new(const struct tg_policy *policy, uint32_t connections, const uint64_t secret[4]);
void meter_free(struct meter *meter);

/* Bytes that it takes. */
size_t meter_size(const struct tg_policy *policy, uint32_t connections);

/* Whether a rule with `limit` or `max` fits one more connection at `now` (nanoseconds); if so it has been counted as
 * one of its rate. */
bool meter_admits(struct meter *meter, const struct policy_rule *rule, const struct meter_source *source, uint64_t now);

/* A connection that this statement lets be begins, or ends. There are no more of them at a time than meter_new() was
 * told.
 * => true if it is counted: then its end must be told too, with the same source */
bool meter_begin(struct meter *meter, uint32_t statement, const struct meter_source *source);
void meter_end(struct meter *meter, uint32_t statement, const struct meter_source *source);

#endif
