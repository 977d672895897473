/* Who may have how much of the room: shares, budgets, ageing (src/engine/room.c). */
#include "flows.h"

enum {
    ROOM = 1024,
    HALF = ROOM / 2,
    SHARE = ROOM / 8,
    BUDGET = ROOM / 4,     /* of opening connections, of each side */
    OPENING_SHARE = 64,    /* the least that a share ever is */
    OUTSIDE = ROOM * 3 / 4 /* of all that is begun outside */
};

/* ---- opening ---- */

/* A flood of SYNs takes a quarter, on its side; the other side's quarter is its own, and what is established stays. */
TEST(a_flood_of_syns_takes_a_quarter_of_its_side)
{
    for (int side = 0; side < 2; side++) {
        struct house h = open_room(ROOM);
        struct flow before[100], other;
        for (uint32_t n = 0; n < COUNT(before); n++) {
            before[n] = n % 2 == 0 ? from_outside(TG_PROTO_TCP, n, 77) : from_inside(TG_PROTO_TCP, n, 77);
            establish(&h, &before[n]);
        }
        for (uint32_t n = 0; n < 20 * BUDGET; n++) {
            struct flow f = side == 0 ? from_inside(TG_PROTO_TCP, n, 4000) : from_outside(TG_PROTO_TCP, 1000 + n, 4000);
            CHECK(f.there, begins(&h, &f));
        }
        assert_int_equal(h.engine->opening[side], BUDGET);
        assert_int_equal(h.engine->opening[!side], 0);
        assert_int_equal(connections_of(&h), COUNT(before) + BUDGET);
        for (uint32_t n = 0; n < BUDGET; n++) { /* the other side has all of its own */
            other = side == 0 ? from_outside(TG_PROTO_TCP, 1000 + n, 4000) : from_inside(TG_PROTO_TCP, n, 4000);
            CHECK(other.there, begins(&h, &other));
        }
        assert_int_equal(h.engine->opening[!side], BUDGET);
        assert_int_equal(connections_of(&h), COUNT(before) + 2 * BUDGET);
        for (uint32_t n = 0; n < COUNT(before); n++)
            CHECK(before[n].there, goes_on(&h, &before[n]));
        close_house(&h);
    }
}

/* Of a full quarter the oldest goes: whoever comes has as long to be established as the flood takes to fill it. */
TEST(the_oldest_is_pushed_out)
{
    struct house h = open_room(ROOM);
    for (uint32_t n = 0; n < BUDGET; n++) {
        struct flow f = from_outside(TG_PROTO_TCP, n, 4000);
        CHECK(f.there, begins(&h, &f));
        wait_for(&h, 0.02);
    }
    for (uint32_t n = BUDGET; n < 6 * BUDGET; n++) {
        struct flow f = from_outside(TG_PROTO_TCP, n, 4000);
        CHECK(f.there, begins(&h, &f));
        struct flow young = from_outside(TG_PROTO_TCP, n - BUDGET + 1, 4000),
                    old = from_outside(TG_PROTO_TCP, n - BUDGET, 4000);
        CHECK(young.there, is_there(&h, &young));
        CHECK(old.there, !is_there(&h, &old));
        wait_for(&h, 0.02);
    }
    close_house(&h);
}

/* Among what is established, and opens and is, and ends: each has a good part of a flood's time. */
TEST(clients_get_through_a_flood)
{
    struct house h = open_room(ROOM);
    uint64_t seed = 5;
    struct flow client[40];
    uint32_t stranger = 100000;
    for (uint32_t n = 0; n < COUNT(client); n++) {
        client[n] = from_outside(TG_PROTO_TCP, n, 4000);
        CHECK(client[n].there, begins(&h, &client[n]));
        for (int step = 0; step < 2; step++) {
            for (uint32_t i = 0; i < BUDGET * 2 / 5; i++) { /* two fifths of the time that there is, before each step */
                struct flow f = from_outside(TG_PROTO_TCP, stranger++, (uint16_t)(1 + random32(&seed) % 65535));
                CHECK(f.there, begins(&h, &f));
                wait_for(&h, 0.0001);
            }
            CHECK(client[n].there, step == 0 ? answers(&h, &client[n]) : goes_on(&h, &client[n]));
        }
    }
    for (uint32_t n = 0; n < COUNT(client); n++)
        CHECK(client[n].there, goes_on(&h, &client[n]));
    assert_int_equal(connections_of(&h), BUDGET - 1 + COUNT(client));
    close_house(&h);
}

