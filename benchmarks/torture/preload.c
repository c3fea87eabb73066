/* Count file operations below a folder, and make the N-th fail, or kill the process at it.

   LD_PRELOADed into every process of a trial, and inert in those whose environment does not name a folder:
   TORTURE_FOLDER   path of the folder
   TORTURE_COUNTER  file of 8 bytes, shared by all processes of the trial: operations so far
   TORTURE_AT       number of the operation to act at, from 1; 0 only counts
   TORTURE_ACTION   kill (SIGKILL, half of a write is done), once (ENOSPC once) or full (ENOSPC from then on)

   Operations: opening for writing, write, writev, pwrite, fsync, fdatasync, ftruncate, rename. With `full`, renames and
   truncation succeed, as on a full disk. Writes of C's stdio inside glibc are not seen. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long count(void) {
    static long *counter;
    if (!counter) {
        const char *file = getenv("TORTURE_COUNTER");
        int fd = file ? REAL(open)(file, O_RDWR) : -1;
        if (fd < 0) return 0;
        void *page = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (page == MAP_FAILED) return 0;
        counter = page;
    }
    return __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static int below(const char *path) {
    const char *folder = getenv("TORTURE_FOLDER");
    char absolute[PATH_MAX];
    if (!folder || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(absolute, sizeof absolute)) return 0;
        size_t used = strlen(absolute);
        snprintf(absolute + used, sizeof absolute - used, "/%s", path);
        path = absolute;
    }
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int fd_below(int fd) {
    char link[64], path[PATH_MAX];
    if (!getenv("TORTURE_FOLDER")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || path[0] != '/') return 0;  /* sockets and pipes are no files */
    path[length] = 0;
    return below(path);
}

enum { GO_ON, FAIL, KILL };

static int fate(int needs_space) {
    const char *at_text = getenv("TORTURE_AT"), *action = getenv("TORTURE_ACTION");
    long at = at_text ? atol(at_text) : 0, now = count();
    if (!at || !action || now < at) return GO_ON;
    if (!strcmp(action, "full")) return needs_space ? FAIL : GO_ON;
    if (now > at) return GO_ON;
    return !strcmp(action, "kill") ? KILL : FAIL;
}

static int no_space(void) { errno = ENOSPC; return -1; }
static void die(void) { kill(getpid(), SIGKILL); pause(); }

#define ACT(needs_space) do { int f = fate(needs_space); if (f == FAIL) return no_space(); if (f == KILL) die(); } while (0)

#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT))
#define OPEN(name, parameters, path, ...)                                                        \
    int name parameters {                                                                        \
        mode_t mode = 0;                                                                         \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } \
        if (WRITES(flags) && below(path)) ACT(flags & O_CREAT);                                  \
        return REAL(name)(__VA_ARGS__, flags, mode);                                             \
    }
OPEN(open, (const char *path, int flags, ...), path, path)
OPEN(open64, (const char *path, int flags, ...), path, path)
OPEN(openat, (int folder, const char *path, int flags, ...), path, folder, path)
OPEN(openat64, (int folder, const char *path, int flags, ...), path, folder, path)

FILE *fopen(const char *path, const char *mode) {
    if (mode[0] != 'r' && below(path)) { int f = fate(1); if (f == FAIL) { errno = ENOSPC; return NULL; } if (f == KILL) die(); }
    return REAL(fopen)(path, mode);
}
FILE *fopen64(const char *path, const char *mode) {
    if (mode[0] != 'r' && below(path)) { int f = fate(1); if (f == FAIL) { errno = ENOSPC; return NULL; } if (f == KILL) die(); }
    return REAL(fopen64)(path, mode);
}

#define WRITE(name, parameters, half, ...)                                                       \
    ssize_t name parameters {                                                                    \
        if (fd_below(fd)) {                                                                      \
            int f = fate(1);                                                                     \
            if (f == FAIL) return no_space();                                                    \
            if (f == KILL) { half; die(); }                                                      \
        }                                                                                        \
        return REAL(name)(__VA_ARGS__);                                                          \
    }
WRITE(write, (int fd, const void *data, size_t size), (void)!REAL(write)(fd, data, size / 2), fd, data, size)
WRITE(pwrite, (int fd, const void *data, size_t size, off_t at), (void)!REAL(pwrite)(fd, data, size / 2, at), fd, data, size, at)
WRITE(pwrite64, (int fd, const void *data, size_t size, off64_t at), (void)!REAL(pwrite64)(fd, data, size / 2, at), fd, data, size, at)
WRITE(writev, (int fd, const struct iovec *parts, int n), (void)!REAL(writev)(fd, parts, n / 2), fd, parts, n)

int fsync(int fd) { if (fd_below(fd)) ACT(1); return REAL(fsync)(fd); }
int fdatasync(int fd) { if (fd_below(fd)) ACT(1); return REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { if (fd_below(fd)) ACT(0); return REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { if (fd_below(fd)) ACT(0); return REAL(ftruncate64)(fd, size); }
int rename(const char *from, const char *to) { if (below(to)) ACT(0); return REAL(rename)(from, to); }
int renameat(int a, const char *from, int b, const char *to) { if (below(to)) ACT(0); return REAL(renameat)(a, from, b, to); }
