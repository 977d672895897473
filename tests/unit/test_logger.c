/* The log: lines come out whole and in order, and a flood ends in a count. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "live/logger.h"
#include "policy/policy.h"
#include "unit.h"

#define SECOND UINT64_C(1000000000)

static struct tg_policy *policy;

static int set_up(void **state)
{
    (void)state;
    const struct tg_statement statement = {TG_STATEMENT_DROP, "home.rules", 9, "drop", NULL, "caught"};
    uint32_t number;
    policy = policy_new();
    return policy == NULL || policy_add_statement(policy, &statement, &number) || policy_seal(policy);
}

static int tear_down(void **state)
{
    (void)state;
    tg_policy_free(policy);
    return 0;
}

static uint64_t monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* Log `count` packets, each from another port, from `first` on. */
static void put(struct logger *logger, uint16_t first, unsigned count, uint64_t now)
{
    for (unsigned i = 0; i < count; i++) {
        struct tg_packet packet = {.kind = TG_TRANSPORT_PORTS};
        packet.outer.tuple = (struct tg_tuple){.family = TG_IPV4,
                                               .proto = TG_PROTO_UDP,
                                               .src = tg_ipv4(0x0a000001),
                                               .dst = tg_ipv4(0x0a000002),
                                               .sport = (uint16_t)(first + i),
                                               .dport = 53};
        const struct tg_verdict verdict = {TG_DROP, TG_REASON_RULE, TG_STATE_NEW, .log = true, .statement = 0};
        const struct report_packet report = {0, 0, policy, &packet, &verdict};
        logger_put(logger, &report, now);
    }
}

/* Standard error goes to a file while something is done. */
static struct {
    FILE *file;
    int before;
} aside;

static void turn_aside(void)
{
    aside.file = tmpfile();
    assert_non_null(aside.file);
    fflush(stderr);
    aside.before = dup(STDERR_FILENO);
    assert_true(aside.before >= 0 && dup2(fileno(aside.file), STDERR_FILENO) >= 0);
}

static void turn_back(void)
{
    fflush(stderr);
    assert_true(dup2(aside.before, STDERR_FILENO) >= 0);
    close(aside.before);
    rewind(aside.file);
}

/* What was logged: lines from port `first` on, and how many were counted only. Anything else fails. */
static void read_back(uint16_t first, unsigned *lines, unsigned *left_out)
{
    char line[1024], wanted[128];
    *lines = *left_out = 0;
    while (fgets(line, sizeof line, aside.file) != NULL) {
        unsigned number;
        snprintf(wanted, sizeof wanted, "caught: drop home.rules:9 udp ? 10.0.0.1:%u > 10.0.0.2:53\n", first + *lines);
        if (sscanf(line, "tidegate: %u more packets were to be logged; at most 100 are in a second", &number) == 1)
            *left_out += number;
        else if (strcmp(line, wanted) == 0)
            ++*lines;
        else
            fail_msg("logged: %snot: %s", line, wanted);
    }
    fclose(aside.file);
}

TEST(few_come_out_in_order)
{
    struct logger *logger;
    unsigned lines, left_out;
    turn_aside();
    assert_int_equal(logger_open(&logger), 0);
    put(logger, 1000, LOGGER_LINES, monotonic());
    logger_close(logger);
    turn_back();
    read_back(1000, &lines, &left_out);
    assert_int_equal(lines, LOGGER_LINES);
    assert_int_equal(left_out, 0);
}

TEST(more_than_a_second_holds_are_counted)
{
    struct logger *logger;
    unsigned lines, left_out;
    turn_aside();
    assert_int_equal(logger_open(&logger), 0);
    put(logger, 1000, 5000, monotonic());
    logger_close(logger);
    turn_back();
    read_back(1000, &lines, &left_out);
    assert_int_equal(lines, LOGGER_LINES);
    assert_int_equal(left_out, 5000 - LOGGER_LINES);
}

/* The count comes by itself when the second is over, and then there is room again. */
TEST(the_next_second_is_another)
{
    struct logger *logger;
    char text[16 * 1024] = "";
    unsigned lines, left_out;
    uint64_t now = monotonic();
    turn_aside();
    assert_int_equal(logger_open(&logger), 0);
    put(logger, 1000, LOGGER_LINES, now);
    put(logger, 0, 7, now);
    while (strstr(text, "more packets") == NULL) {
        usleep(10000);
        ssize_t len = pread(fileno(aside.file), text, sizeof text - 1, 0);
        assert_true(len >= 0);
        text[len] = 0;
    }
    put(logger, 1000 + LOGGER_LINES, 10, now + 2 * SECOND);
    logger_close(logger);
    turn_back();
    read_back(1000, &lines, &left_out);
    assert_int_equal(lines, LOGGER_LINES + 10);
    assert_int_equal(left_out, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_come_out_in_order),
        cmocka_unit_test(more_than_a_second_holds_are_counted),
        cmocka_unit_test(the_next_second_is_another),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
