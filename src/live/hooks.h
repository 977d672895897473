/* The hooks: how the kernel comes to ask us.
 *
 * Each packet is judged once, at the first hook where everything that judging needs is known; a mark on the packet
 * tells the later hooks. No rule names an interface, so that none must change when interfaces come, go or are renamed.
 *
 *   PREROUTING (raw)      to one of the router's own addresses: forwards, answers to masqueraded connections, what is
 * for the router itself. The destination must be rewritten before routing. INPUT (mangle)        what else is for the
 * router: broadcast, multicast. FORWARD (mangle)      what only passes. Both interfaces are known, and routing is done:
 * the source may be rewritten. (At PREROUTING a source that is the router's own would be refused by the kernel as a
 * martian.) POSTROUTING (mangle)  what the router itself sends; and the second half of a translation that PREROUTING
 * began, where both ends change.
 *
 * IPv4 packets are queued whole, since any of them may have to be rewritten: TCP and SCTP as joined packets (whose
 * checksums are left undone, which only their own protocols can make good later), all others one by one. Of IPv6 ones,
 * which are never rewritten, the beginning is enough. Loopback is never queued. What is only switched between ports of
 * a bridge is not judged, also where the kernel shows it to these hooks (br_netfilter). There is no bypass: while
 * nobody takes the packets, the kernel drops them.
 *
 * The mark takes two bits of the packet's mark, all others are left alone. Packets that come in lose both bits first,
 * so that no one outside can pretend. Rules of other programs that compare marks must have a mask.
 */
#ifndef LIVE_HOOKS_H
#define LIVE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "live/queue.h"
#include "tidegate/addr.h"

enum {
    HOOKS_JUDGED = 0x40000000, /* let it pass */
    HOOKS_HALF = 0x20000000,   /* judged; POSTROUTING is to ask once more, for the source */
    HOOKS_OWN = 0x60000000,    /* both: an answer of tidegate's own, which nobody judges */
};

/* Which packets go where. Queues of a kind are numbered one after the other. */
struct hooks_plan {
    uint16_t first[QUEUE_KINDS];
    unsigned queues; /* of each kind */
    /* Addresses that count as the router's though the kernel has them on no interface: as the rules file states them.
     * IPv4; others are passed over. */
    const struct tg_prefix *stated;
    size_t stated_count;
};

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
