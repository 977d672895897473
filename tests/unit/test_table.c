/* The connection table: finding, adding, removing, sweeping, and that the index survives it all
 * (src/connection/table.c).
 */
#include "unit.h"

#include "connection/table.h"
#include "packets.h"

static const uint64_t secret[4] = {11, 22, 33, 44};

static struct tg_tuple tuple_of(const char *ends, uint8_t proto)
{
    struct ends e = read_ends(ends);
    return (struct tg_tuple){
        tg_addr_load(e.family, e.src), tg_addr_load(e.family, e.dst), e.sport, e.dport, e.family, proto};
}

/* The n-th of many different connections; a third is translated in source and destination, a third in neither. */
static void make_tuples(uint32_t n, struct tg_tuple *original, struct tg_tuple *reply)
{
    if (n % 3 == 2) {
        *original = (struct tg_tuple){{n, 1}, {2, n}, (uint16_t)n, 80, TG_IPV6, TG_PROTO_UDP};
        *reply = tg_tuple_flip(original);
        return;
    }
    *original =
        (struct tg_tuple){tg_ipv4(0x0a000000 + n), tg_ipv4(0xcb007101), (uint16_t)(n * 7), 80, TG_IPV4, TG_PROTO_TCP};
    *reply = tg_tuple_flip(original);
    if (n % 3 == 1) {
        reply->src = tg_ipv4(0xc0a80132);
        reply->sport = 8080;
        reply->dst = tg_ipv4(0xac000000 + n);
    }
}

static struct conn *add(struct conn_table *table, const struct tg_tuple *original, const struct tg_tuple *reply)
{
    conn_lock_table(table);
    struct conn *conn = conn_add(table, original, reply);
    conn_unlock_table(table);
    return conn;
}

static bool is_found(struct conn_table *table, const struct tg_tuple *tuple, enum conn_direction wanted)
{
    enum conn_direction direction;
    struct conn *conn = conn_find(table, tuple, &direction);
    if (conn == NULL)
        return false;
    assert_int_equal(direction, wanted);
    conn_unlock(conn);
    return true;
}

static void note_mapping(void *context, struct conn *conn)
{
    *(uint32_t *)context = conn->mapping;
}

static uint32_t remove_one(struct conn_table *table, const struct tg_tuple *tuple)
{
    enum conn_direction direction;
    conn_lock_table(table);
    struct conn *conn = conn_find(table, tuple, &direction);
    assert_non_null(conn);
    uint32_t mapping = 0;
    conn_remove(table, conn, note_mapping, &mapping);
    conn_unlock_table(table);
    return mapping;
}

