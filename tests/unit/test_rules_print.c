/* The canonical form of rules files.
 *
 * tests/print/NAME.rules is printed as tests/print/NAME.ok says; to make these anew, run this test with UPDATE=1 in the
 * environment and read the difference. And for every good rules file there is (tests/print, tests/rules, rules): what
 * is printed is printed again as it is, means the same to the compiler (recorder.h writes down what that makes of it),
 * and is the same whatever blanks were written and wherever lines were continued.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "recorder.h"
#include "rules/edit.h"
#include "rules/parse.h"
#include "rules/print.h"
#include "tidegate/rules.h"

/* Files. */

static char *read_whole(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    char *bytes = calloc(1, 1 << 20);
    *len = fread(bytes, 1, (1 << 20) - 1, file);
    fclose(file);
    return bytes;
}

static int disk_read(void *context, const char *path, char **text, size_t *len)
{
    (void)context;
    *text = read_whole(path, len);
    return *text == NULL ? -errno : 0;
}

static int disk_expand(void *context, const char *pattern, char ***paths, size_t *count)
{
    (void)context;
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0)
        return -ENOENT;
    *count = found.gl_pathc;
    *paths = calloc(*count, sizeof **paths);
    for (size_t i = 0; i < *count; i++)
        (*paths)[i] = strdup(found.gl_pathv[i]);
    globfree(&found);
    return 0;
}

static const struct tg_source disk = {.read = disk_read, .expand = disk_expand};

/* What the compiler makes of bytes at the place of a file, without the lines and words of the statements.
 * => it, or NULL if they have errors */
static char *meaning(const char *path, const char *bytes, size_t len)
{
    struct edit_overlay overlay = {&disk, path, bytes, len};
    const struct tg_source source = edit_overlay_source(&overlay);
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, path, complaints);
    tg_complaints_free(complaints);
    if (policy == NULL)
        return NULL;
    char *out = calloc(1, policy->len + 1);
    size_t n = 0;
    for (const char *line = policy->lines; *line != '\0';) {
        if (strncmp(line, "expect at ", 10) == 0) /* where it stands comes first there */
            line = strstr(line, ": ");
        size_t whole = strcspn(line, "\n"), part = whole;
        const char *at = strstr(line, " at ");
        if (*line >= '0' && *line <= '9' && at != NULL && at < line + whole)
            part = (size_t)(at - line);
        memcpy(out + n, line, part);
        n += part;
        out[n++] = '\n';
        line += whole + (line[whole] == '\n');
    }
    tg_policy_free(policy);
    return out;
}

/* => what is printed, never NULL */
static char *printed(const char *path, const char *bytes, size_t len)
{
    struct print out = {0};
    int error = print_rules(&out, path, bytes, len);
    if (error != 0)
        fail_msg("%s: print_rules() gave %d for:\n%s", path, error, bytes);
    return out.bytes != NULL ? out.bytes : strdup("");
}

/* The first line in which two texts differ. */
static void fail_at_difference(const char *path, const char *what, const char *got, const char *wanted)
{
    unsigned line = 1;
    while (true) {
        size_t n = strcspn(got, "\n"), m = strcspn(wanted, "\n");
        if (n != m || memcmp(got, wanted, n) != 0 || got[n] != wanted[m])
            fail_msg("%s: %s, line %u:\n  wanted: %.*s\n  got:    %.*s", path, what, line, (int)m, wanted, (int)n, got);
        got += n + 1;
        wanted += m + 1;
        line++;
    }
}

static void check_same(const char *path, const char *what, const char *got, const char *wanted)
{
    if (strcmp(got, wanted) != 0)
        fail_at_difference(path, what, got, wanted);
}

/* Call `check` for each good rules file that fits the pattern.
 * => how many there are */
typedef void file_check(const char *path, const char *bytes, size_t len);

static size_t for_each(const char *pattern, file_check *check)
{
    glob_t found;
    size_t good = 0;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        size_t len = 0;
        char *bytes = read_whole(path, &len), *means = meaning(path, bytes, len);
        if (means != NULL)
            check(path, bytes, len);
        good += means != NULL;
        free(means);
        free(bytes);
    }
    globfree(&found);
    return good;
}

