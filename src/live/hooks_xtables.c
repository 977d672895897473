/* Hooks by iptables: chains of our own, entered first from the built-in ones.
 *
 * All changes go through iptables-restore, which puts each table in as one step. What is there is read from
 * iptables-save: everything of ours is recognised by its name, so that what a killed run, or another version, has left
 * is found too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live/command.h"
#include "live/hooks.h"

#define OURS    "TIDEGATE-"
#define SCRATCH OURS "TRY-" /* chains that nothing enters */

enum { IPV4, IPV6, FAMILIES };
enum { MATCH_ROOM = 48 };

static const struct xtables {
    const struct hooks_way *way;
    const char *restore[FAMILIES], *save[FAMILIES];
} kinds[] = {
    {&hooks_iptables_nft,
     {"iptables-nft-restore", "ip6tables-nft-restore"},
     {"iptables-nft-save", "ip6tables-nft-save"}},
    {&hooks_iptables_legacy,
     {"iptables-legacy-restore", "ip6tables-legacy-restore"},
     {"iptables-legacy-save", "ip6tables-legacy-save"}},
    {&hooks_iptables, {"iptables-restore", "ip6tables-restore"}, {"iptables-save", "ip6tables-save"}},
};

/* Our chains, and from where they are entered (NULL: from others of ours), but by packets whose mark has any of the
 * bits `without`. Gates are only there if some zone is open on failure: in ENTER and LEAVE packets of open interfaces
 * go to OPEN, where they are queued with bypass, and others return. */
static const struct chain {
    const char *name, *table, *from;
    unsigned without;
    bool is_gate;
} chains[] = {
    {"PRE", "raw", "PREROUTING", 0, false},
    {"ARRIVED", "raw", NULL, 0, false},
    {"OUT", "raw", "OUTPUT", 0, false},
    {"IN", "mangle", "INPUT", HOOKS_OWN, false},
    {"FORWARD", "mangle", "FORWARD", HOOKS_OWN, false},
    {"POST", "mangle", "POSTROUTING", HOOKS_JUDGED, false},
    {"ENTER", "raw", NULL, 0, true},
    {"OPEN", "raw", NULL, 0, true},
    {"ENTER", "mangle", NULL, 0, true},
    {"LEAVE", "mangle", NULL, 0, true},
    {"OPEN", "mangle", NULL, 0, true},
};
enum { CHAINS = sizeof chains / sizeof *chains };

static const char *const tables[] = {"raw", "mangle"};
enum { TABLES = sizeof tables / sizeof *tables };

static const struct xtables *kind_of(const struct hooks_way *way)
{
    const struct xtables *kind = kinds;
    while (kind->way != way)
        kind++;
    return kind;
}

/* ---- the rules ----
 *
 * Every packet meets some of them at each hook, which may be a tenth of all that it costs. So what most packets end at
 * comes first, nothing is asked twice, and marks are compared before they are set: iptables-nft leaves that to
 * nftables' own instructions, and the setting to a module of iptables'. */

struct writer {
    FILE *script;
    const struct hooks_plan *plan;
    int family;
    const char *prefix; /* of our chains' names */
};

static void write_queue(const struct writer *w, const char *chain, const char *match, enum queue_kind kind)
{
    uint16_t first = w->plan->first[kind];
    unsigned count = hooks_queues(w->plan, kind);
    fprintf(w->script, "-A %s%s%s -j NFQUEUE ", w->prefix, chain, match);
    if (count == 1)
        fprintf(w->script, "--queue-num %u", first);
    else
        fprintf(w->script, "--queue-balance %u:%u", first, first + count - 1);
    fputs(strcmp(chain, "OPEN") == 0 ? " --queue-bypass\n" : "\n", w->script);
}

/* The end of a chain: nothing gets past. */
static void write_queues(const struct writer *w, const char *chain)
{
    if (w->family == IPV6) { /* where a protocol is asked for, iptables drops fragments that do not show theirs */
        write_queue(w, chain, "", QUEUE_HEADS);
        return;
    }
    write_queue(w, chain, " -p udp", QUEUE_SINGLE);
    if (!w->plan->is_ordered) {
        write_queue(w, chain, " -p tcp -f", QUEUE_JOINED); /* asked for flags it drops some of TCP's */
        write_queue(w, chain, " -p tcp --tcp-flags SYN,ACK SYN", QUEUE_OPENING);
    }
    write_queue(w, chain, " -p tcp", QUEUE_JOINED);
    write_queue(w, chain, " -p sctp", QUEUE_JOINED);
    write_queue(w, chain, "", QUEUE_SINGLE);
}

