#include "rules/complaint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct tg_complaint shown;
    struct place place; /* nowhere: about a file as a whole. Not looked at after complaints_sort() */
    size_t order;       /* as made, so that sorting keeps the order of complaints of one place */
};

struct tg_complaints {
    struct entry *entries;
    size_t count, room;
    size_t by_severity[2];
    struct arena strings;
    bool failed;
    /* The line that was complained of last: complaints come in flocks, and a line may be long. */
    struct {
        const struct text *text;
        uint32_t line, at, column;
        const char *source;
    } last;
};

struct tg_complaints *tg_complaints_new(void)
{
    return calloc(1, sizeof(struct tg_complaints));
}

void tg_complaints_free(struct tg_complaints *complaints)
{
    if (complaints == NULL)
        return;
    arena_clear(&complaints->strings);
    free(complaints->entries);
    free(complaints);
}

size_t tg_complaints_count(const struct tg_complaints *complaints, enum tg_severity severity)
{
    return complaints->by_severity[severity];
}

const struct tg_complaint *tg_complaints_get(const struct tg_complaints *complaints, size_t i)
{
    return i < complaints->count ? &complaints->entries[i].shown : NULL;
}

size_t complaints_mark(const struct tg_complaints *complaints)
{
    return complaints->count;
}

bool complaints_failed(const struct tg_complaints *complaints)
{
    return complaints->failed || complaints->strings.failed;
}

/* Set the mark below a line, `whole`, whose copy is shown->source. */
static void mark(struct place place, struct place whole, struct tg_complaint *shown)
{
    uint32_t end = place.at + place.len, line_end = whole.at + whole.len;
    if (end > line_end)
        end = line_end;
    shown->width = end > place.at ? text_characters(text_at(place), end - place.at) : 1;
    if (shown->source != NULL)
        shown->mark = shown->source + (place.at < line_end ? place.at - whole.at : whole.len);
}

/* Fill in line, column, width and source of a place. */
static void locate(struct tg_complaints *complaints, struct place place, struct tg_complaint *shown)
{
    uint32_t line = text_line(place.text, place.at);
    struct place whole = text_line_place(place.text, line);
    if (complaints->last.text != place.text || complaints->last.line != line) {
        complaints->last.text = place.text;
        complaints->last.line = line;
        complaints->last.at = whole.at;
        complaints->last.column = 1;
        complaints->last.source = arena_text(&complaints->strings, text_at(whole), whole.len);
    }
    if (complaints->last.at > place.at) {
        complaints->last.at = whole.at;
        complaints->last.column = 1;
    }
    uint32_t from = complaints->last.at;
    complaints->last.column += text_characters(place.text->bytes + from, place.at - from);
    complaints->last.at = place.at;

    shown->line = line;
    shown->column = complaints->last.column;
    shown->source = complaints->last.source;
    mark(place, whole, shown);
}

bool complaint_place(struct arena *arena, struct place place, struct tg_complaint *shown)
{
    uint32_t line = text_line(place.text, place.at);
    struct place whole = text_line_place(place.text, line);
    *shown = (struct tg_complaint){
        .file = place.text->path,
        .line = line,
        .column = 1 + text_characters(text_at(whole), place.at - whole.at),
        .source = arena_text(arena, text_at(whole), whole.len),
    };
    mark(place, whole, shown);
    return shown->source != NULL;
}

static bool make_room(struct tg_complaints *complaints)
{
    if (complaints->count < complaints->room)
        return true;
    size_t room = complaints->room > 0 ? complaints->room * 2 : 16;
    struct entry *entries = realloc(complaints->entries, room * sizeof *entries);
    if (entries == NULL) {
        complaints->failed = true;
        return false;
    }
    complaints->entries = entries;
    complaints->room = room;
    return true;
}

/* Keep a complaint, whose strings are the list's own. */
static void keep(struct tg_complaints *complaints, struct tg_complaint shown, struct place place)
{
    if (shown.message == NULL || shown.file == NULL || shown.source == NULL || !make_room(complaints))
        return;
    complaints->entries[complaints->count] = (struct entry){shown, place, complaints->count};
    complaints->count++;
    complaints->by_severity[shown.severity]++;
}

