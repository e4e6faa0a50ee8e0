/* SPDX-License-Identifier: Apache-2.0 */
#include "control_rates.h"

#include "clock.h"

static uint64_t per_second(uint64_t amount, int64_t ms)
{
    return amount * 1000 / (uint64_t)(ms > 0 ? ms : 1);
}

static uint64_t grown(const struct pl_rates *rates, enum pl_stat stat)
{
    return rates->now.counters[stat] - rates->before.counters[stat];
}

/* The old look becomes the difference: nobody needs it any more. */
static void take_difference(struct pl_histogram *before, const struct pl_histogram *now)
{
    for (uint32_t i = 0; i < PL_HISTOGRAM_BUCKETS; i++)
        before->counts[i] = now->counts[i] - before->counts[i];
    before->sum = now->sum - before->sum;
}

static void put_percentiles(struct pl_json *json, const char *name,
                            const struct pl_histogram *histogram)
{
    pl_json_put(json, ",\"%s_p50_us\":%llu,\"%s_p99_us\":%llu", name,
                (unsigned long long)pl_histogram_percentile(histogram, 50), name,
                (unsigned long long)pl_histogram_percentile(histogram, 99));
}

static void put_counters(const struct pl_rates *rates, int64_t ms, struct pl_json *json)
{
    pl_json_put_number(json, "requests", grown(rates, PL_STAT_requests));
    pl_json_put_number(json, "requests_per_s", per_second(grown(rates, PL_STAT_requests), ms));
    pl_json_put_number(json, "bytes_received_per_s",
                       per_second(grown(rates, PL_STAT_bytes_received), ms));
    pl_json_put_number(json, "bytes_sent_per_s", per_second(grown(rates, PL_STAT_bytes_sent), ms));
    pl_json_put_number(json, "accepts_per_s", per_second(grown(rates, PL_STAT_accepts), ms));
    pl_json_put_number(
        json, "handovers_per_s",
        per_second(grown(rates, PL_STAT_promotions) + grown(rates, PL_STAT_queued), ms));
}

void pl_rates_put(struct pl_rates *rates, struct pl_server *server, int64_t since_ms,
                  struct pl_json *json)
{
    int64_t now_ms = pl_clock_ms();
    int64_t ms = now_ms - (rates->looked_ms != 0 ? rates->looked_ms : since_ms);
    struct pl_histogram *turns = &rates->before.histograms[PL_HISTOGRAM_turn_us];
    struct pl_histogram *waits = &rates->before.histograms[PL_HISTOGRAM_queue_wait_us];

    pl_server_stats(server, &rates->now);
    pl_json_put_number(json, "over_ms", (uint64_t)(ms > 0 ? ms : 0));
    put_counters(rates, ms, json);
    take_difference(turns, &rates->now.histograms[PL_HISTOGRAM_turn_us]);
    take_difference(waits, &rates->now.histograms[PL_HISTOGRAM_queue_wait_us]);
    put_percentiles(json, "turn", turns);
    put_percentiles(json, "wait", waits);
    pl_json_put_number(json, "queue_depth", rates->now.queue_depth);
    pl_json_put_number(json, "connections", rates->now.conns_open);
    rates->before = rates->now;
    rates->looked_ms = now_ms;
}
