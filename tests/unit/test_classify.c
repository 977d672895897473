/* The classifier against going through the boxes one after the other (src/classify). */
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "classbench.h"
#include "classify/build.h"
#include "packets.h"

enum { MOST = 10000, VALUES = 6, PROTOS = 16 };

/* Boxes, and the ranges of each: room for as many as it may have in every field. */
struct set {
    struct classify_box *boxes;
    struct classify_range (*ranges)[CLASSIFY_FIELDS][CLASSIFY_RANGES];
    uint32_t count;
    uint16_t values[CLASSIFY_SMALL];
};

static struct set set_new(uint32_t count)
{
    struct set set = {.boxes = calloc(count + 1, sizeof *set.boxes),
                      .ranges = calloc(count + 1, sizeof *set.ranges),
                      .count = count,
                      .values = {VALUES, VALUES, VALUES}};
    assert_true(set.boxes != NULL && set.ranges != NULL);
    return set;
}

static void set_free(struct set *set)
{
    free(set->boxes);
    free(set->ranges);
}

static uint32_t end_of(const struct set *set, unsigned field)
{
    return field < CLASSIFY_NUMBERS ? classify_last((enum classify_field)field)
                                    : set->values[field - CLASSIFY_NUMBERS] - 1u;
}

/* Let a box be any value of a field, or a range of it, or one range more. */
static void all_of(struct set *set, uint32_t box, unsigned field)
{
    set->ranges[box][field][0] = (struct classify_range){0, end_of(set, field)};
    set->boxes[box].counts[field] = 1;
}

static void some_of(struct set *set, uint32_t box, unsigned field, uint32_t first, uint32_t last)
{
    set->ranges[box][field][0] = (struct classify_range){first, last};
    set->boxes[box].counts[field] = 1;
}

static void more_of(struct set *set, uint32_t box, unsigned field, uint32_t first, uint32_t last)
{
    set->ranges[box][field][set->boxes[box].counts[field]++] = (struct classify_range){first, last};
}

/* A box that is all of the space, with an id that has gaps before it. */
static void any_box(struct set *set, uint32_t box, bool is_final)
{
    set->boxes[box].id = box * 3 + 1;
    set->boxes[box].is_final = is_final;
    for (unsigned field = 0; field < CLASSIFY_FIELDS; field++) {
        set->boxes[box].ranges[field] = set->ranges[box][field];
        all_of(set, box, field);
    }
}

static bool is_in(const struct classify_box *box, const uint32_t point[static CLASSIFY_FIELDS])
{
    for (unsigned field = 0; field < CLASSIFY_FIELDS; field++) {
        bool is = false;
        for (unsigned i = 0; i < box->counts[field]; i++)
            is |= box->ranges[field][i].first <= point[field] && point[field] <= box->ranges[field][i].last;
        if (!is)
            return false;
    }
    return true;
}

/* The first is found, and all are come to, in order; behind a final one nothing is promised. */
static void check_point(const char *row, const struct set *set, const struct classifier *c,
                        const uint32_t point[static CLASSIFY_FIELDS])
{
    struct classify_walk walk;
    uint32_t i = 0, first = CLASSIFY_NONE;
    classifier_walk(c, point, &walk);
    for (; i < set->count; i++) {
        if (!is_in(&set->boxes[i], point))
            continue;
        first = first == CLASSIFY_NONE ? set->boxes[i].id : first;
        CHECK_EQUAL(row, classify_next(&walk), set->boxes[i].id);
        if (set->boxes[i].is_final)
            break;
    }
    if (i == set->count)
        CHECK_EQUAL(row, classify_next(&walk), CLASSIFY_NONE);
    CHECK_EQUAL(row, classifier_first(c, point), first);
}

/* Where a classifier may go wrong: at the ends of ranges, and one beside. */
static uint32_t random_value(uint64_t *seed, const struct set *set, unsigned field)
{
    uint32_t last = end_of(set, field), value = random32(seed) % (last + UINT64_C(1));
    if (set->count != 0 && random32(seed) % 4 != 0) {
        uint32_t box = random32(seed) % set->count;
        const struct classify_range *range = &set->ranges[box][field][random32(seed) % set->boxes[box].counts[field]];
        value = random32(seed) % 2 ? range->first : range->last;
        value += random32(seed) % 3 - 1;
    }
    return value <= last ? value : last;
}

