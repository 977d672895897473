/* The SIP helper: src/helper/sip.c (RFC 3261, 3581, 3605, 4566). */
#include "unit.h"

#include "messages.h"

#define INVITE  "INVITE sip:bob@192.0.2.4 SIP/2.0\r\n"
#define SDP     "Content-Type: application/sdp\r\n"
#define SESSION "v=0\r\no=alice 1 1 IN IP4 192.168.1.20\r\ns=-\r\nc=IN IP4 192.168.1.20\r\nt=0 0\r\n"
#define OF_ALL  "mentions 192.168.1.20 port 0, mentions 192.168.1.20 port 0"

static const char *says(const char *message)
{
    static char text[2000];
    struct helper_message m;
    const struct speaker from = {HELPER_SIP, false, 5060};
    const char *fault = message_fault(&from, (const uint8_t *)message, (uint32_t)strlen(message), &m);
    if (fault != NULL)
        fail_msg("%s: %s", message, fault);
    return message_text(&m, text, sizeof text);
}

struct row {
    const char *message, *wanted;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(says(rows[i].message), rows[i].wanted) != 0)
            fail_msg("%s says '%s', not '%s'", rows[i].message, says(rows[i].message), rows[i].wanted);
}

TEST(what_a_header_mentions)
{
    static const struct row rows[] = {
        {INVITE "\r\n", "mentions 192.0.2.4 port 5060"},
        {"INVITE sip:bob@192.0.2.4:5070 SIP/2.0\r\n\r\n", "mentions 192.0.2.4 port 5070"},
        {"OPTIONS sip:192.0.2.4;transport=udp SIP/2.0\r\n\r\n", "mentions 192.0.2.4 port 5060"},
        {"INVITE sip:bob@example.org SIP/2.0\r\n\r\n", ""},
        {"INVITE sip:bob@192.0.2.4:x SIP/2.0\r\n\r\n", ""},
        {"INVITE sip:bob@192.0.2.4:0 SIP/2.0\r\n\r\n", ""},
        {"INVITE sip:bob@192.0.2.4.example SIP/2.0\r\n\r\n", ""},
        {"INVITE sip:bob@[2001:db8::4] SIP/2.0\r\n\r\n", ""},
        {"SIP/2.0 200 OK\r\nContact: <sip:alice@192.168.1.20:5062>\r\n\r\n", "mentions 192.168.1.20 port 5062"},
        {"REGISTER sip:example.org SIP/2.0\r\nContact: \"Alice\" <sip:alice:pw@192.168.1.20>;expires=60\r\n\r\n",
         "mentions 192.168.1.20 port 5060"},
        {"REGISTER sip:example.org SIP/2.0\r\nm: sip:a@192.168.1.20:5060, <sip:b@192.168.1.21>\r\n\r\n",
         "mentions 192.168.1.20 port 5060, mentions 192.168.1.21 port 5060"},
        {"BYE sip:example.org SIP/2.0\r\nRoute: <sip:192.168.1.1;lr>\r\nRecord-Route: "
         "<sip:192.168.1.2:5063;lr>\r\n\r\n",
         "mentions 192.168.1.1 port 5060, mentions 192.168.1.2 port 5063"},
        {"BYE sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK74bf9;rport\r\n\r\n",
         "mentions 192.168.1.20 port 5060"},
        {"BYE sip:example.org SIP/2.0\r\nv: SIP/2.0/UDP 192.168.1.20, SIP/2.0/UDP 192.0.2.4:5062;branch=1\r\n\r\n",
         "mentions 192.168.1.20 port 5060, mentions 192.0.2.4 port 5062"},
        {"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.1.20 ;received=203.0.113.1;rport=1024;branch=1\r\n\r\n",
         "mentions 192.168.1.20 port 5060, mentions 203.0.113.1 port 1024"},
        {"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a.example;rport=1024;received=203.0.113.1\r\n\r\n",
         "mentions 203.0.113.1 port 1024"},
        {"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a.example;received=203.0.113.1\r\n\r\n", ""},
        {"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.1.20 : 5060\r\n\r\n", ""}, /* not the way it can be written anew */
        {"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 192.168.1.20:5060\r\n\r\n", ""},
        {"SIP/2.0 200 OK\r\nFrom: <sip:alice@192.168.1.20>\r\nCall-ID: 1@192.168.1.20\r\n\r\n", ""},
        /* no message */
        {"SIP/2.0 OK\r\nContact: <sip:alice@192.168.1.20>\r\n\r\n", ""},
        {"SIP/1.0 200 OK\r\nContact: <sip:alice@192.168.1.20>\r\n\r\n", ""},
        {"POST / HTTP/1.1\r\nContact: <sip:alice@192.168.1.20>\r\n\r\n", ""},
        {"\r\nREGISTER sip:example.org SIP/2.0\r\nContact: <sip:alice@192.168.1.20>\r\n\r\n", ""},
        {"register sip:example.org SIP/2.0\r\nContact: <sip:alice@192.168.1.20>\r\n\r\n", ""},
        {"REGISTER sip:example.org SIP/2.0\nContact: <sip:alice@192.168.1.20>\r\n\r\n", ""},
        {"REGISTER sip:example.org SIP/2.0\r\nContact: <sip:alice@192.168.1.20>\r\n", ""},
        {"REGISTER sip:example.org SIP/2.0\r\nContact <sip:alice@192.168.1.20>\r\n\r\n", ""},
        {"REGISTER sip:example.org SIP/2.0\r\nContact: <sip:alice@192.168.1.20>\r\nContent-Length: 1\r\n\r\n", ""},
        {"REGISTER sip:example.org SIP/2.0\r\nl: 0\r\nl: 0\r\nContact: <sip:alice@192.168.1.20>\r\n\r\n", ""},
        {"REGISTER sip:example.org SIP/2.0\r\nContent-Length: -1\r\nContact: <sip:alice@192.168.1.20>\r\n\r\n", ""},
    };
    check(rows, COUNT(rows));
}

