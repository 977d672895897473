/* `tidegate print RULES`: a rules file in its canonical form. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/replace.h"
#include "cli/source.h"
#include "rules/edit.h"
#include "rules/print.h"

struct bytes {
    char *text;
    size_t len;
};

/* Whether a file can be loaded, with what it includes. Its errors are told; for its warnings there is `check`.
 * => true if it can */
static bool is_good(const char *path, const struct bytes *file)
{
    struct edit_overlay overlay = {&cli_disk_source, path, file->text, file->len};
    const struct tg_source source = edit_overlay_source(&overlay);
    struct tg_complaints *complaints = tg_complaints_new();
    errno = ENOMEM;
    struct tg_policy *policy = complaints == NULL ? NULL : tg_rules_load(&source, path, complaints);
    int error = errno;
    bool good = policy != NULL;
    tg_policy_free(policy);
    if (!good && complaints != NULL && tg_complaints_count(complaints, TG_ERROR) > 0)
        cli_print_complaints(complaints, stderr);
    else if (!good)
        cli_complain("%s: %s", path, strerror(error));
    tg_complaints_free(complaints);
    return good;
}

/* Read a file, and print it to memory.
 * => 0, or the exit status: said why */
static int print_to(struct print *out, const char *path, struct bytes *file)
{
    int error = cli_disk_source.read(cli_disk_source.context, path, &file->text, &file->len);
    if (error != 0) {
        file->text = NULL;
        cli_complain("%s cannot be read: %s", path, strerror(-error));
        return CLI_BAD;
    }
    if (!is_good(path, file))
        return CLI_BAD;
    error = print_rules(out, path, file->text, file->len);
    if (error != 0) {
        cli_complain("%s: %s", path, strerror(-error));
        return CLI_SYSTEM;
    }
    return CLI_OK;
}

static int to_output(const char *path)
{
    struct print out = {0};
    struct bytes file = {0};
    int status = print_to(&out, path, &file);
    if (status == CLI_OK && out.len > 0)
        fwrite(out.bytes, 1, out.len, stdout);
    if (status == CLI_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        cli_complain("the rules cannot be written: %s", strerror(errno));
        status = CLI_SYSTEM;
    }
    free(file.text);
    print_free(&out);
    return status;
}

static int in_place(const char *path)
{
    struct replace replace;
    struct print out = {0};
    struct bytes file = {0};
    int error = replace_open(&replace, path);
    if (error != 0) {
        cli_complain("%s cannot be changed: %s", path, replace_error(error));
        return error == -ENOENT ? CLI_BAD : CLI_SYSTEM;
    }
    int status = print_to(&out, path, &file);
    bool same = status == CLI_OK && out.len == file.len && (out.len == 0 || memcmp(out.bytes, file.text, out.len) == 0);
    if (status == CLI_OK && !same) {
        error = replace_write(&replace, out.len > 0 ? out.bytes : "", out.len);
        if (error != 0) {
            cli_complain("%s was left as it is: %s", path, replace_error(error));
            status = CLI_SYSTEM;
        }
    }
    free(file.text);
    print_free(&out);
    replace_close(&replace);
    return status;
}

int cmd_print(int argc, char **argv)
{
    static const struct option options[] = {{"in-place", no_argument, NULL, 'i'}, {NULL, 0, NULL, 0}};
    bool replace = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "i", options, NULL)) != -1) {
        if (option != 'i')
            return cli_usage(argv[0], "there is no option %s", argv[optind - 1]);
        replace = true;
    }
    if (argc - optind != 1)
        return cli_usage(argv[0], argc == optind ? "no rules file is named" : "only one rules file can be printed");
    return replace ? in_place(argv[optind]) : to_output(argv[optind]);
}
