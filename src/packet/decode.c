/* From bytes to a description: tg_packet_decode().
 *
 * The functions stand in the order in which a packet is read: IP header (either family), transport header, and for an
 * ICMP error the same two once more for the packet that it quotes. Each checks that the bytes it reads are there before
 * it reads them, and gives up with TG_MALFORMED at the first contradiction.
 *
 * Three lengths matter and are kept apart: `len`, what is in memory; `outer.end`, what the IP header claims;
 * `wire_len`, what was on the wire (with padding behind the packet, perhaps). A header that claims more than the wire
 * had is a lie; a claim beyond memory only means that a capture, or a queue that copies headers alone, cut the packet.
 */
#include <stddef.h>
#include <string.h>

#include "tidegate/packet.h"
#include "wire/checksum.h"
#include "wire/crc32c.h"
#include "wire/inlined.h"
#include "wire/wire.h"

enum { MOST_EXTENSIONS = 8 };

/* What nearly all packets are: TCP behind an IPv4 header without options, and no fragment. What is INLINED here has a
 * copy of its own for these, in which all that this tells of them (`plain`) falls away. */
static inline bool is_plain(const struct tg_packet *packet)
{
    const uint8_t *ip = packet->data;
    return packet->len >= IP4_HEADER && ip[0] == (4 << 4 | IP4_HEADER / 4) && ip[IP4_PROTO] == TG_PROTO_TCP &&
           (wire_get16(ip + IP4_FRAGMENT) & (IP4_MORE | IP4_OFFSET)) == 0;
}

/* Where an IP header led: what a quoted packet needs, and what the outer one needs besides. */
struct ip_facts {
    uint8_t ttl;
    bool is_fragment, more;
    uint16_t offset, length; /* of the fragment: what it carries of the datagram */
    uint32_t id;
    struct tg_addr *final; /* where it goes in the end, written there at once */
    bool is_final_hidden;
};

/* A fragment of `length` bytes, with `before` bytes of headers in front: it carries something; the whole is not longer
 * than a packet can be; and all but the last are multiples of the unit that offsets are counted in (RFC 791 3.2, RFC
 * 8200 4.5). */
static bool read_fragment(struct ip_facts *facts, uint32_t length, uint32_t before)
{
    facts->length = (uint16_t)length;
    return length != 0 && before + facts->offset + length <= UINT16_MAX && !(facts->more && length % 8 != 0);
}

INLINED enum tg_decoded read_ipv4(const uint8_t *data, uint32_t len, uint16_t at, struct tg_layout *layout,
                                  struct ip_facts *facts, bool plain)
{
    const uint8_t *ip = data + at;
    uint32_t room = len - at;
    if (!plain && room < IP4_HEADER)
        return TG_MALFORMED;
    uint32_t header = plain ? IP4_HEADER : (ip[0] & 15) * 4u, total = wire_get16(ip + IP4_LENGTH);
    uint16_t fragment = plain ? 0 : wire_get16(ip + IP4_FRAGMENT), offset = (uint16_t)((fragment & IP4_OFFSET) * 8);
    bool more = fragment & IP4_MORE;
    struct tg_addr dst = tg_ipv4(wire_get32(ip + IP4_DST));
    layout->tuple.family = TG_IPV4;
    layout->tuple.proto = plain ? TG_PROTO_TCP : ip[IP4_PROTO];
    layout->tuple.src = tg_ipv4(wire_get32(ip + IP4_SRC));
    layout->tuple.dst = dst;
    if (header < IP4_HEADER || header > room || total < header)
        return TG_MALFORMED;
    layout->transport = (uint16_t)(at + header);
    layout->end = at + total;
    *facts->final = dst; /* what has just been written to memory would not come back at once */
    facts->ttl = ip[IP4_TTL];
    facts->id = wire_get16(ip + IP4_ID);
    facts->offset = offset;
    facts->more = more;
    facts->is_fragment = more || offset != 0;
    if ((more || offset != 0) && !read_fragment(facts, total - header, header))
        return TG_MALFORMED;
    return TG_DECODED;
}

