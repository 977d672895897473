/* Translation besides forwards: translate, map and nat. All of it is of IPv4: nothing rewrites an IPv6 address. */
#include "rules/parse.h"

#include "rules/words.h"
#include "tidegate/packet.h"

/* Complain of an IPv6 address that stands here in figures.
 * => true if the range is IPv4 */
static bool only_ipv4(struct parser *parser, struct place place, const struct tg_range *range)
{
    char quote[COMPLAINT_QUOTE];
    if (range->family == TG_IPV4)
        return true;
    parse_error(parser, place, "'%s': only IPv4 is translated; nothing rewrites an IPv6 address",
                complaint_quote(place, quote));
    return false;
}

/* Translate. */

static bool translate_side(struct parser *parser, struct side *side)
{
    if (!parse_side(parser, side, false))
        return false;
    for (const struct address_item *item = side->addresses.items; item != NULL; item = item->next) {
        if (item->name == NULL)
            only_ipv4(parser, item->place, &item->range);
    }
    return true;
}

static bool translate_as(struct parser *parser, struct translate_statement *translate)
{
    static const char *const itself[] = {"itself", NULL};
    char quote[COMPLAINT_QUOTE];
    struct place word = parser->token->place;
    translate->itself = parse_accept(parser, "itself");
    if (translate->itself)
        return true;
    if (!parse_at_word(parser) || !words_like_address(word))
        return parse_expected(parser, "'itself', an IPv4 address or a range of them", itself);
    translate->as = parse_take(parser);
    struct tg_range *range = &translate->range;
    if (parse_address_word(parser, word, range) && only_ipv4(parser, word, range) &&
        (tg_addr_is_unspecified(range->first) || tg_addr_is_group(TG_IPV4, range->first) ||
         tg_addr_is_group(TG_IPV4, range->last)))
        parse_error(parser, word, "'%s' cannot be the source of a connection", complaint_quote(word, quote));
    return true;
}

bool parse_translate(struct parser *parser)
{
    static const char *const sides[] = {"from", "to", NULL}, *const as[] = {"as", NULL};
    struct translate_statement *translate = &parser->statement->translate;
    bool from = parse_accept(parser, "from");
    if (from && !translate_side(parser, &translate->from))
        return false;
    if (!parse_accept(parser, "to"))
        return parse_expected(parser, from ? "'to' and the zone by which it leaves" : "'from' or 'to'",
                              from ? sides + 1 : sides);
    if (parse_at(parser, "router")) {
        parse_error(parser, parser->token->place,
                    "what goes to the router does not leave; there is nothing to translate");
        return false;
    }
    if (!translate_side(parser, &translate->to))
        return false;
    if (!from && parse_at(parser, "from")) {
        parse_error(parser, parser->token->place, "'from' stands before 'to'");
        return false;
    }
    if (!parse_accept(parser, "as"))
        return parse_expected(parser, "'as' and an address, or 'as itself'", as);
    return translate_as(parser, translate) && parse_label(parser, &translate->label);
}

/* Map. */

static bool map_outside(struct parser *parser, struct map_statement *map)
{
    char quote[COMPLAINT_QUOTE];
    struct tg_range range;
    if (!parse_at_word(parser) || !words_like_address(parser->token->place))
        return parse_expected(parser, "the IPv4 address outside, as in 'map 203.0.113.10 on wan to 192.168.1.10'",
                              NULL);
    struct place word = parse_take(parser);
    map->outside = word;
    if (!parse_address_word(parser, word, &range) || !only_ipv4(parser, word, &range))
        return true;
    map->addr = range.first;
    complaint_quote(word, quote);
    if (!tg_addr_equal(range.first, range.last))
        parse_error(parser, word, "'%s': a map is of one address outside to one inside", quote);
    else if (tg_addr_is_group(TG_IPV4, range.first) || tg_addr_is_unspecified(range.first))
        parse_error(parser, word, "'%s' cannot be the address of one device", quote);
    return true;
}

