/* What the parts of the importer share: the files read, what is known of zones and sets, and what was written so far.
 *
 * A section is translated in one go: its statements and the remarks about it are collected, and import_end_section()
 * writes them to the chapter where they belong. Chapters are put together at the very end.
 */
#ifndef IMPORT_INSIDE_H
#define IMPORT_INSIDE_H

#include <stdint.h>

#include "import/buffer.h"
#include "import/import.h"
#include "import/uci.h"
#include "import/values.h"
#include "rules/arena.h"

/* In the order of the rules file. */
enum chapter {
    CHAPTER_SETTINGS, /* sections that make no statement */
    CHAPTER_ZONES,
    CHAPTER_SETS,
    CHAPTER_TRANSLATE,
    CHAPTER_MASQUERADE, /* what a zone that masquerades leaves as it is */
    CHAPTER_OUTPUT_ANY, /* what the router sends: of all zones, of a zone, what is left */
    CHAPTER_OUTPUT,
    CHAPTER_OUTPUT_POLICY,
    CHAPTER_INPUT_ANY, /* what is for the router */
    CHAPTER_INPUT,
    CHAPTER_INPUT_REDIRECT,
    CHAPTER_INPUT_POLICY,
    CHAPTER_FORWARD_ANY, /* what goes through */
    CHAPTER_FORWARD,
    CHAPTER_FORWARDING,
    CHAPTER_REDIRECT,
    CHAPTER_FORWARD_POLICY,
    CHAPTER_LAST,
    CHAPTERS,
};

/* A zone that statements can be made about. */
struct import_zone {
    struct import_zone *next;
    const struct uci_section *section;
    const char *uci_name;
    const char *name; /* in the rules file */
    uint8_t families;
    bool empty; /* it has no interface: nothing is ever of this zone */
    bool masquerade;
    bool exposed; /* a `forward any` begins here */
    enum value_target input, output, forward;
    struct import_interface *interfaces;
    struct import_address *addresses;
};

struct import_interface {
    struct import_interface *next;
    const char *name;
};

struct import_address {
    struct import_address *next;
    struct tg_prefix prefix;
};

/* An ipset that became a set. */
struct import_set {
    struct import_set *next;
    const struct uci_section *section;
    const char *uci_name;
    const char *name;
    uint8_t family; /* FAMILY_V4 or FAMILY_V6 */
    bool to;        /* it is matched with destinations unless a rule says otherwise */
    bool lost;      /* it has no set here; rules that use it are left out */
    bool used;
    const char *notes;      /* the comments on it */
    const char *statements; /* what defines it */
    const char *content;    /* its entries, to tell equal sets by */
};

/* A remark, kept until all are there and can be put in order. */
struct import_remark {
    struct import_remark *next;
    unsigned line;
    const char *text;
};

struct importer {
    struct arena arena;
    const char *path;
    struct uci firewall, network;
    bool has_network;
    bool guessed; /* some zone has the name of a network in place of its interfaces */

    enum value_target input, output, forward; /* the defaults */
    struct import_zone *zones;
    struct import_set *sets;
    const char *ipv4, *ipv6; /* the names of the sets that hold a family */
    bool ipv4_used, ipv6_used;
    bool exposed;                /* some zone is */
    bool to_any_zone;            /* `from any to any` was written */
    struct import_claim *claims; /* what the forwards so far take */

    const struct uci_section *section;           /* being translated */
    struct buffer statements, notes;             /* of it */
    struct import_remark *remarks, *last_remark; /* in the order of lines */
    size_t lost;
    struct buffer chapters[CHAPTERS];
};

/* Sections. */

void import_begin_section(struct importer *importer, const struct uci_section *section);

/* Write the statements and notes of the section to `chapter`. */
void import_end_section(struct importer *importer, enum chapter chapter);

/* A statement of the section, without its newline. */
__attribute__((format(printf, 2, 3))) void import_statement(struct importer *importer, const char *format, ...);

/* "rule 'Allow-Ping'": the type of a section and its name, if it has one. The text is in the arena. */
const char *import_section_name(struct importer *importer, const struct uci_section *section);

/* Remarks on the section. `option` is the name of the one that it is about, or NULL. */

/* Something that firewall4 does and the rules file will not. */
__attribute__((format(printf, 3, 4))) void import_lost(struct importer *importer, const char *option,
                                                       const char *format, ...);
/* Something that firewall4 passes over as well. */
__attribute__((format(printf, 3, 4))) void import_ignored(struct importer *importer, const char *option,
                                                          const char *format, ...);
/* Something that is as it should be, and yet worth a comment in the rules file: not a remark to the user. */
__attribute__((format(printf, 2, 3))) void import_note(struct importer *importer, const char *format, ...);

/* Names and text. */

/* A name for the rules file that is like `wanted`, is a name there, and was not given before. `kind` is what is hung on
 * it where it is a word of the language.
 * => the name, or NULL without memory */
const char *import_name(struct importer *importer, const char *wanted, const char *kind);

/* Text of the user's with nothing in it that may not stand in a rules file, at most `most` bytes of it; in the arena.
 */
const char *import_plain(struct importer *importer, const char *text, size_t most);

/* The zone of that name, or NULL. */
struct import_zone *import_zone(const struct importer *importer, const char *uci_name);

/* Parts, in the order in which they are translated. */

void import_defaults(struct importer *importer);
void import_zones(struct importer *importer);
void import_sets(struct importer *importer);
void import_write_sets(struct importer *importer); /* when all that may use them has been translated */
void import_redirects(struct importer *importer);
void import_rules(struct importer *importer);
void import_forwardings(struct importer *importer);
void import_snat(struct importer *importer); /* the section, a redirect of the source */
void import_nats(struct importer *importer);
void import_policies(struct importer *importer);
void import_others(struct importer *importer);

/* What the network file says of a network: its interface, and its fixed addresses. */
struct import_network {
    const char *interface; /* NULL: none is known */
    struct import_address *addresses;
};
/* => false if there is no such network */
bool import_network(struct importer *importer, const char *name, struct import_network *network);

#endif
