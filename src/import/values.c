#include "import/values.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tidegate/packet.h"

#define LONGEST 128 /* characters of a value that is not free text, with its end */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *value_bare(const char *text, bool *invert)
{
    text += strspn(text, " \t");
    *invert = *text == '!';
    if (*invert)
        text++;
    return text + strspn(text, " \t");
}

/* The same with the blanks behind it cut off, in `buf`.
 * => false if nothing is left, or too much */
static bool bare(const char *text, bool *invert, char buf[static LONGEST])
{
    text = value_bare(text, invert);
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (len == 0 || len >= LONGEST)
        return false;
    memcpy(buf, text, len);
    buf[len] = '\0';
    return true;
}

bool value_begins(const char *text, const char *word)
{
    size_t len = strlen(text);
    return len > 0 && len <= strlen(word) && strncasecmp(text, word, len) == 0;
}

bool value_bool(const char *text, bool *is)
{
    static const char *const words[] = {"0", "1", "off", "on", "false", "true", "no", "yes"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *is = i % 2 == 1;
            return true;
        }
    }
    return false;
}

bool value_family(const char *text, uint8_t *families)
{
    if (strcmp(text, "any") == 0 || strcmp(text, "all") == 0 || strcmp(text, "*") == 0)
        *families = FAMILY_BOTH;
    else if (strcmp(text, "inet") == 0 || strchr(text, '4') != NULL)
        *families = FAMILY_V4;
    else if (strchr(text, '6') != NULL)
        *families = FAMILY_V6;
    else
        return false;
    return true;
}

bool value_target(const char *text, enum value_target *target)
{
    static const char *const names[] = {
        [TARGET_ACCEPT] = "accept", [TARGET_REJECT] = "reject",
        [TARGET_DROP] = "drop",     [TARGET_NOTRACK] = "notrack",
        [TARGET_HELPER] = "helper", [TARGET_MARK] = "mark",
        [TARGET_DSCP] = "dscp",     [TARGET_DNAT] = "dnat",
        [TARGET_SNAT] = "snat",     [TARGET_MASQUERADE] = "masquerade",
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (value_begins(text, names[i])) {
            *target = (enum value_target)i;
            return true;
        }
    }
    return false;
}

bool value_policy(const char *text, enum value_target *policy)
{
    static const char *const names[] = {"accept", "reject", "drop"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (value_begins(text, names[i])) {
            *policy = (enum value_target)i;
            return true;
        }
    }
    return false;
}

/* A number of at most five digits up to `most`; *text stands behind it then. */
static bool number(const char **text, unsigned long most, unsigned long *value)
{
    size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > 5)
        return false;
    *value = strtoul(*text, NULL, 10);
    *text += digits;
    return *value <= most;
}

bool value_port(const char *text, struct value_port *port)
{
    char buf[LONGEST];
    unsigned long first, last;
    const char *at = buf;
    if (!bare(text, &port->invert, buf) || !number(&at, 65535, &first))
        return false;
    last = first;
    if (*at == '-' || *at == ':') {
        at++;
        if (!number(&at, 65535, &last))
            return false;
    }
    port->ports = (struct policy_ports){(uint16_t)first, (uint16_t)last};
    return *at == '\0' && first <= last;
}

/* Addresses. */

static bool netmask(const char *text, uint8_t family, uint8_t *len, bool *scattered)
{
    uint8_t mask_family;
    struct tg_addr mask;
    *scattered = false;
    if (tg_addr_parse(text, &mask_family, &mask) != 0 || mask_family != family)
        return false;
    for (unsigned n = 0; n <= (family == TG_IPV4 ? 32U : 128U); n++) {
        if (tg_addr_equal(tg_mask(family, (uint8_t)n), mask)) {
            *len = (uint8_t)n;
            return true;
        }
    }
    *scattered = true;
    return true;
}

static bool prefix_len(const char *text, uint8_t family, uint8_t *len, bool *scattered)
{
    unsigned long bits;
    *scattered = *text == '-';
    text += *scattered;
    const char *at = text;
    if (number(&at, family == TG_IPV4 ? 32 : 128, &bits) && *at == '\0') {
        *len = (uint8_t)bits;
        return true;
    }
    return !*scattered && netmask(text, family, len, scattered);
}

