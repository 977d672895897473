/* The way of a captured frame: find its IP packet, say where it came in, let the engine judge it, report and write it.
 *
 * Frames are read and prepared one after the other and come together in a batch, which the engine then judges at once,
 * in their order; then each is told. A fragment may have to wait for its first, or make others wait no more, before the
 * frame behind it is looked at: it ends the batch that it is in, and while anything waits a batch is of one frame.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/link.h"
#include "replay/merge.h"
#include "replay/replay.h"

enum {
    LARGEST_PACKET = 1024 * 1024,
    COMMENT_ROOM = 1024,
    BATCH = 32,
    ORDINARY_PACKET = 64 * 1024,             /* and no packet grows beyond it */
    ROOM_STEP = ORDINARY_PACKET + 4096 + 64, /* beginnings of rooms fall on different lines of a cache */
};

/* Frames on their way. Packets are copied, since the engine rewrites them in place; the bytes of their frames are gone
 * when the next is read. */
struct batch {
    size_t count, job_count, most;
    struct order_item items[BATCH];
    struct tg_job jobs[BATCH]; /* of those that are to be judged */
    uint8_t rooms[BATCH][ROOM_STEP];
    uint8_t large_room[LARGEST_PACKET];
};

/* Where a frame came in, as far as it is known without its source. */
struct place {
    uint8_t zone_in, zone_out;
    bool find_zone;
};

static struct place place_of(const struct replay *replay, const struct replay_input *input,
                             const struct capture_packet *frame)
{
    if (input->zone != TG_ZONE_NONE)
        return (struct place){.zone_in = input->zone};
    uint8_t zone = frame->interface ? tg_policy_zone_of_interface(replay->policy, frame->interface) : TG_ZONE_NONE;
    if (zone == TG_ZONE_NONE)
        return (struct place){.find_zone = true};
    if (frame->direction == CAPTURE_OUTBOUND) /* seen where it left, not where it came in */
        return (struct place){.zone_out = zone, .find_zone = true};
    return (struct place){.zone_in = zone};
}

/* A packet stands in the written capture where it was last seen: what left, on the zone that it left by; what did not,
 * on the zone that it came in by. */
static void write_packet(const struct replay *replay, const struct report_packet *report, struct capture_packet frame)
{
    const struct tg_verdict *verdict = report->verdict;
    struct writer_packet out = {.packet = frame, .zone = verdict->zone_in, .action = verdict->action};
    bool leaves =
        verdict->action == TG_ACCEPT && verdict->zone_out != TG_ZONE_NONE && verdict->zone_out != TG_ZONE_ROUTER;
    char comment[COMMENT_ROOM];
    report_words(comment, sizeof comment, report);
    out.comment = comment;
    if (report->packet) {
        out.packet.link = LINK_RAW;
        out.packet.bytes = report->packet->data;
        out.packet.len = report->packet->len;
        out.packet.wire_len = report->packet->wire_len;
        out.packet.direction = leaves || verdict->as_it_stands ? CAPTURE_OUTBOUND : CAPTURE_INBOUND;
        if (leaves)
            out.zone = verdict->zone_out;
    }
    if (out.packet.wire_len < out.packet.len)
        out.packet.wire_len = out.packet.len;
    writer_put(replay->writer, &out);
}

static void tell(const struct replay *replay, const struct order_item *item)
{
    struct report_packet report = {
        .number = item->number,
        .time = item->frame.time,
        .policy = replay->policy,
        .packet = item->is_ip ? &item->packet : NULL,
        .verdict = &item->verdict,
    };
    if (replay->writer)
        write_packet(replay, &report, item->frame);
    replay->each(replay->context, &report);
}

/* A packet that waits is judged again, for good. */
static void judge_again(const struct replay *replay, struct order_item *item)
{
    item->arrival.now = replay->now;
    item->arrival.can_hold = false;
    enum tg_decoded decoded = tg_packet_decode(&item->packet, 0);
    tg_engine_judge(replay->engine, 0, &item->packet, decoded, &item->arrival, &item->verdict);
}

