#include "cli/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define LONGEST (64U << 20)

/* Read all of a descriptor: it need not be a regular file, so its length is known only at its end. */
static int read_all(int fd, char **text, size_t *len)
{
    size_t room = 16384, have = 0;
    char *bytes = malloc(room);
    while (bytes != NULL) {
        ssize_t n = read(fd, bytes + have, room - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || have + (size_t)n > LONGEST) {
            int error = n < 0 ? -errno : n > 0 ? -EFBIG : 0;
            if (error != 0)
                free(bytes);
            *text = bytes;
            *len = have;
            return error;
        }
        have += (size_t)n;
        if (have == room) {
            char *more = realloc(bytes, room *= 2);
            if (more == NULL)
                free(bytes);
            bytes = more;
        }
    }
    return -ENOMEM;
}

static int disk_read(void *context, const char *path, char **text, size_t *len)
{
    (void)context;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int error = read_all(fd, text, len);
    close(fd);
    return error;
}

/* A folder that is not there has no files; one that cannot be read may have some, and that must be known. */
static int glob_failed(const char *path, int error)
{
    (void)path;
    return error != ENOENT && error != ENOTDIR;
}

static int disk_expand(void *context, const char *pattern, char ***paths, size_t *count)
{
    (void)context;
    glob_t found = {0};
    int result = glob(pattern, 0, glob_failed, &found);
    int error = result == 0 ? 0 : result == GLOB_NOMATCH ? -ENOENT : result == GLOB_NOSPACE ? -ENOMEM : -EIO;
    char **copies = error == 0 ? calloc(found.gl_pathc, sizeof *copies) : NULL;
    *count = 0;
    *paths = copies;
    if (error == 0 && copies == NULL)
        error = -ENOMEM;
    for (size_t i = 0; error == 0 && i < found.gl_pathc; i++) {
        copies[i] = strdup(found.gl_pathv[i]);
        error = copies[i] == NULL ? -ENOMEM : 0;
        *count += error == 0;
    }
    globfree(&found);
    if (error != 0) {
        for (size_t i = 0; i < *count; i++)
            free(copies[i]);
        free(copies);
    }
    return error;
}

const struct tg_source cli_disk_source = {.read = disk_read, .expand = disk_expand};

static bool in_colour(FILE *out)
{
    const char *no = getenv("NO_COLOR");
    return (no == NULL || *no == '\0') && isatty(fileno(out));
}

void cli_print_complaints(const struct tg_complaints *complaints, FILE *out)
{
    const struct tg_complaint *complaint;
    bool colour = in_colour(out);
    char buf[4096];
    for (size_t i = 0; (complaint = tg_complaints_get(complaints, i)) != NULL; i++) {
        tg_complaint_format(complaint, colour, buf, sizeof buf);
        fputs(buf, out);
    }
}

int cli_read_rules(const struct tg_source *source, const char *path, struct tg_complaints *complaints,
                   struct tg_policy **policy, struct probe_expected *expected)
{
    *expected = (struct probe_expected){0};
    errno = 0;
    *policy = tg_rules_load(source, path, complaints);
    int error = -errno;
    if (*policy == NULL && tg_complaints_count(complaints, TG_ERROR) > 0)
        return CLI_BAD;
    if (*policy != NULL)
        error = probe_expect(*policy, complaints, expected);
    if (*policy != NULL && error == 0)
        return expected->failed == 0 ? CLI_OK : CLI_NO;
    tg_policy_free(*policy);
    *policy = NULL;
    cli_complain("%s: %s", path, strerror(-error));
    return CLI_SYSTEM;
}

int cli_load_rules(const char *path, struct tg_policy **policy)
{
    struct probe_expected expected;
    struct tg_complaints *complaints = tg_complaints_new();
    *policy = NULL;
    if (complaints == NULL) {
        cli_complain("%s", strerror(ENOMEM));
        return CLI_SYSTEM;
    }
    int status = cli_read_rules(&cli_disk_source, path, complaints, policy, &expected);
    cli_print_complaints(complaints, stderr);
    tg_complaints_free(complaints);
    if (status != CLI_OK) {
        tg_policy_free(*policy);
        *policy = NULL;
    }
    return status;
}
