/* Rules files from memory: includes and their bounds, sources that fail, what one policy shares, and large files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "policy/policy.h"
#include "tidegate/rules.h"

/* A source of files in memory. */

struct files {
    const char *const (*rows)[2]; /* path, text; up to a NULL */
    unsigned reads;
};

static int memory_read(void *context, const char *path, char **text, size_t *len)
{
    struct files *files = context;
    files->reads++;
    for (size_t i = 0; files->rows[i][0] != NULL; i++) {
        if (strcmp(files->rows[i][0], path) == 0) {
            *text = strdup(files->rows[i][1]);
            *len = strlen(*text);
            return 0;
        }
    }
    return -ENOENT;
}

/* Everything, whatever the pattern. */
static int memory_expand(void *context, const char *pattern, char ***paths, size_t *count)
{
    struct files *files = context;
    (void)pattern;
    *count = 0;
    *paths = calloc(16, sizeof **paths);
    for (size_t i = 1; files->rows[i][0] != NULL; i++)
        (*paths)[(*count)++] = strdup(files->rows[i][0]);
    return 0;
}

static struct tg_policy *load(struct files *files, bool globs, struct tg_complaints *complaints)
{
    const struct tg_source source = {memory_read, globs ? memory_expand : NULL, files};
    return tg_rules_load(&source, files->rows[0][0], complaints);
}

/* The complaints as one text: "file:line:column message" a line. */
static const char *told(const struct tg_complaints *complaints)
{
    static char text[8192];
    const struct tg_complaint *c;
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; (c = tg_complaints_get(complaints, i)) != NULL && len < sizeof text - 600; i++)
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%s:%u:%u %s\n", c->file, c->line, c->column, c->message);
    return text;
}

/* Loading these files complains of exactly this. */
static void check(const char *const (*rows)[2], bool globs, const char *wanted)
{
    struct files files = {rows, 0};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = load(&files, globs, complaints);
    assert_string_equal(told(complaints), wanted);
    assert_int_equal(policy != NULL, tg_complaints_count(complaints, TG_ERROR) == 0);
    tg_policy_free(policy);
    tg_complaints_free(complaints);
}

TEST(paths_are_relative_to_the_including_file)
{
    static const char *const rows[][2] = {
        {"etc/home.rules", "include \"parts/a\"\ninclude \"/abs/b\"\n"},
        {"etc/parts/a", "include \"c\"\ninclude \"../d\"\n"},
        {"/abs/b", "allow from router\ninclude \"e\"\n"},
        {"etc/parts/c", "# nothing"},
        {"etc/parts/../d", "# nothing"},
        {"/abs/e", "allow from nobody-there\n"},
        {NULL, NULL},
    };
    check(rows, false, "/abs/e:1:12 'nobody-there' is not defined; expected a zone, a host or a set\n");
}

TEST(a_file_that_is_not_there_is_one_complaint)
{
    static const char *const rows[][2] = {
        {"home.rules", "include \"a\"\nallow from defined-in-a\nallow tcp from any port 70000\n"},
        {NULL, NULL},
    };
    check(rows, false,
          "home.rules:1:9 'a' cannot be read: No such file or directory\n"
          "home.rules:3:25 there is no port 70000; ports are 0-65535\n");
    static const char *const none[][2] = {{NULL, NULL}};
    struct files files = {none, 0};
    struct tg_complaints *complaints = tg_complaints_new();
    const struct tg_source source = {memory_read, NULL, &files};
    assert_null(tg_rules_load(&source, "gone.rules", complaints));
    assert_string_equal(told(complaints), "gone.rules:0:0 cannot be read: No such file or directory\n");
    tg_complaints_free(complaints);
}

TEST(a_file_that_includes_itself_is_named_with_the_way)
{
    static const char *const rows[][2] = {
        {"a", "include \"b\"\nallow from router"},
        {"b", "include \"./c\""},
        {"./c", "include \"x/../b\""},
        {NULL, NULL},
    };
    check(rows, false, "./c:1:9 './x/../b' includes itself: b -> ./c -> b\n");
}

