/* Text that grows. Without memory it stays what it was and remembers it: whoever hands the text on asks `failed` once.
 */
#ifndef IMPORT_BUFFER_H
#define IMPORT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *bytes; /* `len` of them and a closing 0; NULL as long as nothing was added */
    size_t len, room;
    bool failed;
};

__attribute__((format(printf, 2, 3))) void buffer_print(struct buffer *buffer, const char *format, ...);
void buffer_add(struct buffer *buffer, const char *bytes, size_t len);

/* What was added so far; "" if nothing. */
const char *buffer_text(const struct buffer *buffer);

/* Begin anew, keeping the room. */
void buffer_reset(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
