/* From a path to a policy: read, parse, compile (tidegate/rules.h). */
#include "tidegate/rules.h"

#include <errno.h>

#include "rules/compile.h"
#include "rules/include.h"

struct tg_policy *tg_rules_load(const struct tg_source *source, const char *path, struct tg_complaints *complaints)
{
    struct tree tree = {.complaints = complaints, .errors_before = tg_complaints_count(complaints, TG_ERROR)};
    struct tg_policy *policy = NULL;
    size_t mark = complaints_mark(complaints);
    if (include_load(&tree, source, path))
        policy = compile_tree(&tree);
    bool failed = tree.arena.failed;
    complaints_sort(complaints, mark);
    arena_clear(&tree.arena);
    if (failed || complaints_failed(complaints)) {
        tg_policy_free(policy);
        errno = ENOMEM;
        return NULL;
    }
    return policy;
}
