/* SPDX-License-Identifier: Apache-2.0 */
/* The one thread that writes what other threads log. Servers of one process share it. */
#ifndef PL_SERVER_LOG_WRITER_H
#define PL_SERVER_LOG_WRITER_H

#include <paceline/attributes.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct pl_log_writer {
    pthread_t thread;
    _Atomic bool is_stopping;
    bool is_running;
};

PL_MUST_CHECK int pl_log_writer_start(struct pl_log_writer *writer);
/* Writes what is left, then ends. Does nothing with one that does not run. */
void pl_log_writer_stop(struct pl_log_writer *writer);

#endif
