/* The rules language: text in, a policy or complaints out.
 *
 * Reading is in two steps, both in one call: the text is parsed to a tree of statements with their places, and the tree
 * is compiled to a policy. Every complaint that can be found is found in one run, in the order of the text.
 */
#ifndef TIDEGATE_RULES_H
#define TIDEGATE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tidegate/addr.h"
#include "tidegate/network.h"
#include "tidegate/policy.h"

enum tg_severity { TG_ERROR, TG_WARNING };

/* One complaint. Strings belong to the list. */
struct tg_complaint {
    enum tg_severity severity;
    const char *file;
    uint32_t line, column; /* from 1; column counts characters, not bytes; line 0: about the file as a whole */
    uint32_t width;        /* characters that the mark covers, at least 1 */
    const char *source;    /* the line as it stands in the file, without its end */
    const char *mark;      /* in `source`: where the mark begins */
    const char *message;   /* what is wrong, what was expected, the near name where there is one */
};

struct tg_complaints; /* a growing list */

struct tg_complaints *tg_complaints_new(void);
void tg_complaints_free(struct tg_complaints *complaints);
size_t tg_complaints_count(const struct tg_complaints *complaints, enum tg_severity severity);
/* => the i-th, errors and warnings together, or NULL past the last */
const struct tg_complaint *tg_complaints_get(const struct tg_complaints *complaints, size_t i);

/* Write a complaint as people read it, each line with its newline: FILE:LINE:COLUMN, what is wrong, the source line and
 * the mark under it; with terminal colours if `colour`. Nothing but text reaches the terminal, whatever the file holds.
 * => bytes that the whole takes, without the closing 0, as snprintf() says it: more than `room` - 1 if it was cut */
size_t tg_complaint_format(const struct tg_complaint *complaint, bool colour, char *buf, size_t room);

/* Where files come from: a driver reads the disk, a test or a fuzzer has them in memory.
 * => 0 with *text (freed with free() by the caller) and *len, or -errno */
typedef int tg_read_file(void *context, const char *path, char **text, size_t *len);
/* The paths that a glob pattern of an `include` stands for, sorted; *paths and each of them are freed with free().
 * => 0, or -errno; -ENOENT if none */
typedef int tg_expand_glob(void *context, const char *pattern, char ***paths, size_t *count);

struct tg_source {
    tg_read_file *read;
    tg_expand_glob *expand; /* NULL: a glob is an error */
    void *context;
};

/* Read the rules file at `path`, and all that it includes.
 * => a sealed policy; or NULL: the list then has at least one error, or errno is ENOMEM */
struct tg_policy *tg_rules_load(const struct tg_source *source, const char *path, struct tg_complaints *complaints);

/* A packet written as in an `expect`, the PACKET of `explain`:
 *   [PROTO] from [ZONE] [ADDRESS] [port PORT] to [ZONE] [ADDRESS] [port PORT]
 * ICMP has a type as rules write it. Names of hosts are known. What is not said stays unset. */
struct tg_probe {
    uint8_t family;               /* 0: none said, either would do */
    uint8_t proto;                /* 0: none said */
    uint8_t icmp_type, icmp_code; /* for icmp and icmp6; echo-request if none is said */
    uint8_t zone_in, zone_out;    /* TG_ZONE_NONE: none said. `to router` gives TG_ZONE_ROUTER */
    bool has_src, has_dst, has_sport, has_dport, has_minute;
    struct tg_addr src, dst;
    uint16_t sport, dport;
    uint16_t minute; /* of the week, from Monday 00:00, local time */
};

/* Read a probe.
 * => 0; or -EINVAL: the list then says why, its file being "packet" and its line 1; or -ENOMEM */
int tg_probe_parse(const struct tg_policy *policy, const char *text, struct tg_probe *probe,
                   struct tg_complaints *complaints);

#endif
