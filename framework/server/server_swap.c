/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of a running server's services: which engine is meant, what it is to be, and the swap
 * itself; see dispatch/swap.c. Thread: any, one change at a time.
 */
#include "server_internal.h"

#include "clock.h"
#include "settings_yaml.h"

#include <paceline/control.h>
#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* What is to be changed: an engine, or a service that is to leave one for its own. */
struct target {
    const char *name;
    struct pl_engine *engine;
    struct pl_service *service;            /* that leaves `engine`; NULL: the engine itself */
    struct pl_dispatch_settings *settings; /* of the server's, in place */
    bool *has_dispatch;                    /* beside it; NULL: the outer dispatch */
};

static int find_service(struct pl_server *server, const char *name, struct target *target,
                        struct pl_error *error)
{
    struct pl_service_settings *all = server->settings.services.items;
    struct pl_server_seat *seat = pl_server_find_seat(server, name);

    for (uint32_t i = 0; i < server->settings.services.count && seat != NULL; i++) {
        struct pl_engine *engine = atomic_load(&seat->base.current->engine);

        if (strcmp(all[i].name, name) != 0)
            continue;
        *target = (struct target){ .name = all[i].name,
                                   .engine = engine,
                                   .settings = &all[i].dispatch,
                                   .has_dispatch = &all[i].has_dispatch };
        if (engine == server->shared_engine)
            target->service = seat->base.current;
        return 0;
    }
    return pl_error_set(error, EX_USAGE, -EINVAL,
                        "swap: there is no service '%s'; expected one, or 'default'", name);
}

static int find_target(struct pl_server *server, const char *name, struct target *target,
                       struct pl_error *error)
{
    if (!server->is_started || server->is_stopping)
        return pl_error_set(error, EX_UNAVAILABLE, -ESHUTDOWN, "swap: the server does not run");
    if (strcmp(name, "default") != 0)
        return find_service(server, name, target, error);
    if (server->shared_engine == NULL)
        return pl_error_set(error, EX_USAGE, -EINVAL,
                            "swap: every service has a dispatch of its own; expected its name");
    *target = (struct target){ .name = "default",
                               .engine = server->shared_engine,
                               .settings = &server->settings.dispatch };
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

/* ---- the swap ------------------------------------------------------------------------------ */

static bool is_of(const struct pl_server_listener *listener, const struct target *target)
{
    return target->service != NULL ? listener->service == target->service
                                   : atomic_load(&listener->service->engine) == target->engine;
}

/* Each handle set has its socket before there is a thread for it; those that are there already
 * accept at once, under the old model. */
static int add_sockets(struct pl_server *server, const struct target *target, uint32_t count,
                       struct pl_error *error)
{
    int err = 0;

    for (size_t i = 0; i < server->listeners_count && err == 0; i++) {
        struct pl_server_listener *listener = &server->listeners[i];
        uint32_t before = listener->sockets_count;
        struct pl_error detail;
        int armed;

        if (!is_of(listener, target))
            continue;
        err =
            pl_server_add_sockets(listener, atomic_load(&listener->service->engine), count, error);
        armed = pl_server_arm_listener(listener, before, &detail);
        if (err == 0 && armed < 0)
            err = pl_error_set(error, detail.exit_code, armed, "%s", detail.message);
    }
    return err;
}

/* The service leaves the engine it shares, with all its connections. */
static int swap_out(struct pl_server *server, struct target *target,
                    const struct pl_engine_settings *settings, struct pl_swap_figures *figures,
                    struct pl_error *error)
{
    struct pl_engine *engine;
    int err = pl_server_engine_for(server, settings, &engine, error);

    if (err < 0)
        return err;
    err = engine->model == NULL ? pl_engine_start(engine, error)
                                : pl_engine_swap(engine, settings, figures, error);
    if (err < 0)
        return err;
    pl_engine_note_shortest(engine, target->service);
    pl_server_set_engine(server, (struct pl_server_seat *)(void *)target->service->seat, engine);
    target->engine = engine;
    pl_engine_send_home(engine, figures);
    return 0;
}

static void describe(const struct target *target, const struct pl_engine_settings *settings,
                     const char *from, const struct pl_swap_figures *figures, int64_t began_ns,
                     struct pl_swap_report *report)
{
    *report = (struct pl_swap_report){ .threads = settings->model_settings.threads,
                                       .conns_moved = figures->moved,
                                       .conns_held = figures->held };
    snprintf(report->engine, sizeof(report->engine), "%.60s", target->name);
    snprintf(report->from, sizeof(report->from), "%s", from);
    snprintf(report->to, sizeof(report->to), "%s", settings->model->name);
    for (uint32_t i = 0; i < pl_engine_shards_count(target->engine); i++)
        report->conns += atomic_load(&target->engine->shards[i]->conns_open);
    report->threads_left_behind = pl_engine_reap(target->engine);
    report->took_us = (pl_clock_ns() - began_ns) / 1000;
}

static int swap_locked(struct pl_server *server, struct target *target,
                       const struct pl_dispatch_settings *dispatch,
                       struct pl_swap_report *ret_report, struct pl_error *error)
{
    struct pl_engine_settings settings = pl_server_engine_settings(server, target->name, dispatch);
    const char *from = target->engine->settings.model->name;
    struct pl_swap_figures figures = { .moved = 0 };
    int64_t began_ns = pl_clock_ns();
    int err = add_sockets(server, target, pl_engine_shards_wanted(&settings), error);

    if (err == 0)
        err = target->service != NULL ? swap_out(server, target, &settings, &figures, error)
                                      : pl_engine_swap(target->engine, &settings, &figures, error);
    if (err < 0)
        return err;
    *target->settings = *dispatch;
    if (target->has_dispatch != NULL)
        *target->has_dispatch = true;
    describe(target, &settings, from, &figures, began_ns, ret_report);
    PL_LOG(PL_LOG_INFO,
           "engine %s: model=%s threads=%u arming=%s instead of %s; %u connections stay, %u moved, "
           "%u slots move when they are let go, %u threads are still in a handler; %lld us",
           ret_report->engine, ret_report->to, ret_report->threads, settings.arming->name,
           ret_report->from, ret_report->conns, ret_report->conns_moved, ret_report->conns_held,
           ret_report->threads_left_behind, (long long)ret_report->took_us);
    return 0;
}

int pl_server_swap(struct pl_server *server, const char *target_name, const char *const *changes,
                   struct pl_swap_report *ret_report, struct pl_error *error)
{
    struct pl_dispatch_settings dispatch;
    struct target target = { .name = target_name };
    int err;

    pthread_mutex_lock(&server->control_lock);
    err = find_target(server, target_name, &target, error);
    if (err == 0) {
        dispatch = *target.settings;
        err = apply_changes(server, changes, &dispatch, error);
    }
    if (err == 0)
        err = swap_locked(server, &target, &dispatch, ret_report, error);
    if (err < 0)
        PL_LOG(PL_LOG_ERROR, "%s; nothing has changed", error->message);
    pthread_mutex_unlock(&server->control_lock);
    return err;
}
