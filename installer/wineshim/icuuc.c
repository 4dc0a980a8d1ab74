/* For tests under wine only: the functions of ICU that Qt calls, of a library that knows no encoding. */
#include <stddef.h>

#define EXPORT __declspec(dllexport)
#define NO_SUCH_FILE 4 /* U_FILE_ACCESS_ERROR */

typedef unsigned short UChar;

static void fail(int *error)
{
    if (error)
        *error = NO_SUCH_FILE;
}

EXPORT void *ucnv_open(const char *name, int *error) { (void)name; fail(error); return NULL; }
EXPORT void ucnv_close(void *converter) { (void)converter; }
EXPORT void ucnv_reset(void *converter) { (void)converter; }
EXPORT signed char ucnv_getMaxCharSize(void *converter) { (void)converter; return 1; }
EXPORT const char *ucnv_getName(void *converter, int *error) { (void)converter; fail(error); return NULL; }
EXPORT int ucnv_countAvailable(void) { return 0; }
EXPORT const char *ucnv_getAvailableName(int index) { (void)index; return NULL; }
EXPORT const char *ucnv_getStandardName(const char *name, const char *standard, int *error)
{
    (void)name, (void)standard;
    fail(error);
    return NULL;
}

EXPORT void UCNV_FROM_U_CALLBACK_SUBSTITUTE(void) {}
EXPORT void UCNV_TO_U_CALLBACK_SUBSTITUTE(void) {}

EXPORT void ucnv_getToUCallBack(void *converter, void **action, const void **context)
{
    (void)converter;
    *action = NULL;
    *context = NULL;
}

EXPORT void ucnv_getFromUCallBack(void *converter, void **action, const void **context)
{
    ucnv_getToUCallBack(converter, action, context);
}

EXPORT void ucnv_setToUCallBack(void *converter, void *action, const void *context, void **old_action,
                                const void **old_context, int *error)
{
    (void)converter, (void)action, (void)context, (void)old_action, (void)old_context;
    fail(error);
}

EXPORT void ucnv_setFromUCallBack(void *converter, void *action, const void *context, void **old_action,
                                  const void **old_context, int *error)
{
    ucnv_setToUCallBack(converter, action, context, old_action, old_context, error);
}

EXPORT void ucnv_cbToUWriteUChars(void *arguments, const UChar *source, int length, int offset, int *error)
{
    (void)arguments, (void)source, (void)length, (void)offset;
    fail(error);
}

EXPORT void ucnv_cbFromUWriteUChars(void *arguments, const UChar **source, const UChar *end, int offset, int *error)
{
    (void)arguments, (void)source, (void)end, (void)offset;
    fail(error);
}

EXPORT void ucnv_toUnicode(void *converter, UChar **target, const UChar *target_end, const char **source,
                           const char *source_end, int *offsets, signed char flush, int *error)
{
    (void)converter, (void)target, (void)target_end, (void)source, (void)source_end, (void)offsets, (void)flush;
    fail(error);
}

EXPORT void ucnv_fromUnicode(void *converter, char **target, const char *target_end, const UChar **source,
                             const UChar *source_end, int *offsets, signed char flush, int *error)
{
    (void)converter, (void)target, (void)target_end, (void)source, (void)source_end, (void)offsets, (void)flush;
    fail(error);
}

EXPORT int ucnv_toUCountPending(void *converter, int *error) { (void)converter; fail(error); return 0; }
EXPORT int ucnv_fromUCountPending(void *converter, int *error) { (void)converter; fail(error); return 0; }
