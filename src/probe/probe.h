/* A made-up packet, judged by the engine itself: what `explain` shows.
 *
 * A probe (rules.h) rarely says everything. What it leaves open is filled in here, and said: a source in the zone that
 * it comes from, a port, the router's address where the rules file gives none. Then a real packet is made and a real
 * engine, with nothing in its table, judges it.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "packet/make.h"
#include "tidegate/engine.h"
#include "tidegate/rules.h"

/* What had to be assumed. */
enum {
    PROBE_ASSUMED_PROTO = 0x01,
    PROBE_ASSUMED_SRC = 0x02,
    PROBE_ASSUMED_DST = 0x04,
    PROBE_ASSUMED_SPORT = 0x08,
    PROBE_ASSUMED_DPORT = 0x10,
    PROBE_ASSUMED_OWN = 0x20, /* that the destination is the router's own address: the file gives none for that zone */
};

struct probe_outcome {
    unsigned assumed;
    struct tg_packet packet; /* as it was made; its bytes are `bytes`, translated if it was */
    uint8_t bytes[MAKE_ROOM];
    struct tg_verdict verdict;
};

/* Judge `probe` under `policy`; `step` (or NULL) is told how.
 * => 0; -EINVAL if the probe names two families or an address of the wrong one; -ENOMEM */
int probe_judge(const struct tg_policy *policy, const struct tg_probe *probe, tg_step_fn *step, void *context,
                struct probe_outcome *outcome);

#endif
