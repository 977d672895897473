/* Whether imported rules mean what firewall4 makes of the same file: packets, and what becomes of them.
 *
 * The files are those of tests/import, all with the networks of house.network; the outcomes were worked out by hand
 * from what firewall4's chains do.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "import/import.h"
#include "probe/probe.h"

static char *read_whole(const char *name, const char *ending, size_t *len)
{
    char path[200], *bytes = calloc(1, 1 << 18);
    snprintf(path, sizeof path, "tests/import/%s.%s", name, ending);
    FILE *file = fopen(path, "rb");
    *len = 0;
    if (file != NULL) {
        *len = fread(bytes, 1, (1 << 18) - 1, file);
        fclose(file);
    }
    return bytes;
}

static int memory_read(void *context, const char *path, char **text, size_t *len)
{
    (void)path;
    *text = strdup(context);
    *len = strlen(*text);
    return 0;
}

static struct tg_policy *imported(const char *name)
{
    struct import_text firewall = {.path = name}, network = {.path = name};
    struct import_result result;
    char *firewall_text = read_whole(name, "config", &firewall.len);
    char *network_text = read_whole("house", "network", &network.len);
    firewall.text = firewall_text;
    network.text = network_text;
    assert_int_equal(import_openwrt(&firewall, &network, &result), 0);
    const struct tg_source source = {.read = memory_read, .context = result.rules};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, "made.rules", complaints);
    assert_non_null(policy);
    tg_complaints_free(complaints);
    import_clear(&result);
    free(firewall_text);
    free(network_text);
    return policy;
}

struct row {
    const char *packet, *verdict; /* "accept", or the host that it is forwarded to */
};

static void judge(const struct tg_policy *policy, const struct row *row)
{
    static const char *const actions[] = {[TG_ACCEPT] = "accept", [TG_DROP] = "drop", [TG_REJECT] = "reject"};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_probe probe;
    struct probe_outcome outcome;
    char host[TG_ADDR_TEXT];
    CHECK(row->packet, tg_probe_parse(policy, row->packet, &probe, complaints) == 0);
    CHECK(row->packet, probe_judge(policy, &probe, NULL, NULL, &outcome) == 0);
    const char *got = actions[outcome.verdict.action];
    if (outcome.verdict.action == TG_ACCEPT && outcome.verdict.reason == TG_REASON_FORWARD)
        got = tg_addr_format(outcome.verdict.to.family, outcome.verdict.to.dst, host);
    if (strcmp(got, row->verdict) != 0)
        fail_msg("%s: wanted %s, got %s", row->packet, row->verdict, got);
    tg_complaints_free(complaints);
}

static void judge_all(const char *name, const struct row *rows, size_t count)
{
    struct tg_policy *policy = imported(name);
    for (size_t i = 0; i < count; i++)
        judge(policy, &rows[i]);
    tg_policy_free(policy);
}

TEST(house)
{
    static const struct row rows[] = {
        /* the router */
        {"tcp from router to wan 198.51.100.1 port 443", "accept"},
        {"tcp from router to wan 198.51.100.1 port 23", "drop"},
        {"tcp from router to lan 192.168.1.9 port 23", "accept"},
        {"sctp from router to lan 192.168.1.9 port 23", "reject"},
        {"tcp from lan to router port 80", "accept"},
        {"tcp from guest to router port 80", "reject"},
        {"udp from guest to router port 53", "accept"},
        {"udp from guest to router port 67", "accept"},
        {"icmp echo-request from wan to router", "accept"},
        {"tcp from wan to router port 22", "accept"},
        {"tcp from wan to router port 23", "reject"},
        /* through */
        {"tcp from lan to wan 198.51.100.1 port 443", "accept"},
        {"tcp from lan 192.168.1.9 to wan 198.51.100.1 port 25", "reject"},
        {"tcp from lan 192.168.1.25 to wan 198.51.100.1 port 25", "accept"},
        {"tcp from lan fd00:1::9 to wan 2001:db8::1 port 25", "accept"},
        {"tcp from lan to wan 192.168.100.1 port 80", "drop"},
        {"tcp from lan to guest 192.168.3.9 port 80", "reject"},
        {"tcp from guest to wan 198.51.100.1 port 80", "accept"},
        {"tcp from guest to lan 192.168.1.9 port 80", "reject"},
        {"tcp from guest to guest 192.168.3.9 port 80", "reject"},
        {"tcp from wan 198.51.100.7 to lan 192.168.1.50 port 80", "reject"},
        {"tcp from lan 192.168.1.9 to lan 192.168.1.50 port 80", "accept"},
        /* forwarded */
        {"tcp from wan 198.51.100.7 to router port 8080", "192.168.1.50"},
        {"udp from wan 198.51.100.7 to router port 554", "192.168.1.50"},
        {"udp from wan 192.0.2.7 to router port 554", "reject"},
        {"tcp from wan 198.51.100.7 to 203.0.113.2 port 37778", "192.168.1.51"},
        {"udp from wan 198.51.100.7 to 203.0.113.2 port 37778", "reject"},
    };
    judge_all("house", rows, COUNT(rows));
}

TEST(exposed)
{
    static const struct row rows[] = {
        {"tcp from wan 198.51.100.7 to router port 80", "192.168.1.10"},
        {"tcp from wan 198.51.100.7 to router port 4711", "192.168.1.99"},
        {"sctp from wan 198.51.100.7 to router port 4711", "192.168.1.99"},
        {"icmp echo-request from wan 198.51.100.7 to router", "accept"},
        {"tcp from wan 2001:db8:9::7 to router port 80", "drop"},
        {"tcp from lan to router port 80", "accept"},
        {"tcp from lan to wan 198.51.100.1 port 80", "accept"},
    };
    judge_all("exposed", rows, COUNT(rows));
}

TEST(openwrt)
{
    static const struct row rows[] = {
        {"tcp from router to wan 198.51.100.1 port 80", "accept"},
        {"udp from wan 198.51.100.1 to router port 68", "accept"},
        {"udp from wan 2001:db8::1 to router port 68", "reject"},
        {"udp from wan fe80::1 to router port 546", "accept"},
        {"udp from wan 198.51.100.1 to router port 546", "reject"},
        {"icmp echo-request from wan 198.51.100.1 to router", "accept"},
        {"icmp timestamp-request from wan 198.51.100.1 to router", "reject"},
        {"icmp6 130/0 from wan fe80::1 to router", "accept"},
        {"icmp6 130/0 from wan 2001:db8::1 to router", "reject"},
        {"tcp from wan 198.51.100.1 to router port 22", "reject"},
        {"tcp from lan to router port 22", "accept"},
        {"tcp from lan to wan 198.51.100.1 port 22", "accept"},
        {"udp from wan 2001:db8::1 to lan fd00:1::9 port 500", "accept"},
        {"udp from wan 2001:db8::1 to lan fd00:1::9 port 501", "reject"},
        {"esp from wan 2001:db8::1 to lan fd00:1::9", "accept"},
    };
    judge_all("openwrt-default", rows, COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(house),
        cmocka_unit_test(exposed),
        cmocka_unit_test(openwrt),
    };
    return cmocka_run_group_tests_name("import_meaning", tests, NULL, NULL);
}
