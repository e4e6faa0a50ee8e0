/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Medians, quartiles, and whether two series differ. The test asks: if the two contenders were the
 * same, each pair's ratio could as well have come out the other way round. How many of all ways to
 * flip the pairs give a mean as far from zero as the one that was measured?
 */
#include "series.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define ALPHA 0.01
/* Up to here every way to flip is tried, 32768 of them; above it as many as ALPHA needs. */
#define PAIRS_EXACT_MAX 15
#define FLIPS_DRAWN     20000
/* Two sums of the same numbers in another order are still the same. */
#define ROUNDING 1e-9

void series_add(struct series *series, double value)
{
    assert(series->count < SERIES_VALUES_MAX);
    if (series->count < SERIES_VALUES_MAX)
        series->values[series->count++] = value;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* `sorted` holds at least one. Between two neighbours as far as the share lies between them. */
static double quantile(const double *sorted, size_t count, double share)
{
    double place = share * (double)(count - 1);
    size_t below = (size_t)place;

    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct summary series_summary(const struct series *series)
{
    struct summary summary = { .median = NAN, .low = NAN, .high = NAN };
    double sorted[SERIES_VALUES_MAX];

    for (size_t i = 0; i < series->count; i++)
        if (isfinite(series->values[i]))
            sorted[summary.count++] = series->values[i];
    if (summary.count == 0)
        return summary;

    qsort(sorted, summary.count, sizeof(sorted[0]), by_value);
    summary.median = quantile(sorted, summary.count, 0.5);
    summary.low = quantile(sorted, summary.count, summary.count < 5 ? 0 : 0.25);
    summary.high = quantile(sorted, summary.count, summary.count < 5 ? 1 : 0.75);
    return summary;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static bool is_pair(const struct series *a, const struct series *b, size_t round)
{
    return isfinite(a->values[round]) && isfinite(b->values[round]);
}

static size_t rounds_of_both(const struct series *a, const struct series *b)
{
    return a->count < b->count ? a->count : b->count;
}

size_t series_pairs(const struct series *a, const struct series *b)
{
    size_t count = 0;

    for (size_t i = 0; i < rounds_of_both(a, b); i++)
        count += is_pair(a, b, i);
    return count;
}

static bool all_positive(const struct series *a, const struct series *b)
{
    for (size_t i = 0; i < rounds_of_both(a, b); i++)
        if (is_pair(a, b, i) && (a->values[i] <= 0 || b->values[i] <= 0))
            return false;
    return true;
}

static double median_of(const double *values, size_t count)
{
    struct series series = { .count = count };

    for (size_t i = 0; i < count; i++)
        series.values[i] = values[i];
    return series_summary(&series).median;
}

/* Far apart in the median: by the ratio where there is one, else by the larger of both medians. */
static bool medians_part(const struct series *a, const struct series *b, const double *effects,
                         size_t count, bool are_ratios, double threshold)
{
    double effect = fabs(median_of(effects, count));

    if (are_ratios)
        return effect > log1p(threshold);
    return effect >
           threshold * fmax(fabs(series_summary(a).median), fabs(series_summary(b).median));
}

/* ---- permutations ---------------------------------------------------------------------------- */

static double sum_flipped(const double *effects, size_t count, const uint64_t signs[2])
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += signs[i / 64] >> (i % 64) & 1 ? -effects[i] : effects[i];
    return fabs(sum);
}

static double chance_exact(const double *effects, size_t count, double least)
{
    uint64_t ways = UINT64_C(1) << count, hits = 0;

    for (uint64_t signs = 0; signs < ways; signs++)
        hits += sum_flipped(effects, count, (uint64_t[2]){ signs, 0 }) >= least;
    return (double)hits / (double)ways;
}

/* splitmix64: any good mixer does, what counts is that it says the same every time. */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);

    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

/* What was measured counts as one of the draws, so that chance is never said to be nought. */
static double chance_drawn(const double *effects, size_t count, double least)
{
    uint64_t state = 1;
    unsigned hits = 1;

    for (unsigned i = 0; i < FLIPS_DRAWN; i++) {
        uint64_t low = next_bits(&state), high = next_bits(&state);

        hits += sum_flipped(effects, count, (uint64_t[2]){ low, high }) >= least;
    }
    return (double)hits / (FLIPS_DRAWN + 1);
}

static double chance_of(const double *effects, size_t count)
{
    double measured = sum_flipped(effects, count, (uint64_t[2]){ 0, 0 });
    double least = measured - measured * ROUNDING;

    return count <= PAIRS_EXACT_MAX ? chance_exact(effects, count, least)
                                    : chance_drawn(effects, count, least);
}

bool series_differ(const struct series *a, const struct series *b, double threshold)
{
    bool are_ratios = all_positive(a, b);
    double effects[SERIES_VALUES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < rounds_of_both(a, b); i++)
        if (is_pair(a, b, i))
            effects[count++] =
                are_ratios ? log(a->values[i]) - log(b->values[i]) : a->values[i] - b->values[i];
    if (count < SERIES_PAIRS_MIN)
        return false;
    return medians_part(a, b, effects, count, are_ratios, threshold) &&
           chance_of(effects, count) <= ALPHA;
}
