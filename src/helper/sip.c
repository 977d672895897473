/* SIP (RFC 3261) over UDP, with session descriptions (RFC 4566) in it: who calls says in its own messages where it is
 * called back, and where it wants to hear and see.
 *
 *   INVITE sip:bob@192.0.2.4 SIP/2.0
 *   Via: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK74bf9
 *   Contact: <sip:alice@192.168.1.20:5060>
 *   Content-Type: application/sdp
 *   Content-Length: 142
 *
 *   o=alice 1 1 IN IP4 192.168.1.20
 *   c=IN IP4 192.168.1.20
 *   m=audio 49172 RTP/AVP 0
 *
 * The endpoints of the header are those of this very connection, or of nobody here (HELPER_MENTIONS). The ports of `m=`
 * lines are announced, with the address of the nearest `c=` line above.
 */
#include <string.h>

#include "helper/inside.h"
#include "tidegate/packet.h"

enum { LONGEST_BODY = UINT16_MAX };

struct sip {
    struct helper_message *message;
    bool has_sdp;
    uint32_t body; /* bytes; UINT32_MAX: all that there is */
};

/* ---- the header ---- */

/* HOST[:PORT] and nothing else, where HOST is an IPv4 address; as one spot. */
static void read_endpoint(struct reader text, struct helper_message *message)
{
    struct helper_item found = {.port = HELPER_SIP_PORT};
    struct helper_spot spot;
    uint32_t first = text.at;
    while (text.at < text.end &&
           ((text.bytes[text.at] >= '0' && text.bytes[text.at] <= '9') || text.bytes[text.at] == '.'))
        text.at++;
    struct reader host = {text.bytes, first, text.at};
    if (!read_address(&host, &found.family, &found.addr, &spot) || host.at != host.end)
        return;
    if ((read_byte(&text, ':') && !read_port(&text, &found.port)) || text.at != text.end)
        return;
    struct helper_item *item = helper_add(message, HELPER_MENTIONS);
    if (item == NULL)
        return;
    item->has_addr = true;
    item->addr = found.addr;
    item->port = found.port;
    helper_add_spot(item, HELPER_ENDPOINT, first, text.at - first);
}

/* Behind `sip:`: [USER[:PASSWORD]@]HOST[:PORT], up to what ends a URI. */
static void read_uri(struct reader *r, struct helper_message *message)
{
    uint32_t end = r->at;
    while (end < r->end && strchr("<>,;? \t\r\n\"", r->bytes[end]) == NULL)
        end++;
    const uint8_t *at = end > r->at ? memchr(r->bytes + r->at, '@', end - r->at) : NULL;
    struct reader host = {r->bytes, at != NULL ? (uint32_t)(at + 1 - r->bytes) : r->at, end};
    read_endpoint(host, message);
    r->at = end;
}

/* Every `sip:` in it. */
static void read_uris(struct reader value, struct helper_message *message)
{
    while (value.at < value.end) {
        if (read_text(&value, "sip:"))
            read_uri(&value, message);
        else
            value.at++;
    }
}

/* `;received=192.0.2.1;rport=5060`: what the other side saw the request come from (RFC 3581). */
static void read_seen(struct reader params, struct helper_message *message)
{
    struct helper_item seen = {.port = 0}, *item;
    struct helper_spot addr = {0}, port = {0};
    while (params.at < params.end) {
        struct reader value = read_part(&params, ';'), name = read_part(&value, '=');
        uint32_t first = value.at;
        if (read_is(&name, "received") && addr.len == 0) {
            if (!read_address(&value, &seen.family, &seen.addr, &addr) || value.at != value.end)
                return;
        } else if (read_is(&name, "rport") && value.at < value.end && port.len == 0) { /* one that asks has no value */
            if (!read_port(&value, &seen.port) || value.at != value.end)
                return;
            port = (struct helper_spot){HELPER_PORT, (uint16_t)first, (uint16_t)(value.at - first)};
        }
    }
    if (addr.len == 0 || port.len == 0 || seen.family != TG_IPV4 ||
        (item = helper_add(message, HELPER_MENTIONS)) == NULL)
        return;
    item->has_addr = true;
    item->addr = seen.addr;
    item->port = seen.port;
    helper_add_spot(item, HELPER_ADDRESS, addr.at, addr.len);
    helper_add_spot(item, HELPER_PORT, port.at, port.len);
}

