/* `tidegate check RULES`: look for mistakes in a rules file, judge its expectations, and tell what it comes to. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "tidegate/engine.h"

static void print_zones(const struct tg_policy *policy)
{
    const char *before = "  zones       ";
    for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(policy); i++) {
        const struct tg_zone *zone = tg_policy_zone(policy, i);
        printf("%s%s (", before, zone->name);
        for (size_t j = 0; j < zone->interface_count; j++)
            printf("%s%s", j == 0 ? "" : ", ", zone->interfaces[j]);
        printf(")");
        before = ", ";
    }
    puts(tg_policy_zone_count(policy) == TG_ZONE_FIRST ? "  zones       none" : "");
}

static void print_statements(const struct tg_policy *policy)
{
    static const char *const names[] = {
        [TG_STATEMENT_ALLOW] = "allow",
        [TG_STATEMENT_DROP] = "drop",
        [TG_STATEMENT_REJECT] = "reject",
        [TG_STATEMENT_FORWARD] = "forward",
    };
    enum { KINDS = sizeof names / sizeof *names };
    size_t counts[KINDS] = {0}, count = tg_policy_statement_count(policy);
    for (uint32_t i = 0; i < count; i++)
        counts[tg_policy_statement(policy, i)->kind]++;
    printf("  statements  ");
    const char *before = "";
    for (size_t kind = 0; kind < KINDS; kind++) {
        if (counts[kind] > 0) {
            printf("%s%zu %s", before, counts[kind], names[kind]);
            before = ", ";
        }
    }
    puts(count == 0 ? "none" : "");
}

/* Bytes in the unit that people read. */
static const char *size_text(size_t bytes, char buf[static 32])
{
    if (bytes < 10240)
        snprintf(buf, 32, "%zu bytes", bytes);
    else if (bytes < 10 * 1048576)
        snprintf(buf, 32, "%zu KiB", bytes / 1024);
    else
        snprintf(buf, 32, "%zu MiB", bytes / 1048576);
    return buf;
}

static void print_memory(const struct tg_policy *policy)
{
    const struct tg_engine_config config = {.workers = 1};
    char rules[32], connections[32];
    printf("  memory      %s for the rules, %s for the tables of connections\n",
           size_text(tg_policy_size(policy), rules), size_text(tg_engine_size(&config), connections));
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void print_summary(const char *path, const struct tg_policy *policy, size_t warnings, size_t held)
{
    if (warnings == 0)
        printf("%s can be loaded\n", path);
    else
        printf("%s can be loaded, with %zu warning%s\n", path, warnings, plural(warnings));
    print_zones(policy);
    print_statements(policy);
    print_memory(policy);
    if (held > 0)
        printf("  expected    %zu expectation%s, and %s\n", held, plural(held), held == 1 ? "it holds" : "all hold");
}

/* => the exit status */
static int check(const char *path, bool strict, struct tg_complaints *complaints)
{
    struct tg_policy *policy;
    struct probe_expected expected;
    int status = cli_read_rules(&cli_disk_source, path, complaints, &policy, &expected);
    size_t errors = tg_complaints_count(complaints, TG_ERROR), warnings = tg_complaints_count(complaints, TG_WARNING);
    cli_print_complaints(complaints, stderr);
    if (status == CLI_BAD)
        cli_complain("%s cannot be loaded: %zu error%s", path, errors, plural(errors));
    if (status == CLI_NO)
        cli_complain("%s cannot be loaded: %zu expectation%s failed, %zu held", path, expected.failed,
                     plural(expected.failed), expected.held);
    if (status != CLI_OK)
        return status;
    if (strict && warnings > 0) {
        cli_complain("%s has %zu warning%s, and --strict takes %s for errors", path, warnings, plural(warnings),
                     warnings == 1 ? "it" : "them");
        status = CLI_NO;
    } else {
        print_summary(path, policy, warnings, expected.held);
    }
    tg_policy_free(policy);
    return status;
}

int cmd_check(int argc, char **argv)
{
    static const struct option options[] = {{"strict", no_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    bool strict = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 's')
            return cli_usage(argv[0], "there is no option %s", argv[optind - 1]);
        strict = true;
    }
    if (argc - optind != 1)
        return cli_usage(argv[0], argc == optind ? "no rules file is named" : "only one rules file can be checked");
    struct tg_complaints *complaints = tg_complaints_new();
    if (complaints == NULL) {
        cli_complain("%s", strerror(ENOMEM));
        return CLI_SYSTEM;
    }
    int status = check(argv[optind], strict, complaints);
    tg_complaints_free(complaints);
    return status;
}
