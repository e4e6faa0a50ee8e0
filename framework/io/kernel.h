/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that every request makes, straight to the kernel: the C library's are cancellation
 * points, and in a program with threads each of them pays for that with two locked operations.
 * Nobody cancels our threads. Errors and results are those of the calls of the same name.
 */
#ifndef PL_IO_KERNEL_H
#define PL_IO_KERNEL_H

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

ssize_t pl_kernel_recv(int fd, void *bytes, size_t size, int flags);
ssize_t pl_kernel_send(int fd, const void *bytes, size_t length, int flags);
ssize_t pl_kernel_sendmsg(int fd, const struct msghdr *message, int flags);
int pl_kernel_accept4(int fd, struct sockaddr *peer, socklen_t *peer_length, int flags);
int pl_kernel_epoll_wait(int epoll_fd, struct epoll_event *events, int count_max, int timeout_ms);

#endif
