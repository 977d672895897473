/* Rules that fit only sometimes: within a rate, below a number of living connections, at certain times, for certain
 * senders, after a knock; and scanners that are refused everything. */
#include "house.h"

/* ---- rules with conditions ---- */

/* As add_rule(), with what must hold besides. */
static uint32_t add_rule_when(struct tg_policy *policy, enum tg_action action, uint8_t from, uint8_t to, uint8_t proto,
                              uint16_t port, struct policy_when when)
{
    struct policy_rule rule = {.action = action,
                               .forward = POLICY_NONE,
                               .any_proto = proto == 0,
                               .proto = proto,
                               .any_type = true,
                               .any_code = true,
                               .zone_in = from,
                               .zone_out = to,
                               .src = {POLICY_NONE, false},
                               .dst = {POLICY_NONE, false},
                               .when = when,
                               .sport = POLICY_NONE,
                               .dport = POLICY_NONE};
    rule.statement = add_statement(policy, action == TG_ACCEPT ? TG_STATEMENT_ALLOW : TG_STATEMENT_DROP);
    if (port != 0)
        must(policy_add_ports(policy, &(struct policy_ports){port, port}, 1, &rule.dport));
    must(policy_add_rule(policy, &rule));
    return rule.statement;
}

static struct policy_when a_limit(struct tg_policy *policy, uint32_t count, uint32_t seconds, uint32_t burst,
                                  bool per_source)
{
    uint32_t number;
    must(policy_add_limit(policy, &(struct policy_limit){count, seconds, burst, per_source}, &number));
    return (struct policy_when){.limit = number + 1};
}

/* A new connection from `client`, each time from another port.
 * => true if it was let in */
static bool knocks(struct house *h, uint8_t zone, const char *client, const char *to)
{
    static unsigned port = 1024;
    char ends[128];
    port = port == 65535 ? 1024 : port + 1;
    snprintf(ends, sizeof ends, strchr(client, ':') != NULL ? "[%s]:%u > %s" : "%s:%u > %s", client, port, to);
    struct bytes b = tcp(ends, SYN, 100, 0, 0);
    judge(h, zone, &b);
    return h->verdict.action == TG_ACCEPT;
}

static unsigned let_in(struct house *h, uint8_t zone, const char *client, const char *to, unsigned tries)
{
    unsigned n = 0;
    for (unsigned i = 0; i < tries; i++)
        n += knocks(h, zone, client, to);
    return n;
}

static const char *const SSH = "203.0.113.1:22", *const SSH6 = "[2001:db8:0:1::2]:22";

TEST(a_rate_lets_a_burst_in_and_then_as_many_as_it_says)
{
    struct tg_policy *policy = new_policy(true);
    uint32_t rule = add_rule_when(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 22, a_limit(policy, 2, 1, 5, false));
    struct house h = open_house(policy, 1000, 1);
    assert_int_equal(let_in(&h, WAN, "198.51.100.1", SSH, 20), 5);
    assert_int_equal(h.verdict.reason, TG_REASON_DEFAULT); /* beyond it the rule does not fit */
    wait_for(&h, 0.5);
    assert_int_equal(let_in(&h, WAN, "198.51.100.2", SSH, 20), 1);
    wait_for(&h, 0.4);
    assert_int_equal(let_in(&h, WAN, "198.51.100.1", SSH, 20), 0);
    wait_for(&h, 1.1);
    assert_int_equal(let_in(&h, WAN, "198.51.100.1", SSH, 20), 3);
    wait_for(&h, 3600);
    assert_int_equal(let_in(&h, WAN, "198.51.100.1", SSH, 20), 5); /* quiet times save up no more than a burst */
    assert_int_equal(tg_engine_hits(h.engine, rule).packets, 14);
    close_house(&h);
}

