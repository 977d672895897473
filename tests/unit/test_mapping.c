/* Which outside port stands for which inside address and port: src/connection/mapping.c (RFC 4787 REQ-1, 3, 4; RFC
 * 6056). */
#include "unit.h"

#include "connection/mapping.h"
#include "connection/table.h"
#include "packets.h"

static const uint64_t secret[4] = {5, 6, 7, 8};

enum { OUTSIDE = 0xcb007101, INSIDE = 0xc0a80100, REMOTE = 0xc6336401, UDP = 17 };

/* What a forward has taken: ports from `first` to `last`. */
struct taken {
    uint32_t first, last;
};

static uint32_t is_taken(void *context, uint32_t word)
{
    const struct taken *t = context;
    uint32_t bits = 0;
    for (uint32_t port = word * 32; port < word * 32 + 32; port++)
        bits |= (uint32_t)(t->first <= port && port <= t->last) << port % 32;
    return bits;
}

static void must_be_zero(int error)
{
    assert_int_equal(error, 0);
}

static struct taken nothing = {1, 0};
static const struct mapping_choice any_port = {0, 65535, MAPPING_KEEP_WITHIN, is_taken, &nothing, false};

static uint32_t use(struct mapping_table *table, uint32_t inside, uint16_t port, uint16_t *got)
{
    struct mapping_key key = {.inside = INSIDE + inside, .outside = OUTSIDE, .port = port, .proto = UDP};
    return mapping_use(table, &key, &any_port, got);
}

static const uint64_t whole_rest = CONN_SECONDS(MAPPING_REST);

TEST(a_free_port_is_kept)
{
    static const uint16_t ports[] = {0, 1, 1023, 1024, 5000, 65535};
    struct mapping_table *table = mapping_table_new(64, secret);
    for (size_t i = 0; i < COUNT(ports); i++) {
        uint16_t got = 7;
        assert_int_not_equal(use(table, 1, ports[i], &got), MAPPING_NONE);
        assert_int_equal(got, ports[i]);
    }
    mapping_table_free(table);
}

TEST(one_inside_is_one_outside_as_long_as_it_is_used)
{
    struct mapping_table *table = mapping_table_new(64, secret);
    uint16_t first, got;
    use(table, 1, 5000, &got);
    uint32_t number = use(table, 2, 5000, &first);
    assert_int_not_equal(first, 5000);
    for (int i = 0; i < 100; i++) { /* a hundred more connections use it, and all but one end */
        assert_int_equal(use(table, 2, 5000, &got), number);
        assert_int_equal(got, first);
    }
    for (int i = 0; i < 100; i++)
        mapping_release(table, number);
    assert_int_equal(use(table, 2, 5000, &got), number);
    assert_int_equal(got, first);
    mapping_release(table, number);
    mapping_release(table, number);
    mapping_set_time(table, whole_rest);
    use(table, 3, first, &got); /* now it is anybody's */
    assert_int_equal(got, first);
    mapping_table_free(table);
}

