#include "import/inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/options.h"
#include "rules/words.h"

/* Text. */

const char *import_plain(struct importer *importer, const char *text, size_t most)
{
    struct buffer buffer = {0};
    size_t left = strlen(text);
    while (left > 0) {
        uint32_t c = 0;
        unsigned n = text_character(text, left, &c);
        if (n == 0 || !text_is_plain(c) || c == '"')
            buffer_add(&buffer, c == '"' ? "'" : c == '\n' ? " " : "?", 1);
        else if (buffer.len + n <= most)
            buffer_add(&buffer, text, n);
        if (buffer.len + (n == 0 ? 1 : n) > most)
            break;
        text += n == 0 ? 1 : n;
        left -= n == 0 ? 1 : n;
    }
    importer->arena.failed |= buffer.failed;
    const char *copy = arena_text(&importer->arena, buffer_text(&buffer), buffer.len);
    buffer_free(&buffer);
    return copy != NULL ? copy : "";
}

static bool is_taken(const struct importer *importer, const char *name)
{
    for (const struct import_zone *zone = importer->zones; zone != NULL; zone = zone->next) {
        if (zone->name != NULL && strcmp(zone->name, name) == 0)
            return true;
    }
    for (const struct import_set *set = importer->sets; set != NULL; set = set->next) {
        if (set->name != NULL && strcmp(set->name, name) == 0)
            return true;
    }
    return (importer->ipv4 != NULL && strcmp(importer->ipv4, name) == 0) ||
           (importer->ipv6 != NULL && strcmp(importer->ipv6, name) == 0);
}

static bool is_reserved(const char *name)
{
    struct text text = {.bytes = name, .len = (uint32_t)strlen(name)};
    return words_reserved((struct place){&text, 0, text.len});
}

static bool is_good_name(const char *name)
{
    struct text text = {.bytes = name, .len = (uint32_t)strlen(name)};
    return words_is_name((struct place){&text, 0, text.len});
}

const char *import_name(struct importer *importer, const char *wanted, const char *kind)
{
    struct buffer buffer = {0};
    char name[WORDS_NAME_LONGEST + 1];
    for (const char *s = wanted; *s != '\0'; s++) {
        bool good = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_' ||
                    (*s == '-' && s > wanted);
        buffer_add(&buffer, good ? s : "_", 1);
    }
    snprintf(name, sizeof name, "%.40s", buffer_text(&buffer));
    if (is_reserved(name) || !is_good_name(name))
        snprintf(name, sizeof name, "%.40s-%s", buffer_text(&buffer), kind);
    if (is_taken(importer, name))
        snprintf(name, sizeof name, "%.40s-%s", buffer_text(&buffer), kind);
    for (unsigned n = 2; is_taken(importer, name); n++)
        snprintf(name, sizeof name, "%.40s-%s-%u", buffer_text(&buffer), kind, n);
    importer->arena.failed |= buffer.failed;
    buffer_free(&buffer);
    return arena_text(&importer->arena, name, strlen(name));
}

struct import_zone *import_zone(const struct importer *importer, const char *uci_name)
{
    struct import_zone *zone = importer->zones;
    while (zone != NULL && strcmp(zone->uci_name, uci_name) != 0)
        zone = zone->next;
    return zone;
}

/* Sections and remarks. */

const char *import_section_name(struct importer *importer, const struct uci_section *section)
{
    struct buffer buffer = {0};
    const char *name = uci_text(section, "name");
    if (name == NULL)
        name = section->name;
    buffer_print(&buffer, "%s", import_plain(importer, section->type, 40));
    if (name != NULL)
        buffer_print(&buffer, " '%s'", import_plain(importer, name, 100));
    importer->arena.failed |= buffer.failed;
    const char *text = arena_text(&importer->arena, buffer_text(&buffer), buffer.len);
    buffer_free(&buffer);
    return text != NULL ? text : "";
}

void import_begin_section(struct importer *importer, const struct uci_section *section)
{
    importer->section = section;
    buffer_reset(&importer->statements);
    buffer_reset(&importer->notes);
}

void import_end_section(struct importer *importer, enum chapter chapter)
{
    struct buffer *out = &importer->chapters[chapter];
    buffer_print(out, "%s# from config %s (line %u)\n%s%s", out->len > 0 ? "\n" : "",
                 import_section_name(importer, importer->section), importer->section->line,
                 buffer_text(&importer->notes), buffer_text(&importer->statements));
}

