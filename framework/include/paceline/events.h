/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application's own events, from the same event source as connections: timers, descriptors,
 * signals. A callback may run on any thread, never twice at once, and may block like a handler that
 * did not say so.
 */
#ifndef PACELINE_EVENTS_H
#define PACELINE_EVENTS_H

#include <paceline/attributes.h>
#include <paceline/reason.h>

#include <stdint.h>

struct pl_server;
struct pl_engine;

typedef void pl_timer_callback(void *context);
/* `reasons`: which of PL_READABLE and PL_WRITABLE hold; a hang-up is both. */
typedef void pl_fd_callback(int fd, uint32_t reasons, void *context);
typedef void pl_signal_callback(int signal, void *context);

/* Names an event source; safe to keep as long as the server lives. The first call may run on
 * another thread before the function that started it has returned. */
struct pl_event_source {
    struct pl_engine *engine; /* borrowed from the server */
    uint64_t token;
};

/*
 * Calls back after `after_ms`, never early, and then every `period_ms` (0: once).
 *
 * Thread: any, between pl_server_start() and the drain; a pl_app's start() is the usual place.
 * Errors: -ENOBUFS: limits.connections is reached; -ESHUTDOWN: the server is going down.
 */
PL_MUST_CHECK PL_API int pl_timer_start(struct pl_server *server, int64_t after_ms,
                                        int64_t period_ms, pl_timer_callback *callback,
                                        void *context, struct pl_event_source *ret_source);
/* Calls back whenever the descriptor is ready for one of `reasons`; level-triggered: what was not
 * read is announced again. The descriptor stays the caller's; it may be closed after
 * pl_event_stop(). */
PL_MUST_CHECK PL_API int pl_watch_fd(struct pl_server *server, int fd, uint32_t reasons,
                                     pl_fd_callback *callback, void *context,
                                     struct pl_event_source *ret_source);
/* Calls back when the process gets the signal. Only under pl_main(), which reads signals; those it
 * uses itself, SIGRTMAX - 1 among them, are refused. Errors: also -EINVAL. */
PL_MUST_CHECK PL_API int pl_watch_signal(struct pl_server *server, int signal,
                                         pl_signal_callback *callback, void *context,
                                         struct pl_event_source *ret_source);
/* Ends the source; a call that is under way, or just about to begin, may still happen, so `context`
 * lives as long as the server. Thread: any. */
PL_API void pl_event_stop(const struct pl_event_source *source);

#endif
