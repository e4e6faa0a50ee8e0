/* SPDX-License-Identifier: Apache-2.0 */
/* How a measurement ends: its report in every form that was asked for, and the exit code. */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#include "report.h"

#include <stdbool.h>

typedef void output_print(const struct report *report, FILE *out);

/* Prints the report; `json_path` ("-": the standard output instead of the table) and `page_path`
 * may be NULL. Returns the exit code: 0, 1 when `has_failed`, 130 after a signal, 73 or 69 when a
 * file or the page could not be made. */
int output_write(const struct report *report, const char *json_path, const char *page_path,
                 bool has_failed);
/* The same with a table of the caller's own. */
int output_write_as(const struct report *report, output_print *print, const char *json_path,
                    const char *page_path, bool has_failed);

#endif
