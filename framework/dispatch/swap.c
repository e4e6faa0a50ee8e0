/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One model hands the engine to another, while everything goes on.
 *
 *     1  the successor is opened, its threads stand at the gate; if that fails, nothing has changed
 *     2  the engine has the successor; the old one is retired
 *     3  what stands in the rings is sorted anew: the old model had put it there
 *     4  the old threads leave: those that wait at once, others after their turn
 *     5  the gate opens
 *     6  slots that belong elsewhere now are sent there
 *     7  the old model is closed when its last thread has left, or by the next change after that
 *
 * Who waits in 4 needs a moment of a CPU to leave, and would share it with successors that the same
 * descriptor keeps awake; so they come after it. Threads in handlers run beside them, and the claim
 * word keeps them apart, as it keeps threads apart. A thread of the old model that puts a slot into
 * a ring looks afterwards whether it is retired, and then sorts anew itself: 2 came before 3, so
 * one of the two sees that slot. A start is a swap without an old model.
 */
#include "engine.h"

#include "clock.h"
#include "engine_home.h"
#include "engine_slots.h"

#include <paceline/log.h>

#include <errno.h>
#include <string.h>
#include <sysexits.h>

/* ---- the successor --------------------------------------------------------------------------- */

int pl_engine_prepare_swap(struct pl_engine *engine, const struct pl_engine_settings *settings,
                           struct pl_model **ret_successor, struct pl_error *error)
{
    int err = pl_engine_open_shards(engine, pl_engine_shards_wanted(settings));

    if (err == 0)
        err = pl_model_open(engine, settings, ret_successor);
    if (err < 0)
        return pl_error_set(
            error, EX_OSERR, err, "engine %s: model %s cannot be started with %u threads: errno %d",
            settings->name, settings->model->name, settings->model_settings.threads, -err);
    return 0;
}

void pl_engine_abandon_swap(struct pl_model *successor)
{
    pl_model_stop(successor);
    (void)!pl_model_join(successor, INT64_MAX);
    pl_model_close(successor);
}

/* ---- the change ------------------------------------------------------------------------------ */

/* The engine has `successor` from here on, perhaps none, and the old one knows. Whoever sees the
 * new placement sees all that it says. */
static void install_locked(struct pl_engine *engine, struct pl_model *successor)
{
    struct pl_model *old = engine->model;

    engine->model = successor;
    atomic_fetch_add(&engine->face.table->placement, 1);
    if (old != NULL)
        atomic_store(&old->is_retired, true);
}

/* A slot that has waited through so many swaps is shown the placement all the same, before that
 * number comes round and says to it that nothing has changed. */
#define WALK_EVERY 0x4000

/* True: slots of this engine belong elsewhere now, or have not looked for long. */
static bool install(struct pl_engine *engine, struct pl_model *successor,
                    const struct pl_engine_settings *settings)
{
    uint32_t active = pl_engine_shards_wanted(settings);
    bool is_dealt = active != atomic_load(&engine->shards_active);
    bool must_move = is_dealt || settings->arming != atomic_load(&engine->arming);
    uint16_t next = (uint16_t)(atomic_load(&engine->face.table->placement) + 1);

    pthread_mutex_lock(&engine->model_lock);
    if (is_dealt)
        atomic_store(&engine->dealt, next);
    pl_engine_take_settings(engine, settings);
    atomic_store(&engine->refuge, NULL);
    install_locked(engine, successor);
    pthread_mutex_unlock(&engine->model_lock);
    return must_move || next % WALK_EVERY == 0;
}

static void retire(struct pl_engine *engine, struct pl_model *old)
{
    pl_model_stop(old);
    old->older = engine->retired;
    engine->retired = old;
}

void pl_engine_swap(struct pl_engine *engine, struct pl_model *successor,
                    const struct pl_engine_settings *settings, struct pl_swap_figures *ret_figures)
{
    struct pl_model *old = engine->model;
    bool must_move = install(engine, successor, settings);

    *ret_figures = (struct pl_swap_figures){ .moved = 0 };
    pl_engine_sort_anew(engine);
    if (old != NULL)
        retire(engine, old);
    pl_model_let_go(successor);
    if (must_move)
        pl_engine_recall_all(engine->face.table, &engine->control, ret_figures);
}

void pl_engine_rest(struct pl_engine *engine, struct pl_engine *refuge)
{
    struct pl_swap_figures nothing;
    struct pl_model *old = engine->model;

    if (atomic_load(&engine->shortest_ms) < atomic_load(&refuge->shortest_ms))
        atomic_store(&refuge->shortest_ms, atomic_load(&engine->shortest_ms));
    pthread_mutex_lock(&engine->model_lock);
    atomic_store(&engine->refuge, refuge);
    install_locked(engine, NULL);
    pthread_mutex_unlock(&engine->model_lock);
    pl_engine_sort_anew(engine);
    retire(engine, old);
    pl_engine_recall_all(engine->face.table, &engine->control, &nothing);
}

int pl_engine_start(struct pl_engine *engine, struct pl_error *error)
{
    struct pl_swap_figures nothing;
    struct pl_model *model;
    int err = pl_engine_prepare_swap(engine, &engine->settings, &model, error);

    if (err == 0)
        pl_engine_swap(engine, model, &engine->settings, &nothing);
    return err;
}

void pl_engine_send_home(struct pl_engine *engine, struct pl_swap_figures *ret_figures)
{
    atomic_fetch_add(&engine->face.table->placement, 1);
    pl_engine_recall_all(engine->face.table, &engine->control, ret_figures);
}

/* ---- ends --------------------------------------------------------------------------------------
 */

static uint32_t reap_until(struct pl_engine *engine, int64_t deadline_ms)
{
    struct pl_model **at = &engine->retired;
    uint32_t left = 0;

    while (*at != NULL) {
        struct pl_model *model = *at;
        uint32_t left_here = pl_model_join(model, deadline_ms);

        left += left_here;
        if (left_here > 0) {
            at = &model->older;
            continue;
        }
        *at = model->older;
        pl_model_close(model);
    }
    return left;
}

uint32_t pl_engine_reap(struct pl_engine *engine, int64_t within_ms)
{
    return reap_until(engine, pl_clock_ms() + within_ms);
}

static void name_stuck(struct pl_engine *engine)
{
    pthread_mutex_lock(&engine->places_lock);
    for (struct pl_thread_place *place = atomic_load(&engine->places); place != NULL;
         place = place->next) {
        struct pl_handler_note *note;

        if (place->thread == NULL || atomic_load(&place->stats.role) == PL_ROLES_COUNT)
            continue;
        note = atomic_load(&place->thread->handler_note);
        PL_LOG(PL_LOG_ERROR, "thread %s does not leave handler %s; it is left behind", place->name,
               note != NULL ? note->name : "(unknown)");
    }
    pthread_mutex_unlock(&engine->places_lock);
}

/* The engine's own thread stands in no model, and models stay current until their threads have
 * left: what these hand over goes to the rings. */
uint32_t pl_engine_stop(struct pl_engine *engine, int64_t deadline_ms)
{
    struct pl_model *model = engine->model;
    uint32_t left = 0;

    if (model != NULL) {
        pl_model_stop(model);
        left = pl_model_join(model, deadline_ms);
    }
    left += reap_until(engine, deadline_ms);
    if (left > 0)
        name_stuck(engine);
    if (left > 0 || model == NULL)
        return left;
    pthread_mutex_lock(&engine->model_lock);
    engine->model = NULL;
    pthread_mutex_unlock(&engine->model_lock);
    pl_model_close(model);
    return 0;
}
