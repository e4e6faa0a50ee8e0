/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plot per column of a report, drawn by gnuplot into a folder of its own and passed on as SVG
 * that may stand in a page beside others: identifiers of its own, colours of the page.
 */
#ifndef BENCH_REPORT_PLOT_H
#define BENCH_REPORT_PLOT_H

#include "report.h"

#include <limits.h>

struct plots {
    const struct report *report; /* borrowed */
    char folder[PATH_MAX];       /* removed by plots_close() */
};

/* Draws them all. Errors: -1 with a sentence on stderr and nothing left behind. */
int plots_open(struct plots *plots, const struct report *report);
/* False for a column in which nothing was measured. */
bool plots_has(const struct plots *plots, size_t column);
/* Errors: -1 with a sentence on stderr. */
int plots_write(const struct plots *plots, size_t column, FILE *out);
void plots_close(struct plots *plots);

/* Passes the SVG that gnuplot wrote: its <svg> element only, every identifier begins with `prefix`,
 * black becomes the colour of the text around. Errors: -1 when there is none. */
int svg_inline(FILE *in, const char *prefix, FILE *out);

#endif
