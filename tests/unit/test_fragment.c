/* Fragments follow their first, and refuse to be more than they are: a table of datagrams, piece by piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connection/table.h"
#include "fragment/fragment.h"

static const uint64_t secret[4] = {1, 2, 3, 4};

enum { ZONE = 2, STATEMENT = 7 };
enum { BEGINS = FRAGMENT_BEGINS, FOLLOWS = FRAGMENT_FOLLOWS, WAITS = FRAGMENT_WAITS, REFUSED = FRAGMENT_REFUSED };

/* A fragment, and what is to become of it. */
struct row {
    uint32_t id;
    uint16_t offset, length;
    bool more;
    int expected;
    uint32_t tick;
};

static struct tg_packet packet_of(uint8_t family, uint8_t proto, const struct row *row)
{
    struct tg_packet packet = {.fragment = true,
                               .more_fragments = row->more,
                               .fragment_offset = row->offset,
                               .fragment_length = row->length,
                               .fragment_id = row->id};
    packet.outer.tuple = (struct tg_tuple){
        .src = {0, 0xc6336409}, .dst = {0, 0xcb007101}, .sport = 4000, .dport = 53, .family = family, .proto = proto};
    packet.kind = TG_TRANSPORT_PORTS;
    if (row->offset != 0) {
        packet.kind = TG_TRANSPORT_LATER;
        packet.outer.tuple.sport = packet.outer.tuple.dport = 0;
    }
    return packet;
}

static struct fragment_moment moment(uint32_t tick)
{
    return (struct fragment_moment){.zone = ZONE, .generation = 1, .tick = tick};
}

static void note(struct fragment_table *table, const struct tg_packet *packet, const struct fragment_moment *at,
                 const struct tg_verdict *verdict)
{
    const struct fragment_first first = {*verdict, packet->outer.tuple, 0, packet->fragment_length, 0};
    fragment_note_first(table, packet, at, &first);
}

/* Have a fragment placed, and a first that begins something judged so. */
static enum fragment_place pass(struct fragment_table *table, const struct tg_packet *packet,
                                const struct fragment_moment *at, const struct tg_verdict *verdict)
{
    struct fragment_first got = {.length = 0};
    enum fragment_place place = fragment_place(table, packet, at, &got);
    if (place == FRAGMENT_BEGINS)
        note(table, packet, at, verdict);
    if (place == FRAGMENT_FOLLOWS) {
        assert_int_equal(got.verdict.action, verdict->action);
        assert_int_equal(got.verdict.statement, verdict->statement);
        assert_int_equal(got.tuple.dport, 53);
    }
    return place;
}

static void run_by(uint8_t family, uint8_t proto, enum tg_action action, const struct row *rows, size_t count)
{
    struct fragment_table *table = fragment_table_new(secret);
    assert_non_null(table);
    const struct tg_verdict verdict = {.action = action, .statement = STATEMENT};
    for (size_t i = 0; i < count; i++) {
        struct tg_packet packet = packet_of(family, proto, &rows[i]);
        struct fragment_moment at = moment(rows[i].tick);
        enum fragment_place place = pass(table, &packet, &at, &verdict);
        if ((int)place != rows[i].expected)
            fail_msg("family %d, row %zu: placed %d, expected %d", family, i, place, rows[i].expected);
    }
    fragment_table_free(table);
}

static void run(uint8_t proto, enum tg_action action, const struct row *rows, size_t count)
{
    run_by(TG_IPV4, proto, action, rows, count);
    run_by(TG_IPV6, proto, action, rows, count);
}

#define RUN(proto, action, ...)                                                                                        \
    do {                                                                                                               \
        const struct row rows[] = {__VA_ARGS__};                                                                       \
        run(proto, action, rows, sizeof rows / sizeof rows[0]);                                                        \
    } while (0)
#define ACCEPTED(...) RUN(TG_PROTO_UDP, TG_ACCEPT, __VA_ARGS__)

static void test_in_order(void **state)
{
    (void)state;
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 1480, 1480, true, FOLLOWS, 0}, {1, 2960, 48, false, FOLLOWS, 0});
}

static void test_refused_with_the_first(void **state)
{
    (void)state;
    RUN(TG_PROTO_UDP, TG_DROP, {1, 0, 1480, true, BEGINS, 0}, {1, 1480, 1480, false, FOLLOWS, 0});
}

