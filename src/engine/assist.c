/* Helpers at work (src/helper): reading what control connections announce (announce.c), letting that through, and
 * writing the announcement anew where its sender is known by another address outside.
 *
 * The way of a packet of a control connection. Before it is judged, what it acknowledges is put as its receiver counts
 * (assist_hear()); when it passes, its numbers are put right, while judge_known() holds the connection (assist_pass()).
 * Its text is read when that has let go of it, with the table held, as what is announced takes outside ports
 * (assist_read()). Text is read once: what is sent again becomes what it was made the first time (sequence.h), whatever
 * has changed since, and announces nothing.
 */
#include <errno.h>
#include <string.h>

#include "connection/tcp.h"
#include "engine/reading.h"
#include "wire/wire.h"

_Static_assert(PAYLOAD_TEXT == HELPER_WRITTEN, "what is written is put in as it is");

int assist_prepare(struct tg_engine *engine, const struct tg_policy *policy)
{
    if (policy_helper(policy, 0) == NULL || engine->expectations != NULL)
        return 0;
    engine->expectations = expectation_table_new(conn_room(engine->table), engine->mappings, engine->secret);
    return engine->expectations != NULL ? 0 : -ENOMEM;
}

static struct assisted *assisted_of(const struct passage *p, const struct conn *conn)
{
    return assisted_at(p->engine->expectations, conn->assisted);
}

/* ---- a message ---- */

/* => the edit, in its place among the others */
static struct payload_edit *add_edit(struct reading *r, uint32_t at, uint32_t len)
{
    size_t i = r->count++;
    for (; i > 0 && r->edits[i - 1].at > at; i--)
        r->edits[i] = r->edits[i - 1];
    r->edits[i] = (struct payload_edit){.at = at, .len = len};
    return &r->edits[i];
}

static void write_spot(struct reading *r, uint32_t message, const struct helper_spot *spot, struct tg_addr addr,
                       uint16_t port)
{
    char text[HELPER_WRITTEN];
    const uint8_t *was = r->p->packet->data + message + spot->at;
    uint32_t len = helper_write((enum helper_form)spot->form, was, spot->len, addr, port, text);
    if (len == spot->len && memcmp(text, was, len) == 0)
        return;
    struct payload_edit *edit = add_edit(r, message + spot->at, spot->len);
    edit->new_len = len;
    memcpy(edit->text, text, len);
}

/* The length of a message's body, as it will be. */
static void write_length(struct reading *r, uint32_t at, const struct helper_message *message)
{
    int32_t growth = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->edits[i].at >= at + message->body)
            growth += (int32_t)r->edits[i].new_len - (int32_t)r->edits[i].len;
    if (growth != 0)
        write_spot(r, at, &message->length, (struct tg_addr){0, 0}, (uint16_t)(message->body_len + growth));
}

static void take_items(struct reading *r, uint32_t at, const struct helper_message *message)
{
    struct end end;
    for (uint32_t i = 0; i < message->count; i++) {
        const struct helper_item *item = &message->items[i];
        bool is_written = announce(r, item, &end) && r->in.family == TG_IPV4;
        for (uint8_t s = 0; is_written && s < item->spot_count; s++)
            write_spot(r, at, &item->spots[s], end.addr, end.port);
    }
    if (message->has_length)
        write_length(r, at, message);
}

/* Read the message at `at` of the packet's bytes, of which `len` are there. */
static void read_message(const struct reading *r, uint32_t at, uint32_t len, struct helper_message *message)
{
    helper_read((enum helper_kind)r->assisted->kind, r->direction == CONN_REPLY, r->in.sport, r->p->packet->data + at,
                len, message);
}

/* Write the packet anew, but for its first `old` edits only if there is room for all.
 * => false if there is none for those either */
static bool apply(struct reading *r, size_t old)
{
    struct passage *p = r->p;
    if (r->count > old && !payload_edit(p->packet, r->edits, r->count)) {
        announce_withdraw(r, 0);
        r->count = old;
    } else if (r->count > old) {
        p->is_edited = true;
        return true;
    }
    bool is_changed = old != 0 && payload_edit(p->packet, r->edits, old);
    p->is_edited |= is_changed;
    return is_changed || old == 0;
}

/* ---- streams ---- */

static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static void stop_reading(struct assisted *a)
{
    a->side[CONN_ORIGINAL].is_reading = a->side[CONN_REPLY].is_reading = false;
}

/* All text up to there has passed. None of it is read again: where it was not written anew at once its receiver may
 * have it as it was. */
static void go_on(struct assisted_side *side, uint32_t next, bool is_cut)
{
    side->next = next;
    side->is_cut = is_cut;
}

