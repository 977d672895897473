/* Captures: packets out of pcap and pcapng files, one after the other, in constant memory.
 *
 * What a file is, its first bytes say, never its name. pcap is read by libpcap. pcapng is read here (pcapng.c), because
 * libpcap keeps the names of interfaces and the directions of packets to itself, and refuses files that mix link types.
 *
 * Life: capture_open(), capture_next() until it gives no packet, capture_close().
 */
#ifndef REPLAY_CAPTURE_H
#define REPLAY_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

struct capture;

enum capture_direction { CAPTURE_EITHER, CAPTURE_INBOUND, CAPTURE_OUTBOUND }; /* as pcapng numbers them */

struct capture_packet {
    const uint8_t *bytes;   /* the frame; valid until the next capture_next() */
    uint32_t len, wire_len; /* captured, and on the wire */
    uint64_t time;          /* nanoseconds since 1970 */
    uint16_t link;          /* LINK_… (link.h) */
    enum capture_direction direction;
    const char *interface; /* its name, or NULL; valid until the next capture_next() */
};

enum capture_result {
    CAPTURE_PACKET,
    CAPTURE_END,
    CAPTURE_CUT,    /* the file ends within a packet, as one does whose writer was stopped */
    CAPTURE_BROKEN, /* it contradicts itself, or reading failed; what follows cannot be read */
};

#define CAPTURE_ERROR 300 /* room for any complaint */

/* Open a file, or standard input for "-".
 * => the capture; or NULL, with the reason in `error` */
struct capture *capture_open(const char *path, char error[CAPTURE_ERROR]);
void capture_close(struct capture *capture);

/* The next packet. After anything but CAPTURE_PACKET it must not be called again. */
enum capture_result capture_next(struct capture *capture, struct capture_packet *packet);

/* What is wrong, after CAPTURE_CUT and CAPTURE_BROKEN. */
const char *capture_error(const struct capture *capture);

/* Whether all that it will ever hold is there, as in a file; a pipe may have more to come, and nobody knows when. */
bool capture_is_whole(const struct capture *capture);

/* How far reading has come, in bytes.
 * => false where the size is not known beforehand (a pipe) */
bool capture_progress(const struct capture *capture, uint64_t *done, uint64_t *size);

#endif
