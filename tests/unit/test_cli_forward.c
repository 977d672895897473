/* `tidegate forward` and `tidegate print -i` as they are called: what they print, what they complain of, their exit
 * statuses, and what becomes of the file.
 */
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* A folder of its own, which is the current one. */

#define RULES                                                                                                          \
    "# a house\n"                                                                                                      \
    "zone wan  on eth0 masquerade\n"                                                                                   \
    "zone lan  on br-lan address 192.168.1.1/24\n"                                                                     \
    "allow from router\n"                                                                                              \
    "host cam = 192.168.1.50\n"                                                                                        \
    "include \"more.rules\"\n"                                                                                         \
    "forward tcp port 8080,8443 from wan to cam port 80   \"Küche\" # the camera\n"                                   \
    "forward tcp,udp port 5540 from wan not 198.51.100.0/24 \\\n"                                                      \
    "   to cam no-hairpin\n"                                                                                           \
    "forward tcp port 47777-47778 at 203.0.113.1 from wan to 192.168.1.51\n"                                           \
    "\n"                                                                                                               \
    "default drop\n"
#define MORE "forward udp port 5000 from wan to cam \"included\"\n"

static char folder[] = "/tmp/tg-forward-XXXXXX", home[300];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static char *read_file(const char *path)
{
    char *text = calloc(1, 65536);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, 65535, file)] = '\0';
    fclose(file);
    return text;
}

static int enter(void **state)
{
    (void)state;
    if (getcwd(home, sizeof home) == NULL || mkdtemp(folder) == NULL || chdir(folder) != 0)
        return -1;
    write_file("home.rules", RULES);
    write_file("more.rules", MORE);
    return 0;
}

static int leave(void **state)
{
    static const char *const files[] = {"home.rules", "more.rules", "bad.rules", "none.rules", "out", "err"};
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++)
        unlink(files[i]);
    return chdir(home) == 0 ? rmdir(folder) : -1;
}

/* Let standard output and errors go to files. */
static int redirect(int fd, const char *path)
{
    fflush(fd == 1 ? stdout : stderr);
    int kept = dup(fd), file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && file >= 0 && dup2(file, fd) == fd);
    close(file);
    return kept;
}

static void restore(int fd, int kept)
{
    fflush(fd == 1 ? stdout : stderr);
    dup2(kept, fd);
    close(kept);
}

struct done {
    int status;
    char *output, *complaints;
};

/* Call a verb with words up to a NULL. */
static struct done call(int (*verb)(int, char **), const char *const *words)
{
    char *argv[8];
    int argc = 0;
    for (; words[argc] != NULL; argc++)
        argv[argc] = strdup(words[argc]);
    argv[argc] = NULL;
    char *all[8];
    memcpy(all, argv, sizeof all); /* getopt_long() puts them in another order */
    optind = 0;
    int out = redirect(1, "out"), err = redirect(2, "err");
    int status = verb(argc, argv);
    restore(1, out);
    restore(2, err);
    for (int i = 0; i < argc; i++)
        free(all[i]);
    return (struct done){status, read_file("out"), read_file("err")};
}

static void forget(struct done *done)
{
    free(done->output);
    free(done->complaints);
}

TEST(list_as_a_table)
{
    struct done done = call(cmd_forward, (const char *const[]){"forward", "home.rules", "list", NULL});
    assert_int_equal(done.status, CLI_OK);
    assert_string_equal(done.complaints, "");
    assert_string_equal(
        done.output,
        "LINE          NAME      TAKES                           FROM                     TO            OPTIONS\n"
        "more.rules:1  included  udp 5000                        wan                      cam\n"
        "7             Küche     tcp 8080, 8443                  wan                      cam port 80\n"
        "8             cam       tcp,udp 5540                    wan not 198.51.100.0/24  cam           no-hairpin\n"
        "10            -         tcp 47777-47778 at 203.0.113.1  wan                      192.168.1.51\n");
    forget(&done);
}

