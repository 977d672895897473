#include "rules/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/services.h"
#include "rules/words.h"
#include "tidegate/packet.h"

#define ADDRESS_KINDS (NAME_HOST | NAME_SET)

/* Addresses. */

/* Complain of a set that contains itself, by way of `last`. */
static void complain_of_loop(struct compiler *compiler, const struct name *name, const struct name *last,
                             struct place place)
{
    char way[256];
    size_t len = (size_t)snprintf(way, sizeof way, "%s", name->text);
    const struct name *ways[8];
    size_t count = 0;
    for (const struct name *at = last; at != name && count < 8; at = at->within)
        ways[count++] = at;
    while (count > 0 && len < sizeof way)
        len += (size_t)snprintf(way + len, sizeof way - len, " -> %s", ways[--count]->text);
    compile_error(compiler, place, "the set '%s' contains itself: %s -> %s", name->text, way, name->text);
}

#define SETS_DEEPEST 64 /* sets of sets */

/* How many ranges the items of a list have together; names in it are resolved first. `user` is the set that they are
 * in, or NULL. */
static bool count_items(struct compiler *compiler, const struct address_item *items, struct name *user, size_t *count)
{
    char where[COMPLAINT_WHERE];
    bool good = true;
    *count = 0;
    for (const struct address_item *item = items; item != NULL; item = item->next) {
        if (item->name == NULL) {
            *count += item->file != NULL ? item->file->v4_count + item->file->v6_count : 1;
            continue;
        }
        struct name_ref ref = {item->name, item->place};
        struct name *name = names_find(&compiler->names, item->name);
        if (name != NULL && name->kind == NAME_ZONE)
            return compile_error(compiler, item->place,
                                 "'%s' is a zone (%s); a side has one zone, and behind it addresses, hosts and sets",
                                 item->name, complaint_where(name->place, where));
        name = names_want(&compiler->names, &ref, ADDRESS_KINDS, "a host, a set or an address");
        if (name != NULL && name->visiting) {
            complain_of_loop(compiler, name, user, item->place);
            good = false;
            continue;
        }
        if (name != NULL && !name->resolved)
            name->within = user;
        if (name == NULL || !resolve_name(compiler, name))
            good = false;
        else
            *count += name->addresses->count;
        if (good && user != NULL && user->level <= name->level)
            user->level = name->level + 1;
    }
    return good;
}

static void fill(struct compiler *compiler, const struct address_item *items, struct tg_range *ranges)
{
    for (const struct address_item *item = items; item != NULL; item = item->next) {
        if (item->name == NULL) {
            *ranges++ = item->range;
            continue;
        }
        const struct address_set *set = names_find(&compiler->names, item->name)->addresses;
        for (size_t i = 0; i < set->count; i++)
            *ranges++ = sets_range(set, i);
    }
}

/* The set of all that a list names. */
static bool resolve_items(struct compiler *compiler, const struct address_item *items, struct place place,
                          struct name *user, const struct address_set **set)
{
    size_t count;
    if (!count_items(compiler, items, user, &count) || items == NULL)
        return false;
    if (items->next == NULL && items->name != NULL) {
        *set = names_find(&compiler->names, items->name)->addresses;
        return true;
    }
    if (sets_full(&compiler->sets, count))
        return compile_error(compiler, place, "the lists of this file have more than %d addresses in all", SETS_MOST);
    if (items->file != NULL) { /* it stands alone */
        *set = sets_file(&compiler->sets, items->file);
        return *set != NULL;
    }
    struct tg_range *ranges = malloc((count + 1) * sizeof *ranges);
    if (ranges == NULL)
        return compile_failed(compiler);
    fill(compiler, items, ranges);
    *set = sets_addresses(&compiler->sets, ranges, count);
    free(ranges);
    return *set != NULL;
}

