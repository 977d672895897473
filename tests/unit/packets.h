/* Packets for the tests: written from a line of text, sealed and checked with the plainest code there is.
 *
 * Nothing here uses the engine's own reading, writing or summing of headers, so that what it says of them is a second
 * opinion. A packet is a value (struct bytes) and may be changed at will between building and sealing.
 *
 * `ends` is who speaks to whom: "192.0.2.1:80 > 198.51.100.2:1234", "[2001:db8::1]:80 > [2001:db8::2]:90", or without
 * ports "192.0.2.1 > 198.51.100.2". A text that cannot be read stops the program: it is the test that is wrong.
 */
#ifndef TESTS_PACKETS_H
#define TESTS_PACKETS_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tidegate/packet.h"

enum { PACKET_MOST = 2048 };
enum { FIN = TG_TCP_FIN, SYN = TG_TCP_SYN, RST = TG_TCP_RST, PSH = TG_TCP_PSH, ACK = TG_TCP_ACK, URG = TG_TCP_URG };

struct bytes {
    uint32_t len;
    uint8_t at[PACKET_MOST];
};

struct ends {
    uint8_t family, src[16], dst[16];
    uint16_t sport, dport;
};

static inline void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

static inline uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* Random numbers that are the same in every run (xorshift64*). */
static inline uint32_t random32(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(*state * UINT64_C(2685821657736338717) >> 32);
}

/* ---- reading the text ---- */

static inline void read_end(const char *text, uint8_t *family, uint8_t addr[16], uint16_t *port)
{
    char name[64] = "";
    unsigned number = 0;
    int used = 0;
    if (text[0] == '[')
        sscanf(text, "[%63[^]]]:%u%n", name, &number, &used);
    else if (strchr(text, '.') != NULL)
        sscanf(text, "%63[0-9.]:%u%n", name, &number, &used);
    else
        snprintf(name, sizeof name, "%s", text);
    if (inet_pton(AF_INET, name, addr) == 1)
        *family = TG_IPV4;
    else if (inet_pton(AF_INET6, name, addr) == 1)
        *family = TG_IPV6;
    else {
        fprintf(stderr, "not an address: '%s'\n", text);
        abort();
    }
    *port = (uint16_t)number;
}

static inline struct ends read_ends(const char *text)
{
    char from[64], to[64];
    struct ends e = {0};
    uint8_t other = 0;
    if (sscanf(text, "%63s > %63s", from, to) != 2) {
        fprintf(stderr, "not 'FROM > TO': '%s'\n", text);
        abort();
    }
    read_end(from, &e.family, e.src, &e.sport);
    read_end(to, &other, e.dst, &e.dport);
    if (other != e.family) {
        fprintf(stderr, "two families: '%s'\n", text);
        abort();
    }
    return e;
}

/* ---- summing ---- */

