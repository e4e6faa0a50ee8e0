/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application's event source as a slot: a timer, a descriptor of its own, a signal. Its callback
 * obeys the contract of handlers: any thread, one at a time.
 */
#ifndef PL_CONN_WATCH_H
#define PL_CONN_WATCH_H

#include "engine_ops.h"

#include <paceline/events.h>

struct pl_watch_settings {
    pl_timer_callback *on_timer; /* exactly one of the three */
    pl_fd_callback *on_fd;
    pl_signal_callback *on_signal;
    void *context;
    int64_t after_ms;  /* timer: first due, from now */
    int64_t period_ms; /* timer: 0: once */
    int number;        /* the descriptor, borrowed; the signal */
    uint32_t reasons;  /* descriptor: PL_READABLE, PL_WRITABLE */
};

struct pl_watch {
    struct pl_slot slot;
    struct pl_watch_settings settings;
    int64_t due_ms;    /* timer */
    uint32_t happened; /* reasons of the turn at hand */
    bool is_started;
};

/* Makes a watch of a held slot; it starts with its first turn. Errors: -EBADF, -EMFILE.
 * Thread: the holder. */
PL_MUST_CHECK int pl_watch_open(struct pl_watch *watch, const struct pl_watch_settings *settings);

#endif
