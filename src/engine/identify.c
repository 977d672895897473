/* IPv4 identifications of what leaves with another source than it came with (RFC 6864, RFC 7857 9).
 *
 * A datagram is put together from pieces by its addresses, protocol and identification. Several insides that leave by
 * one outside address each count their own, and sooner or later two of them use the same: so each datagram gets a new
 * one, counted by source, destination and protocol. Counters are shared by those that a keyed hash puts together, which
 * only makes them run faster, and begin where nobody can guess for each pair of addresses: what one destination sees
 * tells nothing of what goes to others.
 *
 * What has been cut already keeps one for all its pieces: the first takes it (fragment.h). What must not be cut and has
 * not been has no identification that means anything (RFC 6864 4.1), and keeps the one that it has. A packet that
 * stands for several segments is cut into them with one identification after the other, so it takes as many.
 */
#include "engine/inside.h"
#include "translate/rewrite.h"
#include "wire/wire.h"

enum { SEGMENT_LEAST = 500 }; /* bytes of a joined packet that each of its segments has at least, in all but malice */

void identify_start(struct tg_engine *engine)
{
    const uint64_t *secret = engine->secret;
    /* another stream than those that other tables draw from the same secret */
    hash_key_init(&engine->numbering, (const uint64_t[4]){secret[3], secret[2], secret[1], ~secret[0]});
}

uint16_t identify(struct tg_engine *engine, const struct tg_packet *packet, struct tg_addr src, struct tg_addr dst)
{
    const struct tg_tuple between = {src, dst, 0, 0, TG_IPV4, packet->outer.tuple.proto};
    uint32_t hash = hash_tuple(&engine->numbering, &between);
    _Atomic uint32_t *counter = &engine->numbers[hash % IDENTIFY_COUNTERS];
    uint32_t number = atomic_fetch_add_explicit(counter, 1 + packet->wire_len / SEGMENT_LEAST, memory_order_relaxed);
    return (uint16_t)(number + (hash >> 16));
}

bool identify_is_due(const struct tg_packet *packet, struct tg_addr src)
{
    return identify_may_be_due(packet) && !tg_addr_equal(packet->outer.tuple.src, src);
}

void identify_whole(struct tg_engine *engine, struct tg_packet *packet)
{
    if (packet->fragment || !identify_may_be_due(packet))
        return;
    struct tg_addr src = tg_addr_load(TG_IPV4, packet->data + IP4_SRC);
    if (!tg_addr_equal(packet->outer.tuple.src, src))
        rewrite_identification(packet, identify(engine, packet, src, tg_addr_load(TG_IPV4, packet->data + IP4_DST)));
}
