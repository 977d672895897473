/* What is remembered of packets before this one: limits, scanners, knocks (meter.h, watch.h), asked for a packet on its
 * way.
 *
 * The connections that a statement lets be are counted in the meter of the load that judged them last. Which load that
 * is, their generation tells: those of an earlier policy were counted in a meter that is gone.
 */
#include "engine/inside.h"

static struct meter_source source_of(const struct conn *conn)
{
    struct tg_tuple original = conn_tuple(conn, CONN_ORIGINAL);
    return (struct meter_source){original.src, original.family, conn->zone[CONN_ORIGINAL]};
}

static bool has_knocked(void *context, uint32_t knock, const struct policy_key *key)
{
    const struct passage *p = context;
    return watch_has_knocked(p->load->watch, knock, key, p->now);
}

static bool admits(void *context, const struct policy_rule *rule, const struct policy_key *key)
{
    const struct passage *p = context;
    const struct meter_source source = {key->tuple->src, key->tuple->family, key->zone_in};
    return meter_admits(p->load->meter, rule, &source, p->now);
}

struct policy_memory memory_of(struct passage *p)
{
    return (struct policy_memory){.context = p, .has_knocked = has_knocked, .admits = admits};
}

void memory_enter(const struct load *load, struct conn *conn)
{
    const struct meter_source source = source_of(conn);
    if (!(conn->flags & CONN_ANNOUNCED) && meter_begin(load->meter, conn->statement, &source))
        conn->flags |= CONN_METERED;
}

void memory_leave(const struct load *load, struct conn *conn)
{
    const struct meter_source source = source_of(conn);
    bool is_of_this_meter = (int32_t)(conn->generation - load->metered_since) >= 0;
    if ((conn->flags & CONN_METERED) && is_of_this_meter)
        meter_end(load->meter, conn->statement, &source);
    conn->flags &= (uint8_t)~CONN_METERED;
}

bool memory_refuses(struct passage *p, const struct policy_key *came)
{
    uint32_t statement = watch_blocked(p->load->watch, came, p->now);
    if (statement == TG_NO_STATEMENT)
        return false;
    conclude(p, TG_DROP, TG_REASON_RULE, TG_STATE_NEW, statement);
    return true;
}

bool memory_notes(struct passage *p, const struct policy_key *came, bool is_refused)
{
    const struct tg_tuple *t = came->tuple;
    bool is_own = tg_network_is_own(p->load->network, TG_ZONE_NONE, t->family, t->dst);
    watch_knock(p->load->watch, came, is_own, is_refused, p->now);
    uint32_t statement = is_refused ? watch_refused(p->load->watch, came, p->now) : TG_NO_STATEMENT;
    if (statement == TG_NO_STATEMENT)
        return false;
    conclude(p, TG_DROP, TG_REASON_RULE, TG_STATE_NEW, statement);
    p->verdict->log = tg_policy_statement(p->load->policy, statement)->log != NULL;
    return true;
}