bool value_address(const char *text, struct value_address *address)
{
    char buf[LONGEST];
    uint8_t family;
    struct tg_prefix prefix;
    *address = (struct value_address){0};
    if (!bare(text, &address->invert, buf))
        return false;
    char *slash = strchr(buf, '/'), *dash = slash == NULL ? strchr(buf, '-') : NULL;
    if (dash != NULL) {
        struct tg_range *range = &address->range;
        *dash = '\0';
        return tg_addr_parse(buf, &range->family, &range->first) == 0 &&
               tg_addr_parse(dash + 1, &family, &range->last) == 0 && family == range->family &&
               tg_addr_compare(range->first, range->last) <= 0;
    }
    if (slash != NULL)
        *slash = '\0';
    if (tg_addr_parse(buf, &prefix.family, &prefix.addr) != 0)
        return false;
    prefix.len = prefix.family == TG_IPV4 ? 32 : 128;
    address->range.family = prefix.family;
    if (slash != NULL && !prefix_len(slash + 1, prefix.family, &prefix.len, &address->scattered))
        return false;
    if (!address->scattered)
        address->range = tg_prefix_range(&prefix);
    return true;
}

bool value_is_network(const char *text)
{
    bool invert, letter = false;
    text = value_bare(text, &invert);
    for (const char *s = text; *s != '\0'; s++) {
        if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-')
            return false;
        letter |= isalpha((unsigned char)*s) != 0;
    }
    return letter;
}

/* Protocols. */

bool value_proto(const char *text, struct value_proto *proto)
{
    static const struct {
        const char *name;
        uint8_t proto;
    } known[] = {
        {"icmp", TG_PROTO_ICMP},
        {"icmpv6", TG_PROTO_ICMP6},
        {"ipv6-icmp", TG_PROTO_ICMP6},
        {"tcp", TG_PROTO_TCP},
        {"udp", TG_PROTO_UDP},
        {"igmp", TG_PROTO_IGMP},
        {"esp", TG_PROTO_ESP},
        {"ah", TG_PROTO_AH},
        {"gre", TG_PROTO_GRE},
        {"udplite", TG_PROTO_UDPLITE},
        {"sctp", TG_PROTO_SCTP},
        {"ipencap", 4},
        {"ipip", 4},
        {"egp", 8},
        {"dccp", 33},
        {"ipv6", 41},
        {"rsvp", 46},
        {"skip", 57},
        {"eigrp", 88},
        {"ospf", 89},
        {"pim", 103},
        {"ipcomp", 108},
        {"vrrp", 112},
        {"l2tp", 115},
        {"isis", 124},
        {"fc", 133},
    };
    char buf[LONGEST];
    unsigned long value;
    *proto = (struct value_proto){0};
    if (!bare(text, &proto->invert, buf))
        return false;
    const char *at = buf;
    if (number(&at, 255, &value) && *at == '\0') {
        proto->proto = (uint8_t)value;
        return true;
    }
    proto->any = strcasecmp(buf, "all") == 0 || strcasecmp(buf, "any") == 0 || strcmp(buf, "*") == 0;
    proto->tcpudp = strcasecmp(buf, "tcpudp") == 0;
    if (proto->any || proto->tcpudp)
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(buf, known[i].name) == 0) {
            proto->proto = known[i].proto;
            return true;
        }
    }
    proto->unknown = true;
    return true;
}

/* Rates, times, and the rest. */

bool value_limit(const char *text, struct value_limit *limit)
{
    static const char *const units[] = {"second", "minute", "hour", "day"};
    char buf[LONGEST];
    if (!bare(text, &limit->invert, buf))
        return false;
    size_t digits = strspn(buf, "0123456789");
    if (digits == 0 || digits > 9)
        return false;
    limit->rate = (uint32_t)strtoul(buf, NULL, 10);
    limit->unit = units[0];
    if (buf[digits] == '\0')
        return true;
    for (size_t i = 0; buf[digits] == '/' && i < sizeof units / sizeof *units; i++) {
        if (value_begins(buf + digits + 1, units[i])) {
            limit->unit = units[i];
            return true;
        }
    }
    return false;
}

