/* Forwards put into rules files and taken out, byte by byte. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "rules/edit.h"
#include "tidegate/rules.h"

/* A source of files in memory: path, text, …, NULL. */

static int memory_read(void *context, const char *path, char **text, size_t *len)
{
    for (const char *const *row = context; row[0] != NULL; row += 2) {
        if (strcmp(row[0], path) == 0) {
            *text = strdup(row[1]);
            *len = strlen(*text);
            return 0;
        }
    }
    return -ENOENT;
}

/* As the tests' edit: one file, or several. */
struct opened {
    const char *files[7];
    struct tg_source source;
    struct tg_complaints *complaints;
    struct edit edit;
};

static void open_files(struct opened *o)
{
    o->source = (struct tg_source){.read = memory_read, .context = o->files};
    o->complaints = tg_complaints_new();
    assert_int_equal(edit_open(&o->edit, &o->source, o->files[0], o->complaints), 0);
}

static void open_text(struct opened *o, const char *text)
{
    *o = (struct opened){.files = {"home.rules", text}};
    open_files(o);
}

static void close_files(struct opened *o)
{
    edit_close(&o->edit);
    tg_complaints_free(o->complaints);
}

#define NEW "forward tcp port 80 from wan to cam"

TEST(forwards_are_added)
{
    static const struct {
        const char *name, *before, *after;
        uint32_t line;
    } rows[] = {
        {"behind the last one", "forward any from a to b\nallow from a\nforward any from c to d # x\ndefault drop\n",
         "forward any from a to b\nallow from a\nforward any from c to d # x\n" NEW "\ndefault drop\n", 4},
        {"behind one that comes after default", "default drop\nforward any from a to b\n",
         "default drop\nforward any from a to b\n" NEW "\n", 3},
        {"behind a continued one", "forward any \\\n from a \\\n to b\ndefault drop\n",
         "forward any \\\n from a \\\n to b\n" NEW "\ndefault drop\n", 4},
        {"behind one with mistakes", "forward any form a\nallow from a\n",
         "forward any form a\n" NEW "\nallow from a\n", 2},
        {"before default", "allow from a\ndefault drop\n", "allow from a\n" NEW "\ndefault drop\n", 2},
        {"before the comment above default", "allow from a\n\n# all\n# else\ndefault drop\n",
         "allow from a\n\n" NEW "\n# all\n# else\ndefault drop\n", 3},
        {"not before a comment apart from default", "allow from a\n# this\n\ndefault drop\n",
         "allow from a\n# this\n\n" NEW "\ndefault drop\n", 4},
        {"not before the comment at the top", "# my rules\n# all of them\ndefault drop\n",
         "# my rules\n# all of them\n" NEW "\ndefault drop\n", 3},
        {"before the first default", "default drop\nallow from a\ndefault reject\n",
         NEW "\ndefault drop\nallow from a\ndefault reject\n", 1},
        {"at the end", "allow from a\n# the end\n", "allow from a\n# the end\n" NEW "\n", 3},
        {"to an empty file", "", NEW "\n", 1},
        {"to a file of a byte order mark", "\xef\xbb\xbf", "\xef\xbb\xbf" NEW "\n", 1},
        {"behind a byte order mark",
         "\xef\xbb\xbf"
         "default drop\n",
         "\xef\xbb\xbf" NEW "\ndefault drop\n", 1},
        {"where the last line has no end", "allow from a", "allow from a\n" NEW "\n", 2},
        {"where the last line is a comment without end", "allow from a # b \\", "allow from a # b \\\n" NEW "\n", 2},
        {"where the last line would go on", "allow from a \\", "allow from a \\\n\n" NEW "\n", 3},
        {"where the last line would go on, with its end", "allow from a \\ \n", "allow from a \\ \n\n" NEW "\n", 3},
        {"where a blank line ends the last one", "allow from a \\\n\n", "allow from a \\\n\n" NEW "\n", 3},
        {"where a line of blanks ends it", "allow from a \\\n ", "allow from a \\\n \n" NEW "\n", 3},
        {"with CRLF", "allow from a\r\n# b\r\n", "allow from a\r\n# b\r\n" NEW "\r\n", 3},
        {"with CRLF, in the middle", "forward any from a to b\r\ndefault drop\r\n",
         "forward any from a to b\r\n" NEW "\r\ndefault drop\r\n", 2},
        {"with CRLF, at the top", "default drop\r\n", NEW "\r\ndefault drop\r\n", 1},
        {"with CRLF, without the last end", "allow from a\r\nallow from b",
         "allow from a\r\nallow from b\r\n" NEW "\r\n", 3},
        {"with CRLF, to be continued", "allow from a\r\nallow from b \\\r\n",
         "allow from a\r\nallow from b \\\r\n\r\n" NEW "\r\n", 4},
        {"as the line before it ends", "allow from a\r\nallow from b\n", "allow from a\r\nallow from b\n" NEW "\n", 3},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct opened o;
        struct edit_result result;
        open_text(&o, rows[i].before);
        struct tg_complaints *complaints = tg_complaints_new();
        CHECK_EQUAL(rows[i].name, edit_add(&o.edit, " \t" NEW "\n", complaints, &result), 0);
        if (strcmp(result.bytes, rows[i].after) != 0)
            fail_msg("%s:\n%s\nis not:\n%s", rows[i].name, result.bytes, rows[i].after);
        CHECK_EQUAL(rows[i].name, result.len, strlen(rows[i].after));
        CHECK_EQUAL(rows[i].name, result.line, rows[i].line);
        CHECK(rows[i].name, strncmp(result.bytes + result.at, NEW, strlen(NEW)) == 0);
        free(result.bytes);
        tg_complaints_free(complaints);
        close_files(&o);
    }
}

