#include "watch/watch.h"

#include <stdlib.h>
#include <string.h>

#include "connection/hash.h"
#include "connection/spin.h"

enum {
    WAYS = 4, /* sources that share a place */
    SETS = 256,
    SOURCES = WAYS * SETS,
};

/* A port that a source has tried, and when. */
struct
try {
    uint64_t at;
    uint16_t port;
    uint8_t proto;
};

/* What is remembered of a source, for one `detect` or one `knock`. */
struct source {
    bool used;
    uint8_t family;
    uint8_t step;   /* of a knock: given so far */
    uint16_t tries; /* of a detect */
    uint32_t number;
    struct tg_addr addr;
    uint64_t seen;  /* when it did something that counts last */
    uint64_t begun; /* of a knock: its first step */
    uint64_t until; /* it is blocked, or let in, until then */
};

struct watch {
    const struct tg_policy *policy;
    struct hash_key hash;
    uint8_t outside; /* the zone of the default route, or TG_ZONE_NONE */
    size_t detects, knocks;
    size_t most_tries;       /* of all detects */
    spin_t lock;             /* nobody who holds it asks for another */
    struct source *scanners; /* NULL: nothing is detected */
    struct try *tries;       /* most_tries of each */
    struct source *knockers; /* NULL: nobody knocks */
};

static size_t most_tries(const struct tg_policy *policy)
{
    const struct policy_detect *detect;
    size_t most = 0;
    for (size_t i = 0; (detect = policy_detect(policy, i)) != NULL; i++)
        if (detect->ports > most)
            most = detect->ports;
    return most;
}

size_t watch_size(const struct tg_policy *policy)
{
    struct policy_needs needs = policy_needs(policy);
    return sizeof(struct watch) + ((needs.detects != 0) + (needs.knocks != 0)) * SOURCES * sizeof(struct source) +
           SOURCES * most_tries(policy) * sizeof(struct try);
}

struct watch *watch_new(const struct tg_policy *policy, const uint64_t secret[4])
{
    struct policy_needs needs = policy_needs(policy);
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->policy = policy;
    watch->outside = tg_policy_default_zone(policy);
    watch->detects = needs.detects;
    watch->knocks = needs.knocks;
    watch->most_tries = most_tries(policy);
    hash_key_init(&watch->hash, secret);
    if (watch->detects != 0) {
        watch->scanners = calloc(SOURCES, sizeof *watch->scanners);
        watch->tries = calloc(SOURCES * watch->most_tries, sizeof *watch->tries);
    }
    if (watch->knocks != 0)
        watch->knockers = calloc(SOURCES, sizeof *watch->knockers);
    if ((watch->detects == 0 || (watch->scanners != NULL && watch->tries != NULL)) &&
        (watch->knocks == 0 || watch->knockers != NULL))
        return watch;
    watch_free(watch);
    return NULL;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    free(watch->scanners);
    free(watch->tries);
    free(watch->knockers);
    free(watch);
}

/* Workers' clocks may be a little apart: what is ahead of ours was just now. */
static uint64_t since(uint64_t then, uint64_t now)
{
    return now > then ? now - then : 0;
}

static bool is_from(const struct watch *watch, uint8_t zone, struct policy_where src, const struct policy_key *key)
{
    return (zone == TG_ZONE_NONE ? key->zone_in != TG_ZONE_ROUTER : zone == key->zone_in) &&
           policy_is_where(watch->policy, src, key->tuple->family, key->tuple->src);
}

/* ---- sources ---- */

static struct source *set_of(const struct watch *watch, struct source *table, uint32_t number, uint8_t family,
                             struct tg_addr addr)
{
    const struct tg_tuple tuple = {.src = addr, .dst = {0, number}, .family = family};
    return &table[hash_tuple(&watch->hash, &tuple) % SETS * WAYS];
}

/* => what is remembered of the source, or NULL if that is nothing */
static struct source *find(const struct watch *watch, struct source *table, uint32_t number, uint8_t family,
                           struct tg_addr addr)
{
    struct source *set = set_of(watch, table, number, family, addr);
    for (int i = 0; i < WAYS; i++)
        if (set[i].used && set[i].number == number && set[i].family == family && tg_addr_equal(set[i].addr, addr))
            return &set[i];
    return NULL;
}

/* Whether `a` is the one to be forgotten of two. */
static bool is_lesser(const struct source *a, const struct source *b, uint64_t now)
{
    bool a_holds = a->until > now, b_holds = b->until > now;
    if (a->used != b->used)
        return !a->used;
    return a_holds != b_holds ? b_holds : a->seen < b->seen;
}

static struct source *find_or_make(const struct watch *watch, struct source *table, uint32_t number, uint8_t family,
                                   struct tg_addr addr, uint64_t now)
{
    struct source *source = find(watch, table, number, family, addr);
    if (source != NULL)
        return source;
    struct source *set = set_of(watch, table, number, family, addr), *least = set;
    for (int i = 1; i < WAYS; i++)
        if (is_lesser(&set[i], least, now))
            least = &set[i];
    *least = (struct source){.used = true, .number = number, .family = family, .addr = addr};
    return least;
}

/* ---- scans ---- */

static struct tg_addr scanner_of(const struct watch *watch, const struct policy_key *key)
{
    struct tg_addr addr = key->tuple->src;
    if (key->tuple->family == TG_IPV6 && watch->outside != TG_ZONE_NONE && key->zone_in == watch->outside)
        addr.lo = 0;
    return addr;
}

