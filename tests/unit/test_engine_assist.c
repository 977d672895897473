/* Helpers in the engine, by FTP: what is announced comes in, on whichever side of the gate it was, and nothing else
 * does (src/engine/assist.c, announce.c). Sequence numbers are in test_engine_stream.c, the other protocols in
 * test_engine_media.c. */
#include "talk.h"

#include "connection/expectation.h"

/* ---- what works ---- */

/* All that can be announced, on all sides of the gate. `data` is what then begins, `wanted` what becomes of it. */
TEST(what_is_announced_comes)
{
    static const struct {
        const char *name;
        uint8_t client_zone;
        const char *client;
        uint8_t server_zone;
        const char *server;
        enum speaking who;
        const char *says, *told;
        uint8_t data_zone;
        const char *data, *wanted;
    } rows[] = {
#define OUT  LAN, "192.168.1.20:5000 > 198.51.100.9:21", WAN, "198.51.100.9:21 > 203.0.113.1:5000"
#define IN   WAN, "198.51.100.9:5000 > 203.0.113.1:21", LAN, "192.168.1.50:21 > 198.51.100.9:5000"
#define BACK LAN, "192.168.1.20:5000 > 203.0.113.1:21", LAN, "192.168.1.50:21 > 192.168.1.1:5000"
#define ELSE GUEST, "192.168.2.7:5000 > 203.0.113.1:21", LAN, "192.168.1.50:21 > 192.168.2.7:5000"
#define OWN  ROUTER, "203.0.113.1:5000 > 198.51.100.9:21", WAN, "198.51.100.9:21 > 203.0.113.1:5000"
#define SIX  LAN, "[fd00:1::20]:5000 > [2001:db8:9::9]:21", WAN, "[2001:db8:9::9]:21 > [fd00:1::20]:5000"
        {"out, PORT", OUT, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n", WAN,
         "198.51.100.9:20 > 203.0.113.1:8000", "accept related -> 198.51.100.9:20 > 192.168.1.20:8000"},
        {"out, EPRT", OUT, CLIENT, "EPRT |1|192.168.1.20|8000|\r\n", "EPRT |1|203.0.113.1|8000|\r\n", WAN,
         "198.51.100.9:20 > 203.0.113.1:8000", "accept related -> 198.51.100.9:20 > 192.168.1.20:8000"},
        {"out, PORT with the outside address", OUT, CLIENT, "PORT 203,0,113,1,31,64\r\n", NULL, WAN,
         "198.51.100.9:20 > 203.0.113.1:8000", "accept related -> 198.51.100.9:20 > 192.168.1.20:8000"},
        {"out, 227", OUT, SERVER, "227 Entering Passive Mode (198,51,100,9,31,64)\r\n", NULL, LAN,
         "192.168.1.20:5001 > 198.51.100.9:8000", "accept related -> 203.0.113.1:5001 > 198.51.100.9:8000"},
        {"out, 229", OUT, SERVER, "229 Extended (|||8000|)\r\n", NULL, LAN, "192.168.1.20:5001 > 198.51.100.9:8000",
         "accept related -> 203.0.113.1:5001 > 198.51.100.9:8000"},
        {"in, PORT", IN, CLIENT, "PORT 198,51,100,9,31,64\r\n", NULL, LAN, "192.168.1.50:2020 > 198.51.100.9:8000",
         "accept related -> 203.0.113.1:2020 > 198.51.100.9:8000"},
        {"in, 227", IN, SERVER, "227 Passive (192,168,1,50,31,64).\r\n", "227 Passive (203,0,113,1,31,64).\r\n", WAN,
         "198.51.100.9:5001 > 203.0.113.1:8000", "accept related -> 198.51.100.9:5001 > 192.168.1.50:8000"},
        {"in, 229", IN, SERVER, "229 Extended (|||8000|)\r\n", NULL, WAN, "198.51.100.9:5001 > 203.0.113.1:8000",
         "accept related -> 198.51.100.9:5001 > 192.168.1.50:8000"},
        {"in, 227 with the outside address", IN, SERVER, "227 (203,0,113,1,31,64)\r\n", NULL, WAN,
         "198.51.100.9:5001 > 203.0.113.1:8000", "accept related -> 198.51.100.9:5001 > 192.168.1.50:8000"},
        /* through the router and back into one network: either side takes the other for the router */
        {"hairpin, PORT", BACK, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 192,168,1,1,31,64\r\n", LAN,
         "192.168.1.50:2020 > 192.168.1.1:8000", "accept related -> 203.0.113.1:2020 > 192.168.1.20:8000"},
        {"hairpin, 227", BACK, SERVER, "227 (192,168,1,50,31,64)\r\n", "227 (203,0,113,1,31,64)\r\n", LAN,
         "192.168.1.20:5001 > 203.0.113.1:8000", "accept related -> 192.168.1.1:5001 > 192.168.1.50:8000"},
        {"hairpin, 229", BACK, SERVER, "229 (|||8000|)\r\n", NULL, LAN, "192.168.1.20:5001 > 203.0.113.1:8000",
         "accept related -> 192.168.1.1:5001 > 192.168.1.50:8000"},
        {"from another network, EPRT", ELSE, CLIENT, "EPRT |1|192.168.2.7|8000|\r\n", NULL, LAN,
         "192.168.1.50:2020 > 192.168.2.7:8000", "accept related -> 203.0.113.1:2020 > 192.168.2.7:8000"},
        {"from another network, 227", ELSE, SERVER, "227 (192,168,1,50,31,64)\r\n", "227 (203,0,113,1,31,64)\r\n",
         GUEST, "192.168.2.7:5001 > 203.0.113.1:8000", "accept related -> 192.168.2.7:5001 > 192.168.1.50:8000"},
        {"the router's own, PORT", OWN, CLIENT, "PORT 203,0,113,1,31,64\r\n", NULL, WAN,
         "198.51.100.9:20 > 203.0.113.1:8000", "accept related"},
        {"IPv6, EPRT", SIX, CLIENT, "EPRT |2|fd00:1::20|8000|\r\n", NULL, WAN, "[2001:db8:9::9]:20 > [fd00:1::20]:8000",
         "accept related"},
        {"IPv6, 229", SIX, SERVER, "229 (|||8000|)\r\n", NULL, LAN, "[fd00:1::20]:5001 > [2001:db8:9::9]:8000",
         "accept related"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *policy = helped_home();
        add_forward(policy, TG_PROTO_TCP, 21, 1, "192.168.1.50", 21, 1);
        struct house h = open_house(policy, 64, 1);
        struct talk t = begin_ftp(&h, rows[i].client_zone, rows[i].client, rows[i].server_zone, rows[i].server);
        print_message("%s\n", rows[i].name);
        SAY(&t, rows[i].who, rows[i].says, rows[i].told);
        ANSWER(&t, (enum speaking) !rows[i].who);
        EXPECT(&h, rows[i].data_zone, syn(rows[i].data), rows[i].wanted);
        SAY(&t, CLIENT, "NOOP\r\n", NULL);
        SAY(&t, SERVER, "200 fine\r\n", NULL);
        close_house(&h);
    }
}

/* And the answers to it find back. */
TEST(data_flows_both_ways)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
    EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"), "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
    EXPECT(&h, LAN, tcp("192.168.1.20:8000 > 198.51.100.9:20", SYN | ACK, 900, 2, 0),
           "accept established -> 203.0.113.1:8000 > 198.51.100.9:20");
    EXPECT(&h, WAN, tcp("198.51.100.9:20 > 203.0.113.1:8000", ACK, 2, 901, 100),
           "accept established -> 198.51.100.9:20 > 192.168.1.20:8000");
    assert_int_equal(h.verdict.statement, 0); /* by what let the control connection begin */
    close_house(&h);
}

