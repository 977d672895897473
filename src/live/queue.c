/* NFQUEUE by libmnl and libnetfilter_queue.
 *
 * Receiving is one recvmmsg() a batch, into slots that hold the largest packet there can be. Answering is one
 * sendmmsg() a batch. Its messages are laid out as a list of pieces: heads (message header, verdict, mark) are written
 * one after the other into `heads`, rewritten packets are sent from the slots where they lie.
 *
 * Runs of packets with the same answer become one batch verdict. An answer to many packets is cut into parts of about
 * PART bytes, since the kernel copies each part into one piece of memory before it reads it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "live/queue.h"

enum {
    LARGEST = 65531, /* bytes of a packet that a message can carry, either way */
    /* The largest, and what comes with it: some 150. No multiple of a page, lest the beginnings of all slots, which are
     * all that small packets touch, share a few places of the processor's cache. */
    SLOT = 68 * 1024 + 5 * 64,
    HEAD_ROOM = 64, /* netlink and netfilter header, verdict, mark, the payload's header; and 3 bytes of padding */
    PART = 32 * 1024,
    MESSAGE_ROOM = 4096, /* any message that is no packet */
};

_Static_assert((int)QUEUE_PREROUTING == NF_INET_PRE_ROUTING && (int)QUEUE_POSTROUTING == NF_INET_POST_ROUTING,
               "the kernel's own numbers");

/* One message to sendmsg(): pieces of memory, and which packets it answers. */
struct part {
    size_t bytes, packets;
    bool answers[QUEUE_KINDS];  /* any packet of that queue */
    uint32_t last[QUEUE_KINDS]; /* and the last of them */
};

struct queue {
    struct mnl_socket *socket;
    int fd;
    unsigned kinds;
    uint16_t numbers[QUEUE_KINDS];
    uint32_t room;

    /* Receiving. */
    uint8_t *slots;
    struct mmsghdr in[QUEUE_BATCH];
    struct iovec in_pieces[QUEUE_BATCH];

    /* A run of packets that get the same answer, not yet written. */
    struct {
        size_t packets;
        uint16_t queue;
        uint32_t verdict, mark, last;
    } run;

    /* Answers that are written. */
    _Alignas(struct nlmsghdr) uint8_t heads[QUEUE_BATCH * HEAD_ROOM];
    size_t heads_len;
    struct iovec out_pieces[QUEUE_BATCH * 3];
    size_t pieces;
    struct mmsghdr out[QUEUE_BATCH];
    struct part parts[QUEUE_BATCH];
    size_t part_count;

    uint64_t unsent, refused;
};

/* From here on the socket takes messages from the kernel alone: who else sends to it is refused.
 * => 0, or -errno */
static int close_to_others(struct queue *queue)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    return connect(queue->fd, (const struct sockaddr *)&kernel, sizeof kernel) < 0 ? -errno : 0;
}

/* Send a configuration message and wait for the kernel's answer. Only while no packets come yet.
 * => 0, or -errno */
static int configure(struct queue *queue, const struct nlmsghdr *message)
{
    _Alignas(struct nlmsghdr) char answer[MESSAGE_ROOM];
    if (mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0)
        return -errno;
    ssize_t len;
    do
        len = recv(queue->fd, answer, sizeof answer, 0);
    while (len < 0 && errno == EINTR);
    if (len < 0 || mnl_cb_run(answer, (size_t)len, 0, mnl_socket_get_portid(queue->socket), NULL, NULL) < 0)
        return -errno;
    return 0;
}

/* Bound, a queue copies nothing yet, which means that the kernel drops what is sent to it; so no packet can come
 * between the answers to these messages. */
static int bind_queue(struct queue *queue, enum queue_kind kind)
{
    uint16_t number = queue->numbers[kind];
    _Alignas(struct nlmsghdr) char buffer[HEAD_ROOM];
    struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, number);
    message->nlmsg_flags |= NLM_F_ACK;
    nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    int error = configure(queue, message);
    if (error != 0)
        return error;
    message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, number);
    message->nlmsg_flags |= NLM_F_ACK;
    nfq_nlmsg_cfg_put_qmaxlen(message, queue->room);
    mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(kind == QUEUE_SINGLE ? 0 : NFQA_CFG_F_GSO));
    mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
    return configure(queue, message);
}

