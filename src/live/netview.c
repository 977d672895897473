/* What the kernel knows of the network: rtnetlink by libmnl, interface names by libnfnetlink.
 *
 * One socket listens for changes, another asks. A change is never applied to what is known: everything is asked anew,
 * which takes less than a millisecond on a router, and cannot drift from the kernel when a message is lost.
 *
 * What was read stays in the view as plain lists, so that two views can be compared; the engine's network and the table
 * of interfaces are made from them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnfnetlink/libnfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "live/netview.h"
#include "live/sockets.h"

enum {
    READ_ROOM = 32 * 1024,
    ATTEMPTS = 10, /* at reading all of it while it does not change */
};

struct interface {
    uint32_t index;
    uint32_t mtu; /* 0: not told */
    uint8_t zone;
};

/* An address of the router's, or a network that is reached by a zone. */
struct place {
    struct tg_prefix prefix;
    uint8_t zone;
};

struct places {
    struct place *list;
    size_t count, room;
};

struct view {
    struct interface *interfaces; /* in the order of their indexes */
    size_t interface_count, interface_room;
    struct places addresses, routes;
    struct sockets sockets;
    struct tg_network *network;
    struct interface *table; /* the same interfaces, hashed: a power of two, at most half full; index 0 is none */
    uint32_t table_mask;
};

struct netview {
    const struct tg_policy *policy;
    struct mnl_socket *events;
    struct sockets seen; /* the last time they were looked for */
    struct sockets lasting;
    bool knows_no_sockets;
};

/* ---- a view ---- */

uint8_t view_zone(const struct view *view, uint32_t index)
{
    for (uint32_t i = index & view->table_mask;; i = (i + 1) & view->table_mask) {
        if (view->table[i].index == index)
            return view->table[i].zone;
        if (view->table[i].index == 0)
            return TG_ZONE_NONE;
    }
}

bool view_has_zone(const struct view *view, uint8_t zone)
{
    for (size_t i = 0; i < view->interface_count; i++)
        if (view->interfaces[i].zone == zone)
            return true;
    return false;
}

const struct tg_network *view_network(const struct view *view)
{
    return view->network;
}

static bool equal_places(const struct places *a, const struct places *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct place *p = &a->list[i], *q = &b->list[i];
        if (p->zone != q->zone || p->prefix.family != q->prefix.family || p->prefix.len != q->prefix.len ||
            !tg_addr_equal(p->prefix.addr, q->prefix.addr))
            return false;
    }
    return true;
}

bool view_equal(const struct view *a, const struct view *b)
{
    if (a->interface_count != b->interface_count)
        return false;
    for (size_t i = 0; i < a->interface_count; i++)
        if (a->interfaces[i].index != b->interfaces[i].index || a->interfaces[i].zone != b->interfaces[i].zone ||
            a->interfaces[i].mtu != b->interfaces[i].mtu)
            return false;
    return equal_places(&a->addresses, &b->addresses) && equal_places(&a->routes, &b->routes) &&
           sockets_equal(&a->sockets, &b->sockets);
}

void view_free(struct view *view)
{
    if (view == NULL)
        return;
    tg_network_free(view->network);
    free(view->interfaces);
    free(view->addresses.list);
    free(view->routes.list);
    free(view->table);
    free(view);
}

static int add_place(struct places *places, uint8_t zone, const struct tg_prefix *prefix)
{
    if (places->count == places->room) {
        size_t room = places->room == 0 ? 16 : places->room * 2;
        struct place *list = realloc(places->list, room * sizeof *list);
        if (list == NULL)
            return -ENOMEM;
        places->list = list;
        places->room = room;
    }
    places->list[places->count++] = (struct place){*prefix, zone};
    return 0;
}

static int add_interface(struct view *view, const struct interface *interface)
{
    if (view->interface_count == view->interface_room) {
        size_t room = view->interface_room == 0 ? 16 : view->interface_room * 2;
        struct interface *list = realloc(view->interfaces, room * sizeof *list);
        if (list == NULL)
            return -ENOMEM;
        view->interfaces = list;
        view->interface_room = room;
    }
    view->interfaces[view->interface_count++] = *interface;
    return 0;
}

static int compare_interfaces(const void *a, const void *b)
{
    const struct interface *p = a, *q = b;
    return p->index < q->index ? -1 : p->index > q->index;
}

