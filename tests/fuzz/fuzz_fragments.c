/* Any sequence of fragments through the engine, against a receiver that knows nothing but how to put them together.
 *
 * Each six bytes of the input are a step: some piece of one of a few datagrams, cut anywhere; or a whole datagram, in
 * pieces and in some order, by an honest sender, perhaps with a flood of others' fragments in its midst; a flood; a
 * load; time. Beside the engine stands a driver that holds what must wait. Besides what engine.h demands:
 *
 * - nothing passes before the first of its datagram has, and all goes where that went;
 * - no byte of a datagram passes twice, nor does anything behind its end, until it is whole or forgotten;
 * - what the receiver has put together is what was sent;
 * - an honest datagram passes in any order, if its first does, and floods push out none of a known connection.
 */
#define FUZZ_ROOM 512 /* for as many strangers as fragments are remembered of, and more */
#include "engine.h"

enum { FLOWS = 4, IDS = 3, HELD = 8, LIFETIME = 30, PAYLOAD = 600, MOST = 8 + PAYLOAD };
enum { STRANGERS = 1500 }; /* more of them tell nothing new, and take time */

static const struct {
    const char *ends;
    uint8_t zone;
} flows[FLOWS] = {
    {"192.168.1.10:5001 > 198.51.100.1:53", LAN},
    {"198.51.100.9:1234 > 203.0.113.1:5000", WAN},
    {"[fd00:1::9]:5 > [2001:db8:9::1]:6", LAN},
    {"192.168.1.77:4000 > 203.0.113.1:5000", LAN}, /* comes back in, in two steps */
};

/* What the receiver has of a datagram. */
struct receiver {
    bool has_begun;
    bool is_lasting; /* of a connection that was known before, and nothing of it has been refused */
    uint64_t since;
    unsigned load;
    uint8_t addresses[32];
    uint8_t bytes[MOST];
    bool has[MOST];
    uint32_t end; /* 0: not known */
};

struct held {
    struct bytes bytes;
    unsigned flow, id;
};

struct model {
    struct fuzzed f;
    uint64_t now;
    struct bytes whole[FLOWS]; /* as sent */
    struct receiver receivers[FLOWS][IDS + 1];
    struct held held[HELD]; /* the oldest first */
    unsigned held_count;
    uint32_t next_id; /* of honest senders */
    bool has_flooded;
    unsigned strangers;
};

static bool is_ipv4(unsigned flow)
{
    return flow != 2;
}

/* All of the datagrams have one of few numbers, but those of honest senders: each has its own. */
static uint32_t number_of(const struct model *m, unsigned id)
{
    return id < IDS ? id + 1 : m->next_id;
}

static struct bytes piece_of(const struct model *m, unsigned flow, unsigned id, uint32_t offset, uint32_t n, bool more)
{
    struct bytes b = m->whole[flow];
    uint32_t number = number_of(m, id);
    if (is_ipv4(flow)) {
        put16(b.at + 4, number);
        return fragment_of(b, offset, n, more);
    }
    b = fragment6_of(b, offset, n, more);
    put32(b.at + 44, number);
    return b;
}

/* The receiver has all: is it what was sent, as far as the end that it was given? Ports and checksum have changed. */
static void check_whole(const struct model *m, unsigned flow, struct receiver *r)
{
    uint32_t header = is_ipv4(flow) ? 20 : 40;
    struct bytes b = m->whole[flow];
    MUST(memcmp(r->bytes + 8, b.at + header + 8, r->end - 8) == 0);
    r->has_begun = false;
    if (r->end != MOST)
        return;
    memcpy(b.at + (header == 20 ? 12 : 8), r->addresses, header == 20 ? 8 : 32);
    memcpy(b.at + header, r->bytes, MOST);
    MUST(transport_sum(b.at, b.at + header, TG_PROTO_UDP, MOST) == 0xffff);
}

/* Whether the engine may have forgotten a datagram. */
static bool may_be_forgotten(const struct model *m, const struct receiver *r)
{
    return m->now - r->since >= LIFETIME * TG_SECOND || r->load != m->f.loads || (m->has_flooded && !r->is_lasting);
}

static void receive(struct model *m, unsigned flow, unsigned id, const struct bytes *b, bool is_known)
{
    struct receiver *r = &m->receivers[flow][id];
    uint32_t header = is_ipv4(flow) ? 20 : 48;
    uint32_t offset = header == 20 ? get16(b->at + 6) % 0x2000 * 8u : get16(b->at + 42) & 0xfff8U, n = b->len - header;
    bool more = header == 20 ? b->at[6] & 0x20 : b->at[43] & 1;
    const uint8_t *addresses = b->at + (header == 20 ? 12 : 8);
    if (offset == 0) {
        MUST(!r->has_begun || may_be_forgotten(m, r));
        *r = (struct receiver){true, is_known, m->now, m->f.loads, .end = 0};
        memcpy(r->addresses, addresses, header == 20 ? 8 : 32);
    }
    MUST(r->has_begun);
    MUST(memcmp(r->addresses, addresses, header == 20 ? 8 : 32) == 0);
    MUST(r->end == 0 || (more && offset + n <= r->end));
    for (uint32_t i = offset; i < offset + n; i++) {
        MUST(!r->has[i]);
        r->has[i] = true;
    }
    memcpy(r->bytes + offset, b->at + header, n);
    if (!more)
        r->end = offset + n;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < MOST; i++) {
        MUST(!r->has[i] || r->end == 0 || i < r->end);
        seen += r->has[i];
    }
    if (r->end != 0 && seen == r->end)
        check_whole(m, flow, r);
}

