/* `tidegate diff OLD NEW`: every class of packets whose outcome differs between two rules files, with an example of
 * each, and what changes about the zones and settings. */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/describe.h"
#include "analysis/settings.h"
#include "cli/cli.h"
#include "cli/source.h"
#include "tidegate/verdict.h"

enum {
    BLOCKS = 8,  /* of a pair, that are shown */
    LOOKED = 32, /* that are looked at: what can be said in the same words is joined */
    TEXT = 1024,
    SOURCE_TEXT = 128,
};

/* A block that is going to be shown, or some that are joined. */
struct shown {
    struct description words;
    bool tried; /* the example has been judged */
    char example[DIFFERENCE_EXAMPLE];
};

struct printing {
    const struct tg_policy *policies[2];
    const char *paths[2];
    struct difference *difference;
    size_t pair;
    struct shown *shown; /* of the pair: room for LOOKED */
    size_t shown_count;
    size_t looked, joined;              /* blocks that have been looked at; of these, those that are said with others */
    const struct landscape *landscape;  /* of one of its blocks */
    struct json_object *before, *after; /* of the pair, with --json */
    bool json;
    bool differs; /* something was printed */
};

static void print_object(struct printing *p, struct json_object *object)
{
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
    p->differs = true;
}

/* Nothing to say: no member. */
static void add_text(struct json_object *object, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_object_object_add(object, key, json_object_new_string(text));
}

/* Zones and settings. */

static void print_setting(void *context, const struct settings_change *change)
{
    struct printing *p = context;
    if (!p->json) {
        if (change->zone != NULL)
            printf("zone %s: %s %s -> %s\n", change->zone, change->what, change->before, change->after);
        else
            printf("%s: %s -> %s\n", change->what, change->before, change->after);
        p->differs = true;
        return;
    }
    struct json_object *object = json_object_new_object();
    add_text(object, "zone", change->zone);
    add_text(object, "what", change->what);
    add_text(object, "before", change->before);
    add_text(object, "after", change->after);
    print_object(p, object);
}

static void print_settings(struct printing *p)
{
    settings_compare(p->policies[0], p->policies[1], print_setting, p);
    if (p->differs && !p->json)
        puts("");
}

/* Outcomes. */

/* The port that a forward leads to, as far as a block's ports say. */
static size_t port_text(const struct outcome_result *result, const struct difference_block *block, char *out,
                        size_t room)
{
    const struct spans *ports = &block->region->in[SPACE_DPORT];
    if (result->port_how == OUTCOME_PORT_FIXED)
        return (size_t)snprintf(out, room, " port %u", result->port);
    if (result->port == 0 || ports->items == NULL)
        return 0;
    uint16_t first = (uint16_t)(ports->items[0].first + result->port);
    uint16_t last = (uint16_t)(ports->items[ports->count - 1].last + result->port);
    if (first == last)
        return (size_t)snprintf(out, room, " port %u", first);
    return (size_t)snprintf(out, room, " port %u-%u", first, last);
}

/* "192.168.1.50 port 80" */
static void target_text(const struct outcome_result *result, const struct difference_block *block,
                        char out[static TEXT])
{
    char addr[TG_ADDR_TEXT];
    size_t len = (size_t)snprintf(out, TEXT, "%s", tg_addr_format(TG_IPV4, tg_ipv4(result->host), addr));
    port_text(result, block, out + len, TEXT - len);
}

static const char *address_text(uint32_t addr, char buf[static TG_ADDR_TEXT])
{
    return tg_addr_format(TG_IPV4, tg_ipv4(addr), buf);
}

static const char *source_zone(const struct outcome_source *source, const struct difference_block *block)
{
    const struct landscape *l = block->landscape;
    return tg_policy_zone(l->space->views[0].policy, l->policy_zones[0][source->zone])->name;
}