/* From one of our chains to ENTER or LEAVE, if there are any. */
static void write_jump(const struct writer *w, const char *chain, const char *match, const char *gate)
{
    if (w->plan->interface_count != 0)
        fprintf(w->script, "-A %s%s%s -j %s%s\n", w->prefix, chain, match, w->prefix, gate);
}

/* `option` is -i or -o. Patterns end in `+` here. */
static void write_gate(const struct writer *w, const char *gate, const char *option)
{
    for (size_t i = 0; i < w->plan->interface_count; i++) {
        const struct hooks_interface *interface = &w->plan->interfaces[i];
        int len = (int)strcspn(interface->name, "*");
        const char *wildcard = interface->name[len] == '\0' ? "" : "+";
        fprintf(w->script, "-A %s%s %s %.*s%s -j %s%s\n", w->prefix, gate, option, len, interface->name, wildcard,
                interface->open ? w->prefix : "", interface->open ? "OPEN" : "RETURN");
    }
}

/* Where neighbours find each other: what is said of that is forwarded by nobody. */
static void write_neighbours(const struct writer *w, const char *chain, const char *match)
{
    static const unsigned types[] = {135, 136}; /* solicitation, advertisement: RFC 4861 */
    for (size_t i = 0; i < sizeof types / sizeof *types && w->family == IPV6 && w->plan->interface_count != 0; i++)
        fprintf(w->script, "-A %s%s -p icmpv6 --icmpv6-type %u%s -j %sOPEN\n", w->prefix, chain, types[i], match,
                w->prefix);
}

static void write_open(const struct writer *w)
{
    if (w->plan->interface_count == 0)
        return;
    fprintf(w->script, "-A %sOPEN -j MARK --set-xmark 0x%x/0x%x\n", w->prefix, HOOKS_JUDGED, HOOKS_OWN);
    write_queues(w, "OPEN");
}

static void write_raw(const struct writer *w)
{
    write_gate(w, "ENTER", "-i");
    write_open(w);
    fprintf(w->script, "-A %sPRE -m mark ! --mark 0x0/0x%x -j MARK --set-xmark 0x0/0x%x\n", w->prefix, HOOKS_OWN,
            HOOKS_OWN);
    fprintf(w->script, "-A %sPRE -m addrtype --dst-type LOCAL -j %sARRIVED\n", w->prefix, w->prefix);
    for (size_t i = 0; i < w->plan->own_count && w->family == IPV4; i++) {
        const struct tg_prefix *own = &w->plan->own[i];
        char text[TG_ADDR_TEXT];
        fprintf(w->script, "-A %sPRE -d %s/%u -j %sARRIVED\n", w->prefix, tg_addr_format(TG_IPV4, own->addr, text),
                own->len, w->prefix);
    }
    fprintf(w->script, "-A %sARRIVED -i lo -j RETURN\n", w->prefix);
    write_neighbours(w, "ARRIVED", "");
    write_jump(w, "ARRIVED", "", "ENTER");
    write_queues(w, "ARRIVED");
    fprintf(w->script, "-A %sOUT -m mark ! --mark 0x%x/0x%x -j MARK --set-xmark 0x0/0x%x\n", w->prefix, HOOKS_OWN,
            HOOKS_OWN, HOOKS_OWN);
}

static void write_mangle(const struct writer *w)
{
    char unjudged[MATCH_ROOM];
    snprintf(unjudged, sizeof unjudged, " -m mark --mark 0x0/0x%x", HOOKS_OWN);
    write_gate(w, "ENTER", "-i");
    write_gate(w, "LEAVE", "-o");
    write_open(w);
    fprintf(w->script, "-A %sIN -i lo -j RETURN\n", w->prefix);
    write_neighbours(w, "IN", "");
    write_jump(w, "IN", "", "ENTER");
    write_queues(w, "IN");
    write_jump(w, "FORWARD", "", "ENTER");
    write_jump(w, "FORWARD", "", "LEAVE");
    write_queues(w, "FORWARD");
    fprintf(w->script, "-A %sPOST -o lo -j RETURN\n", w->prefix);
    write_neighbours(w, "POST", unjudged);
    write_jump(w, "POST", unjudged, "LEAVE");
    write_queues(w, "POST");
}

