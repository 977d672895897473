/* A rules file as a tree: every line of it in order, each statement with its parts and each part with its place.
 *
 * The tree is what the text says, not what it means: names are not looked up (they may be defined below their use), so
 * a lone word behind `from` may yet prove to be a zone or a host. Lines without a statement are in the tree as well,
 * with their comments: taken one after the other, the `whole` places of a file's lines are the file, byte by byte, and
 * a line can be printed anew or cut out without touching its neighbours.
 *
 * A statement in which something was complained of is `broken`. It stays in the tree for the name that it defines, so
 * that those who use the name are not complained of as well; nothing else is made of it.
 *
 * All of it lives in the tree's arena and is read-only once parsed.
 */
#ifndef RULES_TREE_H
#define RULES_TREE_H

#include "policy/policy.h"
#include "rules/arena.h"
#include "rules/complaint.h"
#include "rules/text.h"
#include "tidegate/addr.h"

struct name_ref {
    const char *text; /* NULL: none was written */
    struct place place;
};

/* The addresses in the file that a set is read from: ranges alone and packed, for there may be a million. */
struct address_file {
    struct policy_v4_range *v4; /* in order */
    struct policy_v6_range *v6;
    size_t v4_count, v6_count;     /* both may be 0 */
    bool wrong;                    /* something in it was complained of */
    const struct address_set *set; /* made of it, once it is */
};

/* An item of a list of addresses: a name, or the addresses themselves. */
struct address_item {
    struct address_item *next;
    struct place place;
    const char *name;          /* or NULL: */
    struct address_file *file; /* or NULL: `range` */
    struct tg_range range;
};

struct address_list {
    struct address_item *items;
    bool outside;       /* `not` was written before it */
    struct place place; /* `not` counted */
};

/* An item of a list of ports: a name of a service or class, or the ports themselves. */
struct port_item {
    struct port_item *next;
    struct place place;
    const char *name; /* or NULL: `ports` */
    struct policy_ports ports;
};

struct port_list {
    struct port_item *items;
    struct place place;
};

/* An item of what stands behind `allow` and its like: a protocol, or the name of a service. */
struct proto_item {
    struct proto_item *next;
    struct place place;
    const char *service; /* or NULL: `proto` */
    uint8_t proto;
};

struct proto_list {
    struct proto_item *items; /* NULL: any protocol */
    struct place place;
};

struct type_item {
    struct type_item *next;
    struct place place;
    uint8_t type, code;
    bool any_code;
};

/* `from …` or `to …`. A lone word is in `addresses`, until the compiler finds that it is a zone. */
struct side {
    struct place place; /* of it all; of no length if it was not written */
    struct name_ref zone;
    struct address_list addresses;
    struct port_list ports;
};

enum statement_kind {
    STATEMENT_NONE, /* a blank line, or a comment alone; or nothing that could be understood */
    STATEMENT_ZONE,
    STATEMENT_HOST,
    STATEMENT_SET,
    STATEMENT_SERVICE,
    STATEMENT_RULE,
    STATEMENT_DEFAULT,
    STATEMENT_FORWARD,
    STATEMENT_INCLUDE,
    STATEMENT_EXPECT,
    STATEMENT_TRANSLATE,
    STATEMENT_MAP,
    STATEMENT_NAT,
    STATEMENT_TIMEOUT,
    STATEMENT_CONNECTIONS,
    STATEMENT_HELPER,
    STATEMENT_DETECT,
    STATEMENT_KNOCK,
};

/* A duration as written: `10s`, `2h4m`. */
struct duration {
    struct place place; /* of no length: none was written */
    uint32_t seconds;
};

/* Days from Monday, 0 to 6; `sat-tue` goes over the end of the week. */
struct day_item {
    struct day_item *next;
    struct place place;
    uint8_t first, last;
};

struct mac_item {
    struct mac_item *next;
    struct place place;
    struct policy_mac mac;
};

/* What stands at the end of a rule or forward. Each place is of no length where the option was not written. */
struct options {
    struct place limit, max, during, mac, log; /* the word and what belongs to it */
    struct policy_limit rate;                  /* of `limit`; the burst is 0 where none was written */
    uint32_t most;                             /* of `max` */
    bool most_per_source;
    struct day_item *days; /* of `during`; NULL: every day */
    bool has_times;
    uint16_t from, until; /* minutes of the day; `until` is no longer part of it, and 24:00 is 1440 */
    struct mac_item *macs;
    struct name_ref log_text; /* or none */
    struct name_ref after;    /* the name of a knock */
};

