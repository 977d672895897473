/* Fragments that wait for their first: found by their datagram, in their order, few of each source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fragment/waiting.h"

static struct waiting waiting;

static int begin(void **state)
{
    (void)state;
    waiting = (struct waiting){.count = 0};
    return 0;
}

static struct tg_packet fragment(uint8_t family, uint64_t source, uint32_t id, uint16_t offset)
{
    struct tg_packet packet = {.fragment = true,
                               .fragment_offset = offset,
                               .fragment_id = id,
                               .kind = TG_TRANSPORT_LATER};
    packet.outer.tuple = (struct tg_tuple){.src = {0, source}, .dst = {0, 1}, .family = family, .proto = TG_PROTO_UDP};
    return packet;
}

static bool add(uint64_t source, uint32_t id, uint64_t now, uint64_t ticket)
{
    struct tg_packet packet = fragment(TG_IPV4, source, id, 1480);
    return waiting_add(&waiting, &packet, now, ticket);
}

static uint64_t take(uint64_t source, uint32_t id)
{
    struct tg_packet first = fragment(TG_IPV4, source, id, 0);
    uint64_t ticket;
    return waiting_take(&waiting, &first, &ticket) ? ticket : 0;
}

static void a_datagram_is_taken_in_the_order_in_which_it_came(void **state)
{
    (void)state;
    assert_true(add(9, 1, 10, 101));
    assert_true(add(9, 2, 11, 102));
    assert_true(add(9, 1, 12, 103));
    assert_true(add(8, 1, 13, 104));
    assert_int_equal(take(9, 3), 0);
    assert_int_equal(take(9, 1), 101);
    assert_int_equal(take(9, 1), 103);
    assert_int_equal(take(9, 1), 0);
    assert_int_equal(take(8, 1), 104);
    assert_int_equal(take(9, 2), 102);
    assert_int_equal(waiting.count, 0);
}

static bool arrives(uint64_t source, uint32_t id, uint64_t ticket)
{
    struct tg_packet packet = fragment(TG_IPV4, source, id, 1480);
    return waiting_arrive(&waiting, &packet, ticket);
}

static void one_that_is_on_its_way_waits_when_it_is_there(void **state)
{
    (void)state;
    assert_true(add(9, 1, 10, 0));
    assert_true(arrives(9, 1, 101));
    assert_false(arrives(9, 1, 102)); /* nothing else has been written down */
    assert_int_equal(take(9, 1), 101);
}

static void one_whose_first_has_come_meanwhile_need_not_wait(void **state)
{
    (void)state;
    assert_true(add(9, 1, 10, 0));
    assert_true(add(9, 1, 11, 102));
    assert_int_equal(take(9, 1), 102);
    assert_int_equal(take(9, 1), 0);
    assert_false(arrives(9, 1, 101));
    assert_int_equal(waiting.count, 0);
}

static void one_that_need_not_wait_gives_its_place_back(void **state)
{
    struct tg_packet packet = fragment(TG_IPV4, 9, 1, 1480);
    (void)state;
    assert_true(add(9, 1, 10, 101));
    waiting_cancel(&waiting, &packet); /* that one is there */
    assert_int_equal(waiting.count, 1);
    assert_true(add(9, 1, 10, 0));
    waiting_cancel(&waiting, &packet);
    assert_int_equal(waiting.count, 1);
    assert_int_equal(take(9, 1), 101);
}

static void one_that_never_arrives_loses_its_place(void **state)
{
    uint64_t ticket;
    (void)state;
    assert_true(add(9, 1, 10, 0));
    assert_true(add(9, 2, 11, 102));
    assert_true(waiting_give_up(&waiting, 11, &ticket));
    assert_int_equal(ticket, 102);
    assert_false(arrives(9, 1, 101));
}

static void who_waited_longest_is_given_up_first(void **state)
{
    uint64_t ticket;
    (void)state;
    assert_int_equal(waiting_oldest(&waiting), UINT64_MAX);
    assert_false(waiting_give_up(&waiting, UINT64_MAX, &ticket));
    assert_true(add(9, 1, 10, 101));
    assert_true(add(9, 2, 20, 102));
    assert_int_equal(waiting_oldest(&waiting), 10);
    assert_false(waiting_give_up(&waiting, 9, &ticket));
    assert_true(waiting_give_up(&waiting, 10, &ticket));
    assert_int_equal(ticket, 101);
    assert_false(waiting_give_up(&waiting, 10, &ticket));
    assert_int_equal(waiting_oldest(&waiting), 20);
    assert_true(waiting_give_up(&waiting, UINT64_MAX, &ticket));
    assert_int_equal(ticket, 102);
}

static void one_source_leaves_places_for_others(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < WAITING_OF_SOURCE; i++)
        assert_true(add(9, i, 10, i + 1));
    assert_false(add(9, 1000, 10, 1000));
    assert_true(add(8, 1000, 10, 1001));
    struct tg_packet other_family = fragment(TG_IPV6, 9, 1000, 1480);
    assert_true(waiting_add(&waiting, &other_family, 10, 1002));
    assert_int_equal(take(9, 5), 6);
    assert_true(add(9, 1000, 10, 1000));
}

static void all_places_are_ever_taken(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < WAITING_MOST; i++)
        assert_true(add(i, 1, 10, i + 1));
    assert_false(add(WAITING_MOST, 1, 10, 1));
    assert_int_equal(waiting.count, WAITING_MOST);
    assert_int_equal(take(WAITING_MOST - 1, 1), WAITING_MOST);
    assert_true(add(WAITING_MOST, 1, 10, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_datagram_is_taken_in_the_order_in_which_it_came, begin),
        cmocka_unit_test_setup(one_that_is_on_its_way_waits_when_it_is_there, begin),
        cmocka_unit_test_setup(one_whose_first_has_come_meanwhile_need_not_wait, begin),
        cmocka_unit_test_setup(one_that_need_not_wait_gives_its_place_back, begin),
        cmocka_unit_test_setup(one_that_never_arrives_loses_its_place, begin),
        cmocka_unit_test_setup(who_waited_longest_is_given_up_first, begin),
        cmocka_unit_test_setup(one_source_leaves_places_for_others, begin),
        cmocka_unit_test_setup(all_places_are_ever_taken, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