/* => whether it is to be held */
static bool show(struct model *m, unsigned flow, unsigned id, const struct bytes *came, bool can_hold)
{
    struct bytes b = *came;
    struct tg_verdict v;
    const struct tg_arrival arrival = {.now = m->now,
                                       .zone_in = flows[flow].zone,
                                       .half = flow == 3,
                                       .can_hold = can_hold};
    judge(&m->f, b.at, b.len, b.len, &arrival, &v);
    if (v.action == TG_ACCEPT)
        receive(m, flow, id, &b, v.reason == TG_REASON_ESTABLISHED);
    else if (!v.hold)
        m->receivers[flow][id].is_lasting = false;
    return v.hold;
}

static struct held take_held(struct model *m, unsigned which)
{
    struct held held = m->held[which];
    memmove(&m->held[which], &m->held[which + 1], (--m->held_count - which) * sizeof held);
    return held;
}

static void give_up_oldest(struct model *m)
{
    struct held oldest = take_held(m, 0);
    show(m, oldest.flow, oldest.id, &oldest.bytes, false);
}

/* A fragment comes to the driver. */
static void arrive(struct model *m, unsigned flow, unsigned id, uint32_t offset, uint32_t n, bool more)
{
    const struct bytes b = piece_of(m, flow, id, offset, n, more);
    if (show(m, flow, id, &b, true)) {
        if (m->held_count == HELD)
            give_up_oldest(m);
        m->held[m->held_count++] = (struct held){b, flow, id};
    } else if (offset == 0) {
        for (unsigned i = 0; i < m->held_count;) {
            if (m->held[i].flow != flow || m->held[i].id != id) {
                i++;
                continue;
            }
            struct held held = take_held(m, i);
            MUST(!show(m, flow, id, &held.bytes, false));
        }
    }
}

/* Some piece; those that others follow are mostly of a length that they may have. */
static void send_any(struct model *m, unsigned flow, unsigned id, uint32_t offset, uint32_t n, bool more)
{
    n = n % (MOST - offset) + 1;
    more |= offset == 0 || offset + n < MOST;
    arrive(m, flow, id, offset, more && n % 5 != 0 ? (n + 7) & ~7U : n, more);
}

/* First fragments of the datagrams of so many strangers, to where they may go or not. */
static void flood(struct model *m, unsigned count, bool may_pass)
{
    for (unsigned i = 0; i < count && m->strangers < STRANGERS; i++) {
        char ends[80];
        struct tg_verdict v;
        unsigned host = m->strangers++;
        const struct tg_arrival arrival = {.now = m->now, .zone_in = WAN};
        snprintf(ends, sizeof ends, "192.0.%u.%u:%u > 203.0.113.1:%u", host / 250, 1 + host % 250, 1024 + host,
                 may_pass ? 5000 : 9);
        struct bytes whole = udp(ends, 64), b = fragment_of(whole, 0, 32, true);
        judge(&m->f, b.at, b.len, b.len, &arrival, &v);
    }
    m->has_flooded = true;
}

/* A datagram in `count` pieces, in the order of that number; before its last one perhaps a flood. */
static void send_honestly(struct model *m, unsigned flow, uint32_t count, uint32_t order, bool is_flooded)
{
    uint32_t size = MOST / count & ~7U, taken = 0;
    struct receiver *r = &m->receivers[flow][IDS];
    while (m->held_count > HELD - 5)
        give_up_oldest(m);
    m->next_id++;
    *r = (struct receiver){.has_begun = false};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t nth = order % (count - i), which = 0;
        order /= count - i;
        while ((taken >> which & 1) || nth-- > 0)
            which++;
        taken |= 1U << which;
        bool is_last = which == count - 1;
        if (is_flooded && i == count - 1) { /* of younger ones, enough to fill the table anew */
            m->now += TG_SECOND;
            flood(m, 400, which % 2);
        }
        arrive(m, flow, IDS, which * size, is_last ? MOST - which * size : size, !is_last);
    }
    MUST(!r->has_begun || (m->has_flooded && !r->is_lasting)); /* whole; or nothing has passed */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model m = {.f = begin(), .now = TG_SECOND, .next_id = 1000};
    for (unsigned flow = 0; flow < FLOWS; flow++)
        m.whole[flow] = udp(flows[flow].ends, PAYLOAD);
    for (; size >= 6; data += 6, size -= 6) {
        unsigned flow = data[0] % FLOWS, id = data[0] / FLOWS % IDS, what = data[0] / (FLOWS * IDS);
        m.now += (uint64_t)data[5] * data[5] * (TG_SECOND / 4000); /* up to 16 s */
        if (what >= 20)
            load_next(&m.f);
        else if (what == 19)
            flood(&m, data[3], data[4] & 1);
        else if (what >= 14)
            send_honestly(&m, flow, 2 + data[1] % 4, get16(data + 2), what == 18);
        else
            send_any(&m, flow, id, what & 2 ? 0 : get16(data + 1) % (MOST / 8) * 8u, get16(data + 3), what & 1);
    }
    while (m.held_count > 0)
        give_up_oldest(&m);
    end(&m.f);
    return 0;
}
