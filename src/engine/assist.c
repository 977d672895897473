/* Helpers at work (src/helper): reading what control connections announce, letting that through, and writing the
 * announcement anew where its sender is known by another address outside.
 *
 * Throughout, the sender of a message is who speaks in the direction at hand. `in` is that direction's tuple as it
 * comes in, so its source is the sender's own address; `back` is that of the other direction, so its destination is the
 * sender as the other side knows him, and its source the other side's own.
 *
 * What is believed. A message counts if it is complete within one packet, and over TCP if it begins where a message can
 * begin, in a stream that began as the helper's protocol does, on an established connection. What it announces is
 * opened only
 *   - at the address of its sender (an FTP bounce names another's, RFC 2577),
 *   - for the address of the other side,
 *   - at ports from 1024 on, and none at which a helper reads, a forward leads to this host, or the router itself is
 *     spoken to by the rules (what a web page makes a browser announce, NAT slipstreaming, is not to open what listens
 *     there),
 *   - for a time, and for a number of them (expectation.h).
 * What is not believed goes on as it came, and opens nothing.
 *
 * Sequence numbers are corrected while judge_known() holds the connection (assist_hear(), assist_pass()). Text is read
 * when it has let go of it, with the table held (assist_read()): what is announced takes outside ports.
 */
#include <errno.h>
#include <string.h>

#include "connection/tcp.h"
#include "engine/inside.h"
#include "translate/payload.h"
#include "wire/wire.h"

enum { PRIVILEGED = 1024, EDITS = 2 * HELPER_ITEMS * HELPER_SPOTS };

_Static_assert(PAYLOAD_TEXT == HELPER_WRITTEN, "what is written is put in as it is");

/* One packet that is read. */
struct reading {
    struct passage *p;
    struct conn *conn;
    struct assisted *assisted;
    enum conn_direction direction;
    struct tg_tuple in, back;
    struct payload_edit edits[EDITS]; /* in the order of their places */
    size_t count;
};

struct end {
    struct tg_addr addr;
    uint16_t port;
};

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

/* ---- what is announced ---- */

static bool is_own_address(const struct reading *r, const struct helper_item *item)
{
    if (!item->has_addr)
        return true;
    return item->family == r->in.family &&
           (tg_addr_equal(item->addr, r->in.src) || tg_addr_equal(item->addr, r->back.dst));
}

/* Ports that are spoken for: what listens there was not announced to be connected to. */
static bool is_service(const struct reading *r, uint8_t proto, uint16_t port)
{
    const struct tg_policy *policy = r->p->load->policy;
    uint8_t from = r->conn->zone[!r->direction];
    struct tg_tuple t = {r->back.src, r->in.src, 0, port, r->in.family, proto};
    const struct policy_key key = {
        .tuple = &t,
        .kind = proto == TG_PROTO_TCP ? TG_TRANSPORT_TCP : TG_TRANSPORT_PORTS,
        .zone_in = from,
        .forward = POLICY_NONE,
    };
    return policy_helper_for(policy, proto, port) != HELPER_NONE ||
           policy_is_forwarded_to(policy, from, proto, r->in.src, port) ||
           (r->conn->zone[r->direction] == TG_ZONE_ROUTER && policy_is_for_router(policy, &key));
}

static bool may_open(const struct reading *r, const struct helper_item *item)
{
    for (uint32_t i = 0; i < item->ports; i++)
        if (item->port < PRIVILEGED || item->port > UINT16_MAX - i ||
            is_service(r, item->proto, (uint16_t)(item->port + i)))
            return false;
    return true;
}

/* The outside ports by which the sender's are known: one mapping each, or none where they need none.
 * => false if there are none */
static bool map_ports(const struct reading *r, const struct helper_item *item, uint16_t *outside, uint32_t *mappings)
{
    *outside = item->port;
    mappings[0] = mappings[1] = MAPPING_NONE;
    if (tg_addr_equal(r->in.src, r->back.dst))
        return true;
    if (item->proto == r->in.proto && item->port == r->in.sport) { /* the port of the control connection itself */
        *outside = r->back.dport;
        if (r->direction == CONN_ORIGINAL && r->conn->mapping != CONN_NONE) {
            mappings[0] = r->conn->mapping;
            mapping_hold(r->p->engine->mappings, mappings[0]);
        }
        return item->ports == 1;
    }
    const struct mapping_key key = {
        .inside = (uint32_t)r->in.src.lo,
        .outside = (uint32_t)r->back.dst.lo,
        .port = item->port,
        .proto = item->proto,
    };
    return map_announced(r->p, r->conn->zone[!r->direction], &key, (uint32_t)r->back.src.lo, item->ports, outside,
                         mappings);
}

