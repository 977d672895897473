/* What begins a connection: the forward that takes the packet, the rule that lets it pass; and entering it.
 *
 * The policy is asked first, with nothing held. Only then is the table taken, to enter the connection and choose its
 * ports; if another worker has entered the same one meanwhile, the packet belongs to that.
 */
#include <string.h>

#include "connection/machine.h"
#include "engine/inside.h"
#include "translate/rewrite.h"

static uint16_t forwarded_port(const struct policy_forward *forward, uint16_t port)
{
    if (forward->any_port)
        return port;
    if (forward->in.first == forward->in.last)
        return forward->in.first; /* many to one, or one to one */
    return (uint16_t)(forward->in.first + (port - forward->ext.first));
}

/* The rule that decides about a packet; of a hairpin by a mapping that for what leaves, unless what comes back is
 * refused. */
static const struct policy_rule *match(const struct passage *p, const struct policy_key *key, const struct decision *d)
{
    const struct tg_policy *policy = p->load->policy;
    if (d->through == TG_ZONE_NONE)
        return policy_match(policy, key, p->step, p->context, p->verdict);
    struct policy_key leaving = *key, back = *key;
    leaving.tuple = &d->came;
    leaving.zone_out = d->through;
    back.memory = NULL; /* one packet counts once */
    const struct policy_rule *refusing = policy_match(policy, &back, NULL, NULL, NULL);
    const struct policy_rule *rule = policy_match(policy, &leaving, p->step, p->context, p->verdict);
    return refusing != NULL && refusing->action != TG_ACCEPT ? refusing : rule;
}

/* Zones, forward and rules. `key` has tuple, kind and ICMP type, zone_in, and zone_out where the driver knows it.
 * `conn` is the connection, held, if it has begun already. */
static void decide(const struct passage *p, struct policy_key *key, const struct conn *conn, struct decision *d)
{
    const struct tg_policy *policy = p->load->policy;
    const struct tg_network *network = p->load->network;
    d->inside = *key->tuple;
    d->is_hairpin = false;
    d->announced = EXPECTATION_NONE;
    d->through = TG_ZONE_NONE;
    d->zone_in = key->zone_in;
    key->forward = POLICY_NONE;
    if (key->tuple->family == TG_IPV4 && key->kind != TG_TRANSPORT_NOTICE && key->zone_in != TG_ZONE_ROUTER)
        key->forward = policy_find_forward(policy, network, key, &d->is_hairpin, p->step, p->context, p->verdict);
    d->is_redirected = key->forward != POLICY_NONE;
    d->is_admitted = filter_admits(p, key, conn, d);
    if (d->is_admitted || filter_reflects(p, key, conn, d)) {
        key->forward = POLICY_NONE; /* of an exposed host, which gets what nothing else takes */
        key->zone_out = TG_ZONE_NONE;
    } else if (key->forward != POLICY_NONE) {
        const struct policy_forward *forward = policy_forward(policy, key->forward);
        d->inside.dst = forward->host;
        if (tg_proto_has_ports(d->inside.proto))
            d->inside.dport = forwarded_port(forward, d->inside.dport);
        key->zone_out = TG_ZONE_NONE; /* where the router's own address led no longer matters */
    }
    const struct tg_tuple answer = tg_tuple_flip(&d->inside);
    conn_clue(p->engine->table, &answer); /* what begin() looks for, unless the source is translated: brought near */
    if (key->zone_out == TG_ZONE_NONE)
        key->zone_out = tg_network_zone_to(network, d->inside.family, d->inside.dst);
    d->zone_out = p->verdict->zone_out = key->zone_out;
    passage_tell(p, TG_STEP_ROUTE, key->zone_out != TG_ZONE_NONE, TG_NO_STATEMENT, NULL);

    key->tuple = &d->inside;
    const struct policy_rule *rule = match(p, key, d);
    d->action = rule != NULL ? rule->action : d->is_admitted ? TG_ACCEPT : policy_default(policy);
    d->statement = rule != NULL ? rule->statement : TG_NO_STATEMENT;
    d->is_forward = rule != NULL && tg_policy_statement(policy, rule->statement)->kind == TG_STATEMENT_FORWARD;
}

