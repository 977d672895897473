#include "rules/icmp.h"

#include <stddef.h>
#include <string.h>

#include "tidegate/packet.h"

#define TYPE4(name, type)                                                                                              \
    {                                                                                                                  \
        name, TG_PROTO_ICMP, type, true, 0                                                                             \
    }
#define CODE4(name, type, code)                                                                                        \
    {                                                                                                                  \
        name, TG_PROTO_ICMP, type, false, code                                                                         \
    }
#define TYPE6(name, type)                                                                                              \
    {                                                                                                                  \
        name, TG_PROTO_ICMP6, type, true, 0                                                                            \
    }
#define CODE6(name, type, code)                                                                                        \
    {                                                                                                                  \
        name, TG_PROTO_ICMP6, type, false, code                                                                        \
    }

static const struct icmp_type types[] = {
    TYPE4("echo-reply", 0),
    TYPE4("unreachable", 3),
    TYPE4("destination-unreachable", 3),
    CODE4("network-unreachable", 3, 0),
    CODE4("host-unreachable", 3, 1),
    CODE4("protocol-unreachable", 3, 2),
    CODE4("port-unreachable", 3, 3),
    CODE4("fragmentation-needed", 3, 4),
    CODE4("source-route-failed", 3, 5),
    CODE4("network-prohibited", 3, 9),
    CODE4("host-prohibited", 3, 10),
    CODE4("communication-prohibited", 3, 13),
    TYPE4("source-quench", 4),
    TYPE4("redirect", 5),
    TYPE4("echo-request", 8),
    TYPE4("router-advertisement", 9),
    TYPE4("router-solicitation", 10),
    TYPE4("time-exceeded", 11),
    TYPE4("ttl-exceeded", 11),
    CODE4("ttl-zero-during-transit", 11, 0),
    CODE4("ttl-zero-during-reassembly", 11, 1),
    TYPE4("parameter-problem", 12),
    CODE4("ip-header-bad", 12, 0),
    CODE4("required-option-missing", 12, 1),
    TYPE4("timestamp-request", 13),
    TYPE4("timestamp-reply", 14),
    TYPE4("info-request", 15),
    TYPE4("info-reply", 16),
    TYPE4("address-mask-request", 17),
    TYPE4("address-mask-reply", 18),

    TYPE6("unreachable", 1),
    TYPE6("destination-unreachable", 1),
    CODE6("no-route", 1, 0),
    CODE6("communication-prohibited", 1, 1),
    CODE6("beyond-scope", 1, 2),
    CODE6("address-unreachable", 1, 3),
    CODE6("port-unreachable", 1, 4),
    CODE6("failed-policy", 1, 5),
    CODE6("reject-route", 1, 6),
    TYPE6("packet-too-big", 2),
    TYPE6("time-exceeded", 3),
    TYPE6("ttl-exceeded", 3),
    CODE6("ttl-zero-during-transit", 3, 0),
    CODE6("ttl-zero-during-reassembly", 3, 1),
    TYPE6("parameter-problem", 4),
    CODE6("bad-header", 4, 0),
    CODE6("unknown-header-type", 4, 1),
    CODE6("unknown-option", 4, 2),
    TYPE6("echo-request", 128),
    TYPE6("echo-reply", 129),
    TYPE6("mld-listener-query", 130),
    TYPE6("mld-listener-report", 131),
    TYPE6("mld-listener-done", 132),
    TYPE6("mld-listener-reduction", 132),
    TYPE6("router-solicitation", 133),
    TYPE6("nd-router-solicit", 133),
    TYPE6("router-advertisement", 134),
    TYPE6("nd-router-advert", 134),
    TYPE6("neighbour-solicitation", 135),
    TYPE6("neighbor-solicitation", 135),
    TYPE6("nd-neighbor-solicit", 135),
    TYPE6("neighbour-advertisement", 136),
    TYPE6("neighbor-advertisement", 136),
    TYPE6("nd-neighbor-advert", 136),
    TYPE6("redirect", 137),
    TYPE6("nd-redirect", 137),
    TYPE6("mld2-listener-report", 143),
};

const struct icmp_type *icmp_named(uint8_t proto, const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].proto == proto && strcmp(types[i].name, name) == 0)
            return &types[i];
    }
    return NULL;
}

const char *icmp_name_of(uint8_t proto, uint8_t type, bool any_code, uint8_t code)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const struct icmp_type *t = &types[i];
        if (t->proto == proto && t->type == type && t->any_code == any_code && (any_code || t->code == code))
            return t->name;
    }
    return NULL;
}

void icmp_near(struct near *near, uint8_t proto)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].proto == proto)
            near_try(near, types[i].name);
    }
}