/* The outside port that an announcement names is not one that another inside has. */
TEST(another_port_outside_where_it_is_taken)
{
    struct house h = open_house(helped_home(), 64, 1);
    EXPECT(&h, LAN, syn("192.168.1.21:8000 > 198.51.100.7:80"), "accept rule -> 203.0.113.1:8000 > 198.51.100.7:80");
    struct talk t = ftp_out(&h);
    struct bytes b = segment(&t, CLIENT, ACK | PSH, t.side[CLIENT].next, "PORT 192,168,1,20,31,64\r\n");
    judge(&h, LAN, &b);
    uint32_t len;
    unsigned high, low;
    const char *text = text_of(&h, &len);
    char told[64] = "", data[80];
    memcpy(told, text, len);
    assert_int_equal(sscanf(told, "PORT 203,0,113,1,%u,%u\r\n", &high, &low), 2);
    unsigned port = high * 256 + low;
    assert_true(port != 8000 && port >= 1024 && port % 2 == 0); /* RFC 4787 REQ-3a, REQ-4 */
    snprintf(data, sizeof data, "198.51.100.9:20 > 203.0.113.1:%u", port);
    EXPECT(&h, WAN, syn(data), "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
    close_house(&h);
}

/* Several in one segment, one that is not to be believed among them. */
TEST(several_announcements_in_one_segment)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    SAY(&t, CLIENT,
        "PORT 192,168,1,20,31,64\r\nNOOP\r\nPORT 192,168,1,21,31,65\r\nEPRT |1|192.168.1.20|8002|\r\nPWD\r\n",
        "PORT 203,0,113,1,31,64\r\nNOOP\r\nPORT 192,168,1,21,31,65\r\nEPRT |1|203.0.113.1|8002|\r\nPWD\r\n");
    ANSWER(&t, SERVER);
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,67\r\n", "PORT 203,0,113,1,31,67\r\n");
    EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"), "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
    EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8002"), "accept related -> 198.51.100.9:20 > 192.168.1.20:8002");
    EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8003"), "accept related -> 198.51.100.9:20 > 192.168.1.20:8003");
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8001"));
    close_house(&h);
}

