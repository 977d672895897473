/* Packets in words, as `explain` takes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "tidegate/packet.h"
#include "tidegate/rules.h"

static const char rules[] = "zone wan on eth0 address 203.0.113.1/24 masquerade\n"
                            "zone lan on br-lan address 192.168.1.1/24\n"
                            "host cam = 192.168.1.50, fd00::50\n"
                            "host nas = 192.168.1.60\n"
                            "host six = fd00::66\n"
                            "allow from lan cam, nas, six\n"
                            "allow from router\n";

static struct tg_policy *policy;

static int read_rules(void *context, const char *path, char **text, size_t *len)
{
    (void)context;
    (void)path;
    *text = strdup(rules);
    *len = strlen(rules);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    const struct tg_source source = {read_rules, NULL, NULL};
    struct tg_complaints *complaints = tg_complaints_new();
    policy = tg_rules_load(&source, "probe.rules", complaints);
    tg_complaints_free(complaints);
    return policy == NULL;
}

static int finish(void **state)
{
    (void)state;
    tg_policy_free(policy);
    return 0;
}

/* A probe as text, in one fixed form. */
static const char *shown(const struct tg_probe *p, char buf[static 300])
{
    char addr[TG_ADDR_TEXT];
    size_t len = (size_t)snprintf(buf, 300, "IPv%u proto %u", p->family, p->proto);
    if (p->proto == TG_PROTO_ICMP || p->proto == TG_PROTO_ICMP6)
        len += (size_t)snprintf(buf + len, 300 - len, " type %u/%u", p->icmp_type, p->icmp_code);
    len += (size_t)snprintf(buf + len, 300 - len, " %u", p->zone_in);
    if (p->has_src)
        len += (size_t)snprintf(buf + len, 300 - len, " %s", tg_addr_format(p->family, p->src, addr));
    if (p->has_sport)
        len += (size_t)snprintf(buf + len, 300 - len, " port %u", p->sport);
    len += (size_t)snprintf(buf + len, 300 - len, " > %u", p->zone_out);
    if (p->has_dst)
        len += (size_t)snprintf(buf + len, 300 - len, " %s", tg_addr_format(p->family, p->dst, addr));
    if (p->has_dport)
        len += (size_t)snprintf(buf + len, 300 - len, " port %u", p->dport);
    if (p->has_minute)
        snprintf(buf + len, 300 - len, " minute %u", p->minute);
    return buf;
}

