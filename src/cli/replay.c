/* `tidegate replay RULES CAPTURE…`: what the engine makes of captures. */
#include "cli/cli.h"

#ifndef WITH_PCAP

int cmd_replay(int argc, char **argv)
{
    (void)argc, (void)argv;
    cli_complain("this build reads no captures; `make WITH_PCAP=yes` builds one that does");
    return CLI_BAD;
}

#else

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/source.h"
#include "replay/expect.h"
#include "replay/replay.h"
#include "report/summary.h"
#include "rules/near.h"

enum {
    PROGRESS_EVERY = 4096,         /* packets between looks at the clock */
    PROGRESS_STEP = 200 * 1000000, /* nanoseconds between two lines of progress */
};

/* `ZONE=VALUE` of the command line. */
struct zoned {
    const char *zone; /* NULL where none is given */
    const char *value;
};

struct job {
    /* the command line */
    const char *rules, *write, *expect;
    struct zoned *inputs, *addresses; /* room for as many as there are arguments */
    size_t input_count, address_count;
    bool json, quiet;
    /* the run */
    struct tg_policy *policy;
    struct tg_network *network;
    struct replay replay;
    struct expect *expectations;
    bool unwritten; /* a packet's report could not be made */
    bool is_progress_wanted, is_progress_shown;
    uint64_t next_progress;
};

/* The command line */

static bool split(char *argument, struct zoned *zoned)
{
    char *equals = strchr(argument, '=');
    if (!equals)
        return false;
    *equals = 0;
    *zoned = (struct zoned){argument, equals + 1};
    return true;
}

/* An argument that is no option: the rules file, then captures. */
static void take_plain(struct job *job, const char *argument)
{
    if (job->rules)
        job->inputs[job->input_count++] = (struct zoned){NULL, argument};
    else
        job->rules = argument;
}

/* => CLI_OK, or CLI_BAD: then it was complained of */
static int take_option(struct job *job, int option, char **argv)
{
    switch (option) {
    case 'i':
        if (!split(optarg, &job->inputs[job->input_count++]))
            return cli_usage(argv[0], "--in wants ZONE=FILE, not '%s'", optarg);
        break;
    case 'a':
        if (!split(optarg, &job->addresses[job->address_count++]))
            return cli_usage(argv[0], "--address wants ZONE=ADDRESS/LENGTH, not '%s'", optarg);
        break;
    case 'j': job->json = true; break;
    case 'q': job->quiet = true; break;
    case 'w': job->write = optarg; break;
    case 'e': job->expect = optarg; break;
    case 1: take_plain(job, optarg); break;
    case ':': return cli_usage(argv[0], "%s wants a value", argv[optind - 1]);
    default: return cli_usage(argv[0], "there is no option %s", argv[optind - 1]);
    }
    return CLI_OK;
}

