/* A house for the engine to stand in front of, built statement by statement through src/policy/policy.h.
 *
 * Zones: wan (203.0.113.1/24 and 2001:db8:0:1::2/64, masquerades, default route), lan (192.168.1.1/24,
 * fd00:1::1/64), guest (192.168.2.1/24). What is allowed each test writes itself. Statement N stands in line N + 1 of
 * "test.rules".
 *
 * EXPECT() judges a packet and compares what came of it with a text like
 *   "accept rule", "accept forward -> 198.51.100.9:4000 > 192.168.1.50:80", "drop invalid"
 * and on the way checks what must hold of every verdict.
 */
#ifndef TESTS_HOUSE_H
#define TESTS_HOUSE_H

#include "packets.h"
#include "policy/policy.h"
#include "tidegate/engine.h"
#include "unit.h"

enum { NONE = TG_ZONE_NONE, ROUTER = TG_ZONE_ROUTER, WAN = TG_ZONE_FIRST, LAN, GUEST };

#define MILLISECOND (TG_SECOND / 1000)
#define START       (1700000000 * TG_SECOND)

struct house {
    struct tg_policy *policy;
    struct tg_network *network;
    struct tg_engine *engine;
    uint64_t now;
    struct tg_arrival arrival; /* for what a test wants besides: find_zone, may_be_copy, half, zone_out */
    struct tg_verdict verdict; /* of the last packet */
    struct tg_packet packet;   /* and its description, pointing into `bytes` */
    struct bytes bytes;        /* as it left */
    char text[400];
};

static inline void must(int error)
{
    assert_int_equal(error, 0);
}

static inline struct tg_addr an_address(const char *text)
{
    uint8_t family;
    struct tg_addr addr;
    must(tg_addr_parse(text, &family, &addr));
    return addr;
}

/* ---- a policy ---- */

static inline void add_zone(struct tg_policy *policy, const char *name, bool masquerade, const char *v4, const char *v6)
{
    struct tg_prefix addresses[2];
    size_t n = 0;
    if (v4 != NULL)
        must(tg_prefix_parse(v4, &addresses[n++]));
    if (v6 != NULL)
        must(tg_prefix_parse(v6, &addresses[n++]));
    must(policy_add_zone(
        policy, &(struct tg_zone){.name = name, .masquerade = masquerade, .addresses = addresses, .address_count = n}));
}

static inline struct tg_policy *new_policy(bool masquerade)
{
    struct tg_policy *policy = policy_new();
    assert_non_null(policy);
    add_zone(policy, "wan", masquerade, "203.0.113.1/24", "2001:db8:0:1::2/64");
    add_zone(policy, "lan", false, "192.168.1.1/24", "fd00:1::1/64");
    add_zone(policy, "guest", false, "192.168.2.1/24", NULL);
    return policy;
}

static inline uint32_t add_statement(struct tg_policy *policy, enum tg_statement_kind kind)
{
    uint32_t number;
    must(policy_add_statement(policy,
                              &(struct tg_statement){.kind = kind,
                                                     .file = "test.rules",
                                                     .line = (uint32_t)tg_policy_statement_count(policy) + 1,
                                                     .text = "…"},
                              &number));
    return number;
}

/* A rule from a zone to another (NONE: any) about a protocol (0: any) and a destination port (0: any).
 * => the number of its statement */
static inline uint32_t add_rule(struct tg_policy *policy, enum tg_action action, uint8_t from, uint8_t to,
                                uint8_t proto, uint16_t port)
{
    static const enum tg_statement_kind kinds[TG_ACTIONS] = {
        [TG_ACCEPT] = TG_STATEMENT_ALLOW, [TG_DROP] = TG_STATEMENT_DROP, [TG_REJECT] = TG_STATEMENT_REJECT};
    struct policy_rule rule = {.action = action,
                               .forward = POLICY_NONE,
                               .any_proto = proto == 0,
                               .proto = proto,
                               .any_type = true,
                               .any_code = true,
                               .zone_in = from,
                               .zone_out = to,
                               .src = {POLICY_NONE, false},
                               .dst = {POLICY_NONE, false},
                               .sport = POLICY_NONE,
                               .dport = POLICY_NONE};
    rule.statement = add_statement(policy, kinds[action]);
    if (port != 0)
        must(policy_add_ports(policy, &(struct policy_ports){port, port}, 1, &rule.dport));
    must(policy_add_rule(policy, &rule));
    return rule.statement;
}

/* A forward from wan of `count` ports from `ext` on, to as many or to one.
 * => the number of its statement */
