/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

#include <sys/syscall.h>
#include <unistd.h>

/* The thread sanitizer knows who hands what to whom through the C library's calls alone. */
#if defined(__SANITIZE_THREAD__)
#define PL_WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PL_WITH_TSAN 1
#endif
#endif

#ifdef PL_WITH_TSAN

ssize_t pl_kernel_recv(int fd, void *bytes, size_t size, int flags)
{
    return recv(fd, bytes, size, flags);
}

ssize_t pl_kernel_send(int fd, const void *bytes, size_t length, int flags)
{
    return send(fd, bytes, length, flags);
}

ssize_t pl_kernel_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return sendmsg(fd, message, flags);
}

int pl_kernel_accept4(int fd, struct sockaddr *peer, socklen_t *peer_length, int flags)
{
    return accept4(fd, peer, peer_length, flags);
}

int pl_kernel_epoll_wait(int epoll_fd, struct epoll_event *events, int count_max, int timeout_ms)
{
    return epoll_wait(epoll_fd, events, count_max, timeout_ms);
}

#else

ssize_t pl_kernel_recv(int fd, void *bytes, size_t size, int flags)
{
    return syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

ssize_t pl_kernel_send(int fd, const void *bytes, size_t length, int flags)
{
    return syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
}

ssize_t pl_kernel_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return syscall(SYS_sendmsg, fd, message, flags);
}

int pl_kernel_accept4(int fd, struct sockaddr *peer, socklen_t *peer_length, int flags)
{
    return (int)syscall(SYS_accept4, fd, peer, peer_length, flags);
}

int pl_kernel_epoll_wait(int epoll_fd, struct epoll_event *events, int count_max, int timeout_ms)
{
    return (int)syscall(SYS_epoll_pwait, epoll_fd, events, count_max, timeout_ms, NULL, 0);
}

#endif
