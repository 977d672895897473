/* What RFC 6092 wants of a router at home for IPv6, through the engine and rules/rfc6092.rules. CONFORMANCE.md names
 * the tests by recommendation. */
#include <errno.h>

#include "house.h"
#include "tidegate/rules.h"

enum { DCCP = TG_PROTO_DCCP, HIP = 139, SOMETHING = 253 };

/* ---- a house from rules ---- */

/* `context` is the text of the only file that is not on the disk: "test.rules". */
static int read_text(void *context, const char *path, char **text, size_t *len)
{
    enum { MOST = 1 << 16 };
    *text = calloc(1, MOST);
    assert_non_null(*text);
    if (strcmp(path, "test.rules") == 0) {
        *len = (size_t)snprintf(*text, MOST, "%s", (const char *)context);
        return 0;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        free(*text);
        return -errno;
    }
    *len = fread(*text, 1, MOST, file);
    fclose(file);
    return 0;
}

static struct house open_rules(const char *text)
{
    char copy[2000];
    snprintf(copy, sizeof copy, "%s", text);
    const struct tg_source source = {.read = read_text, .context = copy};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, "test.rules", complaints);
    if (policy == NULL) {
        const struct tg_complaint *first = tg_complaints_get(complaints, 0);
        fail_msg("%s:%u: %s", first->file, first->line, first->message);
    }
    tg_complaints_free(complaints);
    return open_house(policy, 256, 1);
}

/* Addresses that are none of documentation's, which the profile refuses. */
#define ZONES                                                                                                          \
    "zone wan on wan masquerade\n"                                                                                     \
    "zone lan on lan address 2600:1:2:3::1/64, fd00:1::1/64, 192.168.1.1/24\n"
#define RULES                                                                                                          \
    "allow from lan to wan\n"                                                                                          \
    "allow from router\n"

static struct house open_simple(void)
{
    return open_rules(ZONES RULES);
}

/* ---- addresses ---- */

