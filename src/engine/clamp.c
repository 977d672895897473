/* The segment size that TCP agrees on, held to what the zones of a connection carry (`mss-clamp`). Where a helper may
 * make segments longer they must still fit: hosts forbid to cut them, and who sent them could not be told of a size
 * that he has kept to. (Over UDP there is nothing to agree on; SIP itself leaves 200 bytes, RFC 3261 18.1.1.) */
#include "engine/inside.h"
#include "translate/mss.h"
#include "wire/wire.h"

enum { GROWTH = 64 }; /* a few addresses and ports, written anew */

static bool is_clamping(const struct passage *p, uint8_t zone)
{
    const struct tg_zone *z = tg_policy_zone(p->load->policy, zone);
    return z != NULL && z->mss_clamp;
}

static uint32_t mtu_of(const struct passage *p, uint8_t zone)
{
    bool is_link = zone != TG_ZONE_NONE && zone != TG_ZONE_ROUTER;
    return is_link ? tg_network_mtu(p->load->network, zone) : UINT32_MAX;
}

bool clamp_mss(const struct passage *p)
{
    const struct tg_packet *packet = p->packet;
    const struct tg_verdict *v = p->verdict;
    bool is_ipv4 = packet->outer.tuple.family == TG_IPV4, is_growing = is_ipv4 && p->is_assisted;
    if (!is_growing && !is_clamping(p, v->zone_in) && !is_clamping(p, v->zone_out))
        return false;
    uint32_t headers = is_ipv4 ? IP4_HEADER + TCP_HEADER : IP6_HEADER + TCP_HEADER;
    uint32_t in = mtu_of(p, v->zone_in), out = mtu_of(p, v->zone_out), mtu = in < out ? in : out;
    uint32_t taken = headers + (is_growing ? GROWTH : 0), most = mtu > taken ? mtu - taken : 1;
    return mss_clamp(p->packet, most > UINT16_MAX ? UINT16_MAX : (uint16_t)most);
}
