/* `tidegate import FILE`: an OpenWrt firewall configuration as rules. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "import/import.h"

/* Read a file; `-` is standard input.
 * => true with *text, whose `bytes` the caller frees; false: said why */
static bool read_text(const char *path, struct import_text *text, char **bytes)
{
    size_t len;
    bool standard = strcmp(path, "-") == 0;
    int error = cli_disk_source.read(NULL, standard ? "/dev/stdin" : path, bytes, &len);
    if (error != 0) {
        cli_complain("%s: %s", path, strerror(-error));
        return false;
    }
    *text = (struct import_text){standard ? "standard input" : path, *bytes, len};
    return true;
}

static int print(const struct import_result *result, bool strict)
{
    if (result->rules != NULL && (fputs(result->rules, stdout) == EOF || fflush(stdout) != 0)) {
        cli_complain("standard output: %s", strerror(errno));
        return CLI_SYSTEM;
    }
    if (!strict || result->lost == 0)
        return CLI_OK;
    cli_complain("--strict, and %zu %s be carried over", result->lost,
                 result->lost == 1 ? "thing could not" : "things could not");
    return CLI_NO;
}

static int import(const struct import_text *firewall, const struct import_text *network, bool strict)
{
    struct import_result result;
    int error = import_openwrt(firewall, network, &result), status;
    if (result.remarks != NULL)
        fputs(result.remarks, stderr);
    if (error == 0)
        status = print(&result, strict);
    else if (error == -EINVAL)
        status = CLI_BAD;
    else {
        cli_complain("%s", strerror(-error));
        status = CLI_SYSTEM;
    }
    import_clear(&result);
    return status;
}

static int import_files(const char *path, const char *network_path, bool strict)
{
    struct import_text firewall = {0}, network = {0};
    char *firewall_bytes = NULL, *network_bytes = NULL;
    int status = CLI_BAD;
    if (read_text(path, &firewall, &firewall_bytes) &&
        (network_path == NULL || read_text(network_path, &network, &network_bytes)))
        status = import(&firewall, network_path != NULL ? &network : NULL, strict);
    free(firewall_bytes);
    free(network_bytes);
    return status;
}

int cmd_import(int argc, char **argv)
{
    static const struct option options[] = {{"network", required_argument, NULL, 'n'},
                                            {"strict", no_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    const char *network = NULL;
    bool strict = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == ':')
            return cli_usage(argv[0], "%s wants a file behind it", argv[optind - 1]);
        if (option == '?')
            return cli_usage(argv[0], "there is no option %s", argv[optind - 1]);
        if (option == 'n')
            network = optarg;
        strict |= option == 's';
    }
    if (argc - optind != 1)
        return cli_usage(argv[0], argc == optind ? "no file is named" : "only one file can be imported");
    return import_files(argv[optind], network, strict);
}
