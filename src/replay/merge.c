/* A k-way merge by a binary heap of the captures, the one with the earliest packet on top. */
#include <stdlib.h>

#include "replay/merge.h"

struct head {
    struct capture *capture;
    struct capture_packet packet; /* not yet given out, but for the top's while `taken` */
    enum capture_result result;
};

struct merge {
    struct head *heads; /* as many as captures, in their order */
    size_t *heap;       /* numbers of those that still have a packet */
    size_t left;        /* in `heap` */
    size_t count;
    bool taken; /* the top's packet was given out */
};

static bool is_before(const struct merge *merge, size_t a, size_t b)
{
    uint64_t time_a = merge->heads[a].packet.time, time_b = merge->heads[b].packet.time;
    return time_a < time_b || (time_a == time_b && a < b);
}

static void sift_down(struct merge *merge, size_t at)
{
    size_t moved = merge->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= merge->left)
            break;
        if (child + 1 < merge->left && is_before(merge, merge->heap[child + 1], merge->heap[child]))
            child++;
        if (!is_before(merge, merge->heap[child], moved))
            break;
        merge->heap[at] = merge->heap[child];
        at = child;
    }
    merge->heap[at] = moved;
}

static void advance(struct head *head)
{
    head->result = capture_next(head->capture, &head->packet);
}

struct merge *merge_new(struct capture *const *captures, size_t count)
{
    struct merge *merge = calloc(1, sizeof *merge);
    if (!merge)
        return NULL;
    merge->count = count;
    merge->heads = calloc(count + 1, sizeof *merge->heads);
    merge->heap = calloc(count + 1, sizeof *merge->heap);
    if (!merge->heads || !merge->heap) {
        merge_free(merge);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        merge->heads[i].capture = captures[i];
        advance(&merge->heads[i]);
        if (merge->heads[i].result == CAPTURE_PACKET)
            merge->heap[merge->left++] = i;
    }
    for (size_t at = merge->left / 2; at-- > 0;)
        sift_down(merge, at);
    return merge;
}

void merge_free(struct merge *merge)
{
    if (!merge)
        return;
    free(merge->heads);
    free(merge->heap);
    free(merge);
}

const struct capture_packet *merge_next(struct merge *merge, size_t *which)
{
    if (merge->taken) {
        struct head *top = &merge->heads[merge->heap[0]];
        advance(top);
        if (top->result != CAPTURE_PACKET)
            merge->heap[0] = merge->heap[--merge->left];
        if (merge->left > 0)
            sift_down(merge, 0);
    }
    merge->taken = merge->left > 0;
    if (!merge->taken)
        return NULL;
    *which = merge->heap[0];
    return &merge->heads[*which].packet;
}

enum capture_result merge_result(const struct merge *merge, size_t which)
{
    return merge->heads[which].result;
}
