/* The way of a captured frame: find its IP packet, say where it came in, let the engine judge it, report and write it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/link.h"
#include "replay/merge.h"
#include "replay/replay.h"

enum { LARGEST_PACKET = 1024 * 1024, COMMENT_ROOM = 1024 };

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

static int pass_non_ip(struct replay *replay, const struct capture_packet *frame, struct place place)
{
    const struct order_item item = {
        .number = replay->packets,
        .frame = *frame,
        .verdict = {.action = TG_ACCEPT,
                    .reason = TG_REASON_NON_IP,
                    .state = TG_STATE_UNTRACKED,
                    .zone_in = place.zone_in,
                    .statement = TG_NO_STATEMENT},
    };
    replay->non_ip_packets++;
    replay->non_ip_bytes += frame->wire_len;
    return finish_packet(replay, &item);
}

/* `room` is where the packet is copied to, since the engine rewrites it in place. */
static int judge(struct replay *replay, const struct capture_packet *frame, const struct link_ip *ip,
                 struct place place, uint8_t *room)
{
    struct order_item item = {
        .number = replay->packets,
        .frame = *frame,
        .is_ip = true,
        .packet = {.data = room,
                   .len = ip->len < LARGEST_PACKET ? ip->len : LARGEST_PACKET,
                   .wire_len = ip->wire_len,
                   .room = LARGEST_PACKET},
        .arrival = {.now = replay->now,
                    .zone_in = place.zone_in,
                    .zone_out = place.zone_out,
                    .find_zone = place.find_zone,
                    .may_be_copy = true,
                    .has_mac = ip->has_mac},
    };
    item.arrival.has_minute = week_minute(&replay->week, frame->time / TG_SECOND, &item.arrival.minute);
    if (ip->has_mac)
        memcpy(item.arrival.mac, ip->mac, sizeof item.arrival.mac);
    memcpy(room, frame->bytes + ip->offset, item.packet.len);
    enum tg_decoded decoded = tg_packet_decode(&item.packet, 0);
    if (ip->other_family)
        decoded = TG_MALFORMED;
    item.arrival.can_hold = decoded == TG_DECODED && item.packet.fragment && order_admits(replay->order, &item.packet);
    tg_engine_judge(replay->engine, 0, &item.packet, decoded, &item.arrival, &item.verdict);
    return finish_packet(replay, &item);
}

static int replay_frame(struct replay *replay, size_t which, const struct capture_packet *frame, uint8_t *room)
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
    replay->packets++;
    if (content == LINK_IP)
        return judge(replay, frame, &ip, place, room);
    if (content == LINK_UNKNOWN) {
        input->unknown_link = frame->link;
        input->has_unknown_link = true;
    }
    return pass_non_ip(replay, frame, place);
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
    struct capture_packet frame;
    size_t which;
    int error = 0;
    struct merge *merge = merge_inputs(replay);
    uint8_t *room = malloc(LARGEST_PACKET);
    replay->order = order_new();
    if (!merge || !room || !replay->order)
        error = -ENOMEM;
    while (error == 0 && merge_next(merge, &frame, &which))
        error = replay_frame(replay, which, &frame, room);
    if (replay->order)
        give_up(replay, UINT64_MAX);
    for (size_t i = 0; i < replay->input_count && merge; i++)
        replay->inputs[i].result = merge_result(merge, i);
    order_free(replay->order);
    replay->order = NULL;
    merge_free(merge);
    free(room);
    return error;
}
