/* SPDX-License-Identifier: Apache-2.0 */
#include "socket.h"

#include "assert.h"
#include "kernel.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

static enum pl_io outcome_of_errno(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK ? PL_IO_WOULD_BLOCK : PL_IO_FAILED;
}

enum pl_io pl_socket_receive(int fd, void *bytes, size_t size, size_t *ret_length)
{
    ssize_t length;

    do {
        length = pl_kernel_recv(fd, bytes, size, 0);
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return outcome_of_errno();
    if (length == 0)
        return PL_IO_END;
    *ret_length = (size_t)length;
    return PL_IO_DONE;
}

enum pl_io pl_socket_send(int fd, const struct iovec *pieces, size_t count, bool has_more,
                          size_t *ret_length)
{
    struct msghdr message = { .msg_iov = (struct iovec *)(size_t)(const void *)pieces,
                              .msg_iovlen = count };
    int flags = MSG_NOSIGNAL | (has_more ? MSG_MORE : 0);
    ssize_t length;

    do {
        length = count == 1 ? pl_kernel_send(fd, pieces->iov_base, pieces->iov_len, flags)
                            : pl_kernel_sendmsg(fd, &message, flags);
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return outcome_of_errno();
    *ret_length = (size_t)length;
    return PL_IO_DONE;
}

enum pl_io pl_socket_send_file(int fd, int file_fd, off_t *offset, size_t length,
                               size_t *ret_length)
{
    ssize_t sent;

    do {
        sent = sendfile(fd, file_fd, offset, length);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return outcome_of_errno();
    if (sent == 0)
        return PL_IO_END;
    *ret_length = (size_t)sent;
    return PL_IO_DONE;
}

uint32_t pl_socket_count_unacknowledged(int fd)
{
    int bytes = 0;

    return ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (uint32_t)bytes : 0;
}

enum pl_io pl_socket_receive_datagram(int fd, void *bytes, size_t size,
                                      struct sockaddr_storage *peer, socklen_t *peer_length,
                                      size_t *ret_length)
{
    ssize_t length;

    do {
        *peer_length = sizeof(*peer);
        length = recvfrom(fd, bytes, size, 0, (struct sockaddr *)peer, peer_length);
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return outcome_of_errno();
    *ret_length = (size_t)length;
    return PL_IO_DONE;
}

enum pl_io pl_socket_send_datagram(int fd, const struct iovec *pieces, size_t count,
                                   const struct sockaddr_storage *peer, socklen_t peer_length)
{
    struct msghdr message = { .msg_name = (void *)(size_t)(const void *)peer,
                              .msg_namelen = peer_length,
                              .msg_iov = (struct iovec *)(size_t)(const void *)pieces,
                              .msg_iovlen = count };
    ssize_t sent;

    do {
        sent = pl_kernel_sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? outcome_of_errno() : PL_IO_DONE;
}

int pl_socket_connect(const struct pl_address *address, int *ret_fd)
{
    const struct sockaddr *peer = (const struct sockaddr *)&address->socket;
    int fd = socket(peer->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int err;

    if (fd < 0)
        return -errno;
    if (peer->sa_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    /* Interrupted, it goes on all the same (connect(2)). */
    if (connect(fd, peer, address->length) < 0 && errno != EINPROGRESS && errno != EINTR) {
        err = -errno;
        pl_close_fd(&fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

enum pl_io pl_socket_check_connected(int fd, int *ret_err)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(int);
    int err = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &length) < 0)
        err = errno;
    if (err != 0) {
        *ret_err = -err;
        return PL_IO_FAILED;
    }
    /* No error yet is also what a socket says that is still connecting. */
    length = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0)
        return PL_IO_DONE;
    if (errno == ENOTCONN)
        return PL_IO_WOULD_BLOCK;
    *ret_err = -errno;
    return PL_IO_FAILED;
}

enum pl_io pl_socket_peek(int fd)
{
    ssize_t length;
    char byte;

    do {
        length = pl_kernel_recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return outcome_of_errno();
    return length == 0 ? PL_IO_END : PL_IO_DONE;
}

void pl_close_fd(int *fd)
{
    bool is_open;

    if (*fd < 0)
        return;
    /* Linux frees the number even when close reports EINTR: never repeat it (close(2)). One that is
     * not open was closed twice, and may by now have been somebody else's. */
    is_open = close(*fd) == 0 || errno != EBADF;
    PL_ASSERT(is_open);
    *fd = -1;
}
