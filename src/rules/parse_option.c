/* What may stand at the end of a rule or forward, and the time of an `expect`.
 *
 * Options come in any order, each once. A value that is wrong is complained of, and reading goes on behind it where
 * something stands that can follow.
 */
#include "rules/parse.h"

#include <stdio.h>
#include <string.h>

#include "rules/words.h"

#define NUMBER_MOST 1000000 /* of a rate, a burst, of connections: more is no limit for a router */

/* Whether the next token is a word that is no keyword. */
static bool at_value(const struct parser *parser)
{
    return parse_at_word(parser) && !words_reserved(parser->token->place);
}

/* Behind a value that was complained of.
 * => false if what comes next would only be complained of too */
static bool goes_on(const struct parser *parser)
{
    return !at_value(parser) && parser->token->kind != TOKEN_COMMA;
}

/* The number in `digits`. `what` is its word.
 * => false: complained of as a part of `word` */
static bool in_range(struct parser *parser, struct place word, struct place digits, const char *what, uint32_t *number)
{
    char quote[COMPLAINT_QUOTE];
    if (words_number(digits, number) && *number > 0 && *number <= NUMBER_MOST)
        return true;
    parse_error(parser, word, "'%s': the number of '%s' is from 1 to %d", complaint_quote(word, quote), what,
                NUMBER_MOST);
    return false;
}

/* A number alone, behind its word. */
static bool number(struct parser *parser, const char *what, uint32_t *value)
{
    char expected[64];
    snprintf(expected, sizeof expected, "a number behind '%s'", what);
    if (!at_value(parser))
        return parse_expected(parser, expected, NULL);
    struct place word = parse_take(parser);
    return in_range(parser, word, word, what, value) || goes_on(parser);
}

/* Where an option ends that may go on with `words`, and does not.
 * => false if a word stands there that could only have been meant for one: complained of */
static bool ends(struct parser *parser, const char *what, const char *const *words)
{
    char expected[96];
    snprintf(expected, sizeof expected, "%s, another option, a label or the end of the line", what);
    return !at_value(parser) || parse_expected(parser, expected, words);
}

/* `per`, which has been stepped over. */
static bool per_source(struct parser *parser, bool *is)
{
    static const char *const words[] = {"source", NULL};
    *is = true;
    return parse_accept(parser, "source") || parse_expected(parser, "'source' behind 'per'", words);
}

/* Limits. */

static const struct {
    const char *name;
    uint32_t seconds;
} units[] = {{"second", 1}, {"minute", 60}, {"hour", 3600}};
enum { UNITS = sizeof units / sizeof *units };

const char *parse_unit_name(uint32_t seconds)
{
    size_t i = 0;
    while (i < UNITS - 1 && units[i].seconds != seconds)
        i++;
    return units[i].name;
}

/* A unit that is none: the one that it is near to, or short for. */
static void wrong_unit(struct parser *parser, struct place word, struct place unit)
{
    char quote[COMPLAINT_QUOTE], hint[NEAR_HINT];
    struct near near = near_to(text_at(unit), unit.len);
    for (size_t i = 0; i < UNITS; i++)
        near_try(&near, units[i].name);
    for (size_t i = 0; i < UNITS && unit.len > 0 && near.best == NULL; i++) {
        if (strncmp(text_at(unit), units[i].name, unit.len) == 0)
            near.best = units[i].name;
    }
    parse_error(parser, word, "'%s' is no rate: it is of a second, minute or hour%s", complaint_quote(word, quote),
                near_hint(&near, hint));
}

/* => false: complained of */
static bool rate(struct parser *parser, struct place word, struct policy_limit *limit)
{
    const char *s = text_at(word), *slash = memchr(s, '/', word.len);
    char quote[COMPLAINT_QUOTE];
    if (slash == NULL) {
        bool is_number = words_number(word, &limit->count);
        complaint_quote(word, quote);
        const char *example = is_number ? quote : "10";
        parse_error(parser, word, "'%s' is no rate; write %s/second, %s/minute or %s/hour", quote, example, example,
                    example);
        return false;
    }
    struct place digits = {word.text, word.at, (uint32_t)(slash - s)};
    struct place unit = {word.text, word.at + digits.len + 1, word.len - digits.len - 1};
    for (size_t i = 0; i < UNITS; i++) {
        if (text_is(unit, units[i].name))
            limit->seconds = units[i].seconds;
    }
    if (limit->seconds == 0) {
        wrong_unit(parser, word, unit);
        return false;
    }
    return in_range(parser, word, digits, "limit", &limit->count);
}