TEST(a_rate_counts_connections_and_not_packets)
{
    struct tg_policy *policy = new_policy(true);
    add_rule_when(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_UDP, 53, a_limit(policy, 1, 3600, 1, false));
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, udp("198.51.100.1:5 > 203.0.113.1:53", 4), "accept rule");
    for (int i = 0; i < 50; i++)
        EXPECT(&h, WAN, udp("198.51.100.1:5 > 203.0.113.1:53", 4), "accept established");
    EXPECT(&h, WAN, udp("198.51.100.1:6 > 203.0.113.1:53", 4), "drop default");
    close_house(&h);
}

TEST(a_rate_per_source_is_each_sources_own)
{
    struct tg_policy *policy = new_policy(true);
    add_rule_when(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 22, a_limit(policy, 1, 60, 3, true));
    add_rule_when(policy, TG_ACCEPT, LAN, ROUTER, TG_PROTO_TCP, 22, a_limit(policy, 1, 60, 3, true));
    struct house h = open_house(policy, 1000, 1);
    assert_int_equal(let_in(&h, WAN, "198.51.100.1", SSH, 10), 3);
    assert_int_equal(let_in(&h, WAN, "198.51.100.2", SSH, 10), 3);
    assert_int_equal(let_in(&h, WAN, "198.51.100.1", SSH, 10), 0);
    /* who is outside has a whole network to speak from; inside, a device is one address */
    assert_int_equal(let_in(&h, WAN, "2001:db8:9::1", SSH6, 10), 3);
    assert_int_equal(let_in(&h, WAN, "2001:db8:9::2", SSH6, 10), 0);
    assert_int_equal(let_in(&h, WAN, "2001:db8:9:1::1", SSH6, 10), 3);
    assert_int_equal(let_in(&h, LAN, "fd00:1::11", "[fd00:1::1]:22", 10), 3);
    assert_int_equal(let_in(&h, LAN, "fd00:1::12", "[fd00:1::1]:22", 10), 3);
    close_house(&h);
}

/* More sources than are remembered: none of them is refused for another, and the memory does not grow. */
TEST(a_flood_of_sources_takes_nothing_from_others)
{
    struct tg_policy *policy = new_policy(true);
    add_rule_when(policy, TG_DROP, WAN, ROUTER, TG_PROTO_TCP, 22, a_limit(policy, 1, 60, 1, true));
    add_rule(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 22);
    struct house h = open_house(policy, 64, 1);
    for (unsigned i = 0; i < 20000; i++) {
        char client[32];
        snprintf(client, sizeof client, "100.%u.%u.1", i / 256, i % 256);
        assert_false(knocks(&h, WAN, client, SSH)); /* the first of each fits the drop */
    }
    close_house(&h);
}

TEST(a_rule_over_its_rate_leaves_it_to_the_next)
{
    struct tg_policy *policy = new_policy(true);
    add_rule_when(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 22, a_limit(policy, 1, 60, 1, false));
    uint32_t next = add_rule(policy, TG_REJECT, WAN, ROUTER, TG_PROTO_TCP, 22);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, tcp("198.51.100.1:5 > 203.0.113.1:22", SYN, 1, 0, 0), "accept rule");
    EXPECT(&h, WAN, tcp("198.51.100.1:6 > 203.0.113.1:22", SYN, 1, 0, 0), "reject rule");
    assert_int_equal(h.verdict.statement, next);
    close_house(&h);
}

TEST(a_number_of_living_connections)
{
    struct tg_policy *policy = new_policy(true);
    add_rule_when(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_UDP, 53, (struct policy_when){.max = 2});
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, udp("198.51.100.1:5 > 203.0.113.1:53", 4), "accept rule");
    EXPECT(&h, WAN, udp("198.51.100.2:5 > 203.0.113.1:53", 4), "accept rule");
    EXPECT(&h, WAN, udp("198.51.100.3:5 > 203.0.113.1:53", 4), "drop default");
    wait_for(&h, 100);
    EXPECT(&h, WAN, udp("198.51.100.1:5 > 203.0.113.1:53", 4), "accept established");
    wait_for(&h, 30);                                                          /* the second is over */
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:9", 4), "drop default"); /* time for a sweep */
    wait_for(&h, 3);
    EXPECT(&h, WAN, udp("198.51.100.3:5 > 203.0.113.1:53", 4), "accept rule");
    EXPECT(&h, WAN, udp("198.51.100.4:5 > 203.0.113.1:53", 4), "drop default");
    close_house(&h);
}

