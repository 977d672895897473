#include "import/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_add(struct buffer *buffer, const char *bytes, size_t len)
{
    if (buffer->room - buffer->len <= len) {
        size_t room = (buffer->len + len) * 2 + 64;
        char *more = realloc(buffer->bytes, room);
        if (more == NULL) {
            buffer->failed = true;
            return;
        }
        buffer->bytes = more;
        buffer->room = room;
    }
    memcpy(buffer->bytes + buffer->len, bytes, len);
    buffer->len += len;
    buffer->bytes[buffer->len] = '\0';
}

void buffer_print(struct buffer *buffer, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        buffer->failed = true;
        return;
    }
    buffer_add(buffer, text, (size_t)len);
    free(text);
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->len > 0 ? buffer->bytes : "";
}

void buffer_reset(struct buffer *buffer)
{
    buffer->len = 0;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}
