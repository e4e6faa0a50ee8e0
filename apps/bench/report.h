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
/* Medians closer than this are called the same, however sure the difference is. */
#define REPORT_THRESHOLD 0.01

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
    char note[512];                     /* "not installed (Debian: h2o)"; empty: none */
};

struct report {
    const char *title;
    const char *method; /* what was measured, how, on what; an empty line parts paragraphs */
    struct report_column columns[REPORT_COLUMNS_MAX];
    size_t columns_count;
    struct report_row rows[REPORT_ROWS_MAX];
    size_t rows_count;
    /* Two rows of the same contender, to show what chance alone does; -1: none. */
    int same_a, same_b;
};

/* How a cell stands to the best of its column. */
enum standing {
    STANDING_NONE,    /* nothing measured, or a column without better and worse */
    STANDING_BEST,    /* the best median */
    STANDING_SAME,    /* no difference to the best that chance would not explain */
    STANDING_UNKNOWN, /* too few rounds for both to say */
    STANDING_WORSE
};

enum target_result { TARGET_NONE, TARGET_MET, TARGET_MISSED, TARGET_NOT_MEASURED };

enum standing report_standing(const struct report *report, size_t row, size_t column);
/* The median against the row's target, in the column's direction; BETTER_NEITHER counts as less. */
enum target_result report_target(const struct report *report, size_t row, size_t column);

/* In tables of at most 100 columns of text: median ± half the spread a cell; "=" behind what does
 * not differ from the column's best, "!" behind a missed target; a legend for the marks that occur,
 * notes, and what the same contender measured twice shows. */
void report_print(const struct report *report, FILE *out);
/* One JSON object with every value that was measured. */
void report_write_json(const struct report *report, FILE *out);
/* One HTML file without any outside request: the table, and a plot per column drawn by gnuplot as
 * inline SVG. A page that cannot be made leaves what stood there. Errors: an exit code with a
 * sentence on stderr, EX_UNAVAILABLE when gnuplot is missing or fails, EX_CANTCREAT when the file
 * cannot be written. */
int report_write_page(const struct report *report, const char *path);

#endif