/* Refused by a closed port, each is opening still: a flood there has no more room than another. */
TEST(what_was_reset_counts_as_opening)
{
    struct house h = open_room(ROOM);
    for (uint32_t n = 0; n < 4 * BUDGET; n++) {
        struct flow f = from_outside(TG_PROTO_TCP, n, 4000);
        struct bytes reset = tcp(f.back, RST | ACK, 0, 1001, 0);
        CHECK(f.there, begins(&h, &f));
        CHECK(f.there, passes(&h, LAN, &reset));
    }
    assert_int_equal(connections_of(&h), BUDGET);
    assert_int_equal(h.engine->opening[1], BUDGET);
    close_house(&h);
}

/* One worker has seen a connection established and not said so yet, when another one looks for whom to push out. */
TEST(what_has_just_been_established_is_not_pushed_out)
{
    struct house h = open_room(ROOM);
    struct flow first = from_outside(TG_PROTO_TCP, 0, 4000);
    CHECK(first.there, begins(&h, &first) && answers(&h, &first));
    struct conn *conn = find(&h, &first);
    assert_non_null(conn);
    conn->state = TCP_ESTABLISHED;
    conn_unlock(conn);
    for (uint32_t n = 1; n <= 3 * BUDGET; n++) {
        struct flow f = from_outside(TG_PROTO_TCP, n, 4000);
        CHECK(f.there, begins(&h, &f));
    }
    CHECK(first.there, is_there(&h, &first));
    assert_int_equal(h.engine->opening[1], BUDGET);
    assert_int_equal(connections_of(&h), BUDGET + 1);
    CHECK(first.there, goes_on(&h, &first)); /* and is not taken from the count a second time */
    assert_int_equal(h.engine->opening[1], BUDGET);
    close_house(&h);
}

/* One address opens no more than its share of the quarter while that is half taken, and pushes out nobody. */
TEST(one_address_has_its_share_of_the_opening)
{
    struct house h = open_room(ROOM);
    struct flow early = from_outside(TG_PROTO_TCP, 1, 4000), f;
    CHECK(early.there, begins(&h, &early));
    uint32_t count = 0;
    for (uint16_t port = 1; port <= 2000; port++) {
        f = from_outside(TG_PROTO_TCP, 666, port);
        count += begins(&h, &f);
    }
    assert_int_equal(count, BUDGET / 2); /* alone it may have half */
    expect_limit(&h, &f);
    for (uint32_t n = 1000; n < 1000 + BUDGET / 2 - 1; n++) { /* others find all the rest */
        struct flow other = from_outside(TG_PROTO_TCP, n, 4000);
        CHECK(other.there, begins(&h, &other));
    }
    CHECK(early.there, answers(&h, &early) && goes_on(&h, &early));
    close_house(&h);
}

/* Outside, 64 bits are one; inside each address is one. */
TEST(addresses_of_ipv6)
{
    for (int side = 0; side < 2; side++) {
        struct house h = open_room(ROOM);
        uint32_t count = 0;
        for (uint32_t n = 0; n < BUDGET; n++) {
            char ends[100];
            snprintf(ends, sizeof ends,
                     side == 1 ? "[2001:db8:9::%x]:4000 > [fd00:1::50]:80" : "[fd00:1::%x]:4000 > [2001:db8:9::1]:80",
                     n + 0x100);
            struct bytes b = tcp(ends, SYN, 1000, 0, 0);
            count += passes(&h, side == 1 ? WAN : LAN, &b);
        }
        assert_int_equal(count, side == 1 ? BUDGET / 2 + 1 : BUDGET);
        close_house(&h);
    }
}

/* ---- shares of the table ---- */

