/* Helpers: what a control connection announces about connections to come.
 *
 * Some protocols say in one connection where another will go: FTP where its data comes from, RTSP and SIP where sound
 * and pictures are wanted, TFTP by the port that it asks from. Behind a translation such an address means nothing to
 * the other side, and to a packet filter what is announced comes unasked. A helper reads it, so that it can be let
 * through, and written anew.
 *
 * A helper is a pure parser: bytes in, announcements out. It keeps nothing, allocates nothing, changes nothing, and
 * looks at nothing but the bytes that it is given and who sent them. Whether an announcement is to be believed (whose
 * address it is, which ports may be opened, how many, for how long), and what becomes of it, is the engine's to decide
 * (src/engine/assist.c).
 *
 * What is read. Over TCP the engine hands out what begins at the beginning of a line of the stream, as far as one
 * segment has it; over UDP a whole datagram. Only messages that are complete and exactly as their RFC has them say
 * anything; everything else says nothing, which is never an error: the bytes go on as they came.
 *
 * One file a helper: ftp.c (RFC 959, 2428), tftp.c (RFC 1350), rtsp.c (RFC 2326), sip.c (RFC 3261, 4566); text.c has
 * what they share, and helper_write(), the only writer.
 */
#ifndef HELPER_HELPER_H
#define HELPER_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "tidegate/addr.h"

enum helper_kind { HELPER_NONE, HELPER_FTP, HELPER_TFTP, HELPER_RTSP, HELPER_SIP, HELPER_KINDS };

/* Whether a helper reads connections of this protocol. */
bool helper_reads(enum helper_kind kind, uint8_t proto);

/* How an address and a port are written. */
enum helper_form {
    HELPER_COMMAS,   /* 192,168,1,10,4,1: an IPv4 address and a port, byte by byte */
    HELPER_ADDRESS,  /* 192.168.1.10 */
    HELPER_PORT,     /* 1025 */
    HELPER_PORTS,    /* 1024-1025: the port and the one behind it */
    HELPER_ENDPOINT, /* 192.168.1.10:5061; the port is left out where it was, and still is `HELPER_SIP_PORT` */
};
#define HELPER_SIP_PORT 5060

/* A place in the bytes. */
struct helper_spot {
    uint8_t form; /* enum helper_form */
    uint16_t at, len;
};

enum helper_role {
    HELPER_LISTENS,  /* the sender will listen there: connections will come from the other side */
    HELPER_REPEATS,  /* where the receiver listens, as the sender has been told: from the same connection */
    HELPER_MENTIONS, /* an address and port of this very connection, of either side, as the sender sees them */
};

#define HELPER_SPOTS 3

struct helper_item {
    uint8_t role;  /* enum helper_role */
    uint8_t proto; /* of the connections to come */
    uint8_t ports; /* 1; or 2: `port`, which is even, and the one behind it (RTP and RTCP, RFC 3550 11) */
    bool once;     /* one connection; else any number from the same address */
    bool has_addr; /* else the sender means its own */
    uint8_t family;
    uint8_t spot_count; /* where it is written; 0: nowhere */
    uint16_t port;
    struct tg_addr addr;
    struct helper_spot spots[HELPER_SPOTS];
};

#define HELPER_ITEMS 16

struct helper_message {
    uint32_t len; /* bytes that it takes: the next one may begin behind them; 0: it is not complete */
    uint32_t count;
    struct helper_item items[HELPER_ITEMS]; /* their spots do not overlap, in whatever order */
    bool is_full;                           /* there were more than that: then there are none */
    bool is_foreign; /* this is not the helper's protocol at all: what follows is not to be read either */
    /* The length of its body, where it says one that changes with it: where it is written, and where the body begins.
     */
    bool has_length;
    struct helper_spot length;
    uint16_t body, body_len;
};

/* Read the message at the beginning of `bytes`. `is_reply`: it comes from the side that was connected to. `port`: the
 * one that it was sent from, which is an announcement in TFTP. No more than HELPER_LONGEST bytes are looked at.
 * => *message, with no items where it says nothing */
#define HELPER_LONGEST 8192
void helper_read(enum helper_kind kind, bool is_reply, uint16_t port, const uint8_t *bytes, uint32_t len,
                 struct helper_message *message);

/* Whether the first bytes that one side of a connection over TCP sends show that it is one of the helper's protocol.
 * What begins as something else (a web browser that was told to speak to port 21) is not read any further, whatever
 * lines it may bring; nor what begins with too few bytes to tell, as somebody may have seen to (RFC 9293 3.8.6: by a
 * window of one byte). */
bool helper_greets(enum helper_kind kind, bool is_reply, const uint8_t *bytes, uint32_t len);

/* Write what stands in a spot anew, for this address and port (of HELPER_PORTS the first), in place of the `len` bytes
 * of `was`. Only IPv4 addresses are ever written anew.
 * => its length, less than HELPER_WRITTEN */
#define HELPER_WRITTEN 24
uint32_t helper_write(enum helper_form form, const uint8_t *was, uint32_t len, struct tg_addr addr, uint16_t port,
                      char out[static HELPER_WRITTEN]);

#endif
