/* However packets are judged, they are judged alike: several at once or one after the other, the short way or the long,
 * which tg_engine_explain() takes with every packet. Engines with one secret are given the same packets, and what they
 * say and write is compared byte for byte.
 *
 * The packets are those of a few connections that begin, go on and end all the time, so that many of a batch are of
 * connections that an earlier one of it has begun, ended or pushed out; time passes within a batch too. Some come in
 * where they should not, some are outside the window, some are judged by a new load.
 */
#include "talk.h"

enum { MOST = 100, ROUNDS = 8000 };

struct several {
    struct bytes bytes[MOST];
    struct tg_packet packets[MOST];
    struct tg_arrival arrivals[MOST];
    struct tg_verdict verdicts[MOST];
    struct tg_job jobs[MOST];
};

/* What a helper changes, said to a server of FTP; or an answer. */
static struct bytes control(uint32_t inside, bool is_out, uint64_t *seed)
{
    static const unsigned flags[] = {TG_TCP_SYN, TG_TCP_SYN | TG_TCP_ACK, TG_TCP_ACK, TG_TCP_ACK, TG_TCP_ACK};
    char ends[80], text[40] = "";
    unsigned f = flags[random32(seed) % COUNT(flags)];
    if (is_out)
        snprintf(ends, sizeof ends, "192.168.1.%u:4000 > 198.51.100.21:21", inside);
    else
        snprintf(ends, sizeof ends, "198.51.100.21:21 > 203.0.113.1:%u", inside + 3990);
    if (is_out && f == TG_TCP_ACK && random32(seed) % 2)
        snprintf(text, sizeof text, "PORT 192,168,1,%u,8,73\r\n", inside);
    struct bytes b = tcp(ends, f, (is_out ? 1000 : 2000) + (f == TG_TCP_ACK), is_out ? 2001 : 1001,
                         f == TG_TCP_ACK ? (uint32_t)strlen(text) : 0);
    text_into(&b, text);
    return b;
}

static struct bytes random_packet(uint64_t *seed, uint8_t *zone)
{
    static const unsigned flags[] = {TG_TCP_SYN, TG_TCP_SYN | TG_TCP_ACK,
                                     TG_TCP_ACK, TG_TCP_ACK,
                                     TG_TCP_ACK, TG_TCP_ACK,
                                     TG_TCP_ACK, TG_TCP_ACK};
    static const unsigned ends_of_it[] = {TG_TCP_RST, TG_TCP_ACK | TG_TCP_FIN};
    char ends[80];
    uint32_t inside = 10 + random32(seed) % 6, port = 4000 + random32(seed) % 3, what = random32(seed) % 8;
    bool is_out = random32(seed) % 2;
    const char *peer = random32(seed) % 4 == 0 ? "198.51.100.77:5555" : "198.51.100.9:80";
    *zone = is_out ? LAN : WAN;
    if (is_out)
        snprintf(ends, sizeof ends, "192.168.1.%u:%u > %s", inside, port, peer);
    else
        snprintf(ends, sizeof ends, "%s > 203.0.113.1:%u", peer, port);
    if (what == 0)
        return udp(ends, 20);
    if (what == 1)
        return is_out ? ping("192.168.1.10 > 198.51.100.9", (uint16_t)port)
                      : pong("198.51.100.9 > 203.0.113.1", (uint16_t)port);
    if (random32(seed) % 8 == 0)
        return control(inside, is_out, seed);
    if (what == 2) { /* by the forward, from many */
        *zone = WAN;
        snprintf(ends, sizeof ends, "198.51.100.%u:%u > 203.0.113.1:8080", inside, port);
    }
    if (what == 3)
        *zone = GUEST;
    unsigned f = random32(seed) % 20 == 0 ? ends_of_it[random32(seed) % 2] : flags[random32(seed) % COUNT(flags)];
    uint32_t ahead = f == TG_TCP_ACK && random32(seed) % 2 ? random32(seed) % 200 * 1000 : 0;
    struct bytes b =
        tcp_with_options(ends, f, (is_out ? 1000 : 2000) + ahead, f & TG_TCP_ACK ? (is_out ? 2001 : 1001) : 0,
                         f == TG_TCP_ACK ? random32(seed) % 100 : 0, (uint16_t)random32(seed), NULL, 0);
    if (b.len < 60 || random32(seed) % 8 != 0)
        return b;
    return random32(seed) % 2 ? fragment_of(b, 0, 32, true) : fragment_of(b, 32, b.len - 52, false);
}

/* Every other one lets strangers in by mappings, and has no forward. */
static struct tg_policy *small_policy(uint32_t number)
{
    struct tg_policy *policy = number % 2 == 0 ? home_policy() : home_with_nat(EI, EI);
    add_helper(policy, HELPER_FTP, 21);
    if (number % 2 == 0)
        add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    return policy;
}

static struct house open_small(void)
{
    return open_house(small_policy(0), 48, 1);
}

