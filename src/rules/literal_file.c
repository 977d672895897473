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

/* The next line's word, from *at on, which is moved behind the line. */
static struct place next_line(const struct text *text, uint32_t *at)
{
    const char *end = memchr(text->bytes + *at, '\n', text->len - *at);
    uint32_t begin = *at, stop = end != NULL ? (uint32_t)(end - text->bytes) : text->len;
    *at = end != NULL ? stop + 1 : stop;
    return line_word(text, begin, stop);
}

static uint32_t first_line(const struct text *text)
{
    return text->len >= 3 && memcmp(text->bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Room for as many ranges as there are words. */
static bool make_room(struct tree *tree, const struct text *text, struct address_file *file)
{
    size_t v4 = 0, v6 = 0;
    for (uint32_t at = first_line(text); at < text->len;) {
        struct place word = next_line(text, &at);
        if (word.len > 0 && memchr(text_at(word), ':', word.len) != NULL)
            v6++;
        else
            v4 += word.len > 0;
    }
    file->v4 = arena_take(&tree->arena, v4 * sizeof *file->v4);
    file->v6 = arena_take(&tree->arena, v6 * sizeof *file->v6);
    return file->v4 != NULL && file->v6 != NULL;
}

static void add(struct address_file *file, const struct tg_range *range)
{
    if (range->family == TG_IPV4)
        file->v4[file->v4_count++] = (struct policy_v4_range){(uint32_t)range->first.lo, (uint32_t)range->last.lo};
    else
        file->v6[file->v6_count++] = (struct policy_v6_range){range->first, range->last};
}

bool parse_address_file(struct tree *tree, const struct text *text, struct address_file *file)
{
    const struct token none = {TOKEN_END, {text, 0, 0}};
    struct statement line = {.kind = STATEMENT_SET};
    struct parser parser = parse_begin(tree, &line, &none, false);
    size_t before = complaints_mark(tree->complaints), untold = 0;
    struct place first_untold = {0};
    if (!make_room(tree, text, file))
        return false;
    for (uint32_t at = first_line(text); at < text->len;) {
        struct place word = next_line(text, &at);
        struct tg_range range;
        if (word.len == 0)
            continue;
        parser.muted = complaints_mark(tree->complaints) - before >= TOLD_MOST;
        if (parse_line(&parser, word, &range)) {
            add(file, &range);
            continue;
        }
        file->wrong = true;
        if (parser.muted && untold++ == 0)
            first_untold = word;
    }
    if (untold > 0)
        complain(tree->complaints, TG_ERROR, first_untold, "no address either; from here on %zu lines are wrong",
                 untold);
    return true;
}
