/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "epoll is faster than select and poll."
 *
 * Each connection is a TCP socket connected to itself, so that thousands of them fit one process
 * and one thread does all the work: a byte arrives at some of them, the thread waits, and receives
 * from each that is ready. All of it counts, the arrival too: epoll does a part of its work there.
 */
#include "claims.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS_FEW     1000 /* as many as select() can watch, with some descriptors left */
#define CONNS_MANY    3000
#define FILES_SPARED  24 /* descriptors for everything else */
#define BATCH_EVENTS  256
#define WAIT_MS       1000
#define MESSAGE_BYTES 64

enum row { ROW_SELECT, ROW_POLL, ROW_EPOLL_LEVEL, ROW_EPOLL_EDGE, ROWS };

static const struct {
    bool is_many;
    size_t active_percent;
} conditions[] = { { false, 1 },   { false, 10 }, { false, 50 },
                   { false, 100 }, { true, 1 },   { true, 100 } };
#define CONDITIONS     (sizeof(conditions) / sizeof(conditions[0]))
#define CONDITIONS_FEW 4

/* Everything belongs to the measuring thread. */
struct state {
    int fds[CONNS_MANY];
    size_t count;
    /* What is watched in the cell at hand: the first of them. */
    size_t watched_count;
    size_t active_count;
    size_t turn; /* so that each turn picks other connections */
    struct pollfd polled[CONNS_MANY];
    fd_set selected;
    int fd_max;
    int epoll_fd;
};

/* ---- what the machine allows ----------------------------------------------------------------- */

static size_t conns_max(const struct claim_bench *bench)
{
    size_t max = bench->files_max > FILES_SPARED ? bench->files_max - FILES_SPARED : 1;

    return max < CONNS_MANY ? max : CONNS_MANY;
}

static size_t conns_few(const struct claim_bench *bench)
{
    return conns_max(bench) < CONNS_FEW ? conns_max(bench) : CONNS_FEW;
}

static size_t conns_of(const struct claim_bench *bench, size_t condition)
{
    return conditions[condition].is_many ? conns_max(bench) : conns_few(bench);
}

static void describe(struct claim_bench *bench)
{
    bench->figures_count = 1;
    bench->conditions_count = conns_max(bench) > CONNS_FEW ? CONDITIONS : CONDITIONS_FEW;
    if (conns_max(bench) < CONNS_MANY)
        snprintf(bench->left_out, sizeof(bench->left_out),
                 "more than %zu connections: the limit of descriptors is %zu (ulimit -n)",
                 conns_max(bench), bench->files_max);
    claim_add_row(bench, "select");
    claim_add_row(bench, "poll");
    claim_add_row(bench, "epoll, level");
    claim_add_row(bench, "epoll, edge");
    for (size_t i = 0; i < bench->conditions_count; i++) {
        char key[40], heading[40];

        snprintf(key, sizeof(key), "active_%zu_of_%zu_cpu_us", conditions[i].active_percent,
                 conns_of(bench, i));
        snprintf(heading, sizeof(heading), "%zu%% of %zu", conditions[i].active_percent,
                 conns_of(bench, i));
        claim_add_column_text(bench, key, heading, 2, BETTER_LESS);
    }
    if (bench->conditions_count > CONDITIONS_FEW)
        snprintf(bench->report.rows[ROW_SELECT].note, sizeof(bench->report.rows[0].note),
                 "select() watches descriptors below %d only", FD_SETSIZE);
}

static void close_state(struct claim_bench *bench)
{
    struct state *state = bench->state;

    for (size_t i = 0; state != NULL && i < state->count; i++)
        claim_close(&state->fds[i]);
    free(state);
    bench->state = NULL;
}

