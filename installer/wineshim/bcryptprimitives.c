/* For tests under wine only: random bytes as Windows 10 gives them. */
#include <stddef.h>

__declspec(dllimport) unsigned char SystemFunction036(void *bytes, unsigned long count); /* RtlGenRandom */

__declspec(dllexport) int ProcessPrng(unsigned char *bytes, size_t count)
{
    const size_t most = 1 << 20;
    while (count > 0) {
        size_t part = count < most ? count : most;
        if (!SystemFunction036(bytes, (unsigned long)part))
            return 0;
        bytes += part;
        count -= part;
    }
    return 1;
}