bool resolve_name(struct compiler *compiler, struct name *name)
{
    if (name->resolved)
        return name->addresses != NULL;
    unsigned depth = 0; /* of this call: bounded as well, wherever in a chain of sets it began */
    for (const struct name *user = name->within; user != NULL; user = user->within)
        depth++;
    name->resolved = true;
    if (name->statement->broken)
        return false;
    if (depth > SETS_DEEPEST)
        return compile_error(compiler, name->place, "sets contain each other more than %d deep", SETS_DEEPEST);
    name->visiting = true;
    bool good = resolve_items(compiler, name->statement->addresses, name->place, name, &name->addresses);
    name->visiting = false;
    if (good && name->level > SETS_DEEPEST) {
        name->addresses = NULL;
        return compile_error(compiler, name->place, "sets contain each other more than %d deep", SETS_DEEPEST);
    }
    return good;
}

bool resolve_device(struct compiler *compiler, const struct address_item *device, const char *what,
                    const struct address_set **set)
{
    struct tg_range range = device->range;
    if (device->name == NULL) {
        *set = sets_addresses(&compiler->sets, &range, 1);
        return *set != NULL;
    }
    struct name_ref ref = {device->name, device->place};
    struct name *name = names_want(&compiler->names, &ref, NAME_HOST, what);
    if (name == NULL || !resolve_name(compiler, name))
        return false;
    *set = name->addresses;
    return true;
}

static bool resolve_where(struct compiler *compiler, const struct address_list *list, struct resolved_where *resolved)
{
    if (!resolve_items(compiler, list->items, list->place, NULL, &resolved->set))
        return false;
    resolved->where = (struct policy_where){resolved->set->number, list->outside};
    resolved->families = list->outside ? SETS_BOTH : resolved->set->families;
    return true;
}

/* A lone word behind `from` or `to`: the zone of that name if there is one, or else addresses. */
static bool lone_zone(struct compiler *compiler, const struct side *side, const struct name **zone)
{
    const struct address_item *item = side->addresses.items;
    *zone = NULL;
    if (side->zone.text != NULL || side->addresses.outside || item == NULL || item->name == NULL || item->next != NULL)
        return true;
    struct name_ref ref = {item->name, item->place};
    const struct name *name = names_find(&compiler->names, item->name);
    if (name == NULL) {
        struct near near = near_to(item->name, strlen(item->name));
        near_try(&near, "router");
        near_try(&near, "any");
        near_try(&near, "port");
        names_unknown(&compiler->names, &ref, NAME_ZONE | ADDRESS_KINDS, "a zone, a host or a set", &near);
        return false;
    }
    if (name->kind == NAME_ZONE)
        *zone = name;
    return true;
}

static bool named_zone(struct compiler *compiler, const struct name_ref *ref, uint8_t *zone)
{
    if (strcmp(ref->text, "any") == 0)
        return true;
    if (strcmp(ref->text, "router") == 0) {
        *zone = TG_ZONE_ROUTER;
        return true;
    }
    const struct name *name = names_want(&compiler->names, ref, NAME_ZONE, "a zone before the addresses");
    if (name != NULL)
        *zone = name->zone;
    return name != NULL;
}

/* `from nas lan`, where `from lan nas` was meant.
 * => true if it is so: complained of */
static bool swapped(struct compiler *compiler, const struct side *side)
{
    const struct address_item *item = side->addresses.items;
    if (side->zone.text == NULL || item == NULL || item->name == NULL)
        return false;
    const struct name *first = names_find(&compiler->names, side->zone.text);
    const struct name *second = names_find(&compiler->names, item->name);
    if (first == NULL || !(first->kind & ADDRESS_KINDS) || second == NULL || second->kind != NAME_ZONE)
        return false;
    compile_error(compiler, item->place, "the zone stands first: '%s %s'", second->text, first->text);
    return true;
}