/* What makes another mapping of the same port: each part of the key. */
TEST(keys_are_told_apart)
{
    static const struct {
        const char *name;
        struct mapping_key key;
        bool shares; /* the outside port with the first */
    } rows[] = {
        {"another inside", {INSIDE + 2, OUTSIDE, 5000, UDP, 0, 0}, false},
        {"another outside", {INSIDE + 1, OUTSIDE + 1, 5000, UDP, 0, 0}, true},
        {"another protocol", {INSIDE + 1, OUTSIDE, 5000, 6, 0, 0}, true},
        {"for one remote alone", {INSIDE + 1, OUTSIDE, 5000, UDP, 0, REMOTE}, false},
        {"for one port of one remote", {INSIDE + 1, OUTSIDE, 5000, UDP, 80, REMOTE}, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mapping_table *table = mapping_table_new(64, secret);
        uint16_t got;
        uint32_t first = use(table, 1, 5000, &got);
        CHECK(rows[i].name, mapping_use(table, &rows[i].key, &any_port, &got) != first);
        CHECK_EQUAL(rows[i].name, got == 5000, rows[i].shares);
        mapping_table_free(table);
    }
}

/* RFC 4787 REQ-3a and REQ-4: range and parity are kept as long as there are any. */
TEST(range_and_parity)
{
    static const uint16_t ports[] = {2, 3, 80, 1023, 1024, 1025, 5000, 65534, 65535};
    for (size_t i = 0; i < COUNT(ports); i++) {
        struct mapping_table *table = mapping_table_new(4096, secret);
        bool used[65536] = {false};
        for (uint32_t inside = 1; inside <= 500; inside++) {
            uint16_t got = 0;
            assert_int_not_equal(use(table, inside, ports[i], &got), MAPPING_NONE);
            CHECK("range", (got < 1024) == (ports[i] < 1024));
            CHECK("parity", got % 2 == ports[i] % 2);
            CHECK("no overloading", !used[got]);
            CHECK("port 0", got != 0);
            used[got] = true;
        }
        mapping_table_free(table);
    }
}

/* 1023 insides with one low port: parity gives way, the range does not, and then there is none. */
TEST(a_range_is_used_up)
{
    struct mapping_table *table = mapping_table_new(4096, secret);
    bool used[1024] = {false};
    uint16_t got = 0;
    uint32_t inside = 1, numbers[1024];
    for (; inside <= 1023; inside++) {
        numbers[inside] = use(table, inside, 80, &got);
        CHECK("low", numbers[inside] != MAPPING_NONE && got < 1024 && got != 0 && !used[got]);
        used[got] = true;
    }
    assert_int_equal(use(table, inside, 80, &got), MAPPING_NONE);
    assert_int_not_equal(use(table, inside, 5000, &got), MAPPING_NONE); /* the other range is not touched */
    mapping_release(table, numbers[500]);
    mapping_set_time(table, whole_rest);
    assert_int_not_equal(use(table, inside, 80, &got), MAPPING_NONE);
    mapping_table_free(table);
}

TEST(ports_that_are_spoken_for)
{
    struct mapping_table *table = mapping_table_new(64, secret);
    struct taken low = {1, 1022}, one = {5000, 5000}, all = {0, 65535};
    uint16_t got = 0;
    struct mapping_key key = {.inside = INSIDE + 1, .outside = OUTSIDE, .port = 80, .proto = UDP};
    struct mapping_choice choice = {0, 65535, MAPPING_KEEP_WITHIN, is_taken, &low, false};
    assert_int_not_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    assert_int_equal(got, 1023); /* the only one left of its range, though odd */
    key.port = 5000;
    choice.context = &one;
    assert_int_not_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    assert_int_not_equal(got, 5000);
    key.port = 6000;
    choice.context = &all;
    assert_int_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    choice.taken = NULL;
    assert_int_not_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    assert_int_equal(got, 6000);
    mapping_table_free(table);
}

TEST(as_many_as_there_is_room_for)
{
    enum { ROOM = 10 };
    struct mapping_table *table = mapping_table_new(ROOM, secret);
    uint32_t last = 0;
    uint16_t got;
    for (uint32_t i = 0; i < ROOM; i++)
        assert_int_not_equal(last = use(table, 1, (uint16_t)(2000 + i), &got), MAPPING_NONE);
    assert_int_equal(use(table, 1, 3000, &got), MAPPING_NONE);
    assert_int_not_equal(use(table, 1, 2000, &got), MAPPING_NONE); /* one that is there needs none */
    mapping_release(table, last);
    assert_int_equal(use(table, 1, 3000, &got), last);
    assert_true(mapping_table_size(2 * ROOM) > mapping_table_size(ROOM));
    mapping_table_free(table);
    mapping_table_free(NULL);
}

/* What `nat ports` says: kept only within it; its side of 1024 and parity as far as it has them. */
TEST(ports_to_choose_from)
{
    static const struct {
        const char *name;
        uint16_t first, last, port, least, most;
        bool is_kept, is_alike; /* alike: of the same parity */
    } rows[] = {
        {"within", 2000, 3000, 2500, 2000, 3000, true, true},
        {"the first", 2000, 3000, 2000, 2000, 3000, true, true},
        {"the last", 2000, 3000, 3000, 2000, 3000, true, true},
        {"below", 2000, 3000, 1999, 2000, 3000, false, true},
        {"above", 2000, 3000, 3001, 2000, 3000, false, true},
        {"low, and none such", 1024, 65535, 80, 1024, 65535, false, true},
        {"low, and some such", 1000, 65535, 80, 1000, 1023, false, true},
        {"high, and some such", 1000, 1030, 5000, 1024, 1030, false, true},
        {"high, and none such", 600, 700, 5001, 600, 700, false, true},
        {"one port of the right parity", 2000, 2000, 5000, 2000, 2000, false, true},
        {"one port of the wrong one", 2001, 2001, 5000, 2001, 2001, false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (uint64_t seed = 1; seed < 40; seed++) {
            const uint64_t other[4] = {seed, 2, 3, 4};
            struct mapping_table *table = mapping_table_new(8, other);
            struct mapping_key key = {.inside = INSIDE, .outside = OUTSIDE, .port = rows[i].port, .proto = UDP};
            struct mapping_choice choice = {rows[i].first, rows[i].last, MAPPING_KEEP_WITHIN, NULL, NULL, false};
            uint16_t got = 0;
            CHECK(rows[i].name, mapping_use(table, &key, &choice, &got) != MAPPING_NONE);
            CHECK(rows[i].name, (got == rows[i].port) == rows[i].is_kept);
            CHECK(rows[i].name, got >= rows[i].least && got <= rows[i].most);
            CHECK(rows[i].name, (got % 2 == rows[i].port % 2) == rows[i].is_alike);
            mapping_table_free(table);
        }
}

TEST(a_small_range_is_used_up)
{
    struct mapping_table *table = mapping_table_new(64, secret);
    struct mapping_choice choice = {2001, 2009, MAPPING_KEEP_WITHIN, NULL, NULL, false};
    bool used[10] = {false};
    uint16_t got = 0;
    struct mapping_key key = {.outside = OUTSIDE, .port = 5000, .proto = UDP};
    for (key.inside = INSIDE; key.inside < INSIDE + 9; key.inside++) {
        assert_int_not_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
        assert_true(got >= 2001 && got <= 2009 && !used[got - 2000]);
        used[got - 2000] = true;
    }
    assert_int_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    mapping_table_free(table);
}

TEST(ports_that_must_be_kept_and_that_may)
{
    struct mapping_table *table = mapping_table_new(64, secret);
    uint16_t got = 0;
    struct mapping_choice any = {2000, 3000, MAPPING_KEEP_ANY, is_taken, &nothing, false},
                          always = {2000, 3000, MAPPING_KEEP_ALWAYS, is_taken, &nothing, false};
    struct mapping_key first = {.inside = INSIDE, .outside = OUTSIDE, .port = 123, .proto = UDP}, second = first;
    assert_int_not_equal(mapping_use(table, &first, &any, &got), MAPPING_NONE);
    assert_int_equal(got, 123);
    second.inside++;
    assert_int_equal(mapping_use(table, &second, &always, &got), MAPPING_NONE);
    assert_int_not_equal(mapping_use(table, &second, &any, &got), MAPPING_NONE);
    assert_true(got >= 2000 && got <= 3000);
    assert_int_equal(mapping_use(table, &second, &always, &got), MAPPING_NONE); /* it has one, and not its own */
    second.port = 9;
    assert_int_not_equal(mapping_use(table, &second, &always, &got), MAPPING_NONE);
    assert_int_equal(got, 9);
    mapping_table_free(table);
}

/* Two share an outside port only if each is for a remote of its own (RFC 4787 4.1). */
TEST(who_shares_a_port)
{
    static const struct {
        const char *name;
        uint32_t remote[2];
        uint16_t port[2];
        bool shares;
    } rows[] = {
        {"both for all", {0, 0}, {0, 0}, false},
        {"all, then one remote", {0, REMOTE}, {0, 0}, false},
        {"one remote, then all", {REMOTE, 0}, {0, 0}, false},
        {"all, then one port", {0, REMOTE}, {0, 80}, false},
        {"one port, then all", {REMOTE, 0}, {80, 0}, false},
        {"the same remote", {REMOTE, REMOTE}, {0, 0}, false},
        {"two remotes", {REMOTE, REMOTE + 1}, {0, 0}, true},
        {"one port of it, then all its ports", {REMOTE, REMOTE}, {80, 0}, false},
        {"all its ports, then one", {REMOTE, REMOTE}, {0, 80}, false},
        {"the same port of the same remote", {REMOTE, REMOTE}, {80, 80}, false},
        {"two ports of the same remote", {REMOTE, REMOTE}, {80, 81}, true},
        {"the same port of two remotes", {REMOTE, REMOTE + 1}, {80, 80}, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mapping_table *table = mapping_table_new(4096, secret);
        uint32_t number[2];
        uint16_t got[2] = {0, 0};
        for (uint32_t n = 0; n < 2; n++) {
            struct mapping_key key = {INSIDE + n, OUTSIDE, 5000, UDP, rows[i].port[n], rows[i].remote[n]};
            number[n] = mapping_use(table, &key, &any_port, &got[n]);
            CHECK(rows[i].name, number[n] != MAPPING_NONE);
        }
        CHECK_EQUAL(rows[i].name, got[0], 5000);
        CHECK(rows[i].name, (got[1] == 5000) == rows[i].shares);
        /* and nothing of them is left when they end */
        mapping_release(table, number[0]);
        mapping_release(table, number[1]);
        mapping_set_time(table, whole_rest);
        struct mapping_key key = {.inside = INSIDE + 9, .outside = OUTSIDE, .port = 5000, .proto = UDP};
        mapping_use(table, &key, &any_port, &got[0]);
        CHECK_EQUAL(rows[i].name, got[0], 5000);
        mapping_table_free(table);
    }
}

/* Mappings of all sorts that come and go, against the rule itself. */
TEST(random_remotes_against_the_rule)
{
    enum { KEYS = 200 };
    struct {
        uint32_t number, uses;
        uint16_t port;
        struct mapping_key key;
    } model[KEYS];
    memset(model, 0, sizeof model);
    struct mapping_table *table = mapping_table_new(1024, secret);
    struct mapping_choice few = {2000, 2040, MAPPING_KEEP_WITHIN, NULL, NULL, false};
    uint64_t seed = 11;
    for (uint32_t k = 0; k < KEYS; k++) {
        uint32_t sort = random32(&seed) % 3;
        model[k].key = (struct mapping_key){INSIDE + k, OUTSIDE, (uint16_t)(2000 + k % 7), UDP, 0, 0};
        if (sort > 0)
            model[k].key.remote = REMOTE + random32(&seed) % 4;
        if (sort > 1)
            model[k].key.remote_port = (uint16_t)(1 + random32(&seed) % 3);
    }
    for (int round = 0; round < 20000; round++) {
        uint32_t k = random32(&seed) % KEYS;
        if (model[k].uses > 0 && random32(&seed) % 4 != 0) {
            mapping_release(table, model[k].number);
            model[k].uses--;
            continue;
        }
        uint16_t got;
        uint32_t number = mapping_use(table, &model[k].key, &few, &got);
        if (number == MAPPING_NONE)
            continue;
        assert_true(model[k].uses == 0 || (number == model[k].number && got == model[k].port));
        model[k].number = number;
        model[k].port = got;
        model[k].uses++;
        for (uint32_t other = 0; other < KEYS; other++) {
            const struct mapping_key *a = &model[k].key, *b = &model[other].key;
            bool may_share = a->remote != 0 && b->remote != 0 &&
                             (a->remote != b->remote ||
                              (a->remote_port != 0 && b->remote_port != 0 && a->remote_port != b->remote_port));
            assert_true(other == k || model[other].uses == 0 || model[other].port != got || may_share);
        }
    }
    for (uint32_t k = 0; k < KEYS; k++)
        while (model[k].uses-- > 0)
            mapping_release(table, model[k].number);
    mapping_set_time(table, whole_rest);
    for (uint32_t k = 0; k < 1024; k++) { /* nothing is left */
        uint16_t got;
        assert_int_not_equal(use(table, k, (uint16_t)(1100 + k), &got), MAPPING_NONE);
        assert_int_equal(got, 1100 + k);
    }
    mapping_table_free(table);
}

static bool lets_in(struct mapping_table *table, uint32_t remote, bool only_peers)
{
    struct mapping_key key;
    uint32_t number = mapping_find(table, OUTSIDE, 5000, UDP, remote, only_peers, &key);
    assert_true(number == MAPPING_NONE || (key.inside == INSIDE + 1 && key.port == 5000));
    return number != MAPPING_NONE;
}

TEST(peers)
{
    struct mapping_table *table = mapping_table_new(2, secret);
    uint16_t got;
    uint32_t mapping = use(table, 1, 5000, &got);
    assert_int_equal(mapping_note_peer(table, mapping, REMOTE), mapping); /* not asked for: not noted */
    assert_true(lets_in(table, REMOTE, false));
    assert_false(lets_in(table, REMOTE, true));
    must_be_zero(mapping_table_add_peers(table));
    must_be_zero(mapping_table_add_peers(table));
    uint32_t peer = mapping_note_peer(table, mapping, REMOTE);
    assert_int_not_equal(peer, mapping);
    assert_true(lets_in(table, REMOTE, true));
    assert_false(lets_in(table, REMOTE + 1, true));
    assert_int_equal(use(table, 1, 5000, &got), mapping); /* a second connection to the same */
    assert_int_equal(mapping_note_peer(table, mapping, REMOTE), peer);
    mapping_release(table, peer);
    assert_true(lets_in(table, REMOTE, true));
    mapping_hold(table, mapping); /* as somebody who was let in does */
    mapping_release(table, peer);
    assert_false(lets_in(table, REMOTE, true));
    assert_true(lets_in(table, REMOTE, false)); /* the mapping lives on */
    mapping_release(table, mapping);
    assert_false(lets_in(table, REMOTE, false));
    for (uint16_t port = 1; port <= 2; port++) { /* room for two with a peer each */
        assert_int_not_equal(mapping = use(table, 1, port, &got), MAPPING_NONE);
        assert_int_not_equal(mapping_note_peer(table, mapping, REMOTE), mapping);
    }
    mapping_table_free(table);
}

TEST(for_one_remote_none_else_is_let_in)
{
    struct mapping_table *table = mapping_table_new(8, secret);
    struct mapping_key key = {INSIDE + 1, OUTSIDE, 5000, UDP, 0, REMOTE};
    uint16_t got;
    uint32_t mapping = mapping_use(table, &key, &any_port, &got);
    must_be_zero(mapping_table_add_peers(table));
    assert_int_equal(mapping_note_peer(table, mapping, REMOTE), mapping);
    assert_true(lets_in(table, REMOTE, true));
    assert_false(lets_in(table, REMOTE + 1, false));
    mapping_release(table, mapping);
    key.remote_port = 80;
    mapping_use(table, &key, &any_port, &got);
    assert_false(lets_in(table, REMOTE, false));
    mapping_table_free(table);
}

/* The same for a source every time, and spread over all there are. */
TEST(pairs)
{
    struct mapping_table *table = mapping_table_new(1, secret);
    unsigned hits[4] = {0};
    for (uint32_t inside = INSIDE; inside < INSIDE + 1000; inside++) {
        uint32_t n = mapping_pair(table, inside, 4);
        assert_true(n < 4);
        assert_int_equal(mapping_pair(table, inside, 4), n);
        hits[n]++;
    }
    for (int i = 0; i < 4; i++)
        assert_true(hits[i] > 150);
    assert_int_equal(mapping_pair(table, INSIDE, 1), 0);
    mapping_table_free(table);
}

/* RFC 6056: the next is not to be told from those before. That is no proof of randomness, but catches counting up. */
TEST(ports_are_not_counted_up)
{
    struct mapping_table *table = mapping_table_new(4096, secret);
    uint16_t got, last = 0;
    unsigned near = 0, upper = 0;
    for (uint32_t inside = 0; inside < 1000; inside++) {
        use(table, inside, 5000, &got);
        near += abs(got - last) <= 16;
        upper += got >= 1024 + (65536 - 1024) / 2;
        last = got;
    }
    assert_true(near < 20);
    assert_true(upper > 400 && upper < 600);
    mapping_table_free(table);
}

TEST(random_numbers_stay_below_their_bound)
{
    struct mapping_table *table = mapping_table_new(1, secret);
    static const uint32_t bounds[] = {1, 2, 3, 512, 65535, UINT32_MAX};
    for (size_t i = 0; i < COUNT(bounds); i++)
        for (int n = 0; n < 1000; n++)
            assert_true(mapping_random(table, bounds[i]) < bounds[i]);
    mapping_table_free(table);
}

/* RFC 6888 REQ-8: a freed port is nobody else's for two minutes; its own inside gets it back at once. */
TEST(a_freed_port_rests)
{
    struct mapping_table *table = mapping_table_new(64, secret);
    uint16_t got;
    mapping_set_time(table, 1000);
    mapping_release(table, use(table, 1, 5000, &got));
    assert_false(lets_in(table, REMOTE, false));
    mapping_set_time(table, 1000 + whole_rest - 1);
    use(table, 2, 5000, &got);
    assert_int_not_equal(got, 5000);
    use(table, 1, 5000, &got);
    assert_int_equal(got, 5000);
    assert_true(lets_in(table, REMOTE, false));
    mapping_set_time(table, 1000 + 2 * whole_rest); /* it is in use, and ends no more */
    assert_true(lets_in(table, REMOTE, false));
    mapping_table_free(table);
}

/* A connection between two insides has a use of both their mappings, and of a peer where peers are noted. */
TEST(two_that_are_joined)
{
    for (int noted = 0; noted < 2; noted++) {
        struct mapping_table *table = mapping_table_new(64, secret);
        uint16_t got;
        if (noted)
            must_be_zero(mapping_table_add_peers(table));
        mapping_set_time(table, 1000);
        uint32_t first = use(table, 1, 5000, &got), second = use(table, 2, 6000, &got),
                 again = use(table, 2, 6000, &got);
        first = mapping_note_peer(table, first, REMOTE);
        uint32_t both = mapping_join(table, first, second);
        mapping_release(table, again);
        mapping_set_time(table, 1000 + 2 * whole_rest); /* nothing of it rests */
        use(table, 3, 5000, &got);
        assert_int_not_equal(got, 5000);
        use(table, 3, 6000, &got);
        assert_int_not_equal(got, 6000);
        mapping_release(table, both);
        mapping_set_time(table, 1000 + 4 * whole_rest);
        use(table, 4, 5000, &got);
        assert_int_equal(got, 5000);
        use(table, 4, 6000, &got);
        assert_int_equal(got, 6000);
        mapping_table_free(table);
    }
    struct mapping_table *full = mapping_table_new(2, secret); /* no room to join them */
    uint16_t got;
    uint32_t first = use(full, 1, 5000, &got), second = use(full, 2, 6000, &got);
    assert_int_equal(mapping_join(full, first, second), MAPPING_NONE);
    mapping_release(full, first);
    mapping_release(full, second);
    mapping_table_free(full);
}

TEST(what_was_cancelled_need_not_rest)
{
    struct mapping_table *table = mapping_table_new(64, secret);
    uint16_t got;
    mapping_cancel(table, use(table, 1, 5000, &got));
    uint32_t number = use(table, 2, 5000, &got);
    assert_int_equal(got, 5000);
    use(table, 2, 5000, &got);
    mapping_cancel(table, number); /* it was not made for this one alone */
    mapping_release(table, number);
    use(table, 3, 5000, &got);
    assert_int_not_equal(got, 5000);
    mapping_table_free(table);
}

/* Those that rest take nobody's room: the one that has rested longest goes first. */
TEST(who_rests_makes_room)
{
    enum { ROOM = 4 };
    struct mapping_table *table = mapping_table_new(ROOM, secret);
    uint16_t got;
    for (uint32_t i = 0; i < ROOM; i++) {
        mapping_set_time(table, i);
        mapping_release(table, use(table, i, (uint16_t)(2000 + i), &got));
    }
    assert_int_not_equal(use(table, 9, 3000, &got), MAPPING_NONE);
    use(table, 8, 2001, &got); /* rests still, as there is room for both no more: the second oldest goes for it */
    assert_int_not_equal(got, 2001);
    use(table, 7, 2000, &got);
    assert_int_equal(got, 2000); /* the oldest was the first to go */
    mapping_table_free(table);
}

/* RFC 6888 REQ-4: where ports are short, who has an eighth of them gets no more; others do. */
TEST(one_inside_has_its_share)
{
    struct mapping_table *table = mapping_table_new(4096, secret);
    struct mapping_choice choice = {2000, 2999, MAPPING_KEEP_WITHIN, NULL, NULL, false};
    struct mapping_key key = {.inside = INSIDE + 1, .outside = OUTSIDE, .proto = UDP};
    uint32_t count = 0, numbers[125];
    uint16_t got;
    for (key.port = 2000; key.port < 3000 && mapping_use(table, &key, &choice, &got) != MAPPING_NONE; key.port++)
        count++;
    assert_int_equal(count, 501); /* one more than half, alone */
    key.inside++;
    for (count = 0; count < 125; count++, key.port++)
        assert_int_not_equal(numbers[count] = mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    assert_int_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    key.inside++;
    assert_int_not_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    key.proto = 6; /* each protocol has its own */
    key.inside = INSIDE + 1;
    assert_int_not_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    /* those that rest count; when they have rested they are to be had again */
    key = (struct mapping_key){.inside = INSIDE + 2, .outside = OUTSIDE, .port = 9, .proto = UDP};
    for (count = 0; count < 20; count++)
        mapping_release(table, numbers[count]);
    assert_int_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    mapping_set_time(table, whole_rest);
    for (; count > 0; count--, key.port++)
        assert_int_not_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    assert_int_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
    mapping_table_free(table);
}

/* But who has the outside address to himself shares its ports with nobody. */
TEST(an_address_of_its_own_has_no_shares)
{
    struct mapping_table *table = mapping_table_new(4096, secret);
    struct mapping_choice choice = {2000, 2999, MAPPING_KEEP_ALWAYS, NULL, NULL, true};
    struct mapping_key key = {.inside = INSIDE + 1, .outside = OUTSIDE, .proto = UDP};
    uint16_t got;
    for (key.port = 2000; key.port < 3000; key.port++) {
        assert_int_not_equal(mapping_use(table, &key, &choice, &got), MAPPING_NONE);
        assert_int_equal(got, key.port);
    }
    mapping_table_free(table);
}

/* Uses and releases in any order, against a plain list. */
TEST(random_changes_against_a_plain_list)
{
    enum { ROOM = 60, KEYS = 90 };
    struct {
        uint32_t uses, number;
        uint16_t port;
    } model[KEYS];
    memset(model, 0, sizeof model);
    struct mapping_table *table = mapping_table_new(ROOM, secret);
    uint64_t seed = 10;
    uint32_t live = 0;
    for (int round = 0; round < 50000; round++) {
        uint32_t k = random32(&seed) % KEYS;
        if (random32(&seed) % 2 && model[k].uses > 0) {
            mapping_release(table, model[k].number);
            live -= --model[k].uses == 0;
            continue;
        }
        uint16_t got = 0;
        uint32_t number = use(table, k % 9, (uint16_t)(1020 + k / 9), &got); /* few ports, both ranges */
        if (model[k].uses == 0 && live == ROOM) {
            assert_int_equal(number, MAPPING_NONE);
            continue;
        }
        assert_int_not_equal(number, MAPPING_NONE);
        if (model[k].uses == 0) {
            for (uint32_t other = 0; other < KEYS; other++) /* no overloading */
                assert_true(model[other].uses == 0 || model[other].port != got);
            live++;
        } else {
            assert_int_equal(number, model[k].number);
            assert_int_equal(got, model[k].port);
        }
        model[k].number = number;
        model[k].port = got;
        model[k].uses++;
    }
    mapping_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_port_is_kept),
        cmocka_unit_test(one_inside_is_one_outside_as_long_as_it_is_used),
        cmocka_unit_test(keys_are_told_apart),
        cmocka_unit_test(range_and_parity),
        cmocka_unit_test(a_range_is_used_up),
        cmocka_unit_test(ports_that_are_spoken_for),
        cmocka_unit_test(as_many_as_there_is_room_for),
        cmocka_unit_test(ports_to_choose_from),
        cmocka_unit_test(a_small_range_is_used_up),
        cmocka_unit_test(ports_that_must_be_kept_and_that_may),
        cmocka_unit_test(who_shares_a_port),
        cmocka_unit_test(random_remotes_against_the_rule),
        cmocka_unit_test(peers),
        cmocka_unit_test(for_one_remote_none_else_is_let_in),
        cmocka_unit_test(pairs),
        cmocka_unit_test(ports_are_not_counted_up),
        cmocka_unit_test(random_numbers_stay_below_their_bound),
        cmocka_unit_test(a_freed_port_rests),
        cmocka_unit_test(two_that_are_joined),
        cmocka_unit_test(what_was_cancelled_need_not_rest),
        cmocka_unit_test(who_rests_makes_room),
        cmocka_unit_test(one_inside_has_its_share),
        cmocka_unit_test(an_address_of_its_own_has_no_shares),
        cmocka_unit_test(random_changes_against_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
