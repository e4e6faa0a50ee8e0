/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an upstream and its figures; see upstream.h for the picture. */
#include "upstream.h"

#include "alloc.h"
#include "assert.h"
#include "clock.h"
#include "stats_block.h"

#include <paceline/log.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* No deadline of a pl_service is used: each phase of an upstream connection has its own. */
#define NEVER_DUE_MS (365 * 86400000ll)

/* ---- names -------------------------------------------------------------------------------------
 */

static void on_resolved(const struct pl_address *addresses, uint32_t count, const char *error,
                        void *context, uint32_t number)
{
    struct pl_upstream *upstream = context;
    struct pl_upstream_server *server = &upstream->servers[number];
    bool was_unresolvable;

    pthread_mutex_lock(&upstream->lock);
    was_unresolvable = server->is_unresolvable;
    server->is_unresolvable = count == 0;
    /* Addresses that were good stay until there are better ones. */
    if (count > 0) {
        memcpy(server->addresses, addresses, count * sizeof(*addresses));
        server->addresses_count = count;
    }
    upstream->has_new_addresses = true;
    pthread_mutex_unlock(&upstream->lock);
    if (count == 0 && !was_unresolvable)
        PL_LOG(PL_LOG_WARNING, "upstream %s: %s cannot be resolved: %s; asked for again and again",
               upstream->settings->name, server->text, error);
    if (count > 0 && was_unresolvable)
        PL_LOG(PL_LOG_INFO, "upstream %s: %s is resolved again", upstream->settings->name,
               server->text);
    /* The rest is done on its turn: this thread holds the resolver's lock. */
    pl_upstream_keeper_hasten(upstream, pl_clock_ms());
}

static int add_name(struct pl_upstream *upstream, const char *text, uint32_t number)
{
    if (upstream->resolver == NULL)
        upstream->resolver =
            pl_resolver_new(upstream->settings->refresh_us / 1000, on_resolved, upstream);
    return upstream->resolver == NULL ? -ENOMEM : pl_resolver_add(upstream->resolver, text, number);
}

static int add_server(struct pl_upstream *upstream, const char *text, struct pl_error *error)
{
    struct pl_upstream_server *server = &upstream->servers[upstream->servers_count];
    int err = 0;

    server->text = text;
    if (pl_resolver_is_name(text)) {
        err = add_name(upstream, text, upstream->servers_count);
        if (err < 0)
            return pl_error_set(error, EX_OSERR, err, "upstream %s: no memory to resolve %s",
                                upstream->settings->name, text);
    } else {
        err = pl_address_parse(text, &server->addresses[0], error);
    }
    if (err < 0)
        return err;
    server->addresses_count = pl_resolver_is_name(text) ? 0 : 1;
    upstream->servers_count++;
    return 0;
}

static int add_servers(struct pl_upstream *upstream, struct pl_error *error)
{
    char *const *texts = upstream->settings->servers.items;
    int err = 0;

    for (uint32_t i = 0; i < upstream->settings->servers.count && err == 0; i++)
        err = add_server(upstream, texts[i], error);
    return err;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static int make_records(struct pl_upstream *upstream)
{
    const struct pl_upstream_pool_settings *pool = &upstream->settings->pool;
    /* One for each place in line, and two for each connection: whoever ends an exchange passes its
     * connection on first. */
    uint32_t calls = 2 * pool->max + pool->max_waiters;
    uint32_t lists = PL_UPSTREAM_LISTS * upstream->servers_count;

    upstream->conns = pl_alloc(pool->max * sizeof(*upstream->conns));
    upstream->calls_count = calls;
    upstream->calls = pl_alloc(calls * sizeof(*upstream->calls));
    upstream->idle = pl_alloc(lists * sizeof(*upstream->idle));
    upstream->strangers.stats = pl_alloc(sizeof(*upstream->strangers.stats));
    if (upstream->conns == NULL || upstream->calls == NULL || upstream->idle == NULL ||
        upstream->strangers.stats == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < pool->max; i++) {
        upstream->conns[i].upstream = upstream;
        pl_list_append(&upstream->free_conns, &upstream->conns[i].link);
    }
    for (uint32_t i = 0; i < calls; i++) {
        upstream->calls[i].upstream = upstream;
        upstream->calls[i].index = i;
        pl_list_append(&upstream->free_calls, &upstream->calls[i].waiter.link);
    }
    for (uint32_t i = 0; i < lists; i++)
        pl_list_init(&upstream->idle[i]);
    return 0;
}

int pl_upstream_open(struct pl_upstream *upstream, const struct pl_upstream_settings *settings,
                     struct pl_engine *const *engines, struct pl_buffer_pool *buffers,
                     struct pl_error *error)
{
    int err;

    upstream->settings = settings;
    upstream->engines = engines;
    upstream->service =
        (struct pl_service){ .name = settings->name,
                             .protocol = &pl_upstream_protocol,
                             .message_bytes_max = (size_t)settings->message_bytes_max,
                             .header_ms = NEVER_DUE_MS,
                             .body_ms = NEVER_DUE_MS,
                             .idle_ms = NEVER_DUE_MS,
                             .write_ms = NEVER_DUE_MS,
                             .handler_ms = NEVER_DUE_MS };
    upstream->keeper = PL_UPSTREAM_NOWHERE;
    upstream->keeper_due_ms = PL_TIMER_NEVER;
    pthread_mutex_init(&upstream->lock, NULL);
    pthread_mutex_init(&upstream->strangers.lock, NULL);
    pl_list_init(&upstream->free_conns);
    pl_list_init(&upstream->free_calls);
    pl_list_init(&upstream->line);
    pl_list_init(&upstream->ended);
    pthread_cond_init(&upstream->is_empty, NULL);
    err = add_servers(upstream, error);
    if (err == 0) {
        err = make_records(upstream);
        if (err < 0)
            (void)pl_error_set(error, EX_OSERR, err, "upstream %s: no memory", settings->name);
    }
    if (err < 0) {
        pl_upstream_close(upstream);
        return err;
    }
    pl_buffer_cache_init(&upstream->strangers.cache, buffers, upstream->strangers.stats);
    return 0;
}

int pl_upstream_start(struct pl_upstream *upstream, struct pl_error *error)
{
    int err = pl_upstream_keeper_open(upstream);

    if (err == 0 && upstream->resolver != NULL)
        err = pl_resolver_start(upstream->resolver);
    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "upstream %s: cannot be started: errno %d",
                            upstream->settings->name, -err);
    return 0;
}

