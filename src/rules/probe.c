/* A packet in words, as `explain` and `expect` take it (tidegate/rules.h), and what an `expect` says of it.
 *
 * It is read with the same words as a rule, by the same lexer: for `explain` from a text that is called "packet" and
 * has one line, for `expect` from the line itself, once all zones and hosts of the file are known. Names of hosts and
 * zones are those of the policy; services are the built-in ones, since a policy has no use for names of others.
 */
#include "tidegate/rules.h"

#include <errno.h>
#include <string.h>

#include "policy/policy.h"
#include "rules/parse.h"
#include "rules/services.h"
#include "rules/words.h"

struct work {
    struct parser *parser;
    const struct tg_policy *policy;
    struct tg_probe *probe;
    bool named_proto;
};

/* One side, before it is known which family the packet is of. */
struct end {
    uint8_t zone;
    bool has_addr, has_port;
    uint8_t family;      /* of addr; 0: the host has addresses of both */
    struct tg_addr addr; /* IPv4 if of both */
    struct tg_addr addr6;
    struct place addr_place;
    uint16_t port;
};

/* What the packet is, and of ICMP which type. */
static bool probe_proto(struct work *work)
{
    struct parser *parser = work->parser;
    int proto = parse_at_word(parser) ? words_protocol(parser->token->place) : -1;
    if (parse_at(parser, "from"))
        return true;
    if (proto < 0) {
        static const char *const words[] = {"from", "tcp", "udp", "icmp", "icmp6", "sctp", "gre", "esp", NULL};
        return parse_expected(parser, "a protocol or 'from'", words);
    }
    parse_take(parser);
    work->probe->proto = (uint8_t)proto;
    work->named_proto = true;
    bool v4 = proto == TG_PROTO_ICMP;
    if (!v4 && proto != TG_PROTO_ICMP6)
        return true;
    work->probe->family = v4 ? TG_IPV4 : TG_IPV6;
    work->probe->icmp_type = v4 ? 8 : 128;
    if (!parse_at_word(parser) || words_reserved(parser->token->place))
        return true;
    struct type_item type = {0};
    if (!parse_type_word(parser, parse_take(parser), (uint8_t)proto, &type))
        return false;
    work->probe->icmp_type = type.type;
    work->probe->icmp_code = type.code;
    return true;
}

static void set_addr(struct end *end, const struct tg_policy *policy, const char *host)
{
    bool v4 = policy_host(policy, host, TG_IPV4, &end->addr);
    bool v6 = policy_host(policy, host, TG_IPV6, &end->addr6);
    end->has_addr = v4 || v6;
    end->family = v4 && v6 ? 0 : v4 ? TG_IPV4 : TG_IPV6;
    if (!v4)
        end->addr = end->addr6;
}

static void try_hosts(const struct work *work, struct near *near)
{
    const char *name;
    for (size_t i = 0; (name = policy_host_name(work->policy, i)) != NULL; i++)
        near_try(near, name);
}

static bool unknown_name(struct work *work, struct place word)
{
    char quote[COMPLAINT_QUOTE], hint[NEAR_HINT];
    struct near near = near_to(text_at(word), word.len);
    near_try(&near, "router");
    near_try(&near, "any");
    near_try(&near, "port");
    for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(work->policy); i++)
        near_try(&near, tg_policy_zone(work->policy, i)->name);
    try_hosts(work, &near);
    parse_error(work->parser, word, "'%s' is no zone and no host of these rules%s", complaint_quote(word, quote),
                near_hint(&near, hint));
    return false;
}

static bool literal(struct work *work, struct place word, struct end *end)
{
    struct tg_range range;
    char quote[COMPLAINT_QUOTE];
    if (!parse_address_word(work->parser, word, &range))
        return false;
    if (!tg_addr_equal(range.first, range.last)) {
        parse_error(work->parser, word, "'%s': a packet has one address on each side", complaint_quote(word, quote));
        return false;
    }
    end->family = range.family;
    end->addr = range.first;
    end->has_addr = true;
    return true;
}

/* Read [ZONE] [ADDRESS]: a word, and another if the first was a zone. */
static bool probe_where(struct work *work, struct end *end)
{
    struct parser *parser = work->parser;
    bool zone_said = false;
    while (parse_at_word(parser) && !end->has_addr) {
        struct place word = parser->token->place;
        bool built_in = parse_at(parser, "router") || parse_at(parser, "any");
        if (words_reserved(word) && !built_in)
            break;
        const char *name = parse_copy(parser, word);
        if (name == NULL)
            return false;
        uint8_t zone = strcmp(name, "router") == 0 ? TG_ZONE_ROUTER : tg_policy_zone_named(work->policy, name);
        if (!zone_said && (built_in || zone != TG_ZONE_NONE)) {
            end->zone = zone;
            zone_said = true;
            parse_take(parser);
            continue;
        }
        end->addr_place = parse_take(parser);
        if (words_like_address(word))
            return literal(work, word, end);
        if (zone != TG_ZONE_NONE) {
            parse_error(parser, word, "'%s' is a zone, and this side has one already", name);
            return false;
        }
        set_addr(end, work->policy, name);
        if (!end->has_addr)
            return unknown_name(work, word);
    }
    return zone_said || end->has_addr || parse_at(parser, "port") ||
           parse_expected(parser, "a zone, an address or 'port'", NULL);
}

