/* Warnings about a file that is right, and yet looks as if something had been forgotten. */
#include "rules/compile.h"

#include "tidegate/network.h"

/* Whether the networks behind all zones are known in a family: those of the zone that the default route is in are not
 * wanted, for everything else is behind it. */
static bool networks_known(const struct tg_policy *policy, uint8_t family)
{
    uint8_t rest = tg_policy_default_zone(policy);
    for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(policy); i++) {
        const struct tg_zone *zone = tg_policy_zone(policy, i);
        bool known = i == rest;
        for (size_t j = 0; j < zone->address_count; j++)
            known |= zone->addresses[j].family == family;
        if (!known)
            return false;
    }
    return true;
}

static bool is_behind_zone(const struct tg_policy *policy, uint8_t family, struct tg_addr addr)
{
    for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(policy); i++) {
        const struct tg_zone *zone = tg_policy_zone(policy, i);
        for (size_t j = 0; j < zone->address_count; j++) {
            if (tg_prefix_holds(&zone->addresses[j], family, addr))
                return true;
        }
    }
    return false;
}

static void advise_host(struct compiler *compiler, struct place place, const struct tg_range *range)
{
    char text[TG_ADDR_TEXT];
    if (networks_known(compiler->policy, range->family) &&
        !is_behind_zone(compiler->policy, range->family, range->first))
        complain(compiler->complaints, TG_WARNING, place,
                 "%s is in no network of a zone: nobody would get what is sent there",
                 tg_addr_format(range->family, range->first, text));
}

/* Whether `addr` is an address of the router on a zone whose IPv4 addresses are in the file, or may be. */
static bool may_be_own(const struct tg_policy *policy, struct tg_addr addr)
{
    bool all_known = true;
    for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(policy); i++) {
        const struct tg_zone *zone = tg_policy_zone(policy, i);
        bool known = false;
        for (size_t j = 0; j < zone->address_count; j++) {
            known |= zone->addresses[j].family == TG_IPV4;
            if (zone->addresses[j].family == TG_IPV4 && tg_addr_equal(zone->addresses[j].addr, addr))
                return true;
        }
        all_known &= known;
    }
    return !all_known;
}

static void advise_forward(void *context, const struct statement *st)
{
    struct compiler *compiler = context;
    if (st->kind != STATEMENT_FORWARD)
        return;
    const struct forward_statement *forward = &st->forward;
    const struct address_item *host = forward->host;
    if (host->name == NULL) {
        advise_host(compiler, host->place, &host->range);
    } else {
        const struct address_set *set = names_find(&compiler->names, host->name)->addresses;
        for (size_t i = 0; i < set->count; i++)
            advise_host(compiler, host->place, &set->ranges[i]);
    }
    if (forward->at.len > 0 && !may_be_own(compiler->policy, forward->at_addr))
        complain(compiler->complaints, TG_WARNING, forward->at, "no zone says that this is an address of the router");
}

/* Names of included files are a collection to choose from; zones have their effect by being there. */
static void advise_names(struct compiler *compiler)
{
    for (const struct name *name = compiler->names.first; name != NULL; name = name->next) {
        if (!name->used && name->kind != NAME_ZONE && name->place.text == compiler->tree->root.text)
            complain(compiler->complaints, TG_WARNING, name->place, "the %s '%s' is not used", names_kind(name->kind),
                     name->text);
    }
}

void compile_advise(struct compiler *compiler)
{
    if (!compiler->from_router)
        complain_of_file(compiler->complaints, TG_WARNING, compiler->tree->root.text->path,
                         "nothing allows the router's own connections; 'allow from router' does");
    advise_names(compiler);
    tree_walk(&compiler->tree->root, advise_forward, compiler);
}
