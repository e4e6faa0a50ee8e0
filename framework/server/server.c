/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that wires: settings → services, listeners, engines; run, drain, stop.
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
#include "socket.h"

#include <paceline/limits.h>
#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>

/* Descriptors that are no connections: standard streams, sets, wakers, files being sent. */
#define DESCRIPTORS_RESERVED 64

/* Slots beside connections: listeners, timers and watches of the application. */
#define SLOTS_RESERVED 1024

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

static int add_default_services(struct pl_server *server, struct pl_error *error)
{
    for (size_t i = 0; i < server->modules.count; i++)
        if (pl_settings_add_default_service(&server->schema, &server->settings, (int)i) < 0)
            return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    return 0;
}

int pl_server_read_settings(struct pl_server *server, const char *config_path,
                            const char *const *sets, struct pl_error *error)
{
    const char *source = config_path == NULL ? "built-in defaults" : config_path;
    int err = pl_settings_fill(server->schema.rows, &server->settings);

    server->source = source;
    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "no memory for the settings");
    err = config_path == NULL
              ? add_default_services(server, error)
              : pl_settings_read(&server->schema, config_path, &server->settings, error);
    for (size_t i = 0; sets != NULL && sets[i] != NULL && err == 0; i++)
        err = pl_settings_set(&server->schema, sets[i], &server->settings, error);
    return err < 0 ? err : pl_settings_check(&server->settings, &server->schema, source, error);
}

/* ---- limits
 * -------------------------------------------------------------------------------------- */

static uint32_t descriptors_usable(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur > 1000000 ? 1000000 : (uint32_t)limit.rlim_cur;
}

static uint32_t threads_of(const struct pl_dispatch_settings *dispatch)
{
    return dispatch->threads == PL_THREADS_AUTO ? pl_model_threads_auto(pl_models[dispatch->model])
                                                : dispatch->threads;
}

/* A loop has a handle set with two more descriptors, and for each address a listener and its
 * reserve. */
static uint32_t loop_descriptors(const struct pl_server *server)
{
    const struct pl_service_settings *all = server->settings.services.items;
    uint32_t count = 0;

    for (uint32_t i = 0; i < server->settings.services.count; i++) {
        const struct pl_dispatch_settings *dispatch =
            all[i].has_dispatch ? &all[i].dispatch : &server->settings.dispatch;

        if (pl_models[dispatch->model]->has_loops)
            count += threads_of(dispatch) * (3 + 2 * all[i].listen.count);
    }
    return count;
}

static void set_limits(struct pl_server *server)
{
    uint32_t usable = descriptors_usable();
    uint32_t reserved =
        DESCRIPTORS_RESERVED + loop_descriptors(server) + pl_server_upstream_slots(server);
    uint32_t available = usable > 2 * reserved ? usable - reserved : usable / 2;
    uint32_t wanted = server->settings.limits.connections;

    server->quota.max = wanted < available ? wanted : available;
    if (usable <= 2 * reserved)
        PL_LOG(
            PL_LOG_WARNING,
            "the limit of descriptors (ulimit -n) is %u, and upstreams and the server itself may "
            "need %u: clients get half of it",
            usable, reserved);
    if (wanted != UINT32_MAX && wanted > available)
        PL_LOG(PL_LOG_WARNING,
               "limits.connections: %u, but the limit of descriptors (ulimit -n) allows %u", wanted,
               available);
}

/* ---- engines
 * --------------------------------------------------------------------------------------- */

/* What is no connection of a client has a slot too; where each loop has listeners of its own, these
 * must not take the room of connections. */
static uint32_t slots_max(const struct pl_server *server,
                          const struct pl_dispatch_settings *dispatch)
{
    uint32_t loops = pl_models[dispatch->model]->has_loops ? threads_of(dispatch) : 0;

    return server->quota.max + SLOTS_RESERVED + loops * PL_LISTENERS_MAX +
           pl_server_upstream_slots(server);
}

static int open_engine(struct pl_server *server, const char *name,
                       const struct pl_dispatch_settings *dispatch, struct pl_error *error)
{
    const struct pl_model_ops *model = pl_models[dispatch->model];
    struct pl_engine_settings settings = {
        .name = name,
        .arming = dispatch->arming == 0 ? &pl_arming_oneshot : &pl_arming_edge,
        .turn_ns = dispatch->turn.time_us * 1000,
        .turn_bytes = dispatch->turn.bytes,
        .is_balancing = dispatch->is_balancing,
        .timeline_entries = server->settings.timeline.entries,
        .slots_max = slots_max(server, dispatch),
        .model = model,
        .model_settings = { .threads = threads_of(dispatch),
                            .queue_max = dispatch->queue.max,
                            .queue_full = (enum pl_queue_full)dispatch->queue.full,
                            .promotion = (enum pl_promotion)dispatch->promotion,
                            .is_inlining = dispatch->is_inlining,
                            .is_pinning = dispatch->is_pinning },
    };
    int err;

    err = pl_engine_open(&server->engines[server->engines_count], &settings, &server->pool,
                         &server->quota, error);
    if (err == 0)
        server->engines_count++;
    return err;
}

