/* What changes between two policies (analysis/difference.h), held against the engine itself: of many packets, those
 * that the engine treats differently, and no others, must be in some block.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/difference.h"
#include "probe/probe.h"

enum {
    ROUNDS = 40,
    PACKETS = 300,
    REPEATED = 4, /* packets that follow each other, so that limits are reached */
    TEXT = 4096
};

static uint64_t seed;

/* More by hand: ROUNDS=1000 in the environment. */
static unsigned rounds(void)
{
    const char *wanted = getenv("ROUNDS");
    return wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : ROUNDS;
}

static uint32_t draw(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

#define ANY_OF(list) (list)[draw(COUNT(list))]

/* Rules files at random. */

static const char *const heads[] = {
    "zone wan on w address 203.0.113.1/24, 2001:db8::1/64 masquerade\nzone lan on l address 192.168.1.1/24, "
    "fd00:1::1/64\n"
    "zone dmz on d address 192.168.2.1/24, fd00:2::1/64\n",
    "zone wan on w address 203.0.113.1/24, 2001:db8::1/64\nzone lan on l address 192.168.1.1/24, fd00:1::1/64\n"
    "zone dmz on d address 192.168.2.1/24, fd00:2::1/64\n",
    "zone wan on w address 203.0.113.1/24, 2001:db8::1/64 masquerade\nzone dmz on d address 192.168.2.1/23, "
    "fd00:2::1/64\n"
    "zone lan on l address 192.168.1.1/25, fd00:1::1/64\n",
    "zone wan on w masquerade\nzone lan on l address 192.168.1.1/24, fd00:1::1/64\n"
    "zone dmz on d address 192.168.2.1/24, fd00:2::1/64\n",
};
static const char knock_lines[] =
    "knock a from any tcp 7001, tcp 7003 within 10s for 30s\nknock b from any tcp 7002, tcp 7004 within 9s for 30s\n";
static const char *const zones[] = {"any", "any", "wan", "lan", "dmz", "router"};
static const char *const addresses[] = {
    "",
    "",
    "",
    " 192.168.1.50",
    " 192.168.1.0/25, 192.168.2.9",
    " not 198.51.100.0/24",
    " 203.0.113.1",
    " 198.51.100.9",
    " fd00:1::50",
    " not 192.168.1.50, fd00:1::/64",
};
static const char *const ports[] = {"", " port 80", " port 80-81", " port 8080,8081", " port 1-79", " port 8082"};
static const char *const protos[] = {"tcp", "udp", "tcp,udp", "sctp"};
static const char *const options[] = {
    " during mon-fri 08:00-18:00",
    " during 12:00-20:00",
    " during sat-sun",
    " during mon-sun 20:00-12:00",
    " mac 02:00:00:00:00:01",
    " mac 02:00:00:00:00:01, 02:00:00:00:00:02",
    " log \"x\"",
};
static const char *const translations[] = {
    "translate from lan to wan as 203.0.113.5\n",
    "translate from lan 192.168.1.50 to wan as 203.0.113.16-203.0.113.19\n",
    "translate from lan to wan as 203.0.113.1\n",
    "translate from dmz to wan as itself\n",
    "translate from dmz to lan 192.168.1.0/25 as 203.0.113.6\n",
    "translate from wan not 198.51.100.0/24 to any as 192.168.1.1\n",
    "translate from any to dmz as 203.0.113.7\n",
    "map 203.0.113.7 on wan to 192.168.1.50\n",
    "map 203.0.113.7 on wan to 192.168.1.51\n",
    "map 203.0.113.8 on wan to 192.168.2.9\n",
};
static const char *const plain[] = {"", "", "icmp", "icmp echo-request", "icmp6", "gre", "igmp"};

/* What is remembered of packets is tried out one thing at a time: a knock is a packet that counts for a limit, too. */
enum memory { LIMITS, KNOCKS, NEITHER };

static const char *random_option(enum memory memory, bool is_tcp)
{
    static const char *const knocks[] = {" after a", " after b"};
    if (draw(3) != 0)
        return "";
    if (memory == KNOCKS && draw(2) == 0)
        return ANY_OF(knocks);
    if (memory == LIMITS && is_tcp && draw(2) == 0)
        return " limit 1/hour burst 1";
    return ANY_OF(options);
}

static void random_statement(char *out, size_t room, enum memory memory)
{
    const char *action = draw(2) == 0 ? "allow" : draw(3) == 0 ? "reject" : "drop";
    const char *host = draw(3) == 0 ? "192.168.1.50" : draw(2) == 0 ? "192.168.2.9" : "192.168.1.51";
    switch (draw(9)) {
    case 0:
    case 1:
    case 2:
        snprintf(out, room, "%s %s from %s%s%s to %s%s%s%s\n", action, ANY_OF(protos), ANY_OF(zones), ANY_OF(addresses),
                 draw(4) == 0 ? ANY_OF(ports) : "", ANY_OF(zones), ANY_OF(addresses), ANY_OF(ports),
                 random_option(memory, true));
        break;
    case 3:
    case 4:
        snprintf(out, room, "%s %s from %s%s to %s%s%s\n", action, ANY_OF(plain), ANY_OF(zones), ANY_OF(addresses),
                 ANY_OF(zones), ANY_OF(addresses), random_option(memory, false));
        break;
    case 5:
        snprintf(out, room, "forward %s port %s from %s%s to %s%s%s%s\n", draw(2) == 0 ? "tcp" : "tcp,udp",
                 draw(2) == 0 ? "8080" : "80-81", draw(4) == 0 ? "any" : "wan", draw(3) == 0 ? " 198.51.100.0/24" : "",
                 host, draw(2) == 0 ? " port 80" : "", draw(3) == 0 ? " no-hairpin" : "", random_option(memory, true));
        break;
    case 6:
        snprintf(out, room, "forward tcp port %s%s from wan to %s%s\n", draw(2) == 0 ? "8080-8081" : "8081",
                 draw(2) == 0 ? " at 203.0.113.1" : "", host, draw(2) == 0 ? " port 80" : "");
        break;
    case 7: snprintf(out, room, "%s", ANY_OF(translations)); break;
    default:
        if (draw(3) == 0)
            snprintf(out, room, "forward any from wan to %s%s\n", host, random_option(memory, false));
        else
            snprintf(out, room, "allow from %s to %s\n", ANY_OF(zones), ANY_OF(zones));
    }
}

static int read_text(void *context, const char *path, char **text, size_t *len)
{
    (void)path;
    *text = strdup(context);
    *len = strlen(*text);
    return 0;
}

static struct tg_policy *load(char *text)
{
    struct tg_source source = {.read = read_text, .context = text};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, "t.rules", complaints);
    tg_complaints_free(complaints);
    return policy;
}

