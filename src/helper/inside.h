/* What the helpers share: reading text byte by byte, never past its end. Shared by the files of this folder alone. */
#ifndef HELPER_INSIDE_H
#define HELPER_INSIDE_H

#include <stddef.h>

#include "helper/helper.h"

/* Bytes from `at` to `end`. What reads moves `at`; what does not find what it looks for leaves it. */
struct reader {
    const uint8_t *bytes;
    uint32_t at, end;
};

/* ---- single bytes ---- */

static inline bool read_byte(struct reader *r, char byte)
{
    bool is = r->at < r->end && r->bytes[r->at] == (uint8_t)byte;
    r->at += is;
    return is;
}

static inline bool read_is_digit(const struct reader *r)
{
    return r->at < r->end && r->bytes[r->at] >= '0' && r->bytes[r->at] <= '9';
}

/* ---- words ---- */

/* A text, its letters in either case.
 * => true if it was there */
bool read_text(struct reader *r, const char *text);

/* A number of at most `digits` digits and at most `most`.
 * => true with *number */
bool read_number(struct reader *r, uint32_t digits, uint32_t most, uint32_t *number);
bool read_port(struct reader *r, uint16_t *port); /* not 0 */

/* An address of either family, as long as bytes that may be of one go on.
 * => true with *family and *addr, and *spot where it stands */
bool read_address(struct reader *r, uint8_t *family, struct tg_addr *addr, struct helper_spot *spot);

/* Step over blanks and tabs; and those at the end are none of it. */
void read_blanks(struct reader *r);
void drop_blanks(struct reader *r);

/* ---- lines ---- */

/* The line at `at`, which ends with LF: `line` is what it says, without LF or CR LF.
 * => true, and `r` stands behind it; false if it has no end */
bool read_line(struct reader *r, struct reader *line, bool *has_cr);

/* The fields of a message's header, behind its first line, as RTSP and SIP have them (RFC 2326 4, RFC 3261 7), up to
 * the empty line. `visit` is told of each: its name, and its value without blanks around it, in readers over the same
 * bytes. It returns false where a value makes no sense.
 * => FIELDS_WHOLE, and `r` stands behind the empty line; FIELDS_WRONG, and `r` stands behind what could not be read */
enum fields { FIELDS_WHOLE, FIELDS_CUT, FIELDS_WRONG };
typedef bool read_field_fn(void *context, const struct reader *name, struct reader value);
enum fields read_fields(struct reader *r, read_field_fn *visit, void *context);

/* Cut what stands before a separator off, or all there is; blanks before it are stepped over. `r` stands behind the
 * separator. */
struct reader read_part(struct reader *r, char separator);

/* Whether a name is this one, in either case. */
bool read_is(const struct reader *word, const char *text);

/* ---- announcements ---- */

/* One more item of a message.
 * => it, all zero but for family and role; or NULL, there are too many */
struct helper_item *helper_add(struct helper_message *message, enum helper_role role);

/* One more place where an item is written, of HELPER_SPOTS at most. */
void helper_add_spot(struct helper_item *item, enum helper_form form, uint32_t at, uint32_t len);

void ftp_read(bool is_reply, const uint8_t *bytes, uint32_t len, struct helper_message *message);
bool ftp_greets(bool is_reply, const uint8_t *bytes, uint32_t len);
void tftp_read(bool is_reply, uint16_t port, const uint8_t *bytes, uint32_t len, struct helper_message *message);
void rtsp_read(bool is_reply, const uint8_t *bytes, uint32_t len, struct helper_message *message);
bool rtsp_greets(bool is_reply, const uint8_t *bytes, uint32_t len);
void sip_read(const uint8_t *bytes, uint32_t len, struct helper_message *message);

#endif
