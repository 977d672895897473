/* Files full of addresses, which sets are read from.
 *
 * A blocklist may have a million lines, and is made by other programs: it is read straight into ranges, without tokens
 * or statements, and of a file that is altogether something else only the first lines are complained of.
 */
#include "rules/parse.h"

#include <string.h>

#define TOLD_MOST 20

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* What stands in a line, without blanks around it and comment. */
static struct place line_word(const struct text *text, uint32_t at, uint32_t end)
{
    const char *s = text->bytes;
    const char *comment = memchr(s + at, '#', end - at);
    if (comment != NULL)
        end = (uint32_t)(comment - s);
    while (at < end && is_blank(s[at]))
        at++;
    while (end > at && is_blank(s[end - 1]))
        end--;
    return (struct place){text, at, end - at};
}

/* Whether the word is one, of characters that can be shown. */
static bool is_one_word(struct place word)
{
    for (uint32_t i = 0; i < word.len; i++) {
        if (text_at(word)[i] <= ' ' || text_at(word)[i] > '~')
            return false;
    }
    return true;
}

static bool parse_line(struct parser *parser, struct place word, struct tg_range *range)
{
    if (is_one_word(word))
        return parse_address_word(parser, word, range);
    parse_error(parser, word, "a line of this file has one address, prefix or range, and comments begin with '#'");
    return false;
}

bool parse_address_file(struct tree *tree, const struct text *text, struct address_file *file, bool *good)
{
    const struct token none = {TOKEN_END, {text, 0, 0}};
    struct statement line = {.kind = STATEMENT_SET};
    struct parser parser = parse_begin(tree, &line, &none, false);
    size_t before = complaints_mark(tree->complaints), untold = 0, bad = 0;
    struct place first_untold = {0};
    file->ranges = arena_take(&tree->arena, text->line_count * sizeof *file->ranges);
    if (file->ranges == NULL)
        return false;
    bool mark = text->len >= 3 && memcmp(text->bytes, "\xef\xbb\xbf", 3) == 0;
    for (uint32_t i = 0; i < text->line_count; i++) {
        uint32_t at = i == 0 && mark ? 3 : text->lines[i];
        struct place word = line_word(text, at, i + 1 < text->line_count ? text->lines[i + 1] - 1 : text->len);
        if (word.len > 0 && text->bytes[word.at + word.len - 1] == '\n')
            word = line_word(text, at, text->len - 1); /* the last line has its newline still */
        if (word.len == 0)
            continue;
        parser.muted = complaints_mark(tree->complaints) - before >= TOLD_MOST;
        if (parse_line(&parser, word, &file->ranges[file->count])) {
            file->count++;
            continue;
        }
        bad++;
        if (parser.muted && untold++ == 0)
            first_untold = word;
    }
    if (untold > 0)
        complain(tree->complaints, TG_ERROR, first_untold, "no address either; from here on %zu lines are wrong",
                 untold);
    *good = bad == 0;
    return true;
}
