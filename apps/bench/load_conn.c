/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection of the load generator: opened, used, checked, and dropped when it went wrong. It
 * belongs to the generator's one thread. Invariant: `due_ns` holds a time for each outstanding
 * request, in the order in which their replies have to come.
 */
#include "load_generator.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what went wrong ------------------------------------------------------------------------ */

void generator_note_error(struct generator *generator, enum load_error error, const char *detail)
{
    struct load_result *result = generator->result;

    if (generator->faults++ == 0)
        snprintf(result->first_error, sizeof(result->first_error), "%s: %s", load_error_text(error),
                 detail);
    result->errors[error]++;
}

/* The next reply of the run, whose first was the template. */
static unsigned long long reply_number(const struct generator *generator)
{
    return (unsigned long long)generator->replies + 2;
}

static void note_fault(struct generator *generator, const struct reply_fault *fault)
{
    char text[128];

    snprintf(text, sizeof(text), "byte %zu of reply %llu is 0x%02x, expected 0x%02x", fault->offset,
             reply_number(generator), fault->got, fault->expected);
    generator_note_error(generator, LOAD_ERROR_reply, text);
}

/* ---- the queue of those that may begin ------------------------------------------------------ */

void generator_push_free(struct generator *generator, struct load_conn *conn)
{
    size_t tail = (generator->free_head + generator->free_count) % generator->conns_count;

    if (conn->is_free)
        return;
    conn->is_free = true;
    generator->free_ring[tail] = (uint32_t)(conn - generator->conns);
    generator->free_count++;
}

struct load_conn *generator_pop_free(struct generator *generator)
{
    struct load_conn *conn = &generator->conns[generator->free_ring[generator->free_head]];

    generator->free_head = (generator->free_head + 1) % generator->conns_count;
    generator->free_count--;
    conn->is_free = false;
    return conn;
}

struct load_conn *generator_first_free(const struct generator *generator)
{
    return &generator->conns[generator->free_ring[generator->free_head]];
}

/* ---- opening and closing -------------------------------------------------------------------- */

static void close_conn(struct generator *generator, struct load_conn *conn)
{
    if (conn->fd >= 0)
        close(conn->fd);
    if (conn->is_connected)
        generator->connected_count--;
    conn->fd = -1;
    conn->is_connected = false;
    conn->outstanding = conn->due_head = 0;
    conn->at = conn->unsent = 0;
}

bool load_conn_open(struct generator *generator, struct load_conn *conn)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = conn };

    conn->progress_ns = generator->now_ns;
    conn->fd = load_connect_start(&generator->plan->target);
    if (conn->fd < 0) {
        generator_note_error(generator, LOAD_ERROR_connect, strerror(-conn->fd));
        conn->fd = -1;
        return false;
    }
    if (epoll_ctl(generator->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) < 0) {
        generator_note_error(generator, LOAD_ERROR_connect, strerror(errno));
        close_conn(generator, conn);
        return false;
    }
    return true;
}

/* What a connection does after replies. A polite one in a closed loop has its whole depth answered
 * first, so that every server gets the same batches, however it cuts its replies. */
void load_conn_next(struct generator *generator, struct load_conn *conn)
{
    if (!conn->is_greedy && generator->plan->rate == 0 && conn->outstanding > 0)
        return;
    if (conn->is_greedy || (generator->plan->rate == 0 && generator->plan->think_s == 0)) {
        load_conn_begin(generator, conn, conn->depth - conn->outstanding, generator->now_ns);
        return;
    }
    conn->progress_ns =
        generator->now_ns +
        (generator->plan->rate == 0 ? (uint64_t)(generator->plan->think_s * 1e9) : 0);
    generator_push_free(generator, conn);
}