/* All orders of two to five fragments: whatever comes before the first waits, and has its place when it comes again. */
static void test_any_order(void **state)
{
    (void)state;
    const struct tg_verdict verdict = {.action = TG_ACCEPT, .statement = STATEMENT};
    const struct fragment_moment at = moment(0);
    for (int count = 2; count <= 5; count++) {
        int orders = count == 2 ? 2 : count == 3 ? 6 : count == 4 ? 24 : 120;
        for (int order = 0; order < orders; order++) {
            struct fragment_table *table = fragment_table_new(secret);
            bool taken[5] = {false}, has_begun = false;
            int waiting[5], waiters = 0;
            for (int i = 0, rest = order; i < count; i++) {
                int nth = rest % (count - i), which = 0;
                rest /= count - i;
                while (taken[which] || nth-- > 0)
                    which++;
                taken[which] = true;
                const struct row row = {1, (uint16_t)(which * 512), 512, which < count - 1, 0, 0};
                struct tg_packet packet = packet_of(TG_IPV4, TG_PROTO_UDP, &row);
                enum fragment_place place = pass(table, &packet, &at, &verdict);
                assert_int_equal(place, which == 0 ? BEGINS : has_begun ? FOLLOWS : WAITS);
                has_begun |= which == 0;
                if (place == FRAGMENT_WAITS)
                    waiting[waiters++] = which;
                for (int w = 0; which == 0 && w < waiters; w++) {
                    const struct row again = {1, (uint16_t)(waiting[w] * 512), 512, waiting[w] < count - 1, 0, 0};
                    packet = packet_of(TG_IPV4, TG_PROTO_UDP, &again);
                    assert_int_equal(pass(table, &packet, &at, &verdict), FRAGMENT_FOLLOWS);
                }
            }
            /* whole, it is forgotten */
            struct tg_packet packet = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct row){1, 512, 512, false, 0, 0});
            assert_int_equal(pass(table, &packet, &at, &verdict), FRAGMENT_WAITS);
            fragment_table_free(table);
        }
    }
}

static void test_strays(void **state)
{
    (void)state;
    ACCEPTED({1, 1480, 1480, true, WAITS, 0}, {1, 0, 1480, true, BEGINS, 0}, {2, 1480, 1480, true, WAITS, 0});
}

/* What overlaps condemns the datagram, from either side, inside, around, and from the front. */
static void test_overlap_condemns(void **state)
{
    (void)state;
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 1472, 1480, true, REFUSED, 0}, {1, 2960, 48, true, REFUSED, 0});
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 2960, 48, true, FOLLOWS, 0}, {1, 1480, 1488, true, REFUSED, 0},
             {1, 4000, 48, true, REFUSED, 0});
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 8, 16, true, REFUSED, 0}, {1, 1480, 8, true, REFUSED, 0});
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 2000, 80, true, FOLLOWS, 0}, {1, 1992, 96, true, REFUSED, 0},
             {1, 1480, 8, true, REFUSED, 0});
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 1480, 1480, true, FOLLOWS, 0}, {1, 1480, 1472, true, REFUSED, 0},
             {1, 2960, 8, false, REFUSED, 0});
    /* over the seam of two that touch */
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 1480, 1480, true, FOLLOWS, 0}, {1, 1000, 1000, true, REFUSED, 0},
             {1, 2960, 8, false, REFUSED, 0});
}

/* Another first is longer or shorter than the one that was judged. */
static void test_another_first_condemns(void **state)
{
    (void)state;
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 0, 1472, true, REFUSED, 0}, {1, 1480, 8, true, REFUSED, 0});
    ACCEPTED({1, 0, 1472, true, BEGINS, 0}, {1, 0, 1480, true, REFUSED, 0}, {1, 1480, 8, true, REFUSED, 0},
             {1, 0, 1472, true, REFUSED, 0});
}

static void test_repeated_is_refused_alone(void **state)
{
    (void)state;
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 1480, 1480, true, FOLLOWS, 0}, {1, 1480, 1480, true, REFUSED, 0},
             {1, 0, 1480, true, REFUSED, 0}, {1, 2960, 48, false, FOLLOWS, 0});
    struct row rows[1001] = {{1, 0, 1480, true, BEGINS, 0}};
    for (int i = 1; i < 1000; i++)
        rows[i] = (struct row){1, 0, 1480, true, REFUSED, 0};
    rows[1000] = (struct row){1, 1480, 8, false, FOLLOWS, 0};
    run(TG_PROTO_UDP, TG_ACCEPT, rows, 1001);
}

