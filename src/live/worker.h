/* Workers: a thread each, that takes packets from its queue, has them judged and answers.
 *
 * What all share: the engine, the policy, the current view of the network, the log, what waits for its first fragment
 * (held.h), and standard output. The view is
 * read without a lock: a worker says which view it is looking at for the length of a batch, and whoever has put another
 * in its place waits until none looks at the old one.
 *
 * One more looks after what begins TCP connections, from all interfaces, at a lower priority than the others have. A
 * flood of SYNs fills its queue and takes the time that is left; what is established has queues of its own, and workers
 * that come first.
 */
#ifndef LIVE_WORKER_H
#define LIVE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "live/live.h"
#include "live/netview.h"
#include "live/queue.h"
#include "live/reject.h"
#include "tidegate/engine.h"

struct worker;

enum { WORKERS_BESIDES = 1 }; /* those that the user has not asked for */

struct workers {
    /* Immutable while workers run. */
    struct tg_engine *engine;
    const struct tg_policy *policy;
    enum live_output output;
    struct logger *logger;
    int failed;        /* an eventfd: written to by a worker that cannot go on */
    struct held *held; /* workers_open() makes it */

    _Atomic(const struct view *) view;
    pthread_mutex_t writing; /* protects standard output and the two that follow */
    uint64_t packets;        /* that have been numbered for the output */
    bool deaf;               /* nobody reads standard output any more */

    struct worker *list;
    unsigned count;
};

/* What the workers did besides judging. */
struct worker_totals {
    struct queue_losses losses;
    uint64_t answered, held_back; /* rejected packets that got an answer, or would have */
    uint64_t told;                /* packets dropped for want of room or ports whose senders were told */
    uint64_t unfinished;          /* packets dropped that had to be rewritten but could not be */
    uint64_t left;                /* fragments dropped that were to wait when all else had ended */
};

/* Take the queues. The engine has as many workers as there are here: the configuration's, and WORKERS_BESIDES. The
 * members above `view` are filled by the caller before, and `view` before
 * workers_start().
 * => 0, or as queue_open() and reject_open(), with *number the queue that was refused, or 0 if it was not a queue */
int workers_open(struct workers *workers, const struct live_config *config, int buffer, uint16_t *number);

/* Start the threads, and let packets come.
 * => 0, or -errno; then none runs */
int workers_start(struct workers *workers);

/* Judge by another view: all workers do when this returns, and the old one can be freed.
 * => the old one */
const struct view *workers_switch_view(struct workers *workers, const struct view *view);

/* Judge what still waits, then end the threads. The hooks must be out. */
void workers_stop(struct workers *workers);

/* Only while no thread runs. */
void workers_totals(const struct workers *workers, struct worker_totals *totals);

/* Give everything back. No thread may run. */
void workers_close(struct workers *workers);

#endif
