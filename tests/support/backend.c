/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"

#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Receives of one connection in a row. */
#define HEARS_MAX 64

static void end(struct backend *backend, struct backend_conn *conn, bool is_reset)
{
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    if (is_reset)
        (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(conn->fd);
    conn->fd = -1;
    atomic_fetch_sub(&backend->open, 1);
}

static void take(struct backend *backend)
{
    int fd = accept4(backend->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    uint32_t open;

    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    for (size_t i = 0; i < BACKEND_CONNS_MAX; i++) {
        struct backend_conn *conn = &backend->conns[i];

        if (conn->fd >= 0)
            continue;
        memset(conn, 0, sizeof(*conn));
        conn->fd = fd;
        if (atomic_load(&backend->is_greeting))
            (void)send(fd, "hello\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
        open = atomic_fetch_add(&backend->open, 1) + 1;
        if (open > atomic_load(&backend->open_max))
            atomic_store(&backend->open_max, open);
        atomic_fetch_add(&backend->accepts, 1);
        return;
    }
    close(fd);
}

static void answer(struct backend_conn *conn, const char *text, const char *end_of_line)
{
    conn->output_bytes +=
        (uint32_t)snprintf(conn->output + conn->output_bytes,
                           sizeof(conn->output) - conn->output_bytes, "%s%s", text, end_of_line);
}

/* Returns what stands behind the number. */
static const char *read_number(const char *text, long *ret_number)
{
    char *end_of_number;

    *ret_number = strtol(text, &end_of_number, 10);
    return *end_of_number == ' ' ? end_of_number + 1 : end_of_number;
}

/* The clock is cut to whole milliseconds: one more, or the wait would be shorter than asked. */
static int64_t after_ms(long wait_ms)
{
    return client_now_ms() + wait_ms + 1;
}

static void obey(struct backend *backend, struct backend_conn *conn, char *line)
{
    char *space = strchr(line, ' ');
    const char *text = space == NULL ? "" : space + 1;
    long number = 0;

    if (space != NULL)
        *space = '\0';
    atomic_fetch_add(&backend->requests, 1);
    if (strcmp(line, "echo") == 0) {
        answer(conn, text, "\n");
    } else if (strcmp(line, "delay") == 0) {
        text = read_number(text, &number);
        conn->due_ms = after_ms(number);
        answer(conn, text, "\n");
    } else if (strcmp(line, "drip") == 0) {
        text = read_number(text, &number);
        conn->drip_ms = (uint32_t)number;
        answer(conn, text, "\n");
    } else if (strcmp(line, "end") == 0) {
        answer(conn, text, "\n");
        conn->is_ending = true;
    } else if (strcmp(line, "shut") == 0) {
        answer(conn, text, "\n");
        conn->is_shutting = true;
    } else if (strcmp(line, "half") == 0) {
        answer(conn, text, "");
        conn->is_ending = true;
    } else if (strcmp(line, "extra") == 0) {
        answer(conn, text, "\nsurplus\n");
    } else if (strcmp(line, "late") == 0) {
        text = read_number(text, &number);
        answer(conn, text, "\n");
        snprintf(conn->late, sizeof(conn->late), "late\n");
        conn->late_ms = number == 0 ? client_now_ms() : after_ms(number); /* 0: with the reply */
    } else if (strcmp(line, "long") == 0) {
        (void)read_number(text, &number);
        for (long i = 0; i < number && conn->output_bytes < sizeof(conn->output); i++)
            conn->output[conn->output_bytes++] = 'x';
    } else if (strcmp(line, "close") == 0) {
        end(backend, conn, false);
    } else if (strcmp(line, "reset") == 0) {
        end(backend, conn, true);
    } else {
        conn->is_deaf = true;
    }
}

/* True: there may be more. */
static bool hear(struct backend *backend, struct backend_conn *conn)
{
    ssize_t length = recv(conn->fd, conn->input + conn->input_bytes,
                          sizeof(conn->input) - 1 - conn->input_bytes, MSG_DONTWAIT);
    char *end_of_line;

    if (length < 0 && errno == EAGAIN)
        return false;
    if (length <= 0) {
        end(backend, conn, false);
        return false;
    }
    if (conn->is_deaf)
        return true;
    conn->input_bytes += (uint32_t)length;
    conn->input[conn->input_bytes] = '\0';
    while (conn->fd >= 0 && (end_of_line = memchr(conn->input, '\n', conn->input_bytes)) != NULL) {
        size_t used = (size_t)(end_of_line - conn->input) + 1;

        *end_of_line = '\0';
        obey(backend, conn, conn->input);
        memmove(conn->input, conn->input + used, conn->input_bytes - used);
        conn->input_bytes -= (uint32_t)used;
    }
    return conn->fd >= 0;
}

/* To its end, where that has come: whoever connects after a close must not count beside it. */
static void hear_all(struct backend *backend, struct backend_conn *conn)
{
    for (int i = 0; i < HEARS_MAX && hear(backend, conn); i++)
        ;
}

static void speak(struct backend *backend, struct backend_conn *conn, int64_t now_ms)
{
    size_t length = conn->drip_ms > 0 ? 1 : conn->output_bytes;
    ssize_t sent;

    if (conn->output_bytes > 0 && now_ms >= conn->due_ms) {
        sent = send(conn->fd, conn->output, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) {
            end(backend, conn, false);
            return;
        }
        conn->output_bytes -= (uint32_t)sent;
        memmove(conn->output, conn->output + sent, conn->output_bytes);
        if (conn->drip_ms > 0)
            conn->due_ms = now_ms + conn->drip_ms;
    }
    if (conn->late_ms > 0 && now_ms >= conn->late_ms) {
        conn->late_ms = 0;
        (void)send(conn->fd, conn->late, strlen(conn->late), MSG_NOSIGNAL | MSG_DONTWAIT);
        atomic_fetch_add(&backend->lates, 1);
    }
    if (conn->is_shutting && conn->output_bytes == 0) {
        conn->is_shutting = false;
        (void)shutdown(conn->fd, SHUT_WR);
        atomic_fetch_add(&backend->lates, 1);
    }
    if (conn->is_ending && conn->output_bytes == 0)
        end(backend, conn, false);
}

/* The milliseconds until something is due, or -1. */
static int next_wait(const struct backend *backend, int64_t now_ms)
{
    int64_t due_ms = INT64_MAX;

    for (size_t i = 0; i < BACKEND_CONNS_MAX; i++) {
        const struct backend_conn *conn = &backend->conns[i];

        if (conn->fd < 0)
            continue;
        if (conn->output_bytes > 0 && conn->due_ms < due_ms)
            due_ms = conn->due_ms;
        if (conn->late_ms > 0 && conn->late_ms < due_ms)
            due_ms = conn->late_ms;
    }
    if (due_ms == INT64_MAX)
        return -1;
    return due_ms <= now_ms ? 1 : (int)(due_ms - now_ms);
}

static void *thread_main(void *argument)
{
    struct backend *backend = argument;

    while (!atomic_load(&backend->is_stopping)) {
        struct pollfd handles[BACKEND_CONNS_MAX + 2] = {
            { .fd = backend->listener, .events = POLLIN }, { .fd = backend->wake, .events = POLLIN }
        };
        uint32_t closes_asked;
        eventfd_t value;

        for (size_t i = 0; i < BACKEND_CONNS_MAX; i++)
            handles[i + 2] = (struct pollfd){ .fd = backend->conns[i].fd, .events = POLLIN };
        (void)poll(handles, BACKEND_CONNS_MAX + 2, next_wait(backend, client_now_ms()));
        if (handles[1].revents != 0)
            (void)eventfd_read(backend->wake, &value);
        closes_asked = atomic_load(&backend->closes_asked);
        for (size_t i = 0; i < BACKEND_CONNS_MAX; i++) {
            struct backend_conn *conn = &backend->conns[i];

            if (conn->fd >= 0 && handles[i + 2].revents != 0)
                hear_all(backend, conn);
            if (conn->fd >= 0)
                speak(backend, conn, client_now_ms());
            if (conn->fd >= 0 && closes_asked != atomic_load(&backend->closes_done))
                end(backend, conn, false);
        }
        atomic_store(&backend->closes_done, closes_asked);
        if (handles[0].revents != 0)
            take(backend);
    }
    return NULL;
}

static void start(struct backend *backend, int family, const struct sockaddr *address,
                  socklen_t length)
{
    backend->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(backend->listener >= 0);
    (void)setsockopt(backend->listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    assert_int_equal(bind(backend->listener, address, length), 0);
    assert_int_equal(listen(backend->listener, 1024), 0);
    backend->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(backend->wake >= 0);
    backend->conns = calloc(BACKEND_CONNS_MAX, sizeof(*backend->conns));
    assert_non_null(backend->conns);
    for (size_t i = 0; i < BACKEND_CONNS_MAX; i++)
        backend->conns[i].fd = -1;
    assert_int_equal(pthread_create(&backend->thread, NULL, thread_main, backend), 0);
}

void backend_start_at(struct backend *backend, uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof(address);

    memset(backend, 0, sizeof(*backend));
    start(backend, AF_INET, (const struct sockaddr *)&address, sizeof(address));
    assert_int_equal(getsockname(backend->listener, (struct sockaddr *)&address, &length), 0);
    backend->port = ntohs(address.sin_port);
}

void backend_start(struct backend *backend)
{
    backend_start_at(backend, 0);
}

bool backend_start_v6(struct backend *backend)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has_it = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    if (fd >= 0)
        close(fd);
    if (!has_it)
        return false;
    memset(backend, 0, sizeof(*backend));
    start(backend, AF_INET6, (const struct sockaddr *)&address, sizeof(address));
    assert_int_equal(getsockname(backend->listener, (struct sockaddr *)&address, &length), 0);
    backend->port = ntohs(address.sin6_port);
    return true;
}

void backend_start_unix(struct backend *backend, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    memset(backend, 0, sizeof(*backend));
    snprintf(backend->path, sizeof(backend->path), "%s", path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    start(backend, AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
}

void backend_stop(struct backend *backend)
{
    atomic_store(&backend->is_stopping, true);
    (void)eventfd_write(backend->wake, 1);
    pthread_join(backend->thread, NULL);
    for (size_t i = 0; i < BACKEND_CONNS_MAX; i++)
        if (backend->conns[i].fd >= 0)
            end(backend, &backend->conns[i], false);
    close(backend->listener);
    close(backend->wake);
    free(backend->conns);
    if (backend->path[0] != '\0')
        unlink(backend->path);
}

void backend_close_all(struct backend *backend)
{
    uint32_t asked = atomic_fetch_add(&backend->closes_asked, 1) + 1;

    (void)eventfd_write(backend->wake, 1);
    client_await(&backend->closes_done, asked);
}
