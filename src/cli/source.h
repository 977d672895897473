/* Rules files from the disk, and complaints on a terminal: what every verb that is given a rules file does first. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <stdio.h>

#include "tidegate/rules.h"

/* Files and globs as the system has them. A file of more than 64 MiB is refused (-EFBIG). */
extern const struct tg_source cli_disk_source;

/* Read a rules file. Errors and warnings go to standard error.
 * => the policy (free with tg_policy_free()), or NULL: said why */
struct tg_policy *cli_load_rules(const char *path);

/* The same, with the complaints in a list; nothing is printed. */
struct tg_policy *cli_read_rules(const char *path, struct tg_complaints *complaints);

/* Print all complaints, in colour if `out` is a terminal and NO_COLOR is not set. */
void cli_print_complaints(const struct tg_complaints *complaints, FILE *out);

#endif
