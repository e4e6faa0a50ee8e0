/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's life: settings, open, start, run, drain, stop. What it serves is opened in
 * server_services.c.
 *
 *     open:  settings ─▶ limits ─▶ services ─▶ listeners      no thread yet; a failure undoes all
 *     start: log writer ─▶ engines, each with its model ─▶ the application's start()
 *     stop:  drain ─▶ wait ─▶ threads leave ─▶ the application's stop()
 */
#include "server_internal.h"

#include "alloc.h"
#include "assert.h"
#include "clock.h"
#include "listener.h"
#include "log_rings.h"
#include "log_writer.h"
#include "settings_yaml.h"
#include "stack.h"

#include <paceline/limits.h>
#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

/* ---- settings
 * ------------------------------------------------------------------------------------ */

static bool has_module(const struct pl_server *server, const struct pl_protocol *protocol)
{
    for (size_t i = 0; i < server->modules.count; i++)
        if (server->protocols[i] == protocol)
            return true;
    return false;
}

static void add_module(struct pl_server *server, const struct pl_protocol *protocol)
{
    if (!has_module(server, protocol) && server->modules.count < PL_PROTOCOLS_MAX)
        server->protocols[server->modules.count++] = protocol;
}

void pl_server_collect_modules(struct pl_server *server, const struct pl_app *app)
{
    server->modules.protocols = server->protocols;
    for (size_t i = 0; i < app->bindings_count; i++)
        add_module(server, app->bindings[i].protocol);
    for (size_t i = 0; i < app->protocols_count; i++)
        add_module(server, app->protocols[i]);
    pl_settings_schema_init(&server->schema, &server->modules);
    if (app->settings != NULL)
        pl_settings_schema_add_app(&server->schema, app->name, app->settings);
}

static int add_default_services(const struct pl_server *server, struct pl_settings *settings,
                                struct pl_error *error)
{
    for (size_t i = 0; i < server->modules.count; i++)
        if (pl_settings_add_default_service(&server->schema, settings, (int)i) < 0)
            return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    return 0;
}

/* A reload reads them again, when the caller's are long gone. */
static int keep_sources(struct pl_server *server, const char *config_path, const char *const *sets)
{
    size_t count = 0;

    while (sets != NULL && sets[count] != NULL)
        count++;
    server->source = "built-in defaults";
    if (config_path != NULL) {
        server->config_path = pl_alloc_string(config_path);
        if (server->config_path == NULL)
            return -ENOMEM;
        server->source = server->config_path;
    }
    if (count == 0)
        return 0;
    server->sets = pl_alloc(count * sizeof(*server->sets));
    if (server->sets == NULL)
        return -ENOMEM;
    for (; server->sets_count < count; server->sets_count++) {
        server->sets[server->sets_count] = pl_alloc_string(sets[server->sets_count]);
        if (server->sets[server->sets_count] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static void free_sources(struct pl_server *server)
{
    for (size_t i = 0; i < server->sets_count; i++)
        pl_free(server->sets[i]);
    pl_free(server->sets);
    pl_free(server->config_path);
}

int pl_server_read_again(struct pl_server *server, struct pl_settings *settings,
                         struct pl_error *error)
{
    int err = pl_settings_fill(server->schema.rows, settings);

    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "no memory for the settings");
    err = server->config_path == NULL
              ? add_default_services(server, settings, error)
              : pl_settings_read(&server->schema, server->config_path, settings, error);
    for (size_t i = 0; i < server->sets_count && err == 0; i++)
        err = pl_settings_set(&server->schema, server->sets[i], settings, error);
    return err < 0 ? err : pl_settings_check(settings, &server->schema, server->source, error);
}

int pl_server_read_settings(struct pl_server *server, const char *config_path,
                            const char *const *sets, struct pl_error *error)
{
    if (keep_sources(server, config_path, sets) < 0)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    return pl_server_read_again(server, &server->settings, error);
}

/* ---- life
 * -------------------------------------------------------------------------------------------- */

/* Once: after that the path may belong to a successor. */
static void remove_unix_sockets(struct pl_server *server)
{
    if (server->listeners_removed)
        return;
    for (size_t i = 0; i < server->listeners_count; i++)
        pl_listener_remove(&server->listeners[i].address);
    server->listeners_removed = true;
}

struct pl_server *pl_server_new(const struct pl_app *app)
{
    struct pl_server *server = pl_alloc(sizeof(*server));

    if (server == NULL)
        return NULL;
    memcpy(&server->app, app, app->bytes < sizeof(*app) ? app->bytes : sizeof(*app));
    pthread_mutex_init(&server->control_lock, NULL);
    pl_watchdog_init(&server->watchdog, server);
    pl_server_collect_modules(server, &server->app);
    return server;
}

int pl_server_open_prepared(struct pl_server *server, struct pl_error *error)
{
    int err = pl_buffer_pool_init(&server->pool, (size_t)server->settings.limits.buffers);

    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "the memory pool cannot be opened");
    server->has_pool = true;
    pl_log_configure((enum pl_log_level)server->settings.log.level,
                     (enum pl_log_format)server->settings.log.format);
    pl_conn_quota_init(&server->quota, 0);
    pl_server_set_limits(server);
    err = pl_slot_table_open(&server->table, pl_server_slots_max(server));
    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "the table of connections cannot be opened");
    server->has_table = true;
    err = pl_server_open_services(server, error);
    return err < 0 ? err : pl_server_open_upstreams(server, error);
}