/* One that can be loaded: statements that cannot are left out. Some of it is that of `other`. */
static struct tg_policy *random_policy(char text[static TEXT], const char *const *statements, size_t count)
{
    struct tg_policy *policy = load(text);
    assert_non_null(policy);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(text);
        if (len + strlen(statements[i]) + 1 > TEXT)
            break;
        strcpy(text + len, statements[i]);
        struct tg_policy *longer = load(text);
        if (longer == NULL) {
            text[len] = '\0';
            continue;
        }
        tg_policy_free(policy);
        policy = longer;
    }
    return policy;
}

/* Packets at random, as they are made up of values that rules ask for. */

static const char *const sources[] = {"198.51.100.9",  "192.0.2.1",   "192.168.1.50",  "192.168.1.77",
                                      "192.168.1.200", "192.168.2.9", "203.0.113.1",   "203.0.113.5",
                                      "192.168.1.1",   "fd00:1::50",  "2001:db8:9::9", "fd00:1::1"};
static const char *const targets[] = {"203.0.113.1",   "203.0.113.7",   "203.0.113.8",  "198.51.100.9", "192.168.1.1",
                                      "192.168.1.50",  "192.168.1.51",  "192.168.1.77", "192.168.2.1",  "192.168.2.9",
                                      "192.168.1.255", "192.168.1.200", "224.0.0.1",    "192.0.0.8",    "192.168.3.3",
                                      "fd00:1::50",    "fd00:1::1",     "2001:db8:9::7"};
