#include "import/options.h"

#include <string.h>
#include <strings.h>

enum {
    LIST = 1,        /* may have several values */
    PLAIN = 2,       /* may not be inverted */
    UNSUPPORTED = 4, /* firewall4 says so, and goes on */
    REQUIRED = 8,
};

enum kind {
    KIND_BOOL,
    KIND_STRING,
    KIND_NUMBER,
    KIND_IDENTIFIER,
    KIND_FAMILY,
    KIND_POLICY,
    KIND_TARGET,
    KIND_ZONE,
    KIND_DEVICE,
    KIND_DIRECTION,
    KIND_NETWORK,
    KIND_PORT,
    KIND_PROTO,
    KIND_MAC,
    KIND_ICMP,
    KIND_LIMIT,
    KIND_DATE,
    KIND_TIME,
    KIND_WEEKDAYS,
    KIND_MARK,
    KIND_DSCP,
    KIND_SETMATCH,
    KIND_SETTYPE,
    KIND_REJECT_CODE,
    KIND_REFLECTION,
    KIND_INCLUDE,
    KIND_POSITION,
};

struct known {
    const char *name;
    enum kind kind;
    unsigned flags;
};

static const struct known defaults[] = {
    {"input", KIND_POLICY, 0},
    {"output", KIND_POLICY, 0},
    {"forward", KIND_POLICY, 0},
    {"drop_invalid", KIND_BOOL, 0},
    {"drop_invalid_early", KIND_BOOL, 0},
    {"tcp_reject_code", KIND_REJECT_CODE, 0},
    {"any_reject_code", KIND_REJECT_CODE, 0},
    {"syn_flood", KIND_BOOL, 0},
    {"synflood_protect", KIND_BOOL, 0},
    {"synflood_rate", KIND_LIMIT, 0},
    {"synflood_burst", KIND_NUMBER, 0},
    {"tcp_syncookies", KIND_BOOL, 0},
    {"tcp_ecn", KIND_NUMBER, 0},
    {"tcp_window_scaling", KIND_BOOL, 0},
    {"accept_redirects", KIND_BOOL, 0},
    {"accept_source_route", KIND_BOOL, 0},
    {"auto_helper", KIND_BOOL, 0},
    {"custom_chains", KIND_BOOL, UNSUPPORTED},
    {"disable_ipv6", KIND_BOOL, UNSUPPORTED},
    {"flow_offloading", KIND_BOOL, 0},
    {"flow_offloading_hw", KIND_BOOL, 0},
    {"flow_offloading_related", KIND_BOOL, 0},
    {"auto_includes", KIND_BOOL, 0},
    {0},
};

static const struct known zone[] = {
    {"enabled", KIND_BOOL, 0},
    {"name", KIND_IDENTIFIER, REQUIRED},
    {"family", KIND_FAMILY, 0},
    {"network", KIND_DEVICE, LIST},
    {"device", KIND_DEVICE, LIST},
    {"subnet", KIND_NETWORK, LIST},
    {"input", KIND_POLICY, 0},
    {"output", KIND_POLICY, 0},
    {"forward", KIND_POLICY, 0},
    {"masq", KIND_BOOL, 0},
    {"masq_allow_invalid", KIND_BOOL, 0},
    {"masq_src", KIND_NETWORK, LIST},
    {"masq_dest", KIND_NETWORK, LIST},
    {"masq6", KIND_BOOL, 0},
    {"extra", KIND_STRING, UNSUPPORTED},
    {"extra_src", KIND_STRING, UNSUPPORTED},
    {"extra_dest", KIND_STRING, UNSUPPORTED},
    {"mtu_fix", KIND_BOOL, 0},
    {"custom_chains", KIND_BOOL, UNSUPPORTED},
    {"log", KIND_NUMBER, 0},
    {"log_limit", KIND_LIMIT, 0},
    {"auto_helper", KIND_BOOL, 0},
    {"helper", KIND_STRING, LIST},
    {"counter", KIND_BOOL, 0},
    {0},
};

static const struct known forwarding[] = {
    {"enabled", KIND_BOOL, 0},    {"name", KIND_STRING, 0},      {"family", KIND_FAMILY, 0},
    {"src", KIND_ZONE, REQUIRED}, {"dest", KIND_ZONE, REQUIRED}, {0},
};

