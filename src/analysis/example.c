/* A packet of a block, to try out: the likeliest addresses first, and each tried by the engine before it is shown. */
#include "analysis/difference.h"

#include <stdio.h>

#include "probe/probe.h"
#include "rules/icmp.h"
#include "rules/words.h"

enum { ADDRESSES = 6, WAYS = 4, PORT_ANY = 49152, PORT_HTTP = 80, DAY = 24 * 60, NOON = 12 * 60 };

struct candidates {
    struct tg_addr items[ADDRESSES];
    size_t count;
};

static bool holds(const struct spans *spans, uint32_t value)
{
    for (uint32_t i = 0; spans->items != NULL && i < spans->count; i++)
        if (spans->items[i].first <= value && value <= spans->items[i].last)
            return true;
    return spans->items == NULL;
}

/* A value of the spans: the wanted one if it is there, else the first. */
static uint32_t pick(const struct spans *spans, uint32_t wanted)
{
    return holds(spans, wanted) ? wanted : spans->items[0].first;
}

/* The unspecified address sends what nobody answers, but is no spoofed one either. */
static bool is_sender(const struct difference_block *block, uint32_t zone, uint32_t class)
{
    return tg_addr_is_unspecified(block->landscape->space->src.samples[class]) ||
           landscape_sends(block->landscape, zone, class);
}

static bool is_candidate(const struct difference_block *block, unsigned field, uint32_t where, uint32_t class)
{
    return holds(&block->region->in[field], class) &&
           (field == SPACE_SRC ? is_sender(block, where, class) : landscape_leads(block->landscape, where, class));
}

static void offer(struct candidates *list, const struct difference_block *block, unsigned field, uint32_t where,
                  struct tg_addr addr)
{
    const struct space *space = block->landscape->space;
    const struct partition *p = field == SPACE_SRC ? &space->src : &space->dst;
    if (list->count < ADDRESSES && is_candidate(block, field, where, partition_class(p, addr)))
        list->items[list->count++] = addr;
}

/* The stand-in for an unknown address of the router (probe.h). */
static struct tg_addr dummy(uint8_t family)
{
    return family == TG_IPV4 ? tg_ipv4(UINT32_C(0xc0000008)) : (struct tg_addr){UINT64_C(0x0100) << 48, 8};
}

/* Whether `where` is an address of the router that the files do not give, or may be. */
static bool is_own(const struct difference_block *block, unsigned field, uint32_t where)
{
    const struct space *space = block->landscape->space;
    if (field != SPACE_DST)
        return false;
    return space->own_out != 0 ? where >= space->own_out : where == TG_ZONE_ROUTER;
}

/* Somebody in a zone, and the router's own address there. */
static void offer_zone(struct candidates *list, const struct difference_block *block, unsigned field, uint32_t zone,
                       uint32_t where)
{
    const struct landscape *l = block->landscape;
    uint8_t family = l->space->family;
    for (unsigned view = 0; view < 2 && zone >= TG_ZONE_FIRST; view++) {
        const struct tg_zone *z = tg_policy_zone(l->space->views[view].policy, l->policy_zones[view][zone]);
        for (size_t i = 0; z != NULL && i < z->address_count; i++) {
            if (z->addresses[i].family != family)
                continue;
            struct tg_addr addr = tg_prefix_range(&z->addresses[i]).first;
            addr.lo += field == SPACE_SRC ? 77 : 78;
            bool is_router = where == TG_ZONE_ROUTER;
            if (!is_router && tg_prefix_holds(&z->addresses[i], family, addr) &&
                !tg_addr_equal(addr, z->addresses[i].addr))
                offer(list, block, field, where, addr);
            if (is_router)
                offer(list, block, field, where, z->addresses[i].addr);
        }
    }
}

/* Addresses made for examples (RFC 5737, 3849, 9637), and the stand-in for an unknown address of the router (probe.h).
 */
