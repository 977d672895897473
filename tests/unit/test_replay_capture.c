/* Capture files: written here byte by byte, read by the program's readers; and what its writer writes, read back. */
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

#include "policy/policy.h"
#include "replay/capture.h"
#include "replay/link.h"
#include "replay/merge.h"
#include "replay/pcapng.h"
#include "replay/writer.h"

/* A file being put together, in either byte order. */
struct file {
    uint8_t bytes[8192];
    size_t len;
    bool big;
    size_t block; /* where the last block began */
};

static void put(struct file *file, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        file->bytes[file->len++] = (uint8_t)(value >> 8 * (file->big ? size - 1 - i : i));
}

static void put_bytes(struct file *file, const void *bytes, size_t size)
{
    memcpy(file->bytes + file->len, bytes, size);
    file->len += size;
    while (file->len % 4)
        file->bytes[file->len++] = 0;
}

static void option(struct file *file, uint16_t code, const void *bytes, uint16_t size)
{
    put(file, code, 2);
    put(file, size, 2);
    put_bytes(file, bytes, size);
}

static void begin(struct file *file, uint32_t type)
{
    file->block = file->len;
    put(file, type, 4);
    put(file, 0, 4);
}

static void end(struct file *file)
{
    uint32_t total = (uint32_t)(file->len - file->block + 4);
    put(file, total, 4);
    size_t after = file->len;
    file->len = file->block + 4;
    put(file, total, 4);
    file->len = after;
}

static void section(struct file *file, bool big)
{
    file->big = big;
    begin(file, 0x0a0d0d0a);
    put(file, 0x1a2b3c4d, 4);
    put(file, 1, 2);
    put(file, 0, 2);
    put(file, UINT64_MAX, 8);
    end(file);
}

static void interface(struct file *file, uint16_t link, const char *name, int resolution, int64_t offset)
{
    begin(file, 1);
    put(file, link, 2);
    put(file, 0, 2);
    put(file, 64, 4);
    if (name)
        option(file, 2, name, (uint16_t)strlen(name));
    if (resolution >= 0)
        option(file, 9, &(uint8_t){(uint8_t)resolution}, 1);
    if (offset) {
        put(file, 14, 2);
        put(file, 8, 2);
        put(file, (uint64_t)offset, 8);
    }
    put(file, 0, 4);
    end(file);
}

static void packet(struct file *file, uint32_t interface_number, uint64_t time, const char *bytes, int flags)
{
    begin(file, 6);
    put(file, interface_number, 4);
    put(file, time >> 32, 4);
    put(file, time & UINT32_MAX, 4);
    put(file, strlen(bytes), 4);
    put(file, 1500, 4);
    put_bytes(file, bytes, strlen(bytes));
    option(file, 1, "a comment", 9);
    if (flags >= 0) {
        put(file, 2, 2);
        put(file, 4, 2);
        put(file, (uint64_t)flags, 4);
    }
    end(file);
}

/* Read all of a file with the pcapng reader.
 * => how it ended; *count packets, the last of which is in *last, as long as `reader` is not freed */
static enum capture_result read_all(const uint8_t *bytes, size_t len, size_t *count, struct capture_packet *last,
                                    char *error)
{
    FILE *in = len ? fmemopen((void *)(uintptr_t)bytes, len, "rb") : fopen("/dev/null", "rb");
    struct pcapng *reader = pcapng_new(in, error);
    struct capture_packet next;
    enum capture_result result;
    *count = 0;
    while ((result = pcapng_next(reader, &next)) == CAPTURE_PACKET) {
        volatile uint8_t sum = 0;
        for (uint32_t i = 0; i < next.len; i++)
            sum = (uint8_t)(sum + next.bytes[i]); /* all of it can be read */
        ++*count;
        *last = next;
        last->bytes = NULL;
        last->interface = NULL;
    }
    pcapng_free(reader);
    fclose(in);
    return result;
}

