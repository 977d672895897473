/* The options of each type of section that firewall4 knows, and whether their values are such as it takes.
 *
 * A section passes if firewall4 would act on it. What it passes over within (an option that it does not know, or does
 * no longer support) is remarked on.
 */
#ifndef IMPORT_OPTIONS_H
#define IMPORT_OPTIONS_H

#include "import/inside.h"

/* Go through the options of a section.
 * => true; false: firewall4 skips the section; said why */
bool options_pass(struct importer *importer, const struct uci_section *section);

/* The values of an option, each by itself: those of a `list` as they stand, an `option` split at blanks. */
const struct uci_value *options_values(struct importer *importer, const struct uci_section *section, const char *name);

/* A switch, or what it is if it is not set. */
bool options_bool(const struct uci_section *section, const char *name, bool unset);

#endif
