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

static void finish_packet(struct replay *replay, const struct capture_packet *frame, const struct tg_packet *packet,
                          const struct tg_verdict *verdict)
{
    struct report_packet report = {
        .number = replay->packets,
        .time = frame->time,
        .policy = replay->policy,
        .packet = packet,
        .verdict = verdict,
    };
    if (replay->writer)
        write_packet(replay, &report, *frame);
    replay->each(replay->context, &report);
}

static void pass_non_ip(struct replay *replay, const struct capture_packet *frame, struct place place)
{
    struct tg_verdict verdict = {
        .action = TG_ACCEPT,
        .reason = TG_REASON_NON_IP,
        .state = TG_STATE_UNTRACKED,
        .zone_in = place.zone_in,
        .statement = TG_NO_STATEMENT,
    };
    replay->non_ip_packets++;
    replay->non_ip_bytes += frame->wire_len;
    finish_packet(replay, frame, NULL, &verdict);
}

/* `room` is where the packet is copied to, since the engine rewrites it in place. */
static void judge(struct replay *replay, const struct capture_packet *frame, const struct link_ip *ip,
                  struct place place, uint8_t *room)
{
    struct tg_arrival arrival = {
        .now = frame->time,
        .zone_in = place.zone_in,
        .zone_out = place.zone_out,
        .find_zone = place.find_zone,
        .may_be_copy = true,
        .has_mac = ip->has_mac,
    };
    arrival.has_minute = week_minute(&replay->week, frame->time / TG_SECOND, &arrival.minute);
    if (ip->has_mac)
        memcpy(arrival.mac, ip->mac, sizeof arrival.mac);
    struct tg_packet packet = {
        .data = room,
        .len = ip->len < LARGEST_PACKET ? ip->len : LARGEST_PACKET,
        .wire_len = ip->wire_len,
    };
    struct tg_verdict verdict;
    memcpy(room, frame->bytes + ip->offset, packet.len);
    enum tg_decoded decoded = tg_packet_decode(&packet, 0);
    if (ip->other_family)
        decoded = TG_MALFORMED;
    tg_engine_judge(replay->engine, 0, &packet, decoded, &arrival, &verdict);
    finish_packet(replay, frame, &packet, &verdict);
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
    replay->packets++;
    if (content == LINK_IP) {
        judge(replay, frame, &ip, place, room);
        return 0;
    }
    if (content == LINK_UNKNOWN) {
        input->unknown_link = frame->link;
        input->has_unknown_link = true;
    }
    pass_non_ip(replay, frame, place);
    return 0;
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
    if (!merge || !room) {
        merge_free(merge);
        free(room);
        return -ENOMEM;
    }
    while (error == 0 && merge_next(merge, &frame, &which))
        error = replay_frame(replay, which, &frame, room);
    for (size_t i = 0; i < replay->input_count; i++)
        replay->inputs[i].result = merge_result(merge, i);
    merge_free(merge);
    free(room);
    return error;
}
