#include "rules/exposure.h"

#include <stdio.h>
#include <string.h>

#include "tidegate/network.h"
#include "tidegate/packet.h"

bool exposure_add(struct exposure *exposure, struct arena *arena, const struct exposure_rule *rule)
{
    struct exposure_rule *rules = arena_grow(arena, exposure->rules, exposure->count, &exposure->room, sizeof *rules);
    if (rules == NULL)
        return false;
    exposure->rules = rules;
    rules[exposure->count++] = *rule;
    return true;
}

/* What somebody outside may try. */
struct attempt {
    uint8_t zone_in, zone_out, family, proto;
    struct policy_ports ports;
    const struct address_set *dst; /* NULL: any address */
    bool dst_outside;
};

#define ALL_PORTS ((struct policy_ports){0, 65535})

/* Whether a condition holds for as good as everybody. */
static bool is_everybody(const struct address_set *set, struct policy_where where, uint8_t family)
{
    uint8_t bit = family == TG_IPV4 ? SETS_V4 : SETS_V6;
    return set == NULL || ((set->most & bit) != 0) != where.outside;
}

static bool has_ports(const struct exposure_rule *r, struct policy_ports ports)
{
    bool has = r->ports == NULL;
    for (size_t i = 0; i < r->port_count && !has; i++)
        has = r->ports[i].first <= ports.first && ports.last <= r->ports[i].last;
    return has;
}

/* Whether the zones, family and protocol of a rule are those of the attempt. */
static bool is_about(const struct exposure_rule *r, const struct attempt *a)
{
    const struct policy_rule *rule = &r->rule;
    return (rule->zone_in == TG_ZONE_NONE || rule->zone_in == a->zone_in) &&
           (rule->zone_out == TG_ZONE_NONE || rule->zone_out == a->zone_out) &&
           (rule->family == 0 || rule->family == a->family) && (rule->any_proto || rule->proto == a->proto);
}

static bool has_conditions(const struct policy_when *when)
{
    return when->during != 0 || when->mac != 0 || when->after != 0 || when->limit != 0 || when->max != 0;
}

static bool holds_dst(const struct exposure_rule *r, const struct attempt *a)
{
    if (r->dst == NULL)
        return true;
    return a->dst != NULL && !a->dst_outside && !r->rule.dst.outside && sets_within(a->dst, r->dst, a->family);
}

/* Whether the rule decides about everybody's attempt. */
static bool decides(const struct exposure_rule *r, const struct attempt *a)
{
    return is_about(r, a) && !has_conditions(&r->rule.when) && r->rule.sport == POLICY_NONE && has_ports(r, a->ports) &&
           holds_dst(r, a) && is_everybody(r->src, r->rule.src, a->family);
}

static bool is_forward(const struct exposure_rule *r)
{
    return r->statement->kind == STATEMENT_FORWARD;
}

/* Whether rule `i` is what lets everybody's attempt through: nothing before it decides. A forward leads to its host
 * even where an earlier rule is what allows it. */
static bool opens(const struct exposure *exposure, size_t i, const struct attempt *a)
{
    const struct exposure_rule *r = &exposure->rules[i];
    if (r->rule.action != TG_ACCEPT || r->rule.when.mac != 0 || r->rule.when.after != 0 || !is_about(r, a) ||
        !is_everybody(r->src, r->rule.src, a->family))
        return false;
    for (size_t j = 0; j < i; j++) {
        if (!is_forward(&exposure->rules[j]) && decides(&exposure->rules[j], a))
            return is_forward(r) && exposure->rules[j].rule.action == TG_ACCEPT;
    }
    return true;
}

/* Rules that open everything. */

static bool opens_all(const struct exposure *exposure, size_t i, uint8_t from, uint8_t to)
{
    static const uint8_t families[] = {TG_IPV4, TG_IPV6}, protos[] = {TG_PROTO_TCP, TG_PROTO_UDP};
    for (size_t f = 0; f < sizeof families; f++) {
        for (size_t p = 0; p < sizeof protos; p++) {
            struct attempt attempt = {from, to, families[f], protos[p], ALL_PORTS, NULL, false};
            if (opens(exposure, i, &attempt))
                return true;
        }
    }
    return false;
}

static bool is_wide(const struct exposure_rule *r, uint8_t outside)
{
    static const struct policy_ports usable = {1, 65535};
    return !is_forward(r) && r->rule.action == TG_ACCEPT && r->rule.zone_out != outside &&
           (r->rule.zone_in == TG_ZONE_NONE || r->rule.zone_in == outside) && r->rule.sport == POLICY_NONE &&
           has_ports(r, usable) &&
           (is_everybody(r->dst, r->rule.dst, TG_IPV4) || is_everybody(r->dst, r->rule.dst, TG_IPV6));
}

/* The zones inside that a rule opens as a list: "lan, guest". */
static bool list_opened(const struct exposure *exposure, size_t i, const struct tg_policy *policy, uint8_t outside,
                        char *out, size_t room)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy); zone++) {
        if (zone == outside || !opens_all(exposure, i, outside, zone) || len >= room)
            continue;
        len +=
            (size_t)snprintf(out + len, room - len, "%s%s", len == 0 ? "" : ", ", tg_policy_zone(policy, zone)->name);
    }
    return len > 0;
}

