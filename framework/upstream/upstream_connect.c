/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new connection, up to where it goes on in turns of its own (upstream_exchange.c) or is in the
 * hands of the thread that made it.
 *
 *     socket, connect ─▶ slot ─▶ turns ─writable, SO_ERROR─▶ …
 *                   │      └───▶ poll, for a thread that waits ─▶ lent
 *                   └ cannot be made: closed, and tried anew with the next address
 */
#include "upstream.h"

#include "clock.h"
#include "socket.h"

#include <paceline/log.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

int pl_upstream_take_slot(struct pl_upstream_conn *conn, uint32_t set, int fd, bool is_lent)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_engine *engine = upstream->engines[set / PL_THREADS_MAX];
    struct pl_slot *slot = pl_engine_face_of(engine)->ops->take(engine, set % PL_THREADS_MAX);

    if (slot == NULL)
        return -ENOBUFS;
    pl_conn_init(pl_conn_of(slot), &pl_upstream_kind, &upstream->service, fd);
    pl_conn_of(slot)->state = conn;
    slot->is_lent = is_lent;
    conn->conn = pl_conn_of(slot);
    conn->armed_ms = PL_TIMER_NEVER;
    pthread_mutex_lock(&upstream->lock);
    conn->place = (struct pl_upstream_place){ .set = set, .token = slot->handle.token };
    pthread_mutex_unlock(&upstream->lock);
    return 0;
}

static void begin_record(struct pl_upstream_conn *conn, int64_t now_ms)
{
    conn->call = NULL;
    conn->born_ms = now_ms;
    conn->failure = PL_UPSTREAM_REPLIED;
    conn->connect_err = 0;
    conn->is_connecting = true;
    conn->is_sent = false;
    conn->has_got_bytes = false;
}

/* What is lacking here says nothing about the server. */
static enum pl_upstream_outcome outcome_of_connect(int err)
{
    switch (-err) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        return PL_UPSTREAM_NO_MEMORY;
    default:
        return PL_UPSTREAM_CONNECT_FAILED;
    }
}

void pl_upstream_fail_to_connect(struct pl_upstream_conn *conn, enum pl_upstream_outcome outcome,
                                 int err)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_upstream_call_record *ended = NULL;
    bool is_at_once = conn->conn == NULL; /* perhaps inside the callback of another call */
    bool is_fault = outcome == PL_UPSTREAM_CONNECT_FAILED || outcome == PL_UPSTREAM_CONNECT_TIMEOUT;

    if (outcome == PL_UPSTREAM_NO_MEMORY)
        PL_LOG_RATED(
            PL_LOG_WARNING,
            "upstream %s: no descriptors, slots or memory left for a connection (errno %d)",
            upstream->settings->name, -err);
    if (is_fault) {
        char reason[128] = "no answer in time";

        PL_LOG_RATED(PL_LOG_WARNING, "upstream %s: cannot connect to %s: %s",
                     upstream->settings->name, conn->server->text,
                     err == 0 ? reason : strerror_r(-err, reason, sizeof(reason)));
        pl_upstream_note_failure(upstream, conn->server);
    }
    pthread_mutex_lock(&upstream->lock);
    if (is_fault)
        PL_UPSTREAM_COUNT(upstream, connects_failed);
    if (!conn->is_warming)
        upstream->counters[PL_UPSTREAM_COUNT_leases]--; /* it was none after all */
    upstream->warm_not_before_ms = pl_clock_ms() + PL_UPSTREAM_WARM_RETRY_MS;
    if (conn->assigned != NULL) {
        conn->assigned->waiter.avoid = conn->server;
        if (!is_fault || --conn->assigned->tries_left == 0) {
            ended = conn->assigned;
            conn->assigned = NULL;
        }
    }
    pthread_mutex_unlock(&upstream->lock);
    pl_upstream_gone(conn);
    if (ended != NULL && is_at_once)
        pl_upstream_complete_later(ended, outcome);
    else if (ended != NULL)
        pl_upstream_complete(ended, outcome, PL_VIEW(""));
}

