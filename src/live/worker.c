/* The way of a packet here: read from the queue, decoded, judged, answered; if anyone wants to see it, written down.
 *
 * The verdict on a packet that is rewritten sends its bytes back to the kernel, which takes the checksum in them as
 * final: a checksum that was left to the hardware is computed now.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "live/held.h"
#include "live/hooks.h"
#include "live/logger.h"
#include "live/worker.h"
#include "report/report.h"
#include "report/week.h"

enum {
    PATIENCE = 100 * 1000 * 1000, /* nanoseconds to wait for a thread before it is nudged again */
    OPENING_ROOM = 1024,          /* packets that may wait to begin a connection: what a flood delays the others by */
    OPENING_NICENESS = 10,        /* a tenth of the others' share, where there is not enough for all */
};

/* A packet that was judged, until it is written down. */
struct judged {
    struct tg_packet packet;
    struct tg_verdict verdict;
};

struct worker {
    struct workers *all;
    unsigned number;
    struct queue *queue;
    struct reject reject;
    bool needs_mac, needs_minute; /* some rule asks for it */
    struct week week;
    pthread_t thread;
    bool running;
    uint64_t unfinished;
    _Atomic(const struct view *) looking; /* the view that this batch is judged by; NULL between batches */
    struct judged *judged;                /* the batch; NULL if nobody wants to see it */
    size_t judged_count;
    char *text; /* … written down; NULL likewise */
    size_t text_len;
};

static uint64_t clock_now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * TG_SECOND + (uint64_t)t.tv_nsec;
}

/* ---- the view ---- */

/* Announcing it and looking again makes sure that whoever replaces it sees the announcement. */
static const struct view *look(struct worker *worker)
{
    const struct view *view = atomic_load(&worker->all->view), *again;
    for (;; view = again) {
        atomic_store(&worker->looking, view);
        again = atomic_load(&worker->all->view);
        if (again == view)
            return view;
    }
}

static void look_away(struct worker *worker)
{
    atomic_store(&worker->looking, NULL);
}

const struct view *workers_switch_view(struct workers *workers, const struct view *view)
{
    const struct timespec pause = {.tv_nsec = 100 * 1000};
    const struct view *old = atomic_exchange(&workers->view, view);
    for (unsigned i = 0; i < workers->count; i++)
        while (atomic_load(&workers->list[i].looking) == old)
            nanosleep(&pause, NULL);
    return old;
}

/* ---- one packet ---- */

/* What is the same for all packets of a batch. */
struct moment {
    const struct view *view;
    uint64_t now;    /* nanoseconds since the machine began, for the engine */
    uint64_t time;   /* … since 1970; 0: nobody asks for it */
    bool has_minute; /* of the week */
    uint16_t minute;
};

static struct moment this_moment(struct worker *worker)
{
    struct moment moment = {.view = look(worker), .now = clock_now(CLOCK_MONOTONIC)};
    if (worker->text != NULL || worker->needs_minute)
        moment.time = clock_now(CLOCK_REALTIME);
    if (worker->needs_minute)
        moment.has_minute = week_minute(&worker->week, moment.time / TG_SECOND, &moment.minute);
    return moment;
}

/* Where it came from and where it goes, as far as the hook knows. */
static struct tg_arrival arrival_of(const struct worker *worker, const struct queue_packet *from,
                                    const struct moment *moment)
{
    const struct view *view = moment->view;
    struct tg_arrival arrival = {
        .now = moment->now,
        .zone_in = view_zone(view, from->indev),
        .has_minute = moment->has_minute,
        .minute = moment->minute,
    };
    const uint8_t *sender = worker->needs_mac ? queue_sender(from) : NULL;
    if (sender != NULL) {
        arrival.has_mac = true;
        memcpy(arrival.mac, sender, sizeof arrival.mac);
    }
    switch (from->hook) {
    case QUEUE_PREROUTING: arrival.half = true; break;
    case QUEUE_INPUT: arrival.zone_out = TG_ZONE_ROUTER; break;
    case QUEUE_FORWARD: arrival.zone_out = view_zone(view, from->outdev); break;
    default: arrival.zone_in = TG_ZONE_ROUTER; arrival.zone_out = view_zone(view, from->outdev);
    }
    return arrival;
}

static uint32_t mark_with(uint32_t mark, uint32_t bits)
{
    return (mark & ~(uint32_t)HOOKS_OWN) | bits;
}

/* Whether the kernel computes the checksum of each segment that it makes of this packet from nothing
 * (tcp4_gso_segment(), of what does not come with a checksum left to be done, as nothing does that was sent back
 * rewritten). To the router itself the packet goes as it is. */
