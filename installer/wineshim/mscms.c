/* For tests under wine only: a screen without a colour profile. The rest is wine's own, see build.sh. */
#include <stddef.h>

void *shim_WcsCreateIccProfile(void *profile, unsigned long options)
{
    (void)profile, (void)options;
    return NULL;
}

void *shim_WcsOpenColorProfileW(void *a, void *b, void *c, unsigned long d, unsigned long e, unsigned long f,
                                unsigned long g)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g;
    return NULL;
}
