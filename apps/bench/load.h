/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load generator: a process of its own with one epoll loop, and what it found.
 *
 *     load_start ─▶ load_ready ─▶ (warm-up) ─▶ load_measure ─▶ (the measured time) ─▶ load_stop
 *
 * Between load_measure() and load_stop() the caller reads what it likes of the server, at the very
 * edges of the measured time, while the load goes on.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "arguments.h"
#include "histogram.h"
#include "reply.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_DEPTH_MAX  1024
#define LOAD_CONNS_MAX  100000
#define LOAD_IDLERS_MAX 16

enum load_protocol { LOAD_HTTP, LOAD_LINE };

struct load_plan {
    enum load_protocol protocol;
    struct address target;
    const char *request; /* borrowed until load_stop(); one request, complete */
    size_t request_length;
    const char *body_expected; /* borrowed; NULL: the first reply says what is right */
    size_t body_expected_length;
    size_t conns, depth;         /* the polite ones */
    size_t greedy, greedy_depth; /* those that pipeline without end */
    size_t idle;                 /* one request each, then silence */
    double rate;                 /* requests a second of the polite ones together; 0: closed loop */
    double think_s;              /* closed loop: between a reply and the next request */
    uint64_t requests_max;       /* the generator ends by itself after so many; 0: never */
    bool is_conn_per_request;    /* the server closes after the reply */
    bool is_any_status;          /* the first reply may be an error */
};

#define LOAD_ERRORS(X)                                                                             \
    X(connect, "no connection")                                                                    \
    X(closed, "closed by the server too early")                                                    \
    X(reset, "receiving or sending failed")                                                        \
    X(reply, "wrong bytes in a reply")                                                             \
    X(timeout, "no reply within 5 s")

enum load_error {
#define X(name, what) LOAD_ERROR_##name,
    LOAD_ERRORS(X)
#undef X
        LOAD_ERRORS_COUNT
};

/* What the polite or the greedy found during the measured time. */
struct load_role {
    uint64_t requests, bytes; /* answered; received */
    uint64_t offered;         /* open loop: due in the measured time */
    uint64_t unanswered; /* open loop: of those, without a reply; they count as late as they are */
    struct histogram latency; /* ns */
};

struct load_result {
    struct load_role polite, greedy;
    double seconds, cpu_s;              /* of the generator itself */
    uint64_t errors[LOAD_ERRORS_COUNT]; /* of the whole run, warm-up included */
    char first_error[256];
};

/* One process writes a field, the other reads it. */
struct load_share {
    _Atomic int phase;          /* enum load_phase; the caller's */
    _Atomic int is_ready;       /* the generator's: every connection stands */
    _Atomic uint64_t replies;   /* the generator's: all that were right so far */
    _Atomic uint64_t idle_open; /* the idle holders' */
    _Atomic uint64_t idle_failed;
    struct load_result result; /* complete when the generator has ended */
};

enum load_phase { LOAD_WARM_UP, LOAD_MEASURED, LOAD_STOPPED };

struct load {
    struct load_share *share; /* mapped */
    struct reply_template template;
    pid_t pid;
    int end_fd; /* hangs up when the generator has ended */
    pid_t idlers[LOAD_IDLERS_MAX];
    size_t idlers_count;
};

/* Learns the template from one request and starts the generator. False: `sentence` says why. */
bool load_start(struct load *load, const struct load_plan *plan, const cpu_set_t *cpus,
                char *sentence, size_t sentence_size);
/* Until every connection stands. False: it ended, was interrupted, or takes too long. */
bool load_ready(struct load *load);
bool load_wait(struct load *load, double seconds);
void load_measure(struct load *load);
uint64_t load_replies(const struct load *load);
/* Ends the generator and gives what it found. */
void load_stop(struct load *load, struct load_result *ret_result);

/* All of it, for a caller that reads nothing meanwhile. False: not even begun. */
bool load_run(const struct load_plan *plan, const cpu_set_t *cpus, double warm_up_s, double seconds,
              struct load_result *ret_result, char *sentence, size_t sentence_size);

uint64_t load_errors(const struct load_result *result);
const char *load_error_name(enum load_error error);
const char *load_error_text(enum load_error error);

/* ---- between the files of the generator ----------------------------------------------------- */

/* A blocking connection with a time-out, from another 127.0.0.x when this one's ports ran out.
 * Returns the descriptor or a negative errno value. */
int load_connect(const struct address *target);
int load_connect_start(const struct address *target);

/* One request, one reply: what a right reply is. */
bool load_learn(const struct load_plan *plan, struct reply_template *ret_template, char *sentence,
                size_t size);

/* The generator's process; never returns. */
__attribute__((noreturn)) void load_generate(const struct load_plan *plan,
                                             const struct reply_template *template,
                                             struct load_share *share);
/* A process that opens `count` connections, uses each once and keeps them; never returns. */
__attribute__((noreturn)) void load_hold_idle(const struct load_plan *plan,
                                              const struct reply_template *template,
                                              struct load_share *share, size_t count);

#endif
