/* `tidegate explain RULES 'PACKET'`: what becomes of one packet, step by step, as the engine itself goes.
 *
 * In the text, what has nothing in common with the packet (a forward for another address, a rule about other zones) is
 * counted and not shown; JSON has it all.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/explanation.h"
#include "cli/json.h"
#include "cli/source.h"
#include "report/report.h"

/* As text. */

static void verdict_words(const struct explanation *e, char words[static REPORT_ROOM])
{
    const struct report_packet report = {.number = 1,
                                         .policy = e->policy,
                                         .packet = &e->outcome.packet,
                                         .verdict = &e->outcome.verdict};
    report_words(words, REPORT_ROOM, &report);
}

static void print_line(const char *name, const char *words)
{
    printf("  %-11s %s\n", name, words);
}

/* "3 others are for other addresses or zones": besides those that were `shown` */
static void print_foreign(enum tg_step step, size_t count, size_t shown)
{
    const char *others = shown == 0 ? "" : count == 1 ? " other" : " others";
    char words[80];
    if (count == 0)
        return;
    snprintf(words, sizeof words, "%zu%s %s %s", count, others, count == 1 ? "is" : "are",
             step == TG_STEP_FORWARD ? "for other addresses or zones" : "about other zones or families");
    print_line(explanation_step_name(step), words);
}

/* The forwards, or the rules, that were compared: steps from `i` on. => the step behind them */
static size_t print_compared(const struct explanation *e, size_t i)
{
    enum tg_step step = e->steps[i].step;
    size_t foreign = 0, shown = 0;
    char words[2 * EXPLANATION_WORDS];
    for (; i < e->count && e->steps[i].step == step; i++) {
        if (explanation_is_foreign(&e->steps[i])) {
            foreign++;
            continue;
        }
        if (e->steps[i].fits) { /* the last of them */
            print_foreign(step, foreign, shown);
            foreign = 0;
        }
        shown++;
        explanation_describe(e, &e->steps[i], words);
        print_line(explanation_step_name(step), words);
    }
    print_foreign(step, foreign, shown);
    return i;
}

static void print_assumed(const struct explanation *e)
{
    struct explanation_assumption assumed[EXPLANATION_ASSUMPTIONS];
    size_t count = explanation_assumed(e, assumed);
    for (size_t i = 0; i < count; i++)
        print_line("assumed", assumed[i].words);
}

static void print_steps(const struct explanation *e)
{
    char words[2 * EXPLANATION_WORDS];
    print_assumed(e);
    for (size_t i = 0; i < e->count;) {
        if (e->steps[i].step == TG_STEP_FORWARD || e->steps[i].step == TG_STEP_RULE) {
            i = print_compared(e, i);
            continue;
        }
        explanation_describe(e, &e->steps[i], words);
        print_line(explanation_step_name(e->steps[i].step), words);
        i++;
    }
}

/* How the packet leaves, and how the answer to it comes and goes. */
static void print_way(const struct explanation *e)
{
    const struct tg_verdict *v = &e->outcome.verdict;
    struct tg_tuple answer = tg_tuple_flip(explanation_leaves_as(e)), back = tg_tuple_flip(explanation_came_as(e));
    char one[EXPLANATION_TUPLE], other[EXPLANATION_TUPLE];
    if (v->action != TG_ACCEPT) {
        print_line("answer", explanation_refusal(e));
        return;
    }
    const char *in = explanation_zone(e->policy, v->zone_in), *out = explanation_zone(e->policy, v->zone_out);
    bool to_router = v->zone_out == TG_ZONE_ROUTER;
    printf("  %s  %s  %s %s\n", to_router ? "comes as  " : "leaves as ",
           explanation_tuple(explanation_leaves_as(e), one), to_router ? "to the" : "by", out);
    if (!explanation_has_answer(e))
        return;
    printf("  answer      %s  %s %s", explanation_tuple(&answer, one), to_router ? "from the" : "by", out);
    if (v->translation != TG_TRANSLATE_NONE)
        printf("  becomes  %s", explanation_tuple(&back, other));
    if (v->translation != TG_TRANSLATE_NONE || to_router)
        printf("  by %s", in);
    printf("\n");
}

static void print_text(const struct explanation *e, const char *packet)
{
    char words[REPORT_ROOM];
    verdict_words(e, words);
    printf("%s\n", packet);
    print_steps(e);
    printf("\n%s\n", words);
    print_way(e);
}

/* As JSON. */

static struct json_object *step_json(const struct explanation *e, const struct explanation_step *step)
{
    const struct tg_statement *statement = tg_policy_statement(e->policy, step->statement);
    struct json_object *object = json_object_new_object();
    char words[2 * EXPLANATION_WORDS];
    explanation_describe(e, step, words);
    cli_json_add_text(object, "step", explanation_step_name(step->step));
    json_object_object_add(object, "fits", json_object_new_boolean(step->fits));
    cli_json_add_text(object, "text", words);
    if (statement != NULL) {
        cli_json_add_text(object, "file", statement->file);
        cli_json_add_number(object, "line", statement->line);
    }
    if (step->why != NULL)
        cli_json_add_text(object, "why", explanation_why_not(e, step->why));
    if (step->step == TG_STEP_FORWARD && step->fits)
        json_object_object_add(object, "hairpin", json_object_new_boolean(explanation_is_hairpin(e, step)));
    return object;
}

