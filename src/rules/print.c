#include "rules/print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/icmp.h"
#include "rules/parse.h"
#include "rules/words.h"

/* The growing text. */

void print_free(struct print *out)
{
    free(out->bytes);
    *out = (struct print){0};
}

static void add_bytes(struct print *out, const char *bytes, size_t len)
{
    if (out->failed)
        return;
    if (out->room - out->len <= len) {
        size_t room = (out->len + len + 1) * 2;
        char *more = realloc(out->bytes, room);
        if (more == NULL) {
            out->failed = true;
            return;
        }
        out->bytes = more;
        out->room = room;
    }
    memcpy(out->bytes + out->len, bytes, len);
    out->len += len;
    out->bytes[out->len] = '\0';
}

static void add(struct print *out, const char *text)
{
    add_bytes(out, text, strlen(text));
}

/* Begin the next word of the line: with a blank, unless it is the first. */
static void gap(struct print *out)
{
    if (out->len > 0 && out->bytes[out->len - 1] != '\n')
        add(out, " ");
}

static void word(struct print *out, const char *text)
{
    gap(out);
    add(out, text);
}

__attribute__((format(printf, 2, 3))) static void add_format(struct print *out, const char *format, ...)
{
    char text[256]; /* numbers and addresses; names and texts go by add() */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(out, text);
}

static void quoted(struct print *out, const char *text)
{
    word(out, "\"");
    add(out, text);
    add(out, "\"");
}

/* Items. */

/* => the length of the prefix that has exactly these addresses, or -1 */
static int prefix_length(const struct tg_range *range)
{
    int most = range->family == TG_IPV4 ? 32 : 128;
    for (int len = 0; len <= most; len++) {
        const struct tg_prefix prefix = {range->first, range->family, (uint8_t)len};
        struct tg_range all = tg_prefix_range(&prefix);
        if (tg_addr_equal(all.first, range->first) && tg_addr_equal(all.last, range->last))
            return len;
    }
    return -1;
}

void print_address(struct print *out, const struct address_item *item)
{
    const struct tg_range *range = &item->range;
    char first[TG_ADDR_TEXT], last[TG_ADDR_TEXT];
    if (item->name != NULL) {
        add(out, item->name);
        return;
    }
    tg_addr_format(range->family, range->first, first);
    if (tg_addr_equal(range->first, range->last))
        add(out, first);
    else if (memchr(text_at(item->place), '-', item->place.len) != NULL)
        add_format(out, "%s-%s", first, tg_addr_format(range->family, range->last, last));
    else
        add_format(out, "%s/%d", first, prefix_length(range));
}

static void add_ports(struct print *out, const struct policy_ports *ports)
{
    if (ports->first == ports->last)
        add_format(out, "%u", ports->first);
    else
        add_format(out, "%u-%u", ports->first, ports->last);
}

void print_port(struct print *out, const struct port_item *item)
{
    if (item->name != NULL)
        add(out, item->name);
    else
        add_ports(out, &item->ports);
}

static void add_protocol(struct print *out, uint8_t proto)
{
    char buf[WORDS_PROTOCOL];
    add(out, words_protocol_name(proto, buf));
}

void print_proto(struct print *out, const struct proto_item *item)
{
    if (item->service != NULL)
        add(out, item->service);
    else
        add_protocol(out, item->proto);
}

static void add_type(struct print *out, const struct type_item *item, uint8_t proto)
{
    const char *exact = icmp_name_of(proto, item->type, item->any_code, item->code);
    const char *type = icmp_name_of(proto, item->type, true, 0);
    if (exact != NULL)
        add(out, exact);
    else if (type != NULL)
        add(out, type);
    else
        add_format(out, "%u", item->type);
    if (exact == NULL && !item->any_code)
        add_format(out, "/%u", item->code);
}

/* Lists, each as further words of the line. */

/* Between two items. */
static void comma(struct print *out, bool more)
{
    if (more)
        add(out, ", ");
}

static void addresses(struct print *out, const struct address_item *items)
{
    gap(out);
    for (const struct address_item *item = items; item != NULL; item = item->next) {
        print_address(out, item);
        comma(out, item->next != NULL);
    }
}

static void ports(struct print *out, const struct port_item *items)
{
    gap(out);
    for (const struct port_item *item = items; item != NULL; item = item->next) {
        print_port(out, item);
        comma(out, item->next != NULL);
    }
}

static void port_option(struct print *out, const struct port_list *list)
{
    if (list->items == NULL)
        return;
    word(out, "port");
    ports(out, list->items);
}

static void protos(struct print *out, const struct proto_list *list)
{
    if (list->items == NULL)
        return;
    gap(out);
    for (const struct proto_item *item = list->items; item != NULL; item = item->next) {
        print_proto(out, item);
        if (item->next != NULL)
            add(out, ",");
    }
}

static void types(struct print *out, const struct type_item *items, const struct proto_list *of)
{
    if (items == NULL)
        return;
    gap(out);
    for (const struct type_item *item = items; item != NULL; item = item->next) {
        add_type(out, item, of->items->proto);
        comma(out, item->next != NULL);
    }
}

/* [ZONE] [ADDRESSES] [port PORTS] */
static void side_parts(struct print *out, const struct side *side)
{
    if (side->zone.text != NULL)
        word(out, side->zone.text);
    if (side->addresses.outside)
        word(out, "not");
    if (side->addresses.items != NULL)
        addresses(out, side->addresses.items);
    port_option(out, &side->ports);
}

static void side(struct print *out, const char *which, const struct side *side)
{
    if (side->place.len == 0)
        return;
    word(out, which);
    side_parts(out, side);
}

