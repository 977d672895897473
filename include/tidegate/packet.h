/* A packet: its bytes, and a flat description of its headers.
 *
 * Decoding reads every header once, checks what can be checked without knowing any connection (lengths, offsets,
 * checksums, flags that exclude each other) and leaves plain host-order numbers, so that nothing after it reads header
 * bytes to decide. Nothing is allocated, nothing is copied: offsets point into the caller's bytes, which must stay
 * until the packet is done with. Translation rewrites those bytes in place (src/translate); where a helper changes what
 * a packet carries, `len` and `wire_len` change with it.
 */
#ifndef TIDEGATE_PACKET_H
#define TIDEGATE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tidegate/addr.h"

/* Protocol numbers (IANA) that the engine knows by name. */
enum {
    TG_PROTO_ICMP = 1,
    TG_PROTO_IGMP = 2,
    TG_PROTO_TCP = 6,
    TG_PROTO_UDP = 17,
    TG_PROTO_DCCP = 33,
    TG_PROTO_GRE = 47,
    TG_PROTO_ESP = 50,
    TG_PROTO_AH = 51,
    TG_PROTO_ICMP6 = 58,
    TG_PROTO_SCTP = 132,
    TG_PROTO_UDPLITE = 136,
};

enum {
    TG_TCP_FIN = 0x01,
    TG_TCP_SYN = 0x02,
    TG_TCP_RST = 0x04,
    TG_TCP_PSH = 0x08,
    TG_TCP_ACK = 0x10,
    TG_TCP_URG = 0x20,
};

/* Who speaks to whom, one direction. Ports in host order.
 *
 * A query and answer of ICMP (echo, timestamp, …) has ports too, so that it is found and translated like any other: the
 * side that asks has the identifier as its port, the side that answers the type of the question. A request is
 * sport = identifier, dport = type; its answer sport = type of the question, dport = identifier. Protocols without
 * either have both 0. */
struct tg_tuple {
    struct tg_addr src, dst;
    uint16_t sport, dport;
    uint8_t family; /* TG_IPV4 or TG_IPV6 */
    uint8_t proto;
};

/* The same, as the answer has it. */
static inline struct tg_tuple tg_tuple_flip(const struct tg_tuple *t)
{
    return (struct tg_tuple){t->dst, t->src, t->dport, t->sport, t->family, t->proto};
}

static inline bool tg_tuple_equal(const struct tg_tuple *a, const struct tg_tuple *b)
{
    return a->family == b->family && a->proto == b->proto && a->sport == b->sport && a->dport == b->dport &&
           tg_addr_equal(a->src, b->src) && tg_addr_equal(a->dst, b->dst);
}

/* What the transport header is, once decoded. */
enum tg_transport {
    TG_TRANSPORT_OTHER, /* a protocol followed by its addresses alone */
    TG_TRANSPORT_TCP,   /* `tcp` is filled */
    TG_TRANSPORT_PORTS, /* UDP, UDP-Lite, SCTP (`sctp` is filled), DCCP (`dccp`): ports */
    TG_TRANSPORT_QUERY, /* ICMP or ICMPv6 question or answer with an identifier; `icmp` is filled */
    TG_TRANSPORT_ERROR, /* ICMP or ICMPv6 error; `icmp` is filled, and `quote` where the quoted packet could be read */
    TG_TRANSPORT_NOTICE, /* any other ICMP or ICMPv6 (neighbour discovery, …), IGMP: no connection, each judged alone */
    TG_TRANSPORT_LATER, /* a fragment other than the first: no transport header here */
};

/* The headers of one IP packet, or of the beginning of one that an ICMP error quotes. Offsets are from the packet's
 * first byte. */
struct tg_layout {
    struct tg_tuple tuple;
    uint16_t ip;        /* offset of the IP header */
    uint16_t transport; /* offset of the transport header */
    uint32_t end;       /* offset behind the last byte that the IP header claims (may lie beyond what was captured) */
};

struct tg_packet {
    /* As given to tg_packet_decode(). */
    uint8_t *data;     /* from the first byte of the IP header */
    uint32_t len;      /* bytes there */
    uint32_t wire_len; /* bytes that the packet had on the wire: more than len if the capture cut it */
    uint32_t room;     /* bytes that may be written at `data`, where what it carries may grow; less than len: len */

