/* Packets and totals in words. Each row is a packet with its verdict, and the line that must come of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "policy/policy.h"
#include "report/report.h"
#include "report/summary.h"

enum { WAN = TG_ZONE_FIRST, LAN, RULE = 0, FORWARD, LOGGED, LABELLED, BARE };

static struct tg_policy *policy;

static int set_up(void **state)
{
    (void)state;
    const char *outside[] = {"eth0"}, *inside[] = {"br-lan"};
    const struct tg_zone wan = {.name = "wan", .interfaces = outside, .interface_count = 1, .masquerade = true};
    const struct tg_zone lan = {.name = "lan", .interfaces = inside, .interface_count = 1};
    const struct tg_statement rule = {TG_STATEMENT_DROP, "home.rules", 3, "drop udp from wan", NULL, NULL};
    const struct tg_statement forward = {
        TG_STATEMENT_FORWARD, "home.rules", 14, "forward tcp port 8080 from wan to cam", "Front \"door\"", NULL};
    const struct tg_statement logged = {TG_STATEMENT_DROP, "home.rules", 9, "drop tcp from lan", "mail", "smtp out"};
    const struct tg_statement labelled = {TG_STATEMENT_REJECT, "home.rules", 10, "reject from lan", "mail", ""};
    const struct tg_statement bare = {TG_STATEMENT_ALLOW, "ho\nme.rules", 11, "allow from lan", NULL, ""};
    const struct tg_statement map = {TG_STATEMENT_MAP, "home.rules", 20, "map 203.0.113.9 on wan", NULL, NULL};
    uint32_t number;
    setenv("TZ", "UTC", 1);
    tzset();
    policy = policy_new();
    return !policy || policy_add_zone(policy, &wan) || policy_add_zone(policy, &lan) ||
           policy_add_statement(policy, &rule, &number) || policy_add_statement(policy, &forward, &number) ||
           policy_add_statement(policy, &logged, &number) || policy_add_statement(policy, &labelled, &number) ||
           policy_add_statement(policy, &bare, &number) || policy_add_statement(policy, &map, &number) ||
           policy_seal(policy);
}

static int tear_down(void **state)
{
    (void)state;
    tg_policy_free(policy);
    return 0;
}

static struct tg_tuple tuple(const char *src, uint16_t sport, const char *dst, uint16_t dport, uint8_t proto)
{
    struct tg_tuple t = {.sport = sport, .dport = dport, .proto = proto};
    assert_int_equal(tg_addr_parse(src, &t.family, &t.src), 0);
    assert_int_equal(tg_addr_parse(dst, &t.family, &t.dst), 0);
    return t;
}

static struct report_packet packet_report(const struct tg_packet *packet, const struct tg_verdict *verdict)
{
    return (struct report_packet){17, UINT64_C(1700000000000123456), policy, packet, verdict};
}

static void check_text(const struct tg_packet *packet, const struct tg_verdict *verdict, const char *expected)
{
    char line[REPORT_ROOM];
    struct report_packet report = packet_report(packet, verdict);
    size_t len = report_text(line, sizeof line, &report);
    assert_string_equal(line, expected);
    assert_int_equal(len, strlen(expected));
}

static void check_json(const struct tg_packet *packet, const struct tg_verdict *verdict, const char *expected)
{
    char line[REPORT_ROOM];
    struct report_packet report = packet_report(packet, verdict);
    size_t len = report_json(line, sizeof line, &report);
    assert_string_equal(line, expected);
    assert_int_equal(len, strlen(expected));
}

/* A SYN to a forwarded port, and what becomes of it. */
static struct tg_packet syn(void)
{
    return (struct tg_packet){
        .outer = {.tuple = tuple("198.51.100.9", 40000, "203.0.113.1", 8080, TG_PROTO_TCP), .transport = 20, .end = 40},
        .kind = TG_TRANSPORT_TCP,
        .tcp = {.seq = 1000, .window = 512, .flags = TG_TCP_SYN},
    };
}

