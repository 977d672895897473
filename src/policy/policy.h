/* The inside of a policy, and how one is built.
 *
 * Life: policy_new(); add zones, address sets, port sets, statements, forwards and rules, in any order but that what is
 * named by number must have been added before; policy_seal(); from then on read-only; tg_policy_free().
 * Everything is added by value and copied; strings too.
 *
 * A statement of the language becomes one or more rules, each with one protocol (`tcp,udp` two, a service as many as it
 * has protocols), all with the statement's number, one after the other. The first rule that fits decides, so the order
 * of adding is the order of the file. A forward becomes one struct policy_forward a protocol and port range, and for
 * each a rule at its place in the order, which fits exactly the packets that this forward has taken (IPv4); its IPv6
 * pinhole is an ordinary rule of kind TG_STATEMENT_FORWARD.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "helper/helper.h"
#include "tidegate/engine.h"
#include "tidegate/policy.h"
#include "tidegate/rules.h"
#include "tidegate/verdict.h"

#define POLICY_NONE UINT32_MAX /* no address set, no port set, no forward */

struct policy_ports {
    uint16_t first, last; /* both included */
};

/* Ranges of one family, as they are kept: both ends included. */
struct policy_v4_range {
    uint32_t first, last;
};

struct policy_v6_range {
    struct tg_addr first, last;
};

/* One condition on addresses: in the set, or not in it. */
struct policy_where {
    uint32_t set; /* a number from policy_add_addresses(), or POLICY_NONE: any address */
    bool outside; /* `not` was written */
};

/* So many connections in `seconds`, `burst` of them at once; each source for itself if per_source. */
struct policy_limit {
    uint32_t count, seconds, burst;
    bool per_source;
};

/* Minutes of a week, local time, from Monday 00:00; both included. */
struct policy_minutes {
    uint16_t first, last;
};

struct policy_mac {
    uint8_t bytes[6];
};

/* What must hold besides for a rule to fit. All zero: nothing. Numbers are those of the policy_add_…() functions plus
 * one. */
struct policy_when {
    uint32_t during; /* the times when it fits */
    uint32_t mac;    /* the senders that it fits */
    uint32_t after;  /* the knock that its source must just have given */
    uint32_t limit;  /* the rate within which it fits */
    uint32_t max;    /* it fits while fewer connections that it let begin are alive */
    bool max_per_source;
};

struct policy_rule {
    uint32_t statement;
    enum tg_action action;
    uint32_t forward; /* fits exactly what this forward has taken, nothing else is looked at; or POLICY_NONE */
    uint8_t family;   /* TG_IPV4, TG_IPV6, or 0 for both */
    bool any_proto;   /* else `proto` */
    uint8_t proto;
    bool any_type; /* of ICMP; else `type`, and `code` unless any_code */
    bool any_code;
    uint8_t type, code;
    uint8_t zone_in;  /* TG_ZONE_NONE: any */
    uint8_t zone_out; /* TG_ZONE_NONE: any */
    struct policy_where src, dst;
    struct policy_when when;
    uint32_t sport, dport; /* numbers from policy_add_ports(), or POLICY_NONE: any */
};

struct policy_forward {
    uint32_t statement;
    bool any_proto; /* an exposed host: all that nothing else takes */
    uint8_t proto;
    bool any_port;           /* all ports, mapped to themselves (any_proto, and protocols without ports) */
    struct policy_ports ext; /* outside ports */
    struct policy_ports in;  /* as many, in order; or one for all */
    uint8_t zone;            /* it comes in by this zone, whose addresses of the router it is for; TG_ZONE_NONE: any */
    struct policy_where src; /* who may, from outside */
    bool has_at;             /* only for `at`, else for any of the router's own addresses on `zone` */
    struct tg_addr at;       /* IPv4 */
    struct tg_addr host;     /* IPv4 */
    struct policy_when when; /* passed on to its rule */
    bool hairpin;            /* devices inside reach it by the outside address too */
    bool is_map;             /* one half of a `map`: no rule comes with it, others decide */
};

