/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire bytes ⇄ plain bytes. The receive and send stages go through this table and assume nothing
 * else about the descriptor; a transport that decrypts may have plain bytes while the descriptor
 * has none, and says so in has_pending().
 */
#ifndef PL_CONN_TRANSPORT_H
#define PL_CONN_TRANSPORT_H

#include "conn.h"
#include "socket.h"

struct pl_transport {
    const char *name;
    enum pl_io (*receive)(struct pl_conn *conn, void *bytes, size_t size, size_t *ret_length);
    enum pl_io (*send)(struct pl_conn *conn, const struct iovec *pieces, size_t count,
                       bool has_more, size_t *ret_length);
    /* At most `length` bytes of the piece, whose offset moves. */
    enum pl_io (*send_file)(struct pl_conn *conn, struct pl_file_piece *file, size_t length,
                            bool has_more, size_t *ret_length);
    bool (*has_pending)(const struct pl_conn *conn);
};

extern const struct pl_transport pl_transport_plain;

#endif
