/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event says. Roles change far faster than anybody can be told, so they are sampled, and an
 * event brings the samples since the last one: a string of letters for each thread, L leader or
 * waiting for events, P processing, F follower or idle, '-' not there: not yet, or
 * no more.
 */
#include "admin_internal.h"

#include "json_text.h"

#include <paceline/conn.h>

#include <string.h>

/* An event is bounded by 16 KiB; what stands behind the lanes needs this much. */
#define EVENT_TAIL_BYTES 64

static const char role_letters[PL_ROLES_COUNT] = {
    [PL_ROLE_FOLLOWER] = 'F', [PL_ROLE_LEADER] = 'L', [PL_ROLE_PROCESSING] = 'P'
};

/* ---- samples ----------------------------------------------------------------------------------
 */

static bool is_lane_of(const struct pl_admin_lane *lane, const struct pl_thread_view *view)
{
    return lane->view.is_old == view->is_old && strcmp(lane->view.name, view->name) == 0 &&
           strcmp(lane->view.engine, view->engine) == 0;
}

/* `guess`: where it most likely stands; threads come in the same order each time. */
static struct pl_admin_lane *find_lane(struct pl_admin_sight *sight,
                                       const struct pl_thread_view *view, size_t guess)
{
    struct pl_admin_lane *lane;

    if (guess < sight->lanes_count && is_lane_of(&sight->lanes[guess], view))
        return &sight->lanes[guess];
    for (uint32_t i = 0; i < sight->lanes_count; i++)
        if (is_lane_of(&sight->lanes[i], view))
            return &sight->lanes[i];
    if (sight->lanes_count == PL_ADMIN_LANES_MAX)
        return NULL;
    lane = &sight->lanes[sight->lanes_count++];
    memset(lane, 0, sizeof(*lane));
    return lane;
}

/* It was not there in the samples so far. */
static void pad_lane(struct pl_admin_lane *lane, uint32_t samples_count)
{
    while (lane->roles_count < samples_count)
        lane->roles[lane->roles_count++] = '-';
}

void pl_admin_sight_sample(struct pl_admin_http *http)
{
    struct pl_admin_sight *sight = &http->sight;
    size_t count;

    if (sight->samples_count == sizeof(sight->lanes[0].roles))
        return;
    sight->threads_count = pl_server_threads(http->watched, sight->views, PL_ADMIN_LANES_MAX);
    count = sight->threads_count < PL_ADMIN_LANES_MAX ? sight->threads_count : PL_ADMIN_LANES_MAX;
    for (uint32_t i = 0; i < sight->lanes_count; i++)
        sight->lanes[i].is_seen = false;
    for (size_t i = 0; i < count; i++) {
        struct pl_admin_lane *lane = find_lane(sight, &sight->views[i], i);

        if (lane == NULL || lane->is_seen || (uint32_t)sight->views[i].role >= PL_ROLES_COUNT)
            continue;
        pad_lane(lane, sight->samples_count);
        lane->view = sight->views[i];
        lane->is_seen = true;
        lane->roles[lane->roles_count++] = role_letters[lane->view.role];
    }
    sight->samples_count++;
}

void pl_admin_sight_begin(struct pl_admin_http *http)
{
    struct pl_admin_sight *sight = &http->sight;

    sight->lanes_count = 0;
    sight->samples_count = 0;
    sight->before_ns = pl_conn_look_ns();
    pl_server_stats(http->watched, &sight->before);
}

bool pl_admin_sight_is_due(const struct pl_admin_http *http)
{
    return pl_conn_look_ns() - http->sight.before_ns >= (int64_t)PL_ADMIN_EVENT_MS * 1000000;
}

/* Threads that have gone lose their lane; the others begin a new string. */
static void forget_samples(struct pl_admin_sight *sight)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < sight->lanes_count; i++) {
        if (!sight->lanes[i].is_seen)
            continue;
        if (kept != i)
            sight->lanes[kept] = sight->lanes[i];
        sight->lanes[kept++].roles_count = 0;
    }
    sight->lanes_count = kept;
    sight->samples_count = 0;
}

/* ---- the event --------------------------------------------------------------------------------
 */

static void put_models(struct pl_json *json)
{
    pl_json_put(json, ",\"models\":[");
    for (size_t i = 0; pl_models[i] != NULL; i++) {
        pl_json_put(json, "%s", i == 0 ? "" : ",");
        pl_json_put_text(json, pl_models[i]->name);
    }
    pl_json_put(json, "]");
}

static size_t put_engines(struct pl_json *json, struct pl_admin_http *http)
{
    struct pl_engine_view *engines = http->sight.engines;
    size_t count = 0;

    while (count < PL_ADMIN_ENGINES_MAX &&
           pl_server_view_engine(http->watched, count, &engines[count]))
        count++;
    pl_json_put(json, ",\"engines\":[");
    for (size_t i = 0; i < count; i++) {
        pl_json_put(json, "%s{\"name\":", i == 0 ? "" : ",");
        pl_json_put_text(json, engines[i].name);
        pl_json_put(json, ",\"model\":");
        pl_json_put_text(json, engines[i].model);
        pl_json_put_number(json, "threads", engines[i].threads);
        pl_json_put(json, "}");
    }
    pl_json_put(json, "]");
    return count;
}

