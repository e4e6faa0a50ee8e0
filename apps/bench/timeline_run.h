/* SPDX-License-Identifier: Apache-2.0 */
/* paceline-bench timeline: its options, and the record of one application under one model. */
#ifndef BENCH_TIMELINE_RUN_H
#define BENCH_TIMELINE_RUN_H

#include "models.h"
#include "timeline.h"

struct timeline_run {
    struct app app;
    struct model_choice choice;
    size_t threads; /* SIZE_MAX: the application's own */
    size_t conns;
    double rate;                  /* requests a second, all connections together */
    const char *path, *slow_path; /* borrowed; slow_path NULL: every request is like the others */
    double length_ms;             /* of the picture */
    const char *out_path;         /* borrowed; NULL: the standard output */
    const char *record_path;      /* borrowed; NULL: the record is not kept */
    const char *drawn_path;       /* borrowed; NULL: the record is made, by an application */
    bool is_any_status;           /* replies may be errors */
    char title[96];
};

/* Reads the command line; what is wrong in it ends the program. The application is not open yet. */
void timeline_read_options(struct timeline_run *run, const char **ret_program,
                           const char **ret_config, int argc, char **argv);

/*
 * Starts the application, loads it, asks it for its record and stops it. The record is open then,
 * whatever becomes of its file.
 *
 * Owner:  the caller, by fclose().
 * Errors: an exit code with a sentence on stderr; 0 when it was recorded.
 */
int timeline_record(struct timeline_run *run, FILE **ret_record);

#endif
