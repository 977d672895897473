#include "rules/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/parse.h"
#include "rules/print_part.h"
#include "rules/words.h"

/* Statements. */

static void zone(struct print *out, const struct statement *st)
{
    char addr[TG_ADDR_TEXT];
    print_word(out, st->name.text);
    print_word(out, "on ");
    for (const struct interface_item *item = st->zone.interfaces; item != NULL; item = item->next) {
        print_text(out, item->name);
        print_comma(out, item->next != NULL);
    }
    if (st->zone.addresses != NULL)
        print_word(out, "address ");
    for (const struct own_address *own = st->zone.addresses; own != NULL; own = own->next) {
        print_format(out, "%s/%u", tg_addr_format(own->prefix.family, own->prefix.addr, addr), own->prefix.len);
        print_comma(out, own->next != NULL);
    }
    if (st->zone.masquerade)
        print_word(out, "masquerade");
    if (st->zone.mss_clamp)
        print_word(out, "mss-clamp");
    if (st->zone.open_on_failure)
        print_word(out, "on-failure open");
}

static void named_addresses(struct print *out, const struct statement *st)
{
    print_word(out, st->name.text);
    if (st->path.text != NULL) {
        print_word(out, "from");
        print_quoted(out, st->path.text);
    } else {
        print_word(out, "=");
        print_addresses(out, st->addresses);
    }
}

/* The parts of a service that one port has given: of each of the protocols before it.
 * => the part behind them */
static const struct service_item *behind(const struct service_item *part)
{
    uint32_t at = part->place.at;
    while (part != NULL && part->place.at == at)
        part = part->next;
    return part;
}

/* Whether two ports were given to the same protocols. */
static bool same_protocols(const struct service_item *a, const struct service_item *b)
{
    const struct service_item *end_a = behind(a), *end_b = behind(b);
    while (a != end_a && b != end_b && a->proto == b->proto && a->any_port == b->any_port) {
        a = a->next;
        b = b->next;
    }
    return a == end_a && b == end_b;
}

static void service(struct print *out, const struct statement *st)
{
    const struct service_item *before = NULL;
    print_word(out, st->name.text);
    print_word(out, "= ");
    for (const struct service_item *part = st->parts; part != NULL; before = part, part = behind(part)) {
        print_comma(out, before != NULL);
        if (part->any_port || before == NULL || !same_protocols(before, part)) {
            for (const struct service_item *p = part; p != behind(part); p = p->next) {
                print_text(out, p == part ? "" : ",");
                print_protocol(out, p->proto);
            }
            print_text(out, part->any_port ? "" : " ");
        }
        if (part->any_port)
            continue;
        if (words_is_name(part->place))
            print_bytes(out, text_at(part->place), part->place.len);
        else
            print_port_range(out, &part->ports);
    }
}

static void rule(struct print *out, const struct rule_statement *rule)
{
    static const char *const actions[] = {
        [TG_STATEMENT_ALLOW] = "allow", [TG_STATEMENT_DROP] = "drop", [TG_STATEMENT_REJECT] = "reject"};
    print_word(out, actions[rule->action]);
    print_protos(out, &rule->protos);
    print_types(out, rule->types, &rule->protos);
    print_side(out, "from", &rule->from);
    print_side(out, "to", &rule->to);
    print_options(out, &rule->options, &rule->label);
}

static void forward_at(struct print *out, const struct forward_statement *forward)
{
    char addr[TG_ADDR_TEXT];
    if (forward->at.len == 0)
        return;
    print_word(out, "at");
    print_word(out, tg_addr_format(TG_IPV4, forward->at_addr, addr));
}

static void forward_protos(struct print *out, const struct forward_statement *forward)
{
    if (forward->any)
        print_word(out, "any");
    print_protos(out, &forward->protos);
}

void print_forward_taken(struct print *out, const struct forward_statement *forward)
{
    forward_protos(out, forward);
    if (forward->ext.items != NULL)
        print_ports(out, forward->ext.items);
    forward_at(out, forward);
}

void print_forward_from(struct print *out, const struct forward_statement *forward)
{
    print_side_parts(out, &forward->from);
}

void print_forward_to(struct print *out, const struct forward_statement *forward)
{
    print_addresses(out, forward->host);
    print_port_option(out, &forward->in);
}

static void forward_options(struct print *out, const struct forward_statement *forward, const struct name_ref *label)
{
    if (forward->no_hairpin)
        print_word(out, "no-hairpin");
    print_options(out, &forward->options, label);
}

void print_forward_options(struct print *out, const struct forward_statement *forward)
{
    static const struct name_ref none = {0};
    forward_options(out, forward, &none);
}