/* The port that a word is, by number or by the name of a built-in service. */
static bool probe_port(struct work *work, struct end *end)
{
    struct parser *parser = work->parser;
    char quote[COMPLAINT_QUOTE];
    if (!work->named_proto || !tg_proto_has_ports(work->probe->proto)) {
        parse_error(parser, parser->token[-1].place,
                    work->named_proto ? "this protocol has no ports"
                                      : "a port needs its protocol, at the beginning: 'tcp' or 'udp'");
        return false;
    }
    if (!parse_at_word(parser) || words_reserved(parser->token->place))
        return parse_expected(parser, "a port", NULL);
    struct place word = parse_take(parser);
    struct policy_ports ports = {0, 0};
    complaint_quote(word, quote);
    if (words_is_name(word)) {
        const struct service *service = service_named(quote);
        size_t i = 0;
        while (service != NULL && i < SERVICE_PARTS && service->parts[i].proto != work->probe->proto)
            i++;
        if (service == NULL || i == SERVICE_PARTS) {
            parse_error(parser, word, "'%s' is no service with a port of this protocol; write the number", quote);
            return false;
        }
        ports = service->parts[i].ports;
    } else if (!parse_port_word(parser, word, &ports)) {
        return false;
    }
    if (ports.first != ports.last) {
        parse_error(parser, word, "'%s': a packet has one port on each side", quote);
        return false;
    }
    end->port = ports.first;
    end->has_port = true;
    return true;
}

static bool probe_end(struct work *work, const char *word, struct end *end)
{
    const char *const words[] = {word, "port", NULL};
    char what[24] = "'";
    strcat(strcat(what, word), "'");
    if (!parse_accept(work->parser, word))
        return parse_expected(work->parser, what, words);
    return probe_where(work, end) && (!parse_accept(work->parser, "port") || probe_port(work, end));
}

/* Settle the family: what the protocol or an address says; else IPv4 where hosts have both. */
static bool settle(struct work *work, const struct end *from, const struct end *to)
{
    struct tg_probe *probe = work->probe;
    const struct end *ends[] = {from, to};
    for (size_t i = 0; i < 2; i++) {
        if (!ends[i]->has_addr || ends[i]->family == 0)
            continue;
        if (probe->family != 0 && probe->family != ends[i]->family) {
            parse_error(work->parser, ends[i]->addr_place, "this is an IPv%u address, and the packet is IPv%u",
                        ends[i]->family, probe->family);
            return false;
        }
        probe->family = ends[i]->family;
    }
    if (probe->family == 0 && (from->has_addr || to->has_addr))
        probe->family = TG_IPV4;
    probe->zone_in = from->zone;
    probe->zone_out = to->zone;
    probe->has_src = from->has_addr;
    probe->has_dst = to->has_addr;
    probe->src = from->family == 0 && probe->family == TG_IPV6 ? from->addr6 : from->addr;
    probe->dst = to->family == 0 && probe->family == TG_IPV6 ? to->addr6 : to->addr;
    probe->has_sport = from->has_port;
    probe->has_dport = to->has_port;
    probe->sport = from->port;
    probe->dport = to->port;
    return true;
}

bool parse_probe(struct parser *parser, const struct tg_policy *policy, struct tg_probe *probe)
{
    struct work work = {.parser = parser, .policy = policy, .probe = probe};
    struct end from = {0}, to = {0};
    *probe = (struct tg_probe){0};
    return probe_proto(&work) && probe_end(&work, "from", &from) && probe_end(&work, "to", &to) &&
           settle(&work, &from, &to);
}

bool parse_probe_time(struct parser *parser, struct tg_probe *probe)
{
    if (!parse_accept(parser, "at"))
        return true;
    probe->has_minute = true;
    return parse_moment(parser, &probe->minute);
}

/* Expectations. */

