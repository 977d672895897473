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

struct piece {
    uint32_t id;
    uint16_t offset, length;
    enum fragment_place expected; /* of later ones; the first is only noted */
    uint32_t tick;
};

static struct tg_packet packet_of(uint8_t family, uint8_t proto, const struct piece *piece)
{
    struct tg_packet packet = {.fragment = true, .fragment_offset = piece->offset, .fragment_id = piece->id};
    packet.outer.tuple =
        (struct tg_tuple){.src = {0, 0xc6336409}, .dst = {0, 0xcb007101}, .family = family, .proto = proto};
    packet.outer.transport = 20;
    packet.outer.end = 20 + piece->length;
    packet.kind = piece->offset == 0 ? TG_TRANSPORT_PORTS : TG_TRANSPORT_LATER;
    return packet;
}

static void run(uint8_t family, uint8_t proto, enum tg_action action, const struct piece *pieces, size_t count)
{
    struct fragment_table *table = fragment_table_new(secret);
    assert_non_null(table);
    for (size_t i = 0; i < count; i++) {
        struct tg_packet packet = packet_of(family, proto, &pieces[i]);
        struct tg_verdict verdict = {.action = action, .statement = 7, .zone_in = 2};
        if (pieces[i].offset == 0) {
            fragment_note_first(table, &packet, &verdict, 1, pieces[i].tick);
            continue;
        }
        struct tg_verdict got = {.zone_in = 2};
        enum fragment_place place = fragment_place(table, &packet, 1, pieces[i].tick, &got);
        if (place != pieces[i].expected)
            fail_msg("piece %zu: placed %d, expected %d", i, place, pieces[i].expected);
        if (place == FRAGMENT_FOLLOWS) {
            assert_int_equal(got.action, action);
            assert_int_equal(got.statement, 7);
        }
    }
    fragment_table_free(table);
}

#define RUN(family, proto, action, ...)                                                                                \
    do {                                                                                                               \
        const struct piece pieces[] = {__VA_ARGS__};                                                                   \
        run(family, proto, action, pieces, sizeof pieces / sizeof pieces[0]);                                          \
    } while (0)

static void test_in_order(void **state)
{
    (void)state;
    RUN(TG_IPV4, TG_PROTO_UDP, TG_ACCEPT, {1, 0, 1480, 0, 0}, {1, 1480, 1480, FRAGMENT_FOLLOWS, 0},
        {1, 2960, 48, FRAGMENT_FOLLOWS, 0});
    RUN(TG_IPV6, TG_PROTO_UDP, TG_ACCEPT, {1, 0, 1480, 0, 0}, {1, 1480, 1480, FRAGMENT_FOLLOWS, 0});
}

static void test_behind_the_first_in_any_order(void **state)
{
    (void)state;
    RUN(TG_IPV4, TG_PROTO_UDP, TG_ACCEPT, {1, 0, 1480, 0, 0}, {1, 4440, 80, FRAGMENT_FOLLOWS, 0},
        {1, 1480, 1480, FRAGMENT_FOLLOWS, 0}, {1, 2960, 1480, FRAGMENT_FOLLOWS, 0});
}

static void test_refused_with_the_first(void **state)
{
    (void)state;
    RUN(TG_IPV4, TG_PROTO_UDP, TG_DROP, {1, 0, 1480, 0, 0}, {1, 1480, 1480, FRAGMENT_FOLLOWS, 0});
}

static void test_strays(void **state)
{
    (void)state;
    RUN(TG_IPV4, TG_PROTO_UDP, TG_ACCEPT, {1, 1480, 1480, FRAGMENT_UNKNOWN, 0}, {1, 0, 1480, 0, 0},
        {2, 1480, 1480, FRAGMENT_UNKNOWN, 0});
}

static void test_overlap_condemns(void **state)
{
    (void)state;
    RUN(TG_IPV4, TG_PROTO_UDP, TG_ACCEPT, {1, 0, 1480, 0, 0}, {1, 1472, 1480, FRAGMENT_REFUSED, 0},
        {1, 2960, 48, FRAGMENT_REFUSED, 0});
    RUN(TG_IPV6, TG_PROTO_UDP, TG_ACCEPT, {1, 0, 1480, 0, 0}, {1, 2960, 48, FRAGMENT_FOLLOWS, 0},
        {1, 1480, 1488, FRAGMENT_REFUSED, 0}, {1, 4000, 48, FRAGMENT_REFUSED, 0});
    RUN(TG_IPV4, TG_PROTO_UDP, TG_ACCEPT, {1, 0, 1480, 0, 0}, {1, 0, 1480, 0, 0}, {1, 1480, 8, FRAGMENT_REFUSED, 0});
}

