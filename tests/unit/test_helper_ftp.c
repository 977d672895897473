/* The FTP helper: src/helper/ftp.c (RFC 959, 2428). What each line announces; every line that is not exactly as the RFC
 * has it announces nothing. */
#include "unit.h"

#include "messages.h"

#define CLIENT false
#define SERVER true

static const char *says(bool is_reply, const char *line)
{
    static char text[2000];
    struct helper_message m;
    const struct speaker from = {HELPER_FTP, is_reply, 21};
    const char *fault = message_fault(&from, (const uint8_t *)line, (uint32_t)strlen(line), &m);
    if (fault != NULL)
        fail_msg("%s: %s", line, fault);
    return message_text(&m, text, sizeof text);
}

struct row {
    const char *line, *wanted;
};

static void check(bool is_reply, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(says(is_reply, rows[i].line), rows[i].wanted) != 0)
            fail_msg("%s says '%s', not '%s'", rows[i].line, says(is_reply, rows[i].line), rows[i].wanted);
}

TEST(what_a_client_announces)
{
    static const struct row rows[] = {
        {"PORT 192,168,1,10,4,1\r\n", "listens tcp 192.168.1.10 port 1025 once"},
        {"port 192,168,1,10,255,255\r\n", "listens tcp 192.168.1.10 port 65535 once"},
        {"PORT 010,001,002,003,007,008\r\n", "listens tcp 10.1.2.3 port 1800 once"},
        {"EPRT |1|192.168.1.10|1025|\r\n", "listens tcp 192.168.1.10 port 1025 once"},
        {"EPRT !1!192.168.1.10!1025!\r\n", "listens tcp 192.168.1.10 port 1025 once"},
        {"EPRT |2|2001:db8::10|1025|\r\n", "listens tcp 2001:db8::10 port 1025 once"},
        {"EPRT |2|::ffff:192.0.2.1|65535|\r\n", "listens tcp ::ffff:192.0.2.1 port 65535 once"},
        {"eprt dd2d\r\n", ""},
        /* what is no announcement, but a command */
        {"USER anonymous\r\n", ""},
        {"PASV\r\n", ""},
        {"PWD\r\n", ""},
        {"\r\n", ""},
        {"STOR PORT 192,168,1,10,4,1\r\n", ""},
        {"\xff\xf4\xff\xf2"
         "ABOR\r\n",
         ""},
        /* almost one */
        {"PORT 192,168,1,10,4,1\n", ""},
        {"PORT 192,168,1,10,4,1 \r\n", ""},
        {"PORT  192,168,1,10,4,1\r\n", ""},
        {"PORT\t192,168,1,10,4,1\r\n", "foreign"},
        {"PORT 192,168,1,10,4\r\n", ""},
        {"PORT 192,168,1,10,4,1,\r\n", ""},
        {"PORT 192,168,1,10,4,1,7\r\n", ""},
        {"PORT 192,168,1,256,4,1\r\n", ""},
        {"PORT 192,168,1,10,0,0\r\n", ""},
        {"PORT 192,168,1,10,4,0001\r\n", ""},
        {"PORT 192,168,1,,4,1\r\n", ""},
        {"PORT -1,168,1,10,4,1\r\n", ""},
        {"PORT 192.168.1.10.4.1\r\n", ""},
        {"EPRT |1|192.168.1.10|1025\r\n", ""},
        {"EPRT |1|192.168.1.10|1025|x\r\n", ""},
        {"EPRT |2|192.168.1.10|1025|\r\n", ""},
        {"EPRT |1|2001:db8::10|1025|\r\n", ""},
        {"EPRT |3|192.168.1.10|1025|\r\n", ""},
        {"EPRT |1|192.168.1.10|0|\r\n", ""},
        {"EPRT |1|192.168.1.10|65536|\r\n", ""},
        {"EPRT |1|192.168.1.010|1025|\r\n", ""},
        {"EPRT |1|192.168.1|1025|\r\n", ""},
        {"EPRT |1|example.org|1025|\r\n", ""},
        {"EPRT |1!192.168.1.10!1025|\r\n", ""},
        {"EPRT 11192.168.1.10110251\r\n", ""},
        {"EPRT .1.192.168.1.10.1025.\r\n", ""},
        {"EPRT ||192.168.1.10|1025|\r\n", ""},
        {"EPRT |1||1025|\r\n", ""},
        {"EPRT\r\n", ""},
        {"EPRT \r\n", ""},
        /* not whole */
        {"PORT 192,168,1,10,4,1\r", "incomplete"},
        {"PORT 192,168,1,10,4,1", "incomplete"},
        {"P", "incomplete"},
        {"", "incomplete"},
        /* of a server */
        {"227 Entering Passive Mode (192,168,1,50,4,1)\r\n", "foreign"},
        /* what a browser sends */
        {"POST / HTTP/1.1\r\n", ""}, /* has the form of a command, but see what_begins_as_ftp */
        {"Host: example.org\r\n", "foreign"},
        {"Content-Length: 22\r\n", "foreign"},
        {"XSHA256 f\r\n", ""},
        {"PORTS 192,168,1,10,4,1\r\n", ""},
        {"8PORT 192,168,1,10,4,1\r\n", "foreign"},
        {"ALONGCOMMANDX\r\n", "foreign"},
        {"AB\r\n", "foreign"},
        {" PORT 192,168,1,10,4,1\r\n", "foreign"},
        {"x=PORT 192,168,1,10,4,1\r\n", "foreign"},
    };
    check(CLIENT, rows, COUNT(rows));
}