/* SIP/2.0/UDP HOST[:PORT];…, and more of them behind commas. */
static void read_vias(struct reader value, struct helper_message *message)
{
    while (value.at < value.end) {
        struct reader via = read_part(&value, ','), sent_by = read_part(&via, ';');
        if (!read_text(&sent_by, "SIP/2.0/UDP") || sent_by.at == sent_by.end)
            continue;
        read_blanks(&sent_by);
        drop_blanks(&sent_by);
        read_endpoint(sent_by, message);
        read_seen(via, message);
    }
}

static bool visit_field(void *context, const struct reader *name, struct reader value)
{
    struct sip *sip = context;
    if (read_is(name, "Content-Length") || read_is(name, "l")) {
        uint32_t first = value.at;
        if (sip->body != UINT32_MAX || !read_number(&value, 5, LONGEST_BODY, &sip->body) || value.at != value.end)
            return false;
        sip->message->has_length = true;
        sip->message->length = (struct helper_spot){HELPER_PORT, (uint16_t)first, (uint16_t)(value.at - first)};
    } else if (read_is(name, "Content-Type") || read_is(name, "c")) {
        struct reader type = read_part(&value, ';');
        sip->has_sdp = read_text(&type, "application/sdp");
    } else if (read_is(name, "Via") || read_is(name, "v")) {
        read_vias(value, sip->message);
    } else if (read_is(name, "Contact") || read_is(name, "m") || read_is(name, "Route") ||
               read_is(name, "Record-Route")) {
        read_uris(value, sip->message);
    }
    return true;
}

/* ---- the session description ---- */

struct session {
    struct helper_message *message;
    bool has_addr; /* the `c=` line that counts here */
    struct tg_addr addr;
    struct helper_item *media; /* the last `m=` line, if it announces anything */
};

/* IN IP4 192.168.1.20
 * => true with *addr, if it is one address and no more */
static bool read_connection(struct reader *line, struct tg_addr *addr, struct helper_spot *spot)
{
    uint8_t family;
    return read_text(line, "IN IP4 ") && read_address(line, &family, addr, spot) && family == TG_IPV4;
}

static void mention(struct session *s, struct tg_addr addr, struct helper_spot spot)
{
    struct helper_item *item = helper_add(s->message, HELPER_MENTIONS);
    if (item == NULL)
        return;
    item->has_addr = true;
    item->addr = addr;
    helper_add_spot(item, HELPER_ADDRESS, spot.at, spot.len);
}

/* audio 49172 RTP/AVP 0 */
static void read_media(struct session *s, struct reader line)
{
    uint16_t port;
    s->media = NULL;
    (void)read_part(&line, ' ');
    uint32_t first = line.at;
    if (!s->has_addr || !read_port(&line, &port)) /* 0: none is wanted */
        return;
    uint32_t len = line.at - first;
    bool is_rtp = read_text(&line, " RTP/") || read_text(&line, " UDP/TLS/RTP/");
    if (!is_rtp && !read_text(&line, " udptl "))
        return;
    struct helper_item *item = helper_add(s->message, HELPER_LISTENS);
    if (item == NULL)
        return;
    item->proto = TG_PROTO_UDP;
    item->ports = is_rtp && port % 2 == 0 ? 2 : 1;
    item->has_addr = true;
    item->addr = s->addr;
    item->port = port;
    helper_add_spot(item, HELPER_PORT, first, len);
    s->media = item;
}

