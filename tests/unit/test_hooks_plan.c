/* What the hooks must know of a policy: addresses as prefixes, and which interfaces are open. */
#include <stdio.h>
#include <string.h>

#include "live/hooks.h"
#include "policy/policy.h"
#include "unit.h"

/* The networks of a plan, as text. */
static const char *own_of(const struct hooks_plan *plan)
{
    static char text[4096];
    size_t len = 0;
    for (size_t i = 0; i < plan->own_count; i++) {
        char addr[TG_ADDR_TEXT];
        assert_int_equal(plan->own[i].family, TG_IPV4);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s/%u", i == 0 ? "" : " ",
                                tg_addr_format(TG_IPV4, plan->own[i].addr, addr), plan->own[i].len);
    }
    text[len] = 0;
    return text;
}

static void add_translation(struct tg_policy *policy, uint32_t first, uint32_t last)
{
    const struct policy_translation translation = {.src = {POLICY_NONE, false},
                                                   .dst = {POLICY_NONE, false},
                                                   .first = tg_ipv4(first),
                                                   .last = tg_ipv4(last)};
    assert_int_equal(policy_add_translation(policy, &translation), 0);
}

static const struct {
    const char *name;
    uint32_t first, last;
    const char *prefixes;
} ranges[] = {
    {"one", 0xcb007105, 0xcb007105, "203.0.113.5/32"},
    {"two that are a network", 0xcb007104, 0xcb007105, "203.0.113.4/31"},
    {"two that are none", 0xcb007105, 0xcb007106, "203.0.113.5/32 203.0.113.6/32"},
    {"a network", 0xcb007100, 0xcb0071ff, "203.0.113.0/24"},
    {"without its first and last", 0xcb007101, 0xcb00710e,
     "203.0.113.1/32 203.0.113.2/31 203.0.113.4/30 203.0.113.8/30 203.0.113.12/31 203.0.113.14/32"},
    {"the end of all", 0xfffffffe, 0xffffffff, "255.255.255.254/31"},
    {"all", 0, 0xffffffff, "0.0.0.0/0"},
};

TEST(ranges_are_prefixes)
{
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct tg_policy *policy = policy_new();
        struct hooks_plan plan;
        add_translation(policy, ranges[i].first, ranges[i].last);
        assert_int_equal(policy_seal(policy), 0);
        assert_int_equal(hooks_plan_make(&plan, policy, 0, 1), 0);
        if (strcmp(own_of(&plan), ranges[i].prefixes) != 0)
            fail_msg("%s: %s", ranges[i].name, own_of(&plan));
        hooks_plan_free(&plan);
        tg_policy_free(policy);
    }
}

/* What the file states and what it translates to, each once; IPv6 is never rewritten. */
TEST(all_that_is_the_routers)
{
    const char *interface = "eth0";
    const struct tg_prefix stated[] = {{tg_ipv4(0xcb007101), TG_IPV4, 24}, {{0x20010db8, 1}, TG_IPV6, 64}};
    const struct tg_zone wan = {.name = "wan",
                                .interfaces = &interface,
                                .interface_count = 1,
                                .addresses = stated,
                                .address_count = COUNT(stated)};
    struct tg_policy *policy = policy_new();
    struct hooks_plan plan;
    assert_int_equal(policy_add_zone(policy, &wan), 0);
    add_translation(policy, 0xcb007101, 0xcb007101);
    add_translation(policy, 0xcb007105, 0xcb007105);
    add_translation(policy, 0xcb007105, 0xcb007105);
    assert_int_equal(policy_seal(policy), 0);
    assert_int_equal(hooks_plan_make(&plan, policy, 100, 3), 0);
    assert_string_equal(own_of(&plan), "203.0.113.1/32 203.0.113.5/32");
    assert_int_equal(plan.interface_count, 0);
    assert_int_equal(plan.queues, 3);
    assert_int_equal(plan.first[QUEUE_JOINED], 100);
    assert_int_equal(plan.first[QUEUE_SINGLE], 103);
    assert_int_equal(plan.first[QUEUE_HEADS], 106);
    assert_int_equal(plan.first[QUEUE_OPENING], 109);
    assert_int_equal(hooks_queues(&plan, QUEUE_HEADS), 3);
    assert_int_equal(hooks_queues(&plan, QUEUE_OPENING), 1);
    assert_false(plan.is_ordered);
    hooks_plan_free(&plan);
    tg_policy_free(policy);
}