/* Where the forward is on another port, the helper is asked for by the inside one. */
TEST(a_forward_from_another_port)
{
    struct tg_policy *policy = helped_home();
    add_forward(policy, TG_PROTO_TCP, 2121, 1, "192.168.1.50", 21, 1);
    struct house h = open_house(policy, 64, 1);
    struct talk t =
        begin_ftp(&h, WAN, "198.51.100.9:5000 > 203.0.113.1:2121", LAN, "192.168.1.50:21 > 198.51.100.9:5000");
    SAY(&t, SERVER, "227 (192,168,1,50,31,64)\r\n", "227 (203,0,113,1,31,64)\r\n");
    close_house(&h);
}

/* ---- what is not believed ---- */

/* Each goes on as it came, and opens nothing: neither to the other side nor to anybody else. */
/* Passive ports that are all forwarded: the server is told by its outside address and port, and nothing is opened that
 * is not open already. */
TEST(passive_ports_that_are_forwarded)
{
    struct tg_policy *policy = helped_home();
    add_forward(policy, TG_PROTO_TCP, 21, 1, "192.168.1.50", 21, 1);
    add_forward(policy, TG_PROTO_TCP, 9000, 10, "192.168.1.50", 8000, 10);
    add_forward(policy, TG_PROTO_TCP, 700, 1, "192.168.1.50", 700, 1);
    struct house h = open_house(policy, 64, 1);
    struct talk t = ftp_in(&h);
    SAY(&t, SERVER, "227 (192,168,1,50,31,67)\r\n", "227 (203,0,113,1,35,43)\r\n"); /* 8003 is 9003 outside */
    SAY(&t, SERVER, "229 (|||8009|)\r\n", "229 (|||9009|)\r\n");
    SAY(&t, SERVER, "227 (192,168,1,51,31,67)\r\n", "227 (192,168,1,51,31,67)\r\n");
    SAY(&t, SERVER, "227 (192,168,1,50,2,188)\r\n", "227 (192,168,1,50,2,188)\r\n");
    EXPECT(&h, WAN, syn("198.51.100.9:5001 > 203.0.113.1:9003"),
           "accept forward -> 198.51.100.9:5001 > 192.168.1.50:8003");
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:5002 > 203.0.113.1:8003"));
    close_house(&h);
}

