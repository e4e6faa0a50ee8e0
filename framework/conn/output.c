/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include "assert.h"
#include "socket.h"

#include <errno.h>

/* Below this a copy is cheaper than a piece of its own. */
#define COPY_BYTES_MAX 2048

/* A new block holds at least this much, so that the replies of a batch share it. */
#define BLOCK_BYTES_MIN 4096

static void append_piece(struct pl_output *output, struct pl_buffer *piece)
{
    if (output->first == NULL)
        output->first = piece;
    else
        output->last->next = piece;
    output->last = piece;
}

static struct pl_buffer *block_with_room(struct pl_output *output, size_t wanted)
{
    struct pl_buffer *block;
    size_t bytes = wanted < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : wanted;

    /* A second block for the same output: take a large one at once. What stands between files are
     * heads. */
    if (output->first != NULL && output->last->piece != PL_PIECE_FILE && bytes < PL_BUFFER_BYTES)
        bytes = PL_BUFFER_BYTES;
    block = pl_buffer_take(output->cache, bytes);
    if (block != NULL)
        append_piece(output, block);
    return block;
}

char *pl_output_reserve(struct pl_output *output, size_t length)
{
    struct pl_buffer *block = output->last;

    PL_ASSERT(length <= PL_BUFFER_BYTES);
    if (output->first == NULL || block->piece != PL_PIECE_BYTES || pl_buffer_room(block) < length)
        block = block_with_room(output, length);
    return block == NULL ? NULL : (char *)block->data + block->write;
}

void pl_output_commit(struct pl_output *output, size_t length)
{
    PL_ASSERT(pl_buffer_room(output->last) >= length);
    output->last->write += (uint32_t)length;
    output->length += length;
}

int pl_output_append(struct pl_output *output, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        struct pl_buffer *block = output->last;
        size_t part;

        if (output->first == NULL || block->piece != PL_PIECE_BYTES || pl_buffer_room(block) == 0)
            block = block_with_room(output, length < PL_BUFFER_BYTES ? length : PL_BUFFER_BYTES);
        if (block == NULL)
            return -ENOBUFS;
        part = pl_buffer_room(block) < length ? pl_buffer_room(block) : length;
        memcpy(block->data + block->write, at, part);
        pl_output_commit(output, part);
        at += part;
        length -= part;
    }
    return 0;
}

int pl_output_append_borrowed(struct pl_output *output, const char *bytes, size_t length)
{
    struct pl_buffer *piece;
    struct pl_borrowed_piece *borrowed;

    if (length <= COPY_BYTES_MAX)
        return pl_output_append(output, bytes, length);
    piece = pl_buffer_take(output->cache, sizeof(*borrowed));
    if (piece == NULL)
        return -ENOBUFS;
    piece->piece = PL_PIECE_BORROWED;
    borrowed = (struct pl_borrowed_piece *)(void *)piece->data;
    *borrowed = (struct pl_borrowed_piece){ .bytes = bytes, .length = length };
    append_piece(output, piece);
    output->length += length;
    return 0;
}

static void let_go_of_file(struct pl_file_piece *file)
{
    if (file->release != NULL)
        file->release(file->context);
    else
        pl_close_fd(&file->fd);
}

static int append_file(struct pl_output *output, struct pl_file_piece file)
{
    struct pl_buffer *piece;

    /* A piece of nothing could not be told from a file that ended too early. */
    if (file.length == 0) {
        let_go_of_file(&file);
        return 0;
    }
    piece = pl_buffer_take(output->cache, sizeof(file));
    if (piece == NULL) {
        let_go_of_file(&file);
        return -ENOBUFS;
    }
    piece->piece = PL_PIECE_FILE;
    *(struct pl_file_piece *)(void *)piece->data = file;
    append_piece(output, piece);
    output->length += file.length;
    return 0;
}

int pl_output_append_file(struct pl_output *output, int fd, off_t offset, size_t length)
{
    return append_file(output,
                       (struct pl_file_piece){ .fd = fd, .offset = offset, .length = length });
}

