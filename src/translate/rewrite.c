#include "translate/rewrite.h"

#include "wire/checksum.h"
#include "wire/crc32c.h"
#include "wire/wire.h"

/* What changed under a checksum: for each field the one's complement of what it was, and what it is, added up and not
 * yet folded (RFC 1624 equation 3). A word of 32 bits counts as its two halves do. */
typedef uint64_t change_t;

static void put16(uint8_t *field, uint16_t value, change_t *change)
{
    *change += (uint16_t)~wire_get16(field) + (uint32_t)value;
    wire_put16(field, value);
}

static void put32(uint8_t *field, uint32_t value, change_t *change)
{
    *change += (change_t)(uint32_t)~wire_get32(field) + value;
    wire_put32(field, value);
}

static inline uint16_t updated(uint16_t checksum, change_t change)
{
    return (uint16_t)~checksum_fold(change + (uint16_t)~checksum);
}

static void correct(uint8_t *field, change_t change)
{
    wire_put16(field, updated(wire_get16(field), change));
}

/* The addresses and their checksum.
 * => what changed in the pseudo-header of the transport */
static inline change_t write_addresses(uint8_t *ip, struct tg_addr src, struct tg_addr dst)
{
    change_t change = 0;
    put32(ip + IP4_SRC, (uint32_t)src.lo, &change);
    put32(ip + IP4_DST, (uint32_t)dst.lo, &change);
    correct(ip + IP4_CHECKSUM, change);
    return change;
}

static void write_sctp(uint8_t *sctp, uint32_t len, bool is_whole, const struct tg_tuple *to)
{
    if (wire_get16(sctp) == to->sport && wire_get16(sctp + 2) == to->dport)
        return;
    bool is_right = is_whole && crc32c_get(sctp) == crc32c_sctp(sctp, len);
    wire_put16(sctp, to->sport);
    wire_put16(sctp + 2, to->dport);
    if (is_right)
        crc32c_put(sctp, crc32c_sctp(sctp, len));
}

/* The side that asks has the identifier as its port (see struct tg_tuple). */
static bool is_question(uint8_t type)
{
    return type == ICMP_ECHO || type == ICMP_TIMESTAMP || type == ICMP_INFORMATION || type == ICMP_MASK;
}

/* The transport header at `header`, of which `room` bytes are there: ports and checksum, or the identifier of a query.
 * `pseudo` is what changed in the pseudo-header.
 * => what changed in all, the checksum field itself included: for a checksum further out */
static inline change_t write_as(uint8_t proto, uint8_t *header, uint32_t room, const struct tg_tuple *to,
                                change_t pseudo)
{
    change_t change = 0;
    uint32_t field;
    if (proto == TG_PROTO_ICMP) {
        if (room < ICMP_HEADER)
            return 0;
        put16(header + ICMP_ID, is_question(header[0]) ? to->sport : to->dport, &change);
        field = ICMP_CHECKSUM;
        pseudo = 0;
    } else {
        if (!tg_proto_has_ports(proto) || room < 4)
            return 0;
        put32(header, (uint32_t)to->sport << 16 | to->dport, &change);
        field = proto == TG_PROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
        if (proto == TG_PROTO_SCTP || room < field + 2)
            return change;
        if (proto == TG_PROTO_UDP && wire_get16(header + field) == 0)
            return change;
    }
    uint16_t sum = updated(wire_get16(header + field), pseudo + change);
    if (sum == 0 && (proto == TG_PROTO_UDP || proto == TG_PROTO_UDPLITE))
        sum = 0xffff;
    put16(header + field, sum, &change);
    return change;
}

static change_t write_transport(uint8_t *header, uint32_t room, const struct tg_tuple *to, change_t pseudo)
{
    return write_as(to->proto, header, room, to, pseudo);
}

static uint32_t room_of(const struct tg_packet *packet, const struct tg_layout *layout)
{
    uint32_t end = layout->end < packet->len ? layout->end : packet->len;
    return end > layout->transport ? end - layout->transport : 0;
}

void rewrite_packet(struct tg_packet *packet, const struct tg_tuple *to)
{
    uint8_t *header = packet->data + packet->outer.transport;
    change_t change = write_addresses(packet->data, to->src, to->dst);
    uint32_t room = room_of(packet, &packet->outer);
    if (packet->kind == TG_TRANSPORT_TCP)
        (void)write_as(TG_PROTO_TCP, header, room, to, change); /* what there is most of */
    else if (packet->kind == TG_TRANSPORT_LATER)
        return;
    else if (to->proto == TG_PROTO_SCTP && room >= SCTP_HEADER)
        write_sctp(header, room, !packet->cut && !packet->fragment, to);
    else
        (void)write_transport(header, room, to, change);
}

void rewrite_identification(struct tg_packet *packet, uint16_t number)
{
    change_t change = 0;
    put16(packet->data + IP4_ID, number, &change);
    correct(packet->data + IP4_CHECKSUM, change);
}

void rewrite_error(struct tg_packet *packet, struct tg_addr src, struct tg_addr dst, const struct tg_tuple *quote)
{
    const struct tg_layout *inner = &packet->quote;
    uint8_t *icmp = packet->data + packet->outer.transport, *ip = packet->data + inner->ip;
    uint16_t before = wire_get16(ip + IP4_CHECKSUM);
    change_t addresses = write_addresses(ip, quote->src, quote->dst);
    change_t all = addresses + (uint16_t)~before + wire_get16(ip + IP4_CHECKSUM);
    all += write_transport(packet->data + inner->transport, room_of(packet, inner), quote, addresses);
    correct(icmp + ICMP_CHECKSUM, all);
    write_addresses(packet->data, src, dst);
}