/* A line of what the kernel tells of its queues. */
struct kernel_queue {
    unsigned number, owner, full, buffer;
};

static FILE *open_kernel_queues(void)
{
    return fopen("/proc/self/net/netfilter/nfnetlink_queue", "re");
}

/* Queue number, owner, waiting, copy mode, copy range, dropped because full, dropped because of the owner's buffer,
 * last packet's number, 1.
 * => true if there was another line */
static bool next_kernel_queue(FILE *file, struct kernel_queue *q)
{
    return fscanf(file, "%u %u %*u %*u %*u %u %u %*u %*d", &q->number, &q->owner, &q->full, &q->buffer) == 4;
}

/* The kernel refuses another program's queue with the same words as a missing capability. */
static bool is_taken(uint16_t number)
{
    bool taken = false;
    struct kernel_queue q;
    FILE *file = open_kernel_queues();
    while (file != NULL && !taken && next_kernel_queue(file, &q))
        taken = q.number == number;
    if (file != NULL)
        fclose(file);
    return taken;
}

/* Room in the socket. Past the machine's limits only with CAP_NET_ADMIN, which binding needs anyway. Losses are counted
 * by the kernel (queue_losses()); being told of each as an error would only add to the load that caused it. */
static int set_options(struct queue *queue, int buffer)
{
    const int on = 1, send_room = PART + SLOT + HEAD_ROOM * QUEUE_BATCH;
    if (setsockopt(queue->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0 ||
        setsockopt(queue->fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_room, sizeof send_room) < 0 ||
        setsockopt(queue->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on) < 0)
        return -errno;
    /* An answer that the kernel refuses comes back: without the packet in it, where the kernel is new enough. */
    (void)setsockopt(queue->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    return 0;
}

static bool has_kind(const struct queue *queue, int kind)
{
    return queue->kinds & 1U << kind;
}

int queue_open(struct queue **opened, const struct queue_config *config, uint16_t *number)
{
    *number = 0;
    struct queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return -ENOMEM;
    int error = -ENOMEM;
    queue->kinds = config->kinds;
    queue->room = config->room;
    memcpy(queue->numbers, config->numbers, sizeof queue->numbers);
    queue->slots = malloc((size_t)QUEUE_BATCH * SLOT);
    if (queue->slots == NULL)
        goto fail;
    queue->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (queue->socket == NULL || mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        error = -errno;
        goto fail;
    }
    queue->fd = mnl_socket_get_fd(queue->socket);
    error = close_to_others(queue);
    if (error == 0)
        error = set_options(queue, config->buffer);
    for (int kind = 0; kind < QUEUE_KINDS && error == 0; kind++) {
        if (!has_kind(queue, kind))
            continue;
        *number = queue->numbers[kind];
        error = bind_queue(queue, (enum queue_kind)kind);
        if (error == -EPERM && is_taken(*number))
            error = -EBUSY;
    }
    if (error != 0)
        goto fail;
    for (size_t i = 0; i < QUEUE_BATCH; i++) {
        queue->in_pieces[i] = (struct iovec){queue->slots + i * SLOT, SLOT};
        queue->in[i].msg_hdr.msg_iov = &queue->in_pieces[i];
        queue->in[i].msg_hdr.msg_iovlen = 1;
    }
    *opened = queue;
    return 0;
fail:
    queue_close(queue);
    return error;
}

/* No acknowledgement is asked for: packets may already come before it. A refusal would come as an error message, which
 * queue_receive() counts. */
int queue_start(struct queue *queue)
{
    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        if (!has_kind(queue, kind))
            continue;
        _Alignas(struct nlmsghdr) char buffer[HEAD_ROOM];
        struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->numbers[kind]);
        nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, kind == QUEUE_HEADS ? QUEUE_HEAD : 0xffff);
        if (mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0)
            return -errno;
    }
    return 0;
}

int queue_fd(const struct queue *queue)
{
    return queue->fd;
}