void import_statement(struct importer *importer, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        importer->statements.failed = true;
        return;
    }
    buffer_print(&importer->statements, "%s\n", text);
    free(text);
}

/* A remark on the section: for the user, and as a comment in the rules file. */
static void remark(struct importer *importer, const char *option, const char *what, const char *text)
{
    const struct uci_section *section = importer->section;
    const struct uci_option *found = option != NULL ? uci_option(section, option) : NULL;
    unsigned line = found != NULL ? found->line : section->line;
    struct buffer about = {0};
    if (option != NULL)
        buffer_print(&about, "option '%s' ", option);
    buffer_print(&about, "%s%s", what, text);
    buffer_print(&importer->notes, "#   %s (line %u)\n", buffer_text(&about), line);

    struct import_remark *added = arena_take(&importer->arena, sizeof *added), *last = importer->last_remark;
    struct import_remark **at = last != NULL && last->line <= line ? &importer->last_remark->next : &importer->remarks;
    struct buffer whole = {0};
    buffer_print(&whole, "%s:%u: %s: %s\n", importer->path, line, import_section_name(importer, section),
                 buffer_text(&about));
    if (added != NULL) {
        while (*at != NULL && (*at)->line <= line)
            at = &(*at)->next;
        *added = (struct import_remark){*at, line, arena_text(&importer->arena, buffer_text(&whole), whole.len)};
        *at = added;
        if (added->next == NULL)
            importer->last_remark = added;
    }
    importer->arena.failed |= about.failed || whole.failed;
    buffer_free(&about);
    buffer_free(&whole);
}

/* => text in the arena */
__attribute__((format(printf, 2, 0))) static const char *format_text(struct importer *importer, const char *format,
                                                                     va_list args)
{
    char *text;
    int len = vasprintf(&text, format, args);
    if (len < 0) {
        importer->arena.failed = true;
        return "";
    }
    const char *copy = arena_text(&importer->arena, text, (size_t)len);
    free(text);
    return copy != NULL ? copy : "";
}

void import_lost(struct importer *importer, const char *option, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = format_text(importer, format, args);
    va_end(args);
    importer->lost++;
    remark(importer, option, "cannot be carried over", text);
}

void import_ignored(struct importer *importer, const char *option, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = format_text(importer, format, args);
    va_end(args);
    remark(importer, option, "", text);
}

void import_note(struct importer *importer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = format_text(importer, format, args);
    va_end(args);
    buffer_print(&importer->notes, "#   %s\n", text);
}

/* Sections that make no rules. */

/* A script or a piece of nftables that firewall4 takes in. */
static void include(struct importer *importer, const struct uci_section *section)
{
    const char *path = uci_text(section, "path"), *type = uci_text(section, "type");
    bool script = type == NULL || value_begins(type, "script");
    bool known = strcmp(path, "/etc/firewall.user") == 0;
    if (!script) {
        import_lost(importer, NULL, ": it holds nftables statements, in %s", import_plain(importer, path, 200));
    } else if (options_bool(section, "fw4_compatible", !known)) {
        import_lost(importer, NULL, ": it runs a script, %s", import_plain(importer, path, 200));
    } else {
        import_note(importer, "firewall4 does not run this script: it is not marked as compatible.");
    }
}

void import_others(struct importer *importer)
{
    static const char *const known[] = {"defaults", "zone", "forwarding", "rule", "redirect", "nat", "ipset", NULL};
    for (const struct uci_section *s = importer->firewall.sections; s != NULL; s = s->next) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], s->type) != 0)
            i++;
        if (known[i] != NULL)
            continue;
        import_begin_section(importer, s);
        if (strcmp(s->type, "include") != 0)
            import_ignored(importer, NULL, "firewall4 does not know this type of section");
        else if (options_pass(importer, s))
            include(importer, s);
        import_end_section(importer, CHAPTER_SETTINGS);
    }
}

/* Putting it together. */