TEST(both_directions_are_found)
{
    static const struct {
        const char *name, *original, *reply;
        uint8_t flags;
    } rows[] = {
        {"untranslated", "192.0.2.1:5 > 192.0.2.2:6", "192.0.2.2:6 > 192.0.2.1:5", 0},
        {"forwarded", "192.0.2.1:5 > 203.0.113.1:8080", "192.168.1.50:80 > 192.0.2.1:5", CONN_DESTINATION},
        {"forwarded to the same port", "192.0.2.1:5 > 203.0.113.1:80", "192.168.1.50:80 > 192.0.2.1:5",
         CONN_DESTINATION},
        {"another port only", "192.0.2.1:5 > 192.0.2.2:6", "192.0.2.2:7 > 192.0.2.1:5", CONN_DESTINATION},
        {"masqueraded", "192.168.1.9:5 > 192.0.2.2:6", "192.0.2.2:6 > 203.0.113.1:5", CONN_SOURCE},
        {"source port only", "192.168.1.9:5 > 192.0.2.2:6", "192.0.2.2:6 > 192.168.1.9:7", CONN_SOURCE},
        {"hairpin", "192.168.1.9:5 > 203.0.113.1:8080", "192.168.1.50:80 > 192.168.1.1:7",
         CONN_SOURCE | CONN_DESTINATION | CONN_HALVES},
        {"forwarded, with another source port", "192.0.2.1:5 > 203.0.113.1:8080", "192.168.1.50:80 > 192.0.2.1:7",
         CONN_SOURCE | CONN_DESTINATION},
        {"ipv6", "[2001:db8::1]:5 > [2001:db8::2]:6", "[2001:db8::2]:6 > [2001:db8::1]:5", 0},
        {"to itself", "192.0.2.1:5 > 192.0.2.1:5", "192.0.2.1:5 > 192.0.2.1:5", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct conn_table *table = conn_table_new(16, secret);
        struct tg_tuple original = tuple_of(rows[i].original, TG_PROTO_TCP),
                        reply = tuple_of(rows[i].reply, TG_PROTO_TCP);
        struct conn *conn = add(table, &original, &reply);
        CHECK(rows[i].name, conn != NULL);
        CHECK_EQUAL(rows[i].name, conn->flags, rows[i].flags);
        CHECK(rows[i].name, conn->mapping == CONN_NONE && conn->state == 0 && conn->side[0].end == 0);
        struct tg_tuple t = conn_tuple(conn, CONN_ORIGINAL), out = conn_tuple_out(conn, CONN_ORIGINAL);
        CHECK(rows[i].name, tg_tuple_equal(&t, &original));
        t = conn_tuple(conn, CONN_REPLY);
        CHECK(rows[i].name, tg_tuple_equal(&t, &reply));
        t = tg_tuple_flip(&reply);
        CHECK(rows[i].name, tg_tuple_equal(&out, &t));
        conn_unlock(conn);
        if (!tg_tuple_equal(&original, &reply)) {
            CHECK(rows[i].name, is_found(table, &original, CONN_ORIGINAL));
            CHECK(rows[i].name, is_found(table, &reply, CONN_REPLY));
        }
        struct tg_tuple other = original;
        other.proto = TG_PROTO_UDP;
        CHECK(rows[i].name, !is_found(table, &other, CONN_ORIGINAL));
        other = original;
        other.sport ^= 1;
        CHECK(rows[i].name, !is_found(table, &other, CONN_ORIGINAL));
        other = original;
        other.family ^= TG_IPV4 ^ TG_IPV6;
        CHECK(rows[i].name, !is_found(table, &other, CONN_ORIGINAL));
        CHECK_EQUAL(rows[i].name, remove_one(table, &original), CONN_NONE);
        CHECK(rows[i].name, !is_found(table, &original, CONN_ORIGINAL) && !is_found(table, &reply, CONN_REPLY));
        CHECK_EQUAL(rows[i].name, conn_count(table), 0);
        conn_table_free(table);
    }
}

TEST(halves_are_found_by_what_is_half_translated)
{
    struct conn_table *table = conn_table_new(16, secret);
    struct tg_tuple original = tuple_of("192.168.1.9:5 > 203.0.113.1:8080", TG_PROTO_TCP),
                    reply = tuple_of("192.168.1.50:80 > 192.168.1.1:7", TG_PROTO_TCP),
                    half = tuple_of("192.168.1.9:7 > 192.168.1.50:80", TG_PROTO_TCP),
                    half_reply = tuple_of("192.168.1.50:8080 > 192.168.1.9:5", TG_PROTO_TCP);
    enum conn_direction direction;
    conn_unlock(add(table, &original, &reply));
    struct conn *conn = conn_find_half(table, &half, &direction);
    assert_true(conn != NULL && direction == CONN_ORIGINAL);
    conn_unlock(conn);
    conn = conn_find_half(table, &half_reply, &direction);
    assert_true(conn != NULL && direction == CONN_REPLY);
    conn_unlock(conn);
    /* neither search sees what the other is for */
    assert_null(conn_find_half(table, &original, &direction));
    assert_null(conn_find_half(table, &reply, &direction));
    assert_null(conn_find(table, &half, &direction));
    assert_null(conn_find(table, &half_reply, &direction));
    remove_one(table, &original);
    assert_null(conn_find_half(table, &half, &direction));
    assert_null(conn_find_half(table, &half_reply, &direction));
    conn_table_free(table);
}

TEST(as_many_as_there_is_room_for)
{
    for (uint32_t room = 1; room <= 200; room = room < 20 ? room + 1 : room * 2) {
        struct conn_table *table = conn_table_new(room, secret);
        struct tg_tuple original, reply;
        assert_int_equal(conn_room(table), room);
        for (uint32_t n = 0; n < room; n++) {
            make_tuples(n * 3, &original, &reply);
            struct conn *conn = add(table, &original, &reply);
            CHECK("room", conn != NULL);
            conn_unlock(conn);
        }
        make_tuples(room * 3, &original, &reply);
        assert_null(add(table, &original, &reply));
        assert_int_equal(conn_count(table), room);
        for (uint32_t n = 0; n < room; n++) {
            make_tuples(n * 3, &original, &reply);
            CHECK("room", is_found(table, &original, CONN_ORIGINAL) && is_found(table, &reply, CONN_REPLY));
        }
        make_tuples(0, &original, &reply);
        remove_one(table, &original);
        make_tuples(room * 3, &original, &reply);
        conn_unlock(add(table, &original, &reply)); /* one out, one in */
        assert_int_equal(conn_count(table), room);
        assert_int_equal(conn_peak(table), room);
        conn_table_free(table);
    }
}

/* Connections with halves need four entries of the index and others two: however they mix, the index must hold out. */
TEST(halves_never_fill_the_index)
{
    static const uint32_t rooms[] = {1, 2, 3, 7, 50, 1000, 5000};
    for (size_t i = 0; i < COUNT(rooms); i++) {
        struct conn_table *table = conn_table_new(rooms[i], secret);
        struct tg_tuple original, reply;
        uint32_t n = 1, halves = 0;
        for (struct conn *conn; n < rooms[i] * 6 + 6; n += 3) { /* as many as it will take */
            make_tuples(n, &original, &reply);
            if ((conn = add(table, &original, &reply)) == NULL)
                break;
            conn_unlock(conn);
            halves++;
        }
        for (uint32_t m = 0; conn_count(table) < rooms[i]; m += 3) { /* then others, until it is full */
            make_tuples(m, &original, &reply);
            struct conn *conn = add(table, &original, &reply);
            assert_non_null(conn);
            conn_unlock(conn);
        }
        for (uint32_t m = 1, left = halves; left > 0; left--, m += 3) {
            make_tuples(m, &original, &reply);
            assert_true(is_found(table, &original, CONN_ORIGINAL));
        }
        conn_table_free(table);
    }
}

/* And what is taken out makes room for others with halves. */
TEST(halves_give_their_room_back)
{
    struct conn_table *table = conn_table_new(8, secret);
    for (uint32_t n = 0; n < 100; n++) {
        struct tg_tuple original, reply;
        make_tuples(n * 3 + 1, &original, &reply);
        struct conn *conn = add(table, &original, &reply);
        assert_non_null(conn);
        conn_unlock(conn);
        remove_one(table, &reply);
    }
    conn_table_free(table);
}

/* ---- against a plain model ---- */

enum { ROOM = 300, NAMES = 900 };

static void check_all(struct conn_table *table, const bool *there)
{
    struct tg_tuple original, reply;
    for (uint32_t n = 0; n < NAMES; n++) {
        make_tuples(n, &original, &reply);
        assert_int_equal(is_found(table, &original, CONN_ORIGINAL), there[n]);
        assert_int_equal(is_found(table, &reply, CONN_REPLY), there[n]);
    }
}

TEST(a_hundred_thousand_random_changes)
{
    bool there[NAMES] = {false};
    uint32_t count = 0, peak = 0;
    uint64_t seed = 8;
    struct conn_table *table = conn_table_new(ROOM, secret);
    for (int round = 0; round < 100000; round++) {
        uint32_t n = random32(&seed) % NAMES;
        struct tg_tuple original, reply;
        make_tuples(n, &original, &reply);
        if (there[n]) {
            /* once found by one direction, once by the other; the mapping comes back */
            assert_int_equal(remove_one(table, n & 1 ? &original : &reply), n % 2 ? n : CONN_NONE);
            there[n] = false;
            count--;
        } else {
            struct conn *conn = add(table, &original, &reply);
            if (conn == NULL) { /* full, or too many that have halves */
                assert_true(count == ROOM || n % 3 == 1);
                continue;
            }
            assert_true(count < ROOM);
            if (n % 2)
                conn->mapping = n;
            conn_unlock(conn);
            there[n] = true;
            count++;
        }
        peak = count > peak ? count : peak;
        assert_int_equal(conn_count(table), count);
        if (round % 5000 == 0)
            check_all(table, there);
    }
    check_all(table, there);
    assert_int_equal(conn_peak(table), peak);
    conn_table_free(table);
}

/* ---- time ---- */

TEST(a_timer_never_runs_out_early)
{
    static const uint32_t seconds[] = {1, 2, 60, 120, 240, 300, 600, 7440};
    const uint64_t ns = UINT64_C(1000000000), tick = UINT64_C(1) << CONN_TICK_SHIFT;
    uint64_t seed = 9;
    for (size_t i = 0; i < COUNT(seconds); i++)
        for (int n = 0; n < 2000; n++) {
            struct conn conn = {.family = TG_IPV4};
            uint64_t start = (uint64_t)random32(&seed) << 24 | (random32(&seed) & 0xffffff);
            uint64_t end = start + seconds[i] * ns;
            conn_refresh(&conn, (uint32_t)(start >> CONN_TICK_SHIFT), CONN_SECONDS(seconds[i]));
            if (conn_is_over(&conn, (uint32_t)(end >> CONN_TICK_SHIFT)))
                fail_msg("%u s from %llu ns on: over before they have passed", seconds[i], (unsigned long long)start);
            if (!conn_is_over(&conn, (uint32_t)((end + 2 * tick) >> CONN_TICK_SHIFT)))
                fail_msg("%u s from %llu ns on: lasts too long", seconds[i], (unsigned long long)start);
        }
}

struct released {
    uint32_t count;
    bool is[ROOM];
};

static void note_release(void *context, struct conn *conn)
{
    struct released *r = context;
    uint32_t mapping = conn->mapping;
    assert_true(mapping < ROOM && !r->is[mapping]);
    r->is[mapping] = true;
    r->count++;
}

static void sweep(struct conn_table *table, uint64_t tick, struct released *r)
{
    conn_lock_table(table);
    conn_sweep(table, tick, note_release, r);
    conn_unlock_table(table);
}

/* Connection n ends at tick `first` + n. */
static struct conn_table *staggered(uint32_t first)
{
    struct conn_table *table = conn_table_new(ROOM, secret);
    sweep(table, (uint64_t)first - 1000, NULL); /* time begins */
    for (uint32_t n = 0; n < ROOM; n++) {
        struct tg_tuple original, reply;
        make_tuples(n * 3, &original, &reply);
        struct conn *conn = add(table, &original, &reply);
        conn->mapping = n;
        conn_refresh(conn, first, n);
        conn_unlock(conn);
    }
    return table;
}

/* Swept tick by tick, what is over goes within two seconds, and nothing else. */
TEST(sweeping_takes_what_is_over_and_nothing_else)
{
    static const uint32_t starts[] = {2000, UINT32_MAX - 150, 0x7fffffff - 100};
    for (size_t i = 0; i < COUNT(starts); i++) {
        static struct released r;
        memset(&r, 0, sizeof r);
        struct conn_table *table = staggered(starts[i]);
        const uint32_t slack = CONN_SECONDS(2) + 1;
        for (uint32_t t = 0; t < ROOM + slack; t++) {
            sweep(table, (uint64_t)starts[i] + t, &r);
            for (uint32_t n = 0; n < ROOM; n++) {
                if (r.is[n] && n > t)
                    fail_msg("start %u: connection %u was taken at %u", starts[i], n, t);
                if (!r.is[n] && n + slack < t)
                    fail_msg("start %u: connection %u is still there at %u", starts[i], n, t);
            }
        }
        assert_int_equal(r.count, ROOM);
        assert_int_equal(conn_count(table), 0);
        conn_table_free(table);
    }
}

TEST(sweeping_all_of_it)
{
    static struct released r;
    struct conn_table *table = staggered(2000);
    conn_lock_table(table);
    conn_sweep_some(table, ROOM, 2000 + 99, note_release, &r);
    conn_unlock_table(table);
    assert_int_equal(r.count, 100);
    assert_int_equal(conn_count(table), ROOM - 100);
    conn_table_free(table);
}

/* Workers read their clocks apart: one that is behind must not take what lives. */
TEST(a_sweep_with_an_earlier_clock_takes_nothing)
{
    static struct released r;
    struct conn_table *table = staggered(100000);
    sweep(table, 99000, &r);
    assert_int_equal(r.count, 0);
    for (uint32_t back = 1; back < 90000; back *= 3) {
        sweep(table, 99000 - back, &r);
        assert_int_equal(r.count, 0);
        assert_int_equal(conn_count(table), ROOM);
    }
    conn_table_free(table);
}

/* A jump that no timer reaches ends all, however far it goes: 32 bits of ticks must not make old look young. */
TEST(a_jump_of_years_ends_all)
{
    static const unsigned days[] = {208, 400, 420, 700, 830, 834, 1000, 1700, 3652, 20000};
    for (size_t i = 0; i < COUNT(days); i++) {
        static struct released r;
        memset(&r, 0, sizeof r);
        struct conn_table *table = staggered(100000);
        uint64_t tick = 100000 + (days[i] * UINT64_C(86400) * 1000000000 >> CONN_TICK_SHIFT);
        assert_true(conn_sweep_is_due(table, (uint32_t)tick));
        sweep(table, tick, &r);
        if (conn_count(table) != 0)
            fail_msg("%u days: %u are left", days[i], conn_count(table));
        conn_table_free(table);
    }
}

TEST(memory_is_told_in_advance)
{
    assert_true(conn_table_size(1000) > 1000 * sizeof(struct conn));
    assert_true(conn_table_size(2000) > conn_table_size(1000));
    conn_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_are_found),    cmocka_unit_test(halves_are_found_by_what_is_half_translated),
        cmocka_unit_test(as_many_as_there_is_room_for), cmocka_unit_test(halves_never_fill_the_index),
        cmocka_unit_test(halves_give_their_room_back),  cmocka_unit_test(a_hundred_thousand_random_changes),
        cmocka_unit_test(a_timer_never_runs_out_early), cmocka_unit_test(sweeping_takes_what_is_over_and_nothing_else),
        cmocka_unit_test(sweeping_all_of_it),           cmocka_unit_test(a_sweep_with_an_earlier_clock_takes_nothing),
        cmocka_unit_test(a_jump_of_years_ends_all),     cmocka_unit_test(memory_is_told_in_advance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
