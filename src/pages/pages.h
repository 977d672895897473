/* Memory of large tables: zeroed, aligned to cache lines, and mapped in whole pages that nothing takes up before it is
 * written to.
 *
 * What reaches into a large table at random waits longer for the translation of the address than for the line itself.
 * So where a table is as large as a huge page it is aligned to such pages, and the kernel is asked for them
 * (madvise(2), MADV_HUGEPAGE); where it has none, nothing but speed is lost. Small tables come from the heap, and so
 * do all where a sanitizer watches it.
 */
#ifndef PAGES_PAGES_H
#define PAGES_PAGES_H

#include <stddef.h>

/* Room for `count` items of `size` bytes, all zero; both more than 0.
 * => the memory, to be given back with the same numbers; or NULL without memory */
void *pages_new(size_t count, size_t size);
void pages_free(void *pages, size_t count, size_t size);

/* The bytes that they take: whole pages, if they are mapped. */
size_t pages_size(size_t count, size_t size);

#endif
