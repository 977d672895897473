#include "analysis/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/occasion.h"
#include "policy/inside.h"
#include "rules/words.h"

struct comparison {
    const struct tg_policy *policies[2];
    settings_fn *tell;
    void *context;
};

/* A text that is put together; what has no room is cut off. */
struct phrase {
    char bytes[SETTINGS_TEXT];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct phrase *text, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof text->bytes - text->len;
    va_start(arguments, format);
    int n = vsnprintf(text->bytes + text->len, room, format, arguments);
    va_end(arguments);
    text->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void tell(const struct comparison *c, const char *zone, const char *what, const char *before, const char *after)
{
    if (strcmp(before, after) != 0)
        c->tell(c->context, &(struct settings_change){zone, what, before, after});
}

static void tell_switch(const struct comparison *c, const char *zone, const char *what, bool before, bool after)
{
    tell(c, zone, what, before ? "yes" : "no", after ? "yes" : "no");
}

/* Zones. */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of their names, as the order of the file means nothing. */
static void write_interfaces(const struct tg_zone *zone, struct phrase *text)
{
    const char **names = calloc(zone->interface_count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < zone->interface_count; i++)
        names[i] = zone->interfaces[i];
    if (names != NULL)
        qsort(names, zone->interface_count, sizeof *names, compare_names);
    for (size_t i = 0; names != NULL && i < zone->interface_count; i++)
        say(text, "%s%s", i == 0 ? "" : ", ", names[i]);
    if (text->len == 0)
        say(text, "none");
    free(names);
}

static void write_addresses(const struct tg_zone *zone, struct phrase *text)
{
    char addr[TG_ADDR_TEXT];
    for (size_t i = 0; i < zone->address_count; i++) {
        const struct tg_prefix *own = &zone->addresses[i];
        say(text, "%s%s/%u", i == 0 ? "" : ", ", tg_addr_format(own->family, own->addr, addr), own->len);
    }
    if (text->len == 0)
        say(text, "none");
}

typedef void write_zone_fn(const struct tg_zone *zone, struct phrase *text);

static void compare_list(const struct comparison *c, const struct tg_zone *const zones[2], const char *what,
                         write_zone_fn *write)
{
    struct phrase texts[2];
    for (unsigned side = 0; side < 2; side++) {
        texts[side].len = 0;
        texts[side].bytes[0] = '\0';
        write(zones[side], &texts[side]);
    }
    tell(c, zones[0]->name, what, texts[0].bytes, texts[1].bytes);
}

static void compare_zone(const struct comparison *c, const struct tg_zone *before, const struct tg_zone *after)
{
    const struct tg_zone *const zones[2] = {before, after};
    compare_list(c, zones, "interfaces", write_interfaces);
    compare_list(c, zones, "addresses", write_addresses);
    tell_switch(c, before->name, "masquerade", before->masquerade, after->masquerade);
    tell_switch(c, before->name, "mss-clamp", before->mss_clamp, after->mss_clamp);
    tell(c, before->name, "on-failure", before->open_on_failure ? "open" : "closed",
         after->open_on_failure ? "open" : "closed");
}

static void compare_zones(const struct comparison *c)
{
    for (unsigned side = 0; side < 2; side++) {
        const struct tg_policy *policy = c->policies[side], *other = c->policies[!side];
        for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(policy); i++) {
            const struct tg_zone *zone = tg_policy_zone(policy, i);
            uint8_t same = tg_policy_zone_named(other, zone->name);
            if (same == TG_ZONE_NONE)
                tell_switch(c, zone->name, "defined", side == 0, side == 1);
            else if (side == 0)
                compare_zone(c, zone, tg_policy_zone(other, same));
        }
    }
}

/* Connections. */

static void compare_timers(const struct comparison *c)
{
    for (enum policy_timer timer = 0; timer < POLICY_TIMERS; timer++) {
        char what[64], before[WORDS_DURATION], after[WORDS_DURATION];
        snprintf(what, sizeof what, "timeout %s", words_timers[timer]);
        tell(c, NULL, what, words_duration_text(policy_timeout(c->policies[0], timer), before),
             words_duration_text(policy_timeout(c->policies[1], timer), after));
    }
}

static void compare_room(const struct comparison *c)
{
    enum { UNSAID = 16384 }; /* as tg_engine_new() has it */
    char texts[2][16];
    for (unsigned side = 0; side < 2; side++) {
        uint32_t room = tg_policy_connections(c->policies[side]);
        snprintf(texts[side], sizeof texts[side], "%u", room == 0 ? UNSAID : room);
    }
    tell(c, NULL, "connections max", texts[0], texts[1]);
    tell_switch(c, NULL, "connections pickup", policy_has_pickup(c->policies[0]), policy_has_pickup(c->policies[1]));
}

static void compare_nat_of(const struct comparison *c, const char *proto, const struct policy_nat_of *before,
                           const struct policy_nat_of *after)
{
    char what[32];
    snprintf(what, sizeof what, "nat %s mapping", proto);
    tell(c, NULL, what, words_behaviours[before->mapping], words_behaviours[after->mapping]);
    snprintf(what, sizeof what, "nat %s filtering", proto);
    tell(c, NULL, what, words_behaviours[before->filtering], words_behaviours[after->filtering]);
}

/* Port 0 cannot be written: all of them is what nothing being said means. */
static const char *ports_text(const struct policy_ports *ports, char buf[static 16])
{
    snprintf(buf, 16, "%u-%u", ports->first, ports->last);
    return ports->first == 0 ? "any" : buf;
}

