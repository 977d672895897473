/* RTSP, SIP and TFTP through the engine: what they announce comes in, the announcement is what the other side needs,
 * and what is not to be believed opens nothing. */
#include "talk.h"

/* ---- RTSP: a camera, and who watches it ---- */

#define SETUP      "SETUP rtsp://camera/1 RTSP/1.0\r\nCSeq: 3\r\n"
#define SET_UP     "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1\r\n"
#define TRANSPORT  "Transport: RTP/AVP;unicast;"
#define END        "\r\n\r\n"
#define CLIENT_AT  "client_port=4588-4589"
#define WATCH      LAN, "192.168.1.20:5000 > 198.51.100.9:554", WAN, "198.51.100.9:554 > 203.0.113.1:5000"
#define BE_WATCHED WAN, "198.51.100.9:5000 > 203.0.113.1:554", LAN, "192.168.1.50:554 > 198.51.100.9:5000"

static struct house open_with_camera(void)
{
    struct tg_policy *policy = helped_home();
    add_forward(policy, TG_PROTO_TCP, 554, 1, "192.168.1.50", 554, 1);
    return open_house(policy, 64, 1);
}

static struct talk begin_rtsp(struct house *h, uint8_t client_zone, const char *client, uint8_t server_zone,
                              const char *server)
{
    struct talk t = begin_talk(h, client_zone, client, server_zone, server);
    SAY(&t, CLIENT, "OPTIONS rtsp://camera/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n", NULL);
    SAY(&t, SERVER, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", NULL);
    return t;
}

TEST(a_camera_outside)
{
    struct house h = open_with_camera();
    struct talk t = begin_rtsp(&h, WATCH);
    SAY(&t, CLIENT, SETUP TRANSPORT CLIENT_AT END, NULL);
    SAY(&t, SERVER, SET_UP TRANSPORT CLIENT_AT ";server_port=6256-6257" END, NULL);
    EXPECT(&h, WAN, udp("198.51.100.9:6256 > 203.0.113.1:4588", 99),
           "accept related -> 198.51.100.9:6256 > 192.168.1.20:4588");
    EXPECT(&h, WAN, udp("198.51.100.9:6257 > 203.0.113.1:4589", 99),
           "accept related -> 198.51.100.9:6257 > 192.168.1.20:4589");
    EXPECT(&h, LAN, udp("192.168.1.20:4589 > 198.51.100.9:6257", 99),
           "accept established -> 203.0.113.1:4589 > 198.51.100.9:6257");
    EXPECT(&h, WAN, udp("198.51.100.9:9999 > 203.0.113.1:4588", 99), /* any port of the camera's */
           "accept related -> 198.51.100.9:9999 > 192.168.1.20:4588");
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.10:6256 > 203.0.113.1:4588", 99));
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:6256 > 203.0.113.1:4590", 99));
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:6256 > 203.0.113.1:4588"));
    close_house(&h);
}

TEST(a_camera_inside)
{
    struct house h = open_with_camera();
    struct talk t = begin_rtsp(&h, BE_WATCHED);
    SAY(&t, CLIENT, SETUP TRANSPORT CLIENT_AT END, NULL);
    SAY(&t, SERVER, SET_UP TRANSPORT CLIENT_AT ";server_port=6256-6257;source=192.168.1.50" END,
        SET_UP TRANSPORT CLIENT_AT ";server_port=6256-6257;source=203.0.113.1" END);
    EXPECT(&h, LAN, udp("192.168.1.50:6256 > 198.51.100.9:4588", 99),
           "accept related -> 203.0.113.1:6256 > 198.51.100.9:4588");
    EXPECT(&h, WAN, udp("198.51.100.9:4589 > 203.0.113.1:6257", 99),
           "accept related -> 198.51.100.9:4589 > 192.168.1.50:6257");
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.10:4589 > 203.0.113.1:6257", 99));
    close_house(&h);
}

/* Who watches announces ports that another has outside: it is told two that stand together, the even one first. */
TEST(a_pair_of_other_ports)
{
    struct house h = open_with_camera();
    EXPECT(&h, LAN, udp("192.168.1.21:4589 > 198.51.100.7:53", 5), "accept rule -> 203.0.113.1:4589 > 198.51.100.7:53");
    struct talk t = begin_rtsp(&h, WATCH);
    struct bytes b = segment(&t, CLIENT, ACK | PSH, t.side[CLIENT].next, SETUP TRANSPORT CLIENT_AT END);
    judge(&h, LAN, &b);
    uint32_t len;
    unsigned first, last;
    char told[300] = "", data[80];
    const char *text = text_of(&h, &len);
    memcpy(told, text, len);
    assert_int_equal(sscanf(strstr(told, "client_port="), "client_port=%u-%u", &first, &last), 2);
    assert_true(first != 4588 && first % 2 == 0 && last == first + 1 && first >= 1024);
    snprintf(data, sizeof data, "198.51.100.9:6257 > 203.0.113.1:%u", last);
    EXPECT(&h, WAN, udp(data, 99), "accept related -> 198.51.100.9:6257 > 192.168.1.20:4589");
    /* the answer repeats them, and who watches finds his own */
    t.side[CLIENT].next += (uint32_t)strlen(SETUP TRANSPORT CLIENT_AT END);
    t.side[SERVER].heard += len;
    char answer[300], back[300];
    snprintf(answer, sizeof answer, SET_UP TRANSPORT "client_port=%u-%u;server_port=6256-6257" END, first, last);
    snprintf(back, sizeof back, SET_UP TRANSPORT CLIENT_AT ";server_port=6256-6257" END);
    SAY(&t, SERVER, answer, back);
    ANSWER(&t, CLIENT);
    SAY(&t, CLIENT, "PLAY rtsp://camera/1 RTSP/1.0\r\nCSeq: 4\r\n\r\n", NULL);
    close_house(&h);
}

/* Pictures within the connection itself announce nothing, and what they look like does not matter. */
TEST(interleaved)
{
    struct house h = open_with_camera();
    struct talk t = begin_rtsp(&h, WATCH);
    char frame[] = "$\1\1\1" SETUP TRANSPORT CLIENT_AT END; /* 257 bytes of it */
    SAY(&t, CLIENT, SETUP "Transport: RTP/AVP/TCP;unicast;interleaved=0-1" END, NULL);
    SAY(&t, SERVER, SET_UP "Transport: RTP/AVP/TCP;unicast;interleaved=0-1" END, NULL);
    SAY(&t, CLIENT, frame, NULL);
    SAY(&t, CLIENT, SETUP TRANSPORT CLIENT_AT END, NULL); /* behind the segment, but in the frame */
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:6256 > 203.0.113.1:4588", 99));
    char rest[262] = "";
    uint32_t there = (uint32_t)strlen(frame) + (uint32_t)strlen(SETUP TRANSPORT CLIENT_AT END);
    memset(rest, 'x', 4 + 257 - there);
    SAY(&t, CLIENT, rest, NULL);
    SAY(&t, CLIENT, SETUP TRANSPORT CLIENT_AT END, NULL); /* and this is a message */
    EXPECT(&h, WAN, udp("198.51.100.9:6256 > 203.0.113.1:4588", 99),
           "accept related -> 198.51.100.9:6256 > 192.168.1.20:4588");
    close_house(&h);
}

/* Where half of a pair is expected by another, neither half is opened. */
TEST(half_a_pair)
{
    struct house h = open_with_camera();
    struct talk t[2];
    for (int i = 0; i < 2; i++)
        t[i] = i ? begin_rtsp(&h, LAN, "[fd00:1::20]:5001 > [2001:db8:9::9]:554", WAN,
                              "[2001:db8:9::9]:554 > [fd00:1::20]:5001")
                 : begin_rtsp(&h, LAN, "[fd00:1::20]:5000 > [2001:db8:9::9]:554", WAN,
                              "[2001:db8:9::9]:554 > [fd00:1::20]:5000");
    SAY(&t[0], CLIENT, SETUP TRANSPORT "client_port=4589" END, NULL);
    SAY(&t[1], CLIENT, SETUP TRANSPORT CLIENT_AT END, NULL);
    EXPECT_CLOSED(&h, WAN, udp("[2001:db8:9::9]:6256 > [fd00:1::20]:4588", 99));
    EXPECT(&h, WAN, udp("[2001:db8:9::9]:6257 > [fd00:1::20]:4589", 99), "accept related");
    close_house(&h);
}

TEST(what_rtsp_does_not_open)
{
    static const struct {
        const char *name, *transport;
        uint16_t port;
    } rows[] = {
        {"another's address", "Transport: RTP/AVP;destination=192.168.1.21;client_port=4588-4589" END, 4588},
        {"privileged", "Transport: RTP/AVP;client_port=1022-1023" END, 1022},
        {"an odd pair", "Transport: RTP/AVP;client_port=4587-4588" END, 4588},
        {"where a helper reads", "Transport: RTP/AVP;client_port=5060-5061" END, 5060},
        {"half of it where a forward leads", "Transport: RTP/AVP;client_port=4590-4591" END, 4590},
        {"a body", "Content-Length: 60\r\n\r\n" SETUP "Transport: RTP/AVP;client_port=4588" END, 4588},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *policy = helped_home();
        char text[300], data[80];
        add_forward(policy, TG_PROTO_UDP, 9000, 1, "192.168.1.20", 4591, 1);
        struct house h = open_house(policy, 64, 1);
        struct talk t = begin_rtsp(&h, WATCH);
        snprintf(text, sizeof text, "%s%s", SETUP, rows[i].transport);
        SAY(&t, CLIENT, text, NULL);
        snprintf(data, sizeof data, "198.51.100.9:6256 > 203.0.113.1:%u", rows[i].port);
        EXPECT_CLOSED(&h, WAN, udp(data, 99));
        close_house(&h);
    }
}

TEST(a_browser_that_speaks_to_port_554)
{
    static const char *const firsts[] = {"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "P", "POST / HTTP/1.1",
                                         "SETUP / HTTP/1.1\r\n\r\n"};
    for (size_t i = 0; i < COUNT(firsts); i++) {
        struct house h = open_with_camera();
        struct talk t = begin_talk(&h, WATCH);
        SAY(&t, CLIENT, firsts[i], NULL);
        SAY(&t, CLIENT, "\r\n" SETUP TRANSPORT CLIENT_AT END, NULL);
        SAY(&t, CLIENT, SETUP TRANSPORT CLIENT_AT END, NULL);
        EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:6256 > 203.0.113.1:4588", 99));
        close_house(&h);
    }
}

/* Hours of pictures: sequence numbers come around, and what was changed at the beginning is not changed again. */
TEST(gigabytes_behind_an_announcement)
{
    struct house h = open_with_camera();
    struct talk t = begin_rtsp(&h, BE_WATCHED);
    SAY(&t, CLIENT, SETUP TRANSPORT CLIENT_AT END, NULL);
    SAY(&t, SERVER, SET_UP TRANSPORT CLIENT_AT ";server_port=6256-6257;source=192.168.1.50" END,
        SET_UP TRANSPORT CLIENT_AT ";server_port=6256-6257;source=203.0.113.1" END);
    for (uint32_t i = 0; i < 100000; i++) { /* 5 GB, of which one segment in 50000 bytes is looked at */
        struct bytes b = tcp(t.side[SERVER].ends, ACK, t.side[SERVER].next, t.side[SERVER].heard, 1000);
        judge(&h, LAN, &b);
        assert_int_equal(h.verdict.action, TG_ACCEPT);
        assert_int_equal(get32(h.bytes.at + 24), t.side[CLIENT].heard);
        t.side[SERVER].next += 50000;
        t.side[CLIENT].heard += 50000;
        struct bytes skipped = tcp(t.side[SERVER].ends, ACK, t.side[SERVER].next - 1000, t.side[SERVER].heard, 1000);
        judge(&h, LAN, &skipped);
        assert_int_equal(h.verdict.action, TG_ACCEPT);
        ANSWER(&t, CLIENT);
    }
    close_house(&h);
}

/* ---- SIP ---- */

#define PHONE    "192.168.1.20:5060 > 198.51.100.9:5060"
#define PROVIDER "198.51.100.9:5060 > 203.0.113.1:5060"

/* A call from inside, whose session has these lines behind the address. */
#define CALL(addr, rport, length, session)                                                                             \
    "INVITE sip:bob@198.51.100.9 SIP/2.0\r\nVia: SIP/2.0/UDP " addr ":5060;branch=1" rport                             \
    "\r\nFrom: <sip:alice@example.org>\r\nContact: <sip:alice@" addr                                                   \
    ">\r\nContent-Type: application/sdp\r\nContent-Length: " length "\r\n\r\nv=0\r\no=- 1 1 IN IP4 " addr              \
    "\r\nc=IN IP4 " addr "\r\n" session

TEST(a_call_from_inside)
{
    struct house h = open_house(helped_home(), 64, 1);
    EXPECT(&h, LAN, datagram_of(PHONE, CALL("192.168.1.20", ";rport", "82", "m=audio 49172 RTP/AVP 0\r\n")),
           "accept rule -> 203.0.113.1:5060 > 198.51.100.9:5060");
    CHECK_TEXT(&h, CALL("203.0.113.1", ";rport", "80", "m=audio 49172 RTP/AVP 0\r\n"));
    for (int i = 0; i < 2; i++) {
        EXPECT(&h, WAN, udp("198.51.100.9:7000 > 203.0.113.1:49172", 160),
               i ? "accept established -> 198.51.100.9:7000 > 192.168.1.20:49172"
                 : "accept related -> 198.51.100.9:7000 > 192.168.1.20:49172");
        EXPECT(&h, WAN, udp("198.51.100.9:7001 > 203.0.113.1:49173", 160),
               i ? "accept established -> 198.51.100.9:7001 > 192.168.1.20:49173"
                 : "accept related -> 198.51.100.9:7001 > 192.168.1.20:49173");
    }
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:7002 > 203.0.113.1:49174", 160));
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.10:7000 > 203.0.113.1:49172", 160));
    /* the answer says whose call it is as it was told, and finds back; where the provider listens, it may be spoken to
     */
    EXPECT(&h, WAN,
           datagram_of(PROVIDER,
                       "SIP/2.0 200 OK\r\n"
                       "Via: SIP/2.0/UDP 203.0.113.1:5060;branch=1;received=203.0.113.1;rport=5060\r\n"
                       "Contact: <sip:bob@198.51.100.9>\r\nContent-Type: application/sdp\r\n"
                       "Content-Length: 52\r\n\r\nv=0\r\nc=IN IP4 198.51.100.9\r\nm=audio 8000 RTP/AVP 0\r\n"),
           "accept established -> 198.51.100.9:5060 > 192.168.1.20:5060");
    CHECK_TEXT(&h, "SIP/2.0 200 OK\r\n"
                   "Via: SIP/2.0/UDP 192.168.1.20:5060;branch=1;received=192.168.1.20;rport=5060\r\n"
                   "Contact: <sip:bob@198.51.100.9>\r\nContent-Type: application/sdp\r\n"
                   "Content-Length: 52\r\n\r\nv=0\r\nc=IN IP4 198.51.100.9\r\nm=audio 8000 RTP/AVP 0\r\n");
    EXPECT(&h, LAN, udp("192.168.1.20:49172 > 198.51.100.9:8000", 160),
           "accept related -> 203.0.113.1:49172 > 198.51.100.9:8000");
    close_house(&h);
}

/* A phone that is known outside by another port says so, and calls come to it. */
TEST(a_phone_by_another_port)
{
    struct house h = open_house(helped_home(), 64, 1);
    EXPECT(&h, LAN, udp("192.168.1.21:5060 > 198.51.100.7:53", 5), "accept rule -> 203.0.113.1:5060 > 198.51.100.7:53");
    char wanted[300], ends[80], back[80];
    struct bytes b =
        datagram_of(PHONE, "REGISTER sip:198.51.100.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.20;branch=1\r\n"
                           "Contact: <sip:alice@192.168.1.20;transport=udp>\r\nContent-Length: 0\r\n\r\n");
    judge(&h, LAN, &b);
    unsigned port = left_from(&h);
    assert_true(port != 5060);
    snprintf(wanted, sizeof wanted,
             "REGISTER sip:198.51.100.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1:%u;branch=1\r\n"
             "Contact: <sip:alice@203.0.113.1:%u;transport=udp>\r\nContent-Length: 0\r\n\r\n",
             port, port);
    CHECK_TEXT(&h, wanted);
    snprintf(ends, sizeof ends, "198.51.100.9:5060 > 203.0.113.1:%u", port);
    snprintf(wanted, sizeof wanted, "INVITE sip:alice@203.0.113.1:%u SIP/2.0\r\nContent-Length: 0\r\n\r\n", port);
    snprintf(back, sizeof back, "accept established -> 198.51.100.9:5060 > 192.168.1.20:5060");
    EXPECT(&h, WAN, datagram_of(ends, wanted), back);
    CHECK_TEXT(&h, "INVITE sip:alice@192.168.1.20:5060 SIP/2.0\r\nContent-Length: 0\r\n\r\n");
    close_house(&h);
}

/* What is no end of this connection stays as it is written. */
TEST(what_sip_does_not_open)
{
    static const struct {
        const char *name, *text;
        uint16_t port;
    } rows[] = {
        {"another's address", CALL("192.168.1.21", "", "82", "m=audio 49172 RTP/AVP 0\r\n"), 49172},
        {"the router's", CALL("192.168.1.1", "", "80", "m=audio 49172 RTP/AVP 0\r\n"), 49172},
        {"the provider's", CALL("198.51.100.9", "", "82", "m=audio 49172 RTP/AVP 0\r\n"), 49172},
        {"a registration", "REGISTER sip:a SIP/2.0\r\nContact: <sip:b@192.168.1.20:8000>\r\n\r\n", 8000},
        {"no body", "INVITE sip:a SIP/2.0\r\n\r\nc=IN IP4 192.168.1.20\r\nm=audio 49172 RTP/AVP 0\r\n", 49172},
        {"what a browser sends", "POST / HTTP/1.1\r\n\r\nREGISTER sip:a SIP/2.0\r\nContact: <sip:192.168.1.20>\r\n\r\n",
         5060},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_house(helped_home(), 64, 1);
        char data[80];
        struct bytes b = datagram_of(PHONE, rows[i].text);
        judge(&h, LAN, &b);
        CHECK_TEXT(&h, rows[i].text);
        snprintf(data, sizeof data, "198.51.100.9:7000 > 203.0.113.1:%u", rows[i].port);
        struct bytes stranger = udp(data, 160);
        judge(&h, WAN, &stranger);
        CHECK_EQUAL(rows[i].name, h.verdict.action, TG_DROP);
        close_house(&h);
    }
    struct house h = open_house(helped_home(), 64, 1); /* privileged ports, in a message that is good otherwise */
    EXPECT(&h, LAN, datagram_of(PHONE, CALL("192.168.1.20", "", "80", "m=audio 100 RTP/AVP 0\r\n")),
           "accept rule -> 203.0.113.1:5060 > 198.51.100.9:5060");
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:7000 > 203.0.113.1:100", 160));
    close_house(&h);
}

/* More calls than one connection may have open: the oldest go. */
TEST(many_calls)
{
    struct house h = open_house(helped_home(), 64, 1);
    for (unsigned i = 0; i < 30; i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nc=IN IP4 192.168.1.20\r\n"
                 "m=audio %u RTP/AVP 0\r\n",
                 20000 + 2 * i);
        struct bytes b = datagram_of(PHONE, text);
        judge(&h, LAN, &b);
        assert_int_equal(h.verdict.action, TG_ACCEPT);
        assert_int_equal(connections_of(&h), 1);
    }
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:7000 > 203.0.113.1:20000", 160));
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:7000 > 203.0.113.1:20042", 160));
    EXPECT(&h, WAN, udp("198.51.100.9:7000 > 203.0.113.1:20044", 160),
           "accept related -> 198.51.100.9:7000 > 192.168.1.20:20044");
    EXPECT(&h, WAN, udp("198.51.100.9:7000 > 203.0.113.1:20059", 160),
           "accept related -> 198.51.100.9:7000 > 192.168.1.20:20059");
    close_house(&h);
}