/* Where in a segment, of which some has not been read, a message begins: the next one; or, in the middle of something
 * or behind what has not been seen, what stands behind the end of a line.
 * => its offset, or `len` if there is none */
static uint32_t beginning(const struct assisted_side *side, uint32_t seq, const uint8_t *text, uint32_t len)
{
    bool is_unseen = is_before(side->next, seq);
    uint32_t at = is_unseen ? 0 : side->next - seq;
    if (!is_unseen && !side->is_cut)
        return at;
    const uint8_t *lf = memchr(text + at, '\n', len - at);
    return lf == NULL ? len : (uint32_t)(lf - text) + 1;
}

/* Whether a side has begun as its protocol does. Only its first text can tell. */
static bool has_greeted(const struct reading *r, struct assisted_side *side, const uint8_t *text, uint32_t len)
{
    if (!side->has_greeted && r->p->packet->tcp.seq == side->first)
        side->has_greeted = helper_greets((enum helper_kind)r->assisted->kind, r->direction == CONN_REPLY, text, len);
    return side->has_greeted;
}

/* The messages of a segment whose text, the `len` bytes at `start`, is new at least at its end. They are believed if
 * who began the connection speaks the protocol. `old`: edits that are there already. */
static void read_messages(struct reading *r, uint32_t start, uint32_t len, size_t old)
{
    struct helper_message message;
    struct assisted_side *side = &r->assisted->side[r->direction];
    bool is_believed = r->assisted->side[CONN_ORIGINAL].has_greeted;
    uint32_t seq = r->p->packet->tcp.seq, acked = r->conn->side[!r->direction].acked;
    const uint8_t *text = r->p->packet->data + start;
    uint32_t at = beginning(side, seq, text, len);
    bool is_cut = at == len && text[len - 1] != '\n';
    for (; at < len; at += message.len) {
        size_t count = r->count, added = r->added_count;
        read_message(r, start + at, len - at, &message);
        if (message.is_foreign) {
            stop_reading(r->assisted);
            return;
        }
        is_cut = message.len == 0;
        if (is_cut)
            break;
        if (is_believed)
            take_items(r, start + at, &message);
        if (!sequence_has_room(&side->shift, r->count - old, acked)) {
            announce_withdraw(r, added);
            r->count = count;
        }
    }
    go_on(side, seq + (is_cut ? len : at), is_cut);
}

/* => false if it holds text that was written anew, and cannot be so again */
static bool read_stream(struct reading *r)
{
    const struct tg_packet *packet = r->p->packet;
    struct assisted_side *side = &r->assisted->side[r->direction];
    uint32_t seq = packet->tcp.seq, len = packet->tcp.payload, start = packet->outer.end - len;
    size_t old = r->count = sequence_repeat(&side->shift, seq, len, start, r->edits);
    if (r->p->is_read && side->is_reading && is_before(side->next, seq + len)) {
        if (has_greeted(r, side, packet->data + start, len))
            read_messages(r, start, len, old);
        else
            go_on(side, seq + len, true);
    }
    if (!apply(r, old))
        return false;
    for (size_t i = old; i < r->count; i++)
        sequence_note(&side->shift, seq + (r->edits[i].at - start), &r->edits[i]);
    return true;
}

static void read_datagram(struct reading *r)
{
    struct helper_message message;
    const struct tg_packet *packet = r->p->packet;
    uint32_t start = packet->outer.transport + UDP_HEADER;
    uint32_t len = wire_get16(packet->data + packet->outer.transport + UDP_LENGTH) - UDP_HEADER;
    read_message(r, start, len, &message);
    take_items(r, start, &message);
    (void)apply(r, 0);
}

static bool read_packet(struct reading *r)
{
    r->assisted = assisted_of(r->p, r->conn);
    r->in = conn_tuple(r->conn, r->direction);
    r->back = conn_tuple(r->conn, !r->direction);
    if (r->conn->proto == TG_PROTO_TCP)
        return read_stream(r);
    read_datagram(r);
    return true;
}

void assist_read(struct passage *p)
{
    struct reading r = {.p = p};
    bool is_right = !p->is_repeated;
    lock_table(p);
    r.conn = conn_find(p->engine->table, &p->packet->outer.tuple, &r.direction);
    if (r.conn != NULL) {
        if (r.conn->assisted != CONN_NONE && !(r.conn->flags & CONN_ANNOUNCED))
            is_right = read_packet(&r);
        conn_unlock(r.conn);
    }
    conn_unlock_table(p->engine->table);
    if (is_right)
        return;
    conclude(p, TG_DROP, TG_REASON_INVALID, TG_STATE_INVALID, TG_NO_STATEMENT);
    p->verdict->translation = TG_TRANSLATE_NONE;
}

