/* Expectations of a rules file, judged: which hold, and what is said of those that do not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "probe/expect.h"

static const char rules[] = "zone wan on eth0 address 203.0.113.1/24, 2001:db8::1/64 masquerade\n"
                            "zone lan on br-lan address 192.168.1.1/24, fd00:1::1/64\n"
                            "host cam = 192.168.1.50, fd00:1::50\n"
                            "host nas = 192.168.1.60\n"
                            "drop from wan 192.0.2.66\n"
                            "forward tcp port 8080 from wan to cam port 80\n"
                            "allow from lan to wan\n"
                            "allow from router\n"
                            "reject tcp from wan to router port 113\n";
enum { OWN_LINES = 9 };

/* A row's lines stand behind `rules`; its complaints are "LINE:COLUMN MESSAGE", LINE counted from the row's first. */
static const struct row {
    const char *name, *lines, *complaints;
    size_t held;
} rows[] = {
    {"none", "", "", 0},
    {"allowed", "expect from lan to wan is allowed\n", "", 1},
    {"a-forward-allows", "expect tcp from wan to router port 8080 is allowed\n", "", 1},
    {"dropped-by-default", "expect tcp from wan to router port 22 is dropped\n", "", 1},
    {"rejected", "expect tcp from wan to router port 113 is rejected\n", "", 1},
    {"forwarded", "expect tcp from wan to router port 8080 is forwarded to cam port http\n", "", 1},
    {"forwarded-any-port", "expect tcp from wan to router port 8080 is forwarded to 192.168.1.50\n", "", 1},
    {"a-pinhole",
     "expect tcp from wan to cam port 80 is dropped\n"
     "expect tcp from wan to fd00:1::50 port 80 is forwarded to cam port 80\n",
     "", 2},
    {"hairpin", "expect tcp from lan to 203.0.113.1 port 8080 is forwarded to cam port 80\n", "", 1},
    {"not-by-default", "expect tcp from wan to router port 22 is allowed\n",
     "1:42 expected to be allowed, and is dropped by the default, as no statement fits\n", 0},
    {"not-by-a-rule", "expect tcp from wan 192.0.2.66 to router port 8080 is forwarded  to cam\n",
     "1:55 expected to be forwarded to cam, and is dropped by test.rules:5\n", 0},
    {"silence-is-no-answer", "expect tcp from wan to router port 113 is dropped\n",
     "1:43 expected to be dropped, and is rejected by test.rules:9\n", 0},
    {"an-answer-is-no-silence", "expect tcp from wan to router port 22 is rejected\n",
     "1:42 expected to be rejected, and is dropped by the default, as no statement fits\n", 0},
    {"open-after-all", "expect tcp from wan to router port 8080 is dropped\n",
     "1:44 expected to be dropped, and is forwarded to 192.168.1.50 port 80 by test.rules:6\n", 0},
    {"open-straight-after-all", "expect tcp from wan to fd00:1::50 port 80 is dropped\n",
     "1:46 expected to be dropped, and is forwarded to fd00:1::50 port 80 by test.rules:6\n", 0},
    {"to-another-host", "expect tcp from wan to router port 8080 is forwarded to nas\n",
     "1:44 expected to be forwarded to nas, and is forwarded to 192.168.1.50 port 80 by test.rules:6\n", 0},
    {"to-another-port", "expect tcp from wan to router port 8080 is forwarded to cam port 8080\n",
     "1:44 expected to be forwarded to cam port 8080, and is forwarded to 192.168.1.50 port 80 by test.rules:6\n", 0},
    {"allowed-not-forwarded", "expect tcp from lan to 192.0.2.1 port 80 is forwarded to 192.0.2.1\n",
     "1:45 expected to be forwarded to 192.0.2.1, and is allowed by test.rules:7\n", 0},
    {"spoofed", "expect tcp from lan 10.9.9.9 to 192.0.2.1 port 80 is allowed\n",
     "1:54 expected to be allowed, and is dropped as spoofed: its source cannot be where it comes from\n", 0},
    {"at-a-time",
     "allow tcp from wan to router port 22 during mon-fri 08:00-17:00\n"
     "expect tcp from wan to router port 22 is allowed at monday 08:00\n"
     "expect tcp from wan to router port 22 is allowed at fri 16:59\n"
     "expect tcp from wan to router port 22 is dropped at fri 17:00\n"
     "expect tcp from wan to router port 22 is dropped at sat 10:00\n",
     "", 4},
    {"at-no-known-time",
     "allow tcp from wan to router port 22 during mon-sun\n"
     "expect tcp from wan to router port 22 is allowed\n",
     "2:42 expected to be allowed, and is dropped by the default, as no statement fits\n", 0},
    {"over-midnight-and-the-end-of-the-week",
     "allow tcp from wan to router port 22 during sun 23:00-01:00\n"
     "expect tcp from wan to router port 22 is dropped at sun 00:30\n"
     "expect tcp from wan to router port 22 is allowed at sun 23:00\n"
     "expect tcp from wan to router port 22 is allowed at mon 00:59\n"
     "expect tcp from wan to router port 22 is dropped at mon 01:00\n"
     "expect tcp from wan to router port 22 is allowed at tue 00:30\n",
     "6:42 expected to be allowed, and is dropped by the default, as no statement fits\n", 4},
    {"a-forward-at-times-leaves-the-rest-to-another",
     "forward tcp port 8081 from wan to nas during mon\n"
     "forward tcp port 8081 from wan to cam port 80\n"
     "expect tcp from wan to router port 8081 is forwarded to nas port 8081 at mon 10:00\n"
     "expect tcp from wan to router port 8081 is forwarded to cam port 80 at tue 10:00\n"
     "expect tcp from wan to router port 8081 is forwarded to cam port 80\n",
     "", 3},
    {"from-no-known-hardware",
     "allow tcp from wan to router port 22 mac 00:11:22:33:44:55\n"
     "expect tcp from wan to router port 22 is dropped\n",
     "", 1},
    {"within-a-limit-there-is-room-for-one",
     "allow tcp from wan to router port 22 limit 1/hour burst 1 max 1\n"
     "expect tcp from wan to router port 22 is allowed\n"
     "expect tcp from wan to router port 22 is allowed\n",
     "", 2},
    {"by-the-zone-that-is-named",
     "zone vpn on wg0 address 10.8.0.1/24\n"
     "expect tcp from lan to vpn 192.0.2.1 port 80 is dropped\n"
     "expect tcp from lan to wan 10.8.0.5 port 80 is allowed\n"
     "expect tcp from lan to 10.8.0.5 port 80 is dropped\n",
     "", 3},
    {"zones-inside-without-addresses",
     "zone dmz on eth5\nzone attic on eth6\n"
     "allow tcp from dmz to router port 22\n"
     "allow tcp from wan to attic port 81\n"
     "allow from attic to dmz\n"
     "expect tcp from dmz to router port 22 is allowed\n"
     "expect tcp from dmz 10.1.2.3 to router port 22 is allowed\n"
     "expect tcp from dmz fd00:9::3 to router port 22 is allowed\n"
     "expect tcp from dmz to router port 23 is dropped\n"
     "expect tcp from wan to attic port 81 is allowed\n"
     "expect tcp from wan to attic 10.7.7.7 port 81 is allowed\n"
     "expect tcp from wan to dmz port 81 is dropped\n"
     "expect from attic to dmz is allowed\n"
     "expect from dmz to attic is dropped\n"
     "expect tcp from dmz 192.168.1.77 to router port 22 is allowed\n",
     "15:55 expected to be allowed, and is dropped as spoofed: its source cannot be where it comes from\n", 9},
    {"the-router's-own-address-leaves-by-no-zone",
     "expect tcp from lan to wan 203.0.113.1 port 8080 is forwarded to cam port 80\n"
     "expect tcp from lan to wan 203.0.113.1 port 22 is dropped\n",
     "", 2},
    {"all-in-one-run-in-order",
     "expect udp from wan to router is allowed\nexpect from lan to wan is allowed\nexpect from lan to wan is dropped\n",
     "1:34 expected to be allowed, and is dropped by the default, as no statement fits\n"
     "3:27 expected to be dropped, and is allowed by test.rules:7\n",
     1},
};

