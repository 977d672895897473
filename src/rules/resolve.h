/* What the parts of a statement mean: names looked up, lists made sets.
 *
 * Each function complains of what it cannot resolve and returns false; it is silent where the cause was complained of
 * already, at the definition.
 */
#ifndef RULES_RESOLVE_H
#define RULES_RESOLVE_H

#include "rules/compile.h"

struct resolved_where {
    struct policy_where where;
    const struct address_set *set; /* NULL: any address */
    uint8_t families;              /* that can satisfy it, SETS_… */
};

struct resolved_side {
    uint8_t zone;
    struct resolved_where where;
};

/* A protocol of a statement, with the ports that a service gives it. */
struct resolved_proto {
    uint8_t proto;
    const struct port_set *ports; /* NULL: the statement named the protocol itself, or it has none */
};

struct resolved_protos {
    const struct resolved_proto *protos;
    size_t count; /* 0: any protocol */
    bool service; /* a service was named: the ports are said */
};

bool resolve_side(struct compiler *compiler, const struct side *side, struct resolved_side *resolved);
bool resolve_protos(struct compiler *compiler, const struct proto_list *list, struct resolved_protos *resolved);

/* The ports of a list, for one protocol. Names in it must have been checked, once for all protocols. */
bool resolve_port_names(struct compiler *compiler, const struct port_list *list);
bool resolve_ports(struct compiler *compiler, const struct port_list *list, uint8_t proto,
                   const struct port_set **ports);

/* The addresses of a host or set. Complaints about a set that contains itself are made where it does. */
bool resolve_name(struct compiler *compiler, struct name *name);

/* The addresses of one device, by its name or in figures: at most one of each family. `what` in words ("a host: a
 * forward goes to one"). */
bool resolve_device(struct compiler *compiler, const struct address_item *device, const char *what,
                    const struct address_set **set);

/* The families that a protocol is spoken in. */
uint8_t resolve_families(uint8_t proto);

#endif