static struct json_object *tuple_json(const struct explanation *e, const struct tg_tuple *t, uint8_t zone)
{
    struct json_object *object = json_object_new_object();
    char addr[TG_ADDR_TEXT];
    cli_json_add_text(object, "zone", explanation_zone(e->policy, zone));
    cli_json_add_text(object, "src", tg_addr_format(t->family, t->src, addr));
    if (tg_proto_has_ports(t->proto))
        cli_json_add_number(object, "sport", t->sport);
    cli_json_add_text(object, "dst", tg_addr_format(t->family, t->dst, addr));
    if (tg_proto_has_ports(t->proto))
        cli_json_add_number(object, "dport", t->dport);
    return object;
}

static struct json_object *answer_json(const struct explanation *e)
{
    const struct tg_verdict *v = &e->outcome.verdict;
    struct tg_tuple answer = tg_tuple_flip(explanation_leaves_as(e)), back = tg_tuple_flip(explanation_came_as(e));
    struct json_object *object = json_object_new_object();
    if (explanation_has_answer(e)) {
        json_object_object_add(object, "comes", tuple_json(e, &answer, v->zone_out));
        json_object_object_add(object, "leaves", tuple_json(e, &back, v->zone_in));
    } else if (v->action != TG_ACCEPT) {
        cli_json_add_text(object, "text", explanation_refusal(e));
    }
    return object;
}

/* The packet's own report, with what led to it. */
static void print_json(const struct explanation *e)
{
    char line[REPORT_ROOM];
    const struct report_packet report = {.number = 1,
                                         .policy = e->policy,
                                         .packet = &e->outcome.packet,
                                         .verdict = &e->outcome.verdict};
    struct json_object *object, *steps = json_object_new_array(), *assumed = json_object_new_array();
    struct explanation_assumption assumptions[EXPLANATION_ASSUMPTIONS];
    size_t count = explanation_assumed(e, assumptions);
    object = report_json(line, sizeof line, &report) > 0 ? json_tokener_parse(line) : json_object_new_object();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(assumed, cli_json_text(assumptions[i].words));
    for (size_t i = 0; i < e->count; i++)
        json_object_array_add(steps, step_json(e, &e->steps[i]));
    json_object_object_add(object, "assumed", assumed);
    json_object_object_add(object, "steps", steps);
    json_object_object_add(object, "answer", answer_json(e));
    cli_json_print(object);
}

static int explain(const struct tg_policy *policy, const char *text, bool json)
{
    struct explanation e = {.policy = policy};
    struct tg_complaints *complaints = tg_complaints_new();
    int error = complaints == NULL ? -ENOMEM : tg_probe_parse(policy, text, &e.probe, complaints);
    if (complaints != NULL)
        cli_print_complaints(complaints, stderr);
    bool is_said = complaints != NULL && tg_complaints_count(complaints, TG_ERROR) > 0;
    tg_complaints_free(complaints);
    if (error == 0)
        error = probe_judge(policy, &e.probe, explanation_keep, &e, &e.outcome);
    if (error == 0)
        explanation_complete(&e);
    if (error == 0 && e.failed)
        error = -ENOMEM;
    if (error == 0 && json)
        print_json(&e);
    else if (error == 0)
        print_text(&e, text);
    else if (error == -EINVAL && !is_said)
        cli_complain("the packet mixes IPv4 and IPv6");
    else if (error != -EINVAL)
        cli_complain("%s", strerror(-error));
    free(e.steps);
    return error == 0 ? CLI_OK : error == -EINVAL ? CLI_BAD : CLI_SYSTEM;
}

/* Read the rules. A file that does other than it expects is explained too: this is how to find out why.
 * => CLI_OK with *policy, or the exit status: said why */
static int load(const char *path, struct tg_policy **policy)
{
    struct probe_expected expected;
    struct tg_complaints *complaints = tg_complaints_new();
    *policy = NULL;
    if (complaints == NULL) {
        cli_complain("%s", strerror(ENOMEM));
        return CLI_SYSTEM;
    }
    int status = cli_read_rules(&cli_disk_source, path, complaints, policy, &expected);
    if (status == CLI_BAD)
        cli_print_complaints(complaints, stderr);
    tg_complaints_free(complaints);
    if (status != CLI_NO)
        return status;
    cli_complain("%s would not be loaded: %zu expectation%s (`tidegate check` tells which)", path, expected.failed,
                 expected.failed == 1 ? " fails" : "s fail");
    return CLI_OK;
}

int cmd_explain(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    bool json = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j')
            return cli_usage(argv[0], "there is no option %s", argv[optind - 1]);
        json = true;
    }
    if (argc - optind != 2)
        return cli_usage(argv[0], "give a rules file and a packet");
    struct tg_policy *policy;
    int status = load(argv[optind], &policy);
    if (status != CLI_OK)
        return status;
    status = explain(policy, argv[optind + 1], json);
    tg_policy_free(policy);
    return status;
}
