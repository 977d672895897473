/* Zones, and the defaults that they have in common. */
#include "import/inside.h"

#include <string.h>

#include "import/match.h"
#include "import/options.h"
#include "rules/words.h"

#define INTERFACE_LONGEST 15 /* the kernel's IFNAMSIZ, without the closing 0 */

static enum value_target policy_of(const struct uci_section *section, const char *name, enum value_target unset)
{
    const char *text = section != NULL ? uci_text(section, name) : NULL;
    enum value_target policy = unset;
    if (text != NULL)
        value_policy(text, &policy);
    return policy;
}

/* Defaults. */

/* Switches of the defaults that change nothing here, or that no rules file has. */
static void default_switches(struct importer *importer, const struct uci_section *s)
{
    if (options_bool(s, "syn_flood", false) || options_bool(s, "synflood_protect", false))
        import_note(importer,
                    "syn_flood: the table of connections has a fixed room, and half-open ones leave it by themselves.");
    static const char *const rates[] = {"synflood_rate", "synflood_burst", NULL};
    for (size_t i = 0; rates[i] != NULL; i++) {
        if (uci_option(s, rates[i]) != NULL)
            import_lost(importer, rates[i], ": new connections to the router have no rate of their own");
    }
    if (options_bool(s, "drop_invalid", false) || options_bool(s, "drop_invalid_early", false))
        import_note(importer, "drop_invalid: what belongs to no connection and can begin none is always dropped.");
    static const char *const offload[] = {"flow_offloading", "flow_offloading_hw", "flow_offloading_related", NULL};
    for (size_t i = 0; offload[i] != NULL; i++) {
        if (options_bool(s, offload[i], false))
            import_lost(importer, offload[i],
                        ": packets that the kernel forwards by itself are not seen here; "
                        "switch it off");
    }
    static const char *const kernel[] = {"accept_redirects", "accept_source_route", "tcp_ecn",
                                         "tcp_syncookies",   "tcp_window_scaling",  NULL};
    for (size_t i = 0; kernel[i] != NULL; i++) {
        if (uci_option(s, kernel[i]) != NULL)
            import_lost(importer, kernel[i], ": it is a setting of the kernel; put it in /etc/sysctl.conf");
    }
    const char *tcp = uci_text(s, "tcp_reject_code"), *any = uci_text(s, "any_reject_code");
    if (tcp != NULL && !value_begins(tcp, "tcp-reset"))
        import_lost(importer, "tcp_reject_code", ": rejected TCP is answered with a reset");
    if (any != NULL && !value_begins(any, "port-unreachable"))
        import_lost(importer, "any_reject_code", ": what `reject` answers is fixed");
    if (uci_option(s, "auto_helper") != NULL && options_bool(s, "auto_helper", true))
        import_lost(importer, "auto_helper", ": helpers are on where a rules file has a `helper`");
}

void import_defaults(struct importer *importer)
{
    const struct uci_section *first = NULL;
    importer->input = importer->output = importer->forward = TARGET_DROP;
    for (const struct uci_section *s = importer->firewall.sections; s != NULL; s = s->next) {
        if (strcmp(s->type, "defaults") != 0)
            continue;
        import_begin_section(importer, s);
        if (first != NULL) {
            import_ignored(importer, NULL, "there is another such section before; firewall4 skips this one");
        } else if (options_pass(importer, s)) {
            first = s;
            importer->input = policy_of(s, "input", TARGET_DROP);
            importer->output = policy_of(s, "output", TARGET_DROP);
            importer->forward = policy_of(s, "forward", TARGET_DROP);
            import_note(importer, "Its policies for input, output and forward stand at the end of the three parts.");
            default_switches(importer, s);
        }
        import_end_section(importer, CHAPTER_SETTINGS);
    }
}

/* Interfaces. */

/* => the zone that has this interface, or NULL */
static const struct import_zone *owner(const struct importer *importer, const char *name)
{
    for (const struct import_zone *zone = importer->zones; zone != NULL; zone = zone->next) {
        for (const struct import_interface *i = zone->interfaces; i != NULL; i = i->next) {
            if (strcmp(i->name, name) == 0)
                return zone;
        }
    }
    return NULL;
}

static bool is_interface(const char *name)
{
    struct text text = {.bytes = name, .len = (uint32_t)strlen(name)};
    for (const char *s = name; *s != '\0'; s++) {
        if (*s <= ' ' || *s > '~' || strchr("/:,=\"#\\", *s) != NULL || (*s == '*' && s[1] != '\0'))
            return false;
    }
    return text.len > 0 && text.len <= INTERFACE_LONGEST + (name[text.len - 1] == '*' ? 1U : 0U) &&
           !words_reserved((struct place){&text, 0, text.len});
}

