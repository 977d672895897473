/* Rules files from the disk, and complaints on a terminal: what every verb that is given a rules file does first. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <stdio.h>

#include "probe/expect.h"
#include "tidegate/rules.h"

/* Files and globs as the system has them. A file of more than 64 MiB is refused (-EFBIG). */
extern const struct tg_source cli_disk_source;

/* Read a rules file and judge its expectations. Errors, warnings and what failed go to standard error.
 * => CLI_OK with *policy (free with tg_policy_free()); or, *policy being NULL and the reason said, CLI_BAD for a file
 * with errors, CLI_NO for one whose expectations fail, CLI_SYSTEM without memory */
int cli_load_rules(const char *path, struct tg_policy **policy);

/* The same from any source, with the complaints in a list; nothing is printed but that there was no memory. *expected
 * tells what became of the expectations, and a file in which some fail (CLI_NO) still gives its *policy, for looking
 * into: it must not be judged by. */
int cli_read_rules(const struct tg_source *source, const char *path, struct tg_complaints *complaints,
                   struct tg_policy **policy, struct probe_expected *expected);

/* Print all complaints, in colour if `out` is a terminal and NO_COLOR is not set. */
void cli_print_complaints(const struct tg_complaints *complaints, FILE *out);

#endif
