/* `tidegate forward RULES list|add|remove`: the forwards of a rules file, looked at and changed in place.
 *
 * What is changed is the file, not a running firewall. A change is first loaded as if it were in the file, with all
 * that the file includes; only what loads is written, all at once (replace.h).
 */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/replace.h"
#include "cli/source.h"
#include "rules/edit.h"
#include "rules/near.h"
#include "rules/print.h"

/* The file, and what is made of it. */
struct work {
    const char *path;
    bool strict, json;
    char *text; /* of the file: `len` bytes */
    size_t len;
    struct edit edit;
};

static int no_memory(void)
{
    cli_complain("%s", strerror(ENOMEM));
    return CLI_SYSTEM;
}

/* Read the file as it is.
 * => CLI_OK, or the exit status: said why */
static int read_file(struct work *work)
{
    int error = cli_disk_source.read(cli_disk_source.context, work->path, &work->text, &work->len);
    if (error == 0)
        return CLI_OK;
    work->text = NULL;
    cli_complain("%s cannot be read: %s", work->path, strerror(-error));
    return CLI_BAD;
}

/* Load bytes as if they were in the file, and tell what is wrong with them.
 * => CLI_OK if they can be loaded; else the exit status: said why */
static int load(struct work *work, const char *bytes, size_t len, bool warnings_too)
{
    struct edit_overlay overlay = {&cli_disk_source, work->path, bytes, len};
    const struct tg_source source = edit_overlay_source(&overlay);
    struct tg_complaints *complaints = tg_complaints_new();
    if (complaints == NULL)
        return no_memory();
    struct tg_policy *policy;
    struct probe_expected expected;
    int status = cli_read_rules(&source, work->path, complaints, &policy, &expected);
    size_t errors = tg_complaints_count(complaints, TG_ERROR), warnings = tg_complaints_count(complaints, TG_WARNING);
    if (status != CLI_OK || warnings_too)
        cli_print_complaints(complaints, stderr);
    if (status == CLI_NO && warnings_too) {
        cli_complain("%s is left as it is: it would not be as it expects", work->path);
    } else if (status == CLI_BAD && warnings_too) {
        cli_complain("%s is left as it is: it would have %zu error%s", work->path, errors, errors == 1 ? "" : "s");
    } else if (status == CLI_BAD) {
        cli_complain("%s cannot be loaded: %zu error%s", work->path, errors, errors == 1 ? "" : "s");
    } else if (status == CLI_OK && work->strict && warnings > 0) {
        cli_complain("%s is left as it is: it would have %zu warning%s, and --strict takes %s for errors", work->path,
                     warnings, warnings == 1 ? "" : "s", warnings == 1 ? "it" : "them");
        status = CLI_NO;
    }
    tg_policy_free(policy);
    tg_complaints_free(complaints);
    return status;
}

/* Find the forwards of the file that was read.
 * => CLI_OK, or the exit status: said why */
static int open_edit(struct work *work)
{
    struct edit_overlay overlay = {&cli_disk_source, work->path, work->text, work->len};
    const struct tg_source source = edit_overlay_source(&overlay);
    struct tg_complaints *complaints = tg_complaints_new();
    if (complaints == NULL)
        return no_memory();
    int error = edit_open(&work->edit, &source, work->path, complaints);
    /* They are not shown: those of the file as it is to be are. */
    tg_complaints_free(complaints);
    return error == 0 ? CLI_OK : no_memory();
}

/* Listing. */

enum { LINE, NAME, TAKES, FROM, TO, OPTIONS, COLUMNS };

static const char *const titles[COLUMNS] = {
    [LINE] = "LINE", [NAME] = "NAME", [TAKES] = "TAKES", [FROM] = "FROM", [TO] = "TO", [OPTIONS] = "OPTIONS"};

struct row {
    char line[512];
    const char *name;
    struct print parts[COLUMNS]; /* of TAKES and those behind it */
};

static const char *cell(const struct row *row, unsigned column)
{
    if (column == LINE)
        return row->line;
    if (column == NAME)
        return row->name;
    return row->parts[column].bytes != NULL ? row->parts[column].bytes : "";
}

/* What a forward is called: by its label, else by its host. */
static const char *name_of(const struct forward_statement *forward)
{
    if (forward->label.text != NULL)
        return forward->label.text;
    return forward->host->name != NULL ? forward->host->name : "-";
}

