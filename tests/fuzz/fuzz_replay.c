/* Any bytes as a capture, through the whole of a replay: the reader, link layers, decoding, the engine, the reports,
 * and the writer, whose capture is then replayed too.
 *
 * Besides memory and arithmetic this checks: every packet that was read is told once, in order, as a JSON object and as
 * a line of text; the totals count each; and what was written has as many packets as were read.
 */
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "replay/replay.h"
#include "report/summary.h"
#include "tidegate/rules.h"

static const char rules[] = "zone wan on eth0 address 203.0.113.1/24, 2001:db8::1/64 masquerade\n"
                            "zone lan on br-lan address 192.168.1.1/24, fd00:1::1/64\n"
                            "host camera = 192.168.1.50, fd00:1::50\n"
                            "allow from router\n"
                            "allow from lan to wan\n"
                            "forward tcp port 8080 from wan to camera port 80 \"camera\"\n"
                            "forward any from wan to 192.168.1.99\n"
                            "reject from lan\n";

static void must(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}
#define MUST(condition) must((condition), #condition)

static int read_rules(void *context, const char *path, char **text, size_t *len)
{
    (void)context, (void)path;
    *len = sizeof rules - 1;
    *text = strdup(rules);
    return 0;
}

static const struct tg_policy *policy(void)
{
    static struct tg_policy *loaded;
    if (loaded == NULL) {
        const struct tg_source source = {.read = read_rules};
        struct tg_complaints *complaints = tg_complaints_new();
        loaded = tg_rules_load(&source, "fuzz.rules", complaints);
        tg_complaints_free(complaints);
        MUST(loaded != NULL);
    }
    return loaded;
}

static void each(void *context, const struct report_packet *report)
{
    uint64_t *told = context;
    char line[REPORT_ROOM];
    MUST(report->number == ++*told);
    size_t len = report_text(line, sizeof line, report);
    MUST(len > 0 && line[len - 1] == '\n');
    len = report_json(line, sizeof line, report);
    MUST(len > 0 && line[len - 1] == '\n');
    struct json_object *object = json_tokener_parse(line);
    MUST(object != NULL);
    json_object_put(object);
}

/* Replay the capture at `path`, and write it to `out` unless that is NULL.
 * => its packets */
static uint64_t replay(const char *path, const char *out)
{
    const struct tg_engine_config config = {.connections = 64, .workers = 1};
    char error[CAPTURE_ERROR];
    uint64_t told = 0;
    struct capture *capture = capture_open(path, error);
    if (capture == NULL)
        return 0;
    struct replay_input input = {.capture = capture};
    struct tg_network *network = tg_policy_network(policy(), NULL, 0);
    struct replay run = {
        .engine = tg_engine_new(&config),
        .policy = policy(),
        .network = network,
        .inputs = &input,
        .input_count = 1,
        .writer = out != NULL ? writer_open(out, policy()) : NULL,
        .each = each,
        .context = &told,
    };
    MUST(tg_engine_load(run.engine, policy(), network) == 0);
    MUST(replay_run(&run) == 0);
    MUST(input.result != CAPTURE_PACKET);
    MUST(run.packets == told);
    MUST(writer_close(run.writer) == 0);
    struct tg_counters counters;
    tg_engine_counters(run.engine, &counters);
    MUST(counters.packets + run.non_ip_packets == told);
    const struct summary summary = {run.engine, policy(), run.non_ip_packets, run.non_ip_bytes};
    free(summary_json(&summary));
    tg_engine_free(run.engine);
    tg_network_free(network);
    capture_close(capture);
    return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int in = -1, out = -1;
    char in_path[32], out_path[32];
    if (in < 0) {
        in = memfd_create("in", MFD_CLOEXEC);
        out = memfd_create("out", MFD_CLOEXEC);
    }
    snprintf(in_path, sizeof in_path, "/proc/self/fd/%d", in);
    snprintf(out_path, sizeof out_path, "/proc/self/fd/%d", out);
    MUST(ftruncate(in, 0) == 0 && pwrite(in, data, size, 0) == (ssize_t)size);
    uint64_t packets = replay(in_path, out_path);
    if (packets > 0)
        MUST(replay(out_path, NULL) == packets);
    return 0;
}
