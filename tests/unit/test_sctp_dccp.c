/* SCTP associations and DCCP connections (src/connection/sctp.h, dccp.h), as the engine follows and translates them. */
#include "house.h"

/* Before each test another inside has taken port 5000, so that 192.168.1.9:5000 has to leave by another one. */
struct talk {
    struct house h;
    uint16_t port;
    char in[80];  /* what comes back */
    char out[80]; /* what leaves, as it looks outside */
};

#define LAN_ENDS "192.168.1.9:5000 > 198.51.100.1:80"
#define LAN_BACK "198.51.100.1:80 > 192.168.1.9:5000"

enum {
    INIT = 1,
    INIT_ACK,
    HEARTBEAT = 4,
    HEARTBEAT_ACK,
    ABORT,
    SHUTDOWN,
    SHUTDOWN_ACK,
    ERROR,
    ECHO,
    ECHOED,
    DONE = 14
};
enum { DATA = 0, REFLECTED = 1, INSIDE = 0x1111, OUTSIDE = 0x2222, WRONG = 0x3333 };
enum { REQUEST, RESPONSE, DCCP_DATA_, DCCP_ACK_, DATA_ACK, CLOSE_REQUEST, CLOSE, RESET, SYNC, SYNC_ACK };

static struct talk open_talk(struct bytes first, struct bytes decoy)
{
    struct talk t = {.h = open_home()};
    judge(&t.h, LAN, &decoy);
    assert_int_equal(left_from(&t.h), 5000);
    judge(&t.h, LAN, &first);
    assert_string_equal(tg_action_name(t.h.verdict.action), "accept");
    t.port = left_from(&t.h);
    assert_int_not_equal(t.port, 5000);
    snprintf(t.in, sizeof t.in, "198.51.100.1:80 > 203.0.113.1:%u", t.port);
    snprintf(t.out, sizeof t.out, "203.0.113.1:%u > 198.51.100.1:80", t.port);
    return t;
}

static void go(struct talk *t, uint8_t zone, struct bytes b, const char *wanted, int line)
{
    char text[200];
    judge(&t->h, zone, &b);
    snprintf(text, sizeof text, "%s%s%s", wanted, wanted[0] == 'a' ? " -> " : "",
             wanted[0] != 'a' ? ""
             : zone == LAN    ? t->out
                              : LAN_BACK);
    if (strcmp(t->h.text, text) != 0)
        fail_msg("line %d: %s, wanted %s", line, t->h.text, text);
}

/* ---- SCTP ---- */

static struct bytes chunk_out(uint32_t tag, uint8_t type, uint8_t flags, uint32_t initiate)
{
    return sctp(LAN_ENDS, tag, type, flags, initiate, type == INIT || type == INIT_ACK ? 16 : 8);
}

static struct bytes chunk_in(const struct talk *t, uint32_t tag, uint8_t type, uint8_t flags, uint32_t initiate)
{
    return sctp(t->in, tag, type, flags, initiate, type == INIT || type == INIT_ACK ? 16 : 8);
}

#define OUT(tag, type, flags, initiate, wanted) go(&t, LAN, chunk_out(tag, type, flags, initiate), wanted, __LINE__)
#define IN(tag, type, flags, initiate, wanted)  go(&t, WAN, chunk_in(&t, tag, type, flags, initiate), wanted, __LINE__)
#define YES                                     "accept established"
#define NO                                      "drop invalid"

static struct talk open_init(void)
{
    return open_talk(chunk_out(0, INIT, 0, INSIDE), sctp("192.168.1.8:5000 > 198.51.100.7:80", 0, INIT, 0, 7, 16));
}

static struct talk open_association(void)
{
    struct talk t = open_init();
    IN(INSIDE, INIT_ACK, 0, OUTSIDE, YES);
    OUT(OUTSIDE, ECHO, 0, 0, YES);
    IN(INSIDE, ECHOED, 0, 0, YES);
    OUT(OUTSIDE, DATA, 0, 0, YES);
    IN(INSIDE, DATA, 0, 0, YES);
    return t;
}

