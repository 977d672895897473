/* What every unit test includes: cmocka, and how a row of a table fails.
 *
 * Most tests are tables. A row has a name, and what fails in it says that name.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A test without a fixture. */
#define TEST(name)                                                                                                     \
    static void name##_body(void);                                                                                     \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        name##_body();                                                                                                 \
    }                                                                                                                  \
    static void name##_body(void)

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Fail, naming the row, unless `condition` holds. */
#define CHECK(row, condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s: not so: %s", (row), #condition);                                                             \
    } while (0)

/* Fail, naming the row, unless two numbers are equal. */
#define CHECK_EQUAL(row, got, wanted)                                                                                  \
    do {                                                                                                               \
        unsigned long long got_ = (unsigned long long)(got), wanted_ = (unsigned long long)(wanted);                   \
        if (got_ != wanted_)                                                                                           \
            fail_msg("%s: %s is %llu (0x%llx), not %llu (0x%llx)", (row), #got, got_, got_, wanted_, wanted_);         \
    } while (0)

#endif
