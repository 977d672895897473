/* From a policy to what the hooks must know of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live/hooks.h"

/* ---- addresses ---- */

static int add_own(struct hooks_plan *plan, uint32_t first, uint8_t len)
{
    struct tg_prefix prefix = {.addr = tg_ipv4(first), .family = TG_IPV4, .len = len};
    for (size_t i = 0; i < plan->own_count; i++)
        if (plan->own[i].len == len && tg_addr_equal(plan->own[i].addr, prefix.addr))
            return 0;
    if (plan->own_count == plan->own_room) {
        size_t room = plan->own_room == 0 ? 8 : plan->own_room * 2;
        struct tg_prefix *own = realloc(plan->own, room * sizeof *own);
        if (own == NULL)
            return -ENOMEM;
        plan->own = own;
        plan->own_room = room;
    }
    plan->own[plan->own_count++] = prefix;
    return 0;
}

/* Prefixes, since not every machine's packet filter knows ranges: from the first address on the largest network that
 * begins there and does not go too far, again and again. */
static int add_range(struct hooks_plan *plan, uint32_t first, uint32_t last)
{
    int error = 0;
    for (uint64_t at = first; at <= last && error == 0;) {
        uint64_t size = 1;
        uint8_t len = 32;
        while (len > 0 && at % (size * 2) == 0 && at + size * 2 - 1 <= last) {
            size *= 2;
            len--;
        }
        error = add_own(plan, (uint32_t)at, len);
        at += size;
    }
    return error;
}

static int gather_own(struct hooks_plan *plan, const struct tg_policy *policy)
{
    struct tg_range range;
    int error = 0;
    for (uint8_t number = 0; number < tg_policy_zone_count(policy); number++) {
        const struct tg_zone *zone = tg_policy_zone(policy, number);
        for (size_t i = 0; zone != NULL && i < zone->address_count && error == 0; i++)
            if (zone->addresses[i].family == TG_IPV4)
                error = add_own(plan, (uint32_t)zone->addresses[i].addr.lo, 32);
    }
    for (size_t i = 0; error == 0 && tg_policy_outside_address(policy, i, &range); i++)
        error = add_range(plan, (uint32_t)range.first.lo, (uint32_t)range.last.lo);
    return error;
}

/* ---- interfaces ---- */

static bool is_pattern(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && name[len - 1] == '*';
}

/* As tg_policy_zone_of_interface() finds them: names before patterns, patterns in the order of the file. */
static int gather_interfaces(struct hooks_plan *plan, const struct tg_policy *policy)
{
    size_t room = 0;
    for (uint8_t number = 0; number < tg_policy_zone_count(policy); number++)
        if (tg_policy_zone(policy, number) != NULL)
            room += tg_policy_zone(policy, number)->interface_count;
    plan->interfaces = calloc(room + 1, sizeof *plan->interfaces);
    if (plan->interfaces == NULL)
        return -ENOMEM;
    for (int patterns = 0; patterns <= 1; patterns++)
        for (uint8_t number = 0; number < tg_policy_zone_count(policy); number++) {
            const struct tg_zone *zone = tg_policy_zone(policy, number);
            for (size_t i = 0; zone != NULL && i < zone->interface_count; i++)
                if (is_pattern(zone->interfaces[i]) == patterns)
                    plan->interfaces[plan->interface_count++] =
                        (struct hooks_interface){zone->interfaces[i], zone->open_on_failure};
        }
    while (plan->interface_count > 0 && !plan->interfaces[plan->interface_count - 1].open)
        plan->interface_count--; /* what comes after the last open one is closed anyway */
    return 0;
}

int hooks_plan_make(struct hooks_plan *plan, const struct tg_policy *policy, uint16_t first, unsigned queues)
{
    *plan = (struct hooks_plan){.queues = queues, .is_ordered = tg_policy_needs_order(policy)};
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++)
        plan->first[kind] = (uint16_t)(first + kind * queues); /* QUEUE_OPENING is the last */
    int error = gather_own(plan, policy);
    return error != 0 ? error : gather_interfaces(plan, policy);
}

void hooks_plan_free(struct hooks_plan *plan)
{
    free(plan->own);
    free(plan->interfaces);
    *plan = (struct hooks_plan){.queues = 0};
}
