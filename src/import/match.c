#include "import/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/options.h"
#include "rules/icmp.h"
#include "rules/words.h"
#include "tidegate/packet.h"

/* => a copy of what is in the buffer, which is given back */
static const char *keep(struct importer *importer, struct buffer *buffer)
{
    const char *text = arena_text(&importer->arena, buffer_text(buffer), buffer->len);
    importer->arena.failed |= buffer->failed;
    buffer_free(buffer);
    return text != NULL ? text : "";
}

/* Addresses. */

static bool add_range(struct importer *importer, struct ranges ***tail, const struct value_address *address)
{
    struct ranges *added = arena_take(&importer->arena, sizeof *added);
    if (added == NULL)
        return false;
    added->address = *address;
    **tail = added;
    *tail = &added->next;
    return true;
}

/* The networks behind the router's addresses on a network, which an option named in place of addresses. */
static bool add_network(struct importer *importer, const char *option, const char *text, struct ranges ***tail)
{
    struct import_network network;
    bool invert;
    const char *name = value_bare(text, &invert);
    if (!importer->has_network || !import_network(importer, name, &network)) {
        import_lost(importer, option, ": '%s' stands for the addresses of a network, which are not known here",
                    import_plain(importer, name, 60));
        return false;
    }
    if (network.addresses == NULL) {
        import_lost(importer, option, ": network '%s' has no fixed addresses", import_plain(importer, name, 60));
        return false;
    }
    for (const struct import_address *a = network.addresses; a != NULL; a = a->next) {
        struct value_address address = {.invert = invert, .range = tg_prefix_range(&a->prefix)};
        if (!add_range(importer, tail, &address))
            return false;
    }
    return true;
}

bool match_addresses(struct importer *importer, const char *option, const struct ranges **list)
{
    struct ranges *first = NULL, **tail = &first;
    *list = NULL;
    for (const struct uci_value *v = options_values(importer, importer->section, option); v != NULL; v = v->next) {
        struct value_address address;
        if (!value_address(v->text, &address)) {
            if (!add_network(importer, option, v->text, &tail))
                return false;
            continue;
        }
        if (address.scattered) {
            import_lost(importer, option, ": the mask of '%s' is no prefix", import_plain(importer, v->text, 60));
            return false;
        }
        if (!add_range(importer, &tail, &address))
            return false;
    }
    *list = first;
    return true;
}

/* One list for both kinds of addresses, in `families`. */
void match_list(struct importer *importer, const struct ranges *list, uint8_t families, struct match_side *side)
{
    uint8_t plain = ranges_families(list, false) & families, inverted = ranges_families(list, true) & families;
    struct buffer text = {0};
    *side = (struct match_side){.kind = SIDE_ANY, .families = FAMILY_BOTH, .text = ""};
    if (plain == 0 && inverted == 0)
        return;
    side->kind = plain == 0 ? SIDE_NOT : SIDE_LIST;
    if (plain == 0) {
        buffer_print(&text, "not ");
        ranges_write(&text, list, families, true);
    } else if (inverted == 0) {
        side->families = plain;
        ranges_write(&text, list, families, false);
    } else {
        size_t count = 0;
        side->families = 0;
        for (uint8_t family = FAMILY_V4; family <= FAMILY_V6; family++) {
            if (!((plain | inverted) & family))
                continue;
            size_t more = ranges_write_rest(&text, list, family == FAMILY_V4 ? TG_IPV4 : TG_IPV6, count > 0);
            side->families |= more > 0 ? family : 0;
            count += more;
        }
    }
    side->text = keep(importer, &text);
}

bool match_side(struct importer *importer, const char *option, uint8_t families, struct match_side *side)
{
    const struct ranges *list;
    if (!match_addresses(importer, option, &list))
        return false;
    match_list(importer, list, families, side);
    return true;
}

void match_invert(struct importer *importer, struct match_side *side)
{
    struct buffer text = {0};
    if (side->kind == SIDE_NOT)
        buffer_print(&text, "%s", side->text + strlen("not "));
    else
        buffer_print(&text, "not %s", side->text);
    side->kind = side->kind == SIDE_NOT ? SIDE_LIST : SIDE_NOT;
    side->text = keep(importer, &text);
}

/* The name of the set of all addresses of a family. */
static const char *family_set(struct importer *importer, uint8_t family)
{
    *(family == FAMILY_V4 ? &importer->ipv4_used : &importer->ipv6_used) = true;
    return family == FAMILY_V4 ? importer->ipv4 : importer->ipv6;
}