static const uint16_t port_values[] = {1, 79, 80, 81, 443, 8080, 8081, 8082};
static const uint16_t minute_values[] = {300, 540, 780, 1140, 1380, 5 * 1440 + 300, 6 * 1440 + 780, 6 * 1440 + 1300};
static const struct policy_mac mac_values[] = {{{0}}, {{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}, {{2, 0, 0, 0, 0, 3}}};

struct packet {
    struct tg_probe probe;
    struct policy_mac mac; /* all zero: unknown */
    unsigned knocked;      /* bits: a, b */
    uint16_t repeated;     /* so often, with the next source ports */
};

/* The router sends nothing from the addresses of others. */
static bool is_honest(const struct tg_policy *policy, const struct tg_probe *probe)
{
    struct tg_network *network = tg_policy_network(policy, NULL, 0);
    bool is_others = false;
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy); zone++)
        is_others |= tg_network_is_behind(network, zone, probe->family, probe->src);
    bool is_own = tg_network_is_own(network, TG_ZONE_NONE, probe->family, probe->src);
    tg_network_free(network);
    return is_own || !is_others;
}

static bool random_packet(const struct tg_policy *policy, enum memory memory, struct packet *packet)
{
    static const uint8_t kinds[][2] = {{6, 0}, {6, 0},  {6, 0}, {17, 0}, {132, 0},  {47, 0},
                                       {1, 8}, {1, 13}, {1, 9}, {2, 0},  {58, 128}, {58, 135}};
    const uint8_t *kind = ANY_OF(kinds);
    struct tg_probe *probe = &packet->probe;
    uint8_t family;
    *probe = (struct tg_probe){.proto = kind[0], .icmp_type = kind[1], .has_src = true, .has_dst = true};
    assert_int_equal(tg_addr_parse(ANY_OF(sources), &probe->family, &probe->src), 0);
    assert_int_equal(tg_addr_parse(ANY_OF(targets), &family, &probe->dst), 0);
    probe->has_sport = probe->has_dport = tg_proto_has_ports(probe->proto);
    /* what comes behind it has the next ports: that must make no difference */
    probe->sport = memory == LIMITS ? ((const uint16_t[]){1, 443})[draw(2)] : ANY_OF(port_values);
    probe->dport = ANY_OF(port_values);
    probe->zone_in = tg_policy_zone_named(policy, ((const char *[]){"wan", "wan", "lan", "dmz", "router"})[draw(5)]);
    probe->has_minute = true;
    probe->minute = ANY_OF(minute_values);
    packet->mac = mac_values[memory == NEITHER ? 0 : draw(COUNT(mac_values))]; /* a probe has none */
    packet->repeated = memory == LIMITS && probe->has_sport ? REPEATED : 1;
    packet->knocked = memory == KNOCKS && probe->zone_in != TG_ZONE_ROUTER ? draw(4) : 0;
    return family == probe->family && !tg_addr_equal(probe->src, probe->dst) &&
           (probe->proto != TG_PROTO_ICMP || family == TG_IPV4) &&
           (probe->proto != TG_PROTO_ICMP6 || family == TG_IPV6) &&
           (probe->zone_in != TG_ZONE_ROUTER || is_honest(policy, probe));
}

/* What becomes of them. */

struct fate {
    enum tg_action action;
    struct tg_addr src, dst;
    uint16_t dport;
    const char *log;
};

static struct fate fate_of(const struct tg_policy *policy, const struct tg_packet *packet,
                           const struct tg_verdict *verdict)
{
    const struct tg_tuple *t = verdict->translation == TG_TRANSLATE_NONE ? &packet->outer.tuple : &verdict->to;
    struct fate fate = {.action = verdict->action};
    if (verdict->log)
        fate.log = tg_policy_statement(policy, verdict->statement)->log;
    if (verdict->action == TG_ACCEPT) {
        fate.src = t->src;
        fate.dst = t->dst;
        fate.dport = t->dport;
    }
    return fate;
}