static int read_row(void *context, const char *path, char **text, size_t *len)
{
    const struct row *row = context;
    (void)path;
    *text = malloc(sizeof rules + strlen(row->lines));
    *len = (size_t)sprintf(*text, "%s%s", rules, row->lines);
    return 0;
}

static void judged(void **state)
{
    const struct row *row = *state;
    const struct tg_source source = {read_row, NULL, *state};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, "test.rules", complaints);
    CHECK(row->name, policy != NULL);
    size_t first = tg_complaints_count(complaints, TG_WARNING), failed = 0, len = 0;
    struct probe_expected expected;
    CHECK_EQUAL(row->name, probe_expect(policy, complaints, &expected), 0);
    tg_policy_free(policy); /* the complaints have strings of their own */

    const struct tg_complaint *c;
    char told[1024] = "";
    for (; (c = tg_complaints_get(complaints, first + failed)) != NULL; failed++) {
        CHECK(row->name, strncmp(c->mark, "allowed", 7) == 0 || strncmp(c->mark, "dropped", 7) == 0 ||
                             strncmp(c->mark, "rejected", 8) == 0 || strncmp(c->mark, "forwarded", 9) == 0);
        CHECK_EQUAL(row->name, c->severity, TG_ERROR);
        len +=
            (size_t)snprintf(told + len, sizeof told - len, "%u:%u %s\n", c->line - OWN_LINES, c->column, c->message);
    }
    if (strcmp(told, row->complaints) != 0)
        fail_msg("%s:\n  wanted: %s\n  got:    %s", row->name, row->complaints, told);
    CHECK_EQUAL(row->name, expected.failed, failed);
    CHECK_EQUAL(row->name, expected.held, row->held);
    tg_complaints_free(complaints);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = judged,
                                       .initial_state = (void *)(uintptr_t)&rows[i]};
    return _cmocka_run_group_tests("expect", tests, COUNT(rows), NULL, NULL);
}
