/* What a section asks of a packet, and how the rules language says it.
 *
 * Rules, redirects and nat sections have most conditions in common. They are read once, with firewall4's understanding
 * of them: which families are meant where none is named, and which conditions count for which protocol. A statement of
 * the rules language has one kind of ports and one list of types of ICMP, so that one section may come to be several
 * statements.
 */
#ifndef IMPORT_MATCH_H
#define IMPORT_MATCH_H

#include "import/inside.h"
#include "import/ranges.h"

/* The addresses of one side of a statement. */
struct match_side {
    enum { SIDE_ANY, SIDE_LIST, SIDE_NOT } kind;
    uint8_t families; /* that it leaves by itself */
    const char *text; /* "198.51.100.0/24, office", "not 10.0.0.0/8"; "" for SIDE_ANY */
};

struct match_proto {
    struct match_proto *next;
    struct value_proto proto;
};

struct match {
    uint8_t families;  /* that the section names; FAMILY_BOTH if none */
    bool family_named; /* "any" counts */
    struct match_proto *protos;
    const struct ranges *src, *dst;
    struct import_set *set; /* or NULL */
    bool set_invert, set_to;
    const char *sports, *dports;   /* " port 80, 443", or "" */
    const struct uci_value *types; /* of ICMP */
    const char *options;           /* " limit 10/second …", or "" */
    const char *late;  /* the same with the hours after midnight, for a statement of their own; NULL if there is none */
    bool conditional;  /* it fits at times, or some devices */
    const char *label; /* "  \"Allow-Ping\"", or "" */
};

/* Read the conditions of the section that is being translated. `protos` is what is meant where it names no protocol.
 * => false: it is left out, and said why */
bool match_read(struct importer *importer, const char *protos, struct match *match);

/* Write the statements: ACTION … from FROM … to TO …; `families` are those of the zones. */
void match_write(struct importer *importer, const struct match *match, const char *action, const char *from,
                 const char *to, uint8_t families);

/* The parts, for those who write other statements. */

/* The addresses of an option.
 * => false: they cannot be told; remarked */
bool match_addresses(struct importer *importer, const char *option, const struct ranges **list);
/* A list as a side, of `families` alone. */
void match_list(struct importer *importer, const struct ranges *list, uint8_t families, struct match_side *side);
/* An option's addresses as a side, of `families` alone. => false as above */
bool match_side(struct importer *importer, const char *option, uint8_t families, struct match_side *side);
/* All that a side leaves out in place of what it leaves. */
void match_invert(struct importer *importer, struct match_side *side);
/* The side with everything but `families` left out as well; SIDE_ANY becomes the name of a set. */
void match_restrict(struct importer *importer, struct match_side *side, uint8_t families);

#endif
