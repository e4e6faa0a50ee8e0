/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keep-alive clients that ask numbered questions of every kind and compare every byte of the
 * answers, and clients that connect, ask once and leave. Nothing here ends the test: the first
 * thing that goes wrong is kept, and load_end() fails with it.
 */
#ifndef PL_TESTS_LOAD_H
#define PL_TESTS_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum load_kind {
    LOAD_GET,
    LOAD_POST,
    LOAD_PIPELINED,
    LOAD_LATER,
    LOAD_STREAM,
    LOAD_SLOW_POST,
    LOAD_FILE,
    LOAD_BLOCK,
    LOAD_UPLOAD,
    LOAD_LATER_STREAM,
    LOAD_SLOW_UPLOAD,
    LOAD_CALL, /* these two need a backend */
    LOAD_LEASE,
    LOAD_KINDS
};

#define LOAD_THREADS_MAX    4
#define LOAD_CLIENTS_MAX    256
#define LOAD_PIPELINE_DEPTH 8
/* Of a GET's wait: tenths of a millisecond, the last one for all that took longer. */
#define LOAD_WAITS 20000

struct load_client;

struct load_thread {
    struct load *load; /* borrowed */
    pthread_t id;
    struct load_client *clients; /* owned */
    uint32_t clients_count;
    int epoll_fd;
    uint32_t waits[LOAD_WAITS];
    int64_t longest_us;
};

struct load_settings {
    uint16_t port;
    uint32_t clients, threads;
    uint32_t connectors; /* threads of clients that ask once; at most LOAD_THREADS_MAX */
    uint32_t kinds;      /* a set of 1 << enum load_kind */
};

#define LOAD_KINDS_ALONE ((1u << LOAD_CALL) - 1)
#define LOAD_KINDS_ALL   ((1u << LOAD_KINDS) - 1)

struct load {
    struct load_settings settings;
    struct load_thread threads[LOAD_THREADS_MAX];
    pthread_t connectors[LOAD_THREADS_MAX];
    _Atomic bool is_ending;
    _Atomic uint64_t numbers;  /* the last that was given to a request */
    _Atomic uint64_t requests; /* answered on keep-alive connections */
    _Atomic uint64_t connects; /* accepted and answered */
    _Atomic bool has_failed;

    pthread_mutex_t lock; /* guards the text */
    char failure[512];    /* the first */
};

void load_begin(struct load *load, const struct load_settings *settings);
/* Waits until every request is answered, looks that nothing more comes and that no connection was
 * closed, and closes them. */
void load_end(struct load *load);
/* Fails when something has gone wrong, without an end. */
void load_check(struct load *load);
/* The longest wait of a GET so far, and what 99 % took at most; after the end. */
int64_t load_longest_us(const struct load *load);
int64_t load_p99_us(const struct load *load);

#endif
