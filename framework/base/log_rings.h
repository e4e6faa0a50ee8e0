/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the log: the rings of threads, and what the writer thread needs of them. */
#ifndef PL_BASE_LOG_RINGS_H
#define PL_BASE_LOG_RINGS_H

#include "record_ring.h"
#include "ring.h"

#include <paceline/attributes.h>

#include <stdbool.h>
#include <stdint.h>

/* What one thread has left for the writer. */
struct pl_log_ring {
    struct pl_ring lines;          /* of the log */
    struct pl_record_ring records; /* of log files; without memory when none was open */
    struct pl_log_ring *next;      /* guarded by rings_lock of log.c */
    _Atomic uint32_t dropped;  /* lines: written by the thread, read and cleared by the writer */
    _Atomic bool is_abandoned; /* released by the thread at its end, acquired by the writer */
};

/* Gives the calling thread a ring; without one it writes directly. Errors: -ENOMEM. */
PL_MUST_CHECK int pl_log_thread_begin(void);
/* The ring is left behind for the writer, which frees it when it is empty. */
void pl_log_thread_end(void);
/* The calling thread's, or NULL. */
struct pl_log_ring *pl_log_own_ring(void);

/* Writes out what stands in all rings; true if there was something. Thread: any. */
bool pl_log_drain(void);
/* Drains, and sleeps until a line of the log stands in a ring or pl_log_stop_waiting() is called;
 * for a moment only, while log files are open. Thread: the writer. */
void pl_log_wait(void);
void pl_log_stop_waiting(void);
/* The writer shall look before its moment is over; it may be missed when it is about to sleep.
 * Thread: any. */
void pl_log_hurry_writer(void);

/* Lines that found their ring full since the process began. Thread: any. */
uint64_t pl_log_dropped(void);

#endif
