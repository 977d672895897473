#include "engine/inside.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "pages/pages.h"

enum { DEFAULT_CONNECTIONS = 16384, MOST_CONNECTIONS = 1 << 28, MOST_WORKERS = 128 };

static uint32_t room_of(const struct tg_engine_config *config)
{
    return config->connections == 0 ? DEFAULT_CONNECTIONS : config->connections;
}

/* The hits of one worker: whole lines of a cache, and room between them and the next one's. */
static size_t row_of(const struct tg_policy *policy)
{
    enum { UNIT = 8 };
    _Static_assert(UNIT * sizeof(struct hits) % 64 == 0, "so many fill lines");
    return (tg_policy_statement_count(policy) + UNIT - 1) / UNIT * UNIT + UNIT;
}

/* What tg_engine_load() takes. */

static size_t load_size(const struct tg_engine_config *config)
{
    const struct tg_policy *policy = config->policy;
    if (policy == NULL)
        return 0;
    size_t peers = filter_needs_peers(policy) ? mapping_peers_size(room_of(config)) : 0;
    size_t expectations = policy_helper(policy, 0) != NULL ? expectation_table_size(room_of(config)) : 0;
    return sizeof(struct load) + pages_size(row_of(policy) * config->workers, sizeof(struct hits)) +
           meter_size(policy, room_of(config)) + watch_size(policy) + peers + expectations;
}

size_t tg_engine_size(const struct tg_engine_config *config)
{
    return load_size(config) + sizeof(struct tg_engine) + config->workers * sizeof(struct worker) +
           conn_table_size(room_of(config)) + mapping_table_size(room_of(config)) + tally_size(room_of(config)) +
           fragment_table_size();
}

struct tg_engine *tg_engine_new(const struct tg_engine_config *config)
{
    if (config->workers == 0 || config->workers > MOST_WORKERS || room_of(config) > MOST_CONNECTIONS) {
        errno = EINVAL;
        return NULL;
    }
    struct tg_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->worker_count = config->workers;
    engine->workers = aligned_alloc(_Alignof(struct worker), config->workers * sizeof *engine->workers);
    engine->table = conn_table_new(room_of(config), config->secret);
    engine->mappings = mapping_table_new(room_of(config), config->secret);
    engine->hosts = tally_new(room_of(config), config->secret);
    engine->fragments = fragment_table_new(config->secret);
    if (engine->workers == NULL || engine->table == NULL || engine->mappings == NULL || engine->hosts == NULL ||
        engine->fragments == NULL) {
        tg_engine_free(engine);
        errno = ENOMEM;
        return NULL;
    }
    conn_set_ageing(engine->table, room_is_aged);
    if (config->workers == 1)
        conn_set_alone(engine->table);
    memset(engine->workers, 0, config->workers * sizeof *engine->workers);
    memcpy(engine->secret, config->secret, sizeof engine->secret);
    identify_start(engine);
    return engine;
}

static void free_load(struct load *load)
{
    if (load == NULL)
        return;
    pages_free(load->hits, load->row * load->workers, sizeof *load->hits);
    meter_free(load->meter);
    watch_free(load->watch);
    free(load);
}

void tg_engine_free(struct tg_engine *engine)
{
    if (engine == NULL)
        return;
    free_load(atomic_load(&engine->load));
    fragment_table_free(engine->fragments);
    expectation_table_free(engine->expectations);
    tally_free(engine->hosts);
    mapping_table_free(engine->mappings);
    conn_table_free(engine->table);
    free(engine->workers);
    free(engine);
}

static void set_timers(struct load *load)
{
    for (int timer = 0; timer < POLICY_TIMERS; timer++)
        load->ticks[timer] = CONN_SECONDS(policy_timeout(load->policy, (enum policy_timer)timer));
}

/* Until no worker is at a packet that it began before `generation`. */
static void wait_for_workers(struct tg_engine *engine, uint32_t generation)
{
    for (unsigned i = 0; i < engine->worker_count; i++) {
        uint32_t at;
        while ((at = atomic_load(&engine->workers[i].at)) != 0 && (int32_t)(at - generation) < 0)
            sched_yield();
    }
}

/* What a load counts and remembers: that of the load before it, if that is of the same policy, or its own.
 * => 0, or -ENOMEM */