/* Whoever has an eighth begins nothing while half is taken; others do. The router has no share. */
TEST(one_address_has_its_share_of_the_table)
{
    struct house h = open_room(ROOM);
    uint32_t count[2] = {0};
    struct flow f;
    for (uint32_t device = 0; device < 2; device++)
        for (uint16_t port = 1; port <= ROOM; port++) {
            f = from_inside(TG_PROTO_UDP, device, port);
            count[device] += begins(&h, &f);
        }
    assert_int_equal(count[0], HALF + 1); /* alone, all that is not kept for others */
    assert_int_equal(count[1], SHARE);
    expect_limit(&h, &f);
    for (uint16_t port = 1; port <= 2 * SHARE; port++) {
        f = from_router(TG_PROTO_UDP, port);
        CHECK(f.there, begins(&h, &f));
    }
    f = from_inside(TG_PROTO_UDP, 2, 1); /* and there is some left for the next */
    CHECK(f.there, begins(&h, &f));
    f = from_outside(TG_PROTO_UDP, 2, 1);
    CHECK(f.there, begins(&h, &f));
    /* who has his share goes on with what he has */
    f = from_inside(TG_PROTO_UDP, 0, 7);
    CHECK(f.there, answers(&h, &f) && goes_on(&h, &f));
    /* and begins again when it has ended */
    pass_time(&h, 400);
    pass_time(&h, 3);
    assert_int_equal(connections_of(&h), 0);
    f = from_inside(TG_PROTO_UDP, 1, 1);
    CHECK(f.there, begins(&h, &f));
    close_house(&h);
}

/* All that is outside has three quarters, however it speaks and is answered; the rest is for what is inside. */
TEST(a_quarter_is_kept_for_what_is_inside)
{
    struct house h = open_room(ROOM);
    struct flow f;
    for (uint32_t n = 0; n < OUTSIDE; n++) {
        f = from_outside(n % 2 == 0 ? TG_PROTO_UDP : TG_PROTO_TCP, n, 4000);
        establish(&h, &f);
    }
    for (uint32_t n = 0; n < 50; n++) {
        f = from_outside(n % 2 == 0 ? TG_PROTO_UDP : TG_PROTO_TCP, 5000 + n, 4000);
        expect_limit(&h, &f);
    }
    for (uint32_t n = 0; n < ROOM - OUTSIDE; n++) {
        f = from_inside(n % 2 == 0 ? TG_PROTO_UDP : TG_PROTO_TCP, n, 4000);
        establish(&h, &f);
    }
    assert_int_equal(connections_of(&h), ROOM);
    f = from_inside(TG_PROTO_UDP, 9999, 4000);
    expect_limit(&h, &f);
    for (uint32_t n = 0; n < OUTSIDE; n++) {
        f = from_outside(n % 2 == 0 ? TG_PROTO_UDP : TG_PROTO_TCP, n, 4000);
        CHECK(f.there, goes_on(&h, &f));
    }
    close_house(&h);
}

/* A flood of datagrams from anybody's addresses, which a server inside answers: it takes the three quarters, but a
 * client who is there gets through, and stays. */
TEST(unproven_ones_make_room_outside)
{
    for (int answered = 0; answered < 2; answered++) {
        struct house h = open_room(ROOM);
        struct flow proven = from_outside(TG_PROTO_UDP, 1, 4000), old = from_outside(TG_PROTO_TCP, 1, 4000), f;
        establish(&h, &proven);
        establish(&h, &old);
        for (uint32_t n = 1000; n < 1000 + 5 * ROOM; n++) {
            f = from_outside(TG_PROTO_UDP, n, 4000);
            CHECK(f.there, begins(&h, &f));
            CHECK(f.there, !answered || answers(&h, &f));
            wait_for(&h, 0.001);
        }
        assert_int_equal(h.engine->outside, OUTSIDE);
        assert_int_equal(h.engine->unproven, OUTSIDE - 2);
        f = from_outside(TG_PROTO_UDP, 2, 4000);
        establish(&h, &f);
        f = from_outside(TG_PROTO_TCP, 2, 4000);
        establish(&h, &f);
        for (uint32_t n = 10000; n < 10000 + 2 * ROOM; n++) {
            f = from_outside(TG_PROTO_UDP, n, 4000);
            CHECK(f.there, begins(&h, &f));
        }
        for (uint32_t n = 1; n <= 2; n++) {
            f = from_outside(TG_PROTO_UDP, n, 4000);
            CHECK(f.there, is_there(&h, &f));
            f = from_outside(TG_PROTO_TCP, n, 4000);
            CHECK(f.there, is_there(&h, &f));
        }
        assert_int_equal(h.engine->outside, OUTSIDE);
        f = from_inside(TG_PROTO_UDP, 1, 4000);
        CHECK(f.there, begins(&h, &f));
        close_house(&h);
    }
}

