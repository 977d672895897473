#include "translate/sequence.h"

#include <string.h>

#include "wire/checksum.h"
#include "wire/wire.h"

enum { EDGE = 4, OLDEST = 1 << 30 };

static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* ---- changes ---- */

static uint32_t end_of(const struct sequence_change *change)
{
    return change->at + change->len;
}

/* What the receiver counts more behind it. */
static uint32_t behind(const struct sequence_change *change)
{
    return change->before + change->new_len - change->len;
}

/* Forget the oldest. */
static void forget(struct sequence_shift *shift, size_t count)
{
    shift->count = (uint8_t)(shift->count - count);
    memmove(shift->changes, shift->changes + count, shift->count * sizeof *shift->changes);
}

/* How many must go for `count` more. */
static size_t excess(const struct sequence_shift *shift, size_t count)
{
    return shift->count + count > SEQUENCE_CHANGES ? shift->count + count - SEQUENCE_CHANGES : 0;
}

bool sequence_has_room(const struct sequence_shift *shift, size_t count, uint32_t acked)
{
    size_t gone = excess(shift, count);
    return count <= SEQUENCE_CHANGES && (gone == 0 || !is_before(acked, end_of(&shift->changes[gone - 1])));
}

void sequence_note(struct sequence_shift *shift, uint32_t at, const struct payload_edit *edit)
{
    forget(shift, excess(shift, 1));
    struct sequence_change *change = &shift->changes[shift->count++];
    *change = (struct sequence_change){at, shift->total, (uint8_t)edit->len, (uint8_t)edit->new_len, {0}};
    memcpy(change->text, edit->text, edit->new_len);
    shift->total = behind(change);
}

void sequence_advance(struct sequence_shift *shift, uint32_t number)
{
    while (shift->count > 0 && !is_before(number, shift->changes[0].at + OLDEST))
        forget(shift, 1);
}

static bool meets(const struct sequence_change *change, uint32_t seq, uint32_t len)
{
    return is_before(seq, end_of(change)) && is_before(change->at, seq + len);
}

bool sequence_meets(const struct sequence_shift *shift, uint32_t seq, uint32_t len)
{
    for (size_t i = 0; i < shift->count; i++)
        if (meets(&shift->changes[i], seq, len))
            return true;
    return false;
}

/* Of a text that is sent in parts, its first byte stands for what was written, and the others for nothing. */
size_t sequence_repeat(const struct sequence_shift *shift, uint32_t seq, uint32_t len, uint32_t start,
                       struct payload_edit *edits)
{
    size_t count = 0;
    for (size_t i = 0; i < shift->count; i++) {
        const struct sequence_change *change = &shift->changes[i];
        if (!meets(change, seq, len))
            continue;
        bool has_first = !is_before(change->at, seq), has_last = !is_before(seq + len, end_of(change));
        uint32_t first = has_first ? change->at - seq : 0, last = has_last ? end_of(change) - seq : len;
        struct payload_edit *edit = &edits[count++];
        *edit = (struct payload_edit){.at = start + first, .len = last - first};
        edit->new_len = has_first ? change->new_len : 0;
        memcpy(edit->text, change->text, edit->new_len);
    }
    return count;
}

/* ---- numbers ---- */

/* What is counted more in front of all that is remembered. */
static uint32_t base(const struct sequence_shift *shift)
{
    return shift->count > 0 ? shift->changes[0].before : shift->total;
}

uint32_t sequence_there(const struct sequence_shift *shift, uint32_t number)
{
    for (size_t i = shift->count; i-- > 0;) {
        const struct sequence_change *change = &shift->changes[i];
        if (is_before(change->at, number))
            return (is_before(number, end_of(change)) ? end_of(change) : number) + behind(change);
    }
    return number + base(shift);
}

/* => the sender's number; of one within what was written, where that begins or, `up`, ends */
static uint32_t back(const struct sequence_shift *shift, uint32_t number, bool up)
{
    for (size_t i = shift->count; i-- > 0;) {
        const struct sequence_change *change = &shift->changes[i];
        uint32_t first = change->at + change->before;
        if (!is_before(number, first + change->new_len))
            return number - behind(change);
        if (is_before(first, number))
            return up ? end_of(change) : change->at;
    }
    return number - base(shift);
}