static bool make_row(struct row *row, const struct edit_forward *f)
{
    const struct forward_statement *forward = &f->statement->forward;
    if (f->included)
        snprintf(row->line, sizeof row->line, "%s:%u", f->file, f->line);
    else
        snprintf(row->line, sizeof row->line, "%u", f->line);
    row->name = name_of(forward);
    print_forward_taken(&row->parts[TAKES], forward);
    print_forward_from(&row->parts[FROM], forward);
    print_forward_to(&row->parts[TO], forward);
    print_forward_options(&row->parts[OPTIONS], forward);
    bool failed = false;
    for (unsigned i = 0; i < COLUMNS; i++)
        failed |= row->parts[i].failed;
    return !failed;
}

static void print_cells(const char *const cells[COLUMNS], const unsigned widths[COLUMNS])
{
    unsigned last = COLUMNS - 1;
    while (last > 0 && cells[last][0] == '\0')
        last--;
    for (unsigned i = 0; i <= last; i++) {
        unsigned used = text_characters(cells[i], strlen(cells[i]));
        printf("%s%*s", cells[i], i == last ? 0 : (int)(widths[i] - used + 2), "");
    }
    putchar('\n');
}

static void print_table(const struct row *rows, size_t count)
{
    unsigned widths[COLUMNS];
    const char *cells[COLUMNS];
    for (unsigned i = 0; i < COLUMNS; i++) {
        widths[i] = (unsigned)strlen(titles[i]);
        for (size_t j = 0; j < count; j++) {
            unsigned width = text_characters(cell(&rows[j], i), strlen(cell(&rows[j], i)));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    print_cells(titles, widths);
    for (size_t j = 0; j < count; j++) {
        for (unsigned i = 0; i < COLUMNS; i++)
            cells[i] = cell(&rows[j], i);
        print_cells(cells, widths);
    }
}

static int list_table(const struct work *work)
{
    size_t count = work->edit.count;
    bool good = true;
    struct row *rows = calloc(count + 1, sizeof *rows);
    for (size_t i = 0; rows != NULL && i < count; i++)
        good &= make_row(&rows[i], &work->edit.forwards[i]);
    if (rows == NULL || !good)
        no_memory();
    else if (count == 0)
        printf("%s has no forwards\n", work->path);
    else
        print_table(rows, count);
    for (size_t i = 0; rows != NULL && i < count; i++) {
        for (unsigned j = 0; j < COLUMNS; j++)
            print_free(&rows[i].parts[j]);
    }
    good &= rows != NULL;
    free(rows);
    return good ? CLI_OK : CLI_SYSTEM;
}

/* Add what was printed, and free it. */
static void add_printed(struct json_object *object, const char *key, struct print *printed)
{
    struct json_object *text = json_object_new_string(printed->bytes != NULL ? printed->bytes : "");
    if (key != NULL)
        json_object_object_add(object, key, text);
    else
        json_object_array_add(object, text);
    print_free(printed);
}

static struct json_object *protos_json(const struct forward_statement *forward)
{
    struct json_object *array = json_object_new_array();
    if (forward->any)
        json_object_array_add(array, json_object_new_string("any"));
    for (const struct proto_item *item = forward->protos.items; item != NULL; item = item->next) {
        struct print text = {0};
        print_proto(&text, item);
        add_printed(array, NULL, &text);
    }
    return array;
}

/* A port is a number, a range or the name of a service is text. */
static struct json_object *port_json(const struct port_item *item)
{
    if (item->name == NULL && item->ports.first == item->ports.last)
        return json_object_new_int(item->ports.first);
    struct print text = {0};
    print_port(&text, item);
    struct json_object *port = json_object_new_string(text.bytes != NULL ? text.bytes : "");
    print_free(&text);
    return port;
}

static struct json_object *forward_json(const struct edit_forward *f)
{
    const struct forward_statement *forward = &f->statement->forward;
    struct json_object *object = json_object_new_object();
    struct print from = {0}, host = {0}, statement = {0};
    char at[TG_ADDR_TEXT];
    json_object_object_add(object, "file", json_object_new_string(f->file));
    json_object_object_add(object, "line", json_object_new_int64(f->line));
    json_object_object_add(object, "included", json_object_new_boolean(f->included));
    if (forward->label.text != NULL)
        json_object_object_add(object, "label", json_object_new_string(forward->label.text));
    json_object_object_add(object, "protocols", protos_json(forward));
    if (forward->ext.items != NULL) {
        struct json_object *ports = json_object_new_array();
        for (const struct port_item *item = forward->ext.items; item != NULL; item = item->next)
            json_object_array_add(ports, port_json(item));
        json_object_object_add(object, "ports", ports);
    }
    if (forward->at.len > 0)
        json_object_object_add(object, "at", json_object_new_string(tg_addr_format(TG_IPV4, forward->at_addr, at)));
    print_forward_from(&from, forward);
    add_printed(object, "from", &from);
    print_address(&host, forward->host);
    add_printed(object, "host", &host);
    if (forward->in.items != NULL)
        json_object_object_add(object, "host_port", port_json(forward->in.items));
    json_object_object_add(object, "hairpin", json_object_new_boolean(!forward->no_hairpin));
    print_statement(&statement, f->statement);
    add_printed(object, "statement", &statement);
    return object;
}

static int list(struct work *work)
{
    int status = read_file(work);
    if (status == CLI_OK)
        status = load(work, work->text, work->len, false);
    if (status == CLI_OK)
        status = open_edit(work);
    if (status != CLI_OK)
        return status;
    if (!work->json)
        return list_table(work);
    for (size_t i = 0; i < work->edit.count; i++) {
        struct json_object *object = forward_json(&work->edit.forwards[i]);
        puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(object);
    }
    return CLI_OK;
}

/* Changing. */

/* Write what was made of the file, if it can be loaded.
 * => the exit status: said why, where it is not CLI_OK */
static int put(struct work *work, const struct replace *replace, const struct edit_result *result)
{
    int status = load(work, result->bytes, result->len, true);
    if (status != CLI_OK)
        return status;
    int error = replace_write(replace, result->bytes, result->len);
    if (error == 0)
        return CLI_OK;
    cli_complain("%s is left as it is: %s", work->path, replace_error(error));
    return CLI_SYSTEM;
}

static int add(struct work *work, const struct replace *replace, const char *statement)
{
    struct edit_result result;
    struct tg_complaints *complaints = tg_complaints_new();
    if (complaints == NULL)
        return no_memory();
    int error = edit_add(&work->edit, statement, complaints, &result);
    cli_print_complaints(complaints, stderr);
    tg_complaints_free(complaints);
    if (error == -ENOMEM)
        return no_memory();
    if (error != 0) {
        cli_complain("%s is left as it is", work->path);
        return CLI_BAD;
    }
    int status = put(work, replace, &result);
    if (status == CLI_OK)
        printf("%s:%u: added: %.*s\n", work->path, result.line, (int)strcspn(result.bytes + result.at, "\r\n"),
               result.bytes + result.at);
    free(result.bytes);
    return status;
}

/* The statement as it stands in the file, on one line; without what must not reach a terminal, for the file may have
 * errors. */
static const char *as_written(struct work *work, const struct edit_forward *forward)
{
    struct arena *arena = &work->edit.tree.arena;
    const char *folded = text_fold(arena, forward->statement->place);
    size_t len = folded != NULL ? strlen(folded) : 0;
    char *text = arena_text(arena, folded, len);
    uint32_t character;
    for (size_t i = 0; text != NULL && i < len;) {
        unsigned n = text_character(text + i, len - i, &character);
        bool plain = n > 0 && text_is_plain(character);
        n = n > 0 ? n : 1;
        if (!plain)
            memset(text + i, '?', n);
        i += n;
    }
    return text != NULL ? text : "";
}

static int none_found(const struct work *work, const char *what)
{
    char hint[NEAR_HINT];
    struct near near = near_to(what, strlen(what));
    for (size_t i = 0; i < work->edit.count; i++) {
        const struct forward_statement *forward = &work->edit.forwards[i].statement->forward;
        if (forward->label.text != NULL)
            near_try(&near, forward->label.text);
        if (forward->host != NULL && forward->host->name != NULL)
            near_try(&near, forward->host->name);
    }
    if (*what != '\0' && what[strspn(what, "0123456789")] == '\0')
        cli_complain("in line %s of %s stands no forward", what, work->path);
    else
        cli_complain("%s has no forward '%s'%s", work->path, what, near_hint(&near, hint));
    if (work->edit.tree.incomplete)
        cli_complain("not all files that it includes can be read");
    fprintf(stderr, "`tidegate forward %s list` shows them\n", work->path);
    return CLI_BAD;
}

#define SHOWN 20 /* candidates */

static int several_found(struct work *work, const char *what, const struct edit_forward **found, size_t count)
{
    cli_complain("'%s' means %zu forwards; say which, by its line:", what, count);
    for (size_t i = 0; i < count && i < SHOWN; i++)
        fprintf(stderr, "  %s:%u: %s\n", found[i]->file, found[i]->line, as_written(work, found[i]));
    if (count > SHOWN)
        fprintf(stderr, "  and %zu more\n", count - SHOWN);
    return CLI_BAD;
}

static int remove_found(struct work *work, const struct replace *replace, const char *what)
{
    const struct edit_forward *found[SHOWN];
    size_t count = edit_find(&work->edit, what, found, SHOWN);
    if (count == 0)
        return none_found(work, what);
    if (count > 1)
        return several_found(work, what, found, count);
    if (found[0]->included) {
        cli_complain("that forward stands in a file that %s includes, and is to be removed there: %s:%u: %s",
                     work->path, found[0]->file, found[0]->line, as_written(work, found[0]));
        return CLI_BAD;
    }
    struct edit_result result;
    if (edit_remove(found[0], &result) != 0)
        return no_memory();
    int status = put(work, replace, &result);
    if (status == CLI_OK)
        printf("%s:%u: removed: %s\n", work->path, result.line, as_written(work, found[0]));
    free(result.bytes);
    return status;
}

static int change(struct work *work, const char *verb, const char *what)
{
    struct replace replace;
    int error = replace_open(&replace, work->path);
    if (error != 0) {
        cli_complain("%s cannot be changed: %s", work->path, replace_error(error));
        return error == -ENOENT ? CLI_BAD : CLI_SYSTEM;
    }
    int status = read_file(work);
    if (status == CLI_OK)
        status = open_edit(work);
    if (status == CLI_OK)
        status = strcmp(verb, "add") == 0 ? add(work, &replace, what) : remove_found(work, &replace, what);
    replace_close(&replace);
    return status;
}

/* The command line. */

static bool is_verb(const char *word)
{
    return strcmp(word, "list") == 0 || strcmp(word, "add") == 0 || strcmp(word, "remove") == 0;
}

/* => CLI_OK if there is a file, a verb and what the verb is about; else CLI_BAD: said why */
static int check_arguments(const struct work *work, int count, char **words)
{
    const char *verb = count > 1 ? words[1] : NULL;
    if (count == 0)
        return cli_usage("forward", "no rules file is named");
    if (is_verb(words[0]) && (verb == NULL || !is_verb(verb)))
        return cli_usage("forward", "the rules file comes first, then '%s'", words[0]);
    if (verb == NULL)
        return cli_usage("forward", "say what to do with the forwards of %s: list, add or remove", words[0]);
    if (!is_verb(verb))
        return cli_usage("forward", "'%s' is none of list, add, remove", verb);
    bool lists = strcmp(verb, "list") == 0, adds = strcmp(verb, "add") == 0;
    if (lists && count > 2)
        return cli_usage("forward", "nothing is wanted behind 'list'");
    if (!lists && count < 3)
        return cli_usage("forward", adds ? "no forward is given: add 'forward tcp port 8080 from wan to 192.168.1.50'"
                                         : "say which forward: its label, its host or its line");
    if (!lists && count > 3)
        return cli_usage("forward", adds ? "the forward is one argument: put it in quotes, as in add 'forward tcp ...'"
                                         : "one forward is removed at a time; put a label with blanks in quotes");
    if (lists && work->strict)
        return cli_usage("forward", "--strict is for add and remove");
    if (!lists && work->json)
        return cli_usage("forward", "--json is for list");
    return CLI_OK;
}

int cmd_forward(int argc, char **argv)
{
    static const struct option options[] = {{"strict", no_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    struct work work = {0};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "j", options, NULL)) != -1) {
        if (option != 's' && option != 'j')
            return cli_usage(argv[0], "there is no option %s", argv[optind - 1]);
        work.strict |= option == 's';
        work.json |= option == 'j';
    }
    int status = check_arguments(&work, argc - optind, argv + optind);
    if (status != CLI_OK)
        return status;
    work.path = argv[optind];
    const char *verb = argv[optind + 1];
    status = strcmp(verb, "list") == 0 ? list(&work) : change(&work, verb, argv[optind + 2]);
    edit_close(&work.edit);
    free(work.text);
    return status;
}
