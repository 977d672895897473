/* Any bytes as an OpenWrt firewall file, and behind a line of "%%" as a network file.
 *
 * Besides memory and arithmetic this checks what the importer promises: what it makes is a rules file that loads,
 * whatever it was made of; what is no UCI text is said to be none, and nothing is made of it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/import.h"
#include "tidegate/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The rules that were made; and a set's file. */
static int memory_read(void *context, const char *path, char **text, size_t *len)
{
    const char *rules = context;
    *text = strdup(strcmp(path, "made.rules") == 0 ? rules : "192.0.2.1\n");
    *len = strlen(*text);
    return 0;
}

static void check_loads(char *rules)
{
    const struct tg_source source = {.read = memory_read, .context = rules};
    struct tg_complaints *complaints = tg_complaints_new();
    struct tg_policy *policy = tg_rules_load(&source, "made.rules", complaints);
    if (policy == NULL) {
        char text[2000];
        const struct tg_complaint *complaint;
        for (size_t i = 0; (complaint = tg_complaints_get(complaints, i)) != NULL; i++) {
            tg_complaint_format(complaint, false, text, sizeof text);
            fputs(text, stderr);
        }
        abort();
    }
    tg_policy_free(policy);
    tg_complaints_free(complaints);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *mark = memmem(text, size, "\n%%\n", 4);
    size_t len = mark != NULL ? (size_t)(mark - text) + 1 : size;
    struct import_text firewall = {"firewall", text, len}, network = {"network", text, 0};
    struct import_result result;
    if (mark != NULL)
        network = (struct import_text){"network", mark + 4, size - len - 3};
    int error = import_openwrt(&firewall, mark != NULL ? &network : NULL, &result);
    if (error == 0)
        check_loads(result.rules);
    else if (error != -EINVAL || result.rules != NULL || result.remarks == NULL)
        abort();
    import_clear(&result);
    return 0;
}