    /* Filled by tg_packet_decode(). */
    struct tg_layout outer;
    enum tg_transport kind;
    uint8_t ttl;              /* or hop limit */
    bool cut;                 /* len < outer.end: the transport checksum could not be checked */
    bool fragment;            /* a part of a datagram; the first one has a transport header, others have not */
    bool more_fragments;      /* and more of it follow */
    uint16_t fragment_offset; /* bytes */
    uint16_t fragment_length; /* bytes of the datagram that it carries, IPv6 extension headers among them */
    uint32_t fragment_id;     /* 16 bits in IPv4 */
    struct {
        uint32_t seq, ack;
        uint32_t payload;   /* bytes of data */
        uint16_t window;    /* as in the header, unscaled */
        uint8_t flags;      /* TG_TCP_… */
        bool window_scaled; /* a SYN that carries the option (RFC 7323) */
        uint8_t scale;      /* 0 to 14 */
    } tcp;
    struct {
        uint8_t type, code;
        bool is_answer; /* of a query */
    } icmp;
    struct {               /* of SCTP; not touched for anything else */
        uint32_t tag;      /* verification tag */
        uint32_t initiate; /* that an INIT or INIT ACK names its sender with */
        uint16_t chunks;   /* bit n: a chunk of type n is there */
        bool is_reflected; /* ABORT or SHUTDOWN COMPLETE with its sender's own tag */
    } sctp;
    struct {               /* of DCCP; not touched for anything else */
        uint64_t seq, ack; /* 48 bits, or 24 if is_short */
        uint8_t type;
        bool is_short, has_ack;
    } dccp;
    struct tg_addr final;   /* the destination that checksums are of: another than outer.tuple.dst where an IPv6 routing
                               header has hops to go */
    bool is_final_hidden;   /* it does so in a way that is not known here: nobody on the way can check anything */
    bool quoted;            /* `quote` is filled: it reached as far as the ports or the identifier */
    struct tg_layout quote; /* of an ICMP error; not touched for anything else */
};

enum tg_decoded {
    TG_DECODED,
    TG_MALFORMED, /* contradicts itself: version, lengths, offsets, flags, options, a checksum */
};

/* How to decode. */
enum {
    TG_DECODE_TRUST_CHECKSUM = 1, /* the transport checksum is known to be right, or not filled in yet (offload) */
};

/* Read the headers of `packet` (IPv4 or IPv6, by its first four bits): `data`, `len` and `wire_len` are the caller's,
 * everything else is filled here, as far as it is of the packet's kind. No byte outside data[0 … len-1] is read,
 * whatever the headers say. What the capture cut off is not held against the packet, as long as its headers are there.
 *
 * IPv4: RFC 791, 1812 5.2.2; IPv6: RFC 8200 (extension headers in any order, as many as 8; a routing header of type 0
 * is refused, RFC 5095, RFC 6092 REC-4; with hops left in another the packet is one to who is next; an atomic fragment
 * is no fragment, RFC 6946); a first fragment has all headers as far as ports or type, TCP's with its options (RFC
 * 1858, 7112), no fragment is empty or ends behind 65535; TCP: RFC 9293; UDP: RFC 768; SCTP: RFC 9260, chunks that end
 * behind the packet, tags that are zero and must not be or the other way round, and company that an INIT must not have
 * are refused; DCCP: RFC 4340; ICMP: RFC 792, 4443, errors that quote past IP options and extension headers.
 * => TG_DECODED, or TG_MALFORMED: then `outer.tuple` holds what had been read until then (family 0 if nothing) */
enum tg_decoded tg_packet_decode(struct tg_packet *packet, unsigned flags);

/* Whether two fragments are of one datagram: RFC 791 3.2, RFC 8200 4.5. */
bool tg_packet_same_datagram(const struct tg_packet *a, const struct tg_packet *b);

/* The name of a protocol as reports write it ("tcp"), or NULL if it has none here. */
const char *tg_proto_name(uint8_t proto);

/* Whether a packet of `proto` has ports (tcp, udp, udplite, sctp, dccp). */
static inline bool tg_proto_has_ports(uint8_t proto)
{
    return proto == TG_PROTO_TCP || proto == TG_PROTO_UDP || proto == TG_PROTO_SCTP || proto == TG_PROTO_UDPLITE ||
           proto == TG_PROTO_DCCP;
}

/* Compute the transport checksum anew from the packet's bytes as they are now, whatever the field holds: for packets
 * whose checksum was left to the hardware (NFQA_SKB_CSUMNOTREADY), after they have been translated. Needs all bytes of
 * the packet; TCP, UDP and SCTP alone are touched. */
void tg_packet_fill_checksum(struct tg_packet *packet);

#endif
