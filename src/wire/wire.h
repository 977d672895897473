/* Reading and writing header fields: network order, any alignment.
 *
 * Every access to packet bytes in the engine goes through these, so that none depends on the machine's byte order or
 * traps on an odd address (32-bit MIPS does). Callers have checked the bounds.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdint.h>

static inline uint16_t wire_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t wire_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t wire_get64(const uint8_t *p)
{
    return (uint64_t)wire_get32(p) << 32 | wire_get32(p + 4);
}

static inline void wire_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void wire_put32(uint8_t *p, uint32_t v)
{
    wire_put16(p, (uint16_t)(v >> 16));
    wire_put16(p + 2, (uint16_t)v);
}

static inline void wire_put64(uint8_t *p, uint64_t v)
{
    wire_put32(p, (uint32_t)(v >> 32));
    wire_put32(p + 4, (uint32_t)v);
}

/* IPv4 header, RFC 791 */
enum {
    IP4_TOS = 1,
    IP4_LENGTH = 2,
    IP4_ID = 4,
    IP4_FRAGMENT = 6,
    IP4_TTL = 8,
    IP4_PROTO = 9,
    IP4_CHECKSUM = 10,
    IP4_SRC = 12,
    IP4_DST = 16,
    IP4_HEADER = 20,
    IP4_MORE = 0x2000,   /* of the fragment field */
    IP4_DONT = 0x4000,   /* don't fragment */
    IP4_OFFSET = 0x1fff, /* in units of 8 bytes */
};

/* IPv6 header and extension headers, RFC 8200 */
enum {
    IP6_LENGTH = 4,
    IP6_NEXT = 6,
    IP6_HOPS = 7,
    IP6_SRC = 8,
    IP6_DST = 24,
    IP6_HEADER = 40,
    IP6_HOP_BY_HOP = 0, /* next header values */
    IP6_ROUTING = 43,
    IP6_FRAGMENT = 44,
    IP6_DESTINATION = 60,
    IP6_FRAGMENT_HEADER = 8,
};

/* TCP, RFC 9293 */
enum {
    TCP_SEQ = 4,
    TCP_ACK = 8,
    TCP_OFFSET = 12,
    TCP_FLAGS = 13,
    TCP_WINDOW = 14,
    TCP_CHECKSUM = 16,
    TCP_HEADER = 20,
    TCP_OPTION_END = 0,
    TCP_OPTION_NOP = 1,
    TCP_OPTION_MSS = 2,
    TCP_OPTION_SCALE = 3,
    TCP_OPTION_SACK = 5,
};

/* UDP, RFC 768 (UDP-Lite, RFC 3828, has the coverage where UDP has the length) */
enum { UDP_LENGTH = 4, UDP_CHECKSUM = 6, UDP_HEADER = 8 };

/* SCTP common header, RFC 9260 */
enum { SCTP_HEADER = 12 };

/* ICMP, RFC 792, and ICMPv6, RFC 4443 */
enum {
    ICMP_CHECKSUM = 2,
    ICMP_ID = 4,
    ICMP_HEADER = 8,
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_SOURCE_QUENCH = 4,
    ICMP_REDIRECT = 5,
    ICMP_ECHO = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER = 12,
    ICMP_TIMESTAMP = 13,
    ICMP_TIMESTAMP_REPLY = 14,
    ICMP_INFORMATION = 15,
    ICMP_INFORMATION_REPLY = 16,
    ICMP_MASK = 17,
    ICMP_MASK_REPLY = 18,
    ICMP6_UNREACHABLE = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_PARAMETER = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129,
    ICMP6_REDIRECT = 137,
};

#endif