/* Where a routing header of `size` bytes leads (RFC 8200 4.4): with hops to go it names where the packet goes in the
 * end, which its checksum is of (8.1). One of a type that is not known here is none of ours to refuse. */
static enum tg_decoded read_routing(const uint8_t *ext, uint32_t size, struct ip_facts *facts)
{
    uint32_t left = ext[IP6_ROUTING_LEFT], addresses = (size - IP6_ROUTING_ADDRESSES) / 16;
    uint8_t type = ext[IP6_ROUTING_TYPE];
    if (type == IP6_ROUTING_SOURCE)
        return TG_MALFORMED;
    if (left == 0)
        return TG_DECODED;
    if (type != IP6_ROUTING_MOBILE && type != IP6_ROUTING_SEGMENTS) {
        facts->is_final_hidden = true;
        return TG_DECODED;
    }
    uint32_t listed = type == IP6_ROUTING_MOBILE ? 1 : ext[IP6_ROUTING_LAST] + 1u;
    if (left > listed || listed > addresses || (type == IP6_ROUTING_MOBILE && addresses != 1))
        return TG_MALFORMED;
    *facts->final = tg_addr_load(TG_IPV6, ext + IP6_ROUTING_ADDRESSES);
    return TG_DECODED;
}

/* => TG_DECODED with *proto the transport protocol and *at its offset */
static enum tg_decoded read_extensions(const uint8_t *data, uint32_t len, uint32_t end, uint8_t *proto, uint32_t *at,
                                       struct ip_facts *facts)
{
    uint32_t start = *at;
    bool seen_fragment = false;
    for (int i = 0;; i++) {
        uint32_t size;
        uint8_t type = *proto;
        switch (type) {
        case IP6_HOP_BY_HOP:
            if (i != 0)
                return TG_MALFORMED; /* only directly behind the IPv6 header, RFC 8200 4.1 */
            break;
        case IP6_ROUTING:
        case IP6_DESTINATION:
        case IP6_FRAGMENT: break;
        default: return TG_DECODED;
        }
        if (i == MOST_EXTENSIONS || len < *at + 8 || end < *at + 8)
            return TG_MALFORMED;
        const uint8_t *ext = data + *at;
        if (type == IP6_FRAGMENT) {
            if (seen_fragment)
                return TG_MALFORMED; /* one at most, RFC 8200 4.1: a second would hide what the first says */
            seen_fragment = true;
            uint16_t field = wire_get16(ext + 2);
            facts->offset = field & 0xfff8;
            facts->more = field & 1;
            facts->id = wire_get32(ext + 4);
            facts->is_fragment = facts->more || facts->offset != 0; /* neither: atomic, RFC 6946 */
            size = IP6_FRAGMENT_HEADER;
            if (facts->is_fragment && !read_fragment(facts, end - *at - size, *at - start))
                return TG_MALFORMED;
        } else {
            size = 8 + ext[1] * 8u;
        }
        *proto = ext[0];
        *at += size;
        if (*at > len || *at > end || (type == IP6_ROUTING && read_routing(ext, size, facts) != TG_DECODED))
            return TG_MALFORMED;
        if (facts->offset != 0)
            return TG_DECODED; /* what follows is the middle of something */
    }
}

static enum tg_decoded read_ipv6(const uint8_t *data, uint32_t len, uint16_t at, struct tg_layout *layout,
                                 struct ip_facts *facts)
{
    const uint8_t *ip = data + at;
    if (len - at < IP6_HEADER)
        return TG_MALFORMED;
    uint8_t proto = ip[IP6_NEXT];
    uint32_t transport = at + IP6_HEADER;
    layout->tuple.family = TG_IPV6;
    layout->tuple.src = tg_addr_load(TG_IPV6, ip + IP6_SRC);
    layout->tuple.dst = tg_addr_load(TG_IPV6, ip + IP6_DST);
    layout->end = at + IP6_HEADER + wire_get16(ip + IP6_LENGTH);
    *facts->final = layout->tuple.dst;
    facts->ttl = ip[IP6_HOPS];
    enum tg_decoded decoded = read_extensions(data, len, layout->end, &proto, &transport, facts);
    layout->tuple.proto = proto;
    layout->transport = (uint16_t)transport;
    return decoded;
}

