/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The models of a reload: the last that is prepared, for a swap shows at once. One that fails
 * leaves its engine as it was; those before it are swapped back then.
 */
#include "reload.h"

#include "engine_slots.h"

#include <paceline/log.h>

#include <stdio.h>

static bool is_same_model(const struct pl_model_settings *a, const struct pl_model_settings *b)
{
    return a->threads == b->threads && a->queue_max == b->queue_max &&
           a->queue_full == b->queue_full && a->promotion == b->promotion &&
           a->is_inlining == b->is_inlining && a->is_pinning == b->is_pinning;
}

static bool is_same(const struct pl_engine_settings *a, const struct pl_engine_settings *b)
{
    return a->arming == b->arming && a->turn_ns == b->turn_ns && a->turn_bytes == b->turn_bytes &&
           a->is_balancing == b->is_balancing && a->model == b->model &&
           is_same_model(&a->model_settings, &b->model_settings);
}

/* Each handle set of the model to come has a socket of each address. */
static int add_sockets(struct pl_reload *reload)
{
    struct pl_server *server = reload->server;
    int err = 0;

    for (size_t i = 0; i < server->listeners_count && err == 0; i++) {
        struct pl_server_listener *listener = &server->listeners[i];
        uint32_t before = listener->sockets_count;
        const struct pl_reload_service *plan;
        struct pl_error detail;
        int armed;

        if (reload->heirs[i] == PL_RELOAD_NO_HEIR)
            continue;
        plan = &reload->services[reload->heirs[i]];
        err = pl_server_add_sockets(listener, plan->engine,
                                    pl_engine_shards_wanted(&plan->engine_settings), reload->error);
        armed = pl_server_arm_listener(listener, before, &detail);
        if (err == 0 && armed < 0)
            err = pl_error_set(reload->error, detail.exit_code, armed, "%s", detail.message);
    }
    return err;
}

static int start(struct pl_reload *reload, const struct pl_reload_service *plan)
{
    pl_engine_take_settings(plan->engine, &plan->engine_settings);
    return pl_engine_start(plan->engine, reload->error);
}

static int swap(struct pl_reload *reload, const struct pl_reload_service *plan)
{
    struct pl_reload_swap *done = &reload->swaps[reload->swaps_count];
    struct pl_swap_figures figures;
    int err;

    *done = (struct pl_reload_swap){ .engine = plan->engine, .before = plan->engine->settings };
    err = pl_engine_swap(plan->engine, &plan->engine_settings, &figures, reload->error);
    reload->swaps_count += err == 0;
    return err;
}

static int prepare(struct pl_reload *reload)
{
    int err = add_sockets(reload);

    for (uint32_t i = 0; i < reload->services_count && err == 0; i++) {
        const struct pl_reload_service *plan = &reload->services[i];

        if (plan->engine->model == NULL)
            err = start(reload, plan);
        else if (!is_same(&plan->engine->settings, &plan->engine_settings))
            err = swap(reload, plan);
    }
    return err;
}

static void commit(struct pl_reload *reload)
{
    for (uint32_t i = 0; i < reload->services_count; i++) {
        struct pl_reload_service *plan = &reload->services[i];

        if (atomic_load(&pl_reload_service_of(plan)->engine) != plan->engine ||
            plan->service != NULL)
            reload->must_send_home = true;
        pl_engine_note_shortest(plan->engine, pl_reload_service_of(plan));
        pl_server_set_engine(reload->server, plan->seat, plan->engine);
        if (!plan->settings->has_dispatch)
            reload->server->shared_engine = plan->engine;
    }
    for (uint32_t i = 0; i < reload->swaps_count; i++) {
        const struct pl_engine_settings *now = &reload->swaps[i].engine->settings;

        PL_LOG(PL_LOG_INFO, "engine %s: model=%s threads=%u arming=%s instead of %s", now->name,
               now->model->name, now->model_settings.threads, now->arming->name,
               reload->swaps[i].before.model->name);
    }
    reload->report->swaps = reload->swaps_count;
}

static void rollback(struct pl_reload *reload)
{
    while (reload->swaps_count > 0) {
        struct pl_reload_swap *done = &reload->swaps[--reload->swaps_count];
        struct pl_swap_figures figures;
        struct pl_error error;

        if (pl_engine_swap(done->engine, &done->before, &figures, &error) < 0)
            PL_LOG(PL_LOG_ERROR, "%s; it keeps the model of the reload that failed", error.message);
    }
}

const struct pl_reload_step pl_reload_engines = { .prepare = prepare,
                                                  .commit = commit,
                                                  .rollback = rollback };