static struct tg_verdict forwarded(void)
{
    return (struct tg_verdict){
        .action = TG_ACCEPT,
        .reason = TG_REASON_FORWARD,
        .state = TG_STATE_NEW,
        .zone_in = WAN,
        .zone_out = LAN,
        .statement = FORWARD,
        .translation = TG_TRANSLATE_WHOLE,
        .to = tuple("198.51.100.9", 40000, "192.168.1.50", 80, TG_PROTO_TCP),
    };
}

static void test_forwarded(void **state)
{
    (void)state;
    struct tg_packet packet = syn();
    struct tg_verdict verdict = forwarded();
    check_text(
        &packet, &verdict,
        "    17  22:13:20.000123 wan > lan: IP 198.51.100.9.40000 > 203.0.113.1.8080: Flags [S], seq 1000, win 512, "
        "length 0  accept: forward, home.rules:14 \"Front \"door\"\", leaves as 198.51.100.9.40000 > "
        "192.168.1.50.80\n");
    check_json(&packet, &verdict,
               "{\"packet\":17,\"time\":\"1700000000.000123\",\"in\":\"wan\",\"out\":\"lan\",\"proto\":\"tcp\","
               "\"src\":\"198.51.100.9\",\"sport\":40000,\"dst\":\"203.0.113.1\",\"dport\":8080,"
               "\"verdict\":\"accept\",\"reason\":\"forward\",\"state\":\"new\",\"file\":\"home.rules\",\"line\":14,"
               "\"to\":{\"src\":\"198.51.100.9\",\"sport\":40000,\"dst\":\"192.168.1.50\",\"dport\":80}}\n");
}

static void test_words(void **state)
{
    (void)state;
    char words[256];
    struct tg_packet packet = syn();
    struct tg_verdict verdict = forwarded();
    struct report_packet report = packet_report(&packet, &verdict);
    report_words(words, sizeof words, &report);
    assert_string_equal(words, "accept: forward, home.rules:14 \"Front \"door\"\", came as 198.51.100.9.40000 > "
                               "203.0.113.1.8080");
    verdict.reason = TG_REASON_ESTABLISHED;
    verdict.translation = TG_TRANSLATE_NONE;
    report_words(words, sizeof words, &report);
    assert_string_equal(words, "accept: established, begun by home.rules:14 \"Front \"door\"\"");
}

/* Nobody would get it: no `out`. Nothing decided by name: no rule. */
static void test_default(void **state)
{
    (void)state;
    struct tg_packet packet = {
        .outer = {.tuple = tuple("2001:db8::1", 53, "fd00::5", 5353, TG_PROTO_UDP), .transport = 40, .end = 60},
        .kind = TG_TRANSPORT_PORTS,
    };
    struct tg_verdict verdict = {TG_DROP, TG_REASON_DEFAULT, TG_STATE_NEW, .zone_in = WAN,
                                 .statement = TG_NO_STATEMENT};
    check_text(&packet, &verdict,
               "    17  22:13:20.000123 wan: IP6 2001:db8::1.53 > fd00::5.5353: udp, length 20  drop: default\n");
    check_json(&packet, &verdict,
               "{\"packet\":17,\"time\":\"1700000000.000123\",\"in\":\"wan\",\"proto\":\"udp\","
               "\"src\":\"2001:db8::1\",\"sport\":53,\"dst\":\"fd00::5\",\"dport\":5353,"
               "\"verdict\":\"drop\",\"reason\":\"default\",\"state\":\"new\"}\n");
}

