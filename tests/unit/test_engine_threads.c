/* Several workers on one engine, while rules are loaded under them: to be run under ThreadSanitizer too.
 *
 * Connections are shared: whichever worker comes by sends the next packet of one, in either direction. Time passes as
 * they work, and each reads it a little wrong; they wait for each other now and then, so that none falls behind by more
 * than a timer. A thread that fails notes where and goes on; the test looks when all have ended.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "engine/inside.h"
#include "house.h"

enum { WORKERS = 4, SHARED = 48, ROUNDS = 12000, TOGETHER = 50, LOADS = 150, ROOM = 512 };

struct world {
    struct house *house;
    pthread_barrier_t together;
    _Atomic uint32_t clock;           /* milliseconds since START; a 32-bit machine has no 64-bit atomics */
    _Atomic uint32_t outside[SHARED]; /* the port that each connection leaves with, plus 1; 0: not begun */
    _Atomic uint32_t hairpin[SHARED];
    _Atomic unsigned running;
    _Atomic int failed_at;
    _Atomic uint32_t judged, refused;
};

struct worker_thread {
    pthread_t thread;
    struct world *world;
    unsigned number;
    uint64_t seed, now;
};

/* Fail, from any thread: the first line that does is kept. */
#define DEMAND(w, condition)                                                                                           \
    do {                                                                                                               \
        int none_ = 0;                                                                                                 \
        if (!(condition))                                                                                              \
            atomic_compare_exchange_strong(&(w)->failed_at, &none_, __LINE__);                                         \
    } while (0)

/* => the time, which then passes by so many milliseconds for all */
static uint64_t tick(struct world *w, uint32_t milliseconds)
{
    return START + atomic_fetch_add(&w->clock, milliseconds) * MILLISECOND;
}

static void judge_one(struct worker_thread *t, uint8_t zone, struct bytes *b, struct tg_verdict *verdict, bool half)
{
    struct world *w = t->world;
    struct tg_packet packet = {.data = b->at, .len = b->len, .wire_len = b->len};
    struct tg_arrival arrival = {.now = t->now, .zone_in = zone, .half = half};
    enum tg_decoded decoded = tg_packet_decode(&packet, 0);
    tg_engine_judge(w->house->engine, t->number, &packet, decoded, &arrival, verdict);
    if (verdict->translation == TG_TRANSLATE_HALF) {
        DEMAND(w, half);
        DEMAND(w, tg_packet_decode(&packet, 0) == TG_DECODED);
        DEMAND(w, tg_engine_finish(w->house->engine, &packet));
    }
    DEMAND(w, are_checksums_right(b->at, b->len));
    atomic_fetch_add(&w->judged, 1);
}

/* A masqueraded connection: many insides with one source port, so that the outside ones differ. */
static void speak(struct worker_thread *t, unsigned n)
{
    struct world *w = t->world;
    char ends[80], looks[160], wanted[160];
    struct tg_verdict verdict;
    uint32_t outside = atomic_load(&w->outside[n]);
    if (outside == 0 || random32(&t->seed) % 2) {
        snprintf(ends, sizeof ends, "192.168.1.%u:5000 > 198.51.100.1:53", 100 + n);
        struct bytes b = udp(ends, 20);
        judge_one(t, LAN, &b, &verdict, false);
        DEMAND(w, verdict.action == TG_ACCEPT && verdict.translation == TG_TRANSLATE_WHOLE);
        uint32_t port = get16(b.at + 20) + 1u, before = 0;
        /* endpoint-independent: whoever looks sees the same port, from the first packet on */
        if (!atomic_compare_exchange_strong(&w->outside[n], &before, port))
            DEMAND(w, before == port);
        return;
    }
    snprintf(ends, sizeof ends, "198.51.100.1:53 > 203.0.113.1:%u", outside - 1);
    snprintf(wanted, sizeof wanted, "198.51.100.1:53 > 192.168.1.%u:5000", 100 + n);
    struct bytes b = udp(ends, 20);
    judge_one(t, WAN, &b, &verdict, false);
    DEMAND(w, verdict.action == TG_ACCEPT && verdict.reason == TG_REASON_ESTABLISHED);
    DEMAND(w, strcmp(ends_of(b.at, b.len, looks), wanted) == 0);
}

