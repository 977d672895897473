#include "rules/include.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/parse.h"

struct seen {
    const char *identity;
    const struct text *text;
    struct address_file *list; /* that it proved to be; or NULL */
};

struct loader {
    struct tree *tree;
    const struct tg_source *source;
    struct seen seen[INCLUDE_MOST];
    unsigned count;
};

/* Whether the last part of a path is `..`. */
static bool ends_upward(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, "..") == 0;
}

/* A path without `.`, empty and `x/..` parts: the same for two ways of writing one path. For comparing alone: what is
 * opened is the path as written, since with symbolic links `x/..` may lead elsewhere.
 * => it, or NULL without memory */
static const char *identity(struct arena *arena, const char *path)
{
    const size_t root = *path == '/';
    char *out = arena_take(arena, strlen(path) + 1);
    size_t n = root;
    if (out == NULL)
        return NULL;
    memcpy(out, path, root);
    for (const char *part = path; *part != '\0';) {
        size_t len = strcspn(part, "/");
        if (len == 2 && memcmp(part, "..", 2) == 0 && n > root && !ends_upward(out)) {
            while (n > root && out[n - 1] != '/')
                n--;
            n -= n > root;
        } else if (len > 0 && !(len == 1 && *part == '.')) {
            if (n > root)
                out[n++] = '/';
            memcpy(out + n, part, len);
            n += len;
        }
        out[n] = '\0';
        part += len + (part[len] == '/');
    }
    return out;
}

/* `path` as it is reached from the folder of `text`.
 * => it, or NULL without memory */
static const char *join(struct arena *arena, const struct text *text, const char *path)
{
    const char *slash = strrchr(text->path, '/');
    if (*path == '/' || slash == NULL)
        return path;
    size_t folder = (size_t)(slash - text->path) + 1, len = strlen(path);
    char *joined = arena_take(arena, folder + len + 1);
    if (joined != NULL) {
        memcpy(joined, text->path, folder);
        memcpy(joined + folder, path, len);
    }
    return joined;
}

/* Complain of a file that cannot be had: at its `include`, or of the file itself if it is the first. */
COMPLAINT_PRINTF(4, 5)
static void refuse(struct loader *loader, struct place place, const char *path, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    loader->tree->incomplete = true;
    if (place.text != NULL)
        complain(loader->tree->complaints, TG_ERROR, place, "'%s' %s", path, message);
    else
        complain_of_file(loader->tree->complaints, TG_ERROR, path, "%s", message);
}

/* Whether `text` is among the files that lead down to `place`. */
static bool leads_to(const struct text *text, struct place place)
{
    while (place.text != NULL && place.text != text)
        place = place.text->included;
    return place.text != NULL;
}

/* Write the way from `first` down to `place`, as "a -> b -> ". */
static void way_down(const struct text *first, struct place place, char *buf, size_t room)
{
    const struct text *chain[INCLUDE_DEEPEST + 1];
    size_t n = 0;
    for (const struct text *text = place.text;; text = text->included.text) {
        chain[n++] = text;
        if (text == first)
            break;
    }
    for (size_t len = 0; n > 0 && len < room; n--)
        len += (size_t)snprintf(buf + len, room - len, "%s -> ", chain[n - 1]->path);
}

/* Refuse a file that has been read before.
 * => true if it was refused */
static bool refuse_again(struct loader *loader, const char *path, const char *id, struct place place)
{
    char way[400], where[COMPLAINT_WHERE];
    for (unsigned i = 0; i < loader->count; i++) {
        const struct text *text = loader->seen[i].text;
        if (strcmp(loader->seen[i].identity, id) != 0)
            continue;
        if (leads_to(text, place)) {
            way_down(text, place, way, sizeof way);
            refuse(loader, place, path, "includes itself: %s%s", way, text->path);
        } else {
            refuse(loader, place, path, "is already included at %s", complaint_where(text->included, where));
        }
        return true;
    }
    return false;
}

/* Read one file, and give it a text of its own; which is lent the bytes where `lent` is asked for: they are there, to
 * be freed by the caller.
 * => it, or NULL: complained of, or memory ran out */
static struct text *read_text(struct loader *loader, const char *path, struct place place, char **lent)
{
    struct arena *arena = &loader->tree->arena;
    const char *id = identity(arena, path);
    char *bytes = NULL;
    size_t len = 0;
    if (id == NULL || refuse_again(loader, path, id, place))
        return NULL;
    unsigned depth = place.text != NULL ? place.text->depth + 1 : 0;
    if (depth > INCLUDE_DEEPEST || loader->count == INCLUDE_MOST) {
        refuse(loader, place, path, "is one too many: files may include each other %d deep, and be %d in all",
               INCLUDE_DEEPEST, INCLUDE_MOST);
        return NULL;
    }
    int err = loader->source->read(loader->source->context, path, &bytes, &len);
    if (err == 0 && len > TEXT_LONGEST) {
        free(bytes);
        err = -EFBIG;
    }
    if (err != 0) {
        refuse(loader, place, path, "cannot be read: %s", strerror(-err));
        return NULL;
    }
    struct text *text = lent != NULL ? text_lend(arena, path, bytes, len) : text_new(arena, path, bytes, len);
    if (lent == NULL || text == NULL)
        free(bytes);
    if (text == NULL)
        return NULL;
    if (lent != NULL)
        *lent = bytes;
    text->included = place;
    text->depth = depth;
    text->number = loader->count;
    loader->seen[loader->count++] = (struct seen){id, text, NULL};
    return text;
}

