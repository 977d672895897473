/* Expectations. One line of the file is held: the next that packets must come to. Those about the summary are kept
 * until the end.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "replay/expect.h"

struct expect {
    FILE *file;
    FILE *complaints;
    const char *path;
    char *text; /* of the line at hand, for getline() */
    size_t text_room;
    uint64_t line;
    struct json_object *next;      /* about packet number `packet`; NULL at the end of the file */
    struct json_object *summaries; /* a list of {"line":…,"summary":…} */
    uint64_t packet;
    struct expect_outcome outcome;
};

__attribute__((format(printf, 3, 4))) static void complain(const struct expect *expect, uint64_t line,
                                                           const char *format, ...)
{
    va_list arguments;
    fprintf(expect->complaints, "%s:%" PRIu64 ": ", expect->path, line);
    va_start(arguments, format);
    vfprintf(expect->complaints, format, arguments);
    va_end(arguments);
    fputc('\n', expect->complaints);
}

/* Reading */

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == 0;
}

/* Take one line: either about the summary, which is put aside, or about a packet, which becomes `next`.
 * => false if it is neither */
static bool take_line(struct expect *expect)
{
    enum json_tokener_error error;
    struct json_object *number, *totals, *object = json_tokener_parse_verbose(expect->text, &error);
    if (!json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        complain(expect, expect->line, "not a JSON object%s%s", error == json_tokener_success ? "" : ": ",
                 error == json_tokener_success ? "" : json_tokener_error_desc(error));
        return false;
    }
    if (json_object_object_get_ex(object, "summary", &totals) && json_object_is_type(totals, json_type_object)) {
        json_object_object_add(object, "line", json_object_new_int64((int64_t)expect->line));
        json_object_array_add(expect->summaries, object);
        return true;
    }
    if (!json_object_object_get_ex(object, "packet", &number) || !json_object_is_type(number, json_type_int) ||
        json_object_get_int64(number) < 1) {
        json_object_put(object);
        complain(expect, expect->line, "neither \"packet\" with a number nor \"summary\" with an object is there");
        return false;
    }
    expect->next = object;
    uint64_t before = expect->packet;
    expect->packet = (uint64_t)json_object_get_int64(number);
    if (expect->packet >= before)
        return true;
    complain(expect, expect->line,
             "packet %" PRIu64 " stands after packet %" PRIu64 "; expectations must be in the order of the packets",
             expect->packet, before);
    return false;
}

/* Find the next expectation about a packet. */
static void advance(struct expect *expect)
{
    json_object_put(expect->next);
    expect->next = NULL;
    while (!expect->next && !expect->outcome.broken) {
        if (getline(&expect->text, &expect->text_room, expect->file) < 0) {
            expect->outcome.broken = !feof(expect->file);
            if (expect->outcome.broken)
                complain(expect, expect->line, "%s", strerror(errno));
            return;
        }
        expect->line++;
        if (!is_blank(expect->text) && !take_line(expect))
            expect->outcome.broken = true;
    }
    if (expect->outcome.broken) {
        json_object_put(expect->next);
        expect->next = NULL;
    }
}

struct expect *expect_open(const char *path, FILE *complaints)
{
    struct expect *expect = calloc(1, sizeof *expect);
    if (!expect)
        return NULL;
    expect->path = path;
    expect->complaints = complaints;
    expect->summaries = json_object_new_array();
    expect->file = fopen(path, "re");
    if (!expect->file || !expect->summaries) {
        int error = errno;
        expect_close(expect);
        errno = error;
        return NULL;
    }
    advance(expect);
    return expect;
}

void expect_close(struct expect *expect)
{
    if (!expect)
        return;
    if (expect->file)
        fclose(expect->file);
    json_object_put(expect->next);
    json_object_put(expect->summaries);
    free(expect->text);
    free(expect);
}

/* Comparing */

/* Whether a value meets what is expected of it. */
static bool is_met(struct json_object *expected, struct json_object *value)
{
    if (json_object_is_type(expected, json_type_object)) {
        if (!json_object_is_type(value, json_type_object))
            return false;
        json_object_object_foreach(expected, key, field)
        {
            struct json_object *has = NULL;
            bool there = json_object_object_get_ex(value, key, &has);
            if (field ? !there || !is_met(field, has) : there)
                return false;
        }
        return true;
    }
    if (!json_object_is_type(expected, json_type_array))
        return json_object_equal(expected, value);
    size_t wanted = json_object_array_length(expected);
    size_t have = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
    for (size_t i = 0; i < wanted; i++) {
        size_t j = 0;
        while (j < have && !is_met(json_object_array_get_idx(expected, i), json_object_array_get_idx(value, j)))
            j++;
        if (j == have)
            return false;
    }
    return json_object_is_type(value, json_type_array);
}

/* Compare field by field, and complain of each that differs. */
static void compare(struct expect *expect, uint64_t line, const char *what, struct json_object *expected,
                    struct json_object *report)
{
    bool met = true;
    json_object_object_foreach(expected, key, field)
    {
        struct json_object *has = NULL;
        bool there = json_object_object_get_ex(report, key, &has);
        if (field ? there && is_met(field, has) : !there)
            continue;
        met = false;
        complain(expect, line, "%s: expected \"%s\" %s%s, got %s", what, key, field ? "to be " : "to be left out",
                 field ? json_object_to_json_string_ext(field, JSON_C_TO_STRING_PLAIN) : "",
                 there ? json_object_to_json_string_ext(has, JSON_C_TO_STRING_PLAIN) : "none");
    }
    if (met)
        expect->outcome.met++;
    else
        expect->outcome.missed++;
}

bool expect_wants(const struct expect *expect, uint64_t packet)
{
    return expect->next && expect->packet == packet;
}

void expect_packet(struct expect *expect, const char *report)
{
    struct json_object *object = json_tokener_parse(report);
    uint64_t packet = expect->packet;
    char what[40];
    snprintf(what, sizeof what, "packet %" PRIu64, packet);
    while (expect_wants(expect, packet)) {
        compare(expect, expect->line, what, expect->next, object);
        advance(expect);
    }
    json_object_put(object);
}

struct expect_outcome expect_finish(struct expect *expect, const char *summary)
{
    struct json_object *line, *expected, *totals, *report = json_tokener_parse(summary);
    while (expect->next) {
        complain(expect, expect->line, "packet %" PRIu64 ": there are not so many", expect->packet);
        expect->outcome.missed++;
        advance(expect);
    }
    json_object_object_get_ex(report, "summary", &totals);
    for (size_t i = 0; i < json_object_array_length(expect->summaries); i++) {
        struct json_object *object = json_object_array_get_idx(expect->summaries, i);
        json_object_object_get_ex(object, "line", &line);
        json_object_object_get_ex(object, "summary", &expected);
        compare(expect, (uint64_t)json_object_get_int64(line), "summary", expected, totals);
    }
    json_object_put(report);
    return expect->outcome;
}
