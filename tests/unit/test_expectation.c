/* Expectations, and the connections that have announced them: src/connection/expectation.c. */
#include "unit.h"

#include "connection/expectation.h"

enum { ROOM = 512, ASSISTED = ROOM / 32, EXPECTATIONS = 4 * ASSISTED };

static const uint64_t secret[4] = {1, 2, 3, 4};

struct fixture {
    struct conn_table *conns;
    struct mapping_table *mappings;
    struct expectation_table *table;
    struct conn *control[ASSISTED + 1];
};

static struct tg_tuple tuple_of(uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport)
{
    return (struct tg_tuple){tg_ipv4(src), tg_ipv4(dst), sport, dport, TG_IPV4, TG_PROTO_TCP};
}

/* The connection number `i`, which is read by a helper if there is room. */
static struct conn *begin(struct fixture *f, uint32_t i)
{
    struct tg_tuple out = tuple_of(10, (uint16_t)(2000 + i), 20, 21), back = tg_tuple_flip(&out);
    struct conn *conn = conn_add(f->conns, &out, &back);
    assert_non_null(conn);
    assisted_begin(f->table, conn, HELPER_FTP);
    conn_unlock(conn);
    return conn;
}

static struct fixture open_table(void)
{
    struct fixture f = {.conns = conn_table_new(ROOM, secret), .mappings = mapping_table_new(ROOM, secret)};
    f.table = expectation_table_new(ROOM, f.mappings, secret);
    assert_non_null(f.table);
    return f;
}

static void close_table(struct fixture *f)
{
    expectation_table_free(f->table);
    mapping_table_free(f->mappings);
    conn_table_free(f->conns);
}

static struct expectation wanted(uint32_t assisted, uint16_t port)
{
    return (struct expectation){
        .tuple = tuple_of(20, 0, 10, port),
        .inside = tg_ipv4(30),
        .port = (uint16_t)(port + 1000),
        .assisted = assisted,
        .mapping = MAPPING_NONE,
    };
}

static uint32_t add(struct fixture *f, uint32_t assisted, uint16_t port, uint32_t tick)
{
    const struct expectation e = wanted(assisted, port);
    return expectation_add(f->table, &e, tick);
}

static uint32_t find(struct fixture *f, uint16_t port, uint32_t tick)
{
    const struct tg_tuple t = tuple_of(20, 999, 10, port);
    uint32_t number = expectation_find(f->table, &t, tick);
    assert_true(number == EXPECTATION_NONE || expectation_may(f->table, &t));
    return number;
}

