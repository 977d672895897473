#include "policy/boxes.h"

#include <stdlib.h>
#include <string.h>

#include "classify/lookup.h"
#include "policy/inside.h"
#include "wire/inlined.h"

/* IPv6 addresses of one side as ranks. */
struct ranks {
    struct tg_addr *ends; /* where ranges begin, and behind where they end; ascending, each once */
    uint32_t count;
    unsigned shift;
};

struct boxes {
    struct classifier *v4, *v6;
    struct ranks src, dst;
    uint32_t forward_count;
    uint32_t *forward_at; /* place in `forward_rules` of each forward's; and behind the last */
    uint32_t *forward_rules;
    uint8_t in[256], out[256]; /* of each zone: the value of its field; 0 if no rule speaks of it */
    struct {
        uint8_t value;
        bool has_ports;
    } protos[256];
    uint16_t with_ports; /* protocols that have some */
    uint16_t values[CLASSIFY_SMALL];
};

enum { DECIDES = 1 }; /* of an id; the rest is the number of the rule */

/* Values of CLASSIFY_PROTO: protocols with ports stand together, so that `any` of them is a range. */
enum { PROTO_OTHER, PROTO_WITH_PORTS };

/* Boxes of one family in the making. */
struct making {
    const struct tg_policy *policy;
    const struct boxes *boxes;
    uint8_t family;
    struct classify_box *items;
    size_t count;
    struct classify_range *ranges; /* of all boxes, field by field */
    size_t range_count, range_room;
};

/* Ranks. */

