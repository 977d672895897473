/* What the fuzz targets of the helpers share: a talk between a client inside and a server outside, of any bytes,
 * through the parser alone and through the engine.
 *
 * The input is a row of steps, with 0x1e between them. The first byte of a step says what it is, the others are text:
 *
 *   c, s   the client or the server says it        C, S   and it is lost behind the engine
 *   r, R   part of what the client (server) has said is sent again: its place and length, two bytes each
 *   a, A   the client (server) acknowledges        p      somebody outside begins a connection: who, and to which port
 *   l      another load                            t      time passes
 *
 * Besides what engine.h demands, and what messages.h has to say of each text:
 *
 * - whatever is sent again, in whatever segments, its receiver sees the same bytes at the same numbers;
 * - nobody is told that more was received than he has sent; and all of it, if nothing was lost;
 * - nobody outside but the server comes in, and only to the client, at ports that are not privileged and no helper's.
 */
#ifndef FUZZ_HELPER_H
#define FUZZ_HELPER_H

#define FUZZ_HAS_RULES
#define FUZZ_HOME                                                                                                      \
    "zone wan on eth0 address 203.0.113.1/24 masquerade\n"                                                             \
    "zone lan on br-lan address 192.168.1.1/24\n"                                                                      \
    "allow from lan to wan\n"
static char fuzz_rules[2][1200] = {FUZZ_HOME "helper ftp on tcp port 21\nhelper rtsp on tcp port 554\n"
                                             "helper sip on udp port 5060\nhelper tftp on udp port 69\n",
                                   FUZZ_HOME};

#include "../unit/messages.h"
#include "engine.h"

enum { TEXT_MOST = 4096, SEGMENT_MOST = 1000, SEPARATOR = 0x1e, CLIENT_PORT = 5000, FIRST = 0xfffffe00 };
enum speaking { CLIENT, SERVER };

/* One side, and what has come of it to the other. */
struct side {
    uint8_t zone;
    char ends[80];
    uint8_t sent[TEXT_MOST];
    uint32_t len, acked; /* bytes sent, and that it knows to have been received */
    uint8_t came[2 * TEXT_MOST];
    bool has[2 * TEXT_MOST];
    uint32_t received; /* bytes without a gap */
    bool has_lost;     /* something was, and may be missing */
};

struct talk {
    struct fuzzed f;
    uint64_t now;
    struct speaker speaker;
    bool is_tcp;
    struct side side[2];
};

static inline void say_well(const char *fault)
{
    if (fault != NULL)
        fprintf(stderr, "%s\n", fault);
    MUST(fault == NULL);
}

/* ---- the parser alone ---- */

static inline void read_alone(const struct talk *t, enum speaking who, const uint8_t *text, uint32_t len)
{
    struct helper_message m;
    struct speaker from = t->speaker;
    from.is_reply = who == SERVER;
    say_well(message_fault(&from, text, len, &m));
    (void)helper_greets(from.kind, from.is_reply, text, len);
}

/* ---- through the engine ---- */

static inline enum tg_action come(struct talk *t, uint8_t zone, struct bytes *b, struct tg_verdict *v)
{
    const struct tg_arrival arrival = {.now = t->now, .zone_in = zone};
    judge_in_room(&t->f, b->at, &b->len, b->len, sizeof b->at, &arrival, v);
    return v->action;
}

/* A segment has come through to the other side: bytes that are new, or as they were, and what that acknowledges. */
static inline void receive(struct talk *t, enum speaking who, const struct bytes *b, bool is_lost)
{
    struct side *side = &t->side[who], *other = &t->side[!who];
    uint32_t header = 20 + (b->at[32] >> 4) * 4u, at = get32(b->at + 24) - FIRST, len = b->len - header;
    uint32_t acked = get32(b->at + 28) - FIRST;
    MUST(acked <= other->len && (acked == other->len || other->has_lost));
    if (is_lost)
        return;
    if (acked > other->acked)
        other->acked = acked;
    for (uint32_t i = 0; i < len; i++) {
        if (at + i < side->received)
            continue; /* its receiver looks at nothing that it has */
        MUST(at + i < sizeof side->came);
        MUST(!side->has[at + i] || side->came[at + i] == b->at[header + i]);
        side->has[at + i] = true;
        side->came[at + i] = b->at[header + i];
    }
    while (side->received < sizeof side->came && side->has[side->received])
        side->received++;
}

static inline void send_segment(struct talk *t, enum speaking who, unsigned flags, uint32_t at, uint32_t len,
                                bool is_lost)
{
    struct side *side = &t->side[who];
    struct tg_verdict v;
    struct bytes b = tcp(side->ends, flags, FIRST + at, FIRST + t->side[!who].received, len);
    if (len != 0)
        memcpy(b.at + 40, side->sent + at, len);
    seal(&b);
    MUST(come(t, side->zone, &b, &v) == TG_ACCEPT);
    side->has_lost |= is_lost;
    if (!(flags & SYN))
        receive(t, who, &b, is_lost);
}

