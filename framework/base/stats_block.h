/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread's statistics. Written by that thread alone (a plain add between a relaxed load and
 * store), read by any thread; no pointers inside, so a block may one day live in shared memory.
 */
#ifndef PL_BASE_STATS_BLOCK_H
#define PL_BASE_STATS_BLOCK_H

#include <paceline/stats.h>

#include <stdatomic.h>
#include <stdbool.h>

struct pl_stats_block {
    _Atomic uint64_t counters[PL_STATS_COUNT];
    _Atomic uint64_t histograms[PL_HISTOGRAMS_COUNT][PL_HISTOGRAM_BUCKETS];
    _Atomic uint64_t sums[PL_HISTOGRAMS_COUNT];
    _Atomic uint32_t role;         /* enum pl_role; PL_ROLES_COUNT: no thread has the block */
    _Atomic int64_t role_since_ns; /* of pl_clock_ns(); about: the thread's last look at it */
};

static inline void pl_stats_add(struct pl_stats_block *block, enum pl_stat stat, uint64_t amount)
{
    uint64_t old = atomic_load_explicit(&block->counters[stat], memory_order_relaxed);

    atomic_store_explicit(&block->counters[stat], old + amount, memory_order_relaxed);
}

#define PL_COUNT(block, name)         pl_stats_add((block), PL_STAT_##name, 1)
#define PL_COUNT_BY(block, name, by_) pl_stats_add((block), PL_STAT_##name, (uint64_t)(by_))

/* The bucket of a value: exact below 16, then sixteen steps per power of two; the last takes the
 * rest. */
uint32_t pl_histogram_bucket(uint64_t value);
uint64_t pl_histogram_bucket_floor(uint32_t bucket);

void pl_stats_record(struct pl_stats_block *block, enum pl_stats_histogram_name name,
                     uint64_t value);

/* A JSON text of figures, written into memory of the caller; is_full: it did not fit. */
struct pl_json {
    char *text;
    size_t size;
    size_t used;
    bool is_full;
};

void pl_json_put(struct pl_json *json, const char *format, ...) PL_PRINTF(2, 3);
/* `,"name":value` */
void pl_json_put_number(struct pl_json *json, const char *name, uint64_t value);
/* Its count, sum, median, 99th percentile and maximum. */
void pl_json_put_histogram(struct pl_json *json, const char *name,
                           const struct pl_histogram *histogram);

/* Adds the block to `sum`. Thread: any. */
void pl_stats_merge(struct pl_stats *sum, const struct pl_stats_block *block);

#endif
