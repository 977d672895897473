/* From the tree of a rules file to a policy.
 *
 * In the order of the work: names are entered (names.h); zones, hosts, sets, services and knocks are made of their
 * statements; then each rule, each forward and all else is resolved (names to addresses and ports) and added in the
 * order of the file; forwards are held against each other (claims.h), and so are maps; and if all was well, what looks
 * like an oversight is warned of (advice.c, exposure.h).
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
 *   - `translate`, `map` and `nat` are of IPv4: IPv6 addresses in figures are an error there, and of names that have
 * both families the IPv4 addresses count. `translate` needs `to`, which is what it leaves by.
 *   - A `map` goes both ways by one zone. A `forward ... at` its address may stand beside it, and comes first.
 *   - `during` means the days on which a span begins; one that passes midnight ends on the day behind. Its minutes, and
 * those of `at` in an `expect`, are local time. An `expect` without `at` is judged at no known time, where nothing that
 * has `during` fits; and its packet has no hardware address.
 *   - A `limit` without `burst` lets 5 at once through.
 *   - A forward with `during`, `mac` or `after` is none while these do not hold, and so leaves to another what both
 * claim; `limit` and `max` are asked only when it has taken the packet.
 *   - A thing that is set once (`default`, `nat`, `timeout`, `connections`) is not set again, not even to the same.
 *   - A knock has at least two steps, and no step twice in a row: a packet that is sent anew is no next step.
 *   - Names of zones need no rule that uses them: a zone has its effect by being there. Names defined in an included
 * file may stay unused: it is a collection to choose from.
 */
#ifndef RULES_COMPILE_H
#define RULES_COMPILE_H

#include "rules/claims.h"
#include "rules/exposure.h"
#include "rules/names.h"
#include "rules/sets.h"
#include "rules/tree.h"

/* An address outside that stands for one inside. */
struct map {
    const struct statement *statement;
    uint8_t zone;
    struct tg_addr outside, inside;
    size_t order;
    bool refused; /* it was complained of */
};

/* Ports that a helper reads. */
struct helped {
    struct helped *next;
    const struct statement *statement;
    struct policy_helper helper;
};

/* The statement that has said each thing that can be said once, or NULL. */
struct settings {
    const struct statement *fallback;
    const struct statement *mapping[2], *filtering[2]; /* of TCP, of UDP */
    const struct statement *nat_ports;
    const struct statement *timers[POLICY_TIMERS];
    const struct statement *room, *pickup;
    struct helped *helped;
};

struct compiler {
    struct tree *tree;
    struct tg_complaints *complaints;
    struct arena *arena; /* the tree's; its `failed` is the one sign that memory ran out */
    struct tg_policy *policy;
    struct names names;
    struct sets sets;
    struct claims claims;
    struct exposure exposure;
    struct settings settings;
    struct map *maps;
    size_t map_count, map_room;
    bool from_router; /* some rule lets the router's own connections out */
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
bool compile_translate(struct compiler *compiler, const struct statement *st);
bool compile_map(struct compiler *compiler, const struct statement *st);
bool compile_nat(struct compiler *compiler, const struct statement *st);
bool compile_default(struct compiler *compiler, const struct statement *st);
bool compile_timeout(struct compiler *compiler, const struct statement *st);
bool compile_connections(struct compiler *compiler, const struct statement *st);
bool compile_helper(struct compiler *compiler, const struct statement *st);
bool compile_detect(struct compiler *compiler, const struct statement *st);

/* Give all knocks to the policy, with their numbers to their names, before rules ask for them.
 * => false: complained of, or memory ran out */
bool compile_knocks(struct compiler *compiler);

/* Hold the maps against each other when all are there. */
void compile_judge_maps(struct compiler *compiler);

/* Note that a statement says what can be said once: `what` in words ("the default").
 * => false: another has said it, complained of */
bool compile_once(struct compiler *compiler, const struct statement **said, const struct statement *st,
                  const char *what);

/* Add the statement to the policy, under *number. */
bool compile_statement(struct compiler *compiler, const struct statement *st, enum tg_statement_kind kind,
                       const struct name_ref *label, uint32_t *number);

/* What the options of a rule or forward ask for, from `zone` (compile_option.c); what is logged is with the statement.
 */
bool compile_options(struct compiler *compiler, const struct options *options, uint8_t zone, struct policy_when *when);

/* Warn of what looks like an oversight in a file without errors (advice.c). */
void compile_advise(struct compiler *compiler);

#endif
