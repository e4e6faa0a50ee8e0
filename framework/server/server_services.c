/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings → what a server serves: limits, an engine for each dispatch, services with their
 * listeners. Nothing here starts a thread. Thread: setup.
 */
#include "server_internal.h"

#include "alloc.h"

#include <paceline/limits.h>
#include <paceline/log.h>

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

/* Descriptors that are no connections: standard streams, sets, wakers, files being sent. */
#define DESCRIPTORS_RESERVED 64

/* Slots beside connections: listeners, one for each loop and address; timers and watches of the
 * application. They are reserved, not touched. */
#define SLOTS_RESERVED (64 * 1024)

/* The same for a server that stands inside another's program and has few of each. */
#define INNER_SLOTS_RESERVED 1024

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

/* A handle set has two more descriptors, a listener its reserve. */
#define SHARD_DESCRIPTORS    3
#define LISTENER_DESCRIPTORS 2

/* What swaps have opened stays, whether it is in use now or not. */
static uint32_t open_descriptors(const struct pl_server *server)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < atomic_load(&server->engines_count); i++)
        count += SHARD_DESCRIPTORS * pl_engine_shards_count(&server->engines[i]);
    for (size_t i = 0; i < server->listeners_count; i++)
        count += LISTENER_DESCRIPTORS * server->listeners[i].sockets_count;
    return count;
}

/* A thread may keep a pipe to splice through. A loop has a handle set, and a listener for each
 * address. */
static uint32_t thread_descriptors(const struct pl_server *server)
{
    const struct pl_service_settings *all = server->settings.services.items;
    uint32_t open = open_descriptors(server);
    uint32_t count = 0, loops = 0;

    for (uint32_t i = 0; i < server->settings.services.count; i++) {
        const struct pl_dispatch_settings *dispatch =
            all[i].has_dispatch ? &all[i].dispatch : &server->settings.dispatch;

        count += threads_of(dispatch) * 2;
        if (pl_models[dispatch->model]->has_loops)
            loops += threads_of(dispatch) *
                     (SHARD_DESCRIPTORS + LISTENER_DESCRIPTORS * all[i].listen.count);
    }
    return count + (loops > open ? loops : open);
}

static uint32_t reserved_descriptors(const struct pl_server *server)
{
    return DESCRIPTORS_RESERVED + thread_descriptors(server) + pl_server_upstream_slots(server) +
           pl_settings_admin_descriptors(&server->settings);
}

/* What the process has open just now. */
static uint32_t descriptors_in_use(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint32_t count = 0;

    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}

/* Where there are few, clients get half of them, if so many are left. */
static uint32_t room_for_connections(const struct pl_server *server)
{
    uint32_t usable = descriptors_usable();
    uint32_t reserved = reserved_descriptors(server);
    uint32_t used = atomic_load(&server->quota.used);
    uint32_t all, left;

    if (usable > 2 * reserved)
        return usable - reserved;
    all = descriptors_in_use();
    left = usable + used > all ? usable + used - all : 1;
    return left < usable / 2 ? left : usable / 2;
}

void pl_server_set_limits(struct pl_server *server)
{
    uint32_t wanted = server->settings.limits.connections;
    uint32_t room = server->is_inner ? wanted : room_for_connections(server);

    /* An inner server's descriptors are reserved by the other one. */
    atomic_store(&server->quota.max, wanted < room ? wanted : room);
}

void pl_server_name_limits(const struct pl_server *server)
{
    uint32_t usable = descriptors_usable();
    uint32_t reserved = reserved_descriptors(server);
    uint32_t wanted = server->settings.limits.connections;
    uint32_t max = atomic_load(&server->quota.max);

    if (server->is_inner)
        return;
    if (usable <= 2 * reserved)
        PL_LOG(PL_LOG_WARNING,
               "the limit of descriptors (ulimit -n) is %u, and upstreams and the server itself "
               "may need %u: clients get %u of it",
               usable, reserved, max);
    if (wanted != UINT32_MAX && wanted > max)
        PL_LOG(PL_LOG_WARNING,
               "limits.connections: %u, but the limit of descriptors (ulimit -n) allows %u", wanted,
               max);
}

