/* A control connection through the house, from both of its ends: each counts sequence numbers for itself, and what it
 * is told of the other must be what the other has sent. */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include "house.h"

#include "helper/helper.h"

enum speaking { CLIENT, SERVER };

struct talk {
    struct house *house;
    struct talk_side {
        uint8_t zone;     /* by which its packets come in */
        const char *ends; /* as it sends them */
        uint32_t next;    /* the number of its next byte */
        uint32_t heard;   /* that of the other's next byte, as it counts */
    } side[2];
};

static inline void add_helper(struct tg_policy *policy, enum helper_kind kind, uint16_t port)
{
    uint8_t proto = helper_reads(kind, TG_PROTO_TCP) ? TG_PROTO_TCP : TG_PROTO_UDP;
    must(policy_add_helper(policy, &(struct policy_helper){(uint8_t)kind, proto, {port, port}}));
}

/* What most homes have, and helpers for all. */
static inline struct tg_policy *helped_home(void)
{
    struct tg_policy *policy = home_policy();
    add_helper(policy, HELPER_FTP, 21);
    add_helper(policy, HELPER_RTSP, 554);
    add_helper(policy, HELPER_SIP, 5060);
    add_helper(policy, HELPER_TFTP, 69);
    return policy;
}

static inline void text_into(struct bytes *b, const char *text)
{
    uint32_t len = (uint32_t)strlen(text);
    memcpy(b->at + b->len - len, text, len);
    seal(b);
}

/* A segment with `text`, as that side would send it now. */
static inline struct bytes segment(const struct talk *t, enum speaking who, unsigned flags, uint32_t seq,
                                   const char *text)
{
    const struct talk_side *side = &t->side[who];
    struct bytes b = tcp(side->ends, flags, seq, side->heard, (uint32_t)strlen(text));
    text_into(&b, text);
    return b;
}

static inline struct bytes datagram_of(const char *ends, const char *text)
{
    struct bytes b = udp(ends, (uint32_t)strlen(text));
    text_into(&b, text);
    return b;
}

/* What the last packet carries. */
static inline const char *text_of(const struct house *h, uint32_t *len)
{
    uint8_t proto;
    uint32_t at = find_transport(h->bytes.at, h->bytes.len, &proto);
    at += proto == TG_PROTO_TCP ? (h->bytes.at[at + 12] >> 4) * 4u : 8u;
    *len = h->bytes.len - at;
    return (const char *)h->bytes.at + at;
}

#define CHECK_TEXT(house, wanted) check_text(house, wanted, __FILE__, __LINE__)
static inline void check_text(const struct house *h, const char *wanted, const char *file, int line)
{
    uint32_t len;
    const char *text = text_of(h, &len);
    if (len != strlen(wanted) || memcmp(text, wanted, len) != 0) {
        print_error("it carries '%.*s', not '%s'\n", (int)len, text, wanted);
        _fail(file, line);
    }
}

/* The last packet is as the other side of `who` must see it: from whom, with which numbers. `seq` as that side counts.
 */
static inline void check_segment(const struct talk *t, enum speaking who, uint32_t seq, const char *file, int line)
{
    char looks[160], there[80], here[80], wanted[200];
    const struct talk_side *other = &t->side[!who];
    const uint8_t *header = t->house->bytes.at + find_transport(t->house->bytes.at, t->house->bytes.len, &(uint8_t){0});
    sscanf(other->ends, "%79s > %79s", there, here);
    snprintf(wanted, sizeof wanted, "%s > %s", here, there);
    _assert_string_equal(ends_of(t->house->bytes.at, t->house->bytes.len, looks), wanted, file, line);
    _assert_int_equal(get32(header + 4), seq, file, line);
    _assert_int_equal(get32(header + 8), other->next, file, line);
}

/* Send `text`, of which the other side must get `wanted` (NULL: the same). */
#define SAY(talk, who, text, wanted) say(talk, who, text, wanted, __FILE__, __LINE__)
static inline void say(struct talk *t, enum speaking who, const char *text, const char *wanted, const char *file,
                       int line)
{
    struct talk_side *side = &t->side[who], *other = &t->side[!who];
    struct bytes b = segment(t, who, ACK | PSH, side->next, text);
    wanted = wanted != NULL ? wanted : text;
    judge(t->house, side->zone, &b);
    _assert_int_equal(t->house->verdict.action, TG_ACCEPT, file, line);
    check_text(t->house, wanted, file, line);
    check_segment(t, who, other->heard, file, line);
    side->next += (uint32_t)strlen(text);
    other->heard += (uint32_t)strlen(wanted);
}

/* Acknowledge all that has come. */
#define ANSWER(talk, who) acknowledge(talk, who, __FILE__, __LINE__)
static inline void acknowledge(struct talk *t, enum speaking who, const char *file, int line)
{
    struct bytes b = segment(t, who, ACK, t->side[who].next, "");
    judge(t->house, t->side[who].zone, &b);
    _assert_int_equal(t->house->verdict.action, TG_ACCEPT, file, line);
    check_segment(t, who, t->side[!who].heard, file, line);
}

/* A connection is established: from `client` as it sends, to `server` as that answers. */
static inline struct talk begin_talk(struct house *h, uint8_t client_zone, const char *client, uint8_t server_zone,
                                     const char *server)
{
    struct talk t = {.house = h,
                     .side = {{.zone = client_zone, .ends = client, .next = UINT32_C(0xffffffe0)},
                              {.zone = server_zone, .ends = server, .next = 7000}}};
    struct bytes syn = tcp(client, SYN, t.side[CLIENT].next++, 0, 0);
    judge(h, client_zone, &syn);
    CHECK(client, h->verdict.action == TG_ACCEPT);
    t.side[SERVER].heard = t.side[CLIENT].next;
    struct bytes answer = tcp(server, SYN | ACK, t.side[SERVER].next++, t.side[SERVER].heard, 0);
    judge(h, server_zone, &answer);
    CHECK(server, h->verdict.action == TG_ACCEPT);
    t.side[CLIENT].heard = t.side[SERVER].next;
    ANSWER(&t, CLIENT);
    return t;
}

/* And both speak FTP. */
static inline struct talk begin_ftp(struct house *h, uint8_t client_zone, const char *client, uint8_t server_zone,
                                    const char *server)
{
    struct talk t = begin_talk(h, client_zone, client, server_zone, server);
    SAY(&t, SERVER, "220 ready\r\n", NULL);
    SAY(&t, CLIENT, "USER anonymous\r\n", NULL);
    SAY(&t, SERVER, "230 welcome\r\n", NULL);
    return t;
}

/* The usual one: somebody inside and a server outside. */
static inline struct talk ftp_out(struct house *h)
{
    return begin_ftp(h, LAN, "192.168.1.20:5000 > 198.51.100.9:21", WAN, "198.51.100.9:21 > 203.0.113.1:5000");
}

/* Somebody outside and a server behind a forward, which add_forward() has made. */
static inline struct talk ftp_in(struct house *h)
{
    return begin_ftp(h, WAN, "198.51.100.9:5000 > 203.0.113.1:21", LAN, "192.168.1.50:21 > 198.51.100.9:5000");
}

static inline struct bytes syn(const char *ends)
{
    return tcp(ends, SYN, 1, 0, 0);
}

/* What begins something is not expected, and no rule allows it. */
#define EXPECT_CLOSED(house, zone, packet) EXPECT(house, zone, packet, "drop default")

#endif
