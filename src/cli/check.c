/* `tidegate check RULES`: look for mistakes in a rules file, judge its expectations, and tell what it comes to. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "analysis/shadow.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/source.h"
#include "meter/meter.h"
#include "policy/policy.h"
#include "tidegate/engine.h"
#include "watch/watch.h"

/* What was found. */
struct findings {
    const char *path;
    bool strict;
    struct tg_complaints *complaints;
    struct tg_policy *policy; /* NULL: it has errors */
    struct probe_expected expected;
    size_t errors, warnings; /* expectations that failed are among the errors */
    size_t kinds[TG_STATEMENT_KINDS];
    struct memory {
        size_t rules, connections, limits; /* bytes */
        uint32_t room;
    } memory;
};

static const char *const kind_names[TG_STATEMENT_KINDS] = {
    [TG_STATEMENT_ALLOW] = "allow",     [TG_STATEMENT_DROP] = "drop",     [TG_STATEMENT_REJECT] = "reject",
    [TG_STATEMENT_FORWARD] = "forward", [TG_STATEMENT_DETECT] = "detect", [TG_STATEMENT_TRANSLATE] = "translate",
    [TG_STATEMENT_MAP] = "map",
};

/* Count what the policy has in it, and what an engine for it would take. */
static void measure(struct findings *f)
{
    enum { DEFAULT_ROOM = 16384 };
    uint32_t room = tg_policy_connections(f->policy);
    const struct tg_engine_config config = {.connections = room, .workers = 1, .policy = f->policy};
    for (uint32_t i = 0; i < tg_policy_statement_count(f->policy); i++)
        f->kinds[tg_policy_statement(f->policy, i)->kind]++;
    f->memory.room = room == 0 ? DEFAULT_ROOM : room;
    f->memory.rules = tg_policy_size(f->policy);
    f->memory.connections = tg_engine_size(&config);
    const struct policy_needs needs = policy_needs(f->policy);
    if (needs.limits + needs.max + needs.detects + needs.knocks > 0)
        f->memory.limits = meter_size(f->policy, f->memory.room) + watch_size(f->policy);
    f->memory.connections -= f->memory.limits; /* told by itself */
}

/* In words. */

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

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

static void print_statements(const struct findings *f)
{
    const char *before = "  statements  ";
    for (size_t kind = 0; kind < TG_STATEMENT_KINDS; kind++) {
        if (f->kinds[kind] > 0) {
            printf("%s%zu %s", before, f->kinds[kind], kind_names[kind]);
            before = ", ";
        }
    }
    puts(tg_policy_statement_count(f->policy) == 0 ? "  statements  none" : "");
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

static void print_memory(const struct memory *memory)
{
    char rules[32], connections[32], limits[32];
    printf("  memory      %s for the rules, %s for the tables of %u connections", size_text(memory->rules, rules),
           size_text(memory->connections, connections), memory->room);
    if (memory->limits > 0)
        printf(", %s to keep limits and to watch", size_text(memory->limits, limits));
    puts("");
}

static void print_summary(const struct findings *f)
{
    size_t held = f->expected.held;
    if (f->warnings == 0)
        printf("%s can be loaded\n", f->path);
    else
        printf("%s can be loaded, with %zu warning%s\n", f->path, f->warnings, plural(f->warnings));
    print_zones(f->policy);
    print_statements(f);
    print_memory(&f->memory);
    if (held > 0)
        printf("  expected    %zu expectation%s, and %s\n", held, plural(held), held == 1 ? "it holds" : "all hold");
}

static void print_words(const struct findings *f, int status)
{
    cli_print_complaints(f->complaints, stderr);
    if (status == CLI_BAD)
        cli_complain("%s cannot be loaded: %zu error%s", f->path, f->errors, plural(f->errors));
    else if (f->expected.failed > 0)
        cli_complain("%s cannot be loaded: %zu expectation%s failed, %zu held", f->path, f->expected.failed,
                     plural(f->expected.failed), f->expected.held);
    else if (status == CLI_NO)
        cli_complain("%s has %zu warning%s, and --strict takes %s for errors", f->path, f->warnings,
                     plural(f->warnings), f->warnings == 1 ? "it" : "them");
    else
        print_summary(f);
}

/* As JSON: everything, errors too, is in the one object. */

static struct json_object *complaint_json(const struct tg_complaint *complaint)
{
    struct json_object *object = json_object_new_object();
    cli_json_add_text(object, "file", complaint->file);
    if (complaint->line > 0) { /* else it is about the file as a whole */
        cli_json_add_number(object, "line", complaint->line);
        cli_json_add_number(object, "column", complaint->column);
        cli_json_add_number(object, "width", complaint->width);
    }
    cli_json_add_text(object, "severity", complaint->severity == TG_ERROR ? "error" : "warning");
    cli_json_add_text(object, "message", complaint->message);
    if (complaint->line > 0)
        cli_json_add_text(object, "source", complaint->source);
    return object;
}

static struct json_object *complaints_json(const struct tg_complaints *complaints, enum tg_severity severity)
{
    struct json_object *array = json_object_new_array();
    const struct tg_complaint *complaint;
    for (size_t i = 0; (complaint = tg_complaints_get(complaints, i)) != NULL; i++)
        if (complaint->severity == severity)
            json_object_array_add(array, complaint_json(complaint));
    return array;
}

static struct json_object *zone_json(const struct tg_policy *policy, uint8_t number)
{
    const struct tg_zone *zone = tg_policy_zone(policy, number);
    struct json_object *object = json_object_new_object(), *interfaces = json_object_new_array(),
                       *addresses = json_object_new_array();
    char addr[TG_ADDR_TEXT], text[TG_ADDR_TEXT + 8];
    for (size_t i = 0; i < zone->interface_count; i++)
        json_object_array_add(interfaces, cli_json_text(zone->interfaces[i]));
    for (size_t i = 0; i < zone->address_count; i++) {
        const struct tg_prefix *own = &zone->addresses[i];
        snprintf(text, sizeof text, "%s/%u", tg_addr_format(own->family, own->addr, addr), own->len);
        json_object_array_add(addresses, cli_json_text(text));
    }
    cli_json_add_text(object, "name", zone->name);
    json_object_object_add(object, "interfaces", interfaces);
    json_object_object_add(object, "addresses", addresses);
    json_object_object_add(object, "masquerade", json_object_new_boolean(zone->masquerade));
    json_object_object_add(object, "default_route", json_object_new_boolean(number == tg_policy_default_zone(policy)));
    return object;
}

static void add_policy(struct json_object *object, const struct findings *f)
{
    struct json_object *zones = json_object_new_array(), *statements = json_object_new_object(),
                       *memory = json_object_new_object(), *expectations = json_object_new_object();
    for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(f->policy); i++)
        json_object_array_add(zones, zone_json(f->policy, i));
    for (size_t kind = 0; kind < TG_STATEMENT_KINDS; kind++)
        cli_json_add_number(statements, kind_names[kind], f->kinds[kind]);
    cli_json_add_number(memory, "rules", f->memory.rules);
    cli_json_add_number(memory, "connections", f->memory.connections);
    cli_json_add_number(memory, "limits", f->memory.limits);
    cli_json_add_number(memory, "room", f->memory.room);
    cli_json_add_number(expectations, "held", f->expected.held);
    cli_json_add_number(expectations, "failed", f->expected.failed);
    json_object_object_add(object, "zones", zones);
    json_object_object_add(object, "statements", statements);
    json_object_object_add(object, "memory", memory);
    json_object_object_add(object, "expectations", expectations);
}

