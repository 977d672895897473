/* The store: nodes found by what they are, and the operations that make new ones of them. */
#include "analysis/diagram.h"

#include <stdlib.h>
#include <string.h>

struct edge {
    uint32_t last; /* from behind the edge before, up to here */
    uint32_t to;
};

struct node {
    uint32_t edge, count; /* in `edges` */
    uint32_t next;        /* in its bucket, or NONE */
    uint32_t seen;        /* the last walk that came by */
    uint32_t hash;
    uint32_t low, high; /* the leaves below it, but for leaf 0, have numbers from here to there */
    uint8_t field;
};

/* What an operation made of two nodes. */
struct memo {
    uint32_t a, b, result;
    uint32_t walk; /* the operation's; others are as good as empty */
};

#define NONE UINT32_MAX

struct diagram {
    uint32_t sizes[DIAGRAM_FIELDS];
    unsigned fields;
    uint32_t room;
    bool failed;
    struct node *nodes;
    uint32_t node_count, node_room;
    struct edge *edges;
    uint32_t edge_count, edge_room;
    struct edge *scratch; /* edges of the nodes that are being made, the innermost last */
    uint32_t scratch_count, scratch_room;
    uint32_t *buckets;
    uint32_t bucket_count; /* a power of two */
    struct memo *memos;
    uint32_t memo_count, memo_room; /* a power of two */
    uint32_t walk;
};

enum { FIRST_BUCKETS = 1024, FIRST_MEMOS = 1024 };

struct diagram *diagram_new(const uint32_t *sizes, unsigned fields, uint32_t room)
{
    struct diagram *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    memcpy(d->sizes, sizes, fields * sizeof *sizes);
    d->fields = fields;
    d->room = room;
    d->bucket_count = FIRST_BUCKETS;
    d->buckets = malloc(FIRST_BUCKETS * sizeof *d->buckets);
    d->memo_room = FIRST_MEMOS;
    d->memos = calloc(FIRST_MEMOS, sizeof *d->memos);
    if (d->buckets == NULL || d->memos == NULL) {
        diagram_free(d);
        return NULL;
    }
    memset(d->buckets, 0xff, FIRST_BUCKETS * sizeof *d->buckets);
    return d;
}

void diagram_free(struct diagram *d)
{
    if (d == NULL)
        return;
    free(d->nodes);
    free(d->edges);
    free(d->scratch);
    free(d->buckets);
    free(d->memos);
    free(d);
}

bool diagram_failed(const struct diagram *d)
{
    return d->failed;
}

uint32_t diagram_size(const struct diagram *d)
{
    return d->edge_count;
}

/* Room for `more` items behind the first `count`.
 * => false: the store has failed */
static bool reserve(struct diagram *d, void **items, uint32_t count, uint32_t more, uint32_t *room, size_t size)
{
    if (more <= *room - count)
        return true;
    uint64_t wanted = *room == 0 ? 1024 : (uint64_t)*room * 2;
    while (wanted < (uint64_t)count + more)
        wanted *= 2;
    void *moved = wanted < DIAGRAM_LEAF ? realloc(*items, wanted * size) : NULL;
    if (moved == NULL) {
        d->failed = true;
        return false;
    }
    *items = moved;
    *room = (uint32_t)wanted;
    return true;
}

static void push(struct diagram *d, uint32_t last, uint32_t to, uint32_t base)
{
    if (d->scratch_count > base && d->scratch[d->scratch_count - 1].to == to) {
        d->scratch[d->scratch_count - 1].last = last;
        return;
    }
    if (reserve(d, (void **)&d->scratch, d->scratch_count, 1, &d->scratch_room, sizeof *d->scratch))
        d->scratch[d->scratch_count++] = (struct edge){last, to};
}

static uint32_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(x >> 32);
}

static uint32_t hash_node(unsigned field, const struct edge *edges, uint32_t count)
{
    uint32_t hash = mix((uint64_t)field << 32 | count);
    for (uint32_t i = 0; i < count; i++)
        hash = mix(((uint64_t)(hash ^ edges[i].last) << 32 | edges[i].to) + hash);
    return hash;
}

