/* Mappings: which outside port stands for which inside address and port.
 *
 * RFC 4787 REQ-1 (for TCP RFC 5382 REQ-1, for ICMP identifiers RFC 5508 REQ-1): as long as an inside address and port
 * has a connection, all its connections through the same outside address use one outside port. REQ-3: no two insides
 * share one. A mapping may instead be made for one remote address, or for one remote address and port (RFC 4787 4.1);
 * two such mappings share an outside port where their remotes differ. A mapping lives as long as connections use it.
 * Everything here is protected by the connection table's lock.
 *
 * The outside port is the inside one if it is free. Else it is random (RFC 6056), below 1024 if the inside one is and
 * not if it is not (REQ-3a), and even or odd as it is (REQ-4), and only when there is none of its parity any of the
 * range. IPv4 only: nothing else is translated.
 *
 * A mapping that no connection uses any more rests (RFC 6888 REQ-8): for MAPPING_REST seconds its port is nobody
 * else's, so that what is still on its way to one inside does not come to another; to its own inside and port it is
 * given back at once. Those that rest live in the room that others leave: where there is none, the one that has rested
 * longest ends.
 *
 * When more than half of the ports to choose from are taken, no inside that has an eighth of them gets another
 * (RFC 6888 REQ-4), resting ones counted: one that opens all it can leaves the others theirs.
 *
 * A mapping that is the same for all remotes can note whom it was used to speak to (mapping_note_peer()), so that
 * others can be told from strangers (address-dependent filtering, RFC 4787 5).
 */
#ifndef CONNECTION_MAPPING_H
#define CONNECTION_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAPPING_NONE UINT32_MAX

struct mapping_table;

/* Who speaks (inside) through which outside address, and to whom. */
struct mapping_key {
    uint32_t inside, outside; /* IPv4 */
    uint16_t port;            /* the inside one */
    uint8_t proto;
    uint16_t remote_port; /* 0: to any port of `remote` */
    uint32_t remote;      /* IPv4; 0: to anybody, and remote_port is 0 too */
};

enum { MAPPING_REST = 120 };

/* Which outside ports are spoken for by something that is no mapping (a forward, say): of the 32 from 32 * `word` on, a
 * bit each. */
typedef uint32_t mapping_taken_fn(void *context, uint32_t word);

enum mapping_keep {
    MAPPING_KEEP_WITHIN, /* the inside port is kept if it is one of those to choose from, and free */
    MAPPING_KEEP_ANY,    /* if it is free, whichever it is: of the router's own connections */
    MAPPING_KEEP_ALWAYS, /* it, or none */
};

/* Which outside port a new mapping may have. */
struct mapping_choice {
    uint16_t first,
        last; /* chosen from these; a range that has no port on the inside one's side of 1024 is used whole */
    enum mapping_keep keep;
    mapping_taken_fn *taken; /* NULL: none is */
    void *context;
    bool is_sole; /* the inside has the outside address to itself: nobody else wants a share of its ports */
};

size_t mapping_table_size(uint32_t room);
struct mapping_table *mapping_table_new(uint32_t room, const uint64_t secret[4]);
void mapping_table_free(struct mapping_table *table);

/* The time is `tick` (table.h, in full) for all that follows; a step back counts as none. What has rested long enough
 * ends. */
void mapping_set_time(struct mapping_table *table, uint64_t tick);

/* Room to note peers: as many as there are mappings. Once made it stays.
 * => 0, or -ENOMEM */
int mapping_table_add_peers(struct mapping_table *table);
size_t mapping_peers_size(uint32_t room);

/* The mapping of `key`, made if there is none; one more connection uses it, until mapping_release().
 * => its number with *port the outside port; or MAPPING_NONE if no port or no room is left, or its inside has its share
 */
uint32_t mapping_use(struct mapping_table *table, const struct mapping_key *key, const struct mapping_choice *choice,
                     uint16_t *port);

/* The connection that uses the mapping `number` speaks to `remote`: noted as long as it, or another one of the same
 * mapping and remote, lives. Nothing is noted where the mapping is for one remote, or mapping_table_add_peers() has not
 * been called.
 * => the number that is to be released in the place of `number` */
uint32_t mapping_note_peer(struct mapping_table *table, uint32_t number, uint32_t remote);

/* The mapping behind an outside address and port by which `remote` may come in: any for whom it was made, and if
 * `only_peers`, who has been noted.
 * => its number with *key, or MAPPING_NONE */
uint32_t mapping_find(struct mapping_table *table, uint32_t outside, uint16_t port, uint8_t proto, uint32_t remote,
                      bool only_peers, struct mapping_key *key);

/* A connection uses two mappings: of both of its ends, which are inside. One use of each is put together.
 * => the number that is to be released in the place of both; or MAPPING_NONE without room: nothing has changed */
uint32_t mapping_join(struct mapping_table *table, uint32_t first, uint32_t second);

/* One more connection uses a mapping, until mapping_release(). */
void mapping_hold(struct mapping_table *table, uint32_t number);

/* A connection that used it is gone. */
void mapping_release(struct mapping_table *table, uint32_t number);

/* A connection that was to use it has not come to be: what was made for it alone ends and need not rest. In place of
 * mapping_release(), before anything else is done with the table. */
void mapping_cancel(struct mapping_table *table, uint32_t number);

/* A number below `bound`, not to be guessed from outside. */
uint32_t mapping_random(struct mapping_table *table, uint32_t bound);

/* The same, and for the same inside address always the same. Needs no lock. */
uint32_t mapping_pair(const struct mapping_table *table, uint32_t inside, uint32_t bound);

#endif
