#include "packet/make.h"

#include <string.h>

#include "wire/checksum.h"
#include "wire/crc32c.h"
#include "wire/wire.h"

enum { HOPS = 64 };

uint32_t make_ip_size(uint8_t family)
{
    return family == TG_IPV4 ? IP4_HEADER : IP6_HEADER;
}

void make_ip(uint8_t *out, const struct tg_tuple *tuple, uint32_t length)
{
    memset(out, 0, make_ip_size(tuple->family));
    if (tuple->family == TG_IPV4) {
        out[0] = 0x45;
        wire_put16(out + IP4_LENGTH, (uint16_t)(IP4_HEADER + length));
        wire_put16(out + IP4_FRAGMENT, IP4_DONT);
        out[IP4_TTL] = HOPS;
        out[IP4_PROTO] = tuple->proto;
        tg_addr_store(TG_IPV4, tuple->src, out + IP4_SRC);
        tg_addr_store(TG_IPV4, tuple->dst, out + IP4_DST);
        wire_put16(out + IP4_CHECKSUM, (uint16_t)~checksum_sum(out, IP4_HEADER));
    } else {
        out[0] = 0x60;
        wire_put16(out + IP6_LENGTH, (uint16_t)length);
        out[IP6_NEXT] = tuple->proto;
        out[IP6_HOPS] = HOPS;
        tg_addr_store(TG_IPV6, tuple->src, out + IP6_SRC);
        tg_addr_store(TG_IPV6, tuple->dst, out + IP6_DST);
    }
}

/* SCTP's first packet: an INIT that offers a stream each way. */
static void make_init(uint8_t *header, uint32_t *size)
{
    enum { WINDOW = 8, OUTBOUND = 12, INBOUND = 14, NUMBER = 16 }; /* behind the chunk's beginning */
    uint8_t *init = header + SCTP_HEADER;
    *size = SCTP_HEADER + SCTP_INIT_LEAST;
    init[0] = SCTP_INIT;
    wire_put16(init + SCTP_CHUNK_LENGTH, SCTP_INIT_LEAST);
    wire_put32(init + SCTP_INITIATE_TAG, 1);
    wire_put32(init + WINDOW, UINT16_MAX);
    wire_put16(init + OUTBOUND, 1);
    wire_put16(init + INBOUND, 1);
    wire_put32(init + NUMBER, 1);
    crc32c_put(header, crc32c_sctp(header, *size));
}

/* => the offset of the checksum, or 0 if the protocol has none that is a sum */
static uint32_t make_transport(uint8_t *header, const struct tg_tuple *tuple, uint8_t type, uint8_t code,
                               uint32_t *size)
{
    memset(header, 0, MAKE_ROOM - IP6_HEADER);
    wire_put16(header, tuple->sport);
    wire_put16(header + 2, tuple->dport);
    switch (tuple->proto) {
    case TG_PROTO_TCP:
        *size = TCP_HEADER;
        header[TCP_OFFSET] = TCP_HEADER / 4 << 4;
        header[TCP_FLAGS] = TG_TCP_SYN;
        wire_put16(header + TCP_WINDOW, UINT16_MAX);
        return TCP_CHECKSUM;
    case TG_PROTO_UDP:
    case TG_PROTO_UDPLITE:
        *size = UDP_HEADER;
        wire_put16(header + UDP_LENGTH, UDP_HEADER);
        return UDP_CHECKSUM;
    case TG_PROTO_SCTP: make_init(header, size); return 0;
    case TG_PROTO_DCCP:
        *size = DCCP_HEADER_LONG + 4; /* a service code */
        header[DCCP_OFFSET] = (DCCP_HEADER_LONG + 4) / 4;
        header[DCCP_TYPE] = DCCP_REQUEST << 1 | 1;
        return DCCP_CHECKSUM;
    case TG_PROTO_ICMP:
    case TG_PROTO_ICMP6:
        *size = ICMP_HEADER;
        header[0] = type;
        header[1] = code;
        wire_put16(header + ICMP_CHECKSUM, 0);
        wire_put16(header + ICMP_ID, tuple->sport);
        return ICMP_CHECKSUM;
    default: *size = 0; return 0;
    }
}

size_t make_packet(uint8_t out[static MAKE_ROOM], const struct tg_tuple *tuple, uint8_t type, uint8_t code)
{
    uint8_t *header = out + make_ip_size(tuple->family);
    uint32_t size, checksum = make_transport(header, tuple, type, code, &size);
    if (checksum != 0) {
        uint16_t sum = checksum_sum(header, size);
        if (tuple->proto != TG_PROTO_ICMP)
            sum = checksum_add(sum, checksum_pseudo(tuple->src, tuple->dst, tuple->proto, size));
        sum = (uint16_t)~sum;
        wire_put16(header + checksum, sum == 0 ? UINT16_MAX : sum);
    }
    make_ip(out, tuple, size);
    return make_ip_size(tuple->family) + size;
}
