/* UCI text, and the values in it as firewall4 reads them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

#include "import/ranges.h"
#include "import/uci.h"
#include "import/values.h"

/* A file in one line: TYPE[NAME]@LINE{OPTION=VALUE|VALUE@LINE …} */
static void write_uci(const struct uci *uci, struct buffer *out)
{
    for (const struct uci_section *s = uci->sections; s != NULL; s = s->next) {
        buffer_print(out, "%s[%s]@%u{", s->type, s->name != NULL ? s->name : "", s->line);
        for (const struct uci_option *o = s->options; o != NULL; o = o->next) {
            buffer_print(out, "%s%s%s=", o == s->options ? "" : " ", o->list ? "+" : "", o->name);
            for (const struct uci_value *v = o->values; v != NULL; v = v->next)
                buffer_print(out, "%s%s", v == o->values ? "" : "|", v->text);
            buffer_print(out, "@%u", o->line);
        }
        buffer_print(out, "}");
    }
}

TEST(uci)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"", ""},
        {"# nothing\n\n  \t\n", ""},
        {"config zone\n", "zone[]@1{}"},
        {"config zone lan", "zone[lan]@1{}"},
        {"config zone ''\n", "zone[]@1{}"},
        {"package firewall\nconfig zone\n", "zone[]@2{}"},
        {"config a\n option b c\n", "a[]@1{b=c@2}"},
        {"config a\r\n\toption b 'c d'\r\n", "a[]@1{b=c d@2}"},
        {"config a\n option b \"c \\\"d\\\"\"\n", "a[]@1{b=c \"d\"@2}"},
        {"config a\n option b 'c\\d'\n", "a[]@1{b=c\\d@2}"},
        {"config a\n option b c\\ d\n", "a[]@1{b=c d@2}"},
        {"config a\n option b c'd e'f\n", "a[]@1{b=cd ef@2}"},
        {"config a\n option b c # d\n", "a[]@1{b=c@2}"},
        {"config a\n option b 'c#d'\n", "a[]@1{b=c#d@2}"},
        {"config a; option b c; list d e\n", "a[]@1{b=c@1 +d=e@1}"},
        {"config a\n list b c\n list b d\n", "a[]@1{+b=c|d@2}"},
        {"config a\n option b c\n option b d\n", "a[]@1{b=d@3}"},
        {"config a\n option b c\n list b d\n", "a[]@1{+b=c|d@2}"},
        {"config a\n option b 'c\nd'\n option e f\n", "a[]@1{b=c\nd@2 e=f@4}"},
        {"config a\n option b \\\nc\n option e f\n", "a[]@1{b=c@2 e=f@4}"},
        {"config a\n option b ''\n", "a[]@1{b=@2}"},
        {"config\n", "1"},
        {"config a b c\n", "1"},
        {"config a 'b c'\n", "1"},
        {"config a\n option b\n", "2"},
        {"config a\n option b c d\n", "2"},
        {"config a\n option b-c d\n", "2"},
        {"config a\n\n option b 'c\n\n", "3"},
        {"config a\nset b c\n", "2"},
        {"list a b\n", "1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        struct uci uci;
        struct buffer out = {0};
        if (uci_read(&uci, &arena, rows[i].text, strlen(rows[i].text)) == 0)
            write_uci(&uci, &out);
        else
            buffer_print(&out, "%u", uci.error_line);
        if (strcmp(buffer_text(&out), rows[i].wanted) != 0)
            fail_msg("%s: wanted %s, got %s", rows[i].text, rows[i].wanted, buffer_text(&out));
        buffer_free(&out);
        arena_clear(&arena);
    }
}

TEST(byte_zero)
{
    struct arena arena = {0};
    struct uci uci;
    assert_int_equal(uci_read(&uci, &arena, "config a\n\0", 10), -EINVAL);
    assert_int_equal(uci_read(&uci, &arena, "config 'a\0'\n", 12), -EINVAL);
    arena_clear(&arena);
}

/* What a value is, in one word; "" if it is refused. */

static void port_text(const char *text, struct buffer *out)
{
    struct value_port v;
    if (value_port(text, &v))
        buffer_print(out, "%s%u-%u", v.invert ? "!" : "", v.ports.first, v.ports.last);
}

static void address_text(const char *text, struct buffer *out)
{
    struct value_address v;
    if (!value_address(text, &v))
        return;
    buffer_print(out, "%s", v.invert ? "!" : "");
    if (v.scattered)
        buffer_print(out, "scattered");
    else
        ranges_write_one(out, &v.range);
}

static void proto_text(const char *text, struct buffer *out)
{
    struct value_proto v;
    if (value_proto(text, &v))
        buffer_print(out,
                     v.any       ? "%sany"
                     : v.tcpudp  ? "%stcpudp"
                     : v.unknown ? "%sunknown"
                                 : "%s%u",
                     v.invert ? "!" : "", v.proto);
}

