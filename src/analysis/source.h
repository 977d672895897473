/* What the source becomes of a packet: as the engine chooses it (engine/source.c), as diagrams.
 *
 * Leaves are numbers of sources (outcome.h).
 */
#ifndef ANALYSIS_SOURCE_H
#define ANALYSIS_SOURCE_H

#include "analysis/landscape.h"
#include "analysis/outcome.h"

struct sources {
    struct landscape *landscape;
    struct outcomes *outcomes;
    unsigned view;
    uint32_t translations; /* by `translate` and `map`. leaf: 0, or 1 + a source */
};

/* Of the policy that is number `view` of the landscape's space. */
void sources_begin(struct sources *sources, struct landscape *landscape, struct outcomes *outcomes, unsigned view);

/* => of packets that no forward has taken */
uint32_t sources_draw(struct sources *sources);

/* => of those that one sends to `host`, which the policy has in its zone `zone`. It asks for the zone that they come in
 *    by, and for the source */
uint32_t sources_draw_redirected(struct sources *sources, struct tg_addr host, uint8_t zone);

#endif
