/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an engine; what slots ask of it stands in engine_slots.c, what the kernel tells it in
 * engine_events.c, its deadlines in engine_timers.c. */
#include "engine.h"

#include "alloc.h"
#include "assert.h"
#include "clock.h"
#include "conn.h"
#include "datagram_slot.h"
#include "engine_slots.h"
#include "socket.h"
#include "waker.h"

#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* ---- life ---------------------------------------------------------------------------------- */

static void close_kernel_side(struct pl_engine *engine)
{
    for (uint32_t i = 0; engine->shards != NULL && i < engine->face.shards_count; i++)
        pl_shard_close(&engine->shards[i]);
    pl_free(engine->shards);
    engine->shards = NULL;
    pl_close_fd(&engine->stop_fd);
}

static int open_kernel_side(struct pl_engine *engine)
{
    const struct pl_engine_settings *settings = &engine->settings;
    uint32_t count = settings->model->has_loops ? settings->model_settings.threads : 1;
    int err = 0;

    engine->shards = pl_alloc(count * sizeof(*engine->shards));
    if (engine->shards == NULL)
        return -ENOMEM;
    engine->face.shards_count = count;
    for (uint32_t i = 0; i < count && err == 0; i++)
        err = pl_shard_open(&engine->shards[i], engine);
    return err;
}

int pl_engine_open(struct pl_engine *engine, const struct pl_engine_settings *settings,
                   struct pl_buffer_pool *pool, struct pl_conn_quota *quota, struct pl_error *error)
{
    int err;

    memset(engine, 0, sizeof(*engine));
    engine->face.ops = &pl_engine_slot_ops;
    engine->settings = *settings;
    engine->pool = pool;
    engine->quota = quota;
    engine->stop_fd = -1;
    engine->shortest_ms = PL_LINGER_MS;
    pthread_mutex_init(&engine->model_lock, NULL);
    pl_ready_ring_init(&engine->ring);
    err = pl_slot_table_open(&engine->face.table, settings->slots_max);
    if (err < 0)
        goto deinit_ring;
    err = open_kernel_side(engine);
    if (err < 0)
        goto close_kernel;
    snprintf(engine->control.name, sizeof(engine->control.name), "control");
    err = pl_engine_prepare_thread(engine, &engine->control, 0);
    if (err < 0)
        goto close_kernel;
    PL_ASSERT(quota->engines_count < PL_SERVICES_MAX);
    quota->engines[quota->engines_count++] = engine;
    return 0;

close_kernel:
    close_kernel_side(engine);
    pl_slot_table_close(&engine->face.table);
deinit_ring:
    pl_ready_ring_deinit(&engine->ring);
    pthread_mutex_destroy(&engine->model_lock);
    return pl_error_set(error, EX_OSERR, err, "engine %s: cannot be opened: errno %d",
                        settings->name, -err);
}

/* The control thread holds what nobody else runs any more, but for what the application's threads
 * hold still. */
static void close_remaining_slots(struct pl_engine *engine)
{
    struct pl_slot_table *table = &engine->face.table;
    uint32_t used_max = atomic_load(&table->used_max);

    while (pl_ready_ring_take(&engine->ring) != NULL)
        ;
    for (uint32_t i = 0; i < used_max; i++) {
        struct pl_slot *slot = pl_slot_table_at(table, i);
        uint64_t word = atomic_load(&slot->claim);
        uint32_t reasons;

        if (slot->engine == NULL || slot->is_lent)
            continue;
        if (!pl_claim_is_held(&slot->claim) &&
            pl_slot_claim(slot, pl_token_of(i, pl_claim_generation(word)), PL_SHUTDOWN, &reasons) !=
                PL_CLAIM_WON)
            continue;
        slot->thread = &engine->control;
        slot->kind->close(slot);
    }
}

void pl_engine_cut(struct pl_engine *engine)
{
    PL_ASSERT(engine->model == NULL);
    atomic_store(&engine->face.is_draining, true);
    close_remaining_slots(engine);
}

void pl_engine_close(struct pl_engine *engine)
{
    pl_engine_cut(engine);
    pl_buffer_cache_deinit(&engine->control.cache);
    pl_splice_pipe_close(&engine->control.splice_pipe);
    close_kernel_side(engine);
    pl_slot_table_close(&engine->face.table);
    pl_ready_ring_deinit(&engine->ring);
    pthread_mutex_destroy(&engine->model_lock);
    for (uint32_t i = 0; i < engine->blocks_count; i++)
        pl_free(engine->blocks[i]);
    pl_free(engine->blocks);
    pl_timelines_free(&engine->timelines);
}

