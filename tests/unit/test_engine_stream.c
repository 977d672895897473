/* Text that becomes longer or shorter on its way through the engine, and the sequence numbers around it: loss,
 * repetition in other segments, reordering, acknowledgements, SACK, FIN and RST. What is checked is the stream that the
 * receiver puts together, byte by byte. */
#include "talk.h"

#include "translate/sequence.h"

/* ---- by hand ---- */

#define PORT_IN  "PORT 192,168,1,20,31,64\r\n" /* 25 bytes */
#define PORT_OUT "PORT 203,0,113,1,31,64\r\n"  /* 24 */

/* Send text of the client's again, as it was at `seq`; the other side must get it at `there`. */
static void repeat(struct talk *t, uint32_t seq, const char *text, uint32_t there, const char *wanted)
{
    struct bytes b = segment(t, CLIENT, ACK | PSH, seq, text);
    judge(t->house, LAN, &b);
    CHECK(text, t->house->verdict.action == TG_ACCEPT);
    CHECK_TEXT(t->house, wanted);
    check_segment(t, CLIENT, there, __FILE__, __LINE__);
}

TEST(what_is_sent_again_is_written_again)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    uint32_t at = t.side[CLIENT].next, there = t.side[SERVER].heard;
    SAY(&t, CLIENT, PORT_IN, PORT_OUT);
    SAY(&t, CLIENT, "STOR x\r\n", NULL);
    repeat(&t, at, PORT_IN, there, PORT_OUT);
    repeat(&t, at, PORT_IN "STOR x\r\n", there, PORT_OUT "STOR x\r\n");
    repeat(&t, at + 25, "STOR x\r\n", there + 24, "STOR x\r\n");
    repeat(&t, at - 16, "USER anonymous\r\n" PORT_IN, there - 16, "USER anonymous\r\n" PORT_OUT);
    /* in parts: the first byte of what was changed stands for all of it */
    repeat(&t, at, "PORT 192,16", there, "PORT 203,0,113,1,31,64");
    repeat(&t, at + 11, "8,1,20,31,64\r\nSTOR", there + 22, "\r\nSTOR");
    repeat(&t, at + 8, "2,168", there + 22, "");
    repeat(&t, at, "PORT ", there, "PORT ");
    /* and after all that the two still agree */
    ANSWER(&t, SERVER);
    SAY(&t, CLIENT, "NOOP\r\n", NULL);
    close_house(&h);
}

/* Whatever has become of the helper meanwhile, and of what was announced. */
TEST(what_is_sent_again_is_written_as_it_was)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    uint32_t at = t.side[CLIENT].next, there = t.side[SERVER].heard;
    SAY(&t, CLIENT, PORT_IN, PORT_OUT);
    EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"), "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
    repeat(&t, at, PORT_IN, there, PORT_OUT);
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:22 > 203.0.113.1:8000")); /* it announces nothing again */
    reload(&h, home_policy());
    repeat(&t, at, PORT_IN, there, PORT_OUT);
    wait_for(&h, 1000);
    repeat(&t, at, PORT_IN, there, PORT_OUT);
    close_house(&h);
}

/* No more is written anew than can be again: what is too much goes as it came, and opens nothing, until the other side
 * has acknowledged the oldest. */
TEST(more_than_can_be_remembered)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    uint32_t at = t.side[CLIENT].next, there = t.side[SERVER].heard;
    char line[40], told[40], data[80];
    for (unsigned i = 0; i <= SEQUENCE_CHANGES; i++) {
        snprintf(line, sizeof line, "PORT 192,168,1,20,31,%u\r\n", 100 + i);
        snprintf(told, sizeof told, "PORT 203,0,113,1,31,%u\r\n", 100 + i);
        SAY(&t, CLIENT, line, i < SEQUENCE_CHANGES ? told : line);
    }
    snprintf(data, sizeof data, "198.51.100.9:20 > 203.0.113.1:%u", 31 * 256 + 100 + SEQUENCE_CHANGES);
    EXPECT_CLOSED(&h, WAN, syn(data));
    repeat(&t, at, "PORT 192,168,1,20,31,100\r\n", there, "PORT 203,0,113,1,31,100\r\n");
    ANSWER(&t, SERVER);
    SAY(&t, CLIENT, PORT_IN, PORT_OUT);
    close_house(&h);
}

