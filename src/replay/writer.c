/* The pcapng writer. A block is put together in memory, so that its length is known, and written as a whole. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/writer.h"

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    SECTION_APPLICATION = 4,
    INTERFACE_NAME = 2,
    INTERFACE_DESCRIPTION = 3,
    INTERFACE_RESOLUTION = 9,
    PACKET_FLAGS = 2,
    PACKET_VERDICT = 7,
    VERDICT_TC = 1, /* then 64 bits of a TC_ACT_… */
    VERDICT_SIZE = 9,
    TC_ACT_OK = 0,
    TC_ACT_SHOT = 2,
    BUFFER = 64 * 1024,
    FIELDS_MOST = 4096, /* bytes of a block but for the packet's: the comment is cut to fit */
    TEXT_MOST = 3072,
};

/* A zone and a link type. There are few: a zone has packets, and perhaps frames of one other kind. */
struct interface {
    uint16_t link;
    uint8_t zone;
};

struct writer {
    FILE *file;
    const struct tg_policy *policy;
    struct interface *interfaces;
    uint32_t count, room;
    int error; /* 0, or the errno of the first failure */
    uint8_t block[FIELDS_MOST];
    uint32_t len; /* of `block` */
    char buffer[BUFFER];
};

static void put16(struct writer *writer, uint16_t value)
{
    writer->block[writer->len++] = (uint8_t)value;
    writer->block[writer->len++] = (uint8_t)(value >> 8);
}

static void put32(struct writer *writer, uint32_t value)
{
    put16(writer, (uint16_t)value);
    put16(writer, (uint16_t)(value >> 16));
}

static void put_padding(struct writer *writer, uint32_t length)
{
    for (; length % 4; length++)
        writer->block[writer->len++] = 0;
}

static void put_option(struct writer *writer, uint16_t code, const void *value, size_t length)
{
    put16(writer, code);
    put16(writer, (uint16_t)length);
    memcpy(writer->block + writer->len, value, length);
    writer->len += (uint32_t)length;
    put_padding(writer, (uint32_t)length);
}

static void put_text(struct writer *writer, uint16_t code, const char *text)
{
    size_t length = strlen(text);
    put_option(writer, code, text, length < TEXT_MOST ? length : TEXT_MOST);
}

static void write_bytes(struct writer *writer, const void *bytes, size_t size)
{
    if (writer->error == 0 && size > 0 && fwrite(bytes, 1, size, writer->file) != size)
        writer->error = errno ? errno : EIO;
}

/* Blocks: begin_block(), fields, and end_block(). The length is filled in at the end; `packet` of `size` bytes goes in
 * after `packet_at` bytes of fields. */
static void begin_block(struct writer *writer, uint32_t type)
{
    writer->len = 0;
    put32(writer, type);
    put32(writer, 0);
}

static void end_block(struct writer *writer, uint32_t packet_at, const uint8_t *packet, uint32_t size)
{
    put32(writer, 0);
    uint32_t end = writer->len, total = end + size;
    writer->len = 4;
    put32(writer, total);
    writer->len = end - 4;
    put32(writer, total);
    write_bytes(writer, writer->block, packet_at);
    write_bytes(writer, packet, size);
    write_bytes(writer, writer->block + packet_at, end - packet_at);
}

static void write_section(struct writer *writer)
{
    begin_block(writer, BLOCK_SECTION);
    put32(writer, BYTE_ORDER_MAGIC);
    put16(writer, 1); /* version 1.0 */
    put16(writer, 0);
    put32(writer, UINT32_MAX); /* the section's length: not known */
    put32(writer, UINT32_MAX);
    put_text(writer, SECTION_APPLICATION, "tidegate " TIDEGATE_VERSION);
    put32(writer, OPTION_END);
    end_block(writer, writer->len, NULL, 0);
}

static void write_interface(struct writer *writer, const struct interface *interface)
{
    static const uint8_t nanoseconds = 9;
    const struct tg_zone *zone = tg_policy_zone(writer->policy, interface->zone);
    char description[256];
    begin_block(writer, BLOCK_INTERFACE);
    put16(writer, interface->link);
    put16(writer, 0);
    put32(writer, 0); /* packets of any size */
    if (zone)
        snprintf(description, sizeof description, "zone %s", zone->name);
    else
        snprintf(description, sizeof description, "no zone");
    strcat(description, "; the comments say the verdicts, and the eBPF-TC verdicts stand in for them: 0 accepted, "
                        "2 dropped or rejected");
    put_text(writer, INTERFACE_NAME, zone ? zone->name : "unknown");
    put_text(writer, INTERFACE_DESCRIPTION, description);
    put_option(writer, INTERFACE_RESOLUTION, &nanoseconds, 1);
    put32(writer, OPTION_END);
    end_block(writer, writer->len, NULL, 0);
}

/* The number of a zone's interface for a link type, which is described in the file when it is first needed.
 * => false without memory */
static bool find_interface(struct writer *writer, uint8_t zone, uint16_t link, uint32_t *number)
{
    for (*number = 0; *number < writer->count; ++*number)
        if (writer->interfaces[*number].zone == zone && writer->interfaces[*number].link == link)
            return true;
    if (writer->count == writer->room) {
        uint32_t room = writer->room ? writer->room * 2 : 8;
        struct interface *interfaces = realloc(writer->interfaces, room * sizeof *interfaces);
        if (!interfaces)
            return false;
        writer->interfaces = interfaces;
        writer->room = room;
    }
    writer->interfaces[writer->count] = (struct interface){link, zone};
    write_interface(writer, &writer->interfaces[writer->count++]);
    return true;
}

struct writer *writer_open(const char *path, const struct tg_policy *policy)
{
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->policy = policy;
    writer->file = fopen(path, "wbe");
    if (!writer->file) {
        int error = errno;
        free(writer);
        errno = error;
        return NULL;
    }
    setvbuf(writer->file, writer->buffer, _IOFBF, sizeof writer->buffer);
    write_section(writer);
    return writer;
}

void writer_put(struct writer *writer, const struct writer_packet *packet)
{
    const struct capture_packet *frame = &packet->packet;
    uint8_t verdict[VERDICT_SIZE] = {VERDICT_TC, packet->action == TG_ACCEPT ? TC_ACT_OK : TC_ACT_SHOT};
    uint8_t flags[4] = {(uint8_t)frame->direction};
    uint32_t number, packet_at;
    if (!find_interface(writer, packet->zone, frame->link, &number)) {
        writer->error = ENOMEM;
        return;
    }
    begin_block(writer, BLOCK_PACKET);
    put32(writer, number);
    put32(writer, (uint32_t)(frame->time >> 32));
    put32(writer, (uint32_t)frame->time);
    put32(writer, frame->len);
    put32(writer, frame->wire_len);
    packet_at = writer->len;
    put_padding(writer, frame->len);
    put_text(writer, OPTION_COMMENT, packet->comment);
    put_option(writer, PACKET_FLAGS, flags, sizeof flags);
    put_option(writer, PACKET_VERDICT, verdict, sizeof verdict);
    put32(writer, OPTION_END);
    end_block(writer, packet_at, frame->bytes, frame->len);
}

int writer_close(struct writer *writer)
{
    if (!writer)
        return 0;
    if (fclose(writer->file) != 0 && writer->error == 0)
        writer->error = errno;
    int error = writer->error;
    free(writer->interfaces);
    free(writer);
    return -error;
}