/* The titles of parts, before their first chapter. */
static const char *title(enum chapter chapter)
{
    switch (chapter) {
    case CHAPTER_ZONES: return "where things are";
    case CHAPTER_TRANSLATE: return "translation of sources";
    case CHAPTER_OUTPUT_ANY: return "what the router itself sends";
    case CHAPTER_INPUT_ANY: return "what is for the router";
    case CHAPTER_FORWARD_ANY: return "what goes through the router";
    default: return NULL;
    }
}

static void put_title(struct buffer *out, const char *text)
{
    static const char rule[] =
        "------------------------------------------------------------------------------------------"
        "--------------";
    buffer_print(out, "\n# --- %s %.*s\n", text, (int)(sizeof rule - 1 - strlen(text)), rule);
}

static void put_head(struct importer *importer, struct buffer *out)
{
    buffer_print(out,
                 "# Made by `tidegate import` of %s.\n#\n"
                 "# Each statement stands below the section that it came from. The first statement that fits\n"
                 "# decides; the three parts below decide about what the router sends, then about what is for the\n"
                 "# router, and then about what goes through it.\n",
                 import_plain(importer, importer->path, 200));
    if (importer->guessed)
        buffer_print(out,
                     "#\n"
                     "# PUT IN THE INTERFACES: OpenWrt gives zones networks, not interfaces. Behind `on` stand the\n"
                     "# names of the networks; write the devices in their place (`ubus call network.interface dump`\n"
                     "# tells them: l3_device), often br-lan for lan. `--network /etc/config/network` does it\n"
                     "# where that file says them.\n");
}

static void put_together(struct importer *importer, struct buffer *out)
{
    const char *waiting = NULL;
    put_head(importer, out);
    for (unsigned i = 0; i < CHAPTERS; i++) {
        if (title((enum chapter)i) != NULL)
            waiting = title((enum chapter)i);
        if (importer->chapters[i].len == 0)
            continue;
        if (waiting != NULL)
            put_title(out, waiting);
        waiting = NULL;
        buffer_print(out, "\n%s", buffer_text(&importer->chapters[i]));
        out->failed |= importer->chapters[i].failed;
    }
}

static void translate(struct importer *importer)
{
    import_defaults(importer);
    import_others(importer);
    import_zones(importer);
    import_sets(importer);
    import_redirects(importer); /* before rules: whether a zone has an exposed host decides how they are written */
    import_rules(importer);
    import_forwardings(importer);
    import_nats(importer);
    import_policies(importer);
    import_write_sets(importer);
}

/* => 0, -EINVAL with the remark made, or -ENOMEM */
static int read_uci(struct importer *importer, struct uci *uci, const struct import_text *text, struct buffer *remarks)
{
    int error = uci_read(uci, &importer->arena, text->text, text->len);
    if (error == -EINVAL)
        buffer_print(remarks, "%s:%u: %s\n", text->path, uci->error_line, uci->error);
    return error;
}

static void clear(struct importer *importer)
{
    for (unsigned i = 0; i < CHAPTERS; i++)
        buffer_free(&importer->chapters[i]);
    buffer_free(&importer->statements);
    buffer_free(&importer->notes);
    arena_clear(&importer->arena);
}

int import_openwrt(const struct import_text *firewall, const struct import_text *network, struct import_result *result)
{
    struct importer importer = {.path = firewall->path, .has_network = network != NULL};
    struct buffer rules = {0}, remarks = {0};
    int error = read_uci(&importer, &importer.firewall, firewall, &remarks);
    if (error == 0 && network != NULL)
        error = read_uci(&importer, &importer.network, network, &remarks);
    if (error == 0) {
        translate(&importer);
        put_together(&importer, &rules);
        for (const struct import_remark *remark = importer.remarks; remark != NULL; remark = remark->next)
            buffer_print(&remarks, "%s", remark->text != NULL ? remark->text : "");
        bool failed = importer.arena.failed || importer.statements.failed || importer.notes.failed;
        error = failed || rules.failed ? -ENOMEM : 0;
    }
    if (remarks.failed)
        error = -ENOMEM;
    *result = (struct import_result){.rules = rules.bytes, .remarks = remarks.bytes, .lost = importer.lost};
    clear(&importer);
    if (error == -ENOMEM)
        import_clear(result);
    return error;
}

void import_clear(struct import_result *result)
{
    free(result->rules);
    free(result->remarks);
    *result = (struct import_result){0};
}
