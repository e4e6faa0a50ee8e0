/* SPDX-License-Identifier: Apache-2.0 */
/* Runs many cases: those that may stand beside others at once, the others one by one. */
#ifndef CONFORM_RUN_H
#define CONFORM_RUN_H

#include "exchange.h"

struct run {
    const struct case_list *list; /* borrowed, like target and options */
    const struct target *target;
    const struct run_options *options;
    const bool *is_chosen;
    unsigned jobs_count;
    bool is_showing_progress; /* on stderr */
};

/* Fills one verdict per chosen case; the verdict of a case that cannot run is a skip. */
void run_cases(const struct run *run, struct verdict *verdicts);

#endif