/* Where the doubtful are of both sorts, each stays below its own measure, and together they are no wall either. */
TEST(a_mixed_flood_keeps_nobody_out)
{
    struct house h = open_room(ROOM);
    struct flow f;
    uint32_t refused = 0;
    for (uint32_t n = 0; n < OUTSIDE - 2 * BUDGET + 50; n++) {
        f = from_outside(n % 2 == 0 ? TG_PROTO_UDP : TG_PROTO_TCP, n, 4000);
        establish(&h, &f);
    }
    for (uint32_t n = 0; n < 4 * ROOM; n++) {
        f = from_outside(n % 2 == 0 ? TG_PROTO_UDP : TG_PROTO_TCP, 5000 + n, 4000);
        refused += !begins(&h, &f); /* where the oldest is not to be found at once */
        if (n % 100 != 0)
            continue;
        f = from_outside(n % 200 == 0 ? TG_PROTO_UDP : TG_PROTO_TCP, 60000 + n, 4000);
        CHECK(f.there, begins(&h, &f) || begins(&h, &f) || begins(&h, &f));
        CHECK(f.there, answers(&h, &f) && goes_on(&h, &f));
    }
    assert_true(refused < 4 * ROOM / 50);
    assert_in_range(h.engine->outside, OUTSIDE, OUTSIDE + 1);
    for (uint32_t n = 0; n < OUTSIDE - 2 * BUDGET + 50; n++) {
        f = from_outside(n % 2 == 0 ? TG_PROTO_UDP : TG_PROTO_TCP, n, 4000);
        CHECK(f.there, is_there(&h, &f));
    }
    close_house(&h);
}

/* Where hardly any are unproven they are the newest, and nobody goes for another of these. */
TEST(a_few_unproven_ones_stay)
{
    struct house h = open_room(ROOM);
    struct flow f;
    for (uint32_t n = 0; n < OUTSIDE - 10; n++) {
        f = from_outside(TG_PROTO_UDP, n, 4000);
        establish(&h, &f);
    }
    for (uint32_t n = 0; n < 10; n++) {
        f = from_outside(TG_PROTO_UDP, 5000 + n, 4000);
        CHECK(f.there, begins(&h, &f));
    }
    f = from_outside(TG_PROTO_UDP, 6000, 4000);
    expect_limit(&h, &f);
    for (uint32_t n = 0; n < 10; n++) {
        f = from_outside(TG_PROTO_UDP, 5000 + n, 4000);
        CHECK(f.there, is_there(&h, &f));
    }
    close_house(&h);
}

/* A ping is proven by the second one. */
TEST(pings_are_unproven_until_the_second)
{
    struct house h = open_room(ROOM);
    EXPECT(&h, WAN, ping("198.51.100.9 > 203.0.113.1", 7), "accept rule");
    assert_int_equal(h.engine->unproven, 1);
    EXPECT(&h, ROUTER, pong("203.0.113.1 > 198.51.100.9", 7), "accept established");
    assert_int_equal(h.engine->unproven, 1);
    EXPECT(&h, WAN, ping("198.51.100.9 > 203.0.113.1", 7), "accept established");
    assert_int_equal(h.engine->unproven, 0);
    EXPECT(&h, LAN, udp("192.168.1.9:9 > 198.51.100.9:9", 4), "accept rule -> 203.0.113.1:9 > 198.51.100.9:9");
    assert_int_equal(h.engine->unproven, 0); /* what begins inside is not */
    close_house(&h);
}

/* What a control connection has announced is let in once: it is nobody's to push out, though it may speak one way. */
TEST(what_was_announced_is_not_unproven)
{
    struct tg_policy *policy = policy_for_all();
    must(policy_add_helper(policy,
                           &(struct policy_helper){.kind = HELPER_TFTP, .proto = TG_PROTO_UDP, .ports = {69, 69}}));
    struct house h = open_house(policy, ROOM, 1);
    static const char request[] = "\0\1file\0octet";
    struct bytes ask = udp("192.168.1.9:5100 > 198.51.100.1:69", sizeof request);
    memcpy(ask.at + 28, request, sizeof request);
    seal(&ask);
    EXPECT(&h, LAN, ask, "accept rule -> 203.0.113.1:5100 > 198.51.100.1:69");
    EXPECT(&h, WAN, udp("198.51.100.1:3000 > 203.0.113.1:5100", 516),
           "accept related -> 198.51.100.1:3000 > 192.168.1.9:5100");
    assert_int_equal(h.engine->outside, 1);
    assert_int_equal(h.engine->unproven, 0);
    close_house(&h);
}