struct interface_item {
    struct interface_item *next;
    struct place place;
    const char *name; /* or a pattern that ends in `*` */
};

struct own_address {
    struct own_address *next;
    struct place place;
    struct tg_prefix prefix;
};

struct zone_statement {
    struct interface_item *interfaces;
    struct own_address *addresses;
    bool masquerade, mss_clamp, open_on_failure;
};

/* A part of a service: a protocol, with ports if it has any. */
struct service_item {
    struct service_item *next;
    struct place place;
    uint8_t proto;
    bool any_port; /* of a protocol without ports */
    struct policy_ports ports;
};

struct rule_statement {
    enum tg_statement_kind action;
    struct proto_list protos;
    struct type_item *types; /* of the one protocol, icmp or icmp6; NULL: any */
    struct side from, to;
    struct options options;
    struct name_ref label;
};

struct forward_statement {
    struct proto_list protos;
    bool any; /* `forward any` */
    struct port_list ext;
    struct place at; /* of no length: none */
    struct tg_addr at_addr;
    struct side from;
    struct address_item *host; /* a name or one address */
    struct port_list in;       /* at most one item */
    bool no_hairpin;
    struct options options;
    struct name_ref label;
};

struct translate_statement {
    struct side from, to; /* without ports */
    bool itself;          /* `as itself` */
    struct place as;      /* else the address or range */
    struct tg_range range;
    struct name_ref label;
};

struct map_statement {
    struct place outside;
    struct tg_addr addr; /* IPv4 */
    struct name_ref zone;
    struct address_item *host; /* a name or one address */
    struct name_ref label;
};

/* `nat [tcp|udp] mapping|filtering BEHAVIOUR` or `nat ports RANGE`. */
struct nat_statement {
    enum { NAT_MAPPING, NAT_FILTERING, NAT_PORTS } what;
    bool tcp, udp; /* which of the two it is for */
    enum policy_behaviour behaviour;
    struct policy_ports ports;
};

struct timeout_statement {
    enum policy_timer timer;
    struct duration duration;
};

struct connections_statement {
    bool pickup;
    uint32_t max; /* of `max`; 0: not said */
};

struct helper_statement {
    uint8_t kind; /* enum helper_kind */
    uint8_t proto;
    struct port_list ports;
};

struct detect_statement {
    struct side from; /* without ports */
    uint32_t ports;
    struct duration within, block;
    struct place log; /* of no length: none was written */
    struct name_ref log_text;
};

struct knock_step {
    struct knock_step *next;
    struct place place;
    uint8_t proto;
    struct port_list port; /* one item */
};

struct knock_statement {
    struct side from; /* without ports */
    struct knock_step *steps;
    struct duration within, open; /* `within`, `for` */
};

struct token;

struct statement {
    struct statement *next; /* the line behind it in the same file */
    enum statement_kind kind;
    bool broken;
    struct place place;   /* from its first word to its last */
    struct place comment; /* behind it, or alone on the line; of no length if there is none */
    struct place whole;   /* the line, or the lines if it is continued, with the newline */
    struct name_ref name; /* that it defines */
    struct name_ref path; /* of the file that a set is read from */
    union {
        struct zone_statement zone;
        struct address_item *addresses; /* of a host or a set */
        struct service_item *parts;     /* of a service */
        struct rule_statement rule;
        enum tg_action fallback; /* of `default` */
        struct forward_statement forward;
        struct translate_statement translate;
        struct map_statement map;
        struct nat_statement nat;
        struct timeout_statement timeout;
        struct connections_statement connections;
        struct helper_statement helper;
        struct detect_statement detect;
        struct knock_statement knock;
        struct included_file *included;
        const struct token *tokens; /* of an `expect`, all of them: read when every name is known */
    };
};

/* One rules file, read. */
struct file {
    const struct text *text;
    struct statement *statements;
};

struct included_file {
    struct included_file *next;
    struct file file;
};

struct tree {
    struct arena arena;
    struct tg_complaints *complaints;
    size_t errors_before; /* in `complaints`, of other files */
    struct file root;
    bool incomplete; /* an included file could not be read: names that it defines may be missing */
};

/* Call `visit` for each statement, included files at the place of their `include`. */
typedef void tree_visit(void *context, const struct statement *statement);
void tree_walk(const struct file *file, tree_visit *visit, void *context);

#endif
