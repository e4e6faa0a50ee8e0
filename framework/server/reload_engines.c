/* SPDX-License-Identifier: Apache-2.0 */
/* The models of a reload: their threads stand at the gate when all that can fail is done. */
#include "reload.h"

#include <paceline/log.h>

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
        const struct pl_reload_service *plan;

        if (reload->heirs[i] == PL_RELOAD_NO_HEIR)
            continue;
        plan = &reload->services[reload->heirs[i]];
        err = pl_server_add_sockets(listener, pl_engine_shards_wanted(&plan->engine_settings),
                                    reload->error);
    }
    return err;
}

static bool is_prepared(const struct pl_reload *reload, const struct pl_engine *engine)
{
    for (uint32_t i = 0; i < reload->swaps_count; i++)
        if (reload->swaps[i].plan->engine == engine)
            return true;
    return false;
}

static int prepare(struct pl_reload *reload)
{
    int err = add_sockets(reload);

    for (uint32_t i = 0; i < reload->services_count && err == 0; i++) {
        const struct pl_reload_service *plan = &reload->services[i];
        struct pl_reload_swap *swap = &reload->swaps[reload->swaps_count];

        if (is_prepared(reload, plan->engine) ||
            (plan->engine->model != NULL &&
             is_same(&plan->engine->settings, &plan->engine_settings)))
            continue;
        swap->plan = plan;
        err = pl_engine_prepare_swap(plan->engine, &plan->engine_settings, &swap->successor,
                                     reload->error);
        reload->swaps_count += err == 0;
    }
    return err;
}

static void commit_swap(struct pl_reload *reload, const struct pl_reload_swap *swap)
{
    struct pl_engine *engine = swap->plan->engine;
    const char *from = engine->model == NULL ? "none" : engine->settings.model->name;
    const struct pl_engine_settings *now = &engine->settings;
    struct pl_swap_figures figures;

    pl_engine_swap(engine, swap->successor, &swap->plan->engine_settings, &figures);
    (void)pl_engine_reap(engine, 0);
    PL_LOG(PL_LOG_INFO, "engine %s: model=%s threads=%u arming=%s after %s", now->name,
           now->model->name, now->model_settings.threads, now->arming->name, from);
    reload->report->swaps++;
}

static void commit(struct pl_reload *reload)
{
    for (uint32_t i = 0; i < reload->swaps_count; i++)
        commit_swap(reload, &reload->swaps[i]);
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
    /* What is still open of a service that was dropped goes where others are. */
    for (uint32_t i = 0; i < atomic_load(&reload->server->engines_count); i++)
        pl_server_rest_if_left(reload->server, &reload->server->engines[i],
                               reload->services[0].engine);
}

static void rollback(struct pl_reload *reload)
{
    while (reload->swaps_count > 0)
        pl_engine_abandon_swap(reload->swaps[--reload->swaps_count].successor);
}

const struct pl_reload_step pl_reload_engines = { .prepare = prepare,
                                                  .commit = commit,
                                                  .rollback = rollback };
