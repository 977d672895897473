/* The network view: two short sorted lists.
 *
 * `own` are the router's addresses in the order they were added; `routes` are all networks, those behind the addresses
 * too, the longest prefix first, so that the first that holds an address is the right one. A router has a handful of
 * either, and only the first packet of a connection asks: a walk is enough.
 */
#include "tidegate/network.h"

#include <errno.h>
#include <stdlib.h>

struct entry {
    struct tg_prefix prefix;
    uint8_t zone;
};

struct list {
    struct entry *entries;
    size_t count, room;
};

enum { MTU_UNSAID = 1500, MTU_LEAST = 68, PORT_WORDS = 65536 / 32 };

/* Ports of one protocol, a bit each. */
struct port_set {
    struct port_set *next;
    uint8_t proto;
    uint32_t ports[PORT_WORDS];
};

struct tg_network {
    struct list own;
    struct list routes;
    uint32_t mtu[TG_ZONE_MAX]; /* 0: not said */
    struct port_set *local;    /* of each protocol that the router has a port of */
};

static int append(struct list *list, uint8_t zone, const struct tg_prefix *prefix)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 8 : list->room * 2;
        struct entry *entries = realloc(list->entries, room * sizeof *entries);
        if (entries == NULL)
            return -ENOMEM;
        list->entries = entries;
        list->room = room;
    }
    list->entries[list->count++] = (struct entry){*prefix, zone};
    return 0;
}

struct tg_network *tg_network_new(void)
{
    return calloc(1, sizeof(struct tg_network));
}

void tg_network_free(struct tg_network *network)
{
    if (network == NULL)
        return;
    free(network->own.entries);
    free(network->routes.entries);
    while (network->local != NULL) {
        struct port_set *next = network->local->next;
        free(network->local);
        network->local = next;
    }
    free(network);
}

int tg_network_add_address(struct tg_network *network, uint8_t zone, const struct tg_prefix *own)
{
    int error = append(&network->own, zone, own);
    return error != 0 ? error : append(&network->routes, zone, own);
}

int tg_network_add_route(struct tg_network *network, uint8_t zone, const struct tg_prefix *prefix)
{
    return append(&network->routes, zone, prefix);
}

static struct port_set *local_of(const struct tg_network *network, uint8_t proto)
{
    struct port_set *set = network->local;
    while (set != NULL && set->proto != proto)
        set = set->next;
    return set;
}

int tg_network_add_local_port(struct tg_network *network, uint8_t proto, uint16_t port)
{
    struct port_set *set = local_of(network, proto);
    if (set == NULL) {
        set = calloc(1, sizeof *set);
        if (set == NULL)
            return -ENOMEM;
        set->proto = proto;
        set->next = network->local;
        network->local = set;
    }
    set->ports[port / 32] |= UINT32_C(1) << port % 32;
    return 0;
}

uint32_t tg_network_local_ports(const struct tg_network *network, uint8_t proto, uint32_t word)
{
    const struct port_set *set = local_of(network, proto);
    return set == NULL ? 0 : set->ports[word];
}

void tg_network_set_mtu(struct tg_network *network, uint8_t zone, uint32_t mtu)
{
    if (zone < TG_ZONE_MAX && mtu >= MTU_LEAST && (network->mtu[zone] == 0 || mtu < network->mtu[zone]))
        network->mtu[zone] = mtu;
}

uint32_t tg_network_mtu(const struct tg_network *network, uint8_t zone)
{
    return zone >= TG_ZONE_MAX || network->mtu[zone] == 0 ? MTU_UNSAID : network->mtu[zone];
}

static const struct entry *default_route(const struct tg_network *network, uint8_t family)
{
    for (size_t i = 0; i < network->routes.count; i++) {
        const struct entry *route = &network->routes.entries[i];
        if (route->prefix.family == family && route->prefix.len == 0)
            return route;
    }
    return NULL;
}