/* Over UDP a connection is over when nothing has come for a while, and so is what it has announced. */
TEST(a_call_that_was_not_answered)
{
    struct house h = open_house(helped_home(), 64, 1);
    const struct bytes call = datagram_of(PHONE, CALL("192.168.1.20", "", "82", "m=audio 49172 RTP/AVP 0\r\n"));
    EXPECT(&h, LAN, call, "accept rule -> 203.0.113.1:5060 > 198.51.100.9:5060");
    wait_for(&h, 125);
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:7000 > 203.0.113.1:49172", 160));
    close_house(&h);
}

/* A datagram in fragments is not read: what stands in it is not known. */
TEST(fragments_are_not_read)
{
    struct house h = open_house(helped_home(), 64, 1);
    const struct bytes call = datagram_of(PHONE, CALL("192.168.1.20", "", "82", "m=audio 49172 RTP/AVP 0\r\n"));
    uint32_t len = call.len - 20, half = len / 2 & ~7U;
    struct bytes first = fragment_of(call, 0, half, true), rest = fragment_of(call, half, len - half, false);
    judge(&h, LAN, &first);
    assert_int_equal(h.verdict.action, TG_ACCEPT);
    assert_memory_equal(h.bytes.at + 28, call.at + 28, half - 8);
    judge(&h, LAN, &rest);
    assert_int_equal(h.verdict.action, TG_ACCEPT);
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:7000 > 203.0.113.1:49172", 160));
    close_house(&h);
}

