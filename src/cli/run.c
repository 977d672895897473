/* `tidegate run`: the firewall itself, in the foreground. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "live/live.h"

enum { QUEUE_NUMBERS = 65536 };

/* => true if the text is a number from `first` to `last` */
static bool read_number(const char *text, long first, long last, long *number)
{
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *number >= first && *number <= last;
}

/* One a core. */
static unsigned default_workers(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > LIVE_WORKERS_MAX ? LIVE_WORKERS_MAX : (unsigned)cores;
}

/* => CLI_OK, or CLI_BAD after a complaint */
static int read_options(int argc, char **argv, struct live_config *config)
{
    static const struct option options[] = {{"workers", required_argument, NULL, 'w'},
                                            {"queue", required_argument, NULL, 'n'},
                                            {"packets", no_argument, NULL, 'p'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    int option;
    long number;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":w:", options, NULL)) != -1) {
        switch (option) {
        case 'w':
            if (!read_number(optarg, 1, LIVE_WORKERS_MAX, &number))
                return cli_usage(argv[0], "--workers wants a number from 1 to %d, not '%s'", LIVE_WORKERS_MAX, optarg);
            config->workers = (unsigned)number;
            break;
        case 'n':
            if (!read_number(optarg, 0, QUEUE_NUMBERS - 1, &number))
                return cli_usage(argv[0], "--queue wants a number from 0 to %d, not '%s'", QUEUE_NUMBERS - 1, optarg);
            config->queue = (uint16_t)number;
            break;
        case 'p': config->output = LIVE_TEXT; break;
        case 'j': config->output = LIVE_JSON; break;
        case ':': return cli_usage(argv[0], "%s wants a value", argv[optind - 1]);
        default: return cli_usage(argv[0], "no such option: %s", argv[optind - 1]);
        }
    }
    unsigned queues = LIVE_QUEUES * config->workers + LIVE_QUEUES_BESIDES;
    if (config->queue + queues > QUEUE_NUMBERS)
        return cli_usage(argv[0], "%u workers take %u queues, and queue numbers end at %d", config->workers, queues,
                         QUEUE_NUMBERS - 1);
    if (argc - optind != 1)
        return cli_usage(argv[0], argc == optind ? "no rules file is named" : "one rules file is enough");
    return CLI_OK;
}

int cmd_run(int argc, char **argv)
{
    struct live_config config = {.workers = default_workers()};
    int status = read_options(argc, argv, &config);
    if (status != CLI_OK)
        return status;
    config.rules = argv[optind];
    struct tg_policy *policy;
    status = cli_load_rules(config.rules, &policy);
    if (status != CLI_OK)
        return status;
    config.policy = policy;
    status = live_run(&config) == 0 ? CLI_OK : CLI_SYSTEM;
    tg_policy_free(policy);
    return status;
}
