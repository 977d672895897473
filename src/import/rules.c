/* Rules and forwardings.
 *
 * Where a rule stands depends on its zones: without a destination it is about what is for the router, without a source
 * about what the router sends, with both about what goes through. firewall4 looks at rules of any source before those
 * of a zone, and at forwardings after the rules; within each, in the order of the file.
 */
#include "import/inside.h"

#include <string.h>

#include "import/match.h"
#include "import/options.h"

/* `src` or `dest`: not written, all zones, or one. */
struct end {
    bool written, any;
    const struct import_zone *zone;
};

static struct end end_of(const struct importer *importer, const char *option)
{
    const char *text = uci_text(importer->section, option);
    struct end end = {.written = text != NULL};
    end.any = text != NULL && strcmp(text, "*") == 0;
    if (text != NULL && !end.any)
        end.zone = import_zone(importer, text);
    return end;
}

static uint8_t families_of(const struct end *end)
{
    return end->zone != NULL ? end->zone->families : FAMILY_BOTH;
}

static const char *name_of(const struct end *end)
{
    return end->zone != NULL ? end->zone->name : "any";
}

static enum chapter chapter_of(const struct end *src, const struct end *dest)
{
    if (!src->written)
        return dest->zone != NULL ? CHAPTER_OUTPUT : CHAPTER_OUTPUT_ANY;
    if (!dest->written)
        return src->zone != NULL ? CHAPTER_INPUT : CHAPTER_INPUT_ANY;
    return src->zone != NULL ? CHAPTER_FORWARD : CHAPTER_FORWARD_ANY;
}

/* A zone without interfaces has no packets; a rule about it is kept as a comment. */
static bool is_about_nothing(struct importer *importer, const struct end *src, const struct end *dest)
{
    const struct import_zone *empty = src->zone != NULL && src->zone->empty     ? src->zone
                                      : dest->zone != NULL && dest->zone->empty ? dest->zone
                                                                                : NULL;
    if (empty != NULL)
        import_note(importer, "Zone '%s' has no interface: nothing ever fits.", empty->name);
    return empty != NULL;
}

/* Through the router to all zones. What is for the router has been decided before, so that `any` says it; but where a
 * zone has an exposed host nothing may be said about the router behind its forward, and the zones are named. */
static void to_all(struct importer *importer, const struct match *match, const char *action, const struct end *src,
                   uint8_t families)
{
    bool exposed = src->zone != NULL ? src->zone->exposed : importer->exposed;
    if (!exposed) {
        importer->to_any_zone |= src->zone == NULL;
        match_write(importer, match, action, name_of(src), "any", families);
        return;
    }
    for (const struct import_zone *zone = importer->zones; zone != NULL; zone = zone->next) {
        if (!zone->empty && (zone->families & families) != 0)
            match_write(importer, match, action, name_of(src), zone->name, families & zone->families);
    }
}

static void write_ends(struct importer *importer, const struct match *match, const char *action, const struct end *src,
                       const struct end *dest)
{
    uint8_t families = families_of(src) & families_of(dest);
    if (families == 0)
        import_ignored(importer, "dest", "has no family in common with the source; firewall4 skips the section");
    else if (!src->written)
        match_write(importer, match, action, "router", name_of(dest), families);
    else if (!dest->written)
        match_write(importer, match, action, name_of(src), "router", families);
    else if (dest->any)
        to_all(importer, match, action, src, families);
    else
        match_write(importer, match, action, name_of(src), dest->zone->name, families);
}

/* Rules. */

/* => the word of the action, or NULL where the rule has none; said why */
static const char *action_of(struct importer *importer)
{
    static const char *const words[] = {"allow", "reject", "drop"};
    const char *text = uci_text(importer->section, "target");
    enum value_target target;
    if (text == NULL || !value_target(text, &target)) {
        import_ignored(importer, NULL, "it has no target, and decides nothing");
        return NULL;
    }
    if (target <= TARGET_DROP)
        return words[target];
    static const char *const why[] = {
        [TARGET_NOTRACK] = "every connection is tracked",
        [TARGET_HELPER] = "helpers are on where a rules file has a `helper`",
        [TARGET_MARK] = "packets have no marks here",
        [TARGET_DSCP] = "packets keep their traffic class",
    };
    if (target <= TARGET_DSCP)
        import_lost(importer, "target", ": %s", why[target]);
    else
        import_ignored(importer, "target", "is for a redirect or nat section");
    return NULL;
}

static void one_rule(struct importer *importer, const struct uci_section *s, enum chapter *chapter)
{
    struct match match;
    *chapter = CHAPTER_FORWARD;
    if (!options_pass(importer, s))
        return;
    struct end src = end_of(importer, "src"), dest = end_of(importer, "dest");
    *chapter = chapter_of(&src, &dest);
    const char *action = action_of(importer);
    if (action == NULL || is_about_nothing(importer, &src, &dest) || !match_read(importer, "tcpudp", &match))
        return;
    write_ends(importer, &match, action, &src, &dest);
}

void import_rules(struct importer *importer)
{
    for (const struct uci_section *s = importer->firewall.sections; s != NULL; s = s->next) {
        enum chapter chapter;
        if (strcmp(s->type, "rule") != 0)
            continue;
        import_begin_section(importer, s);
        one_rule(importer, s, &chapter);
        import_end_section(importer, chapter);
    }
}

/* Forwardings. */

static void one_forwarding(struct importer *importer, const struct uci_section *s, enum chapter *chapter)
{
    struct match_proto all = {.proto.any = true};
    struct match match = {
        .families = FAMILY_BOTH, .protos = &all, .sports = "", .dports = "", .options = "", .label = ""};
    *chapter = CHAPTER_FORWARDING;
    if (!options_pass(importer, s))
        return;
    if (uci_option(s, "family") != NULL)
        value_family(uci_text(s, "family"), &match.families);
    struct end src = end_of(importer, "src"), dest = end_of(importer, "dest");
    if (src.any)
        *chapter = CHAPTER_FORWARD_ANY;
    if (!is_about_nothing(importer, &src, &dest))
        write_ends(importer, &match, "allow", &src, &dest);
}

void import_forwardings(struct importer *importer)
{
    for (const struct uci_section *s = importer->firewall.sections; s != NULL; s = s->next) {
        enum chapter chapter;
        if (strcmp(s->type, "forwarding") != 0)
            continue;
        import_begin_section(importer, s);
        one_forwarding(importer, s, &chapter);
        import_end_section(importer, chapter);
    }
}
