#include "rules/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rules/words.h"

void tree_walk(const struct file *file, tree_visit *visit, void *context)
{
    for (const struct statement *st = file->statements; st != NULL; st = st->next) {
        visit(context, st);
        if (st->kind == STATEMENT_INCLUDE) {
            for (const struct included_file *in = st->included; in != NULL; in = in->next)
                tree_walk(&in->file, visit, context);
        }
    }
}

/* Saying what is wrong. */

void parse_error(struct parser *parser, struct place place, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    parser->statement->broken = true;
    if (!parser->muted)
        complain(parser->tree->complaints, TG_ERROR, place, "%s", message);
}

void parse_warning(struct parser *parser, struct place place, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (!parser->muted)
        complain(parser->tree->complaints, TG_WARNING, place, "%s", message);
}

/* The word just before, where it stands as a name and is near to what could have been a keyword: in `to wan prot 80`
 * the mistake is `prot`, and not the `80` that cannot follow a name.
 * => true if there is one, with *near */
static bool near_before(const struct parser *parser, const char *const *words, struct near *near)
{
    if (words == NULL || parser->token == parser->first)
        return false;
    struct place before = parser->token[-1].place;
    if (parser->token[-1].kind != TOKEN_WORD || words_reserved(before) || !words_is_name(before))
        return false;
    *near = near_to(text_at(before), before.len);
    near_try_all(near, words);
    return near->best != NULL;
}

static bool is_among(const char *const *words, const char *word)
{
    for (; words != NULL && *words != NULL; words++) {
        if (strcmp(*words, word) == 0)
            return true;
    }
    return false;
}

bool parse_expected(struct parser *parser, const char *what, const char *const *words)
{
    struct place found = parser->token->place;
    char quote[COMPLAINT_QUOTE], hint[NEAR_HINT];
    struct near near = near_to(text_at(found), parse_at_word(parser) ? found.len : 0);
    if (words != NULL)
        near_try_all(&near, words);
    bool quoted = parser->token->kind == TOKEN_QUOTED, end = parse_at_end(parser);
    if (!end && near.best == NULL && near_before(parser, words, &near)) {
        found = parser->token[-1].place;
        quoted = false;
    }
    complaint_quote(found, quote);
    if (end)
        parse_error(parser, found, "expected %s, found the end of the line", what);
    else if (quoted)
        parse_error(parser, found, "expected %s, found %s%s", what, quote, near_hint(&near, hint));
    else if (near.best == NULL && is_among(words, "port") && words_like_ports(found))
        parse_error(parser, found, "expected %s, found '%s'; a port is written 'port %s'", what, quote, quote);
    else
        parse_error(parser, found, "expected %s, found '%s'%s", what, quote, near_hint(&near, hint));
    return false;
}

/* Looking at tokens. */

bool parse_at_word(const struct parser *parser)
{
    return parser->token->kind == TOKEN_WORD;
}

bool parse_at(const struct parser *parser, const char *word)
{
    return parse_at_word(parser) && text_is(parser->token->place, word);
}

bool parse_at_end(const struct parser *parser)
{
    return parser->token->kind == TOKEN_END;
}

struct place parse_take(struct parser *parser)
{
    struct place place = parser->token->place;
    if (!parse_at_end(parser))
        parser->token++;
    return place;
}

bool parse_accept(struct parser *parser, const char *word)
{
    bool is = parse_at(parser, word);
    if (is)
        parse_take(parser);
    return is;
}

bool parse_accept_comma(struct parser *parser)
{
    bool is = parser->token->kind == TOKEN_COMMA;
    if (is)
        parse_take(parser);
    return is;
}

const char *parse_copy(struct parser *parser, struct place place)
{
    const char *bytes = text_at(place);
    size_t len = place.len;
    if (len >= 2 && bytes[0] == '"') {
        bytes++;
        len -= 2;
    }
    return arena_text(&parser->tree->arena, bytes, len);
}

