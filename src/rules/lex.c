#include "rules/lex.h"

#include <stdlib.h>
#include <string.h>

struct lexer lex_begin(const struct text *text, struct tg_complaints *complaints)
{
    struct lexer lexer = {.text = text, .complaints = complaints};
    if (text->len >= 3 && memcmp(text->bytes, "\xef\xbb\xbf", 3) == 0)
        lexer.at = 3;
    return lexer;
}

void lex_end(struct lexer *lexer)
{
    free(lexer->buffer);
    lexer->buffer = NULL;
}

static void add(struct lexer *lexer, enum token_kind kind, uint32_t from, uint32_t to)
{
    if (lexer->count == lexer->room) {
        size_t room = lexer->room > 0 ? lexer->room * 2 : 32;
        struct token *buffer = realloc(lexer->buffer, room * sizeof *buffer);
        if (buffer == NULL) {
            lexer->failed = true;
            return;
        }
        lexer->buffer = buffer;
        lexer->room = room;
    }
    lexer->buffer[lexer->count++] = (struct token){kind, {lexer->text, from, to - from}};
}

static void refuse(struct lexer *lexer, uint32_t at, uint32_t len, const char *what)
{
    /* One complaint a line: a file in another encoding, or none at all, would give thousands. */
    if (!lexer->bad)
        complain(lexer->complaints, TG_ERROR, (struct place){lexer->text, at, len}, "%s", what);
    lexer->bad = true;
}

/* Why a character has no business in a rules file, or outside quotes and comments; or NULL. */
static const char *objection(uint32_t c, bool in_word)
{
    if (!text_is_plain(c))
        return c < 0x20 || (c >= 0x7f && c < 0xa0) ? "a control character"
                                                   : "an invisible character, which may hide what the line says";
    if (in_word && (c == 0xa0 || c == 0x202f || c == 0x3000 || (c >= 0x2000 && c <= 0x200a)))
        return "a blank of another kind than the ordinary one; write an ordinary blank";
    if (in_word && (c == 0x200c || c == 0x200d))
        return "an invisible character";
    if (in_word && c >= 0x2018 && c <= 0x201f)
        return "a typographic quotation mark; write \" in its place";
    return NULL;
}

/* Step over one character, refusing what must not be there.
 * => false at the end of the line or the text */
static bool step(struct lexer *lexer, bool in_word)
{
    const char *s = lexer->text->bytes + lexer->at;
    size_t left = lexer->text->len - lexer->at;
    if (left == 0 || *s == '\n' || (*s == '\r' && (left == 1 || s[1] == '\n')))
        return false;
    uint32_t c = 0;
    unsigned n = text_character(s, left, &c);
    if (n == 0) {
        refuse(lexer, lexer->at, 1, "this is not UTF-8; save the file as UTF-8 text");
        n = 1;
    } else {
        const char *why = objection(c, in_word);
        if (why != NULL)
            refuse(lexer, lexer->at, n, why);
    }
    lexer->at += n;
    return true;
}

/* Step over the end of a line, if one is here. */
static bool newline(struct lexer *lexer)
{
    const char *s = lexer->text->bytes + lexer->at;
    size_t left = lexer->text->len - lexer->at, n = 0;
    if (n < left && s[n] == '\r')
        n++;
    if (n < left && s[n] == '\n')
        n++;
    else if (n < left)
        return false;
    lexer->at += (uint32_t)n;
    return true;
}

/* Step over a backslash that ends its line, and the line's end, if it is here. */
static bool continuation(struct lexer *lexer)
{
    uint32_t from = lexer->at;
    const char *s = lexer->text->bytes;
    if (s[lexer->at] != '\\')
        return false;
    lexer->at++;
    while (s[lexer->at] == ' ' || s[lexer->at] == '\t')
        lexer->at++;
    if (newline(lexer))
        return true;
    lexer->at = from;
    return false;
}

/* Whether a word ends before this byte. */
static bool ends_word(const struct lexer *lexer)
{
    char c = lexer->text->bytes[lexer->at];
    if (c == '\\') {
        struct lexer ahead = *lexer;
        return continuation(&ahead);
    }
    return strchr(" \t\n,=\"#", c) != NULL; /* also the 0 behind the text; one within it is refused */
}

static void word(struct lexer *lexer)
{
    uint32_t from = lexer->at;
    do {
        if (!step(lexer, true))
            break;
    } while (lexer->at < lexer->text->len && !ends_word(lexer));
    add(lexer, TOKEN_WORD, from, lexer->at);
}

static void quoted(struct lexer *lexer)
{
    const char *s = lexer->text->bytes;
    uint32_t from = lexer->at++;
    while (s[lexer->at] != '"' && step(lexer, false))
        ;
    if (s[lexer->at] == '"')
        lexer->at++;
    else
        refuse(lexer, from, lexer->at - from, "text that begins with '\"' must end with it on the same line");
    add(lexer, TOKEN_QUOTED, from, lexer->at);
}

static void comment(struct lexer *lexer)
{
    uint32_t from = lexer->at;
    while (step(lexer, false))
        ;
    lexer->comment = (struct place){lexer->text, from, lexer->at - from};
}

bool lex_line(struct lexer *lexer)
{
    const char *s = lexer->text->bytes;
    uint32_t from = lexer->at;
    lexer->count = 0;
    lexer->bad = false;
    lexer->comment = (struct place){0};
    if (from == lexer->text->len || lexer->failed)
        return false;

    while (!newline(lexer)) {
        char c = s[lexer->at];
        if (c == ' ' || c == '\t')
            lexer->at++;
        else if (c == '#')
            comment(lexer);
        else if (c == '"')
            quoted(lexer);
        else if (c == ',' || c == '=') {
            lexer->at++;
            add(lexer, c == ',' ? TOKEN_COMMA : TOKEN_EQUALS, lexer->at - 1, lexer->at);
        } else if (!continuation(lexer))
            word(lexer);
    }
    uint32_t end = from;
    if (lexer->count > 0) {
        const struct token *last = &lexer->buffer[lexer->count - 1];
        end = last->place.at + last->place.len;
    }
    add(lexer, TOKEN_END, end, end);
    lexer->tokens = lexer->buffer;
    lexer->whole = (struct place){lexer->text, from, lexer->at - from};
    return !lexer->failed;
}
