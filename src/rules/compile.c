#include "rules/compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/resolve.h"

bool compile_error(struct compiler *compiler, struct place place, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    complain(compiler->complaints, TG_ERROR, place, "%s", message);
    return false;
}

bool compile_failed(struct compiler *compiler)
{
    compiler->arena->failed = true;
    return false;
}

/* What a statement wants its packets logged with: maybe nothing but the line; NULL if it does not. */
static const char *log_of(const struct statement *st)
{
    const struct name_ref *text;
    switch (st->kind) {
    case STATEMENT_RULE: text = st->rule.options.log.len > 0 ? &st->rule.options.log_text : NULL; break;
    case STATEMENT_FORWARD: text = st->forward.options.log.len > 0 ? &st->forward.options.log_text : NULL; break;
    case STATEMENT_DETECT: text = st->detect.log.len > 0 ? &st->detect.log_text : NULL; break;
    default: text = NULL; break;
    }
    return text == NULL ? NULL : text->text != NULL ? text->text : "";
}

bool compile_statement(struct compiler *compiler, const struct statement *st, enum tg_statement_kind kind,
                       const struct name_ref *label, uint32_t *number)
{
    struct tg_statement statement = {
        .kind = kind,
        .file = st->place.text->path,
        .line = text_line(st->place.text, st->place.at),
        .text = text_fold(compiler->arena, st->place),
        .label = label->text != NULL && *label->text != '\0' ? label->text : NULL,
        .log = log_of(st),
    };
    if (statement.text == NULL || policy_add_statement(compiler->policy, &statement, number) != 0)
        return compile_failed(compiler);
    return true;
}

/* Definitions. */

static const struct tg_addr *address_of(const struct address_set *set, uint8_t family)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->ranges[i].family == family)
            return &set->ranges[i].first;
    }
    return NULL;
}

/* Resolve all hosts and sets, used or not, and give hosts to the policy. */
static bool compile_addresses(struct compiler *compiler)
{
    bool good = true;
    for (struct name *name = compiler->names.first; name != NULL; name = name->next) {
        if (!(name->kind & (NAME_HOST | NAME_SET)))
            continue;
        if (!resolve_name(compiler, name)) {
            good = false;
            continue;
        }
        const struct address_set *set = name->addresses;
        if (name->kind == NAME_HOST &&
            policy_add_host(compiler->policy, name->text, address_of(set, TG_IPV4), address_of(set, TG_IPV6)) != 0)
            return compile_failed(compiler);
    }
    return good;
}

/* Statements, in the order of the file. */

static void compile_one(void *context, const struct statement *st)
{
    struct compiler *compiler = context;
    if (st->broken || compiler->arena->failed)
        return;
    switch (st->kind) {
    case STATEMENT_RULE: compile_rule(compiler, st); break;
    case STATEMENT_FORWARD: compile_forward(compiler, st); break;
    case STATEMENT_DEFAULT: compile_default(compiler, st); break;
    case STATEMENT_TRANSLATE: compile_translate(compiler, st); break;
    case STATEMENT_MAP: compile_map(compiler, st); break;
    case STATEMENT_NAT: compile_nat(compiler, st); break;
    case STATEMENT_TIMEOUT: compile_timeout(compiler, st); break;
    case STATEMENT_CONNECTIONS: compile_connections(compiler, st); break;
    case STATEMENT_HELPER: compile_helper(compiler, st); break;
    case STATEMENT_DETECT: compile_detect(compiler, st); break;
    case STATEMENT_EXPECT: compile_expect(compiler, st); break;
    default: break; /* names are entered, and blank lines say nothing */
    }
}

static void compile_all(struct compiler *compiler)
{
    if (!names_enter(&compiler->names, compiler->tree) || !compile_zones(compiler))
        return;
    compile_addresses(compiler);
    compile_knocks(compiler);
    tree_walk(&compiler->tree->root, compile_one, compiler);
    compile_judge_maps(compiler);
    if (!compiler->arena->failed && !claims_judge(&compiler->claims, compiler->complaints))
        compile_failed(compiler);
}

struct tg_policy *compile_tree(struct tree *tree)
{
    struct compiler compiler = {.tree = tree, .complaints = tree->complaints, .arena = &tree->arena};
    compiler.policy = policy_new();
    if (compiler.policy == NULL) {
        compile_failed(&compiler);
        return NULL;
    }
    compiler.sets = (struct sets){.arena = compiler.arena, .policy = compiler.policy};
    compile_all(&compiler);

    bool good = !compiler.arena->failed && tg_complaints_count(tree->complaints, TG_ERROR) == tree->errors_before;
    if (good && policy_seal(compiler.policy) != 0)
        good = compile_failed(&compiler);
    if (good) {
        compile_advise(&compiler);
        return compiler.policy;
    }
    tg_policy_free(compiler.policy);
    return NULL;
}
