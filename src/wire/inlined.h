/* INLINED: a function that is written out wherever it is called, so that what is known there falls away from the copy.
 * Where size counts more than speed (-Os) it is a function like any other.
 *
 * APART: one that never is, so that the way of most, from where it is called, makes no room for what it needs. */
#ifndef WIRE_INLINED_H
#define WIRE_INLINED_H

#if defined __GNUC__ && !defined __OPTIMIZE_SIZE__
#define INLINED static inline __attribute__((always_inline))
#else
#define INLINED static inline
#endif

#if defined __GNUC__
#define APART static __attribute__((noinline))
#else
#define APART static
#endif

#endif
