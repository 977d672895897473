/* Running another program: arguments as they are, no shell; its input given, its output kept. */
#ifndef LIVE_COMMAND_H
#define LIVE_COMMAND_H

#include <stdio.h>

/* Run argv[0], found in PATH, with `input` as its standard input (NULL: none), and wait for its end. What it writes to
 * standard output and standard error is added to `output` (NULL: it is lost).
 * => 0; -ENOENT: no such program; -EIO: it failed, and has mostly said why; or another -errno: it did not run */
int command_run(const char *const *argv, const char *input, FILE *output);

#endif
