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

/* At most SERIES_VALUES_MAX: a caller plans its rounds within that. */
void series_add(struct series *series, double value);
/* NAN in all figures when nothing was measured. */
struct summary series_summary(const struct series *series);

/* With fewer pairs no outcome is as rare as one in a hundred: seven signs alike come up by chance
 * twice in 128. So this is also the least number of rounds a comparison needs. */
#define SERIES_PAIRS_MIN 8

/* Rounds in which both were measured: the n-th of both belong together. */
size_t series_pairs(const struct series *a, const struct series *b);

/* True when they differ by more than chance explains: a two-sided sign-flip permutation test of the
 * paired log ratios at one in a hundred, and by more than `threshold` (0.01: one percent) in the
 * median ratio. Where a value is not positive, differences stand in for ratios. Never with fewer
 * than SERIES_PAIRS_MIN pairs; always the same answer for the same values. */
bool series_differ(const struct series *a, const struct series *b, double threshold);

#endif