static bool is_summed_later(const struct queue_packet *from, const struct tg_packet *packet, uint8_t zone_out)
{
    return from->joined && packet->outer.tuple.proto == TG_PROTO_TCP && packet->outer.tuple.family == TG_IPV4 &&
           zone_out != TG_ZONE_ROUTER;
}

/* Let a packet go on; rewritten, if all of it is here to be sent back. */
static void let_pass(struct worker *worker, const struct queue_packet *from, struct tg_packet *packet, bool rewritten,
                     uint8_t zone_out, uint32_t bits)
{
    if (!rewritten) {
        queue_accept(worker->queue, from, mark_with(from->mark, bits));
        return;
    }
    if (from->len < from->wire_len) {
        worker->unfinished++;
        queue_drop(worker->queue, from);
        return;
    }
    if (from->checksum_missing && !is_summed_later(from, packet, zone_out))
        tg_packet_fill_checksum(packet);
    queue_replace(worker->queue, from, mark_with(from->mark, bits), packet->len);
}

static struct tg_packet packet_of(const struct queue_packet *from)
{
    return (struct tg_packet){.data = from->data, .len = from->len, .wire_len = from->wire_len, .room = from->room};
}

/* The second half of a translation. The packet was judged, and maybe checked, when it came in. */
static void finish(struct worker *worker, const struct queue_packet *from)
{
    struct tg_packet packet = packet_of(from);
    if (tg_packet_decode(&packet, TG_DECODE_TRUST_CHECKSUM) == TG_DECODED &&
        tg_engine_finish(worker->all->engine, &packet)) {
        let_pass(worker, from, &packet, true, TG_ZONE_NONE, HOOKS_JUDGED);
    } else {
        worker->unfinished++;
        queue_drop(worker->queue, from);
    }
}

/* It comes back from where fragments wait for their first: no hook sends us a packet with such a mark. */
static bool has_waited(const struct queue_packet *from)
{
    return (from->mark & HOOKS_OWN) == HOOKS_OWN;
}

/* Do with a packet as the verdict says. */
static void answer(struct worker *worker, const struct queue_packet *from, const struct moment *moment,
                   struct tg_packet *packet, const struct tg_verdict *verdict)
{
    if (verdict->hold) {
        held_take(worker->all->held, worker->queue, from, mark_with(from->mark, HOOKS_OWN));
        return;
    }
    if (verdict->action == TG_ACCEPT) {
        bool half = verdict->translation == TG_TRANSLATE_HALF;
        let_pass(worker, from, packet, verdict->rewritten, verdict->zone_out, half ? HOOKS_HALF : HOOKS_JUDGED);
        return;
    }
    queue_drop(worker->queue, from);
    const struct reject_place place = {view_network(moment->view), verdict->zone_in, from->indev, moment->now};
    if (verdict->action == TG_REJECT)
        reject_send(&worker->reject, packet, &place);
    else if (verdict->answer)
        reject_tell_limit(&worker->reject, packet, &place);
}

/* A packet of a batch, from when it is decoded until it is answered. */
struct guest {
    struct tg_packet packet;
    struct tg_arrival arrival;
    struct tg_verdict verdict;
};

static bool is_later(const struct tg_packet *packet)
{
    return packet->fragment && packet->fragment_offset != 0;
}

static struct tg_job prepare(struct worker *worker, const struct queue_packet *from, const struct moment *moment,
                             struct guest *guest)
{
    guest->arrival = arrival_of(worker, from, moment);
    guest->packet = packet_of(from);
    enum tg_decoded decoded = tg_packet_decode(&guest->packet, from->checksum_unknown ? 0 : TG_DECODE_TRUST_CHECKSUM);
    guest->arrival.can_hold =
        is_later(&guest->packet) && !has_waited(from) && held_expect(worker->all->held, &guest->packet, moment->now);
    return (struct tg_job){&guest->packet, decoded, &guest->arrival, &guest->verdict};
}

static void see_off(struct worker *worker, const struct queue_packet *from, const struct moment *moment,
                    struct guest *guest)
{
    if (guest->arrival.can_hold && !guest->verdict.hold)
        held_forget(worker->all->held, &guest->packet);
    if (guest->packet.fragment && !is_later(&guest->packet))
        held_first(worker->all->held, &guest->packet);
    answer(worker, from, moment, &guest->packet, &guest->verdict);
}

/* ---- the output ---- */

static uint64_t take_numbers(struct workers *all, size_t count)
{
    pthread_mutex_lock(&all->writing);
    uint64_t first = all->packets + 1;
    all->packets += count;
    pthread_mutex_unlock(&all->writing);
    return first;
}

