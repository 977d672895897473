/* Packets from the kernel, verdicts back: NFQUEUE.
 *
 * A struct queue is one netlink socket with a kernel queue of each kind bound to it, or of some, and belongs to one
 * thread. The kinds differ in how a packet comes (hooks.h says which packets go where).
 *
 * Life: queue_open(), queue_start(); then, over and over, by the worker alone: queue_receive() a batch, answer each
 * packet of it in order, queue_answer_all(). To end: queue_nudge() from another thread, until queue_receive() says that
 * it has read it; then queue_losses() and queue_close().
 *
 * Every packet that was received must be answered before the next batch, but in a queue whose packets are all answered
 * by queue_move(), which answers each by itself, at any time. A batch verdict answers every packet up to its
 * number, so an answer that did not reach the kernel would let an older packet through by a younger one's verdict;
 * queue_answer_all() sees to it that such a packet is dropped instead.
 */
#ifndef LIVE_QUEUE_H
#define LIVE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    QUEUE_BATCH = 32,  /* packets at once, at most */
    QUEUE_HEAD = 256,  /* bytes: IPv6 with extension headers, TCP with all its options */
    QUEUE_ROOM = 4096, /* packets that the kernel holds in each of a worker's queues while they wait for us */
};

enum queue_kind {
    /* Whole, and as the kernel has it: many packets of a TCP stream joined to one of up to 64 KiB (GSO, GRO), checksums
     * left to the hardware. Worth 20 times in throughput. */
    QUEUE_JOINED,
    /* Whole, one by one, and complete. When the kernel later cuts joined packets of other protocols than TCP, or fills
     * in checksums inside of tunnels, it builds on what it had left undone, and cannot if a verdict has rewritten them.
     */
    QUEUE_SINGLE,
    /* Only the first QUEUE_HEAD bytes, of packets that are not rewritten if there are more. */
    QUEUE_HEADS,
    /* Whole: SYNs. What belongs to a connection is in other queues, and need not come in the order of these: a sender
     * waits for the answer to its SYN. */
    QUEUE_OPENING,
    QUEUE_KINDS
};

struct queue;

/* Which packet hook it comes from: the kernel's numbers (NF_INET_PRE_ROUTING …). */
enum queue_hook { QUEUE_PREROUTING, QUEUE_INPUT, QUEUE_FORWARD, QUEUE_OUTPUT, QUEUE_POSTROUTING };

/* A packet as it came. `data` stays until the next queue_receive() and may be rewritten in place. */
struct queue_packet {
    uint8_t *data;
    uint32_t len;      /* bytes there */
    uint32_t wire_len; /* bytes that the packet has */
    uint32_t room;     /* bytes that may be written at `data`: as many as the kernel takes back */
    uint32_t id;
    uint32_t mark;
    uint32_t indev, outdev; /* interface indexes; 0 where the hook knows none */
    uint16_t queue;
    uint8_t hook;  /* enum queue_hook */
    bool switched; /* a frame between two ports of a bridge, which the kernel shows to IP hooks (br_netfilter) */
    bool joined;   /* stands for several segments, which the kernel will make of it before it leaves */
    bool checksum_missing; /* left to the hardware: the field holds the pseudo-header's sum alone */
    bool checksum_unknown; /* nobody has looked at it yet */
    const void *sender;    /* for queue_sender() */
};

struct queue_config {
    unsigned kinds; /* which: a bit each, 1 << QUEUE_JOINED … */
    uint16_t numbers[QUEUE_KINDS];
    uint32_t room; /* packets that the kernel holds in each, no more */
    int buffer;    /* bytes of packets that may wait in the socket */
};

/* Take the queues. Nothing comes out of them yet: until queue_start() the kernel drops what is sent to them.
 * => 0 with *queue; or -errno: -EBUSY where a queue is another program's, -EPERM without CAP_NET_ADMIN,
 *    -EINVAL or -EPROTONOSUPPORT where the kernel has no packet queues; *number then is the queue that was refused */
int queue_open(struct queue **queue, const struct queue_config *config, uint16_t *number);

/* Let packets come.
 * => 0, or -errno */
int queue_start(struct queue *queue);

/* Wait for packets, and take those that are there, QUEUE_BATCH at most. *nudged: queue_nudge() was called, and all
 * packets that came before it have been received.
 * => 0 with *count, which may be 0; or -errno: the queue cannot go on */
int queue_receive(struct queue *queue, struct queue_packet *packets, size_t *count, bool *nudged);

/* The hardware address that the packet's frame came from, for as long as `data` stays.
 * => its 6 bytes; or NULL: it has none (the router's own, PPP, tunnels), or one of another kind */
const uint8_t *queue_sender(const struct queue_packet *packet);

/* Answer a packet of the batch: it goes on as it came; or as the `len` bytes that `data` now has, which are all of it;
 * or not at all. Answers must be in the order of the batch. They are sent by queue_answer_all(). */
void queue_accept(struct queue *queue, const struct queue_packet *packet, uint32_t mark);
void queue_replace(struct queue *queue, const struct queue_packet *packet, uint32_t mark, uint32_t len);
void queue_drop(struct queue *queue, const struct queue_packet *packet);

/* Let a packet wait in another queue: it comes out of that as it came out of this one, with this mark. Of `packet` the
 * number, queue and id are needed. */
void queue_move(struct queue *queue, const struct queue_packet *packet, uint16_t number, uint32_t mark);

/* Send the answers.
 * => 0, or -errno: the kernel takes no answers any more */
int queue_answer_all(struct queue *queue);

/* Readable when there are packets. */
int queue_fd(const struct queue *queue);

/* Send a message through the kernel into the queue's own socket, behind all packets that wait there. From any thread.
 * => 0, or -errno */
int queue_nudge(struct queue *queue);

/* What went wrong so far. */
struct queue_losses {
    uint64_t full;    /* packets that the kernel dropped because the queue had no room */
    uint64_t buffer;  /* … because the socket's buffer was full */
    uint64_t unsent;  /* packets dropped because their answer could not be sent */
    uint64_t refused; /* answers that the kernel refused, a device that went down in between being one cause */
};
void queue_losses(const struct queue *queue, struct queue_losses *losses);

/* Give the queues back. The kernel drops what waits in them. */
void queue_close(struct queue *queue);

#endif