/* A hairpin, in two halves or in one. */
static void speak_hairpin(struct worker_thread *t, unsigned n)
{
    struct world *w = t->world;
    char ends[80], looks[160], wanted[160];
    struct tg_verdict verdict;
    uint32_t outside = atomic_load(&w->hairpin[n]);
    bool half = random32(&t->seed) % 2;
    if (outside == 0 || random32(&t->seed) % 2) {
        snprintf(ends, sizeof ends, "192.168.1.%u:6000 > 203.0.113.1:8080", 100 + n);
        struct bytes b = udp(ends, 20);
        judge_one(t, LAN, &b, &verdict, half);
        DEMAND(w, verdict.action == TG_ACCEPT);
        uint32_t port = get16(b.at + 20) + 1u, before = 0;
        if (!atomic_compare_exchange_strong(&w->hairpin[n], &before, port))
            DEMAND(w, before == port);
        return;
    }
    snprintf(ends, sizeof ends, "192.168.1.50:80 > 192.168.1.1:%u", outside - 1);
    snprintf(wanted, sizeof wanted, "203.0.113.1:8080 > 192.168.1.%u:6000", 100 + n);
    struct bytes b = udp(ends, 20);
    judge_one(t, LAN, &b, &verdict, half);
    DEMAND(w, verdict.action == TG_ACCEPT && verdict.reason == TG_REASON_ESTABLISHED);
    DEMAND(w, strcmp(ends_of(b.at, b.len, looks), wanted) == 0);
}

/* An error about a shared connection: passes, whatever load is at hand. */
static void complain(struct worker_thread *t, unsigned n)
{
    struct world *w = t->world;
    char ends[80], looks[160], wanted[80];
    struct tg_verdict verdict;
    uint32_t outside = atomic_load(&w->outside[n]);
    snprintf(ends, sizeof ends, "203.0.113.1:%u > 198.51.100.1:53", outside - 1);
    snprintf(wanted, sizeof wanted, "192.168.1.%u:5000 > 198.51.100.1:53", 100 + n);
    struct bytes about = udp(ends, 20), b = icmp_error("192.0.2.9 > 203.0.113.1", 11, 0, &about, 28);
    judge_one(t, WAN, &b, &verdict, false);
    DEMAND(w, verdict.action == TG_ACCEPT && verdict.reason == TG_REASON_RELATED);
    DEMAND(w, strcmp(quoted_ends_of(b.at, b.len, looks), wanted) == 0);
}

/* What comes and goes: a flood that fills the table, and runs out. The table's being full is no fault. */
static void flood(struct worker_thread *t)
{
    char ends[80];
    struct tg_verdict verdict;
    uint32_t r = random32(&t->seed);
    if (r % 3 == 0)
        snprintf(ends, sizeof ends, "192.168.1.%u:%u > 198.51.100.7:%u", 9 + r % 7, 10000 + r % 50000, 1 + r % 1000);
    else
        snprintf(ends, sizeof ends, "[fd00:1::%x]:%u > [2001:db8:9::7]:%u", 9 + r % 7, 10000 + r % 50000, 1 + r % 1000);
    struct bytes b = udp(ends, 20);
    judge_one(t, LAN, &b, &verdict, false);
    if (verdict.action != TG_ACCEPT)
        atomic_fetch_add(&t->world->refused, 1);
    DEMAND(t->world, verdict.action == TG_ACCEPT || verdict.reason == TG_REASON_LIMIT);
}

static void *work(void *context)
{
    struct worker_thread *t = context;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned n = random32(&t->seed) % SHARED;
        if (round % TOGETHER == 0)
            pthread_barrier_wait(&t->world->together);
        t->now = tick(t->world, 25) + random32(&t->seed) % 100 * MILLISECOND;
        switch (random32(&t->seed) % 8) {
        case 0: complain(t, n); break;
        case 1: flood(t); break;
        case 2:
        case 3: speak_hairpin(t, n); break;
        default: speak(t, n); break;
        }
    }
    atomic_fetch_sub(&t->world->running, 1);
    return NULL;
}

/* Policies that all allow the same, with statements in different numbers and places. */
static struct tg_policy *policy_of(int i)
{
    struct tg_policy *policy = new_policy(true);
    for (int n = i % 9; n > 0; n--)
        add_rule(policy, TG_DROP, GUEST, NONE, 0, 0);
    add_forward(policy, TG_PROTO_UDP, 8080, 1, "192.168.1.50", 80, 1);
    /* counted in every way, and never too many */
    uint32_t number;
    must(policy_add_limit(policy, &(struct policy_limit){1000000, 3600, 1000000, i % 2}, &number));
    struct policy_rule rule = *policy_rule(policy, add_rule(policy, TG_DROP, GUEST, NONE, 0, 0));
    rule.statement = add_statement(policy, TG_STATEMENT_ALLOW);
    rule.action = TG_ACCEPT;
    rule.zone_in = LAN;
    rule.when = (struct policy_when){.limit = number + 1, .max = 2 * ROOM, .max_per_source = i % 3 == 0};
    must(policy_add_rule(policy, &rule));
    return policy;
}