int pl_server_open(const struct pl_app *app, const char *config_path, const char *const *sets,
                   struct pl_server **ret_server, struct pl_error *error)
{
    struct pl_server *server = pl_server_new(app);
    int err;

    if (server == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for a server");
    err = pl_server_read_settings(server, config_path, sets, error);
    if (err == 0)
        err = pl_server_open_prepared(server, error);
    if (err < 0) {
        pl_server_close(server);
        return err;
    }
    *ret_server = server;
    return 0;
}

static void log_listeners(const struct pl_server *server, const char *prefix)
{
    for (size_t i = 0; i < server->listeners_count; i++)
        PL_LOG(PL_LOG_INFO, "%s%s: listening on %s", prefix, server->listeners[i].service->name,
               server->listeners[i].text);
}

/* The first line says it all; those behind it are made to be searched. */
static void log_start(struct pl_server *server)
{
    const struct pl_engine_settings *first = &server->engines[0].settings;
    char listen[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < server->listeners_count && used < sizeof(listen); i++)
        used += (size_t)snprintf(listen + used, sizeof(listen) - used, "%s%s", i > 0 ? "," : "",
                                 server->listeners[i].text);
    PL_LOG(PL_LOG_INFO,
           "%s: model=%s threads=%u listen=%s connections=%u buffers=%lluMiB message=%lluKiB",
           server->app.name, first->model->name, first->model_settings.threads, listen,
           atomic_load(&server->quota.max),
           (unsigned long long)(server->settings.limits.buffers >> 20),
           (unsigned long long)(server->settings.limits.message >> 10));
    for (size_t i = 0; i < server->engines_count; i++) {
        const struct pl_engine_settings *settings = &server->engines[i].settings;

        PL_LOG(PL_LOG_INFO, "engine %s: model=%s threads=%u arming=%s", settings->name,
               settings->model->name, settings->model_settings.threads, settings->arming->name);
    }
    log_listeners(server, "service ");
    PL_LOG(PL_LOG_INFO, "ready");
}

static int start_watchdog(struct pl_server *server, struct pl_error *error)
{
    const struct pl_limits_settings *limits = &server->settings.limits;
    int err;

    if (server->is_inner) /* it serves nobody's handlers but the library's own */
        return 0;
    pl_watchdog_configure(&server->watchdog, limits->stall_us,
                          (enum pl_stall_stack)limits->stall_stack);
    err = pl_watchdog_start(&server->watchdog);
    return err < 0 ? pl_error_set(error, EX_OSERR, err, "the watchdog cannot be started") : 0;
}

int pl_server_start(struct pl_server *server, struct pl_error *error)
{
    int err = pl_log_writer_start();

    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "the log's writer cannot be started");
    /* The control thread must answer signals also when stderr is stuck. Without memory for a ring
     * it writes directly. */
    (void)!pl_log_thread_begin();
    /* Before the threads: they let its signal through. */
    pl_stack_prepare();
    for (size_t i = 0; i < server->engines_count; i++) {
        err = pl_engine_start(&server->engines[i], error);
        if (err < 0)
            goto stop_engines;
    }
    server->is_started = true;
    err = start_watchdog(server, error);
    if (err < 0)
        goto stop_engines;
    err = pl_server_start_upstreams(server, error);
    if (err < 0)
        goto stop_engines;
    if (server->app.start != NULL) {
        err = server->app.start(server, server->app.context);
        if (err < 0) {
            (void)pl_error_set(error, EX_SOFTWARE, err, "%s: its start() returned %d",
                               server->app.name, err);
            goto stop_engines;
        }
    }
    for (size_t i = 0; i < server->listeners_count; i++) {
        err = pl_server_arm_listener(&server->listeners[i], 0, error);
        if (err < 0)
            goto stop_app;
    }
    pl_server_set_limits(server); /* all that the server itself needs is open now */
    pl_server_name_limits(server);
    atomic_store(&server->is_serving, true);
    if (server->is_inner)
        log_listeners(server, "");
    else
        log_start(server);
    return 0;

stop_app:
    if (server->app.stop != NULL)
        server->app.stop(server, server->app.context);
stop_engines:
    pl_watchdog_stop(&server->watchdog);
    pl_log_thread_end();
    for (size_t i = 0; i < server->engines_count; i++)
        (void)pl_engine_stop(&server->engines[i], INT64_MAX);
    pl_server_end_exchanges(server);
    server->is_started = false;
    pl_log_writer_stop();
    return err;
}

