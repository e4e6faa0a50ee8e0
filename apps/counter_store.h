/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the counts are kept: a table of functions, one per word behind `counter.store`. A store
 * answers in its own time and on any thread; the handler does not care which it is.
 */
#ifndef COUNTER_STORE_H
#define COUNTER_STORE_H

#include <paceline/server.h>
#include <paceline/view.h>

#include <stdint.h>

#define COUNTER_NAME_BYTES_MAX 64

/* The application's own keys of the configuration. */
struct counter_settings {
    int store; /* an index into counter_stores */
    char *file;
    char *upstream;
};

/* `problem` NULL: *name was raised to `count`. Called once; must not block. */
typedef void counter_done(int64_t count, const char *problem, void *context);

struct counter_store {
    const char *name; /* the word in the configuration */
    /* Errors: negative errno, named in the log. Thread: control. */
    int (*open)(struct pl_server *server, const struct counter_settings *settings);
    void (*close)(void);
    /* Adds `by` to the count of that name, at most COUNTER_NAME_BYTES_MAX. Does not block; calls
     * `done` now or later. Thread: any. */
    void (*add)(struct pl_view name, int by, counter_done *done, void *context);
    /* The same, and waits. Returns NULL or the problem. Thread: one that may block. */
    const char *(*add_blocking)(struct pl_view name, int by, int64_t *ret_count);
};

extern const struct counter_store counter_store_embedded;
extern const struct counter_store counter_store_redis;

#endif