static int64_t connect_due_ms(struct pl_upstream_conn *conn, int64_t now_ms)
{
    int64_t due_ms = now_ms + conn->upstream->settings->timeouts.connect_us / 1000;

    pthread_mutex_lock(&conn->upstream->lock);
    if (conn->assigned != NULL && conn->assigned->total_due_ms < due_ms)
        due_ms = conn->assigned->total_due_ms;
    pthread_mutex_unlock(&conn->upstream->lock);
    return due_ms;
}

void pl_upstream_conn_open(struct pl_upstream_conn *conn, uint32_t set)
{
    int64_t now_ms = pl_clock_ms();
    int fd = -1;
    int err;

    begin_record(conn, now_ms);
    err = pl_socket_connect(&conn->address, &fd);
    if (err < 0) {
        pl_upstream_fail_to_connect(conn, outcome_of_connect(err), err);
        return;
    }
    err = pl_upstream_take_slot(conn, set, fd, false);
    if (err < 0) {
        pl_close_fd(&fd);
        pl_upstream_fail_to_connect(conn, PL_UPSTREAM_NO_MEMORY, err);
        return;
    }
    conn->due_ms = connect_due_ms(conn, now_ms);
    conn->conn->slot.next = PL_RUN_PROCESS;
    pl_engine_face_of(conn->conn->slot.engine)->ops->ready(&conn->conn->slot);
}

static int wait_until_connected(int fd, int64_t until_ms)
{
    int err = 0;

    for (;;) {
        struct pollfd handle = { .fd = fd, .events = POLLOUT };
        int64_t left_ms = until_ms - pl_clock_ms();

        switch (pl_socket_check_connected(fd, &err)) {
        case PL_IO_DONE:
            return 0;
        case PL_IO_WOULD_BLOCK:
            break;
        case PL_IO_END:
        case PL_IO_FAILED:
            return err;
        }
        if (left_ms <= 0)
            return -ETIMEDOUT;
        (void)poll(&handle, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
    }
}

/* Errors: -ENOBUFS, -ESHUTDOWN. */
static int take_slot_lent(struct pl_upstream_conn *conn, int fd)
{
    struct pl_upstream *upstream = conn->upstream;
    bool is_visiting;
    int err;

    pthread_mutex_lock(&upstream->lock);
    is_visiting = pl_upstream_visit_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
    if (!is_visiting)
        return -ESHUTDOWN;
    err = pl_upstream_take_slot(conn, conn->place.set, fd, true);
    pl_upstream_leave(upstream);
    return err;
}

static int connect_within(struct pl_upstream_conn *conn, int64_t until_ms, int *ret_fd)
{
    int err = pl_socket_connect(&conn->address, ret_fd);

    if (err == 0)
        err = wait_until_connected(*ret_fd, until_ms);
    return err;
}

static void count_connect(struct pl_upstream *upstream)
{
    pthread_mutex_lock(&upstream->lock);
    PL_UPSTREAM_COUNT(upstream, connects);
    pthread_mutex_unlock(&upstream->lock);
}

int pl_upstream_conn_open_lent(struct pl_upstream_conn *conn, int64_t until_ms)
{
    int64_t now_ms = pl_clock_ms();
    int64_t due_ms = now_ms + conn->upstream->settings->timeouts.connect_us / 1000;
    enum pl_upstream_outcome failure = PL_UPSTREAM_CONNECT_FAILED;
    int fd = -1, err;

    begin_record(conn, now_ms);
    err = connect_within(conn, due_ms < until_ms ? due_ms : until_ms, &fd);
    /* A lessee that would not wait as long as a connection may take says nothing about the server.
     */
    if (err < 0)
        failure = outcome_of_connect(err);
    if (err == -ETIMEDOUT)
        failure = due_ms <= until_ms ? PL_UPSTREAM_CONNECT_TIMEOUT : PL_UPSTREAM_TOTAL_TIMEOUT;
    if (err == 0) {
        err = take_slot_lent(conn, fd);
        failure = err == -ESHUTDOWN ? PL_UPSTREAM_STOPPED : PL_UPSTREAM_NO_MEMORY;
    }
    if (err < 0) {
        pl_close_fd(&fd);
        pl_upstream_fail_to_connect(conn, failure, err);
        return err;
    }
    conn->is_connecting = false;
    count_connect(conn->upstream);
    return 0;
}
