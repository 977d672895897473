#include "rules/names.h"

#include <string.h>

static size_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

static struct name *find(const struct names *names, const char *text)
{
    struct name *name = names->buckets[hash_text(text) % names->bucket_count];
    while (name != NULL && strcmp(name->text, text) != 0)
        name = name->chain;
    return name;
}

static struct name *enter(struct names *names, const struct name_ref *ref, enum name_kind kind)
{
    struct name *name = arena_take(&names->tree->arena, sizeof *name);
    if (name == NULL)
        return NULL;
    name->text = ref->text;
    name->place = ref->place;
    name->kind = kind;
    struct name **bucket = &names->buckets[hash_text(ref->text) % names->bucket_count];
    name->chain = *bucket;
    *bucket = name;
    *names->tail = name;
    names->tail = &name->next;
    return name;
}

static enum name_kind kind_of(const struct statement *st)
{
    switch (st->kind) {
    case STATEMENT_ZONE: return NAME_ZONE;
    case STATEMENT_HOST: return NAME_HOST;
    case STATEMENT_SET: return NAME_SET;
    case STATEMENT_SERVICE: return NAME_SERVICE;
    case STATEMENT_KNOCK: return NAME_KNOCK;
    default: return NAME_MISSING;
    }
}

const char *names_kind(enum name_kind kind)
{
    switch (kind) {
    case NAME_ZONE: return "zone";
    case NAME_HOST: return "host";
    case NAME_SET: return "set";
    case NAME_SERVICE: return "service";
    case NAME_KNOCK: return "knock";
    case NAME_MISSING: break;
    }
    return "name";
}

static void count_definition(void *context, const struct statement *st)
{
    struct names *names = context;
    names->count += st->name.text != NULL && kind_of(st) != NAME_MISSING;
}

static void enter_definition(void *context, const struct statement *st)
{
    struct names *names = context;
    char where[COMPLAINT_WHERE];
    enum name_kind kind = kind_of(st);
    if (st->name.text == NULL || kind == NAME_MISSING)
        return;
    const struct name *before = find(names, st->name.text);
    if (before != NULL) {
        complain(names->tree->complaints, TG_ERROR, st->name.place, "'%s' is already defined as a %s at %s",
                 st->name.text, names_kind(before->kind), complaint_where(before->place, where));
        return;
    }
    struct name *name = enter(names, &st->name, kind);
    if (name != NULL)
        name->statement = st;
}

bool names_enter(struct names *names, struct tree *tree)
{
    *names = (struct names){.tree = tree};
    names->tail = &names->first;
    tree_walk(&tree->root, count_definition, names);
    names->bucket_count = names->count * 2 + 16;
    names->buckets = arena_take(&tree->arena, names->bucket_count * sizeof(struct name *));
    if (names->buckets == NULL)
        return false;
    tree_walk(&tree->root, enter_definition, names);
    return !tree->arena.failed;
}

struct name *names_find(struct names *names, const char *text)
{
    struct name *name = find(names, text);
    if (name != NULL)
        name->used = true;
    return name;
}

#define LOOKS_MOST 200000

void names_unknown(struct names *names, const struct name_ref *ref, unsigned kinds, const char *what, struct near *near)
{
    char hint[NEAR_HINT];
    if (names->tree->incomplete)
        return;
    for (struct name *name = names->first; name != NULL && names->looks < LOOKS_MOST; name = name->next) {
        names->looks++;
        if (name->kind & kinds)
            near_try(near, name->text);
    }
    complain(names->tree->complaints, TG_ERROR, ref->place, "'%s' is not defined%s%s%s", ref->text,
             near->best != NULL ? "" : "; expected ", near->best != NULL ? "" : what, near_hint(near, hint));
    if (near->best == NULL)
        enter(names, ref, NAME_MISSING);
}

struct name *names_want(struct names *names, const struct name_ref *ref, unsigned kinds, const char *what)
{
    struct name *name = names_find(names, ref->text);
    char where[COMPLAINT_WHERE];
    if (name == NULL) {
        struct near near = near_to(ref->text, strlen(ref->text));
        names_unknown(names, ref, kinds, what, &near);
        return NULL;
    }
    if (name->kind & kinds)
        return name;
    if (name->kind != NAME_MISSING)
        complain(names->tree->complaints, TG_ERROR, ref->place, "'%s' is a %s (%s); expected %s", ref->text,
                 names_kind(name->kind), complaint_where(name->place, where), what);
    return NULL;
}
