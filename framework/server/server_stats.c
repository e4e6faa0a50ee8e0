/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a whole server: its engines, its pools, its upstreams. */
#include "server_internal.h"

#include "alloc.h"
#include "log_files.h"
#include "stats_block.h"

#include <errno.h>
#include <string.h>

void pl_server_stats(struct pl_server *server, struct pl_stats *ret_stats)
{
    size_t bytes, high;

    memset(ret_stats, 0, sizeof(*ret_stats));
    ret_stats->accepts_per_thread_min = UINT64_MAX;
    for (size_t i = 0; i < server->engines_count; i++)
        pl_engine_stats(&server->engines[i], ret_stats);
    ret_stats->counters[PL_STAT_posts_stale] += atomic_load(&server->table.posts_stale);
    ret_stats->counters[PL_STAT_stalls] += atomic_load(&server->watchdog.stalls);
    for (size_t i = 0; i < server->upstreams_count; i++)
        pl_stats_merge(ret_stats, server->upstreams[i].strangers.stats);
    if (ret_stats->accepts_per_thread_min == UINT64_MAX)
        ret_stats->accepts_per_thread_min = 0;
    pl_buffer_pool_figures(&server->pool, &bytes, &high);
    ret_stats->buffer_bytes = bytes;
    ret_stats->buffer_bytes_high = high;
    ret_stats->buffer_bytes_max = pl_buffer_pool_max(&server->pool);
    ret_stats->log_dropped = pl_log_dropped();
    ret_stats->log_files_dropped = pl_log_files_dropped();
}

static void put_upstreams(struct pl_server *server, struct pl_json *json,
                          struct pl_upstream_stats *stats)
{
    for (size_t i = 0; i < server->upstreams_count; i++) {
        int length;

        pl_json_put(json, "%s", i == 0 ? "" : ",");
        pl_upstream_stats(&server->upstreams[i], stats);
        length = pl_upstream_stats_to_json(stats, json->text + json->used, json->size - json->used);
        if (length < 0)
            json->is_full = true;
        else
            json->used += (size_t)length;
    }
}

int pl_server_stats_to_json(struct pl_server *server, char *text, size_t size)
{
    struct pl_stats *stats = pl_alloc(sizeof(*stats));
    struct pl_upstream_stats *upstream_stats = pl_alloc(sizeof(*upstream_stats));
    struct pl_json json = { .text = text, .size = size };
    int length = -ENOMEM;

    if (stats == NULL || upstream_stats == NULL)
        goto free_stats;
    pl_server_stats(server, stats);
    length = pl_stats_to_json(stats, text, size);
    if (length < 0)
        goto free_stats;
    json.used = (size_t)length - 1; /* the closing brace comes last */
    pl_json_put(&json, ",\"upstreams\":[");
    put_upstreams(server, &json, upstream_stats);
    pl_json_put(&json, "]}");
    length = json.is_full ? -ENOSPC : (int)json.used;

free_stats:
    pl_free(upstream_stats);
    pl_free(stats);
    return length;
}
