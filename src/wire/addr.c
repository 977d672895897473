#include "tidegate/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

struct tg_addr tg_mask(uint8_t family, uint8_t len)
{
    if (family == TG_IPV4)
        return tg_ipv4(len == 0 ? 0 : UINT32_MAX << (32 - len));
    return (struct tg_addr){
        len == 0    ? 0
        : len >= 64 ? UINT64_MAX
                    : UINT64_MAX << (64 - len),
        len <= 64 ? 0 : UINT64_MAX << (128 - len),
    };
}

bool tg_prefix_holds(const struct tg_prefix *prefix, uint8_t family, struct tg_addr addr)
{
    uint64_t hi = prefix->addr.hi ^ addr.hi, lo = prefix->addr.lo ^ addr.lo;
    if (prefix->family != family)
        return false;
    if (family == TG_IPV4)
        return lo >> (32 - prefix->len) == 0;
    if (prefix->len <= 64)
        return prefix->len == 0 || hi >> (64 - prefix->len) == 0;
    return hi == 0 && lo >> (128 - prefix->len) == 0;
}

struct tg_range tg_prefix_range(const struct tg_prefix *prefix)
{
    struct tg_addr mask = tg_mask(prefix->family, prefix->len);
    struct tg_addr all = tg_mask(prefix->family, prefix->family == TG_IPV4 ? 32 : 128);
    struct tg_addr first = {prefix->addr.hi & mask.hi, prefix->addr.lo & mask.lo};
    struct tg_addr last = {first.hi | (all.hi & ~mask.hi), first.lo | (all.lo & ~mask.lo)};
    return (struct tg_range){first, last, prefix->family};
}

bool tg_addr_is_group(uint8_t family, struct tg_addr addr)
{
    if (family == TG_IPV4)
        return addr.lo >> 28 == 0xe || addr.lo == UINT32_MAX;
    return addr.hi >> 56 == 0xff;
}

bool tg_addr_is_unspecified(struct tg_addr addr)
{
    return addr.hi == 0 && addr.lo == 0;
}

bool tg_addr_is_link_local(uint8_t family, struct tg_addr addr)
{
    return family == TG_IPV6 && addr.hi >> 54 == 0xfe80 >> 6;
}

struct tg_addr tg_addr_load(uint8_t family, const uint8_t *bytes)
{
    if (family == TG_IPV4)
        return tg_ipv4(wire_get32(bytes));
    return (struct tg_addr){wire_get64(bytes), wire_get64(bytes + 8)};
}

void tg_addr_store(uint8_t family, struct tg_addr addr, uint8_t *bytes)
{
    if (family == TG_IPV4) {
        wire_put32(bytes, (uint32_t)addr.lo);
    } else {
        wire_put64(bytes, addr.hi);
        wire_put64(bytes + 8, addr.lo);
    }
}

int tg_addr_parse(const char *text, uint8_t *family, struct tg_addr *addr)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1)
        *family = TG_IPV4;
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        *family = TG_IPV6;
    else
        return -EINVAL;
    *addr = tg_addr_load(*family, bytes);
    return 0;
}

int tg_prefix_parse(const char *text, struct tg_prefix *prefix)
{
    char addr[TG_ADDR_TEXT];
    size_t n = strcspn(text, "/");
    if (n >= sizeof addr)
        return -EINVAL;
    memcpy(addr, text, n);
    addr[n] = '\0';
    if (tg_addr_parse(addr, &prefix->family, &prefix->addr) != 0)
        return -EINVAL;
    unsigned most = prefix->family == TG_IPV4 ? 32 : 128;
    prefix->len = (uint8_t)most;
    if (text[n] == '\0')
        return 0;

    const char *digits = text + n + 1;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 3 || digits[count] != '\0')
        return -EINVAL;
    unsigned long len = strtoul(digits, NULL, 10);
    if (len > most)
        return -EINVAL;
    prefix->len = (uint8_t)len;
    return 0;
}

const char *tg_addr_format(uint8_t family, struct tg_addr addr, char buf[static TG_ADDR_TEXT])
{
    uint8_t bytes[16];
    tg_addr_store(family, addr, bytes);
    inet_ntop(family == TG_IPV4 ? AF_INET : AF_INET6, bytes, buf, TG_ADDR_TEXT);
    return buf;
}