/* Once per loop for each that went wrong, so a refusing server is not asked without end. */
void load_conn_drop(struct generator *generator, struct load_conn *conn)
{
    close_conn(generator, conn);
    if (generator->faults >= GENERATOR_ERRORS_MAX || generator->phase == LOAD_STOPPED)
        return;
    if (generator->plan->is_conn_per_request && !conn->is_greedy)
        load_conn_next(generator, conn);
    else
        (void)load_conn_open(generator, conn);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void flush(struct generator *generator, struct load_conn *conn)
{
    size_t length = generator->plan->request_length;

    while (conn->unsent > 0 && conn->is_connected) {
        size_t offset = (length - conn->unsent % length) % length;
        size_t room = generator->requests_bytes - offset;
        ssize_t sent = send(conn->fd, generator->requests + offset,
                            conn->unsent < room ? conn->unsent : room, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (sent < 0) {
            /* The reading side meets the same end and says what it was. */
            conn->unsent = 0;
            return;
        }
        conn->unsent -= (size_t)sent;
    }
}

/* A connection of its own per request is opened here. */
void load_conn_begin(struct generator *generator, struct load_conn *conn, uint32_t count,
                     uint64_t due_ns)
{
    if (conn->fd < 0 && !load_conn_open(generator, conn)) {
        if (generator->faults < GENERATOR_ERRORS_MAX)
            generator_push_free(generator, conn);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        conn->due_ns[(conn->due_head + conn->outstanding++) % conn->depth] = due_ns;
    conn->unsent += count * generator->plan->request_length;
    conn->progress_ns = generator->now_ns;
    flush(generator, conn);
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void record(struct generator *generator, struct load_conn *conn, size_t replies)
{
    struct load_role *role =
        conn->is_greedy ? &generator->result->greedy : &generator->result->polite;
    bool is_timed = generator->plan->rate > 0 && !conn->is_greedy;

    generator->replies += replies;
    for (size_t i = 0; i < replies; i++) {
        uint64_t due_ns = conn->due_ns[conn->due_head];

        conn->due_head = (conn->due_head + 1) % conn->depth;
        conn->outstanding--;
        if (is_timed && due_ns < generator->measured_ns)
            continue;
        role->requests++;
        histogram_record(&role->latency, generator->now_ns - due_ns);
    }
}

/* False when the connection has been dropped. */
static bool take_bytes(struct generator *generator, struct load_conn *conn, size_t length)
{
    struct reply_fault fault;
    size_t completed;

    (conn->is_greedy ? &generator->result->greedy : &generator->result->polite)->bytes += length;
    if (!reply_check(generator->template, &conn->at, generator->received, length, &completed,
                     &fault)) {
        generator->replies += completed;
        note_fault(generator, &fault);
    } else if (completed > conn->outstanding || (conn->at > 0 && completed == conn->outstanding)) {
        generator_note_error(generator, LOAD_ERROR_reply, "more replies than requests");
    } else {
        conn->progress_ns = generator->now_ns;
        record(generator, conn, completed);
        if (completed > 0 && !(generator->plan->is_conn_per_request && !conn->is_greedy) &&
            generator->phase != LOAD_STOPPED)
            load_conn_next(generator, conn);
        return true;
    }
    load_conn_drop(generator, conn);
    return false;
}

static void take_end(struct generator *generator, struct load_conn *conn)
{
    char text[96];

    if (conn->outstanding > 0 || !generator->plan->is_conn_per_request || conn->is_greedy) {
        snprintf(text, sizeof(text), "%zu bytes into reply %llu, %u outstanding", conn->at,
                 reply_number(generator), conn->outstanding);
        generator_note_error(generator, LOAD_ERROR_closed, text);
    }
    load_conn_drop(generator, conn);
}

/* A short read has emptied the socket: what comes later brings an event of its own. */
static void drain(struct generator *generator, struct load_conn *conn, bool has_ended)
{
    for (;;) {
        ssize_t got = recv(conn->fd, generator->received, GENERATOR_RECEIVE_BYTES, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0) {
            generator_note_error(generator, LOAD_ERROR_reset, strerror(errno));
            load_conn_drop(generator, conn);
            return;
        }
        if (got == 0) {
            take_end(generator, conn);
            return;
        }
        if (!take_bytes(generator, conn, (size_t)got) ||
            (got < GENERATOR_RECEIVE_BYTES && !has_ended))
            return;
    }
}

static void take_connected(struct generator *generator, struct load_conn *conn)
{
    conn->is_connected = true;
    generator->connected_count++;
    if (conn->outstanding > 0)
        flush(generator, conn);
    else if (generator->phase != LOAD_STOPPED)
        load_conn_next(generator, conn);
}

void load_conn_handle_event(struct generator *generator, struct load_conn *conn, uint32_t events)
{
    int err = 0;
    socklen_t length = sizeof(err);

    if (conn->fd < 0)
        return;
    if (!conn->is_connected && (events & (EPOLLERR | EPOLLHUP)) != 0) {
        (void)getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &err, &length);
        generator_note_error(generator, LOAD_ERROR_connect, strerror(err));
        load_conn_drop(generator, conn);
        return;
    }
    if (!conn->is_connected)
        take_connected(generator, conn);
    else if (conn->unsent > 0)
        flush(generator, conn);
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0 && conn->fd >= 0)
        drain(generator, conn, (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0);
}
