/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals as ordinary events: blocked in every thread, read by the control thread alone.
 *
 *     TERM, INT  stop (the second time at once)      USR1  the statistics as one line; log files
 *     HUP        reads the configuration again             are opened again
 *     USR2       reserved for upgrade
 *     PIPE       ignored
 *     RTMAX-1    asks a thread for its stack (base/stack.h)
 *     others     as the application watches them
 */
#ifndef PL_SERVER_SIGNALS_H
#define PL_SERVER_SIGNALS_H

#include <paceline/attributes.h>
#include <paceline/events.h>

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#define PL_SIGNALS_WATCHED_MAX 16

struct pl_signals {
    sigset_t set;         /* what the control thread waits for; never changes */
    pthread_mutex_t lock; /* guards the two below */
    struct {
        int signal;
        struct pl_event_source source;
    } watched[PL_SIGNALS_WATCHED_MAX];
    size_t watched_count;
};

/* Blocks the signals in the calling thread and all it will start. Threads that were begun before it
 * pass on what the kernel gives them, unless the application has an action of its own. Thread: the
 * process's main thread. */
void pl_signals_init(struct pl_signals *signals);
void pl_signals_deinit(struct pl_signals *signals);

/* Errors: -EINVAL: one that the server uses itself or that cannot be blocked; -ENOBUFS. Thread:
 * any. */
PL_MUST_CHECK int pl_signals_watch(struct pl_signals *signals, int signal,
                                   const struct pl_event_source *source);

/* The next signal that the server itself must answer; those that are watched are passed on. */
int pl_signals_next(struct pl_signals *signals);

#endif
