/* The settings of connections: timers, and the table that holds them. */
#include "rules/parse.h"

#include "rules/words.h"

bool parse_timeout(struct parser *parser)
{
    struct timeout_statement *timeout = &parser->statement->timeout;
    int timer = parse_at_word(parser) ? words_index(parser->token->place, words_timers) : -1;
    if (timer < 0)
        return parse_expected(
            parser, "a timer: 'tcp-established', 'tcp-transitory', 'udp-new', 'udp-stream', 'icmp' or 'other'",
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