static bool load(struct loader *loader, const char *path, struct place place, struct file *file);

/* Read one file that a statement includes, behind those that it already has. One that cannot be had is complained of,
 * and the rest is read on.
 * => false if memory ran out */
static bool include_one(struct loader *loader, struct included_file ***tail, const char *path, struct place place)
{
    struct included_file *in = arena_take(&loader->tree->arena, sizeof *in);
    if (in == NULL)
        return false;
    if (load(loader, path, place, &in->file)) {
        **tail = in;
        *tail = &in->next;
    }
    return !loader->tree->arena.failed;
}

/* The files that a pattern stands for. */
static bool include_glob(struct loader *loader, struct included_file ***tail, const char *pattern, struct place place)
{
    char **paths = NULL;
    size_t count = 0;
    if (loader->source->expand == NULL) {
        refuse(loader, place, pattern, "is a pattern, and patterns cannot be followed here");
        return true;
    }
    int err = loader->source->expand(loader->source->context, pattern, &paths, &count);
    if (err == -ENOENT)
        complain(loader->tree->complaints, TG_WARNING, place, "no file fits '%s'", pattern);
    else if (err != 0)
        refuse(loader, place, pattern, "cannot be followed: %s", strerror(-err));
    if (err != 0)
        return true;
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        const char *path = arena_text(&loader->tree->arena, paths[i], strlen(paths[i]));
        good = good && path != NULL && include_one(loader, tail, path, place);
        free(paths[i]);
    }
    free(paths);
    return good;
}

/* => false if memory ran out */
static bool include_statement(struct loader *loader, const struct text *text, struct statement *st)
{
    struct included_file **tail = &st->included;
    const char *path = join(&loader->tree->arena, text, st->name.text);
    if (path == NULL)
        return false;
    if (strpbrk(path, "*?[") != NULL)
        return include_glob(loader, &tail, path, st->name.place);
    return include_one(loader, &tail, path, st->name.place);
}

/* The list at `path`: several sets may have one, and it is read once.
 * => it; or NULL: complained of, or memory ran out */
static struct address_file *read_list(struct loader *loader, const char *path, struct place place)
{
    struct address_file *list = arena_take(&loader->tree->arena, sizeof *list);
    const char *id = identity(&loader->tree->arena, path);
    bool incomplete = loader->tree->incomplete;
    char *bytes = NULL;
    if (list == NULL || id == NULL)
        return NULL;
    for (unsigned i = 0; i < loader->count; i++) {
        if (loader->seen[i].list != NULL && strcmp(loader->seen[i].identity, id) == 0)
            return loader->seen[i].list;
    }
    struct text *text = read_text(loader, path, place, &bytes);
    loader->tree->incomplete = incomplete; /* it defines no name that could be missing */
    if (text == NULL)
        return NULL;
    loader->seen[loader->count - 1].list = list;
    bool parsed = parse_address_file(loader->tree, text, list);
    text->bytes = NULL; /* what was complained of has been copied, and nothing else is made of its words */
    free(bytes);
    return parsed ? list : NULL;
}

/* => false if memory ran out */
static bool set_statement(struct loader *loader, const struct text *text, struct statement *st)
{
    struct arena *arena = &loader->tree->arena;
    struct address_item *item = arena_take(arena, sizeof *item);
    const char *path = join(arena, text, st->path.text);
    if (item == NULL || path == NULL)
        return false;
    struct address_file *list = read_list(loader, path, st->path.place);
    st->broken |= list == NULL || list->wrong;
    *item = (struct address_item){.place = st->path.place, .file = list};
    st->addresses = item;
    return !arena->failed;
}

/* => false if the file is not there (complained of) or memory ran out */
static bool load(struct loader *loader, const char *path, struct place place, struct file *file)
{
    struct text *text = read_text(loader, path, place, NULL);
    if (text == NULL || !parse_file(loader->tree, text, file))
        return false;
    for (struct statement *st = file->statements; st != NULL; st = st->next) {
        if (st->kind == STATEMENT_SET && st->path.text != NULL && !set_statement(loader, text, st))
            return false;
        if (st->kind != STATEMENT_INCLUDE)
            continue;
        if (st->name.text == NULL)
            loader->tree->incomplete = true; /* whatever it was to bring is missing */
        else if (!include_statement(loader, text, st))
            return false;
    }
    return true;
}

bool include_load(struct tree *tree, const struct tg_source *source, const char *path)
{
    struct loader *loader = arena_take(&tree->arena, sizeof *loader);
    if (loader == NULL)
        return false;
    loader->tree = tree;
    loader->source = source;
    return load(loader, path, (struct place){0}, &tree->root);
}
