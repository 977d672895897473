#include "replay/order.h"

#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((size_t)16 << 20)

/* One that was put here. Whoever frees its item frees it. */
struct entry {
    struct order_item item;
    struct entry *next;
    size_t size;
    uint8_t bytes[];
};
_Static_assert(offsetof(struct entry, item) == 0, "an entry is freed by its item");

struct order {
    struct waiting waiting;
    struct entry *first, **end;
    size_t bytes;
};

struct order *order_new(void)
{
    struct order *order = calloc(1, sizeof *order);
    if (order)
        order->end = &order->first;
    return order;
}

void order_free(struct order *order)
{
    if (!order)
        return;
    while (order->first) {
        struct entry *entry = order->first;
        order->first = entry->next;
        free(entry);
    }
    free(order);
}

bool order_is_empty(const struct order *order)
{
    return !order->first;
}

bool order_is_full(const struct order *order)
{
    return order->bytes >= MOST_BYTES;
}

bool order_admits(const struct order *order, const struct tg_packet *packet)
{
    return waiting_admits(&order->waiting, packet);
}

bool order_put(struct order *order, const struct order_item *item, bool keep_bytes)
{
    const uint8_t *bytes = item->is_ip ? item->packet.data : item->frame.bytes;
    size_t len = item->is_ip ? item->packet.len : item->frame.len;
    if (!keep_bytes && !item->verdict.hold)
        len = 0;
    struct entry *entry = malloc(sizeof *entry + len);
    if (!entry)
        return false;
    entry->item = *item;
    entry->next = NULL;
    entry->size = sizeof *entry + len;
    if (len)
        memcpy(entry->bytes, bytes, len);
    struct order_item *copy = &entry->item;
    copy->packet.data = entry->bytes;
    copy->frame.bytes = entry->bytes;
    copy->frame.interface = NULL;
    if (item->verdict.hold &&
        !waiting_add(&order->waiting, &copy->packet, copy->arrival.now, (uint64_t)(uintptr_t)copy)) {
        free(entry);
        return false;
    }
    *order->end = entry;
    order->end = &entry->next;
    order->bytes += entry->size;
    return true;
}

static struct order_item *item_of(uint64_t ticket)
{
    return (struct order_item *)(uintptr_t)ticket;
}

struct order_item *order_followed(struct order *order, const struct tg_packet *first)
{
    uint64_t ticket;
    return waiting_take(&order->waiting, first, &ticket) ? item_of(ticket) : NULL;
}

struct order_item *order_over(struct order *order, uint64_t now)
{
    uint64_t ticket, before = now == UINT64_MAX ? now : now - WAITING_TIME;
    if (now < WAITING_TIME || !waiting_give_up(&order->waiting, before, &ticket))
        return NULL;
    return item_of(ticket);
}

struct order_item *order_next(struct order *order)
{
    struct entry *entry = order->first;
    if (!entry || entry->item.verdict.hold)
        return NULL;
    order->first = entry->next;
    if (!order->first)
        order->end = &order->first;
    order->bytes -= entry->size;
    return &entry->item;
}