/* Into one of our chains, first of all, from the built-in one. */
static void write_entry(const struct writer *w, const struct chain *chain)
{
    fprintf(w->script, "-I %s 1", chain->from);
    if (chain->without != 0)
        fprintf(w->script, " -m mark --mark 0x0/0x%x", chain->without);
    fprintf(w->script, " -j %s%s\n", w->prefix, chain->name);
}

/* ---- what is there ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Whether a plan has any use for a chain of ours. */
static bool is_wanted(const struct chain *chain, const struct hooks_plan *plan)
{
    return !chain->is_gate || plan->interface_count != 0;
}

/* => true if the line of a save declares, for `table`, a chain that the plan fills, e.g. ":TIDEGATE-PRE - [0:0]" */
static bool is_filled(const char *line, const char *table, const struct hooks_plan *plan)
{
    for (size_t i = 0; i < CHAINS; i++) {
        char declaration[64];
        snprintf(declaration, sizeof declaration, ":" OURS "%s ", chains[i].name);
        if (strcmp(chains[i].table, table) == 0 && is_wanted(&chains[i], plan) && begins(line, declaration))
            return true;
    }
    return false;
}

/* A walk over those lines of a save that are about one table. */
struct walk {
    const char *next, *table;
    bool here;
    char line[512]; /* lines of ours are short */
};

static bool walk_on(struct walk *walk)
{
    while (*walk->next != '\0') {
        size_t len = strcspn(walk->next, "\n");
        snprintf(walk->line, sizeof walk->line, "%.*s", (int)len, walk->next);
        walk->next += len + (walk->next[len] == '\n');
        if (*walk->line == '*')
            walk->here = strcmp(walk->line + 1, walk->table) == 0;
        else if (walk->here)
            return true;
    }
    return false;
}

/* From what a save says, write the commands that take out of `table` whatever enters our chains from others. Chains of
 * ours are those whose names begin with `prefix`.
 * => true if there was anything */
static bool clear_jumps(FILE *script, const char *save, const char *table, const char *prefix)
{
    struct walk walk = {.next = save, .table = table};
    bool any = false;
    char jump[32];
    snprintf(jump, sizeof jump, " -j %s", prefix);
    while (walk_on(&walk)) {
        if (!begins(walk.line, "-A ") || begins(walk.line + 3, OURS) || strstr(walk.line, jump) == NULL)
            continue;
        fprintf(script, "-D %s\n", walk.line + 3);
        any = true;
    }
    return any;
}

/* … our chains themselves; they can go only when nothing enters them, and so all are emptied first. Those that `plan`
 * fills stay (NULL: none).
 * => true if there was anything */
static bool clear_chains(FILE *script, const char *save, const char *table, const char *prefix,
                         const struct hooks_plan *plan)
{
    bool any = false;
    for (int pass = 0; pass < 2; pass++) {
        struct walk walk = {.next = save, .table = table};
        while (walk_on(&walk)) {
            if (*walk.line != ':' || !begins(walk.line + 1, prefix) ||
                (plan != NULL && is_filled(walk.line, table, plan)))
                continue;
            fprintf(script, "%s %.*s\n", pass == 0 ? "-F" : "-X", (int)strcspn(walk.line + 1, " "), walk.line + 1);
            any = true;
        }
    }
    return any;
}

/* ---- running ---- */

static int restore(const struct xtables *kind, int family, char *script, FILE *said)
{
    const char *const argv[] = {kind->restore[family], "--wait", "10", "--noflush", NULL};
    int error = script == NULL ? -ENOMEM : command_run(argv, script, said);
    free(script);
    return error;
}

/* What a family's iptables-save writes.
 * => 0 with *save, freed with free() by the caller; or -errno */