uint32_t sequence_back(const struct sequence_shift *shift, uint32_t number)
{
    return back(shift, number, false);
}

/* ---- segments ---- */

static bool is_moved(const struct sequence_shift *shift)
{
    return shift->count > 0 || shift->total != 0;
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

/* The blocks of one option: of a text that has come in part its sender is told that none of it has. */
static bool rewrite_blocks(uint8_t *tcp, uint32_t at, uint32_t end, const struct sequence_shift *heard)
{
    bool changed = false;
    for (; at + 2 * EDGE <= end; at += 2 * EDGE) {
        changed |= put32(tcp, at, back(heard, wire_get32(tcp + at), true));
        changed |= put32(tcp, at + EDGE, back(heard, wire_get32(tcp + at + EDGE), false));
    }
    return changed;
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
        if (tcp[at] == TCP_OPTION_SACK)
            changed |= rewrite_blocks(tcp, at + 2, at + size, heard);
    }
    return changed;
}

bool sequence_rewrite(struct tg_packet *packet, const struct sequence_shift *sent, const struct sequence_shift *heard)
{
    uint8_t *tcp = packet->data + packet->outer.transport;
    uint32_t room = packet->len > packet->outer.transport ? packet->len - packet->outer.transport : 0, header;
    bool changed = false;
    if (room < TCP_HEADER)
        return false;
    header = (uint32_t)(tcp[TCP_OFFSET] >> 4) * 4;
    if (is_moved(sent))
        changed = put32(tcp, TCP_SEQ, sequence_there(sent, wire_get32(tcp + TCP_SEQ)));
    if (!is_moved(heard))
        return changed;
    if (packet->tcp.flags & TG_TCP_ACK)
        changed |= put32(tcp, TCP_ACK, sequence_back(heard, wire_get32(tcp + TCP_ACK)));
    return rewrite_sack(tcp, header < room ? header : room, heard) || changed;
}

/* ---- quotes ---- */

/* What sums were, and are, over what has been changed. */
struct correction {
    uint16_t before, after;
};

static void restore32(uint8_t *field, uint32_t value, struct correction *c)
{
    uint32_t was = wire_get32(field);
    c->before = checksum_add(c->before, checksum_add((uint16_t)(was >> 16), (uint16_t)was));
    c->after = checksum_add(c->after, checksum_add((uint16_t)(value >> 16), (uint16_t)value));
    wire_put32(field, value);
}

void sequence_restore_quote(struct tg_packet *error, const struct sequence_shift *sent,
                            const struct sequence_shift *heard)
{
    const struct tg_layout *quote = &error->quote;
    uint8_t *tcp = error->data + quote->transport, *icmp = error->data + error->outer.transport;
    uint32_t end = quote->end < error->len ? quote->end : error->len;
    uint32_t room = end > quote->transport ? end - quote->transport : 0;
    struct correction c = {0, 0};
    if (quote->tuple.family != TG_IPV4 || room < TCP_SEQ + 4)
        return;
    restore32(tcp + TCP_SEQ, sequence_back(sent, wire_get32(tcp + TCP_SEQ)), &c);
    if (room > TCP_FLAGS && (tcp[TCP_FLAGS] & TG_TCP_ACK))
        restore32(tcp + TCP_ACK, sequence_there(heard, wire_get32(tcp + TCP_ACK)), &c);
    if (room >= TCP_CHECKSUM + 2) {
        uint16_t was = wire_get16(tcp + TCP_CHECKSUM), is = checksum_update(was, c.before, c.after);
        wire_put16(tcp + TCP_CHECKSUM, is);
        c = (struct correction){checksum_add(c.before, was), checksum_add(c.after, is)};
    }
    wire_put16(icmp + ICMP_CHECKSUM, checksum_update(wire_get16(icmp + ICMP_CHECKSUM), c.before, c.after));
}
