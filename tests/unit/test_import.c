/* OpenWrt firewall files and what they are turned into: tests/import/NAME.config, with NAME.network where there is one.
 *
 * NAME.ok is the rules file that is made; it has to load. NAME.err is what is said on standard error: it is missing if
 * nothing is. A file that is no UCI text has a NAME.err alone.
 *
 * Golden files are read by people. To make them anew after a change, run this test once with UPDATE=1 in the
 * environment, and read the difference.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#include "import/import.h"
#include "tidegate/rules.h"

#define FOLDER "tests/import"
#define MOST   200

/* All of a file; "" with *len 0 if there is none. */
static char *read_whole(const char *path, size_t *len)
{
    char *bytes = calloc(1, 1 << 18);
    FILE *file = fopen(path, "rb");
    *len = 0;
    if (file != NULL) {
        *len = fread(bytes, 1, (1 << 18) - 1, file);
        fclose(file);
    }
    return bytes;
}

static void write_whole(const char *path, const char *text)
{
    if (*text == '\0') {
        unlink(path);
        return;
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void compare(const char *path, const char *got)
{
    size_t len;
    if (getenv("UPDATE") != NULL)
        write_whole(path, got);
    char *wanted = read_whole(path, &len);
    const char *g = got, *w = wanted;
    for (unsigned line = 1; strcmp(g, w) != 0; line++) {
        size_t n = strcspn(g, "\n"), m = strcspn(w, "\n");
        if (n != m || memcmp(g, w, n) != 0 || g[n] != w[m])
            fail_msg("%s:%u:\n  wanted: %.*s\n  got:    %.*s", path, line, (int)m, w, (int)n, g);
        g += n + 1;
        w += m + 1;
    }
    free(wanted);
}

/* The rules that were made, as a file; and a set's file, which is empty. */
static int memory_read(void *context, const char *path, char **text, size_t *len)
{
    *text = strdup(strcmp(path, "made.rules") == 0 ? context : "192.0.2.1\n");
    *len = strlen(*text);
    return 0;
}

static void check_loads(const char *rules, const char *name)
{
    const struct tg_source source = {.read = memory_read, .context = (void *)(uintptr_t)rules};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, "made.rules", complaints);
    char text[2000] = "";
    const struct tg_complaint *first = tg_complaints_get(complaints, 0);
    if (first != NULL)
        tg_complaint_format(first, false, text, sizeof text);
    if (policy == NULL || (strcmp(name, "openwrt-default") == 0 && first != NULL))
        fail_msg("%s: %s", name, text);
    tg_policy_free(policy);
    tg_complaints_free(complaints);
}

static void golden(void **state)
{
    char path[300];
    const char *name = *state;
    struct import_text firewall = {.path = path}, network = {.path = "the network file"};
    struct import_result result;
    snprintf(path, sizeof path, "%s.network", name);
    char *network_text = read_whole(path, &network.len);
    snprintf(path, sizeof path, "%s.config", name);
    char *firewall_text = read_whole(path, &firewall.len);
    firewall.text = firewall_text;
    network.text = network_text;

    int error = import_openwrt(&firewall, network.len > 0 ? &network : NULL, &result);
    const char *rules = result.rules != NULL ? result.rules : "";
    assert_int_equal(error, strncmp(name, "broken-", 7) == 0 ? -EINVAL : 0);
    if (error == 0)
        check_loads(rules, name);
    snprintf(path, sizeof path, "%s.ok", name);
    compare(path, rules);
    snprintf(path, sizeof path, "%s.err", name);
    compare(path, result.remarks != NULL ? result.remarks : "");
    import_clear(&result);
    free(firewall_text);
    free(network_text);
}

/* Whether every line of a text is blank, a comment, or begins with `word` (or NULL). */
static bool is_only(const char *text, size_t len, const char *word)
{
    for (const char *line = text, *next; line < text + len; line = next) {
        next = line + strcspn(line, "\n") + 1;
        if (*line != '\n' && *line != '#' && (word == NULL || strncmp(line, word, strlen(word)) != 0))
            return false;
    }
    return true;
}

/* The rules file that is shipped for OpenWrt's own is what comes of that: before it stand comments, behind it what is
 * expected of it. */
static void shipped(void **state)
{
    (void)state;
    size_t len, made_len;
    char *rules = read_whole("../../rules/openwrt-default.rules", &len);
    char *made = read_whole("openwrt-default.ok", &made_len);
    assert_int_not_equal(made_len, 0);
    const char *at = strstr(rules, made);
    if (at == NULL)
        fail_msg("rules/openwrt-default.rules does not hold tests/import/openwrt-default.ok");
    assert_true(is_only(rules, (size_t)(at - rules), NULL));
    assert_true(is_only(at + made_len, strlen(at + made_len), "expect "));
    free(made);
    free(rules);
}

static int by_name(const void *a, const void *b)
{
    const struct CMUnitTest *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int main(void)
{
    static struct CMUnitTest tests[MOST] = {cmocka_unit_test(shipped)};
    static char *names[MOST];
    size_t count = 0;
    DIR *dir = chdir(FOLDER) == 0 ? opendir(".") : NULL;
    if (dir == NULL) {
        fprintf(stderr, "%s: %s (to be run in the project's own folder)\n", FOLDER, strerror(errno));
        return 1;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && count < MOST - 1;) {
        size_t len = strlen(entry->d_name);
        if (len > 7 && strcmp(entry->d_name + len - 7, ".config") == 0)
            names[count++] = strndup(entry->d_name, len - 7);
    }
    closedir(dir);
    for (size_t i = 0; i < count; i++)
        tests[i + 1] = (struct CMUnitTest){.name = names[i], .test_func = golden, .initial_state = names[i]};
    qsort(tests + 1, count, sizeof *tests, by_name);
    int failed = _cmocka_run_group_tests("import", tests, count + 1, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    return failed;
}