static struct pl_upstream_call_record *take_waiting_call(struct pl_upstream *upstream)
{
    struct pl_upstream_call_record *record = NULL;
    struct pl_link *link;

    pthread_mutex_lock(&upstream->lock);
    upstream->is_stopped = true;
    while (record == NULL && (link = pl_list_take_first(&upstream->line)) != NULL) {
        struct pl_upstream_waiter *waiter = PL_CONTAINER_OF(link, struct pl_upstream_waiter, link);

        upstream->waiting--;
        if (waiter->is_lessee)
            pthread_cond_signal(&((struct pl_upstream_lessee *)waiter)->is_served);
        else
            record = (struct pl_upstream_call_record *)waiter;
    }
    pthread_mutex_unlock(&upstream->lock);
    return record;
}

void pl_upstream_leave_locked(struct pl_upstream *upstream)
{
    if (--upstream->visitors == 0 && upstream->is_stopped)
        pthread_cond_signal(&upstream->is_empty);
}

void pl_upstream_leave(struct pl_upstream *upstream)
{
    pthread_mutex_lock(&upstream->lock);
    pl_upstream_leave_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
}

static void wait_until_empty(struct pl_upstream *upstream)
{
    pthread_mutex_lock(&upstream->lock);
    while (upstream->visitors > 0)
        pthread_cond_wait(&upstream->is_empty, &upstream->lock);
    pthread_mutex_unlock(&upstream->lock);
}

static struct pl_upstream_call_record *take_ended(struct pl_upstream *upstream)
{
    struct pl_link *link;

    pthread_mutex_lock(&upstream->lock);
    link = pl_list_take_first(&upstream->ended);
    pthread_mutex_unlock(&upstream->lock);
    return (struct pl_upstream_call_record *)(void *)link;
}

void pl_upstream_stop(struct pl_upstream *upstream)
{
    struct pl_upstream_call_record *record;

    pl_resolver_free(upstream->resolver);
    upstream->resolver = NULL;
    while ((record = take_waiting_call(upstream)) != NULL)
        pl_upstream_complete(record, PL_UPSTREAM_STOPPED, PL_VIEW(""));
    wait_until_empty(upstream);
    while ((record = take_ended(upstream)) != NULL)
        pl_upstream_complete(record, record->outcome, PL_VIEW(""));
}

static void close_lent(struct pl_upstream *upstream)
{
    for (uint32_t i = 0; upstream->conns != NULL && i < upstream->settings->pool.max; i++)
        if (upstream->conns[i].conn != NULL)
            pl_upstream_conn_drop(&upstream->conns[i]);
}

void pl_upstream_close(struct pl_upstream *upstream)
{
    if (upstream->settings == NULL)
        return;
    pl_resolver_free(upstream->resolver);
    close_lent(upstream);
    if (upstream->strangers.cache.pool != NULL)
        pl_buffer_cache_deinit(&upstream->strangers.cache);
    pl_free(upstream->strangers.stats);
    pl_free(upstream->idle);
    pl_free(upstream->calls);
    pl_free(upstream->conns);
    pthread_cond_destroy(&upstream->is_empty);
    pthread_mutex_destroy(&upstream->strangers.lock);
    pthread_mutex_destroy(&upstream->lock);
    memset(upstream, 0, sizeof(*upstream));
}

/* ---- figures -----------------------------------------------------------------------------------
 */

void pl_upstream_stats(struct pl_upstream *upstream, struct pl_upstream_stats *ret_stats)
{
    pthread_mutex_lock(&upstream->lock);
    ret_stats->name = upstream->settings->name;
    memcpy(ret_stats->counters, upstream->counters, sizeof(ret_stats->counters));
    ret_stats->open = upstream->open;
    ret_stats->idle = upstream->idle_count;
    ret_stats->leased = upstream->open - upstream->idle_count;
    ret_stats->waiting = upstream->waiting;
    ret_stats->ejected = upstream->ejected;
    ret_stats->latency_us = upstream->latency_us;
    pthread_mutex_unlock(&upstream->lock);
}

int pl_upstream_stats_to_json(const struct pl_upstream_stats *stats, char *text, size_t size)
{
    static const char *const names[] = {
#define X(name, what) #name,
        PL_UPSTREAM_COUNTERS(X)
#undef X
    };
    struct pl_json json = { .text = text, .size = size };

    pl_json_put(&json,
                "{\"name\":\"%s\",\"open\":%u,\"idle\":%u,\"leased\":%u,\"waiting\":%u,"
                "\"ejected\":%u",
                stats->name, stats->open, stats->idle, stats->leased, stats->waiting,
                stats->ejected);
    for (size_t i = 0; i < PL_UPSTREAM_COUNTERS_COUNT; i++)
        pl_json_put_number(&json, names[i], stats->counters[i]);
    pl_json_put_histogram(&json, "latency_us", &stats->latency_us);
    pl_json_put(&json, "}");
    return json.is_full ? -ENOSPC : (int)json.used;
}
