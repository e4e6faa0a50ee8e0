/* SPDX-License-Identifier: Apache-2.0 */
/* What all models share: the life of their threads, and the end of their waits. */
#include "model.h"

#include "engine.h"
#include "socket.h"
#include "thread_set.h"
#include "waker.h"

#include <errno.h>
#include <time.h>

/* Nobody can wait for longer than a thread needs to be scheduled. */
#define LOOK_NS 20000

static int open_stop(struct pl_model *model)
{
    int err = pl_waker_open(&model->stop_fd);

    for (uint32_t i = 0; i < model->shards_count && err == 0; i++)
        err = pl_handle_set_watch(&model->engine->shards[i]->set, model->stop_fd, PL_TOKEN_STOP,
                                  false);
    return err;
}

static void set_budgets(struct pl_model *model, const struct pl_engine_settings *settings)
{
    for (struct pl_thread_set *set = model->sets; set != NULL; set = set->next)
        for (uint32_t i = 0; i < set->count; i++) {
            set->threads[i].turn_ns_max = settings->turn_ns;
            set->threads[i].turn_bytes_max = settings->turn_bytes;
        }
}

static int start_threads(struct pl_model *model)
{
    int err = 0;

    for (struct pl_thread_set *set = model->sets; set != NULL && err == 0; set = set->next)
        err = pl_thread_set_start(set);
    return err;
}

int pl_model_open(struct pl_engine *engine, const struct pl_engine_settings *settings,
                  struct pl_model **ret_model)
{
    const struct pl_model_ops *ops = settings->model;
    struct pl_model *model;
    int err = ops->open(engine, &settings->model_settings, &model);

    if (err < 0)
        return err;
    set_budgets(model, settings);
    model->shards_count = pl_engine_shards_wanted(settings);
    model->stop_fd = -1; /* the close after a failure must not take descriptor 0 for it */
    err = open_stop(model);
    if (err < 0)
        goto close_model;
    err = start_threads(model);
    if (err < 0)
        goto stop_threads;
    *ret_model = model;
    return 0;

stop_threads:
    for (struct pl_thread_set *set = model->sets; set != NULL; set = set->next)
        pl_thread_set_stop(set);
    (void)!pl_model_join(model, INT64_MAX);
close_model:
    pl_model_close(model);
    return err;
}

void pl_model_let_go(struct pl_model *model)
{
    for (struct pl_thread_set *set = model->sets; set != NULL; set = set->next)
        pl_thread_set_let_go(set);
}

static bool is_anybody_waiting(struct pl_model *model)
{
    for (struct pl_thread_set *set = model->sets; set != NULL; set = set->next)
        for (uint32_t i = 0; i < set->count; i++)
            if (atomic_load(&set->threads[i].is_waiting))
                return true;
    return false;
}

void pl_model_stop(struct pl_model *model)
{
    const struct timespec moment = { .tv_nsec = LOOK_NS };

    for (struct pl_thread_set *set = model->sets; set != NULL; set = set->next)
        pl_thread_set_stop(set);
    /* As long as the descriptor is there it ends every wait in these handle sets: a successor's
     * should not begin before it has gone. */
    if (model->stop_fd >= 0)
        pl_waker_wake(model->stop_fd);
    while (is_anybody_waiting(model))
        (void)nanosleep(&moment, NULL);
    pl_close_fd(&model->stop_fd);
    /* A wake meant for somebody else may have reached one that has left. */
    for (uint32_t i = 0; i < pl_engine_shards_count(model->engine); i++)
        pl_waker_wake(model->engine->shards[i]->waker_fd);
}

uint32_t pl_model_join(struct pl_model *model, int64_t deadline_ms)
{
    uint32_t left = 0;

    for (struct pl_thread_set *set = model->sets; set != NULL; set = set->next)
        left += pl_thread_set_join(set, deadline_ms);
    return left;
}

void pl_model_close(struct pl_model *model)
{
    pl_close_fd(&model->stop_fd);
    model->ops->close(model);
}