/* The engine of a service: its own, or the one that all others share. */
static int engine_of_service(struct pl_server *server, const struct pl_service_settings *settings,
                             struct pl_engine **ret_engine, struct pl_error *error)
{
    int err = 0;

    if (settings->has_dispatch) {
        err = open_engine(server, settings->name, &settings->dispatch, error);
        if (err == 0)
            *ret_engine = &server->engines[server->engines_count - 1];
        return err;
    }
    if (server->shared_engine == NULL) {
        err = open_engine(server, "default", &server->settings.dispatch, error);
        if (err < 0)
            return err;
        server->shared_engine = &server->engines[server->engines_count - 1];
    }
    *ret_engine = server->shared_engine;
    return 0;
}

/* ---- services
 * -------------------------------------------------------------------------------------- */

static size_t collect_bindings(const struct pl_server *server, const char *service,
                               const struct pl_protocol *protocol, struct pl_binding *bindings)
{
    const struct pl_app *app = &server->app;
    size_t count = 0;

    for (size_t i = 0; i < app->bindings_count && count < PL_BINDINGS_MAX; i++)
        if (app->bindings[i].protocol == protocol &&
            (app->bindings[i].service == NULL || strcmp(app->bindings[i].service, service) == 0))
            bindings[count++] = app->bindings[i];
    return count;
}

static int open_service(struct pl_server *server, const struct pl_service_settings *settings,
                        struct pl_service *service, struct pl_error *error)
{
    const struct pl_timeouts_settings *timeouts = &server->settings.timeouts;
    struct pl_binding bindings[PL_BINDINGS_MAX];
    struct pl_error detail = { .exit_code = EX_CONFIG };
    char place[320];
    size_t count;
    int err;

    *service = (struct pl_service){ .name = settings->name,
                                    .protocol = server->protocols[settings->protocol],
                                    .message_bytes_max = (size_t)server->settings.limits.message,
                                    .rate_min = server->settings.limits.rate_min,
                                    .header_ms = timeouts->header_us / 1000,
                                    .body_ms = timeouts->body_us / 1000,
                                    .idle_ms = timeouts->idle_us / 1000,
                                    .write_ms = timeouts->write_us / 1000,
                                    .handler_ms = timeouts->handler_us / 1000 };
    count = collect_bindings(server, service->name, service->protocol, bindings);
    err =
        service->protocol->service_open(settings->module, bindings, count, &service->data, &detail);
    if (err == 0)
        return 0;
    pl_settings_name_place(settings->place, server->source, place, sizeof(place));
    return pl_error_set(error, detail.exit_code, err, "%s: service %s: %.300s", place,
                        service->name, detail.message);
}

int pl_server_check_services(struct pl_server *server, struct pl_error *error)
{
    const struct pl_service_settings *all = server->settings.services.items;

    for (uint32_t i = 0; i < server->settings.services.count; i++) {
        struct pl_service service;
        int err = open_service(server, &all[i], &service, error);

        if (err < 0)
            return err;
        service.protocol->service_close(service.data);
    }
    return 0;
}

/* One socket of an address, in one handle set. */
static int open_socket(struct pl_server_listener *listener, struct pl_listener_options *options,
                       struct pl_engine *engine, uint32_t shard, struct pl_error *error)
{
    int fd = -1;
    int err = pl_listener_open(&listener->address, options, &fd, error);

    if (err < 0)
        return err;
    err = pl_engine_listen(engine, shard, listener->service, fd, listener->address.is_datagram);
    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "service %s: too many listeners, or no memory",
                            listener->service->name);
    options->is_port_ours = true;
    return 0;
}

/* An engine with several handle sets has a socket in each; a unix socket's file leads to one. */
static int open_listener(struct pl_server *server, const struct pl_service_settings *settings,
                         struct pl_service *service, struct pl_engine *engine, const char *text,
                         struct pl_error *error)
{
    struct pl_listener_options options = { .backlog = (int)settings->backlog,
                                           .unix_mode = settings->unix_mode,
                                           .has_nodelay = settings->has_nodelay,
                                           .has_keepalive = settings->has_keepalive };
    struct pl_server_listener *listener = &server->listeners[server->listeners_count];
    uint32_t sockets = engine->face.shards_count;
    int err;

