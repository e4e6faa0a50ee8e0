/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of a running server's services: which engine is meant, what it is to be, and the swap
 * itself; see dispatch/swap.c. Thread: any, one change at a time.
 */
#include "server_internal.h"

#include "alloc.h"
#include "clock.h"
#include "settings_yaml.h"
#include "socket.h"

#include <paceline/control.h>
#include <paceline/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* A change of an engine's model, or a service's leave of the engine it shares for its own. */
struct swap {
    const char *name; /* borrowed: "default", or the service's */
    struct pl_engine *engine;
    struct pl_server_seat *seat; /* of the service that leaves; NULL: the engine stays */
    const struct pl_dispatch_settings *base; /* what holds for it now */
    struct pl_dispatch_settings *place;      /* in the server's settings, for the new ones */
    bool *has_dispatch;                      /* beside it; NULL: it is the outer dispatch */

    /* From the preparation on. */
    struct pl_dispatch_settings dispatch;
    struct pl_engine_settings settings;
    struct pl_engine *left; /* by the service */
    const struct pl_model_ops *from;
    struct pl_model *successor; /* owned until the commit */
};

/* ---- what is meant --------------------------------------------------------------------------- */

static bool is_used(struct pl_server *server, const struct pl_engine *engine)
{
    for (struct pl_server_seat *seat = server->services.seats; seat != NULL; seat = seat->next)
        if (seat->base.current != NULL && atomic_load(&seat->base.current->engine) == engine)
            return true;
    return false;
}

void pl_server_rest_if_left(struct pl_server *server, struct pl_engine *engine,
                            struct pl_engine *refuge)
{
    if (engine == refuge || engine->model == NULL || is_used(server, engine))
        return;
    pl_engine_rest(engine, refuge);
    (void)pl_engine_reap(engine, 0);
    if (engine == server->shared_engine)
        server->shared_engine = NULL;
    PL_LOG(PL_LOG_INFO, "engine %s: no service has it any more", engine->name);
}

static int find_service(struct pl_server *server, const char *name, struct swap *swap,
                        struct pl_error *error)
{
    struct pl_service_settings *all = server->settings.services.items;
    struct pl_server_seat *seat = pl_server_find_seat(server, name);

    for (uint32_t i = 0; i < server->settings.services.count && seat != NULL; i++) {
        struct pl_engine *engine = atomic_load(&seat->base.current->engine);

        if (strcmp(all[i].name, name) != 0)
            continue;
        *swap = (struct swap){ .name = all[i].name,
                               .engine = engine,
                               .base = &all[i].dispatch,
                               .place = &all[i].dispatch,
                               .has_dispatch = &all[i].has_dispatch };
        if (engine == server->shared_engine) {
            swap->seat = seat;
            swap->base = &server->settings.dispatch; /* perhaps swapped since it was read */
        }
        return 0;
    }
    return pl_error_set(error, EX_USAGE, -EINVAL,
                        "swap: there is no service '%s'; expected one, or 'default'", name);
}

static int find(struct pl_server *server, const char *name, struct swap *ret_swap,
                struct pl_error *error)
{
    if (!server->is_started || server->is_stopping)
        return pl_error_set(error, EX_UNAVAILABLE, -ESHUTDOWN,
                            "swap: the server does not run, or is about to end");
    if (strcmp(name, "default") != 0)
        return find_service(server, name, ret_swap, error);
    if (server->shared_engine == NULL)
        return pl_error_set(error, EX_USAGE, -EINVAL,
                            "swap: every service has a dispatch of its own; expected its name");
    *ret_swap = (struct swap){ .name = "default",
                               .engine = server->shared_engine,
                               .base = &server->settings.dispatch,
                               .place = &server->settings.dispatch };
    return 0;
}

/* ---- what it is to be ---------------------------------------------------------------------- */

static int apply_one(struct pl_server *server, struct pl_settings *scratch, const char *change,
                     struct pl_error *error)
{
    struct pl_error detail = { .exit_code = EX_USAGE };
    char assignment[256];
    const char *sentence;