static bool is_same_fate(const struct fate *a, const struct fate *b)
{
    bool same_log = a->log == NULL || b->log == NULL ? a->log == b->log : strcmp(a->log, b->log) == 0;
    return a->action == b->action && same_log && tg_addr_equal(a->src, b->src) && tg_addr_equal(a->dst, b->dst) &&
           a->dport == b->dport;
}

static struct fate send_packet(struct tg_engine *engine, const struct tg_policy *policy, const struct packet *packet,
                               const struct tg_tuple *tuple)
{
    uint8_t bytes[MAKE_ROOM];
    const struct tg_probe *probe = &packet->probe;
    struct tg_packet made = {.data = bytes};
    struct tg_verdict verdict;
    struct tg_arrival arrival = {.now = TG_SECOND, .zone_in = probe->zone_in, .has_minute = true};
    arrival.minute = probe->minute;
    arrival.has_mac = packet->mac.bytes[0] != 0;
    memcpy(arrival.mac, packet->mac.bytes, sizeof arrival.mac);
    made.len = made.wire_len = (uint32_t)make_packet(bytes, tuple, probe->icmp_type, probe->icmp_code);
    tg_engine_judge(engine, 0, &made, tg_packet_decode(&made, 0), &arrival, &verdict);
    return fate_of(policy, &made, &verdict);
}

/* The steps of knocks `a` and `b`, as the files have them. */
static void knock(struct tg_engine *engine, const struct tg_policy *policy, const struct packet *packet)
{
    static const uint16_t steps[] = {7001, 7003, 7002, 7004};
    struct packet step = *packet;
    step.probe.proto = TG_PROTO_TCP;
    for (unsigned i = 0; i < COUNT(steps); i++) {
        struct tg_tuple tuple = {packet->probe.src, tg_ipv4(0xc0a80101),  50000,
                                 steps[i],          packet->probe.family, TG_PROTO_TCP};
        if (tuple.family == TG_IPV6)
            tuple.dst = (struct tg_addr){UINT64_C(0xfd00000100000000), 1};
        if (packet->knocked >> i / 2 & 1)
            send_packet(engine, policy, &step, &tuple);
    }
}

/* All addresses must be in the file. */
static void judge(const struct tg_policy *policy, const struct packet *packet, struct fate fates[static REPEATED])
{
    const struct tg_engine_config config = {.connections = 64, .workers = 1, .secret = {1, 2, 3, 4}};
    const struct tg_probe *probe = &packet->probe;
    struct tg_network *network = tg_policy_network(policy, NULL, 0);
    struct tg_engine *engine = tg_engine_new(&config);
    bool is_icmp = probe->proto == TG_PROTO_ICMP || probe->proto == TG_PROTO_ICMP6;
    assert_int_equal(tg_engine_load(engine, policy, network), 0);
    knock(engine, policy, packet);
    for (uint16_t i = 0; i < packet->repeated; i++) {
        struct tg_tuple tuple = {probe->src,   probe->dst,    (uint16_t)(is_icmp ? 1 : probe->sport + i),
                                 probe->dport, probe->family, probe->proto};
        fates[i] = send_packet(engine, policy, packet, &tuple);
    }
    tg_engine_free(engine);
    tg_network_free(network);
}

static bool has_all_addresses(const struct tg_policy *policy)
{
    for (uint8_t zone = TG_ZONE_FIRST; zone < tg_policy_zone_count(policy); zone++)
        if (tg_policy_zone(policy, zone)->address_count == 0)
            return false;
    return true;
}

static void judge_as_probe(const struct tg_policy *policy, const struct tg_probe *probe, struct fate *fate)
{
    struct probe_outcome outcome;
    assert_int_equal(probe_judge(policy, probe, NULL, NULL, &outcome), 0);
    *fate = fate_of(policy, &outcome.packet, &outcome.verdict);
}

/* Zones are the same by name: a packet of one policy, for another. */
static struct packet moved(const struct tg_policy *from, const struct tg_policy *to, struct packet packet)
{
    uint8_t *zone = &packet.probe.zone_in;
    if (*zone != TG_ZONE_NONE)
        *zone = tg_policy_zone_named(to, tg_policy_zone(from, *zone)->name);
    return packet;
}

