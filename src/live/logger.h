/* The log: a line on standard error for each packet that a statement wants logged.
 *
 * Workers leave their lines here and go on; a thread writes them, so that whoever reads the log can be as slow as he
 * likes. At most LOGGER_LINES a second are taken, and as many may wait. What is more is counted, and when the second is
 * over a line says how many those were. So nobody can fill a disk, or slow down judging, by sending what is logged.
 */
#ifndef LIVE_LOGGER_H
#define LIVE_LOGGER_H

#include <stdint.h>

#include "report/report.h"

enum { LOGGER_LINES = 100 };

struct logger;

/* => 0 with *logger, or -errno */
int logger_open(struct logger **logger);

/* Log a packet. `now`: nanoseconds of CLOCK_MONOTONIC. From any thread. */
void logger_put(struct logger *logger, const struct report_packet *packet, uint64_t now);

/* Write what waits, and how many were left out. */
void logger_close(struct logger *logger);

#endif
