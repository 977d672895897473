/* The network of this machine, as the engine and the workers see it, and how it changes.
 *
 * A struct view is immutable: the engine's network view, made from the kernel's addresses and routes and from what the
 * rules file says, and the zone of each interface. Whenever the kernel tells of a change another view is made and takes
 * the place of the old one. Zones know interfaces by name and packets know them by index; a renamed interface, or one
 * that comes late, is a change like any other.
 *
 * An address counts as the router's on a zone if an interface of that zone has it, or the rules file says so. Addresses
 * on interfaces of no zone (the loopback, say) are the router's too, on no zone. Link-local ones are left out: the
 * engine knows them by themselves. Routes are those of the main table. What a zone carries is the smallest MTU of its
 * interfaces. Ports at which the router's own sockets listen (sockets.h) the kernel does not tell of by itself: those
 * are to be looked for now and then.
 */
#ifndef LIVE_NETVIEW_H
#define LIVE_NETVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "tidegate/network.h"
#include "tidegate/policy.h"

struct view;

/* The zone of an interface, by its index.
 * => TG_ZONE_NONE for one that no zone names */
uint8_t view_zone(const struct view *view, uint32_t index);
/* => true if any interface of that zone is there */
bool view_has_zone(const struct view *view, uint8_t zone);
const struct tg_network *view_network(const struct view *view);
/* => true if judging by one is judging by the other */
bool view_equal(const struct view *a, const struct view *b);
void view_free(struct view *view);

struct netview;

/* Begin to watch. What changes after this is seen by netview_changed().
 * => 0 with *netview, or -errno */
int netview_open(struct netview **netview, const struct tg_policy *policy);
void netview_close(struct netview *netview);

/* Readable when there may be something for netview_changed(). */
int netview_fd(const struct netview *netview);

/* Read what the kernel told. Does not wait.
 * => true if the next netview_read() may be another view than the last */
bool netview_changed(struct netview *netview);

/* Look for sockets of the router's own.
 * => true if the next netview_read() will be another view than `view` */
bool netview_look_for_sockets(struct netview *netview, const struct view *view);

/* => true if the kernel cannot tell of sockets */
bool netview_knows_no_sockets(const struct netview *netview);

/* Ask the kernel for everything, and make a view of it. What sockets there are is not asked but by
 * netview_look_for_sockets(), and when it opens.
 * => 0 with *view, or -errno */
int netview_read(struct netview *netview, struct view **view);

#endif
