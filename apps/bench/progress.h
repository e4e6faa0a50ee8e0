/* SPDX-License-Identifier: Apache-2.0 */
/* How far a long measurement is and how long it will still take: a rewritten line on a terminal,
 * one line a step elsewhere, nothing when quiet. On stderr. */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
    size_t steps, steps_begun;
    double step_s;  /* what one was said to take; used until the pace is known */
    double begun_s; /* on the monotonic clock */
    bool is_quiet, is_terminal;
};

/* Announces `steps` steps of about `step_s` seconds each. */
void progress_begin(struct progress *progress, size_t steps, double step_s, bool is_quiet);
/* A step begins: "half_sync_half_async, round 3 of 7". What remains is estimated from the pace. */
void progress_step(struct progress *progress, const char *what);
/* All steps are done, or the operator ended them: says how many of them, in what time. */
void progress_end(struct progress *progress);

#endif