TEST(list_as_json)
{
    static const char *const wanted[] = {
        "{\"file\":\"more.rules\",\"line\":1,\"included\":true,\"label\":\"included\",\"protocols\":[\"udp\"],"
        "\"ports\":[5000],\"from\":\"wan\",\"host\":\"cam\",\"hairpin\":true,"
        "\"statement\":\"forward udp port 5000 from wan to cam \\\"included\\\"\"}",
        "{\"file\":\"home.rules\",\"line\":7,\"included\":false,\"label\":\"Küche\",\"protocols\":[\"tcp\"],"
        "\"ports\":[8080,8443],\"from\":\"wan\",\"host\":\"cam\",\"host_port\":80,\"hairpin\":true,"
        "\"statement\":\"forward tcp port 8080, 8443 from wan to cam port 80 \\\"Küche\\\"\"}",
        "{\"file\":\"home.rules\",\"line\":8,\"included\":false,\"protocols\":[\"tcp\",\"udp\"],\"ports\":[5540],"
        "\"from\":\"wan not 198.51.100.0/24\",\"host\":\"cam\",\"hairpin\":false,"
        "\"statement\":\"forward tcp,udp port 5540 from wan not 198.51.100.0/24 to cam no-hairpin\"}",
        "{\"file\":\"home.rules\",\"line\":10,\"included\":false,\"protocols\":[\"tcp\"],\"ports\":[\"47777-47778\"],"
        "\"at\":\"203.0.113.1\",\"from\":\"wan\",\"host\":\"192.168.1.51\",\"hairpin\":true,"
        "\"statement\":\"forward tcp port 47777-47778 at 203.0.113.1 from wan to 192.168.1.51\"}",
    };
    struct done done = call(cmd_forward, (const char *const[]){"forward", "home.rules", "list", "--json", NULL});
    assert_int_equal(done.status, CLI_OK);
    assert_string_equal(done.complaints, "");
    char *line = done.output;
    for (size_t i = 0; i < COUNT(wanted); i++) {
        struct json_object *got = json_tokener_parse(strtok(i == 0 ? line : NULL, "\n"));
        struct json_object *want = json_tokener_parse(wanted[i]);
        assert_non_null(want);
        if (!json_object_equal(got, want))
            fail_msg("got %s\nnot %s", json_object_to_json_string(got), wanted[i]);
        json_object_put(got);
        json_object_put(want);
    }
    assert_null(strtok(NULL, "\n"));
    forget(&done);
}

TEST(a_file_without_forwards)
{
    write_file("none.rules", "allow from router\n");
    struct done done = call(cmd_forward, (const char *const[]){"forward", "none.rules", "list", NULL});
    assert_int_equal(done.status, CLI_OK);
    assert_string_equal(done.output, "none.rules has no forwards\n");
    forget(&done);
    done = call(cmd_forward, (const char *const[]){"forward", "none.rules", "list", "--json", NULL});
    assert_int_equal(done.status, CLI_OK);
    assert_string_equal(done.output, "");
    forget(&done);
}

TEST(options_are_listed_and_added)
{
    write_file("none.rules", "zone wan on eth0 masquerade\n"
                             "zone lan on eth1 address 192.168.1.1/24\n"
                             "allow from router\n"
                             "forward tcp port 81 from wan 192.0.2.1 to 192.168.1.50 log "
                             "during sat,sunday limit 5/minute no-hairpin \"NAS\"\n");
    struct done done =
        call(cmd_forward, (const char *const[]){"forward", "none.rules", "add",
                                                "forward udp port 82 from wan to 192.168.1.50 max 3 per source", NULL});
    assert_string_equal(done.complaints, "");
    assert_int_equal(done.status, CLI_OK);
    forget(&done);
    done =
        call(cmd_forward, (const char *const[]){"forward", "none.rules", "add",
                                                "forward udp port 83 from wan to 192.168.1.50 during someday", NULL});
    assert_int_equal(done.status, CLI_BAD);
    assert_non_null(strstr(done.complaints, "'someday' is no day"));
    forget(&done);
    done = call(cmd_forward, (const char *const[]){"forward", "none.rules", "list", NULL});
    assert_string_equal(done.output, "LINE  NAME  TAKES   FROM           TO            OPTIONS\n"
                                     "4     NAS   tcp 81  wan 192.0.2.1  192.168.1.50  "
                                     "no-hairpin limit 5/minute during sat, sun log\n"
                                     "5     -     udp 82  wan            192.168.1.50  max 3 per source\n");
    forget(&done);
}

#define NEW "forward tcp port 81 from wan to cam port 80 \"new\""