static void test_one_end(void **state)
{
    (void)state;
    /* behind the end */
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 2000, 48, false, FOLLOWS, 0}, {1, 2048, 8, true, REFUSED, 0},
             {1, 1480, 8, true, REFUSED, 0});
    /* an end before what has gone by */
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 2000, 48, true, FOLLOWS, 0}, {1, 1480, 48, false, REFUSED, 0},
             {1, 1528, 8, true, REFUSED, 0});
    /* another end */
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 2000, 48, false, FOLLOWS, 0}, {1, 1480, 8, false, REFUSED, 0},
             {1, 1488, 8, true, REFUSED, 0});
    /* the same bytes, but no longer the end; and the other way around */
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 2000, 48, false, FOLLOWS, 0}, {1, 2000, 48, true, REFUSED, 0},
             {1, 1480, 8, true, REFUSED, 0});
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 2000, 48, true, FOLLOWS, 0}, {1, 2000, 48, false, REFUSED, 0},
             {1, 1480, 8, true, REFUSED, 0});
}

/* RFC 4963: at speed, the same number is another datagram's after seconds. */
static void test_what_is_whole_is_forgotten(void **state)
{
    (void)state;
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 1480, 48, false, FOLLOWS, 0}, {1, 1480, 80, false, WAITS, 0},
             {1, 0, 1480, true, BEGINS, 0}, {1, 1480, 80, false, FOLLOWS, 0});
}

/* The largest there is: its bytes fit as exactly as any. */
static void test_the_largest(void **state)
{
    (void)state;
    ACCEPTED({1, 0, 65528, true, BEGINS, 0}, {1, 65528, 7, false, FOLLOWS, 0}, {1, 65528, 7, false, WAITS, 0});
    ACCEPTED({1, 0, 65528, true, BEGINS, 0}, {1, 65528, 7, true, FOLLOWS, 0}, {1, 65520, 15, true, REFUSED, 0});
}

/* RFC 3128, with a first or without. */
static void test_tcp_flags_cannot_be_overwritten(void **state)
{
    (void)state;
    RUN(TG_PROTO_TCP, TG_ACCEPT, {1, 0, 1480, true, BEGINS, 0}, {1, 8, 1480, true, REFUSED, 0},
        {1, 1480, 1480, true, REFUSED, 0});
    RUN(TG_PROTO_TCP, TG_ACCEPT, {1, 8, 1480, true, REFUSED, 0}, {1, 0, 1480, true, REFUSED, 0});
    RUN(TG_PROTO_TCP, TG_ACCEPT, {1, 16, 1480, true, WAITS, 0});
}

static void test_time_is_over(void **state)
{
    (void)state;
    ACCEPTED({1, 0, 1480, true, BEGINS, 0}, {1, 1480, 8, true, FOLLOWS, CONN_SECONDS(29)},
             {1, 1488, 8, true, WAITS, CONN_SECONDS(31)}, {1, 0, 1472, true, BEGINS, CONN_SECONDS(31)},
             {1, 1472, 8, true, FOLLOWS, CONN_SECONDS(31)});
}

/* 64 KiB in 119 pieces, as over a link of 576 bytes, in the worst order; and what nobody does. */
static void test_many_pieces(void **state)
{
    (void)state;
    struct row rows[121] = {{1, 0, 552, true, BEGINS, 0}};
    for (int i = 1; i < 118; i++)
        rows[i] = (struct row){1, (uint16_t)((118 - i) * 552), 552, true, FOLLOWS, 0};
    rows[118] = (struct row){1, 118 * 552, 399, false, FOLLOWS, 0};
    rows[119] = (struct row){1, 552, 552, true, WAITS, 0};
    run(TG_PROTO_UDP, TG_ACCEPT, rows, 120);

    struct fragment_table *table = fragment_table_new(secret);
    const struct tg_verdict verdict = {.action = TG_ACCEPT};
    const struct fragment_moment at = moment(0);
    bool is_refused = false;
    for (uint16_t offset = 0; offset < 16 * 1000; offset += 16) {
        struct tg_packet packet = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct row){1, offset, 8, true, 0, 0});
        bool is_refused_now = pass(table, &packet, &at, &verdict) == FRAGMENT_REFUSED;
        assert_true(is_refused_now || !is_refused); /* once condemned, for good */
        is_refused = is_refused_now;
    }
    assert_true(is_refused);
    fragment_table_free(table);
}

