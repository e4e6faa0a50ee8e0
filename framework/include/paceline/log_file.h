/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that lines are appended to from the event path: an access log. A thread of a running server
 * leaves its line in a bounded ring of its own, and the one thread that writes the log writes these
 * too; what finds the ring full, or cannot be written, is dropped and counted
 * (`log_files_dropped`).
 */
#ifndef PACELINE_LOG_FILE_H
#define PACELINE_LOG_FILE_H

#include <paceline/attributes.h>
#include <paceline/error.h>

#include <stddef.h>
#include <stdint.h>

struct pl_log_file;

/*
 * Opens `path` to append to it, made with mode 0640 if it is not there; who opens the same path
 * shares it. A FIFO needs a reader by then. Its writer never waits long for a FIFO's reader.
 *
 * Owner:  the caller, until pl_log_file_close().
 * Thread: setup, before the threads that will write start.
 * Errors: a negative errno value with a sentence.
 */
PL_MUST_CHECK PL_API int pl_log_file_open(const char *path, struct pl_log_file **ret_file,
                                          struct pl_error *error);
/* Writes what stands in the rings, and closes when nobody shares it any more. Does nothing with
 * NULL. Thread: setup, after the threads that wrote have ended. */
PL_API void pl_log_file_close(struct pl_log_file *file);

/*
 * Leaves one line of at most PL_LOG_FILE_LINE_BYTES, its newline at the end. Lines of one thread
 * stay in order; of lines of two threads, the one that was left before the other began comes first
 * if `when_ns`, of pl_conn_look_ns(), says so.
 *
 * Thread: any; one that is no server's waits for the disk.
 */
PL_API void pl_log_file_write(struct pl_log_file *file, int64_t when_ns, const char *line,
                              size_t length);

#endif
