/* Raw sockets of the protocol IPPROTO_RAW send whole packets and receive none. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "live/reject.h"
#include "tidegate/engine.h"

enum { IPV4, IPV6, ANSWER_ROOM = 1280 };

static int open_raw(int family, uint32_t mark, int *fd)
{
    const int on = 1;
    *fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
    if (*fd < 0)
        return errno == EAFNOSUPPORT ? 0 : -errno;
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, option = family == AF_INET ? IP_HDRINCL : IPV6_HDRINCL;
    if (setsockopt(*fd, level, option, &on, sizeof on) < 0 ||
        setsockopt(*fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) < 0)
        return -errno;
    return 0;
}

int reject_open(struct reject *reject, uint32_t mark)
{
    *reject = (struct reject){.fds = {-1, -1}};
    int error = open_raw(AF_INET, mark, &reject->fds[IPV4]);
    if (error == 0)
        error = open_raw(AF_INET6, mark, &reject->fds[IPV6]);
    if (error != 0)
        reject_close(reject);
    return error;
}

void reject_close(struct reject *reject)
{
    for (int i = IPV4; i <= IPV6; i++) {
        if (reject->fds[i] >= 0)
            close(reject->fds[i]);
        reject->fds[i] = -1;
    }
}

/* => true if there was a token */
static bool take(struct reject_bucket *bucket, uint32_t rate, uint64_t now)
{
    uint64_t step = TG_SECOND / rate, come = now < bucket->since ? 0 : (now - bucket->since) / step;
    if (come >= rate || bucket->since == 0) {
        bucket->tokens = rate;
        bucket->since = now;
    } else {
        bucket->tokens = bucket->tokens + come > rate ? rate : bucket->tokens + (uint32_t)come;
        bucket->since += come * step;
    }
    if (bucket->tokens == 0)
        return false;
    bucket->tokens--;
    return true;
}

/* The source of an ICMP error: the address that was spoken to if it is the router's, else the router's address towards
 * the sender. What the router itself sent is answered as from itself. */
static struct tg_addr own_address(const struct tg_packet *packet, const struct reject_place *place)
{
    const struct tg_tuple *tuple = &packet->outer.tuple;
    const struct tg_network *network = place->network;
    uint8_t zone = place->zone;
    struct tg_addr own;
    if (zone == TG_ZONE_ROUTER)
        return tuple->src;
    if (tg_network_is_own(network, TG_ZONE_NONE, tuple->family, tuple->dst) ||
        tg_addr_is_link_local(tuple->family, tuple->dst))
        return tuple->dst;
    if (tg_network_own_address(network, zone, tuple->family, tuple->src, &own))
        return own;
    return (struct tg_addr){0, 0};
}

static bool send_to(int fd, const struct tg_tuple *tuple, uint32_t indev, const uint8_t *answer, size_t len)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (tuple->family == TG_IPV4) {
        tg_addr_store(TG_IPV4, tuple->src, (uint8_t *)&v4.sin_addr);
        return sendto(fd, answer, len, 0, (struct sockaddr *)&v4, sizeof v4) >= 0;
    }
    tg_addr_store(TG_IPV6, tuple->src, v6.sin6_addr.s6_addr);
    if (tg_addr_is_link_local(TG_IPV6, tuple->src))
        v6.sin6_scope_id = indev;
    return sendto(fd, answer, len, 0, (struct sockaddr *)&v6, sizeof v6) >= 0;
}

/* What was sent to all of a network is answered by none of it: RFC 1812 4.3.2.7. Such an address is the router's, as
 * far as the way there goes, and is none of its own. */
static bool is_for_all(const struct tg_packet *packet, const struct reject_place *place)
{
    const struct tg_tuple *tuple = &packet->outer.tuple;
    return tuple->family == TG_IPV4 && tg_network_zone_to(place->network, TG_IPV4, tuple->dst) == TG_ZONE_ROUTER &&
           !tg_network_is_own(place->network, TG_ZONE_NONE, TG_IPV4, tuple->dst) &&
           !tg_addr_is_link_local(TG_IPV4, tuple->dst);
}

/* Send an answer, for a token of this bucket. */
static bool answer_with(const struct reject *reject, struct reject_bucket *bucket, uint32_t rate,
                        const struct tg_tuple *to, const struct reject_place *place, const uint8_t *answer, size_t len)
{
    int fd = reject->fds[to->family == TG_IPV4 ? IPV4 : IPV6];
    return take(bucket, rate, place->now) && fd >= 0 && send_to(fd, to, place->indev, answer, len);
}

void reject_send(struct reject *reject, const struct tg_packet *packet, const struct reject_place *place)
{
    uint8_t answer[ANSWER_ROOM];
    size_t len = tg_reject_answer(packet, own_address(packet, place), answer, sizeof answer);
    if (len == 0 || is_for_all(packet, place))
        return;
    bool reset = packet->kind == TG_TRANSPORT_TCP;
    if (answer_with(reject, reset ? &reject->resets : &reject->errors, reset ? REJECT_RESETS : REJECT_ERRORS,
                    &packet->outer.tuple, place, answer, len))
        reject->sent++;
    else
        reject->held_back++;
}

void reject_tell_limit(struct reject *reject, const struct tg_packet *packet, const struct reject_place *place)
{
    uint8_t answer[ANSWER_ROOM];
    size_t len = tg_limit_answer(packet, own_address(packet, place), answer, sizeof answer);
    if (len == 0 || is_for_all(packet, place))
        return;
    if (answer_with(reject, &reject->errors, REJECT_ERRORS, &packet->outer.tuple, place, answer, len))
        reject->told++;
    else
        reject->held_back++;
}
