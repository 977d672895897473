/* Source translation: redirects with the target SNAT, and nat sections. */
#include "import/inside.h"

#include <string.h>

#include "import/match.h"
#include "import/options.h"

struct translation {
    const struct import_zone *out;
    struct match_side from, to;
    const char *as;
};

static void write_translation(struct importer *importer, const struct translation *t, const char *from)
{
    import_statement(importer, "translate from %s%s%s to %s%s%s as %s", from, *t->from.text != '\0' ? " " : "",
                     t->from.text, t->out->name, *t->to.text != '\0' ? " " : "", t->to.text, t->as);
}

/* Conditions that a `translate` does not have.
 * => false: there are some; remarked */
static bool is_plain(struct importer *importer)
{
    static const char *const foreign[] = {"src_port",   "dest_port",      "snat_port",  "src_dport", "src_mac",
                                          "ipset",      "helper",         "device",     "limit",     "mark",
                                          "start_date", "stop_date",      "start_time", "stop_time", "weekdays",
                                          "log",        "connlimit_ports"};
    bool good = true;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (uci_option(importer->section, foreign[i]) == NULL)
            continue;
        import_lost(importer, foreign[i], ": a `translate` has no such condition; the section is left out");
        good = false;
    }
    struct value_proto value = {.any = true};
    const struct uci_value *protos = options_values(importer, importer->section, "proto");
    if (protos != NULL)
        value_proto(protos->text, &value);
    if (!value.any) {
        import_lost(importer, "proto", ": a `translate` is for all protocols; the section is left out");
        good = false;
    }
    return good;
}

/* The new source. => false: it cannot be one; remarked */
static bool read_as(struct importer *importer, const char *option, struct translation *t)
{
    const struct ranges *list;
    struct buffer out = {0};
    if (!match_addresses(importer, option, &list))
        return false;
    if (list == NULL || list->address.invert || list->address.range.family != TG_IPV4) {
        import_lost(importer, option,
                    ": the new source is an IPv4 address or a range of them; the section is left out");
        return false;
    }
    const struct tg_range *range = &list->address.range;
    if (tg_addr_is_group(TG_IPV4, range->last) || tg_addr_is_unspecified(range->first)) {
        import_lost(importer, option, ": nothing can be sent from there; the section is left out");
        return false;
    }
    char first[TG_ADDR_TEXT], last[TG_ADDR_TEXT];
    buffer_print(&out, "%s", tg_addr_format(TG_IPV4, range->first, first));
    if (!tg_addr_equal(range->first, range->last))
        buffer_print(&out, "-%s", tg_addr_format(TG_IPV4, range->last, last));
    t->as = arena_text(&importer->arena, buffer_text(&out), out.len);
    importer->arena.failed |= out.failed;
    buffer_free(&out);
    return t->as != NULL;
}

static bool read_sides(struct importer *importer, struct translation *t)
{
    return match_side(importer, "src_ip", FAMILY_V4, &t->from) && match_side(importer, "dest_ip", FAMILY_V4, &t->to);
}

static bool is_translated(struct importer *importer)
{
    uint8_t families = FAMILY_BOTH;
    const char *text = uci_text(importer->section, "family");
    if (text != NULL)
        value_family(text, &families);
    if (families & FAMILY_V4)
        return true;
    import_lost(importer, "family", ": IPv6 is not translated");
    return false;
}

void import_snat(struct importer *importer)
{
    const char *src = uci_text(importer->section, "src"), *dest = uci_text(importer->section, "dest");
    struct translation t = {0};
    if (dest == NULL || strcmp(dest, "*") == 0 || uci_option(importer->section, "src_dip") == NULL) {
        import_ignored(importer, NULL, "it wants a zone in 'dest' and an address in 'src_dip'; firewall4 skips it");
        return;
    }
    t.out = import_zone(importer, dest);
    const struct import_zone *from = src != NULL && strcmp(src, "*") != 0 ? import_zone(importer, src) : NULL;
    if (t.out->empty || (from != NULL && from->empty))
        import_note(importer, "A zone of it has no interface: nothing ever fits.");
    else if (is_translated(importer) && is_plain(importer) && read_as(importer, "src_dip", &t) &&
             read_sides(importer, &t))
        write_translation(importer, &t, from != NULL ? from->name : "any");
}

/* Nat sections: `src` is the zone by which the packet leaves. */

/* A zone masquerades, or keeps its sources. To have part of it masqueraded the rest is exempted. */
static void masquerade(struct importer *importer, struct translation *t)
{
    if (t->out->masquerade)
        import_note(importer, "Zone '%s' masquerades all.", t->out->name);
    else
        import_lost(importer, NULL,
                    ": a zone masquerades or does not; write `masquerade` behind zone '%s', and "
                    "`translate … as itself` for what shall keep its source",
                    t->out->name);
}

static void nat_of_zone(struct importer *importer, enum value_target target, struct translation *t)
{
    if (t->out->empty)
        import_note(importer, "Zone '%s' has no interface: nothing ever fits.", t->out->name);
    else if (target == TARGET_MASQUERADE)
        masquerade(importer, t);
    else
        write_translation(importer, t, "any");
}

static void one_nat(struct importer *importer, const struct uci_section *s)
{
    const char *text = uci_text(s, "target"), *src = uci_text(s, "src");
    enum value_target target = TARGET_MASQUERADE;
    struct translation t = {.as = "itself"};
    if (!options_pass(importer, s))
        return;
    if (text != NULL && value_target(text, &target) && target != TARGET_ACCEPT && target != TARGET_SNAT)
        target = TARGET_MASQUERADE;
    bool to = uci_option(s, "snat_ip") != NULL || uci_option(s, "snat_port") != NULL;
    if ((target == TARGET_SNAT) != to) {
        import_ignored(importer, "target", "and 'snat_ip' do not go together; firewall4 skips the section");
        return;
    }
    if (!is_translated(importer) || !is_plain(importer) || !read_sides(importer, &t) ||
        (target == TARGET_SNAT && !read_as(importer, "snat_ip", &t)))
        return;
    for (struct import_zone *zone = importer->zones; zone != NULL; zone = zone->next) {
        t.out = zone;
        if (src == NULL || strcmp(src, "*") == 0 || strcmp(src, zone->uci_name) == 0)
            nat_of_zone(importer, target, &t);
    }
}

void import_nats(struct importer *importer)
{
    for (const struct uci_section *s = importer->firewall.sections; s != NULL; s = s->next) {
        if (strcmp(s->type, "nat") != 0)
            continue;
        import_begin_section(importer, s);
        one_nat(importer, s);
        import_end_section(importer, CHAPTER_TRANSLATE);
    }
}