static void random_point(uint64_t *seed, const struct set *set, uint32_t point[static CLASSIFY_FIELDS])
{
    for (unsigned field = 0; field < CLASSIFY_FIELDS; field++)
        point[field] = random_value(seed, set, field);
    if (set->count == 0 || random32(seed) % 4 == 0)
        return;
    uint32_t box = random32(seed) % set->count; /* inside of one, but for a field */
    for (unsigned field = 0, but = random32(seed) % (2 * CLASSIFY_FIELDS); field < CLASSIFY_FIELDS; field++)
        if (field != but) {
            const struct classify_range *range =
                &set->ranges[box][field][random32(seed) % set->boxes[box].counts[field]];
            uint32_t chosen = random32(seed) % 3;
            point[field] = chosen == 0   ? range->first
                           : chosen == 1 ? range->last
                                         : range->first + random32(seed) % (range->last - range->first + UINT64_C(1));
        }
}

static size_t ranges_of(const struct set *set)
{
    size_t ranges = 0;
    for (uint32_t i = 0; i < set->count; i++)
        for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++)
            ranges += set->boxes[i].counts[field];
    return ranges;
}

/* Build it, twice, hold it to its bounds, and try points. */
static struct classify_shape check_set(const char *row, const struct set *set, enum form form, unsigned points,
                                       uint64_t *seed)
{
    struct classifier *c = classifier_build(set->boxes, set->count, set->values, form);
    struct classifier *again = classifier_build(set->boxes, set->count, set->values, form);
    assert_true(c != NULL && again != NULL);
    struct classify_shape shape = classifier_shape(c), other = classifier_shape(again);
    size_t ranges = ranges_of(set);
    CHECK(row, shape.bytes <= CLASSIFY_BYTES(ranges, set->values[0] + set->values[1] + set->values[2]));
    CHECK(row, shape.work <= CLASSIFY_WORK(ranges));
    CHECK(row, shape.bytes == other.bytes && shape.work == other.work && shape.nodes == other.nodes);
    CHECK(row, shape.cells == other.cells && (shape.cells == 0 || shape.trees == 0));
    CHECK(row, form != FORM_TREES || shape.cells == 0);
    CHECK(row, shape.cells == 0 || memcmp(c->cells, again->cells, shape.cells * sizeof *c->cells) == 0);
    for (uint32_t i = 0; i < c->tree_count; i++)
        CHECK(row, c->trees[i].root == again->trees[i].root && c->trees[i].depth == again->trees[i].depth);
    for (; points > 0; points--) {
        uint32_t point[CLASSIFY_FIELDS];
        random_point(seed, set, point);
        check_point(row, set, c, point);
    }
    classifier_free(c);
    classifier_free(again);
    return shape;
}

/* ---- at random ---- */

static uint32_t random_length(uint64_t *seed, uint32_t last)
{
    return last >> (random32(seed) % (last > UINT16_MAX ? 33 : 17)) % 32;
}

static void random_field(uint64_t *seed, struct set *set, uint32_t box, unsigned field, unsigned crowd)
{
    uint32_t last = end_of(set, field), near = crowd == 0 ? random32(seed) : random32(seed) % crowd << 3;
    if (random32(seed) % 3 == 0)
        return;
    if (field >= CLASSIFY_NUMBERS) {
        uint32_t value = random32(seed) % (last + 1);
        some_of(set, box, field, value, random32(seed) % 4 == 0 ? last : value);
        return;
    }
    uint32_t first = near % (last + UINT64_C(1)), length = random_length(seed, last);
    if (random32(seed) % 2 == 0)
        first &= ~length; /* a prefix */
    some_of(set, box, field, first, first + length < first || first + length > last ? last : first + length);
    for (uint32_t more = random32(seed) % 8 == 0 ? random32(seed) % CLASSIFY_RANGES : 0; more > 0; more--) {
        const struct classify_range *before = &set->ranges[box][field][set->boxes[box].counts[field] - 1];
        uint64_t next = before->last + UINT64_C(2) + random32(seed) % 1000, end = next + random32(seed) % 50;
        if (end > last)
            break;
        more_of(set, box, field, (uint32_t)next, (uint32_t)end);
    }
}