static void label(struct print *out, const struct name_ref *label)
{
    if (label->text != NULL)
        quoted(out, label->text);
}

/* Statements. */

static void zone(struct print *out, const struct statement *st)
{
    char addr[TG_ADDR_TEXT];
    word(out, st->name.text);
    word(out, "on ");
    for (const struct interface_item *item = st->zone.interfaces; item != NULL; item = item->next) {
        add(out, item->name);
        comma(out, item->next != NULL);
    }
    if (st->zone.addresses != NULL)
        word(out, "address ");
    for (const struct own_address *own = st->zone.addresses; own != NULL; own = own->next) {
        add_format(out, "%s/%u", tg_addr_format(own->prefix.family, own->prefix.addr, addr), own->prefix.len);
        comma(out, own->next != NULL);
    }
    if (st->zone.masquerade)
        word(out, "masquerade");
}

static void named_addresses(struct print *out, const struct statement *st)
{
    word(out, st->name.text);
    if (st->path.text != NULL) {
        word(out, "from");
        quoted(out, st->path.text);
    } else {
        word(out, "=");
        addresses(out, st->addresses);
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
    word(out, st->name.text);
    word(out, "= ");
    for (const struct service_item *part = st->parts; part != NULL; before = part, part = behind(part)) {
        comma(out, before != NULL);
        if (part->any_port || before == NULL || !same_protocols(before, part)) {
            for (const struct service_item *p = part; p != behind(part); p = p->next) {
                add(out, p == part ? "" : ",");
                add_protocol(out, p->proto);
            }
            add(out, part->any_port ? "" : " ");
        }
        if (part->any_port)
            continue;
        if (words_is_name(part->place))
            add_bytes(out, text_at(part->place), part->place.len);
        else
            add_ports(out, &part->ports);
    }
}

static void rule(struct print *out, const struct rule_statement *rule)
{
    static const char *const actions[] = {
        [TG_STATEMENT_ALLOW] = "allow", [TG_STATEMENT_DROP] = "drop", [TG_STATEMENT_REJECT] = "reject"};
    word(out, actions[rule->action]);
    protos(out, &rule->protos);
    types(out, rule->types, &rule->protos);
    side(out, "from", &rule->from);
    side(out, "to", &rule->to);
    label(out, &rule->label);
}

static void forward_at(struct print *out, const struct forward_statement *forward)
{
    char addr[TG_ADDR_TEXT];
    if (forward->at.len == 0)
        return;
    word(out, "at");
    word(out, tg_addr_format(TG_IPV4, forward->at_addr, addr));
}

static void forward_protos(struct print *out, const struct forward_statement *forward)
{
    if (forward->any)
        word(out, "any");
    protos(out, &forward->protos);
}

void print_forward_taken(struct print *out, const struct forward_statement *forward)
{
    forward_protos(out, forward);
    if (forward->ext.items != NULL)
        ports(out, forward->ext.items);
    forward_at(out, forward);
}

void print_forward_from(struct print *out, const struct forward_statement *forward)
{
    side_parts(out, &forward->from);
}

void print_forward_to(struct print *out, const struct forward_statement *forward)
{
    addresses(out, forward->host);
    port_option(out, &forward->in);
}

void print_forward_options(struct print *out, const struct forward_statement *forward)
{
    if (forward->no_hairpin)
        word(out, "no-hairpin");
}

static void forward(struct print *out, const struct forward_statement *forward)
{
    word(out, "forward");
    forward_protos(out, forward);
    port_option(out, &forward->ext);
    forward_at(out, forward);
    side(out, "from", &forward->from);
    word(out, "to");
    print_forward_to(out, forward);
    print_forward_options(out, forward);
    label(out, &forward->label);
}

/* Its words as they stand: it is read only when every name is known, and the tree keeps no more of it. */
static void expectation(struct print *out, const struct token *token)
{
    for (; token->kind != TOKEN_END; token++) {
        if (token->kind != TOKEN_COMMA)
            gap(out);
        add_bytes(out, text_at(token->place), token->place.len);
    }
}

void print_statement(struct print *out, const struct statement *st)
{
    switch (st->kind) {
    case STATEMENT_NONE: break;
    case STATEMENT_ZONE:
        word(out, "zone");
        zone(out, st);
        break;
    case STATEMENT_HOST:
        word(out, "host");
        named_addresses(out, st);
        break;
    case STATEMENT_SET:
        word(out, "set");
        named_addresses(out, st);
        break;
    case STATEMENT_SERVICE:
        word(out, "service");
        service(out, st);
        break;
    case STATEMENT_RULE: rule(out, &st->rule); break;
    case STATEMENT_DEFAULT:
        word(out, "default");
        word(out, st->fallback == TG_DROP ? "drop" : "reject");
        break;
    case STATEMENT_FORWARD: forward(out, &st->forward); break;
    case STATEMENT_EXPECT: expectation(out, st->tokens); break;
    case STATEMENT_INCLUDE:
        word(out, "include");
        quoted(out, st->name.text);
        break;
    default: break;
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
        add_bytes(out, line, at);
        add(out, MORE);
        line += at + 1;
        len -= at + 1;
        width = PRINT_WIDTH - strlen(INDENT);
    }
    add_bytes(out, line, len);
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
        add_bytes(out, line.bytes, line.len);
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
        add(out, "  ");
    add_bytes(out, text_at(comment), comment.len);
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
            add(out, "\n");
        blank = st->place.len > 0 && ends_blank(st);
        add_statement(out, st);
        add_comment(out, st);
        add(out, "\n");
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
