/* SPDX-License-Identifier: Apache-2.0 */
#include "handle_set.h"

#include "assert.h"
#include "kernel.h"
#include "socket.h"

#include <paceline/limits.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

const struct pl_arming *pl_arming_find(const char *name)
{
    if (strcmp(name, pl_arming_oneshot.name) == 0)
        return &pl_arming_oneshot;
    if (strcmp(name, pl_arming_edge.name) == 0)
        return &pl_arming_edge;
    return NULL;
}

int pl_handle_set_open(struct pl_handle_set *set)
{
    set->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return set->epoll_fd < 0 ? -errno : 0;
}

void pl_handle_set_close(struct pl_handle_set *set)
{
    pl_close_fd(&set->epoll_fd);
}

int pl_handle_set_arm(struct pl_handle_set *set, const struct pl_arming *arming,
                      struct pl_handle *handle, uint32_t waits)
{
    return arming->arm(set, handle, waits);
}

int pl_handle_set_control(struct pl_handle_set *set, struct pl_handle *handle, uint32_t interest)
{
    struct epoll_event event = { .events = interest, .data.u64 = handle->token };
    int operation = handle->is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (epoll_ctl(set->epoll_fd, operation, handle->fd, &event) < 0)
        return -errno;
    handle->is_registered = true;
    return 0;
}

void pl_handle_set_forget(struct pl_handle_set *set, struct pl_handle *handle)
{
    if (!handle->is_registered)
        return;
    handle->is_registered = false;
    (void)epoll_ctl(set->epoll_fd, EPOLL_CTL_DEL, handle->fd, NULL);
}

int pl_handle_set_watch(struct pl_handle_set *set, int fd, uint64_t token, bool is_edge)
{
    struct epoll_event event = { .events = EPOLLIN | (is_edge ? EPOLLET : 0u), .data.u64 = token };

    return epoll_ctl(set->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static uint32_t reasons_of(uint32_t events)
{
    uint32_t reasons = 0;

    if (events & EPOLLIN)
        reasons |= PL_READABLE;
    if (events & EPOLLOUT)
        reasons |= PL_WRITABLE;
    if (events & EPOLLPRI)
        reasons |= PL_READABLE | PL_URGENT;
    if (events & EPOLLRDHUP)
        reasons |= PL_READABLE | PL_PEER_DONE;
    if (events & (EPOLLHUP | EPOLLERR))
        reasons |= PL_READABLE | PL_WRITABLE | PL_HANGUP;
    return reasons;
}

size_t pl_handle_set_wait(struct pl_handle_set *set, struct pl_event *events, size_t count_max,
                          int timeout_ms)
{
    struct epoll_event ready[PL_EVENTS_MAX];
    int count;

    PL_ASSERT(count_max <= PL_EVENTS_MAX);
    count = pl_kernel_epoll_wait(set->epoll_fd, ready, (int)count_max, timeout_ms);
    if (count < 0) {
        PL_ASSERT(errno == EINTR);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        events[i].token = ready[i].data.u64;
        events[i].reasons = reasons_of(ready[i].events);
    }
    return (size_t)count;
}