/* What several statements share. */

bool parse_new_name(struct parser *parser, const char *kind)
{
    char what[64], quote[COMPLAINT_QUOTE];
    snprintf(what, sizeof what, "a name for the %s", kind);
    if (!parse_at_word(parser))
        return parse_expected(parser, what, NULL);
    struct place word = parse_take(parser);
    if (words_reserved(word)) {
        parse_error(parser, word, "'%s' is a word of the language and cannot be a name", complaint_quote(word, quote));
    } else if (!words_is_name(word)) {
        parse_error(parser, word,
                    "'%s' cannot be a name: a name has letters (a-z), digits, '-' and '_', at least one letter and at "
                    "most %d in all",
                    complaint_quote(word, quote), WORDS_NAME_LONGEST);
    } else {
        parser->statement->name = (struct name_ref){parse_copy(parser, word), word};
    }
    return true;
}

bool parse_equals(struct parser *parser, const char *kind)
{
    char what[64];
    if (parser->token->kind == TOKEN_EQUALS) {
        parse_take(parser);
        return true;
    }
    snprintf(what, sizeof what, "'=' after the name of the %s", kind);
    return parse_expected(parser, what, NULL);
}

#define LABEL_LONGEST 100 /* characters: a label stands in reports, on lines with much else */

void parse_quoted(struct parser *parser, const char *what, struct name_ref *text)
{
    if (parser->token->kind != TOKEN_QUOTED)
        return;
    struct place place = parse_take(parser);
    if (text_characters(text_at(place), place.len) - 2 > LABEL_LONGEST)
        parse_error(parser, place, "%s has at most %d characters", what, LABEL_LONGEST);
    *text = (struct name_ref){parse_copy(parser, place), place};
}

bool parse_label(struct parser *parser, struct name_ref *label)
{
    bool has = parser->token->kind == TOKEN_QUOTED;
    parse_quoted(parser, "a label", label);
    if (has && !parse_at_end(parser))
        return parse_expected(parser, "the end of the line after the label", NULL);
    return true;
}

/* Durations. */

/* Seconds: whoever writes more has slipped, and the engine's timers do not run for ever. */
#define DURATION_LONGEST (30 * 86400)

bool parse_duration(struct parser *parser, const char *what, struct duration *duration)
{
    char quote[COMPLAINT_QUOTE];
    if (!parse_at_word(parser) || words_reserved(parser->token->place))
        return parse_expected(parser, what, NULL);
    struct place word = parse_take(parser);
    uint32_t number;
    duration->place = word;
    complaint_quote(word, quote);
    if (words_number(word, &number))
        parse_error(parser, word, "'%s' lacks its unit: write %ss, %sm, %sh or %sd", quote, quote, quote, quote, quote);
    else if (!words_duration(word, &duration->seconds))
        parse_error(parser, word, "'%s' is no duration: numbers with units, as in 10s, 5m, 2h30m or 1d", quote);
    else if (duration->seconds == 0)
        parse_error(parser, word, "'%s' is no time at all; it is at least 1s", quote);
    else if (duration->seconds > DURATION_LONGEST)
        parse_error(parser, word, "'%s' is too long; it is at most %dd", quote, DURATION_LONGEST / 86400);
    return true;
}

/* The choice between statements. */

typedef bool parse_fn(struct parser *parser);