/* What has been announced before: the same again.
 * => true with *outside, if all of its ports are expected still */
static bool renew(const struct reading *r, const struct helper_item *item, uint16_t *outside)
{
    struct expectation_table *table = r->p->engine->expectations;
    uint32_t numbers[2];
    for (uint32_t i = 0; i < item->ports; i++) {
        numbers[i] =
            expectation_of(table, r->conn->assisted, r->direction, item->proto, (uint16_t)(item->port + i), r->p->tick);
        if (numbers[i] == EXPECTATION_NONE)
            return false;
        uint16_t port = expectation_at(table, numbers[i])->tuple.dport;
        if (i == 0)
            *outside = port;
        else if (port != *outside + i)
            return false;
    }
    for (uint32_t i = 0; i < item->ports; i++)
        expectation_renew(table, numbers[i], r->p->tick);
    return true;
}

static bool expect(const struct reading *r, const struct helper_item *item, uint32_t i, uint16_t outside,
                   uint32_t mapping)
{
    const struct expectation wanted = {
        .tuple = {.src = r->back.src,
                  .dst = r->back.dst,
                  .dport = (uint16_t)(outside + i),
                  .family = r->in.family,
                  .proto = item->proto},
        .inside = r->in.src,
        .port = (uint16_t)(item->port + i),
        .once = item->once,
        .by = (uint8_t)r->direction,
        .assisted = r->conn->assisted,
        .mapping = mapping,
    };
    return expectation_add(r->p->engine->expectations, &wanted, r->p->tick) != EXPECTATION_NONE;
}

/* => true with the end that the other side is to be told */
static bool take_listening(const struct reading *r, const struct helper_item *item, struct end *end)
{
    uint32_t mappings[2];
    bool is_expected = true;
    if (!is_own_address(r, item) || !may_open(r, item))
        return false;
    end->addr = r->back.dst;
    if (renew(r, item, &end->port))
        return true;
    if (!map_ports(r, item, &end->port, mappings))
        return false;
    for (uint32_t i = 0; i < item->ports; i++) {
        is_expected = is_expected && expect(r, item, i, end->port, mappings[i]);
        if (!is_expected && mappings[i] != MAPPING_NONE)
            mapping_release(r->p->engine->mappings, mappings[i]);
    }
    return is_expected;
}

/* What the receiver has announced, repeated by who was told: the receiver finds it as he said it. */
static bool take_repeated(const struct reading *r, const struct helper_item *item, struct end *end)
{
    struct expectation_table *table = r->p->engine->expectations;
    if (item->has_addr && (item->family != r->in.family || !tg_addr_equal(item->addr, r->in.dst)))
        return false;
    uint32_t i = expectation_outside(table, r->conn->assisted, !r->direction, item->proto, item->port, r->p->tick);
    if (i == EXPECTATION_NONE)
        return false;
    *end = (struct end){r->back.src, expectation_at(table, i)->port};
    return true;
}

static bool is_end(const struct helper_item *item, struct tg_addr addr, uint16_t port)
{
    return tg_addr_equal(item->addr, addr) && (item->port == 0 || item->port == port);
}

/* An end of the control connection itself, as the sender knows it. */
static bool take_mentioned(const struct reading *r, const struct helper_item *item, struct end *end)
{
    if (r->in.family != TG_IPV4)
        return false;
    if (is_end(item, r->in.src, r->in.sport))
        *end = (struct end){r->back.dst, r->back.dport};
    else if (is_end(item, r->in.dst, r->in.dport))
        *end = (struct end){r->back.src, r->back.sport};
    else
        return false;
    return true;
}

/* ---- writing it anew ---- */

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
static void write_length(struct reading *r, uint32_t at, const struct helper_message *message, uint32_t body_len)
{
    int32_t growth = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->edits[i].at >= at + message->body)
            growth += (int32_t)r->edits[i].new_len - (int32_t)r->edits[i].len;
    if (growth != 0)
        write_spot(r, at, &message->length, (struct tg_addr){0, 0}, (uint16_t)((int32_t)body_len + growth));
}

static void take_item(struct reading *r, uint32_t at, const struct helper_item *item)
{
    struct end end;
    bool is_taken = item->role == HELPER_LISTENS   ? take_listening(r, item, &end)
                    : item->role == HELPER_REPEATS ? take_repeated(r, item, &end)
                                                   : take_mentioned(r, item, &end);
    for (uint8_t i = 0; is_taken && r->in.family == TG_IPV4 && i < item->spot_count; i++)
        write_spot(r, at, &item->spots[i], end.addr, end.port);
}

