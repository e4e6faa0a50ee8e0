/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job: a unit of work that may block, taken off its connection. The connection is let go and
 * parked, so that its deadline and its peer's hang-up are still seen; then the same thread runs the
 * job, which posts itself back when it is done.
 *
 *     process ─ pl_conn_start_job() ─▶ settle (parked) ─▶ run ─post─▶ process ─
 * pl_conn_finish_job() └ the connection has gone: dropped, counted
 */
#ifndef PACELINE_JOB_H
#define PACELINE_JOB_H

#include <paceline/conn.h>
#include <paceline/output.h>

#include <stdbool.h>

struct pl_job;

/* Runs without any connection; blocks as it likes. Thread: the one that ran the turn. */
typedef void pl_job_run(struct pl_job *job);

/* The job ends without its connection: lets go of what its state holds. Any thread. */
typedef void pl_job_drop(struct pl_job *job);

/* The largest state a job carries for its module. */
#define PL_JOB_STATE_BYTES_MAX 3072

/*
 * Takes the first `unit_bytes` of input off the connection and starts a job with them; the caller
 * then returns PL_WAIT, having asked for PL_COMPLETION. Output must be empty: what stands in front
 * should not wait for something that blocks. pl_conn_begin_handler() has been asked, with
 * `may_block`, and has said yes.
 *
 * Returns the job, whose state (zeroed, `state_bytes`) the caller fills; it runs after the settle.
 * Owner:  the framework, until it comes back as mail of kind PL_MAIL_JOB.
 * Thread: holder.
 * Errors: NULL when limits.buffers is reached; nothing has changed then.
 */
PL_MUST_CHECK PL_API struct pl_job *pl_conn_start_job(struct pl_conn *conn, size_t unit_bytes,
                                                      size_t state_bytes, pl_job_run *run,
                                                      pl_job_drop *drop,
                                                      struct pl_handler_note *note);

/* Takes the job's output to the end of the connection's and frees the job. Thread: holder. */
PL_API void pl_conn_finish_job(struct pl_conn *conn, struct pl_mail *mail);

/* While it runs, or when it has come back as mail. */
PL_API void *pl_job_state(struct pl_job *job);
PL_API struct pl_view pl_job_input(const struct pl_job *job);
PL_API struct pl_output *pl_job_output(struct pl_job *job);
PL_API struct pl_job *pl_job_of_mail(struct pl_mail *mail);

#endif