TEST(what_opens_nothing)
{
    static const struct {
        const char *name;
        enum speaking who;
        const char *says;
        uint16_t port;
        uint8_t zone;
        const char *from;
    } rows[] = {
        /* FTP bounce, RFC 2577: another's address */
        {"another inside", CLIENT, "PORT 192,168,1,21,31,64\r\n", 8000, WAN, "198.51.100.9"},
        {"the router", CLIENT, "PORT 192,168,1,1,31,64\r\n", 8000, WAN, "198.51.100.9"},
        {"somebody outside", CLIENT, "PORT 198,51,100,77,31,64\r\n", 8000, WAN, "198.51.100.9"},
        {"the server itself", CLIENT, "PORT 198,51,100,9,31,64\r\n", 8000, WAN, "198.51.100.9"},
        {"nobody", CLIENT, "PORT 0,0,0,0,31,64\r\n", 8000, WAN, "198.51.100.9"},
        {"another family", CLIENT, "EPRT |2|fd00:1::20|8000|\r\n", 8000, WAN, "198.51.100.9"},
        {"a server's bounce", SERVER, "227 (192,168,1,50,31,64)\r\n", 8000, WAN, "198.51.100.9"},
        /* privileged ports */
        {"port 22", CLIENT, "PORT 192,168,1,20,0,22\r\n", 22, WAN, "198.51.100.9"},
        {"port 1023", CLIENT, "EPRT |1|192.168.1.20|1023|\r\n", 1023, WAN, "198.51.100.9"},
        {"port 0", CLIENT, "PORT 192,168,1,20,0,0\r\n", 0, WAN, "198.51.100.9"},
        /* ports that are spoken for */
        {"where a helper reads", CLIENT, "PORT 192,168,1,20,8,73\r\n", 2121, WAN, "198.51.100.9"},
        {"where a forward leads", CLIENT, "PORT 192,168,1,20,31,144\r\n", 8080, WAN, "198.51.100.77"},
        /* not what the RFC has */
        {"half a line", CLIENT, "PORT 192,168,1,20,31,64", 8000, WAN, "198.51.100.9"},
        {"no end of line", CLIENT, "PORT 192,168,1,20,31,64\n", 8000, WAN, "198.51.100.9"},
        {"a reply of the client's", CLIENT, "227 (192,168,1,20,31,64)\r\n", 8000, WAN, "198.51.100.9"},
        {"a command of the server's", SERVER, "PORT 192,168,1,20,31,64\r\n", 8000, WAN, "198.51.100.9"},
        /* for whom it was not announced */
        {"somebody else outside", CLIENT, "PORT 192,168,1,20,31,64\r\n", 8000, WAN, "198.51.100.10"},
        {"somebody else inside", CLIENT, "PORT 192,168,1,20,31,64\r\n", 8000, GUEST, "192.168.2.9"},
        {"another port", CLIENT, "PORT 192,168,1,20,31,64\r\n", 8001, WAN, "198.51.100.9"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *policy = helped_home();
        char data[80];
        add_helper(policy, HELPER_FTP, 2121);
        add_forward(policy, TG_PROTO_TCP, 8081, 1, "192.168.1.20", 8080, 1);
        struct house h = open_house(policy, 64, 1);
        struct talk t = ftp_out(&h);
        struct bytes b = segment(&t, rows[i].who, ACK | PSH, t.side[rows[i].who].next, rows[i].says);
        uint8_t zone = t.side[rows[i].who].zone;
        judge(&h, zone, &b);
        CHECK(rows[i].name, h.verdict.action == TG_ACCEPT);
        if (i < COUNT(rows) - 3) /* but for the last it goes on as it came */
            CHECK_TEXT(&h, rows[i].says);
        snprintf(data, sizeof data, "%s:20 > 203.0.113.1:%u", rows[i].from, rows[i].port);
        struct bytes begins = syn(data);
        judge(&h, rows[i].zone, &begins);
        if (h.verdict.action != TG_DROP)
            fail_msg("%s: %s", rows[i].name, h.text);
        close_house(&h);
    }
}

/* One announcement is for one connection, from anywhere on the other side; announced again, for another. */
TEST(one_announcement_is_for_one_connection)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    for (int i = 0; i < 2; i++) {
        SAY(&t, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
        EXPECT(&h, WAN, syn(i ? "198.51.100.9:22 > 203.0.113.1:8000" : "198.51.100.9:20 > 203.0.113.1:8000"),
               i ? "accept related -> 198.51.100.9:22 > 192.168.1.20:8000"
                 : "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
        EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:21 > 203.0.113.1:8000"));
    }
    close_house(&h);
}

/* What is expected begins as connections do: not by a scan, nor unseen. */
TEST(what_is_expected_begins_with_a_syn)
{
    for (int pickup = 0; pickup < 2; pickup++) { /* nor may it be taken up in its middle: no rule fits */
        struct tg_policy *policy = helped_home();
        if (pickup)
            policy_set_pickup(policy);
        struct house h = open_house(policy, 64, 1);
        struct talk t = ftp_out(&h);
        SAY(&t, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
        EXPECT(&h, WAN, tcp("198.51.100.9:20 > 203.0.113.1:8000", ACK, 1, 1, 5),
               pickup ? "drop default" : "drop invalid");
        EXPECT(&h, WAN, tcp("198.51.100.9:20 > 203.0.113.1:8000", SYN | ACK, 1, 1, 0), "drop invalid");
        EXPECT(&h, WAN, tcp("198.51.100.9:20 > 203.0.113.1:8000", RST, 1, 1, 0), "drop invalid");
        EXPECT_CLOSED(&h, WAN, udp("198.51.100.9:20 > 203.0.113.1:8000", 5));
        EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"),
               "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
        close_house(&h);
    }
}

/* ---- NAT slipstreaming: a web page that makes a browser speak lines of FTP ---- */

TEST(a_browser_is_not_read)
{
    static const struct {
        const char *name;
        const char *segments[4];
    } rows[] = {
        {"a form", {"POST / HTTP/1.1\r\nHost: evil.example\r\n\r\nPORT 192,168,1,20,31,64\r\n"}},
        {"a form, split so that a segment begins with the line",
         {"POST / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "PORT 192,168,1,20,31,64\r\n"}},
        {"a form, its first byte alone", {"P", "OST / HTTP/1.1\r\n\r\n", "PORT 192,168,1,20,31,64\r\n"}},
        {"a form, its first line in two", {"POST / HT", "TP/1.1\r\n", "PORT 192,168,1,20,31,64\r\n"}},
        {"a method of the page's own choice",
         {"USER / HTTP/1.1\r\nHost: evil.example\r\n\r\nPORT 192,168,1,20,31,64\r\n"}},
        {"TLS", {"\x16\x03\x01\x01", "PORT 192,168,1,20,31,64\r\n"}},
        {"TURN", {"\x01\x03PORT 192,168,1,20,31,64\r\n", "\r\nPORT 192,168,1,20,31,64\r\n"}},
        {"a command that begins well, then HTTP", {"USER x\r\nHost: evil.example\r\n", "PORT 192,168,1,20,31,64\r\n"}},
        {"the first bytes were not seen to be FTP", {"US", "ER x\r\n", "PORT 192,168,1,20,31,64\r\n"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_policy *policy = new_policy(true);
        add_rule(policy, TG_ACCEPT, LAN, WAN, TG_PROTO_TCP, 21);
        add_helper(policy, HELPER_FTP, 21);
        struct house h = open_house(policy, 64, 1);
        struct talk t =
            begin_talk(&h, LAN, "192.168.1.20:5000 > 198.51.100.9:21", WAN, "198.51.100.9:21 > 203.0.113.1:5000");
        print_message("%s\n", rows[i].name);
        SAY(&t, SERVER, "220 ready\r\n", NULL); /* the page's own server says what is wanted */
        for (int s = 0; s < 4 && rows[i].segments[s] != NULL; s++)
            SAY(&t, CLIENT, rows[i].segments[s], NULL);
        EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"));
        SAY(&t, CLIENT, "USER x\r\nPORT 192,168,1,20,31,64\r\n", NULL); /* it is too late to speak FTP */
        EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"));
        SAY(&t, SERVER, "227 (198,51,100,9,31,64)\r\n", NULL); /* nor can the page's server open the way out */
        EXPECT_CLOSED(&h, LAN, syn("192.168.1.20:5001 > 198.51.100.9:8000"));
        close_house(&h);
    }
}

/* A server's answer that repeats what it was asked, cut by a small segment size so that a line seems to begin
 * (CERT VU#328867). */
TEST(an_answer_cut_at_a_segment)
{
    struct tg_policy *policy = helped_home();
    add_forward(policy, TG_PROTO_TCP, 21, 1, "192.168.1.50", 21, 1);
    struct house h = open_house(policy, 64, 1);
    struct talk t = ftp_in(&h);
    SAY(&t, SERVER, "500 Invalid command given: xxxx", NULL);
    SAY(&t, SERVER, "227 (192,168,1,50,12,234)\r\n", NULL);
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:5001 > 203.0.113.1:3306"));
    /* nor if the second part is sent again, with or without the first */
    t.side[SERVER].next -= 27;
    t.side[CLIENT].heard -= 27;
    SAY(&t, SERVER, "227 (192,168,1,50,12,234)\r\n", NULL);
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:5001 > 203.0.113.1:3306"));
    SAY(&t, SERVER, "227 (192,168,1,50,31,64)\r\n", "227 (203,0,113,1,31,64)\r\n"); /* a line that is one */
    close_house(&h);
}

/* A forger who guesses a number that fits no window is not heard; nor one who puts text into a SYN. */
TEST(text_that_does_not_count)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    static const char line[] = "PORT 192,168,1,20,31,64\r\n";
    struct bytes far = segment(&t, CLIENT, ACK | PSH, t.side[CLIENT].next + 200000, line);
    EXPECT(&h, LAN, far, "drop invalid");
    struct bytes with_syn = segment(&t, CLIENT, SYN, t.side[CLIENT].next, line);
    judge(&h, LAN, &with_syn);
    CHECK_TEXT(&h, line);
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"));
    close_house(&h);
}

/* ---- how long it lasts ---- */

TEST(nothing_comes_after_the_control_connection)
{
    for (int how = 0; how < 4; how++) {
        struct house h = open_house(helped_home(), 64, 1);
        struct talk t = ftp_out(&h);
        SAY(&t, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
        ANSWER(&t, SERVER);
        if (how == 0) {
            EXPECT(&h, LAN, segment(&t, CLIENT, RST, t.side[CLIENT].next, ""),
                   "accept established -> 203.0.113.1:5000 > 198.51.100.9:21");
        } else if (how == 1) {
            EXPECT(&h, WAN, segment(&t, SERVER, RST | ACK, t.side[SERVER].next, ""),
                   "accept established -> 198.51.100.9:21 > 192.168.1.20:5000");
        } else if (how == 2) {
            struct bytes fin = segment(&t, CLIENT, FIN | ACK, t.side[CLIENT].next++, "");
            judge(&h, LAN, &fin);
            t.side[SERVER].heard++;
            struct bytes other = segment(&t, SERVER, FIN | ACK, t.side[SERVER].next++, "");
            judge(&h, WAN, &other);
        } else {
            wait_for(&h, EXPECTATION_SECONDS + 1);
        }
        EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"));
        close_house(&h);
    }
}

/* But what has begun goes on. */
TEST(data_outlives_its_control_connection)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
    EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"), "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
    EXPECT(&h, LAN, tcp("192.168.1.20:8000 > 198.51.100.9:20", SYN | ACK, 900, 2, 0),
           "accept established -> 203.0.113.1:8000 > 198.51.100.9:20");
    EXPECT(&h, WAN, tcp("198.51.100.9:20 > 203.0.113.1:8000", ACK, 2, 901, 0),
           "accept established -> 198.51.100.9:20 > 192.168.1.20:8000");
    EXPECT(&h, LAN, segment(&t, CLIENT, RST, t.side[CLIENT].next, ""),
           "accept established -> 203.0.113.1:5000 > 198.51.100.9:21");
    for (int i = 0; i < 10; i++) { /* and is judged by what let the control connection begin, when that is gone */
        wait_for(&h, 600);
        if (i == 5)
            reload(&h, helped_home());
        EXPECT(&h, WAN, tcp("198.51.100.9:20 > 203.0.113.1:8000", ACK, 2, 901, 0),
               "accept established -> 198.51.100.9:20 > 192.168.1.20:8000");
    }
    assert_int_equal(connections_of(&h), 1);
    reload(&h, new_policy(true));
    EXPECT(&h, WAN, tcp("198.51.100.9:20 > 203.0.113.1:8000", ACK, 2, 901, 0), "drop default");
    assert_int_equal(connections_of(&h), 0);
    close_house(&h);
}

/* ---- loads ---- */

TEST(a_load_without_the_helper)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,65\r\n", "PORT 203,0,113,1,31,65\r\n");
    EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"), "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
    SAY(&t, SERVER, "227 (198,51,100,9,31,66)\r\n", NULL);
    EXPECT(&h, LAN, syn("192.168.1.20:5001 > 198.51.100.9:8002"),
           "accept related -> 203.0.113.1:5001 > 198.51.100.9:8002");
    reload(&h, home_policy());
    EXPECT(&h, LAN, syn("192.168.1.20:5001 > 198.51.100.9:8002"), /* what a rule allows by itself goes on */
           "accept established -> 203.0.113.1:5001 > 198.51.100.9:8002");
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8001"));
    EXPECT(&h, LAN, tcp("192.168.1.20:8000 > 198.51.100.9:20", SYN | ACK, 900, 2, 0), "drop default");
    SAY(&t, SERVER, "200 fine\r\n", NULL); /* the control connection goes on, and nothing of it is read */
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,66\r\n", NULL);
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8002"));
    reload(&h, helped_home()); /* nor again: some of it has been missed */
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,67\r\n", NULL);
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8003"));
    close_house(&h);
}

TEST(a_load_with_the_same_helper_changes_nothing)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
    reload(&h, helped_home());
    EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"), "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,65\r\n", "PORT 203,0,113,1,31,65\r\n");
    close_house(&h);
}

/* What the new rules forbid the control connection, they forbid what it has announced. */
TEST(a_load_that_forbids_the_control_connection)
{
    struct house h = open_house(helped_home(), 64, 1);
    struct talk t = ftp_out(&h);
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
    struct tg_policy *policy = new_policy(true);
    add_helper(policy, HELPER_FTP, 21);
    add_rule(policy, TG_ACCEPT, LAN, WAN, TG_PROTO_TCP, 80);
    reload(&h, policy);
    EXPECT_CLOSED(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"));
    close_house(&h);
}

/* ---- no room ---- */

TEST(a_table_that_is_full)
{
    enum { ROOM_FOR = 64 };
    struct house h = open_house(helped_home(), ROOM_FOR, 1);
    struct talk t = ftp_out(&h);
    SAY(&t, CLIENT, "PORT 192,168,1,20,31,64\r\n", "PORT 203,0,113,1,31,64\r\n");
    for (uint16_t i = 0; connections_of(&h) < ROOM_FOR && i < 1000; i++) {
        char ends[80];
        snprintf(ends, sizeof ends, "192.168.1.%u:%u > 198.51.100.7:53", 30 + i % 100, 3000 + i);
        struct bytes b = udp(ends, 5);
        judge(&h, LAN, &b);
    }
    if (connections_of(&h) == ROOM_FOR) {
        EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"), "drop limit");
        wait_for(&h, 130); /* what was not answered is over */
    }
    EXPECT(&h, WAN, syn("198.51.100.9:20 > 203.0.113.1:8000"), "accept related -> 198.51.100.9:20 > 192.168.1.20:8000");
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_announced_comes),
        cmocka_unit_test(data_flows_both_ways),
        cmocka_unit_test(another_port_outside_where_it_is_taken),
        cmocka_unit_test(several_announcements_in_one_segment),
        cmocka_unit_test(a_forward_from_another_port),
        cmocka_unit_test(passive_ports_that_are_forwarded),
        cmocka_unit_test(what_opens_nothing),
        cmocka_unit_test(one_announcement_is_for_one_connection),
        cmocka_unit_test(what_is_expected_begins_with_a_syn),
        cmocka_unit_test(a_browser_is_not_read),
        cmocka_unit_test(an_answer_cut_at_a_segment),
        cmocka_unit_test(text_that_does_not_count),
        cmocka_unit_test(nothing_comes_after_the_control_connection),
        cmocka_unit_test(data_outlives_its_control_connection),
        cmocka_unit_test(a_load_without_the_helper),
        cmocka_unit_test(a_load_with_the_same_helper_changes_nothing),
        cmocka_unit_test(a_load_that_forbids_the_control_connection),
        cmocka_unit_test(a_table_that_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