static void write_down(struct worker *worker, uint64_t time)
{
    size_t count = worker->judged_count;
    size_t (*write_line)(char *, size_t, const struct report_packet *) =
        worker->all->output == LIVE_JSON ? report_json : report_text;
    uint64_t first = take_numbers(worker->all, count);
    for (size_t i = 0; i < count; i++) {
        const struct judged *judged = &worker->judged[i];
        const struct report_packet report = {first + i, time, worker->all->policy, &judged->packet, &judged->verdict};
        worker->text_len += write_line(worker->text + worker->text_len, REPORT_ROOM, &report);
    }
    worker->judged_count = 0;
}

/* One write a batch, so that lines of different workers do not mix. */
static void put_out(struct worker *worker)
{
    struct workers *all = worker->all;
    pthread_mutex_lock(&all->writing);
    for (size_t done = 0; done < worker->text_len && !all->deaf;) {
        ssize_t n = write(STDOUT_FILENO, worker->text + done, worker->text_len - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            fprintf(stderr, "tidegate: packets are no longer told: standard output: %s\n", strerror(errno));
            all->deaf = true;
        }
    }
    pthread_mutex_unlock(&all->writing);
    worker->text_len = 0;
}

/* ---- the thread ---- */

static bool is_second_half(const struct queue_packet *from)
{
    return from->hook == QUEUE_POSTROUTING && (from->mark & HOOKS_OWN) == HOOKS_HALF;
}

/* Whether the engine is to judge a packet: not one that it has judged, and none that is not routed, as devices on the
 * two ports of a switch are in one network. */
static bool is_to_be_judged(const struct queue_packet *from)
{
    return !is_second_half(from) && !from->switched;
}

static void note(struct worker *worker, const struct guest *guest, const struct moment *moment)
{
    const struct report_packet report = {0, moment->time, worker->all->policy, &guest->packet, &guest->verdict};
    if (guest->verdict.log || guest->verdict.answer)
        logger_put(worker->all->logger, &report, moment->now);
    if (worker->judged != NULL)
        worker->judged[worker->judged_count++] = (struct judged){guest->packet, guest->verdict};
}

static void judge_batch(struct worker *worker, const struct queue_packet *batch, size_t count)
{
    struct moment moment = this_moment(worker);
    struct guest guests[QUEUE_BATCH], *guest = guests;
    struct tg_job jobs[QUEUE_BATCH];
    size_t judged = 0;
    for (size_t i = 0; i < count; i++)
        if (is_to_be_judged(&batch[i])) {
            jobs[judged] = prepare(worker, &batch[i], &moment, &guests[judged]);
            judged++;
        }
    tg_engine_judge_all(worker->all->engine, worker->number, jobs, judged);
    for (size_t i = 0; i < count; i++) {
        if (is_second_half(&batch[i])) {
            finish(worker, &batch[i]);
        } else if (batch[i].switched) {
            queue_accept(worker->queue, &batch[i], mark_with(batch[i].mark, HOOKS_JUDGED));
        } else {
            see_off(worker, &batch[i], &moment, guest);
            if (!guest->verdict.hold)
                note(worker, guest, &moment);
            guest++;
        }
    }
    look_away(worker);
    if (worker->judged_count != 0)
        write_down(worker, moment.time);
}

/* The last one. */
static bool is_for_opening(const struct worker *worker)
{
    return worker->number + 1 == worker->all->count;
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct queue_packet batch[QUEUE_BATCH];
    bool nudged = false;
    if (is_for_opening(worker)) /* of this thread alone */
        (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + OPENING_NICENESS);
    int error = queue_start(worker->queue);
    while (error == 0 && !nudged) {
        size_t count;
        error = queue_receive(worker->queue, batch, &count, &nudged);
        judge_batch(worker, batch, count);
        if (worker->text_len != 0)
            put_out(worker); /* before they go on, and other workers tell of what answers them */
        int answered = queue_answer_all(worker->queue);
        if (error == 0)
            error = answered;
    }
    if (error != 0) {
        const uint64_t one = 1;
        fprintf(stderr, "tidegate: worker %u: the packet queue: %s\n", worker->number, strerror(-error));
        if (write(worker->all->failed, &one, sizeof one) < 0)
            abort(); /* an eventfd cannot refuse; without it nobody would know */
    }
    return NULL;
}

/* ---- all of them ---- */

/* The queues of a worker. Those of a kind are numbered one after the other (hooks.h). */
static struct queue_config queues_of(const struct live_config *config, unsigned number, int buffer)
{
    struct queue_config queue = {.room = QUEUE_ROOM, .buffer = buffer};
    if (number == config->workers) {
        queue.kinds = 1U << QUEUE_OPENING;
        queue.numbers[QUEUE_OPENING] = (uint16_t)(config->queue + LIVE_QUEUES * config->workers);
        queue.room = OPENING_ROOM;
        return queue;
    }
    for (unsigned kind = 0; kind < LIVE_QUEUES; kind++) {
        queue.kinds |= 1U << kind;
        queue.numbers[kind] = (uint16_t)(config->queue + kind * config->workers + number);
    }
    return queue;
}