static void print_json(const struct findings *f)
{
    struct json_object *object = json_object_new_object();
    cli_json_add_text(object, "file", f->path);
    json_object_object_add(object, "loadable", json_object_new_boolean(f->errors == 0));
    json_object_object_add(object, "errors", complaints_json(f->complaints, TG_ERROR));
    json_object_object_add(object, "warnings", complaints_json(f->complaints, TG_WARNING));
    if (f->policy != NULL)
        add_policy(object, f);
    cli_json_print(object);
}

/* => the exit status */
static int find(struct findings *f)
{
    int status = cli_read_rules(&cli_disk_source, f->path, f->complaints, &f->policy, &f->expected);
    if (status == CLI_SYSTEM)
        return status;
    int unseen = f->policy != NULL ? shadow_advise(f->policy, f->complaints) : 0;
    if (unseen != 0)
        cli_complain("%s: which statements can never fit was not looked for: %s", f->path,
                     unseen == -E2BIG ? "it would take too much memory" : strerror(-unseen));
    f->errors = tg_complaints_count(f->complaints, TG_ERROR);
    f->warnings = tg_complaints_count(f->complaints, TG_WARNING);
    if (f->policy != NULL)
        measure(f);
    return status == CLI_OK && f->strict && f->warnings > 0 ? CLI_NO : status;
}

int cmd_check(int argc, char **argv)
{
    static const struct option options[] = {{"strict", no_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    struct findings findings = {0};
    bool json = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return cli_usage(argv[0], "there is no option %s", argv[optind - 1]);
        findings.strict |= option == 's';
        json |= option == 'j';
    }
    if (argc - optind != 1)
        return cli_usage(argv[0], argc == optind ? "no rules file is named" : "only one rules file can be checked");
    findings.path = argv[optind];
    findings.complaints = tg_complaints_new();
    if (findings.complaints == NULL) {
        cli_complain("%s", strerror(ENOMEM));
        return CLI_SYSTEM;
    }
    int status = find(&findings);
    if (status != CLI_SYSTEM && json)
        print_json(&findings);
    else if (status != CLI_SYSTEM)
        print_words(&findings, status);
    tg_policy_free(findings.policy);
    tg_complaints_free(findings.complaints);
    return status;
}