/* => true if it was warned of */
static bool advise_wide(const struct exposure *exposure, size_t i, const struct tg_policy *policy, uint8_t outside,
                        struct tg_complaints *complaints)
{
    const struct exposure_rule *r = &exposure->rules[i];
    char zones[128];
    if (!is_wide(r, outside))
        return false;
    bool router = opens_all(exposure, i, outside, TG_ZONE_ROUTER);
    bool inside = list_opened(exposure, i, policy, outside, zones, sizeof zones);
    if (!router && !inside)
        return false;
    complain(
        complaints, TG_WARNING, r->statement->place,
        "this lets everybody outside, in zone %s, connect to every port of %s%s%s%s; say which ports, or from which "
        "addresses",
        tg_policy_zone(policy, outside)->name, router ? "the router" : "", router && inside ? " and " : "",
        inside ? "every device in " : "", zones);
    return true;
}

/* Ports of cameras. */

static const struct camera_port {
    uint16_t port;
    bool tcp, udp;
    const char *use;
} camera_ports[] = {
    {554, true, true, "RTSP, the picture"},
    {2020, true, false, "ONVIF of TP-Link cameras"},
    {3702, false, true, "WS-Discovery, which is how cameras are found"},
    {8000, true, false, "Hikvision's own protocol, and ONVIF"},
    {8554, true, true, "RTSP, the picture"},
    {8899, true, false, "ONVIF of XMeye cameras"},
    {9000, true, false, "Reolink's own protocol"},
    {10554, true, true, "RTSP, the picture"},
    {34567, true, false, "XMeye's own protocol"},
    {34568, true, false, "XMeye's own protocol"},
    {37777, true, false, "Dahua's own protocol"},
    {37778, false, true, "Dahua's own protocol"},
};

#define CAMERA_WIDEST 4 /* ports in a range that may be written for a camera */

static const struct camera_port *camera_port(struct policy_ports ports, uint8_t proto)
{
    for (size_t i = 0; i < sizeof camera_ports / sizeof *camera_ports; i++) {
        const struct camera_port *camera = &camera_ports[i];
        if (ports.first <= camera->port && camera->port <= ports.last &&
            ((proto == TG_PROTO_TCP && camera->tcp) || (proto == TG_PROTO_UDP && camera->udp)))
            return camera;
    }
    return NULL;
}

/* Whether the zone may have one of the addresses behind it; of a zone without addresses in the file that is not known.
 */
static bool may_be_behind(const struct tg_zone *zone, const struct address_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct tg_range range = sets_range(set, i);
        bool is_known = false;
        for (size_t j = 0; j < zone->address_count; j++) {
            struct tg_range network = tg_prefix_range(&zone->addresses[j]);
            if (network.family != range.family)
                continue;
            is_known = true;
            if (tg_addr_compare(network.first, range.last) <= 0 && tg_addr_compare(range.first, network.last) <= 0)
                return true;
        }
        if (!is_known)
            return true;
    }
    return false;
}

/* Whether everybody in the zone of the default route gets to this port inside: of some zone; or of wherever the
 * addresses are that the rule names, which is each zone that may have them. */
static bool opens_port(const struct exposure *exposure, size_t i, const struct tg_policy *policy, uint8_t outside,
                       uint16_t port)
{
    const struct exposure_rule *r = &exposure->rules[i];
    bool is_named = r->dst != NULL && !r->rule.dst.outside, all = true, some = false;
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy); zone++) {
        if (zone == outside || (r->rule.zone_out != TG_ZONE_NONE && r->rule.zone_out != zone) ||
            (is_named && !may_be_behind(tg_policy_zone(policy, zone), r->dst)))
            continue;
        struct attempt v4 = {outside, zone, TG_IPV4, r->rule.proto, {port, port}, r->dst, r->rule.dst.outside}, v6 = v4;
        v6.family = TG_IPV6;
        bool open = opens(exposure, i, &v4) || opens(exposure, i, &v6);
        all &= open;
        some |= open;
    }
    return is_named ? all && some : some;
}

static bool advise_camera(const struct exposure *exposure, size_t i, const struct tg_policy *policy, uint8_t outside,
                          struct tg_complaints *complaints)
{
    const struct exposure_rule *r = &exposure->rules[i];
    if (r->rule.action != TG_ACCEPT || r->rule.any_proto ||
        (r->rule.zone_in != TG_ZONE_NONE && r->rule.zone_in != outside))
        return false;
    const struct side *from = is_forward(r) ? &r->statement->forward.from : &r->statement->rule.from;
    for (size_t j = 0; j < r->port_count; j++) {
        const struct camera_port *camera = camera_port(r->ports[j], r->rule.proto);
        if (camera == NULL || r->ports[j].last - r->ports[j].first >= CAMERA_WIDEST ||
            !opens_port(exposure, i, policy, outside, camera->port))
            continue;
        complain(
            complaints, TG_WARNING, from->place.len > 0 ? from->place : r->statement->place,
            "a port of cameras, %u (%s), is open to everybody; name those who may: 'from %s office', with 'set office "
            "= ADDRESSES'",
            camera->port, camera->use, tg_policy_zone(policy, outside)->name);
        return true;
    }
    return false;
}

void exposure_advise(const struct exposure *exposure, const struct tg_policy *policy, struct tg_complaints *complaints)
{
    uint8_t outside = tg_policy_default_zone(policy);
    const struct statement *said = NULL; /* one complaint a statement */
    if (outside == TG_ZONE_NONE)
        return;
    bool is_masqueraded = tg_policy_zone(policy, outside)->masquerade;
    for (size_t i = 0; i < exposure->count; i++) {
        if (exposure->rules[i].statement == said)
            continue;
        if ((is_masqueraded && advise_wide(exposure, i, policy, outside, complaints)) ||
            advise_camera(exposure, i, policy, outside, complaints))
            said = exposure->rules[i].statement;
    }
}
