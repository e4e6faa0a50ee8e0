/* SPDX-License-Identifier: Apache-2.0 */
#include "waker.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int pl_waker_open(int *ret_fd)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

void pl_waker_wake(int fd)
{
    const uint64_t one = 1;

    /* The counter would be full after 2^64 wakes; even then the descriptor stays readable. */
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}