static void count_kind(struct tg_engine *engine, uint8_t proto)
{
    enum kind kind = KIND_OTHER;
    if (proto == TG_PROTO_TCP)
        kind = KIND_TCP;
    else if (proto == TG_PROTO_UDP || proto == TG_PROTO_UDPLITE)
        kind = KIND_UDP;
    else if (proto == TG_PROTO_ICMP || proto == TG_PROTO_ICMP6)
        kind = KIND_ICMP;
    counter_add(&engine->begun[kind], 1);
}

enum { LOOKED_AT = 1 << 15 }; /* places of a full table, in search of what is over; less than a tick takes */

/* A place in the table; if it is full, what is over is looked for first, once a tick. */
static struct conn *add(struct passage *p, const struct tg_tuple *original, const struct tg_tuple *reply)
{
    struct conn *conn = conn_add(p->engine->table, original, reply);
    if (conn != NULL || p->engine->emptied == p->tick)
        return conn;
    p->engine->emptied = p->tick;
    conn_sweep_some(p->engine->table, LOOKED_AT, p->tick, release, p->engine);
    return conn_add(p->engine->table, original, reply);
}

/* Enter the connection; the caller holds the table.
 * => the connection, held, or NULL: no room, or no way to translate */
static struct conn *enter(struct passage *p, const struct decision *d, struct tg_tuple *out)
{
    uint32_t mapping;
    if (!room_admits(p) || !choose_source(p, d, out, &mapping))
        return NULL;
    struct tg_tuple reply = tg_tuple_flip(out);
    struct conn *conn = add(p, &p->packet->outer.tuple, &reply);
    if (conn == NULL) {
        if (mapping != MAPPING_NONE)
            mapping_cancel(p->engine->mappings, mapping);
        return NULL;
    }
    conn->mapping = mapping;
    conn->zone[CONN_ORIGINAL] = d->zone_in;
    conn->zone[CONN_REPLY] = d->zone_out;
    conn->generation = p->load->generation;
    conn->statement = d->statement;
    if (d->is_admitted || d->through != TG_ZONE_NONE)
        conn->flags |= CONN_ADMITTED;
    if (d->through != TG_ZONE_NONE && tg_addr_equal(out->dst, d->came.dst))
        conn->flags |= CONN_WAITS;
    if (d->announced != EXPECTATION_NONE)
        assist_join(p, d, conn);
    machine_open(conn, p->packet);
    conn_refresh(conn, p->tick, timer_of(p->load, conn));
    memory_enter(p->load, conn);
    room_enter(p, conn);
    count_kind(p->engine, conn->proto);
    if (d->announced == EXPECTATION_NONE && !(conn->flags & CONN_WAITS))
        assist_begin(p, conn);
    return conn;
}

static void write_translation(struct passage *p, const struct tg_tuple *out)
{
    struct tg_tuple to = *out;
    const struct tg_tuple *came = &p->packet->outer.tuple;
    if (tg_tuple_equal(came, out))
        return;
    p->verdict->to = *out;
    p->verdict->translation = TG_TRANSLATE_WHOLE;
    passage_tell(p, TG_STEP_SOURCE, !tg_addr_equal(came->src, out->src) || came->sport != out->sport, TG_NO_STATEMENT,
                 NULL);
    if (p->arrival->half && !tg_addr_equal(came->src, out->src) && !tg_addr_equal(came->dst, out->dst)) {
        p->verdict->translation = TG_TRANSLATE_HALF;
        to.src = came->src;
    }
    rewrite_packet(p->packet, &to);
}

static enum tg_reason reason_of(const struct decision *d)
{
    if (d->announced != EXPECTATION_NONE)
        return TG_REASON_RELATED;
    if (d->statement == TG_NO_STATEMENT)
        return d->is_admitted ? TG_REASON_RELATED : TG_REASON_DEFAULT;
    return d->is_forward ? TG_REASON_FORWARD : TG_REASON_RULE;
}

/* A verdict on what begins something, as the rules have it. */
static void conclude_new(struct passage *p, enum tg_action action, enum tg_state state, const struct decision *d)
{
    const struct tg_statement *statement = tg_policy_statement(p->load->policy, d->statement);
    conclude(p, action, reason_of(d), state, d->statement);
    p->verdict->log = d->announced == EXPECTATION_NONE && statement != NULL && statement->log != NULL;
}

