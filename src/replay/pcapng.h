/* Reading pcapng (draft-ietf-opsawg-pcapng): either byte order, several sections, an interface with a link type, a name
 * and a clock of its own for each packet. Blocks that say nothing about packets are passed over.
 *
 * Nothing in the file is trusted: lengths are checked against what is there and against limits of our own, so that the
 * reader's memory does not depend on what a file says.
 */
#ifndef REPLAY_PCAPNG_H
#define REPLAY_PCAPNG_H

#include <stdio.h>

#include "replay/capture.h"

struct pcapng;

/* Read from `file`, which stays the caller's and must stand before the first block. Complaints go to `error`, of
 * CAPTURE_ERROR bytes, which stays the caller's too.
 * => the reader, or NULL without memory */
struct pcapng *pcapng_new(FILE *file, char *error);
void pcapng_free(struct pcapng *pcapng);

/* As capture_next(). */
enum capture_result pcapng_next(struct pcapng *pcapng, struct capture_packet *packet);

#endif
