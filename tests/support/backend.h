/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine behind the server, on one thread: it answers lines, and misbehaves on demand.
 *
 *     echo TEXT          TEXT
 *     delay MS TEXT      TEXT, after that long
 *     drip MS TEXT       TEXT, a byte after that long each
 *     end TEXT           TEXT, and closes
 *     shut TEXT          TEXT, and finishes sending, but goes on receiving
 *     half TEXT          TEXT without the end of the line, and closes
 *     extra TEXT         TEXT and a line more, in one segment
 *     late MS TEXT       TEXT, and after that long a line that nobody asked for
 *     long COUNT         COUNT bytes without an end of line
 *     silent             nothing
 *     close              closes without an answer
 *     reset              the same with a reset
 */
#ifndef PL_TESTS_BACKEND_H
#define PL_TESTS_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BACKEND_CONNS_MAX 512

struct backend_conn {
    int fd; /* -1: free */
    char input[65536];
    uint32_t input_bytes;
    char output[65536];
    uint32_t output_bytes;
    uint32_t drip_ms;
    int64_t due_ms; /* when the output may go, or goes on */
    char late[64];
    int64_t late_ms;
    bool is_shutting; /* finishes sending after the output */
    bool is_ending;   /* closes after the output */
    bool is_deaf;     /* ignores what comes */
};

struct backend {
    uint16_t port;
    char path[64]; /* of a unix socket; empty: TCP */

    _Atomic uint32_t accepts, requests, lates, open, open_max;
    _Atomic bool is_greeting; /* set by a test: speaks first on a new connection */
    _Atomic uint32_t closes_asked, closes_done; /* see backend_close_all() */

    int listener, wake;
    pthread_t thread;
    _Atomic bool is_stopping;
    struct backend_conn *conns;
};

void backend_start(struct backend *backend);
/* On ::1; false: this machine has no IPv6. */
bool backend_start_v6(struct backend *backend);
void backend_start_unix(struct backend *backend, const char *path);
/* On a port of before, to come back. */
void backend_start_at(struct backend *backend, uint16_t port);
void backend_stop(struct backend *backend);
/* Closes every connection and waits until that is done. */
void backend_close_all(struct backend *backend);

#endif