uint32_t pl_server_slots_max(const struct pl_server *server)
{
    if (server->is_inner)
        return atomic_load(&server->quota.max) + INNER_SLOTS_RESERVED;
    return descriptors_usable() + SLOTS_RESERVED + pl_server_upstream_slots(server);
}

/* ---- engines
 * --------------------------------------------------------------------------------------- */

struct pl_engine_settings pl_server_engine_settings(const struct pl_server *server,
                                                    const char *name,
                                                    const struct pl_dispatch_settings *dispatch)
{
    return (struct pl_engine_settings){
        .name = name,
        .timeline_entries = server->settings.timeline.entries,
        .arming = dispatch->arming == 0 ? &pl_arming_oneshot : &pl_arming_edge,
        .turn_ns = dispatch->turn.time_us * 1000,
        .turn_bytes = dispatch->turn.bytes,
        .is_balancing = dispatch->is_balancing,
        .model = pl_models[dispatch->model],
        .model_settings = { .threads = threads_of(dispatch),
                            .queue_max = dispatch->queue.max,
                            .queue_full = (enum pl_queue_full)dispatch->queue.full,
                            .promotion = (enum pl_promotion)dispatch->promotion,
                            .is_inlining = dispatch->is_inlining,
                            .is_pinning = dispatch->is_pinning },
    };
}

int pl_server_add_engine(struct pl_server *server, const struct pl_engine_settings *settings,
                         struct pl_engine **ret_engine, struct pl_error *error)
{
    uint32_t number = atomic_load(&server->engines_count);
    struct pl_engine *engine = &server->engines[number];
    int err;

    if (number == PL_SERVICES_MAX)
        return pl_error_set(error, EX_CONFIG, -ENOSPC, "more than %d engines", PL_SERVICES_MAX);
    err = pl_engine_open(engine, settings, &server->table, &server->pool, &server->quota, error);
    if (err < 0)
        return err;
    engine->face.number = number;
    engine->bell = &server->watchdog.bell;
    server->engines_by_number[number] = engine;
    atomic_store(&server->engines_count, number + 1);
    *ret_engine = engine;
    return 0;
}

int pl_server_engine_for(struct pl_server *server, const struct pl_engine_settings *settings,
                         struct pl_engine **ret_engine, struct pl_error *error)
{
    for (uint32_t i = 0; i < atomic_load(&server->engines_count); i++)
        if (strcmp(server->engines[i].name, settings->name) == 0) {
            *ret_engine = &server->engines[i];
            return 0;
        }
    return pl_server_add_engine(server, settings, ret_engine, error);
}

/* The engine of a service: its own, or the one that all others share. */
static int engine_of_service(struct pl_server *server, const struct pl_service_settings *settings,
                             struct pl_engine **ret_engine, struct pl_error *error)
{
    struct pl_engine_settings wanted =
        settings->has_dispatch
            ? pl_server_engine_settings(server, settings->name, &settings->dispatch)
            : pl_server_engine_settings(server, "default", &server->settings.dispatch);
    int err;

    if (settings->has_dispatch)
        return pl_server_add_engine(server, &wanted, ret_engine, error);
    if (server->shared_engine == NULL) {
        err = pl_server_add_engine(server, &wanted, &server->shared_engine, error);
        if (err < 0)
            return err;
    }
    *ret_engine = server->shared_engine;
    return 0;
}

/* ---- services
 * -------------------------------------------------------------------------------------- */

static int open_service(struct pl_server *server, const struct pl_service_settings *settings,
                        struct pl_server_seat **ret_seat, struct pl_error *error)
{
    struct pl_server_seat *seat = pl_server_new_seat(server, settings->name);
    struct pl_server_service *service;
    int err;

