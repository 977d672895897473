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

/* `both`: in both families, where the device has them. */
static void advise_device(struct compiler *compiler, const struct address_item *device, bool both)
{
    if (device->name == NULL) {
        advise_host(compiler, device->place, &device->range);
        return;
    }
    const struct address_set *set = names_find(&compiler->names, device->name)->addresses;
    for (size_t i = 0; i < set->count; i++) {
        if (both || set->ranges[i].family == TG_IPV4)
            advise_host(compiler, device->place, &set->ranges[i]);
    }
}

static bool is_own(const struct tg_policy *policy, struct tg_addr addr)
{
    for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(policy); i++) {
        const struct tg_zone *zone = tg_policy_zone(policy, i);
        for (size_t j = 0; j < zone->address_count; j++) {
            if (zone->addresses[j].family == TG_IPV4 && tg_addr_equal(zone->addresses[j].addr, addr))
                return true;
        }
    }
    return false;
}

static bool is_mapped(const struct compiler *compiler, struct tg_addr addr)
{
    for (size_t i = 0; i < compiler->map_count; i++) {
        if (tg_addr_equal(compiler->maps[i].outside, addr))
            return true;
    }
    return false;
}

/* Whether `addr` is an address of the router on a zone whose IPv4 addresses are in the file, or may be. */
static bool may_be_own(const struct tg_policy *policy, struct tg_addr addr)
{
    bool all_known = true;
    for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(policy); i++) {
        const struct tg_zone *zone = tg_policy_zone(policy, i);
        bool known = false;
        for (size_t j = 0; j < zone->address_count; j++)
            known |= zone->addresses[j].family == TG_IPV4;
        all_known &= known;
    }
    return !all_known || is_own(policy, addr);
}

static void advise_forward(void *context, const struct statement *st)
{
    struct compiler *compiler = context;
    if (st->kind != STATEMENT_FORWARD)
        return;
    const struct forward_statement *forward = &st->forward;
    advise_device(compiler, forward->host, true);
    if (forward->at.len > 0 && !may_be_own(compiler->policy, forward->at_addr) &&
        !is_mapped(compiler, forward->at_addr))
        complain(compiler->complaints, TG_WARNING, forward->at, "no zone says that this is an address of the router");
}

static void advise_map(void *context, const struct statement *st)
{
    struct compiler *compiler = context;
    if (st->kind != STATEMENT_MAP)
        return;
    advise_device(compiler, st->map.host, false);
    if (is_own(compiler->policy, st->map.addr))
        complain(compiler->complaints, TG_WARNING, st->map.outside,
                 "this is an address of the router itself: whoever connects to it would reach this host instead");
}

/* Empty sets: an empty file is no error, for a list may have nothing in it today. */

static const struct name *empty_set(struct compiler *compiler, const struct address_item *item)
{
    const struct name *name = item->name != NULL ? names_find(&compiler->names, item->name) : NULL;
    return name != NULL && name->kind == NAME_SET && name->addresses->count == 0 ? name : NULL;
}

static bool is_all_empty(struct compiler *compiler, const struct address_item *items)
{
    for (const struct address_item *item = items; item != NULL; item = item->next) {
        if (empty_set(compiler, item) == NULL)
            return false;
    }
    return true;
}

/* `comes` is what an empty list comes to. */
static void advise_items(struct compiler *compiler, const struct address_item *items, const char *comes)
{
    char where[COMPLAINT_WHERE];
    if (!is_all_empty(compiler, items))
        comes = " and adds nothing here";
    for (const struct address_item *item = items; item != NULL; item = item->next) {
        const struct name *name = empty_set(compiler, item);
        if (name != NULL)
            complain(compiler->complaints, TG_WARNING, item->place, "the set '%s', of %s, has no address%s", name->text,
                     complaint_where(name->place, where), comes);
    }
}

static void advise_side(struct compiler *compiler, const struct side *side, const char *comes)
{
    advise_items(compiler, side->addresses.items,
                 side->addresses.outside ? ", and what is not in it is everybody" : comes);
}

static void advise_empty(void *context, const struct statement *st)
{
    static const char never[] = ", so this never fits";
    struct compiler *compiler = context;
    switch (st->kind) {
    case STATEMENT_RULE:
        advise_side(compiler, &st->rule.from, never);
        advise_side(compiler, &st->rule.to, never);
        break;
    case STATEMENT_TRANSLATE:
        advise_side(compiler, &st->translate.from, never);
        advise_side(compiler, &st->translate.to, never);
        break;
    case STATEMENT_FORWARD: advise_side(compiler, &st->forward.from, ", so nobody outside gets there"); break;
    case STATEMENT_DETECT: advise_side(compiler, &st->detect.from, never); break;
    case STATEMENT_KNOCK: advise_side(compiler, &st->knock.from, never); break;
    case STATEMENT_SET:
        if (!is_all_empty(compiler, st->addresses)) /* else whoever uses this set is told */
            advise_items(compiler, st->addresses, "");
        break;
    default: break;
    }
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

/* Whether an address lies in a larger or smaller network of a zone; that they are the same is an error. */
static bool is_within(const struct tg_zone *zone, const struct tg_prefix *own)
{
    for (size_t i = 0; i < zone->address_count; i++) {
        const struct tg_prefix *of = &zone->addresses[i];
        if (of->len != own->len && tg_prefix_holds(of, own->family, own->addr) && !tg_addr_equal(of->addr, own->addr))
            return true;
    }
    return false;
}

static void advise_zones(struct compiler *compiler)
{
    const struct tg_policy *policy = compiler->policy;
    for (const struct name *name = compiler->names.first; name != NULL; name = name->next) {
        const struct own_address *item = name->kind == NAME_ZONE ? name->statement->zone.addresses : NULL;
        for (; item != NULL; item = item->next)
            for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(policy); i++)
                if (i != name->zone && is_within(tg_policy_zone(policy, i), &item->prefix))
                    complain(compiler->complaints, TG_WARNING, item->place,
                             "this is in the network of zone '%s': who is on either side of it cannot be told apart",
                             tg_policy_zone(policy, i)->name);
    }
}

void compile_advise(struct compiler *compiler)
{
    if (!compiler->from_router)
        complain_of_file(compiler->complaints, TG_WARNING, compiler->tree->root.text->path,
                         "nothing allows the router's own connections; 'allow from router' does");
    advise_names(compiler); /* before the others, which look names up and so use them */
    advise_zones(compiler);
    tree_walk(&compiler->tree->root, advise_forward, compiler);
    tree_walk(&compiler->tree->root, advise_map, compiler);
    tree_walk(&compiler->tree->root, advise_empty, compiler);
    exposure_advise(&compiler->exposure, compiler->policy, compiler->complaints);
}
