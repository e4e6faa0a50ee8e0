/* SPDX-License-Identifier: Apache-2.0 */
#include "fairness_table.h"

#include "fairness_bound.h"

#include <math.h>
#include <string.h>

#define NAME_WIDTH 20

static const struct report_column columns[FAIRNESS_COLUMNS_COUNT] = {
    [FAIRNESS_OFFERED] = { "offered_per_s", "offered/s", 0, BETTER_NEITHER },
    [FAIRNESS_SERVED] = { "served_percent", "served %", 1, BETTER_MORE },
    [FAIRNESS_ALONE_P50] = { "alone_p50_us", "alone p50 us", 0, BETTER_NEITHER },
    [FAIRNESS_ALONE_P99] = { "alone_p99_us", "alone p99 us", 0, BETTER_NEITHER },
    [FAIRNESS_ON_P50] = { "budget_on_p50_us", "budget on p50 us", 0, BETTER_NEITHER },
    [FAIRNESS_ON_P99] = { "budget_on_p99_us", "budget on p99 us", 0, BETTER_NEITHER },
    [FAIRNESS_OFF_P50] = { "budget_off_p50_us", "budget off p50 us", 0, BETTER_NEITHER },
    [FAIRNESS_OFF_P99] = { "budget_off_p99_us", "budget off p99 us", 0, BETTER_NEITHER },
    [FAIRNESS_GROWTH] = { "growth_us", "growth of the p50 us", 0, BETTER_NEITHER },
    [FAIRNESS_ALONE_SERVED] = { "alone_served_percent", "alone served %", 1, BETTER_NEITHER },
    [FAIRNESS_OFF_SERVED] = { "budget_off_served_percent", "budget off served %", 1,
                              BETTER_NEITHER },
    [FAIRNESS_GREEDY_ON] = { "greedy_per_s", "greedy requests/s", 0, BETTER_NEITHER },
    [FAIRNESS_GREEDY_OFF] = { "budget_off_greedy_per_s", "budget off greedy requests/s", 0,
                              BETTER_NEITHER },
    [FAIRNESS_BUSY_ON] = { "generator_busy_percent", "generator busy %", 0, BETTER_NEITHER },
    [FAIRNESS_BUSY_OFF] = { "budget_off_generator_busy_percent", "budget off generator busy %", 0,
                            BETTER_NEITHER },
};

void fairness_table_init(struct report *report)
{
    report->title = "Polite clients beside greedy ones";
    report->columns_count = FAIRNESS_COLUMNS_COUNT;
    memcpy(report->columns, columns, sizeof(columns));
    report->same_a = report->same_b = -1;
}

struct report_row *fairness_table_add_row(struct report *report, const char *model, size_t greedy,
                                          double bound_us)
{
    struct report_row *row = &report->rows[report->rows_count++];

    snprintf(row->name, sizeof(row->name), "%.32s, %zu greedy", model, greedy);
    for (size_t i = 0; i < FAIRNESS_COLUMNS_COUNT; i++)
        row->targets[i] = (double)NAN;
    row->targets[FAIRNESS_SERVED] = FAIRNESS_SERVED_PERCENT_MIN;
    row->targets[FAIRNESS_GROWTH] = bound_us;
    return row;
}

static double median_of(const struct report_row *row, enum fairness_column column)
{
    return series_summary(&row->cells[column]).median;
}

bool fairness_table_has_figures(const struct report *report)
{
    for (size_t i = 0; i < report->rows_count; i++)
        if (!isnan(median_of(&report->rows[i], FAIRNESS_ON_P50)))
            return true;
    return false;
}

/* ---- what is wrong with a row ---------------------------------------------------------------- */

static bool was_too_busy(const struct report_row *row)
{
    return median_of(row, FAIRNESS_BUSY_ON) > FAIRNESS_BUSY_PERCENT_MAX ||
           median_of(row, FAIRNESS_BUSY_OFF) > FAIRNESS_BUSY_PERCENT_MAX;
}

/* Then the machine had no room for the polite, with or without the greedy. */
static bool was_short_alone(const struct report_row *row)
{
    return median_of(row, FAIRNESS_ALONE_SERVED) < FAIRNESS_SERVED_PERCENT_MIN;
}

static bool misses(const struct report *report, size_t row, enum fairness_column column)
{
    return report_target(report, row, column) == TARGET_MISSED;
}

/* ---- rows ------------------------------------------------------------------------------------ */

struct cell {
    char text[16];
};

/* Six columns hold it; what is too long for them is given in `millions`, the word for a million of
 * its unit. */
static struct cell print_number(double number, int decimals, const char *millions)
{
    struct cell cell = { "-" };

    if (fabs(number) >= 999999.5)
        snprintf(cell.text, sizeof(cell.text), "%.*f%s", fabs(number) >= 100e6 ? 0 : 1,
                 number / 1e6, millions);
    else if (!isnan(number))
        snprintf(cell.text, sizeof(cell.text), "%.*f", decimals, number);
    return cell;
}