#define CALL "INVITE sip:bob@example.org SIP/2.0\r\n" SDP "\r\n"

TEST(what_a_session_announces)
{
    static const struct row rows[] = {
        {CALL SESSION "m=audio 49172 RTP/AVP 0\r\n", OF_ALL ", listens udp 192.168.1.20 port 49172+1"},
        {CALL SESSION "m=audio 49173 RTP/AVP 0\r\n", OF_ALL ", listens udp 192.168.1.20 port 49173"},
        {CALL SESSION "m=audio 49172 RTP/AVP 0\r\nm=video 49174 RTP/SAVPF 99\r\n",
         OF_ALL ", listens udp 192.168.1.20 port 49172+1, listens udp 192.168.1.20 port 49174+1"},
        {CALL SESSION "m=audio 49172 RTP/AVP 0\r\na=rtcp:49180\r\n",
         OF_ALL ", listens udp 192.168.1.20 port 49172, listens udp 192.168.1.20 port 49180"},
        {CALL SESSION "m=image 49172 udptl t38\r\n", OF_ALL ", listens udp 192.168.1.20 port 49172"},
        {CALL SESSION "m=audio 49172 UDP/TLS/RTP/SAVPF 0\r\n", OF_ALL ", listens udp 192.168.1.20 port 49172+1"},
        {"SIP/2.0 200 OK\r\nc: application/sdp;charset=utf-8\r\n\r\n" SESSION "m=audio 49172 RTP/AVP 0\r\n",
         OF_ALL ", listens udp 192.168.1.20 port 49172+1"},
        {CALL "v=0\r\nm=audio 49172 RTP/AVP 0\r\nc=IN IP4 192.168.1.20\r\n",
         "listens udp 192.168.1.20 port 49172+1, mentions 192.168.1.20 port 0"},
        /* not wanted, or not over UDP */
        {CALL SESSION "m=audio 0 RTP/AVP 0\r\n", OF_ALL},
        {CALL SESSION "m=application 49172 TCP/MSRP *\r\n", OF_ALL},
        {CALL SESSION "m=audio 49172/2 RTP/AVP 0\r\n", OF_ALL},
        {CALL SESSION "m=audio x RTP/AVP 0\r\na=rtcp:49180\r\n", OF_ALL},
        {CALL SESSION "m=audio 65536 RTP/AVP 0\r\n", OF_ALL},
        /* whose it is cannot be said */
        {CALL "v=0\r\nm=audio 49172 RTP/AVP 0\r\n", ""},
        {CALL "v=0\r\nc=IN IP6 2001:db8::1\r\nm=audio 49172 RTP/AVP 0\r\n", ""},
        {CALL "v=0\r\nc=IN IP4 host.example\r\nm=audio 49172 RTP/AVP 0\r\n", ""},
        {CALL "v=0\r\nc=IN IP4 224.2.1.1/127\r\nm=audio 49172 RTP/AVP 0\r\n", ""},
        {CALL SESSION "m=audio 49172 RTP/AVP 0\r\nc=IN IP4 192.0.2.9\r\n", ""},
        {INVITE "\r\n" SESSION "m=audio 49172 RTP/AVP 0\r\n", "mentions 192.0.2.4 port 5060"},
        {INVITE "Content-Type: text/plain\r\n\r\n" SESSION "m=audio 49172 RTP/AVP 0\r\n",
         "mentions 192.0.2.4 port 5060"},
    };
    check(rows, COUNT(rows));
}

