/* Rules in their canonical form.
 *
 * A statement is printed from its tree, not from its text: one spelling for each thing that can be said, whatever way
 * it was written. What is printed means the same, and printed again it is the same.
 *
 *   - One blank between words, lists as `a, b`; protocols alone are joined without a blank, as `tcp,udp`.
 *   - The parts of a statement in the order of the language's page, the label last; words that say nothing (`allow any
 *     from lan`) are left out, names are kept as they are.
 *   - Addresses as RFC 5952 has them, a network by its first address, protocols and types of ICMP by name where they
 *     have one. A range stays a range: whoever wrote 192.168.1.10-192.168.1.11 does not think of a /31.
 *   - A statement on one line stays on one line. One that was continued with `\` is so again, where it is longer than
 *     PRINT_WIDTH.
 *   - Comments are kept to the letter: alone on their line they begin at its first column, behind a statement two
 * blanks after it. Blank lines keep groups apart, one at a time; none begin or end a file.
 *   - An `include` is printed as such; what it includes is a file of its own.
 *   - Lines end with LF, the last one too.
 *
 * A new kind of statement gets a function here, which adds its words, in a place that the compiler of C asks for; a new
 * option gets its words where those of the same statement are. Lines, comments and folding are seen to for all alike.
 */
#ifndef RULES_PRINT_H
#define RULES_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/tree.h"

#define PRINT_WIDTH 100 /* characters in a line of a continued statement */

/* What has been printed; begins all zero. */
struct print {
    char *bytes; /* `len` of them, and a closing 0; NULL as long as nothing was printed */
    size_t len, room;
    bool failed; /* memory ran out, and something is missing */
};

void print_free(struct print *out);

/* Print a rules file from its bytes; `path` is its name. What it includes is not looked at.
 * => 0; -EINVAL if it has errors, nothing is printed then, tg_rules_load() tells them; or -ENOMEM */
int print_rules(struct print *out, const char *path, const char *bytes, size_t len);

/* Print a statement without errors on one line, without comment and newline. */
void print_statement(struct print *out, const struct statement *st);

/* Parts of a forward, for a table: what it takes ("tcp 8080, 8443 at 203.0.113.2"), from where ("wan office"), whereto
 * ("camera port 80"), and its options, the label not counted. */
void print_forward_taken(struct print *out, const struct forward_statement *forward);
void print_forward_from(struct print *out, const struct forward_statement *forward);
void print_forward_to(struct print *out, const struct forward_statement *forward);
void print_forward_options(struct print *out, const struct forward_statement *forward);

/* A protocol or service, a port, an address or name: one item of a list. */
void print_proto(struct print *out, const struct proto_item *item);
void print_port(struct print *out, const struct port_item *item);
void print_address(struct print *out, const struct address_item *item);

#endif
