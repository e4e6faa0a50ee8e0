/* SPDX-License-Identifier: Apache-2.0 */
#include "floor.h"

#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define EVENTS_COUNT   64
#define RECEIVE_BYTES  (64 * 1024)
#define CONNS_MAX      32768 /* by descriptor */
#define SEND_BYTES_MAX (256 * 1024)

struct floor_loop {
    const struct floor_plan *plan;
    int listen_fd, epoll_fd;
    char *received;
    char *replies; /* the reply, as often as one recv() can ask for it */
    size_t replies_count;
    /* By descriptor: bytes of a request that is not complete; bytes of the file still to be sent.
     */
    uint32_t came[CONNS_MAX];
    uint32_t file_left[CONNS_MAX];
};

static void watch(struct floor_loop *loop, int operation, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };

    if (epoll_ctl(loop->epoll_fd, operation, fd, &event) < 0)
        die(EX_OSERR, "epoll_ctl: %s", strerror(errno));
}

/* One an event, as the textbook's loop does: the next event comes at once. */
static void accept_one(struct floor_loop *loop)
{
    int fd = accept4(loop->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (fd >= CONNS_MAX) {
        close(fd);
        return;
    }
    loop->came[fd] = loop->file_left[fd] = 0;
    watch(loop, EPOLL_CTL_ADD, fd, EPOLLIN);
}

/* A full socket buffer is waited for on the spot: no scenario makes it the rule. */
static void send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN) {
            struct pollfd entry = { .fd = fd, .events = POLLOUT };

            (void)poll(&entry, 1, 1000);
            continue;
        }
        if (sent < 0)
            return;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void send_replies(struct floor_loop *loop, int fd, size_t count)
{
    while (count > 0) {
        size_t some = count < loop->replies_count ? count : loop->replies_count;

        send_all(fd, loop->replies, some * loop->plan->reply_length);
        count -= some;
    }
}

static void send_file(struct floor_loop *loop, int fd)
{
    bool was_short = loop->file_left[fd] != loop->plan->file_length;

    while (loop->file_left[fd] > 0) {
        off_t offset = (off_t)(loop->plan->file_length - loop->file_left[fd]);
        ssize_t sent = sendfile(fd, loop->plan->file_fd, &offset, loop->file_left[fd]);

        if (sent < 0 && errno == EAGAIN && !was_short)
            watch(loop, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
        if (sent <= 0)
            return;
        loop->file_left[fd] -= (uint32_t)sent;
    }
    if (was_short)
        watch(loop, EPOLL_CTL_MOD, fd, EPOLLIN);
}

static void answer(struct floor_loop *loop, int fd, size_t got)
{
    const struct floor_plan *plan = loop->plan;
    size_t bytes = loop->came[fd] + got;
    size_t requests = bytes / plan->request_length;

    loop->came[fd] = (uint32_t)(bytes % plan->request_length);
    switch (plan->kind) {
    case FLOOR_HTTP:
        send_replies(loop, fd, requests);
        return;
    case FLOOR_CONNECTION:
        send_all(fd, plan->reply, plan->reply_length);
        close(fd);
        return;
    case FLOOR_FILE:
        if (requests == 0)
            return;
        (void)!send(fd, plan->reply, plan->reply_length, MSG_NOSIGNAL | MSG_MORE);
        loop->file_left[fd] = (uint32_t)plan->file_length;
        send_file(loop, fd);
        return;
    case FLOOR_ECHO:
        send_all(fd, loop->received, got);
        return;
    }
}

static void handle_event(struct floor_loop *loop, int fd, uint32_t events)
{
    ssize_t got;

    if (fd == loop->listen_fd) {
        accept_one(loop);
        return;
    }
    if ((events & EPOLLOUT) != 0)
        send_file(loop, fd);
    if ((events & ~(uint32_t)EPOLLOUT) == 0)
        return;
    got = recv(fd, loop->received, RECEIVE_BYTES, 0);
    if (got > 0)
        answer(loop, fd, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close(fd);
}

static void build_replies(struct floor_loop *loop)
{
    const struct floor_plan *plan = loop->plan;

    if (plan->kind != FLOOR_HTTP)
        return;
    loop->replies_count = SEND_BYTES_MAX / (plan->reply_length == 0 ? 1 : plan->reply_length);
    if (loop->replies_count == 0)
        loop->replies_count = 1;
    loop->replies = must_alloc(loop->replies_count, plan->reply_length);
    for (size_t i = 0; i < loop->replies_count; i++)
        memcpy(loop->replies + i * plan->reply_length, plan->reply, plan->reply_length);
}

void floor_serve(const struct floor_plan *plan, int listen_fd)
{
    struct floor_loop *loop = must_alloc(1, sizeof(*loop));
    struct epoll_event events[EVENTS_COUNT];

    loop->plan = plan;
    loop->listen_fd = listen_fd;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->received = must_alloc(1, RECEIVE_BYTES);
    build_replies(loop);
    watch(loop, EPOLL_CTL_ADD, listen_fd, EPOLLIN);
    for (;;) {
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_COUNT, -1);

        for (int i = 0; i < count; i++)
            handle_event(loop, events[i].data.fd, events[i].events);
    }
}