static int fill_load(const struct tg_engine *engine, struct load *load, const struct load *before)
{
    if (before != NULL) {
        load->hits = before->hits;
        load->meter = before->meter;
        load->metered_since = before->metered_since;
        load->watch = before->watch;
        return 0;
    }
    load->hits = pages_new(load->row * load->workers, sizeof *load->hits);
    load->meter = meter_new(load->policy, conn_room(engine->table), engine->secret);
    load->metered_since = load->generation;
    load->watch = watch_new(load->policy, engine->secret);
    return load->hits == NULL || load->meter == NULL || load->watch == NULL ? -ENOMEM : 0;
}

int tg_engine_load(struct tg_engine *engine, const struct tg_policy *policy, const struct tg_network *network)
{
    struct load *old = atomic_load(&engine->load), *load = calloc(1, sizeof *load);
    if (load == NULL)
        return -ENOMEM;
    uint32_t generation = atomic_load(&engine->generation) + 1;
    *load = (struct load){
        .policy = policy,
        .network = network,
        .generation = generation == 0 ? 1 : generation,
        .statements = tg_policy_statement_count(policy),
        .row = row_of(policy),
        .workers = engine->worker_count,
        .needs_mac = tg_policy_needs_mac(policy),
        .has_helpers = policy_helper(policy, 0) != NULL,
    };
    set_timers(load);
    bool same = old != NULL && old->policy == policy;
    if (fill_load(engine, load, same ? old : NULL) != 0 || filter_prepare(engine, policy) != 0 ||
        assist_prepare(engine, policy) != 0) {
        free_load(load);
        return -ENOMEM;
    }
    atomic_store(&engine->load, load);
    atomic_store(&engine->generation, load->generation);
    wait_for_workers(engine, load->generation);
    if (same) {
        old->hits = NULL;
        old->meter = NULL;
        old->watch = NULL;
    }
    free_load(old);
    return 0;
}

void tg_engine_counters(const struct tg_engine *engine, struct tg_counters *counters)
{
    memset(counters, 0, sizeof *counters);
    for (unsigned i = 0; i < engine->worker_count; i++) {
        const struct worker *w = &engine->workers[i];
        counters->packets += counter_read(&w->packets);
        counters->bytes += counter_read(&w->bytes);
        for (int action = 0; action < TG_ACTIONS; action++)
            for (int reason = 0; reason < TG_REASONS; reason++)
                counters->verdicts[action][reason] += counter_read(&w->verdicts[action][reason]);
    }
}

struct tg_hits tg_engine_hits(const struct tg_engine *engine, uint32_t statement)
{
    struct tg_hits hits = {0, 0};
    const struct load *load = atomic_load(&engine->load);
    if (load == NULL || statement >= load->statements)
        return hits;
    for (unsigned i = 0; i < engine->worker_count; i++) {
        const struct hits *h = &load->hits[i * load->row + statement];
        hits.packets += counter_read(&h->packets);
        hits.bytes += counter_read(&h->bytes);
    }
    return hits;
}

void tg_engine_population(const struct tg_engine *engine, struct tg_population *population)
{
    population->now = conn_count(engine->table);
    population->peak = conn_peak(engine->table);
    population->room = conn_room(engine->table);
    population->tcp = counter_read(&engine->begun[KIND_TCP]);
    population->udp = counter_read(&engine->begun[KIND_UDP]);
    population->icmp = counter_read(&engine->begun[KIND_ICMP]);
    population->other = counter_read(&engine->begun[KIND_OTHER]);
}

const char *tg_action_name(enum tg_action action)
{
    static const char *const names[TG_ACTIONS] = {[TG_ACCEPT] = "accept", [TG_DROP] = "drop", [TG_REJECT] = "reject"};
    return names[action];
}

const char *tg_reason_name(enum tg_reason reason)
{
    static const char *const names[TG_REASONS] = {
        [TG_REASON_RULE] = "rule",           [TG_REASON_FORWARD] = "forward",
        [TG_REASON_DEFAULT] = "default",     [TG_REASON_ESTABLISHED] = "established",
        [TG_REASON_RELATED] = "related",     [TG_REASON_INVALID] = "invalid",
        [TG_REASON_MALFORMED] = "malformed", [TG_REASON_SPOOFED] = "spoofed",
        [TG_REASON_FRAGMENT] = "fragment",   [TG_REASON_LIMIT] = "limit",
        [TG_REASON_NON_IP] = "non-ip",
    };
    return names[reason];
}

const char *tg_state_name(enum tg_state state)
{
    static const char *const names[TG_STATES] = {
        [TG_STATE_NEW] = "new",         [TG_STATE_ESTABLISHED] = "established", [TG_STATE_RELATED] = "related",
        [TG_STATE_INVALID] = "invalid", [TG_STATE_UNTRACKED] = "untracked",
    };
    return names[state];
}