/* A connection that is over and that the packet begins anew goes, now that it is allowed to.
 * => true if it has gone, with what its sides had said, that of the packet's sender first, in `last` */
static bool replaces(struct passage *p, struct conn *conn, enum conn_direction direction, struct conn_side last[2])
{
    if (!machine_begins_anew(conn, p->packet))
        return false;
    last[CONN_ORIGINAL] = conn->side[direction];
    last[CONN_REPLY] = conn->side[!direction];
    conn_remove(p->engine->table, conn, release, p->engine);
    return true;
}

static void begin(struct passage *p, const struct decision *d)
{
    struct tg_tuple out;
    struct conn_side last[2];
    enum conn_direction direction;
    struct conn_table *table = p->engine->table;
    lock_table(p);
    struct conn *conn = conn_find_by(table, &p->packet->outer.tuple, &p->clue, &direction);
    bool is_again = conn != NULL && replaces(p, conn, direction, last);
    if (conn != NULL && !is_again) { /* entered by another worker since we looked */
        conn_unlock_table(table);
        if (!judge_known(p, conn, direction))
            conclude(p, TG_DROP, TG_REASON_INVALID, TG_STATE_INVALID, TG_NO_STATEMENT);
        return;
    }
    conn = enter(p, d, &out);
    if (conn != NULL && is_again && conn->proto == TG_PROTO_TCP)
        tcp_open_again(conn, p->packet, last);
    bool answers = conn == NULL && !is_picked_up(p->packet) && room_tells(p);
    conn_unlock_table(table);
    if (conn == NULL && is_picked_up(p->packet)) { /* it cannot go on as it was */
        conclude(p, TG_DROP, TG_REASON_INVALID, TG_STATE_INVALID, TG_NO_STATEMENT);
        return;
    }
    if (conn == NULL) {
        conclude(p, TG_DROP, TG_REASON_LIMIT, TG_STATE_NEW, TG_NO_STATEMENT);
        p->verdict->answer = answers;
        return;
    }
    bool waits = conn->flags & CONN_WAITS;
    conn_unlock(conn);
    if (waits) {
        conclude(p, TG_DROP, TG_REASON_DEFAULT, TG_STATE_NEW, TG_NO_STATEMENT);
        return;
    }
    conclude_new(p, TG_ACCEPT, reason_of(d) == TG_REASON_RELATED ? TG_STATE_RELATED : TG_STATE_NEW, d);
    write_translation(p, &out);
}

/* What has no connection is judged alone, and cannot be translated: without a connection nothing could lead an answer
 * back. */
static void judge_notice(struct passage *p, const struct decision *d)
{
    struct tg_addr source;
    if (!source_address(p, d, &source) || !tg_addr_equal(source, d->inside.src))
        conclude(p, TG_DROP, TG_REASON_INVALID, TG_STATE_UNTRACKED, TG_NO_STATEMENT);
    else
        conclude_new(p, TG_ACCEPT, TG_STATE_UNTRACKED, d);
}

/* What begins no connection though it is judged by the rules; of errors only the router's own come here. */
static bool is_notice(const struct passage *p)
{
    return p->packet->kind == TG_TRANSPORT_NOTICE || p->packet->kind == TG_TRANSPORT_ERROR;
}

static bool can_begin(const struct passage *p)
{
    const struct tg_packet *packet = p->packet;
    switch (packet->kind) {
    case TG_TRANSPORT_TCP:
    case TG_TRANSPORT_PORTS:
        return machine_is_opening(packet) || (policy_has_pickup(p->load->policy) && machine_is_going_on(packet));
    case TG_TRANSPORT_QUERY: return !packet->icmp.is_answer;
    default: return true;
    }
}

static struct policy_mac mac_of(const struct tg_arrival *arrival)
{
    struct policy_mac mac;
    memcpy(mac.bytes, arrival->mac, sizeof mac.bytes);
    return mac;
}

