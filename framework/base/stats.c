/* SPDX-License-Identifier: Apache-2.0 */
#include "stats_block.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static const char *const counter_names[] = {
#define X(name, what) #name,
    PL_STATS_COUNTERS(X)
#undef X
};

static const char *const histogram_names[] = {
#define X(name, what) #name,
    PL_STATS_HISTOGRAMS(X)
#undef X
};

const char *pl_stats_counter_name(enum pl_stat stat)
{
    return counter_names[stat];
}

uint32_t pl_histogram_bucket(uint64_t value)
{
    uint32_t power, bucket;

    if (value < PL_HISTOGRAM_STEPS)
        return (uint32_t)value;
    power = 63 - (uint32_t)__builtin_clzll(value);
    bucket = (power - 3) * PL_HISTOGRAM_STEPS +
             (uint32_t)((value >> (power - 4)) & (PL_HISTOGRAM_STEPS - 1));
    return bucket < PL_HISTOGRAM_BUCKETS ? bucket : PL_HISTOGRAM_BUCKETS - 1;
}

uint64_t pl_histogram_bucket_floor(uint32_t bucket)
{
    uint32_t power;

    if (bucket < PL_HISTOGRAM_STEPS)
        return bucket;
    power = bucket / PL_HISTOGRAM_STEPS + 3;
    return (uint64_t)(PL_HISTOGRAM_STEPS + bucket % PL_HISTOGRAM_STEPS) << (power - 4);
}

void pl_stats_record(struct pl_stats_block *block, enum pl_stats_histogram_name name,
                     uint64_t value)
{
    _Atomic uint64_t *count = &block->histograms[name][pl_histogram_bucket(value)];
    _Atomic uint64_t *sum = &block->sums[name];

    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + value,
                          memory_order_relaxed);
}

void pl_stats_merge(struct pl_stats *sum, const struct pl_stats_block *block)
{
    uint64_t accepts =
        atomic_load_explicit(&block->counters[PL_STAT_accepts], memory_order_relaxed);

    for (size_t i = 0; i < PL_STATS_COUNT; i++)
        sum->counters[i] += atomic_load_explicit(&block->counters[i], memory_order_relaxed);
    for (size_t h = 0; h < PL_HISTOGRAMS_COUNT; h++) {
        for (size_t i = 0; i < PL_HISTOGRAM_BUCKETS; i++)
            sum->histograms[h].counts[i] +=
                atomic_load_explicit(&block->histograms[h][i], memory_order_relaxed);
        sum->histograms[h].sum += atomic_load_explicit(&block->sums[h], memory_order_relaxed);
    }
    if (accepts > sum->accepts_per_thread_max)
        sum->accepts_per_thread_max = accepts;
    if (accepts > 0 && accepts < sum->accepts_per_thread_min)
        sum->accepts_per_thread_min = accepts;
}

uint64_t pl_histogram_percentile(const struct pl_histogram *histogram, double percent)
{
    uint64_t total = 0, seen = 0;
    double wanted;

    for (uint32_t i = 0; i < PL_HISTOGRAM_BUCKETS; i++)
        total += histogram->counts[i];
    wanted = (double)total * percent / 100.0;
    for (uint32_t i = 0; i < PL_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > 0 && (double)seen >= wanted)
            return pl_histogram_bucket_floor(i);
    }
    return 0;
}

uint64_t pl_histogram_count_below(const struct pl_histogram *histogram, uint64_t value)
{
    uint32_t end = pl_histogram_bucket(value);
    uint64_t count = 0;

    for (uint32_t i = 0; i < end; i++)
        count += histogram->counts[i];
    return count;
}

void pl_json_put(struct pl_json *json, const char *format, ...)
{
    va_list args;
    int length;

    if (json->is_full)
        return;
    va_start(args, format);
    length = vsnprintf(json->text + json->used, json->size - json->used, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= json->size - json->used)
        json->is_full = true;
    else
        json->used += (size_t)length;
}

void pl_json_put_number(struct pl_json *json, const char *name, uint64_t value)
{
    pl_json_put(json, ",\"%s\":%llu", name, (unsigned long long)value);
}

void pl_json_put_histogram(struct pl_json *json, const char *name,
                           const struct pl_histogram *histogram)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < PL_HISTOGRAM_BUCKETS; i++)
        count += histogram->counts[i];
    pl_json_put(json,
                ",\"%s\":{\"count\":%llu,\"sum\":%llu,\"p50\":%llu,\"p99\":%llu,\"max\":%llu}",
                name, (unsigned long long)count, (unsigned long long)histogram->sum,
                (unsigned long long)pl_histogram_percentile(histogram, 50),
                (unsigned long long)pl_histogram_percentile(histogram, 99),
                (unsigned long long)pl_histogram_percentile(histogram, 100));
}

int pl_stats_to_json(const struct pl_stats *stats, char *text, size_t size)
{
    struct pl_json json = { .text = text, .size = size };

    pl_json_put(&json, "{\"conns_open\":%llu", (unsigned long long)stats->conns_open);
    pl_json_put_number(&json, "queue_depth", stats->queue_depth);
    pl_json_put_number(&json, "threads_follower", stats->threads[PL_ROLE_FOLLOWER]);
    pl_json_put_number(&json, "threads_leader", stats->threads[PL_ROLE_LEADER]);
    pl_json_put_number(&json, "threads_processing", stats->threads[PL_ROLE_PROCESSING]);
    pl_json_put_number(&json, "accepts_per_thread_min", stats->accepts_per_thread_min);
    pl_json_put_number(&json, "accepts_per_thread_max", stats->accepts_per_thread_max);
    pl_json_put_number(&json, "buffer_bytes", stats->buffer_bytes);
    pl_json_put_number(&json, "buffer_bytes_high", stats->buffer_bytes_high);
    pl_json_put_number(&json, "buffer_bytes_max", stats->buffer_bytes_max);
    pl_json_put_number(&json, "log_dropped", stats->log_dropped);
    pl_json_put_number(&json, "log_files_dropped", stats->log_files_dropped);
    for (size_t i = 0; i < PL_STATS_COUNT; i++)
        pl_json_put_number(&json, counter_names[i], stats->counters[i]);
    for (size_t i = 0; i < PL_HISTOGRAMS_COUNT; i++)
        pl_json_put_histogram(&json, histogram_names[i], &stats->histograms[i]);
    pl_json_put(&json, "}");
    return json.is_full ? -ENOSPC : (int)json.used;
}
