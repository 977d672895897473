/* FTP (RFC 959; RFC 2428 for both families): lines of text, commands one way, replies the other.
 *
 *   PORT 192,168,1,10,4,1                          the client listens, the server connects (active)
 *   EPRT |1|192.168.1.10|1025|
 *   227 Entering Passive Mode (192,168,1,50,4,1)   the server listens, the client connects (passive)
 *   229 Entering Extended Passive Mode (|||1025|)
 *
 * Where in its text 227 has the numbers is not fixed: they begin with its first digit (RFC 1123 4.1.2.6).
 */
#include "helper/inside.h"
#include "tidegate/packet.h"

enum { TELNET = 0xf0, /* its commands, and what leads them in (RFC 854) */ LONGEST_COMMAND = 12 };

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* h1,h2,h3,h4,p1,p2, where the port is not 0 */
static bool read_six(struct reader *r, struct tg_addr *addr, uint16_t *port)
{
    uint32_t n[6];
    for (int i = 0; i < 6; i++)
        if ((i > 0 && !read_byte(r, ',')) || !read_number(r, 3, 255, &n[i]))
            return false;
    *addr = tg_ipv4(n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3]);
    *port = (uint16_t)(n[4] << 8 | n[5]);
    return *port != 0;
}

static void add(struct helper_message *message, const struct helper_item *found)
{
    struct helper_item *item = helper_add(message, HELPER_LISTENS);
    if (item == NULL)
        return;
    *item = *found;
    item->role = HELPER_LISTENS;
    item->proto = TG_PROTO_TCP;
    item->ports = 1;
    item->once = true;
}

/* Numbers that begin where `r` stands, up to the end of the line or, of a reply, whatever is no further number. */
static void read_numbers(struct reader r, bool is_reply, struct helper_message *message)
{
    struct helper_item item = {.family = TG_IPV4, .has_addr = true};
    uint32_t first = r.at;
    if (!read_six(&r, &item.addr, &item.port))
        return;
    if (is_reply ? read_is_digit(&r) || read_byte(&r, ',') : r.at != r.end)
        return;
    helper_add_spot(&item, HELPER_COMMAS, first, r.at - first);
    add(message, &item);
}

/* The delimiter is any printable character (RFC 2428 2), but a part of an address or a number would make no sense. */
static bool read_delimiter(struct reader *r, char *delimiter)
{
    uint8_t c = r->at < r->end ? r->bytes[r->at] : 0;
    if (c < 33 || c > 126 || (c >= '0' && c <= '9') || c == '.' || c == ':')
        return false;
    *delimiter = (char)c;
    r->at++;
    return true;
}

static bool read_port_spot(struct reader *r, struct helper_item *item)
{
    uint32_t first = r->at;
    if (!read_port(r, &item->port))
        return false;
    helper_add_spot(item, HELPER_PORT, first, r->at - first);
    return true;
}

/* |1|192.168.1.10|1025| or |2|2001:db8::10|1025| */
static void read_extended_port(struct reader r, struct helper_message *message)
{
    struct helper_item item = {.has_addr = true};
    struct helper_spot spot;
    char d;
    uint32_t number;
    if (!read_delimiter(&r, &d) || !read_number(&r, 1, 2, &number) || !read_byte(&r, d) ||
        !read_address(&r, &item.family, &item.addr, &spot) || item.family != (number == 1 ? TG_IPV4 : TG_IPV6))
        return;
    helper_add_spot(&item, HELPER_ADDRESS, spot.at, spot.len);
    if (read_byte(&r, d) && read_port_spot(&r, &item) && read_byte(&r, d) && r.at == r.end)
        add(message, &item);
}

/* (|||1025|) */
static void read_extended_passive(struct reader r, struct helper_message *message)
{
    struct helper_item item = {.family = 0};
    char d;
    while (r.at < r.end && r.bytes[r.at] != '(')
        r.at++;
    if (read_byte(&r, '(') && read_delimiter(&r, &d) && read_byte(&r, d) && read_byte(&r, d) &&
        read_port_spot(&r, &item) && read_byte(&r, d) && read_byte(&r, ')'))
        add(message, &item);
}

/* A word, and arguments behind a blank (RFC 959 5.3; of three or four letters there, since then XSHA256 and the like),
 * perhaps behind what telnet sends to interrupt; or nothing. A line of HTTP ("Host: …"), or of anything enciphered, is
 * none. */
static bool is_command(struct reader line)
{
    while (line.at < line.end && line.bytes[line.at] >= TELNET)
        line.at++;
    if (line.at == line.end)
        return true;
    uint32_t first = line.at;
    while (line.at < line.end && (is_letter(line.bytes[line.at]) || (line.at > first && read_is_digit(&line))))
        line.at++;
    uint32_t len = line.at - first;
    return len >= 3 && len <= LONGEST_COMMAND && (line.at == line.end || line.bytes[line.at] == ' ');
}

void ftp_read(bool is_reply, const uint8_t *bytes, uint32_t len, struct helper_message *message)
{
    struct reader r = {bytes, 0, len}, line;
    bool has_cr;
    if (!read_line(&r, &line, &has_cr))
        return;
    message->len = r.at;
    message->is_foreign = !is_reply && !is_command(line);
    if (!has_cr || message->is_foreign)
        return;
    if (!is_reply && read_text(&line, "PORT ")) {
        read_numbers(line, false, message);
    } else if (!is_reply && read_text(&line, "EPRT ")) {
        read_extended_port(line, message);
    } else if (is_reply && read_text(&line, "227 ")) {
        while (line.at < line.end && !read_is_digit(&line))
            line.at++;
        read_numbers(line, true, message);
    } else if (is_reply && read_text(&line, "229 ")) {
        read_extended_passive(line, message);
    }
}

/* RFC 959, 2228, 2389, 2428, 2640, 3659, 7151, and what clients are known to begin with. */
static const char *const verbs[] = {
    "USER", "PASS", "AUTH", "FEAT", "HOST", "CLNT", "OPTS", "SYST", "HELP", "NOOP", "QUIT", "LANG", "ACCT",
    "PBSZ", "PROT", "ADAT", "STAT", "SITE", "TYPE", "MODE", "STRU", "REIN", "PWD",  "XPWD", "CWD",  "ALLO",
    "ABOR", "CCC",  "CSID", "PASV", "EPSV", "PORT", "EPRT", "LIST", "NLST", "MLSD", "RETR", "STOR",
};

/* A request of HTTP, with a method that somebody has made up: USER / HTTP/1.1 */
static bool is_http(struct reader line)
{
    static const char version[] = " HTTP/1.";
    while (line.at < line.end && !read_text(&line, version))
        line.at++;
    return line.at < line.end;
}

bool ftp_greets(bool is_reply, const uint8_t *bytes, uint32_t len)
{
    struct reader r = {bytes, 0, len}, line;
    bool has_cr;
    uint32_t code;
    if (is_reply)
        return read_number(&r, 3, 599, &code) && code >= 100 && (read_byte(&r, ' ') || read_byte(&r, '-'));
    if (!read_line(&r, &line, &has_cr) || !has_cr || is_http(line))
        return false;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        struct reader word = line;
        if (read_text(&word, verbs[i]) && (word.at == word.end || read_byte(&word, ' ')))
            return true;
    }
    return false;
}