/* ---- the control connection ---- */

static bool is_asked_for(const struct passage *p, const struct conn *conn, uint8_t kind)
{
    return policy_helper_for(p->load->policy, conn->proto, conn_tuple_out(conn, CONN_ORIGINAL).dport) == kind;
}

/* A stream begins behind its SYN. What a SYN itself brings (RFC 7413) is not read, and so nothing else is. */
static void note_beginning(struct assisted_side *side, const struct tg_packet *packet)
{
    side->first = packet->tcp.seq + 1;
    side->is_reading = packet->tcp.payload == 0;
    go_on(side, side->first, false);
}

void assist_begin(struct passage *p, struct conn *conn)
{
    if (!p->load->has_helpers || is_picked_up(p->packet))
        return;
    enum helper_kind kind = policy_helper_for(p->load->policy, conn->proto, conn_tuple_out(conn, CONN_ORIGINAL).dport);
    if (kind == HELPER_NONE)
        return;
    assisted_begin(p->engine->expectations, conn, kind);
    if (conn->assisted == CONN_NONE)
        return;
    p->is_assisted = true;
    if (conn->proto == TG_PROTO_TCP)
        note_beginning(&assisted_of(p, conn)->side[CONN_ORIGINAL], p->packet);
    else
        p->is_read = !p->packet->cut && !p->packet->fragment;
}

bool assist_hear(struct passage *p, const struct conn *conn, enum conn_direction direction)
{
    struct tg_packet *packet = p->packet;
    if (conn->proto != TG_PROTO_TCP || (conn->flags & CONN_ANNOUNCED))
        return true;
    const struct assisted *a = assisted_of(p, conn);
    /* how much of a segment the fragments behind its first bring is not known yet */
    uint32_t len = packet->fragment ? UINT16_MAX : packet->tcp.payload;
    if ((packet->cut || packet->fragment) && sequence_meets(&a->side[direction].shift, packet->tcp.seq, len))
        return false;
    if (packet->tcp.flags & TG_TCP_ACK)
        packet->tcp.ack = sequence_back(&a->side[!direction].shift, packet->tcp.ack);
    return true;
}

/* What a segment, which is whole, has for assist_read(): anything that is new, if it is good for sure; and what was
 * written anew. */
static void find_text(struct passage *p, const struct conn *conn, struct assisted_side *side, bool counts)
{
    const struct tg_packet *packet = p->packet;
    uint32_t seq = packet->tcp.seq, len = packet->tcp.payload;
    if (packet->cut || packet->fragment || len == 0)
        return;
    bool is_new = counts && side->is_reading && is_before(side->next, seq + len);
    p->is_read = is_new && conn->state >= TCP_ESTABLISHED && conn->state <= TCP_CLOSING;
    p->is_repeated = sequence_meets(&side->shift, seq, len);
    if (is_new && !p->is_read)
        go_on(side, seq + len, true);
}

static void pass_segment(struct passage *p, const struct conn *conn, struct assisted *a, enum conn_direction direction,
                         bool counts)
{
    struct assisted_side *side = &a->side[direction];
    if (counts && (p->packet->tcp.flags & TG_TCP_SYN))
        note_beginning(side, p->packet);
    if (!is_asked_for(p, conn, a->kind))
        stop_reading(a); /* for good: what is missed now could not be made up for */
    sequence_advance(&side->shift, p->packet->tcp.seq);
    p->is_edited |= sequence_rewrite(p->packet, &side->shift, &a->side[!direction].shift);
    find_text(p, conn, side, counts);
}

void assist_pass(struct passage *p, const struct conn *conn, enum conn_direction direction, bool counts)
{
    if (conn->flags & CONN_ANNOUNCED)
        return;
    struct assisted *a = assisted_of(p, conn);
    p->is_assisted = true;
    if (conn->proto == TG_PROTO_TCP)
        pass_segment(p, conn, a, direction, counts);
    else
        p->is_read = is_asked_for(p, conn, a->kind) && p->packet->kind == TG_TRANSPORT_PORTS && !p->packet->cut &&
                     !p->packet->fragment;
}

void assist_restore(struct passage *p, const struct conn *conn, enum conn_direction direction)
{
    if (conn->proto != TG_PROTO_TCP || (conn->flags & CONN_ANNOUNCED))
        return;
    const struct assisted *a = assisted_of(p, conn);
    sequence_restore_quote(p->packet, &a->side[direction].shift, &a->side[!direction].shift);
}