static void rehash(struct diagram *d)
{
    uint32_t wanted = d->bucket_count * 2;
    uint32_t *buckets = malloc(wanted * sizeof *buckets);
    if (buckets == NULL)
        return; /* slower, but right */
    memset(buckets, 0xff, wanted * sizeof *buckets);
    for (uint32_t i = 0; i < d->node_count; i++) {
        uint32_t *bucket = &buckets[d->nodes[i].hash & (wanted - 1)];
        d->nodes[i].next = *bucket;
        *bucket = i;
    }
    free(d->buckets);
    d->buckets = buckets;
    d->bucket_count = wanted;
}

static void note_leaves(const struct diagram *d, struct node *node)
{
    node->low = UINT32_MAX;
    for (uint32_t i = 0; i < node->count; i++) {
        uint32_t to = d->edges[node->edge + i].to;
        uint32_t low = diagram_is_leaf(to) ? diagram_number(to) : d->nodes[to].low;
        uint32_t high = diagram_is_leaf(to) ? diagram_number(to) : d->nodes[to].high;
        if (to == diagram_leaf(0))
            continue;
        node->low = low < node->low ? low : node->low;
        node->high = high > node->high ? high : node->high;
    }
}

static uint32_t add_node(struct diagram *d, unsigned field, const struct edge *edges, uint32_t count, uint32_t hash)
{
    if (count > d->room - d->edge_count)
        d->failed = true;
    if (d->failed || !reserve(d, (void **)&d->nodes, d->node_count, 1, &d->node_room, sizeof *d->nodes) ||
        !reserve(d, (void **)&d->edges, d->edge_count, count, &d->edge_room, sizeof *d->edges))
        return diagram_leaf(0);
    if (d->node_count >= d->bucket_count)
        rehash(d);
    uint32_t *bucket = &d->buckets[hash & (d->bucket_count - 1)];
    d->nodes[d->node_count] =
        (struct node){.edge = d->edge_count, .count = count, .next = *bucket, .hash = hash, .field = (uint8_t)field};
    memcpy(d->edges + d->edge_count, edges, count * sizeof *edges);
    note_leaves(d, &d->nodes[d->node_count]);
    d->edge_count += count;
    *bucket = d->node_count;
    return d->node_count++;
}

/* The node of the edges on the scratch from `base` on, which are taken off it. */
static uint32_t make(struct diagram *d, unsigned field, uint32_t base)
{
    if (d->failed)
        return diagram_leaf(0);
    const struct edge *edges = d->scratch + base;
    uint32_t count = d->scratch_count - base;
    d->scratch_count = base;
    if (count == 1)
        return edges[0].to;
    uint32_t hash = hash_node(field, edges, count);
    for (uint32_t i = d->buckets[hash & (d->bucket_count - 1)]; i != NONE; i = d->nodes[i].next) {
        const struct node *node = &d->nodes[i];
        if (node->hash == hash && node->field == field && node->count == count &&
            memcmp(d->edges + node->edge, edges, count * sizeof *edges) == 0)
            return i;
    }
    return add_node(d, field, edges, count, hash);
}

uint32_t diagram_region(struct diagram *d, const struct region *region, uint32_t inside, uint32_t outside)
{
    uint32_t node = inside;
    for (unsigned field = d->fields; field-- > 0 && !d->failed;) {
        const struct spans *spans = &region->in[field];
        if (spans->items == NULL)
            continue;
        uint32_t base = d->scratch_count, end = 0; /* behind the last span */
        for (uint32_t i = 0; i < spans->count; i++) {
            if (spans->items[i].first > end)
                push(d, spans->items[i].first - 1, outside, base);
            push(d, spans->items[i].last, node, base);
            end = spans->items[i].last + 1;
        }
        if (end < d->sizes[field])
            push(d, d->sizes[field] - 1, outside, base);
        node = make(d, field, base);
    }
    return node;
}

/* What has been made in this walk. */

static uint32_t begin_walk(struct diagram *d)
{
    d->memo_count = 0;
    return ++d->walk;
}

static struct memo *memo_at(const struct diagram *d, struct memo *memos, uint32_t room, uint32_t a, uint32_t b)
{
    uint32_t at = mix((uint64_t)a << 32 | b) & (room - 1);
    while (memos[at].walk == d->walk && (memos[at].a != a || memos[at].b != b))
        at = (at + 1) & (room - 1);
    return &memos[at];
}

