/* The statements that give something a name, and those of one word or two: zone, host, set, service, default, include.
 */
#include "rules/parse.h"

#include <string.h>

#include "rules/services.h"
#include "rules/words.h"
#include "tidegate/packet.h"

/* Zones. */

#define INTERFACE_LONGEST 15 /* the kernel's IFNAMSIZ, without the closing 0 */

/* Whether a word may be an interface, or a pattern for some. */
static bool is_interface(struct place word)
{
    const char *s = text_at(word);
    for (uint32_t i = 0; i < word.len; i++) {
        bool last = i + 1 == word.len;
        if (s[i] == '/' || s[i] == ':' || (unsigned char)s[i] > 0x7e || (s[i] == '*' && !last))
            return false;
    }
    return word.len <= INTERFACE_LONGEST + (s[word.len - 1] == '*');
}

static bool interfaces(struct parser *parser)
{
    struct interface_item **tail = &parser->statement->zone.interfaces;
    char quote[COMPLAINT_QUOTE];
    do {
        if (!parse_at_word(parser) || words_reserved(parser->token->place))
            return parse_expected(parser, "an interface", NULL);
        struct place word = parse_take(parser);
        if (!is_interface(word)) {
            parse_error(parser, word,
                        "'%s' cannot be an interface: it is at most %d letters, without '/' and ':'; '*' may end it",
                        complaint_quote(word, quote), INTERFACE_LONGEST);
            continue;
        }
        struct interface_item *item = arena_take(&parser->tree->arena, sizeof *item);
        if (item == NULL)
            return false;
        *item = (struct interface_item){.place = word, .name = parse_copy(parser, word)};
        *tail = item;
        tail = &item->next;
    } while (parse_accept_comma(parser));
    return true;
}

/* Why an address cannot be the router's own, or NULL. */
static const char *not_own(const struct tg_prefix *prefix)
{
    struct tg_range net = tg_prefix_range(prefix);
    bool v4 = prefix->family == TG_IPV4;
    if (tg_addr_is_group(prefix->family, prefix->addr))
        return "it is a multicast or broadcast address";
    if (tg_addr_is_unspecified(prefix->addr))
        return "it is the address of nobody";
    if (v4 && prefix->len < 31 && tg_addr_equal(prefix->addr, net.first))
        return "it is that of the network itself; the router's own is wanted, like 192.168.1.1/24";
    if (v4 && prefix->len < 31 && tg_addr_equal(prefix->addr, net.last))
        return "it is the network's broadcast address";
    return NULL;
}

static bool own_address(struct parser *parser, struct own_address ***tail)
{
    struct place word = parse_take(parser);
    struct own_address address = {.place = word};
    bool bare;
    char quote[COMPLAINT_QUOTE];
    complaint_quote(word, quote);
    if (!parse_prefix_word(parser, word, &address.prefix, &bare))
        return true;
    const char *why = not_own(&address.prefix);
    if (bare) {
        unsigned most = address.prefix.family == TG_IPV4 ? 32 : 128;
        parse_error(parser, word,
                    "'%s': the length of the network behind is missing; write %s/%u, or /%u if there is none", quote,
                    quote, most == 32 ? 24 : 64, most);
    } else if (why != NULL) {
        parse_error(parser, word, "'%s' cannot be the router's own address: %s", quote, why);
    }
    struct own_address *added = arena_take(&parser->tree->arena, sizeof *added);
    if (added == NULL)
        return false;
    *added = address;
    **tail = added;
    *tail = &added->next;
    return true;
}

static bool own_addresses(struct parser *parser)
{
    struct own_address **tail = &parser->statement->zone.addresses;
    while (*tail != NULL)
        tail = &(*tail)->next;
    do {
        if (!parse_at_word(parser) || !words_like_address(parser->token->place))
            return parse_expected(parser, "an address with its network's length, like 192.168.1.1/24", NULL);
        if (!own_address(parser, &tail))
            return false;
    } while (parse_accept_comma(parser));
    return true;
}

/* `on-failure open|closed`; `before` says that it was there already. */
static bool on_failure(struct parser *parser, struct place word, bool before)
{
    static const char *const words[] = {"open", "closed", NULL};
    struct zone_statement *zone = &parser->statement->zone;
    zone->open_on_failure = parse_accept(parser, "open");
    if (!zone->open_on_failure && !parse_accept(parser, "closed"))
        return parse_expected(parser, "'open' or 'closed'", words);
    if (before)
        parse_error(parser, text_span(word, parser->token[-1].place), "'on-failure' is already said before");
    return true;
}