void match_restrict(struct importer *importer, struct match_side *side, uint8_t families)
{
    struct buffer text = {0};
    if (families == FAMILY_BOTH || (side->kind == SIDE_LIST && (side->families & ~families) == 0))
        return;
    if (side->kind == SIDE_NOT)
        buffer_print(&text, "%s, %s", side->text, family_set(importer, families ^ FAMILY_BOTH));
    else
        buffer_print(&text, "%s", family_set(importer, families));
    side->kind = side->kind == SIDE_NOT ? SIDE_NOT : SIDE_LIST;
    side->families = families;
    side->text = keep(importer, &text);
}

/* Ports. */

static void mark_ports(uint8_t *map, struct policy_ports ports, bool in)
{
    for (unsigned port = ports.first; port <= ports.last; port++)
        map[port] = in;
}

/* Ports and inverted ports together, as ranges. */
static void write_port_map(struct buffer *out, const uint8_t *map)
{
    const char *before = " port ";
    for (unsigned first = 0, last; first <= 65535; first = last + 1) {
        last = first;
        while (last < 65535 && map[last + 1] == map[first])
            last++;
        if (!map[first])
            continue;
        buffer_print(out, first == last ? "%s%u" : "%s%u-%u", before, first, last);
        before = ", ";
    }
}

/* => false if no port is left */
static bool read_ports(struct importer *importer, const char *option, const char **text)
{
    const struct uci_value *values = options_values(importer, importer->section, option);
    struct value_port port;
    struct buffer out = {0};
    bool plain = false, inverted = false;
    *text = "";
    for (const struct uci_value *v = values; v != NULL; v = v->next) {
        value_port(v->text, &port);
        *(port.invert ? &inverted : &plain) = true;
    }
    if (values == NULL)
        return true;
    uint8_t *map = arena_take(&importer->arena, 65536);
    if (map == NULL)
        return false;
    if (!plain)
        mark_ports(map, (struct policy_ports){0, 65535}, true);
    for (int pass = 0; pass < 2; pass++) {
        for (const struct uci_value *v = values; v != NULL; v = v->next) {
            value_port(v->text, &port);
            if (port.invert == (pass == 1))
                mark_ports(map, port.ports, pass == 0);
        }
    }
    write_port_map(&out, map);
    *text = keep(importer, &out);
    if (**text == '\0')
        import_ignored(importer, option, "leaves no port: nothing ever fits");
    return **text != '\0';
}

/* Sets. */

static bool read_set(struct importer *importer, struct match *match)
{
    const char *text = uci_text(importer->section, "ipset");
    if (text == NULL)
        return true;
    const char *name = value_bare(text, &match->set_invert);
    size_t len = strcspn(name, " \t");
    struct import_set *set = importer->sets;
    while (set != NULL && (strlen(set->uci_name) != len || strncmp(set->uci_name, name, len) != 0))
        set = set->next;
    if (set == NULL) {
        import_ignored(importer, "ipset", "names '%s', and there is no such set; firewall4 skips the section",
                       import_plain(importer, name, 60));
        return false;
    }
    if (set->lost) {
        import_lost(importer, "ipset", ": the set '%s' could not be; the section is left out",
                    import_plain(importer, set->uci_name, 60));
        return false;
    }
    match->set = set;
    match->set_to = set->to;
    const char *direction = name + len + strspn(name + len, " \t,");
    if (strncmp(direction, "dst", 3) == 0 || strncmp(direction, "dest", 4) == 0)
        match->set_to = true;
    else if (strncmp(direction, "src", 3) == 0)
        match->set_to = false;
    if ((match->set_to ? match->dst : match->src) != NULL) {
        import_lost(importer, "ipset",
                    ": addresses are named as well, and a side has one list; the section is left "
                    "out");
        return false;
    }
    return true;
}

/* Options. */

#define NUMBER_MOST 1000000 /* that a `limit` takes */

static bool read_limit(struct importer *importer, struct buffer *out)
{
    struct value_limit limit;
    const char *text = uci_text(importer->section, "limit"), *burst = uci_text(importer->section, "limit_burst");
    if (text == NULL)
        return true;
    value_limit(text, &limit);
    if (limit.invert || strcmp(limit.unit, "day") == 0 || limit.rate == 0 || limit.rate > NUMBER_MOST) {
        import_lost(importer, "limit", ": %s; the section is left out",
                    limit.invert               ? "a limit fits below its rate, not above"
                    : limit.rate > NUMBER_MOST ? "so many are no limit"
                                               : "a rate is of a second, minute or hour");
        return false;
    }
    buffer_print(out, " limit %u/%s", limit.rate, limit.unit);
    long most = burst != NULL ? strtol(burst, NULL, 0) : 0;
    if (most > 0)
        buffer_print(out, " burst %ld", most < NUMBER_MOST ? most : NUMBER_MOST);
    return true;
}