TEST(what_is_no_forward_is_refused)
{
    static const struct {
        const char *statement, *message;
    } rows[] = {
        {"", "nothing is written"},
        {" \n", "nothing is written"},
        {"# forward", "this is a comment"},
        {"allow from lan", "only forwards can be added"},
        {"zone lan on br-lan", "only forwards can be added"},
        {"tcp port 80 from wan to cam", "'forward' is missing"},
        {"foward tcp port 80 from wan to cam", "did you mean 'forward'?"},
        {"forward tcp port 80 from wan", "expected 'to'"},
        {"forward tcp port 80 from wan to cam \\", "a '\\' at the end"},
        {NEW "\n" NEW, "one forward is added at a time"},
        {NEW "\nallow from any", "one forward is added at a time"},
        {"forward tcp port 80 \\\n from wan to cam", "one forward is added at a time"},
        {NEW " # a comment\n\ndefault drop", "one forward is added at a time"},
        {NEW "\r", NULL},
        {NEW " # a comment \\", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct opened o;
        struct edit_result result = {0};
        open_text(&o, "allow from a\nalow from b\n"); /* whose own mistake is not told here */
        struct tg_complaints *complaints = tg_complaints_new();
        int error = edit_add(&o.edit, rows[i].statement, complaints, &result);
        CHECK_EQUAL(rows[i].statement, -error, rows[i].message != NULL ? EINVAL : 0);
        const struct tg_complaint *complaint = tg_complaints_get(complaints, 0);
        CHECK(rows[i].statement, (complaint != NULL) == (rows[i].message != NULL));
        if (complaint != NULL) {
            assert_string_equal(complaint->file, "forward");
            if (strstr(complaint->message, rows[i].message) == NULL)
                fail_msg("%s: it says: %s", rows[i].statement, complaint->message);
        }
        free(result.bytes);
        tg_complaints_free(complaints);
        close_files(&o);
    }
}

TEST(forwards_are_removed)
{
    static const struct {
        const char *name, *before, *what, *after;
        uint32_t line;
    } rows[] = {
        {"with the comment behind it", "allow from a\n" NEW " # b\nallow from c\n", "2", "allow from a\nallow from c\n",
         2},
        {"not the comment above it", "# the camera\n" NEW "\n\n", "cam", "# the camera\n\n", 2},
        {"with all its lines", "allow from a\nforward any \\\n  from b \\\n  to c\nallow from d\n", "3",
         "allow from a\nallow from d\n", 2},
        {"with CRLF", "allow from a\r\n" NEW "\r\nallow from b\r\n", "cam", "allow from a\r\nallow from b\r\n", 2},
        {"the first line", NEW "\nallow from a\n", "1", "allow from a\n", 1},
        {"behind a byte order mark", "\xef\xbb\xbf" NEW "\nallow from a\n", "1",
         "\xef\xbb\xbf"
         "allow from a\n",
         1},
        {"the last line, without its end", "allow from a\n" NEW, "2", "allow from a\n", 2},
        {"the only line", NEW "\n", "1", "", 1},
        {"one with mistakes", "allow from a\nforward tcp prot 80\n", "2", "allow from a\n", 2},
        {"one whose first word has a mistake", "allow from a\nfoward tcp port 80\n", "2", "allow from a\n", 2},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct opened o;
        const struct edit_forward *found;
        struct edit_result result;
        open_text(&o, rows[i].before);
        CHECK_EQUAL(rows[i].name, edit_find(&o.edit, rows[i].what, &found, 1), 1);
        CHECK_EQUAL(rows[i].name, edit_remove(found, &result), 0);
        if (strcmp(result.bytes, rows[i].after) != 0)
            fail_msg("%s:\n%s\nis not:\n%s", rows[i].name, result.bytes, rows[i].after);
        CHECK_EQUAL(rows[i].name, result.len, strlen(rows[i].after));
        CHECK_EQUAL(rows[i].name, result.line, rows[i].line);
        free(result.bytes);
        close_files(&o);
    }
}

TEST(forwards_are_found)
{
    static const struct {
        const char *what, *lines; /* of those found, an included one with its file */
    } rows[] = {
        {"Front door", "2"},  /* its label */
        {"front door", ""},   /* is not written so */
        {"2", "2"},           /* its line */
        {"1", ""},            /* is no forward */
        {"4", "3"},           /* one of its lines */
        {"6", ""},            /* is behind it */
        {"cam", "2 3"},       /* a host of two */
        {"nas", "7"},         /* a host, which is a label too: that comes first */
        {"192.168.1.9", "8"}, /* a host by its address */
        {"fd00:0::9", "9"},   /* however that is written */
        {"192.168.1.99", ""}, /* no host */
        {"7", "7"},
        {"home.rules:3", "3"},      /* a line of a file */
        {"parts/more:1", "more:1"}, /* of an included one */
        {"home.rules:7x", ""},
        {"home.rules:", ""},
        {"", ""},
        {"99999999999999999999", ""},
        {"inside", "more:1"},
        {"twice", "more:1 more:2"},
    };
    struct opened o = {.files = {"home.rules",
                                 "zone wan on eth0\n"
                                 "forward tcp port 1 from wan to cam \"Front door\"\n"
                                 "forward tcp port 2 from wan \\\n"
                                 "  to cam\n"
                                 "\n"
                                 "\n"
                                 "forward tcp port 3 from wan to x \"nas\"\n"
                                 "forward tcp port 4 from wan to 192.168.1.9\n"
                                 "forward tcp port 5 from wan to fd00::9\n"
                                 "forward tcp port 6 from wan to nas \"other\"\n"
                                 "include \"parts/more\"\n"
                                 "forward tcp port 8 from wan to y \"a:b\"\n",
                                 "parts/more",
                                 "forward tcp port 7 from wan to twice \"inside\"\n"
                                 "forward tcp port 9 from wan to twice\n"}};
    open_files(&o);
    assert_int_equal(o.edit.count, 9);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct edit_forward *found[4];
        char got[100] = "", one[40];
        size_t count = edit_find(&o.edit, rows[i].what, found, COUNT(found));
        for (size_t j = 0; j < count && j < COUNT(found); j++) {
            snprintf(one, sizeof one, "%s%s%u", j > 0 ? " " : "", found[j]->included ? "more:" : "", found[j]->line);
            strcat(got, one);
            CHECK(rows[i].what, found[j]->included == (strcmp(found[j]->file, "parts/more") == 0));
        }
        if (strcmp(got, rows[i].lines) != 0)
            fail_msg("'%s' finds '%s', not '%s'", rows[i].what, got, rows[i].lines);
    }
    close_files(&o);
}