TEST(packets_are_read)
{
    static const char *const rows[][2] = {
        {"tcp from wan 198.51.100.9 port 40000 to 203.0.113.1 port 8080",
         "IPv4 proto 6 2 198.51.100.9 port 40000 > 0 203.0.113.1 port 8080"},
        {"tcp from wan 198.51.100.9 to router port 8080", "IPv4 proto 6 2 198.51.100.9 > 1 port 8080"},
        {"udp from lan 192.168.1.77 port 5353 to 1.1.1.1 port dns",
         "IPv4 proto 17 3 192.168.1.77 port 5353 > 0 1.1.1.1 port 53"},
        {"from lan to wan", "IPv0 proto 0 3 > 2"},
        {"tcp from lan to wan port 25", "IPv0 proto 6 3 > 2 port 25"},
        {"tcp from any to any port 25", "IPv0 proto 6 0 > 0 port 25"},
        {"tcp from port 1 to port 2", "IPv0 proto 6 0 port 1 > 0 port 2"},
        {"from wan cam to lan nas", "IPv4 proto 0 2 192.168.1.50 > 3 192.168.1.60"},
        {"from cam to six", "IPv6 proto 0 0 fd00::50 > 0 fd00::66"},
        {"from six to cam", "IPv6 proto 0 0 fd00::66 > 0 fd00::50"},
        {"from cam to router", "IPv4 proto 0 0 192.168.1.50 > 1"},
        {"from router cam to wan", "IPv4 proto 0 1 192.168.1.50 > 2"},
        {"icmp from wan to router", "IPv4 proto 1 type 8/0 2 > 1"},
        {"icmp6 from cam to wan", "IPv6 proto 58 type 128/0 0 fd00::50 > 2"},
        {"icmp unreachable/3 from wan to router", "IPv4 proto 1 type 3/3 2 > 1"},
        {"icmp 11 from wan to router", "IPv4 proto 1 type 11/0 2 > 1"},
        {"icmp6 packet-too-big from wan to cam", "IPv6 proto 58 type 2/0 2 > 0 fd00::50"},
        {"47 from wan to router", "IPv0 proto 47 2 > 1"},
        {"esp from wan to 203.0.113.1", "IPv4 proto 50 2 > 0 203.0.113.1"},
        {"  tcp\tfrom lan to wan   # comment", "IPv0 proto 6 3 > 2"},
        {"from lan to wan at monday 00:00", "IPv0 proto 0 3 > 2 minute 0"},
        {"tcp from lan to wan port 25 at sun 23:59", "IPv0 proto 6 3 > 2 port 25 minute 10079"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_complaints *complaints = tg_complaints_new();
        struct tg_probe probe;
        char buf[300];
        int err = tg_probe_parse(policy, rows[i][0], &probe, complaints);
        if (err != 0)
            fail_msg("%s: %s", rows[i][0], tg_complaints_get(complaints, 0)->message);
        if (strcmp(shown(&probe, buf), rows[i][1]) != 0)
            fail_msg("%s:\n  wanted %s\n  got    %s", rows[i][0], rows[i][1], buf);
        assert_int_equal(tg_complaints_count(complaints, TG_ERROR), 0);
        tg_complaints_free(complaints);
    }
}

TEST(what_is_no_packet_is_complained_of)
{
    static const struct {
        const char *text;
        unsigned column;
        const char *message;
    } rows[] = {
        {"", 1, "expected a protocol or 'from', found the end of the line"},
        {"tpc from wan to lan", 1, "expected a protocol or 'from', found 'tpc'; did you mean 'tcp'?"},
        {"tcp", 4, "expected 'from', found the end of the line"},
        {"tcp form wan to lan", 5, "expected 'from', found 'form'; did you mean 'from'?"},
        {"tcp from wan", 13, "expected 'to', found the end of the line"},
        {"tcp from to lan", 10, "expected a zone, an address or 'port', found 'to'"},
        {"tcp from mars to lan", 10, "'mars' is no zone and no host of these rules"},
        {"tcp from wen to lan", 10, "'wen' is no zone and no host of these rules; did you mean 'wan'?"},
        {"tcp from wan lan to lan", 14, "'lan' is a zone, and this side has one already"},
        {"tcp from wan 1.2.3.256 to lan", 14, "'1.2.3.256' is no address: 256 is above 255"},
        {"tcp from 10.0.0.0/8 to lan", 10, "'10.0.0.0/8': a packet has one address on each side"},
        {"tcp from wan to lan port 70000", 26, "there is no port 70000; ports are 0-65535"},
        {"tcp from wan to lan port 80-90", 26, "'80-90': a packet has one port on each side"},
        {"tcp from wan to lan port x11", 26, "'x11': a packet has one port on each side"},
        {"tcp from wan to lan port htp", 26, "'htp' is no service with a port of this protocol; write the number"},
        {"udp from wan to lan port ssh", 26, "'ssh' is no service with a port of this protocol; write the number"},
        {"tcp from wan to lan port", 25, "expected a port, found the end of the line"},
        {"from wan to lan port 80", 17, "a port needs its protocol, at the beginning: 'tcp' or 'udp'"},
        {"icmp from wan to lan port 80", 22, "this protocol has no ports"},
        {"icmp echo-requst from wan to lan", 6, "'echo-requst' is no type of icmp; did you mean 'echo-request'?"},
        {"tcp from 10.0.0.1 to fd00::1", 22, "this is an IPv6 address, and the packet is IPv4"},
        {"icmp from wan to fd00::1", 18, "this is an IPv6 address, and the packet is IPv4"},
        {"icmp6 from nas to wan", 12, "this is an IPv4 address, and the packet is IPv6"},
        {"tcp from wan to lan at", 23, "expected a day and a time, as in 'monday 10:00', found the end of the line"},
        {"tcp from wan to lan at noon", 24, "'noon' is no day; days are mon, tue, wed, thu, fri, sat and sun"},
        {"tcp from wan to lan at mon 25:00", 28, "'25:00' is no time of a day; it is HH:MM, from 00:00 to 23:59"},
        {"tcp from wan to lan at mon 10:00 sharp", 34, "expected the end of the packet, found 'sharp'"},
        {"tcp from wan to lan twice", 21, "'twice' is no zone and no host of these rules"},
        {"tcp from wan to 1.2.3.4 twice", 25, "expected the end of the packet, found 'twice'"},
        {"tcp from wan to lan is dropped", 21, "expected the end of the packet, found 'is'"},
        {"tcp from wan to lan\n", 0, NULL},
        {"tcp from wan to lan\ntcp", 1, "a packet is said on one line"},
        {"tcp from \"wan\" to lan", 10, "expected a zone, an address or 'port', found \"wan\""},
        {"tcp from \xff to lan", 10, "this is not UTF-8; save the file as UTF-8 text"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_complaints *complaints = tg_complaints_new();
        struct tg_probe probe;
        int err = tg_probe_parse(policy, rows[i].text, &probe, complaints);
        CHECK_EQUAL(rows[i].text, err != 0, rows[i].message != NULL);
        if (rows[i].message != NULL) {
            const struct tg_complaint *c = tg_complaints_get(complaints, 0);
            assert_string_equal(c->message, rows[i].message);
            assert_string_equal(c->file, "packet");
            CHECK_EQUAL(rows[i].text, c->column, rows[i].column);
            CHECK_EQUAL(rows[i].text, tg_complaints_count(complaints, TG_ERROR), 1);
        }
        tg_complaints_free(complaints);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_read),
        cmocka_unit_test(what_is_no_packet_is_complained_of),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
