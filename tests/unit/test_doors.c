/* Forwards found by their outside ports: src/policy/doors.c, against all of them one after the other. */
#include "house.h"

#include "policy/doors.h"

static struct policy_forward random_forward(uint64_t *seed)
{
    static const uint16_t widths[] = {1, 1, 1, 2, 10, 100, 1000, 65535};
    uint32_t width = widths[random32(seed) % COUNT(widths)];
    uint32_t first = random32(seed) % (65537 - width), last = first + width - 1;
    bool any = random32(seed) % 20 == 0;
    return (struct policy_forward){
        .any_proto = any,
        .any_port = any,
        .proto = random32(seed) % 4 == 0 ? TG_PROTO_UDP : TG_PROTO_TCP,
        .ext = {(uint16_t)first, (uint16_t)last},
        .in = {(uint16_t)first, (uint16_t)last},
        .zone = WAN,
        .src = {POLICY_NONE, false},
        .host = an_address("192.168.1.50"),
        .hairpin = true,
    };
}

/* A walk is in order, and has all that are for the port, or for one that stands with it. */
static void must_have(const struct doors *doors, const struct policy_forward *forwards, uint32_t count, uint16_t port)
{
    struct door_walk walk = doors_walk(doors, port);
    uint16_t first = (uint16_t)(port / DOORS_LEAST * DOORS_LEAST), last = (uint16_t)(first + DOORS_LEAST - 1);
    uint32_t next = 0, i;
    while ((i = doors_next(&walk)) != POLICY_NONE) {
        assert_true(next <= i && i < count);
        for (; next < i; next++) /* what is passed over is for none of them */
            assert_true(!forwards[next].any_port &&
                        (forwards[next].ext.last < first || last < forwards[next].ext.first));
        next = i + 1;
    }
    for (; next < count; next++)
        assert_true(!forwards[next].any_port && (forwards[next].ext.last < first || last < forwards[next].ext.first));
}

TEST(random_forwards)
{
    enum { MOST = 5000 };
    static const uint32_t counts[] = {0, 1, 2, 3, 17, 300, MOST};
    static struct policy_forward forwards[MOST];
    uint64_t seed = 3;
    for (size_t c = 0; c < COUNT(counts); c++) {
        for (uint32_t i = 0; i < counts[c]; i++)
            forwards[i] = random_forward(&seed);
        struct doors *doors = doors_new(forwards, counts[c]);
        assert_non_null(doors);
        for (int round = 0; round < 300; round++)
            must_have(doors, forwards, counts[c], (uint16_t)random32(&seed));
        must_have(doors, forwards, counts[c], 0);
        must_have(doors, forwards, counts[c], 65535);
        assert_true(doors_size(doors) < 200 + counts[c] * 17 * sizeof(uint32_t) + 2 * MOST * sizeof(uint32_t));
        doors_free(doors);
    }
    doors_free(NULL);
}

/* Many single ports: a packet asks few of them. */
TEST(few_are_asked)
{
    enum { MANY = 10000, FEW = 40 };
    static struct policy_forward forwards[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        forwards[i] = (struct policy_forward){.ext = {(uint16_t)(20000 + i), (uint16_t)(20000 + i)}};
    struct doors *doors = doors_new(forwards, MANY);
    for (uint32_t port = 0; port < 65536; port += 7) {
        struct door_walk walk = doors_walk(doors, (uint16_t)port);
        uint32_t asked = 0;
        while (doors_next(&walk) != POLICY_NONE)
            asked++;
        assert_true(asked <= FEW);
    }
    doors_free(doors);
}

static void ignore(void *context, const struct tg_step_info *step)
{
    (void)context;
    (void)step;
}

/* The whole question, with all told, which compares all, and without. */
TEST(the_same_forward_with_and_without_telling)
{
    enum { FORWARDS = 400 };
    uint64_t seed = 9;
    for (int round = 0; round < 10; round++) {
        struct tg_policy *policy = home_policy();
        for (int i = 0; i < FORWARDS; i++) {
            struct policy_forward f = random_forward(&seed);
            if (f.any_port && random32(&seed) % 4 != 0)
                continue;
            f.statement = add_statement(policy, TG_STATEMENT_FORWARD);
            must(policy_add_forward(policy, &f));
        }
        must(policy_seal(policy));
        struct tg_network *network = tg_policy_network(policy, NULL, 0);
        uint32_t found = 0;
        for (int packet = 0; packet < 2000; packet++) {
            struct tg_tuple t = {an_address("198.51.100.9"),
                                 an_address("203.0.113.1"),
                                 4000,
                                 (uint16_t)random32(&seed),
                                 TG_IPV4,
                                 random32(&seed) % 2 ? TG_PROTO_TCP : TG_PROTO_UDP};
            const struct policy_key key = {.tuple = &t,
                                           .kind = TG_TRANSPORT_PORTS,
                                           .zone_in = WAN,
                                           .forward = POLICY_NONE};
            bool hairpin[2];
            struct tg_verdict verdict = {.statement = TG_NO_STATEMENT};
            uint32_t one = policy_find_forward(policy, network, &key, &hairpin[0], NULL, NULL, NULL);
            uint32_t all = policy_find_forward(policy, network, &key, &hairpin[1], ignore, NULL, &verdict);
            assert_int_equal(one, all);
            assert_int_equal(hairpin[0], hairpin[1]);
            found += one != POLICY_NONE;
        }
        assert_true(found > 100);
        tg_network_free(network);
        tg_policy_free(policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_forwards),
        cmocka_unit_test(few_are_asked),
        cmocka_unit_test(the_same_forward_with_and_without_telling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