static void remember(struct diagram *d, uint32_t a, uint32_t b, uint32_t result)
{
    if (d->memo_count >= d->memo_room / 2) {
        uint32_t room = d->memo_room * 2;
        struct memo *memos = calloc(room, sizeof *memos);
        if (memos == NULL) {
            d->failed = true;
            return;
        }
        for (uint32_t i = 0; i < d->memo_room; i++)
            if (d->memos[i].walk == d->walk)
                *memo_at(d, memos, room, d->memos[i].a, d->memos[i].b) = d->memos[i];
        free(d->memos);
        d->memos = memos;
        d->memo_room = room;
    }
    *memo_at(d, d->memos, d->memo_room, a, b) = (struct memo){a, b, result, d->walk};
    d->memo_count++;
}

static bool recall(const struct diagram *d, uint32_t a, uint32_t b, uint32_t *result)
{
    const struct memo *memo = memo_at(d, d->memos, d->memo_room, a, b);
    *result = memo->result;
    return memo->walk == d->walk;
}

static unsigned field_of(const struct diagram *d, uint32_t node)
{
    return diagram_is_leaf(node) ? d->fields : d->nodes[node].field;
}

/* The i-th edge of a node; one that does not ask for `field` has a single edge, to itself. */
static struct edge edge_at(const struct diagram *d, uint32_t node, unsigned field, uint32_t i)
{
    if (field_of(d, node) != field)
        return (struct edge){d->sizes[field] - 1, node};
    return d->edges[d->nodes[node].edge + i];
}

static uint32_t apply(struct diagram *d, diagram_op *op, void *context, uint32_t a, uint32_t b)
{
    uint32_t result = op(context, a, b);
    if (result != DIAGRAM_DESCEND || d->failed || recall(d, a, b, &result))
        return result;
    unsigned field = field_of(d, a) < field_of(d, b) ? field_of(d, a) : field_of(d, b);
    uint32_t base = d->scratch_count, i = 0, j = 0;
    for (uint32_t last = 0; !d->failed;) {
        struct edge x = edge_at(d, a, field, i), y = edge_at(d, b, field, j);
        last = x.last < y.last ? x.last : y.last;
        push(d, last, apply(d, op, context, x.to, y.to), base);
        i += x.last == last;
        j += y.last == last;
        if (last == d->sizes[field] - 1)
            break;
    }
    result = make(d, field, base);
    remember(d, a, b, result);
    return result;
}

uint32_t diagram_apply(struct diagram *d, diagram_op *op, void *context, uint32_t a, uint32_t b)
{
    begin_walk(d);
    return apply(d, op, context, a, b);
}

/* One diagram made anew: leaves by `map`, the field `fixed` as at one value or moved along. */
struct change {
    diagram_leaf_fn *map; /* or NULL */
    void *context;
    unsigned field; /* or `fields`: none */
    struct span span;
    uint32_t to;
    bool is_fixed;
};

static uint32_t change(struct diagram *d, const struct change *c, uint32_t node);

/* Edges of a field that is moved: those that `to` and what follows falls into, moved back to the span. */
static uint32_t change_moved(struct diagram *d, const struct change *c, uint32_t node)
{
    uint32_t base = d->scratch_count, last = 0, to_last = c->to + (c->span.last - c->span.first);
    uint32_t count = d->nodes[node].count, start = d->nodes[node].edge;
    for (uint32_t i = 0; i < count && !d->failed; i++) {
        struct edge edge = d->edges[start + i];
        if (edge.last < c->to)
            continue;
        uint32_t end = edge.last < to_last ? edge.last : to_last;
        last = c->span.first + (end - c->to);
        push(d, end == to_last ? d->sizes[c->field] - 1 : last, edge.to, base);
        if (end == to_last)
            break;
    }
    return make(d, c->field, base);
}

