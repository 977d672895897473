/* Packets judged several at once are judged as they would be one after the other: two engines with one secret are given
 * the same packets, and what they say and write is compared byte for byte.
 *
 * The packets are those of a few connections that begin, go on and end all the time, so that many of a batch are of
 * connections that an earlier one of it has begun, ended or pushed out; time passes within a batch too.
 */
#include "house.h"

enum { MOST = 100, ROUNDS = 4000 };

struct several {
    struct bytes bytes[MOST];
    struct tg_packet packets[MOST];
    struct tg_arrival arrivals[MOST];
    struct tg_verdict verdicts[MOST];
    struct tg_job jobs[MOST];
};

static struct bytes random_packet(uint64_t *seed, uint8_t *zone)
{
    static const unsigned flags[] = {TG_TCP_SYN, TG_TCP_SYN | TG_TCP_ACK, TG_TCP_ACK,
                                     TG_TCP_ACK, TG_TCP_ACK | TG_TCP_FIN, TG_TCP_RST};
    char ends[80];
    uint32_t inside = 10 + random32(seed) % 6, port = 4000 + random32(seed) % 3, what = random32(seed) % 8;
    bool is_out = random32(seed) % 2;
    *zone = is_out ? LAN : WAN;
    if (is_out)
        snprintf(ends, sizeof ends, "192.168.1.%u:%u > 198.51.100.9:80", inside, port);
    else
        snprintf(ends, sizeof ends, "198.51.100.9:80 > 203.0.113.1:%u", port);
    if (what == 0)
        return udp(ends, 20);
    if (what == 1)
        return is_out ? ping("192.168.1.10 > 198.51.100.9", (uint16_t)port)
                      : pong("198.51.100.9 > 203.0.113.1", (uint16_t)port);
    if (what == 2) { /* by the forward, from many */
        *zone = WAN;
        snprintf(ends, sizeof ends, "198.51.100.%u:%u > 203.0.113.1:8080", inside, port);
    }
    unsigned f = flags[random32(seed) % COUNT(flags)];
    return tcp(ends, f, is_out ? 1000 : 2000, f & TG_TCP_ACK ? (is_out ? 2001 : 1001) : 0, f == TG_TCP_ACK ? 10 : 0);
}

static struct house open_small(void)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    return open_house(policy, 24, 1);
}

static void fill(struct several *s, uint32_t count, uint64_t *seed, uint64_t *now)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t zone;
        s->bytes[i] = random_packet(seed, &zone);
        *now += random32(seed) % 200 == 0 ? 100 * TG_SECOND : MILLISECOND;
        s->arrivals[i] = (struct tg_arrival){.now = *now, .zone_in = zone};
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
        assert_memory_equal(&a->bytes[i], &b->bytes[i], sizeof a->bytes[i]);
    }
}

TEST(several_at_once_as_one_after_the_other)
{
    struct house one = open_small(), all = open_small();
    static struct several a, b;
    uint64_t seed = 5, now = START;
    uint32_t accepted = 0, refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t count = random32(&seed) % MOST;
        fill(&a, count, &seed, &now);
        memcpy(b.bytes, a.bytes, sizeof b.bytes);
        memcpy(b.arrivals, a.arrivals, sizeof b.arrivals);
        for (uint32_t i = 0; i < count; i++) {
            decode(&a, i);
            tg_engine_judge(one.engine, 0, &a.packets[i], a.jobs[i].decoded, &a.arrivals[i], &a.verdicts[i]);
            accepted += a.verdicts[i].action == TG_ACCEPT;
            refused += a.verdicts[i].action != TG_ACCEPT;
        }
        for (uint32_t i = 0; i < count; i++)
            decode(&b, i);
        tg_engine_judge_all(all.engine, 0, b.jobs, count);
        must_be_alike(&a, &b, count);
    }
    assert_true(accepted > 10000 && refused > 10000);
    struct tg_population p = {0}, q = {0};
    tg_engine_population(one.engine, &p);
    tg_engine_population(all.engine, &q);
    assert_int_equal(p.now, q.now);
    assert_int_equal(p.peak, q.peak);
    assert_int_equal(p.tcp, q.tcp);
    close_house(&one);
    close_house(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(several_at_once_as_one_after_the_other)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
