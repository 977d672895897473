/* The minute of the week: zones, the change to summer time, clocks that jump. */
#include <stdlib.h>
#include <time.h>

#include "report/week.h"
#include "unit.h"

enum { HOUR = 60, DAY = 24 * HOUR };
enum { MONDAY = 0, TUESDAY = DAY, THURSDAY = 3 * DAY, SUNDAY = 6 * DAY };

/* As `date -u -d @SECONDS` has them. */
#define THURSDAY_0000  UINT64_C(0)          /* 1970-01-01 */
#define TUESDAY_2213   UINT64_C(1700000000) /* 2023-11-14 22:13:20 */
#define SUNDAY_2359    UINT64_C(1700438399) /* 2023-11-19 23:59:59 */
#define SPRING_FORWARD UINT64_C(1711846800) /* 2024-03-31 01:00:00, a Sunday */
#define FALL_BACK      UINT64_C(1729990800) /* 2024-10-27 01:00:00, a Sunday */

/* A rule as POSIX has it: no file of zones is needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static const struct {
    const char *name, *zone;
    uint64_t seconds;
    unsigned minute;
} rows[] = {
    {"the epoch", "UTC0", THURSDAY_0000, THURSDAY},
    {"a Tuesday", "UTC0", TUESDAY_2213, TUESDAY + 22 * HOUR + 13},
    {"the same in Berlin", BERLIN, TUESDAY_2213, TUESDAY + 23 * HOUR + 13},
    {"the same in Tokyo, where it is Wednesday", "JST-9", TUESDAY_2213, 2 * DAY + 7 * HOUR + 13},
    {"the same half an hour off", "IST-5:30", TUESDAY_2213, 2 * DAY + 3 * HOUR + 43},
    {"the end of the week", "UTC0", SUNDAY_2359, SUNDAY + DAY - 1},
    {"the beginning of the next", "UTC0", SUNDAY_2359 + 1, MONDAY},
    {"the end of the week is west of it later", "EST5", SUNDAY_2359 + 1, SUNDAY + 19 * HOUR},
    {"before summer time", BERLIN, SPRING_FORWARD - 1, SUNDAY + 1 * HOUR + 59},
    {"summer time begins", BERLIN, SPRING_FORWARD, SUNDAY + 3 * HOUR},
    {"before it ends", BERLIN, FALL_BACK - 1, SUNDAY + 2 * HOUR + 59},
    {"it ends", BERLIN, FALL_BACK, SUNDAY + 2 * HOUR},
};

static unsigned minute_of(struct week *week, const char *name, uint64_t seconds)
{
    uint16_t minute;
    CHECK(name, week_minute(week, seconds, &minute));
    return minute;
}

TEST(each)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct week week = {.is_known = false};
        setenv("TZ", rows[i].zone, 1);
        CHECK_EQUAL(rows[i].name, minute_of(&week, rows[i].name, rows[i].seconds), rows[i].minute);
    }
}

/* Second by second, what is remembered must be what would be found anew. */
TEST(nothing_stale)
{
    static const int64_t steps[] = {0,   1,   1,   58,   1,     59,     60,      61, -1,
                                    -59, -60, -61, 3600, -3600, 604800, -604860, 39, 40};
    setenv("TZ", BERLIN, 1);
    for (uint64_t begin = SPRING_FORWARD - 130; begin < SPRING_FORWARD + 130; begin += 13) {
        struct week week = {.is_known = false};
        uint64_t now = begin;
        for (size_t i = 0; i < COUNT(steps); i++) {
            struct week fresh = {.is_known = false};
            now += (uint64_t)steps[i];
            CHECK_EQUAL("after a step", minute_of(&week, "walking", now), minute_of(&fresh, "fresh", now));
        }
    }
}

TEST(another_zone_holds_from_the_next_minute_on)
{
    struct week week = {.is_known = false};
    setenv("TZ", "UTC0", 1);
    CHECK_EQUAL("before", minute_of(&week, "before", TUESDAY_2213), TUESDAY + 22 * HOUR + 13);
    setenv("TZ", BERLIN, 1);
    CHECK_EQUAL("after", minute_of(&week, "after", TUESDAY_2213 + 60), TUESDAY + 23 * HOUR + 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each),
        cmocka_unit_test(nothing_stale),
        cmocka_unit_test(another_zone_holds_from_the_next_minute_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
