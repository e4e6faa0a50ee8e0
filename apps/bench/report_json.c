/* SPDX-License-Identifier: Apache-2.0 */
/* A report as one JSON object (RFC 8259): every value as it was measured, then what follows. */
#include "report_text.h"

#include <math.h>

/* JSON knows neither NaN nor infinities. */
static void write_number(double value, FILE *out)
{
    if (isfinite(value))
        fprintf(out, "%.17g", value);
    else
        fputs("null", out);
}

static void write_key(const char *key, FILE *out)
{
    text_write_json(key, out);
    fputc(':', out);
}

static const char *better_name(enum better better)
{
    switch (better) {
    case BETTER_LESS:
        return "less";
    case BETTER_MORE:
        return "more";
    case BETTER_NEITHER:
        break;
    }
    return "neither";
}

static void write_columns(const struct report *report, FILE *out)
{
    for (size_t i = 0; i < report->columns_count; i++) {
        const struct report_column *column = &report->columns[i];

        fprintf(out, "%s\n  {\"key\":", i > 0 ? "," : "");
        text_write_json(column->key, out);
        fputs(",\"heading\":", out);
        text_write_json(column->heading, out);
        fprintf(out, ",\"better\":\"%s\"}", better_name(column->better));
    }
}

/* null where nothing can be said. */
static const char *differs_from_best(enum standing standing)
{
    switch (standing) {
    case STANDING_WORSE:
        return "true";
    case STANDING_BEST:
    case STANDING_SAME:
        return "false";
    case STANDING_NONE:
    case STANDING_UNKNOWN:
        break;
    }
    return "null";
}

static const char *target_met(enum target_result result)
{
    switch (result) {
    case TARGET_MET:
        return "true";
    case TARGET_MISSED:
        return "false";
    case TARGET_NONE:
    case TARGET_NOT_MEASURED:
        break;
    }
    return "null";
}

static void write_values(const struct series *series, FILE *out)
{
    fputc('[', out);
    for (size_t i = 0; i < series->count; i++) {
        fputs(i > 0 ? "," : "", out);
        write_number(series->values[i], out);
    }
    fputc(']', out);
}

static void write_cell(const struct report *report, size_t row, size_t column, FILE *out)
{
    const struct series *cell = &report->rows[row].cells[column];
    struct summary summary = series_summary(cell);

    fputs("{\"median\":", out), write_number(summary.median, out);
    fputs(",\"low\":", out), write_number(summary.low, out);
    fputs(",\"high\":", out), write_number(summary.high, out);
    fprintf(out, ",\"measured\":%zu,\"values\":", summary.count);
    write_values(cell, out);
    fputs(",\"target\":", out), write_number(report->rows[row].targets[column], out);
    fprintf(out, ",\"target_met\":%s", target_met(report_target(report, row, column)));
    fprintf(out, ",\"is_best\":%s",
            report_standing(report, row, column) == STANDING_BEST ? "true" : "false");
    fprintf(out, ",\"differs_from_best\":%s}",
            differs_from_best(report_standing(report, row, column)));
}

static void write_row(const struct report *report, size_t row, FILE *out)
{
    fputs("{\"name\":", out), text_write_json(report->rows[row].name, out);
    fputs(",\"note\":", out), text_write_json(report->rows[row].note, out);
    fputs(",\"cells\":{", out);
    for (size_t column = 0; column < report->columns_count; column++) {
        fprintf(out, "%s\n    ", column > 0 ? "," : "");
        write_key(report->columns[column].key, out);
        write_cell(report, row, column, out);
    }
    fputs("}}", out);
}

/* Two rows of one contender, and per column whether chance alone made them differ. */
static void write_same(const struct report *report, FILE *out)
{
    const struct report_row *a, *b;

    if (report->same_a < 0 || report->same_b < 0) {
        fputs("null", out);
        return;
    }
    a = &report->rows[report->same_a], b = &report->rows[report->same_b];
    fprintf(out, "{\"rows\":[%d,%d],\"differ\":{", report->same_a, report->same_b);
    for (size_t i = 0; i < report->columns_count; i++) {
        bool is_known = series_pairs(&a->cells[i], &b->cells[i]) >= SERIES_PAIRS_MIN;

        fputs(i > 0 ? "," : "", out);
        write_key(report->columns[i].key, out);
        fputs(!is_known                                                     ? "null"
              : series_differ(&a->cells[i], &b->cells[i], REPORT_THRESHOLD) ? "true"
                                                                            : "false",
              out);
    }
    fputs("}}", out);
}

void report_write_json(const struct report *report, FILE *out)
{
    fputs("{\"title\":", out), text_write_json(report->title, out);
    fputs(",\n \"method\":", out), text_write_json(report->method, out);
    fputs(",\n \"threshold\":", out), write_number(REPORT_THRESHOLD, out);
    fputs(",\n \"columns\":[", out);
    write_columns(report, out);
    fputs("],\n \"rows\":[", out);
    for (size_t row = 0; row < report->rows_count; row++) {
        fprintf(out, "%s\n  ", row > 0 ? "," : "");
        write_row(report, row, out);
    }
    fputs("],\n \"same\":", out);
    write_same(report, out);
    fputs("}\n", out);
}
