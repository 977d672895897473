/* Fragments: the first is judged like any packet, and the others go its way (fragment.h). */
#include "connection/tcp.h"
#include "engine/inside.h"
#include "translate/rewrite.h"

static void refuse_fragment(struct passage *p)
{
    conclude(p, TG_DROP, TG_REASON_FRAGMENT, TG_STATE_INVALID, TG_NO_STATEMENT);
}

/* Rewrite the addresses of a later fragment, or as much of them as this hook allows. */
static void translate_later(struct passage *p)
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
    p->verdict->log = false; /* its first has been */
    if (p->verdict->translation != TG_TRANSLATE_NONE)
        translate_later(p);
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
                                    .length = p->packet->fragment_length};
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

bool finish_later(struct tg_engine *engine, struct tg_packet *packet)
{
    struct tg_tuple to;
    if (!fragment_find_half(engine->fragments, packet, &to))
        return false;
    rewrite_packet(packet, &to);
    return true;
}