static void test_both_orders(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct file file = {.len = 0};
        struct capture_packet p;
        char error[CAPTURE_ERROR];
        section(&file, big);
        interface(&file, LINK_ETHERNET, NULL, -1, 0);
        interface(&file, LINK_RAW, "eth0", 9, 0);
        begin(&file, 5); /* statistics: nothing to us */
        put(&file, 0, 8);
        end(&file);
        packet(&file, 1, UINT64_C(1700000000123456789), "hello", 1);
        packet(&file, 0, UINT64_C(1700000000123456), "world!!", -1);
        FILE *in = fmemopen(file.bytes, file.len, "rb");
        struct pcapng *reader = pcapng_new(in, error);
        assert_int_equal(pcapng_next(reader, &p), CAPTURE_PACKET);
        assert_int_equal(p.time, UINT64_C(1700000000123456789));
        assert_int_equal(p.link, LINK_RAW);
        assert_int_equal(p.len, 5);
        assert_int_equal(p.wire_len, 1500);
        assert_memory_equal(p.bytes, "hello", 5);
        assert_string_equal(p.interface, "eth0");
        assert_int_equal(p.direction, CAPTURE_INBOUND);
        assert_int_equal(pcapng_next(reader, &p), CAPTURE_PACKET);
        assert_int_equal(p.time, UINT64_C(1700000000123456000));
        assert_int_equal(p.link, LINK_ETHERNET);
        assert_memory_equal(p.bytes, "world!!", 7);
        assert_null(p.interface);
        assert_int_equal(p.direction, CAPTURE_EITHER);
        assert_int_equal(pcapng_next(reader, &p), CAPTURE_END);
        pcapng_free(reader);
        fclose(in);
    }
}

/* A section begins anew: another byte order, other interfaces. */
static void test_sections(void **state)
{
    (void)state;
    struct file file = {.len = 0};
    struct capture_packet last;
    char error[CAPTURE_ERROR];
    size_t count;
    section(&file, false);
    interface(&file, LINK_RAW, "eth0", -1, 0);
    packet(&file, 0, 1, "a", -1);
    section(&file, true);
    interface(&file, LINK_ETHERNET, "eth1", -1, 0);
    packet(&file, 0, 2, "b", 2);
    assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_END);
    assert_int_equal(count, 2);
    assert_int_equal(last.time, 2000);
    assert_int_equal(last.link, LINK_ETHERNET);
    assert_int_equal(last.direction, CAPTURE_OUTBOUND);
    section(&file, false);
    packet(&file, 0, 3, "c", -1);
    assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_BROKEN);
    assert_int_equal(count, 2);
    assert_string_equal(error, "a packet of interface 0, which the file does not describe");
}

static void test_clocks(void **state)
{
    (void)state;
    static const struct {
        int resolution;
        int64_t offset;
        uint64_t units, time;
    } rows[] = {
        {-1, 0, 1700000000000001, UINT64_C(1700000000000001000)},
        {0, 0, 1700000000, UINT64_C(1700000000000000000)},
        {3, 0, 1700000000001, UINT64_C(1700000000001000000)},
        {9, 0, UINT64_C(1700000000000000001), UINT64_C(1700000000000000001)},
        {12, 0, UINT64_C(5000000001999), 5000000001},
        {30, 0, UINT64_MAX, 0},
        {0x80 | 1, 0, 3, 1500000000},
        {0x80 | 32, 0, UINT64_C(0x180000000), 1500000000},
        {0x80 | 63, 0, UINT64_C(0xc000000000000000), 1500000000},
        {0x80, 0, 7, UINT64_C(7000000000)},
        {0xff, 0, UINT64_MAX, 0},
        {-1, 1700000000, 5, UINT64_C(1700000000000005000)},
        {-1, -1, 1500000, 500000000},
        {-1, -2, 1500000, 0},
        {-1, INT64_MIN, 1500000, 0},
        {-1, INT64_MAX, 1500000, UINT64_MAX},
        {0, 0, UINT64_MAX, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct file file = {.len = 0};
        struct capture_packet last;
        char error[CAPTURE_ERROR];
        size_t count;
        section(&file, i % 2);
        interface(&file, LINK_RAW, NULL, rows[i].resolution, rows[i].offset);
        packet(&file, 0, rows[i].units, "x", -1);
        assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_END);
        if (count != 1 || last.time != rows[i].time)
            fail_msg("row %zu: %llu", i, (unsigned long long)last.time);
    }
}

