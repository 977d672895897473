#include "rules/edit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/include.h"
#include "rules/parse.h"
#include "rules/words.h"

/* Reading. */

static void note_forward(void *context, const struct statement *st)
{
    struct edit *edit = context;
    if (st->kind != STATEMENT_FORWARD)
        return;
    struct edit_forward *forwards =
        arena_grow(&edit->tree.arena, edit->forwards, edit->count, &edit->room, sizeof *forwards);
    if (forwards == NULL)
        return;
    const struct text *text = st->place.text;
    edit->forwards = forwards;
    edit->forwards[edit->count++] = (struct edit_forward){
        .statement = st,
        .file = text->path,
        .line = text_line(text, st->whole.at),
        .last = text_line(text, st->place.at + st->place.len - 1),
        .included = text != edit->tree.root.text,
    };
}

int edit_open(struct edit *edit, const struct tg_source *source, const char *path, struct tg_complaints *complaints)
{
    *edit = (struct edit){.tree = {.complaints = complaints}};
    size_t mark = complaints_mark(complaints);
    bool read = include_load(&edit->tree, source, path);
    complaints_sort(complaints, mark);
    if (read)
        tree_walk(&edit->tree.root, note_forward, edit);
    edit->tree.complaints = NULL;
    if (edit->tree.arena.failed || complaints_failed(complaints))
        return -ENOMEM;
    return read ? 0 : -EINVAL;
}

void edit_close(struct edit *edit)
{
    arena_clear(&edit->tree.arena);
    *edit = (struct edit){0};
}

/* Finding. */

static bool is_label(const struct edit_forward *forward, const char *what)
{
    const char *label = forward->statement->forward.label.text;
    return label != NULL && strcmp(label, what) == 0;
}