/* The identifier is the port of the side that asks, also in the answer and where it is translated. */
static void test_queries(void **state)
{
    (void)state;
    struct tg_packet packet = {
        .outer = {.tuple = tuple("192.168.1.5", 77, "198.51.100.9", 8, TG_PROTO_ICMP), .transport = 20, .end = 28},
        .kind = TG_TRANSPORT_QUERY,
        .icmp = {8, 0, false},
    };
    struct tg_verdict verdict = {
        .action = TG_ACCEPT,
        .reason = TG_REASON_RULE,
        .state = TG_STATE_NEW,
        .zone_in = LAN,
        .zone_out = WAN,
        .statement = RULE,
        .translation = TG_TRANSLATE_WHOLE,
        .to = tuple("203.0.113.1", 99, "198.51.100.9", 8, TG_PROTO_ICMP),
    };
    check_json(&packet, &verdict,
               "{\"packet\":17,\"time\":\"1700000000.000123\",\"in\":\"lan\",\"out\":\"wan\",\"proto\":\"icmp\","
               "\"src\":\"192.168.1.5\",\"dst\":\"198.51.100.9\",\"type\":8,\"code\":0,\"id\":77,"
               "\"verdict\":\"accept\",\"reason\":\"rule\",\"state\":\"new\",\"file\":\"home.rules\",\"line\":3,"
               "\"to\":{\"src\":\"203.0.113.1\",\"dst\":\"198.51.100.9\",\"id\":99}}\n");
    check_text(&packet, &verdict,
               "    17  22:13:20.000123 lan > wan: IP 192.168.1.5 > 198.51.100.9: ICMP echo-request, id 77  "
               "accept: rule, home.rules:3, leaves as 203.0.113.1 > 198.51.100.9, id 99\n");
    /* an answer whose identifier looks like its own type */
    packet.outer.tuple = tuple("198.51.100.9", 8, "192.168.1.5", 0, TG_PROTO_ICMP);
    packet.icmp.type = 0;
    verdict.reason = TG_REASON_ESTABLISHED;
    verdict.translation = TG_TRANSLATE_NONE;
    check_text(&packet, &verdict,
               "    17  22:13:20.000123 lan > wan: IP 198.51.100.9 > 192.168.1.5: ICMP echo-reply, id 0  "
               "accept: established, begun by home.rules:3\n");
    packet.outer.tuple = tuple("2001:db8::1", 128, "fd00::5", 5, TG_PROTO_ICMP6);
    packet.icmp.type = 129;
    check_text(&packet, &verdict,
               "    17  22:13:20.000123 lan > wan: IP6 2001:db8::1 > fd00::5: ICMP echo-reply, id 5  "
               "accept: established, begun by home.rules:3\n");
}

static void test_error(void **state)
{
    (void)state;
    struct tg_packet packet = {
        .outer = {.tuple = tuple("198.51.100.1", 0, "203.0.113.1", 0, TG_PROTO_ICMP), .transport = 20, .end = 56},
        .kind = TG_TRANSPORT_ERROR,
        .icmp = {3, 3, false},
        .quoted = true,
        .quote = {.tuple = tuple("203.0.113.1", 5000, "198.51.100.9", 53, TG_PROTO_UDP)},
    };
    struct tg_verdict verdict = {TG_ACCEPT,      TG_REASON_RELATED, TG_STATE_RELATED,
                                 .zone_in = WAN, .zone_out = LAN,   .statement = RULE};
    check_text(&packet, &verdict,
               "    17  22:13:20.000123 wan > lan: IP 198.51.100.1 > 203.0.113.1: ICMP unreachable, code 3, about "
               "203.0.113.1.5000 > 198.51.100.9.53  accept: related, begun by home.rules:3\n");
    check_json(
        &packet, &verdict,
        "{\"packet\":17,\"time\":\"1700000000.000123\",\"in\":\"wan\",\"out\":\"lan\",\"proto\":\"icmp\","
        "\"src\":\"198.51.100.1\",\"dst\":\"203.0.113.1\",\"type\":3,\"code\":3,"
        "\"verdict\":\"accept\",\"reason\":\"related\",\"state\":\"related\",\"file\":\"home.rules\",\"line\":3}\n");
}

/* A later fragment has no ports; a protocol without a name is a number. */
static void test_fragment(void **state)
{
    (void)state;
    struct tg_packet packet = {
        .outer = {.tuple = tuple("198.51.100.1", 0, "203.0.113.1", 0, TG_PROTO_UDP), .transport = 20, .end = 1020},
        .kind = TG_TRANSPORT_LATER,
        .fragment = true,
        .more_fragments = true,
        .fragment_offset = 1480,
        .fragment_id = 7,
    };
    struct tg_verdict verdict = {TG_DROP, TG_REASON_FRAGMENT, TG_STATE_INVALID, .zone_in = WAN,
                                 .statement = TG_NO_STATEMENT};
    check_text(&packet, &verdict,
               "    17  22:13:20.000123 wan: IP 198.51.100.1 > 203.0.113.1: udp, length 1000 (frag 7:1000@1480+)  "
               "drop: fragment\n");
    packet.outer.tuple.proto = 253;
    check_json(&packet, &verdict,
               "{\"packet\":17,\"time\":\"1700000000.000123\",\"in\":\"wan\",\"proto\":253,\"src\":\"198.51.100.1\","
               "\"dst\":\"203.0.113.1\",\"verdict\":\"drop\",\"reason\":\"fragment\",\"state\":\"invalid\"}\n");
}