/* Addresses, number, zone and, in IPv4, protocol name a datagram. */
static void test_names(void **state)
{
    (void)state;
    const struct tg_verdict verdict = {.action = TG_ACCEPT};
    static const uint8_t families[] = {TG_IPV4, TG_IPV6};
    for (size_t i = 0; i < sizeof families; i++) {
        const uint8_t family = families[i];
        struct fragment_table *table = fragment_table_new(secret);
        const struct fragment_moment at = moment(0), elsewhere = {ZONE + 1, 1, 0};
        struct tg_packet first = packet_of(family, TG_PROTO_UDP, &(struct row){1, 0, 1480, true, 0, 0});
        struct tg_packet later = packet_of(family, TG_PROTO_UDP, &(struct row){1, 1480, 8, true, 0, 0}), other;
        assert_int_equal(pass(table, &first, &at, &verdict), FRAGMENT_BEGINS);
        assert_int_equal(pass(table, &later, &elsewhere, &verdict), FRAGMENT_WAITS);
        other = later;
        other.fragment_id ^= 1U << 15;
        assert_int_equal(pass(table, &other, &at, &verdict), FRAGMENT_WAITS);
        other = later;
        other.outer.tuple.src.lo++;
        assert_int_equal(pass(table, &other, &at, &verdict), FRAGMENT_WAITS);
        other = later;
        other.outer.tuple.dst.lo++;
        assert_int_equal(pass(table, &other, &at, &verdict), FRAGMENT_WAITS);
        other = later;
        other.outer.tuple.proto = 60; /* of IPv6 it shows what follows the fragment header */
        assert_int_equal(pass(table, &other, &at, &verdict), family == TG_IPV4 ? FRAGMENT_WAITS : FRAGMENT_FOLLOWS);
        fragment_table_free(table);
    }
}

static struct tg_packet nth_first(uint32_t id)
{
    return packet_of(TG_IPV4, TG_PROTO_UDP, &(struct row){id, 0, 1480, true, 0, 0});
}

static bool is_known(struct fragment_table *table, uint32_t id, const struct tg_verdict *verdict)
{
    const struct fragment_moment at = moment(2);
    struct tg_packet later = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct row){id, 1480, 1480, false, 0, 0});
    return pass(table, &later, &at, verdict) == FRAGMENT_FOLLOWS;
}

/* Refused ones make no room for themselves, however many; nor do those that are malformed. */
static void test_refused_ones_push_nothing_out(void **state)
{
    (void)state;
    const struct tg_verdict accepted = {.action = TG_ACCEPT}, dropped = {.action = TG_DROP};
    const struct fragment_moment before = moment(0), at = moment(1);
    struct fragment_table *table = fragment_table_new(secret);
    uint32_t known = 0;
    for (uint32_t id = 0; id < 1000; id++) {
        struct tg_packet first = nth_first(id);
        note(table, &first, &before, &accepted);
    }
    for (uint32_t id = 1000; id < 100000; id++) {
        struct tg_packet first = nth_first(id);
        if (id % 2)
            note(table, &first, &at, &dropped);
        else
            fragment_condemn(table, &first, &at);
    }
    for (uint32_t id = 0; id < 1000; id++)
        known += is_known(table, id, &accepted);
    assert_int_equal(known, 64 * 4); /* the table is full of them */
    fragment_table_free(table);
}

/* What begins connections pushes out its like, and not what belongs to a known one. */
static void test_established_ones_stay(void **state)
{
    (void)state;
    const struct tg_verdict known = {.action = TG_ACCEPT, .reason = TG_REASON_ESTABLISHED},
                            begun = {.action = TG_ACCEPT, .reason = TG_REASON_RULE};
    const struct fragment_moment before = moment(0), at = moment(1);
    struct fragment_table *table = fragment_table_new(secret);
    struct tg_packet first = nth_first(0);
    note(table, &first, &before, &known);
    for (uint32_t id = 1; id < 100000; id++) {
        first = nth_first(id);
        note(table, &first, &at, &begun);
    }
    assert_true(is_known(table, 0, &known));
    assert_true(is_known(table, 99999, &begun)); /* the youngest of its like */
    fragment_table_free(table);
}

