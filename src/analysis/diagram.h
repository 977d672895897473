/* Decision diagrams: a function from points to small numbers, so written that two of them are equal exactly if they are
 * the same node.
 *
 * A point has one coordinate in each field, from 0 to below the field's size. A diagram is walked from its root: each
 * node asks for one field, its edges part that field's values into intervals, and the edge that holds the point's value
 * leads on, until a leaf gives the answer. Along a way fields are asked for in ascending order, each at most once.
 * Nodes are kept once each, an edge never leads where its neighbour does, and a node whose edges would all lead to the
 * same place is that place. So every way that can be walked is walked by some point: what is in a diagram is reachable.
 *
 * These are Bryant's reduced ordered diagrams ("Graph-based algorithms for Boolean function manipulation", 1986) with
 * intervals for edges, which Gouda and Liu use for firewalls ("Structured firewall design", 2007).
 *
 * A reference to a diagram is a number: a leaf, or a node of its store. Nothing is ever taken out of a store; it goes
 * as a whole. When memory runs out, or the room that the caller gave, the store has failed: every later result is
 * meaningless, and diagram_failed() says so. Callers ask once, at the end.
 */
#ifndef ANALYSIS_DIAGRAM_H
#define ANALYSIS_DIAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIAGRAM_FIELDS = 10 };

#define DIAGRAM_LEAF    UINT32_C(0x80000000) /* this bit, and the leaf's number */
#define DIAGRAM_DESCEND UINT32_MAX           /* said by an operation: not to be told yet */

struct span {
    uint32_t first, last; /* both included */
};

/* Values of one field, ascending and disjoint. */
struct spans {
    const struct span *items; /* NULL: all values */
    uint32_t count;
};

/* Points whose every coordinate is in its field's spans. */
struct region {
    struct spans in[DIAGRAM_FIELDS];
};

struct diagram;

/* A store for `fields` fields of the given sizes, each at least 1, and for as many edges as `room` says.
 * => the store, or NULL without memory */
struct diagram *diagram_new(const uint32_t *sizes, unsigned fields, uint32_t room);
void diagram_free(struct diagram *diagram);

/* => true if room or memory ran out */
bool diagram_failed(const struct diagram *diagram);

/* => edges in the store */
uint32_t diagram_size(const struct diagram *diagram);

static inline uint32_t diagram_leaf(uint32_t number)
{
    return DIAGRAM_LEAF | number;
}

static inline bool diagram_is_leaf(uint32_t node)
{
    return (node & DIAGRAM_LEAF) != 0;
}

static inline uint32_t diagram_number(uint32_t leaf)
{
    return leaf & ~DIAGRAM_LEAF;
}

/* => the diagram that is the leaf `inside` in the region, and the leaf `outside` elsewhere */
uint32_t diagram_region(struct diagram *diagram, const struct region *region, uint32_t inside, uint32_t outside);

/* What an operation makes of two diagrams of which at least one is a leaf, or of any two that it can tell the result
 * of; or DIAGRAM_DESCEND, unless both are leaves. */
typedef uint32_t diagram_op(void *context, uint32_t a, uint32_t b);

/* => the diagram that is, at each point, what the operation makes of the two leaves there */
uint32_t diagram_apply(struct diagram *diagram, diagram_op *op, void *context, uint32_t a, uint32_t b);

/* => `node` with each leaf put through `map` */
typedef uint32_t diagram_leaf_fn(void *context, uint32_t leaf);
uint32_t diagram_map(struct diagram *diagram, diagram_leaf_fn *map, void *context, uint32_t node);

/* => `node` where it is a leaf with such a number, and leaf 0 elsewhere */
uint32_t diagram_only(struct diagram *diagram, uint32_t node, struct span leaves);

/* => `node` as it is where `field` has this value, whatever value it has */
uint32_t diagram_fix(struct diagram *diagram, uint32_t node, unsigned field, uint32_t value);

/* => where `field` is in `span`, what `node` is for the value that lies as far behind `to` as this one does behind the
 *    span's first; elsewhere as at the nearer end of the span. */
uint32_t diagram_shift(struct diagram *diagram, uint32_t node, unsigned field, struct span span, uint32_t to);

/* Call `visit` for each leaf that the diagram has somewhere in the region, once each way of coming to it. */
typedef void diagram_visit_fn(void *context, uint32_t leaf);
void diagram_visit(struct diagram *diagram, uint32_t node, const struct region *region, diagram_visit_fn *visit,
                   void *context);

/* Find a point of the region where the diagram is that leaf.
 * => true with its coordinates */
bool diagram_find(struct diagram *diagram, uint32_t node, const struct region *region, uint32_t leaf, uint32_t *point);

/* The ways from the root to a leaf, each a region; the regions of all ways are disjoint. Edges of a node that lead to
 * the same place count as one.
 * => how many there are, or UINT64_MAX if there are more than can be counted */
uint64_t diagram_count(struct diagram *diagram, uint32_t node, uint32_t leaf);

/* Tell of each way to a leaf, in an order that is always the same, until `tell` says false. */
typedef bool diagram_way_fn(void *context, const struct region *region);
void diagram_ways(struct diagram *diagram, uint32_t node, uint32_t leaf, diagram_way_fn *tell, void *context);

#endif