static int ensure_block(struct pl_engine *engine, uint32_t index)
{
    while (engine->blocks_count <= index) {
        struct pl_stats_block **blocks =
            pl_alloc((engine->blocks_count + 1) * sizeof(*engine->blocks));
        struct pl_stats_block *block = pl_alloc(sizeof(*block));

        if (blocks == NULL || block == NULL) {
            pl_free(blocks);
            pl_free(block);
            return -ENOMEM;
        }
        atomic_store(&block->role, PL_ROLES_COUNT);
        if (engine->blocks_count > 0)
            memcpy(blocks, engine->blocks, engine->blocks_count * sizeof(*blocks));
        blocks[engine->blocks_count] = block;
        pl_free(engine->blocks);
        engine->blocks = blocks;
        engine->blocks_count++;
    }
    return 0;
}

int pl_engine_prepare_thread(struct pl_engine *engine, struct pl_thread *thread, uint32_t block)
{
    int err = ensure_block(engine, block);

    if (err < 0)
        return err;
    thread->engine = engine;
    thread->stats = engine->blocks[block];
    thread->now_ns = pl_clock_ns();
    pl_buffer_cache_init(&thread->cache, engine->pool, thread->stats);
    return 0;
}

static void note_shortest(struct pl_engine *engine, const struct pl_service *service)
{
    int64_t shortest_ms = pl_service_shortest_ms(service);

    if (shortest_ms < engine->shortest_ms)
        engine->shortest_ms = shortest_ms;
}

int pl_engine_listen(struct pl_engine *engine, uint32_t shard_index, struct pl_service *service,
                     int fd, bool is_datagram)
{
    bool is_only = shard_index == PL_SHARD_ANY;
    struct pl_shard *shard = &engine->shards[is_only ? 0 : shard_index];
    struct pl_slot *slot = pl_engine_take_slot(engine, is_only ? 0 : shard_index);
    int err;

    if (slot == NULL || shard->acceptors_count == PL_LISTENERS_MAX) {
        pl_close_fd(&fd);
        err = -ENOBUFS;
        goto give_slot;
    }
    slot->thread = &engine->control;
    err = is_datagram ? pl_datagram_slot_open((struct pl_datagram_slot *)(void *)slot, service, fd)
                      : pl_acceptor_open((struct pl_acceptor *)(void *)slot, service, fd);
    if (err < 0) {
        pl_close_fd(&slot->handle.fd);
        goto give_slot;
    }
    if (!is_datagram)
        ((struct pl_acceptor *)(void *)slot)->is_shared = is_only;
    shard->acceptors[shard->acceptors_count++] = slot->handle.token;
    note_shortest(engine, service);
    return 0;

give_slot:
    if (slot != NULL)
        pl_engine_give_unused(engine, slot);
    return err;
}

static int open_stop(struct pl_engine *engine)
{
    int err = pl_waker_open(&engine->stop_fd);

    for (uint32_t i = 0; i < engine->face.shards_count && err == 0; i++)
        err = pl_handle_set_watch(&engine->shards[i].set, engine->stop_fd, PL_TOKEN_STOP, false);
    return err;
}

static int arm_listener(struct pl_engine *engine, uint64_t token)
{
    struct pl_slot *slot = pl_slot_table_at(&engine->face.table, (uint32_t)token);
    struct pl_handle_set *set = &pl_engine_shard_of(engine, slot)->set;
    uint32_t reasons;
    int err;

    slot->waits = PL_READABLE;
    err = pl_handle_set_arm(set, slot->arming, &slot->handle, slot->waits);
    if (err < 0)
        return err;
    if (!pl_claim_release(&slot->claim, slot->waits, &reasons))
        pl_slot_wake(slot, reasons);
    return 0;
}

/* One that cannot be armed ends the start; a settle would close it and leave a server that serves
 * nobody. */
