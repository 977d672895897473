/* Expectations: connections to come, which a control connection that a helper reads (src/helper) has announced.
 *
 * Beside the table of connections there are two small ones, made when the first policy with a helper is loaded.
 *
 * Assisted connections are those that a helper reads, and what is known of their text: where in the stream the next
 * message begins, and how far the two ends' sequence numbers have come apart. An entry stays as long as the control
 * connection lives, or any connection that it announced, since by what lets the one be the other is judged too.
 *
 * Expectations belong to an assisted connection, EXPECTATION_EACH at most: more of them push out its oldest. Each is
 * for connections from one address to one address and port, as they will come in, and says where those go. It ends with
 * the control connection, or EXPECTATION_SECONDS after it was announced last. One that is for a single connection stays
 * for as long when that has come, taken, so that an announcement which is sent again finds the outside port that it
 * had.
 *
 * Synchronisation. All of it is protected by the connection table's lock, but for what struct assisted says, and for
 * expectation_may(), which needs none.
 */
#ifndef CONNECTION_EXPECTATION_H
#define CONNECTION_EXPECTATION_H

#include "connection/mapping.h"
#include "connection/table.h"
#include "helper/helper.h"
#include "translate/sequence.h"

#define EXPECTATION_NONE    UINT32_MAX
#define EXPECTATION_EACH    16
#define EXPECTATION_SECONDS 180

/* What is known of the text of one direction. */
struct assisted_side {
    struct sequence_shift shift; /* and what was written anew */
    uint32_t first;              /* the sequence number of its first byte */
    uint32_t next;               /* of the first one that has not been read */
    bool is_cut;                 /* and that stands in the middle of a message, or of nobody knows what */
    bool is_reading;             /* the stream has been seen from its beginning */
    bool has_greeted;            /* it has begun as the helper's protocol does */
};

struct assisted {
    /* immutable, from when the control connection begins until nobody uses the entry */
    struct conn control; /* as it was then: nobody's lock, time or state */
    uint8_t kind;        /* enum helper_kind */

    /* protected by the lock of the control connection */
    struct assisted_side side[2];

    /* protected by the table's lock */
    uint32_t uses;  /* the control connection, as long as it lives, and those that it announced */
    uint32_t first; /* of its expectations, the youngest first; of the free list, the next */
    uint32_t count; /* of them */
};

struct expectation {
    struct tg_tuple tuple; /* as it will come in, from any port: sport is 0 */
    struct tg_addr inside; /* where it goes: address and port of who announced it */
    struct tg_addr source; /* whom that takes it to come from: the other side, as he knows it */
    uint16_t port;
    bool once, is_taken;
    uint8_t by;        /* enum conn_direction: of the control connection's two sides, who announced it */
    uint32_t assisted; /* whose it is */
    uint32_t mapping;  /* of the outside port, which it uses; or MAPPING_NONE */
    uint32_t deadline; /* tick */
    uint32_t next_found, next_of_assisted;
};

struct expectation_table;

/* Memory beside a table of `room` connections. */
size_t expectation_table_size(uint32_t room);
/* => a table, or NULL without memory. `mappings` are what expectations use */
struct expectation_table *expectation_table_new(uint32_t room, struct mapping_table *mappings,
                                                const uint64_t secret[4]);
void expectation_table_free(struct expectation_table *table);

/* ---- assisted connections ---- */

/* A control connection, held, has begun; conn->assisted becomes its entry. Without room nothing is done: nobody reads
 * it. */
void assisted_begin(struct expectation_table *table, struct conn *conn, enum helper_kind kind);

struct assisted *assisted_at(struct expectation_table *table, uint32_t number);

/* One more connection that it announced has begun. */
void assisted_hold(struct expectation_table *table, struct conn *conn, uint32_t number);

/* A connection that has an entry is gone: if it was the control connection, so are its expectations. */
void assisted_leave(struct expectation_table *table, struct conn *conn);

/* ---- expectations ---- */

/* The one by which one side of an assisted connection has been announced to listen at an inside port, if its time is
 * not over.
 * => its number, or EXPECTATION_NONE */
uint32_t expectation_of(struct expectation_table *table, uint32_t assisted, enum conn_direction by, uint8_t proto,
                        uint16_t port, uint32_t tick);

/* The same by the outside port. */
uint32_t expectation_outside(struct expectation_table *table, uint32_t assisted, enum conn_direction by, uint8_t proto,
                             uint16_t port, uint32_t tick);

/* Add one: all of `wanted` counts but the links and the deadline. Its mapping is the table's from now on.
 * => its number, or EXPECTATION_NONE: another connection expects the same, or there is no room */
uint32_t expectation_add(struct expectation_table *table, const struct expectation *wanted, uint32_t tick);

/* Take one out again; if it is that of `assisted` still. */
void expectation_remove(struct expectation_table *table, uint32_t number, uint32_t assisted);

/* It has been announced again: its time begins anew, and another connection may come. */
void expectation_renew(struct expectation_table *table, uint32_t number, uint32_t tick);

/* Whether a packet can be expected. Cheap, and never wrong where it says no. */
bool expectation_may(const struct expectation_table *table, const struct tg_tuple *tuple);

/* The one that a packet of this tuple is expected by.
 * => its number, or EXPECTATION_NONE */
uint32_t expectation_find(struct expectation_table *table, const struct tg_tuple *tuple, uint32_t tick);

struct expectation *expectation_at(struct expectation_table *table, uint32_t number);

#endif
