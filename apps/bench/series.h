/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One figure measured several times. A single number lies on a shared machine: what is printed is
 * the median and its spread, and two series are called different only when chance is a poor
 * explanation for it.
 */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#define SERIES_VALUES_MAX 99

struct series {
    double values[SERIES_VALUES_MAX]; /* in the order they were measured; NAN: it failed */
    size_t count;
};

struct summary {
    double median;
    double low, high; /* the quartiles, or the extremes below five values */
    size_t count;     /* values that were measured */
};

void series_add(struct series *series, double value);
/* NAN in all figures when nothing was measured. */
struct summary series_summary(const struct series *series);

/* The n-th of both were measured in the same round. True when they differ by more than chance
 * explains: a two-sided sign-flip permutation test of the paired log ratios at one in a hundred, and
 * by more than `threshold` (0.01: one percent) in the median. Never with fewer than seven pairs. */
bool series_differ(const struct series *a, const struct series *b, double threshold);

#endif
