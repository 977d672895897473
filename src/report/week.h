/* The time of the week in local time, as `during` asks for it.
 *
 * Drivers have time in seconds since 1970, be it the machine's clock or a capture's, and the engine wants the minute of
 * the week. Finding that means asking the system for its time zone: done once for each minute of packets, not for each
 * packet. The zone is that of TZ, or else of the system, and looked at anew each time, so that one that is changed
 * while the firewall runs holds from the next minute on. A clock that is set, forwards or backwards, leaves the minute
 * that was remembered, and so it is found anew.
 *
 * A struct week is of one thread.
 */
#ifndef REPORT_WEEK_H
#define REPORT_WEEK_H

#include <stdbool.h>
#include <stdint.h>

/* What is remembered; all zero at first. */
struct week {
    uint64_t first;  /* the second with which the minute began */
    bool is_known;   /* there is a minute */
    uint16_t minute; /* of the week, from Monday 00:00 */
};

/* The minute of the week at `seconds` since 1970.
 * => true with *minute, from 0 to 10079; false where the system can give no local time for that */
bool week_minute(struct week *week, uint64_t seconds, uint16_t *minute);

#endif
