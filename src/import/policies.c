/* What decides when no rule does: the policies of the zones, and then the defaults. */
#include "import/inside.h"

#include "import/match.h"

static const char *const words[] = {[TARGET_ACCEPT] = "allow", [TARGET_REJECT] = "reject", [TARGET_DROP] = "drop"};
static const char *const uci_words[] = {[TARGET_ACCEPT] = "ACCEPT", [TARGET_REJECT] = "REJECT", [TARGET_DROP] = "DROP"};

/* A statement about a zone, under a comment of its own. */
static void policy(struct importer *importer, const struct import_zone *zone, enum chapter chapter, const char *option,
                   enum value_target target, const char *from, const char *to)
{
    struct buffer *out = &importer->chapters[chapter];
    struct match_side side = {.kind = SIDE_ANY, .families = FAMILY_BOTH, .text = ""};
    match_restrict(importer, &side, zone->families);
    buffer_print(out, "%s# from config %s (line %u): %s %s\n%s from %s%s%s%s%s\n", out->len > 0 ? "\n" : "",
                 import_section_name(importer, zone->section), zone->section->line, option, uci_words[target],
                 words[target], from, *side.text != '\0' ? " " : "", side.text, *to != '\0' ? " to " : "", to);
}

/* A statement that the defaults come to. */
static void fallback(struct importer *importer, enum chapter chapter, const char *option, enum value_target target,
                     const char *from, const char *to)
{
    struct buffer *out = &importer->chapters[chapter];
    buffer_print(out, "%s# from config defaults: %s %s\n%s from %s%s%s\n", out->len > 0 ? "\n" : "", option,
                 uci_words[target], words[target], from, *to != '\0' ? " to " : "", to);
}

static void output(struct importer *importer)
{
    bool all = importer->output == TARGET_ACCEPT;
    for (const struct import_zone *zone = importer->zones; zone != NULL; zone = zone->next)
        all &= zone->empty || zone->output == TARGET_ACCEPT;
    if (all) {
        buffer_print(&importer->chapters[CHAPTER_OUTPUT_POLICY],
                     "# from config defaults and all zones: output ACCEPT\nallow from router\n");
        return;
    }
    for (const struct import_zone *zone = importer->zones; zone != NULL; zone = zone->next) {
        if (!zone->empty)
            policy(importer, zone, CHAPTER_OUTPUT_POLICY, "output", zone->output, "router", zone->name);
    }
    fallback(importer, CHAPTER_OUTPUT_POLICY, "output", importer->output, "router", "");
}

/* What is left from a zone with an exposed host: first what would go through, which the defaults decide. */
static void exposed_input(struct importer *importer, const struct import_zone *zone)
{
    for (const struct import_zone *to = importer->zones; to != NULL; to = to->next) {
        if (!to->empty && zone->input != importer->forward)
            fallback(importer, CHAPTER_LAST, "forward", importer->forward, zone->name, to->name);
    }
    policy(importer, zone, CHAPTER_LAST, "input", zone->input, zone->name, "");
}

/* The policy of a zone with an exposed host says nothing of the router: what a rule about the router takes, the host
 * does not get. So it stands at the end, for all that is left. */
static void input(struct importer *importer)
{
    enum value_target rest = importer->forward == TARGET_ACCEPT ? TARGET_DROP : importer->forward;
    bool last = importer->forward != TARGET_ACCEPT && !importer->to_any_zone && importer->input == rest;
    for (const struct import_zone *zone = importer->zones; zone != NULL; zone = zone->next) {
        if (zone->empty)
            continue;
        if (zone->exposed && zone->input != TARGET_ACCEPT)
            exposed_input(importer, zone);
        else
            policy(importer, zone, CHAPTER_INPUT_POLICY, "input", zone->input, zone->name, "router");
    }
    if (!last && !importer->exposed)
        fallback(importer, CHAPTER_INPUT_POLICY, "input", importer->input, "any", "router");
}

static void forward(struct importer *importer)
{
    for (const struct import_zone *zone = importer->zones; zone != NULL; zone = zone->next) {
        if (!zone->empty && zone->forward != importer->forward)
            policy(importer, zone, CHAPTER_FORWARD_POLICY, "forward", zone->forward, zone->name, zone->name);
    }
    if (importer->forward == TARGET_ACCEPT)
        fallback(importer, CHAPTER_LAST, "forward", importer->forward, "any", "any");
    else
        buffer_print(&importer->chapters[CHAPTER_LAST], "%s# from config defaults: forward %s\ndefault %s\n",
                     importer->chapters[CHAPTER_LAST].len > 0 ? "\n" : "", uci_words[importer->forward],
                     words[importer->forward]);
}

void import_policies(struct importer *importer)
{
    output(importer);
    input(importer);
    forward(importer);
}
