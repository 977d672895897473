#include "rules/services.h"

#include <stdlib.h>
#include <string.h>

#include "tidegate/packet.h"

#define TCP_TO(first, last)                                                                                            \
    {                                                                                                                  \
        TG_PROTO_TCP, false,                                                                                           \
        {                                                                                                              \
            first, last                                                                                                \
        }                                                                                                              \
    }
#define TCP(port) TCP_TO(port, port)
#define UDP(port)                                                                                                      \
    {                                                                                                                  \
        TG_PROTO_UDP, false,                                                                                           \
        {                                                                                                              \
            port, port                                                                                                 \
        }                                                                                                              \
    }
#define ESP                                                                                                            \
    {                                                                                                                  \
        TG_PROTO_ESP, true,                                                                                            \
        {                                                                                                              \
            0, 0                                                                                                       \
        }                                                                                                              \
    }
#define GRE                                                                                                            \
    {                                                                                                                  \
        TG_PROTO_GRE, true,                                                                                            \
        {                                                                                                              \
            0, 0                                                                                                       \
        }                                                                                                              \
    }

/* In order, for bsearch(). Besides IANA's names stand the few that everybody says instead. */
/* clang-format off */
static const struct service services[] = {
    {"afp", {TCP(548)}},
    {"amqp", {TCP(5672)}},
    {"amqps", {TCP(5671)}},
    {"bgp", {TCP(179)}},
    {"bootpc", {UDP(68)}},
    {"bootps", {UDP(67)}},
    {"cifs", {TCP(445)}},
    {"coap", {UDP(5683)}},
    {"coaps", {UDP(5684)}},
    {"daytime", {TCP(13), UDP(13)}},
    {"dhcp", {UDP(67)}},
    {"dhcp-client", {UDP(68)}},
    {"dhcpv6-client", {UDP(546)}},
    {"dhcpv6-server", {UDP(547)}},
    {"discard", {TCP(9), UDP(9)}},
    {"dns", {TCP(53), UDP(53)}},
    {"dns-over-tls", {TCP(853), UDP(853)}},
    {"domain", {TCP(53), UDP(53)}},
    {"domain-s", {TCP(853), UDP(853)}},
    {"echo", {TCP(7), UDP(7)}},
    {"epmap", {TCP(135)}},
    {"finger", {TCP(79)}},
    {"ftp", {TCP(21)}},
    {"ftp-data", {TCP(20)}},
    {"ftps", {TCP(990)}},
    {"ftps-data", {TCP(989)}},
    {"git", {TCP(9418)}},
    {"gopher", {TCP(70)}},
    {"h323", {TCP(1720)}},
    {"hkp", {TCP(11371)}},
    {"http", {TCP(80)}},
    {"http-alt", {TCP(8080)}},
    {"https", {TCP(443), UDP(443)}},
    {"ident", {TCP(113)}},
    {"imap", {TCP(143)}},
    {"imaps", {TCP(993)}},
    {"ipp", {TCP(631)}},
    {"ipsec", {UDP(500), UDP(4500), ESP}},
    {"ipsec-nat-t", {UDP(4500)}},
    {"irc", {TCP(6667)}},
    {"ircs-u", {TCP(6697)}},
    {"isakmp", {UDP(500)}},
    {"iscsi", {TCP(3260)}},
    {"kerberos", {TCP(88), UDP(88)}},
    {"kpasswd", {TCP(464), UDP(464)}},
    {"l2tp", {UDP(1701)}},
    {"ldap", {TCP(389), UDP(389)}},
    {"ldaps", {TCP(636)}},
    {"llmnr", {TCP(5355), UDP(5355)}},
    {"mdns", {UDP(5353)}},
    {"microsoft-ds", {TCP(445)}},
    {"modbus", {TCP(502)}},
    {"mqtt", {TCP(1883)}},
    {"mqtts", {TCP(8883)}},
    {"ms-sql", {TCP(1433)}},
    {"ms-sql-s", {TCP(1433)}},
    {"ms-wbt-server", {TCP(3389), UDP(3389)}},
    {"mysql", {TCP(3306)}},
    {"nat-pmp", {UDP(5351)}},
    {"netbios-dgm", {UDP(138)}},
    {"netbios-ns", {UDP(137)}},
    {"netbios-ssn", {TCP(139)}},
    {"nfs", {TCP(2049), UDP(2049)}},
    {"nntp", {TCP(119)}},
    {"nntps", {TCP(563)}},
    {"ntp", {UDP(123)}},
    {"ntske", {TCP(4460)}},
    {"openvpn", {TCP(1194), UDP(1194)}},
    {"pcp", {UDP(5351)}},
    {"pop3", {TCP(110)}},
    {"pop3s", {TCP(995)}},
    {"postgresql", {TCP(5432)}},
    {"pptp", {TCP(1723), GRE}},
    {"printer", {TCP(515)}},
    {"ptp-event", {UDP(319)}},
    {"ptp-general", {UDP(320)}},
    {"qotd", {TCP(17), UDP(17)}},
    {"radius", {UDP(1812)}},
    {"radius-acct", {UDP(1813)}},
    {"rdp", {TCP(3389), UDP(3389)}},
    {"redis", {TCP(6379)}},
    {"rip", {UDP(520)}},
    {"ripng", {UDP(521)}},
    {"rpcbind", {TCP(111), UDP(111)}},
    {"rsync", {TCP(873)}},
    {"rtmp", {TCP(1935)}},
    {"rtsp", {TCP(554), UDP(554)}},
    {"rtsps", {TCP(322), UDP(322)}},
    {"secure-mqtt", {TCP(8883)}},
    {"sieve", {TCP(4190)}},
    {"sip", {TCP(5060), UDP(5060)}},
    {"sips", {TCP(5061), UDP(5061)}},
    {"smb", {TCP(445)}},
    {"smtp", {TCP(25)}},
    {"smtps", {TCP(465)}},
    {"snmp", {UDP(161)}},
    {"snmp-trap", {UDP(162)}},
    {"socks", {TCP(1080)}},
    {"ssdp", {UDP(1900)}},
    {"ssh", {TCP(22)}},
    {"stun", {TCP(3478), UDP(3478)}},
    {"stuns", {TCP(5349), UDP(5349)}},
    {"submission", {TCP(587)}},
    {"submissions", {TCP(465)}},
    {"sunrpc", {TCP(111), UDP(111)}},
    {"svn", {TCP(3690)}},
    {"syslog", {UDP(514)}},
    {"syslog-tls", {TCP(6514), UDP(6514)}},
    {"tacacs", {TCP(49)}},
    {"telnet", {TCP(23)}},
    {"telnets", {TCP(992)}},
    {"tftp", {UDP(69)}},
    {"time", {TCP(37), UDP(37)}},
    {"turn", {TCP(3478), UDP(3478)}},
    {"turns", {TCP(5349), UDP(5349)}},
    {"upnp", {UDP(1900)}},
    {"vnc", {TCP(5900)}},
    {"whois", {TCP(43)}},
    {"wireguard", {UDP(51820)}},
    {"ws-discovery", {UDP(3702)}},
    {"x11", {TCP_TO(6000, 6063)}},
    {"xmpp-client", {TCP(5222)}},
    {"xmpp-server", {TCP(5269)}},
    {"zabbix-agent", {TCP(10050)}},
    {"zabbix-trapper", {TCP(10051)}},
};
/* clang-format on */

static const struct {
    const char *name;
    struct policy_ports ports;
} classes[] = {
    {"well-known", {0, 1023}},
    {"registered", {1024, 49151}},
    {"ephemeral", {49152, 65535}},
};

static int compare(const void *key, const void *element)
{
    return strcmp(key, ((const struct service *)element)->name);
}

const struct service *service_named(const char *name)
{
    return bsearch(name, services, sizeof services / sizeof *services, sizeof *services, compare);
}

const struct policy_ports *service_class(const char *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(classes[i].name, name) == 0)
            return &classes[i].ports;
    }
    return NULL;
}

void service_near(struct near *near)
{
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        near_try(near, services[i].name);
}

void service_near_class(struct near *near)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        near_try(near, classes[i].name);
}

const struct service *service_table(size_t *count)
{
    *count = sizeof services / sizeof *services;
    return services;
}