    if (strchr(change, '=') == NULL || change[0] == '=' || strlen(change) > 200)
        return pl_error_set(error, EX_USAGE, -EINVAL, "swap: expected KEY=VALUE, not '%.200s'",
                            change);
    snprintf(assignment, sizeof(assignment), "dispatch.%s", change);
    if (pl_settings_set(&server->schema, assignment, scratch, &detail) == 0)
        return 0;
    /* It speaks of the command line, where the same words are used. */
    sentence = strncmp(detail.message, "--set ", 6) == 0 ? detail.message + 6 : detail.message;
    return pl_error_set(error, EX_USAGE, -EINVAL, "swap: %.400s", sentence);
}

static int apply_changes(struct pl_server *server, const char *const *changes,
                         struct pl_dispatch_settings *dispatch, struct pl_error *error)
{
    struct pl_settings scratch = { .dispatch = *dispatch };
    bool has_threads = false;
    int err = 0;

    for (size_t i = 0; changes[i] != NULL && err == 0; i++) {
        err = apply_one(server, &scratch, changes[i], error);
        has_threads |= strncmp(changes[i], "threads=", 8) == 0;
    }
    if (err < 0)
        return err;
    if (scratch.dispatch.model != dispatch->model && !has_threads)
        scratch.dispatch.threads = PL_THREADS_AUTO;
    err = pl_settings_check_dispatch(&scratch.dispatch, "", "swap", error);
    if (err == 0)
        *dispatch = scratch.dispatch;
    return err;
}

/* ---- the swap -------------------------------------------------------------------------------- */

static bool is_of(const struct pl_server_listener *listener, const struct swap *swap)
{
    return swap->seat != NULL ? listener->seat == swap->seat
                              : atomic_load(&listener->service->engine) == swap->engine;
}

/* A handle set has a waker and a timer; a socket that listens has a reserve beside it. */
#define SHARD_DESCRIPTORS  3
#define SOCKET_DESCRIPTORS 2

static uint32_t descriptors_wanted(const struct pl_server *server, const struct swap *swap)
{
    uint32_t shards = pl_engine_shards_wanted(&swap->settings);
    uint32_t open = swap->seat != NULL ? 0 : pl_engine_shards_count(swap->engine);
    uint32_t wanted = shards > open ? (shards - open) * SHARD_DESCRIPTORS : 0;

    for (size_t i = 0; i < server->listeners_count; i++) {
        const struct pl_server_listener *listener = &server->listeners[i];

        /* A unix socket's file leads to one. */
        if (is_of(listener, swap) && listener->address.socket.ss_family != AF_UNIX &&
            shards > listener->sockets_count)
            wanted += (shards - listener->sockets_count) * SOCKET_DESCRIPTORS;
    }
    return wanted;
}

/* A socket that listens cannot be taken back without a reset for who waits in its queue, and those
 * of half a swap would leave clients without a descriptor. So as many are opened and closed again:
 * what comes between is little. */
static int expect_descriptors(const struct pl_server *server, const struct swap *swap,
                              struct pl_error *error)
{
    uint32_t wanted = descriptors_wanted(server, swap), count = 0;
    int *fds, err = 0;

    if (wanted == 0)
        return 0;
    fds = pl_alloc(wanted * sizeof(*fds));
    if (fds == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "swap: no memory");
    while (count < wanted && err == 0) {
        fds[count] = fcntl(swap->engine->shards[0]->set.epoll_fd, F_DUPFD_CLOEXEC, 0);
        if (fds[count] < 0)
            err = pl_error_set(error, EX_OSERR, -errno,
                               "swap: %u more descriptors are needed, %u are left (ulimit -n)",
                               wanted, count);
        else
            count++;
    }
    while (count > 0)
        pl_close_fd(&fds[--count]);
    pl_free(fds);
    return err;
}

/* Each handle set has its socket before there is a thread for it; those that are there already
 * accept at once, under the old model. */
static int add_sockets(struct pl_server *server, const struct swap *swap, struct pl_error *error)
{
    uint32_t count = pl_engine_shards_wanted(&swap->settings);
    int err = 0;

    for (size_t i = 0; i < server->listeners_count && err == 0; i++) {
        struct pl_server_listener *listener = &server->listeners[i];

        if (is_of(listener, swap))
            err = pl_server_add_sockets(listener, count, error);
    }
    return err;
}

