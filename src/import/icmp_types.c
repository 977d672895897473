/* Types of ICMP by the names that OpenWrt has for them (RFC 792, 950, 1256, 1812; 4443, 4861, 2710, 3810 and others).
 */
#include <stdlib.h>
#include <string.h>

#include "import/values.h"

#define ANY (-1) /* all codes */

struct named {
    const char *name;
    uint8_t type;
    int code;
};

static const struct named types4[] = {
    {"any", 255, ANY}, /* so firewall4 has it, whatever was meant */
    {"echo-reply", 0, ANY},
    {"pong", 0, ANY},
    {"destination-unreachable", 3, ANY},
    {"network-unreachable", 3, 0},
    {"host-unreachable", 3, 1},
    {"protocol-unreachable", 3, 2},
    {"port-unreachable", 3, 3},
    {"fragmentation-needed", 3, 4},
    {"source-route-failed", 3, 5},
    {"network-unknown", 3, 6},
    {"host-unknown", 3, 7},
    {"network-prohibited", 3, 9},
    {"host-prohibited", 3, 10},
    {"TOS-network-unreachable", 3, 11},
    {"TOS-host-unreachable", 3, 12},
    {"communication-prohibited", 3, 13},
    {"host-precedence-violation", 3, 14},
    {"precedence-cutoff", 3, 15},
    {"source-quench", 4, ANY},
    {"redirect", 5, ANY},
    {"network-redirect", 5, 0},
    {"host-redirect", 5, 1},
    {"TOS-network-redirect", 5, 2},
    {"TOS-host-redirect", 5, 3},
    {"echo-request", 8, ANY},
    {"ping", 8, ANY},
    {"router-advertisement", 9, ANY},
    {"router-solicitation", 10, ANY},
    {"time-exceeded", 11, ANY},
    {"ttl-exceeded", 11, ANY},
    {"ttl-zero-during-transit", 11, 0},
    {"ttl-zero-during-reassembly", 11, 1},
    {"parameter-problem", 12, ANY},
    {"ip-header-bad", 12, 0},
    {"required-option-missing", 12, 1},
    {"timestamp-request", 13, ANY},
    {"timestamp-reply", 14, ANY},
    {"address-mask-request", 17, ANY},
    {"address-mask-reply", 18, ANY},
};

static const struct named types6[] = {
    {"destination-unreachable", 1, ANY},
    {"no-route", 1, 0},
    {"communication-prohibited", 1, 1},
    {"address-unreachable", 1, 3},
    {"port-unreachable", 1, 4},
    {"packet-too-big", 2, ANY},
    {"time-exceeded", 3, ANY},
    {"ttl-exceeded", 3, ANY},
    {"ttl-zero-during-transit", 3, 0},
    {"ttl-zero-during-reassembly", 3, 1},
    {"parameter-problem", 4, ANY},
    {"bad-header", 4, 0},
    {"unknown-header-type", 4, 1},
    {"unknown-option", 4, 2},
    {"echo-request", 128, ANY},
    {"ping", 128, ANY},
    {"echo-reply", 129, ANY},
    {"pong", 129, ANY},
    {"multicast-listener-query", 130, ANY},
    {"multicast-listener-report", 131, ANY},
    {"multicast-listener-done", 132, ANY},
    {"router-solicitation", 133, ANY},
    {"router-advertisement", 134, ANY},
    {"neighbour-solicitation", 135, ANY},
    {"neighbor-solicitation", 135, ANY},
    {"neighbour-advertisement", 136, ANY},
    {"neighbor-advertisement", 136, ANY},
    {"redirect", 137, ANY},
    {"router-renumbering", 138, ANY},
    {"node-info-query", 139, ANY},
    {"node-info-response", 140, ANY},
    {"inverse-neighbour-discovery-solicitation-message", 141, ANY},
    {"inverse-neighbor-discovery-solicitation-message", 141, ANY},
    {"inverse-neighbour-discovery-advertisement-message", 142, ANY},
    {"inverse-neighbor-discovery-advertisement-message", 142, ANY},
    {"v2-multicast-listener-report", 143, ANY},
    {"home-agent-address-discovery-request-message", 144, ANY},
    {"home-agent-address-discovery-reply-message", 145, ANY},
    {"mobile-prefix-solicitation", 146, ANY},
    {"mobile-prefix-advertisement", 147, ANY},
    {"certification-path-solicitation-message", 148, ANY},
    {"certification-path-advertisement-message", 149, ANY},
    {"seamoby-protocol-message", 150, ANY},
    {"multicast-router-advertisement", 151, ANY},
    {"multicast-router-solicitation", 152, ANY},
    {"multicast-router-termination", 153, ANY},
    {"fmipv6-message", 154, ANY},
    {"rpl-control-message", 155, ANY},
    {"ilnpv6-locator-update-message", 156, ANY},
    {"duplicate-address-request", 157, ANY},
    {"duplicate-address-confirmation", 158, ANY},
    {"mpl-control-message", 159, ANY},
    {"extended-echo-request", 160, ANY},
    {"extended-ping", 160, ANY},
    {"extended-echo-reply", 161, ANY},
    {"extended-pong", 161, ANY},
};

static bool find(const struct named *types, size_t count, const char *name, struct value_icmp_type *found)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(types[i].name, name) == 0) {
            *found = (struct value_icmp_type){types[i].type, types[i].code == ANY,
                                              types[i].code == ANY ? 0 : (uint8_t)types[i].code};
            return true;
        }
    }
    return false;
}

/* TYPE or TYPE/CODE in figures. */
static bool figures(const char *text, struct value_icmp_type *found)
{
    char *end;
    if (text[strspn(text, "0123456789/")] != '\0' || *text == '/' || *text == '\0')
        return false;
    unsigned long type = strtoul(text, &end, 10), code = 0;
    bool any_code = *end == '\0';
    if (!any_code) {
        if (end[1] == '\0')
            return false;
        code = strtoul(end + 1, &end, 10);
    }
    *found = (struct value_icmp_type){(uint8_t)type, any_code, (uint8_t)code};
    return *end == '\0' && type <= 255 && code <= 255;
}

bool value_icmp(const char *text, struct value_icmp *icmp)
{
    *icmp = (struct value_icmp){0};
    if (find(types4, sizeof types4 / sizeof *types4, text, &icmp->v4))
        icmp->families |= FAMILY_V4;
    if (find(types6, sizeof types6 / sizeof *types6, text, &icmp->v6))
        icmp->families |= FAMILY_V6;
    if (icmp->families != 0)
        return true;
    if (!figures(text, &icmp->v4))
        return false;
    icmp->v6 = icmp->v4;
    icmp->families = FAMILY_BOTH;
    return true;
}