static inline uint32_t add_forward(struct tg_policy *policy, uint8_t proto, uint16_t ext, uint16_t count,
                                   const char *host, uint16_t in, uint16_t in_count)
{
    struct policy_forward f = {.proto = proto,
                               .ext = {ext, (uint16_t)(ext + count - 1)},
                               .in = {in, (uint16_t)(in + in_count - 1)},
                               .zone = WAN,
                               .src = {POLICY_NONE, false},
                               .host = an_address(host),
                               .hairpin = true};
    f.statement = add_statement(policy, TG_STATEMENT_FORWARD);
    must(policy_add_forward(policy, &f));
    return f.statement;
}

/* ---- the house ---- */

static inline void load(struct house *h, struct tg_policy *policy, struct tg_network *network)
{
    must(policy_seal(policy));
    must(tg_engine_load(h->engine, policy, network));
    if (h->policy != policy)
        tg_policy_free(h->policy);
    if (h->network != network)
        tg_network_free(h->network);
    h->policy = policy;
    h->network = network;
}

/* Load another policy with the network that it speaks of. */
static inline void reload(struct house *h, struct tg_policy *policy)
{
    load(h, policy, tg_policy_network(policy, NULL, 0));
}

static inline struct house open_house(struct tg_policy *policy, uint32_t connections, unsigned workers)
{
    struct house h = {.now = START};
    struct tg_engine_config config = {.connections = connections, .workers = workers, .secret = {1, 2, 3, 4}};
    h.engine = tg_engine_new(&config);
    assert_non_null(h.engine);
    reload(&h, policy);
    return h;
}

static inline void close_house(struct house *h)
{
    tg_engine_free(h->engine);
    tg_policy_free(h->policy);
    tg_network_free(h->network);
}

/* Rules as most homes have them: what is inside may go out; so may the router. */
static inline struct tg_policy *home_policy(void)
{
    struct tg_policy *policy = new_policy(true);
    add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
    add_rule(policy, TG_ACCEPT, ROUTER, NONE, 0, 0);
    return policy;
}

/* The behaviours of mappings and their filters (RFC 4787 4.1, 5). */
#define EI  POLICY_ENDPOINT_INDEPENDENT
#define AD  POLICY_ADDRESS_DEPENDENT
#define APD POLICY_ADDRESS_AND_PORT_DEPENDENT

static inline void set_nat(struct tg_policy *policy, enum policy_behaviour mapping, enum policy_behaviour filtering)
{
    struct policy_nat nat = *policy_nat(policy);
    nat.tcp = nat.udp = (struct policy_nat_of){mapping, filtering};
    policy_set_nat(policy, &nat);
}

static inline struct tg_policy *home_with_nat(enum policy_behaviour mapping, enum policy_behaviour filtering)
{
    struct tg_policy *policy = home_policy();
    set_nat(policy, mapping, filtering);
    return policy;
}

static inline struct house open_home(void)
{
    return open_house(home_policy(), 64, 1);
}

/* ---- judging ---- */

static inline const char *tuple_text(const struct tg_tuple *t, char buf[static 160])
{
    char src[TG_ADDR_TEXT], dst[TG_ADDR_TEXT];
    tg_addr_format(t->family, t->src, src);
    tg_addr_format(t->family, t->dst, dst);
    if (tg_proto_has_ports(t->proto))
        snprintf(buf, 160, t->family == TG_IPV4 ? "%s:%u > %s:%u" : "[%s]:%u > [%s]:%u", src, t->sport, dst, t->dport);
    else
        snprintf(buf, 160, "%s > %s", src, dst);
    return buf;
}

/* The state that goes with a reason. */
static inline bool is_state_right(const struct tg_verdict *v)
{
    switch (v->reason) {
    case TG_REASON_RULE:
    case TG_REASON_FORWARD:
    case TG_REASON_DEFAULT: return v->state != TG_STATE_INVALID && v->state != TG_STATE_RELATED;
    case TG_REASON_ESTABLISHED: return v->state == TG_STATE_ESTABLISHED;
    case TG_REASON_RELATED: return v->state == TG_STATE_RELATED;
    case TG_REASON_LIMIT: return v->state == TG_STATE_NEW;
    case TG_REASON_FRAGMENT:
    case TG_REASON_SPOOFED:
    case TG_REASON_MALFORMED: return v->state == TG_STATE_INVALID;
    case TG_REASON_INVALID: return v->state == TG_STATE_INVALID || v->state == TG_STATE_UNTRACKED;
    default: return false;
    }
}