    if (seat == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for a service");
    err = pl_server_new_service(server, seat, &server->settings, settings, NULL, &service, error);
    if (err == 0)
        pl_server_take_seat(seat, service);
    *ret_seat = seat;
    return err;
}

/* They are closed with the server. */
int pl_server_check_services(struct pl_server *server, struct pl_error *error)
{
    const struct pl_service_settings *all = server->settings.services.items;
    int err = pl_service_set_open(server);

    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "no descriptor for the services");
    for (uint32_t i = 0; i < server->settings.services.count && err == 0; i++)
        err = open_service(server, &all[i], &(struct pl_server_seat *){ NULL }, error);
    return err;
}

/* One more socket of an address. */
static int add_socket(struct pl_server_listener *listener, struct pl_engine *engine, bool is_alone,
                      struct pl_error *error)
{
    uint32_t number = listener->sockets_count;
    int fd = -1;
    int err = pl_listener_open(&listener->address, &listener->options, &fd, error);

    if (err < 0)
        return err;
    err = pl_engine_listen(engine, is_alone ? PL_LISTENER_ALONE : number, listener->service, fd,
                           listener->address.is_datagram, &listener->tokens[number]);
    if (err < 0)
        return pl_error_set(error, EX_OSERR, err,
                            "service %s: no slot, descriptor or memory for one more listener",
                            listener->service->name);
    listener->sockets_count++;
    listener->options.is_port_ours = true;
    return 0;
}

/* The first one did not share its port with others yet. */
static int share_port(struct pl_server_listener *listener, struct pl_engine *engine,
                      struct pl_error *error)
{
    int err = 0;

    for (uint32_t i = 0; i < listener->sockets_count && err == 0; i++)
        err = pl_listener_share(
            pl_slot_table_at(engine->face.table, (uint32_t)listener->tokens[i])->handle.fd);
    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "%s cannot be shared among sockets: errno %d",
                            listener->text, -err);
    listener->options.is_port_shared = true;
    return 0;
}

/* Opens the sockets an address lacks so that each of `count` handle sets has one; those that were
 * opened before an error stay, held. */
