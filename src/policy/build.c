/* Building a policy, and taking it down. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/boxes.h"
#include "policy/doors.h"
#include "policy/inside.h"
#include "policy/ranges.h"

/* Make room for one more of `size` bytes.
 * => 0, or -ENOMEM */
static int grow(void **items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return 0;
    size_t more = *room == 0 ? 8 : *room * 2;
    void *moved = realloc(*items, more * size);
    if (moved == NULL)
        return -ENOMEM;
    *items = moved;
    *room = more;
    return 0;
}

#define APPEND(array, item)                                                                                            \
    (grow((void **)&(array).items, (array).count, &(array).room, sizeof *(array).items) == 0                           \
         ? ((array).items[(array).count++] = (item), 0)                                                                \
         : -ENOMEM)

struct tg_policy *policy_new(void)
{
    struct tg_policy *policy = calloc(1, sizeof *policy);
    if (policy == NULL)
        return NULL;
    policy->fallback = TG_DROP;
    const struct policy_nat_of strict = {POLICY_ENDPOINT_INDEPENDENT, POLICY_ADDRESS_AND_PORT_DEPENDENT};
    policy->nat = (struct policy_nat){.tcp = strict, .udp = strict, .ports = {0, UINT16_MAX}};
    static const uint32_t timeouts[POLICY_TIMERS] = {
        [POLICY_TCP_ESTABLISHED] = 7440,
        [POLICY_TCP_TRANSITORY] = 240,
        [POLICY_UDP_NEW] = 120,
        [POLICY_UDP_STREAM] = 300,
        [POLICY_ICMP] = 60,
        [POLICY_OTHER] = 600,
    };
    memcpy(policy->timeouts, timeouts, sizeof timeouts);
    return policy;
}

static void free_zone(struct tg_zone *zone)
{
    char **names = (char **)(uintptr_t)zone->interfaces; /* const for readers, ours here */
    for (size_t i = 0; names != NULL && i < zone->interface_count; i++)
        free(names[i]);
    free(names);
    free((void *)(uintptr_t)zone->name);
    free((void *)(uintptr_t)zone->addresses);
}

static void free_statement(struct tg_statement *statement)
{
    free((void *)(uintptr_t)statement->file);
    free((void *)(uintptr_t)statement->text);
    free((void *)(uintptr_t)statement->label);
    free((void *)(uintptr_t)statement->log);
}

static void free_expectation(struct policy_expectation *expectation)
{
    free((void *)(uintptr_t)expectation->place.file);
    free((void *)(uintptr_t)expectation->place.source);
    free((void *)(uintptr_t)expectation->words);
}

void tg_policy_free(struct tg_policy *policy)
{
    if (policy == NULL)
        return;
    for (size_t i = 0; i < policy->zones.count; i++)
        free_zone(&policy->zones.items[i]);
    for (size_t i = 0; i < policy->statements.count; i++)
        free_statement(&policy->statements.items[i]);
    for (size_t i = 0; i < policy->address_sets.count; i++) {
        free(policy->address_sets.items[i].v4);
        free(policy->address_sets.items[i].v6);
        free(policy->address_sets.items[i].v4_index);
    }
    for (size_t i = 0; i < policy->port_sets.count; i++)
        free(policy->port_sets.items[i].ranges);
    for (size_t i = 0; i < policy->hosts.count; i++)
        free(policy->hosts.items[i].name);
    for (size_t i = 0; i < policy->expectations.count; i++)
        free_expectation(&policy->expectations.items[i]);
    for (size_t i = 0; i < policy->minute_sets.count; i++)
        free(policy->minute_sets.items[i].spans);
    for (size_t i = 0; i < policy->mac_sets.count; i++)
        free(policy->mac_sets.items[i].macs);
    for (size_t i = 0; i < policy->knocks.count; i++)
        free((void *)(uintptr_t)policy->knocks.items[i].name);
    free(policy->zones.items);
    free(policy->statements.items);
    free(policy->address_sets.items);
    free(policy->port_sets.items);
    free(policy->limits.items);
    free(policy->minute_sets.items);
    free(policy->mac_sets.items);
    free(policy->rules.items);
    free(policy->forwards.items);
    free(policy->hosts.items);
    free(policy->expectations.items);
    free(policy->translations.items);
    free(policy->detects.items);
    free(policy->knocks.items);
    free(policy->helpers.items);
    boxes_free(policy->boxes);
    doors_free(policy->doors);
    free(policy);
}

