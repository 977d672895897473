/* Complaints: how the language's own files make them. What a driver sees of them is in tidegate/rules.h.
 *
 * A complaint is made at a place, in the words of the person who wrote the file. How it is worded:
 *   - what is wrong first, then after a semicolon what to do about it: "'frontdoor' is not defined; did you mean …?";
 *   - what stands in the file is quoted with '…'; a place elsewhere is named as FILE:LINE;
 *   - no capital at the beginning, no full stop at the end.
 * One mistake gets one complaint: whoever complains marks what is broken, and nobody complains of what follows from it.
 */
#ifndef RULES_COMPLAINT_H
#define RULES_COMPLAINT_H

#include "rules/text.h"
#include "tidegate/rules.h"

#if defined(__GNUC__)
#define COMPLAINT_PRINTF(nth, first) __attribute__((format(printf, nth, first)))
#else
#define COMPLAINT_PRINTF(nth, first)
#endif

/* Complain of a place; one of length 0 is marked as one character. */
COMPLAINT_PRINTF(4, 5)
void complain(struct tg_complaints *complaints, enum tg_severity severity, struct place place, const char *format, ...);

/* Complain of a file as a whole, which may not even have been read. */
COMPLAINT_PRINTF(4, 5)
void complain_of_file(struct tg_complaints *complaints, enum tg_severity severity, const char *path, const char *format,
                      ...);

/* Complain of a line whose text is not at hand any more; `source` is what it says. */
COMPLAINT_PRINTF(6, 7)
void complain_of_line(struct tg_complaints *complaints, enum tg_severity severity, const char *path, uint32_t line,
                      const char *source, const char *format, ...);

/* Fill in the place of a complaint that may be made later, when the text is gone: all but severity and message. Strings
 * are of the arena, or of the text.
 * => false without memory */
bool complaint_place(struct arena *arena, struct place place, struct tg_complaint *shown);

/* Complain of such a place. */
COMPLAINT_PRINTF(4, 5)
void complain_later(struct tg_complaints *complaints, enum tg_severity severity, const struct tg_complaint *place,
                    const char *format, ...);

/* Where the list stands now, for complaints_sort(). */
size_t complaints_mark(const struct tg_complaints *complaints);

/* Put those made since `mark` in the order of the text, those about whole files first. The texts must still be there;
 * they are not looked at again after this. */
void complaints_sort(struct tg_complaints *complaints, size_t mark);

/* => true if memory ran out, and complaints were lost */
bool complaints_failed(const struct tg_complaints *complaints);

/* "FILE:LINE" of a place, for use within a message. */
#define COMPLAINT_WHERE 160
const char *complaint_where(struct place place, char buf[static COMPLAINT_WHERE]);

/* The text of a place for quoting within a message: cut where it is too long to be read. */
#define COMPLAINT_QUOTE 80
const char *complaint_quote(struct place place, char buf[static COMPLAINT_QUOTE]);

#endif
