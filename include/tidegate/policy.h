/* A policy: a rules file compiled to what the engine matches against. Immutable once sealed; many workers read it at
 * once.
 *
 * tg_rules_load() (rules.h) makes one from a rules file. This header is what drivers and reports ask of it; building
 * one statement by statement is in src/policy/policy.h.
 */
#ifndef TIDEGATE_POLICY_H
#define TIDEGATE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tidegate/addr.h"
#include "tidegate/network.h"

struct tg_policy;

/* What the file says of a zone. Strings belong to the policy. */
struct tg_zone {
    const char *name;
    const char *const *interfaces; /* names, or patterns that end in `*` */
    size_t interface_count;
    const struct tg_prefix *addresses; /* the router's own there, with the networks behind them */
    size_t address_count;
    bool masquerade;      /* IPv4 connections leaving by it get the router's address there as source */
    bool mss_clamp;       /* the TCP MSS of connections that cross it is clamped to what its way carries */
    bool open_on_failure; /* its packets pass unjudged while nobody judges them */
};

enum tg_statement_kind {
    TG_STATEMENT_ALLOW,
    TG_STATEMENT_DROP,
    TG_STATEMENT_REJECT,
    TG_STATEMENT_FORWARD,
    TG_STATEMENT_DETECT,    /* refuses who it has caught */
    TG_STATEMENT_TRANSLATE, /* these two decide nothing: they say how packets leave */
    TG_STATEMENT_MAP,
    TG_STATEMENT_KINDS
};

/* Whether a statement of this kind decides about packets, so that it counts those that it hits. */
static inline bool tg_statement_decides(enum tg_statement_kind kind)
{
    return kind <= TG_STATEMENT_DETECT;
}

/* A statement about packets. Statements are numbered from 0 in the order of the file. */
struct tg_statement {
    enum tg_statement_kind kind;
    const char *file;  /* as the user named it; of an included file, joined to its includer's folder */
    uint32_t line;     /* from 1 */
    const char *text;  /* the statement as written, blanks folded, comment off */
    const char *label; /* or NULL */
    const char *log;   /* what new connections that it decides about are logged with, maybe empty; NULL: they are not */
};

/* Zones: TG_ZONE_ROUTER, then from TG_ZONE_FIRST the file's own.
 * => how many numbers are taken, TG_ZONE_NONE counted: valid ones are below this */
uint8_t tg_policy_zone_count(const struct tg_policy *policy);

/* => the zone, or NULL for TG_ZONE_NONE and numbers not taken */
const struct tg_zone *tg_policy_zone(const struct tg_policy *policy, uint8_t zone);

/* => the number of the zone of that name, or TG_ZONE_NONE */
uint8_t tg_policy_zone_named(const struct tg_policy *policy, const char *name);

/* => the zone that an interface belongs to: an exact name before a pattern, patterns in the file's order; or
 * TG_ZONE_NONE */
uint8_t tg_policy_zone_of_interface(const struct tg_policy *policy, const char *interface);

/* The zone of the default route as the file implies it: the one zone without an address, else the one that masquerades.
 * => its number, or TG_ZONE_NONE where the file leaves it open */
uint8_t tg_policy_default_zone(const struct tg_policy *policy);

/* Connections that the file wants room for, or 0 if it does not say. */
uint32_t tg_policy_connections(const struct tg_policy *policy);

/* Whether some rule asks for the time of the week, for the sender's hardware address: drivers need not find out what
 * nobody asks for. */
bool tg_policy_needs_minute(const struct tg_policy *policy);
bool tg_policy_needs_mac(const struct tg_policy *policy);

/* Whether a datagram that follows a SYN must be judged behind it, for a knock by both protocols: otherwise drivers may
 * judge what begins TCP connections apart from all else. */
bool tg_policy_needs_order(const struct tg_policy *policy);

/* The IPv4 addresses that `translate` and `map` speak from: packets to them come to the router, though the router may
 * have them on no interface. Ranges may overlap.
 * => the i-th, or false past the last */
bool tg_policy_outside_address(const struct tg_policy *policy, size_t i, struct tg_range *range);

size_t tg_policy_statement_count(const struct tg_policy *policy);
const struct tg_statement *tg_policy_statement(const struct tg_policy *policy, uint32_t number);

/* A sealed view of the network from nothing but the rules file, with `extra` addresses (as from --address ZONE=CIDR)
 * put in place of what the file says of that zone and family.
 * => the view (free with tg_network_free()), or NULL without memory */
struct tg_zone_address {
    uint8_t zone;
    struct tg_prefix prefix;
};
struct tg_network *tg_policy_network(const struct tg_policy *policy, const struct tg_zone_address *extra, size_t count);

/* Bytes that the policy takes. */
size_t tg_policy_size(const struct tg_policy *policy);

void tg_policy_free(struct tg_policy *policy);

#endif