int pl_engine_arm_listeners(struct pl_engine *engine, struct pl_error *error)
{
    int err = 0;

    for (uint32_t i = 0; i < engine->face.shards_count; i++)
        for (uint32_t k = 0; k < engine->shards[i].acceptors_count && err == 0; k++)
            err = arm_listener(engine, engine->shards[i].acceptors[k]);
    if (err < 0)
        return pl_error_set(error, EX_OSERR, err, "engine %s: a listener cannot be armed: errno %d",
                            engine->settings.name, -err);
    return 0;
}

int pl_engine_start(struct pl_engine *engine, struct pl_error *error)
{
    const struct pl_model_ops *ops = engine->settings.model;
    int err = open_stop(engine);

    if (err < 0)
        goto close_stop;
    err = ops->open(engine, &engine->settings.model_settings, &engine->model);
    if (err < 0)
        goto close_stop;
    err = ops->start(engine->model);
    if (err < 0)
        goto close_model;
    return 0;

close_model:
    ops->close(engine->model);
    engine->model = NULL;
close_stop:
    pl_close_fd(&engine->stop_fd);
    return pl_error_set(error, EX_OSERR, err, "engine %s: model %s cannot be started: errno %d",
                        engine->settings.name, ops->name, -err);
}

void pl_engine_drain(struct pl_engine *engine)
{
    struct pl_slot_table *table = &engine->face.table;

    atomic_store(&engine->face.is_draining, true);
    for (uint32_t i = 0; i < atomic_load(&table->used_max); i++) {
        uint64_t word = atomic_load(&pl_slot_table_at(table, i)->claim);

        (void)pl_engine_claim(engine, pl_token_of(i, pl_claim_generation(word)), PL_SHUTDOWN);
    }
}

int pl_engine_add_watch(struct pl_engine *engine, const struct pl_watch_settings *settings,
                        uint64_t *ret_token)
{
    struct pl_slot *slot = pl_engine_take_slot(engine, 0);
    int err;

    if (slot == NULL)
        return -ENOBUFS;
    /* Looked at after the slot was taken: the drain's walk then sees it, or this sees the drain. */
    if (atomic_load(&engine->face.is_draining)) {
        pl_engine_give_unused(engine, slot);
        return -ESHUTDOWN;
    }
    err = pl_watch_open((struct pl_watch *)(void *)slot, settings);
    if (err < 0) {
        pl_engine_give_unused(engine, slot);
        return err;
    }
    *ret_token = slot->handle.token;
    pl_engine_ready(engine, slot);
    return 0;
}

enum pl_claim pl_engine_claim(struct pl_engine *engine, uint64_t token, uint32_t why)
{
    struct pl_slot *slot = pl_slot_table_at(&engine->face.table, (uint32_t)token);
    enum pl_claim result = PL_CLAIM_STALE;
    uint32_t reasons;

    if (slot != NULL)
        result = pl_slot_claim(slot, token, why, &reasons);
    if (result == PL_CLAIM_WON)
        pl_slot_wake(slot, reasons);
    return result;
}

bool pl_engine_is_empty(struct pl_engine *engine)
{
    return atomic_load(&engine->slots_open) == 0;
}

uint32_t pl_engine_stop(struct pl_engine *engine, int64_t deadline_ms)
{
    struct pl_model *model = engine->model;
    uint32_t left;

    if (model == NULL)
        return 0;
    model->ops->stop(model);
    pl_waker_wake(engine->stop_fd);
    left = model->ops->join(model, deadline_ms);
    if (left > 0)
        return left;
    pthread_mutex_lock(&engine->model_lock);
    engine->model = NULL;
    pthread_mutex_unlock(&engine->model_lock);
    model->ops->close(model);
    pl_close_fd(&engine->stop_fd);
    return 0;
}

void pl_engine_stats(struct pl_engine *engine, struct pl_stats *stats)
{
    for (uint32_t i = 0; i < engine->blocks_count; i++) {
        uint32_t role = atomic_load(&engine->blocks[i]->role);

        pl_stats_merge(stats, engine->blocks[i]);
        if (role < PL_ROLES_COUNT)
            stats->threads[role]++;
    }
    stats->counters[PL_STAT_posts_stale] += atomic_load(&engine->face.table.posts_stale);
    for (uint32_t i = 0; i < engine->face.shards_count; i++)
        stats->conns_open += atomic_load(&engine->shards[i].conns_open);
    stats->queue_depth += pl_ready_ring_count(&engine->ring);
}
