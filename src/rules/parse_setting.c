/* The settings of connections: timers, the table that holds them, and what helpers read. */
#include "rules/parse.h"

#include "helper/helper.h"
#include "rules/words.h"

bool parse_timeout(struct parser *parser)
{
    struct timeout_statement *timeout = &parser->statement->timeout;
    int timer = parse_at_word(parser) ? words_index(parser->token->place, words_timers) : -1;
    if (timer < 0)
        return parse_expected(parser,
                              "a timer: 'tcp-established', 'tcp-transitory', 'tcp-opening', 'tcp-closing', 'udp-new', "
                              "'udp-stream', 'icmp' or 'other'",
                              words_timers);
    parse_take(parser);
    timeout->timer = (enum policy_timer)timer;
    return parse_duration(parser, "how long, as in 5m", &timeout->duration);
}

/* Fewer would not carry one computer; more take gigabytes. */
#define CONNECTIONS_LEAST 64
#define CONNECTIONS_MOST  (1 << 24)

bool parse_connections(struct parser *parser)
{
    static const char *const words[] = {"max", "pickup", NULL};
    struct connections_statement *connections = &parser->statement->connections;
    char quote[COMPLAINT_QUOTE];
    connections->pickup = parse_accept(parser, "pickup");
    if (connections->pickup)
        return true;
    if (!parse_accept(parser, "max"))
        return parse_expected(parser, "'max' or 'pickup'", words);
    if (!parse_at_word(parser))
        return parse_expected(parser, "how many, as in 16384", NULL);
    struct place word = parse_take(parser);
    if (!words_number(word, &connections->max) || connections->max < CONNECTIONS_LEAST ||
        connections->max > CONNECTIONS_MOST)
        parse_error(parser, word, "'%s': there can be room for %d to %d connections", complaint_quote(word, quote),
                    CONNECTIONS_LEAST, CONNECTIONS_MOST);
    return true;
}

/* `on PROTO` */
static bool helper_proto(struct parser *parser, struct helper_statement *helper)
{
    static const char *const on[] = {"on", NULL}, *const protos[] = {"tcp", "udp", NULL};
    char quote[COMPLAINT_QUOTE];
    if (!parse_accept(parser, "on"))
        return parse_expected(parser, "'on', as in 'helper ftp on tcp port 21'", on);
    struct place word = parser->token->place;
    bool tcp = parse_accept(parser, "tcp");
    if (!tcp && !parse_accept(parser, "udp"))
        return parse_expected(parser, "'tcp' or 'udp'", protos);
    helper->proto = tcp ? TG_PROTO_TCP : TG_PROTO_UDP;
    if (!helper_reads((enum helper_kind)helper->kind, helper->proto))
        parse_error(parser, word, "%s is not read over %s; write '%s'", words_helpers[helper->kind - 1],
                    complaint_quote(word, quote), tcp ? "udp" : "tcp");
    return true;
}

bool parse_helper(struct parser *parser)
{
    static const char *const port[] = {"port", NULL};
    struct helper_statement *helper = &parser->statement->helper;
    int kind = parse_at_word(parser) ? words_index(parser->token->place, words_helpers) : -1;
    if (kind < 0)
        return parse_expected(parser, "a helper: 'ftp', 'tftp', 'rtsp' or 'sip'", words_helpers);
    parse_take(parser);
    helper->kind = (uint8_t)(kind + 1);
    if (!helper_proto(parser, helper))
        return false;
    if (!parse_accept(parser, "port"))
        return parse_expected(parser, "'port' and where it is spoken, as in 'port 21'", port);
    return parse_ports(parser, &helper->ports);
}
