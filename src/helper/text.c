#include <stdio.h>
#include <string.h>

#include "helper/inside.h"
#include "tidegate/packet.h"

/* ---- reading ---- */

static char lower(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool read_text(struct reader *r, const char *text)
{
    uint32_t at = r->at;
    for (; *text != '\0'; text++, at++)
        if (at >= r->end || lower(r->bytes[at]) != lower((uint8_t)*text))
            return false;
    r->at = at;
    return true;
}

bool read_number(struct reader *r, uint32_t digits, uint32_t most, uint32_t *number)
{
    struct reader end = *r;
    uint64_t value = 0;
    for (; read_is_digit(&end); end.at++) {
        value = value * 10 + (uint64_t)(end.bytes[end.at] - '0');
        if (end.at - r->at >= digits || value > most)
            return false;
    }
    if (end.at == r->at)
        return false;
    r->at = end.at;
    *number = (uint32_t)value;
    return true;
}

bool read_port(struct reader *r, uint16_t *port)
{
    uint32_t number;
    struct reader end = *r;
    if (!read_number(&end, 5, UINT16_MAX, &number) || number == 0)
        return false;
    *r = end;
    *port = (uint16_t)number;
    return true;
}

static bool is_of_address(uint8_t c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f') || c == '.' || c == ':';
}

bool read_address(struct reader *r, uint8_t *family, struct tg_addr *addr, struct helper_spot *spot)
{
    char text[TG_ADDR_TEXT];
    uint32_t len = 0;
    while (r->at + len < r->end && is_of_address(r->bytes[r->at + len]))
        len++;
    if (len == 0 || len >= sizeof text)
        return false;
    memcpy(text, r->bytes + r->at, len);
    text[len] = '\0';
    if (tg_addr_parse(text, family, addr) != 0)
        return false;
    *spot = (struct helper_spot){HELPER_ADDRESS, (uint16_t)r->at, (uint16_t)len};
    r->at += len;
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

void read_blanks(struct reader *r)
{
    while (r->at < r->end && is_blank(r->bytes[r->at]))
        r->at++;
}

bool read_line(struct reader *r, struct reader *line, bool *has_cr)
{
    const uint8_t *lf = r->at < r->end ? memchr(r->bytes + r->at, '\n', r->end - r->at) : NULL;
    if (lf == NULL)
        return false;
    uint32_t end = (uint32_t)(lf - r->bytes);
    *has_cr = end > r->at && r->bytes[end - 1] == '\r';
    *line = (struct reader){r->bytes, r->at, end - *has_cr};
    r->at = end + 1;
    return true;
}

bool read_is(const struct reader *word, const char *text)
{
    struct reader r = *word;
    return read_text(&r, text) && r.at == r.end;
}

struct reader read_part(struct reader *r, char separator)
{
    struct reader part = *r;
    while (r->at < r->end && r->bytes[r->at] != (uint8_t)separator)
        r->at++;
    part.end = r->at;
    r->at += r->at < r->end;
    read_blanks(&part);
    return part;
}

void drop_blanks(struct reader *r)
{
    while (r->end > r->at && is_blank(r->bytes[r->end - 1]))
        r->end--;
}

/* A field, which may go on in lines that begin with a blank (RFC 2822 2.2.3): its value then has line ends within, as
 * no announcement has. */
static enum fields read_field(struct reader *r, struct reader *field)
{
    struct reader more;
    bool has_cr;
    if (!read_line(r, field, &has_cr))
        return FIELDS_CUT;
    while (has_cr && field->at != field->end && r->at < r->end && is_blank(r->bytes[r->at])) {
        if (!read_line(r, &more, &has_cr))
            return FIELDS_CUT;
        field->end = more.end;
    }
    return has_cr ? FIELDS_WHOLE : FIELDS_WRONG;
}

enum fields read_fields(struct reader *r, read_field_fn *visit, void *context)
{
    struct reader value;
    for (;;) {
        enum fields read = read_field(r, &value);
        if (read != FIELDS_WHOLE || value.at == value.end)
            return read;
        struct reader name = read_part(&value, ':');
        if (value.bytes[name.end] != ':') /* there is a line end at least */
            return FIELDS_WRONG;
        drop_blanks(&name);
        read_blanks(&value);
        drop_blanks(&value);
        if (!visit(context, &name, value))
            return FIELDS_WRONG;
    }
}

/* ---- announcements ---- */

struct helper_item *helper_add(struct helper_message *message, enum helper_role role)
{
    message->is_full |= message->count == HELPER_ITEMS;
    if (message->is_full)
        return NULL;
    struct helper_item *item = &message->items[message->count++];
    *item = (struct helper_item){.role = (uint8_t)role, .ports = 1, .family = TG_IPV4};
    return item;
}

void helper_add_spot(struct helper_item *item, enum helper_form form, uint32_t at, uint32_t len)
{
    if (item->spot_count < HELPER_SPOTS)
        item->spots[item->spot_count++] = (struct helper_spot){(uint8_t)form, (uint16_t)at, (uint16_t)len};
}

bool helper_reads(enum helper_kind kind, uint8_t proto)
{
    switch (kind) {
    case HELPER_FTP:
    case HELPER_RTSP: return proto == TG_PROTO_TCP;
    case HELPER_TFTP:
    case HELPER_SIP: return proto == TG_PROTO_UDP;
    default: return false;
    }
}

void helper_read(enum helper_kind kind, bool is_reply, uint16_t port, const uint8_t *bytes, uint32_t len,
                 struct helper_message *message)
{
    message->len = message->count = message->body = message->body_len = 0;
    message->is_full = message->is_foreign = message->has_length = false;
    if (len > HELPER_LONGEST)
        len = HELPER_LONGEST;
    switch (kind) {
    case HELPER_FTP: ftp_read(is_reply, bytes, len, message); break;
    case HELPER_TFTP: tftp_read(is_reply, port, bytes, len, message); break;
    case HELPER_RTSP: rtsp_read(is_reply, bytes, len, message); break;
    case HELPER_SIP: sip_read(bytes, len, message); break;
    default: break;
    }
    if (message->is_full)
        message->count = 0;
}

bool helper_greets(enum helper_kind kind, bool is_reply, const uint8_t *bytes, uint32_t len)
{
    switch (kind) {
    case HELPER_FTP: return ftp_greets(is_reply, bytes, len);
    case HELPER_RTSP: return rtsp_greets(is_reply, bytes, len);
    default: return false;
    }
}

/* ---- writing ---- */

uint32_t helper_write(enum helper_form form, const uint8_t *was, uint32_t len, struct tg_addr addr, uint16_t port,
                      char out[static HELPER_WRITTEN])
{
    char text[TG_ADDR_TEXT];
    uint32_t a = (uint32_t)addr.lo;
    bool has_port = memchr(was, ':', len) != NULL || port != HELPER_SIP_PORT;
    int n = 0;
    tg_addr_format(TG_IPV4, addr, text);
    switch (form) {
    case HELPER_COMMAS:
        n = snprintf(out, HELPER_WRITTEN, "%u,%u,%u,%u,%u,%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, port >> 8,
                     port & 255);
        break;
    case HELPER_ADDRESS: n = snprintf(out, HELPER_WRITTEN, "%.15s", text); break;
    case HELPER_PORT: n = snprintf(out, HELPER_WRITTEN, "%u", port); break;
    case HELPER_PORTS: n = snprintf(out, HELPER_WRITTEN, "%u-%u", port, port + 1u); break;
    case HELPER_ENDPOINT:
        n = has_port ? snprintf(out, HELPER_WRITTEN, "%.15s:%u", text, port)
                     : snprintf(out, HELPER_WRITTEN, "%.15s", text);
        break;
    }
    return (uint32_t)n;
}
