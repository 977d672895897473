#include "live/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_ROOM = 32 * 1024,
    /* The kernel's states of a socket: TCP_CLOSE is also that of a UDP socket without a peer. */
    STATE_CLOSE = 7,
    STATE_LISTEN = 10,
};

static const struct {
    uint8_t number;
    uint8_t state;
} protocols[SOCKETS_PROTOCOLS] = {
    [SOCKETS_TCP] = {IPPROTO_TCP, STATE_LISTEN},
    [SOCKETS_UDP] = {IPPROTO_UDP, STATE_CLOSE},
};

/* A socket of IPv6 on all addresses may take IPv4 as well. */
static bool is_reached(const struct inet_diag_msg *about)
{
    struct in6_addr addr;
    memcpy(&addr, about->id.idiag_src, sizeof addr);
    if (about->idiag_family == AF_INET)
        return addr.s6_addr[0] != IN_LOOPBACKNET;
    return IN6_IS_ADDR_UNSPECIFIED(&addr) || (IN6_IS_ADDR_V4MAPPED(&addr) && addr.s6_addr[12] != IN_LOOPBACKNET);
}

static int read_socket(const struct nlmsghdr *message, void *context)
{
    uint32_t *ports = context;
    const struct inet_diag_msg *about = mnl_nlmsg_get_payload(message);
    if (mnl_nlmsg_get_payload_len(message) < sizeof *about || !is_reached(about))
        return MNL_CB_OK;
    uint16_t port = ntohs(about->id.idiag_sport);
    if (port != 0)
        ports[port / 32] |= UINT32_C(1) << port % 32;
    return MNL_CB_OK;
}

/* All of one protocol and family. */
static int dump(struct mnl_socket *socket, char *buffer, int protocol, uint8_t family, uint32_t *ports)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(message, sizeof *request);
    request->sdiag_family = family;
    request->sdiag_protocol = protocols[protocol].number;
    request->idiag_states = UINT32_C(1) << protocols[protocol].state;
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
        return -errno;
    int result = MNL_CB_OK;
    while (result > MNL_CB_STOP) {
        ssize_t len = mnl_socket_recvfrom(socket, buffer, READ_ROOM);
        if (len < 0 && errno == EINTR)
            continue;
        result = len < 0 ? MNL_CB_ERROR
                         : mnl_cb_run(buffer, (size_t)len, 0, mnl_socket_get_portid(socket), read_socket, ports);
    }
    return result < 0 ? -errno : 0;
}

/* IPv6 may not be there at all. */
static int read_all(struct mnl_socket *socket, char *buffer, struct sockets *sockets)
{
    int error = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
    for (int protocol = 0; protocol < SOCKETS_PROTOCOLS && error == 0; protocol++) {
        error = dump(socket, buffer, protocol, AF_INET, sockets->ports[protocol]);
        if (error == 0)
            (void)dump(socket, buffer, protocol, AF_INET6, sockets->ports[protocol]);
    }
    return error;
}

int sockets_read(struct sockets *sockets)
{
    memset(sockets, 0, sizeof *sockets);
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    char *buffer = malloc(READ_ROOM);
    int error = socket == NULL ? -errno : buffer == NULL ? -ENOMEM : read_all(socket, buffer, sockets);
    free(buffer);
    if (socket != NULL)
        mnl_socket_close(socket);
    return error == -EPROTONOSUPPORT || error == -EINVAL ? -ENOENT : error;
}

void sockets_keep_lasting(struct sockets *sockets, const struct sockets *before)
{
    for (size_t i = 0; i < 65536 / 32; i++)
        sockets->ports[SOCKETS_UDP][i] &= before->ports[SOCKETS_UDP][i];
}

bool sockets_equal(const struct sockets *a, const struct sockets *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

int sockets_tell(const struct sockets *sockets, struct tg_network *network)
{
    int error = 0;
    for (int protocol = 0; protocol < SOCKETS_PROTOCOLS; protocol++)
        for (uint32_t port = 1; port < 65536 && error == 0; port++)
            if (sockets->ports[protocol][port / 32] & UINT32_C(1) << port % 32)
                error = tg_network_add_local_port(network, protocols[protocol].number, (uint16_t)port);
    return error;
}