TEST(a_number_of_living_connections_per_source)
{
    struct tg_policy *policy = new_policy(true);
    add_rule_when(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 22,
                  (struct policy_when){.max = 3, .max_per_source = true});
    struct house h = open_house(policy, 4000, 1);
    for (unsigned i = 0; i < 1000; i++) {
        char client[32];
        snprintf(client, sizeof client, "198.51.%u.%u", i / 250, i % 250 + 1);
        assert_int_equal(let_in(&h, WAN, client, SSH, 4), 3);
    }
    wait_for(&h, 400); /* all are over, and swept */
    assert_false(knocks(&h, GUEST, "192.168.2.9", SSH));
    wait_for(&h, 3);
    assert_int_equal(let_in(&h, WAN, "198.51.0.1", SSH, 4), 3);
    assert_int_equal(connections_of(&h), 3);
    close_house(&h);
}

/* Counts follow the connections to new rules, and start anew with those. */
TEST(living_connections_are_counted_over_loads)
{
    struct tg_policy *policy = new_policy(true);
    add_rule_when(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_UDP, 53, (struct policy_when){.max = 2});
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, udp("198.51.100.1:5 > 203.0.113.1:53", 4), "accept rule");
    EXPECT(&h, WAN, udp("198.51.100.2:5 > 203.0.113.1:53", 4), "accept rule");
    reload(&h, policy); /* the same one, as for a changed address */
    EXPECT(&h, WAN, udp("198.51.100.3:5 > 203.0.113.1:53", 4), "drop default");
    EXPECT(&h, WAN, udp("198.51.100.1:5 > 203.0.113.1:53", 4), "accept established");
    EXPECT(&h, WAN, udp("198.51.100.3:5 > 203.0.113.1:53", 4), "drop default");
    struct tg_policy *other = new_policy(true);
    add_rule(other, TG_DROP, GUEST, NONE, 0, 0);
    add_rule_when(other, TG_ACCEPT, WAN, ROUTER, TG_PROTO_UDP, 53, (struct policy_when){.max = 2});
    reload(&h, other);
    EXPECT(&h, WAN, udp("198.51.100.1:5 > 203.0.113.1:53", 4), "accept established");
    EXPECT(&h, WAN, udp("198.51.100.2:5 > 203.0.113.1:53", 4), "accept established");
    EXPECT(&h, WAN, udp("198.51.100.3:5 > 203.0.113.1:53", 4), "drop default");
    close_house(&h);
}

/* A reload judges anew what lives, and that is neither over its rate nor too many. */
TEST(limits_do_not_end_what_lives)
{
    struct tg_policy *policy = new_policy(true);
    add_rule(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_UDP, 53);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, udp("198.51.100.1:5 > 203.0.113.1:53", 4), "accept rule");
    EXPECT(&h, WAN, udp("198.51.100.2:5 > 203.0.113.1:53", 4), "accept rule");
    struct tg_policy *strict = new_policy(true);
    struct policy_when when = a_limit(strict, 1, 3600, 1, false);
    when.max = 1;
    add_rule_when(strict, TG_ACCEPT, WAN, ROUTER, TG_PROTO_UDP, 53, when);
    reload(&h, strict);
    for (int i = 0; i < 3; i++) {
        EXPECT(&h, WAN, udp("198.51.100.1:5 > 203.0.113.1:53", 4), "accept established");
        EXPECT(&h, WAN, udp("198.51.100.2:5 > 203.0.113.1:53", 4), "accept established");
    }
    EXPECT(&h, WAN, udp("198.51.100.3:5 > 203.0.113.1:53", 4), "drop default");
    close_house(&h);
}