/* Where there is no room to write it again, it does not go out as it is. */
TEST(never_half_and_never_as_it_was)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = begin_ftp(&h, LAN, "192.168.1.7:5000 > 198.51.100.9:21", WAN, "198.51.100.9:21 > 203.0.113.1:5000");
    uint32_t at = t.side[CLIENT].next;
    SAY(&t, CLIENT, "PORT 192,168,1,7,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
    SAY(&t, CLIENT, "PORT 192,168,1,7,9,9\r\n", "PORT 203,0,113,1,9,9\r\n");
    struct bytes b = segment(&t, CLIENT, ACK, at, "PORT 192,168,1,7,31,64\r\n");
    struct bytes fragment = fragment_of(b, 0, 32, true);
    EXPECT(&h, LAN, fragment, "drop invalid");
    SAY(&t, CLIENT, "NOOP\r\n", NULL);
    close_house(&h);
}

/* A line that comes in two parts has passed as it was, and is not made another when it is sent again in one. */
TEST(what_has_passed_is_left)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    uint32_t at = t.side[CLIENT].next, there = t.side[SERVER].heard;
    SAY(&t, CLIENT, "PORT 192,1", NULL);
    SAY(&t, CLIENT, "68,1,20,31,64\r\n", NULL);
    repeat(&t, at, PORT_IN, there, PORT_IN);
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"));
    SAY(&t, CLIENT, PORT_IN, PORT_OUT); /* the next line is one */
    close_house(&h);
}

/* Nor when the rest comes with what has passed, at once; and not if it is what all begins with either. */
TEST(what_has_passed_in_part_is_left)
{
    for (int is_first = 0; is_first < 2; is_first++) {
        struct house h = open_house(helped_home(), 64, 1);
        struct talk t = is_first ? begin_talk(&h, LAN, "192.168.1.20:5000 > 198.51.100.9:21", WAN,
                                              "198.51.100.9:21 > 203.0.113.1:5000")
                                 : ftp_out(&h);
        uint32_t at = t.side[CLIENT].next, there = t.side[SERVER].heard;
        SAY(&t, CLIENT, "PORT 192,1", NULL);
        repeat(&t, at, PORT_IN, there, PORT_IN);
        EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"));
        close_house(&h);
    }
}

/* Behind what was lost on the way here, lines are read again from the end of one on. */
TEST(behind_a_gap)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    uint32_t at = t.side[CLIENT].next, there = t.side[SERVER].heard;
    t.side[CLIENT].next += 6;
    t.side[SERVER].heard += 6; /* "NOOP\r\n" does not come */
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,65\r\n" PORT_IN, "PORT 192,168,1,20,31,65\r\n" PORT_OUT);
    repeat(&t, at, "NOOP\r\n", there, "NOOP\r\n");
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8001"));
    SAY(&t, CLIENT, PORT_IN, PORT_OUT);
    close_house(&h);
}

/* The end of a stream is where its receiver takes it to be. */
TEST(the_end)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    struct talk_side *client = &t.side[CLIENT], *server = &t.side[SERVER];
    struct bytes fin = segment(&t, CLIENT, FIN | ACK, client->next, PORT_IN);
    EXPECT(&h, LAN, fin, "accept established -> 203.0.113.1:5000 > 198.51.100.9:21");
    CHECK_TEXT(&h, PORT_OUT);
    check_segment(&t, CLIENT, server->heard, __FILE__, __LINE__);
    client->next += 26;
    server->heard += 25;
    ANSWER(&t, SERVER);
    EXPECT(&h, WAN, segment(&t, SERVER, FIN | ACK, server->next++, "221 bye\r\n"),
           "accept established -> 198.51.100.9:21 > 192.168.1.20:5000");
    server->next += 9;
    client->heard += 10;
    ANSWER(&t, CLIENT);
    assert_int_equal(get32(h.bytes.at + 24), server->heard);
    EXPECT(&h, LAN, syn("192.168.1.20:5000 > 198.51.100.9:21"), /* all is acknowledged: it may begin anew */
           "accept rule -> 203.0.113.1:5000 > 198.51.100.9:21");
    close_house(&h);
}