/* What must hold of every verdict; `were_right` says whether the checksums were. */
static inline void check_verdict(const struct house *h, const struct bytes *came, bool were_right)
{
    const struct tg_verdict *v = &h->verdict;
    char looks[160], says[160];
    CHECK(h->text, v->action < TG_ACTIONS && v->reason < TG_REASONS && v->state < TG_STATES);
    CHECK(h->text, v->reason != TG_REASON_NON_IP);
    CHECK(h->text, is_state_right(v));
    CHECK(h->text, v->statement == TG_NO_STATEMENT || tg_policy_statement(h->policy, v->statement) != NULL);
    CHECK(h->text, v->statement != TG_NO_STATEMENT || v->reason != TG_REASON_RULE);
    CHECK(h->text, v->action == TG_ACCEPT || v->translation == TG_TRANSLATE_NONE);
    CHECK(h->text, (v->zone_out == TG_ZONE_NONE) || tg_policy_zone(h->policy, v->zone_out) != NULL);
    CHECK(h->text, v->rewritten || v->translation == TG_TRANSLATE_NONE);
    if (!v->rewritten)
        CHECK(h->text, memcmp(came, &h->bytes, sizeof *came) == 0); /* untouched to the last byte */
    if (v->translation == TG_TRANSLATE_WHOLE && h->packet.kind != TG_TRANSPORT_LATER &&
        v->to.proto != TG_PROTO_ICMP) { /* an identifier is no port to ends_of() */
        ends_of(h->bytes.at, h->bytes.len, looks);
        CHECK(h->text, strcmp(looks, tuple_text(&v->to, says)) == 0);
    }
    if (were_right)
        CHECK(h->text, are_checksums_right(h->bytes.at, h->bytes.len));
}

/* Judge a packet that comes in by `zone`; what came of it is in *h. */
static inline const char *judge(struct house *h, uint8_t zone, const struct bytes *b)
{
    char looks[160];
    struct tg_arrival arrival = h->arrival;
    struct tg_counters before, after;
    bool were_right = b->len >= 20 && are_checksums_right(b->at, b->len);
    arrival.now = h->now;
    arrival.zone_in = zone;
    h->bytes = *b;
    h->packet = (struct tg_packet){.data = h->bytes.at, .len = b->len, .wire_len = b->len, .room = sizeof h->bytes.at};
    tg_engine_counters(h->engine, &before);
    enum tg_decoded decoded = tg_packet_decode(&h->packet, 0);
    tg_engine_judge(h->engine, 0, &h->packet, decoded, &arrival, &h->verdict);
    tg_engine_counters(h->engine, &after);
    h->bytes.len = h->packet.len; /* a helper may have made it longer or shorter */
    const struct tg_verdict *v = &h->verdict;
    int n = snprintf(h->text, sizeof h->text, "%s%s %s%s", v->hold ? "hold " : "", tg_action_name(v->action),
                     tg_reason_name(v->reason), v->as_it_stands ? " as it stands" : "");
    if (v->translation != TG_TRANSLATE_NONE)
        snprintf(h->text + n, sizeof h->text - (size_t)n, " -> %s", ends_of(h->bytes.at, h->bytes.len, looks));
    check_verdict(h, b, were_right);
    CHECK(h->text, !v->hold || arrival.can_hold);
    uint32_t counted = v->hold ? 0 : 1;
    CHECK_EQUAL(h->text, after.packets, before.packets + counted);
    CHECK_EQUAL(h->text, after.bytes, before.bytes + counted * b->len);
    CHECK_EQUAL(h->text, after.verdicts[v->action][v->reason], before.verdicts[v->action][v->reason] + counted);
    return h->text;
}

static inline void expect_at(struct house *h, uint8_t zone, struct bytes b, const char *wanted, const char *file,
                             int line)
{
    _assert_string_equal(judge(h, zone, &b), wanted, file, line);
}

#define EXPECT(house, zone, packet, wanted) expect_at(house, zone, packet, wanted, __FILE__, __LINE__)

static inline void wait_for(struct house *h, double seconds)
{
    h->now += (uint64_t)(seconds * (double)TG_SECOND);
}

static inline uint32_t connections_of(const struct house *h)
{
    struct tg_population p;
    tg_engine_population(h->engine, &p);
    return p.now;
}

/* The source port of the packet that left last. */
static inline uint16_t left_from(const struct house *h)
{
    uint8_t proto;
    uint32_t at = find_transport(h->bytes.at, h->bytes.len, &proto);
    return get16(h->bytes.at + at);
}

#endif
