/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static sigset_t mask_outside; /* what was blocked before signals_catch() */

void die(int code, const char *format, ...)
{
    va_list arguments;

    fputs("paceline-bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(code);
}

uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void *must_alloc(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (memory == NULL)
        die(EX_OSERR, "out of memory");
    return memory;
}

static void note_signal(int signal_number)
{
    caught = signal_number;
}

/* They stay blocked outside wait_until(), so that none slips in between a look and a wait. */
void signals_catch(void)
{
    struct sigaction action = { .sa_handler = note_signal };
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, &mask_outside);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void signals_in_child(int parent_pid)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent_pid)
        _exit(EX_UNAVAILABLE);
    /* Ctrl-C reaches the whole group of the terminal; the parent decides when children end. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &mask_outside, NULL);
}

bool is_interrupted(void)
{
    sigset_t pending;

    sigpending(&pending);
    return caught != 0 || sigismember(&pending, SIGINT) == 1 ||
           sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGHUP) == 1;
}

bool wait_until(uint64_t due_ns, int hang_up_fd)
{
    struct pollfd entry = { .fd = hang_up_fd };

    for (;;) {
        uint64_t now = clock_ns();
        struct timespec span = { .tv_sec = 0 };

        if (now >= due_ns)
            return !is_interrupted();
        span.tv_sec = (time_t)((due_ns - now) / 1000000000);
        span.tv_nsec = (long)((due_ns - now) % 1000000000);
        if (ppoll(&entry, 1, &span, &mask_outside) > 0)
            return false;
        if (is_interrupted())
            return false;
    }
}

bool wait_ns(uint64_t span_ns, int hang_up_fd)
{
    return wait_until(clock_ns() + span_ns, hang_up_fd);
}
