/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocking way: a thread of the application gets the descriptor itself.
 *
 *     lease ─▶ granted: won from its set ─────────▶ lent ─▶ write, read ─▶ returned or discarded
 *       │         └ a new one: connected here ───────▲
 *       └──▶ in line, asleep ─────handed over────────┘
 *
 * A lent connection is held by the thread, out of its handle set: no event can touch it.
 */
#include "upstream.h"

#include "assert.h"
#include "clock.h"
#include "socket.h"
#include "stats_block.h"

#include <paceline/blocking.h>
#include <paceline/log.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

static struct pl_upstream_conn *conn_of(const struct pl_upstream_lease *lease)
{
    return &lease->upstream->conns[lease->index];
}

/* While it waits here, a loop serves nobody: allowed, but not in silence. */
static void note_loop(struct pl_upstream *upstream)
{
    struct pl_thread *thread = pl_thread_own();
    struct pl_handler_note *note;

    if (thread == NULL || !thread->is_loop)
        return;
    pthread_mutex_lock(&upstream->lock);
    PL_UPSTREAM_COUNT(upstream, blocking_on_loop);
    pthread_mutex_unlock(&upstream->lock);
    note = atomic_load_explicit(&thread->handler_note, memory_order_relaxed);
    PL_LOG_RATED(PL_LOG_WARNING,
                 "upstream %s: handler %s leases a connection on thread %s, which is the event "
                 "loop: all its connections wait (pl_upstream_call does not block)",
                 upstream->settings->name, note == NULL ? "(unknown)" : note->name, thread->name);
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

static void init_lessee(struct pl_upstream_lessee *lessee)
{
    pthread_condattr_t monotonic;

    *lessee = (struct pl_upstream_lessee){ .waiter = { .is_lessee = true } };
    lessee->waiter.set = pl_upstream_own_set();
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lessee->is_served, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* Served, or nobody has it on a list any more. */
static bool is_settled_locked(const struct pl_upstream *upstream,
                              const struct pl_upstream_lessee *lessee)
{
    return lessee->is_handed || lessee->must_connect || upstream->is_stopped ||
           (lessee->conn == NULL && !pl_link_is_linked(&lessee->waiter.link));
}

static void sleep_locked(struct pl_upstream *upstream, struct pl_upstream_lessee *lessee,
                         int64_t until_ms)
{
    /* pl_clock_ms() counts from 1. */
    const struct timespec until = { .tv_sec = (until_ms - 1) / 1000,
                                    .tv_nsec = (until_ms - 1) % 1000 * 1000000 };

    while (!is_settled_locked(upstream, lessee) && pl_clock_ms() < until_ms)
        (void)pthread_cond_timedwait(&lessee->is_served, &upstream->lock, &until);
}

/* Nobody serves it from here on. -EINTR: try again. */
static int withdraw_locked(struct pl_upstream *upstream, struct pl_upstream_lessee *lessee)
{
    bool is_dropped = lessee->conn == NULL && !pl_link_is_linked(&lessee->waiter.link);

    if (pl_link_is_linked(&lessee->waiter.link)) {
        pl_list_unlink(&lessee->waiter.link);
        upstream->waiting--;
    }
    if (lessee->conn != NULL)
        lessee->conn->lessee = NULL;
    if (lessee->is_handed || lessee->must_connect)
        return 0;
    lessee->conn = NULL;
    if (upstream->is_stopped)
        return -ESHUTDOWN;
    if (is_dropped)
        return -EINTR;
    PL_UPSTREAM_COUNT(upstream, waits_expired);
    return -ETIMEDOUT;
}

static int await(struct pl_upstream *upstream, struct pl_upstream_lessee *lessee, int64_t until_ms)
{
    int err;

    pthread_mutex_lock(&upstream->lock);
    sleep_locked(upstream, lessee, until_ms);
    err = withdraw_locked(upstream, lessee);
    pthread_mutex_unlock(&upstream->lock);
    return err;
}

static int enter_locked(struct pl_upstream *upstream, struct pl_upstream_lessee *lessee,
                        enum pl_upstream_grant *ret_grant)
{
    struct pl_upstream_conn *conn;

    lessee->conn = NULL; /* the one before is somebody else's by now */
    lessee->is_handed = false;
    lessee->must_connect = false;
    if (upstream->is_stopped)
        return -ESHUTDOWN;
    if (pl_upstream_is_hopeless_locked(upstream))
        return -EADDRNOTAVAIL;
    *ret_grant = pl_list_is_empty(&upstream->line)
                     ? pl_upstream_acquire_locked(upstream, &lessee->waiter, &conn)
                     : PL_UPSTREAM_GRANT_NONE;
    if (*ret_grant == PL_UPSTREAM_GRANT_NONE)
        return pl_upstream_stand_in_line_locked(upstream, &lessee->waiter);
    pl_upstream_assign_locked(conn, &lessee->waiter);
    lessee->must_connect = *ret_grant == PL_UPSTREAM_GRANT_NEW;
    return 0;
}

/* One connection, lent or still to be connected. */
static int obtain(struct pl_upstream *upstream, struct pl_upstream_lessee *lessee, int64_t until_ms)
{
    enum pl_upstream_grant grant = PL_UPSTREAM_GRANT_NONE;
    int err;

    do {
        struct pl_upstream_place place = { .token = PL_UPSTREAM_NOWHERE };
        struct pl_upstream_conn *conn;
        bool is_roused;

        pthread_mutex_lock(&upstream->lock);
        err = enter_locked(upstream, lessee, &grant);
        conn = lessee->conn;
        if (conn != NULL)
            place = conn->place;
        is_roused = err == 0 && grant == PL_UPSTREAM_GRANT_IDLE;
        if (is_roused)
            (void)pl_upstream_visit_locked(upstream);
        pthread_mutex_unlock(&upstream->lock);
        if (err < 0)
            return err;
        if (is_roused) {
            pl_upstream_conn_rouse(conn, place, lessee->waiter.set);
            pl_upstream_leave(upstream);
        }
        err = await(upstream, lessee, until_ms);
    } while (err == -EINTR);
    return err;
}

/* ---- leasing -----------------------------------------------------------------------------------
 */

/* -EINTR: this one did not do, try another. */
static int make_ready(struct pl_upstream_lessee *lessee, int64_t until_ms)
{
    struct pl_upstream_conn *conn = lessee->conn;
    struct pl_upstream *upstream = conn->upstream;
    const struct pl_upstream_server *server = conn->server;
    int err;

    if (!lessee->must_connect) {
        if (pl_socket_peek(conn->conn->slot.handle.fd) == PL_IO_WOULD_BLOCK)
            return 0;
        pthread_mutex_lock(&upstream->lock);
        PL_UPSTREAM_COUNT(upstream, discards);
        pthread_mutex_unlock(&upstream->lock);
        pl_upstream_conn_take_back(conn, false);
        return -EINTR;
    }
    err = pl_upstream_conn_open_lent(conn, until_ms);
    if (err < 0)
        lessee->waiter.avoid = server;
    return err;
}

static uint32_t count_addresses(struct pl_upstream *upstream)
{
    uint32_t count = 0;

    pthread_mutex_lock(&upstream->lock);
    for (uint32_t i = 0; i < upstream->servers_count; i++)
        count += upstream->servers[i].addresses_count;
    pthread_mutex_unlock(&upstream->lock);
    return count;
}

static int obtain_ready(struct pl_upstream *upstream, struct pl_upstream_lessee *lessee,
                        int64_t until_ms)
{
    uint32_t tries_left = count_addresses(upstream);
    int err;

    do {
        err = obtain(upstream, lessee, until_ms);
        if (err < 0)
            return err;
        err = make_ready(lessee, until_ms);
        if (err < 0 && err != -EINTR && (tries_left <= 1 || --tries_left == 0))
            return err;
    } while (err < 0 && pl_clock_ms() < until_ms);
    return err == -EINTR ? -ETIMEDOUT : err;
}

int pl_upstream_lease(struct pl_upstream *upstream, int64_t deadline_ms,
                      struct pl_upstream_lease *ret_lease)
{
    struct pl_upstream_lessee lessee;
    int64_t until_ms = pl_clock_ms() + deadline_ms;
    int64_t begun_ns = pl_clock_ns();
    int err;

    note_loop(upstream);
    pl_blocking_begin();
    init_lessee(&lessee);
    err = obtain_ready(upstream, &lessee, until_ms);
    pthread_cond_destroy(&lessee.is_served);
    pl_blocking_end();
    if (err < 0)
        return err == -ETIMEDOUT && count_addresses(upstream) == 0 ? -EADDRNOTAVAIL : err;
    *ret_lease = (struct pl_upstream_lease){
        .upstream = upstream,
        .index = (uint32_t)(lessee.conn - upstream->conns),
        .fd = lessee.conn->conn->slot.handle.fd,
        .until_ms = until_ms,
        .begun_ns = begun_ns,
        .was_reused = lessee.conn->exchanges > 0,
    };
    return 0;
}

/* ---- using -------------------------------------------------------------------------------------
 */

int pl_upstream_lease_fd(const struct pl_upstream_lease *lease)
{
    return lease->fd;
}

static int wait_until(const struct pl_upstream_lease *lease, short events)
{
    struct pollfd handle = { .fd = lease->fd, .events = events };
    int64_t left_ms = lease->until_ms - pl_clock_ms();

    if (left_ms <= 0)
        return -ETIMEDOUT;
    (void)poll(&handle, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
    return 0;
}

int pl_upstream_write(const struct pl_upstream_lease *lease, const void *bytes, size_t length)
{
    const char *at = bytes;
    int err = 0;

    while (length > 0 && err == 0) {
        const struct iovec piece = { .iov_base = (void *)(size_t)at, .iov_len = length };
        size_t sent = 0;

        switch (pl_socket_send(lease->fd, &piece, 1, false, &sent)) {
        case PL_IO_DONE:
            at += sent;
            length -= sent;
            break;
        case PL_IO_WOULD_BLOCK:
            err = wait_until(lease, POLLOUT);
            break;
        case PL_IO_END:
        case PL_IO_FAILED:
            return -EPIPE;
        }
    }
    return err;
}

int pl_upstream_read(const struct pl_upstream_lease *lease, void *bytes, size_t size,
                     size_t *ret_length)
{
    int err = 0;

    while (err == 0) {
        switch (pl_socket_receive(lease->fd, bytes, size, ret_length)) {
        case PL_IO_DONE:
            return 0;
        case PL_IO_END:
            *ret_length = 0;
            return 0;
        case PL_IO_WOULD_BLOCK:
            err = wait_until(lease, POLLIN);
            break;
        case PL_IO_FAILED:
            return -ECONNRESET;
        }
    }
    return err;
}

/* ---- giving back -------------------------------------------------------------------------------
 */

void pl_upstream_return(struct pl_upstream_lease *lease)
{
    struct pl_upstream *upstream = lease->upstream;
    struct pl_upstream_conn *conn = conn_of(lease);
    uint64_t took_us = (uint64_t)(pl_clock_ns() - lease->begun_ns) / 1000;

    PL_ASSERT(lease->fd >= 0); /* returned or discarded before */
    lease->fd = -1;
    conn->exchanges++;
    pthread_mutex_lock(&upstream->lock);
    pl_upstream_note_success_locked(conn->server);
    upstream->latency_us.counts[pl_histogram_bucket(took_us)]++;
    upstream->latency_us.sum += took_us;
    pthread_mutex_unlock(&upstream->lock);
    pl_upstream_conn_take_back(conn, true);
}

void pl_upstream_discard(struct pl_upstream_lease *lease, bool has_failed)
{
    struct pl_upstream *upstream = lease->upstream;
    struct pl_upstream_conn *conn = conn_of(lease);

    PL_ASSERT(lease->fd >= 0); /* returned or discarded before */
    lease->fd = -1;
    if (has_failed) {
        pl_upstream_note_failure(upstream, conn->server);
        pthread_mutex_lock(&upstream->lock);
        PL_UPSTREAM_COUNT(upstream, failures);
        pthread_mutex_unlock(&upstream->lock);
    }
    pl_upstream_conn_take_back(conn, false);
}
