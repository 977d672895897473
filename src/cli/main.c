/* tidegate: find the verb and let it do its work. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "rules/near.h"

#ifdef WITH_PCAP
#define WITH_CAPTURES true
#else
#define WITH_CAPTURES false
#endif

static int cmd_help(int argc, char **argv);

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    bool listed; /* this build can do it */
    const char *summary;
    const char *usage;
    const char *help;
};

static const struct verb verbs[] = {
    {"check", cmd_check, true, "look for mistakes in a rules file", "check RULES [--strict] [--json]",
     "Reads RULES and all that it includes, compiles it, and tells every mistake at once,\n"
     "with its place and, where there is one, the word that was probably meant. Then judges\n"
     "the `expect` lines: each packet by the engine itself, as `explain` does.\n"
     "\n"
     "  --strict   take warnings for errors\n"
     "  --json     one JSON object with everything, mistakes too\n"
     "\n"
     "Exit status: 0 the file can be loaded; 1 an expectation failed, or --strict and there\n"
     "are warnings; 2 it has errors.\n"},
    {"replay", cmd_replay, WITH_CAPTURES, "run captures through the firewall",
     "replay RULES [--in ZONE=]FILE… [--json] [--quiet] [--write OUT.pcapng]\n"
     "                [--expect FILE.jsonl] [--address ZONE=ADDRESS/LENGTH …]",
     "Judges each packet of the captures as the firewall would, and tells the verdict, the\n"
     "reason and the rule; then totals, with the rules that nothing hit. FILE is pcap or\n"
     "pcapng, `-` is standard input; several files are merged by time.\n"
     "\n"
     "  --in ZONE=FILE     the packets of FILE came in by ZONE. Without it a pcapng interface\n"
     "                     that a zone names tells, else the packet's source\n"
     "  --address ZONE=ADDRESS/LENGTH\n"
     "                     the router's address on ZONE, with the network behind it, in place\n"
     "                     of what RULES says\n"
     "  --json             one JSON object a line and packet, then the totals as one\n"
     "  -q, --quiet        totals only\n"
     "  --write OUT        write the packets as they leave, and the refused ones as they came,\n"
     "                     as pcapng with the verdicts as comments, for Wireshark\n"
     "  --expect FILE      compare: each line of FILE is a JSON object with the number of a\n"
     "                     packet and the fields that its report must have, or with a\n"
     "                     `summary`; in the order of the packets\n"
     "\n"
     "Exit status: 0 done; 1 something was not as --expect says, or as RULES itself\n"
     "expects; 2 bad usage, rules or captures; 3 the system refused.\n"},
    {"explain", cmd_explain, true, "tell what becomes of one packet, step by step", "explain RULES 'PACKET' [--json]",
     "PACKET is written as the rules file writes packets, as much of it as matters:\n"
     "\n"
     "  tidegate explain home.rules 'tcp from wan 198.51.100.9 to router port 8080'\n"
     "\n"
     "\n"
     "At its end may stand a time, for rules with `during`: at monday 10:00\n"
     "\n"
     "Tells the way of the packet through the firewall: which forwards and rules were compared,\n"
     "each with its place and why it did not fit; how the packet leaves, and what its answer will\n"
     "look like. Forwards for other addresses and rules about other zones are only counted. RULES\n"
     "may do other than its `expect` lines say.\n"
     "\n"
     "  --json   one JSON object, with every statement that was compared\n"
     "\n"
     "Exit status: 0 done; 2 bad usage, rules or PACKET; 3 the system refused.\n"},
    {"diff", cmd_diff, true, "tell what changes if one rules file takes the place of another", "diff OLD NEW [--json]",
     "Tells every class of packets whose outcome differs between OLD and NEW: zones, protocol,\n"
     "addresses and ports, and time, MAC address or knock where these matter; what becomes of\n"
     "them before and after, by which line of which file; and a packet to try with `explain`,\n"
     "called `perhaps` if the files leave open what it would be judged by, or `explain` has no\n"
     "words for it. Packets whose outcome is the same by another line do not differ. What is\n"
     "compared is new connections; zones are the same if their names are. Settings that differ\n"
     "(of zones, timers, ports, scans, knocks) come before, a line each.\n"
     "\n"
     "  --json   one JSON object a line: a change of a setting, or a class of packets\n"
     "\n"
     "Exit status: 0 both mean the same, and nothing was printed; 1 they differ; 2 bad usage or\n"
     "rules; 3 the system refused.\n"},
    {"print", cmd_print, true, "write a rules file in its canonical form", "print RULES [-i]",
     "Writes RULES with one spelling for everything: single blanks, lists as `a, b`, options in\n"
     "one order; comments and groups of lines are kept. It means the same as before. What it\n"
     "includes is not printed with it. A file with errors is not printed.\n"
     "\n"
     "  -i, --in-place   put it in the place of RULES; mode and owner stay\n"
     "\n"
     "Exit status: 0 done; 2 RULES has errors or cannot be read; 3 the system refused.\n"},
    {"forward", cmd_forward, true, "look at and change the forwards of a rules file",
     "forward RULES list [--json]\n"
     "       tidegate forward RULES add 'forward …' [--strict]\n"
     "       tidegate forward RULES remove NAME-or-LINE [--strict]",
     "Changes the file RULES, and nothing in it but the one line; a firewall that runs goes on\n"
     "with what it has loaded.\n"
     "\n"
     "  list     the forwards, those of included files too; a forward without a label goes by\n"
     "           the name of its host\n"
     "  add      put a forward behind the last one of the file; without any, before `default`:\n"
     "             tidegate forward home.rules add \\\n"
     "               'forward tcp port 8080 from wan to 192.168.1.50 port 80 \"Front door\"'\n"
     "  remove   take one out, by its label, by its line, or by its host if that has no other\n"
     "\n"
     "What `check` would refuse is not written; its warnings are shown.\n"
     "\n"
     "  --json     one JSON object a line and forward\n"
     "  --strict   take warnings for errors\n"
     "\n"
     "Exit status: 0 done; 1 an expectation would fail, or --strict and there are warnings; 2 bad\n"
     "usage or rules; 3 the system refused. After all but 0 RULES is as it was.\n"},
    {"import", cmd_import, true, "turn an OpenWrt firewall configuration into rules",
     "import FILE [--network FILE] [--strict]",
     "FILE is an OpenWrt /etc/config/firewall, `-` is standard input. Rules that mean the same go\n"
     "to standard output, each below the section that it came from. Whatever cannot be carried\n"
     "over is told on standard error, by option, section and line, and so is what OpenWrt's own\n"
     "firewall would ignore or skip:\n"
     "\n"
     "  tidegate import /etc/config/firewall --network /etc/config/network >home.rules\n"
     "\n"
     "  --network FILE   /etc/config/network: the interfaces and addresses of the zones'\n"
     "                   networks. Without it the networks' names stand in their place\n"
     "  --strict         fail if anything could not be carried over\n"
     "\n"
     "Exit status: 0 done; 1 --strict, and something could not be carried over; 2 bad usage, or\n"
     "FILE cannot be read; 3 the system refused.\n"},
    {"run", cmd_run, true, "the firewall itself: take this machine's packets",
     "run RULES [--workers N] [--queue N] [--packets | --json]",
     "Takes the packets of this network namespace from the kernel (NFQUEUE) and judges them\n"
     "by RULES, in the foreground, until SIGTERM, SIGINT or SIGHUP. Needs CAP_NET_ADMIN and\n"
     "CAP_NET_RAW.\n"
     "\n"
     "  --workers N   judge with N threads; one for each processor if it is not said\n"
     "  --queue N     the first of the queue numbers that are taken, three for each worker and two more\n"
     "  --packets     tell of each packet, a line as `replay` has it\n"
     "  --json        tell of each packet, as a JSON object\n"
     "\n"
     "Exit status: 0 ended as asked; 1 RULES is not as it expects itself (`help check`);\n"
     "2 bad usage or rules; 3 the system refused.\n"},
    {"help", cmd_help, true, "tell more about a command", "help [COMMAND | rules]",
     "Without COMMAND: all commands, a line each. `help rules` is the rules language on a page.\n"},
};

