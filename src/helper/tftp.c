/* TFTP (RFC 1350, options RFC 2347): the request goes to port 69, and the answer comes from another port of the server,
 * which stands for this transfer alone.
 *
 *   0x0001 or 0x0002, a file's name, 0, "octet" or "netascii", 0, and pairs of option and value, each with a 0
 */
#include <string.h>

#include "helper/inside.h"
#include "tidegate/packet.h"
#include "wire/wire.h"

enum { READ_REQUEST = 1, WRITE_REQUEST = 2 };

/* A text that ends in 0 and has nothing in it that is no character.
 * => true, and `r` stands behind it */
static bool read_string(struct reader *r, struct reader *text)
{
    const uint8_t *end = r->at < r->end ? memchr(r->bytes + r->at, 0, r->end - r->at) : NULL;
    if (end == NULL || end == r->bytes + r->at)
        return false;
    *text = (struct reader){r->bytes, r->at, (uint32_t)(end - r->bytes)};
    for (uint32_t i = text->at; i < text->end; i++)
        if (text->bytes[i] < ' ' || text->bytes[i] == 127)
            return false;
    r->at = text->end + 1;
    return true;
}

void tftp_read(bool is_reply, uint16_t port, const uint8_t *bytes, uint32_t len, struct helper_message *message)
{
    struct reader r = {bytes, 2, len}, name, mode, option, value;
    message->len = len;
    if (is_reply || len < 2 || (wire_get16(bytes) != READ_REQUEST && wire_get16(bytes) != WRITE_REQUEST) ||
        !read_string(&r, &name) || !read_string(&r, &mode) ||
        !(read_is(&mode, "octet") || read_is(&mode, "netascii") || read_is(&mode, "mail")))
        return;
    while (r.at < r.end)
        if (!read_string(&r, &option) || !read_string(&r, &value))
            return;
    struct helper_item *item = helper_add(message, HELPER_LISTENS);
    if (item == NULL)
        return;
    item->proto = TG_PROTO_UDP;
    item->port = port;
    item->once = true;
}