bool resolve_side(struct compiler *compiler, const struct side *side, struct resolved_side *resolved)
{
    *resolved =
        (struct resolved_side){.zone = TG_ZONE_NONE, .where = {.where = {POLICY_NONE, false}, .families = SETS_BOTH}};
    const struct name *zone;
    if (!lone_zone(compiler, side, &zone) || swapped(compiler, side))
        return false;
    if (zone != NULL) {
        resolved->zone = zone->zone;
        return true;
    }
    bool good = side->zone.text == NULL || named_zone(compiler, &side->zone, &resolved->zone);
    if (side->addresses.items != NULL)
        good &= resolve_where(compiler, &side->addresses, &resolved->where);
    return good;
}

uint8_t resolve_families(uint8_t proto)
{
    return proto == TG_PROTO_ICMP ? SETS_V4 : proto == TG_PROTO_ICMP6 ? SETS_V6 : SETS_BOTH;
}

/* Protocols and services. */

struct parts {
    struct service_port *items;
    size_t count, room;
};

static bool add_part(struct compiler *compiler, struct parts *parts, uint8_t proto, bool any_port,
                     struct policy_ports ports)
{
    struct service_port *items =
        arena_grow(compiler->arena, parts->items, parts->count, &parts->room, sizeof *parts->items);
    if (items == NULL)
        return false;
    parts->items = items;
    items[parts->count++] = (struct service_port){proto, any_port, ports};
    return true;
}

static bool add_own_service(struct compiler *compiler, struct parts *parts, const struct name *name)
{
    if (name->statement->broken)
        return false;
    for (const struct service_item *item = name->statement->parts; item != NULL; item = item->next) {
        if (!add_part(compiler, parts, item->proto, item->any_port, item->ports))
            return false;
    }
    return true;
}

static bool add_service(struct compiler *compiler, struct parts *parts, const struct proto_item *item)
{
    const char *what = "a protocol or a service";
    struct name_ref ref = {item->service, item->place};
    const struct service *service = service_named(item->service);
    struct name *own = names_find(&compiler->names, item->service);
    char where[COMPLAINT_WHERE];
    if (own != NULL && (own->kind & (NAME_ZONE | NAME_HOST | NAME_SET)))
        return compile_error(compiler, item->place, "'%s' is a %s (%s); write 'from %s'", own->text,
                             names_kind(own->kind), complaint_where(own->place, where), own->text);
    if (own != NULL) {
        own = names_want(&compiler->names, &ref, NAME_SERVICE, what);
        return own != NULL && add_own_service(compiler, parts, own);
    }
    for (size_t i = 0; service != NULL && i < SERVICE_PARTS && service->parts[i].proto != 0; i++) {
        const struct service_port *part = &service->parts[i];
        if (!add_part(compiler, parts, part->proto, part->any_port, part->ports))
            return false;
    }
    if (service != NULL)
        return true;
    struct near near = near_to(item->service, strlen(item->service));
    near_try_all(&near, words_protocols);
    near_try(&near, "from");
    near_try(&near, "any");
    service_near(&near);
    names_unknown(&compiler->names, &ref, NAME_SERVICE, what, &near);
    return false;
}

static int compare_parts(const void *a, const void *b)
{
    const struct service_port *x = a, *y = b;
    return x->proto != y->proto ? x->proto - y->proto : y->any_port - x->any_port;
}

/* One protocol's parts, which stand together, the one with any port first if there is one.
 * => how many there were, or 0 if memory ran out */
static size_t resolve_parts(struct compiler *compiler, const struct parts *parts, size_t first,
                            struct resolved_proto *resolved)
{
    size_t end = first;
    while (end < parts->count && parts->items[end].proto == parts->items[first].proto)
        end++;
    *resolved = (struct resolved_proto){.proto = parts->items[first].proto};
    if (parts->items[first].any_port)
        return end - first;
    struct policy_ports *ports = arena_take(compiler->arena, (end - first) * sizeof *ports);
    if (ports == NULL)
        return 0;
    for (size_t i = first; i < end; i++)
        ports[i - first] = parts->items[i].ports;
    resolved->ports = sets_ports(&compiler->sets, ports, end - first);
    return resolved->ports != NULL ? end - first : 0;
}