TEST(resets_have_the_number_that_is_expected)
{
    for (int who = 0; who < 2; who++) {
        struct house h = open_house(helped_home(), 64, 1);
        struct talk t = ftp_out(&h);
        SAY(&t, CLIENT, PORT_IN, PORT_OUT);
        ANSWER(&t, SERVER);
        enum speaking from = (enum speaking)who;
        EXPECT(&h, t.side[from].zone, segment(&t, from, RST | ACK, t.side[from].next + 1, ""), "drop invalid");
        struct bytes rst = segment(&t, from, RST | ACK, t.side[from].next, "");
        judge(&h, t.side[from].zone, &rst);
        assert_int_equal(h.verdict.action, TG_ACCEPT);
        check_segment(&t, from, t.side[!from].heard, __FILE__, __LINE__);
        close_house(&h);
    }
}

/* The segments of a connection that may grow are small enough to. */
TEST(what_may_grow_leaves_room)
{
    static const uint8_t mss[] = {2, 4, 5, 180}; /* 1460 */
    struct house h = open_house(helped_home(), 64, 1);
    struct bytes b = tcp_with_options("192.168.1.20:5000 > 198.51.100.9:21", SYN, 1, 0, 0, 65535, mss, 4);
    judge(&h, LAN, &b);
    assert_int_equal(get16(h.bytes.at + 42), 1460 - 64);
    b = tcp_with_options("192.168.1.20:5001 > 198.51.100.9:80", SYN, 1, 0, 0, 65535, mss, 4);
    judge(&h, LAN, &b);
    assert_int_equal(get16(h.bytes.at + 42), 1460);
    close_house(&h);
}

/* An error quotes a segment as it left: who sent it sees it as he did. */
TEST(errors_quote_what_was_sent)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    SAY(&t, CLIENT, PORT_IN, PORT_OUT);
    struct bytes sent = segment(&t, CLIENT, ACK | PSH, t.side[CLIENT].next, "NOOP\r\n");
    SAY(&t, CLIENT, "NOOP\r\n", NULL);
    const struct bytes left = h.bytes;
    for (uint32_t quoted = 24; quoted <= left.len; quoted++) {
        EXPECT(&h, WAN, icmp_error("192.0.2.254 > 203.0.113.1", 3, 4, &left, quoted),
               "accept related -> 192.0.2.254 > 192.168.1.20");
        uint32_t known = quoted == 37 ? 36 : quoted;                         /* half a checksum cannot be corrected */
        assert_memory_equal(h.bytes.at + 28 + 12, sent.at + 12, known - 12); /* but for what IP has of its own */
        assert_true(are_checksums_right(h.bytes.at, h.bytes.len));
    }
    /* the other way: what it acknowledges has been put as the client counts */
    SAY(&t, SERVER, "200 fine\r\n", NULL);
    const struct bytes came = h.bytes;
    struct bytes answer = segment(&t, SERVER, ACK | PSH, t.side[SERVER].next - 10, "200 fine\r\n");
    EXPECT(&h, LAN, icmp_error("192.168.1.20 > 198.51.100.9", 3, 3, &came, 48),
           "accept related -> 203.0.113.1 > 198.51.100.9");
    assert_memory_equal(h.bytes.at + 28 + 12, answer.at + 12, 36);
    close_house(&h);
}

/* With two hooks: the destination is written by the first, numbers and text too, the source by the second. */
TEST(in_two_halves)
{
    struct tg_policy *policy = helped_home();
    add_forward(policy, TG_PROTO_TCP, 21, 1, "192.168.1.50", 21, 1);
    struct house h = open_house(policy, 64, 1);
    struct talk t = begin_ftp(&h, LAN, "192.168.1.20:5000 > 203.0.113.1:21", LAN, "192.168.1.50:21 > 192.168.1.1:5000");
    h.arrival.half = true;
    for (int i = 0; i < 2; i++) {
        struct bytes b = segment(&t, CLIENT, ACK | PSH, t.side[CLIENT].next, "PORT 192,168,1,20,31,64\r\n");
        judge(&h, LAN, &b);
        assert_int_equal(h.verdict.translation, TG_TRANSLATE_HALF);
        h.packet = (struct tg_packet){.data = h.bytes.at, .len = h.bytes.len, .wire_len = h.bytes.len};
        assert_int_equal(tg_packet_decode(&h.packet, 0), TG_DECODED);
        assert_true(tg_engine_finish(h.engine, &h.packet));
        assert_true(are_checksums_right(h.bytes.at, h.bytes.len));
        CHECK_TEXT(&h, "PORT 192,168,1,1,31,64\r\n");
        check_segment(&t, CLIENT, t.side[SERVER].heard, __FILE__, __LINE__);
        t.side[CLIENT].next += 25;
        t.side[SERVER].heard += 24;
    }
    close_house(&h);
}

