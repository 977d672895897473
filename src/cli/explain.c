/* `tidegate explain RULES 'PACKET'`: what becomes of one packet, step by step, as the engine itself goes. */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "probe/probe.h"
#include "report/report.h"

struct telling {
    const struct tg_policy *policy;
    const struct probe_outcome *outcome;
    struct json_object *steps; /* NULL: text */
};

#define WHERE_ROOM 512

/* "home.rules:4  forward tcp port 8080 …" */
static const char *where(const struct tg_policy *policy, uint32_t number, char buf[static WHERE_ROOM])
{
    const struct tg_statement *statement = tg_policy_statement(policy, number);
    if (statement == NULL)
        buf[0] = '\0';
    else
        snprintf(buf, WHERE_ROOM, "%s:%u  %s", statement->file, statement->line, statement->text);
    return buf;
}

static const char *zone_name(const struct tg_policy *policy, uint8_t zone)
{
    const struct tg_zone *z = tg_policy_zone(policy, zone);
    return z == NULL ? "no zone" : z->name;
}

static const char *step_name(enum tg_step step)
{
    static const char *const names[] = {
        [TG_STEP_ZONE] = "zone",       [TG_STEP_SPOOF] = "source",   [TG_STEP_CONNECTION] = "connection",
        [TG_STEP_FORWARD] = "forward", [TG_STEP_ROUTE] = "route",    [TG_STEP_RULE] = "rule",
        [TG_STEP_DEFAULT] = "default", [TG_STEP_SOURCE] = "address",
    };
    return names[step];
}

/* What a step found, in words. */
static void describe(const struct telling *t, const struct tg_step_info *info, char *out, size_t room)
{
    const struct tg_verdict *v = info->verdict;
    char buf[WHERE_ROOM];
    switch (info->step) {
    case TG_STEP_ZONE: snprintf(out, room, "comes in by %s", zone_name(t->policy, v->zone_in)); break;
    case TG_STEP_SPOOF:
        snprintf(out, room, "%s", info->fits ? "may come from there" : "cannot come from there: spoofed");
        break;
    case TG_STEP_CONNECTION: snprintf(out, room, "%s", info->fits ? "known" : "none: it would begin one"); break;
    case TG_STEP_ROUTE: snprintf(out, room, "leaves by %s", zone_name(t->policy, v->zone_out)); break;
    case TG_STEP_FORWARD:
    case TG_STEP_RULE:
        snprintf(out, room, "%s  %s%s", where(t->policy, info->statement, buf),
                 info->fits ? "=> fits" : "-- no: ", info->fits ? "" : info->why);
        break;
    case TG_STEP_DEFAULT: snprintf(out, room, "no statement fits"); break;
    case TG_STEP_SOURCE: snprintf(out, room, "%s", info->fits ? "source translated" : "source kept"); break;
    }
}

static void print_assumed(const struct tg_policy *policy, const struct probe_outcome *outcome)
{
    const struct tg_tuple *t = &outcome->packet.outer.tuple;
    char addr[TG_ADDR_TEXT];
    if (outcome->assumed & PROBE_ASSUMED_PROTO)
        printf("  assumed     tcp, as no protocol is said\n");
    if (outcome->assumed & PROBE_ASSUMED_SRC)
        printf("  assumed     source %s\n", tg_addr_format(t->family, t->src, addr));
    if (outcome->assumed & PROBE_ASSUMED_SPORT)
        printf("  assumed     source port %u\n", t->sport);
    if (outcome->assumed & PROBE_ASSUMED_DST)
        printf("  assumed     destination %s\n", tg_addr_format(t->family, t->dst, addr));
    if (outcome->assumed & PROBE_ASSUMED_DPORT)
        printf("  assumed     destination port %u\n", t->dport);
    if (outcome->assumed & PROBE_ASSUMED_OWN)
        printf("  assumed     %s is the router's own address: the file gives zone %s none\n",
               tg_addr_format(t->family, t->dst, addr), zone_name(policy, outcome->verdict.zone_in));
}