/* `translate`, and the way out of a `map`: the source that IPv4 connections leave with. */
struct policy_translation {
    uint32_t statement;
    uint8_t zone_in, zone_out; /* TG_ZONE_NONE: any but the router */
    struct policy_where src, dst;
    bool itself;                /* as it is */
    bool is_map;                /* one to one: the port too is kept */
    struct tg_addr first, last; /* else one of these; the same one for all connections of a source (RFC 4787 REQ-2) */
};

/* How outside ports stand for inside ones (RFC 4787 4.1), and who may answer to them (RFC 4787 5). */
enum policy_behaviour { POLICY_ENDPOINT_INDEPENDENT, POLICY_ADDRESS_DEPENDENT, POLICY_ADDRESS_AND_PORT_DEPENDENT };

struct policy_nat {
    struct policy_nat_of {
        enum policy_behaviour mapping, filtering;
    } tcp, udp;                /* `udp` for all that is not TCP */
    struct policy_ports ports; /* outside ones are chosen from; 0 to 65535 if nothing was said */
};

/* The timers of page "connections": seconds that a connection lives without a packet. */
enum policy_timer {
    POLICY_TCP_ESTABLISHED, /* RFC 5382 REQ-5 */
    POLICY_TCP_TRANSITORY,  /* opening, closing, after a reset: RFC 5382 REQ-5, RFC 7857 2.2; */
    POLICY_TCP_OPENING,     /* or apart: RFC 7857 2.1 */
    POLICY_TCP_CLOSING,
    POLICY_UDP_NEW,    /* until it is answered */
    POLICY_UDP_STREAM, /* RFC 4787 REQ-5 */
    POLICY_ICMP,       /* RFC 5508 REQ-2 */
    POLICY_OTHER,
    POLICY_TIMERS
};

/* `helper`: connections to these ports, after port forwarding, are read by a helper. */
struct policy_helper {
    uint8_t kind; /* enum helper_kind */
    uint8_t proto;
    struct policy_ports ports;
};

/* `detect scan`: who tries more than `ports` refused ports within `seconds` is refused all that is new for `block`
 * seconds. */
struct policy_detect {
    uint32_t statement;
    uint8_t zone; /* TG_ZONE_NONE: any but the router */
    struct policy_where src;
    uint16_t ports; /* 1 to POLICY_DETECT_PORTS */
    uint32_t seconds, block;
};
#define POLICY_DETECT_PORTS 100

/* `knock`: who sends to these ports of the router, in order and within `seconds`, has knocked for the next `open`
 * seconds. */
struct policy_knock {
    const char *name;
    uint8_t zone; /* TG_ZONE_NONE: any but the router */
    struct policy_where src;
    size_t count;
    struct policy_knock_step {
        uint8_t proto; /* tcp or udp */
        uint16_t port;
    } steps[8];
    uint32_t seconds, open;
};
#define POLICY_KNOCK_STEPS 8

/* An `expect`: a packet and what must become of it. The engine does not look at these; judging them is in
 * src/probe/expect.h. */
enum policy_outcome { POLICY_ALLOWED, POLICY_DROPPED, POLICY_REJECTED, POLICY_FORWARDED };

struct policy_expectation {
    struct tg_complaint place; /* where the outcome stands in the file, for a complaint that has no message yet */
    const char *words;         /* the outcome as written, blanks folded: "forwarded to front-door port 80" */
    struct tg_probe probe;     /* `at DAY HH:MM` is in it */
    enum policy_outcome outcome;
    /* of POLICY_FORWARDED */
    bool has_v4, has_v6, has_port;
    struct tg_addr v4, v6; /* of the host */
    uint16_t port;
};

struct tg_policy *policy_new(void);