/* Tell what needs to wait no more. */
static void tell_waiting(const struct replay *replay)
{
    struct order_item *item;
    while ((item = order_next(replay->order))) {
        tell(replay, item);
        free(item);
    }
}

/* Those that have waited long enough at `now`; UINT64_MAX: all. */
static void give_up(const struct replay *replay, uint64_t now)
{
    struct order_item *item;
    if (order_is_empty(replay->order))
        return;
    while ((item = order_over(replay->order, now)))
        judge_again(replay, item);
    tell_waiting(replay);
}

/* => 0, or -ENOMEM */
static int finish_packet(const struct replay *replay, const struct order_item *item)
{
    struct order_item *follower;
    if (order_is_empty(replay->order) && !item->verdict.hold) {
        tell(replay, item);
        return 0;
    }
    if (!order_put(replay->order, item, replay->writer))
        return -ENOMEM;
    while (item->is_ip && item->packet.fragment && item->packet.fragment_offset == 0 &&
           (follower = order_followed(replay->order, &item->packet)))
        judge_again(replay, follower);
    if (order_is_full(replay->order))
        give_up(replay, UINT64_MAX);
    tell_waiting(replay);
    return 0;
}

/* Judge what has come together, and tell it.
 * => 0, or -ENOMEM */
static int finish_batch(const struct replay *replay)
{
    struct batch *batch = replay->batch;
    int error = 0;
    tg_engine_judge_all(replay->engine, 0, batch->jobs, batch->job_count);
    for (size_t i = 0; i < batch->count && error == 0; i++)
        error = finish_packet(replay, &batch->items[i]);
    batch->count = batch->job_count = 0;
    return error;
}

/* The next item of the batch, for a frame. */
static struct order_item *add_item(struct replay *replay, const struct capture_packet *frame, bool is_ip)
{
    struct order_item *item = &replay->batch->items[replay->batch->count++];
    item->number = ++replay->packets;
    item->frame = *frame;
    item->is_ip = is_ip;
    return item;
}

/* Nothing of a frame without IP is copied: it is told before another is read. */
static int pass_non_ip(struct replay *replay, const struct capture_packet *frame, struct place place)
{
    struct order_item *item = add_item(replay, frame, false);
    item->verdict = (struct tg_verdict){.action = TG_ACCEPT,
                                        .reason = TG_REASON_NON_IP,
                                        .state = TG_STATE_UNTRACKED,
                                        .zone_in = place.zone_in,
                                        .statement = TG_NO_STATEMENT};
    replay->non_ip_packets++;
    replay->non_ip_bytes += frame->wire_len;
    return finish_batch(replay);
}

static void note_arrival(struct replay *replay, struct tg_arrival *arrival, const struct capture_packet *frame,
                         const struct link_ip *ip, struct place place)
{
    *arrival = (struct tg_arrival){.now = replay->now,
                                   .zone_in = place.zone_in,
                                   .zone_out = place.zone_out,
                                   .find_zone = place.find_zone,
                                   .may_be_copy = true,
                                   .has_mac = ip->has_mac};
    if (replay->needs_minute)
        arrival->has_minute = week_minute(&replay->week, frame->time / TG_SECOND, &arrival->minute);
    if (ip->has_mac)
        memcpy(arrival->mac, ip->mac, sizeof arrival->mac);
}

/* Copy a packet to where it can be rewritten. */
static void copy_packet(struct tg_packet *packet, const struct capture_packet *frame, const struct link_ip *ip,
                        struct batch *batch)
{
    bool is_large = ip->len > ORDINARY_PACKET;
    packet->data = is_large ? batch->large_room : batch->rooms[batch->job_count];
    packet->room = is_large ? LARGEST_PACKET : ORDINARY_PACKET;
    packet->len = ip->len < LARGEST_PACKET ? ip->len : LARGEST_PACKET;
    packet->wire_len = ip->wire_len;
    memcpy(packet->data, frame->bytes + ip->offset, packet->len);
}