static void tell(void *context, const struct tg_step_info *info)
{
    const struct telling *t = context;
    char text[2 * WHERE_ROOM];
    describe(t, info, text, sizeof text);
    if (t->steps == NULL) {
        if (info->step == TG_STEP_ZONE)
            print_assumed(t->policy, t->outcome);
        printf("  %-11s %s\n", step_name(info->step), text);
        return;
    }
    const struct tg_statement *statement = tg_policy_statement(t->policy, info->statement);
    struct json_object *step = json_object_new_object();
    json_object_object_add(step, "step", json_object_new_string(step_name(info->step)));
    json_object_object_add(step, "fits", json_object_new_boolean(info->fits));
    json_object_object_add(step, "text", json_object_new_string(text));
    if (statement != NULL) {
        json_object_object_add(step, "file", json_object_new_string(statement->file));
        json_object_object_add(step, "line", json_object_new_int64(statement->line));
    }
    if (info->why != NULL)
        json_object_object_add(step, "why", json_object_new_string(info->why));
    json_object_array_add(t->steps, step);
}

static void print_tuple(const struct tg_tuple *t)
{
    char src[TG_ADDR_TEXT], dst[TG_ADDR_TEXT];
    tg_addr_format(t->family, t->src, src);
    tg_addr_format(t->family, t->dst, dst);
    if (!tg_proto_has_ports(t->proto))
        printf("%s > %s", src, dst);
    else if (t->family == TG_IPV4)
        printf("%s:%u > %s:%u", src, t->sport, dst, t->dport);
    else
        printf("[%s]:%u > [%s]:%u", src, t->sport, dst, t->dport);
}

/* How the packet leaves, and how the answer to it comes and goes. */
static void print_way(const struct tg_policy *policy, const struct probe_outcome *outcome)
{
    const struct tg_verdict *v = &outcome->verdict;
    const struct tg_tuple *came = &outcome->packet.outer.tuple;
    const struct tg_tuple *left = v->translation == TG_TRANSLATE_NONE ? came : &v->to;
    struct tg_tuple answer = tg_tuple_flip(left), back = tg_tuple_flip(came);
    printf("  leaves as   ");
    print_tuple(left);
    printf("  by %s\n  answer      ", zone_name(policy, v->zone_out));
    print_tuple(&answer);
    if (v->translation != TG_TRANSLATE_NONE) {
        printf("  becomes  ");
        print_tuple(&back);
    }
    printf("\n");
}

static void print_json(const struct telling *t, const struct probe_outcome *outcome)
{
    char line[REPORT_ROOM];
    const struct report_packet report = {1, 0, t->policy, &outcome->packet, &outcome->verdict};
    report_json(line, sizeof line, &report);
    struct json_object *object = json_tokener_parse(line);
    json_object_object_add(object, "steps", t->steps);
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(object);
}

static int explain(const struct tg_policy *policy, const char *text, bool json)
{
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_probe probe;
    struct probe_outcome outcome;
    struct telling telling = {policy, &outcome, json ? json_object_new_array() : NULL};
    int error = complaints == NULL ? -ENOMEM : tg_probe_parse(policy, text, &probe, complaints);
    if (complaints != NULL)
        cli_print_complaints(complaints, stderr);
    tg_complaints_free(complaints);
    if (error == 0) {
        if (!json)
            printf("%s\n", text);
        error = probe_judge(policy, &probe, tell, &telling, &outcome);
        if (error == -EINVAL)
            cli_complain("the packet mixes IPv4 and IPv6");
    }
    if (error != 0) {
        json_object_put(telling.steps);
        return CLI_BAD;
    }
    if (json) {
        print_json(&telling, &outcome);
        return CLI_OK;
    }
    char words[REPORT_ROOM];
    const struct report_packet report = {1, 0, policy, &outcome.packet, &outcome.verdict};
    report_words(words, sizeof words, &report);
    printf("\n%s\n", words);
    if (outcome.verdict.action == TG_ACCEPT)
        print_way(policy, &outcome);
    return CLI_OK;
}

int cmd_explain(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    bool json = false;
    int option;
    optind = 0;
    while ((option = getopt_long(argc, argv, "j", options, NULL)) != -1) {
        if (option != 'j')
            return CLI_BAD;
        json = true;
    }
    if (argc - optind != 2)
        return cli_usage("explain", "give a rules file and a packet");
    struct tg_policy *policy;
    int status = cli_load_rules(argv[optind], &policy);
    if (status != CLI_OK)
        return status;
    status = explain(policy, argv[optind + 1], json);
    tg_policy_free(policy);
    return status;
}
