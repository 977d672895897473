/* The network around a policy, as far as its rules file tells: where packets can come from and go to at all, and what
 * the engine does to them before and behind its rules.
 *
 * Where the file gives the addresses of all zones, the zone that a packet leaves by follows from its destination, as
 * the engine finds it. Where a zone has none in the file (it is read from the kernel, later), its network may be
 * anywhere that no other zone's is, and the router's own address there too: each of these possibilities is a packet
 * of its own, and SPACE_OUT says which. Packets that the engine judges without its rules (answers and errors of ICMP
 * outside a connection) are no packets here, nor are those to the unspecified address, and those from it that
 * nobody could answer: TCP, and whatever is not for a group; nor what the router would send from another's address.
 *
 * Two policies that are compared may know of different networks. A packet is then named by where the first sends it;
 * what the second makes of it is moved there.
 */
#ifndef ANALYSIS_LANDSCAPE_H
#define ANALYSIS_LANDSCAPE_H

#include "analysis/diagram.h"
#include "analysis/space.h"

struct landscape {
    struct diagram *diagram;
    const struct space *space;
    struct tg_network *networks[2];
    uint8_t policy_zones[2][TG_ZONE_MAX * 2]; /* by zone of the space: the policy's number of it, or TG_ZONE_NONE */
    struct way *ways;                         /* by class of destinations */
    bool *leads, *sends; /* landscape_leads(), landscape_sends(): by SPACE_OUT or zone, then class */
    uint32_t possible;   /* leaf 1 where there is a packet that both policies have a say about, else 0 */
    uint32_t notices;    /* leaf 1 for kinds that begin no connection */
    bool failed;         /* memory ran out */
};

/* Where a class of destinations leads: SPACE_OUT as each of the two files has it. */
struct way {
    uint32_t out[2];
    bool is_known[2]; /* the file gives the network, or the address; else there may be other ways */
    bool is_moved;    /* out[0] is no way of the second file's: packets go out[1] there */
};

/* Of both views of a space. diagram_failed() and `failed` are to be asked afterwards; landscape_end() in any case. */
void landscape_begin(struct landscape *landscape, struct diagram *diagram, const struct space *space);
void landscape_end(struct landscape *landscape);

/* Whether packets to a class of destinations can leave by SPACE_OUT `out`, and whether packets from a class of sources
 * can honestly come in by a zone, as one file or the other has it. The unspecified address counts as sent by nobody. */
bool landscape_leads(const struct landscape *landscape, uint32_t out, uint32_t class);
bool landscape_sends(const struct landscape *landscape, uint32_t zone, uint32_t class);

/* The zone of the space that SPACE_OUT `out` stands for: TG_ZONE_ROUTER for all addresses of the router. */
uint32_t landscape_zone_of(const struct landscape *landscape, uint32_t out);

/* => leaf 1 where a packet's source cannot be where it came from, else 0 */
uint32_t landscape_spoofed(struct landscape *landscape, unsigned view);

/* => `node`, a diagram of the second view, with each packet where the first has it */
uint32_t landscape_move(struct landscape *landscape, uint32_t node);

/* Whether a file has that zone of the space but gives no address of the router there. */
bool landscape_is_unknown(const struct landscape *landscape, unsigned view, uint32_t zone);

/* Whether both files have the zone. */
bool landscape_is_common(const struct landscape *landscape, uint32_t zone);

/* Make a region of the classes that a condition holds for: SPACE_SRC or SPACE_DST bounded to those of which `is` is
 * true. The spans are on the heap.
 * => false: none of them, or memory ran out; nothing is to be freed then */
typedef bool landscape_class_fn(const void *context, struct tg_addr sample);
bool landscape_bound(struct landscape *landscape, struct space_region *region, unsigned field, landscape_class_fn *is,
                     const void *context);
void landscape_unbound(struct space_region *region, unsigned field);

/* For diagram_apply(), of diagrams that are leaf 0 where they have nothing to say: a where it is not 0, else b; and b
 * where a is not 0, else 0. */
uint32_t landscape_first(void *context, uint32_t a, uint32_t b);
uint32_t landscape_within(void *context, uint32_t a, uint32_t b);

#endif
