/* Any talk of SIP: see helper.h. */
#include "helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_helper(HELPER_SIP, 5060, data, size);
}