TEST(a_number_may_be_a_line_and_a_label)
{
    struct opened o;
    const struct edit_forward *found[2];
    open_text(&o, "forward tcp port 1 from wan to a \"2\"\nforward tcp port 2 from wan to b\n");
    assert_int_equal(edit_find(&o.edit, "2", found, 2), 2);
    assert_int_equal(edit_find(&o.edit, "2", found, 1), 2); /* counted past the room */
    assert_int_equal(edit_find(&o.edit, "1", found, 2), 1);
    close_files(&o);
}

TEST(a_file_that_cannot_be_read)
{
    struct opened o = {.files = {NULL}};
    const struct tg_source source = {.read = memory_read, .context = o.files};
    struct tg_complaints *complaints = tg_complaints_new();
    assert_int_equal(edit_open(&o.edit, &source, "home.rules", complaints), -EINVAL);
    assert_int_equal(tg_complaints_count(complaints, TG_ERROR), 1);
    edit_close(&o.edit);
    tg_complaints_free(complaints);
}

/* => how many statements a file has, good and bad */
static unsigned statements(const struct opened *o)
{
    unsigned count = 0;
    for (const struct statement *st = o->edit.tree.root.statements; st != NULL; st = st->next)
        count += st->place.len > 0;
    return count;
}

/* Whatever rules file there is, good or bad: a forward that is added is one more, all other statements stay, and when
 * it is removed again the file is as it was, but for a last line that had no end. */