TEST(an_association_from_end_to_end)
{
    struct talk t = open_association();
    OUT(OUTSIDE, HEARTBEAT, 0, 0, YES);
    IN(INSIDE, HEARTBEAT_ACK, 0, 0, YES);
    OUT(OUTSIDE, SHUTDOWN, 0, 0, YES);
    IN(INSIDE, DATA, 0, 0, YES); /* until it has said all */
    IN(INSIDE, SHUTDOWN_ACK, 0, 0, YES);
    OUT(OUTSIDE, DONE, 0, 0, YES);
    IN(INSIDE, SHUTDOWN_ACK, 0, 0, YES); /* the last word was lost */
    OUT(INSIDE, DONE, REFLECTED, 0, YES);
    OUT(0, INIT, 0, WRONG, "accept rule"); /* and the next one */
    IN(WRONG, INIT_ACK, 0, OUTSIDE, YES);
    close_house(&t.h);
}

/* RFC 9260 8.5: the tag of who is meant, and no other. */
TEST(tags)
{
    struct talk t = open_init();
    IN(WRONG, INIT_ACK, 0, OUTSIDE, NO);
    IN(OUTSIDE, INIT_ACK, 0, OUTSIDE, NO);
    IN(INSIDE, INIT_ACK, 0, OUTSIDE, YES);
    OUT(INSIDE, ECHO, 0, 0, NO);
    OUT(OUTSIDE, ECHO, 0, 0, YES);
    IN(WRONG, ECHOED, 0, 0, NO);
    IN(INSIDE, ECHOED, 0, 0, YES);
    for (uint8_t type = 0; type < 16; type++)
        if (type != INIT)
            for (unsigned flags = 0; flags < 2; flags++) {
                go(&t, WAN, chunk_in(&t, WRONG, type, (uint8_t)flags, WRONG), NO, __LINE__);
                if (!(flags & REFLECTED))
                    go(&t, WAN, chunk_in(&t, OUTSIDE, type, (uint8_t)flags, WRONG), NO, __LINE__);
            }
    OUT(OUTSIDE, DATA, 0, 0, YES);
    IN(INSIDE, DATA, 0, 0, YES);
    close_house(&t.h);
}

/* INITs that anybody may send, and what they bring about, end nothing and keep nothing alive. */
TEST(an_init_that_nobody_asked_for)
{
    struct talk t = open_association();
    for (int i = 0; i < 10; i++) {
        wait_for(&t.h, 740);
        IN(0, INIT, 0, WRONG, YES);
        OUT(WRONG, INIT_ACK, 0, 0x4444, YES);
        OUT(WRONG, ABORT, 0, 0, YES); /* by a host that will not begin anew */
        IN(INSIDE + 1, ECHO, 0, 0, NO);
    }
    wait_for(&t.h, 41);
    OUT(OUTSIDE, DATA, 0, 0, NO); /* it had 2 h 4 min */
    close_house(&t.h);

    t = open_association();
    IN(0, INIT, 0, WRONG, YES);
    OUT(WRONG, ABORT, 0, 0, YES);
    wait_for(&t.h, 7000);
    OUT(OUTSIDE, DATA, 0, 0, YES);
    close_house(&t.h);
}

/* RFC 9260 5.2.2: a side that has lost its memory. */
TEST(a_side_begins_anew)
{
    struct talk t = open_association();
    OUT(0, INIT, 0, 0x5555, YES);
    IN(0x5555, INIT_ACK, 0, 0x6666, YES);
    IN(INSIDE, DATA, 0, 0, YES); /* the other knows nothing of it yet */
    OUT(0x6666, ECHO, 0, 0, YES);
    IN(0x5555, ECHOED, 0, 0, YES);
    OUT(0x6666, DATA, 0, 0, YES);
    IN(0x5555, DATA, 0, 0, YES);
    OUT(OUTSIDE, DATA, 0, 0, NO);
    IN(INSIDE, DATA, 0, 0, NO);
    close_house(&t.h);
}