bool resolve_protos(struct compiler *compiler, const struct proto_list *list, struct resolved_protos *resolved)
{
    struct parts parts = {0};
    bool good = true;
    *resolved = (struct resolved_protos){0};
    for (const struct proto_item *item = list->items; item != NULL; item = item->next) {
        if (item->service == NULL)
            good &= add_part(compiler, &parts, item->proto, true, (struct policy_ports){0, 0});
        else
            good &= add_service(compiler, &parts, item);
        resolved->service |= item->service != NULL;
    }
    if (!good || parts.count == 0)
        return good;
    qsort(parts.items, parts.count, sizeof *parts.items, compare_parts);
    struct resolved_proto *protos = arena_take(compiler->arena, parts.count * sizeof *protos);
    if (protos == NULL)
        return false;
    for (size_t i = 0, n; i < parts.count; i += n) {
        n = resolve_parts(compiler, &parts, i, &protos[resolved->count++]);
        if (n == 0)
            return false;
    }
    resolved->protos = protos;
    return true;
}

/* Ports. */

bool resolve_port_names(struct compiler *compiler, const struct port_list *list)
{
    bool good = true;
    for (const struct port_item *item = list->items; item != NULL; item = item->next) {
        if (item->name == NULL)
            continue;
        struct name_ref ref = {item->name, item->place};
        struct name *own = names_find(&compiler->names, item->name);
        if (own != NULL) {
            own = names_want(&compiler->names, &ref, NAME_SERVICE, "a port or a service");
            good &= own != NULL && !own->statement->broken;
        } else if (service_class(item->name) == NULL && service_named(item->name) == NULL) {
            struct near near = near_to(item->name, strlen(item->name));
            service_near_class(&near);
            service_near(&near);
            names_unknown(&compiler->names, &ref, NAME_SERVICE, "a port or a service", &near);
            good = false;
        }
    }
    return good;
}

/* Add the ports that an item has for `proto`. */
static bool add_port_item(struct compiler *compiler, struct parts *parts, const struct port_item *item, uint8_t proto)
{
    const struct policy_ports *class = item->name != NULL ? service_class(item->name) : NULL;
    const struct name *own = item->name != NULL ? names_find(&compiler->names, item->name) : NULL;
    const struct service *service = item->name != NULL ? service_named(item->name) : NULL;
    bool good = true;
    if (item->name == NULL)
        return add_part(compiler, parts, proto, false, item->ports);
    if (own != NULL) {
        for (const struct service_item *part = own->statement->parts; part != NULL && good; part = part->next)
            good = part->proto != proto || add_part(compiler, parts, proto, false, part->ports);
    } else if (class != NULL) {
        good = add_part(compiler, parts, proto, false, *class);
    } else {
        for (size_t i = 0; i < SERVICE_PARTS && service->parts[i].proto != 0 && good; i++)
            good = service->parts[i].proto != proto || add_part(compiler, parts, proto, false, service->parts[i].ports);
    }
    return good;
}

bool resolve_ports(struct compiler *compiler, const struct port_list *list, uint8_t proto,
                   const struct port_set **ports)
{
    struct parts parts = {0};
    char number[WORDS_PROTOCOL], quote[COMPLAINT_QUOTE];
    const char *name = words_protocol_name(proto, number);
    if (!tg_proto_has_ports(proto))
        return compile_error(compiler, list->place, "%s has no ports", name);
    for (const struct port_item *item = list->items; item != NULL; item = item->next) {
        if (!add_port_item(compiler, &parts, item, proto))
            return false;
    }
    if (parts.count == 0)
        return compile_error(compiler, list->place, "'%s' has no port of %s; leave %s out, or write the number",
                             complaint_quote(list->place, quote), name, name);
    if (sets_full(&compiler->sets, parts.count))
        return compile_error(compiler, list->place, "the lists of this file have more than %d ports in all", SETS_MOST);
    struct resolved_proto resolved;
    if (resolve_parts(compiler, &parts, 0, &resolved) == 0)
        return false;
    *ports = resolved.ports;
    return true;
}
