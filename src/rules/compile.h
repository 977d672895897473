/* From the tree of a rules file to a policy.
 *
 * In the order of the work: names are entered (names.h); zones, hosts, sets and services are made of their statements;
 * then each rule and each forward is resolved (names to addresses and ports) and added in the order of the file;
 * forwards are held against each other (claims.h); and if all was well, what looks like an oversight is warned of
 * (advice.c).
 *
 * What the language's page leaves open, and is decided here:
 *   - A protocol has ports only where it is said: `port` without tcp, udp, sctp or udplite before it is an error. A
 * service gives its ports by protocol: `tcp,udp … port onvif` is TCP to its TCP ports and UDP to its UDP ports, and a
 * protocol that is left without any is an error. A class and a number are the same for every protocol.
 *   - `icmp` speaks of IPv4 and `icmp6` of IPv6. Other statements speak of the families that their addresses have: of
 * both where they have none. `not LIST` is everything else, of both families, whatever the list has.
 *   - Where both sides name addresses and no family is on both, the statement could never fit: an error.
 *   - A set may hold hosts and other sets.
 *   - A name that only an `expect` uses is used.
 *   - `forward` with `at` is of IPv4 alone, since the router has the address: no pinhole is opened beside it. Sources
 * bound it likewise: from a set of IPv4 addresses alone, no pinhole.
 *   - `forward tcp` without a port is an error; `forward any` says that all is meant.
 *   - Several ports outside go to the same ports inside, or all to one; a range goes to one of the same length.
 *   - Names of zones need no rule that uses them: a zone has its effect by being there. Names defined in an included
 * file may stay unused: it is a collection to choose from.
 */
#ifndef RULES_COMPILE_H
#define RULES_COMPILE_H

#include "rules/claims.h"
#include "rules/names.h"
#include "rules/sets.h"
#include "rules/tree.h"

struct compiler {
    struct tree *tree;
    struct tg_complaints *complaints;
    struct arena *arena; /* the tree's; its `failed` is the one sign that memory ran out */
    struct tg_policy *policy;
    struct names names;
    struct sets sets;
    struct claims claims;
    const struct statement *fallback; /* the first `default` */
    bool from_router;                 /* some rule lets the router's own connections out */
};

/* => a sealed policy; or NULL: the tree's complaints have errors, from the parser or from here, or the arena has failed
 */
struct tg_policy *compile_tree(struct tree *tree);

/* Say what is wrong with a place. => false */
COMPLAINT_PRINTF(3, 4)
bool compile_error(struct compiler *compiler, struct place place, const char *format, ...);

/* Note that memory ran out. => false */
bool compile_failed(struct compiler *compiler);

/* Give all zones to the policy, with their numbers to their names.
 * => false if memory ran out */
bool compile_zones(struct compiler *compiler);

/* Statements. => false: complained of, or memory ran out */
bool compile_rule(struct compiler *compiler, const struct statement *st);
bool compile_forward(struct compiler *compiler, const struct statement *st);
bool compile_expect(struct compiler *compiler, const struct statement *st);

/* Add the statement to the policy, under *number. */
bool compile_statement(struct compiler *compiler, const struct statement *st, enum tg_statement_kind kind,
                       const struct name_ref *label, uint32_t *number);

/* Warn of what looks like an oversight in a file without errors (advice.c). */
void compile_advise(struct compiler *compiler);

#endif