/* => 0, or as workers_open() */
static int open_worker(struct workers *workers, const struct live_config *config, int buffer, uint16_t *number)
{
    struct worker *worker = &workers->list[workers->count];
    *worker = (struct worker){.all = workers,
                              .number = workers->count++,
                              .reject = {.fds = {-1, -1}},
                              .needs_mac = tg_policy_needs_mac(workers->policy),
                              .needs_minute = tg_policy_needs_minute(workers->policy)};
    const struct queue_config queue = queues_of(config, worker->number, buffer);
    int error = queue_open(&worker->queue, &queue, number);
    if (error != 0)
        return error;
    *number = 0;
    error = reject_open(&worker->reject, HOOKS_OWN);
    if (error != 0 || config->output == LIVE_SILENT)
        return error;
    worker->judged = calloc(QUEUE_BATCH, sizeof *worker->judged);
    worker->text = malloc((size_t)QUEUE_BATCH * REPORT_ROOM);
    return worker->judged == NULL || worker->text == NULL ? -ENOMEM : 0;
}

int workers_open(struct workers *workers, const struct live_config *config, int buffer, uint16_t *number)
{
    *number = 0;
    pthread_mutex_init(&workers->writing, NULL);
    unsigned count = config->workers + WORKERS_BESIDES;
    workers->list = calloc(count, sizeof *workers->list);
    if (workers->list == NULL)
        return -ENOMEM;
    while (workers->count < count) {
        int error = open_worker(workers, config, buffer, number);
        if (error != 0)
            return error;
    }
    const struct held_config held = {
        .number = (uint16_t)(config->queue + LIVE_QUEUES * config->workers + 1),
        .back = (uint16_t)(config->queue + QUEUE_SINGLE * config->workers),
        .failed = workers->failed,
    };
    return held_open(&workers->held, &held, number);
}

int workers_start(struct workers *workers)
{
    int started = held_start(workers->held);
    if (started != 0)
        return started;
    for (unsigned i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->list[i];
        int error = pthread_create(&worker->thread, NULL, work, worker);
        if (error != 0) {
            workers_stop(workers);
            return -error;
        }
        worker->running = true;
        char name[16];
        if (is_for_opening(worker))
            snprintf(name, sizeof name, "beginnings");
        else
            snprintf(name, sizeof name, "worker %u", i % LIVE_WORKERS_MAX);
        pthread_setname_np(worker->thread, name);
    }
    return 0;
}

/* A nudge may be lost where the socket's buffer is full. */
void workers_stop(struct workers *workers)
{
    held_stop(workers->held);
    for (unsigned i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->list[i];
        while (worker->running) {
            struct timespec until;
            (void)queue_nudge(worker->queue);
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += PATIENCE;
            if (until.tv_nsec >= (long)TG_SECOND) {
                until.tv_nsec -= (long)TG_SECOND;
                until.tv_sec++;
            }
            worker->running = pthread_timedjoin_np(worker->thread, NULL, &until) != 0;
        }
    }
}

static void add_losses(struct queue_losses *sum, const struct queue_losses *losses)
{
    sum->full += losses->full;
    sum->buffer += losses->buffer;
    sum->unsent += losses->unsent;
    sum->refused += losses->refused;
}

void workers_totals(const struct workers *workers, struct worker_totals *totals)
{
    *totals = (struct worker_totals){.unfinished = 0};
    for (unsigned i = 0; i < workers->count; i++) {
        const struct worker *worker = &workers->list[i];
        struct queue_losses losses;
        queue_losses(worker->queue, &losses);
        add_losses(&totals->losses, &losses);
        totals->answered += worker->reject.sent;
        totals->held_back += worker->reject.held_back;
        totals->told += worker->reject.told;
        totals->unfinished += worker->unfinished;
    }
    struct queue_losses losses;
    held_losses(workers->held, &losses);
    add_losses(&totals->losses, &losses);
    totals->left = held_left(workers->held);
}

void workers_close(struct workers *workers)
{
    for (unsigned i = 0; i < workers->count; i++) {
        queue_close(workers->list[i].queue);
        reject_close(&workers->list[i].reject);
        free(workers->list[i].judged);
        free(workers->list[i].text);
    }
    held_close(workers->held);
    workers->held = NULL;
    free(workers->list);
    workers->list = NULL;
    workers->count = 0;
    pthread_mutex_destroy(&workers->writing);
}