/* Zones are numbered in the order of adding, from TG_ZONE_FIRST.
 * => 0, -ENOMEM, or -ENOSPC past TG_ZONE_MAX */
int policy_add_zone(struct tg_policy *policy, const struct tg_zone *zone);

/* => 0 with *number, or -ENOMEM. Ranges may overlap and be in any order; both families together */
int policy_add_addresses(struct tg_policy *policy, const struct tg_range *ranges, size_t count, uint32_t *number);
/* The same from what is packed already: a list may be long. */
int policy_add_ranges(struct tg_policy *policy, const struct policy_v4_range *v4, size_t v4_count,
                      const struct policy_v6_range *v6, size_t v6_count, uint32_t *number);
int policy_add_ports(struct tg_policy *policy, const struct policy_ports *ports, size_t count, uint32_t *number);
int policy_add_limit(struct tg_policy *policy, const struct policy_limit *limit, uint32_t *number);
int policy_add_minutes(struct tg_policy *policy, const struct policy_minutes *spans, size_t count, uint32_t *number);
int policy_add_macs(struct tg_policy *policy, const struct policy_mac *macs, size_t count, uint32_t *number);
int policy_add_knock(struct tg_policy *policy, const struct policy_knock *knock, uint32_t *number);
int policy_add_statement(struct tg_policy *policy, const struct tg_statement *statement, uint32_t *number);

/* => 0, or -ENOMEM. Adds the rule of the forward too, unless it is of a map */
int policy_add_forward(struct tg_policy *policy, const struct policy_forward *forward);
int policy_add_rule(struct tg_policy *policy, const struct policy_rule *rule);

/* A named host, for probes and reports.
 * => 0, or -ENOMEM */
int policy_add_host(struct tg_policy *policy, const char *name, const struct tg_addr *v4, const struct tg_addr *v6);
/* => true if a host of that name has an address of `family` */
bool policy_host(const struct tg_policy *policy, const char *name, uint8_t family, struct tg_addr *addr);

/* => the name of the i-th host, or NULL past the last */
const char *policy_host_name(const struct tg_policy *policy, size_t i);

/* => 0, or -ENOMEM */
int policy_add_expectation(struct tg_policy *policy, const struct policy_expectation *expectation);
/* => the i-th, in the order of the file, or NULL past the last */
const struct policy_expectation *policy_expectation(const struct tg_policy *policy, size_t i);

/* The first that fits decides, so the order is that of the file.
 * => 0, or -ENOMEM */
int policy_add_translation(struct tg_policy *policy, const struct policy_translation *translation);
int policy_add_detect(struct tg_policy *policy, const struct policy_detect *detect);
int policy_add_helper(struct tg_policy *policy, const struct policy_helper *helper);

/* Settings; what is never set is as the pages have it. */
void policy_set_nat(struct tg_policy *policy, const struct policy_nat *nat);
void policy_set_timeout(struct tg_policy *policy, enum policy_timer timer, uint32_t seconds);
void policy_set_connections(struct tg_policy *policy, uint32_t room);
void policy_set_pickup(struct tg_policy *policy);

const struct policy_nat *policy_nat(const struct tg_policy *policy);
uint32_t policy_timeout(const struct tg_policy *policy, enum policy_timer timer);
bool policy_has_pickup(const struct tg_policy *policy);

/* The helper that reads connections to a port, as the device that gets them sees it; HELPER_NONE if none does. */
enum helper_kind policy_helper_for(const struct tg_policy *policy, uint8_t proto, uint16_t port);

/* => the i-th, or NULL past the last */
const struct policy_helper *policy_helper(const struct tg_policy *policy, size_t i);
const struct policy_detect *policy_detect(const struct tg_policy *policy, size_t i);
const struct policy_knock *policy_knock(const struct tg_policy *policy, size_t i);
const struct policy_translation *policy_translation(const struct tg_policy *policy, size_t i);

/* What no statement fits: TG_DROP (also if never set) or TG_REJECT. */
void policy_set_default(struct tg_policy *policy, enum tg_action action);