/* REC-1 to REC-9, with the profile that is shipped, above rules that allow everything. */
TEST(addresses_that_do_not_belong)
{
    static const struct {
        const char *name;
        uint8_t zone;
        const char *ends, *wanted;
    } rows[] = {
        {"nothing wrong, out", LAN, "[2600:1:2:3::9]:1 > [2600:9::1]:2", "accept rule"},
        {"nothing wrong, in", WAN, "[2600:9::2]:1 > [2600:1:2:3::9]:2", "accept rule"},
        {"REC-1: from multicast", WAN, "[ff02::1]:1 > [2600:1:2:3::9]:2", "drop rule"},
        {"REC-1: from multicast of wide scope", WAN, "[ff0e::1]:1 > [2600:1:2:3::9]:2", "drop rule"},
        {"REC-3: from site-local", WAN, "[fec0::1]:1 > [2600:1:2:3::9]:2", "drop rule"},
        {"REC-3: to site-local", LAN, "[2600:1:2:3::9]:1 > [fec0::1]:2", "drop rule"},
        {"REC-3: from an IPv4-mapped one", WAN, "[::ffff:198.51.100.1]:1 > [2600:1:2:3::9]:2", "drop rule"},
        {"REC-3: to an IPv4-mapped one", LAN, "[2600:1:2:3::9]:1 > [::ffff:c633:6401]:2", "drop rule"},
        {"REC-3: from an IPv4-compatible one", WAN, "[::c633:6401]:1 > [2600:1:2:3::9]:2", "drop rule"},
        {"REC-3: to documentation", LAN, "[2600:1:2:3::9]:1 > [2001:db8::1]:2", "drop rule"},
        {"REC-3: from documentation", WAN, "[2001:db8::1]:1 > [2600:1:2:3::9]:2", "drop rule"},
        {"REC-3: to ORCHID", LAN, "[2600:1:2:3::9]:1 > [2001:10::1]:2", "drop rule"},
        {"REC-5: out with a source that is not inside", LAN, "[2600:7::1]:1 > [2600:9::1]:2", "drop spoofed"},
        {"REC-6: in with a source that is inside", WAN, "[2600:1:2:3::77]:1 > [2600:1:2:3::9]:2", "drop spoofed"},
        {"REC-7: unique local, in", WAN, "[fd00:7::1]:1 > [2600:1:2:3::9]:2", "drop rule"},
        {"REC-7: to unique local, out", LAN, "[2600:1:2:3::9]:1 > [fd00:7::1]:2", "drop rule"},
        {"REC-7: from unique local, out", LAN, "[fd00:1::9]:1 > [2600:9::1]:2", "drop rule"},
        {"REC-8: a question for a name, from outside", WAN, "[2600:9::2]:1 > [2600:1:2:3::1]:53", "drop rule"},
        {"REC-9: a question for an address, from outside", WAN, "[2600:9::2]:546 > [2600:1:2:3::1]:547", "drop rule"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct house h = open_rules(ZONES "include \"rules/rfc6092.rules\"\nallow from any\n");
        struct bytes b = udp(rows[i].ends, 8);
        judge(&h, rows[i].zone, &b);
        if (strcmp(h.text, rows[i].wanted) != 0)
            fail_msg("%s: %s", rows[i].name, h.text);
        close_house(&h);
    }
}

/* REC-2: multicast of no scope is passed on, whatever the rules allow. REC-4: nor is a type 0 routing header, with
 * hops to go or without. */
TEST(what_no_rule_can_pass_on)
{
    struct house h = open_rules(ZONES "allow from any\n");
    static const char *const groups[] = {"ff02::1", "ff05::1:3", "ff08::1", "ff0e::1", "224.0.0.1", "239.255.255.250"};
    for (size_t i = 0; i < COUNT(groups); i++) {
        bool is_ipv4 = strchr(groups[i], '.') != NULL;
        char ends[100];
        snprintf(ends, sizeof ends, is_ipv4 ? "192.168.1.9:1 > %s:2" : "[2600:1:2:3::9]:1 > [%s]:2", groups[i]);
        struct bytes b = udp(ends, 8);
        judge(&h, LAN, &b);
        CHECK_EQUAL(groups[i], h.verdict.zone_out, ROUTER);
    }
    for (uint8_t left = 0; left < 2; left++)
        for (uint8_t units = 1; units < 4; units += 2) {
            uint8_t routing[24] = {0, 0, 0, left};
            struct bytes out = udp("[2600:1:2:3::9]:1 > [2600:9::1]:2", 8),
                         in = udp("[2600:9::1]:1 > [2600:1:2:3::9]:2", 8);
            EXPECT(&h, LAN, with_extension(out, 43, routing, units), "drop malformed");
            EXPECT(&h, WAN, with_extension(in, 43, routing, units), "drop malformed");
            EXPECT(&h, WAN, with_extension(with_extension(in, 43, routing, units), 60, NULL, 1), "drop malformed");
        }
    close_house(&h);
}

/* ---- flows ---- */

/* A packet of any protocol between an inside and an outside. */
static struct bytes packet(uint8_t proto, bool is_out, unsigned in, unsigned outside, uint16_t sport, uint16_t dport)
{
    char ends[120], bare[120], a[40], b[40];
    snprintf(a, sizeof a, "2600:1:2:3::%x", in);
    snprintf(b, sizeof b, "2600:9::%x", outside);
    snprintf(ends, sizeof ends, "[%s]:%u > [%s]:%u", is_out ? a : b, is_out ? sport : dport, is_out ? b : a,
             is_out ? dport : sport);
    snprintf(bare, sizeof bare, "%s > %s", is_out ? a : b, is_out ? b : a);
    switch (proto) {
    case TG_PROTO_TCP: return is_out ? tcp(ends, SYN, 100, 0, 0) : tcp(ends, SYN | ACK, 500, 101, 0);
    case TG_PROTO_UDP:
    case TG_PROTO_UDPLITE:
    case TG_PROTO_SCTP: return datagram(proto, ends, 16);
    case DCCP: return is_out ? dccp(ends, 0, 100, 0, 0) : dccp(ends, 1, 900, 100, 0);
    case TG_PROTO_ICMP6: return is_out ? ping(bare, sport) : pong(bare, sport);
    default: return ip_packet(bare, proto, "0123456789abcdef", 16);
    }
}

static const struct protocol {
    const char *name;
    uint8_t proto;
    double least; /* seconds that it must live unanswered */
} protocols[] = {
    {"udp, REC-14", TG_PROTO_UDP, 120},
    {"udplite, REC-20", TG_PROTO_UDPLITE, 120},
    {"tcp, REC-35", TG_PROTO_TCP, 240},
    {"sctp", TG_PROTO_SCTP, 240},
    {"icmp6", TG_PROTO_ICMP6, 60},
    {"esp", TG_PROTO_ESP, 120},
    {"ah", TG_PROTO_AH, 120},
    {"dccp, REC-44", DCCP, 480},
    {"hip", HIP, 120},
    {"something, REC-12", SOMETHING, 120},
};

/* What goes out has its answers, to itself alone, for as long as it must, and nothing else comes in. */
TEST(flows_that_begin_inside)
{
    for (size_t i = 0; i < COUNT(protocols); i++) {
        const struct protocol *row = &protocols[i];
        struct house h = open_simple();
        bool has_ports = tg_proto_has_ports(row->proto);
        EXPECT(&h, LAN, packet(row->proto, true, 9, 1, 5000, 8000), "accept rule");
        wait_for(&h, row->least);
        EXPECT(&h, WAN, packet(row->proto, false, 9, 1, 5000, 8000), "accept established");
        struct bytes others[] = {packet(row->proto, false, 9, 2, 5000, 8000),
                                 packet(row->proto, false, 8, 1, 5000, 8000),
                                 packet(row->proto, false, 9, 1, 5001, 8000),
                                 packet(row->proto, false, 9, 1, 5000, 8001)};
        for (size_t n = 0; n < (has_ports ? 4 : 2); n++) {
            judge(&h, WAN, &others[n]);
            CHECK_EQUAL(row->name, h.verdict.action, TG_DROP);
        }
        EXPECT(&h, LAN, packet(row->proto, true, 9, 1, 5000, 8000), "accept established");
        close_house(&h);
    }
}

/* REC-16, REC-12: what goes out keeps it alive, ever anew. */
TEST(flows_that_are_kept_alive_from_inside)
{
    for (size_t i = 0; i < COUNT(protocols); i++) {
        struct house h = open_simple();
        EXPECT(&h, LAN, packet(protocols[i].proto, true, 9, 1, 5000, 8000), "accept rule");
        for (int n = 0; n < 5; n++) {
            wait_for(&h, protocols[i].least);
            EXPECT(&h, LAN, packet(protocols[i].proto, true, 9, 1, 5000, 8000), "accept established");
        }
        close_house(&h);
    }
}

/* Unreachable and too big for the flow come through from whoever on the way has to say it (REC-10, 18, 24, 36, 41, 45);
 * nothing of ICMPv6 ends or lengthens a flow (REC-19, 37, 42, 46). */
TEST(errors_about_flows)
{
    for (size_t i = 0; i < COUNT(protocols); i++) {
        const struct protocol *row = &protocols[i];
        struct house h = open_simple();
        struct bytes about = packet(row->proto, true, 9, 1, 5000, 8000);
        EXPECT(&h, LAN, about, "accept rule");
        for (unsigned type = 0; type < 256; type++)
            for (uint8_t code = 0; code < 8; code++) {
                struct bytes error = icmp_error("2600:77::1 > 2600:1:2:3::9", (uint8_t)type, code, &about, 200);
                judge(&h, WAN, &error);
                if (type == 1 || type == 2 || type == 3)
                    CHECK_EQUAL(row->name, h.verdict.reason, TG_REASON_RELATED);
            }
        EXPECT(&h, WAN, icmp_error("2600:77::1 > 2600:1:2:3::8", 1, 0, &about, 200), "drop invalid"); /* to another */
        EXPECT(&h, LAN, packet(row->proto, true, 9, 1, 5000, 8000), "accept established");
        EXPECT(&h, WAN, packet(row->proto, false, 9, 1, 5000, 8000), "accept established");
        close_house(&h);
    }
}

/* REC-10: errors that belong to nothing that goes out are not passed on. */
TEST(errors_about_nothing)
{
    for (size_t i = 0; i < COUNT(protocols); i++) {
        struct house h = open_simple();
        struct bytes about = packet(protocols[i].proto, true, 9, 1, 5000, 8000),
                     other = packet(protocols[i].proto, true, 9, 2, 5000, 8000);
        for (uint8_t code = 0; code < 8; code++) {
            EXPECT(&h, WAN, icmp_error("2600:9::1 > 2600:1:2:3::9", 1, code, &about, 200), "drop invalid");
            EXPECT(&h, WAN, icmp_error("2600:9::1 > 2600:1:2:3::9", 2, 0, &about, 200), "drop invalid");
        }
        EXPECT(&h, LAN, about, "accept rule");
        EXPECT(&h, WAN, icmp_error("2600:9::1 > 2600:1:2:3::9", 1, 4, &other, 200), "drop invalid");
        close_house(&h);
    }
}

/* REC-20: UDP-Lite is like UDP and not the same. */
TEST(udplite_is_no_udp)
{
    struct house h = open_simple();
    EXPECT(&h, LAN, packet(TG_PROTO_UDP, true, 9, 1, 5000, 8000), "accept rule");
    EXPECT(&h, WAN, packet(TG_PROTO_UDPLITE, false, 9, 1, 5000, 8000), "drop default");
    EXPECT(&h, LAN, packet(TG_PROTO_UDPLITE, true, 9, 1, 5000, 8000), "accept rule");
    EXPECT(&h, WAN, packet(TG_PROTO_UDPLITE, false, 9, 1, 5000, 8000), "accept established");
    close_house(&h);
}

/* REC-25: ESP is told by its addresses, not by the numbers of its associations: the answers have others. */
TEST(esp_is_told_by_its_addresses)
{
    struct house h = open_simple();
    EXPECT(&h, LAN, ip_packet("2600:1:2:3::9 > 2600:9::1", TG_PROTO_ESP, "AAAA00000001", 12), "accept rule");
    EXPECT(&h, WAN, ip_packet("2600:9::1 > 2600:1:2:3::9", TG_PROTO_ESP, "BBBB00000001", 12), "accept established");
    EXPECT(&h, LAN, ip_packet("2600:1:2:3::9 > 2600:9::1", TG_PROTO_ESP, "CCCC00000001", 12), "accept established");
    close_house(&h);
}

/* REC-49: one line makes a router that refuses nobody, and still knows who speaks to whom. */
TEST(a_transparent_router)
{
    struct house h = open_rules(ZONES "allow from any\n");
    for (size_t i = 0; i < COUNT(protocols); i++) {
        uint8_t proto = protocols[i].proto;
        struct bytes first = proto == TG_PROTO_TCP     ? tcp("[2600:9::1]:1 > [2600:1:2:3::9]:2", SYN, 1, 0, 0)
                             : proto == TG_PROTO_ICMP6 ? ping("2600:9::1 > 2600:1:2:3::9", 7)
                             : proto == DCCP           ? dccp("[2600:9::1]:1 > [2600:1:2:3::9]:2", 0, 1, 0, 0)
                                                       : packet(proto, false, 9, 1, 5000, 8000);
        EXPECT(&h, WAN, first, "accept rule");
        assert_int_equal(h.verdict.zone_out, LAN);
    }
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_do_not_belong),
        cmocka_unit_test(what_no_rule_can_pass_on),
        cmocka_unit_test(flows_that_begin_inside),
        cmocka_unit_test(flows_that_are_kept_alive_from_inside),
        cmocka_unit_test(errors_about_flows),
        cmocka_unit_test(errors_about_nothing),
        cmocka_unit_test(udplite_is_no_udp),
        cmocka_unit_test(esp_is_told_by_its_addresses),
        cmocka_unit_test(a_transparent_router),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
