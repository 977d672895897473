/* The pcapng reader. A file is a row of blocks: type, length, body, the length again. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "replay/pcapng.h"
#include "wire/wire.h"

enum {
    BLOCK_SECTION = 0x0a0d0d0a, /* reads the same in either byte order */
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2, /* obsolete, still written by some */
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
    BLOCK_HEADER = 8,
    BLOCK_TRAILER = 4,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    SECTION_BODY = 16, /* magic, version, length of the section */
    INTERFACE_BODY = 8,
    PACKET_BODY = 20, /* of both kinds of packet block that have a time */
    SIMPLE_PACKET_BODY = 4,
    OPTION_END = 0,
    OPTION_NAME = 2,
    OPTION_RESOLUTION = 9,
    OPTION_TIME_OFFSET = 14,
    OPTION_FLAGS = 2, /* of packet blocks */
    RESOLUTION_BINARY = 0x80,
    MOST_INTERFACES = 65536,
    LARGEST_BLOCK = 1024 * 1024, /* of those that are read; four times the largest packet that is ever captured */
    NAME_ROOM = 64,
};

struct interface {
    uint16_t link;
    uint8_t resolution; /* as the option has it: a negative power of 10, or of 2 */
    uint32_t snap;      /* most bytes captured of a packet; 0 for all */
    int64_t offset;     /* seconds to add to each time */
    char name[NAME_ROOM];
};

struct pcapng {
    FILE *file;
    char *error;
    bool begun; /* there was a section header */
    bool big;   /* the section is big-endian */
    struct interface *interfaces;
    uint32_t interface_count, interface_room;
    uint64_t time; /* of the packet before: simple packets have none */
    uint8_t *body; /* of the block at hand; its room only grows, up to LARGEST_BLOCK */
    uint32_t body_room;
};

struct pcapng *pcapng_new(FILE *file, char *error)
{
    struct pcapng *pcapng = calloc(1, sizeof *pcapng);
    if (pcapng) {
        pcapng->file = file;
        pcapng->error = error;
    }
    return pcapng;
}

void pcapng_free(struct pcapng *pcapng)
{
    if (!pcapng)
        return;
    free(pcapng->interfaces);
    free(pcapng->body);
    free(pcapng);
}

__attribute__((format(printf, 2, 3))) static enum capture_result broken(struct pcapng *pcapng, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(pcapng->error, CAPTURE_ERROR, format, arguments);
    va_end(arguments);
    return CAPTURE_BROKEN;
}

static uint16_t get16(const struct pcapng *pcapng, const uint8_t *p)
{
    return pcapng->big ? wire_get16(p) : (uint16_t)(p[1] << 8 | p[0]);
}