/* Beside a model: connections come and go at random, and each answer is the one that counting by hand gives. */
TEST(living_connections_against_a_model)
{
    enum { CLIENTS = 40, PORTS = 8, MOST = 3 };
    uint64_t seed = 11;
    double ends[CLIENTS][PORTS] = {{0}}, now = 1;
    struct tg_policy *policy = new_policy(true);
    add_rule_when(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_UDP, 53,
                  (struct policy_when){.max = MOST, .max_per_source = true});
    struct house h = open_house(policy, CLIENTS * PORTS, 1);
    for (int round = 0; round < 20000; round++) {
        unsigned client = random32(&seed) % CLIENTS, port = random32(&seed) % PORTS, alive = 0;
        char text[96];
        if (random32(&seed) % 100 == 0) { /* long enough for some to end, and to be swept; and never on the edge */
            wait_for(&h, 70);
            now += 70;
            for (int i = 0; i < 2; i++) {
                struct bytes other = udp("192.168.1.9:5 > 198.51.100.1:9", 4);
                judge(&h, LAN, &other);
                wait_for(&h, 3);
                now += 3;
            }
        }
        for (int i = 0; i < PORTS; i++)
            alive += ends[client][i] > now;
        snprintf(text, sizeof text, "198.51.100.%u:%u > 203.0.113.1:53", client + 1, port + 1);
        bool lives = ends[client][port] > now;
        EXPECT(&h, WAN, udp(text, 4), lives ? "accept established" : alive < MOST ? "accept rule" : "drop default");
        if (h.verdict.action == TG_ACCEPT)
            ends[client][port] = now + 121;
    }
    close_house(&h);
}

/* ---- times and senders ---- */

TEST(times)
{
    static const struct {
        const char *name;
        bool known;
        uint16_t minute;
        const char *wanted;
    } rows[] = {{"before", true, 599, "drop default"},  {"the first minute", true, 600, "accept rule"},
                {"within", true, 650, "accept rule"},   {"the last minute", true, 719, "accept rule"},
                {"after", true, 720, "drop default"},   {"the second span", true, 10000, "accept rule"},
                {"not known", false, 0, "drop default"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *policy = new_policy(true);
        const struct policy_minutes spans[] = {{600, 719}, {10000, 10000}};
        uint32_t number;
        must(policy_add_minutes(policy, spans, COUNT(spans), &number));
        add_rule_when(policy, TG_ACCEPT, LAN, WAN, 0, 0, (struct policy_when){.during = number + 1});
        struct house h = open_house(policy, 64, 1);
        h.arrival.has_minute = rows[i].known;
        h.arrival.minute = rows[i].minute;
        struct bytes b = udp("192.168.1.9:5 > 198.51.100.1:80", 4);
        const char *got = judge(&h, LAN, &b);
        CHECK(rows[i].name, strncmp(got, rows[i].wanted, strlen(rows[i].wanted)) == 0);
        h.arrival.minute = 9999; /* what began goes on */
        if (h.verdict.action == TG_ACCEPT)
            EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:5", 4),
                   "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
        close_house(&h);
    }
}

static struct tg_policy *policy_for_mac(enum tg_action action, uint32_t *statement)
{
    struct tg_policy *policy = new_policy(true);
    const struct policy_mac macs[] = {{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}};
    uint32_t number;
    must(policy_add_macs(policy, macs, COUNT(macs), &number));
    *statement = add_rule_when(policy, action, LAN, WAN, 0, 0, (struct policy_when){.mac = number + 1});
    add_rule(policy, TG_ACCEPT, LAN, WAN, TG_PROTO_ICMP, 0);
    return policy;
}

static void come_from(struct house *h, int last)
{
    h->arrival.has_mac = last >= 0;
    memcpy(h->arrival.mac, (uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)last}, 6);
}