/* Whether `what` is "12", of a line of the file itself, or "home.rules:12". */
static bool is_line(const struct edit_forward *forward, const char *what)
{
    size_t file = strlen(forward->file);
    bool named = strncmp(what, forward->file, file) == 0 && what[file] == ':';
    const char *digits = named ? what + file + 1 : what;
    if ((!named && forward->included) || *digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return false;
    unsigned long line = strtoul(digits, NULL, 10);
    return line >= forward->line && line <= forward->last;
}

static bool is_host(const struct edit_forward *forward, const char *what)
{
    const struct address_item *host = forward->statement->forward.host;
    uint8_t family;
    struct tg_addr addr;
    if (host == NULL)
        return false;
    if (host->name != NULL)
        return strcmp(host->name, what) == 0;
    return tg_addr_parse(what, &family, &addr) == 0 && family == host->range.family &&
           tg_addr_equal(addr, host->range.first);
}

size_t edit_find(const struct edit *edit, const char *what, const struct edit_forward **found, size_t room)
{
    size_t count = 0;
    for (unsigned by_host = 0; by_host < 2 && count == 0; by_host++) {
        for (size_t i = 0; i < edit->count; i++) {
            const struct edit_forward *forward = &edit->forwards[i];
            if (by_host ? !is_host(forward, what) : !is_label(forward, what) && !is_line(forward, what))
                continue;
            if (count < room)
                found[count] = forward;
            count++;
        }
    }
    return count;
}

/* What is to be added. */

/* Step over the blanks around a text.
 * => its length without them */
static size_t trim(const char **text)
{
    *text += strspn(*text, " \t\r\n");
    size_t len = strlen(*text);
    while (len > 0 && strchr(" \t\r\n", (*text)[len - 1]) != NULL)
        len--;
    return len;
}

/* Complain of what parses well, and is not one forward on one line. */
static void check_alone(struct tg_complaints *complaints, struct place all, const struct statement *st)
{
    if (st == NULL || (st->place.len == 0 && st->comment.len == 0))
        complain(complaints, TG_ERROR, all,
                 "nothing is written; a forward is written as in the file: 'forward tcp ...'");
    else if (st->place.len == 0)
        complain(complaints, TG_ERROR, st->comment, "this is a comment, and no forward");
    else if (st->kind != STATEMENT_FORWARD)
        complain(complaints, TG_ERROR, st->place, "only forwards can be added; other statements are for an editor");
    else if (memchr(text_at(all), '\n', all.len) != NULL || memchr(text_at(all), '\r', all.len) != NULL)
        complain(complaints, TG_ERROR, st->place, "one forward is added at a time, on one line");
    else if (text_at(all)[all.len - 1] == '\\' && st->comment.len == 0)
        complain(complaints, TG_ERROR, (struct place){all.text, all.at + all.len - 1, 1},
                 "a '\\' at the end would go on in the next line of the file");
}

/* Whether a forward has been written without its first word: with a protocol in its place. */
static bool is_headless(const char *statement)
{
    size_t len = strcspn(statement, " \t,");
    for (size_t i = 0; words_protocols[i] != NULL; i++) {
        if (strlen(words_protocols[i]) == len && strncmp(statement, words_protocols[i], len) == 0)
            return true;
    }
    return false;
}

/* Read what is to be added, without the blanks around it: a complaint shows it as it will stand in the file.
 * => 0 with its place, all of a text; -EINVAL: complained of; or -ENOMEM */
static int read_forward(struct edit *edit, const char *statement, struct tg_complaints *complaints, struct place *all)
{
    struct tree *tree = &edit->tree;
    struct file file = {0};
    size_t before = tg_complaints_count(complaints, TG_ERROR), mark = complaints_mark(complaints);
    size_t len = trim(&statement);
    const struct text *text = text_new(&tree->arena, "forward", statement, len);
    if (text == NULL)
        return -ENOMEM;
    *all = (struct place){text, 0, text->len};
    tree->complaints = complaints;
    if (is_headless(statement)) {
        complain(complaints, TG_ERROR, *all, "the word 'forward' is missing before it");
        return complaints_failed(complaints) ? -ENOMEM : -EINVAL;
    }
    bool parsed = parse_file(tree, text, &file);
    tree->complaints = NULL;
    if (parsed && tg_complaints_count(complaints, TG_ERROR) == before)
        check_alone(complaints, *all, file.statements);
    complaints_sort(complaints, mark);
    if (!parsed || complaints_failed(complaints))
        return -ENOMEM;
    return tg_complaints_count(complaints, TG_ERROR) > before ? -EINVAL : 0;
}

/* Where it goes. */

static bool is_comment(const struct statement *st)
{
    return st->place.len == 0 && st->comment.len > 0;
}

/* => the byte that a new forward is put before */
static uint32_t place_for_forward(const struct file *file)
{
    const struct statement *comment = NULL; /* the first line of those right above */
    bool settled = false, first = true;
    uint32_t at = file->text->len;
    for (const struct statement *st = file->statements; st != NULL; st = st->next) {
        if (st->kind == STATEMENT_FORWARD) {
            at = st->whole.at + st->whole.len;
            settled = true; /* no `default` matters any more */
        } else if (st->kind == STATEMENT_DEFAULT && !settled) {
            at = comment != NULL ? comment->whole.at : st->whole.at;
            settled = true;
        }
        /* A comment at the top of the file is about the file. */
        if (!is_comment(st))
            comment = NULL;
        else if (comment == NULL && !first)
            comment = st;
        first &= is_comment(st);
    }
    return at;
}

/* How many ends of lines are missing at the end of the file before a new line can begin: one where the last line has
 * none; and one for a blank line, where a `\` says that the statement goes on. */
static unsigned missing_ends(const struct file *file)
{
    const struct statement *last = file->statements;
    if (last == NULL)
        return 0;
    while (last->next != NULL)
        last = last->next;
    const char *s = text_at(last->whole);
    uint32_t len = last->whole.len;
    unsigned ends = 0; /* behind the last word */
    for (; len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL; len--)
        ends += s[len - 1] == '\n';
    if (last->comment.len == 0 && len > 0 && s[len - 1] == '\\')
        return ends < 2 ? 2 - ends : 0;
    return ends < 1;
}

/* How the line that ends before `at` ends; before the first line, how the first one does. */
static const char *line_end(const struct text *text, uint32_t at)
{
    uint32_t line = text_line(text, at > 0 ? at - 1 : 0);
    if (line > 1 && (at == 0 || text->bytes[at - 1] != '\n'))
        line--;
    struct place place = text_line_place(text, line);
    const char *end = text->bytes + place.at + place.len;
    return end + 1 < text->bytes + text->len && memcmp(end, "\r\n", 2) == 0 ? "\r\n" : "\n";
}

/* Making the new bytes. */

static void note_change(struct edit_result *result, size_t at)
{
    result->at = at;
    result->line = 1;
    for (size_t i = 0; i < at; i++)
        result->line += result->bytes[i] == '\n';
}

/* The bytes of `text`, with `cut` of them at `at` replaced by the pieces, up to a closing NULL. */
static int splice(const struct text *text, uint32_t at, uint32_t cut, const char *const *pieces,
                  struct edit_result *result)
{
    size_t added = 0;
    for (size_t i = 0; pieces[i] != NULL; i++)
        added += strlen(pieces[i]);
    char *bytes = malloc(text->len - cut + added + 1);
    if (bytes == NULL)
        return -ENOMEM;
    memcpy(bytes, text->bytes, at);
    size_t len = at;
    for (size_t i = 0; pieces[i] != NULL; i++) {
        size_t n = strlen(pieces[i]);
        memcpy(bytes + len, pieces[i], n);
        len += n;
    }
    memcpy(bytes + len, text->bytes + at + cut, text->len - at - cut);
    len += text->len - at - cut;
    bytes[len] = '\0';
    *result = (struct edit_result){.bytes = bytes, .len = len};
    return 0;
}

int edit_add(struct edit *edit, const char *statement, struct tg_complaints *complaints, struct edit_result *result)
{
    const struct file *file = &edit->tree.root;
    struct place all;
    int error = read_forward(edit, statement, complaints, &all);
    if (error != 0)
        return error;

    uint32_t at = place_for_forward(file);
    const char *end = line_end(file->text, at), *pieces[5];
    size_t n = 0, new_lines = 0;
    if (at == file->text->len)
        new_lines = missing_ends(file);
    while (n < new_lines)
        pieces[n++] = end;
    pieces[n++] = text_at(all); /* a text of its own, with a 0 behind it */
    pieces[n++] = end;
    pieces[n] = NULL;
    error = splice(file->text, at, 0, pieces, result);
    if (error == 0)
        note_change(result, at + new_lines * strlen(end));
    return error;
}

int edit_remove(const struct edit_forward *forward, struct edit_result *result)
{
    static const char *const nothing[] = {NULL};
    struct place whole = forward->statement->whole;
    int error = splice(whole.text, whole.at, whole.len, nothing, result);
    if (error == 0)
        note_change(result, whole.at);
    return error;
}

/* The overlay. */

static int overlay_read(void *context, const char *path, char **text, size_t *len)
{
    const struct edit_overlay *overlay = context;
    if (strcmp(path, overlay->path) != 0)
        return overlay->behind->read(overlay->behind->context, path, text, len);
    *text = malloc(overlay->len + 1);
    if (*text == NULL)
        return -ENOMEM;
    memcpy(*text, overlay->bytes, overlay->len);
    *len = overlay->len;
    return 0;
}

static int overlay_expand(void *context, const char *pattern, char ***paths, size_t *count)
{
    const struct edit_overlay *overlay = context;
    return overlay->behind->expand(overlay->behind->context, pattern, paths, count);
}

struct tg_source edit_overlay_source(struct edit_overlay *overlay)
{
    return (struct tg_source){.read = overlay_read,
                              .expand = overlay->behind->expand != NULL ? overlay_expand : NULL,
                              .context = overlay};
}
