#include "import/uci.h"

#include <errno.h>
#include <string.h>

#include "import/buffer.h"

struct reader {
    struct uci *uci;
    struct arena *arena;
    const char *at, *end;
    unsigned line;
    struct buffer word; /* that was read last */
    struct uci_section **tail;
    struct uci_section *section; /* that options belong to; NULL before the first */
};

static bool wrong(struct reader *reader, const char *what)
{
    if (reader->uci->error == NULL) {
        reader->uci->error = what;
        reader->uci->error_line = reader->line;
    }
    return false;
}

/* Words. */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && is_blank(*reader->at))
        reader->at++;
    if (reader->at < reader->end && *reader->at == '#') {
        while (reader->at < reader->end && *reader->at != '\n')
            reader->at++;
    }
}

/* Whether the command ends here. */
static bool at_end(const struct reader *reader)
{
    return reader->at == reader->end || *reader->at == '\n' || *reader->at == ';';
}

static void take(struct reader *reader)
{
    buffer_add(&reader->word, reader->at, 1);
    reader->line += *reader->at++ == '\n';
}

/* A backslash: the character behind it as it is, or nothing for the end of a line. */
static void escape(struct reader *reader)
{
    reader->at++;
    if (reader->at == reader->end)
        return;
    if (*reader->at != '\n') {
        take(reader);
        return;
    }
    reader->line++;
    reader->at++;
}

static bool quoted(struct reader *reader, char quote)
{
    unsigned begun = reader->line;
    reader->at++;
    while (reader->at < reader->end && *reader->at != quote) {
        if (*reader->at == '\\' && quote == '"')
            escape(reader);
        else
            take(reader);
    }
    if (reader->at == reader->end) {
        reader->line = begun;
        return wrong(reader, "a quotation mark is not closed");
    }
    reader->at++;
    return true;
}

/* The next word of the command.
 * => true with *word, NULL at the end of the command; false: it is wrong */
static bool next_word(struct reader *reader, const char **word)
{
    *word = NULL;
    skip_blanks(reader);
    if (at_end(reader))
        return true;
    buffer_reset(&reader->word);
    while (!at_end(reader) && !is_blank(*reader->at) && *reader->at != '#') {
        char c = *reader->at;
        if (c == '\0')
            return wrong(reader, "a byte 0 stands here: this is no text");
        if ((c == '\'' || c == '"') && !quoted(reader, c))
            return false;
        if (c == '\\')
            escape(reader);
        else if (c != '\'' && c != '"')
            take(reader);
    }
    const char *text = buffer_text(&reader->word);
    if (strlen(text) != reader->word.len)
        return wrong(reader, "a byte 0 stands here: this is no text");
    *word = arena_text(reader->arena, text, reader->word.len);
    return *word != NULL && !reader->word.failed;
}

/* The words of the command, at most `most`.
 * => true with *count */
static bool words(struct reader *reader, const char **list, size_t most, size_t *count)
{
    const char *word;
    for (*count = 0;; ++*count) {
        if (!next_word(reader, &word))
            return false;
        if (word == NULL)
            return true;
        if (*count == most)
            return wrong(reader, "there are too many words; a value with blanks in it stands in quotes");
        list[*count] = word;
    }
}

/* Commands. */

static bool is_name(const char *text)
{
    for (const char *s = text; *s != '\0'; s++) {
        bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
        if (!letter && !(*s >= '0' && *s <= '9') && *s != '_')
            return false;
    }
    return *text != '\0';
}

static bool is_type(const char *text)
{
    for (const char *s = text; *s != '\0'; s++) {
        if (*s < 33 || *s > 126)
            return false;
    }
    return *text != '\0';
}

static bool config(struct reader *reader, const char *const *argument, size_t count, unsigned line)
{
    if (count < 1)
        return wrong(reader, "'config' wants the type of a section behind it");
    if (!is_type(argument[0]))
        return wrong(reader, "this is no type of a section");
    if (count > 2)
        return wrong(reader, "'config' wants a type and a name behind it, and no more");
    if (count == 2 && *argument[1] != '\0' && !is_name(argument[1]))
        return wrong(reader, "this is no name of a section: it has letters, digits and '_'");
    struct uci_section *section = arena_take(reader->arena, sizeof *section);
    if (section == NULL)
        return false;
    section->type = argument[0];
    section->name = count == 2 && *argument[1] != '\0' ? argument[1] : NULL;
    section->line = line;
    *reader->tail = section;
    reader->tail = &section->next;
    reader->section = section;
    return true;
}

/* The option of that name, made if it is not there yet. */
static struct uci_option *named_option(struct reader *reader, const char *name, unsigned line)
{
    struct uci_option **tail = &reader->section->options;
    while (*tail != NULL && strcmp((*tail)->name, name) != 0)
        tail = &(*tail)->next;
    if (*tail != NULL)
        return *tail;
    struct uci_option *option = arena_take(reader->arena, sizeof *option);
    if (option == NULL)
        return NULL;
    option->name = name;
    option->line = line;
    *tail = option;
    return option;
}

static bool option(struct reader *reader, const char *const *argument, size_t count, bool list, unsigned line)
{
    if (reader->section == NULL)
        return wrong(reader, "an option stands before the first 'config'");
    if (count != 2)
        return wrong(reader, list ? "'list' wants a name and a value" : "'option' wants a name and a value");
    if (!is_name(argument[0]))
        return wrong(reader, "this is no name of an option: it has letters, digits and '_'");
    struct uci_option *found = named_option(reader, argument[0], line);
    struct uci_value *value = arena_take(reader->arena, sizeof *value);
    if (found == NULL || value == NULL)
        return false;
    value->text = argument[1];
    if (!list || found->values == NULL)
        found->values = value;
    else
        found->last->next = value;
    if (!list)
        found->line = line;
    found->last = value;
    found->list = list;
    return true;
}

static bool command(struct reader *reader)
{
    const char *word[4];
    size_t count;
    unsigned line = reader->line;
    skip_blanks(reader);
    if (!words(reader, word, 4, &count))
        return false;
    if (count == 0)
        return true;
    if (strcmp(word[0], "config") == 0)
        return config(reader, word + 1, count - 1, line);
    if (strcmp(word[0], "option") == 0)
        return option(reader, word + 1, count - 1, false, line);
    if (strcmp(word[0], "list") == 0)
        return option(reader, word + 1, count - 1, true, line);
    if (strcmp(word[0], "package") == 0)
        return true;
    return wrong(reader, "a line begins with 'config', 'option' or 'list'");
}

int uci_read(struct uci *uci, struct arena *arena, const char *text, size_t len)
{
    struct reader reader = {.uci = uci, .arena = arena, .at = text, .end = text + len, .line = 1};
    *uci = (struct uci){0};
    reader.tail = &uci->sections;
    bool good = true;
    while (good && reader.at < reader.end) {
        good = command(&reader);
        if (good && reader.at < reader.end)
            reader.line += *reader.at++ == '\n';
    }
    buffer_free(&reader.word);
    return good ? 0 : uci->error != NULL ? -EINVAL : -ENOMEM;
}

const struct uci_option *uci_option(const struct uci_section *section, const char *name)
{
    const struct uci_option *found = section->options;
    while (found != NULL && strcmp(found->name, name) != 0)
        found = found->next;
    return found;
}

const char *uci_text(const struct uci_section *section, const char *name)
{
    const struct uci_option *found = uci_option(section, name);
    return found != NULL && found->values != NULL ? found->values->text : NULL;
}
