/* Connections for the tests of room: who begins them where, what is said on them, and whether they are there.
 *
 * Strangers outside come to a forward; what is inside speaks IPv6, so that there may be many of it and their ports stay
 * as they are.
 */
#ifndef TESTS_FLOWS_H
#define TESTS_FLOWS_H

#include "connection/tcp.h"
#include "engine/inside.h"
#include "house.h"

static inline struct tg_policy *policy_for_all(void)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    add_forward(policy, TG_PROTO_UDP, 5000, 1, "192.168.1.50", 5000, 1);
    add_rule(policy, TG_ACCEPT, WAN, LAN, 0, 0);
    add_rule(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_ICMP, 0);
    return policy;
}

static inline struct house open_room(uint32_t room)
{
    return open_house(policy_for_all(), room, 1);
}

/* ---- who speaks ---- */

/* A connection: who begins it where, and as the answers to it come. */
struct flow {
    uint8_t zone, proto;
    char there[100], back[100];
};

static inline struct flow flow_of(uint8_t zone, uint8_t proto, const char *there, const char *back)
{
    struct flow f = {.zone = zone, .proto = proto};
    snprintf(f.there, sizeof f.there, "%s", there);
    snprintf(f.back, sizeof f.back, "%s", back);
    return f;
}

/* Stranger `n`, from a port of his, to the forward. */
static inline struct flow from_outside(uint8_t proto, uint32_t n, uint16_t port)
{
    char who[40], there[100], back[100];
    bool is_tcp = proto == TG_PROTO_TCP;
    snprintf(who, sizeof who, "100.%u.%u.%u:%u", n >> 16 & 255, n >> 8 & 255, n & 255, port);
    snprintf(there, sizeof there, "%s > 203.0.113.1:%s", who, is_tcp ? "8080" : "5000");
    snprintf(back, sizeof back, "192.168.1.50:%s > %s", is_tcp ? "80" : "5000", who);
    return flow_of(WAN, proto, there, back);
}

/* Device `n` inside, from a port of its, to a server. */
static inline struct flow from_inside(uint8_t proto, uint32_t n, uint16_t port)
{
    char there[100], back[100];
    snprintf(there, sizeof there, "[fd00:1::%x]:%u > [2001:db8:9::1]:80", n + 0x100, port);
    snprintf(back, sizeof back, "[2001:db8:9::1]:80 > [fd00:1::%x]:%u", n + 0x100, port);
    return flow_of(LAN, proto, there, back);
}

static inline struct flow from_router(uint8_t proto, uint16_t port)
{
    char there[100], back[100];
    snprintf(there, sizeof there, "[2001:db8:0:1::2]:%u > [2001:db8:9::1]:80", port);
    snprintf(back, sizeof back, "[2001:db8:9::1]:80 > [2001:db8:0:1::2]:%u", port);
    return flow_of(ROUTER, proto, there, back);
}

/* ---- what they say ---- */

/* => whether it passed */
static inline bool passes(struct house *h, uint8_t zone, const struct bytes *b)
{
    judge(h, zone, b);
    return h->verdict.action == TG_ACCEPT;
}

static inline bool begins(struct house *h, const struct flow *f)
{
    struct bytes b = f->proto == TG_PROTO_TCP ? tcp(f->there, SYN, 1000, 0, 0) : datagram(f->proto, f->there, 4);
    return passes(h, f->zone, &b);
}

static inline bool answers(struct house *h, const struct flow *f)
{
    struct bytes b = f->proto == TG_PROTO_TCP ? tcp(f->back, SYN | ACK, 9000, 1001, 0) : datagram(f->proto, f->back, 4);
    return passes(h, f->zone == WAN ? LAN : WAN, &b);
}

static inline bool goes_on(struct house *h, const struct flow *f)
{
    struct bytes b = f->proto == TG_PROTO_TCP ? tcp(f->there, ACK, 1001, 9001, 0) : datagram(f->proto, f->there, 4);
    return passes(h, f->zone, &b);
}

static inline void establish(struct house *h, const struct flow *f)
{
    CHECK(f->there, begins(h, f) && answers(h, f) && goes_on(h, f));
}

/* The tuple of an IPv4 or IPv6 packet like that. */
static inline struct tg_tuple tuple_of(uint8_t proto, const char *text)
{
    struct ends e = read_ends(text);
    struct tg_tuple tuple = {.sport = e.sport, .dport = e.dport, .family = e.family, .proto = proto};
    for (int i = 0; i < 2; i++) {
        const uint8_t *at = i == 0 ? e.src : e.dst;
        struct tg_addr *addr = i == 0 ? &tuple.src : &tuple.dst;
        if (e.family == TG_IPV4)
            *addr = tg_ipv4(get32(at));
        else
            *addr = (struct tg_addr){(uint64_t)get32(at) << 32 | get32(at + 4),
                                     (uint64_t)get32(at + 8) << 32 | get32(at + 12)};
    }
    return tuple;
}

/* => the connection, held; or NULL */
static inline struct conn *find(struct house *h, const struct flow *f)
{
    struct tg_tuple tuple = tuple_of(f->proto, f->there);
    enum conn_direction direction;
    return conn_find(h->engine->table, &tuple, &direction);
}

/* Whether it is there: without a sign of life. */
static inline bool is_there(struct house *h, const struct flow *f)
{
    struct conn *conn = find(h, f);
    if (conn != NULL)
        conn_unlock(conn);
    return conn != NULL;
}

static inline void expect_limit(struct house *h, const struct flow *f)
{
    CHECK(f->there, !begins(h, f));
    CHECK(f->there, h->verdict.action == TG_DROP && h->verdict.reason == TG_REASON_LIMIT);
}

/* Time passes, and what is over by then is swept. */
static inline void pass_time(struct house *h, double seconds)
{
    struct bytes other = udp("192.168.2.9:5 > 198.51.100.1:9", 4);
    wait_for(h, seconds);
    judge(h, GUEST, &other);
}

#endif