TEST(exactly_what_is_expected_is_found)
{
    struct fixture f = open_table();
    uint32_t assisted = begin(&f, 0)->assisted, number = add(&f, assisted, 5000, 0);
    assert_int_not_equal(number, EXPECTATION_NONE);
    static const struct {
        const char *name;
        uint32_t src, dst;
        uint16_t sport, dport;
        uint8_t family, proto;
        bool is;
    } rows[] = {
        {"from any port", 20, 10, 1, 5000, TG_IPV4, TG_PROTO_TCP, true},
        {"from another", 20, 10, 65535, 5000, TG_IPV4, TG_PROTO_TCP, true},
        {"from somebody else", 21, 10, 1, 5000, TG_IPV4, TG_PROTO_TCP, false},
        {"for somebody else", 20, 11, 1, 5000, TG_IPV4, TG_PROTO_TCP, false},
        {"to the next port", 20, 10, 1, 5001, TG_IPV4, TG_PROTO_TCP, false},
        {"by another protocol", 20, 10, 1, 5000, TG_IPV4, TG_PROTO_UDP, false},
        {"of another family", 20, 10, 1, 5000, TG_IPV6, TG_PROTO_TCP, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_tuple t = tuple_of(rows[i].src, rows[i].sport, rows[i].dst, rows[i].dport);
        t.family = rows[i].family;
        t.proto = rows[i].proto;
        CHECK(rows[i].name, (expectation_find(f.table, &t, 0) == number) == rows[i].is);
    }
    assert_int_equal(expectation_of(f.table, assisted, CONN_ORIGINAL, TG_PROTO_TCP, 6000, 0), number);
    assert_int_equal(expectation_of(f.table, assisted, CONN_REPLY, TG_PROTO_TCP, 6000, 0), EXPECTATION_NONE);
    assert_int_equal(expectation_of(f.table, assisted, CONN_ORIGINAL, TG_PROTO_UDP, 6000, 0), EXPECTATION_NONE);
    assert_int_equal(expectation_outside(f.table, assisted, CONN_ORIGINAL, TG_PROTO_TCP, 5000, 0), number);
    assert_int_equal(expectation_outside(f.table, assisted, CONN_ORIGINAL, TG_PROTO_TCP, 6000, 0), EXPECTATION_NONE);
    close_table(&f);
}

TEST(it_ends_when_its_time_is_over)
{
    struct fixture f = open_table();
    uint32_t assisted = begin(&f, 0)->assisted, late = UINT32_MAX - 5; /* ticks wrap */
    uint32_t number = add(&f, assisted, 5000, late), life = CONN_SECONDS(EXPECTATION_SECONDS);
    assert_int_equal(find(&f, 5000, late + life - 1), number);
    assert_int_equal(find(&f, 5000, late + life), EXPECTATION_NONE);
    assert_int_equal(expectation_of(f.table, assisted, CONN_ORIGINAL, TG_PROTO_TCP, 6000, late + life),
                     EXPECTATION_NONE);
    expectation_renew(f.table, number, late + life - 1);
    assert_int_equal(find(&f, 5000, late + 2 * life - 2), number);
    close_table(&f);
}

TEST(what_is_taken_waits_for_being_announced_again)
{
    struct fixture f = open_table();
    uint32_t assisted = begin(&f, 0)->assisted, number = add(&f, assisted, 5000, 0);
    expectation_at(f.table, number)->is_taken = true;
    assert_int_equal(find(&f, 5000, 0), EXPECTATION_NONE);
    assert_int_equal(expectation_of(f.table, assisted, CONN_ORIGINAL, TG_PROTO_TCP, 6000, 0), number);
    expectation_renew(f.table, number, 1);
    assert_int_equal(find(&f, 5000, 1), number);
    close_table(&f);
}

/* Two cannot expect the same; one whose time is over gives way. */
TEST(one_is_expected_by_one)
{
    struct fixture f = open_table();
    uint32_t first = begin(&f, 0)->assisted, second = begin(&f, 1)->assisted;
    uint32_t life = CONN_SECONDS(EXPECTATION_SECONDS);
    assert_int_not_equal(add(&f, first, 5000, 0), EXPECTATION_NONE);
    assert_int_equal(add(&f, second, 5000, life - 1), EXPECTATION_NONE);
    assert_int_equal(expectation_at(f.table, find(&f, 5000, 0))->assisted, first);
    assert_int_not_equal(add(&f, second, 5000, life), EXPECTATION_NONE);
    assert_int_equal(expectation_at(f.table, find(&f, 5000, life))->assisted, second);
    close_table(&f);
}

TEST(more_than_each_may_have_push_out_the_oldest)
{
    struct fixture f = open_table();
    uint32_t first = begin(&f, 0)->assisted, second = begin(&f, 1)->assisted;
    assert_int_not_equal(add(&f, second, 4000, 0), EXPECTATION_NONE);
    for (uint16_t i = 0; i < 2 * EXPECTATION_EACH; i++)
        assert_int_not_equal(add(&f, first, (uint16_t)(5000 + i), i), EXPECTATION_NONE);
    for (uint16_t i = 0; i < 2 * EXPECTATION_EACH; i++)
        assert_int_equal(find(&f, (uint16_t)(5000 + i), 40) != EXPECTATION_NONE, i >= EXPECTATION_EACH);
    assert_int_not_equal(find(&f, 4000, 40), EXPECTATION_NONE); /* another's is left alone */
    close_table(&f);
}

/* When all places are taken nothing more is expected, until something is over or gone. */
TEST(the_table_is_full)
{
    struct fixture f = open_table();
    uint32_t assisted[ASSISTED], count = 0, life = CONN_SECONDS(EXPECTATION_SECONDS);
    for (uint32_t i = 0; i < ASSISTED; i++)
        assisted[i] = begin(&f, i)->assisted;
    for (uint32_t i = 0; i < EXPECTATIONS; i++)
        count += add(&f, assisted[i % ASSISTED], (uint16_t)(5000 + i), i == 7 ? 0 : 100) != EXPECTATION_NONE;
    assert_int_equal(count, EXPECTATIONS);
    assert_int_equal(add(&f, assisted[0], 4000, 100), EXPECTATION_NONE);
    assert_int_not_equal(add(&f, assisted[0], 4000, life), EXPECTATION_NONE); /* in the place of number 7 */
    assert_int_equal(add(&f, assisted[0], 4001, life), EXPECTATION_NONE);
    assert_int_equal(find(&f, 5007, life), EXPECTATION_NONE);
    expectation_remove(f.table, find(&f, 5003, life), assisted[3]);
    assert_int_equal(find(&f, 5003, life), EXPECTATION_NONE);
    assert_int_not_equal(add(&f, assisted[0], 4001, life), EXPECTATION_NONE);
    close_table(&f);
}

TEST(only_its_own_is_removed)
{
    struct fixture f = open_table();
    uint32_t first = begin(&f, 0)->assisted, second = begin(&f, 1)->assisted, number = add(&f, first, 5000, 0);
    expectation_remove(f.table, number, second);
    assert_int_equal(find(&f, 5000, 0), number);
    expectation_remove(f.table, number, first);
    assert_int_equal(find(&f, 5000, 0), EXPECTATION_NONE);
    expectation_remove(f.table, number, first); /* gone already */
    assert_int_equal(add(&f, second, 5000, 0), number);
    close_table(&f);
}

/* All that a connection expects goes with it, but not what is remembered of it: as long as what it has announced lives.
 */
TEST(expectations_end_with_the_control_connection)
{
    struct fixture f = open_table();
    struct conn *control = begin(&f, 0), *other = begin(&f, 1);
    uint32_t assisted = control->assisted;
    for (uint16_t i = 0; i < 5; i++)
        assert_int_not_equal(add(&f, assisted, (uint16_t)(5000 + i), 0), EXPECTATION_NONE);
    add(&f, other->assisted, 6000, 0);
    struct tg_tuple data = tuple_of(20, 20, 10, 5000), back = tg_tuple_flip(&data);
    struct conn *announced = conn_add(f.conns, &data, &back);
    assisted_hold(f.table, announced, assisted);
    assert_true(announced->flags & CONN_ANNOUNCED);
    assisted_leave(f.table, control);
    assert_int_equal(control->assisted, CONN_NONE);
    for (uint16_t i = 0; i < 5; i++)
        assert_int_equal(find(&f, (uint16_t)(5000 + i), 0), EXPECTATION_NONE);
    assert_int_not_equal(find(&f, 6000, 0), EXPECTATION_NONE);
    assert_int_equal(assisted_at(f.table, assisted)->control.ports[0], 2000);
    assert_int_not_equal(begin(&f, 2)->assisted, assisted); /* not given to another yet */
    assisted_leave(f.table, announced);
    assert_int_equal(begin(&f, 3)->assisted, assisted);
    close_table(&f);
}

/* What an announced connection's end leaves alone. */
TEST(what_is_announced_ends_first)
{
    struct fixture f = open_table();
    struct conn *control = begin(&f, 0);
    uint32_t assisted = control->assisted;
    struct tg_tuple data = tuple_of(20, 20, 10, 5000), back = tg_tuple_flip(&data);
    struct conn *announced = conn_add(f.conns, &data, &back);
    add(&f, assisted, 5001, 0);
    assisted_hold(f.table, announced, assisted);
    assisted_leave(f.table, announced);
    assert_int_not_equal(find(&f, 5001, 0), EXPECTATION_NONE);
    assert_int_equal(control->assisted, assisted);
    close_table(&f);
}

TEST(without_room_nobody_reads_it)
{
    struct fixture f = open_table();
    struct conn *first = begin(&f, 0);
    for (uint32_t i = 1; i < ASSISTED; i++)
        assert_int_not_equal(begin(&f, i)->assisted, CONN_NONE);
    assert_int_equal(begin(&f, ASSISTED)->assisted, CONN_NONE);
    assisted_leave(f.table, first);
    assert_int_not_equal(begin(&f, ASSISTED + 1)->assisted, CONN_NONE);
    close_table(&f);
}

/* The outside port of an expectation is in use for as long as it is there. */
TEST(mappings_are_held_and_let_go)
{
    struct fixture f = open_table();
    struct conn *control = begin(&f, 0);
    const struct mapping_key key = {.inside = 30, .outside = 10, .port = 6000, .proto = TG_PROTO_TCP};
    const struct mapping_choice choice = {.first = 1024, .last = 65535};
    struct mapping_key found;
    struct expectation e = wanted(control->assisted, 6000);
    uint16_t port;
    e.mapping = mapping_use(f.mappings, &key, &choice, &port);
    assert_int_equal(port, 6000);
    assert_int_not_equal(expectation_add(f.table, &e, 0), EXPECTATION_NONE);
    assert_int_not_equal(mapping_find(f.mappings, 10, 6000, TG_PROTO_TCP, 20, false, &found), MAPPING_NONE);
    assisted_leave(f.table, control);
    assert_int_equal(mapping_find(f.mappings, 10, 6000, TG_PROTO_TCP, 20, false, &found), MAPPING_NONE);
    close_table(&f);
}

TEST(the_size_is_known_before)
{
    assert_true(expectation_table_size(ROOM) > ASSISTED * (sizeof(struct assisted) + 4 * sizeof(struct expectation)));
    assert_true(expectation_table_size(16) <= expectation_table_size(ROOM));            /* there is a least of them */
    assert_true(expectation_table_size(16384) < 1 << 20);                               /* of a router with 64 MB */
    assert_true(expectation_table_size(UINT32_MAX) == expectation_table_size(1 << 20)); /* and a most */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_what_is_expected_is_found),
        cmocka_unit_test(it_ends_when_its_time_is_over),
        cmocka_unit_test(what_is_taken_waits_for_being_announced_again),
        cmocka_unit_test(one_is_expected_by_one),
        cmocka_unit_test(more_than_each_may_have_push_out_the_oldest),
        cmocka_unit_test(the_table_is_full),
        cmocka_unit_test(only_its_own_is_removed),
        cmocka_unit_test(expectations_end_with_the_control_connection),
        cmocka_unit_test(what_is_announced_ends_first),
        cmocka_unit_test(without_room_nobody_reads_it),
        cmocka_unit_test(mappings_are_held_and_let_go),
        cmocka_unit_test(the_size_is_known_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