static int build_table(struct view *view)
{
    uint32_t size = 8;
    while (size < view->interface_count * 2)
        size *= 2;
    view->table = calloc(size, sizeof *view->table);
    if (view->table == NULL)
        return -ENOMEM;
    view->table_mask = size - 1;
    for (size_t n = 0; n < view->interface_count; n++) {
        uint32_t i = view->interfaces[n].index & view->table_mask;
        while (view->table[i].index != 0)
            i = (i + 1) & view->table_mask;
        view->table[i] = view->interfaces[n];
    }
    return 0;
}

/* => true if the rules file says that this is the router's address on this zone */
static bool is_stated(const struct tg_policy *policy, const struct place *place)
{
    const struct tg_zone *zone = tg_policy_zone(policy, place->zone);
    for (size_t i = 0; zone != NULL && i < zone->address_count; i++)
        if (zone->addresses[i].family == place->prefix.family &&
            tg_addr_equal(zone->addresses[i].addr, place->prefix.addr))
            return true;
    return false;
}

/* The first address of a zone is the one that masquerading takes if none is nearer to the peer. So: those that are both
 * stated and there, then what else is there, then what is only stated. */
static int add_addresses(struct tg_network *network, const struct tg_policy *policy, const struct places *addresses)
{
    int error = 0;
    for (int stated = 1; stated >= 0; stated--)
        for (size_t i = 0; i < addresses->count && error == 0; i++)
            if (is_stated(policy, &addresses->list[i]) == stated)
                error = tg_network_add_address(network, addresses->list[i].zone, &addresses->list[i].prefix);
    for (uint8_t number = 0; number < tg_policy_zone_count(policy); number++) {
        const struct tg_zone *zone = tg_policy_zone(policy, number);
        for (size_t i = 0; zone != NULL && i < zone->address_count && error == 0; i++)
            error = tg_network_add_address(network, number, &zone->addresses[i]);
    }
    return error;
}

/* Addresses and networks, then the default route: the kernel's, else the one that the rules file implies. */
static int build_network(struct view *view, const struct tg_policy *policy)
{
    view->network = tg_network_new();
    if (view->network == NULL)
        return -ENOMEM;
    int error = add_addresses(view->network, policy, &view->addresses);
    for (size_t i = 0; i < view->routes.count && error == 0; i++)
        error = tg_network_add_route(view->network, view->routes.list[i].zone, &view->routes.list[i].prefix);
    for (size_t i = 0; i < view->interface_count; i++)
        tg_network_set_mtu(view->network, view->interfaces[i].zone, view->interfaces[i].mtu);
    if (error == 0)
        error = sockets_tell(&view->sockets, view->network);
    uint8_t zone = tg_policy_default_zone(policy);
    if (error == 0 && zone != TG_ZONE_NONE)
        error = tg_network_add_default(view->network, zone);
    tg_network_seal(view->network);
    return error;
}

/* ---- reading ---- */

struct reading {
    const struct netview *netview;
    struct nlif_handle *names;
    struct view *view;
};

/* The zone of an interface while the table is not built yet. */
static uint8_t zone_of(const struct view *view, uint32_t index)
{
    for (size_t i = 0; i < view->interface_count; i++)
        if (view->interfaces[i].index == index)
            return view->interfaces[i].zone;
    return TG_ZONE_NONE;
}

/* Gather the attributes of a message in an array of RTA_MAX + 1: more than the numbers of all that are read here. */
static int gather(const struct nlattr *attribute, void *context)
{
    const struct nlattr **attributes = context;
    if (mnl_attr_get_type(attribute) <= RTA_MAX)
        attributes[mnl_attr_get_type(attribute)] = attribute;
    return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
    const struct nlattr *attributes[RTA_MAX + 1] = {NULL};
    struct interface interface = {.index = (uint32_t)link->ifi_index, .zone = TG_ZONE_NONE};
    char name[IFNAMSIZ];
    mnl_attr_parse(message, sizeof *link, gather, attributes);
    if (attributes[IFLA_MTU] != NULL)
        interface.mtu = mnl_attr_get_u32(attributes[IFLA_MTU]);
    if (nlif_index2name(reading->names, interface.index, name) > 0)
        interface.zone = tg_policy_zone_of_interface(reading->netview->policy, name);
    if (add_interface(reading->view, &interface) == 0)
        return MNL_CB_OK;
    errno = ENOMEM;
    return MNL_CB_ERROR;
}

/* => true if the attribute is an address of `family`, AF_INET or AF_INET6 */
static bool read_address(const struct nlattr *attribute, int family, struct tg_prefix *prefix)
{
    uint16_t bytes = family == AF_INET ? 4 : 16;
    if (attribute == NULL || (family != AF_INET && family != AF_INET6) || mnl_attr_get_payload_len(attribute) != bytes)
        return false;
    prefix->family = family == AF_INET ? TG_IPV4 : TG_IPV6;
    prefix->len = (uint8_t)(bytes * 8);
    prefix->addr = tg_addr_load(prefix->family, mnl_attr_get_payload(attribute));
    return true;
}

