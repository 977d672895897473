/* Expectations of a replay: which are met, and what is said of those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "replay/expect.h"

static const char *const reports[] = {
    "{\"packet\":1,\"proto\":\"tcp\",\"dport\":80,\"verdict\":\"accept\",\"to\":{\"dst\":\"192.168.1.50\",\"dport\":81}"
    "}",
    "{\"packet\":2,\"proto\":253,\"verdict\":\"drop\"}",
};
static const char summary[] =
    "{\"summary\":{\"drop\":1,\"reasons\":{\"rule\":2},\"rules\":[{\"line\":3,\"hits\":0},{\"line\":4,\"hits\":2}]}}";

static const struct {
    const char *file;
    unsigned met, missed;
    bool broken;
    const char *said; /* each complaint, without the file's name */
} rows[] = {
    {"", 0, 0, false, ""},
    {"\n \n", 0, 0, false, ""},
    {"{\"packet\":1,\"verdict\":\"accept\"}\n{\"packet\":2,\"verdict\":\"drop\",\"proto\":253}\n", 2, 0, false, ""},
    {"{\"packet\":2,\"verdict\":\"drop\"}", 1, 0, false, ""},
    {"{\"packet\":1,\"to\":{\"dport\":81}}\n{\"packet\":1,\"dport\":80}\n{\"packet\":2,\"to\":null}\n", 3, 0, false,
     ""},
    {"{\"packet\":1,\"verdict\":\"drop\"}\n", 0, 1, false,
     ":1: packet 1: expected \"verdict\" to be \"drop\", got \"accept\"\n"},
    {"\n{\"packet\":1,\"dport\":\"80\",\"line\":3}\n", 0, 1, false,
     ":2: packet 1: expected \"dport\" to be \"80\", got 80\n:2: packet 1: expected \"line\" to be 3, got none\n"},
    {"{\"packet\":1,\"to\":{\"dport\":82}}\n", 0, 1, false,
     ":1: packet 1: expected \"to\" to be {\"dport\":82}, got {\"dst\":\"192.168.1.50\",\"dport\":81}\n"},
    {"{\"packet\":1,\"to\":null}\n", 0, 1, false,
     ":1: packet 1: expected \"to\" to be left out, got {\"dst\":\"192.168.1.50\",\"dport\":81}\n"},
    {"{\"packet\":1,\"to\":{\"sport\":null,\"dport\":81}}\n", 1, 0, false, ""},
    {"{\"packet\":3,\"verdict\":\"drop\"}\n", 0, 1, false, ":1: packet 3: there are not so many\n"},
    {"{\"summary\":{\"drop\":1,\"reasons\":{\"rule\":2},\"rules\":[{\"line\":4,\"hits\":2}]}}\n", 1, 0, false, ""},
    {"{\"summary\":{\"rules\":[{\"line\":3,\"hits\":2}]}}\n", 0, 1, false,
     ":1: summary: expected \"rules\" to be [{\"line\":3,\"hits\":2}], got "
     "[{\"line\":3,\"hits\":0},{\"line\":4,\"hits\":2}]\n"},
    {"{\"summary\":{\"drop\":2}}\n{\"packet\":2,\"verdict\":\"drop\"}\n", 1, 1, false,
     ":1: summary: expected \"drop\" to be 2, got 1\n"},
    {"{\"packet\":2}\n{\"packet\":1}\n", 1, 0, true,
     ":2: packet 1 stands after packet 2; expectations must be in the order of the packets\n"},
    {"{\"verdict\":\"drop\"}\n", 0, 0, true,
     ":1: neither \"packet\" with a number nor \"summary\" with an object is there\n"},
    {"{\"summary\":3}\n", 0, 0, true, ":1: neither \"packet\" with a number nor \"summary\" with an object is there\n"},
    {"{\"packet\":0}\n", 0, 0, true, ":1: neither \"packet\" with a number nor \"summary\" with an object is there\n"},
    {"{\"packet\":\n", 0, 0, true, ":1: not a JSON object: unexpected end of data\n"},
    {"[1]\n", 0, 0, true, ":1: not a JSON object\n"},
};

static void run_row(size_t row)
{
    char path[32], expected[1000] = "", *said = NULL;
    size_t said_len;
    int fd = memfd_create("expect", MFD_CLOEXEC);
    assert_int_equal(write(fd, rows[row].file, strlen(rows[row].file)), (ssize_t)strlen(rows[row].file));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (const char *line = rows[row].said; *line; line = strchr(line, '\n') + 1)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%.*s", path,
                 (int)(strchr(line, '\n') + 1 - line), line);
    FILE *complaints = open_memstream(&said, &said_len);
    struct expect *expect = expect_open(path, complaints);
    assert_non_null(expect);
    for (uint64_t packet = 1; packet <= 2; packet++)
        if (expect_wants(expect, packet))
            expect_packet(expect, reports[packet - 1]);
    struct expect_outcome outcome = expect_finish(expect, summary);
    expect_close(expect);
    fclose(complaints);
    if (outcome.met != rows[row].met || outcome.missed != rows[row].missed || outcome.broken != rows[row].broken)
        fail_msg("row %zu: %u met, %u missed, broken %d", row, (unsigned)outcome.met, (unsigned)outcome.missed,
                 outcome.broken);
    assert_string_equal(said, expected);
    free(said);
    close(fd);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        run_row(row);
}

static void test_no_file(void **state)
{
    (void)state;
    assert_null(expect_open("/nowhere/at/all.jsonl", stderr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
