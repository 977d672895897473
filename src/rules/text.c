#include "rules/text.h"

#include <string.h>

struct text *text_lend(struct arena *arena, const char *path, const char *bytes, size_t len)
{
    struct text *text = arena_take(arena, sizeof *text);
    const char *path_copy = arena_text(arena, path, strlen(path));
    if (text == NULL || path_copy == NULL)
        return NULL;
    *text = (struct text){.path = path_copy, .bytes = bytes, .len = (uint32_t)len};
    return text;
}

struct text *text_new(struct arena *arena, const char *path, const char *bytes, size_t len)
{
    const char *copy = arena_text(arena, bytes, len);
    struct text *text = copy != NULL ? text_lend(arena, path, copy, len) : NULL;
    if (text == NULL)
        return NULL;

    uint32_t count = 1;
    for (size_t i = 0; i + 1 < len; i++)
        count += bytes[i] == '\n';
    uint32_t *lines = arena_take(arena, count * sizeof *lines);
    if (lines == NULL)
        return NULL;
    uint32_t line = 1;
    for (size_t i = 0; i + 1 < len; i++) {
        if (bytes[i] == '\n')
            lines[line++] = (uint32_t)i + 1;
    }
    text->lines = lines;
    text->line_count = count;
    return text;
}

uint32_t text_line(const struct text *text, uint32_t at)
{
    if (text->lines == NULL) {
        uint32_t line = 1;
        for (uint32_t i = 0; i < at && i + 1 < text->len; i++)
            line += text->bytes[i] == '\n';
        return line;
    }
    uint32_t below = 0, above = text->line_count;
    while (above - below > 1) {
        uint32_t middle = below + (above - below) / 2;
        if (text->lines[middle] <= at)
            below = middle;
        else
            above = middle;
    }
    return below + 1;
}

/* How many bytes a character that begins with this one has; 0 if none begins with it. */
static unsigned length_by_first(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

unsigned text_character(const char *bytes, size_t len, uint32_t *character)
{
    if (len == 0)
        return 0;
    unsigned char first = (unsigned char)bytes[0];
    unsigned n = length_by_first(first);
    if (n == 0 || n > len)
        return 0;
    uint32_t value = n == 1 ? first : first & (0x7fU >> n);
    for (unsigned i = 1; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >> 6 != 2)
            return 0;
        value = value << 6 | (c & 0x3f);
    }
    if ((n == 3 && value < 0x800) || (n == 4 && value < 0x10000) || value > 0x10ffff ||
        (value >= 0xd800 && value < 0xe000))
        return 0;
    *character = value;
    return n;
}

uint32_t text_characters(const char *bytes, size_t len)
{
    uint32_t count = 0, character;
    for (size_t i = 0; i < len; count++) {
        unsigned n = text_character(bytes + i, len - i, &character);
        i += n > 0 ? n : 1;
    }
    return count;
}

bool text_is_plain(uint32_t c)
{
    bool control = (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0);
    bool invisible =
        c == 0x200b || c == 0x200e || c == 0x200f || c == 0x2028 || c == 0x2029 || c == 0x2060 || c == 0xfeff;
    bool turning = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    return !control && !invisible && !turning;
}

/* Where a line begins, or the text ends. */
static uint32_t line_begin(const struct text *text, uint32_t line)
{
    if (text->lines != NULL)
        return line <= text->line_count ? text->lines[line - 1] : text->len;
    uint32_t at = 0;
    while (--line > 0 && at < text->len) {
        const char *end = memchr(text->bytes + at, '\n', text->len - at);
        at = end != NULL ? (uint32_t)(end - text->bytes) + 1 : text->len;
    }
    return at;
}

struct place text_line_place(const struct text *text, uint32_t line)
{
    uint32_t begin = line_begin(text, line), end = line_begin(text, line + 1);
    if (end > begin && text->bytes[end - 1] == '\n')
        end--;
    if (end > begin && text->bytes[end - 1] == '\r')
        end--;
    return (struct place){text, begin, end - begin};
}

struct place text_span(struct place first, struct place last)
{
    return (struct place){first.text, first.at, last.at + last.len - first.at};
}

bool text_is(struct place place, const char *what)
{
    return strlen(what) == place.len && memcmp(text_at(place), what, place.len) == 0;
}

static bool is_gap(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether a backslash at `i` is the last but blanks of its line, and so stands for nothing but the line's end. */
static bool is_continuation(const char *s, uint32_t i, uint32_t len)
{
    if (s[i] != '\\')
        return false;
    do
        i++;
    while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r'));
    return i < len && s[i] == '\n';
}

const char *text_fold(struct arena *arena, struct place place)
{
    char *copy = arena_take(arena, (size_t)place.len + 1);
    if (copy == NULL)
        return NULL;
    const char *s = text_at(place);
    size_t n = 0;
    bool quoted = false, gap = false;
    for (uint32_t i = 0; i < place.len; i++) {
        if (!quoted && (is_gap(s[i]) || is_continuation(s, i, place.len))) {
            gap = true;
            continue;
        }
        if (gap)
            copy[n++] = ' ';
        gap = false;
        quoted ^= s[i] == '"';
        copy[n++] = s[i];
    }
    return copy;
}

/* The place of the `include`, in a file `depth` deep, through which this place is reached. */
static struct place lift(struct place place, unsigned depth)
{
    while (place.text->depth > depth)
        place = place.text->included;
    return place;
}

int text_compare(struct place a, struct place b)
{
    struct place up_a = a, up_b = b;
    unsigned depth = a.text->depth < b.text->depth ? a.text->depth : b.text->depth;
    up_a = lift(a, depth);
    up_b = lift(b, depth);
    unsigned number_a = up_a.text->number, number_b = up_b.text->number;
    while (up_a.text != up_b.text) {
        number_a = up_a.text->number;
        number_b = up_b.text->number;
        up_a = up_a.text->included;
        up_b = up_b.text->included;
    }
    if (up_a.at != up_b.at)
        return up_a.at < up_b.at ? -1 : 1;
    if (number_a != number_b) /* two files that one `include` brought */
        return number_a < number_b ? -1 : 1;
    return a.text->depth < b.text->depth ? -1 : a.text->depth > b.text->depth;
}