/* A table that is too small to share is whoever's comes first; an opening connection makes room all the same. */
TEST(small_tables)
{
    static const uint32_t rooms[] = {1, 2, 63, 64};
    for (size_t i = 0; i < COUNT(rooms); i++)
        for (int side = 0; side < 2; side++)
            for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
                struct house h = open_room(rooms[i]);
                uint8_t proto = is_tcp ? TG_PROTO_TCP : TG_PROTO_UDP;
                struct flow f;
                for (uint16_t n = 1; n <= rooms[i]; n++) {
                    f = side == 0 ? from_inside(proto, 1, n) : from_outside(proto, 1, n);
                    CHECK(f.there, begins(&h, &f));
                }
                assert_int_equal(connections_of(&h), rooms[i]);
                f = side == 0 ? from_inside(proto, 1, 5000) : from_outside(proto, 1, 5000);
                expect_limit(&h, &f);
                assert_int_equal(connections_of(&h), rooms[i]);
                close_house(&h);
            }
}

/* ---- ageing ---- */

/* How long an unanswered connection lives, `fill` of the table being answered ones, and 16 of these. */
static void check_age(uint8_t proto, uint32_t fill, double lives)
{
    enum { YOUNG = 16 };
    struct house h = open_room(ROOM);
    char row[60];
    snprintf(row, sizeof row, "protocol %u, %u of %u", proto, fill, ROOM);
    struct flow f;
    for (uint32_t n = 0; n < fill - YOUNG; n++) {
        f = from_inside(n % 3 == 0 ? TG_PROTO_TCP : TG_PROTO_UDP, n / 40, (uint16_t)(1 + n));
        establish(&h, &f);
    }
    for (uint32_t n = 0; n < YOUNG; n++) {
        f = from_inside(proto, 0x1000 + n, 4000);
        CHECK(row, begins(&h, &f));
    }
    pass_time(&h, lives - 0.1);
    CHECK_EQUAL(row, connections_of(&h), fill);
    pass_time(&h, 2.2); /* all is looked through within two seconds */
    pass_time(&h, 2.2);
    CHECK(row, connections_of(&h) < fill);
    for (uint32_t n = 0; n < fill - YOUNG; n++) { /* and that was none that had been answered */
        f = from_inside(n % 3 == 0 ? TG_PROTO_TCP : TG_PROTO_UDP, n / 40, (uint16_t)(1 + n));
        CHECK(row, is_there(&h, &f));
    }
    close_house(&h);
}

TEST(what_is_unanswered_ages_where_room_is_short)
{
    check_age(TG_PROTO_UDP, ROOM / 2, 120);
    check_age(TG_PROTO_UDP, ROOM * 3 / 4, 120);
    check_age(TG_PROTO_UDP, ROOM * 7 / 8, 60);
    check_age(TG_PROTO_UDP, ROOM * 15 / 16, 30);
    check_age(TG_PROTO_UDP, ROOM, 120.0 / 32);
    check_age(TG_PROTO_TCP, ROOM * 3 / 4, 240);
    check_age(TG_PROTO_TCP, ROOM * 7 / 8, 120);
    check_age(TG_PROTO_TCP, ROOM, 240.0 / 32);
}

/* ---- against a plain model ---- */

enum { FLOWS = 700 };

struct one {
    struct flow flow;
    struct tg_addr counted_as; /* what its beginner's address is counted by */
    uint8_t family;
    uint16_t step;     /* how far its handshake is, as its ends see it */
    bool is_settled;   /* its beginner has shown himself */
    uint32_t sequence; /* of its beginner; each time another */
};

struct model {
    struct house *h;
    struct one all[FLOWS];
    uint64_t seed;
    uint32_t begun, settled, refused, reused;
};

