/* Which forward takes a new packet, and which rule decides about it.
 *
 * Both are the first of their list, in the order of the file, that fits. The functions that compare say in a few words
 * what did not fit. For `explain` rules are compared one after the other. Without it the packet is looked up among the
 * boxes of the rules (boxes.h), and only rules whose box does not say all are compared, in the same order; so the same
 * rules are asked whether there is room within their limits, as asking for that counts.
 */
#include "policy/inside.h"

#include <string.h>

#include "connection/ports.h"
#include "policy/boxes.h"
#include "policy/doors.h"

static bool is_in_v4(const struct address_set *set, uint32_t addr)
{
    size_t low = 0, high = set->v4_count;
    if (set->v4_index != NULL) {
        low = set->v4_index[addr >> 16];
        size_t next = set->v4_index[(addr >> 16) + 1]; /* may begin before these 16 bits are over */
        high = next < high ? next + 1 : high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (addr < set->v4[middle].first)
            high = middle;
        else if (addr > set->v4[middle].last)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

static bool is_in_v6(const struct address_set *set, struct tg_addr addr)
{
    size_t low = 0, high = set->v6_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tg_addr_compare(addr, set->v6[middle].first) < 0)
            high = middle;
        else if (tg_addr_compare(addr, set->v6[middle].last) > 0)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

bool policy_is_where(const struct tg_policy *policy, struct policy_where where, uint8_t family, struct tg_addr addr)
{
    if (where.set == POLICY_NONE)
        return true;
    const struct address_set *set = &policy->address_sets.items[where.set];
    bool inside = family == TG_IPV4 ? is_in_v4(set, (uint32_t)addr.lo) : is_in_v6(set, addr);
    return inside != where.outside;
}

static bool is_port(const struct tg_policy *policy, uint32_t number, uint16_t port)
{
    if (number == POLICY_NONE)
        return true;
    const struct port_set *set = &policy->port_sets.items[number];
    for (size_t i = 0; i < set->count && set->ranges[i].first <= port; i++)
        if (port <= set->ranges[i].last)
            return true;
    return false;
}

static bool is_minute(const struct tg_policy *policy, uint32_t number, const struct policy_key *key)
{
    const struct minute_set *set = &policy->minute_sets.items[number];
    for (size_t i = 0; key->has_minute && i < set->count; i++)
        if (set->spans[i].first <= key->minute && key->minute <= set->spans[i].last)
            return true;
    return false;
}

static bool is_mac(const struct tg_policy *policy, uint32_t number, const struct policy_key *key)
{
    const struct mac_set *set = &policy->mac_sets.items[number];
    for (size_t i = 0; key->has_mac && i < set->count; i++)
        if (memcmp(set->macs[i].bytes, key->mac.bytes, sizeof key->mac.bytes) == 0)
            return true;
    return false;
}

/* What must hold besides, and asking for which changes nothing. */
static const char *when_misses(const struct tg_policy *policy, const struct policy_when *when,
                               const struct policy_key *key)
{
    if (when->during != 0 && !is_minute(policy, when->during - 1, key))
        return "not at this time";
    if (when->mac != 0 && !is_mac(policy, when->mac - 1, key))
        return "another MAC address";
    if (when->after != 0 && key->memory != NULL &&
        !key->memory->has_knocked(key->memory->context, when->after - 1, key))
        return "its source has not knocked";
    return NULL;
}

/* Room within rate and number, which is asked last, as asking for it counts. */
static const char *limit_misses(const struct policy_rule *rule, const struct policy_key *key)
{
    bool is_limited = rule->when.limit != 0 || rule->when.max != 0;
    if (is_limited && key->memory != NULL && !key->memory->admits(key->memory->context, rule, key))
        return "over its limit";
    return NULL;
}

/* => what of the rule does not fit the packet, or NULL if all does */
static const char *rule_misses(const struct tg_policy *policy, const struct policy_rule *rule,
                               const struct policy_key *key)
{
    const struct tg_tuple *t = key->tuple;
    if (rule->forward != POLICY_NONE)
        return rule->forward == key->forward ? limit_misses(rule, key) : "not taken by this forward";
    if (rule->zone_in != TG_ZONE_NONE && rule->zone_in != key->zone_in)
        return "it comes from another zone";
    if (rule->zone_out != TG_ZONE_NONE && rule->zone_out != key->zone_out)
        return "it goes to another zone";
    if (rule->family != 0 && rule->family != t->family)
        return "another address family";
    if (!rule->any_proto && rule->proto != t->proto)
        return "another protocol";
    if ((rule->sport != POLICY_NONE || rule->dport != POLICY_NONE) && !tg_proto_has_ports(t->proto))
        return "it has no ports";
    if (!is_port(policy, rule->dport, t->dport))
        return "another destination port";
    if (!is_port(policy, rule->sport, t->sport))
        return "another source port";
    if (!rule->any_proto && !rule->any_type &&
        (rule->type != key->type || (!rule->any_code && rule->code != key->code)))
        return "another ICMP type";
    if (!policy_is_where(policy, rule->src, t->family, t->src))
        return "another source address";
    if (!policy_is_where(policy, rule->dst, t->family, t->dst))
        return "another destination address";
    const char *why = when_misses(policy, &rule->when, key);
    return why != NULL ? why : limit_misses(rule, key);
}

static void tell(tg_step_fn *step, void *context, enum tg_step what, uint32_t statement, const char *why,
                 const struct tg_verdict *verdict)
{
    if (step != NULL)
        step(context, &(struct tg_step_info){what, why == NULL, statement, why, verdict});
}

static const struct policy_rule *match_in_order(const struct tg_policy *policy, const struct policy_key *key,
                                                tg_step_fn *step, void *context, const struct tg_verdict *verdict)
{
    for (size_t i = 0; i < policy->rules.count; i++) {
        const struct policy_rule *rule = &policy->rules.items[i];
        const char *why = rule_misses(policy, rule, key);
        if (rule->forward == POLICY_NONE || why == NULL) /* else its forward has been told of already */
            tell(step, context, TG_STEP_RULE, rule->statement, why, verdict);
        if (why == NULL)
            return rule;
    }
    tell(step, context, TG_STEP_DEFAULT, TG_NO_STATEMENT, NULL, verdict);
    return NULL;
}

/* The first rule that fits, of those whose box the packet lies in and those of the forward that has taken it. */
static const struct policy_rule *match_candidates(const struct tg_policy *policy, const struct policy_key *key)
{
    size_t count;
    const uint32_t *of_forward = boxes_of_forward(policy->boxes, key->forward, &count);
    struct boxes_walk walk;
    boxes_walk(policy->boxes, key, &walk);
    uint32_t next = boxes_next(&walk);
    while (next != POLICY_NONE || count > 0) {
        uint32_t number = next;
        if (count > 0 && *of_forward < next) {
            number = *of_forward++;
            count--;
        } else {
            next = boxes_next(&walk);
        }
        if (rule_misses(policy, &policy->rules.items[number], key) == NULL)
            return &policy->rules.items[number];
    }
    return NULL;
}

const struct policy_rule *match_compared(const struct tg_policy *policy, const struct policy_key *key, tg_step_fn *step,
                                         void *context, const struct tg_verdict *verdict)
{
    bool in_order = step != NULL || policy->boxes == NULL;
    return in_order ? match_in_order(policy, key, step, context, verdict) : match_candidates(policy, key);
}

const struct policy_rule *policy_match(const struct tg_policy *policy, const struct policy_key *key, tg_step_fn *step,
                                       void *context, const struct tg_verdict *verdict)
{
    if (step == NULL && key->forward == POLICY_NONE && policy->boxes != NULL)
        return boxes_match(policy, key);
    return match_compared(policy, key, step, context, verdict);
}

const struct policy_rule *policy_rule(const struct tg_policy *policy, size_t i)
{
    return i < policy->rules.count ? &policy->rules.items[i] : NULL;
}

const struct policy_limit *policy_limit(const struct tg_policy *policy, uint32_t number)
{
    return &policy->limits.items[number];
}

struct policy_needs policy_needs(const struct tg_policy *policy)
{
    struct policy_needs needs = {0};
    for (size_t i = 0; i < policy->rules.count; i++) {
        const struct policy_when *when = &policy->rules.items[i].when;
        needs.limits += when->limit != 0;
        needs.limits_per_source |= when->limit != 0 && policy->limits.items[when->limit - 1].per_source;
        needs.max += when->max != 0;
        needs.max_per_source |= when->max != 0 && when->max_per_source;
        needs.during |= when->during != 0;
        needs.mac |= when->mac != 0;
    }
    needs.detects = policy->detects.count;
    needs.knocks = policy->knocks.count;
    return needs;
}

enum tg_action policy_default(const struct tg_policy *policy)
{
    return policy->fallback;
}

const struct policy_forward *policy_forward(const struct tg_policy *policy, uint32_t number)
{
    return &policy->forwards.items[number];
}

size_t policy_forward_count(const struct tg_policy *policy)
{
    return policy->forwards.count;
}

/* A zone that a hairpin may start in: an inside one. */
static bool is_inside(const struct tg_policy *policy, const struct tg_network *network, uint8_t zone)
{
    const struct tg_zone *z = tg_policy_zone(policy, zone);
    return z != NULL && zone != TG_ZONE_ROUTER && !z->masquerade && !tg_network_is_default(network, zone, TG_IPV4);
}

/* Whoever is in the host's own zone reaches it directly too, so nothing is opened by letting him in by the outside
 * address; others inside are held to the sources that the forward names. */
static const char *source_misses(const struct tg_policy *policy, const struct tg_network *network,
                                 const struct policy_forward *f, const struct policy_key *key, bool *hairpin)
{
    *hairpin = f->zone != TG_ZONE_NONE && f->zone != key->zone_in;
    if (*hairpin) {
        if (!f->hairpin)
            return "it comes from another zone, and hairpin is off";
        if (!is_inside(policy, network, key->zone_in))
            return "it comes from another zone";
        if (tg_network_zone_to(network, TG_IPV4, f->host) == key->zone_in)
            return NULL;
    }
    return policy_is_where(policy, f->src, TG_IPV4, key->tuple->src) ? NULL : "another source address";
}

static const char *forward_misses(const struct tg_policy *policy, const struct tg_network *network,
                                  const struct policy_forward *f, const struct policy_key *key, bool *hairpin)
{
    const struct tg_tuple *t = key->tuple;
    if (f->has_at ? !tg_addr_equal(f->at, t->dst) : !tg_network_is_own(network, f->zone, TG_IPV4, t->dst))
        return "it is for another address";
    if (!f->any_proto && f->proto != t->proto)
        return "another protocol";
    if (!f->any_port && (t->dport < f->ext.first || t->dport > f->ext.last))
        return "another port";
    const char *why = source_misses(policy, network, f, key, hairpin);
    return why != NULL ? why : when_misses(policy, &f->when, key);
}

bool policy_is_for_router(const struct tg_policy *policy, const struct policy_key *key)
{
    struct policy_key plain = *key;
    plain.forward = POLICY_NONE;
    plain.zone_out = TG_ZONE_ROUTER;
    plain.memory = NULL; /* a question that counts for nothing */
    const struct policy_rule *rule = policy_match(policy, &plain, NULL, NULL, NULL);
    return rule != NULL && rule->zone_out == TG_ZONE_ROUTER;
}

/* What takes a packet only if nothing else does: a map, and behind it an exposed host. */
enum late { LATE_MAP, LATE_EXPOSED, LATES };

struct late_forward {
    uint32_t number;
    bool is_hairpin;
};

static uint32_t find_late(const struct tg_policy *policy, const struct policy_key *key,
                          const struct late_forward late[static LATES], bool *hairpin, tg_step_fn *step, void *context,
                          const struct tg_verdict *verdict)
{
    for (enum late kind = 0; kind < LATES; kind++) {
        if (late[kind].number == POLICY_NONE)
            continue;
        const char *why =
            kind == LATE_EXPOSED && policy_is_for_router(policy, key) ? "a rule about the router takes it" : NULL;
        tell(step, context, TG_STEP_FORWARD, policy->forwards.items[late[kind].number].statement, why, verdict);
        *hairpin = late[kind].is_hairpin;
        if (why == NULL)
            return late[kind].number;
    }
    *hairpin = false;
    return POLICY_NONE;
}

/* The forwards to compare: those that may be for the port, or all, where each is to be told of. */
struct forward_walk {
    bool all;
    uint32_t next, count;
    struct door_walk doors;
};

static struct forward_walk walk_forwards(const struct tg_policy *policy, uint16_t port, bool all)
{
    if (all || policy->doors == NULL)
        return (struct forward_walk){.all = true, .count = (uint32_t)policy->forwards.count};
    return (struct forward_walk){.doors = doors_walk(policy->doors, port)};
}

static uint32_t next_forward(struct forward_walk *walk)
{
    if (!walk->all)
        return doors_next(&walk->doors);
    return walk->next < walk->count ? walk->next++ : POLICY_NONE;
}

uint32_t policy_find_forward(const struct tg_policy *policy, const struct tg_network *network,
                             const struct policy_key *key, bool *hairpin, tg_step_fn *step, void *context,
                             const struct tg_verdict *verdict)
{
    struct late_forward late[LATES] = {{POLICY_NONE, false}, {POLICY_NONE, false}};
    struct forward_walk walk = walk_forwards(policy, key->tuple->dport, step != NULL);
    for (uint32_t i; (i = next_forward(&walk)) != POLICY_NONE;) {
        const struct policy_forward *f = &policy->forwards.items[i];
        const char *why = forward_misses(policy, network, f, key, hairpin);
        if (why == NULL && f->any_proto) {
            struct late_forward *waiting = &late[f->is_map ? LATE_MAP : LATE_EXPOSED];
            if (waiting->number == POLICY_NONE)
                *waiting = (struct late_forward){i, *hairpin};
            continue;
        }
        tell(step, context, TG_STEP_FORWARD, f->statement, why, verdict);
        if (why == NULL)
            return i;
    }
    return find_late(policy, key, late, hairpin, step, context, verdict);
}

const struct policy_translation *policy_find_translation(const struct tg_policy *policy, const struct tg_tuple *tuple,
                                                         uint8_t zone_in, uint8_t zone_out)
{
    for (size_t i = 0; i < policy->translations.count; i++) {
        const struct policy_translation *t = &policy->translations.items[i];
        bool is_from = t->zone_in == TG_ZONE_NONE ? zone_in != TG_ZONE_ROUTER : t->zone_in == zone_in;
        if (is_from && (t->zone_out == TG_ZONE_NONE || t->zone_out == zone_out) &&
            policy_is_where(policy, t->src, TG_IPV4, tuple->src) &&
            policy_is_where(policy, t->dst, TG_IPV4, tuple->dst))
            return t;
    }
    return NULL;
}

uint32_t policy_forwarded_ports(const struct tg_policy *policy, uint8_t zone, uint8_t proto, uint32_t word)
{
    uint32_t bits = 0;
    struct forward_walk walk = walk_forwards(policy, (uint16_t)(word * PORTS_WORD), false);
    for (uint32_t i; (i = next_forward(&walk)) != POLICY_NONE;) {
        const struct policy_forward *f = &policy->forwards.items[i];
        if (!f->any_port && f->proto == proto && (f->zone == TG_ZONE_NONE || f->zone == zone))
            bits |= ports_within(word, f->ext.first, (uint32_t)f->ext.last + 1);
    }
    return bits;
}

const struct policy_forward *policy_forward_to(const struct tg_policy *policy, uint8_t zone, uint8_t proto,
                                               struct tg_addr host, uint16_t port)
{
    for (size_t i = 0; i < policy->forwards.count; i++) {
        const struct policy_forward *f = &policy->forwards.items[i];
        if (!f->any_port && f->proto == proto && (f->zone == TG_ZONE_NONE || f->zone == zone) && f->in.first <= port &&
            port <= f->in.last && tg_addr_equal(f->host, host))
            return f;
    }
    return NULL;
}
