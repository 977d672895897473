/* Reads a word from where none may begin, as no packet may be read. Not a test: tests/run sees to it that a build with
 * sanitizers, and the emulated machine, end this program; or neither would tell of such a mistake in the engine. */
#include <stdint.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    static _Alignas(4) const char packet[] = "20 bytes of a header";
    const void *place = packet + argc; /* 1: there are no arguments */
    (void)argv;
    printf("read %x\n", (unsigned)*(const volatile uint32_t *)place);
    return 0;
}