static int save_all(const struct xtables *kind, int family, char **save, FILE *said)
{
    const char *const argv[] = {kind->save[family], NULL};
    size_t len;
    *save = NULL;
    FILE *output = open_memstream(save, &len);
    if (output == NULL)
        return -ENOMEM;
    int error = command_run(argv, NULL, output);
    fclose(output);
    if (error == 0)
        return 0;
    if (said != NULL)
        fputs(*save, said);
    free(*save);
    return error;
}

/* One table's part of what fill() puts in. */
static void write_table(const struct writer *w, const char *table, const char *save, bool hooked)
{
    fprintf(w->script, "*%s\n", table);
    if (hooked)
        (void)clear_jumps(w->script, save, table, OURS);
    for (size_t i = 0; i < CHAINS; i++) /* declaring a chain empties it */
        if (strcmp(chains[i].table, table) == 0 && is_wanted(&chains[i], w->plan))
            fprintf(w->script, ":%s%s - [0:0]\n", w->prefix, chains[i].name);
    if (hooked)
        (void)clear_chains(w->script, save, table, OURS, w->plan);
    if (strcmp(table, "raw") == 0)
        write_raw(w);
    else
        write_mangle(w);
    for (size_t i = 0; i < CHAINS && hooked; i++)
        if (strcmp(chains[i].table, table) == 0 && chains[i].from != NULL)
            write_entry(w, &chains[i]);
    fputs("COMMIT\n", w->script);
}

/* Fill a family's chains. Hooked, they replace what is there; else they are scratch chains that nothing enters. */
static int fill(const struct xtables *kind, const struct hooks_plan *plan, int family, bool hooked, FILE *said)
{
    char *save, *text = NULL;
    size_t len;
    int error = save_all(kind, family, &save, said);
    if (error != 0)
        return error;
    struct writer w = {open_memstream(&text, &len), plan, family, hooked ? OURS : SCRATCH};
    if (w.script != NULL) {
        for (size_t i = 0; i < TABLES; i++)
            write_table(&w, tables[i], save, hooked);
        fclose(w.script);
    }
    free(save);
    return restore(kind, family, text, said);
}

/* Take out of a family's tables the chains whose names begin with `prefix`, and what enters them. */
static int clear(const struct xtables *kind, int family, const char *prefix, FILE *said)
{
    char *save, *text = NULL;
    size_t len;
    int error = save_all(kind, family, &save, said);
    if (error != 0)
        return error;
    bool any = false;
    FILE *script = open_memstream(&text, &len);
    if (script != NULL) {
        for (size_t i = 0; i < TABLES; i++) {
            fprintf(script, "*%s\n", tables[i]);
            any |= clear_jumps(script, save, tables[i], prefix);
            any |= clear_chains(script, save, tables[i], prefix, NULL);
            fputs("COMMIT\n", script);
        }
        fclose(script);
    }
    free(save);
    if (any || script == NULL)
        return restore(kind, family, text, said);
    free(text); /* restoring nothing would make the tables, where there are none */
    return 0;
}

/* ---- the way ---- */

static int remove_all(const struct hooks_way *way, bool ipv6, FILE *said)
{
    int error = clear(kind_of(way), IPV4, OURS, said);
    return error != 0 || !ipv6 ? error : clear(kind_of(way), IPV6, OURS, said);
}

static int install(const struct hooks_way *way, const struct hooks_plan *plan, bool ipv6, FILE *said)
{
    int error = fill(kind_of(way), plan, IPV4, true, said);
    return error != 0 || !ipv6 ? error : fill(kind_of(way), plan, IPV6, true, said);
}

/* Only the scratch chains go afterwards: others of ours may be at work, left by a killed run. */
static int try(const struct hooks_way *way, const struct hooks_plan *plan, bool ipv6, FILE *said)
{
    int error = 0;
    for (int family = IPV4; family <= (ipv6 ? IPV6 : IPV4) && error == 0; family++) {
        error = fill(kind_of(way), plan, family, false, said);
        (void)clear(kind_of(way), family, SCRATCH, NULL);
    }
    return error;
}

const struct hooks_way hooks_iptables_nft = {"iptables-nft", try, install, remove_all};
const struct hooks_way hooks_iptables_legacy = {"iptables-legacy", try, install, remove_all};
const struct hooks_way hooks_iptables = {"iptables", try, install, remove_all};
