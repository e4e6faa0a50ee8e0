/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A protocol made to be watched. Each line is a command; the reply ends with a line end.
 *
 *     echo TEXT        TEXT
 *     sleep MS TEXT    TEXT, after blocking the thread unsaid
 *     section MS TEXT  TEXT, after blocking the thread in a section that says so
 *     job MS TEXT      TEXT, from a job that blocks
 *                      with -1 for MS these block until the test calls probe_open_gate()
 *     later MS TEXT    TEXT, posted by another thread after MS
 *     before TEXT      TEXT, posted by another thread before the connection is parked
 *     hold TEXT        TEXT, when the test calls probe_release()
 *     big N            N bytes of 'x'
 *     who              the name of the thread that runs it
 *     stall MS TEXT    TEXT, after blocking unsaid in a handler that was quick before
 *     section MS TEXT  TEXT, the same after saying that it blocks
 *     spin TEXT        TEXT, after turns without end until the test calls probe_open_gate()
 *     close TEXT       TEXT, then the connection ends
 *     fail             the connection ends
 */
#ifndef PL_TESTS_PROBE_PROTOCOL_H
#define PL_TESTS_PROBE_PROTOCOL_H

#include <paceline/protocol.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct probe {
    _Atomic uint32_t violations; /* two threads inside one connection */
    _Atomic uint32_t commands;
    _Atomic uint32_t opened, closed;
    _Atomic uint32_t timeouts, shutdowns, refusals;
    _Atomic uint32_t held;    /* connections that wait for probe_release() */
    _Atomic uint32_t blocked; /* threads that came to the gate */
    _Atomic uint32_t spins;   /* turns of connections that never wait */
    _Atomic bool is_gate_open;
    _Atomic uint32_t posters; /* threads of `later` still on their way */
    _Atomic uint32_t stale;   /* posts that came too late */
    pthread_mutex_t lock;     /* guards tokens */
    struct pl_conn_token tokens[64];
    char texts[64][64];
    uint32_t token_count;
    struct pl_handler_note quick, slow; /* of commands that return at once, and of the others */
};

extern const struct pl_protocol probe_protocol;

void probe_init(struct probe *probe);
void probe_deinit(struct probe *probe);
/* Posts the reply of the oldest held connection; the result of the post. */
int probe_release(struct probe *probe);
/* Lets those that block at the gate go on, and all who come later. */
void probe_open_gate(struct probe *probe);

#endif
