/* The source that a connection leaves with: its own, a router address, or what the file says; and the port. */
#include "connection/machine.h"
#include "engine/inside.h"

enum { LOWEST = 1024 }; /* of the ports that are not well known */

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
    if (d->through != TG_ZONE_NONE) {
        const struct decision leaving = filter_leaving(d);
        return is_source_right(p, &leaving, source);
    }
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

/* Ports of an outside address that a connection may not leave with. */
struct taken {
    const struct passage *p;
    const struct tg_tuple *out; /* as it leaves, but for the port */
    uint8_t zone;               /* by which */
    bool is_others;     /* it is not the router's own, but has its address: ports of its sockets are not to be had */
    bool is_told_apart; /* nor those with which its answers could be taken for another connection's */
};

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
    return machine_follows(packet->outer.tuple.proto) && !machine_is_opening(packet);
}

static uint32_t tuples_taken(const struct taken *taken, uint32_t word)
{
    uint32_t bits = 0;
    struct tg_tuple out = *taken->out;
    for (uint32_t i = 0; i < 32; i++) {
        out.sport = (uint16_t)(word * 32 + i);
        struct tg_tuple reply = tg_tuple_flip(&out);
        bits |= (uint32_t)is_tuple_taken(taken->p->engine->table, &reply) << i;
    }
    return bits;
}

static uint32_t taken_ports(void *context, uint32_t word)
{
    const struct taken *taken = context;
    const struct load *load = taken->p->load;
    uint32_t bits = policy_forwarded_ports(load->policy, taken->zone, taken->out->proto, word);
    if (taken->is_others)
        bits |= tg_network_local_ports(load->network, taken->out->proto, word);
    if (taken->is_told_apart)
        bits |= tuples_taken(taken, word);
    return bits;
}

/* What is one to one has the outside ports to itself, forwards or not. */
static bool is_one_to_one(const struct passage *p, const struct decision *d)
{
    const struct policy_translation *translation = translation_of(p, d);
    return translation != NULL && translation->is_map;
}

static const struct policy_nat_of *nat_for(const struct passage *p, uint8_t proto)
{
    const struct policy_nat *nat = policy_nat(p->load->policy);
    return proto == TG_PROTO_TCP ? &nat->tcp : &nat->udp;
}

static struct mapping_choice choice_of(const struct passage *p, const struct decision *d, struct taken *taken)
{
    const struct policy_nat *nat = policy_nat(p->load->policy);
    enum mapping_keep keep = d->zone_in == TG_ZONE_ROUTER ? MAPPING_KEEP_ANY : MAPPING_KEEP_WITHIN;
    if (is_one_to_one(p, d))
        return (struct mapping_choice){.first = nat->ports.first,
                                       .last = nat->ports.last,
                                       .keep = MAPPING_KEEP_ALWAYS,
                                       .is_sole = true};
    bool is_router = tg_network_is_own(p->load->network, TG_ZONE_NONE, TG_IPV4, taken->out->src);
    taken->p = p;
    taken->zone = d->zone_out;
    taken->is_others = is_router && d->zone_in != TG_ZONE_ROUTER;
    return (struct mapping_choice){nat->ports.first, nat->ports.last, keep, taken_ports, taken, false};
}

/* The port that a translated connection leaves with: its mapping's. The router's own connections have mappings too, so
 * that neither takes the other's port. Where `alone`, it gets a mapping for what it speaks to and nothing else, with a
 * port that none of the connections there has. */
static bool map_source(struct passage *p, const struct decision *d, bool alone, struct tg_tuple *out, uint32_t *mapping)
{
    const struct policy_nat_of *of = nat_for(p, out->proto);
    struct taken taken = {.out = out, .is_told_apart = alone};
    struct mapping_choice choice = choice_of(p, d, &taken);
    if (is_picked_up(p->packet))
        choice.keep = MAPPING_KEEP_ALWAYS;
    struct mapping_key key = {
        .inside = (uint32_t)d->inside.src.lo,
        .outside = (uint32_t)out->src.lo,
        .port = d->inside.sport,
        .proto = out->proto,
        .remote = of->mapping == POLICY_ENDPOINT_INDEPENDENT && !alone ? 0 : (uint32_t)out->dst.lo,
        .remote_port = of->mapping == POLICY_ADDRESS_AND_PORT_DEPENDENT || alone ? out->dport : 0,
    };
    *mapping = mapping_use(p->engine->mappings, &key, &choice, &out->sport);
    if (*mapping != MAPPING_NONE)
        *mapping = mapping_note_peer(p->engine->mappings, *mapping, (uint32_t)out->dst.lo);
    return *mapping != MAPPING_NONE;
}

/* A mapping for the port behind that of `key`, which has the outside port `port`, an even one, from mappings[0]: the
 * one behind that.
 * => true with mappings[1]; or false, and the first is none any more */
static bool map_second(struct mapping_table *table, const struct mapping_key *key, const struct mapping_choice *choice,
                       uint16_t port, uint32_t *mappings)
{
    uint16_t second;
    struct mapping_key behind = *key;
    struct mapping_choice next = *choice;
    behind.port++;
    next.first = next.last = (uint16_t)(port + 1);
    next.is_sole = true; /* whether there is a share left has been asked for the first */
    mappings[1] = port % 2 == 0 ? mapping_use(table, &behind, &next, &second) : MAPPING_NONE;
    if (mappings[1] != MAPPING_NONE && second == port + 1)
        return true;
    if (mappings[1] != MAPPING_NONE)
        mapping_cancel(table, mappings[1]);
    mapping_cancel(table, mappings[0]);
    mappings[0] = mappings[1] = MAPPING_NONE;
    return false;
}

