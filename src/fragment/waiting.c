#include "fragment/waiting.h"

#include <string.h>

bool waiting_admits(const struct waiting *waiting, const struct tg_packet *packet)
{
    const struct tg_tuple *t = &packet->outer.tuple;
    size_t of_source = 0;
    if (waiting->count == WAITING_MOST)
        return false;
    for (size_t i = 0; i < waiting->count; i++) {
        const struct tg_tuple *other = &waiting->places[i].packet.outer.tuple;
        of_source += other->family == t->family && tg_addr_equal(other->src, t->src);
    }
    return of_source < WAITING_OF_SOURCE;
}

bool waiting_add(struct waiting *waiting, const struct tg_packet *packet, uint64_t now, uint64_t ticket)
{
    if (!waiting_admits(waiting, packet))
        return false;
    waiting->ids[waiting->count] = packet->fragment_id;
    waiting->places[waiting->count++] = (struct waiting_place){*packet, now, ticket, false};
    return true;
}

static uint64_t take_out(struct waiting *waiting, size_t i)
{
    uint64_t ticket = waiting->places[i].ticket;
    size_t behind = --waiting->count - i;
    memmove(&waiting->ids[i], &waiting->ids[i + 1], behind * sizeof *waiting->ids);
    memmove(&waiting->places[i], &waiting->places[i + 1], behind * sizeof *waiting->places);
    return ticket;
}

static bool is_of(const struct waiting *waiting, size_t i, const struct tg_packet *packet)
{
    return waiting->ids[i] == packet->fragment_id && tg_packet_same_datagram(&waiting->places[i].packet, packet);
}

/* A fragment that is on its way.
 * => its place, or `count` */
static size_t coming(const struct waiting *waiting, const struct tg_packet *packet)
{
    size_t i = 0;
    while (i < waiting->count && !(waiting->places[i].ticket == 0 && is_of(waiting, i, packet) &&
                                   waiting->places[i].packet.fragment_offset == packet->fragment_offset))
        i++;
    return i;
}

bool waiting_arrive(struct waiting *waiting, const struct tg_packet *packet, uint64_t ticket)
{
    size_t i = coming(waiting, packet);
    if (i == waiting->count)
        return false;
    if (waiting->places[i].is_called) {
        (void)take_out(waiting, i);
        return false;
    }
    waiting->places[i].ticket = ticket;
    return true;
}

void waiting_cancel(struct waiting *waiting, const struct tg_packet *packet)
{
    size_t i = coming(waiting, packet);
    if (i < waiting->count)
        (void)take_out(waiting, i);
}

bool waiting_take(struct waiting *waiting, const struct tg_packet *first, uint64_t *ticket)
{
    for (size_t i = 0; i < waiting->count; i++) {
        if (!is_of(waiting, i, first))
            continue;
        if (waiting->places[i].ticket != 0) {
            *ticket = take_out(waiting, i);
            return true;
        }
        waiting->places[i].is_called = true;
    }
    return false;
}

bool waiting_give_up(struct waiting *waiting, uint64_t before, uint64_t *ticket)
{
    while (waiting->count != 0 && waiting->places[0].since <= before) {
        *ticket = take_out(waiting, 0);
        if (*ticket != 0)
            return true;
    }
    return false;
}

uint64_t waiting_oldest(const struct waiting *waiting)
{
    return waiting->count == 0 ? UINT64_MAX : waiting->places[0].since;
}