/* The message at `at` of the packet's bytes, of which `len` are there.
 * => its length, or 0 if it is not complete, or there is no room to write more anew */
static uint32_t read_message(struct reading *r, uint32_t at, uint32_t len)
{
    struct helper_message message;
    if (r->count + HELPER_ITEMS * HELPER_SPOTS + 1 > EDITS)
        return 0;
    helper_read((enum helper_kind)r->assisted->kind, r->direction == CONN_REPLY, r->in.sport, r->p->packet->data + at,
                len, &message);
    for (uint32_t i = 0; i < message.count; i++)
        take_item(r, at, &message.items[i]);
    if (message.has_length)
        write_length(r, at, &message, message.len - message.body);
    return message.len;
}

static bool apply(struct reading *r)
{
    bool is_changed = r->count != 0 && payload_edit(r->p->packet, r->edits, r->count);
    r->p->is_edited |= is_changed;
    return is_changed;
}

/* ---- streams ---- */

static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static bool is_within(uint32_t number, uint32_t seq, uint32_t len)
{
    return number - seq < len;
}

/* Where in a segment a message begins: one that was written anew, and has been sent again; the next one; or, behind
 * text that has not been seen, what stands behind the end of a line.
 * => its offset, or `len` if there is none */
static uint32_t beginning(const struct assisted_side *side, uint32_t seq, const uint8_t *text, uint32_t len)
{
    uint32_t first = is_within(side->next, seq, len) ? side->next - seq : len;
    for (int i = 0; i < ASSISTED_WRITTEN; i++) {
        const struct assisted_text *w = &side->written[i];
        if (w->len != 0 && is_within(w->at, seq, len) && w->at - seq < first)
            first = w->at - seq;
    }
    if (first < len || !is_before(side->next, seq))
        return first;
    const uint8_t *lf = memchr(text, '\n', len);
    return lf == NULL ? len : (uint32_t)(lf - text) + 1;
}

static void note_written(struct assisted_side *side, uint32_t at, uint32_t len)
{
    uint8_t place = side->written_at;
    for (uint8_t i = 0; i < ASSISTED_WRITTEN; i++)
        if (side->written[i].len != 0 && side->written[i].at == at)
            place = i;
    side->written[place] = (struct assisted_text){at, len};
    if (place == side->written_at)
        side->written_at = (uint8_t)((place + 1) % ASSISTED_WRITTEN);
}

/* The first text of a side tells whether it speaks the protocol at all; if not, nothing of either is read any more. */
static bool has_greeted(struct reading *r, struct assisted_side *side, const uint8_t *text, uint32_t len)
{
    if (!side->has_greeted)
        side->has_greeted = r->p->packet->tcp.seq == side->next &&
                            helper_greets((enum helper_kind)r->assisted->kind, r->direction == CONN_REPLY, text, len);
    if (!side->has_greeted)
        r->assisted->side[0].is_reading = r->assisted->side[1].is_reading = false;
    return side->has_greeted;
}

static void read_stream(struct reading *r)
{
    struct tg_packet *packet = r->p->packet;
    struct assisted_side *side = &r->assisted->side[r->direction], before = *side;
    uint32_t seq = packet->tcp.seq, len = packet->tcp.payload, start = packet->outer.end - len, at, size;
    const uint8_t *text = packet->data + start;
    if (!side->is_reading || !has_greeted(r, side, text, len))
        return;
    for (at = beginning(side, seq, text, len); at < len; at += size) {
        size_t count = r->count;
        size = read_message(r, start + at, len - at);
        if (size == 0)
            break;
        if (r->count > count)
            note_written(side, seq + at, size < len - at ? size : len - at);
    }
    if (is_before(side->next, seq + at))
        side->next = seq + at;
    if (r->count == 0)
        return;
    uint32_t changed = seq + (r->edits[0].at - start);
    if (apply(r))
        sequence_note(&side->shift, changed, payload_growth(r->edits, r->count));
    else
        memcpy(side->written, before.written, sizeof side->written);
}

static void read_datagram(struct reading *r)
{
    const struct tg_packet *packet = r->p->packet;
    uint32_t start = packet->outer.transport + UDP_HEADER;
    uint32_t len = wire_get16(packet->data + packet->outer.transport + UDP_LENGTH) - UDP_HEADER;
    (void)read_message(r, start, len);
    (void)apply(r);
}