static void *watch(void *context)
{
    struct world *w = context;
    while (atomic_load(&w->running) > 0) {
        struct tg_counters counters;
        struct tg_population population;
        uint64_t sum = 0;
        tg_engine_counters(w->house->engine, &counters);
        tg_engine_population(w->house->engine, &population);
        for (int action = 0; action < TG_ACTIONS; action++)
            for (int reason = 0; reason < TG_REASONS; reason++)
                sum += counters.verdicts[action][reason];
        DEMAND(w, population.now <= ROOM && population.now <= population.room && population.peak <= ROOM);
        DEMAND(w, sum + WORKERS >= counters.packets); /* read while they count */
    }
    return NULL;
}

TEST(workers_while_rules_are_loaded)
{
    struct house h = open_house(policy_of(0), ROOM, WORKERS);
    static struct world world;
    memset(&world, 0, sizeof world);
    world.house = &h;
    atomic_store(&world.running, WORKERS);
    assert_int_equal(pthread_barrier_init(&world.together, NULL, WORKERS), 0);
    struct worker_thread threads[WORKERS], first = {.world = &world, .seed = 99, .now = START};
    pthread_t watcher;
    for (unsigned n = 0; n < SHARED; n++) { /* before the flood takes their room */
        speak(&first, n);
        speak_hairpin(&first, n);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        threads[i] = (struct worker_thread){.world = &world, .number = i, .seed = 100 + i};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, work, &threads[i]), 0);
    }
    assert_int_equal(pthread_create(&watcher, NULL, watch, &world), 0);
    for (int i = 1; i <= LOADS || atomic_load(&world.running) > 0; i++)
        reload(&h, policy_of(i)); /* frees the policy and the view before: nobody may be using them */
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
    assert_int_equal(pthread_join(watcher, NULL), 0);
    pthread_barrier_destroy(&world.together);
    if (atomic_load(&world.failed_at) != 0)
        fail_msg("failed in line %d", atomic_load(&world.failed_at));

    struct tg_counters counters;
    uint64_t sum = 0;
    tg_engine_counters(h.engine, &counters);
    for (int action = 0; action < TG_ACTIONS; action++)
        for (int reason = 0; reason < TG_REASONS; reason++)
            sum += counters.verdicts[action][reason];
    assert_int_equal(counters.packets, atomic_load(&world.judged)); /* each exactly once */
    assert_int_equal(sum, atomic_load(&world.judged));
    assert_int_equal(counters.verdicts[TG_DROP][TG_REASON_LIMIT], atomic_load(&world.refused));
    for (unsigned n = 0; n < SHARED; n++) /* no two insides share a port */
        for (unsigned m = 0; m < n; m++)
            assert_true(world.outside[n] != world.outside[m] || world.outside[n] == 0);
    close_house(&h);
}

/* One connection, begun by all workers at once with the same packet: it is one. */
static void *begin_at_once(void *context)
{
    struct worker_thread *t = context;
    for (unsigned n = 0; n < 200; n++) {
        char ends[80];
        struct tg_verdict verdict;
        snprintf(ends, sizeof ends, "192.168.1.9:%u > 198.51.100.1:53", 2000 + n);
        struct bytes b = udp(ends, 20);
        judge_one(t, LAN, &b, &verdict, false);
        DEMAND(t->world, verdict.action == TG_ACCEPT && get16(b.at + 20) == 2000 + n);
        if (verdict.state == TG_STATE_NEW)
            atomic_fetch_add(&t->world->refused, 1); /* counts what was new, here */
    }
    return NULL;
}

