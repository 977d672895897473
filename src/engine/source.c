/* The source that a connection leaves with: its own, a router address, or what the file says; and the port. */
#include "connection/tcp.h"
#include "engine/inside.h"

static bool is_in(const struct policy_translation *t, struct tg_addr addr)
{
    return tg_addr_compare(t->first, addr) <= 0 && tg_addr_compare(addr, t->last) <= 0;
}

static bool is_translatable(const struct tg_tuple *t)
{
    return t->family == TG_IPV4 && !tg_addr_is_unspecified(t->src) && !tg_addr_is_group(TG_IPV4, t->dst);
}

/* What the file says of a connection that crosses from zone to zone.
 * => NULL: masquerading decides */
static const struct policy_translation *translation_of(const struct passage *p, const struct decision *d)
{
    bool is_crossing = d->zone_in != d->zone_out && d->zone_out != TG_ZONE_ROUTER && d->zone_out != TG_ZONE_NONE;
    if (!is_crossing || !is_translatable(&d->inside))
        return NULL;
    return policy_find_translation(p->load->policy, &d->inside, d->zone_in, d->zone_out);
}

/* One of a range: for each source always the same (RFC 4787 REQ-2). */
static struct tg_addr paired_address(const struct passage *p, const struct policy_translation *t, struct tg_addr src)
{
    uint64_t count = t->last.lo - t->first.lo + 1;
    uint32_t bound = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    return tg_ipv4((uint32_t)t->first.lo + mapping_pair(p->engine->mappings, (uint32_t)src.lo, bound));
}

bool source_address(const struct passage *p, const struct decision *d, struct tg_addr *source)
{
    const struct tg_network *network = p->load->network;
    const struct tg_zone *out = tg_policy_zone(p->load->policy, d->zone_out);
    const struct tg_tuple *t = &d->inside;
    *source = t->src;
    if (!is_translatable(t))
        return true;
    if (d->zone_in == d->zone_out) {
        /* a forward back into the client's own network: the answer must come back through here */
        if (!d->is_redirected || !tg_network_is_behind(network, d->zone_out, TG_IPV4, t->src))
            return true;
        return tg_network_own_address(network, d->zone_out, TG_IPV4, t->dst, source);
    }
    const struct policy_translation *translation = translation_of(p, d);
    if (translation != NULL) {
        if (!translation->itself)
            *source = paired_address(p, translation, t->src);
        return true;
    }
    if (out == NULL || !out->masquerade)
        return true;
    if (d->zone_in == TG_ZONE_ROUTER && tg_network_is_own(network, d->zone_out, TG_IPV4, t->src))
        return true;
    return tg_network_own_address(network, d->zone_out, TG_IPV4, t->dst, source);
}

bool is_source_right(const struct passage *p, const struct decision *d, struct tg_addr source)
{
    const struct policy_translation *translation = translation_of(p, d);
    struct tg_addr wanted;
    if (translation != NULL && !translation->itself)
        return is_in(translation, source);
    if (!source_address(p, d, &wanted))
        return false;
    if (tg_addr_equal(source, d->inside.src) || translation != NULL)
        return tg_addr_equal(source, wanted);
    return tg_network_is_own(p->load->network, d->zone_out, TG_IPV4, source);
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

bool is_picked_up(const struct tg_packet *packet)
{
    return packet->kind == TG_TRANSPORT_TCP && !tcp_is_opening(packet);
}

static enum mapping_keep keep_of(const struct passage *p, const struct decision *d)
{
    const struct policy_translation *translation = translation_of(p, d);
    if (is_picked_up(p->packet) || (translation != NULL && translation->is_map))
        return MAPPING_KEEP_ALWAYS;
    return d->zone_in == TG_ZONE_ROUTER ? MAPPING_KEEP_ANY : MAPPING_KEEP_WITHIN;
}

/* The port that a translated connection leaves with: its mapping's. The router's own connections have mappings too, so
 * that neither takes the other's port. What is one to one has the outside ports to itself, forwards or not. */
static bool map_source(struct passage *p, const struct decision *d, struct tg_tuple *out, uint32_t *mapping)
{
    const struct tg_policy *policy = p->load->policy;
    const struct policy_translation *translation = translation_of(p, d);
    const struct policy_nat *nat = policy_nat(policy);
    const struct policy_nat_of *of = out->proto == TG_PROTO_TCP ? &nat->tcp : &nat->udp;
    struct forwarded f = {policy, d->zone_out, out->proto};
    bool is_map = translation != NULL && translation->is_map;
    const struct mapping_choice choice = {nat->ports.first, nat->ports.last, keep_of(p, d),
                                          is_map ? NULL : is_forwarded_port, &f};
    struct mapping_key key = {
        .inside = (uint32_t)d->inside.src.lo,
        .outside = (uint32_t)out->src.lo,
        .port = d->inside.sport,
        .proto = out->proto,
        .remote = of->mapping == POLICY_ENDPOINT_INDEPENDENT ? 0 : (uint32_t)out->dst.lo,
        .remote_port = of->mapping == POLICY_ADDRESS_AND_PORT_DEPENDENT ? out->dport : 0,
    };
    *mapping = mapping_use(p->engine->mappings, &key, &choice, &out->sport);
    if (*mapping != MAPPING_NONE)
        *mapping = mapping_note_peer(p->engine->mappings, *mapping, (uint32_t)out->dst.lo);
    return *mapping != MAPPING_NONE;
}

/* Whether others, too, speak from the address that the router does. */
static bool is_shared(const struct passage *p, const struct decision *d)
{
    const struct tg_policy *policy = p->load->policy;
    const struct tg_zone *zone = tg_policy_zone(policy, d->zone_out);
    const struct policy_translation *t;
    for (size_t i = 0; (t = policy_translation(policy, i)) != NULL; i++)
        if (!t->itself && (t->zone_out == TG_ZONE_NONE || t->zone_out == d->zone_out) && is_in(t, d->inside.src))
            return true;
    return zone != NULL && zone->masquerade;
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

/* What a forward leads to speaks from another outside port than its own, which cannot be told from here. */
static bool is_answer_of_forward(const struct passage *p, const struct decision *d)
{
    return policy_is_forwarded_to(p->load->policy, d->zone_out, d->inside.proto, d->inside.src, d->inside.sport);
}

bool choose_source(struct passage *p, const struct decision *d, struct tg_tuple *out, uint32_t *mapping)
{
    *out = d->inside;
    *mapping = MAPPING_NONE;
    if (!source_address(p, d, &out->src))
        return false;
    bool is_moved = !tg_addr_equal(out->src, d->inside.src);
    bool is_own = d->zone_in == TG_ZONE_ROUTER && is_translatable(out) && is_shared(p, d);
    if (is_moved && is_picked_up(p->packet) && is_answer_of_forward(p, d))
        return false;
    if (d->is_admitted) {
        if (is_moved || !filter_hold(p, d, mapping))
            return false;
    } else if ((is_moved || is_own) && has_source_port(p)) {
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
    if (*mapping == MAPPING_NONE && tg_proto_has_ports(out->proto) && !is_picked_up(p->packet) &&
        !tg_addr_equal(out->dst, p->packet->outer.tuple.dst))
        return move_source_port(p, out);
    if (*mapping != MAPPING_NONE)
        mapping_release(p->engine->mappings, *mapping);
    return false;
}
