#include "analysis/describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/words.h"

enum { LISTED = 8 };

/* A list being written: the first few items, and how many more. */
struct list {
    char *out;
    size_t len;
    unsigned count;
};

/* What has no room is cut off. */
__attribute__((format(printf, 2, 3))) static void put(struct list *list, const char *format, ...)
{
    char item[DESCRIBE_ROOM];
    va_list arguments;
    if (list->count++ >= LISTED)
        return;
    va_start(arguments, format);
    vsnprintf(item, sizeof item, format, arguments);
    va_end(arguments);
    size_t room = DESCRIBE_ROOM - list->len;
    int n = snprintf(list->out + list->len, room, "%s%s", list->count > 1 ? ", " : "", item);
    list->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void finish(struct list *list)
{
    if (list->count > LISTED)
        snprintf(list->out + list->len, DESCRIBE_ROOM - list->len, " and %u more", list->count - LISTED);
}

static struct list begin(char *out, const char *text)
{
    snprintf(out, DESCRIBE_ROOM, "%s", text);
    return (struct list){.out = out, .len = strlen(text)};
}

static bool holds(const struct spans *spans, uint32_t value)
{
    for (uint32_t i = 0; spans->items != NULL && i < spans->count; i++)
        if (spans->items[i].first <= value && value <= spans->items[i].last)
            return true;
    return spans->items == NULL;
}

/* Zones. */

static bool has_zone(const struct difference_block *block, unsigned field, uint32_t zone)
{
    const struct landscape *l = block->landscape;
    const struct spans *spans = &block->region->in[field];
    bool has = holds(spans, zone);
    for (uint32_t out = l->space->own_out; field == SPACE_OUT && out != 0 && out < l->space->sizes[SPACE_OUT]; out++)
        has |= zone == TG_ZONE_ROUTER && holds(spans, out);
    return has;
}

static bool is_set(const uint8_t *zones, uint32_t zone)
{
    return zones[zone / 8] >> zone % 8 & 1;
}

static void write_zones(const struct landscape *l, const uint8_t *zones, char *out)
{
    struct list list = begin(out, "");
    bool all = true;
    for (uint32_t zone = 0; zone < l->space->zone_count; zone++)
        all &= is_set(zones, zone) || !landscape_is_common(l, zone);
    if (all) {
        put(&list, "any");
        return;
    }
    for (uint32_t i = 0; i < l->space->zone_count; i++) {
        uint32_t zone = (i + TG_ZONE_FIRST) % l->space->zone_count; /* named ones first */
        const struct tg_zone *z = tg_policy_zone(l->space->views[0].policy, l->policy_zones[0][zone]);
        if (is_set(zones, zone) && landscape_is_common(l, zone))
            put(&list, "%s", zone == TG_ZONE_NONE ? "no zone" : z->name);
    }
    finish(&list);
}

static void describe_zones(const struct difference_block *block, unsigned field, uint8_t *zones, char *out)
{
    memset(zones, 0, DESCRIBE_ZONES);
    for (uint32_t zone = 0; zone < block->landscape->space->zone_count; zone++)
        if (has_zone(block, field, zone))
            zones[zone / 8] |= (uint8_t)(1 << zone % 8);
    write_zones(block->landscape, zones, out);
}

/* Addresses. */

/* Classes in three states: of no concern here, in the block, not in it. */
enum state { ELSEWHERE, INSIDE, OUTSIDE };

static enum state *class_states(const struct difference_block *block, unsigned field, const struct partition *p)
{
    const struct landscape *l = block->landscape;
    unsigned where_field = field == SPACE_SRC ? SPACE_IN : SPACE_OUT;
    const struct spans *spans = &block->region->in[field], *where = &block->region->in[where_field];
    enum state *states = malloc(p->classes * sizeof *states);
    bool any = false;
    for (uint32_t class = 0; states != NULL && class < p->classes; class ++) {
        bool concerns = false;
        for (uint32_t w = 0; w < l->space->sizes[where_field] && !concerns; w++)
            concerns =
                holds(where, w) && (field == SPACE_SRC ? landscape_sends(l, w, class) : landscape_leads(l, w, class));
        states[class] = !concerns ? ELSEWHERE : holds(spans, class) ? INSIDE : OUTSIDE;
        any |= states[class] == INSIDE;
    }
    for (uint32_t class = 0; states != NULL && !any && class < p->classes; class ++) /* the unspecified address alone */
        states[class] = holds(spans, class) ? INSIDE : OUTSIDE;
    return states;
}

/* The next range of one state from piece *i on; what is of no concern, and lies between such ranges, is taken along. */
static bool next_range(const struct partition *p, const enum state *states, enum state state, size_t *i,
                       struct tg_range *range)
{
    while (*i < p->count && states[p->pieces[*i].class] != state)
        ++*i;
    if (*i == p->count)
        return false;
    range->first = p->pieces[*i].first;
    for (; *i < p->count && states[p->pieces[*i].class] == state; ++*i)
        range->last = p->pieces[*i].last;
    return true;
}

static unsigned count_ranges(const struct partition *p, const enum state *states, enum state state)
{
    struct tg_range range;
    unsigned count = 0;
    for (size_t i = 0; next_range(p, states, state, &i, &range);)
        count++;
    return count;
}

/* As a prefix, where it is one. */
static void put_range(struct list *list, const struct tg_range *range)
{
    char first[TG_ADDR_TEXT], last[TG_ADDR_TEXT];
    uint8_t most = range->family == TG_IPV4 ? 32 : 128;
    tg_addr_format(range->family, range->first, first);
    for (unsigned len = most + 1; len-- > 0;) {
        struct tg_range whole = tg_prefix_range(&(struct tg_prefix){range->first, range->family, (uint8_t)len});
        if (!tg_addr_equal(whole.first, range->first))
            break; /* nor would a shorter one begin there */
        if (!tg_addr_equal(whole.last, range->last))
            continue;
        if (len == most)
            put(list, "%s", first);
        else
            put(list, "%s/%u", first, len);
        return;
    }
    put(list, "%s-%s", first, tg_addr_format(range->family, range->last, last));
}

static void describe_addresses(const struct difference_block *block, unsigned field, char *out)
{
    const struct space *space = block->landscape->space;
    const struct partition *p = field == SPACE_SRC ? &space->src : &space->dst;
    enum state *states = class_states(block, field, p);
    out[0] = '\0';
    if (states == NULL)
        return;
    unsigned inside = count_ranges(p, states, INSIDE), outside = count_ranges(p, states, OUTSIDE);
    bool is_not = outside < inside;
    struct list list = begin(out, is_not ? "not " : "");
    struct tg_range range = {.family = space->family};
    for (size_t i = 0; outside > 0 && next_range(p, states, is_not ? OUTSIDE : INSIDE, &i, &range);)
        put_range(&list, &range);
    finish(&list);
    if (outside == 0)
        out[0] = '\0';
    free(states);
}

/* Ports. */

static void describe_ports(const struct difference_block *block, unsigned field, char *out)
{
    const struct spans *spans = &block->region->in[field];
    struct list list = begin(out, "");
    for (uint32_t i = 0; spans->items != NULL && i < spans->count; i++) {
        if (spans->items[i].first == spans->items[i].last)
            put(&list, "%u", spans->items[i].first);
        else
            put(&list, "%u-%u", spans->items[i].first, spans->items[i].last);
    }
    finish(&list);
}

/* Protocols. Answers and errors of ICMP are no packets here, and what else of ICMP begins no connection is not missed
 * where all else is meant. */

static bool has_all(const struct spans *spans, uint32_t first, uint32_t last)
{
    for (uint32_t i = 0; spans->items != NULL && i < spans->count; i++)
        if (spans->items[i].first <= first && last <= spans->items[i].last)
            return true;
    return spans->items == NULL;
}

static bool is_icmp(const struct landscape *l, uint32_t proto)
{
    return proto == (l->space->family == TG_IPV4 ? TG_PROTO_ICMP : TG_PROTO_ICMP6);
}

/* Whether the protocol is no more than notices, or is none at all. */
static bool is_not_missed(const struct landscape *l, uint32_t proto)
{
    bool is_extension = l->space->family == TG_IPV6 && (proto == 0 || proto == 43 || proto == 44 || proto == 60);
    return is_extension || proto == TG_PROTO_IGMP;
}

static bool has_queries(const struct landscape *l, const struct spans *kinds)
{
    static const uint8_t v4[] = {8, 13, 15, 17}, v6[] = {128};
    bool is_v4 = l->space->family == TG_IPV4;
    for (size_t i = 0; i < (is_v4 ? sizeof v4 : sizeof v6); i++) {
        uint32_t first = is_v4 ? (uint32_t)TG_PROTO_ICMP << 16 | (uint32_t)v4[i] << 8
                               : (uint32_t)TG_PROTO_ICMP6 << 16 | (uint32_t)v6[i] << 8;
        if (!has_all(kinds, first, first | 0xff))
            return false;
    }
    return true;
}

static void put_types(struct list *list, const struct spans *kinds, uint32_t proto, const char *name)
{
    for (uint32_t i = 0; kinds->items != NULL && i < kinds->count; i++) {
        uint32_t first = kinds->items[i].first, last = kinds->items[i].last;
        if (last >> 16 < proto || first >> 16 > proto)
            continue;
        first = first >> 16 < proto ? 0 : first & 0xffff;
        last = last >> 16 > proto ? 0xffff : last & 0xffff;
        if (first >> 8 == last >> 8 && (first & 0xff) == 0 && (last & 0xff) == 0xff)
            put(list, "%s %u", name, first >> 8);
        else if ((first & 0xff) == 0 && (last & 0xff) == 0xff)
            put(list, "%s %u-%u", name, first >> 8, last >> 8);
        else if (first == last)
            put(list, "%s %u/%u", name, first >> 8, first & 0xff);
        else
            put(list, "%s %u/%u-%u/%u", name, first >> 8, first & 0xff, last >> 8, last & 0xff);
    }
}

static void describe_proto(const struct difference_block *block, char *out)
{
    const struct landscape *l = block->landscape;
    const struct spans *kinds = &block->region->in[SPACE_KIND];
    unsigned has = 0, lacks = 0;
    for (uint32_t proto = 0; proto < 256; proto++) {
        bool all = is_icmp(l, proto) ? has_queries(l, kinds) : has_all(kinds, proto << 16, proto << 16 | 0xffff);
        has += all;
        lacks += !all && !is_not_missed(l, proto);
    }
    bool is_not = lacks < has && lacks > 0;
    struct list list = begin(out, lacks == 0 ? "any" : is_not ? "any but " : "");
    for (uint32_t proto = 0; proto < 256 && lacks > 0; proto++) {
        char number[WORDS_PROTOCOL];
        const char *name = words_protocol_name((uint8_t)proto, number);
        bool all = is_icmp(l, proto) ? has_queries(l, kinds) : has_all(kinds, proto << 16, proto << 16 | 0xffff);
        if (is_not ? !all && !is_not_missed(l, proto) : all)
            put(&list, "%s", name);
        else if (!is_not && is_icmp(l, proto))
            put_types(&list, kinds, proto, name);
    }
    finish(&list);
}

/* Times. */

enum { DAY = 24 * 60 };

static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* "mon-fri, sun", of bits; all seven are not said. */
static size_t write_days(char *out, size_t room, unsigned bits)
{
    size_t len = 0;
    out[0] = '\0';
    for (unsigned first = 0; first < 7 && bits != 0x7f; first++) {
        unsigned last = first;
        if (!(bits >> first & 1))
            continue;
        while (last < 6 && bits >> (last + 1) & 1)
            last++;
        len += (size_t)snprintf(out + len, room - len, "%s%s%s%s", len == 0 ? "" : ",", days[first],
                                last == first ? "" : "-", last == first ? "" : days[last]);
        first = last;
    }
    return len;
}

/* Minutes without a gap, maybe over the end of the week. */
struct run {
    uint32_t first, count;
    bool is_said;
};

static void put_long_run(struct list *list, const struct run *run)
{
    uint32_t last = (run->first + run->count) % OCCASION_WEEK;
    put(list, "%s %02u:%02u-%s %02u:%02u", days[run->first / DAY], run->first % DAY / 60, run->first % 60,
        days[last / DAY], last % DAY / 60, last % 60);
}

/* The same hours on several days are said at once. */
static void put_run(struct list *list, struct run *runs, size_t count, size_t i)
{
    uint32_t first = runs[i].first % DAY, last = first + runs[i].count;
    unsigned bits = 0;
    char text[40];
    for (size_t j = i; j < count; j++) {
        if (runs[j].first % DAY != first || runs[j].count != runs[i].count)
            continue;
        bits |= 1u << runs[j].first / DAY;
        runs[j].is_said = true;
    }
    size_t len = write_days(text, sizeof text, bits);
    last = last > DAY ? last - DAY : last;
    put(list, "%s%s%02u:%02u-%02u:%02u", text, len == 0 ? "" : " ", first / 60, first % 60, last / 60, last % 60);
}

/* Whole days, by bits. */
static void put_days(struct list *list, struct run *runs, size_t count)
{
    unsigned bits = 0;
    char text[40];
    for (size_t i = 0; i < count; i++) {
        if (runs[i].first % DAY != 0 || runs[i].count % DAY != 0)
            continue;
        for (uint32_t day = 0; day < runs[i].count / DAY; day++)
            bits |= 1u << (runs[i].first / DAY + day) % 7;
        runs[i].is_said = true;
    }
    if (bits != 0 && write_days(text, sizeof text, bits) != 0)
        put(list, "%s", text);
}

static void describe_minutes(const struct difference_block *block, char *out)
{
    enum { RUNS = 64 };
    const uint32_t *class_of = block->landscape->space->occasions.minutes.of;
    const struct spans *spans = &block->region->in[SPACE_MINUTE];
    struct run runs[RUNS];
    size_t count = 0;
    uint32_t start = 0;
    struct list list = begin(out, "");
    if (spans->items == NULL)
        return;
    while (start < OCCASION_WEEK && holds(spans, class_of[start]))
        start++;
    for (uint32_t i = 0; i < OCCASION_WEEK && start < OCCASION_WEEK && count < RUNS; i++) {
        uint32_t minute = (start + i) % OCCASION_WEEK;
        if (!holds(spans, class_of[minute]))
            continue;
        if (count > 0 && (runs[count - 1].first + runs[count - 1].count) % OCCASION_WEEK == minute)
            runs[count - 1].count++;
        else
            runs[count++] = (struct run){minute, 1, false};
    }
    put_days(&list, runs, count);
    for (size_t i = 0; i < count; i++) {
        if (runs[i].is_said)
            continue;
        if (runs[i].count >= DAY)
            put_long_run(&list, &runs[i]);
        else
            put_run(&list, runs, count, i);
    }
    finish(&list);
}

/* Senders: those that are listed, or all but those. */

static void describe_macs(const struct difference_block *block, char *out)
{
    const struct occasions *o = &block->landscape->space->occasions;
    const struct spans *spans = &block->region->in[SPACE_MAC];
    bool is_not = holds(spans, o->macs.of[0]);
    struct list list = begin(out, is_not ? "not " : "");
    for (uint32_t i = 1; i < o->macs.points; i++) {
        const uint8_t *b = o->listed[i - 1].bytes;
        if (holds(spans, o->macs.of[i]) != is_not)
            put(&list, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    }
    finish(&list);
    if (list.count == 0)
        out[0] = '\0';
}

/* Knocks: what all values of the block have, and what none has; where that is not all, each value by itself. */

static void put_knocks(struct list *list, const struct occasions *o, uint32_t value)
{
    char text[OCCASION_KNOCKS * 66] = "no knock";
    size_t len = 0;
    for (unsigned bit = 0; bit < o->knock_count; bit++)
        if (value >> bit & 1)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len == 0 ? "only " : " and ",
                                    o->knocks[bit].name);
    put(list, "%s", text);
}

static void describe_knocks(const struct difference_block *block, char *after, char *without)
{
    const struct occasions *o = &block->landscape->space->occasions;
    const struct spans *spans = &block->region->in[SPACE_KNOCKS];
    struct list has = begin(after, ""), lacks = begin(without, "");
    uint32_t all = UINT32_MAX, any = 0, values = 0, free = 1;
    if (spans->items == NULL)
        return;
    for (uint32_t value = 0; value >> o->knock_count == 0; value++) {
        if (!holds(spans, value))
            continue;
        all &= value;
        any |= value;
        values++;
    }
    for (unsigned bit = 0; bit < o->knock_count; bit++)
        free <<= (any & ~all) >> bit & 1;
    for (unsigned bit = 0; bit < o->knock_count && values == free; bit++) {
        if (all >> bit & 1)
            put(&has, "%s", o->knocks[bit].name);
        else if (!(any >> bit & 1))
            put(&lacks, "%s", o->knocks[bit].name);
    }
    for (uint32_t value = 0; value >> o->knock_count == 0 && values != free; value++)
        if (holds(spans, value))
            put_knocks(&has, o, value);
    finish(&has);
    finish(&lacks);
}

static bool is_unspecified(const struct difference_block *block)
{
    const struct spans *src = &block->region->in[SPACE_SRC];
    uint32_t class = partition_class(&block->landscape->space->src, (struct tg_addr){0, 0});
    return src->items != NULL && src->count == 1 && src->items[0].first == class && src->items[0].last == class;
}

void describe_block(const struct difference_block *block, struct description *d)
{
    bool is_v4 = block->landscape->space->family == TG_IPV4;
    d->family[0] = is_v4;
    d->family[1] = !is_v4;
    describe_proto(block, d->proto);
    describe_zones(block, SPACE_IN, d->in_zones, d->in);
    describe_zones(block, SPACE_OUT, d->out_zones, d->out);
    describe_addresses(block, SPACE_SRC, d->src);
    describe_addresses(block, SPACE_DST, d->dst);
    describe_ports(block, SPACE_SPORT, d->sport);
    describe_ports(block, SPACE_DPORT, d->dport);
    describe_minutes(block, d->during);
    describe_macs(block, d->mac);
    describe_knocks(block, d->after, d->without);
    d->is_unspecified = is_unspecified(block);
}

static void join_zones(const struct landscape *l, uint8_t *zones, const uint8_t *more, char *out)
{
    for (size_t i = 0; i < DESCRIBE_ZONES; i++)
        zones[i] |= more[i];
    write_zones(l, zones, out);
}

static bool is_within(const uint8_t *zones, const uint8_t *others)
{
    for (size_t i = 0; i < DESCRIBE_ZONES; i++)
        if (zones[i] & ~others[i])
            return false;
    return true;
}

static bool is_same_occasion(const struct description *a, const struct description *b)
{
    return strcmp(a->during, b->during) == 0 && strcmp(a->mac, b->mac) == 0 && strcmp(a->after, b->after) == 0 &&
           strcmp(a->without, b->without) == 0;
}

/* What comes from the unspecified address is among what comes from anywhere. */
static bool is_part(const struct description *a, const struct description *b)
{
    bool has_families = (a->family[0] || !b->family[0]) && (a->family[1] || !b->family[1]);
    bool has_proto = strcmp(a->proto, "any") == 0 || strcmp(a->proto, b->proto) == 0;
    return b->is_unspecified && has_families && has_proto && a->src[0] == '\0' && a->dst[0] == '\0' &&
           strcmp(a->sport, b->sport) == 0 && strcmp(a->dport, b->dport) == 0 && is_within(b->in_zones, a->in_zones) &&
           is_within(b->out_zones, a->out_zones) && is_same_occasion(a, b);
}

bool describe_join(const struct landscape *l, struct description *a, const struct description *b)
{
    bool same_in = memcmp(a->in_zones, b->in_zones, DESCRIBE_ZONES) == 0;
    bool same_out = memcmp(a->out_zones, b->out_zones, DESCRIBE_ZONES) == 0;
    bool same_family = memcmp(a->family, b->family, sizeof a->family) == 0;
    if (is_part(a, b))
        return true;
    if (same_in + same_out + same_family < 2 || !is_same_occasion(a, b) || strcmp(a->proto, b->proto) != 0 ||
        strcmp(a->src, b->src) != 0 || strcmp(a->dst, b->dst) != 0 || strcmp(a->sport, b->sport) != 0 ||
        strcmp(a->dport, b->dport) != 0)
        return false;
    a->family[0] |= b->family[0];
    a->family[1] |= b->family[1];
    join_zones(l, a->in_zones, b->in_zones, a->in);
    join_zones(l, a->out_zones, b->out_zones, a->out);
    return true;
}