TEST(a_file_is_included_once)
{
    static const char *const rows[][2] = {
        {"a", "include \"b\"\ninclude \"c\"\nallow from router"},
        {"b", "include \"d\""},
        {"c", "include \"d\""},
        {"d", "# nothing"},
        {NULL, NULL},
    };
    check(rows, false, "c:1:9 'd' is already included at b:1\n");
}

TEST(a_pattern_needs_a_source_that_can_follow_it)
{
    static const char *const rows[][2] = {
        {"a", "include \"*.rules\"\nallow from router\n"},
        {"x.rules", "zone lan on eth0"},
        {"y.rules", "allow from lan"},
        {NULL, NULL},
    };
    check(rows, true, "");
    check(rows, false, "a:1:9 '*.rules' is a pattern, and patterns cannot be followed here\n");
}

/* A source where every file is there and includes two more: without bounds it would never end. */
static int endless_read(void *context, const char *path, char **text, size_t *len)
{
    ++*(unsigned *)context;
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    *len = (size_t)asprintf(text, "include \"%s1\"\ninclude \"%s2\"\n", name, name);
    return 0;
}

TEST(includes_are_bounded)
{
    unsigned reads = 0;
    const struct tg_source source = {endless_read, NULL, &reads};
    struct tg_complaints *complaints = tg_complaints_new();
    assert_null(tg_rules_load(&source, "a", complaints));
    assert_true(reads <= 1000);
    assert_true(tg_complaints_count(complaints, TG_ERROR) > 0);
    tg_complaints_free(complaints);
}

TEST(complaints_of_two_loads_stay_apart)
{
    static const char *const bad[][2] = {{"bad", "alow\n"}, {NULL, NULL}};
    static const char *const good[][2] = {{"good", "allow from router\n"}, {NULL, NULL}};
    struct files first = {bad, 0}, second = {good, 0};
    struct tg_complaints *complaints = tg_complaints_new();
    assert_null(load(&first, false, complaints));
    struct tg_policy *policy = load(&second, false, complaints);
    assert_non_null(policy); /* the errors that the list had before are not its own */
    assert_int_equal(tg_complaints_count(complaints, TG_ERROR), 1);
    tg_policy_free(policy);
    tg_complaints_free(complaints);
}

/* Numbers of zones, and the statements' places, in the policy. */
TEST(a_policy_says_what_the_file_said)
{
    static const char *const rows[][2] = {
        {"home.rules", "zone wan on eth0 masquerade\n"
                       "zone lan on br-lan address 192.168.1.1/24\n"
                       "host cam = 192.168.1.50\n"
                       "allow   from router # comment\n"
                       "forward tcp port 80 \\\n  from wan to cam \"Camera\"\n"
                       "default reject\n"},
        {NULL, NULL},
    };
    struct files files = {rows, 0};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = load(&files, false, complaints);
    assert_non_null(policy);
    assert_int_equal(tg_policy_zone_named(policy, "wan"), TG_ZONE_FIRST);
    assert_int_equal(tg_policy_zone_named(policy, "lan"), TG_ZONE_FIRST + 1);
    assert_int_equal(tg_policy_statement_count(policy), 2);
    const struct tg_statement *allow = tg_policy_statement(policy, 0), *forward = tg_policy_statement(policy, 1);
    assert_int_equal(allow->kind, TG_STATEMENT_ALLOW);
    assert_string_equal(allow->file, "home.rules");
    assert_int_equal(allow->line, 4);
    assert_string_equal(allow->text, "allow from router");
    assert_null(allow->label);
    assert_int_equal(forward->kind, TG_STATEMENT_FORWARD);
    assert_int_equal(forward->line, 5);
    assert_string_equal(forward->text, "forward tcp port 80 from wan to cam \"Camera\"");
    assert_string_equal(forward->label, "Camera");
    assert_int_equal(policy_default(policy), TG_REJECT);
    struct tg_addr addr;
    assert_true(policy_host(policy, "cam", TG_IPV4, &addr));
    assert_int_equal(addr.lo, 0xc0a80132);
    assert_false(policy_host(policy, "cam", TG_IPV6, &addr));
    tg_policy_free(policy);
    tg_complaints_free(complaints);
}

