/* Any bytes as packets, through the engine.
 *
 * The input is a row of packets, each behind four bytes: how it arrives, how much time has passed, and its length (two
 * bytes). Where it says so its checksums are made right first, or nothing but malformed packets would be found. What
 * must hold is in engine.h.
 */
#include "engine.h"

enum { ZONE = 3, HALF = 4, COPY = 8, FIND = 16, MEND = 32, LOAD = 64, CUT = 128 };

/* Make the checksums right, as far as there is something to sum. */
static void mend(struct bytes *b)
{
    uint8_t proto;
    uint32_t header = (b->at[0] & 15) * 4u;
    bool is_ipv4 = b->at[0] >> 4 == 4;
    if (b->len < (is_ipv4 ? 20u : 40u) || (is_ipv4 && (header < 20 || header > b->len)))
        return;
    uint32_t at = find_transport(b->at, b->len, &proto);
    bool has_length = proto == TG_PROTO_UDP || proto == TG_PROTO_UDPLITE;
    if (at > b->len || (has_length && (b->len - at < 8 || get16(b->at + at + 4) > b->len - at))) {
        if (is_ipv4) {
            put16(b->at + 10, 0);
            put16(b->at + 10, ~naive_sum(b->at, header, 0) & 0xffff);
        }
        return;
    }
    seal_checksums(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t zones[] = {WAN, LAN, GUEST, ROUTER};
    struct fuzzed f = begin();
    uint64_t now = TG_SECOND;
    while (size >= 4) {
        uint8_t how = data[0];
        struct bytes b = {.len = get16(data + 2)};
        struct tg_verdict verdict;
        struct tg_arrival arrival = {.zone_in = zones[how & ZONE],
                                     .half = how & HALF,
                                     .may_be_copy = how & COPY,
                                     .find_zone = how & FIND,
                                     .can_hold = how & FIND};
        now += (uint64_t)data[1] * data[1] * TG_SECOND / 16; /* up to 68 minutes */
        arrival.now = now;
        if (b.len > size - 4)
            b.len = (uint32_t)size - 4;
        if (b.len > sizeof b.at)
            b.len = sizeof b.at;
        memcpy(b.at, data + 4, b.len);
        size -= 4 + b.len;
        data += 4 + b.len;
        if (how & MEND)
            mend(&b);
        if (how & LOAD)
            load_next(&f);
        judge(&f, b.at, b.len, b.len + (how & CUT ? 1000 : 0), &arrival, &verdict);
    }
    end(&f);
    return 0;
}
