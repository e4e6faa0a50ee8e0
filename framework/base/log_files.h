/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of log files, for the log's rings and its writer; see log_file.c. */
#ifndef PL_BASE_LOG_FILES_H
#define PL_BASE_LOG_FILES_H

#include "log_rings.h"

#include <paceline/log_file.h>

/* Is a thread that begins now to have room for their lines? Thread: any. */
bool pl_log_files_are_open(void);
/* Writes what stood in the records of these rings when it was called; true if there was something.
 * Thread: whoever drains. */
bool pl_log_files_drain(struct pl_log_ring *first);
/* Asks the writer to open each path anew; one that cannot be opened keeps its file. Thread: any. */
void pl_log_files_reopen(void);
/* Lines that were dropped since the process began. Thread: any. */
uint64_t pl_log_files_dropped(void);

#endif
