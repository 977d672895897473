/* The TFTP helper: src/helper/tftp.c (RFC 1350, 2347). */
#include "unit.h"

#include "messages.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static const char *says(bool is_reply, const uint8_t *bytes, size_t len)
{
    static char text[500];
    struct helper_message m;
    const struct speaker from = {HELPER_TFTP, is_reply, 3000};
    const char *fault = message_fault(&from, bytes, (uint32_t)len, &m);
    if (fault != NULL)
        fail_msg("%s", fault);
    return message_text(&m, text, sizeof text);
}

TEST(what_a_request_announces)
{
    static const char listens[] = "listens udp * port 3000 once";
    static const struct {
        const char *name;
        const uint8_t *bytes;
        size_t len;
        const char *wanted;
    } rows[] = {
        {"read", BYTES("\0\1file\0octet"), ""}, /* the last 0 is the text's own end: not there */
        {"read", BYTES("\0\1file\0octet\0"), listens},
        {"write", BYTES("\0\2file\0netascii\0"), listens},
        {"upper case", BYTES("\0\1file\0OCTET\0"), listens},
        {"mail", BYTES("\0\2file\0mail\0"), listens},
        {"options", BYTES("\0\1file\0octet\0blksize\0001428\0tsize\0000\0"), listens},
        {"an option that does not end", BYTES("\0\1file\0octet\0blksize\0001428"), ""},
        {"an option without a value", BYTES("\0\1file\0octet\0blksize\0"), ""},
        {"an empty option", BYTES("\0\1file\0octet\0\0"), ""},
        {"no file", BYTES("\0\1\0octet\0"), ""},
        {"no mode", BYTES("\0\1file\0"), ""},
        {"an unknown mode", BYTES("\0\1file\0binary\0"), ""},
        {"a mode and more", BYTES("\0\1file\0octets\0"), ""},
        {"a file's name that is none", BYTES("\0\1fi\nle\0octet\0"), ""},
        {"data", BYTES("\0\3\0\1file\0octet\0"), ""},
        {"acknowledgement", BYTES("\0\4\0\1"), ""},
        {"error", BYTES("\0\5\0\1octet\0"), ""},
        {"another byte order", BYTES("\1\0file\0octet\0"), ""},
        {"too short", BYTES("\0"), ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = says(false, rows[i].bytes, rows[i].len);
        if (strcmp(got, rows[i].wanted) != 0)
            fail_msg("%s: says '%s'", rows[i].name, got);
        CHECK(rows[i].name, strcmp(says(true, rows[i].bytes, rows[i].len), "") == 0); /* a server asks for nothing */
    }
}

TEST(every_cut_and_every_byte)
{
    static const uint8_t whole[] = "\0\1file\0octet\0blksize\0001428"; /* with the 0 behind it */
    const struct speaker from = {HELPER_TFTP, false, 3000};
    struct helper_message m;
    uint8_t bytes[sizeof whole];
    for (uint32_t cut = 0; cut <= sizeof whole; cut++) {
        assert_null(message_fault(&from, whole, cut, &m));
        assert_int_equal(m.count, cut == 13 || cut == sizeof whole); /* with no option, and with all of one */
    }
    for (uint32_t at = 0; at < sizeof whole; at++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            memcpy(bytes, whole, sizeof whole);
            bytes[at] = (uint8_t)byte;
            assert_null(message_fault(&from, bytes, sizeof bytes, &m));
            if (m.count != 0) /* never another port than that of the sender */
                assert_int_equal(m.items[0].port, 3000);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_request_announces),
        cmocka_unit_test(every_cut_and_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
