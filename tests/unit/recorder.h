/* A policy builder that writes down what it is given, in place of the one in src/policy: so a test sees what the
 * compiler of the rules language makes of a file, statement by statement, and not only what the engine later does with
 * it.
 *
 * It defines every function of a policy that src/rules calls. To be included by one file of a test program.
 */
#ifndef TESTS_RECORDER_H
#define TESTS_RECORDER_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define RECORDER_MOST 20000 /* sets, zones: more than any golden file has */

struct tg_policy {
    char *lines; /* what was added, a line each */
    size_t len;
    struct tg_zone zones[TG_ZONE_MAX];
    struct recorder_host {
        char *name;
        struct tg_addr addrs[2]; /* IPv4, IPv6 */
        bool has[2];
    } hosts[TG_ZONE_MAX];
    size_t host_count;
    size_t zone_count, statement_count, forward_count, set_count;
    char *sets[RECORDER_MOST];
    enum tg_action fallback;
    struct policy_nat nat;
    size_t knock_count;
};

__attribute__((format(printf, 2, 3))) static void record(struct tg_policy *policy, const char *format, ...)
{
    char line[4096];
    va_list args;
    va_start(args, format);
    size_t n = (size_t)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    policy->lines = realloc(policy->lines, policy->len + n + 1);
    memcpy(policy->lines + policy->len, line, n + 1);
    policy->len += n;
}

struct tg_policy *policy_new(void)
{
    struct tg_policy *policy = calloc(1, sizeof *policy);
    policy->fallback = TG_DROP;
    const struct policy_nat_of strict = {POLICY_ENDPOINT_INDEPENDENT, POLICY_ADDRESS_AND_PORT_DEPENDENT};
    policy->nat = (struct policy_nat){.tcp = strict, .udp = strict, .ports = {0, UINT16_MAX}};
    record(policy, "%s", "");
    return policy;
}

void tg_policy_free(struct tg_policy *policy)
{
    if (policy == NULL)
        return;
    for (size_t i = 0; i < policy->zone_count; i++) {
        free((void *)(uintptr_t)policy->zones[i].name);
        free((void *)(uintptr_t)policy->zones[i].addresses);
    }
    for (size_t i = 0; i < policy->host_count; i++)
        free(policy->hosts[i].name);
    for (size_t i = 0; i < policy->set_count; i++)
        free(policy->sets[i]);
    free(policy->lines);
    free(policy);
}

int policy_add_zone(struct tg_policy *policy, const struct tg_zone *zone)
{
    char text[TG_ADDR_TEXT];
    struct tg_prefix *addresses = calloc(zone->address_count + 1, sizeof *addresses);
    record(policy, "zone %zu %s:", TG_ZONE_FIRST + policy->zone_count, zone->name);
    for (size_t i = 0; i < zone->interface_count; i++)
        record(policy, " %s", zone->interfaces[i]);
    for (size_t i = 0; i < zone->address_count; i++) {
        addresses[i] = zone->addresses[i];
        record(policy, " %s/%u", tg_addr_format(addresses[i].family, addresses[i].addr, text), addresses[i].len);
    }
    record(policy, "%s%s%s\n", zone->masquerade ? " masquerade" : "", zone->mss_clamp ? " mss-clamp" : "",
           zone->open_on_failure ? " on-failure open" : "");
    struct tg_zone *copy = &policy->zones[policy->zone_count++];
    *copy = *zone;
    copy->name = strdup(zone->name);
    copy->addresses = addresses;
    return 0;
}

static int record_set(struct tg_policy *policy, char *text, uint32_t *number)
{
    if (policy->set_count == RECORDER_MOST)
        abort();
    *number = (uint32_t)policy->set_count;
    policy->sets[policy->set_count++] = text;
    return 0;
}

int policy_add_addresses(struct tg_policy *policy, const struct tg_range *ranges, size_t count, uint32_t *number)
{
    char *text = calloc(count + 1, 2 * TG_ADDR_TEXT + 2), a[TG_ADDR_TEXT], b[TG_ADDR_TEXT];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t family = ranges[i].family;
        bool single = tg_addr_equal(ranges[i].first, ranges[i].last);
        len += (size_t)sprintf(text + len, "%s%s", i == 0 ? "" : " ", tg_addr_format(family, ranges[i].first, a));
        if (!single)
            len += (size_t)sprintf(text + len, "-%s", tg_addr_format(family, ranges[i].last, b));
    }
    return record_set(policy, text, number);
}

