/* Any sequence of packets through the engine, against a plain model of what a masquerading router promises.
 *
 * Each four bytes of the input are a step: something of some inside to some peer, an answer to it, an error about it;
 * somebody who was not asked, or who sends as if he were the peer; a file asked for by TFTP; a flood, from outside or
 * by an inside that is infected, until the small table is full; another policy; hours that pass. Each step takes time.
 * Besides what engine.h demands:
 *
 * - one inside address and port is one outside port for as long as it is used, and no two insides share one at a time;
 * - what has gone out lives as long as its protocol gives it, once it has been answered whatever floods come, and until
 *   then unless the table is nearly full: packets of it pass, with the same ports, and answers get to who asked;
 * - so do errors about it; and neither errors, strangers nor forgers end anything;
 * - who was not asked comes to nobody but the host that ports are forwarded to;
 * - while nothing floods from inside, what is inside finds room.
 *
 * A connection of TCP that may have ended is not begun again, as its old numbers would be another's.
 */
#define FUZZ_HAS_RULES
#define FUZZ_ROOM 512
#define FUZZ_HOME                                                                                                      \
    "zone wan on eth0 address 203.0.113.1/24 masquerade\n"                                                             \
    "zone lan on br-lan address 192.168.1.1/24\n"                                                                      \
    "helper tftp on udp port 69\n"                                                                                     \
    "helper ftp on tcp port 55\n" /* of one of the peers; what it is sent is none of FTP */                            \
    "forward udp port 5000-5003 from wan to 192.168.1.50 port 6000\n"                                                  \
    "forward tcp port 8080 from wan to 192.168.1.50 port 80\n"
static char fuzz_rules[2][1200] = {FUZZ_HOME "drop tcp from lan to wan port 25\n"
                                             "allow from lan to wan\n"
                                             "allow from router\n",
                                   FUZZ_HOME "nat udp filtering address-dependent\n"
                                             "nat tcp filtering address-dependent\n"
                                             "nat ports 20000-65535\n"
                                             "allow from lan to wan\n"};

#include "engine.h"

enum kind { DATAGRAM, PING, STREAM, KINDS };
enum { INSIDES = 4, PORTS = 3, PEERS = 4, KEYS = KINDS * INSIDES * PORTS, FLOWS = KEYS * PEERS };
enum { CLIENT_SEQ = 1000, SERVER_SEQ = 5000, FAR = 0x40000000 };
enum { FLOODED = 4000 }; /* packets; more of them tell nothing new, and take time */

/* From one inside address and port, or identifier, to one peer. */
struct flow {
    bool is_known;    /* something has gone out, and nothing is known to have ended it */
    bool is_answered; /* of TCP: it is established */
    bool is_over;     /* it may have ended, and is not begun again */
    uint16_t outside; /* its port there */
    uint64_t last;    /* when it was used */
};

struct model {
    struct fuzzed f;
    uint64_t now;
    struct flow flows[FLOWS]; /* those of one inside address and port follow each other */
    unsigned begun;           /* by the insides, all in all */
    unsigned asked;           /* for files */
    unsigned flooded;         /* packets */
    bool has_flooded;         /* an inside has */
};

static enum kind kind_of(unsigned flow)
{
    return flow / PEERS % KINDS;
}

static unsigned inside_of(unsigned flow)
{
    return flow / PEERS / KINDS % INSIDES;
}

static uint16_t port_of(unsigned flow)
{
    static const uint16_t ports[PORTS] = {8, 81, 5001};
    return ports[flow / PEERS / KINDS / INSIDES];
}

static unsigned key_of(unsigned flow)
{
    return flow / PEERS;
}

static bool is_alive(const struct model *m, const struct flow *f, enum kind kind)
{
    static const unsigned unanswered[KINDS] = {120, 60, 240}, answered[KINDS] = {300, 60, 7440};
    return f->is_known && m->now - f->last < (f->is_answered ? answered : unanswered)[kind] * TG_SECOND;
}

static bool is_living(const struct model *m, unsigned flow)
{
    return is_alive(m, &m->flows[flow], kind_of(flow));
}

static bool is_pressed(const struct model *m)
{
    struct tg_population population;
    tg_engine_population(m->f.engine, &population);
    MUST(population.now <= ROOM);
    return population.now > ROOM / 4 * 3;
}

/* What may have ended is not relied on any more; where the table is nearly full that is all that waits for an answer.
 */
static void note_endings(struct model *m)
{
    bool is_full = is_pressed(m);
    for (unsigned i = 0; i < FLOWS; i++) {
        struct flow *f = &m->flows[i];
        bool is_pushed = !f->is_answered && (is_full || (m->has_flooded && kind_of(i) == STREAM));
        if (!f->is_known || (!is_pushed && is_living(m, i)))
            continue;
        f->is_known = false;
        f->is_over = kind_of(i) == STREAM;
    }
}

static enum tg_action arrive(struct model *m, uint8_t zone, struct bytes *b, struct tg_verdict *v)
{
    const struct tg_arrival arrival = {.now = m->now, .zone_in = zone};
    judge(&m->f, b->at, b->len, b->len, &arrival, v);
    return v->action;
}

