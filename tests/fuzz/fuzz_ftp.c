/* Any talk of FTP: see helper.h. */
#include "helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_helper(HELPER_FTP, 21, data, size);
}