/* What the source becomes: "the router on wan", "203.0.113.5". Nothing if it stays as it is. */
static void source_text(const struct outcome_source *source, const struct difference_block *block,
                        char out[static SOURCE_TEXT])
{
    char first[TG_ADDR_TEXT], last[TG_ADDR_TEXT];
    out[0] = '\0';
    if (source->how == OUTCOME_ROUTER)
        snprintf(out, SOURCE_TEXT, "the router on %s", source_zone(source, block));
    else if (source->how == OUTCOME_POOL && source->first != source->last)
        snprintf(out, SOURCE_TEXT, "%s-%s", address_text(source->first, first), address_text(source->last, last));
    else if (source->how == OUTCOME_POOL)
        snprintf(out, SOURCE_TEXT, "%s", address_text(source->first, first));
    else if (source->how == OUTCOME_ONE_TO_ONE)
        snprintf(out, SOURCE_TEXT, "%s, port kept", address_text(source->first, first));
}

/* "within 10/second burst 5 per source, below 3 connections" */
static void condition_text(const struct outcome_condition *condition, char out[static TEXT])
{
    char per[32];
    size_t len = 0;
    out[0] = '\0';
    if (condition->limit != 0) {
        const char *unit = condition->seconds == 1 ? "second" : condition->seconds == 60 ? "minute" : "hour";
        snprintf(per, sizeof per, "%u seconds", condition->seconds);
        if (condition->seconds != 1 && condition->seconds != 60 && condition->seconds != 3600)
            unit = per;
        len = (size_t)snprintf(out, TEXT, "within %u/%s burst %u%s", condition->limit, unit, condition->burst,
                               condition->per_source ? " per source" : "");
    }
    if (condition->max != 0)
        snprintf(out + len, TEXT - len, "%sbelow %u connections%s", len > 0 ? ", " : "", condition->max,
                 condition->max_per_source ? " per source" : "");
}

static void outcome_text(const struct outcomes *o, uint32_t cell, const struct difference_block *block,
                         char out[static TEXT])
{
    const struct outcome_result *result = outcome_result(o, cell);
    char target[TEXT], source[SOURCE_TEXT], condition[TEXT];
    size_t len;
    source_text(outcome_source_of(o, cell), block, source);
    condition_text(outcome_condition(o, cell), condition);
    target_text(result, block, target);
    if (result->action != TG_ACCEPT)
        len = (size_t)snprintf(out, TEXT, "%s", result->action == TG_DROP ? "dropped" : "rejected");
    else
        len = (size_t)snprintf(out, TEXT, "%s%.100s", result->is_forwarded ? "forwarded to " : "allowed",
                               result->is_forwarded ? target : "");
    if (source[0] != '\0')
        len += (size_t)snprintf(out + len, TEXT - len, ", as from %s", source);
    if (condition[0] != '\0')
        len += (size_t)snprintf(out + len, TEXT - len, ", %.200s", condition);
    if (result->log == 0)
        return;
    const char *log = outcome_log(o, result->log);
    snprintf(out + len, TEXT - len, log[0] != '\0' ? ", logged as \"%.200s\"" : ", logged", log);
}

/* What decided, where no statement did. */
static const char *decider_text(uint32_t statement)
{
    return statement == OUTCOME_DEFAULT ? "default" : statement == OUTCOME_SPOOFED ? "spoofed" : "cannot be translated";
}

static void print_side(const struct printing *p, unsigned side, uint32_t cell, const struct difference_block *block)
{
    const struct outcomes *o = difference_outcomes(p->difference);
    const char *word = side == 0 ? "before" : "after";
    for (; cell != OUTCOME_NOTHING; cell = outcome_cell(o, cell)->rest, word = "  else") {
        const struct outcome_cell *c = outcome_cell(o, cell);
        const struct tg_statement *st = tg_policy_statement(p->policies[side], c->statement);
        char text[TEXT];
        outcome_text(o, cell, block, text);
        if (st != NULL)
            printf("%-6s  %s: %s:%u  %s\n", word, text, st->file, st->line, st->text);
        else
            printf("%-6s  %s: %s\n", word, text, decider_text(c->statement));
    }
}

static struct json_object *source_object(const struct outcome_source *source, const struct difference_block *block)
{
    struct json_object *object = json_object_new_object();
    char addr[TG_ADDR_TEXT];
    if (source->how == OUTCOME_ROUTER) {
        add_text(object, "router", source_zone(source, block));
        return object;
    }
    add_text(object, "first", address_text(source->first, addr));
    add_text(object, "last", address_text(source->last, addr));
    json_object_object_add(object, "port_kept", json_object_new_boolean(source->how == OUTCOME_ONE_TO_ONE));
    return object;
}

