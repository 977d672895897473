/* Which outside port stands for which inside address and port: src/connection/mapping.c (RFC 4787 REQ-1, 3, 4; RFC
 * 6056). */
#include "unit.h"

#include "connection/mapping.h"
#include "packets.h"

static const uint64_t secret[4] = {5, 6, 7, 8};

enum { OUTSIDE = 0xcb007101, INSIDE = 0xc0a80100, UDP = 17 };

/* What a forward has taken: ports from `first` to `last`. */
struct taken {
    uint32_t first, last;
};

static bool is_taken(void *context, uint16_t port)
{
    const struct taken *t = context;
    return t->first <= port && port <= t->last;
}

static struct taken nothing = {1, 0};

static uint32_t use(struct mapping_table *table, uint32_t inside, uint16_t port, uint16_t *got)
{
    struct mapping_key key = {INSIDE + inside, OUTSIDE, port, UDP};
    return mapping_use(table, &key, is_taken, &nothing, got);
}

TEST(a_free_port_is_kept)
{
    static const uint16_t ports[] = {0, 1, 1023, 1024, 5000, 65535};
    struct mapping_table *table = mapping_table_new(64, secret);
    for (size_t i = 0; i < COUNT(ports); i++) {
        uint16_t got = 7;
        assert_int_not_equal(use(table, 1, ports[i], &got), MAPPING_NONE);
        assert_int_equal(got, ports[i]);
    }
    mapping_table_free(table);
}

TEST(one_inside_is_one_outside_as_long_as_it_is_used)
{
    struct mapping_table *table = mapping_table_new(64, secret);
    uint16_t first, got;
    use(table, 1, 5000, &got);
    uint32_t number = use(table, 2, 5000, &first);
    assert_int_not_equal(first, 5000);
    for (int i = 0; i < 100; i++) { /* a hundred more connections use it, and all but one end */
        assert_int_equal(use(table, 2, 5000, &got), number);
        assert_int_equal(got, first);
    }
    for (int i = 0; i < 100; i++)
        mapping_release(table, number);
    assert_int_equal(use(table, 2, 5000, &got), number);
    assert_int_equal(got, first);
    mapping_release(table, number);
    mapping_release(table, number);
    use(table, 3, first, &got); /* now it is anybody's */
    assert_int_equal(got, first);
    mapping_table_free(table);
}

