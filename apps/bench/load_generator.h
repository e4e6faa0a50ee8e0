/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator's state, and what its loop asks of a connection. */
#ifndef BENCH_LOAD_GENERATOR_H
#define BENCH_LOAD_GENERATOR_H

#include "load.h"
#include "schedule.h"

#define GENERATOR_RECEIVE_BYTES (256 * 1024)
/* Then the generator ends: it would only go in circles. */
#define GENERATOR_ERRORS_MAX 1000

struct load_conn {
    int fd; /* -1: not open */
    bool is_greedy, is_connected, is_free;
    uint32_t depth;
    uint32_t outstanding; /* requests begun and not answered */
    uint32_t due_head;
    size_t at;            /* how far into its reply */
    size_t unsent;        /* bytes of begun requests */
    uint64_t *due_ns;     /* ring of `depth`: when each outstanding one was due */
    uint64_t progress_ns; /* the last time something went on; when it may begin, while it thinks */
};

struct generator {
    const struct load_plan *plan;
    const struct reply_template *template;
    struct load_share *share;
    struct load_result *result;
    int epoll_fd;
    struct load_conn *conns;
    size_t conns_count, opened_count, connected_count;
    uint32_t *free_ring; /* indices of connections that may begin */
    size_t free_head, free_count;
    char *requests; /* the request, as often as one send() takes */
    size_t requests_bytes;
    char *received;
    struct schedule schedule;
    enum load_phase phase;
    uint64_t now_ns, measured_ns, check_ns, replies, faults;
    uint64_t cpu_ns;
};

void generator_note_error(struct generator *generator, enum load_error error, const char *detail);

/* The queue of connections that may begin a request. */
struct load_conn *generator_first_free(const struct generator *generator);
struct load_conn *generator_pop_free(struct generator *generator);
void generator_push_free(struct generator *generator, struct load_conn *conn);

/* False: it was counted as an error. */
bool load_conn_open(struct generator *generator, struct load_conn *conn);
/* Begins requests that were due at `due_ns`; opens the connection where each has its own. */
void load_conn_begin(struct generator *generator, struct load_conn *conn, uint32_t count,
                     uint64_t due_ns);
/* What a connection does after replies. */
void load_conn_next(struct generator *generator, struct load_conn *conn);
/* Closes one that went wrong, and opens it again. */
void load_conn_drop(struct generator *generator, struct load_conn *conn);
void load_conn_handle_event(struct generator *generator, struct load_conn *conn, uint32_t events);

#endif