TEST(senders)
{
    uint32_t statement;
    struct house h = open_house(policy_for_mac(TG_ACCEPT, &statement), 64, 1);
    come_from(&h, 2);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    come_from(&h, 3);
    EXPECT(&h, LAN, udp("192.168.1.9:6 > 198.51.100.1:80", 4), "drop default");
    come_from(&h, -1);
    EXPECT(&h, LAN, udp("192.168.1.9:7 > 198.51.100.1:80", 4), "drop default");
    close_house(&h);
}

/* An answer does not show the address of who began: it is let through as before, until one that does comes. */
TEST(senders_are_judged_anew_by_their_own_packets)
{
    uint32_t statement;
    struct house h = open_house(policy_for_mac(TG_ACCEPT, &statement), 64, 1);
    come_from(&h, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    reload(&h, policy_for_mac(TG_ACCEPT, &statement));
    come_from(&h, 9); /* the next router's */
    EXPECT(&h, WAN, udp("198.51.100.1:80 > 203.0.113.1:5", 4), "accept established -> 198.51.100.1:80 > 192.168.1.9:5");
    assert_int_equal(h.verdict.statement, TG_NO_STATEMENT);
    come_from(&h, 1);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept established -> 203.0.113.1:5 > 198.51.100.1:80");
    assert_int_equal(h.verdict.statement, statement);
    reload(&h, policy_for_mac(TG_DROP, &statement));
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "drop rule");
    close_house(&h);
}

/* ---- knocks ---- */

/* Three ports in 10 seconds let ssh in for 30. */
static struct tg_policy *policy_with_knock(void)
{
    struct tg_policy *policy = new_policy(true);
    const struct policy_knock knock = {
        .name = "open-ssh",
        .zone = WAN,
        .src = {POLICY_NONE, false},
        .count = 3,
        .steps = {{TG_PROTO_TCP, 7000}, {TG_PROTO_UDP, 8000}, {TG_PROTO_TCP, 9000}},
        .seconds = 10,
        .open = 30,
    };
    uint32_t number;
    must(policy_add_knock(policy, &knock, &number));
    add_rule_when(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 22, (struct policy_when){.after = number + 1});
    add_rule(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 80);
    return policy;
}

static void send_to(struct house *h, const char *client, uint8_t proto, unsigned port)
{
    char ends[96];
    snprintf(ends, sizeof ends, "%s:777 > 203.0.113.1:%u", client, port);
    struct bytes b = proto == TG_PROTO_TCP ? tcp(ends, SYN, 1, 0, 0) : udp(ends, 4);
    judge(h, WAN, &b);
}