int tg_network_add_default(struct tg_network *network, uint8_t zone)
{
    const uint8_t families[] = {TG_IPV4, TG_IPV6};
    for (size_t i = 0; i < 2; i++) {
        struct tg_prefix all = {.family = families[i]};
        if (default_route(network, families[i]) == NULL && append(&network->routes, zone, &all) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* The longest first; among equals the earlier added stays first, which makes the order the same on every machine. */
void tg_network_seal(struct tg_network *network)
{
    struct list *routes = &network->routes;
    for (size_t i = 1; i < routes->count; i++) {
        struct entry entry = routes->entries[i];
        size_t at = i;
        for (; at > 0 && routes->entries[at - 1].prefix.len < entry.prefix.len; at--)
            routes->entries[at] = routes->entries[at - 1];
        routes->entries[at] = entry;
    }
}

static const struct entry *find_route(const struct tg_network *network, uint8_t family, struct tg_addr addr)
{
    for (size_t i = 0; i < network->routes.count; i++)
        if (tg_prefix_holds(&network->routes.entries[i].prefix, family, addr))
            return &network->routes.entries[i];
    return NULL;
}

/* The router's address itself, or the broadcast address of its network (RFC 919; the all-zeros form too, RFC
 * 1812 4.2.3.1). */
static bool is_for_router(const struct tg_network *network, uint8_t family, struct tg_addr addr)
{
    for (size_t i = 0; i < network->own.count; i++) {
        const struct tg_prefix *own = &network->own.entries[i].prefix;
        if (own->family != family)
            continue;
        if (tg_addr_equal(own->addr, addr))
            return true;
        if (family == TG_IPV4 && own->len < 31 && tg_prefix_holds(own, family, addr)) {
            uint64_t most = UINT32_MAX >> own->len, host = addr.lo & most; /* a /31 has no such address, RFC 3021 */
            if (host == 0 || host == most)
                return true;
        }
    }
    return false;
}

uint8_t tg_network_zone_to(const struct tg_network *network, uint8_t family, struct tg_addr addr)
{
    if (tg_addr_is_group(family, addr) || tg_addr_is_link_local(family, addr) || is_for_router(network, family, addr))
        return TG_ZONE_ROUTER;
    const struct entry *route = find_route(network, family, addr);
    return route == NULL ? TG_ZONE_NONE : route->zone;
}

uint8_t tg_network_zone_from(const struct tg_network *network, uint8_t family, struct tg_addr addr)
{
    if (tg_addr_is_unspecified(addr) || tg_addr_is_link_local(family, addr) || tg_addr_is_group(family, addr))
        return TG_ZONE_NONE;
    if (tg_network_is_own(network, TG_ZONE_NONE, family, addr))
        return TG_ZONE_ROUTER;
    const struct entry *route = find_route(network, family, addr);
    return route == NULL ? TG_ZONE_NONE : route->zone;
}

bool tg_network_is_own(const struct tg_network *network, uint8_t zone, uint8_t family, struct tg_addr addr)
{
    for (size_t i = 0; i < network->own.count; i++) {
        const struct entry *own = &network->own.entries[i];
        if (own->prefix.family == family && tg_addr_equal(own->prefix.addr, addr) &&
            (zone == TG_ZONE_NONE || zone == own->zone))
            return true;
    }
    return false;
}

bool tg_network_is_behind(const struct tg_network *network, uint8_t zone, uint8_t family, struct tg_addr addr)
{
    for (size_t i = 0; i < network->routes.count; i++) {
        const struct entry *route = &network->routes.entries[i];
        if (route->zone == zone && route->prefix.len != 0 && tg_prefix_holds(&route->prefix, family, addr))
            return true;
    }
    return false;
}

bool tg_network_is_default(const struct tg_network *network, uint8_t zone, uint8_t family)
{
    const struct entry *route = default_route(network, family);
    return route != NULL && route->zone == zone;
}

bool tg_network_own_address(const struct tg_network *network, uint8_t zone, uint8_t family, struct tg_addr peer,
                            struct tg_addr *own)
{
    bool found = false;
    for (size_t i = 0; i < network->own.count; i++) {
        const struct entry *entry = &network->own.entries[i];
        if (entry->zone != zone || entry->prefix.family != family)
            continue;
        bool holds = tg_prefix_holds(&entry->prefix, family, peer);
        if (!found || holds)
            *own = entry->prefix.addr;
        found = true;
        if (holds)
            return true;
    }
    return found;
}

bool tg_network_is_spoofed(const struct tg_network *network, uint8_t zone, uint8_t family, struct tg_addr src)
{
    if (zone == TG_ZONE_ROUTER || tg_addr_is_unspecified(src) || tg_addr_is_link_local(family, src))
        return false;
    if (tg_network_is_own(network, TG_ZONE_NONE, family, src))
        return true;
    const struct entry *route = find_route(network, family, src);
    if (route != NULL && route->prefix.len != 0)
        return route->zone != zone; /* of this zone's networks, or of another's */
    const struct entry *outward = default_route(network, family);
    if (outward == NULL || outward->zone == zone)
        return false; /* it may come from anywhere; so it may by any zone if nobody knows which of them leads out */
    for (size_t i = 0; i < network->routes.count; i++) {
        const struct entry *known = &network->routes.entries[i];
        if (known->zone == zone && known->prefix.family == family && known->prefix.len != 0)
            return true;
    }
    return false; /* nothing is known of this zone */
}

const struct tg_prefix *tg_network_address(const struct tg_network *network, size_t i, uint8_t *zone)
{
    if (i >= network->own.count)
        return NULL;
    *zone = network->own.entries[i].zone;
    return &network->own.entries[i].prefix;
}

bool tg_network_clashes(const struct tg_network *network, size_t i, uint8_t *other)
{
    const struct entry *own = &network->own.entries[i];
    for (size_t j = 0; j < network->own.count; j++) {
        const struct entry *entry = &network->own.entries[j];
        if (entry->zone != own->zone && tg_prefix_holds(&entry->prefix, own->prefix.family, own->prefix.addr) &&
            !tg_addr_equal(entry->prefix.addr, own->prefix.addr)) { /* the same: a link without a number of its own */
            *other = entry->zone;
            return true;
        }
    }
    return false;
}