    if (server->listeners_count == PL_SERVER_LISTENERS_MAX)
        return pl_error_set(error, EX_CONFIG, -ENOSPC, "more than %d listeners",
                            PL_SERVER_LISTENERS_MAX);
    err = pl_address_parse(text, &listener->address, error);
    if (err < 0)
        return err;
    if (listener->address.socket.ss_family == AF_UNIX)
        sockets = 1;
    options.is_port_shared = sockets > 1;
    options.has_deferral = settings->has_deferral && service->protocol->client_speaks_first;
    listener->service = service;
    err = open_socket(listener, &options, engine, sockets > 1 ? 0 : PL_SHARD_ANY, error);
    if (!options.is_port_ours && err < 0)
        return err;
    pl_address_format(&listener->address, listener->text, sizeof(listener->text));
    server->listeners_count++;
    for (uint32_t i = 1; i < sockets && err == 0; i++)
        err = open_socket(listener, &options, engine, i, error);
    return err;
}

static int open_services(struct pl_server *server, struct pl_error *error)
{
    const struct pl_service_settings *all = server->settings.services.items;
    int err = 0;

    for (uint32_t i = 0; i < server->settings.services.count && err == 0; i++) {
        struct pl_service *service = &server->services[i];
        char *const *listen = all[i].listen.items;
        struct pl_engine *engine;

        err = open_service(server, &all[i], service, error);
        if (err < 0)
            break;
        server->services_count++;
        err = engine_of_service(server, &all[i], &engine, error);
        for (uint32_t k = 0; k < all[i].listen.count && err == 0; k++)
            err = open_listener(server, &all[i], service, engine, listen[k], error);
    }
    return err;
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
    set_limits(server);
    err = open_services(server, error);
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
           server->quota.max, (unsigned long long)(server->settings.limits.buffers >> 20),
           (unsigned long long)(server->settings.limits.message >> 10));
    for (size_t i = 0; i < server->engines_count; i++) {
        const struct pl_engine_settings *settings = &server->engines[i].settings;

        PL_LOG(PL_LOG_INFO, "engine %s: model=%s threads=%u arming=%s", settings->name,
               settings->model->name, settings->model_settings.threads, settings->arming->name);
    }
    for (size_t i = 0; i < server->listeners_count; i++)
        PL_LOG(PL_LOG_INFO, "service %s: listening on %s", server->listeners[i].service->name,
               server->listeners[i].text);
    PL_LOG(PL_LOG_INFO, "ready");
}

int pl_server_start(struct pl_server *server, struct pl_error *error)
{
    int err = pl_log_writer_start();

    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "the log's writer cannot be started");
    /* The control thread must answer signals also when stderr is stuck. Without memory for a ring
     * it writes directly. */
    (void)!pl_log_thread_begin();
    for (size_t i = 0; i < server->engines_count; i++) {
        err = pl_engine_start(&server->engines[i], error);
        if (err < 0)
            goto stop_engines;
    }
    server->is_started = true;
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
    log_start(server);
    return 0;

stop_engines:
    pl_log_thread_end();
    for (size_t i = 0; i < server->engines_count; i++)
        (void)pl_engine_stop(&server->engines[i], INT64_MAX);
    pl_server_end_exchanges(server);
    server->is_started = false;
    pl_log_writer_stop();
    return err;
}

static bool is_empty(struct pl_server *server)
{
    for (size_t i = 0; i < server->engines_count; i++)
        if (!pl_engine_is_empty(&server->engines[i]))
            return false;
    return true;
}

static uint64_t conns_open(struct pl_server *server)
{
    return atomic_load(&server->quota.used);
}

/* Waits for the last connection, and says every two seconds how many there are. */
static void wait_until_empty(struct pl_server *server, int64_t deadline_ms)
{
    int64_t say_ms = pl_clock_ms() + 2000;

    while (!is_empty(server) && !atomic_load(&server->is_hurried)) {
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
    int64_t allowed_ms = drain_ms >= 0 ? drain_ms : server->settings.timeouts.drain_us / 1000;
    int64_t deadline_ms = pl_clock_ms() + allowed_ms;
    uint32_t left = 0;

    if (!server->is_started)
        return 0;
    for (size_t i = 0; i < server->engines_count; i++)
        pl_engine_drain(&server->engines[i]);
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
    for (size_t i = 0; i < server->services_count; i++)
        server->services[i].protocol->service_close(server->services[i].data);
    if (server->has_pool)
        pl_buffer_pool_deinit(&server->pool);
    pl_settings_free(server->schema.rows, &server->settings, &server->modules);
    pl_free(server);
}

/* ---- for the application
 * ------------------------------------------------------------------------------- */

const char *pl_server_address(const struct pl_server *server, size_t index)
{
    return index < server->listeners_count ? server->listeners[index].text : NULL;
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
