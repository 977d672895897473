/* Filtering (RFC 4787 5): who may come in by a mapping, and hairpins by one (RFC 4787 6).
 *
 * By the strictest setting, which is the default, only he who was spoken to, from the port that was spoken to: those
 * packets are of a known connection and never come here. By the others, strangers may too, as long as the mapping
 * lives: endpoint-independent anybody, address-dependent another port of an address that the inside has a connection
 * with. They begin connections of their own, which no rule need allow, as the setting does; but one that refuses them
 * does so here as everywhere, and what a rule about the router itself speaks of is the router's.
 *
 * A mapping that is itself made for one remote lets no others in, whatever the filtering.
 *
 * Strangers do not keep a mapping alive (RFC 7857 6): what they begin uses none until the inside has answered it with
 * anything but a reset, and from then on only what the inside sends gives it time.
 *
 * Hairpins. What an inside sends to the outside address and port of another's mapping goes as it would go out and come
 * in again: it is judged by the rules for what leaves by that zone, gets the outside address and port that it would
 * leave with, and comes in by the other's mapping if the filtering lets it: by the strictest setting only if the other
 * has spoken to just that outside address and port. So of two that speak to each other like this, as peers behind one
 * translator do, the first to do so is dropped in silence, as the world's routers would drop it; its connection waits
 * (CONN_WAITS), holds its mapping, and shows the other, when that one speaks, to be expected. From then on there is one
 * connection, of the later one, which has both mappings.
 *
 * What a rule about the router speaks of does not come before such a mapping, as it does for a stranger: homes allow
 * all that is inside to speak to the router, and no port that the router listens at is ever given to a mapping.
 */
#include "engine/inside.h"

static enum policy_behaviour filtering_for(const struct tg_policy *policy, uint8_t proto)
{
    const struct policy_nat *nat = policy_nat(policy);
    const struct policy_nat_of *of = proto == TG_PROTO_TCP ? &nat->tcp : &nat->udp;
    return of->filtering > of->mapping ? of->filtering : of->mapping;
}

/* Whether it must be known whom mappings speak to. One that is made for one address knows. */
static bool needs_peers(const struct policy_nat_of *of)
{
    return of->filtering == POLICY_ADDRESS_DEPENDENT && of->mapping == POLICY_ENDPOINT_INDEPENDENT;
}

bool filter_needs_peers(const struct tg_policy *policy)
{
    const struct policy_nat *nat = policy_nat(policy);
    return needs_peers(&nat->tcp) || needs_peers(&nat->udp);
}

int filter_prepare(struct tg_engine *engine, const struct tg_policy *policy)
{
    if (!filter_needs_peers(policy))
        return 0;
    conn_lock_table(engine->table);
    int error = mapping_table_add_peers(engine->mappings);
    conn_unlock_table(engine->table);
    return error;
}

/* An address that others than the router speak from when they leave by `zone`. */
static bool is_outside_address(const struct passage *p, uint8_t zone, struct tg_addr addr)
{
    const struct tg_zone *z = tg_policy_zone(p->load->policy, zone);
    const struct policy_translation *t;
    if (z != NULL && z->masquerade && tg_network_is_own(p->load->network, zone, TG_IPV4, addr))
        return true;
    bool is_outward = tg_network_is_default(p->load->network, zone, TG_IPV4);
    for (size_t i = 0; (t = policy_translation(p->load->policy, i)) != NULL; i++)
        if (!t->itself && (t->zone_out == zone || (t->zone_out == TG_ZONE_NONE && is_outward)) &&
            tg_addr_compare(t->first, addr) <= 0 && tg_addr_compare(addr, t->last) <= 0)
            return true;
    return false;
}

/* The caller holds the table.
 * => the mapping, with whom it leads to; or MAPPING_NONE. The router's own ports are not let out to anybody: what comes
 *    to them the rules judge */
