/* The hooks: how the kernel comes to ask us.
 *
 * Each packet is judged once, at the first hook where everything that judging needs is known; a mark on the packet
 * tells the later hooks.
 *
 * - PREROUTING (raw): to one of the router's own addresses, or one that `translate` or `map` gives to others: forwards,
 *   answers to translated connections, what is for the router itself. The destination must be rewritten before routing.
 * - INPUT (mangle): what else is for the router: broadcast, multicast.
 * - FORWARD (mangle): what only passes. Both interfaces are known, and routing is done: the source may be rewritten,
 *   which the kernel, at PREROUTING, would refuse as a martian where it becomes the router's own.
 * - POSTROUTING (mangle): what the router itself sends; and the second half of a translation that PREROUTING began,
 *   where both ends change.
 *
 * What begins TCP connections, a SYN alone, has a queue of its own: nothing that is established waits behind a flood of
 * them, or finds no room. (In IPv6 only by nft: iptables cannot ask for it without dropping fragments.) Of all else
 * IPv4 packets are queued whole, since any of them may have to be rewritten: TCP and SCTP as joined packets (whose
 * checksums are left undone, which only their own protocols can make good later), all others one by one. Of IPv6 ones
 * the beginning is enough: none is ever translated. Loopback is never queued. What is only switched between ports of a
 * bridge is not judged, also where the kernel shows it to these hooks (br_netfilter).
 *
 * There is no bypass: while nobody takes the packets, the kernel drops them. The exception is a zone that the rules
 * file says is `on-failure open`: packets that come in or leave by its interfaces are queued such that the kernel lets
 * them pass while nobody takes them, whatever the other end of their way is, closed zones and the router itself (for
 * DHCP, say) included. They pass as they are: nothing is translated, so a device there that has no address of the
 * world's reaches no further than the router and its other networks; and what comes from a closed zone to an address of
 * the router's is dropped, be it an answer to an open one. With an open zone anywhere, the messages pass on all
 * interfaces by which neighbours find each other in IPv6, as ARP always does: without them nothing could leave for
 * long. Whoever takes the packets again judges all of them; what began meanwhile is none of its connections.
 *
 * No rule names an interface, so that none must change when interfaces come, go or are renamed. Only where a zone is
 * open on failure there are rules that do, since nobody else can tell then which packets are of that zone: by name, or
 * by the pattern that the rules file has, in the order in which zones are found for names. While packets are taken
 * these rules make no difference.
 *
 * The mark takes two bits of the packet's mark, all others are left alone. Packets that come in lose both bits first,
 * so that no one outside can pretend. A packet that may pass unjudged gets its mark before it is queued, for the hooks
 * behind: the verdict, if there is one, sets the mark anew. Rules of other programs that compare marks must have a
 * mask.
 */
#ifndef LIVE_HOOKS_H
#define LIVE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "live/queue.h"
#include "tidegate/addr.h"
#include "tidegate/policy.h"

enum {
    HOOKS_JUDGED = 0x40000000, /* let it pass */
    HOOKS_HALF = 0x20000000,   /* judged; POSTROUTING is to ask once more, for the source */
    HOOKS_OWN = 0x60000000,    /* both: an answer of tidegate's own, which nobody judges */
};

/* An interface, or a pattern that ends in `*` for several. */
struct hooks_interface {
    const char *name; /* the policy's */
    bool open;        /* of a zone that is open on failure */
};

/* Which packets go where. Queues of a kind are numbered one after the other. */
struct hooks_plan {
    uint16_t first[QUEUE_KINDS];
    unsigned queues; /* of each kind, but QUEUE_OPENING, of which there is one */
    bool is_ordered; /* nothing goes to that: SYNs stay in order with all else (tg_policy_needs_order()) */
    /* Networks whose addresses count as the router's though the kernel has them on no interface: those that the rules
     * file states, and those that it translates to. IPv4, each of them once, bits behind the prefix not set. */
    struct tg_prefix *own;
    size_t own_count, own_room;
    /* The first that fits a name says whether the interface is open; one that none fits is not. Empty if none is. */
    struct hooks_interface *interfaces;
    size_t interface_count;
};

/* Make the plan for a policy, with `queues` queues of each kind from number `first` on. The policy must stay until
 * hooks_plan_free().
 * => 0, or -ENOMEM; hooks_plan_free() either way */
int hooks_plan_make(struct hooks_plan *plan, const struct tg_policy *policy, uint16_t first, unsigned queues);
void hooks_plan_free(struct hooks_plan *plan);

/* How many queues there are of a kind. */
static inline unsigned hooks_queues(const struct hooks_plan *plan, enum queue_kind kind)
{
    return kind == QUEUE_OPENING ? 1 : plan->queues;
}

/* A program that can put hooks in. `ipv6`: for both families, else for IPv4 alone. What the program says to
 * it is added to `said` (NULL: it is lost). Each function: => 0, or -errno. */
struct hooks_way {
    const char *name;
    /* Try, with rules that no packet passes, whether this way can express all that a plan needs. */
    int (*try)(const struct hooks_way *way, const struct hooks_plan *plan, bool ipv6, FILE *said);
    /* Put the hooks of the plan in, in place of any that are there: packets meet the old ones or the new ones. */
    int (*install)(const struct hooks_way *way, const struct hooks_plan *plan, bool ipv6, FILE *said);
    /* Take out all that any run of tidegate has put in by this way. Nothing there is no error. */
    int (*remove)(const struct hooks_way *way, bool ipv6, FILE *said);
};

extern const struct hooks_way hooks_nft;
extern const struct hooks_way hooks_iptables, hooks_iptables_nft, hooks_iptables_legacy;

/* Find a way that works on this machine.
 * => the way; or NULL: what each was refused for has been written to `complaints` */
const struct hooks_way *hooks_find(const struct hooks_plan *plan, FILE *complaints);

/* Put the hooks in, by that way, and take out what earlier runs have left by others.
 * => 0; or -errno: nothing is left in, and the reason has been written to `complaints` */
int hooks_install(const struct hooks_way *way, const struct hooks_plan *plan, FILE *complaints);

/* => 0; or -errno, with the reason written to `complaints` */
int hooks_remove(const struct hooks_way *way, FILE *complaints);

#endif
