/* What two policies say differently of everything but single packets: zones, timers, room, how ports are chosen, scans
 * and knocks.
 */
#ifndef ANALYSIS_SETTINGS_H
#define ANALYSIS_SETTINGS_H

#include "policy/policy.h"

#define SETTINGS_TEXT 1024

struct settings_change {
    const char *zone; /* that it is of, or NULL */
    const char *what; /* in the words of the language */
    const char *before, *after;
};
typedef void settings_fn(void *context, const struct settings_change *change);

/* Tell of each: zones first, all in an order that is always the same. What is as it would be if it were not written is
 * no change. */
void settings_compare(const struct tg_policy *before, const struct tg_policy *after, settings_fn *tell, void *context);

#endif