TEST(what_a_server_announces)
{
    static const struct row rows[] = {
        {"227 Entering Passive Mode (192,168,1,50,4,1)\r\n", "listens tcp 192.168.1.50 port 1025 once"},
        {"227 Entering Passive Mode (192,168,1,50,4,1).\r\n", "listens tcp 192.168.1.50 port 1025 once"},
        {"227 =192,168,1,50,4,1\r\n", "listens tcp 192.168.1.50 port 1025 once"},
        {"227 Entering Passive Mode 192,168,1,50,4,1\r\n", "listens tcp 192.168.1.50 port 1025 once"},
        {"229 Entering Extended Passive Mode (|||1025|)\r\n", "listens tcp * port 1025 once"},
        {"229 Entering Extended Passive Mode (!!!65535!) welcome\r\n", "listens tcp * port 65535 once"},
        {"220 ready\r\n", ""},
        {"220-Welcome\r\n", ""},
        {" 227 Entering Passive Mode (192,168,1,50,4,1)\r\n", ""},
        {"227-Entering Passive Mode (192,168,1,50,4,1)\r\n", ""},
        {"227 Entering Passive Mode (192,168,1,50,4,1)\n", ""},
        {"2270 Entering Passive Mode (192,168,1,50,4,1)\r\n", ""},
        {"500 227 Entering Passive Mode (192,168,1,50,4,1)\r\n", ""},
        {"227 IPv4 passive (192,168,1,50,4,1)\r\n", ""},
        {"227 Entering Passive Mode (192,168,1,50,4)\r\n", ""},
        {"227 Entering Passive Mode (192,168,1,50,4,1,7)\r\n", ""},
        {"227 Entering Passive Mode (192,168,1,50,4,1,)\r\n", ""},
        {"227 Entering Passive Mode (192,168,1,50,4,12345)\r\n", ""},
        {"227 Entering Passive Mode (192,168,1,50,0,0)\r\n", ""},
        {"227 \r\n", ""},
        {"229 (|||1025)\r\n", ""},
        {"229 (|||1025|\r\n", ""},
        {"229 (||1025|)\r\n", ""},
        {"229 (||||1025|)\r\n", ""},
        {"229 (|1|192.168.1.50|1025|)\r\n", ""},
        {"229 (|||0|)\r\n", ""},
        {"229 (|||99999|)\r\n", ""},
        {"229 |||1025|\r\n", ""},
        {"229 (\r\n", ""},
        {"229\r\n", ""},
        {"PORT 192,168,1,10,4,1\r\n", ""},
        {"227 Entering Passive Mode (192,168,1,50,4,1)", "incomplete"},
    };
    check(SERVER, rows, COUNT(rows));
}

/* Nothing but the first line counts, and it says how long it is. */
TEST(a_line_at_a_time)
{
    static const char two[] = "PORT 192,168,1,10,4,1\r\nPORT 192,168,1,10,4,2\r\n";
    const struct speaker client = {HELPER_FTP, CLIENT, 5000};
    struct helper_message m;
    read_copy(&client, (const uint8_t *)two, sizeof two - 1, &m);
    assert_int_equal(m.len, 23);
    assert_int_equal(m.count, 1);
    assert_int_equal(m.items[0].port, 1025);
}

