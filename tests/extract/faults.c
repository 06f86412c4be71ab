/* Loaded before libc: the n-th call that changes a file fails, and all after it if it is to stay so.

   fault_arm(n, errno, stays): n < 0 lets every call through. fault_calls(): how many there were since then. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long at = -1, calls = 0;
static int wrong = 0, stays = 0;

void fault_arm(long n, int number, int stay) { at = n, wrong = number, stays = stay, calls = 0; }
long fault_calls(void) { return calls; }

static int faulty(int fd) {
    char link[64], name[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    if (!strstr(name, "/faulty/")) return 0; /* the files of the job, and no others */
    long here = calls++;
    if (at < 0 || here < at || (here > at && !stays)) return 0;
    errno = wrong;
    return 1;
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, #name)

/* Half of what is written gets out before it fails. */
ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    if (!faulty(fd)) return real(fd, data, size);
    if (size > 1) real(fd, data, size / 2);
    errno = wrong;
    return -1;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t from) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    if (!faulty(fd)) return real(fd, data, size, from);
    if (size > 1) real(fd, data, size / 2, from);
    errno = wrong;
    return -1;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t from) { return pwrite64(fd, data, size, from); }
int fsync(int fd) {
    REAL(int, fsync, int);
    return faulty(fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    return faulty(fd) ? -1 : real(fd);
}
int ftruncate64(int fd, off64_t size) {
    REAL(int, ftruncate64, int, off64_t);
    return faulty(fd) ? -1 : real(fd, size);
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