static void offer_strangers(struct candidates *list, const struct difference_block *block, unsigned field,
                            uint32_t where)
{
    const struct space *space = block->landscape->space;
    bool is_src = field == SPACE_SRC;
    if (is_own(block, field, where))
        offer(list, block, field, where, dummy(space->family));
    static const struct tg_addr v4[2][2] = {{{0, 0xcb007109}, {0, 0xc0000209}}, {{0, 0xc6336409}, {0, 0xc0000209}}};
    static const struct tg_addr v6[2][2] = {{{UINT64_C(0x20010db8eeee0000), 9}, {UINT64_C(0x3fff) << 48, 9}},
                                            {{UINT64_C(0x20010db8ffff0000), 9}, {UINT64_C(0x3fff) << 48, 9}}};
    for (size_t i = 0; i < 2; i++)
        offer(list, block, field, where, space->family == TG_IPV4 ? v4[is_src][i] : v6[is_src][i]);
}

/* Whatever there is. */
static void offer_classes(struct candidates *list, const struct difference_block *block, unsigned field, uint32_t where)
{
    const struct space *space = block->landscape->space;
    const struct partition *p = field == SPACE_SRC ? &space->src : &space->dst;
    for (size_t i = 0; i < p->count && list->count < ADDRESSES; i++) {
        struct tg_addr addr = p->pieces[i].first;
        if (!is_candidate(block, field, where, p->pieces[i].class))
            continue;
        if ((addr.lo & 0xff) == 0 && !tg_addr_equal(addr, p->pieces[i].last))
            addr.lo++; /* looks more like somebody */
        list->items[list->count++] = addr;
    }
}

/* `zone_in`: of a destination, the zone that its packet comes in by. */
static struct candidates candidates(const struct difference_block *block, unsigned field, uint32_t where,
                                    uint32_t zone_in)
{
    struct candidates list = {.count = 0};
    if (where == TG_ZONE_ROUTER) {
        offer_zone(&list, block, field, zone_in, where);
        for (uint32_t zone = TG_ZONE_FIRST; zone < block->landscape->space->zone_count; zone++)
            offer_zone(&list, block, field, zone, where);
    } else if (where < block->landscape->space->zone_count) {
        offer_zone(&list, block, field, where, where);
    }
    offer_strangers(&list, block, field, where);
    offer_classes(&list, block, field, where);
    return list;
}

/* Zones in the order in which they make good examples: named ones, the router, none. */
static size_t list_values(const struct spans *spans, uint32_t size, uint32_t *values)
{
    size_t count = 0;
    for (uint32_t i = 0; i < size && count < WAYS; i++) {
        uint32_t value = (i + TG_ZONE_FIRST) % size;
        if (holds(spans, value))
            values[count++] = value;
    }
    return count;
}

static bool is_source(const struct outcome_source *source, const struct tg_tuple *came, const struct tg_tuple *left)
{
    uint32_t addr = (uint32_t)left->src.lo;
    switch ((enum outcome_source_how)source->how) {
    case OUTCOME_POOL: return source->first <= addr && addr <= source->last;
    case OUTCOME_ONE_TO_ONE: return source->first == addr && came->sport == left->sport;
    case OUTCOME_ROUTER: return !tg_addr_equal(came->src, left->src);
    default: return tg_addr_equal(came->src, left->src);
    }
}

/* Whether the engine did what a cell, or one that decides in its place, says. */
static bool is_as_said(const struct outcomes *o, unsigned view, uint32_t cell, const struct probe_outcome *judged)
{
    const struct tg_verdict *v = &judged->verdict;
    const struct tg_tuple *came = &judged->packet.outer.tuple;
    const struct tg_tuple *left = v->translation == TG_TRANSLATE_NONE ? came : &v->to;
    for (; cell != OUTCOME_NOTHING; cell = outcome_cell(o, cell)->rest) {
        const struct outcome_result *r = outcome_result(o, cell);
        struct tg_addr dst = r->is_forwarded ? tg_ipv4(r->host) : came->dst;
        uint16_t dport = came->dport;
        if (r->is_forwarded && tg_proto_has_ports(came->proto))
            dport = (uint16_t)(r->port_how == OUTCOME_PORT_FIXED ? r->port : r->port + dport);
        if (r->action == v->action && r->log == (v->log ? o->logs[view][v->statement] : 0) &&
            (v->action != TG_ACCEPT || (tg_addr_equal(dst, left->dst) && dport == left->dport &&
                                        is_source(outcome_source_of(o, cell), came, left))))
            return true;
    }
    return false;
}