/* What could not be read is left out; no zone is known either. */
static void test_malformed(void **state)
{
    (void)state;
    struct tg_packet packet = {.wire_len = 12};
    struct tg_verdict verdict = {TG_DROP, TG_REASON_MALFORMED, TG_STATE_INVALID, .statement = TG_NO_STATEMENT};
    check_text(&packet, &verdict, "    17  22:13:20.000123 ?: IP, not readable, length 12  drop: malformed\n");
    check_json(&packet, &verdict,
               "{\"packet\":17,\"time\":\"1700000000.000123\",\"verdict\":\"drop\",\"reason\":\"malformed\","
               "\"state\":\"invalid\"}\n");
    packet.outer.tuple = tuple("198.51.100.1", 0, "203.0.113.1", 0, TG_PROTO_TCP);
    check_json(&packet, &verdict,
               "{\"packet\":17,\"time\":\"1700000000.000123\",\"proto\":\"tcp\",\"src\":\"198.51.100.1\","
               "\"dst\":\"203.0.113.1\",\"verdict\":\"drop\",\"reason\":\"malformed\",\"state\":\"invalid\"}\n");
}

static void test_non_ip(void **state)
{
    (void)state;
    struct tg_verdict verdict = {TG_ACCEPT, TG_REASON_NON_IP, TG_STATE_UNTRACKED, .zone_in = LAN,
                                 .statement = TG_NO_STATEMENT};
    check_text(NULL, &verdict, "    17  22:13:20.000123 lan: not IP  accept: non-ip\n");
    check_json(NULL, &verdict,
               "{\"packet\":17,\"time\":\"1700000000.000123\",\"in\":\"lan\",\"verdict\":\"accept\","
               "\"reason\":\"non-ip\",\"state\":\"untracked\"}\n");
}

