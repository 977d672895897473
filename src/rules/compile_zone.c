/* Zones, and where two of them claim the same interface, address or network. */
#include "rules/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool zone_interfaces(struct compiler *compiler, const struct zone_statement *st, struct tg_zone *zone)
{
    size_t n = 0;
    for (const struct interface_item *item = st->interfaces; item != NULL; item = item->next)
        n++;
    const char **names = arena_take(compiler->arena, n * sizeof *names);
    if (names == NULL)
        return false;
    zone->interfaces = names;
    for (const struct interface_item *item = st->interfaces; item != NULL; item = item->next)
        names[zone->interface_count++] = item->name;
    return true;
}

static bool zone_addresses(struct compiler *compiler, const struct zone_statement *st, struct tg_zone *zone)
{
    size_t n = 0;
    for (const struct own_address *item = st->addresses; item != NULL; item = item->next)
        n++;
    struct tg_prefix *prefixes = arena_take(compiler->arena, n * sizeof *prefixes);
    if (prefixes == NULL)
        return false;
    zone->addresses = prefixes;
    for (const struct own_address *item = st->addresses; item != NULL; item = item->next)
        prefixes[zone->address_count++] = item->prefix;
    return true;
}

/* => false if memory ran out */
static bool add_zone(struct compiler *compiler, struct name *name, uint8_t number)
{
    const struct zone_statement *st = &name->statement->zone;
    struct tg_zone zone = {.name = name->text,
                           .masquerade = st->masquerade,
                           .mss_clamp = st->mss_clamp,
                           .open_on_failure = st->open_on_failure};
    if (!zone_interfaces(compiler, st, &zone) || !zone_addresses(compiler, st, &zone))
        return false;
    if (policy_add_zone(compiler->policy, &zone) != 0)
        return compile_failed(compiler);
    name->zone = number;
    return true;
}

/* What a zone says that only one zone can. */
struct fact {
    const struct name *zone;
    struct place place;
    const char *interface; /* or NULL: `own` */
    const struct tg_prefix *own;
    size_t order;
};

static int compare_values(const struct fact *a, const struct fact *b, bool by_network)
{
    if (a->interface != NULL)
        return strcmp(a->interface, b->interface);
    if (a->own->family != b->own->family)
        return a->own->family < b->own->family ? -1 : 1;
    if (!by_network)
        return tg_addr_compare(a->own->addr, b->own->addr);
    int order = tg_addr_compare(tg_prefix_range(a->own).first, tg_prefix_range(b->own).first);
    return order != 0 ? order : (int)a->own->len - (int)b->own->len;
}

static int compare_plain(const void *a, const void *b)
{
    const struct fact *x = a, *y = b;
    int order = compare_values(x, y, false);
    return order != 0 ? order : x->order < y->order ? -1 : x->order > y->order;
}

static int compare_networks(const void *a, const void *b)
{
    const struct fact *x = a, *y = b;
    int order = compare_values(x, y, true);
    return order != 0 ? order : x->order < y->order ? -1 : x->order > y->order;
}

/* Put facts in order, and complain of each that another has stated before: by any zone, or (`by_network`) by another.
 */
static void find_clashes(struct compiler *compiler, struct fact *facts, size_t count, bool by_network, const char *what)
{
    char where[COMPLAINT_WHERE];
    qsort(facts, count, sizeof *facts, by_network ? compare_networks : compare_plain);
    for (size_t i = 1, first = 0; i < count; i++) {
        if (compare_values(&facts[first], &facts[i], by_network) != 0)
            first = i;
        else if (!by_network ||
                 (facts[first].zone != facts[i].zone && !tg_addr_equal(facts[first].own->addr, facts[i].own->addr)))
            compile_error(compiler, facts[i].place, "%s is already that of zone '%s' (%s)", what,
                          facts[first].zone->text, complaint_where(facts[first].place, where));
    }
}

/* Collect what zones say: of their interfaces, or of their addresses but link-local ones, which each zone has. */
static size_t collect(const struct compiler *compiler, bool interfaces, struct fact *facts)
{
    size_t n = 0;
    for (const struct name *name = compiler->names.first; name != NULL; name = name->next) {
        if (name->kind != NAME_ZONE)
            continue;
        const struct zone_statement *st = &name->statement->zone;
        for (const struct interface_item *item = st->interfaces; interfaces && item != NULL; item = item->next, n++) {
            if (facts != NULL)
                facts[n] = (struct fact){name, item->place, item->name, NULL, n};
        }
        for (const struct own_address *item = st->addresses; !interfaces && item != NULL; item = item->next) {
            if (tg_addr_is_link_local(item->prefix.family, item->prefix.addr))
                continue;
            if (facts != NULL)
                facts[n] = (struct fact){name, item->place, NULL, &item->prefix, n};
            n++;
        }
    }
    return n;
}

/* => false if memory ran out */
static bool check_facts(struct compiler *compiler, bool interfaces)
{
    size_t count = collect(compiler, interfaces, NULL);
    struct fact *facts = malloc((count + 1) * sizeof *facts);
    if (facts == NULL)
        return compile_failed(compiler);
    collect(compiler, interfaces, facts);
    if (interfaces) {
        find_clashes(compiler, facts, count, false, "this interface");
    } else {
        find_clashes(compiler, facts, count, false, "this address");
        find_clashes(compiler, facts, count, true, "the network of this address");
    }
    free(facts);
    return true;
}

bool compile_zones(struct compiler *compiler)
{
    unsigned number = TG_ZONE_FIRST;
    for (struct name *name = compiler->names.first; name != NULL; name = name->next) {
        if (name->kind != NAME_ZONE || name->statement->broken)
            continue;
        if (number >= TG_ZONE_MAX) {
            compile_error(compiler, name->place, "there may be %d zones, and this is one more",
                          TG_ZONE_MAX - TG_ZONE_FIRST);
            break;
        }
        if (!add_zone(compiler, name, (uint8_t)number++))
            return false;
    }
    return check_facts(compiler, true) && check_facts(compiler, false);
}
