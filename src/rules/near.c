#include "rules/near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct near near_to(const char *word, size_t len)
{
    unsigned most = (unsigned)(len / 3);
    if (len >= 2 && most == 0)
        most = 1;
    if (len < 2 || len > NEAR_LONGEST)
        return (struct near){word, 0, NULL, 0};
    return (struct near){word, len, NULL, most + 1};
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Edits from a to b by optimal string alignment (Damerau 1964, no part edited twice). */
static unsigned distance(const char *a, size_t la, const char *b, size_t lb)
{
    unsigned rows[3][NEAR_LONGEST + 3];
    unsigned *two = rows[0], *one = rows[1], *now = rows[2];
    for (size_t j = 0; j <= lb; j++)
        one[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned changed = one[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = least(changed, least(one[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two[j - 2] + 1);
        }
        unsigned *oldest = two;
        two = one;
        one = now;
        now = oldest;
    }
    return one[lb];
}

void near_try(struct near *near, const char *candidate)
{
    size_t len = strlen(candidate);
    if (near->distance == 0 || len > NEAR_LONGEST)
        return;
    size_t apart = len > near->len ? len - near->len : near->len - len;
    if (apart >= near->distance)
        return;
    unsigned edits = distance(near->word, near->len, candidate, len);
    if (edits < near->distance && edits < len) {
        near->best = candidate;
        near->distance = edits;
    }
}

void near_try_all(struct near *near, const char *const *candidates)
{
    for (; *candidates != NULL; candidates++)
        near_try(near, *candidates);
}

const char *near_hint(const struct near *near, char buf[static NEAR_HINT])
{
    buf[0] = '\0';
    if (near->best != NULL)
        snprintf(buf, NEAR_HINT, "; did you mean '%s'?", near->best);
    return buf;
}
