/* Fragments: the first is judged like any packet, and the others go its way (fragment.h). */
#include "connection/tcp.h"
#include "engine/inside.h"
#include "translate/rewrite.h"

static void refuse_fragment(struct passage *p)
{
    conclude(p, TG_DROP, TG_REASON_FRAGMENT, TG_STATE_INVALID, TG_NO_STATEMENT);
}

/* Rewrite the addresses of a later fragment, or as much of them as this hook allows. */
static void translate_later(struct passage *p, uint16_t number)
{
    struct tg_tuple *leaves = &p->verdict->to;
    const struct tg_tuple *came = &p->packet->outer.tuple;
    leaves->sport = leaves->dport = 0;
    struct tg_tuple to = *leaves;
    p->verdict->translation = TG_TRANSLATE_WHOLE;
    if (p->arrival->half && !tg_addr_equal(came->src, to.src) && !tg_addr_equal(came->dst, to.dst)) {
        p->verdict->translation = TG_TRANSLATE_HALF;
        to.src = came->src;
    }
    rewrite_packet(p->packet, &to);
    if (p->verdict->translation == TG_TRANSLATE_WHOLE && identify_is_due(p->packet, to.src))
        rewrite_identification(p->packet, number);
}

/* The identification that a datagram leaves with; its first fragment gets it here, unless it is to come by again. */
static uint16_t number_first(struct passage *p)
{
    const struct tg_tuple *to = &p->verdict->to;
    if (p->verdict->translation == TG_TRANSLATE_NONE || !identify_is_due(p->packet, to->src))
        return 0;
    uint16_t number = identify(p->engine, p->packet, to->src, to->dst);
    if (p->verdict->translation == TG_TRANSLATE_WHOLE)
        rewrite_identification(p->packet, number);
    return number;
}

static struct fragment_moment moment_of(const struct passage *p)
{
    return (struct fragment_moment){p->verdict->zone_in, p->load->generation, p->tick};
}

/* A TCP segment is as long as all its fragments: what was sent, and may be acknowledged. */
static void lengthen(const struct passage *p, const struct fragment_first *first)
{
    enum conn_direction direction;
    const struct tg_packet *packet = p->packet;
    if (first->tuple.proto != TG_PROTO_TCP || first->verdict.action != TG_ACCEPT || first->verdict.as_it_stands)
        return;
    struct conn *conn = conn_find(p->engine->table, &first->tuple, &direction);
    if (conn == NULL)
        return;
    uint32_t more = (uint32_t)packet->fragment_offset + packet->fragment_length - first->length;
    tcp_lengthen(conn, direction, first->tcp_end + more);
    conn_unlock(conn);
}

static void judge_later(struct passage *p)
{
    const struct fragment_moment at = moment_of(p);
    struct fragment_first first;
    switch (fragment_place(p->engine->fragments, p->packet, &at, &first)) {
    case FRAGMENT_FOLLOWS: break;
    case FRAGMENT_WAITS:
        p->verdict->hold = p->arrival->can_hold;
        refuse_fragment(p);
        return;
    default: refuse_fragment(p); return;
    }
    lengthen(p, &first);
    *p->verdict = first.verdict;
    p->verdict->log = p->verdict->answer = false; /* its first has been */
    if (p->verdict->translation != TG_TRANSLATE_NONE)
        translate_later(p, first.number);
}

static void judge_first(struct passage *p)
{
    const struct fragment_moment at = moment_of(p);
    struct fragment_first first;
    if (fragment_place(p->engine->fragments, p->packet, &at, &first) != FRAGMENT_BEGINS) {
        refuse_fragment(p);
        return;
    }
    judge_whole(p);
    first = (struct fragment_first){.verdict = *p->verdict,
                                    .tuple = p->packet->outer.tuple,
                                    .tcp_end = tcp_end_of(p->packet),
                                    .length = p->packet->fragment_length,
                                    .number = number_first(p)};
    fragment_note_first(p->engine->fragments, p->packet, &at, &first);
}

void judge_fragment(struct passage *p)
{
    if (p->packet->kind == TG_TRANSPORT_LATER)
        judge_later(p);
    else
        judge_first(p);
}

void refuse_rest(struct passage *p)
{
    const struct fragment_moment at = moment_of(p);
    if (p->packet->fragment && p->packet->fragment_offset == 0)
        fragment_condemn(p->engine->fragments, p->packet, &at);
}

bool finish_fragment(struct tg_engine *engine, struct tg_packet *packet)
{
    struct fragment_first first;
    if (!fragment_find_half(engine->fragments, packet, &first))
        return false;
    struct tg_tuple to = first.verdict.to;
    if (packet->kind == TG_TRANSPORT_LATER) {
        to.sport = to.dport = 0;
        rewrite_packet(packet, &to);
    }
    if (identify_is_due(packet, to.src))
        rewrite_identification(packet, first.number);
    return true;
}
