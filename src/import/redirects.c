/* Redirects: a forward each; those of the source (SNAT) are in nats.c. */
#include "import/inside.h"

#include <string.h>

#include "import/match.h"
#include "import/options.h"
#include "rules/words.h"
#include "tidegate/packet.h"

/* What a forward takes: of two that take the same the second would be an error. */
struct import_claim {
    struct import_claim *next;
    const struct import_zone *zone;
    const struct uci_section *section;
    bool any;
    uint8_t proto;
    struct policy_ports ports; /* 0-0 for a protocol without any */
    const char *at, *source;
    bool conditional; /* what it does not take just now is for others */
};

struct work {
    struct importer *importer;
    const struct import_zone *src;
    struct match match;
    const struct ranges *dip; /* `src_dip` */
    const char *host;
    bool has_ext, has_in;
    struct policy_ports ext, in;
    const char *at; /* "" or " at ADDR" */
    struct match_side from;
    const char *source; /* the same with a set's entries in place of its name */
};

static const char *keep(struct importer *importer, struct buffer *buffer)
{
    const char *text = arena_text(&importer->arena, buffer_text(buffer), buffer->len);
    importer->arena.failed |= buffer->failed;
    buffer_free(buffer);
    return text != NULL ? text : "";
}

static bool has_ports(const struct value_proto *proto)
{
    return !proto->any && (proto->proto == TG_PROTO_TCP || proto->proto == TG_PROTO_UDP);
}

static bool has_any_ports(const struct match *match)
{
    for (const struct match_proto *p = match->protos; p != NULL; p = p->next) {
        if (has_ports(&p->proto))
            return true;
    }
    return false;
}

/* Reading a redirect. */

/* The one address of a list, in `text`.
 * => false if it is none, or several */
static bool one_address(struct importer *importer, const struct ranges *list, const char **text)
{
    const struct tg_range *range = list != NULL ? &list->address.range : NULL;
    struct buffer out = {0};
    *text = "";
    if (range == NULL || list->next != NULL || list->address.invert || range->family != TG_IPV4 ||
        !tg_addr_equal(range->first, range->last) || tg_addr_is_group(TG_IPV4, range->first) ||
        tg_addr_is_unspecified(range->first))
        return false;
    ranges_write_one(&out, range);
    *text = keep(importer, &out);
    return true;
}

/* => false: a port that no forward can have; remarked */
static bool one_port(struct importer *importer, const char *option, bool *has, struct policy_ports *ports)
{
    const char *text = uci_text(importer->section, option);
    struct value_port port;
    *has = text != NULL;
    if (text == NULL)
        return true;
    value_port(text, &port);
    if (port.invert || port.ports.first == 0) {
        import_lost(importer, option, ": '%s' is no port that can be forwarded; the section is left out",
                    import_plain(importer, text, 40));
        return false;
    }
    *ports = port.ports;
    return true;
}

/* Ports outside and inside. They count for TCP and UDP alone. */
static bool read_ports(struct work *work)
{
    struct importer *importer = work->importer;
    if (!has_any_ports(&work->match))
        return true;
    if (!one_port(importer, "src_dport", &work->has_ext, &work->ext) ||
        !one_port(importer, "dest_port", &work->has_in, &work->in))
        return false;
    if (!work->has_ext) {
        import_lost(importer, NULL, ": a forward of TCP or UDP says which port; 'proto all' is an exposed host");
        return false;
    }
    int width = work->ext.last - work->ext.first, in = work->has_in ? work->in.last - work->in.first : 0;
    if (work->has_in && in != 0 && in != width) {
        import_lost(importer, "dest_port", ": %d ports outside cannot go to %d inside; the section is left out",
                    width + 1, in + 1);
        return false;
    }
    work->has_in &= memcmp(&work->in, &work->ext, sizeof work->in) != 0;
    return true;
}

static bool read_at(struct work *work)
{
    struct importer *importer = work->importer;
    struct buffer out = {0};
    const char *text;
    work->at = "";
    if (work->dip == NULL)
        return true;
    if (!one_address(importer, work->dip, &text)) {
        import_lost(importer, "src_dip",
                    ": a forward is for one IPv4 address of the router, or for all; the section "
                    "is left out");
        return false;
    }
    buffer_print(&out, " at %s", text);
    work->at = keep(importer, &out);
    return true;
}