/* A segment, or another packet, between an inside and its peer: as the inside sends it, or as the peer does to `to`. */
static struct bytes packet_of(unsigned flow, bool is_answer, const char *to, uint16_t port, unsigned flags)
{
    char ends[80], inside[40], peer[40];
    bool is_ping = kind_of(flow) == PING;
    snprintf(inside, sizeof inside, is_ping ? "%s" : "%s:%u", to, port);
    snprintf(peer, sizeof peer, is_ping ? "198.51.100.%u" : "198.51.100.%u:%u", 1 + flow % PEERS, 53 + flow % PEERS);
    snprintf(ends, sizeof ends, "%s > %s", is_answer ? peer : inside, is_answer ? inside : peer);
    uint32_t sent = is_answer ? SERVER_SEQ : CLIENT_SEQ, heard = is_answer ? CLIENT_SEQ : SERVER_SEQ;
    switch (kind_of(flow)) {
    case PING: return is_answer ? pong(ends, port) : ping(ends, port);
    case STREAM: return tcp(ends, flags, sent + !(flags & SYN), flags & ACK ? heard + 1 : 0, 0);
    default: return udp(ends, 1 + port % 7);
    }
}

static struct bytes from_inside(unsigned flow, unsigned flags)
{
    char address[20];
    snprintf(address, sizeof address, "192.168.1.%u", 10 + inside_of(flow));
    return packet_of(flow, false, address, port_of(flow), flags);
}

static struct bytes from_peer(const struct model *m, unsigned flow, unsigned flags)
{
    return packet_of(flow, true, "203.0.113.1", m->flows[flow].outside, flags);
}

/* Something goes out. */
static void go_out(struct model *m, unsigned flow)
{
    struct flow *f = &m->flows[flow];
    struct tg_verdict v;
    enum kind kind = kind_of(flow);
    bool was_living = is_living(m, flow);
    if (f->is_over)
        return;
    struct bytes b = from_inside(flow, f->is_answered && was_living ? ACK : SYN);
    if (arrive(m, LAN, &b, &v) != TG_ACCEPT) {
        MUST(v.reason == TG_REASON_LIMIT && !was_living);
        MUST(m->has_flooded || m->begun >= ROOM / 4);
        return;
    }
    uint16_t outside = get16(b.at + (kind == PING ? 24 : 20));
    for (unsigned i = 0; i < FLOWS; i++)
        if (kind_of(i) == kind && is_living(m, i))
            MUST((key_of(i) == key_of(flow)) == (m->flows[i].outside == outside));
    MUST(!was_living || v.state == TG_STATE_ESTABLISHED || (kind != STREAM && !f->is_answered));
    m->begun += !was_living;
    *f = (struct flow){true, f->is_answered && was_living, false, outside, m->now};
}

/* The peer answers; to what opens a connection with what is then acknowledged. */
static void answer(struct model *m, unsigned flow)
{
    struct flow *f = &m->flows[flow];
    struct tg_verdict v;
    bool is_opening = kind_of(flow) == STREAM && !f->is_answered;
    if (f->outside == 0 || f->is_over)
        return;
    struct bytes b = from_peer(m, flow, is_opening ? SYN | ACK : ACK), wanted = from_inside(flow, ACK);
    if (arrive(m, WAN, &b, &v) != TG_ACCEPT) {
        MUST(!is_living(m, flow));
        return;
    }
    if (!is_living(m, flow))
        return;
    MUST(v.reason == TG_REASON_ESTABLISHED);
    MUST(memcmp(b.at + 16, wanted.at + 12, 4) == 0); /* to whom, and to which port or identifier of his */
    MUST(kind_of(flow) == PING ? get16(b.at + 24) == port_of(flow) : get16(b.at + 22) == port_of(flow));
    f->last = m->now;
    f->is_answered = true;
    if (is_opening)
        go_out(m, flow);
}

/* Somebody on the way complains. */
static void complain(struct model *m, unsigned flow, uint8_t c)
{
    struct tg_verdict v;
    if (m->flows[flow].outside == 0)
        return;
    struct bytes about = from_inside(flow, ACK), wanted = about;
    memcpy(about.at + 12, (uint8_t[]){203, 0, 113, 1}, 4);
    put16(about.at + (kind_of(flow) == PING ? 24 : 20), m->flows[flow].outside);
    seal(&about);
    struct bytes b =
        icmp_error("192.0.2.254 > 203.0.113.1", c & 16 ? 11 : 3, c % 16 & (c & 16 ? 1 : 15), &about, 28 + c);
    bool is_passed = arrive(m, WAN, &b, &v) == TG_ACCEPT;
    if (!is_living(m, flow))
        return;
    MUST(is_passed && v.reason == TG_REASON_RELATED);
    MUST(memcmp(b.at + 16, wanted.at + 12, 4) == 0 && memcmp(b.at + 28 + 12, wanted.at + 12, 8) == 0);
    MUST(memcmp(b.at + 28 + 20, wanted.at + 20, kind_of(flow) == PING ? 2 : 4) == 0);
}

