/* Values of options as firewall4 reads them: what it takes, what it refuses, what it makes of it.
 *
 * A reader takes one value and gives true with what it means, or false: firewall4 refuses it, and with it the section.
 * Many values may have a `!` before them, which inverts.
 */
#ifndef IMPORT_VALUES_H
#define IMPORT_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"
#include "tidegate/addr.h"

/* Step over blanks and a `!`.
 * => what is behind */
const char *value_bare(const char *text, bool *invert);

bool value_bool(const char *text, bool *is);

/* Families as they are reckoned with here: a set of the two. */
enum { FAMILY_V4 = 1, FAMILY_V6 = 2, FAMILY_BOTH = 3 };

/* "ipv4", "ipv6", "any" (FAMILY_BOTH). */
bool value_family(const char *text, uint8_t *families);

/* Targets, by any beginning of their names in either case. The first three are policies too. */
enum value_target {
    TARGET_ACCEPT,
    TARGET_REJECT,
    TARGET_DROP,
    TARGET_NOTRACK,
    TARGET_HELPER,
    TARGET_MARK,
    TARGET_DSCP,
    TARGET_DNAT,
    TARGET_SNAT,
    TARGET_MASQUERADE,
};
bool value_target(const char *text, enum value_target *target);
bool value_policy(const char *text, enum value_target *policy);

/* 80, 8000-8010, 8000:8010. */
struct value_port {
    bool invert;
    struct policy_ports ports;
};
bool value_port(const char *text, struct value_port *port);

/* An address, a prefix, a prefix with a netmask, a range of addresses. */
struct value_address {
    bool invert;
    bool scattered; /* the ones of its mask do not stand together: `::1/-64`; no prefix says so, `range` holds only the
                       family */
    struct tg_range range;
};
bool value_address(const char *text, struct value_address *address);

/* Whether a value that is no address may be the name of a network, whose addresses are meant. */
bool value_is_network(const char *text);

/* A protocol, by its name or number. */
struct value_proto {
    bool invert;
    bool any;
    bool tcpudp;   /* both, by one word */
    bool unknown;  /* a name that is not known here; firewall4 leaves names to nftables */
    uint8_t proto; /* TG_PROTO_ICMP stands for ICMPv6 too, as the family may have it */
};
bool value_proto(const char *text, struct value_proto *proto);

/* A type of ICMP by its name or as TYPE or TYPE/CODE: in each family that has it. */
struct value_icmp {
    uint8_t families;
    struct value_icmp_type {
        uint8_t type;
        bool any_code;
        uint8_t code;
    } v4, v6;
};
bool value_icmp(const char *text, struct value_icmp *icmp);

/* N, N/second, N/minute …; any beginning of the unit will do. */
struct value_limit {
    bool invert;
    uint32_t rate;
    const char *unit; /* "second", "minute", "hour", "day" */
};
bool value_limit(const char *text, struct value_limit *limit);

/* HH:MM or HH:MM:SS. */
struct value_time {
    uint8_t hour, minute, second;
};
bool value_time(const char *text, struct value_time *time);

/* Days of the week, with blanks between them: a bit each, Monday the lowest. */
bool value_weekdays(const char *text, uint8_t *days);

#define VALUE_MAC 18 /* 00:11:22:33:44:55 and its end */
bool value_mac(const char *text, bool *invert, char mac[static VALUE_MAC]);

bool value_date(const char *text);
bool value_mark(const char *text);
bool value_dscp(const char *text);
bool value_number(const char *text);
bool value_identifier(const char *text);

/* Whether `text` is a beginning of `word`, in either case. */
bool value_begins(const char *text, const char *word);

#endif
