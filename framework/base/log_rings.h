/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the log: the rings of threads, and what the writer thread needs of them. */
#ifndef PL_BASE_LOG_RINGS_H
#define PL_BASE_LOG_RINGS_H

#include <paceline/attributes.h>

#include <stdbool.h>
#include <stdint.h>

/* Gives the calling thread a ring; without one it writes directly. Errors: -ENOMEM. */
PL_MUST_CHECK int pl_log_thread_begin(void);
/* The ring is left behind for the writer, which frees it when it is empty. */
void pl_log_thread_end(void);

/* Writes out what stands in all rings; true if there was something. Thread: any. */
bool pl_log_drain(void);
/* Drains, and sleeps until a line stands in a ring or pl_log_stop_waiting() is called. Thread: the
 * writer. */
void pl_log_wait(void);
void pl_log_stop_waiting(void);

/* Lines that found their ring full since the process began. Thread: any. */
uint64_t pl_log_dropped(void);

#endif
