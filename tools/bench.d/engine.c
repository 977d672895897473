/* The engine alone: what an established packet costs, whole way, and how many connections a second it begins.
 *
 *   engine packets CONNECTIONS ROUNDS [WORKERS [RULES]]    ns a packet: decode (checksums off), find, TCP, translate
 *   engine begin COUNT ROUNDS [RULES [FORWARDS [SET]]]    connections a second: classified, entered, translated
 *   engine size CONNECTIONS                               bytes that a table of such a room takes, and a whole engine
 *
 * Each prints one number a round, or for each thing, a line each. RULES stand before the forward that takes the
 * packets, and do not fit; so do FORWARDS; and with SET a rule drops what comes from a set of so many networks, none of
 * which does. Connections come in by a forward, from addresses and ports drawn at random, to 64 inside ports, and are
 * established by their three packets. Then both directions send in turn, with sequence numbers that go on, to the
 * connections in an order drawn at random. Packets are written 64 at a time, in a buffer that stays in the cache as one
 * that the kernel has just filled does, and only their judgement is timed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connection/table.h"
#include "tidegate/engine.h"
#include "tidegate/rules.h"

enum {
    BATCH = 64,
    LENGTH = 64, /* bytes of a packet: headers and 24 of data */
    PORTS = 64,
    OUTSIDE = 0xcb007101, /* 203.0.113.1 */
    INSIDE = 0xc0a8010a,  /* 192.168.1.10 */
    SYN = 0x02,
    ACK = 0x10,
    CLIENT_START = 1000,
    SERVER_START = 2000,
};

struct flow {
    uint32_t client;
    uint16_t client_port, port;
    uint32_t sent[2]; /* next sequence number of each side */
};

/* ---- packets ---- */

static uint64_t random_state = 1;

