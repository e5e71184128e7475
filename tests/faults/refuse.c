/* Preloaded into a store process: lets the n-th change of a file fail, tear or end the process. Armed through refuse_arm from within. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NONE, KILL, TEAR, FULL, BROKEN };

static atomic_long met;
static atomic_long refused;
static int how = NONE;
static long first = 0, last = 0;

void refuse_arm(int what, long from, long to) {
    how = what;
    first = from;
    last = to;
    atomic_store(&met, 0);
    atomic_store(&refused, 0);
}

long refuse_met(void) { return atomic_load(&met); }
long refuse_refused(void) { return atomic_load(&refused); }

static int plain_file(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}

/* 0: go on; else the way in which this call is to fail. */
static int turn(void) {
    long number = atomic_fetch_add(&met, 1) + 1;
    if (how == NONE || number < first || number > last) return NONE;
    atomic_fetch_add(&refused, 1);
    if (how == KILL) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    return how;
}

static int fail(int what) {
    errno = what == FULL ? ENOSPC : EIO;
    return -1;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define WRITES(call, half) \
    if (plain_file(fd)) { \
        int what = turn(); \
        if (what == TEAR) { \
            (void)!(half); \
            kill(getpid(), SIGKILL); \
            for (;;) pause(); \
        } \
        if (what) return fail(what); \
    } \
    return call
#define CHANGES(call, about) \
    if (about) { \
        int what = turn(); \
        if (what == TEAR) { \
            kill(getpid(), SIGKILL); \
            for (;;) pause(); \
        } \
        if (what) return fail(what); \
    } \
    return call

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    WRITES(real(fd, data, size), real(fd, data, size / 2));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    WRITES(real(fd, data, size, at), real(fd, data, size / 2, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    WRITES(real(fd, data, size, at), real(fd, data, size / 2, at));
}

int fsync(int fd) {
    REAL(fsync);
    CHANGES(real(fd), plain_file(fd));
}

int fdatasync(int fd) {
    REAL(fdatasync);
    CHANGES(real(fd), plain_file(fd));
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    CHANGES(real(fd, size), plain_file(fd));
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    CHANGES(real(fd, size), plain_file(fd));
}

int rename(const char *from, const char *to) {
    REAL(rename);
    CHANGES(real(from, to), 1);
}

int unlink(const char *path) {
    REAL(unlink);
    CHANGES(real(path), 1);
}
