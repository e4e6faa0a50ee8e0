/* SPDX-License-Identifier: Apache-2.0 */
/* The rounds of one claim, and how its table is described. */
#include "claims.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- describing ------------------------------------------------------------------------------ */

void claim_add_row(struct claim_bench *bench, const char *name)
{
    struct report_row *row = &bench->report.rows[bench->report.rows_count++];

    snprintf(row->name, sizeof(row->name), "%s", name);
    for (size_t i = 0; i < REPORT_COLUMNS_MAX; i++)
        row->targets[i] = NAN;
}

void claim_add_column(struct claim_bench *bench, const char *key, const char *heading, int decimals,
                      enum better better)
{
    bench->report.columns[bench->report.columns_count++] = (struct report_column){
        .key = key, .heading = heading, .decimals = decimals, .better = better
    };
}

void claim_add_column_text(struct claim_bench *bench, const char *key, const char *heading,
                           int decimals, enum better better)
{
    char(*texts)[40] = bench->texts[bench->report.columns_count];

    snprintf(texts[0], sizeof(texts[0]), "%s", key);
    snprintf(texts[1], sizeof(texts[1]), "%s", heading);
    claim_add_column(bench, texts[0], texts[1], decimals, better);
}

/* ---- running --------------------------------------------------------------------------------- */

/* Signals that ask to end are blocked, so none is lost and no cell is cut short by one. */
static bool is_ended(struct claim_plan *plan)
{
    const struct timespec now = { 0 };
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    if (plan->signal == 0) {
        int signal = sigtimedwait(&signals, NULL, &now);

        plan->signal = signal > 0 ? signal : 0;
    }
    return plan->signal != 0;
}

static size_t cells_count(const struct claim_bench *bench)
{
    return bench->conditions_count * bench->report.rows_count;
}

/* A failed cell gets a value too, so that the n-th values of all belong to the same round; what is
 * left out is so in every round, or to the end. */
static void measure_cell(const struct claim *claim, struct claim_bench *bench,
                         struct claim_plan *plan, size_t row, size_t condition)
{
    struct report_row *cells = &bench->report.rows[row];
    double figures[REPORT_COLUMNS_MAX];
    int result = CLAIM_LEFT_OUT;

    if (!is_ended(plan))
        result = claim->measure(bench, row, condition, plan->round_s / (double)cells_count(bench),
                                figures);
    if (result < 0) {
        plan->has_failure = true;
        snprintf(cells->note, sizeof(cells->note), "failed: %s", strerror(-result));
    }
    for (size_t i = 0; i < bench->figures_count && result != CLAIM_LEFT_OUT; i++)
        series_add(&cells->cells[condition * bench->figures_count + i],
                   result == CLAIM_MEASURED ? figures[i] : NAN);
}

/* The contenders of a condition follow each other closely; who is first changes each round. */
static void run_round(const struct claim *claim, struct claim_bench *bench, struct claim_plan *plan,
                      size_t round)
{
    size_t rows_count = bench->report.rows_count;

    for (size_t condition = 0; condition < bench->conditions_count; condition++) {
        for (size_t i = 0; i < rows_count; i++) {
            size_t place = round % 2 == 0 ? i : rows_count - 1 - i;

            measure_cell(claim, bench, plan, (place + round / 2) % rows_count, condition);
        }
    }
}

static double others_cpu_s(void)
{
    return claim_machine_cpu_s() - claim_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

int claim_run(const struct claim *claim, struct claim_bench *bench, struct claim_plan *plan)
{
    double begun_s, others_s;
    int err = claim->open(bench);

    if (err < 0)
        return err;
    begun_s = claim_seconds(CLOCK_MONOTONIC);
    others_s = others_cpu_s();
    for (size_t round = 0; round < plan->rounds_count && !is_ended(plan); round++) {
        char what[64];

        snprintf(what, sizeof(what), "%s, round %zu of %zu", claim->name, round + 1,
                 plan->rounds_count);
        progress_step(plan->progress, what);
        run_round(claim, bench, plan, round);
    }
    bench->others_cpus = (others_cpu_s() - others_s) / (claim_seconds(CLOCK_MONOTONIC) - begun_s);
    claim->close(bench);
    return 0;
}