static void icmp_text(const char *text, struct buffer *out)
{
    struct value_icmp v;
    if (!value_icmp(text, &v))
        return;
    if (v.families & FAMILY_V4)
        buffer_print(out, "4:%u/%d", v.v4.type, v.v4.any_code ? -1 : v.v4.code);
    if (v.families & FAMILY_V6)
        buffer_print(out, "6:%u/%d", v.v6.type, v.v6.any_code ? -1 : v.v6.code);
}

static void limit_text(const char *text, struct buffer *out)
{
    struct value_limit v;
    if (value_limit(text, &v))
        buffer_print(out, "%s%u/%s", v.invert ? "!" : "", v.rate, v.unit);
}

static void time_text(const char *text, struct buffer *out)
{
    struct value_time v;
    if (value_time(text, &v))
        buffer_print(out, "%u:%u:%u", v.hour, v.minute, v.second);
}

static void days_text(const char *text, struct buffer *out)
{
    uint8_t v;
    if (value_weekdays(text, &v))
        buffer_print(out, "%02x", v);
}

static void mac_text(const char *text, struct buffer *out)
{
    bool invert;
    char v[VALUE_MAC];
    if (value_mac(text, &invert, v))
        buffer_print(out, "%s%s", invert ? "!" : "", v);
}

static void family_text(const char *text, struct buffer *out)
{
    uint8_t v;
    if (value_family(text, &v))
        buffer_print(out, "%u", v);
}

static void target_text(const char *text, struct buffer *out)
{
    enum value_target v;
    if (value_target(text, &v))
        buffer_print(out, "%d", v);
}

static void bool_text(const char *text, struct buffer *out)
{
    bool v;
    if (value_bool(text, &v))
        buffer_print(out, "%d", v);
}

static void date_text(const char *text, struct buffer *out)
{
    buffer_print(out, "%s", value_date(text) ? "date" : "");
}

static void mark_text(const char *text, struct buffer *out)
{
    buffer_print(out, "%s", value_mark(text) ? "mark" : "");
}

static void dscp_text(const char *text, struct buffer *out)
{
    buffer_print(out, "%s", value_dscp(text) ? "dscp" : "");
}