/* IFA_LOCAL is the router's own; where it is another than IFA_ADDRESS, that is the peer's, and the network is the
 * peer's. */
static int read_own_address(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    const struct ifaddrmsg *about = mnl_nlmsg_get_payload(message);
    const struct nlattr *attributes[RTA_MAX + 1] = {NULL};
    struct tg_prefix own, peer;
    mnl_attr_parse(message, sizeof *about, gather, attributes);
    const struct nlattr *flags = attributes[IFA_FLAGS];
    if ((flags == NULL ? about->ifa_flags : mnl_attr_get_u32(flags)) & IFA_F_DADFAILED)
        return MNL_CB_OK;
    bool has_peer = read_address(attributes[IFA_ADDRESS], about->ifa_family, &peer);
    if (!read_address(attributes[IFA_LOCAL], about->ifa_family, &own)) {
        if (!has_peer)
            return MNL_CB_OK;
        own = peer;
    }
    if (!has_peer || tg_addr_equal(own.addr, peer.addr))
        own.len = about->ifa_prefixlen;
    if (tg_addr_is_link_local(own.family, own.addr))
        return MNL_CB_OK;
    if (add_place(&reading->view->addresses, zone_of(reading->view, about->ifa_index), &own) == 0)
        return MNL_CB_OK;
    errno = ENOMEM;
    return MNL_CB_ERROR;
}

static int read_hops(const struct nlattr *hops, struct reading *reading, const struct tg_prefix *prefix)
{
    const uint8_t *at = mnl_attr_get_payload(hops);
    size_t left = mnl_attr_get_payload_len(hops);
    struct rtnexthop hop;
    while (left >= sizeof hop) {
        memcpy(&hop, at, sizeof hop);
        size_t step = RTNH_ALIGN(hop.rtnh_len);
        if (hop.rtnh_len < sizeof hop)
            break;
        int error = add_place(&reading->view->routes, zone_of(reading->view, (uint32_t)hop.rtnh_ifindex), prefix);
        if (error != 0)
            return error;
        if (step >= left)
            break;
        at += step;
        left -= step;
    }
    return 0;
}

static int read_route(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    const struct rtmsg *about = mnl_nlmsg_get_payload(message);
    const struct nlattr *attributes[RTA_MAX + 1] = {NULL};
    struct tg_prefix prefix = {.family = about->rtm_family == AF_INET ? TG_IPV4 : TG_IPV6};
    mnl_attr_parse(message, sizeof *about, gather, attributes);
    uint32_t table = attributes[RTA_TABLE] == NULL ? about->rtm_table : mnl_attr_get_u32(attributes[RTA_TABLE]);
    bool is_ours = table == RT_TABLE_MAIN && about->rtm_type == RTN_UNICAST && !(about->rtm_flags & RTM_F_CLONED) &&
                   (about->rtm_family == AF_INET || about->rtm_family == AF_INET6);
    if (!is_ours)
        return MNL_CB_OK;
    if (about->rtm_dst_len != 0 && !read_address(attributes[RTA_DST], about->rtm_family, &prefix))
        return MNL_CB_OK;
    prefix.len = about->rtm_dst_len;
    if (prefix.len != 0 && tg_addr_is_link_local(prefix.family, prefix.addr))
        return MNL_CB_OK;
    int error = 0;
    if (attributes[RTA_OIF] != NULL)
        error =
            add_place(&reading->view->routes, zone_of(reading->view, mnl_attr_get_u32(attributes[RTA_OIF])), &prefix);
    else if (attributes[RTA_MULTIPATH] != NULL)
        error = read_hops(attributes[RTA_MULTIPATH], reading, &prefix);
    if (error == 0)
        return MNL_CB_OK;
    errno = -error;
    return MNL_CB_ERROR;
}

/* Ask for all objects of a kind.
 * => 0, or -errno; -EINTR: they changed while they were told */