static uint64_t conns_open(struct pl_server *server)
{
    return atomic_load(&server->quota.used);
}

/* Waits for the last connection, and says every two seconds how many there are. */
static void wait_until_empty(struct pl_server *server, int64_t deadline_ms)
{
    int64_t say_ms = pl_clock_ms() + 2000;

    while (!pl_engine_is_empty(&server->engines[0]) && !atomic_load(&server->is_hurried)) {
        struct timespec moment = { .tv_nsec = 2000000 };
        int64_t now_ms = pl_clock_ms();

        if (now_ms >= deadline_ms)
            return;
        if (now_ms >= say_ms) {
            say_ms = now_ms + 2000;
            PL_LOG(PL_LOG_INFO, "draining: %llu connections left, at most %lld s more",
                   (unsigned long long)conns_open(server),
                   (long long)((deadline_ms - now_ms + 999) / 1000));
        }
        (void)nanosleep(&moment, NULL);
    }
}

uint32_t pl_server_stop(struct pl_server *server, int64_t drain_ms)
{
    int64_t deadline_ms = pl_clock_ms();
    uint32_t left = 0;

    if (!server->is_started)
        return 0;
    atomic_store(&server->is_serving, false);
    /* No change begins from here on, and the one that is under way ends before. */
    pthread_mutex_lock(&server->control_lock);
    server->is_stopping = true;
    deadline_ms += drain_ms >= 0 ? drain_ms : server->settings.timeouts.drain_us / 1000;
    pthread_mutex_unlock(&server->control_lock);
    atomic_store(&server->drain_end_ms, deadline_ms);
    pl_engine_drain(server->engines_by_number, server->engines_count);
    remove_unix_sockets(server);
    wait_until_empty(server, deadline_ms);
    if (conns_open(server) > 0)
        PL_LOG(PL_LOG_WARNING, "stopping with %llu connections still open",
               (unsigned long long)conns_open(server));
    /* Threads get a moment beyond the drain to leave their turn. */
    for (size_t i = 0; i < server->engines_count; i++)
        left +=
            pl_engine_stop(&server->engines[i],
                           (atomic_load(&server->is_hurried) ? pl_clock_ms() : deadline_ms) + 1000);
    pl_watchdog_stop(&server->watchdog);
    if (left == 0) {
        server->is_started = false;
        pl_server_end_exchanges(server);
        if (server->app.stop != NULL)
            server->app.stop(server, server->app.context);
    }
    pl_server_write_timeline(server);
    pl_log_thread_end();
    if (left == 0)
        pl_log_writer_stop();
    else
        (void)pl_log_drain(); /* the writer goes on: threads that are left behind may log */
    return left;
}