int queue_nudge(struct queue *queue)
{
    int kind = 0;
    while (!has_kind(queue, kind))
        kind++;
    _Alignas(struct nlmsghdr) char buffer[HEAD_ROOM];
    struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->numbers[kind]);
    message->nlmsg_flags |= NLM_F_ACK;
    nfq_nlmsg_cfg_put_qmaxlen(message, queue->room); /* changes nothing; the acknowledgement is what is wanted */
    return mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

/* ---- receiving ---- */

/* Of a packet's ten attributes each would cost four calls into libmnl: a good part of all that a worker does for one.
 */
static uint8_t *value_of(const struct nlattr *attribute)
{
    return (uint8_t *)(uintptr_t)attribute + MNL_ATTR_HDRLEN;
}

static uint32_t get_u32(const struct nlattr *attribute)
{
    uint32_t value;
    memcpy(&value, value_of(attribute), sizeof value);
    return ntohl(value);
}

/* The packet is the last thing in its message, and a message has a slot for itself. */
static uint32_t room_behind(const struct nlmsghdr *message, const struct queue_packet *packet)
{
    const uint8_t *slot = (const uint8_t *)message, *behind = packet->data + packet->len;
    if (behind + MNL_ALIGNTO <= slot + message->nlmsg_len)
        return packet->len;
    uint32_t room = SLOT - (uint32_t)(packet->data - slot);
    return room < LARGEST ? room : LARGEST;
}

/* => true if the message is a packet that can be answered. Attributes are as the kernel has made them: their lengths
 * are what their types say. */
static bool read_packet(const struct nlmsghdr *message, struct queue_packet *packet)
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    size_t at = MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof *header), end = message->nlmsg_len;
    bool has_head = false, has_wire_len = false, is_bridged = false;
    *packet = (struct queue_packet){.queue = ntohs(header->res_id)};
    while (at + MNL_ATTR_HDRLEN <= end) {
        const struct nlattr *attribute = (const void *)((const uint8_t *)message + at);
        struct nfqnl_msg_packet_hdr about;
        uint32_t info;
        if (attribute->nla_len < MNL_ATTR_HDRLEN || attribute->nla_len > end - at)
            break;
        at += MNL_ALIGN(attribute->nla_len);
        switch (attribute->nla_type & NLA_TYPE_MASK) {
        case NFQA_PACKET_HDR:
            memcpy(&about, value_of(attribute), sizeof about);
            packet->id = ntohl(about.packet_id);
            packet->hook = about.hook;
            has_head = true;
            break;
        case NFQA_MARK: packet->mark = get_u32(attribute); break;
        case NFQA_IFINDEX_INDEV: packet->indev = get_u32(attribute); break;
        case NFQA_IFINDEX_OUTDEV: packet->outdev = get_u32(attribute); break;
        case NFQA_IFINDEX_PHYSOUTDEV: is_bridged = true; break;
        case NFQA_SKB_INFO:
            info = get_u32(attribute);
            packet->joined = info & NFQA_SKB_GSO;
            packet->checksum_missing = info & NFQA_SKB_CSUMNOTREADY;
            packet->checksum_unknown = info & NFQA_SKB_CSUM_NOTVERIFIED;
            break;
        case NFQA_HWADDR: packet->sender = attribute; break;
        case NFQA_CAP_LEN:
            packet->wire_len = get_u32(attribute);
            has_wire_len = true;
            break;
        case NFQA_PAYLOAD:
            packet->data = value_of(attribute);
            packet->len = attribute->nla_len - (uint32_t)MNL_ATTR_HDRLEN;
            packet->room = room_behind(message, packet);
            break;
        default: break;
        }
    }
    packet->switched = is_bridged && packet->hook == NF_INET_FORWARD;
    if (!has_wire_len)
        packet->wire_len = packet->len;
    return has_head;
}

const uint8_t *queue_sender(const struct queue_packet *packet)
{
    enum { MAC_LEN = 6 };
    if (packet->sender == NULL || mnl_attr_get_payload_len(packet->sender) < sizeof(struct nfqnl_msg_packet_hw))
        return NULL;
    const struct nfqnl_msg_packet_hw *hardware = mnl_attr_get_payload(packet->sender);
    return ntohs(hardware->hw_addrlen) == MAC_LEN ? hardware->hw_addr : NULL;
}

