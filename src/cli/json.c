#include "cli/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/text.h"

struct json_object *cli_json_text(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t len = strlen(text), used = 0;
    char *clean = malloc(3 * len + 1);
    uint32_t character;
    for (size_t at = 0; clean != NULL && at < len;) {
        unsigned n = text_character(text + at, len - at, &character);
        const char *from = n > 0 ? text + at : replacement;
        size_t width = n > 0 ? n : sizeof replacement - 1;
        memcpy(clean + used, from, width);
        used += width;
        at += n > 0 ? n : 1;
    }
    struct json_object *object = clean != NULL ? json_object_new_string_len(clean, (int)used) : NULL;
    free(clean);
    return object;
}

void cli_json_add_text(struct json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, cli_json_text(text));
}

void cli_json_add_number(struct json_object *object, const char *key, uint64_t number)
{
    json_object_object_add(object, key, json_object_new_uint64(number));
}

void cli_json_print(struct json_object *object)
{
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}
