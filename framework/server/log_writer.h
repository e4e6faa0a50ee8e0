/* SPDX-License-Identifier: Apache-2.0 */
/* The one thread that writes what other threads log, shared by all servers of the process. */
#ifndef PL_SERVER_LOG_WRITER_H
#define PL_SERVER_LOG_WRITER_H

#include <paceline/attributes.h>

/* Each start is answered by one stop. Errors: -EAGAIN. Thread: control. */
PL_MUST_CHECK int pl_log_writer_start(void);
/* The last one writes what is left and ends the thread. Thread: control. */
void pl_log_writer_stop(void);

#endif
