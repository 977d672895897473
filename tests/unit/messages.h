/* What the tests and fuzz targets of helpers share (src/helper): a message as a line of text, and what must hold of
 * every message, whatever its bytes.
 *
 * Messages are read from a block of memory that ends with them, so that reading one byte too far is seen.
 */
#ifndef TESTS_MESSAGES_H
#define TESTS_MESSAGES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/helper.h"
#include "tidegate/packet.h"

enum { MESSAGE_MOST = 2 * HELPER_LONGEST };

/* Who sends a message: by what it is read. */
struct speaker {
    enum helper_kind kind;
    bool is_reply;
    uint16_t port;
};

static inline void read_copy(const struct speaker *from, const uint8_t *bytes, uint32_t len, struct helper_message *m)
{
    uint8_t *copy = malloc(len);
    if (copy == NULL && len != 0)
        abort();
    if (len != 0)
        memcpy(copy, bytes, len);
    memset(m, 0xa5, sizeof *m); /* what it does not say must not be relied on */
    helper_read(from->kind, from->is_reply, from->port, copy, len, m);
    free(copy);
}

/* ---- as text ---- */

static inline size_t item_text(const struct helper_item *item, char *out, size_t room)
{
    static const char *const roles[] = {
        [HELPER_LISTENS] = "listens", [HELPER_REPEATS] = "repeats", [HELPER_MENTIONS] = "mentions"};
    char addr[TG_ADDR_TEXT] = "*", proto[8] = "";
    if (item->has_addr)
        tg_addr_format(item->family, item->addr, addr);
    if (item->role != HELPER_MENTIONS)
        snprintf(proto, sizeof proto, " %s", item->proto == TG_PROTO_TCP ? "tcp" : "udp");
    return (size_t)snprintf(out, room, "%s%s %s port %u%s%s", roles[item->role], proto, addr, item->port,
                            item->ports == 2 ? "+1" : "", item->once ? " once" : "");
}

/* "listens tcp 192.168.1.10 port 1025 once, …"; "" for a message that says nothing, "incomplete", "foreign". */
static inline const char *message_text(const struct helper_message *m, char *out, size_t room)
{
    size_t at = 0;
    out[0] = '\0';
    if (m->is_foreign)
        return "foreign";
    if (m->len == 0)
        return "incomplete";
    for (uint32_t i = 0; i < m->count && at < room - 100; i++) {
        at += (size_t)snprintf(out + at, room - at, "%s", i > 0 ? ", " : "");
        at += item_text(&m->items[i], out + at, room - at);
    }
    return out;
}

/* ---- writing all of it anew ---- */

struct spot_edit {
    struct helper_spot spot;
    char text[HELPER_WRITTEN];
    uint32_t len;
};

/* The address that all items are given, and the port of each, of the same parity. */
static inline struct tg_addr new_address(void)
{
    return tg_ipv4(0xcb00714d); /* 203.0.113.77 */
}

static inline uint16_t new_port(const struct helper_item *item, uint32_t i)
{
    return (uint16_t)(20000 + 4 * i + item->port % 2);
}

static inline bool is_written(const struct helper_item *item)
{
    return item->family == TG_IPV4 || !item->has_addr;
}

static inline void add_spot(struct spot_edit *edits, size_t *count, const uint8_t *bytes,
                            const struct helper_spot *spot, uint16_t port)
{
    size_t i = (*count)++;
    for (; i > 0 && edits[i - 1].spot.at > spot->at; i--)
        edits[i] = edits[i - 1];
    edits[i].spot = *spot;
    edits[i].len =
        helper_write((enum helper_form)spot->form, bytes + spot->at, spot->len, new_address(), port, edits[i].text);
}

/* => the new length; `out` has room for MESSAGE_MOST */
static inline uint32_t write_anew(const struct helper_message *m, const uint8_t *bytes, uint32_t len, uint8_t *out)
{
    struct spot_edit edits[HELPER_ITEMS * HELPER_SPOTS + 1];
    size_t count = 0;
    uint32_t growth = 0, from = 0, to = 0;
    for (uint32_t i = 0; i < m->count; i++)
        for (uint8_t s = 0; is_written(&m->items[i]) && s < m->items[i].spot_count; s++)
            add_spot(edits, &count, bytes, &m->items[i].spots[s], new_port(&m->items[i], i));
    for (size_t i = 0; i < count; i++)
        growth += edits[i].spot.at >= m->body ? edits[i].len - edits[i].spot.len : 0;
    if (m->has_length)
        add_spot(edits, &count, bytes, &m->length, (uint16_t)(m->body_len + growth));
    for (size_t i = 0; i < count; i++) {
        memcpy(out + to, bytes + from, edits[i].spot.at - from);
        to += edits[i].spot.at - from;
        memcpy(out + to, edits[i].text, edits[i].len);
        to += edits[i].len;
        from = (uint32_t)edits[i].spot.at + edits[i].spot.len;
    }
    memcpy(out + to, bytes + from, len - from);
    return to + len - from;
}