static void write_days(struct buffer *out, uint8_t days)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    const char *before = " ";
    for (unsigned first = 0, last; first < 7; first = last + 1) {
        last = first;
        if (!(days & 1U << first))
            continue;
        while (last < 6 && (days & 1U << (last + 1)))
            last++;
        if (last > first + 1) {
            buffer_print(out, "%s%s-%s", before, names[first], names[last]);
        } else {
            buffer_print(out, "%s%s", before, names[first]);
            last = first;
        }
        before = ",";
    }
}

enum { DAY = 24 * 60, EVERY_DAY = 0x7f };

/* A time as a minute of the day; the last second of one, of an end, is the end of that minute.
 * => false if it cannot be said; remarked */
static bool read_time(struct importer *importer, const char *option, bool is_end, unsigned *minute)
{
    const char *text = uci_text(importer->section, option);
    struct value_time time;
    if (text == NULL)
        return true;
    value_time(text, &time);
    *minute = time.hour * 60U + time.minute;
    if (is_end && time.second == 59) {
        ++*minute;
    } else if (time.second != 0) {
        import_lost(importer, option, ": times are of hours and minutes; the section is left out");
        return false;
    }
    return true;
}

static void write_during(struct buffer *out, uint8_t days, unsigned from, unsigned until)
{
    bool all_day = from == 0 && until == DAY;
    if (days == EVERY_DAY && all_day)
        return;
    buffer_print(out, " during");
    if (days != EVERY_DAY)
        write_days(out, days);
    if (!all_day)
        buffer_print(out, " %02u:%02u-%02u:%02u", from / 60, from % 60, until / 60, until % 60);
}

/* In firewall4 day and hour are looked at each for itself: hours after midnight are of the day that it is then. So a
 * night that is not of all days becomes two statements, with `late` in the second. */
static bool read_during(struct importer *importer, struct buffer *out, struct buffer *late)
{
    const struct uci_section *s = importer->section;
    const char *start = uci_text(s, "start_time"), *stop = uci_text(s, "stop_time"), *week = uci_text(s, "weekdays");
    unsigned from = 0, until = DAY;
    uint8_t days = EVERY_DAY;
    if (start == NULL && stop == NULL && week == NULL)
        return true;
    if (!read_time(importer, "start_time", false, &from) || !read_time(importer, "stop_time", true, &until))
        return false;
    if (options_bool(s, "utc_time", false)) {
        import_lost(importer, "utc_time",
                    ": `during` is in local time, which is the same only where the time zone is UTC; the section is "
                    "left out");
        return false;
    }
    if (week != NULL)
        value_weekdays(week, &days);
    if (days == 0 || from == until) {
        import_ignored(importer, days == 0 ? "weekdays" : "stop_time", "leaves no %s: nothing ever fits",
                       days == 0 ? "day" : "more than a second");
        return false;
    }
    if (until > from || until == 0 || days == EVERY_DAY) {
        write_during(out, days, from, until);
        return true;
    }
    import_note(importer, "In firewall4 the hours after midnight are of the day that it is then.");
    write_during(out, days, from, DAY);
    write_during(late, days, 0, until);
    return true;
}

static bool read_macs(struct importer *importer, struct buffer *out)
{
    const struct uci_value *values = options_values(importer, importer->section, "src_mac");
    const char *before = " mac ";
    if (values != NULL && uci_option(importer->section, "src") == NULL) {
        import_lost(importer, "src_mac",
                    ": the router's own packets come from no hardware address; the section is left "
                    "out");
        return false;
    }
    for (const struct uci_value *v = values; v != NULL; v = v->next) {
        bool invert;
        char mac[VALUE_MAC];
        value_mac(v->text, &invert, mac);
        bool group = strchr("13579bdf", mac[1]) != NULL;
        if (invert || group || strcmp(mac, "00:00:00:00:00:00") == 0) {
            import_lost(importer, "src_mac", ": %s; the section is left out",
                        invert ? "`mac` names those that fit, not those that do not"
                               : "no device sends from this address");
            return false;
        }
        buffer_print(out, "%s%s", before, mac);
        before = ", ";
    }
    return true;
}

