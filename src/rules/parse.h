/* From the words of a line to a statement of the tree.
 *
 * The parser goes through a line once, from left to right, and never back. Each of its functions returns true where it
 * has read its part and the line may go on, and false where nothing sensible can be read any more: then the complaint
 * has been made (or memory ran out, which the arena knows), and the line is given up. A mistake that leaves no doubt
 * about where the next part begins (a number out of range, an option that is not there yet) is complained of, and
 * reading goes on, so that several mistakes of one line are found in one run.
 *
 * Files: parse.c, what all statements share and the choice between them; parse_list.c, lists of addresses, ports,
 * protocols and types; parse_name.c, the statements that name something, and `default`; parse_rule.c, allow, drop,
 * reject and forward; parse_option.c, what may stand at their ends; probe.c, packets and `expect`; literal.c, addresses
 * as written; literal_file.c, files full of them.
 */
#ifndef RULES_PARSE_H
#define RULES_PARSE_H

#include "rules/lex.h"
#include "rules/near.h"
#include "rules/tree.h"

struct parser {
    struct tree *tree;
    const struct token *first; /* of the line */
    const struct token *token; /* the next one; the last is TOKEN_END, and is never left behind */
    struct statement *statement;
    bool muted; /* the line is spoilt: read it for the name that it defines, and say no more */
};

/* Parse a text into `file`. Included files are read by include.c afterwards.
 * => false if memory ran out */
bool parse_file(struct tree *tree, const struct text *text, struct file *file);

/* Begin with a line of tokens. */
struct parser parse_begin(struct tree *tree, struct statement *statement, const struct token *tokens, bool muted);

/* Say that something is wrong with a place, and that the statement is broken. */
COMPLAINT_PRINTF(3, 4)
void parse_error(struct parser *parser, struct place place, const char *format, ...);
COMPLAINT_PRINTF(3, 4)
void parse_warning(struct parser *parser, struct place place, const char *format, ...);

/* Say that `what` was expected where the next token is, with the near one of `words` (up to a closing NULL; or NULL).
 * => false */
bool parse_expected(struct parser *parser, const char *what, const char *const *words);

/* Whether the next token is this word; a word of any kind. */
bool parse_at(const struct parser *parser, const char *word);
bool parse_at_word(const struct parser *parser);
bool parse_at_end(const struct parser *parser);

/* Step over the next token.
 * => its place */
struct place parse_take(struct parser *parser);

/* Step over the next token if it is this word.
 * => true if it was */
bool parse_accept(struct parser *parser, const char *word);
bool parse_accept_comma(struct parser *parser);

/* Copy a word, or the inside of a quoted text.
 * => the copy, or NULL without memory */
const char *parse_copy(struct parser *parser, struct place place);

/* The name that a statement defines; and the `=` behind it. */
bool parse_new_name(struct parser *parser, const char *kind);
bool parse_equals(struct parser *parser, const char *kind);

/* A quoted text, where one is next: `what` in words ("a label"). */
void parse_quoted(struct parser *parser, const char *what, struct name_ref *text);

/* A label at the end of a statement, where one is. */
bool parse_label(struct parser *parser, struct name_ref *label);

/* `10s`, `2h4m`: `what` in words ("how long"). At least a second, and at most 30 days. */
bool parse_duration(struct parser *parser, const char *what, struct duration *duration);

/* Lists (parse_list.c). */
bool parse_addresses(struct parser *parser, struct address_list *list, const char *what);
bool parse_ports(struct parser *parser, struct port_list *list);
bool parse_port(struct parser *parser, struct port_list *list); /* one, where a comma leads to something else */
bool parse_protos(struct parser *parser, struct proto_list *list, struct type_item **types);

/* Behind `from` or `to`, which has been stepped over: [ZONE] [ADDRESSES], and [port PORTS] if these may be. */
bool parse_side(struct parser *parser, struct side *side, bool ports);

/* One device, by its name or its address: `what` in words; `statement` says whose it is ("a forward"). */
bool parse_device(struct parser *parser, const char *what, const char *statement, struct address_item **device);

/* Options of rules and forwards (parse_option.c): one of them, if the next token begins one. An option that is said
 * twice is complained of.
 * => true with *found, whether there was one */
bool parse_option(struct parser *parser, struct options *options, bool *found);
bool parse_at_option(const struct parser *parser);

/* The words that begin an option, for lists of words that were expected. */
#define PARSE_OPTIONS "limit", "max", "during", "mac", "after", "log"

/* `DAY HH:MM`: a minute of the week. */
bool parse_moment(struct parser *parser, uint16_t *minute);

/* "mon" for 0; "second" for 1. */
const char *parse_day_name(unsigned day);
const char *parse_unit_name(uint32_t seconds);

/* One word, for lists and for probes. `word` has been stepped over.
 * => false: complained of */
bool parse_address_word(struct parser *parser, struct place word, struct tg_range *range);
bool parse_port_word(struct parser *parser, struct place word, struct policy_ports *ports);
bool parse_type_word(struct parser *parser, struct place word, uint8_t proto, struct type_item *type);

/* ADDR/LEN; or ADDR, then `*bare` is true and the length is that of all its bits (literal.c). */
bool parse_prefix_word(struct parser *parser, struct place word, struct tg_prefix *prefix, bool *bare);

/* The file that a set is read from: an address, a prefix or a range a line, `#` before comments (literal_file.c). Only
 * the first complaints are told, and how many lines more are wrong.
 * => false if memory ran out */
bool parse_address_file(struct tree *tree, const struct text *text, struct address_file *file);

/* Statements. The first word has been stepped over. */
bool parse_zone(struct parser *parser);
bool parse_host(struct parser *parser);
bool parse_set(struct parser *parser);
bool parse_service(struct parser *parser);
bool parse_default(struct parser *parser);
bool parse_rule(struct parser *parser);
bool parse_forward(struct parser *parser);
bool parse_translate(struct parser *parser);
bool parse_map(struct parser *parser);
bool parse_nat(struct parser *parser);
bool parse_timeout(struct parser *parser);
bool parse_connections(struct parser *parser);
bool parse_helper(struct parser *parser);
bool parse_detect(struct parser *parser);
bool parse_knock(struct parser *parser);
bool parse_include(struct parser *parser);
bool parse_expect(struct parser *parser);

/* A packet, and what becomes of it (probe.c). Both need a policy that knows the file's zones and hosts; what follows is
 * left for the caller to read. */
bool parse_probe(struct parser *parser, const struct tg_policy *policy, struct tg_probe *probe);
/* `at DAY HH:MM`, if that is next. */
bool parse_probe_time(struct parser *parser, struct tg_probe *probe);
bool parse_outcome(struct parser *parser, const struct tg_policy *policy, struct policy_expectation *expectation);

#endif