void assist_read(struct passage *p)
{
    struct reading r = {.p = p};
    conn_lock_table(p->engine->table);
    r.conn = conn_find(p->engine->table, &p->packet->outer.tuple, &r.direction);
    if (r.conn != NULL) {
        if (r.conn->assisted != CONN_NONE && !(r.conn->flags & CONN_ANNOUNCED)) {
            r.assisted = assisted_of(p, r.conn);
            r.in = conn_tuple(r.conn, r.direction);
            r.back = conn_tuple(r.conn, !r.direction);
            if (r.conn->proto == TG_PROTO_TCP)
                read_stream(&r);
            else
                read_datagram(&r);
        }
        conn_unlock(r.conn);
    }
    conn_unlock_table(p->engine->table);
}

/* ---- the control connection ---- */

/* Whether there is text to read in a packet of it. */
static bool has_text(const struct passage *p, const struct conn *conn)
{
    const struct tg_packet *packet = p->packet;
    uint8_t kind = policy_helper_for(p->load->policy, conn->proto, conn_tuple_out(conn, CONN_ORIGINAL).dport);
    if (packet->cut || packet->fragment || kind != assisted_of(p, conn)->kind)
        return false;
    if (conn->proto == TG_PROTO_TCP)
        return packet->tcp.payload != 0 && conn->state >= TCP_ESTABLISHED && conn->state <= TCP_CLOSING;
    return packet->kind == TG_TRANSPORT_PORTS;
}

/* A stream begins behind its SYN. What a SYN itself brings (RFC 7413) is not read, and so nothing else is. */
static void note_beginning(struct assisted_side *side, const struct tg_packet *packet)
{
    side->next = packet->tcp.seq + 1;
    side->is_reading = packet->tcp.payload == 0;
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
    if (conn->proto == TG_PROTO_TCP)
        note_beginning(&assisted_of(p, conn)->side[CONN_ORIGINAL], p->packet);
    p->is_read = has_text(p, conn);
}

bool assist_hear(struct passage *p, const struct conn *conn, enum conn_direction direction)
{
    struct tg_packet *packet = p->packet;
    if (conn->proto != TG_PROTO_TCP || (conn->flags & CONN_ANNOUNCED))
        return true;
    const struct assisted *a = assisted_of(p, conn);
    const struct assisted_side *side = &a->side[direction];
    uint32_t seq = packet->tcp.seq, end = seq + packet->tcp.payload;
    for (int i = 0; i < ASSISTED_WRITTEN; i++) {
        const struct assisted_text *w = &side->written[i];
        bool meets = w->len != 0 && is_before(seq, w->at + w->len) && is_before(w->at, end);
        if (meets && (packet->cut || is_before(w->at, seq) || is_before(end, w->at + w->len)))
            return false;
    }
    if (packet->tcp.flags & TG_TCP_ACK)
        packet->tcp.ack = sequence_back(&a->side[!direction].shift, packet->tcp.ack);
    return true;
}

void assist_pass(struct passage *p, const struct conn *conn, enum conn_direction direction, bool counts)
{
    if (conn->flags & CONN_ANNOUNCED)
        return;
    struct assisted *a = assisted_of(p, conn);
    if (conn->proto == TG_PROTO_TCP) {
        if (counts && (p->packet->tcp.flags & TG_TCP_SYN))
            note_beginning(&a->side[direction], p->packet);
        p->is_edited |= sequence_rewrite(p->packet, &a->side[direction].shift, &a->side[!direction].shift);
    }
    p->is_read = has_text(p, conn);
}

/* ---- what it has announced ---- */

/* Whether what let the control connection begin still does so, and the helper is still asked for.
 * => true with the statement */
static bool is_announcing(struct passage *p, const struct conn *control, uint8_t kind, uint32_t *statement)
{
    struct decision d;
    *statement = control->statement;
    if (control->generation == p->load->generation)
        return true;
    uint16_t port = conn_tuple_out(control, CONN_ORIGINAL).dport;
    if (policy_helper_for(p->load->policy, control->proto, port) != kind)
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
    if (!p->load->has_helpers || !expectation_may(table, t))
        return false;
    conn_lock_table(p->engine->table);
    uint32_t number = expectation_find(table, t, p->tick);
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

/* Between assist_expects() and this, the table was not held. */
static bool is_expected_still(const struct passage *p, const struct decision *d)
{
    uint32_t number = expectation_find(p->engine->expectations, &p->packet->outer.tuple, p->tick);
    if (number != d->announced)
        return false;
    const struct expectation *e = expectation_at(p->engine->expectations, number);
    return tg_addr_equal(e->inside, d->inside.dst) && e->port == d->inside.dport;
}

bool assist_hold(const struct passage *p, const struct decision *d, uint32_t *mapping)
{
    *mapping = MAPPING_NONE;
    if (!is_expected_still(p, d))
        return false;
    *mapping = expectation_at(p->engine->expectations, d->announced)->mapping;
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
