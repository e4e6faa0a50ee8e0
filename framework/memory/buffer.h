/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block of pooled memory with a read and a write mark. The same block serves as input of a
 * connection and as a piece of output; what kind of piece it is stands in it.
 */
#ifndef PL_MEMORY_BUFFER_H
#define PL_MEMORY_BUFFER_H

#include <paceline/view.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum pl_piece {
    PL_PIECE_BYTES,    /* data[read .. write) */
    PL_PIECE_BORROWED, /* constant bytes that outlive the server */
    PL_PIECE_FILE,     /* a range of an open file */
};

struct pl_borrowed_piece {
    const char *bytes; /* borrowed */
    size_t length;
};

struct pl_file_piece {
    int fd; /* owned, unless it is shared */
    off_t offset;
    size_t length;
    uint8_t how;                    /* enum pl_file_send */
    void (*release)(void *context); /* lets go of a shared descriptor; NULL: it is owned */
    void *context;
};

struct pl_buffer {
    struct pl_buffer *next; /* in a queue of pieces, or of free blocks */
    uint32_t read;          /* first byte not yet consumed */
    uint32_t write;         /* first byte not yet filled */
    uint32_t size;          /* of data, in bytes */
    uint8_t class_index;
    uint8_t piece; /* enum pl_piece */
    bool is_given; /* stands in the pool; a second give is a programmer's error */
    _Alignas(16) unsigned char data[];
};

static inline size_t pl_buffer_length(const struct pl_buffer *buffer)
{
    return buffer->write - buffer->read;
}

static inline size_t pl_buffer_room(const struct pl_buffer *buffer)
{
    return buffer->size - buffer->write;
}

static inline struct pl_view pl_buffer_view(const struct pl_buffer *buffer)
{
    return (struct pl_view){ .bytes = (const char *)buffer->data + buffer->read,
                             .length = pl_buffer_length(buffer) };
}

/* Moves what is unread to the front, so that all free room stands behind it. */
void pl_buffer_compact(struct pl_buffer *buffer);

#endif
