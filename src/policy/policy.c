/* What drivers and reports ask of a policy. */
#include "policy/inside.h"

#include <string.h>

uint8_t tg_policy_zone_count(const struct tg_policy *policy)
{
    return (uint8_t)(TG_ZONE_FIRST + policy->zones.count);
}

const struct tg_zone *tg_policy_zone(const struct tg_policy *policy, uint8_t zone)
{
    static const struct tg_zone router = {.name = "router"};
    if (zone == TG_ZONE_ROUTER)
        return &router;
    if (zone < TG_ZONE_FIRST || zone >= tg_policy_zone_count(policy))
        return NULL;
    return &policy->zones.items[zone - TG_ZONE_FIRST];
}

uint8_t tg_policy_zone_named(const struct tg_policy *policy, const char *name)
{
    for (uint8_t zone = TG_ZONE_ROUTER; zone < tg_policy_zone_count(policy); zone++)
        if (strcmp(tg_policy_zone(policy, zone)->name, name) == 0)
            return zone;
    return TG_ZONE_NONE;
}

static bool is_pattern_fit(const char *pattern, const char *interface)
{
    size_t len = strlen(pattern);
    return len > 0 && pattern[len - 1] == '*' && strncmp(pattern, interface, len - 1) == 0;
}

uint8_t tg_policy_zone_of_interface(const struct tg_policy *policy, const char *interface)
{
    uint8_t by_pattern = TG_ZONE_NONE;
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy); zone++) {
        const struct tg_zone *z = tg_policy_zone(policy, zone);
        for (size_t i = 0; i < z->interface_count; i++) {
            if (strcmp(z->interfaces[i], interface) == 0)
                return zone;
            if (by_pattern == TG_ZONE_NONE && is_pattern_fit(z->interfaces[i], interface))
                by_pattern = zone;
        }
    }
    return by_pattern;
}

uint8_t tg_policy_default_zone(const struct tg_policy *policy)
{
    uint8_t without = TG_ZONE_NONE, masquerading = TG_ZONE_NONE;
    size_t without_count = 0;
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy); zone++) {
        const struct tg_zone *z = tg_policy_zone(policy, zone);
        if (z->address_count == 0) {
            without = zone;
            without_count++;
        }
        if (z->masquerade && masquerading == TG_ZONE_NONE)
            masquerading = zone;
    }
    return without_count == 1 ? without : masquerading;
}

size_t tg_policy_statement_count(const struct tg_policy *policy)
{
    return policy->statements.count;
}

const struct tg_statement *tg_policy_statement(const struct tg_policy *policy, uint32_t number)
{
    return number < policy->statements.count ? &policy->statements.items[number] : NULL;
}

uint32_t tg_policy_connections(const struct tg_policy *policy)
{
    return policy->connections;
}

bool tg_policy_needs_minute(const struct tg_policy *policy)
{
    return policy_needs(policy).during;
}

bool tg_policy_needs_mac(const struct tg_policy *policy)
{
    return policy_needs(policy).mac;
}

bool tg_policy_needs_order(const struct tg_policy *policy)
{
    const struct policy_knock *knock;
    for (size_t i = 0; (knock = policy_knock(policy, i)) != NULL; i++)
        for (size_t step = 1; step < knock->count; step++)
            if (knock->steps[step].proto != knock->steps[0].proto)
                return true;
    return false;
}

bool tg_policy_outside_address(const struct tg_policy *policy, size_t i, struct tg_range *range)
{
    for (size_t at = 0; at < policy->translations.count; at++) {
        const struct policy_translation *t = &policy->translations.items[at];
        if (t->itself)
            continue;
        if (i-- == 0) {
            *range = (struct tg_range){t->first, t->last, TG_IPV4};
            return true;
        }
    }
    return false;
}

const struct policy_nat *policy_nat(const struct tg_policy *policy)
{
    return &policy->nat;
}

uint32_t policy_timeout(const struct tg_policy *policy, enum policy_timer timer)
{
    if (policy->timeouts[timer] == 0) /* TCP's opening and closing, if they are not set apart */
        return policy->timeouts[POLICY_TCP_TRANSITORY];
    return policy->timeouts[timer];
}

bool policy_has_pickup(const struct tg_policy *policy)
{
    return policy->pickup;
}

const struct policy_detect *policy_detect(const struct tg_policy *policy, size_t i)
{
    return i < policy->detects.count ? &policy->detects.items[i] : NULL;
}

const struct policy_helper *policy_helper(const struct tg_policy *policy, size_t i)
{
    return i < policy->helpers.count ? &policy->helpers.items[i] : NULL;
}

enum helper_kind policy_helper_for(const struct tg_policy *policy, uint8_t proto, uint16_t port)
{
    for (size_t i = 0; i < policy->helpers.count; i++) {
        const struct policy_helper *helper = &policy->helpers.items[i];
        if (helper->proto == proto && helper->ports.first <= port && port <= helper->ports.last)
            return (enum helper_kind)helper->kind;
    }
    return HELPER_NONE;
}

const struct policy_knock *policy_knock(const struct tg_policy *policy, size_t i)
{
    return i < policy->knocks.count ? &policy->knocks.items[i] : NULL;
}

const struct policy_translation *policy_translation(const struct tg_policy *policy, size_t i)
{
    return i < policy->translations.count ? &policy->translations.items[i] : NULL;
}

const char *policy_host_name(const struct tg_policy *policy, size_t i)
{
    return i < policy->hosts.count ? policy->hosts.items[i].name : NULL;
}

const struct policy_expectation *policy_expectation(const struct tg_policy *policy, size_t i)
{
    return i < policy->expectations.count ? &policy->expectations.items[i] : NULL;
}

bool policy_host(const struct tg_policy *policy, const char *name, uint8_t family, struct tg_addr *addr)
{
    for (size_t i = 0; i < policy->hosts.count; i++) {
        const struct named_host *host = &policy->hosts.items[i];
        if (strcmp(host->name, name) == 0 && (family == TG_IPV4 ? host->has_v4 : host->has_v6)) {
            *addr = family == TG_IPV4 ? host->v4 : host->v6;
            return true;
        }
    }
    return false;
}

/* Whether an extra address stands in place of what the file says of this zone and family. */
static bool is_replaced(const struct tg_zone_address *extra, size_t count, uint8_t zone, uint8_t family)
{
    for (size_t i = 0; i < count; i++)
        if (extra[i].zone == zone && extra[i].prefix.family == family)
            return true;
    return false;
}

struct tg_network *tg_policy_network(const struct tg_policy *policy, const struct tg_zone_address *extra, size_t count)
{
    struct tg_network *network = tg_network_new();
    if (network == NULL)
        return NULL;
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy); zone++) {
        const struct tg_zone *z = tg_policy_zone(policy, zone);
        for (size_t i = 0; i < z->address_count; i++)
            if (!is_replaced(extra, count, zone, z->addresses[i].family) &&
                tg_network_add_address(network, zone, &z->addresses[i]) != 0)
                goto fail;
    }
    for (size_t i = 0; i < count; i++)
        if (tg_network_add_address(network, extra[i].zone, &extra[i].prefix) != 0)
            goto fail;
    uint8_t outward = tg_policy_default_zone(policy);
    if (outward != TG_ZONE_NONE && tg_network_add_default(network, outward) != 0)
        goto fail;
    tg_network_seal(network);
    return network;
fail:
    tg_network_free(network);
    return NULL;
}