static void forward(struct print *out, const struct forward_statement *forward)
{
    print_word(out, "forward");
    forward_protos(out, forward);
    print_port_option(out, &forward->ext);
    forward_at(out, forward);
    print_side(out, "from", &forward->from);
    print_word(out, "to");
    print_forward_to(out, forward);
    forward_options(out, forward, &forward->label);
}

static void translate(struct print *out, const struct translate_statement *translate)
{
    const struct address_item as = {.place = translate->as, .range = translate->range};
    print_word(out, "translate");
    print_side(out, "from", &translate->from);
    print_side(out, "to", &translate->to);
    print_word(out, translate->itself ? "as itself" : "as ");
    if (!translate->itself)
        print_address(out, &as);
    print_label(out, &translate->label);
}

static void map(struct print *out, const struct map_statement *map)
{
    char addr[TG_ADDR_TEXT];
    print_word(out, "map");
    print_word(out, tg_addr_format(TG_IPV4, map->addr, addr));
    print_word(out, "on");
    print_word(out, map->zone.text);
    print_word(out, "to ");
    print_address(out, map->host);
    print_label(out, &map->label);
}

static void nat(struct print *out, const struct nat_statement *nat)
{
    print_word(out, "nat");
    if (nat->what == NAT_PORTS) {
        print_word(out, "ports ");
        print_port_range(out, &nat->ports);
        return;
    }
    if (nat->tcp != nat->udp)
        print_word(out, nat->tcp ? "tcp" : "udp");
    print_word(out, nat->what == NAT_MAPPING ? "mapping" : "filtering");
    print_word(out, words_behaviours[nat->behaviour]);
}

/* A duration behind its word. */
static void duration(struct print *out, const char *word, const struct duration *duration)
{
    char text[WORDS_DURATION];
    print_word(out, word);
    print_word(out, words_duration_text(duration->seconds, text));
}

static void connections(struct print *out, const struct connections_statement *connections)
{
    print_word(out, "connections");
    if (connections->pickup) {
        print_word(out, "pickup");
    } else {
        print_word(out, "max ");
        print_format(out, "%u", connections->max);
    }
}

static void helper(struct print *out, const struct helper_statement *helper)
{
    print_word(out, "helper");
    print_word(out, words_helpers[helper->kind - 1]);
    print_word(out, "on ");
    print_protocol(out, helper->proto);
    print_port_option(out, &helper->ports);
}

static void detect(struct print *out, const struct detect_statement *detect)
{
    print_word(out, "detect scan");
    print_side(out, "from", &detect->from);
    print_word(out, "over ");
    print_format(out, "%u ports", detect->ports);
    duration(out, "in", &detect->within);
    duration(out, "block", &detect->block);
    if (detect->log.len > 0)
        print_word(out, "log");
    if (detect->log_text.text != NULL)
        print_quoted(out, detect->log_text.text);
}

static void knock(struct print *out, const struct statement *st)
{
    print_word(out, "knock");
    print_word(out, st->name.text);
    print_side(out, "from", &st->knock.from);
    print_gap(out);
    for (const struct knock_step *step = st->knock.steps; step != NULL; step = step->next) {
        print_protocol(out, step->proto);
        print_text(out, " ");
        print_port(out, step->port.items);
        print_comma(out, step->next != NULL);
    }
    duration(out, "within", &st->knock.within);
    duration(out, "for", &st->knock.open);
}

/* Its words as they stand: it is read only when every name is known, and the tree keeps no more of it. */
static void expectation(struct print *out, const struct token *token)
{
    for (; token->kind != TOKEN_END; token++) {
        if (token->kind != TOKEN_COMMA)
            print_gap(out);
        print_bytes(out, text_at(token->place), token->place.len);
    }
}

void print_statement(struct print *out, const struct statement *st)
{
    switch (st->kind) {
    case STATEMENT_NONE: break;
    case STATEMENT_ZONE:
        print_word(out, "zone");
        zone(out, st);
        break;
    case STATEMENT_HOST:
        print_word(out, "host");
        named_addresses(out, st);
        break;
    case STATEMENT_SET:
        print_word(out, "set");
        named_addresses(out, st);
        break;
    case STATEMENT_SERVICE:
        print_word(out, "service");
        service(out, st);
        break;
    case STATEMENT_RULE: rule(out, &st->rule); break;
    case STATEMENT_DEFAULT:
        print_word(out, "default");
        print_word(out, st->fallback == TG_DROP ? "drop" : "reject");
        break;
    case STATEMENT_FORWARD: forward(out, &st->forward); break;
    case STATEMENT_TRANSLATE: translate(out, &st->translate); break;
    case STATEMENT_MAP: map(out, &st->map); break;
    case STATEMENT_NAT: nat(out, &st->nat); break;
    case STATEMENT_TIMEOUT:
        print_word(out, "timeout");
        duration(out, words_timers[st->timeout.timer], &st->timeout.duration);
        break;
    case STATEMENT_CONNECTIONS: connections(out, &st->connections); break;
    case STATEMENT_HELPER: helper(out, &st->helper); break;
    case STATEMENT_DETECT: detect(out, &st->detect); break;
    case STATEMENT_KNOCK: knock(out, st); break;
    case STATEMENT_EXPECT: expectation(out, st->tokens); break;
    case STATEMENT_INCLUDE:
        print_word(out, "include");
        print_quoted(out, st->name.text);
        break;
    }
}

