/* A line put together in a buffer of fixed size. What does not fit is left out, at the end of a character. */
#ifndef REPORT_LINE_H
#define REPORT_LINE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct line {
    char *out;
    size_t room; /* of `out`, the closing 0 included; at least 1 */
    size_t len;
};

__attribute__((format(printf, 2, 3))) static inline void line_add(struct line *line, const char *format, ...)
{
    va_list arguments;
    size_t left = line->room - line->len;
    va_start(arguments, format);
    int written = vsnprintf(line->out + line->len, left, format, arguments);
    va_end(arguments);
    if (written < 0)
        return;
    if ((size_t)written < left) {
        line->len += (size_t)written;
        return;
    }
    line->len = line->room - 1;
    while (line->len > 0 && ((unsigned char)line->out[line->len - 1] & 0xc0) == 0x80)
        line->len--; /* back over a character that was cut in its middle */
    if (line->len > 0 && (unsigned char)line->out[line->len - 1] >= 0xc0)
        line->len--;
    line->out[line->len] = 0;
    line->room = line->len + 1; /* nothing more after what was cut */
}

#endif
