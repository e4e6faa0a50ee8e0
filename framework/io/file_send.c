/* SPDX-License-Identifier: Apache-2.0 */
#include "file_send.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool open_pipe(struct pl_splice_pipe *pipe)
{
    int fds[2];

    if (pipe->is_open)
        return true;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    *pipe = (struct pl_splice_pipe){ .is_open = true, .read_fd = fds[0], .write_fd = fds[1] };
    return true;
}

void pl_splice_pipe_close(struct pl_splice_pipe *pipe)
{
    if (!pipe->is_open)
        return;
    pl_close_fd(&pipe->read_fd);
    pl_close_fd(&pipe->write_fd);
    pipe->is_open = false;
}

static ssize_t splice_in(struct pl_splice_pipe *pipe, int file_fd, off_t offset, size_t length)
{
    ssize_t moved;

    do {
        moved = splice(file_fd, &offset, pipe->write_fd, NULL, length, SPLICE_F_NONBLOCK);
    } while (moved < 0 && errno == EINTR);
    return moved;
}

static ssize_t splice_out(struct pl_splice_pipe *pipe, int fd, size_t length, bool has_more)
{
    unsigned int flags = SPLICE_F_NONBLOCK | (has_more ? SPLICE_F_MORE : 0);
    ssize_t moved;

    do {
        moved = splice(pipe->read_fd, NULL, fd, NULL, length, flags);
    } while (moved < 0 && errno == EINTR);
    return moved;
}

/* What the socket does not take cannot go back into the file: it ends with its pipe, and is taken
 * from the file again. */
enum pl_io pl_socket_splice_file(int fd, struct pl_splice_pipe *pipe, int file_fd, off_t *offset,
                                 size_t length, bool has_more, size_t *ret_length)
{
    ssize_t in, out = 0;
    size_t sent = 0;

    if (!open_pipe(pipe))
        return pl_socket_send_file(fd, file_fd, offset, length, ret_length);
    in = splice_in(pipe, file_fd, *offset, length);
    if (in == 0)
        return PL_IO_END;
    if (in < 0)
        return pl_socket_send_file(fd, file_fd, offset, length, ret_length);
    while (sent < (size_t)in) {
        out = splice_out(pipe, fd, (size_t)in - sent, has_more || (size_t)in < length);
        if (out <= 0)
            break;
        sent += (size_t)out;
    }
    if (sent < (size_t)in) {
        int err = errno;

        pl_splice_pipe_close(pipe);
        if (sent == 0)
            return out < 0 && err == EAGAIN ? PL_IO_WOULD_BLOCK : PL_IO_FAILED;
    }
    *offset += (off_t)sent;
    *ret_length = sent;
    return PL_IO_DONE;
}

enum pl_io pl_socket_send_mapped_file(int fd, int file_fd, off_t *offset, size_t length,
                                      bool has_more, size_t *ret_length)
{
    size_t before = (size_t)(*offset % (off_t)sysconf(_SC_PAGESIZE));
    struct iovec piece;
    enum pl_io outcome;
    struct stat file;
    size_t there;
    void *pages;

    /* Behind its end the last page holds zeros, which must not pass for content. */
    if (fstat(file_fd, &file) < 0 || file.st_size <= *offset)
        return PL_IO_END;
    there = (size_t)(file.st_size - *offset);
    piece.iov_len = there < length ? there : length;
    pages =
        mmap(NULL, before + piece.iov_len, PROT_READ, MAP_SHARED, file_fd, *offset - (off_t)before);
    if (pages == MAP_FAILED)
        return pl_socket_send_file(fd, file_fd, offset, length, ret_length);
    piece.iov_base = (char *)pages + before;
    outcome = pl_socket_send(fd, &piece, 1, has_more || there < length, ret_length);
    /* It has become shorter since: not one byte of the range has a page any more. */
    if (outcome == PL_IO_FAILED && errno == EFAULT)
        outcome = PL_IO_END;
    (void)munmap(pages, before + piece.iov_len);
    if (outcome == PL_IO_DONE)
        *offset += (off_t)*ret_length;
    return outcome;
}

enum pl_io pl_socket_send_read_file(int fd, void *block, size_t size, int file_fd, off_t *offset,
                                    size_t length, bool has_more, size_t *ret_length)
{
    struct iovec piece = { .iov_base = block };
    enum pl_io outcome;
    ssize_t got;

    if (block == NULL)
        return pl_socket_send_file(fd, file_fd, offset, length, ret_length);
    do {
        got = pread(file_fd, block, length < size ? length : size, *offset);
    } while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got == 0 ? PL_IO_END : PL_IO_FAILED;
    piece.iov_len = (size_t)got;
    outcome = pl_socket_send(fd, &piece, 1, has_more || (size_t)got < length, ret_length);
    if (outcome == PL_IO_DONE)
        *offset += (off_t)*ret_length;
    return outcome;
}