static bool limit(struct parser *parser, struct options *options)
{
    static const char *const words[] = {"burst", "per", PARSE_OPTIONS, NULL};
    struct policy_limit *limit = &options->rate;
    *limit = (struct policy_limit){0};
    if (!at_value(parser))
        return parse_expected(parser, "a rate, as in 10/second", NULL);
    if (!rate(parser, parse_take(parser), limit) && !goes_on(parser))
        return false;
    bool burst = parse_accept(parser, "burst");
    if (burst && !number(parser, "burst", &limit->burst))
        return false;
    if (!parse_accept(parser, "per"))
        return ends(parser, burst ? "'per source'" : "'burst', 'per source'", words);
    if (!per_source(parser, &limit->per_source))
        return false;
    if (!parse_at(parser, "burst"))
        return true;
    parse_error(parser, parser->token->place, "'burst' stands before 'per source'");
    return false;
}

static bool max(struct parser *parser, struct options *options)
{
    static const char *const words[] = {"per", PARSE_OPTIONS, NULL};
    options->most_per_source = false;
    if (!number(parser, "max", &options->most))
        return false;
    if (!parse_accept(parser, "per"))
        return ends(parser, "'per source'", words);
    return per_source(parser, &options->most_per_source);
}

/* Days and hours. */

static const char *const days[] = {"mon",     "tue",       "wed",      "thu",    "fri",      "sat",    "sun", "monday",
                                   "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", NULL};
enum { DAYS = 7, DAY_WORDS = sizeof days / sizeof *days - 1 };

const char *parse_day_name(unsigned day)
{
    return days[day];
}

/* => true with *day; false: complained of as a part of `word` */
static bool day_word(struct parser *parser, struct place word, struct place part, uint8_t *day)
{
    char quote[COMPLAINT_QUOTE], hint[NEAR_HINT];
    struct near near = near_to(text_at(part), part.len);
    for (unsigned i = 0; i < DAY_WORDS; i++) {
        if (text_is(part, days[i])) {
            *day = (uint8_t)(i % DAYS);
            return true;
        }
        near_try(&near, days[i]);
    }
    parse_error(parser, word,
                near.best != NULL ? "'%s' is no day%s"
                                  : "'%s' is no day; days are mon, tue, wed, thu, fri, sat and sun%s",
                complaint_quote(word, quote), near_hint(&near, hint));
    return false;
}

/* The parts before and behind the first `-` of a word.
 * => false if there is none */
static bool split(struct place word, struct place *first, struct place *last)
{
    const char *s = text_at(word), *dash = memchr(s, '-', word.len);
    *first = *last = word;
    if (dash == NULL)
        return false;
    first->len = (uint32_t)(dash - s);
    last->at += first->len + 1;
    last->len -= first->len + 1;
    return true;
}

/* A `-` with a blank before or behind it is a word of its own, or hangs on one.
 * => true if there is one: complained of */
static bool at_loose_dash(struct parser *parser, const char *example)
{
    if (!parse_at_word(parser) || *text_at(parser->token->place) != '-')
        return false;
    parse_error(parser, parser->token->place, "no blanks stand around this '-'; write it as in %s", example);
    return true;
}

static bool at_day(const struct parser *parser)
{
    return at_value(parser) && strchr("0123456789-", *text_at(parser->token->place)) == NULL;
}

