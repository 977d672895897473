/* Reading and writing header fields: network order, any alignment.
 *
 * Every access to packet bytes in the engine goes through these, so that none depends on the machine's byte order or
 * traps on an odd address (32-bit MIPS does). Callers have checked the bounds.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdint.h>
#include <string.h>

/* A number as its bytes stand in memory, in network order; and back. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WIRE_ORDER16(v) __builtin_bswap16(v)
#define WIRE_ORDER32(v) __builtin_bswap32(v)
#define WIRE_ORDER64(v) __builtin_bswap64(v)
#else
#define WIRE_ORDER16(v) (v)
#define WIRE_ORDER32(v) (v)
#define WIRE_ORDER64(v) (v)
#endif

static inline uint16_t wire_get16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return WIRE_ORDER16(v);
}

static inline uint32_t wire_get32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return WIRE_ORDER32(v);
}

static inline uint64_t wire_get64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return WIRE_ORDER64(v);
}

static inline void wire_put16(uint8_t *p, uint16_t v)
{
    v = WIRE_ORDER16(v);
    memcpy(p, &v, sizeof v);
}

static inline void wire_put32(uint8_t *p, uint32_t v)
{
    v = WIRE_ORDER32(v);
    memcpy(p, &v, sizeof v);
}

static inline void wire_put64(uint8_t *p, uint64_t v)
{
    v = WIRE_ORDER64(v);
    memcpy(p, &v, sizeof v);
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
    IP6_ROUTING_TYPE = 2, /* of a routing header */
    IP6_ROUTING_LEFT = 3,
    IP6_ROUTING_LAST = 4,      /* of type 4: the last entry of its list */
    IP6_ROUTING_ADDRESSES = 8, /* of types 2 and 4 */
    IP6_ROUTING_SOURCE = 0,    /* types: RFC 2460, forbidden by RFC 5095, */
    IP6_ROUTING_MOBILE = 2,    /* RFC 6275 6.4, */
    IP6_ROUTING_SEGMENTS = 4,  /* RFC 8754 2 */
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

/* SCTP common header and chunks, RFC 9260 */
enum {
    SCTP_TAG = 4,
    SCTP_CHECKSUM = 8,
    SCTP_HEADER = 12,
    SCTP_CHUNK_FLAGS = 1, /* of a chunk */
    SCTP_CHUNK_LENGTH = 2,
    SCTP_CHUNK_HEADER = 4,
    SCTP_INITIATE_TAG = 4, /* of INIT and INIT ACK */
    SCTP_INIT_LEAST = 20,
    SCTP_REFLECTED = 1, /* flag of ABORT and SHUTDOWN COMPLETE */
    SCTP_INIT = 1,      /* types of chunk */
    SCTP_INIT_ACK = 2,
    SCTP_HEARTBEAT = 4,
    SCTP_ABORT = 6,
    SCTP_SHUTDOWN = 7,
    SCTP_SHUTDOWN_ACK = 8,
    SCTP_ERROR = 9,
    SCTP_COOKIE_ECHO = 10,
    SCTP_COOKIE_ACK = 11,
    SCTP_SHUTDOWN_COMPLETE = 14,
};

/* DCCP generic header, RFC 4340 */
enum {
    DCCP_OFFSET = 4, /* of the data, in words of four bytes */
    DCCP_COVERAGE = 5,
    DCCP_CHECKSUM = 6,
    DCCP_TYPE = 8, /* 3 bits of nothing, 4 of type, 1 for long sequence numbers */
    DCCP_SEQ_SHORT = 9,
    DCCP_SEQ_LONG = 10,
    DCCP_HEADER_SHORT = 12,
    DCCP_HEADER_LONG = 16,
    DCCP_REQUEST = 0, /* types */
    DCCP_RESPONSE = 1,
    DCCP_DATA = 2,
    DCCP_ACK = 3,
    DCCP_DATA_ACK = 4,
    DCCP_CLOSE_REQUEST = 5,
    DCCP_CLOSE = 6,
    DCCP_RESET = 7,
    DCCP_SYNC = 8,
    DCCP_SYNC_ACK = 9,
};

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