/* RFC 9260 5.2.1: both begin at once. */
TEST(two_inits_cross)
{
    struct talk t = open_init();
    IN(0, INIT, 0, OUTSIDE, YES);
    OUT(OUTSIDE, INIT_ACK, 0, INSIDE, YES);
    IN(INSIDE, INIT_ACK, 0, OUTSIDE, YES);
    OUT(OUTSIDE, ECHO, 0, 0, YES);
    IN(INSIDE, ECHO, 0, 0, YES);
    OUT(OUTSIDE, ECHOED, 0, 0, YES);
    IN(INSIDE, ECHOED, 0, 0, YES);
    OUT(OUTSIDE, DATA, 0, 0, YES);
    close_house(&t.h);
}

TEST(aborts)
{
    static const struct {
        const char *name;
        uint32_t tag;
        uint8_t flags;
        const char *wanted;
    } rows[] = {
        {"with the tag of who gets it", INSIDE, 0, YES},
        {"with its own, and saying so", OUTSIDE, REFLECTED, YES},
        {"with its own", OUTSIDE, 0, NO},
        {"with the other's, saying it is its own", INSIDE, REFLECTED, NO},
        {"of somebody else", WRONG, 0, NO},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct talk t = open_association();
        IN(rows[i].tag, ABORT, rows[i].flags, 0, rows[i].wanted);
        wait_for(&t.h, 245);
        IN(INSIDE, DATA, 0, 0, rows[i].wanted[0] == 'a' ? NO : YES);
        close_house(&t.h);
    }
    struct talk t = open_init(); /* as soon as the cookie is known to have come */
    IN(INSIDE, INIT_ACK, 0, OUTSIDE, YES);
    OUT(OUTSIDE, ECHO, 0, 0, YES);
    IN(INSIDE, ECHOED, 0, 0, YES);
    OUT(OUTSIDE, ABORT, 0, 0, YES);
    wait_for(&t.h, 245);
    IN(INSIDE, DATA, 0, 0, NO);
    close_house(&t.h);
    t = open_init(); /* nobody is there */
    IN(INSIDE, ABORT, 0, 0, YES);
    OUT(0, INIT, 0, WRONG, "accept rule");
    close_house(&t.h);
}

/* What else comes without a beginning has none. */
TEST(how_an_association_begins)
{
    for (unsigned type = 0; type < 16; type++) {
        struct house h = open_home();
        struct bytes b = chunk_out(type == INIT ? 0 : 7, (uint8_t)type, 0, 7);
        judge(&h, LAN, &b);
        CHECK_EQUAL(h.text, h.verdict.action, type == INIT || type == HEARTBEAT ? TG_ACCEPT : TG_DROP);
        close_house(&h);
        struct tg_policy *policy = home_policy();
        policy_set_pickup(policy);
        h = open_house(policy, 64, 1);
        judge(&h, LAN, &b);
        bool is_end = type == INIT_ACK || type == ABORT || type == DONE;
        CHECK_EQUAL(h.text, h.verdict.action, is_end ? TG_DROP : TG_ACCEPT);
        close_house(&h);
    }
}

/* RFC 9260 5.4: another pair of addresses of an association. */
TEST(another_path)
{
    struct talk t = open_talk(chunk_out(OUTSIDE, HEARTBEAT, 0, 0),
                              sctp("192.168.1.8:5000 > 198.51.100.7:80", 7, HEARTBEAT, 0, 0, 8));
    OUT(WRONG, DATA, 0, 0, NO);
    IN(INSIDE, HEARTBEAT_ACK, 0, 0, YES);
    IN(WRONG, DATA, 0, 0, NO);
    IN(INSIDE, DATA, 0, 0, YES);
    OUT(OUTSIDE, DATA, 0, 0, YES);
    wait_for(&t.h, 7400);
    IN(INSIDE, DATA, 0, 0, YES);
    close_house(&t.h);
}

