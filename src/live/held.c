#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "fragment/waiting.h"
#include "live/held.h"

enum {
    ROOM = WAITING_MOST + QUEUE_BATCH, /* packets in the kernel's queue */
    BUFFER = 1 << 20,                  /* bytes for them in the socket */
    MILLISECOND = 1000 * 1000,         /* nanoseconds */
};

struct held {
    /* immutable */
    struct held_config config;
    struct queue *queue;
    int bell; /* an eventfd: something is to be done */
    pthread_t thread;
    bool is_running;

    pthread_mutex_t lock; /* protects all below */
    bool is_closed;
    struct waiting waiting;
    uint64_t returning[ROOM + QUEUE_BATCH]; /* tickets of what is to go back */
    size_t return_count;
};

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 * MILLISECOND + (uint64_t)t.tv_nsec;
}

static void ring(struct held *held)
{
    const uint64_t one = 1;
    if (write(held->bell, &one, sizeof one) < 0)
        abort(); /* an eventfd refuses only what would be too large for 64 bits */
}

/* ---- tickets ---- */

static uint64_t ticket_of(const struct queue_packet *packet)
{
    return (uint64_t)packet->mark << 32 | packet->id;
}

static void move_back(struct held *held, uint64_t ticket)
{
    const struct queue_packet packet = {.id = (uint32_t)ticket, .queue = held->config.number};
    queue_move(held->queue, &packet, held->config.back, (uint32_t)(ticket >> 32));
}

/* ---- what workers ask and tell ---- */

bool held_expect(struct held *held, const struct tg_packet *packet, uint64_t time)
{
    pthread_mutex_lock(&held->lock);
    bool has_place = !held->is_closed && waiting_add(&held->waiting, packet, time, 0);
    bool is_late = waiting_oldest(&held->waiting) < time - WAITING_TIME;
    pthread_mutex_unlock(&held->lock);
    if (is_late)
        ring(held); /* what never arrived: its place would be taken for as long as nothing else does */
    return has_place;
}

void held_forget(struct held *held, const struct tg_packet *packet)
{
    pthread_mutex_lock(&held->lock);
    waiting_cancel(&held->waiting, packet);
    pthread_mutex_unlock(&held->lock);
}

void held_take(const struct held *held, struct queue *queue, const struct queue_packet *packet, uint32_t mark)
{
    queue_move(queue, packet, held->config.number, mark);
}

void held_first(struct held *held, const struct tg_packet *first)
{
    uint64_t ticket;
    pthread_mutex_lock(&held->lock);
    size_t before = held->return_count;
    while (held->return_count < ROOM && waiting_take(&held->waiting, first, &ticket))
        held->returning[held->return_count++] = ticket;
    bool is_news = held->return_count > before;
    pthread_mutex_unlock(&held->lock);
    if (is_news)
        ring(held);
}

/* ---- the thread: the lock is held where nothing else is said ---- */

static void take_in(struct held *held, const struct queue_packet *from)
{
    struct tg_packet packet = {.data = from->data, .len = from->len, .wire_len = from->wire_len};
    bool waits = !held->is_closed && tg_packet_decode(&packet, TG_DECODE_TRUST_CHECKSUM) == TG_DECODED &&
                 waiting_arrive(&held->waiting, &packet, ticket_of(from));
    if (!waits)
        held->returning[held->return_count++] = ticket_of(from);
}

static void give_up(struct held *held, uint64_t time)
{
    uint64_t before = held->is_closed ? UINT64_MAX : time - WAITING_TIME, ticket;
    while (held->return_count < ROOM && waiting_give_up(&held->waiting, before, &ticket))
        held->returning[held->return_count++] = ticket;
}

/* => milliseconds until there is something to do, or -1 for as long as nothing comes */
static int patience(const struct held *held, uint64_t time)
{
    uint64_t oldest = waiting_oldest(&held->waiting);
    if (held->is_closed)
        return 0;
    if (oldest == UINT64_MAX)
        return -1;
    return oldest + WAITING_TIME <= time ? 0 : (int)((oldest + WAITING_TIME - time) / MILLISECOND) + 1;
}

/* Send back what is to go back. The lock is not held.
 * => 0, or -errno */
static int send_back(struct held *held, const uint64_t *tickets, size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        move_back(held, tickets[i]);
        if (i % QUEUE_BATCH == QUEUE_BATCH - 1 || i + 1 == count)
            error = queue_answer_all(held->queue);
    }
    return error;
}

