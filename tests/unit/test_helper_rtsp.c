/* The RTSP helper: src/helper/rtsp.c (RFC 2326). */
#include "unit.h"

#include "messages.h"

#define SETUP  "SETUP rtsp://camera/video RTSP/1.0\r\nCSeq: 3\r\n"
#define ANSWER "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 12345678\r\n"

static const char *says(bool is_reply, const char *bytes, uint32_t len)
{
    static char text[2000];
    struct helper_message m;
    const struct speaker from = {HELPER_RTSP, is_reply, 554};
    const char *fault = message_fault(&from, (const uint8_t *)bytes, len, &m);
    if (fault != NULL)
        fail_msg("%s: %s", bytes, fault);
    return message_text(&m, text, sizeof text);
}

struct row {
    const char *message, *wanted;
};

static void check(bool is_reply, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = says(is_reply, rows[i].message, (uint32_t)strlen(rows[i].message));
        if (strcmp(got, rows[i].wanted) != 0)
            fail_msg("%s says '%s', not '%s'", rows[i].message, got, rows[i].wanted);
    }
}

TEST(what_a_client_announces)
{
    static const struct row rows[] = {
        {SETUP "Transport: RTP/AVP;unicast;client_port=4588-4589\r\n\r\n", "listens udp * port 4588+1"},
        {SETUP "transport:RTP/AVP/UDP;unicast;client_port=4588-4589;mode=\"PLAY\"\r\n\r\n",
         "listens udp * port 4588+1"},
        {SETUP "Transport: RTP/SAVPF;unicast;client_port=4588\r\n\r\n", "listens udp * port 4588"},
        {SETUP "Transport: RTP/AVP;unicast;client_port=4589\r\n\r\n", "listens udp * port 4589"},
        {SETUP "Transport: RTP/AVP;unicast;client_port=4588-4588\r\n\r\n", "listens udp * port 4588"},
        {SETUP "Transport: RTP/AVP;unicast;destination=192.168.1.20;client_port=4588-4589\r\n\r\n",
         "listens udp 192.168.1.20 port 4588+1"},
        {SETUP "Transport: RTP/AVP;client_port=4588-4589;destination=2001:db8::20\r\n\r\n",
         "listens udp 2001:db8::20 port 4588+1"},
        {SETUP "Transport: RTP/AVP/TCP;unicast;interleaved=0-1, RTP/AVP;unicast;client_port=4588-4589\r\n\r\n",
         "listens udp * port 4588+1"},
        {SETUP "Transport: RTP/AVP;client_port=4588-4589,RTP/AVP;client_port=4590-4591\r\n\r\n",
         "listens udp * port 4588+1, listens udp * port 4590+1"},
        {"SETUP rtspu://camera RTSP/1.0\r\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n",
         "listens udp * port 4588+1"},
        /* goes in the connection itself, or to many */
        {SETUP "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;multicast;client_port=4588-4589\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;unicast;interleaved=0-1;client_port=4588-4589\r\n\r\n", ""},
        /* not what the RFC has */
        {SETUP "Transport: RTP/AVP;unicast;client_port=4589-4590\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;unicast;client_port=4588-4590\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;unicast;client_port=4588-\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;unicast;client_port=-4589\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;unicast;client_port=0-1\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;unicast;client_port=65534-65535\r\n\r\n", "listens udp * port 65534+1"},
        {SETUP "Transport: RTP/AVP;unicast;client_port=65536-65537\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;unicast;client_port=4588-4589x\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;client_port=4588-4589;client_port=4590-4591\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;client_port=0;client_port=0;client_port=0;client_port=0;client_port=0\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;destination=camera;client_port=4588-4589\r\n\r\n", ""},
        {SETUP "Transport: RAW/RAW/UDP;client_port=4588-4589\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVPX;client_port=4588-4589\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;unicast;\r\n client_port=4588-4589\r\n\r\n", ""}, /* in two lines */
        {SETUP "Transport: RTP/AVP;unicast;server_port=4588-4589\r\n\r\n", ""},
        {SETUP "Transport RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
        {SETUP "Content-Length: x\r\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;client_port=4588-4589\r\nContent-Length: 1 1\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;client_port=4588-4589\n\r\n", ""},
        {"PLAY rtsp://camera RTSP/1.0\r\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
        {"SETUP rtsp://camera RTSP/2.0\r\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
        {"SETUP rtsp://camera HTTP/1.1\r\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
        {"SETUP /video RTSP/1.0\r\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
        {"SETUP rtsp://camera RTSP/1.0\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
        {"XSETUP rtsp://camera RTSP/1.0\r\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
        {ANSWER "Transport: RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
        /* not whole */
        {SETUP "Transport: RTP/AVP;client_port=4588-4589\r\n", "incomplete"},
        {SETUP "Transport: RTP/AVP;client_port=4588-4589\r\n\r", "incomplete"},
        {"SETUP rtsp://camera RTSP/1.0", "incomplete"},
        {"", "incomplete"},
    };
    check(false, rows, COUNT(rows));
}

TEST(what_a_server_announces)
{
    static const struct row rows[] = {
        {ANSWER "Transport: RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257\r\n\r\n",
         "repeats udp * port 4588+1, listens udp * port 6256+1"},
        {ANSWER "Transport: RTP/AVP/UDP;unicast;destination=192.0.2.7;source=192.168.1.50;client_port=4588-4589;"
                "server_port=6256-6257;ssrc=1234ABCD\r\n\r\n",
         "repeats udp 192.0.2.7 port 4588+1, listens udp 192.168.1.50 port 6256+1"},
        {ANSWER "Transport: RTP/AVP;server_port=6256\r\n\r\n", "listens udp * port 6256"},
        {ANSWER "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n", ""},
        {ANSWER "Transport: RTP/AVP;client_port=4588-4589;server_port=6256-6258\r\n\r\n", ""},
        {ANSWER "Transport: RTP/AVP;client_port=4588-4589;source=;server_port=6256-6257\r\n\r\n", ""},
        {"RTSP/1.0 404 Not Found\r\nTransport: RTP/AVP;server_port=6256-6257\r\n\r\n", ""},
        {"RTSP/1.0 2000 OK\r\nTransport: RTP/AVP;server_port=6256-6257\r\n\r\n", ""},
        {"RTSP/2.0 200 OK\r\nTransport: RTP/AVP;server_port=6256-6257\r\n\r\n", ""},
        {SETUP "Transport: RTP/AVP;client_port=4588-4589\r\n\r\n", ""},
    };
    check(true, rows, COUNT(rows));
}

/* How far the next message is: behind bodies and what is interleaved. */
TEST(how_long_messages_are)
{
    static const struct {
        const char *name, *bytes;
        uint32_t len, wanted;
    } rows[] = {
        {"no body", SETUP "\r\nPLAY", sizeof SETUP + 5, sizeof SETUP + 1},
        {"a body", "RTSP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n0123456789RTSP", 54, 49},
        {"a body that goes on", "RTSP/1.0 200 OK\r\nContent-Length: 16777216\r\n\r\n", 45, 45 + 16777216},
        {"too long a body: what is read so far", "RTSP/1.0 200 OK\r\nContent-Length: 16777217\r\n\r\n", 45, 43},
        {"interleaved", "$\0\1\0abc", 7, 4 + 256},
        {"interleaved, empty", "$\0\0\0$", 5, 4},
        {"interleaved, its header cut", "$\0\1", 3, 0},
        {"a line that is nothing", "\r\nSETUP", 7, 2},
        {"another line that is nothing", "hello\nSETUP", 11, 6},
    };
    struct helper_message m;
    const struct speaker from = {HELPER_RTSP, true, 554};
    for (size_t i = 0; i < COUNT(rows); i++) {
        read_copy(&from, (const uint8_t *)rows[i].bytes, rows[i].len, &m);
        CHECK_EQUAL(rows[i].name, m.len, rows[i].wanted);
    }
}

TEST(more_transports_than_there_is_room_for_say_nothing)
{
    char text[2000] = SETUP "Transport: RTP/AVP;client_port=1024-1025";
    for (int i = 1; i <= HELPER_ITEMS; i++) {
        char whole[2010];
        snprintf(whole, sizeof whole, "%s\r\n\r\n", text);
        struct helper_message m;
        const struct speaker from = {HELPER_RTSP, false, 5000};
        assert_null(message_fault(&from, (const uint8_t *)whole, (uint32_t)strlen(whole), &m));
        assert_int_equal(m.count, i);
        snprintf(text + strlen(text), sizeof text - strlen(text), ",RTP/AVP;client_port=%d-%d", 1024 + 2 * i,
                 1025 + 2 * i);
    }
    strcat(text, "\r\n\r\n");
    assert_string_equal(says(false, text, (uint32_t)strlen(text)), "");
}

TEST(every_cut_and_every_byte)
{
    static const char *const whole[] = {
        SETUP "Transport: RTP/AVP;unicast;destination=192.168.1.20;client_port=4588-4589\r\n\r\n",
        ANSWER "Transport: RTP/AVP;client_port=4588-4589;server_port=6256-6257;source=192.168.1.50\r\n\r\n"};
    for (size_t i = 0; i < COUNT(whole); i++) {
        const struct speaker from = {HELPER_RTSP, i == 1, 554};
        uint32_t len = (uint32_t)strlen(whole[i]);
        struct helper_message m;
        uint8_t bytes[300];
        for (uint32_t cut = 0; cut < len; cut++) {
            read_copy(&from, (const uint8_t *)whole[i], cut, &m);
            CHECK(whole[i], m.count == 0);
        }
        for (uint32_t at = 0; at < len; at++)
            for (uint32_t byte = 0; byte < 256; byte++) {
                memcpy(bytes, whole[i], len);
                bytes[at] = (uint8_t)byte;
                const char *fault = message_fault(&from, bytes, len, &m);
                if (fault != NULL)
                    fail_msg("%s with byte %u 0x%x: %s", whole[i], at, byte, fault);
            }
    }
}

TEST(what_begins_as_rtsp)
{
    static const struct {
        bool is_reply, wanted;
        const char *text;
    } rows[] = {
        {false, true, "OPTIONS rtsp://camera RTSP/1.0\r\nCSeq: 1\r\n\r\n"},
        {false, true, "OPTIONS * RTSP/1.0\r\n"},
        {false, true, "DESCRIBE rtsp://camera/1 RTSP/1.0\r\n"},
        {false, false, "OPTIONS rtsp://camera RTSP/1.0"},
        {false, false, "OPTIONS rtsp://camera RTSP/1.0\n"},
        {false, false, "O"},
        {false, false, ""},
        {false, false, "OPTIONS / HTTP/1.1\r\n"},
        {false, false, "OPTIONS * HTTP/1.1\r\n"},
        {false, false, "POST rtsp://camera RTSP/1.0\r\n"},
        {false, false, "GET /?SETUP rtsp://camera RTSP/1.0\r\n"},
        {true, true, "RTSP/1.0 200 OK\r\n"},
        {true, true, "RTSP/1.0 401 Unauthorized"},
        {true, false, "RTSP/1.0"},
        {true, false, "HTTP/1.0 200 OK\r\n"},
        {true, false, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (helper_greets(HELPER_RTSP, rows[i].is_reply, (const uint8_t *)rows[i].text,
                          (uint32_t)strlen(rows[i].text)) != rows[i].wanted)
            fail_msg("%s: %s", rows[i].text, rows[i].wanted ? "is RTSP" : "is not RTSP");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_client_announces),
        cmocka_unit_test(what_a_server_announces),
        cmocka_unit_test(how_long_messages_are),
        cmocka_unit_test(more_transports_than_there_is_room_for_say_nothing),
        cmocka_unit_test(every_cut_and_every_byte),
        cmocka_unit_test(what_begins_as_rtsp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
