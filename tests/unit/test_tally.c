/* How many each has of something: src/meter/tally.c. */
#include "unit.h"

#include "meter/tally.h"
#include "packets.h"

static const uint64_t secret[4] = {5, 6, 7, 8};

static struct tally_key key_of(uint64_t hi, uint64_t lo, uint32_t sort)
{
    return (struct tally_key){{hi, lo}, {sort, TG_IPV4}};
}

/* The n-th of many who have nothing to do with each other. */
static struct tally_key nth(uint32_t n)
{
    return key_of(n / 3 * UINT64_C(0x100000001), UINT64_C(0x9e3779b97f4a7c15) * n, n % 2);
}

static uint32_t count(const struct tally *tally, struct tally_key key)
{
    return tally_count(tally, &key);
}

TEST(what_was_added_is_counted)
{
    struct tally *tally = tally_new(100, secret);
    const struct tally_key a = key_of(0, 1, 0), b = key_of(0, 2, 0);
    assert_int_equal(count(tally, a), 0);
    for (uint32_t n = 1; n <= 1000; n++) {
        tally_add(tally, &a);
        assert_int_equal(count(tally, a), n);
    }
    assert_int_equal(count(tally, b), 0);
    tally_add(tally, &b);
    for (uint32_t n = 1000; n-- > 0;) {
        tally_take(tally, &a);
        assert_int_equal(count(tally, a), n);
    }
    assert_int_equal(count(tally, b), 1);
    tally_free(tally);
    tally_free(NULL);
}

/* Each part of a key tells two apart. */
TEST(keys_are_told_apart)
{
    static const struct {
        const char *name;
        struct tally_key key;
    } rows[] = {
        {"the address, its low end", {{1, 3}, {4, 5}}},
        {"the address, the middle", {{1, 2 | UINT64_C(1) << 32}, {4, 5}}},
        {"the address, the middle above", {{0, 2}, {4, 5}}},
        {"the address, its high end", {{1 | UINT64_C(1) << 63, 2}, {4, 5}}},
        {"its halves changed", {{2, 1}, {4, 5}}},
        {"the first sort", {{1, 2}, {6, 5}}},
        {"the second sort", {{1, 2}, {4, 6}}},
        {"the sorts changed", {{1, 2}, {5, 4}}},
    };
    const struct tally_key first = {{1, 2}, {4, 5}};
    struct tally *tally = tally_new(100, secret);
    tally_add(tally, &first);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_EQUAL(rows[i].name, count(tally, rows[i].key), 0);
    tally_free(tally);
}

/* A spot is that of its key, and the one beside it that of the other sort. */
TEST(spots_lead_where_keys_do)
{
    struct tally *tally = tally_new(100, secret);
    for (uint32_t n = 0; n < 50; n++) {
        const struct tally_key key = key_of(n, 3 * n, 6), beside = key_of(n, 3 * n, 7);
        const struct tally_spot spot = tally_expect(tally, &key), other = tally_beside(&spot);
        uint32_t had = count(tally, beside);
        tally_add_at(tally, &spot);
        assert_int_equal(tally_count_at(tally, &spot), count(tally, key));
        assert_true(count(tally, key) >= 1);
        assert_int_equal(count(tally, beside), had);
        tally_add_at(tally, &other);
        tally_add_at(tally, &other);
        assert_int_equal(tally_count_at(tally, &other), count(tally, beside));
        assert_true(count(tally, beside) >= had + 2);
        tally_take(tally, &beside);
        assert_true(count(tally, beside) >= had + 1);
    }
    tally_free(tally);
}

/* Beside a plain list: what comes and goes at random is never counted as less than it is, and mostly as it is; and
 * when all has gone nothing is left. */
TEST(random_changes_against_a_plain_list)
{
    enum { KEYS = 500, MOST = 2000 };
    uint32_t model[KEYS] = {0}, sum = 0, over = 0, looked = 0;
    uint64_t seed = 3;
    struct tally *tally = tally_new(MOST, secret);
    for (int round = 0; round < 100000; round++) {
        uint32_t n = random32(&seed) % KEYS;
        n = random32(&seed) % 4 == 0 ? n : n % 8; /* some have much */
        struct tally_key key = nth(n);
        if (model[n] > 0 && (sum == MOST || random32(&seed) % 2)) {
            tally_take(tally, &key);
            model[n]--;
            sum--;
        } else if (sum < MOST) {
            tally_add(tally, &key);
            model[n]++;
            sum++;
        }
        uint32_t other = random32(&seed) % KEYS, got = count(tally, nth(other));
        assert_true(got >= model[other]);
        over += got != model[other];
        looked++;
    }
    assert_true(over < looked / 4);
    for (uint32_t n = 0; n < KEYS; n++)
        for (struct tally_key key = nth(n); model[n] > 0; model[n]--)
            tally_take(tally, &key);
    for (uint32_t n = 0; n < 10 * KEYS; n++)
        assert_int_equal(count(tally, nth(n)), 0);
    tally_free(tally);
}

/* A crowd of which each has one, as many as there is room for, looks like nobody who has much. */
TEST(a_crowd_hides_nobody_and_makes_nobody_look_greedy)
{
    enum { MOST = 16384, GREEDY = MOST / 8 };
    struct tally *tally = tally_new(MOST, secret);
    const struct tally_key greedy = key_of(7, 7, 7);
    for (uint32_t n = 0; n < GREEDY; n++)
        tally_add(tally, &greedy);
    for (uint32_t n = 0; n < MOST - GREEDY; n++) {
        struct tally_key key = nth(n);
        tally_add(tally, &key);
    }
    uint32_t most = 0;
    for (uint32_t n = 0; n < 2 * MOST; n++) {
        uint32_t got = count(tally, nth(n));
        most = got > most ? got : most;
    }
    assert_true(most < 32);
    assert_in_range(count(tally, greedy), GREEDY, GREEDY + 32);
    tally_free(tally);
}

/* Who shares counters with whom is another matter with every secret. */
TEST(nobody_can_aim)
{
    enum { CROWD = 20000, LOOKED_AT = 2000 };
    const uint64_t other[4] = {5, 6, 7, 9};
    struct tally *one = tally_new(1, secret), *two = tally_new(1, other);
    uint32_t same = 0;
    for (uint32_t n = 0; n < CROWD; n++) {
        struct tally_key key = nth(n);
        tally_add(one, &key);
        tally_add(two, &key);
    }
    for (uint32_t n = CROWD; n < CROWD + LOOKED_AT; n++)
        same += count(one, nth(n)) == count(two, nth(n));
    assert_true(same < LOOKED_AT / 3);
    tally_free(one);
    tally_free(two);
}

TEST(memory_is_told_in_advance)
{
    assert_true(tally_size(1) >= 2 * 1024 * sizeof(uint32_t));
    assert_true(tally_size(1) == tally_size(2048));
    assert_true(tally_size(1 << 20) >= 2 * (1 << 19) * sizeof(uint32_t));
    assert_true(tally_size(1 << 20) < 3 * (1 << 20) * sizeof(uint32_t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_counted),
        cmocka_unit_test(keys_are_told_apart),
        cmocka_unit_test(spots_lead_where_keys_do),
        cmocka_unit_test(random_changes_against_a_plain_list),
        cmocka_unit_test(a_crowd_hides_nobody_and_makes_nobody_look_greedy),
        cmocka_unit_test(nobody_can_aim),
        cmocka_unit_test(memory_is_told_in_advance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