/* One turn: what has come, then what is to go. *wait is how long to wait for the next. The lock is not held.
 * => 0, or -errno */
static int turn(struct held *held, bool has_packets, int *wait, bool *is_over)
{
    struct queue_packet batch[QUEUE_BATCH];
    uint64_t returning[ROOM + QUEUE_BATCH], time = now();
    size_t count = 0;
    bool nudged;
    int error = has_packets ? queue_receive(held->queue, batch, &count, &nudged) : 0;
    pthread_mutex_lock(&held->lock);
    for (size_t i = 0; i < count; i++)
        take_in(held, &batch[i]);
    give_up(held, time);
    size_t return_count = held->return_count;
    memcpy(returning, held->returning, return_count * sizeof *returning);
    held->return_count = 0;
    *wait = patience(held, time);
    *is_over = held->is_closed && count == 0 && held->waiting.count == 0;
    pthread_mutex_unlock(&held->lock);
    int unsent = send_back(held, returning, return_count);
    return error != 0 ? error : unsent;
}

static void *work(void *context)
{
    enum { PACKETS, BELL, COUNT };
    struct held *held = context;
    struct pollfd fds[COUNT] = {
        [PACKETS] = {.fd = queue_fd(held->queue), .events = POLLIN},
        [BELL] = {.fd = held->bell, .events = POLLIN},
    };
    int error = queue_start(held->queue), wait = -1;
    for (bool is_over = false; error == 0 && !is_over;) {
        uint64_t rings;
        int ready = poll(fds, COUNT, wait);
        if (ready < 0 && errno != EINTR)
            error = -errno;
        if (ready > 0 && fds[BELL].revents != 0 && read(held->bell, &rings, sizeof rings) < 0 && errno != EAGAIN)
            error = -errno;
        if (error == 0)
            error = turn(held, ready > 0 && fds[PACKETS].revents != 0, &wait, &is_over);
    }
    if (error != 0) {
        const uint64_t one = 1;
        fprintf(stderr, "tidegate: the queue of fragments that wait: %s\n", strerror(-error));
        if (write(held->config.failed, &one, sizeof one) < 0)
            abort(); /* an eventfd cannot refuse; without it nobody would know */
    }
    return NULL;
}

/* ---- life ---- */

int held_open(struct held **opened, const struct held_config *config, uint16_t *number)
{
    const struct queue_config queue = {.kinds = 1U << QUEUE_HEADS,
                                       .numbers = {[QUEUE_HEADS] = config->number},
                                       .room = ROOM,
                                       .buffer = BUFFER};
    struct held *held = calloc(1, sizeof *held);
    if (held == NULL)
        return -ENOMEM;
    pthread_mutex_init(&held->lock, NULL);
    held->config = *config;
    held->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = held->bell < 0 ? -errno : queue_open(&held->queue, &queue, number);
    if (error == 0)
        *opened = held;
    else
        held_close(held);
    return error;
}

int held_start(struct held *held)
{
    int error = pthread_create(&held->thread, NULL, work, held);
    if (error != 0)
        return -error;
    held->is_running = true;
    pthread_setname_np(held->thread, "fragments");
    return 0;
}

void held_stop(struct held *held)
{
    if (held == NULL || !held->is_running)
        return;
    pthread_mutex_lock(&held->lock);
    held->is_closed = true;
    pthread_mutex_unlock(&held->lock);
    ring(held);
    pthread_join(held->thread, NULL);
    held->is_running = false;
}

uint64_t held_left(struct held *held)
{
    struct queue_packet batch[QUEUE_BATCH];
    uint64_t left = 0;
    size_t count;
    bool nudged;
    struct pollfd packets = {.fd = queue_fd(held->queue), .events = POLLIN};
    while (poll(&packets, 1, 0) > 0 && queue_receive(held->queue, batch, &count, &nudged) == 0)
        left += count;
    return left;
}

void held_losses(const struct held *held, struct queue_losses *losses)
{
    queue_losses(held->queue, losses);
}

void held_close(struct held *held)
{
    if (held == NULL)
        return;
    queue_close(held->queue);
    if (held->bell >= 0)
        close(held->bell);
    pthread_mutex_destroy(&held->lock);
    free(held);
}