COMPLAINT_PRINTF(5, 0)
static void add(struct tg_complaints *complaints, enum tg_severity severity, const char *path, struct place place,
                const char *format, va_list args)
{
    char message[1024];
    vsnprintf(message, sizeof message, format, args);
    struct tg_complaint shown = {.severity = severity, .width = 1, .source = "", .mark = ""};
    shown.message = arena_text(&complaints->strings, message, strlen(message));
    shown.file = arena_text(&complaints->strings, path, strlen(path));
    if (place.text != NULL)
        locate(complaints, place, &shown);
    keep(complaints, shown, place);
}

void complain(struct tg_complaints *complaints, enum tg_severity severity, struct place place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(complaints, severity, place.text->path, place, format, args);
    va_end(args);
}

void complain_of_file(struct tg_complaints *complaints, enum tg_severity severity, const char *path, const char *format,
                      ...)
{
    va_list args;
    va_start(args, format);
    add(complaints, severity, path, (struct place){0}, format, args);
    va_end(args);
}

void complain_of_line(struct tg_complaints *complaints, enum tg_severity severity, const char *path, uint32_t line,
                      const char *source, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    char *copy = arena_text(&complaints->strings, source, strlen(source));
    struct tg_complaint shown = {.severity = severity, .line = line, .column = 1, .source = copy, .mark = copy};
    shown.width = text_characters(source, strlen(source));
    shown.message = arena_text(&complaints->strings, message, strlen(message));
    shown.file = arena_text(&complaints->strings, path, strlen(path));
    keep(complaints, shown, (struct place){0});
}

void complain_later(struct tg_complaints *complaints, enum tg_severity severity, const struct tg_complaint *place,
                    const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct tg_complaint shown = *place;
    shown.severity = severity;
    shown.message = arena_text(&complaints->strings, message, strlen(message));
    shown.file = arena_text(&complaints->strings, place->file, strlen(place->file));
    shown.source = arena_text(&complaints->strings, place->source, strlen(place->source));
    if (shown.source != NULL)
        shown.mark = shown.source + (place->mark - place->source);
    keep(complaints, shown, (struct place){0});
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int by_place = (x->place.text != NULL) - (y->place.text != NULL);
    if (by_place == 0 && x->place.text != NULL)
        by_place = text_compare(x->place, y->place);
    if (by_place != 0)
        return by_place;
    return x->order < y->order ? -1 : x->order > y->order;
}

void complaints_sort(struct tg_complaints *complaints, size_t mark)
{
    if (complaints->count > mark)
        qsort(complaints->entries + mark, complaints->count - mark, sizeof *complaints->entries, compare);
    complaints->last.text = NULL;
}

const char *complaint_where(struct place place, char buf[static COMPLAINT_WHERE])
{
    const char *path = place.text->path;
    size_t len = strlen(path);
    const char *shown = len > 120 ? path + len - 120 : path; /* its end tells more than its beginning */
    snprintf(buf, COMPLAINT_WHERE, "%s%s:%u", shown == path ? "" : "...", shown, text_line(place.text, place.at));
    return buf;
}

const char *complaint_quote(struct place place, char buf[static COMPLAINT_QUOTE])
{
    const char *bytes = text_at(place);
    uint32_t character, n = 0;
    while (n < place.len) {
        unsigned len = text_character(bytes + n, place.len - n, &character);
        len = len > 0 ? len : 1;
        if (n + len > COMPLAINT_QUOTE - 4)
            break;
        n += len;
    }
    memcpy(buf, bytes, n);
    memcpy(buf + n, n < place.len ? "..." : "", n < place.len ? 4 : 1);
    return buf;
}

/* What one character is shown as: control characters and broken bytes must not reach a terminal. */
static size_t show(char *out, const char *bytes, size_t len, bool blank, size_t *used)
{
    uint32_t character = 0;
    unsigned n = text_character(bytes, len, &character);
    *used = n > 0 ? n : 1;
    if (character == '\t') {
        *out = '\t';
        return 1;
    }
    if (blank) {
        *out = ' ';
        return 1;
    }
    if (n == 0 || !text_is_plain(character)) {
        *out = '?';
        return 1;
    }
    memcpy(out, bytes, n);
    return n;
}

