/* The answers that refuse: a TCP reset, or an ICMP error that quotes what is refused. */
#include <string.h>

#include "packet/make.h"
#include "tidegate/engine.h"
#include "wire/checksum.h"
#include "wire/wire.h"

enum {
    ICMP_ADMINISTRATIVELY_PROHIBITED = 13, /* code of type 3, RFC 1812 5.2.7.1 */
    ICMP6_ADMINISTRATIVELY_PROHIBITED = 1, /* code of type 1, RFC 4443 3.1 */
    MOST_QUOTED_IPV4 = 576,                /* RFC 1812 4.3.2.3 */
    TOS_KEPT = 0x1c,                       /* the type of service but for ECN's bit, */
    TOS_PRECEDENCE = 0xc0,                 /* and internetwork control: RFC 1812 4.3.2.5 */
    MOST_QUOTED_IPV6 = 1280,               /* the minimum MTU, RFC 4443 3.1 */
};

static size_t write_reset(const struct tg_packet *packet, uint8_t *out, size_t room)
{
    struct tg_tuple tuple = tg_tuple_flip(&packet->outer.tuple);
    uint32_t at = make_ip_size(tuple.family);
    if (room < at + TCP_HEADER || (packet->tcp.flags & TG_TCP_RST))
        return 0;
    uint8_t *tcp = out + at;
    memset(tcp, 0, TCP_HEADER);
    wire_put16(tcp, tuple.sport);
    wire_put16(tcp + 2, tuple.dport);
    tcp[TCP_OFFSET] = TCP_HEADER / 4 << 4;
    if (packet->tcp.flags & TG_TCP_ACK) {
        wire_put32(tcp + TCP_SEQ, packet->tcp.ack);
        tcp[TCP_FLAGS] = TG_TCP_RST;
    } else {
        uint32_t used = packet->tcp.payload + !!(packet->tcp.flags & TG_TCP_SYN) + !!(packet->tcp.flags & TG_TCP_FIN);
        wire_put32(tcp + TCP_ACK, packet->tcp.seq + used);
        tcp[TCP_FLAGS] = TG_TCP_RST | TG_TCP_ACK;
    }
    uint16_t sum =
        checksum_add(checksum_pseudo(tuple.src, tuple.dst, tuple.proto, TCP_HEADER), checksum_sum(tcp, TCP_HEADER));
    wire_put16(tcp + TCP_CHECKSUM, (uint16_t)~sum);
    make_ip(out, &tuple, TCP_HEADER);
    return at + TCP_HEADER;
}

static void set_tos(uint8_t *ip, uint8_t tos)
{
    uint16_t before = wire_get16(ip);
    ip[IP4_TOS] = tos;
    wire_put16(ip + IP4_CHECKSUM, checksum_update(wire_get16(ip + IP4_CHECKSUM), before, wire_get16(ip)));
}

static size_t write_error(const struct tg_packet *packet, struct tg_addr own, uint8_t *out, size_t room)
{
    const struct tg_tuple *came = &packet->outer.tuple;
    bool is_ipv4 = came->family == TG_IPV4;
    struct tg_tuple tuple = {own, came->src, 0, 0, came->family, is_ipv4 ? TG_PROTO_ICMP : TG_PROTO_ICMP6};
    uint32_t at = make_ip_size(tuple.family), most = is_ipv4 ? MOST_QUOTED_IPV4 : MOST_QUOTED_IPV6;
    uint32_t quoted = packet->len < packet->outer.end ? packet->len : packet->outer.end;
    if (quoted > most - at - ICMP_HEADER)
        quoted = most - at - ICMP_HEADER;
    if (room < at + ICMP_HEADER + quoted)
        return 0;
    uint8_t *icmp = out + at;
    uint32_t length = ICMP_HEADER + quoted;
    memset(icmp, 0, ICMP_HEADER);
    icmp[0] = is_ipv4 ? ICMP_UNREACHABLE : ICMP6_UNREACHABLE;
    icmp[1] = is_ipv4 ? ICMP_ADMINISTRATIVELY_PROHIBITED : ICMP6_ADMINISTRATIVELY_PROHIBITED;
    memcpy(icmp + ICMP_HEADER, packet->data, quoted);
    uint16_t sum = checksum_sum(icmp, length);
    if (!is_ipv4)
        sum = checksum_add(sum, checksum_pseudo(tuple.src, tuple.dst, tuple.proto, length));
    wire_put16(icmp + ICMP_CHECKSUM, (uint16_t)~sum);
    make_ip(out, &tuple, length);
    if (is_ipv4)
        set_tos(out, (packet->data[IP4_TOS] & TOS_KEPT) | TOS_PRECEDENCE);
    return at + length;
}

static bool is_answered(const struct tg_packet *packet)
{
    const struct tg_tuple *came = &packet->outer.tuple;
    return !tg_addr_is_group(came->family, came->src) && !tg_addr_is_group(came->family, came->dst) &&
           !tg_addr_is_unspecified(came->src) && packet->fragment_offset == 0;
}

size_t tg_limit_answer(const struct tg_packet *packet, struct tg_addr own, uint8_t *out, size_t room)
{
    bool is_redirect =
        packet->outer.tuple.proto == TG_PROTO_ICMP6 && packet->icmp.type == ICMP6_REDIRECT; /* RFC 4443 2.4 (e.2) */
    bool is_reset = packet->kind == TG_TRANSPORT_TCP && (packet->tcp.flags & TG_TCP_RST);
    if (!is_answered(packet) || packet->kind == TG_TRANSPORT_ERROR || is_redirect || is_reset ||
        tg_addr_is_unspecified(own))
        return 0;
    return write_error(packet, own, out, room);
}

size_t tg_reject_answer(const struct tg_packet *packet, struct tg_addr own, uint8_t *out, size_t room)
{
    if (packet->kind != TG_TRANSPORT_TCP)
        return tg_limit_answer(packet, own, out, room);
    return is_answered(packet) ? write_reset(packet, out, room) : 0;
}