TEST(random_boxes)
{
    uint64_t seed = 11;
    unsigned tables = 0, trees = 0; /* of what was left to choose */
    for (unsigned round = 0; round < 400; round++) {
        char row[32];
        snprintf(row, sizeof row, "round %u", round);
        struct set set = set_new(random32(&seed) % (round % 20 == 0 ? 1500 : 150));
        unsigned crowd = random32(&seed) % 3 == 0 ? 0 : 1 + random32(&seed) % 60, fields = random32(&seed);
        bool is_final = random32(&seed) % 2;
        set.values[0] = (uint16_t)(1 + random32(&seed) % VALUES);
        set.values[2] = random32(&seed) % 8 == 0 ? CLASSIFY_VALUES : set.values[2];
        for (uint32_t i = 0; i < set.count; i++) {
            any_box(&set, i, is_final && random32(&seed) % 16 != 0);
            for (unsigned field = 0; field < CLASSIFY_FIELDS; field++)
                if (fields >> field & 1)
                    random_field(&seed, &set, i, field, crowd);
        }
        struct classify_shape shape = check_set(row, &set, FORM_BEST, 300, &seed);
        tables += shape.cells != 0;
        trees += shape.trees != 0;
        check_set(row, &set, FORM_TREES, 300, &seed);
        set_free(&set);
    }
    assert_in_range(tables, 100, 400);
    assert_in_range(trees, 20, 400);
}

/* ---- what is hard ---- */

typedef void make_fn(struct set *set, uint32_t box, uint64_t *seed);

static void one_by_one(struct set *set, uint32_t box, uint64_t *seed)
{
    (void)set;
    (void)box;
    (void)seed;
}

static void within_each_other(struct set *set, uint32_t box, uint64_t *seed)
{
    (void)seed;
    some_of(set, box, CLASSIFY_DPORT, 20000 - box, 20000 + box);
}

static void around_each_other(struct set *set, uint32_t box, uint64_t *seed)
{
    (void)seed;
    some_of(set, box, CLASSIFY_DPORT, box, UINT16_MAX - box);
}

static void overlapping_ports(struct set *set, uint32_t box, uint64_t *seed)
{
    uint32_t sport = random32(seed) % 30000, dport = random32(seed) % 30000;
    some_of(set, box, CLASSIFY_SPORT, sport, sport + random32(seed) % 30000);
    some_of(set, box, CLASSIFY_DPORT, dport, dport + random32(seed) % 30000);
}

static void the_same_network(struct set *set, uint32_t box, uint64_t *seed)
{
    some_of(set, box, CLASSIFY_SRC, 0x0a000000, 0x0a0000ff);
    some_of(set, box, CLASSIFY_DST, 0xc0a80100, 0xc0a801ff);
    some_of(set, box, CLASSIFY_PROTO, random32(seed) % VALUES, VALUES - 1);
}

/* Either cut copies half of them into every part. */
static void a_cross(struct set *set, uint32_t box, uint64_t *seed)
{
    uint32_t addr = random32(seed);
    some_of(set, box, box % 2 == 0 ? CLASSIFY_SRC : CLASSIFY_DST, addr, addr);
}

static void a_cross_of_all(struct set *set, uint32_t box, uint64_t *seed)
{
    unsigned field = random32(seed) % CLASSIFY_NUMBERS;
    uint32_t value = random32(seed) % (end_of(set, field) + UINT64_C(1));
    some_of(set, box, field, value, value);
}

static void wide_and_apart(struct set *set, uint32_t box, uint64_t *seed)
{
    for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++) {
        uint32_t last = end_of(set, field), half = last / 2 + 1, first = random32(seed) % half;
        some_of(set, box, field, first, first + half - 1);
    }
}

static void many_ranges(struct set *set, uint32_t box, uint64_t *seed)
{
    for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++) {
        uint32_t step = end_of(set, field) / (CLASSIFY_RANGES + 1), from = random32(seed) % (step / 2);
        some_of(set, box, field, from, from);
        for (unsigned i = 1; i < CLASSIFY_RANGES; i++)
            more_of(set, box, field, from + i * step, from + i * step + random32(seed) % (step / 2));
    }
}

