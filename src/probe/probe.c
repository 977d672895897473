#include "probe/probe.h"

#include <errno.h>
#include <string.h>

#include "wire/wire.h"

/* Stand-ins where the file and the probe say nothing: the dummy address of RFC 7600 and the discard prefix of RFC 6666
 * for the router, addresses made for examples (RFC 5737, 3849) for somebody outside, and networks made for tests
 * (RFC 2544, 5180), a part of them for each zone, for those inside. */
#define DUMMY_IPV4   tg_ipv4(UINT32_C(0xc0000008))
#define DUMMY_IPV6   ((struct tg_addr){UINT64_C(0x0100000000000000), 8})
#define OUTSIDE_IPV4 tg_ipv4(UINT32_C(0xc6336401))
#define OUTSIDE_IPV6 ((struct tg_addr){UINT64_C(0x20010db8ffff0000), 1})
#define INSIDE_IPV4  UINT32_C(0xc6120000)
#define INSIDE_IPV6  UINT64_C(0x2001000200000000)

enum { PORT_HTTP = 80, PORT_EPHEMERAL = 49152, EXTRAS = 8 };

struct extras {
    struct tg_zone_address items[EXTRAS];
    size_t count;
};

static struct tg_addr dummy(uint8_t family)
{
    return family == TG_IPV4 ? DUMMY_IPV4 : DUMMY_IPV6;
}

static bool has_address(const struct tg_zone *zone, uint8_t family)
{
    for (size_t i = 0; zone != NULL && i < zone->address_count; i++)
        if (zone->addresses[i].family == family)
            return true;
    return false;
}

static void add_extra(struct extras *extras, uint8_t zone, struct tg_prefix own)
{
    if (extras->count < EXTRAS)
        extras->items[extras->count++] = (struct tg_zone_address){zone, own};
}

static bool has_extra(const struct extras *extras, uint8_t zone)
{
    for (size_t i = 0; i < extras->count; i++)
        if (extras->items[i].zone == zone)
            return true;
    return false;
}

/* An address with no network behind it: whoever is outside is in none. */
static void add_own(struct extras *extras, uint8_t zone, uint8_t family, struct tg_addr addr)
{
    add_extra(extras, zone, (struct tg_prefix){addr, family, family == TG_IPV4 ? 32 : 128});
}

/* Whether a zone inside has an address that is nowhere said. */
static bool is_blank(const struct tg_policy *policy, uint8_t zone, uint8_t family)
{
    return zone >= TG_ZONE_FIRST && zone != tg_policy_default_zone(policy) &&
           !has_address(tg_policy_zone(policy, zone), family);
}

/* The router's address in such a zone, and the network behind it: that of the neighbour whom the probe names, if any.
 */
static struct tg_prefix stand_in(uint8_t zone, uint8_t family, const struct tg_addr *neighbour)
{
    struct tg_prefix own = {.family = family, .len = family == TG_IPV4 ? 24 : 64};
    if (neighbour != NULL)
        own.addr = (struct tg_addr){neighbour->hi, neighbour->lo ^ 1};
    else if (family == TG_IPV4)
        own.addr = tg_ipv4(INSIDE_IPV4 + zone * 256U + 1);
    else
        own.addr = (struct tg_addr){INSIDE_IPV6 + zone, 1};
    return own;
}

/* => the family that the probe speaks of, or 0 if it contradicts itself */
static uint8_t family_of(const struct tg_policy *policy, const struct tg_probe *probe)
{
    uint8_t family = probe->family;
    uint8_t by_proto = probe->proto == TG_PROTO_ICMP ? TG_IPV4 : probe->proto == TG_PROTO_ICMP6 ? TG_IPV6 : 0;
    if (by_proto != 0 && family != 0 && by_proto != family)
        return 0;
    if (family == 0)
        family = by_proto;
    if (family != 0)
        return family;
    const struct tg_zone *in = tg_policy_zone(policy, probe->zone_in);
    return has_address(in, TG_IPV6) && !has_address(in, TG_IPV4) ? TG_IPV6 : TG_IPV4;
}