/* Who may, from outside. */
static bool read_from(struct work *work)
{
    struct importer *importer = work->importer;
    struct match *match = &work->match;
    struct buffer out = {0};
    match_list(importer, match->src, FAMILY_V4, &work->from);
    work->source = work->from.text;
    if (match->set == NULL)
        return true;
    if (match->set_to || match->set->family != FAMILY_V4) {
        import_lost(importer, "ipset",
                    ": it is looked up with what a forward does not ask for; the section is left "
                    "out");
        return false;
    }
    match->set->used = true;
    buffer_print(&out, "%s%s", match->set_invert ? "not " : "", match->set->name);
    work->from = (struct match_side){SIDE_LIST, FAMILY_V4, keep(importer, &out)};
    struct buffer source = {0};
    buffer_print(&source, "%s%s", match->set_invert ? "not " : "", match->set->content);
    work->source = keep(importer, &source);
    return true;
}

/* Whether firewall4 has an IPv4 rule for it. */
static bool is_ipv4(struct work *work)
{
    struct importer *importer = work->importer;
    const struct match *match = &work->match;
    uint8_t named = ranges_families(match->src, false) | ranges_families(match->src, true) |
                    ranges_families(match->dst, false) | ranges_families(work->dip, false);
    if ((match->families & FAMILY_V4) && (work->src->families & FAMILY_V4) && !(named & FAMILY_V6))
        return true;
    import_lost(importer, NULL,
                ": IPv6 is not translated; a `forward` to an IPv6 address opens the way to the host "
                "itself");
    return false;
}

/* Writing it. */

static bool same_claim(const struct import_claim *a, const struct import_claim *b)
{
    return a->zone == b->zone && a->any == b->any && a->proto == b->proto &&
           memcmp(&a->ports, &b->ports, sizeof a->ports) == 0 && strcmp(a->at, b->at) == 0 &&
           strcmp(a->source, b->source) == 0;
}

/* => false: another forward takes exactly this already; remarked */
static bool claim(struct work *work, const struct value_proto *proto)
{
    struct importer *importer = work->importer;
    struct import_claim *made = arena_take(&importer->arena, sizeof *made);
    if (made == NULL)
        return false;
    *made = (struct import_claim){.zone = work->src,
                                  .section = importer->section,
                                  .any = proto->any,
                                  .at = work->at,
                                  .source = work->source,
                                  .conditional = work->match.conditional};
    if (!proto->any)
        made->proto = proto->proto;
    if (has_ports(proto))
        made->ports = work->ext;
    for (const struct import_claim *c = importer->claims; c != NULL; c = c->next) {
        if (c->conditional || !same_claim(c, made))
            continue;
        import_ignored(importer, NULL, "the section on line %u takes the same, and comes first", c->section->line);
        return false;
    }
    made->next = importer->claims;
    importer->claims = made;
    return true;
}

static void write_ports(struct buffer *out, struct policy_ports ports)
{
    buffer_print(out, ports.first == ports.last ? " port %u" : " port %u-%u", ports.first, ports.last);
}

/* Whether devices inside reach it by the outside address. */
static bool is_reflected(const struct work *work)
{
    const char *dest = uci_text(work->importer->section, "dest");
    return options_bool(work->importer->section, "reflection", true) && work->src->masquerade &&
           (dest == NULL || strcmp(dest, "*") != 0);
}

static void write_forward(const struct work *work, const char *protos, bool ports, const char *options)
{
    struct buffer line = {0};
    buffer_print(&line, "forward %s", protos);
    if (ports)
        write_ports(&line, work->ext);
    buffer_print(&line, "%s from %s%s%s to %s", work->at, work->src->name, *work->from.text != '\0' ? " " : "",
                 work->from.text, work->host);
    if (ports && work->has_in)
        write_ports(&line, work->in);
    buffer_print(&line, "%s%s%s", is_reflected(work) ? "" : " no-hairpin", options, work->match.label);
    work->importer->arena.failed |= line.failed;
    import_statement(work->importer, "%s", buffer_text(&line));
    buffer_free(&line);
}

static void write_forwards(const struct work *work, const char *protos, bool ports)
{
    write_forward(work, protos, ports, work->match.options);
    if (work->match.late != NULL)
        write_forward(work, protos, ports, work->match.late);
}

/* The protocols that go into one statement: with ports, or without. */
static void write_protos(struct work *work, bool ports)
{
    struct buffer protos = {0};
    char number[WORDS_PROTOCOL];
    for (const struct match_proto *p = work->match.protos; p != NULL; p = p->next) {
        if (p->proto.any || has_ports(&p->proto) != ports)
            continue;
        if (p->proto.proto == TG_PROTO_ICMP6)
            import_ignored(work->importer, "proto", "and IPv4 addresses exclude each other; firewall4 skips it");
        else if (claim(work, &p->proto))
            buffer_print(&protos, "%s%s", protos.len > 0 ? "," : "", words_protocol_name(p->proto.proto, number));
    }
    if (protos.len > 0)
        write_forwards(work, buffer_text(&protos), ports);
    work->importer->arena.failed |= protos.failed;
    buffer_free(&protos);
}