static void hosts(struct set *set, uint32_t box, uint64_t *seed)
{
    for (unsigned field = CLASSIFY_SRC; field <= CLASSIFY_DST; field++) {
        uint32_t addr = 0xc0a80000 + random32(seed) % 4096;
        some_of(set, box, field, addr, addr);
    }
    some_of(set, box, CLASSIFY_DPORT, 80, 80 + random32(seed) % 2);
}

static void zones(struct set *set, uint32_t box, uint64_t *seed)
{
    some_of(set, box, CLASSIFY_IN, box % VALUES, box % VALUES);
    some_of(set, box, CLASSIFY_OUT, box / VALUES % VALUES, box / VALUES % VALUES);
    some_of(set, box, CLASSIFY_DPORT, box / 36, box / 36 + random32(seed) % 4);
}

static struct set set_made(make_fn *make, uint32_t count, bool is_final, uint64_t *seed)
{
    struct set set = set_new(count);
    for (uint32_t box = 0; box < count; box++) {
        any_box(&set, box, is_final);
        make(&set, box, seed);
    }
    return set;
}

TEST(hard_boxes)
{
    static const struct {
        const char *name;
        make_fn *make;
        bool is_final;
        uint32_t count, longest; /* blocks in a chain of trees, at most; 0: as may be */
    } rows[] = {
        {"none", one_by_one, true, 0, 1},
        {"one", one_by_one, true, 1, 1},
        {"all the same", one_by_one, true, MOST, 1},
        {"all the same, but undecided", one_by_one, false, MOST, (MOST + BLOCK_BOXES - 1) / BLOCK_BOXES},
        {"within each other, the narrowest first", within_each_other, true, MOST, 0},
        {"within each other, the widest first", around_each_other, true, MOST, 1},
        {"within each other, but undecided", around_each_other, false, MOST, 0},
        {"overlapping ports", overlapping_ports, true, MOST, 0},
        {"overlapping ports, but undecided", overlapping_ports, false, MOST, 0},
        {"the same network", the_same_network, true, MOST, 0},
        {"a cross", a_cross, true, MOST, 3},
        {"a cross of all fields", a_cross_of_all, true, MOST, 0},
        {"wide and apart", wide_and_apart, true, MOST / 4, 0},
        {"many ranges", many_ranges, true, MOST / 8, 0},
        {"hosts", hosts, true, MOST, 2},
        {"zones", zones, true, MOST, 2},
    };
    uint64_t seed = 12;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct set set = set_made(rows[i].make, rows[i].count, rows[i].is_final, &seed);
        check_set(rows[i].name, &set, FORM_BEST, 100, &seed);
        struct classify_shape shape = check_set(rows[i].name, &set, FORM_TREES, 100, &seed);
        if (rows[i].longest != 0)
            CHECK(rows[i].name, shape.longest <= rows[i].longest);
        set_free(&set);
    }
}

/* ---- what becomes tables ---- */

static void a_cross_of_ports(struct set *set, uint32_t box, uint64_t *seed)
{
    uint32_t port = random32(seed) % 100;
    some_of(set, box, box % 2 == 0 ? CLASSIFY_DPORT : CLASSIFY_SPORT, port, port + random32(seed) % 2);
}

static void wide_ports(struct set *set, uint32_t box, uint64_t *seed)
{
    a_cross_of_ports(set, box, seed);
    a_cross(set, box, seed);
}

/* Those are taken where they fit: for few boxes, if their fields do not multiply; each row at its bounds. */
TEST(tables_or_trees)
{
    static const struct {
        const char *name;
        make_fn *make;
        bool is_final;
        uint32_t count;
        bool is_tables;
    } rows[] = {
        {"one", one_by_one, true, 1, true},
        {"as many as may be, decided by the first", one_by_one, true, TABLE_BOXES, true},
        {"one more", one_by_one, true, TABLE_BOXES + 1, false},
        {"undecided", one_by_one, false, TABLE_BOXES, true},
        {"words of a row: one", a_cross_of_ports, true, 64, true},
        {"words of a row: two", a_cross_of_ports, true, 65, true},
        {"zones", zones, true, 400, true},
        {"ports of as many kinds as a byte tells", within_each_other, true, KINDS_MAX / 2 - 1, true},
        {"ports of more kinds", within_each_other, true, KINDS_MAX / 2, false},
        {"a cross of addresses", a_cross, true, 64, true},
        {"a cross of addresses, undecided", a_cross, false, 64, true},
        {"a larger cross of addresses", a_cross, true, 1000, false},
        {"a cross of all, undecided", wide_ports, false, 400, false},
        {"many ranges", many_ranges, true, 100, false},
    };
    uint64_t seed = 13;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct set set = set_made(rows[i].make, rows[i].count, rows[i].is_final, &seed);
        struct classify_shape shape = check_set(rows[i].name, &set, FORM_BEST, 2000, &seed);
        CHECK_EQUAL(rows[i].name, shape.cells != 0, rows[i].is_tables);
        CHECK_EQUAL(rows[i].name, shape.trees != 0, !rows[i].is_tables);
        set_free(&set);
    }
}