/* Whoever was not asked comes to one host alone. */
static void come_unasked(struct model *m, struct bytes *b)
{
    struct tg_verdict v;
    if (arrive(m, WAN, b, &v) == TG_ACCEPT)
        MUST(get32(b->at + 16) == 0xc0a80132 && (v.reason == TG_REASON_FORWARD || v.reason == TG_REASON_ESTABLISHED));
}

static void intrude(struct model *m, unsigned flow, uint8_t c)
{
    char ends[80];
    bool is_aimed = c & 128 && m->flows[flow].outside != 0;
    uint16_t port = is_aimed ? m->flows[flow].outside : c & 64 ? 8080 : (uint16_t)(5000 + c % 8);
    snprintf(ends, sizeof ends, "198.51.100.%u:%u > 203.0.113.1:%u", 100 + c % 8, 1024 + flow, port);
    struct bytes b = flow % 2 ? udp(ends, 5) : tcp(ends, c % 64, flow, c, 0);
    come_unasked(m, &b);
}

/* Somebody who does not see the traffic sends as if he were the peer. */
static void forge(struct model *m, unsigned flow, uint8_t c)
{
    struct tg_verdict v;
    if (kind_of(flow) != STREAM || !m->flows[flow].is_answered || !is_living(m, flow))
        return;
    struct bytes b = from_peer(m, flow, 0);
    b.at[33] = c % 64;
    put32(b.at + 24, SERVER_SEQ + FAR + c * UINT32_C(0x400000));
    put32(b.at + 28, CLIENT_SEQ + 1 + (c & 64 ? 0 : FAR));
    seal(&b);
    (void)arrive(m, WAN, &b, &v);
}

/* A file: the answer comes from another port of the server's, and from nobody else. */
static void ask_for_file(struct model *m, uint8_t a, uint8_t c)
{
    static const char question[] = "\0\1file\0octet";
    char ends[80];
    struct tg_verdict v;
    unsigned port = 2000 + a % 16, peer = 1 + c % PEERS;
    snprintf(ends, sizeof ends, "192.168.1.%u:%u > 198.51.100.%u:69", 10 + a / 16 % INSIDES, port, peer);
    struct bytes b = udp(ends, sizeof question);
    memcpy(b.at + 28, question, sizeof question);
    seal(&b);
    if (arrive(m, LAN, &b, &v) != TG_ACCEPT)
        return;
    uint16_t outside = get16(b.at + 20);
    m->begun++;
    m->asked++;
    snprintf(ends, sizeof ends, "198.51.100.%u:40000 > 203.0.113.1:%u", 50 + peer, outside);
    b = udp(ends, 5);
    come_unasked(m, &b);
    snprintf(ends, sizeof ends, "198.51.100.%u:%u > 203.0.113.1:%u", peer, 3000 + c, outside);
    b = udp(ends, 5);
    if (arrive(m, WAN, &b, &v) == TG_ACCEPT)
        MUST(get32(b.at + 16) == 0xc0a8010a + a / 16 % INSIDES && get16(b.at + 22) == port);
    else
        MUST(m->has_flooded || m->asked > 8 || (v.reason == TG_REASON_LIMIT && is_pressed(m)));
}

/* So many connections at once. */
static void flood(struct model *m, uint8_t a, uint8_t count)
{
    for (unsigned i = 0; i < count && m->flooded < FLOODED; i++, m->flooded++) {
        char ends[80];
        struct tg_verdict v;
        unsigned from = (a / 4 * 256u + i) % 60000;
        if (a % 4 < 2)
            snprintf(ends, sizeof ends, "192.0.%u.%u:%u > 203.0.113.1:%u", from / 250, 1 + from % 250, 1024 + from,
                     a % 4 == 0 ? 5000 : 8080);
        else
            snprintf(ends, sizeof ends, "192.168.1.66:%u > 198.51.100.9:7", 1024 + from);
        struct bytes b = a % 2 ? tcp(ends, SYN, from, 0, 0) : udp(ends, 5);
        if (a % 4 < 2)
            come_unasked(m, &b);
        else
            (void)arrive(m, LAN, &b, &v);
    }
    m->has_flooded |= a % 4 >= 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model m;
    m = (struct model){.f = begin(), .now = TG_SECOND};
    for (; size >= 4; data += 4, size -= 4) {
        unsigned flow = data[1] % FLOWS;
        m.now += (uint64_t)data[3] * data[3] * (TG_SECOND / 1000); /* up to 65 s */
        note_endings(&m);
        switch (data[0] % 12) {
        case 0:
        case 1:
        case 2: go_out(&m, flow); break;
        case 3:
        case 4:
        case 5: answer(&m, flow); break;
        case 6: complain(&m, flow, data[2]); break;
        case 7: intrude(&m, flow, data[2]); break;
        case 8: forge(&m, flow, data[2]); break;
        case 9: ask_for_file(&m, data[1], data[2]); break;
        case 10: flood(&m, data[1], data[2]); break;
        default:
            if (data[1] & 1)
                m.now += data[2] * 30 * TG_SECOND; /* up to two hours */
            else
                load_next(&m.f);
            break;
        }
        note_endings(&m);
    }
    end(&m.f);
    return 0;
}
