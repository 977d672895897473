/* From conditions to statements. */
#include <string.h>

#include "import/match.h"
#include "rules/icmp.h"
#include "rules/words.h"
#include "tidegate/packet.h"

struct work {
    struct importer *importer;
    const struct match *match;
    const char *action, *from, *to;
    uint8_t families; /* of the zones */
};

static bool is_icmp(const struct value_proto *proto)
{
    return !proto->any && (proto->proto == TG_PROTO_ICMP || proto->proto == TG_PROTO_ICMP6);
}

/* Whether the section's ports are of this protocol. */
static bool takes_ports(const struct match *match, const struct value_proto *proto)
{
    return !proto->any && (proto->proto == TG_PROTO_TCP || proto->proto == TG_PROTO_UDP) &&
           (*match->sports != '\0' || *match->dports != '\0');
}

/* Narrow `families` to those of one more condition; 0 in `others` is no condition.
 * => false if none is left */
static bool narrow(uint8_t *families, uint8_t others)
{
    *families &= others != 0 ? others : FAMILY_BOTH;
    return *families != 0;
}

/* The families of types of ICMP in the list. */
static uint8_t type_families(const struct match *match)
{
    uint8_t families = 0;
    for (const struct uci_value *v = match->types; v != NULL; v = v->next) {
        struct value_icmp icmp;
        value_icmp(v->text, &icmp);
        families |= icmp.families;
    }
    return families;
}

/* The families that the section means for a protocol.
 * => false if its conditions exclude each other: firewall4 skips it for this protocol */
static bool families_of(const struct work *work, const struct value_proto *proto, uint8_t *families)
{
    const struct match *match = work->match;
    bool icmp6 = !proto->any && proto->proto == TG_PROTO_ICMP6;
    *families = icmp6 ? FAMILY_V6 : match->families;
    return narrow(families, ranges_families(match->src, false) | ranges_families(match->src, true)) &&
           narrow(families, ranges_families(match->dst, false) | ranges_families(match->dst, true)) &&
           narrow(families, match->set != NULL ? match->set->family : 0) && narrow(families, work->families) &&
           (!is_icmp(proto) || match->types == NULL || narrow(families, type_families(match)));
}

/* One side of a statement of `families`. */
static void side_of(const struct work *work, bool to, uint8_t families, struct match_side *side)
{
    const struct match *match = work->match;
    struct importer *importer = work->importer;
    struct buffer text = {0};
    match_list(importer, to ? match->dst : match->src, families, side);
    if (match->set == NULL || match->set_to != to)
        return;
    match->set->used = true;
    buffer_print(&text, "%s%s", match->set_invert ? "not " : "", match->set->name);
    side->kind = match->set_invert ? SIDE_NOT : SIDE_LIST;
    side->families = match->set_invert ? FAMILY_BOTH : match->set->family;
    side->text = arena_text(&importer->arena, buffer_text(&text), text.len);
    importer->arena.failed |= text.failed;
    buffer_free(&text);
}

static void line(const struct work *work, const char *protos, const struct match_side *from,
                 const struct match_side *to, bool ports, const char *options)
{
    const struct match *match = work->match;
    import_statement(work->importer, "%s%s%s from %s%s%s%s to %s%s%s%s%s%s", work->action, *protos != '\0' ? " " : "",
                     protos, work->from, *from->text != '\0' ? " " : "", from->text, ports ? match->sports : "",
                     work->to, *to->text != '\0' ? " " : "", to->text, ports ? match->dports : "", options,
                     match->label);
}

static void statement(const struct work *work, const char *protos, uint8_t natural, uint8_t families, bool ports)
{
    struct match_side from, to;
    side_of(work, false, families, &from);
    side_of(work, true, families, &to);
    if ((natural & from.families & to.families) != families)
        match_restrict(work->importer, from.kind == SIDE_ANY || to.kind == SIDE_LIST ? &from : &to, families);
    line(work, protos, &from, &to, ports, work->match->options);
    if (work->match->late != NULL)
        line(work, protos, &from, &to, ports, work->match->late);
}

