#include "translate/payload.h"

#include <string.h>

#include "wire/checksum.h"
#include "wire/wire.h"

static int32_t growth_of(const struct payload_edit *edits, size_t count)
{
    int32_t growth = 0;
    for (size_t i = 0; i < count; i++)
        growth += (int32_t)edits[i].new_len - (int32_t)edits[i].len;
    return growth;
}

/* The bytes that the transport checksum covers. */
static uint32_t covered_by(const struct tg_packet *packet)
{
    const struct tg_layout *outer = &packet->outer;
    return outer->tuple.proto == TG_PROTO_UDP ? wire_get16(packet->data + outer->transport + UDP_LENGTH)
                                              : outer->end - outer->transport;
}

/* The sum of these bytes and of the length in the pseudo-header. */
static uint16_t sum_of(const struct tg_packet *packet)
{
    uint32_t length = covered_by(packet);
    return checksum_add(checksum_sum(packet->data + packet->outer.transport, length), (uint16_t)length);
}

/* The edits are done from the last to the first, and the packet is never longer than this on the way. */
static uint32_t longest(const struct tg_packet *packet, const struct payload_edit *edits, size_t count)
{
    uint32_t len = packet->outer.end, most = len;
    while (count-- > 0) {
        len += edits[count].new_len - edits[count].len;
        most = len > most ? len : most;
    }
    return most;
}

static void set_lengths(struct tg_packet *packet, int32_t growth)
{
    uint8_t *ip = packet->data, *transport = packet->data + packet->outer.transport;
    uint16_t before = wire_get16(ip + IP4_LENGTH), after = (uint16_t)(before + growth);
    wire_put16(ip + IP4_LENGTH, after);
    wire_put16(ip + IP4_CHECKSUM, checksum_update(wire_get16(ip + IP4_CHECKSUM), before, after));
    packet->len = packet->wire_len = packet->outer.end;
    if (packet->outer.tuple.proto == TG_PROTO_UDP)
        wire_put16(transport + UDP_LENGTH, (uint16_t)(wire_get16(transport + UDP_LENGTH) + growth));
    else
        packet->tcp.payload += (uint32_t)growth;
}

bool payload_edit(struct tg_packet *packet, const struct payload_edit *edits, size_t count)
{
    struct tg_layout *outer = &packet->outer;
    uint32_t most = longest(packet, edits, count), room = packet->room > packet->len ? packet->room : packet->len;
    if (packet->cut || packet->fragment || outer->tuple.family != TG_IPV4 || most > room || most > UINT16_MAX)
        return false;
    uint16_t before = sum_of(packet);
    for (size_t i = count; i-- > 0;) {
        const struct payload_edit *e = &edits[i];
        memmove(packet->data + e->at + e->new_len, packet->data + e->at + e->len, outer->end - e->at - e->len);
        memcpy(packet->data + e->at, e->text, e->new_len);
        outer->end += e->new_len - e->len;
    }
    set_lengths(packet, growth_of(edits, count));
    bool is_udp = outer->tuple.proto == TG_PROTO_UDP;
    uint8_t *field = packet->data + outer->transport + (is_udp ? UDP_CHECKSUM : TCP_CHECKSUM);
    if (is_udp && wire_get16(field) == 0)
        return true;
    uint16_t sum = checksum_update(wire_get16(field), before, sum_of(packet));
    wire_put16(field, sum == 0 && is_udp ? 0xffff : sum);
    return true;
}