static void test_repeated_is_refused_alone(void **state)
{
    (void)state;
    RUN(TG_IPV4, TG_PROTO_UDP, TG_ACCEPT, {1, 0, 1480, 0, 0}, {1, 1480, 1480, FRAGMENT_FOLLOWS, 0},
        {1, 1480, 1480, FRAGMENT_REFUSED, 0}, {1, 2960, 48, FRAGMENT_FOLLOWS, 0});
}

static void test_tcp_flags_cannot_be_overwritten(void **state)
{
    (void)state;
    RUN(TG_IPV4, TG_PROTO_TCP, TG_ACCEPT, {1, 0, 1480, 0, 0}, {1, 8, 1480, FRAGMENT_REFUSED, 0},
        {1, 1480, 1480, FRAGMENT_FOLLOWS, 0});
}

static void test_time_is_over(void **state)
{
    (void)state;
    RUN(TG_IPV4, TG_PROTO_UDP, TG_ACCEPT, {1, 0, 1480, 0, 0}, {1, 1480, 8, FRAGMENT_FOLLOWS, CONN_SECONDS(29)},
        {1, 1488, 8, FRAGMENT_UNKNOWN, CONN_SECONDS(31)});
}

static void test_pieces_without_end(void **state)
{
    (void)state;
    struct fragment_table *table = fragment_table_new(secret);
    struct tg_verdict verdict = {.action = TG_ACCEPT, .zone_in = 2};
    struct tg_packet first = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct piece){1, 0, 8, 0, 0});
    fragment_note_first(table, &first, &verdict, 1, 0);
    bool refused = false;
    for (uint16_t offset = 16; offset < 16 * 100; offset += 16) {
        struct tg_packet later = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct piece){1, offset, 8, 0, 0});
        enum fragment_place place = fragment_place(table, &later, 1, 0, &verdict);
        assert_true(!refused || place == FRAGMENT_REFUSED); /* once condemned, for good */
        refused = place == FRAGMENT_REFUSED;
    }
    assert_true(refused);
    fragment_table_free(table);
}

static void test_refused_ones_make_room_first(void **state)
{
    (void)state;
    struct fragment_table *table = fragment_table_new(secret);
    struct tg_verdict accepted = {.action = TG_ACCEPT, .zone_in = 2}, dropped = {.action = TG_DROP, .zone_in = 2};
    struct tg_packet kept = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct piece){0, 0, 1480, 0, 0});
    fragment_note_first(table, &kept, &accepted, 1, 0);
    for (uint32_t id = 1; id < 100000; id++) {
        struct tg_packet first = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct piece){id, 0, 1480, 0, 0});
        fragment_note_first(table, &first, &dropped, 1, 1);
    }
    struct tg_packet later = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct piece){0, 1480, 1480, 0, 0});
    assert_int_equal(fragment_place(table, &later, 1, 2, &dropped), FRAGMENT_FOLLOWS);
    fragment_table_free(table);
}

/* Rules have been loaded in between: what the first was judged by is gone. */
static void test_another_load(void **state)
{
    (void)state;
    struct fragment_table *table = fragment_table_new(secret);
    struct tg_packet first = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct piece){.id = 1, .length = 1480}),
                     later = packet_of(TG_IPV4, TG_PROTO_UDP, &(struct piece){.id = 1, .offset = 1480, .length = 80});
    struct tg_verdict verdict = {.action = TG_ACCEPT, .statement = 7, .zone_in = 2};
    fragment_note_first(table, &first, &verdict, 1, 0);
    assert_int_equal(fragment_place(table, &later, 2, 0, &verdict), FRAGMENT_UNKNOWN);
    assert_int_equal(fragment_place(table, &later, 1, 0, &verdict), FRAGMENT_FOLLOWS);
    fragment_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_another_load),
        cmocka_unit_test(test_behind_the_first_in_any_order),
        cmocka_unit_test(test_refused_with_the_first),
        cmocka_unit_test(test_strays),
        cmocka_unit_test(test_overlap_condemns),
        cmocka_unit_test(test_repeated_is_refused_alone),
        cmocka_unit_test(test_tcp_flags_cannot_be_overwritten),
        cmocka_unit_test(test_time_is_over),
        cmocka_unit_test(test_pieces_without_end),
        cmocka_unit_test(test_refused_ones_make_room_first),
    };
    return cmocka_run_group_tests_name("fragment", tests, NULL, NULL);
}
