/* Lists: addresses, ports, protocols, types of ICMP. An item that is wrong is complained of and left out; the list goes
 * on. */
#include "rules/parse.h"

#include <stdio.h>
#include <string.h>

#include "rules/icmp.h"
#include "rules/words.h"
#include "tidegate/packet.h"

/* Whether an item may be here: a word that is no keyword. */
static bool at_item(const struct parser *parser)
{
    return parse_at_word(parser) && !words_reserved(parser->token->place);
}

/* Set the place of a list: from its first token to the one that was stepped over last. */
static struct place since(const struct parser *parser, struct place first)
{
    return text_span(first, parser->token[-1].place);
}

/* Addresses. */

static bool address_item(struct parser *parser, struct address_item ***tail)
{
    struct place word = parse_take(parser);
    struct address_item item = {.place = word};
    char quote[COMPLAINT_QUOTE];
    if (words_like_address(word)) {
        if (!parse_address_word(parser, word, &item.range))
            return true;
    } else if (words_is_name(word)) {
        item.name = parse_copy(parser, word);
    } else {
        parse_error(parser, word, "'%s' is neither an address nor a name", complaint_quote(word, quote));
        return true;
    }
    struct address_item *added = arena_take(&parser->tree->arena, sizeof *added);
    if (added == NULL)
        return false;
    *added = item;
    **tail = added;
    *tail = &added->next;
    return true;
}

bool parse_addresses(struct parser *parser, struct address_list *list, const char *what)
{
    struct place first = parser->token->place;
    struct address_item **tail = &list->items;
    list->outside = parse_accept(parser, "not");
    do {
        if (parse_at(parser, "not")) {
            parse_error(parser, parser->token->place, "'not' stands once, before the whole list");
            return false;
        }
        if (!at_item(parser))
            return parse_expected(parser, what, NULL);
        if (!address_item(parser, &tail))
            return false;
    } while (parse_accept_comma(parser));
    list->place = since(parser, first);
    return true;
}

/* Ports. */

