/* The words of the language, and the protocols by name.
 *
 * A name may not be a word of the language. Reserved are the words that say what follows, of the whole language and not
 * only of what this version does, so that a file stays good when the program grows. Not reserved are words that stand
 * only where no name can: types of ICMP, days, units, `endpoint-independent` and its like. Nor are the built-in
 * services: a host may well be called `printer`, and a file's own name comes first.
 */
#ifndef RULES_WORDS_H
#define RULES_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "rules/text.h"

bool words_reserved(struct place word);

/* The words that begin a statement, up to a closing NULL. */
extern const char *const words_statements[];

/* Names of protocols, up to a closing NULL. */
extern const char *const words_protocols[];

/* Names of timers, by enum policy_timer, and of how translation behaves, by enum policy_behaviour; both up to a closing
 * NULL. */
extern const char *const words_timers[];
extern const char *const words_behaviours[];

/* Names of helpers, the first that of HELPER_FTP and so on, up to a closing NULL. */
extern const char *const words_helpers[];

/* => the place of a word in such a list, or -1 */
int words_index(struct place word, const char *const *words);

/* A protocol by name, or by number from 0 to 255.
 * => its number, or -1 */
int words_protocol(struct place word);

/* The name of a protocol as the language has it, or its number in digits, in `buf`.
 * => buf, or the name */
#define WORDS_PROTOCOL 8
const char *words_protocol_name(uint8_t proto, char buf[static WORDS_PROTOCOL]);

/* A number in digits and nothing else, at most 9 of them.
 * => true with *number */
bool words_number(struct place word, uint32_t *number);

/* A duration: numbers with units, each unit once and the longer ones first, as in `2h4m`.
 * => true with *seconds, UINT32_MAX if there are more */
bool words_duration(struct place word, uint32_t *seconds);

/* The same in words, as short as it goes: 7440 is "2h4m"; in `buf`. */
#define WORDS_DURATION 24
const char *words_duration_text(uint32_t seconds, char buf[static WORDS_DURATION]);

/* Whether the word looks like a port or a range of ports. */
bool words_like_ports(struct place word);

/* Whether the word may be a name: letters, digits, `-` and `_`, a letter among them, no `-` first, at most 63. */
bool words_is_name(struct place word);
#define WORDS_NAME_LONGEST 63

/* Whether the word looks like an address, a prefix or a range of addresses, right or wrong: it cannot be a name. */
bool words_like_address(struct place word);

#endif
