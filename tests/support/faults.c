/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static _Atomic int failing = -1; /* enum fault */
static _Atomic int failing_errno;
static _Atomic int calls_left; /* until the one that fails */
static _Atomic bool has_failed;

static bool is_to_fail(enum fault fault)
{
    if (atomic_load(&failing) != (int)fault || atomic_fetch_sub(&calls_left, 1) != 1)
        return false;
    atomic_store(&has_failed, true);
    errno = atomic_load(&failing_errno);
    return true;
}

#define WRAP_AS(result, symbol, name, failure, parameters, arguments)                              \
    result __real_##symbol parameters;                                                             \
    result __wrap_##symbol parameters;                                                             \
    result __wrap_##symbol parameters                                                              \
    {                                                                                              \
        return is_to_fail(FAULT_##name) ? (failure) : __real_##symbol arguments;                   \
    }
#define WRAP(result, name, failure, parameters, arguments)                                         \
    WRAP_AS(result, name, name, failure, parameters, arguments)
/* Those that go past the C library; see framework/io/kernel.h. */
#define WRAP_KERNEL(result, name, failure, parameters, arguments)                                  \
    WRAP_AS(result, pl_kernel_##name, name, failure, parameters, arguments)

WRAP(void *, calloc, NULL, (size_t count, size_t bytes), (count, bytes))
WRAP(int, epoll_create1, -1, (int flags), (flags))
WRAP(int, eventfd, -1, (unsigned int count, int flags), (count, flags))
WRAP(int, timerfd_create, -1, (int clock, int flags), (clock, flags))
WRAP(int, socket, -1, (int family, int type, int protocol), (family, type, protocol))
WRAP(int, bind, -1, (int fd, const struct sockaddr *address, socklen_t length),
     (fd, address, length))
WRAP(int, listen, -1, (int fd, int backlog), (fd, backlog))
WRAP(int, setsockopt, -1, (int fd, int level, int name, const void *value, socklen_t length),
     (fd, level, name, value, length))
WRAP(int, getsockname, -1, (int fd, struct sockaddr *address, socklen_t *length),
     (fd, address, length))
WRAP_KERNEL(int, accept4, -1, (int fd, struct sockaddr *address, socklen_t *length, int flags),
            (fd, address, length, flags))
WRAP_KERNEL(ssize_t, recv, -1, (int fd, void *bytes, size_t size, int flags),
            (fd, bytes, size, flags))
WRAP_KERNEL(ssize_t, send, -1, (int fd, const void *bytes, size_t length, int flags),
            (fd, bytes, length, flags))
WRAP_KERNEL(ssize_t, sendmsg, -1, (int fd, const struct msghdr *message, int flags),
            (fd, message, flags))
WRAP(ssize_t, recvfrom, -1,
     (int fd, void *bytes, size_t size, int flags, struct sockaddr *peer, socklen_t *length),
     (fd, bytes, size, flags, peer, length))
WRAP(int, pthread_create, errno,
     (pthread_t * id, const pthread_attr_t *attributes, void *(*thread_main)(void *),
      void *argument),
     (id, attributes, thread_main, argument))
WRAP(void *, mmap, MAP_FAILED,
     (void *address, size_t bytes, int protection, int flags, int fd, off_t offset),
     (address, bytes, protection, flags, fd, offset))
WRAP_KERNEL(int, epoll_wait, -1, (int set, struct epoll_event *events, int count, int timeout_ms),
            (set, events, count, timeout_ms))

int __real_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);

/* Only an ADD allocates, or passes the limit of watches (epoll_ctl(2)). */
int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD && is_to_fail(FAULT_epoll_ctl))
        return -1;
    return __real_epoll_ctl(set, operation, fd, event);
}

int __real_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);

/* Interrupted, it goes on all the same (connect(2)). */
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int number = atomic_load(&failing_errno);

    if (!is_to_fail(FAULT_connect))
        return __real_connect(fd, address, length);
    if (number == EINTR)
        (void)__real_connect(fd, address, length);
    errno = number;
    return -1;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
    return is_to_fail(FAULT_open) ? -1 : __real_open(path, flags);
}

void fault_arm(enum fault fault, int number, int nth)
{
    atomic_store(&has_failed, false);
    atomic_store(&failing_errno, number);
    atomic_store(&calls_left, nth);
    atomic_store(&failing, (int)fault);
}

bool fault_disarm(void)
{
    atomic_store(&failing, -1);
    return atomic_load(&has_failed);
}
