/* The strongest peer that a packet queue allows: takes every packet from NFQUEUE and accepts it unseen.
 *
 *   accept_all QUEUES COPY     queues 0 … QUEUES-1, a thread each; COPY bytes of each packet are copied to userspace
 *
 * It does what makes a queue fast and nothing else: packets before segmentation (NFQA_CFG_F_GSO), many messages a
 * system call, one batch verdict for all of them, a long queue and a large socket buffer. It writes "ready" when all
 * queues are bound and ends on SIGTERM. What a firewall costs beyond this is what its own work costs.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>

enum {
    QUEUES_MAX = 64,
    BATCH = 64,     /* messages a recvmmsg() */
    OVERHEAD = 512, /* a message's bytes beside the packet's own */
    QUEUE_LENGTH = 65536,
    SOCKET_BUFFER = 64 << 20,
    MESSAGE_ROOM = 8192, /* of a configuration message or its answer */
};

struct queue {
    pthread_t thread;
    uint16_t number;
    uint32_t copy;
    struct mnl_socket *socket;
    uint8_t *room; /* BATCH messages */
};

static void die(const char *what)
{
    fprintf(stderr, "accept_all: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Send a configuration message and wait for its acknowledgement. */
static void configure(struct queue *q, struct nlmsghdr *message)
{
    char answer[MESSAGE_ROOM];

    message->nlmsg_flags |= NLM_F_ACK;
    if (mnl_socket_sendto(q->socket, message, message->nlmsg_len) < 0)
        die("send");
    ssize_t n = mnl_socket_recvfrom(q->socket, answer, sizeof answer);
    if (n < 0 || mnl_cb_run(answer, (size_t)n, 0, mnl_socket_get_portid(q->socket), NULL, NULL) < 0)
        die("bind a queue");
}

static void bind_queue(struct queue *q)
{
    char buffer[MESSAGE_ROOM];
    int size = SOCKET_BUFFER, yes = 1;

    q->socket = mnl_socket_open(NETLINK_NETFILTER);
    if (!q->socket || mnl_socket_bind(q->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        die("open a netlink socket");
    int fd = mnl_socket_get_fd(q->socket);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);

    struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, q->number);
    nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    configure(q, message);

    message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, q->number);
    nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, (int)q->copy);
    nfq_nlmsg_cfg_put_qmaxlen(message, QUEUE_LENGTH);
    mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
    mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
    configure(q, message);

    mnl_socket_setsockopt(q->socket, NETLINK_NO_ENOBUFS, &yes, sizeof yes);
    q->room = malloc((size_t)BATCH * (q->copy + OVERHEAD));
    if (!q->room)
        die("memory");
}

/* => the packet's number in its queue, or 0 if the message is none about a packet */
static uint32_t packet_id(const struct nlmsghdr *message)
{
    struct nlattr *attributes[NFQA_MAX + 1] = {0};

    if (nfq_nlmsg_parse(message, attributes) < 0 || !attributes[NFQA_PACKET_HDR])
        return 0;
    const struct nfqnl_msg_packet_hdr *header = mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]);
    return ntohl(header->packet_id);
}

/* Accept every packet up to `id`. */
static void accept_until(struct queue *q, uint32_t id)
{
    char buffer[256];
    struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_VERDICT_BATCH, q->number);

    nfq_nlmsg_verdict_put(message, (int)id, NF_ACCEPT);
    if (mnl_socket_sendto(q->socket, message, message->nlmsg_len) < 0)
        die("send a verdict");
}

static void *serve(void *argument)
{
    struct queue *q = argument;
    size_t each = q->copy + OVERHEAD;
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH] = {0};

    for (size_t i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){q->room + i * each, each};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    for (;;) {
        int n = recvmmsg(mnl_socket_get_fd(q->socket), messages, BATCH, MSG_WAITFORONE, NULL);
        if (n < 0 && errno != EINTR)
            die("receive");
        for (int i = n - 1; i >= 0; i--) { /* packets come in the order of their numbers: the last one stands for all */
            uint32_t id = packet_id((const struct nlmsghdr *)parts[i].iov_base);
            if (id) {
                accept_until(q, id);
                break;
            }
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct queue queues[QUEUES_MAX];
    unsigned count = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    uint32_t copy = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;

    if (count < 1 || count > QUEUES_MAX || copy < 1 || copy > UINT16_MAX) {
        fprintf(stderr, "usage: accept_all QUEUES COPY\n");
        return 2;
    }
    for (unsigned i = 0; i < count; i++) {
        queues[i].number = (uint16_t)i;
        queues[i].copy = copy;
        bind_queue(&queues[i]);
    }
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&queues[i].thread, NULL, serve, &queues[i]) != 0)
            die("thread");
    fprintf(stderr, "accept_all: ready\n");
    pthread_join(queues[0].thread, NULL);
    return 0;
}