static struct json_object *side_object(const struct printing *p, unsigned side, uint32_t cell,
                                       const struct difference_block *block)
{
    const struct outcomes *o = difference_outcomes(p->difference);
    const struct outcome_cell *c = outcome_cell(o, cell);
    const struct outcome_result *result = outcome_result(o, cell);
    const struct tg_statement *st = tg_policy_statement(p->policies[side], c->statement);
    struct json_object *object = json_object_new_object();
    char target[TEXT], condition[TEXT];
    condition_text(outcome_condition(o, cell), condition);
    add_text(object, "action", tg_action_name((enum tg_action)result->action));
    if (st != NULL) {
        add_text(object, "file", st->file);
        json_object_object_add(object, "line", json_object_new_int64(st->line));
        add_text(object, "statement", st->text);
    } else {
        add_text(object, "by", decider_text(c->statement));
    }
    if (result->is_forwarded) {
        target_text(result, block, target);
        add_text(object, "to", target);
    }
    if (outcome_source_of(o, cell)->how != OUTCOME_KEPT)
        json_object_object_add(object, "source", source_object(outcome_source_of(o, cell), block));
    add_text(object, "limit", condition);
    if (result->log != 0)
        json_object_object_add(object, "log", json_object_new_string(outcome_log(o, result->log)));
    if (c->rest != OUTCOME_NOTHING)
        json_object_object_add(object, "else", side_object(p, side, c->rest, block));
    return object;
}

/* Blocks. */

static void print_end(const char *word, const char *zone, const char *addresses, const char *ports)
{
    printf(" %s %s", word, zone);
    if (addresses[0] != '\0')
        printf(" %s", addresses);
    if (ports[0] != '\0')
        printf(" port %s", ports);
}

static void print_words(const char *word, const char *text)
{
    if (text[0] != '\0')
        printf(" %s %s", word, text);
}

static const char *family_text(const struct shown *shown)
{
    return shown->words.family[0] && shown->words.family[1] ? "any" : shown->words.family[0] ? "ipv4" : "ipv6";
}

static void print_block(const struct shown *shown)
{
    const struct description *d = &shown->words;
    if (d->family[0] != d->family[1])
        printf("  %s %s", d->family[0] ? "IPv4" : "IPv6", d->proto);
    else
        printf("  %s", d->proto);
    print_end("from", d->in, d->src, d->sport);
    print_end("to", d->out, d->dst, d->dport);
    print_words("during", d->during);
    print_words("mac", d->mac);
    print_words("after", d->after);
    print_words("not after", d->without);
    printf("\n    %s  %s\n", shown->tried ? "example" : "perhaps", shown->example);
}

static void print_block_json(struct printing *p, const struct shown *shown)
{
    const struct description *d = &shown->words;
    struct json_object *object = json_object_new_object();
    add_text(object, "family", family_text(shown));
    add_text(object, "proto", d->proto);
    add_text(object, "in", d->in);
    add_text(object, "src", d->src);
    add_text(object, "sport", d->sport);
    add_text(object, "out", d->out);
    add_text(object, "dst", d->dst);
    add_text(object, "dport", d->dport);
    add_text(object, "during", d->during);
    add_text(object, "mac", d->mac);
    add_text(object, "after", d->after);
    add_text(object, "not_after", d->without);
    add_text(object, "example", shown->example);
    json_object_object_add(object, "tried", json_object_new_boolean(shown->tried));
    json_object_object_add(object, "before", json_object_get(p->before));
    json_object_object_add(object, "after", json_object_get(p->after));
    print_object(p, object);
}

static void begin_pair(struct printing *p, const struct difference_block *block)
{
    struct difference_pair pair = difference_pair(p->difference, p->pair);
    if (p->json) {
        p->before = side_object(p, 0, pair.before, block);
        p->after = side_object(p, 1, pair.after, block);
    } else {
        print_side(p, 0, pair.before, block);
        print_side(p, 1, pair.after, block);
    }
    p->differs = true;
}