static void fill(struct several *s, uint32_t count, uint64_t *seed, uint64_t *now)
{
    static const uint32_t pauses[] = {100, 200, 300, 2000, 4000, 7439, 8000}; /* established TCP has 7440 */
    for (uint32_t i = 0; i < count; i++) {
        uint8_t zone;
        s->bytes[i] = random_packet(seed, &zone);
        s->bytes[i].at[s->bytes[i].len - 1] ^= random32(seed) % 100 == 0; /* its checksum is wrong */
        *now += random32(seed) % 200 == 0 ? pauses[random32(seed) % COUNT(pauses)] * TG_SECOND
                                          : random32(seed) % 10 * 10 * MILLISECOND;
        s->arrivals[i] = (struct tg_arrival){.now = *now,
                                             .zone_in = zone,
                                             .half = random32(seed) % 4 == 0,
                                             .find_zone = random32(seed) % 8 == 0};
    }
}

static void decode(struct several *s, uint32_t i)
{
    struct bytes *b = &s->bytes[i];
    s->packets[i] = (struct tg_packet){.data = b->at, .len = b->len, .wire_len = b->len};
    s->jobs[i] = (struct tg_job){&s->packets[i], tg_packet_decode(&s->packets[i], 0), &s->arrivals[i], &s->verdicts[i]};
}

static void must_be_alike(const struct several *a, const struct several *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tg_verdict *v = &a->verdicts[i], *w = &b->verdicts[i];
        assert_int_equal(v->action, w->action);
        assert_int_equal(v->reason, w->reason);
        assert_int_equal(v->state, w->state);
        assert_int_equal(v->statement, w->statement);
        assert_int_equal(v->zone_in, w->zone_in);
        assert_int_equal(v->zone_out, w->zone_out);
        assert_int_equal(v->translation, w->translation);
        assert_int_equal(v->rewritten, w->rewritten);
        assert_true(tg_tuple_equal(&v->to, &w->to));
        assert_memory_equal(&a->bytes[i], &b->bytes[i], sizeof a->bytes[i]);
    }
}

enum way { ONE_BY_ONE, ALL_AT_ONCE, STEP_BY_STEP };

static void take_step(void *context, const struct tg_step_info *step)
{
    uint32_t *steps = context;
    (void)step;
    ++*steps;
}

static void give(struct house *h, struct several *s, uint32_t count, enum way way)
{
    uint32_t steps = 0;
    for (uint32_t i = 0; i < count; i++) {
        decode(s, i);
        if (way == ONE_BY_ONE)
            tg_engine_judge(h->engine, 0, &s->packets[i], s->jobs[i].decoded, &s->arrivals[i], &s->verdicts[i]);
        else if (way == STEP_BY_STEP)
            tg_engine_explain(h->engine, &s->packets[i], s->jobs[i].decoded, &s->arrivals[i], &s->verdicts[i],
                              take_step, &steps);
    }
    if (way == ALL_AT_ONCE)
        tg_engine_judge_all(h->engine, 0, s->jobs, count);
    assert_true(way != STEP_BY_STEP || steps >= count);
}

static void must_have_counted_alike(const struct house *a, const struct house *b)
{
    struct tg_population p = {0}, q = {0};
    struct tg_counters c, d;
    tg_engine_population(a->engine, &p);
    tg_engine_population(b->engine, &q);
    assert_memory_equal(&p, &q, sizeof p);
    tg_engine_counters(a->engine, &c);
    tg_engine_counters(b->engine, &d);
    assert_memory_equal(&c, &d, sizeof c);
    for (uint32_t i = 0; i < tg_policy_statement_count(a->policy); i++) {
        struct tg_hits h = tg_engine_hits(a->engine, i), k = tg_engine_hits(b->engine, i);
        assert_memory_equal(&h, &k, sizeof h);
    }
}

static void compare(enum way one, enum way other)
{
    struct house h = open_small(), k = open_small();
    static struct several a, b;
    uint64_t seed = 5, now = START;
    uint32_t established = 0, edited = 0, refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t count = random32(&seed) % MOST;
        fill(&a, count, &seed, &now);
        memcpy(b.bytes, a.bytes, sizeof b.bytes);
        memcpy(b.arrivals, a.arrivals, sizeof b.arrivals);
        give(&h, &a, count, one);
        give(&k, &b, count, other);
        must_be_alike(&a, &b, count);
        for (uint32_t i = 0; i < count; i++) {
            bool is_tcp = a.packets[i].kind == TG_TRANSPORT_TCP;
            established += is_tcp && a.packets[i].tcp.flags == TG_TCP_ACK && a.verdicts[i].action == TG_ACCEPT;
            edited += a.packets[i].len != a.bytes[i].len; /* by the helper */
            refused += a.verdicts[i].action != TG_ACCEPT;
        }
        if (round % 20 == 0) {
            must_have_counted_alike(&h, &k);
            reload(&h, small_policy((uint32_t)round / 20));
            reload(&k, small_policy((uint32_t)round / 20));
        }
    }
    assert_true(established > 10000 && edited > 100 && refused > 10000);
    must_have_counted_alike(&h, &k);
    close_house(&h);
    close_house(&k);
}

TEST(several_at_once_as_one_after_the_other)
{
    compare(ONE_BY_ONE, ALL_AT_ONCE);
}

TEST(the_short_way_as_the_long)
{
    compare(ALL_AT_ONCE, STEP_BY_STEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(several_at_once_as_one_after_the_other),
                                       cmocka_unit_test(the_short_way_as_the_long)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