/* What is behind the body that a message says it has is none of it. */
TEST(the_body_is_as_long_as_it_says)
{
    static const char message[] = "INVITE sip:bob@example.org SIP/2.0\r\n" SDP "Content-Length: 24\r\n\r\n"
                                  "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 49172 RTP/AVP 0\r\n";
    const struct speaker from = {HELPER_SIP, false, 5060};
    struct helper_message m;
    assert_null(message_fault(&from, (const uint8_t *)message, sizeof message - 1, &m));
    assert_int_equal(m.count, 0); /* the body ends within the `c=` line */
    assert_true(m.has_length && m.body_len == 24 && m.len == sizeof message - 1);
    assert_memory_equal(message + m.length.at, "24", m.length.len);
    assert_memory_equal(message + m.body, "v=0", 3);
}

TEST(more_than_there_is_room_for_says_nothing)
{
    char message[4000] = "REGISTER sip:example.org SIP/2.0\r\n";
    for (int i = 0; i < HELPER_ITEMS + 1; i++) {
        struct helper_message m;
        const struct speaker from = {HELPER_SIP, false, 5060};
        size_t len = strlen(message);
        strcpy(message + len, "\r\n");
        assert_null(message_fault(&from, (const uint8_t *)message, (uint32_t)strlen(message), &m));
        assert_int_equal(m.count, i);
        strcpy(message + len, "Contact: <sip:alice@192.168.1.20>\r\n");
    }
    strcat(message, "\r\n");
    assert_string_equal(says(message), "");
}

TEST(every_cut_and_every_byte)
{
    static const char whole[] =
        INVITE "Via: SIP/2.0/UDP 192.168.1.20:5060;rport=1;received=1.2.3.4\r\n" SDP
               "Contact: <sip:a@192.168.1.20>\r\nContent-Length: 73\r\n\r\nv=0\r\no=a 1 1 IN IP4 192.168.1.20\r\n"
               "c=IN IP4 1.2.3.4\r\nm=audio 4 RTP/AVP 0\r\n";
    const struct speaker from = {HELPER_SIP, false, 5060};
    const uint32_t len = sizeof whole - 1;
    struct helper_message m;
    uint8_t bytes[sizeof whole];
    assert_null(message_fault(&from, (const uint8_t *)whole, len, &m));
    assert_int_equal(m.count, 7);
    for (uint32_t cut = 0; cut < len; cut++) {
        read_copy(&from, (const uint8_t *)whole, cut, &m);
        if (m.count != 0 || m.len != cut)
            fail_msg("cut at %u of %u it says something", cut, len);
    }
    for (uint32_t at = 0; at < len; at++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            memcpy(bytes, whole, len);
            bytes[at] = (uint8_t)byte;
            const char *fault = message_fault(&from, bytes, len, &m);
            if (fault != NULL)
                fail_msg("byte %u 0x%x: %s", at, byte, fault);
        }
}

/* A body of the longest kind, and one byte more than is ever looked at. */
TEST(the_longest_message)
{
    static uint8_t bytes[HELPER_LONGEST + 2];
    const struct speaker from = {HELPER_SIP, false, 5060};
    struct helper_message m;
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, "REGISTER sip:a SIP/2.0\r\nm: sip:192.168.1.20\r\nx: ", 49);
    for (uint32_t len = HELPER_LONGEST - 1; len <= HELPER_LONGEST + 1; len++) {
        memcpy(bytes + len - 4, "\r\n\r\n", 4);
        read_copy(&from, bytes, len, &m);
        CHECK_EQUAL("mentions", m.count, len <= HELPER_LONGEST);
        bytes[len - 4] = bytes[len - 3] = bytes[len - 2] = bytes[len - 1] = 'x';
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_header_mentions),         cmocka_unit_test(what_a_session_announces),
        cmocka_unit_test(the_body_is_as_long_as_it_says), cmocka_unit_test(more_than_there_is_room_for_says_nothing),
        cmocka_unit_test(every_cut_and_every_byte),       cmocka_unit_test(the_longest_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
