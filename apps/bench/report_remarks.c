/* SPDX-License-Identifier: Apache-2.0 */
/* Cells as text, and the sentences below a table. */
#include "report_text.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define SENTENCE_BYTES 1024

struct speaker {
    report_say *say;
    void *context;
};

__attribute__((format(printf, 2, 3))) static void say(struct speaker *speaker, const char *format,
                                                      ...)
{
    char sentence[SENTENCE_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    speaker->say(speaker->context, sentence);
}

struct cell_text report_cell(const struct report *report, size_t row, size_t column)
{
    struct summary summary = series_summary(&report->rows[row].cells[column]);
    enum standing standing = report_standing(report, row, column);
    int decimals = report->columns[column].decimals;
    struct cell_text text = { .median = "-" };

    if (summary.count > 0)
        snprintf(text.median, sizeof(text.median), "%.*f", decimals, summary.median);
    if (summary.count > 1)
        snprintf(text.spread, sizeof(text.spread), "±%.*f", decimals,
                 (summary.high - summary.low) / 2);
    snprintf(text.marks, sizeof(text.marks), "%s%s",
             standing == STANDING_SAME      ? "="
             : standing == STANDING_UNKNOWN ? "?"
                                            : "",
             report_target(report, row, column) == TARGET_MISSED ? "!" : "");
    return text;
}

/* ---- marks ----------------------------------------------------------------------------------- */

static bool occurs(const struct report *report, enum standing standing)
{
    for (size_t row = 0; row < report->rows_count; row++)
        for (size_t column = 0; column < report->columns_count; column++)
            if (report_standing(report, row, column) == standing)
                return true;
    return false;
}

static void explain_marks(const struct report *report, struct speaker *speaker)
{
    say(speaker, "A cell is the median ± half the distance between its quartiles.");
    if (occurs(report, STANDING_SAME))
        say(speaker,
            "=  no difference to the column's best: chance explains it, or it is below %.0f %%.",
            REPORT_THRESHOLD * 100);
    if (occurs(report, STANDING_UNKNOWN))
        say(speaker,
            "?  too few rounds to tell a difference to the column's best from chance: "
            "%d are needed.",
            SERIES_PAIRS_MIN);
}

/* ---- targets --------------------------------------------------------------------------------- */

static void say_target(const struct report *report, size_t row, size_t column,
                       struct speaker *speaker)
{
    const struct report_column *head = &report->columns[column];
    double median = series_summary(&report->rows[row].cells[column]).median;
    const char *bound = head->better == BETTER_MORE ? "at least" : "at most";

    if (isnan(median))
        say(speaker, "Target not measured: %s, %s: %s %.*f.", report->rows[row].name, head->heading,
            bound, head->decimals, report->rows[row].targets[column]);
    else
        say(speaker, "!  Target missed: %s, %s: %.*f, to be %s %.*f.", report->rows[row].name,
            head->heading, head->decimals, median, bound, head->decimals,
            report->rows[row].targets[column]);
}

static void say_targets(const struct report *report, struct speaker *speaker)
{
    size_t counts[TARGET_NOT_MEASURED + 1] = { 0 };

    for (size_t row = 0; row < report->rows_count; row++)
        for (size_t column = 0; column < report->columns_count; column++) {
            enum target_result result = report_target(report, row, column);

            counts[result]++;
            if (result == TARGET_MISSED || result == TARGET_NOT_MEASURED)
                say_target(report, row, column, speaker);
        }
    if (counts[TARGET_MET] + counts[TARGET_MISSED] + counts[TARGET_NOT_MEASURED] > 0)
        say(speaker, "Targets: %zu met, %zu missed, %zu not measured.", counts[TARGET_MET],
            counts[TARGET_MISSED], counts[TARGET_NOT_MEASURED]);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void say_failed_rounds(const struct report *report, size_t row, struct speaker *speaker)
{
    for (size_t column = 0; column < report->columns_count; column++) {
        const struct series *cell = &report->rows[row].cells[column];
        size_t measured = series_summary(cell).count;

        if (measured < cell->count)
            say(speaker, "%s, %s: measured in %zu of %zu rounds.", report->rows[row].name,
                report->columns[column].heading, measured, cell->count);
    }
}

static void say_notes(const struct report *report, struct speaker *speaker)
{
    for (size_t row = 0; row < report->rows_count; row++) {
        if (report->rows[row].note[0] != '\0')
            say(speaker, "%s: %s", report->rows[row].name, report->rows[row].note);
        say_failed_rounds(report, row, speaker);
    }
}

/* ---- the same contender twice ---------------------------------------------------------------- */

static void append_heading(char *list, size_t bytes, const char *heading)
{
    size_t length = strlen(list);

    snprintf(list + length, bytes - length, "%s%s", length > 0 ? ", " : "", heading);
}

static void say_same(const struct report *report, struct speaker *speaker)
{
    const struct report_row *a = &report->rows[report->same_a], *b = &report->rows[report->same_b];
    char differing[SENTENCE_BYTES / 2] = "";
    size_t compared = 0;

    for (size_t column = 0; column < report->columns_count; column++) {
        if (series_pairs(&a->cells[column], &b->cells[column]) < SERIES_PAIRS_MIN)
            continue;
        compared++;
        if (series_differ(&a->cells[column], &b->cells[column], REPORT_THRESHOLD))
            append_heading(differing, sizeof(differing), report->columns[column].heading);
    }
    if (compared == 0)
        say(speaker, "The same contender twice (%s, %s): too few rounds to compare, %d are needed.",
            a->name, b->name, SERIES_PAIRS_MIN);
    else if (differing[0] == '\0')
        say(speaker, "The same contender twice (%s, %s): no difference in any column.", a->name,
            b->name);
    else
        say(speaker,
            "The same contender twice (%s, %s): chance alone made a difference in: %s. "
            "Trust no difference there.",
            a->name, b->name, differing);
}

void report_remarks(const struct report *report, report_say *say_it, void *context)
{
    struct speaker speaker = { .say = say_it, .context = context };

    explain_marks(report, &speaker);
    say_targets(report, &speaker);
    say_notes(report, &speaker);
    if (report->same_a >= 0 && report->same_b >= 0)
        say_same(report, &speaker);
}
