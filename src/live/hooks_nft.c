/* Hooks by nft: a table of our own, which nobody else's rules touch and which is replaced in one transaction. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live/command.h"
#include "live/hooks.h"

#define TABLE   "tidegate"
#define SCRATCH "tidegate-try" /* no chain of it is hooked */

static void write_queue(FILE *script, const struct hooks_plan *plan, const char *match, enum queue_kind kind)
{
    uint16_t first = plan->first[kind];
    fprintf(script, "\t\t%s queue num %u", match, first);
    if (plan->queues > 1)
        fprintf(script, "-%u", first + plan->queues - 1);
    fputc('\n', script);
}

static void write_queues(FILE *script, const struct hooks_plan *plan, bool ipv6)
{
    write_queue(script, plan, "meta nfproto ipv4 meta l4proto { tcp, sctp }", QUEUE_JOINED);
    write_queue(script, plan, "meta nfproto ipv4", QUEUE_SINGLE);
    if (ipv6)
        write_queue(script, plan, "meta nfproto ipv6", QUEUE_HEADS);
}

static void begin_chain(FILE *script, const char *name, const char *priority, bool hooked)
{
    fprintf(script, "\tchain %s {\n", name);
    if (hooked)
        fprintf(script, "\t\ttype filter hook %s priority %s; policy accept;\n", name, priority);
}

/* A table that replaces the one of that name; without its hooks it is there, and does nothing. */
static void write_table(FILE *script, const char *table, const struct hooks_plan *plan, bool ipv6, bool hooked)
{
    fprintf(script, "table inet %s\ndelete table inet %s\ntable inet %s {\n", table, table, table);
    begin_chain(script, "prerouting", "raw", hooked);
    fprintf(script, "\t\tmeta mark set meta mark & 0x%08x\n", (unsigned)~HOOKS_OWN);
    fputs("\t\tiifname \"lo\" return\n\t\tfib daddr type local jump arrived\n", script);
    for (size_t i = 0; i < plan->stated_count; i++) {
        char text[TG_ADDR_TEXT];
        if (plan->stated[i].family == TG_IPV4)
            fprintf(script, "\t\tip daddr %s jump arrived\n", tg_addr_format(TG_IPV4, plan->stated[i].addr, text));
    }
    fputs("\t}\n\tchain arrived {\n", script);
    write_queues(script, plan, ipv6);
    fputs("\t}\n", script);

    begin_chain(script, "input", "mangle", hooked);
    fprintf(script, "\t\tiifname \"lo\" return\n\t\tmeta mark & 0x%08x != 0 return\n", HOOKS_OWN);
    write_queues(script, plan, ipv6);
    fputs("\t}\n", script);

    begin_chain(script, "forward", "mangle", hooked);
    fprintf(script, "\t\tmeta mark & 0x%08x != 0 return\n", HOOKS_OWN);
    write_queues(script, plan, ipv6);
    fputs("\t}\n", script);

    begin_chain(script, "output", "raw", hooked);
    fprintf(script, "\t\tmeta mark & 0x%08x != 0x%08x meta mark set meta mark & 0x%08x\n\t}\n", HOOKS_OWN, HOOKS_OWN,
            (unsigned)~HOOKS_OWN);

    begin_chain(script, "postrouting", "mangle", hooked);
    fprintf(script, "\t\toifname \"lo\" return\n\t\tmeta mark & 0x%08x != 0 return\n", HOOKS_JUDGED);
    write_queues(script, plan, ipv6);
    fputs("\t}\n}\n", script);
}

static void write_removal(FILE *script, const char *table)
{
    fprintf(script, "table inet %s\ndelete table inet %s\n", table, table);
}

static int run(char *input, FILE *said)
{
    const char *const argv[] = {"nft", "-f", "-", NULL};
    int error = input == NULL ? -ENOMEM : command_run(argv, input, said);
    free(input);
    return error;
}

/* Begin to write a script.
 * => where to write it, or NULL without memory; once closed, *text is the script */
static FILE *begin_script(char **text, size_t *len)
{
    *text = NULL;
    return open_memstream(text, len);
}

static int try(const struct hooks_way *way, const struct hooks_plan *plan, bool ipv6, FILE *said)
{
    (void)way;
    char *text;
    size_t len;
    FILE *script = begin_script(&text, &len);
    if (script != NULL) {
        write_table(script, SCRATCH, plan, ipv6, false);
        write_removal(script, SCRATCH);
        fclose(script);
    }
    return run(text, said);
}

static int install(const struct hooks_way *way, const struct hooks_plan *plan, bool ipv6, FILE *said)
{
    (void)way;
    char *text;
    size_t len;
    FILE *script = begin_script(&text, &len);
    if (script != NULL) {
        write_table(script, TABLE, plan, ipv6, true);
        fclose(script);
    }
    return run(text, said);
}

static int remove_all(const struct hooks_way *way, bool ipv6, FILE *said)
{
    (void)way;
    (void)ipv6;
    char *text;
    size_t len;
    FILE *script = begin_script(&text, &len);
    if (script != NULL) {
        write_removal(script, TABLE);
        fclose(script);
    }
    return run(text, said);
}

const struct hooks_way hooks_nft = {"nft", try, install, remove_all};