static bool is_treated_alike(const struct tg_policy *before, const struct tg_policy *after, const struct packet *packet)
{
    struct fate x[REPEATED], y[REPEATED];
    struct packet other = moved(before, after, *packet);
    if (has_all_addresses(before) && has_all_addresses(after) && packet->probe.has_dst) {
        judge(before, packet, x);
        judge(after, &other, y);
    } else {
        judge_as_probe(before, &packet->probe, &x[0]);
        judge_as_probe(after, &other.probe, &y[0]);
    }
    for (size_t i = 0; i < packet->repeated; i++)
        if (!is_same_fate(&x[i], &y[i]))
            return false;
    return true;
}

/* The packet as a point of a space. */
static void point_of(const struct landscape *l, const struct packet *packet, uint32_t point[SPACE_FIELDS])
{
    const struct tg_probe *probe = &packet->probe;
    const struct occasions *o = &l->space->occasions;
    const struct space *space = l->space;
    const struct space_view *view = &space->views[0];
    bool is_icmp = probe->proto == (space->family == TG_IPV4 ? TG_PROTO_ICMP : TG_PROTO_ICMP6);
    uint8_t out = tg_network_zone_to(l->networks[0], probe->family, probe->dst);
    uint8_t wan = tg_policy_zone_named(view->policy, "wan");
    bool is_dummy = tg_addr_equal(probe->dst, tg_ipv4(0xc0000008));
    point[SPACE_IN] = view->zones[probe->zone_in];
    point[SPACE_OUT] = view->zones[out];
    if (landscape_is_unknown(l, 0, wan) && out == wan && (probe->zone_in == wan || is_dummy))
        /* as a probe takes it */
        point[SPACE_OUT] = space->own_out != 0 ? space->own_out + view->zones[wan] : TG_ZONE_ROUTER;
    point[SPACE_KIND] = (uint32_t)probe->proto << 16 | (is_icmp ? (uint32_t)probe->icmp_type << 8 : 0);
    point[SPACE_SRC] = partition_class(&space->src, probe->src);
    point[SPACE_DST] = partition_class(&space->dst, probe->dst);
    point[SPACE_SPORT] = probe->sport;
    point[SPACE_DPORT] = probe->dport;
    point[SPACE_MINUTE] = o->minutes.of[probe->minute];
    point[SPACE_MAC] = o->macs.of[0];
    point[SPACE_KNOCKS] = 0;
    for (uint32_t i = 1; i < o->macs.points; i++)
        if (memcmp(&o->listed[i - 1], &packet->mac, sizeof packet->mac) == 0)
            point[SPACE_MAC] = o->macs.of[i];
    for (unsigned bit = 0; bit < o->knock_count; bit++)
        point[SPACE_KNOCKS] |= (packet->knocked >> (o->knocks[bit].name[0] - 'a') & 1) << bit;
}

static bool is_in(const struct region *region, const uint32_t *point)
{
    for (unsigned field = 0; field < SPACE_FIELDS; field++) {
        const struct spans *spans = &region->in[field];
        bool in = spans->items == NULL;
        for (uint32_t i = 0; i < spans->count && !in; i++)
            in = spans->items[i].first <= point[field] && point[field] <= spans->items[i].last;
        if (!in)
            return false;
    }
    return true;
}

struct round {
    const struct tg_policy *before, *after;
    enum memory memory;
    struct difference *difference;
    size_t pair;
    const char *row;
    struct packet packets[PACKETS];
    unsigned found[PACKETS]; /* blocks that it is in */
    unsigned examples, untried;
};

static void check_example(const struct round *r, const char *text)
{
    struct tg_complaints *complaints = tg_complaints_new();
    struct packet packet = {.repeated = 1};
    if (tg_probe_parse(r->before, text, &packet.probe, complaints) != 0)
        fail_msg("'%s' is no packet", text);
    if (r->memory == LIMITS && packet.probe.has_sport)
        packet.repeated = REPEATED;
    if (is_treated_alike(r->before, r->after, &packet))
        fail_msg("'%s' is no example:\n%s", text, r->row);
    tg_complaints_free(complaints);
}

