#include "connection/ports.h"

#include <stddef.h>

struct port_map *ports_find(struct port_map *maps, uint32_t outside, uint8_t proto)
{
    for (int i = 0; i < PORTS_MAPS; i++)
        if (maps[i].count != 0 && maps[i].outside == outside && maps[i].proto == proto)
            return &maps[i];
    return NULL;
}

static struct port_map *unused(struct port_map *maps)
{
    for (int i = 0; i < PORTS_MAPS; i++)
        if (maps[i].count == 0)
            return &maps[i];
    return NULL;
}

void ports_take(struct port_map *maps, uint32_t outside, uint8_t proto, uint16_t port)
{
    struct port_map *map = ports_find(maps, outside, proto);
    if (map == NULL) {
        map = unused(maps); /* all bits are clear, as all that were set have been cleared */
        if (map == NULL)
            return;
        map->outside = outside;
        map->proto = proto;
    }
    map->taken[port / PORTS_WORD] |= UINT32_C(1) << port % PORTS_WORD;
    map->count++;
}

void ports_free(struct port_map *maps, uint32_t outside, uint8_t proto, uint16_t port)
{
    struct port_map *map = ports_find(maps, outside, proto);
    uint32_t bit = UINT32_C(1) << port % PORTS_WORD;
    if (map == NULL || !(map->taken[port / PORTS_WORD] & bit))
        return; /* taken before there was a map for it */
    map->taken[port / PORTS_WORD] &= ~bit;
    map->count--;
}
