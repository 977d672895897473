/* The services that are known without being defined, by IANA's registry of service names and port numbers, and the port
 * classes of RFC 6335.
 *
 * A service has a port for the protocols that it is spoken over, not for all that the registry once set aside: `http`
 * is TCP alone, `https` is TCP and UDP (RFC 9114). A service that a file defines comes before one of the same name
 * here.
 */
#ifndef RULES_SERVICES_H
#define RULES_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/near.h"
#include "policy/policy.h"

struct service_port {
    uint8_t proto; /* 0: no more */
    bool any_port; /* of a protocol without ports */
    struct policy_ports ports;
};

#define SERVICE_PARTS 4

struct service {
    const char *name;
    struct service_port parts[SERVICE_PARTS];
};

/* => the service of that name, or NULL */
const struct service *service_named(const char *name);

/* A port class: `well-known`, `registered`, `ephemeral`.
 * => its ports, or NULL */
const struct policy_ports *service_class(const char *name);

/* Try the names of all services; of the classes. */
void service_near(struct near *near);
void service_near_class(struct near *near);

/* The whole table, in the order of its names: for its test. */
const struct service *service_table(size_t *count);

#endif
