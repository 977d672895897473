/* What packets are expected to come to: a file of JSON objects, one a line, each naming a packet by its number, in
 * ascending order, with any fields of the packet's report:
 *
 *     {"packet":17,"verdict":"accept","reason":"forward","to":{"dst":"192.168.1.50"}}
 *     {"summary":{"drop":3}}
 *
 * A field that is given must have that value in the report; of an object within, the fields that are given; of a list,
 * each element that is given must be met by one that is there; null means that the field must not be there. The file is
 * read along with the packets, in constant memory.
 */
#ifndef REPLAY_EXPECT_H
#define REPLAY_EXPECT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct expect;

struct expect_outcome {
    uint64_t met, missed;
    bool broken; /* the file could not be read to its end, as was said */
};

/* Complaints go to `complaints`, as lines that begin with "FILE:LINE: ".
 * => the expectations, or NULL with errno */
struct expect *expect_open(const char *path, FILE *complaints);
void expect_close(struct expect *expect);

/* Whether anything is expected of this packet: only then does expect_packet() need its report. Packets are asked for in
 * ascending order. */
bool expect_wants(const struct expect *expect, uint64_t packet);

/* Compare a packet's report, a JSON object as text. */
void expect_packet(struct expect *expect, const char *report);

/* All packets have been; compare the summary, as text. What is expected of packets that were not there is missed. */
struct expect_outcome expect_finish(struct expect *expect, const char *summary);

#endif
