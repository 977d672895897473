#include "translate/mss.h"

#include "wire/checksum.h"
#include "wire/wire.h"

enum { MSS_OPTION = 4, MSS_VALUE = 2 };

/* The sum that a 16-bit value adds to at `offset` of what a checksum covers: at an odd one its bytes are the halves of
 * two words. */
static uint16_t share_of(uint16_t value, uint32_t offset)
{
    return offset % 2 == 0 ? value : (uint16_t)(value << 8 | value >> 8);
}

static void lower(uint8_t *tcp, uint32_t offset, uint16_t value)
{
    uint16_t before = share_of(wire_get16(tcp + offset), offset), after = share_of(value, offset);
    wire_put16(tcp + offset, value);
    wire_put16(tcp + TCP_CHECKSUM, checksum_update(wire_get16(tcp + TCP_CHECKSUM), before, after));
}

/* The length of the TCP header, as far as it is there. */
static uint32_t header_of(const struct tg_packet *packet)
{
    uint32_t end = packet->outer.end < packet->len ? packet->outer.end : packet->len;
    uint32_t room = end > packet->outer.transport ? end - packet->outer.transport : 0;
    if (room < TCP_HEADER)
        return 0;
    uint32_t header = (uint32_t)(packet->data[packet->outer.transport + TCP_OFFSET] >> 4) * 4;
    return header < room ? header : room;
}

bool mss_clamp(struct tg_packet *packet, uint16_t most)
{
    bool changed = false;
    if (packet->len < packet->wire_len)
        return false;
    uint8_t *tcp = packet->data + packet->outer.transport;
    uint32_t header = header_of(packet), size;
    for (uint32_t at = TCP_HEADER; at < header && tcp[at] != TCP_OPTION_END; at += size) {
        if (tcp[at] == TCP_OPTION_NOP) {
            size = 1;
            continue;
        }
        if (at + 1 >= header || (size = tcp[at + 1]) < 2 || size > header - at)
            break;
        if (tcp[at] == TCP_OPTION_MSS && size == MSS_OPTION && wire_get16(tcp + at + MSS_VALUE) > most) {
            lower(tcp, at + MSS_VALUE, most);
            changed = true;
        }
    }
    return changed;
}
