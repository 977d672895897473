/* What becomes of every packet under a policy: the whole way of a new packet through the engine (engine/begin.c), as
 * one diagram. Its leaves are cells of outcomes (outcome.h).
 */
#ifndef ANALYSIS_COURSE_H
#define ANALYSIS_COURSE_H

#include "analysis/firewall.h"
#include "analysis/landscape.h"
#include "analysis/outcome.h"

/* Draw the policy that is number `view` of the landscape's space. OUTCOME_NOTHING where there is no packet to speak of.
 * => the diagram; or a leaf, and the landscape, its diagram or the outcomes say that they have failed */
uint32_t course_draw(struct landscape *landscape, struct outcomes *outcomes, unsigned view);

#endif
