/* Filtering (RFC 4787 5): who may come in by a mapping.
 *
 * By the strictest setting, which is the default, only he who was spoken to, from the port that was spoken to: those
 * packets are of a known connection and never come here. By the others, strangers may too, as long as the mapping
 * lives: endpoint-independent anybody, address-dependent another port of an address that the inside has a connection
 * with. They begin connections of their own, which no rule need allow, as the setting does; but one that refuses them
 * does so here as everywhere, and what a rule about the router itself speaks of is the router's.
 *
 * A mapping that is itself made for one remote lets no others in, whatever the filtering.
 */
#include "connection/tcp.h"
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
    if ((t->proto == TG_PROTO_TCP && !tcp_is_opening(p->packet)) || policy_is_for_router(p->load->policy, key))
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

bool filter_hold(const struct passage *p, const struct decision *d, uint32_t *mapping)
{
    struct mapping_key inside;
    *mapping = find_open(p, &p->packet->outer.tuple, &inside);
    if (*mapping == MAPPING_NONE || inside.inside != d->inside.dst.lo || inside.port != d->inside.dport) {
        *mapping = MAPPING_NONE;
        return false;
    }
    mapping_hold(p->engine->mappings, *mapping);
    return true;
}
