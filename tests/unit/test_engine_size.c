/* The memory that an engine takes is what tg_engine_size() says: nobody who has that much to spare is let down. */
#include <malloc.h>

#include "house.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
size_t __sanitizer_get_current_allocated_bytes(void);

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes();
}
#else
/* What is mapped, and is no file, nor the heap or a stack. */
static size_t mapped(void)
{
    char line[400];
    size_t sum = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned long first, behind, inode;
        int name = 0;
        if (sscanf(line, "%lx-%lx rw-p %*x %*s %lu %n", &first, &behind, &inode, &name) == 3 && inode == 0 &&
            line[name] == '\0')
            sum += behind - first;
    }
    fclose(f);
    return sum;
}

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + mapped();
}
#endif

static struct tg_policy *plain(void)
{
    return home_policy();
}

static struct tg_policy *with_peers(void)
{
    return home_with_nat(EI, AD);
}

static struct tg_policy *with_helpers(void)
{
    struct tg_policy *policy = home_policy();
    must(policy_add_helper(policy,
                           &(struct policy_helper){.kind = HELPER_FTP, .proto = TG_PROTO_TCP, .ports = {21, 21}}));
    return policy;
}

static struct tg_policy *with_limits(void)
{
    struct tg_policy *policy = home_policy();
    uint32_t number;
    must(policy_add_limit(policy, &(struct policy_limit){10, 1, 10, true}, &number));
    struct policy_rule rule = *policy_rule(policy, add_rule(policy, TG_DROP, GUEST, NONE, 0, 0));
    rule.statement = add_statement(policy, TG_STATEMENT_ALLOW);
    rule.action = TG_ACCEPT;
    rule.when = (struct policy_when){.limit = number + 1, .max = 100, .max_per_source = true};
    must(policy_add_rule(policy, &rule));
    return policy;
}

static struct tg_policy *with_many_rules(void)
{
    struct tg_policy *policy = home_policy();
    for (int i = 0; i < 2000; i++)
        add_rule(policy, TG_DROP, GUEST, WAN, TG_PROTO_TCP, 80);
    return policy;
}

TEST(it_takes_what_is_said)
{
    static const struct {
        const char *name;
        struct tg_policy *(*policy)(void);
    } rows[] = {
        {"plain", plain},
        {"mappings that know whom they speak to", with_peers},
        {"helpers", with_helpers},
        {"limits", with_limits},
        {"many rules", with_many_rules},
    };
    static const struct {
        uint32_t connections;
        unsigned workers;
    } sizes[] = {{1, 1}, {64, 1}, {4096, 4}, {0, 1}, {100000, 64}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t j = 0; j < COUNT(sizes); j++) {
            /* allocations, what each may take beside what it was asked for, and what large ones may, in pages */
            enum { BLOCKS = 40, EXTRA = 80, LARGE = 1 << 14, MORE = BLOCKS * EXTRA + LARGE };
            char row[120];
            struct tg_policy *policy = rows[i].policy();
            must(policy_seal(policy));
            struct tg_network *network = tg_policy_network(policy, NULL, 0);
            const struct tg_engine_config config = {sizes[j].connections, sizes[j].workers, {1, 2, 3, 4}, policy};
            size_t said = tg_engine_size(&config), before = allocated();
            struct tg_engine *engine = tg_engine_new(&config);
            CHECK(rows[i].name, engine != NULL && tg_engine_load(engine, policy, network) == 0);
            size_t took = allocated() - before;
            snprintf(row, sizeof row, "%s, %u connections, %u workers: said %zu, took %zu", rows[i].name,
                     sizes[j].connections, sizes[j].workers, said, took);
            if (sizeof(size_t) == 8) { /* an emulator of a smaller machine shows another heap than it has */
                CHECK(row, took + MORE >= said);
                CHECK(row, took <= said + MORE);
            }
            tg_engine_free(engine);
            tg_policy_free(policy);
            tg_network_free(network);
        }
}

/* Without a policy it is that of the tables that are there from the start. */
TEST(what_a_policy_adds)
{
    struct tg_policy *policy = with_limits();
    must(policy_seal(policy));
    struct tg_engine_config config = {.connections = 1000, .workers = 1};
    size_t bare = tg_engine_size(&config);
    config.policy = policy;
    assert_true(tg_engine_size(&config) > bare);
    tg_policy_free(policy);
    struct tg_engine_config most = {.connections = 1 << 28, .workers = 1};
    assert_true(sizeof(size_t) == 4 || tg_engine_size(&most) > (size_t)100 << 28);
}

int main(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    mallopt(M_MMAP_THRESHOLD, 1 << 30); /* large blocks too in what is measured to the byte, not in pages */
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_takes_what_is_said),
        cmocka_unit_test(what_a_policy_adds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