int policy_add_ranges(struct tg_policy *policy, const struct policy_v4_range *v4, size_t v4_count,
                      const struct policy_v6_range *v6, size_t v6_count, uint32_t *number)
{
    struct tg_range *ranges = calloc(v4_count + v6_count + 1, sizeof *ranges);
    for (size_t i = 0; i < v4_count; i++)
        ranges[i] = (struct tg_range){tg_ipv4(v4[i].first), tg_ipv4(v4[i].last), TG_IPV4};
    for (size_t i = 0; i < v6_count; i++)
        ranges[v4_count + i] = (struct tg_range){v6[i].first, v6[i].last, TG_IPV6};
    int error = policy_add_addresses(policy, ranges, v4_count + v6_count, number);
    free(ranges);
    return error;
}

int policy_add_ports(struct tg_policy *policy, const struct policy_ports *ports, size_t count, uint32_t *number)
{
    char *text = calloc(count + 1, 16);
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += (size_t)sprintf(text + len, "%s%u", i == 0 ? "" : " ", ports[i].first);
        if (ports[i].first != ports[i].last)
            len += (size_t)sprintf(text + len, "-%u", ports[i].last);
    }
    return record_set(policy, text, number);
}

int policy_add_statement(struct tg_policy *policy, const struct tg_statement *statement, uint32_t *number)
{
    static const char *const kinds[TG_STATEMENT_KINDS] = {"allow",  "drop",      "reject", "forward",
                                                          "detect", "translate", "map"};
    *number = (uint32_t)policy->statement_count++;
    record(policy, "%u %s at %s:%u: %s\n", *number, kinds[statement->kind], statement->file, statement->line,
           statement->text);
    if (statement->label != NULL)
        record(policy, "  label %s\n", statement->label);
    if (statement->log != NULL)
        record(policy, "  log%s%s\n", *statement->log != '\0' ? " " : "", statement->log);
    return 0;
}

int policy_add_limit(struct tg_policy *policy, const struct policy_limit *limit, uint32_t *number)
{
    char *text = calloc(1, 80);
    sprintf(text, "%u in %us, burst %u%s", limit->count, limit->seconds, limit->burst,
            limit->per_source ? ", per source" : "");
    return record_set(policy, text, number);
}

/* As they are read: "mon 08:00-mon 17:59", both included. */
int policy_add_minutes(struct tg_policy *policy, const struct policy_minutes *spans, size_t count, uint32_t *number)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    char *text = calloc(count + 1, 32);
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned first = spans[i].first, last = spans[i].last;
        len += (size_t)sprintf(text + len, "%s%s %02u:%02u-%s %02u:%02u", i == 0 ? "" : ", ", days[first / 1440],
                               first / 60 % 24, first % 60, days[last / 1440], last / 60 % 24, last % 60);
    }
    return record_set(policy, text, number);
}

int policy_add_macs(struct tg_policy *policy, const struct policy_mac *macs, size_t count, uint32_t *number)
{
    char *text = calloc(count + 1, 20);
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *b = macs[i].bytes;
        len += (size_t)sprintf(text + len, "%s%02x:%02x:%02x:%02x:%02x:%02x", i == 0 ? "" : " ", b[0], b[1], b[2], b[3],
                               b[4], b[5]);
    }
    return record_set(policy, text, number);
}

static void record_when(struct tg_policy *policy, const struct policy_when *when)
{
    if (when->limit != 0)
        record(policy, "; limit {%s}", policy->sets[when->limit - 1]);
    if (when->max != 0)
        record(policy, "; max %u%s", when->max, when->max_per_source ? " per source" : "");
    if (when->during != 0)
        record(policy, "; during {%s}", policy->sets[when->during - 1]);
    if (when->mac != 0)
        record(policy, "; mac {%s}", policy->sets[when->mac - 1]);
    if (when->after != 0)
        record(policy, "; after %u", when->after - 1);
}

static void record_where(struct tg_policy *policy, const char *what, struct policy_where where)
{
    if (where.set != POLICY_NONE)
        record(policy, " %s%s {%s}", what, where.outside ? " not" : "", policy->sets[where.set]);
}

static const char *recorder_zone(const struct tg_policy *policy, uint8_t zone)
{
    return zone == TG_ZONE_NONE ? "any" : zone == TG_ZONE_ROUTER ? "router" : policy->zones[zone - TG_ZONE_FIRST].name;
}

int policy_add_rule(struct tg_policy *policy, const struct policy_rule *rule)
{
    static const char *const actions[] = {[TG_ACCEPT] = "accept", [TG_DROP] = "drop", [TG_REJECT] = "reject"};
    record(policy, "  %u %s", rule->statement, actions[rule->action]);
    if (rule->family != 0)
        record(policy, " IPv%u", rule->family);
    if (!rule->any_proto)
        record(policy, " proto %u", rule->proto);
    if (!rule->any_type && rule->any_code)
        record(policy, " type %u", rule->type);
    if (!rule->any_type && !rule->any_code)
        record(policy, " type %u/%u", rule->type, rule->code);
    record(policy, ", %s to %s", recorder_zone(policy, rule->zone_in), recorder_zone(policy, rule->zone_out));
    record_where(policy, "from", rule->src);
    if (rule->sport != POLICY_NONE)
        record(policy, " port %s", policy->sets[rule->sport]);
    record_where(policy, "to", rule->dst);
    if (rule->dport != POLICY_NONE)
        record(policy, " port %s", policy->sets[rule->dport]);
    if (rule->forward != POLICY_NONE)
        abort(); /* the builder makes these, not the compiler */
    record_when(policy, &rule->when);
    record(policy, "\n");
    return 0;
}