/* ---- rule sets as others measure with them ---- */

/* The protocols that rules name are numbered as they come, from 1 on; 0 is any other. */
static uint32_t value_of_proto(uint8_t protos[static PROTOS], uint8_t proto, bool is_named)
{
    uint32_t value = 1;
    while (value < PROTOS && protos[value] != 0 && protos[value] != proto + 1)
        value++;
    assert_true(value < PROTOS || !is_named);
    if (is_named)
        protos[value] = (uint8_t)(proto + 1);
    return value < PROTOS && protos[value] != 0 ? value : 0;
}

static struct set set_of_rules(const struct bench_rule *rules, size_t count, uint8_t protos[static PROTOS])
{
    struct set set = set_new((uint32_t)count);
    set.values[0] = PROTOS;
    set.values[1] = set.values[2] = 1;
    for (uint32_t i = 0; i < set.count; i++) {
        const struct bench_rule *rule = &rules[i];
        any_box(&set, i, true);
        some_of(&set, i, CLASSIFY_SRC, rule->src, rule->src_last);
        some_of(&set, i, CLASSIFY_DST, rule->dst, rule->dst_last);
        some_of(&set, i, CLASSIFY_DPORT, rule->dport, rule->dport_last);
        some_of(&set, i, CLASSIFY_SPORT, rule->sport, rule->sport_last);
        if (!rule->any_proto) {
            uint32_t value = value_of_proto(protos, rule->proto, true);
            some_of(&set, i, CLASSIFY_PROTO, value, value);
        }
    }
    return set;
}

static void check_trace(const char *row, const struct set *set, enum form form, const struct bench_packet *packets,
                        size_t count, uint8_t protos[static PROTOS])
{
    struct classifier *c = classifier_build(set->boxes, set->count, set->values, form);
    for (size_t i = 0; i < count; i++) {
        const struct tg_tuple *t = &packets[i].tuple;
        uint32_t point[CLASSIFY_FIELDS] = {(uint32_t)t->src.lo, (uint32_t)t->dst.lo, t->dport, t->sport,
                                           value_of_proto(protos, t->proto, false)};
        uint32_t wanted = packets[i].wanted < 0 ? CLASSIFY_NONE : set->boxes[packets[i].wanted].id;
        struct classify_walk walk;
        classifier_walk(c, point, &walk);
        CHECK_EQUAL(row, classifier_first(c, point), wanted);
        CHECK_EQUAL(row, classify_next(&walk), wanted);
    }
    /* So much is known of those: whatever else becomes tables, what a router has does. */
    uint32_t most = strncmp(row, "router_", 7) == 0 ? 128 : 0;
    if (form == FORM_BEST && set->count <= most)
        CHECK(row, classifier_shape(c).cells != 0);
    classifier_free(c);
}

TEST(every_trace_in_each_form)
{
    for (size_t i = 0; i < COUNT(bench_sets); i++) {
        struct bench bench;
        if (!bench_read(&bench, bench_sets[i]))
            skip();
        uint8_t protos[PROTOS] = {0};
        struct set set = set_of_rules(bench.rules, bench.rule_count, protos);
        check_trace(bench_sets[i], &set, FORM_BEST, bench.packets, bench.packet_count, protos);
        check_trace(bench_sets[i], &set, FORM_TREES, bench.packets, bench.packet_count, protos);
        set_free(&set);
        bench_end(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_boxes),
        cmocka_unit_test(hard_boxes),
        cmocka_unit_test(tables_or_trees),
        cmocka_unit_test(every_trace_in_each_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