TEST(add_and_remove)
{
    struct stat before, after;
    assert_int_equal(chmod("home.rules", 0640), 0);
    assert_int_equal(stat("home.rules", &before), 0);
    struct done done = call(cmd_forward, (const char *const[]){"forward", "home.rules", "add", NEW, NULL});
    assert_int_equal(done.status, CLI_OK);
    assert_string_equal(done.complaints, "");
    assert_string_equal(done.output, "home.rules:11: added: " NEW "\n");
    forget(&done);
    char *text = read_file("home.rules");
    assert_non_null(strstr(text, "192.168.1.51\n" NEW "\n\ndefault drop\n"));
    assert_int_equal(strlen(text), strlen(RULES NEW "\n"));
    free(text);
    done = call(cmd_forward, (const char *const[]){"forward", "home.rules", "remove", "new", NULL});
    assert_int_equal(done.status, CLI_OK);
    assert_string_equal(done.output, "home.rules:11: removed: " NEW "\n");
    forget(&done);
    text = read_file("home.rules");
    assert_string_equal(text, RULES);
    free(text);
    assert_int_equal(stat("home.rules", &after), 0);
    assert_int_equal(after.st_mode, before.st_mode);
}

/* Removing what is wrong mends a file; the file as it was need not be good. */
TEST(remove_mends)
{
    write_file("bad.rules", "allow from router\nforward tcp prot 80\n");
    struct done done = call(cmd_forward, (const char *const[]){"forward", "bad.rules", "remove", "2", NULL});
    assert_int_equal(done.status, CLI_OK);
    assert_string_equal(done.output, "bad.rules:2: removed: forward tcp prot 80\n");
    forget(&done);
    char *text = read_file("bad.rules");
    assert_string_equal(text, "allow from router\n");
    free(text);
}