static void make_flows(struct model *m)
{
    for (uint32_t n = 0; n < FLOWS; n++) {
        struct one *o = &m->all[n];
        uint8_t proto = n / 7 % 2 == 0 ? TG_PROTO_TCP : TG_PROTO_UDP;
        uint32_t who = n % 7 < 2 ? n % 5 : n; /* some have many, most have one */
        switch (n % 3) {
        case 0: o->flow = from_inside(proto, who, (uint16_t)(1000 + n)); break;
        case 1: o->flow = from_outside(proto, who, (uint16_t)(1000 + n)); break;
        default: o->flow = from_router(proto, (uint16_t)(1000 + n)); break;
        }
        struct tg_tuple tuple = tuple_of(proto, o->flow.there);
        o->family = tuple.family;
        o->counted_as = tuple.src;
    }
}

/* Whether an answer would be one, and not begin something of its own. */
static bool is_alive(struct house *h, const struct flow *f)
{
    struct conn *conn = find(h, f);
    bool is_over = conn == NULL || conn_is_over(conn, (uint32_t)(h->now >> CONN_TICK_SHIFT));
    if (conn != NULL)
        conn_unlock(conn);
    return !is_over;
}

/* Say the next thing of a connection, or something that ends it. */
static void say(struct model *m, struct one *o)
{
    struct house *h = m->h;
    const struct flow *f = &o->flow;
    uint8_t other = f->zone == WAN ? LAN : WAN;
    bool is_tcp = f->proto == TG_PROTO_TCP, is_back = o->step % 2 == 1;
    struct bytes b;
    uint32_t r = random32(&m->seed) % 20;
    if (is_back && !is_alive(h, f)) {
        o->step = 0;
        return;
    }
    if (!is_tcp) {
        b = udp(is_back ? f->back : f->there, 4);
    } else if (o->step == 0) {
        o->sequence += 1 << 24;
        b = tcp(f->there, SYN, o->sequence, 0, 0);
    } else if (o->step == 1) {
        b = r == 0 ? tcp(f->back, RST | ACK, 0, o->sequence + 1, 0) : tcp(f->back, SYN | ACK, 9000, o->sequence + 1, 0);
        o->step = r == 0 ? UINT16_MAX : o->step;
    } else if (o->step == 2) {
        b = tcp(f->there, ACK, o->sequence + 1, 9001, 0);
    } else if (r == 0) {
        b = tcp(f->there, RST | ACK, o->sequence + 1, 9001, 0);
        is_back = false;
        o->step = UINT16_MAX;
    } else if (o->step == 3) {
        b = tcp(f->back, FIN | ACK, 9001, o->sequence + 1, 0);
    } else if (o->step == 4) {
        b = tcp(f->there, FIN | ACK, o->sequence + 1, 9002, 0);
    } else {
        b = tcp(f->back, ACK, 9002, o->sequence + 2, 0);
        o->step = UINT16_MAX; /* and begin anew, while it is in TIME_WAIT */
    }
    bool passed = passes(h, is_back ? other : f->zone, &b), is_new = passed && h->verdict.state == TG_STATE_NEW;
    if (is_new) {
        m->begun++;
        m->reused += is_tcp && o->is_settled;
        o->is_settled = false;
    }
    if (!passed) { /* refused, or pushed out meanwhile */
        m->refused++;
        o->step = 0;
        return;
    }
    bool shows = !is_back && !is_new && o->step == 2 && (is_tcp || f->zone == WAN);
    if (shows) {
        m->settled += !o->is_settled;
        o->is_settled = true;
    }
    o->step = (uint16_t)(is_tcp || o->step < 2 ? o->step + 1 : o->step - 1);
}

static struct tally_key key_of(const struct one *o, uint32_t sort)
{
    return (struct tally_key){o->counted_as, {sort, o->family}};
}