static struct cell print_median(const struct report_row *row, enum fairness_column column)
{
    return print_number(median_of(row, column), columns[column].decimals,
                        column == FAIRNESS_OFFERED ? "M" : "s");
}

static void print_header(FILE *out)
{
    fprintf(out, "%-*s %6s %6s %6s  %13s %13s %13s %14s\n", NAME_WIDTH, "", "", "", "", "alone us",
            "budget on us", "budget off us", "p50 growth us");
    fprintf(out, "%-*s %6s %6s %6s  %6s %6s %6s %6s %6s %6s %6s  %5s\n", NAME_WIDTH, "model",
            "greedy", "req/s", "served", "p50", "p99", "p50", "p99", "p50", "p99", "grows",
            "bound");
}

static void print_row(const struct report *report, size_t index, FILE *out)
{
    const struct report_row *row = &report->rows[index];
    int name_length = (int)strcspn(row->name, ",");
    size_t greedy = 0;
    const char *mark = was_too_busy(row) ? " ~" : was_short_alone(row) ? " ?" : "";

    (void)sscanf(row->name + name_length, ", %zu", &greedy);
    fprintf(out, "%-*.*s", NAME_WIDTH, name_length, row->name);
    if (name_length > NAME_WIDTH)
        fprintf(out, "\n%-*s", NAME_WIDTH, "");
    fprintf(out, " %6zu %6s %6s%1s", greedy, print_median(row, FAIRNESS_OFFERED).text,
            print_median(row, FAIRNESS_SERVED).text,
            misses(report, index, FAIRNESS_SERVED) ? "!" : "");
    for (int column = FAIRNESS_ALONE_P50; column <= FAIRNESS_OFF_P99; column++)
        fprintf(out, " %6s", print_median(row, (enum fairness_column)column).text);
    fprintf(out, " %6s%1s %5s%s\n", print_median(row, FAIRNESS_GROWTH).text,
            misses(report, index, FAIRNESS_GROWTH) ? "!" : "",
            print_number(row->targets[FAIRNESS_GROWTH], 0, "s").text, mark);
}

/* ---- below the rows -------------------------------------------------------------------------- */

static void explain_marks(const struct report *report, FILE *out)
{
    bool has_missed = false, has_busy = false, has_short = false;

    for (size_t i = 0; i < report->rows_count; i++) {
        has_missed |= misses(report, i, FAIRNESS_SERVED) || misses(report, i, FAIRNESS_GROWTH);
        has_busy |= was_too_busy(&report->rows[i]);
        has_short |= was_short_alone(&report->rows[i]) && !was_too_busy(&report->rows[i]);
    }
    if (has_missed)
        fprintf(out, "!  served less than %.0f %%, or the p50 grows by more than its bound.\n",
                FAIRNESS_SERVED_PERCENT_MIN);
    if (has_busy)
        fprintf(out,
                "~  the generator was over %.0f %% busy: part of the waits is its own, so the row "
                "says little.\n",
                FAIRNESS_BUSY_PERCENT_MAX);
    if (has_short)
        fprintf(out,
                "?  alone, too, the polite were served less than %.0f %%: the machine was busy, "
                "so the row\n   says little.\n",
                FAIRNESS_SERVED_PERCENT_MIN);
}

static void print_notes(const struct report *report, FILE *out)
{
    for (size_t i = 0; i < report->rows_count; i++)
        if (report->rows[i].note[0] != '\0')
            fprintf(out, "%s: %s\n", report->rows[i].name, report->rows[i].note);
}

static void count_bounds(const struct report *report, FILE *out)
{
    static const enum fairness_column bounded[] = { FAIRNESS_SERVED, FAIRNESS_GROWTH };
    size_t counts[TARGET_NOT_MEASURED + 1] = { 0 };

    for (size_t i = 0; i < report->rows_count; i++)
        for (size_t j = 0; j < sizeof(bounded) / sizeof(bounded[0]); j++)
            counts[report_target(report, i, bounded[j])]++;
    fprintf(out, "Bounds: %zu met, %zu missed, %zu not measured.\n", counts[TARGET_MET],
            counts[TARGET_MISSED], counts[TARGET_NOT_MEASURED]);
}

void fairness_table_print(const struct report *report, FILE *out)
{
    fprintf(out, "%s\n\n", report->title);
    print_header(out);
    for (size_t i = 0; i < report->rows_count; i++)
        print_row(report, i, out);
    fputs(
        "\n"
        "req/s: what the polite offer, half of what the server gives them alone; served: how many "
        "percent\n"
        "of it beside the greedy, budget on. p50, p99: a polite request's wait, from when it was "
        "due.\n"
        "grows: p50 with the budget on, less alone; bound: 2 x greedy x turn time / threads.\n",
        out);
    explain_marks(report, out);
    print_notes(report, out);
    count_bounds(report, out);
}
