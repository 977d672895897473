/* Words from text, one statement's line at a time.
 *
 * A line ends at its newline, unless a backslash is the last on it (blanks behind it do not count): then the next line
 * goes on. A comment ends with its own line whatever its last character is, and with it the statement ends.
 *
 * Anything between blanks, `,`, `=`, `"` and `#` is a word; what a word may be is for the parser to say. So `80,443` is
 * three tokens, `10.0.0.1-10.0.0.9` is one, and a stray bracket makes a word that fits nowhere.
 *
 * Here also is where the text is refused that cannot be trusted to look like what it is: bytes that are no UTF-8,
 * control characters, characters that turn the direction of reading, blanks that are none. LF and CRLF end lines, and a
 * byte order mark may begin the file.
 */
#ifndef RULES_LEX_H
#define RULES_LEX_H

#include "rules/complaint.h"
#include "rules/text.h"

enum token_kind {
    TOKEN_WORD,
    TOKEN_QUOTED, /* the place holds the quotes too */
    TOKEN_COMMA,
    TOKEN_EQUALS,
    TOKEN_END, /* of the line: a place of no length behind the last token */
};

struct token {
    enum token_kind kind;
    struct place place;
};

struct lexer {
    const struct text *text;
    struct tg_complaints *complaints;
    uint32_t at;

    /* The line that lex_line() has read. */
    const struct token *tokens; /* the last is TOKEN_END */
    size_t count;               /* TOKEN_END counted: 1 is a line without a statement */
    struct place comment;       /* from its `#`; nowhere if there is none */
    struct place whole;         /* with its newline */
    bool bad;                   /* something in it was complained of */
    bool failed;                /* memory ran out */

    struct token *buffer;
    size_t room;
};

struct lexer lex_begin(const struct text *text, struct tg_complaints *complaints);

/* Read the next line.
 * => false at the end of the text, or if memory ran out (`failed`) */
bool lex_line(struct lexer *lexer);

void lex_end(struct lexer *lexer);

#endif
