/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls on sockets, with EINTR repeated and every other outcome folded into one enum.
 * None of them blocks: descriptors are non-blocking.
 *
 * Thread: the holder of the descriptor.
 */
#ifndef PL_IO_SOCKET_H
#define PL_IO_SOCKET_H

#include "address.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

enum pl_io {
    PL_IO_DONE,        /* at least one byte moved (a datagram may be empty) */
    PL_IO_WOULD_BLOCK, /* nothing now */
    PL_IO_END,         /* the peer has finished sending; a file ended before its range */
    PL_IO_FAILED,      /* the connection is gone */
};

enum pl_io pl_socket_receive(int fd, void *bytes, size_t size, size_t *ret_length);
enum pl_io pl_socket_send(int fd, const struct iovec *pieces, size_t count, bool has_more,
                          size_t *ret_length);
/* Sends from the file, at most `length` bytes from *offset, and moves *offset. */
enum pl_io pl_socket_send_file(int fd, int file_fd, off_t *offset, size_t length,
                               size_t *ret_length);
/* Bytes that were sent and that the peer has not acknowledged; 0 where nobody counts them. */
uint32_t pl_socket_count_unacknowledged(int fd);
enum pl_io pl_socket_receive_datagram(int fd, void *bytes, size_t size,
                                      struct sockaddr_storage *peer, socklen_t *peer_length,
                                      size_t *ret_length);
enum pl_io pl_socket_send_datagram(int fd, const struct iovec *pieces, size_t count,
                                   const struct sockaddr_storage *peer, socklen_t peer_length);

/*
 * Begins to connect a new stream socket; it is connected, or fails, when it is writable
 * (pl_socket_check_connected()). A socket whose connect failed is of no further use.
 *
 * Owner:  the caller, of *ret_fd.
 * Errors: negative errno of socket() or connect(); a full backlog of a unix socket is -EAGAIN.
 */
PL_MUST_CHECK int pl_socket_connect(const struct pl_address *address, int *ret_fd);
/* PL_IO_DONE: connected; PL_IO_WOULD_BLOCK: not yet; PL_IO_FAILED: *ret_err says why, negative. */
enum pl_io pl_socket_check_connected(int fd, int *ret_err);
/* PL_IO_WOULD_BLOCK: nothing has come in and the peer is still there; nothing is taken. */
enum pl_io pl_socket_peek(int fd);

/* Closes and forgets: *fd is -1 afterwards. Does nothing with -1. */
void pl_close_fd(int *fd);

#endif