/* What contradicts itself: RFC 9260 4.3, 8.5.1. */
TEST(chunks_that_contradict_themselves)
{
    struct bytes init = chunk_out(0, INIT, 0, 7), data = chunk_out(7, DATA, 0, 0), both = data;
    memcpy(both.at + both.len, init.at + 32, init.len - 32);
    both.len += init.len - 32;
    seal(&both);
    static const struct {
        const char *name;
        uint32_t at, value;
        bool is_init;
    } rows[] = {
        {"an INIT with a tag", 26, 7, true},
        {"one that names nobody", 38, 0, true},
        {"one that is too short", 34, 19, true},
        {"one that ends behind the packet", 34, 21, true},
        {"data without a tag", 26, 0, false},
        {"a chunk of three bytes", 34, 3, false},
        {"one that ends behind it, too", 34, 13, false},
    };
    struct house h = open_home();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = rows[i].is_init ? init : data;
        put16(b.at + rows[i].at, rows[i].value);
        seal(&b);
        judge(&h, LAN, &b);
        CHECK_EQUAL(rows[i].name, h.verdict.reason, TG_REASON_MALFORMED);
    }
    EXPECT(&h, LAN, both, "drop malformed"); /* an INIT in company */
    EXPECT(&h, LAN, init, "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    init.at[40] ^= 1;
    EXPECT(&h, LAN, init, "drop malformed"); /* its CRC is wrong */
    close_house(&h);
}

/* ---- DCCP ---- */

#define FROM_IN(type, seq, ack, wanted)  go(&t, LAN, dccp(LAN_ENDS, type, seq, ack, 4), wanted, __LINE__)
#define FROM_OUT(type, seq, ack, wanted) go(&t, WAN, dccp(t.in, type, seq, ack, 4), wanted, __LINE__)
#define FAR                              UINT64_C(0x800000000000)

static struct talk open_dccp(uint64_t seq, uint64_t peer)
{
    struct talk t =
        open_talk(dccp(LAN_ENDS, REQUEST, seq, 0, 0), dccp("192.168.1.8:5000 > 198.51.100.7:80", REQUEST, 5, 0, 0));
    FROM_OUT(RESPONSE, peer, seq, YES);
    FROM_IN(DCCP_ACK_, seq + 1, peer, YES);
    return t;
}

TEST(a_dccp_connection_from_end_to_end)
{
    static const uint64_t starts[] = {1, 100000, 0xffffffff, 0xfffffffffff0};
    for (size_t i = 0; i < COUNT(starts); i++) {
        uint64_t seq = starts[i];
        struct talk t = open_dccp(seq, 900);
        for (unsigned n = 2; n < 200; n += 3) {
            FROM_IN(DATA_ACK, (seq + n) & 0xffffffffffff, 900 + n, YES);
            FROM_OUT(DATA_ACK, 900 + n, (seq + n) & 0xffffffffffff, YES);
        }
        wait_for(&t.h, 7400);
        FROM_OUT(SYNC, 1200, seq, YES);
        FROM_OUT(CLOSE_REQUEST, 1201, (seq + 199) & 0xffffffffffff, YES);
        FROM_IN(CLOSE, (seq + 202) & 0xffffffffffff, 1201, YES);
        FROM_OUT(RESET, 1202, (seq + 202) & 0xffffffffffff, YES);
        FROM_IN(REQUEST, 77, 0, "accept rule");
        close_house(&t.h);
    }
}

/* Who does not see the traffic ends nothing, and keeps nothing alive. */
TEST(dccp_by_a_stranger)
{
    static const uint8_t types[] = {REQUEST,       RESPONSE, DCCP_DATA_, DCCP_ACK_, DATA_ACK,
                                    CLOSE_REQUEST, CLOSE,    RESET,      SYNC,      SYNC_ACK};
    for (size_t i = 0; i < COUNT(types); i++) {
        struct talk t = open_dccp(100, 900);
        wait_for(&t.h, 7000);
        FROM_OUT(types[i], FAR, FAR, YES); /* for its receiver to judge */
        wait_for(&t.h, 430);
        FROM_IN(DATA_ACK, 102, 900, YES);
        wait_for(&t.h, 7000);
        FROM_OUT(types[i], FAR, FAR, YES);
        wait_for(&t.h, 441);
        FROM_IN(DATA_ACK, 103, 900, NO);
        close_house(&t.h);
    }
}