bool parse_expect(struct parser *parser)
{
    size_t count = 1;
    for (const struct token *token = parser->first; token->kind != TOKEN_END; token++)
        count++;
    struct token *tokens = arena_take(&parser->tree->arena, count * sizeof *tokens);
    if (tokens == NULL)
        return false;
    memcpy(tokens, parser->first, count * sizeof *tokens);
    parser->statement->tokens = tokens;
    while (!parse_at_end(parser))
        parse_take(parser);
    return true;
}

/* HOST, behind `forwarded to`: a name, or one address. */
static bool outcome_host(struct work *work, struct policy_expectation *expectation)
{
    struct parser *parser = work->parser;
    char quote[COMPLAINT_QUOTE], hint[NEAR_HINT];
    struct end host = {0};
    if (!parse_at_word(parser) || words_reserved(parser->token->place))
        return parse_expected(parser, "the host that gets it: its name or address", NULL);
    struct place word = parse_take(parser);
    if (words_like_address(word)) {
        if (!literal(work, word, &host))
            return false;
    } else {
        const char *name = parse_copy(parser, word);
        if (name == NULL)
            return false;
        set_addr(&host, work->policy, name);
        if (!host.has_addr) {
            struct near near = near_to(text_at(word), word.len);
            try_hosts(work, &near);
            parse_error(parser, word, "'%s' is no host of these rules%s", complaint_quote(word, quote),
                        near_hint(&near, hint));
            return false;
        }
    }
    expectation->has_v4 = host.family != TG_IPV6;
    expectation->has_v6 = host.family != TG_IPV4;
    expectation->v4 = host.addr;
    expectation->v6 = host.family == 0 ? host.addr6 : host.addr;
    uint8_t family = work->probe->family;
    if (family == 0 || (family == TG_IPV4 ? expectation->has_v4 : expectation->has_v6))
        return true;
    parse_error(parser, word, "'%s' has no IPv%u address, and the packet is IPv%u", complaint_quote(word, quote),
                family, family);
    return false;
}

static bool outcome_forwarded(struct work *work, struct policy_expectation *expectation)
{
    static const char *const words[] = {"to", NULL};
    struct end end = {0};
    if (!parse_accept(work->parser, "to"))
        return parse_expected(work->parser, "'to' and the host that gets it", words);
    if (!outcome_host(work, expectation))
        return false;
    if (!parse_accept(work->parser, "port"))
        return true;
    if (!probe_port(work, &end))
        return false;
    expectation->has_port = true;
    expectation->port = end.port;
    return true;
}

bool parse_outcome(struct parser *parser, const struct tg_policy *policy, struct policy_expectation *expectation)
{
    static const char *const words[] = {
        [POLICY_ALLOWED] = "allowed",
        [POLICY_DROPPED] = "dropped",
        [POLICY_REJECTED] = "rejected",
        [POLICY_FORWARDED] = "forwarded",
        NULL,
    };
    struct work work = {.parser = parser, .policy = policy, .probe = &expectation->probe};
    work.named_proto = expectation->probe.proto != 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (!parse_accept(parser, words[i]))
            continue;
        expectation->outcome = (enum policy_outcome)i;
        return i != POLICY_FORWARDED || outcome_forwarded(&work, expectation);
    }
    return parse_expected(parser, "'allowed', 'dropped', 'rejected' or 'forwarded to HOST'", words);
}

/* A packet alone. */

int tg_probe_parse(const struct tg_policy *policy, const char *text, struct tg_probe *probe,
                   struct tg_complaints *complaints)
{
    struct tree tree = {.complaints = complaints};
    struct statement statement = {0};
    size_t mark = complaints_mark(complaints), errors = tg_complaints_count(complaints, TG_ERROR);
    const struct text *packet = text_new(&tree.arena, "packet", text, strlen(text));
    bool good = packet != NULL;
    *probe = (struct tg_probe){0};
    if (good) {
        struct lexer lexer = lex_begin(packet, complaints);
        struct token none = {TOKEN_END, {packet, 0, 0}};
        bool line = lex_line(&lexer);
        struct parser parser = parse_begin(&tree, &statement, line ? lexer.tokens : &none, lexer.bad);
        good = parse_probe(&parser, policy, probe) && parse_probe_time(&parser, probe) && !lexer.bad;
        if (good && !parse_at_end(&parser))
            good = parse_expected(&parser, "the end of the packet", NULL);
        if (lexer.at < packet->len)
            parse_error(&parser, (struct place){packet, lexer.at, 0}, "a packet is said on one line");
        if (lexer.failed)
            tree.arena.failed = true;
        lex_end(&lexer);
    }
    good = good && tg_complaints_count(complaints, TG_ERROR) == errors;
    complaints_sort(complaints, mark);
    bool failed = tree.arena.failed || complaints_failed(complaints);
    arena_clear(&tree.arena);
    return failed ? -ENOMEM : good ? 0 : -EINVAL;
}