/* ---- at random ---- */

enum { MOST = 6000 };

/* A client that sends a stream, and a server that puts it together from what comes out of the engine. */
struct stream {
    struct house house;
    struct talk talk;
    uint64_t seed;
    uint32_t first, there;  /* the number of the stream's first byte, as each side counts */
    uint8_t sent[MOST];     /* all of it */
    uint32_t len;           /* bytes */
    uint32_t passed, acked; /* bytes that have been sent, and that the client knows to have been received */
    uint8_t came[MOST];     /* what the server has */
    bool has[MOST];
    uint32_t received; /* bytes without a gap */
};

static uint32_t below(struct stream *s, uint32_t bound)
{
    return random32(&s->seed) % bound;
}

/* An address and a port as FTP has them. */
static void numbers(char out[static 40], const char *addr, unsigned port)
{
    snprintf(out, 40, "%s,%u,%u", addr, port >> 8, port & 255);
    for (; *out != '\0'; out++)
        if (*out == '.')
            *out = ',';
}

static uint32_t write_line(char out[static 100], unsigned what, unsigned port, const char *addr)
{
    char six[40];
    numbers(six, what == 1 ? addr : "198.51.100.3", port);
    if (what == 0)
        return (uint32_t)snprintf(out, 100, "NOOP %u\r\n", port);
    if (what == 3)
        return (uint32_t)snprintf(out, 100, "EPRT |1|%s|%u|\r\n", addr, port);
    return (uint32_t)snprintf(out, 100, "PORT %s\r\n", six);
}

/* Lines, of which many announce something; what the server is to get in the end is `wanted`.
 * => its length */
static uint32_t write_lines(struct stream *s, const char *inside, const char *outside, uint8_t *wanted)
{
    uint32_t to = 0, len;
    char line[100];
    while (s->len < MOST - 1000) {
        unsigned port = 2048 + below(s, 60000), what = below(s, 4);
        len = write_line(line, what, port, inside);
        memcpy(s->sent + s->len, line, len);
        s->len += len;
        len = write_line(line, what, port, outside);
        memcpy(wanted + to, line, len);
        to += len;
    }
    return to;
}

/* A segment comes to the server: what it brings is what any other has brought. What stands before the first gap is cut
 * off unseen (RFC 9293 3.10.7.4). */
static void arrive(struct stream *s)
{
    uint32_t len, at = get32(s->house.bytes.at + 24) - s->there;
    const char *text = text_of(&s->house, &len);
    for (uint32_t i = 0; i < len; i++) {
        if (at + i < s->received || at + i >= UINT32_MAX / 2)
            continue;
        assert_true(at + i < MOST);
        assert_true(!s->has[at + i] || s->came[at + i] == (uint8_t)text[i]);
        s->has[at + i] = true;
        s->came[at + i] = (uint8_t)text[i];
    }
    while (s->received < MOST && s->has[s->received])
        s->received++;
}

static void send_part(struct stream *s, uint32_t at, uint32_t len, bool is_lost)
{
    struct bytes b = tcp(s->talk.side[CLIENT].ends, ACK, s->first + at, s->talk.side[CLIENT].heard, len);
    memcpy(b.at + 40, s->sent + at, len);
    seal(&b);
    judge(&s->house, LAN, &b);
    assert_int_equal(s->house.verdict.action, TG_ACCEPT);
    if (!is_lost)
        arrive(s);
}

/* The server acknowledges, with a block of what it has besides; the client must not hear of more than it has sent. */
static void acknowledge_some(struct stream *s, bool is_lost)
{
    uint8_t options[12] = {1, 1, 5, 10};
    uint32_t from = s->received + 1, to;
    while (from < MOST && !s->has[from])
        from++;
    for (to = from; to < MOST && s->has[to];)
        to++;
    put32(options + 4, s->there + from);
    put32(options + 8, s->there + to);
    struct bytes b = tcp_with_options(s->talk.side[SERVER].ends, ACK, s->talk.side[SERVER].next, s->there + s->received,
                                      0, 65535, options, from < MOST ? 12 : 0);
    judge(&s->house, WAN, &b);
    assert_int_equal(s->house.verdict.action, TG_ACCEPT);
    uint32_t acked = get32(s->house.bytes.at + 28) - s->first;
    assert_true(acked <= s->passed);
    if (from < MOST) {
        uint32_t left = get32(s->house.bytes.at + 44) - s->first, right = get32(s->house.bytes.at + 48) - s->first;
        assert_true(left <= s->passed && right <= s->passed && left >= acked);
    }
    if (!is_lost && acked > s->acked)
        s->acked = acked;
}

