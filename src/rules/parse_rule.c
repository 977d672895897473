/* The statements that decide: allow, drop, reject and forward. */
#include "rules/parse.h"

#include <stdio.h>

#include "rules/words.h"

/* Whether the next token can be part of an address list that follows a zone. */
static bool at_addresses(const struct parser *parser)
{
    return parse_at_word(parser) && (parse_at(parser, "not") || !words_reserved(parser->token->place));
}

/* The zone of a side, where it is certain that the next word is one: `any`, `router`, or a name that addresses follow.
 */
static bool side_zone(struct parser *parser, struct side *side)
{
    struct place word = parser->token->place;
    bool built_in = parse_at(parser, "any") || parse_at(parser, "router");
    if (!parse_at_word(parser) || (!built_in && (words_reserved(word) || words_like_address(word))))
        return true;
    struct parser behind = *parser;
    parse_take(&behind);
    if (!built_in && !at_addresses(&behind))
        return true;
    if (!built_in && !words_is_name(word))
        return parse_expected(parser, "a zone or addresses", NULL);
    side->zone = (struct name_ref){parse_copy(parser, word), parse_take(parser)};
    if (built_in && parser->token->kind == TOKEN_COMMA) {
        parse_error(parser, parser->token->place, "a statement takes one zone on each side");
        return false;
    }
    return true;
}

bool parse_side(struct parser *parser, struct side *side, bool ports)
{
    struct place word = parser->token[-1].place;
    const char *what = ports ? "a zone, addresses or 'port'" : "a zone or addresses";
    if (!side_zone(parser, side))
        return false;
    if (at_addresses(parser) && !parse_addresses(parser, &side->addresses, "an address or a name"))
        return false;
    if (ports && parse_accept(parser, "port") && !parse_ports(parser, &side->ports))
        return false;
    side->place = text_span(word, parser->token[-1].place);
    if (side->place.len == word.len) {
        side->place.len = 0;
        return parse_expected(parser, what, NULL);
    }
    return true;
}

/* Whether the next token ends the part of a rule that says which protocol. */
static bool at_sides(const struct parser *parser)
{
    return parse_at_end(parser) || parser->token->kind == TOKEN_QUOTED || parse_at(parser, "from") ||
           parse_at(parser, "to") || parse_at_option(parser);
}

static bool rule_options(struct parser *parser, struct rule_statement *rule, bool *any)
{
    bool found;
    *any = false;
    do {
        if (!parse_option(parser, &rule->options, &found))
            return false;
        *any |= found;
    } while (found);
    return true;
}

/* Options and label, up to the end of the line. `what` can stand here besides. */
static bool rule_end(struct parser *parser, const char *what, const char *const *words, struct rule_statement *rule)
{
    static const char *const options[] = {PARSE_OPTIONS, NULL};
    char quote[COMPLAINT_QUOTE];
    bool any;
    if (!rule_options(parser, rule, &any))
        return false;
    if (parse_at(parser, "no-hairpin")) {
        parse_error(parser, parser->token->place, "'no-hairpin' belongs to a 'forward'");
        return false;
    }
    if (any && (parse_at(parser, "from") || parse_at(parser, "to") || parse_at(parser, "port"))) {
        parse_error(parser, parser->token->place, "'%s' stands before the options",
                    complaint_quote(parser->token->place, quote));
        return false;
    }
    if (parser->token->kind != TOKEN_QUOTED && !parse_at_end(parser))
        return parse_expected(parser, any ? "an option, a label or the end of the line" : what, any ? options : words);
    return parse_label(parser, &rule->label);
}

/* What the rule is of: nothing, `any`, or protocols and services. */
static bool rule_protos(struct parser *parser, struct rule_statement *rule)
{
    bool any = parse_accept(parser, "any"), port = parse_at(parser, "port");
    if (!any && !port && !at_sides(parser) && !parse_protos(parser, &rule->protos, &rule->types))
        return false;
    if (!parse_at(parser, "port") && !(parse_at_word(parser) && words_like_ports(parser->token->place)))
        return true;
    parse_error(parser, parser->token->place,
                "in a rule the port stands behind the side that it belongs to, as in 'tcp from lan to wan port 80'");
    return false;
}

bool parse_rule(struct parser *parser)
{
    static const char *const before_from[] = {"from", "to", PARSE_OPTIONS, NULL};
    static const char *const before_to[] = {"to", "port", PARSE_OPTIONS, NULL};
    static const char *const after_to[] = {"port", PARSE_OPTIONS, NULL};
    struct rule_statement *rule = &parser->statement->rule;
    if (!rule_protos(parser, rule))
        return false;
    bool from = parse_accept(parser, "from");
    if (from && !parse_side(parser, &rule->from, true))
        return false;
    bool to = parse_accept(parser, "to");
    if (to && !parse_side(parser, &rule->to, true))
        return false;
    if (to && !from && parse_at(parser, "from")) {
        parse_error(parser, parser->token->place, "'from' stands before 'to'");
        return false;
    }
    return rule_end(parser,
                    to     ? "'port', an option, a label or the end of the line"
                    : from ? "'to', 'port', an option, a label or the end of the line"
                           : "'from', 'to', an option, a label or the end of the line",
                    to     ? after_to
                    : from ? before_to
                           : before_from,
                    rule);
}