/* Of every packet: its facts are best kept in registers. */
INLINED enum tg_decoded read_ip(const uint8_t *data, uint32_t len, uint16_t at, struct tg_layout *layout,
                                struct ip_facts *facts, bool plain)
{
    layout->ip = at;
    if (plain)
        return read_ipv4(data, len, at, layout, facts, true);
    if (at >= len)
        return TG_MALFORMED;
    switch (data[at] >> 4) {
    case 4: return read_ipv4(data, len, at, layout, facts, false);
    case 6: return read_ipv6(data, len, at, layout, facts);
    default: return TG_MALFORMED;
    }
}

/* What an ICMP or ICMPv6 message is, by its type; its ports, if it is a query. `identifier` is what stands behind the
 * checksum. */
static enum tg_transport classify_icmp(struct tg_tuple *tuple, uint8_t type, uint16_t identifier, bool *is_answer)
{
    bool answer = false;
    if (tuple->family == TG_IPV4) {
        switch (type) {
        case ICMP_ECHO:
        case ICMP_TIMESTAMP:
        case ICMP_INFORMATION:
        case ICMP_MASK: break;
        case ICMP_ECHO_REPLY:
            answer = true;
            type = ICMP_ECHO;
            break;
        case ICMP_TIMESTAMP_REPLY:
        case ICMP_INFORMATION_REPLY:
        case ICMP_MASK_REPLY:
            answer = true;
            type--;
            break;
        case ICMP_UNREACHABLE:
        case ICMP_SOURCE_QUENCH:
        case ICMP_REDIRECT:
        case ICMP_TIME_EXCEEDED:
        case ICMP_PARAMETER: return TG_TRANSPORT_ERROR;
        default: return TG_TRANSPORT_NOTICE;
        }
    } else if (type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY) {
        answer = type == ICMP6_ECHO_REPLY;
        type = ICMP6_ECHO;
    } else {
        return type < ICMP6_ECHO ? TG_TRANSPORT_ERROR : TG_TRANSPORT_NOTICE; /* RFC 4443 2.1: errors are below 128 */
    }
    *is_answer = answer;
    tuple->sport = answer ? type : identifier;
    tuple->dport = answer ? identifier : type;
    return TG_TRANSPORT_QUERY;
}

static bool is_icmp(const struct tg_tuple *tuple)
{
    return tuple->proto == (tuple->family == TG_IPV4 ? TG_PROTO_ICMP : TG_PROTO_ICMP6);
}

/* The packet that an error quotes, as far as its ports or identifier: only then can its connection be found. */
static bool read_quote(const struct tg_packet *packet, struct tg_layout *quote)
{
    struct tg_addr final;
    struct ip_facts facts = {.final = &final};
    const uint8_t *data = packet->data;
    memset(quote, 0, sizeof *quote);
    uint32_t len = packet->len < packet->outer.end ? packet->len : packet->outer.end;
    uint16_t at = (uint16_t)(packet->outer.transport + ICMP_HEADER);
    if (read_ip(data, len, at, quote, &facts, false) != TG_DECODED ||
        quote->tuple.family != packet->outer.tuple.family || facts.offset != 0)
        return false;
    const uint8_t *header = data + quote->transport;
    uint32_t end = quote->end < len ? quote->end : len, room = end - quote->transport;
    if (tg_proto_has_ports(quote->tuple.proto)) {
        if (room < 4)
            return false;
        quote->tuple.sport = wire_get16(header);
        quote->tuple.dport = wire_get16(header + 2);
    } else if (is_icmp(&quote->tuple)) {
        if (room < ICMP_HEADER)
            return false;
        /* an error about an error, or about a notice, is about no connection */
        bool is_answer;
        return classify_icmp(&quote->tuple, header[0], wire_get16(header + ICMP_ID), &is_answer) == TG_TRANSPORT_QUERY;
    }
    return true;
}

