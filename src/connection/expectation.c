#include "connection/expectation.h"

#include <stdlib.h>
#include <string.h>

/* Of so many connections one may be read by a helper. */
enum { CONNECTIONS_EACH = 32, LEAST = 16, MOST = 4096, EXPECTATIONS_EACH = 4 };

struct expectation_table {
    /* immutable */
    struct hash_key key;
    struct mapping_table *mappings;
    struct assisted *assisted;
    struct expectation *expectations;
    _Atomic uint32_t *chains; /* as many as expectations: the first of each */
    uint32_t assisted_room, room;

    /* protected by the connection table's lock */
    uint32_t free_assisted, touched_assisted;
    uint32_t free, touched;
};

static uint32_t assisted_room_of(uint32_t room)
{
    uint32_t wanted = room / CONNECTIONS_EACH;
    return wanted < LEAST ? LEAST : wanted > MOST ? MOST : wanted;
}

size_t expectation_table_size(uint32_t room)
{
    size_t assisted = assisted_room_of(room);
    return sizeof(struct expectation_table) + assisted * sizeof(struct assisted) +
           assisted * EXPECTATIONS_EACH * (sizeof(struct expectation) + sizeof(uint32_t));
}

struct expectation_table *expectation_table_new(uint32_t room, struct mapping_table *mappings, const uint64_t secret[4])
{
    struct expectation_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->mappings = mappings;
    table->assisted_room = assisted_room_of(room);
    table->room = table->assisted_room * EXPECTATIONS_EACH;
    table->assisted = calloc(table->assisted_room, sizeof *table->assisted);
    table->expectations = calloc(table->room, sizeof *table->expectations);
    table->chains = calloc(table->room, sizeof *table->chains);
    if (table->assisted == NULL || table->expectations == NULL || table->chains == NULL) {
        expectation_table_free(table);
        return NULL;
    }
    for (uint32_t i = 0; i < table->room; i++)
        atomic_store_explicit(&table->chains[i], EXPECTATION_NONE, memory_order_relaxed);
    table->free = table->free_assisted = EXPECTATION_NONE;
    /* another stream of numbers than the other tables draw from the same secret */
    const uint64_t other[4] = {secret[1], ~secret[0], secret[3], ~secret[2]};
    hash_key_init(&table->key, other);
    return table;
}

void expectation_table_free(struct expectation_table *table)
{
    if (table == NULL)
        return;
    free(table->assisted);
    free(table->expectations);
    free(table->chains);
    free(table);
}

struct assisted *assisted_at(struct expectation_table *table, uint32_t number)
{
    return &table->assisted[number];
}

struct expectation *expectation_at(struct expectation_table *table, uint32_t number)
{
    return &table->expectations[number];
}

/* ---- finding ---- */

static _Atomic uint32_t *chain_of(const struct expectation_table *table, const struct tg_tuple *tuple)
{
    struct tg_tuple from_any = *tuple;
    from_any.sport = 0;
    uint32_t hash = hash_tuple(&table->key, &from_any);
    return &table->chains[(uint64_t)hash * table->room >> 32];
}

bool expectation_may(const struct expectation_table *table, const struct tg_tuple *tuple)
{
    return atomic_load_explicit(chain_of(table, tuple), memory_order_relaxed) != EXPECTATION_NONE;
}

static bool is_over(const struct expectation *e, uint32_t tick)
{
    return (int32_t)(tick - e->deadline) >= 0;
}

static uint32_t find(const struct expectation_table *table, const struct tg_tuple *tuple)
{
    struct tg_tuple from_any = *tuple;
    from_any.sport = 0;
    uint32_t i = atomic_load_explicit(chain_of(table, tuple), memory_order_relaxed);
    while (i != EXPECTATION_NONE && !tg_tuple_equal(&table->expectations[i].tuple, &from_any))
        i = table->expectations[i].next_found;
    return i;
}

uint32_t expectation_find(struct expectation_table *table, const struct tg_tuple *tuple, uint32_t tick)
{
    uint32_t i = find(table, tuple);
    if (i == EXPECTATION_NONE || table->expectations[i].is_taken || is_over(&table->expectations[i], tick))
        return EXPECTATION_NONE;
    return i;
}

static uint32_t find_of(const struct expectation_table *table, uint32_t assisted, enum conn_direction by, uint8_t proto,
                        uint16_t port, bool is_outside, uint32_t tick)
{
    uint32_t i = table->assisted[assisted].first;
    for (; i != EXPECTATION_NONE; i = table->expectations[i].next_of_assisted) {
        const struct expectation *e = &table->expectations[i];
        if (e->by == by && e->tuple.proto == proto && (is_outside ? e->tuple.dport : e->port) == port &&
            !is_over(e, tick))
            break;
    }
    return i;
}

uint32_t expectation_of(struct expectation_table *table, uint32_t assisted, enum conn_direction by, uint8_t proto,
                        uint16_t port, uint32_t tick)
{
    return find_of(table, assisted, by, proto, port, false, tick);
}

