/* Rules files and what comes of them: tests/rules/NAME.rules with NAME.err, or NAME.ok.
 *
 * NAME.err is what `tidegate check` prints about a file with errors. NAME.ok is what it prints about a good one
 * (warnings), and behind that what the compiler made of it, as recorder.h writes it down: zones, hosts, statements, and
 * below each statement its rules and forwards.
 *
 * Golden files are read by people. To make them anew after a change, run this test once with UPDATE=1 in the
 * environment, and read the difference.
 */
#include <dirent.h>
#include <glob.h>
#include <unistd.h>

#include "unit.h"

#include "recorder.h"
#include "tidegate/rules.h"

#define FOLDER "tests/rules"
#define MOST   400

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All of a file, or NULL. */
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

/* What is to be compared with the golden file. */
static char *outcome(const char *rules, bool *good)
{
    static const struct tg_source source = {.read = disk_read, .expand = disk_expand};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, rules, complaints);
    const struct tg_complaint *complaint;
    char *text = NULL, buf[4096];
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    for (size_t i = 0; (complaint = tg_complaints_get(complaints, i)) != NULL; i++) {
        size_t n = tg_complaint_format(complaint, false, buf, sizeof buf);
        assert_true(n < sizeof buf);
        fputs(buf, out);
    }
    *good = policy != NULL;
    assert_int_equal(*good, tg_complaints_count(complaints, TG_ERROR) == 0);
    if (policy != NULL)
        fputs(policy->lines, out);
    fclose(out);
    tg_policy_free(policy);
    tg_complaints_free(complaints);
    return text;
}

static void write_whole(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The first line in which two texts differ. */
static void fail_at_difference(const char *path, const char *got, const char *wanted)
{
    unsigned line = 1;
    while (true) {
        size_t n = strcspn(got, "\n"), m = strcspn(wanted, "\n");
        if (n != m || memcmp(got, wanted, n) != 0 || got[n] != wanted[m])
            fail_msg("%s:%u:\n  wanted: %.*s\n  got:    %.*s", path, line, (int)m, wanted, (int)n, got);
        got += n + 1;
        wanted += m + 1;
        line++;
    }
}

static void golden(void **state)
{
    const char *rules = *state;
    char path[300], other[300];
    bool good;
    char *got = outcome(rules, &good);
    int name = (int)(strlen(rules) - strlen(".rules"));
    snprintf(path, sizeof path, "%.*s%s", name, rules, good ? ".ok" : ".err");
    snprintf(other, sizeof other, "%.*s%s", name, rules, good ? ".err" : ".ok");
    if (getenv("UPDATE") != NULL)
        write_whole(path, got);
    if (access(other, F_OK) == 0)
        fail_msg("%s is there, and the outcome is:\n%s", other, got);
    size_t len;
    char *wanted = read_whole(path, &len);
    if (wanted == NULL)
        fail_msg("%s is missing; the outcome is:\n%s", path, got);
    else if (strcmp(got, wanted) != 0)
        fail_at_difference(path, got, wanted);
    free(wanted);
    free(got);
}

int main(void)
{
    static struct CMUnitTest tests[MOST];
    static char *names[MOST];
    size_t count = 0;
    DIR *dir = chdir(FOLDER) == 0 ? opendir(".") : NULL;
    if (dir == NULL) {
        fprintf(stderr, "%s: %s (to be run in the project's own folder)\n", FOLDER, strerror(errno));
        return 1;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && count < MOST;) {
        size_t len = strlen(entry->d_name);
        if (len > 6 && strcmp(entry->d_name + len - 6, ".rules") == 0)
            names[count++] = strdup(entry->d_name);
    }
    closedir(dir);
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = names[i], .test_func = golden, .initial_state = names[i]};
    int failed = _cmocka_run_group_tests("rules_golden", tests, count, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    return failed;
}