/* Flags that a packet may carry together: RFC 9293 3.10.7 leaves no others. Push and the ECN bits go with all. */
static bool are_flags_sound(uint8_t flags)
{
    switch (flags & (TG_TCP_FIN | TG_TCP_SYN | TG_TCP_RST | TG_TCP_ACK | TG_TCP_URG)) {
    case TG_TCP_SYN:
    case TG_TCP_SYN | TG_TCP_URG:
    case TG_TCP_SYN | TG_TCP_ACK:
    case TG_TCP_RST:
    case TG_TCP_RST | TG_TCP_ACK:
    case TG_TCP_ACK:
    case TG_TCP_ACK | TG_TCP_URG:
    case TG_TCP_ACK | TG_TCP_FIN:
    case TG_TCP_ACK | TG_TCP_FIN | TG_TCP_URG: return true;
    default: return false;
    }
}

/* The window scale option of a SYN. Options that make no sense end the search and harm nothing: the end host will
 * judge. */
static void read_tcp_options(struct tg_packet *packet, const uint8_t *option, uint32_t len)
{
    while (len > 1 && option[0] != TCP_OPTION_END) {
        bool is_single = option[0] == TCP_OPTION_NOP;
        uint32_t size = is_single ? 1 : option[1];
        if (size > len || (size < 2 && !is_single))
            return;
        if (option[0] == TCP_OPTION_SCALE && size == 3) {
            packet->tcp.window_scaled = true;
            packet->tcp.scale = option[2] > 14 ? 14 : option[2]; /* RFC 7323 2.3 */
        }
        option += size;
        len -= size;
    }
}

INLINED enum tg_decoded read_tcp(struct tg_packet *packet, const uint8_t *tcp, uint32_t room, uint32_t claimed)
{
    if (room < TCP_HEADER)
        return TG_MALFORMED;
    uint32_t header = (tcp[TCP_OFFSET] >> 4) * 4u;
    packet->kind = TG_TRANSPORT_TCP;
    packet->tcp.seq = wire_get32(tcp + TCP_SEQ);
    packet->tcp.ack = wire_get32(tcp + TCP_ACK);
    packet->tcp.window = wire_get16(tcp + TCP_WINDOW);
    packet->tcp.flags = tcp[TCP_FLAGS];
    if (header < TCP_HEADER || header > claimed || !are_flags_sound(packet->tcp.flags))
        return TG_MALFORMED;
    packet->tcp.payload = claimed - header;
    if (packet->tcp.flags & TG_TCP_SYN)
        read_tcp_options(packet, tcp + TCP_HEADER, (header < room ? header : room) - TCP_HEADER);
    return TG_DECODED;
}

static enum tg_decoded read_udp(struct tg_packet *packet, const uint8_t *udp, uint32_t room, uint32_t claimed)
{
    packet->kind = TG_TRANSPORT_PORTS;
    if (room < UDP_HEADER)
        return TG_MALFORMED;
    uint32_t length = wire_get16(udp + UDP_LENGTH);
    if (packet->outer.tuple.proto == TG_PROTO_UDPLITE && length == 0)
        return TG_DECODED; /* all is covered, RFC 3828 3.1 */
    if (length < UDP_HEADER || (length > claimed && !packet->fragment))
        return TG_MALFORMED;
    return TG_DECODED;
}

/* One chunk of SCTP, of which `room` bytes are there.
 * => false if it contradicts itself, or what else the packet has in it */
static bool read_chunk(struct tg_packet *packet, const uint8_t *chunk, uint32_t room, uint32_t length)
{
    uint8_t type = chunk[0];
    bool is_init = type == SCTP_INIT, names = is_init || type == SCTP_INIT_ACK;
    if (packet->sctp.chunks & (1 << SCTP_INIT | 1 << SCTP_INIT_ACK | 1 << SCTP_SHUTDOWN_COMPLETE))
        return false; /* they travel alone: RFC 9260 4.3 */
    if (names && (packet->sctp.chunks != 0 || length < SCTP_INIT_LEAST || room < SCTP_CHUNK_HEADER + 4))
        return false;
    if (names && (packet->sctp.initiate = wire_get32(chunk + SCTP_INITIATE_TAG)) == 0)
        return false;
    if (is_init != (packet->sctp.tag == 0))
        return false; /* only an INIT has none: 8.5.1 */
    if (type == SCTP_ABORT || type == SCTP_SHUTDOWN_COMPLETE)
        packet->sctp.is_reflected = chunk[SCTP_CHUNK_FLAGS] & SCTP_REFLECTED;
    if (type < 16)
        packet->sctp.chunks |= (uint16_t)(1 << type);
    return true;
}