bool value_time(const char *text, struct value_time *time)
{
    unsigned long part[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        if (!is_digit(text[0]) || (is_digit(text[1]) && is_digit(text[2])))
            return false;
        if (!number(&text, i == 0 ? 23 : 59, &part[i]))
            return false;
        if (*text == '\0') {
            *time = (struct value_time){(uint8_t)part[0], (uint8_t)part[1], (uint8_t)part[2]};
            return true;
        }
        if (*text++ != ':')
            return false;
    }
    return false;
}

bool value_weekdays(const char *text, uint8_t *days)
{
    static const char *const names[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    bool invert;
    char buf[LONGEST], *rest = buf;
    *days = 0;
    if (!bare(text, &invert, buf))
        return false;
    for (char *day; (day = strtok_r(rest, " \t", &rest)) != NULL;) {
        unsigned i = 0;
        while (i < 7 && !value_begins(day, names[i]))
            i++;
        if (i == 7)
            return false;
        *days |= (uint8_t)(1U << i);
    }
    if (invert)
        *days ^= 0x7f;
    return true;
}

bool value_mac(const char *text, bool *invert, char mac[static VALUE_MAC])
{
    char buf[LONGEST];
    unsigned part[6];
    int used = 0;
    if (!bare(text, invert, buf) || buf[strspn(buf, "0123456789abcdefABCDEF:-")] != '\0')
        return false;
    if (sscanf(buf, "%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%n", &part[0], &part[1], &part[2], &part[3],
               &part[4], &part[5], &used) != 6 ||
        buf[used] != '\0')
        return false;
    snprintf(mac, VALUE_MAC, "%02x:%02x:%02x:%02x:%02x:%02x", part[0] & 0xff, part[1] & 0xff, part[2] & 0xff,
             part[3] & 0xff, part[4] & 0xff, part[5] & 0xff);
    return true;
}

bool value_date(const char *text)
{
    unsigned year, month = 1, day = 1;
    struct value_time time;
    int used = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits != 4 || sscanf(text, "%4u", &year) != 1 || year < 1970 || year > 2038)
        return false;
    if (text[4] == '\0')
        return true;
    if (sscanf(text + 4, "-%2u%n", &month, &used) != 1 || month > 12)
        return false;
    text += 4 + used;
    if (*text == '\0')
        return true;
    if (sscanf(text, "-%2u%n", &day, &used) != 1 || day > 31)
        return false;
    text += used;
    return *text == '\0' || (*text == 'T' && value_time(text + 1, &time));
}

bool value_mark(const char *text)
{
    char buf[LONGEST], *end;
    bool invert;
    if (!bare(text, &invert, buf) || !isalnum((unsigned char)buf[0]))
        return false;
    unsigned long long mark = strtoull(buf, &end, 0); /* a long may have 32 bits, and would be cut down to fit */
    if (*end == '/' && mark <= 0xffffffff && isalnum((unsigned char)end[1]))
        mark = strtoull(end + 1, &end, 0);
    return *end == '\0' && mark <= 0xffffffff;
}

bool value_dscp(const char *text)
{
    static const char *const classes[] = {
        "CS0",  "CS1",  "CS2",  "CS3",  "CS4",  "CS5",  "CS6",  "CS7",  "BE",   "LE",   "AF11", "AF12",
        "AF13", "AF21", "AF22", "AF23", "AF31", "AF32", "AF33", "AF41", "AF42", "AF43", "EF",
    };
    char buf[LONGEST], *end;
    bool invert;
    if (!bare(text, &invert, buf))
        return false;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strcasecmp(buf, classes[i]) == 0)
            return true;
    }
    return isalnum((unsigned char)buf[0]) && strtoul(buf, &end, 0) <= 0x3f && *end == '\0';
}

bool value_number(const char *text)
{
    char *end;
    strtol(text, &end, 0);
    return end != text && *end == '\0';
}

bool value_identifier(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_' && *text != '.')
        return false;
    for (; *text != '\0'; text++) {
        if (!isalnum((unsigned char)*text) && strchr("/_.-", *text) == NULL)
            return false;
    }
    return true;
}