TEST(a_connection_begun_by_all_at_once)
{
    struct house h = open_house(policy_of(0), ROOM, WORKERS);
    static struct world world;
    memset(&world, 0, sizeof world);
    world.house = &h;
    struct worker_thread threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        threads[i] = (struct worker_thread){.world = &world, .number = i, .now = START};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, begin_at_once, &threads[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
    assert_int_equal(atomic_load(&world.failed_at), 0);
    assert_int_equal(atomic_load(&world.refused), 200);
    assert_int_equal(connections_of(&h), 200);
    close_house(&h);
}

/* Connections come and go by all workers, and the rules that count them are loaded again and again: in the end none is
 * counted that is gone. */
static void *come_and_go(void *context)
{
    struct worker_thread *t = context;
    for (int round = 0; round < 4000; round++) {
        if (round % TOGETHER == 0)
            pthread_barrier_wait(&t->world->together);
        t->now = tick(t->world, 50) + random32(&t->seed) % 100 * MILLISECOND;
        char ends[80];
        struct tg_verdict verdict;
        uint32_t r = random32(&t->seed);
        snprintf(ends, sizeof ends, "[fd00:1::%x]:%u > [2001:db8:9::7]:53", 2 + r % 4, 1000 + r / 4 % 2000);
        struct bytes b = udp(ends, 20);
        judge_one(t, LAN, &b, &verdict, false);
        DEMAND(t->world,
               verdict.action == TG_ACCEPT || verdict.reason == TG_REASON_DEFAULT || verdict.reason == TG_REASON_LIMIT);
    }
    atomic_fetch_sub(&t->world->running, 1);
    return NULL;
}

TEST(nothing_is_counted_that_is_gone)
{
    enum { MOST = 60 };
    struct tg_policy *policies[2];
    for (int i = 0; i < 2; i++) {
        policies[i] = new_policy(true);
        struct policy_rule rule = *policy_rule(policies[i], add_rule(policies[i], TG_DROP, GUEST, NONE, 0, 0));
        rule.statement = add_statement(policies[i], TG_STATEMENT_ALLOW);
        rule.action = TG_ACCEPT;
        rule.zone_in = LAN;
        rule.when = (struct policy_when){.max = MOST, .max_per_source = true};
        must(policy_add_rule(policies[i], &rule));
        must(policy_seal(policies[i]));
    }
    struct house h = open_house(policies[0], ROOM, WORKERS);
    static struct world world;
    memset(&world, 0, sizeof world);
    world.house = &h;
    atomic_store(&world.running, WORKERS);
    assert_int_equal(pthread_barrier_init(&world.together, NULL, WORKERS), 0);
    struct worker_thread threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        threads[i] = (struct worker_thread){.world = &world, .number = i, .seed = 7 + i};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, come_and_go, &threads[i]), 0);
    }
    for (unsigned i = 0; atomic_load(&world.running) > 0; i++)
        must(tg_engine_load(h.engine, policies[i / 3 % 2], h.network)); /* each three times in a row */
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
    pthread_barrier_destroy(&world.together);
    assert_int_equal(atomic_load(&world.failed_at), 0);

    struct worker_thread alone = {.world = &world, .seed = 1, .now = tick(&world, 0) + 200 * TG_SECOND};
    unsigned let_in[4] = {0};
    must(tg_engine_load(h.engine, policies[1], h.network));
    for (unsigned i = 0; i < 4; i++) { /* what is over goes */
        struct bytes b = udp("192.168.2.9:5 > 203.0.113.1:9", 4);
        struct tg_verdict verdict;
        judge_one(&alone, GUEST, &b, &verdict, false);
        alone.now += 3 * TG_SECOND;
    }
    assert_int_equal(connections_of(&h), 0);
    for (unsigned i = 0; i < 4 * (MOST + 9); i++) {
        char ends[80];
        struct tg_verdict verdict;
        snprintf(ends, sizeof ends, "[fd00:1::%x]:%u > [2001:db8:9::7]:53", 2 + i % 4, 1000 + i);
        struct bytes b = udp(ends, 20);
        judge_one(&alone, LAN, &b, &verdict, false);
        let_in[i % 4] += verdict.action == TG_ACCEPT;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(let_in[i], MOST);
    tg_policy_free(policies[1]);
    h.policy = policies[0];
    close_house(&h);
}

/* Floods of every sort by all workers at once, and clients among them. Whoever has been established is there
 * afterwards, also when another worker looks for whom to push out before the first has told; and of all that comes and
 * goes nothing is counted in the end. */
enum { CLIENTS = 600, FLOOD = 12 };

/* => whether it passed */
static bool sends(struct worker_thread *t, uint8_t zone, struct bytes b)
{
    struct tg_verdict verdict;
    judge_one(t, zone, &b, &verdict, false);
    DEMAND(t->world, verdict.action == TG_ACCEPT || verdict.reason == TG_REASON_LIMIT ||
                         verdict.reason == TG_REASON_INVALID || verdict.reason == TG_REASON_DEFAULT);
    return verdict.action == TG_ACCEPT;
}