/* A buffer that is filled as far as it goes, and counts on behind its end. */
struct sink {
    char *buf;
    size_t room, len;
};

static void put(struct sink *sink, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++, sink->len++) {
        if (sink->len + 1 < sink->room)
            sink->buf[sink->len] = bytes[i];
    }
}

static void put_text(struct sink *sink, const char *text)
{
    put(sink, text, strlen(text));
}

static void put_safe(struct sink *sink, const char *text)
{
    char out[4];
    size_t used;
    for (size_t i = 0, len = strlen(text); i < len; i += used) {
        size_t n = show(out, text + i, len - i, false, &used);
        put(sink, out, n);
    }
}

/* The part of a long line that is shown: this many characters before the mark, and in all. A line may have megabytes,
 * and thousands of complaints. */
#define SHOWN_BEFORE 60
#define SHOWN_WIDEST 160

/* => how many bytes the first `most` characters take, or fewer if there are fewer */
static size_t bytes_of(const char *source, size_t most)
{
    size_t n = 0;
    uint32_t character;
    for (; most > 0 && source[n] != '\0'; most--) {
        unsigned len = text_character(source + n, strnlen(source + n, 4), &character);
        n += len > 0 ? len : 1;
    }
    return n;
}

/* => the beginning of the character that ends before `at` */
static const char *character_before(const char *source, const char *at)
{
    uint32_t character;
    for (unsigned len = 4; len > 1; len--) {
        if (at - source >= (ptrdiff_t)len && text_character(at - len, len, &character) == len)
            return at - len;
    }
    return at - 1;
}

/* Where the shown part of a line begins. */
static const char *shown_from(const struct tg_complaint *complaint)
{
    const char *at = complaint->mark;
    if (complaint->source[bytes_of(complaint->source, SHOWN_WIDEST)] == '\0')
        return complaint->source;
    for (unsigned i = 0; i < SHOWN_BEFORE && at > complaint->source; i++)
        at = character_before(complaint->source, at);
    return at;
}

/* The source line and the mark below it. Tabs stay tabs in both, so that the mark stands right whatever their width. */
static void put_source(struct sink *sink, const struct tg_complaint *complaint, const char *colour, const char *plain)
{
    const char *from = shown_from(complaint);
    size_t len = bytes_of(from, SHOWN_WIDEST), before = (size_t)(complaint->mark - from), used;
    char out[4];
    for (size_t at = 0; at < len; at += used)
        put(sink, out, show(out, from + at, len - at, false, &used));
    put_text(sink, "\n");
    for (size_t at = 0; at < before; at += used)
        put(sink, out, show(out, from + at, before - at, true, &used));
    put_text(sink, colour);
    uint32_t room = len > before ? text_characters(complaint->mark, len - before) : 1;
    for (uint32_t i = 0; i < complaint->width && i < room; i++)
        put_text(sink, "^");
    put_text(sink, plain);
    put_text(sink, "\n");
}

size_t tg_complaint_format(const struct tg_complaint *complaint, bool colour, char *buf, size_t room)
{
    struct sink sink = {buf, room, 0};
    const char *bold = colour ? "\033[1m" : "", *plain = colour ? "\033[0m" : "";
    const char *mark = !colour ? "" : complaint->severity == TG_ERROR ? "\033[1;31m" : "\033[1;35m";
    char number[32];

    put_text(&sink, bold);
    put_safe(&sink, complaint->file);
    if (complaint->line > 0) {
        snprintf(number, sizeof number, ":%u:%u", complaint->line, complaint->column);
        put_text(&sink, number);
    }
    put_text(&sink, ": ");
    put_text(&sink, plain);
    put_text(&sink, mark);
    put_text(&sink, complaint->severity == TG_ERROR ? "error: " : "warning: ");
    put_text(&sink, plain);
    put_text(&sink, bold);
    put_safe(&sink, complaint->message);
    put_text(&sink, plain);
    put_text(&sink, "\n");
    if (complaint->line > 0)
        put_source(&sink, complaint, mark, plain);
    if (room > 0)
        buf[sink.len < room ? sink.len : room - 1] = '\0';
    return sink.len;
}