/* What is logged, in the three ways of telling it: a line of a log, the text's end, the JSON's. */
static void test_logged(void **state)
{
    (void)state;
    const struct {
        struct tg_tuple tuple;
        uint32_t statement;
        enum tg_action action;
        const char *line, *text, *json;
    } rows[] = {
        {tuple("192.168.1.20", 50001, "198.51.100.25", 25, TG_PROTO_TCP), LOGGED, TG_DROP,
         "smtp out: drop home.rules:9 tcp lan 192.168.1.20:50001 > wan 198.51.100.25:25\n",
         "drop: rule, home.rules:9 \"mail\", log \"smtp out\"\n", "\"line\":9,\"log\":\"smtp out\"}\n"},
        {tuple("fd00::5", 50001, "2001:db8::1", 25, TG_PROTO_UDP), LABELLED, TG_REJECT,
         "mail: reject home.rules:10 udp lan [fd00::5]:50001 > wan [2001:db8::1]:25\n",
         "reject: rule, home.rules:10 \"mail\", log\n", "\"line\":10,\"log\":\"mail\"}\n"},
        {tuple("192.168.1.20", 0, "198.51.100.25", 0, 47), BARE, TG_ACCEPT,
         "accept ho?me.rules:11 gre lan 192.168.1.20 > wan 198.51.100.25\n", "accept: rule, ho\nme.rules:11, log\n",
         "\"line\":11,\"log\":\"\"}\n"},
        {tuple("192.168.1.20", 0, "198.51.100.25", 0, 253), BARE, TG_ACCEPT,
         "accept ho?me.rules:11 proto 253 lan 192.168.1.20 > wan 198.51.100.25\n",
         "accept: rule, ho\nme.rules:11, log\n", "\"line\":11,\"log\":\"\"}\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[REPORT_ROOM];
        struct tg_packet packet = {.outer = {.tuple = rows[i].tuple}, .kind = TG_TRANSPORT_PORTS};
        struct tg_verdict verdict = {rows[i].action,
                                     TG_REASON_RULE,
                                     TG_STATE_NEW,
                                     .zone_in = LAN,
                                     .zone_out = WAN,
                                     .log = true,
                                     .statement = rows[i].statement};
        struct report_packet report = packet_report(&packet, &verdict);
        assert_int_equal(report_log(line, sizeof line, &report), strlen(rows[i].line));
        assert_string_equal(line, rows[i].line);
        assert_true(report_text(line, sizeof line, &report) > strlen(rows[i].text));
        assert_string_equal(line + strlen(line) - strlen(rows[i].text), rows[i].text);
        assert_true(report_json(line, sizeof line, &report) > strlen(rows[i].json));
        assert_string_equal(line + strlen(line) - strlen(rows[i].json), rows[i].json);
        verdict.log = false; /* a later packet of the same connection */
        report_text(line, sizeof line, &report);
        assert_null(strstr(line, ", log"));
        report_json(line, sizeof line, &report);
        assert_null(strstr(line, "\"log\""));
    }
}

static void test_logged_details(void **state)
{
    (void)state;
    char line[REPORT_ROOM];
    struct tg_packet packet = syn();
    struct tg_verdict verdict = forwarded();
    struct report_packet report = packet_report(&packet, &verdict);
    report_log(line, sizeof line, &report);
    assert_string_equal(line, "Front \"door\": accept home.rules:14 tcp wan 198.51.100.9:40000 > lan 203.0.113.1:8080, "
                              "leaves as 198.51.100.9:40000 > 192.168.1.50:80\n");
    packet = (struct tg_packet){
        .outer = {.tuple = tuple("192.168.1.5", 77, "203.0.113.1", 8, TG_PROTO_ICMP)},
        .kind = TG_TRANSPORT_QUERY,
        .icmp = {8, 0, false},
    };
    verdict = (struct tg_verdict){TG_DROP, TG_REASON_RULE, TG_STATE_NEW, .statement = RULE};
    report_log(line, sizeof line, &report);
    assert_string_equal(line, "drop home.rules:3 icmp echo-request ? 192.168.1.5 > 203.0.113.1\n");
    packet.icmp.type = 99;
    report_log(line, sizeof line, &report);
    assert_string_equal(line, "drop home.rules:3 icmp type 99 ? 192.168.1.5 > 203.0.113.1\n");
}

/* Where there was no room, what a statement has for its log is not the point. */
static void test_no_room(void **state)
{
    (void)state;
    char line[REPORT_ROOM];
    struct tg_packet packet = syn();
    struct tg_verdict verdict = {TG_DROP, TG_REASON_LIMIT, TG_STATE_NEW, .statement = RULE, .answer = true};
    struct report_packet report = packet_report(&packet, &verdict);
    report_log(line, sizeof line, &report);
    assert_string_equal(line, "no room: drop home.rules:3 tcp ? 198.51.100.9:40000 > 203.0.113.1:8080\n");
    report_words(line, sizeof line, &report);
    assert_string_equal(line, "drop: limit, the sender is told, begun by home.rules:3");
}

/* In whatever room, nothing is written outside it, a text line ends, and a JSON line is whole or not there. */
static void test_any_room(void **state)
{
    (void)state;
    struct tg_packet packet = syn();
    struct tg_verdict verdict = forwarded();
    struct report_packet report = packet_report(&packet, &verdict);
    for (size_t room = 2; room < 400; room++) {
        char *line = malloc(room); /* of just this size, so that a sanitizer sees its end */
        size_t len = report_text(line, room, &report);
        assert_true(len >= 1 && len < room && line[len - 1] == '\n' && line[len] == 0);
        assert_true(report_words(line, room, &report) < room);
        len = report_log(line, room, &report);
        assert_true(len >= 1 && len < room && line[len - 1] == '\n' && line[len] == 0);
        len = report_json(line, room, &report);
        assert_true(len == 0 || (len < room && line[len - 1] == '\n' && line[len - 2] == '}'));
        free(line);
    }
}

/* A rules file of a very long name is left out, the rest is told. */
static void test_long_name(void **state)
{
    (void)state;
    char name[3000], line[REPORT_ROOM];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    const struct tg_statement statement = {TG_STATEMENT_DROP, name, 3, "drop any", NULL, NULL};
    struct tg_policy *other = policy_new();
    uint32_t number;
    assert_int_equal(policy_add_statement(other, &statement, &number), 0);
    assert_int_equal(policy_seal(other), 0);
    struct tg_verdict verdict = {TG_DROP, TG_REASON_RULE, TG_STATE_NEW, .statement = number};
    struct tg_packet packet = syn();
    struct report_packet report = {1, 0, other, &packet, &verdict};
    assert_true(report_json(line, sizeof line, &report) > 0);
    struct json_object *object = json_tokener_parse(line);
    assert_non_null(object);
    assert_false(json_object_object_get_ex(object, "file", NULL));
    assert_true(json_object_object_get_ex(object, "line", NULL));
    json_object_put(object);
    tg_policy_free(other);
}

static void test_summary(void **state)
{
    (void)state;
    const struct tg_engine_config config = {.connections = 16, .workers = 1};
    struct tg_engine *engine = tg_engine_new(&config);
    struct tg_network *network = tg_policy_network(policy, NULL, 0);
    assert_non_null(engine);
    assert_non_null(network);
    assert_int_equal(tg_engine_load(engine, policy, network), 0);
    struct tg_packet packet = {.wire_len = 12};
    struct tg_verdict verdict;
    struct tg_arrival arrival = {.zone_in = WAN};
    tg_engine_judge(engine, 0, &packet, TG_MALFORMED, &arrival, &verdict);
    const struct summary summary = {engine, policy, .non_ip_packets = 2, .non_ip_bytes = 120};
    char *json = summary_json(&summary), *text = NULL;
    size_t len;
    assert_string_equal(
        json, "{\"summary\":{\"packets\":3,\"bytes\":132,\"accept\":2,\"drop\":1,\"reject\":0,\"reasons\":{\"rule\":0,"
              "\"forward\":0,\"default\":0,\"established\":0,\"related\":0,\"invalid\":0,\"malformed\":1,\"spoofed\":0,"
              "\"fragment\":0,\"limit\":0,\"non-ip\":2},\"rules\":[{\"file\":\"home.rules\",\"line\":3,\"hits\":0,"
              "\"bytes\":0},{\"file\":\"home.rules\",\"line\":14,\"hits\":0,\"bytes\":0},"
              "{\"file\":\"home.rules\",\"line\":9,\"hits\":0,\"bytes\":0},{\"file\":\"home.rules\",\"line\":10,"
              "\"hits\":0,\"bytes\":0},{\"file\":\"ho\\nme.rules\",\"line\":11,\"hits\":0,\"bytes\":0}],"
              "\"connections\":{\"peak\":0,\"tcp\":0,\"udp\":0,\"icmp\":0,\"other\":0}}}");
    FILE *out = open_memstream(&text, &len);
    summary_text(out, &summary);
    fclose(out);
    assert_non_null(strstr(text, "3 packets, 132 bytes: 2 accepted, 1 dropped, 0 rejected\n"
                                 "by reason: 1 malformed, 2 non-ip\nnothing hit:\n"));
    assert_non_null(strstr(text, "home.rules:14: forward tcp port 8080 from wan to cam\n"));
    assert_non_null(strstr(text, "me.rules:11: allow from lan\nconnections: 0 tcp")); /* and no map */
    free(text);
    free(json);
    tg_engine_free(engine);
    tg_network_free(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarded), cmocka_unit_test(test_words),          cmocka_unit_test(test_default),
        cmocka_unit_test(test_queries),   cmocka_unit_test(test_error),          cmocka_unit_test(test_fragment),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_non_ip),         cmocka_unit_test(test_any_room),
        cmocka_unit_test(test_no_room),   cmocka_unit_test(test_long_name),      cmocka_unit_test(test_summary),
        cmocka_unit_test(test_logged),    cmocka_unit_test(test_logged_details),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