/* Statements that say the same addresses share one set, however they are written. */
TEST(the_same_set_is_kept_once)
{
    static const char *const shared[][2] = {
        {"a", "set s = 10.0.0.0/8, 192.168.0.0/16\nset t = 192.168.0.0/16, 10.0.0.0/9, 10.128.0.0/9\n"
              "allow from s\nallow from t\nallow from 10.0.0.0-10.255.255.255, 192.168.0.0/16\n"
              "allow tcp from any port 80,81\nallow tcp from any port 81,80\n"},
        {NULL, NULL},
    };
    static const char *const apart[][2] = {
        {"a", "set s = 10.0.0.0/8, 192.168.0.0/16\nset t = 192.168.0.0/16, 10.0.0.0/9, 10.128.0.0/10\n"
              "allow from s\nallow from t\nallow from 10.0.0.0-10.255.255.254, 192.168.0.0/16\n"
              "allow tcp from any port 80,81\nallow tcp from any port 81,82\n"},
        {NULL, NULL},
    };
    struct files first = {shared, 0}, second = {apart, 0};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *one = load(&first, false, complaints), *other = load(&second, false, complaints);
    assert_non_null(one);
    assert_non_null(other);
    assert_true(tg_policy_size(one) < tg_policy_size(other));
    tg_policy_free(one);
    tg_policy_free(other);
    tg_complaints_free(complaints);
}

/* There is room for so many zones, and one more is complained of. */
TEST(zones_are_bounded)
{
    for (unsigned count = TG_ZONE_MAX - TG_ZONE_FIRST; count <= TG_ZONE_MAX - TG_ZONE_FIRST + 2; count++) {
        char *text = malloc(64 * 300 + 64), *at = text;
        for (unsigned i = 0; i < count; i++)
            at += sprintf(at, "zone z%u on eth%u\n", i, i);
        sprintf(at, "allow from router\n");
        const char *const rows[][2] = {{"a", text}, {NULL, NULL}};
        struct files files = {rows, 0};
        struct tg_complaints *complaints = tg_complaints_new();
        struct tg_policy *policy = load(&files, false, complaints);
        bool fits = count == TG_ZONE_MAX - TG_ZONE_FIRST;
        assert_int_equal(policy != NULL, fits);
        assert_int_equal(tg_complaints_count(complaints, TG_ERROR), !fits);
        tg_policy_free(policy);
        tg_complaints_free(complaints);
        free(text);
    }
}

/* Sets may hold sets, down to a bound, in whichever order they are written. */
TEST(sets_of_sets_are_bounded)
{
    for (int backwards = 0; backwards <= 1; backwards++) {
        char *text = malloc(64 * 1000), *at = text;
        for (unsigned i = 0; i < 1000; i++) {
            unsigned n = backwards ? 999 - i : i;
            if (n == 0)
                at += sprintf(at, "set s0 = 10.0.0.1\n");
            else
                at += sprintf(at, "set s%u = s%u\n", n, n - 1);
        }
        sprintf(at, "allow from s999\n");
        const char *const rows[][2] = {{"a", text}, {NULL, NULL}};
        struct files files = {rows, 0};
        struct tg_complaints *complaints = tg_complaints_new();
        struct tg_policy *policy = load(&files, false, complaints);
        assert_null(policy);
        assert_non_null(strstr(told(complaints), "more than 64 deep"));
        tg_policy_free(policy);
        tg_complaints_free(complaints);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_relative_to_the_including_file),
        cmocka_unit_test(a_file_that_is_not_there_is_one_complaint),
        cmocka_unit_test(a_file_that_includes_itself_is_named_with_the_way),
        cmocka_unit_test(a_file_is_included_once),
        cmocka_unit_test(a_pattern_needs_a_source_that_can_follow_it),
        cmocka_unit_test(includes_are_bounded),
        cmocka_unit_test(complaints_of_two_loads_stay_apart),
        cmocka_unit_test(a_policy_says_what_the_file_said),
        cmocka_unit_test(the_same_set_is_kept_once),
        cmocka_unit_test(zones_are_bounded),
        cmocka_unit_test(sets_of_sets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