/* A knock by one protocol comes in order by itself. */
TEST(a_knock_by_both_protocols_is_kept_in_order)
{
    static const struct {
        const char *name;
        uint8_t protos[3];
        bool is_ordered;
    } rows[] = {
        {"tcp", {TG_PROTO_TCP, TG_PROTO_TCP, TG_PROTO_TCP}, false},
        {"udp", {TG_PROTO_UDP, TG_PROTO_UDP, TG_PROTO_UDP}, false},
        {"udp at last", {TG_PROTO_TCP, TG_PROTO_TCP, TG_PROTO_UDP}, true},
        {"tcp between", {TG_PROTO_UDP, TG_PROTO_TCP, TG_PROTO_UDP}, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy_knock knock = {
            .name = "sesame", .src = {POLICY_NONE, false}, .count = 3, .seconds = 5, .open = 60};
        struct tg_policy *policy = policy_new();
        struct hooks_plan plan;
        uint32_t number;
        for (int step = 0; step < 3; step++) {
            knock.steps[step].proto = rows[i].protos[step];
            knock.steps[step].port = (uint16_t)(7000 + step);
        }
        assert_int_equal(policy_add_knock(policy, &knock, &number), 0);
        assert_int_equal(policy_seal(policy), 0);
        assert_int_equal(hooks_plan_make(&plan, policy, 0, 1), 0);
        CHECK_EQUAL(rows[i].name, plan.is_ordered, rows[i].is_ordered);
        hooks_plan_free(&plan);
        tg_policy_free(policy);
    }
}

/* Asked one after the other, the first that fits must say what the zone of the interface says. */
TEST(interfaces_are_asked_in_the_order_of_zones)
{
    const char *lan[] = {"br-lan", "wg0"}, *guest[] = {"br*", "wlan1"}, *vpn[] = {"wg*"}, *rest[] = {"wl*"};
    const struct tg_zone zones[] = {
        {.name = "guest", .interfaces = guest, .interface_count = 2, .open_on_failure = true},
        {.name = "lan", .interfaces = lan, .interface_count = 2},
        {.name = "vpn", .interfaces = vpn, .interface_count = 1, .open_on_failure = true},
        {.name = "rest", .interfaces = rest, .interface_count = 1},
    };
    static const struct {
        const char *name;
        bool open;
    } wanted[] = {{"wlan1", true}, {"br-lan", false}, {"wg0", false}, {"br*", true}, {"wg*", true}};
    struct tg_policy *policy = policy_new();
    struct hooks_plan plan;
    for (size_t i = 0; i < COUNT(zones); i++)
        assert_int_equal(policy_add_zone(policy, &zones[i]), 0);
    assert_int_equal(policy_seal(policy), 0);
    assert_int_equal(hooks_plan_make(&plan, policy, 0, 1), 0);
    assert_int_equal(plan.interface_count, COUNT(wanted));
    for (size_t i = 0; i < COUNT(wanted); i++) {
        assert_string_equal(plan.interfaces[i].name, wanted[i].name);
        assert_int_equal(plan.interfaces[i].open, wanted[i].open);
    }
    hooks_plan_free(&plan);
    tg_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_prefixes),
        cmocka_unit_test(all_that_is_the_routers),
        cmocka_unit_test(a_knock_by_both_protocols_is_kept_in_order),
        cmocka_unit_test(interfaces_are_asked_in_the_order_of_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
