#include "policy/doors.h"

#include <stdlib.h>

enum {
    PORT_BITS = 16,
    MOST_BITS = 11,      /* of the number of stretches: each has DOORS_LEAST ports or more */
    MOST_STRETCHES = 16, /* of a forward that is not a wide one */
};

struct doors {
    unsigned shift; /* from a port to its stretch */
    uint32_t stretches;
    uint32_t wide_count;
    uint32_t *first; /* of each stretch, where its list begins; and behind the last, where that ends */
    uint32_t *near, *wide;
};

static unsigned bits_for(size_t count)
{
    unsigned bits = 0;
    while (bits < MOST_BITS && (UINT32_C(1) << bits) < count)
        bits++;
    return bits;
}

static uint32_t stretch_of(const struct doors *doors, uint16_t port)
{
    return (uint32_t)port >> doors->shift;
}

static bool is_wide(const struct doors *doors, const struct policy_forward *f)
{
    return f->any_port || stretch_of(doors, f->ext.last) - stretch_of(doors, f->ext.first) >= MOST_STRETCHES;
}

/* The lists' lengths, each where the next list will begin. */
static size_t count_lists(struct doors *doors, const struct policy_forward *forwards, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_wide(doors, &forwards[i])) {
            doors->wide_count++;
            continue;
        }
        for (uint32_t s = stretch_of(doors, forwards[i].ext.first); s <= stretch_of(doors, forwards[i].ext.last); s++) {
            doors->first[s + 1]++;
            total++;
        }
    }
    for (uint32_t s = 0; s < doors->stretches; s++)
        doors->first[s + 1] += doors->first[s];
    return total;
}

/* Fill the lists from the last forward to the first: each list backwards, and its end becomes its beginning. */
static void fill_lists(struct doors *doors, const struct policy_forward *forwards, size_t count)
{
    uint32_t wide = doors->wide_count;
    for (uint32_t s = 0; s < doors->stretches; s++)
        doors->first[s] = doors->first[s + 1];
    for (size_t i = count; i-- > 0;) {
        if (is_wide(doors, &forwards[i])) {
            doors->wide[--wide] = (uint32_t)i;
            continue;
        }
        for (uint32_t s = stretch_of(doors, forwards[i].ext.first); s <= stretch_of(doors, forwards[i].ext.last); s++)
            doors->near[--doors->first[s]] = (uint32_t)i;
    }
}

struct doors *doors_new(const struct policy_forward *forwards, size_t count)
{
    struct doors *doors = calloc(1, sizeof *doors);
    if (doors == NULL)
        return NULL;
    unsigned bits = bits_for(count);
    doors->shift = PORT_BITS - bits;
    doors->stretches = UINT32_C(1) << bits;
    doors->first = calloc(doors->stretches + 1, sizeof *doors->first);
    if (doors->first == NULL) {
        doors_free(doors);
        return NULL;
    }
    size_t total = count_lists(doors, forwards, count);
    doors->near = calloc(total + 1, sizeof *doors->near);
    doors->wide = calloc(doors->wide_count + 1, sizeof *doors->wide);
    if (doors->near == NULL || doors->wide == NULL) {
        doors_free(doors);
        return NULL;
    }
    fill_lists(doors, forwards, count);
    return doors;
}

void doors_free(struct doors *doors)
{
    if (doors == NULL)
        return;
    free(doors->first);
    free(doors->near);
    free(doors->wide);
    free(doors);
}

size_t doors_size(const struct doors *doors)
{
    return sizeof *doors +
           (doors->stretches + doors->first[doors->stretches] + doors->wide_count + 3) * sizeof(uint32_t);
}

struct door_walk doors_walk(const struct doors *doors, uint16_t port)
{
    const uint32_t *first = &doors->first[stretch_of(doors, port)];
    return (struct door_walk){doors->near + first[0], doors->near + first[1], doors->wide,
                              doors->wide + doors->wide_count};
}
