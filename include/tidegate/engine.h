/* The engine: verdict = engine(packet, arrival).
 *
 * It does no input or output, reads no clock and allocates nothing per packet. Time, packets, randomness and the
 * network view come from the driver; the same input gives the same output, on a router and in a test.
 *
 * Life: tg_engine_new() with a fixed room for connections; tg_engine_load() a policy and a network view, as often as
 * they change, at any time; tg_engine_judge() for each packet, from any number of workers at once, each with a number
 * of its own; tg_engine_free().
 *
 * Several workers share the connections: both directions of a translated connection may come to different workers. A
 * packet sees one policy and one network view from its first step to its last. A connection remembers under which load
 * it was judged; the first packet after a new load judges it again, once: what is still allowed goes on unnoticed, what
 * is not stops there.
 *
 * Fragments are judged by the first of their datagram, and go on as they came. The engine keeps no packets: one that
 * comes before its first is the driver's to keep, if it can (tg_arrival.can_hold).
 */
#ifndef TIDEGATE_ENGINE_H
#define TIDEGATE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tidegate/network.h"
#include "tidegate/packet.h"
#include "tidegate/policy.h"
#include "tidegate/verdict.h"

struct tg_engine;

#define TG_SECOND UINT64_C(1000000000) /* time is in nanoseconds */

struct tg_engine_config {
    uint32_t connections;           /* room for so many; 0 for what the policy says, 16384 if it says nothing */
    unsigned workers;               /* 1 … 128 */
    uint64_t secret[4];             /* keys the hash and chooses ports: random live, fixed where runs must repeat */
    const struct tg_policy *policy; /* for tg_engine_size(): what will be loaded, sealed; NULL: not known */
};

/* => an engine, or NULL with errno: EINVAL, ENOMEM. All memory that it will ever use is taken here, but for what a
 *    policy has it count and remember (hits; rates, scanners, knocks; whom mappings speak to, what helpers announce),
 *    which tg_engine_load() takes with each policy */
struct tg_engine *tg_engine_new(const struct tg_engine_config *config);
void tg_engine_free(struct tg_engine *engine);

/* Bytes of memory that an engine with this configuration takes, with what its policy has it count and remember. While
 * tg_engine_load() puts another policy in its place it has what both count. */
size_t tg_engine_size(const struct tg_engine_config *config);

/* Judge by this policy and this view from now on. Both must be sealed and stay until a later load has returned; the
 * caller keeps them. Waits for workers to finish the packet that they are at (microseconds), never for traffic. When it
 * returns nobody uses what was loaded before. Counters by statement start anew with another policy, and go on with the
 * same one. One caller at a time; not from within a worker's tg_engine_judge().
 * => 0, or -ENOMEM: then nothing has changed */
int tg_engine_load(struct tg_engine *engine, const struct tg_policy *policy, const struct tg_network *network);

/* How and when a packet came. */
struct tg_arrival {
    uint64_t now;    /* nanoseconds, of any epoch; a step back counts as none */
    uint8_t zone_in; /* TG_ZONE_NONE: an interface that no zone names */
    uint8_t
        zone_out;   /* where the driver knows it (a hook after routing), else TG_ZONE_NONE: found in the network view */
    bool find_zone; /* zone_in is not known: find it by the source address */
    bool may_be_copy; /* a capture, which may also show packets that the router has already sent out: such a packet is
                         recognised and taken as it stands */
    bool can_hold;    /* a fragment that comes before its first can be kept: if it must be, the verdict says `hold`, and
                         the packet is to be judged again, once more or often, when its first has been (which
                         tg_packet_same_datagram() finds), or without `can_hold` when it has waited long enough */
    bool has_minute;  /* `minute` is known: a rule with `during` fits at no time that is not */
    bool has_mac;     /* `mac` is known: a rule with `mac` fits nobody who is not */
    uint16_t minute;  /* of the week, from Monday 00:00, in local time */
    uint8_t mac[6];   /* the sender's */
    bool half;        /* the source address can only be rewritten at a later hook: if both must change, the verdict says
                         TG_TRANSLATE_HALF and the packet goes to tg_engine_finish() there */
};

/* Judge a packet. `decoded` is what tg_packet_decode() said of it; its bytes are rewritten where it is translated.
 * Before the first tg_engine_load() every packet is dropped. */