int policy_add_forward(struct tg_policy *policy, const struct policy_forward *forward)
{
    char text[TG_ADDR_TEXT];
    record(policy, "  %u forward", forward->statement);
    if (!forward->any_proto)
        record(policy, " proto %u", forward->proto);
    if (!forward->any_port)
        record(policy, " port %u-%u", forward->ext.first, forward->ext.last);
    record(policy, ", %s", recorder_zone(policy, forward->zone));
    if (forward->has_at)
        record(policy, " at %s", tg_addr_format(TG_IPV4, forward->at, text));
    record_where(policy, "from", forward->src);
    record(policy, " to %s", tg_addr_format(TG_IPV4, forward->host, text));
    if (!forward->any_port)
        record(policy, " port %u-%u", forward->in.first, forward->in.last);
    if (!forward->hairpin)
        record(policy, " no-hairpin");
    if (forward->is_map)
        record(policy, " of a map");
    record_when(policy, &forward->when);
    record(policy, "\n");
    policy->forward_count++;
    return 0;
}

int policy_add_translation(struct tg_policy *policy, const struct policy_translation *translation)
{
    char text[TG_ADDR_TEXT];
    record(policy, "  %u translate, %s to %s", translation->statement, recorder_zone(policy, translation->zone_in),
           recorder_zone(policy, translation->zone_out));
    record_where(policy, "from", translation->src);
    record_where(policy, "to", translation->dst);
    record(policy, " as %s", translation->itself ? "itself" : tg_addr_format(TG_IPV4, translation->first, text));
    if (!translation->itself && !tg_addr_equal(translation->first, translation->last))
        record(policy, "-%s", tg_addr_format(TG_IPV4, translation->last, text));
    record(policy, "%s\n", translation->is_map ? " of a map" : "");
    return 0;
}

int policy_add_detect(struct tg_policy *policy, const struct policy_detect *detect)
{
    record(policy, "  %u detect, %s", detect->statement, recorder_zone(policy, detect->zone));
    record_where(policy, "from", detect->src);
    record(policy, " over %u in %us block %us\n", detect->ports, detect->seconds, detect->block);
    return 0;
}

int policy_add_helper(struct tg_policy *policy, const struct policy_helper *helper)
{
    static const char *const kinds[HELPER_KINDS] = {"none", "ftp", "tftp", "rtsp", "sip"};
    record(policy, "helper %s, proto %u port %u-%u\n", kinds[helper->kind], helper->proto, helper->ports.first,
           helper->ports.last);
    return 0;
}

int policy_add_knock(struct tg_policy *policy, const struct policy_knock *knock, uint32_t *number)
{
    *number = (uint32_t)policy->knock_count++;
    record(policy, "knock %u %s, %s", *number, knock->name, recorder_zone(policy, knock->zone));
    record_where(policy, "from", knock->src);
    for (size_t i = 0; i < knock->count; i++)
        record(policy, "%s proto %u port %u", i == 0 ? ":" : ",", knock->steps[i].proto, knock->steps[i].port);
    record(policy, " within %us for %us\n", knock->seconds, knock->open);
    return 0;
}

void policy_set_nat(struct tg_policy *policy, const struct policy_nat *nat)
{
    static const char *const behaviours[] = {"endpoint", "address", "address and port"};
    policy->nat = *nat;
    record(policy, "nat: tcp maps by %s, filters by %s; udp maps by %s, filters by %s; ports %u-%u\n",
           behaviours[nat->tcp.mapping], behaviours[nat->tcp.filtering], behaviours[nat->udp.mapping],
           behaviours[nat->udp.filtering], nat->ports.first, nat->ports.last);
}

const struct policy_nat *policy_nat(const struct tg_policy *policy)
{
    return &policy->nat;
}

void policy_set_timeout(struct tg_policy *policy, enum policy_timer timer, uint32_t seconds)
{
    static const char *const timers[POLICY_TIMERS] = {"tcp-established", "tcp-transitory", "tcp-opening", "tcp-closing",
                                                      "udp-new",         "udp-stream",     "icmp",        "other"};
    record(policy, "timeout %s %us\n", timers[timer], seconds);
}

void policy_set_connections(struct tg_policy *policy, uint32_t room)
{
    record(policy, "room for %u connections\n", room);
}

