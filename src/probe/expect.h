/* The `expect` lines of a rules file, judged: each by a probe (probe.h), so by the engine itself.
 *
 * They are judged whenever a file is checked or loaded. One that fails is complained of where it stands, with what was
 * expected, what came in its place and which statement decided; a file with such a line must not be loaded.
 */
#ifndef PROBE_EXPECT_H
#define PROBE_EXPECT_H

#include "tidegate/rules.h"

struct probe_expected {
    size_t held, failed;
};

/* Judge all expectations of a sealed policy, in the order of the file; complain of those that fail, as of errors.
 * => 0 with how many held and failed, or -ENOMEM */
int probe_expect(const struct tg_policy *policy, struct tg_complaints *complaints, struct probe_expected *expected);

#endif