/* What is refused says why, and leaves the file as it was. */
TEST(refusals)
{
    static const struct {
        const char *words[6];
        int status;
        const char *says;
    } rows[] = {
        {{"home.rules", "add", "forward tcp port 81 from wan to cma"}, CLI_BAD, "home.rules:11:33: error: 'cma'"},
        {{"home.rules", "add", "forward tcp port 81 from wan to cma"}, CLI_BAD, "it would have 1 error"},
        {{"home.rules", "add", "forward tcp port 8080 from wan to cam"}, CLI_BAD, "home.rules:7"},
        {{"home.rules", "add", "forward tcp port 5000 from wan to"}, CLI_BAD, "forward:1:34: error: expected"},
        {{"home.rules", "add", "forward tcp port 81 from wan to 10.9.9.9", "--strict"},
         CLI_NO,
         "--strict takes it for"},
        {{"home.rules", "remove", "cam"}, CLI_BAD, "'cam' means 3 forwards"},
        {{"home.rules", "remove", "cam"}, CLI_BAD, "home.rules:8: forward tcp,udp port 5540 from wan not 198.51"},
        {{"home.rules", "remove", "Küchen"}, CLI_BAD, "has no forward 'Küchen'; did you mean 'Küche'?"},
        {{"home.rules", "remove", "5"}, CLI_BAD, "in line 5 of home.rules stands no forward"},
        {{"home.rules", "remove", "included"}, CLI_BAD, "more.rules:1: forward udp port 5000"},
        {{"home.rules", "remove", "more.rules:1"}, CLI_BAD, "is to be removed there"},
        {{"nothing.rules", "list"}, CLI_BAD, "nothing.rules cannot be read: No such file"},
        {{"nothing.rules", "remove", "1"}, CLI_BAD, "nothing.rules cannot be changed: No such file"},
        {{"/dev/null", "add", NEW}, CLI_SYSTEM, "no regular file"},
        {{NULL}, CLI_BAD, "no rules file is named"},
        {{"home.rules"}, CLI_BAD, "say what to do"},
        {{"home.rules", "lst"}, CLI_BAD, "'lst' is none of list, add, remove"},
        {{"list", "home.rules"}, CLI_BAD, "the rules file comes first"},
        {{"home.rules", "list", "cam"}, CLI_BAD, "nothing is wanted behind 'list'"},
        {{"home.rules", "add"}, CLI_BAD, "no forward is given"},
        {{"home.rules", "add", "forward", "tcp"}, CLI_BAD, "put it in quotes"},
        {{"home.rules", "remove"}, CLI_BAD, "say which forward"},
        {{"home.rules", "remove", "1", "2"}, CLI_BAD, "one forward is removed at a time"},
        {{"home.rules", "list", "--strict"}, CLI_BAD, "--strict is for"},
        {{"home.rules", "remove", "1", "--json"}, CLI_BAD, "--json is for list"},
        {{"home.rules", "list", "--foo"}, CLI_BAD, "there is no option --foo"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *words[8] = {"forward"};
        memcpy(words + 1, rows[i].words, sizeof rows[i].words);
        struct done done = call(cmd_forward, words);
        CHECK_EQUAL(rows[i].says, done.status, rows[i].status);
        CHECK(rows[i].says, done.output[0] == '\0');
        if (strstr(done.complaints, rows[i].says) == NULL)
            fail_msg("not '%s', but: %s", rows[i].says, done.complaints);
        forget(&done);
        char *text = read_file("home.rules");
        CHECK(rows[i].says, strcmp(text, RULES) == 0);
        free(text);
    }
}

/* A warning does not refuse; and what a broken file holds does not reach the terminal. */
TEST(warnings_and_broken_bytes)
{
    write_file("none.rules", "zone wan on eth0\nallow from router\n");
    struct done done = call(cmd_forward, (const char *const[]){"forward", "none.rules", "add",
                                                               "forward tcp port 80 from wan to 224.0.0.1", NULL});
    assert_int_equal(done.status, CLI_BAD);
    forget(&done);
    write_file("none.rules", "zone wan on eth0\n");
    done = call(cmd_forward,
                (const char *const[]){"forward", "none.rules", "add", "forward any from wan to 10.0.0.9", NULL});
    assert_int_equal(done.status, CLI_OK);
    assert_non_null(strstr(done.complaints, "warning: "));
    forget(&done);
    write_file("bad.rules", "allow from router\nforward \x1b[31m \xff\n");
    done = call(cmd_forward, (const char *const[]){"forward", "bad.rules", "remove", "2", NULL});
    assert_int_equal(done.status, CLI_OK);
    assert_string_equal(done.output, "bad.rules:2: removed: forward ?[31m ?\n");
    forget(&done);
}

TEST(print_in_place)
{
    static const char *const words[] = {"print", "-i", "bad.rules", NULL};
    struct stat before, after;
    write_file("bad.rules", "allow   from router #x\n\n\n");
    struct done done = call(cmd_print, words);
    assert_int_equal(done.status, CLI_OK);
    assert_string_equal(done.output, "");
    forget(&done);
    char *text = read_file("bad.rules");
    assert_string_equal(text, "allow from router  #x\n");
    free(text);

    /* What is in its canonical form already is not touched. */
    assert_int_equal(stat("bad.rules", &before), 0);
    done = call(cmd_print, words);
    assert_int_equal(done.status, CLI_OK);
    forget(&done);
    assert_int_equal(stat("bad.rules", &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);

    write_file("bad.rules", "alow   from router\n");
    done = call(cmd_print, words);
    assert_int_equal(done.status, CLI_BAD);
    assert_non_null(strstr(done.complaints, "did you mean 'allow'?"));
    forget(&done);
    text = read_file("bad.rules");
    assert_string_equal(text, "alow   from router\n");
    free(text);
}

TEST(print_to_output)
{
    static const struct {
        const char *words[4];
        int status;
        const char *output, *says;
    } rows[] = {
        {{"more.rules"}, CLI_BAD, "", "'wan' is not defined"},
        {{"nothing.rules"}, CLI_BAD, "", "nothing.rules cannot be read"},
        {{NULL}, CLI_BAD, "", "no rules file is named"},
        {{"home.rules", "more.rules"}, CLI_BAD, "", "only one rules file"},
        {{"--foo", "home.rules"}, CLI_BAD, "", "there is no option --foo"},
        {{"none.rules"}, CLI_OK, "allow from 10.0.0.1\n", ""},
        {{"bad.rules"}, CLI_OK, "", ""},
    };
    write_file("none.rules", "allow  from  10.0.0.1 \n");
    write_file("bad.rules", "\n\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *words[6] = {"print"};
        memcpy(words + 1, rows[i].words, sizeof rows[i].words);
        struct done done = call(cmd_print, words);
        CHECK_EQUAL(rows[i].says, done.status, rows[i].status);
        assert_string_equal(done.output, rows[i].output);
        CHECK(rows[i].says, strstr(done.complaints, rows[i].says) != NULL);
        CHECK(rows[i].says, (rows[i].says[0] == '\0') == (done.complaints[0] == '\0'));
        forget(&done);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_as_a_table),
        cmocka_unit_test(list_as_json),
        cmocka_unit_test(options_are_listed_and_added),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_file_without_forwards),
        cmocka_unit_test(add_and_remove),
        cmocka_unit_test(remove_mends),
        cmocka_unit_test(warnings_and_broken_bytes),
        cmocka_unit_test(print_in_place),
        cmocka_unit_test(print_to_output),
    };
    return cmocka_run_group_tests_name("cli_forward", tests, enter, leave);
}
