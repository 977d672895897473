/* Which ports of an outside address are taken: src/connection/ports.c. */
#include "unit.h"

#include <stdlib.h>

#include "connection/ports.h"
#include "packets.h"

enum { OUTSIDE = 0xcb007101, TCP = 6, UDP = 17 };

static struct port_map *new_maps(void)
{
    struct port_map *maps = calloc(PORTS_MAPS, sizeof *maps);
    assert_non_null(maps);
    return maps;
}

static bool is_taken(const struct port_map *map, uint16_t port)
{
    return map != NULL && (map->taken[port / PORTS_WORD] >> port % PORTS_WORD & 1);
}

/* Every word of every range with its ends near a word's, against the range itself. */
TEST(the_ports_of_a_word_that_are_in_a_range)
{
    static const uint32_t ends[] = {0, 1, 31, 32, 33, 63, 64, 1023, 1024, 1025, 65504, 65505, 65535, 65536};
    static const uint32_t words[] = {0, 1, 2, 31, 32, 2046, 2047};
    for (size_t i = 0; i < COUNT(ends); i++)
        for (size_t j = i; j < COUNT(ends); j++)
            for (size_t w = 0; w < COUNT(words); w++) {
                uint32_t wanted = 0;
                char row[60];
                for (uint32_t bit = 0; bit < PORTS_WORD; bit++) {
                    uint32_t port = words[w] * PORTS_WORD + bit;
                    wanted |= (uint32_t)(ends[i] <= port && port < ends[j]) << bit;
                }
                snprintf(row, sizeof row, "word %u of [%u, %u)", words[w], ends[i], ends[j]);
                CHECK_EQUAL(row, ports_within(words[w], ends[i], ends[j]), wanted);
            }
}

TEST(ports_are_taken_and_freed)
{
    static const uint16_t ports[] = {0, 1, 31, 32, 5000, 65534, 65535};
    struct port_map *maps = new_maps();
    assert_null(ports_find(maps, OUTSIDE, TCP));
    for (size_t i = 0; i < COUNT(ports); i++) {
        ports_take(maps, OUTSIDE, TCP, ports[i]);
        struct port_map *map = ports_find(maps, OUTSIDE, TCP);
        assert_non_null(map);
        assert_int_equal(map->count, i + 1);
        for (size_t j = 0; j < COUNT(ports); j++)
            assert_true(is_taken(map, ports[j]) == (j <= i));
    }
    assert_null(ports_find(maps, OUTSIDE, UDP)); /* of each address and each protocol its own */
    assert_null(ports_find(maps, OUTSIDE + 1, TCP));
    for (size_t i = 0; i < COUNT(ports); i++) {
        assert_true(is_taken(ports_find(maps, OUTSIDE, TCP), ports[i]));
        ports_free(maps, OUTSIDE, TCP, ports[i]);
        assert_false(is_taken(ports_find(maps, OUTSIDE, TCP), ports[i]));
    }
    assert_null(ports_find(maps, OUTSIDE, TCP)); /* nobody's any more */
    free(maps);
}

/* Who comes when all maps are given out has none; what he takes and frees changes nobody else's, also when one has
 * become free in between. */
TEST(more_addresses_than_maps)
{
    struct port_map *maps = new_maps();
    for (uint32_t i = 0; i < PORTS_MAPS; i++)
        ports_take(maps, OUTSIDE + i, UDP, 5000);
    ports_take(maps, OUTSIDE + 100, UDP, 5000);
    assert_null(ports_find(maps, OUTSIDE + 100, UDP));
    ports_free(maps, OUTSIDE + 3, UDP, 5000);
    ports_take(maps, OUTSIDE + 100, UDP, 5001); /* now there is one */
    struct port_map *map = ports_find(maps, OUTSIDE + 100, UDP);
    assert_non_null(map);
    assert_int_equal(map->count, 1); /* that of before is not known to it … */
    ports_free(maps, OUTSIDE + 100, UDP, 5000);
    assert_int_equal(map->count, 1); /* … and freeing that is nothing */
    assert_true(is_taken(map, 5001));
    ports_free(maps, OUTSIDE + 100, UDP, 5001);
    assert_null(ports_find(maps, OUTSIDE + 100, UDP));
    free(maps);
}

/* A map that is given to another has none of the bits of whoever had it before. */
TEST(random_changes_against_a_plain_list)
{
    enum { ADDRESSES = PORTS_MAPS + 3, NUMBERS = 40 };
    static bool model[ADDRESSES][NUMBERS]; /* taken, by whoever takes and frees */
    struct port_map *maps = new_maps();
    uint64_t seed = 4;
    memset(model, 0, sizeof model);
    for (int round = 0; round < 200000; round++) {
        uint32_t a = random32(&seed) % ADDRESSES, n = random32(&seed) % NUMBERS;
        uint16_t port = (uint16_t)(n * 1637);
        if (model[a][n])
            ports_free(maps, OUTSIDE + a, UDP, port);
        else if (round / 1000 % 2 == 0)
            ports_take(maps, OUTSIDE + a, UDP, port);
        else
            continue; /* for a while they only end */
        model[a][n] = !model[a][n];
        for (uint32_t other = 0; other < ADDRESSES; other++) {
            const struct port_map *map = ports_find(maps, OUTSIDE + other, UDP);
            uint32_t count = 0;
            for (uint32_t i = 0; map != NULL && i < NUMBERS; i++) { /* a bit that is set is a port that is taken */
                assert_true(!is_taken(map, (uint16_t)(i * 1637)) || model[other][i]);
                count += is_taken(map, (uint16_t)(i * 1637));
            }
            assert_true(map == NULL || map->count == count);
        }
    }
    for (uint32_t a = 0; a < ADDRESSES; a++)
        for (uint32_t n = 0; n < NUMBERS; n++)
            if (model[a][n])
                ports_free(maps, OUTSIDE + a, UDP, (uint16_t)(n * 1637));
    for (uint32_t i = 0; i < PORTS_MAPS; i++) {
        assert_int_equal(maps[i].count, 0);
        for (uint32_t word = 0; word < PORTS / PORTS_WORD; word++)
            assert_int_equal(maps[i].taken[word], 0);
    }
    free(maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ports_of_a_word_that_are_in_a_range),
        cmocka_unit_test(ports_are_taken_and_freed),
        cmocka_unit_test(more_addresses_than_maps),
        cmocka_unit_test(random_changes_against_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