/* ---- TFTP ---- */

static struct bytes request(const char *ends, uint8_t code)
{
    struct bytes b = udp(ends, 13);
    memcpy(b.at + b.len - 13, "\0\1file\0octet\0", 13);
    b.at[b.len - 12] = code;
    seal(&b);
    return b;
}

TEST(tftp_from_inside)
{
    struct house h = open_house(helped_home(), 64, 1);
    EXPECT(&h, LAN, request("192.168.1.20:3000 > 198.51.100.9:69", 1),
           "accept rule -> 203.0.113.1:3000 > 198.51.100.9:69");
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.10:4000 > 203.0.113.1:3000", 516));
    EXPECT(&h, WAN, udp("198.51.100.9:4000 > 203.0.113.1:3000", 516),
           "accept related -> 198.51.100.9:4000 > 192.168.1.20:3000");
    EXPECT(&h, LAN, udp("192.168.1.20:3000 > 198.51.100.9:4000", 4),
           "accept established -> 203.0.113.1:3000 > 198.51.100.9:4000");
    EXPECT(&h, WAN, udp("198.51.100.9:4000 > 203.0.113.1:3000", 516),
           "accept established -> 198.51.100.9:4000 > 192.168.1.20:3000");
    EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:4001 > 203.0.113.1:3000", 516)); /* one transfer a request */
    EXPECT(&h, LAN, request("192.168.1.20:3000 > 198.51.100.9:69", 2),
           "accept established -> 203.0.113.1:3000 > 198.51.100.9:69");
    EXPECT(&h, WAN, udp("198.51.100.9:4001 > 203.0.113.1:3000", 516),
           "accept related -> 198.51.100.9:4001 > 192.168.1.20:3000");
    close_house(&h);
}

