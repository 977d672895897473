/* Addresses as people write them, and what exactly is wrong where they are none.
 *
 * An address is what tg_addr_parse() reads. What it refuses is looked at once more, for the mistakes that are made
 * most: a number above 255, one number missing, leading zeros (which elsewhere mean octal), a port or an interface hung
 * on, a netmask in place of a prefix length.
 */
#include "rules/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LITERAL_LONGEST 100 /* bytes; two full IPv6 addresses and their `-` */

#define WHY 160

/* The mistake in text that was meant to be an IPv4 address. */
static const char *why_not_ipv4(const char *text, char why[static WHY])
{
    unsigned numbers = 0;
    for (const char *s = text;; s++) {
        size_t digits = strspn(s, "0123456789");
        int shown = digits < 20 ? (int)digits : 20;
        if (digits > 0 && (digits > 3 || strtoul(s, NULL, 10) > 255)) {
            snprintf(why, WHY, "%.*s is above 255", shown, s);
            return why;
        }
        if (digits > 1 && *s == '0') {
            snprintf(why, WHY, "write %lu in place of %.*s", strtoul(s, NULL, 10), shown, s);
            return why;
        }
        numbers += digits > 0;
        s += digits;
        if (digits == 0 || (*s != '.' && *s != '\0')) {
            numbers = 0;
            break;
        }
        if (*s == '\0')
            break;
    }
    snprintf(why, WHY, "an IPv4 address is four numbers, like 192.168.1.50%s",
             numbers == 0 ? ", and nothing else" : "");
    return why;
}

/* The mistake in text that is no address. */
static const char *why_not_address(const char *text, char why[static WHY])
{
    const char *colon = strchr(text, ':');
    if (strpbrk(text, "[]") != NULL)
        return "write the address without brackets";
    if (strchr(text, '%') != NULL)
        return "write the address without the interface behind '%'";
    if (colon == NULL)
        return why_not_ipv4(text, why);
    if (strchr(colon + 1, ':') == NULL && strchr(text, '.') != NULL)
        return "a port is written apart, as in '192.168.1.50 port 80'";
    return "an IPv6 address is up to eight groups of hex digits, like 2001:db8::50";
}

/* Read one address: all of `text`, which is part of `word`.
 * => false: complained of */
static bool address(struct parser *parser, struct place word, const char *text, uint8_t *family, struct tg_addr *addr)
{
    char why[WHY], quote[COMPLAINT_QUOTE];
    if (tg_addr_parse(text, family, addr) == 0)
        return true;
    uint32_t number;
    bool is_number = *text != '\0' && text[strspn(text, "0123456789")] == '\0' && sscanf(text, "%9u", &number) == 1;
    if (is_number)
        parse_error(parser, word, "'%s' is no address; a port is written 'port %s'", text, text);
    else
        parse_error(parser, word, "'%s' is no address: %s", complaint_quote(word, quote), why_not_address(text, why));
    return false;
}

/* The length that a netmask stands for, or -1 if it is none. */
static int netmask_len(const char *text)
{
    uint8_t family;
    struct tg_addr mask;
    if (tg_addr_parse(text, &family, &mask) != 0 || family != TG_IPV4)
        return -1;
    for (int len = 0; len <= 32; len++) {
        if (tg_addr_equal(tg_mask(TG_IPV4, (uint8_t)len), mask))
            return len;
    }
    return -1;
}

static bool prefix_len(struct parser *parser, struct place word, const char *text, uint8_t family, uint8_t *len)
{
    char quote[COMPLAINT_QUOTE];
    unsigned most = family == TG_IPV4 ? 32 : 128;
    size_t digits = strspn(text, "0123456789");
    int by_mask = netmask_len(text);
    if (digits > 0 && digits <= 3 && text[digits] == '\0' && strtoul(text, NULL, 10) <= most) {
        *len = (uint8_t)strtoul(text, NULL, 10);
        return true;
    }
    complaint_quote(word, quote);
    if (by_mask >= 0)
        parse_error(parser, word, "'%s': write the length of the prefix, /%d, in place of the netmask", quote, by_mask);
    else
        parse_error(parser, word, "'%s' is no prefix: behind the '/' of an IPv%u prefix stands a length from 0 to %u",
                    quote, family, most);
    return false;
}

/* Copy a word into a buffer.
 * => false: it is longer than any address; complained of */
static bool copy(struct parser *parser, struct place word, char buf[static LITERAL_LONGEST])
{
    char quote[COMPLAINT_QUOTE];
    if (word.len >= LITERAL_LONGEST) {
        parse_error(parser, word, "'%s' is no address: it is too long to be one", complaint_quote(word, quote));
        return false;
    }
    memcpy(buf, text_at(word), word.len);
    buf[word.len] = '\0';
    return true;
}

static bool prefix(struct parser *parser, struct place word, char *text, struct tg_prefix *prefix, bool *bare)
{
    char *slash = strchr(text, '/');
    *bare = slash == NULL;
    if (slash != NULL)
        *slash = '\0';
    if (!address(parser, word, text, &prefix->family, &prefix->addr))
        return false;
    prefix->len = prefix->family == TG_IPV4 ? 32 : 128;
    return slash == NULL || prefix_len(parser, word, slash + 1, prefix->family, &prefix->len);
}

bool parse_prefix_word(struct parser *parser, struct place word, struct tg_prefix *out, bool *bare)
{
    char text[LITERAL_LONGEST];
    return copy(parser, word, text) && prefix(parser, word, text, out, bare);
}

static bool range(struct parser *parser, struct place word, char *text, char *dash, struct tg_range *out)
{
    uint8_t family;
    char quote[COMPLAINT_QUOTE];
    complaint_quote(word, quote);
    *dash = '\0';
    if (strchr(text, '/') != NULL || strchr(dash + 1, '/') != NULL) {
        parse_error(parser, word, "'%s' is no range: write both ends as addresses, without a prefix length", quote);
        return false;
    }
    if (strspn(dash + 1, "0123456789") == strlen(dash + 1)) {
        parse_error(parser, word, "'%s' is no range: write both ends in full, like 192.168.1.10-192.168.1.20", quote);
        return false;
    }
    if (!address(parser, word, text, &out->family, &out->first) ||
        !address(parser, word, dash + 1, &family, &out->last))
        return false;
    if (family != out->family) {
        parse_error(parser, word, "'%s' is no range: one end is IPv4, the other IPv6", quote);
        return false;
    }
    if (tg_addr_compare(out->first, out->last) > 0) {
        parse_error(parser, word, "'%s' is no range: its first address comes after its last", quote);
        return false;
    }
    return true;
}

bool parse_address_word(struct parser *parser, struct place word, struct tg_range *out)
{
    char text[LITERAL_LONGEST], plain[TG_ADDR_TEXT], quote[COMPLAINT_QUOTE];
    if (!copy(parser, word, text))
        return false;
    char *dash = strchr(text, '-');
    if (dash != NULL)
        return range(parser, word, text, dash, out);

    struct tg_prefix net = {0};
    bool bare;
    if (!prefix(parser, word, text, &net, &bare))
        return false;
    *out = tg_prefix_range(&net);
    if (!tg_addr_equal(out->first, net.addr))
        parse_warning(parser, word, "'%s' means the whole network %s/%u; write it so", complaint_quote(word, quote),
                      tg_addr_format(net.family, out->first, plain), net.len);
    return true;
}