static enum tg_decoded read_sctp(struct tg_packet *packet, const uint8_t *sctp, uint32_t room, uint32_t claimed)
{
    packet->kind = TG_TRANSPORT_PORTS;
    memset(&packet->sctp, 0, sizeof packet->sctp);
    if (room < SCTP_HEADER)
        return TG_MALFORMED;
    packet->sctp.tag = wire_get32(sctp + SCTP_TAG);
    for (uint32_t at = SCTP_HEADER; at + SCTP_CHUNK_HEADER <= room;) {
        uint32_t length = wire_get16(sctp + at + SCTP_CHUNK_LENGTH);
        bool is_all_there = at + length <= claimed || packet->fragment;
        if (length < SCTP_CHUNK_HEADER || !is_all_there || !read_chunk(packet, sctp + at, room - at, length))
            return TG_MALFORMED;
        at += (length + 3) & ~UINT32_C(3);
    }
    return TG_DECODED;
}

static uint64_t get48(const uint8_t *p)
{
    return (uint64_t)wire_get16(p) << 32 | wire_get32(p + 2);
}

static enum tg_decoded read_dccp(struct tg_packet *packet, const uint8_t *dccp, uint32_t room, uint32_t claimed)
{
    packet->kind = TG_TRANSPORT_PORTS;
    memset(&packet->dccp, 0, sizeof packet->dccp);
    if (room < DCCP_HEADER_SHORT)
        return TG_MALFORMED;
    uint8_t type = dccp[DCCP_TYPE] >> 1 & 15;
    bool is_short = !(dccp[DCCP_TYPE] & 1), has_ack = type != DCCP_REQUEST && type != DCCP_DATA;
    uint32_t header = is_short ? DCCP_HEADER_SHORT : DCCP_HEADER_LONG, least = header;
    if (has_ack)
        least += is_short ? 4 : 8;
    if (type == DCCP_REQUEST || type == DCCP_RESPONSE || type == DCCP_RESET)
        least += 4; /* service code; reset code */
    if ((is_short && (type < DCCP_DATA || type > DCCP_DATA_ACK)) || dccp[DCCP_OFFSET] * 4u < least ||
        dccp[DCCP_OFFSET] * 4u > claimed || room < least)
        return TG_MALFORMED;
    packet->dccp.type = type;
    packet->dccp.is_short = is_short;
    packet->dccp.has_ack = has_ack;
    packet->dccp.seq = is_short ? wire_get32(dccp + DCCP_TYPE) & 0xffffff : get48(dccp + DCCP_SEQ_LONG);
    if (has_ack)
        packet->dccp.ack = is_short ? wire_get32(dccp + header) & 0xffffff : get48(dccp + header + 2);
    return TG_DECODED;
}

static enum tg_decoded read_icmp(struct tg_packet *packet, const uint8_t *icmp, uint32_t room)
{
    if (room < ICMP_HEADER)
        return TG_MALFORMED;
    packet->icmp.type = icmp[0];
    packet->icmp.code = icmp[1];
    packet->kind = classify_icmp(&packet->outer.tuple, icmp[0], wire_get16(icmp + ICMP_ID), &packet->icmp.is_answer);
    if (packet->kind == TG_TRANSPORT_ERROR)
        packet->quoted = read_quote(packet, &packet->quote);
    return TG_DECODED;
}

