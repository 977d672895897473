/* The parts that printed statements are made of: the growing text, items, and lists of them (print.h). */
#ifndef RULES_PRINT_PART_H
#define RULES_PRINT_PART_H

#include "rules/complaint.h"
#include "rules/print.h"

/* Add to the line as it stands: bytes, a text, a short text that is put together (numbers and addresses; 255 bytes). */
void print_bytes(struct print *out, const char *bytes, size_t len);
void print_text(struct print *out, const char *text);
COMPLAINT_PRINTF(2, 3)
void print_format(struct print *out, const char *format, ...);

/* Begin the next word of the line: with a blank, unless it is the first. Add one; one in quotes. */
void print_gap(struct print *out);
void print_word(struct print *out, const char *text);
void print_quoted(struct print *out, const char *text);

/* What stands between two items of a list, if there are more. */
void print_comma(struct print *out, bool more);

/* Items, without a blank before them. */
void print_port_range(struct print *out, const struct policy_ports *ports);
void print_protocol(struct print *out, uint8_t proto);

/* Lists, each as further words of the line. */
void print_addresses(struct print *out, const struct address_item *items);
void print_ports(struct print *out, const struct port_item *items);
void print_protos(struct print *out, const struct proto_list *list);
void print_types(struct print *out, const struct type_item *items, const struct proto_list *of);

/* `port PORTS`, if there are any. */
void print_port_option(struct print *out, const struct port_list *list);

/* [ZONE] [ADDRESSES] [port PORTS]; and the same behind its word, `from` or `to`, if anything was written. */
void print_side_parts(struct print *out, const struct side *side);
void print_side(struct print *out, const char *which, const struct side *side);

/* The options of a rule or forward, and its label (print_option.c). */
void print_options(struct print *out, const struct options *options, const struct name_ref *label);

/* A label, if there is one. */
void print_label(struct print *out, const struct name_ref *label);

#endif
