/* SPDX-License-Identifier: Apache-2.0 */
/* The models of a reload: each successor stands ready, its threads at the gate, before the first of
 * them is given its engine. */
#include "reload.h"

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

static bool is_prepared(const struct pl_reload *reload, const struct pl_engine *engine)
{
    for (uint32_t i = 0; i < reload->swaps_count; i++)
        if (reload->swaps[i].engine == engine)
            return true;
    return false;
}

static int prepare_swap(struct pl_reload *reload, const struct pl_reload_service *plan)
{
    struct pl_reload_swap *swap = &reload->swaps[reload->swaps_count];
    int err;

    *swap = (struct pl_reload_swap){ .engine = plan->engine,
                                     .settings = plan->engine_settings,
                                     .from = plan->engine->settings.model };
    err = pl_engine_prepare_swap(plan->engine, &plan->engine_settings, &swap->successor,
                                 reload->error);
    reload->swaps_count += err == 0;
    return err;
}

static int prepare(struct pl_reload *reload)
{
    int err = add_sockets(reload);

    for (uint32_t i = 0; i < reload->services_count && err == 0; i++) {
        const struct pl_reload_service *plan = &reload->services[i];

        if (!is_prepared(reload, plan->engine) &&
            (plan->engine->model == NULL ||
             !is_same(&plan->engine->settings, &plan->engine_settings)))
            err = prepare_swap(reload, plan);
    }
    return err;
}

static void commit_swap(struct pl_reload_swap *swap)
{
    struct pl_swap_figures figures;

    pl_engine_swap(swap->engine, swap->successor, &swap->settings, &figures);
    PL_LOG(PL_LOG_INFO, "engine %s: model=%s threads=%u arming=%s after %s", swap->settings.name,
           swap->settings.model->name, swap->settings.model_settings.threads,
           swap->settings.arming->name, swap->from->name);
    (void)pl_engine_reap(swap->engine, 0);
}

static void commit(struct pl_reload *reload)
{
    struct pl_server *server = reload->server;

    for (uint32_t i = 0; i < reload->swaps_count; i++)
        commit_swap(&reload->swaps[i]);
    for (uint32_t i = 0; i < reload->services_count; i++) {
        struct pl_reload_service *plan = &reload->services[i];

        if (atomic_load(&pl_reload_service_of(plan)->engine) != plan->engine ||
            plan->service != NULL)
            reload->must_send_home = true;
        pl_engine_note_shortest(plan->engine, pl_reload_service_of(plan));
        pl_server_set_engine(server, plan->seat, plan->engine);
    }
    for (uint32_t i = 0; i < atomic_load(&server->engines_count) && reload->services_count > 0; i++)
        pl_server_rest_if_left(server, &server->engines[i], reload->services[0].engine);
    reload->report->swaps = reload->swaps_count;
}

static void rollback(struct pl_reload *reload)
{
    while (reload->swaps_count > 0)
        pl_engine_abandon_swap(reload->swaps[--reload->swaps_count].successor);
}

const struct pl_reload_step pl_reload_engines = { .prepare = prepare,
                                                  .commit = commit,
                                                  .rollback = rollback };