INLINED enum tg_decoded read_transport(struct tg_packet *packet)
{
    struct tg_tuple *tuple = &packet->outer.tuple;
    if (packet->fragment_offset != 0) {
        packet->kind = TG_TRANSPORT_LATER;
        return TG_DECODED;
    }
    const uint8_t *header = packet->data + packet->outer.transport;
    uint32_t claimed = packet->outer.end - packet->outer.transport;
    uint32_t room = packet->len - packet->outer.transport;
    if (room > claimed)
        room = claimed; /* padding is no header */
    if (packet->fragment && claimed == 0)
        return TG_MALFORMED; /* the header that it is judged by is in another fragment: RFC 7112 5 */
    if (tg_proto_has_ports(tuple->proto)) {
        if (room < 4)
            return TG_MALFORMED;
        tuple->sport = wire_get16(header);
        tuple->dport = wire_get16(header + 2);
    }
    switch (tuple->proto) {
    case TG_PROTO_TCP: return read_tcp(packet, header, room, claimed);
    case TG_PROTO_UDP:
    case TG_PROTO_UDPLITE: return read_udp(packet, header, room, claimed);
    case TG_PROTO_SCTP: return read_sctp(packet, header, room, claimed);
    case TG_PROTO_DCCP: return read_dccp(packet, header, room, claimed);
    case TG_PROTO_IGMP: packet->kind = TG_TRANSPORT_NOTICE; return TG_DECODED;
    default:
        if (is_icmp(tuple))
            return read_icmp(packet, header, room);
        packet->kind = TG_TRANSPORT_OTHER;
        return TG_DECODED;
    }
}

/* The bytes that a DCCP checksum covers besides the pseudo-header (RFC 4340 9.2). */
static uint32_t dccp_coverage(const uint8_t *dccp, uint32_t length)
{
    uint32_t coverage = dccp[DCCP_COVERAGE] & 15, covered = dccp[DCCP_OFFSET] * 4u + (coverage - 1) * 4;
    return coverage == 0 || covered > length ? length : covered;
}

/* Only a whole packet has a checksum to check. */
static bool is_checksum_right(const struct tg_packet *packet)
{
    const struct tg_layout *outer = &packet->outer;
    const uint8_t *header = packet->data + outer->transport;
    uint32_t length = outer->end - outer->transport, covered = length;
    switch (outer->tuple.proto) {
    case TG_PROTO_TCP: break;
    case TG_PROTO_UDP:
        if (wire_get16(header + UDP_CHECKSUM) == 0)
            return true; /* none: RFC 768; for IPv6 RFC 6936, middleboxes let it pass */
        length = covered = wire_get16(header + UDP_LENGTH);
        break;
    case TG_PROTO_UDPLITE:
        if (wire_get16(header + UDP_CHECKSUM) == 0)
            return false; /* there is no none: RFC 3828 3.1 */
        covered = wire_get16(header + UDP_LENGTH);
        covered = covered == 0 ? length : covered;
        break;
    case TG_PROTO_SCTP: /* zero is none, for who has agreed on it: RFC 9653 */
        return crc32c_get(header) == 0 || crc32c_get(header) == crc32c_sctp(header, length);
    case TG_PROTO_DCCP: covered = dccp_coverage(header, length); break;
    default:
        if (!is_icmp(&outer->tuple))
            return true;
        if (outer->tuple.family == TG_IPV4)
            return checksum_sum(header, length) == 0xffff;
    }
    if (packet->is_final_hidden)
        return true;
    uint16_t pseudo = checksum_pseudo(outer->tuple.src, packet->final, outer->tuple.proto, length);
    return checksum_add(pseudo, checksum_sum(header, covered)) == 0xffff;
}

static inline bool is_header_checksum_right(const uint8_t *ip, uint32_t length)
{
    return length == IP4_HEADER ? checksum_is_right_ip4(ip) : checksum_sum(ip, length) == 0xffff;
}

