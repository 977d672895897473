/* Forwards by the outside ports that they are for, so that a packet asks those alone that may take it.
 *
 * The ports are cut into equal stretches, about as many as there are forwards. Each has a list of the forwards that
 * have a port in it; those that have ports in many stretches, or all ports, are in one list beside them. Both are in
 * the order of the file, and so is what a walk gives: which forward comes first decides, and what is asked of it (a
 * limit, say) counts. Memory and work are a few words a forward, whatever their ports.
 */
#ifndef POLICY_DOORS_H
#define POLICY_DOORS_H

#include "policy/policy.h"

struct doors;

/* => NULL without memory */
struct doors *doors_new(const struct policy_forward *forwards, size_t count);
void doors_free(struct doors *doors);
size_t doors_size(const struct doors *doors);

/* What is left of a walk: two lists, each in order. */
struct door_walk {
    const uint32_t *near, *near_end, *wide, *wide_end;
};

/* Walk along all forwards that may be for a port, or for one of the DOORS_LEAST that it stands among (from a multiple
 * of that on); others too, perhaps. */
#define DOORS_LEAST 32
struct door_walk doors_walk(const struct doors *doors, uint16_t port);

/* => the number of the next forward, or POLICY_NONE */
static inline uint32_t doors_next(struct door_walk *walk)
{
    bool has_near = walk->near != walk->near_end, has_wide = walk->wide != walk->wide_end;
    if (has_near && (!has_wide || *walk->near < *walk->wide))
        return *walk->near++;
    return has_wide ? *walk->wide++ : POLICY_NONE;
}

#endif
