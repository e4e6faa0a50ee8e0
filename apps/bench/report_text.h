/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of a report as its three outputs need it: cells, remarks, and strings that someone else
 * named, safe in JSON and in HTML. What is no UTF-8 becomes U+FFFD.
 */
#ifndef BENCH_REPORT_TEXT_H
#define BENCH_REPORT_TEXT_H

#include "report.h"

#define CELL_TEXT_BYTES 64

struct cell_text {
    char median[CELL_TEXT_BYTES]; /* "-" when nothing was measured */
    char spread[CELL_TEXT_BYTES]; /* "±0.12"; empty with fewer than two values */
    char marks[4];                /* "=" or "?" for its standing, "!" for a missed target */
};

struct cell_text report_cell(const struct report *report, size_t row, size_t column);

typedef void report_say(void *context, const char *sentence);

/* What a reader of the table has to know besides, a sentence each: the marks that occur, targets,
 * rows with a note, rounds that failed, and the same contender measured twice. */
void report_remarks(const struct report *report, report_say *say, void *context);

/* Code points: as wide as a terminal shows them. */
size_t text_width(const char *text);
/* With its quotes. */
void text_write_json(const char *text, FILE *out);
void text_write_html(const char *text, FILE *out);

#endif
