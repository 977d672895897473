#include "report/week.h"

#include <time.h>

enum { DAYS = 7, HOURS = 24, MINUTES = 60, SECONDS = 60 };

bool week_minute(struct week *week, uint64_t seconds, uint16_t *minute)
{
    if (!week->is_known || seconds < week->first || seconds - week->first >= SECONDS) {
        time_t at = (time_t)seconds;
        struct tm local;
        tzset(); /* localtime_r() need not look at TZ again (POSIX) */
        week->is_known = localtime_r(&at, &local) != NULL;
        if (!week->is_known)
            return false;
        int day = (local.tm_wday + DAYS - 1) % DAYS; /* weeks of struct tm begin on Sunday */
        week->minute = (uint16_t)((day * HOURS + local.tm_hour) * MINUTES + local.tm_min);
        week->first = seconds - (uint64_t)local.tm_sec;
    }
    *minute = week->minute;
    return true;
}