static const struct known rule[] = {
    {"enabled", KIND_BOOL, 0},
    {"name", KIND_STRING, 0},
    {"_name", KIND_STRING, UNSUPPORTED},
    {"family", KIND_FAMILY, 0},
    {"src", KIND_ZONE, 0},
    {"dest", KIND_ZONE, 0},
    {"device", KIND_DEVICE, PLAIN},
    {"direction", KIND_DIRECTION, 0},
    {"ipset", KIND_SETMATCH, 0},
    {"helper", KIND_STRING, 0},
    {"set_helper", KIND_STRING, PLAIN},
    {"proto", KIND_PROTO, LIST},
    {"src_ip", KIND_NETWORK, LIST},
    {"src_mac", KIND_MAC, LIST},
    {"src_port", KIND_PORT, LIST},
    {"dest_ip", KIND_NETWORK, LIST},
    {"dest_port", KIND_PORT, LIST},
    {"icmp_type", KIND_ICMP, LIST},
    {"extra", KIND_STRING, UNSUPPORTED},
    {"limit", KIND_LIMIT, 0},
    {"limit_burst", KIND_NUMBER, 0},
    {"utc_time", KIND_BOOL, 0},
    {"start_date", KIND_DATE, 0},
    {"stop_date", KIND_DATE, 0},
    {"start_time", KIND_TIME, 0},
    {"stop_time", KIND_TIME, 0},
    {"weekdays", KIND_WEEKDAYS, 0},
    {"monthdays", KIND_STRING, UNSUPPORTED},
    {"mark", KIND_MARK, 0},
    {"set_mark", KIND_MARK, PLAIN},
    {"set_xmark", KIND_MARK, PLAIN},
    {"dscp", KIND_DSCP, 0},
    {"set_dscp", KIND_DSCP, PLAIN},
    {"counter", KIND_BOOL, 0},
    {"log", KIND_STRING, 0},
    {"log_limit", KIND_LIMIT, 0},
    {"target", KIND_TARGET, 0},
    {0},
};

static const struct known redirect[] = {
    {"enabled", KIND_BOOL, 0},
    {"name", KIND_STRING, 0},
    {"_name", KIND_STRING, UNSUPPORTED},
    {"family", KIND_FAMILY, 0},
    {"src", KIND_ZONE, 0},
    {"dest", KIND_ZONE, 0},
    {"ipset", KIND_SETMATCH, 0},
    {"helper", KIND_STRING, PLAIN},
    {"proto", KIND_PROTO, LIST},
    {"src_ip", KIND_NETWORK, 0},
    {"src_mac", KIND_MAC, LIST},
    {"src_port", KIND_PORT, 0},
    {"src_dip", KIND_NETWORK, 0},
    {"src_dport", KIND_PORT, 0},
    {"dest_ip", KIND_NETWORK, 0},
    {"dest_port", KIND_PORT, 0},
    {"extra", KIND_STRING, UNSUPPORTED},
    {"limit", KIND_LIMIT, 0},
    {"limit_burst", KIND_NUMBER, 0},
    {"utc_time", KIND_BOOL, 0},
    {"start_date", KIND_DATE, 0},
    {"stop_date", KIND_DATE, 0},
    {"start_time", KIND_TIME, 0},
    {"stop_time", KIND_TIME, 0},
    {"weekdays", KIND_WEEKDAYS, 0},
    {"monthdays", KIND_STRING, UNSUPPORTED},
    {"mark", KIND_MARK, 0},
    {"reflection", KIND_BOOL, 0},
    {"reflection_src", KIND_REFLECTION, 0},
    {"reflection_zone", KIND_ZONE, LIST},
    {"counter", KIND_BOOL, 0},
    {"log", KIND_STRING, 0},
    {"log_limit", KIND_LIMIT, 0},
    {"target", KIND_TARGET, 0},
    {0},
};

static const struct known nat[] = {
    {"enabled", KIND_BOOL, 0},
    {"name", KIND_STRING, 0},
    {"family", KIND_FAMILY, 0},
    {"src", KIND_ZONE, 0},
    {"device", KIND_STRING, 0},
    {"ipset", KIND_SETMATCH, UNSUPPORTED},
    {"proto", KIND_PROTO, LIST},
    {"src_ip", KIND_NETWORK, 0},
    {"src_port", KIND_PORT, 0},
    {"snat_ip", KIND_NETWORK, PLAIN},
    {"snat_port", KIND_PORT, PLAIN},
    {"dest_ip", KIND_NETWORK, 0},
    {"dest_port", KIND_PORT, 0},
    {"extra", KIND_STRING, UNSUPPORTED},
    {"limit", KIND_LIMIT, 0},
    {"limit_burst", KIND_NUMBER, 0},
    {"connlimit_ports", KIND_BOOL, 0},
    {"utc_time", KIND_BOOL, 0},
    {"start_date", KIND_DATE, 0},
    {"stop_date", KIND_DATE, 0},
    {"start_time", KIND_TIME, 0},
    {"stop_time", KIND_TIME, 0},
    {"weekdays", KIND_WEEKDAYS, 0},
    {"monthdays", KIND_STRING, UNSUPPORTED},
    {"mark", KIND_MARK, 0},
    {"counter", KIND_BOOL, 0},
    {"log", KIND_STRING, 0},
    {"target", KIND_TARGET, 0},
    {0},
};