int policy_add_zone(struct tg_policy *policy, const struct tg_zone *zone)
{
    if (policy->zones.count >= TG_ZONE_MAX - TG_ZONE_FIRST)
        return -ENOSPC;
    struct tg_zone copy = *zone;
    char **names = calloc(zone->interface_count + 1, sizeof *names);
    struct tg_prefix *addresses = calloc(zone->address_count + 1, sizeof *addresses);
    copy.name = strdup(zone->name);
    copy.interfaces = (const char *const *)names;
    copy.addresses = addresses;
    bool failed = names == NULL || addresses == NULL || copy.name == NULL;
    for (size_t i = 0; !failed && i < zone->interface_count; i++)
        failed = (names[i] = strdup(zone->interfaces[i])) == NULL;
    if (!failed && zone->address_count != 0)
        memcpy(addresses, zone->addresses, zone->address_count * sizeof *addresses);
    if (!failed && APPEND(policy->zones, copy) == 0)
        return 0;
    free_zone(&copy);
    return -ENOMEM;
}

int policy_add_statement(struct tg_policy *policy, const struct tg_statement *statement, uint32_t *number)
{
    struct tg_statement copy = *statement;
    copy.file = strdup(statement->file);
    copy.text = strdup(statement->text);
    copy.label = statement->label == NULL ? NULL : strdup(statement->label);
    copy.log = statement->log == NULL ? NULL : strdup(statement->log);
    bool failed = copy.file == NULL || copy.text == NULL || (copy.label == NULL && statement->label != NULL) ||
                  (copy.log == NULL && statement->log != NULL);
    if (failed || APPEND(policy->statements, copy) != 0) {
        free_statement(&copy);
        return -ENOMEM;
    }
    *number = (uint32_t)(policy->statements.count - 1);
    return 0;
}

