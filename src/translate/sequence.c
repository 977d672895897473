#include "translate/sequence.h"

#include "wire/checksum.h"
#include "wire/wire.h"

enum { EDGE = 4 };

static bool is_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

void sequence_note(struct sequence_shift *shift, uint32_t at, int32_t growth)
{
    if (growth == 0 || (shift->is_moved && !is_after(at, shift->at)))
        return;
    *shift = (struct sequence_shift){at, shift->after, shift->after + (uint32_t)growth, true};
}

uint32_t sequence_there(const struct sequence_shift *shift, uint32_t number)
{
    return number + (shift->is_moved && is_after(number, shift->at) ? shift->after : shift->before);
}

/* Numbers within the changed text itself, which no receiver that takes it whole acknowledges, are taken to its
 * beginning. */
uint32_t sequence_back(const struct sequence_shift *shift, uint32_t number)
{
    uint32_t before = number - shift->before, after = number - shift->after;
    if (!shift->is_moved || !is_after(before, shift->at))
        return before;
    return is_after(after, shift->at) ? after : shift->at;
}

/* A field at an even or odd place of the segment. */
static bool put32(uint8_t *tcp, uint32_t at, uint32_t value)
{
    uint32_t was = wire_get32(tcp + at);
    if (was == value)
        return false;
    uint16_t before = checksum_add((uint16_t)(was >> 16), (uint16_t)was),
             after = checksum_add((uint16_t)(value >> 16), (uint16_t)value);
    if (at % 2 != 0) { /* its bytes are the other halves of their words */
        before = (uint16_t)(before << 8 | before >> 8);
        after = (uint16_t)(after << 8 | after >> 8);
    }
    wire_put32(tcp + at, value);
    wire_put16(tcp + TCP_CHECKSUM, checksum_update(wire_get16(tcp + TCP_CHECKSUM), before, after));
    return true;
}

static bool rewrite_sack(uint8_t *tcp, uint32_t header, const struct sequence_shift *heard)
{
    bool changed = false;
    for (uint32_t at = TCP_HEADER, size; at < header && tcp[at] != TCP_OPTION_END; at += size) {
        if (tcp[at] == TCP_OPTION_NOP) {
            size = 1;
            continue;
        }
        if (at + 1 >= header || (size = tcp[at + 1]) < 2 || size > header - at)
            break;
        if (tcp[at] != TCP_OPTION_SACK)
            continue;
        for (uint32_t edge = at + 2; edge + EDGE <= at + size; edge += EDGE)
            changed |= put32(tcp, edge, sequence_back(heard, wire_get32(tcp + edge)));
    }
    return changed;
}

bool sequence_rewrite(struct tg_packet *packet, const struct sequence_shift *sent, const struct sequence_shift *heard)
{
    uint8_t *tcp = packet->data + packet->outer.transport;
    uint32_t header = (uint32_t)(tcp[TCP_OFFSET] >> 4) * 4, room = packet->len - packet->outer.transport;
    bool changed = false;
    if (room < TCP_HEADER)
        return false;
    if (sent->is_moved)
        changed = put32(tcp, TCP_SEQ, sequence_there(sent, wire_get32(tcp + TCP_SEQ)));
    if (!heard->is_moved)
        return changed;
    if (packet->tcp.flags & TG_TCP_ACK)
        changed |= put32(tcp, TCP_ACK, sequence_back(heard, wire_get32(tcp + TCP_ACK)));
    return rewrite_sack(tcp, header < room ? header : room, heard) || changed;
}
