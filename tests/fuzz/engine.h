/* What the fuzz targets of the engine share: a house in front of which packets come by, and what must hold of every
 * verdict, whatever the packet. */
#ifndef FUZZ_ENGINE_H
#define FUZZ_ENGINE_H

#include "../unit/packets.h"
#include "tidegate/engine.h"
#include "tidegate/rules.h"

enum { ROUTER = TG_ZONE_ROUTER, WAN = TG_ZONE_FIRST, LAN, GUEST };
#ifndef FUZZ_ROOM
#define FUZZ_ROOM 64
#endif
enum { ROOM = FUZZ_ROOM, STATEMENTS_MOST = 32 };

static inline void must(int condition, const char *what, int line)
{
    if (!condition) {
        fprintf(stderr, "line %d: not so: %s\n", line, what);
        abort();
    }
}
#define MUST(condition) must((condition), #condition, __LINE__)

static inline int read_text(void *context, const char *path, char **text, size_t *len)
{
    (void)path;
    *text = strdup(context);
    *len = strlen(context);
    return 0;
}

/* => the policy of a text that has no mistakes; it is kept for as long as the program runs */
static inline const struct tg_policy *policy_of(char *text)
{
    const struct tg_source source = {.read = read_text, .context = text};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, "fuzz.rules", complaints);
    if (policy == NULL)
        fprintf(stderr, "%s\n", tg_complaints_get(complaints, 0)->message);
    MUST(policy != NULL);
    tg_complaints_free(complaints);
    return policy;
}

/* Two policies to load in turn: the second has fewer statements, and forbids some of what the first allows. A target
 * that has its own says so. */
#ifndef FUZZ_HAS_RULES
static char fuzz_rules[2][1200] = {"zone wan on eth0 address 203.0.113.1/24, 2001:db8:0:1::2/64 masquerade\n"
                                   "zone lan on br-lan address 192.168.1.1/24, fd00:1::1/64\n"
                                   "zone guest on br-guest address 192.168.2.1/24\n"
                                   "host camera = 192.168.1.50, fd00:1::50\n"
                                   "drop tcp from lan to wan port 25\n"
                                   "allow from lan to wan\n"
                                   "allow from lan to guest\n"
                                   "allow from router\n"
                                   "allow from lan to router\n"
                                   "allow icmp echo-request from wan to router\n"
                                   "reject udp from guest to wan port 53\n"
                                   "allow from guest to wan\n"
                                   "forward tcp port 8080 from wan to camera port 80\n"
                                   "forward udp port 5000-5003 from wan to camera port 6000\n"
                                   "forward any from wan to 192.168.1.99\n"
                                   "nat tcp filtering endpoint-independent\n"
                                   "nat udp filtering endpoint-independent\n",
                                   "zone wan on eth0 address 203.0.113.1/24, 2001:db8:0:1::2/64 masquerade mss-clamp\n"
                                   "zone lan on br-lan address 192.168.1.1/24, fd00:1::1/64\n"
                                   "zone guest on br-guest address 192.168.2.1/24 mss-clamp\n"
                                   "translate from lan 192.168.1.64/26 to wan as 203.0.113.16-203.0.113.19\n"
                                   "map 203.0.113.10 on wan to 192.168.1.30\n"
                                   "nat tcp mapping address-and-port-dependent\n"
                                   "nat udp filtering address-dependent\n"
                                   "nat ports 1024-65535\n"
                                   "connections pickup\n"
                                   "allow from lan to wan\n"
                                   "allow from router\n"
                                   "forward udp port 5000-5003 from wan to 192.168.1.50 port 6000\n"};
#endif

static inline const struct tg_policy *policy(unsigned which)
{
    static const struct tg_policy *loaded[2];
    if (loaded[0] == NULL)
        for (int i = 0; i < 2; i++)
            loaded[i] = policy_of(fuzz_rules[i]);
    return loaded[which % 2];
}

struct fuzzed {
    struct tg_engine *engine;
    struct tg_engine *twin; /* is given the same, and has it judged the long way, step by step */
    struct tg_network *network;
    unsigned loads;
    uint64_t judged, bytes, verdicts[TG_ACTIONS][TG_REASONS];
    struct tg_hits hits[STATEMENTS_MOST]; /* of the policy at hand */
};

static inline void count(struct fuzzed *f, uint32_t bytes, const struct tg_verdict *v)
{
    f->judged++;
    f->bytes += bytes;
    f->verdicts[v->action][v->reason]++;
    if (v->statement == TG_NO_STATEMENT || v->as_it_stands) /* a copy has been counted as what it is a copy of */
        return;
    MUST(v->statement < STATEMENTS_MOST);
    f->hits[v->statement].packets++;
    f->hits[v->statement].bytes += bytes;
}

