/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a measurement found: rows are contenders, columns are figures, a cell is a series. One
 * report is printed as a table, written as JSON, and made into one HTML page.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "series.h"

#include <stdio.h>

#define REPORT_ROWS_MAX    24
#define REPORT_COLUMNS_MAX 24

enum better { BETTER_LESS, BETTER_MORE, BETTER_NEITHER };

struct report_column {
    const char *key;     /* in JSON, with its unit last: "cpu_us" */
    const char *heading; /* in the table: "CPU us/req" */
    int decimals;
    enum better better;
};

struct report_row {
    char name[48]; /* "leader_followers, edge" */
    struct series cells[REPORT_COLUMNS_MAX];
    double targets[REPORT_COLUMNS_MAX]; /* NAN: none; else the column's bound for this row */
    char note[128];                     /* "not installed (Debian: h2o)"; empty: none */
};

struct report {
    const char *title;
    const char *method; /* paragraphs: what was measured, how, on what */
    struct report_column columns[REPORT_COLUMNS_MAX];
    size_t columns_count;
    struct report_row rows[REPORT_ROWS_MAX];
    size_t rows_count;
    /* Two rows of the same contender, to show what chance alone does; -1: none. */
    int same_a, same_b;
};

/* Median ± half the spread a cell; marks "=" where a row does not differ from the column's best. */
void report_print(const struct report *report, FILE *out);
/* One JSON object with every value that was measured. */
void report_write_json(const struct report *report, FILE *out);
/* One HTML file without any outside request: the table, and a plot per column drawn by gnuplot as
 * inline SVG. Errors: -1 with a sentence on stderr, when gnuplot is missing or fails. */
int report_write_page(const struct report *report, const char *path);

#endif
