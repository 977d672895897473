/* JSON as the verbs print it: an object a line, and UTF-8 whatever the files held that its texts come from. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <json-c/json.h>
#include <stdint.h>

/* A text, broken bytes in it shown as U+FFFD (RFC 8259 section 8.1 wants UTF-8). */
struct json_object *cli_json_text(const char *text);

void cli_json_add_text(struct json_object *object, const char *key, const char *text);
void cli_json_add_number(struct json_object *object, const char *key, uint64_t number);

/* Print it on standard output as one line, and give it back. */
void cli_json_print(struct json_object *object);

#endif