void tg_engine_judge(struct tg_engine *engine, unsigned worker, struct tg_packet *packet, enum tg_decoded decoded,
                     const struct tg_arrival *arrival, struct tg_verdict *verdict);

/* A packet among several that are judged at once. */
struct tg_job {
    struct tg_packet *packet;
    enum tg_decoded decoded;
    const struct tg_arrival *arrival;
    struct tg_verdict *verdict;
};

/* The same for several packets, one after the other; cheaper a packet, as what is known of their connections is brought
 * near all at once, before it is looked at. No load comes between them. */
void tg_engine_judge_all(struct tg_engine *engine, unsigned worker, const struct tg_job *jobs, size_t count);

/* The second half of a translation that tg_engine_judge() left half done (TG_TRANSLATE_HALF): finds the connection, or
 * for a fragment other than the first the datagram, by what the packet, decoded again, looks like now, and rewrites its
 * source. Neither judges nor counts: that has been done.
 * => true; false if it is not there any more: the packet must be dropped */
bool tg_engine_finish(struct tg_engine *engine, struct tg_packet *packet);

/* Steps of a judgement, for whoever wants to know why. Called from within tg_engine_explain(), in order. */
enum tg_step {
    TG_STEP_ZONE,       /* verdict->zone_in is known */
    TG_STEP_SPOOF,      /* the source was checked; `fits`: it is honest */
    TG_STEP_CONNECTION, /* the connections were searched; `fits`: found */
    TG_STEP_FORWARD,    /* a forward was looked at (`statement`); `fits`: it takes the packet; else `why` */
    TG_STEP_ROUTE,      /* verdict->zone_out is known */
    TG_STEP_RULE,       /* a statement was compared; `fits`: it decides; else `why` */
    TG_STEP_DEFAULT,    /* no statement fitted */
    TG_STEP_SOURCE,     /* the source is translated to `to.src`, `to.sport` */
};

struct tg_step_info {
    enum tg_step step;
    bool fits;
    uint32_t statement;               /* or TG_NO_STATEMENT */
    const char *why;                  /* what did not fit, in a few words; or NULL */
    const struct tg_verdict *verdict; /* as far as it is known */
};

typedef void tg_step_fn(void *context, const struct tg_step_info *step);

/* As tg_engine_judge(), by worker 0, telling each step. */
void tg_engine_explain(struct tg_engine *engine, struct tg_packet *packet, enum tg_decoded decoded,
                       const struct tg_arrival *arrival, struct tg_verdict *verdict, tg_step_fn *step, void *context);

/* Counters, summed over the workers. Each packet is in exactly one of `verdicts[action][reason]`. */
struct tg_counters {
    uint64_t packets, bytes;
    uint64_t verdicts[TG_ACTIONS][TG_REASONS];
};
struct tg_hits {
    uint64_t packets, bytes;
};
void tg_engine_counters(const struct tg_engine *engine, struct tg_counters *counters);

/* What a statement of the loaded policy has decided: packets that it judged, and those of the connections it began. */
struct tg_hits tg_engine_hits(const struct tg_engine *engine, uint32_t statement);

/* Connections: now, at most so far, and ever begun, by kind. */
struct tg_population {
    uint32_t now, peak, room;
    uint64_t tcp, udp, icmp, other;
};
void tg_engine_population(const struct tg_engine *engine, struct tg_population *population);

/* The packet that a rejected one is answered with (RFC 9293 3.10.7.1: a reset; RFC 1812 4.3, RFC 4443 3.1:
 * administratively prohibited for what is not TCP, from `own`, the router's address towards the sender). Written to
 * `out`, from its IP header on, checksums complete. Nothing answers an ICMP error or redirect, a reset, a group
 * address or an unspecified source.
 * => its length, or 0 where none is to be sent or `room` is too small (1280 is enough) */
size_t tg_reject_answer(const struct tg_packet *packet, struct tg_addr own, uint8_t *out, size_t room);

/* The packet that tells who is inside that there was no room, or no port, for what he began (verdict->answer):
 * administratively prohibited, for TCP too (RFC 5508 REQ-8, RFC 6888 REQ-11), so that he may try again. The rest is as
 * above. */
size_t tg_limit_answer(const struct tg_packet *packet, struct tg_addr own, uint8_t *out, size_t room);

#endif
