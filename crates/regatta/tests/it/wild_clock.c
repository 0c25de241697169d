/* A wall clock that jumps a day forwards and back at every look. Preloaded: see hostile_processes.rs. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_int looks;

int clock_gettime(clockid_t clock, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += atomic_fetch_add(&looks, 1) % 2 ? -86400 : 86400;
    return (int)failed;
}