/* `explain` has no words for MAC addresses and knocks. */
static bool can_be_said(const struct difference_block *block)
{
    const struct spans *macs = &block->region->in[SPACE_MAC], *knocks = &block->region->in[SPACE_KNOCKS];
    return (macs->items == NULL || macs->items[0].first == 0) && (knocks->items == NULL || knocks->items[0].first == 0);
}

static bool look(void *context, const struct difference_block *block)
{
    struct round *r = context;
    char example[DIFFERENCE_EXAMPLE];
    for (size_t i = 0; i < PACKETS; i++) {
        uint32_t point[SPACE_FIELDS];
        if (r->packets[i].probe.family != block->landscape->space->family)
            continue;
        point_of(block->landscape, &r->packets[i], point);
        r->found[i] += is_in(block->region, point);
    }
    if (difference_example(r->difference, r->pair, block, example)) {
        check_example(r, example);
        r->examples++;
    } else if (can_be_said(block) &&
               (block->region->in[SPACE_IN].items == NULL ||
                block->region->in[SPACE_IN].items[0].last != TG_ZONE_NONE || block->region->in[SPACE_IN].count != 1)) {
        r->untried++; /* with no zone to come in by none can be made */
    }
    return true;
}

static void random_round(unsigned round, bool is_known, unsigned *examples, unsigned *untried)
{
    enum memory memory = !is_known ? NEITHER : round % 2 == 0 ? LIMITS : KNOCKS;
    static struct round r;
    char row[4 * TEXT], texts[2][TEXT], lines[24][256];
    const char *statements[2][24];
    size_t count = 3 + draw(12), kept = draw((uint32_t)count + 1);
    seed = round;
    for (size_t i = 0; i < count; i++) {
        random_statement(lines[i], sizeof lines[i], memory);
        statements[0][i] = statements[1][i] = lines[i];
    }
    for (size_t i = 0; i < kept && count > 1; i++) { /* change places, or go */
        uint32_t a = draw((uint32_t)count), b = draw((uint32_t)count);
        const char *line = statements[1][a];
        statements[1][a] = draw(3) == 0 ? "" : statements[1][b];
        statements[1][b] = line;
    }
    uint32_t head = is_known ? draw(3) : 3;
    strcpy(texts[0], knock_lines);
    strcpy(texts[1], knock_lines);
    strcat(texts[0], heads[head]);
    strcat(texts[1], heads[is_known && draw(3) == 0 ? draw(3) : head]);
    memset(&r, 0, sizeof r);
    struct tg_policy *before = random_policy(texts[0], statements[0], count);
    struct tg_policy *after = random_policy(texts[1], statements[1], count);
    snprintf(row, sizeof row, "round %u:\n%s-----\n%s-----\n", round, texts[0], texts[1]);
    r.memory = memory;
    r.row = row;
    r.before = before;
    r.after = after;
    CHECK_EQUAL(row, difference_new(before, after, &r.difference), 0);
    for (size_t i = 0; i < PACKETS;)
        i += random_packet(before, memory, &r.packets[i]);
    for (r.pair = 0; r.pair < difference_count(r.difference); r.pair++)
        difference_blocks(r.difference, r.pair, look, &r);
    for (size_t i = 0; i < PACKETS; i++) {
        const struct tg_probe *p = &r.packets[i].probe;
        char src[TG_ADDR_TEXT], dst[TG_ADDR_TEXT];
        bool alike = is_treated_alike(before, after, &r.packets[i]);
        if (r.found[i] != !alike)
            fail_msg("from %s %s port %u to %s port %u, protocol %u, type %u, at %u, mac %u, knocked %u: %s, in %u "
                     "blocks\n%s",
                     tg_policy_zone(before, p->zone_in)->name, tg_addr_format(p->family, p->src, src), p->sport,
                     tg_addr_format(p->family, p->dst, dst), p->dport, p->proto, p->icmp_type, p->minute,
                     r.packets[i].mac.bytes[5], r.packets[i].knocked,
                     alike ? "is treated alike" : "is not treated alike", r.found[i], row);
    }
    *examples += r.examples;
    *untried += r.untried;
    difference_free(r.difference);
    tg_policy_free(before);
    tg_policy_free(after);
}

