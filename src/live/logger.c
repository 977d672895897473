/* A ring of lines between workers and a thread that writes. `is_full` is what makes a flood cheap: once the second's
 * lines are spent, a worker that has one more only looks at that and counts. The thread takes it back when the second
 * is over. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "live/logger.h"

enum { LINE_ROOM = 512 };
#define SECOND UINT64_C(1000000000)

struct logger {
    pthread_t thread;
    atomic_bool is_full;
    _Atomic uint32_t left_out;

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t news;  /* for the thread */
    bool is_ending;
    uint64_t second_ends;
    unsigned taken; /* in this second */
    size_t first, count;
    char lines[LOGGER_LINES][LINE_ROOM];
};

static void put_out(const char *line)
{
    flockfile(stderr);
    fputs(line, stderr);
    funlockfile(stderr);
}

/* The caller holds the lock, which is let go of while a line is written. */
static void write_lines(struct logger *logger)
{
    while (logger->count > 0) {
        char line[LINE_ROOM];
        memcpy(line, logger->lines[logger->first], sizeof line);
        logger->first = (logger->first + 1) % LOGGER_LINES;
        logger->count--;
        pthread_mutex_unlock(&logger->lock);
        put_out(line);
        pthread_mutex_lock(&logger->lock);
    }
}

/* A new second: lines are taken again. As write_lines(). */
static void tell_left_out(struct logger *logger)
{
    char line[LINE_ROOM];
    atomic_store(&logger->is_full, false);
    uint32_t left_out = atomic_exchange(&logger->left_out, 0);
    if (left_out == 0)
        return;
    pthread_mutex_unlock(&logger->lock);
    snprintf(line, sizeof line, "tidegate: %u more packets were to be logged; at most %d are in a second\n",
             (unsigned)left_out, LOGGER_LINES);
    put_out(line);
    pthread_mutex_lock(&logger->lock);
}

static void *work(void *context)
{
    struct logger *logger = context;
    pthread_mutex_lock(&logger->lock);
    for (;;) {
        write_lines(logger);
        if (logger->is_ending)
            break;
        if (!atomic_load(&logger->is_full)) {
            pthread_cond_wait(&logger->news, &logger->lock);
            continue;
        }
        const struct timespec end = {.tv_sec = (time_t)(logger->second_ends / SECOND),
                                     .tv_nsec = (long)(logger->second_ends % SECOND)};
        if (pthread_cond_timedwait(&logger->news, &logger->lock, &end) == ETIMEDOUT)
            tell_left_out(logger);
    }
    tell_left_out(logger);
    pthread_mutex_unlock(&logger->lock);
    return NULL;
}

int logger_open(struct logger **opened)
{
    struct logger *logger = calloc(1, sizeof *logger);
    pthread_condattr_t monotonic;
    if (logger == NULL)
        return -ENOMEM;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&logger->lock, NULL);
    pthread_cond_init(&logger->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int error = pthread_create(&logger->thread, NULL, work, logger);
    if (error == 0) {
        pthread_setname_np(logger->thread, "log");
        *opened = logger;
        return 0;
    }
    pthread_cond_destroy(&logger->news);
    pthread_mutex_destroy(&logger->lock);
    free(logger);
    return -error;
}

void logger_put(struct logger *logger, const struct report_packet *packet, uint64_t now)
{
    if (atomic_load_explicit(&logger->is_full, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&logger->left_out, 1, memory_order_relaxed);
        return;
    }
    pthread_mutex_lock(&logger->lock);
    if (now >= logger->second_ends) {
        logger->second_ends = now + SECOND;
        logger->taken = 0;
    }
    if (logger->taken == LOGGER_LINES || logger->count == LOGGER_LINES) {
        atomic_fetch_add(&logger->left_out, 1);
        atomic_store(&logger->is_full, true);
    } else {
        report_log(logger->lines[(logger->first + logger->count++) % LOGGER_LINES], LINE_ROOM, packet);
        logger->taken++;
    }
    pthread_cond_signal(&logger->news);
    pthread_mutex_unlock(&logger->lock);
}

void logger_close(struct logger *logger)
{
    if (logger == NULL)
        return;
    pthread_mutex_lock(&logger->lock);
    logger->is_ending = true;
    pthread_cond_signal(&logger->news);
    pthread_mutex_unlock(&logger->lock);
    pthread_join(logger->thread, NULL);
    pthread_cond_destroy(&logger->news);
    pthread_mutex_destroy(&logger->lock);
    free(logger);
}