static void add_interface(struct importer *importer, struct import_zone *zone, const char *option, const char *name)
{
    const struct import_zone *other = owner(importer, name);
    if (other == zone)
        return;
    if (other != NULL) {
        import_ignored(importer, option, "names '%s', which zone '%s' has already; firewall4 takes the first",
                       import_plain(importer, name, 60), other->name);
        return;
    }
    if (!is_interface(name)) {
        import_lost(importer, option, ": '%s' is no name of an interface", import_plain(importer, name, 60));
        return;
    }
    struct import_interface **tail = &zone->interfaces, *added = arena_take(&importer->arena, sizeof *added);
    if (added == NULL)
        return;
    while (*tail != NULL)
        tail = &(*tail)->next;
    added->name = name;
    *tail = added;
}

/* Whether the router can have this address on a zone, beside all others. */
static bool is_own(const struct importer *importer, const struct import_zone *zone, const struct tg_prefix *own)
{
    struct tg_range net = tg_prefix_range(own);
    bool edges = own->family == TG_IPV4 && own->len < 31;
    if (tg_addr_is_group(own->family, own->addr) || tg_addr_is_unspecified(own->addr) ||
        (edges && (tg_addr_equal(own->addr, net.first) || tg_addr_equal(own->addr, net.last))))
        return false;
    for (const struct import_zone *other = importer->zones; other != NULL; other = other->next) {
        for (const struct import_address *a = other->addresses; a != NULL; a = a->next) {
            bool same_net = a->prefix.len == own->len && tg_addr_equal(tg_prefix_range(&a->prefix).first, net.first);
            if (a->prefix.family == own->family &&
                (tg_addr_equal(a->prefix.addr, own->addr) || (same_net && other != zone)))
                return false;
        }
    }
    return true;
}

static void add_network(struct importer *importer, struct import_zone *zone, const char *name)
{
    struct import_network network;
    if (!importer->has_network) {
        importer->guessed = true;
        add_interface(importer, zone, "network", name);
        return;
    }
    if (!import_network(importer, name, &network)) {
        import_ignored(importer, "network", "names '%s', and there is no such network; firewall4 passes over it",
                       import_plain(importer, name, 60));
        return;
    }
    if (network.interface != NULL) {
        add_interface(importer, zone, "network", network.interface);
    } else {
        importer->guessed = true;
        add_interface(importer, zone, "network", name);
    }
    struct import_address **tail = &zone->addresses;
    for (struct import_address *a = network.addresses, *next; a != NULL; a = next) {
        next = a->next;
        if (!is_own(importer, zone, &a->prefix)) {
            char text[TG_ADDR_TEXT];
            import_lost(importer, "network", ": the address %s of network '%s' cannot be the router's own",
                        tg_addr_format(a->prefix.family, a->prefix.addr, text), import_plain(importer, name, 60));
            continue;
        }
        while (*tail != NULL)
            tail = &(*tail)->next;
        a->next = NULL;
        *tail = a;
    }
}

static void zone_interfaces(struct importer *importer, struct import_zone *zone)
{
    const struct uci_section *s = zone->section;
    bool invert;
    for (const struct uci_value *v = options_values(importer, s, "network"); v != NULL; v = v->next) {
        const char *name = value_bare(v->text, &invert);
        if (invert)
            import_lost(importer, "network", ": a zone has interfaces, and '%s' says which it has not",
                        import_plain(importer, v->text, 60));
        else
            add_network(importer, zone, name);
    }
    for (const struct uci_value *v = options_values(importer, s, "device"); v != NULL; v = v->next) {
        const char *name = value_bare(v->text, &invert);
        size_t len = strlen(name);
        if (invert || strcmp(name, "*") == 0 || strcmp(name, "+") == 0) {
            import_lost(importer, "device", ": a zone names its interfaces, and '%s' does not",
                        import_plain(importer, v->text, 60));
            continue;
        }
        char *copy = arena_text(&importer->arena, name, len);
        if (copy != NULL && name[len - 1] == '+')
            copy[len - 1] = '*';
        if (copy != NULL)
            add_interface(importer, zone, "device", copy);
    }
}

/* Zones. */

static void write_zone(struct importer *importer, const struct import_zone *zone)
{
    struct buffer line = {0};
    buffer_print(&line, "zone %s on ", zone->name);
    for (const struct import_interface *i = zone->interfaces; i != NULL; i = i->next)
        buffer_print(&line, "%s%s", i == zone->interfaces ? "" : ", ", i->name);
    for (const struct import_address *a = zone->addresses; a != NULL; a = a->next) {
        char text[TG_ADDR_TEXT];
        buffer_print(&line, "%s%s/%u", a == zone->addresses ? " address " : ", ",
                     tg_addr_format(a->prefix.family, a->prefix.addr, text), a->prefix.len);
    }
    if (zone->masquerade)
        buffer_print(&line, " masquerade");
    if (options_bool(zone->section, "mtu_fix", false))
        buffer_print(&line, " mss-clamp");
    importer->statements.failed |= line.failed;
    import_statement(importer, "%s", buffer_text(&line));
    buffer_free(&line);
}