/* 49173: where RTCP goes, if it is not the port behind that of RTP (RFC 3605) */
static void read_rtcp(struct session *s, struct reader line)
{
    uint16_t port;
    uint32_t first = line.at;
    if (s->media == NULL || !read_port(&line, &port) || line.at != line.end)
        return;
    struct helper_item *item = helper_add(s->message, HELPER_LISTENS);
    if (item == NULL)
        return;
    s->media->ports = 1;
    item->proto = TG_PROTO_UDP;
    item->has_addr = true;
    item->addr = s->addr;
    item->port = port;
    helper_add_spot(item, HELPER_PORT, first, line.at - first);
}

/* A `c=` line below an `m=` line is of that alone, and those announcements have been made by then with the session's
 * address: where both differ, nothing can be said of either. */
static bool read_session_line(struct session *s, struct reader line)
{
    struct tg_addr addr;
    struct helper_spot spot;
    if (read_text(&line, "o=")) {
        for (int i = 0; i < 3; i++)
            (void)read_part(&line, ' ');
        if (read_connection(&line, &addr, &spot) && line.at == line.end)
            mention(s, addr, spot);
    } else if (read_text(&line, "c=")) {
        if (!read_connection(&line, &addr, &spot) || line.at != line.end)
            return false;
        if (s->has_addr && !tg_addr_equal(addr, s->addr))
            return false;
        s->has_addr = true;
        s->addr = addr;
        mention(s, addr, spot);
    } else if (read_text(&line, "m=")) {
        read_media(s, line);
    } else if (read_text(&line, "a=rtcp:")) {
        read_rtcp(s, line);
    }
    return true;
}

/* The address that the session's media are for: the first `c=` line, wherever it stands. */
static void find_connection(struct session *s, struct reader body)
{
    struct reader line;
    struct helper_spot spot;
    bool has_cr;
    while (!s->has_addr && read_line(&body, &line, &has_cr))
        s->has_addr = read_text(&line, "c=") && read_connection(&line, &s->addr, &spot);
}

static bool read_session(struct helper_message *message, struct reader body)
{
    struct session s = {.message = message};
    struct reader line;
    bool has_cr;
    find_connection(&s, body);
    while (read_line(&body, &line, &has_cr))
        if (!read_session_line(&s, line))
            return false;
    return true;
}

/* ---- all of it ---- */

/* METHOD sip:… SIP/2.0, or SIP/2.0 200 OK */
static bool read_first_line(struct reader line, struct helper_message *message)
{
    if (read_text(&line, "SIP/2.0 "))
        return read_is_digit(&line);
    struct reader method = read_part(&line, ' '), uri = read_part(&line, ' ');
    for (uint32_t i = method.at; i < method.end; i++)
        if (method.bytes[i] < 'A' || method.bytes[i] > 'Z')
            return false;
    if (method.at == method.end || !read_is(&line, "SIP/2.0"))
        return false;
    read_uris(uri, message);
    return true;
}

void sip_read(const uint8_t *bytes, uint32_t len, struct helper_message *message)
{
    struct reader r = {bytes, 0, len}, line;
    struct sip sip = {.message = message, .body = UINT32_MAX};
    bool has_cr;
    message->len = len;
    bool is_good = read_line(&r, &line, &has_cr) && has_cr && read_first_line(line, message) &&
                   read_fields(&r, visit_field, &sip) == FIELDS_WHOLE;
    uint32_t there = len - r.at;
    if (sip.body == UINT32_MAX)
        sip.body = there;
    message->body = (uint16_t)r.at;
    message->body_len = (uint16_t)sip.body;
    is_good = is_good && sip.body <= there;
    if (is_good && sip.has_sdp)
        is_good = read_session(message, (struct reader){bytes, r.at, r.at + sip.body});
    if (!is_good) {
        message->count = 0;
        message->has_length = false;
    }
}