static bool is_shown(struct difference *d, size_t i, const struct landscape *l, uint32_t zone_in, struct tg_probe probe)
{
    struct difference_pair pair = difference_pair(d, i);
    for (unsigned view = 0; view < 2; view++) {
        struct probe_outcome judged;
        probe.zone_in = l->policy_zones[view][zone_in];
        if (zone_in == TG_ZONE_NONE && tg_network_zone_from(l->networks[view], probe.family, probe.src) != TG_ZONE_NONE)
            return false; /* whoever says no zone gets that of the source */
        if (probe_judge(l->space->views[view].policy, &probe, NULL, NULL, &judged) != 0 ||
            !is_as_said(difference_outcomes(d), view, view == 0 ? pair.before : pair.after, &judged))
            return false;
    }
    return true;
}

static size_t format_proto(char *out, size_t room, const struct tg_probe *probe)
{
    char number[WORDS_PROTOCOL];
    const char *name = words_protocol_name(probe->proto, number);
    if (probe->proto != TG_PROTO_ICMP && probe->proto != TG_PROTO_ICMP6)
        return (size_t)snprintf(out, room, "%s", name);
    const char *type = icmp_name_of(probe->proto, probe->icmp_type, true, 0);
    if (probe->icmp_code == 0 && type != NULL)
        return (size_t)snprintf(out, room, "%s %s", name, type);
    if (probe->icmp_code == 0)
        return (size_t)snprintf(out, room, "%s %u", name, probe->icmp_type);
    return (size_t)snprintf(out, room, "%s %u/%u", name, probe->icmp_type, probe->icmp_code);
}