/* ---- what it has announced ---- */

/* Whether the control connection of an entry lives: what it has announced comes no later. The table is held. */
static bool is_living(const struct passage *p, uint32_t number)
{
    enum conn_direction direction;
    const struct tg_tuple tuple = conn_tuple(&assisted_at(p->engine->expectations, number)->control, CONN_ORIGINAL);
    struct conn *conn = conn_find(p->engine->table, &tuple, &direction);
    if (conn == NULL)
        return false;
    bool is = conn->assisted == number && !(conn->flags & CONN_ANNOUNCED) && !conn_is_over(conn, p->tick) &&
              (conn->proto != TG_PROTO_TCP || (conn->state >= TCP_ESTABLISHED && conn->state < TCP_CLOSING));
    conn_unlock(conn);
    return is;
}

/* The expectation of a packet; the table is held. */
static uint32_t find_expected(const struct passage *p)
{
    struct expectation_table *table = p->engine->expectations;
    uint32_t number = expectation_find(table, &p->packet->outer.tuple, p->tick);
    bool is = number != EXPECTATION_NONE && is_living(p, expectation_at(table, number)->assisted);
    return is ? number : EXPECTATION_NONE;
}

/* Whether what let the control connection begin still does so, and the helper is still asked for.
 * => true with the statement */
static bool is_announcing(struct passage *p, const struct conn *control, uint8_t kind, uint32_t *statement)
{
    struct decision d;
    *statement = control->statement;
    if (control->generation == p->load->generation)
        return true;
    if (!is_asked_for(p, control, kind))
        return false;
    *statement = TG_NO_STATEMENT;
    if (p->load->needs_mac) /* who sent this need not be who began the control connection, which is asked by itself */
        return true;
    if (!would_allow(p, control, &d))
        return false;
    *statement = d.statement;
    return true;
}

bool assist_expects(struct passage *p, struct decision *d)
{
    const struct tg_tuple *t = &p->packet->outer.tuple;
    struct expectation_table *table = p->engine->expectations;
    struct expectation e = {.by = 0};
    struct conn control = {.family = 0};
    uint8_t kind = HELPER_NONE;
    uint32_t statement;
    if (!p->load->has_helpers || is_picked_up(p->packet) || !expectation_may(table, t))
        return false;
    lock_table(p);
    uint32_t number = find_expected(p);
    if (number != EXPECTATION_NONE) {
        e = *expectation_at(table, number);
        control = assisted_at(table, e.assisted)->control;
        kind = assisted_at(table, e.assisted)->kind;
    }
    conn_unlock_table(p->engine->table);
    if (number == EXPECTATION_NONE || p->verdict->zone_in != control.zone[!e.by] ||
        !is_announcing(p, &control, kind, &statement))
        return false;
    *d = (struct decision){
        .action = TG_ACCEPT,
        .statement = statement,
        .through = TG_ZONE_NONE,
        .announced = number,
        .inside = *t,
        .zone_in = control.zone[!e.by],
        .zone_out = control.zone[e.by],
    };
    d->inside.dst = e.inside;
    d->inside.dport = e.port;
    d->is_redirected = !tg_addr_equal(t->dst, e.inside) || t->dport != e.port;
    p->verdict->zone_out = d->zone_out;
    return true;
}

bool assist_hold(const struct passage *p, const struct decision *d, struct tg_addr *source, uint32_t *mapping)
{
    uint32_t number = find_expected(p); /* since assist_expects() the table was not held */
    if (number == EXPECTATION_NONE || number != d->announced)
        return false;
    const struct expectation *e = expectation_at(p->engine->expectations, number);
    if (!tg_addr_equal(e->inside, d->inside.dst) || e->port != d->inside.dport)
        return false;
    *source = e->source;
    *mapping = tg_addr_equal(e->source, d->inside.src) ? e->mapping : MAPPING_NONE;
    if (*mapping != MAPPING_NONE)
        mapping_hold(p->engine->mappings, *mapping);
    return true;
}

void assist_join(const struct passage *p, const struct decision *d, struct conn *conn)
{
    struct expectation *e = expectation_at(p->engine->expectations, d->announced);
    e->is_taken = e->once;
    assisted_hold(p->engine->expectations, conn, e->assisted);
}

bool assist_allows(struct passage *p, const struct conn *conn, uint32_t *statement)
{
    const struct assisted *a = assisted_of(p, conn);
    return is_announcing(p, &a->control, a->kind, statement);
}

void assist_leave(struct tg_engine *engine, struct conn *conn)
{
    if (conn->assisted != CONN_NONE)
        assisted_leave(engine->expectations, conn);
}
