/* Any boxes and any point: the classifier, in each form, against going through them one after the other.
 *
 * The input is taken as a stream of small numbers. First boxes, of which each field is all, a value, a prefix, a range
 * or several; then, of what is left, points, most of them at an end of some range. Boxes can be repeated, so that a
 * short input makes more of them than a block takes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classify/build.h"

enum { BOXES = 600, POINTS = 200 };

static void must(int condition, const char *what, int line)
{
    if (!condition) {
        fprintf(stderr, "line %d: not so: %s\n", line, what);
        abort();
    }
}
#define MUST(condition) must((condition), #condition, __LINE__)

struct input {
    const uint8_t *bytes;
    size_t left;
};

static uint8_t take(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->bytes++;
}

static struct classify_box boxes[BOXES];
static struct classify_range ranges[BOXES][CLASSIFY_FIELDS][CLASSIFY_RANGES];
static uint32_t count;
static uint16_t values[CLASSIFY_SMALL];

static uint32_t end_of(unsigned field)
{
    return field < CLASSIFY_NUMBERS ? classify_last((enum classify_field)field) : values[field - CLASSIFY_NUMBERS] - 1u;
}

/* A value of a field, of which a byte decides those bits that are the most telling. */
static uint32_t take_value(struct input *in, unsigned field)
{
    uint32_t last = end_of(field), byte = take(in);
    if (field >= CLASSIFY_NUMBERS)
        return byte % (last + 1);
    unsigned shift = take(in) % (last > UINT16_MAX ? 32 : 16);
    return (byte << shift | byte >> 4) & last;
}

static void take_field(struct input *in, uint32_t box, unsigned field)
{
    struct classify_range *range = ranges[box][field];
    uint32_t last = end_of(field), how = take(in), first = 0, end = last;
    boxes[box].ranges[field] = range;
    boxes[box].counts[field] = 1;
    if (how % 4 != 0) {
        first = end = take_value(in, field);
        if (how % 4 == 2 && field < CLASSIFY_NUMBERS) {
            uint32_t below = last >> (how / 4 % (last > UINT16_MAX ? 33u : 17u)) % 32;
            first &= ~below;
            end = first | below;
        } else if (how % 4 == 3) {
            end = take_value(in, field);
        }
    }
    range[0] = (struct classify_range){first < end ? first : end, first < end ? end : first};
    for (unsigned more = how == 7 && field < CLASSIFY_NUMBERS ? take(in) % CLASSIFY_RANGES : 0; more > 0; more--) {
        uint64_t next = range[boxes[box].counts[field] - 1].last + UINT64_C(2) + take(in), behind = next + take(in) % 4;
        if (behind > last)
            break;
        range[boxes[box].counts[field]++] = (struct classify_range){(uint32_t)next, (uint32_t)behind};
    }
}

/* One box; or a few that are there, once more and moved on. */
static void take_boxes(struct input *in)
{
    uint8_t how = take(in);
    uint32_t copies = how >= 0xf0 && count > 0 ? 1 + take(in) : 0, from = copies != 0 ? take(in) % count : 0;
    for (uint32_t i = 0; i < copies && count < BOXES; i++) {
        boxes[count] = boxes[from];
        boxes[count].id = count;
        for (unsigned field = 0; field < CLASSIFY_FIELDS; field++) {
            struct classify_range *range = ranges[count][field];
            memcpy(range, ranges[from][field], sizeof ranges[from][field]);
            boxes[count].ranges[field] = range;
            if (how >> (field % 4) & 1 && boxes[count].counts[field] == 1 && range->last + i <= end_of(field) &&
                range->last + i >= range->last)
                *range = (struct classify_range){range->first + i, range->last + i};
        }
        count++;
    }
    if (copies == 0 && count < BOXES) {
        boxes[count] = (struct classify_box){.id = count, .is_final = how & 1};
        for (unsigned field = 0; field < CLASSIFY_FIELDS; field++)
            take_field(in, count, field);
        count++;
    }
}

static bool is_in(const struct classify_box *box, const uint32_t *point)
{
    for (unsigned field = 0; field < CLASSIFY_FIELDS; field++) {
        unsigned i = 0;
        while (i < box->counts[field] &&
               (point[field] < box->ranges[field][i].first || point[field] > box->ranges[field][i].last))
            i++;
        if (i == box->counts[field])
            return false;
    }
    return true;
}

static void check_point(const struct classifier *c, const uint32_t *point)
{
    struct classify_walk walk;
    uint32_t first = CLASSIFY_NONE, i = 0;
    classifier_walk(c, point, &walk);
    for (; i < count; i++) {
        if (!is_in(&boxes[i], point))
            continue;
        first = first == CLASSIFY_NONE ? i : first;
        MUST(classify_next(&walk) == i);
        if (boxes[i].is_final)
            break;
    }
    if (i == count)
        MUST(classify_next(&walk) == CLASSIFY_NONE);
    MUST(classifier_first(c, point) == first);
}

static struct classifier *build(enum form form, size_t all)
{
    struct classifier *c = classifier_build(boxes, count, values, form);
    MUST(c != NULL);
    struct classify_shape shape = classifier_shape(c);
    MUST(shape.bytes <= CLASSIFY_BYTES(all, values[0] + values[1] + values[2]));
    MUST(shape.work <= CLASSIFY_WORK(all));
    return c;
}

static void take_point(struct input *in, uint32_t *point)
{
    uint32_t box = count == 0 ? 0 : (take(in) * 256u + take(in)) % count;
    for (unsigned field = 0; field < CLASSIFY_FIELDS; field++) {
        uint8_t how = take(in);
        uint32_t last = end_of(field);
        if (count == 0 || how % 8 == 0) {
            point[field] = take_value(in, field);
            continue;
        }
        const struct classify_range *range = &ranges[box][field][how / 8 % boxes[box].counts[field]];
        point[field] = (how & 1 ? range->first : range->last) + (how >> 1 & 3) - 1;
        if (point[field] > last)
            point[field] = last;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct input in = {bytes, len};
    size_t all = 0;
    uint32_t wanted = take(&in) * 2u;
    count = 0;
    for (unsigned i = 0; i < CLASSIFY_SMALL; i++)
        values[i] = (uint16_t)(1 + take(&in) % 9);
    for (uint32_t i = 0; i < wanted && in.left > 0; i++)
        take_boxes(&in);
    for (uint32_t i = 0; i < count; i++)
        for (unsigned field = 0; field < CLASSIFY_NUMBERS; field++)
            all += boxes[i].counts[field];
    struct classifier *forms[] = {build(FORM_BEST, all), build(FORM_TREES, all)};
    for (unsigned i = 0; i < POINTS && in.left > 0; i++) {
        uint32_t point[CLASSIFY_FIELDS];
        take_point(&in, point);
        check_point(forms[0], point);
        check_point(forms[1], point);
    }
    classifier_free(forms[0]);
    classifier_free(forms[1]);
    return 0;
}