static uint32_t change(struct diagram *d, const struct change *c, uint32_t node)
{
    uint32_t result = node;
    if (diagram_is_leaf(node))
        return c->map != NULL ? c->map(c->context, node) : node;
    unsigned field = d->nodes[node].field;
    if (field > c->field && c->field != d->fields)
        return node; /* nothing to change below */
    if (d->failed || recall(d, node, node, &result))
        return result;
    uint32_t count = d->nodes[node].count, start = d->nodes[node].edge;
    if (field == c->field && c->is_fixed) {
        uint32_t i = 0;
        while (d->edges[start + i].last < c->to)
            i++;
        return d->edges[start + i].to;
    }
    if (field == c->field) {
        result = change_moved(d, c, node);
    } else {
        uint32_t base = d->scratch_count;
        for (uint32_t i = 0; i < count && !d->failed; i++) {
            struct edge edge = d->edges[start + i];
            push(d, edge.last, change(d, c, edge.to), base);
        }
        result = make(d, field, base);
    }
    remember(d, node, node, result);
    return result;
}

uint32_t diagram_map(struct diagram *d, diagram_leaf_fn *map, void *context, uint32_t node)
{
    begin_walk(d);
    return change(d, &(struct change){.map = map, .context = context, .field = d->fields}, node);
}

static uint32_t only(struct diagram *d, uint32_t node, struct span leaves)
{
    uint32_t result, number = diagram_number(node);
    if (diagram_is_leaf(node))
        return number >= leaves.first && number <= leaves.last ? node : diagram_leaf(0);
    const struct node *n = &d->nodes[node];
    if (d->failed || leaves.last < n->low || leaves.first > n->high)
        return diagram_leaf(0);
    if (leaves.first <= n->low && n->high <= leaves.last)
        return node;
    if (recall(d, node, node, &result))
        return result;
    unsigned field = n->field;
    uint32_t count = n->count, start = n->edge, base = d->scratch_count;
    for (uint32_t i = 0; i < count && !d->failed; i++) {
        struct edge edge = d->edges[start + i];
        push(d, edge.last, only(d, edge.to, leaves), base);
    }
    result = make(d, field, base);
    remember(d, node, node, result);
    return result;
}

uint32_t diagram_only(struct diagram *d, uint32_t node, struct span leaves)
{
    begin_walk(d);
    return only(d, node, leaves);
}

uint32_t diagram_fix(struct diagram *d, uint32_t node, unsigned field, uint32_t value)
{
    begin_walk(d);
    return change(d, &(struct change){.field = field, .to = value, .is_fixed = true}, node);
}

uint32_t diagram_shift(struct diagram *d, uint32_t node, unsigned field, struct span span, uint32_t to)
{
    begin_walk(d);
    return change(d, &(struct change){.field = field, .span = span, .to = to}, node);
}

/* Walks. */

/* => true with the first value of the spans in first … last */
static bool meets(const struct spans *spans, uint32_t first, uint32_t last, uint32_t *value)
{
    *value = first;
    if (spans->items == NULL)
        return true;
    uint32_t low = 0, high = spans->count; /* the first span that does not end before `first` */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (spans->items[middle].last < first)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == spans->count || spans->items[low].first > last)
        return false;
    if (spans->items[low].first > first)
        *value = spans->items[low].first;
    return true;
}

/* What a walk looks for: all leaves, or one and the way to it. */
struct search {
    const struct region *region;
    diagram_visit_fn *visit; /* or NULL: look for `leaf` */
    void *context;
    uint32_t leaf;
    uint32_t *point;
};

static bool search(struct diagram *d, const struct search *s, uint32_t node)
{
    if (diagram_is_leaf(node)) {
        if (s->visit == NULL)
            return node == s->leaf;
        s->visit(s->context, node);
        return false;
    }
    struct node *n = &d->nodes[node];
    if (n->seen == d->walk)
        return false;
    n->seen = d->walk;
    uint32_t first = 0, value;
    for (uint32_t i = 0; i < n->count; i++) {
        struct edge edge = d->edges[n->edge + i];
        if (meets(&s->region->in[n->field], first, edge.last, &value) && search(d, s, edge.to)) {
            s->point[n->field] = value;
            return true;
        }
        first = edge.last + 1;
    }
    return false;
}

void diagram_visit(struct diagram *d, uint32_t node, const struct region *region, diagram_visit_fn *visit,
                   void *context)
{
    begin_walk(d);
    if (!d->failed)
        search(d, &(struct search){.region = region, .visit = visit, .context = context}, node);
}