/* Somebody in a zone: a neighbour of the router there, or anybody outside. */
static struct tg_addr somebody(const struct tg_policy *policy, uint8_t zone, uint8_t family)
{
    const struct tg_zone *z = tg_policy_zone(policy, zone);
    for (size_t i = 0; z != NULL && zone != tg_policy_default_zone(policy) && i < z->address_count; i++) {
        const struct tg_prefix *own = &z->addresses[i];
        if (own->family != family || own->len + 2 > (family == TG_IPV4 ? 32 : 128))
            continue;
        struct tg_range range = tg_prefix_range(own);
        struct tg_addr addr = {range.last.hi, range.last.lo - 1};
        if (tg_addr_equal(addr, own->addr))
            addr.lo--;
        return addr;
    }
    if (is_blank(policy, zone, family)) {
        struct tg_prefix own = stand_in(zone, family, NULL);
        return (struct tg_addr){own.addr.hi, own.addr.lo + 1};
    }
    return family == TG_IPV4 ? OUTSIDE_IPV4 : OUTSIDE_IPV6;
}

/* The router's own address, as somebody in `zone` knows it; `neighbour` as above. */
static struct tg_addr router_address(const struct tg_policy *policy, uint8_t zone, uint8_t family,
                                     const struct tg_addr *neighbour)
{
    const struct tg_zone *z = tg_policy_zone(policy, zone);
    for (size_t i = 0; z != NULL && i < z->address_count; i++)
        if (z->addresses[i].family == family)
            return z->addresses[i].addr;
    if (is_blank(policy, zone, family))
        return stand_in(zone, family, neighbour).addr;
    return dummy(family);
}

static void fill_tuple(const struct tg_policy *policy, const struct tg_probe *probe, struct tg_tuple *t,
                       unsigned *assumed)
{
    t->proto = probe->proto;
    if (probe->proto == 0) {
        t->proto = TG_PROTO_TCP;
        *assumed |= PROBE_ASSUMED_PROTO;
    }
    t->src = probe->src;
    if (!probe->has_src) {
        t->src = probe->zone_in == TG_ZONE_ROUTER ? router_address(policy, probe->zone_out, t->family, NULL)
                                                  : somebody(policy, probe->zone_in, t->family);
        *assumed |= PROBE_ASSUMED_SRC;
    }
    t->dst = probe->dst;
    if (!probe->has_dst) {
        t->dst = probe->zone_out == TG_ZONE_ROUTER
                     ? router_address(policy, probe->zone_in, t->family, probe->has_src ? &probe->src : NULL)
                     : somebody(policy, probe->zone_out, t->family);
        *assumed |= PROBE_ASSUMED_DST;
    }
    bool is_icmp = t->proto == TG_PROTO_ICMP || t->proto == TG_PROTO_ICMP6;
    t->sport = probe->sport;
    t->dport = probe->dport;
    if (is_icmp)
        t->sport = 1; /* any identifier */
    if (!tg_proto_has_ports(t->proto))
        return;
    if (!probe->has_sport) {
        t->sport = PORT_EPHEMERAL;
        *assumed |= PROBE_ASSUMED_SPORT;
    }
    if (!probe->has_dport) {
        t->dport = PORT_HTTP;
        *assumed |= PROBE_ASSUMED_DPORT;
    }
}

/* Whether the file knows whose an address is. */
static bool is_somewhere(const struct tg_policy *policy, const struct tg_network *network, uint8_t family,
                         struct tg_addr addr)
{
    bool is = false;
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy) && !is; zone++)
        is = tg_network_is_behind(network, zone, family, addr);
    return is;
}

/* The networks of zones inside that the probe speaks of and the file says nothing about. Where the probe names an
 * address there, its network; but an address that the file has elsewhere stays there. */
static void add_inside(struct extras *extras, const struct tg_policy *policy, const struct tg_probe *probe,
                       const struct tg_network *known, uint8_t family)
{
    const struct {
        uint8_t zone;
        const struct tg_addr *named;
    } ends[] = {{probe->zone_in, probe->has_src ? &probe->src : NULL},
                {probe->zone_out, probe->has_dst ? &probe->dst : NULL}};
    for (size_t i = 0; i < 2; i++) {
        const struct tg_addr *named = ends[i].named;
        bool is_elsewhere = named != NULL && is_somewhere(policy, known, family, *named);
        if (is_blank(policy, ends[i].zone, family) && !has_extra(extras, ends[i].zone) && !is_elsewhere)
            add_extra(extras, ends[i].zone, stand_in(ends[i].zone, family, named));
    }
}

