/* The source that a connection leaves with: its own, a router address, or what the file says; and the port. */
#include "engine/inside.h"

bool source_address(const struct passage *p, const struct decision *d, struct tg_addr *source)
{
    const struct tg_network *network = p->load->network;
    const struct tg_zone *out = tg_policy_zone(p->load->policy, d->zone_out);
    const struct tg_tuple *t = &d->inside;
    *source = t->src;
    if (t->family != TG_IPV4 || tg_addr_is_unspecified(t->src) || tg_addr_is_group(TG_IPV4, t->dst))
        return true;
    if (d->zone_in == d->zone_out) {
        /* a forward back into the client's own network: the answer must come back through here */
        if (!d->is_redirected || !tg_network_is_behind(network, d->zone_out, TG_IPV4, t->src))
            return true;
        return tg_network_own_address(network, d->zone_out, TG_IPV4, t->dst, source);
    }
    if (out == NULL || !out->masquerade)
        return true;
    if (d->zone_in == TG_ZONE_ROUTER && tg_network_is_own(network, d->zone_out, TG_IPV4, t->src))
        return true;
    return tg_network_own_address(network, d->zone_out, TG_IPV4, t->dst, source);
}

struct forwarded {
    const struct tg_policy *policy;
    uint8_t zone, proto;
};

static bool is_forwarded_port(void *context, uint16_t port)
{
    const struct forwarded *f = context;
    return policy_is_forwarded(f->policy, f->zone, f->proto, port);
}

static bool has_source_port(const struct passage *p)
{
    return tg_proto_has_ports(p->packet->outer.tuple.proto) || p->packet->kind == TG_TRANSPORT_QUERY;
}

static bool is_tuple_taken(struct conn_table *table, const struct tg_tuple *tuple)
{
    enum conn_direction direction;
    struct conn *conn = conn_find(table, tuple, &direction);
    if (conn != NULL)
        conn_unlock(conn);
    return conn != NULL;
}

/* The port that a masqueraded connection leaves with: its mapping's. The router's own connections have mappings too, so
 * that neither takes the other's port. */
static bool map_source(struct passage *p, const struct decision *d, struct tg_tuple *out, uint32_t *mapping)
{
    struct forwarded f = {p->load->policy, d->zone_out, out->proto};
    struct mapping_key key = {(uint32_t)d->inside.src.lo, (uint32_t)out->src.lo, d->inside.sport, out->proto};
    *mapping = mapping_use(p->engine->mappings, &key, is_forwarded_port, &f, &out->sport);
    return *mapping != MAPPING_NONE;
}

/* Two outside ports lead to one inside port, and a client uses both from one port of its own: the answers could not be
 * told apart. The later connection comes to the inside from another port. */
static bool move_source_port(struct passage *p, struct tg_tuple *out)
{
    enum { TRIES = 64, LOWEST = 1024 };
    for (int i = 0; i < TRIES; i++) {
        out->sport = (uint16_t)(LOWEST + mapping_random(p->engine->mappings, UINT16_MAX - LOWEST));
        struct tg_tuple reply = tg_tuple_flip(out);
        if (!is_tuple_taken(p->engine->table, &reply))
            return true;
    }
    return false;
}

bool choose_source(struct passage *p, const struct decision *d, struct tg_tuple *out, uint32_t *mapping)
{
    const struct tg_zone *zone = tg_policy_zone(p->load->policy, d->zone_out);
    *out = d->inside;
    *mapping = MAPPING_NONE;
    if (!source_address(p, d, &out->src))
        return false;
    bool is_moved = !tg_addr_equal(out->src, d->inside.src);
    bool is_own = out->family == TG_IPV4 && d->zone_in == TG_ZONE_ROUTER && zone != NULL && zone->masquerade &&
                  !tg_addr_is_group(TG_IPV4, out->dst) && !tg_addr_is_unspecified(out->src);
    if ((is_moved || is_own) && has_source_port(p)) {
        if (!map_source(p, d, out, mapping))
            return false;
        if (p->arrival->may_be_copy && is_own && !is_moved && out->sport != d->inside.sport) {
            /* it has left already, whatever the table thinks of its port */
            mapping_release(p->engine->mappings, *mapping);
            *mapping = MAPPING_NONE;
            out->sport = d->inside.sport;
        }
    }
    struct tg_tuple reply = tg_tuple_flip(out);
    if (!is_tuple_taken(p->engine->table, &reply))
        return true;
    if (*mapping == MAPPING_NONE && tg_proto_has_ports(out->proto) &&
        !tg_addr_equal(out->dst, p->packet->outer.tuple.dst))
        return move_source_port(p, out);
    if (*mapping != MAPPING_NONE)
        mapping_release(p->engine->mappings, *mapping);
    return false;
}