static bool tell_block(void *context, const struct difference_block *block)
{
    struct printing *p = context;
    struct shown *next = &p->shown[p->shown_count];
    if (p->shown_count == 0)
        begin_pair(p, block);
    p->landscape = block->landscape;
    describe_block(block, &next->words);
    p->looked++;
    for (size_t i = 0; i < p->shown_count; i++)
        if (describe_join(p->landscape, &p->shown[i].words, &next->words)) {
            p->joined++;
            return p->looked < LOOKED;
        }
    next->tried = difference_example(p->difference, p->pair, block, next->example);
    p->shown_count++;
    return p->looked < LOOKED;
}

/* What has been joined may now be joined with others. */
static void join_blocks(struct printing *p)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < p->shown_count; i++)
            for (size_t j = 0; j < p->shown_count; j++) {
                if (i == j || !describe_join(p->landscape, &p->shown[i].words, &p->shown[j].words))
                    continue;
                memmove(&p->shown[j], &p->shown[j + 1], (--p->shown_count - j) * sizeof *p->shown);
                p->joined++;
                i -= j < i;
                j--;
                again = true;
            }
    }
}

static void print_more(struct printing *p, uint64_t more)
{
    if (!p->json) {
        printf("  and %llu more block%s\n", (unsigned long long)more, more == 1 ? "" : "s");
        return;
    }
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "more", json_object_new_uint64(more));
    json_object_object_add(object, "before", json_object_get(p->before));
    json_object_object_add(object, "after", json_object_get(p->after));
    print_object(p, object);
}

static void print_pair(struct printing *p)
{
    p->shown_count = p->looked = p->joined = 0;
    p->before = p->after = NULL;
    uint64_t count = difference_blocks(p->difference, p->pair, tell_block, p);
    join_blocks(p);
    count -= p->joined;
    size_t most = p->shown_count < BLOCKS ? p->shown_count : BLOCKS;
    for (size_t i = 0; i < most; i++) {
        if (p->json)
            print_block_json(p, &p->shown[i]);
        else
            print_block(&p->shown[i]);
    }
    if (count > most)
        print_more(p, count - most);
    if (!p->json)
        puts("");
    json_object_put(p->before);
    json_object_put(p->after);
}

static void print_pairs(struct printing *p)
{
    for (p->pair = 0; p->pair < difference_count(p->difference); p->pair++)
        print_pair(p);
}

/* => the exit status */
static int diff(struct printing *p)
{
    int error = difference_new(p->policies[0], p->policies[1], &p->difference);
    if (error == -E2BIG) {
        cli_complain("%s and %s cannot be compared in the memory that is taken for it: they differ in too many ways",
                     p->paths[0], p->paths[1]);
        return CLI_SYSTEM;
    }
    if (error != 0) {
        cli_complain("%s", strerror(-error));
        return CLI_SYSTEM;
    }
    p->shown = calloc(LOOKED, sizeof *p->shown);
    print_settings(p);
    if (p->shown != NULL)
        print_pairs(p);
    bool failed = p->shown == NULL || difference_failed(p->difference);
    free(p->shown);
    difference_free(p->difference);
    if (failed || fflush(stdout) != 0) {
        cli_complain("%s", strerror(failed ? ENOMEM : errno));
        return CLI_SYSTEM;
    }
    return p->differs ? CLI_NO : CLI_OK;
}

int cmd_diff(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    struct printing printing = {.json = false};
    struct tg_policy *policies[2];
    int option, status = CLI_OK;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j')
            return cli_usage(argv[0], "there is no option %s", argv[optind - 1]);
        printing.json = true;
    }
    if (argc - optind != 2)
        return cli_usage(argv[0], "give two rules files, the old one and the new one");
    for (int i = 0; i < 2; i++) {
        printing.paths[i] = argv[optind + i];
        int loaded = cli_load_rules(argv[optind + i], &policies[i]);
        status = loaded > status ? loaded : status;
        printing.policies[i] = policies[i];
    }
    if (status == CLI_OK)
        status = diff(&printing);
    tg_policy_free(policies[0]);
    tg_policy_free(policies[1]);
    return status;
}
