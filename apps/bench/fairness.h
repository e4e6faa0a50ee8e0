/* SPDX-License-Identifier: Apache-2.0 */
/* Polite clients beside greedy ones, in every model: the command's options and what it found. */
#ifndef BENCH_FAIRNESS_H
#define BENCH_FAIRNESS_H

#include "models.h"
#include "place.h"

#define FAIRNESS_GREEDY_COUNTS_MAX 8

struct fairness {
    struct common_options common;
    struct app app;
    struct app app_unbounded; /* the same without a turn's budget; app_open() did not see it */
    struct model_choice choices[REPORT_ROWS_MAX];
    size_t choices_count;
    struct series capacities[REPORT_ROWS_MAX]; /* requests a second of the polite alone */
    size_t greedy[FAIRNESS_GREEDY_COUNTS_MAX];
    size_t greedy_count;
    struct placement placement;
    struct load_plan plan;
    struct request request;
    const char *target; /* borrowed: a path from / on, else a line */
    size_t threads;     /* of a model that does not say */
    double turn_us;     /* NAN: not known */
    size_t rounds, capacity_rounds;
    double warm_up_s, seconds;
    struct progress progress;
    struct report report; /* rows: each model's, one per count of greedy clients */
    bool has_failed;      /* a load run was wrong: exit code 1 */
};

/* Reads the command line and opens the application; what is wrong in it ends the program. */
void fairness_read_options(struct fairness *fairness, int argc, char **argv);

#endif
