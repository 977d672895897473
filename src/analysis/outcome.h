/* What becomes of a packet: which action, by which statement, translated to what; and, where a statement fits only
 * sometimes, what becomes of it otherwise.
 *
 * An outcome is a cell: a statement, its condition, what it makes of the packet, and the cell that decides where the
 * condition does not hold. Cells of two policies are kept together. Two cells mean the same if their `meaning` is the
 * same number: statements do not matter to that, nor conditions that make no difference.
 */
#ifndef ANALYSIS_OUTCOME_H
#define ANALYSIS_OUTCOME_H

#include "analysis/intern.h"
#include "policy/policy.h"

#define OUTCOME_NOTHING 0 /* no cell: nothing can be said of such packets */

/* In place of a statement. */
#define OUTCOME_DEFAULT UINT32_MAX       /* no statement fits */
#define OUTCOME_SPOOFED (UINT32_MAX - 1) /* its source cannot be where it came from */
#define OUTCOME_NO_WAY  (UINT32_MAX - 2) /* it would have to be translated, and is of a kind that cannot be */

/* How a forward changes the destination port. */
enum outcome_port {
    OUTCOME_PORT_ADD,   /* `port` is added to it, modulo 65536 */
    OUTCOME_PORT_FIXED, /* it becomes `port` */
};

/* What becomes of the source. */
enum outcome_source_how {
    OUTCOME_KEPT,
    OUTCOME_ROUTER,     /* the router's address on `zone` of the space */
    OUTCOME_POOL,       /* one of the addresses from `first` to `last` */
    OUTCOME_ONE_TO_ONE, /* `first`, and the port is kept */
    OUTCOME_IMPOSSIBLE,
};

struct outcome_source {
    uint32_t how, zone;
    uint32_t first, last; /* IPv4 addresses */
};

struct outcome_result {
    uint32_t action;
    uint32_t is_forwarded;   /* the destination becomes `host` */
    uint32_t host;           /* an IPv4 address */
    uint32_t port_how, port; /* enum outcome_port */
    uint32_t source;         /* a number of outcome_source() */
    uint32_t log;            /* 0: it is not logged; else by outcome_log() */
};

/* The numbers of two sources. */
#define OUTCOME_SOURCE_KEPT       0
#define OUTCOME_SOURCE_IMPOSSIBLE 1 /* it would have to be translated, and cannot be */

/* A condition as it is, whichever policy it is of: all zero is `always`. What else a rule may ask for (occasion.h) is
 * told apart by the space. */
struct outcome_condition {
    uint32_t limit, seconds, burst, per_source;
    uint32_t max, max_per_source;
};

struct outcome_cell {
    uint32_t statement;
    uint32_t condition; /* a number; 0: always */
    uint32_t result;    /* a number */
    uint32_t rest;      /* a cell, or OUTCOME_NOTHING behind `always` */
    uint32_t meaning;
};

struct outcomes {
    const struct tg_policy *policies[2];
    uint32_t *logs[2];      /* of each, by statement: what the `log` of its results is */
    const char **log_texts; /* each different one once */
    uint32_t log_count;
    bool failed; /* memory ran out */
    struct intern sources, results, conditions, meanings, cells;
};

void outcomes_begin(struct outcomes *outcomes, const struct tg_policy *before, const struct tg_policy *after);
void outcomes_end(struct outcomes *outcomes);
bool outcomes_failed(const struct outcomes *outcomes);

/* => the number of a source */
uint32_t outcome_source(struct outcomes *outcomes, const struct outcome_source *source);

/* => what new connections are logged with, for the `log` of a result that is not 0 */
const char *outcome_log(const struct outcomes *outcomes, uint32_t log);

/* => a cell that always decides */
uint32_t outcome_always(struct outcomes *outcomes, uint32_t statement, const struct outcome_result *result);

/* => a cell that decides within the limits of `when`, of policy number `view`; else `rest` does. No limits: as
 *    outcome_always() */
uint32_t outcome_when(struct outcomes *outcomes, unsigned view, const struct policy_when *when, uint32_t statement,
                      const struct outcome_result *result, uint32_t rest);

const struct outcome_source *outcome_source_of(const struct outcomes *outcomes, uint32_t cell);
const struct outcome_condition *outcome_condition(const struct outcomes *outcomes, uint32_t cell);
const struct outcome_cell *outcome_cell(const struct outcomes *outcomes, uint32_t cell);
const struct outcome_result *outcome_result(const struct outcomes *outcomes, uint32_t cell);

#endif
