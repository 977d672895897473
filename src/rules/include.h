/* A rules file with all that it includes.
 *
 * The path of an `include` is relative to the folder of the file that it stands in; so it is shown too, joined, so that
 * it can be opened from where the program was started. With `*`, `?` or `[` in it, it stands for all files that fit, in
 * the order of their names; that none fits is worth a warning, not an error: a folder for additions may be empty.
 *
 * Each file is read once: one that includes itself, by whatever way round, is an error that names the way, and one that
 * was already included elsewhere is an error too, for it would define every name twice. So what is read is bounded by
 * what is there; depth and number are bounded besides, for folders that contain themselves.
 */
#ifndef RULES_INCLUDE_H
#define RULES_INCLUDE_H

#include "rules/tree.h"
#include "tidegate/rules.h"

#define INCLUDE_DEEPEST 16
#define INCLUDE_MOST    1000

/* Read and parse the file at `path` and what it includes into `tree`, whose `complaints` are set.
 * => false if the file could not be read (complained of) or memory ran out */
bool include_load(struct tree *tree, const struct tg_source *source, const char *path);

#endif