/* Lines. */

#define INDENT "    " /* of a line that goes on with a statement */
#define MORE   " \\\n" INDENT

/* Where a line that is too long is broken: the last blank outside quotes within `most` characters, or the first behind
 * them.
 * => its index, or `len` if there is none */
static size_t break_at(const char *line, size_t len, size_t most)
{
    size_t best = len;
    bool within = false;
    for (size_t i = 0; i < len; i++) {
        within ^= line[i] == '"';
        if (line[i] != ' ' || within)
            continue;
        bool fits = text_characters(line, i) <= most;
        if (fits || best == len)
            best = i;
        if (!fits)
            break;
    }
    return best;
}

/* A character has at most four bytes: so a line of megabytes is not counted anew for each piece of it. */
static bool is_longer(const char *line, size_t len, size_t width)
{
    return len > 4 * width || text_characters(line, len) > width;
}

/* Add a statement, broken into lines that are not too long. */
static void add_folded(struct print *out, const char *line, size_t len)
{
    size_t width = PRINT_WIDTH;
    while (is_longer(line, len, width)) {
        size_t at = break_at(line, len, width - strlen(" \\"));
        if (at == len)
            break;
        print_bytes(out, line, at);
        print_text(out, MORE);
        line += at + 1;
        len -= at + 1;
        width = PRINT_WIDTH - strlen(INDENT);
    }
    print_bytes(out, line, len);
}

static bool is_continued(const struct statement *st)
{
    return memchr(text_at(st->place), '\n', st->place.len) != NULL;
}

static void add_statement(struct print *out, const struct statement *st)
{
    struct print line = {0};
    if (st->place.len == 0)
        return;
    print_statement(&line, st);
    out->failed |= line.failed;
    if (line.bytes != NULL && is_continued(st))
        add_folded(out, line.bytes, line.len);
    else if (line.bytes != NULL)
        print_bytes(out, line.bytes, line.len);
    print_free(&line);
}

static void add_comment(struct print *out, const struct statement *st)
{
    struct place comment = st->comment;
    if (comment.len == 0)
        return;
    while (text_at(comment)[comment.len - 1] == ' ' || text_at(comment)[comment.len - 1] == '\t')
        comment.len--;
    if (st->place.len > 0)
        print_text(out, "  ");
    print_bytes(out, text_at(comment), comment.len);
}

/* Whether the last line of a continued statement is blank: it ends the statement, and looks like any other blank line.
 */
static bool ends_blank(const struct statement *st)
{
    unsigned lines = 0;
    for (uint32_t at = st->place.at + st->place.len; at < st->whole.at + st->whole.len; at++)
        lines += st->whole.text->bytes[at] == '\n';
    return st->comment.len == 0 && lines > 1;
}

static void print_file(struct print *out, const struct file *file)
{
    bool blank = false; /* one stood since the last line that was printed */
    for (const struct statement *st = file->statements; st != NULL; st = st->next) {
        if (st->place.len == 0 && st->comment.len == 0) {
            blank = true;
            continue;
        }
        if (blank && out->len > 0)
            print_text(out, "\n");
        blank = st->place.len > 0 && ends_blank(st);
        add_statement(out, st);
        add_comment(out, st);
        print_text(out, "\n");
    }
}

int print_rules(struct print *out, const char *path, const char *bytes, size_t len)
{
    struct tree tree = {.complaints = tg_complaints_new()};
    int error = -ENOMEM;
    if (tree.complaints == NULL)
        return error;
    const struct text *text = text_new(&tree.arena, path, bytes, len);
    if (text != NULL && parse_file(&tree, text, &tree.root) && !complaints_failed(tree.complaints)) {
        error = tg_complaints_count(tree.complaints, TG_ERROR) > 0 ? -EINVAL : 0;
        if (error == 0)
            print_file(out, &tree.root);
        if (out->failed)
            error = -ENOMEM;
    }
    arena_clear(&tree.arena);
    tg_complaints_free(tree.complaints);
    return error;
}
