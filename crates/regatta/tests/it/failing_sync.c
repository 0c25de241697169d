/* fsync that fails: FAILING_SYNC=n makes the n-th sync of the database or its log by this process fail, n+ also every
   later one; the file FAILING_SYNC_FIRED is made when it happens. Preloaded into the program under test. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_store(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return strstr(path, "/regatta.db") != NULL;
}

static int fails(int fd) {
    static int passed;
    const char *wanted = getenv("FAILING_SYNC"), *fired = getenv("FAILING_SYNC_FIRED");
    if (!wanted || !fired || !is_store(fd)) return 0;
    int n = __atomic_add_fetch(&passed, 1, __ATOMIC_SEQ_CST), first = atoi(wanted);
    if (n != first && !(n > first && strchr(wanted, '+'))) return 0;
    int file = open(fired, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file >= 0) close(file);
    errno = EIO;
    return 1;
}

int fsync(int fd) { return fails(fd) ? -1 : (int)syscall(SYS_fsync, fd); }

int fdatasync(int fd) { return fails(fd) ? -1 : (int)syscall(SYS_fdatasync, fd); }
