/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration read again while the server runs, all or nothing:
 *
 *     read and check the files ─▶ compare ─▶ prepare each step ─▶ commit each step
 *                                              └ one fails: roll back, nothing has changed
 *
 * Thread: any, one at a time, under control_lock. Nobody waits for a handler: a service that
 * changed is a new one, and the old one lives until its last connection, listener and job has gone.
 */
#include "reload.h"

#include "alloc.h"
#include "clock.h"

#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* ---- settings ------------------------------------------------------------------------------- */

static const struct pl_service_settings *find_settings(const struct pl_settings *settings,
                                                       const char *name)
{
    const struct pl_service_settings *all = settings->services.items;

    for (uint32_t i = 0; i < settings->services.count; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

static int prepare_settings(struct pl_reload *reload)
{
    struct pl_server *server = reload->server;
    int err;

    reload->generation = pl_service_set_new_generation(server);
    if (reload->generation == NULL)
        return pl_error_set(reload->error, EX_OSERR, -ENOMEM, "no memory for the settings");
    err = pl_server_read_again(server, &reload->generation->settings, reload->error);
    if (err < 0)
        return err;
    err = pl_settings_diff(&server->schema, &server->settings, &reload->generation->settings,
                           &reload->diff);
    if (err == 0)
        err = pl_settings_keep(&server->schema, &server->settings, &reload->generation->settings);
    if (err < 0)
        return pl_error_set(reload->error, EX_OSERR, err, "no memory for the settings");
    /* Kept from here on, also when it turns out that nothing borrows from it: the first settings
     * are. */
    if (server->first_settings == NULL) {
        server->first_settings = pl_alloc(sizeof(*server->first_settings));
        if (server->first_settings == NULL)
            return pl_error_set(reload->error, EX_OSERR, -ENOMEM, "no memory for the settings");
        *server->first_settings = server->settings;
    }
    return 0;
}

/* What applies only at the start is not touched: the application reads it from any thread. */
static void commit_settings(struct pl_reload *reload)
{
    struct pl_server *server = reload->server;
    const struct pl_settings *now = &reload->generation->settings;

    server->settings.dispatch = now->dispatch;
    server->settings.limits = now->limits;
    server->settings.timeouts = now->timeouts;
    server->settings.log = now->log;
    server->settings.services = now->services;
    server->settings.files = now->files;
    pl_service_set_hold(server, reload->generation);
}

static void rollback_settings(struct pl_reload *reload)
{
    pl_service_set_put_generation(reload->server, reload->generation);
}

/* ---- services ------------------------------------------------------------------------------- */

/* What stands outside of `services` and is part of each of them. */
static bool is_common_changed(const struct pl_settings *before, const struct pl_settings *after)
{
    const struct pl_timeouts_settings *old = &before->timeouts, *new = &after->timeouts;

    return before->limits.message != after->limits.message ||
           before->limits.rate_min != after->limits.rate_min || old->header_us != new->header_us ||
           old->body_us != new->body_us || old->idle_us != new->idle_us ||
           old->write_us != new->write_us || old->handler_us != new->handler_us;
}

static bool is_changed(struct pl_reload *reload, const struct pl_service_settings *settings)
{
    struct pl_server *server = reload->server;
    const struct pl_service_settings *old = find_settings(&server->settings, settings->name);

    return old == NULL || old->protocol != settings->protocol ||
           is_common_changed(&server->settings, &reload->generation->settings) ||
           !pl_settings_is_same(pl_settings_of_protocol(server->protocols[settings->protocol]),
                                &server->modules, old->module, settings->module);
}

/* Opened here, where it is a new one; its threads come last. */
static int find_engine(struct pl_reload *reload, struct pl_reload_service *plan)
{
    const struct pl_service_settings *settings = plan->settings;
    const struct pl_settings *all = &reload->generation->settings;

    plan->engine_settings =
        settings->has_dispatch
            ? pl_server_engine_settings(reload->server, settings->name, &settings->dispatch)
            : pl_server_engine_settings(reload->server, "default", &all->dispatch);
    return pl_server_engine_for(reload->server, &plan->engine_settings, &plan->engine,
                                reload->error);
}

static int open_plan(struct pl_reload *reload, struct pl_reload_service *plan)
{
    struct pl_server *server = reload->server;
    int err;

    if (plan->seat == NULL) {
        plan->seat = pl_server_new_seat(server, plan->settings->name);
        plan->has_new_seat = plan->seat != NULL;
    }
    if (plan->seat == NULL)
        return pl_error_set(reload->error, EX_OSERR, -ENOMEM, "no memory for a service");
    if (plan->seat->services > PL_SERVICE_GENERATIONS_MAX)
        return pl_error_set(reload->error, EX_TEMPFAIL, -EBUSY,
                            "service %s: connections still use %d older configurations of it; try "
                            "again when some of them have ended",
                            plan->seat->name, PL_SERVICE_GENERATIONS_MAX);
    err = pl_server_new_service(server, plan->seat, &reload->generation->settings, plan->settings,
                                reload->generation, &plan->service, reload->error);
    if (err == 0)
        atomic_store(&plan->service->base.engine, plan->engine);
    return err;
}

static int plan_service(struct pl_reload *reload, const struct pl_service_settings *settings)
{
    struct pl_reload_service *plan = &reload->services[reload->services_count++];
    int err;

    *plan =
        (struct pl_reload_service){ .settings = settings,
                                    .seat = pl_server_find_seat(reload->server, settings->name) };
    err = find_engine(reload, plan);
    if (err == 0 && (plan->seat == NULL || is_changed(reload, settings)))
        err = open_plan(reload, plan);
    return err;
}

static int prepare_services(struct pl_reload *reload)
{
    const struct pl_settings *settings = &reload->generation->settings;
    const struct pl_service_settings *all = settings->services.items;
    int err = pl_service_set_start_closer(reload->server);

    if (err < 0)
        return pl_error_set(reload->error, EX_OSERR, err, "a thread cannot be started");
    for (uint32_t i = 0; i < settings->services.count && err == 0; i++)
        err = plan_service(reload, &all[i]);
    return err;
}

static bool is_planned(const struct pl_reload *reload, const struct pl_server_seat *seat)
{
    for (uint32_t i = 0; i < reload->services_count; i++)
        if (reload->services[i].seat == seat)
            return true;
    return false;
}

static void commit_services(struct pl_reload *reload)
{
    for (uint32_t i = 0; i < reload->services_count; i++)
        if (reload->services[i].service != NULL)
            pl_server_take_seat(reload->services[i].seat, reload->services[i].service);
    for (struct pl_server_seat *seat = reload->server->services.seats; seat != NULL;
         seat = seat->next)
        if (!is_planned(reload, seat))
            pl_server_take_seat(seat, NULL);
}

static void rollback_services(struct pl_reload *reload)
{
    for (uint32_t i = 0; i < reload->services_count; i++) {
        struct pl_reload_service *plan = &reload->services[i];

        if (plan->service != NULL)
            pl_server_discard_service(reload->server, plan->service);
        if (plan->has_new_seat)
            pl_server_free_seat(reload->server, plan->seat);
    }
}

/* ---- limits and log ------------------------------------------------------------------------- */

static int prepare_nothing(struct pl_reload *reload)
{
    (void)reload;
    return 0;
}

static void rollback_nothing(struct pl_reload *reload)
{
    (void)reload;
}

/* After the settings; what the descriptors allow is looked at again. */
static void commit_limits(struct pl_reload *reload)
{
    const struct pl_limits_settings *limits = &reload->generation->settings.limits;
    struct pl_server *server = reload->server;

    pl_server_set_limits(server);
    pl_server_name_limits(server);
    pl_conn_quota_look_again(&server->engines[0]);
    pl_buffer_pool_set_max(&server->pool, (size_t)server->settings.limits.buffers);
    pl_watchdog_configure(&server->watchdog, limits->stall_us,
                          (enum pl_stall_stack)limits->stall_stack);
}

static void commit_log(struct pl_reload *reload)
{
    const struct pl_log_settings *log = &reload->generation->settings.log;

    pl_log_configure((enum pl_log_level)log->level, (enum pl_log_format)log->format);
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Prepared and applied in this order; the settings come after those that compare with what was. */
static const struct pl_reload_step services_step = { .prepare = prepare_services,
                                                     .commit = commit_services,
                                                     .rollback = rollback_services };
static const struct pl_reload_step limits_step = { .prepare = prepare_nothing,
                                                   .commit = commit_limits,
                                                   .rollback = rollback_nothing };
static const struct pl_reload_step log_step = { .prepare = prepare_nothing,
                                                .commit = commit_log,
                                                .rollback = rollback_nothing };
static const struct pl_reload_step settings_step = { .prepare = prepare_nothing,
                                                     .commit = commit_settings,
                                                     .rollback = rollback_nothing };

static const struct pl_reload_step *const steps[] = { &services_step,     &pl_reload_listeners,
                                                      &pl_reload_engines, &log_step,
                                                      &settings_step,     &limits_step };
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void apply(struct pl_reload *reload)
{
    struct pl_swap_figures figures;

    for (size_t i = 0; i < STEPS; i++)
        steps[i]->commit(reload);
    if (reload->must_send_home)
        pl_engine_send_home(&reload->server->engines[0], &figures);
}

static int change(struct pl_reload *reload)
{
    size_t begun = 0;
    int err = 0;

    while (begun < STEPS && err == 0)
        err = steps[begun++]->prepare(reload);
    if (err == 0)
        apply(reload);
    while (err < 0 && begun > 0)
        steps[--begun]->rollback(reload);
    return err;
}

static int run_locked(struct pl_reload *reload)
{
    struct pl_server *server = reload->server;
    int err;

    if (!server->is_started || server->is_stopping)
        return pl_error_set(reload->error, EX_UNAVAILABLE, -ESHUTDOWN,
                            "the server does not run, or is about to end");
    err = prepare_settings(reload);
    if (err == 0 && reload->diff.count > 0)
        err = change(reload);
    else if (err == 0)
        reload->report->listeners_kept = (uint32_t)server->listeners_count;
    if (err < 0 || reload->diff.count == 0)
        rollback_settings(reload);
    return err;
}

static int reload_locked(struct pl_server *server, struct pl_reload_report *report,
                         struct pl_error *error)
{
    struct pl_reload *reload = pl_alloc(sizeof(*reload));
    int64_t began_ns = pl_clock_ns();
    int err;

    if (reload == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for a reload");
    *reload = (struct pl_reload){ .server = server, .error = error, .report = report };
    for (size_t i = 0; i < PL_SERVER_LISTENERS_MAX; i++)
        reload->heirs[i] = PL_RELOAD_NO_HEIR;
    err = run_locked(reload);
    report->took_us = (pl_clock_ns() - began_ns) / 1000;
    if (err == 0) {
        pl_reload_report_changes(reload);
        pl_reload_log(reload);
    }
    pl_settings_diff_free(&reload->diff);
    pl_free(reload);
    return err;
}

int pl_server_reload(struct pl_server *server, struct pl_reload_report *ret_report,
                     struct pl_error *error)
{
    int err;

    memset(ret_report, 0, sizeof(*ret_report));
    pthread_mutex_lock(&server->control_lock);
    err = reload_locked(server, ret_report, error);
    pthread_mutex_unlock(&server->control_lock);
    if (err < 0)
        PL_LOG_RATED(PL_LOG_ERROR, "reload: %s; nothing has changed", error->message);
    return err;
}
