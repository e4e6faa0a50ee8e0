/* SPDX-License-Identifier: Apache-2.0 */
/* A report whose outcome is known. On the heap: with all its values it is too large for a stack. */
#ifndef PLANTED_REPORT_H
#define PLANTED_REPORT_H

#include "report.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDS 9

enum { CPU, RATE, SWITCHES, COLUMNS };
enum { FIRST, AGAIN, SLOW, MISSING, ROWS };

/* ROUNDS values around `centre`, as far apart as one in a thousand. */
static inline void plant(struct series *series, double centre, unsigned phase)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        series_add(series, centre * (1 + ((double)((i * 5 + phase * 2) % ROUNDS) - 4) / 4000));
}

static inline void plant_rows(struct report *report)
{
    static const char *const names[] = { "per_core", "per_core again", "naïve \"queue\" <&\\",
                                         "h2o" };

    for (unsigned row = 0; row < ROWS; row++) {
        snprintf(report->rows[row].name, sizeof(report->rows[row].name), "%s", names[row]);
        for (unsigned column = 0; column < COLUMNS; column++)
            report->rows[row].targets[column] = NAN;
    }
    snprintf(report->rows[MISSING].note, sizeof(report->rows[MISSING].note),
             "not installed (Debian: h2o)");
    for (unsigned row = FIRST; row <= SLOW; row++) {
        plant(&report->rows[row].cells[CPU], row == SLOW ? 9.5 : 4.1, row);
        plant(&report->rows[row].cells[RATE], row == SLOW ? 90000 : 200000, row);
        plant(&report->rows[row].cells[SWITCHES], 1.5, row);
    }
    report->rows[FIRST].targets[CPU] = 4.2;
    report->rows[SLOW].targets[CPU] = 5;
    report->rows[FIRST].targets[RATE] = 150000;
    report->rows[MISSING].targets[RATE] = 100000;
    report->rows[SLOW].cells[SWITCHES].values[3] = NAN;
}

/* NULL without memory; free() ends it. */
static inline struct report *planted_report(void)
{
    struct report *report = calloc(1, sizeof(*report));

    if (report == NULL)
        return NULL;
    *report = (struct report){
        .title = "Echo under every model",
        .method = "Nine rounds.\n\nOn two CPUs\tshared.",
        .columns = { { "cpu_us", "CPU us/req", 2, BETTER_LESS },
                     { "rate", "requests/s, closed loop", 0, BETTER_MORE },
                     { "switches", "switches", 1, BETTER_NEITHER } },
        .columns_count = COLUMNS,
        .rows_count = ROWS,
        .same_a = FIRST,
        .same_b = AGAIN,
    };
    plant_rows(report);
    return report;
}

#endif
