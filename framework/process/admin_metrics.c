/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics: the statistics in Prometheus' text format 0.0.4, in base units (seconds, bytes). The
 * histograms' buckets are the powers of two of a microsecond, where those of the server are exact.
 */
#include "admin_internal.h"

#include "stats_block.h"

#include <stdio.h>
#include <string.h>

/* 2^0 to 2^25 microseconds: half a minute; whatever takes longer has met a deadline. */
#define BOUNDS_COUNT 26

/* Writes a label's value (backslash, quote and line end escaped). */
static void put_label(struct pl_json *text, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            pl_json_put(text, "\\%c", *value);
        else if (*value == '\n')
            pl_json_put(text, "\\n");
        else
            pl_json_put(text, "%c", *value);
    }
}

/* `what` without its final sentence mark, as the tables have it. */
static void put_head(struct pl_json *text, const char *name, const char *type, const char *what)
{
    pl_json_put(text, "# HELP paceline_%s %c%s.\n# TYPE paceline_%s %s\n", name,
                what[0] >= 'a' && what[0] <= 'z' ? what[0] - 'a' + 'A' : what[0], what + 1, name,
                type);
}

static void put_gauge(struct pl_json *text, const char *name, const char *what, uint64_t value)
{
    put_head(text, name, "gauge", what);
    pl_json_put(text, "paceline_%s %llu\n", name, (unsigned long long)value);
}

static void put_counter(struct pl_json *text, const char *name, const char *what, uint64_t value)
{
    put_head(text, name, "counter", what);
    pl_json_put(text, "paceline_%s %llu\n", name, (unsigned long long)value);
}

/* One series of a histogram of microseconds; `label` is `name="value",` or nothing. */
static void put_histogram(struct pl_json *text, const char *name, const char *upstream,
                          const struct pl_histogram *histogram)
{
    uint64_t count = pl_histogram_count_below(histogram, UINT64_MAX) +
                     histogram->counts[PL_HISTOGRAM_BUCKETS - 1];

    for (uint32_t power = 0; power <= BOUNDS_COUNT; power++) {
        bool is_last = power == BOUNDS_COUNT;

        pl_json_put(text, "paceline_%s_bucket{", name);
        if (upstream != NULL) {
            pl_json_put(text, "upstream=\"");
            put_label(text, upstream);
            pl_json_put(text, "\",");
        }
        if (is_last)
            pl_json_put(text, "le=\"+Inf\"} %llu\n", (unsigned long long)count);
        else
            pl_json_put(text, "le=\"%.9g\"} %llu\n", (double)(1ull << power) / 1e6,
                        (unsigned long long)pl_histogram_count_below(histogram, 1ull << power));
    }
    for (int i = 0; i < 2; i++) {
        pl_json_put(text, "paceline_%s_%s", name, i == 0 ? "sum" : "count");
        if (upstream != NULL) {
            pl_json_put(text, "{upstream=\"");
            put_label(text, upstream);
            pl_json_put(text, "\"}");
        }
        if (i == 0)
            pl_json_put(text, " %.6f\n", (double)histogram->sum / 1e6);
        else
            pl_json_put(text, " %llu\n", (unsigned long long)count);
    }
}

/* ---- the server -------------------------------------------------------------------------------
 */

static void put_counters(struct pl_json *text, const struct pl_stats *stats)
{
    static const char *const whats[] = {
#define X(name, what) what,
        PL_STATS_COUNTERS(X)
#undef X
    };
    char name[64];

    for (size_t i = 0; i < PL_STATS_COUNT; i++) {
        snprintf(name, sizeof(name), "%s_total", pl_stats_counter_name((enum pl_stat)i));
        put_counter(text, name, whats[i], stats->counters[i]);
    }
    put_counter(text, "log_lines_dropped_total", "lines of the log that found no room",
                stats->log_dropped);
    put_counter(text, "log_file_lines_dropped_total", "lines of log files that found no room",
                stats->log_files_dropped);
}

static void put_gauges(struct pl_json *text, const struct pl_stats *stats)
{
    static const char *const roles[] = { [PL_ROLE_FOLLOWER] = "follower",
                                         [PL_ROLE_LEADER] = "leader",
                                         [PL_ROLE_PROCESSING] = "processing" };

    put_gauge(text, "connections", "connections that are open", stats->conns_open);
    put_gauge(text, "queue_depth", "held connections that wait for a thread", stats->queue_depth);
    put_gauge(text, "buffer_bytes", "bytes taken from the memory pool", stats->buffer_bytes);
    put_gauge(text, "buffer_high_bytes", "the most that was ever taken from the memory pool",
              stats->buffer_bytes_high);
    put_gauge(text, "buffer_limit_bytes", "limits.buffers", stats->buffer_bytes_max);
    put_gauge(text, "accepts_per_thread_min", "accepts of the thread that accepted fewest",
              stats->accepts_per_thread_min);
    put_gauge(text, "accepts_per_thread_max", "accepts of the thread that accepted most",
              stats->accepts_per_thread_max);
    put_head(
        text, "threads", "gauge",
        "threads by what they do: leader (waits for events), processing, follower (stands by)");
    for (size_t i = 0; i < PL_ROLES_COUNT; i++)
        pl_json_put(text, "paceline_threads{role=\"%s\"} %u\n", roles[i], stats->threads[i]);
}