static int open_sockets(struct pl_server_listener *listener, struct pl_engine *engine,
                        uint32_t count, struct pl_error *error)
{
    /* A unix socket's file leads to one. */
    bool is_alone = listener->address.socket.ss_family == AF_UNIX;
    uint64_t *tokens;
    int err = 0;

    if (is_alone)
        count = 1;
    if (listener->sockets_count >= count)
        return 0;
    tokens = pl_alloc(count * sizeof(*tokens));
    if (tokens == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for listeners");
    if (listener->sockets_count > 0)
        memcpy(tokens, listener->tokens, listener->sockets_count * sizeof(*tokens));
    pl_free(listener->tokens);
    listener->tokens = tokens;
    if (listener->sockets_count > 0)
        err = share_port(listener, engine, error);
    else
        listener->options.is_port_shared = count > 1;
    while (err == 0 && listener->sockets_count < count)
        err = add_socket(listener, engine, is_alone, error);
    return err;
}

int pl_server_arm_listener(struct pl_server_listener *listener, uint32_t from,
                           struct pl_error *error)
{
    int err = 0;

    for (uint32_t i = from; i < listener->sockets_count && err == 0; i++)
        err = pl_engine_arm_listener(atomic_load(&listener->service->engine), listener->tokens[i]);
    if (err < 0)
        return pl_error_set(error, EX_OSERR, err,
                            "service %s: a listener cannot be armed: errno %d",
                            listener->service->name, -err);
    return 0;
}

/* One that cannot be armed is closed, with those behind it: the kernel would give it connections
 * that nobody accepts. */
static int arm_added(struct pl_server_listener *listener, struct pl_engine *engine, uint32_t from,
                     struct pl_error *error)
{
    int err = 0;

    for (uint32_t i = from; i < listener->sockets_count && err == 0; i++) {
        err = pl_engine_arm_listener(engine, listener->tokens[i]);
        if (err == 0)
            from = i + 1;
    }
    if (err == 0)
        return 0;
    for (uint32_t i = from; i < listener->sockets_count; i++)
        pl_engine_abandon_listener(engine, listener->tokens[i]);
    listener->sockets_count = from;
    return pl_error_set(error, EX_OSERR, err, "service %s: a listener cannot be armed: errno %d",
                        listener->service->name, -err);
}

int pl_server_add_sockets(struct pl_server_listener *listener, uint32_t count,
                          struct pl_error *error)
{
    struct pl_engine *engine = atomic_load(&listener->service->engine);
    uint32_t before = listener->sockets_count;
    int err = open_sockets(listener, engine, count, error);
    struct pl_error detail;
    int armed = arm_added(listener, engine, before, &detail);

    if (err == 0 && armed < 0)
        return pl_error_set(error, detail.exit_code, armed, "%s", detail.message);
    return err;
}

struct pl_listener_options pl_server_listener_options(const struct pl_service_settings *settings,
                                                      const struct pl_protocol *protocol)
{
    return (struct pl_listener_options){ .backlog = (int)settings->backlog,
                                         .unix_mode = settings->unix_mode,
                                         .has_nodelay = settings->has_nodelay,
                                         .has_keepalive = settings->has_keepalive,
                                         .has_deferral = settings->has_deferral &&
                                                         protocol->client_speaks_first };
}

int pl_server_open_listener(const struct pl_service_settings *settings, struct pl_service *service,
                            struct pl_engine *engine, uint32_t count, const char *text,
                            struct pl_server_listener *listener, struct pl_error *error)
{
    int err;

    *listener = (struct pl_server_listener){
        .service = service,
        .options = pl_server_listener_options(settings, service->protocol),
    };
    err = pl_address_parse(text, &listener->address, error);
    if (err < 0)
        return err;
    pl_address_format(&listener->address, listener->wanted, sizeof(listener->wanted));
    err = open_sockets(listener, engine, count, error);
    pl_address_format(&listener->address, listener->text, sizeof(listener->text));
    return err;
}

static int add_listener(struct pl_server *server, const struct pl_service_settings *settings,
                        struct pl_server_seat *seat, struct pl_engine *engine, const char *text,
                        struct pl_error *error)
{
    struct pl_server_listener *listener = &server->listeners[server->listeners_count];
    int err;

    if (server->listeners_count == PL_SERVER_LISTENERS_MAX)
        return pl_error_set(error, EX_CONFIG, -ENOSPC, "more than %d listeners",
                            PL_SERVER_LISTENERS_MAX);
    err = pl_server_open_listener(settings, seat->base.current, engine,
                                  atomic_load(&engine->shards_active), text, listener, error);
    listener->seat = seat;
    if (listener->sockets_count == 0)
        pl_free(listener->tokens);
    else
        server->listeners_count++;
    return err;
}

int pl_server_open_services(struct pl_server *server, struct pl_error *error)
{
    const struct pl_service_settings *all = server->settings.services.items;
    int err = pl_service_set_open(server);

    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "no descriptor for the services");
    for (uint32_t i = 0; i < server->settings.services.count && err == 0; i++) {
        char *const *listen = all[i].listen.items;
        struct pl_server_seat *seat;
        struct pl_engine *engine;

        err = open_service(server, &all[i], &seat, error);
        if (err < 0)
            break;
        err = engine_of_service(server, &all[i], &engine, error);
        if (err == 0)
            pl_server_set_engine(server, seat, engine);
        for (uint32_t k = 0; k < all[i].listen.count && err == 0; k++)
            err = add_listener(server, &all[i], seat, engine, listen[k], error);
    }
    return err;
}
