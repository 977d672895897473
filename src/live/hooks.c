/* Finding a way to put hooks in, and keeping to it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live/hooks.h"

/* In the order of preference. Plain `iptables` is one of the two before it where those names exist. */
static const struct hooks_way *const ways[] = {&hooks_nft, &hooks_iptables_nft, &hooks_iptables_legacy,
                                               &hooks_iptables};
enum {
    WAYS = sizeof ways / sizeof *ways,
    LINES_TOLD = 3, /* of what a program says: it goes on for each rule */
};

static bool has_ipv6(void)
{
    return access("/proc/self/net/if_inet6", F_OK) == 0;
}

/* Something that a way is asked to do, and where what it says is kept meanwhile. */
struct attempt {
    char *text;
    size_t len;
    FILE *said; /* NULL without memory */
};

static void begin_attempt(struct attempt *attempt)
{
    *attempt = (struct attempt){.text = NULL};
    attempt->said = open_memstream(&attempt->text, &attempt->len);
}

/* If it failed, write the beginning of what was said, or where that was nothing, what the system says; each line
 * indented.
 * => error */
static int end_attempt(struct attempt *attempt, const struct hooks_way *way, int error, FILE *complaints)
{
    if (attempt->said != NULL)
        fclose(attempt->said);
    char *text = attempt->text;
    if (error != 0 && (text == NULL || *text == '\0'))
        fprintf(complaints, "tidegate: %s: %s\n", way->name, error == -ENOENT ? "not installed" : strerror(-error));
    else if (error != 0)
        for (int lines = 0; lines < LINES_TOLD && (text = strtok(lines == 0 ? text : NULL, "\n")) != NULL; lines++)
            fprintf(complaints, "tidegate: %s: %s\n", way->name, text);
    free(attempt->text);
    return error;
}

const struct hooks_way *hooks_find(const struct hooks_plan *plan, FILE *complaints)
{
    char *reasons = NULL;
    size_t len;
    FILE *collected = open_memstream(&reasons, &len);
    const struct hooks_way *found = NULL;
    for (size_t i = 0; i < WAYS && found == NULL; i++) {
        struct attempt attempt;
        begin_attempt(&attempt);
        int error = ways[i]->try(ways[i], plan, has_ipv6(), attempt.said);
        if (end_attempt(&attempt, ways[i], error, collected == NULL ? complaints : collected) == 0)
            found = ways[i];
    }
    if (collected != NULL)
        fclose(collected);
    if (found == NULL && reasons != NULL)
        fputs(reasons, complaints);
    free(reasons);
    return found;
}

int hooks_install(const struct hooks_way *way, const struct hooks_plan *plan, FILE *complaints)
{
    struct attempt attempt;
    begin_attempt(&attempt);
    int error = way->install(way, plan, has_ipv6(), attempt.said);
    if (end_attempt(&attempt, way, error, complaints) != 0) {
        (void)way->remove(way, has_ipv6(), NULL);
        return error;
    }
    for (size_t i = 0; i < WAYS; i++)
        if (ways[i] != way && ways[i] != &hooks_iptables && way != &hooks_iptables)
            (void)ways[i]->remove(ways[i], has_ipv6(), NULL); /* mostly not even installed */
    return 0;
}

int hooks_remove(const struct hooks_way *way, FILE *complaints)
{
    struct attempt attempt;
    begin_attempt(&attempt);
    return end_attempt(&attempt, way, way->remove(way, has_ipv6(), attempt.said), complaints);
}