static bool day_list(struct parser *parser, struct day_item **list)
{
    static const char *const words[] = {PARSE_OPTIONS, NULL};
    struct place first, last;
    do {
        struct day_item day = {0};
        if (!at_day(parser))
            return parse_expected(parser, "a day", days);
        day.place = parse_take(parser);
        split(day.place, &first, &last);
        if (!day_word(parser, day.place, first, &day.first) || !day_word(parser, day.place, last, &day.last))
            continue;
        struct day_item *added = arena_take(&parser->tree->arena, sizeof *added);
        if (added == NULL)
            return false;
        *added = day;
        *list = added;
        list = &added->next;
    } while (parse_accept_comma(parser));
    return !at_loose_dash(parser, "mon-fri") && (!at_day(parser) || ends(parser, "',' and a day, hours", words));
}

/* HH:MM, up to 24:00.
 * => false if it is none */
static bool clock(struct place word, uint16_t *minute)
{
    const char *s = text_at(word), *colon = memchr(s, ':', word.len);
    uint32_t hours, minutes;
    if (colon == NULL)
        return false;
    struct place before = {word.text, word.at, (uint32_t)(colon - s)};
    struct place behind = {word.text, word.at + before.len + 1, word.len - before.len - 1};
    if (!words_number(before, &hours) || !words_number(behind, &minutes) || before.len > 2 || behind.len != 2)
        return false;
    *minute = (uint16_t)(hours * 60 + minutes);
    return minutes < 60 && *minute <= 24 * 60;
}

/* => false: complained of */
static bool hours_word(struct parser *parser, struct place word, struct options *options)
{
    struct place first, last;
    char quote[COMPLAINT_QUOTE];
    complaint_quote(word, quote);
    if (!split(word, &first, &last))
        parse_error(parser, word, "'%s': hours have a beginning and an end, as in 08:00-17:30", quote);
    else if (!clock(first, &options->from) || !clock(last, &options->until))
        parse_error(parser, word, "'%s' is no span of hours; each end is HH:MM, from 00:00 to 24:00", quote);
    else if (options->from == 24 * 60)
        parse_error(parser, word, "'%s': nothing begins at 24:00; the next day begins at 00:00", quote);
    else if (options->from == options->until)
        parse_error(parser, word, "'%s' ends where it begins; for the whole day leave the hours out", quote);
    else
        return true;
    return false;
}

static bool hours(struct parser *parser, struct options *options)
{
    struct place word = parse_take(parser);
    options->has_times = true;
    if (at_loose_dash(parser, "08:00-17:30") || (!hours_word(parser, word, options) && !goes_on(parser)))
        return false;
    if (parser->token->kind == TOKEN_COMMA) {
        parse_error(parser, parser->token->place,
                    "'during' has one span of hours; for another write another statement");
        return false;
    }
    if (at_day(parser)) {
        parse_error(parser, parser->token->place, "days stand before the hours, as in 'mon-fri 08:00-17:30'");
        return false;
    }
    return true;
}

static bool during(struct parser *parser, struct options *options)
{
    options->days = NULL;
    options->has_times = false;
    bool is_days = at_day(parser);
    if (is_days && !day_list(parser, &options->days))
        return false;
    if (at_value(parser) && !at_day(parser))
        return hours(parser, options);
    return is_days || parse_expected(parser, "days or hours, as in 'mon-fri 08:00-17:30'", days);
}

bool parse_moment(struct parser *parser, uint16_t *minute)
{
    char quote[COMPLAINT_QUOTE];
    uint8_t day;
    uint16_t of_day = 0;
    if (!at_day(parser))
        return parse_expected(parser, "a day and a time, as in 'monday 10:00'", days);
    struct place word = parse_take(parser);
    if (!day_word(parser, word, word, &day))
        return false;
    if (!at_value(parser))
        return parse_expected(parser, "a time, as in 10:00", NULL);
    word = parse_take(parser);
    if (!clock(word, &of_day) || of_day == 24 * 60) {
        parse_error(parser, word, "'%s' is no time of a day; it is HH:MM, from 00:00 to 23:59",
                    complaint_quote(word, quote));
        return false;
    }
    *minute = (uint16_t)(day * 24 * 60 + of_day);
    return true;
}