/* A message that is no packet: the acknowledgement of a nudge, or an answer or a configuration that was refused. */
static int read_notice(struct queue *queue, const struct nlmsghdr *message, bool *nudged)
{
    if (message->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(message) < sizeof(struct nlmsgerr))
        return 0;
    const struct nlmsgerr *notice = mnl_nlmsg_get_payload(message);
    if (notice->error == 0)
        *nudged = true;
    else
        queue->refused++;
    return notice->error == -EPERM ? -EPERM : 0; /* no longer our queue, or no longer our right */
}

int queue_receive(struct queue *queue, struct queue_packet *packets, size_t *count, bool *nudged)
{
    *count = 0;
    int messages = recvmmsg(queue->fd, queue->in, QUEUE_BATCH, MSG_WAITFORONE, NULL);
    if (messages < 0)
        return errno == EINTR || errno == ENOBUFS || errno == ENOMEM ? 0 : -errno;
    for (int i = 0; i < messages; i++) {
        const struct nlmsghdr *message = queue->in_pieces[i].iov_base;
        if (!mnl_nlmsg_ok(message, (int)queue->in[i].msg_len))
            continue;
        if (message->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)) {
            if (read_packet(message, &packets[*count]))
                ++*count;
            continue;
        }
        int error = read_notice(queue, message, nudged);
        if (error != 0)
            return error;
    }
    return 0;
}

/* ---- answering ---- */

static struct part *part_for(struct queue *queue, size_t bytes)
{
    struct part *part = queue->part_count == 0 ? NULL : &queue->parts[queue->part_count - 1];
    if (part == NULL || part->bytes + bytes > PART) {
        struct mmsghdr *out = &queue->out[queue->part_count];
        part = &queue->parts[queue->part_count++];
        *part = (struct part){.bytes = 0};
        *out = (struct mmsghdr){.msg_hdr.msg_iov = &queue->out_pieces[queue->pieces]};
    }
    return part;
}

static void add_piece(struct queue *queue, struct part *part, void *base, size_t len)
{
    struct msghdr *message = &queue->out[queue->part_count - 1].msg_hdr;
    struct iovec *last = message->msg_iovlen == 0 ? NULL : &message->msg_iov[message->msg_iovlen - 1];
    if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == base) {
        last->iov_len += len;
    } else {
        queue->out_pieces[queue->pieces++] = (struct iovec){base, len};
        message->msg_iovlen++;
    }
    part->bytes += len;
}

/* Write a message that answers `packets` packets, up to `last`; or one, which goes on as `rewritten`. */
static void write_answer(struct queue *queue, uint16_t number, uint32_t last, size_t packets, uint32_t verdict,
                         uint32_t mark, const struct iovec *rewritten)
{
    size_t payload = rewritten == NULL ? 0 : rewritten->iov_len;
    struct part *part = part_for(queue, HEAD_ROOM + payload);
    uint8_t *head = queue->heads + queue->heads_len;
    struct nlmsghdr *message =
        nfq_nlmsg_put((char *)head, packets > 1 ? NFQNL_MSG_VERDICT_BATCH : NFQNL_MSG_VERDICT, number);
    nfq_nlmsg_verdict_put(message, (int)last, (int)verdict);
    if (verdict != NF_DROP)
        nfq_nlmsg_verdict_put_mark(message, mark);
    if (rewritten != NULL)
        mnl_attr_put(message, NFQA_PAYLOAD, 0, NULL); /* its length is set below: its bytes are elsewhere */
    size_t head_len = message->nlmsg_len;
    queue->heads_len += head_len;
    add_piece(queue, part, head, head_len);
    if (rewritten != NULL) {
        struct nlattr *attribute = (struct nlattr *)(void *)(head + head_len - MNL_ATTR_HDRLEN);
        size_t padding = MNL_ALIGN(payload) - payload;
        attribute->nla_len = (uint16_t)(MNL_ATTR_HDRLEN + payload);
        message->nlmsg_len += (uint32_t)(payload + padding);
        add_piece(queue, part, rewritten->iov_base, payload);
        if (padding != 0) {
            /* Padding bytes are sent from `heads`, which must stay aligned for the next head. */
            memset(queue->heads + queue->heads_len, 0, MNL_ALIGNTO);
            add_piece(queue, part, queue->heads + queue->heads_len, padding);
            queue->heads_len += MNL_ALIGNTO;
        }
    }
    part->packets += packets;
    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        if (!has_kind(queue, kind) || number != queue->numbers[kind])
            continue;
        part->answers[kind] = true;
        part->last[kind] = last;
    }
}