TEST(values)
{
    static const struct {
        void (*read)(const char *text, struct buffer *out);
        const char *text, *wanted;
    } rows[] = {
        {port_text, "80", "80-80"},
        {port_text, "0", "0-0"},
        {port_text, "80-90", "80-90"},
        {port_text, "80:90", "80-90"},
        {port_text, " ! 80 ", "!80-80"},
        {port_text, "90-80", ""},
        {port_text, "65536", ""},
        {port_text, "000080", ""},
        {port_text, "80-", ""},
        {port_text, "http", ""},
        {port_text, "", ""},
        {port_text, "!", ""},
        {address_text, "192.0.2.1", "192.0.2.1"},
        {address_text, "!192.0.2.1/24", "!192.0.2.0/24"},
        {address_text, "192.0.2.1/255.255.255.0", "192.0.2.0/24"},
        {address_text, "192.0.2.1/255.0.255.0", "scattered"},
        {address_text, "192.0.2.1/33", ""},
        {address_text, "192.0.2.1-192.0.2.9", "192.0.2.1-192.0.2.9"},
        {address_text, "192.0.2.9-192.0.2.1", ""},
        {address_text, "192.0.2.1-2001:db8::1", ""},
        {address_text, "2001:db8::1/ffff:ffff::", "2001:db8::/32"},
        {address_text, "::1/-64", "scattered"},
        {address_text, "::1/::ffff", "scattered"},
        {address_text, "lan", ""},
        {proto_text, "tcp", "6"},
        {proto_text, "TCP", "6"},
        {proto_text, "!udp", "!17"},
        {proto_text, "all", "any"},
        {proto_text, "*", "any"},
        {proto_text, "tcpudp", "tcpudp"},
        {proto_text, "58", "58"},
        {proto_text, "ipv6-icmp", "58"},
        {proto_text, "ospf", "89"},
        {proto_text, "256", "unknown"},
        {proto_text, "chaos", "unknown"},
        {proto_text, " ", ""},
        {icmp_text, "echo-request", "4:8/-16:128/-1"},
        {icmp_text, "host-unknown", "4:3/7"},
        {icmp_text, "packet-too-big", "6:2/-1"},
        {icmp_text, "port-unreachable", "4:3/36:1/4"},
        {icmp_text, "130/0", "4:130/06:130/0"},
        {icmp_text, "8", "4:8/-16:8/-1"},
        {icmp_text, "256", ""},
        {icmp_text, "8/", ""},
        {icmp_text, "8/256", ""},
        {icmp_text, "/1", ""},
        {icmp_text, "echo", ""},
        {limit_text, "10", "10/second"},
        {limit_text, "10/s", "10/second"},
        {limit_text, "1000/sec", "1000/second"},
        {limit_text, "!3/minute", "!3/minute"},
        {limit_text, "3/day", "3/day"},
        {limit_text, "3/", ""},
        {limit_text, "3/week", ""},
        {limit_text, "3 /s", ""},
        {limit_text, "x", ""},
        {time_text, "8", "8:0:0"},
        {time_text, "08:05", "8:5:0"},
        {time_text, "23:59:59", "23:59:59"},
        {time_text, "24:00", ""},
        {time_text, "08:60", ""},
        {time_text, "008:00", ""},
        {time_text, "08:00:00:00", ""},
        {time_text, "08:", ""},
        {days_text, "Mon", "01"},
        {days_text, "sat sunday", "60"},
        {days_text, "! Sat Sun", "1f"},
        {days_text, "Mon Funday", ""},
        {days_text, "", ""},
        {mac_text, "00:11:22:33:44:AA", "00:11:22:33:44:aa"},
        {mac_text, "!0-1-2-3-4-5", "!00:01:02:03:04:05"},
        {mac_text, "00:11:22:33:44", ""},
        {mac_text, "00:11:22:33:44:55:66", ""},
        {mac_text, "00:11:22:33:44:5g", ""},
        {family_text, "ipv4", "1"},
        {family_text, "inet6", "2"},
        {family_text, "inet", "1"},
        {family_text, "any", "3"},
        {family_text, "both", ""},
        {target_text, "ACCEPT", "0"},
        {target_text, "rej", "1"},
        {target_text, "DNAT", "7"},
        {target_text, "ACCEPTED", ""},
        {target_text, "", ""},
        {bool_text, "1", "1"},
        {bool_text, "off", "0"},
        {bool_text, "True", ""},
        {date_text, "2026", "date"},
        {date_text, "2026-01-31T12:00", "date"},
        {date_text, "2026-13-01", ""},
        {date_text, "26-01-01", ""},
        {date_text, "2026-01-01T", ""},
        {mark_text, "0x10/0xff", "mark"},
        {mark_text, "!1", "mark"},
        {mark_text, "0x100000000", ""},
        {mark_text, "-1", ""},
        {dscp_text, "ef", "dscp"},
        {dscp_text, "63", "dscp"},
        {dscp_text, "64", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = {0};
        rows[i].read(rows[i].text, &out);
        if (strcmp(buffer_text(&out), rows[i].wanted) != 0)
            fail_msg("row %zu, '%s': wanted '%s', got '%s'", i, rows[i].text, rows[i].wanted, buffer_text(&out));
        buffer_free(&out);
    }
}

/* Lists of which a part is taken away. */
TEST(rest)
{
    static const struct {
        const char *items[5];
        uint8_t family;
        const char *wanted;
    } rows[] = {
        {{"10.0.0.0/8", "!10.0.0.0/9"}, TG_IPV4, "10.128.0.0/9"},
        {{"10.0.0.0/8", "!10.0.0.5"}, TG_IPV4, "10.0.0.0-10.0.0.4, 10.0.0.6-10.255.255.255"},
        {{"10.0.0.0/30", "!10.0.0.2", "!10.0.0.1"}, TG_IPV4, "10.0.0.0, 10.0.0.3"},
        {{"10.0.0.0/30", "!10.0.0.0/8"}, TG_IPV4, ""},
        {{"10.0.0.0/30", "!10.0.0.2-10.0.0.9", "10.0.0.8-10.0.0.11"}, TG_IPV4, "10.0.0.0/31, 10.0.0.10/31"},
        {{"!128.0.0.0/1"}, TG_IPV4, "0.0.0.0/1"},
        {{"!0.0.0.0/1", "2001:db8::/32"}, TG_IPV4, "128.0.0.0/1"},
        {{"10.0.0.0/30", "!2001:db8::/32"}, TG_IPV4, "10.0.0.0/30"},
        {{"::/0", "!::ffff:ffff:ffff:ffff"},
         TG_IPV6,
         "::-::ffff:ffff:ffff:fffe, 0:0:0:1::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {{"!0:0:0:1::/64"}, TG_IPV6, "::/64, 0:0:0:2::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ranges list[5] = {0};
        struct buffer out = {0};
        for (size_t j = 0; rows[i].items[j] != NULL; j++) {
            CHECK(rows[i].items[j], value_address(rows[i].items[j], &list[j].address));
            list[j].next = rows[i].items[j + 1] != NULL ? &list[j + 1] : NULL;
        }
        ranges_write_rest(&out, list, rows[i].family, false);
        if (strcmp(buffer_text(&out), rows[i].wanted) != 0)
            fail_msg("row %zu: wanted '%s', got '%s'", i, rows[i].wanted, buffer_text(&out));
        buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uci),
        cmocka_unit_test(byte_zero),
        cmocka_unit_test(values),
        cmocka_unit_test(rest),
    };
    return cmocka_run_group_tests_name("import_values", tests, NULL, NULL);
}