static void check_there_and_back(const char *path, const char *before)
{
    struct opened o, after;
    struct edit_result added, removed;
    const struct edit_forward *found;
    char line[20];
    open_text(&o, before);
    assert_int_equal(edit_add(&o.edit, NEW, o.complaints, &added), 0);
    open_text(&after, added.bytes);
    CHECK_EQUAL(path, after.edit.count, o.edit.count + 1);

    CHECK_EQUAL(path, statements(&after), statements(&o) + 1);
    snprintf(line, sizeof line, "%u", added.line);
    CHECK_EQUAL(path, edit_find(&after.edit, line, &found, 1), 1);
    CHECK(path, text_is(found->statement->place, NEW));
    CHECK_EQUAL(path, edit_remove(found, &removed), 0);
    CHECK(path, strncmp(removed.bytes, before, strlen(before)) == 0);
    CHECK(path, strspn(removed.bytes + strlen(before), "\r\n") == removed.len - strlen(before));
    CHECK(path, removed.len == strlen(before) || before[strlen(before) - 1] != '\n' || strchr(before, '\\') != NULL);
    free(added.bytes);
    free(removed.bytes);
    close_files(&after);
    close_files(&o);
}

TEST(there_and_back)
{
    static const char *const patterns[] = {"tests/rules/*.rules", "tests/print/*.rules", "rules/*.rules"};
    for (size_t i = 0; i < COUNT(patterns); i++) {
        glob_t found;
        assert_int_equal(glob(patterns[i], 0, NULL, &found), 0);
        for (size_t j = 0; j < found.gl_pathc; j++) {
            FILE *file = fopen(found.gl_pathv[j], "rb");
            assert_non_null(file);
            char *bytes = calloc(1, 1 << 20);
            bytes[fread(bytes, 1, (1 << 20) - 1, file)] = '\0';
            fclose(file);
            check_there_and_back(found.gl_pathv[j], bytes);
            free(bytes);
        }
        globfree(&found);
    }
}

TEST(an_overlay_stands_before_other_files)
{
    static const char *const files[] = {"a", "file a", "b", "file b", NULL};
    const struct tg_source behind = {.read = memory_read, .context = (void *)(uintptr_t)files};
    struct edit_overlay overlay = {&behind, "a", "overlaid", 4};
    const struct tg_source source = edit_overlay_source(&overlay);
    char *text;
    size_t len;
    assert_int_equal(source.read(source.context, "a", &text, &len), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(text, "over", 4);
    free(text);
    assert_int_equal(source.read(source.context, "b", &text, &len), 0);
    assert_string_equal(text, "file b");
    free(text);
    assert_int_equal(source.read(source.context, "c", &text, &len), -ENOENT);
    assert_null(source.expand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forwards_are_added),
        cmocka_unit_test(what_is_no_forward_is_refused),
        cmocka_unit_test(forwards_are_removed),
        cmocka_unit_test(forwards_are_found),
        cmocka_unit_test(a_number_may_be_a_line_and_a_label),
        cmocka_unit_test(a_file_that_cannot_be_read),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(an_overlay_stands_before_other_files),
    };
    return cmocka_run_group_tests_name("rules_edit", tests, NULL, NULL);
}