static void end_run(struct queue *queue)
{
    if (queue->run.packets != 0)
        write_answer(queue, queue->run.queue, queue->run.last, queue->run.packets, queue->run.verdict, queue->run.mark,
                     NULL);
    queue->run.packets = 0;
}

/* A plain answer: goes on with the run, or begins another. */
static void answer(struct queue *queue, const struct queue_packet *packet, uint32_t verdict, uint32_t mark)
{
    if (queue->run.packets != 0 &&
        (queue->run.queue != packet->queue || queue->run.verdict != verdict || queue->run.mark != mark))
        end_run(queue);
    queue->run.queue = packet->queue;
    queue->run.verdict = verdict;
    queue->run.mark = mark;
    queue->run.last = packet->id;
    queue->run.packets++;
}

void queue_accept(struct queue *queue, const struct queue_packet *packet, uint32_t mark)
{
    answer(queue, packet, NF_ACCEPT, mark);
}

void queue_replace(struct queue *queue, const struct queue_packet *packet, uint32_t mark, uint32_t len)
{
    const struct iovec bytes = {packet->data, len};
    end_run(queue);
    write_answer(queue, packet->queue, packet->id, 1, NF_ACCEPT, mark, &bytes);
}

void queue_drop(struct queue *queue, const struct queue_packet *packet)
{
    answer(queue, packet, NF_DROP, 0);
}

void queue_move(struct queue *queue, const struct queue_packet *packet, uint16_t number, uint32_t mark)
{
    end_run(queue);
    write_answer(queue, packet->queue, packet->id, 1, NF_QUEUE_NR(number), mark, NULL);
}

/* The kernel had no memory for this part. Its packets must not stay: see the head of queue.h.
 * => 0, or -errno */
static int drop_part(struct queue *queue, const struct part *part)
{
    queue->unsent += part->packets;
    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        if (!part->answers[kind])
            continue;
        _Alignas(struct nlmsghdr) char buffer[HEAD_ROOM];
        struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_VERDICT_BATCH, queue->numbers[kind]);
        nfq_nlmsg_verdict_put(message, (int)part->last[kind], NF_DROP);
        if (mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0)
            return -errno;
    }
    return 0;
}

int queue_answer_all(struct queue *queue)
{
    int error = 0;
    end_run(queue);
    for (size_t sent = 0; sent < queue->part_count && error == 0;) {
        int n = sendmmsg(queue->fd, queue->out + sent, (unsigned)(queue->part_count - sent), 0);
        if (n > 0)
            sent += (size_t)n;
        else if (errno != EINTR)
            error = drop_part(queue, &queue->parts[sent++]);
    }
    queue->heads_len = queue->pieces = queue->part_count = 0;
    return error;
}

/* ---- ending ---- */

void queue_losses(const struct queue *queue, struct queue_losses *losses)
{
    struct kernel_queue q;
    FILE *file = open_kernel_queues();
    *losses = (struct queue_losses){.unsent = queue->unsent, .refused = queue->refused};
    while (file != NULL && next_kernel_queue(file, &q)) {
        if (q.owner != mnl_socket_get_portid(queue->socket))
            continue;
        losses->full += q.full;
        losses->buffer += q.buffer;
    }
    if (file != NULL)
        fclose(file);
}

void queue_close(struct queue *queue)
{
    if (queue == NULL)
        return;
    if (queue->socket != NULL)
        mnl_socket_close(queue->socket); /* the kernel unbinds the queues of a closed socket */
    free(queue->slots);
    free(queue);
}