TEST(how_a_dccp_connection_begins)
{
    for (uint8_t type = 0; type < 16; type++) {
        struct house h = open_home();
        struct bytes b = dccp(LAN_ENDS, type, 7, 7, 0);
        judge(&h, LAN, &b);
        CHECK_EQUAL(h.text, h.verdict.action, type == REQUEST ? TG_ACCEPT : TG_DROP);
        close_house(&h);
        struct tg_policy *policy = home_policy();
        policy_set_pickup(policy);
        h = open_house(policy, 64, 1);
        judge(&h, LAN, &b);
        CHECK_EQUAL(h.text, h.verdict.action,
                    type == REQUEST || (type >= DCCP_DATA_ && type <= DATA_ACK) ? TG_ACCEPT : TG_DROP);
        close_house(&h);
    }
}

/* Numbers of 24 bits, as some data has; what the checksum does not cover. */
TEST(short_numbers_and_partial_coverage)
{
    struct talk t = open_dccp(0x1fffffe, 900);
    for (uint64_t n = 0; n < 10; n++) {
        struct bytes b = dccp(LAN_ENDS, DCCP_DATA_, 0, 0, 12);
        b.at[28] = DCCP_DATA_ << 1; /* short: 12 bytes of header, and 4 that are data now */
        b.at[24] = 3;
        b.at[29] = (uint8_t)((0x1ffffff + n) >> 16);
        put16(b.at + 30, (uint32_t)(0x1ffffff + n) & 0xffff);
        b.at[25] = 1; /* no data is covered */
        seal(&b);
        b.at[b.len - 1] ^= 0xff;
        go(&t, LAN, b, YES, __LINE__);
        wait_for(&t.h, 3000);
    }
    FROM_OUT(RESET, 901, 0x2000008, YES); /* the whole number is known */
    wait_for(&t.h, 485);
    FROM_IN(DATA_ACK, 0x2000009, 901, NO);
    close_house(&t.h);
}

TEST(dccp_headers_that_contradict_themselves)
{
    struct bytes ack = dccp(LAN_ENDS, DATA_ACK, 7, 7, 8);
    static const struct {
        const char *name;
        uint32_t at;
        uint8_t value;
    } rows[] = {
        {"data within the header", 24, 5},
        {"data behind the packet", 24, 9},
        {"short numbers where they must be long", 28, RESET << 1},
    };
    struct tg_policy *policy = home_policy();
    policy_set_pickup(policy);
    struct house h = open_house(policy, 64, 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = ack;
        b.at[rows[i].at] = rows[i].value;
        seal(&b);
        judge(&h, LAN, &b);
        CHECK_EQUAL(rows[i].name, h.verdict.reason, TG_REASON_MALFORMED);
    }
    EXPECT(&h, LAN, ack, "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
    ack.at[45] ^= 1;
    EXPECT(&h, LAN, ack, "drop malformed"); /* its checksum is wrong */
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_association_from_end_to_end),
        cmocka_unit_test(tags),
        cmocka_unit_test(an_init_that_nobody_asked_for),
        cmocka_unit_test(a_side_begins_anew),
        cmocka_unit_test(two_inits_cross),
        cmocka_unit_test(aborts),
        cmocka_unit_test(how_an_association_begins),
        cmocka_unit_test(another_path),
        cmocka_unit_test(chunks_that_contradict_themselves),
        cmocka_unit_test(a_dccp_connection_from_end_to_end),
        cmocka_unit_test(dccp_by_a_stranger),
        cmocka_unit_test(how_a_dccp_connection_begins),
        cmocka_unit_test(short_numbers_and_partial_coverage),
        cmocka_unit_test(dccp_headers_that_contradict_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