/* Cut anywhere, or with any byte changed, it is read within its bounds, and announces what stands there or nothing. */
TEST(every_cut_and_every_byte)
{
    static const char *const lines[] = {"PORT 192,168,1,10,4,1\r\n", "EPRT |2|2001:db8::10|1025|\r\n",
                                        "227 Entering Passive Mode (192,168,1,50,4,1)\r\n",
                                        "229 Entering Extended Passive Mode (|||1025|)\r\n"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        const struct speaker from = {HELPER_FTP, i >= 2, 21};
        uint32_t len = (uint32_t)strlen(lines[i]);
        uint8_t bytes[80];
        struct helper_message m;
        for (uint32_t cut = 0; cut < len; cut++) {
            read_copy(&from, (const uint8_t *)lines[i], cut, &m);
            CHECK(lines[i], m.count == 0 && m.len == 0);
        }
        for (uint32_t at = 0; at < len; at++)
            for (uint32_t byte = 0; byte < 256; byte++) {
                memcpy(bytes, lines[i], len);
                bytes[at] = (uint8_t)byte;
                const char *fault = message_fault(&from, bytes, len, &m);
                if (fault != NULL)
                    fail_msg("%s with byte %u 0x%x: %s", lines[i], at, byte, fault);
            }
    }
}

TEST(what_begins_as_ftp)
{
    static const struct {
        bool is_reply, wanted;
        const char *text;
    } rows[] = {
        {CLIENT, true, "USER anonymous\r\n"},
        {CLIENT, true, "user anonymous\r\nPASS x\r\n"},
        {CLIENT, true, "AUTH TLS\r\n"},
        {CLIENT, true, "FEAT\r\n"},
        {CLIENT, true, "PWD\r\n"},
        {CLIENT, false, "USER anonymous\n"},
        {CLIENT, false, "USER anonymous"}, /* there may be more */
        {CLIENT, false, "USER"},
        {CLIENT, false, "U"},
        {CLIENT, false, ""},
        {CLIENT, false, "\r\n"},
        {CLIENT, false, "USERS x\r\n"},
        {CLIENT, false, "GET / HTTP/1.1\r\n"},
        {CLIENT, false, "POST / HTTP/1.1\r\n"},
        {CLIENT, false, "USER / HTTP/1.1\r\n"}, /* a method may have any name */
        {CLIENT, false, "RETR /a HTTP/1.0\r\n"},
        {CLIENT, false, "OPTIONS * RTSP/1.0\r\n"},
        {CLIENT, false, "\x16\x03\x01\x02\r\n"},
        {SERVER, true, "220 ready\r\n"},
        {SERVER, true, "220-Welcome, whose line goes on in the next segment"},
        {SERVER, true, "421 too many\r\n"},
        {SERVER, true, "120 "},
        {SERVER, false, "220"},
        {SERVER, false, "22"},
        {SERVER, false, ""},
        {SERVER, false, "20 ready\r\n"},
        {SERVER, false, "099 ready\r\n"},
        {SERVER, false, "2200 ready\r\n"},
        {SERVER, false, "700 ready\r\n"},
        {SERVER, false, "HTTP/1.1 200 OK\r\n"},
        {SERVER, false, "SSH-2.0-x\r\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (helper_greets(HELPER_FTP, rows[i].is_reply, (const uint8_t *)rows[i].text,
                          (uint32_t)strlen(rows[i].text)) != rows[i].wanted)
            fail_msg("%s: %s", rows[i].text, rows[i].wanted ? "is FTP" : "is not FTP");
}

TEST(which_protocols_are_read)
{
    assert_true(helper_reads(HELPER_FTP, TG_PROTO_TCP) && helper_reads(HELPER_RTSP, TG_PROTO_TCP));
    assert_true(helper_reads(HELPER_TFTP, TG_PROTO_UDP) && helper_reads(HELPER_SIP, TG_PROTO_UDP));
    assert_false(helper_reads(HELPER_FTP, TG_PROTO_UDP) || helper_reads(HELPER_SIP, TG_PROTO_TCP));
    assert_false(helper_reads(HELPER_NONE, TG_PROTO_TCP) || helper_reads(HELPER_FTP, TG_PROTO_SCTP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_client_announces), cmocka_unit_test(what_a_server_announces),
        cmocka_unit_test(a_line_at_a_time),        cmocka_unit_test(every_cut_and_every_byte),
        cmocka_unit_test(what_begins_as_ftp),      cmocka_unit_test(which_protocols_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
