/* One packet and its verdict in words: for people (text) and for machines (JSON), the same offline and live.
 *
 * The fields of the JSON object are fixed by the users' documentation; fields may be added, none renamed or left out.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "tidegate/packet.h"
#include "tidegate/policy.h"
#include "tidegate/verdict.h"

struct report_packet {
    uint64_t number;                /* from 1 */
    uint64_t time;                  /* nanoseconds since 1970 */
    const struct tg_policy *policy; /* gives zones and statements their names */
    const struct tg_packet *packet; /* decoded; its tuple is as it came. NULL: not IP */
    const struct tg_verdict *verdict;
};

#define REPORT_ROOM 2048 /* enough for any line that a person could read */

/* Write one line, its newline included. The time of day is the local one, as tcpdump has it. What has no room is cut
 * off. `room` must be at least 2.
 * => bytes written, without the closing 0 */
size_t report_text(char *out, size_t room, const struct report_packet *report);

/* Write one line, its newline included. What a long line has no room for, the name of the rules file and then the text
 * of `log`, is left out; one that has no room even so is not written.
 * => bytes written, without the closing 0; or 0, without room or without memory */
size_t report_json(char *out, size_t room, const struct report_packet *report);

/* One line for a log, its newline included, of a packet that a statement wants logged: what the statement says for
 * that, else its label; or of one for which there was no room: "no room"; then what becomes of the packet, and of
 * which: "smtp out: drop home.rules:9 tcp lan 192.168.1.20:50001 > wan 198.51.100.25:25". No time: logs have their own.
 * There are no control characters in it. What has no room is cut off. `room` must be at least 2.
 * => bytes written, without the closing 0 */
size_t report_log(char *out, size_t room, const struct report_packet *report);

/* Verdict, reason and rule in words, for a comment in a capture: "accept: forward, home.rules:14 \"Front door
 * camera\"".
 * => bytes written, without the closing 0; no newline */
size_t report_words(char *out, size_t room, const struct report_packet *report);

#endif
