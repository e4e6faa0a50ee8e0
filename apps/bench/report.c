/* SPDX-License-Identifier: Apache-2.0 */
/* What every output of a report has to know of its cells. */
#include "report.h"

#include <math.h>

static double median_at(const struct report *report, size_t row, size_t column)
{
    return series_summary(&report->rows[row].cells[column]).median;
}

static bool is_better(enum better better, double value, double than)
{
    return better == BETTER_MORE ? value > than : value < than;
}

/* The row with the best median; rows_count when nothing was measured. */
static size_t best_row(const struct report *report, size_t column)
{
    size_t best = report->rows_count;

    for (size_t i = 0; i < report->rows_count; i++) {
        double median = median_at(report, i, column);

        if (!isnan(median) &&
            (best == report->rows_count ||
             is_better(report->columns[column].better, median, median_at(report, best, column))))
            best = i;
    }
    return best;
}

enum standing report_standing(const struct report *report, size_t row, size_t column)
{
    const struct series *cell = &report->rows[row].cells[column], *best;
    size_t best_index = best_row(report, column);

    if (report->columns[column].better == BETTER_NEITHER || isnan(median_at(report, row, column)))
        return STANDING_NONE;
    if (best_index == row)
        return STANDING_BEST;
    best = &report->rows[best_index].cells[column];
    if (series_pairs(cell, best) < SERIES_PAIRS_MIN)
        return STANDING_UNKNOWN;
    return series_differ(cell, best, REPORT_THRESHOLD) ? STANDING_WORSE : STANDING_SAME;
}

enum target_result report_target(const struct report *report, size_t row, size_t column)
{
    double target = report->rows[row].targets[column];
    double median = median_at(report, row, column);

    if (isnan(target))
        return TARGET_NONE;
    if (isnan(median))
        return TARGET_NOT_MEASURED;
    if (report->columns[column].better == BETTER_MORE)
        return median >= target ? TARGET_MET : TARGET_MISSED;
    return median <= target ? TARGET_MET : TARGET_MISSED;
}