static void for_all(file_check *check)
{
    assert_true(for_each("tests/print/*.rules", check) >= 8);
    assert_true(for_each("tests/rules/*.rules", check) >= 20);
    assert_true(for_each("rules/*.rules", check) >= 1);
}

/* What holds of every file. */

static void check_again(const char *path, const char *bytes, size_t len)
{
    char *once = printed(path, bytes, len), *twice = printed(path, once, strlen(once));
    check_same(path, "printed twice", twice, once);
    free(twice);
    free(once);
}

static void check_meaning(const char *path, const char *bytes, size_t len)
{
    char *out = printed(path, bytes, len);
    char *before = meaning(path, bytes, len), *after = meaning(path, out, strlen(out));
    if (after == NULL)
        fail_msg("%s: what is printed has errors:\n%s", path, out);
    check_same(path, "the meaning", after, before);
    free(after);
    free(before);
    free(out);
}

static uint32_t dice(uint32_t sides)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (state >> 8) % sides;
}

/* Write a file otherwise: other blanks between its words, blanks around `,` and `=`, and where `continuing`, lines
 * that are continued. Comments and quoted text stay. */
static char *respaced(const char *bytes, size_t len, bool continuing)
{
    static const char *const gaps[] = {" ", "  ", "\t", " \t  ", " \\\n", "\\\n\t", "\\ \r\n "};
    const uint32_t choices = continuing ? 7 : 4;
    char *out = calloc(len * 8 + 1, 1);
    size_t n = 0;
    bool quoted = false, comment = false, word = false; /* a word was begun in this line */
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        quoted ^= c == '"' && !comment;
        comment = c != '\n' && (comment || (c == '#' && !quoted));
        char next = bytes[i + 1 + strspn(bytes + i + 1, " \t")];
        bool free_here = !quoted && !comment && word && strchr("#\\\r\n", next) == NULL;
        if (c == ' ' && free_here) {
            n += (size_t)sprintf(out + n, "%s", gaps[dice(choices)]);
        } else if ((c == ',' || c == '=') && free_here) {
            const char *before = dice(2) ? gaps[dice(choices)] : "", *behind = dice(2) ? gaps[dice(choices)] : "";
            n += (size_t)sprintf(out + n, "%s%c%s", before, c, behind);
        } else {
            out[n++] = c;
        }
        word = c != '\n' && (word || (c != ' ' && c != '\t' && !comment));
    }
    return out;
}

static void check_blanks(const char *path, const char *bytes, size_t len)
{
    char *wanted = printed(path, bytes, len);
    for (unsigned i = 0; i < 5; i++) {
        char *other = respaced(bytes, len, false), *out = printed(path, other, strlen(other));
        check_same(path, "with other blanks", out, wanted);
        free(out);
        free(other);
    }
    free(wanted);
}

static void check_continued(const char *path, const char *bytes, size_t len)
{
    for (unsigned i = 0; i < 5; i++) {
        char *other = respaced(bytes, len, true);
        check_again(path, other, strlen(other));
        check_meaning(path, other, strlen(other));
        free(other);
    }
}

TEST(printed_again_it_is_the_same)
{
    for_all(check_again);
}

TEST(what_is_printed_means_the_same)
{
    for_all(check_meaning);
}

TEST(blanks_make_no_difference)
{
    for_all(check_blanks);
}

TEST(continued_lines_mean_the_same)
{
    for_all(check_continued);
}

/* Golden files. */

static void check_golden(const char *path, const char *bytes, size_t len)
{
    char golden[300];
    char *out = printed(path, bytes, len);
    snprintf(golden, sizeof golden, "%.*s.ok", (int)(strlen(path) - strlen(".rules")), path);
    if (getenv("UPDATE") != NULL) {
        FILE *file = fopen(golden, "wb");
        assert_non_null(file);
        fputs(out, file);
        fclose(file);
    }
    size_t wanted_len;
    char *wanted = read_whole(golden, &wanted_len);
    if (wanted == NULL)
        fail_msg("%s is missing; it would be:\n%s", golden, out);
    else
        check_same(path, golden, out, wanted);
    free(wanted);
    free(out);
}