static const struct verb {
    const char *word;
    enum statement_kind kind;
    parse_fn *parse;
} verbs[] = {
    {"zone", STATEMENT_ZONE, parse_zone},
    {"host", STATEMENT_HOST, parse_host},
    {"set", STATEMENT_SET, parse_set},
    {"service", STATEMENT_SERVICE, parse_service},
    {"allow", STATEMENT_RULE, parse_rule},
    {"drop", STATEMENT_RULE, parse_rule},
    {"reject", STATEMENT_RULE, parse_rule},
    {"default", STATEMENT_DEFAULT, parse_default},
    {"forward", STATEMENT_FORWARD, parse_forward},
    {"include", STATEMENT_INCLUDE, parse_include},
    {"translate", STATEMENT_TRANSLATE, parse_translate},
    {"map", STATEMENT_MAP, parse_map},
    {"nat", STATEMENT_NAT, parse_nat},
    {"timeout", STATEMENT_TIMEOUT, parse_timeout},
    {"connections", STATEMENT_CONNECTIONS, parse_connections},
    {"helper", STATEMENT_HELPER, parse_helper},
    {"detect", STATEMENT_DETECT, parse_detect},
    {"knock", STATEMENT_KNOCK, parse_knock},
    {"expect", STATEMENT_EXPECT, parse_expect},
};

static const struct verb *verb_at(struct place word)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (text_is(word, verbs[i].word))
            return &verbs[i];
    }
    return NULL;
}

/* A first word that is no statement. Where it is near to one, that is what was meant: the rest of the line is read as
 * such, for the mistakes in it and for the name that it may define.
 * => the statement that was meant, or NULL */
static const struct verb *unknown_verb(struct parser *parser)
{
    struct place word = parser->token->place;
    char quote[COMPLAINT_QUOTE], hint[NEAR_HINT];
    if (!parse_at_word(parser)) {
        parse_error(parser, word,
                    "a line begins with a word that says what it is for: 'zone', 'allow', 'forward', ...");
        return NULL;
    }
    if (words_reserved(word)) {
        parse_error(parser, word, "'%s' cannot begin a statement; a line that goes on in the next one ends in '\\'",
                    complaint_quote(word, quote));
        return NULL;
    }
    struct near near = near_to(text_at(word), word.len);
    near_try_all(&near, words_statements);
    parse_error(parser, word, "'%s' is no statement%s", complaint_quote(word, quote), near_hint(&near, hint));
    if (near.best == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].word, near.best) == 0)
            return &verbs[i];
    }
    return NULL;
}

static void parse_statement(struct parser *parser)
{
    struct statement *st = parser->statement;
    const struct verb *verb = parse_at_word(parser) ? verb_at(parser->token->place) : NULL;
    if (verb == NULL)
        verb = unknown_verb(parser);
    if (verb == NULL)
        return;

    parse_take(parser);
    st->kind = verb->kind;
    if (verb->kind == STATEMENT_RULE)
        st->rule.action = strcmp(verb->word, "allow") == 0  ? TG_STATEMENT_ALLOW
                          : strcmp(verb->word, "drop") == 0 ? TG_STATEMENT_DROP
                                                            : TG_STATEMENT_REJECT;
    if (verb->parse(parser) && !parse_at_end(parser))
        parse_expected(parser, "the end of the line", NULL);
}

struct parser parse_begin(struct tree *tree, struct statement *statement, const struct token *tokens, bool muted)
{
    return (struct parser){.tree = tree, .first = tokens, .token = tokens, .statement = statement, .muted = muted};
}

bool parse_file(struct tree *tree, const struct text *text, struct file *file)
{
    struct lexer lexer = lex_begin(text, tree->complaints);
    struct statement **tail = &file->statements;
    file->text = text;
    while (lex_line(&lexer)) {
        struct statement *st = arena_take(&tree->arena, sizeof *st);
        if (st == NULL)
            break;
        *tail = st;
        tail = &st->next;
        st->whole = lexer.whole;
        st->comment = lexer.comment;
        st->broken = lexer.bad;
        if (lexer.count > 1) {
            st->place = text_span(lexer.tokens[0].place, lexer.tokens[lexer.count - 2].place);
            struct parser parser = parse_begin(tree, st, lexer.tokens, lexer.bad);
            parse_statement(&parser);
        }
    }
    if (lexer.failed)
        tree->arena.failed = true;
    lex_end(&lexer);
    return !tree->arena.failed;
}