bool diagram_find(struct diagram *d, uint32_t node, const struct region *region, uint32_t leaf, uint32_t *point)
{
    for (unsigned field = 0; field < d->fields; field++)
        if (!meets(&region->in[field], 0, d->sizes[field] - 1, &point[field]))
            return false;
    begin_walk(d);
    return !d->failed && search(d, &(struct search){.region = region, .leaf = leaf, .point = point}, node);
}

/* An edge with the first value of it, and of the first edge that leads to the same place. */
struct branch {
    struct edge edge;
    uint32_t first, group;
};

static int compare_targets(const void *a, const void *b)
{
    const struct branch *x = a, *y = b;
    if (x->edge.to != y->edge.to)
        return x->edge.to < y->edge.to ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* What begins with the first value comes last: it is most often all the rest. */
static int compare_groups(const void *a, const void *b)
{
    const struct branch *x = a, *y = b;
    if (x->group != y->group)
        return x->group - 1 < y->group - 1 ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* A node's edges, those that lead to the same place together, else in order; on the heap.
 * => NULL: the store has failed */
static struct branch *branches(struct diagram *d, uint32_t node)
{
    const struct node *n = &d->nodes[node];
    struct branch *list = malloc(n->count * sizeof *list);
    if (list == NULL) {
        d->failed = true;
        return NULL;
    }
    for (uint32_t i = 0, first = 0; i < n->count; i++) {
        list[i] = (struct branch){d->edges[n->edge + i], first, first};
        first = list[i].edge.last + 1;
    }
    qsort(list, n->count, sizeof *list, compare_targets);
    for (uint32_t i = 1; i < n->count; i++)
        if (list[i].edge.to == list[i - 1].edge.to)
            list[i].group = list[i - 1].group;
    qsort(list, n->count, sizeof *list, compare_groups);
    return list;
}

/* Counts are kept in the memos, in two halves. */
static uint64_t count_ways(struct diagram *d, uint32_t node, uint32_t leaf)
{
    uint32_t low, high;
    if (diagram_is_leaf(node))
        return node == leaf;
    if (recall(d, node, 0, &low) && recall(d, node, 1, &high))
        return (uint64_t)high << 32 | low;
    struct branch *list = branches(d, node);
    uint64_t sum = 0;
    for (uint32_t i = 0; list != NULL && i < d->nodes[node].count; i++) {
        if (i > 0 && list[i].edge.to == list[i - 1].edge.to)
            continue;
        uint64_t more = count_ways(d, list[i].edge.to, leaf);
        sum = sum > UINT64_MAX - more ? UINT64_MAX : sum + more;
    }
    free(list);
    remember(d, node, 0, (uint32_t)sum);
    remember(d, node, 1, (uint32_t)(sum >> 32));
    return sum;
}

uint64_t diagram_count(struct diagram *d, uint32_t node, uint32_t leaf)
{
    begin_walk(d);
    return count_ways(d, node, leaf);
}

struct telling {
    struct region region;
    diagram_way_fn *tell;
    void *context;
    uint32_t leaf;
    struct span *spans[DIAGRAM_FIELDS];
};

static bool tell_ways(struct diagram *d, struct telling *t, uint32_t node)
{
    if (diagram_is_leaf(node))
        return node != t->leaf || t->tell(t->context, &t->region);
    unsigned field = d->nodes[node].field;
    uint32_t count = d->nodes[node].count;
    struct branch *list = branches(d, node);
    struct span *spans = malloc(count * sizeof *spans);
    bool go_on = list != NULL && spans != NULL;
    for (uint32_t i = 0, end; go_on && i < count; i = end) {
        for (end = i; end < count && list[end].edge.to == list[i].edge.to; end++)
            spans[end - i] = (struct span){list[end].first, list[end].edge.last};
        t->region.in[field] = (struct spans){spans, end - i};
        go_on = tell_ways(d, t, list[i].edge.to);
    }
    t->region.in[field] = (struct spans){NULL, 0};
    free(spans);
    free(list);
    return go_on;
}

void diagram_ways(struct diagram *d, uint32_t node, uint32_t leaf, diagram_way_fn *tell, void *context)
{
    struct telling telling = {.tell = tell, .context = context, .leaf = leaf};
    if (!d->failed)
        tell_ways(d, &telling, node);
}
