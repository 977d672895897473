/* What a control connection announces, and which of it is believed.
 *
 * A message counts if it is complete within one packet, and over TCP if it begins where a message can begin, in a
 * stream that began as the helper's protocol does, on an established connection (assist.c sees to that). What it
 * announces is opened only
 *   - at the address of its sender (an FTP bounce names another's, RFC 2577),
 *   - for the address of the other side,
 *   - at ports from 1024 on, and none at which a helper reads, a forward leads to this host, or the router itself is
 *     spoken to by the rules (what a web page makes a browser announce, NAT slipstreaming, is not to open what listens
 *     there),
 *   - for a time, and for a number of them, no longer than the control connection lives (expectation.h).
 * What is not believed goes on as it came, and opens nothing.
 */
#include "engine/reading.h"

enum { PRIVILEGED = 1024 };

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
           policy_forward_to(policy, from, proto, r->in.src, port) != NULL ||
           (r->conn->zone[r->direction] == TG_ZONE_ROUTER && policy_is_for_router(policy, &key));
}

/* A server that announces a port which a forward leads to, as one does whose passive ports are all forwarded: nothing
 * need be opened, and it is told by the outside address and port all the same.
 * => true with that port */
static bool is_let_in_by_forward(const struct reading *r, const struct helper_item *item, uint16_t *outside)
{
    if (r->direction != CONN_REPLY || item->ports != 1 || item->port < PRIVILEGED || r->in.family != TG_IPV4)
        return false;
    const struct policy_forward *f =
        policy_forward_to(r->p->load->policy, r->conn->zone[CONN_ORIGINAL], item->proto, r->in.src, item->port);
    if (f == NULL || (f->has_at && !tg_addr_equal(f->at, r->back.dst)))
        return false;
    *outside = (uint16_t)(f->ext.first + (item->port - f->in.first));
    return true;
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
        if (item->ports != 1)
            return false;
        *outside = r->back.dport;
        if (r->direction == CONN_ORIGINAL && r->conn->mapping != CONN_NONE) {
            mappings[0] = r->conn->mapping;
            mapping_hold(r->p->engine->mappings, mappings[0]);
        }
        return true;
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

static bool expect(struct reading *r, const struct helper_item *item, uint32_t i, uint16_t outside, uint32_t mapping)
{
    const struct expectation wanted = {
        .tuple = {.src = r->back.src,
                  .dst = r->back.dst,
                  .dport = (uint16_t)(outside + i),
                  .family = r->in.family,
                  .proto = item->proto},
        .inside = r->in.src,
        .source = r->in.dst,
        .port = (uint16_t)(item->port + i),
        .once = item->once,
        .by = (uint8_t)r->direction,
        .assisted = r->conn->assisted,
        .mapping = mapping,
    };
    uint32_t number = r->added_count < READING_ADDED ? expectation_add(r->p->engine->expectations, &wanted, r->p->tick)
                                                     : EXPECTATION_NONE;
    if (number == EXPECTATION_NONE)
        return false;
    r->added[r->added_count++] = number;
    return true;
}

static bool take_listening(struct reading *r, const struct helper_item *item, struct end *end)
{
    uint32_t mappings[2];
    size_t added = r->added_count;
    bool is_expected = true;
    if (!is_own_address(r, item))
        return false;
    end->addr = r->back.dst;
    if (is_let_in_by_forward(r, item, &end->port))
        return true;
    if (!may_open(r, item))
        return false;
    if (renew(r, item, &end->port))
        return true;
    if (!map_ports(r, item, &end->port, mappings))
        return false;
    for (uint32_t i = 0; i < item->ports; i++) {
        is_expected = is_expected && expect(r, item, i, end->port, mappings[i]);
        if (!is_expected && mappings[i] != MAPPING_NONE)
            mapping_release(r->p->engine->mappings, mappings[i]);
    }
    if (!is_expected)
        announce_withdraw(r, added); /* half of a pair is of no use */
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
    if (r->in.family != TG_IPV4 || item->family != TG_IPV4)
        return false;
    if (is_end(item, r->in.src, r->in.sport))
        *end = (struct end){r->back.dst, r->back.dport};
    else if (is_end(item, r->in.dst, r->in.dport))
        *end = (struct end){r->back.src, r->back.sport};
    else
        return false;
    return true;
}

bool announce(struct reading *r, const struct helper_item *item, struct end *end)
{
    switch ((enum helper_role)item->role) {
    case HELPER_LISTENS: return take_listening(r, item, end);
    case HELPER_REPEATS: return take_repeated(r, item, end);
    case HELPER_MENTIONS: return take_mentioned(r, item, end);
    }
    return false;
}

void announce_withdraw(struct reading *r, size_t count)
{
    while (r->added_count > count)
        expectation_remove(r->p->engine->expectations, r->added[--r->added_count], r->conn->assisted);
}
