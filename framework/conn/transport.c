/* SPDX-License-Identifier: Apache-2.0 */
#include "transport.h"

static enum pl_io receive(struct pl_conn *conn, void *bytes, size_t size, size_t *ret_length)
{
    return pl_socket_receive(conn->slot.handle.fd, bytes, size, ret_length);
}

static enum pl_io send_pieces(struct pl_conn *conn, const struct iovec *pieces, size_t count,
                              bool has_more, size_t *ret_length)
{
    return pl_socket_send(conn->slot.handle.fd, pieces, count, has_more, ret_length);
}

static enum pl_io send_file(struct pl_conn *conn, int file_fd, off_t *offset, size_t length,
                            size_t *ret_length)
{
    return pl_socket_send_file(conn->slot.handle.fd, file_fd, offset, length, ret_length);
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
