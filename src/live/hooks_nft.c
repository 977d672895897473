/* Hooks by nft: a table of our own, which nobody else's rules touch and which is replaced in one transaction. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live/command.h"
#include "live/hooks.h"

#define TABLE   "tidegate"
#define SCRATCH "tidegate-try" /* no chain of it is hooked */
#define OPENS   "tcp flags & (syn | ack) == syn"

static void write_queue(FILE *script, const struct hooks_plan *plan, const char *match, enum queue_kind kind,
                        bool bypass)
{
    uint16_t first = plan->first[kind];
    unsigned count = hooks_queues(plan, kind);
    fprintf(script, "\t\t%s queue num %u", match, first);
    if (count > 1)
        fprintf(script, "-%u", first + count - 1);
    fputs(bypass ? " bypass\n" : "\n", script);
}

static void write_queues(FILE *script, const struct hooks_plan *plan, bool ipv6, bool bypass)
{
    if (!plan->is_ordered)
        write_queue(script, plan, ipv6 ? OPENS : "meta nfproto ipv4 " OPENS, QUEUE_OPENING, bypass);
    write_queue(script, plan, "meta nfproto ipv4 meta l4proto { tcp, sctp }", QUEUE_JOINED, bypass);
    write_queue(script, plan, "meta nfproto ipv4", QUEUE_SINGLE, bypass);
    if (ipv6)
        write_queue(script, plan, "meta nfproto ipv6", QUEUE_HEADS, bypass);
}

static void begin_chain(FILE *script, const char *name, const char *priority, bool hooked)
{
    fprintf(script, "\tchain %s {\n", name);
    if (hooked)
        fprintf(script, "\t\ttype filter hook %s priority %s; policy accept;\n", name, priority);
}

/* A chain in which packets of open interfaces go where they are queued with bypass, and others return. `which` is
 * iifname or oifname. */
static void write_gate(FILE *script, const struct hooks_plan *plan, const char *name, const char *which)
{
    fprintf(script, "\tchain %s {\n", name);
    for (size_t i = 0; i < plan->interface_count; i++) {
        const struct hooks_interface *interface = &plan->interfaces[i];
        fputs("\t\t", script);
        if (strcmp(interface->name, "*") != 0) /* which fits all, but is no pattern to nft */
            fprintf(script, "%s \"%s\" ", which, interface->name);
        fputs(interface->open ? "goto open\n" : "return\n", script);
    }
    fputs("\t}\n", script);
}

static void write_gates(FILE *script, const struct hooks_plan *plan, bool ipv6)
{
    if (plan->interface_count == 0)
        return;
    write_gate(script, plan, "entering", "iifname");
    write_gate(script, plan, "leaving", "oifname");
    fprintf(script, "\tchain open {\n\t\tmeta mark set meta mark & 0x%08x | 0x%08x\n", (unsigned)~HOOKS_OWN,
            HOOKS_JUDGED);
    write_queues(script, plan, ipv6, true);
    fputs("\t}\n", script);
}

/* To a gate, if there are any. */
static void write_jump(FILE *script, const struct hooks_plan *plan, const char *match, const char *gate)
{
    if (plan->interface_count != 0)
        fprintf(script, "\t\t%sjump %s\n", match, gate);
}

/* Where neighbours find each other: what is said of that is forwarded by nobody. */
static void write_neighbours(FILE *script, const struct hooks_plan *plan, bool ipv6, const char *match)
{
    if (ipv6 && plan->interface_count != 0)
        fprintf(script, "\t\t%sicmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } jump open\n", match);
}

static void write_prerouting(FILE *script, const struct hooks_plan *plan, bool ipv6, bool hooked)
{
    begin_chain(script, "prerouting", "raw", hooked);
    fprintf(script, "\t\tmeta mark set meta mark & 0x%08x\n", (unsigned)~HOOKS_OWN);
    fputs("\t\tiifname \"lo\" return\n\t\tfib daddr type local jump arrived\n", script);
    for (size_t i = 0; i < plan->own_count; i++) {
        char text[TG_ADDR_TEXT];
        fprintf(script, "\t\tip daddr %s/%u jump arrived\n", tg_addr_format(TG_IPV4, plan->own[i].addr, text),
                plan->own[i].len);
    }
    fputs("\t}\n\tchain arrived {\n", script);
    write_neighbours(script, plan, ipv6, "");
    write_jump(script, plan, "", "entering");
    write_queues(script, plan, ipv6, false);
    fputs("\t}\n", script);
}

/* A table that replaces the one of that name; without its hooks it is there, and does nothing. */
static void write_table(FILE *script, const char *table, const struct hooks_plan *plan, bool ipv6, bool hooked)
{
    char unjudged[48];
    snprintf(unjudged, sizeof unjudged, "meta mark & 0x%08x == 0 ", HOOKS_OWN);
    fprintf(script, "table inet %s\ndelete table inet %s\ntable inet %s {\n", table, table, table);
    write_gates(script, plan, ipv6);
    write_prerouting(script, plan, ipv6, hooked);

    begin_chain(script, "input", "mangle", hooked);
    fprintf(script, "\t\tmeta mark & 0x%08x != 0 return\n\t\tiifname \"lo\" return\n", HOOKS_OWN);
    write_neighbours(script, plan, ipv6, "");
    write_jump(script, plan, "", "entering");
    write_queues(script, plan, ipv6, false);
    fputs("\t}\n", script);

    begin_chain(script, "forward", "mangle", hooked);
    fprintf(script, "\t\tmeta mark & 0x%08x != 0 return\n", HOOKS_OWN);
    write_jump(script, plan, "", "entering");
    write_jump(script, plan, "", "leaving");
    write_queues(script, plan, ipv6, false);
    fputs("\t}\n", script);

    begin_chain(script, "output", "raw", hooked);
    fprintf(script, "\t\tmeta mark & 0x%08x != 0x%08x meta mark set meta mark & 0x%08x\n\t}\n", HOOKS_OWN, HOOKS_OWN,
            (unsigned)~HOOKS_OWN);

    begin_chain(script, "postrouting", "mangle", hooked);
    fprintf(script, "\t\tmeta mark & 0x%08x != 0 return\n\t\toifname \"lo\" return\n", HOOKS_JUDGED);
    write_neighbours(script, plan, ipv6, unjudged);
    write_jump(script, plan, unjudged, "leaving");
    write_queues(script, plan, ipv6, false);
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