static int open_state(struct claim_bench *bench)
{
    struct state *state = calloc(1, sizeof(*state));
    size_t count = conns_of(bench, bench->conditions_count - 1);

    if (state == NULL)
        return -ENOMEM;
    bench->state = state;
    for (; state->count < count; state->count++) {
        int err = claim_connect_self(&state->fds[state->count]);

        if (err < 0) {
            close_state(bench);
            return err;
        }
    }
    return 0;
}

/* ---- the four ways to wait ------------------------------------------------------------------- */

static int receive_one(int fd)
{
    char bytes[MESSAGE_BYTES * 2];

    return recv(fd, bytes, sizeof(bytes), 0) == MESSAGE_BYTES ? 1 : -EIO;
}

/* Each returns how many messages it handled; a negative errno value when none came. */
static int turn_select(struct state *state)
{
    fd_set ready = state->selected;
    struct timeval timeout = { .tv_sec = WAIT_MS / 1000 };
    int left = select(state->fd_max + 1, &ready, NULL, NULL, &timeout);
    int handled = 0;

    for (size_t i = 0; i < state->watched_count && left > 0; i++) {
        if (!FD_ISSET(state->fds[i], &ready))
            continue;
        if (receive_one(state->fds[i]) < 0)
            return -EIO;
        handled++;
        left--;
    }
    return handled > 0 ? handled : -ETIMEDOUT;
}

static int turn_poll(struct state *state)
{
    int left = poll(state->polled, state->watched_count, WAIT_MS);
    int handled = 0;

    for (size_t i = 0; i < state->watched_count && left > 0; i++) {
        if (state->polled[i].revents == 0)
            continue;
        if (receive_one(state->polled[i].fd) < 0)
            return -EIO;
        handled++;
        left--;
    }
    return handled > 0 ? handled : -ETIMEDOUT;
}

static int turn_epoll(struct state *state)
{
    struct epoll_event events[BATCH_EVENTS];
    int count = epoll_wait(state->epoll_fd, events, BATCH_EVENTS, WAIT_MS);

    /* The other two go on by themselves when a stopped process goes on. */
    if (count < 0 && errno == EINTR)
        return 0;
    for (int i = 0; i < count; i++)
        if (receive_one(events[i].data.fd) < 0)
            return -EIO;
    return count > 0 ? count : -ETIMEDOUT;
}

/* ---- one cell -------------------------------------------------------------------------------- */

static bool fits_select(const struct state *state)
{
    for (size_t i = 0; i < state->watched_count; i++)
        if (state->fds[i] >= FD_SETSIZE)
            return false;
    return true;
}

static void prepare_select(struct state *state)
{
    FD_ZERO(&state->selected);
    state->fd_max = -1;
    for (size_t i = 0; i < state->watched_count; i++) {
        FD_SET(state->fds[i], &state->selected);
        state->fd_max = state->fds[i] > state->fd_max ? state->fds[i] : state->fd_max;
    }
}

static void prepare_poll(struct state *state)
{
    for (size_t i = 0; i < state->watched_count; i++)
        state->polled[i] = (struct pollfd){ .fd = state->fds[i], .events = POLLIN };
}

static int prepare_epoll(struct state *state, uint32_t flags)
{
    state->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (state->epoll_fd < 0)
        return -errno;
    for (size_t i = 0; i < state->watched_count; i++) {
        struct epoll_event event = { .events = EPOLLIN | flags, .data.fd = state->fds[i] };

        if (epoll_ctl(state->epoll_fd, EPOLL_CTL_ADD, state->fds[i], &event) < 0)
            return -errno;
    }
    return 0;
}

static int prepare(struct state *state, enum row row)
{
    switch (row) {
    case ROW_SELECT:
        prepare_select(state);
        return 0;
    case ROW_POLL:
        prepare_poll(state);
        return 0;
    case ROW_EPOLL_LEVEL:
        return prepare_epoll(state, 0);
    case ROW_EPOLL_EDGE:
        return prepare_epoll(state, EPOLLET);
    case ROWS:
        break;
    }
    return -EINVAL;
}