static uint32_t get32(const struct pcapng *pcapng, const uint8_t *p)
{
    return pcapng->big ? wire_get32(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint64_t get64(const struct pcapng *pcapng, const uint8_t *p)
{
    uint64_t first = get32(pcapng, p), second = get32(pcapng, p + 4);
    return pcapng->big ? first << 32 | second : second << 32 | first;
}

static uint32_t padded(uint32_t length)
{
    return (length + 3) & ~3u;
}

/* Reading */

/* => CAPTURE_PACKET if all `size` bytes were there */
static enum capture_result read_bytes(struct pcapng *pcapng, void *to, size_t size)
{
    if (fread(to, 1, size, pcapng->file) == size)
        return CAPTURE_PACKET;
    if (ferror(pcapng->file))
        return broken(pcapng, "reading failed");
    broken(pcapng, "the file ends within a block");
    return CAPTURE_CUT;
}

static enum capture_result skip_bytes(struct pcapng *pcapng, uint32_t size)
{
    uint8_t waste[4096];
    while (size > 0) {
        uint32_t part = size < sizeof waste ? size : (uint32_t)sizeof waste;
        enum capture_result result = read_bytes(pcapng, waste, part);
        if (result != CAPTURE_PACKET)
            return result;
        size -= part;
    }
    return CAPTURE_PACKET;
}

static enum capture_result read_body(struct pcapng *pcapng, uint32_t size)
{
    if (size > LARGEST_BLOCK)
        return broken(pcapng, "a block of %" PRIu32 " bytes: more than any packet has", size);
    if (size > pcapng->body_room || !pcapng->body) {
        uint32_t room = size < 4096 ? 4096 : size * 2;
        uint8_t *body = realloc(pcapng->body, room);
        if (!body)
            return broken(pcapng, "no memory");
        pcapng->body = body;
        pcapng->body_room = room;
    }
    return read_bytes(pcapng, pcapng->body, size);
}

static enum capture_result check_trailer(struct pcapng *pcapng, uint32_t length)
{
    uint8_t trailer[BLOCK_TRAILER];
    enum capture_result result = read_bytes(pcapng, trailer, sizeof trailer);
    if (result == CAPTURE_PACKET && get32(pcapng, trailer) != length)
        return broken(pcapng, "a block says that it has %" PRIu32 " bytes, and at its end %" PRIu32, length,
                      get32(pcapng, trailer));
    return result;
}

/* Options */

struct option {
    uint16_t code, length;
    const uint8_t *value;
};

/* The option at *at, before `end`; *at moves past it.
 * => false at the end of the list, and where an option does not fit */
static bool next_option(const struct pcapng *pcapng, const uint8_t *body, uint32_t end, uint32_t *at,
                        struct option *option)
{
    if (end - *at < 4)
        return false;
    option->code = get16(pcapng, body + *at);
    option->length = get16(pcapng, body + *at + 2);
    option->value = body + *at + 4;
    if (option->code == OPTION_END || padded(option->length) > end - *at - 4)
        return false;
    *at += 4 + padded(option->length);
    return true;
}

static void read_interface_option(const struct pcapng *pcapng, struct interface *interface, const struct option *option)
{
    if (option->code == OPTION_NAME && option->length < NAME_ROOM) {
        memcpy(interface->name, option->value, option->length);
        interface->name[option->length] = 0;
    } else if (option->code == OPTION_RESOLUTION && option->length == 1) {
        interface->resolution = option->value[0];
    } else if (option->code == OPTION_TIME_OFFSET && option->length == 8) {
        interface->offset = (int64_t)get64(pcapng, option->value);
    }
}

/* Blocks */

static enum capture_result begin_section(struct pcapng *pcapng)
{
    uint8_t first[8]; /* the length, whose byte order the magic tells */
    enum capture_result result = read_bytes(pcapng, first, sizeof first);
    if (result != CAPTURE_PACKET)
        return result;
    pcapng->big = wire_get32(first + 4) == BYTE_ORDER_MAGIC;
    if (get32(pcapng, first + 4) != BYTE_ORDER_MAGIC)
        return broken(pcapng, "no byte-order mark at the beginning of a section");
    uint32_t length = get32(pcapng, first);
    if (length < BLOCK_HEADER + SECTION_BODY + BLOCK_TRAILER || length % 4)
        return broken(pcapng, "a section header of %" PRIu32 " bytes", length);
    uint32_t size = length - BLOCK_HEADER - BLOCK_TRAILER;
    uint8_t version[4];
    if ((result = read_bytes(pcapng, version, sizeof version)) != CAPTURE_PACKET)
        return result;
    if (get16(pcapng, version) != 1)
        return broken(pcapng, "pcapng of version %u; 1 can be read", get16(pcapng, version));
    if ((result = skip_bytes(pcapng, size - 4 - (uint32_t)sizeof version)) != CAPTURE_PACKET)
        return result;
    pcapng->begun = true;
    pcapng->interface_count = 0;
    return check_trailer(pcapng, length);
}

static enum capture_result add_interface(struct pcapng *pcapng, uint32_t size)
{
    struct interface interface = {.resolution = 6};
    struct option option;
    if (size < INTERFACE_BODY)
        return broken(pcapng, "an interface block of %" PRIu32 " bytes", size);
    if (pcapng->interface_count == MOST_INTERFACES)
        return broken(pcapng, "more than %d interfaces", MOST_INTERFACES);
    interface.link = get16(pcapng, pcapng->body);
    interface.snap = get32(pcapng, pcapng->body + 4);
    for (uint32_t at = INTERFACE_BODY; next_option(pcapng, pcapng->body, size, &at, &option);)
        read_interface_option(pcapng, &interface, &option);
    if (pcapng->interface_count == pcapng->interface_room) {
        uint32_t room = pcapng->interface_room ? pcapng->interface_room * 2 : 8;
        struct interface *interfaces = realloc(pcapng->interfaces, room * sizeof *interfaces);
        if (!interfaces)
            return broken(pcapng, "no memory");
        pcapng->interfaces = interfaces;
        pcapng->interface_room = room;
    }
    pcapng->interfaces[pcapng->interface_count++] = interface;
    return CAPTURE_PACKET;
}

/* A count of the interface's units as nanoseconds. Times that nothing can have are no error: they come out as the
 * largest. */
static uint64_t to_nanoseconds(uint64_t units, uint8_t resolution)
{
    unsigned power = resolution & (RESOLUTION_BINARY - 1);
    if (resolution & RESOLUTION_BINARY) {
        if (power > 63)
            return 0;
        uint64_t seconds = units >> power, fraction = power ? units << (64 - power) >> 32 : 0; /* of 2^32 */
        return seconds > UINT64_MAX / 1000000000 - 1 ? UINT64_MAX
                                                     : seconds * 1000000000 + (fraction * 1000000000 >> 32);
    }
    for (; power > 9; power--)
        units /= 10;
    for (; power < 9; power++) {
        if (units > UINT64_MAX / 10)
            return UINT64_MAX;
        units *= 10;
    }
    return units;
}

static uint64_t add_seconds(uint64_t time, int64_t seconds)
{
    uint64_t size = seconds < 0 ? ~(uint64_t)seconds + 1 : (uint64_t)seconds;
    uint64_t distance = size > UINT64_MAX / 1000000000 ? UINT64_MAX : size * 1000000000;
    if (seconds < 0)
        return time < distance ? 0 : time - distance;
    return time > UINT64_MAX - distance ? UINT64_MAX : time + distance;
}

static enum capture_direction direction_of(const struct pcapng *pcapng, uint32_t at, uint32_t size)
{
    static const enum capture_direction directions[] = {CAPTURE_EITHER, CAPTURE_INBOUND, CAPTURE_OUTBOUND,
                                                        CAPTURE_EITHER};
    struct option option;
    while (next_option(pcapng, pcapng->body, size, &at, &option))
        if (option.code == OPTION_FLAGS && option.length == 4)
            return directions[get32(pcapng, option.value) & 3];
    return CAPTURE_EITHER;
}

static enum capture_result give_packet(const struct pcapng *pcapng, const struct interface *interface, uint32_t at,
                                       struct capture_packet *packet)
{
    packet->bytes = pcapng->body + at;
    packet->time = pcapng->time;
    packet->link = interface->link;
    packet->interface = interface->name[0] ? interface->name : NULL;
    return CAPTURE_PACKET;
}

static enum capture_result read_packet(struct pcapng *pcapng, uint32_t type, uint32_t size,
                                       struct capture_packet *packet)
{
    const uint8_t *body = pcapng->body;
    if (size < PACKET_BODY)
        return broken(pcapng, "a packet block of %" PRIu32 " bytes", size);
    uint32_t number = type == BLOCK_PACKET ? get32(pcapng, body) : get16(pcapng, body);
    if (number >= pcapng->interface_count)
        return broken(pcapng, "a packet of interface %" PRIu32 ", which the file does not describe", number);
    const struct interface *interface = &pcapng->interfaces[number];
    uint64_t units = (uint64_t)get32(pcapng, body + 4) << 32 | get32(pcapng, body + 8);
    packet->len = get32(pcapng, body + 12);
    packet->wire_len = get32(pcapng, body + 16);
    if (packet->len > size - PACKET_BODY)
        return broken(pcapng, "a packet of %" PRIu32 " bytes in a block of %" PRIu32, packet->len, size);
    uint32_t options = PACKET_BODY + padded(packet->len);
    packet->direction = options < size ? direction_of(pcapng, options, size) : CAPTURE_EITHER;
    pcapng->time = add_seconds(to_nanoseconds(units, interface->resolution), interface->offset);
    return give_packet(pcapng, interface, PACKET_BODY, packet);
}

/* A simple packet is of the first interface, and has the time of the packet before it. */
static enum capture_result read_simple_packet(struct pcapng *pcapng, uint32_t size, struct capture_packet *packet)
{
    if (size < SIMPLE_PACKET_BODY)
        return broken(pcapng, "a packet block of %" PRIu32 " bytes", size);
    if (pcapng->interface_count == 0)
        return broken(pcapng, "a packet before any interface was described");
    const struct interface *interface = &pcapng->interfaces[0];
    packet->wire_len = get32(pcapng, pcapng->body);
    packet->len = size - SIMPLE_PACKET_BODY;
    if (packet->len > packet->wire_len)
        packet->len = packet->wire_len;
    if (interface->snap && packet->len > interface->snap)
        packet->len = interface->snap;
    packet->direction = CAPTURE_EITHER;
    return give_packet(pcapng, interface, SIMPLE_PACKET_BODY, packet);
}

/* => CAPTURE_END where a block could begin but none does */
static enum capture_result read_type(struct pcapng *pcapng, uint32_t *type)
{
    uint8_t bytes[4];
    int first = getc(pcapng->file);
    if (first == EOF && !ferror(pcapng->file))
        return CAPTURE_END;
    ungetc(first, pcapng->file);
    enum capture_result result = read_bytes(pcapng, bytes, sizeof bytes);
    if (result == CAPTURE_PACKET)
        *type = get32(pcapng, bytes);
    return result;
}

static bool is_packet(uint32_t type)
{
    return type == BLOCK_PACKET || type == BLOCK_OLD_PACKET || type == BLOCK_SIMPLE_PACKET;
}

/* Read the next block: the body of one that is of use is then in `body`, `size` bytes of it.
 * => CAPTURE_PACKET, or why there is none */
static enum capture_result read_block(struct pcapng *pcapng, uint32_t *type, uint32_t *size)
{
    uint8_t bytes[4];
    enum capture_result result = read_type(pcapng, type);
    if (result != CAPTURE_PACKET)
        return result;
    if (*type == BLOCK_SECTION)
        return begin_section(pcapng);
    if (!pcapng->begun)
        return broken(pcapng, "no section header at the beginning");
    if ((result = read_bytes(pcapng, bytes, sizeof bytes)) != CAPTURE_PACKET)
        return result;
    uint32_t length = get32(pcapng, bytes);
    if (length < BLOCK_HEADER + BLOCK_TRAILER || length % 4)
        return broken(pcapng, "a block of %" PRIu32 " bytes", length);
    *size = length - BLOCK_HEADER - BLOCK_TRAILER;
    bool of_use = is_packet(*type) || *type == BLOCK_INTERFACE;
    result = of_use ? read_body(pcapng, *size) : skip_bytes(pcapng, *size);
    return result == CAPTURE_PACKET ? check_trailer(pcapng, length) : result;
}

enum capture_result pcapng_next(struct pcapng *pcapng, struct capture_packet *packet)
{
    for (;;) {
        uint32_t type, size = 0;
        enum capture_result result = read_block(pcapng, &type, &size);
        if (result == CAPTURE_PACKET && type == BLOCK_INTERFACE)
            result = add_interface(pcapng, size);
        if (result != CAPTURE_PACKET)
            return result;
        if (type == BLOCK_SIMPLE_PACKET)
            return read_simple_packet(pcapng, size, packet);
        if (is_packet(type))
            return read_packet(pcapng, type, size, packet);
    }
}
