/* Memory of large tables: src/pages/pages.c. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "pages/pages.h"

enum { LINE = 64, KIB = 1024, MIB = 1024 * KIB };

/* Sizes about those where memory comes from elsewhere. */
static const struct {
    size_t count, size;
} sizes[] = {
    {1, 1},           {3, 7},          {1, LINE},    {64 * KIB - 1, 1}, {64 * KIB, 1},  {64 * KIB + 1, 1}, {1000, 104},
    {2 * MIB - 1, 1}, {MIB / 52, 104}, {2 * MIB, 1}, {2 * MIB + 1, 1},  {100000, LINE}, {5 * MIB / 8, 8},  {3 * MIB, 4},
};

TEST(memory_is_zero_and_aligned_and_all_there)
{
    for (int again = 0; again < 2; again++) { /* what was given back may come once more, and is zero again */
        for (size_t i = 0; i < COUNT(sizes); i++) {
            size_t bytes = sizes[i].count * sizes[i].size;
            unsigned char *memory = pages_new(sizes[i].count, sizes[i].size);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % LINE, 0);
            assert_int_equal(memory[0], 0);
            assert_memory_equal(memory, memory + 1, bytes - 1);
            memset(memory, 0xff, bytes);
            pages_free(memory, sizes[i].count, sizes[i].size);
        }
    }
}

/* Two that live at once have nothing in common. */
TEST(memory_is_nobody_elses)
{
    unsigned char *all[COUNT(sizes)];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        all[i] = pages_new(sizes[i].count, sizes[i].size);
        assert_non_null(all[i]);
        memset(all[i], (int)i + 1, sizes[i].count * sizes[i].size);
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t bytes = sizes[i].count * sizes[i].size;
        assert_int_equal(all[i][0], i + 1);
        assert_memory_equal(all[i], all[i] + 1, bytes - 1);
        pages_free(all[i], sizes[i].count, sizes[i].size);
    }
}

TEST(what_no_memory_has_is_refused)
{
    assert_null(pages_new(SIZE_MAX, 1));
    assert_null(pages_new(SIZE_MAX / 2, 3));
    assert_null(pages_new(1, SIZE_MAX - 1));
    pages_free(NULL, 10, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zero_and_aligned_and_all_there),
        cmocka_unit_test(memory_is_nobody_elses),
        cmocka_unit_test(what_no_memory_has_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
