#include "rules/print_part.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/icmp.h"
#include "rules/words.h"

/* The growing text. */

void print_free(struct print *out)
{
    free(out->bytes);
    *out = (struct print){0};
}

void print_bytes(struct print *out, const char *bytes, size_t len)
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

void print_text(struct print *out, const char *text)
{
    print_bytes(out, text, strlen(text));
}

void print_gap(struct print *out)
{
    if (out->len > 0 && out->bytes[out->len - 1] != '\n')
        print_text(out, " ");
}

void print_word(struct print *out, const char *text)
{
    print_gap(out);
    print_text(out, text);
}

void print_format(struct print *out, const char *format, ...)
{
    char text[256]; /* numbers and addresses; names and texts go by print_text() */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    print_text(out, text);
}

void print_quoted(struct print *out, const char *text)
{
    print_word(out, "\"");
    print_text(out, text);
    print_text(out, "\"");
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
        print_text(out, item->name);
        return;
    }
    tg_addr_format(range->family, range->first, first);
    if (tg_addr_equal(range->first, range->last))
        print_text(out, first);
    else if (memchr(text_at(item->place), '-', item->place.len) != NULL)
        print_format(out, "%s-%s", first, tg_addr_format(range->family, range->last, last));
    else
        print_format(out, "%s/%d", first, prefix_length(range));
}

void print_port_range(struct print *out, const struct policy_ports *ports)
{
    if (ports->first == ports->last)
        print_format(out, "%u", ports->first);
    else
        print_format(out, "%u-%u", ports->first, ports->last);
}

void print_port(struct print *out, const struct port_item *item)
{
    if (item->name != NULL)
        print_text(out, item->name);
    else
        print_port_range(out, &item->ports);
}

void print_protocol(struct print *out, uint8_t proto)
{
    char buf[WORDS_PROTOCOL];
    print_text(out, words_protocol_name(proto, buf));
}

void print_proto(struct print *out, const struct proto_item *item)
{
    if (item->service != NULL)
        print_text(out, item->service);
    else
        print_protocol(out, item->proto);
}

static void add_type(struct print *out, const struct type_item *item, uint8_t proto)
{
    const char *exact = icmp_name_of(proto, item->type, item->any_code, item->code);
    const char *type = icmp_name_of(proto, item->type, true, 0);
    if (exact != NULL)
        print_text(out, exact);
    else if (type != NULL)
        print_text(out, type);
    else
        print_format(out, "%u", item->type);
    if (exact == NULL && !item->any_code)
        print_format(out, "/%u", item->code);
}

/* Lists, each as further words of the line. */

void print_comma(struct print *out, bool more)
{
    if (more)
        print_text(out, ", ");
}

void print_addresses(struct print *out, const struct address_item *items)
{
    print_gap(out);
    for (const struct address_item *item = items; item != NULL; item = item->next) {
        print_address(out, item);
        print_comma(out, item->next != NULL);
    }
}

void print_ports(struct print *out, const struct port_item *items)
{
    print_gap(out);
    for (const struct port_item *item = items; item != NULL; item = item->next) {
        print_port(out, item);
        print_comma(out, item->next != NULL);
    }
}

void print_port_option(struct print *out, const struct port_list *list)
{
    if (list->items == NULL)
        return;
    print_word(out, "port");
    print_ports(out, list->items);
}

void print_protos(struct print *out, const struct proto_list *list)
{
    if (list->items == NULL)
        return;
    print_gap(out);
    for (const struct proto_item *item = list->items; item != NULL; item = item->next) {
        print_proto(out, item);
        if (item->next != NULL)
            print_text(out, ",");
    }
}

void print_types(struct print *out, const struct type_item *items, const struct proto_list *of)
{
    if (items == NULL)
        return;
    print_gap(out);
    for (const struct type_item *item = items; item != NULL; item = item->next) {
        add_type(out, item, of->items->proto);
        print_comma(out, item->next != NULL);
    }
}

void print_side_parts(struct print *out, const struct side *side)
{
    if (side->zone.text != NULL)
        print_word(out, side->zone.text);
    if (side->addresses.outside)
        print_word(out, "not");
    if (side->addresses.items != NULL)
        print_addresses(out, side->addresses.items);
    print_port_option(out, &side->ports);
}

void print_side(struct print *out, const char *which, const struct side *side)
{
    if (side->place.len == 0)
        return;
    print_word(out, which);
    print_side_parts(out, side);
}

void print_label(struct print *out, const struct name_ref *label)
{
    if (label->text != NULL)
        print_quoted(out, label->text);
}