static const struct verb *verb_named(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

void cli_complain(const char *format, ...)
{
    va_list arguments;
    fputs("tidegate: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int cli_usage(const char *verb, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "tidegate %s: ", verb);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    const struct verb *known = verb_named(verb);
    if (known)
        fprintf(stderr, "usage: tidegate %s\n", known->usage);
    return CLI_BAD;
}

static void print_overview(FILE *out)
{
    fputs("tidegate: a stateful firewall with port forwarding\n\n", out);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (verbs[i].listed)
            fprintf(out, "  tidegate %-8s %s\n", verbs[i].name, verbs[i].summary);
    fputs("\n`tidegate help COMMAND` tells more; `tidegate --version` which one this is.\n"
          "How rules are written: `tidegate help rules` on a page, `man tidegate.rules` in full.\n",
          out);
}

static int unknown_verb(const char *name)
{
    char hint[NEAR_HINT];
    struct near near = near_to(name, strlen(name));
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (verbs[i].listed)
            near_try(&near, verbs[i].name);
    cli_complain("there is no command '%s'%s", name, near_hint(&near, hint));
    if (!near.best)
        print_overview(stderr);
    return CLI_BAD;
}

static int print_help(const struct verb *verb)
{
    if (!verb->listed)
        return verb->run(0, NULL); /* says why not */
    printf("usage: tidegate %s\n\n%s", verb->usage, verb->help);
    return CLI_OK;
}

static int cmd_help(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "rules") == 0) {
        cli_print_language();
        return CLI_OK;
    }
    const struct verb *verb = verb_named(argv[1]);
    return verb ? print_help(verb) : unknown_verb(argv[1]);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return CLI_BAD;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("%s tidegate%s\n", TIDEGATE_VERSION, WITH_CAPTURES ? "" : ", without captures");
        return CLI_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cmd_help(argc - 1, argv + 1);
    const struct verb *verb = verb_named(argv[1]);
    if (!verb)
        return unknown_verb(argv[1]);
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return print_help(verb);
    return verb->run(argc - 1, argv + 1);
}
