/* Any bytes as rules files.
 *
 * The input is one or more files, parted by lines of "%%": the first is loaded; the others are found by it as "1", "2",
 * …, in any folder, and any pattern stands for all of them. Where they make a policy, the first line of the input is
 * read as a packet too.
 *
 * Besides memory and arithmetic this checks what the language promises: errors or a policy, never both and never
 * neither; a complaint has a place that is there, and they come sorted; each byte of a file is in one line of its tree;
 * its canonical form is printed again as it is, and means the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/expect.h"
#include "rules/parse.h"
#include "rules/print.h"
#include "tidegate/rules.h"

#define MOST       8
#define MOST_READS 20 /* or all time goes into files that include each other by ever longer names */
#define MOST_SHOWN 50

struct files {
    const char *bytes[MOST];
    size_t len[MOST];
    size_t count;
    unsigned reads;
};

static void must(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}
#define MUST(condition) must((condition), #condition)

static void split(const char *data, size_t size, struct files *files)
{
    files->count = 0;
    files->reads = 0;
    while (files->count < MOST) {
        const char *mark = memmem(data, size, "\n%%\n", 4);
        size_t len = mark != NULL ? (size_t)(mark - data) + 1 : size;
        files->bytes[files->count] = data;
        files->len[files->count++] = len;
        if (mark == NULL)
            return;
        data += len + 3;
        size -= len + 3;
    }
}

static int read_file(void *context, const char *path, char **text, size_t *len)
{
    struct files *files = context;
    size_t n = strlen(path), i = n > 0 ? (size_t)(path[n - 1] - '0') : MOST;
    if (i >= files->count || files->reads++ >= MOST_READS)
        return -ENOENT;
    *len = files->len[i];
    *text = malloc(*len + 1);
    memcpy(*text, files->bytes[i], *len);
    return 0;
}

static int expand(void *context, const char *pattern, char ***paths, size_t *count)
{
    const struct files *files = context;
    (void)pattern;
    if (files->count == 1)
        return -ENOENT;
    *count = files->count - 1;
    *paths = calloc(*count, sizeof **paths);
    for (size_t i = 0; i < *count; i++) {
        (*paths)[i] = malloc(2);
        snprintf((*paths)[i], 2, "%zu", i + 1);
    }
    return 0;
}

static void check_complaints(const struct tg_complaints *complaints)
{
    const struct tg_complaint *c;
    char buf[300];
    for (size_t i = 0; (c = tg_complaints_get(complaints, i)) != NULL; i++) {
        MUST(c->width >= 1);
        MUST((c->line == 0) == (c->column == 0));
        MUST(c->message[0] != '\0');
        if (i >= MOST_SHOWN)
            continue;
        size_t n = tg_complaint_format(c, i % 2 == 0, buf, sizeof buf);
        MUST(n > 0 && strlen(buf) == (n < sizeof buf ? n : sizeof buf - 1));
    }
}

static void check_tree(const struct files *files)
{
    struct tree tree = {.complaints = tg_complaints_new()};
    struct text *text = text_new(&tree.arena, "0", files->bytes[0], files->len[0]);
    MUST(parse_file(&tree, text, &tree.root));
    uint32_t at = files->len[0] >= 3 && memcmp(files->bytes[0], "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (const struct statement *st = tree.root.statements; st != NULL; st = st->next) {
        MUST(st->whole.at == at);
        at += st->whole.len;
    }
    MUST(at == text->len);
    tg_complaints_free(tree.complaints);
    arena_clear(&tree.arena);
}

static bool is_same_rule(const struct policy_rule *a, const struct policy_rule *b)
{
    return a->statement == b->statement && a->action == b->action && a->forward == b->forward &&
           a->family == b->family && a->any_proto == b->any_proto && a->proto == b->proto &&
           a->any_type == b->any_type && a->any_code == b->any_code && a->type == b->type && a->code == b->code &&
           a->zone_in == b->zone_in && a->zone_out == b->zone_out && a->src.set == b->src.set &&
           a->src.outside == b->src.outside && a->dst.set == b->dst.set && a->dst.outside == b->dst.outside &&
           a->sport == b->sport && a->dport == b->dport && a->when.during == b->when.during &&
           a->when.mac == b->when.mac && a->when.after == b->when.after && a->when.limit == b->when.limit &&
           a->when.max == b->when.max && a->when.max_per_source == b->when.max_per_source;
}

static void must_be_same(const struct tg_policy *a, const struct tg_policy *b)
{
    const struct policy_rule *rule;
    MUST(tg_policy_zone_count(a) == tg_policy_zone_count(b));
    MUST(tg_policy_statement_count(a) == tg_policy_statement_count(b));
    MUST(tg_policy_size(a) == tg_policy_size(b));
    MUST(policy_default(a) == policy_default(b));
    for (size_t i = 0; (rule = policy_rule(a, i)) != NULL; i++)
        MUST(policy_rule(b, i) != NULL && is_same_rule(rule, policy_rule(b, i)));
}

/* The canonical form of the first file: it can be printed if it can be parsed, printed again it is the same, and it
 * means the same. */
static void check_print(const struct files *files, const struct tg_policy *policy)
{
    struct print once = {0}, twice = {0};
    int error = print_rules(&once, "0", files->bytes[0], files->len[0]);
    MUST(error == 0 || (error == -EINVAL && policy == NULL));
    if (error == 0) {
        MUST(print_rules(&twice, "0", once.bytes, once.len) == 0);
        MUST(once.len == twice.len && (once.len == 0 || memcmp(once.bytes, twice.bytes, once.len) == 0));
    }
    if (policy != NULL && once.bytes != NULL) {
        struct files printed = *files;
        printed.bytes[0] = once.bytes;
        printed.len[0] = once.len;
        printed.reads = 0;
        const struct tg_source source = {read_file, expand, &printed};
        struct tg_complaints *complaints = tg_complaints_new();
        struct tg_policy *same = tg_rules_load(&source, "0", complaints);
        MUST(same != NULL);
        must_be_same(policy, same);
        tg_policy_free(same);
        tg_complaints_free(complaints);
    }
    print_free(&once);
    print_free(&twice);
}

/* What a file expects of itself, judged. */
static void judge_expectations(const struct tg_policy *policy)
{
    struct tg_complaints *complaints = tg_complaints_new();
    struct probe_expected expected;
    MUST(probe_expect(policy, complaints, &expected) == 0);
    MUST(expected.failed == tg_complaints_count(complaints, TG_ERROR));
    check_complaints(complaints);
    tg_complaints_free(complaints);
}

static void probe(const struct tg_policy *policy, const struct files *files)
{
    struct tg_complaints *complaints = tg_complaints_new();
    char *line = strndup(files->bytes[0], strcspn(files->bytes[0], "\n"));
    struct tg_probe packet;
    int err = tg_probe_parse(policy, line, &packet, complaints);
    MUST((err == 0) == (tg_complaints_count(complaints, TG_ERROR) == 0));
    check_complaints(complaints);
    free(line);
    tg_complaints_free(complaints);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    memcpy(copy, data, size);
    copy[size] = '\0';
    struct files files;
    split(copy, size, &files);
    const struct tg_source source = {read_file, expand, &files};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, "0", complaints);
    MUST((policy == NULL) == (tg_complaints_count(complaints, TG_ERROR) > 0));
    check_complaints(complaints);
    check_tree(&files);
    check_print(&files, policy);
    if (policy != NULL) {
        probe(policy, &files);
        judge_expectations(policy);
    }
    tg_policy_free(policy);
    tg_complaints_free(complaints);
    free(copy);
    return 0;
}