static uint32_t find_open(const struct passage *p, const struct tg_tuple *t, struct mapping_key *key)
{
    bool only_peers = filtering_for(p->load->policy, t->proto) == POLICY_ADDRESS_DEPENDENT;
    uint32_t mapping = mapping_find(p->engine->mappings, (uint32_t)t->dst.lo, t->dport, t->proto, (uint32_t)t->src.lo,
                                    only_peers, key);
    return mapping != MAPPING_NONE && key->inside != key->outside ? mapping : MAPPING_NONE;
}

static bool is_taken_by_forward(const struct passage *p, const struct policy_key *key)
{
    if (key->forward == POLICY_NONE)
        return false;
    const struct policy_forward *forward = policy_forward(p->load->policy, key->forward);
    return forward->is_map || !forward->any_proto;
}

bool filter_admits(const struct passage *p, const struct policy_key *key, const struct conn *conn, struct decision *d)
{
    const struct tg_tuple *t = key->tuple;
    struct mapping_key inside;
    if (conn != NULL && !(conn->flags & CONN_ADMITTED))
        return false;
    if (filtering_for(p->load->policy, t->proto) == POLICY_ADDRESS_AND_PORT_DEPENDENT || t->family != TG_IPV4 ||
        !tg_proto_has_ports(t->proto) || !is_outside_address(p, key->zone_in, t->dst) || is_taken_by_forward(p, key))
        return false;
    if (conn != NULL) {
        struct tg_tuple out = conn_tuple_out(conn, CONN_ORIGINAL);
        d->inside.dst = out.dst;
        d->inside.dport = out.dport;
        return true;
    }
    if (is_picked_up(p->packet) || policy_is_for_router(p->load->policy, key))
        return false;
    conn_lock_table(p->engine->table);
    bool is_open = find_open(p, t, &inside) != MAPPING_NONE;
    conn_unlock_table(p->engine->table);
    if (!is_open)
        return false;
    d->inside.dst = tg_ipv4(inside.inside);
    d->inside.dport = inside.port;
    return true;
}

bool filter_still_admits(const struct passage *p, const struct decision *d)
{
    struct mapping_key inside;
    return find_open(p, &p->packet->outer.tuple, &inside) != MAPPING_NONE && inside.inside == d->inside.dst.lo &&
           inside.port == d->inside.dport;
}

/* ---- what holds a mapping that has let somebody in ---- */

/* The mapping that stands for the inside end of a connection that it has let in, held once more.
 * => MAPPING_NONE if there is none any more */
static uint32_t hold_mapping(const struct passage *p, const struct tg_tuple *came, struct tg_addr inside, uint16_t port)
{
    struct mapping_key key;
    uint32_t mapping = mapping_find(p->engine->mappings, (uint32_t)came->dst.lo, came->dport, came->proto,
                                    (uint32_t)came->src.lo, false, &key);
    if (mapping == MAPPING_NONE || key.inside != inside.lo || key.port != port)
        return MAPPING_NONE;
    mapping_hold(p->engine->mappings, mapping);
    return mapping;
}

struct conn *filter_settle(struct passage *p, const struct tg_tuple *tuple, enum conn_direction *direction)
{
    lock_table(p);
    struct conn *conn = conn_find(p->engine->table, tuple, direction);
    if (conn != NULL && filter_is_answer(p, conn, *direction)) {
        struct tg_tuple came = conn_tuple(conn, CONN_ORIGINAL), out = conn_tuple_out(conn, CONN_ORIGINAL);
        conn->mapping = hold_mapping(p, &came, out.dst, out.dport);
        if (conn->mapping == MAPPING_NONE) {
            conn_remove(p->engine->table, conn, release, p->engine);
            conn = NULL;
        }
    }
    conn_unlock_table(p->engine->table);
    return conn;
}

/* ---- hairpins ---- */

/* The zone that others than the router leave by with that address, but for that of the packet itself. */
static uint8_t zone_through(const struct passage *p, uint8_t zone_in, struct tg_addr addr)
{
    size_t zones = tg_policy_zone_count(p->load->policy);
    for (size_t zone = TG_ZONE_FIRST; zone < zones; zone++)
        if (zone != zone_in && is_outside_address(p, (uint8_t)zone, addr))
            return (uint8_t)zone;
    return TG_ZONE_NONE;
}

