/* What lets everybody in, and can hardly have been meant so.
 *
 * The compiler enters each rule that it makes, in the order of the file, with the sets that it speaks of. When all are
 * there, two things are looked for among those that let in whoever is outside:
 *
 *   - An `allow` that opens every port of TCP or UDP, of the router or of a zone inside, to the zone by which the
 *     default route leads out and which masquerades. `allow from wan` says that, and so does `allow from any`. A rule
 *     that names addresses, a port or another protocol has been thought about, and is let be.
 *   - A port that cameras are reached at, opened to every source in the zone of the default route: by a forward, or by
 *     an `allow` to the inside. The port that counts is the one inside. Plain web ports are none of these, or every web
 *     server would be taken for a camera; nor are `forward any` and long ranges, which were not written for a camera.
 *
 * Sources are everybody where they are not bounded, and where they hold more than half of all addresses of a family:
 * `not blocklist` and 0.0.0.0/0 bound nobody. Of conditions only `mac` and `after` choose who gets in. And nothing is
 * said of what an earlier rule without conditions decides in its place: `drop from wan` above `allow from any` makes
 * that a rule about the inside, and `drop from wan not office` bounds all that follow.
 */
#ifndef RULES_EXPOSURE_H
#define RULES_EXPOSURE_H

#include "rules/sets.h"
#include "rules/tree.h"

struct exposure_rule {
    const struct statement *statement;
    struct policy_rule rule;
    const struct address_set *src, *dst; /* NULL: any address. Of a forward `dst` is the host */
    const struct policy_ports *ports;    /* where it leads to; NULL: any port */
    size_t port_count;
};

struct exposure {
    struct exposure_rule *rules;
    size_t count, room;
};

/* => false if memory ran out, in the arena too */
bool exposure_add(struct exposure *exposure, struct arena *arena, const struct exposure_rule *rule);

/* Look at all rules, and warn. */
void exposure_advise(const struct exposure *exposure, const struct tg_policy *policy, struct tg_complaints *complaints);

#endif