/* ---- what must hold ---- */

/* => what is wrong with the places, or NULL */
static inline const char *spots_fault(const struct helper_message *m, uint32_t len)
{
    static bool taken[HELPER_LONGEST];
    memset(taken, 0, sizeof taken);
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->items[i].spot_count > HELPER_SPOTS)
            return "an item has more places than there are";
        for (uint8_t s = 0; s < m->items[i].spot_count; s++) {
            const struct helper_spot *spot = &m->items[i].spots[s];
            if (spot->len == 0 || (uint32_t)spot->at + spot->len > len || spot->form > HELPER_ENDPOINT)
                return "a place is not within the message";
            for (uint32_t at = spot->at; at < (uint32_t)spot->at + spot->len; at++) {
                if (taken[at])
                    return "two places overlap";
                taken[at] = true;
            }
        }
    }
    if (m->has_length && (m->length.len == 0 || (uint32_t)m->length.at + m->length.len > m->body || m->body > len))
        return "the length of the body stands nowhere";
    if (m->has_length && (uint32_t)m->body + m->body_len > len)
        return "the body does not end";
    return NULL;
}

static inline const char *items_fault(const struct helper_message *m)
{
    if (m->count > HELPER_ITEMS)
        return "there are more items than there is room for";
    for (uint32_t i = 0; i < m->count; i++) {
        const struct helper_item *item = &m->items[i];
        bool is_open = item->role != HELPER_MENTIONS;
        if (item->role > HELPER_MENTIONS || (is_open && item->proto != TG_PROTO_TCP && item->proto != TG_PROTO_UDP))
            return "an item is nothing that there is";
        if (is_open && (item->ports < 1 || item->ports > 2 || item->port == 0))
            return "an item has no port";
        if (item->ports == 2 && item->port % 2 != 0)
            return "a pair begins with an odd port";
        if (item->has_addr && item->family != TG_IPV4 && item->family != TG_IPV6)
            return "an address has no family";
    }
    return NULL;
}

/* Written anew and read again, each item has the address and port that it was given. */
static inline const char *anew_fault(const struct speaker *from, const struct helper_message *m, const uint8_t *bytes,
                                     uint32_t len)
{
    uint8_t anew[MESSAGE_MOST];
    struct helper_message again;
    if (m->count == 0 || len > HELPER_LONGEST - HELPER_ITEMS * HELPER_SPOTS * HELPER_WRITTEN)
        return NULL;
    uint32_t anew_len = write_anew(m, bytes, len, anew);
    read_copy(from, anew, anew_len, &again);
    if (again.len + len != m->len + anew_len || again.count != m->count)
        return "written anew it is another message";
    for (uint32_t i = 0; i < m->count; i++) {
        const struct helper_item *a = &m->items[i], *b = &again.items[i];
        if (!is_written(a))
            continue;
        uint16_t port = a->spot_count == 0 ? a->port : a->port == 0 ? 0 : new_port(a, i);
        if (a->role != b->role || a->ports != b->ports || a->proto != b->proto || b->port != port)
            return "written anew an item is another";
        if (a->has_addr && !tg_addr_equal(b->addr, new_address()))
            return "written anew an address is another";
    }
    return NULL;
}

/* Read a message; => what is wrong with what was read, or NULL */
static inline const char *message_fault(const struct speaker *from, const uint8_t *bytes, uint32_t len,
                                        struct helper_message *m)
{
    read_copy(from, bytes, len, m);
    uint32_t looked_at = len < HELPER_LONGEST ? len : HELPER_LONGEST;
    const char *fault = items_fault(m);
    if (fault == NULL && (m->is_foreign || m->len == 0) && m->count != 0)
        fault = "what is incomplete or foreign says something";
    if (fault == NULL)
        fault = spots_fault(m, looked_at);
    if (fault == NULL && m->len <= len)
        fault = anew_fault(from, m, bytes, len);
    return fault;
}

#endif
