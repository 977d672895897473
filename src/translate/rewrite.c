#include "translate/rewrite.h"

#include "wire/checksum.h"
#include "wire/wire.h"

/* A header field that covers others, and the sums of what it covers before and after. */
struct correction {
    uint16_t before, after;
};

static void put16(uint8_t *field, uint16_t value, struct correction *c)
{
    c->before = checksum_add(c->before, wire_get16(field));
    c->after = checksum_add(c->after, value);
    wire_put16(field, value);
}

static void put32(uint8_t *field, uint32_t value, struct correction *c)
{
    put16(field, (uint16_t)(value >> 16), c);
    put16(field + 2, (uint16_t)value, c);
}

static void join(struct correction *c, const struct correction *other)
{
    c->before = checksum_add(c->before, other->before);
    c->after = checksum_add(c->after, other->after);
}

static void correct(uint8_t *field, const struct correction *c)
{
    wire_put16(field, checksum_update(wire_get16(field), c->before, c->after));
}

/* The addresses and their checksum.
 * => what changed in the pseudo-header of the transport */
static struct correction write_addresses(uint8_t *ip, struct tg_addr src, struct tg_addr dst)
{
    struct correction c = {0, 0};
    put32(ip + IP4_SRC, (uint32_t)src.lo, &c);
    put32(ip + IP4_DST, (uint32_t)dst.lo, &c);
    correct(ip + IP4_CHECKSUM, &c);
    return c;
}

/* CRC-32c (RFC 9260 appendix A), bit by bit: only for SCTP packets whose ports change. */
static uint32_t crc32c(const uint8_t *bytes, uint32_t len)
{
    enum { CHECKSUM = 8 };
    uint32_t crc = UINT32_MAX;
    for (uint32_t i = 0; i < len; i++) {
        crc ^= i >= CHECKSUM && i < CHECKSUM + 4 ? 0 : bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

/* The only field that is sent least byte first. */
static uint32_t get_crc(const uint8_t *sctp)
{
    return (uint32_t)sctp[11] << 24 | (uint32_t)sctp[10] << 16 | (uint32_t)sctp[9] << 8 | sctp[8];
}

static void put_crc(uint8_t *sctp, uint32_t crc)
{
    for (int i = 0; i < 4; i++)
        sctp[8 + i] = (uint8_t)(crc >> 8 * i);
}

static void write_sctp(uint8_t *sctp, uint32_t len, bool is_whole, const struct tg_tuple *to)
{
    if (wire_get16(sctp) == to->sport && wire_get16(sctp + 2) == to->dport)
        return;
    bool is_right = is_whole && get_crc(sctp) == crc32c(sctp, len);
    wire_put16(sctp, to->sport);
    wire_put16(sctp + 2, to->dport);
    if (is_right)
        put_crc(sctp, crc32c(sctp, len));
}

/* The side that asks has the identifier as its port (see struct tg_tuple). */
static bool is_question(uint8_t type)
{
    return type == ICMP_ECHO || type == ICMP_TIMESTAMP || type == ICMP_INFORMATION || type == ICMP_MASK;
}

/* The transport header at `header`, of which `room` bytes are there: ports and checksum, or the identifier of a query.
 * `c` holds what changed in the pseudo-header, and on return what changed in all, the checksum field itself included:
 * for a checksum further out. */
static void write_transport(uint8_t *header, uint32_t room, const struct tg_tuple *to, struct correction *c)
{
    struct correction pseudo = *c;
    uint32_t field;
    c->before = c->after = 0;
    if (to->proto == TG_PROTO_ICMP) {
        if (room < ICMP_HEADER)
            return;
        put16(header + ICMP_ID, is_question(header[0]) ? to->sport : to->dport, c);
        field = ICMP_CHECKSUM;
        pseudo = (struct correction){0, 0};
    } else {
        if (!tg_proto_has_ports(to->proto) || room < 4)
            return;
        put16(header, to->sport, c);
        put16(header + 2, to->dport, c);
        field = to->proto == TG_PROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
        if (to->proto == TG_PROTO_SCTP || room < field + 2)
            return;
        if (to->proto == TG_PROTO_UDP && wire_get16(header + field) == 0)
            return;
    }
    join(&pseudo, c);
    uint16_t sum = checksum_update(wire_get16(header + field), pseudo.before, pseudo.after);
    if (sum == 0 && (to->proto == TG_PROTO_UDP || to->proto == TG_PROTO_UDPLITE))
        sum = 0xffff;
    put16(header + field, sum, c);
}

static uint32_t room_of(const struct tg_packet *packet, const struct tg_layout *layout)
{
    uint32_t end = layout->end < packet->len ? layout->end : packet->len;
    return end > layout->transport ? end - layout->transport : 0;
}

void rewrite_packet(struct tg_packet *packet, const struct tg_tuple *to)
{
    uint8_t *header = packet->data + packet->outer.transport;
    struct correction c = write_addresses(packet->data, to->src, to->dst);
    uint32_t room = room_of(packet, &packet->outer);
    if (packet->kind == TG_TRANSPORT_LATER)
        return;
    if (to->proto == TG_PROTO_SCTP && room >= SCTP_HEADER)
        write_sctp(header, room, !packet->cut && !packet->fragment, to);
    else
        write_transport(header, room, to, &c);
}

void rewrite_error(struct tg_packet *packet, struct tg_addr src, struct tg_addr dst, const struct tg_tuple *quote)
{
    const struct tg_layout *inner = &packet->quote;
    uint8_t *icmp = packet->data + packet->outer.transport, *ip = packet->data + inner->ip;
    struct correction all = {0, 0}, transport;

    uint16_t header_checksum = wire_get16(ip + IP4_CHECKSUM);
    struct correction addresses = write_addresses(ip, quote->src, quote->dst);
    join(&all, &addresses);
    join(&all, &(struct correction){header_checksum, wire_get16(ip + IP4_CHECKSUM)});

    transport = addresses;
    write_transport(packet->data + inner->transport, room_of(packet, inner), quote, &transport);
    join(&all, &transport);

    correct(icmp + ICMP_CHECKSUM, &all);
    write_addresses(packet->data, src, dst);
}
