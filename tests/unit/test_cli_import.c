/* `tidegate import` as it is called: where what goes, and its exit statuses. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#include "cli/cli.h"

/* What src/cli/main.c has. */

void cli_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

int cli_usage(const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", verb);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    return CLI_BAD;
}

/* A stream's output while a command runs. */
struct caught {
    FILE *stream, *file;
    int saved;
};

static struct caught catch_output(FILE *stream)
{
    struct caught c = {stream, tmpfile(), -1};
    assert_non_null(c.file);
    fflush(stream);
    c.saved = dup(fileno(stream));
    dup2(fileno(c.file), fileno(stream));
    return c;
}

static char *release_output(struct caught *c)
{
    char *text = calloc(1, 1 << 18);
    fflush(c->stream);
    dup2(c->saved, fileno(c->stream));
    close(c->saved);
    rewind(c->file);
    text[fread(text, 1, (1 << 18) - 1, c->file)] = '\0';
    fclose(c->file);
    return text;
}

#define FOLDER "tests/import/"

TEST(command)
{
    static const struct {
        const char *name;
        const char *arguments[5];
        int status;
        const char *out, *err; /* what must be in them; NULL: nothing may be */
    } rows[] = {
        {"whole", {FOLDER "house.config"}, CLI_OK, "zone lan on lan\n", NULL},
        {"with networks",
         {FOLDER "house.config", "--network", FOLDER "house.network"},
         CLI_OK,
         "zone lan on br-lan address 192.168.1.1/24",
         NULL},
        {"strict and whole", {"--strict", FOLDER "house.config"}, CLI_OK, "default reject\n", NULL},
        {"with losses", {FOLDER "rules.config"}, CLI_OK, "default drop\n", FOLDER "rules.config:173: rule 'marks': "},
        {"strict with losses", {FOLDER "rules.config", "--strict"}, CLI_NO, "default drop\n", "could not be carried"},
        {"no UCI", {FOLDER "broken-quote.config"}, CLI_BAD, NULL, FOLDER "broken-quote.config:2: "},
        {"network is no UCI",
         {FOLDER "house.config", "--network", FOLDER "broken-words.config"},
         CLI_BAD,
         NULL,
         FOLDER "broken-words.config:2: "},
        {"not there", {FOLDER "nothing.config"}, CLI_BAD, NULL, "No such file"},
        {"network not there", {FOLDER "house.config", "--network", "nothing"}, CLI_BAD, NULL, "No such file"},
        {"no file", {NULL}, CLI_BAD, NULL, "no file is named"},
        {"two files", {"a", "b"}, CLI_BAD, NULL, "only one file"},
        {"no network", {"a", "--network"}, CLI_BAD, NULL, "--network wants a file"},
        {"unknown option", {"a", "--netwrok"}, CLI_BAD, NULL, "no option --netwrok"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *argv[7] = {strdup("import")};
        int argc = 1;
        while (argc < 6 && rows[i].arguments[argc - 1] != NULL) {
            argv[argc] = strdup(rows[i].arguments[argc - 1]);
            argc++;
        }
        optind = 0;
        struct caught out = catch_output(stdout), err = catch_output(stderr);
        int status = cmd_import(argc, argv);
        char *said = release_output(&err), *printed = release_output(&out);
        CHECK_EQUAL(rows[i].name, status, rows[i].status);
        CHECK(rows[i].name, rows[i].out != NULL ? strstr(printed, rows[i].out) != NULL : *printed == '\0');
        CHECK(rows[i].name, rows[i].err != NULL ? strstr(said, rows[i].err) != NULL : *said == '\0');
        while (argc > 0)
            free(argv[--argc]);
        free(said);
        free(printed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(command)};
    return cmocka_run_group_tests_name("cli_import", tests, NULL, NULL);
}