/* Hardware addresses. */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* 00:11:22:33:44:55, or with `-`.
 * => false if it is none */
static bool mac_bytes(struct place word, struct policy_mac *mac)
{
    const char *s = text_at(word);
    if (word.len != 3 * sizeof mac->bytes - 1 || (s[2] != ':' && s[2] != '-'))
        return false;
    for (size_t i = 0; i < sizeof mac->bytes; i++, s += 3) {
        int high = hex_digit(s[0]), low = hex_digit(s[1]);
        if (high < 0 || low < 0 || (i > 0 && s[-1] != text_at(word)[2]))
            return false;
        mac->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* => false: complained of */
static bool mac_word(struct parser *parser, struct place word, struct policy_mac *mac)
{
    static const struct policy_mac nobody = {{0}};
    char quote[COMPLAINT_QUOTE];
    complaint_quote(word, quote);
    if (!mac_bytes(word, mac))
        parse_error(parser, word, "'%s' is no hardware address; it is six pairs of hex digits, as in 00:11:22:33:44:55",
                    quote);
    else if (mac->bytes[0] & 1)
        parse_error(parser, word, "'%s' is the hardware address of a group; no device sends from it", quote);
    else if (memcmp(mac, &nobody, sizeof nobody) == 0)
        parse_error(parser, word, "'%s' is the hardware address of no device", quote);
    else
        return true;
    return false;
}

static bool macs(struct parser *parser, struct options *options)
{
    struct mac_item **tail = &options->macs;
    options->macs = NULL;
    do {
        struct mac_item mac = {0};
        if (!at_value(parser))
            return parse_expected(parser, "a hardware address, as in 00:11:22:33:44:55", NULL);
        mac.place = parse_take(parser);
        if (!mac_word(parser, mac.place, &mac.mac))
            continue;
        struct mac_item *added = arena_take(&parser->tree->arena, sizeof *added);
        if (added == NULL)
            return false;
        *added = mac;
        *tail = added;
        tail = &added->next;
    } while (parse_accept_comma(parser));
    return true;
}

/* The others. */

static bool after(struct parser *parser, struct options *options)
{
    char quote[COMPLAINT_QUOTE];
    if (!at_value(parser))
        return parse_expected(parser, "the name of a knock", NULL);
    struct place word = parse_take(parser);
    if (words_is_name(word))
        options->after = (struct name_ref){parse_copy(parser, word), word};
    else
        parse_error(parser, word, "'%s' cannot be the name of a knock", complaint_quote(word, quote));
    return true;
}

static bool log_text(struct parser *parser, struct options *options)
{
    static const char *const words[] = {PARSE_OPTIONS, NULL};
    options->log_text = (struct name_ref){0};
    parse_quoted(parser, "the text of a log line", &options->log_text);
    return options->log_text.text != NULL || ends(parser, "a text in quotes", words);
}

/* The choice between them. */

static const struct {
    const char *word;
    bool (*parse)(struct parser *parser, struct options *options);
} kinds[] = {{"limit", limit}, {"max", max}, {"during", during}, {"mac", macs}, {"after", after}, {"log", log_text}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* => which option the next token begins, or KINDS */
static size_t kind_at(const struct parser *parser)
{
    size_t kind = 0;
    while (kind < KINDS && !parse_at(parser, kinds[kind].word))
        kind++;
    return kind;
}

bool parse_at_option(const struct parser *parser)
{
    return kind_at(parser) < KINDS;
}

bool parse_option(struct parser *parser, struct options *options, bool *found)
{
    struct place knock = options->after.place, *const places[KINDS] = {&options->limit, &options->max, &options->during,
                                                                       &options->mac,   &knock,        &options->log};
    size_t kind = kind_at(parser);
    *found = kind < KINDS;
    if (!*found)
        return true;
    struct place word = parse_take(parser);
    if (places[kind]->len > 0)
        parse_error(parser, word, "'%s' stands here twice", kinds[kind].word);
    if (!kinds[kind].parse(parser, options))
        return false;
    *places[kind] = text_span(word, parser->token[-1].place);
    return true;
}
