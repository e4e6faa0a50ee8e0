/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"

static size_t bucket_of(uint64_t value)
{
    const uint64_t steps = 1u << HISTOGRAM_STEP_BITS;
    unsigned shift;
    size_t bucket;

    if (value < steps)
        return (size_t)value;
    shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
    bucket = ((size_t)(shift + 1) << HISTOGRAM_STEP_BITS) + (size_t)((value >> shift) - steps);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t last_of_bucket(size_t bucket)
{
    const uint64_t steps = 1u << HISTOGRAM_STEP_BITS;
    size_t power = bucket >> HISTOGRAM_STEP_BITS;

    if (power == 0)
        return bucket;
    return ((steps + (bucket & (steps - 1)) + 1) << (power - 1)) - 1;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    histogram->count++;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    double wanted = (double)histogram->count * percent / 100;
    uint64_t below = 0;

    if (histogram->count == 0)
        return 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += histogram->counts[i];
        if (below > 0 && (double)below >= wanted) {
            uint64_t last = last_of_bucket(i);

            return last < histogram->max ? last : histogram->max;
        }
    }
    return histogram->max;
}