/* Simple packets have no time and no interface number; obsolete ones a short one. */
static void test_other_packet_blocks(void **state)
{
    (void)state;
    struct file file = {.len = 0};
    struct capture_packet last;
    char error[CAPTURE_ERROR];
    size_t count;
    section(&file, true);
    interface(&file, LINK_RAW, "eth0", -1, 0);
    begin(&file, 2);
    put(&file, 0, 2);
    put(&file, 9, 2); /* drops */
    put(&file, 0, 4);
    put(&file, 77, 4);
    put(&file, 3, 4);
    put(&file, 3, 4);
    put_bytes(&file, "old", 3);
    end(&file);
    assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_END);
    assert_int_equal(count, 1);
    assert_int_equal(last.len, 3);
    assert_int_equal(last.time, 77000);
    begin(&file, 3);
    put(&file, 5, 4);
    put_bytes(&file, "simple", 6); /* five of them, and padding */
    end(&file);
    assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_END);
    assert_int_equal(count, 2);
    assert_int_equal(last.len, 5);
    assert_int_equal(last.time, 77000);
    begin(&file, 3);
    put(&file, 9000, 4);
    for (int i = 0; i < 20; i++)
        put(&file, 0, 4);
    end(&file);
    assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_END);
    assert_int_equal(last.len, 64); /* the interface's limit */
    assert_int_equal(last.wire_len, 9000);
}

static struct file good_file(void)
{
    struct file file = {.len = 0};
    section(&file, false);
    interface(&file, LINK_RAW, "eth0", 9, 5);
    packet(&file, 0, 1, "hello", 1);
    packet(&file, 0, 2, "world", 2);
    return file;
}

/* Cut anywhere, a file gives the packets before the cut, and says that it was cut. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    struct file file = good_file();
    size_t before = 0;
    for (size_t len = 0; len < file.len; len++) {
        struct capture_packet last;
        char error[CAPTURE_ERROR] = "";
        size_t count;
        uint8_t *part = malloc(len ? len : 1);
        memcpy(part, file.bytes, len);
        enum capture_result result = read_all(part, len, &count, &last, error);
        assert_true(result == CAPTURE_CUT || result == CAPTURE_END);
        assert_true((result == CAPTURE_CUT) == (error[0] != 0));
        assert_true(count == before || count == before + 1);
        before = count;
        free(part);
    }
    assert_int_equal(before, 1);
}

/* With any byte changed to anything, reading ends, in bounds. */
static void test_changed_anywhere(void **state)
{
    (void)state;
    static const uint8_t values[] = {0x00, 0x01, 0x03, 0x7f, 0x80, 0xff};
    struct file file = good_file();
    for (size_t at = 0; at < file.len; at++)
        for (size_t i = 0; i < sizeof values; i++) {
            struct capture_packet last;
            char error[CAPTURE_ERROR];
            size_t count;
            struct file changed = file;
            changed.bytes[at] = values[i];
            assert_true(read_all(changed.bytes, changed.len, &count, &last, error) != CAPTURE_PACKET);
            assert_true(count <= 3);
        }
}

static void test_contradictions(void **state)
{
    (void)state;
    struct capture_packet last;
    char error[CAPTURE_ERROR];
    size_t count;
    struct file file = good_file();
    file.bytes[file.block + 4] += 4;
    assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_CUT);
    file = good_file();
    file.bytes[file.len - 4] ^= 1;
    assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_BROKEN);
    assert_non_null(strstr(error, "and at its end"));
    file = good_file();
    file.bytes[file.block + 20] = 200; /* captured bytes */
    assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_BROKEN);
    assert_non_null(strstr(error, "a packet of 200 bytes"));
    file = good_file();
    file.bytes[file.block + 7] = 0x7f; /* a length that no memory should follow */
    assert_int_equal(read_all(file.bytes, file.len, &count, &last, error), CAPTURE_BROKEN);
    assert_non_null(strstr(error, "more than any packet has"));
    file = good_file();
    assert_int_equal(read_all(file.bytes + 28, file.len - 28, &count, &last, error), CAPTURE_BROKEN);
    assert_string_equal(error, "no section header at the beginning");
}

