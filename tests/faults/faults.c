/* Lets calls of the system fail, or be the last thing that a process does.
 *
 * Preloaded into a process, it looks at every call that opens, changes, reads, syncs, locks, renames or removes
 * a file below one folder. Python sets by ctypes what happens at which of them:
 *
 *   fault_set(folder, first, last, act, error, kinds)   from call `first` to call `last`, counted from 1
 *   fault_calls()                                       how many there were
 *   fault_name()                                        name of the first that was hit
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum act { FAIL = 1, KILL = 2, SHORT = 3, SHORT_AND_KILL = 4 };
enum kind { CHANGE = 1, READ = 2 };

static struct {
    char folder[PATH_MAX];
    size_t length;
    long first, last, calls;
    int act, error, kinds;
    char name[64];
} fault;

void fault_set(const char *folder, long first, long last, int act, int error, int kinds)
{
    memset(&fault, 0, sizeof fault);
    snprintf(fault.folder, sizeof fault.folder, "%s", folder);
    fault.first = first, fault.last = last, fault.act = act, fault.error = error, fault.kinds = kinds;
    fault.length = strlen(fault.folder);
}

long fault_calls(void) { return fault.calls; }
const char *fault_name(void) { return fault.name; }

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Count a call; return what is to happen at it, 0 for nothing. */
static int due(const char *name, int kind, const char *path)
{
    if (!fault.length || !(fault.kinds & kind) || !path || strncmp(path, fault.folder, fault.length))
        return 0;
    long number = ++fault.calls;
    if (number < fault.first || number > fault.last)
        return 0;
    if (!fault.name[0])
        snprintf(fault.name, sizeof fault.name, "%s", name);
    if (fault.act == KILL)
        die();
    return fault.act;
}

static int refused(const char *name, int kind, const char *path)
{
    if (due(name, kind, path) != FAIL)
        return 0;
    errno = fault.error;
    return 1;
}

static const char *path_of(int file, char *into)
{
    char link[40];
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = fault.length ? readlink(link, into, PATH_MAX - 1) : -1;
    errno = kept;
    if (length < 0)
        return NULL;
    into[length] = 0;
    return into;
}

/* How many of the bytes a call may write; -1 if it is to fail; `*last` if the process ends behind it. */
static ssize_t granted(const char *name, int file, size_t size, int *last)
{
    char path[PATH_MAX];
    int act = due(name, CHANGE, path_of(file, path));
    if (act == FAIL) {
        errno = fault.error;
        return -1;
    }
    *last = act == SHORT_AND_KILL;
    return (act == SHORT || act == SHORT_AND_KILL) && size > 1 ? size / 2 : size;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(real))dlsym(RTLD_NEXT, #name)

#define BY_PATH(type, name, parameters, path, arguments) \
    type name parameters \
    { \
        REAL(name); \
        return refused(#name, CHANGE, path) ? -1 : real arguments; \
    }

#define BY_FILE(type, name, kind, parameters, file, arguments) \
    type name parameters \
    { \
        char path[PATH_MAX]; \
        REAL(name); \
        return refused(#name, kind, path_of(file, path)) ? -1 : real arguments; \
    }

#define WRITES(name, parameters, arguments) \
    ssize_t name parameters \
    { \
        int last = 0; \
        REAL(name); \
        ssize_t size = granted(#name, file, wanted, &last); \
        ssize_t done = size < 0 ? -1 : real arguments; \
        if (last) \
            die(); \
        return done; \
    }

#define OPENS(name, before, pass, path) \
    int name(before const char *path, int flags, ...) \
    { \
        mode_t mode = 0; \
        REAL(name); \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list more; \
            va_start(more, flags); \
            mode = va_arg(more, mode_t); \
            va_end(more); \
        } \
        int kind = flags & (O_CREAT | O_WRONLY | O_RDWR) ? CHANGE : READ; \
        return refused(#name, kind, path) ? -1 : real(pass path, flags, mode); \
    }
#define COMMA ,

OPENS(open, , , path)
OPENS(open64, , , path)
OPENS(openat, int folder COMMA, folder COMMA, path)
OPENS(openat64, int folder COMMA, folder COMMA, path)

WRITES(write, (int file, const void *data, size_t wanted), (file, data, size))
WRITES(pwrite, (int file, const void *data, size_t wanted, off_t at), (file, data, size, at))
WRITES(pwrite64, (int file, const void *data, size_t wanted, off64_t at), (file, data, size, at))
WRITES(copy_file_range,
       (int from, off64_t *from_at, int file, off64_t *at, size_t wanted, unsigned flags),
       (from, from_at, file, at, size, flags))

BY_FILE(ssize_t, writev, CHANGE, (int file, const struct iovec *parts, int n), file, (file, parts, n))
BY_FILE(ssize_t, read, READ, (int file, void *data, size_t size), file, (file, data, size))
BY_FILE(ssize_t, pread, READ, (int file, void *data, size_t size, off_t at), file, (file, data, size, at))
BY_FILE(ssize_t, pread64, READ, (int file, void *data, size_t size, off64_t at), file, (file, data, size, at))
BY_FILE(ssize_t, preadv, READ, (int file, const struct iovec *p, int n, off_t at), file, (file, p, n, at))
BY_FILE(ssize_t, preadv64, READ, (int file, const struct iovec *p, int n, off64_t at), file, (file, p, n, at))
BY_FILE(ssize_t, preadv2, READ, (int file, const struct iovec *p, int n, off_t at, int how), file,
        (file, p, n, at, how))
BY_FILE(ssize_t, preadv64v2, READ, (int file, const struct iovec *p, int n, off64_t at, int how), file,
        (file, p, n, at, how))
BY_FILE(int, ftruncate, CHANGE, (int file, off_t size), file, (file, size))
BY_FILE(int, ftruncate64, CHANGE, (int file, off64_t size), file, (file, size))
BY_FILE(int, fsync, CHANGE, (int file), file, (file))
BY_FILE(int, fdatasync, CHANGE, (int file), file, (file))
BY_FILE(int, flock, CHANGE, (int file, int how), file, (file, how))
BY_FILE(int, fchmod, CHANGE, (int file, mode_t mode), file, (file, mode))

BY_PATH(int, rename, (const char *from, const char *to), to, (from, to))
BY_PATH(int, renameat, (int a, const char *from, int b, const char *to), to, (a, from, b, to))
BY_PATH(int, unlink, (const char *path), path, (path))
BY_PATH(int, unlinkat, (int folder, const char *path, int how), path, (folder, path, how))
BY_PATH(int, rmdir, (const char *path), path, (path))
BY_PATH(int, mkdir, (const char *path, mode_t mode), path, (path, mode))
BY_PATH(int, chmod, (const char *path, mode_t mode), path, (path, mode))
BY_PATH(int, fchmodat, (int folder, const char *path, mode_t mode, int how), path, (folder, path, mode, how))

int ioctl(int file, unsigned long request, ...)
{
    char path[PATH_MAX];
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    REAL(ioctl);
    /* FICLONE: share the blocks of another file. */
    if (request == 0x40049409 && refused("ioctl", CHANGE, path_of(file, path)))
        return -1;
    return real(file, request, argument);
}