/* What the section wants written to the log: its words, else its name. Nothing hangs on it who may pass. */
static void read_log(struct importer *importer, struct buffer *out)
{
    const struct uci_section *s = importer->section;
    const char *text = uci_text(s, "log");
    bool is;
    if (text == NULL || (value_bool(text, &is) && !is))
        return;
    if (value_bool(text, &is))
        text = uci_text(s, "name");
    buffer_print(out, " log");
    if (text != NULL && *text != '\0')
        buffer_print(out, " \"%s\"", import_plain(importer, text, 90));
    if (uci_option(s, "log_limit") != NULL)
        import_lost(importer, "log_limit", ": each packet that the statement decides about is logged");
}

/* Conditions that no rules file has. */
static bool read_foreign(struct importer *importer)
{
    static const struct {
        const char *option, *why;
    } foreign[] = {
        {"device", "interfaces are known by their zones"},
        {"helper", "helpers are no condition"},
        {"mark", "packets have no marks here"},
        {"dscp", "the traffic class is not looked at"},
        {"start_date", "`during` has days of the week and hours, no dates"},
        {"stop_date", "`during` has days of the week and hours, no dates"},
    };
    bool good = true;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (uci_option(importer->section, foreign[i].option) == NULL)
            continue;
        import_lost(importer, foreign[i].option, ": %s; the section is left out", foreign[i].why);
        good = false;
    }
    return good;
}

static const char *joined(struct importer *importer, const struct buffer *const parts[3])
{
    struct buffer out = {0};
    for (size_t i = 0; i < 3; i++)
        buffer_print(&out, "%s", buffer_text(parts[i]));
    return keep(importer, &out);
}

static bool read_options(struct importer *importer, struct match *match)
{
    struct buffer limit = {0}, hours = {0}, late = {0}, rest = {0};
    bool good = read_limit(importer, &limit) && read_during(importer, &hours, &late) && read_macs(importer, &rest);
    match->conditional = hours.len > 0 || rest.len > 0;
    if (good)
        read_log(importer, &rest);
    match->options = joined(importer, (const struct buffer *const[]){&limit, &hours, &rest});
    match->late = late.len > 0 ? joined(importer, (const struct buffer *const[]){&limit, &late, &rest}) : NULL;
    importer->arena.failed |= limit.failed || hours.failed || late.failed || rest.failed;
    buffer_free(&limit);
    buffer_free(&hours);
    buffer_free(&late);
    buffer_free(&rest);
    return good;
}

/* Protocols. */

static bool read_protos(struct importer *importer, const char *unset, struct match *match)
{
    const struct uci_value implied = {NULL, unset};
    const struct uci_value *values = options_values(importer, importer->section, "proto");
    struct match_proto **tail = &match->protos;
    for (const struct uci_value *v = values != NULL ? values : &implied; v != NULL; v = v->next) {
        struct match_proto *added = arena_take(&importer->arena, sizeof *added);
        if (added == NULL)
            return false;
        value_proto(v->text, &added->proto);
        if (added->proto.invert || added->proto.unknown) {
            import_lost(importer, "proto", ": '%s' %s; the section is left out", import_plain(importer, v->text, 40),
                        added->proto.invert ? "is all other protocols" : "is no protocol that is known here");
            return false;
        }
        *tail = added;
        tail = &added->next;
        if (!added->proto.tcpudp)
            continue;
        added->proto = (struct value_proto){.proto = TG_PROTO_TCP};
        struct match_proto *udp = arena_take(&importer->arena, sizeof *udp);
        if (udp == NULL)
            return false;
        udp->proto.proto = TG_PROTO_UDP;
        *tail = udp;
        tail = &udp->next;
    }
    return true;
}

static const char *read_label(struct importer *importer)
{
    const char *name = uci_text(importer->section, "name");
    struct buffer out = {0};
    if (name == NULL || *name == '\0')
        return "";
    buffer_print(&out, "  \"%s\"", import_plain(importer, name, 100));
    return keep(importer, &out);
}

bool match_read(struct importer *importer, const char *protos, struct match *match)
{
    const struct uci_section *s = importer->section;
    *match = (struct match){.families = FAMILY_BOTH, .family_named = uci_option(s, "family") != NULL};
    if (match->family_named)
        value_family(uci_text(s, "family"), &match->families);
    match->types = options_values(importer, s, "icmp_type");
    match->label = read_label(importer);
    bool good = read_foreign(importer);
    good &= read_protos(importer, protos, match);
    good &= match_addresses(importer, "src_ip", &match->src);
    good &= match_addresses(importer, "dest_ip", &match->dst);
    return good && read_ports(importer, "src_port", &match->sports) &&
           read_ports(importer, "dest_port", &match->dports) && read_set(importer, match) &&
           read_options(importer, match);
}
