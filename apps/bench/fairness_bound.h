/* SPDX-License-Identifier: Apache-2.0 */
/* What a greedy client may cost the polite ones, and the setting it follows from. Pure. */
#ifndef BENCH_FAIRNESS_BOUND_H
#define BENCH_FAIRNESS_BOUND_H

#include <stddef.h>
#include <stdio.h>

/* Of what the polite offer beside greedy clients, this much has to be served. */
#define FAIRNESS_SERVED_PERCENT_MIN 95.0

/* The most by which the median wait may grow: two turns of each greedy client, divided by the
 * threads; 0 threads are the main one. NAN without a turn's time, as nothing is promised then. */
double fairness_bound_us(size_t greedy, double turn_us, size_t threads);

/* dispatch.turn.time of a configuration as --print-config writes it. NAN: it is not there. */
double fairness_read_turn_us(FILE *config);

#endif
