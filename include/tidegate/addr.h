/* Addresses of both families as plain numbers.
 *
 * An address is 128 bits in host order, so that comparing, masking and ranging are arithmetic and no caller sees a byte
 * order. An IPv4 address stands in the low 32 bits of `lo`; which family is meant is always said beside it, never
 * guessed from the value: ::192.0.2.1 and 192.0.2.1 are different addresses.
 */
#ifndef TIDEGATE_ADDR_H
#define TIDEGATE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#define TG_IPV4 4
#define TG_IPV6 6

struct tg_addr {
    uint64_t hi, lo;
};

/* A network: `len` leading bits of `addr`, of 32 or 128. The bits behind them may be set (a router's own address with
 * the network behind it is written as one: 192.168.1.1/24). */
struct tg_prefix {
    struct tg_addr addr;
    uint8_t family;
    uint8_t len;
};

/* Addresses from `first` to `last`, both included, of one family. */
struct tg_range {
    struct tg_addr first, last;
    uint8_t family;
};

static inline struct tg_addr tg_ipv4(uint32_t host_order)
{
    return (struct tg_addr){0, host_order};
}

static inline bool tg_addr_equal(struct tg_addr a, struct tg_addr b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/* => negative, zero or positive, as a is below, equal to or above b */
static inline int tg_addr_compare(struct tg_addr a, struct tg_addr b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    return a.lo < b.lo ? -1 : a.lo > b.lo;
}

/* The mask of `len` leading bits in `family`. */
struct tg_addr tg_mask(uint8_t family, uint8_t len);

/* => true if `addr` of `family` is in the network of `prefix` */
bool tg_prefix_holds(const struct tg_prefix *prefix, uint8_t family, struct tg_addr addr);

/* The first and the last address of a network. */
struct tg_range tg_prefix_range(const struct tg_prefix *prefix);

/* Multicast of either family, and 255.255.255.255: nobody's own address. */
bool tg_addr_is_group(uint8_t family, struct tg_addr addr);

/* 0.0.0.0 and ::, the address of one who has none yet. */
bool tg_addr_is_unspecified(struct tg_addr addr);

/* fe80::/10: means something only on its own link. */
bool tg_addr_is_link_local(uint8_t family, struct tg_addr addr);

/* Read an address of either family as people write it (RFC 4291 section 2.2 for IPv6).
 * => 0, or -EINVAL where the text is not exactly one address */
int tg_addr_parse(const char *text, uint8_t *family, struct tg_addr *addr);

/* Read ADDR/LEN, or ADDR alone (all its bits).
 * => 0, or -EINVAL */
int tg_prefix_parse(const char *text, struct tg_prefix *prefix);

#define TG_ADDR_TEXT 46 /* room for any address as text, with its end */

/* Write an address as text (RFC 5952 for IPv6).
 * => buf */
const char *tg_addr_format(uint8_t family, struct tg_addr addr, char buf[static TG_ADDR_TEXT]);

/* From and to network order: 4 bytes for IPv4, 16 for IPv6. */
struct tg_addr tg_addr_load(uint8_t family, const uint8_t *bytes);
void tg_addr_store(uint8_t family, struct tg_addr addr, uint8_t *bytes);

#endif
