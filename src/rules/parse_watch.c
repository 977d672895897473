/* Who is watched and who is let in: detect and knock. */
#include "rules/parse.h"

#include "rules/words.h"
#include "tidegate/packet.h"

/* `from [ZONE] [ADDRESSES]`, which both need. */
static bool watch_from(struct parser *parser, struct side *from)
{
    static const char *const words[] = {"from", NULL};
    if (!parse_accept(parser, "from"))
        return parse_expected(parser, "'from' and a zone or addresses", words);
    return parse_side(parser, from, false);
}

/* A word, and the duration behind it: `what` is expected. */
static bool worded_duration(struct parser *parser, const char *word, const char *what, struct duration *duration)
{
    const char *const words[] = {word, NULL};
    if (!parse_accept(parser, word))
        return parse_expected(parser, what, words);
    return parse_duration(parser, "how long, as in 10s", duration);
}

/* Detect. */

/* `over N ports` */
static bool detect_ports(struct parser *parser, struct detect_statement *detect)
{
    static const char *const over[] = {"over", NULL}, *const ports[] = {"ports", NULL};
    char quote[COMPLAINT_QUOTE];
    if (!parse_accept(parser, "over"))
        return parse_expected(parser, "'over' and a number of ports", over);
    if (!parse_at_word(parser) || parse_at(parser, "ports") || words_reserved(parser->token->place))
        return parse_expected(parser, "how many ports, as in 'over 15 ports'", NULL);
    struct place word = parse_take(parser);
    if (!words_number(word, &detect->ports) || detect->ports < 1 || detect->ports > POLICY_DETECT_PORTS)
        parse_error(parser, word, "'%s': a scan is over 1 to %d ports", complaint_quote(word, quote),
                    POLICY_DETECT_PORTS);
    return parse_accept(parser, "ports") || parse_expected(parser, "'ports'", ports);
}

bool parse_detect(struct parser *parser)
{
    static const char *const scan[] = {"scan", NULL}, *const log[] = {"log", NULL};
    struct detect_statement *detect = &parser->statement->detect;
    if (!parse_accept(parser, "scan"))
        return parse_expected(parser, "'scan'", scan);
    if (!watch_from(parser, &detect->from) || !detect_ports(parser, detect) ||
        !worded_duration(parser, "in", "'in' and how long, as in 'in 10s'", &detect->within) ||
        !worded_duration(parser, "block", "'block' and how long, as in 'block 10m'", &detect->block))
        return false;
    struct place word = parser->token->place;
    if (parse_accept(parser, "log")) {
        parse_quoted(parser, "the text of a log line", &detect->log_text);
        detect->log = text_span(word, parser->token[-1].place);
    }
    return parse_at_end(parser) ||
           parse_expected(parser, detect->log.len > 0 ? "the end of the line" : "'log' or the end of the line", log);
}

/* Knock. */

/* PROTO PORT */
static bool knock_step(struct parser *parser, struct knock_step ***tail)
{
    static const char *const protos[] = {"tcp", "udp", NULL};
    struct place word = parser->token->place;
    bool tcp = parse_accept(parser, "tcp");
    if (!tcp && !parse_accept(parser, "udp"))
        return parse_expected(parser, "'tcp' or 'udp' and a port", protos);
    struct knock_step *step = arena_take(&parser->tree->arena, sizeof *step);
    if (step == NULL || !parse_port(parser, &step->port))
        return false;
    step->proto = tcp ? TG_PROTO_TCP : TG_PROTO_UDP;
    step->place = text_span(word, parser->token[-1].place);
    **tail = step;
    *tail = &step->next;
    return true;
}

static bool knock_steps(struct parser *parser, struct knock_statement *knock)
{
    struct knock_step **tail = &knock->steps;
    struct place first = parser->token->place;
    size_t count = 0;
    do {
        if (!knock_step(parser, &tail))
            return false;
        count++;
    } while (parse_accept_comma(parser));
    struct place all = text_span(first, parser->token[-1].place);
    if (count == 1 && parse_at(parser, "within"))
        parse_error(parser, all,
                    "one port is no secret: whoever tries all ports has knocked; a knock is of 2 to %d ports",
                    POLICY_KNOCK_STEPS);
    else if (count > POLICY_KNOCK_STEPS)
        parse_error(parser, all, "a knock is of 2 to %d ports, and these are %zu", POLICY_KNOCK_STEPS, count);
    return true;
}

bool parse_knock(struct parser *parser)
{
    struct knock_statement *knock = &parser->statement->knock;
    return parse_new_name(parser, "knock") && watch_from(parser, &knock->from) && knock_steps(parser, knock) &&
           worded_duration(parser, "within", "',' and a port, or 'within' and how long, as in 'within 10s'",
                           &knock->within) &&
           worded_duration(parser, "for", "'for' and how long, as in 'for 30s'", &knock->open);
}
