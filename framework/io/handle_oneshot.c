/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-shot arming: the kernel reports a handle once and then keeps silent about it until the
 * holder arms it again, with the union of what is waited for. A fired handle reports nothing, not
 * even a reset, so a parked connection is armed too: first for a half-close, then with no
 * interest, which still reports EPOLLHUP and EPOLLERR.
 */
#include "handle_set.h"

#include <sys/epoll.h>

static int arm(struct pl_handle_set *set, struct pl_handle *handle, uint32_t waits)
{
    uint32_t interest = EPOLLONESHOT;

    if (waits & PL_READABLE)
        interest |= EPOLLIN | EPOLLRDHUP;
    if (waits & PL_WRITABLE)
        interest |= EPOLLOUT;
    if (waits & PL_PEER_DONE)
        interest |= EPOLLRDHUP;
    return pl_handle_set_control(set, handle, interest);
}

const struct pl_arming pl_arming_oneshot = { .name = "oneshot", .arm = arm };
