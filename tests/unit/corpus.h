/* One packet of every kind that the decoder knows, all of them good. */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include "packets.h"

struct sample {
    const char *name;
    struct bytes bytes;
    enum tg_transport kind;
    const char *ends;  /* as the tuple must be: an ICMP query has its identifier and type for ports */
    const char *quote; /* of an error whose quote can be read */
};

enum { SAMPLES_MOST = 64 };

static inline size_t samples(struct sample *s)
{
    static const char *const a = "192.0.2.1:1000 > 198.51.100.2:80", *const a6 =
                                                                         "[2001:db8::1]:1000 > [2001:db8::2]:80";
    static const char *const p = "192.0.2.1 > 198.51.100.2", *const p6 = "2001:db8::1 > 2001:db8::2";
    static const char *const back = "203.0.113.9 > 192.0.2.1", *const back6 = "2001:db8:9::9 > 2001:db8::1";
    static const uint8_t scale[] = {2, 4, 5, 180, 1, 3, 3, 7};
    static const uint8_t rh2[8] = {0, 0, 2, 0}, hop[8] = {0, 0, 5, 2}, atomic[8] = {0, 0, 0, 0, 1, 2, 3, 4};
    const enum tg_transport tcp_ = TG_TRANSPORT_TCP, ports = TG_TRANSPORT_PORTS, query_ = TG_TRANSPORT_QUERY,
                            error = TG_TRANSPORT_ERROR, notice = TG_TRANSPORT_NOTICE, other = TG_TRANSPORT_OTHER,
                            later = TG_TRANSPORT_LATER;
    struct bytes u = udp(a, 100), u6 = udp(a6, 100), t = tcp(a, ACK, 1, 2, 100), t6 = tcp(a6, ACK, 1, 2, 100);
    struct bytes odd = udp(a, 0), none = udp(a, 33);
    struct bytes chain = with_extension(with_extension(u6, 60, NULL, 3), 0, hop, 1);
    size_t n = 0;
#define SAMPLE(...) s[n++] = (struct sample){__VA_ARGS__}
    put16(none.at + 26, 0); /* no checksum */
    SAMPLE("tcp", t, tcp_, a, NULL);
    SAMPLE("tcp syn with options", tcp_with_options(a, SYN, 9, 0, 0, 1000, scale, 8), tcp_, a, NULL);
    SAMPLE("tcp over ipv6", t6, tcp_, a6, NULL);
    SAMPLE("tcp with ip options", with_ipv4_options(t), tcp_, a, NULL);
    SAMPLE("udp", u, ports, a, NULL);
    SAMPLE("udp without data", odd, ports, a, NULL);
    SAMPLE("udp without a checksum", none, ports, a, NULL);
    SAMPLE("udp of odd length", udp(a, 33), ports, a, NULL);
    SAMPLE("udp over ipv6", u6, ports, a6, NULL);
    SAMPLE("udp with ethernet padding", with_padding(odd, 18), ports, a, NULL);
    SAMPLE("udp behind extension headers", chain, ports, a6, NULL);
    SAMPLE("udp behind a routing header", with_extension(u6, 43, rh2, 1), ports, a6, NULL);
    SAMPLE("udp as an atomic fragment", with_extension(u6, 44, atomic, 1), ports, a6, NULL);
    SAMPLE("udplite", datagram(TG_PROTO_UDPLITE, a, 40), ports, a, NULL);
    SAMPLE("sctp", datagram(TG_PROTO_SCTP, a, 40), ports, a, NULL);
    SAMPLE("sctp over ipv6", datagram(TG_PROTO_SCTP, a6, 40), ports, a6, NULL);
    SAMPLE("ping", ping(p, 77), query_, "192.0.2.1:77 > 198.51.100.2:8", NULL);
    SAMPLE("pong", pong(p, 77), query_, "192.0.2.1:8 > 198.51.100.2:77", NULL);
    SAMPLE("ping with identifier 0", ping(p, 0), query_, "192.0.2.1:0 > 198.51.100.2:8", NULL);
    SAMPLE("timestamp", query(p, 13, 5), query_, "192.0.2.1:5 > 198.51.100.2:13", NULL);
    SAMPLE("timestamp reply", query(p, 14, 5), query_, "192.0.2.1:13 > 198.51.100.2:5", NULL);
    SAMPLE("information", query(p, 15, 6), query_, "192.0.2.1:6 > 198.51.100.2:15", NULL);
    SAMPLE("information reply", query(p, 16, 6), query_, "192.0.2.1:15 > 198.51.100.2:6", NULL);
    SAMPLE("address mask", query(p, 17, 7), query_, "192.0.2.1:7 > 198.51.100.2:17", NULL);
    SAMPLE("address mask reply", query(p, 18, 7), query_, "192.0.2.1:17 > 198.51.100.2:7", NULL);
    SAMPLE("ping over ipv6", ping(p6, 77), query_, "[2001:db8::1]:77 > [2001:db8::2]:128", NULL);
    SAMPLE("pong over ipv6", pong(p6, 77), query_, "[2001:db8::1]:128 > [2001:db8::2]:77", NULL);
    SAMPLE("router advertisement", icmp(p, 9, 0, 0, NULL, 0), notice, NULL, NULL);
    SAMPLE("neighbour solicitation", icmp(p6, 135, 0, 0, "0123456789abcdef", 16), notice, NULL, NULL);
    SAMPLE("igmp", ip_packet("192.0.2.1 > 224.0.0.22", TG_PROTO_IGMP, "\x22\0\0\0\0\0\0\0", 8), notice, NULL, NULL);
    SAMPLE("port unreachable about udp", icmp_error(back, 3, 3, &u, 200), error, NULL, a);
    SAMPLE("port unreachable about the least", icmp_error(back, 3, 3, &u, 28), error, NULL, a);
    SAMPLE("time exceeded about tcp", icmp_error(back, 11, 0, &t, 28), error, NULL, a);
    SAMPLE("source quench", icmp_error(back, 4, 0, &t, 28), error, NULL, a);
    SAMPLE("redirect", icmp_error(back, 5, 1, &t, 28), error, NULL, a);
    SAMPLE("parameter problem", icmp_error(back, 12, 0, &t, 28), error, NULL, a);
    SAMPLE("an error about ip options", icmp_error(back, 3, 1, &s[3].bytes, 200), error, NULL, a);
    SAMPLE("an error about a ping", icmp_error(back, 3, 1, &s[16].bytes, 200), error, NULL,
           "192.0.2.1:77 > 198.51.100.2:8");
    SAMPLE("an error about esp", icmp_error(back, 3, 1, &(struct bytes){0}, 0), error, NULL, NULL);
    s[n - 1].bytes = ip_packet(p, TG_PROTO_ESP, "12345678", 8);
    s[n - 1].bytes = icmp_error(back, 3, 2, &s[n - 1].bytes, 28);
    s[n - 1].quote = p;
    SAMPLE("unreachable over ipv6", icmp_error(back6, 1, 4, &u6, 200), error, NULL, a6);
    SAMPLE("too big about extension headers", icmp_error(back6, 2, 0, &chain, 200), error, NULL, a6);
    SAMPLE("an error about a ping over ipv6", icmp_error(back6, 3, 0, &s[25].bytes, 200), error, NULL,
           "[2001:db8::1]:77 > [2001:db8::2]:128");
    SAMPLE("esp", ip_packet(p, TG_PROTO_ESP, "12345678", 8), other, p, NULL);
    SAMPLE("ah over ipv6", ip_packet(p6, TG_PROTO_AH, "123456781234", 12), other, p6, NULL);
    SAMPLE("gre", ip_packet(p, TG_PROTO_GRE, "\0\0\x08\0", 4), other, p, NULL);
    SAMPLE("a protocol that nobody knows", ip_packet(p, 253, "x", 1), other, p, NULL);
    SAMPLE("nothing behind ipv6", ip_packet(p6, 59, NULL, 0), other, p6, NULL);
    SAMPLE("icmpv6's number in ipv4", ip_packet(p, TG_PROTO_ICMP6, "x", 1), other, p, NULL);
    SAMPLE("icmp's number in ipv6", ip_packet(p6, TG_PROTO_ICMP, "x", 1), other, p6, NULL);
    SAMPLE("first fragment", fragment_of(u, 0, 48, true), ports, a, NULL);
    SAMPLE("later fragment", fragment_of(u, 48, 60, false), later, p, NULL);
    SAMPLE("first fragment over ipv6", fragment6_of(u6, 0, 48, true), ports, a6, NULL);
    SAMPLE("later fragment over ipv6", fragment6_of(u6, 48, 60, false), later, p6, NULL);
#undef SAMPLE
    return n;
}

#endif