static const struct known ipset[] = {
    {"enabled", KIND_BOOL, 0},
    {"reload_set", KIND_BOOL, 0},
    {"counters", KIND_BOOL, 0},
    {"comment", KIND_STRING, 0},
    {"name", KIND_IDENTIFIER, REQUIRED},
    {"family", KIND_FAMILY, 0},
    {"storage", KIND_STRING, UNSUPPORTED},
    {"match", KIND_SETTYPE, LIST},
    {"iprange", KIND_STRING, UNSUPPORTED},
    {"portrange", KIND_STRING, UNSUPPORTED},
    {"netmask", KIND_NUMBER, UNSUPPORTED},
    {"maxelem", KIND_NUMBER, 0},
    {"hashsize", KIND_NUMBER, UNSUPPORTED},
    {"timeout", KIND_NUMBER, 0},
    {"external", KIND_STRING, UNSUPPORTED},
    {"entry", KIND_STRING, LIST},
    {"loadfile", KIND_STRING, 0},
    {0},
};

static const struct known include[] = {
    {"enabled", KIND_BOOL, 0},        {"path", KIND_STRING, REQUIRED},      {"type", KIND_INCLUDE, 0},
    {"fw4_compatible", KIND_BOOL, 0}, {"family", KIND_FAMILY, UNSUPPORTED}, {"reload", KIND_BOOL, UNSUPPORTED},
    {"position", KIND_POSITION, 0},   {"chain", KIND_IDENTIFIER, 0},        {0},
};

static const struct known none[] = {{0}};

static const struct {
    const char *type;
    const struct known *options;
} types[] = {
    {"defaults", defaults}, {"zone", zone}, {"forwarding", forwarding}, {"rule", rule},
    {"redirect", redirect}, {"nat", nat},   {"ipset", ipset},           {"include", include},
};

/* Whether `text` is a beginning of one of several words. */
static bool one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (value_begins(text, *words))
            return true;
    }
    return false;
}

static bool is_set_type(const char *text)
{
    static const char *const kinds[] = {"ip", "port", "mac", "net", "set", NULL};
    if (strncmp(text, "src_", 4) == 0 || strncmp(text, "dst_", 4) == 0)
        text += 4;
    else if (strncmp(text, "dest_", 5) == 0)
        text += 5;
    return one_of(text, kinds);
}

static bool is_zone(const struct importer *importer, const char *text)
{
    return strcmp(text, "*") == 0 || import_zone(importer, text) != NULL;
}

static bool is_network(const char *text)
{
    struct value_address address;
    return value_address(text, &address) || value_is_network(text);
}

/* Values that are one of a few words. */
static bool word_fits(enum kind kind, const char *text)
{
    static const char *const codes[] = {"tcp-reset",        "port-unreachable", "admin-prohibited",
                                        "host-unreachable", "no-route",         NULL};
    static const char *const reflections[] = {"internal", "external", NULL};
    static const char *const includes[] = {"script", "nftables", NULL};
    static const char *const positions[] = {"ruleset-prepend", "ruleset-postpend",
                                            "ruleset-append",  "table-prepend",
                                            "table-postpend",  "table-append",
                                            "chain-prepend",   "chain-postpend",
                                            "chain-append",    NULL};
    static const char *const directions[] = {"in", "ingress", "out", "egress", NULL};
    switch (kind) {
    case KIND_REJECT_CODE: return one_of(text, codes);
    case KIND_REFLECTION: return one_of(text, reflections);
    case KIND_INCLUDE: return one_of(text, includes);
    case KIND_POSITION: return one_of(text, positions);
    default: break;
    }
    for (size_t i = 0; directions[i] != NULL; i++) {
        if (strcmp(text, directions[i]) == 0)
            return true;
    }
    return false;
}