uint32_t watch_blocked(struct watch *watch, const struct policy_key *key, uint64_t now)
{
    struct tg_addr addr = scanner_of(watch, key);
    uint32_t statement = TG_NO_STATEMENT;
    if (watch->detects == 0)
        return TG_NO_STATEMENT;
    spin_take(&watch->lock);
    for (uint32_t i = 0; i < watch->detects && statement == TG_NO_STATEMENT; i++) {
        const struct policy_detect *detect = policy_detect(watch->policy, i);
        const struct source *source = find(watch, watch->scanners, i, key->tuple->family, addr);
        if (source != NULL && source->until > now && is_from(watch, detect->zone, detect->src, key))
            statement = detect->statement;
    }
    spin_release(&watch->lock);
    return statement;
}

/* Forget what was tried too long ago. */
static void expire(struct source *source, struct try *tries, uint64_t window, uint64_t now)
{
    uint16_t kept = 0;
    for (uint16_t i = 0; i < source->tries; i++)
        if (since(tries[i].at, now) <= window)
            tries[kept++] = tries[i];
    source->tries = kept;
}

static bool has_tried(const struct source *source, const struct try *tries, uint8_t proto, uint16_t port)
{
    for (uint16_t i = 0; i < source->tries; i++)
        if (tries[i].port == port && tries[i].proto == proto)
            return true;
    return false;
}

/* One more port.
 * => true if the source has now tried too many */
static bool note_try(struct watch *watch, const struct policy_detect *detect, struct source *source,
                     const struct tg_tuple *tuple, uint64_t now)
{
    struct try *tries = &watch->tries[(size_t)(source - watch->scanners) * watch->most_tries];
    source->seen = now;
    expire(source, tries, detect->seconds * TG_SECOND, now);
    if (has_tried(source, tries, tuple->proto, tuple->dport))
        return false;
    if (source->tries < detect->ports) {
        tries[source->tries++] = (struct try){now, tuple->dport, tuple->proto};
        return false;
    }
    source->tries = 0;
    source->until = now + detect->block * TG_SECOND;
    return true;
}

uint32_t watch_refused(struct watch *watch, const struct policy_key *key, uint64_t now)
{
    struct tg_addr addr = scanner_of(watch, key);
    uint32_t statement = TG_NO_STATEMENT;
    if (watch->detects == 0 || !tg_proto_has_ports(key->tuple->proto))
        return TG_NO_STATEMENT;
    spin_take(&watch->lock);
    for (uint32_t i = 0; i < watch->detects; i++) {
        const struct policy_detect *detect = policy_detect(watch->policy, i);
        if (!is_from(watch, detect->zone, detect->src, key))
            continue;
        struct source *source = find_or_make(watch, watch->scanners, i, key->tuple->family, addr, now);
        if (note_try(watch, detect, source, key->tuple, now) && statement == TG_NO_STATEMENT)
            statement = detect->statement;
    }
    spin_release(&watch->lock);
    return statement;
}

/* ---- knocks ---- */

static bool is_step(const struct policy_knock_step *step, const struct policy_key *key, bool is_own)
{
    return is_own && step->proto == key->tuple->proto && step->port == key->tuple->dport;
}

/* What a packet does to the knock that its source has begun. */
static void advance(struct source *source, const struct policy_knock *knock, const struct policy_key *key, bool is_own,
                    bool is_refused, uint64_t now)
{
    if (source->step > 0 && since(source->begun, now) > knock->seconds * TG_SECOND)
        source->step = 0;
    if (!is_step(&knock->steps[source->step], key, is_own)) {
        bool is_repeated = source->step > 0 && is_step(&knock->steps[source->step - 1], key, is_own);
        if (is_repeated || !is_refused)
            return;
        source->step = 0;
        if (!is_step(&knock->steps[0], key, is_own))
            return;
    }
    source->seen = now;
    if (source->step++ == 0)
        source->begun = now;
    if (source->step < knock->count)
        return;
    source->step = 0;
    source->until = now + knock->open * TG_SECOND;
}

void watch_knock(struct watch *watch, const struct policy_key *key, bool is_own, bool is_refused, uint64_t now)
{
    const struct tg_tuple *tuple = key->tuple;
    if (watch->knocks == 0)
        return;
    spin_take(&watch->lock);
    for (uint32_t i = 0; i < watch->knocks; i++) {
        const struct policy_knock *knock = policy_knock(watch->policy, i);
        if (!is_from(watch, knock->zone, knock->src, key))
            continue;
        struct source *source = find(watch, watch->knockers, i, tuple->family, tuple->src);
        if (source == NULL && is_step(&knock->steps[0], key, is_own))
            source = find_or_make(watch, watch->knockers, i, tuple->family, tuple->src, now);
        if (source != NULL)
            advance(source, knock, key, is_own, is_refused, now);
    }
    spin_release(&watch->lock);
}

bool watch_has_knocked(struct watch *watch, uint32_t knock, const struct policy_key *key, uint64_t now)
{
    spin_take(&watch->lock);
    const struct source *source = find(watch, watch->knockers, knock, key->tuple->family, key->tuple->src);
    bool is_open = source != NULL && source->until > now;
    spin_release(&watch->lock);
    return is_open;
}