/* The engine has counted as we have. */
static inline void check_counters(const struct fuzzed *f)
{
    struct tg_counters counters;
    struct tg_population population;
    tg_engine_counters(f->engine, &counters);
    tg_engine_population(f->engine, &population);
    MUST(counters.packets == f->judged && counters.bytes == f->bytes);
    MUST(memcmp(counters.verdicts, f->verdicts, sizeof f->verdicts) == 0);
    MUST(population.now <= population.peak && population.peak <= ROOM);
    MUST(population.peak <= population.tcp + population.udp + population.icmp + population.other);
    for (uint32_t i = 0; f->loads != 0 && i < STATEMENTS_MOST; i++) {
        bool is_there = tg_policy_statement(policy(f->loads - 1), i) != NULL;
        struct tg_hits hits = is_there ? tg_engine_hits(f->engine, i) : (struct tg_hits){0, 0};
        MUST(hits.packets == f->hits[i].packets && hits.bytes == f->hits[i].bytes);
    }
}

/* The other policy, whose counters start anew. */
static inline void load_next(struct fuzzed *f)
{
    check_counters(f);
    struct tg_network *network = tg_policy_network(policy(f->loads), NULL, 0);
    MUST(network != NULL && tg_engine_load(f->engine, policy(f->loads), network) == 0);
    MUST(tg_engine_load(f->twin, policy(f->loads), network) == 0);
    tg_network_free(f->network);
    f->network = network;
    f->loads++;
    memset(f->hits, 0, sizeof f->hits);
}

static inline struct fuzzed begin(void)
{
    const struct tg_engine_config config = {.connections = ROOM, .workers = 1, .secret = {1, 2, 3, 4}};
    struct fuzzed f = {.engine = tg_engine_new(&config), .twin = tg_engine_new(&config)};
    MUST(f.engine != NULL && f.twin != NULL);
    load_next(&f);
    return f;
}

static inline void end(struct fuzzed *f)
{
    check_counters(f);
    tg_engine_free(f->engine);
    tg_engine_free(f->twin);
    tg_network_free(f->network);
}

static inline bool is_private(uint8_t family, struct tg_addr addr)
{
    return family == TG_IPV4 && addr.lo >> 16 == 0xc0a8;
}

/* Every sum of a packet that has been decoded, by the plainest code there is. */
static inline bool are_sums_right(const struct tg_packet *p)
{
    const uint8_t *header = p->data + p->outer.transport;
    uint8_t proto = p->outer.tuple.proto;
    if (p->outer.tuple.family == TG_IPV4 && naive_sum(p->data, p->outer.transport, 0) != 0xffff)
        return false;
    bool is_icmp = proto == (p->outer.tuple.family == TG_IPV4 ? TG_PROTO_ICMP : TG_PROTO_ICMP6);
    bool is_summed = is_icmp || proto == TG_PROTO_TCP || proto == TG_PROTO_UDP || proto == TG_PROTO_UDPLITE;
    if (p->cut || p->fragment || !is_summed || (proto == TG_PROTO_UDP && get16(header + 6) == 0))
        return true;
    return transport_sum(p->data, header, proto, p->outer.end - p->outer.transport) == 0xffff;
}

/* What must hold of an accepted packet as it leaves.
 * => false if it does not, as a datagram has been forgotten between its two hooks: others have pushed it out there */
static inline bool check_leaving(struct fuzzed *f, struct tg_packet *p, const struct tg_verdict *v)
{
    MUST(tg_packet_decode(p, 0) == TG_DECODED);
    if (v->translation == TG_TRANSLATE_HALF) {
        bool is_finished = tg_engine_finish(f->engine, p);
        MUST(is_finished || p->fragment_offset != 0);
        if (!is_finished)
            return false;
        MUST(tg_packet_decode(p, 0) == TG_DECODED);
    }
    MUST(are_sums_right(p));
    const struct tg_tuple *t = &p->outer.tuple;
    if (v->translation != TG_TRANSLATE_NONE)
        MUST(tg_tuple_equal(t, &v->to));
    if (v->as_it_stands || v->zone_out != WAN)
        return true;
    /* nothing private leaves by wan: neither its source nor what it quotes; and what has come in elsewhere leaves as
     * the router does */
    MUST(!is_private(t->family, t->src));
    MUST(t->family == TG_IPV6 || v->zone_in == WAN || t->src.lo >> 8 == 0xcb0071 || t->src.lo == 0);
    MUST(p->kind != TG_TRANSPORT_ERROR || v->zone_in == ROUTER || !is_private(t->family, p->quote.tuple.dst));
    return true;
}

/* What its sender is told. */
static inline void check_answer(const struct tg_packet *p, bool is_rejected)
{
    uint8_t answer[1280];
    struct tg_addr own = p->outer.tuple.family == TG_IPV4 ? tg_ipv4(0xcb007101) : (struct tg_addr){1, 2};
    size_t len = (is_rejected ? tg_reject_answer : tg_limit_answer)(p, own, answer, sizeof answer);
    if (len == 0)
        return;
    struct tg_packet back = {.data = answer, .len = (uint32_t)len, .wire_len = (uint32_t)len};
    MUST(tg_packet_decode(&back, 0) == TG_DECODED && are_sums_right(&back));
    MUST(tg_addr_equal(back.outer.tuple.dst, p->outer.tuple.src));
}