/* What firewall4 does for a zone and no rules file says. */
static void zone_switches(struct importer *importer, const struct uci_section *s)
{
    const char *log = uci_text(s, "log");
    if (options_bool(s, "masq6", false))
        import_lost(importer, "masq6", ": IPv6 is not masqueraded");
    if (options_bool(s, "masq_allow_invalid", false))
        import_lost(importer, "masq_allow_invalid",
                    ": what belongs to no connection is never let out by a zone that masquerades");
    if (log != NULL && strcmp(log, "0") != 0)
        import_lost(importer, "log", ": it is single rules that write to the log");
    if (uci_option(s, "log_limit") != NULL)
        import_lost(importer, "log_limit", ": it is single rules that write to the log");
    if (uci_option(s, "helper") != NULL)
        import_lost(importer, "helper", ": a `helper` is for all zones");
    if (uci_option(s, "auto_helper") != NULL && options_bool(s, "auto_helper", true))
        import_lost(importer, "auto_helper", ": helpers are on where a rules file has a `helper`");
    if (uci_option(s, "subnet") != NULL)
        import_lost(importer, "subnet", ": a zone has all that comes by its interfaces");
}

/* `masq_src` and `masq_dest`: what they do not name keeps its source. */
static void masquerade_limits(struct importer *importer, const struct import_zone *zone)
{
    static const char *const options[] = {"masq_src", "masq_dest"};
    for (size_t i = 0; i < 2; i++) {
        struct match_side side;
        if (!zone->masquerade || uci_option(zone->section, options[i]) == NULL ||
            !match_side(importer, options[i], FAMILY_V4, &side))
            continue;
        match_invert(importer, &side);
        if (i == 0)
            import_statement(importer, "translate from any %s to %s as itself", side.text, zone->name);
        else
            import_statement(importer, "translate from any to %s %s as itself", zone->name, side.text);
    }
}

static void fill_zone(struct importer *importer, struct import_zone *zone)
{
    const struct uci_section *s = zone->section;
    zone->uci_name = uci_text(s, "name");
    zone->name = import_name(importer, zone->uci_name, "zone");
    zone->families = FAMILY_BOTH;
    if (uci_option(s, "family") != NULL)
        value_family(uci_text(s, "family"), &zone->families);
    zone->masquerade = options_bool(s, "masq", false);
    zone->input = policy_of(s, "input", importer->input);
    zone->output = policy_of(s, "output", importer->output);
    zone->forward = policy_of(s, "forward", importer->forward);
}

static void one_zone(struct importer *importer, const struct uci_section *s)
{
    struct import_zone *zone, **tail = &importer->zones;
    const char *name = uci_text(s, "name");
    if (!options_pass(importer, s))
        return;
    if (import_zone(importer, name) != NULL) {
        import_lost(importer, NULL, ": there is a zone '%s' already", import_plain(importer, name, 60));
        return;
    }
    zone = arena_take(&importer->arena, sizeof *zone);
    if (zone == NULL)
        return;
    zone->section = s;
    fill_zone(importer, zone);
    if (zone->name == NULL)
        return;
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = zone;
    zone_interfaces(importer, zone);
    zone_switches(importer, s);
    zone->empty = zone->interfaces == NULL;
    if (zone->empty)
        import_note(importer, "It has no interface: nothing ever comes from it or goes to it.");
    else
        write_zone(importer, zone);
}

/* Limits of masquerading stand below all zones, behind the translations that come before it. */
static void limits_of_zones(struct importer *importer)
{
    for (const struct import_zone *zone = importer->zones; zone != NULL; zone = zone->next) {
        if (zone->empty)
            continue;
        import_begin_section(importer, zone->section);
        masquerade_limits(importer, zone);
        if (importer->statements.len > 0 || importer->notes.len > 0)
            import_end_section(importer, CHAPTER_MASQUERADE);
    }
}

void import_zones(struct importer *importer)
{
    for (const struct uci_section *s = importer->firewall.sections; s != NULL; s = s->next) {
        if (strcmp(s->type, "zone") != 0)
            continue;
        import_begin_section(importer, s);
        one_zone(importer, s);
        import_end_section(importer, CHAPTER_ZONES);
    }
    importer->ipv4 = import_name(importer, "ipv4", "all");
    importer->ipv6 = import_name(importer, "ipv6", "all");
    limits_of_zones(importer);
}
