/* For tests under wine only: what wine's C runtime lacks of C99 and numpy, scipy and h5py import. All other
 * functions are handed on to wine's own copy, see build.sh. A complex double is a pair of doubles passed by
 * address, a complex float a pair of floats passed in one register: gcc does both for structures of that size. */
#include <complex.h>
#include <stddef.h>

typedef struct { float re, im; } single;
typedef struct { double re, im; } pair;

static double _Complex of_single(single z) { return __builtin_complex((double)z.re, (double)z.im); }
static double _Complex of_pair(pair z) { return __builtin_complex(z.re, z.im); }
static single to_single(double _Complex z) { return (single){(float)creal(z), (float)cimag(z)}; }
static pair to_pair(double _Complex z) { return (pair){creal(z), cimag(z)}; }

#define COMPLEX(name) \
    pair shim_##name(pair z) { return to_pair(name(of_pair(z))); } \
    pair shim_##name##l(pair z) { return to_pair(name(of_pair(z))); } \
    single shim_##name##f(single z) { return to_single(name(of_single(z))); }

#define REAL(name) \
    double shim_##name(pair z) { return name(of_pair(z)); } \
    double shim_##name##l(pair z) { return name(of_pair(z)); } \
    float shim_##name##f(single z) { return (float)name(of_single(z)); }

COMPLEX(cacos) COMPLEX(cacosh) COMPLEX(casin) COMPLEX(casinh) COMPLEX(catan) COMPLEX(catanh)
COMPLEX(ccos) COMPLEX(ccosh) COMPLEX(csin) COMPLEX(csinh) COMPLEX(ctan) COMPLEX(ctanh)
COMPLEX(cexp) COMPLEX(clog) COMPLEX(csqrt) COMPLEX(conj) COMPLEX(cproj)
REAL(cabs) REAL(carg) REAL(creal) REAL(cimag)

pair shim_cpow(pair base, pair power) { return to_pair(cpow(of_pair(base), of_pair(power))); }
pair shim_cpowl(pair base, pair power) { return shim_cpow(base, power); }
single shim_cpowf(single base, single power) { return to_single(cpow(of_single(base), of_single(power))); }

/* The floating-point environment: in wine's own form, since programs hand it to wine's fesetenv as well. */
typedef struct { unsigned long control, status; } environment;

#define ALL_MASKED 0x1f80u
#define FLAGS 0x3fu

__declspec(dllimport) void *GetModuleHandleA(const char *name);
__declspec(dllimport) void *GetProcAddress(void *module, const char *name);

static void *of_wine(const char *name)
{
    return GetProcAddress(GetModuleHandleA("ucrtwine.dll"), name);
}

int shim_feholdexcept(environment *kept)
{
    int (*get)(environment *) = of_wine("fegetenv");
    if (!get || get(kept))
        return 1;
    __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & ~FLAGS) | ALL_MASKED);
    return 0;
}

int shim_feupdateenv(const environment *kept)
{
    int (*set)(const environment *) = of_wine("fesetenv");
    unsigned raised = __builtin_ia32_stmxcsr() & FLAGS;
    if (!set || set(kept))
        return 1;
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | raised);
    return 0;
}