void policy_set_pickup(struct tg_policy *policy)
{
    record(policy, "pickup\n");
}

int policy_add_host(struct tg_policy *policy, const char *name, const struct tg_addr *v4, const struct tg_addr *v6)
{
    char text[TG_ADDR_TEXT];
    record(policy, "host %s", name);
    if (v4 != NULL)
        record(policy, " %s", tg_addr_format(TG_IPV4, *v4, text));
    if (v6 != NULL)
        record(policy, " %s", tg_addr_format(TG_IPV6, *v6, text));
    record(policy, "\n");
    if (policy->host_count < TG_ZONE_MAX)
        policy->hosts[policy->host_count++] = (struct recorder_host){strdup(name),
                                                                     {v4 != NULL ? *v4 : *v6, v6 != NULL ? *v6 : *v4},
                                                                     {v4 != NULL, v6 != NULL}};
    return 0;
}

static const char *recorder_end(const struct tg_policy *policy, uint8_t zone, bool has, uint8_t family,
                                struct tg_addr addr, char buf[static 128])
{
    char text[TG_ADDR_TEXT];
    snprintf(buf, 128, "%s%s%s", recorder_zone(policy, zone), has ? " " : "",
             has ? tg_addr_format(family, addr, text) : "");
    return buf;
}

int policy_add_expectation(struct tg_policy *policy, const struct policy_expectation *expectation)
{
    const struct tg_probe *p = &expectation->probe;
    char end[128], text[TG_ADDR_TEXT];
    record(policy, "expect at %s:%u:%u+%u: proto %u", expectation->place.file, expectation->place.line,
           expectation->place.column, expectation->place.width, p->proto);
    if (p->proto == 1 || p->proto == 58)
        record(policy, " type %u/%u", p->icmp_type, p->icmp_code);
    record(policy, ", %s", recorder_end(policy, p->zone_in, p->has_src, p->family, p->src, end));
    if (p->has_sport)
        record(policy, " port %u", p->sport);
    record(policy, " to %s", recorder_end(policy, p->zone_out, p->has_dst, p->family, p->dst, end));
    if (p->has_dport)
        record(policy, " port %u", p->dport);
    record(policy, ", %s", expectation->words);
    if (expectation->has_v4)
        record(policy, " %s", tg_addr_format(TG_IPV4, expectation->v4, text));
    if (expectation->has_v6)
        record(policy, " %s", tg_addr_format(TG_IPV6, expectation->v6, text));
    if (expectation->has_port)
        record(policy, " %u", expectation->port);
    if (p->has_minute)
        record(policy, " at minute %u", p->minute);
    record(policy, "\n");
    return 0;
}

void policy_set_default(struct tg_policy *policy, enum tg_action action)
{
    policy->fallback = action;
}

int policy_seal(struct tg_policy *policy)
{
    record(policy, "default %s\n", policy->fallback == TG_DROP ? "drop" : "reject");
    return 0;
}

/* What src/rules asks of a policy. */

uint8_t tg_policy_zone_count(const struct tg_policy *policy)
{
    return (uint8_t)(TG_ZONE_FIRST + policy->zone_count);
}

const struct tg_zone *tg_policy_zone(const struct tg_policy *policy, uint8_t zone)
{
    return zone < TG_ZONE_FIRST ? NULL : &policy->zones[zone - TG_ZONE_FIRST];
}

uint8_t tg_policy_zone_named(const struct tg_policy *policy, const char *name)
{
    for (uint8_t i = 0; i < policy->zone_count; i++)
        if (strcmp(policy->zones[i].name, name) == 0)
            return (uint8_t)(TG_ZONE_FIRST + i);
    return TG_ZONE_NONE;
}

bool policy_host(const struct tg_policy *policy, const char *name, uint8_t family, struct tg_addr *addr)
{
    size_t which = family == TG_IPV6;
    for (size_t i = 0; i < policy->host_count; i++) {
        if (strcmp(policy->hosts[i].name, name) != 0 || !policy->hosts[i].has[which])
            continue;
        *addr = policy->hosts[i].addrs[which];
        return true;
    }
    return false;
}

const char *policy_host_name(const struct tg_policy *policy, size_t i)
{
    return i < policy->host_count ? policy->hosts[i].name : NULL;
}

/* The zone that masquerades; or the one without an address. */
uint8_t tg_policy_default_zone(const struct tg_policy *policy)
{
    uint8_t found = TG_ZONE_NONE;
    for (uint8_t i = 0; i < policy->zone_count; i++) {
        if (policy->zones[i].masquerade || (policy->zones[i].address_count == 0 && found == TG_ZONE_NONE))
            found = (uint8_t)(TG_ZONE_FIRST + i);
    }
    return found;
}

#endif