int pl_output_append_file_shared(struct pl_output *output, int fd, off_t offset, size_t length,
                                 enum pl_file_send how, pl_output_release *release, void *context)
{
    PL_ASSERT(release != NULL);
    return append_file(output, (struct pl_file_piece){ .fd = fd,
                                                       .offset = offset,
                                                       .length = length,
                                                       .how = (uint8_t)how,
                                                       .release = release,
                                                       .context = context });
}

struct pl_output_mark pl_output_mark(const struct pl_output *output)
{
    return (struct pl_output_mark){ .last = output->last,
                                    .write = output->last == NULL ? 0 : output->last->write,
                                    .length = output->length };
}

void pl_output_rollback(struct pl_output *output, struct pl_output_mark mark)
{
    struct pl_buffer *last = mark.last;
    struct pl_output rest = { .first = last == NULL ? output->first : last->next,
                              .cache = output->cache };

    output->last = last;
    output->length = mark.length;
    if (last == NULL) {
        output->first = NULL;
    } else {
        last->next = NULL;
        last->write = mark.write;
    }
    pl_output_drop(&rest);
}

size_t pl_output_length(const struct pl_output *output)
{
    return output->length;
}

size_t pl_output_gather(const struct pl_output *output, struct iovec *pieces, size_t count_max,
                        bool *ret_has_more)
{
    size_t count = 0;
    struct pl_buffer *piece = output->first;

    for (; piece != NULL && count < count_max; piece = piece->next) {
        struct pl_borrowed_piece *borrowed = (struct pl_borrowed_piece *)(void *)piece->data;

        if (piece->piece == PL_PIECE_FILE)
            break;
        pieces[count].iov_base = piece->piece == PL_PIECE_BYTES
                                     ? (void *)(piece->data + piece->read)
                                     : (void *)(size_t)(const void *)borrowed->bytes;
        pieces[count].iov_len = pl_piece_length(piece);
        count++;
    }
    *ret_has_more = piece != NULL;
    return count;
}

void pl_output_move_all(struct pl_output *to, struct pl_output *from)
{
    if (from->first == NULL)
        return;
    if (to->first == NULL)
        to->first = from->first;
    else
        to->last->next = from->first;
    to->last = from->last;
    to->length += from->length;
    from->first = NULL;
    from->last = NULL;
    from->length = 0;
}

static void give_first(struct pl_output *output)
{
    struct pl_buffer *piece = output->first;

    output->first = piece->next;
    if (output->first == NULL)
        output->last = NULL;
    if (piece->piece == PL_PIECE_FILE)
        let_go_of_file((struct pl_file_piece *)(void *)piece->data);
    pl_buffer_give(output->cache, piece);
}

static void consume(struct pl_buffer *piece, size_t bytes)
{
    struct pl_borrowed_piece *borrowed = (struct pl_borrowed_piece *)(void *)piece->data;
    struct pl_file_piece *file = (struct pl_file_piece *)(void *)piece->data;

    switch ((enum pl_piece)piece->piece) {
    case PL_PIECE_BYTES:
        piece->read += (uint32_t)bytes;
        break;
    case PL_PIECE_BORROWED:
        borrowed->bytes += bytes;
        borrowed->length -= bytes;
        break;
    case PL_PIECE_FILE:
        file->length -= bytes;
        break;
    }
}

void pl_output_sent(struct pl_output *output, size_t bytes)
{
    PL_ASSERT(bytes <= output->length);
    output->length -= bytes;
    while (output->first != NULL) {
        size_t length = pl_piece_length(output->first);
        size_t part = bytes < length ? bytes : length;

        consume(output->first, part);
        bytes -= part;
        if (part < length)
            break;
        give_first(output);
    }
}

void pl_output_drop(struct pl_output *output)
{
    while (output->first != NULL)
        give_first(output);
    output->length = 0;
}