/* An address of the router in the zone outside that the packet comes from, where the file gives none: what it is sent
 * to, if nobody else has that. */
static void add_outside(struct extras *extras, const struct tg_policy *policy, const struct tg_probe *probe,
                        const struct tg_network *known, const struct tg_tuple *t)
{
    uint8_t zone = probe->zone_in;
    bool is_outside = zone >= TG_ZONE_FIRST && zone == tg_policy_default_zone(policy);
    bool is_dummy = tg_addr_equal(t->dst, dummy(t->family));
    bool is_known =
        tg_network_zone_to(known, t->family, t->dst) != zone || is_blank(policy, probe->zone_out, t->family);
    if (is_outside && !has_address(tg_policy_zone(policy, zone), t->family) && (is_dummy || !is_known))
        add_own(extras, zone, t->family, t->dst);
}

/* The file's own network, with what it leaves open. */
static struct tg_network *assumed_network(const struct tg_policy *policy, const struct tg_probe *probe,
                                          const struct tg_tuple *t, unsigned *assumed)
{
    struct extras extras = {.count = 0};
    struct tg_network *known = tg_policy_network(policy, NULL, 0);
    if (known == NULL)
        return NULL;
    add_inside(&extras, policy, probe, known, t->family);
    add_outside(&extras, policy, probe, known, t);
    for (size_t i = 0; i < extras.count; i++)
        if (tg_addr_equal(extras.items[i].prefix.addr, t->dst))
            *assumed |= PROBE_ASSUMED_OWN;
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy); zone++) {
        const struct tg_zone *z = tg_policy_zone(policy, zone);
        if (z->masquerade && !has_address(z, TG_IPV4) && !has_extra(&extras, zone))
            add_own(&extras, zone, TG_IPV4, DUMMY_IPV4);
    }
    tg_network_free(known);
    return tg_policy_network(policy, extras.items, extras.count);
}

/* The zone that the packet leaves by: the one that the probe names, whatever the file knows of the address; but what is
 * for the router's own address does not leave. */
static uint8_t way_out(const struct tg_network *network, const struct tg_probe *probe, const struct tg_tuple *t)
{
    bool is_own = tg_network_zone_to(network, t->family, t->dst) == TG_ZONE_ROUTER;
    return probe->zone_out >= TG_ZONE_FIRST && !is_own ? probe->zone_out : TG_ZONE_NONE;
}

static int judge(const struct tg_policy *policy, const struct tg_network *network, const struct tg_arrival *arrival,
                 tg_step_fn *step, void *context, struct probe_outcome *outcome)
{
    const struct tg_engine_config config = {.connections = 64, .workers = 1, .secret = {1, 2, 3, 4}};
    struct tg_engine *engine = tg_engine_new(&config);
    int error = engine == NULL ? -ENOMEM : tg_engine_load(engine, policy, network);
    if (error == 0) {
        enum tg_decoded decoded = tg_packet_decode(&outcome->packet, 0);
        tg_engine_explain(engine, &outcome->packet, decoded, arrival, &outcome->verdict, step, context);
    }
    tg_engine_free(engine);
    return error;
}

int probe_judge(const struct tg_policy *policy, const struct tg_probe *probe, tg_step_fn *step, void *context,
                struct probe_outcome *outcome)
{
    struct tg_tuple tuple = {.family = family_of(policy, probe)};
    memset(outcome, 0, sizeof *outcome);
    if (tuple.family == 0)
        return -EINVAL;
    fill_tuple(policy, probe, &tuple, &outcome->assumed);
    outcome->packet.data = outcome->bytes;
    outcome->packet.len = (uint32_t)make_packet(outcome->bytes, &tuple, probe->icmp_type, probe->icmp_code);
    outcome->packet.wire_len = outcome->packet.len;
    outcome->packet.room = sizeof outcome->bytes;
    struct tg_network *network = assumed_network(policy, probe, &tuple, &outcome->assumed);
    if (network == NULL)
        return -ENOMEM;
    const struct tg_arrival arrival = {
        .now = TG_SECOND,
        .zone_in = probe->zone_in,
        .zone_out = way_out(network, probe, &tuple),
        .find_zone = probe->zone_in == TG_ZONE_NONE,
        .has_minute = probe->has_minute,
        .minute = probe->minute,
    };
    int error = judge(policy, network, &arrival, step, context, outcome);
    tg_network_free(network);
    return error;
}
