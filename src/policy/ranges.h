/* Ranges of addresses put in order: sorted, and those that overlap or touch made one, so that a binary search finds the
 * only one that may hold an address.
 */
#ifndef POLICY_RANGES_H
#define POLICY_RANGES_H

#include <stddef.h>

#include "policy/policy.h"

/* Put ranges in order where they are. Such as are in order already cost no further memory, and long lists mostly are.
 * => how many they are now */
size_t ranges_tidy_v4(struct policy_v4_range *ranges, size_t count);
size_t ranges_tidy_v6(struct policy_v6_range *ranges, size_t count);

#endif