TEST(tftp_to_inside)
{
    struct tg_policy *policy = new_policy(true);
    add_helper(policy, HELPER_TFTP, 69);
    add_forward(policy, TG_PROTO_UDP, 69, 1, "192.168.1.50", 69, 1);
    struct house h = open_house(policy, 64, 1);
    EXPECT(&h, WAN, request("198.51.100.9:3000 > 203.0.113.1:69", 1),
           "accept forward -> 198.51.100.9:3000 > 192.168.1.50:69");
    EXPECT(&h, LAN, udp("192.168.1.50:4000 > 198.51.100.9:3000", 516),
           "accept related -> 203.0.113.1:4000 > 198.51.100.9:3000");
    EXPECT(&h, WAN, udp("198.51.100.9:3000 > 203.0.113.1:4000", 4),
           "accept established -> 198.51.100.9:3000 > 192.168.1.50:4000");
    EXPECT_CLOSED(&h, LAN, udp("192.168.1.50:4001 > 198.51.100.9:3001", 516));
    close_house(&h);
}

TEST(what_tftp_does_not_open)
{
    static const struct {
        const char *ends, *data;
        uint8_t code, zone;
    } rows[] = {
        {"192.168.1.20:1023 > 198.51.100.9:69", "198.51.100.9:4000 > 203.0.113.1:1023", 1, LAN}, /* privileged */
        {"192.168.1.20:5060 > 198.51.100.9:69", "198.51.100.9:4000 > 203.0.113.1:5060", 1, LAN}, /* a helper's */
        {"192.168.1.20:3000 > 198.51.100.9:69", "198.51.100.9:4000 > 203.0.113.1:3000", 3, LAN}, /* no request */
        {"192.168.1.20:3000 > 198.51.100.9:70", "198.51.100.9:4000 > 203.0.113.1:3000", 1, LAN},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_house(helped_home(), 64, 1);
        struct bytes b = request(rows[i].ends, rows[i].code);
        judge(&h, rows[i].zone, &b);
        CHECK(rows[i].ends, h.verdict.action == TG_ACCEPT);
        EXPECT_CLOSED(&h, WAN, udp(rows[i].data, 516));
        close_house(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_camera_outside),
        cmocka_unit_test(a_camera_inside),
        cmocka_unit_test(a_pair_of_other_ports),
        cmocka_unit_test(interleaved),
        cmocka_unit_test(half_a_pair),
        cmocka_unit_test(what_rtsp_does_not_open),
        cmocka_unit_test(a_browser_that_speaks_to_port_554),
        cmocka_unit_test(gigabytes_behind_an_announcement),
        cmocka_unit_test(a_call_from_inside),
        cmocka_unit_test(a_phone_by_another_port),
        cmocka_unit_test(what_sip_does_not_open),
        cmocka_unit_test(many_calls),
        cmocka_unit_test(a_call_that_was_not_answered),
        cmocka_unit_test(fragments_are_not_read),
        cmocka_unit_test(tftp_from_inside),
        cmocka_unit_test(tftp_to_inside),
        cmocka_unit_test(what_tftp_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