TEST(golden_files)
{
    glob_t all;
    assert_int_equal(glob("tests/print/*.rules", 0, NULL, &all), 0);
    assert_int_equal(for_each("tests/print/*.rules", check_golden), all.gl_pathc);
    globfree(&all);
}

/* The rest. */

TEST(files_with_errors_are_not_printed)
{
    static const char *const rows[] = {"alow from lan\n", "allow from router\nallow tcp port 80\n",
                                       "allow from router # \x01\n", "allow from \"x\n", "\xff\n"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct print out = {0};
        CHECK_EQUAL(rows[i], -print_rules(&out, "test.rules", rows[i], strlen(rows[i])), EINVAL);
        CHECK(rows[i], out.len == 0);
        print_free(&out);
    }
}

/* A set of many networks, continued: folding it takes time by its length, not by the square of it. */
TEST(a_long_statement_is_folded)
{
    enum { MANY = 100000 };
    char *bytes = malloc(MANY * 24 + 100);
    size_t n = (size_t)sprintf(bytes, "set many = 10.0.0.0");
    for (unsigned i = 1; i < MANY; i++)
        n += (size_t)sprintf(bytes + n, ", \\\n10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
    n += (size_t)sprintf(bytes + n, "\n");
    char *out = printed("test.rules", bytes, n);
    unsigned lines = 0, commas = 0;
    for (const char *line = out; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t len = strcspn(line, "\n");
        assert_true(len <= PRINT_WIDTH);
        assert_true(len > PRINT_WIDTH - 24 || line[len + 1] == '\0');
        for (size_t i = 0; i < len; i++)
            commas += line[i] == ',';
        lines++;
    }
    assert_true(lines > 1000);
    assert_int_equal(commas, MANY - 1);
    free(out);
    free(bytes);
}

static const struct statement *first_forward(struct tree *tree, const char *bytes)
{
    tree->complaints = tg_complaints_new();
    const struct text *text = text_new(&tree->arena, "test.rules", bytes, strlen(bytes));
    assert_true(parse_file(tree, text, &tree->root));
    assert_int_equal(tg_complaints_count(tree->complaints, TG_ERROR), 0);
    return tree->root.statements;
}

TEST(parts_of_a_forward)
{
    static const struct {
        const char *forward, *taken, *from, *to, *options;
    } rows[] = {
        {"forward tcp , 17 port 80,443 at 203.0.113.2 from wan not a, b to cam port 8000-8001 no-hairpin \"x\"",
         "tcp,udp 80, 443 at 203.0.113.2", "wan not a, b", "cam port 8000-8001", "no-hairpin"},
        {"forward any from any to 192.168.1.9", "any", "any", "192.168.1.9", ""},
        {"forward onvif from 198.51.100.0/24 to cam port http", "onvif", "198.51.100.0/24", "cam port http", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tree tree = {0};
        const struct forward_statement *forward = &first_forward(&tree, rows[i].forward)->forward;
        struct print parts[4] = {0};
        const char *const wanted[4] = {rows[i].taken, rows[i].from, rows[i].to, rows[i].options};
        print_forward_taken(&parts[0], forward);
        print_forward_from(&parts[1], forward);
        print_forward_to(&parts[2], forward);
        print_forward_options(&parts[3], forward);
        for (unsigned j = 0; j < 4; j++) {
            assert_string_equal(parts[j].bytes != NULL ? parts[j].bytes : "", wanted[j]);
            print_free(&parts[j]);
        }
        tg_complaints_free(tree.complaints);
        arena_clear(&tree.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_files),
        cmocka_unit_test(printed_again_it_is_the_same),
        cmocka_unit_test(what_is_printed_means_the_same),
        cmocka_unit_test(blanks_make_no_difference),
        cmocka_unit_test(continued_lines_mean_the_same),
        cmocka_unit_test(files_with_errors_are_not_printed),
        cmocka_unit_test(a_long_statement_is_folded),
        cmocka_unit_test(parts_of_a_forward),
    };
    return cmocka_run_group_tests_name("rules_print", tests, NULL, NULL);
}
