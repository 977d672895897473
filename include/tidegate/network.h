/* The network as the engine sees it: whose addresses are the router's, which networks lie behind which zone, and by
 * which zone everything else is reached.
 *
 * A view is built once, sealed, and never changed again; when an address changes the driver builds another and gives it
 * to the engine (tg_engine_load()). Offline it comes from the rules file's `address` words, live from the kernel.
 *
 * Zones are small numbers, the same in a policy and in every network view used with it.
 */
#ifndef TIDEGATE_NETWORK_H
#define TIDEGATE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tidegate/addr.h"

#define TG_ZONE_NONE   0   /* no zone: an interface that no zone names; in a rule: any zone */
#define TG_ZONE_ROUTER 1   /* the box itself */
#define TG_ZONE_FIRST  2   /* the first zone of the rules file; others follow in its order */
#define TG_ZONE_MAX    250 /* zones are fewer than this */

struct tg_network;

/* => an empty view, or NULL without memory; free with tg_network_free() */
struct tg_network *tg_network_new(void);
void tg_network_free(struct tg_network *network);

/* Before sealing: the router has the address `own` on `zone`, with the network behind it.
 * => 0, or -ENOMEM */
int tg_network_add_address(struct tg_network *network, uint8_t zone, const struct tg_prefix *own);

/* Before sealing: `prefix` is reached by `zone`. A length of 0 is the default route of its family.
 * => 0, or -ENOMEM */
int tg_network_add_route(struct tg_network *network, uint8_t zone, const struct tg_prefix *prefix);

/* Before sealing: `zone` holds the default route of both families that have none yet. */
int tg_network_add_default(struct tg_network *network, uint8_t zone);

/* Before sealing: packets that leave by `zone` are at most `mtu` bytes long (from 68, RFC 791). The smallest of several
 * counts; one that is never said is 1500. */
void tg_network_set_mtu(struct tg_network *network, uint8_t zone, uint32_t mtu);
uint32_t tg_network_mtu(const struct tg_network *network, uint8_t zone);

/* Before sealing: a socket of the router itself listens on this port, or has it for whatever else, so that no
 * connection of others may leave with it by any of the router's addresses.
 * => 0, or -ENOMEM */
int tg_network_add_local_port(struct tg_network *network, uint8_t proto, uint16_t port);

/* Those ports, of the 32 from 32 * `word` on, a bit each. */
uint32_t tg_network_local_ports(const struct tg_network *network, uint8_t proto, uint32_t word);

/* Order the view for finding. No change after this. */
void tg_network_seal(struct tg_network *network);

/* The zone that a packet to `addr` leaves by: TG_ZONE_ROUTER for the router's own addresses, its networks' broadcast
 * addresses, multicast, 255.255.255.255 and link-local addresses (none of them is ever forwarded); else the zone of the
 * longest prefix that holds it, else the zone of the default route, else TG_ZONE_NONE. */
uint8_t tg_network_zone_to(const struct tg_network *network, uint8_t family, struct tg_addr addr);

/* The zone that a packet from `addr` most likely came in by, where nothing better is known: as tg_network_zone_to(),
 * but for addresses that mean nothing (unspecified, link-local): TG_ZONE_NONE. */
uint8_t tg_network_zone_from(const struct tg_network *network, uint8_t family, struct tg_addr addr);

/* => true if `addr` is the router's own on `zone`, or on any zone for TG_ZONE_NONE */
bool tg_network_is_own(const struct tg_network *network, uint8_t zone, uint8_t family, struct tg_addr addr);

/* => true if `addr` is in one of the networks behind `zone` (not its default route) */
bool tg_network_is_behind(const struct tg_network *network, uint8_t zone, uint8_t family, struct tg_addr addr);

/* => true if `zone` holds the default route of `family` */
bool tg_network_is_default(const struct tg_network *network, uint8_t zone, uint8_t family);

/* The router's address on `zone` that `peer` would see: the one whose network holds peer, else the first.
 * => true and *own, or false if the router has no address of `family` there */
bool tg_network_own_address(const struct tg_network *network, uint8_t zone, uint8_t family, struct tg_addr peer,
                            struct tg_addr *own);

/* => true if a packet from `src` cannot honestly have come in by `zone`: its source is outside the networks of a zone
 * whose networks are known while another holds the default route; or lies in the network of another zone, or is the
 * router's own. Unspecified and link-local sources are no one's and are never spoofed. */
bool tg_network_is_spoofed(const struct tg_network *network, uint8_t zone, uint8_t family, struct tg_addr src);

/* The router's own addresses, in the order they were added: for showing them.
 * => the i-th, or NULL past the last */
const struct tg_prefix *tg_network_address(const struct tg_network *network, size_t i, uint8_t *zone);

/* Whether the i-th of them lies in the network of an address that the router has on another zone (RFC 4787 REQ-7: as
 * when another router's network outside is numbered as that inside): nobody can tell then where who is in both is.
 * => true with *other, that zone */
bool tg_network_clashes(const struct tg_network *network, size_t i, uint8_t *other);

#endif
