/* Statements that can never fit, because of those above them.
 *
 * Nothing is supposed of the network but what the file says: a packet may come in by any zone, from any address, and
 * leave by any, at any time. A rule that fits only within limits covers nothing, though it can be covered. What is told
 * is certain; a statement that is not told of may yet be useless for reasons that the rules alone do not show.
 */
#ifndef ANALYSIS_SHADOW_H
#define ANALYSIS_SHADOW_H

#include "tidegate/policy.h"
#include "tidegate/rules.h"

/* `above`: the statements that between them take all that this one would fit, in the order of the file. */
typedef void shadow_fn(void *context, uint32_t statement, const uint32_t *above, size_t count);

/* Tell of each statement that can never fit, in the order of the file.
 * => 0; -ENOMEM; -E2BIG if the rules are too tangled to be seen through within bounded memory: none is told of then */
int shadow_find(const struct tg_policy *policy, shadow_fn *tell, void *context);

/* Warn of them.
 * => as shadow_find() */
int shadow_advise(const struct tg_policy *policy, struct tg_complaints *complaints);

#endif