/* A file in memory that has a path. */
static int memory_file(const void *bytes, size_t len, char path[32])
{
    int fd = memfd_create("capture", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

/* A pcap file of one packet a time. */
static int pcap_file(uint32_t magic, bool big, const uint32_t *times, size_t count, char path[32])
{
    struct file file = {.big = big};
    put(&file, magic, 4);
    put(&file, 2, 2);
    put(&file, 4, 2);
    put(&file, 0, 8);
    put(&file, 65535, 4);
    put(&file, LINK_RAW, 4);
    for (size_t i = 0; i < count; i++) {
        put(&file, times[i], 4);
        put(&file, 5, 4);
        put(&file, 4, 4);
        put(&file, 40, 4);
        put_bytes(&file, "data", 4);
    }
    return memory_file(file.bytes, file.len, path);
}

static void test_pcap(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++)
        for (int nano = 0; nano < 2; nano++) {
            char path[32], error[CAPTURE_ERROR];
            struct capture_packet p;
            int fd = pcap_file(nano ? 0xa1b23c4d : 0xa1b2c3d4, big, &(uint32_t){4000000000}, 1, path);
            struct capture *capture = capture_open(path, error);
            assert_non_null(capture);
            assert_int_equal(capture_next(capture, &p), CAPTURE_PACKET);
            assert_int_equal(p.time, UINT64_C(4000000000000000000) + (nano ? 5 : 5000)); /* in 2096 */
            assert_int_equal(p.link, LINK_RAW);
            assert_int_equal(p.len, 4);
            assert_int_equal(p.wire_len, 40);
            assert_int_equal(capture_next(capture, &p), CAPTURE_END);
            capture_close(capture);
            close(fd);
        }
}

/* What cannot be opened says why. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *error;
    } rows[] = {
        {"", "empty"},
        {"tree HEAD:\n", "not a capture"},
        {"\x1f\x8b\x08\x00 and more", "gzip"},
        {"\xd4\xc3\xb2\xa1", "not a capture"},
    };
    char path[32], error[CAPTURE_ERROR];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = memory_file(rows[i].bytes, strlen(rows[i].bytes), path);
        assert_null(capture_open(path, error));
        assert_non_null(strstr(error, rows[i].error));
        close(fd);
    }
    assert_null(capture_open("/nowhere/at/all.pcap", error));
    assert_string_equal(error, "No such file or directory");
    assert_null(capture_open("/", error));
    assert_string_equal(error, "Is a directory");
}

static void test_pcap_cut(void **state)
{
    (void)state;
    char path[32], error[CAPTURE_ERROR];
    struct capture_packet p;
    const uint32_t times[] = {1, 2};
    int fd = pcap_file(0xa1b2c3d4, false, times, 2, path);
    assert_int_equal(ftruncate(fd, 24 + 20 + 18), 0);
    struct capture *capture = capture_open(path, error);
    assert_int_equal(capture_next(capture, &p), CAPTURE_PACKET);
    assert_int_equal(capture_next(capture, &p), CAPTURE_CUT);
    assert_true(strlen(capture_error(capture)) > 0);
    capture_close(capture);
    close(fd);
}

/* By time; of equal times by the captures' order; within a capture never out of its order. */
static void test_merge(void **state)
{
    (void)state;
    static const uint32_t times[4][5] = {{10, 20, 20, 50, 60},
                                         {5, 20, 30, 70, 80},
                                         {40, 15, 90, 90, 100},
                                         {20, 20, 20, 20, 20}};
    static const struct {
        size_t which;
        uint32_t time;
    } expected[] = {{1, 5},  {0, 10}, {0, 20}, {0, 20}, {1, 20}, {3, 20}, {3, 20}, {3, 20}, {3, 20}, {3, 20},
                    {1, 30}, {2, 40}, {2, 15}, {0, 50}, {0, 60}, {1, 70}, {1, 80}, {2, 90}, {2, 90}, {2, 100}};
    struct capture *captures[5];
    const struct capture_packet *p;
    char path[32], error[CAPTURE_ERROR];
    int fds[5];
    size_t which, n = 0;
    for (int i = 0; i < 5; i++) { /* the last has no packet */
        fds[i] = pcap_file(0xa1b2c3d4, i % 2, times[i % 4], i < 4 ? 5 : 0, path);
        captures[i] = capture_open(path, error);
        assert_non_null(captures[i]);
    }
    struct merge *merge = merge_new(captures, 5);
    while ((p = merge_next(merge, &which)) != NULL) {
        assert_true(n < 20);
        assert_int_equal(which, expected[n].which);
        assert_int_equal(p->time / 1000000000, expected[n].time);
        n++;
    }
    assert_int_equal(n, 20);
    assert_null(merge_next(merge, &which));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(merge_result(merge, (size_t)i), CAPTURE_END);
        capture_close(captures[i]);
        close(fds[i]);
    }
    merge_free(merge);
}