uint32_t expectation_outside(struct expectation_table *table, uint32_t assisted, enum conn_direction by, uint8_t proto,
                             uint16_t port, uint32_t tick)
{
    return find_of(table, assisted, by, proto, port, true, tick);
}

/* ---- coming and going ---- */

static void unlink_found(struct expectation_table *table, uint32_t number)
{
    struct expectation *e = &table->expectations[number];
    _Atomic uint32_t *chain = chain_of(table, &e->tuple);
    uint32_t i = atomic_load_explicit(chain, memory_order_relaxed);
    if (i == number) {
        atomic_store_explicit(chain, e->next_found, memory_order_relaxed);
        return;
    }
    while (table->expectations[i].next_found != number)
        i = table->expectations[i].next_found;
    table->expectations[i].next_found = e->next_found;
}

static void remove_expectation(struct expectation_table *table, uint32_t number)
{
    struct expectation *e = &table->expectations[number];
    struct assisted *a = &table->assisted[e->assisted];
    uint32_t *link = &a->first;
    unlink_found(table, number);
    while (*link != number)
        link = &table->expectations[*link].next_of_assisted;
    *link = e->next_of_assisted;
    a->count--;
    if (e->mapping != MAPPING_NONE)
        mapping_release(table->mappings, e->mapping);
    e->assisted = EXPECTATION_NONE;
    e->next_found = table->free;
    table->free = number;
}

/* Those whose time is over make room, once all places are taken. */
static uint32_t take(struct expectation_table *table, uint32_t tick)
{
    if (table->free == EXPECTATION_NONE && table->touched < table->room)
        return table->touched++;
    for (uint32_t i = 0; table->free == EXPECTATION_NONE && i < table->room; i++)
        if (is_over(&table->expectations[i], tick))
            remove_expectation(table, i);
    uint32_t number = table->free;
    if (number != EXPECTATION_NONE)
        table->free = table->expectations[number].next_found;
    return number;
}

static uint32_t oldest_of(const struct expectation_table *table, const struct assisted *a)
{
    uint32_t i = a->first;
    while (table->expectations[i].next_of_assisted != EXPECTATION_NONE)
        i = table->expectations[i].next_of_assisted;
    return i;
}

uint32_t expectation_add(struct expectation_table *table, const struct expectation *wanted, uint32_t tick)
{
    struct assisted *a = &table->assisted[wanted->assisted];
    uint32_t other = find(table, &wanted->tuple), number;
    if (other != EXPECTATION_NONE && !is_over(&table->expectations[other], tick))
        return EXPECTATION_NONE;
    if (other != EXPECTATION_NONE)
        remove_expectation(table, other);
    if (a->count == EXPECTATION_EACH)
        remove_expectation(table, oldest_of(table, a));
    if ((number = take(table, tick)) == EXPECTATION_NONE)
        return EXPECTATION_NONE;
    struct expectation *e = &table->expectations[number];
    _Atomic uint32_t *chain = chain_of(table, &wanted->tuple);
    *e = *wanted;
    e->next_of_assisted = a->first;
    a->first = number;
    a->count++;
    e->next_found = atomic_load_explicit(chain, memory_order_relaxed);
    atomic_store_explicit(chain, number, memory_order_relaxed);
    expectation_renew(table, number, tick);
    return number;
}

void expectation_remove(struct expectation_table *table, uint32_t number, uint32_t assisted)
{
    if (table->expectations[number].assisted == assisted)
        remove_expectation(table, number);
}

void expectation_renew(struct expectation_table *table, uint32_t number, uint32_t tick)
{
    table->expectations[number].deadline = tick + CONN_SECONDS(EXPECTATION_SECONDS);
    table->expectations[number].is_taken = false;
}

void assisted_begin(struct expectation_table *table, struct conn *conn, enum helper_kind kind)
{
    uint32_t number = table->free_assisted;
    if (number != EXPECTATION_NONE)
        table->free_assisted = table->assisted[number].first;
    else if (table->touched_assisted < table->assisted_room)
        number = table->touched_assisted++;
    else
        return;
    conn->assisted = number;
    table->assisted[number] =
        (struct assisted){.control = *conn, .kind = (uint8_t)kind, .uses = 1, .first = EXPECTATION_NONE};
}

void assisted_hold(struct expectation_table *table, struct conn *conn, uint32_t number)
{
    conn->assisted = number;
    conn->flags |= CONN_ANNOUNCED;
    table->assisted[number].uses++;
}

void assisted_leave(struct expectation_table *table, struct conn *conn)
{
    struct assisted *a = &table->assisted[conn->assisted];
    while (!(conn->flags & CONN_ANNOUNCED) && a->first != EXPECTATION_NONE)
        remove_expectation(table, a->first);
    if (--a->uses == 0) {
        a->first = table->free_assisted;
        table->free_assisted = conn->assisted;
    }
    conn->assisted = CONN_NONE;
}