static bool port_number(struct parser *parser, struct place word, const char *digits, size_t len, uint16_t *port)
{
    uint32_t number = 0;
    for (size_t i = 0; i < len && number <= 65535; i++)
        number = number * 10 + (uint32_t)(digits[i] - '0');
    if (number > 65535) {
        int shown = len < 20 ? (int)len : 20;
        parse_error(parser, word, "there is no port %.*s%s; ports are 0-65535", shown, digits, len > 20 ? "..." : "");
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

bool parse_port_word(struct parser *parser, struct place word, struct policy_ports *ports)
{
    const char *s = text_at(word);
    size_t first = 0, last;
    char quote[COMPLAINT_QUOTE];
    while (first < word.len && s[first] >= '0' && s[first] <= '9')
        first++;
    if (!port_number(parser, word, s, first, &ports->first))
        return false;
    ports->last = ports->first;
    if (first == word.len)
        return true;

    for (last = first + 1; last < word.len && s[last] >= '0' && s[last] <= '9'; last++)
        ;
    if (first == 0 || s[first] != '-' || last == first + 1 || last != word.len) {
        parse_error(parser, word, "'%s' is no port; a range is written 8000-8010", complaint_quote(word, quote));
        return false;
    }
    if (!port_number(parser, word, s + first + 1, last - first - 1, &ports->last))
        return false;
    if (ports->first > ports->last) {
        parse_error(parser, word, "'%s' is no range of ports: its first port comes after its last",
                    complaint_quote(word, quote));
        return false;
    }
    return true;
}

/* Whether the word can only be meant as numbers of ports: no letter in it. */
static bool like_ports(struct place word)
{
    for (uint32_t i = 0; i < word.len; i++) {
        if (strchr("0123456789-:.", text_at(word)[i]) == NULL)
            return false;
    }
    return true;
}

static bool port_item(struct parser *parser, struct port_item ***tail)
{
    struct place word = parse_take(parser);
    struct port_item item = {.place = word};
    char quote[COMPLAINT_QUOTE];
    if (like_ports(word)) {
        if (!parse_port_word(parser, word, &item.ports))
            return true;
    } else if (words_is_name(word)) {
        item.name = parse_copy(parser, word);
    } else {
        parse_error(parser, word, "'%s' is neither a port nor the name of a service", complaint_quote(word, quote));
        return true;
    }
    struct port_item *added = arena_take(&parser->tree->arena, sizeof *added);
    if (added == NULL)
        return false;
    *added = item;
    **tail = added;
    *tail = &added->next;
    return true;
}

bool parse_ports(struct parser *parser, struct port_list *list)
{
    struct place first = parser->token->place;
    struct port_item **tail = &list->items;
    do {
        if (!at_item(parser))
            return parse_expected(parser, "a port, a range of ports or a service", NULL);
        if (!port_item(parser, &tail))
            return false;
    } while (parse_accept_comma(parser));
    list->place = since(parser, first);
    if (parse_at_word(parser) && like_ports(parser->token->place))
        return parse_expected(parser, "',' between ports", NULL);
    return true;
}

bool parse_port(struct parser *parser, struct port_list *list)
{
    struct port_item **tail = &list->items;
    if (!at_item(parser))
        return parse_expected(parser, "a port or a service", NULL);
    list->place = parser->token->place;
    return port_item(parser, &tail);
}

/* Types of ICMP. */

/* Split TYPE/CODE.
 * => false if the code is none */
static bool split_code(struct place word, struct place *type, int *code)
{
    const char *slash = memchr(text_at(word), '/', word.len);
    *type = word;
    *code = -1;
    if (slash == NULL)
        return true;
    type->len = (uint32_t)(slash - text_at(word));
    struct place digits = {word.text, word.at + type->len + 1, word.len - type->len - 1};
    uint32_t number;
    if (!words_number(digits, &number) || number > 255)
        return false;
    *code = (int)number;
    return true;
}

static void unknown_type(struct parser *parser, struct place word, struct place name_place, uint8_t proto,
                         const char *name)
{
    bool v4 = proto == TG_PROTO_ICMP;
    const char *here = v4 ? "icmp" : "icmp6", *there = v4 ? "icmp6" : "icmp";
    char quote[COMPLAINT_QUOTE], hint[NEAR_HINT];
    struct near near = near_to(text_at(name_place), name_place.len);
    icmp_near(&near, proto);
    near_try(&near, "from");
    if (icmp_named(v4 ? TG_PROTO_ICMP6 : TG_PROTO_ICMP, name) != NULL)
        parse_error(parser, word, "'%s' is a type of %s, not of %s", name, there, here);
    else
        parse_error(parser, word, "'%s' is no type of %s%s", complaint_quote(word, quote), here,
                    near_hint(&near, hint));
}

bool parse_type_word(struct parser *parser, struct place word, uint8_t proto, struct type_item *type)
{
    struct place name_place;
    int code;
    uint32_t number;
    char name[48], quote[COMPLAINT_QUOTE];
    bool good = split_code(word, &name_place, &code);
    if (good && words_number(name_place, &number) && number <= 255) {
        *type = (struct type_item){.place = word, .type = (uint8_t)number, .any_code = true};
    } else if (good && name_place.len < sizeof name) {
        snprintf(name, sizeof name, "%.*s", (int)name_place.len, text_at(name_place));
        const struct icmp_type *known = icmp_named(proto, name);
        if (known == NULL) {
            unknown_type(parser, word, name_place, proto, name);
            return false;
        }
        *type =
            (struct type_item){.place = word, .type = known->type, .code = known->code, .any_code = known->any_code};
    } else {
        good = false;
    }
    if (!good || (code >= 0 && !type->any_code)) {
        parse_error(parser, word, "'%s' is no type: TYPE or TYPE/CODE, each a number from 0 to 255 or a type's name",
                    complaint_quote(word, quote));
        return false;
    }
    if (code >= 0) {
        type->any_code = false;
        type->code = (uint8_t)code;
    }
    return true;
}

static bool type_list(struct parser *parser, uint8_t proto, struct type_item **types)
{
    struct type_item **tail = types;
    do {
        struct type_item type = {0};
        if (!at_item(parser))
            return parse_expected(parser, "a type of ICMP", NULL);
        if (!parse_type_word(parser, parse_take(parser), proto, &type))
            return false; /* it may have been meant for `from` */
        struct type_item *added = arena_take(&parser->tree->arena, sizeof *added);
        if (added == NULL)
            return false;
        *added = type;
        *tail = added;
        tail = &added->next;
    } while (parse_accept_comma(parser));
    return true;
}

/* Protocols. */

/* Read one protocol or service.
 * => true with *item; *found is false if it was complained of and the list may go on */
static bool proto_word(struct parser *parser, struct proto_item *item, bool *found)
{
    struct place word = parser->token->place;
    char quote[COMPLAINT_QUOTE];
    int proto = parse_at_word(parser) ? words_protocol(word) : -1;
    *item = (struct proto_item){.place = word};
    *found = true;
    if (proto >= 0) {
        item->proto = (uint8_t)proto;
    } else if (at_item(parser) && words_is_name(word)) {
        item->service = parse_copy(parser, word);
    } else if (words_like_ports(word)) {
        complaint_quote(word, quote);
        parse_error(parser, word, "'%s' is a port; before it stands its protocol, as in 'tcp port %s'", quote, quote);
        return false;
    } else if (at_item(parser)) {
        parse_error(parser, word, "'%s' is neither a protocol nor a service", complaint_quote(word, quote));
        *found = false;
    } else {
        return parse_expected(parser, "a protocol or a service", words_protocols);
    }
    parse_take(parser);
    return true;
}

static bool has_types(uint8_t proto)
{
    return proto == TG_PROTO_ICMP || proto == TG_PROTO_ICMP6;
}

bool parse_protos(struct parser *parser, struct proto_list *list, struct type_item **types)
{
    struct place first = parser->token->place;
    struct proto_item **tail = &list->items, item = {0};
    do {
        bool found;
        if (!proto_word(parser, &item, &found))
            return false;
        if (!found)
            continue;
        struct proto_item *added = arena_take(&parser->tree->arena, sizeof *added);
        if (added == NULL)
            return false;
        *added = item;
        *tail = added;
        tail = &added->next;
    } while (parse_accept_comma(parser));
    list->place = since(parser, first);

    bool may = list->items != NULL && item.service == NULL && has_types(item.proto) && at_item(parser);
    if (!may)
        return true;
    if (types == NULL || list->items->next != NULL) {
        parse_error(parser, parser->token->place, "%s",
                    types == NULL ? "a forward takes all of a protocol; leave the type out"
                                  : "types of ICMP want a statement of their own, without other protocols");
        return false;
    }
    return type_list(parser, list->items->proto, types);
}
