/* SPDX-License-Identifier: Apache-2.0 */
#include "transport.h"

#include "file_send.h"

static enum pl_io receive(struct pl_conn *conn, void *bytes, size_t size, size_t *ret_length)
{
    return pl_socket_receive(conn->slot.handle.fd, bytes, size, ret_length);
}

static enum pl_io send_pieces(struct pl_conn *conn, const struct iovec *pieces, size_t count,
                              bool has_more, size_t *ret_length)
{
    return pl_socket_send(conn->slot.handle.fd, pieces, count, has_more, ret_length);
}

/* What the socket does not take is read again: the block goes back to the pool, so that a slow
 * reader holds none. */
static enum pl_io send_read(struct pl_conn *conn, struct pl_file_piece *file, size_t length,
                            bool has_more, size_t *ret_length)
{
    struct pl_buffer_cache *cache = &conn->slot.thread->cache;
    struct pl_buffer *block = pl_buffer_take(cache, PL_BUFFER_BYTES);
    enum pl_io outcome = pl_socket_send_read_file(
        conn->slot.handle.fd, block == NULL ? NULL : block->data, PL_BUFFER_BYTES, file->fd,
        &file->offset, length, has_more, ret_length);

    pl_buffer_give(cache, block);
    return outcome;
}

static enum pl_io send_file(struct pl_conn *conn, struct pl_file_piece *file, size_t length,
                            bool has_more, size_t *ret_length)
{
    int fd = conn->slot.handle.fd;

    switch ((enum pl_file_send)file->how) {
    case PL_FILE_SENDFILE:
        break;
    case PL_FILE_SPLICE:
        return pl_socket_splice_file(fd, &conn->slot.thread->splice_pipe, file->fd, &file->offset,
                                     length, has_more, ret_length);
    case PL_FILE_MMAP:
        return pl_socket_send_mapped_file(fd, file->fd, &file->offset, length, has_more,
                                          ret_length);
    case PL_FILE_READ:
        return send_read(conn, file, length, has_more, ret_length);
    }
    return pl_socket_send_file(fd, file->fd, &file->offset, length, ret_length);
}

static bool has_pending(const struct pl_conn *conn)
{
    (void)conn;
    return false;
}

const struct pl_transport pl_transport_plain = { .name = "plain",
                                                 .receive = receive,
                                                 .send = send_pieces,
                                                 .send_file = send_file,
                                                 .has_pending = has_pending };
