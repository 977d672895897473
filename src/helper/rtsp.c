/* RTSP (RFC 2326), the cameras' own: pictures and sound go by RTP over UDP, to ports that a SETUP and its answer name.
 *
 *   SETUP rtsp://camera/video RTSP/1.0
 *   Transport: RTP/AVP;unicast;client_port=4588-4589
 *
 *   RTSP/1.0 200 OK
 *   Transport: RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257;source=192.168.1.50
 *
 * A transport that is interleaved goes in this connection itself and announces nothing. Packets of it, which stand
 * between messages ('$', channel, length), are stepped over; so are bodies of messages.
 */
#include <string.h>

#include "helper/inside.h"
#include "tidegate/packet.h"
#include "wire/wire.h"

enum { FRAME_HEADER = 4, LONGEST_BODY = 1 << 24 };

struct rtsp {
    struct helper_message *message;
    bool is_reply, is_setup;
    uint32_t body; /* bytes */
};

/* 4588-4589, or 4588 alone. Two ports are a pair, the even one first, or nothing that could be kept together. */
static bool read_ports(struct reader value, struct helper_item *item)
{
    uint16_t last;
    uint32_t first = value.at;
    if (!read_port(&value, &item->port))
        return false;
    last = item->port;
    if (read_byte(&value, '-') && !read_port(&value, &last))
        return false;
    item->ports = last == item->port ? 1 : 2;
    if (value.at != value.end || (item->ports == 2 && (item->port % 2 != 0 || last != item->port + 1)))
        return false;
    helper_add_spot(item, item->ports == 2 ? HELPER_PORTS : HELPER_PORT, first, value.at - first);
    return true;
}

static bool read_host(struct reader value, struct helper_item *item)
{
    struct helper_spot spot;
    item->has_addr = true;
    if (!read_address(&value, &item->family, &item->addr, &spot) || value.at != value.end)
        return false;
    helper_add_spot(item, HELPER_ADDRESS, spot.at, spot.len);
    return true;
}

static void add(struct helper_message *message, enum helper_role role, const struct helper_item *found)
{
    struct helper_item *item = found->port != 0 ? helper_add(message, role) : NULL;
    if (item == NULL)
        return;
    *item = *found;
    item->role = (uint8_t)role;
    item->proto = TG_PROTO_UDP;
}

static bool is_over_udp(struct reader protocol)
{
    if (!read_text(&protocol, "RTP/") || !(read_text(&protocol, "AVPF") || read_text(&protocol, "AVP") ||
                                           read_text(&protocol, "SAVPF") || read_text(&protocol, "SAVP")))
        return false;
    return protocol.at == protocol.end || (read_text(&protocol, "/UDP") && protocol.at == protocol.end);
}

/* One of the transports that are offered, or the one that was taken. */
static void read_transport(struct rtsp *rtsp, struct reader transport)
{
    struct helper_item client = {.family = TG_IPV4}, server = {.family = TG_IPV4};
    bool is_good = is_over_udp(read_part(&transport, ';'));
    while (is_good && transport.at < transport.end) {
        struct reader value = read_part(&transport, ';'), name = read_part(&value, '=');
        if (read_is(&name, "client_port"))
            is_good = client.port == 0 && read_ports(value, &client);
        else if (read_is(&name, "server_port"))
            is_good = server.port == 0 && read_ports(value, &server);
        else if (read_is(&name, "destination"))
            is_good = !client.has_addr && read_host(value, &client);
        else if (read_is(&name, "source"))
            is_good = !server.has_addr && read_host(value, &server);
        else if (read_is(&name, "multicast") || read_is(&name, "interleaved"))
            is_good = false;
    }
    if (!is_good)
        return;
    add(rtsp->message, rtsp->is_reply ? HELPER_REPEATS : HELPER_LISTENS, &client);
    if (rtsp->is_reply)
        add(rtsp->message, HELPER_LISTENS, &server);
}

static bool visit_field(void *context, const struct reader *name, struct reader value)
{
    struct rtsp *rtsp = context;
    if (read_is(name, "Content-Length"))
        return read_number(&value, 9, LONGEST_BODY, &rtsp->body) && value.at == value.end;
    if (rtsp->is_setup && read_is(name, "Transport"))
        while (value.at < value.end)
            read_transport(rtsp, read_part(&value, ','));
    return true;
}

static const char *const methods[] = {"OPTIONS",  "DESCRIBE",      "SETUP",         "PLAY",   "PAUSE",   "TEARDOWN",
                                      "ANNOUNCE", "GET_PARAMETER", "SET_PARAMETER", "RECORD", "REDIRECT"};

/* METHOD rtsp://… RTSP/1.0
 * => the method, or NULL if the line is none */
static const char *read_request(struct reader line)
{
    static const char version[] = " RTSP/1.0";
    const uint32_t behind = sizeof version - 1;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct reader r = line;
        if (!read_text(&r, methods[i]) || !read_byte(&r, ' '))
            continue;
        bool is_uri = read_text(&r, "rtsp://") || read_text(&r, "rtspu://") || read_text(&r, "* ");
        struct reader end = {line.bytes, line.end - line.at < behind ? line.end : line.end - behind, line.end};
        return is_uri && read_text(&end, version) ? methods[i] : NULL;
    }
    return NULL;
}

static uint32_t frame_length(const uint8_t *bytes, uint32_t len)
{
    return len < FRAME_HEADER ? 0 : FRAME_HEADER + (uint32_t)wire_get16(bytes + 2);
}

void rtsp_read(bool is_reply, const uint8_t *bytes, uint32_t len, struct helper_message *message)
{
    struct reader r = {bytes, 0, len}, line, status;
    struct rtsp rtsp = {.message = message, .is_reply = is_reply};
    bool has_cr;
    if (len > 0 && bytes[0] == '$') {
        message->len = frame_length(bytes, len);
        return;
    }
    if (!read_line(&r, &line, &has_cr))
        return;
    status = line;
    const char *method = read_request(line);
    bool is_status = read_text(&status, "RTSP/1.0 ");
    if (!has_cr || (method == NULL && !is_status)) {
        message->len = r.at;
        return;
    }
    rtsp.is_setup = is_reply ? is_status && read_text(&status, "200 ") : method != NULL && strcmp(method, "SETUP") == 0;
    enum fields fields = read_fields(&r, visit_field, &rtsp);
    if (fields == FIELDS_WHOLE)
        message->len = r.at + rtsp.body;
    else
        message->count = 0;
    if (fields == FIELDS_WRONG)
        message->len = r.at;
}

bool rtsp_greets(bool is_reply, const uint8_t *bytes, uint32_t len)
{
    struct reader r = {bytes, 0, len}, line;
    bool has_cr;
    if (is_reply)
        return read_text(&r, "RTSP/1.0 ");
    return read_line(&r, &line, &has_cr) && has_cr && read_request(line) != NULL;
}