/* A message to every active connection, spread evenly over all of them. */
static int let_arrive(struct state *state)
{
    static const char message[MESSAGE_BYTES];

    state->turn++;
    for (size_t i = 0; i < state->active_count; i++) {
        size_t place = (i * state->watched_count / state->active_count + state->turn * 7) %
                       state->watched_count;

        if (send(state->fds[place], message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
            return -EIO;
    }
    return 0;
}

static int handle_all(struct state *state, enum row row)
{
    int (*const turns[ROWS])(struct state *) = { turn_select, turn_poll, turn_epoll, turn_epoll };
    size_t handled = 0;

    while (handled < state->active_count) {
        int count = turns[row](state);

        if (count < 0)
            return count;
        handled += (size_t)count;
    }
    return 0;
}

static int run_turns(struct state *state, enum row row, double seconds, double *ret_cpu_us)
{
    struct claim_stretch stretch;
    size_t events = 0;

    claim_stretch_begin(&stretch, CLOCK_THREAD_CPUTIME_ID, seconds);
    do {
        int err = let_arrive(state);

        if (err == 0)
            err = handle_all(state, row);
        if (err < 0)
            return err;
        events += state->active_count;
    } while (claim_stretch_goes_on(&stretch));
    claim_stretch_end(&stretch);
    *ret_cpu_us = stretch.cpu_s * 1e6 / (double)events;
    return 0;
}

static int measure(struct claim_bench *bench, size_t row, size_t condition, double seconds,
                   double *ret_figures)
{
    struct state *state = bench->state;
    int err;

    state->watched_count = conns_of(bench, condition);
    state->active_count = state->watched_count * conditions[condition].active_percent / 100;
    state->active_count += state->active_count == 0;
    state->epoll_fd = -1;
    if (row == ROW_SELECT && !fits_select(state))
        return CLAIM_LEFT_OUT;
    claim_pin(&bench->cpus, 0);
    err = prepare(state, (enum row)row);
    if (err == 0)
        err = run_turns(state, (enum row)row, seconds, ret_figures);
    claim_unpin(&bench->cpus);
    if (state->epoll_fd >= 0)
        close(state->epoll_fd);
    return err;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

/* epoll is held against the better of the other two. */
static void judge(const struct claim_bench *bench, struct sentence *verdict)
{
    const struct report_row *rows = bench->report.rows;
    struct claim_item items[CONDITIONS] = { 0 };

    for (size_t i = 0; i < bench->conditions_count; i++) {
        double select_us = series_summary(&rows[ROW_SELECT].cells[i]).median;
        double poll_us = series_summary(&rows[ROW_POLL].cells[i]).median;
        enum row rival = select_us < poll_us ? ROW_SELECT : ROW_POLL;
        const char *heading = bench->report.columns[i].heading;
        struct claim_item *item = &items[i];

        item->comparison = claim_compare(&rows[rival].cells[i], &rows[ROW_EPOLL_LEVEL].cells[i]);
        item->is_judged = true;
        item->holds = claim_is_more(&item->comparison);
        snprintf(item->label, sizeof(item->label), "%s active (%s)", heading,
                 rival == ROW_SELECT ? "select" : "poll");
        snprintf(item->place, sizeof(item->place), "with %s active", heading);
    }
    claim_judge(verdict, "epoll is cheaper",
                "the CPU of an event, the better of select and poll against epoll", items,
                bench->conditions_count);
}

const struct claim claim_epoll = {
    .name = "epoll",
    .sentence = "epoll is faster than select and poll.",
    .method =
        "CPU us of one thread for each event: a message of 64 bytes arrives at a share of the "
        "watched TCP connections (each one connected to itself over loopback), the thread "
        "waits, then receives from those that are ready. Nothing is ever re-registered.",
    .figures = "CPU us for each event, by the share of active connections",
    .describe = describe,
    .open = open_state,
    .measure = measure,
    .close = close_state,
    .judge = judge,
};
