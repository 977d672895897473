/* Writing pcapng: packets with verdicts, for Wireshark.
 *
 * Each zone is an interface of raw IP; frames that hold no IP stand on a second one of the zone's name, with their own
 * link type. A packet has its verdict in words as a comment, its direction, and an epb_verdict: of the kinds that
 * pcapng has, none is netfilter's, so the one of eBPF-TC stands in, as each interface's description says. Files are
 * little-endian whatever the machine, times in nanoseconds.
 */
#ifndef REPLAY_WRITER_H
#define REPLAY_WRITER_H

#include "replay/capture.h"
#include "tidegate/policy.h"
#include "tidegate/verdict.h"

struct writer;

struct writer_packet {
    struct capture_packet packet; /* its `interface` is not used */
    uint8_t zone;                 /* the interface that it stands on */
    enum tg_action action;
    const char *comment;
};

/* Create a file, or empty it. The policy names the zones, and must stay until writer_close().
 * => the writer, or NULL with errno */
struct writer *writer_open(const char *path, const struct tg_policy *policy);

/* Errors are kept until writer_close(). */
void writer_put(struct writer *writer, const struct writer_packet *packet);

/* => 0, or -errno if anything could not be written */
int writer_close(struct writer *writer);

#endif