TEST(knocking)
{
    enum { T = TG_PROTO_TCP, U = TG_PROTO_UDP, WAIT = 0 };
    static const struct {
        const char *name;
        struct {
            uint8_t proto; /* WAIT: so many seconds */
            uint16_t port;
        } steps[8];
        bool opens;
    } rows[] = {
        {"in order", {{T, 7000}, {U, 8000}, {T, 9000}}, true},
        {"nothing", {{T, 1}}, false},
        {"not all", {{T, 7000}, {U, 8000}}, false},
        {"another order", {{U, 8000}, {T, 7000}, {T, 9000}}, false},
        {"another protocol", {{T, 7000}, {T, 8000}, {T, 9000}}, false},
        {"each sent again, as a SYN is", {{T, 7000}, {T, 7000}, {U, 8000}, {U, 8000}, {T, 9000}}, true},
        {"something refused between", {{T, 7000}, {T, 7001}, {U, 8000}, {T, 9000}}, false},
        {"something allowed between", {{T, 7000}, {T, 80}, {U, 8000}, {T, 9000}}, true},
        {"begun anew after a mistake", {{T, 7000}, {T, 1}, {T, 7000}, {U, 8000}, {T, 9000}}, true},
        {"the first step as a mistake", {{T, 7000}, {U, 8000}, {T, 7000}, {U, 8000}, {T, 9000}}, true},
        {"slowly", {{T, 7000}, {WAIT, 5}, {U, 8000}, {WAIT, 4}, {T, 9000}}, true},
        {"too slowly", {{T, 7000}, {WAIT, 6}, {U, 8000}, {WAIT, 5}, {T, 9000}}, false},
        {"used in time", {{T, 7000}, {U, 8000}, {T, 9000}, {WAIT, 29}}, true},
        {"used too late", {{T, 7000}, {U, 8000}, {T, 9000}, {WAIT, 31}}, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_house(policy_with_knock(), 64, 1);
        for (size_t j = 0; j < COUNT(rows[i].steps) && rows[i].steps[j].port != 0; j++)
            if (rows[i].steps[j].proto == WAIT)
                wait_for(&h, rows[i].steps[j].port);
            else
                send_to(&h, "198.51.100.1", rows[i].steps[j].proto, rows[i].steps[j].port);
        CHECK(rows[i].name, !knocks(&h, WAN, "198.51.100.2", SSH)); /* nobody else is let in */
        CHECK(rows[i].name, knocks(&h, WAN, "198.51.100.1", SSH) == rows[i].opens);
        close_house(&h);
    }
}

/* All ports one after the other, both protocols: whoever does not know opens nothing. */
TEST(going_through_all_ports_opens_nothing)
{
    struct house h = open_house(policy_with_knock(), 64, 1);
    for (unsigned port = 6990; port < 9010; port++) {
        send_to(&h, "198.51.100.1", TG_PROTO_TCP, port);
        send_to(&h, "198.51.100.1", TG_PROTO_UDP, port);
        assert_false(knocks(&h, WAN, "198.51.100.1", SSH));
    }
    close_house(&h);
}

TEST(knocks_elsewhere_do_not_count)
{
    struct house h = open_house(policy_with_knock(), 64, 1);
    static const unsigned ports[] = {7000, 8000, 9000};
    for (size_t i = 0; i < COUNT(ports); i++) {
        char in[96], through[96];
        snprintf(in, sizeof in, "192.168.1.9:5 > 203.0.113.1:%u", ports[i]);
        snprintf(through, sizeof through, "198.51.100.1:5 > 192.168.1.9:%u", ports[i]);
        struct bytes a = i == 1 ? udp(in, 4) : tcp(in, SYN, 1, 0, 0);
        struct bytes b = i == 1 ? udp(through, 4) : tcp(through, SYN, 1, 0, 0);
        judge(&h, LAN, &a); /* from another zone */
        judge(&h, WAN, &b); /* to somebody else */
    }
    assert_false(knocks(&h, LAN, "192.168.1.9", SSH));
    assert_false(knocks(&h, WAN, "198.51.100.1", SSH));
    close_house(&h);
}

TEST(a_knock_is_not_needed_to_go_on)
{
    struct house h = open_house(policy_with_knock(), 64, 1);
    send_to(&h, "198.51.100.1", TG_PROTO_TCP, 7000);
    send_to(&h, "198.51.100.1", TG_PROTO_UDP, 8000);
    send_to(&h, "198.51.100.1", TG_PROTO_TCP, 9000);
    EXPECT(&h, WAN, tcp("198.51.100.1:5 > 203.0.113.1:22", SYN, 1, 0, 0), "accept rule");
    EXPECT(&h, ROUTER, tcp("203.0.113.1:22 > 198.51.100.1:5", SYN | ACK, 9, 2, 0), "accept established");
    wait_for(&h, 60);
    reload(&h, policy_with_knock());
    EXPECT(&h, WAN, tcp("198.51.100.1:5 > 203.0.113.1:22", ACK, 2, 10, 0), "accept established");
    assert_false(knocks(&h, WAN, "198.51.100.1", SSH));
    close_house(&h);
}

/* ---- scanners ---- */

/* More than 5 ports in 10 seconds are a scan, and block for a minute. */
static struct tg_policy *policy_with_detect(uint32_t *statement)
{
    struct tg_policy *policy = new_policy(true);
    must(policy_add_statement(policy,
                              &(struct tg_statement){.kind = TG_STATEMENT_DETECT,
                                                     .file = "test.rules",
                                                     .line = 1,
                                                     .text = "detect",
                                                     .log = "scan"},
                              statement));
    must(policy_add_detect(policy, &(struct policy_detect){.statement = *statement,
                                                           .zone = WAN,
                                                           .src = {POLICY_NONE, false},
                                                           .ports = 5,
                                                           .seconds = 10,
                                                           .block = 60}));
    add_rule(policy, TG_ACCEPT, WAN, ROUTER, TG_PROTO_TCP, 22);
    return policy;
}

TEST(a_scanner_is_refused_everything_for_a_while)
{
    uint32_t statement;
    struct house h = open_house(policy_with_detect(&statement), 64, 1);
    EXPECT(&h, WAN, tcp("198.51.100.1:5 > 203.0.113.1:22", SYN, 1, 0, 0), "accept rule"); /* before it began */
    EXPECT(&h, ROUTER, tcp("203.0.113.1:22 > 198.51.100.1:5", SYN | ACK, 9, 2, 0), "accept established");
    for (unsigned port = 100; port < 105; port++) {
        send_to(&h, "198.51.100.1", TG_PROTO_TCP, port);
        assert_int_equal(h.verdict.reason, TG_REASON_DEFAULT);
        send_to(&h, "198.51.100.1", TG_PROTO_TCP, port); /* the same again is no other port */
        assert_int_equal(h.verdict.reason, TG_REASON_DEFAULT);
    }
    assert_true(knocks(&h, WAN, "198.51.100.1", SSH));
    send_to(&h, "198.51.100.1", TG_PROTO_UDP, 100);
    assert_int_equal(h.verdict.statement, statement);
    assert_int_equal(h.verdict.reason, TG_REASON_RULE);
    assert_true(h.verdict.log);
    assert_false(knocks(&h, WAN, "198.51.100.1", SSH));
    assert_int_equal(h.verdict.statement, statement);
    assert_false(h.verdict.log); /* it is told once */
    assert_true(knocks(&h, WAN, "198.51.100.2", SSH));
    EXPECT(&h, WAN, tcp("198.51.100.1:5 > 203.0.113.1:22", ACK, 2, 10, 0), "accept established");
    wait_for(&h, 59);
    assert_false(knocks(&h, WAN, "198.51.100.1", SSH));
    wait_for(&h, 2);
    assert_true(knocks(&h, WAN, "198.51.100.1", SSH));
    close_house(&h);
}

TEST(who_is_slow_is_no_scanner)
{
    uint32_t statement;
    struct house h = open_house(policy_with_detect(&statement), 64, 1);
    for (unsigned port = 100; port < 200; port++) {
        send_to(&h, "198.51.100.1", TG_PROTO_TCP, port);
        assert_int_equal(h.verdict.reason, TG_REASON_DEFAULT);
        wait_for(&h, 2.1);
    }
    assert_true(knocks(&h, WAN, "198.51.100.1", SSH));
    close_house(&h);
}

TEST(a_scanner_of_ipv6_is_its_network)
{
    uint32_t statement;
    struct house h = open_house(policy_with_detect(&statement), 64, 1);
    for (unsigned i = 0; i < 6; i++) {
        char ends[128];
        snprintf(ends, sizeof ends, "[2001:db8:9::%x]:5 > [2001:db8:0:1::2]:%u", i + 1, 100 + i);
        struct bytes b = tcp(ends, SYN, 1, 0, 0);
        judge(&h, WAN, &b);
    }
    assert_int_equal(h.verdict.statement, statement);
    assert_false(knocks(&h, WAN, "2001:db8:9::77", SSH6));
    assert_int_equal(h.verdict.statement, statement);
    assert_true(h.verdict.reason == TG_REASON_RULE);
    close_house(&h);
}

/* More sources than are remembered, each trying a little: nobody is blocked for what others did. */
TEST(many_sources_are_not_one_scanner)
{
    uint32_t statement;
    struct house h = open_house(policy_with_detect(&statement), 64, 1);
    for (unsigned i = 0; i < 50000; i++) {
        char client[32];
        snprintf(client, sizeof client, "100.%u.%u.9", i / 5 / 250, i / 5 % 250);
        send_to(&h, client, TG_PROTO_TCP, 1000 + i % 5);
        assert_int_equal(h.verdict.reason, TG_REASON_DEFAULT);
    }
    close_house(&h);
}

/* ---- logging ---- */

TEST(what_is_logged)
{
    struct tg_policy *policy = new_policy(true);
    uint32_t number, quiet = add_rule(policy, TG_ACCEPT, LAN, WAN, TG_PROTO_TCP, 0);
    must(policy_add_statement(
        policy,
        &(struct tg_statement){.kind = TG_STATEMENT_ALLOW, .file = "test.rules", .line = 2, .text = "a", .log = ""},
        &number));
    struct policy_rule rule = *policy_rule(policy, 0);
    rule.statement = number;
    rule.proto = TG_PROTO_UDP;
    must(policy_add_rule(policy, &rule));
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, LAN, tcp("192.168.1.9:5 > 198.51.100.1:80", SYN, 1, 0, 0),
           "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    assert_int_equal(h.verdict.statement, quiet);
    assert_false(h.verdict.log);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept rule -> 203.0.113.1:5 > 198.51.100.1:80");
    assert_true(h.verdict.log);
    EXPECT(&h, LAN, udp("192.168.1.9:5 > 198.51.100.1:80", 4), "accept established -> 203.0.113.1:5 > 198.51.100.1:80");
    assert_false(h.verdict.log); /* the first packet alone */
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_lets_a_burst_in_and_then_as_many_as_it_says),
        cmocka_unit_test(a_rate_counts_connections_and_not_packets),
        cmocka_unit_test(a_rate_per_source_is_each_sources_own),
        cmocka_unit_test(a_flood_of_sources_takes_nothing_from_others),
        cmocka_unit_test(a_rule_over_its_rate_leaves_it_to_the_next),
        cmocka_unit_test(a_number_of_living_connections),
        cmocka_unit_test(a_number_of_living_connections_per_source),
        cmocka_unit_test(living_connections_are_counted_over_loads),
        cmocka_unit_test(limits_do_not_end_what_lives),
        cmocka_unit_test(living_connections_against_a_model),
        cmocka_unit_test(times),
        cmocka_unit_test(senders),
        cmocka_unit_test(senders_are_judged_anew_by_their_own_packets),
        cmocka_unit_test(knocking),
        cmocka_unit_test(going_through_all_ports_opens_nothing),
        cmocka_unit_test(knocks_elsewhere_do_not_count),
        cmocka_unit_test(a_knock_is_not_needed_to_go_on),
        cmocka_unit_test(a_scanner_is_refused_everything_for_a_while),
        cmocka_unit_test(who_is_slow_is_no_scanner),
        cmocka_unit_test(a_scanner_of_ipv6_is_its_network),
        cmocka_unit_test(many_sources_are_not_one_scanner),
        cmocka_unit_test(what_is_logged),
    };
    return cmocka_run_group_tests_name("engine: conditions", tests, NULL, NULL);
}