/* => 0, or -ENOMEM */
int policy_seal(struct tg_policy *policy);

/* Whether an address satisfies a condition. */
bool policy_is_where(const struct tg_policy *policy, struct policy_where where, uint8_t family, struct tg_addr addr);

/* What a new packet is judged by: addresses and ports after port forwarding. */
struct policy_key {
    const struct tg_tuple *tuple;
    enum tg_transport kind;
    uint8_t type, code; /* of ICMP */
    uint8_t zone_in, zone_out;
    uint32_t forward; /* that has taken the packet, or POLICY_NONE */
    bool has_minute, has_mac;
    uint16_t minute; /* of the week, local time */
    struct policy_mac mac;
    const struct policy_memory *memory; /* NULL: everybody has knocked, and no limit is reached */
};

/* What is remembered of packets before this one, by who asks. */
struct policy_memory {
    void *context;
    /* Whether the source has just given the knock of that number. */
    bool (*has_knocked)(void *context, uint32_t knock, const struct policy_key *key);
    /* Whether rate and number of live connections leave room for one more; if so it has been counted as one of the
     * rate. Asked last, of a rule that fits otherwise. */
    bool (*admits)(void *context, const struct policy_rule *rule, const struct policy_key *key);
};

/* The first rule that fits; `step`, if given, is told of each that was compared.
 * => the rule, or NULL: the default decides (policy_default()) */
const struct policy_rule *policy_match(const struct tg_policy *policy, const struct policy_key *key, tg_step_fn *step,
                                       void *context, const struct tg_verdict *verdict);
const struct policy_limit *policy_limit(const struct tg_policy *policy, uint32_t number);
/* => the i-th rule, in the order of matching, or NULL past the last */
const struct policy_rule *policy_rule(const struct tg_policy *policy, size_t i);

/* How much its rules want remembered. */
struct policy_needs {
    size_t limits, max; /* rules with a rate, with a number of live connections */
    bool limits_per_source, max_per_source;
    bool during, mac; /* some rule asks for the time, for the sender's hardware address */
    size_t detects, knocks;
};
struct policy_needs policy_needs(const struct tg_policy *policy);

enum tg_action policy_default(const struct tg_policy *policy);

/* The first forward that takes a new IPv4 packet; and whether it does so as a hairpin, from inside.
 * => its number, or POLICY_NONE */
uint32_t policy_find_forward(const struct tg_policy *policy, const struct tg_network *network,
                             const struct policy_key *key, bool *hairpin, tg_step_fn *step, void *context,
                             const struct tg_verdict *verdict);
const struct policy_forward *policy_forward(const struct tg_policy *policy, uint32_t number);
size_t policy_forward_count(const struct tg_policy *policy);

/* The first translation that fits a connection as it is before its source is translated: `tuple` has the destination
 * after port forwarding. IPv4.
 * => it, or NULL: masquerading decides */
const struct policy_translation *policy_find_translation(const struct tg_policy *policy, const struct tg_tuple *tuple,
                                                         uint8_t zone_in, uint8_t zone_out);

/* Whether some rule speaks of a packet as one for the router itself: then no exposed host gets it, nor whoever else
 * gets what nothing else takes. */
bool policy_is_for_router(const struct tg_policy *policy, const struct policy_key *key);

/* The first forward that comes in by `zone` and leads to that port of a host.
 * => NULL if there is none */
const struct policy_forward *policy_forward_to(const struct tg_policy *policy, uint8_t zone, uint8_t proto,
                                               struct tg_addr host, uint16_t port);

/* The ports of the router's address on `zone` that are claimed by some forward of `proto` (no masquerading takes them):
 * of the 32 from 32 * `word` on, a bit each. */
uint32_t policy_forwarded_ports(const struct tg_policy *policy, uint8_t zone, uint8_t proto, uint32_t word);

#endif
