/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `paceline-bench fairness` found, as a report: a row is a model beside so many greedy
 * clients, "reactor+0, 4 greedy". As a table it is at most 100 columns wide.
 */
#ifndef BENCH_FAIRNESS_TABLE_H
#define BENCH_FAIRNESS_TABLE_H

#include "report.h"

enum fairness_column {
    FAIRNESS_OFFERED,
    FAIRNESS_SERVED, /* its target is a lower bound */
    FAIRNESS_ALONE_P50,
    FAIRNESS_ALONE_P99,
    FAIRNESS_ON_P50,
    FAIRNESS_ON_P99,
    FAIRNESS_OFF_P50,
    FAIRNESS_OFF_P99,
    FAIRNESS_GROWTH, /* its target is the bound */
    FAIRNESS_ALONE_SERVED,
    FAIRNESS_OFF_SERVED,
    FAIRNESS_GREEDY_ON,
    FAIRNESS_GREEDY_OFF,
    FAIRNESS_BUSY_ON, /* of the generator: alone or with the budget on, whichever is more */
    FAIRNESS_BUSY_OFF,
    FAIRNESS_COLUMNS_COUNT
};

/* Above it the generator's own delays show. */
#define FAIRNESS_BUSY_PERCENT_MAX 80.0

/* Title and columns; no rows yet. */
void fairness_table_init(struct report *report);
/* One more, with its bounds: `bound_us` NAN is none. */
struct report_row *fairness_table_add_row(struct report *report, const char *model, size_t greedy,
                                          double bound_us);
/* False when no row holds a wait beside greedy clients. */
bool fairness_table_has_figures(const struct report *report);
void fairness_table_print(const struct report *report, FILE *out);

#endif
