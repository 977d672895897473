/* Totals: what the engine has done with everything that it was given, for people and for machines. */
#ifndef REPORT_SUMMARY_H
#define REPORT_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tidegate/engine.h"

struct summary {
    const struct tg_engine *engine;
    const struct tg_policy *policy;        /* that the engine has loaded */
    uint64_t non_ip_packets, non_ip_bytes; /* accepted past the engine */
};

/* Write the totals as text: by verdict, by reason, by rule, rules that nothing hit, connections. */
void summary_text(FILE *out, const struct summary *summary);

/* The totals as one line of JSON: {"summary":{…}}.
 * => the line without a newline, to be freed with free(); or NULL without memory */
char *summary_json(const struct summary *summary);

#endif
