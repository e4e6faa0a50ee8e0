/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edge arming: registered once for everything that can happen; no epoll_ctl per request. The
 * kernel reports a change also while the connection is held, where the claim word remembers it,
 * and reports no second time what was not read: the receive stage keeps that in mind.
 */
#include "handle_set.h"

#include <sys/epoll.h>

static int arm(struct pl_handle_set *set, struct pl_handle *handle, uint32_t waits)
{
    (void)waits;
    if (handle->is_registered)
        return 0;
    return pl_handle_set_control(set, handle, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
}

const struct pl_arming pl_arming_edge = { .name = "edge", .arm = arm };