static void format(char out[static DIFFERENCE_EXAMPLE], const struct landscape *l, uint32_t zone_in,
                   const struct tg_probe *probe)
{
    static const char *const days[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    char src[TG_ADDR_TEXT], dst[TG_ADDR_TEXT], sport[16] = "", dport[16] = "", zone[64] = "";
    const struct tg_zone *z = tg_policy_zone(l->space->views[0].policy, l->policy_zones[0][zone_in]);
    if (probe->has_sport)
        snprintf(sport, sizeof sport, " port %u", probe->sport);
    if (probe->has_dport)
        snprintf(dport, sizeof dport, " port %u", probe->dport);
    if (z != NULL)
        snprintf(zone, sizeof zone, "%s ", z->name);
    size_t len = format_proto(out, DIFFERENCE_EXAMPLE, probe);
    len += (size_t)snprintf(out + len, DIFFERENCE_EXAMPLE - len, " from %s%s%s to %s%s", zone,
                            tg_addr_format(probe->family, probe->src, src), sport,
                            probe->has_dst ? tg_addr_format(probe->family, probe->dst, dst) : "router", dport);
    if (probe->has_minute)
        snprintf(out + len, DIFFERENCE_EXAMPLE - len, " at %s %02u:%02u", days[probe->minute / DAY],
                 probe->minute % DAY / 60, probe->minute % 60u);
}

/* A time, where it matters: one in the middle of the day, if there is one. */
static void choose_minute(const struct difference_block *block, struct tg_probe *probe)
{
    const struct spans *minutes = &block->region->in[SPACE_MINUTE];
    const uint32_t *class_of = block->landscape->space->occasions.minutes.of;
    uint32_t first = OCCASION_WEEK, wanted = OCCASION_WEEK;
    for (uint32_t minute = 0; minute < OCCASION_WEEK && wanted == OCCASION_WEEK; minute++) {
        if (!holds(minutes, class_of[minute]))
            continue;
        if (first == OCCASION_WEEK)
            first = minute;
        if (minute % DAY == NOON)
            wanted = minute;
    }
    probe->has_minute = minutes->items != NULL;
    probe->minute = (uint16_t)(wanted != OCCASION_WEEK ? wanted : first);
}

/* All of the packet but zone and addresses. */
static struct tg_probe begin(const struct difference_block *block)
{
    const struct spans *in = block->region->in;
    bool is_v4 = block->landscape->space->family == TG_IPV4;
    const uint32_t likely[] = {
        TG_PROTO_TCP << 16,  TG_PROTO_UDP << 16, is_v4 ? TG_PROTO_ICMP << 16 | 8 << 8 : TG_PROTO_ICMP6 << 16 | 128 << 8,
        TG_PROTO_SCTP << 16, TG_PROTO_GRE << 16, TG_PROTO_ESP << 16};
    uint32_t kind = pick(&in[SPACE_KIND], likely[0]);
    for (size_t i = 1; i < sizeof likely / sizeof *likely && kind != likely[i - 1]; i++)
        kind = pick(&in[SPACE_KIND], likely[i]);
    struct tg_probe probe = {.family = block->landscape->space->family,
                             .proto = (uint8_t)(kind >> 16),
                             .icmp_type = (uint8_t)(kind >> 8),
                             .icmp_code = (uint8_t)kind,
                             .has_src = true,
                             .has_dst = true};
    probe.has_sport = probe.has_dport = tg_proto_has_ports(probe.proto);
    probe.sport = (uint16_t)pick(&in[SPACE_SPORT], PORT_ANY);
    probe.dport = (uint16_t)pick(&in[SPACE_DPORT], PORT_HTTP);
    choose_minute(block, &probe);
    return probe;
}

/* Whether a PACKET has words for it: none for a MAC address, nor for having knocked. */
static bool can_be_said(const struct difference_block *block)
{
    return holds(&block->region->in[SPACE_MAC], block->landscape->space->occasions.macs.of[0]) &&
           holds(&block->region->in[SPACE_KNOCKS], 0);
}

bool difference_example(struct difference *d, size_t i, const struct difference_block *block,
                        char out[static DIFFERENCE_EXAMPLE])
{
    const struct landscape *l = block->landscape;
    uint32_t zones[WAYS], outs[WAYS];
    size_t zone_count = list_values(&block->region->in[SPACE_IN], l->space->sizes[SPACE_IN], zones);
    size_t out_count = list_values(&block->region->in[SPACE_OUT], l->space->sizes[SPACE_OUT], outs);
    struct tg_probe probe = begin(block);
    bool said = can_be_said(block);
    out[0] = '\0';
    for (size_t n = 0; n < zone_count * out_count; n++) {
        uint32_t zone = zones[n / out_count];
        struct candidates src = candidates(block, SPACE_SRC, zone, zone);
        struct candidates dst = candidates(block, SPACE_DST, outs[n % out_count], zone);
        for (size_t j = 0; j < src.count * dst.count; j++) {
            probe.src = src.items[j / dst.count];
            probe.dst = dst.items[j % dst.count];
            /* whoever knows no address of the router's zone just says `router` */
            probe.has_dst = !is_own(block, SPACE_DST, outs[n % out_count]) ||
                            !tg_addr_equal(probe.dst, dummy(probe.family)) || !landscape_is_unknown(l, 0, zone) ||
                            !landscape_is_unknown(l, 1, zone);
            probe.zone_out = probe.has_dst ? TG_ZONE_NONE : TG_ZONE_ROUTER;
            bool shown = said && is_shown(d, i, l, zone, probe);
            if (shown || out[0] == '\0')
                format(out, l, zone, &probe);
            if (shown)
                return true;
        }
    }
    return false;
}