static bool zone_options(struct parser *parser)
{
    static const char *const options[] = {"address", "masquerade", "mss-clamp", "on-failure", NULL};
    struct zone_statement *zone = &parser->statement->zone;
    bool failure_said = false;
    while (!parse_at_end(parser)) {
        struct place word = parser->token->place;
        if (parse_accept(parser, "address")) {
            if (!own_addresses(parser))
                return false;
        } else if (parse_accept(parser, "masquerade")) {
            zone->masquerade = true;
        } else if (parse_accept(parser, "mss-clamp")) {
            zone->mss_clamp = true;
        } else if (parse_accept(parser, "on-failure")) {
            if (!on_failure(parser, word, failure_said))
                return false;
            failure_said = true;
        } else {
            return parse_expected(parser, "',', 'address', 'masquerade', 'mss-clamp' or 'on-failure'", options);
        }
    }
    return true;
}

bool parse_zone(struct parser *parser)
{
    static const char *const on[] = {"on", NULL};
    if (!parse_new_name(parser, "zone"))
        return false;
    if (!parse_accept(parser, "on"))
        return parse_expected(parser, "'on' and the zone's interfaces", on);
    return interfaces(parser) && zone_options(parser);
}

/* The path of a file. */
static bool path(struct parser *parser, struct name_ref *ref)
{
    if (parser->token->kind != TOKEN_QUOTED)
        return parse_expected(parser, "the path of a file in quotes", NULL);
    struct place place = parse_take(parser);
    if (place.len <= 2) {
        parse_error(parser, place, "the path of a file is empty");
        return false;
    }
    *ref = (struct name_ref){parse_copy(parser, place), place};
    return true;
}

/* Hosts and sets. */

static bool is_single(const struct tg_range *range)
{
    return tg_addr_equal(range->first, range->last);
}

/* Whether the item can be the address of a host, beside those before it. */
static void check_host_address(struct parser *parser, const struct address_item *items, const struct address_item *item)
{
    char quote[COMPLAINT_QUOTE];
    complaint_quote(item->place, quote);
    if (item->name != NULL || !is_single(&item->range)) {
        parse_error(parser, item->place, "'%s': a host is one device, with its addresses in figures; %s", quote,
                    item->name != NULL ? "'set' makes a list of names" : "'set' takes whole networks");
        return;
    }
    if (tg_addr_is_group(item->range.family, item->range.first) || tg_addr_is_unspecified(item->range.first))
        parse_error(parser, item->place, "'%s' cannot be the address of one device", quote);
    for (; items != item; items = items->next) {
        if (items->name == NULL && items->range.family == item->range.family) {
            parse_error(parser, item->place, "'%s': a host has one IPv%u address at most; 'set' takes more", quote,
                        item->range.family);
            return;
        }
    }
}

bool parse_host(struct parser *parser)
{
    struct statement *st = parser->statement;
    struct address_list list = {0};
    if (!parse_new_name(parser, "host") || !parse_equals(parser, "host") ||
        !parse_addresses(parser, &list, "an address, like 192.168.1.50"))
        return false;
    if (list.outside)
        parse_error(parser, list.place, "a host is an address; 'not' stands where the name is used");
    st->addresses = list.items;
    for (const struct address_item *item = list.items; item != NULL; item = item->next)
        check_host_address(parser, list.items, item);
    return true;
}

bool parse_set(struct parser *parser)
{
    struct address_list list = {0};
    if (!parse_new_name(parser, "set"))
        return false;
    if (parse_accept(parser, "from"))
        return path(parser, &parser->statement->path);
    if (!parse_equals(parser, "set") || !parse_addresses(parser, &list, "an address, a prefix, a range or a name"))
        return false;
    if (list.outside)
        parse_error(parser, list.place, "a set is a list; 'not' stands where the name is used");
    parser->statement->addresses = list.items;
    return true;
}

/* Services: `tcp 80, 8080-8089, udp 53`, `tcp,udp 5060`, `esp`. Protocols are joined by commas until ports come. */

