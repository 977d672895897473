/* ipsets of addresses, as sets. */
#include "import/inside.h"

#include <string.h>

#include "import/match.h"
#include "import/options.h"

/* What the entries of a set are. */
struct content {
    bool prefixes; /* "net"; else single addresses */
    uint8_t family;
};

static struct import_set *add_set(struct importer *importer, const struct uci_section *s)
{
    struct import_set **tail = &importer->sets, *set = arena_take(&importer->arena, sizeof *set);
    if (set == NULL)
        return NULL;
    while (*tail != NULL)
        tail = &(*tail)->next;
    set->section = s;
    set->uci_name = uci_text(s, "name");
    set->lost = true;
    *tail = set;
    return set;
}

/* The one thing that the set matches, or NULL; remarked. */
static const char *match_of(struct importer *importer, const struct uci_section *s)
{
    const struct uci_value *match = options_values(importer, s, "match");
    if (match == NULL) {
        import_ignored(importer, "match", "says nothing; firewall4 skips the section");
        return NULL;
    }
    if (match->next != NULL) {
        import_lost(importer, "match", ": a set is a list of addresses, and each entry of this one is several things");
        return NULL;
    }
    return match->text;
}

/* => false: it is no set of addresses; remarked */
static bool read_match(struct importer *importer, const struct uci_section *s, struct import_set *set,
                       struct content *content)
{
    const char *match = match_of(importer, s), *kind = match;
    uint8_t families = FAMILY_V4;
    if (match == NULL)
        return false;
    if (strncmp(match, "src_", 4) == 0 || strncmp(match, "dst_", 4) == 0)
        kind += 4;
    else if (strncmp(match, "dest_", 5) == 0)
        kind += 5;
    set->to = *match == 'd';
    content->prefixes = value_begins(kind, "net");
    if (!content->prefixes && !value_begins(kind, "ip")) {
        import_lost(importer, "match", ": a set is a list of addresses, and '%s' is none",
                    import_plain(importer, match, 40));
        return false;
    }
    if (uci_option(s, "family") != NULL)
        value_family(uci_text(s, "family"), &families);
    if (families == FAMILY_BOTH) {
        import_ignored(importer, "family", "must be one family; firewall4 skips the section");
        return false;
    }
    set->family = families;
    content->family = families == FAMILY_V4 ? TG_IPV4 : TG_IPV6;
    return true;
}

/* An entry, if firewall4 takes it. In a set of addresses a prefix is its first part. */
static bool entry(struct importer *importer, const char *text, const struct content *content, struct tg_range *range)
{
    struct value_address address;
    if (!value_address(text, &address) || address.invert || address.scattered ||
        address.range.family != content->family) {
        import_ignored(importer, "entry", "has '%s', which firewall4 passes over", import_plain(importer, text, 60));
        return false;
    }
    *range = address.range;
    if (!content->prefixes && strchr(text, '/') != NULL) {
        struct tg_prefix whole;
        if (tg_prefix_parse(text, &whole) == 0)
            range->first = range->last = whole.addr;
    }
    return true;
}

static size_t write_entries(struct importer *importer, const struct uci_section *s, const struct content *content,
                            struct buffer *out)
{
    size_t count = 0;
    for (const struct uci_value *v = options_values(importer, s, "entry"); v != NULL; v = v->next) {
        struct tg_range range;
        if (!entry(importer, v->text, content, &range))
            continue;
        buffer_print(out, "%s", count == 0 ? "" : count % 6 == 0 ? ", \\\n    " : ", ");
        ranges_write_one(out, &range);
        count++;
    }
    return count;
}

/* => false: the path cannot stand in a rules file; remarked */
static bool is_path(struct importer *importer, const char *path)
{
    bool plain = *path != '\0' && strcmp(import_plain(importer, path, 1000), path) == 0;
    if (!plain)
        import_lost(importer, "loadfile", ": the path cannot be written in a rules file");
    return plain;
}

/* The statements that define it. => false: there is nothing in it; remarked */
static bool define(struct importer *importer, const struct uci_section *s, struct import_set *set,
                   const struct content *content)
{
    struct buffer entries = {0}, out = {0};
    const char *path = uci_text(s, "loadfile");
    size_t count = write_entries(importer, s, content, &entries);
    bool file = path != NULL && is_path(importer, path);
    if (path == NULL && count == 0)
        import_lost(importer, NULL, ": it has no entry, and nothing can be put in while the firewall runs");
    set->lost = path != NULL ? !file : count == 0;
    if (!set->lost) {
        set->name = import_name(importer, set->uci_name, "set");
        if (set->name == NULL)
            return false;
        if (file && count > 0) {
            const char *in_file = import_name(importer, set->name, "file");
            buffer_print(&out, "set %s from \"%s\"\n", in_file, path);
            buffer_print(&out, "set %s = %s, %s", set->name, in_file, buffer_text(&entries));
        } else if (file) {
            buffer_print(&out, "set %s from \"%s\"", set->name, path);
        } else {
            buffer_print(&out, "set %s = %s", set->name, buffer_text(&entries));
        }
        set->statements = arena_text(&importer->arena, buffer_text(&out), out.len);
        set->content = file ? set->name : arena_text(&importer->arena, buffer_text(&entries), entries.len);
    }
    importer->arena.failed |= entries.failed || out.failed;
    buffer_free(&entries);
    buffer_free(&out);
    return !set->lost && set->statements != NULL;
}

static void one_set(struct importer *importer, const struct uci_section *s)
{
    struct content content;
    const char *timeout = uci_text(s, "timeout");
    if (!options_pass(importer, s))
        return;
    struct import_set *set = add_set(importer, s);
    if (set == NULL || !read_match(importer, s, set, &content) || !define(importer, s, set, &content))
        return;
    if (timeout != NULL && *timeout != '-' && strcmp(timeout, "0") != 0)
        import_lost(importer, "timeout", ": what a set holds does not expire");
}

/* Sections are kept as they are until it is known which sets are used. */
void import_sets(struct importer *importer)
{
    for (const struct uci_section *s = importer->firewall.sections; s != NULL; s = s->next) {
        if (strcmp(s->type, "ipset") != 0)
            continue;
        import_begin_section(importer, s);
        one_set(importer, s);
        struct import_set *set = importer->sets;
        while (set != NULL && set->section != s)
            set = set->next;
        if (set != NULL && !set->lost)
            set->notes = arena_text(&importer->arena, buffer_text(&importer->notes), importer->notes.len);
        else
            import_end_section(importer, CHAPTER_SETS);
    }
}

void import_write_sets(struct importer *importer)
{
    struct buffer *out = &importer->chapters[CHAPTER_SETS];
    if (importer->ipv4_used)
        buffer_print(out, "%sset %s = 0.0.0.0/0\n", out->len > 0 ? "\n" : "", importer->ipv4);
    if (importer->ipv6_used)
        buffer_print(out, "%sset %s = ::/0\n", out->len > 0 && !importer->ipv4_used ? "\n" : "", importer->ipv6);
    for (const struct import_set *set = importer->sets; set != NULL; set = set->next) {
        if (set->lost)
            continue;
        import_begin_section(importer, set->section);
        buffer_print(&importer->notes, "%s", set->notes != NULL ? set->notes : "");
        if (set->used)
            import_statement(importer, "%s", set->statements);
        else
            import_note(importer, "No rule uses it.");
        import_end_section(importer, CHAPTER_SETS);
    }
}
