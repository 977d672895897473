/* Small UDP packets, as many as go.
 *
 *   udp_rate send ADDRESS PORT SECONDS   send 18 bytes of payload (64-byte frames) from 64 ports, in turn
 *   udp_rate receive PORT                count until nothing has come for half a second; print packets and seconds
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, PAYLOAD = 18, FLOWS = 64, BUFFER = 64 << 20, IDLE_MS = 500 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "udp_rate: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* => a UDP socket with large buffers */
static int open_socket(void)
{
    int size = BUFFER, fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    return fd;
}

/* BATCH messages of PAYLOAD bytes each. */
struct batch {
    char bytes[BATCH][PAYLOAD];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
};

static void prepare(struct batch *b)
{
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < BATCH; i++) {
        b->parts[i] = (struct iovec){b->bytes[i], PAYLOAD};
        b->messages[i].msg_hdr = (struct msghdr){.msg_iov = &b->parts[i], .msg_iovlen = 1};
    }
}

static void transmit(const char *address, const char *port, double seconds)
{
    static struct batch batch;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int sockets[FLOWS];
    unsigned long sent = 0;

    if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
        die(address);
    for (int i = 0; i < FLOWS; i++) {
        sockets[i] = open_socket();
        if (connect(sockets[i], (struct sockaddr *)&to, sizeof to) < 0)
            die("connect");
    }
    prepare(&batch);
    double end = now() + seconds;
    for (unsigned turn = 0; now() < end; turn++) {
        int n = sendmmsg(sockets[turn % FLOWS], batch.messages, BATCH, 0);
        if (n > 0)
            sent += (unsigned long)n;
    }
    printf("%lu %.6f\n", sent, seconds);
}

static void count(const char *port)
{
    static struct batch batch;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    struct timeval idle = {.tv_usec = IDLE_MS * 1000};
    int fd = open_socket(), n = 0;
    unsigned long received = 0;
    double first = 0, last = 0;

    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
        die("bind");
    prepare(&batch);
    do {
        n = recvmmsg(fd, batch.messages, BATCH, MSG_WAITFORONE, NULL);
        if (n > 0) {
            last = now();
            if (received == 0) {
                first = last;
                setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
            }
            received += (unsigned long)n;
        }
    } while (n > 0 || errno == EINTR);
    printf("%lu %.6f\n", received, last - first);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "send") == 0) {
        transmit(argv[2], argv[3], strtod(argv[4], NULL));
    } else if (argc == 3 && strcmp(argv[1], "receive") == 0) {
        count(argv[2]);
    } else {
        fprintf(stderr, "usage: udp_rate send ADDRESS PORT SECONDS | receive PORT\n");
        return 2;
    }
    return 0;
}