static int compare_ports(const void *a, const void *b)
{
    const struct policy_ports *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* => 0, or -ENOMEM */
static int index_v4(struct address_set *set)
{
    if (set->v4_count < INDEX_FROM)
        return 0;
    set->v4_index = calloc(INDEX_COUNT, sizeof *set->v4_index);
    if (set->v4_index == NULL)
        return -ENOMEM;
    uint32_t range = 0;
    for (uint32_t upper = 0; upper < INDEX_COUNT - 1; upper++) {
        while (range < set->v4_count && set->v4[range].last < upper << 16)
            range++;
        set->v4_index[upper] = range;
    }
    set->v4_index[INDEX_COUNT - 1] = (uint32_t)set->v4_count;
    return 0;
}

int policy_add_ranges(struct tg_policy *policy, const struct policy_v4_range *v4, size_t v4_count,
                      const struct policy_v6_range *v6, size_t v6_count, uint32_t *number)
{
    struct address_set set = {.v4_count = v4_count, .v6_count = v6_count};
    set.v4 = calloc(v4_count + 1, sizeof *set.v4);
    set.v6 = calloc(v6_count + 1, sizeof *set.v6);
    if (set.v4 == NULL || set.v6 == NULL)
        goto fail;
    if (v4_count != 0)
        memcpy(set.v4, v4, v4_count * sizeof *v4);
    if (v6_count != 0)
        memcpy(set.v6, v6, v6_count * sizeof *v6);
    set.v4_count = ranges_tidy_v4(set.v4, v4_count);
    set.v6_count = ranges_tidy_v6(set.v6, v6_count);
    if (index_v4(&set) != 0 || APPEND(policy->address_sets, set) != 0)
        goto fail;
    *number = (uint32_t)(policy->address_sets.count - 1);
    return 0;
fail:
    free(set.v4);
    free(set.v6);
    free(set.v4_index);
    return -ENOMEM;
}

int policy_add_addresses(struct tg_policy *policy, const struct tg_range *ranges, size_t count, uint32_t *number)
{
    struct policy_v4_range *v4 = calloc(count + 1, sizeof *v4);
    struct policy_v6_range *v6 = calloc(count + 1, sizeof *v6);
    size_t v4_count = 0, v6_count = 0;
    int error = v4 == NULL || v6 == NULL ? -ENOMEM : 0;
    for (size_t i = 0; error == 0 && i < count; i++) {
        if (ranges[i].family == TG_IPV4)
            v4[v4_count++] = (struct policy_v4_range){(uint32_t)ranges[i].first.lo, (uint32_t)ranges[i].last.lo};
        else
            v6[v6_count++] = (struct policy_v6_range){ranges[i].first, ranges[i].last};
    }
    if (error == 0)
        error = policy_add_ranges(policy, v4, v4_count, v6, v6_count, number);
    free(v4);
    free(v6);
    return error;
}

int policy_add_ports(struct tg_policy *policy, const struct policy_ports *ports, size_t count, uint32_t *number)
{
    struct port_set set = {calloc(count + 1, sizeof *set.ranges), 0};
    if (set.ranges == NULL)
        return -ENOMEM;
    if (count != 0)
        memcpy(set.ranges, ports, count * sizeof *ports);
    qsort(set.ranges, count, sizeof *set.ranges, compare_ports);
    for (size_t i = 0; i < count; i++) {
        struct policy_ports *last = set.count == 0 ? NULL : &set.ranges[set.count - 1];
        if (last == NULL || set.ranges[i].first > last->last + 1u)
            set.ranges[set.count++] = set.ranges[i];
        else if (set.ranges[i].last > last->last)
            last->last = set.ranges[i].last;
    }
    if (APPEND(policy->port_sets, set) != 0) {
        free(set.ranges);
        return -ENOMEM;
    }
    *number = (uint32_t)(policy->port_sets.count - 1);
    return 0;
}

int policy_add_limit(struct tg_policy *policy, const struct policy_limit *limit, uint32_t *number)
{
    *number = (uint32_t)policy->limits.count;
    return APPEND(policy->limits, *limit);
}

int policy_add_minutes(struct tg_policy *policy, const struct policy_minutes *spans, size_t count, uint32_t *number)
{
    struct minute_set set = {calloc(count + 1, sizeof *set.spans), count};
    if (set.spans == NULL)
        return -ENOMEM;
    if (count != 0)
        memcpy(set.spans, spans, count * sizeof *spans);
    *number = (uint32_t)policy->minute_sets.count;
    if (APPEND(policy->minute_sets, set) == 0)
        return 0;
    free(set.spans);
    return -ENOMEM;
}

int policy_add_macs(struct tg_policy *policy, const struct policy_mac *macs, size_t count, uint32_t *number)
{
    struct mac_set set = {calloc(count + 1, sizeof *set.macs), count};
    if (set.macs == NULL)
        return -ENOMEM;
    if (count != 0)
        memcpy(set.macs, macs, count * sizeof *macs);
    *number = (uint32_t)policy->mac_sets.count;
    if (APPEND(policy->mac_sets, set) == 0)
        return 0;
    free(set.macs);
    return -ENOMEM;
}

int policy_add_rule(struct tg_policy *policy, const struct policy_rule *rule)
{
    return APPEND(policy->rules, *rule);
}

int policy_add_forward(struct tg_policy *policy, const struct policy_forward *forward)
{
    struct policy_rule rule = {
        .statement = forward->statement,
        .action = TG_ACCEPT,
        .forward = (uint32_t)policy->forwards.count,
        .family = TG_IPV4,
        .when = forward->when,
    };
    int error = APPEND(policy->forwards, *forward);
    return error != 0 || forward->is_map ? error : policy_add_rule(policy, &rule);
}

int policy_add_translation(struct tg_policy *policy, const struct policy_translation *translation)
{
    return APPEND(policy->translations, *translation);
}

int policy_add_detect(struct tg_policy *policy, const struct policy_detect *detect)
{
    return APPEND(policy->detects, *detect);
}

int policy_add_helper(struct tg_policy *policy, const struct policy_helper *helper)
{
    return APPEND(policy->helpers, *helper);
}

int policy_add_knock(struct tg_policy *policy, const struct policy_knock *knock, uint32_t *number)
{
    struct policy_knock copy = *knock;
    copy.name = strdup(knock->name);
    *number = (uint32_t)policy->knocks.count;
    if (copy.name != NULL && APPEND(policy->knocks, copy) == 0)
        return 0;
    free((void *)(uintptr_t)copy.name);
    return -ENOMEM;
}

void policy_set_nat(struct tg_policy *policy, const struct policy_nat *nat)
{
    policy->nat = *nat;
}

void policy_set_timeout(struct tg_policy *policy, enum policy_timer timer, uint32_t seconds)
{
    policy->timeouts[timer] = seconds;
}

void policy_set_connections(struct tg_policy *policy, uint32_t room)
{
    policy->connections = room;
}

void policy_set_pickup(struct tg_policy *policy)
{
    policy->pickup = true;
}

int policy_add_host(struct tg_policy *policy, const char *name, const struct tg_addr *v4, const struct tg_addr *v6)
{
    struct named_host host = {.name = strdup(name), .has_v4 = v4 != NULL, .has_v6 = v6 != NULL};
    if (v4 != NULL)
        host.v4 = *v4;
    if (v6 != NULL)
        host.v6 = *v6;
    if (host.name == NULL || APPEND(policy->hosts, host) != 0) {
        free(host.name);
        return -ENOMEM;
    }
    return 0;
}

int policy_add_expectation(struct tg_policy *policy, const struct policy_expectation *expectation)
{
    struct policy_expectation copy = *expectation;
    copy.place.file = strdup(expectation->place.file);
    copy.place.source = strdup(expectation->place.source);
    copy.words = strdup(expectation->words);
    bool failed = copy.place.file == NULL || copy.place.source == NULL || copy.words == NULL;
    if (!failed)
        copy.place.mark = copy.place.source + (expectation->place.mark - expectation->place.source);
    if (failed || APPEND(policy->expectations, copy) != 0) {
        free_expectation(&copy);
        return -ENOMEM;
    }
    return 0;
}

void policy_set_default(struct tg_policy *policy, enum tg_action action)
{
    policy->fallback = action;
}

int policy_seal(struct tg_policy *policy)
{
    boxes_free(policy->boxes);
    doors_free(policy->doors);
    policy->boxes = boxes_new(policy);
    policy->doors = doors_new(policy->forwards.items, policy->forwards.count);
    return policy->boxes != NULL && policy->doors != NULL ? 0 : -ENOMEM;
}

size_t tg_policy_size(const struct tg_policy *policy)
{
    size_t size =
        sizeof *policy + policy->zones.room * sizeof *policy->zones.items +
        policy->statements.room * sizeof *policy->statements.items + policy->rules.room * sizeof *policy->rules.items +
        policy->forwards.room * sizeof *policy->forwards.items + policy->hosts.room * sizeof *policy->hosts.items +
        policy->expectations.room * sizeof *policy->expectations.items +
        policy->limits.room * sizeof *policy->limits.items + policy->knocks.room * sizeof *policy->knocks.items +
        policy->detects.room * sizeof *policy->detects.items + policy->helpers.room * sizeof *policy->helpers.items +
        policy->translations.room * sizeof *policy->translations.items;
    for (size_t i = 0; i < policy->address_sets.count; i++) {
        const struct address_set *set = &policy->address_sets.items[i];
        size += sizeof *set + set->v4_count * sizeof *set->v4 + set->v6_count * sizeof *set->v6 +
                (set->v4_index != NULL ? INDEX_COUNT * sizeof *set->v4_index : 0);
    }
    for (size_t i = 0; i < policy->port_sets.count; i++)
        size += sizeof(struct port_set) + policy->port_sets.items[i].count * sizeof(struct policy_ports);
    for (size_t i = 0; i < policy->minute_sets.count; i++)
        size += sizeof(struct minute_set) + policy->minute_sets.items[i].count * sizeof(struct policy_minutes);
    for (size_t i = 0; i < policy->mac_sets.count; i++)
        size += sizeof(struct mac_set) + policy->mac_sets.items[i].count * sizeof(struct policy_mac);
    if (policy->boxes != NULL)
        size += boxes_size(policy->boxes);
    if (policy->doors != NULL)
        size += doors_size(policy->doors);
    return size;
}