static void write_all(struct work *work)
{
    for (const struct match_proto *p = work->match.protos; p != NULL; p = p->next) {
        if (!p->proto.any || !claim(work, &p->proto))
            continue;
        struct import_zone *zone = import_zone(work->importer, work->src->uci_name);
        zone->exposed = work->importer->exposed = true;
        import_note(work->importer, "What a rule about the router takes does not reach this host.");
        write_forwards(work, "any", false);
    }
    write_protos(work, true);
    write_protos(work, false);
}

/* Options that change how reflection is done, not what the forward lets in. */
static void reflection_options(const struct work *work)
{
    struct importer *importer = work->importer;
    const char *source = uci_text(importer->section, "reflection_src");
    if (!is_reflected(work))
        return;
    if (source != NULL && value_begins(source, "external"))
        import_lost(importer, "reflection_src", ": the host sees the router's address on its own network");
    if (uci_option(importer->section, "reflection_zone") != NULL)
        import_lost(importer, "reflection_zone", ": devices in all inside zones reach a forward from within");
}

/* Kinds of redirects. */

/* Without a host: connections are taken to the router itself. What is addressed to it needs no more than a rule. */
static bool to_router(struct work *work)
{
    struct importer *importer = work->importer;
    if (!work->src->masquerade && work->dip == NULL)
        import_lost(importer, NULL, ": connections to other addresses are not taken to the router");
    else if (work->has_in)
        import_lost(importer, "dest_port", ": a port of the router goes to no other of its ports");
    else
        return true;
    return false;
}

static void write_to_router(struct work *work)
{
    struct importer *importer = work->importer;
    struct match match = work->match;
    struct buffer ports = {0};
    if (work->has_ext)
        write_ports(&ports, work->ext);
    match.dports = keep(importer, &ports);
    if (!match.family_named)
        match.families = FAMILY_V4;
    match.dst = work->dip;
    match_write(importer, &match, "allow", work->src->name, "router", work->src->families);
}

static enum chapter dnat(struct importer *importer)
{
    const char *src = uci_text(importer->section, "src");
    struct work work = {.importer = importer};
    if (src == NULL || strcmp(src, "*") == 0) {
        import_ignored(importer, "src", "must be one zone; firewall4 skips the section");
        return CHAPTER_REDIRECT;
    }
    work.src = import_zone(importer, src);
    if (work.src->empty) {
        import_note(importer, "Zone '%s' has no interface: nothing ever fits.", work.src->name);
        return CHAPTER_REDIRECT;
    }
    if (uci_option(importer->section, "src_port") != NULL) {
        import_lost(importer, "src_port", ": a forward does not ask for it; the section is left out");
        return CHAPTER_REDIRECT;
    }
    if (!match_read(importer, "tcpudp", &work.match) || !match_addresses(importer, "src_dip", &work.dip) ||
        !read_ports(&work))
        return CHAPTER_REDIRECT;
    if (work.match.dst == NULL) {
        if (to_router(&work))
            write_to_router(&work);
        return CHAPTER_INPUT_REDIRECT;
    }
    if (!is_ipv4(&work) || !read_at(&work) || !read_from(&work))
        return CHAPTER_REDIRECT;
    if (!one_address(importer, work.match.dst, &work.host)) {
        import_lost(importer, "dest_ip", ": a forward goes to one address; the section is left out");
        return CHAPTER_REDIRECT;
    }
    if (!work.src->masquerade && *work.at == '\0')
        import_lost(importer, NULL,
                    ", as far as connections to other addresses than the router's go: a forward takes "
                    "those to the router");
    reflection_options(&work);
    write_all(&work);
    return CHAPTER_REDIRECT;
}

static void one_redirect(struct importer *importer, const struct uci_section *s, enum chapter *chapter)
{
    const char *text = uci_text(s, "target");
    enum value_target target = TARGET_DNAT;
    *chapter = CHAPTER_REDIRECT;
    if (!options_pass(importer, s))
        return;
    if (text != NULL && value_target(text, &target) && target != TARGET_DNAT && target != TARGET_SNAT)
        import_ignored(importer, "target", "is neither DNAT nor SNAT; firewall4 takes it for DNAT");
    if (target != TARGET_SNAT) {
        *chapter = dnat(importer);
        return;
    }
    *chapter = CHAPTER_TRANSLATE;
    import_snat(importer);
}

void import_redirects(struct importer *importer)
{
    for (const struct uci_section *s = importer->firewall.sections; s != NULL; s = s->next) {
        enum chapter chapter;
        if (strcmp(s->type, "redirect") != 0)
            continue;
        import_begin_section(importer, s);
        one_redirect(importer, s, &chapter);
        import_end_section(importer, chapter);
    }
}
