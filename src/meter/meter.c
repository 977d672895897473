#include "meter/meter.h"

#include <stdlib.h>

#include "connection/hash.h"
#include "connection/spin.h"

enum {
    WAYS = 4,       /* keys that share a place */
    SOURCES = 4096, /* whose rates are remembered, where any rule tells sources apart */
};

struct key {
    uint32_t statement;
    uint8_t family; /* 0: everybody's */
    struct tg_addr source;
};

struct rate {
    struct key key;
    bool used;
    uint64_t due; /* when the next would come if they came evenly */
};

struct live {
    struct key key;
    uint32_t count; /* 0: free */
};

/* How the living of a statement are counted. */
enum count { COUNT_NONE, COUNT_ALL, COUNT_PER_SOURCE };

struct meter {
    const struct tg_policy *policy;
    struct hash_key hash;
    uint8_t outside;    /* the zone of the default route, or TG_ZONE_NONE */
    uint8_t *counts;    /* enum count, by statement */
    spin_t lock;        /* nobody who holds it asks for another */
    struct rate *rates; /* sets of WAYS */
    size_t rate_sets;
    struct live *lives; /* open addressing, half empty at least */
    size_t live_room;
};

static size_t rate_sets_for(const struct policy_needs *needs)
{
    return needs->limits == 0 ? 0 : (needs->limits + (needs->limits_per_source ? SOURCES : 0)) / WAYS + 1;
}

static size_t live_room_for(const struct policy_needs *needs, uint32_t connections)
{
    return needs->max == 0 ? 0 : 2 * ((needs->max_per_source ? connections : 0) + needs->max) + 1;
}

size_t meter_size(const struct tg_policy *policy, uint32_t connections)
{
    struct policy_needs needs = policy_needs(policy);
    return sizeof(struct meter) + tg_policy_statement_count(policy) +
           rate_sets_for(&needs) * WAYS * sizeof(struct rate) +
           live_room_for(&needs, connections) * sizeof(struct live);
}

static void fill_counts(struct meter *meter)
{
    const struct policy_rule *rule;
    for (size_t i = 0; (rule = policy_rule(meter->policy, i)) != NULL; i++)
        if (rule->when.max != 0)
            meter->counts[rule->statement] = rule->when.max_per_source ? COUNT_PER_SOURCE : COUNT_ALL;
}

struct meter *meter_new(const struct tg_policy *policy, uint32_t connections, const uint64_t secret[4])
{
    struct policy_needs needs = policy_needs(policy);
    struct meter *meter = calloc(1, sizeof *meter);
    if (meter == NULL)
        return NULL;
    meter->policy = policy;
    meter->outside = tg_policy_default_zone(policy);
    meter->rate_sets = rate_sets_for(&needs);
    meter->live_room = live_room_for(&needs, connections);
    hash_key_init(&meter->hash, secret);
    meter->counts = calloc(tg_policy_statement_count(policy) + 1, sizeof *meter->counts);
    meter->rates = calloc(meter->rate_sets * WAYS + 1, sizeof *meter->rates);
    meter->lives = calloc(meter->live_room + 1, sizeof *meter->lives);
    if (meter->counts == NULL || meter->rates == NULL || meter->lives == NULL) {
        meter_free(meter);
        return NULL;
    }
    fill_counts(meter);
    return meter;
}

void meter_free(struct meter *meter)
{
    if (meter == NULL)
        return;
    free(meter->counts);
    free(meter->rates);
    free(meter->lives);
    free(meter);
}

static struct key key_of(const struct meter *meter, uint32_t statement, const struct meter_source *source,
                         bool per_source)
{
    struct key key = {.statement = statement};
    if (!per_source)
        return key;
    key.family = source->family;
    key.source = source->addr;
    if (source->family == TG_IPV6 && meter->outside != TG_ZONE_NONE && source->zone == meter->outside)
        key.source.lo = 0;
    return key;
}

static bool is_key(const struct key *a, const struct key *b)
{
    return a->statement == b->statement && a->family == b->family && tg_addr_equal(a->source, b->source);
}

static uint32_t hash_of(const struct meter *meter, const struct key *key)
{
    const struct tg_tuple tuple = {.src = key->source, .dst = {0, key->statement}, .family = key->family};
    return hash_tuple(&meter->hash, &tuple);
}

/* ---- rates ---- */

static struct rate *rate_of(struct meter *meter, const struct key *key)
{
    struct rate *set = &meter->rates[hash_of(meter, key) % meter->rate_sets * WAYS], *quietest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].used && is_key(&set[i].key, key))
            return &set[i];
        if (quietest->used && (!set[i].used || set[i].due < quietest->due))
            quietest = &set[i];
    }
    *quietest = (struct rate){.key = *key, .used = true};
    return quietest;
}

static bool is_within(struct meter *meter, const struct key *key, const struct policy_limit *limit, uint64_t now)
{
    uint64_t interval = (uint64_t)limit->seconds * TG_SECOND / limit->count;
    uint64_t tolerance = interval * (limit->burst - 1);
    struct rate *rate = rate_of(meter, key);
    uint64_t due = rate->due > now ? rate->due : now;
    if (due - now > tolerance)
        return false;
    rate->due = due + interval;
    return true;
}

/* ---- the living ---- */

/* The place of a key: where it is, or the first free one behind where it belongs. */
static size_t place_of(const struct meter *meter, const struct key *key)
{
    size_t at = hash_of(meter, key) % meter->live_room;
    while (meter->lives[at].count != 0 && !is_key(&meter->lives[at].key, key))
        at = at + 1 == meter->live_room ? 0 : at + 1;
    return at;
}

/* A place that falls free would hide what stands behind it: each of those is put where it now belongs. */
static void close_gap(struct meter *meter, size_t at)
{
    for (;;) {
        at = at + 1 == meter->live_room ? 0 : at + 1;
        struct live moved = meter->lives[at];
        if (moved.count == 0)
            return;
        meter->lives[at].count = 0;
        meter->lives[place_of(meter, &moved.key)] = moved;
    }
}

bool meter_admits(struct meter *meter, const struct policy_rule *rule, const struct meter_source *source, uint64_t now)
{
    const struct policy_when *when = &rule->when;
    bool admits = true;
    spin_take(&meter->lock);
    if (when->max != 0) {
        struct key key = key_of(meter, rule->statement, source, when->max_per_source);
        admits = meter->lives[place_of(meter, &key)].count < when->max;
    }
    if (admits && when->limit != 0) {
        const struct policy_limit *limit = policy_limit(meter->policy, when->limit - 1);
        struct key key = key_of(meter, rule->statement, source, limit->per_source);
        admits = is_within(meter, &key, limit, now);
    }
    spin_release(&meter->lock);
    return admits;
}

bool meter_begin(struct meter *meter, uint32_t statement, const struct meter_source *source)
{
    if (statement == TG_NO_STATEMENT || meter->counts[statement] == COUNT_NONE)
        return false;
    struct key key = key_of(meter, statement, source, meter->counts[statement] == COUNT_PER_SOURCE);
    spin_take(&meter->lock);
    struct live *live = &meter->lives[place_of(meter, &key)];
    live->key = key;
    live->count++;
    spin_release(&meter->lock);
    return true;
}

void meter_end(struct meter *meter, uint32_t statement, const struct meter_source *source)
{
    struct key key = key_of(meter, statement, source, meter->counts[statement] == COUNT_PER_SOURCE);
    spin_take(&meter->lock);
    size_t at = place_of(meter, &key);
    if (meter->lives[at].count != 0 && --meter->lives[at].count == 0)
        close_gap(meter, at);
    spin_release(&meter->lock);
}