static int read_arguments(struct job *job, int argc, char **argv)
{
    static const struct option options[] = {
        {"in", required_argument, NULL, 'i'},
        {"json", no_argument, NULL, 'j'},
        {"write", required_argument, NULL, 'w'},
        {"expect", required_argument, NULL, 'e'},
        {"address", required_argument, NULL, 'a'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    int option, status;
    opterr = 0;
    /* `-`: what is no option comes as option 1, so that captures keep their order among the --in */
    while ((option = getopt_long(argc, argv, "-:q", options, NULL)) != -1)
        if ((status = take_option(job, option, argv)) != CLI_OK)
            return status;
    for (; optind < argc; optind++) /* behind `--` */
        take_plain(job, argv[optind]);
    if (!job->rules)
        return cli_usage(argv[0], "no rules file is named");
    if (job->input_count == 0)
        return cli_usage(argv[0], "no capture is named");
    if (job->write && strcmp(job->write, "-") == 0)
        return cli_usage(argv[0], "--write wants a file: standard output has the report");
    return CLI_OK;
}

/* => the number of a zone; or TG_ZONE_NONE, and a complaint */
static uint8_t zone_named(const struct job *job, const char *name)
{
    char hint[NEAR_HINT];
    uint8_t zone = tg_policy_zone_named(job->policy, name);
    if (zone != TG_ZONE_NONE)
        return zone;
    struct near near = near_to(name, strlen(name));
    for (uint8_t i = TG_ZONE_ROUTER; i < tg_policy_zone_count(job->policy); i++)
        near_try(&near, tg_policy_zone(job->policy, i)->name);
    cli_complain("%s has no zone '%s'%s", job->rules, name, near_hint(&near, hint));
    return TG_ZONE_NONE;
}

/* Opening */

static int open_network(struct job *job)
{
    struct tg_zone_address *extra = calloc(job->address_count + 1, sizeof *extra);
    int status = extra ? CLI_OK : CLI_SYSTEM;
    for (size_t i = 0; i < job->address_count && status == CLI_OK; i++) {
        extra[i].zone = zone_named(job, job->addresses[i].zone);
        if (extra[i].zone == TG_ZONE_NONE) {
            status = CLI_BAD;
        } else if (tg_prefix_parse(job->addresses[i].value, &extra[i].prefix) != 0) {
            cli_complain("'%s' is no ADDRESS/LENGTH", job->addresses[i].value);
            status = CLI_BAD;
        }
    }
    if (status == CLI_OK && !(job->network = tg_policy_network(job->policy, extra, job->address_count)))
        status = CLI_SYSTEM;
    if (status == CLI_SYSTEM)
        cli_complain("%s", strerror(ENOMEM));
    free(extra);
    return status;
}

static int open_inputs(struct job *job)
{
    char error[CAPTURE_ERROR];
    bool has_stdin = false;
    job->replay.inputs = calloc(job->input_count, sizeof *job->replay.inputs);
    if (!job->replay.inputs) {
        cli_complain("%s", strerror(ENOMEM));
        return CLI_SYSTEM;
    }
    for (size_t i = 0; i < job->input_count; i++) {
        const struct zoned *given = &job->inputs[i];
        struct replay_input *input = &job->replay.inputs[i];
        bool is_stdin = strcmp(given->value, "-") == 0;
        if (given->zone && (input->zone = zone_named(job, given->zone)) == TG_ZONE_NONE)
            return CLI_BAD;
        if (is_stdin && has_stdin) {
            cli_complain("standard input cannot be two captures");
            return CLI_BAD;
        }
        has_stdin |= is_stdin;
        input->capture = capture_open(given->value, error);
        if (!input->capture) {
            cli_complain("%s: %s", is_stdin ? "standard input" : given->value, error);
            return CLI_BAD;
        }
        job->replay.input_count++;
    }
    return CLI_OK;
}

static int open_engine(struct job *job)
{
    /* the same ports are chosen in every run */
    const struct tg_engine_config config = {.connections = tg_policy_connections(job->policy),
                                            .workers = 1,
                                            .secret = {1, 2, 3, 4}};
    job->replay.engine = tg_engine_new(&config);
    if (job->replay.engine && tg_engine_load(job->replay.engine, job->policy, job->network) == 0)
        return CLI_OK;
    cli_complain("%s", strerror(ENOMEM));
    return CLI_SYSTEM;
}

/* Emptying the output must not empty an input. */
static bool is_input(const struct job *job, const char *path)
{
    struct stat out, in;
    if (stat(path, &out) != 0)
        return false;
    for (size_t i = 0; i < job->input_count; i++)
        if (stat(job->inputs[i].value, &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return true;
    return false;
}

static int open_outputs(struct job *job)
{
    if (job->expect && !(job->expectations = expect_open(job->expect, stderr))) {
        cli_complain("%s: %s", job->expect, strerror(errno));
        return CLI_BAD;
    }
    if (!job->write)
        return CLI_OK;
    if (is_input(job, job->write)) {
        cli_complain("%s: is a capture that is to be read; write to another file", job->write);
        return CLI_BAD;
    }
    job->replay.writer = writer_open(job->write, job->policy);
    if (job->replay.writer)
        return CLI_OK;
    cli_complain("%s: %s", job->write, strerror(errno));
    return CLI_SYSTEM;
}

/* Running */

static uint64_t monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void clear_progress(struct job *job)
{
    if (job->is_progress_shown)
        fputs("\r\033[K", stderr);
    job->is_progress_shown = false;
}

static void show_progress(struct job *job)
{
    uint64_t now = monotonic(), done = 0, size = 0, part, whole;
    if (now < job->next_progress)
        return;
    job->next_progress = now + PROGRESS_STEP;
    job->is_progress_shown = true;
    fprintf(stderr, "\r\033[K%" PRIu64 " packets", job->replay.packets);
    for (size_t i = 0; i < job->replay.input_count; i++) {
        if (!capture_progress(job->replay.inputs[i].capture, &part, &whole))
            return; /* of a pipe nobody knows how much is left */
        done += part;
        size += whole;
    }
    fprintf(stderr, ", %u%%", (unsigned)(done / (size / 100 + 1)));
}

static void each_packet(void *context, const struct report_packet *report)
{
    struct job *job = context;
    char line[REPORT_ROOM];
    bool wanted = job->expectations && expect_wants(job->expectations, report->number);
    if (job->is_progress_wanted && report->number % PROGRESS_EVERY == 0)
        show_progress(job);
    if (!job->quiet && !job->json)
        fwrite(line, 1, report_text(line, sizeof line, report), stdout);
    if (!wanted && (job->quiet || !job->json))
        return;
    size_t len = report_json(line, sizeof line, report);
    if (len == 0) {
        job->unwritten = true;
        return;
    }
    if (!job->quiet && job->json)
        fwrite(line, 1, len, stdout);
    if (wanted) {
        clear_progress(job);
        expect_packet(job->expectations, line);
    }
}

static int run(struct job *job)
{
    struct replay *replay = &job->replay;
    replay->policy = job->policy;
    replay->network = job->network;
    replay->each = each_packet;
    replay->context = job;
    job->is_progress_wanted = isatty(STDERR_FILENO) && (job->quiet || !isatty(STDOUT_FILENO));
    job->next_progress = monotonic() + 1000000000;
    int error = replay_run(replay);
    clear_progress(job);
    if (error == 0)
        return CLI_OK;
    if (error != -EADDRNOTAVAIL) {
        cli_complain("%s", strerror(-error));
        return CLI_SYSTEM;
    }
    cli_complain(
        "%s: nothing tells by which zone its packets came in, since no zone has an address; give --in ZONE=FILE, "
        "or --address ZONE=ADDRESS/LENGTH, or write `address` in %s",
        job->inputs[replay->lost_input].value, job->rules);
    return CLI_BAD;
}

/* => CLI_OK, or CLI_BAD if some input could not be read to its end */
static int tell_inputs(const struct job *job)
{
    int status = CLI_OK;
    for (size_t i = 0; i < job->replay.input_count; i++) {
        const struct replay_input *input = &job->replay.inputs[i];
        const char *path = job->inputs[i].value, *name = pcap_datalink_val_to_description(input->unknown_link);
        if (input->has_unknown_link)
            cli_complain("%s: no packets can be found in frames of link type %u (%s): they count as non-ip", path,
                         input->unknown_link, name ? name : "unknown");
        if (input->result == CAPTURE_CUT)
            cli_complain("%s: %s; what came before was read", path, capture_error(input->capture));
        if (input->result == CAPTURE_BROKEN) {
            cli_complain("%s: %s; nothing behind it was read", path, capture_error(input->capture));
            status = CLI_BAD;
        }
    }
    return status;
}

/* => CLI_OK; CLI_NO if something was not as expected */
static int tell_expectations(const struct job *job, const char *totals)
{
    if (!job->expectations)
        return CLI_OK;
    struct expect_outcome outcome = expect_finish(job->expectations, totals);
    if (outcome.broken)
        return CLI_BAD;
    if (outcome.missed == 0)
        return CLI_OK;
    cli_complain("%s: %" PRIu64 " of %" PRIu64 " expectations failed", job->expect, outcome.missed,
                 outcome.met + outcome.missed);
    return CLI_NO;
}

static int tell_totals(struct job *job)
{
    struct summary summary = {
        .engine = job->replay.engine,
        .policy = job->policy,
        .non_ip_packets = job->replay.non_ip_packets,
        .non_ip_bytes = job->replay.non_ip_bytes,
    };
    char *totals = summary_json(&summary);
    if (job->json)
        puts(totals ? totals : "");
    else
        summary_text(stdout, &summary);
    int status = tell_expectations(job, totals);
    free(totals);
    return status;
}

static int worst(int a, int b)
{
    return a > b ? a : b;
}

/* Whatever was written, was it written whole? */
static int finish_outputs(struct job *job)
{
    int status = CLI_OK, error = writer_close(job->replay.writer);
    job->replay.writer = NULL;
    if (error != 0) {
        cli_complain("%s: %s", job->write, strerror(-error));
        status = CLI_SYSTEM;
    }
    if (job->unwritten || fflush(stdout) != 0 || ferror(stdout)) {
        cli_complain("the report could not be written whole");
        status = CLI_SYSTEM;
    }
    return status;
}

static int replay(struct job *job, int argc, char **argv)
{
    int status = read_arguments(job, argc, argv);
    if (status != CLI_OK)
        return status;
    if ((status = cli_load_rules(job->rules, &job->policy)) != CLI_OK || (status = open_network(job)) != CLI_OK ||
        (status = open_inputs(job)) != CLI_OK || (status = open_engine(job)) != CLI_OK ||
        (status = open_outputs(job)) != CLI_OK || (status = run(job)) != CLI_OK)
        return status;
    status = tell_totals(job);
    status = worst(status, tell_inputs(job));
    return worst(status, finish_outputs(job));
}

int cmd_replay(int argc, char **argv)
{
    struct job job = {
        .inputs = calloc((size_t)argc, sizeof *job.inputs),
        .addresses = calloc((size_t)argc, sizeof *job.addresses),
    };
    int status = CLI_SYSTEM;
    if (job.inputs && job.addresses)
        status = replay(&job, argc, argv);
    else
        cli_complain("%s", strerror(ENOMEM));
    writer_close(job.replay.writer);
    expect_close(job.expectations);
    for (size_t i = 0; i < job.replay.input_count; i++)
        capture_close(job.replay.inputs[i].capture);
    free(job.replay.inputs);
    tg_engine_free(job.replay.engine);
    tg_network_free(job.network);
    tg_policy_free(job.policy);
    free(job.addresses);
    free(job.inputs);
    return status;
}

#endif