/* The first time each line comes whole, in a segment with some before or behind it: that is what the helper can read.
 */
static uint32_t end_of_lines(const struct stream *s, uint32_t from, uint32_t least)
{
    uint32_t at = from + least < s->len ? from + least : s->len;
    while (at < s->len && s->sent[at - 1] != '\n')
        at++;
    return at;
}

/* A home with this address outside. */
static struct tg_policy *home_at(const char *outside)
{
    char prefix[40];
    struct tg_policy *policy = policy_new();
    snprintf(prefix, sizeof prefix, "%s/24", outside);
    add_zone(policy, "wan", true, prefix, NULL);
    add_zone(policy, "lan", false, "192.168.1.1/24", NULL);
    add_zone(policy, "guest", false, "192.168.2.1/24", NULL);
    add_rule(policy, TG_ACCEPT, LAN, WAN, 0, 0);
    add_helper(policy, HELPER_FTP, 21);
    return policy;
}

static void go_through(uint64_t seed)
{
    static struct stream s;
    static uint8_t wanted[2 * MOST];
    memset(&s, 0, sizeof s);
    s.seed = seed;
    const char *inside = seed & 1 ? "192.168.1.7" : "192.168.1.207";
    const char *outside = seed & 2 ? "203.0.113.1" : "203.0.113.200";
    char client[80], server[80];
    snprintf(client, sizeof client, "%s:5000 > 198.51.100.9:21", inside);
    snprintf(server, sizeof server, "198.51.100.9:21 > %s:5000", outside);
    s.house = open_house(home_at(outside), 64, 1);
    s.talk = begin_ftp(&s.house, LAN, client, WAN, server);
    s.first = s.talk.side[CLIENT].next;
    s.there = s.talk.side[SERVER].heard;
    uint32_t total = write_lines(&s, inside, outside, wanted);
    for (uint32_t round = 0; s.acked < s.len; round++) {
        assert_true(round < 20000); /* or it does not go on */
        uint32_t window = s.passed - s.acked;
        switch (below(&s, 4)) {
        case 0:
            if (s.passed < s.len && window < 150) {
                uint32_t end = end_of_lines(&s, s.passed, 1 + below(&s, 80));
                send_part(&s, s.passed, end - s.passed, below(&s, 3) == 0);
                s.passed = end;
            }
            break;
        case 1: /* again, in whatever parts */
            if (window > 0) {
                uint32_t at = s.acked + below(&s, window), len = 1 + below(&s, s.passed - at);
                send_part(&s, at, len, below(&s, 3) == 0);
            }
            break;
        case 2: /* or with what has been acknowledged already, or with something new */
            if (window > 0) {
                uint32_t back = below(&s, 40), at = s.acked > back ? s.acked - back : 0;
                uint32_t end = below(&s, 2) || window > 100 ? s.passed : end_of_lines(&s, s.passed, 1);
                send_part(&s, at, end - at, below(&s, 3) == 0);
                s.passed = end;
            }
            break;
        default: acknowledge_some(&s, below(&s, 3) == 0); break;
        }
        wait_for(&s.house, 0.01);
    }
    assert_int_equal(s.received, total);
    assert_memory_equal(s.came, wanted, total);
    close_house(&s.house);
}

TEST(any_loss_and_any_segments)
{
    for (uint64_t seed = 1; seed <= 200; seed++)
        go_through(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_again_is_written_again),
        cmocka_unit_test(what_is_sent_again_is_written_as_it_was),
        cmocka_unit_test(more_than_can_be_remembered),
        cmocka_unit_test(never_half_and_never_as_it_was),
        cmocka_unit_test(what_has_passed_is_left),
        cmocka_unit_test(what_has_passed_in_part_is_left),
        cmocka_unit_test(behind_a_gap),
        cmocka_unit_test(the_end),
        cmocka_unit_test(resets_have_the_number_that_is_expected),
        cmocka_unit_test(what_may_grow_leaves_room),
        cmocka_unit_test(errors_quote_what_was_sent),
        cmocka_unit_test(in_two_halves),
        cmocka_unit_test(any_loss_and_any_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
