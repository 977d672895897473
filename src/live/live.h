/* The firewall at work: packets of this network namespace, judged by the engine until a signal says that it is enough.
 *
 * The start is in such an order that nothing is ever half done: a lock (one firewall a namespace), queues, the view of
 * the network, the engine, workers, and last the hooks, which make packets come. A clean end goes the other way. A
 * process that is killed leaves its hooks: the kernel then drops what they would have asked about, until another run
 * takes over.
 */
#ifndef LIVE_LIVE_H
#define LIVE_LIVE_H

#include <stdint.h>

#include "tidegate/policy.h"

/* What is written to standard output of each packet. */
enum live_output { LIVE_SILENT, LIVE_TEXT, LIVE_JSON };

enum {
    LIVE_WORKERS_MAX = 64,
    LIVE_QUEUES = 3,         /* kernel queues that each worker takes, */
    LIVE_QUEUES_BESIDES = 2, /* and all together */
};

struct live_config {
    const struct tg_policy *policy;
    const char *rules; /* the file that the policy was read from, for messages */
    unsigned workers;  /* 1 … LIVE_WORKERS_MAX */
    uint16_t queue;    /* the first of the LIVE_QUEUES * workers + LIVE_QUEUES_BESIDES queue numbers that are taken */
    enum live_output output;
};

/* Run until SIGTERM, SIGINT or SIGHUP. When packets are being judged, a line that begins with `tidegate: ready` goes to
 * standard error, and word to the service manager, if there is one.
 * => 0 after a clean end; or -errno: the system refused something, and what has been said on standard error */
int live_run(const struct live_config *config);

#endif