static void test_condemned(void **state)
{
    (void)state;
    const struct tg_verdict verdict = {.action = TG_ACCEPT};
    const struct fragment_moment at = moment(0), later = moment(CONN_SECONDS(31));
    struct fragment_table *table = fragment_table_new(secret);
    struct tg_packet first = nth_first(1);
    fragment_condemn(table, &first, &at);
    assert_false(is_known(table, 1, &verdict));
    assert_int_equal(pass(table, &first, &at, &verdict), FRAGMENT_REFUSED);
    assert_int_equal(pass(table, &first, &later, &verdict), FRAGMENT_BEGINS);
    fragment_table_free(table);
}

/* Rules have been loaded in between: what the first was judged by is gone, and waiting is no use. */
static void test_another_load(void **state)
{
    (void)state;
    const struct tg_verdict verdict = {.action = TG_ACCEPT};
    const struct fragment_moment before = moment(0), after = {ZONE, 2, 0};
    struct fragment_table *table = fragment_table_new(secret);
    struct tg_packet first = nth_first(1),
                     later = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct row){1, 1480, 80, true, 0, 0});
    assert_int_equal(pass(table, &first, &before, &verdict), FRAGMENT_BEGINS);
    assert_int_equal(pass(table, &later, &after, &verdict), FRAGMENT_REFUSED);
    assert_int_equal(pass(table, &later, &before, &verdict), FRAGMENT_FOLLOWS); /* a worker that is still at it */
    assert_int_equal(pass(table, &first, &after, &verdict), FRAGMENT_BEGINS);
    assert_int_equal(pass(table, &later, &after, &verdict), FRAGMENT_FOLLOWS);
    fragment_table_free(table);
}

/* Between two hooks a datagram has its own source and the new destination. */
static void test_halves(void **state)
{
    (void)state;
    struct tg_verdict verdict = {.action = TG_ACCEPT, .translation = TG_TRANSLATE_HALF};
    const struct fragment_moment at = moment(0);
    struct fragment_table *table = fragment_table_new(secret);
    struct tg_packet first = nth_first(1), later;
    struct fragment_first found = {.length = 0};
    verdict.to = first.outer.tuple;
    verdict.to.src.lo = 0xc0a80101;
    verdict.to.dst.lo = 0xc0a80132;
    later = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct row){1, 1480, 80, false, 0, 0});
    assert_false(fragment_find_half(table, &later, &found));
    assert_int_equal(pass(table, &first, &at, &verdict), FRAGMENT_BEGINS);
    assert_int_equal(pass(table, &later, &at, &verdict), FRAGMENT_FOLLOWS);
    assert_false(fragment_find_half(table, &later, &found)); /* it has not been rewritten yet */
    later.outer.tuple.dst = verdict.to.dst;
    assert_true(fragment_find_half(table, &later, &found)); /* though the datagram is whole */
    assert_int_equal(found.verdict.to.src.lo, 0xc0a80101);
    assert_int_equal(found.verdict.to.dst.lo, 0xc0a80132);
    later.fragment_id = 2;
    assert_false(fragment_find_half(table, &later, &found));

    /* one end that changes takes no second step */
    verdict.to.src = first.outer.tuple.src;
    verdict.translation = TG_TRANSLATE_WHOLE;
    first.fragment_id = later.fragment_id = 3;
    assert_int_equal(pass(table, &first, &at, &verdict), FRAGMENT_BEGINS);
    assert_false(fragment_find_half(table, &later, &found));
    fragment_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_refused_with_the_first),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_strays),
        cmocka_unit_test(test_overlap_condemns),
        cmocka_unit_test(test_another_first_condemns),
        cmocka_unit_test(test_repeated_is_refused_alone),
        cmocka_unit_test(test_one_end),
        cmocka_unit_test(test_what_is_whole_is_forgotten),
        cmocka_unit_test(test_the_largest),
        cmocka_unit_test(test_tcp_flags_cannot_be_overwritten),
        cmocka_unit_test(test_time_is_over),
        cmocka_unit_test(test_many_pieces),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused_ones_push_nothing_out),
        cmocka_unit_test(test_established_ones_stay),
        cmocka_unit_test(test_condemned),
        cmocka_unit_test(test_another_load),
        cmocka_unit_test(test_halves),
    };
    return cmocka_run_group_tests_name("fragment", tests, NULL, NULL);
}