#define JOINED_MOST 4 /* tcp, udp, sctp, udplite: the protocols that have ports */

struct joined {
    uint8_t protos[JOINED_MOST];
    size_t count;
};

static void join(struct joined *joined, uint8_t proto)
{
    for (size_t i = 0; i < joined->count; i++) {
        if (joined->protos[i] == proto)
            return;
    }
    joined->protos[joined->count++] = proto;
}

/* The protocol, by name, that a token is; a number would be a port.
 * => its number, or -1 */
static int protocol_of(const struct token *token)
{
    uint32_t number;
    if (token->kind != TOKEN_WORD || words_number(token->place, &number))
        return -1;
    return words_protocol(token->place);
}

static bool add_part(struct parser *parser, struct service_item ***tail, const struct service_item *item)
{
    struct service_item *added = arena_take(&parser->tree->arena, sizeof *added);
    if (added == NULL)
        return false;
    *added = *item;
    **tail = added;
    *tail = &added->next;
    return true;
}

/* => true with *ports; false: complained of */
static bool service_port(struct parser *parser, struct place word, struct policy_ports *ports)
{
    char quote[COMPLAINT_QUOTE];
    if (!words_is_name(word))
        return parse_port_word(parser, word, ports);
    const struct policy_ports *class = service_class(complaint_quote(word, quote));
    if (class == NULL)
        parse_error(parser, word, "'%s' is no port: a service is made of protocols and numbers, as in 'tcp 80'", quote);
    else
        *ports = *class;
    return class != NULL;
}

static bool service_ports(struct parser *parser, const struct joined *joined, struct service_item ***tail)
{
    for (;;) {
        struct place word = parser->token->place;
        if (!parse_at_word(parser) || words_reserved(word))
            return parse_expected(parser, "a port or a range of ports", NULL);
        parse_take(parser);
        struct service_item item = {.place = word};
        bool good = service_port(parser, word, &item.ports);
        for (size_t i = 0; good && i < joined->count; i++) {
            item.proto = joined->protos[i];
            if (!add_part(parser, tail, &item))
                return false;
        }
        if (parser->token->kind != TOKEN_COMMA || protocol_of(parser->token + 1) >= 0)
            return true;
        parse_take(parser);
    }
}

/* Protocols up to those that ports follow. Those without ports are parts of the service at once. */
static bool service_protocols(struct parser *parser, struct joined *joined, struct service_item ***tail)
{
    do {
        int proto = protocol_of(parser->token);
        if (proto < 0)
            return parse_expected(parser, "a protocol, as in 'tcp 80'", words_protocols);
        struct service_item item = {.place = parse_take(parser), .proto = (uint8_t)proto, .any_port = true};
        if (proto == TG_PROTO_ICMP || proto == TG_PROTO_ICMP6) {
            parse_error(parser, item.place, "ICMP has no ports and is no part of a service; write it in the rule");
            return false;
        }
        if (tg_proto_has_ports((uint8_t)proto))
            join(joined, (uint8_t)proto);
        else if (!add_part(parser, tail, &item))
            return false;
    } while (parse_accept_comma(parser));
    return true;
}

bool parse_service(struct parser *parser)
{
    struct service_item **tail = &parser->statement->parts;
    if (!parse_new_name(parser, "service") || !parse_equals(parser, "service"))
        return false;
    do {
        struct joined joined = {.count = 0};
        if (!service_protocols(parser, &joined, &tail))
            return false;
        if (joined.count > 0 && !service_ports(parser, &joined, &tail))
            return false;
    } while (parse_accept_comma(parser));
    return true;
}

/* The short ones. */

bool parse_default(struct parser *parser)
{
    static const char *const words[] = {"drop", "reject", NULL};
    struct statement *st = parser->statement;
    if (parse_at(parser, "allow")) {
        parse_error(parser, parser->token->place,
                    "the default is 'drop' or 'reject'; to let everything through, end the file with 'allow'");
        return false;
    }
    if (parse_accept(parser, "drop"))
        st->fallback = TG_DROP;
    else if (parse_accept(parser, "reject"))
        st->fallback = TG_REJECT;
    else
        return parse_expected(parser, "'drop' or 'reject'", words);
    return true;
}

bool parse_include(struct parser *parser)
{
    return path(parser, &parser->statement->name);
}
