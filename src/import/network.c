/* What /etc/config/network says of the networks that zones name: their interface, and the router's address there. */
#include "import/inside.h"

#include <stdio.h>
#include <string.h>

#include "import/options.h"

#define ALIASES_DEEPEST 8 /* `@wan` of `@wan` … */

static const struct uci_section *section_of(const struct importer *importer, const char *name)
{
    const struct uci_section *s = importer->network.sections;
    while (s != NULL && (strcmp(s->type, "interface") != 0 || s->name == NULL || strcmp(s->name, name) != 0))
        s = s->next;
    return s;
}

/* Protocols whose interface netifd makes and names: PROTOCOL-NETWORK, or only NETWORK. */
static const char *made_interface(struct importer *importer, const char *proto, const char *name)
{
    static const char *const prefixed[] = {"pppoe", "pppoa", "pptp", "l2tp", "3g", "6in4", "6to4", "6rd", NULL};
    static const char *const plain[] = {"wireguard", "gre", "vti", "vxlan", NULL};
    struct buffer buffer = {0};
    for (size_t i = 0; prefixed[i] != NULL; i++) {
        if (strcmp(proto, prefixed[i]) == 0)
            buffer_print(&buffer, "%s-%s", proto, name);
    }
    for (size_t i = 0; plain[i] != NULL; i++) {
        if (strcmp(proto, plain[i]) == 0)
            buffer_print(&buffer, "%s", name);
    }
    importer->arena.failed |= buffer.failed;
    const char *made = buffer.len > 0 ? arena_text(&importer->arena, buffer_text(&buffer), buffer.len) : NULL;
    buffer_free(&buffer);
    return made;
}

static const char *interface_of(struct importer *importer, const char *name, unsigned depth)
{
    const struct uci_section *s = section_of(importer, name);
    if (s == NULL || depth > ALIASES_DEEPEST)
        return NULL;
    const char *proto = uci_text(s, "proto"), *device = uci_text(s, "device"), *type = uci_text(s, "type");
    const char *made = proto != NULL ? made_interface(importer, proto, name) : NULL;
    if (made != NULL)
        return made;
    if (type != NULL && strcmp(type, "bridge") == 0) { /* as it was written up to OpenWrt 19.07 */
        struct buffer buffer = {0};
        buffer_print(&buffer, "br-%s", name);
        const char *bridge = arena_text(&importer->arena, buffer_text(&buffer), buffer.len);
        buffer_free(&buffer);
        return bridge;
    }
    if (device == NULL)
        device = uci_text(s, "ifname");
    if (device != NULL && *device == '@')
        return interface_of(importer, device + 1, depth + 1);
    return device != NULL && *device != '\0' && strpbrk(device, " \t") == NULL ? device : NULL;
}

/* The length that a netmask stands for, or -1. */
static int netmask_len(const char *text)
{
    char whole[64];
    struct value_address net;
    if (text == NULL || snprintf(whole, sizeof whole, "0.0.0.0/%s", text) >= (int)sizeof whole ||
        !value_address(whole, &net) || net.scattered)
        return -1;
    for (int len = 0; len <= 32; len++) {
        struct tg_prefix prefix = {.family = TG_IPV4, .len = (uint8_t)len};
        if (tg_addr_equal(tg_prefix_range(&prefix).last, net.range.last))
            return len;
    }
    return -1;
}

static void add_addresses(struct importer *importer, const struct uci_section *s, const char *option,
                          struct import_address ***tail)
{
    int mask = netmask_len(uci_text(s, "netmask"));
    for (const struct uci_value *v = options_values(importer, s, option); v != NULL; v = v->next) {
        struct tg_prefix prefix;
        if (tg_prefix_parse(v->text, &prefix) != 0)
            continue;
        if (strchr(v->text, '/') == NULL && prefix.family == TG_IPV4 && mask >= 0)
            prefix.len = (uint8_t)mask;
        struct import_address *added = arena_take(&importer->arena, sizeof *added);
        if (added == NULL)
            return;
        added->prefix = prefix;
        **tail = added;
        *tail = &added->next;
    }
}

bool import_network(struct importer *importer, const char *name, struct import_network *network)
{
    const struct uci_section *s = section_of(importer, name);
    *network = (struct import_network){0};
    if (s == NULL)
        return false;
    struct import_address **tail = &network->addresses;
    const char *proto = uci_text(s, "proto");
    network->interface = interface_of(importer, name, 0);
    if (proto != NULL && strcmp(proto, "static") == 0) {
        add_addresses(importer, s, "ipaddr", &tail);
        add_addresses(importer, s, "ip6addr", &tail);
    } else if (proto != NULL && strcmp(proto, "wireguard") == 0) {
        add_addresses(importer, s, "addresses", &tail);
    }
    return true;
}
