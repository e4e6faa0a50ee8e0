/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Edge trigger is faster than level trigger."
 *
 * One thread plays both sides in turns: it sends a message on some connections, then serves them
 * all as an echo server would, then takes the replies. Only the server's part is measured. It ends
 * with a wait that finds nothing, as a server's does before it sleeps: there the level trigger
 * looks once more at every connection it has reported.
 */
#include "claims.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS_COUNT   64
#define FILES_SPARED  24
#define WAIT_MS       1000
#define MESSAGE_BYTES 64

static const struct {
    const char *name, *short_name;
    uint32_t flags;
    bool reads_on; /* until nothing is left, as the manual of epoll advises */
    bool rearms;
} ways[] = {
    { "level", "level", 0, false, false },
    { "edge, read until EAGAIN", "edge until EAGAIN", EPOLLET, true, false },
    { "edge, a short read is the end", "edge until a short read", EPOLLET, false, false },
    { "one-shot, armed again", "one-shot", EPOLLONESHOT, false, true },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))
enum { WAY_LEVEL, WAY_EDGE_READS_ON, WAY_EDGE_SHORT, WAY_ONE_SHOT };

static const size_t active_counts[] = { 4, CONNS_COUNT };
#define CONDITIONS (sizeof(active_counts) / sizeof(active_counts[0]))
enum figure { FIGURE_CPU, FIGURE_CALLS, FIGURES };

/* Everything belongs to the measuring thread. */
struct state {
    int pairs[CONNS_COUNT][2]; /* client, server */
    size_t count;
    int epoll_fd;
    size_t first; /* of the active ones; it moves on */
    size_t calls; /* of the server's part */
};

static size_t conns_max(const struct claim_bench *bench)
{
    size_t max = bench->files_max > FILES_SPARED ? (bench->files_max - FILES_SPARED) / 2 : 1;

    return max < CONNS_COUNT ? max : CONNS_COUNT;
}

static void describe(struct claim_bench *bench)
{
    bench->conditions_count = CONDITIONS;
    bench->figures_count = FIGURES;
    if (conns_max(bench) < CONNS_COUNT)
        snprintf(bench->left_out, sizeof(bench->left_out),
                 "more than %zu connections: the limit of descriptors is %zu (ulimit -n)",
                 conns_max(bench), bench->files_max);
    for (size_t i = 0; i < WAYS; i++)
        claim_add_row(bench, ways[i].name);
    claim_add_column(bench, "few_cpu_us", "CPU us, 4 active", 3, BETTER_LESS);
    claim_add_column(bench, "few_calls", "calls", 2, BETTER_LESS);
    claim_add_column(bench, "all_cpu_us", "CPU us, all active", 3, BETTER_LESS);
    claim_add_column(bench, "all_calls", "calls", 2, BETTER_LESS);
}

static void close_state(struct claim_bench *bench)
{
    struct state *state = bench->state;

    for (size_t i = 0; state != NULL && i < state->count; i++)
        claim_close_pair(state->pairs[i]);
    free(state);
    bench->state = NULL;
}

static int open_state(struct claim_bench *bench)
{
    struct state *state = calloc(1, sizeof(*state));
    size_t count = conns_max(bench);

    if (state == NULL)
        return -ENOMEM;
    bench->state = state;
    for (; state->count < count; state->count++) {
        int err = claim_connect_tcp(state->pairs[state->count]);

        if (err < 0) {
            close_state(bench);
            return err;
        }
    }
    return 0;
}

/* ---- the server's part ----------------------------------------------------------------------- */