static uint64_t grown(const struct pl_admin_sight *sight, enum pl_stat stat)
{
    uint64_t now = sight->now.counters[stat], before = sight->before.counters[stat];

    return now > before ? now - before : 0;
}

static void put_rate(struct pl_json *json, const char *name, uint64_t count, int64_t took_ns)
{
    pl_json_put_number(json, name, (uint64_t)((double)count * 1e9 / (double)took_ns));
}

/* Percentiles of what was recorded since the last event. */
static void put_interval(struct pl_json *json, struct pl_admin_sight *sight, const char *name,
                         enum pl_stats_histogram_name histogram)
{
    const struct pl_histogram *now = &sight->now.histograms[histogram],
                              *before = &sight->before.histograms[histogram];

    for (uint32_t i = 0; i < PL_HISTOGRAM_BUCKETS; i++)
        sight->interval.counts[i] =
            now->counts[i] > before->counts[i] ? now->counts[i] - before->counts[i] : 0;
    pl_json_put(json, ",\"%s\":{\"p50\":%llu,\"p99\":%llu}", name,
                (unsigned long long)pl_histogram_percentile(&sight->interval, 50),
                (unsigned long long)pl_histogram_percentile(&sight->interval, 99));
}

static void put_figures(struct pl_json *json, struct pl_admin_http *http)
{
    struct pl_admin_sight *sight = &http->sight;
    int64_t now_ns = pl_conn_look_ns(), took_ns = now_ns - sight->before_ns;

    pl_server_stats(http->watched, &sight->now);
    if (took_ns <= 0)
        took_ns = 1;
    put_rate(json, "requests_per_s", grown(sight, PL_STAT_requests), took_ns);
    put_rate(json, "hand_overs_per_s",
             grown(sight, PL_STAT_promotions) + grown(sight, PL_STAT_wakes) +
                 grown(sight, PL_STAT_queued),
             took_ns);
    pl_json_put_number(json, "connections", sight->now.conns_open);
    pl_json_put_number(json, "queue_depth", sight->now.queue_depth);
    put_interval(json, sight, "turn_us", PL_HISTOGRAM_turn_us);
    put_interval(json, sight, "queue_wait_us", PL_HISTOGRAM_queue_wait_us);
    sight->before = sight->now;
    sight->before_ns = now_ns;
}

static void put_lane(struct pl_json *json, struct pl_admin_lane *lane,
                     const struct pl_engine_view *engines, size_t engines_count)
{
    size_t engine = 0;

    while (engine < engines_count && strcmp(engines[engine].name, lane->view.engine) != 0)
        engine++;
    pl_json_put(json, "{\"engine\":%zu,\"name\":", engine);
    pl_json_put_text(json, lane->view.name);
    pl_json_put(json, ",\"roles\":\"%.*s\"", (int)lane->roles_count, lane->roles);
    pl_json_put_number(json, "role_us",
                       (uint64_t)(lane->view.role_us > 0 ? lane->view.role_us : 0));
    if (lane->view.is_old)
        pl_json_put(json, ",\"is_old\":true");
    if (lane->view.handler[0] != '\0') {
        pl_json_put(json, ",\"handler\":");
        pl_json_put_text(json, lane->view.handler);
    }
    pl_json_put(json, "}");
}

/* As many lanes as there is room for. */
static void put_lanes(struct pl_json *json, struct pl_admin_sight *sight, size_t engines_count)
{
    size_t whole_size = json->size;

    pl_json_put(json, ",\"lanes\":[");
    json->size -= EVENT_TAIL_BYTES;
    for (uint32_t i = 0; i < sight->lanes_count; i++) {
        size_t used = json->used;

        pad_lane(&sight->lanes[i], sight->samples_count); /* of one that has gone */
        pl_json_put(json, "%s", i == 0 ? "" : ",");
        put_lane(json, &sight->lanes[i], sight->engines, engines_count);
        if (json->is_full) {
            json->is_full = false;
            json->used = used;
            break;
        }
    }
    json->size = whole_size;
    pl_json_put(json, "]}");
}

void pl_admin_sight_write(struct pl_admin_http *http, struct pl_json *json)
{
    struct pl_admin_sight *sight = &http->sight;
    size_t engines_count;

    pl_json_put(json, "{\"sample_ms\":%d", PL_ADMIN_SAMPLE_MS);
    pl_json_put_number(json, "samples", sight->samples_count);
    pl_json_put_number(json, "threads", sight->threads_count);
    pl_json_put(json, ",\"is_ready\":%s",
                atomic_load(&http->watched->is_serving) ? "true" : "false");
    put_models(json);
    engines_count = put_engines(json, http);
    put_figures(json, http);
    put_lanes(json, sight, engines_count);
    forget_samples(sight);
}
