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
static struct tg_addr own_address(const struct tg_packet *packet, const struct tg_network *network, uint8_t zone)
{
    const struct tg_tuple *tuple = &packet->outer.tuple;
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

void reject_send(struct reject *reject, const struct tg_packet *packet, const struct tg_network *network, uint8_t zone,
                 uint32_t indev, uint64_t now)
{
    uint8_t answer[ANSWER_ROOM];
    const struct tg_tuple *tuple = &packet->outer.tuple;
    size_t len = tg_reject_answer(packet, own_address(packet, network, zone), answer, sizeof answer);
    if (len == 0)
        return;
    bool reset = packet->kind == TG_TRANSPORT_TCP;
    int fd = reject->fds[tuple->family == TG_IPV4 ? IPV4 : IPV6];
    if (take(reset ? &reject->resets : &reject->errors, reset ? REJECT_RESETS : REJECT_ERRORS, now) && fd >= 0 &&
        send_to(fd, tuple, indev, answer, len))
        reject->sent++;
    else
        reject->held_back++;
}