static int prepare(struct pl_server *server, struct swap *swap,
                   const struct pl_dispatch_settings *dispatch, struct pl_error *error)
{
    int err;

    swap->dispatch = *dispatch;
    swap->settings = pl_server_engine_settings(server, swap->name, dispatch);
    swap->from = swap->engine->settings.model;
    swap->left = swap->engine;
    err = expect_descriptors(server, swap, error);
    if (err == 0)
        err = add_sockets(server, swap, error);
    if (err == 0 && swap->seat != NULL)
        err = pl_server_engine_for(server, &swap->settings, &swap->engine, error);
    if (err < 0)
        return err;
    return pl_engine_prepare_swap(swap->engine, &swap->settings, &swap->successor, error);
}

static void describe(const struct swap *swap, const struct pl_swap_figures *figures,
                     struct pl_swap_report *report)
{
    *report = (struct pl_swap_report){ .threads = swap->settings.model_settings.threads,
                                       .conns_moved = figures->moved,
                                       .conns_held = figures->held };
    snprintf(report->engine, sizeof(report->engine), "%s", swap->engine->name);
    snprintf(report->from, sizeof(report->from), "%s", swap->from->name);
    snprintf(report->to, sizeof(report->to), "%s", swap->settings.model->name);
    for (uint32_t i = 0; i < pl_engine_shards_count(swap->engine); i++)
        report->conns += atomic_load(&swap->engine->shards[i]->conns_open);
}

/* What threads that were only on their way out need, so that those in handlers are counted. */
#define LEAVE_MS 5

static void commit(struct pl_server *server, struct swap *swap, struct pl_swap_report *ret_report)
{
    struct pl_swap_figures figures = { .moved = 0 };
    int64_t began_ns = pl_clock_ns();

    pl_engine_swap(swap->engine, swap->successor, &swap->settings, &figures);
    if (swap->seat != NULL) {
        pl_engine_note_shortest(swap->engine, swap->seat->base.current);
        pl_server_set_engine(server, swap->seat, swap->engine);
        pl_engine_send_home(swap->engine, &figures);
        pl_server_rest_if_left(server, swap->left, swap->engine);
    }
    *swap->place = swap->dispatch;
    if (swap->has_dispatch != NULL)
        *swap->has_dispatch = true;
    describe(swap, &figures, ret_report);
    ret_report->took_us = (pl_clock_ns() - began_ns) / 1000;
    ret_report->threads_left_behind = pl_engine_reap(swap->engine, LEAVE_MS);
    pl_server_set_limits(server);
    pl_conn_quota_look_again(swap->engine);
    PL_LOG(PL_LOG_INFO,
           "engine %s: model=%s threads=%u arming=%s after %s; %u connections stay, %u moved, %u "
           "slots move when they are let go, %u threads are still in a handler; %lld us",
           ret_report->engine, ret_report->to, ret_report->threads, swap->settings.arming->name,
           ret_report->from, ret_report->conns, ret_report->conns_moved, ret_report->conns_held,
           ret_report->threads_left_behind, (long long)ret_report->took_us);
}

int pl_server_swap(struct pl_server *server, const char *target, const char *const *changes,
                   struct pl_swap_report *ret_report, struct pl_error *error)
{
    struct pl_dispatch_settings dispatch;
    struct swap swap;
    int err;

    pthread_mutex_lock(&server->control_lock);
    err = find(server, target, &swap, error);
    if (err < 0)
        goto unlock;
    dispatch = *swap.base;
    err = apply_changes(server, changes, &dispatch, error);
    if (err == 0)
        err = prepare(server, &swap, &dispatch, error);
    if (err == 0)
        commit(server, &swap, ret_report);

unlock:
    pthread_mutex_unlock(&server->control_lock);
    if (err < 0)
        PL_LOG(PL_LOG_ERROR, "%s; nothing has changed", error->message);
    return err;
}
