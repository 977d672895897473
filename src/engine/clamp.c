/* The segment size that TCP agrees on, held to what the zones of a connection carry (`mss-clamp`). */
#include "engine/inside.h"
#include "translate/mss.h"
#include "wire/wire.h"

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
    if (v->action != TG_ACCEPT || packet->kind != TG_TRANSPORT_TCP || !(packet->tcp.flags & TG_TCP_SYN) ||
        v->as_it_stands || !(is_clamping(p, v->zone_in) || is_clamping(p, v->zone_out)))
        return false;
    uint32_t headers = packet->outer.tuple.family == TG_IPV4 ? IP4_HEADER + TCP_HEADER : IP6_HEADER + TCP_HEADER;
    uint32_t in = mtu_of(p, v->zone_in), out = mtu_of(p, v->zone_out), mtu = in < out ? in : out;
    uint32_t most = mtu - headers;
    return mss_clamp(p->packet, most > UINT16_MAX ? UINT16_MAX : (uint16_t)most);
}