static int answer(struct state *state, size_t way, size_t place)
{
    int fd = state->pairs[place][1];
    char message[MESSAGE_BYTES * 2];
    ssize_t received = recv(fd, message, sizeof(message), MSG_DONTWAIT);

    if (received != MESSAGE_BYTES ||
        send(fd, message, MESSAGE_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL) != MESSAGE_BYTES)
        return -EIO;
    state->calls += 2;
    if (ways[way].reads_on) {
        if (recv(fd, message, sizeof(message), MSG_DONTWAIT) >= 0 || errno != EAGAIN)
            return -EIO;
        state->calls++;
    }
    if (ways[way].rearms) {
        struct epoll_event event = { .events = EPOLLIN | ways[way].flags, .data.u64 = place };

        if (epoll_ctl(state->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0)
            return -errno;
        state->calls++;
    }
    return 0;
}

static int serve(struct state *state, size_t way, size_t active)
{
    struct epoll_event events[CONNS_COUNT];
    size_t served = 0;
    int count;

    while (served < active) {
        count = epoll_wait(state->epoll_fd, events, CONNS_COUNT, WAIT_MS);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -ETIMEDOUT;
        state->calls++;
        for (int i = 0; i < count; i++) {
            int err = answer(state, way, events[i].data.u64);

            if (err < 0)
                return err;
        }
        served += (size_t)count;
    }
    state->calls++;
    return epoll_wait(state->epoll_fd, events, CONNS_COUNT, 0) == 0 ? 0 : -EIO;
}

/* ---- the clients' part ----------------------------------------------------------------------- */

static int ask(struct state *state, size_t active)
{
    static const char message[MESSAGE_BYTES];
    int err = 0;

    state->first++;
    for (size_t i = 0; i < active && err == 0; i++)
        err = claim_send_all(state->pairs[(state->first + i) % state->count][0], message,
                             sizeof(message));
    return err;
}

static int take_replies(struct state *state, size_t active)
{
    char message[MESSAGE_BYTES];
    int err = 0;

    for (size_t i = 0; i < active && err == 0; i++)
        err = claim_receive_all(state->pairs[(state->first + i) % state->count][0], message,
                                sizeof(message));
    return err;
}

/* ---- one cell -------------------------------------------------------------------------------- */

static int watch(struct state *state, size_t way)
{
    state->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (state->epoll_fd < 0)
        return -errno;
    for (size_t i = 0; i < state->count; i++) {
        struct epoll_event event = { .events = EPOLLIN | ways[way].flags, .data.u64 = i };

        if (epoll_ctl(state->epoll_fd, EPOLL_CTL_ADD, state->pairs[i][1], &event) < 0)
            return -errno;
    }
    return 0;
}

static int echo_for(struct state *state, size_t way, size_t active, double seconds,
                    double *ret_figures)
{
    double until_s = claim_seconds(CLOCK_MONOTONIC) + seconds;
    double cpu_s = 0;
    size_t messages = 0;

    state->calls = 0;
    do {
        double begun_s;
        int err = ask(state, active);

        if (err < 0)
            return err;
        begun_s = claim_seconds(CLOCK_THREAD_CPUTIME_ID);
        err = serve(state, way, active);
        cpu_s += claim_seconds(CLOCK_THREAD_CPUTIME_ID) - begun_s;
        if (err == 0)
            err = take_replies(state, active);
        if (err < 0)
            return err;
        messages += active;
    } while (claim_seconds(CLOCK_MONOTONIC) < until_s);
    ret_figures[FIGURE_CPU] = cpu_s * 1e6 / (double)messages;
    ret_figures[FIGURE_CALLS] = (double)state->calls / (double)messages;
    return 0;
}

static int measure(struct claim_bench *bench, size_t row, size_t condition, double seconds,
                   double *ret_figures)
{
    struct state *state = bench->state;
    size_t active =
        active_counts[condition] < state->count ? active_counts[condition] : state->count;
    int err;

    claim_pin(&bench->cpus, 0);
    err = watch(state, row);
    if (err == 0)
        err = echo_for(state, row, active, seconds, ret_figures);
    claim_unpin(&bench->cpus);
    if (state->epoll_fd >= 0)
        close(state->epoll_fd);
    return err;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static void judge(const struct claim_bench *bench, struct sentence *verdict)
{
    static const char *const conditions[CONDITIONS] = { "4 active", "all active" };
    const struct report_row *rows = bench->report.rows;
    struct claim_item items[(WAYS - 1) * CONDITIONS] = { 0 };

    for (size_t i = 0; i < (WAYS - 1) * CONDITIONS; i++) {
        size_t way = WAY_EDGE_READS_ON + i / CONDITIONS, condition = i % CONDITIONS;
        size_t column = condition * FIGURES + FIGURE_CPU;
        struct claim_item *item = &items[i];

        item->comparison = claim_compare(&rows[way].cells[column], &rows[WAY_LEVEL].cells[column]);
        item->is_judged = way != WAY_ONE_SHOT;
        item->holds = claim_is_less(&item->comparison);
        snprintf(item->label, sizeof(item->label), "%s (%s)", ways[way].short_name,
                 conditions[condition]);
        snprintf(item->place, sizeof(item->place), "with %s%s", conditions[condition],
                 way == WAY_EDGE_SHORT ? " and no second read" : " and reads until EAGAIN");
    }
    claim_judge(verdict, "edge trigger is cheaper", "the server's CPU against level trigger", items,
                (WAYS - 1) * CONDITIONS);
}

const struct claim claim_edge = {
    .name = "edge",
    .sentence = "Edge trigger is faster than level trigger.",
    .method =
        "CPU us and system calls of an echo server per message of 64 bytes, 64 TCP connections "
        "over loopback of which 4 or all are active. The server waits, answers whatever is "
        "ready, and waits once more in vain, as it would before it sleeps.",
    .figures = "CPU us of the server and its system calls for each message",
    .describe = describe,
    .open = open_state,
    .measure = measure,
    .close = close_state,
    .judge = judge,
};