INLINED enum tg_decoded decode(struct tg_packet *packet, unsigned flags, bool plain)
{
    struct ip_facts facts = {.final = &packet->final};
    packet->final = (struct tg_addr){0, 0};
    packet->outer = (struct tg_layout){.ip = 0};
    packet->kind = TG_TRANSPORT_OTHER;
    packet->cut = false;
    packet->quoted = false;
    memset(&packet->tcp, 0, sizeof packet->tcp);
    memset(&packet->icmp, 0, sizeof packet->icmp);
    enum tg_decoded decoded = read_ip(packet->data, packet->len, 0, &packet->outer, &facts, plain);
    packet->ttl = facts.ttl;
    packet->fragment = facts.is_fragment;
    packet->more_fragments = facts.more;
    packet->fragment_offset = facts.offset;
    packet->fragment_length = facts.length;
    packet->fragment_id = facts.id;
    packet->is_final_hidden = facts.is_final_hidden;
    if (decoded != TG_DECODED || packet->outer.end > packet->wire_len || packet->outer.end < packet->outer.transport)
        return TG_MALFORMED;
    bool is_cut = packet->outer.end > packet->len;
    packet->cut = is_cut;
    if (packet->outer.tuple.family == TG_IPV4 && !is_header_checksum_right(packet->data, packet->outer.transport))
        return TG_MALFORMED;
    if (read_transport(packet) != TG_DECODED)
        return TG_MALFORMED;
    bool is_trusted = (flags & TG_DECODE_TRUST_CHECKSUM) || is_cut || facts.is_fragment;
    return is_trusted || is_checksum_right(packet) ? TG_DECODED : TG_MALFORMED;
}

APART enum tg_decoded decode_any(struct tg_packet *packet, unsigned flags)
{
    return decode(packet, flags, false);
}

enum tg_decoded tg_packet_decode(struct tg_packet *packet, unsigned flags)
{
    return is_plain(packet) ? decode(packet, flags, true) : decode_any(packet, flags);
}

void tg_packet_fill_checksum(struct tg_packet *packet)
{
    struct tg_layout outer = packet->outer;
    uint8_t *header = packet->data + outer.transport;
    bool is_udp = outer.tuple.proto == TG_PROTO_UDP;
    if (packet->cut || packet->fragment)
        return;
    if (outer.tuple.proto == TG_PROTO_SCTP)
        crc32c_put(header, crc32c_sctp(header, outer.end - outer.transport));
    if ((!is_udp && outer.tuple.proto != TG_PROTO_TCP) || packet->is_final_hidden)
        return;
    uint32_t length = is_udp ? wire_get16(header + UDP_LENGTH) : outer.end - outer.transport;
    const uint8_t *src = packet->data + (outer.tuple.family == TG_IPV4 ? IP4_SRC : IP6_SRC);
    const uint8_t *dst = packet->data + (outer.tuple.family == TG_IPV4 ? IP4_DST : IP6_DST);
    bool is_underway = !tg_addr_equal(packet->final, outer.tuple.dst);
    outer.tuple.src = tg_addr_load(outer.tuple.family, src); /* as they are now, translated or not */
    outer.tuple.dst = is_underway ? packet->final : tg_addr_load(outer.tuple.family, dst);
    uint8_t *field = header + (is_udp ? UDP_CHECKSUM : TCP_CHECKSUM);
    wire_put16(field, 0);
    uint16_t sum = (uint16_t)~checksum_add(checksum_pseudo(outer.tuple.src, outer.tuple.dst, outer.tuple.proto, length),
                                           checksum_sum(header, length));
    wire_put16(field, sum == 0 && is_udp ? 0xffff : sum);
}

/* In IPv6 the protocol that a later fragment shows may be that of an extension header. */
bool tg_packet_same_datagram(const struct tg_packet *a, const struct tg_packet *b)
{
    const struct tg_tuple *t = &a->outer.tuple, *u = &b->outer.tuple;
    return a->fragment && b->fragment && a->fragment_id == b->fragment_id && t->family == u->family &&
           (t->proto == u->proto || t->family == TG_IPV6) && tg_addr_equal(t->src, u->src) &&
           tg_addr_equal(t->dst, u->dst);
}

const char *tg_proto_name(uint8_t proto)
{
    switch (proto) {
    case TG_PROTO_ICMP: return "icmp";
    case TG_PROTO_IGMP: return "igmp";
    case TG_PROTO_TCP: return "tcp";
    case TG_PROTO_UDP: return "udp";
    case TG_PROTO_DCCP: return "dccp";
    case TG_PROTO_GRE: return "gre";
    case TG_PROTO_ESP: return "esp";
    case TG_PROTO_AH: return "ah";
    case TG_PROTO_ICMP6: return "icmp6";
    case TG_PROTO_SCTP: return "sctp";
    case TG_PROTO_UDPLITE: return "udplite";
    default: return NULL;
    }
}