static uint32_t random32(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 32);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint16_t ip_checksum(const uint8_t *ip)
{
    uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2)
        sum += (uint32_t)ip[i] << 8 | ip[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

/* The next packet of a flow; the transport checksum is left as hardware would have checked it. */
static uint32_t write_packet(uint8_t *p, struct flow *flow, bool is_reply, uint8_t flags, uint32_t payload)
{
    uint32_t length = 40 + payload;
    memset(p, 0, length);
    p[0] = 0x45;
    put16(p + 2, length);
    put16(p + 6, 0x4000);
    p[8] = 64;
    p[9] = TG_PROTO_TCP;
    put32(p + 12, is_reply ? INSIDE : flow->client);
    put32(p + 16, is_reply ? flow->client : OUTSIDE);
    put16(p + 10, ip_checksum(p));
    put16(p + 20, is_reply ? flow->port : flow->client_port);
    put16(p + 22, is_reply ? flow->client_port : flow->port);
    put32(p + 24, flow->sent[is_reply]);
    put32(p + 28, flags & ACK ? flow->sent[!is_reply] : 0);
    p[32] = 5 << 4;
    p[33] = flags;
    put16(p + 34, 65535);
    flow->sent[is_reply] += payload + (flags & SYN ? 1 : 0);
    return length;
}

static struct flow *new_flows(uint32_t count)
{
    struct flow *flows = calloc(count, sizeof *flows);
    if (flows == NULL)
        exit(1);
    for (uint32_t i = 0; i < count; i++)
        flows[i] = (struct flow){.client = 0x20000000 + random32() % 0x40000000,
                                 .client_port = (uint16_t)(1024 + random32() % 60000),
                                 .port = (uint16_t)(5000 + random32() % PORTS),
                                 .sent = {CLIENT_START, SERVER_START}};
    return flows;
}

/* ---- the engine ---- */

struct text {
    char *bytes;
    size_t len;
};

static int read_text(void *context, const char *path, char **text, size_t *len)
{
    const struct text *t = context;
    (void)path;
    *text = malloc(t->len + 1);
    if (*text == NULL)
        return -1;
    memcpy(*text, t->bytes, t->len + 1);
    *len = t->len;
    return 0;
}

/* A router with so much before the forward that takes all of it. */
static struct tg_policy *load_policy(uint32_t rules, uint32_t forwards, uint32_t set)
{
    struct text text;
    FILE *f = open_memstream(&text.bytes, &text.len);
    fprintf(f, "zone wan on wan address 203.0.113.1/24 masquerade\n"
               "zone lan on lan address 192.168.1.1/24\n"
               "allow from router\n");
    if (set != 0)
        fprintf(f, "set bad = 10.0.0.0/32");
    for (uint32_t i = 1; i < set; i++) /* every other address: nothing joins */
        fprintf(f, ", 10.%u.%u.%u", i >> 15 & 255, i >> 7 & 255, i << 1 & 255);
    if (set != 0)
        fprintf(f, "\ndrop from wan bad\n");
    for (uint32_t i = 0; i < rules; i++)
        fprintf(f, "allow tcp from wan 198.18.%u.0/24 to lan 192.168.1.%u port %u\n", i % 256, 10 + i / 256 % 200,
                1000 + i % 3000);
    for (uint32_t i = 0; i < forwards; i++)
        fprintf(f, "forward tcp port %u from wan to 192.168.1.%u\n", 20000 + i, 10 + i % 200);
    fprintf(f, "forward tcp port 5000-%u from wan to 192.168.1.10\n", 5000 + PORTS - 1);
    fclose(f);
    struct tg_complaints *complaints = tg_complaints_new();
    const struct tg_source source = {.read = read_text, .context = &text};
    struct tg_policy *policy = tg_rules_load(&source, "bench.rules", complaints);
    if (policy == NULL) {
        fprintf(stderr, "engine: %s\n", tg_complaints_get(complaints, 0)->message);
        exit(1);
    }
    tg_complaints_free(complaints);
    free(text.bytes);
    return policy;
}

static struct tg_engine *new_engine(uint32_t room, unsigned workers, const struct tg_policy *policy,
                                    const struct tg_network *network)
{
    const struct tg_engine_config config = {room, workers, {1, 2, 3, 4}, policy};
    struct tg_engine *engine = tg_engine_new(&config);
    if (engine == NULL || tg_engine_load(engine, policy, network) != 0) {
        perror("engine");
        exit(1);
    }
    return engine;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * TG_SECOND + (uint64_t)t.tv_nsec;
}

/* One batch of packets, written, and then judged. */
struct batch {
    uint8_t bytes[BATCH][LENGTH + 64];
    uint32_t len[BATCH];
    struct tg_arrival arrival[BATCH];
    uint32_t count;
    uint64_t now;
};

static void add(struct batch *b, struct flow *flow, bool is_reply, uint8_t flags, uint32_t payload)
{
    uint32_t i = b->count++;
    b->len[i] = write_packet(b->bytes[i], flow, is_reply, flags, payload);
    b->arrival[i] = (struct tg_arrival){.now = b->now, .zone_in = (uint8_t)(TG_ZONE_FIRST + is_reply)};
}

/* => nanoseconds; all must have been accepted */
static uint64_t judge(struct tg_engine *engine, unsigned worker, struct batch *b)
{
    struct tg_packet packets[BATCH];
    struct tg_verdict verdicts[BATCH];
    struct tg_job jobs[BATCH];
    uint32_t refused = 0;
    uint64_t start = now_ns();
    for (uint32_t i = 0; i < b->count; i++) {
        packets[i].data = b->bytes[i];
        packets[i].len = packets[i].wire_len = packets[i].room = b->len[i];
        jobs[i] = (struct tg_job){&packets[i], tg_packet_decode(&packets[i], TG_DECODE_TRUST_CHECKSUM), &b->arrival[i],
                                  &verdicts[i]};
    }
    tg_engine_judge_all(engine, worker, jobs, b->count);
    for (uint32_t i = 0; i < b->count; i++)
        refused += verdicts[i].action != TG_ACCEPT;
    uint64_t took = now_ns() - start;
    if (refused != 0) {
        fprintf(stderr, "engine: %u of %u packets were refused\n", refused, b->count);
        exit(1);
    }
    b->count = 0;
    return took;
}

/* Establish flows. */
static void open_flows(struct tg_engine *engine, struct flow *flows, uint32_t count)
{
    static struct batch batch = {.now = TG_SECOND};
    for (uint32_t i = 0; i < count; i++) {
        add(&batch, &flows[i], false, SYN, 0);
        add(&batch, &flows[i], true, SYN | ACK, 0);
        add(&batch, &flows[i], false, ACK, 0);
        judge(engine, 0, &batch);
    }
}

/* ---- what is measured ---- */

struct task {
    struct tg_engine *engine;
    unsigned worker;
    struct flow *flows;
    uint32_t *order, count, packets;
    pthread_barrier_t *start;
    uint64_t took;
};

static void *send(void *argument)
{
    struct task *task = argument;
    struct batch *batch = calloc(1, sizeof *batch);
    batch->now = TG_SECOND;
    task->took = 0;
    pthread_barrier_wait(task->start);
    for (uint32_t sent = 0; sent < task->packets;) {
        bool is_reply = sent / task->count % 2 != 0;
        for (uint32_t i = 0; i < BATCH; i++, sent++)
            add(batch, &task->flows[task->order[sent % task->count]], is_reply, ACK, LENGTH - 40);
        task->took += judge(task->engine, task->worker, batch);
    }
    free(batch);
    return NULL;
}

static uint32_t *shuffled(uint32_t count)
{
    uint32_t *order = calloc(count, sizeof *order);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = random32() % i, swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
    return order;
}

/* Each worker has connections of its own; what they share is the table. */
static void measure_packets(uint32_t count, uint32_t rounds, uint32_t workers, uint32_t rules)
{
    enum { LEAST = 1 << 20 };
    struct tg_policy *policy = load_policy(rules, 0, 0);
    struct tg_network *network = tg_policy_network(policy, NULL, 0);
    struct tg_engine *engine = new_engine(count * 2, workers, policy, network);
    struct flow *flows = new_flows(count);
    struct task tasks[64];
    pthread_t threads[64];
    pthread_barrier_t start;
    open_flows(engine, flows, count);
    pthread_barrier_init(&start, NULL, workers);
    for (uint32_t w = 0; w < workers; w++) {
        uint32_t part = count / workers;
        uint32_t packets = part > LEAST ? part : (LEAST + part - 1) / part * part;
        tasks[w] = (struct task){engine, w, flows + w * part, shuffled(part), part, packets & ~(uint32_t)(BATCH - 1),
                                 &start, 0};
    }
    for (uint32_t round = 0; round < rounds; round++) {
        uint64_t took = 0, packets = 0;
        for (uint32_t w = 1; w < workers; w++)
            pthread_create(&threads[w], NULL, send, &tasks[w]);
        send(&tasks[0]);
        for (uint32_t w = 1; w < workers; w++)
            pthread_join(threads[w], NULL);
        for (uint32_t w = 0; w < workers; w++) {
            took += tasks[w].took;
            packets += tasks[w].packets;
        }
        printf("%.2f\n", (double)took / (double)packets / workers); /* of all workers together */
    }
    for (uint32_t w = 0; w < workers; w++)
        free(tasks[w].order);
    pthread_barrier_destroy(&start);
    free(flows);
    tg_engine_free(engine);
    tg_network_free(network);
    tg_policy_free(policy);
}

/* The first packets of flows, at `now`.
 * => nanoseconds */
static uint64_t begin(struct tg_engine *engine, struct flow *flows, uint32_t count, uint64_t now)
{
    static struct batch batch;
    uint64_t took = 0;
    batch.now = now;
    for (uint32_t i = 0; i < count; i++) {
        add(&batch, &flows[i], false, SYN, 0);
        if (batch.count == BATCH || i + 1 == count)
            took += judge(engine, 0, &batch);
    }
    return took;
}

/* In a table that has been used before, as any has that runs for a while: its memory is there, and its connections have
 * ended. */
static void measure_begin(uint32_t count, uint32_t rounds, uint32_t rules, uint32_t forwards, uint32_t set)
{
    enum { LATER = 7200 }; /* seconds after which the last of them are over */
    struct tg_policy *policy = load_policy(rules, forwards, set);
    struct tg_network *network = tg_policy_network(policy, NULL, 0);
    for (uint32_t round = 0; round < rounds; round++) {
        /* so much room that none of them is one too many that are opening */
        struct tg_engine *engine = new_engine(count * 5, 1, policy, network);
        struct flow *before = new_flows(count), *flows = new_flows(count);
        begin(engine, before, count, TG_SECOND);
        begin(engine, before, 1, LATER * TG_SECOND);
        uint64_t took = begin(engine, flows, count, LATER * TG_SECOND);
        printf("%.0f\n", (double)count * TG_SECOND / (double)took);
        free(before);
        free(flows);
        tg_engine_free(engine);
    }
    tg_network_free(network);
    tg_policy_free(policy);
}

int main(int argc, char **argv)
{
    uint32_t number[5] = {0, 0, 0, 0, 0};
    for (int i = 2; i < argc && i < 7; i++)
        number[i - 2] = (uint32_t)strtoul(argv[i], NULL, 10);
    if (argc >= 4 && strcmp(argv[1], "packets") == 0 && number[0] >= BATCH) {
        measure_packets(number[0], number[1], number[2] == 0 ? 1 : number[2], number[3]);
    } else if (argc >= 4 && strcmp(argv[1], "begin") == 0) {
        measure_begin(number[0], number[1], number[2], number[3], number[4]);
    } else if (argc == 3 && strcmp(argv[1], "size") == 0) {
        struct tg_policy *policy = load_policy(16, 0, 0);
        printf("%zu\n%zu\n", conn_table_size(number[0]),
               tg_engine_size(&(struct tg_engine_config){number[0], 1, {1, 2, 3, 4}, policy}));
        tg_policy_free(policy);
    } else {
        fprintf(stderr, "usage: engine packets CONNECTIONS ROUNDS [WORKERS [RULES]] |\n"
                        "       engine begin COUNT ROUNDS [RULES [FORWARDS [SET]]] | engine size CONNECTIONS\n");
        return 2;
    }
    return 0;
}
