/* A set from a file with a million prefixes: what is in it, and what it costs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "policy/policy.h"
#include "tidegate/rules.h"

enum { PREFIXES = 1000000, APART = 4096 }; /* a /24 every so many addresses, so that none touches the next */

static const char rules[] = "zone wan on eth0\nset big from \"big.txt\"\nallow from router\ndrop from wan big\n";

static int read_file(void *context, const char *path, char **text, size_t *len)
{
    (void)context;
    if (strcmp(path, "etc/test.rules") == 0) {
        *text = strdup(rules);
        *len = strlen(rules);
        return 0;
    }
    assert_string_equal(path, "etc/big.txt"); /* beside the rules */
    *text = malloc((size_t)PREFIXES * 20);
    *len = 0;
    for (uint32_t i = PREFIXES; i-- > 0;) {
        uint32_t a = i * APART;
        *len += (size_t)sprintf(*text + *len, "%u.%u.%u.0/24\n", a >> 24, a >> 16 & 255, a >> 8 & 255);
    }
    return 0;
}

/* A large set is searched by way of an index: its edges are where the upper halves of addresses change. */
TEST(edges_of_the_index)
{
    enum { SINGLES = 5000 };
    static struct tg_range ranges[SINGLES + 3];
    struct policy_where in = {0, false};
    size_t count = 0;
    for (uint32_t i = 0; i < SINGLES; i++, count++)
        ranges[count] = (struct tg_range){tg_ipv4(0x0a000000 + 2 * i), tg_ipv4(0x0a000000 + 2 * i), TG_IPV4};
    ranges[count++] = (struct tg_range){tg_ipv4(0), tg_ipv4(0), TG_IPV4};
    ranges[count++] = (struct tg_range){tg_ipv4(0x0b00fff0), tg_ipv4(0x0b03000f), TG_IPV4};
    ranges[count++] = (struct tg_range){tg_ipv4(0xffffffff), tg_ipv4(0xffffffff), TG_IPV4};
    struct tg_policy *policy = policy_new();
    assert_int_equal(policy_add_addresses(policy, ranges, count, &in.set), 0);
    static const struct {
        uint32_t addr;
        bool inside;
    } rows[] = {
        {0, true},           {1, false},          {0x09ffffff, false}, {0x0a000000, true},  {0x0a000001, false},
        {0x0a00270e, true},  {0x0a00270f, false}, {0x0a002710, false}, {0x0b00ffef, false}, {0x0b00fff0, true},
        {0x0b00ffff, true},  {0x0b010000, true},  {0x0b02abcd, true},  {0x0b03000f, true},  {0x0b030010, false},
        {0xfffeffff, false}, {0xffff0000, false}, {0xfffffffe, false}, {0xffffffff, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(policy_is_where(policy, in, TG_IPV4, tg_ipv4(rows[i].addr)), rows[i].inside);
    tg_policy_free(policy);
}

TEST(a_million_prefixes)
{
    const struct tg_source source = {read_file, NULL, NULL};
    const struct policy_where in = {0, false};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, "etc/test.rules", complaints);
    assert_non_null(policy);
    assert_null(tg_complaints_get(complaints, 0));
    for (uint32_t i = 0; i < PREFIXES; i++) {
        assert_true(policy_is_where(policy, in, TG_IPV4, tg_ipv4(i * APART)));
        assert_true(policy_is_where(policy, in, TG_IPV4, tg_ipv4(i * APART + 255)));
        assert_false(policy_is_where(policy, in, TG_IPV4, tg_ipv4(i * APART + 256)));
    }
    assert_false(policy_is_where(policy, in, TG_IPV6, (struct tg_addr){0, APART}));
    /* 8 bytes a range, and the index beside them */
    assert_in_range(tg_policy_size(policy), 8u * PREFIXES, 8u * PREFIXES + (300u << 10));
    tg_policy_free(policy);
    tg_complaints_free(complaints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(edges_of_the_index), cmocka_unit_test(a_million_prefixes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