/* => how many ends are not above an address */
static uint32_t rank_of(const struct ranks *ranks, struct tg_addr addr)
{
    uint32_t low = 0, high = ranks->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tg_addr_compare(ranks->ends[middle], addr) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t rank_first(const struct ranks *ranks, struct tg_addr addr)
{
    return rank_of(ranks, addr) << ranks->shift;
}

static uint32_t rank_last(const struct ranks *ranks, struct tg_addr addr)
{
    uint32_t rank = rank_of(ranks, addr);
    return rank == ranks->count ? UINT32_MAX : ((rank + 1) << ranks->shift) - 1;
}

static int compare_addrs(const void *a, const void *b)
{
    const struct tg_addr *x = a, *y = b;
    return tg_addr_compare(*x, *y);
}

/* The IPv6 addresses of a side of a rule that a box can say exactly, or NULL. */
static const struct address_set *short_set(const struct tg_policy *policy, const struct policy_rule *rule, bool is_dst)
{
    struct policy_where where = is_dst ? rule->dst : rule->src;
    if (rule->forward != POLICY_NONE || where.set == POLICY_NONE)
        return NULL;
    const struct address_set *set = &policy->address_sets.items[where.set];
    return set->v6_count <= CLASSIFY_RANGES ? set : NULL;
}

/* => false if memory does not suffice */
static bool make_ranks(const struct tg_policy *policy, bool is_dst, struct ranks *ranks)
{
    size_t room = 0, count = 0;
    for (size_t i = 0; i < policy->rules.count; i++) {
        const struct address_set *set = short_set(policy, &policy->rules.items[i], is_dst);
        room += set != NULL ? 2 * set->v6_count : 0;
    }
    ranks->ends = malloc((room + 1) * sizeof *ranks->ends);
    if (ranks->ends == NULL)
        return false;
    for (size_t i = 0; i < policy->rules.count; i++) {
        const struct address_set *set = short_set(policy, &policy->rules.items[i], is_dst);
        for (size_t n = 0; set != NULL && n < set->v6_count; n++) {
            struct tg_addr last = set->v6[n].last;
            ranks->ends[count++] = set->v6[n].first;
            if (last.hi != UINT64_MAX || last.lo != UINT64_MAX)
                ranks->ends[count++] = (struct tg_addr){last.hi + (last.lo == UINT64_MAX), last.lo + 1};
        }
    }
    qsort(ranks->ends, count, sizeof *ranks->ends, compare_addrs);
    for (size_t i = 0; i < count; i++)
        if (ranks->count == 0 || !tg_addr_equal(ranks->ends[ranks->count - 1], ranks->ends[i]))
            ranks->ends[ranks->count++] = ranks->ends[i];
    for (ranks->shift = 31; ranks->count >> (31 - ranks->shift) > 1;)
        ranks->shift--;
    return true;
}

/* Boxes. */

/* One more range, of the field that is being said.
 * => false if memory does not suffice */
static bool add_range(struct making *m, uint32_t first, uint32_t last)
{
    if (m->range_count == m->range_room) {
        size_t room = m->range_room * 2 + 64;
        struct classify_range *moved = realloc(m->ranges, room * sizeof *moved);
        if (moved == NULL)
            return false;
        m->ranges = moved;
        m->range_room = room;
    }
    m->ranges[m->range_count++] = (struct classify_range){first, last};
    return true;
}

/* What became of a part of a rule. */
enum said { SAID, SAID_ROUGHLY, SAID_NEVER, SAID_NO_MEMORY };

static enum said said(bool is_good)
{
    return is_good ? SAID : SAID_NO_MEMORY;
}

static struct classify_range address_range(const struct making *m, const struct address_set *set, bool is_dst, size_t i)
{
    if (m->family == TG_IPV4)
        return (struct classify_range){set->v4[i].first, set->v4[i].last};
    const struct ranks *ranks = is_dst ? &m->boxes->dst : &m->boxes->src;
    return (struct classify_range){rank_first(ranks, set->v6[i].first), rank_last(ranks, set->v6[i].last)};
}

/* The addresses outside a set. */
static enum said say_outside(struct making *m, const struct address_set *set, size_t count, bool is_dst)
{
    uint64_t next = 0; /* the first that has not been said */
    bool is_good = true, is_any = false;
    for (size_t i = 0; i < count; i++) {
        struct classify_range range = address_range(m, set, is_dst, i);
        if (range.first > next) {
            is_good &= add_range(m, (uint32_t)next, range.first - 1);
            is_any = true;
        }
        next = (uint64_t)range.last + 1;
    }
    if (next <= UINT32_MAX) {
        is_good &= add_range(m, (uint32_t)next, UINT32_MAX);
        is_any = true;
    }
    return is_any ? said(is_good) : SAID_NEVER;
}

static enum said say_where(struct making *m, struct policy_where where, bool is_dst)
{
    if (where.set == POLICY_NONE)
        return said(add_range(m, 0, UINT32_MAX));
    const struct address_set *set = &m->policy->address_sets.items[where.set];
    size_t count = m->family == TG_IPV4 ? set->v4_count : set->v6_count;
    if (count == 0)
        return where.outside ? said(add_range(m, 0, UINT32_MAX)) : SAID_NEVER;
    if (where.outside && count < CLASSIFY_RANGES)
        return say_outside(m, set, count, is_dst);
    if (where.outside)
        return add_range(m, 0, UINT32_MAX) ? SAID_ROUGHLY : SAID_NO_MEMORY;
    if (count > CLASSIFY_RANGES) {
        uint32_t first = address_range(m, set, is_dst, 0).first, last = address_range(m, set, is_dst, count - 1).last;
        return add_range(m, first, last) ? SAID_ROUGHLY : SAID_NO_MEMORY;
    }
    bool is_good = true;
    for (size_t i = 0; i < count; i++) {
        struct classify_range range = address_range(m, set, is_dst, i);
        is_good &= add_range(m, range.first, range.last);
    }
    return said(is_good);
}

static enum said say_ports(struct making *m, uint32_t number)
{
    if (number == POLICY_NONE)
        return said(add_range(m, 0, UINT16_MAX));
    const struct port_set *set = &m->policy->port_sets.items[number];
    if (set->count == 0)
        return SAID_NEVER;
    if (set->count > CLASSIFY_RANGES)
        return add_range(m, set->ranges[0].first, set->ranges[set->count - 1].last) ? SAID_ROUGHLY : SAID_NO_MEMORY;
    bool is_good = true;
    for (size_t i = 0; i < set->count; i++)
        is_good &= add_range(m, set->ranges[i].first, set->ranges[i].last);
    return said(is_good);
}

/* Destination ports; of a protocol without ports, type and code stand in their place. */
static enum said say_dport(struct making *m, const struct policy_rule *rule)
{
    if (rule->any_proto || rule->any_type)
        return say_ports(m, rule->dport);
    if (tg_proto_has_ports(rule->proto)) {
        enum said ports = say_ports(m, rule->dport);
        return ports == SAID ? SAID_ROUGHLY : ports;
    }
    uint32_t type = (uint32_t)rule->type << 8;
    return said(rule->any_code ? add_range(m, type, type | UINT8_MAX)
                               : add_range(m, type | rule->code, type | rule->code));
}

static enum said say_proto(struct making *m, const struct policy_rule *rule)
{
    bool wants_ports = rule->sport != POLICY_NONE || rule->dport != POLICY_NONE;
    if (rule->any_proto)
        return said(wants_ports ? add_range(m, PROTO_WITH_PORTS, m->boxes->with_ports)
                                : add_range(m, 0, m->boxes->values[0] - 1u));
    if (wants_ports && !m->boxes->protos[rule->proto].has_ports)
        return SAID_NEVER;
    uint8_t value = m->boxes->protos[rule->proto].value;
    return said(add_range(m, value, value));
}

static enum said say_zone(struct making *m, uint8_t zone, const uint8_t *value_of, uint16_t values)
{
    if (zone == TG_ZONE_NONE)
        return said(add_range(m, 0, values - 1u));
    return said(add_range(m, value_of[zone], value_of[zone]));
}

static enum said say_field(struct making *m, const struct policy_rule *rule, enum classify_field field)
{
    const struct boxes *boxes = m->boxes;
    switch (field) {
    case CLASSIFY_SRC: return say_where(m, rule->src, false);
    case CLASSIFY_DST: return say_where(m, rule->dst, true);
    case CLASSIFY_DPORT: return say_dport(m, rule);
    case CLASSIFY_SPORT: return say_ports(m, rule->sport);
    case CLASSIFY_PROTO: return say_proto(m, rule);
    case CLASSIFY_IN: return say_zone(m, rule->zone_in, boxes->in, boxes->values[1]);
    default: return say_zone(m, rule->zone_out, boxes->out, boxes->values[2]);
    }
}

static bool is_conditional(const struct policy_when *when)
{
    return when->during != 0 || when->mac != 0 || when->after != 0 || when->limit != 0 || when->max != 0;
}

/* => false if memory does not suffice */
static bool add_box(struct making *m, uint32_t number)
{
    const struct policy_rule *rule = &m->policy->rules.items[number];
    struct classify_box *box = &m->items[m->count];
    size_t begun = m->range_count;
    if (rule->forward != POLICY_NONE || (rule->family != 0 && rule->family != m->family))
        return true;
    *box = (struct classify_box){.is_final = !is_conditional(&rule->when)};
    for (unsigned field = 0; field < CLASSIFY_FIELDS; field++) {
        size_t before = m->range_count;
        enum said what = say_field(m, rule, (enum classify_field)field);
        if (what == SAID_NO_MEMORY)
            return false;
        if (what == SAID_NEVER) {
            m->range_count = begun;
            return true;
        }
        box->counts[field] = (uint8_t)(m->range_count - before);
        box->is_final &= what == SAID;
    }
    box->id = number << 1 | (box->is_final ? DECIDES : 0);
    m->count++;
    return true;
}

/* => NULL if memory does not suffice */
static struct classifier *classify(const struct tg_policy *policy, const struct boxes *boxes, uint8_t family)
{
    struct making m = {.policy = policy, .boxes = boxes, .family = family};
    struct classifier *classifier = NULL;
    m.items = malloc((policy->rules.count + 1) * sizeof *m.items);
    bool is_good = m.items != NULL;
    for (uint32_t i = 0; is_good && i < policy->rules.count; i++)
        is_good = add_box(&m, i);
    size_t at = 0;
    for (size_t i = 0; is_good && i < m.count; i++)
        for (unsigned field = 0; field < CLASSIFY_FIELDS; field++) {
            m.items[i].ranges[field] = &m.ranges[at];
            at += m.items[i].counts[field];
        }
    if (is_good)
        classifier = classifier_new(m.items, (uint32_t)m.count, boxes->values);
    free(m.items);
    free(m.ranges);
    return classifier;
}

/* What rules speak of, numbered. */

static void number_small(const struct tg_policy *policy, struct boxes *boxes)
{
    uint16_t protos = PROTO_WITH_PORTS, in = 1, out = 1;
    for (unsigned proto = 0; proto < 256; proto++) {
        boxes->protos[proto].has_ports = tg_proto_has_ports((uint8_t)proto);
        if (boxes->protos[proto].has_ports)
            boxes->protos[proto].value = (uint8_t)protos++;
    }
    boxes->with_ports = protos - PROTO_WITH_PORTS;
    for (size_t i = 0; i < policy->rules.count; i++) {
        const struct policy_rule *rule = &policy->rules.items[i];
        if (rule->forward != POLICY_NONE)
            continue;
        /* Were all 256 named, the last would find no value left; but then PROTO_OTHER is that one alone. */
        if (!rule->any_proto && boxes->protos[rule->proto].value == PROTO_OTHER && protos < CLASSIFY_VALUES)
            boxes->protos[rule->proto].value = (uint8_t)protos++;
        if (rule->zone_in != TG_ZONE_NONE && boxes->in[rule->zone_in] == 0)
            boxes->in[rule->zone_in] = (uint8_t)in++;
        if (rule->zone_out != TG_ZONE_NONE && boxes->out[rule->zone_out] == 0)
            boxes->out[rule->zone_out] = (uint8_t)out++;
    }
    boxes->values[0] = protos;
    boxes->values[1] = in;
    boxes->values[2] = out;
}

/* => false if memory does not suffice */
static bool list_forwards(const struct tg_policy *policy, struct boxes *boxes)
{
    size_t count = policy->forwards.count, total = 0;
    boxes->forward_count = (uint32_t)count;
    boxes->forward_at = calloc(count + 2, sizeof *boxes->forward_at);
    if (boxes->forward_at == NULL)
        return false;
    for (size_t i = 0; i < policy->rules.count; i++)
        if (policy->rules.items[i].forward < count) {
            boxes->forward_at[policy->rules.items[i].forward + 2]++;
            total++;
        }
    for (size_t i = 2; i < count + 2; i++)
        boxes->forward_at[i] += boxes->forward_at[i - 1];
    boxes->forward_rules = malloc((total + 1) * sizeof *boxes->forward_rules);
    if (boxes->forward_rules == NULL)
        return false;
    for (uint32_t i = 0; i < policy->rules.count; i++)
        if (policy->rules.items[i].forward < count)
            boxes->forward_rules[boxes->forward_at[policy->rules.items[i].forward + 1]++] = i;
    return true;
}

struct boxes *boxes_new(const struct tg_policy *policy)
{
    struct boxes *boxes = calloc(1, sizeof *boxes);
    if (boxes == NULL)
        return NULL;
    number_small(policy, boxes);
    if (make_ranks(policy, false, &boxes->src) && make_ranks(policy, true, &boxes->dst) &&
        list_forwards(policy, boxes)) {
        boxes->v4 = classify(policy, boxes, TG_IPV4);
        boxes->v6 = classify(policy, boxes, TG_IPV6);
    }
    if (boxes->v4 != NULL && boxes->v6 != NULL)
        return boxes;
    boxes_free(boxes);
    return NULL;
}

void boxes_free(struct boxes *boxes)
{
    if (boxes == NULL)
        return;
    classifier_free(boxes->v4);
    classifier_free(boxes->v6);
    free(boxes->src.ends);
    free(boxes->dst.ends);
    free(boxes->forward_at);
    free(boxes->forward_rules);
    free(boxes);
}

size_t boxes_size(const struct boxes *boxes)
{
    return sizeof *boxes + classifier_shape(boxes->v4).bytes + classifier_shape(boxes->v6).bytes +
           ((size_t)boxes->src.count + boxes->dst.count) * sizeof *boxes->src.ends +
           (boxes->forward_count + (size_t)2 + boxes->forward_at[boxes->forward_count]) * sizeof *boxes->forward_rules;
}

static void rank_addresses(const struct boxes *boxes, const struct tg_tuple *t, uint32_t point[static CLASSIFY_FIELDS])
{
    point[CLASSIFY_SRC] = rank_first(&boxes->src, t->src);
    point[CLASSIFY_DST] = rank_first(&boxes->dst, t->dst);
}

/* The point that a packet is, if it is of IPv4. */
INLINED void point_of_v4(const struct boxes *boxes, const struct policy_key *key,
                         uint32_t point[static CLASSIFY_FIELDS])
{
    const struct tg_tuple *t = key->tuple;
    bool has_ports = boxes->protos[t->proto].has_ports;
    point[CLASSIFY_SRC] = (uint32_t)t->src.lo;
    point[CLASSIFY_DST] = (uint32_t)t->dst.lo;
    point[CLASSIFY_DPORT] = has_ports ? t->dport : (uint32_t)key->type << 8 | key->code;
    point[CLASSIFY_SPORT] = has_ports ? t->sport : 0;
    point[CLASSIFY_PROTO] = boxes->protos[t->proto].value;
    point[CLASSIFY_IN] = boxes->in[key->zone_in];
    point[CLASSIFY_OUT] = boxes->out[key->zone_out];
}

/* The point that a packet is.
 * => where it is to be looked up */
static inline const struct classifier *point_of(const struct boxes *boxes, const struct policy_key *key,
                                                uint32_t point[static CLASSIFY_FIELDS])
{
    point_of_v4(boxes, key, point);
    if (key->tuple->family == TG_IPV4)
        return boxes->v4;
    rank_addresses(boxes, key->tuple, point);
    return boxes->v6;
}

/* => the rule that a lookup ends with: that of the id, if it decides; else the first that fits, compared */
INLINED const struct policy_rule *rule_of(const struct tg_policy *policy, const struct policy_key *key, uint32_t id)
{
    if (id == CLASSIFY_NONE)
        return NULL;
    return id & DECIDES ? &policy->rules.items[id >> 1] : match_compared(policy, key, NULL, NULL, NULL);
}

APART const struct policy_rule *match_v4(const struct tg_policy *policy, const struct policy_key *key)
{
    uint32_t point[CLASSIFY_FIELDS];
    point_of_v4(policy->boxes, key, point);
    return rule_of(policy, key, classifier_first(policy->boxes->v4, point));
}

APART const struct policy_rule *match_v6(const struct tg_policy *policy, const struct policy_key *key)
{
    uint32_t point[CLASSIFY_FIELDS];
    const struct classifier *classifier = point_of(policy->boxes, key, point);
    return rule_of(policy, key, classifier_first(classifier, point));
}

const struct policy_rule *boxes_match(const struct tg_policy *policy, const struct policy_key *key)
{
    const struct boxes *boxes = policy->boxes;
    if (key->tuple->family != TG_IPV4)
        return match_v6(policy, key);
    if (!classifier_is_inline(boxes->v4))
        return match_v4(policy, key);
    uint32_t point[CLASSIFY_FIELDS];
    point_of_v4(boxes, key, point);
    return rule_of(policy, key, tables_first(boxes->v4, point));
}

void boxes_walk(const struct boxes *boxes, const struct policy_key *key, struct boxes_walk *walk)
{
    const struct classifier *classifier = point_of(boxes, key, walk->point);
    classifier_walk(classifier, walk->point, &walk->walk);
}

uint32_t boxes_next(struct boxes_walk *walk)
{
    uint32_t id = classify_next(&walk->walk);
    return id == CLASSIFY_NONE ? POLICY_NONE : id >> 1;
}

const uint32_t *boxes_of_forward(const struct boxes *boxes, uint32_t forward, size_t *count)
{
    *count = 0;
    if (forward >= boxes->forward_count)
        return NULL;
    *count = boxes->forward_at[forward + 1] - boxes->forward_at[forward];
    return boxes->forward_rules + boxes->forward_at[forward];
}
