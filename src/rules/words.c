#include "rules/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/helper.h"
#include "policy/policy.h"
#include "tidegate/packet.h"

const char *const words_statements[] = {
    "allow", "connections", "default", "detect", "drop",    "expect", "forward", "helper",    "host", "include",
    "knock", "map",         "nat",     "reject", "service", "set",    "timeout", "translate", "zone", NULL,
};

const char *const words_protocols[] = {
    "tcp", "udp", "icmp", "icmp6", "sctp", "gre", "esp", "ah", "igmp", "udplite", NULL,
};

const char *const words_timers[] = {
    [POLICY_TCP_ESTABLISHED] = "tcp-established",
    [POLICY_TCP_TRANSITORY] = "tcp-transitory",
    [POLICY_TCP_OPENING] = "tcp-opening",
    [POLICY_TCP_CLOSING] = "tcp-closing",
    [POLICY_UDP_NEW] = "udp-new",
    [POLICY_UDP_STREAM] = "udp-stream",
    [POLICY_ICMP] = "icmp",
    [POLICY_OTHER] = "other",
    [POLICY_TIMERS] = NULL,
};

const char *const words_behaviours[] = {
    [POLICY_ENDPOINT_INDEPENDENT] = "endpoint-independent",
    [POLICY_ADDRESS_DEPENDENT] = "address-dependent",
    [POLICY_ADDRESS_AND_PORT_DEPENDENT] = "address-and-port-dependent",
    NULL,
};

const char *const words_helpers[] = {
    [HELPER_FTP - 1] = "ftp", [HELPER_TFTP - 1] = "tftp", [HELPER_RTSP - 1] = "rtsp",
    [HELPER_SIP - 1] = "sip", [HELPER_KINDS - 1] = NULL,
};

/* The numbers of words_protocols. */
static const uint8_t protocol_numbers[] = {
    TG_PROTO_TCP, TG_PROTO_UDP, TG_PROTO_ICMP, TG_PROTO_ICMP6, TG_PROTO_SCTP,
    TG_PROTO_GRE, TG_PROTO_ESP, TG_PROTO_AH,   TG_PROTO_IGMP,  TG_PROTO_UDPLITE,
};

/* In order, for bsearch(): the words of statements and protocols too. */
static const char *const reserved[] = {
    "address",     "after",   "ah",         "allow",  "any",     "as",         "at",     "block",      "burst",
    "connections", "default", "detect",     "drop",   "during",  "esp",        "expect", "for",        "forward",
    "from",        "gre",     "helper",     "host",   "icmp",    "icmp6",      "igmp",   "in",         "include",
    "is",          "itself",  "knock",      "limit",  "log",     "mac",        "map",    "masquerade", "max",
    "mss-clamp",   "nat",     "no-hairpin", "not",    "on",      "on-failure", "over",   "per",        "port",
    "reject",      "router",  "scan",       "sctp",   "service", "set",        "tcp",    "timeout",    "to",
    "translate",   "udp",     "udplite",    "within", "zone",
};

static int compare_word(const void *key, const void *element)
{
    const struct place *word = key;
    const char *other = *(const char *const *)element;
    size_t len = strlen(other);
    int order = memcmp(text_at(*word), other, word->len < len ? word->len : len);
    return order != 0 ? order : word->len < len ? -1 : word->len > len;
}

bool words_reserved(struct place word)
{
    return bsearch(&word, reserved, sizeof reserved / sizeof *reserved, sizeof *reserved, compare_word) != NULL;
}

bool words_number(struct place word, uint32_t *number)
{
    const char *s = text_at(word);
    *number = 0;
    for (uint32_t i = 0; i < word.len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        *number = *number * 10 + (uint32_t)(s[i] - '0');
    }
    return word.len > 0 && word.len <= 9;
}

int words_index(struct place word, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (text_is(word, words[i]))
            return i;
    }
    return -1;
}

/* The units of durations, the longest first. */
static const struct unit {
    char letter;
    uint32_t seconds;
} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

#define UNITS (sizeof units / sizeof *units)

bool words_duration(struct place word, uint32_t *seconds)
{
    const char *s = text_at(word), *end = s + word.len;
    uint64_t sum = 0;
    for (size_t unit = 0; s < end; unit++) {
        uint64_t number = 0;
        const char *digits = s;
        for (; s < end && *s >= '0' && *s <= '9'; s++)
            number = number < UINT32_MAX ? number * 10 + (uint64_t)(*s - '0') : number;
        while (unit < UNITS && (s == end || units[unit].letter != *s))
            unit++;
        if (s == digits || unit == UNITS)
            return false;
        sum += number * units[unit].seconds;
        s++;
    }
    *seconds = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
    return word.len > 0;
}

const char *words_duration_text(uint32_t seconds, char buf[static WORDS_DURATION])
{
    size_t len = 0;
    for (size_t i = 0; i < UNITS; i++) {
        uint32_t number = seconds / units[i].seconds;
        seconds %= units[i].seconds;
        if (number > 0)
            len += (size_t)snprintf(buf + len, WORDS_DURATION - len, "%u%c", number, units[i].letter);
    }
    return len > 0 ? buf : "0s";
}

int words_protocol(struct place word)
{
    uint32_t number;
    if (words_number(word, &number))
        return number <= 255 ? (int)number : -1;
    int i = words_index(word, words_protocols);
    return i >= 0 ? protocol_numbers[i] : -1;
}

const char *words_protocol_name(uint8_t proto, char buf[static WORDS_PROTOCOL])
{
    for (size_t i = 0; words_protocols[i] != NULL; i++) {
        if (protocol_numbers[i] == proto)
            return words_protocols[i];
    }
    snprintf(buf, WORDS_PROTOCOL, "%u", proto);
    return buf;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool words_is_name(struct place word)
{
    const char *s = text_at(word);
    bool letter = false;
    for (uint32_t i = 0; i < word.len; i++) {
        if (!is_letter(s[i]) && !is_digit(s[i]) && s[i] != '_' && (s[i] != '-' || i == 0))
            return false;
        letter |= is_letter(s[i]);
    }
    return letter && word.len <= WORDS_NAME_LONGEST;
}

bool words_like_ports(struct place word)
{
    const char *s = text_at(word);
    for (uint32_t i = 0; i < word.len; i++) {
        if (!is_digit(s[i]) && (s[i] != '-' || i == 0 || i + 1 == word.len))
            return false;
    }
    return word.len > 0;
}

bool words_like_address(struct place word)
{
    const char *s = text_at(word);
    bool digit = false;
    for (uint32_t i = 0; i < word.len; i++) {
        digit |= is_digit(s[i]);
        if (s[i] == ':' || s[i] == '/' || (s[i] == '.' && digit))
            return true;
    }
    uint32_t number;
    return words_number(word, &number);
}
