/* What the analysis of rules files says, as people read it.
 *
 * tests/diff/NAME.old.rules and NAME.new.rules, with NAME.ok: what `tidegate diff` prints of the two, then the same
 * again with --json. tests/shadow/NAME.rules, with NAME.ok: the warnings about statements that can never fit.
 *
 * To make golden files anew after a change, run this test once with UPDATE=1 in the environment, and read the
 * difference.
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/shadow.h"
#include "cli/cli.h"
#include "cli/source.h"

enum { CASES = 200, ROOM = 1 << 18 };

/* What src/cli/main.c has. */

void cli_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

int cli_usage(const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", verb);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    return CLI_BAD;
}

/* Add what a command line prints.
 * => its exit status */
static int run_diff(char *out, char *before, char *after, char *option)
{
    char verb[] = "diff", *argv[] = {verb, before, after, option, NULL};
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    optind = 0;
    int status = cmd_diff(option == NULL ? 3 : 4, argv);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    size_t len = strlen(out);
    rewind(file);
    len += fread(out + len, 1, ROOM - 1 - len, file);
    out[len] = '\0';
    fclose(file);
    return status;
}

/* Paths in what is printed are as the files were named: a test runs where its files are. */
static int root;

static void go_to(const char *folder)
{
    assert_int_equal(fchdir(root), 0); /* whatever failed before */
    assert_int_equal(chdir(folder), 0);
}

/* Compare with the golden file, or make it. */
static void compare(const char *path, const char *got)
{
    static char wanted[ROOM];
    FILE *file = fopen(path, getenv("UPDATE") != NULL ? "w" : "r");
    if (file == NULL)
        fail_msg("%s is missing; the outcome is:\n%s", path, got);
    if (getenv("UPDATE") != NULL) {
        fputs(got, file);
        fclose(file);
        return;
    }
    wanted[fread(wanted, 1, sizeof wanted - 1, file)] = '\0';
    fclose(file);
    unsigned line = 1;
    for (const char *w = wanted; strcmp(w, got) != 0; line++) {
        size_t n = strcspn(got, "\n"), m = strcspn(w, "\n");
        if (n != m || memcmp(got, w, n) != 0 || got[n] != w[m])
            fail_msg("%s:%u:\n  wanted: %.*s\n  got:    %.*s", path, line, (int)m, w, (int)n, got);
        got += n + 1;
        w += m + 1;
    }
}

static void diff(void **state)
{
    static char got[ROOM];
    const char *name = *state;
    char before[300], after[300], ok[300], json[] = "--json";
    snprintf(before, sizeof before, "%s.old.rules", name);
    snprintf(after, sizeof after, "%s.new.rules", name);
    snprintf(ok, sizeof ok, "%s.ok", name);
    go_to("tests/diff");
    got[0] = '\0';
    int status = run_diff(got, before, after, NULL);
    assert_int_equal(status, got[0] == '\0' ? CLI_OK : CLI_NO);
    assert_int_equal(run_diff(got, before, after, json), status);
    compare(ok, got);
    got[0] = '\0';
    assert_int_equal(run_diff(got, before, before, NULL), CLI_OK); /* nothing is other than itself */
    assert_string_equal(got, "");
}

static void shadow(void **state)
{
    const char *name = *state;
    char rules[300], ok[300], buf[4096];
    snprintf(rules, sizeof rules, "%s.rules", name);
    snprintf(ok, sizeof ok, "%s.ok", name);
    go_to("tests/shadow");
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy;
    struct probe_expected expected;
    assert_int_equal(cli_read_rules(&cli_disk_source, rules, complaints, &policy, &expected), CLI_OK);
    size_t others = tg_complaints_count(complaints, TG_WARNING);
    char *got = NULL;
    size_t len;
    FILE *out = open_memstream(&got, &len);
    shadow_advise(policy, complaints);
    const struct tg_complaint *complaint;
    for (size_t i = others; (complaint = tg_complaints_get(complaints, i)) != NULL; i++) {
        assert_true(tg_complaint_format(complaint, false, buf, sizeof buf) < sizeof buf);
        fputs(buf, out);
    }
    fclose(out);
    compare(ok, got);
    free(got);
    tg_policy_free(policy);
    tg_complaints_free(complaints);
}

TEST(bad_files)
{
    go_to(".");
    char got[64] = "", missing[] = "tests/diff/no-such.rules", good[] = "tests/diff/same.old.rules";
    assert_int_equal(run_diff(got, good, missing, NULL), CLI_BAD);
    assert_int_equal(run_diff(got, missing, good, NULL), CLI_BAD);
    assert_string_equal(got, "");
}

static struct CMUnitTest tests[CASES];
static size_t count;

/* A test for each file of a folder whose name ends so. */
static bool add_cases(const char *folder, const char *ending, CMUnitTestFunction run)
{
    DIR *dir = opendir(folder);
    size_t end = strlen(ending);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL && count < CASES;) {
        size_t len = strlen(entry->d_name);
        if (len <= end || strcmp(entry->d_name + len - end, ending) != 0)
            continue;
        char *name = strndup(entry->d_name, len - end);
        tests[count++] = (struct CMUnitTest){.name = name, .test_func = run, .initial_state = name};
    }
    if (dir != NULL)
        closedir(dir);
    return dir != NULL;
}

int main(void)
{
    root = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!add_cases("tests/diff", ".old.rules", diff) || !add_cases("tests/shadow", ".rules", shadow)) {
        fprintf(stderr, "to be run in the project's own folder\n");
        return 1;
    }
    size_t named = count;
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(bad_files);
    int failed = _cmocka_run_group_tests("analysis_golden", tests, count, NULL, NULL);
    for (size_t i = 0; i < named; i++)
        free((void *)(uintptr_t)tests[i].initial_state);
    return failed;
}
