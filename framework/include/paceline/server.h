/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server inside a program of one's own; pl_main() (<paceline/main.h>) is built on this. Two
 * servers can run in one process; one can be started again after it was closed.
 */
#ifndef PACELINE_SERVER_H
#define PACELINE_SERVER_H

#include <paceline/error.h>
#include <paceline/protocol.h>
#include <paceline/stats.h>

struct pl_server;

/* What an application is: its name, its protocols, its handlers. Made with PL_APP(). */
struct pl_app {
    uint32_t bytes; /* sizeof as it was compiled: an older one is shorter */
    const char *name;
    const struct pl_binding *bindings;
    size_t bindings_count;
    /* Protocols without handlers of the application: files, fixed replies, echo. */
    const struct pl_protocol *const *protocols;
    size_t protocols_count;
    void *context; /* for the two below */
    /* After the threads have started and before the first connection is accepted: application
     * timers and watches begin here. A negative result ends the start. Thread: control. */
    int (*start)(struct pl_server *server, void *context);
    /* After the last connection has gone. Thread: control. */
    void (*stop)(struct pl_server *server, void *context);
    /* The application's own keys in the configuration, under its name: a table ended by a NULL
     * name, of a struct of at most PL_APP_SETTINGS_BYTES_MAX bytes; or NULL. */
    const struct pl_setting *settings;
};

/* Made where it is used: its parts are compound literals, which live as long as the block around
 * them. */
#define PL_APP(...) ((const struct pl_app){ .bytes = sizeof(struct pl_app), __VA_ARGS__ })

/*
 * Reads the configuration and opens the listeners; nothing runs yet. `config_path` NULL: built-in
 * defaults. `sets`: KEY=VALUE lines that come after the file; ended by NULL, or NULL.
 *
 * Owner:  the caller, until pl_server_close(). `app` is borrowed until then.
 * Thread: setup.
 * Errors: negative errno with a sentence and an exit code; nothing is left behind.
 */
PL_MUST_CHECK PL_API int pl_server_open(const struct pl_app *app, const char *config_path,
                                        const char *const *sets, struct pl_server **ret_server,
                                        struct pl_error *error);
/* Starts all threads, or none. Thread: control. */
PL_MUST_CHECK PL_API int pl_server_start(struct pl_server *server, struct pl_error *error);
/*
 * Stops: listeners first, idle connections, then those whose exchange is complete; whatever is left
 * after timeouts.drain (or `drain_ms` if that is not negative) is cut. Returns how many threads
 * would not leave their handler; if any, the server cannot be closed and the process should end.
 *
 * Thread: control.
 */
PL_API uint32_t pl_server_stop(struct pl_server *server, int64_t drain_ms);
/* Ends a stop that is under way at once. Thread: any; async-signal-safe. */
PL_API void pl_server_hurry(struct pl_server *server);
/* Does nothing with NULL. Thread: control, after a stop that returned 0. */
PL_API void pl_server_close(struct pl_server *server);

/* The address that listener `index` was really bound to, as it stands in a configuration; NULL
 * behind the last one. Valid until the next reload. Thread: any that is not in one. */
PL_API const char *pl_server_address(const struct pl_server *server, size_t index);
/* The struct that the application's table describes, filled. Valid until pl_server_close(). Thread:
 * any. */
PL_API const void *pl_server_app_settings(const struct pl_server *server);
/* Thread: any. */
PL_API void pl_server_stats(struct pl_server *server, struct pl_stats *ret_stats);
/* All figures, those of the upstreams too, as one JSON object and a final NUL; returns its length,
 * -ENOSPC or -ENOMEM. Thread: any. */
PL_API int pl_server_stats_to_json(struct pl_server *server, char *text, size_t size);

#endif