static void put_histograms(struct pl_json *text, const struct pl_stats *stats)
{
    put_head(text, "turn_seconds", "histogram", "time one turn took");
    put_histogram(text, "turn_seconds", NULL, &stats->histograms[PL_HISTOGRAM_turn_us]);
    put_head(text, "queue_wait_seconds", "histogram", "time a held connection waited for a worker");
    put_histogram(text, "queue_wait_seconds", NULL, &stats->histograms[PL_HISTOGRAM_queue_wait_us]);
}

_Static_assert(PL_HISTOGRAMS_COUNT == 2, "put_histograms() names each");

static void put_engines(struct pl_json *text, struct pl_admin_http *http)
{
    struct pl_engine_view engine;

    put_head(text, "engine_info", "gauge", "the concurrency model of each engine; always 1");
    for (size_t i = 0; pl_server_view_engine(http->watched, i, &engine); i++) {
        pl_json_put(text, "paceline_engine_info{engine=\"");
        put_label(text, engine.name);
        pl_json_put(text, "\",model=\"%s\"} 1\n", engine.model);
    }
}

/* ---- its upstreams ----------------------------------------------------------------------------
 */

/* One figure of every upstream: `at` is where it stands in pl_upstream_stats. */
struct upstream_figure {
    const char *name, *type, *what;
    bool is_wide; /* uint64_t, else uint32_t */
    size_t at;
};

static const struct upstream_figure upstream_figures[] = {
#define AT(field) offsetof(struct pl_upstream_stats, field)
#define X(name, what)                                                                              \
    { "upstream_" #name "_total", "counter", what, true,                                           \
      AT(counters) + PL_UPSTREAM_COUNT_##name * sizeof(uint64_t) },
    PL_UPSTREAM_COUNTERS(X)
#undef X
        { "upstream_connections_open", "gauge", "connections that are open", false, AT(open) },
    { "upstream_connections_idle", "gauge", "connections that wait in the pool", false, AT(idle) },
    { "upstream_connections_leased", "gauge", "connections in an exchange", false, AT(leased) },
    { "upstream_waiting", "gauge", "exchanges that wait for a connection", false, AT(waiting) },
    { "upstream_servers_ejected", "gauge", "servers out of the choice", false, AT(ejected) },
#undef AT
};

static uint64_t figure_of(const struct upstream_figure *figure,
                          const struct pl_upstream_stats *stats)
{
    const char *at = (const char *)stats + figure->at;
    uint64_t wide;
    uint32_t narrow;

    if (figure->is_wide) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return narrow;
}

/* A metric's series stand together, so each figure goes through all upstreams. */
static void put_upstreams(struct pl_json *text, struct pl_admin_http *http)
{
    struct pl_upstream_stats *all = http->upstream_stats;
    size_t count = http->watched->upstreams_count;

    for (size_t i = 0; i < count; i++)
        pl_upstream_stats(&http->watched->upstreams[i], &all[i]);
    if (count == 0)
        return;
    for (size_t f = 0; f < sizeof(upstream_figures) / sizeof(upstream_figures[0]); f++) {
        const struct upstream_figure *figure = &upstream_figures[f];

        put_head(text, figure->name, figure->type, figure->what);
        for (size_t i = 0; i < count; i++) {
            pl_json_put(text, "paceline_%s{upstream=\"", figure->name);
            put_label(text, all[i].name);
            pl_json_put(text, "\"} %llu\n", (unsigned long long)figure_of(figure, &all[i]));
        }
    }
    put_head(text, "upstream_latency_seconds", "histogram",
             "time from the call or lease to the reply");
    for (size_t i = 0; i < count; i++)
        put_histogram(text, "upstream_latency_seconds", all[i].name, &all[i].latency_us);
}

void pl_admin_metrics(struct pl_http_exchange *exchange, void *context)
{
    struct pl_admin_http *http = context;
    struct pl_json text = { .text = http->text, .size = sizeof(http->text) };

    pl_server_stats(http->watched, &http->stats);
    put_head(&text, "info", "gauge", "the version of the server; always 1");
    pl_json_put(&text, "paceline_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
    put_engines(&text, http);
    put_counters(&text, &http->stats);
    put_gauges(&text, &http->stats);
    put_histograms(&text, &http->stats);
    put_upstreams(&text, http);
    if (text.is_full) {
        pl_admin_reply_error(exchange, 500, "the metrics are longer than the room for them");
        return;
    }
    pl_admin_add_fields(exchange);
    pl_http_reply(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", text.text, text.used);
}
