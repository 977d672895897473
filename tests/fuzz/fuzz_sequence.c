/* Any sequence of good packets, through the engine, against a plain model of what masquerading promises.
 *
 * Each four bytes of the input are a step: a packet of some inside, to some peer, by some protocol; an answer to one
 * that has gone out before; an error about one; a stranger; a load; time. Besides what engine.h demands:
 *
 * - one inside address and port is one outside port for as long as it is used, and no two insides share one at a time;
 * - an answer to what went out less than two minutes ago comes in, and goes to who asked;
 * - so does an error about it; and neither strangers nor errors change that.
 */
#include "engine.h"

enum { INSIDES = 4, PORTS = 3, KEYS = INSIDES * PORTS * 2, SENT = 32 };
enum { LIFETIME = 60 }; /* seconds; the least that anything sent is remembered for: an ICMP query */

/* An inside address and port, or identifier, of one protocol. */
struct key {
    uint16_t outside;
    uint64_t last; /* when it was used */
    bool used;
};

struct sent {
    struct bytes inside, outside;
    uint64_t when;
    unsigned load;
};

struct model {
    struct fuzzed f;
    uint64_t now;
    struct key keys[KEYS];
    struct sent sent[SENT];
    unsigned sent_count;
};

static bool is_recent(const struct model *m, uint64_t when)
{
    return m->now - when < LIFETIME * TG_SECOND;
}

static enum tg_action arrive(struct model *m, uint8_t zone, struct bytes *b, struct tg_verdict *v)
{
    struct tg_arrival arrival = {.now = m->now, .zone_in = zone};
    MUST(judge(&m->f, b->at, b->len, b->len, &arrival, v) == TG_DECODED);
    return v->action;
}

static uint16_t port_of(const struct bytes *b)
{
    return get16(b->at + (b->at[9] == TG_PROTO_ICMP ? 24 : 20));
}

/* Something goes out. */
static void go_out(struct model *m, uint8_t a, uint8_t c)
{
    static const uint16_t ports[PORTS] = {8, 80, 5001};
    unsigned inside = a % INSIDES, port = a / INSIDES % PORTS, peer = c % 4;
    bool is_ping = c & 16;
    char ends[80];
    struct tg_verdict v;
    if (is_ping)
        snprintf(ends, sizeof ends, "192.168.1.%u > 198.51.100.%u", 10 + inside, 1 + peer);
    else
        snprintf(ends, sizeof ends, "192.168.1.%u:%u > 198.51.100.%u:%u", 10 + inside, ports[port], 1 + peer,
                 53 + peer);
    struct bytes in = is_ping ? ping(ends, ports[port]) : udp(ends, c), out = in;
    if (arrive(m, LAN, &out, &v) != TG_ACCEPT) {
        MUST(v.reason == TG_REASON_LIMIT);
        return;
    }
    struct key *key = &m->keys[(inside * PORTS + port) * 2 + is_ping];
    uint16_t outside = port_of(&out);
    if (key->used && is_recent(m, key->last))
        MUST(key->outside == outside);
    *key = (struct key){outside, m->now, true};
    for (unsigned i = is_ping; i < KEYS; i += 2) /* of the same protocol */
        MUST(&m->keys[i] == key || !m->keys[i].used || m->keys[i].outside != outside || !is_recent(m, m->keys[i].last));
    m->sent[m->sent_count++ % SENT] = (struct sent){in, out, m->now, m->f.loads};
}

static const struct sent *some_sent(const struct model *m, uint8_t a)
{
    unsigned there = m->sent_count < SENT ? m->sent_count : SENT;
    return there == 0 ? NULL : &m->sent[a % there];
}

/* The addresses of a packet, and its ports, the other way around; a question becomes its answer. */
static struct bytes turned(const struct bytes *b)
{
    struct bytes r = *b;
    memcpy(r.at + 12, b->at + 16, 4);
    memcpy(r.at + 16, b->at + 12, 4);
    if (r.at[9] == TG_PROTO_ICMP) {
        r.at[20] = 0;
    } else {
        memcpy(r.at + 20, b->at + 22, 2);
        memcpy(r.at + 22, b->at + 20, 2);
    }
    seal(&r);
    return r;
}

static void answer(struct model *m, uint8_t a)
{
    const struct sent *s = some_sent(m, a);
    struct tg_verdict v;
    if (s == NULL)
        return;
    struct bytes b = turned(&s->outside), wanted = turned(&s->inside);
    if (arrive(m, WAN, &b, &v) == TG_ACCEPT && v.reason == TG_REASON_ESTABLISHED)
        MUST(!is_recent(m, s->when) || memcmp(b.at + 12, wanted.at + 12, b.len - 12) == 0);
    else
        MUST(!is_recent(m, s->when));
}

static void complain(struct model *m, uint8_t a, uint8_t c)
{
    const struct sent *s = some_sent(m, a);
    struct tg_verdict v;
    if (s == NULL)
        return;
    struct bytes b = icmp_error("192.0.2.254 > 203.0.113.1", 3, c % 16, &s->outside, 28 + c);
    uint32_t quoted = b.len - 28;
    if (arrive(m, WAN, &b, &v) == TG_ACCEPT) {
        if (is_recent(m, s->when))
            MUST(memcmp(b.at + 28 + 12, s->inside.at + 12, (quoted < 28 ? quoted : 26) - 12) == 0);
    } else {
        MUST(!is_recent(m, s->when));
    }
}

/* Someone who was not asked, from anywhere, to anything: whatever becomes of it. */
static void intrude(struct model *m, uint8_t a, uint8_t c)
{
    char ends[80];
    struct tg_verdict v;
    snprintf(ends, sizeof ends, "198.51.100.%u:%u > 203.0.113.1:%u", 100 + a % 4, 1000 + a,
             c % 2 ? 5000 + c % 4 : 8080);
    struct bytes b = a % 2 ? udp(ends, 5) : tcp(ends, c % 64, a, c, 0);
    struct tg_arrival arrival = {.now = m->now, .zone_in = c & 64 ? WAN : LAN};
    judge(&m->f, b.at, b.len, b.len, &arrival, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model m = {.f = begin(), .now = TG_SECOND};
    for (; size >= 4; data += 4, size -= 4) {
        m.now += (uint64_t)data[3] * data[3] * (TG_SECOND / 1000); /* up to 65 s */
        switch (data[0] % 8) {
        case 0:
        case 1:
        case 2: go_out(&m, data[1], data[2]); break;
        case 3:
        case 4: answer(&m, data[1]); break;
        case 5: complain(&m, data[1], data[2]); break;
        case 6: intrude(&m, data[1], data[2]); break;
        default: load_next(&m.f); break;
        }
    }
    end(&m.f);
    return 0;
}