/* The types of ICMP in one family: a statement. */
static void typed(const struct work *work, uint8_t family)
{
    uint8_t proto = family == FAMILY_V4 ? TG_PROTO_ICMP : TG_PROTO_ICMP6;
    struct buffer protos = {0};
    const char *before = " ";
    buffer_print(&protos, "%s", family == FAMILY_V4 ? "icmp" : "icmp6");
    for (const struct uci_value *v = work->match->types; v != NULL; v = v->next) {
        struct value_icmp icmp;
        value_icmp(v->text, &icmp);
        if (!(icmp.families & family))
            continue;
        const struct value_icmp_type *type = family == FAMILY_V4 ? &icmp.v4 : &icmp.v6;
        const char *name = icmp_name_of(proto, type->type, type->any_code, type->code);
        if (name != NULL)
            buffer_print(&protos, "%s%s", before, name);
        else if (type->any_code)
            buffer_print(&protos, "%s%u", before, type->type);
        else
            buffer_print(&protos, "%s%u/%u", before, type->type, type->code);
        before = ", ";
    }
    statement(work, buffer_text(&protos), family, family, false);
    work->importer->arena.failed |= protos.failed;
    buffer_free(&protos);
}

/* Add a protocol to a list of them; ICMP is two. */
static void add_proto(struct buffer *list, const struct value_proto *proto, uint8_t families, uint8_t *natural)
{
    char number[WORDS_PROTOCOL];
    const char *before = list->len > 0 ? "," : "";
    if (!is_icmp(proto)) {
        buffer_print(list, "%s%s", before, words_protocol_name(proto->proto, number));
        *natural = FAMILY_BOTH;
        return;
    }
    *natural |= families;
    if (families & FAMILY_V4)
        buffer_print(list, "%sicmp", before);
    if (families & FAMILY_V6)
        buffer_print(list, "%sicmp6", families & FAMILY_V4 ? "," : before);
}

/* As many protocols from `first` on as go into one statement.
 * => the first that does not */
static const struct match_proto *untyped(const struct work *work, const struct match_proto *first, uint8_t families)
{
    const struct match_proto *p = first;
    struct buffer protos = {0};
    bool ports = takes_ports(work->match, &first->proto);
    uint8_t natural = 0, others;
    if (first->proto.any) {
        statement(work, "", FAMILY_BOTH, families, false);
        return first->next;
    }
    do {
        add_proto(&protos, &p->proto, families, &natural);
        p = p->next;
    } while (p != NULL && !p->proto.any && takes_ports(work->match, &p->proto) == ports &&
             !(is_icmp(&p->proto) && work->match->types != NULL) && families_of(work, &p->proto, &others) &&
             others == families);
    statement(work, buffer_text(&protos), natural, families, ports);
    work->importer->arena.failed |= protos.failed;
    buffer_free(&protos);
    return p;
}

void match_write(struct importer *importer, const struct match *match, const char *action, const char *from,
                 const char *to, uint8_t families)
{
    const struct work work = {importer, match, action, from, to, families};
    bool skipped = false;
    for (const struct match_proto *p = match->protos; p != NULL;) {
        uint8_t meant;
        if (!families_of(&work, &p->proto, &meant)) {
            skipped = true;
            p = p->next;
        } else if (is_icmp(&p->proto) && match->types != NULL) {
            if (meant & FAMILY_V4)
                typed(&work, FAMILY_V4);
            if (meant & FAMILY_V6)
                typed(&work, FAMILY_V6);
            p = p->next;
        } else {
            p = untyped(&work, p, meant);
        }
    }
    if (skipped)
        import_ignored(importer, NULL,
                       "its protocols, addresses and zones exclude each other by their families; "
                       "firewall4 skips what does");
}
