/* Endpoint-independent mappings: which outside port stands for which inside address and port.
 *
 * RFC 4787 REQ-1 (for TCP RFC 5382 REQ-1, for ICMP identifiers RFC 5508 REQ-1): as long as an inside address and port
 * has a connection, all its connections through the same outside address use one outside port. REQ-3: no two insides
 * share one. A mapping lives as long as connections use it. Everything here is protected by the connection table's
 * lock.
 *
 * The outside port is the inside one if it is free. Else it is random (RFC 6056), below 1024 if the inside one is and
 * not if it is not (REQ-3a), and even or odd as it is (REQ-4), and only when there is none of its parity any of the
 * range. IPv4 only: nothing else is masqueraded.
 */
#ifndef CONNECTION_MAPPING_H
#define CONNECTION_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAPPING_NONE UINT32_MAX

struct mapping_table;

/* Who speaks (inside) through which outside address. */
struct mapping_key {
    uint32_t inside, outside; /* IPv4 */
    uint16_t port;            /* the inside one */
    uint8_t proto;
};

/* Whether an outside port is spoken for by something that is no mapping: a forward. */
typedef bool mapping_taken_fn(void *context, uint16_t port);

size_t mapping_table_size(uint32_t room);
struct mapping_table *mapping_table_new(uint32_t room, const uint64_t secret[4]);
void mapping_table_free(struct mapping_table *table);

/* The mapping of `key`, made if there is none; one more connection uses it, until mapping_release().
 * => its number with *port the outside port; or MAPPING_NONE if no port or no room is left */
uint32_t mapping_use(struct mapping_table *table, const struct mapping_key *key, mapping_taken_fn *taken, void *context,
                     uint16_t *port);

/* A connection that used it is gone. */
void mapping_release(struct mapping_table *table, uint32_t number);

/* A number below `bound`, not to be guessed from outside. */
uint32_t mapping_random(struct mapping_table *table, uint32_t bound);

#endif
