/* SPDX-License-Identifier: Apache-2.0 */
/* What a load found, for people and for machines. */
#ifndef BENCH_LOAD_REPORT_H
#define BENCH_LOAD_REPORT_H

#include "load.h"

#include <stdio.h>

void load_report_print(const struct load_plan *plan, const struct load_result *result, FILE *out);
void load_report_json(const struct load_plan *plan, const struct load_result *result, FILE *out);

/* Open loop with a generator that itself may have been late: its latencies are not the server's. */
bool load_was_too_busy(const struct load_plan *plan, const struct load_result *result);

#endif
