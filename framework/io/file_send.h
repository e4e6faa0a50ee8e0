/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File → socket by other ways than sendfile. As pl_socket_send_file() does, each sends at most
 * `length` bytes from *offset on and moves *offset by what the socket took. Where a way does not go
 * (no pipe, no mapping, no block), it is sendfile after all.
 */
#ifndef PL_IO_FILE_SEND_H
#define PL_IO_FILE_SEND_H

#include "socket.h"

/* What the bytes of a thread pass through between a file and a socket; empty between two calls.
 * Zeroed, it is closed. */
struct pl_splice_pipe {
    bool is_open;
    int read_fd;
    int write_fd;
};

/* Opens the pipe when it is closed. Thread: the pipe's. */
enum pl_io pl_socket_splice_file(int fd, struct pl_splice_pipe *pipe, int file_fd, off_t *offset,
                                 size_t length, bool has_more, size_t *ret_length);
void pl_splice_pipe_close(struct pl_splice_pipe *pipe);

/* Maps the range and lets the kernel read from the mapping: the process itself never touches it,
 * since a page that the file has lost would be a signal (mmap(2), SIGBUS). */
enum pl_io pl_socket_send_mapped_file(int fd, int file_fd, off_t *offset, size_t length,
                                      bool has_more, size_t *ret_length);

/* Reads what fits into `block`, which may be NULL, and sends it from there. */
enum pl_io pl_socket_send_read_file(int fd, void *block, size_t size, int file_fd, off_t *offset,
                                    size_t length, bool has_more, size_t *ret_length);

#endif
