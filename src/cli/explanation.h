/* What the engine told of a packet on its way, kept step by step and put in words: what `explain` prints.
 *
 * Life: all zero but for the policy and the probe; explanation_keep() is given to probe_judge(), with the explanation
 * as its context; explanation_complete() when that has given the outcome; then everything may be asked; the steps are
 * freed with free().
 *
 * A statement may be several rules or forwards, one for each protocol and range of ports: it is one step, with what
 * came nearest to fitting.
 */
#ifndef CLI_EXPLANATION_H
#define CLI_EXPLANATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"
#include "probe/probe.h"

struct explanation_step {
    enum tg_step step;
    bool fits;
    uint32_t statement;
    const char *why;           /* the engine's words, which stay; or NULL */
    uint8_t zone_in, zone_out; /* as far as they were known */
};

struct explanation {
    const struct tg_policy *policy;
    struct tg_probe probe;
    struct probe_outcome outcome;
    struct explanation_step *steps;
    size_t count, room;
    bool failed; /* memory ran out */
};

/* A tg_step_fn; `context` is the explanation. */
void explanation_keep(void *context, const struct tg_step_info *info);

/* Complete what the engine told of the source: which statement decided, and that it was kept where the file says so. */
void explanation_complete(struct explanation *e);

/* Whether a statement that was compared has nothing in common with the packet: it is about other addresses or zones. */
bool explanation_is_foreign(const struct explanation_step *step);

/* Whether a forward that fits takes the packet from inside, by the outside address. */
bool explanation_is_hairpin(const struct explanation *e, const struct explanation_step *step);

/* What a step is called: "zone", "forward", …; what it found; and what did not fit, with what the packet would need. */
#define EXPLANATION_WORDS 512
const char *explanation_step_name(enum tg_step step);
void explanation_describe(const struct explanation *e, const struct explanation_step *step,
                          char out[static 2 * EXPLANATION_WORDS]);
const char *explanation_why_not(const struct explanation *e, const char *why);

/* What had to be assumed of the packet, a few words each.
 * => how much it was */
#define EXPLANATION_ASSUMPTIONS 6
struct explanation_assumption {
    unsigned bit; /* PROBE_ASSUMED_… */
    char words[160];
};
size_t explanation_assumed(const struct explanation *e,
                           struct explanation_assumption assumed[static EXPLANATION_ASSUMPTIONS]);

/* The packet as it came, and as it leaves. */
const struct tg_tuple *explanation_came_as(const struct explanation *e);
const struct tg_tuple *explanation_leaves_as(const struct explanation *e);

/* "198.51.100.9:40000 > 203.0.113.1:8080" */
#define EXPLANATION_TUPLE 136
const char *explanation_tuple(const struct tg_tuple *t, char buf[static EXPLANATION_TUPLE]);
const char *explanation_zone(const struct tg_policy *policy, uint8_t zone);

/* => whether answers are to be expected, which lead back by the connection that the packet begins */
bool explanation_has_answer(const struct explanation *e);

/* What answers to a packet that is refused. */
const char *explanation_refusal(const struct explanation *e);

#endif