static void compare_nat(const struct comparison *c)
{
    const struct policy_nat *before = policy_nat(c->policies[0]), *after = policy_nat(c->policies[1]);
    char texts[2][16];
    compare_nat_of(c, "tcp", &before->tcp, &after->tcp);
    compare_nat_of(c, "udp", &before->udp, &after->udp);
    tell(c, NULL, "nat ports", ports_text(&before->ports, texts[0]), ports_text(&after->ports, texts[1]));
}

/* Scans and knocks. */

static void say_range(struct phrase *text, const struct tg_range *range)
{
    char addr[TG_ADDR_TEXT];
    say(text, "%s", tg_addr_format(range->family, range->first, addr));
    if (!tg_addr_equal(range->first, range->last))
        say(text, "-%s", tg_addr_format(range->family, range->last, addr));
}

static void say_from(struct phrase *text, const struct tg_policy *policy, uint8_t zone, struct policy_where where)
{
    say(text, "from %s", zone == TG_ZONE_NONE ? "any" : tg_policy_zone(policy, zone)->name);
    if (where.set == POLICY_NONE)
        return;
    enum { RANGES = 12 };
    const struct address_set *set = &policy->address_sets.items[where.set];
    for (size_t i = 0; i < set->v4_count + set->v6_count && i < RANGES; i++) {
        struct tg_range range = {.family = i < set->v4_count ? TG_IPV4 : TG_IPV6};
        range.first = i < set->v4_count ? tg_ipv4(set->v4[i].first) : set->v6[i - set->v4_count].first;
        range.last = i < set->v4_count ? tg_ipv4(set->v4[i].last) : set->v6[i - set->v4_count].last;
        say(text, i > 0 ? ", " : where.outside ? " not " : " ");
        say_range(text, &range);
    }
    if (set->v4_count + set->v6_count > RANGES)
        say(text, " and more");
}

static struct phrase knock_text(const struct tg_policy *policy, const struct policy_knock *knock)
{
    struct phrase text = {.len = 0};
    char within[WORDS_DURATION], open[WORDS_DURATION], number[WORDS_PROTOCOL];
    say_from(&text, policy, knock->zone, knock->src);
    for (size_t i = 0; i < knock->count; i++)
        say(&text, "%s%s %u", i == 0 ? " " : ", ", words_protocol_name(knock->steps[i].proto, number),
            knock->steps[i].port);
    say(&text, " within %s for %s", words_duration_text(knock->seconds, within),
        words_duration_text(knock->open, open));
    return text;
}

/* Of knocks that are in both, as far as rules ask for them: what one policy alone has shows in what it lets in. */
static void compare_knocks(const struct comparison *c)
{
    struct occasion_knock knocks[OCCASION_KNOCKS];
    int count = occasion_knocks(c->policies, 2, knocks);
    for (int i = 0; i < count; i++) {
        const struct policy_knock *knock[2];
        char what[96];
        if (knocks[i].number[0] == POLICY_NONE || knocks[i].number[1] == POLICY_NONE)
            continue;
        for (unsigned side = 0; side < 2; side++)
            knock[side] = policy_knock(c->policies[side], knocks[i].number[side]);
        if (occasion_same_knock(c->policies, knock[0], knock[1]))
            continue;
        struct phrase before = knock_text(c->policies[0], knock[0]), after = knock_text(c->policies[1], knock[1]);
        snprintf(what, sizeof what, "knock %s", knocks[i].name);
        if (strcmp(before.bytes, after.bytes) == 0)
            say(&after, " (of more addresses than are shown)");
        tell(c, NULL, what, before.bytes, after.bytes);
    }
}

static struct phrase detect_text(const struct tg_policy *policy, const struct policy_detect *detect)
{
    struct phrase text = {.len = 0};
    char within[WORDS_DURATION], block[WORDS_DURATION];
    const char *log = tg_policy_statement(policy, detect->statement)->log;
    say_from(&text, policy, detect->zone, detect->src);
    say(&text, " over %u ports in %s block %s", detect->ports, words_duration_text(detect->seconds, within),
        words_duration_text(detect->block, block));
    if (log != NULL)
        say(&text, " log \"%s\"", log);
    return text;
}

static bool is_same_log(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Whether the second policy has one that is the same. */
static bool has_detect(const struct tg_policy *const *policies, const struct policy_detect *detect)
{
    const struct policy_detect *other;
    for (size_t i = 0; (other = policy_detect(policies[1], i)) != NULL; i++)
        if (detect->ports == other->ports && detect->seconds == other->seconds && detect->block == other->block &&
            occasion_same_zone(policies, detect->zone, other->zone) &&
            occasion_same_where(policies, detect->src, other->src) &&
            is_same_log(tg_policy_statement(policies[0], detect->statement)->log,
                        tg_policy_statement(policies[1], other->statement)->log))
            return true;
    return false;
}

/* Their order means nothing. */
static void compare_detects(const struct comparison *c)
{
    const struct policy_detect *detect;
    for (unsigned side = 0; side < 2; side++)
        for (size_t i = 0; (detect = policy_detect(c->policies[side], i)) != NULL; i++) {
            const struct tg_policy *const policies[2] = {c->policies[side], c->policies[!side]};
            struct phrase text = detect_text(c->policies[side], detect);
            if (!has_detect(policies, detect))
                tell(c, NULL, "detect scan", side == 0 ? text.bytes : "none", side == 0 ? "none" : text.bytes);
        }
}

void settings_compare(const struct tg_policy *before, const struct tg_policy *after, settings_fn *tell_change,
                      void *context)
{
    const struct comparison c = {{before, after}, tell_change, context};
    compare_zones(&c);
    compare_timers(&c);
    compare_room(&c);
    compare_nat(&c);
    compare_knocks(&c);
    compare_detects(&c);
}