/* Forwards. */

/* `at ADDR`: the one of the router's addresses that connections are taken to. */
static bool forward_at(struct parser *parser, struct forward_statement *forward)
{
    char quote[COMPLAINT_QUOTE];
    struct tg_range range;
    if (!parse_at_word(parser) || !words_like_address(parser->token->place))
        return parse_expected(parser, "an IPv4 address of the router", NULL);
    struct place word = parse_take(parser);
    complaint_quote(word, quote);
    forward->at = word;
    if (!parse_address_word(parser, word, &range))
        return true;
    forward->at_addr = range.first;
    if (!tg_addr_equal(range.first, range.last))
        parse_error(parser, word, "'%s': behind 'at' stands one address", quote);
    else if (range.family != TG_IPV4)
        parse_error(parser, word, "'%s': behind 'at' stands an IPv4 address; IPv6 goes straight to the host", quote);
    else if (tg_addr_is_group(range.family, range.first) || tg_addr_is_unspecified(range.first))
        parse_error(parser, word, "'%s' cannot be an address of the router", quote);
    return true;
}

bool parse_device(struct parser *parser, const char *what, const char *statement, struct address_item **device)
{
    struct address_list list = {0};
    char quote[COMPLAINT_QUOTE];
    if (parse_at(parser, "not") || !at_addresses(parser))
        return parse_expected(parser, what, NULL);
    if (!parse_addresses(parser, &list, what))
        return false;
    *device = list.items;
    if (list.items == NULL)
        return true; /* complained of */
    complaint_quote(list.place, quote);
    const struct tg_range *range = &list.items->range;
    if (list.items->next != NULL)
        parse_error(parser, list.place, "%s goes to one host; '%s' is several", statement, quote);
    else if (list.items->name == NULL && !tg_addr_equal(range->first, range->last))
        parse_error(parser, list.place, "%s goes to one host; '%s' is more than one address", statement, quote);
    else if (list.items->name == NULL &&
             (tg_addr_is_group(range->family, range->first) || tg_addr_is_unspecified(range->first)))
        parse_error(parser, list.place, "'%s' cannot be the address of one device", quote);
    return true;
}

/* HOST: a name, or one address. */
static bool forward_host(struct parser *parser, struct forward_statement *forward)
{
    if (parse_at(parser, "router")) {
        parse_error(parser, parser->token->place,
                    "a forward goes to another device; 'allow ... to router port ...' opens a port of the router");
        return false;
    }
    return parse_device(parser, "the host to forward to: its name or one address", "a forward", &forward->host);
}

static bool forward_options(struct parser *parser, struct forward_statement *forward)
{
    static const char *const before[] = {"port", "no-hairpin", PARSE_OPTIONS, NULL}, *const *const behind = before + 1;
    const char *or_port = forward->in.items == NULL ? "'port', " : "";
    char what[96];
    while (!parse_at_end(parser) && parser->token->kind != TOKEN_QUOTED) {
        bool found;
        if (!parse_option(parser, &forward->options, &found))
            return false;
        if (!found && !parse_at(parser, "no-hairpin")) {
            snprintf(what, sizeof what, "%s'no-hairpin', an option, a label or the end of the line", or_port);
            return parse_expected(parser, what, *or_port != '\0' ? before : behind);
        }
        or_port = "";
        if (found)
            continue;
        if (forward->no_hairpin)
            parse_error(parser, parser->token->place, "'no-hairpin' stands here twice");
        forward->no_hairpin = true;
        parse_take(parser);
    }
    return parse_label(parser, &forward->label);
}

static bool forward_from(struct parser *parser, struct forward_statement *forward)
{
    static const char *const words[] = {"port", "at", "from", NULL};
    if (!parse_accept(parser, "from"))
        return parse_expected(parser,
                              forward->at.len > 0                          ? "'from'"
                              : forward->any || forward->ext.items != NULL ? "'at' or 'from'"
                                                                           : "'port', 'at' or 'from'",
                              words);
    if (!parse_side(parser, &forward->from, false))
        return false;
    if (parse_at(parser, "port")) {
        parse_error(parser, parser->token->place, "a forward does not ask for the port that a client speaks from");
        return false;
    }
    return true;
}

bool parse_forward(struct parser *parser)
{
    static const char *const to[] = {"to", NULL};
    struct forward_statement *forward = &parser->statement->forward;
    forward->any = parse_accept(parser, "any");
    if (!forward->any && !parse_protos(parser, &forward->protos, NULL))
        return false;
    if (parse_accept(parser, "port") && !parse_ports(parser, &forward->ext))
        return false;
    if (parse_accept(parser, "at") && !forward_at(parser, forward))
        return false;
    if (!forward_from(parser, forward))
        return false;
    if (!parse_accept(parser, "to"))
        return parse_expected(parser, "'to' and the host to forward to", to);
    if (!forward_host(parser, forward))
        return false;
    if (parse_accept(parser, "port") && !parse_ports(parser, &forward->in))
        return false;
    if (forward->in.items != NULL && forward->in.items->next != NULL)
        parse_error(parser, forward->in.place, "the port of the host is one port or one range");
    return forward_options(parser, forward);
}