/* Whether nothing can come behind a packet before it is told: see above; and of large packets there is
 * room for one. */
static bool ends_batch(const struct replay *replay, const struct tg_packet *packet)
{
    const struct batch *batch = replay->batch;
    return batch->count == batch->most || packet->fragment || packet->len > ORDINARY_PACKET ||
           !order_is_empty(replay->order);
}

static int judge(struct replay *replay, const struct capture_packet *frame, const struct link_ip *ip,
                 struct place place)
{
    struct batch *batch = replay->batch;
    struct order_item *item = add_item(replay, frame, true);
    copy_packet(&item->packet, frame, ip, batch);
    note_arrival(replay, &item->arrival, frame, ip, place);
    enum tg_decoded decoded = tg_packet_decode(&item->packet, 0);
    if (ip->other_family)
        decoded = TG_MALFORMED;
    item->arrival.can_hold =
        decoded == TG_DECODED && item->packet.fragment && order_admits(replay->order, &item->packet);
    batch->jobs[batch->job_count++] = (struct tg_job){&item->packet, decoded, &item->arrival, &item->verdict};
    return ends_batch(replay, &item->packet) ? finish_batch(replay) : 0;
}

static int replay_frame(struct replay *replay, size_t which, const struct capture_packet *frame)
{
    struct replay_input *input = &replay->inputs[which];
    struct place place = place_of(replay, input, frame);
    struct link_ip ip;
    enum link_content content = link_find_ip(frame->link, frame->bytes, frame->len, frame->wire_len, &ip);
    if (content == LINK_IP && place.find_zone && !tg_network_address(replay->network, 0, &(uint8_t){0})) {
        replay->lost_input = which;
        return -EADDRNOTAVAIL;
    }
    if (frame->time > replay->now)
        replay->now = frame->time;
    give_up(replay, replay->now);
    if (content == LINK_IP)
        return judge(replay, frame, &ip, place);
    if (content == LINK_UNKNOWN) {
        input->unknown_link = frame->link;
        input->has_unknown_link = true;
    }
    return pass_non_ip(replay, frame, place);
}

/* What comes through a pipe may be told while it is still being captured: it is not kept until there is more. */
static struct batch *new_batch(const struct replay *replay)
{
    struct batch *batch = malloc(sizeof *batch);
    if (!batch)
        return NULL;
    batch->count = batch->job_count = 0;
    batch->most = BATCH;
    for (size_t i = 0; i < replay->input_count; i++)
        if (!capture_is_whole(replay->inputs[i].capture))
            batch->most = 1;
    return batch;
}

static struct merge *merge_inputs(const struct replay *replay)
{
    struct capture **captures = calloc(replay->input_count + 1, sizeof *captures);
    if (!captures)
        return NULL;
    for (size_t i = 0; i < replay->input_count; i++)
        captures[i] = replay->inputs[i].capture;
    struct merge *merge = merge_new(captures, replay->input_count);
    free(captures);
    return merge;
}

int replay_run(struct replay *replay)
{
    const struct capture_packet *frame;
    size_t which;
    int error = 0;
    struct merge *merge = merge_inputs(replay);
    replay->needs_minute = tg_policy_needs_minute(replay->policy);
    replay->batch = new_batch(replay);
    replay->order = order_new();
    if (!merge || !replay->batch || !replay->order)
        error = -ENOMEM;
    while (error == 0 && (frame = merge_next(merge, &which)))
        error = replay_frame(replay, which, frame);
    if (error != -ENOMEM) {
        int finished = finish_batch(replay);
        error = error ? error : finished;
    }
    if (replay->order)
        give_up(replay, UINT64_MAX);
    for (size_t i = 0; i < replay->input_count && merge; i++)
        replay->inputs[i].result = merge_result(merge, i);
    order_free(replay->order);
    free(replay->batch);
    replay->order = NULL;
    replay->batch = NULL;
    merge_free(merge);
    return error;
}