static bool is_inside(const struct passage *p, uint8_t zone)
{
    const struct tg_zone *z = tg_policy_zone(p->load->policy, zone);
    return zone != TG_ZONE_ROUTER && z != NULL && !z->masquerade &&
           !tg_network_is_default(p->load->network, zone, TG_IPV4);
}

struct decision filter_leaving(const struct decision *d)
{
    struct decision leaving = *d;
    leaving.inside = d->came;
    leaving.zone_out = d->through;
    leaving.through = TG_ZONE_NONE;
    return leaving;
}

/* Whether what goes there is translated to an outside address. */
static bool is_hidden(const struct passage *p, const struct decision *d)
{
    struct tg_addr source;
    const struct decision leaving = filter_leaving(d);
    return source_address(p, &leaving, &source) && !tg_addr_equal(source, leaving.inside.src);
}

static bool is_another(const struct mapping_key *key, const struct tg_tuple *t)
{
    return key->inside != key->outside && (key->inside != t->src.lo || key->port != t->sport);
}

bool filter_reflects(const struct passage *p, const struct policy_key *key, const struct conn *conn, struct decision *d)
{
    const struct tg_tuple *t = key->tuple;
    struct mapping_key inside;
    if (conn != NULL && (conn->flags & (CONN_ADMITTED | CONN_SOURCE)) != (CONN_ADMITTED | CONN_SOURCE))
        return false;
    if (t->family != TG_IPV4 || !tg_proto_has_ports(t->proto) || !is_inside(p, key->zone_in) ||
        is_taken_by_forward(p, key) || (d->through = zone_through(p, key->zone_in, t->dst)) == TG_ZONE_NONE)
        return false;
    d->came = *t;
    if (conn != NULL) {
        struct tg_tuple out = conn_tuple_out(conn, CONN_ORIGINAL);
        d->inside.dst = out.dst;
        d->inside.dport = out.dport;
        return true;
    }
    lock_table(p);
    bool is_mapped = !is_picked_up(p->packet) && mapping_find(p->engine->mappings, (uint32_t)t->dst.lo, t->dport,
                                                              t->proto, 0, false, &inside) != MAPPING_NONE;
    conn_unlock_table(p->engine->table);
    if (!is_mapped || !is_another(&inside, t) || !is_hidden(p, d)) {
        d->through = TG_ZONE_NONE;
        return false;
    }
    d->inside.dst = tg_ipv4(inside.inside);
    d->inside.dport = inside.port;
    return true;
}

/* Whether the inside that a hairpin leads to has spoken to who leaves as `out`, and waits; if so it waits no longer. */
static bool has_waited(struct passage *p, const struct tg_tuple *out)
{
    enum conn_direction direction;
    struct conn *conn = conn_find(p->engine->table, out, &direction);
    if (conn == NULL || !(conn->flags & CONN_WAITS)) {
        if (conn != NULL)
            conn_unlock(conn);
        return false;
    }
    bool is_over = conn_is_over(conn, p->tick);
    conn_remove(p->engine->table, conn, release, p->engine);
    return !is_over;
}

bool filter_lets_back(struct passage *p, const struct decision *d, const struct tg_tuple *out, uint32_t *mapping)
{
    struct mapping_table *mappings = p->engine->mappings;
    uint32_t other = hold_mapping(p, out, d->inside.dst, d->inside.dport);
    if (other == MAPPING_NONE)
        return false;
    enum policy_behaviour filtering = filtering_for(p->load->policy, out->proto);
    bool is_awaited = has_waited(p, out);
    struct mapping_key key;
    bool is_open =
        is_awaited || filtering == POLICY_ENDPOINT_INDEPENDENT ||
        (filtering == POLICY_ADDRESS_DEPENDENT && mapping_find(mappings, (uint32_t)out->dst.lo, out->dport, out->proto,
                                                               (uint32_t)out->src.lo, true, &key) != MAPPING_NONE);
    uint32_t both = is_open ? mapping_join(mappings, *mapping, other) : MAPPING_NONE;
    if (both == MAPPING_NONE)
        mapping_release(mappings, other);
    else
        *mapping = both;
    return both != MAPPING_NONE;
}
