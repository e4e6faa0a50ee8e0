/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an output: its pieces, and what sends and frees them. */
#ifndef PL_CONN_OUTPUT_H
#define PL_CONN_OUTPUT_H

#include "buffer_pool.h"

#include <paceline/output.h>

#include <sys/uio.h>

struct pl_output {
    struct pl_buffer *first; /* owned; NULL while nothing waits */
    struct pl_buffer *last;
    struct pl_buffer_cache *cache; /* borrowed from the thread that holds the output */
    size_t length;                 /* bytes of all pieces */
};

static inline size_t pl_piece_length(const struct pl_buffer *piece)
{
    switch ((enum pl_piece)piece->piece) {
    case PL_PIECE_BYTES:
        return pl_buffer_length(piece);
    case PL_PIECE_BORROWED:
        return ((const struct pl_borrowed_piece *)(const void *)piece->data)->length;
    case PL_PIECE_FILE:
        return ((const struct pl_file_piece *)(const void *)piece->data)->length;
    }
    return 0;
}

/* The pieces in front of a file, at most `count_max`; *ret_has_more: others stand behind them. */
size_t pl_output_gather(const struct pl_output *output, struct iovec *pieces, size_t count_max,
                        bool *ret_has_more);
/* Moves all pieces of `from` behind those of `to`. */
void pl_output_move_all(struct pl_output *to, struct pl_output *from);
/* `bytes` were sent: consumes them and gives back what is empty. */
void pl_output_sent(struct pl_output *output, size_t bytes);
/* Gives everything back unsent. */
void pl_output_drop(struct pl_output *output);

#endif