static inline void take_step(void *context, const struct tg_step_info *step)
{
    (void)context;
    (void)step;
}

/* The twin says and does what the engine has said of and done to `p`, which was given as `bytes`. */
static inline void check_twin(struct fuzzed *f, const uint8_t *bytes, uint32_t len, const struct tg_packet *p,
                              const struct tg_arrival *arrival, const struct tg_verdict *v)
{
    struct tg_packet q;
    struct tg_verdict w;
    enum tg_decoded decoded = decode_copy(bytes, len, p->wire_len - p->len + len, 0, &q);
    if (p->room > len) {
        q.data = realloc(q.data, p->room);
        MUST(q.data != NULL);
        q.room = p->room;
    }
    tg_engine_explain(f->twin, &q, decoded, arrival, &w, take_step, NULL);
    MUST(v->action == w.action && v->reason == w.reason && v->state == w.state && v->statement == w.statement);
    MUST(v->zone_in == w.zone_in && v->zone_out == w.zone_out && v->translation == w.translation);
    MUST(v->log == w.log && v->answer == w.answer && v->as_it_stands == w.as_it_stands && v->hold == w.hold);
    MUST(v->rewritten == w.rewritten && tg_tuple_equal(&v->to, &w.to));
    MUST(p->len == q.len && p->wire_len == q.wire_len && (q.len == 0 || memcmp(p->data, q.data, q.len) == 0));
    if (w.translation == TG_TRANSLATE_HALF && tg_packet_decode(&q, 0) == TG_DECODED)
        (void)tg_engine_finish(f->twin, &q);
    free(q.data);
}

/* Judge the `*length` bytes of a packet of `wire_len`, from a block of memory that ends with them, or that has `room`
 * bytes; what is left of them comes back in `bytes`, which has room for as many, with its length. */
static inline enum tg_decoded judge_in_room(struct fuzzed *f, uint8_t *bytes, uint32_t *length, uint32_t wire_len,
                                            uint32_t room, const struct tg_arrival *arrival, struct tg_verdict *v)
{
    struct tg_packet p;
    uint32_t len = *length;
    const struct tg_policy *at_hand = policy(f->loads - 1);
    enum tg_decoded decoded = decode_copy(bytes, len, wire_len, 0, &p);
    if (room > len) {
        p.data = realloc(p.data, room);
        MUST(p.data != NULL);
        p.room = room;
    }
    tg_engine_judge(f->engine, 0, &p, decoded, arrival, v);
    check_twin(f, bytes, len, &p, arrival, v);
    if (!v->hold)
        count(f, wire_len, v);
    MUST(v->action < TG_ACTIONS && v->reason < TG_REASON_NON_IP && v->state < TG_STATES);
    MUST(v->statement == TG_NO_STATEMENT || tg_policy_statement(at_hand, v->statement) != NULL);
    MUST((v->reason != TG_REASON_RULE && v->reason != TG_REASON_FORWARD) || v->statement != TG_NO_STATEMENT);
    MUST(v->zone_out == TG_ZONE_NONE || tg_policy_zone(at_hand, v->zone_out) != NULL);
    MUST((decoded == TG_MALFORMED) == (v->reason == TG_REASON_MALFORMED));
    MUST(v->action == TG_ACCEPT || v->translation == TG_TRANSLATE_NONE);
    MUST(v->translation != TG_TRANSLATE_HALF || arrival->half);
    MUST(!v->hold || (arrival->can_hold && v->action == TG_DROP));
    MUST(!v->as_it_stands || arrival->may_be_copy);
    MUST(v->rewritten || v->translation == TG_TRANSLATE_NONE);
    if (!v->rewritten && len != 0)
        MUST(memcmp(bytes, p.data, len) == 0);
    MUST(!v->answer || (v->action == TG_DROP && v->reason == TG_REASON_LIMIT && v->zone_in > WAN));
    if (v->action == TG_REJECT || v->answer)
        check_answer(&p, v->action == TG_REJECT);
    if (v->action == TG_ACCEPT && !check_leaving(f, &p, v))
        v->action = TG_DROP;
    MUST(p.len == len || room > len);
    *length = p.len;
    if (p.len != 0)
        memcpy(bytes, p.data, p.len);
    free(p.data);
    return decoded;
}

static inline enum tg_decoded judge(struct fuzzed *f, uint8_t *bytes, uint32_t len, uint32_t wire_len,
                                    const struct tg_arrival *arrival, struct tg_verdict *v)
{
    return judge_in_room(f, bytes, &len, wire_len, 0, arrival, v);
}

#endif