/* All addresses are in the files: then every block has an example. */
TEST(known_networks)
{
    unsigned examples = 0, untried = 0;
    for (unsigned round = 0; round < rounds(); round++)
        random_round(round, true, &examples, &untried);
    assert_true(examples > ROUNDS);
    assert_int_equal(untried, 0);
}

TEST(unknown_address)
{
    unsigned examples = 0, untried = 0;
    for (unsigned round = 0; round < rounds(); round++)
        random_round(round + 10000, false, &examples, &untried);
    assert_true(examples > ROUNDS);
}

/* Rules that fit only sometimes: `when` of the one rule of either policy, and whether that makes a difference. */
static struct tg_policy *sometimes(const struct policy_when *when, const struct policy_limit *limit,
                                   const struct policy_minutes *minutes, enum tg_action fallback)
{
    struct tg_policy *policy = policy_new();
    struct policy_rule rule = {.action = TG_ACCEPT,
                               .forward = POLICY_NONE,
                               .any_proto = true,
                               .when = *when,
                               .src = {POLICY_NONE, false},
                               .dst = {POLICY_NONE, false},
                               .sport = POLICY_NONE,
                               .dport = POLICY_NONE};
    uint32_t number;
    assert_int_equal(policy_add_statement(policy, &(struct tg_statement){.file = "t", .text = "t"}, &rule.statement),
                     0);
    assert_int_equal(policy_add_limit(policy, limit, &number), 0);
    assert_int_equal(policy_add_minutes(policy, minutes, 1, &number), 0);
    assert_int_equal(policy_add_rule(policy, &rule), 0);
    policy_set_default(policy, fallback);
    assert_int_equal(policy_seal(policy), 0);
    return policy;
}

TEST(conditions)
{
    static const struct policy_limit slow = {10, 60, 5, false}, fast = {20, 60, 5, false};
    static const struct policy_minutes morning = {0, 719}, evening = {720, 1439};
    static const struct policy_when always = {0}, limit = {.limit = 1}, during = {.during = 1}, max = {.max = 5},
                                    max_each = {.max = 5, .max_per_source = true};
    static const struct {
        const char *row;
        const struct policy_when *before, *after;
        const struct policy_limit *limits[2];
        const struct policy_minutes *minutes[2];
        enum tg_action fallback;
        bool differs;
    } rows[] = {
        {"the same limit", &limit, &limit, {&slow, &slow}, {&morning, &evening}, TG_DROP, false},
        {"another limit", &limit, &limit, {&slow, &fast}, {&morning, &morning}, TG_DROP, true},
        {"a limit is taken off", &limit, &always, {&slow, &slow}, {&morning, &morning}, TG_DROP, true},
        {"the same hours", &during, &during, {&slow, &fast}, {&morning, &morning}, TG_DROP, false},
        {"other hours", &during, &during, {&slow, &slow}, {&morning, &evening}, TG_DROP, true},
        {"hours for a limit", &during, &limit, {&slow, &slow}, {&morning, &morning}, TG_DROP, true},
        {"the same number", &max, &max, {&slow, &slow}, {&morning, &morning}, TG_DROP, false},
        {"the same number for each", &max, &max_each, {&slow, &slow}, {&morning, &morning}, TG_DROP, true},
        {"a limit without effect", &limit, &during, {&slow, &slow}, {&morning, &morning}, TG_ACCEPT, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *before = sometimes(rows[i].before, rows[i].limits[0], rows[i].minutes[0], rows[i].fallback);
        struct tg_policy *after = sometimes(rows[i].after, rows[i].limits[1], rows[i].minutes[1], rows[i].fallback);
        struct difference *difference;
        CHECK_EQUAL(rows[i].row, difference_new(before, after, &difference), 0);
        CHECK_EQUAL(rows[i].row, difference_count(difference) != 0, rows[i].differs);
        difference_free(difference);
        tg_policy_free(before);
        tg_policy_free(after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_networks),
        cmocka_unit_test(unknown_address),
        cmocka_unit_test(conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