bool map_announced(const struct passage *p, uint8_t zone, const struct mapping_key *key, uint32_t remote,
                   uint32_t count, uint16_t *port, uint32_t *mappings)
{
    enum { TRIES = 32 };
    struct mapping_table *table = p->engine->mappings;
    const struct tg_addr inside = tg_ipv4(key->inside);
    const struct tg_tuple out = {tg_ipv4(key->outside), tg_ipv4(remote), 0, 0, TG_IPV4, key->proto};
    const struct decision d = {
        .inside = {inside, tg_ipv4(remote), key->port, 0, TG_IPV4, key->proto},
        .zone_in = tg_network_zone_to(p->load->network, TG_IPV4, inside),
        .zone_out = zone,
    };
    struct mapping_key wanted = *key;
    struct taken taken = {.out = &out};
    struct mapping_choice choice = choice_of(p, &d, &taken);
    wanted.remote = nat_for(p, key->proto)->mapping == POLICY_ENDPOINT_INDEPENDENT ? 0 : remote;
    mappings[0] = mapping_use(table, &wanted, &choice, port);
    if (mappings[0] == MAPPING_NONE)
        return false;
    if (count == 1 || map_second(table, &wanted, &choice, *port, mappings))
        return true;
    uint32_t lowest = choice.first > LOWEST ? choice.first : LOWEST;
    if (choice.keep == MAPPING_KEEP_ALWAYS || lowest + 2 > choice.last)
        return false;
    choice.is_sole = true;
    for (int i = 0; i < TRIES; i++) { /* wherever there is a pair */
        uint32_t even = (lowest + mapping_random(table, choice.last - lowest)) & ~UINT32_C(1);
        struct mapping_choice one = choice;
        one.first = one.last = (uint16_t)(even < lowest ? even + 2 : even);
        mappings[0] = one.first < choice.last ? mapping_use(table, &wanted, &one, port) : MAPPING_NONE;
        if (mappings[0] != MAPPING_NONE && map_second(table, &wanted, &choice, *port, mappings))
            return true;
    }
    return false;
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
    enum { TRIES = 64 };
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
    return policy_forward_to(p->load->policy, d->zone_out, d->inside.proto, d->inside.src, d->inside.sport) != NULL;
}

static void unmap(struct passage *p, uint32_t *mapping)
{
    if (*mapping != MAPPING_NONE)
        mapping_cancel(p->engine->mappings, *mapping);
    *mapping = MAPPING_NONE;
}

/* Of a hairpin by a mapping: as it would leave; and if it may come in again, with the end that the other mapping stands
 * for. */
static bool choose_outside_source(struct passage *p, const struct decision *d, struct tg_tuple *out, uint32_t *mapping)
{
    const struct decision leaving = filter_leaving(d);
    *out = d->came;
    if (!source_address(p, &leaving, &out->src) || !map_source(p, &leaving, false, out, mapping))
        return false;
    if (filter_lets_back(p, d, out, mapping)) {
        out->dst = d->inside.dst;
        out->dport = d->inside.dport;
    }
    struct tg_tuple reply = tg_tuple_flip(out);
    if (!is_tuple_taken(p->engine->table, &reply))
        return true;
    unmap(p, mapping);
    return false;
}

bool choose_source(struct passage *p, const struct decision *d, struct tg_tuple *out, uint32_t *mapping)
{
    *out = d->inside;
    *mapping = MAPPING_NONE;
    if (d->through != TG_ZONE_NONE)
        return choose_outside_source(p, d, out, mapping);
    bool is_announced = d->announced != EXPECTATION_NONE;
    if (is_announced ? !assist_hold(p, d, &out->src, mapping) : !source_address(p, d, &out->src))
        return false;
    bool is_moved = !tg_addr_equal(out->src, d->inside.src);
    bool is_own = d->zone_in == TG_ZONE_ROUTER && is_translatable(out) && is_shared(p, d);
    if (is_moved && is_picked_up(p->packet) && is_answer_of_forward(p, d))
        return false;
    if (d->is_admitted) {
        if (is_moved || !filter_still_admits(p, d))
            return false;
    } else if (*mapping == MAPPING_NONE && (is_moved || is_own) && has_source_port(p)) {
        if (!map_source(p, d, false, out, mapping))
            return false;
        if (p->arrival->may_be_copy && is_own && !is_moved && out->sport != d->inside.sport) {
            /* it has left already, whatever the table thinks of its port */
            unmap(p, mapping);
            out->sport = d->inside.sport;
        }
    }
    struct tg_tuple reply = tg_tuple_flip(out);
    if (!is_tuple_taken(p->engine->table, &reply))
        return true;
    if (*mapping == MAPPING_NONE && tg_proto_has_ports(out->proto) && !is_picked_up(p->packet) &&
        !tg_addr_equal(out->dst, p->packet->outer.tuple.dst))
        return move_source_port(p, out);
    bool is_mapped = *mapping != MAPPING_NONE;
    unmap(p, mapping);
    /* a hairpin within a network, whose port is that of the router's own connection to the same: as none outside sees
     * its port, it may have another one for this alone */
    return is_mapped && d->is_redirected && d->zone_in == d->zone_out && tg_proto_has_ports(out->proto) &&
           !is_picked_up(p->packet) && map_source(p, d, true, out, mapping);
}