/* What is written can be read back, whatever its length and however long its comment. */
static void test_written(void **state)
{
    (void)state;
    const struct tg_zone wan = {.name = "wan"};
    struct tg_policy *policy = policy_new();
    assert_int_equal(policy_add_zone(policy, &wan), 0);
    assert_int_equal(policy_seal(policy), 0);
    char path[32], error[CAPTURE_ERROR], comment[5000];
    int fd = memory_file("", 0, path);
    struct writer *writer = writer_open(path, policy);
    assert_non_null(writer);
    memset(comment, 'c', sizeof comment - 1);
    comment[sizeof comment - 1] = 0;
    for (uint32_t i = 0; i < 9; i++) {
        struct writer_packet out = {
            .packet = {(const uint8_t *)"eightbyt", i, 60, UINT64_C(1700000000123456789) + i,
                       i == 8 ? LINK_ETHERNET : LINK_RAW, (enum capture_direction)(i % 3), NULL},
            .zone = i % 2 ? TG_ZONE_FIRST : TG_ZONE_NONE,
            .action = i % 2 ? TG_DROP : TG_ACCEPT,
            .comment = i == 4 ? comment : "drop: default",
        };
        writer_put(writer, &out);
    }
    assert_int_equal(writer_close(writer), 0);
    struct capture *capture = capture_open(path, error);
    struct capture_packet p;
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(capture_next(capture, &p), CAPTURE_PACKET);
        assert_int_equal(p.len, i);
        assert_memory_equal(p.bytes, "eightbyt", i);
        assert_int_equal(p.wire_len, 60);
        assert_int_equal(p.time, UINT64_C(1700000000123456789) + i);
        assert_int_equal(p.link, i == 8 ? LINK_ETHERNET : LINK_RAW);
        assert_int_equal(p.direction, i % 3);
        assert_string_equal(p.interface, i % 2 ? "wan" : "unknown");
    }
    assert_int_equal(capture_next(capture, &p), CAPTURE_END);
    capture_close(capture);
    close(fd);
    tg_policy_free(policy);
}

/* A device without room. */
static void test_write_error(void **state)
{
    (void)state;
    struct tg_policy *policy = policy_new();
    assert_int_equal(policy_seal(policy), 0);
    struct writer *writer = writer_open("/dev/full", policy);
    assert_non_null(writer);
    assert_true(writer_close(writer) < 0);
    assert_null(writer_open("/nowhere/at/all.pcapng", policy));
    tg_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_orders),    cmocka_unit_test(test_sections),
        cmocka_unit_test(test_clocks),         cmocka_unit_test(test_other_packet_blocks),
        cmocka_unit_test(test_cut_anywhere),   cmocka_unit_test(test_changed_anywhere),
        cmocka_unit_test(test_contradictions), cmocka_unit_test(test_pcap),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_pcap_cut),
        cmocka_unit_test(test_merge),          cmocka_unit_test(test_written),
        cmocka_unit_test(test_write_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