static void flood_all(struct worker_thread *t)
{
    char ends[100];
    uint32_t r = random32(&t->seed), who = random32(&t->seed);
    switch (r % 3) {
    case 0:
        snprintf(ends, sizeof ends, "100.%u.%u.%u:%u > 203.0.113.1:8080", who >> 24, who >> 16 & 255, who & 255,
                 1 + r % 60000);
        sends(t, WAN, tcp(ends, SYN, r, 0, 0));
        break;
    case 1:
        snprintf(ends, sizeof ends, "100.%u.%u.%u:%u > 203.0.113.1:5000", who >> 24, who >> 16 & 255, who & 255,
                 1 + r % 60000);
        sends(t, WAN, udp(ends, 4));
        break;
    default:
        snprintf(ends, sizeof ends, "[fd00:1::%x]:%u > [2001:db8:9::7]:80", 9 + who % 1000, 1 + r % 60000);
        sends(t, LAN, tcp(ends, SYN, r, 0, 0));
        break;
    }
}

static void *serve_under_flood(void *context)
{
    struct worker_thread *t = context;
    for (unsigned n = 0; n < CLIENTS; n++) {
        char there[100], back[100];
        snprintf(there, sizeof there, "198.51.100.%u:%u > 203.0.113.1:8080", 1 + t->number, 1000 + n);
        snprintf(back, sizeof back, "192.168.1.50:80 > 198.51.100.%u:%u", 1 + t->number, 1000 + n);
        if (n % TOGETHER == 0)
            pthread_barrier_wait(&t->world->together);
        t->now = tick(t->world, 5);
        for (int i = 0; i < FLOOD; i++)
            flood_all(t);
        if (!sends(t, WAN, tcp(there, SYN, 1000, 0, 0)) || !sends(t, LAN, tcp(back, SYN | ACK, 9000, 1001, 0)) ||
            !sends(t, WAN, tcp(there, ACK, 1001, 9001, 0)))
            continue;
        atomic_fetch_add(&t->world->refused, 1); /* counts those that got through, here */
        DEMAND(t->world, sends(t, WAN, tcp(there, ACK, 1001, 9001, 10)));
        DEMAND(t->world, sends(t, LAN, tcp(back, ACK, 9001, 1011, 0)));
        DEMAND(t->world, sends(t, n % 2 ? WAN : LAN,
                               n % 2 ? tcp(there, RST | ACK, 1011, 9001, 0) : tcp(back, RST | ACK, 9001, 1011, 0)));
    }
    return NULL;
}

TEST(floods_by_all_workers_leave_nothing_counted)
{
    enum { LARGE = 4096 };
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    add_forward(policy, TG_PROTO_UDP, 5000, 1, "192.168.1.50", 5000, 1);
    struct house h = open_house(policy, LARGE, WORKERS);
    static struct world world;
    memset(&world, 0, sizeof world);
    world.house = &h;
    assert_int_equal(pthread_barrier_init(&world.together, NULL, WORKERS), 0);
    struct worker_thread threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        threads[i] = (struct worker_thread){.world = &world, .number = i, .seed = 40 + i};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, serve_under_flood, &threads[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
    pthread_barrier_destroy(&world.together);
    if (atomic_load(&world.failed_at) != 0)
        fail_msg("failed in line %d", atomic_load(&world.failed_at));
    assert_true(atomic_load(&world.refused) > WORKERS * CLIENTS / 2);

    struct worker_thread alone = {.world = &world, .now = tick(&world, 0)};
    for (unsigned i = 0; i < 3; i++) { /* what is over goes */
        alone.now += 4 * 3600 * TG_SECOND;
        sends(&alone, GUEST, udp("192.168.2.9:5 > 203.0.113.1:9", 4));
    }
    assert_int_equal(connections_of(&h), 0);
    assert_int_equal(h.engine->opening[0], 0);
    assert_int_equal(h.engine->opening[1], 0);
    assert_int_equal(h.engine->unproven, 0);
    assert_int_equal(h.engine->outside, 0);
    for (unsigned i = 0; i < WORKERS; i++)
        for (uint32_t sort = 0; sort < 2; sort++) {
            const struct tally_key key = {tg_ipv4(0xc6336401 + i), {sort, TG_IPV4}};
            assert_int_equal(tally_count(h.engine->hosts, &key), 0);
        }
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_while_rules_are_loaded),
        cmocka_unit_test(a_connection_begun_by_all_at_once),
        cmocka_unit_test(nothing_is_counted_that_is_gone),
        cmocka_unit_test(floods_by_all_workers_leave_nothing_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
