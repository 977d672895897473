/* Replay: captures through the engine.
 *
 * Packets come from several captures merged by time, and time is theirs. Each goes to the engine as it would on a
 * router, and from there to whoever asked (each()) and into a capture of what leaves (writer.h). Packets of files are
 * judged several at once, those that come through a pipe as they come. Frames without IP go
 * past the engine and are accepted. A fragment that came before its first waits for that, for a second of the capture;
 * what comes behind it is judged meanwhile, and told when it has been told (order.h). Memory does not grow with the
 * captures.
 */
#ifndef REPLAY_REPLAY_H
#define REPLAY_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "replay/capture.h"
#include "replay/order.h"
#include "replay/writer.h"
#include "report/report.h"
#include "report/week.h"
#include "tidegate/engine.h"

struct replay_input {
    struct capture *capture;
    uint8_t zone;               /* its packets came in by this zone; TG_ZONE_NONE: found for each */
    enum capture_result result; /* how it ended */
    uint16_t unknown_link;      /* a link type in which no packets can be found, if `has_unknown_link` */
    bool has_unknown_link;
};

struct batch; /* what is judged at once */

/* Told of each packet, once it was judged, in their order. The packet's bytes may be gone by then, if nothing is
 * written. */
typedef void replay_each_fn(void *context, const struct report_packet *report);

struct replay {
    /* the caller's, unchanged */
    struct tg_engine *engine; /* with `policy` and `network` loaded */
    const struct tg_policy *policy;
    const struct tg_network *network;
    struct replay_input *inputs;
    size_t input_count;
    struct writer *writer; /* or NULL */
    replay_each_fn *each;
    void *context;
    /* its own, all zero at first */
    bool needs_minute;
    struct week week;
    struct batch *batch;
    struct order *order;
    uint64_t now; /* the latest time so far */
    /* what came of it */
    uint64_t packets, non_ip_packets, non_ip_bytes;
    size_t lost_input; /* after -EADDRNOTAVAIL */
};

/* Replay everything. How each input ended is in its `result`.
 * => 0; -ENOMEM; or -EADDRNOTAVAIL: it stopped at a packet of `lost_input`, whose zone nothing tells, since the network
 *    view has no address of any zone */
int replay_run(struct replay *replay);

#endif