/* Compare what the engine has counted with what there is. */
static void compare(struct model *m)
{
    struct tg_engine *engine = m->h->engine;
    uint32_t opening[2] = {0}, outside = 0, unproven = 0, now = 0;
    static bool there[FLOWS], is_opening[FLOWS];
    for (uint32_t n = 0; n < FLOWS; n++) {
        const struct one *o = &m->all[n];
        bool side = o->flow.zone == WAN, is_tcp = o->flow.proto == TG_PROTO_TCP;
        there[n] = is_there(m->h, &o->flow);
        is_opening[n] = there[n] && is_tcp && !o->is_settled;
        now += there[n];
        outside += there[n] && side;
        opening[side] += is_opening[n];
        unproven += there[n] && side && !is_tcp && !o->is_settled;
    }
    assert_int_equal(connections_of(m->h), now);
    assert_int_equal(engine->outside, outside);
    assert_int_equal(engine->unproven, unproven);
    assert_int_equal(engine->opening[0], opening[0]);
    assert_int_equal(engine->opening[1], opening[1]);
    for (uint32_t n = 0; n < FLOWS; n += 7) {
        uint32_t all = 0, half = 0;
        const struct tally_key key = key_of(&m->all[n], 0), key_opening = key_of(&m->all[n], 1);
        for (uint32_t i = 0; i < FLOWS; i++) {
            bool is_same =
                m->all[i].family == m->all[n].family && tg_addr_equal(m->all[i].counted_as, m->all[n].counted_as);
            all += is_same && there[i];
            half += is_same && is_opening[i];
        }
        assert_true(tally_count(engine->hosts, &key) >= all);
        assert_true(tally_count(engine->hosts, &key_opening) >= half);
    }
}

static void expect_nothing_left(struct model *m)
{
    struct tg_engine *engine = m->h->engine;
    for (int i = 0; i < 3; i++)
        pass_time(m->h, 4 * 3600);
    assert_int_equal(connections_of(m->h), 0);
    assert_int_equal(engine->outside + engine->unproven + engine->opening[0] + engine->opening[1], 0);
    for (uint32_t n = 0; n < FLOWS; n++)
        for (uint32_t sort = 0; sort < 2; sort++) {
            const struct tally_key key = key_of(&m->all[n], sort);
            assert_int_equal(tally_count(engine->hosts, &key), 0);
        }
}

/* Connections of all sorts that open, are established, reset, ended, begun anew on the same ports, pushed out, refused
 * by new rules and over, at random: at any time what is counted is what there is, and in the end that is nothing. */
TEST(random_lives_against_a_plain_model)
{
    static const uint32_t rooms[] = {256, 640, 4096};
    for (size_t i = 0; i < COUNT(rooms); i++) {
        static struct model m;
        memset(&m, 0, sizeof m);
        struct house h = open_room(rooms[i]);
        m.h = &h;
        m.seed = 77 + i;
        make_flows(&m);
        for (int round = 0; round < 30000; round++) {
            uint32_t r = random32(&m.seed);
            say(&m, &m.all[random32(&m.seed) % FLOWS]);
            if (r % 4 == 0)
                wait_for(&h, 0.05);
            if (r % 500 == 1)
                pass_time(&h, 30);
            if (r % 5000 == 2)
                reload(&h, policy_for_all());
            if (r % 5000 == 3) {
                reload(&h, home_policy()); /* refuses all from outside, at its next packet */
                for (uint32_t n = 0; n < FLOWS; n += 2)
                    say(&m, &m.all[n]);
                compare(&m);
                reload(&h, policy_for_all());
            }
            if (round % 100 == 0)
                compare(&m);
        }
        assert_true(m.begun > 2500 && m.settled > 400 && m.refused > 200 && m.reused > 200);
        expect_nothing_left(&m);
        close_house(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_syns_takes_a_quarter_of_its_side),
        cmocka_unit_test(the_oldest_is_pushed_out),
        cmocka_unit_test(clients_get_through_a_flood),
        cmocka_unit_test(what_was_reset_counts_as_opening),
        cmocka_unit_test(what_has_just_been_established_is_not_pushed_out),
        cmocka_unit_test(one_address_has_its_share_of_the_opening),
        cmocka_unit_test(addresses_of_ipv6),
        cmocka_unit_test(one_address_has_its_share_of_the_table),
        cmocka_unit_test(a_quarter_is_kept_for_what_is_inside),
        cmocka_unit_test(unproven_ones_make_room_outside),
        cmocka_unit_test(a_mixed_flood_keeps_nobody_out),
        cmocka_unit_test(a_few_unproven_ones_stay),
        cmocka_unit_test(pings_are_unproven_until_the_second),
        cmocka_unit_test(what_was_announced_is_not_unproven),
        cmocka_unit_test(small_tables),
        cmocka_unit_test(what_is_unanswered_ages_where_room_is_short),
        cmocka_unit_test(random_lives_against_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
