/* Options: what must hold besides for a rule or forward to fit. */
#include "rules/compile.h"

#include "rules/resolve.h"

#define BURST_UNSAID 5 /* as in netfilter */

enum { DAY = 24 * 60, WEEK = 7 * DAY };

static bool add_limit(struct compiler *compiler, const struct options *options, struct policy_when *when)
{
    struct policy_limit limit = options->rate;
    if (limit.burst == 0)
        limit.burst = BURST_UNSAID;
    if (policy_add_limit(compiler->policy, &limit, &when->limit) != 0)
        return compile_failed(compiler);
    when->limit++;
    return true;
}

/* Mark the minutes of the span that begins on `day`. It may run into the next day, and so into the next week. */
static void mark_day(bool minutes[static WEEK], unsigned day, const struct options *options)
{
    unsigned from = options->has_times ? options->from : 0, until = options->has_times ? options->until : DAY;
    if (until <= from)
        until += DAY;
    for (unsigned minute = from; minute < until; minute++)
        minutes[(day * DAY + minute) % WEEK] = true;
}

static void mark_days(bool minutes[static WEEK], const struct options *options)
{
    for (unsigned day = 0; day < 7 && options->days == NULL; day++)
        mark_day(minutes, day, options);
    for (const struct day_item *item = options->days; item != NULL; item = item->next) {
        for (unsigned day = item->first; day != item->last; day = (day + 1) % 7)
            mark_day(minutes, day, options);
        mark_day(minutes, item->last, options);
    }
}

/* One span a day, and the end of Sunday's that lies in the next week. */
#define SPANS_MOST 8

static bool add_during(struct compiler *compiler, const struct options *options, struct policy_when *when)
{
    bool minutes[WEEK] = {false};
    struct policy_minutes spans[SPANS_MOST];
    size_t count = 0;
    mark_days(minutes, options);
    for (unsigned minute = 0; minute < WEEK; minute++) {
        if (!minutes[minute])
            continue;
        if (minute == 0 || !minutes[minute - 1])
            spans[count++].first = (uint16_t)minute;
        spans[count - 1].last = (uint16_t)minute;
    }
    if (policy_add_minutes(compiler->policy, spans, count, &when->during) != 0)
        return compile_failed(compiler);
    when->during++;
    return true;
}

static bool add_macs(struct compiler *compiler, const struct options *options, struct policy_when *when)
{
    size_t count = 0;
    for (const struct mac_item *item = options->macs; item != NULL; item = item->next)
        count++;
    struct policy_mac *macs = arena_take(compiler->arena, count * sizeof *macs);
    if (macs == NULL)
        return false;
    count = 0;
    for (const struct mac_item *item = options->macs; item != NULL; item = item->next)
        macs[count++] = item->mac;
    if (policy_add_macs(compiler->policy, macs, count, &when->mac) != 0)
        return compile_failed(compiler);
    when->mac++;
    return true;
}

/* The knock has been given to the policy before the first rule. */
static bool find_knock(struct compiler *compiler, const struct options *options, struct policy_when *when)
{
    const struct name *name = names_want(&compiler->names, &options->after, NAME_KNOCK, "a knock");
    if (name == NULL || name->statement->broken)
        return false;
    when->after = name->knock + 1;
    return true;
}

/* What is asked of senders that the router itself never is. */
static bool check_sender(struct compiler *compiler, const struct options *options, uint8_t zone)
{
    if (zone != TG_ZONE_ROUTER)
        return true;
    if (options->mac.len > 0)
        return compile_error(compiler, options->mac,
                             "the router's own packets come from no hardware address; 'mac' is for other zones");
    if (options->after.text != NULL)
        return compile_error(compiler, options->after.place,
                             "the router does not knock at its own door; 'after' is for other zones");
    return true;
}

bool compile_options(struct compiler *compiler, const struct options *options, uint8_t zone, struct policy_when *when)
{
    *when = (struct policy_when){.max = options->most, .max_per_source = options->most_per_source};
    bool good = check_sender(compiler, options, zone);
    if (options->after.text != NULL)
        good &= find_knock(compiler, options, when);
    return good && (options->limit.len == 0 || add_limit(compiler, options, when)) &&
           (options->during.len == 0 || add_during(compiler, options, when)) &&
           (options->mac.len == 0 || add_macs(compiler, options, when));
}