/* What makes another mapping of the same port: each part of the key. */
TEST(keys_are_told_apart)
{
    static const struct {
        const char *name;
        struct mapping_key key;
        bool shares; /* the outside port with the first */
    } rows[] = {
        {"another inside", {INSIDE + 2, OUTSIDE, 5000, UDP}, false},
        {"another outside", {INSIDE + 1, OUTSIDE + 1, 5000, UDP}, true},
        {"another protocol", {INSIDE + 1, OUTSIDE, 5000, 6}, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mapping_table *table = mapping_table_new(64, secret);
        uint16_t got;
        uint32_t first = use(table, 1, 5000, &got);
        CHECK(rows[i].name, mapping_use(table, &rows[i].key, is_taken, &nothing, &got) != first);
        CHECK_EQUAL(rows[i].name, got == 5000, rows[i].shares);
        mapping_table_free(table);
    }
}

/* RFC 4787 REQ-3a and REQ-4: range and parity are kept as long as there are any. */
TEST(range_and_parity)
{
    static const uint16_t ports[] = {2, 3, 80, 1023, 1024, 1025, 5000, 65534, 65535};
    for (size_t i = 0; i < COUNT(ports); i++) {
        struct mapping_table *table = mapping_table_new(4096, secret);
        bool used[65536] = {false};
        for (uint32_t inside = 1; inside <= 500; inside++) {
            uint16_t got = 0;
            assert_int_not_equal(use(table, inside, ports[i], &got), MAPPING_NONE);
            CHECK("range", (got < 1024) == (ports[i] < 1024));
            CHECK("parity", got % 2 == ports[i] % 2);
            CHECK("no overloading", !used[got]);
            CHECK("port 0", got != 0);
            used[got] = true;
        }
        mapping_table_free(table);
    }
}

/* 1023 insides with one low port: parity gives way, the range does not, and then there is none. */
TEST(a_range_is_used_up)
{
    struct mapping_table *table = mapping_table_new(4096, secret);
    bool used[1024] = {false};
    uint16_t got = 0;
    uint32_t inside = 1, numbers[1024];
    for (; inside <= 1023; inside++) {
        numbers[inside] = use(table, inside, 80, &got);
        CHECK("low", numbers[inside] != MAPPING_NONE && got < 1024 && got != 0 && !used[got]);
        used[got] = true;
    }
    assert_int_equal(use(table, inside, 80, &got), MAPPING_NONE);
    assert_int_not_equal(use(table, inside, 5000, &got), MAPPING_NONE); /* the other range is not touched */
    mapping_release(table, numbers[500]);
    assert_int_not_equal(use(table, inside, 80, &got), MAPPING_NONE);
    mapping_table_free(table);
}

TEST(ports_that_are_spoken_for)
{
    struct mapping_table *table = mapping_table_new(64, secret);
    struct taken low = {1, 1022}, one = {5000, 5000}, all = {0, 65535};
    uint16_t got = 0;
    struct mapping_key key = {INSIDE + 1, OUTSIDE, 80, UDP};
    assert_int_not_equal(mapping_use(table, &key, is_taken, &low, &got), MAPPING_NONE);
    assert_int_equal(got, 1023); /* the only one left of its range, though odd */
    key.port = 5000;
    assert_int_not_equal(mapping_use(table, &key, is_taken, &one, &got), MAPPING_NONE);
    assert_int_not_equal(got, 5000);
    key.port = 6000;
    assert_int_equal(mapping_use(table, &key, is_taken, &all, &got), MAPPING_NONE);
    mapping_table_free(table);
}

TEST(as_many_as_there_is_room_for)
{
    enum { ROOM = 10 };
    struct mapping_table *table = mapping_table_new(ROOM, secret);
    uint32_t last = 0;
    uint16_t got;
    for (uint32_t i = 0; i < ROOM; i++)
        assert_int_not_equal(last = use(table, 1, (uint16_t)(2000 + i), &got), MAPPING_NONE);
    assert_int_equal(use(table, 1, 3000, &got), MAPPING_NONE);
    assert_int_not_equal(use(table, 1, 2000, &got), MAPPING_NONE); /* one that is there needs none */
    mapping_release(table, last);
    assert_int_equal(use(table, 1, 3000, &got), last);
    assert_true(mapping_table_size(2 * ROOM) > mapping_table_size(ROOM));
    mapping_table_free(table);
    mapping_table_free(NULL);
}

/* RFC 6056: the next is not to be told from those before. That is no proof of randomness, but catches counting up. */
TEST(ports_are_not_counted_up)
{
    struct mapping_table *table = mapping_table_new(4096, secret);
    uint16_t got, last = 0;
    unsigned near = 0, upper = 0;
    for (uint32_t inside = 0; inside < 1000; inside++) {
        use(table, inside, 5000, &got);
        near += abs(got - last) <= 16;
        upper += got >= 1024 + (65536 - 1024) / 2;
        last = got;
    }
    assert_true(near < 20);
    assert_true(upper > 400 && upper < 600);
    mapping_table_free(table);
}

TEST(random_numbers_stay_below_their_bound)
{
    struct mapping_table *table = mapping_table_new(1, secret);
    static const uint32_t bounds[] = {1, 2, 3, 512, 65535, UINT32_MAX};
    for (size_t i = 0; i < COUNT(bounds); i++)
        for (int n = 0; n < 1000; n++)
            assert_true(mapping_random(table, bounds[i]) < bounds[i]);
    mapping_table_free(table);
}

/* Uses and releases in any order, against a plain list. */
TEST(random_changes_against_a_plain_list)
{
    enum { ROOM = 60, KEYS = 90 };
    struct {
        uint32_t uses, number;
        uint16_t port;
    } model[KEYS];
    memset(model, 0, sizeof model);
    struct mapping_table *table = mapping_table_new(ROOM, secret);
    uint64_t seed = 10;
    uint32_t live = 0;
    for (int round = 0; round < 50000; round++) {
        uint32_t k = random32(&seed) % KEYS;
        if (random32(&seed) % 2 && model[k].uses > 0) {
            mapping_release(table, model[k].number);
            live -= --model[k].uses == 0;
            continue;
        }
        uint16_t got = 0;
        uint32_t number = use(table, k % 9, (uint16_t)(1020 + k / 9), &got); /* few ports, both ranges */
        if (model[k].uses == 0 && live == ROOM) {
            assert_int_equal(number, MAPPING_NONE);
            continue;
        }
        assert_int_not_equal(number, MAPPING_NONE);
        if (model[k].uses == 0) {
            for (uint32_t other = 0; other < KEYS; other++) /* no overloading */
                assert_true(model[other].uses == 0 || model[other].port != got);
            live++;
        } else {
            assert_int_equal(number, model[k].number);
            assert_int_equal(got, model[k].port);
        }
        model[k].number = number;
        model[k].port = got;
        model[k].uses++;
    }
    mapping_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_port_is_kept),
        cmocka_unit_test(one_inside_is_one_outside_as_long_as_it_is_used),
        cmocka_unit_test(keys_are_told_apart),
        cmocka_unit_test(range_and_parity),
        cmocka_unit_test(a_range_is_used_up),
        cmocka_unit_test(ports_that_are_spoken_for),
        cmocka_unit_test(as_many_as_there_is_room_for),
        cmocka_unit_test(ports_are_not_counted_up),
        cmocka_unit_test(random_numbers_stay_below_their_bound),
        cmocka_unit_test(random_changes_against_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
