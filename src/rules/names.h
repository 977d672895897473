/* Names that a file defines: zones, hosts, sets and services in one name space.
 *
 * All definitions are entered before the first use is looked up, so it does not matter where a name stands. Two names
 * need no definition, `any` and `router`, and are no names here; built-in services come after the file's own
 * (services.h).
 *
 * Looking a name up marks it used. A name that nothing is known of is complained of where it stands. If a near name
 * exists it is a slip of the pen, and each place of it is told; if none does the definition is missing, which is one
 * mistake however often the name is used: it is told once, and the name is known from then on as one that is missing.
 */
#ifndef RULES_NAMES_H
#define RULES_NAMES_H

#include "rules/near.h"
#include "rules/sets.h"
#include "rules/tree.h"

enum name_kind {
    NAME_ZONE = 1,
    NAME_HOST = 2,
    NAME_SET = 4,
    NAME_SERVICE = 8,
    NAME_KNOCK = 32,
    NAME_MISSING = 16, /* used and not defined, and complained of */
};

struct name {
    struct name *next; /* in the order of definition */
    struct name *chain;
    enum name_kind kind;
    const struct statement *statement; /* that defines it; broken, if nothing more is to be said of it */
    struct place place;
    const char *text;
    bool used;

    uint8_t zone;                        /* its number in the policy */
    uint32_t knock;                      /* its number in the policy, once compiled */
    const struct address_set *addresses; /* of a host or set, once resolved; NULL if that failed */
    bool resolved;
    unsigned level;      /* how deep sets are in it */
    bool visiting;       /* while it is being resolved: it contains itself if it is met again, */
    struct name *within; /* by way of this one and those that it is within */
};

struct names {
    struct tree *tree;
    struct name *first, **tail;
    struct name **buckets;
    size_t bucket_count, count;
    unsigned long looks; /* at candidates for near names: bounded, or a file full of slips would take for ever */
};

/* Enter all names that the tree defines; two of one name are an error.
 * => false if memory ran out */
bool names_enter(struct names *names, struct tree *tree);

/* => the name, marked used, or NULL */
struct name *names_find(struct names *names, const char *text);

/* Look up what must be one of `kinds` (NAME_… bits), `what` in words ("a host or a set").
 * => the name; or NULL: complained of, or known to be missing */
struct name *names_want(struct names *names, const struct name_ref *ref, unsigned kinds, const char *what);

/* Complain that nothing is called so, with the nearest of: names of `kinds`, and what `near` has been tried with. */
void names_unknown(struct names *names, const struct name_ref *ref, unsigned kinds, const char *what,
                   struct near *near);

/* What a name of this kind is called: "zone", "host", … */
const char *names_kind(enum name_kind kind);

#endif
