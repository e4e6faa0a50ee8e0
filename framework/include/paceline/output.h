/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output: a short queue of pieces, each pooled bytes, borrowed constant bytes or a range of a
 * file. Small pieces are joined, so that the replies of one turn leave in one send.
 *
 * Thread: the holder of what the output belongs to.
 * Errors: -ENOBUFS when limits.buffers is reached; what was appended before stays.
 */
#ifndef PACELINE_OUTPUT_H
#define PACELINE_OUTPUT_H

#include <paceline/attributes.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pl_output;

/* Copies the bytes. */
PL_MUST_CHECK PL_API int pl_output_append(struct pl_output *output, const void *bytes,
                                          size_t length);
/* Borrows bytes that outlive the server; short ones are copied all the same. */
PL_MUST_CHECK PL_API int pl_output_append_borrowed(struct pl_output *output, const char *bytes,
                                                   size_t length);
/* Takes over the descriptor, also when it fails. */
PL_MUST_CHECK PL_API int pl_output_append_file(struct pl_output *output, int fd, off_t offset,
                                               size_t length);
enum pl_file_send {
    PL_FILE_SENDFILE, /* by sendfile: the bytes never enter the process */
    PL_FILE_SPLICE,   /* by splice through a pipe of the thread's */
    PL_FILE_MMAP,     /* mapped, range by range, and sent from the mapping */
    PL_FILE_READ,     /* read into a block of the pool, block by block, and sent from there */
};
/*
 * Shares the descriptor: `release` is called once when the range was sent or dropped, also when
 * this fails.
 *
 * Owner:  whoever `release` tells; the descriptor stays open and its file offset is not used.
 * Thread: holder; `release` runs on whichever thread holds the output then, under no lock.
 */
typedef void pl_output_release(void *context);
PL_MUST_CHECK PL_API int pl_output_append_file_shared(struct pl_output *output, int fd,
                                                      off_t offset, size_t length,
                                                      enum pl_file_send how,
                                                      pl_output_release *release, void *context);
/* Room for `length` contiguous bytes (at most 16 KiB) to be written in place, or NULL; then
 * pl_output_commit() with what was written. */
PL_MUST_CHECK PL_API char *pl_output_reserve(struct pl_output *output, size_t length);
PL_API void pl_output_commit(struct pl_output *output, size_t length);
/* A place in the output to go back to, as long as nothing was sent: a reply whose body finds no
 * memory is taken back whole. */
struct pl_output_mark {
    void *last;
    uint32_t write;
    size_t length;
};
PL_API struct pl_output_mark pl_output_mark(const struct pl_output *output);
PL_API void pl_output_rollback(struct pl_output *output, struct pl_output_mark mark);
/* Bytes that wait to be sent. */
PL_API size_t pl_output_length(const struct pl_output *output);

#endif