void pl_server_hurry(struct pl_server *server)
{
    atomic_store(&server->is_hurried, true);
}

void pl_server_close(struct pl_server *server)
{
    if (server == NULL)
        return;
    PL_ASSERT(!server->is_started);
    remove_unix_sockets(server);
    pl_server_close_upstreams(server);
    for (size_t i = 0; i < server->engines_count; i++)
        pl_engine_close(&server->engines[i]);
    pl_service_set_close(server);
    for (size_t i = 0; i < server->listeners_count; i++)
        pl_free(server->listeners[i].tokens);
    if (server->has_table) {
        pl_slot_table_close(&server->table);
        pl_conn_quota_deinit(&server->quota);
    }
    if (server->has_pool)
        pl_buffer_pool_deinit(&server->pool);
    pl_settings_free(server->schema.rows,
                     server->first_settings != NULL ? server->first_settings : &server->settings,
                     &server->modules);
    pl_free(server->first_settings);
    free_sources(server);
    pl_watchdog_deinit(&server->watchdog);
    pthread_mutex_destroy(&server->control_lock);
    pl_free(server);
}

/* ---- for the application
 * ------------------------------------------------------------------------------- */

const char *pl_server_address(const struct pl_server *server, size_t index)
{
    /* A reload may be adding and dropping some. */
    struct pl_server *changing = (struct pl_server *)(size_t)server;
    const char *text;

    pthread_mutex_lock(&changing->control_lock);
    text = index < server->listeners_count ? server->listeners[index].text : NULL;
    pthread_mutex_unlock(&changing->control_lock);
    return text;
}

const void *pl_server_app_settings(const struct pl_server *server)
{
    return server->settings.app;
}

static int add_watch(struct pl_server *server, const struct pl_watch_settings *settings,
                     struct pl_event_source *ret_source)
{
    struct pl_engine *engine =
        server->shared_engine != NULL ? server->shared_engine : &server->engines[0];
    struct pl_event_source source = { .engine = engine };
    int err = pl_engine_add_watch(engine, settings, &source.token);

    if (err == 0)
        *ret_source = source;
    return err;
}

int pl_timer_start(struct pl_server *server, int64_t after_ms, int64_t period_ms,
                   pl_timer_callback *callback, void *context, struct pl_event_source *ret_source)
{
    return add_watch(server,
                     &(struct pl_watch_settings){ .on_timer = callback,
                                                  .context = context,
                                                  .after_ms = after_ms,
                                                  .period_ms = period_ms },
                     ret_source);
}

int pl_watch_fd(struct pl_server *server, int fd, uint32_t reasons, pl_fd_callback *callback,
                void *context, struct pl_event_source *ret_source)
{
    return add_watch(
        server,
        &(struct pl_watch_settings){ .on_fd = callback,
                                     .context = context,
                                     .number = fd,
                                     .reasons = reasons & (PL_READABLE | PL_WRITABLE) },
        ret_source);
}

int pl_watch_signal(struct pl_server *server, int signal, pl_signal_callback *callback,
                    void *context, struct pl_event_source *ret_source)
{
    int err;

    if (server->signals == NULL)
        return -EINVAL;
    err = add_watch(
        server,
        &(struct pl_watch_settings){ .on_signal = callback, .context = context, .number = signal },
        ret_source);
    if (err < 0)
        return err;
    err = pl_signals_watch(server->signals, signal, ret_source);
    if (err < 0)
        pl_event_stop(ret_source);
    return err;
}

void pl_event_stop(const struct pl_event_source *source)
{
    pl_engine_claim(source->engine, source->token, PL_SHUTDOWN);
}