static inline void say(struct talk *t, enum speaking who, const uint8_t *text, uint32_t len, bool is_lost)
{
    struct side *side = &t->side[who];
    struct tg_verdict v;
    if (len > SEGMENT_MOST)
        len = SEGMENT_MOST;
    read_alone(t, who, text, len);
    if (!t->is_tcp) {
        struct bytes b = udp(side->ends, len);
        memcpy(b.at + 28, text, len);
        seal(&b);
        (void)come(t, side->zone, &b, &v);
    } else if (side->len + len <= TEXT_MOST) {
        memcpy(side->sent + side->len, text, len);
        side->len += len;
        send_segment(t, who, ACK | PSH, side->len - len, len, is_lost);
    }
}

/* Part of what has not been acknowledged, as far as its sender knows. */
static inline void repeat(struct talk *t, enum speaking who, const uint8_t *bytes, uint32_t len)
{
    const struct side *side = &t->side[who];
    uint32_t waiting = side->len - side->acked;
    if (!t->is_tcp || len < 4 || waiting == 0)
        return;
    uint32_t at = side->acked + get16(bytes) % waiting, most = side->len - at;
    uint32_t part = 1 + get16(bytes + 2) % (most < SEGMENT_MOST ? most : SEGMENT_MOST);
    send_segment(t, who, ACK, at, part, bytes[0] & 0x80);
}

static inline bool is_spoken_for(uint8_t proto, uint16_t port)
{
    return port < 1024 || (proto == TG_PROTO_UDP && port == 5060);
}

static inline void probe(struct talk *t, const uint8_t *bytes, uint32_t len)
{
    char ends[80];
    struct tg_verdict v;
    if (len < 3)
        return;
    bool is_server = bytes[0] & 1;
    snprintf(ends, sizeof ends, "198.51.100.%u:40000 > 203.0.113.1:%u", is_server ? 9 : 10, get16(bytes + 1));
    struct bytes b = bytes[0] & 2 ? tcp(ends, SYN, 1, 0, 0) : udp(ends, 5);
    if (come(t, WAN, &b, &v) != TG_ACCEPT)
        return;
    MUST(is_server && get32(b.at + 16) == 0xc0a80114 && !is_spoken_for(b.at[9], get16(b.at + 22)));
}

static inline void step(struct talk *t, const uint8_t *bytes, uint32_t len)
{
    uint8_t what = bytes[0];
    enum speaking who = what == 's' || what == 'S' || what == 'R' || what == 'A' ? SERVER : CLIENT;
    bytes++;
    len--;
    switch (what) {
    case 'r':
    case 'R': repeat(t, who, bytes, len); break;
    case 'a':
    case 'A':
        if (t->is_tcp)
            send_segment(t, who, ACK, t->side[who].len, 0, false);
        break;
    case 'p': probe(t, bytes, len); break;
    case 'l': load_next(&t->f); break;
    case 't': t->now += (len > 0 ? bytes[0] : 1) * TG_SECOND / 4; break;
    default: say(t, who, bytes, len, what == 'C' || what == 'S'); break;
    }
}

static inline int fuzz_helper(enum helper_kind kind, uint16_t port, const uint8_t *data, size_t size)
{
    static struct talk t;
    t = (struct talk){.f = begin(), .now = TG_SECOND, .speaker = {kind, false, CLIENT_PORT}};
    t.is_tcp = helper_reads(kind, TG_PROTO_TCP);
    t.side[CLIENT].zone = LAN;
    t.side[SERVER].zone = WAN;
    snprintf(t.side[CLIENT].ends, sizeof t.side[CLIENT].ends, "192.168.1.20:%u > 198.51.100.9:%u", CLIENT_PORT, port);
    snprintf(t.side[SERVER].ends, sizeof t.side[SERVER].ends, "198.51.100.9:%u > 203.0.113.1:%u", port, CLIENT_PORT);
    if (t.is_tcp) {
        send_segment(&t, CLIENT, SYN, UINT32_MAX, 0, false);
        send_segment(&t, SERVER, SYN | ACK, UINT32_MAX, 0, false);
        send_segment(&t, CLIENT, ACK, 0, 0, false);
    }
    read_alone(&t, CLIENT, data, (uint32_t)size);
    while (size > 0) {
        const uint8_t *end = memchr(data, SEPARATOR, size);
        uint32_t len = end == NULL ? (uint32_t)size : (uint32_t)(end - data);
        if (len > 0)
            step(&t, data, len);
        len += end != NULL;
        data += len;
        size -= len;
    }
    end(&t.f);
    return 0;
}

#endif