void judge_new(struct passage *p)
{
    const struct tg_tuple *t = &p->packet->outer.tuple;
    bool is_spoofed = tg_network_is_spoofed(p->load->network, p->verdict->zone_in, t->family, t->src);
    p->verdict->zone_out = TG_ZONE_NONE;
    passage_tell(p, TG_STEP_SPOOF, !is_spoofed, TG_NO_STATEMENT, NULL);
    if (is_spoofed) {
        conclude(p, TG_DROP, TG_REASON_SPOOFED, TG_STATE_INVALID, TG_NO_STATEMENT);
        return;
    }
    if (!can_begin(p)) {
        conclude(p, TG_DROP, TG_REASON_INVALID, TG_STATE_INVALID, TG_NO_STATEMENT);
        return;
    }
    struct decision d;
    const struct policy_memory memory = memory_of(p);
    const struct policy_key came = {
        .tuple = t,
        .kind = p->packet->kind,
        .type = p->packet->icmp.type,
        .code = p->packet->icmp.code,
        .zone_in = p->verdict->zone_in,
        .zone_out = p->arrival->zone_out,
        .has_minute = p->arrival->has_minute,
        .minute = p->arrival->minute,
        .has_mac = p->arrival->has_mac,
        .mac = mac_of(p->arrival),
        .memory = &memory,
    };
    struct policy_key key = came;
    if (memory_refuses(p, &came))
        return;
    room_expect(p);
    if (assist_expects(p, &d)) {
        begin(p, &d);
        return;
    }
    decide(p, &key, NULL, &d);
    if (memory_notes(p, &came, d.action != TG_ACCEPT))
        return;
    if (d.action != TG_ACCEPT)
        conclude_new(p, d.action, is_notice(p) ? TG_STATE_UNTRACKED : TG_STATE_NEW, &d);
    else if (is_notice(p))
        judge_notice(p, &d);
    else
        begin(p, &d);
}

/* What the first packet of a connection was. */
static enum tg_transport kind_of(const struct conn *conn)
{
    if (conn->proto == TG_PROTO_TCP)
        return TG_TRANSPORT_TCP;
    if (conn->proto == TG_PROTO_ICMP || conn->proto == TG_PROTO_ICMP6)
        return TG_TRANSPORT_QUERY;
    return tg_proto_has_ports(conn->proto) ? TG_TRANSPORT_PORTS : TG_TRANSPORT_OTHER;
}

bool would_allow(const struct passage *p, const struct conn *conn, struct decision *d)
{
    struct tg_tuple original = conn_tuple(conn, CONN_ORIGINAL), out = conn_tuple_out(conn, CONN_ORIGINAL);
    enum tg_transport kind = kind_of(conn);
    struct tg_verdict aside = *p->verdict;
    struct passage silent = *p;
    struct policy_key key = {
        .tuple = &original,
        .kind = kind,
        /* the side that answers has the question's type as its port */
        .type = kind == TG_TRANSPORT_QUERY ? (uint8_t)original.dport : 0,
        .zone_in = conn->zone[CONN_ORIGINAL],
        /* what was forwarded may now be for the router */
        .zone_out = conn->flags & CONN_DESTINATION ? TG_ZONE_NONE : conn->zone[CONN_REPLY],
        .has_minute = p->arrival->has_minute,
        .minute = p->arrival->minute,
        .has_mac = p->arrival->has_mac,
        .mac = mac_of(p->arrival),
        .memory = NULL, /* it has knocked, and is within its limits: it lives */
    };
    silent.step = NULL; /* an old judgement repeated is no step of this packet's */
    silent.verdict = &aside;
    decide(&silent, &key, conn, d);
    return d->action == TG_ACCEPT && tg_addr_equal(d->inside.dst, out.dst) && d->inside.dport == out.dport &&
           is_source_right(&silent, d, out.src);
}

bool is_still_allowed(struct passage *p, struct conn *conn, enum tg_action *action, uint32_t *statement)
{
    struct decision d = {.action = TG_ACCEPT, .statement = TG_NO_STATEMENT};
    bool is_announced = (conn->flags & CONN_ANNOUNCED) && assist_allows(p, conn, &d.statement);
    bool is_allowed = is_announced || would_allow(p, conn, &d);
    *action = d.action;
    *statement = d.statement;
    if (!is_allowed)
        return false;
    memory_leave(p->load, conn);
    conn->generation = p->load->generation;
    conn->statement = d.statement;
    memory_enter(p->load, conn);
    return true;
}