static bool fits(const struct importer *importer, enum kind kind, const char *text)
{
    union {
        bool is;
        uint8_t families;
        enum value_target target;
        struct value_port port;
        struct value_proto proto;
        struct value_icmp icmp;
        struct value_limit limit;
        struct value_time time;
        char mac[VALUE_MAC];
    } v;
    bool invert;
    switch (kind) {
    case KIND_BOOL: return value_bool(text, &v.is);
    case KIND_STRING: return true;
    case KIND_NUMBER: return value_number(text);
    case KIND_IDENTIFIER: return value_identifier(text);
    case KIND_FAMILY: return value_family(text, &v.families);
    case KIND_POLICY: return value_policy(text, &v.target);
    case KIND_TARGET: return value_target(text, &v.target);
    case KIND_ZONE: return is_zone(importer, text);
    case KIND_SETMATCH:
    case KIND_DEVICE: return *value_bare(text, &invert) != '\0';
    case KIND_NETWORK: return is_network(text);
    case KIND_PORT: return value_port(text, &v.port);
    case KIND_PROTO: return value_proto(text, &v.proto);
    case KIND_MAC: return value_mac(text, &invert, v.mac);
    case KIND_ICMP: return value_icmp(text, &v.icmp);
    case KIND_LIMIT: return value_limit(text, &v.limit);
    case KIND_DATE: return value_date(text);
    case KIND_TIME: return value_time(text, &v.time);
    case KIND_WEEKDAYS: return value_weekdays(text, &v.families);
    case KIND_MARK: return value_mark(text);
    case KIND_DSCP: return value_dscp(text);
    case KIND_SETTYPE: return is_set_type(text);
    default: return word_fits(kind, text);
    }
}

/* Split at blanks. */
static struct uci_value *split(struct importer *importer, const char *text)
{
    struct uci_value *first = NULL, **tail = &first;
    for (;;) {
        text += strspn(text, " \t\n");
        size_t len = strcspn(text, " \t\n");
        if (len == 0)
            return first;
        struct uci_value *value = arena_take(&importer->arena, sizeof *value);
        const char *copy = arena_text(&importer->arena, text, len);
        if (value == NULL || copy == NULL)
            return first;
        value->text = copy;
        *tail = value;
        tail = &value->next;
        text += len;
    }
}

const struct uci_value *options_values(struct importer *importer, const struct uci_section *section, const char *name)
{
    const struct uci_option *option = uci_option(section, name);
    if (option == NULL)
        return NULL;
    return option->list ? option->values : split(importer, option->values->text);
}

bool options_bool(const struct uci_section *section, const char *name, bool unset)
{
    const char *text = uci_text(section, name);
    bool is = unset;
    if (text != NULL)
        value_bool(text, &is);
    return is;
}

static bool check_values(struct importer *importer, const struct uci_section *section, const struct known *known)
{
    const struct uci_option *option = uci_option(section, known->name);
    const struct uci_value *value = option->values;
    if (option->list && !(known->flags & LIST)) {
        import_ignored(importer, known->name, "is a list and must not be one; firewall4 skips the section");
        return false;
    }
    if (known->flags & LIST)
        value = options_values(importer, section, known->name);
    for (; value != NULL; value = value->next) {
        bool invert;
        if (!fits(importer, known->kind, value->text)) {
            import_ignored(importer, known->name, "has the invalid value '%s'; firewall4 skips the section",
                           import_plain(importer, value->text, 60));
            return false;
        }
        value_bare(value->text, &invert);
        if (invert && (known->flags & PLAIN)) {
            import_ignored(importer, known->name, "must not be inverted; firewall4 skips the section");
            return false;
        }
    }
    if (known->flags & UNSUPPORTED)
        import_ignored(importer, known->name, "is not supported by firewall4 either");
    return true;
}

static const struct known *known_options(const char *type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].type, type) == 0)
            return types[i].options;
    }
    return none;
}

static bool is_known(const struct known *known, const char *name)
{
    while (known->name != NULL && strcmp(known->name, name) != 0)
        known++;
    return known->name != NULL;
}

bool options_pass(struct importer *importer, const struct uci_section *section)
{
    const struct known *known = known_options(section->type);
    for (const struct known *k = known; k->name != NULL; k++) {
        if (uci_option(section, k->name) != NULL) {
            if (!check_values(importer, section, k))
                return false;
        } else if (k->flags & REQUIRED) {
            import_ignored(importer, k->name, "is missing; firewall4 skips the section");
            return false;
        }
    }
    for (const struct uci_option *option = section->options; option != NULL; option = option->next) {
        if (!is_known(known, option->name))
            import_ignored(importer, option->name, "is not known to firewall4");
    }
    if (options_bool(section, "enabled", true))
        return true;
    import_note(importer, "It is disabled.");
    return false;
}