static bool map_zone(struct parser *parser, struct map_statement *map)
{
    static const char *const on[] = {"on", NULL};
    if (!parse_accept(parser, "on"))
        return parse_expected(parser, "'on' and the zone that the address is on", on);
    if (parse_at(parser, "any") || parse_at(parser, "router")) {
        parse_error(parser, parser->token->place, "a map is on one zone, by which connections come and go");
        parse_take(parser);
        return true;
    }
    if (!parse_at_word(parser) || words_reserved(parser->token->place) || !words_is_name(parser->token->place))
        return parse_expected(parser, "the zone that the address is on", NULL);
    struct place word = parse_take(parser);
    map->zone = (struct name_ref){parse_copy(parser, word), word};
    return true;
}

bool parse_map(struct parser *parser)
{
    static const char *const to[] = {"to", NULL};
    struct map_statement *map = &parser->statement->map;
    if (!map_outside(parser, map) || !map_zone(parser, map))
        return false;
    if (!parse_accept(parser, "to"))
        return parse_expected(parser, "'to' and the host inside", to);
    if (!parse_device(parser, "the host inside: its name or one IPv4 address", "a map", &map->host))
        return false;
    const struct address_item *host = map->host;
    if (host != NULL && host->next == NULL && host->name == NULL && only_ipv4(parser, host->place, &host->range) &&
        tg_addr_equal(host->range.first, map->addr))
        parse_error(parser, host->place, "this maps an address to itself");
    return parse_label(parser, &map->label);
}

/* Nat. */

/* Fewer ports than this would not carry a house: one page opens dozens of connections. */
#define NAT_PORTS_LEAST 256

static bool nat_ports(struct parser *parser, struct nat_statement *nat)
{
    char quote[COMPLAINT_QUOTE];
    nat->what = NAT_PORTS;
    if (!parse_at_word(parser) || words_reserved(parser->token->place))
        return parse_expected(parser, "a range of ports, as in 1024-65535", NULL);
    struct place word = parse_take(parser);
    if (!parse_port_word(parser, word, &nat->ports))
        return true;
    complaint_quote(word, quote);
    if (nat->ports.first == 0)
        parse_error(parser, word, "'%s': nobody can be spoken to at port 0; begin with 1 or more", quote);
    else if (nat->ports.last - nat->ports.first + 1 < NAT_PORTS_LEAST)
        parse_error(parser, word, "'%s': all devices inside share these ports; there must be at least %d", quote,
                    NAT_PORTS_LEAST);
    return true;
}

bool parse_nat(struct parser *parser)
{
    static const char *const words[] = {"mapping", "filtering", "ports", "tcp", "udp", NULL};
    static const char *const of_one[] = {"mapping", "filtering", NULL};
    struct nat_statement *nat = &parser->statement->nat;
    if (parse_accept(parser, "ports"))
        return nat_ports(parser, nat);
    bool tcp = parse_accept(parser, "tcp"), udp = !tcp && parse_accept(parser, "udp");
    nat->tcp = !udp;
    nat->udp = !tcp;
    if (parse_accept(parser, "filtering"))
        nat->what = NAT_FILTERING;
    else if (parse_accept(parser, "mapping"))
        nat->what = NAT_MAPPING;
    else
        return parse_expected(parser, tcp || udp ? "'mapping' or 'filtering'" : "'mapping', 'filtering' or 'ports'",
                              tcp || udp ? of_one : words);
    int behaviour = parse_at_word(parser) ? words_index(parser->token->place, words_behaviours) : -1;
    if (behaviour < 0)
        return parse_expected(parser, "'endpoint-independent', 'address-dependent' or 'address-and-port-dependent'",
                              words_behaviours);
    parse_take(parser);
    nat->behaviour = (enum policy_behaviour)behaviour;
    return true;
}
