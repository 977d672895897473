#include "pages/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    LINE = 64,
    MAPPED = 1 << 16, /* bytes from which on memory is mapped, */
    HUGE = 1 << 21,   /* and from which on in huge pages: as large as most machines have them */
};

#ifndef __has_feature /* clang has */
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { IS_WATCHED = true };
#else
enum { IS_WATCHED = false };
#endif

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static void *from_heap(size_t bytes)
{
    void *memory = aligned_alloc(LINE, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Aligned to huge pages: of a larger mapping what stands over at either end is given back. */
static void *map_huge(size_t bytes)
{
    char *memory = map(bytes + HUGE);
    if (memory == NULL)
        return NULL;
    size_t before = round_up((uintptr_t)memory, HUGE) - (uintptr_t)memory;
    if (before != 0)
        munmap(memory, before);
    munmap(memory + before + bytes, HUGE - before);
    madvise(memory + before, bytes, MADV_HUGEPAGE);
    return memory + before;
}

static bool is_mapped(size_t bytes)
{
    return bytes >= MAPPED && !IS_WATCHED;
}

size_t pages_size(size_t count, size_t size)
{
    size_t bytes = count * size;
    return round_up(bytes, !is_mapped(bytes) ? LINE : bytes < HUGE ? MAPPED : HUGE);
}

void *pages_new(size_t count, size_t size)
{
    if (count > (SIZE_MAX - 2 * (size_t)HUGE) / size)
        return NULL;
    size_t bytes = pages_size(count, size);
    if (!is_mapped(count * size))
        return from_heap(bytes);
    return bytes < HUGE ? map(bytes) : map_huge(bytes);
}

void pages_free(void *pages, size_t count, size_t size)
{
    if (pages == NULL)
        return;
    if (is_mapped(count * size))
        munmap(pages, pages_size(count, size));
    else
        free(pages);
}