static int dump(struct mnl_socket *socket, uint16_t type, size_t header, mnl_cb_t read, struct reading *reading)
{
    _Alignas(struct nlmsghdr) char request[64];
    struct nlmsghdr *message = mnl_nlmsg_put_header(request);
    message->nlmsg_type = type;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message->nlmsg_seq = type;
    mnl_nlmsg_put_extra_header(message, header); /* all zero: of every family */
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
        return -errno;
    char *buffer = malloc(READ_ROOM);
    if (buffer == NULL)
        return -ENOMEM;
    int result = MNL_CB_OK;
    while (result > MNL_CB_STOP) {
        ssize_t len = mnl_socket_recvfrom(socket, buffer, READ_ROOM);
        if (len < 0 && errno == EINTR)
            continue;
        result = len < 0 ? MNL_CB_ERROR
                         : mnl_cb_run(buffer, (size_t)len, type, mnl_socket_get_portid(socket), read, reading);
    }
    int error = result < 0 ? -errno : 0;
    free(buffer);
    return error;
}

/* Names are asked first: an interface that comes in between is without a name and therefore without a zone, and its
 * coming is a change that is read again. */
static int read_all(struct reading *reading)
{
    struct view *view = reading->view;
    if (nlif_query(reading->names) < 0)
        return -EAGAIN;
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == NULL)
        return -errno;
    int error = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
    if (error == 0)
        error = dump(socket, RTM_GETLINK, sizeof(struct ifinfomsg), read_link, reading);
    if (error == 0)
        error = dump(socket, RTM_GETADDR, sizeof(struct ifaddrmsg), read_own_address, reading);
    if (error == 0)
        error = dump(socket, RTM_GETROUTE, sizeof(struct rtmsg), read_route, reading);
    mnl_socket_close(socket);
    if (error != 0)
        return error;
    view->sockets = reading->netview->lasting;
    if (view->interface_count != 0)
        qsort(view->interfaces, view->interface_count, sizeof *view->interfaces, compare_interfaces);
    error = build_table(view);
    return error != 0 ? error : build_network(view, reading->netview->policy);
}

static int read_once(const struct netview *netview, struct view **view)
{
    struct reading reading = {.netview = netview, .names = nlif_open(), .view = calloc(1, sizeof **view)};
    int error = reading.names == NULL || reading.view == NULL ? -ENOMEM : read_all(&reading);
    if (reading.names != NULL)
        nlif_close(reading.names);
    if (error == 0)
        *view = reading.view;
    else
        view_free(reading.view);
    return error;
}

int netview_read(struct netview *netview, struct view **view)
{
    int error = -EAGAIN;
    for (int i = 0; i < ATTEMPTS && (error == -EINTR || error == -EAGAIN || error == -ENOBUFS); i++)
        error = read_once(netview, view);
    return error;
}

/* ---- watching ---- */

int netview_open(struct netview **opened, const struct tg_policy *policy)
{
    const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                          RTNLGRP_IPV6_ROUTE};
    struct netview *netview = calloc(1, sizeof *netview);
    if (netview == NULL)
        return -ENOMEM;
    netview->policy = policy;
    netview->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int error = netview->events == NULL || mnl_socket_bind(netview->events, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups && error == 0; i++) {
        int group = groups[i];
        if (mnl_socket_setsockopt(netview->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
            error = -errno;
    }
    if (error != 0) {
        netview_close(netview);
        return error;
    }
    netview->knows_no_sockets = sockets_read(&netview->seen) == -ENOENT;
    netview->lasting = netview->seen;
    *opened = netview;
    return 0;
}

void netview_close(struct netview *netview)
{
    if (netview == NULL)
        return;
    if (netview->events != NULL)
        mnl_socket_close(netview->events);
    free(netview);
}

int netview_fd(const struct netview *netview)
{
    return mnl_socket_get_fd(netview->events);
}

bool netview_changed(struct netview *netview)
{
    bool changed = false;
    for (;;) {
        char byte; /* what it says does not matter: the rest of the message is cut off */
        struct sockaddr_nl from = {0};
        socklen_t from_len = sizeof from;
        ssize_t len = recvfrom(netview_fd(netview), &byte, sizeof byte, 0, (struct sockaddr *)&from, &from_len);
        if (len < 0 && errno == ENOBUFS)
            changed = true; /* some were lost */
        else if (len < 0 && errno != EINTR)
            return changed;
        else if (len >= 0 && from.nl_pid == 0)
            changed = true;
    }
}

bool netview_look_for_sockets(struct netview *netview, const struct view *view)
{
    struct sockets before = netview->seen;
    if (netview->knows_no_sockets || sockets_read(&netview->seen) != 0) {
        netview->seen = before;
        return false;
    }
    netview->lasting = netview->seen;
    sockets_keep_lasting(&netview->lasting, &before);
    return !sockets_equal(&netview->lasting, &view->sockets);
}

bool netview_knows_no_sockets(const struct netview *netview)
{
    return netview->knows_no_sockets;
}