/* RFC 1071 as it is defined: 16-bit words, one after the other. */
static inline uint32_t naive_sum(const uint8_t *bytes, uint32_t len, uint32_t sum)
{
    for (uint32_t i = 0; i < len; i += 2) {
        sum += (uint32_t)bytes[i] << 8 | (i + 1 < len ? bytes[i + 1] : 0);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* The pseudo-header in front of `length` bytes of `proto`. */
static inline uint32_t naive_pseudo(const uint8_t *ip, uint8_t proto, uint32_t length)
{
    uint8_t tail[8] = {0};
    bool is_ipv4 = ip[0] >> 4 == 4;
    put32(tail, length);
    tail[7] = proto;
    return naive_sum(tail, 8, naive_sum(ip + (is_ipv4 ? 12 : 8), is_ipv4 ? 8 : 32, 0));
}

/* CRC-32c over a packet's SCTP, with zero in place of the checksum: long division by the polynomial, bit by bit. */
static inline uint32_t naive_crc32c(const uint8_t *bytes, uint32_t len)
{
    uint32_t crc = UINT32_MAX;
    for (uint32_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            uint32_t byte = i >= 8 && i < 12 ? 0 : bytes[i];
            uint32_t out = (crc ^ byte >> bit) & 1;
            crc = out ? crc >> 1 ^ UINT32_C(0x82f63b78) : crc >> 1;
        }
    return ~crc;
}

/* ---- finding the way in a packet that the test has built itself ---- */

/* => the offset of the transport header, with its protocol; extension headers that are there must be whole */
static inline uint32_t find_transport(const uint8_t *ip, uint32_t len, uint8_t *proto)
{
    if (ip[0] >> 4 == 4) {
        *proto = ip[9];
        return (ip[0] & 15) * 4u;
    }
    uint32_t at = 40;
    *proto = ip[6];
    while (at + 8 <= len && (*proto == 0 || *proto == 43 || *proto == 44 || *proto == 60)) {
        uint32_t size = *proto == 44 ? 8 : 8 + ip[at + 1] * 8u;
        *proto = ip[at];
        at += size;
    }
    return at;
}

static inline uint8_t *transport(struct bytes *b)
{
    uint8_t proto;
    return b->at + find_transport(b->at, b->len, &proto);
}

/* Where a transport header keeps its checksum, or 0 if `proto` has none that is a sum. */
static inline uint32_t checksum_at(uint8_t proto)
{
    switch (proto) {
    case TG_PROTO_TCP: return 16;
    case TG_PROTO_UDP:
    case TG_PROTO_DCCP:
    case TG_PROTO_UDPLITE: return 6;
    case TG_PROTO_ICMP:
    case TG_PROTO_ICMP6: return 2;
    default: return 0;
    }
}

/* The folded sum that a transport checksum covers, itself included: 0xffff where it is right. */
static inline uint32_t transport_sum(const uint8_t *ip, const uint8_t *header, uint8_t proto, uint32_t length)
{
    uint32_t covered = length;
    if (proto == TG_PROTO_UDPLITE && get16(header + 4) != 0)
        covered = get16(header + 4);
    if (proto == TG_PROTO_UDP)
        length = covered = get16(header + 4);
    if (proto == TG_PROTO_DCCP && (header[5] & 15) != 0)
        covered = header[4] * 4u + ((header[5] & 15) - 1) * 4u;
    if (proto == TG_PROTO_DCCP && covered > length)
        covered = length;
    return naive_sum(header, covered, proto == TG_PROTO_ICMP ? 0 : naive_pseudo(ip, proto, length));
}

/* Put the checksums right, whatever the lengths say. */
static inline void seal_checksums(struct bytes *b)
{
    uint8_t proto;
    uint32_t at = find_transport(b->at, b->len, &proto), length = b->len - at, field = checksum_at(proto);
    if (at > b->len)
        return;
    uint8_t *header = b->at + at;
    if (b->at[0] >> 4 == 4) {
        put16(b->at + 10, 0);
        put16(b->at + 10, ~naive_sum(b->at, at, 0) & 0xffff);
    }
    if (proto == TG_PROTO_SCTP && length >= 12) {
        uint32_t crc = naive_crc32c(header, length);
        for (int i = 0; i < 4; i++)
            header[8 + i] = (uint8_t)(crc >> 8 * i);
    }
    if (field == 0 || length < field + 2)
        return;
    put16(header + field, 0);
    uint32_t sum = ~transport_sum(b->at, header, proto, length) & 0xffff;
    put16(header + field, sum == 0 && (proto == TG_PROTO_UDP || proto == TG_PROTO_UDPLITE) ? 0xffff : sum);
}

/* Put lengths and checksums right. */
static inline void seal(struct bytes *b)
{
    uint8_t proto;
    if (b->at[0] >> 4 == 4)
        put16(b->at + 2, b->len);
    else
        put16(b->at + 4, b->len - 40);
    uint32_t at = find_transport(b->at, b->len, &proto);
    if (proto == TG_PROTO_UDP && b->len - at >= 8)
        put16(b->at + at + 4, b->len - at);
    seal_checksums(b);
}

/* => true if every checksum of a whole packet is right, those of a whole packet quoted in an ICMP error too */
static inline bool are_checksums_right(const uint8_t *ip, uint32_t len)
{
    uint8_t proto;
    uint32_t at = find_transport(ip, len, &proto), length, field = checksum_at(proto);
    uint32_t end = ip[0] >> 4 == 4 ? get16(ip + 2) : 40u + get16(ip + 4);
    if (ip[0] >> 4 == 4 && naive_sum(ip, at, 0) != 0xffff)
        return false;
    if (end > len || at > end)
        return true; /* cut: nothing more can be said */
    length = end - at;
    if (proto == TG_PROTO_SCTP && length >= 12) {
        uint32_t crc = naive_crc32c(ip + at, length);
        return ip[at + 8] == (uint8_t)crc && ip[at + 9] == (uint8_t)(crc >> 8) && ip[at + 10] == (uint8_t)(crc >> 16) &&
               ip[at + 11] == (uint8_t)(crc >> 24);
    }
    bool is_fragment = ip[0] >> 4 == 4 ? (get16(ip + 6) & 0x3fff) != 0 : ip[6] == 44;
    if (field == 0 || length < field + 2 || is_fragment)
        return true;
    if (proto == TG_PROTO_UDP && get16(ip + at + 6) == 0)
        return true;
    if (transport_sum(ip, ip + at, proto, length) != 0xffff)
        return false;
    bool is_error = proto == TG_PROTO_ICMP ? ip[at] == 3 || ip[at] == 4 || ip[at] == 5 || ip[at] == 11 || ip[at] == 12
                                           : proto == TG_PROTO_ICMP6 && ip[at] < 128;
    if (!is_error || length < 8 + 20 || (ip[at + 8] >> 4 == 6 && length < 8 + 40))
        return true;
    if (ip[at + 8] >> 4 == 4 && ip[at + 8 + 9] == TG_PROTO_SCTP)
        return naive_sum(ip + at + 8, (ip[at + 8] & 15) * 4u, 0) == 0xffff; /* a CRC in a quote nobody reads or mends */
    return are_checksums_right(ip + at + 8, length - 8);
}

/* ---- building ---- */

static inline struct bytes ip_packet(const char *ends, uint8_t proto, const void *payload, uint32_t len)
{
    struct ends e = read_ends(ends);
    struct bytes b = {0};
    if (e.family == TG_IPV4) {
        b.at[0] = 0x45;
        put16(b.at + 4, 0x1234);
        b.at[8] = 64;
        b.at[9] = proto;
        memcpy(b.at + 12, e.src, 4);
        memcpy(b.at + 16, e.dst, 4);
        b.len = 20;
    } else {
        b.at[0] = 0x60;
        b.at[6] = proto;
        b.at[7] = 64;
        memcpy(b.at + 8, e.src, 16);
        memcpy(b.at + 24, e.dst, 16);
        b.len = 40;
    }
    if (b.len + len > PACKET_MOST) {
        fprintf(stderr, "too long a packet: %s\n", ends);
        abort();
    }
    if (payload != NULL)
        memcpy(b.at + b.len, payload, len);
    b.len += len;
    seal(&b);
    return b;
}

static inline void fill_payload(uint8_t *p, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        p[i] = (uint8_t)(i * 7 + 1);
}

/* `options` is padded to a multiple of four. */
static inline struct bytes tcp_with_options(const char *ends, unsigned flags, uint32_t seq, uint32_t ack,
                                            uint32_t payload, uint32_t window, const void *options, uint32_t option_len)
{
    struct ends e = read_ends(ends);
    uint8_t tcp[PACKET_MOST] = {0};
    uint32_t header = 20 + (option_len + 3) / 4 * 4;
    put16(tcp, e.sport);
    put16(tcp + 2, e.dport);
    put32(tcp + 4, seq);
    put32(tcp + 8, ack);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = (uint8_t)flags;
    put16(tcp + 14, window);
    if (option_len != 0)
        memcpy(tcp + 20, options, option_len);
    fill_payload(tcp + header, payload);
    return ip_packet(ends, TG_PROTO_TCP, tcp, header + payload);
}

static inline struct bytes tcp(const char *ends, unsigned flags, uint32_t seq, uint32_t ack, uint32_t payload)
{
    return tcp_with_options(ends, flags, seq, ack, payload, 65535, NULL, 0);
}

/* SCTP with one chunk, of `len` bytes behind its four; INIT and INIT ACK name `initiate`. */
static inline struct bytes sctp(const char *ends, uint32_t tag, uint8_t type, uint8_t flags, uint32_t initiate,
                                uint32_t len)
{
    struct ends e = read_ends(ends);
    uint8_t d[PACKET_MOST] = {0};
    put16(d, e.sport);
    put16(d + 2, e.dport);
    put32(d + 4, tag);
    d[12] = type;
    d[13] = flags;
    put16(d + 14, 4 + len);
    fill_payload(d + 16, len);
    if (type == 1 || type == 2)
        put32(d + 16, initiate);
    return ip_packet(ends, TG_PROTO_SCTP, d, 16 + (len + 3) / 4 * 4);
}

/* DCCP with long numbers; `ack` where the type has one. */
static inline struct bytes dccp(const char *ends, uint8_t type, uint64_t seq, uint64_t ack, uint32_t payload)
{
    struct ends e = read_ends(ends);
    uint8_t d[PACKET_MOST] = {0};
    uint32_t header = 16 + (type == 0 || type == 2 ? 0 : 8) + (type == 0 || type == 1 || type == 7 ? 4 : 0);
    put16(d, e.sport);
    put16(d + 2, e.dport);
    d[4] = (uint8_t)(header / 4);
    d[8] = (uint8_t)(type << 1 | 1);
    put16(d + 10, (uint32_t)(seq >> 32));
    put32(d + 12, (uint32_t)seq);
    put16(d + 18, (uint32_t)(ack >> 32)); /* what has no acknowledgement has other things here, or nothing */
    put32(d + 20, (uint32_t)ack);
    if (type == 0)
        put32(d + 16, 0);
    fill_payload(d + header, payload);
    return ip_packet(ends, TG_PROTO_DCCP, d, header + payload);
}

/* UDP, UDP-Lite (all of it covered) or SCTP (a HEARTBEAT of 4 bytes at least, which may begin something and answer
 * it). */
static inline struct bytes datagram(uint8_t proto, const char *ends, uint32_t payload)
{
    struct ends e = read_ends(ends);
    uint8_t d[PACKET_MOST] = {0};
    if (proto == TG_PROTO_SCTP)
        return sctp(ends, 0x5eed5eed, 4, 0, 0, payload < 4 ? 0 : payload - 4);
    put16(d, e.sport);
    put16(d + 2, e.dport);
    fill_payload(d + 8, payload);
    return ip_packet(ends, proto, d, 8 + payload);
}

static inline struct bytes udp(const char *ends, uint32_t payload)
{
    return datagram(TG_PROTO_UDP, ends, payload);
}

/* Any ICMP or ICMPv6 message; `word` is what stands behind the checksum: identifier and sequence, MTU, … */
static inline struct bytes icmp(const char *ends, uint8_t type, uint8_t code, uint32_t word, const void *body,
                                uint32_t len)
{
    uint8_t m[PACKET_MOST] = {type, code};
    put32(m + 4, word);
    if (len != 0)
        memcpy(m + 8, body, len);
    uint8_t family = read_ends(ends).family;
    return ip_packet(ends, family == TG_IPV4 ? TG_PROTO_ICMP : TG_PROTO_ICMP6, m, 8 + len);
}

static inline struct bytes query(const char *ends, uint8_t type, uint16_t id)
{
    static const uint8_t body[] = "abcdefghijklmnopqrstuvwxyz";
    return icmp(ends, type, 0, (uint32_t)id << 16 | 1, body, sizeof body - 1);
}

static inline struct bytes ping(const char *ends, uint16_t id)
{
    return query(ends, read_ends(ends).family == TG_IPV4 ? 8 : 128, id);
}

static inline struct bytes pong(const char *ends, uint16_t id)
{
    return query(ends, read_ends(ends).family == TG_IPV4 ? 0 : 129, id);
}

/* An ICMP error that quotes the first `quoted` bytes of `about`, at most all of it. */
static inline struct bytes icmp_error(const char *ends, uint8_t type, uint8_t code, const struct bytes *about,
                                      uint32_t quoted)
{
    return icmp(ends, type, code, 0, about->at, quoted < about->len ? quoted : about->len);
}

/* Put `n` bytes in at `at`; the packet must be sealed again. */
static inline void insert(struct bytes *b, uint32_t at, const void *what, uint32_t n)
{
    memmove(b->at + at + n, b->at + at, b->len - at);
    memcpy(b->at + at, what, n);
    b->len += n;
}

/* Put an extension header directly behind the IPv6 header: its own type, and 8-byte units that it is long. */
static inline void add_extension(struct bytes *b, uint8_t type, const uint8_t *body, uint32_t units)
{
    uint8_t ext[PACKET_MOST] = {0};
    if (body != NULL)
        memcpy(ext, body, units * 8u);
    ext[0] = b->at[6];
    if (type != 44)
        ext[1] = (uint8_t)(units - 1);
    insert(b, 40, ext, units * 8u);
    b->at[6] = type;
    seal(b);
}

static inline struct bytes with_ipv4_options(struct bytes b)
{
    static const uint8_t options[] = {0x94, 4, 0, 0, 1, 1, 1, 0}; /* router alert, then padding */
    insert(&b, 20, options, sizeof options);
    b.at[0] += 2;
    seal(&b);
    return b;
}

static inline struct bytes with_padding(struct bytes b, uint32_t n)
{
    memset(b.at + b.len, 0xa5, n);
    b.len += n;
    return b;
}

static inline struct bytes with_extension(struct bytes b, uint8_t type, const uint8_t *body, uint32_t units)
{
    add_extension(&b, type, body, units);
    return b;
}

/* An IPv4 fragment with `n` bytes of transport header and data, from `offset` bytes on. */
static inline struct bytes fragment_of(struct bytes b, uint32_t offset, uint32_t n, bool more)
{
    memmove(b.at + 20, b.at + 20 + offset, n);
    b.len = 20 + n;
    put16(b.at + 6, offset / 8 | (more ? 0x2000 : 0));
    put16(b.at + 2, b.len);
    put16(b.at + 10, 0);
    put16(b.at + 10, ~naive_sum(b.at, 20, 0) & 0xffff);
    return b;
}

/* The same for IPv6: the fragment header is put in. */
static inline struct bytes fragment6_of(struct bytes b, uint32_t offset, uint32_t n, bool more)
{
    uint8_t header[8] = {b.at[6], 0, 0, 0, 0, 0, 0x12, 0x34};
    put16(header + 2, offset | more);
    memmove(b.at + 40, b.at + 40 + offset, n);
    b.len = 40 + n;
    insert(&b, 40, header, 8);
    b.at[6] = 44;
    put16(b.at + 4, b.len - 40);
    return b;
}

/* ---- looking ---- */

/* "SRC:PORT > DST:PORT" as the bytes have it; an identifier of an ICMP query is on neither side, so it stands behind as
 * "id N". */
static inline const char *ends_of(const uint8_t *ip, uint32_t len, char buf[static 160])
{
    char src[46], dst[46];
    uint8_t proto;
    bool is_ipv4 = ip[0] >> 4 == 4;
    inet_ntop(is_ipv4 ? AF_INET : AF_INET6, ip + (is_ipv4 ? 12 : 8), src, sizeof src);
    inet_ntop(is_ipv4 ? AF_INET : AF_INET6, ip + (is_ipv4 ? 16 : 24), dst, sizeof dst);
    uint32_t at = find_transport(ip, len, &proto);
    const uint8_t *t = ip + at;
    bool is_later = is_ipv4 && (get16(ip + 6) & 0x1fff) != 0;
    if (tg_proto_has_ports(proto) && len >= at + 4 && !is_later)
        snprintf(buf, 160, is_ipv4 ? "%s:%u > %s:%u" : "[%s]:%u > [%s]:%u", src, get16(t), dst, get16(t + 2));
    else if (proto == TG_PROTO_ICMP && len >= at + 8 && (t[0] == 0 || t[0] == 8 || (t[0] >= 13 && t[0] <= 18)))
        snprintf(buf, 160, "%s > %s id %u", src, dst, get16(t + 4));
    else
        snprintf(buf, 160, "%s > %s", src, dst);
    return buf;
}

/* The same of the packet that an ICMP error quotes. */
static inline const char *quoted_ends_of(const uint8_t *ip, uint32_t len, char buf[static 160])
{
    uint8_t proto;
    uint32_t at = find_transport(ip, len, &proto) + 8;
    return ends_of(ip + at, len - at, buf);
}

/* Decode a copy that ends with its block of memory, so that reading one byte too far is seen. The copy is in
 * packet->data and must be freed. */
static inline enum tg_decoded decode_copy(const uint8_t *bytes, uint32_t len, uint32_t wire_len, unsigned flags,
                                          struct tg_packet *packet)
{
    uint8_t *copy = malloc(len);
    if (copy == NULL && len != 0)
        abort();
    if (len != 0)
        memcpy(copy, bytes, len);
    *packet = (struct tg_packet){.data = copy, .len = len, .wire_len = wire_len};
    return tg_packet_decode(packet, flags);
}

#endif
