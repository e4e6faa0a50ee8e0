/* SPDX-License-Identifier: Apache-2.0 */
/* How long replies took, in nanoseconds: log-linear, every value known within 1.6 percent. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6 /* 64 steps per power of two */
#define HISTOGRAM_POWERS    36
#define HISTOGRAM_BUCKETS   ((size_t)HISTOGRAM_POWERS << HISTOGRAM_STEP_BITS) /* up to 36 minutes */

/* Without pointers: it lives in memory that two processes share. */
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count, max;
};

void histogram_record(struct histogram *histogram, uint64_t value);
/* The upper bound of the bucket below which `percent` of the values lie; 0 without any. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
